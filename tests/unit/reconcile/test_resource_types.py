"""The types of objects in the cloud: each leads to its collection, and the tables of fields name what it has."""

import re

import pytest

from infomaniak_operator.client import Operations, kinds
from infomaniak_operator.reconcile.neutron import network, router, security_group, subnets
from infomaniak_operator.reconcile.octavia import health_monitor, listeners, load_balancer, members, pool
from infomaniak_operator.reconcile.openstack import resource_types
from infomaniak_operator.reconcile.reconcilers import actuators

TYPES = {name: each for name, each in vars(resource_types).items() if isinstance(each, resource_types.ResourceType)}
TABLES = {
    "networks": (network.FIELDS, kinds.NETWORKS),
    "subnets": (subnets.FIELDS, kinds.SUBNETS),
    "routers": (router.FIELDS, kinds.ROUTERS),
    "security groups": (security_group.FIELDS, kinds.SECURITY_GROUPS),
    "load balancers": (load_balancer.FIELDS, kinds.LOAD_BALANCERS),
    "listeners": (listeners.FIELDS, kinds.LISTENERS),
    "pools": (pool.FIELDS, kinds.POOLS),
    "TLS of pools": (pool.TLS_FIELDS, kinds.POOLS),
    "members": (members.FIELDS, kinds.MEMBERS),
    "health monitors": (health_monitor.FIELDS, kinds.HEALTH_MONITORS),
}


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_type_leads_to_the_collection_of_its_name(name):
    do, each = Operations(session=None), TYPES[name]
    assert each.name == name.lower()
    assert each.of(do) is getattr(do, each.name)
    assert each.of(do)._rest.kind is each.kind is getattr(kinds, name)


@pytest.mark.parametrize("actuator", actuators(), ids=lambda one: one.kind)
def test_a_kind_has_a_type(actuator):
    assert actuator.collection in TYPES.values()
    words = re.sub("([a-z])([A-Z])", r"\1_\2", actuator.kind.removeprefix("Infomaniak")).lower()
    assert actuator.collection.name in (f"{words}s", "floating_ips", "l7_policies")


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_of_fields_names_attributes_that_there_are(table):
    fields, kind = TABLES[table]
    assert {field.api for field in fields} - kind.attributes == set()


def test_a_body_of_another_type_is_refused():
    assert resource_types.PORTS.body({"fixed_ips": []}) == {"fixed_ips": []}
    with pytest.raises(ValueError, match="a port has no attribute 'vip_address'"):
        resource_types.PORTS.body({"vip_address": "10.0.0.1"})
