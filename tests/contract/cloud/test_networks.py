import functools
import ipaddress
import re

import pytest

from infomaniak_operator.client import (
    BadRequestError,
    Category,
    ConflictError,
    ForbiddenError,
    InfomaniakCloudError,
    NotFoundError,
    PreconditionFailedError,
    QuotaExceededError,
    ServiceError,
)

NOWHERE = "00000000-0000-4000-8000-000000000000"


def refused(call, kind, error_type, category):
    with pytest.raises(InfomaniakCloudError) as caught:
        call()
    error = caught.value
    assert (type(error), error.error_type, error.category) == (kind, error_type, category), str(error)
    assert error.outcome_unknown is False


def test_a_new_network(cloud):
    row = cloud.do.networks.create({"name": cloud.name(), "description": "d"})
    expected = {
        "name": cloud.name(),
        "description": "d",
        "status": "ACTIVE",
        "admin_state_up": True,
        "shared": False,
        "mtu": 1500,
        "port_security_enabled": True,
        "router:external": False,
        "subnets": [],
        "tags": [],
        "project_id": cloud.project,
    }
    assert {name: row[name] for name in expected} == expected
    assert isinstance(row["revision_number"], int)
    seen = cloud.do.networks.get(row["id"])
    assert {name: seen[name] for name in expected} == expected


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"description": "d"},
        {"admin_state_up": False},
        {"mtu": 1400},
        {"port_security_enabled": False},
    ],
)
def test_what_can_be_changed_of_a_network(cloud, change):
    row = cloud.network()
    if "name" in change:
        change = {"name": cloud.name("other")}
    updated = cloud.do.networks.update(row["id"], change)
    seen = cloud.do.networks.get(row["id"])
    for one in (updated, seen):
        assert {name: one[name] for name in change} == change
    assert seen["revision_number"] > row["revision_number"]


@pytest.mark.parametrize("body", [{"shared": True}, {"router:external": True}])
def test_what_a_customer_may_not(cloud, body):
    refused(lambda: cloud.network(**body), ForbiddenError, "PolicyNotAuthorized", Category.TERMINAL)
    row = cloud.network()
    refused(lambda: cloud.do.networks.update(row["id"], body), ForbiddenError, "PolicyNotAuthorized", Category.TERMINAL)


def test_revisions_are_tested(cloud):
    row = cloud.network()
    changed = cloud.do.networks.update(row["id"], {"description": "a"}, if_revision=row["revision_number"])
    for call in (
        lambda: cloud.do.networks.update(row["id"], {"description": "b"}, if_revision=row["revision_number"]),
        lambda: cloud.do.networks.delete(row["id"], if_revision=row["revision_number"]),
    ):
        refused(call, PreconditionFailedError, "RevisionNumberConstraintFailed", Category.PRECONDITION)
    assert cloud.do.networks.get(row["id"])["description"] == "a"
    cloud.do.networks.delete(row["id"], if_revision=changed["revision_number"])


def test_an_update_to_what_it_is_changes_no_revision(cloud):
    row = cloud.network()
    same = cloud.do.networks.update(row["id"], {"name": row["name"], "mtu": row["mtu"]})
    assert same["revision_number"] == row["revision_number"]


@pytest.mark.parametrize(
    ("collection", "error_type"),
    [
        ("networks", "NetworkNotFound"),
        ("subnets", "SubnetNotFound"),
        ("routers", "RouterNotFound"),
        ("security_groups", "SecurityGroupNotFound"),
        ("security_group_rules", "SecurityGroupRuleNotFound"),
        ("floating_ips", "FloatingIPNotFound"),
        ("ports", "PortNotFound"),
    ],
)
def test_what_is_not_there(cloud, collection, error_type):
    operations = getattr(cloud.do, collection)
    refused(lambda: operations.get(NOWHERE), NotFoundError, error_type, Category.NOT_FOUND)
    refused(lambda: operations.delete(NOWHERE), NotFoundError, error_type, Category.NOT_FOUND)
    if collection != "security_group_rules":
        refused(lambda: operations.update(NOWHERE, {"description": "x"}), NotFoundError, error_type, Category.NOT_FOUND)
    assert operations.list(id=NOWHERE) == []


