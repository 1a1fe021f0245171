"""What a SecurityGroup has for the members of Pools stays as long as the cloud may need it, and what is others' stays."""

import pytest

from infomaniak_operator.client import CloudConnectionError, ForbiddenError
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.generic.tenancy import Isolation, TenantIsolation
from infomaniak_operator.reconcile.neutron.group_rules import observed
from infomaniak_operator.reconcile.octavia import members
from infomaniak_operator.reconcile.octavia.member_access import MembersOfPools, checked_pool
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.forest import Forest
from tests.support.let_in import (
    BY_POOL,
    GROUP,
    PING,
    SSH,
    TCP_22,
    TCP_8080,
    TCP_9090,
    group,
    left_over,
    placed,
    rows,
    rules,
    tcp,
    web,
)
from tests.support.objects import custom
from tests.support.trees import CHECK, LB, SITE, balancer, calm, listener, member, monitor, network, policy, pool

OTHER = Key("Pool", "shop", "other")
REFUSED = ForbiddenError("Policy does not allow it", status=403)


def later(world, seconds=600.0):
    """A resync after that time."""
    world.clock.advance(seconds)
    world.resync()
    world.run()


def ports(world):
    """The ports that TCP is let in at."""
    return {
        port
        for each in rows(world)
        if each["direction"] == "ingress" and each["protocol"] == "tcp"
        for port in range(each["port_range_min"], each["port_range_max"] + 1)
    }


def removed_too_early(world):
    """Have a test fail where a rule goes that a member in the cloud still needs; returns what went."""
    went, perform = [], world.fake.perform

    def watched(method, collection, subject, act):
        going = world.fake.tables["security_group_rules"].get(str(subject)) if method == "DELETE" else None
        answer = perform(method, collection, subject, act)
        if method == "DELETE" and collection == "security_group_rules":
            assert going, subject
            went.append(going["port_range_min"])
            used = {each[port] for each in world.table("members") for port in ("protocol_port", "monitor_port")}
            assert used - {None} <= ports(world), f"{used} in the cloud, {ports(world)} let in"
        return answer

    world.fake.perform = watched
    return went


# -- what is no longer asked for, and there


def slow(world):
    """The load balancer of that world is done with a change only when the test says so."""
    world.settles = None


def done(world):
    """It is done, and with all that follows."""
    world.settles = 1.0
    world.fake.settle()
    world.run()


def test_a_port_that_members_leave_is_let_in_until_they_have():
    world = web()
    went = removed_too_early(world)
    slow(world)
    world.spec(SITE, members=[member(11, 9090)])
    world.run(seconds=20)
    assert rules(world) == [TCP_8080, TCP_9090]
    done(world)
    calm(world)
    assert rules(world) == [TCP_9090]
    assert went == [8080]


def test_a_port_where_members_are_checked_is_let_in_until_they_are_not():
    world = web(monitor(), members=[member(monitorPort=9000)])
    slow(world)
    world.spec(SITE, members=[member(monitorPort=9001)])
    world.run(seconds=20)
    assert {8080, 9000, 9001} <= ports(world)
    done(world)
    calm(world)
    assert ports(world) == {8080, 9001}


def test_what_was_sent_counts_though_a_newer_wish_has_come_and_no_status_shows_it():
    world = web()
    went = removed_too_early(world)
    slow(world)
    world.spec(SITE, members=[member(11, 9090)])
    world.run(seconds=20)
    world.spec(SITE, members=[member(11, 7070)])
    world.run(seconds=20)
    assert {TCP_8080, TCP_9090, "IPv4 tcp 7070 from 10.40.0.0/24"} <= set(rules(world))
    done(world)
    world.run()
    calm(world)
    assert rules(world) == ["IPv4 tcp 7070 from 10.40.0.0/24"]
    assert sorted(went) == [8080, 9090]


def test_a_check_that_goes_is_let_in_until_it_is_gone():
    world = web(monitor(type="PING"))
    assert rules(world) == [PING, TCP_8080]
    slow(world)
    world.delete(CHECK)
    world.run(seconds=20)
    assert world.table("health_monitors")
    assert rules(world) == [PING, TCP_8080]
    done(world)
    calm(world)
    assert rules(world) == [TCP_8080]


