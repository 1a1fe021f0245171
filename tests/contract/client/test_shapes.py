"""What the real Neutron and Octavia answer is what the TypedDicts say: no attribute that they do not know, no other type.

Nor is it refused by the check of rows, which the operator's connections make.
"""

import uuid
from typing import Any

import pytest

from infomaniak_operator.client import kinds, resources
from infomaniak_operator.client.shapes import is_statistics, is_status_tree, shape_of
from tests.contract.client.conftest import Tree
from tests.support import fake_cloud_tables
from tests.support.shapes import misfits

OCTAVIA = {
    "load_balancers": kinds.LOAD_BALANCERS,
    "listeners": kinds.LISTENERS,
    "pools": kinds.POOLS,
    "health_monitors": kinds.HEALTH_MONITORS,
    "l7_policies": kinds.L7_POLICIES,
}


def checked(rows: list[Any], kind: kinds.ResourceKind[Any, Any]) -> None:
    assert rows, f"no {kind.many}: nothing was looked at"
    assert sorted({each for row in rows for each in misfits(row, kind.row, kind.one)}) == []
    assert sorted({each for row in rows for each in shape_of(kind).faults(row)}) == []


@pytest.fixture(scope="module")
def way(do, tree):
    """A router with a gateway, an interface and a route, and a floating IP bound through it."""
    (external,) = do.networks.list(name="ext-floating1", **{"router:external": True})
    name = f"shapes-{uuid.uuid4().hex[:8]}"
    router = do.routers.create({"name": name, "external_gateway_info": {"network_id": external["id"]}})
    interface = do.routers.add_interface(router["id"], subnet_id=tree.subnet)
    do.routers.update(router["id"], {"routes": [{"destination": "10.99.0.0/24", "nexthop": "10.77.0.77"}]})
    address = do.floating_ips.create({"floating_network_id": external["id"], "port_id": tree.port["id"]})
    many = do.floating_ips.create({"floating_network_id": external["id"]})
    inside = do.ports.create({"network_id": tree.port["network_id"]})
    spot = {"internal_port_id": inside["id"], "internal_ip_address": inside["fixed_ips"][0]["ip_address"]}
    forwarded = {"protocol": "tcp", "external_port": 80, "internal_port": 8080, **spot}
    made = do.port_forwardings.create(many["id"], forwarded)
    checked([made, *do.port_forwardings.list(many["id"])], kinds.PORT_FORWARDINGS)
    yield interface
    do.ports.delete(inside["id"])
    do.floating_ips.delete(many["id"])
    do.floating_ips.delete(address["id"])
    do.routers.update(router["id"], {"routes": []})
    do.routers.remove_interface(router["id"], subnet_id=tree.subnet)
    do.routers.delete(router["id"])


@pytest.mark.parametrize("name", fake_cloud_tables.KINDS)
def test_neutron(do, way, name):
    checked(getattr(do, name).list(), fake_cloud_tables.KINDS[name])


@pytest.mark.parametrize("name", OCTAVIA)
def test_octavia(do, tree: Tree, name):
    if name == "l7_policies":
        tree.active()
        body = {"listener_id": tree.listener, "action": "REDIRECT_PREFIX", "redirect_prefix": "https://a.example"}
        policy = do.l7_policies.create(body)
        tree.active()
        rule = do.l7_rules.create(policy["id"], {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/"})
        checked([rule, *do.l7_rules.list(policy["id"])], kinds.L7_RULES)
        tree.active()
    collection = getattr(do, name)
    rows = collection.list()
    checked([*rows, *(collection.get(row["id"]) for row in rows)], OCTAVIA[name])


def test_the_answer_to_the_create_of_a_tree(tree: Tree):
    assert list(misfits(tree.row, resources.LoadBalancer)) == []
    assert list(shape_of(kinds.LOAD_BALANCERS).faults(tree.row)) == []


def test_members_states_and_quotas(do, tree: Tree):
    tree.active()
    checked(do.members.list(tree.pool), kinds.MEMBERS)
    states = do.load_balancers.status_tree(tree.row["id"])
    assert list(misfits(states, resources.StatusTree)) == []
    assert is_status_tree(states)
    for counted in (do.load_balancers.statistics(tree.row["id"]), do.listeners.statistics(tree.listener)):
        assert list(misfits(counted, resources.Statistics)) == []
        assert is_statistics(counted)
    assert list(misfits(do.quotas.get(), resources.ProjectQuotas)) == []


def test_an_interface(way):
    assert list(misfits(way, resources.RouterInterface)) == []
