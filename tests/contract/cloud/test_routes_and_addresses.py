import pytest

from infomaniak_operator.client import (
    BadRequestError,
    Category,
    ConflictError,
    ForbiddenError,
    InfomaniakCloudError,
    NotFoundError,
    PreconditionFailedError,
)
from tests.support.manifests import INTERFACE


def refused(call, kind, error_type, category):
    with pytest.raises(InfomaniakCloudError) as caught:
        call()
    error = caught.value
    assert (type(error), error.error_type, error.category) == (kind, error_type, category), str(error)


def test_a_router_with_its_interfaces(cloud):
    network = cloud.network("10.0.0.0/24")
    (subnet,) = network["subnets"]
    bare = cloud.subnet(network, "10.1.0.0/24", gateway_ip=None)
    router = cloud.router()
    do = cloud.do.routers
    assert router["external_gateway_info"]["network_id"] == cloud.external
    assert len(router["external_gateway_info"]["external_fixed_ips"]) == 1
    assert (router["status"], router["routes"], router["admin_state_up"]) == ("ACTIVE", [], True)
    made = do.add_interface(router["id"], subnet_id=subnet)
    assert (made["id"], made["subnet_id"]) == (router["id"], subnet)
    (port,) = cloud.do.ports.list(device_id=router["id"], device_owner=INTERFACE)
    assert port["id"] == made["port_id"]
    assert port["fixed_ips"] == [{"subnet_id": subnet, "ip_address": "10.0.0.1"}]

    refused(lambda: do.add_interface(router["id"], subnet_id=subnet), BadRequestError, "BadRequest", Category.TERMINAL)
    refused(
        lambda: do.add_interface(router["id"], subnet_id=bare["id"]), BadRequestError, "BadRequest", Category.TERMINAL
    )
    refused(
        lambda: do.remove_interface(router["id"], subnet_id=bare["id"]),
        NotFoundError,
        "RouterInterfaceNotFoundForSubnet",
        Category.NOT_FOUND,
    )
    refused(lambda: do.delete(router["id"]), ConflictError, "RouterInUse", Category.IN_USE)
    refused(lambda: cloud.do.ports.delete(port["id"]), ConflictError, "ServicePortInUse", Category.IN_USE)
    refused(lambda: cloud.do.networks.delete(network["id"]), ConflictError, "NetworkInUse", Category.IN_USE)
    refused(
        lambda: cloud.do.subnets.update(subnet, {"gateway_ip": "10.0.0.9"}),
        ConflictError,
        "GatewayIpInUse",
        Category.IN_USE,
    )

    routes = [{"destination": "10.9.0.0/24", "nexthop": "10.0.0.7"}]
    assert do.update(router["id"], {"routes": routes})["routes"] == routes
    refused(
        lambda: do.remove_interface(router["id"], subnet_id=subnet),
        ConflictError,
        "RouterInterfaceInUseByRoute",
        Category.IN_USE,
    )
    away = [{"destination": "10.9.0.0/24", "nexthop": "172.16.0.1"}]
    refused(lambda: do.update(router["id"], {"routes": away}), BadRequestError, "InvalidRoutes", Category.TERMINAL)
    do.update(router["id"], {"routes": []})
    assert do.update(router["id"], {"external_gateway_info": {}})["external_gateway_info"] is None
    do.remove_interface(router["id"], subnet_id=subnet)
    do.delete(router["id"])
    cloud.do.networks.delete(network["id"])