def test_another_project_sees_nothing_of_it(cloud):
    row = cloud.network("10.0.0.0/24")
    refused(lambda: cloud.other.networks.get(row["id"]), NotFoundError, "NetworkNotFound", Category.NOT_FOUND)
    refused(lambda: cloud.other.networks.delete(row["id"]), NotFoundError, "NetworkNotFound", Category.NOT_FOUND)
    assert cloud.other.networks.list(id=row["id"]) == []
    assert cloud.other.subnets.list(network_id=row["id"]) == []


def test_the_external_network_is_seen_by_all_but_is_nobody_s(cloud):
    listed = cloud.do.networks.list(**{"router:external": True})
    (row,) = [each for each in listed if each["id"] == cloud.external]
    assert row["project_id"] != cloud.project
    assert row["id"] not in [one["id"] for one in cloud.do.networks.list(project_id=cloud.project)]
    refused(
        lambda: cloud.do.networks.update(row["id"], {"name": "mine"}),
        ForbiddenError,
        "PolicyNotAuthorized",
        Category.TERMINAL,
    )


def test_filters_and_fields(cloud):
    one = cloud.do.networks.create({"name": cloud.name("one"), "description": "a b"})
    two = cloud.do.networks.create({"name": cloud.name("two"), "description": "a"})

    def ids(**filters):
        return {row["id"] for row in cloud.do.networks.list(project_id=cloud.project, **filters)}

    assert ids(name=cloud.name("one")) == {one["id"]}
    assert ids(name=[cloud.name("one"), cloud.name("two")]) == {one["id"], two["id"]}
    assert ids(name=[cloud.name("one"), cloud.name("two")], description="a") == {two["id"]}
    assert ids(name=cloud.name("on")) == set()
    assert ids(id=[one["id"], two["id"]], admin_state_up=False) == set()
    assert cloud.do.networks.list(fields=["id", "name"], id=one["id"]) == [{"id": one["id"], "name": cloud.name("one")}]


def test_tags_are_replaced_and_listed_by(cloud):
    row = cloud.network()
    assert sorted(cloud.do.tags.replace("networks", row["id"], ["b", "a"])) == ["a", "b"]
    assert sorted(cloud.do.networks.get(row["id"])["tags"]) == ["a", "b"]
    assert cloud.do.networks.get(row["id"])["revision_number"] > row["revision_number"]
    assert [one["id"] for one in cloud.do.networks.list(tags="a,b", id=row["id"])] == [row["id"]]
    assert cloud.do.networks.list(tags="a,c", id=row["id"]) == []
    assert cloud.do.tags.replace("networks", row["id"], []) == []


def test_the_subnets_of_a_network_that_another_project_shares(cloud):
    row = cloud.other.networks.create({"name": cloud.name()})
    subnet = cloud.other.subnets.create({"network_id": row["id"], "cidr": "10.0.0.0/24", "ip_version": 4})
    try:
        assert cloud.do.subnets.list(network_id=row["id"]) == []
        cloud.share(row["id"])
        seen = cloud.do.networks.get(row["id"])
        assert (seen["project_id"], seen["subnets"]) == (row["project_id"], [subnet["id"]])
        assert [one["id"] for one in cloud.do.subnets.list(network_id=row["id"])] == [subnet["id"]]
        assert cloud.do.subnets.list(network_id=row["id"], project_id=cloud.project) == []
    finally:
        cloud.other.networks.delete(row["id"])


def test_with_whom_a_network_is_shared_is_seen_by_its_project_alone(cloud):
    row = cloud.other.networks.create({"name": cloud.name()})
    try:
        assert row["id"] not in cloud.other.network_shares.list()
        cloud.share(row["id"])
        assert cloud.other.network_shares.list()[row["id"]] == [cloud.project]
        assert row["id"] not in cloud.do.network_shares.list()
    finally:
        cloud.other.networks.delete(row["id"])
    assert row["id"] not in cloud.other.network_shares.list()


