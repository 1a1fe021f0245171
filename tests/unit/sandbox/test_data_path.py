"""The data path's deciding parts: what is changed in a configuration, what is told to Octavia, the rules of nft."""

import json
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox import SandboxError
from sandbox.data_path import packages, world
from sandbox.data_path.packages import needs
from sandbox.data_path.ping import listens
from sandbox.data_path.server import proxied
from sandbox.data_path.world import kind, sourced
from sandbox.services.data_path import firewall, heartbeat, states
from sandbox.services.data_path.firewall import Forwarding, Network, Rule
from sandbox.services.data_path.text import adapted, loopback

LB, LISTENER = "5b7dc3ae-9781-4f5c-9611-c082bcf5b54c", "fbbfe3d9-c093-45cd-a8a6-c7fcaf57a219"
FIRST, SECOND = "1cd4c423-a7a9-4226-974d-0019a7340b1c", "9649962e-b1c7-4f60-b74c-cad7eaaf2429"
RENDERED = f"""global
    daemon
    user nobody
    log /dev/log local0
    stats socket unix@stats.sock mode 0666 level user
frontend prometheus-exporter-internal-endpoint
    bind 127.0.0.1:9101
    server prometheus-internal 127.0.0.1:9102
frontend {LISTENER}
    bind 10.0.0.9:80
backend pool
    external-check command /var/lib/octavia/ping-wrapper.sh
    server {SECOND} 10.0.0.6:80 weight 1
    server {FIRST} fd00::5:80 weight 1
"""


def test_a_configuration_for_an_amphora_becomes_one_for_here() -> None:
    text = adapted(RENDERED, LB, ["10.0.0.9"], '/a "b"/ping')
    assert text.splitlines() == [
        "global",
        "    no strict-limits",
        "    daemon",
        "    stats socket unix@stats.sock mode 0666 level user expose-fd listeners",
        "frontend prometheus-exporter-internal-endpoint",
        f"    bind {loopback(LB)}:9101",
        f"    server prometheus-internal {loopback(LB)}:9101",
        f"frontend {LISTENER}",
        "    bind 10.0.0.9:80",
        "backend pool",
        '    external-check command "/a \\"b\\"/ping"',
        f"    server {FIRST} fd00::5:80 weight 1",
        f"    server {SECOND} 10.0.0.6:80 weight 1 source 10.0.0.9:0",
    ]


def test_the_order_in_which_the_database_gives_members_changes_nothing() -> None:
    lines = RENDERED.splitlines()
    other = "\n".join([*lines[:-2], lines[-1], lines[-2]]) + "\n"
    assert adapted(other, LB, ["10.0.0.9"], "/ping") == adapted(RENDERED, LB, ["10.0.0.9"], "/ping")


def test_members_of_both_families_are_spoken_to_from_the_vip_of_theirs() -> None:
    lines = adapted(RENDERED, LB, ["10.0.0.9", "fd00::9", "fd00::a"], "/ping").splitlines()
    assert [line.rpartition("source ")[2] for line in lines[-2:]] == ["fd00::9:0", "10.0.0.9:0"]


def test_metrics_of_two_load_balancers_are_at_two_addresses() -> None:
    assert loopback(LB) == loopback(LB)
    assert loopback(LB) != loopback(LISTENER)
    assert loopback(LB).startswith("127.")


def _frontend(**counted: int) -> dict[str, str]:
    row = {"bin": 0, "bout": 0, "ereq": 0, "stot": 0, "scur": 1, **counted}
    return {"svname": "FRONTEND", "pxname": LISTENER, "status": "OPEN", **{name: str(n) for name, n in row.items()}}


