"""A Pool that follows a Service of Kubernetes, on the real API server and the real Octavia."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from infomaniak_operator.cli.cluster import NODE_TYPE, SERVICES, SLICES
from infomaniak_operator.reconcile.octavia.service_endpoints import SERVICE_NAME
from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.cloud_hands import reasons
from tests.support.kube_hands import Hands
from tests.support.manifests import bundle
from tests.support.running import User
from tests.support.tree_hands import (
    ILB,
    IPOOL,
    Row,
    by_hand,
    load_balancer,
    look_again,
    members_of,
    pool,
    sent,
    status_of,
    unlocked,
)

PROMPT = 2.0
"""Seconds within which the change of members is to be sent."""
DRAIN = 4


@pytest.fixture
def cluster(env: Environment) -> Iterator[Hands]:
    """Hands on what is in no namespace; the nodes it made go at the end."""
    made = Hands(env.kubeconfig, "")
    yield made
    for each in made.all(NODE_TYPE):
        if each["metadata"]["name"].startswith("member-"):
            made.delete(NODE_TYPE, each["metadata"]["name"])


def following(mode: str, **more: Any) -> Row:
    """A Pool of the load balancer ``lb`` that follows the Service ``web``."""
    return pool("web", "lb", membersFrom={"serviceRef": {"name": "web"}, "mode": mode, **more})


def pods(*last: int, ready: bool = True) -> list[Row]:
    """Endpoints of an EndpointSlice."""
    return [{"addresses": [f"10.34.0.{n}"], "conditions": {"ready": ready}} for n in last]


def sent_within(box: Sandbox, change: Callable[[], object]) -> float:
    """Seconds from a change to the end of the call by which the members follow."""
    mark, begun = box.mark(), time.time()
    change()

    def look() -> float | None:
        calls = [c for c in box.calls(mark) if c.method == "PUT" and c.path.endswith("/members") and c.status == 202]
        return calls[0].at - begun if calls else None

    return until(look, "a change of members")


@pytest.mark.slow
def test_endpoints_are_followed_and_drained(box: Sandbox, beta: User, hands: ByHand, env: Environment) -> None:
    _, (front,) = hands.network("lab", "10.34.0.0/24")
    kube = Hands(env.kubeconfig, beta.namespace)
    beta.apply(bundle(load_balancer("lb", front["id"]), following("Endpoints", drainSeconds=DRAIN)))
    waits = beta.until_condition(IPOOL, "web", "ReferencesResolved", status="False", reason="WaitingForReference")
    assert "there is no Service web" in waits["message"]
    beta.until_ready(ILB, "lb")
    kube.create(
        SERVICES, "web", spec={"ports": [{"name": "http", "port": 80, "targetPort": 8080}], "clusterIP": "None"}
    )
    web = beta.until_ready(IPOOL, "web")["status"]["id"]
    assert members_of(beta, web) == {}

    def weights() -> dict[str, int]:
        return {row["address"]: row["weight"] for row in beta.cloud.members.list(web)}

    where = {"addressType": "IPv4", "ports": [{"name": "http", "port": 8080}]}
    labels = {"labels": {SERVICE_NAME: "web"}}
    took = sent_within(
        box,
        lambda: kube.create(SLICES, "web-1", metadata=labels, **where, endpoints=[*pods(1, 2), *pods(3, ready=False)]),
    )
    assert took < PROMPT
    assert weights() == {"10.34.0.1": 1, "10.34.0.2": 1}
    beta.until_ready(IPOOL, "web")
    until(lambda: status_of(beta, IPOOL, "web").get("memberCount") == 2, "both in status")

    # One goes and one comes: the one that goes gets no new connections, and is gone after its time.
    begun = time.monotonic()
    took = sent_within(box, lambda: kube.change(SLICES, "web-1", {"endpoints": [*pods(2, 3)]}))
    assert took < PROMPT
    assert weights() == {"10.34.0.1": 0, "10.34.0.2": 1, "10.34.0.3": 1}
    told = until(lambda: status_of(beta, IPOOL, "web").get("draining"), "who drains, in status")
    assert [(each["address"], each["port"]) for each in told] == [("10.34.0.1", 8080)]
    until(lambda: "10.34.0.1" not in weights(), "the end of the one that went", DRAIN + 10)
    assert DRAIN - 0.5 <= time.monotonic() - begun < DRAIN + 6
    until(lambda: not status_of(beta, IPOOL, "web").get("draining"), "nobody drains")

    # One that comes back while it drains is a member like others; and what nothing changed for makes no call.
    sent_within(box, lambda: kube.change(SLICES, "web-1", {"endpoints": [*pods(3)]}))
    assert weights() == {"10.34.0.2": 0, "10.34.0.3": 1}
    beta.until_ready(IPOOL, "web")
    sent_within(box, lambda: kube.change(SLICES, "web-1", {"endpoints": [*pods(2, 3)]}))
    assert weights() == {"10.34.0.2": 1, "10.34.0.3": 1}
    until(lambda: not status_of(beta, IPOOL, "web").get("draining"), "nobody drains")
    mark = box.mark()
    kube.change(SLICES, "web-1", {"metadata": {"labels": {"told": "again"}}})
    beta.until_ready(IPOOL, "web")
    assert sent(box, mark, beta) == []

    # Members of one's own instead.
    own = pool("web", "lb", {"address": "10.34.0.99", "port": 99})
    beta.apply(own)
    until(lambda: weights() == {"10.34.0.99": 1}, "the pool's own member")
    beta.until_ready(IPOOL, "web")
    assert "DriftCorrected" not in reasons(beta, "web"), "nobody has changed the cloud"


@pytest.mark.slow
def test_nodes_at_the_services_node_port(
    box: Sandbox, beta: User, hands: ByHand, cluster: Hands, env: Environment
) -> None:
    _, (front,) = hands.network("lab", "10.34.0.0/24")
    kube, label = Hands(env.kubeconfig, beta.namespace), uuid.uuid4().hex[:8]
    ports = [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]
    made = kube.create(SERVICES, "web", spec={"type": "NodePort", "ports": ports})
    number = next(each["nodePort"] for each in made["spec"]["ports"] if each["name"] == "admin")
    heard = {"type": "Ready", "reason": "KubeletReady"}
    heard["lastHeartbeatTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def node(last: int, *, ready: bool = True, of: str = label) -> str:
        name = f"member-{uuid.uuid4().hex[:8]}"
        status = {
            "addresses": [{"type": "InternalIP", "address": f"10.34.1.{last}"}],
            "conditions": [{**heard, "status": str(ready)}],
        }
        cluster.create(NODE_TYPE, name, metadata={"labels": {"pool": of}}, status=status)
        return name

    first, _, _ = node(1), node(2, ready=False), node(3, of="another")
    asked = following("NodePort", port="admin", nodeSelector={"pool": label})
    beta.apply(bundle(load_balancer("lb", front["id"]), asked))
    web = beta.until_ready(IPOOL, "web")["status"]["id"]
    assert set(members_of(beta, web)) == {f"10.34.1.1 {number}"}
    balancer = beta.until_ready(ILB, "lb")["status"]["id"]

    # Changed by somebody else in the cloud, and put back.
    ((_, ours),) = members_of(beta, web).items()
    by_hand(beta, balancer, lambda: beta.cloud.members.update(web, ours["id"], {"weight": 50}))
    by_hand(beta, balancer, lambda: beta.cloud.members.create(web, {"address": "10.34.1.9", "protocol_port": 9}))
    look_again(beta, IPOOL, "web")
    until(lambda: [row["weight"] for row in members_of(beta, web).values()] == [1], "the one member as it was")
    beta.until_ready(IPOOL, "web")
    unlocked(beta, balancer)

    assert sent_within(box, lambda: node(4)) < PROMPT
    assert set(members_of(beta, web)) == {f"10.34.1.1 {number}", f"10.34.1.4 {number}"}
    beta.until_ready(IPOOL, "web")
    # Without drainSeconds it goes at once.
    assert sent_within(box, lambda: cluster.delete(NODE_TYPE, first)) < PROMPT
    until(lambda: set(members_of(beta, web)) == {f"10.34.1.4 {number}"}, "the node's member gone")