def test_a_tag_may_hold_a_slash_and_a_comma_which_a_filter_cannot_ask_for(cloud):
    row, other = cloud.network(), cloud.network()
    tags = ["a,b", "kubernetes.io/cluster/web"]
    assert sorted(cloud.do.tags.replace("networks", row["id"], tags)) == tags
    assert sorted(cloud.do.networks.get(row["id"])["tags"]) == tags
    (listed,) = cloud.do.networks.list(tags="kubernetes.io/cluster/web")
    assert listed["id"] == row["id"]
    assert cloud.do.networks.list(tags="a,b", id=row["id"]) == []
    cloud.do.tags.replace("networks", other["id"], ["a", "b"])
    assert [one["id"] for one in cloud.do.networks.list(tags="a,b", id=[row["id"], other["id"]])] == [other["id"]]


def test_the_quota(cloud):
    used = cloud.do.quotas.get()["network"]["network"]["used"]
    cloud.limit({"networks": used + 1})
    cloud.network()
    refused(cloud.network, QuotaExceededError, "OverQuota", Category.QUOTA)
    quota = cloud.do.quotas.get()["network"]["network"]
    assert (quota["limit"], quota["used"]) == (used + 1, used + 1)


@pytest.mark.parametrize(
    ("cidr", "gateway", "pool"),
    [
        ("10.0.0.0/24", "10.0.0.1", ("10.0.0.2", "10.0.0.254")),
        ("10.0.0.0/30", "10.0.0.1", ("10.0.0.2", "10.0.0.2")),
        ("fd00:1::/64", "fd00:1::", ("fd00:1::1", "fd00:1::ffff:ffff:ffff:ffff")),
    ],
)
def test_a_new_subnet(cloud, cidr, gateway, pool):
    network = cloud.network()
    row = cloud.subnet(network, cidr)
    assert (row["cidr"], row["gateway_ip"], row["name"], row["enable_dhcp"]) == (cidr, gateway, "", True)
    assert row["allocation_pools"] == [{"start": pool[0], "end": pool[1]}]
    assert (row["dns_nameservers"], row["host_routes"]) == ([], [])
    seen = cloud.do.networks.get(network["id"])
    assert seen["subnets"] == [row["id"]]
    assert seen["revision_number"] > network["revision_number"]


def test_a_cidr_with_host_bits_is_taken_and_normalised(cloud):
    assert cloud.subnet(cloud.network(), "10.1.0.5/24")["cidr"] == "10.1.0.0/24"


def test_a_subnet_without_a_gateway_has_its_address_in_the_pool(cloud):
    row = cloud.subnet(cloud.network(), "10.0.0.0/24", gateway_ip=None)
    assert row["gateway_ip"] is None
    assert row["allocation_pools"] == [{"start": "10.0.0.1", "end": "10.0.0.254"}]


def test_no_pool_at_all_is_taken_by_an_update_and_let_fall_by_a_create(cloud):
    row = cloud.subnet(cloud.network(), "10.0.0.0/24", allocation_pools=[])
    assert row["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert cloud.do.subnets.update(row["id"], {"allocation_pools": []})["allocation_pools"] == []
    assert cloud.do.subnets.get(row["id"])["allocation_pools"] == []


def test_a_gateway_in_the_middle_splits_the_pool(cloud):
    row = cloud.subnet(cloud.network(), "10.0.0.0/24", gateway_ip="10.0.0.100")
    assert sorted((pool["start"], pool["end"]) for pool in row["allocation_pools"]) == [
        ("10.0.0.1", "10.0.0.99"),
        ("10.0.0.101", "10.0.0.254"),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "error_type", "category"),
    [
        ({"cidr": "10.0.0.128/25", "ip_version": 4}, BadRequestError, "InvalidInput", Category.TERMINAL),
        ({"cidr": "10.1.0.0/24", "ip_version": 6}, BadRequestError, "InvalidInput", Category.TERMINAL),
        ({"cidr": "text", "ip_version": 4}, BadRequestError, "InvalidInput", Category.TERMINAL),
        (
            {
                "cidr": "10.1.0.0/24",
                "ip_version": 4,
                "gateway_ip": "10.1.0.9",
                "allocation_pools": [{"start": "10.1.0.2", "end": "10.1.0.20"}],
            },
            ConflictError,
            "GatewayConflictWithAllocationPools",
            Category.TERMINAL,
        ),
        (
            {"cidr": "10.1.0.0/24", "ip_version": 4, "allocation_pools": [{"start": "10.2.0.2", "end": "10.2.0.20"}]},
            BadRequestError,
            "OutOfBoundsAllocationPool",
            Category.TERMINAL,
        ),
    ],
)
def test_subnets_that_are_refused(cloud, body, kind, error_type, category):
    network = cloud.network("10.0.0.0/24")
    refused(lambda: cloud.do.subnets.create({"network_id": network["id"], **body}), kind, error_type, category)
    refused(
        lambda: cloud.do.subnets.create({"network_id": NOWHERE, **body, "cidr": "10.9.0.0/24", "ip_version": 4}),
        NotFoundError,
        "NetworkNotFound",
        Category.NOT_FOUND,
    )