def test_what_was_counted_since_is_told_and_after_a_reload_all() -> None:
    found, now = heartbeat.listeners([_frontend(stot=5, bin=100)], {})
    assert found[LISTENER] == {"status": "OPEN", "stats": {"rx": 100, "tx": 0, "ereq": 0, "totconns": 5, "conns": 1}}
    found, now = heartbeat.listeners([_frontend(stot=7, bin=160)], now)
    assert (found[LISTENER]["stats"]["totconns"], found[LISTENER]["stats"]["rx"]) == (2, 60)
    found, _ = heartbeat.listeners([_frontend(stot=1, bin=20)], now)
    assert (found[LISTENER]["stats"]["totconns"], found[LISTENER]["stats"]["rx"]) == (1, 20)


def test_before_a_check_has_ended_nothing_is_said() -> None:
    rows = [{"pxname": "p", "svname": name, "check_status": status} for name, status in (("a", "INI"), ("b", "L4OK"))]
    members = {"a": "UP", "b": "UP"}
    told = heartbeat.pools(rows, {"p": {"status": "UP", "members": members}})
    assert told == {"p": {"status": "UP", "members": {"a": "RESTARTING", "b": "UP"}}}
    told = heartbeat.pools(rows[:1], {"p": {"status": "UP", "members": {"a": "UP"}}})
    assert told == {"p": {"status": "RESTARTING", "members": {"a": "RESTARTING"}}}
    told = heartbeat.pools(rows[:1], {"p": {"status": "UP", "members": {"a": "DRAIN"}}})
    assert told["p"]["members"] == {"a": "DRAIN"}
    assert heartbeat.pools([], {"p": {"status": "UP", "members": {}}})["p"]["status"] == "UP"


def test_rows_are_told_apart_by_load_balancer_and_end_as_haproxy_took_them() -> None:
    row = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
    due = {"listeners": [{"id": "l", **row}, {"id": "x", **row}], "healthmonitors": [{"id": "h", **row}]}
    mine, others = states.grouped(due, {("listeners", "l"): LB, ("healthmonitors", "h"): LB})
    assert others == {"listeners": [{"id": "x", **row}]}
    active = {"id": "l", "provisioning_status": "ACTIVE"}
    assert states.settled(mine[LB]) == {"listeners": [active], "healthmonitors": [{"id": "h", **row}]}
    assert states.settled(mine[LB], {"l"})["listeners"] == []
    deleted = {"listeners": [{"id": "l", "provisioning_status": "DELETED"}]}
    assert states.settled(deleted, {"l"}) == deleted
    error = {"provisioning_status": "ERROR", "operating_status": "ERROR"}
    assert states.failed({"listeners": [{"id": "l", **row}]}, LB) == {
        "listeners": [{"id": "l", **error}],
        "loadbalancers": [{"id": LB, **error}],
    }
    assert states.merged(others, others)["listeners"] == [{"id": "x", **row}] * 2


def _rules(*rules: Rule, **more: Any) -> list[str]:
    guarded = {"10.0.0.5": ["g-1"], "fd00::5": ["g-1"]}
    text = firewall.ruleset(Network(guarded=guarded, groups={"g-1": rules}, **more))
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (Rule("IPv4"), "meta nfproto ipv4 accept"),
        (Rule("IPv4", "tcp", (80, 90)), "meta nfproto ipv4 meta l4proto tcp th dport 80-90 accept"),
        (Rule("IPv6", prefixes=["fd00::/8"]), "meta nfproto ipv6 ip6 saddr { fd00::/8 } accept"),
        (
            Rule("IPv4", prefixes=["192.0.2.0/24", "192.0.2.7/32", "198.51.100.1/24", "fd00::/8"]),
            "meta nfproto ipv4 ip saddr { 192.0.2.0/24, 198.51.100.0/24 } accept",
        ),
        (Rule("IPv4", group="g-1"), "meta nfproto ipv4 ip saddr { 10.0.0.5 } accept"),
        (Rule("IPv4", "icmp", (8, None)), "meta nfproto ipv4 meta l4proto icmp icmp type 8 accept"),
        (Rule("IPv6", "ipv6-icmp"), "meta nfproto ipv6 meta l4proto icmpv6 accept"),
        (Rule("IPv4", "112"), "meta nfproto ipv4 meta l4proto 112 accept"),
    ],
)
def test_a_rule_of_a_security_group_is_one_of_nft(rule: Rule, line: str) -> None:
    lines = _rules(rule)
    assert line in lines
    assert lines.index("ip daddr 10.0.0.5 jump ingress_g1") < lines.index("ip daddr 10.0.0.5 drop")
    assert "ip6 daddr fd00::5 drop" in lines


