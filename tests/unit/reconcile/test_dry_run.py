"""A dry run of every state of every kind: nothing changes, in the cloud or in Kubernetes, and the plan can be read."""

import copy

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, Key
from infomaniak_operator.reconcile.generic.plan import Plan
from infomaniak_operator.reconcile.neutron import network, router, security_group
from infomaniak_operator.reconcile.octavia import health_monitor, load_balancer, pool
from infomaniak_operator.reconcile.ownership.create_guard import Creates, Sent
from infomaniak_operator.reconcile.ownership.marks import Owner, described
from infomaniak_operator.reconcile.reconcilers import actuators
from tests.support.forest import Forest
from tests.support.objects import KUBE_SYSTEM, NAMESPACE, custom, uid_of
from tests.support.trees import policy, web
from tests.support.world import World

KINDS = {
    Key("InfomaniakNetwork", NAMESPACE, "web"): "networks",
    Key("Router", NAMESPACE, "web"): "routers",
    Key("SecurityGroup", NAMESPACE, "web-servers"): "security_groups",
    Key("Port", NAMESPACE, "web"): "ports",
    Key("FloatingIP", NAMESPACE, "web"): "floating_ips",
    Key("LoadBalancer", NAMESPACE, "web"): "load_balancers",
    Key("Pool", NAMESPACE, "site"): "pools",
    Key("HealthMonitor", NAMESPACE, "site"): "health_monitors",
    Key("L7Policy", NAMESPACE, "api"): "l7policies",
}
NET, ROUTER, GROUP, PORT, ADDRESS, LB, POOL, CHECK, ROUTE = KINDS
NEUTRON = (NET, ROUTER, GROUP, PORT, ADDRESS)
TREE = (LB, POOL, CHECK, ROUTE)
MORE = {
    NET: {"tags": ["a"]},
    ROUTER: {"description": "the way out", "routes": [{"destination": "10.9.0.0/24", "nexthop": "10.40.0.9"}]},
    GROUP: {"description": "the shop's"},
    PORT: {"description": "the shop's", "tags": ["a"], "securityGroupRefs": [{"name": "web-servers"}]},
    ADDRESS: {"description": "the shop's", "tags": ["a"]},
    LB: {"recovery": {"policy": "Recreate"}, "tags": ["a"], "adminStateUp": True},
    POOL: {"tags": ["a"], "description": "the site"},
    CHECK: {"tags": ["a"]},
    ROUTE: {"tags": ["a"]},
}


def objects(**annotations):
    """Those of ``examples/web``, with a field or two more, a Port and an L7Policy."""
    found = [*web(), custom("Port", PORT.name, {"networkRef": {"name": NET.name}}), policy(ROUTE.name)]
    for body in found:
        key = Key(body["kind"], NAMESPACE, body["metadata"]["name"])
        body["spec"] |= copy.deepcopy(MORE.get(key, {}))
        if annotations:
            body["metadata"]["annotations"] = {f"network.infomaniak.cloud/{k}": v for k, v in annotations.items()}
    return found


@pytest.fixture
def world():
    """An office in which everything is Ready."""
    world = Forest(*objects())
    world.run()
    world.all_ready()
    world.clock.advance(60)
    return world


def row_of(world, key):
    """The row that an object stands for, as it is in the cloud's own tables."""
    return world.fake.tables[KINDS[key]][world.object(key).status["id"]]


def quiet(world):
    """Everything asks for a dry run from now on; what is there, and what Kubernetes has, before it is looked at."""
    for key in world.all_keys():
        world.annotate(key, dry_run="true")
    world.forget_calls()
    for key in world.all_keys():
        world.told(key)
    return copy.deepcopy(world.fake.tables), {key: kept(world, key) for key in world.all_keys()}


def kept(world, key):
    """What a dry run leaves as it is of an object."""
    found = world.object(key)
    status = {name: value for name, value in found.status.items() if name not in ("conditions", "observedGeneration")}
    return found.finalizers, found.deleting, {name: status.get(name) for name in ("id", "appliedFields", "vipPortID")}


def look(world, seconds=1500):
    """Reconcile everything for a good while, over resyncs and a restart of the operator."""
    world.run(seconds)
    world.resync()
    world.run(seconds)
    world.restart()
    world.resync()
    world.run(seconds)


def nothing_changed(world, before):
    cloud, kubernetes = before
    assert world.fake.changes() == []
    assert world.fake.tables == cloud
    assert {key: kept(world, key) for key in world.all_keys()} == kubernetes


