"""Pools and monitors that come late, do not fit, or are refused: the rest of their tree stands, and they say why."""

import pytest

from infomaniak_operator.client import BadRequestError
from infomaniak_operator.controller.interfaces import Stalled, WaitingFor
from tests.support.forest import Forest
from tests.support.objects import key_of
from tests.support.trees import CHECK, LB, SITE, balancer, listener, member, monitor, network, pool

LATER, LATEST = "2026-11-25T09:00:00Z", "2026-11-25T10:00:00Z"


def tree(*bodies, **spec):
    world = Forest(network(), balancer(**spec), *bodies)
    world.run()
    world.clock.advance(60)
    world.forget_calls()
    return world


def test_a_listener_without_its_pool_serves_without_it_and_gets_it_later():
    world = tree()
    assert world.ready(LB) == ("True", "Available")
    assert world.says(LB, "ReferencesResolved") == ("False", "WaitingForReference")
    assert "listener http has no Pool site yet" in world.message(LB, "ReferencesResolved")
    world.apply_all([pool(), monitor()])
    world.run()
    world.all_ready()
    assert world.says(LB, "ReferencesResolved") == ("True", "Available")
    assert world.one("listeners")["default_pool_id"] == world.one("pools")["id"]
    assert world.one("members")["address"] == "10.40.0.11"
    assert sorted(world.changes()) == ["POST health_monitors", "POST pools", "PUT listeners", "PUT members"]
    assert world.refused == []


def test_a_pool_that_a_listener_names_and_that_follows_slowly_is_made_with_the_tree():
    world = Forest(network(), balancer())
    world.run(2.0)  # as where fifty things are applied, and the API server is slow
    world.apply_all([pool(), monitor()])
    world.run()
    world.all_ready()
    made = [change for change in world.changes() if change.startswith("POST") and "networks" not in change]
    assert made == ["POST subnets", "POST ports", "POST load_balancers"]
    assert world.one("listeners")["default_pool_id"] == world.one("pools")["id"]


def test_a_pool_that_does_not_come_holds_up_nobody_for_long():
    world = Forest(network(), balancer())
    world.run(2.0)
    assert world.table("load_balancers") == []
    world.run(3.0)
    assert [row["name"] for row in world.table("load_balancers")] == ["web"]


def test_a_pool_that_no_listener_uses():
    world = tree(pool(), monitor(), listeners=[listener(pool=None)])
    world.all_ready()
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    assert world.changes() == []
    world.spec(SITE, members=[member(12)])
    world.run()
    world.all_ready()
    assert world.changes() == ["PUT members"]


def test_pools_only_and_no_listeners():
    world = tree(pool(), monitor(), listeners=[])
    world.all_ready()
    assert world.table("listeners") == []
    world.spec(LB, listeners=[listener()])
    world.run()
    world.all_ready()
    assert world.changes() == ["POST listeners"]


def misfits():
    yield "pool", [pool(protocol="UDP", created=LATER)], SITE, "listener http of LoadBalancer web speaks HTTP"
    old = pool(protocol="UDP")
    yield "balancer", [old], LB, "listener http of LoadBalancer web speaks HTTP"
    udp = [pool(protocol="UDP"), monitor(created=LATER, type="HTTPS")]
    yield "monitor", udp, CHECK, "protocol UDP"
    yield (
        "other monitor",
        [pool(), monitor("x", poolRef={"name": "site"}), monitor(created=LATER)],
        CHECK,
        "HealthMonitor x",
    )


@pytest.mark.parametrize(("what", "bodies", "culprit", "words"), list(misfits()), ids=[each[0] for each in misfits()])
def test_what_does_not_fit_says_so_before_any_call_and_the_rest_is_made(what, bodies, culprit, words):
    spec = {"created": LATER} if what == "balancer" else {}
    if what == "monitor":
        spec["listeners"] = [listener("dns", 53, "UDP")]
    world = tree(*bodies, **spec)
    assert world.ready(culprit) == ("False", "InvalidConfiguration")
    assert world.progress(culprit) == "Stalled"
    assert words in world.message(culprit)
    assert isinstance(world.reconcile(culprit).next, WaitingFor if what == "other monitor" else Stalled)
    assert world.refused == []
    others = [key for key in world.all_keys() if key != culprit and not (what == "balancer" and key == SITE)]
    assert {world.ready(key) for key in others} == {("True", "Available")}, world.standing()


def test_a_misfit_is_mended():
    world = tree(pool(protocol="UDP", created=LATER), monitor(created=LATEST))
    world.spec(SITE, protocol="HTTP")
    world.run()
    world.all_ready()
    assert world.one("listeners")["default_pool_id"] == world.one("pools")["id"]


