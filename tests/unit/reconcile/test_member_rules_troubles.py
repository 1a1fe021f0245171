"""What troubles memberRules takes no rule away too early, and keeps none of the group's own rules waiting."""

import pytest

from infomaniak_operator.client import CloudConnectionError
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.neutron.group_rules import observed
from tests.support.let_in import (
    BY_POOL,
    GROUP,
    SSH,
    TCP_22,
    TCP_8080,
    TCP_9090,
    group,
    left_over,
    placed,
    rules,
    web,
)
from tests.support.trees import LB, SITE, balancer, calm, listener, member, monitor, network, policy, pool

AWAY = CloudConnectionError("the network is down")
OTHER = {"poolRef": {"name": "other"}}
LISTED = {**SSH, "portRange": {"min": 8080}, "remoteIPPrefix": "10.40.0.0/24", "description": "by hand"}


def other():
    return pool("other", members=[member(12, 9090)])


def later(world, seconds=600.0):
    """A resync after that time."""
    world.clock.advance(seconds)
    world.resync()
    world.run()


def removed(world):
    """The rules that are removed from now on."""
    went, perform = [], world.fake.perform

    def watched(method, collection, subject, act):
        if method == "DELETE" and collection == "security_group_rules":
            went.append(str(observed(world.fake.tables[collection][str(subject)])).removeprefix("ingress "))
        return perform(method, collection, subject, act)

    world.fake.perform = watched
    return went


# -- what goes too early


@pytest.mark.parametrize("call", ["LIST load_balancers", "LIST pools"])
@pytest.mark.parametrize("left", [[OTHER], []], ids=["another", "none"])
def test_a_list_that_fails_while_listeners_go_over_removes_no_rule(call, left):
    world = web(other())
    world.settles = None
    world.spec(LB, listeners=[listener(pool="other")])
    world.spec(GROUP, memberRules=left)
    world.run(seconds=30)
    assert TCP_8080 in rules(world)
    world.fail(call, AWAY, times=10**6)
    world.run(seconds=60)
    world.restart()
    world.run(seconds=60)
    assert TCP_8080 in rules(world)
    # Once it can be asked, and they have gone over, it goes.
    world.cloud.around = lambda _, act: act()
    world.settles = 1.0
    world.fake.settle()
    world.run()
    later(world)
    assert rules(world) == ([TCP_9090] if left else [])


def test_a_pool_that_is_taken_out_a_second_time_lingers_as_the_first_time():
    """The document of the load balancer comes a little later than that of the group."""
    world = web(other())
    for _ in range(2):
        world.spec(GROUP, memberRules=[BY_POOL, OTHER])
        world.run()
        world.spec(GROUP, memberRules=[OTHER])
        world.run(seconds=2)
        assert rules(world) == [TCP_8080, TCP_9090]
        world.run(seconds=300)
        assert rules(world) == [TCP_9090]


def test_a_rule_of_both_lists_is_not_made_anew_when_one_of_them_asks_for_it_no_more():
    world = web()
    world.spec(GROUP, rules=[LISTED])
    world.run()
    went = removed(world)
    world.spec(GROUP, memberRules=[])
    world.run()
    later(world)
    world.spec(GROUP, memberRules=...)
    world.run()
    calm(world)
    assert went == []
    world.spec(GROUP, rules=[])
    world.run()
    assert went == [TCP_8080]


def test_who_takes_a_group_over_without_either_list_leaves_its_rules_as_they_are():
    world = placed(network(), balancer(), pool(), group(rules=...))
    id_ = world.object(GROUP).status["id"]
    world.spec(GROUP, deletionPolicy="Retain")
    world.run()
    world.delete(GROUP)
    world.run()
    went = removed(world)
    world.apply(group(name="new", rules=..., memberRules=..., **{"import": {"id": id_}}))
    world.run()
    later(world)
    assert went == []
    # Who asks for memberRules has those of the former one, too.
    world.spec(Key("SecurityGroup", "shop", "new"), memberRules=[BY_POOL])
    world.run()
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    assert went == [TCP_8080]


# -- the group's own rules


def vanished(world):
    world.vanish(SITE)


def without_status(world):
    world.annotate(SITE, paused="true")
    world.poke(SITE, lambda body: (body.pop("status"), body["spec"].pop("members")))


