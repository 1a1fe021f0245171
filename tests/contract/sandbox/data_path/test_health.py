"""What Octavia says of health and of numbers is what HAProxy has found, and nothing is ONLINE that is not."""

import signal
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from tests.support.box import until
from tests.support.traffic import PREFIX, Balancer, Balancing, http, member

pytestmark = pytest.mark.slow

ONE, TWO = f"{PREFIX}.101:8443", f"{PREFIX}.102:8443"
CLIENT = "198.51.100.7"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of a server, in one file."""
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=server"]
    subprocess.run([*command, "-keyout", str(path), "-out", f"{path}.crt"], capture_output=True, check=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
    return path


@pytest.mark.parametrize("kind", ["HTTP", "TCP", "PING", "HTTPS", "TLS-HELLO"])
def test_a_dead_member_is_in_error_and_its_pool_degraded_until_it_comes_back(
    site: Balancing, kind: str, certificate: Path
) -> None:
    tls = certificate if kind in ("HTTPS", "TLS-HELLO") else None
    site.world.serve(ONE, TWO, certificate=tls)
    protocol = {"protocol": "HTTPS"} if tls else {}
    tree = http(member(ONE), member(TWO), monitor={"type": kind}, pool=protocol, **protocol)
    balancer = site.balancer(tree)
    balancer.until(balancer="ONLINE", listener="ONLINE", pool="ONLINE", _10_77_0_101="ONLINE", _10_77_0_102="ONLINE")
    site.world.end(TWO)
    balancer.until(balancer="DEGRADED", listener="ONLINE", pool="DEGRADED", _10_77_0_101="ONLINE", _10_77_0_102="ERROR")
    if not tls:
        assert balancer.answers(3) == [ONE] * 3
    site.world.end(ONE)
    balancer.until(balancer="ERROR", pool="ERROR", _10_77_0_101="ERROR")
    site.world.serve(ONE, TWO, certificate=tls)
    balancer.until(balancer="ONLINE", pool="ONLINE", _10_77_0_101="ONLINE", _10_77_0_102="ONLINE")


def test_an_http_monitor_minds_the_status_that_it_gets(site: Balancing) -> None:
    site.world.serve(ONE)
    monitor = {"type": "HTTP", "url_path": "/status/503", "expected_codes": "200-204"}
    balancer = site.balancer(http(member(ONE), monitor=monitor))
    balancer.until(pool="ERROR", _10_77_0_101="ERROR")
    assert balancer.curl("-o", "/dev/null", "-w", "%{http_code}") == (0, "503"), "no server is left"
    pool = site.customer.octavia("GET", f"pools/{balancer.ids('pools')[0]}").body["pool"]
    balancer.change(f"healthmonitors/{pool['healthmonitor_id']}", expected_codes="503")
    balancer.until(pool="ONLINE", _10_77_0_101="ONLINE")
    assert balancer.answers(1) == [ONE]


def test_nobody_is_called_online_before_he_was_found_to_be(site: Balancing) -> None:
    monitor = {"type": "TCP", "delay": 8}
    balancer = site.balancer(http(member(ONE), monitor=monitor))
    seen: set[str] = set()

    def found() -> bool:
        states = balancer.states()
        seen.update((states[ONE.partition(":")[0]], states["pool"]))
        return "ERROR" in states.values()

    until(found, "the member in ERROR")
    assert "ONLINE" not in seen


def test_without_a_monitor_nothing_is_said_of_a_member(site: Balancing) -> None:
    balancer = site.balancer(http(member(ONE)))
    balancer.until(balancer="ONLINE", listener="ONLINE", pool="ONLINE", _10_77_0_101="NO_MONITOR")


def test_a_member_that_is_drained_or_switched_off_is_called_so(site: Balancing) -> None:
    site.world.serve(ONE, TWO)
    balancer = site.balancer(http(member(ONE), member(TWO), monitor={"type": "TCP"}))
    balancer.until(_10_77_0_101="ONLINE", _10_77_0_102="ONLINE")
    pool = balancer.ids("pools")[0]
    ids = balancer.members(pool)
    balancer.change(f"pools/{pool}/members/{ids['10.77.0.101']}", weight=0)
    balancer.until(_10_77_0_101="DRAINING", pool="ONLINE")
    balancer.change(f"pools/{pool}/members/{ids['10.77.0.101']}", weight=1, admin_state_up=False)
    balancer.until(_10_77_0_101="OFFLINE", _10_77_0_102="ONLINE", pool="ONLINE")
    assert balancer.answers(2) == [TWO] * 2


def test_a_pool_that_no_listener_has_is_offline(site: Balancing) -> None:
    site.world.serve(ONE)
    balancer = site.balancer(http(member(ONE)))
    pool = balancer.make("pools", loadbalancer_id=balancer.id, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    assert site.customer.octavia("GET", f"pools/{pool}").body["pool"]["operating_status"] == "OFFLINE"


def _statistics(site: Balancing, path: str) -> dict[str, Any]:
    return site.customer.octavia("GET", f"{path}/stats").body["stats"]


def test_connections_and_bytes_are_counted_over_reloads(site: Balancing) -> None:
    site.world.serve(ONE)
    balancer = site.balancer(http(member(ONE)))
    listener, pool = balancer.ids("listeners")[0], balancer.ids("pools")[0]
    balancer.answers(3)
    until(lambda: _statistics(site, f"listeners/{listener}")["total_connections"] == 3, "3 connections")
    balancer.make(f"pools/{pool}/members", **member(TWO, weight=0))
    balancer.answers(2)
    until(lambda: _statistics(site, f"listeners/{listener}")["total_connections"] == 5, "5 connections")
    counted = _statistics(site, f"loadbalancers/{balancer.id}")
    assert (counted["total_connections"], counted["request_errors"]) == (5, 0)
    assert counted["bytes_in"] > 5 * 60
    assert counted["bytes_out"] > 5 * 100


def test_a_prometheus_listener_tells_haproxys_numbers(site: Balancing) -> None:
    site.world.serve(ONE)
    metrics = {"protocol": "PROMETHEUS", "protocol_port": 9090, "name": "metrics"}
    balancer = site.balancer(http(member(ONE)))
    balancer.make("listeners", loadbalancer_id=balancer.id, **metrics)
    second = site.balancer({**metrics})
    balancer.answers(2)
    listener = balancer.ids("listeners")
    code, said = balancer.curl(path="/metrics", port=9090)
    assert code == 0
    found = [line for line in said.splitlines() if line.startswith("haproxy_frontend_connections_total")]
    assert any(line.endswith(" 2") and any(one in line for one in listener) for line in found), found
    assert second.curl(path="/metrics", port=9090)[0] == 0, "each load balancer has its own"


def test_one_that_haproxy_refuses_is_in_error_and_holds_up_no_other(site: Balancing) -> None:
    site.world.serve(ONE)
    sound, broken = site.balancer(http(member(ONE))), site.balancer(http(member(ONE)))
    site.world.serve(f"{broken.vip}:81")  # so HAProxy cannot
    listener = {"loadbalancer_id": broken.id, "protocol": "HTTP", "protocol_port": 81}
    made = site.customer.octavia("POST", "listeners", {"listener": listener})
    assert made.status == 201
    broken.until_settled("ERROR")
    there = site.customer.octavia("GET", f"listeners/{made.body['listener']['id']}").body["listener"]
    assert (there["provisioning_status"], there["operating_status"]) == ("ERROR", "ERROR")
    assert broken.answers(1) == [ONE], "what it had before goes on"
    pool = sound.ids("pools")[0]
    sound.make(f"pools/{pool}/members", **member(TWO, weight=0))
    assert sound.answers(2) == [ONE] * 2
    sound.until(balancer="ONLINE")


def test_one_that_hangs_holds_up_no_other_and_is_replaced(site: Balancing) -> None:
    site.world.serve(ONE)
    sound, hung = site.balancer(http(member(ONE), monitor={"type": "TCP"})), site.balancer(http(member(ONE)))
    sound.until(_10_77_0_101="ONLINE")
    before = _pid(hung)
    _signal(hung, signal.SIGSTOP)
    site.world.end(ONE)
    sound.until(_10_77_0_101="ERROR")
    sound.make(f"pools/{sound.ids('pools')[0]}/members", **member(TWO, weight=0))
    site.world.serve(ONE)
    until(lambda: hung.curl()[0] == 0, "an answer of the one that hung")
    assert _pid(hung) != before
    hung.until(balancer="ONLINE", listener="ONLINE")


def test_a_reload_does_not_forget_who_is_down(site: Balancing) -> None:
    site.world.serve(ONE)
    monitor = {"type": "TCP", "delay": 20, "max_retries": 2}
    balancer = site.balancer(http(member(ONE), member(TWO), monitor=monitor))
    balancer.until(_10_77_0_101="ONLINE", _10_77_0_102="ERROR")
    pool = balancer.ids("pools")[0]
    balancer.change(f"pools/{pool}/members/{balancer.members(pool)['10.77.0.101']}", weight=2)
    assert balancer.states()["10.77.0.102"] == "ERROR"
    assert balancer.answers(6) == [ONE] * 6


def _pid(balancer: Balancer) -> int:
    return int((balancer.site.world.folder / "balancers" / balancer.id / "pid").read_text())


def _signal(balancer: Balancer, number: signal.Signals) -> None:
    done = balancer.site.world.execute("/bin/sh", "-c", f"kill -{int(number)} {_pid(balancer)}")
    assert done.returncode == 0, done.stderr


def test_a_haproxy_that_was_killed_is_started_again(site: Balancing) -> None:
    site.world.serve(ONE)
    balancer = site.balancer(http(member(ONE)))
    _signal(balancer, signal.SIGKILL)
    until(lambda: balancer.curl()[0] == 0, "an answer")
    balancer.until(balancer="ONLINE", listener="ONLINE")


def test_a_restart_of_octavia_finds_what_runs_and_what_was_missed(box: Sandbox, site: Balancing) -> None:
    site.world.serve(ONE, TWO)
    balancer = site.balancer(http(member(ONE), member(TWO), monitor={"type": "TCP"}))
    balancer.until(_10_77_0_101="ONLINE", _10_77_0_102="ONLINE")
    before = _pid(balancer)
    box.stop("octavia")
    try:
        assert set(balancer.answers(4)) == {ONE, TWO}, "packets do not need Octavia"
        site.world.end(TWO)
    finally:
        box.start("octavia")
    balancer.until(_10_77_0_101="ONLINE", _10_77_0_102="ERROR")
    assert _pid(balancer) == before
    balancer.make(f"pools/{balancer.ids('pools')[0]}/members", **member(f"{PREFIX}.103:80", weight=0))
    assert balancer.answers(3) == [ONE] * 3


def test_a_world_that_ended_is_filled_again(box: Sandbox, site: Balancing) -> None:
    site.world.serve(ONE)
    balancer = site.balancer(http(member(ONE)))
    assert balancer.answers(1) == [ONE]
    box.stop("world-beta")
    assert box.status()["world-beta"] is False
    until(lambda: balancer.row()["operating_status"] == "ERROR", "ERROR without a world")
    box.start("world-beta")
    site.world.serve(ONE)
    until(lambda: balancer.curl() == (0, f"{ONE}\n"), "an answer")
    balancer.until(balancer="ONLINE", listener="ONLINE")