@pytest.mark.parametrize("rule", [Rule("IPv4", group="g-2"), Rule("IPv4", prefixes=[])])
def test_a_group_that_nobody_is_in_lets_nobody_in(rule: Rule) -> None:
    assert not [line for line in _rules(rule) if line.endswith(" accept") and "nfproto" in line]


def test_what_a_server_may_send_is_a_chain_of_its_own_before_floating_ips_are_resolved() -> None:
    lines = _rules(Rule("IPv4", "udp", (53, 53), direction="egress"), Rule("IPv4", "tcp"))
    out = lines[lines.index("chain egress_g1 {") :]
    assert out[1:3] == ["meta nfproto ipv4 meta l4proto udp th dport 53-53 accept", "}"]
    assert "type filter hook output priority -150" in out
    assert out.index("ip saddr 10.0.0.5 jump egress_g1") < out.index("ip saddr 10.0.0.5 drop")
    far = _rules(Rule("IPv4", prefixes=["192.0.2.0/24"], direction="egress"))
    assert "meta nfproto ipv4 ip daddr { 192.0.2.0/24 } accept" in far


def test_floating_ips_and_forwarded_ports_are_maps() -> None:
    forwarding = Forwarding("198.18.0.6", "tcp", 80, "10.0.0.5", 8080)
    lines = _rules(floating={"198.18.0.5": "10.0.0.9"}, forwardings=[forwarding])
    assert "map floating { type ipv4_addr : ipv4_addr; elements = { 198.18.0.5 : 10.0.0.9 }; }" in lines
    assert any("elements = { 198.18.0.6 . 80 : 10.0.0.5 . 8080 }" in line for line in lines)
    assert lines.index("table ip floating") < lines.index("delete table ip floating"), "at once, and the first time too"


def test_what_apt_would_install_is_what_is_downloaded() -> None:
    said = "Reading package lists...\nInst haproxy [2.6.1] (2.6.12-1+deb12u4 Debian:12/oldstable [amd64])\n"
    said += "Inst liblua5.3-0 (5.3.6-2 Debian:12 [amd64])\nConf haproxy (2.6.12-1+deb12u4 Debian:12)\n"
    assert needs(said) == {"haproxy": "2.6.12-1+deb12u4", "liblua5.3-0": "5.3.6-2"}


@pytest.mark.parametrize("lists", ["the machine's", "none"])
def test_where_the_machines_lists_are_empty_apt_gets_lists_of_our_own_first(
    lists: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[Sequence[str]] = []

    def simulated(options: Sequence[str]) -> str:
        updated = any("update" in command for command in ran)
        known = lists != "none" or (updated and bool(options))
        return "Inst haproxy (2.6 Debian [amd64])\nInst nftables (1.0 Debian [amd64])\n" if known else ""

    def run(command: Sequence[str], log: Path, cwd: Path | None = None) -> None:
        ran.append(command)
        if "download" in command:
            assert cwd is not None
            (cwd / "haproxy.deb").touch()

    monkeypatch.setattr(packages, "_simulated", simulated)
    monkeypatch.setattr(packages.cache, "run", run)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    packages._download(tmp_path / "packages")
    *before, download, unpack = ran
    assert [command[-1] for command in before] == ([] if lists != "none" else ["update"])
    assert download[-3:] == ["download", "haproxy=2.6", "nftables=1.0"]
    own = [word for word in download if word.startswith("-o=Dir::")]
    assert all(str(tmp_path) in word for word in own), "nothing of the machine's is written"
    assert bool(own) == bool(before)
    assert unpack[:2] == ["dpkg-deb", "-x"]
    assert json.loads((tmp_path / "packages" / "packages.json").read_text()) == {"haproxy": "2.6", "nftables": "1.0"}
    assert not list(tmp_path.rglob("lists")), "lists are not kept"


def test_a_distribution_that_has_no_haproxy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "_simulated", lambda _: "Inst nftables (1.0 Debian [amd64])\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(SandboxError, match="apt knows no package haproxy here"):
        packages._download(tmp_path / "packages")


def test_without_the_programs_and_without_apt_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.shutil, "which", lambda name, path=None: None)
    with pytest.raises(SandboxError, match=r"HAProxy and nftables are not installed here, and there is no apt-get"):
        packages.find(print)


