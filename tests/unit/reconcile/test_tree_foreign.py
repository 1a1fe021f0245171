"""Listeners of others under a load balancer of ours, and listeners of ours that others have taken name and mark from."""

from tests.support.trees import LB, calm, listener, tree


def _looked_at_twice(world):
    for _ in range(2):  # what a first reconcile has put into status must mean nothing to the next
        world.clock.advance(600)
        world.resync()
        world.run()


def test_a_listener_of_others_stays_though_status_shows_it():
    world = tree()
    theirs = {"name": "theirs", "protocol": "TCP", "protocol_port": 22}
    there = world.others.listeners.create({**theirs, "loadbalancer_id": world.one("load_balancers")["id"]})
    world.clock.advance(60)
    world.forget_calls()
    _looked_at_twice(world)
    assert sorted(row["name"] for row in world.table("listeners")) == ["http", "theirs"]
    assert world.changes() == []
    world.spec(LB, listeners=[listener(), listener("ssh", 22, "TCP", None)])
    world.run()
    assert world.ready(LB) == ("False", "Conflict")
    assert there["id"] in {row["id"] for row in world.table("listeners")}


def test_a_listener_of_ours_without_its_name_and_mark_is_put_right_not_replaced():
    world = tree()
    ours = dict(world.one("listeners"))
    world.others.listeners.update(ours["id"], {"name": "x", "tags": []})
    world.clock.advance(60)
    world.forget_calls()
    _looked_at_twice(world)
    now = world.one("listeners")
    assert (now["id"], now["name"], now["tags"]) == (ours["id"], "http", ours["tags"])
    assert world.changes() == ["PUT listeners"]
    calm(world)
