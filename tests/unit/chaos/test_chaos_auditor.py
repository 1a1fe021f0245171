"""The auditor finds what it is there to find: each rule against a world in which just that is wrong."""

import base64
import copy
import re
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import auditor, excuses, eyes, hands, universe
from tests.chaos.auditor import Finding, World, audit, changed, events_honest, left_behind, mark_of
from tests.chaos.eyes import PARTS, Seen

NAMES = ("n0", "g0", "l0", "o0", "m0", "r0", "f0", "p0", "p1", "w0", "w1", "f1", "given0")
UIDS = {name: str(uuid.UUID(int=n + 1)) for n, name in enumerate(NAMES)}
EXTERNAL = "external-id"


FORWARDING = {"protocol": "tcp", "externalPort": 2201, "internalPort": 22, "portRef": {"name": "p1"}}
RULE = {"type": "PATH", "compareType": "STARTS_WITH", "value": "/x"}
POLICY = {"loadBalancerRef": {"name": "l0"}, "listener": "web"}


def mark(name: str, child: str = "") -> str:
    short = base64.urlsafe_b64encode(uuid.UUID(UIDS[name]).bytes).decode().rstrip("=")
    return f"ik2.{short}.{'p' * 17}{'.' + child if child else ''}"


def body(name, spec, **status):
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": 2, "reason": "Available"} for kind in ("Ready", "Synced")
    ]
    return {
        "metadata": {
            "name": name,
            "uid": UIDS[name],
            "generation": 2,
            "finalizers": ["network.infomaniak.cloud/cleanup"],
        }
        | {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": spec,
        "status": {"observedGeneration": 2, "id": f"{name}-id", "conditions": conditions, **status},
    }


def world() -> World:
    """A network, a group, a router, a port, an address, and a load balancer with a pool and a monitor: all as it should be."""
    rule = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}}
    objects = {
        ("InfomaniakNetwork", "n0"): body(
            "n0",
            {
                "subnets": [{"name": "a", "cidr": "10.10.0.0/24"}, {"name": "b", "cidr": "10.10.1.0/24"}],
                "description": "x",
            },
        ),
        ("SecurityGroup", "g0"): body("g0", {"rules": [rule]}),
        ("Router", "r0"): body(
            "r0",
            {
                "externalGateway": {"networkName": "ext"},
                "interfaces": [
                    {"networkRef": {"name": "n0"}, "subnet": "a", "address": "10.10.0.1"},
                    {"portRef": {"name": "p1"}},
                ],
            },
        ),
        ("Port", "p1"): body(
            "p1", {"networkRef": {"name": "n0"}, "fixedIPs": [{"subnet": "b", "address": "10.10.1.70"}]}
        ),
        ("FloatingIP", "f1"): body("f1", {"externalNetwork": {"networkName": "ext"}, "portForwardings": [FORWARDING]}),
        ("L7Policy", "w0"): body("w0", {**POLICY, "position": 20, "action": "REJECT", "rules": [RULE]}),
        ("L7Policy", "w1"): body(
            "w1", {**POLICY, "position": 10, "action": "REDIRECT_TO_POOL", "poolRef": {"name": "o0"}, "rules": [RULE]}
        ),
        ("SecurityGroup", "given0"): body(
            "given0", {"import": {"filter": {"name": "given"}}, "deletionPolicy": "Retain", "description": "ours"}
        ),
        ("Port", "p0"): body(
            "p0", {"networkRef": {"name": "n0"}, "fixedIPs": [{"subnet": "a"}], "securityGroupRefs": [{"name": "g0"}]}
        ),
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
            | {"dns_nameservers": [], "enable_dhcp": True},
            {"id": "t-id", "name": "b", "network_id": "n0-id", "cidr": "10.10.1.0/24"}
            | {"description": f"[{mark('n0', 'childb')}]", "dns_nameservers": [], "enable_dhcp": True},
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
            {"id": "given0-id", "name": "given", "description": f"ours [{mark('given0')}]", "security_group_rules": []},
        ],
        "ports": [
            {"id": "leg-id", "name": "", "device_owner": "network:router_interface", "device_id": "r0-id"}
            | {
                "fixed_ips": [{"subnet_id": "s-id", "ip_address": "10.10.0.1"}],
                "description": f"[{mark('r0', 'legleg')}]",
            },
            {"id": "p1-id", "name": "p1", "device_owner": "network:router_interface", "device_id": "r0-id", **up}
            | {"fixed_ips": [{"subnet_id": "t-id", "ip_address": "10.10.1.70"}], "description": f"[{mark('p1')}]"}
            | {"network_id": "n0-id", "security_groups": [], "allowed_address_pairs": []},
            {"id": "vip-id", "name": "l0-vip", "device_owner": "Octavia", "description": f"[{mark('l0', 'vippor')}]"}
            | {"device_id": "lb", "fixed_ips": [], "security_groups": []},
            {"id": "p0-id", "name": "p0", "device_owner": "", "device_id": "", "description": f"[{mark('p0')}]", **up}
            | {"network_id": "n0-id", "fixed_ips": [{"subnet_id": "s-id", "ip_address": "10.10.0.60"}]}
            | {"security_groups": ["g0-id"], "allowed_address_pairs": []},
        ],
        "floatingips": [
            {"id": "f1-id", "description": f"[{mark('f1')}]", "floating_network_id": EXTERNAL, "port_id": None},
            {"id": "f0-id", "description": f"[{mark('f0')}]", "floating_network_id": EXTERNAL, "port_id": "p0-id"},
        ],
        "port_forwardings": [
            {"id": "pf-id", "floatingip_id": "f1-id", "protocol": "tcp", "external_port": 2201, "internal_port": 22}
            | {"internal_port_id": "p1-id"}
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
        "l7policies": [
            {"id": "w0-id", "name": "w0", "description": "", "tags": [mark("w0")], "position": 2, **up}
            | {"provisioning_status": "ACTIVE", "listener_id": "web-id", "action": "REJECT", "redirect_pool_id": None}
            | {"redirect_url": None, "redirect_prefix": None, "redirect_http_code": None},
            {"id": "w1-id", "name": "w1", "description": "", "tags": [mark("w1")], "position": 1, **up}
            | {"provisioning_status": "ACTIVE", "listener_id": "web-id", "action": "REDIRECT_TO_POOL"}
            | {"redirect_url": None, "redirect_prefix": None, "redirect_http_code": None, "redirect_pool_id": "o0-id"},
        ],
        "l7rules": [
            {"id": f"{policy}-rule", "l7policy_id": policy, "type": "PATH", "compare_type": "STARTS_WITH"}
            | {"key": None, "value": "/x", "invert": False}
            for policy in ("w0-id", "w1-id")
        ],
    }
    given = [("security-groups", {**rows["security-groups"][-1], "description": "another tool's"})]
    return copy.deepcopy(World(objects, Seen(rows), EXTERNAL, given=given))


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
    "l7policies": "L7Policy/w1",
}


