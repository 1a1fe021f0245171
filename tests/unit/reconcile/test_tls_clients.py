"""Certificates that clients show to a listener: the authority and its list from Secrets, and what cannot be used."""

import datetime as dt

import pytest

from infomaniak_operator.client import CloudTimeoutError
from infomaniak_operator.controller.interfaces import Key
from tests.support.chains import authority, data_of, encoded, inside, issuer, link, revoking, subject, tls_secret
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE
from tests.support.process import Killed
from tests.support.trees import LB, SITE, balancer, calm, listener, network, pool

ROOT = authority("Root")
WEB = link("web", ROOT)
FIRST, SECOND, OTHER = (authority(name) for name in ("first", "second", "other"))
AGAIN = authority("first again", key=FIRST.private)
PAST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CLIENTS = Key("Secret", NAMESPACE, "clients")
ATTRIBUTES = ("client_authentication", "client_ca_tls_container_ref", "client_crl_container_ref")
GOOD = "https://keys/v1/secrets/good"
WHERE = "spec.listeners[https].tls.clientAuthentication"


def web():
    return tls_secret("web-tls", data_of(WEB, ROOT))


def clients(of=FIRST, crl=None, name="clients", **more):
    return tls_secret(name, encoded(ca_crt=of.cert, **({"ca_crl": crl} if crl else {})), **more)


def https(name="https", port=443, mode="MANDATORY", tls=None, crl=False, **more):
    refs = {"caSecretRef": {"name": "clients"}, **({"crlSecretRef": {"name": "clients"}} if crl else {})}
    block = {"mode": mode, **refs}
    whole = {"secretRef": {"name": "web-tls"}, "clientAuthentication": block, **(tls or {})}
    return listener(
        name, port, "TERMINATED_HTTPS", tls={key: each for key, each in whole.items() if each is not ...}, **more
    )


def started(*bodies, listeners=None):
    world = Forest(network(), web(), *bodies, balancer(listeners=listeners or [https()]), pool())
    world.run()
    return world


def ready(*bodies, listeners=None):
    world = started(*(bodies or (clients(),)), listeners=listeners)
    world.all_ready()
    world.clock.advance(60)
    world.forget_calls()
    world.told(LB)
    return world


def held(world):
    """What Barbican has beside the server's certificate: the names of authorities, and of whom a list is."""
    found = [each for payload in world.fake.barbican.payloads.values() for each in inside(payload)]
    return sorted(each for each in found if not each.startswith("key of "))


def asks(world, name="https"):
    """Whose certificates a listener asks for."""
    (row,) = [each for each in world.table("listeners") if each["name"] == name]
    mode, ca, crl = (row[each] for each in ATTRIBUTES)
    read = world.fake.barbican.payload
    return mode, subject(read(ca)) if ca and read(ca) else ca, issuer(read(crl)) if crl else None


@pytest.mark.parametrize("mode", ["MANDATORY", "OPTIONAL"])
def test_a_tree_is_made_whole_with_the_authority_of_its_clients(mode):
    world = ready(listeners=[https(mode=mode)])
    assert asks(world) == (mode, "CN=first", None)
    shown = {each.get("key", "tls.crt"): each for each in world.object(LB).json_status["certificates"]}
    assert shown.keys() == {"tls.crt", "ca.crt"}
    assert (shown["ca.crt"]["secretName"], shown["ca.crt"]["notAfter"]) == ("clients", "2099-01-01T00:00:00Z")
    assert shown["ca.crt"]["barbicanSecret"] == world.one("listeners")["client_ca_tls_container_ref"]
    calm(world)


def test_authority_list_and_certificate_can_be_of_one_secret():
    whole = {**data_of(WEB, ROOT), **encoded(ca_crt=ROOT.cert, ca_crl=revoking(ROOT))}
    refs = {"caSecretRef": {"name": "web-tls"}, "crlSecretRef": {"name": "web-tls"}}
    world = Forest(network(), tls_secret("web-tls", whole), pool())
    block = {"mode": "MANDATORY", **refs}
    world.apply(balancer(listeners=[https(tls={"clientAuthentication": block})]))
    world.run(60)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=Root", "CN=Root")
    assert len(world.fake.barbican.table) == 3
    calm(world)


