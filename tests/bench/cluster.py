"""A crowd's hands on the API server: many small requests, over connections that are kept."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

GROUP = "network.infomaniak.cloud"
LABELS = {f"{GROUP}/credentials": "true"}
_HANDS = 24
_LATER = object()
_ATTEMPTS = 60
_NETWORKS = f"/apis/{GROUP}/v1alpha1"


class Cluster:
    """The API server of a kubeconfig with a token.

    Args:
        kubeconfig: the file, as JSON.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._server = urlsplit(cluster["server"])
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._token = config["users"][0]["user"]["token"]
        self._own = threading.local()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; an answer that is no success raises, but for a 404 and an ``AlreadyExists``: None.

        What the API server cannot answer yet is asked again, as is what met the end of a connection.
        """
        for _ in range(_ATTEMPTS):
            try:
                answered = self._asked(method, path, body)
            except OSError:
                answered = _LATER
            if answered is not _LATER:
                return answered
            time.sleep(0.5)
        raise RuntimeError(f"{method} {path}: no answer")

    def _asked(self, method: str, path: str, body: Any) -> Any:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = HTTPSConnection(self._server.hostname or "", self._server.port, context=self._tls, timeout=60)
            self._own.connection = connection
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        except Exception:
            self._own.connection = None
            connection.close()
            raise
        if answer.status == 429:
            return _LATER
        if answer.status in (404, 409):
            return None
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)

    def all(self, what: Callable[[Any], object], each: Iterable[Any]) -> None:
        """Do something for each, several at once."""
        with ThreadPoolExecutor(_HANDS) as pool:
            for _ in pool.map(what, each):
                pass

    def namespace(self, name: str) -> None:
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def secret(self, namespace: str, name: str, data: Mapping[str, bytes | str]) -> None:
        """A labelled Secret."""
        encoded = {
            key: base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
            for key, value in data.items()
        }
        body = {"metadata": {"name": name, "labels": LABELS}, "data": encoded}
        self.ask("POST", f"/api/v1/namespaces/{namespace}/secrets", body)

    def change_secret(self, namespace: str, name: str, patch: Mapping[str, Any]) -> None:
        self.ask("PATCH", f"/api/v1/namespaces/{namespace}/secrets/{name}", patch)

    def drop_secret(self, namespace: str, name: str) -> None:
        self.ask("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{name}")

    def network(self, namespace: str, name: str, secret: str, status: Mapping[str, Any] | None = None) -> None:
        """An InfomaniakNetwork that reads the network ``shared`` with the credential in a Secret."""
        spec = {
            "cloudCredentialsRef": {"secretName": secret},
            "managementPolicy": "Unmanaged",
            "import": {"filter": {"name": "shared"}},
        }
        body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "InfomaniakNetwork", "metadata": {"name": name}}
        self.ask("POST", f"{_NETWORKS}/namespaces/{namespace}/infomaniaknetworks", {**body, "spec": spec})
        if status is not None:
            path = f"{_NETWORKS}/namespaces/{namespace}/infomaniaknetworks/{name}/status"
            self.ask("PATCH", path, {"status": status})

    def touch(self, namespace: str, name: str, value: str) -> None:
        """Ask for a comparison with the cloud now."""
        patch = {"metadata": {"annotations": {f"{GROUP}/reconcile-at": value}}}
        self.ask("PATCH", f"{_NETWORKS}/namespaces/{namespace}/infomaniaknetworks/{name}", patch)

    def networks(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """All InfomaniakNetworks, of one namespace or of all."""
        where = f"/namespaces/{namespace}" if namespace else ""
        return list(self.ask("GET", f"{_NETWORKS}{where}/infomaniaknetworks")["items"])

    def clean(self) -> None:
        """Delete all InfomaniakNetworks and labelled Secrets. What they stand for in the cloud was only read."""

        def network(meta: Mapping[str, Any]) -> None:
            path = f"{_NETWORKS}/namespaces/{meta['namespace']}/infomaniaknetworks/{meta['name']}"
            self.ask("PATCH", path, {"metadata": {"finalizers": None}})
            self.ask("DELETE", path)

        def secret(meta: Mapping[str, Any]) -> None:
            self.change_secret(meta["namespace"], meta["name"], {"metadata": {"finalizers": None}})
            self.drop_secret(meta["namespace"], meta["name"])

        self.all(network, [found["metadata"] for found in self.networks()])
        label = f"{GROUP}%2Fcredentials%3Dtrue"
        while items := self.ask("GET", f"/api/v1/secrets?labelSelector={label}&limit=50")["items"]:
            self.all(secret, [found["metadata"] for found in items])


def said(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of that type; empty where there is none."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind), {})


def is_ready(body: Mapping[str, Any]) -> bool:
    """Whether an object is Ready."""
    return said(body, "Ready").get("status") == "True"
