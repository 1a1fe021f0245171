"""A SecurityGroup and its rules, which are a set."""

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import Category, ConflictError
from infomaniak_operator.controller.interfaces import Key, Stalled, WaitingFor
from infomaniak_operator.reconcile.neutron.group_rules import ObservedRule, difference, observed
from tests.support.objects import custom
from tests.support.world import World

SSH = {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp", "portRange": {"min": 22}}
WEB = {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp", "portRange": {"min": 80, "max": 443}}


def group(name="web", **spec):
    return custom("SecurityGroup", name, spec)


def ready(**spec):
    world = World()
    key = world.apply(group(**spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    world.told(key)
    world.cloud.take()
    return world, key


def rules(world, key):
    row = world.others.security_groups.get(world.object(key).status["id"])
    return sorted(str(observed(rule)) for rule in row["security_group_rules"])


EGRESS = ["egress IPv4 any to anywhere", "egress IPv6 any to anywhere"]


def test_a_group_with_its_rules():
    world, key = ready(rules=[SSH, WEB])
    assert rules(world, key) == [*EGRESS, "ingress IPv4 tcp 22 from anywhere", "ingress IPv4 tcp 80-443 from anywhere"]
    status = {name: value for name, value in world.object(key).status.items() if name != "conditions"}
    KINDS["SecurityGroup"].status.model_validate(status)
    assert status["ruleCount"] == 4
    world.reconcile(key)
    assert world.cloud.writes() == []


def test_new_rules_are_one_call():
    world = World()
    key = world.apply(group(rules=[SSH, WEB]))
    world.settle(key)
    assert world.cloud.take() == [
        "LIST security_groups",
        "GET quotas",
        "POST security_groups",
        "POST security_group_rules",
    ]


def test_rules_that_are_not_in_the_spec_are_left_alone():
    world, key = ready()
    body = {"security_group_id": world.object(key).status["id"], "direction": "ingress", "ethertype": "IPv4"}
    world.others.security_group_rules.create(body)
    world.reconcile(key)
    assert world.cloud.writes() == []


def test_what_replaces_is_there_before_what_goes():
    world, key = ready(rules=[SSH])
    world.spec(key, rules=[WEB])
    world.settle(key)
    assert world.cloud.writes() == ["POST security_group_rules", "DELETE security_group_rules"]
    assert rules(world, key) == [*EGRESS, "ingress IPv4 tcp 80-443 from anywhere"]


def test_drift_is_corrected():
    world, key = ready(rules=[SSH])
    row = world.others.security_groups.get(world.object(key).status["id"])
    for rule in row["security_group_rules"]:
        world.others.security_group_rules.delete(rule["id"])
    body = {"security_group_id": row["id"], "direction": "ingress", "ethertype": "IPv6"}
    world.others.security_group_rules.create(body)
    world.settle(key)
    assert rules(world, key) == [*EGRESS, "ingress IPv4 tcp 22 from anywhere"]
    assert world.told(key) == ["DriftCorrected"]


def test_without_the_default_egress():
    world, key = ready(rules=[], keepDefaultEgress=False)
    assert rules(world, key) == []


def test_the_default_egress_alone_says_nothing_of_other_rules():
    world, key = ready(keepDefaultEgress=False)
    assert rules(world, key) == []
    body = {"security_group_id": world.object(key).status["id"], "direction": "ingress", "ethertype": "IPv4"}
    world.others.security_group_rules.create(body)
    world.settle(key)
    assert rules(world, key) == ["ingress IPv4 any from anywhere"]
    world.spec(key, keepDefaultEgress=...)
    world.settle(key)
    assert rules(world, key) == [*EGRESS, "ingress IPv4 any from anywhere"]


def test_rules_that_appear_between_look_and_act_are_no_mistake_of_the_user():
    """A create whose caller is gone may still be carried out: Neutron then calls the second one a duplicate."""
    world, key = ready(rules=[SSH])
    body = {"security_group_id": world.object(key).status["id"], "direction": "ingress", "protocol": "tcp"}
    body |= {"ethertype": "IPv4", "port_range_min": 80, "port_range_max": 443}
    world.meanwhile("POST security_group_rules", lambda: world.others.security_group_rules.create(body))
    world.spec(key, rules=[WEB])
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert rules(world, key) == [*EGRESS, "ingress IPv4 tcp 80-443 from anywhere"]


def test_a_rule_that_neutron_refuses_for_good_says_so():
    world, key = ready(rules=[SSH])
    refusal = ConflictError("it is there", error_type="SecurityGroupRuleExists", category=Category.TERMINAL)
    world.fail("POST security_group_rules", refusal)
    world.spec(key, rules=[SSH, WEB])
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert "it is there" in world.message(key)


def test_two_groups_that_refer_to_each_other_come_and_go():
    world = World()
    one = world.apply(group("one", rules=[{**SSH, "remoteGroupRef": {"name": "two"}}]))
    two = world.apply(group("two", rules=[{**WEB, "remoteGroupRef": {"name": "one"}}]))
    assert world.reconcile(one).next == WaitingFor(frozenset({Key("SecurityGroup", "shop", "two")}))
    assert world.object(one).status["id"]
    world.settle(two)
    world.settle(one)
    assert world.ready(one) == world.ready(two) == ("True", "Available")
    assert any("22" in rule and world.object(two).status["id"] in rule for rule in rules(world, one))
    world.delete(one)
    world.delete(two)
    for key in (one, two, one, two):
        world.reconcile(key)
    assert world.get(one) is None
    assert world.get(two) is None


def test_a_rule_stays_while_the_group_it_refers_to_waits_to_go():
    world = World()
    other = world.apply(group("other"))
    world.settle(other)
    key = world.apply(group(rules=[{**SSH, "remoteGroupRef": {"name": "other"}}]))
    world.settle(key)
    before = rules(world, key)
    world.delete(other)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert rules(world, key) == before
    assert world.reconcile(other).next == WaitingFor(frozenset({key}))
    world.spec(key, rules=[SSH])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert rules(world, key) == [*EGRESS, "ingress IPv4 tcp 22 from anywhere"]
    world.settle(other)
    assert world.get(other) is None


def test_a_group_refers_to_itself():
    world, key = ready(rules=[{**SSH, "remoteGroupRef": {"name": "web"}}])
    assert any(world.object(key).status["id"] in rule for rule in rules(world, key))


def row(**fields):
    return {"id": "r", "direction": "ingress", "ethertype": "IPv4", **fields}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (row(protocol="tcp"), row(protocol="6"), True),
        (row(protocol="TCP"), row(protocol=6), True),
        (row(protocol=None), row(protocol="any"), True),
        (row(protocol="tcp"), row(protocol="udp"), False),
        (row(ethertype="IPv6", protocol="icmp"), row(ethertype="IPv6", protocol="ipv6-icmp"), True),
        (row(ethertype="IPv6", protocol="1"), row(ethertype="IPv6", protocol="58"), True),
        (row(ethertype="IPv4", protocol="icmp"), row(ethertype="IPv4", protocol="icmpv6"), False),
        (row(remote_ip_prefix="0.0.0.0/0"), row(), True),
        (row(remote_ip_prefix="10.0.0.7/24"), row(remote_ip_prefix="10.0.0.0/24"), True),
        (row(remote_ip_prefix="10.0.0.0/24"), row(), False),
        (row(ethertype="IPv6", remote_ip_prefix="::/0"), row(ethertype="IPv6"), True),
        (row(ethertype="IPv6"), row(ethertype="IPv4"), False),
        (row(protocol="tcp", port_range_min=1, port_range_max=65535), row(protocol="tcp"), True),
        (row(protocol="icmp", port_range_min=0), row(protocol="icmp"), False),
        (row(remote_group_id="g"), row(), False),
        (row(remote_group_id="g"), row(remote_group_id="h"), False),
    ],
)
def test_rules_of_one_effect(one, other, same):
    assert (observed(one) == observed(other)) is same


def test_a_difference_is_a_difference_of_sets():
    wanted = [row(protocol="tcp"), row(protocol="6"), row(protocol="udp", description="x")]
    there = [row(protocol="tcp", id="1"), row(protocol="udp", id="2", description="y"), row(protocol="icmp", id="3")]
    missing, surplus = difference(wanted, there)
    assert [observed(body).protocol for body in missing] == ["17"]
    assert [item["id"] for item in surplus] == ["2", "3"]
    assert isinstance(observed(missing[0]), ObservedRule)


@pytest.mark.parametrize(
    ("before", "after", "stored"),
    [("ipip", 4, "4"), (4, "ipip", "ipip"), (0, "any", None), ("any", 0, "0"), (94, "ipip", "ipip"), ("tcp", 6, "tcp")],
)
def test_a_protocol_that_neutron_keeps_apart_is_changed(before, after, stored):
    world = World()
    item = {"direction": "ingress", "protocol": before}
    key = world.apply(custom("SecurityGroup", "web", {"rules": [item]}))
    world.settle(key)
    world.spec(key, rules=[{**item, "protocol": after}])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    (row,) = [
        one
        for one in world.others.security_group_rules.list()
        if one["direction"] == "ingress" and not one["remote_group_id"]
    ]
    assert row["protocol"] == stored


def test_a_group_named_default_says_how_to_get_it():
    world = World()
    world.others.security_groups.create({"name": "other"})  # with the first group comes the project's default one
    key = world.apply(custom("SecurityGroup", "default", {}))
    world.reconcile(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.progress(key) == "Stalled"
    assert "spec.import.filter.name: default" in world.message(key)
    assert "spec.name" in world.message(key)
    by_import = {"import": {"filter": {"name": "default"}}, "managementPolicy": "Unmanaged"}
    key = world.apply(custom("SecurityGroup", "default", by_import))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
