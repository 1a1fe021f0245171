"""The CRDs on a real API server, and what it says of a spec."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import client

from infomaniak_operator.api.common import CONDITIONS, PAUSED
from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.api.registry import KINDS
from sandbox import Environment
from tests.support.box import kubectl
from tests.support.patient import api_client

JSON_PATCH = "application/json-patch+json"
CRDS = Path(__file__).parents[2] / "crds"
CONDITION = {
    "type": "Ready",
    "status": "True",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-11-25T09:00:00Z",
    "reason": "Available",
    "message": "it is there",
}


def install_crds(env: Environment) -> None:
    """Install all CRDs as a user would, and wait until the API server has accepted them and serves the kinds."""
    kubectl(env, "apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    names = [f"crd/{kind.crd_name}" for kind in KINDS.values()]
    kubectl(env, "wait", "--for=condition=Established", "--timeout=60s", *names)


def sample(schema: Mapping[str, Any], name: str = "") -> Any:
    """A value that has every field of a schema."""
    if name == "conditions":
        return [{**CONDITION, "type": condition} for condition in CONDITIONS]
    match schema["type"]:
        case "object":
            return {field: sample(part, field) for field, part in schema["properties"].items()}
        case "array":
            return [sample(schema["items"]), sample(schema["items"])]
        case "integer":
            return 4
        case "boolean":
            return True
    return "2026-11-25T10:00:00Z" if schema.get("format") == "date-time" else name or "text"


def body_of(kind: str, spec: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """An object of a kind with that spec, which an operator that happens to run leaves alone."""
    metadata = {"name": name or f"t-{uuid.uuid4().hex[:10]}", "annotations": {PAUSED: "true"}}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "spec": dict(spec)}


class Server:
    """The API server, asked directly: much quicker than kubectl, and as strict (unknown fields are errors)."""

    def __init__(self, env: Environment, namespace: str) -> None:
        self._api = client.CustomObjectsApi(api_client(env))
        self.namespace = namespace

    def _place(self, kind: str) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self.namespace, KINDS[kind].plural

    def create(self, kind: str, spec: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object; returns it as the server has it.

        Raises:
            kubernetes.client.ApiException: it was refused.
        """
        more = {"dry_run": "All"} if dry_run else {}
        made: dict[str, Any] = self._api.create_namespaced_custom_object(
            *self._place(kind), body_of(kind, spec), field_validation="Strict", _request_timeout=30, **more
        )
        return made

    def set_status(self, kind: str, name: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Write the whole status; returns the object as the server then has it."""
        change = [{"op": "replace", "path": "/status", "value": dict(status)}]
        put: dict[str, Any] = self._api.patch_namespaced_custom_object_status(
            *self._place(kind), name, change, field_validation="Strict", _request_timeout=30, _content_type=JSON_PATCH
        )
        return put

    def refusal(self, kind: str, spec: Mapping[str, Any]) -> str:
        """What the server says against creating an object with that spec; empty: nothing."""
        try:
            self.create(kind, spec, dry_run=True)
        except client.ApiException as error:
            return message_of(error)
        return ""

    def refusal_of_change(
        self, kind: str, old: Mapping[str, Any], new: Mapping[str, Any], status: Mapping[str, Any] | None = None
    ) -> str:
        """What the server says against changing an object from one spec to the other; empty: nothing."""
        body = self.create(kind, old)
        name = body["metadata"]["name"]
        try:
            if status is not None:
                self.set_status(kind, name, status)
            change = [{"op": "replace", "path": "/spec", "value": dict(new)}]
            self._api.patch_namespaced_custom_object(
                *self._place(kind),
                name,
                change,
                dry_run="All",
                field_validation="Strict",
                _request_timeout=30,
                _content_type=JSON_PATCH,
            )
        except client.ApiException as error:
            return message_of(error)
        finally:
            self._api.delete_namespaced_custom_object(*self._place(kind), name, _request_timeout=30)
        return ""


def message_of(error: client.ApiException) -> str:
    """The message that a user would read."""
    return str(json.loads(error.body)["message"])
