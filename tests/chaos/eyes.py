"""The API server and the cloud as an administrator sees them: REST alone, past the fault proxy, with no code of the operator."""

from __future__ import annotations

import contextlib
import http
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import Environment
from sandbox.errors import SandboxError
from sandbox.rest import Rest
from tests.chaos.universe import PLURALS, Key

Row = dict[str, Any]
GROUP = "/apis/network.infomaniak.cloud/v1alpha1"
_NEUTRON = ("networks", "subnets", "routers", "security-groups", "ports", "floatingips")
_OCTAVIA = ("loadbalancers", "listeners", "pools", "healthmonitors", "l7policies")


PARTS = {"members": "pool_id", "l7rules": "l7policy_id", "port_forwardings": "floatingip_id"}
"""What is only a part of a row, and the field that says of which."""
_INSIDE = {
    "members": ("pools", "lbaas/pools", "members"),
    "l7rules": ("l7policies", "lbaas/l7policies", "rules"),
    "port_forwardings": ("floatingips", "floatingips", "port_forwardings"),
}
"""Of what collection they are parts, its path, and the rest of theirs."""
_TRIES = 10


class Refused(Exception):  # noqa: N818 - an answer, not a defect
    """The API server has answered with an error: ``status`` and its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class Kube:
    """The API server, in one namespace.

    Args:
        kubeconfig: of an administrator.
        namespace: where all is.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        body = json.loads(kubeconfig.read_text())
        cluster = body["clusters"][0]["cluster"]
        self._server = cluster["server"]
        self._token = body["users"][0]["user"]["token"]
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        self._opener = urllib.request.build_opener(*handlers)
        self.namespace = namespace

    def call(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Any:
        """One call.

        Raises:
            Refused: the API server says no.
            OSError: it is away.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content}
        request = urllib.request.Request(self._server + path, data=data, method=method, headers=headers)
        tries = 0
        while True:
            tries += 1
            try:
                with self._opener.open(request, timeout=15) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                # The API server has not acted on it: it fills a cache anew.
                if error.code == http.HTTPStatus.TOO_MANY_REQUESTS and tries < _TRIES:
                    time.sleep(1)
                    continue
                text = error.read().decode(errors="replace")
                with contextlib.suppress(ValueError, KeyError):
                    text = json.loads(text)["message"]
                raise Refused(error.code, text) from None

    def _path(self, key: Key) -> str:
        return f"{GROUP}/namespaces/{self.namespace}/{PLURALS[key[0]]}/{key[1]}"

    def get(self, key: Key) -> Row | None:
        """An object, or None."""
        try:
            return self.call("GET", self._path(key))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def apply(self, key: Key, spec: Mapping[str, Any], there: Row | None) -> Row:
        """Make it, or replace its spec as an editor does; an empty list stays one.

        Args:
            key: which.
            spec: the whole spec.
            there: as it is now; None: it is not there.
        """
        if there is not None:
            return self.call("PUT", self._path(key), {**there, "spec": spec})
        body = {
            "apiVersion": "network.infomaniak.cloud/v1alpha1",
            "kind": key[0],
            "metadata": {"name": key[1], "namespace": self.namespace},
            "spec": spec,
        }
        return self.call("POST", self._path(key).rpartition("/")[0], body)

    def delete(self, key: Key) -> None:
        """Delete it; nothing where there is none."""
        try:
            self.call("DELETE", self._path(key))
        except Refused as refused:
            if refused.status != 404:
                raise

    def objects(self) -> dict[Key, Row]:
        """All objects of the kinds."""
        found = {}
        for kind, plural in PLURALS.items():
            for row in self.call("GET", f"{GROUP}/namespaces/{self.namespace}/{plural}")["items"]:
                found[kind, row["metadata"]["name"]] = {**row, "kind": kind}
        return found

    def events(self) -> list[Row]:
        """All Events."""
        return list(self.call("GET", f"/api/v1/namespaces/{self.namespace}/events?limit=5000")["items"])

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Make something; nothing where it is there."""
        try:
            self.call("POST", path, body)
        except Refused as refused:
            if refused.status != 409:
                raise


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in a project of the cloud at one time.

    Attributes:
        rows: by Neutron's and Octavia's names of the collections; what is only a part of a row has the id of that as
            ``PARTS`` says.
    """

    rows: Mapping[str, list[Row]] = field(default_factory=dict)

    def of(self, collection: str, **wanted: Any) -> list[Row]:
        """The rows with these values."""
        return [row for row in self.rows.get(collection, []) if all(row.get(k) == v for k, v in wanted.items())]

    def without(self, ids: Iterable[str]) -> Seen:
        """The same without these rows, and what is only a part of them."""
        away = set(ids)
        kept = {
            name: [row for row in rows if row["id"] not in away and row.get(PARTS.get(name, "")) not in away]
            for name, rows in self.rows.items()
        }
        return Seen(kept)


class Cloud:
    """OpenStack as its administrator sees it.

    Args:
        environment: of the sandbox.
        project_id: whose rows are looked at.
    """

    def __init__(self, environment: Environment, project_id: str) -> None:
        self._admin = environment.admin
        self.auth_url = environment.auth_url
        self.project_id = project_id
        self._rest = Rest()
        self._urls: dict[str, str] = {}

    def _login(self) -> None:
        domain = {"id": "default"}
        user = {"name": self._admin["username"], "password": self._admin["password"], "domain": domain}
        scope = {"project": {"name": self._admin["project_name"], "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer, headers = Rest().call("POST", f"{self.auth_url}/auth/tokens", body)
        for service in answer["token"]["catalog"]:
            url = next(each["url"] for each in service["endpoints"] if each["interface"] == "public")
            self._urls[service["type"]] = url.rstrip("/")
        token = {name.lower(): value for name, value in headers.items()}["x-subject-token"]
        self._rest = Rest(token)

    def url(self, path: str) -> str:
        """The address of a path: ``networks/ID``, ``lbaas/pools/ID``."""
        if not self._urls:
            self._login()
        kind = "load-balancer" if path.startswith("lbaas") else "network"
        return f"{self._urls[kind]}/v2.0/{path}"

    def get(self, path: str) -> Any:
        """GET."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Any call; returns the answer's JSON.

        Raises:
            SandboxError: it was refused.
            OSError: the service is away.
        """
        url = self.url(path)  # logs in, the first time
        return self._rest.call(method, url, body)[0]

    def seen(self) -> Seen:
        """All that is in the project now."""
        rows: dict[str, list[Row]] = {}
        for name in _NEUTRON:
            rows[name] = self.get(f"{name}?project_id={self.project_id}")[name.replace("-", "_")]
        for name in _OCTAVIA:
            rows[name] = self.get(f"lbaas/{name}?project_id={self.project_id}")[name]
        for name, parent in PARTS.items():
            whole, path, answer = _INSIDE[name]
            rows[name] = [
                {**row, parent: each["id"]}
                for each in rows[whole]
                for row in self._under(f"{path}/{each['id']}/{answer}", answer)
            ]
        return Seen(rows)

    def _under(self, path: str, answer: str) -> list[Row]:
        try:
            return list(self.get(path)[answer])
        except SandboxError:  # gone meanwhile
            return []

    def lift_quotas(self, *names: str) -> None:
        """The project may have any number of these in Neutron."""
        self.send("PUT", f"quotas/{self.project_id}", {"quota": dict.fromkeys(names, -1)})

    def external_network(self, name: str) -> str:
        """The id of an external network."""
        return str(self.get(f"networks?name={name}")["networks"][0]["id"])
