"""The kinds of Kubernetes itself that the operator follows, and how little of them it holds: for ``spec.membersFrom``.

A Node is written every few minutes by its kubelet, and a Service or slice carries much that no member depends on. What
``keep`` leaves out is not held, and a change of it wakes nobody. What it lets through is what ``service_endpoints``
reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.controller.kube.kube_api import Body, KubeType
from infomaniak_operator.reconcile.octavia.service_endpoints import NODE, NODES, SERVICE, SERVICE_NAME, SLICE


def keep_service(body: Body) -> Body:
    """Of a Service: its ports and its selector."""
    return {"spec": _some(body.get("spec"), "ports", "selector")}


def keep_slice(body: Body) -> Body:
    """Of an EndpointSlice: whose it is, its ports, and of each endpoint its addresses and conditions."""
    labels = (body.get("metadata") or {}).get("labels")
    return {
        "metadata": {"labels": _some(labels, SERVICE_NAME)},
        "addressType": body.get("addressType"),
        "ports": body.get("ports") or [],
        "endpoints": [_some(each, "addresses", "conditions") for each in body.get("endpoints") or ()],
    }


def keep_node(body: Body) -> Body:
    """Of a Node: its labels, its addresses, and whether it is Ready (not since when, nor when that was last heard)."""
    status = body.get("status") or {}
    ready = [_some(each, "type", "status") for each in status.get("conditions") or () if each.get("type") == "Ready"]
    return {
        "metadata": {"labels": (body.get("metadata") or {}).get("labels") or {}},
        "status": {"addresses": status.get("addresses") or [], "conditions": ready},
    }


def service_of(piece: KubeObject) -> Key | None:
    """The Service whose endpoints an EndpointSlice holds."""
    name = piece.labels.get(SERVICE_NAME)
    return Key(SERVICE, piece.key.namespace, name) if name else None


def all_nodes(_: KubeObject) -> Key:
    """Every Node stands for all of them."""
    return NODES


SERVICES = KubeType(SERVICE, "", "v1", "services", keep=keep_service)
SLICES = KubeType(SLICE, "discovery.k8s.io", "v1", "endpointslices", keep=keep_slice, stands_for=service_of)
NODE_TYPE = KubeType(NODE, "", "v1", "nodes", cluster_scoped=True, keep=keep_node, stands_for=all_nodes)


def followed(*, namespaced: bool) -> Mapping[str, KubeType]:
    """The kinds by name.

    Args:
        namespaced: whether the operator watches single namespaces: its rights there do not let it see Nodes.
    """
    types = [SERVICES, SLICES] if namespaced else [SERVICES, SLICES, NODE_TYPE]
    return {each.kind: each for each in types}


def _some(content: Any, *names: str) -> dict[str, Any]:
    return {name: content[name] for name in names if name in (content or {})}