@pytest.mark.parametrize(("collection", "about"), MAIN_ROWS.items())
def test_ready_and_not_in_the_cloud_is_missing(collection, about):
    it = world()
    it.seen.rows[collection] = [row for row in it.seen.rows[collection] if row["id"] != f"{about.split('/')[1]}-id"]
    assert ("missing", about) in kinds(audit(it))


@pytest.mark.parametrize("collection", [name for name in world().seen.rows if name not in PARTS])
def test_a_second_one_with_the_same_mark_is_doubled(collection):
    it = world()
    rows = it.seen.rows[collection]
    rows.append({**rows[-1], "id": "second"})
    assert "doubled" in {finding.what for finding in audit(it)}


@pytest.mark.parametrize("collection", [name for name in world().seen.rows if name not in PARTS])
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
    ("ports", {"fixed_ips": [{"subnet_id": "t-id", "ip_address": "10.10.1.60"}]}, "Port/p0"),
    ("ports", {"fixed_ips": [{"subnet_id": "t-id", "ip_address": "10.10.1.71"}]}, "Port/p1"),
    ("loadbalancers", {"provisioning_status": "ERROR"}, "LoadBalancer/l0"),
    ("listeners", {"protocol_port": 81}, "LoadBalancer/l0"),
    ("listeners", {"default_pool_id": None}, "LoadBalancer/l0"),
    ("pools", {"lb_algorithm": "SOURCE_IP"}, "Pool/o0"),
    ("members", {"weight": 1}, "Pool/o0"),
    ("members", {"address": "10.10.0.52"}, "Pool/o0"),
    ("healthmonitors", {"delay": 6}, "HealthMonitor/m0"),
    ("port_forwardings", {"internal_port": 23}, "FloatingIP/f1"),
    ("port_forwardings", {"internal_port_id": "p0-id"}, "FloatingIP/f1"),
    ("l7policies", {"position": 3}, "L7Policy/w1"),
    ("l7policies", {"position": 0}, "L7Policy/w0"),
    ("l7policies", {"name": "w"}, "L7Policy/w0"),
    ("l7policies", {"action": "REJECT"}, "L7Policy/w1"),
    ("l7policies", {"redirect_pool_id": None}, "L7Policy/w1"),
    ("l7policies", {"listener_id": "tcp-id"}, "L7Policy/w1"),
    ("l7rules", {"value": "/y"}, "L7Policy/w1"),
    ("security-groups", {"description": "another tool's"}, "SecurityGroup/given0"),
]


