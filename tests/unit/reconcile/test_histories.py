"""Killed at any point, failed at any call: nothing doubled, nothing leaked, nothing of others touched."""

import itertools
import os
import random

import pytest

from infomaniak_operator.client import (
    Category,
    CloudConnectionError,
    CloudTimeoutError,
    ConflictError,
    ServiceError,
)
from infomaniak_operator.controller.interfaces import RequeueAfter, Retry, Superseded
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner, user_text
from tests.support import intent
from tests.support.objects import SECRET, custom, key_of, network, subnet, uid_of
from tests.support.points import Points, let_go
from tests.support.process import Killed
from tests.support.world import GRACE, World

V4 = subnet("v4", "10.1.0.0/24")
V6 = subnet("v6", "fd00:1::/64")


def outcome(world):
    """What is in the project, with names for ids and without revisions and times."""
    tables = world.fake.tables
    names = {id_: row.get("name") or row.get("cidr") for rows in tables.values() for id_, row in rows.items()}
    names |= dict.fromkeys(tables["floating_ips"], "address") | dict.fromkeys(tables["ports"], "port")
    unstable = {"id", "revision_number", "created_at", "updated_at", "mac_address", "fixed_ips", "ip_address"}
    unstable |= {"floating_ip_address", "external_fixed_ips", "fixed_ip_address"}

    def plain(value):
        if isinstance(value, dict):
            return {name: plain(each) for name, each in sorted(value.items()) if name not in unstable}
        if isinstance(value, list | tuple):
            return sorted((plain(each) for each in value), key=repr)
        return names.get(value, value) if isinstance(value, str) else value

    return {name: sorted((plain(row) for row in rows.values()), key=repr) for name, rows in tables.items()}


# Killed at any point. A scenario makes a world with something to be done, and returns it with the object's key.


def create():
    world = World()
    return world, world.apply(network(subnets=[V4, V6], tags=["blue"], mtu=1400))


def change():
    world = World()
    key = world.apply(network(subnets=[V4, V6, subnet("gone", "10.3.0.0/24")]))
    world.settle(key)
    new = [{**V4, "enableDHCP": False}, subnet("v6", "fd00:2::/64"), subnet("new", "10.4.0.0/24")]
    world.spec(key, mtu=1400, tags=["blue"], description="text", subnets=new)
    return world, key


def lost():
    world = World()
    key = world.apply(network(subnets=[V4, V6]))
    world.settle(key)
    world.others.networks.delete(world.network()["id"])
    return world, key


def restored():
    world = World(restore=True)
    old = world.apply(network(subnets=[V4, V6]))
    world.settle(old)
    world.poke(old, lambda body: body["metadata"].update(finalizers=[]))
    world.delete(old)
    return world, world.apply(network(life=2, subnets=[V4], mtu=1400))


def adopted():
    world = World()
    row = world.others.networks.create({"name": "theirs"})
    world.others.subnets.create_many([{"network_id": row["id"], "name": "x", "cidr": V4["cidr"], "ip_version": 4}])
    return world, world.apply(network(import_={"id": row["id"]}, subnets=[V4, V6], mtu=1400))


def deleted():
    world = World()
    key = world.apply(network(subnets=[V4, V6]))
    world.settle(key)
    world.delete(key)
    return world, key


def deleted_with_a_double():
    world, key = deleted()
    world.others.networks.create({"name": "front", "description": world.mark(key).text})
    return world, key


def retained():
    world = World()
    key = world.apply(network(subnets=[V4, V6], deletionPolicy="Retain"))
    world.settle(key)
    world.delete(key)
    return world, key


def given_up():
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.settle(key)
    world.spec(key, managementPolicy="Unmanaged", **{"import": {"id": world.object(key).status["id"]}})
    return world, key


GATEWAY = {"networkName": "ext-floating1"}
ROUTE = {"destination": "10.99.0.0/16", "nexthop": "10.1.0.9"}


def with_network():
    world = World()
    world.settle(world.apply(network(subnets=[V4, V6])))
    return world


def routed():
    world = with_network()
    interfaces = [{"networkRef": {"name": "front"}, "subnet": name} for name in ("v4", "v6")]
    spec = {"externalGateway": GATEWAY, "interfaces": interfaces, "routes": [ROUTE]}
    return world, world.apply(custom("Router", "edge", spec))


def rerouted():
    world, key = routed()
    world.settle(key)
    world.spec(key, externalGateway=..., interfaces=[{"networkRef": {"name": "front"}, "subnet": "v6"}], routes=[])
    return world, key


def unrouted():
    world, key = routed()
    world.settle(key)
    world.delete(key)
    return world, key


