"""The name that a floating IP leads back to: set, kept, taken away; and an address that stands whatever Designate does."""

from pathlib import Path

import pytest
import yaml

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import (
    BadRequestError,
    Category,
    CloudTimeoutError,
    ForbiddenError,
    InfomaniakCloudError,
    QuotaExceededError,
    ServiceError,
)
from infomaniak_operator.controller.interfaces import Done, RequeueAfter
from infomaniak_operator.reconcile.neutron.reverse_dns import RELEASED_WITHIN
from tests.support.objects import custom
from tests.support.process import Killed
from tests.support.world import World

ROOT = Path(__file__).parents[3]
EXTERNAL = {"externalNetwork": {"networkName": "ext-floating1"}}
MAIL = {"hostname": "mail.example.com"}


def prepared(name=MAIL, **spec):
    """A world with an address that is to lead back to a name, as it was applied."""
    world = World()
    world.fake.settles_at_once = True
    fields = {**EXTERNAL, **({"reverseDNS": name} if name else {}), **spec}
    return world, world.apply(custom("FloatingIP", "mx", fields))


def settled(name=MAIL, **spec):
    world, key = prepared(name, **spec)
    world.settle(key)
    world.cloud.take()
    world.told(key)
    return world, key


def the_one(world):
    (row,) = world.others.floating_ips.list()
    return row


def name_of(world):
    return world.others.reverse_dns.get(the_one(world)["id"])


def shown(world, key):
    return world.object(key).status.get("reverseDNS")


def dead(world, error=None):
    """From now on Designate answers nothing, or so; returns the calls that were made in vain."""
    asked = []

    def around(call, act):
        if call.collection != "reverse_dns":
            return act()
        asked.append(str(call))
        raise error or CloudTimeoutError("no answer in 30 s", outcome_unknown=call.writing)

    world.cloud.around = around
    return asked


def well(world):
    world.cloud.around = lambda _, act: act()


# ── set, changed, drift, unset ───────────────────────────────────────────────────────────────────────────────────────


def test_a_name_is_set_and_shown():
    world, key = prepared({**MAIL, "ttl": 600, "description": "ours"})
    world.settle(key)
    row = name_of(world)
    assert (row["ptrdname"], row["ttl"], row["description"]) == ("mail.example.com.", 600, "ours")
    assert world.ready(key) == world.says(key, "ReverseDNS") == world.says(key, "Synced") == ("True", "Available")
    expected = {"hostname": "mail.example.com", "ttl": 600, "status": "ACTIVE", "floatingIPID": the_one(world)["id"]}
    assert shown(world, key) == expected
    status = {name: value for name, value in world.object(key).status.items() if name != "conditions"}
    KINDS["FloatingIP"].status.model_validate(status)
    told = world.told(key)
    assert ("Updated" in told, "DriftCorrected" in told) == (True, False)  # nobody has changed anything behind us
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.writes() == []


def test_an_address_that_asks_for_no_name_asks_designate_nothing():
    world, key = prepared(name=None)
    world.settle(key)
    world.delete(key)
    world.settle(key)
    assert not [call for call in world.fake.calls if call[1] == "reverse_dns"]
    assert world.get(key) is None


@pytest.mark.parametrize("spelling", ["mail.example.com.", "MAIL.example.com"])
def test_another_spelling_of_a_name_is_no_difference(spelling):
    world, key = settled()
    world.spec(key, reverseDNS={"hostname": spelling})
    world.settle(key)
    assert world.cloud.writes() == []


def test_changed_drift_and_what_is_not_managed_stays():
    world, key = settled()
    id_ = the_one(world)["id"]
    world.others.reverse_dns.set(id_, {"ptrdname": "mail.example.com.", "ttl": 60, "description": "theirs"})
    world.settle(key)
    assert world.cloud.writes() == []  # ttl and description are not in the spec
    world.others.reverse_dns.set(id_, {"ptrdname": "evil.example.com.", "ttl": 60, "description": "theirs"})
    world.settle(key)
    assert (name_of(world)["ptrdname"], name_of(world)["ttl"]) == ("mail.example.com.", 60)
    assert name_of(world)["description"] == "theirs"
    assert "DriftCorrected" in world.told(key)
    world.spec(key, reverseDNS={"hostname": "mx.example.com", "ttl": 120})
    world.settle(key)
    assert (name_of(world)["ptrdname"], name_of(world)["ttl"]) == ("mx.example.com.", 120)
    assert "Updated" in world.told(key)
    assert shown(world, key)["hostname"] == "mx.example.com"