def test_a_renewal_is_four_calls_and_the_old_one_goes_last():
    world = ready()
    world.apply(clients(SECOND))
    world.run(30)
    world.all_ready()
    assert world.changes() == ["POST secrets", "PUT listeners", "DELETE secrets"]
    about = [
        count
        for call, count in world.calls().items()
        if call.endswith("secrets") or not call.startswith(("LIST", "GET"))
    ]
    assert sum(about) <= 4
    assert (held(world), asks(world)) == (["CN=second"], ("MANDATORY", "CN=second", None))
    calm(world)


def test_authority_and_list_change_in_one_request_and_only_when_both_are_there():
    crl = clients(FIRST, revoking(FIRST))
    world = ready(crl, listeners=[https(crl=True)])
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")
    world.apply(clients(SECOND, revoking(FIRST)))  # the list follows later
    world.run(60)
    assert world.ready(LB) == ("False", "InvalidConfiguration")
    message = world.message(LB)
    assert message.startswith(f"{WHERE}.crlSecretRef: Secret {NAMESPACE}/clients: the first list in ca.crl is not of")
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")
    world.forget_calls()
    world.apply(clients(SECOND, revoking(SECOND)))
    world.run(60)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=second", "CN=second")
    assert world.changes().count("PUT listeners") == 1
    assert held(world) == ["CN=second", "list of CN=second"]
    calm(world)


def test_a_new_list_is_four_calls():
    gone = link("gone", FIRST)
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    world.apply(clients(FIRST, revoking(FIRST, gone)))
    world.run(30)
    world.all_ready()
    assert world.changes() == ["POST secrets", "PUT listeners", "DELETE secrets"]
    assert held(world) == ["CN=first", "list of CN=first"]


def test_an_authority_that_keeps_its_key_keeps_its_list():
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    world.apply(clients(AGAIN, revoking(FIRST)))
    world.run(30)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=first again", "CN=first")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("method", "collection"), [("POST", "secrets"), ("PUT", "listeners"), ("DELETE", "secrets")])
def test_a_kill_at_any_call_of_a_renewal_leaves_nothing(method, collection, after):
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    world.fake.fail_next(method, collection, Killed(), after=after)
    world.apply(clients(SECOND, revoking(SECOND)))
    with pytest.raises(Killed):
        world.run(60)
    world.restart()
    world.run(400)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=second", "CN=second")
    assert held(world) == ["CN=second", "list of CN=second"]
    calm(world)


