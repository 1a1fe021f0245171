"""The tests' world: the real controller over a Kubernetes API server and a cloud in memory, moved by hand."""

import threading

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, Done, Superseded
from infomaniak_operator.controller.kube.kube_api import Unavailable
from tests.support.forest import Forest
from tests.support.objects import network, subnet
from tests.support.points import Points, let_go
from tests.support.process import Killed, Operator
from tests.support.world import RESOURCES, World

SUBNETS = [subnet()]


def two_processes(world):
    """A second process over the same objects and the same cloud, which acts as well."""
    return Operator(
        world.kube, RESOURCES, world.clock, world.reconcilers, seen=world._seen, on_kube=lambda _, act: act()
    )


def test_no_thread_is_started():
    before = set(threading.enumerate())
    world = Forest(network(subnets=SUBNETS))
    world.run()
    world.all_ready()
    world.restart()
    # One of a former test may end meanwhile.
    assert set(threading.enumerate()) <= before


def test_two_runs_make_the_same_calls():
    runs = []
    for _ in range(2):
        world = Forest(network(subnets=SUBNETS))
        world.run()
        runs.append((world.fake.calls, world.picture(), world.clock.monotonic()))
    assert runs[0] == runs[1]


def test_nothing_that_a_killed_process_does_is_seen():
    world = World()
    key = world.apply(network(subnets=SUBNETS))
    world.fail("POST networks", Killed(), after=True)
    process = world.process
    with pytest.raises(Killed):
        world.settle(key)
    let_go(world)
    seen, calls = world.object(key).resource_version, dict(world.kube.calls)
    world.clock.advance(3600)
    process.end()
    assert (world.object(key).resource_version, dict(world.kube.calls)) == (seen, calls)
    with pytest.raises(AssertionError, match="restart"):
        world.reconcile(key)
    world.restart()
    world.settle(key)
    assert len([row for row in world.networks() if row["name"] == "front"]) == 1


def test_a_defect_of_a_reconciler_fails_the_test():
    world = Forest(network(subnets=SUBNETS))
    world.fail("LIST networks", RuntimeError("a defect"))
    with pytest.raises(RuntimeError, match="a defect"):
        world.run()


def test_a_status_write_whose_answer_is_lost_is_heard_of_all_the_same():
    world = World()
    key = world.apply(network(subnets=SUBNETS))

    def lost(what, act):
        act()
        raise Unavailable("no answer")

    world.on_kube = lost
    with pytest.raises(Unavailable):
        world.settle(key)
    let_go(world)
    assert FINALIZER in world.object(key).finalizers
    held = world.process.manager.view.get(key)
    assert held is not None
    assert held.resource_version == world.object(key).resource_version


def not_told(act):
    """A process that does not hear of a new spec, and has reason to write: what ``act`` does in the cloud."""
    world = World()
    key = world.apply(network(subnets=SUBNETS))
    world.settle(key)
    world.process.deaf = True
    world.spec(key, mtu=1400)
    held = world.process.manager.view.get(key)
    assert held is not None
    assert "mtu" not in held.spec
    act(world)
    return world, key


def knows_now(world, key):
    held = world.process.manager.view.get(key)
    assert held is not None
    assert held.resource_version == world.object(key).resource_version
    world.settle(key)
    assert world.network()["mtu"] == 1400
    world.process.deaf = False
    assert isinstance(world.reconcile(key).next, Done)


def test_what_a_process_is_not_told_by_its_watch_it_finds_out_by_the_conflict():
    world, key = not_told(lambda world: world.others.networks.update(world.network()["id"], {"mtu": 1300}))
    world.reconcile(key)  # the write of its status is refused, and it asks for the object anew
    knows_now(world, key)


def test_or_before_it_does_anything_where_that_has_to_be_written_down_first():
    world, key = not_told(lambda world: world.others.subnets.delete(world.subnets()["v4"]["id"]))
    calls = len(world.fake.calls)
    with pytest.raises(Superseded):
        world.reconcile(key)
    assert not [call for call in world.fake.calls[calls:] if call[0] not in ("LIST", "GET")]
    knows_now(world, key)


def test_two_processes_at_once_make_one_network():
    """No lease is safe from a pause of the process: whoever comes second finds the first one's by its mark."""
    world = World()
    key = world.apply(network(subnets=SUBNETS))
    second = two_processes(world)
    second.catch_up()
    world.settle(key)
    second.reconcile(key)
    second.catch_up()
    assert [row["name"] for row in world.networks() if row["name"] != "ext-floating1"] == ["front"]
    assert world.ready(key) == ("True", "Available")


def test_every_write_to_kubernetes_is_a_point():
    world = World()
    key = world.apply(network(subnets=SUBNETS))
    counted = Points(world)
    world.settle(key)
    assert counted.passed.count("write") == world.finalizers_added[key] + world.status_writes[key]
    assert counted.passed.count("change") == len([call for call in world.cloud.log if call.writing])
