"""Ports: addresses, MACs, security groups, address pairs, and what keeps a port."""

import ipaddress

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
from infomaniak_operator.reconcile.neutron.fixed_ips import automatic

NOBODY = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
SLAAC = {"ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}


def refused(call, kind, error_type, category):
    with pytest.raises(InfomaniakCloudError) as caught:
        call()
    error = caught.value
    assert (type(error), error.error_type, error.category) == (kind, error_type, category), str(error)


def hosts(port):
    return sorted(ip["ip_address"] for ip in port["fixed_ips"])


def default_group(cloud):
    (group,) = cloud.do.security_groups.list(name="default", project_id=cloud.project)
    return group["id"]


def test_a_new_port(cloud):
    network = cloud.network("10.0.0.0/24")
    port = cloud.port(network, tags=["a"])
    assert port["network_id"] == network["id"]
    assert (port["status"], port["admin_state_up"], port["port_security_enabled"]) == ("DOWN", True, True)
    assert (port["device_id"], port["device_owner"]) == ("", "")
    assert (port["allowed_address_pairs"], port["security_groups"]) == ([], [default_group(cloud)])
    assert port["mac_address"].startswith("fa:16:3e:")
    assert port["tags"] == []  # of a create they are let fall
    assert sorted(cloud.do.tags.replace("ports", port["id"], ["b", "a"])) == ["a", "b"]
    assert cloud.do.ports.list(mac_address=port["mac_address"], network_id=network["id"])[0]["id"] == port["id"]


def test_addresses_are_chosen_and_changed(cloud):
    network = cloud.network("10.0.0.0/24", "10.1.0.0/24")
    one, two = (row["id"] for row in sorted(cloud.do.subnets.list(network_id=network["id"]), key=lambda r: r["cidr"]))
    port = cloud.port(network, fixed_ips=[{"ip_address": "10.0.0.9"}, {"subnet_id": two}])
    assert {ip["subnet_id"] for ip in port["fixed_ips"]} == {one, two}
    assert "10.0.0.9" in hosts(port)
    (kept,) = [ip for ip in port["fixed_ips"] if ip["subnet_id"] == two]
    port = cloud.do.ports.update(port["id"], {"fixed_ips": [kept, {"subnet_id": one, "ip_address": "10.0.0.8"}]})
    assert hosts(port) == sorted(["10.0.0.8", kept["ip_address"]])
    assert cloud.do.ports.update(port["id"], {"fixed_ips": []})["fixed_ips"] == []
    assert len(cloud.port(network, fixed_ips=[{"subnet_id": one}, {"subnet_id": one}])["fixed_ips"]) == 2
    assert cloud.port(network, fixed_ips=[])["fixed_ips"] == []


@pytest.mark.parametrize(
    ("spot", "error", "kind"),
    [
        ({"ip_address": "10.9.0.9"}, "InvalidIpForNetwork", BadRequestError),
        ({"subnet": True, "ip_address": "10.9.0.9"}, "InvalidIpForSubnet", BadRequestError),
        ({"subnet_id": NOBODY}, "SubnetNotFound", NotFoundError),
    ],
)
def test_addresses_that_are_refused(cloud, spot, error, kind):
    network = cloud.network("10.0.0.0/24")
    item = dict(spot)
    if item.pop("subnet", False):
        item["subnet_id"] = network["subnets"][0]
    category = Category.NOT_FOUND if kind is NotFoundError else Category.TERMINAL
    refused(lambda: cloud.port(network, fixed_ips=[item]), kind, error, category)


def test_a_subnet_that_hands_out_addresses_by_itself_makes_them_from_the_mac_and_keeps_them_on_the_port(cloud):
    network = cloud.network("10.0.0.0/24")
    (v4,) = network["subnets"]
    v6 = cloud.subnet(network, "2001:db8:1::/64", **SLAAC)["id"]
    port = cloud.port(network, mac_address="fa:16:3e:ab:cd:ef")
    by_itself = {"subnet_id": v6, "ip_address": "2001:db8:1:0:f816:3eff:feab:cdef"}
    assert by_itself in port["fixed_ips"]
    assert [automatic(spot, port["mac_address"]) for spot in port["fixed_ips"]].count(True) == 1
    for wanted in ([{"subnet_id": v4}], [{"subnet_id": v4}, {"subnet_id": v6}], [{"subnet_id": v4}, by_itself], []):
        now = cloud.do.ports.update(port["id"], {"fixed_ips": wanted})
        assert by_itself in now["fixed_ips"]
        assert len(now["fixed_ips"]) == (2 if wanted else 1)
    other = [{"subnet_id": v6, "ip_address": "2001:db8:1::9"}]
    refused(
        lambda: cloud.port(network, fixed_ips=other),
        BadRequestError,
        "AllocationOnAutoAddressSubnet",
        Category.TERMINAL,
    )


def test_an_address_that_is_chosen_is_none_of_those_made_from_the_mac(cloud):
    network = cloud.network("10.0.0.0/24")
    stateful = {"ipv6_address_mode": "dhcpv6-stateful", "ipv6_ra_mode": "dhcpv6-stateful"}
    cloud.subnet(network, "2001:db8:2::/64", **stateful)
    port = cloud.port(network)
    assert {ipaddress.ip_address(host).version for host in hosts(port)} == {4, 6}
    assert not any(automatic(spot, port["mac_address"]) for spot in port["fixed_ips"])


def test_a_mac_is_chosen_once(cloud):
    network = cloud.network("10.0.0.0/24")
    port = cloud.port(network, mac_address="FA:16:3E:00:00:42")
    assert port["mac_address"] == "fa:16:3e:00:00:42"
    again = {"mac_address": "fa:16:3e:00:00:42"}
    refused(lambda: cloud.port(network, **again), ConflictError, "MacAddressInUse", Category.TERMINAL)
    other = {"mac_address": "fa:16:3e:00:00:43"}
    refused(lambda: cloud.do.ports.update(port["id"], other), ForbiddenError, "PolicyNotAuthorized", Category.TERMINAL)
    none = {"mac_address": "00:00:00:00:00:00"}
    refused(lambda: cloud.port(network, **none), BadRequestError, "HTTPBadRequest", Category.TERMINAL)


def test_address_pairs(cloud):
    network = cloud.network("10.0.0.0/24")
    pairs = [{"ip_address": "10.0.0.99"}, {"ip_address": "10.8.0.0/24", "mac_address": "fa:16:3e:00:00:43"}]
    port = cloud.port(network, allowed_address_pairs=pairs)

    def there(row):
        return sorted((pair["ip_address"], pair["mac_address"]) for pair in row["allowed_address_pairs"])

    assert there(port) == [("10.0.0.99", port["mac_address"]), ("10.8.0.0/24", "fa:16:3e:00:00:43")]
    now = cloud.do.ports.update(port["id"], {"allowed_address_pairs": [{"ip_address": "10.0.0.98"}]})
    assert there(now) == [("10.0.0.98", port["mac_address"])]
    twice = {"allowed_address_pairs": [{"ip_address": "10.0.0.98"}] * 2}
    refused(
        lambda: cloud.do.ports.update(port["id"], twice),
        BadRequestError,
        "DuplicateAddressPairInRequest",
        Category.TERMINAL,
    )
    assert cloud.do.ports.update(port["id"], {"allowed_address_pairs": []})["allowed_address_pairs"] == []


def test_without_port_security_there_are_no_groups_and_no_pairs(cloud):
    network = cloud.network("10.0.0.0/24")
    off = {"port_security_enabled": False}
    pairs = {"allowed_address_pairs": [{"ip_address": "10.0.0.99"}]}
    groups = {"security_groups": [default_group(cloud) if cloud.port(network) else ""]}
    assert cloud.port(network, **off)["security_groups"] == []
    together = "PortSecurityAndIPRequiredForSecurityGroups"
    refused(lambda: cloud.port(network, **off, **groups), BadRequestError, together, Category.TERMINAL)
    no_pairs = "AddressPairAndPortSecurityRequired"
    refused(lambda: cloud.port(network, **off, **pairs), ConflictError, no_pairs, Category.TERMINAL)
    port = cloud.port(network, **pairs)
    refused(lambda: cloud.do.ports.update(port["id"], off), ConflictError, no_pairs, Category.TERMINAL)
    has = "PortSecurityPortHasSecurityGroup"
    without = {**off, "allowed_address_pairs": []}
    refused(lambda: cloud.do.ports.update(port["id"], without), ConflictError, has, Category.TERMINAL)
    bare = {**off, "security_groups": []}
    refused(lambda: cloud.do.ports.update(port["id"], bare), ConflictError, no_pairs, Category.TERMINAL)
    now = cloud.do.ports.update(port["id"], {**bare, "allowed_address_pairs": []})
    assert (now["port_security_enabled"], now["security_groups"], now["allowed_address_pairs"]) == (False, [], [])
    now = cloud.do.ports.update(port["id"], {"port_security_enabled": True})
    assert (now["port_security_enabled"], now["security_groups"]) == (True, [])  # none comes back by itself


def test_a_port_follows_its_network_in_port_security(cloud):
    network = cloud.network("10.0.0.0/24", port_security_enabled=False)
    port = cloud.port(network)
    assert (port["port_security_enabled"], port["security_groups"]) == (False, [])
    assert cloud.port(network, port_security_enabled=True)["security_groups"] == [default_group(cloud)]


def test_security_groups_of_a_port(cloud):
    network = cloud.network("10.0.0.0/24")
    group = cloud.group()["id"]
    port = cloud.port(network, security_groups=[group])
    assert port["security_groups"] == [group]
    refused(lambda: cloud.do.security_groups.delete(group), ConflictError, "SecurityGroupInUse", Category.IN_USE)
    assert cloud.do.ports.update(port["id"], {"security_groups": []})["security_groups"] == []
    twice, none = {"security_groups": [group, group]}, {"security_groups": [NOBODY]}
    refused(lambda: cloud.do.ports.update(port["id"], twice), BadRequestError, "HTTPBadRequest", Category.TERMINAL)
    refused(lambda: cloud.do.ports.update(port["id"], none), NotFoundError, "SecurityGroupNotFound", Category.NOT_FOUND)


def test_who_deletes_a_port(cloud):
    network = cloud.network("10.0.0.0/24")
    port = cloud.port(network)
    refused(
        lambda: cloud.do.ports.delete(port["id"], if_revision=port["revision_number"] + 1),
        PreconditionFailedError,
        "RevisionNumberConstraintFailed",
        Category.PRECONDITION,
    )
    server = {"device_id": "7f1a6f1e-0000-4000-8000-000000000001", "device_owner": "compute:nova"}
    used = cloud.do.ports.update(port["id"], server)
    assert used["revision_number"] > port["revision_number"]
    refused(lambda: cloud.do.ports.delete(port["id"]), ForbiddenError, "PolicyNotAuthorized", Category.TERMINAL)
    cloud.do.ports.update(port["id"], {"device_id": "", "device_owner": ""})
    cloud.do.ports.delete(port["id"])
    refused(lambda: cloud.do.ports.get(port["id"]), NotFoundError, "PortNotFound", Category.NOT_FOUND)
