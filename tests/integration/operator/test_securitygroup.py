"""SecurityGroup on the real Neutron: the group, and its rules as a set."""

from __future__ import annotations

from typing import Any

import pytest

from demo.show import ready
from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import bundle, security_group
from tests.support.reconciles import calls, changed_by_a_reconcile
from tests.support.running import User, network
from tests.support.tree_hands import ILB, IPOOL, listener, load_balancer, member, monitor, pool

HTTPS = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 443}, "remoteIPPrefix": "0.0.0.0/0"}
PING6 = {"direction": "ingress", "etherType": "IPv6", "protocol": "icmpv6"}
DNS = {"direction": "ingress", "protocol": "udp", "portRange": {"min": 53}, "remoteIPPrefix": "10.0.0.0/8"}
SSH = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22, "max": 22}, "remoteIPPrefix": "192.0.2.0/24"}
TEN = [{"direction": "ingress", "protocol": "tcp", "portRange": {"min": n}} for n in range(8000, 8010)]

EGRESS = {"egress IPv4 any - *", "egress IPv6 any - *"}


def rules(user: User, group_id: str) -> set[str]:
    """The rules of a group in Neutron, in short."""
    rows = user.cloud.security_group_rules.list(security_group_id=group_id)
    found = [
        f"{row['direction']} {row['ethertype']} {row['protocol'] or 'any'} "
        f"{'' if row['port_range_min'] is None else row['port_range_min']}-"
        f"{'' if row['port_range_max'] is None else row['port_range_max']} "
        f"{row['remote_ip_prefix'] or row['remote_group_id'] or '*'}"
        for row in rows
    ]
    assert len(set(found)) == len(found), found
    return set(found)


def made(user: User, name: str = "g", /, **spec: Any) -> str:
    """Apply a SecurityGroup and wait until it is Ready; its id."""
    user.apply(security_group(name, **spec))
    return str(user.until_ready("isg", name)["status"]["id"])


def test_every_field_created_changed_drifted_and_taken_out(beta: User) -> None:
    group = made(beta, description="web", tags=["blue"], stateful=False, keepDefaultEgress=False, rules=[HTTPS, PING6])
    there = beta.cloud.security_groups.get(group)
    assert (there["name"], there["tags"], there["stateful"]) == ("g", ["blue"], False)
    assert there["description"].startswith("web [ik2.")
    first = {"ingress IPv4 tcp 443-443 0.0.0.0/0", "ingress IPv6 ipv6-icmp - *"}
    assert rules(beta, group) == first
    status = (beta.get("isg", "g") or {})["status"]
    assert (status["ruleCount"], status["stateful"]) == (2, False)

    # Changed in place.
    changed = {"name": "web", "description": "changed", "tags": ["red"], "stateful": True, "keepDefaultEgress": True}
    assert made(beta, rules=[{**HTTPS, "description": "all the world"}, DNS], **changed) == group
    second = {"ingress IPv4 tcp 443-443 0.0.0.0/0", "ingress IPv4 udp 53-53 10.0.0.0/8", *EGRESS}
    assert rules(beta, group) == second
    there = beta.cloud.security_groups.get(group)
    assert (there["name"], there["tags"], there["stateful"]) == ("web", ["red"], True)
    assert there["description"].startswith("changed [ik2.")
    assert "all the world" in [rule["description"] for rule in there["security_group_rules"]]

    # Changed by somebody else in the cloud, and put back.
    gone = next(rule for rule in there["security_group_rules"] if rule["protocol"] == "udp")
    beta.cloud.security_group_rules.delete(gone["id"])
    foreign = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp"}
    beta.cloud.security_group_rules.create({**foreign, "port_range_min": 23, "port_range_max": 23})
    beta.cloud.security_groups.update(group, {"name": "x", "description": "mine", "stateful": False})
    beta.cloud.tags.replace("security_groups", group, ["mine"])
    beta.annotate("isg", "g", reconcile_at="1")
    until(lambda: rules(beta, group) == second, "the rules as they were")
    there = beta.cloud.security_groups.get(group)
    assert (there["name"], there["tags"], there["stateful"]) == ("web", ["red"], True)
    assert there["description"].startswith("changed [ik2.")
    until(lambda: "DriftCorrected" in [reason for reason, _ in beta.events("g")], "Event DriftCorrected")

    # Taken out of the spec: back to what a new group has.
    made(beta, stateful=False)
    made(beta)
    there = beta.cloud.security_groups.get(group)
    assert (there["name"], there["tags"], there["stateful"]) == ("g", [], True)
    assert there["description"].startswith("[ik2.")
    assert rules(beta, group) == EGRESS

    beta.delete("isg", "g")
    assert group not in [row["id"] for row in beta.cloud.security_groups.list(project_id=beta.project.id)]


