"""Trees that belong to somebody else, and parts of ours that others have made or taken the mark from."""

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER
from infomaniak_operator.reconcile.generic.owned import mark_of
from infomaniak_operator.reconcile.ownership.marks import Mark, user_text
from tests.support.forest import Forest
from tests.support.objects import custom, key_of
from tests.support.trees import CHECK, LB, SITE, balancer, calm, listener, member, monitor, network, pool, tree

KEYS = {LB: balancer, SITE: pool, CHECK: monitor}
ROUTER = {"interfaces": [{"networkRef": {"name": "web"}, "subnet": "web-v4"}]}
ADDRESS = {"externalNetwork": {"networkName": "ext-floating1"}}
GROUP = {"rules": [{"direction": "ingress", "etherType": "IPv4", "protocol": "tcp"}]}


def later(world):
    """A resync, and only what it does."""
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()


def restored(world, keys, *, status):
    """The objects as a backup brings them back: another UID, the same finalizers, with or without their status."""
    for key in keys:
        body = world.object(key).body
        again = custom(key.kind, key.name, body["spec"], life=2)
        again["metadata"]["finalizers"] = [FINALIZER]
        if status:
            again["status"] = {k: v for k, v in body["status"].items() if k != "conditions"}
        world.poke(key, lambda each: each["metadata"].update(finalizers=[]))
        world.delete(key)
        world.apply(again)
    world.restart()


# Restored objects, and their deletion.


@pytest.mark.parametrize("status", [True, False])
@pytest.mark.parametrize("retain", [True, False])
def test_the_deletion_of_restored_objects_in_conflict_changes_nothing(status, retain):
    others = (
        custom("Router", "way", ROUTER),
        custom("SecurityGroup", "door", GROUP),
        custom("FloatingIP", "front", ADDRESS),
    )
    world = Forest(network(), *others, *(body() for body in KEYS.values()))
    world.run()
    world.all_ready()
    keys = [*KEYS, *(key_of(each) for each in (*others, network()))]
    if retain:
        for key in keys:
            world.spec(key, deletionPolicy="Retain")
        world.run()
    restored(world, keys, status=status)
    before = world.picture()
    world.forget_calls()
    world.run(300)
    for key in keys:  # what is in conflict is not to be referred to either
        assert world.ready(key)[1] in ("Conflict", "WaitingForReference"), world.standing()
    assert world.ready(key_of(network())) == ("False", "Conflict")
    for key in keys:
        world.delete(key)
    world.run(900)
    assert world.all_keys() == [], world.standing()  # the finalizers went
    assert world.changes() == []
    assert world.picture() == before


@pytest.mark.parametrize("status", [True, False])
@pytest.mark.parametrize("which", KEYS)
def test_the_deletion_of_one_restored_object_in_conflict_changes_nothing(which, status):
    world = tree()
    restored(world, [which], status=status)
    before = world.picture()
    world.run(300)
    assert world.ready(which) == ("False", "Conflict")
    world.delete(which)
    world.run(300)
    assert world.get(which) is None
    assert world.changes() == []
    assert world.picture() == before


@pytest.mark.parametrize("how", ["annotation", "restore flag"])
def test_a_restored_load_balancer_takes_over_its_port_with_the_rest(how):
    world = Forest(network(), balancer(), pool(), monitor(), restore=how == "restore flag")
    world.run()
    before = {name: world.one(name)["id"] for name in ("load_balancers", "listeners", "pools", "ports")}
    restored(world, KEYS, status=True)
    world.run(100)
    if how == "annotation":
        assert world.ready(LB) == ("False", "Conflict")
        for key in KEYS:
            world.annotate(key, adopt_previous="true")
        world.run()
    calm(world)
    assert {name: world.one(name)["id"] for name in before} == before
    assert mark_of(world.one("ports"), world.owner(LB)) == world.mark(LB, "vip")
    for key in KEYS:
        world.delete(key)
    world.run()
    assert world.table("ports") == []


def test_a_port_that_was_made_for_a_former_object_is_not_taken_without_a_word():
    world = tree()
    port = world.one("ports")["id"]
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    restored(world, KEYS, status=False)
    before = world.picture()
    world.run(300)
    assert world.ready(LB) == ("False", "Conflict")
    assert port in world.message(LB)
    assert "adopt-previous" in world.message(LB)
    assert world.picture() == before
    world.annotate(LB, adopt_previous="true")
    world.run()
    calm(world)
    assert world.one("ports")["id"] == port
    assert mark_of(world.one("ports"), world.owner(LB)) == world.mark(LB, "vip")


# Marks that were lost.


