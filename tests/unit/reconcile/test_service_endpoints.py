"""What members a Service stands for: by what is kept of its kinds, as the controller holds them."""

import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest

from infomaniak_operator.api.v1alpha1.pool_types import MAX_LISTED
from infomaniak_operator.cli.cluster import NODE_TYPE, SERVICES, SLICES, followed
from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import concerns_others
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.reconcile.generic.actuator import Unresolved, Unusable
from infomaniak_operator.reconcile.octavia.service_endpoints import EXCLUDED, NODES, SERVICE_NAME, members_from, watched
from tests.support.objects import custom

WEB = Key("Service", "shop", "web")
HTTP: dict[str, Any] = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080}
ADMIN: dict[str, Any] = {"name": "admin", "port": 9000, "protocol": "TCP", "nodePort": 30900}


def meta(name: str, namespace: str = "shop", version: int = 1, **more: Any) -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {"name": name, **place, "uid": f"uid-{namespace}-{name}", "resourceVersion": str(version), **more}


def service(*ports: Mapping[str, Any], namespace: str = "shop") -> KubeObject:
    spec = {"ports": [*ports], "selector": {"app": "web"}, "clusterIP": "10.96.0.7", "type": "NodePort"}
    return wrap(SERVICES, {"metadata": meta("web", namespace), "spec": spec, "status": {"loadBalancer": {}}})


