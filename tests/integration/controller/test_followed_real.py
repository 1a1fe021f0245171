"""Real Services, EndpointSlices and Nodes: heard of at once, held in part, and their heartbeats wake nobody."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from infomaniak_operator.cli.cluster import NODE_TYPE, SERVICES, SLICES, followed
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.octavia.service_endpoints import NODES, SERVICE_NAME, members_from, watched
from sandbox import Environment
from tests.support.box import kubectl, until
from tests.support.kube_hands import Hands
from tests.support.objects import custom
from tests.support.real_controller import RealController, real_controller
from tests.support.toy import RESOURCES, TOYS, ToyReconciler
from tests.support.toy_crd import install

KINDS = {**RESOURCES, **followed(namespaced=False)}
PROMPT = 2.0
"""Seconds within which members are to follow."""


class Follower(ToyReconciler):
    """A toy that refers to what a Pool of its spec would."""

    def references(self, resource: KubeObject) -> Iterable[Key]:
        return watched(resource)


@pytest.fixture
def hands(env: Environment) -> Iterator[Hands]:
    install(env)
    name = f"follow-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", name)
    made = Hands(env.kubeconfig, name)
    yield made
    made.clear(TOYS)
    kubectl(env, "delete", "namespace", name, "--wait=false")


@pytest.fixture
def cluster(env: Environment) -> Iterator[Hands]:
    """Hands on what is in no namespace; the nodes it made go at the end."""
    made = Hands(env.kubeconfig, "")
    yield made
    for each in made.all(NODE_TYPE):
        if each["metadata"]["name"].startswith("follow-"):
            made.delete(NODE_TYPE, each["metadata"]["name"])


def spec(mode: str) -> dict[str, Any]:
    source: dict[str, Any] = {"serviceRef": {"name": "web"}, "mode": mode}
    return {"membersFrom": source | ({"nodeSelector": {"follow": "yes"}} if mode == "NodePort" else {})}


def members(one: RealController, hands: Hands, mode: str) -> list[str]:
    pool = KubeObject.of(custom("Pool", "web", spec(mode), namespace=hands.namespace))
    return [f"{each['address']}:{each['protocol_port']}" for each in members_from(pool, one.manager.view)]


def beat() -> dict[str, str]:
    return {"lastHeartbeatTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def follows(one: RealController, change: Callable[[], object], expected: Callable[[], bool], what: str) -> None:
    """The follower is woken by the change, and then sees what it should, in time."""
    reconciles = one.toys.reconciles["web"]
    before, begun = len(reconciles), time.monotonic()
    change()
    until(lambda: len(reconciles) > before and expected(), what, PROMPT)
    assert time.monotonic() - begun < PROMPT


def test_endpoints(hands: Hands, env: Environment) -> None:
    port = {"name": "http", "port": 80, "targetPort": 8080}
    labels = {"labels": {SERVICE_NAME: "web"}}
    pods = [{"addresses": [f"10.0.0.{n}"], "conditions": {"ready": True}} for n in (1, 2)]
    down = {**pods[0], "conditions": {"ready": False}}
    where = {"addressType": "IPv4", "ports": [{"name": "http", "port": 8080}]}
    with real_controller(env.kubeconfig, hands.namespace, toys=Follower(), resources=KINDS) as one:
        hands.create(TOYS, "web", spec=spec("Endpoints"))
        until(lambda: one.toys.reconciles["web"], "the first reconcile")

        def there(*expected: str) -> Callable[[], bool]:
            return lambda: members(one, hands, "Endpoints") == list(expected)

        key = Key("Service", hands.namespace, "web")
        made = {"ports": [port], "clusterIP": "None"}
        follows(one, lambda: hands.create(SERVICES, "web", spec=made), lambda: bool(one.manager.view.get(key)), "it")
        content = {"metadata": labels, **where, "endpoints": pods}
        follows(one, lambda: hands.create(SLICES, "web-1", **content), there("10.0.0.1:8080", "10.0.0.2:8080"), "both")
        changed = {"endpoints": [down, pods[1]]}
        follows(one, lambda: hands.change(SLICES, "web-1", changed), there("10.0.0.2:8080"), "one is not ready")
        follows(one, lambda: hands.delete(SLICES, "web-1"), there(), "the slice is gone")


@pytest.mark.parametrize("namespaced", [False, True])
def test_nodes(hands: Hands, cluster: Hands, env: Environment, namespaced: bool) -> None:
    """What is in no namespace is heard of with single ones watched, too, where the rights are there."""
    name = f"follow-{uuid.uuid4().hex[:8]}"
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", **beat()}
    status = {"addresses": [{"type": "InternalIP", "address": "10.0.1.1"}], "conditions": [ready]}
    made = {"type": "NodePort", "ports": [{"name": "http", "port": 80}]}
    number = hands.create(SERVICES, "web", spec=made)["spec"]["ports"][0]["nodePort"]
    namespaces = [hands.namespace] if namespaced else []
    with real_controller(env.kubeconfig, *namespaces, toys=Follower(), resources=KINDS) as one:
        hands.create(TOYS, "web", spec=spec("NodePort"))
        until(lambda: one.toys.reconciles["web"], "the first reconcile")

        def there(*expected: str) -> Callable[[], bool]:
            return lambda: members(one, hands, "NodePort") == list(expected)

        def node() -> KubeObject | None:
            return one.manager.view.get(Key("Node", "", name))

        new = {"metadata": {"labels": {"follow": "yes"}}, "status": status}
        follows(one, lambda: cluster.create(NODE_TYPE, name, **new), there(f"10.0.1.1:{number}"), "the node is there")
        before = len(one.toys.reconciles["web"])
        for _ in range(3):
            told = {**status, "images": [{"names": [uuid.uuid4().hex]}], "conditions": [{**ready, **beat()}]}
            version = cluster.change(NODE_TYPE, f"{name}/status", {"status": told})["metadata"]["resourceVersion"]

            def heard(version: str = version) -> bool:
                held = node()
                return held is not None and held.resource_version == version

            until(heard, "the heartbeat is heard")
        held = node()
        assert held
        assert set(held.status) == {"addresses", "conditions"}
        assert len(one.toys.reconciles["web"]) == before, "and wakes nobody"
        lost = {"status": {"conditions": [{**ready, "status": "Unknown"}]}}
        follows(one, lambda: cluster.change(NODE_TYPE, f"{name}/status", lost), there(), "it is not ready")
        again = {"status": {"conditions": [ready]}}
        follows(
            one,
            lambda: cluster.change(NODE_TYPE, f"{name}/status", again),
            there(f"10.0.1.1:{number}"),
            "it is ready again",
        )
        follows(
            one,
            lambda: cluster.change(NODE_TYPE, name, {"metadata": {"labels": {"follow": None}}}),
            there(),
            "its label is gone",
        )
        follows(one, lambda: cluster.delete(NODE_TYPE, name), lambda: node() is None, "it is gone")
        assert one.manager.view.referrers(NODES)
