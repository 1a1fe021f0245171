"""Port forwardings of floating IPs, and ports on external networks: what Neutron takes, shows and refuses, as the cloud in memory does."""

import pytest

from infomaniak_operator.client import BadRequestError, Category, ConflictError, ForbiddenError, NotFoundError
from tests.contract.cloud.test_routes_and_addresses import refused


def test_port_forwardings_and_what_is_refused(cloud):
    network = cloud.network("10.0.0.0/24")
    (subnet,) = network["subnets"]
    further = "10.0.0.99"
    one, two = (
        cloud.port(network),
        cloud.port(network, fixed_ips=[{"ip_address": "10.0.0.98"}, {"ip_address": further}]),
    )
    at = {port["id"]: port["fixed_ips"][0]["ip_address"] for port in (one, two)}
    address, other = cloud.address(), cloud.address()
    do, addresses = cloud.do.port_forwardings, cloud.do.floating_ips

    def body(port, outside, inside=22, protocol="tcp"):
        spot = {"internal_port_id": port["id"], "internal_ip_address": at[port["id"]]}
        return {"protocol": protocol, "external_port": outside, "internal_port": inside, **spot}

    def bad(call):
        refused(call, BadRequestError, "BadRequest", Category.TERMINAL)

    without = {name: each for name, each in body(one, 80).items() if name != "internal_ip_address"}
    refused(lambda: do.create(address["id"], without), BadRequestError, "HTTPBadRequest", Category.TERMINAL)
    with pytest.raises(BadRequestError, match="is not reachable from subnet"):
        do.create(address["id"], body(one, 80))
    router = cloud.router(subnet)
    before = addresses.get(address["id"])["revision_number"]
    made = do.create(address["id"], body(one, 80))
    row = addresses.get(address["id"])
    assert row["revision_number"] > before
    assert (row["port_id"], row["router_id"]) == (None, router["id"])
    (shown,) = row["port_forwardings"]
    assert shown == {"id": made["id"], **body(one, 80)}
    assert [each["id"] for each in do.list(address["id"], protocol="tcp", external_port=80)] == [made["id"]]
    assert do.list(address["id"], external_port=81) == []

    bad(lambda: do.create(address["id"], body(one, 80)))
    bad(lambda: do.create(address["id"], body(two, 80)))  # the port outside is taken
    bad(lambda: do.create(address["id"], body(one, 81)))  # the port inside is
    bad(lambda: do.create(other["id"], body(one, 81)))  # by another address, too
    bad(lambda: do.create(address["id"], {**body(one, 82), "internal_ip_address": "10.0.0.250"}))
    nowhere = {**body(one, 83), "internal_port_id": other["id"]}
    refused(lambda: do.create(address["id"], nowhere), NotFoundError, "PortNotFound", Category.NOT_FOUND)
    second = do.create(address["id"], body(two, 81))
    bad(lambda: do.update(address["id"], second["id"], body(one, 81)))
    moved = do.update(address["id"], second["id"], body(one, 81, inside=8022))
    assert (moved["internal_port_id"], moved["internal_ip_address"]) == (one["id"], at[one["id"]])
    moved = do.update(address["id"], second["id"], {**body(two, 81), "internal_ip_address": further})
    assert (moved["internal_ip_address"], moved["internal_port"]) == (further, 22)
    third = do.create(address["id"], body(two, 84))
    change = {"internal_ip_address": at[two["id"]], "internal_port": 8023}
    # With the port inside sent along unchanged, the new address is looked at with the former number, too.
    bad(lambda: do.update(address["id"], second["id"], {**change, "internal_port_id": two["id"]}))
    assert do.update(address["id"], second["id"], change)["internal_port"] == 8023
    do.delete(address["id"], third["id"])

    taken = (ConflictError, "FipInUseByPortForwarding", Category.IN_USE)
    refused(lambda: addresses.update(address["id"], {"port_id": two["id"], "fixed_ip_address": further}), *taken)
    refused(lambda: addresses.delete(address["id"]), *taken)
    refused(
        lambda: cloud.do.routers.remove_interface(router["id"], subnet_id=subnet),
        ConflictError,
        "RouterInterfaceInUseByFloatingIP",
        Category.IN_USE,
    )
    addresses.associate(other["id"], two["id"], at[two["id"]])
    refused(lambda: do.create(address["id"], body(two, 90)), ConflictError, "PortHasBindingFloatingIP", Category.IN_USE)
    refused(
        lambda: do.create(other["id"], body(one, 90, inside=90)),
        ConflictError,
        "FloatingIPPortAlreadyAssociated",
        Category.IN_USE,
    )
    do.delete(address["id"], second["id"])
    refused(lambda: do.delete(address["id"], second["id"]), NotFoundError, "PortForwardingNotFound", Category.NOT_FOUND)
    cloud.do.ports.delete(one["id"])
    row = addresses.get(address["id"])
    assert (row["port_forwardings"], row["router_id"]) == ([], None)


def test_no_port_on_an_external_network_but_octavia_s(cloud):
    refused(
        lambda: cloud.do.ports.create({"network_id": cloud.external}),
        ForbiddenError,
        "PolicyNotAuthorized",
        Category.TERMINAL,
    )
    balancer = cloud.do.load_balancers.create({"name": cloud.name(), "vip_network_id": cloud.external})
    row = cloud.settled(balancer["id"])
    port = cloud.do.ports.get(row["vip_port_id"])
    assert (port["device_owner"], port["project_id"]) == ("Octavia", cloud.project)
    cloud.do.load_balancers.delete(balancer["id"])
    assert cloud.settled(balancer["id"]) is None
    refused(lambda: cloud.do.ports.get(port["id"]), NotFoundError, "PortNotFound", Category.NOT_FOUND)
