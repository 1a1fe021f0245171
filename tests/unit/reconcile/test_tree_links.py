"""Rows that do not tell what they are in: while their load balancer goes, or before its status shows it."""

import pytest

from infomaniak_operator.reconcile.octavia.octavia_common import parent
from tests.support.forest import Forest
from tests.support.trees import CHECK, LB, SITE, balancer, calm, listener, member, monitor, network, pool, tree


@pytest.mark.parametrize("row", [{}, {"pools": []}, {"pools": None}])
def test_no_parent(row):
    assert parent(row.get("pools")) is None


def without(world, collection, *names):
    """Have the rows of a type lose their links, as Octavia shows them while a cascade is under way."""
    octavia = world.fake.octavia
    shown = octavia._shown

    def cut(name, row, **how):
        found = shown(name, row, **how)
        return {**found, **{each: [] for each in names}} if name == collection else found

    octavia._shown = cut
    return lambda: setattr(octavia, "_shown", shown)


@pytest.mark.parametrize("act", ["change", "delete", "look"])
def test_a_pool_that_has_lost_its_load_balancer(act):
    world = Forest(network())
    world.run()
    (subnet,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    site = {"name": "site", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    world.others.load_balancers.create_tree({"vip_subnet_id": subnet["id"], "name": "theirs", "pools": [site]})
    world.clock.advance(5)
    bare = dict.fromkeys(("loadBalancerRef", "protocol", "algorithm"), ...)
    world.apply(pool(import_={"id": world.one("pools")["id"]}, **bare))
    world.run()
    assert world.ready(SITE) == ("True", "Available")
    world.clock.advance(600)
    world.restart()
    again = without(world, "pools", "loadbalancers")
    if act == "change":
        world.spec(SITE, members=[member(77)])
    elif act == "delete":
        world.delete(SITE)
    else:
        world.resync()
    world.run(100)  # nothing is raised
    if act != "look":
        assert world.ready(SITE)[0] == "False"
        assert "which load balancer" in world.message(SITE)
    again()
    world.run()
    if act == "delete":
        assert world.get(SITE) is None
    else:
        assert world.ready(SITE) == ("True", "Available")


@pytest.mark.parametrize("where", ["the pool tells", "the pool does not tell"])
def test_a_monitor_that_comes_before_the_status_of_its_load_balancer(where):
    world = tree(pool())
    world.poke(LB, lambda body: body["status"].pop("id"))
    world.restart()
    again = without(world, "pools", "loadbalancers") if where == "the pool does not tell" else lambda: None
    world.apply(monitor())
    world.reconcile(CHECK)
    world.reconcile(CHECK)
    assert world.ready(CHECK)[0] == "False"
    assert world.message(CHECK)
    again()
    world.run()
    calm(world)
    assert len(world.table("health_monitors")) == 1


def test_a_monitor_whose_pool_is_in_no_row():
    world = tree()
    again = without(world, "health_monitors", "pools")
    world.resync()
    world.run(100)
    again()
    world.resync()
    world.run()
    calm(world)


def test_a_load_balancer_whose_rows_show_no_port():
    world = tree()
    octavia = world.fake.octavia
    shown = octavia._shown
    octavia._shown = lambda name, row, **how: {
        **shown(name, row, **how),
        **({"vip_port_id": None, "vip_address": None} if name == "load_balancers" else {}),
    }
    world.resync()
    world.run()
    assert world.ready(LB) == ("True", "Available")


def test_no_port_is_made_where_it_would_have_no_address():
    """A network without a subnet gives a port none."""
    world = Forest(network())
    world.run()
    (subnet,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    bare = world.others.networks.create({"name": "bare"})
    world.apply(balancer(vip={"networkID": bare["id"]}, listeners=[listener(pool=None)]))
    world.run(100)
    assert world.ready(LB) == ("False", "WaitingForReference")
    assert "no subnet" in world.message(LB)
    assert world.table("ports") == []
    world.delete(LB)
    world.run()
    assert world.table("ports") == []
    assert subnet["id"] in {row["id"] for row in world.table("subnets")}
