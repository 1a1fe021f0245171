"""A SecurityGroup whose rules follow Pools: what their load balancer needs is let in, in time, and nothing else."""

import itertools

import pytest

from infomaniak_operator.cli.cluster import SERVICES, SLICES
from infomaniak_operator.client import ConflictError
from infomaniak_operator.reconcile.generic.tenancy import Isolation, TenantIsolation
from infomaniak_operator.reconcile.neutron.member_rules import Spot, bodies, in_a_row
from infomaniak_operator.reconcile.neutron.members_outside import fronts, outside
from infomaniak_operator.reconcile.octavia.service_endpoints import SERVICE_NAME
from tests.support.forest import Forest
from tests.support.let_in import BY_POOL, GROUP, SSH, TCP_22, TCP_8080, group, placed, rules, web
from tests.support.objects import NAMESPACE, custom, subnet
from tests.support.trees import CHECK, SITE, balancer, calm, listener, member, monitor, network, pool

# -- where the objects come in any order


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=repr)
def test_in_whatever_order_they_come(order):
    world = Forest()
    objects = [network(), balancer(), pool(), group()]
    for number in order:
        world.apply(objects[number])
        world.run()
    calm(world)
    assert rules(world) == [TCP_8080]
    assert world.says(GROUP, "ReferencesResolved") == ("True", "Available")


def test_the_rule_is_there_before_the_load_balancer_is_active():
    world = Forest(network(), balancer(), pool(), group(), settles=None)
    world.run(seconds=20)
    assert world.one("load_balancers")["provisioning_status"] == "PENDING_CREATE"
    assert rules(world) == [TCP_8080]


def test_until_there_is_a_pool_the_group_serves_without_its_rules():
    """The members' Ports may wait for the group, and the Pool for the Ports."""
    world = Forest(network(), group(SSH))
    world.run()
    assert world.ready(GROUP) == ("True", "Available")
    assert rules(world) == ["IPv4 tcp 22 from 192.0.2.0/24"]
    assert world.says(GROUP, "ReferencesResolved") == ("False", "WaitingForReference")
    said = world.message(GROUP, "ReferencesResolved")
    assert said == "spec.memberRules: rules wait for Pool site, which is not there yet"
    world.apply(pool())
    world.run()
    said = world.message(GROUP, "ReferencesResolved")
    assert said == "spec.memberRules: rules wait for Pool site: there is no LoadBalancer web yet"
    world.apply(balancer())
    world.run()
    calm(world)
    assert rules(world) == ["IPv4 tcp 22 from 192.0.2.0/24", TCP_8080]


def test_ports_in_the_group_as_members_and_a_vip_in_it_wait_for_nothing_in_a_circle():
    world = Forest()
    port = {"networkRef": {"name": "web"}, "fixedIPs": [{"subnet": "web-v4"}], "securityGroupRefs": [{"name": "web"}]}
    vip = {"networkRef": {"name": "web"}, "subnet": "web-v4", "securityGroupRefs": [{"name": "web"}]}
    follows = pool(members=..., portMembers=[{"portRef": {"name": "one"}, "port": 8080}])
    world.apply_all([group(), follows, balancer(vip=vip), custom("Port", "one", port), network()])
    world.run()
    calm(world)
    assert rules(world) == [TCP_8080]


# -- what is let in


MONITORED = monitor(type="PING")