def test_a_pool_that_another_one_replaces_is_let_in_until_it_is_gone():
    """It serves at its own ports until the listeners have gone over."""
    world = web()
    went = removed_too_early(world)
    world.spec(SITE, protocol="PROXY", members=[member(11, 9090)])
    both = False
    for _ in range(400):
        world.some(1)
        there = {each["protocol"] for each in world.table("pools")}
        both = both or len(world.table("pools")) > 1
        if "HTTP" in there:
            assert TCP_8080 in rules(world)
    assert both, "for a time there are two"
    world.run()
    assert rules(world) == [TCP_9090]
    assert went == [8080]
    calm(world)


def test_listeners_go_over_to_another_pool_and_the_group_with_them():
    other = pool("other", members=[member(12, 9090)])
    world = web(other)
    slow(world)
    world.spec(LB, listeners=[listener(pool="other")])
    world.spec(GROUP, memberRules=[{"poolRef": {"name": "other"}}])
    world.run(seconds=30)
    assert rules(world) == [TCP_8080, TCP_9090]
    done(world)
    calm(world)
    assert rules(world) == [TCP_9090]


def test_a_pool_that_goes_with_its_place_in_the_group_is_let_in_until_it_is_gone():
    other = pool("other", members=[member(12, 9090)])
    world = web(other)
    went = removed_too_early(world)
    slow(world)
    world.spec(LB, listeners=[listener(pool="other")])
    world.delete(SITE)
    world.spec(GROUP, memberRules=[{"poolRef": {"name": "other"}}])
    world.run(seconds=30)
    assert rules(world) == [TCP_8080, TCP_9090]
    done(world)
    calm(world)
    assert world.get(SITE) is None
    assert rules(world) == [TCP_9090]
    assert went == [8080]


def test_a_policy_goes_over_to_another_pool_and_the_group_with_it():
    to_site = policy(action="REDIRECT_TO_POOL", poolRef={"name": "site"})
    both = [BY_POOL, {"poolRef": {"name": "other"}}]
    objects = [balancer(listeners=[listener(pool="other")]), pool(), pool("other", members=[member(12, 9090)]), to_site]
    world = placed(network(), *objects, group(memberRules=both))
    slow(world)
    world.spec(Key("L7Policy", "shop", "api"), poolRef={"name": "other"})
    world.spec(GROUP, memberRules=[both[1]])
    world.run(seconds=30)
    assert rules(world) == [TCP_8080, TCP_9090]
    done(world)
    calm(world)
    assert rules(world) == [TCP_9090]


def test_the_group_may_be_applied_before_the_load_balancer():
    """Of one file the documents come one after the other."""
    other = pool("other", members=[member(12, 9090)])
    world = web(other)
    world.spec(GROUP, memberRules=[{"poolRef": {"name": "other"}}])
    world.run(seconds=2)
    assert rules(world) == [TCP_8080, TCP_9090]
    slow(world)
    world.spec(LB, listeners=[listener(pool="other")])
    world.run(seconds=30)
    assert rules(world) == [TCP_8080, TCP_9090]
    done(world)
    calm(world)
    assert rules(world) == [TCP_9090]


def test_a_pool_that_is_taken_out_and_serves_on_is_let_in_no_more():
    """Who takes it out wants that."""
    world = web()
    world.spec(GROUP, memberRules=[])
    world.run()
    assert rules(world) == []
    calm(world)
    world.spec(GROUP, memberRules=[BY_POOL])
    world.run()
    assert rules(world) == [TCP_8080]
    world.spec(GROUP, memberRules=...)
    world.run()
    calm(world)
    assert rules(world) == []


# -- what the spec says and the cloud does not do


@pytest.mark.parametrize("how", ["paused", "dry_run"])
def test_what_is_in_force_is_let_in_whatever_a_spec_says_that_is_not_followed(how):
    world = placed(network(), balancer(), pool(members=[member(monitorPort=9000)]), monitor(type="PING"))
    for key in (SITE, CHECK):
        world.annotate(key, **{how: "true"})
    world.spec(SITE, protocol="UDP", members=[member(12, 7070, monitorPort=7071)])
    world.spec(CHECK, type="SCTP")
    world.run()
    world.apply(group())
    world.run()
    assert rules(world) == [PING, TCP_8080, "IPv4 tcp 9000 from 10.40.0.0/24"]


def test_what_is_in_force_is_let_in_beside_what_was_refused():
    world = placed(network(), balancer(), pool())
    world.spec(SITE, protocol="UDP")
    world.run()
    assert world.ready(SITE) == ("False", "InvalidConfiguration")
    world.apply(group())
    world.run()
    assert TCP_8080 in rules(world)