@pytest.mark.parametrize(("collection", "change", "about"), WRONG)
def test_ready_and_not_as_the_spec_says_is_wrong(collection, change, about):
    it = world()
    own = [row for row in it.seen.rows[collection] if row["id"] == f"{about.split('/')[1]}-id"]
    (own or it.seen.rows[collection])[-1].update(change)
    found = kinds(audit(it))
    assert ("wrong", about) in found or ("missing", about) in found


TAKEN_OUT = [
    (("Router", "r0"), "externalGateway"),
    (("Router", "r0"), "interfaces"),
    (("SecurityGroup", "g0"), "rules"),
    (("Port", "p0"), "securityGroupRefs"),
    (("Pool", "o0"), "members"),
    (("FloatingIP", "f1"), "portForwardings"),
]


@pytest.mark.parametrize(("key", "name"), TAKEN_OUT)
def test_what_was_set_and_is_taken_out_has_to_go_from_the_cloud(key, name):
    it = world()
    del it.objects[key]["spec"][name]
    del it.objects["FloatingIP", "f0"]  # it would excuse the router
    it.seen.rows["floatingips"].pop()
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
    gone = list(changed(before, Seen()))
    assert [finding.text for finding in gone] == ["is gone"]
    assert auditor.beyond_repair(gone)
    assert not auditor.beyond_repair(changed(before, Seen({"networks": [{**before[0][1], "name": "b"}]})))


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


def test_an_address_may_wait_where_the_cloud_chose_the_subnet_of_its_port():
    it = world()
    del it.objects["Port", "p0"]["spec"]["fixedIPs"]
    not_ready(it, ("FloatingIP", "f0"))
    assert audit(it) == []


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


LEGS = [
    ("leg-id", {"fixed_ips": [{"subnet_id": "s-id", "ip_address": "10.10.0.8"}]}),  # at another address
    ("leg-id", {"device_id": ""}),  # made, and never handed over
    ("p1-id", {"device_id": "another"}),
    ("p1-id", {"description": "", "device_owner": "network:router_interface"}),  # another port on the same subnet
]