def guarded():
    world = World()
    rule = {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp"}
    spec = {"rules": [{**rule, "portRange": {"min": port}} for port in (22, 80)], "tags": ["blue"]}
    return world, world.apply(custom("SecurityGroup", "web", spec))


def guarded_otherwise():
    world, key = guarded()
    world.settle(key)
    rule = {"direction": "ingress", "etherType": "IPv6", "protocol": "icmp"}
    world.spec(key, rules=[rule], keepDefaultEgress=False)
    return world, key


def unguarded():
    world, key = guarded()
    world.settle(key)
    world.delete(key)
    return world, key


def addressed():
    world, router = routed()
    world.settle(router)
    port = world.others.ports.create({"network_id": world.network()["id"]})
    return world, world.apply(custom("FloatingIP", "public", {"externalNetwork": GATEWAY, "portID": port["id"]}))


def addressed_otherwise():
    world, key = addressed()
    world.settle(key)
    world.spec(key, portID=..., description="free")
    return world, key


def unaddressed():
    world, key = addressed()
    world.settle(key)
    world.delete(key)
    return world, key


SCENARIOS = [create, change, lost, restored, adopted, deleted, deleted_with_a_double, retained, given_up]
SCENARIOS += [routed, rerouted, unrouted, guarded, guarded_otherwise, unguarded]
SCENARIOS += [addressed, addressed_otherwise, unaddressed]


def everywhere():
    """Every scenario, every point, and what can be told apart there."""
    for scenario in SCENARIOS:
        world, key = scenario()
        counted = Points(world)
        world.settle(key)
        for at, what in enumerate(counted.passed):
            for when in {"look": ("before",), "write": ("before", "after"), "change": ("before", "after", "late")}[
                what
            ]:
                yield pytest.param(scenario, at, when, id=f"{scenario.__name__}-{at}-{when}")


def ends_well(world, key, scenario):
    """After another process has taken over: the same as if nothing had happened, and calm."""
    let_go(world)
    world.restart()
    world.settle(key)
    world.clock.advance(GRACE)
    if world.get(key) is not None:
        world.settle(key)
        assert world.ready(key) == ("True", "Available")
    undisturbed, same = scenario()
    undisturbed.settle(same)
    assert outcome(world) == outcome(undisturbed)
    assert (world.get(key) is None) == (undisturbed.get(same) is None)
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.writes() == []


@pytest.mark.parametrize(("scenario", "at", "when"), list(everywhere()))
def test_killed_at_any_point(scenario, at, when):
    world, key = scenario()
    intent.watch(world)
    Points(world, at, when)
    with pytest.raises(Killed):
        world.settle(key)
    ends_well(world, key, scenario)


# Histories: users, others, failures and deaths at random.

MARK = Owner("another", "InfomaniakNetwork", "shop", "front", uid_of("InfomaniakNetwork", "shop", "front")).mark().text


CREDENTIAL = {"cloudCredentialsRef": {"secretName": SECRET}}


class History:
    """One network's life among users who change their mind, others who meddle, and a cloud that fails."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.world = World()
        self.life = itertools.count(1)
        self.number = itertools.count(1)
        self.key = key_of(network())
        theirs = self.world.others.networks.create({"name": "front", "description": MARK})
        self.world.others.networks.create({"name": "front", "description": "nobody's"})
        cidrs = {"network_id": theirs["id"], "name": "v4", "cidr": "10.1.0.0/24", "ip_version": 4}
        self.world.others.subnets.create_many([cidrs])
        self.bystanders = {row["id"]: row for row in self.world.networks()}
        self.spec = self.some_spec()
        self.world.cloud.around = self.around
        intent.watch(self.world)
        self.world.on_kube = self.on_kube

    def chance(self, probability):
        return self.random.random() < probability

    def some_spec(self):
        names = self.random.sample(["a", "b", "c"], self.random.randrange(4))
        subnets = [
            subnet(
                name,
                f"10.{'abc'.index(name)}.{self.random.randrange(2)}.0/24",
                **({"enableDHCP": self.chance(0.3)} if self.chance(0.7) else {}),
            )
            for name in names
        ]
        spec = {
            "subnets": subnets,
            "portSecurityEnabled": False,
            "tags": self.random.sample(["x", "y", "z"], self.random.randrange(3)),
            "description": self.random.choice(["one", "two"]),
        }
        # Fields come and go; the one that has no default to go back to stays.
        kept = {name: value for name, value in spec.items() if self.chance(0.75)}
        return {"mtu": self.random.choice([1400, 1420, 1440]), **kept}

    def error(self):
        return self.random.choice(
            [
                CloudTimeoutError("no answer", category=Category.TRANSIENT, outcome_unknown=True),
                CloudConnectionError("reset", category=Category.TRANSIENT, outcome_unknown=True),
                ServiceError("502", status=502, category=Category.TRANSIENT, outcome_unknown=True),
                Killed(),
                RuntimeError("a defect"),
            ]
        )

    def around(self, call, act):
        """One call in four fails: before, after, or while the cloud goes on with it."""
        if not self.chance(0.25):
            return act()
        how = self.random.choice(["refused", "before", "after", "late"])
        if how == "refused" or not call.writing:
            raise self.random.choice(
                [
                    ServiceError("slow down", status=429, category=Category.TRANSIENT),
                    ConflictError("busy", status=409, category=Category.WAITING),
                    CloudConnectionError("connection refused", category=Category.TRANSIENT),
                    ConflictError("quota", status=409, category=Category.QUOTA),
                ]
            )
        if how == "after":
            act()
        if how == "late":
            self.world.finish_later(self.random.uniform(0.1, GRACE - 5), act)
        raise self.error()

    def on_kube(self, what, act):
        if self.chance(0.85):
            return act()
        how = self.random.choice(["before", "after", "superseded"])
        if how == "superseded" and what != "finalizer":
            raise Superseded
        if how == "after":
            act()
        raise Killed

    def go_on(self):
        """Reconciles, restarts and time."""
        world = self.world
        for _ in range(self.random.randrange(1, 5)):
            try:
                result = world.reconcile(self.key)
            except (Killed, RuntimeError, Superseded) as error:
                if isinstance(error, Killed):
                    world.restart()
                continue
            if result is None:
                return
            if isinstance(result.next, RequeueAfter | Retry) and self.chance(0.7):
                world.clock.advance(self.random.choice([0.5, 2, 10, 40]))

    def user(self):
        world = self.world
        if world.get(self.key) is None:
            self.spec = self.some_spec()
            world.apply(network(life=next(self.life), **self.spec))
        elif self.chance(0.2):
            world.delete(self.key)
        elif not world.object(self.key).deleting:
            self.spec = self.some_spec()
            world.spec(self.key, **dict.fromkeys(world.object(self.key).spec, ...) | CREDENTIAL | self.spec)

    def ours(self):
        resource = self.world.get(self.key)
        known = resource.status.get("id") if resource else None
        return next((row for row in self.world.networks() if row["id"] == known), None)

    def meddler(self):
        """Somebody with the project's rights: only where status shows that the network is ours."""
        row, others = self.ours(), self.world.others
        if row is None:
            return
        under = [s for s in others.subnets.list() if s["network_id"] == row["id"] and s["name"] != "theirs"]
        match self.random.randrange(5):
            case 0:
                others.networks.update(row["id"], {"mtu": 1300, "name": "drifted"})
            case 1:
                others.networks.update(row["id"], {"description": ""})
            case 2:
                others.networks.delete(row["id"])
            case 3 if under:
                others.subnets.delete(self.random.choice(under)["id"])
            case _:
                cidr = f"10.{100 + next(self.number)}.0.0/24"
                item = {"network_id": row["id"], "name": "theirs", "cidr": cidr, "ip_version": 4}
                others.subnets.create_many([item])

    def check_bystanders(self):
        there = {row["id"]: row for row in self.world.networks()}
        for id_, row in self.bystanders.items():
            assert there[id_] == row

    def end(self):
        """The cloud is well again, everything late has arrived, others have taken their subnets away."""
        world = self.world
        let_go(world)
        world.clock.advance(GRACE)
        for item in world.others.subnets.list():
            if item["name"] == "theirs":
                world.others.subnets.delete(item["id"])
        world.settle(self.key)
        world.clock.advance(GRACE)
        world.settle(self.key)
        self.check_bystanders()
        ours = [row for row in world.networks() if row["id"] not in self.bystanders]
        if world.get(self.key) is None:
            assert ours == []
            return
        (row,) = ours
        assert world.ready(self.key) == ("True", "Available"), world.message(self.key)
        assert (row["id"], row["name"], row["mtu"]) == (world.object(self.key).status["id"], "front", self.spec["mtu"])
        assert Mark.parse(row["description"]) == world.mark(self.key)
        assert user_text(row["description"]) == self.spec.get("description", "")
        assert sorted(row["tags"]) == sorted(self.spec.get("tags", ()))
        assert row["port_security_enabled"] == self.spec.get("portSecurityEnabled", True)
        under = [item for item in world.others.subnets.list() if item["network_id"] == row["id"]]
        wanted = sorted(
            (item["name"], item["cidr"], item.get("enableDHCP", True)) for item in self.spec.get("subnets", ())
        )
        assert sorted((item["name"], item["cidr"], item["enable_dhcp"]) for item in under) == wanted
        for item in under:
            assert Mark.parse(item["description"]) == world.mark(self.key, f"subnet/{item['name']}")
        world.cloud.take()
        world.reconcile(self.key)
        assert world.cloud.writes() == []


HISTORIES = int(os.environ.get("HISTORIES", "30"))
"""How many to try; the chaos tier tries more."""


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_any_history_ends_well(seed):
    history = History(seed)
    for _ in range(12):
        history.user()
        history.go_on()
        if history.chance(0.5):
            history.meddler()
        history.go_on()
        history.check_bystanders()
    history.end()


def test_the_histories_hold_what_they_promise():
    """Enough of everything happens in them: else they would prove nothing."""
    seen = {"restarts": 0, "creates": 0}
    for seed in range(10):
        history = History(seed)
        world = history.world
        restart = world.restart

        def counted(restart=restart):
            seen["restarts"] += 1
            restart()

        world.restart = counted
        for _ in range(12):
            history.user()
            history.go_on()
            history.meddler()
        seen["creates"] += sum(str(call) == "POST networks" for call in world.cloud.log)
    assert seen["restarts"] > 12
    assert seen["creates"] > 16
