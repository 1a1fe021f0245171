"""The life of a tree among users who change their mind, others who meddle, and a cloud and a process that fail."""

import itertools
import os
import random

import pytest

from infomaniak_operator.client import (
    Category,
    CloudConnectionError,
    CloudTimeoutError,
    ConflictError,
    InfomaniakCloudError,
    ServiceError,
)
from infomaniak_operator.controller.interfaces import Superseded
from tests.support import intent
from tests.support.forest import Forest
from tests.support.objects import key_of
from tests.support.points import let_go
from tests.support.process import Killed
from tests.support.trees import balancer, listener, member, monitor, pool
from tests.support.world import GRACE

MAKERS = {key_of(balancer()): balancer}
MAKERS |= {key_of(pool(name)): pool for name in ("one", "two")}
MAKERS |= {key_of(monitor(name)): monitor for name in ("one", "two")}
LB = key_of(balancer())
OCTAVIA = ("load_balancers", "listeners", "pools", "health_monitors")


def place():
    """A world with a subnet, the place of a VIP in it, and somebody else's load balancer."""
    world = Forest(settles=1.0)
    network = world.others.networks.create({"name": "web"})
    cidr = {"network_id": network["id"], "name": "web-v4", "cidr": "10.40.0.0/24", "ip_version": 4}
    subnet = world.others.subnets.create(cidr)["id"]
    theirs = {"vip_subnet_id": subnet, "name": "web", "listeners": [], "pools": []}
    world.others.load_balancers.create_tree(theirs)
    world.clock.advance(5)
    return world, {"subnetID": subnet}