@pytest.mark.slow
def test_rules_never_named_are_left_alone(box: Sandbox, beta: User) -> None:
    group = made(beta, description="only the group")
    own = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp"}
    by_hand = beta.cloud.security_group_rules.create({**own, "port_range_min": 23, "port_range_max": 23})["id"]
    there = rules(beta, group)
    assert changed_by_a_reconcile(box, beta, "isg", "g") == []
    assert rules(beta, group) == there
    made(beta, description="only the group", keepDefaultEgress=False)
    assert rules(beta, group) == there - EGRESS
    made(beta)
    assert rules(beta, group) == there
    beta.delete("isg", "g", wait=False)
    assert by_hand in beta.until_condition("isg", "g", "Ready", reason="InUse")["message"]
    assert rules(beta, group) == there
    beta.cloud.security_group_rules.delete(by_hand)
    until(lambda: beta.get("isg", "g") is None, "the group gone, once nothing of others is in it", 90)


def test_the_same_rules_in_other_words_and_another_order_cost_no_change(box: Sandbox, beta: User) -> None:
    made(
        beta,
        rules=[
            {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}, "remoteIPPrefix": "0.0.0.0/0"},
            {"direction": "ingress", "protocol": "tcp"},
            {"direction": "ingress", "etherType": "IPv6", "protocol": "icmpv6"},
            {"direction": "ingress", "protocol": "icmp", "portRange": {"min": 8, "max": 0}},
            {"direction": "ingress", "remoteIPPrefix": "2001:db8::/32"},
            {"direction": "ingress", "protocol": "gre"},
        ],
    )
    mark = box.mark()
    made(
        beta,
        rules=[
            {"direction": "ingress", "protocol": 47, "etherType": "IPv4"},
            {"direction": "ingress", "remoteIPPrefix": "2001:0db8:0:0::/32", "protocol": "any", "etherType": "IPv6"},
            {"direction": "ingress", "protocol": 1, "portRange": {"min": 8, "max": 0}, "remoteIPPrefix": "0.0.0.0/0"},
            {"direction": "ingress", "protocol": 58, "etherType": "IPv6", "remoteIPPrefix": "::/0"},
            {"direction": "ingress", "protocol": 6, "portRange": {"min": 1, "max": 65535}},
            {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22, "max": 22}},
            {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}},
            {"direction": "egress"},
        ],
    )
    assert calls(box, mark, writing=True) == []


@pytest.mark.slow
def test_what_neutron_makes_of_any_protocol_is_no_drift(box: Sandbox, beta: User) -> None:
    four = ["any", "ah", "dccp", "egp", "esp", "gre", "icmp", "igmp", "ipip", "ospf", "pgm", "rsvp", "sctp", "tcp"]
    four += ["udp", "udplite", "vrrp"]
    six = ["icmp", "icmpv6", "ipv6-icmp", "ipv6-encap", "ipv6-frag", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "tcp"]
    numbers = [0, 1, 2, 6, 17, 47, 58, 132, 255]
    spec = [{"direction": "ingress", "protocol": each} for each in [*four, *numbers] if each != 58]
    spec += [{"direction": "ingress", "protocol": each, "etherType": "IPv6"} for each in [*six, *numbers]]
    spec += [{"direction": "ingress", "protocol": 6, "portRange": {"min": 25}}]
    spec += [{"direction": "ingress", "protocol": each, "portRange": {"min": 3, "max": 1}} for each in ("icmp", 1)]
    made(beta, rules=spec)
    assert changed_by_a_reconcile(box, beta, "isg", "g") == []


