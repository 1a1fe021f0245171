"""A user's hands on a real API server, with the same methods as ``FakeKube`` has for it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pykube
import requests

from infomaniak_operator.controller.kube.kube_api import Body, KubeType
from infomaniak_operator.controller.kube.kube_http import loader, retry_after

_MERGE = {"Content-Type": "application/merge-patch+json"}
_TRIES = 10
"""Of a request that is answered with 429: as many as kubectl makes."""


class Hands:
    """Creates, changes and deletes objects in one namespace; with an empty one, objects that are in none."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._client = pykube.HTTPClient(loader(kubeconfig)(), timeout=30)
        self.namespace = namespace

    def create(self, resource: KubeType, name: str, **content: Any) -> dict[str, Any]:
        meta = {"name": name, **content.pop("metadata", {})}
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **content}
        return self._call("POST", resource, "", data=json.dumps(body))

    def change(self, resource: KubeType, name: str, patch: Body) -> dict[str, Any]:
        return self._call("PATCH", resource, name, data=json.dumps(patch), headers=_MERGE)

    def delete(self, resource: KubeType, name: str) -> None:
        self._call("DELETE", resource, name)

    def clear(self, resource: KubeType) -> None:
        """Delete all objects of a kind, whatever finalizers hold them."""
        for each in self.all(resource):
            if each["metadata"].get("finalizers"):
                self.change(resource, each["metadata"]["name"], {"metadata": {"finalizers": None}})
        self._call("DELETE", resource, "")

    def read(self, resource: KubeType, name: str) -> dict[str, Any] | None:
        response = self._send(
            "GET", version=resource.api_version, namespace=self.namespace, url=f"{resource.plural}/{name}"
        )
        if response.status_code == 404:
            return None
        response.raise_for_status()
        found: dict[str, Any] = response.json()
        return found

    def all(self, resource: KubeType) -> list[dict[str, Any]]:
        return list(self._call("GET", resource, "")["items"])

    def _call(self, verb: str, resource: KubeType, name: str, **arguments: Any) -> dict[str, Any]:
        url = "/".join(filter(None, (resource.plural, name)))
        if self.namespace:
            arguments["namespace"] = self.namespace
        response = self._send(verb, version=resource.api_version, url=url, **arguments)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def _send(self, verb: str, **arguments: Any) -> requests.Response:
        for _ in range(_TRIES):
            response: requests.Response = self._client.request(verb, **arguments)
            if response.status_code != requests.codes.too_many or (wait := retry_after(response)) is None:
                break
            time.sleep(wait)
        return response