def test_subnets_from_a_pool(cloud):
    """Their range is the cloud's choice; several of one call get one each."""
    pool, network = cloud.pool("10.64.0.0/24", 26), cloud.network()
    body = {"network_id": network["id"], "subnetpool_id": pool, "ip_version": 4}
    one, other = cloud.do.subnets.create_many([{**body, "name": "one"}, {**body, "name": "other", "prefixlen": 27}])
    ranges = [ipaddress.ip_network(row["cidr"]) for row in (one, other)]
    assert [each.prefixlen for each in ranges] == [26, 27]
    assert all(each.subnet_of(ipaddress.ip_network("10.64.0.0/24")) for each in ranges)
    assert not ranges[0].overlaps(ranges[1])
    assert one["gateway_ip"] == str(ranges[0][1])
    assert one["allocation_pools"] == [{"start": str(ranges[0][2]), "end": str(ranges[0][-2])}]
    seen = cloud.do.subnets.get(one["id"])
    assert (seen["subnetpool_id"], "prefixlen" in seen) == (pool, False)
    assert cloud.do.subnets.create({**body, "name": "none", "gateway_ip": None})["gateway_ip"] is None


@pytest.mark.parametrize(
    ("body", "kind", "error_type", "category"),
    [
        ({"subnetpool_id": NOWHERE}, NotFoundError, "SubnetPoolNotFound", Category.NOT_FOUND),
        ({"ip_version": 6}, BadRequestError, "BadRequest", Category.TERMINAL),
        ({"prefixlen": 7}, BadRequestError, "MinPrefixSubnetAllocationError", Category.TERMINAL),
        (
            {"allocation_pools": [{"start": "10.64.0.2", "end": "10.64.0.9"}]},
            BadRequestError,
            "BadRequest",
            Category.TERMINAL,
        ),
        ({"subnetpool_id": None}, BadRequestError, "BadRequest", Category.TERMINAL),
        (
            {"subnetpool_id": None, "cidr": "10.9.0.0/24", "prefixlen": 24},
            BadRequestError,
            "BadRequest",
            Category.TERMINAL,
        ),
    ],
)
def test_subnets_from_a_pool_that_are_refused(cloud, body, kind, error_type, category):
    wanted = {"network_id": cloud.network()["id"], "ip_version": 4, "subnetpool_id": cloud.pool("10.64.0.0/24", 26)}
    sent = {name: value for name, value in {**wanted, **body}.items() if value is not None}
    refused(lambda: cloud.do.subnets.create(sent), kind, error_type, category)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"subnetpool_id": NOWHERE}, NOWHERE),
        ({"ip_version": 6}, "Cannot allocate IPv6 subnet from IPv4 subnet pool"),
        ({"prefixlen": 7}, "with prefix length 7,"),
    ],
)
def test_the_words_by_which_a_subnet_that_a_pool_refuses_is_found(cloud, body, words):
    wanted = {"network_id": cloud.network()["id"], "ip_version": 4, "subnetpool_id": cloud.pool("10.64.0.0/24", 26)}
    with pytest.raises(InfomaniakCloudError) as caught:
        cloud.do.subnets.create({**wanted, **body})
    assert words in caught.value.message