WRONG = {
    "expired": (lambda: encoded(ca_crt=authority("gone", ends=PAST).cert), "CN=gone has expired"),
    "no authority": (lambda: encoded(ca_crt=WEB.cert), "ca.crt: CN=web is no certificate of an authority"),
    "no PEM": (lambda: encoded(ca_crt="hello"), "ca.crt holds no certificates in PEM"),
    "nothing in it": (dict, "it has no ca.crt"),
    "another key": (lambda: encoded(tls_crt=FIRST.cert), "it has no ca.crt"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_the_former_one_stays(case):
    world = ready()
    data, words = WRONG[case]
    world.apply(tls_secret("clients", data()))
    world.run(30)
    assert world.ready(LB) == ("False", "InvalidConfiguration")
    assert world.progress(LB) == "Stalled"
    for kind in ("Ready", "ReferencesResolved"):
        message = world.message(LB, kind)
        assert message.startswith(f"{WHERE}.caSecretRef: Secret {NAMESPACE}/clients: ")
        assert words in message
        assert "a listener that serves goes on with what it has" in message
    assert (world.changes(), held(world), asks(world)) == ([], ["CN=first"], ("MANDATORY", "CN=first", None))

    # What else the spec asks for is done, but who may come in stays as it is; after a restart, too.
    world.restart()
    world.spec(LB, listeners=[https(mode="OPTIONAL", description="other"), listener("plain", 80)])
    world.run(400)
    rows = {each["name"]: each for each in world.table("listeners")}
    assert rows.keys() == {"https", "plain"}
    assert rows["https"]["description"] == "other"
    assert (held(world), asks(world)) == (["CN=first"], ("MANDATORY", "CN=first", None))

    world.apply(clients(SECOND))
    world.run(200)
    world.all_ready()
    assert (held(world), asks(world)) == (["CN=second"], ("OPTIONAL", "CN=second", None))


def test_a_list_that_has_expired_is_said_and_the_former_one_stays():
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    world.apply(clients(SECOND, revoking(SECOND, ends=PAST)))
    world.run(60)
    assert "ca.crl has expired (2026-01-01 00:00 UTC)" in world.message(LB)
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")


@pytest.mark.parametrize("why", ["label", "missing", "wrong"])
def test_a_listener_is_not_made_before_its_clients_can_be_judged(why):
    bodies = {"label": [clients(labelled=False)], "missing": [], "wrong": [tls_secret("clients", {})]}[why]
    world = started(*bodies, listeners=[https(), listener("plain", 80)])
    assert world.ready(LB)[0] == "False"
    assert [each["name"] for each in world.table("listeners")] == ["plain"]
    if why == "label":
        world.poke(CLIENTS, lambda body: body["metadata"].update(labels={"network.infomaniak.cloud/tls": "true"}))
    else:
        world.apply(clients())
    world.run(200)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=first", None)


def test_a_list_that_is_missing_holds_a_new_listener_back_too():
    world = started(clients(), listeners=[https(crl=True), listener("plain", 80)])
    assert [each["name"] for each in world.table("listeners")] == ["plain"]
    assert f"{WHERE}.crlSecretRef: Secret {NAMESPACE}/clients: it has no ca.crl" in world.message(LB)


def test_a_listener_that_serves_everybody_goes_on_until_clients_can_be_judged():
    world = ready(listeners=[https(tls={"clientAuthentication": ...})])
    assert held(world) == []
    world.delete(CLIENTS)
    world.spec(LB, listeners=[https()])
    world.run(60)
    assert world.ready(LB) == ("False", "WaitingForReference")
    assert asks(world) == ("NONE", None, None)
    world.apply(clients())
    world.run(60)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=first", None)


def test_mode_and_authority_come_change_and_go():
    world = ready()
    world.spec(LB, listeners=[https(mode="OPTIONAL")])
    world.run(60)
    assert asks(world) == ("OPTIONAL", "CN=first", None)
    world.spec(LB, listeners=[https(tls={"clientAuthentication": {"mode": "NONE"}})])
    world.run(60)
    world.all_ready()
    assert (asks(world), held(world)) == (("NONE", None, None), [])
    world.spec(LB, listeners=[https()])
    world.run(60)
    assert asks(world) == ("MANDATORY", "CN=first", None)
    world.spec(LB, listeners=[https(tls={"clientAuthentication": ...})])
    world.run(60)
    world.all_ready()
    assert (asks(world), held(world)) == (("NONE", None, None), [])
    calm(world)


@pytest.mark.parametrize("block", [False, True])
def test_a_list_that_is_taken_out_while_the_authority_cannot_be_used_goes_later(block):
    crl = tls_secret("crl", encoded(ca_crl=revoking(FIRST)))
    whole = {"mode": "MANDATORY", "caSecretRef": {"name": "clients"}, "crlSecretRef": {"name": "crl"}}
    world = ready(clients(), crl, listeners=[https(tls={"clientAuthentication": whole})])
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")
    world.apply(tls_secret("clients", encoded(ca_crt="x")))
    world.run(30)
    world.spec(LB, listeners=[https()])
    world.run(60)
    world.clock.advance(600)
    world.resync()
    world.run(60)
    world.restart()
    world.run(60)
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")
    if block:
        world.spec(LB, listeners=[https(tls={"clientAuthentication": ...})])
    else:
        world.apply(clients(AGAIN))
    world.run(300)
    world.all_ready()
    wanted = (("NONE", None, None), []) if block else (("MANDATORY", "CN=first again", None), ["CN=first again"])
    assert (asks(world), held(world)) == wanted
    assert not any(each.endswith("crlBarbicanSecret") for each in world.object(LB).json_status["appliedFields"])
    calm(world)


def opened(world):
    """Whom the listener asks for certificates, at every step until nothing is left to do."""
    seen = [asks(world)]
    for _ in range(150):
        world.some(1)
        seen += [asks(world)] if asks(world) != seen[-1] else []
    return seen


def test_another_authority_with_a_list_comes_in_one_request_in_whatever_order_it_is_written():
    world = ready(
        clients(FIRST, revoking(FIRST)), clients(SECOND, revoking(SECOND), "next"), listeners=[https(crl=True)]
    )
    refs = {"caSecretRef": {"name": "next"}, "crlSecretRef": {"name": "next"}}
    world.spec(LB, listeners=[https(tls={"clientAuthentication": {"mode": "MANDATORY", **refs}})])
    assert opened(world) == [("MANDATORY", "CN=first", "CN=first"), ("MANDATORY", "CN=second", "CN=second")]
    world.all_ready()
    assert world.changes().count("PUT listeners") == 1


@pytest.mark.parametrize("mode", ["MANDATORY", "OPTIONAL"])
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("way", ["list of the new one", "list first", "back"])
def test_another_authority_without_a_list_is_no_moment_without_one(way, restarted, mode):
    """Octavia compares the list that is to go with the new authority, and refuses that."""
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    world.apply(clients(SECOND, revoking(SECOND)))
    before = ("MANDATORY", "CN=first", "CN=first")
    world.annotate(LB, paused="true")
    world.spec(LB, listeners=[https(mode=mode, description="moved"), listener("plain", 80)])
    world.annotate(LB, paused="")
    assert opened(world) == [before]
    assert world.ready(LB) == ("False", "InvalidConfiguration")
    assert world.progress(LB) == "Stalled"
    message = world.message(LB)
    assert message.startswith(f"{WHERE}: Octavia takes no other authority")
    assert "Set crlSecretRef to a list of the new authority" in message
    # All else is as the spec says, and it is not asked again and again.
    assert {each["name"]: each["description"] for each in world.table("listeners")} == {"https": "moved", "plain": ""}
    if restarted:
        world.restart()
        world.run(100)
    world.forget_calls()
    world.clock.advance(600)
    world.resync()
    assert opened(world) == [before]
    assert world.changes() == []
    after = (mode, "CN=second", None)
    if way == "list of the new one":
        world.spec(LB, listeners=[https(mode=mode, crl=True)])
        assert opened(world) == [before, (mode, "CN=second", "CN=second")]
        world.spec(LB, listeners=[https(mode=mode)])
        assert opened(world)[1:] == [after]
    elif way == "list first":
        world.apply(clients(FIRST))
        assert opened(world) == [before, (mode, "CN=first", None)]
        world.apply(clients(SECOND))
        assert opened(world)[1:] == [after]
    else:
        world.apply(clients(FIRST, revoking(FIRST)))
        world.spec(LB, listeners=[https(mode=mode, crl=True)])
        after = (mode, "CN=first", "CN=first")
        assert opened(world)[-1] == after
    world.all_ready()
    assert asks(world) == after
    calm(world)


def test_no_client_is_asked_any_more_whatever_octavia_says_of_the_list():
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    world.spec(LB, listeners=[https()])
    world.apply(clients(SECOND))
    world.run(60)
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")
    world.spec(LB, listeners=[https(mode="NONE")])
    world.run(60)
    assert asks(world)[0] == "NONE"
    world.spec(LB, listeners=[https(tls={"clientAuthentication": ...})])
    world.run(60)
    world.all_ready()
    assert (asks(world), held(world)) == (("NONE", None, None), [])


@pytest.mark.parametrize("wrong", [False, True], ids=["missing", "wrong"])
def test_no_client_is_asked_any_more_whatever_became_of_the_authority(wrong):
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    if wrong:
        world.apply(tls_secret("clients", encoded(ca_crt="x")))
    else:
        world.delete(CLIENTS)
    world.run(30)
    world.spec(LB, listeners=[https(mode="NONE", crl=True)])
    world.run(60)
    assert asks(world) == ("NONE", "CN=first", "CN=first")
    assert f"{WHERE}.caSecretRef" in world.message(LB)  # it is told all the same
    world.spec(LB, listeners=[https(crl=True)])
    world.run(60)
    assert asks(world)[0] == "NONE"
    world.apply(clients(FIRST, revoking(FIRST)))
    world.run(100)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")
    calm(world)


def test_a_listener_that_asks_no_client_is_made_without_the_authority():
    block = {"mode": "NONE", "caSecretRef": {"name": "clients"}, "crlBarbicanSecret": GOOD}
    world = started(listeners=[https(tls={"clientAuthentication": block})])
    assert asks(world) == ("NONE", None, None)
    world.apply(clients())
    world.run(100)
    world.all_ready()
    assert world.one("listeners")["client_crl_container_ref"] == GOOD


def test_from_an_address_to_a_secret_and_back():
    by_address = {"mode": "MANDATORY", "caBarbicanSecret": GOOD}
    world = ready(clients(), listeners=[https(tls={"clientAuthentication": by_address})])
    assert asks(world) == ("MANDATORY", GOOD, None)
    world.spec(LB, listeners=[https()])
    world.run(60)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=first", None)
    world.spec(LB, listeners=[https(tls={"clientAuthentication": by_address})])
    world.run(60)
    world.all_ready()
    assert (asks(world), held(world)) == (("MANDATORY", GOOD, None), [])


def test_drift_is_put_back():
    world = ready()
    row = world.one("listeners")
    values = {"client_authentication": "NONE", "client_ca_tls_container_ref": GOOD}
    world.others.listeners.update(row["id"], values)
    world.fake.settle()
    world.clock.advance(600)
    world.resync()
    world.run(60)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=first", None)
    assert "DriftCorrected" in world.told(LB)


def test_what_somebody_takes_out_of_barbican_is_stored_again_at_the_resync():
    world = ready()
    id_ = world.one("listeners")["client_ca_tls_container_ref"].rpartition("/")[2]
    world.others.secrets.delete(id_)
    world.clock.advance(600)
    world.resync()
    world.run(60)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=first", None)
    calm(world)


def test_a_create_without_an_answer_is_looked_for_and_not_repeated():
    world = ready()
    world.fake.fail_next("POST", "secrets", CloudTimeoutError("no answer"), late=True)
    world.apply(clients(SECOND))
    world.run(20)
    assert asks(world) == ("MANDATORY", "CN=first", None)
    world.fake.finish()
    world.run(200)
    world.all_ready()
    assert (held(world), asks(world)) == (["CN=second"], ("MANDATORY", "CN=second", None))
    assert world.changes().count("POST secrets") == 1


def test_a_dry_run_says_it_and_does_nothing():
    world = ready()
    world.annotate(LB, dry_run="true")
    world.apply(clients(SECOND))
    world.run(30)
    assert "create authority of Secret clients in Barbican" in world.message(LB, "Synced")
    assert world.changes() == []


def test_all_of_it_goes_with_the_load_balancer():
    world = ready(clients(FIRST, revoking(FIRST)), listeners=[https(crl=True)])
    world.delete(LB)
    world.delete(SITE)
    world.run(200)
    assert world.get(LB) is None
    assert world.fake.barbican.table == {}


def test_another_port_has_the_same_authority():
    world = ready()
    world.spec(LB, listeners=[https(port=8443)])
    world.run(60)
    world.all_ready()
    assert world.changes() == ["POST listeners", "DELETE listeners"]
    assert (held(world), asks(world)) == (["CN=first"], ("MANDATORY", "CN=first", None))