def test_only_the_difference_is_sent_and_what_is_new_in_one_call(box: Sandbox, beta: User) -> None:
    group = made(beta, rules=TEN)
    made(beta, "warm")
    mark = box.mark()
    made(beta, rules=[*TEN[1:], HTTPS, DNS, SSH])
    post, delete = calls(box, mark, writing=True)
    assert post == "POST /v2.0/security-group-rules"
    assert delete.startswith("DELETE /v2.0/security-group-rules/")
    assert len(rules(beta, group)) == 9 + 3 + 2


def test_calls_of_a_group_with_ten_rules_from_apply_to_ready(box: Sandbox, beta: User) -> None:
    made(beta, "warm")
    mark = box.mark()
    group = made(beta, rules=TEN)
    made_of = calls(box, mark)
    print(f"\nsecurity group with 10 rules: {made_of}")
    assert len(made_of) <= 3, made_of
    assert len(rules(beta, group)) == 12


@pytest.mark.slow
def test_what_was_done_without_an_answer_is_not_done_twice(box: Sandbox, beta: User) -> None:
    """Neutron makes the group and says 503; then it makes the rules, and says 503 again."""
    failing = {
        "service": "neutron",
        "method": "POST",
        "path": r"/security-group-rules$",
        "status_after": 503,
        "count": 1,
    }
    box.set_faults([{**failing, "path": r"/security-groups$"}, failing])
    group = made(beta, rules=[HTTPS, DNS])
    assert box.faults_hit() == 2
    assert rules(beta, group) == {"ingress IPv4 tcp 443-443 0.0.0.0/0", "ingress IPv4 udp 53-53 10.0.0.0/8", *EGRESS}
    there = [row["id"] for row in beta.cloud.security_groups.list(project_id=beta.project.id) if row["name"] == "g"]
    assert there == [group]


@pytest.mark.slow
def test_rules_that_refer_to_groups(beta: User, hands: ByHand) -> None:
    foreign = hands.make("security_groups", name="somebody's")["id"]
    spec = [
        {"direction": "ingress", "protocol": "tcp", "remoteGroupRef": {"name": "g"}},
        {"direction": "ingress", "protocol": "udp", "remoteGroupRef": {"name": "other"}},
        {"direction": "ingress", "protocol": "sctp", "remoteGroupID": foreign},
        {"direction": "egress", "etherType": "IPv6", "remoteGroupRef": {"name": "g"}},
    ]
    beta.apply(bundle(security_group("g", rules=spec, keepDefaultEgress=False), security_group("other")))
    group = beta.until_ready("isg", "g")["status"]["id"]
    other = beta.until_ready("isg", "other")["status"]["id"]
    assert rules(beta, group) == {
        f"ingress IPv4 tcp - {group}",
        f"ingress IPv4 udp - {other}",
        f"ingress IPv4 sctp - {foreign}",
        f"egress IPv6 any - {group}",
    }
    # The other one made again behind our back: the rule follows it. (Neutron removes a rule with its remote group.)
    beta.cloud.security_groups.delete(other)
    beta.annotate("isg", "other", reconcile_at="1")
    until(lambda: (beta.get("isg", "other") or {})["status"].get("id") not in (None, other), "another group")
    anew = beta.until_ready("isg", "other")["status"]["id"]
    until(lambda: f"ingress IPv4 udp - {anew}" in rules(beta, group), "the rule on the new group")
    assert beta.until_ready("isg", "g")["status"]["id"] == group

    # In use by the other's rules: it says so, and goes once they do.
    beta.delete("isg", "other", wait=False)
    assert "SecurityGroup g" in beta.until_condition("isg", "other", "Ready", reason="InUse")["message"]
    assert beta.until_ready("isg", "g")["status"]["id"] == group  # who stands on it goes on as it was
    assert f"ingress IPv4 udp - {anew}" in rules(beta, group)
    beta.patch("isg", "g", {"rules": spec[:1]})
    until(lambda: beta.get("isg", "other") is None, "gone once nothing refers to it", 30)
    until(lambda: rules(beta, group) == {f"ingress IPv4 tcp - {group}"}, "the rules that are left")


