"""The gates a reconcile passes: paused, dry run, a spec that cannot be, an object that changes underneath."""

import pytest

from infomaniak_operator.client import BadRequestError, QuotaExceededError
from infomaniak_operator.controller.dispatcher import in_order
from infomaniak_operator.controller.interfaces import FINALIZER, Done, Retry, Stalled, Superseded
from infomaniak_operator.reconcile.generic.outcomes import Unchanged, annotated
from tests.support.objects import CREDENTIAL, key_of, network, secret, subnet
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


@pytest.mark.parametrize(
    ("value", "meant"),
    [("true", True), ("", False), ("false", False), ("No", False), ("0", False), ("off", False), ("yes", True)],
)
def test_what_an_annotation_says(value, meant):
    world, key = ready()
    world.poke(key, lambda body: body["metadata"].update(annotations={"network.infomaniak.cloud/paused": value}))
    assert annotated(world.object(key), "network.infomaniak.cloud/paused") is meant


# Paused


def test_paused_stops_everything_and_leaves_ready_as_it_was():
    world, key = ready()
    former = world.object(key).condition("Ready")
    world.annotate(key, paused="true")
    world.spec(key, mtu=1400)
    assert world.reconcile(key).next == Done()
    assert world.cloud.take() == []
    assert world.object(key).condition("Ready") == former
    assert world.says(key, "Synced") == ("Unknown", "Paused")
    world.annotate(key, paused="")
    world.settle(key)
    assert world.network()["mtu"] == 1400


def test_paused_stops_deletion_too():
    world, key = ready()
    world.annotate(key, paused="true")
    world.delete(key)
    world.reconcile(key)
    assert world.get(key) is not None
    assert world.cloud.take() == []
    world.annotate(key, paused="")
    world.settle(key)
    assert world.get(key) is None
    assert world.networks() == []


def test_a_paused_one_that_is_being_deleted_says_what_it_waits_for():
    world, key = ready()
    world.annotate(key, paused="true")
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    world.told(key)
    world.delete(key)
    for _ in range(3):
        assert world.reconcile(key).next == Done()
    assert world.ready(key) == ("False", "Paused")
    assert "network.infomaniak.cloud/paused" in world.message(key)
    assert world.told(key) == ["Paused"], "said once"
    assert world.cloud.take() == []
    world.annotate(key, paused="")
    world.settle(key)
    assert world.get(key) is None


def test_one_deleted_in_a_dry_run_is_not_ready():
    world, key = ready()
    world.annotate(key, dry_run="true")
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    world.delete(key)
    world.reconcile(key)
    assert world.ready(key) == ("False", "DryRun")
    assert "would delete network" in world.message(key)
    assert world.cloud.writes() == []


def test_a_credential_that_changes_in_the_middle_of_a_reconcile_is_another_reconcile_s():
    world = World()
    key = world.apply(network())
    rotated = secret(data={**CREDENTIAL, "application_credential_secret": "rotated"})
    world.meanwhile("POST networks", lambda: world.apply(rotated))
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert not in_order(world.object(key), world.reconcilers[key.kind], world)
    world.reconcile(key, deep=False)
    assert in_order(world.object(key), world.reconcilers[key.kind], world)


# After a restart


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (QuotaExceededError("Quota exceeded for resources: ['network']"), "QuotaExceeded"),
        (BadRequestError("Invalid input for operation"), "InvalidConfiguration"),
    ],
)
def test_after_a_restart_an_object_says_what_it_said_until_more_is_known(error, reason):
    """Whether a create of the former process is under way is not known yet: that is no reason to say Creating."""
    world = World()
    key = world.apply(network())
    world.fail("POST networks", error, times=2)
    world.reconcile(key)
    said = world.object(key).status
    assert world.ready(key) == ("False", reason)
    world.told(key)
    world.restart()
    result = world.reconcile(key)
    assert world.object(key).status == said
    assert world.told(key) == []
    while world.clock.monotonic() < world.process.manager.acting_since + GRACE:
        world.clock.advance(result.next.seconds)
        result = world.reconcile(key)
    assert world.ready(key) == ("False", reason)
    world.settle(key) if isinstance(result.next, Retry) else world.reconcile(key)
    assert world.ready(key) == ("True", "Available")


def test_what_is_there_is_not_being_created(monkeypatch):
    world, key = ready()
    world.restart()
    world.spec(key, mtu=1400)
    monkeypatch.setattr(world.reconcilers[key.kind]._actuator, "lock", _busy)
    world.reconcile(key)
    assert world.ready(key) == ("False", "Updating")
    world.delete(key)
    world.reconcile(key)
    assert world.ready(key) == ("False", "Deleting")


def _busy(_):
    return Unchanged(0.1)


def test_paused_before_the_first_reconcile():
    world = World()
    key = world.apply(network())
    world.annotate(key, paused="true")
    world.reconcile(key)
    assert world.ready(key) == ("Unknown", "Paused")
    assert world.object(key).finalizers == ()
    assert world.cloud.take() == []


# Dry run


def test_a_dry_run_of_a_new_one_says_what_it_would_do():
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.annotate(key, dry_run="true")
    assert world.reconcile(key).next == Done()
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.object(key).finalizers == ()
    assert world.ready(key) == ("False", "DryRun")
    assert world.says(key, "Synced") == ("False", "DryRun")
    assert "would create network front" in world.message(key, "Synced")
    assert world.told(key) == ["DryRun"]
    assert "id" not in world.object(key).status
    world.annotate(key, dry_run="")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