def says_what(world, key, *words):
    assert world.says(key, "Synced") == ("False", "DryRun"), world.object(key).status
    text = world.message(key, "Synced")
    assert text.startswith("would ")
    for word in words:
        assert word in text, text
    assert world.told(key).count("DryRun") >= 1


# ── the states ──


def gone(world, key):
    """Somebody deleted it in the cloud."""
    row = row_of(world, key)
    del world.fake.tables[KINDS[key]][row["id"]]


def marks_lost(world, key):
    row = row_of(world, key)
    row.update({"description": "by hand"} if key in NEUTRON else {"tags": ["by-hand"]})


def previous(world, key):
    """It carries the mark of a former object of the name, and may be taken over."""
    mark = Owner(KUBE_SYSTEM, key.kind, key.namespace, key.name, uid_of(key.kind, key.namespace, key.name, 7)).mark()
    row_of(world, key).update({"description": described("x", mark)} if key in NEUTRON else {"tags": ["a", mark.text]})
    world.annotate(key, adopt_previous="true")


def unmanaged(world, key):
    world.spec(key, managementPolicy="Unmanaged", **{"import": {"id": world.object(key).status["id"]}})


def deleted(world, key):
    world.delete(key)


def retained(world, key):
    world.spec(key, deletionPolicy="Retain")
    world.delete(key)


def unmanaged_and_deleted(world, key):
    unmanaged(world, key)
    world.delete(key)


def gone_and_deleted(world, key):
    gone(world, key)
    world.delete(key)


def double(world, key):
    """A double that the operator knows it made: a create whose answer it never got."""
    row = row_of(world, key)
    twin = {**copy.deepcopy(row), "id": "0" * 8 + row["id"][8:], "created_at": "2027-01-15T10:00:00Z"}
    twin |= {name: empty for name, empty in (("routes", []), ("members", []), ("listeners", [])) if name in twin}
    twin |= {name: None for name in ("port_id", "healthmonitor_id", "external_gateway_info") if name in twin}
    world.fake.tables[KINDS[key]][twin["id"]] = twin
    world.memory(key).of(Creates).remember(Sent("", {"name": row.get("name")}, 0.0, 9e9))


def copied(world, key):
    """Somebody made another with its description and tags."""
    row = row_of(world, key)
    twin = {**copy.deepcopy(row), "id": "0" * 8 + row["id"][8:]}
    world.fake.tables[KINDS[key]][twin["id"]] = twin


def waiting(world, key):
    """What it refers to is not there."""
    fields = {
        "Router": {"interfaces": [{"networkRef": {"name": "nowhere"}}]},
        "FloatingIP": {"loadBalancerRef": {"name": "nowhere"}},
        "LoadBalancer": {"vip": {"networkRef": {"name": "nowhere"}}},
        "Pool": {"loadBalancerRef": {"name": "nowhere"}},
        "HealthMonitor": {"poolRef": {"name": "nowhere"}},
        "L7Policy": {"loadBalancerRef": {"name": "nowhere"}},
    }
    world.spec(key, **fields.get(key.kind, {"cloudCredentialsRef": {"secretName": "nowhere"}}))


def renamed(world, key):
    world.spec(key, **({"name": "other"} if key != ADDRESS else {"description": "other"}))


def status_lost(world, key):
    """Status has forgotten what there is: it is found by its mark."""
    world.poke(key, lambda body: body.update(status={"observedGeneration": -1}))
    world.restart()


PLANNED = {
    "gone": gone,
    "marks lost": marks_lost,
    "previous owner": previous,
    "unmanaged": unmanaged,
    "deleted": deleted,
    "retained": retained,
    "unmanaged and deleted": unmanaged_and_deleted,
    "gone and deleted": gone_and_deleted,
    "renamed": renamed,
    "status lost": status_lost,
}
QUIET = {"copied": copied, "waiting": waiting, "in sync": lambda *_: None}


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind)
@pytest.mark.parametrize("state", PLANNED)
def test_what_there_is_to_do_is_only_said(world, key, state):
    PLANNED[state](world, key)
    before = quiet(world)
    look(world)
    nothing_changed(world, before)
    if (key, state) == (ADDRESS, "gone"):  # an address that is lost is not made again
        assert world.ready(key) == ("False", "ExternallyDeleted")
    else:
        says_what(world, key)
        assert state != "gone" or world.ready(key) == ("False", "DryRun")


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind)
@pytest.mark.parametrize("state", QUIET)
def test_where_there_is_nothing_to_do_nothing_is_done(world, key, state):
    QUIET[state](world, key)
    before = quiet(world)
    look(world)
    nothing_changed(world, before)