@pytest.mark.parametrize("happens", [vanished, left_over, without_status])
def test_a_rule_is_written_by_hand_in_the_place_of_one_that_stays(happens):
    """It is there already, with another description: Neutron would refuse a second one, and all that comes with it."""
    world = web()
    happens(world)
    world.run()
    later(world)
    assert rules(world) == [TCP_8080]
    world.spec(GROUP, rules=[LISTED, SSH])
    world.run()
    assert rules(world) == [TCP_22, TCP_8080]
    assert world.ready(GROUP) == ("True", "Available")
    world.spec(GROUP, memberRules=[])
    world.run()
    later(world)
    assert rules(world) == [TCP_22, TCP_8080]


def test_a_rule_of_both_lists_and_too_many_ports():
    world = web()
    world.fake.quotas.update(security_group_rules=-1)
    world.spec(GROUP, rules=[LISTED])
    world.run()
    world.spec(SITE, members=[member(11, 8000 + 2 * number) for number in range(101)])
    world.spec(GROUP, rules=[LISTED, SSH])
    world.run()
    assert rules(world) == [TCP_22, TCP_8080]
    assert "it takes 100" in world.message(GROUP)


def test_where_there_is_no_room_for_those_of_members_the_others_are_made():
    world = web()
    world.fake.quotas.update(security_group_rules=len(world.table("security_group_rules")) + 1)
    world.spec(SITE, members=[member(11, 8000 + 2 * number) for number in range(50)])
    world.spec(GROUP, rules=[SSH])
    world.run()
    assert rules(world) == [TCP_22, TCP_8080]
    assert world.ready(GROUP)[1] == "QuotaExceeded"


@pytest.mark.parametrize("port", [0, -1, 65536, True, 10**30], ids=repr)
def test_a_port_in_a_status_that_is_none_opens_nothing_and_breaks_nothing(port):
    world = web()
    world.annotate(SITE, paused="true")
    world.poke(SITE, lambda body: body["status"]["members"][0].update(monitorPort=port))
    world.poke(SITE, lambda body: body["status"]["members"].append({"address": "10.40.0.12", "port": port}))
    world.spec(GROUP, rules=[SSH])
    world.run()
    assert rules(world) == [TCP_22, TCP_8080]


# -- what it costs, and what is told


def in_an_hour(world):
    """The reconciles of the group in an hour in which nothing happens, when what has happened is some time ago."""
    world.run()
    world.reconciles.clear()
    for _ in range(12):
        world.run(seconds=300)
    return world.reconciles[GROUP]


def test_a_monitor_of_others_is_told_and_asked_for_now_and_then():
    world = web(other())
    world.spec(GROUP, memberRules=[OTHER])
    world.run()
    (row,) = [each for each in world.table("pools") if each["name"] == "other"]
    body = {"pool_id": row["id"], "type": "PING", "delay": 5, "timeout": 3, "max_retries": 3}
    theirs = world.others.health_monitors.create(body)
    world.fake.settle()
    world.spec(Key("Pool", "shop", "other"), members=[member(12, 7070)])
    world.run()
    assert in_an_hour(world) <= 20
    assert TCP_9090 in rules(world)
    said = world.message(GROUP, "Synced")
    assert f"Pool other: the cloud has more than its status shows: health monitor {theirs['id']} of type PING" in said
    world.others.health_monitors.delete(theirs["id"])
    world.run()
    world.run()
    assert rules(world) == ["IPv4 tcp 7070 from 10.40.0.0/24"]
    assert world.message(GROUP, "Synced") == ""


def test_a_policy_that_cannot_go_over_is_told_and_asked_for_now_and_then():
    to_site = policy(action="REDIRECT_TO_POOL", poolRef={"name": "site"})
    world = web(other(), to_site)
    world.spec(LB, listeners=[listener(pool="other")])
    world.spec(Key("L7Policy", "shop", "api"), poolRef={"name": "missing"})
    world.spec(GROUP, memberRules=[OTHER])
    world.run()
    assert in_an_hour(world) <= 20
    assert rules(world) == [TCP_8080, TCP_9090]
    assert world.message(GROUP, "Synced") == (
        "Pool site is let in though spec.memberRules names it no more: listeners or L7Policies that are to have another "
        "pool still have this one"
    )


def test_what_is_under_way_is_not_told():
    world = web(monitor())
    world.told(GROUP)
    world.settles = 20.0
    world.spec(SITE, members=[member(11, 9090)])
    world.run()
    assert rules(world) == [TCP_9090]
    assert "MemberRulesKept" not in world.told(GROUP)