@pytest.mark.slow
def test_a_missing_group_holds_back_its_rules_only(box: Sandbox, beta: User) -> None:
    rule = {"direction": "ingress", "protocol": "udp", "remoteGroupRef": {"name": "later"}}
    beta.apply(security_group("g", rules=[HTTPS, rule]))
    waiting = beta.until_condition("isg", "g", "ReferencesResolved", status="False", reason="WaitingForReference")
    assert "SecurityGroup later" in waiting["message"]
    group = (beta.get("isg", "g") or {})["status"]["id"]
    assert rules(beta, group) == {"ingress IPv4 tcp 443-443 0.0.0.0/0", *EGRESS}
    mark = box.mark()
    beta.apply(security_group("another"))  # what happens elsewhere wakes nobody
    beta.until_ready("isg", "another")
    assert [call for call in calls(box, mark) if "security-group-rules" in call] == []

    other = made(beta, "later")
    beta.until_ready("isg", "g")
    assert f"ingress IPv4 udp - {other}" in rules(beta, group)
    assert beta.condition("isg", "g", "ReferencesResolved")["status"] == "True"


def test_two_groups_that_refer_to_each_other_come_and_go_together(beta: User) -> None:
    def one(name: str, other: str) -> dict[str, Any]:
        return security_group(name, rules=[{"direction": "ingress", "remoteGroupRef": {"name": other}}])

    for order in (["left", "right"], ["right", "left"]):
        beta.apply(bundle(one("left", "right"), one("right", "left")))
        left = beta.until_ready("isg", "left")["status"]["id"]
        right = beta.until_ready("isg", "right")["status"]["id"]
        assert f"ingress IPv4 any - {right}" in rules(beta, left)
        assert f"ingress IPv4 any - {left}" in rules(beta, right)
        beta.kubectl.run("delete", "isg", *order, "-n", beta.namespace, "--timeout=60s")
        there = [row["id"] for row in beta.cloud.security_groups.list(project_id=beta.project.id)]
        assert not {left, right} & set(there)

    # One by one: the first waits for the other.
    beta.apply(bundle(one("left", "right"), one("right", "left")))
    beta.until_ready("isg", "left")
    beta.until_ready("isg", "right")
    beta.delete("isg", "left", wait=False)
    assert "SecurityGroup right" in beta.until_condition("isg", "left", "Ready", reason="InUse")["message"]
    beta.delete("isg", "right", wait=False)
    until(lambda: beta.get("isg", "left") is None and beta.get("isg", "right") is None, "both gone", 30)


@pytest.mark.slow
def test_a_group_deleted_behind_our_back_is_made_again(beta: User) -> None:
    old = made(beta, description="web", rules=[HTTPS, DNS])
    before = rules(beta, old)
    beta.cloud.security_groups.delete(old)
    beta.annotate("isg", "g", reconcile_at="1")

    def again() -> dict[str, Any] | None:
        body = beta.get("isg", "g")
        return body if body and ready(body) and body["status"].get("id") not in (None, old) else None

    new = until(again, "another group")["status"]["id"]
    assert rules(beta, new) == before
    assert [row["id"] for row in beta.cloud.security_groups.list(project_id=beta.project.id) if row["name"] == "g"] == [
        new
    ]


@pytest.mark.slow
def test_a_group_that_ports_use_stays_and_says_so(beta: User, hands: ByHand) -> None:
    group = made(beta)
    beta.apply(network("office", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}]))
    network_id = beta.until_ready("inet", "office")["status"]["id"]
    port = hands.port(network_id, security_groups=[group])
    beta.delete("isg", "g", wait=False)
    message = beta.until_condition("isg", "g", "Ready", reason="InUse")["message"]
    assert group in message
    beta.cloud.ports.delete(port["id"])
    until(lambda: beta.get("isg", "g") is None, "gone once the port is", 90)


