"""Who may come in, and whom a pool speaks to, by authorities in Secrets: in the real Barbican and as HAProxy judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.operator import OperatorProcess
from sandbox import Sandbox
from sandbox.data_path import World
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.chains import encoded, tls_secret
from tests.support.customer import Customer
from tests.support.pems import Authority, Issued
from tests.support.running import User, beside_barbican, started
from tests.support.traffic import carrying
from tests.support.tree_hands import ILB, IPOOL, Row, listener, listeners_of, load_balancer, made, member, pool

pytestmark = pytest.mark.slow  # the sandbox gets a Barbican, and carries packets

PLAIN, SECURE = "10.33.0.101", "10.33.0.102"


@pytest.fixture
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """The operator, in a sandbox that has Barbican."""
    return started(
        box, "the operator beside Barbican", lambda: beside_barbican(box, tmp_path_factory.mktemp("operator"))
    )


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where project beta's packets are."""
    with carrying(box) as path:
        yield path.world(beta.project.name)


@pytest.fixture
def front(hands: ByHand) -> str:
    """The id of the subnet that VIP and servers are in."""
    _, (subnet,) = hands.network("lab", "10.33.0.0/24")
    return str(subnet["id"])


def _secret(user: User, name: str, **parts: str) -> None:
    body = tls_secret(name, encoded(**parts))
    del body["metadata"]["namespace"], body["metadata"]["uid"]
    user.apply(body)


def _pair(user: User, name: str, issued: Issued) -> None:
    _secret(user, name, tls_crt=issued.cert, tls_key=issued.key)


def _file(folder: Path, issued: Issued) -> str:
    made_here = folder / f"{abs(hash(issued.cert))}.pem"
    made_here.write_text(issued.cert + issued.key)
    return str(made_here)


def _kept(box: Sandbox) -> Callable[[], list[Row]]:
    barbican = Customer(box.environment, box.customer("beta", "creator")).barbican

    def look() -> list[Row]:
        listed = barbican("GET", "secrets?limit=100").body["secrets"]
        return [each for each in listed if "[ik2." in str(each["name"])]

    return look


def _changes(box: Sandbox, mark: int) -> list[str]:
    """The operator's calls to Barbican, and its changes elsewhere."""
    return [
        f"{call.method} {call.path.split('/v')[-1].split('?')[0]}"
        for call in box.calls(mark)
        if call.by == "operator" and (call.service == "barbican" or call.method != "GET")
    ]


@pytest.mark.usefixtures("keys")
def test_clients_are_let_in_by_an_authority_in_a_secret(
    box: Sandbox, holder: User, front: str, world: World, tmp_path: Path
) -> None:
    kept = _kept(box)
    ours, next_ones = Authority("clients"), Authority("next clients")
    alice, bob, stranger = ours.issue("alice"), ours.issue("bob"), next_ones.issue("carol")
    world.serve(f"{PLAIN}:8080")
    _pair(holder, "web-tls", Authority("servers").issue("web"))
    _secret(holder, "clients", ca_crt=ours.cert)

    def door(mode: str = "", **more: Row) -> Row:
        block = {"clientAuthentication": {"mode": mode, "caSecretRef": {"name": "clients"}, **more}} if mode else {}
        tls = {"secretRef": {"name": "web-tls"}, **block}
        return load_balancer("lb", front, listener("web", "TERMINATED_HTTPS", 443, pool="site", tls=tls))

    holder.apply(pool("site", "lb", member(PLAIN)))
    status = made(holder, ILB, door("MANDATORY"))
    assert {each.get("key") for each in status["certificates"]} == {None, "ca.crt"}

    def asked(issued: Issued | None) -> str:
        shown = ("--cert", _file(tmp_path, issued)) if issued else ()
        told = ("-ksS", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code}", *shown)
        return str(world.execute("curl", *told, f"https://{status['vipAddress']}/").stdout)

    until(lambda: asked(alice) == "200", "who shows a certificate of the authority is let in")
    assert (asked(None), asked(stranger), asked(bob)) == ("000", "000", "200")

    # A renewal: another authority.
    mark = box.mark()
    _secret(holder, "clients", ca_crt=next_ones.cert)
    until(lambda: asked(stranger) == "200", "the other authority's clients are let in")
    until(lambda: len(kept()) == 2, "the former authority is out of Barbican")
    calls = _changes(box, mark)
    print(f"\nan authority is renewed by {len(calls)} calls: {calls}")
    assert len(calls) <= 4
    assert (asked(None), asked(alice)) == ("000", "000")

    # What cannot be used is told, and the former one judges on.
    _secret(holder, "clients", ca_crt=alice.cert)
    told = holder.until_condition(ILB, "lb", "Stalled", reason="InvalidConfiguration")["message"]
    assert told.startswith("spec.listeners[web].tls.clientAuthentication.caSecretRef: Secret ")
    assert "ca.crt: CN=alice is no certificate of an authority" in told
    assert (asked(None), asked(alice), asked(stranger)) == ("000", "000", "200")

    # With a list, and without having to show one.
    _secret(holder, "clients", ca_crt=ours.cert, ca_crl=ours.revoking(bob))
    made(holder, ILB, door("OPTIONAL", crlSecretRef={"name": "clients"}))
    until(lambda: asked(None) == "200", "nobody has to show one")
    assert (asked(alice), asked(bob), asked(stranger)) == ("200", "000", "000")

    # Another authority comes with its own list: Octavia compares the former list with it, also where that is to go.
    dave = next_ones.issue("dave")
    _secret(holder, "next", ca_crt=next_ones.cert, ca_crl=next_ones.revoking(dave))
    follows = {"caSecretRef": {"name": "next"}}
    holder.apply(door("OPTIONAL", **follows))
    told = holder.until_condition(ILB, "lb", "Stalled", reason="InvalidConfiguration")["message"]
    assert "Octavia takes no other authority for this listener while it has the former one's list" in told
    assert (asked(alice), asked(bob), asked(stranger)) == ("200", "000", "000")
    made(holder, ILB, door("OPTIONAL", **follows, crlSecretRef={"name": "next"}))
    until(lambda: asked(stranger) == "200", "the other authority's clients are let in")
    assert (asked(alice), asked(bob), asked(dave)) == ("000", "000", "000")
    made(holder, ILB, door("OPTIONAL", **follows))
    until(lambda: asked(dave) == "200", "its list is taken out")

    # Taken out, nobody is asked.
    made(holder, ILB, door())
    until(lambda: len(kept()) == 1, "authority and list are out of Barbican")
    (row,) = listeners_of(holder, status["id"]).values()
    left = ("client_authentication", "client_ca_tls_container_ref", "client_crl_container_ref")
    assert [row[each] for each in left] == ["NONE", None, None]
    assert asked(stranger) == "200"
    holder.delete(ILB, "lb")
    assert kept() == []