@pytest.mark.parametrize(("leg", "change"), LEGS)
def test_an_interface_is_at_its_address_and_by_its_port(leg, change):
    it = world()
    (row,) = it.seen.of("ports", id=leg)
    row |= change
    assert ("wrong", "Router/r0") in kinds(audit(it))


def test_the_redirect_of_a_listener_comes_behind_the_policies():
    it = world()
    away = {"redirectToHTTPS": {"host": "a.example.org"}}
    listener = it.objects["LoadBalancer", "l0"]["spec"]["listeners"][0]
    del listener["defaultPoolRef"]
    listener |= away
    redirect = {"id": "away-id", "name": "away", "tags": [mark("l0", "redire")], "position": 3, "listener_id": "web-id"}
    it.seen.rows["l7policies"].append({**redirect, "redirect_prefix": "https://a.example.org"})
    assert audit(it) == []
    it.seen.rows["l7policies"][-1]["position"] = 1
    assert {about for _, about in kinds(audit(it))} == {"L7Policy/w0", "L7Policy/w1"}


GIVEN = ("SecurityGroup", "given0")


def test_what_was_given_stays_as_it_was():
    it = world()
    it.seen.rows["security-groups"][-1] |= {"security_group_rules": [{"id": "ours"}], "name": "given"}
    assert kinds(audit(it)) == [("foreign", "security-groups")]
    it.seen.rows["security-groups"].pop()
    assert ("foreign", "security-groups") in kinds(audit(it))


def test_a_mark_among_the_tags_of_what_was_given_is_no_change():
    it = world()
    before = {**it.seen.rows["loadbalancers"][0], "tags": ["theirs"]}
    it.seen.rows["loadbalancers"][0]["tags"] = ["theirs", f"[{mark('l0')}]"]
    assert audit(replace(it, given=[("loadbalancers", before)])) == []
    it.seen.rows["loadbalancers"][0]["tags"] = [f"[{mark('l0')}]"]
    assert kinds(audit(replace(it, given=[("loadbalancers", before)]))) == [("foreign", "loadbalancers")]


def test_what_is_only_read_has_no_mark_and_no_finalizer():
    it = world()
    del it.objects[GIVEN]["spec"]["description"]
    it.objects[GIVEN]["spec"]["managementPolicy"] = "Unmanaged"
    assert kinds(audit(it)) == [("stuck", "SecurityGroup/given0"), ("foreign", "SecurityGroup/given0")]
    it.objects[GIVEN]["metadata"]["finalizers"] = []
    it.seen.rows["security-groups"][-1]["description"] = "as it may be"
    assert audit(it) == []
    it.objects[GIVEN]["status"]["id"] = "another"
    assert kinds(audit(it)) == [("dishonest", "SecurityGroup/given0")]


def test_what_was_given_keeps_no_mark_of_an_object_that_is_gone():
    it = world()
    del it.objects[GIVEN]
    assert kinds(audit(it)) == [("extra", "security-groups")]
    released = mark("given0").replace("ik2", "ik2r")
    for text in ("another tool's", f"ours [{released}]"):
        it.seen.rows["security-groups"][-1]["description"] = text
        assert audit(it) == []


def retained(it: World, id_: str = "g0-id") -> World:
    """The group is deleted with Retain."""
    del it.objects["SecurityGroup", "g0"], it.objects["Port", "p0"], it.objects["FloatingIP", "f0"]
    it.seen.rows["ports"].pop()
    it.seen.rows["floatingips"].pop()
    it.seen.rows["security-groups"][1]["description"] = f"[{mark('g0').replace('ik2', 'ik2r')}]"
    return replace(it, retained={UIDS["g0"]: id_})


def test_what_was_retained_is_there_and_released():
    assert audit(retained(world())) == []
    it = retained(world())
    it.seen.rows["security-groups"][1]["description"] = f"[{mark('g0')}]"
    assert kinds(audit(it)) == [("extra", "security-groups")]
    del it.seen.rows["security-groups"][1]
    assert kinds(audit(it)) == [("missing", "retained")]
    assert audit(replace(it, deleted={"g0-id"})) == []  # others have


