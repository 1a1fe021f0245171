"""Certificates of listeners from Secrets: kept in Barbican under names that follow from them, switched, and taken out last."""

import datetime as dt

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from infomaniak_operator.client import CloudTimeoutError
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.chains import data_of, link, tls_secret
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE
from tests.support.process import Killed
from tests.support.trees import LB, SITE, balancer, calm, listener, network, pool, tree

ROOT = link("Root")
MIDDLE = link("Middle", ROOT)
FIRST, SECOND, OTHER = (link(name, MIDDLE) for name in ("first", "second", "other"))
WEB = Key("Secret", NAMESPACE, "web-tls")
LATER = dt.datetime(2027, 1, 20, tzinfo=dt.UTC)


def web(of=FIRST, **more):
    return tls_secret("web-tls", data_of(of, MIDDLE), **more)


def https(name="https", port=443, secret="web-tls", **more):
    tls = {"secretRef": {"name": secret}, **more.pop("tls", {})}
    return listener(name, port, "TERMINATED_HTTPS", tls=tls, **more)


def started(*bodies, listeners=None):
    world = Forest(network(), *bodies, balancer(listeners=listeners or [https()]), pool())
    world.run()
    return world


def ready(**options):
    world = started(web(), **options)
    world.all_ready()
    world.clock.advance(60)
    world.forget_calls()
    world.told(LB)
    return world


def kept(world):
    """The names of whom each secret in Barbican is for."""
    bundles = (pkcs12.load_pkcs12(each, None) for each in world.fake.barbican.payloads.values())
    return [each.cert.certificate.subject.rfc4514_string() for each in bundles]


def stored(world):
    return list(world.fake.barbican.table.values())


def shown(world, name="https"):
    """The certificate that a listener shows."""
    (row,) = [each for each in world.table("listeners") if each["name"] == name]
    (which,) = [each for each in stored(world) if each["secret_ref"] == row["default_tls_container_ref"]]
    bundle = pkcs12.load_pkcs12(world.fake.barbican.payloads[which["id"]], None)
    return bundle.cert.certificate.subject.rfc4514_string()


def test_a_tree_is_made_whole_with_its_certificate():
    world = ready()
    assert kept(world) == ["CN=first"]
    assert shown(world) == "CN=first"
    (row,) = stored(world)
    assert Mark.parse(row["name"]) is not None
    (said,) = world.object(LB).json_status["certificates"]
    assert (said["secretName"], said["barbicanSecret"], said["notAfter"]) == (
        "web-tls",
        row["secret_ref"],
        "2099-01-01T00:00:00Z",
    )
    calm(world)


def test_a_renewal_is_four_calls_and_the_old_one_goes_last():
    world = ready()
    (before,) = stored(world)
    world.apply(web(SECOND))
    world.run(30)
    world.all_ready()
    assert world.changes() == ["POST secrets", "PUT listeners", "DELETE secrets"]
    calls = world.calls()
    about = {
        call: count for call, count in calls.items() if call.endswith("secrets") or not call.startswith(("LIST", "GET"))
    }
    assert sum(about.values()) <= 4, about
    assert before["id"] not in world.fake.barbican.table
    assert (kept(world), shown(world)) == (["CN=second"], "CN=second")
    calm(world)


def test_a_secret_with_the_same_content_is_no_renewal():
    world = ready()
    body = web()
    body["metadata"]["annotations"] = {"cert-manager.io/revision": "2"}
    world.apply(body)
    world.run(30)
    assert world.changes() == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("method", "collection"), [("POST", "secrets"), ("PUT", "listeners"), ("DELETE", "secrets")])
def test_a_kill_at_any_call_of_a_renewal_leaves_nothing(method, collection, after):
    world = ready()
    world.fake.fail_next(method, collection, Killed(), after=after)
    world.apply(web(SECOND))
    with pytest.raises(Killed):
        world.run(60)
    world.restart()
    world.run(400)
    world.all_ready()
    assert (kept(world), shown(world)) == (["CN=second"], "CN=second")
    assert world.changes().count("POST secrets") <= 2 - after or method != "POST"
    calm(world)


