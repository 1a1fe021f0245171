"""The project's quota: a plan that certainly passes it says so, with the counts, before anything is sent."""

from dataclasses import replace

import pytest

from infomaniak_operator.client import ForbiddenError, NotFoundError, QuotaExceededError, ServiceError
from sandbox.traits import PLAIN
from tests.support.fake_cloud import FakeCloud
from tests.support.forest import Forest
from tests.support.objects import custom, key_of
from tests.support.trees import LB, balancer, monitor, network, pool
from tests.support.world import World

NET = key_of(network())


def group(*ports, name="g"):
    rules = [{"direction": "ingress", "protocol": "tcp", "portRange": {"min": port, "max": port}} for port in ports]
    return custom("SecurityGroup", name, {"rules": rules})


def router(**spec):
    return custom("Router", "r", {"interfaces": [{"networkRef": {"name": "web"}}], **spec})


def limit(world, **quotas):
    """Set quotas; what was read before counts no more."""
    world.fake.quotas.update(quotas)
    world.clock.advance(61)


def short_of(world, key):
    """That it is told and nothing is begun; its message."""
    assert world.ready(key) == ("False", "QuotaExceeded")
    assert world.progress(key) == "Reconciling"
    assert world.says(key, "Synced") == ("False", "QuotaExceeded")
    return world.message(key)


def test_it_is_told_with_the_counts_and_nothing_is_sent():
    world = World()
    limit(world, networks=0)
    key = world.apply(network())
    world.reconcile(key)
    assert short_of(world, key) == (
        "the project's quota has no room for it: 1 network needed, 0 of 0 used. Nothing was sent, and it is tried again "
        "by itself: free something, or have the quota raised"
    )
    assert world.cloud.log
    assert not [call for call in world.cloud.log if call.writing]
    assert not world.object(key).finalizers
    assert world.told(key) == ["QuotaExceeded"]
    limit(world, networks=1)
    world.clock.advance(60)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_a_network_whose_subnets_have_no_room_is_not_begun():
    world = World()
    limit(world, subnets=1)
    key = world.apply(network("web", "more"))
    world.reconcile(key)
    assert "2 subnets needed, 0 of 1 used" in short_of(world, key)
    assert world.networks() == []


def test_a_further_subnet_without_room_waits_and_what_is_there_stays():
    world = Forest(network())
    world.run()
    limit(world, subnets=1)
    world.forget_calls()
    world.apply(network("web", "more"))
    world.run(100)
    assert "1 subnet needed, 1 of 1 used" in short_of(world, NET)
    assert world.changes() == []
    limit(world, subnets=2)
    world.run()
    world.all_ready()


def test_a_subnet_that_gives_way_to_another_makes_room():
    world = Forest(network())
    world.run()
    limit(world, subnets=1)
    spec = network()["spec"]
    world.spec(NET, subnets=[{**spec["subnets"][0], "name": "other", "cidr": "10.99.0.0/24"}])
    world.run(60)
    world.all_ready()


def test_the_ports_of_dhcp_are_counted_as_they_are_in_this_cloud():
    world = Forest(network(), fake=FakeCloud(traits=replace(PLAIN, dhcp_ports=2)))
    world.run()
    assert len(world.table("ports")) == 2
    limit(world, ports=5)
    key = world.apply(network("two", "three"))
    world.run(60)
    assert "4 ports needed, 4 of them for DHCP, 2 of 5 used" in short_of(world, key)
    world.apply(
        custom("InfomaniakNetwork", "two", {"subnets": [{"name": "a", "cidr": "10.9.0.0/24", "enableDHCP": False}]})
    )
    world.run()
    world.all_ready()


def test_where_nothing_shows_how_many_ports_dhcp_takes_none_are_counted():
    world = World()
    limit(world, ports=1)
    key = world.apply(network())
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_a_router_needs_a_port_for_each_interface():
    world = Forest(network())
    world.run()
    limit(world, ports=0)
    key = world.apply(router())
    world.run(60)
    assert "1 port needed, 0 of 0 used" in short_of(world, key)
    assert world.table("routers") == []
    limit(world, ports=1)
    world.run()
    world.all_ready()


def test_a_group_needs_its_rules_and_one_that_is_replaced_makes_room():
    world = Forest()
    limit(world, security_group_rules=3)
    key = world.apply(group(80, 443, 22, 25))
    world.run(60)
    assert "4 security group rules needed, 0 of 3 used" in short_of(world, key)
    assert [row["name"] for row in world.table("security_groups") if row["name"] == "g"] == []
    limit(world, security_group_rules=10)  # with those of the group default, and of each new one
    world.run()
    world.all_ready()