def test_an_interface_by_a_port_that_goes_with_it(cloud):
    network = cloud.network("10.0.0.0/24")
    router = cloud.router(external=False)
    do, ports = cloud.do.routers, cloud.do.ports
    fixed = [{"subnet_id": network["subnets"][0], "ip_address": "10.0.0.9"}]
    port = cloud.port(network, fixed_ips=fixed, description="kept")
    added = do.add_interface(router["id"], port_id=port["id"])
    assert (added["port_id"], added["subnet_id"]) == (port["id"], network["subnets"][0])
    row = ports.get(port["id"])
    assert (row["device_id"], row["description"], row["fixed_ips"]) == (router["id"], "kept", fixed)
    assert row["device_owner"] in INTERFACE
    refused(lambda: do.add_interface(router["id"], port_id=port["id"]), ConflictError, "PortInUse", Category.IN_USE)
    second = cloud.port(network)
    refused(
        lambda: do.add_interface(router["id"], port_id=second["id"]),
        BadRequestError,
        "BadRequest",
        Category.TERMINAL,
    )
    do.remove_interface(router["id"], subnet_id=network["subnets"][0])
    refused(lambda: ports.get(port["id"]), NotFoundError, "PortNotFound", Category.NOT_FOUND)
    refused(
        lambda: do.add_interface(router["id"], port_id=port["id"]), NotFoundError, "PortNotFound", Category.NOT_FOUND
    )


def test_gateways_that_are_refused(cloud):
    network = cloud.network("10.0.0.0/24")

    def router(**gateway):
        return lambda: cloud.do.routers.create({"name": cloud.name(), "external_gateway_info": gateway})

    refused(router(network_id=network["id"]), BadRequestError, "BadRequest", Category.TERMINAL)
    refused(
        router(network_id=cloud.external, enable_snat=False), ForbiddenError, "PolicyNotAuthorized", Category.TERMINAL
    )
    addresses = [{"ip_address": "198.51.100.99"}]
    there = cloud.router()
    info = {"network_id": cloud.external, "external_fixed_ips": addresses}
    for call in (router(**info), lambda: cloud.do.routers.update(there["id"], {"external_gateway_info": info})):
        refused(call, ForbiddenError, "PolicyNotAuthorized", Category.TERMINAL)
    assert cloud.do.routers.get(there["id"])["external_gateway_info"] == there["external_gateway_info"]


def test_the_gateways_addresses_in_an_administrators_hands(cloud):
    """One PUT with the network changes them in place; one without them leaves them."""

    def hosts(router):
        return {each["ip_address"] for each in router["external_gateway_info"]["external_fixed_ips"]}

    former = [cloud.router(), cloud.router()]
    (one,), (other,) = map(hosts, former)
    do = cloud.administrator().routers
    for each in former:
        do.delete(each["id"])
    outside = {"network_id": cloud.external}

    def info(*addresses):
        fixed = [{"ip_address": each} for each in addresses]
        return {"external_gateway_info": {**outside, "external_fixed_ips": fixed}}

    router = do.create({"name": cloud.name(), **info(one)})
    assert hosts(router) == {one}
    assert hosts(do.update(router["id"], info(other, one), if_revision=router["revision_number"])) == {one, other}
    assert hosts(do.update(router["id"], info(other))) == {other}
    assert hosts(do.update(router["id"], {"external_gateway_info": outside})) == {other}
    assert do.get(router["id"])["external_gateway_info"]["network_id"] == cloud.external
    taken = {"name": cloud.name(), **info(other)}
    refused(lambda: do.create(taken), ConflictError, "IpAddressAlreadyAllocated", Category.TERMINAL)


def settled(call):
    """The answer to a call that looks and then changes: between the two the cloud may report ACTIVE or DOWN (412)."""
    for _ in range(5):
        try:
            return call()
        except PreconditionFailedError:
            continue
    return call()