@pytest.mark.parametrize("key", [NET, ROUTER, GROUP, ADDRESS, POOL], ids=lambda key: key.kind)
def test_a_double_is_only_named(world, key):
    double(world, key)
    before = quiet(world)
    world.resync()
    world.run(1500)
    nothing_changed(world, before)
    says_what(world, key, "delete", "00000000", "double")


def test_of_new_ones_nothing_is_begun():
    world = Forest(*objects(**{"dry-run": "true"}))
    look(world)
    assert world.fake.changes() == []
    assert world.finalizers_added == {}
    for key in world.all_keys():
        assert world.object(key).finalizers == ()
        assert not {"id", "vipPortID", "projectID"} & set(world.object(key).status), key
    says_what(world, NET, "create network web")
    says_what(world, GROUP, "create security group")


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind)
def test_of_a_new_one_among_others_nothing_is_begun(world, key):
    (body,) = [each for each in objects() if (each["kind"], each["metadata"]["name"]) == (key.kind, key.name)]
    body = copy.deepcopy(body)
    body["metadata"]["name"] = "more"
    body["metadata"]["uid"] = uid_of(key.kind, NAMESPACE, "more")
    before = quiet(world)
    body["metadata"]["annotations"] = {"network.infomaniak.cloud/dry-run": "true"}
    more = world.apply(body)
    world.forget_calls()
    look(world)
    assert world.fake.changes() == []
    assert world.fake.tables == before[0]
    assert world.object(more).finalizers == ()
    assert "id" not in world.object(more).status
    if key != CHECK:  # the pool has one, and another is refused
        says_what(world, more, "create")


# ── drift ──

FIELDS = {
    NET: (*network.FIELDS,),
    ROUTER: router.FIELDS,
    GROUP: security_group.FIELDS,
    LB: load_balancer.FIELDS,
    POOL: pool.FIELDS,
    CHECK: health_monitor.FIELDS,
}
VALUES = {
    NET: {"adminStateUp": True, "mtu": 1400, "portSecurityEnabled": True, "shared": False, "dnsDomain": "a.example.",
          "qosPolicyID": "1b4e28ba-2fa1-41d2-883f-0016d3cca427"},
    ROUTER: {"adminStateUp": True},
    GROUP: {"stateful": True},
    LB: {"adminStateUp": True, "description": "d"},
    POOL: {"algorithm": "ROUND_ROBIN", "sessionPersistence": {"type": "SOURCE_IP"}, "adminStateUp": True,
           "description": "d"},
    CHECK: {"delay": 5, "timeout": 3, "maxRetries": 3, "maxRetriesDown": 3, "httpMethod": "GET", "urlPath": "/",
            "expectedCodes": "200", "httpVersion": "1.1", "domainName": "a.example", "adminStateUp": True},
}  # fmt: skip