@pytest.mark.parametrize("text", ["", "hands off"])
def test_the_mark_of_the_vip_port_is_put_back(text):
    world = tree()
    port = world.one("ports")["id"]
    world.others.ports.update(port, {"description": text})
    later(world)
    world.all_ready()
    assert world.one("ports")["description"] == world.with_both_marks(text, LB, "vip")
    assert world.changes() == ["PUT ports"]
    assert world.told(LB) == ["DriftCorrected"]
    calm(world)


def test_a_vip_port_without_its_mark_goes_with_its_load_balancer():
    world = tree()
    world.others.ports.update(world.one("ports")["id"], {"description": "hands off"})
    for key in (*KEYS, key_of(network())):
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    assert world.table("ports") == []


def test_a_vip_port_without_its_mark_is_kept_when_the_load_balancer_is_made_again():
    world = tree()
    port = world.one("ports")["id"]
    world.others.ports.update(port, {"description": "hands off"})
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    later(world)
    calm(world)
    assert world.one("ports")["id"] == port == world.one("load_balancers")["vip_port_id"]
    assert world.one("ports")["description"] == world.with_both_marks("hands off", LB, "vip")


def test_a_vip_port_without_its_mark_stays_with_a_load_balancer_that_is_retained():
    world = tree()
    world.others.ports.update(world.one("ports")["id"], {"description": "hands off"})
    for key in KEYS:
        world.spec(key, deletionPolicy="Retain")
    world.run()
    for key in KEYS:
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]
    assert user_text(world.one("ports")["description"]) == "hands off"


def test_a_port_with_a_text_that_leaves_no_room_for_the_mark_is_ours_by_status():
    world = tree()
    world.others.ports.update(world.one("ports")["id"], {"description": "x" * 255})
    later(world)
    world.all_ready()
    assert world.one("ports")["description"] == "x" * 255
    for key in (*KEYS, key_of(network())):
        world.delete(key)
    world.run()
    assert world.table("ports") == []