def test_the_second_monitor_takes_over_once_the_first_is_gone():
    first = monitor("first", poolRef={"name": "site"})
    world = tree(pool(), first, monitor(created=LATER))
    assert world.one("health_monitors")["name"] == "first"
    world.delete(key_of(first))
    world.run()
    world.all_ready()
    assert world.one("health_monitors")["name"] == "site"
    assert world.refused == []


def test_two_pools_of_one_name_both_come_to_be():
    other = pool("other", name="site")
    world = tree(pool(), other, listeners=[listener(), listener("more", 81, pool="other")])
    world.all_ready()
    ids = {key.name: world.object(key).status["id"] for key in (SITE, key_of(other))}
    assert len(set(ids.values())) == 2
    uses = {row["name"]: row["default_pool_id"] for row in world.table("listeners")}
    assert uses == {"http": ids["site"], "more": ids["other"]}


def test_a_tree_that_is_refused_for_one_child_is_made_and_only_the_child_says_so():
    """A cookie's name for an HTTP_COOKIE is something that only Octavia refuses."""
    bad = pool("bad", members=[member(12)], name="x")

    def refuse(method, collection, subject):
        bodies = (subject.get("pools") or [subject]) if isinstance(subject, dict) else []
        if method == "POST" and any(body.get("name") == "x" for body in bodies):
            raise BadRequestError("400 this name is not liked", status=400)

    world = Forest(network(), settles=1.5)
    world.fake.on_call = refuse
    world.apply_all([balancer(), pool(), monitor(), bad])
    world.run(120)
    assert world.ready(LB) == ("True", "Available")
    assert world.ready(SITE) == ("True", "Available")
    assert world.ready(CHECK) == ("True", "Available")
    key = key_of(bad)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.progress(key) == "Stalled"
    assert "this name is not liked" in world.message(key)
    assert len([row for row in world.table("ports") if row["name"] == "web-vip"]) == 1
    world.fake.on_call = None
    world.spec(key, name="y")
    world.run()
    world.all_ready()


def test_a_member_whose_network_is_not_there_yet():
    other = {"networkRef": {"name": "back"}, "subnet": "back-v4"}
    world = tree(pool(members=[member(11), {**member(12), **other}]), monitor())
    assert world.ready(LB) == ("True", "Available")
    assert world.ready(SITE) == ("False", "WaitingForReference")
    assert "back" in world.message(SITE)
    assert world.table("pools") == []
    world.apply(network("back"))
    world.run()
    world.all_ready()
    subnets = {row["name"]: row["id"] for row in world.table("subnets")}
    assert {row["address"]: row["subnet_id"] for row in world.table("members")} == {
        "10.40.0.11": None,
        "10.40.0.12": subnets["back-v4"],
    }


def test_a_quota_on_pools_holds_up_only_the_pool_too_many():
    world = Forest(network())
    world.fake.quotas["pools"] = 1
    world.apply_all([balancer(), pool(), monitor(), pool("more")])
    world.run(200)
    assert world.ready(LB) == ("True", "Available")
    assert sorted([world.ready(SITE), world.ready(key_of(pool("more")))]) == [
        ("False", "QuotaExceeded"),
        ("True", "Available"),
    ]
    assert not [key for key in world.all_keys() if world.progress(key) == "Stalled"]
    world.fake.quotas["pools"] = -1
    world.run()
    world.all_ready()


def test_a_quota_on_load_balancers_or_ports_is_waited_for_and_nothing_is_left_lying_about():
    """By the cloud's refusals alone; where the quota can be read, nothing is begun (test_quota.py)."""
    world = Forest(network())
    world.hide_quotas()
    world.fake.quotas["load_balancers"] = 0
    world.apply_all([balancer(), pool(), monitor()])
    world.run(200)
    assert world.ready(LB) == ("False", "QuotaExceeded")
    assert world.progress(LB) == "Reconciling"
    assert len(world.table("ports")) == 1
    assert world.calls()["POST load_balancers"] < 12
    world.fake.quotas["load_balancers"] = 10
    world.forget_calls()
    world.run()
    world.all_ready()
    assert world.changes() == ["POST load_balancers"]
    assert len(world.table("ports")) == 1


@pytest.mark.parametrize("collection", ["pools", "health_monitors"])
def test_what_somebody_deletes_before_it_was_ever_ready_is_made_again(collection):
    world = Forest(network(), balancer(listeners=[listener(pool=None)]), pool(), monitor())
    for _ in range(200):
        world.some(1)
        if world.table(collection):
            break
    world.clock.advance(1.6)  # the tree is ACTIVE
    gone = world.one(collection)["id"]
    getattr(world.others, collection).delete(gone)
    world.fake.settle()
    world.run()
    world.all_ready()
    assert world.one(collection)["id"] != gone
    assert world.object(CHECK if collection == "health_monitors" else SITE).status["id"] != gone
    assert len(world.table("health_monitors")) == 1
