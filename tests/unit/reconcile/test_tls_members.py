"""TLS between a load balancer and a pool's members: made, renewed, taken out, and never without what it is judged by."""

import datetime as dt

import pytest

from infomaniak_operator.api.v1alpha1 import pool_types
from infomaniak_operator.client import CloudTimeoutError, ForbiddenError
from infomaniak_operator.controller.interfaces import Key
from tests.support.chains import (
    authority,
    data_of,
    encoded,
    inside,
    issuer,
    key_owner,
    link,
    revoking,
    subject,
    tls_secret,
)
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE
from tests.support.process import Killed
from tests.support.trees import CHECK, LB, SITE, balancer, calm, listener, member, monitor, network, pool

FIRST, SECOND = authority("first"), authority("second")
ALICE, BOB = link("alice", FIRST), link("bob", FIRST)
PAST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MEMBERS = Key("Secret", NAMESPACE, "members")
GOOD = "https://keys/v1/secrets/good"
CA = {"caSecretRef": {"name": "members"}}
CRL = {"crlSecretRef": {"name": "members"}}
CLIENT = {"secretRef": {"name": "client"}}
ALL = {
    **CA,
    **CRL,
    **CLIENT,
    "versions": ["TLSv1.3"],
    "ciphers": "ECDHE-RSA-AES128-GCM-SHA256",
    "alpnProtocols": ["h2", "http/1.1"],
}


def members(of=FIRST, crl=True, **more):
    return tls_secret("members", encoded(ca_crt=of.cert, **({"ca_crl": revoking(of)} if crl else {})), **more)


def client(of=ALICE):
    return tls_secret("client", data_of(of, FIRST))


def started(*bodies, tls=ALL, **spec):
    world = Forest(network(), *bodies, balancer(), pool(tls=tls, **spec), monitor())
    world.run(60)
    return world


def ready(*bodies, tls=ALL, **spec):
    world = started(*(bodies or (members(), client())), tls=tls, **spec)
    world.all_ready()
    world.clock.advance(60)
    world.forget_calls()
    world.told(SITE)
    return world


def row(world):
    """The pool that the listener sends to."""
    (listener,) = world.table("listeners")
    (found,) = [each for each in world.table("pools") if each["id"] == listener["default_pool_id"]]
    return found


def held(world):
    """What Barbican has."""
    return sorted(each for payload in world.fake.barbican.payloads.values() for each in inside(payload))


def trusts(world):
    """What the pool has of authority, list and certificate."""
    read, pool_row = world.fake.barbican.payload, row(world)
    ca, crl, own = (pool_row[each] for each in ("ca_tls_container_ref", "crl_container_ref", "tls_container_ref"))
    return (
        subject(read(ca)) if ca and read(ca) else ca,
        issuer(read(crl)) if crl else None,
        key_owner(read(own)) if own else None,
    )


def test_all_of_it_is_made_at_once():
    world = ready()
    made = row(world)
    assert trusts(world) == ("CN=first", "CN=first", "CN=alice")
    assert (made["tls_enabled"], made["tls_versions"], made["tls_ciphers"], sorted(made["alpn_protocols"])) == (
        True,
        ["TLSv1.3"],
        "ECDHE-RSA-AES128-GCM-SHA256",
        ["h2", "http/1.1"],
    )
    shown = {(each["secretName"], each.get("key")) for each in world.object(SITE).json_status["certificates"]}
    assert shown == {("members", "ca.crt"), ("members", "ca.crl"), ("client", None)}
    assert len(world.table("pools")) == 1
    calm(world)


def test_it_is_made_by_itself_for_octavia_takes_no_tree_with_it():
    world = started(members(), client())
    assert "POST pools" in world.changes()
    assert not any("together with its pools it is refused" in event.message for event in world.events[LB])


def test_tls_that_nobody_looks_at():
    world = ready(tls={})
    assert (row(world)["tls_enabled"], trusts(world), held(world)) == (True, (None, None, None), [])
    assert world.calls()["LIST secrets"] == 0
    calm(world)