def test_a_ttl_that_is_taken_out_goes_back_to_the_zones():
    world, key = settled({**MAIL, "ttl": 60, "description": "ours"})
    world.spec(key, reverseDNS=MAIL)
    world.reconcile(key)
    assert world.says(key, "ReverseDNS") == ("False", "Updating")
    assert "PENDING" in world.message(key, "ReverseDNS")
    world.settle(key)
    assert (name_of(world)["ttl"], name_of(world)["description"]) == (3600, None)
    assert world.cloud.writes() == ["PATCH reverse_dns"]
    assert world.object(key).status["appliedFields"] == ["reverseDNS.hostname"]
    assert world.says(key, "Synced") == ("True", "Available")


def test_a_name_that_is_taken_out_of_the_spec_goes_where_we_had_set_it():
    world, key = settled()
    world.spec(key, reverseDNS=...)
    world.settle(key)
    assert name_of(world)["ptrdname"] is None
    assert (shown(world, key), world.says(key, "ReverseDNS")) == (None, ("", ""))
    assert world.object(key).status["appliedFields"] == []
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.take() == ["LIST floating_ips"]


def test_a_name_of_others_stays_where_the_spec_names_none():
    world, key = settled(name=None)
    world.others.reverse_dns.set(the_one(world)["id"], {"ptrdname": "theirs.example.com."})
    world.reconcile(key)
    world.delete(key)
    world.settle(key)
    assert [each["ptrdname"] for each in world.fake.designate.records.values()] == ["theirs.example.com."]


def test_a_name_that_is_pending_is_looked_at_by_time_and_not_for_ever_and_ready_does_not_wait():
    world, key = prepared()
    world.fake.settles_at_once = False
    world.reconcile(key)
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "ReverseDNS") == ("False", "Updating")
    assert "PENDING" in world.message(key, "ReverseDNS")
    began, waits = world.clock.monotonic(), []
    while isinstance(following := world.reconcile(key).next, RequeueAfter):
        waits.append(following.seconds)
        world.clock.advance(following.seconds)
    assert 120 <= world.clock.monotonic() - began < 126
    assert (waits[0] < 1.5, max(waits) <= 5, len(waits) < 35) == (True, True, True)
    world.fake.settle()
    assert world.reconcile(key).next == Done()
    assert world.says(key, "ReverseDNS") == ("True", "Available")


def test_a_name_that_the_name_servers_do_not_take_is_said():
    world, key = settled()
    world.fake.designate.records[the_one(world)["id"]]["status"] = "ERROR"
    world.reconcile(key)
    assert world.says(key, "ReverseDNS") == ("False", "CloudError")
    assert world.ready(key) == ("True", "Available")


def test_the_example_of_a_mail_server():
    world = World()
    world.fake.settles_at_once = True
    bodies = list(yaml.safe_load_all((ROOT / "examples" / "mail" / "mail.yaml").read_text("utf-8")))
    keys = []
    for body in bodies:
        spec = {name: value for name, value in body["spec"].items() if name != "cloudCredentialsRef"}
        keys.append(world.apply(custom(body["kind"], body["metadata"]["name"], spec)))
    for key in keys * 2:
        world.settle(key)
    assert {world.ready(key) for key in keys} == {("True", "Available")}
    assert world.says(keys[-1], "ReverseDNS") == ("True", "Available")
    assert [each["ptrdname"] for each in world.fake.designate.records.values()] == ["mx.example.com."]


# ── whatever Designate does ──────────────────────────────────────────────────────────────────────────────────────────

REFUSALS = [
    (ForbiddenError("403 forbidden", status=403), "InvalidConfiguration", "role"),
    (QuotaExceededError("413 over_quota: Quota exceeded for zones.", status=413), "QuotaExceeded", "quota"),
    (BadRequestError("400 invalid_object", status=400), "InvalidConfiguration", "correct"),
    (ServiceError("500 unknown", status=500, outcome_unknown=True), "CloudError", "by itself"),
]


