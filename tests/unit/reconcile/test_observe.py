"""Is it there? Absence, creates of unknown outcome, and what was deleted by somebody else."""

import pytest

from infomaniak_operator.client import (
    BadRequestError,
    Category,
    CloudConnectionError,
    CloudTimeoutError,
    NotFoundError,
    ServiceError,
)
from infomaniak_operator.controller.interfaces import FINALIZER, RequeueAfter, Retry
from tests.support.objects import network, secret, subnet
from tests.support.process import Killed
from tests.support.world import GRACE, World

V4 = subnet("v4", "10.1.0.0/24")


def ready(**spec):
    world = World()
    key = world.apply(network(subnets=[V4], **spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    world.cloud.take()
    world.told(key)
    return world, key


def unknown():
    return CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)


@pytest.mark.parametrize("at", ["LIST networks", "LIST subnets"])
@pytest.mark.parametrize("new", [True, False])
def test_a_list_that_fails_is_never_absence(at, new):
    world, key = ready()
    if new:
        world.restart()
        world.poke(key, lambda body: body["status"].pop("id"))
    world.fail(at, CloudConnectionError("reset", category=Category.TRANSIENT), times=3)
    for _ in range(3):
        assert isinstance(world.reconcile(key).next, Retry)
    assert world.cloud.writes() == []
    world.settle(key)
    assert len(world.networks()) == 1
    assert world.cloud.writes() == []


def test_an_object_that_was_ready_stays_so_over_a_passing_failure():
    world, key = ready()
    before = world.ready(key)
    world.fail("LIST networks", ServiceError("503", status=503, category=Category.TRANSIENT))
    world.reconcile(key)
    assert world.ready(key) == before
    assert world.told(key) == []
    assert world.progress(key) == ""


def test_a_new_one_says_what_the_cloud_said():
    world = World()
    key = world.apply(network())
    error = ServiceError("all is broken", status=503, request_id="req-17", category=Category.TRANSIENT)
    world.fail("LIST networks", error, times=2)
    world.reconcile(key)
    assert world.ready(key) == ("False", "CloudError")
    assert world.progress(key) == "Reconciling"
    assert "all is broken" in world.message(key)
    assert "req-17" in world.message(key)
    assert world.told(key) == ["CloudError"]
    world.reconcile(key)
    assert world.told(key) == []  # an error is told of when it is first seen


def test_a_network_deleted_behind_our_back_is_made_again_after_asking_for_it():
    world, key = ready()
    former = world.network()["id"]
    world.others.networks.delete(former)
    result = world.reconcile(key)
    assert result.next == RequeueAfter(0.0)
    assert world.ready(key) == ("False", "ExternallyDeleted")
    # Status forgets the id before a create is sent, so that it never names one while another is under way.
    assert world.cloud.take() == ["LIST networks", "GET networks"]
    assert "id" not in world.object(key).status
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.network()["id"] == world.object(key).status["id"] != former
    assert sorted(world.subnets()) == ["v4"]
    assert world.told(key).count("ExternallyDeleted") == 1


def test_it_is_not_made_again_while_asking_for_it_fails():
    world, key = ready()
    world.others.networks.delete(world.network()["id"])
    world.fail("GET networks", ServiceError("503", status=503, category=Category.TRANSIENT), times=5)
    for _ in range(5):
        world.reconcile(key)
    assert world.networks() == []
    assert world.object(key).status["id"]
    world.settle(key)
    assert len(world.networks()) == 1


def test_a_list_that_leaves_one_out_is_no_reason_to_make_it_again():
    world, key = ready()
    here = world.network()["id"]

    def forgetful(call, act):
        return [] if str(call) == "LIST networks" else act()

    world.cloud.around = forgetful
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.network()["id"] == here
    assert world.cloud.writes() == []


@pytest.mark.parametrize("at", ["POST networks", "POST subnets"])
def test_a_create_that_was_lost_is_not_repeated_before_the_grace(at):
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.fail(at, unknown())
    world.reconcile(key)
    sent = world.clock.monotonic()
    assert world.ready(key) == ("False", "CloudError")
    world.cloud.take()
    while at not in world.cloud.take():
        assert len(world.networks()) == (0 if at == "POST networks" else 1)
        result = world.reconcile(key)
        if isinstance(result.next, RequeueAfter):
            assert world.progress(key) == "Reconciling"
            world.clock.advance(result.next.seconds)
    assert world.clock.monotonic() - sent >= GRACE
    world.settle(key)
    assert len(world.networks()) == 1
    assert sorted(world.subnets()) == ["v4"]


def test_waiting_for_a_create_writes_no_status_over_and_over():
    world = World()
    key = world.apply(network())
    world.fail("POST networks", unknown())
    world.reconcile(key)
    written = world.status_writes[key]
    for _ in range(4):
        world.clock.advance(1.0)
        world.reconcile(key)
    assert world.status_writes[key] == written + 1


@pytest.mark.parametrize("at", ["POST networks", "POST subnets"])
@pytest.mark.parametrize("seconds", [0.0, 1.8, 30.0, GRACE - 1])
@pytest.mark.parametrize("killed", [False, True])
def test_a_create_that_is_finished_late_is_found(at, seconds, killed):
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.late(at, seconds, Killed() if killed else unknown())
    if killed:
        with pytest.raises(Killed):
            world.reconcile(key)
        world.restart()
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert len(world.networks()) == 1
    assert sorted(world.subnets()) == ["v4"]
    assert [str(call) for call in world.cloud.log].count(at) == 1


def test_what_appears_late_is_found_long_before_the_grace_is_over():
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.late("POST networks", 1.8, unknown())
    began = world.clock.monotonic()
    world.settle(key)
    assert world.clock.monotonic() - began < 10


@pytest.mark.parametrize("at", ["POST networks", "POST subnets"])
def test_a_create_carried_out_without_an_answer_is_found_at_once(at):
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.fail(at, unknown(), after=True)
    world.settle(key)
    assert len(world.networks()) == 1
    assert sorted(world.subnets()) == ["v4"]


@pytest.mark.parametrize("at", ["POST networks", "POST subnets"])
@pytest.mark.parametrize("error", [ValueError("a defect of ours"), NotImplementedError()])
def test_a_defect_after_a_create_does_not_double_it(at, error):
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.late(at, 5.0, error)
    with pytest.raises(type(error)):
        world.reconcile(key)
    world.settle(key)
    assert len(world.networks()) == 1
    assert sorted(world.subnets()) == ["v4"]


def test_a_create_that_was_refused_is_repeated_without_waiting():
    world = World()
    key = world.apply(network())
    world.fail("POST networks", BadRequestError("no", status=400, category=Category.TERMINAL))
    world.reconcile(key)
    assert world.progress(key) == "Stalled"
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")


def test_a_status_that_was_never_written_does_not_make_a_second_network():
    world = World()
    key = world.apply(network(subnets=[V4]))

    def lost(what, act):
        if what != "status":
            act()

    world.on_kube = lost
    for _ in range(3):
        world.reconcile(key)
    assert "id" not in world.object(key).status
    world.on_kube = lambda _, act: act()
    world.settle(key)
    assert world.network()["id"] == world.object(key).status["id"]


def test_a_former_process_that_set_the_finalizer_may_have_sent_a_create():
    world = World()
    key = world.apply(network())

    def die(what, act):
        act()
        if what == "add_finalizer":
            raise Killed

    world.on_kube = die
    with pytest.raises(Killed):
        world.reconcile(key)
    world.on_kube = lambda _, act: act()
    world.restart()
    took_over = world.clock.monotonic()
    assert isinstance(world.reconcile(key).next, RequeueAfter)
    world.settle(key)
    assert world.clock.monotonic() - took_over >= GRACE
    assert len(world.networks()) == 1


def test_the_second_look_up_that_fails_is_no_leave_to_create():
    world = World()
    key = world.apply(network())
    world.fail("POST networks", unknown())
    world.reconcile(key)
    world.clock.advance(GRACE)
    lists = []

    def second_fails(call, act):
        if str(call) == "LIST networks":
            lists.append(call)
            if len(lists) == 2:
                raise CloudConnectionError("reset", category=Category.TRANSIENT)
        return act()

    world.cloud.around = second_fails
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.take() == ["LIST networks", "GET quotas", "LIST networks"]
    assert world.networks() == []


def test_a_list_from_before_our_own_write_does_not_count():
    world = World()
    key = world.apply(network())
    old = world.clock.monotonic()
    world.reconcile(key, fresh_after=old)
    world.poke(key, lambda body: body["status"].pop("id"))
    world.reconcile(key, fresh_after=old)
    assert len(world.networks()) == 1
    assert world.object(key).status["id"] == world.network()["id"]


def test_a_list_from_before_our_own_change_does_not_have_it_made_again():
    world, key = ready()
    old = world.clock.monotonic()
    world.spec(key, mtu=1400, subnets=[{**V4, "enableDHCP": False}])
    world.reconcile(key, fresh_after=old)
    assert world.cloud.writes() == ["PUT networks", "PUT subnets"]
    world.reconcile(key, fresh_after=old)
    assert world.cloud.writes() == []
    assert world.ready(key) == ("True", "Available")
    assert world.told(key) == ["Updated"]


def test_a_vanished_subnet_between_look_and_act_is_looked_for_again():
    world, key = ready()
    row = world.subnets()["v4"]
    world.spec(key, subnets=[{**V4, "enableDHCP": False}])
    world.meanwhile("PUT subnets", lambda: world.others.subnets.delete(row["id"]))
    world.settle(key)
    assert world.subnets()["v4"]["enable_dhcp"] is False
    assert world.subnets()["v4"]["id"] != row["id"]


def test_a_change_between_look_and_act_is_not_overwritten_unseen():
    world, key = ready()
    row = world.network()
    world.spec(key, mtu=1400)
    world.meanwhile("PUT networks", lambda: world.others.networks.update(row["id"], {"dns_domain": "theirs."}))
    world.reconcile(key)
    assert world.network()["mtu"] != 1400  # refused by its revision
    world.settle(key)
    assert world.network()["mtu"] == 1400
    assert world.network()["dns_domain"] == "theirs."


def test_one_list_serves_many_objects_of_a_resync():
    world = World()
    keys = [world.apply(network(f"n{i}", subnets=[subnet("v4", f"10.{i}.0.0/24")])) for i in range(5)]
    for key in keys:
        world.settle(key)
    world.clock.advance(600)
    world.cloud.take()
    started = world.clock.monotonic()
    for key in keys:
        world.reconcile(key, fresh_after=started)
    assert sorted(world.cloud.take()) == ["LIST networks", "LIST subnets"]


def test_not_found_of_a_list_is_an_error_like_any_other():
    world, key = ready()
    world.fail("LIST networks", NotFoundError("404", status=404, category=Category.NOT_FOUND))
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.object(key).status["id"] == world.network()["id"]


def test_an_update_without_an_answer_counts_as_set():
    world, key = ready()
    world.spec(key, portSecurityEnabled=False)
    world.fail("PUT networks", unknown(), after=True)
    world.reconcile(key)
    assert world.network()["port_security_enabled"] is False
    world.spec(key, portSecurityEnabled=...)
    world.settle(key)
    assert world.network()["port_security_enabled"] is True


@pytest.mark.parametrize("deleted", [False, True])
def test_a_create_that_was_lost_binds_the_object_to_its_project(deleted):
    world = World()
    key = world.apply(network())
    world.late("POST networks", 5.0, unknown())
    world.reconcile(key)
    world.project = ("beta", "dc3-a")
    world.restart()
    if deleted:
        world.delete(key)
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert "project alpha" in world.message(key)
    world.clock.advance(GRACE)
    world.project = ("alpha", "dc3-a")
    world.restart()
    world.settle(key)
    assert len(world.networks()) == (0 if deleted else 1)


def test_a_create_that_was_refused_binds_it_to_none():
    world = World()
    key = world.apply(network())
    world.fail("POST networks", BadRequestError("no", status=400, category=Category.TERMINAL))
    world.reconcile(key)
    world.project = ("alpha", "dc4-a")
    world.restart()
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


# Lists of new objects


def test_a_crowd_of_new_objects_shares_its_list():
    world = World(with_secret=False)
    keys = [world.apply(network(f"n{number}", subnets=[subnet("v4", f"10.{number}.0.0/24")])) for number in range(4)]
    for key in keys:
        world.reconcile(key)
    world.apply(secret())
    for key in keys:  # each caused by an event of its own, later than the list for the one before
        world.reconcile(key)
    assert [str(call) for call in world.cloud.take()].count("LIST networks") == 1
    assert len(world.networks()) == len(keys)


def test_what_is_there_already_is_listed_anew_for_each_event():
    world = World()
    key = world.apply(network(subnets=[subnet()]))
    world.settle(key)
    world.cloud.take()
    for _ in range(2):
        world.reconcile(key)
    assert [str(call) for call in world.cloud.take()].count("LIST networks") == 2


def test_one_that_this_process_has_not_followed_from_its_beginning_is_listed_anew():
    world = World()
    first, second = (world.apply(network(name, subnets=[])) for name in ("a", "b"))
    world.settle(first)
    world.poke(second, lambda body: body["metadata"].update(finalizers=[FINALIZER]))
    world.restart()
    world.cloud.take()
    for _ in range(2):
        world.reconcile(second)
    assert [str(call) for call in world.cloud.take()].count("LIST networks") == 2