def test_the_driver_is_known_by_status_too():
    world = web()
    world.poke(LB, lambda body: body["status"].update(provider="ovn"))
    world.spec(SITE, members=[member(11, 9090)])
    world.run(seconds=60)
    assert "remoteIPPrefix" in world.message(GROUP, "ReferencesResolved")
    assert rules(world) == [TCP_8080], "what is there stays"


def test_an_imported_monitor_without_a_type_is_known_by_its_status():
    world = placed(network(), balancer(), pool())
    (row,) = world.table("pools")
    theirs = world.others.health_monitors.create(
        {"pool_id": row["id"], "type": "PING", "delay": 5, "timeout": 3, "max_retries": 3}
    )
    world.fake.settle()
    spec = {"poolRef": {"name": "site"}, "import": {"id": theirs["id"]}, "managementPolicy": "Unmanaged"}
    world.apply_all([group(), custom("HealthMonitor", "site", spec)])
    world.run()
    assert rules(world) == [PING, TCP_8080]
    # A version before this one did not write it.
    world.annotate(CHECK, paused="true")
    world.poke(CHECK, lambda body: body["status"].pop("type"))
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    assert rules(world) == [PING, TCP_8080, TCP_9090]


# -- what cannot be told


def status_lost(world):
    world.annotate(SITE, paused="true")
    world.poke(SITE, lambda body: body.pop("status"))


def check_left_over(world):
    world.spec(CHECK, deletionPolicy="Retain")
    world.run()
    world.delete(CHECK)


def read_only(world):
    world.spec(SITE, managementPolicy="Unmanaged", **{"import": {"id": world.object(SITE).status["id"]}})


def balancer_left_over(world):
    world.spec(LB, deletionPolicy="Retain")
    world.run()
    world.delete(LB)


CANNOT_BE_TOLD = [
    status_lost,
    left_over,
    check_left_over,
    read_only,
    balancer_left_over,
    lambda world: world.vanish(SITE),
    lambda world: world.vanish(LB),
    lambda world: world.vanish(CHECK),
]


@pytest.mark.parametrize("happens", CANNOT_BE_TOLD, ids=lambda each: each.__name__)
def test_what_cannot_be_told_removes_no_rule_and_says_so(happens):
    """The spec of the group changes meanwhile, and another Pool's members come and go."""
    world = web(monitor(type="PING"), pool("other", members=[member(12, 9090)]))
    assert rules(world) == [PING, TCP_8080]
    happens(world)
    world.run()
    later(world)
    assert rules(world) == [PING, TCP_8080]
    world.spec(GROUP, rules=[SSH], memberRules=[BY_POOL, {"poolRef": {"name": "other"}}])
    world.run()
    later(world)
    added = {TCP_9090} if world.get(LB) and not world.object(LB).deleting else set()
    assert set(rules(world)) == {PING, TCP_8080, TCP_22} | added
    world.spec(GROUP, rules=[])
    world.run()
    assert set(rules(world)) == {PING, TCP_8080} | added
    # Taken out, the rules go.
    world.spec(GROUP, memberRules=[])
    world.run()
    assert rules(world) == []
    assert world.ready(GROUP) == ("True", "Available")


def changed(world, key):
    """Its spec changes, as a generation tells."""
    world.poke(key, lambda body: body["metadata"].update(generation=body["metadata"]["generation"] + 1))


def held(key, how):
    def happens(world):
        world.annotate(key, **{how: "true"})
        changed(world, key)

    happens.__name__ = f"{key.kind} {how}"
    return happens


def fewer_listed(world):
    world.poke(SITE, lambda body: body["status"].update(memberCount=2))


def without_protocol(world):
    world.poke(SITE, lambda body: body["status"].pop("protocol"))


def without_type(world):
    world.poke(CHECK, lambda body: body["status"].pop("type"))


def refused(world):
    def stalled(body):
        (ready,) = [each for each in body["status"]["conditions"] if each["type"] == "Ready"]
        ready.update(status="False", reason="InvalidConfiguration")

    world.poke(SITE, stalled)


def only_read(world):
    world.poke(SITE, lambda body: body["spec"].update(managementPolicy="Unmanaged"))


