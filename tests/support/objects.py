"""Bodies of Kubernetes objects, as the API server would give them."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from typing import Any

from infomaniak_operator.controller.interfaces import GROUP, VERSION, Key
from tests.support.canary import Canary

NAMESPACE = "shop"
SECRET = "infomaniak"
KUBE_SYSTEM = "8d3c0f57-5f37-4c22-9d5c-94c4b2a3a7e1"
"""The cluster id the tests use."""

CREDENTIAL = {
    "auth_url": "https://api.pub1.infomaniak.cloud/identity/v3",
    "application_credential_id": "a1b2c3",
    "application_credential_secret": "opensesame-never-shown",
    "region_name": "dc3-a",
}
CANARY = Canary({"the credential's secret": CREDENTIAL["application_credential_secret"]})
"""What comes up nowhere: ``process.Cluster`` looks at each status and Event, and conftest.py at the log of every test."""


def uid_of(kind: str, namespace: str, name: str, life: int = 1) -> str:
    """The UID of the ``life``-th object of that name: the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{namespace}/{name}/{life}"))


def custom(
    kind: str,
    name: str,
    spec: Mapping[str, Any],
    *,
    namespace: str = NAMESPACE,
    life: int = 1,
    created: str = "2026-11-25T08:00:00Z",
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An object of ours as it is right after its create; ``...`` leaves a field out, such as the credential."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of(kind, namespace, name, life),
            "generation": 1,
            "creationTimestamp": created,
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "spec": {k: v for k, v in {"cloudCredentialsRef": {"secretName": SECRET}, **spec}.items() if v is not ...},
        "status": {"observedGeneration": -1},
    }


def network(name: str = "front", /, *, namespace: str = NAMESPACE, life: int = 1, **spec: Any) -> dict[str, Any]:
    """An InfomaniakNetwork; ``import_`` stands for the field ``import``."""
    if "import_" in spec:
        spec["import"] = spec.pop("import_")
    return custom("InfomaniakNetwork", name, spec, namespace=namespace, life=life)


def subnet(name: str = "v4", cidr: str = "10.1.0.0/24", **fields: Any) -> dict[str, Any]:
    """An item of ``spec.subnets``."""
    return {"name": name, "cidr": cidr, **fields}


def secret(name: str = SECRET, *, namespace: str = NAMESPACE, data: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A labelled Secret with a credential in plain keys."""
    values = CREDENTIAL if data is None else data
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of("Secret", namespace, name),
            "labels": {f"{GROUP}/credentials": "true"},
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def key_of(body: Mapping[str, Any]) -> Key:
    """The key of a body."""
    return Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])