def test_a_subnet_pool_without_room(cloud):
    wanted = {"network_id": cloud.network()["id"], "ip_version": 4, "subnetpool_id": cloud.pool("10.64.0.0/24", 26)}
    with pytest.raises(ServiceError) as caught:
        cloud.do.subnets.create({**wanted, "prefixlen": 16})
    assert (caught.value.error_type, caught.value.category) == ("SubnetAllocationError", Category.QUOTA)
    assert "/16" in caught.value.message
    assert cloud.do.subnets.list(network_id=wanted["network_id"]) == []


def test_a_subnet_from_a_pool_and_one_that_is_not_do_not_share_a_network(cloud):
    network = cloud.network("10.0.0.0/24")
    wanted = {"network_id": network["id"], "ip_version": 4, "subnetpool_id": cloud.pool("10.64.0.0/24", 26)}
    said = (BadRequestError, "NetworkSubnetPoolAffinityError", Category.TERMINAL)
    refused(lambda: cloud.do.subnets.create(wanted), *said)
    cloud.do.subnets.delete(network["subnets"][0])
    cloud.do.subnets.create(wanted)
    refused(lambda: cloud.subnet(network, "10.0.0.0/24"), *said)


def test_the_qos_policy_of_a_network_and_of_a_port(cloud):
    """It is set, changed and taken away; one that is not there is refused, and nothing changes."""
    policy, other = cloud.qos(), cloud.qos()
    network = cloud.network("10.0.0.0/24", qos_policy_id=policy)
    port = cloud.port(network, qos_policy_id=policy)
    for collection, row in ((cloud.do.networks, network), (cloud.do.ports, port)):
        assert row["qos_policy_id"] == policy
        changed = collection.update(row["id"], {"qos_policy_id": other}, if_revision=row["revision_number"])
        assert changed["qos_policy_id"] == other
        change = functools.partial(collection.update, row["id"], {"qos_policy_id": NOWHERE})
        refused(change, NotFoundError, "QosPolicyNotFound", Category.NOT_FOUND)
        assert collection.get(row["id"])["qos_policy_id"] == other
        assert collection.update(row["id"], {"qos_policy_id": None})["qos_policy_id"] is None
    assert cloud.network()["qos_policy_id"] is None
    assert cloud.port(network)["qos_policy_id"] is None
    new = functools.partial(cloud.do.networks.create, {"name": cloud.name(), "qos_policy_id": NOWHERE})
    refused(new, NotFoundError, "QosPolicyNotFound", Category.NOT_FOUND)


def test_many_subnets_are_made_all_or_none(cloud):
    network = cloud.network()
    bodies = [{"network_id": network["id"], "cidr": f"10.{n}.0.0/24", "ip_version": 4, "name": str(n)} for n in (1, 2)]
    clash = {"network_id": network["id"], "cidr": "10.1.0.0/25", "ip_version": 4}
    refused(lambda: cloud.do.subnets.create_many([*bodies, clash]), BadRequestError, "InvalidInput", Category.TERMINAL)
    assert cloud.do.subnets.list(network_id=network["id"]) == []
    made = cloud.do.subnets.create_many(bodies)
    assert [row["name"] for row in made] == ["1", "2"]
    assert {row["id"] for row in cloud.do.subnets.list(network_id=network["id"])} == {row["id"] for row in made}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "n"},
        {"description": "d"},
        {"dns_nameservers": ["1.1.1.1", "8.8.8.8"]},
        {"enable_dhcp": False},
        {"gateway_ip": None},
        {"allocation_pools": [{"start": "10.0.0.10", "end": "10.0.0.20"}]},
        {"host_routes": [{"destination": "10.9.0.0/24", "nexthop": "10.0.0.7"}]},
    ],
)
def test_what_can_be_changed_of_a_subnet(cloud, change):
    row = cloud.subnet(cloud.network(), "10.0.0.0/24")
    cloud.do.subnets.update(row["id"], change, if_revision=row["revision_number"])
    seen = cloud.do.subnets.get(row["id"])
    assert {name: seen[name] for name in change} == change
    in_tables_of_their_own = {"dns_nameservers", "allocation_pools", "host_routes"}
    assert (seen["revision_number"] == row["revision_number"]) == (set(change) <= in_tables_of_their_own)