@pytest.mark.parametrize(("error", "reason", "advice"), REFUSALS, ids=lambda one: getattr(one, "message", ""))
@pytest.mark.parametrize("at", ["LIST reverse_dns", "PATCH reverse_dns"])
def test_what_designate_refuses_is_said_apart_from_ready_and_done_once_it_can_be(at, error, reason, advice):
    world, key = prepared()

    def around(call, act):
        if str(call) == at:
            raise error
        return act()

    world.cloud.around = around
    for _ in range(3):
        world.reconcile(key)
        world.clock.advance(30)
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "ReverseDNS") == ("False", reason)
    assert world.progress(key) == ""  # kstatus and Argo CD go by Ready alone
    assert advice in world.message(key, "ReverseDNS")
    assert error.message in world.message(key, "ReverseDNS")
    told = world.told(key)
    assert told.count(reason) == 1
    assert "Updated" not in told
    assert "DriftCorrected" not in told
    well(world)
    world.clock.advance(600)
    world.settle(key)
    assert world.says(key, "ReverseDNS") == ("True", "Available")
    assert name_of(world)["ptrdname"] == "mail.example.com."
    told = world.told(key)
    assert ("Updated" in told, "DriftCorrected" in told) == (True, False)


def test_a_cloud_without_designate_is_said_and_left_to_the_resync():
    world, key = prepared()
    world.fake.designate.missing = True
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "ReverseDNS") == ("False", "InvalidConfiguration")
    assert "no DNS service (Designate) in region dc3-a" in world.message(key, "ReverseDNS")
    assert world.reconcile(key).next == Done()
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None


def test_an_address_is_ready_before_designate_is_asked():
    world, key = prepared()
    asked = dead(world)
    world.reconcile(key)
    assert (world.ready(key), asked) == (("True", "Available"), [])
    world.reconcile(key)
    assert asked == ["LIST reverse_dns"]


def test_a_designate_that_hangs_holds_up_one_of_many_and_is_asked_ever_more_rarely():
    world, _ = prepared(name=None)
    keys = [world.apply(custom("FloatingIP", f"mx{n}", {**EXTERNAL, "reverseDNS": MAIL})) for n in range(5)]
    asked = dead(world)
    for _ in range(2):
        for key in keys:
            world.reconcile(key)
    assert asked == ["LIST reverse_dns"]
    waits = []
    for _ in range(12):
        waits.append(world.reconcile(keys[0]).next.seconds)
        world.clock.advance(waits[-1])
    assert waits[0] == pytest.approx(30, abs=1)
    assert waits[-1] == 300
    assert waits == sorted(waits)


def test_what_a_list_leaves_out_is_no_absence():
    world, key = settled()
    world.fake.designate.hides = True
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.says(key, "ReverseDNS") == ("False", "CloudError")
    assert shown(world, key)["hostname"] == "mail.example.com"
    assert "reverseDNS.hostname" in world.object(key).status["appliedFields"]


# ── deletion ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_name_goes_before_the_address():
    world, key = settled()
    world.delete(key)
    world.settle(key)
    assert world.cloud.writes() == ["PATCH reverse_dns", "DELETE floating_ips"]
    assert (world.fake.designate.records, world.get(key)) == ({}, None)


def test_a_dead_designate_holds_an_address_for_a_while_and_says_so():
    world, key = settled()
    world.delete(key)
    dead(world)
    world.reconcile(key)
    assert world.ready(key) == ("False", "CloudError")
    assert "Designate" in world.message(key)
    began = world.clock.monotonic()
    world.settle(key)
    assert world.get(key) is None
    assert world.others.floating_ips.list() == []
    assert world.clock.monotonic() - began <= RELEASED_WITHIN + 1
    assert "ReverseNameStays" in world.told(key)


def test_a_designate_that_comes_back_in_time_takes_the_name():
    world, key = settled()
    world.delete(key)
    dead(world)
    world.reconcile(key)
    world.clock.advance(30)
    well(world)
    world.settle(key)
    assert (world.fake.designate.records, world.get(key)) == ({}, None)
    assert "ReverseNameStays" not in world.told(key)


@pytest.mark.parametrize("error", [ForbiddenError("403 forbidden", status=403), None])
def test_what_only_a_person_can_mend_holds_no_address(error):
    world, key = settled()
    world.delete(key)
    if error:
        dead(world, error)
    else:
        world.fake.designate.missing = True
    world.reconcile(key)
    assert world.get(key) is None
    assert world.others.floating_ips.list() == []
    assert "ReverseNameStays" in world.told(key)


