"""The auditor finds what it is there to find: each rule against a world in which just that is wrong."""

import base64
import copy
import uuid

import pytest

from tests.chaos.auditor import Finding, World, audit, changed, events_honest, mark_of
from tests.chaos.eyes import Seen

UIDS = {name: str(uuid.UUID(int=n + 1)) for n, name in enumerate(("n0", "g0", "l0", "o0", "m0", "r0", "f0", "p0"))}
EXTERNAL = "external-id"


def mark(name: str, child: str = "") -> str:
    short = base64.urlsafe_b64encode(uuid.UUID(UIDS[name]).bytes).decode().rstrip("=")
    return f"ik2.{short}.{'p' * 17}{'.' + child if child else ''}"


def body(name, spec, **status):
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": 2, "reason": "Available"} for kind in ("Ready", "Synced")
    ]
    return {
        "metadata": {"name": name, "uid": UIDS[name], "generation": 2},
        "spec": spec,
        "status": {"observedGeneration": 2, "id": f"{name}-id", "conditions": conditions, **status},
    }


def world() -> World:
    """A network, a group, a router, a port, an address, and a load balancer with a pool and a monitor: all as it should be."""
    rule = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}}
    objects = {
        ("InfomaniakNetwork", "n0"): body(
            "n0", {"subnets": [{"name": "a", "cidr": "10.10.0.0/24"}], "description": "x"}
        ),
        ("SecurityGroup", "g0"): body("g0", {"rules": [rule]}),
        ("Router", "r0"): body(
            "r0",
            {"externalGateway": {"networkName": "ext"}, "interfaces": [{"networkRef": {"name": "n0"}, "subnet": "a"}]},
        ),
        ("Port", "p0"): body("p0", {"networkRef": {"name": "n0"}, "securityGroupRefs": [{"name": "g0"}]}),
        ("FloatingIP", "f0"): body("f0", {"externalNetwork": {"networkName": "ext"}, "portRef": {"name": "p0"}}),
        ("LoadBalancer", "l0"): body(
            "l0",
            {
                "vip": {"networkRef": {"name": "n0"}, "subnet": "a"},
                "listeners": [{"name": "web", "protocol": "HTTP", "port": 80, "defaultPoolRef": {"name": "o0"}}],
            },
        ),
        ("Pool", "o0"): body(
            "o0",
            {
                "loadBalancerRef": {"name": "l0"},
                "protocol": "HTTP",
                "algorithm": "ROUND_ROBIN",
                "members": [{"address": "10.10.0.51", "port": 80, "weight": 5}],
            },
        ),
        ("HealthMonitor", "m0"): body(
            "m0", {"poolRef": {"name": "o0"}, "type": "TCP", "delay": 5, "timeout": 3, "maxRetries": 2}
        ),
    }
    egress = [
        {"direction": "egress", "ethertype": version, "protocol": None, "port_range_min": None, "port_range_max": None}
        | {"remote_ip_prefix": None, "remote_group_id": None, "description": None}
        for version in ("IPv4", "IPv6")
    ]
    ssh = {**egress[0], "direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    up = {"admin_state_up": True}
    rows = {
        "networks": [
            {"id": "n0-id", "name": "n0", "description": f"x [{mark('n0')}]", "port_security_enabled": True, **up}
        ],
        "subnets": [
            {
                "id": "s-id",
                "name": "a",
                "network_id": "n0-id",
                "cidr": "10.10.0.0/24",
                "description": f"[{mark('n0', 'childa')}]",
            }
            | {"dns_nameservers": [], "enable_dhcp": True}
        ],
        "routers": [
            {"id": "r0-id", "name": "r0", "description": f"[{mark('r0')}]", "routes": [], **up}
            | {"external_gateway_info": {"network_id": EXTERNAL}}
        ],
        "security-groups": [
            {
                "id": "default-id",
                "name": "default",
                "description": "Default security group",
                "security_group_rules": [],
            },
            {"id": "g0-id", "name": "g0", "description": f"[{mark('g0')}]", "security_group_rules": [*egress, ssh]},
        ],
        "ports": [
            {"id": "leg-id", "name": "", "device_owner": "network:router_interface", "device_id": "r0-id"}
            | {"fixed_ips": [{"subnet_id": "s-id", "ip_address": "10.10.0.1"}], "description": ""},
            {"id": "vip-id", "name": "l0-vip", "device_owner": "Octavia", "description": f"[{mark('l0', 'vippor')}]"}
            | {"device_id": "lb", "fixed_ips": [], "security_groups": []},
            {"id": "p0-id", "name": "p0", "device_owner": "", "device_id": "", "description": f"[{mark('p0')}]", **up}
            | {"network_id": "n0-id", "fixed_ips": [{"subnet_id": "s-id", "ip_address": "10.10.0.60"}]}
            | {"security_groups": ["g0-id"], "allowed_address_pairs": []},
        ],
        "floatingips": [
            {"id": "f0-id", "description": f"[{mark('f0')}]", "floating_network_id": EXTERNAL, "port_id": "p0-id"}
        ],
        "loadbalancers": [
            {
                "id": "l0-id",
                "name": "l0",
                "description": "",
                "tags": [mark("l0")],
                "provisioning_status": "ACTIVE",
                **up,
            }
            | {"vip_network_id": "n0-id", "vip_port_id": "vip-id"}
        ],
        "listeners": [
            {"id": "web-id", "name": "web", "description": "", "tags": [mark("l0", "listen")], "protocol": "HTTP", **up}
            | {"protocol_port": 80, "connection_limit": -1, "allowed_cidrs": None, "insert_headers": {}}
            | {"timeout_client_data": 50000, "default_pool_id": "o0-id", "loadbalancers": [{"id": "l0-id"}]}
        ],
        "pools": [
            {"id": "o0-id", "name": "o0", "description": "", "tags": [mark("o0")], "protocol": "HTTP", **up}
            | {"lb_algorithm": "ROUND_ROBIN", "session_persistence": None, "loadbalancers": [{"id": "l0-id"}]}
        ],
        "members": [
            {
                "id": "mem-id",
                "pool_id": "o0-id",
                "address": "10.10.0.51",
                "protocol_port": 80,
                "weight": 5,
                "backup": False,
            }
        ],
        "healthmonitors": [
            {
                "id": "m0-id",
                "name": "m0",
                "tags": [mark("m0")],
                "type": "TCP",
                "delay": 5,
                "timeout": 3,
                "max_retries": 2,
                **up,
            }
            | {"pools": [{"id": "o0-id"}], "url_path": None, "expected_codes": None}
        ],
        "l7policies": [],
    }
    return copy.deepcopy(World(objects, Seen(rows), EXTERNAL))


def kinds(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.what, finding.about.split()[0]) for finding in findings]


