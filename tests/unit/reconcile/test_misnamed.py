"""What the cloud refuses and only a person can mend is InvalidConfiguration, and names the field and what to do."""

import pytest

from infomaniak_operator.client import NotFoundError
from infomaniak_operator.controller.interfaces import Key, Retry
from infomaniak_operator.plugin.stack import State
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE, custom, key_of, network, subnet
from tests.support.plugin_server import PluginServer, ran
from tests.support.world import World

NOWHERE = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
NET = network("net", subnets=[subnet("a", "10.1.0.0/24")])
AT_NET = {"networkRef": {"name": "net"}}


def pooled(*items):
    return custom("InfomaniakNetwork", "x", {"subnets": list(items)})


def balancer(**vip):
    return custom("LoadBalancer", "x", {"vip": vip, "listeners": []})


WRONG = {
    "spec.subnets[front].subnetPoolID": pooled({"name": "front", "subnetPoolID": NOWHERE}),
    "spec.qosPolicyID": custom("InfomaniakNetwork", "x", {"qosPolicyID": NOWHERE}),
    "spec.qosPolicyID of a port": custom("Port", "x", {**AT_NET, "qosPolicyID": NOWHERE}),
    "spec.rules[0].remoteGroupID": custom(
        "SecurityGroup",
        "x",
        {"rules": [{"direction": "ingress", "etherType": "IPv4", "remoteGroupID": NOWHERE}]},
    ),
    "spec.externalGateway.networkID": custom("Router", "x", {"externalGateway": {"networkID": NOWHERE}}),
    "spec.externalNetwork.networkID": custom("FloatingIP", "x", {"externalNetwork": {"networkID": NOWHERE}}),
    "spec.vip.networkID": balancer(networkID=NOWHERE),
    "spec.vip.subnetID": balancer(subnetID=NOWHERE),
}


@pytest.mark.parametrize("place", WRONG)
def test_an_id_that_leads_to_nothing_is_told_with_its_field(place, capsys):
    world = Forest(NET, WRONG[place])
    world.run(60.0)
    key = key_of(WRONG[place])
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.progress(key) == "Stalled"
    message = world.message(key)
    assert message.startswith(f"{place.partition(' ')[0]}: there is no such ")
    assert NOWHERE in message
    assert "could not be found" in message
    assert "another" in message or "correct" in message
    assert ran(PluginServer(world), "why", f"{key.kind}/x") == State.FAILED
    assert place.partition(" ")[0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "body"),
    {
        "spec.networkID": custom("Port", "x", {"networkID": NOWHERE}),
        "spec.fixedIPs[0].subnetID": custom("Port", "x", {**AT_NET, "fixedIPs": [{"subnetID": NOWHERE}]}),
        "spec.securityGroupIDs[0]": custom("Port", "x", {**AT_NET, "securityGroupIDs": [NOWHERE]}),
        "spec.interfaces[0].subnetID": custom("Router", "x", {"interfaces": [{"subnetID": NOWHERE}]}),
        "spec.interfaces[0].portID": custom("Router", "x", {"interfaces": [{"portID": NOWHERE}]}),
    }.items(),
)
def test_what_is_waited_for_by_its_id_is_told_with_its_field(place, body):
    """As ever it is waited for (docs/operations.md)."""
    world = Forest(NET, body)
    world.run(60.0)
    assert world.ready(key_of(body)) == ("False", "WaitingForReference")
    assert world.message(key_of(body)).startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("place", "change"),
    {
        "spec.fixedIPs[0].subnetID": {"fixedIPs": [{"subnetID": NOWHERE}]},
        "spec.securityGroupIDs[0]": {"securityGroupIDs": [NOWHERE]},
    }.items(),
)
def test_what_a_port_is_changed_to_is_waited_for_as_what_it_is_made_with(place, change):
    port = custom("Port", "x", AT_NET)
    world = Forest(NET, port)
    world.run(60.0)
    key = key_of(port)
    assert world.ready(key) == ("True", "Available")
    world.spec(key, **change)
    world.run(60.0)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.progress(key) == "Reconciling"
    assert world.message(key).startswith(f"{place}: ")