def test_a_floating_ip_and_its_way_to_a_port(cloud):
    network = cloud.network("10.0.0.0/24")
    (subnet,) = network["subnets"]
    port, other = cloud.port(network), cloud.port(network)
    address = cloud.address()
    do = cloud.do.floating_ips
    assert (address["status"], address["port_id"], address["router_id"]) == ("DOWN", None, None)
    refused(
        lambda: do.associate(address["id"], port["id"]),
        NotFoundError,
        "ExternalGatewayForFloatingIPNotFound",
        Category.WAITING,
    )
    router = cloud.router(subnet)
    bound = do.associate(address["id"], port["id"])
    fixed = port["fixed_ips"][0]["ip_address"]
    assert (bound["port_id"], bound["fixed_ip_address"], bound["router_id"]) == (port["id"], fixed, router["id"])
    # The revision may move by itself: the cloud reports the address ACTIVE a moment after.
    assert do.associate(address["id"], port["id"])["port_id"] == port["id"]
    with pytest.raises(ConflictError, match="bound to port"):
        do.associate(address["id"], other["id"])
    with pytest.raises(ConflictError, match="not to"):
        do.disassociate(address["id"], other["id"])

    second = cloud.address()
    refused(
        lambda: do.associate(second["id"], port["id"]),
        ConflictError,
        "FloatingIPPortAlreadyAssociated",
        Category.IN_USE,
    )
    assert [one["id"] for one in do.list(port_id=port["id"])] == [address["id"]]
    refused(
        lambda: cloud.do.routers.remove_interface(router["id"], subnet_id=subnet),
        ConflictError,
        "RouterInterfaceInUseByFloatingIP",
        Category.IN_USE,
    )
    refused(
        lambda: cloud.do.routers.update(router["id"], {"external_gateway_info": {}}),
        ConflictError,
        "RouterExternalGatewayInUseByFloatingIp",
        Category.IN_USE,
    )
    # A plain update steals, without a word: why there is ``associate``.
    assert do.update(address["id"], {"port_id": other["id"]})["port_id"] == other["id"]
    cloud.do.ports.delete(other["id"])
    assert do.get(address["id"])["port_id"] is None
    settled(lambda: do.associate(address["id"], port["id"]))
    assert settled(lambda: do.disassociate(address["id"], port["id"]))["port_id"] is None


def test_floating_ips_that_are_refused(cloud):
    network = cloud.network("10.0.0.0/24")
    refused(
        lambda: cloud.do.floating_ips.create({"floating_network_id": network["id"]}),
        BadRequestError,
        "BadRequest",
        Category.TERMINAL,
    )
    refused(
        lambda: cloud.address(floating_ip_address="203.0.113.77"),
        ForbiddenError,
        "PolicyNotAuthorized",
        Category.TERMINAL,
    )


def rule(group, **body):
    return {"security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4", **body}


def test_security_groups_and_their_rules(cloud):
    group, other = cloud.group(description="d"), cloud.group()
    defaults = {(one["direction"], one["ethertype"], one["protocol"]) for one in group["security_group_rules"]}
    assert defaults == {("egress", "IPv4", None), ("egress", "IPv6", None)}
    do = cloud.do.security_group_rules
    web = rule(group, protocol="tcp", port_range_min=80, port_range_max=80, remote_ip_prefix="10.0.0.0/8")
    from_other = rule(group, remote_group_id=other["id"])
    made = do.create_many([web, from_other])
    assert [(one["protocol"], one["port_range_min"], one["remote_group_id"]) for one in made] == [
        ("tcp", 80, None),
        (None, None, other["id"]),
    ]
    seen = cloud.do.security_groups.get(group["id"])
    assert len(seen["security_group_rules"]) == 4
    assert seen["revision_number"] > group["revision_number"]

    new = rule(group, protocol="udp", port_range_min=53, port_range_max=53)
    refused(lambda: do.create_many([new, web]), ConflictError, "SecurityGroupRuleExists", Category.TERMINAL)
    assert do.list(security_group_id=group["id"], protocol="udp") == []
    for body, error_type in [
        (rule(group, port_range_min=1, port_range_max=2), "SecurityGroupProtocolRequiredWithPorts"),
        (rule(group, protocol="tcp", port_range_min=2, port_range_max=1), "SecurityGroupInvalidPortRange"),
        (rule(group, remote_ip_prefix="fd00::/8"), "SecurityGroupRuleParameterConflict"),
    ]:
        refused(lambda body=body: do.create(body), BadRequestError, error_type, Category.TERMINAL)

    cloud.do.security_groups.delete(other["id"])  # takes the rules of others that refer to it along
    assert [one["id"] for one in do.list(security_group_id=group["id"], direction="ingress")] == [made[0]["id"]]
    port = cloud.port(cloud.network("10.0.0.0/24"), security_groups=[group["id"]])
    refused(lambda: cloud.do.security_groups.delete(group["id"]), ConflictError, "SecurityGroupInUse", Category.IN_USE)
    cloud.do.ports.delete(port["id"])
    do.delete(made[0]["id"])
    cloud.do.security_groups.delete(group["id"])


