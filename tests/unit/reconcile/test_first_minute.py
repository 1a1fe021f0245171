"""The first minute of a health monitor, in which Octavia calls members ONLINE whatever they do."""

import pytest

from tests.support.forest import Forest
from tests.support.trees import CHECK, LB, SITE, balancer, monitor, network, pool, tree

IN_IT, AFTER_IT = 30.0, 120.0


def new_tree() -> Forest:
    """A tree whose monitor is as new as all of it."""
    world = Forest(network(), balancer(), pool(), monitor())
    world.run(IN_IT)
    world.all_ready()
    return world


def health(world: Forest) -> list[tuple[str, object]]:
    """How the load balancer and its pool are, and how many members are said to be ONLINE."""
    return [(world.says(key, "Healthy")[0], world.object(key).status.get("onlineMembers")) for key in (LB, SITE)]


def test_nothing_is_called_healthy_before_the_minute_is_over():
    world = new_tree()
    assert health(world) == [("Unknown", None), ("Unknown", None)]
    assert world.object(SITE).status["members"][0]["operatingStatus"] == "ONLINE"  # what the cloud says is shown
    assert world.object(SITE).status["memberCount"] == 1
    world.run()
    assert health(world) == [("True", None), ("True", 1)]


def test_the_truth_that_comes_with_the_minutes_end_is_told():
    world = new_tree()
    (row,) = world.table("members")
    row["operating_status"] = "ERROR"
    for name in ("pools", "load_balancers"):
        world.one(name)["operating_status"] = "ERROR"
    world.run()
    assert health(world) == [("False", None), ("False", 0)]
    assert "10.40.0.11 8080 is ERROR" in world.message(SITE, "Healthy")


def test_the_truth_may_come_some_seconds_after_the_minute():
    world = new_tree()
    world.run(70.0 - IN_IT)
    assert health(world) == [("Unknown", None), ("Unknown", None)]
    (row,) = world.table("members")
    row["operating_status"] = "ERROR"
    world.one("pools")["operating_status"] = "ERROR"
    world.run()
    assert health(world)[1] == ("False", 0)


def test_what_is_bad_is_believed_at_once():
    world = new_tree()
    (row,) = world.table("members")
    row["operating_status"] = "ERROR"
    for name in ("pools", "load_balancers"):
        world.one(name)["operating_status"] = "ERROR"
    for key in (LB, SITE):
        world.reconcile(key)
    assert health(world) == [("False", None), ("False", 0)]


def test_a_monitor_that_has_called_a_member_bad_has_looked_and_is_believed():
    world = new_tree()
    (row,) = world.table("members")
    row["operating_status"] = "ERROR"
    world.reconcile(SITE)
    row["operating_status"] = "ONLINE"
    world.clock.advance(5)
    world.resync()
    world.run(1.0)
    assert health(world)[1] == ("True", 1)


def test_a_monitor_that_comes_later_has_its_minute_too():
    world = Forest(network(), balancer(), pool())
    world.run()
    assert health(world) == [("True", None), ("True", 1)]
    world.apply(monitor())
    world.run(IN_IT)
    world.all_ready()
    world.resync()
    world.run(5.0)
    assert health(world)[1] == ("Unknown", None)
    world.run(AFTER_IT)
    assert health(world) == [("True", None), ("True", 1)]


def test_a_restart_in_the_minute_forgets_nothing():
    world = new_tree()
    world.restart()
    world.run(5.0)
    assert health(world)[1] == ("Unknown", None)
    world.run(AFTER_IT)
    assert health(world) == [("True", None), ("True", 1)]


@pytest.mark.parametrize("ahead", [-86400.0, 86400.0])
def test_a_clock_that_is_wrong_costs_a_minute_at_most(ahead):
    world = tree()
    world.one("health_monitors")["created_at"] = "2030-01-01T00:00:00" if ahead > 0 else "2020-01-01T00:00:00"
    world.restart()
    world.resync()
    world.run(AFTER_IT)
    assert health(world) == [("True", None), ("True", 1)]


def test_a_monitor_without_a_time_is_an_old_one():
    world = tree()
    world.one("health_monitors")["created_at"] = None
    world.restart()
    world.resync()
    world.run(5.0)
    assert health(world) == [("True", None), ("True", 1)]
    assert world.ready(CHECK)[0] == "True"
