"""The kinds of Kubernetes itself that the operator follows, and how little of them it holds.

A Node is written every few minutes by its kubelet, and a Service or slice carries much that no member depends on. What
``keep`` leaves out is not held, and a change of it wakes nobody. What it lets through is what ``service_endpoints``
reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.controller.kube.kube_api import Body, KubeType
from infomaniak_operator.reconcile.octavia import certificate_secret
from infomaniak_operator.reconcile.octavia.readiness_gates import CONTAINERS_READY, POD, PREFIX, gates_of, pods
from infomaniak_operator.reconcile.octavia.service_endpoints import NODE, NODES, SERVICE, SERVICE_NAME, SLICE


def keep_service(body: Body) -> Body:
    """Of a Service: its ports and its selector."""
    return {"spec": _some(body.get("spec"), "ports", "selector")}


def keep_slice(body: Body) -> Body:
    """Of an EndpointSlice: whose it is, its ports, and of each endpoint its addresses and conditions."""
    return _slice(body, "addresses", "conditions")


def keep_slice_with_pods(body: Body) -> Body:
    """The same, and which Pod each endpoint is: where gates of Pods are minded."""
    return _slice(body, "addresses", "conditions", "targetRef")


def _slice(body: Body, *of_endpoint: str) -> Body:
    labels = (body.get("metadata") or {}).get("labels")
    return {
        "metadata": {"labels": _some(labels, SERVICE_NAME)},
        "addressType": body.get("addressType"),
        "ports": body.get("ports") or [],
        "endpoints": [_some(each, *of_endpoint) for each in body.get("endpoints") or ()],
    }


def keep_node(body: Body) -> Body:
    """Of a Node: its labels, its addresses, and whether it is Ready (not since when, nor when that was last heard)."""
    status = body.get("status") or {}
    ready = [_some(each, "type", "status") for each in status.get("conditions") or () if each.get("type") == "Ready"]
    return {
        "metadata": {"labels": (body.get("metadata") or {}).get("labels") or {}},
        "status": {"addresses": status.get("addresses") or [], "conditions": ready},
    }


def keep_pod(body: Body) -> Body:
    """Of a Pod: its gates of ours, whether its containers are ready, and what was said at the gates; else nothing."""
    listed = (body.get("spec") or {}).get("readinessGates") or ()
    gates = [_some(each, "conditionType") for each in listed if str(each.get("conditionType")).startswith(PREFIX)]
    if not gates:
        return {}
    minded = {CONTAINERS_READY, *(each["conditionType"] for each in gates)}
    there = (body.get("status") or {}).get("conditions") or ()
    conditions = [_some(each, "type", "status", "reason", "message") for each in there if each.get("type") in minded]
    return {"spec": {"readinessGates": gates}, "status": {"conditions": conditions}}


def gated_pods(pod: KubeObject) -> Key | None:
    """A Pod with a gate of ours stands for all of them in its namespace."""
    return pods(pod.key.namespace) if gates_of(pod) else None


def service_of(piece: KubeObject) -> Key | None:
    """The Service whose endpoints an EndpointSlice holds."""
    name = piece.labels.get(SERVICE_NAME)
    return Key(SERVICE, piece.key.namespace, name) if name else None


def all_nodes(_: KubeObject) -> Key:
    """Every Node stands for all of them."""
    return NODES


SERVICES = KubeType(SERVICE, "", "v1", "services", keep=keep_service)
SLICES = KubeType(SLICE, "discovery.k8s.io", "v1", "endpointslices", keep=keep_slice, stands_for=service_of)
SLICES_WITH_PODS = replace(SLICES, keep=keep_slice_with_pods)
PODS = KubeType(POD, "", "v1", "pods", keep=keep_pod, stands_for=gated_pods)
CERTIFICATES = KubeType(
    certificate_secret.KIND,
    "",
    "v1",
    "secrets",
    f"{certificate_secret.LABEL}=true",
    keep=certificate_secret.keep_certificate,
    page=10,
)
"""The Secrets that hold certificates: beside those with credentials the only ones whose content is read."""
NODE_TYPE = KubeType(NODE, "", "v1", "nodes", cluster_scoped=True, keep=keep_node, stands_for=all_nodes)


def followed(*, namespaced: bool, readiness_gates: bool = False) -> Mapping[str, KubeType]:
    """The kinds by name.

    Args:
        namespaced: whether the operator watches single namespaces: its rights there do not let it see Nodes.
        readiness_gates: whether gates of Pods are minded: then Pods are watched.
    """
    types = [SERVICES, *([SLICES_WITH_PODS, PODS] if readiness_gates else [SLICES])]
    types += [] if namespaced else [NODE_TYPE]
    return {each.kind: each for each in types}


def _some(content: Any, *names: str) -> dict[str, Any]:
    return {name: content[name] for name in names if name in (content or {})}