def going(key, policy):
    def happens(world):
        world.poke(key, lambda body: body["spec"].update(deletionPolicy=policy))
        world.delete(key)

    happens.__name__ = f"{key.kind} goes, {policy}"
    return happens


UNTOLD = {
    held(SITE, "paused"): "is paused",
    held(SITE, "dry_run"): "is in a dry run",
    held(CHECK, "paused"): "is paused",
    fewer_listed: "its status lists 1 of 2 members",
    without_protocol: "",
    without_type: "does not say its type",
    refused: "is not Ready (InvalidConfiguration)",
    only_read: "it is only read (managementPolicy: Unmanaged)",
    going(SITE, "Retain"): "its pool stays (deletionPolicy: Retain)",
    going(SITE, "Delete"): "",
    going(CHECK, "Retain"): "stays (deletionPolicy: Retain)",
    going(LB, "Delete"): "",
    (lambda world: world.vanish(LB)): "its LoadBalancer is not there",
    (lambda world: changed(world, SITE)): "",
    (lambda world: changed(world, CHECK)): "",
}


@pytest.mark.parametrize(("happens", "why"), UNTOLD.items(), ids=lambda each: getattr(each, "__name__", None))
def test_what_statuses_do_not_tell(happens, why):
    world = web(monitor(type="PING"))
    known = MembersOfPools()
    assert "untold" not in known.reached(world.object(SITE), world).access
    happens(world)
    said = known.reached(world.object(SITE), world).access["untold"]
    assert (why in said) if why else not said


def test_a_pool_that_others_change_is_only_ever_let_in_more():
    world = web()
    (row,) = world.table("pools")
    spec = {"import": {"id": row["id"]}, "managementPolicy": "Unmanaged", "loadBalancerRef": {"name": "web"}}
    world.apply_all([custom("Pool", "seen", spec), group(name="more", memberRules=[{"poolRef": {"name": "seen"}}])])
    world.run()
    assert rules(world, "more") == [TCP_8080]
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    later(world)
    assert rules(world) == [TCP_9090]
    assert rules(world, "more") == [TCP_8080, TCP_9090]
    more = Key("SecurityGroup", "shop", "more")
    assert "Pool seen: it is only read" in world.message(more, "Synced")
    world.spec(more, memberRules=[])
    world.run()
    assert rules(world, "more") == []


def test_what_stays_is_told_with_what_to_do():
    world = web()
    world.vanish(SITE)
    world.run()
    later(world)
    assert world.ready(GROUP) == ("True", "Available")
    assert world.told(GROUP).count("MemberRulesKept") == 1
    assert world.message(GROUP, "Synced") == (
        "1 rule for members of Pools that may not need them any more stay, for it cannot be told: Pool site: it is not "
        "there. They go once it can, or once the Pool is taken out of spec.memberRules"
    )
    assert "Pool site, which is not there yet" in world.message(GROUP, "ReferencesResolved")


def test_after_an_outage_of_statuses_what_is_too_much_goes():
    world = web()
    status_lost(world)
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    later(world)
    assert TCP_8080 in rules(world)
    world.annotate(SITE, paused="")
    world.run()
    assert rules(world) == [TCP_9090]
    calm(world)


@pytest.mark.parametrize("call", ["LIST pools", "LIST health_monitors", "LIST subnets"])
@pytest.mark.parametrize("error", [REFUSED, CloudConnectionError("the network is down")], ids=["refused", "away"])
def test_a_list_that_fails_removes_no_rule_and_keeps_none_of_the_others_waiting(call, error):
    world = web()
    world.settles = None  # the group alone goes on
    world.annotate(SITE, paused="true")
    world.poke(SITE, lambda body: body["status"].update(members=[]))
    world.poke(SITE, lambda body: body["status"].update(memberCount=0))
    world.spec(GROUP, rules=[SSH])
    world.poke(SITE, lambda body: body["spec"].update(members=[]))
    world.clock.advance(600)
    world.fail(call, error, times=99)
    world.reconcile(GROUP)
    world.reconcile(GROUP)
    assert rules(world) == [TCP_22, TCP_8080]


def test_where_ports_cannot_be_listed_only_the_warning_is_lost():
    world = web()
    world.clock.advance(600)
    world.fail("LIST ports", REFUSED, times=10**6)
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    assert rules(world) == [TCP_9090]
    world.reconcile(GROUP)
    assert str(world.cloud.log[-1]) == "LIST ports"
    assert world.ready(GROUP) == ("True", "Available")


