"""More of what Octavia was told that a client meets: L7 rules of all kinds, sessions, timeouts, limits, IPv6."""

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.box import until
from tests.support.traffic import ONE, TIMED_OUT, TWO, Balancing, http, member

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("servers")]

SIX = "fd77:77::"


def _rule(kind: str, compare: str, value: str, key: str = "", *, invert: bool = False) -> dict[str, Any]:
    return {"type": kind, "compare_type": compare, "value": value, "invert": invert, **({"key": key} if key else {})}


_POLICIES = {
    "header": [_rule("HEADER", "EQUAL_TO", "gold", "X-Kind")],
    "contains": [_rule("HEADER", "CONTAINS", "mobile", "User-Agent")],
    "cookie": [_rule("COOKIE", "STARTS_WITH", "al", "who")],
    "type": [_rule("FILE_TYPE", "EQUAL_TO", "jpg")],
    "ends": [_rule("PATH", "ENDS_WITH", "/end")],
    "regex": [_rule("PATH", "REGEX", "^/v[0-9]+/")],
    "invert": [_rule("PATH", "STARTS_WITH", "/in"), _rule("HOST_NAME", "EQUAL_TO", "known.example", invert=True)],
}
"""Rules of policies by what each redirects to."""


def test_l7_rules_of_every_type_and_comparison_find_their_requests(site: Balancing) -> None:
    policies = [
        {"action": "REDIRECT_TO_URL", "redirect_url": f"https://example.com/{name}", "name": name, "rules": rules}
        for name, rules in _POLICIES.items()
    ]
    balancer = site.balancer(http(member(ONE), l7policies=policies))

    def redirected(*arguments: str, path: str = "/") -> str:
        code, said = balancer.curl("-o", "/dev/null", "-w", "%{redirect_url}", *arguments, path=path)
        assert code == 0
        return said.rpartition("/")[2]

    assert redirected("-H", "X-Kind: gold") == "header"
    assert redirected("-H", "X-Kind: golden") == ""
    assert redirected("-A", "a mobile client") == "contains"
    assert redirected("--cookie", "who=alice") == "cookie"
    assert redirected("--cookie", "who=bob; other=al") == ""
    assert redirected(path="/a/picture.jpg") == "type"
    assert redirected(path="/the/end") == "ends"
    assert redirected(path="/v12/x") == "regex"
    assert redirected(path="/vx/x") == ""
    assert redirected(path="/inner") == "invert"
    assert redirected("-H", "Host: known.example", path="/inner") == ""


def test_a_cookie_of_the_members_own_leads_to_who_has_set_it(site: Balancing) -> None:
    sticky = {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "session"}}
    balancer = site.balancer(http(member(ONE), member(TWO), pool=sticky))
    owner = {}
    for value in ("a", "b"):
        code, said = balancer.curl(path=f"/set/session={value}")
        assert code == 0
        owner[value] = said.strip()
    assert set(owner.values()) == {ONE, TWO}
    for value, who in owner.items():
        assert {balancer.asked("--cookie", f"session={value}")["server"] for _ in range(4)} == {who}


def test_a_listeners_timeouts_and_its_limit_of_connections_hold(site: Balancing) -> None:
    limits = {"timeout_client_data": 2000, "timeout_member_data": 1000, "connection_limit": 1}
    balancer = site.balancer(http(member(ONE), **limits))
    status = ("-o", "/dev/null", "-w", "%{http_code}")
    assert balancer.curl(*status, path="/after/30") == (0, "504"), "the member answers too late"
    silent = f"import socket, time; s = socket.create_connection(('{balancer.vip}', 80)); print('in', flush=True); "
    silent += "begin = time.monotonic(); s.recv(1000); print(time.monotonic() - begin)"
    command = site.world.enter("python3", "-c", silent)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as mute:
        assert mute.stdout is not None
        assert mute.stdout.readline() == "in\n"
        begin = time.monotonic()
        assert balancer.curl() == (0, f"{ONE}\n"), "the second waits until the first has gone"
        waited = time.monotonic() - begin
        assert float(mute.stdout.read()) > 1.5, "who says nothing is cut off"
    assert waited > 0.5
    listener = balancer.ids("listeners")[0]
    balancer.change(f"listeners/{listener}", timeout_member_data=60000, timeout_client_data=60000, connection_limit=-1)
    assert balancer.curl(*status, path="/after/2") == (0, "200")


@pytest.fixture
def six(site: Balancing) -> Iterator[str]:
    """A subnet of IPv6 in the same network."""
    body = {"network_id": site.network["id"], "cidr": f"{SIX}/64", "ip_version": 6}
    made = site.customer.neutron("POST", "subnets", {"subnet": body})
    assert made.status == 201, made.body
    subnet = made.body["subnet"]["id"]
    yield subnet
    site.clear()
    until(lambda: site.customer.neutron("DELETE", f"subnets/{subnet}").status in (204, 404), "the subnet's end")


def test_a_load_balancer_has_addresses_of_both_families_and_members_too(site: Balancing, six: str) -> None:
    far = f"[{SIX}101]:8080"
    site.world.serve(far)
    members = (member(ONE), {"address": f"{SIX}101", "protocol_port": 8080})
    more = {"vip_subnet_id": six, "additional_vips": [{"subnet_id": site.subnet["id"]}]}
    balancer = site.balancer(
        http(*members, monitor={"type": "TCP"}, allowed_cidrs=[f"{SIX}/64", "192.0.2.0/24"]), **more
    )
    balancer.until(balancer="ONLINE", pool="ONLINE")
    other = balancer.row()["additional_vips"][0]["ip_address"]
    source, host = f"{SIX}7", f"[{balancer.vip}]"
    asked = [balancer.asked("-g", host=host, source=source) for _ in range(2)]
    assert {one["server"]: one["peer"] for one in asked} == {far: balancer.vip, ONE: other}
    assert set(balancer.answers(2, host=other, source="192.0.2.7")) == {far, ONE}
    refused = balancer.curl("-g", "--max-time", "2", host=host, source="fd88::7")
    assert refused[0] == TIMED_OUT
    site.world.end(far)
    balancer.until(pool="DEGRADED")