def test_a_name_that_is_gone_already_holds_nothing_up():
    world, key = settled()
    world.others.reverse_dns.unset(the_one(world)["id"])
    world.delete(key)
    world.reconcile(key)
    assert world.get(key) is None
    assert "ReverseNameStays" not in world.told(key)


def test_a_retained_address_keeps_its_name():
    world, key = settled(deletionPolicy="Retain")
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert name_of(world)["ptrdname"] == "mail.example.com."


def test_the_name_of_an_address_that_somebody_released_goes_with_the_object():
    world, key = settled()
    world.others.floating_ips.delete(the_one(world)["id"])
    world.settle(key)
    assert world.ready(key) == ("False", "ExternallyDeleted")
    assert world.says(key, "ReverseDNS") == ("Unknown", "ExternallyDeleted")
    world.delete(key)
    world.settle(key)
    assert (world.fake.designate.records, world.get(key)) == ({}, None)


def test_an_address_that_is_made_again_gets_the_name_and_the_former_loses_it():
    world, key = settled(recreate="Always")
    former = the_one(world)["id"]
    world.others.floating_ips.delete(former)
    world.settle(key)
    assert the_one(world)["id"] != former
    assert set(world.fake.designate.records) == {the_one(world)["id"]}
    assert name_of(world)["ptrdname"] == "mail.example.com."
    assert shown(world, key)["floatingIPID"] == the_one(world)["id"]
    assert world.says(key, "ReverseDNS") == ("True", "Available")


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_the_change_of_the_name_nothing_is_forgotten(after):
    """The address made again by another process: the name that the former had set on the former one goes."""
    world, key = prepared(recreate="Always")
    world.reconcile(key)

    def around(call, act):
        if str(call) != "PATCH reverse_dns":
            return act()
        if after:
            act()
        raise Killed

    world.cloud.around = around
    with pytest.raises(Killed):
        world.reconcile(key)
    well(world)
    world.restart()
    former = the_one(world)["id"]
    assert "reverseDNS.hostname" in world.object(key).status["appliedFields"]
    world.others.floating_ips.delete(former)
    world.settle(key)
    assert set(world.fake.designate.records) == {the_one(world)["id"]}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_forged_status_takes_no_name_from_an_address_that_is_there(at_once):
    world, key = settled()
    other = world.others.floating_ips.create({"floating_network_id": world.fake.external_network_id})
    world.others.reverse_dns.set(other["id"], {"ptrdname": "theirs.example.com."})
    world.poke(key, lambda body: body["status"]["reverseDNS"].update(floatingIPID=other["id"]))
    if not at_once:
        world.reconcile(key)
        assert shown(world, key)["floatingIPID"] != other["id"]
        world.poke(key, lambda body: body["status"]["reverseDNS"].update(floatingIPID=other["id"]))
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert set(world.fake.designate.records) == {other["id"]}


def test_an_answer_that_is_not_as_was_asked_is_said_apart_from_ready_and_tried_again_ever_more_rarely():
    world, key = settled()

    def around(call, act):
        answer = act()
        return {**answer, "ttl": 300} if str(call) == "PATCH reverse_dns" else answer

    world.cloud.around = around
    world.spec(key, reverseDNS={**MAIL, "ttl": 60})
    waits = [world.reconcile(key).next.seconds]
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "ReverseDNS") == ("False", "Updating")
    assert "reverseDNS.ttl: 300 -> 60" in world.message(key, "ReverseDNS")
    assert world.cloud.writes() == ["PATCH reverse_dns"]
    assert waits == [pytest.approx(30, abs=1)]
    well(world)
    world.settle(key)
    assert world.says(key, "ReverseDNS") == ("True", "Available")


def test_an_address_waits_its_two_minutes_though_designate_was_down_before():
    world, key = settled()
    dead(world)
    for _ in range(3):
        world.reconcile(key)
        world.clock.advance(300)
    world.delete(key)
    world.reconcile(key)
    assert world.get(key) is not None
    well(world)
    world.settle(key)
    assert (world.fake.designate.records, world.get(key)) == ({}, None)