@pytest.mark.parametrize(
    ("bodies", "before", "after"),
    [
        ((members(SECOND), client(BOB)), None, ("CN=second", "CN=second", "CN=bob")),
        ((members(SECOND),), None, ("CN=second", "CN=second", "CN=alice")),
        ((client(BOB),), None, ("CN=first", "CN=first", "CN=bob")),
    ],
)
def test_a_renewal_is_one_request_to_the_pool_and_the_old_ones_go_last(bodies, before, after):
    world = ready()
    pool_id = row(world)["id"]
    for body in bodies:
        world.apply(body)
    world.run(60)
    world.all_ready()
    assert (trusts(world), row(world)["id"]) == (after, pool_id)
    assert world.changes().count("PUT pools") == 1
    assert len(held(world)) == 3
    assert world.changes()[-1] == "DELETE secrets"
    calm(world)


def test_the_renewal_of_an_authority_is_four_calls():
    world = ready(members(crl=False), tls=CA)
    world.apply(members(SECOND, crl=False))
    world.run(30)
    world.all_ready()
    assert world.changes() == ["POST secrets", "PUT pools", "DELETE secrets"]
    about = [
        count
        for call, count in world.calls().items()
        if call.endswith("secrets") or not call.startswith(("LIST", "GET"))
    ]
    assert sum(about) <= 4
    assert held(world) == ["CN=second"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("method", "collection"), [("POST", "secrets"), ("PUT", "pools"), ("DELETE", "secrets")])
def test_a_kill_at_any_call_of_a_renewal_leaves_nothing(method, collection, after):
    world = ready()
    world.fake.fail_next(method, collection, Killed(), after=after)
    world.apply(members(SECOND))
    world.apply(client(BOB))
    with pytest.raises(Killed):
        world.run(60)
    world.restart()
    world.run(400)
    world.all_ready()
    assert trusts(world) == ("CN=second", "CN=second", "CN=bob")
    assert held(world) == ["CN=second", "key of CN=bob", "list of CN=second"]
    calm(world)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("call", [("POST", "secrets"), ("POST", "pools"), ("DELETE", "secrets"), ("DELETE", "pools")])
def test_a_kill_while_it_is_made_or_deleted_leaves_nothing(call, after):
    method, collection = call
    world = Forest(network(), members(), client(), balancer(listeners=[]))
    world.run(60)
    if method == "POST":
        world.fake.fail_next(method, collection, Killed(), after=after)
        world.apply(pool(tls=ALL))
    else:
        world.apply(pool(tls=ALL))
        world.run(60)
        world.fake.fail_next(method, collection, Killed(), after=after)
        world.delete(SITE)
    with pytest.raises(Killed):
        world.run(60)
    world.restart()
    world.run(500)
    if method == "POST":
        world.all_ready()
        assert len(world.table("pools")) == 1
        assert held(world) == ["CN=first", "key of CN=alice", "list of CN=first"]
        world.delete(SITE)
        world.run(300)
    assert world.get(SITE) is None
    assert (world.table("pools"), held(world)) == ([], [])