def test_what_nobody_retained_is_not_released():
    it = replace(retained(world()), retained={})
    assert kinds(audit(it)) == [("extra", "security-groups")]


def test_an_address_that_others_deleted_for_good_waits_and_keeps_no_router():
    it = replace(world(), deleted={"f0-id"})
    del it.objects["FloatingIP", "f1"]
    it.seen.rows["floatingips"].clear()
    it.objects["Router", "r0"]["metadata"]["deletionTimestamp"] = "now"
    not_ready(it, ("FloatingIP", "f0"))
    assert kinds(audit(it)) == [("stuck", "Router/r0")]
    it.objects["FloatingIP", "f0"]["spec"]["recreate"] = "Always"
    del it.objects["Router", "r0"]["metadata"]["deletionTimestamp"]
    assert ("not ready", "FloatingIP/f0") in kinds(audit(it))


def test_what_is_managed_has_a_finalizer():
    it = world()
    it.objects["Port", "p0"]["metadata"]["finalizers"] = []
    assert kinds(audit(it)) == [("dishonest", "Port/p0")]


def test_in_the_end_nothing_is_left_but_what_was_given_and_retained():
    it = retained(world())
    it.objects.clear()
    for name, rows in it.seen.rows.items():
        rows[:] = [row for row in rows if name == "security-groups"]
    assert kinds(left_behind(it)) == [("extra", "security-groups"), ("extra", "security-groups")]  # default, given
    it.seen.rows["security-groups"][-1]["description"] = ""
    del it.seen.rows["security-groups"][0]
    assert list(left_behind(it)) == []
    it.seen.rows["networks"].append({"id": "n0-id", "name": "n0", "description": ""})
    assert kinds(left_behind(it)) == [("extra", "networks")]


@pytest.mark.parametrize("module", [auditor, excuses, eyes, hands, universe], ids=lambda module: module.__name__)
def test_who_judges_shares_no_code_with_the_operator_or_its_fakes(module):
    read = re.findall(r"^\s*(?:from|import) (\S+)", Path(module.__file__).read_text(), re.MULTILINE)
    ours = {name for name in read if name.startswith(("tests", "infomaniak_operator"))}
    assert {name.rpartition(".")[0] for name in ours} <= {"tests.chaos"}


@pytest.mark.parametrize("released", ["", "r"])
@pytest.mark.parametrize("child", ["", "abc_-1"])
def test_marks_of_both_versions_are_read(released, child):
    uid = uuid.UUID("31bdca40-7cc8-42f8-906f-8a8ece93d34d")
    short = base64.urlsafe_b64encode(uid.bytes).decode().rstrip("=")
    end = f".{child}" if child else ""
    for text in (f"ik2{released}.{short}.R7vZkq0aB8fQb2WcE{end}", f"ik1{released}.D2Lj_YiH.{short}.SvUf24Pp{end}"):
        found = auditor.mark_of({"description": f"words [{text}]"})
        assert found == auditor.Mark(str(uid), child, bool(released))
        assert auditor.mark_of({"tags": ["web", f"[{text}]"]}) == found


@pytest.mark.parametrize(
    ("reason", "finalizers", "id_", "under_way"),
    [
        ("Creating", ["ours"], "1", True),
        ("CloudError", ["ours"], None, True),
        ("", ["ours"], None, True),
        ("Available", ["ours"], "1", False),
        ("WaitingForReference", ["ours"], None, False),
        ("", [], None, False),
    ],
)
def test_what_may_be_under_way_is_waited_for_before_a_rollback(reason, finalizers, id_, under_way):
    conditions = [{"type": "Ready", "reason": reason}] if reason else []
    body = {"metadata": {"finalizers": finalizers}, "status": {"id": id_, "conditions": conditions}}
    assert auditor.is_being_created(body) is under_way
