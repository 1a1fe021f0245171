"""Deletion: nothing of ours stays, nothing of others goes."""

import pytest

from infomaniak_operator.client import (
    AuthenticationError,
    Category,
    CloudTimeoutError,
    ConflictError,
    ServiceError,
)
from infomaniak_operator.controller.interfaces import FINALIZER, RequeueAfter, Retry, WaitingFor
from infomaniak_operator.reconcile.ownership.marks import Mark, described
from tests.support.objects import custom, key_of, network, secret, subnet
from tests.support.world import GRACE, World

V4 = subnet("v4", "10.1.0.0/24")
V6 = subnet("v6", "fd00:1::/64")


def going(**spec):
    """A world with a network that was Ready and is now Terminating."""
    world = World()
    key = world.apply(network(subnets=[V4, V6], **spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    world.delete(key)
    world.cloud.take()
    world.told(key)
    return world, key


def unknown():
    return CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)


def test_a_network_goes_with_its_subnets_in_one_call():
    world, key = going()
    world.reconcile(key)
    assert world.get(key) is None
    assert world.networks() == []
    assert world.subnets() == {}
    assert world.cloud.writes() == ["DELETE networks"]
    assert world.told(key) == ["Deleted"]


def test_what_is_gone_already_is_done():
    world, key = going()
    world.others.networks.delete(world.network()["id"])
    world.reconcile(key)
    assert world.get(key) is None
    assert world.cloud.writes() == []


def test_one_that_never_made_anything_goes_at_once():
    world = World()
    world.fail("POST networks", ConflictError("quota", status=409, category=Category.QUOTA))
    key = world.apply(network())
    world.reconcile(key)
    assert FINALIZER in world.object(key).finalizers
    world.delete(key)
    world.reconcile(key)
    assert world.get(key) is None


def test_a_terminating_object_without_our_finalizer_is_none_of_our_business():
    world = World()
    key = world.apply(network())
    world.poke(key, lambda body: body["metadata"].update(finalizers=["example.org/other"], deletionTimestamp="now"))
    world.reconcile(key)
    assert world.cloud.take() == []
    assert world.object(key).finalizers == ("example.org/other",)


def test_finalizers_of_others_stay():
    world, key = going()
    world.poke(key, lambda body: body["metadata"]["finalizers"].append("example.org/other"))
    world.reconcile(key)
    assert world.object(key).finalizers == ("example.org/other",)


def test_a_lost_mark_does_not_keep_a_network_from_going():
    world, key = going()
    world.others.networks.update(world.network()["id"], {"description": ""})
    world.others.subnets.update(world.subnets()["v4"]["id"], {"description": ""})
    world.settle(key)
    assert world.networks() == []


def test_a_subnet_of_somebody_else_keeps_it_in_use():
    world, key = going()
    item = {"network_id": world.network()["id"], "name": "theirs", "cidr": "10.9.0.0/24", "ip_version": 4}
    (theirs,) = world.others.subnets.create_many([item])
    result = world.reconcile(key)
    assert isinstance(result.next, RequeueAfter)
    assert world.ready(key) == ("False", "InUse")
    assert world.progress(key) == "Reconciling"
    assert theirs["id"] in world.message(key)
    assert sorted(world.subnets()) == ["theirs", "v4", "v6"]
    assert world.cloud.writes() == []
    world.others.subnets.delete(theirs["id"])
    world.settle(key)
    assert world.get(key) is None
    assert world.networks() == []


def test_a_subnet_that_comes_between_look_and_act_is_not_taken_along():
    world, key = going()
    item = {"network_id": world.network()["id"], "name": "theirs", "cidr": "10.9.0.0/24", "ip_version": 4}
    world.meanwhile("DELETE networks", lambda: world.others.subnets.create_many([item]))
    world.reconcile(key)
    assert "theirs" in world.subnets()
    assert world.get(key) is not None


def test_a_subnet_that_came_after_a_shared_list_of_subnets_is_not_taken_along():
    world, key = going()
    other = world.apply(network("other"))
    begin = world.clock.monotonic()
    world.reconcile(other)
    world.reconcile(other)
    assert world.cloud.take()[-1] == "LIST subnets"
    item = {"network_id": world.object(key).status["id"], "name": "theirs", "cidr": "10.9.0.0/24", "ip_version": 4}
    world.others.subnets.create_many([item])
    world.reconcile(world.apply(network("third")))  # lists the networks anew, with the revision that the subnet moved
    assert world.cloud.take() == ["LIST networks", "POST networks"]
    world.reconcile(key, fresh_after=begin)
    assert "theirs" in world.subnets()
    assert world.ready(key) == ("False", "InUse")


def test_a_port_in_it_is_told_of_and_tried_again_slowly():
    world, key = going()
    error = ConflictError(
        "There are one or more ports still in use on the network",
        status=409,
        error_type="NetworkInUse",
        category=Category.IN_USE,
    )
    world.fail("DELETE networks", error)
    result = world.reconcile(key)
    assert isinstance(result.next, Retry)
    assert result.next.at_least >= 1
    assert world.ready(key) == ("False", "InUse")
    assert "ports still in use" in world.message(key)
    assert world.told(key) == ["InUse"]
    world.settle(key)
    assert world.get(key) is None


@pytest.mark.parametrize("user_state", ["there", "without an id", "going", "gone"])
def test_users_hold_it_up_while_they_may_hold_something_in_the_cloud(user_state):
    world, key = going()

    class Users:
        kind = "Router"

        @staticmethod
        def references(resource):
            return [key]

    world.reconcilers["Router"] = Users()
    router = custom("Router", "edge", {})
    if user_state != "without an id":
        router["metadata"]["finalizers"] = [FINALIZER]
        router["status"] = {"id": "r"}
    world.apply(router)
    if user_state == "going":
        world.delete(key_of(router))
    if user_state == "gone":
        world.poke(key_of(router), lambda body: body["metadata"].update(finalizers=[]))
        world.delete(key_of(router))
    result = world.reconcile(key)
    if user_state in ("there", "going"):
        assert result.next == WaitingFor(frozenset({key_of(router)}))
        assert world.ready(key) == ("False", "InUse")
        assert "Router edge" in world.message(key)
        assert world.cloud.writes() == []
    else:
        assert world.get(key) is None


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_delete_without_an_answer_is_repeated_until_it_is_certain(carried_out):
    world, key = going()
    world.fail("DELETE networks", unknown(), after=carried_out)
    world.reconcile(key)
    assert world.get(key) is not None
    world.settle(key)
    assert world.get(key) is None
    assert world.networks() == []


def test_a_failure_is_shown_while_terminating_though_it_was_ready_before():
    world, key = going()
    world.fail("LIST networks", ServiceError("the cloud is away", status=503, category=Category.TRANSIENT))
    result = world.reconcile(key)
    assert isinstance(result.next, Retry)
    assert world.ready(key)[0] == "False"
    assert "the cloud is away" in world.message(key)


@pytest.mark.parametrize("seconds", [1.8, 30.0, GRACE - 1])
def test_a_create_that_may_be_under_way_is_waited_for(seconds):
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.late("POST networks", seconds, unknown())
    world.reconcile(key)
    world.delete(key)
    world.reconcile(key)
    assert world.ready(key) == ("False", "Deleting")
    world.settle(key)
    assert world.get(key) is None
    world.clock.advance(GRACE)
    assert world.networks() == []


def test_a_create_that_a_former_process_may_have_sent_is_waited_for():
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.late("POST networks", 20.0, unknown())
    world.reconcile(key)
    world.restart()
    world.delete(key)
    world.settle(key)
    world.clock.advance(GRACE)
    assert world.get(key) is None
    assert world.networks() == []


def test_a_create_after_a_loss_that_a_former_process_sent_is_waited_for():
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.settle(key)
    world.others.networks.delete(world.network()["id"])
    world.late("POST networks", 20.0, KeyboardInterrupt())  # the process ends before it can write a status
    with pytest.raises(KeyboardInterrupt):
        world.settle(key)
    world.restart()
    world.delete(key)
    world.settle(key)
    world.clock.advance(GRACE)
    assert world.get(key) is None
    assert world.networks() == []


def test_copies_stay():
    world, key = going()
    twin = world.others.networks.create({"name": "front", "description": world.mark(key).text})
    world.settle(key)
    assert world.get(key) is None
    assert [row["id"] for row in world.networks()] == [twin["id"]]


# Retain


def test_retain_releases_the_marks_and_leaves_all_in_place():
    world, key = going(deletionPolicy="Retain", description="text")
    mark = world.mark(key)
    world.reconcile(key)
    assert world.get(key) is None
    row = world.network()
    assert row["description"].startswith("text ")
    assert Mark.parse(row["description"]).released
    assert Mark.parse(row["description"]).uid == mark.uid
    assert all(Mark.parse(item["description"]).released for item in world.subnets().values())
    assert world.told(key) == ["Retained"]


def test_retain_touches_no_mark_of_others():
    world = World()
    key = world.apply(network(subnets=[V4], deletionPolicy="Retain"))
    world.settle(key)
    mark = world.mark(key, cluster_id="another").text
    item = {"network_id": world.network()["id"], "name": "theirs", "cidr": "10.9.0.0/24", "ip_version": 4}
    (theirs,) = world.others.subnets.create_many([{**item, "description": mark}])
    world.delete(key)
    world.settle(key)
    assert world.subnets()["theirs"] == theirs


def test_retain_with_a_text_that_leaves_no_room_for_the_longer_mark():
    world = World()
    row = world.others.networks.create({"name": "theirs", "description": "x" * 208})
    key = world.apply(network(import_={"id": row["id"]}, deletionPolicy="Retain"))
    world.settle(key)
    assert Mark.parse(world.network()["description"]) == world.mark(key)
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert world.network()["description"] == "x" * 208


def test_what_was_retained_can_be_imported():
    world, key = going(deletionPolicy="Retain")
    world.settle(key)
    row = world.network()
    again = world.apply(network(life=2, import_={"id": row["id"]}, subnets=[V4, V6]))
    world.settle(again)
    assert world.ready(again) == ("True", "Available")
    assert world.network()["description"] == described("", world.mark(again))


@pytest.mark.parametrize("dead", ["refused", "no Secret", "unreadable", "another project"])
@pytest.mark.parametrize("retain", [True, False])
def test_dead_credentials(dead, retain):
    world, key = going(**({"deletionPolicy": "Retain"} if retain else {}))
    world.restart()
    if dead == "refused":

        def refuse(_):
            raise AuthenticationError("401: revoked", status=401)

        world.login = refuse
    elif dead == "no Secret":
        world.delete(key_of(secret()))
    elif dead == "unreadable":
        world.apply(secret(data={"nonsense": "1"}))
    else:
        world.project = ("beta", "dc3-a")
    result = world.reconcile(key)
    assert world.cloud.take() == []
    assert len(world.networks()) == 1
    if retain:
        assert world.get(key) is None
    else:
        assert world.get(key) is not None
        assert world.ready(key)[0] == "False"
        assert world.message(key)
        assert result.next is not None


def test_a_secret_that_goes_first_is_remembered_until_its_objects_are_gone():
    world, key = going()
    world.delete(key_of(secret()))
    world.settle(key)
    assert world.get(key) is None
    assert world.networks() == []


def test_retain_waits_for_a_cloud_that_is_merely_away():
    world, key = going(deletionPolicy="Retain")
    world.fail("LIST networks", ServiceError("503", status=503, category=Category.TRANSIENT))
    world.reconcile(key)
    assert world.get(key) is not None
    world.settle(key)
    assert world.get(key) is None
    assert Mark.parse(world.network()["description"]).released