WRONG = {
    "expired": (lambda: encoded(ca_crt=authority("gone", ends=PAST).cert), "CN=gone has expired"),
    "no authority": (lambda: encoded(ca_crt=ALICE.cert), "ca.crt: CN=alice is no certificate of an authority"),
    "no PEM": (lambda: encoded(ca_crt="hello"), "ca.crt holds no certificates in PEM"),
    "nothing in it": (dict, "it has no ca.crt"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_the_former_one_stays(case):
    world = ready(members(crl=False), client(), tls={**CA, **CLIENT})
    data, words = WRONG[case]
    world.apply(tls_secret("members", data()))
    world.run(30)
    assert world.ready(SITE) == ("False", "InvalidConfiguration")
    assert world.progress(SITE) == "Stalled"
    for kind in ("Ready", "ReferencesResolved"):
        message = world.message(SITE, kind)
        assert message.startswith(f"spec.tls.caSecretRef: Secret {NAMESPACE}/members: ")
        assert words in message
        assert "a pool that serves goes on with what it has" in message
    assert world.changes() == []
    world.restart()
    world.spec(SITE, algorithm="SOURCE_IP")
    world.apply(client(BOB))
    world.run(400)
    assert (row(world)["lb_algorithm"], trusts(world)) == ("SOURCE_IP", ("CN=first", None, "CN=bob"))
    assert held(world) == ["CN=first", "key of CN=bob"]
    world.apply(members(SECOND, crl=False))
    world.run(200)
    world.all_ready()
    assert (trusts(world), held(world)) == (("CN=second", None, "CN=bob"), ["CN=second", "key of CN=bob"])


@pytest.mark.parametrize("why", ["label", "missing", "wrong", "client", "list", "role"])
def test_no_pool_is_made_before_its_members_can_be_judged(why):
    bodies = {
        "label": [members(labelled=False), client()],
        "missing": [client()],
        "wrong": [tls_secret("members", {}), client()],
        "client": [members(), tls_secret("client", {})],
        "list": [members(crl=False), client()],
        "role": [members(), client()],
    }[why]
    world = Forest(network(), *bodies)
    world.fake.barbican.forbids = why == "role"
    world.apply_all([balancer(), pool(tls=ALL)])
    world.run(60)
    assert world.ready(SITE)[0] == "False"
    assert "spec.tls." in world.message(SITE)
    assert world.table("pools") == []
    assert world.one("listeners")["default_pool_id"] is None
    if why == "role":
        assert "ask for the role creator" in world.message(SITE)
        world.fake.barbican.forbids = False
    elif why == "label":
        world.poke(MEMBERS, lambda body: body["metadata"].update(labels={"network.infomaniak.cloud/tls": "true"}))
    else:
        world.apply(members())
        world.apply(client())
    world.run(900)
    world.all_ready()
    assert trusts(world) == ("CN=first", "CN=first", "CN=alice")


def test_tls_that_comes_or_goes_is_another_pool_and_no_listener_lacks_one():
    world = ready(tls=...)
    plain = row(world)
    assert plain["tls_enabled"] is False
    world.apply(members())
    world.apply(client())
    world.spec(SITE, tls=ALL)
    lacked = []
    for _ in range(400):
        lacked += [each for each in world.table("listeners") if not each["default_pool_id"]]
        world.some(1)
    world.run(120)
    world.all_ready()
    over = row(world)
    assert over["id"] != plain["id"]
    assert (over["tls_enabled"], trusts(world)) == (True, ("CN=first", "CN=first", "CN=alice"))
    assert [each["id"] for each in world.table("pools")] == [over["id"]]
    assert lacked == []

    world.spec(SITE, tls=...)
    world.run(200)
    world.all_ready()
    assert row(world)["id"] != over["id"]
    assert (row(world)["tls_enabled"], trusts(world)) == (False, (None, None, None))
    assert (held(world), len(world.table("pools"))) == ([], 1)
    assert "certificates" not in world.object(SITE).json_status
    calm(world)


def test_a_pool_that_serves_is_not_given_up_before_its_members_can_be_judged():
    world = ready(tls=...)
    plain = row(world)["id"]
    world.delete(MEMBERS)
    world.spec(SITE, tls=CA)
    world.run(60)
    assert world.ready(SITE) == ("False", "WaitingForReference")
    assert (row(world)["id"], len(world.table("pools"))) == (plain, 1)
    world.apply(members())
    world.run(120)
    world.all_ready()
    assert trusts(world) == ("CN=first", None, None)


@pytest.mark.parametrize("before", [..., {**CA, "enabled": False}], ids=["added", "enabled"])
@pytest.mark.parametrize("wrong", [False, True], ids=["missing", "wrong"])
def test_a_pool_that_waits_for_a_secret_follows_its_spec_in_all_else(before, wrong):
    world = ready(members(crl=False), tls=before)
    plain = row(world)["id"]
    if wrong:
        world.apply(tls_secret("members", encoded(ca_crt="hello")))
    else:
        world.delete(MEMBERS)
    world.spec(SITE, tls=CA, members=[member(77)], algorithm="SOURCE_IP", description="moved")
    world.run(100)
    assert world.ready(SITE) == ("False", "InvalidConfiguration" if wrong else "WaitingForReference")
    assert "spec.tls.caSecretRef" in world.message(SITE)
    found = row(world)
    assert (found["id"], found["tls_enabled"], len(world.table("pools"))) == (plain, False, 1)
    assert found["lb_algorithm"] == "SOURCE_IP"
    assert found["description"] == "moved"
    assert [each["address"] for each in world.table("members")] == [member(77)["address"]]
    world.restart()
    world.spec(SITE, members=[member(77), member(78)])
    world.run(200)
    assert len(world.table("members")) == 2
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run(60)
    assert world.changes() == []
    world.apply(members(crl=False))
    world.run(200)
    world.all_ready()
    assert row(world)["id"] != plain
    assert trusts(world) == ("CN=first", None, None)
    assert len(world.table("members")) == 2


def test_another_protocol_waits_for_a_secret_as_well_and_tls_goes_on():
    world = ready(members(crl=False), tls=CA)
    before = row(world)["id"]
    world.delete(MEMBERS)
    world.spec(SITE, protocol="PROXY", members=[member(77)])
    world.run(100)
    assert world.ready(SITE) == ("False", "WaitingForReference")
    assert (row(world)["id"], row(world)["protocol"], trusts(world)[0]) == (before, "HTTP", "CN=first")
    assert [each["address"] for each in world.table("members")] == [member(77)["address"]]


AT_REST = {
    "paused": (lambda world, on: world.annotate(LB, paused="true" if on else ""), "is paused"),
    "dry run": (lambda world, on: world.annotate(LB, dry_run="true" if on else ""), "is in a dry run"),
    "read only": (
        lambda world, on: world.spec(LB, managementPolicy="Unmanaged" if on else ...),
        "is only read (managementPolicy: Unmanaged)",
    ),
}


@pytest.mark.parametrize("change", [{"tls": {}}, {"protocol": "PROXY"}], ids=["tls", "protocol"])
@pytest.mark.parametrize("how", AT_REST)
def test_no_pool_is_replaced_while_its_listeners_would_not_go_over(how, change):
    world = ready(tls=...)
    before = row(world)
    switch, words = AT_REST[how]
    switch(world, True)
    world.run(30)
    world.spec(SITE, **change, members=[member(77)], algorithm="SOURCE_IP")
    world.run(200)
    assert world.ready(SITE) == ("False", "InUse")
    assert f"LoadBalancer web, which takes the listeners over to that, {words}" in world.message(SITE)
    assert [each["id"] for each in world.table("pools")] == [before["id"]]
    assert world.one("health_monitors")["pool_id"] == before["id"]
    assert row(world)["lb_algorithm"] == "SOURCE_IP"
    assert [each["address"] for each in world.table("members")] == [member(77)["address"]]
    switch(world, False)
    world.run(200)
    world.all_ready()
    assert row(world)["id"] != before["id"]
    assert len(world.table("pools")) == 1
    calm(world)


def test_a_pool_that_no_listener_uses_is_replaced_whatever_the_load_balancer_does():
    world = ready(tls=...)
    world.spec(LB, listeners=[])
    world.run(60)
    before = world.one("pools")["id"]
    world.annotate(LB, paused="true")
    world.spec(SITE, tls={})
    world.run(200)
    assert world.one("pools")["tls_enabled"] is True
    assert world.one("pools")["id"] != before
    assert world.ready(SITE) == ("True", "Available")


@pytest.mark.parametrize("change", [{"tls": {}}, {"protocol": "PROXY"}], ids=["tls", "protocol"])
@pytest.mark.parametrize("back", [False, True])
def test_the_pool_that_serves_is_not_given_up_where_the_quota_has_no_room_for_another(change, back):
    world = ready(tls=...)
    before = row(world)["id"]
    world.fake.quotas.update(pools=1, pool=1)
    world.clock.advance(120)
    world.spec(SITE, **change, members=[member(77)])
    world.run(200)
    assert world.ready(SITE) == ("False", "QuotaExceeded")
    assert "1 pool needed, 1 of 1 used" in world.message(SITE)
    assert [each["id"] for each in world.table("pools")] == [before]
    assert [each["address"] for each in world.table("members")] == [member(77)["address"]]
    assert "POST pools" not in world.changes()
    if back:
        world.spec(SITE, **({"tls": ...} if "tls" in change else {"protocol": "HTTP"}))
    else:
        world.fake.quotas.update(pools=2, pool=2)
    world.run(900)
    world.all_ready()
    assert (row(world)["id"] == before) is back
    assert len(world.table("pools")) == 1
    calm(world)


def test_fields_come_change_and_go_in_place():
    world = ready()
    id_ = row(world)["id"]
    world.spec(SITE, tls={**CA, "versions": ["TLSv1.2"], "ciphers": "AES128-SHA256", "alpnProtocols": ["http/1.1"]})
    world.run(60)
    world.all_ready()
    assert (trusts(world), held(world)) == (("CN=first", None, None), ["CN=first"])
    assert [row(world)[each] for each in ("tls_versions", "tls_ciphers", "alpn_protocols")] == [
        ["TLSv1.2"],
        "AES128-SHA256",
        ["http/1.1"],
    ]
    world.spec(SITE, tls={})
    world.run(60)
    world.all_ready()
    assert (trusts(world), held(world), row(world)["id"]) == ((None, None, None), [], id_)
    world.spec(SITE, tls=ALL)
    world.run(60)
    world.all_ready()
    assert (trusts(world)[0], row(world)["id"]) == ("CN=first", id_)


def test_switched_off_the_rest_is_kept_for_later():
    world = ready(tls={**ALL, "enabled": False})
    off = row(world)
    assert (off["tls_enabled"], trusts(world)) == (False, ("CN=first", "CN=first", "CN=alice"))
    world.spec(SITE, tls={**ALL, "enabled": True})
    world.run(120)
    world.all_ready()
    assert row(world)["id"] != off["id"]
    assert row(world)["tls_enabled"] is True
    calm(world)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("after", [CA, {}], ids=["list", "block"])
def test_a_list_that_is_taken_out_while_the_authority_cannot_be_used_goes_later(after, restarted):
    crl = tls_secret("crl", encoded(ca_crl=revoking(FIRST)))
    world = ready(members(crl=False), crl, tls={**CA, "crlSecretRef": {"name": "crl"}})
    assert trusts(world) == ("CN=first", "CN=first", None)
    world.apply(tls_secret("members", encoded(ca_crt="x")))
    world.run(30)
    world.spec(SITE, tls=CA)
    world.run(60)
    world.clock.advance(600)
    world.resync()
    world.run(60)
    if restarted:
        world.restart()
        world.run(60)
    assert trusts(world) == ("CN=first", "CN=first", None)
    if after:
        world.apply(members(SECOND, crl=False))
    else:
        world.spec(SITE, tls={})
    world.run(300)
    world.all_ready()
    assert (trusts(world), held(world)) == ((("CN=second", None, None), ["CN=second"]) if after else ((None,) * 3, []))
    assert world.object(SITE).json_status["appliedFields"].count("tls.crlBarbicanSecret") == 0
    calm(world)


def test_a_list_of_others_on_an_adopted_pool_is_not_taken_off():
    world, id_ = by_hand(tls_enabled=True, ca_tls_container_ref=GOOD, crl_container_ref=f"{GOOD}-list")
    world.apply(pool(import_={"id": id_}, tls={"caBarbicanSecret": GOOD}, members=...))
    world.run(200)
    world.all_ready()
    assert world.one("pools")["crl_container_ref"] == f"{GOOD}-list"
    world.spec(SITE, tls={})
    world.run(100)
    assert world.one("pools")["crl_container_ref"] == f"{GOOD}-list"


@pytest.mark.parametrize("wrong", [False, True], ids=["missing", "wrong"])
def test_it_can_be_switched_off_whatever_became_of_what_it_names(wrong):
    world = ready()
    before = row(world)["id"]
    if wrong:
        world.apply(tls_secret("members", encoded(ca_crt="x")))
        world.apply(tls_secret("client", encoded(tls_crt="x")))
    else:
        world.delete(MEMBERS)
        world.delete(Key("Secret", NAMESPACE, "client"))
    world.run(30)
    world.spec(SITE, tls={**ALL, "enabled": False}, members=[member(77)])
    world.run(200)
    assert row(world)["id"] != before
    assert row(world)["tls_enabled"] is False
    assert len(world.table("pools")) == 1
    assert [each["address"] for each in world.table("members")] == [member(77)["address"]]
    assert "spec.tls.caSecretRef" in world.message(SITE)  # it is told all the same
    off = row(world)["id"]
    world.spec(SITE, tls=ALL)
    world.run(100)
    assert (row(world)["id"], row(world)["tls_enabled"]) == (off, False)
    world.apply(members())
    world.apply(client())
    world.run(300)
    world.all_ready()
    assert row(world)["tls_enabled"] is True
    assert trusts(world) == ("CN=first", "CN=first", "CN=alice")


def test_a_pool_that_is_switched_off_is_made_without_what_it_names():
    mixed = {"caSecretRef": {"name": "members"}, "crlBarbicanSecret": GOOD, **CLIENT, "enabled": False}
    world = started(tls=mixed)
    assert (row(world)["tls_enabled"], trusts(world)) == (False, (None, None, None))
    world.apply(members(crl=False))
    world.apply(client())
    world.run(100)
    world.all_ready()
    assert row(world)["crl_container_ref"] == GOOD
    assert row(world)["tls_enabled"] is False


def test_from_an_address_to_a_secret_and_back():
    by_address = {"caBarbicanSecret": GOOD}
    world = ready(tls=by_address)
    assert trusts(world) == (GOOD, None, None)
    world.apply(members())
    world.spec(SITE, tls=CA)
    world.run(60)
    world.all_ready()
    assert trusts(world) == ("CN=first", None, None)
    world.spec(SITE, tls=by_address)
    world.run(60)
    world.all_ready()
    assert (trusts(world), held(world)) == ((GOOD, None, None), [])


def test_drift_is_put_back():
    world = ready()
    id_ = row(world)["id"]
    drifted = {"ca_tls_container_ref": GOOD, "crl_container_ref": None, "tls_ciphers": "AES128-SHA256"}
    world.others.pools.update(id_, drifted)
    world.fake.settle()
    world.clock.advance(600)
    world.resync()
    world.run(60)
    world.all_ready()
    assert (trusts(world), row(world)["id"]) == (("CN=first", "CN=first", "CN=alice"), id_)
    assert row(world)["tls_ciphers"] == ALL["ciphers"]
    assert "DriftCorrected" in world.told(SITE)


def test_tls_that_somebody_switches_off_is_spoken_by_another_pool():
    world = ready()
    id_ = row(world)["id"]
    world.others.pools.update(id_, {"tls_enabled": False})
    world.fake.settle()
    world.clock.advance(600)
    world.resync()
    world.run(120)
    world.all_ready()
    assert row(world)["id"] != id_
    assert (row(world)["tls_enabled"], trusts(world)) == (True, ("CN=first", "CN=first", "CN=alice"))
    assert len(world.table("pools")) == 1
    calm(world)


def test_a_tree_that_is_lost_is_made_again_with_the_same_secrets():
    world = ready()
    kept = {each["name"] for each in world.fake.barbican.table.values()}
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.fake.settle()
    world.clock.advance(600)
    world.resync()
    world.run(300)
    world.all_ready()
    assert trusts(world) == ("CN=first", "CN=first", "CN=alice")
    assert {each["name"] for each in world.fake.barbican.table.values()} == kept
    calm(world)


def test_what_somebody_takes_out_of_barbican_is_stored_again_at_the_resync():
    world = ready()
    world.others.secrets.delete(row(world)["ca_tls_container_ref"].rpartition("/")[2])
    world.clock.advance(600)
    world.resync()
    world.run(60)
    world.all_ready()
    assert trusts(world) == ("CN=first", "CN=first", "CN=alice")
    calm(world)


def test_another_protocol_is_another_pool_with_the_same_secrets():
    world = ready()
    before = row(world)["id"]
    world.spec(SITE, protocol="PROXY")
    world.run(120)
    world.all_ready()
    assert row(world)["id"] != before
    assert trusts(world) == ("CN=first", "CN=first", "CN=alice")
    assert len(held(world)) == 3
    calm(world)


@pytest.mark.parametrize("change", [{"tls": {}}, {"protocol": "PROXY"}], ids=["tls", "protocol"])
@pytest.mark.parametrize("then", ["listener", "other pool", "tree"])
def test_a_pool_that_goes_right_after_it_was_retired_stays_while_a_listener_names_it(change, then):
    world = ready(tls=...)
    (before,) = world.table("pools")
    world.spec(SITE, **change)
    for _ in range(100):
        if "PUT pools" not in world.changes():
            world.some(1)
    assert [each["id"] for each in world.table("pools")] == [before["id"]]
    world.delete(CHECK)
    world.delete(SITE)
    world.run(300)
    assert world.ready(SITE) == ("False", "InUse")
    assert "it goes when that names another" in world.message(SITE)
    assert row(world)["id"] == before["id"]
    assert len(world.table("members")) == 1
    world.restart()
    world.run(300)
    assert row(world)["id"] == before["id"]
    lacked = []
    if then == "listener":
        world.spec(LB, listeners=[])
    elif then == "tree":
        world.delete(LB)
    else:
        world.apply(pool("other"))
        world.spec(LB, listeners=[listener(pool="other")])
        for _ in range(300):
            world.some(1)
            lacked += [each for each in world.table("listeners") if not each["default_pool_id"]]
    world.run(300)
    assert world.get(SITE) is None
    assert before["id"] not in [each["id"] for each in world.table("pools")]
    assert lacked == []
    if then != "tree":
        calm(world)


@pytest.mark.parametrize("how", ["pool", "tree"])
def test_all_of_it_goes_with_the_pool(how):
    world = ready()
    if how == "tree":
        world.delete(LB)
    else:
        world.spec(LB, listeners=[])
        world.run(60)
    world.delete(CHECK)
    world.delete(SITE)
    world.run(300)
    assert world.get(SITE) is None
    assert held(world) == []


def test_what_was_retained_keeps_what_it_has():
    world = ready(deletionPolicy="Retain")
    world.spec(LB, listeners=[])
    world.run(60)
    world.delete(CHECK)
    world.delete(SITE)
    world.run(100)
    assert world.get(SITE) is None
    assert len(held(world)) == 3


def test_a_create_without_an_answer_is_looked_for_and_not_repeated():
    world = ready(members(crl=False), tls=CA)
    world.fake.fail_next("POST", "secrets", CloudTimeoutError("no answer"), late=True)
    world.apply(members(SECOND, crl=False))
    world.run(20)
    assert trusts(world)[0] == "CN=first"
    world.fake.finish()
    world.run(200)
    world.all_ready()
    assert (held(world), trusts(world)[0]) == (["CN=second"], "CN=second")
    assert world.changes().count("POST secrets") == 1


def test_a_dry_run_says_it_and_does_nothing():
    world = ready()
    world.annotate(SITE, dry_run="true")
    world.apply(members(SECOND))
    world.run(30)
    said = world.message(SITE, "Synced")
    assert "create authority of Secret members in Barbican" in said
    assert "create list of revoked certificates of Secret members in Barbican" in said
    assert world.changes() == []


def test_no_more_is_stored_than_status_can_list(monkeypatch):
    """What is not listed would not be known for ours after a crash; and a list that is too long is not written."""
    most = 8
    monkeypatch.setattr(pool_types, "MAX_CERTIFICATES", most)
    world = ready(members(crl=False), tls=CA)
    usual = world.cloud.around
    world.fail("DELETE secrets", ForbiddenError("it may not be deleted"), times=10_000)
    for number in range(most + 4):
        world.apply(members(authority(f"n{number}"), crl=False))
        world.run(5)
    assert len(world.object(SITE).json_status["certificates"]) == most
    assert len(held(world)) == most
    assert trusts(world) == (f"CN=n{most - 2}", None, None)
    assert world.ready(SITE)[0] == "False"
    world.spec(SITE, members=[member(77)])
    world.run(100)
    assert [each["address"] for each in world.table("members")] == [member(77)["address"]]
    world.cloud.around = usual
    world.restart()
    world.run(2000)
    world.all_ready()
    assert trusts(world) == (f"CN=n{most + 3}", None, None)
    assert held(world) == [f"CN=n{most + 3}"]
    calm(world)


def test_paused_nothing_is_looked_at():
    world = ready()
    world.annotate(SITE, paused="true")
    world.apply(client(BOB))
    world.run(30)
    assert world.changes() == []
    world.annotate(SITE, paused="")
    world.run(60)
    assert trusts(world)[2] == "CN=bob"


def by_hand(**more):
    world = Forest(network(), members(), client(), balancer(listeners=[]))
    world.run(60)
    (above,) = world.table("load_balancers")
    body = {"loadbalancer_id": above["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "name": "site", **more}
    made = world.others.pools.create(body)
    world.fake.settle()
    world.clock.advance(5)
    world.forget_calls()
    return world, made["id"]


def test_an_unmanaged_import_stores_nothing():
    world, id_ = by_hand(tls_enabled=True)
    world.apply(pool(import_={"id": id_}, managementPolicy="Unmanaged", tls=ALL, members=...))
    world.run(60)
    world.all_ready()
    assert (world.changes(), held(world)) == ([], [])


def test_an_adoption_takes_the_fields_over():
    world, id_ = by_hand(tls_enabled=True, ca_tls_container_ref=GOOD)
    world.apply(pool(import_={"id": id_}, tls=ALL, members=...))
    world.run(200)
    world.all_ready()
    (found,) = world.table("pools")
    assert found["id"] == id_
    assert found["ca_tls_container_ref"] != GOOD
    assert len(held(world)) == 3


def test_an_imported_pool_is_not_replaced_to_switch_tls_on():
    world, id_ = by_hand()
    world.apply(pool(import_={"id": id_}, members=...))
    world.run(200)
    world.all_ready()
    world.spec(SITE, tls=CA)
    world.run(100)
    assert world.ready(SITE) == ("False", "Conflict")
    assert "tls: False -> True" in world.message(SITE)
    assert [each["id"] for each in world.table("pools")] == [id_]


def test_what_is_not_ours_in_barbican_stays():
    world = ready()
    names = [each["name"] for each in world.fake.barbican.table.values()]
    body = {"payload": "eA==", "payload_content_type": "application/octet-stream"}
    made = {world.others.secrets.create({"name": name, **body})["id"] for name in (*names, "web", "")}
    world.delete(LB)
    world.delete(SITE)
    world.run(300)
    assert world.get(SITE) is None
    assert world.fake.barbican.table.keys() == made


def test_nothing_of_the_key_is_to_be_seen(caplog):
    caplog.set_level("DEBUG")
    world = ready()
    world.apply(client(BOB))
    world.run(60)
    text = caplog.text + repr(world.object(SITE).body) + repr(world.events) + repr(world.memory(SITE))
    for each in (ALICE, BOB):
        assert not any(line[:24] in text for line in each.key.splitlines()[1:-1])
