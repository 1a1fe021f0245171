"""What is made again while its Secrets cannot be used: by what was in force, as long as Barbican has it, and never less."""

import datetime as dt

import pytest

from infomaniak_operator.controller.interfaces import Key
from tests.support.chains import authority, data_of, encoded, issuer, link, revoking, subject, tls_secret
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE
from tests.support.trees import LB, SITE, balancer, calm, listener, monitor, network, pool

ROOT = authority("Root")
FIRST, SECOND = authority("first"), authority("second")
WEB, ALICE = link("web", ROOT), link("alice", FIRST)
PAST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TRUST = Key("Secret", NAMESPACE, "trust")
REFS = {"caSecretRef": {"name": "trust"}, "crlSecretRef": {"name": "trust"}}
RECREATE = {"policy": "Recreate"}


def trust(of=FIRST, crl=True, **more):
    return tls_secret("trust", encoded(ca_crt=of.cert, **({"ca_crl": revoking(of)} if crl else {})), **more)


UNUSABLE = {
    "missing": lambda world: world.delete(TRUST),
    "label": lambda world: world.poke(TRUST, lambda body: body["metadata"].pop("labels")),
    "expired": lambda world: world.apply(
        tls_secret("trust", encoded(ca_crt=authority("gone", ends=PAST).cert, ca_crl=revoking(FIRST)))
    ),
    "list": lambda world: world.apply(trust(SECOND, crl=False)),
    "misfit": lambda world: world.apply(tls_secret("trust", encoded(ca_crt=SECOND.cert, ca_crl=revoking(FIRST)))),
}


def mend(world):
    """Both of the next authority; and the label."""
    world.apply(trust(SECOND))
    world.poke(TRUST, lambda body: body["metadata"].update(labels={"network.infomaniak.cloud/tls": "true"}))


def https(mode="MANDATORY", **more):
    tls = {"secretRef": {"name": "web-tls"}, "clientAuthentication": {"mode": mode, **REFS}}
    return listener("https", 443, "TERMINATED_HTTPS", tls=tls, **more)


def clients(*, listeners=None):
    """A load balancer that judges its clients."""
    bodies = (network(), tls_secret("web-tls", data_of(WEB, ROOT)), trust())
    world = Forest(*bodies, balancer(recovery=RECREATE, listeners=listeners or [https()]), pool())
    world.run()
    return rested(world)


def members():
    """A load balancer with a pool that judges its members, and shows them a certificate."""
    bodies = (network(), tls_secret("client", data_of(ALICE, FIRST)), trust())
    tls = {**REFS, "secretRef": {"name": "client"}}
    world = Forest(*bodies, balancer(recovery=RECREATE), pool(tls=tls), monitor())
    world.run(60)
    return rested(world)


def rested(world):
    world.all_ready()
    world.clock.advance(60)
    world.forget_calls()
    return world


def breaks(world):
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.resync()


def asks(world):
    (row,) = [each for each in world.table("listeners") if each["name"] == "https"]
    return row["client_authentication"], *_names(
        world, row["client_ca_tls_container_ref"], row["client_crl_container_ref"]
    )


def judges(world):
    row = world.one("pools")
    return row["tls_enabled"], *_names(world, row["ca_tls_container_ref"], row["crl_container_ref"])


def _names(world, ca, crl):
    read = world.fake.barbican.payload
    return subject(read(ca)) if ca else None, issuer(read(crl)) if crl else None


def recovers(world, why, restarted):
    """The Secret cannot be used any more, and then the load balancer is made again."""
    UNUSABLE[why](world)
    world.run(30)
    if restarted:
        world.restart()
        world.run(90)
    breaks(world)
    world.run(300)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("why", UNUSABLE)
def test_a_recovered_listener_judges_by_what_was_in_force(why, restarted):
    world = clients()
    before = world.one("load_balancers")["id"]
    recovers(world, why, restarted)
    assert world.one("load_balancers")["id"] != before
    assert asks(world) == ("MANDATORY", "CN=first", "CN=first")
    assert world.one("listeners")["default_pool_id"] == world.one("pools")["id"]
    assert world.ready(LB)[0] == "False"
    assert "clientAuthentication" in world.message(LB)  # it is told all the same
    mend(world)
    world.run(200)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=second", "CN=second")
    calm(world)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("why", UNUSABLE)