def piece(
    *endpoints: Mapping[str, Any],
    name: str = "web-1",
    of: str = "web",
    namespace: str = "shop",
    kind: str = "IPv4",
    ports: list[dict[str, Any]] | None = None,
) -> KubeObject:
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}] if ports is None else ports
    labels = {SERVICE_NAME: of, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    body = {
        "metadata": meta(name, namespace, labels=labels),
        "addressType": kind,
        "ports": ports,
        "endpoints": [*endpoints],
    }
    return wrap(SLICES, body)


def pod(*addresses: str, **conditions: bool | None) -> dict[str, Any]:
    target = {"kind": "Pod", "name": "web-x"}
    return {"addresses": [*addresses], "conditions": conditions, "nodeName": "n1", "targetRef": target}


def node(
    name: str,
    *addresses: str,
    ready: str = "True",
    labels: Mapping[str, str] | None = None,
    beat: str = "2026-11-25T08:00:00Z",
    version: int = 1,
    **more: Any,
) -> KubeObject:
    given = [{"type": "InternalIP", "address": address} for address in addresses]
    conditions = [
        {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": beat},
        {"type": "Ready", "status": ready, "lastHeartbeatTime": beat, "reason": "KubeletReady", "message": beat},
    ]
    status = {
        "addresses": [{"type": "Hostname", "address": name}, {"type": "ExternalIP", "address": "192.0.2.7"}, *given],
        "conditions": conditions,
        "images": [{"names": [beat]}],
        "allocatable": {"cpu": beat},
    }
    return wrap(NODE_TYPE, {"metadata": meta(name, "", version, labels=dict(labels or {}), **more), "status": status})


def view(*objects: KubeObject) -> ObjectCache:
    cache = ObjectCache({})
    for each in objects:
        cache.upsert(each)
    return cache


def pool(mode: str = "Endpoints", **source: Any) -> KubeObject:
    spec = {"membersFrom": {"serviceRef": {"name": "web"}, "mode": mode, **source}}
    return KubeObject.of(custom("Pool", "web", spec))


def found(resource: KubeObject, *objects: KubeObject) -> list[tuple[str, int]]:
    return [(each["address"], each["protocol_port"]) for each in members_from(resource, view(*objects))]


def refused(resource: KubeObject, *objects: KubeObject) -> tuple[Key, str]:
    with pytest.raises(Unresolved) as caught:
        members_from(resource, view(*objects))
    return caught.value.key, str(caught.value)


def test_without_the_field_there_is_nothing() -> None:
    plain = KubeObject.of(custom("Pool", "web", {}))
    assert (members_from(plain, view()), watched(plain)) == ([], [])


def test_what_is_watched() -> None:
    assert watched(pool()) == [WEB, Key("Pod", "shop", "")]
    assert watched(pool("NodePort")) == [WEB, NODES]


def test_the_ready_endpoints_of_its_own_slices() -> None:
    slices = [
        piece(pod("10.0.0.10", ready=True), pod("10.0.0.9", "10.0.0.99"), pod("10.0.0.8", ready=None)),
        piece(pod("10.0.0.7", ready=False), pod("10.0.0.6", ready=True, terminating=True), pod(), name="web-2"),
        piece(pod("10.0.0.5", ready=True), name="web-3", of="other"),
        piece(pod("10.0.0.4", ready=True), namespace="elsewhere"),
        piece(pod("10.0.0.10", ready=True), pod("2001:DB8::0a", ready=True), name="web-4", kind="IPv6"),
        piece(pod("web.example.org", ready=True), name="web-5", kind="FQDN"),
    ]
    expected = [("10.0.0.8", 8080), ("10.0.0.9", 8080), ("10.0.0.10", 8080), ("2001:db8::a", 8080)]
    assert found(pool(), service(HTTP), *slices) == expected
    assert found(pool(), *reversed(slices), service(HTTP)) == expected


def test_no_endpoint_is_no_member() -> None:
    assert found(pool(), service(HTTP)) == []
    assert found(pool(), service(HTTP), piece(pod("10.0.0.1"), ports=[])) == []


def test_the_port_by_name_or_number_and_as_each_slice_has_it() -> None:
    ports = [{"name": "http", "port": 8080}, {"name": "admin", "port": 9001}]
    slices = [
        piece(pod("10.0.0.1", ready=True), ports=ports),
        piece(pod("10.0.0.2"), name="b", ports=[{"name": "admin", "port": 9002}]),
    ]
    both = service(HTTP, ADMIN)
    for wanted in ("admin", 9000, "9000"):
        assert found(pool(port=wanted), both, *slices) == [("10.0.0.1", 9001), ("10.0.0.2", 9002)]
    assert found(pool(port="http"), both, *slices) == [("10.0.0.1", 8080)]


@pytest.mark.parametrize("name", ["", None, ...])
def test_a_port_without_a_name(name: Any) -> None:
    port = {"port": 8080} if name is ... else {"port": 8080, "name": name}
    assert found(pool(), service({"port": 80}), piece(pod("10.0.0.1"), ports=[port])) == [("10.0.0.1", 8080)]


def test_no_service() -> None:
    key, message = refused(pool(), service(HTTP, namespace="elsewhere"))
    assert key == WEB
    assert message == "spec.membersFrom.serviceRef: there is no Service web in namespace shop yet"


@pytest.mark.parametrize(
    ("wanted", "ports", "words"),
    [
        (None, (HTTP, ADMIN), "has several ports (http (80/TCP), admin (9000/TCP)): say which one, by name or number"),
        (None, (), "has no port; give it one"),
        ("https", (HTTP,), "has no port https; it has: http (80/TCP)"),
        (443, (HTTP, ADMIN), "has no port 443; it has: http (80/TCP), admin (9000/TCP)"),
        (80, (), "has no port 80; it has: none"),
        (
            53,
            ({"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "tcp", "port": 53}),
            "has several ports 53 (udp (53/UDP), tcp (53/TCP)): say which one by its name",
        ),
    ],
)
def test_a_port_that_is_not_clear(wanted: Any, ports: tuple[dict[str, Any], ...], words: str) -> None:
    source = {} if wanted is None else {"port": wanted}
    assert refused(pool(**source), service(*ports)) == (WEB, f"spec.membersFrom.port: Service web {words}")


def test_the_ready_nodes_at_the_node_port() -> None:
    nodes = [
        node("a", "10.0.1.2", "10.0.1.3"),
        node("b", "2001:db8::B", "10.0.1.1"),
        node("c", "2001:DB8::C"),
        node("none"),
        node("down", "10.0.1.9", ready="False"),
        node("lost", "10.0.1.10", ready="Unknown"),
        node("out", "10.0.1.11", labels={EXCLUDED: ""}),
        node("going", "10.0.1.12", deletionTimestamp="2026-11-25T10:00:00Z"),
    ]
    expected = [("10.0.1.1", 30080), ("10.0.1.2", 30080), ("2001:db8::c", 30080)]
    assert found(pool("NodePort"), service(HTTP), *nodes) == expected
    assert found(pool("NodePort", port="admin"), service(HTTP, ADMIN), nodes[0]) == [("10.0.1.2", 30900)]


def test_all_labels_of_the_selector_count() -> None:
    nodes = [
        node("a", "10.0.1.1", labels={"role": "edge", "zone": "1"}),
        node("b", "10.0.1.2", labels={"role": "edge", "zone": "2"}),
        node("c", "10.0.1.3"),
    ]

    def matching(**selector: str) -> list[str]:
        return [address for address, _ in found(pool("NodePort", nodeSelector=selector), service(HTTP), *nodes)]

    assert matching(role="edge") == ["10.0.1.1", "10.0.1.2"]
    assert matching(role="edge", zone="2") == ["10.0.1.2"]
    assert matching(role="none") == []
    assert matching() == ["10.0.1.1", "10.0.1.2", "10.0.1.3"]


def test_a_service_without_a_node_port() -> None:
    key, message = refused(pool("NodePort"), service({"name": "http", "port": 80}), node("a", "10.0.1.1"))
    assert key == WEB
    assert message.startswith("spec.membersFrom.mode NodePort: port http (80/TCP) of Service web has no nodePort; make")


def test_nodes_that_cannot_be_seen_are_not_no_members() -> None:
    key, message = refused(pool("NodePort"), service(HTTP))
    assert key == NODES
    assert "no right to see Nodes" in message
    assert "Node" not in followed(namespaced=True)
    assert set(followed(namespaced=False)) == {"Service", "EndpointSlice", "Node"}


def matters(old: KubeObject, new: KubeObject) -> bool:
    cache = view(old)
    change = cache.upsert(new)
    assert change
    return concerns_others(change)


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (False, {"beat": "2026-11-25T08:05:00Z"}),
        (False, {"annotations": {"a": "b"}}),
        (False, {"managedFields": [{"time": "now"}]}),
        (True, {"labels": {"role": "edge"}}),
        (True, {"ready": "Unknown"}),
        (True, {"deletionTimestamp": "2026-11-25T10:00:00Z"}),
    ],
)
def test_what_of_a_node_matters(expected: bool, changes: dict[str, Any]) -> None:
    assert matters(node("a", "10.0.1.1"), node("a", "10.0.1.1", version=2, **changes)) is expected


def test_the_address_of_a_node_matters() -> None:
    assert matters(node("a", "10.0.1.1"), node("a", "10.0.1.2", version=2))


def changed(resource: KubeType, one: KubeObject, **content: Any) -> KubeObject:
    metadata = {**one.metadata, **content.pop("metadata", {}), "resourceVersion": "2"}
    return wrap(resource, {**one.body, **content, "metadata": metadata})


def test_what_of_a_service_and_of_a_slice_matters() -> None:
    one, spec = service(HTTP), {"ports": [HTTP], "selector": {"app": "web"}}
    assert not matters(one, changed(SERVICES, one, status={"loadBalancer": {"ingress": [{}]}}))
    assert not matters(one, changed(SERVICES, one, spec={**spec, "sessionAffinity": "ClientIP"}))
    assert not matters(one, changed(SERVICES, one, metadata={"labels": {"a": "b"}}))
    assert matters(one, changed(SERVICES, one, spec={**spec, "ports": [ADMIN]}))
    assert matters(one, changed(SERVICES, one, spec={**spec, "selector": {}}))
    two, ready = piece(pod("10.0.0.1", ready=True)), pod("10.0.0.1", ready=True)
    assert not matters(two, changed(SLICES, two, endpoints=[{**ready, "nodeName": "n2"}]))
    assert not matters(two, changed(SLICES, two, metadata={"annotations": {"last-change": "now"}}))
    assert matters(two, changed(SLICES, two, endpoints=[pod("10.0.0.1", ready=False)]))
    assert matters(two, changed(SLICES, two, ports=[{"name": "http", "port": 8081}]))


def test_what_they_stand_for() -> None:
    cache = ObjectCache({}, {each.kind: each.stands_for for each in (SLICES, NODE_TYPE) if each.stands_for})
    for each, expected in ((piece(), WEB), (node("a"), NODES)):
        change = cache.upsert(each)
        assert change
        assert cache.names(change) == {each.key, expected}
    stray = cache.upsert(wrap(SLICES, {"metadata": meta("stray"), "addressType": "IPv4", "endpoints": None}))
    assert stray
    assert cache.names(stray) == {stray.key}


def test_every_address_is_canonical_and_nonsense_is_left_out() -> None:
    odd = piece(pod("010.0.0.1"), pod("10.0.0.2"), pod("fe80::1%eth0"), kind="IPv4")
    addresses = [address for address, _ in found(pool(), service(HTTP), odd)]
    assert addresses == ["10.0.0.2"]
    assert all(str(ipaddress.ip_address(each)) == each for each in addresses)


def test_no_more_than_a_status_lists() -> None:
    addresses = [pod(f"10.1.{n // 250}.{n % 250 + 1}") for n in range(MAX_LISTED + 1)]
    assert len(found(pool(), service(HTTP), piece(*addresses[1:]))) == MAX_LISTED
    with pytest.raises(Unusable, match=rf"spec\.membersFrom: Service web gives {MAX_LISTED + 1} members"):
        found(pool(), service(HTTP), piece(*addresses))
