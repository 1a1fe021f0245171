"""Packets through load balancers: what Octavia was told is what a client meets."""

import pytest

from sandbox.data_path import Asking, Target
from tests.support.box import until
from tests.support.traffic import DROPPED, ONE, TIMED_OUT, TWO, Balancing, http, member

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("servers")]

CLIENT = "198.51.100.7"


def test_http_goes_to_members_by_turns_with_the_headers_that_were_asked_for(site: Balancing) -> None:
    headers = {f"X-Forwarded-{name}": "true" for name in ("For", "Port", "Proto")}
    balancer = site.balancer(http(member(ONE), member(TWO), insert_headers=headers))
    assert sorted(balancer.answers(6)) == [ONE] * 3 + [TWO] * 3
    asked = balancer.asked(source=CLIENT)
    assert asked["peer"] == balancer.vip, "an amphora speaks to members from the load balancer's network"
    sent = {name.lower(): value for name, value in asked["headers"].items()}
    assert {name: sent[f"x-forwarded-{name}"] for name in ("for", "port", "proto")} == {
        "for": CLIENT,
        "port": "80",
        "proto": "http",
    }


def test_tcp_is_carried_as_it_is(site: Balancing) -> None:
    pool = {"protocol": "TCP", "lb_algorithm": "LEAST_CONNECTIONS", "members": [member(ONE)]}
    balancer = site.balancer({"protocol": "TCP", "protocol_port": 5000, "default_pool": pool})
    asked = balancer.asked(port=5000, source=CLIENT)
    assert asked["server"] == ONE
    assert not [name for name in asked["headers"] if name.lower().startswith("x-")]


@pytest.mark.parametrize(("protocol", "version"), [("PROXY", 1), ("PROXYV2", 2)])
def test_the_proxy_protocol_tells_a_member_who_asks(site: Balancing, protocol: str, version: int) -> None:
    pool = {"protocol": protocol, "lb_algorithm": "ROUND_ROBIN", "members": [member(ONE)]}
    balancer = site.balancer({"protocol": "TCP", "protocol_port": 5000, "default_pool": pool})
    assert balancer.asked(port=5000, source=CLIENT)["proxy"] == {"version": version, "source": CLIENT}


def test_weights_share_requests_and_a_weight_of_zero_takes_none(site: Balancing) -> None:
    balancer = site.balancer(http(member(ONE, weight=3), member(TWO, weight=1)))
    assert sorted(balancer.answers(8)) == [ONE] * 6 + [TWO] * 2
    pool = balancer.ids("pools")[0]
    balancer.change(f"pools/{pool}/members/{balancer.members(pool)[ONE.partition(':')[0]]}", weight=0)
    assert balancer.answers(4) == [TWO] * 4


def test_a_backup_answers_when_no_other_does(site: Balancing) -> None:
    balancer = site.balancer(http(member(ONE), member(TWO, backup=True), monitor={"type": "TCP"}))
    balancer.until(balancer="ONLINE", pool="ONLINE")
    assert balancer.answers(3) == [ONE] * 3
    site.world.end(ONE)
    balancer.until(pool="DEGRADED")
    assert balancer.answers(3) == [TWO] * 3
    site.world.serve(ONE)
    balancer.until(pool="ONLINE")
    assert balancer.answers(3) == [ONE] * 3


def test_only_allowed_ranges_are_served(site: Balancing) -> None:
    balancer = site.balancer(http(member(ONE), allowed_cidrs=["198.51.100.0/24"]))
    assert balancer.asked(source=CLIENT)["server"] == ONE
    assert balancer.curl(*DROPPED, source="192.0.2.7")[0] == TIMED_OUT, "Octavia's group has no rule for it"
    balancer.change(f"listeners/{balancer.ids('listeners')[0]}", allowed_cidrs=["192.0.2.0/24"])
    assert balancer.curl(source="192.0.2.7") == (0, f"{ONE}\n")
    assert balancer.curl(*DROPPED, source=CLIENT)[0] == TIMED_OUT


def test_a_cookie_of_octavias_leads_to_the_same_member(site: Balancing) -> None:
    sticky = {"session_persistence": {"type": "HTTP_COOKIE"}}
    balancer = site.balancer(http(member(ONE), member(TWO), pool=sticky))
    code, said = balancer.curl("-D", "-", "-o", "/dev/null")
    assert code == 0
    cookie = next(line for line in said.splitlines() if line.lower().startswith("set-cookie:"))
    kept = cookie.partition(":")[2].strip().partition(";")[0]
    found = {balancer.asked("--cookie", kept)["server"] for _ in range(5)}
    assert len(found) == 1
    assert set(balancer.answers(4)) == {ONE, TWO}