def test_where_all_is_well_nothing_is_found():
    assert audit(world()) == []


def test_the_mark_of_a_thing_says_whose_it_is():
    row = world().seen.rows["subnets"][0]
    found = mark_of(row)
    assert (found.uid, found.child, found.released) == (UIDS["n0"], "childa", False)


MAIN_ROWS = {
    "networks": "InfomaniakNetwork/n0",
    "routers": "Router/r0",
    "security-groups": "SecurityGroup/g0",
    "floatingips": "FloatingIP/f0",
    "loadbalancers": "LoadBalancer/l0",
    "pools": "Pool/o0",
    "healthmonitors": "HealthMonitor/m0",
}


@pytest.mark.parametrize(("collection", "about"), MAIN_ROWS.items())
def test_ready_and_not_in_the_cloud_is_missing(collection, about):
    it = world()
    it.seen.rows[collection].pop()
    assert ("missing", about) in kinds(audit(it))


@pytest.mark.parametrize("collection", [name for name in world().seen.rows if name not in ("members", "l7policies")])
def test_a_second_one_with_the_same_mark_is_doubled(collection):
    it = world()
    rows = it.seen.rows[collection]
    rows.append({**rows[-1], "id": "second"})
    assert "doubled" in {finding.what for finding in audit(it)}