# -- whose a rule is


def test_where_rules_are_absent_those_of_others_stay_and_those_for_members_come_and_go():
    world = placed(network(), balancer(), pool(), group(rules=..., memberRules=...))
    group_id = world.object(GROUP).status["id"]
    theirs = world.others.security_group_rules.create(tcp(443, group_id, "192.0.2.0/24"))
    egress = [each["id"] for each in rows(world) if each["direction"] == "egress"]
    world.others.security_group_rules.delete(egress[0])
    world.spec(GROUP, memberRules=[BY_POOL])
    world.run()
    https = "IPv4 tcp 443 from 192.0.2.0/24"
    assert rules(world) == [https, TCP_8080]
    calm(world)
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    assert rules(world) == [https, TCP_9090]
    world.spec(GROUP, memberRules=...)
    world.run()
    calm(world)
    assert rules(world) == [https]
    assert theirs["id"] in {each["id"] for each in rows(world)}
    assert [each["id"] for each in rows(world) if each["direction"] == "egress"] == egress[1:]


def test_one_like_it_that_others_have_made_is_used_and_stays():
    world = placed(network(), balancer(), pool(), group(rules=..., memberRules=...))
    theirs = world.others.security_group_rules.create(tcp(8080, world.object(GROUP).status["id"]))
    world.spec(GROUP, memberRules=[BY_POOL])
    world.run()
    calm(world)
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    assert rules(world) == [TCP_8080, TCP_9090]
    world.spec(GROUP, memberRules=[])
    world.run()
    assert rules(world) == [TCP_8080]
    assert theirs["id"] in {each["id"] for each in rows(world)}


def test_after_a_loss_of_status_a_rule_is_known_by_its_mark():
    world = placed(network(), balancer(), pool(), group(rules=...))
    mine = [each for each in rows(world) if Mark.parse(each["description"])]
    assert [str(observed(each)) for each in mine] == [f"ingress {TCP_8080}"]
    world.poke(GROUP, lambda body: body.pop("status"))
    world.restart()
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    later(world)
    assert rules(world) == [TCP_9090]


def test_a_copy_of_a_mark_on_another_rule_is_no_reason_to_remove_it():
    world = placed(network(), balancer(), pool(), group(rules=...))
    (mark,) = [each["description"] for each in rows(world) if each["direction"] == "ingress"]
    copy = world.others.security_group_rules.create({**tcp(443, world.object(GROUP).status["id"]), "description": mark})
    later(world)
    assert copy["id"] in {each["id"] for each in rows(world)}


def test_the_mark_of_another_group_that_lives_is_no_reason_to_remove_a_rule():
    world = placed(network(), balancer(), pool(), group(rules=...), group(name="other", rules=...))
    (mark,) = [each["description"] for each in rows(world, "other") if each["direction"] == "ingress"]
    world.spec(GROUP, memberRules=...)
    world.run()
    theirs = world.others.security_group_rules.create(
        {**tcp(8080, world.object(GROUP).status["id"]), "description": mark}
    )
    later(world)
    assert theirs["id"] in {each["id"] for each in rows(world)}


def test_how_a_rule_is_named_in_marks_and_records_does_not_change():
    world = placed(network(), balancer(), pool(), monitor(type="PING"), group())
    assert [each for each in world.object(GROUP).status["appliedFields"] if "." in each] == [
        f"memberRules[site].ingress {PING}",
        f"memberRules[site].ingress {TCP_8080}",
    ]
    for each in rows(world):
        if each["direction"] == "ingress":
            assert each["description"] == world.mark(GROUP, f"memberRules/{observed(each)}").text


def test_a_description_is_for_people_and_a_rule_that_is_there_keeps_its_own():
    world = placed(network(), balancer(), pool(), group(memberRules=[{**BY_POOL, "description": "the shop"}]))
    (row,) = [each for each in rows(world) if each["direction"] == "ingress"]
    assert row["description"].startswith("the shop [ik2.")
    world.spec(GROUP, memberRules=[BY_POOL])
    world.run()
    calm(world)
    assert row["id"] in {each["id"] for each in rows(world)}


LISTED = {**SSH, "portRange": {"min": 8080}, "remoteIPPrefix": "10.40.0.0/24", "description": "by hand"}