@pytest.mark.parametrize("change", [{"cidr": "10.1.0.0/24"}, {"ip_version": 6}, {"network_id": NOWHERE}])
def test_what_can_not_be_changed_of_a_subnet(cloud, change):
    row = cloud.subnet(cloud.network(), "10.0.0.0/24")
    refused(lambda: cloud.do.subnets.update(row["id"], change), BadRequestError, "HTTPBadRequest", Category.TERMINAL)


def test_what_is_used_stays(cloud):
    network = cloud.network("10.0.0.0/24")
    (subnet,) = network["subnets"]
    port = cloud.port(network)
    assert port["fixed_ips"] == [{"subnet_id": subnet, "ip_address": port["fixed_ips"][0]["ip_address"]}]
    refused(lambda: cloud.do.networks.delete(network["id"]), ConflictError, "NetworkInUse", Category.IN_USE)
    refused(lambda: cloud.do.subnets.delete(subnet), ConflictError, "SubnetInUse", Category.IN_USE)
    cloud.do.ports.delete(port["id"])
    cloud.do.networks.delete(network["id"])
    refused(lambda: cloud.do.subnets.get(subnet), NotFoundError, "SubnetNotFound", Category.NOT_FOUND)


def test_addresses_of_ports(cloud):
    network = cloud.network()
    cloud.subnet(network, "10.0.0.0/30", enable_dhcp=False)
    port = cloud.port(network)
    assert [ip["ip_address"] for ip in port["fixed_ips"]] == ["10.0.0.2"]
    refused(lambda: cloud.port(network), ConflictError, "IpAddressGenerationFailure", Category.QUOTA)
    taken = {"fixed_ips": [{"ip_address": "10.0.0.2"}]}
    refused(lambda: cloud.port(network, **taken), ConflictError, "IpAddressAlreadyAllocated", Category.TERMINAL)


def test_the_time_of_creation_is_in_utc_and_says_so(cloud):
    """By it a double of ours is told from a copy. Octavia's times name no zone."""
    network = cloud.network("10.0.0.0/24")
    rows = [
        network,
        *cloud.do.subnets.list(network_id=network["id"]),
        cloud.port(network),
        cloud.router(external=False),
    ]
    for row in rows:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["created_at"])


@pytest.mark.parametrize("mode", ["slaac", "dhcpv6-stateless"])
def test_a_subnet_that_hands_out_addresses_by_itself_gives_one_to_every_port_that_is_there_and_that_comes(cloud, mode):
    network = cloud.network("10.0.0.0/24")
    (v4,) = network["subnets"]
    old = cloud.port(network, fixed_ips=[{"subnet_id": v4}])
    assert len(old["fixed_ips"]) == 1
    v6 = cloud.subnet(network, "2001:db8:1::/64", ipv6_address_mode=mode, ipv6_ra_mode=mode)["id"]
    now = cloud.do.ports.get(old["id"])
    assert {ip["subnet_id"] for ip in now["fixed_ips"]} == {v4, v6}
    assert now["revision_number"] > old["revision_number"]
    assert old["fixed_ips"][0] in now["fixed_ips"]
    new = cloud.port(network, fixed_ips=[{"subnet_id": v4}])
    assert {ip["subnet_id"] for ip in new["fixed_ips"]} == {v4, v6}
    cloud.do.subnets.delete(v6)
    assert cloud.do.ports.get(old["id"])["fixed_ips"] == old["fixed_ips"]


@pytest.mark.parametrize("letter", ["n", "é", "名"])
@pytest.mark.parametrize("field", ["name", "description"])
def test_names_and_descriptions_are_counted_in_characters(cloud, field, letter):
    network = cloud.network()
    whole = cloud.name().ljust(255, letter)
    port = cloud.do.ports.create({"name": cloud.name(), "network_id": network["id"], field: whole})
    assert cloud.do.ports.get(port["id"])[field] == whole
    body = {"network_id": network["id"], field: whole + letter}
    refused(lambda: cloud.do.ports.create(body), BadRequestError, "HTTPBadRequest", Category.TERMINAL)
    refused(
        lambda: cloud.do.ports.update(port["id"], {field: whole + letter}),
        BadRequestError,
        "HTTPBadRequest",
        Category.TERMINAL,
    )