@pytest.mark.parametrize("collection", [name for name in world().seen.rows if name not in ("members", "l7policies")])
def test_what_is_left_of_an_object_that_is_no_more_is_extra(collection):
    it = world()
    row = copy.deepcopy(it.seen.rows[collection][-1])
    stranger = base64.urlsafe_b64encode(uuid.UUID(int=99).bytes).decode().rstrip("=")
    text = f"ik2.{stranger}.{'p' * 17}"
    row |= {"id": "left", "tags": [text]} if "tags" in row else {"id": "left", "description": f"[{text}]"}
    it.seen.rows[collection].append(row)
    assert ("extra", collection) in kinds(audit(it))


def test_what_has_no_mark_and_no_maker_is_extra():
    it = world()
    it.seen.rows["ports"].append({**it.seen.rows["ports"][-1], "id": "octavias-own", "description": ""})
    assert kinds(audit(it)) == [("extra", "ports")]


WRONG = [
    ("networks", {"name": "another"}, "InfomaniakNetwork/n0"),
    ("networks", {"description": "y"}, "InfomaniakNetwork/n0"),
    ("subnets", {"cidr": "10.10.9.0/24"}, "InfomaniakNetwork/n0"),
    ("routers", {"external_gateway_info": None}, "Router/r0"),
    ("security-groups", {"security_group_rules": []}, "SecurityGroup/g0"),
    ("ports", {"security_groups": []}, "Port/p0"),
    ("floatingips", {"port_id": None}, "FloatingIP/f0"),
    ("loadbalancers", {"provisioning_status": "ERROR"}, "LoadBalancer/l0"),
    ("listeners", {"protocol_port": 81}, "LoadBalancer/l0"),
    ("listeners", {"default_pool_id": None}, "LoadBalancer/l0"),
    ("pools", {"lb_algorithm": "SOURCE_IP"}, "Pool/o0"),
    ("members", {"weight": 1}, "Pool/o0"),
    ("members", {"address": "10.10.0.52"}, "Pool/o0"),
    ("healthmonitors", {"delay": 6}, "HealthMonitor/m0"),
]


@pytest.mark.parametrize(("collection", "change", "about"), WRONG)
def test_ready_and_not_as_the_spec_says_is_wrong(collection, change, about):
    it = world()
    it.seen.rows[collection][-1].update(change)
    found = kinds(audit(it))
    assert ("wrong", about) in found or ("missing", about) in found


TAKEN_OUT = [
    (("Router", "r0"), "externalGateway"),
    (("Router", "r0"), "interfaces"),
    (("SecurityGroup", "g0"), "rules"),
    (("Port", "p0"), "securityGroupRefs"),
    (("Pool", "o0"), "members"),
]


@pytest.mark.parametrize(("key", "name"), TAKEN_OUT)
def test_what_was_set_and_is_taken_out_has_to_go_from_the_cloud(key, name):
    it = world()
    del it.objects[key]["spec"][name]
    del it.objects["FloatingIP", "f0"]  # it would excuse the router
    it.seen.rows["floatingips"].clear()
    assert audit(it) == []  # nobody has ever set it
    uid = UIDS[key[1]]
    assert ("wrong", "/".join(key)) in kinds(audit(World(it.objects, it.seen, EXTERNAL, {uid: {name}})))
    assert audit(World(it.objects, it.seen, EXTERNAL, {uid: {name}}, {uid: {name}})) == []  # somebody else has, since


def not_ready(it: World, key: tuple[str, str]) -> None:
    it.objects[key]["status"]["conditions"][0] |= {"status": "False", "reason": "WaitingForReference"}


def test_not_ready_needs_a_reason_in_the_specs():
    it = world()
    not_ready(it, ("HealthMonitor", "m0"))
    assert kinds(audit(it)) == [("not ready", "HealthMonitor/m0")]
    del it.objects["Pool", "o0"]
    assert ("not ready", "HealthMonitor/m0") not in kinds(audit(it))


