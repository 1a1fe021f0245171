"""What a waiting object says follows, at once, whatever becomes of what it waits for."""

import re
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, Key
from tests.support.forest import Forest
from tests.support.objects import custom, key_of, network, subnet
from tests.support.trees import balancer, listener, monitor, pool

PAUSED = {"network.infomaniak.cloud/paused": "true"}
V4 = subnet("web-v4", "10.40.0.0/24")
EXTERNAL = {"networkName": "ext-floating1"}


def _group(name: str, **spec: Any) -> dict[str, Any]:
    return custom("SecurityGroup", name, spec)


def _router(**spec: Any) -> dict[str, Any]:
    return custom("Router", "edge", spec)


VIP = {"networkRef": {"name": "web"}, "subnet": "web-v4"}
NETWORK, GROUP = network("web", subnets=[V4]), _group("far")
MEMBERS = [{"address": "10.40.0.9", "port": 80, "networkRef": {"name": "web"}, "subnet": "web-v4"}]
WAITS = {
    "Router, interface": (_router(interfaces=[VIP]), NETWORK),
    "Router, gateway": (_router(externalGateway={"networkRef": {"name": "web"}}), NETWORK),
    "FloatingIP, external network": (
        custom("FloatingIP", "ip", {"externalNetwork": {"networkRef": {"name": "web"}}}),
        NETWORK,
    ),
    "LoadBalancer, network": (balancer(vip=VIP, listeners=[]), NETWORK),
    "LoadBalancer, further network": (balancer(vip={"networkID": "n", "additionalVips": [VIP]}, listeners=[]), NETWORK),
    "LoadBalancer, group": (balancer(vip={"networkID": "n", "securityGroupRefs": [{"name": "far"}]}), GROUP),
    "Pool, member": (pool(members=MEMBERS), NETWORK),
}
"""The objects that wait until another one is Ready, and that other one."""


def _paused(body: dict[str, Any], life: int = 1) -> dict[str, Any]:
    """The object as one that this operator leaves alone: a test says how it stands."""
    made = custom(body["kind"], body["metadata"]["name"], body["spec"], life=life)
    return {**made, "metadata": {**made["metadata"], "annotations": PAUSED, "finalizers": [FINALIZER]}}


def _stands(world: Forest, key: Key, status: str, reason: str, message: str, **fields: Any) -> None:
    def write(body: dict[str, Any]) -> None:
        ready = {"type": "Ready", "status": status, "reason": reason, "message": message, "observedGeneration": 1}
        body["status"] = {**body["status"], **fields, "conditions": [ready]}

    world.poke(key, write)


@pytest.mark.parametrize("wait", WAITS)
def test_the_text_follows_what_is_waited_for(wait):
    body, referent = WAITS[wait]
    world = Forest(body, *([balancer()] if body["kind"] == "Pool" else []))
    key, other = key_of(body), key_of(referent)

    def says() -> str:
        world.run(0)
        assert world.ready(key) == ("False", "WaitingForReference"), wait
        assert world.says(key, "ReferencesResolved") == ("False", "WaitingForReference")
        assert world.message(key) == world.message(key, "ReferencesResolved")
        return world.message(key)

    assert f"there is no {other.kind} {other.name}" in says()
    world.apply(_paused(referent))
    assert f"{other.kind} {other.name} is not Ready yet" in says()
    _stands(world, other, "False", "CloudError", "cause one")
    assert "cause one" in says()
    _stands(world, other, "False", "CloudError", "cause two")
    assert "cause two" in says()
    assert "cause one" not in says()
    _stands(world, other, "False", "QuotaExceeded", "cause three")
    assert "cause three" in says()
    world.poke(other, lambda each: each["metadata"].update(deletionTimestamp="2026-11-25T10:00:00Z"))
    assert "is being deleted" in says()
    world.vanish(other)
    assert f"there is no {other.kind} {other.name}" in says()
    world.apply(_paused(referent, life=2))
    _stands(world, other, "False", "CloudError", "of the second life")
    assert "of the second life" in says()
    _stands(world, other, "True", "Available", "", id="an-id", subnets=[{"name": "web-v4", "id": "s", "cidr": "c"}])
    world.run(0)
    assert "not Ready yet" not in world.message(key)
    assert world.says(key, "ReferencesResolved") != ("False", "WaitingForReference") or body["kind"] == "Pool"


def test_a_change_of_the_request_id_alone_wakes_nobody():
    world = Forest(_router(interfaces=[VIP]), _paused(NETWORK))
    edge, other = Key("Router", "shop", "edge"), key_of(NETWORK)
    world.run(0)
    _stands(world, other, "False", "CloudError", "it failed (request req-11111111-1111)")
    world.run(0)
    before = world.reconciles[edge]
    _stands(world, other, "False", "CloudError", "it failed (request req-22222222-2222)")
    world.run(0)
    assert world.reconciles[edge] == before


@pytest.mark.parametrize("child", [pool(), monitor()], ids=["Pool", "HealthMonitor"])
def test_the_parts_of_a_tree_follow_their_parent(child):
    parent = balancer() if child["kind"] == "Pool" else pool()
    world = Forest(child)
    key, other = key_of(child), key_of(parent)
    for life in (1, 2):
        world.run(0)
        assert f"there is no {other.kind} {other.name}" in world.message(key)
        world.apply(_paused(parent, life))
        world.run(0)
        assert world.ready(key) == ("False", "WaitingForReference")
        assert "there is no" not in world.message(key)
        world.poke(other, lambda each: each["metadata"].update(deletionTimestamp="2026-11-25T10:00:00Z"))
        world.run(0)
        assert "is being deleted" in world.message(key)
        world.vanish(other)