@pytest.mark.parametrize(
    ("spec", "more", "wanted"),
    [
        ({}, [], [TCP_8080]),
        ({"members": [member(), member(12), member(13, 8081)]}, [], ["IPv4 tcp 8080-8081 from 10.40.0.0/24"]),
        (
            {"members": [member(), member(12, 8082)]},
            [],
            [TCP_8080, "IPv4 tcp 8082 from 10.40.0.0/24"],
        ),
        ({"members": [member(monitorPort=9000)]}, [], [TCP_8080, "IPv4 tcp 9000 from 10.40.0.0/24"]),
        ({"members": [member(monitorPort=9000, monitorAddress="10.40.0.99")]}, [monitor()], "the same as before"),
        ({}, [monitor()], [TCP_8080]),
        ({}, [MONITORED], ["IPv4 icmp 8-0 from 10.40.0.0/24", TCP_8080]),
        ({"members": []}, [MONITORED], []),
    ],
    ids=repr,
)
def test_what_is_let_in(spec, more, wanted):
    world = web(*more, **spec)
    calm(world)
    if wanted == "the same as before":
        wanted = [TCP_8080, "IPv4 tcp 9000 from 10.40.0.0/24"]
    assert rules(world) == wanted


@pytest.mark.parametrize(
    ("protocol", "type_", "wanted"),
    [
        ("UDP", "UDP-CONNECT", ["IPv4 udp 8080 from 10.40.0.0/24"]),
        ("UDP", "HTTP", [TCP_8080, "IPv4 udp 8080 from 10.40.0.0/24"]),
        ("SCTP", "SCTP", ["IPv4 sctp 8080 from 10.40.0.0/24"]),
        ("TCP", "TLS-HELLO", [TCP_8080]),
        ("PROXYV2", "TCP", [TCP_8080]),
    ],
)
def test_the_protocols_of_pools_and_monitors(protocol, type_, wanted):
    speaks = protocol if protocol in ("UDP", "SCTP", "TCP") else "TCP"
    check = monitor(type=type_)
    world = placed(network(), balancer(listeners=[listener(protocol=speaks)]), pool(protocol=protocol), group(), check)
    assert rules(world) == wanted


def two_families():
    nets = [subnet("web-v4", "10.40.0.0/24"), subnet("web-v6", "2001:db8:40::/64"), subnet("back", "10.41.0.0/24")]
    far = custom("InfomaniakNetwork", "far", {"subnets": [subnet("far-v6", "2001:db8:50::/64")]})
    return custom("InfomaniakNetwork", "web", {"subnets": nets}), far


def test_the_family_of_each_member_and_the_subnet_that_it_was_given():
    vip = {
        "networkRef": {"name": "web"},
        "subnet": "web-v4",
        "additionalVips": [{"networkRef": {"name": "web"}, "subnet": "web-v6"}],
    }
    members = [
        {"address": "10.40.0.11", "port": 1},
        {"address": "2001:db8:40::11", "port": 2},
        {"address": "10.41.0.11", "port": 3, "networkRef": {"name": "web"}, "subnet": "back"},
        {"address": "2001:db8:50::11", "port": 4, "networkRef": {"name": "far"}},
    ]
    world = placed(*two_families(), balancer(vip=vip), pool(members=members), group(), MONITORED)
    assert rules(world) == sorted(
        [
            "IPv4 tcp 1 from 10.40.0.0/24",
            "IPv6 tcp 2 from 2001:db8:40::/64",
            # In the VIP's network an older Octavia speaks from the VIP's subnet.
            "IPv4 tcp 3 from 10.40.0.0/24",
            "IPv4 tcp 3 from 10.41.0.0/24",
            "IPv6 tcp 4 from 2001:db8:50::/64",
            "IPv4 icmp 8-0 from 10.40.0.0/24",
            "IPv4 icmp 8-0 from 10.41.0.0/24",
            "IPv6 icmpv6 128-0 from 2001:db8:40::/64",
            "IPv6 icmpv6 128-0 from 2001:db8:50::/64",
        ]
    )


def test_a_driver_that_keeps_the_clients_addresses_is_told_of():
    world = Forest(network(), balancer(provider="ovn"), pool(), group())
    world.run(seconds=60)
    assert rules(world) == []
    assert "remoteIPPrefix" in world.message(GROUP, "ReferencesResolved")


# -- what changes


