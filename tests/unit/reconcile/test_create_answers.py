"""What a create has made is compared with the spec before ``Synced`` is said: a field that the service let fall, too.

For every field of every kind: the service ignores it in the request of the create. ``Synced`` must not be True before
the cloud is as the spec says, the object must get there, and nobody is told of drift.
"""

import copy
from dataclasses import replace

import pytest

from infomaniak_operator.reconcile.generic.fields import Field
from infomaniak_operator.reconcile.neutron import network, security_group, subnets
from infomaniak_operator.reconcile.neutron import router as routers
from infomaniak_operator.reconcile.octavia import health_monitor, listeners, load_balancer, members, pool
from infomaniak_operator.reconcile.ownership.marks import user_text
from tests.support import trees
from tests.support.forest import Forest
from tests.support.objects import custom, subnet
from tests.support.objects import network as net
from tests.support.world import World

EXTERNAL = {"networkName": "ext-floating1"}
DESCRIPTION = Field("description", "description", normal=lambda value: user_text(value) or None)
ADMIN = {"adminStateUp": False}
POLICY = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"

VALUES = {
    "networks": {
        **ADMIN,
        "mtu": 1400,
        "portSecurityEnabled": False,
        "dnsDomain": "a.example.",
        "description": "d",
        "qosPolicyID": POLICY,
    },
    "subnets": {
        "gateway": "10.1.0.9",
        "enableDHCP": False,
        "dnsNameservers": ["9.9.9.9"],
        "allocationPools": [],
        "hostRoutes": [{"destination": "10.9.0.0/24", "nexthop": "10.1.0.2"}],
    },
    "security_groups": {"stateful": False, "description": "d"},
    "routers": {**ADMIN, "description": "d"},
    "floating_ips": {"description": "d"},
    "load_balancers": {**ADMIN, "description": "d"},
    "listeners": {
        **ADMIN,
        "description": "d",
        "allowedCIDRs": ["10.0.0.0/8"],
        "connectionLimit": 7,
        "insertHeaders": ["X-Forwarded-For"],
        "timeouts.clientData": 1,
        "timeouts.memberConnect": 2,
        "timeouts.memberData": 3,
        "timeouts.tcpInspect": 4,
        "tls.sniBarbicanContainers": ["https://keys/2"],
        "tls.versions": ["TLSv1.3"],
        "tls.ciphers": "TLS_AES_256_GCM_SHA384",
        "tls.clientAuthentication.mode": "OPTIONAL",
        "tls.clientAuthentication.caBarbicanSecret": "https://keys/3",
        "tls.clientAuthentication.crlBarbicanSecret": "https://keys/4",
    },
    "pools": {
        **ADMIN,
        "sessionPersistence": {"type": "SOURCE_IP"},
        "description": "d",
        "tls.caBarbicanSecret": "https://keys/3",
        "tls.crlBarbicanSecret": "https://keys/4",
        "tls.barbicanContainer": "https://keys/1",
        "tls.versions": ["TLSv1.3"],
        "tls.ciphers": "TLS_AES_256_GCM_SHA384",
        "tls.alpnProtocols": ["h2"],
    },
    "members": {
        **ADMIN,
        "name": "m",
        "weight": 7,
        "backup": True,
        "monitorAddress": "10.40.0.12",
        "monitorPort": 81,
    },
    "health_monitors": {
        **ADMIN,
        "maxRetriesDown": 5,
        "httpMethod": "HEAD",
        "urlPath": "/up",
        "expectedCodes": "204",
        "httpVersion": "1.1",
        "domainName": "a.example",
    },
}
TABLES = {
    "networks": (*network.FIELDS, DESCRIPTION),
    "subnets": subnets.FIELDS,  # without its mark, which is in the description, a subnet would not be ours
    "security_groups": (*security_group.FIELDS, DESCRIPTION),
    "routers": (*routers.FIELDS, DESCRIPTION),
    "floating_ips": (DESCRIPTION,),
    "load_balancers": load_balancer.FIELDS,
    "listeners": listeners.FIELDS,
    "pools": (*pool.FIELDS, *(replace(each, spec=f"tls.{each.spec}") for each in pool.TLS_FIELDS)),
    "members": members.FIELDS,
    "health_monitors": health_monitor.FIELDS,
}
NEEDED = {"delay", "timeout", "maxRetries", "algorithm"}
"""What Octavia refuses to make anything without."""
NEEDED_THERE = {("listeners", "tls.barbicanContainer")}
"""The same of what is left out elsewhere."""
RIGHTS = {"shared"}
"""What takes an administrator's rights."""
CASES = [
    (collection, field)
    for collection, table in TABLES.items()
    for field in table
    if field.mutable and field.spec not in NEEDED | RIGHTS and (collection, field.spec) not in NEEDED_THERE
]