def test_a_load_balancer_needs_room_for_itself_and_a_port_and_no_port_is_made_in_vain():
    world = Forest(network(), balancer(), pool(), monitor())
    world.fake.quotas.update(load_balancers=0, ports=0)
    world.run(200)
    assert "1 load balancer needed, 0 of 0 used" in short_of(world, LB)
    assert "1 port needed, 0 of 0 used" in short_of(world, LB)
    assert world.table("ports") == []
    world.fake.quotas.update(load_balancers=1, ports=-1)
    world.run()
    world.all_ready()


@pytest.mark.parametrize(
    "error",
    [ForbiddenError("no", status=403), NotFoundError("no", status=404), ServiceError("no", status=503)],
    ids=["403", "404", "503"],
)
def test_a_quota_that_cannot_be_read_changes_nothing_and_is_not_asked_for_again_soon(error):
    world = Forest()
    limit(world, networks=0)
    asked = []

    def refuse(call):
        if str(call) == "GET quotas":
            asked.append(call)
            raise error

    world.cloud.watch = refuse
    key = world.apply(network())
    world.run(300)
    assert world.ready(key) == ("False", "QuotaExceeded")
    assert "Quota exceeded for resources" in world.message(key), "the cloud's own words"
    assert len(asked) == 1 if error.status != 503 else 2 <= len(asked) <= 6
    assert world.calls()["POST networks"] > 1


@pytest.mark.parametrize(
    "answer", [{}, {"network": None}, {"network": {"limit": "many"}}, {"network": {"limit": None}}]
)
def test_a_quota_that_says_nothing_changes_nothing(answer, monkeypatch):
    world = World()
    monkeypatch.setattr(world.fake.neutron, "usage", lambda _: answer)
    key = world.apply(network())
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_what_is_not_limited_is_not_counted():
    world = Forest(network(), balancer(), pool(), monitor())
    world.fake.quotas.update(dict.fromkeys(world.fake.quotas, -1))
    world.run()
    world.all_ready()
    assert world.told(LB).count("QuotaNearlyUsed") == 0


def test_it_is_read_once_for_all_that_is_made_within_a_minute():
    world = Forest()
    world.apply_all([network(f"n{number}") for number in range(8)])
    world.run()
    world.all_ready()
    assert world.calls()["GET quotas"] == 1
    world.forget_calls()
    world.resync()
    world.run()
    assert world.calls()["GET quotas"] == 0, "nothing is to be made"


def test_what_is_made_in_one_go_is_counted_without_another_look():
    world = Forest()
    limit(world, networks=3)
    keys = world.apply_all([network(f"n{number}") for number in range(5)])
    world.run(20)
    stands = [world.ready(key) for key in keys]
    assert stands.count(("True", "Available")) == 3
    assert stands.count(("False", "QuotaExceeded")) == 2
    assert world.calls()["POST networks"] == 3, "none was sent in vain"


def test_room_that_was_made_a_moment_ago_counts():
    world = Forest(network("one"))
    limit(world, networks=1)
    world.run()
    world.delete(key_of(network("one")))
    world.run(5)
    key = world.apply(network("two"))
    world.run(10)
    assert world.ready(key) == ("True", "Available")


def test_a_race_is_told_with_the_cloud_s_own_words():
    world = World()
    key = world.apply(network())
    world.fail("POST networks", QuotaExceededError("Quota exceeded for resources: ['network']", status=409))
    world.reconcile(key)
    assert world.ready(key) == ("False", "QuotaExceeded")
    assert "Quota exceeded for resources" in world.message(key)


def test_that_most_of_it_is_used_is_told_once():
    world = Forest()
    limit(world, networks=5)
    keys = world.apply_all([network(f"n{number}") for number in range(4)])
    world.run()
    world.all_ready()
    told = [event for key in keys for event in world.events.get(key, ()) if event.reason == "QuotaNearlyUsed"]
    assert [(each.warning, each.message) for each in told][-1:] == [
        (True, "with this 4 of 5 networks of the project's quota are used")
    ]
    assert len(told) == 1


def test_a_dry_run_says_that_there_is_no_room():
    world = World()
    limit(world, networks=0)
    body = network()
    body["metadata"]["annotations"] = {"network.infomaniak.cloud/dry-run": "true"}
    key = world.apply(body)
    world.reconcile(key)
    said = world.message(key, "Synced")
    assert said.startswith("would create network web")
    assert "1 network needed, 0 of 0 used" in said


def test_the_share_that_is_used_is_told_of_the_project_that_has_used_most():
    world = Forest()
    limit(world, networks=10)
    world.apply_all([network(f"n{number}") for number in range(3)])
    world.run()
    world.clock.advance(61)
    world.apply(network("last"))
    world.run()
    shares = world.clouds.quota_use()
    assert shares["network"] == 0.3
    assert set(shares) == {"network", "subnet", "port"}