def test_a_lost_answer_is_followed_up():
    world, key = settled()
    error = CloudTimeoutError("no answer", outcome_unknown=True)
    world.spec(key, reverseDNS=...)
    world.late("PATCH reverse_dns", 20.0, error)
    world.reconcile(key)
    assert "reverseDNS.hostname" in world.object(key).status["appliedFields"]
    assert world.says(key, "ReverseDNS")[0] == "False"
    world.settle(key)
    assert name_of(world)["ptrdname"] is None
    assert world.object(key).status["appliedFields"] == []


# ── adoption, Unmanaged, dry run, paused ─────────────────────────────────────────────────────────────────────────────


def taken_over(policy="Managed", name=MAIL, **annotations):
    world, _ = prepared(name=None)
    row = world.others.floating_ips.create({"floating_network_id": world.fake.external_network_id})
    world.others.reverse_dns.set(row["id"], {"ptrdname": "theirs.example.com.", "ttl": 60})
    spec = {"import": {"id": row["id"]}, "managementPolicy": policy, **({"reverseDNS": name} if name else {})}
    key = world.apply(custom("FloatingIP", "taken", spec))
    if annotations:
        world.annotate(key, **annotations)
    world.cloud.take()
    return world, key, row["id"]


def test_an_adoption_shows_the_change_of_the_name_before_it_is_made():
    world, key, id_ = taken_over()
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert "theirs.example.com. -> mail.example.com." in world.message(key, "Synced")
    world.settle(key)
    assert world.others.reverse_dns.get(id_)["ptrdname"] == "mail.example.com."
    assert world.others.reverse_dns.get(id_)["ttl"] == 60


def test_an_adoption_that_names_no_name_leaves_it():
    world, key, id_ = taken_over(name=None)
    world.settle(key)
    world.delete(key)
    world.settle(key)
    assert world.fake.designate.records[id_]["ptrdname"] == "theirs.example.com."


def test_an_unmanaged_address_only_shows_its_name():
    world, key, id_ = taken_over(policy="Unmanaged")
    world.settle(key)
    assert world.cloud.writes() == []
    assert shown(world, key)["hostname"] == "theirs.example.com"
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "ReverseDNS") == ("False", "Conflict")
    world.spec(key, reverseDNS={"hostname": "theirs.example.com"})
    world.settle(key)
    assert world.says(key, "ReverseDNS") == ("True", "Available")
    dead(world)
    world.clock.advance(60)
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "ReverseDNS") == ("False", "CloudError")
    well(world)
    world.delete(key)
    world.settle(key)
    assert world.fake.designate.records[id_]["ptrdname"] == "theirs.example.com."


def test_a_dry_run_says_what_would_become_of_the_name():
    world, key = settled()
    world.annotate(key, dry_run="true")
    world.spec(key, reverseDNS={"hostname": "mx.example.com"})
    world.settle(key)
    assert world.cloud.writes() == []
    assert "mail.example.com. -> mx.example.com." in world.message(key, "Synced")
    world.delete(key)
    world.settle(key)
    assert world.cloud.writes() == []
    assert "reverse name" in world.message(key, "Synced")


def test_a_paused_address_asks_designate_nothing():
    world, key = settled()
    world.others.reverse_dns.unset(the_one(world)["id"])
    world.annotate(key, paused="true")
    world.settle(key)
    assert world.cloud.take() == []
    assert world.says(key, "ReverseDNS") == ("True", "Available")


# ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_round_lists_the_names_once_for_all():
    world, _ = prepared(name=None)
    keys = [world.apply(custom("FloatingIP", f"mx{n}", {**EXTERNAL, "reverseDNS": MAIL})) for n in range(4)]
    for key in keys:
        world.settle(key)
    world.cloud.take()
    since = world.clock.monotonic()
    for key in keys:
        world.reconcile(key, fresh_after=since)
    assert world.cloud.take() == ["LIST floating_ips", "LIST reverse_dns"]


def test_whatever_the_errors_are_the_address_stands():
    """Every error that the client knows, at every call of Designate's."""
    for category in Category:
        for at in ("LIST reverse_dns", "PATCH reverse_dns"):
            world, key = prepared()
            world.fail(at, InfomaniakCloudError("some words", category=category), times=1000)
            for _ in range(4):
                world.reconcile(key)
                world.clock.advance(60)
            assert world.ready(key) == ("True", "Available"), (category, at)
            assert world.says(key, "ReverseDNS")[0] == "False"
            assert world.says(key, "CredentialsValid")[0] == "True"