def test_every_field_has_a_case():
    for collection, table in TABLES.items():
        named = {field.spec for field in table if field.mutable} - NEEDED - RIGHTS
        named -= {name for of, name in NEEDED_THERE if of == collection}
        assert named == set(VALUES[collection]), collection


def spec_of(collection, field):
    value = VALUES[collection][field.spec]
    block, _, name = field.spec.partition(".")
    found = {block: {name: value}} if name else {field.spec: value}
    if block == "tls" and collection == "listeners":
        clients, _, inner = name.partition(".")
        trusted = {"mode": "NONE", "caBarbicanSecret": "https://keys/3"}
        own = {clients: {**trusted, inner: value} if inner else value}
        found = {"protocol": "TERMINATED_HTTPS", "tls": {"barbicanContainer": "https://keys/1", **own}}
    elif block == "tls":
        found = {"tls": {"caBarbicanSecret": "https://keys/3", name: value}}
    if field.spec == "domainName":
        found["httpVersion"] = "1.1"
    return found


def world_of(collection, more):
    """The world with the object that has the field, its key, and the kinds that may say Synced."""
    if collection in ("networks", "subnets"):
        items = {"subnets": [subnet("v4", "10.1.0.0/24", **(more if collection == "subnets" else {}))]}
        world = World()
        world.fake.neutron.qos_policies = {POLICY}
        return world, net(**items, **(more if collection == "networks" else {}))
    if collection == "security_groups":
        return World(), custom("SecurityGroup", "web", {"rules": [], **more})
    if collection == "routers":
        return World(), custom("Router", "edge", more)
    if collection == "floating_ips":
        return World(), custom("FloatingIP", "public", {"externalNetwork": EXTERNAL, **more})
    return Forest(trees.network()), None


def tree_of(collection, more):
    bodies = {
        "load_balancers": trees.balancer(**(more if collection == "load_balancers" else {})),
        "pools": trees.pool(**(more if collection == "pools" else {})),
        "health_monitors": trees.monitor(**(more if collection == "health_monitors" else {})),
    }
    if collection == "listeners":
        bodies["load_balancers"] = trees.balancer(listeners=[{**trees.listener(), **more}])
    if collection == "members":
        bodies["pools"] = trees.pool(members=[trees.member(**more)])
    return list(bodies.values())


def without(collection, bodies, api):
    """The bodies of a create, a whole tree's too, without a field of what is in that collection."""
    found = copy.deepcopy(bodies)
    for body in found:
        parts = {"load_balancers": [body], "pools": list(body.get("pools") or ())}
        parts["listeners"] = list(body.get("listeners") or ())
        parts["members"] = [each for one in parts["pools"] for each in one.get("members") or ()]
        parts["health_monitors"] = [one["healthmonitor"] for one in parts["pools"] if one.get("healthmonitor")]
        for part in parts[collection]:
            part.pop(api, None)
    return found


def deaf(world, collection, api):
    """Have the service let a field fall in every create."""
    neutron, octavia = world.fake.neutron.create, world.fake.octavia.create

    def create_neutron(project, name, bodies):
        if name == collection:
            bodies = [{k: v for k, v in body.items() if k != api} for body in bodies]
        return neutron(project, name, bodies)

    def create_octavia(project, name, bodies):
        if name == collection:
            bodies = [{k: v for k, v in body.items() if k != api} for body in bodies]
        elif name == "load_balancers":
            bodies = without(collection, bodies, api)
        return octavia(project, name, bodies)

    world.fake.neutron.create, world.fake.octavia.create = create_neutron, create_octavia


def the_one(world, collection):
    if collection == "members":
        (site,) = world.others.pools.list()
        rows = world.others.members.list(site["id"])
    elif collection == "networks":
        rows = world.networks()
    elif collection == "security_groups":
        rows = [row for row in world.others.security_groups.list() if row["name"] != "default"]
    else:
        rows = getattr(world.others, collection).list()
    return rows[0] if rows else None


OF = {"subnets": "InfomaniakNetwork", "listeners": "LoadBalancer", "members": "Pool"}
OF |= {"networks": "InfomaniakNetwork", "security_groups": "SecurityGroup", "routers": "Router"}
OF |= {"floating_ips": "FloatingIP", "load_balancers": "LoadBalancer", "pools": "Pool"}
OF |= {"health_monitors": "HealthMonitor"}