class Life:
    """One tree's.

    Attributes:
        faults: how many of the calls to the cloud fail.
    """

    def __init__(self, seed, faults=0.15):
        self.random = random.Random(seed)
        self.faults = faults
        self.world, self.vip = place()
        self.bystander = dict(self.world.one("load_balancers"))
        self.lives = itertools.count(1)
        self.bodies = {}
        self.restarts = 0
        self.world.cloud.around = self.around
        intent.watch(self.world)
        self.world.on_kube = self.on_kube

    def chance(self, probability):
        return self.random.random() < probability

    # What is wished: fields come and go. Those without a default to go back to stay, and so does what others change.

    def spec_of(self, key):
        rng = self.random
        if key.kind == "LoadBalancer":
            limit = {"connectionLimit": rng.randrange(9)} if self.chance(0.6) else {}
            items = [
                listener("a", rng.choice([80, 81]), "TCP", rng.choice(["one", "two", None]), **limit),
                listener("b", rng.choice([90, 91]), "TCP", rng.choice(["one", "two"]), connectionLimit=5),
                listener("c", 70, rng.choice(["HTTP", "TCP"]), None, connectionLimit=rng.choice([1, 2])),
            ]
            recovery = {"policy": "Recreate", "maxAttempts": 100, "backoffSeconds": 10}
            listeners = rng.sample(items, rng.randrange(4))
            text = {"description": rng.choice("xyz")} if self.chance(0.6) else {}
            return {"vip": self.vip, "listeners": listeners, "recovery": recovery, **text}
        if key.kind == "Pool":
            numbers = rng.sample(range(11, 15), rng.randrange(4))
            members = [member(n, **({"weight": rng.randrange(1, 4)} if self.chance(0.6) else {})) for n in numbers]
            algorithm = rng.choice(["ROUND_ROBIN", "SOURCE_IP"])
            down = {"adminStateUp": False} if self.chance(0.3) else {}
            return {
                "protocol": rng.choice(["HTTP", "TCP", "PROXY"]),
                "algorithm": algorithm,
                "members": members,
                **down,
            }
        often = {"maxRetriesDown": rng.randrange(4, 9)} if self.chance(0.5) else {}
        return {"type": rng.choice(["HTTP", "TCP", "PING"]), "delay": rng.randrange(5, 9), **often}

    def user(self):
        world, key = self.world, self.random.choice(list(MAKERS))
        resource = world.get(key)
        if resource is None:
            world.apply(MAKERS[key](key.name, life=next(self.lives), **self.spec_of(key)))
        elif resource.deleting:
            return
        elif self.chance(0.25):
            world.delete(key)
        else:
            body = MAKERS[key](key.name, **self.spec_of(key))
            world.apply({**body, "metadata": world.object(key).body["metadata"]})

    # What fails.

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
        if not self.chance(self.faults):
            return act()
        how = self.random.choice(["refused", "before", "after", "late"])
        if how == "refused" or not call.writing:
            raise self.random.choice(
                [
                    ServiceError("slow down", status=429, category=Category.TRANSIENT),
                    ConflictError("immutable", status=409, category=Category.WAITING),
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
        if self.chance(1 - self.faults / 2):
            return act()
        how = self.random.choice(["before", "after", "superseded"])
        if how == "superseded" and what != "finalizer":
            raise Superseded
        if how == "after":
            act()
        raise Killed

    def go_on(self):
        for _ in range(self.random.randrange(1, 15)):
            try:
                self.world.some(1)
            except Killed:
                self.restarts += 1
                self.world.restart()
            except RuntimeError:
                continue

    def meddler(self):
        """Somebody with the project's rights: only where status shows what is ours."""
        world, others = self.world, self.world.others
        shown = {key: world.object(key).status for key in world.all_keys()}
        ids = {status["id"] for status in shown.values() if status.get("id")}
        ids |= {item["id"] for item in shown.get(LB, {}).get("listeners") or () if "id" in item}
        mine = [(name, id_) for name in OCTAVIA for id_ in sorted(world.fake.tables[name]) if id_ in ids]
        if not mine:
            return
        name, each = self.random.choice(mine)
        row = world.fake.tables[name][each]
        try:
            match self.random.randrange(4):
                case 0:
                    others.load_balancers.delete(each, cascade=True) if name == OCTAVIA[0] else getattr(
                        others, name
                    ).delete(each)
                case 1:
                    getattr(others, name).update(each, {"tags": [], "name": "drifted"})
                case 2 if name == "load_balancers" and row["provisioning_status"] == "ACTIVE":
                    row["provisioning_status"] = "ERROR"
                case 3 if name == "pools":
                    others.members.replace_all(each, [{"address": "10.40.0.99", "protocol_port": 9}])
        except InfomaniakCloudError:
            return

    # How it ends.

    def free(self):
        """Who is to go is not held up by who is to stay."""
        world = self.world
        going = {key.name for key in world.all_keys() if key.kind == "Pool" and world.object(key).deleting}
        for key in world.all_keys():
            if key.kind == "HealthMonitor" and key.name in going:
                world.delete(key)
        if world.get(LB) is not None and not world.object(LB).deleting:
            items = [dict(item) for item in world.object(LB).spec["listeners"]]
            for item in items:
                # A listener whose new pool is not there keeps its former one.
                name = (item.get("defaultPoolRef") or {}).get("name")
                if name in going or world.get(key_of(pool(name))) is None:
                    item.pop("defaultPoolRef", None)
            world.spec(LB, listeners=items)

    def end(self):
        """Everything late has arrived, and all is well again: it is as if nothing had ever happened."""
        world = self.world
        let_go(world)
        world.clock.advance(GRACE)
        self.free()
        for _ in range(3):
            world.run(1500)
            world.resync()
        world.run(1500)
        world.clock.advance(5)
        theirs = world.fake.tables["load_balancers"][self.bystander["id"]]
        assert theirs == self.bystander
        assert not [key for key in world.all_keys() if world.object(key).deleting], world.standing()
        fresh, _ = place()
        for key in world.all_keys():
            resource = world.object(key)
            body = {name: value for name, value in resource.body.items() if name != "status"}
            meta = {name: resource.metadata[name] for name in ("name", "namespace", "uid", "creationTimestamp")}
            fresh.apply({**body, "metadata": {**meta, "generation": 1}, "status": {"observedGeneration": -1}})
        fresh.run(1500)
        fresh.clock.advance(5)
        assert world.picture() == fresh.picture()
        for key in world.all_keys():
            assert world.ready(key) == fresh.ready(key), (key, world.message(key), fresh.message(key))
        world.clock.advance(60)
        world.forget_calls()
        world.resync()
        world.run(1500)
        assert world.changes() == []


LIVES = int(os.environ.get("HISTORIES", "9"))
"""How many to try; the chaos tier tries more."""


@pytest.mark.parametrize("seed", range(LIVES))
def test_any_life_ends_well(seed):
    life = Life(seed, faults=(0.0, 0.1, 0.25)[seed % 3])
    for _ in range(25):
        life.user()
        life.go_on()
        if life.chance(0.3):
            life.meddler()
        life.go_on()
    life.end()