def test_ready_for_a_former_spec_is_not_ready():
    it = world()
    it.objects["Port", "p0"]["metadata"]["generation"] = 3
    assert kinds(audit(it)) == [("not ready", "Port/p0")]


@pytest.mark.parametrize(
    ("conditions", "what"),
    [
        ({"Ready": "True", "Synced": "False"}, "dishonest"),
        ({"Ready": "True", "Synced": "True", "Stalled": "True"}, "dishonest"),
        ({"Ready": "False", "Stalled": "True", "Reconciling": "True"}, "dishonest"),
    ],
)
def test_conditions_that_contradict_each_other_are_dishonest(conditions, what):
    it = world()
    it.objects["SecurityGroup", "g0"]["status"]["conditions"] = [
        {"type": kind, "status": status, "observedGeneration": 2} for kind, status in conditions.items()
    ]
    assert (what, "SecurityGroup/g0") in kinds(audit(it))


def test_what_is_being_deleted_is_stuck_unless_it_is_in_use():
    it = world()
    it.objects["InfomaniakNetwork", "n0"]["metadata"]["deletionTimestamp"] = "now"
    it.objects["FloatingIP", "f0"]["metadata"]["deletionTimestamp"] = "now"
    assert [found for found in kinds(audit(it)) if found[0] == "stuck"] == [("stuck", "FloatingIP/f0")]


def test_every_field_of_a_bystander_counts():
    before = [("networks", {"id": "x", "name": "a", "revision_number": 3, "status": "ACTIVE"})]
    assert list(changed(before, Seen({"networks": [{**before[0][1], "status": "DOWN"}]}))) == []
    for other in ({"name": "b"}, {"revision_number": 4}):
        now = Seen({"networks": [{**before[0][1], **other}]})
        assert [finding.what for finding in changed(before, now)] == ["foreign"]
    assert [finding.text for finding in changed(before, Seen())] == ["is gone"]


def test_an_event_that_says_deleted_of_what_is_there_is_dishonest():
    there = "4e8e5957-649f-477b-9e5b-f1f75b21c03c"
    event = {"reason": "Deleted", "message": f"deleted network {there}", "involvedObject": {"name": "n0"}}
    assert len(list(events_honest([event], {}, Seen({"networks": [{"id": there}]})))) == 1
    assert list(events_honest([event], {}, Seen({"networks": [{"id": "another"}]}))) == []


def test_the_order_within_a_row_is_of_no_account():
    rules = [{"id": "a"}, {"id": "b"}]
    before = [("security-groups", {"id": "x", "security_group_rules": rules})]
    assert list(changed(before, Seen({"security-groups": [{"id": "x", "security_group_rules": rules[::-1]}]}))) == []
    now = Seen({"security-groups": [{"id": "x", "security_group_rules": rules[:1]}]})
    assert [finding.what for finding in changed(before, now)] == ["foreign"]


def test_an_address_may_wait_for_a_router_that_cannot_be_ready():
    it = world()
    not_ready(it, ("FloatingIP", "f0"))
    assert kinds(audit(it)) == [("not ready", "FloatingIP/f0")]
    it.objects["Router", "r0"]["spec"]["interfaces"].append({"networkRef": {"name": "n1"}, "subnet": "a"})
    not_ready(it, ("Router", "r0"))
    assert audit(it) == []


def test_a_port_among_ours_may_lose_what_it_has_by_slaac_and_nothing_else():
    four, six = {"ip_address": "10.12.0.9"}, {"ip_address": "2001:db8::9"}
    before = [("ports", {"id": "x", "fixed_ips": [four, six]})]
    assert list(changed(before, Seen({"ports": [{"id": "x", "fixed_ips": [four]}]}), strict=False)) == []
    for kept, strict in (([four], True), ([six], False)):
        assert len(list(changed(before, Seen({"ports": [{"id": "x", "fixed_ips": kept}]}), strict=strict))) == 1