@pytest.mark.usefixtures("keys")
def test_members_are_spoken_to_in_tls_by_an_authority_in_a_secret(
    box: Sandbox, holder: User, front: str, world: World, tmp_path: Path
) -> None:
    kept = _kept(box)
    ours, theirs = Authority("members"), Authority("others")
    authority = tmp_path / "authority.pem"
    authority.write_text(ours.cert)
    server = Path(_file(tmp_path, ours.issue("one")))
    world.serve(f"{SECURE}:8443", certificate=server, clients=authority)
    _secret(holder, "members", ca_crt=ours.cert)
    _pair(holder, "client", ours.issue("balancer"))
    how = {"versions": ["TLSv1.3"], "ciphers": "TLS_AES_256_GCM_SHA384"}
    trust = {"caSecretRef": {"name": "members"}}
    tls = {**trust, "secretRef": {"name": "client"}, "alpnProtocols": ["http/1.1"], **how}
    site = lambda **spec: pool("site", "lb", member(SECURE, 8443), **spec)  # noqa: E731
    holder.apply(site())
    status = made(holder, ILB, load_balancer("lb", front, listener("web", "HTTP", 80, pool="site")))
    plain = holder.until_ready(IPOOL, "site")["status"]["id"]

    def asked() -> str:
        told = ("-sS", "--max-time", "5", "-o", "/dev/null", "-w", "%{http_code}")
        return str(world.execute("curl", *told, f"http://{status['vipAddress']}/").stdout)

    until(lambda: asked() == "502", "the member hears no TLS")
    made(holder, IPOOL, site(tls=tls))
    until(lambda: asked() == "200", "it is spoken to in TLS, at once, and shown a certificate")
    first = holder.until_ready(IPOOL, "site")["status"]
    assert first["id"] != plain, "HAProxy would have gone on as before with the members of the former one"
    assert {each.get("key") for each in first["certificates"]} == {None, "ca.crt"}
    row = holder.cloud.pools.get(first["id"])
    fields = ("tls_enabled", "tls_versions", "tls_ciphers", "alpn_protocols")
    assert [row[each] for each in fields] == [True, how["versions"], how["ciphers"], ["http/1.1"]]

    until(lambda: len(holder.cloud.pools.list()) == 1, "the former pool is gone")
    mark = box.mark()
    _secret(holder, "members", ca_crt=theirs.cert)
    until(lambda: asked() == "503", "a member of another authority is not spoken to")
    until(lambda: len(kept()) == 2, "the former authority is out of Barbican")
    calls = _changes(box, mark)
    print(f"\nan authority of members is renewed by {len(calls)} calls: {calls}")
    assert len(calls) <= 4
    _secret(holder, "members", ca_crt=ours.cert)
    until(lambda: asked() == "200", "back")
    made(holder, IPOOL, site(tls=trust))
    until(lambda: asked() in ("502", "503"), "the member wants to see a certificate")
    assert holder.until_ready(IPOOL, "site")["status"]["id"] == first["id"]
    made(holder, IPOOL, site())
    until(lambda: kept() == [], "nothing of it is in Barbican")
    holder.delete(IPOOL, "site", wait=False)
    holder.delete(ILB, "lb")