@pytest.mark.parametrize("first", ["rules", "memberRules"])
def test_a_rule_that_both_lists_ask_for_is_one_and_stays_while_either_does(first):
    world = placed(
        network(),
        balancer(),
        pool(),
        group(rules=[LISTED], memberRules=[]) if first == "rules" else group(),
    )
    (row,) = [each for each in rows(world) if each["direction"] == "ingress"]
    world.spec(GROUP, rules=[LISTED], memberRules=[BY_POOL])
    world.run()
    calm(world)
    assert [each["id"] for each in rows(world) if each["direction"] == "ingress"] == [row["id"]]
    world.spec(GROUP, **({"rules": []} if first == "rules" else {"memberRules": []}))
    world.run()
    calm(world)
    assert rules(world) == [TCP_8080]
    world.spec(GROUP, rules=[], memberRules=[])
    world.run()
    assert rules(world) == []


def test_a_rule_of_the_list_that_members_need_stays_though_the_pool_cannot_be_told():
    world = placed(network(), balancer(), pool(), group(LISTED))
    world.vanish(SITE)
    world.spec(GROUP, rules=[])
    world.run()
    later(world)
    assert rules(world) == [TCP_8080]


def test_what_others_add_to_a_list_goes_though_a_pool_cannot_be_told():
    world = web()
    world.others.security_group_rules.create(tcp(443, world.object(GROUP).status["id"]))
    world.vanish(SITE)
    world.run()
    later(world)
    assert rules(world) == [TCP_8080]


def test_a_group_without_a_list_of_rules_goes_with_those_for_members():
    world = placed(network(), balancer(), pool(), group(rules=...))
    world.delete(GROUP)
    world.run()
    assert world.get(GROUP) is None
    assert [each["name"] for each in world.table("security_groups") if each["name"] == "web"] == []


# -- other tenants


@pytest.mark.parametrize("apart", [True, False])
def test_what_is_told_of_ports_outside_stays_within_the_namespace(apart):
    mode = Isolation.STRICT if apart else Isolation.NONE
    port = {"networkRef": {"name": "web"}, "fixedIPs": [{"subnet": "web-v4", "address": "10.40.0.12"}]}
    both = pool(members=[member(11), member(12)])
    mine = custom("Port", "mine", {**port, "securityGroupRefs": []})
    world = Forest(network(), balancer(), both, group(), mine, isolation=TenantIsolation(mode=mode))
    world.run()
    v4 = next(each for each in world.table("subnets") if each["cidr"] == "10.40.0.0/24")
    fixed = [{"subnet_id": v4["id"], "ip_address": "10.40.0.11"}]
    theirs = world.others.ports.create({"network_id": v4["network_id"], "fixed_ips": fixed, "security_groups": []})
    later(world)
    said = world.message(GROUP, "Synced")
    assert "10.40.0.12" in said
    assert (theirs["id"] in said) is not apart


# -- what it costs


def test_members_are_compared_as_sets(monkeypatch):
    ports = [
        custom("Port", f"p{number}", {"networkRef": {"name": "web"}, "fixedIPs": [{"subnet": "web-v4"}]})
        for number in range(120)
    ]
    follows = [{"portRef": {"name": f"p{number}"}, "port": 8080} for number in range(120)]
    world = Forest(network(), balancer(), *ports)
    world.run()
    world.apply_all([pool(members=..., portMembers=follows), group()])
    world.run()
    looks, identity = [0], members.identity

    def counted(member):
        looks[0] += 1
        return identity(member)

    monkeypatch.setattr(members, "identity", counted)
    world.reconcilers["SecurityGroup"].inputs_hash(world.object(GROUP), world)
    assert 0 < looks[0] <= 5 * 120


@pytest.mark.parametrize(
    "spec",
    [
        None,
        [],
        "x",
        7,
        {},
        {"poolRef": None},
        {"poolRef": []},
        {"poolRef": "site"},
        {"poolRef": {}},
        {"poolRef": {"name": None}},
        {"poolRef": {"name": 7}},
        {"poolRef": {"name": ["site"]}},
        {"poolRef": {"name": ""}},
    ],
    ids=repr,
)
def test_a_monitor_that_cannot_be_read_stands_for_nothing(spec):
    body = {"metadata": {"name": "x", "namespace": "shop"}, "kind": "HealthMonitor", "spec": spec}
    assert checked_pool(KubeObject.of(body)) is None
    del body["spec"]
    assert checked_pool(KubeObject.of(body)) is None