V4, V6 = "IPv4", "IPv6"


@pytest.mark.parametrize(
    ("family", "sent", "stored", "apart"),
    [
        (V4, None, None, (("any",), ("0", "hopopt"))),
        (V4, "any", None, ((None,), ("0",))),
        (V4, "0", "0", (("ip",), ("any", "hopopt", "4"))),
        (V4, 0, "0", (("0",), (None,))),
        (V4, "ipip", "ipip", (("4",), ("94",))),
        (V4, 4, "4", (("ipip",), ("94", "0"))),
        (V4, "94", "94", ((), ("ipip",))),
        (V4, "icmp", "icmp", (("1",), ("2",))),
        (V4, "TCP", "tcp", (("tcp", "6", 6), ("17",))),
        (V4, 6, "6", (("tcp",), ())),
        (V4, "udplite", "udplite", (("136",), ("udp",))),
        (V4, "pgm", "pgm", (("113",), ())),
        (V6, "icmp", "ipv6-icmp", (("icmpv6", "ipv6-icmp", "58", "1"), ("any",))),
        (V6, "icmpv6", "ipv6-icmp", (("58",), ())),
        (V6, "1", "58", (("ipv6-icmp",), ())),
        (V6, 58, "58", (("icmp",), ("59",))),
        (V6, "ipv6-route", "ipv6-route", (("43",), ("44",))),
    ],
)
def test_how_a_protocol_is_stored_and_what_is_the_same_rule(cloud, family, sent, stored, apart):
    same, others = apart
    group, do = cloud.group(), cloud.do.security_group_rules

    def body(protocol):
        return rule(group, ethertype=family, protocol=protocol)

    assert do.create(body(sent))["protocol"] == stored
    for each in same:
        refused(lambda each=each: do.create(body(each)), ConflictError, "SecurityGroupRuleExists", Category.TERMINAL)
    for each in others:
        do.create(body(each))
    for each in same:
        twice, kind = [body(each), body(sent)], "DuplicateSecurityGroupRuleInPost"
        refused(lambda twice=twice: do.create_many(twice), ConflictError, kind, Category.TERMINAL)


def test_protocols_that_neutron_refuses(cloud):
    group, do = cloud.group(), cloud.do.security_group_rules
    for family, protocol, kind in [
        (V4, "icmpv6", "SecurityGroupEthertypeConflictWithProtocol"),
        (V4, "58", "SecurityGroupEthertypeConflictWithProtocol"),
        (V4, "ipencap", "SecurityGroupRuleInvalidProtocol"),
        (V4, "256", "SecurityGroupRuleInvalidProtocol"),
    ]:
        wrong = rule(group, ethertype=family, protocol=protocol)
        refused(lambda wrong=wrong: do.create(wrong), BadRequestError, kind, Category.TERMINAL)


def test_a_rule_goes_with_the_group_that_it_refers_to(cloud):
    group, other = cloud.group(), cloud.do.security_groups.create({"name": cloud.name("other")})
    rule = {"security_group_id": other["id"], "direction": "ingress", "ethertype": "IPv4"}
    (made,) = cloud.do.security_group_rules.create_many([{**rule, "remote_group_id": group["id"]}])
    cloud.do.security_groups.delete(group["id"])
    assert made["id"] not in {row["id"] for row in cloud.do.security_groups.get(other["id"])["security_group_rules"]}