def test_a_create_without_an_answer_is_looked_for_and_not_repeated():
    world = ready()
    world.fake.fail_next("POST", "secrets", CloudTimeoutError("no answer"), late=True)
    world.apply(web(SECOND))
    world.run(20)
    assert shown(world) == "CN=first"
    world.fake.finish()
    world.run(200)
    world.all_ready()
    assert (kept(world), shown(world)) == (["CN=second"], "CN=second")
    assert world.changes().count("POST secrets") == 1


def _expired():
    return data_of(link("gone", MIDDLE, ends=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), MIDDLE)


WRONG = {
    "wrong order": (data_of(MIDDLE, SECOND, key=SECOND.key), "tls.crt is in the wrong order"),
    "expired": (_expired(), "CN=gone has expired"),
    "another's key": (data_of(SECOND, MIDDLE, key=OTHER.key), "tls.key does not fit tls.crt"),
    "no intermediate": (data_of(SECOND, ca_crt=ROOT.cert), "lacks the intermediate certificate"),
    "no PEM": ({"tls.crt": "aGVsbG8=", "tls.key": "aGVsbG8="}, "tls.crt holds no certificates in PEM"),
    "nothing in it": ({}, "it has no tls.crt"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_the_old_one_stays(case):
    world = ready()
    data, words = WRONG[case]
    world.apply(tls_secret("web-tls", data))
    world.run(30)
    assert world.ready(LB) == ("False", "InvalidConfiguration")
    assert world.progress(LB) == "Stalled"
    for kind in ("Ready", "ReferencesResolved"):
        message = world.message(LB, kind)
        assert message.startswith(f"spec.listeners[https].tls.secretRef: Secret {NAMESPACE}/web-tls: ")
        assert words in message
    assert (world.changes(), kept(world), shown(world)) == ([], ["CN=first"], "CN=first")
    assert world.ready(SITE) == ("True", "Available")

    # What else the spec asks for is done all the same, and after a restart nothing is known but what can be seen.
    world.restart()
    world.spec(LB, listeners=[https(description="other"), listener("plain", 80)])
    world.run(400)
    assert sorted(each["name"] for each in world.table("listeners")) == ["https", "plain"]
    assert (kept(world), shown(world)) == (["CN=first"], "CN=first")
    assert [each["secretName"] for each in world.object(LB).json_status["certificates"]] == ["web-tls"]

    world.apply(web(SECOND))
    world.run(200)
    world.all_ready()
    assert (kept(world), shown(world)) == (["CN=second"], "CN=second")


def test_a_missing_label_and_a_missing_secret_are_said_and_the_rest_comes():
    world = started(web(labelled=False), listeners=[https(), listener()])
    assert world.ready(LB) == ("False", "WaitingForReference")
    assert world.progress(LB) == "Reconciling"
    message = world.message(LB)
    assert f"Secret {NAMESPACE}/web-tls is not there, or lacks the label network.infomaniak.cloud/tls=true" in message
    assert f"kubectl -n {NAMESPACE} label secret web-tls network.infomaniak.cloud/tls=true" in message
    assert [each["name"] for each in world.table("listeners")] == ["http"]
    world.poke(WEB, lambda body: body["metadata"].update(labels={"network.infomaniak.cloud/tls": "true"}))
    world.run(60)
    world.all_ready()
    assert shown(world) == "CN=first"

    world.delete(WEB)
    world.run(30)
    assert world.ready(LB) == ("False", "WaitingForReference")
    assert shown(world) == "CN=first"
    world.apply(web(SECOND))
    world.run(60)
    world.all_ready()
    assert (kept(world), shown(world)) == (["CN=second"], "CN=second")


def test_one_that_is_not_valid_yet_is_used_from_then_on():
    world = ready()
    world.apply(tls_secret("web-tls", data_of(link("to come", MIDDLE, began=LATER), MIDDLE)))
    world.run(30)
    assert "is not valid before 2027-01-20" in world.message(LB)
    assert shown(world) == "CN=first"
    world.clock.advance(LATER.timestamp() - world.clock.now() + 1)
    world.run(700)
    world.all_ready()
    assert shown(world) == "CN=to come"


def test_one_that_expires_where_it_is_used_is_told_at_the_resync_and_stays():
    world = started(tls_secret("web-tls", data_of(link("short", MIDDLE, ends=LATER), MIDDLE)))
    world.all_ready()
    world.clock.advance(LATER.timestamp() - world.clock.now() + 1)
    world.forget_calls()
    world.resync()
    world.run(30)
    assert "CN=short has expired" in world.message(LB)
    assert (world.changes(), shown(world)) == ([], "CN=short")


def test_without_the_role_creator_it_is_said_what_to_ask_for():
    world = Forest(network(), web())
    world.fake.barbican.forbids = True
    world.apply_all([balancer(listeners=[https(), listener()]), pool()])
    world.run(60)
    assert world.progress(LB) == "Stalled"
    message = world.message(LB)
    assert message.startswith(
        "spec.listeners[https].tls.secretRef: the credential may not keep certificates in Barbican"
    )
    assert "ask for the role creator" in message
    assert [each["name"] for each in world.table("listeners")] == ["http"]
    world.fake.barbican.forbids = False
    world.run(900)
    world.all_ready()
    assert shown(world) == "CN=first"


def test_a_cloud_without_barbican():
    world = Forest(network(), web())
    world.fake.barbican.missing = True
    world.apply_all([balancer(listeners=[https(), listener()]), pool()])
    world.run(60)
    assert "this cloud has no key manager (Barbican) in region dc3-a" in world.message(LB)
    assert [each["name"] for each in world.table("listeners")] == ["http"]
    world.delete(LB)
    world.run(200)
    assert world.get(LB) is None
    assert world.table("load_balancers") == []


def test_an_outage_of_barbican_holds_up_a_renewal_and_nothing_else():
    world = ready()
    for _ in range(3):
        world.fake.fail_next("POST", "secrets", CloudTimeoutError("away"))
    world.fake.fail_next("LIST", "secrets", CloudTimeoutError("away"))
    world.apply(web(SECOND))
    world.spec(LB, listeners=[https(description="other")])
    world.run(20)
    assert world.one("listeners")["description"] == "other"
    world.run(600)
    world.all_ready()
    assert (kept(world), shown(world)) == (["CN=second"], "CN=second")


def test_further_certificates_by_name():
    more = tls_secret("more-tls", data_of(OTHER, MIDDLE))
    sni = {"sniSecretRefs": [{"name": "more-tls"}]}
    world = started(web(), more, listeners=[https(tls=sni)])
    world.all_ready()
    row = world.one("listeners")
    assert sorted(kept(world)) == ["CN=first", "CN=other"]
    assert len(row["sni_container_refs"]) == 1

    # One that cannot be used keeps its former one, while the other is renewed.
    world.forget_calls()
    world.apply(tls_secret("more-tls", {}))
    world.apply(web(SECOND))
    world.run(60)
    assert "spec.listeners[https].tls.sniSecretRefs: Secret shop/more-tls: it has no tls.crt" in world.message(LB)
    assert sorted(kept(world)) == ["CN=other", "CN=second"]
    assert world.one("listeners")["sni_container_refs"] == row["sni_container_refs"]
    assert shown(world) == "CN=second"

    world.spec(LB, listeners=[https(tls={"sniSecretRefs": []})])
    world.run(60)
    world.all_ready()
    assert (kept(world), world.one("listeners")["sni_container_refs"]) == (["CN=second"], [])


def test_two_listeners_and_two_fields_share_one_secret_in_barbican():
    sni = {"sniSecretRefs": [{"name": "web-tls"}]}
    world = started(web(), listeners=[https(tls=sni), https("more", 8443)])
    world.all_ready()
    assert kept(world) == ["CN=first"]
    world.spec(LB, listeners=[https("more", 8443)])
    world.run(60)
    world.all_ready()
    assert kept(world) == ["CN=first"]


def test_a_new_port_is_made_beside_with_the_same_certificate():
    world = ready()
    world.spec(LB, listeners=[https(port=8443)])
    world.run(60)
    world.all_ready()
    assert world.changes() == ["POST listeners", "DELETE listeners"]
    assert kept(world) == ["CN=first"]


GOOD = "https://keys/v1/secrets/good"


def test_from_an_address_to_a_secret_and_back():
    by_address = listener("https", 443, "TERMINATED_HTTPS", tls={"barbicanContainer": GOOD})
    world = tree(pool(), listeners=[by_address])
    world.apply(web())
    world.spec(LB, listeners=[https()])
    world.run(60)
    world.all_ready()
    assert shown(world) == "CN=first"
    world.spec(LB, listeners=[by_address])
    world.run(60)
    world.all_ready()
    assert world.one("listeners")["default_tls_container_ref"] == GOOD
    assert kept(world) == []
    assert "certificates" not in world.object(LB).json_status["appliedFields"]
    world.forget_calls()
    world.resync()
    world.run()
    assert world.calls()["LIST secrets"] == 0


@pytest.mark.parametrize("how", ["listener", "balancer", "namespace"])
def test_all_of_it_goes_with_what_needs_it(how):
    world = ready()
    if how == "listener":
        world.spec(LB, listeners=[listener()])
    else:
        if how == "namespace":
            world.delete(WEB)
            world.delete(SITE)
        world.delete(LB)
    world.run(200)
    assert stored(world) == []
    assert (world.get(LB) is None) == (how != "listener")


def test_what_was_retained_keeps_its_certificate():
    world = ready()
    world.spec(LB, deletionPolicy="Retain")
    world.run(60)
    world.delete(LB)
    world.run(60)
    assert world.get(LB) is None
    assert (kept(world), shown(world)) == (["CN=first"], "CN=first")


def test_what_somebody_takes_out_of_barbican_is_stored_again_at_the_resync():
    world = ready()
    (row,) = stored(world)
    world.others.secrets.delete(row["id"])
    world.clock.advance(600)
    world.resync()
    world.run(60)
    world.all_ready()
    assert shown(world) == "CN=first"
    calm(world)


def test_drift_is_put_back():
    world = ready()
    row = world.one("listeners")
    world.others.listeners.update(row["id"], {"default_tls_container_ref": GOOD})
    world.fake.settle()
    world.clock.advance(600)
    world.resync()
    world.run(60)
    world.all_ready()
    assert shown(world) == "CN=first"
    assert "DriftCorrected" in world.told(LB)


def test_what_is_not_ours_in_barbican_stays():
    world = ready()
    (row,) = stored(world)
    body = {"payload": "eA==", "payload_content_type": "application/octet-stream"}
    names = [row["name"], "web", "", f"{'0' * 64} {Mark.parse(row['name']).text}", row["name"].replace("[", "[ ")]
    made = [world.others.secrets.create({"name": name, **body})["id"] for name in names]
    world.apply(web(SECOND))
    world.run(60)
    world.all_ready()
    world.delete(LB)
    world.run(200)
    assert world.get(LB) is None
    assert sorted(world.fake.barbican.table) == sorted(made)


def test_what_a_forged_status_says_leads_nowhere():
    world = ready()
    theirs = world.others.secrets.create({"name": "theirs", "payload": "eA=="})
    forged = {"secretName": "web-tls", "fingerprint": "0" * 64, "barbicanSecret": theirs["secret_ref"]}
    world.poke(LB, lambda body: body["status"].update(certificates=[forged]))
    world.apply(tls_secret("web-tls", {}))
    world.restart()
    world.run(200)
    assert shown(world) == "CN=first"
    world.delete(LB)
    world.run(300)
    assert theirs["id"] in world.fake.barbican.table


def test_a_dry_run_says_it_and_does_nothing():
    world = ready()
    world.annotate(LB, dry_run="true")
    world.apply(web(SECOND))
    world.run(30)
    assert "create certificate of Secret web-tls in Barbican" in world.message(LB, "Synced")
    assert world.changes() == []


def test_paused_nothing_is_looked_at():
    world = ready()
    world.annotate(LB, paused="true")
    world.apply(web(SECOND))
    world.run(30)
    assert world.changes() == []
    world.annotate(LB, paused="")
    world.run(60)
    assert shown(world) == "CN=second"


def test_nothing_of_the_key_is_to_be_seen(caplog):
    caplog.set_level("DEBUG")
    world = ready()
    for data, _ in WRONG.values():
        world.apply(tls_secret("web-tls", data))
        world.run(20)
    world.apply(web(SECOND))
    world.run(60)
    text = caplog.text + repr(world.object(LB).body) + repr(world.events) + repr(world.memory(LB))
    for each in (FIRST, SECOND, OTHER):
        body = each.key.splitlines()[1:-1]
        assert not any(line[:24] in text for line in body)
    for each in world.process.manager.view.objects("CertificateSecret"):
        assert "PRIVATE" not in repr(each) + repr(each.body)


def by_hand():
    """A load balancer that others have made, with a certificate of theirs in Barbican."""
    world = Forest(network(), web())
    world.run()
    (subnet,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    theirs = world.others.secrets.create({"name": "theirs", "payload": "eA=="})["secret_ref"]
    door = {"protocol": "TERMINATED_HTTPS", "protocol_port": 443, "default_tls_container_ref": theirs}
    row = world.others.load_balancers.create_tree(
        {"name": "theirs", "vip_subnet_id": subnet["id"], "listeners": [{"name": "https", **door}]}
    )
    world.clock.advance(5)
    world.forget_calls()
    return world, row["id"], theirs


def test_an_unmanaged_import_stores_nothing():
    world, id_, _ = by_hand()
    world.apply(balancer(import_={"id": id_}, vip=..., managementPolicy="Unmanaged", listeners=[https(pool=None)]))
    world.run(60)
    world.all_ready()
    assert world.changes() == []
    assert "certificates" not in world.object(LB).json_status


def test_an_adoption_takes_the_listener_over_and_leaves_their_secret():
    world, id_, theirs = by_hand()
    world.apply(balancer(import_={"id": id_}, vip=..., listeners=[https(pool=None)]))
    world.run(200)
    world.all_ready()
    assert shown_bundle(world) == "CN=first"
    assert theirs.rpartition("/")[2] in world.fake.barbican.table
    world.delete(LB)
    world.run(200)
    assert [each["name"] for each in stored(world)] == ["theirs"]


def shown_bundle(world):
    (row,) = world.table("listeners")
    (which,) = [each for each in stored(world) if each["secret_ref"] == row["default_tls_container_ref"]]
    return pkcs12.load_pkcs12(world.fake.barbican.payloads[which["id"]], None).cert.certificate.subject.rfc4514_string()


def test_two_load_balancers_with_one_secret_have_one_each_and_neither_touches_the_others():
    world = ready()
    world.apply(balancer("more", listeners=[https(pool=None)]))
    world.run(60)
    world.all_ready()
    assert kept(world) == ["CN=first", "CN=first"]
    world.delete(Key("LoadBalancer", NAMESPACE, "more"))
    world.run(100)
    assert kept(world) == ["CN=first"]
    calm(world)


def test_a_restart_asks_for_nothing_where_all_is_in_order():
    world = ready()
    world.restart()
    world.process.catch_up()
    world.run(30)
    world.all_ready()
    assert world.changes() == []
    assert world.calls()["LIST secrets"] == 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("collection", ["secrets", "load_balancers"])
def test_a_kill_while_a_tree_is_made_or_deleted_leaves_nothing(collection, after):
    for method in ("POST", "DELETE"):
        world = Forest(network(), web())
        world.run()
        if method == "DELETE":
            world.apply_all([balancer(listeners=[https()]), pool()])
            world.run(60)
            world.delete(LB)
        else:
            world.apply_all([balancer(listeners=[https()]), pool()])
        world.fake.fail_next(method, collection, Killed(), after=after)
        with pytest.raises(Killed):
            world.run(60)
        world.restart()
        world.run(500)
        if method == "POST":
            world.all_ready()
            assert kept(world) == ["CN=first"]
            world.delete(LB)
            world.run(300)
        assert world.get(LB) is None
        assert stored(world) == []


def test_a_quick_succession_of_renewals_ends_with_the_last():
    world = ready()
    for each in (SECOND, OTHER, FIRST, SECOND):
        world.apply(web(each))
        world.some(2)
    world.run(120)
    world.all_ready()
    assert (kept(world), shown(world)) == (["CN=second"], "CN=second")
    calm(world)