def test_a_port_is_let_in_before_its_member_comes_and_until_it_is_gone():
    world = web()
    world.settles = None
    world.spec(SITE, members=[member(12, 9090)])
    world.run(seconds=20)
    assert world.one("load_balancers")["provisioning_status"] == "PENDING_UPDATE"
    assert rules(world) == [TCP_8080, "IPv4 tcp 9090 from 10.40.0.0/24"]
    world.settles = 1.0
    world.fake.settle()
    world.run()
    calm(world)
    assert rules(world) == ["IPv4 tcp 9090 from 10.40.0.0/24"]
    assert world.message(GROUP).endswith("with 3 rules")


def service(port):
    spec = {"ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": port}], "selector": {"a": "b"}}
    meta = {"name": "shop", "namespace": NAMESPACE, "uid": "service"}
    yield {"apiVersion": "v1", "kind": SERVICES.kind, "metadata": meta, "spec": spec}
    pod = {"addresses": [f"10.40.0.{port % 100}"], "conditions": {"ready": True}}
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": SLICES.kind,
        "metadata": {**meta, "name": "shop-1", "uid": "slice", "labels": {SERVICE_NAME: "shop"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [pod],
    }


def test_members_that_follow_a_service_and_drain():
    source = {"serviceRef": {"name": "shop"}, "mode": "Endpoints", "drainSeconds": 60}
    world = web(*service(8080), members=..., membersFrom=source)
    assert rules(world) == [TCP_8080]
    world.apply_all(service(9090))
    world.run(seconds=30)
    assert world.object(SITE).status["draining"]
    assert rules(world) == [TCP_8080, "IPv4 tcp 9090 from 10.40.0.0/24"]
    world.run()
    assert rules(world) == ["IPv4 tcp 9090 from 10.40.0.0/24"]
    calm(world)


def test_a_monitor_that_comes_later_changes_and_goes():
    world = web()
    world.apply(MONITORED)
    world.run()
    assert rules(world) == ["IPv4 icmp 8-0 from 10.40.0.0/24", TCP_8080]
    calm(world)
    world.delete(CHECK)
    world.run()
    assert rules(world) == [TCP_8080]


def test_what_is_changed_behind_us_is_put_back():
    world = web()
    (ours,) = [each for each in world.table("security_group_rules") if each["remote_ip_prefix"]]
    world.others.security_group_rules.delete(ours["id"])
    world.clock.advance(600)
    world.resync()
    world.run()
    assert rules(world) == [TCP_8080]
    assert "DriftCorrected" in world.told(GROUP)


def test_one_that_is_there_already_is_used():
    world = Forest(network(), balancer(), group(memberRules=...))
    world.run()
    body = {"security_group_id": world.object(GROUP).status["id"], "direction": "ingress", "protocol": "tcp"}
    body |= {"ethertype": "IPv4", "port_range_min": 8080, "port_range_max": 8080, "remote_ip_prefix": "10.40.0.0/24"}
    world.apply(pool())
    world.run()
    foreign = world.others.security_group_rules.create(body)
    world.spec(GROUP, memberRules=[BY_POOL])
    world.run()
    calm(world)
    assert rules(world) == [TCP_8080]
    assert foreign["id"] in {each["id"] for each in world.table("security_group_rules")}


def test_a_member_that_cannot_be_resolved_takes_nothing_from_the_others():
    port = custom("Port", "one", {"networkRef": {"name": "web"}, "fixedIPs": [{"subnet": "web-v4"}]})
    there = {"portRef": {"name": "one"}, "port": 8080, "monitorPort": 9000}
    world = web(port, members=..., portMembers=[there])
    before = [TCP_8080, "IPv4 tcp 9000 from 10.40.0.0/24"]
    assert rules(world) == before
    world.spec(SITE, portMembers=[there, {"portRef": {"name": "two"}, "port": 7070}])
    world.run()
    world.resync()
    world.run()
    assert world.ready(SITE) == ("False", "WaitingForReference")
    assert rules(world) == before


# -- what goes


def two_pools(**spec):
    both = [BY_POOL, {"poolRef": {"name": "other"}}]
    other = pool("other", members=[member(12), member(12, 8443)], **spec)
    return placed(network(), balancer(), pool(), other, group(memberRules=both))


def test_two_pools_with_one_rule_do_not_fight_and_the_last_one_takes_it_away():
    world = two_pools()
    https = "IPv4 tcp 8443 from 10.40.0.0/24"
    assert rules(world) == [TCP_8080, https]
    calm(world)
    before = {each["id"] for each in world.table("security_group_rules")}
    world.spec(SITE, members=[member(11, 8443)])
    world.run()
    assert rules(world) == [TCP_8080, https]
    assert before == {each["id"] for each in world.table("security_group_rules")}
    world.spec(GROUP, memberRules=[BY_POOL])
    world.run()
    calm(world)
    assert rules(world) == [https]
    world.spec(GROUP, memberRules=[])
    world.run()
    assert rules(world) == []


# -- what is not to be touched


@pytest.mark.parametrize("what", ["paused", "dry_run"])
def test_a_pool_that_is_not_carried_out_changes_no_rule(what):
    world = web(members=[member(monitorPort=9000)])
    before = rules(world)
    assert before == [TCP_8080, "IPv4 tcp 9000 from 10.40.0.0/24"]
    world.annotate(SITE, **{what: "true"})
    world.spec(SITE, members=[member(monitorPort=9000), member(12, 9999)])
    world.run()
    world.resync()
    world.run()
    assert rules(world) == before
    world.annotate(SITE, **{what: ""})
    world.run()
    assert "IPv4 tcp 9999 from 10.40.0.0/24" in rules(world)


def test_a_dry_run_of_the_group_says_the_rules():
    world = web()
    world.annotate(GROUP, dry_run="true")
    world.spec(SITE, members=[member(), member(12, 9090)])
    world.run()
    assert world.message(GROUP, "Synced") == "would create rule ingress IPv4 tcp 9090 from 10.40.0.0/24"
    assert rules(world) == [TCP_8080]


def test_a_group_that_is_only_read_gets_no_rules_and_one_that_is_adopted_does():
    world = Forest(network(), balancer(), pool())
    theirs = world.others.security_groups.create({"name": "theirs"})
    read = group(managementPolicy="Unmanaged", **{"import": {"id": theirs["id"]}})
    world.apply(read)
    world.run()
    world.all_ready()
    assert rules(world, "theirs") == []
    world.spec(GROUP, managementPolicy=...)
    world.run()
    calm(world)
    assert rules(world, "theirs") == [TCP_8080]


def test_a_pool_that_is_only_read_is_let_in_by_what_it_shows():
    world = web()
    row = world.one("pools")
    world.apply(custom("Pool", "seen", {"import": {"id": row["id"]}, "managementPolicy": "Unmanaged"}))
    world.apply(group(memberRules=[{"poolRef": {"name": "seen"}}], name="more"))
    world.run()
    assert rules(world, "more") == [TCP_8080]


def test_a_subnet_by_its_id_counts_only_once_the_pool_may_name_it():
    """Else a namespace that is held to its own objects would learn the CIDR of another's subnet."""
    world = Forest(isolation=TenantIsolation(mode=Isolation.STRICT))
    net = world.others.networks.create({"name": "theirs"})
    theirs = world.others.subnets.create({"network_id": net["id"], "cidr": "10.99.0.0/24", "ip_version": 4})
    named = {"address": "10.99.0.9", "port": 8080, "subnetID": theirs["id"]}
    world.apply_all([network(), balancer(), pool(members=[named]), group()])
    world.run()
    assert world.ready(SITE) == ("False", "InvalidConfiguration")
    assert rules(world) == []


# -- bounds and refusals


def test_ports_in_a_row_are_one_rule_however_many():
    world = web(members=[member(11, 8000 + number) for number in range(256)])
    assert rules(world) == ["IPv4 tcp 8000-8255 from 10.40.0.0/24"]


def test_too_many_ports_leave_the_rules_as_they_are():
    world = web()
    world.fake.quotas.update(security_group_rules=-1)
    world.spec(SITE, members=[member(11, 8000 + 2 * number) for number in range(101)])
    world.run()
    assert world.ready(GROUP) == ("False", "InvalidConfiguration")
    assert world.progress(GROUP) == "Stalled"
    assert "the group would have 101 rules for them, and it takes 100" in world.message(GROUP)
    assert rules(world) == [TCP_8080]
    # What else the group has is followed.
    world.spec(GROUP, rules=[SSH])
    world.clock.advance(120)
    world.run()
    assert rules(world) == [TCP_22, TCP_8080]
    world.spec(GROUP, rules=[])
    world.run()
    assert rules(world) == [TCP_8080]
    assert world.progress(GROUP) == "Stalled"
    world.spec(SITE, members=[member(11, 8000 + 2 * number) for number in range(100)])
    world.clock.advance(120)
    world.run()
    calm(world)
    assert len(rules(world)) == 100


def test_a_quota_on_rules_is_told():
    world = web()
    world.fake.quotas.update(security_group_rules=len(world.table("security_group_rules")))
    world.clock.advance(120)
    world.spec(SITE, members=[member(), member(12, 9090)])
    world.run(seconds=60)
    assert world.ready(GROUP) == ("False", "QuotaExceeded")
    assert rules(world) == [TCP_8080]
    assert "1 security group rule needed, 7 of 7 used" in world.message(GROUP)
    world.fake.quotas.update(security_group_rules=-1)
    world.run()
    calm(world)


def test_a_rule_that_others_make_at_the_same_time_is_taken_for_the_one():
    world = web()
    body = {"security_group_id": world.object(GROUP).status["id"], "direction": "ingress", "protocol": "tcp"}
    body |= {"ethertype": "IPv4", "port_range_min": 9090, "port_range_max": 9090, "remote_ip_prefix": "10.40.0.0/24"}
    world.meanwhile("POST security_group_rules", lambda: world.others.security_group_rules.create(body))
    world.spec(SITE, members=[member(), member(12, 9090)])
    world.run()
    assert [type(each) for each in world.refused] == [ConflictError]
    world.all_ready()
    assert rules(world) == [TCP_8080, "IPv4 tcp 9090 from 10.40.0.0/24"]


# -- members that are not in the group


def port_at(world, host, **more):
    (v4,) = [each for each in world.table("subnets") if each["cidr"] == "10.40.0.0/24"]
    fixed = [{"subnet_id": v4["id"], "ip_address": host}]
    return world.others.ports.create({"network_id": v4["network_id"], "fixed_ips": fixed, **more})


def test_members_whose_ports_are_not_in_the_group_are_told():
    world = web(members=[member(), member(12), member(13)])
    port = port_at(world, "10.40.0.11", security_groups=[])
    port_at(world, "10.40.0.12", security_groups=[world.object(GROUP).status["id"]])
    world.clock.advance(600)
    world.resync()
    world.run()
    world.all_ready()
    said = world.message(GROUP, "Synced")
    assert f"10.40.0.11 of Pool site (port {port['id']})" in said
    assert "10.40.0.12" not in said
    assert "10.40.0.13" not in said, "what is no port of the project cannot be told"
    assert world.told(GROUP).count("MembersOutside") == 1
    # Another group that names the Pool will do.
    other = world.apply(group(name="other"))
    world.run()
    world.others.ports.update(port["id"], {"security_groups": [world.object(other).status["id"]]})
    world.clock.advance(600)
    world.resync()
    world.run()
    assert world.says(GROUP, "Synced") == ("True", "Available")
    assert world.message(GROUP, "Synced") == ""
    assert world.table("ports"), "nothing was done about any port"


def test_members_whose_ports_are_not_in_the_group_are_told_by_their_port_and_pool():
    world = web(members=[member(10 + number) for number in (1, 2)])
    network = next(each for each in world.objects("InfomaniakNetwork"))
    ref = {"networkRef": {"name": network.key.name}}
    for name, host in (("app-1", "10.40.0.11"), ("app-2", "10.40.0.12")):
        world.apply(custom("Port", name, {**ref, "securityGroupRefs": [], "fixedIPs": [{"address": host}]}))
    world.run()
    world.clock.advance(600)
    world.resync()
    world.run()
    world.all_ready()
    said = world.message(GROUP, "Synced")
    assert "10.40.0.11 of Pool site (Port app-1), 10.40.0.12 of Pool site (Port app-2)" in said


def row(host, *groups, **more):
    return {"id": f"p{host}", "fixed_ips": [{"ip_address": host}], "security_groups": list(groups), **more}


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ([row("10.0.0.1")], ["10.0.0.1 of Pool site (port p10.0.0.1)"]),
        ([row("10.0.0.1", "x", "g")], []),
        ([row("10.0.0.1", port_security_enabled=False)], []),
        ([row("10.0.0.1"), row("10.0.0.1", "g")], []),  # in two networks
        ([row("10.0.0.2")], []),
        ([row("2001:DB8::1")], ["2001:db8::1 of Pool site (port p2001:DB8::1)"]),
        ([{"id": "p"}, {"id": "q", "fixed_ips": [{}]}], []),
    ],
    ids=repr,
)
def test_who_is_outside(ports, told):
    addresses = ["10.0.0.1", "2001:db8::1"]
    assert outside("site", addresses, fronts(addresses, ports), ["g"]) == told
    named = {each["id"]: f"called-{each['id']}" for each in ports}
    assert outside("site", addresses, fronts(addresses, ports), ["g"], named) == [
        each.replace("(port ", "(Port called-") for each in told
    ]


