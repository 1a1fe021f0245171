"""Floating IPs that change places: all of them move, keep their addresses, and none waits for ever."""

import itertools
import random

import pytest

from infomaniak_operator.controller.interfaces import Key
from tests.support import trees
from tests.support.forest import Forest
from tests.support.objects import custom, secret, subnet
from tests.support.objects import network as net

EXTERNAL = {"externalNetwork": {"networkName": "ext-floating1"}}
NAMES = ("a", "b", "c")


def fip(name, namespace="shop", **spec):
    return custom("FloatingIP", name, {**EXTERNAL, **spec}, namespace=namespace)


def key(name, namespace="shop"):
    return Key("FloatingIP", namespace, name)


def routed(*, ports=4):
    """A network with ports and a way out of it."""
    interfaces = [{"networkRef": {"name": "front"}}]
    router = custom("Router", "edge", {"externalGateway": EXTERNAL["externalNetwork"], "interfaces": interfaces})
    world = Forest(net(subnets=[subnet("v4", "10.1.0.0/24")]), router)
    world.run()
    network_id = world.network()["id"]
    return world, [world.others.ports.create({"network_id": network_id, "name": str(n)})["id"] for n in range(ports)]


def bound(names, ports, world, **spec):
    """Addresses, each at a port of its own, Ready."""
    for name, port in zip(names, ports, strict=False):
        world.apply(fip(name, portID=port, **spec))
    world.run()
    world.all_ready()
    world.forget_calls()


def picture(world):
    """Which port each address leads to, by the id of the floating IP."""
    return {row["id"]: (row["floating_ip_address"], row["port_id"]) for row in world.table("floating_ips")}


def ports_of(world, names=NAMES):
    rows = {row["id"]: row["port_id"] for row in world.table("floating_ips")}
    return [rows[world.object(key(name)).status["id"]] for name in names]


def addresses(world):
    return {at: address for at, (address, _) in picture(world).items()}


@pytest.mark.parametrize("wanted", list(itertools.permutations(range(3)))[1:])
@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)))
def test_addresses_that_change_places_all_move(wanted, order):
    world, ports = routed()
    bound(NAMES, ports, world)
    before = addresses(world)
    places = dict(zip(NAMES, wanted, strict=True))
    for name in order:
        world.spec(key(name), portID=ports[places[name]])
    spent = world.run()
    world.all_ready()
    assert ports_of(world) == [ports[places[name]] for name in NAMES]
    assert addresses(world) == before
    assert spent < 10
    moved = sum(place != at for at, place in enumerate(wanted))
    # One request for each that moves, one to let go, and each was refused at most twice.
    assert len([one for one in world.changes() if one == "PUT floating_ips"]) <= 3 * moved + 1


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)))
def test_a_chain_moves_on_without_anyone_letting_go(order):
    world, ports = routed()
    bound(NAMES, ports, world)
    for name in order:
        world.spec(key(name), portID=ports[NAMES.index(name) + 1])
    world.run()
    world.all_ready()
    assert ports_of(world) == ports[1:4]
    sent = [subject[1] for method, what, subject in world.fake.changes() if what == "floating_ips"]
    assert all(body["port_id"] for body in sent)


def test_the_addresses_of_two_load_balancers_change_places():
    bodies = [trees.balancer(name, listeners=[trees.listener(pool=None)]) for name in ("blue", "green")]
    interfaces = [{"networkRef": {"name": "web"}, "subnet": "web-v4"}]
    router = custom("Router", "edge", {"externalGateway": EXTERNAL["externalNetwork"], "interfaces": interfaces})
    world = Forest(trees.network(), router, *bodies)
    world.apply_all([fip("a", loadBalancerRef={"name": "blue"}), fip("b", loadBalancerRef={"name": "green"})])
    world.run()
    world.all_ready()
    before, (one, two) = addresses(world), ports_of(world, "ab")
    world.apply_all([fip("a", loadBalancerRef={"name": "green"}), fip("b", loadBalancerRef={"name": "blue"})])
    assert world.run() < 10
    world.all_ready()
    assert ports_of(world, "ab") == [two, one]
    assert addresses(world) == before


def test_the_addresses_of_one_port_change_places():
    world, _ = routed()
    fixed = [{"ip_address": "10.1.0.70"}, {"ip_address": "10.1.0.71"}]
    port = world.others.ports.create({"network_id": world.network()["id"], "fixed_ips": fixed})["id"]
    world.apply_all([fip("a", portID=port, fixedAddress="10.1.0.70"), fip("b", portID=port, fixedAddress="10.1.0.71")])
    world.run()
    world.apply_all([fip("a", portID=port, fixedAddress="10.1.0.71"), fip("b", portID=port, fixedAddress="10.1.0.70")])
    world.run()
    world.all_ready()
    rows = {row["id"]: row["fixed_ip_address"] for row in world.table("floating_ips")}
    assert [rows[world.object(key(name)).status["id"]] for name in "ab"] == ["10.1.0.71", "10.1.0.70"]