def test_it_is_tried_again_by_itself_for_no_event_tells_that_it_was_shared():
    world = World()
    key = world.apply(pooled({"name": "front", "subnetPoolID": NOWHERE}))
    result = world.reconcile(key)
    assert result is not None
    assert isinstance(result.next, Retry)
    assert result.next.at_least >= 30
    made = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    world.spec(key, subnets=[{"name": "other", "subnetPoolID": made}])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_what_stands_goes_on_while_what_it_names_cannot_be_seen():
    world = World()
    policy = world.fake.neutron.make_qos_policy()
    key = world.apply(network("n", subnets=[subnet("a", "10.1.0.0/24")], qosPolicyID=policy))
    world.settle(key)
    world.others.networks.update(world.network()["id"], {"qos_policy_id": None})
    world.fake.neutron.qos_policies = set()
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "Synced") == ("False", "Updating")
    assert world.progress(key) == ""


def test_what_vanishes_between_look_and_act_is_looked_for_again():
    """The id is not the spec's: the operator has it from what it refers to."""
    world = Forest(NET, custom("Port", "x", AT_NET))
    world.run(60.0)
    port = Key("Port", NAMESPACE, "x")
    gone = world.object(port).status["id"]
    world.spec(port, description="new")
    error = NotFoundError(f"PUT ports: 404 PortNotFound: Port {gone} could not be found.", status=404)
    error.error_type = "PortNotFound"
    world.fail("PUT ports", error)
    world.reconcile(port)
    assert world.ready(port)[1] != "InvalidConfiguration"


def test_a_group_that_names_itself_by_its_id_and_vanishes_is_looked_for_again():
    """The id is that of the object itself: it is made again, and nobody has to mend the spec for that."""
    world = World()
    key = world.apply(custom("SecurityGroup", "x", {"rules": []}))
    world.settle(key)
    itself = world.object(key).status["id"]
    world.spec(key, rules=[{"direction": "ingress", "etherType": "IPv4", "remoteGroupID": itself}])
    error = NotFoundError(f"404 SecurityGroupNotFound: Security group {itself} does not exist", status=404)
    error.error_type = "SecurityGroupNotFound"
    world.fail("POST security_group_rules", error)
    result = world.reconcile(key)
    assert world.ready(key) == ("False", "CloudError")
    assert world.progress(key) == "Reconciling"
    assert result is not None
    assert result.next == Retry()


@pytest.mark.parametrize("given", [{}, {"ipVersion": 4}])
def test_a_pool_of_ipv6_without_ip_version_6_is_told_with_its_field(given):
    world = World()
    four, six = (world.fake.neutron.make_subnet_pool(each) for each in ("10.64.0.0/16", "fd00::/48"))
    items = [{"name": "front", "subnetPoolID": four}, {"name": "six", "subnetPoolID": six, **given}]
    key = world.apply(pooled(*items))
    world.settle(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    message = world.message(key)
    assert message.startswith("spec.subnets[front].ipVersion, spec.subnets[six].ipVersion: ")
    assert "with ipVersion: 6" in message
    assert "Cannot allocate IPv4 subnet from IPv6 subnet pool" in message


def test_of_several_subnets_those_that_are_there_are_not_blamed():
    world = World()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    key = world.apply(pooled({"name": "there", "subnetPoolID": pool}))
    world.settle(key)
    world.spec(
        key,
        subnets=[{"name": "there", "subnetPoolID": pool}, {"name": "large", "subnetPoolID": pool, "prefixLength": 2}],
    )
    world.settle(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.message(key).startswith("spec.subnets[large].prefixLength: ")


def test_a_pool_that_is_full_is_no_room_and_no_failure_of_the_cloud():
    world = World()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    key = world.apply(pooled({"name": "large", "subnetPoolID": pool, "prefixLength": 15}))
    world.reconcile(key)
    assert world.ready(key) == ("False", "QuotaExceeded")
    assert world.message(key).startswith("spec.subnets[large].subnetPoolID: the subnet pool has no room")