def test_a_source_leads_to_the_same_member(site: Balancing) -> None:
    balancer = site.balancer(http(member(ONE), member(TWO), pool={"session_persistence": {"type": "SOURCE_IP"}}))
    first = balancer.answers(4, source=CLIENT)
    assert len(set(first)) == 1
    others = {balancer.asked(source=f"198.51.100.{number}")["server"] for number in range(10, 14)}
    assert others == {ONE, TWO}


def test_policies_redirect_refuse_and_lead_to_another_pool(site: Balancing) -> None:
    balancer = site.balancer(http(member(ONE)))
    listener = balancer.ids("listeners")[0]
    pool = balancer.make("pools", loadbalancer_id=balancer.id, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
    balancer.make(f"pools/{pool}/members", **member(TWO))
    to_url = {"action": "REDIRECT_TO_URL", "redirect_url": "https://example.com/new", "redirect_http_code": 307}
    prefix = {"action": "REDIRECT_PREFIX", "redirect_prefix": "https://www.example.com", "redirect_http_code": 301}
    for action, path in (
        (to_url, "/old"),
        (prefix, "/moved"),
        ({"action": "REJECT"}, "/private"),
        ({"action": "REDIRECT_TO_POOL", "redirect_pool_id": pool}, "/request"),
    ):
        policy = balancer.make("l7policies", listener_id=listener, **action)
        rule = {"type": "PATH", "compare_type": "STARTS_WITH", "value": path}
        balancer.make(f"l7policies/{policy}/rules", **rule)
        last = policy
    told = ("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}")
    assert balancer.curl(*told, path="/old") == (0, "307 https://example.com/new")
    assert balancer.curl(*told, path="/moved/x") == (0, "301 https://www.example.com/moved/x")
    assert balancer.curl(*told, path="/private")[1].startswith("403 ")
    assert balancer.answers(2) == [TWO] * 2
    assert balancer.curl() == (0, f"{ONE}\n")
    host = {"type": "HOST_NAME", "compare_type": "EQUAL_TO", "value": "two.example"}
    balancer.make(f"l7policies/{last}/rules", **host)
    assert balancer.answers(2) == [ONE] * 2, "all rules of a policy have to hold"
    assert balancer.asked("-H", "Host: two.example")["server"] == TWO


def test_a_listener_that_goes_or_is_switched_off_refuses_and_the_others_go_on(site: Balancing) -> None:
    second = {"protocol": "TCP", "protocol_port": 81, "default_pool": http(member(TWO))["default_pool"]}
    second["default_pool"]["protocol"] = "TCP"
    balancer = site.balancer(http(member(ONE)), second)
    listed = site.customer.octavia("GET", f"listeners?loadbalancer_id={balancer.id}").body["listeners"]
    ids = {row["protocol_port"]: row["id"] for row in listed}
    assert (balancer.asked()["server"], balancer.asked(port=81)["server"]) == (ONE, TWO)
    balancer.change(f"listeners/{ids[80]}", admin_state_up=False)
    assert balancer.curl()[0] == 7
    until(lambda: _state(site, ids[80]) == "OFFLINE", "listener OFFLINE")
    balancer.change(f"listeners/{ids[80]}", admin_state_up=True)
    assert balancer.asked()["server"] == ONE
    balancer.delete(f"listeners/{ids[80]}")
    assert balancer.curl(*DROPPED)[0] == TIMED_OUT, "with it goes the rule of Octavia's group"
    assert balancer.asked(port=81)["server"] == TWO
    balancer.delete_all()
    until(lambda: balancer.curl(port=81)[0] == 7, "the load balancer's end")


def _state(site: Balancing, listener: str) -> str:
    return site.customer.octavia("GET", f"listeners/{listener}").body["listener"]["operating_status"]


def test_changes_of_members_lose_no_request(site: Balancing) -> None:
    balancer = site.balancer(http(member(ONE), member(TWO)))
    pool = balancer.ids("pools")[0]
    changed = balancer.members(pool)[ONE.partition(":")[0]]
    url = f"http://{balancer.vip}/"
    # So many that some are on their way whenever HAProxy is reloaded.
    with Asking(site.world, Target("new", url, clients=16, pause=0), Target("kept", url, keep_alive=True)) as asking:
        until(lambda: all(told.answers for told in asking.take().values()), "answers")
        for weight in range(2, 8):
            balancer.change(f"pools/{pool}/members/{changed}", weight=weight)
        told = asking.take()
    assert {name for each in told.values() for name in each.answers} == {ONE, TWO}
    assert {name: (each.failed, each.failures) for name, each in told.items() if each.failed} == {}