def watched(world, kind, is_right):
    """Have every status that says Synced held against the cloud."""

    def on_kube(what, act):
        done = act()
        for each in world.objects(kind):
            if (each.condition("Synced") or {}).get("status") == "True":
                assert is_right(), f"{each.key} says Synced, and the cloud is otherwise"
        return done

    world.on_kube = on_kube


def finish(world, bodies):
    if isinstance(world, Forest):
        world.apply_all(bodies)
        world.run()
        world.all_ready()
        return
    for body in bodies:
        key = world.apply(body)
        world.settle(key)
        assert world.ready(key) == ("True", "Available")


@pytest.mark.parametrize(("collection", "field"), CASES, ids=lambda each: getattr(each, "spec", each))
def test_a_field_that_a_create_lets_fall_is_set_before_synced_is_said(collection, field):
    more = spec_of(collection, field)
    world, body = world_of(collection, more)
    bodies = [body] if body else tree_of(collection, more)
    if body is None:
        world.run()
    deaf(world, collection, field.api)
    wanted = field.normal(field.to_api(VALUES[collection][field.spec]))

    def is_right():
        row = the_one(world, collection)
        return row is not None and field.normal(row.get(field.api)) == wanted

    watched(world, OF[collection], is_right)
    finish(world, bodies)
    assert is_right()
    told = [event.reason for events in world.events.values() for event in events]
    assert "DriftCorrected" not in told


def rule_right(world):
    (group,) = [row for row in world.others.security_groups.list() if row["name"] != "default"]
    return [
        (rule["protocol"], rule["description"])
        for rule in group["security_group_rules"]
        if rule["direction"] == "ingress"
    ] == [("tcp", "why")]


@pytest.mark.parametrize("api", ["protocol", "description"])
def test_a_rule_that_is_made_otherwise_than_asked_for_is_not_called_synced(api):
    world = World()
    neutron, left = world.fake.neutron.create, [1]

    def create(project, name, bodies):
        if name == "security_group_rules" and left[0]:
            left[0] -= 1
            bodies = [{k: v for k, v in body.items() if k != api} for body in bodies]
        return neutron(project, name, bodies)

    world.fake.neutron.create = create
    watched(world, "SecurityGroup", lambda: rule_right(world))
    rule = {"direction": "ingress", "protocol": "tcp", "description": "why"}
    finish(world, [custom("SecurityGroup", "web", {"rules": [rule]})])
    assert rule_right(world)


def test_a_gateway_and_an_association_that_a_create_lets_fall():
    world = World()
    neutron = world.fake.neutron.create

    def create(project, name, bodies):
        fallen = {"routers": "external_gateway_info", "floating_ips": "port_id"}.get(name)
        return neutron(project, name, [{k: v for k, v in body.items() if k != fallen} for body in bodies])

    world.fake.neutron.create = create
    watched(world, "Router", lambda: bool(the_one(world, "routers")["external_gateway_info"]))
    finish(
        world,
        [
            net(subnets=[subnet()]),
            custom("Router", "edge", {"externalGateway": EXTERNAL, "interfaces": [{"networkRef": {"name": "front"}}]}),
        ],
    )
    port = world.others.ports.create({"network_id": world.network()["id"], "name": "a"})["id"]
    watched(world, "FloatingIP", lambda: the_one(world, "floating_ips")["port_id"] == port)
    finish(world, [custom("FloatingIP", "public", {"externalNetwork": EXTERNAL, "portID": port})])


def test_a_field_that_the_cloud_never_takes_is_said_and_not_asked_for_in_haste():
    world = World()
    neutron = world.fake.neutron.update

    def update(project, name, row, body, if_revision):
        return neutron(project, name, row, {k: v for k, v in body.items() if k != "mtu"}, if_revision)

    world.fake.neutron.update = update
    deaf(world, "networks", "mtu")
    key = world.apply(net(mtu=1400))
    result = world.reconcile(key)
    assert world.says(key, "Synced") == ("False", "Updating")
    assert "mtu" in world.message(key, "Synced")
    assert world.ready(key)[0] == "False"
    assert type(result.next).__name__ == "Retry"
    assert world.cloud.writes() == ["POST networks", "PUT networks"]


def test_a_new_object_with_all_that_it_asked_for_costs_no_further_call():
    world = World()
    key = world.apply(net(subnets=[subnet()], mtu=1400, description="d"))
    world.settle(key)
    assert world.cloud.take() == ["LIST networks", "GET quotas", "POST networks", "POST subnets"]