@pytest.mark.parametrize("again", [True, False])
def test_the_vip_port_of_somebody_else_is_theirs_though_an_import_shows_it(again):
    world = Forest(network())
    world.run()
    (subnet,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    port = world.others.ports.create({"network_id": subnet["network_id"], "name": "theirs"})
    row = world.others.load_balancers.create_tree({"vip_port_id": port["id"], "name": "web"})
    world.clock.advance(5)
    world.apply(balancer(import_={"id": row["id"]}, vip=..., listeners=...))
    world.run()
    world.all_ready()
    world.poke(LB, lambda body: body["spec"].pop("import"))  # adopted once and for all
    later(world)
    assert world.one("ports")["description"] == ""
    if again:
        world.spec(LB, vip={"networkRef": {"name": "web"}, "subnet": "web-v4"})
        world.others.load_balancers.delete(row["id"], cascade=True)
        world.clock.advance(5)
        later(world)
        world.all_ready()
        assert world.one("load_balancers")["vip_port_id"] != port["id"]
    world.delete(LB)
    world.run()
    assert world.table("load_balancers") == []
    assert world.one("ports") == port


@pytest.mark.parametrize("restart", [True, False])
def test_the_mark_of_a_redirect_is_put_back(restart):
    world = tree(pool(), listeners=[listener(redirectToHTTPS={"host": "www.example.org"})])
    before = dict(world.one("l7policies"))
    assert world.object(LB).status["listeners"][0]["redirectPolicyID"] == before["id"]
    world.others.l7_policies.update(before["id"], {"tags": [], "name": "drifted"})
    if restart:
        world.restart()
    later(world)
    assert world.changes() == ["PUT l7policies"]
    assert (world.one("l7policies")["id"], world.one("l7policies")["tags"]) == (before["id"], before["tags"])
    calm(world)


@pytest.mark.parametrize("end", ["load balancer", "redirect"])
def test_a_redirect_without_its_mark_goes_with_ours(end):
    world = tree(pool(), listeners=[listener(redirectToHTTPS={"host": "www.example.org"})])
    world.others.l7_policies.update(world.one("l7policies")["id"], {"tags": []})
    world.clock.advance(60)
    if end == "redirect":
        world.spec(LB, listeners=[listener()])
    else:
        for key in (LB, SITE):
            world.delete(key)
    world.run()
    assert world.table("l7policies") == []


def test_what_was_a_former_object_s_under_a_load_balancer_that_is_taken_over_gets_the_mark():
    world = Forest(network(), balancer(listeners=[listener(redirectToHTTPS={"host": "x.org"})]), pool(), restore=True)
    world.run()
    restored(world, [LB, SITE], status=False)
    world.run()
    calm(world)
    assert Mark.among(world.one("l7policies")["tags"]) == world.mark(LB, "redirect/http")
    assert Mark.among(world.one("listeners")["tags"]) == world.mark(LB, "listener/http")


# Parts that others have made under ours.


def test_a_listener_made_by_hand_is_not_taken_over_by_its_name_and_the_rest_proceeds():
    world = tree()
    own = world.one("load_balancers")["id"]
    body = {"name": "ssh", "protocol": "TCP", "protocol_port": 22, "loadbalancer_id": own, "connection_limit": 7}
    theirs = world.others.listeners.create(body)
    world.clock.advance(60)
    world.forget_calls()
    items = [listener(connectionLimit=9), listener("ssh", 22, "TCP", None), listener("more", 8080, pool=None)]
    world.spec(LB, listeners=items)
    world.run()
    assert world.ready(LB) == ("False", "Conflict")
    assert world.progress(LB) == "Stalled"
    assert theirs["id"] in world.message(LB)
    assert "ssh" in world.message(LB)
    assert world.says(LB, "Synced")[0] == "False"
    rows = {row["name"]: row for row in world.table("listeners")}
    assert sorted(rows) == ["http", "more", "ssh"]
    assert (rows["http"]["connection_limit"], rows["ssh"]["connection_limit"]) == (9, 7)
    assert rows["ssh"]["tags"] == []
    assert sorted(world.changes()) == ["POST listeners", "PUT listeners"]
    assert [each["name"] for each in world.object(LB).status["listeners"]] == ["http", "more"]
    later(world)
    assert rows["ssh"]["tags"] == []
    world.spec(LB, listeners=items[::2])
    world.run()
    world.all_ready()
    assert theirs["id"] in {row["id"] for row in world.table("listeners")}


def test_a_listener_made_by_hand_under_the_name_of_one_on_another_port_is_nobody_s_business():
    world = tree()
    own = world.one("load_balancers")["id"]
    body = {"name": "ssh", "protocol": "TCP", "protocol_port": 2222, "loadbalancer_id": own}
    theirs = world.others.listeners.create(body)
    world.clock.advance(60)
    world.spec(LB, listeners=[listener(), listener("ssh", 22, "TCP", None)])
    world.run()
    calm(world)
    assert world.fake.tables["listeners"][theirs["id"]]["tags"] == []
    assert len(world.table("listeners")) == 3


def test_a_monitor_made_by_hand_on_our_pool_is_named_and_kept():
    world = tree(pool())
    theirs = world.others.health_monitors.create(
        {"pool_id": world.one("pools")["id"], "type": "TCP", "delay": 9, "timeout": 3, "max_retries": 2}
    )
    world.clock.advance(60)
    world.apply(monitor())
    world.run(100)
    assert world.ready(CHECK) == ("False", "Conflict"), world.standing()
    assert theirs["id"] in world.message(CHECK)
    assert world.one("health_monitors")["delay"] == 9
    world.others.health_monitors.delete(theirs["id"])
    later(world)
    world.all_ready()


def test_a_pool_made_by_hand_with_the_name_of_ours_is_nobody_s_business():
    world = tree(pool())
    own = world.one("load_balancers")["id"]
    body = {"name": "more", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "loadbalancer_id": own}
    theirs = world.others.pools.create(body)
    world.clock.advance(60)
    world.apply(pool("more", members=[member(12)]))
    world.run()
    calm(world)
    assert len(world.table("pools")) == 3
    assert world.fake.tables["pools"][theirs["id"]]["tags"] == []


# A tag that was copied.


def test_a_listener_with_a_copy_of_the_load_balancer_s_mark_is_not_ours():
    world = tree()
    own = world.one("load_balancers")
    body = {"name": "copy", "protocol": "TCP", "protocol_port": 22, "loadbalancer_id": own["id"]}
    theirs = world.others.listeners.create({**body, "tags": list(own["tags"])})
    world.clock.advance(60)
    world.forget_calls()
    later(world)
    assert world.changes() == []
    assert theirs["id"] in world.fake.tables["listeners"]


@pytest.mark.parametrize("again", [True, False])
def test_a_port_with_a_copy_of_the_vip_port_s_mark_is_not_ours(again):
    world = tree()
    own = world.one("ports")
    first = {"network_id": own["network_id"], "name": own["name"], "description": own["description"]}
    copied = world.others.ports.create(first)
    world.fake.tables["ports"][copied["id"]]["created_at"] = "2020-01-01T00:00:00Z"
    world.clock.advance(60)
    if again:
        world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
        later(world)
        calm(world)
        assert world.one("load_balancers")["vip_port_id"] == own["id"]
    for key in KEYS:
        world.delete(key)
    world.run()
    assert world.one("ports")["id"] == copied["id"]
