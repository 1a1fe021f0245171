"""What others have made under ours in Neutron: a delete that would take it along does not happen, and says why."""

import pytest

from tests.support.forest import Forest
from tests.support.objects import custom, key_of


def test_rules_of_others_keep_a_security_group_that_does_not_list_any():
    world = Forest()
    world.apply(custom("SecurityGroup", "door", {}))
    key = key_of(custom("SecurityGroup", "door", {}))
    world.run()
    group = next(row for row in world.table("security_groups") if row["name"] == "door")
    rule = {"security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp"}
    (made,) = world.others.security_group_rules.create_many([rule])
    world.clock.advance(60)
    world.delete(key)
    world.run(200)
    assert world.ready(key) == ("False", "InUse")
    assert made["id"] in world.message(key)
    world.others.security_group_rules.delete(made["id"])
    world.run()
    assert world.get(key) is None


@pytest.mark.parametrize("whose", ["a group of others", "a group of ours"])
def test_a_rule_that_refers_to_a_group_keeps_it(whose):
    """Neutron deletes it with the group it refers to, in whatever group it is."""
    world = Forest()
    world.apply(custom("SecurityGroup", "door", {}))
    key = key_of(custom("SecurityGroup", "door", {}))
    world.run()
    group = next(row for row in world.table("security_groups") if row["name"] == "door")
    if whose == "a group of ours":
        refers = {"direction": "ingress", "etherType": "IPv4", "remoteGroupRef": {"name": "door"}}
        world.apply(custom("SecurityGroup", "house", {"rules": [refers]}))
        world.run()
        for each in (key, key_of(custom("SecurityGroup", "house", {}))):
            world.delete(each)
        world.run(300)
        assert world.get(key) is None
        return
    theirs = world.others.security_groups.create({"name": "theirs"})
    rule = {"security_group_id": theirs["id"], "direction": "ingress", "ethertype": "IPv4"}
    (made,) = world.others.security_group_rules.create_many([{**rule, "remote_group_id": group["id"]}])
    world.clock.advance(60)
    world.delete(key)
    world.run(200)
    assert world.ready(key) == ("False", "InUse")
    assert made["id"] in world.message(key)
    assert "theirs" in world.message(key)
    world.others.security_group_rules.delete(made["id"])
    world.run()
    assert world.get(key) is None


def test_port_forwardings_of_others_keep_a_floating_ip():
    world = Forest()
    body = custom("FloatingIP", "front", {"externalNetwork": {"networkName": "ext-floating1"}})
    key = world.apply(body)
    world.run()
    row = world.one("floating_ips")
    row["port_forwardings"] = [{"id": "f", "protocol": "tcp", "external_port": 22, "internal_ip_address": "10.40.0.9"}]
    world.clock.advance(60)
    world.delete(key)
    world.run(200)
    assert world.ready(key) == ("False", "InUse")
    assert "tcp 22 -> 10.40.0.9" in world.message(key)
    row["port_forwardings"] = []
    world.run()
    assert world.table("floating_ips") == []