CHANGES = {
    "an update": lambda w, k: w.spec(k, mtu=1400),
    "drift": lambda w, k: w.others.networks.update(w.network()["id"], {"name": "drifted"}),
    "a lost mark": lambda w, k: w.others.networks.update(w.network()["id"], {"description": ""}),
    "a new subnet": lambda w, k: w.spec(k, subnets=[V4, subnet("more", "10.2.0.0/24")]),
    "a subnet less": lambda w, k: w.spec(k, subnets=[]),
    "another subnet": lambda w, k: w.spec(k, subnets=[subnet("v4", "10.4.0.0/24")]),
    "tags": lambda w, k: w.spec(k, tags=["blue"]),
    "a double": lambda w, k: w.others.networks.create({"name": "front", "description": w.mark(k).text}),
    "a deletion": lambda w, k: w.delete(k),
    "a release": lambda w, k: w.spec(k, deletionPolicy="Retain") or w.delete(k),
    "giving up": lambda w, k: w.spec(k, managementPolicy="Unmanaged", **{"import": {"id": w.object(k).status["id"]}}),
    "a network gone": lambda w, k: w.others.networks.delete(w.network()["id"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_dry_run_changes_nothing(change):
    world, key = ready()
    id_ = world.object(key).status["id"]
    CHANGES[change](world, key)
    world.annotate(key, dry_run="true")
    before = world.networks(), world.others.subnets.list()
    status_of = world.object(key).status
    for _ in range(3):
        world.reconcile(key)
    assert world.cloud.writes() == []
    assert (world.networks(), world.others.subnets.list()) == before
    assert FINALIZER in world.object(key).finalizers
    assert world.object(key).status["id"] == id_
    assert world.object(key).status["appliedFields"] == status_of["appliedFields"]
    if change != "a double":
        assert world.says(key, "Synced") == ("False", "DryRun")
        assert world.told(key) == ["DryRun"]
    world.annotate(key, dry_run="")
    world.settle(key)
    if world.get(key) is not None:
        assert world.ready(key) == ("True", "Available")


def test_a_dry_run_keeps_ready_what_was_ready():
    world, key = ready()
    world.others.networks.update(world.network()["id"], {"name": "drifted"})
    world.annotate(key, dry_run="true")
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert "drifted" in world.message(key, "Synced")


def test_a_dry_run_of_an_adoption():
    world = World()
    row = world.others.networks.create({"name": "theirs"})
    key = world.apply(network(import_={"id": row["id"]}, mtu=1400))
    world.annotate(key, dry_run="true")
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.object(key).finalizers == ()
    assert "mtu" in world.message(key, "Synced")
    assert world.says(key, "Synced") == ("False", "DryRun")


# A spec the operator cannot work with


def test_a_spec_that_cannot_be_is_for_the_user_to_mend():
    world = World()
    key = world.apply(network(mtu="large"))
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.progress(key) == "Stalled"
    assert "spec.mtu" in world.message(key)
    assert world.cloud.take() == []
    assert world.told(key) == ["InvalidConfiguration"]


def test_a_spec_that_cannot_be_does_not_keep_an_object_from_going():
    world, key = ready()
    world.spec(key, unknownField=1)
    world.reconcile(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert "unknownField" in world.message(key)
    assert world.network()["id"] == world.object(key).status["id"]
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert world.networks() == []


# Underneath


def test_an_object_that_changed_meanwhile_makes_nothing():
    world = World()
    key = world.apply(network())

    def changed(what, act):
        if what == "add_finalizer":
            raise Superseded
        act()

    world.on_kube = changed
    with pytest.raises(Superseded):
        world.reconcile(key)
    assert world.networks() == []
    assert world.cloud.writes() == []


def test_a_finalizer_somebody_took_away_is_set_again_before_the_next_change():
    world, key = ready()
    world.poke(key, lambda body: body["metadata"].update(finalizers=[]))
    world.spec(key, mtu=1400)
    seen = []
    world.meanwhile("PUT networks", lambda: seen.append(world.object(key).finalizers))
    world.settle(key)
    assert seen == [(FINALIZER,)]


def test_an_object_that_goes_without_our_finalizer_is_let_go():
    world, key = ready()
    world.poke(key, lambda body: body["metadata"].update(finalizers=["other/one"], deletionTimestamp="now"))
    before = world.object(key)
    assert world.reconcile(key) is None  # the controller asks no reconciler about it
    assert world.cloud.take() == []
    assert world.object(key) == before


# Reconciles that only something referred to has caused


def test_what_is_in_order_is_not_looked_at_because_something_else_changed():
    world, key = ready()
    result = world.reconcile(key, deep=False)
    assert isinstance(result.next, Done)
    assert world.cloud.take() == []
    assert world.ready(key) == ("True", "Available")


def test_a_secret_that_is_back_as_it_was_is_said_to_be():
    world, key = ready()
    former = secret()
    world.poke(key_of(former), lambda body: body["metadata"].update(finalizers=[]))
    world.delete(key_of(former))
    world.reconcile(key, deep=False)
    assert world.says(key, "CredentialsValid")[0] == "False"
    world.apply(former)
    world.reconcile(key, deep=False)
    assert world.says(key, "CredentialsValid") == ("True", "Available")


def test_drift_that_is_known_is_not_forgotten_over_a_change_of_something_else():
    world, key = ready()
    world.annotate(key, dry_run="true")
    world.others.networks.update(world.network()["id"], {"description": "by hand"})
    world.reconcile(key)
    assert world.says(key, "Synced") == ("False", "DryRun")
    world.cloud.take()
    world.reconcile(key, deep=False)
    assert world.cloud.take() != []
