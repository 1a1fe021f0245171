"""A VIP in a network of others, where the project may make no port: Octavia makes it, and nothing of it is left."""

import pytest

from infomaniak_operator.client import ServiceError
from sandbox.traits import INFOMANIAK
from tests.support.fake_cloud import FakeCloud
from tests.support.forest import Forest
from tests.support.objects import custom, key_of

KEY = key_of(custom("LoadBalancer", "web", {}))
HTTP = {"name": "http", "protocol": "HTTP", "port": 80, "defaultPoolRef": {"name": "site"}}
POOL = {"loadBalancerRef": {"name": "web"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}
READ = {"managementPolicy": "Unmanaged", "import": {"filter": {"name": "ext-floating1", "external": True}}}


def ports(world):
    """Those that Octavia made for the project; those of amphorae are another project's."""
    return [row for row in world.table("ports") if (row["device_owner"], row["project_id"]) == ("Octavia", "alpha")]


def balancer(world, **spec):
    return custom("LoadBalancer", "web", {"vip": {"networkID": world.fake.external_network_id}, **spec})


def applied(world, **spec):
    members = [{"address": "10.40.0.11", "port": 8080}]
    world.apply_all([balancer(world, listeners=[HTTP], **spec), custom("Pool", "site", {**POOL, "members": members})])
    world.run()
    return world


def test_octavia_makes_the_port_and_the_tree_follows_and_all_of_it_goes():
    world = applied(Forest())
    world.all_ready()
    (port,) = ports(world)
    status = world.object(KEY).status
    assert (status["vipPortID"], status["vipAddress"]) == (port["id"], port["fixed_ips"][0]["ip_address"])
    assert world.one("listeners")["default_pool_id"] == world.one("pools")["id"]
    assert "vip.port" not in status["appliedFields"]
    sent = [body for method, name, body in world.fake.calls if (method, name) == ("POST", "load_balancers")]
    assert [(body["listeners"], body["pools"]) for body in sent] == [([], [])]
    world.forget_calls()
    world.clock.advance(600)
    world.resync()
    world.run()
    assert world.changes() == []
    for each in world.all_keys():
        world.delete(each)
    world.run()
    assert (world.all_keys(), world.table("load_balancers"), world.table("ports")) == ([], [], [])


def test_by_reference_where_the_external_network_shows_no_subnet():
    world = Forest(fake=FakeCloud(traits=INFOMANIAK))
    world.apply(custom("InfomaniakNetwork", "internet", READ))
    world.apply(custom("LoadBalancer", "web", {"vip": {"networkRef": {"name": "internet"}}}))
    world.run()
    world.all_ready()
    assert len(ports(world)) == 1


def test_an_address_that_the_spec_names_and_a_network_of_the_project_s_own():
    world = Forest()
    subnet = next(row for row in world.table("subnets") if row["network_id"] == world.fake.external_network_id)
    wanted = subnet["cidr"].rsplit(".", 1)[0] + ".77"
    vip = {"networkID": world.fake.external_network_id, "address": wanted}
    world.apply(custom("LoadBalancer", "web", {"vip": vip}))
    world.run()
    world.all_ready()
    assert world.one("load_balancers")["vip_address"] == wanted


@pytest.mark.parametrize("after", [True, False])
def test_a_create_whose_answer_is_lost_is_made_once(after):
    world = Forest()
    world.fail("POST load_balancers", ServiceError("reset", outcome_unknown=True), after=after)
    applied(world)
    world.all_ready()
    assert (len(world.table("load_balancers")), len(ports(world))) == (1, 1)


def test_a_refused_certificate_leaves_no_port():
    world = Forest()
    world.fake.unreadable.add("https://barbican/v1/containers/1")
    tls = {"barbicanContainer": "https://barbican/v1/containers/1"}
    world.apply(balancer(world, listeners=[{"name": "s", "protocol": "TERMINATED_HTTPS", "port": 443, "tls": tls}]))
    world.run(100)
    assert world.ready(KEY)[0] == "False"
    world.delete(KEY)
    world.run()
    assert (world.get(KEY), world.table("ports")) == (None, [])


def test_one_in_error_is_not_made_again_for_its_address_would_be_another():
    world = applied(Forest(), recovery={"policy": "Recreate"})
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.clock.advance(600)
    world.resync()
    world.run(200)
    assert "spec.recovery does not apply" in world.message(KEY)
    assert len(world.table("load_balancers")) == 1


def test_retained_it_stays_as_it_is():
    world = applied(Forest(), deletionPolicy="Retain")
    (port,) = ports(world)
    world.delete(KEY)
    world.run()
    assert world.get(KEY) is None
    assert ports(world) == [port]
