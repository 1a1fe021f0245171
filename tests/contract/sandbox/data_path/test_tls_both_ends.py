"""Certificates of clients at a listener, and TLS between a load balancer and its members; all of it is in Barbican."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.keys import Keys
from tests.support.pems import Authority, Issued
from tests.support.traffic import PREFIX, Balancing, http, member

pytestmark = pytest.mark.slow

ONE = f"{PREFIX}.101:8443"


@pytest.fixture
def keyed(site: Balancing, keeper: Keys) -> Iterator[Balancing]:
    """The same network in the hands of one who may keep secrets."""
    yield replace(site, customer=keeper.customer)
    site.clear()


def _file(folder: Path, issued: Issued) -> Path:
    made = folder / f"{abs(hash(issued.cert))}.pem"
    made.write_text(issued.cert + issued.key)
    return made


def _rule(kind: str, value: str, key: str = "") -> dict[str, str]:
    return {"type": kind, "compare_type": "EQUAL_TO", "value": value, **({"key": key} if key else {})}


def test_clients_show_certificates_that_may_or_must_be_of_an_authority_and_not_revoked(
    keyed: Balancing, keeper: Keys, tmp_path: Path
) -> None:
    keyed.world.serve(ONE)
    ours, theirs = Authority("clients"), Authority("others")
    alice, bob, stranger = ours.issue("alice"), ours.issue("bob"), theirs.issue("alice")
    shown = {one.cert: ("--cert", str(_file(tmp_path, one))) for one in (alice, bob, stranger)}
    known = [_rule("SSL_CONN_HAS_CERT", "True"), _rule("SSL_VERIFY_RESULT", "0"), _rule("SSL_DN_FIELD", "alice", "CN")]
    policy = {"action": "REDIRECT_TO_URL", "redirect_url": "https://example.com/alice", "name": "alice"}
    path = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/who"}
    balancer = keyed.balancer(
        http(
            member(ONE),
            protocol="TERMINATED_HTTPS",
            protocol_port=443,
            default_tls_container_ref=keeper.bundle(ours.issue("server")),
            client_ca_tls_container_ref=keeper.secret(ours.cert),
            client_authentication="OPTIONAL",
            insert_headers={"X-SSL-Client-CN": "true", "X-SSL-Client-Has-Cert": "true"},
            l7policies=[{**policy, "rules": [*known, path]}],
        )
    )

    def asked(*arguments: str, path: str = "/request") -> str:
        url = f"https://{balancer.vip}{path}"
        told = ("-o", "-", "-w", "%{http_code} %{redirect_url}")
        return keyed.world.execute("curl", "-ksS", "--max-time", "10", *told, *arguments, url).stdout

    assert '"x-ssl-client-cn": "alice"' in asked(*shown[alice.cert])
    assert '"x-ssl-client-has-cert": "0"' in asked()
    assert asked(*shown[alice.cert], path="/who").endswith("302 https://example.com/alice")
    assert asked(*shown[bob.cert], path="/who").endswith("200 ")
    assert asked(path="/who").endswith("200 ")
    assert asked(*shown[stranger.cert]).endswith("000 "), "who shows one must show a good one"
    listener = f"listeners/{balancer.ids('listeners')[0]}"
    balancer.change(listener, client_authentication="MANDATORY")
    assert asked().endswith("000 ")
    assert asked(*shown[bob.cert], path="/").startswith(ONE)
    balancer.change(listener, client_crl_container_ref=keeper.secret(ours.revoking(bob)))
    assert asked(*shown[bob.cert]).endswith("000 "), "revoked"
    assert asked(*shown[alice.cert], path="/").startswith(ONE)


def test_members_are_spoken_to_in_tls_and_must_be_of_an_authority(
    keyed: Balancing, keeper: Keys, tmp_path: Path
) -> None:
    ours, theirs = Authority("members"), Authority("others")
    clients = tmp_path / "clients.pem"
    clients.write_text(ours.cert)
    keyed.world.serve(ONE, certificate=_file(tmp_path, ours.issue("one")), clients=clients)
    good, other = keeper.secret(ours.cert), keeper.secret(theirs.cert)
    balancer = keyed.balancer({"protocol": "HTTP", "protocol_port": 80})
    tls = {
        "tls_enabled": True,
        "ca_tls_container_ref": good,
        "tls_container_ref": keeper.bundle(ours.issue("balancer")),
    }
    # By itself: Octavia 19 answers 500 to a tree with such a pool in it.
    about = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "listener_id": balancer.ids("listeners")[0]}
    pool = balancer.make("pools", **about, **tls)
    balancer.make(f"pools/{pool}/members", **member(ONE))
    balancer.make("healthmonitors", pool_id=pool, type="TCP", delay=1, timeout=1, max_retries=1)
    balancer.until(_10_77_0_101="ONLINE")
    assert balancer.curl() == (0, f"{ONE}\n"), "with a certificate of ours, and to one of ours"
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    balancer.change(f"pools/{pool}", ca_tls_container_ref=other)
    assert balancer.curl(*status) == (0, "503"), "not of that authority"
    balancer.change(f"pools/{pool}", ca_tls_container_ref=good, tls_container_ref=None)
    assert balancer.curl(*status)[1] in ("502", "503"), "the member wants to see a certificate"