@pytest.mark.parametrize("how", ["paused", "dry_run"])
@pytest.mark.parametrize("held", ["a", "b"])
def test_nobody_lets_go_for_one_that_may_not_move_and_all_move_once_it_may(held, how):
    world, ports = routed()
    bound("ab", ports, world)
    world.annotate(key(held), **{how: "true"})
    world.run()
    world.spec(key("a"), portID=ports[1])
    world.spec(key("b"), portID=ports[0])
    world.run()
    assert ports_of(world, "ab") == ports[:2]
    other = key("b" if held == "a" else "a")
    assert world.ready(other) == ("False", "WaitingForReference")
    assert world.progress(other) == "Reconciling"
    assert f"FloatingIP shop/{held}" in world.message(other)
    world.annotate(key(held), **{how: ""})
    world.run()
    world.all_ready()
    assert ports_of(world, "ab") == [ports[1], ports[0]]


def test_addresses_of_two_namespaces_change_places_and_neither_is_named_to_the_other():
    world, ports = routed()
    world.apply(secret(namespace="office"))
    world.apply_all([fip("a", portID=ports[0]), fip("b", "office", portID=ports[1])])
    world.run()
    world.all_ready()
    world.spec(key("a"), portID=ports[1])
    world.run()
    assert world.ready(key("a")) == ("False", "Conflict")
    assert "office" not in world.message(key("a"))
    world.spec(key("b", "office"), portID=ports[0])
    world.run()
    world.all_ready()
    assert world.object(key("a")).status["portID"] == ports[1]


def test_an_address_that_somebody_bound_by_hand_stays_where_it_is():
    world, ports = routed()
    bound("a", ports, world)
    theirs = world.others.floating_ips.create(
        {"floating_network_id": world.fake.external_network_id, "port_id": ports[1]}
    )
    world.spec(key("a"), portID=ports[1])
    world.run()
    assert world.ready(key("a")) == ("False", "Conflict")
    assert world.progress(key("a")) == "Stalled"
    assert theirs["floating_ip_address"] in world.message(key("a"))
    assert picture(world)[theirs["id"]][1] == ports[1]
    assert ports_of(world, "a") == ports[:1]


def test_a_target_whose_holder_is_not_to_be_seen_is_tried_again_and_rarely():
    world, ports = routed()
    bound("ab", ports, world)
    hidden = world.object(key("b")).status["id"]
    world.fake.tables["floating_ips"][hidden]["project_id"] = "beta"  # an administrator gave it to others
    world.spec(key("a"), portID=ports[1])
    world.run(seconds=60)
    assert world.ready(key("a")) == ("False", "Conflict")
    assert len([one for one in world.changes() if one == "PUT floating_ips"]) < 10
    del world.fake.tables["floating_ips"][hidden]
    world.run()
    assert world.object(key("a")).status["portID"] == ports[1]


def test_a_target_that_was_left_while_the_request_was_under_way_is_taken_at_the_next_attempt():
    world, ports = routed()
    bound("ab", ports, world)
    left = world.fake.tables["floating_ips"][world.object(key("b")).status["id"]]
    world.spec(key("a"), portID=ports[1])

    def around(call, act):
        done = None
        try:
            done = act()
        finally:
            if str(call) == "PUT floating_ips":
                left.update(port_id=None, fixed_ip_address=None, router_id=None)
        return done

    world.cloud.around = around
    world.some(1)
    world.cloud.around = lambda _, act: act()
    world.spec(key("b"), portID=...)
    assert world.progress(key("a")) == "Reconciling"
    world.run()
    world.all_ready()
    assert world.object(key("a")).status["portID"] == ports[1]


def test_one_is_deleted_while_they_change_places():
    world, ports = routed()
    bound("ab", ports, world)
    world.spec(key("a"), portID=ports[1])
    world.delete(key("b"))
    world.run()
    world.all_ready()
    assert ports_of(world, "a") == [ports[1]]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_asked_for_in_whatever_order_all_get_there(seed):
    r = random.Random(seed)
    names = "abcde"
    world, ports = routed(ports=6)
    bound(names, ports, world)
    before = addresses(world)
    for _ in range(5):
        spots = r.sample([*ports, None, None], len(names))
        for place in r.sample(range(len(names)), len(names)):
            world.spec(key(names[place]), portID=spots[place] or ...)
            world.some(r.randrange(6) if r.random() < 0.5 else 0)
            if r.random() < 0.1:
                world.restart()
        world.run(seconds=15)  # who was restarted looks once more after the grace of its creates
        world.all_ready()
        assert ports_of(world, names) == spots
    assert addresses(world) == before