@pytest.mark.slow
def test_rules_follow_a_pool(beta: User, hands: ByHand) -> None:
    _, (front, back) = hands.network("lab", "10.31.0.0/24", "10.32.0.0/24")
    servers = [member("10.31.0.11"), member("10.31.0.12", 8081), member("10.32.0.9", 9000, subnetID=back["id"])]
    group = made(beta, rules=[SSH], memberRules=[{"poolRef": {"name": "web"}}])
    ssh = "ingress IPv4 tcp 22-22 192.0.2.0/24"
    assert rules(beta, group) == {ssh, *EGRESS}
    assert "Pool web, which is not there yet" in beta.condition("isg", "g", "ReferencesResolved")["message"]
    ping = monitor("ping", "web", type="PING")
    balancer = load_balancer("lb", front["id"], listener("http", pool="web"))
    beta.apply(bundle(balancer, pool("web", "lb", *servers), ping))
    beta.until_ready(ILB, "lb")
    beta.until_ready(IPOOL, "web")
    first = {
        "ingress IPv4 tcp 8080-8081 10.31.0.0/24",
        "ingress IPv4 tcp 9000-9000 10.31.0.0/24",
        "ingress IPv4 tcp 9000-9000 10.32.0.0/24",
        "ingress IPv4 icmp 8-0 10.31.0.0/24",
        "ingress IPv4 icmp 8-0 10.32.0.0/24",
    }
    until(lambda: rules(beta, group) == {ssh, *first, *EGRESS}, "the rules for the members")
    until(lambda: beta.condition("isg", "g", "ReferencesResolved")["status"] == "True", "no more waiting")

    # A member's own port is not in the group, which is told of.
    port = hands.port(front["network_id"], fixed_ips=[{"subnet_id": front["id"], "ip_address": "10.31.0.11"}])
    beta.annotate("isg", "g", reconcile_at="1")
    until(lambda: port["id"] in beta.condition("isg", "g", "Synced")["message"], "the port outside")

    # Members go, then the Pool, which takes nothing along, and at last its place in the group.
    beta.apply(pool("web", "lb", member("10.31.0.11", 8081)))
    last = {"ingress IPv4 tcp 8081-8081 10.31.0.0/24", "ingress IPv4 icmp 8-0 10.31.0.0/24"}
    until(lambda: rules(beta, group) == {ssh, *last, *EGRESS}, "the rules for the one that is left")
    beta.apply(load_balancer("lb", front["id"], listener("http")))
    beta.kubectl.run("delete", "ihm/ping", "ipool/web", "-n", beta.namespace, "--timeout=60s")
    until(lambda: "Pool web: it is not there" in beta.condition("isg", "g", "Synced")["message"], "why they stay")
    assert rules(beta, group) >= {ssh, "ingress IPv4 tcp 8081-8081 10.31.0.0/24", *EGRESS}
    assert beta.condition("isg", "g", "Ready")["status"] == "True"
    beta.apply(security_group("g", rules=[SSH]))
    until(lambda: rules(beta, group) == {ssh, *EGRESS}, "none is left")
    assert beta.condition("isg", "g", "Synced")["message"] == ""


@pytest.mark.slow
def test_rules_for_members_where_the_list_of_rules_is_others(beta: User, hands: ByHand) -> None:
    """Neutron keeps the marks, and the rules that the spec never named stay as they are."""
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    group = made(beta, memberRules=[{"poolRef": {"name": "web"}, "description": "the shop"}])
    theirs = beta.cloud.security_group_rules.create(
        {
            "security_group_id": group,
            "direction": "ingress",
            "ethertype": "IPv4",
            "protocol": "tcp",
            "port_range_min": 22,
            "port_range_max": 22,
            "remote_ip_prefix": "192.0.2.0/24",
        }
    )
    balancer = load_balancer("lb", front["id"], listener("http", pool="web"))
    beta.apply(bundle(balancer, pool("web", "lb", member("10.33.0.11"))))
    beta.until_ready(IPOOL, "web")
    ssh, http = "ingress IPv4 tcp 22-22 192.0.2.0/24", "ingress IPv4 tcp 8080-8080 10.33.0.0/24"
    until(lambda: rules(beta, group) == {ssh, http, *EGRESS}, "the rule for the member")
    texts = {each["description"] for each in beta.cloud.security_group_rules.list(security_group_id=group)}
    assert any(text and text.startswith("the shop [ik2.") for text in texts)
    beta.apply(pool("web", "lb", member("10.33.0.11", 9090)))
    http = "ingress IPv4 tcp 9090-9090 10.33.0.0/24"
    until(lambda: rules(beta, group) == {ssh, http, *EGRESS}, "another port")
    beta.kubectl.run("delete", "isg/g", "-n", beta.namespace, "--wait=false")
    until(lambda: theirs["id"] in beta.condition("isg", "g", "Ready")["message"], "what is others' is named")
    beta.cloud.security_group_rules.delete(theirs["id"])
    until(lambda: beta.get("isg", "g") is None, "gone with the rule for the member", 90)