def test_a_recovered_pool_judges_by_what_was_in_force(why, restarted):
    world = members()
    before = world.one("pools")["id"]
    recovers(world, why, restarted)
    assert world.one("pools")["id"] != before
    assert judges(world) == (True, "CN=first", "CN=first")
    assert world.one("listeners")["default_pool_id"] == world.one("pools")["id"]
    assert len(world.table("members")) == 1
    assert "spec.tls." in world.message(SITE)
    mend(world)
    world.run(200)
    world.all_ready()
    assert judges(world) == (True, "CN=second", "CN=second")
    calm(world)


@pytest.mark.parametrize("kind", [clients, members])
def test_what_was_stored_and_not_used_yet_does_not_judge(kind):
    """The next authority is stored, and waits for its list; what judged last is the former one."""
    world = kind()
    world.apply(trust(SECOND, crl=False))
    world.run(60)
    world.delete(TRUST)
    world.run(60)
    breaks(world)
    world.run(300)
    assert (asks(world) if kind is clients else judges(world))[1:] == ("CN=first", "CN=first")


def taken_out(world, what):
    """Somebody takes that out of Barbican; returns what it was called."""
    payloads = world.fake.barbican.payloads
    (id_,) = [each for each in world.fake.barbican.table if what in payloads[each] and b"-----" in payloads[each]]
    name = world.fake.barbican.table[id_]["name"]
    world.others.secrets.delete(id_)
    return name


@pytest.mark.parametrize("kind", [clients, members])
@pytest.mark.parametrize("what", [b"X509 CRL", b"CERTIFICATE"], ids=["list", "authority"])
@pytest.mark.parametrize("copied", [False, True])
def test_what_is_not_in_barbican_any_more_is_waited_for(kind, what, copied):
    """What somebody puts there under the same name is not it."""
    world = kind()
    world.delete(TRUST)
    world.run(30)
    name = taken_out(world, what)
    if copied:
        payload = encoded(it=SECOND.cert if what == b"CERTIFICATE" else revoking(SECOND))["it"]
        body = {"payload": payload, "payload_content_type": "application/octet-stream"}
        world.others.secrets.create({"name": name, **body})
    world.clock.advance(600)
    breaks(world)
    world.run(300)
    assert world.table("listeners" if kind is clients else "pools") == []
    mend(world)
    world.run(300)
    world.all_ready()
    assert (asks(world) if kind is clients else judges(world))[1:] == ("CN=second", "CN=second")


MISFIT = {"ca_crt": FIRST.cert, "ca_crl": revoking(SECOND)}


@pytest.mark.parametrize("later", [None, "list", "unreadable"])
@pytest.mark.parametrize("kind", ["listener", "pool"])
def test_what_never_was_in_force_does_not_judge(kind, later):
    """A list that never fitted: nothing is made with it, and what does not need it is made all the same."""
    secret = tls_secret("trust", encoded(**MISFIT))
    if kind == "listener":
        bodies = balancer(listeners=[https(), listener("http", 80)]), pool()
    else:
        bodies = balancer(), pool(tls=REFS)
    world = Forest(network(), tls_secret("web-tls", data_of(WEB, ROOT)), secret, *bodies)
    world.run(200)
    if later == "list":
        world.apply(tls_secret("trust", encoded(ca_crt=FIRST.cert)))
    elif later == "unreadable":
        world.apply(tls_secret("trust", {**encoded(ca_crt=FIRST.cert), "ca.crl": "eA=="}))
    world.run(200)
    world.restart()
    world.run(200)
    if kind == "listener":
        assert [each["name"] for each in world.table("listeners")] == ["http"]
        assert "crlSecretRef" in world.message(LB) or "ca.crl" in world.message(LB)
    else:
        assert world.table("pools") == []
    assert not {"POST listeners", "POST pools"} & set(world.changes())
    mend(world)
    world.run(300)
    world.all_ready()
    assert (asks(world) if kind == "listener" else judges(world))[1:] == ("CN=second", "CN=second")


def test_a_listener_that_asks_nobody_takes_another_authority_without_a_list():
    """To take the list out before lets in nobody who was kept out: it asks as the spec says, and nobody has to act."""
    world = clients(listeners=[https(mode="NONE")])
    assert asks(world) == ("NONE", "CN=first", "CN=first")
    world.apply(tls_secret("next", encoded(ca_crt=SECOND.cert)))
    judging = {"mode": "MANDATORY", "caSecretRef": {"name": "next"}}
    tls = {"secretRef": {"name": "web-tls"}, "clientAuthentication": judging}
    world.spec(LB, listeners=[listener("https", 443, "TERMINATED_HTTPS", tls=tls)])
    world.run(300)
    world.all_ready()
    assert asks(world) == ("MANDATORY", "CN=second", None)
    assert world.changes().count("PUT listeners") == 3  # refused once, then one without the list, then the authority
    calm(world)