def another(value):
    """Some other value of its sort."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case list():
            return []
        case None:
            return "x"
        case dict():
            return {"type": "HTTP_COOKIE"}
        case _:
            return f"not {value}"


def test_the_values_name_every_field_that_can_drift():
    for key, table in FIELDS.items():
        assert {field.spec for field in table if field.mutable} == set(VALUES[key])


DRIFTS = [(key, field) for key, table in FIELDS.items() for field in table if field.mutable]


@pytest.mark.parametrize(("key", "field"), DRIFTS, ids=lambda each: getattr(each, "kind", getattr(each, "spec", "")))
def test_drift_in_a_field_is_only_said(world, key, field):
    value = VALUES[key][field.spec]
    world.spec(key, **{field.spec: value})
    row = row_of(world, key)
    row[field.api] = 1.0 if field.spec == "httpVersion" else another(row.get(field.api))
    before = quiet(world)
    world.resync()
    world.run(300)
    nothing_changed(world, before)
    says_what(world, key, field.spec)


SUBNET = {"name": "web-v4", "cidr": "10.40.0.0/24", "dnsNameservers": ["9.9.9.9"]}


def listener_row(world):
    return next(row for row in world.table("listeners") if row["name"] == "http")


def spec_listeners(world, change):
    items = copy.deepcopy(world.object(LB).spec["listeners"])
    change(items)
    world.spec(LB, listeners=items)


def first(world, collection, change):
    change(world.table(collection)[0])


CHILDREN = {
    "subnet to create": (NET, lambda w: w.spec(NET, subnets=[SUBNET, {"name": "b", "cidr": "10.41.0.0/24"}])),
    "subnet to delete": (NET, lambda w: w.spec(NET, subnets=[])),
    "subnet to replace": (NET, lambda w: w.spec(NET, subnets=[{**SUBNET, "cidr": "10.42.0.0/24"}])),
    "subnet drifted": (NET, lambda w: first(w, "subnets", lambda row: w.fake.tables["subnets"][
        w.object(NET).status["subnets"][0]["id"]].update(dns_nameservers=[]))),
    "subnet's mark lost": (NET, lambda w: w.fake.tables["subnets"][
        w.object(NET).status["subnets"][0]["id"]].update(description="")),
    "tags": (NET, lambda w: w.spec(NET, tags=["b"])),
    "interface to remove": (ROUTER, lambda w: w.spec(ROUTER, interfaces=[], routes=[])),
    "gateway to clear": (ROUTER, lambda w: w.spec(ROUTER, externalGateway=...)),
    "route to add": (ROUTER, lambda w: w.spec(ROUTER, routes=[])),
    "rules to replace": (GROUP, lambda w: w.spec(GROUP, rules=[])),
    "rule gone": (GROUP, lambda w: w.fake.tables["security_group_rules"].clear()),
    "address to free": (ADDRESS, lambda w: w.spec(ADDRESS, loadBalancerRef=...)),
    "address moved": (ADDRESS, lambda w: row_of(w, ADDRESS).update(port_id=None, fixed_ip_address=None)),
    "listener to create": (LB, lambda w: spec_listeners(w, lambda items: items.append(
        {"name": "more", "protocol": "TCP", "port": 99}))),
    "listener to delete": (LB, lambda w: spec_listeners(w, lambda items: items.pop())),
    "listener to replace": (LB, lambda w: spec_listeners(w, lambda items: items[0].update(port=81))),
    "listener drifted": (LB, lambda w: listener_row(w).update(insert_headers={})),
    "listener's mark lost": (LB, lambda w: listener_row(w).update(tags=[])),
    "redirect to create": (LB, lambda w: spec_listeners(w, lambda items: items[0].update(
        redirectToHTTPS={"host": "a.example"}) or items[0].pop("defaultPoolRef"))),
    "load balancer in ERROR": (LB, lambda w: row_of(w, LB).update(provisioning_status="ERROR")),
    "pool to retire": (POOL, lambda w: w.spec(POOL, protocol="PROXY")),
    "members to change": (POOL, lambda w: w.spec(POOL, members=[])),
    "members gone": (POOL, lambda w: w.fake.tables["members"].clear()),
    "monitor to replace": (CHECK, lambda w: w.spec(CHECK, type="TCP", urlPath=..., expectedCodes=...)),
}  # fmt: skip


@pytest.mark.parametrize("state", CHILDREN)
def test_what_is_under_it_is_only_named(world, state):
    key, change = CHILDREN[state]
    change(world)
    before = quiet(world)
    look(world)
    nothing_changed(world, before)
    says_what(world, key)


def test_a_load_balancer_in_error_is_recovered_once_the_dry_run_is_over(world):
    row_of(world, LB)["provisioning_status"] = "ERROR"
    old = world.object(LB).status["id"]
    before = quiet(world)
    look(world)
    nothing_changed(world, before)
    says_what(world, LB, old, "ERROR", "make it again")
    for key in world.all_keys():
        world.annotate(key, dry_run="")
    world.run()
    world.resync()
    world.run()
    world.all_ready()
    assert world.object(LB).status["id"] != old


@pytest.mark.parametrize("status", ["ERROR", "PENDING_UPDATE"])
@pytest.mark.parametrize("key", TREE, ids=lambda key: key.kind)
def test_of_what_cannot_be_changed_nothing_is_tried(world, key, status):
    row_of(world, key)["provisioning_status"] = status
    world.spec(key, name="other")
    before = quiet(world)
    look(world)
    nothing_changed(world, before)


def _deleted_dry(world, key):
    world.annotate(key, dry_run="true")
    world.delete(key)
    look(world)


def test_a_deletion_is_said_step_by_step(world):
    world.delete(ADDRESS)
    world.run()
    router = key_of_kind(world, "Router")
    _deleted_dry(world, router)
    says_what(world, router, "delete interface of router", "delete router")


def test_what_keeps_an_object_from_its_deletion_is_said(world):
    router = key_of_kind(world, "Router")
    _deleted_dry(world, router)
    says_what(world, router, "delete router", "but not yet", "FloatingIP shop/web")


def test_the_end_of_management_is_said_step_by_step(world):
    world.spec(LB, deletionPolicy="Retain")
    world.run()
    _deleted_dry(world, LB)
    says_what(world, LB, "release listener", "release port", "release load balancer")


def test_a_recovery_is_said(world):
    world.spec(LB, recovery={"policy": "Recreate"})
    world.run()
    world.annotate(LB, dry_run="true")
    row_of(world, LB)["provisioning_status"] = "ERROR"
    look(world)
    says_what(world, LB, "delete load balancer", "make it again on the same VIP")


def key_of_kind(world, kind):
    return next(key for key in world.all_keys() if key.kind == kind)


def test_the_vip_port_of_a_load_balancer_that_is_gone_stays(world):
    world.others.load_balancers.delete(row_of(world, LB)["id"], cascade=True)
    world.clock.advance(10)
    world.delete(LB)
    before = quiet(world)
    look(world)
    nothing_changed(world, before)
    says_what(world, LB, "delete port", "of the VIP")
    world.annotate(LB, dry_run="")
    world.run()
    assert world.get(LB) is None
    assert before[0]["ports"].keys() - world.fake.tables["ports"].keys()


def test_a_finalizer_is_not_let_go_in_a_dry_run(world):
    """Even where nothing is left in the cloud: the object would be gone, and a dry run changes nothing."""
    gone(world, GROUP)
    world.delete(GROUP)
    quiet(world)
    look(world)
    assert FINALIZER in world.object(GROUP).finalizers
    says_what(world, GROUP, "finalizer")
    world.annotate(GROUP, dry_run="")
    world.run()
    assert world.get(GROUP) is None


@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind)
def test_an_import_is_only_shown(world, key):
    unmanaged(world, key)
    world.run()
    fields = {**VALUES.get(key, {"description": "d"}), "name": "other"}
    fields = {name: value for name, value in fields.items() if name in ("description", "delay") or name == "name"}
    if key == ADDRESS:
        fields.pop("name")
    world.spec(key, managementPolicy="Managed", **fields)
    before = quiet(world)
    look(world)
    nothing_changed(world, before)
    says_what(world, key)
    assert FINALIZER not in world.object(key).finalizers


# ── even where the plan forgets something ──


class _Forgetful:
    """An actuator whose plan says nothing, and that changes something all the same."""

    def __init__(self, inner, hook):
        self._inner, self._hook = inner, hook

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def plan(self, facts, row, inputs):
        if self._hook == "plan":
            facts.cloud.do.networks.update(row["id"], {"mtu": 9})
        self._inner.plan(facts, row, inputs)
        return Plan()

    def report(self, context, row, inputs):
        if self._hook == "report":
            with context.creating("", bodies=[{}]):
                context.cloud.do.networks.create({"name": "x"})
        return self._inner.report(context, row, inputs)


@pytest.mark.parametrize("hook", ["plan", "report"])
def test_a_change_that_no_plan_says_is_refused_and_is_no_defect(hook):
    world = World()
    key = world.apply(next(body for body in objects() if body["kind"] == "InfomaniakNetwork"))
    world.settle(key)
    reconciler = world.reconcilers[key.kind]
    reconciler._actuator = _Forgetful(reconciler._actuator, hook)
    unknown = world.memory(key).of(Creates)
    unknown.failed("", 5.0, outcome_unknown=True)
    world.annotate(key, dry_run="true")
    world.fake.calls.clear()
    world.reconcile(key)
    assert world.fake.changes() == []
    assert world.says(key, "Synced") == ("False", "DryRun")
    assert "networks" in world.message(key, "Synced")
    assert world.ready(key) == ("True", "Available")
    assert unknown.unknown == {"": 5.0}  # what is known of creates is not forgotten over a dry run


def test_every_kind_is_in_the_table():
    assert {actuator.kind: actuator.collection.name.replace("l7_", "l7") for actuator in actuators()} == {
        key.kind: collection for key, collection in KINDS.items()
    }