def _ways(*names: str) -> list[dict[str, Any]]:
    spec = {"externalGateway": EXTERNAL, "interfaces": [{"networkRef": {"name": "web"}}]}
    return [_paused(custom("Router", name, spec)) for name in names]


@pytest.mark.parametrize("first", ["a", "b"])
def test_an_address_follows_any_of_the_ways_to_its_target(first):
    target = _paused(balancer(vip=VIP))
    ip = custom("FloatingIP", "ip", {"externalNetwork": EXTERNAL, "loadBalancerRef": {"name": "web"}})
    world = Forest(ip, target, *_ways("a", "b"))
    key = key_of(ip)
    _stands(world, key_of(target), "True", "Available", "", id="lb", vipPortID="p", vipSubnetID="s")
    world.run(0)
    assert "Router a, b, the way to the outside, is not Ready yet" in world.message(key)
    _stands(world, Key("Router", "shop", first), "True", "Available", "", id="r")
    world.run(0)
    assert "is not Ready yet" not in world.message(key)


def test_it_says_so_before_the_cloud_is_asked_for_what_takes_long():
    """A cloud that takes its time for a create: until then the object would say that it waits for what is there."""
    world = Forest(_router(interfaces=[VIP]))
    edge = Key("Router", "shop", "edge")
    world.run(0)
    said = []
    world.meanwhile("POST routers", lambda: said.append((world.ready(edge), world.message(edge))))
    world.apply(NETWORK)
    world.run()
    assert world.ready(edge) == ("True", "Available")
    assert said == [(("False", "Creating"), "all that it refers to is there")]


def test_a_new_tree_that_is_held_back_does_not_say_that_it_waits_for_its_network():
    world = Forest(balancer(listeners=[]))
    key = key_of(balancer())
    world.run(0)
    assert world.ready(key) == ("False", "WaitingForReference")
    world.apply(NETWORK)
    world.run(0.2)
    assert world.ready(key) == ("False", "Creating")
    world.run()
    assert world.ready(key) == ("True", "Available")


ALL_MISSING = {
    "LoadBalancer": (
        balancer(vip={**VIP, "securityGroupRefs": [{"name": "near"}, {"name": "far"}]}),
        {"InfomaniakNetwork web", "SecurityGroup near", "SecurityGroup far"},
    ),
    "Pool": (
        pool(members=[{**MEMBERS[0], "networkRef": {"name": name}} for name in ("web", "far", "web")]),
        {"LoadBalancer web", "InfomaniakNetwork web", "InfomaniakNetwork far"},
    ),
    "Router": (
        _router(
            interfaces=[{"networkRef": {"name": f"n{number}"}} for number in range(3)],
            externalGateway={"networkRef": {"name": "out"}},
        ),
        {"InfomaniakNetwork n0", "InfomaniakNetwork n1", "InfomaniakNetwork n2", "InfomaniakNetwork out"},
    ),
    "FloatingIP": (
        custom(
            "FloatingIP", "ip", {"externalNetwork": {"networkRef": {"name": "out"}}, "loadBalancerRef": {"name": "web"}}
        ),
        {"InfomaniakNetwork out", "LoadBalancer web"},
    ),
}


@pytest.mark.parametrize("kind", ALL_MISSING)
def test_all_that_is_missing_is_named_at_once(kind):
    body, missing = ALL_MISSING[kind]
    world = Forest(body)
    world.run()
    key = key_of(body)
    assert world.ready(key) == ("False", "WaitingForReference")
    said = re.findall(r"(?:InfomaniakNetwork|SecurityGroup|LoadBalancer|Pool) [a-z0-9]+", world.message(key))
    assert sorted(said) == sorted(missing)  # each of them once
    assert world.message(key, "ReferencesResolved") == world.message(key)


def test_a_long_list_of_what_is_missing_is_cut_short():
    body = _router(interfaces=[{"networkRef": {"name": f"n{number}"}} for number in range(40)])
    world = Forest(body)
    world.run()
    assert world.message(key_of(body)).endswith(" and 29 more")
    assert len(world.message(key_of(body))) < 500


def test_what_has_come_is_missing_no_longer():
    waiting = balancer(vip={**VIP, "securityGroupRefs": [{"name": "far"}]})
    world = Forest(waiting)
    world.run()
    key = key_of(waiting)
    assert "also missing: SecurityGroup far" in world.message(key)
    world.apply(GROUP)
    world.run()
    assert "SecurityGroup" not in world.message(key)
    assert "Pool" not in world.message(key)  # a listener can be without its pool
    world.apply(NETWORK)
    world.run()
    assert world.ready(key) == ("True", "Available")


@pytest.mark.parametrize("child", [pool(), monitor()], ids=lambda body: body["kind"])
def test_the_parts_of_a_tree_say_what_is_wrong_with_their_load_balancer(child):
    """The one that is waited for cannot be made: that is the cause to be told, and no longer once it is mended."""
    vip = {**VIP, "securityGroupRefs": [{"name": "far"}]}  # Octavia takes no allowed_cidrs with it
    world = Forest(
        NETWORK, GROUP, balancer(vip=vip, listeners=[listener(allowedCIDRs=["192.0.2.0/24"])]), pool(), monitor()
    )
    world.run()
    top, key = key_of(balancer()), key_of(child)
    assert world.progress(top) == "Stalled"
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.message(key).endswith(f". LoadBalancer web: {world.message(top)}")
    writes = dict(world.status_writes)
    world.resync()
    world.run()
    assert world.status_writes == writes
    world.spec(top, listeners=[listener()])
    world.run()
    world.all_ready()