def test_an_address_answers_a_ping_where_somebody_listens_on_it() -> None:
    head = "  sl  local_address rem_address   st\n"
    four = head + "   0: 0500000A:1F90 00000000:0000 0A\n   1: 0600000A:1F90 0700000A:0050 01\n"
    assert listens("10.0.0.5", four)
    assert not listens("10.0.0.6", four), "a connection is no server"
    six = head + "   0: 000000FD000000000000000005000000:1F90 00000000000000000000000000000000:0000 0A\n"
    assert listens("fd00::5", six)
    assert not listens("fd00::6", six)


def test_only_curl_is_told_where_it_comes_from() -> None:
    assert sourced(["curl", "-s", "x"], "192.0.2.1") == ["curl", "--interface", "192.0.2.1", "-s", "x"]
    assert sourced(["true"], "") == ["true"]
    with pytest.raises(SandboxError, match="only curl"):
        sourced(["true"], "192.0.2.1")


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", {}),
        (b"PROXY TCP4 192.0.2.7 10.0.0.9 5000 80\r\nGET / HTTP/1.1\r\n", {"version": 1, "source": "192.0.2.7"}),
        (b"PROXY UNKNOWN\r\nGET /", {"version": 1, "source": "UNKNOWN"}),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x09\x13\x88\0\x50GET /",
            {"version": 2, "source": "192.0.2.7"},
        ),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET /", {"version": 2, "source": "LOCAL"}),
    ],
)
def test_a_server_reads_the_proxy_protocol_and_leaves_the_request(sent: bytes, told: dict[str, Any]) -> None:
    mine, theirs = socket.socketpair()
    with mine, theirs:
        threading.Thread(target=mine.sendall, args=(sent,)).start()
        assert proxied(theirs) == told
        assert theirs.recv(5) == b"GET /"


def _fails(*arguments: Any, **_: Any) -> Any:
    class Done:
        returncode = 0 if "--map-root-user" not in arguments[0] and _fails.without else 1  # type: ignore[attr-defined]
        stderr = "unshare failed: Operation not permitted"

    return Done


@pytest.mark.parametrize(
    ("user", "without", "found"),
    [(0, True, lambda: kind() == ()), (1000, True, None), (0, False, None)],
    ids=["root without user namespaces", "an ordinary user", "nothing works"],
)
def test_how_namespaces_are_made_is_found_by_trying(
    monkeypatch: pytest.MonkeyPatch, user: int, without: bool, found: Callable[[], bool] | None
) -> None:
    monkeypatch.setattr(_fails, "without", without, raising=False)
    monkeypatch.setattr(world.subprocess, "run", _fails)
    monkeypatch.setattr(world.os, "geteuid", lambda: user)
    monkeypatch.setattr(world.shutil, "which", lambda name: f"/usr/bin/{name}")
    if found:
        assert found()
    else:
        with pytest.raises(SandboxError, match=r"no namespaces can be made here \(unshare failed"):
            kind()