# -- the arithmetic


def spot(port, protocol="tcp", family="IPv4", subnet=""):
    return Spot(subnet, family, protocol, port)


@pytest.mark.parametrize(
    ("spots", "wanted"),
    [
        ([], []),
        ([spot(1)], [("tcp", 1, 1)]),
        ([spot(3), spot(1), spot(2), spot(2)], [("tcp", 1, 3)]),
        ([spot(1), spot(3)], [("tcp", 1, 1), ("tcp", 3, 3)]),
        ([spot(1), spot(2, "udp")], [("tcp", 1, 1), ("udp", 2, 2)]),
        ([spot(1), spot(2, family="IPv6"), spot(2, subnet="s")], [("tcp", 1, 1), ("tcp", 2, 2), ("tcp", 2, 2)]),
        ([spot(65535), spot(65534)], [("tcp", 65534, 65535)]),
        ([spot(0, "icmp"), spot(1)], [("icmp", 0, 0), ("tcp", 1, 1)]),
    ],
)
def test_ports_in_a_row(spots, wanted):
    assert [(way["protocol"], way["low"], way["high"]) for way in in_a_row(spots)] == wanted


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0", "none", "", None, "10.0.0.0/33"])
def test_no_rule_lets_in_from_anywhere(cidr):
    access = {"vip": ["a"], "ways": in_a_row([spot(1)])}
    assert bodies(access, {"a": {"id": "a", "network_id": "n", "cidr": cidr, "ip_version": 4}}, "g") == []


def test_a_subnet_that_is_not_to_be_seen_adds_nothing():
    access = {"vip": ["a"], "ways": in_a_row([spot(1), spot(2, subnet="b")])}
    assert bodies(access, {}, "g") == []
    a = {"id": "a", "network_id": "n", "cidr": "10.0.0.0/24", "ip_version": 4}
    (body,) = bodies(access, {"a": a}, "g")
    assert body == {
        "security_group_id": "g",
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": "tcp",
        "port_range_min": 1,
        "port_range_max": 1,
        "remote_ip_prefix": "10.0.0.0/24",
    }
