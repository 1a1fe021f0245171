"""A cluster and a cloud in memory that are fed whatever there is, and what must hold of them all the same.

The reconcilers are the real ones; the cloud is the fake one, in which others have things, too. What must hold:

- nothing raises, and nothing is reconciled without end;
- each object says how it stands, in words that are bounded and hold no secret, in a status that the CRD's schema takes;
- what belongs to others is as it was, but for what the object's own spec may name;
- when all objects are gone, nothing of them is left in the cloud.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from infomaniak_operator.controller.dispatcher import in_order
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.ownership.marks import Owner
from tests.support.fake_cloud import FakeCloud
from tests.support.forest import Forest
from tests.support.fuzz_answers import Answers, operations
from tests.support.fuzz_schema import faults, status_of
from tests.support.objects import CREDENTIAL, custom, key_of, secret, uid_of
from tests.support.tapped import Tapped
from tests.support.world import PROJECT

CANARY = CREDENTIAL["application_credential_secret"]
"""The secret that must be seen nowhere."""
MOST_RECONCILES = 4000
LONGEST_EVENT = 60_000
"""Of an Event's text as reconcilers give it; the controller cuts it to what Kubernetes takes."""
Body = dict[str, Any]
Tables = dict[str, dict[str, Any]]
_STRANGERS_CLUSTER = "another-cluster"


def base() -> list[Body]:
    """An office that is in order, to which generated objects may refer."""
    listener = {"name": "http", "protocol": "HTTP", "port": 8080, "defaultPoolRef": {"name": "base"}}
    subnets = [{"name": "v4", "cidr": "10.1.0.0/24"}, {"name": "v6", "cidr": "2001:db8:20::/64"}]
    choice = {"networkRef": {"name": "base"}, "subnet": "v4"}
    gateway = {"networkName": "ext-floating1"}
    return [
        custom("InfomaniakNetwork", "base", {"subnets": subnets}),
        custom("Router", "base", {"externalGateway": gateway, "interfaces": [choice]}),
        custom("SecurityGroup", "base", {"rules": [{"direction": "ingress", "protocol": "tcp", "portRange": {"min": 80}}]}),
        custom("Port", "base", {"networkRef": {"name": "base"}, "fixedIPs": [{"subnet": "v4", "address": "10.1.0.77"}]}),
        custom("LoadBalancer", "base", {"vip": choice, "listeners": [listener]}),
        custom("Pool", "base", {"loadBalancerRef": {"name": "base"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN", "members": [{"address": "10.1.0.9", "port": 80}]}),
        custom("Pool", "bare", {"loadBalancerRef": {"name": "base"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}),
        custom("HealthMonitor", "base", {"poolRef": {"name": "base"}, "type": "HTTP", "delay": 5, "timeout": 3, "maxRetries": 3}),
        custom("L7Policy", "base", {"loadBalancerRef": {"name": "base"}, "listener": "http", "position": 5, "action": "REDIRECT_TO_POOL", "poolRef": {"name": "bare"}, "rules": [{"type": "PATH", "compareType": "STARTS_WITH", "value": "/x"}]}),
        custom("FloatingIP", "base", {"externalNetwork": gateway, "loadBalancerRef": {"name": "base"}}),
    ]  # fmt: skip


class Strangers:
    """What others have in a cloud, in our project and in another one.

    Args:
        fake: the cloud.

    Attributes:
        offered: ids of things of our project that carry no mark, by collection: whoever names one in ``spec`` means it.
        forbidden: ids of things that must not change, whoever names them: marked for others, or of another project.
        watched: these, and those that nobody names.
    """

    def __init__(self, fake: FakeCloud) -> None:
        fake.quotas.update(dict.fromkeys(fake.quotas, 1000))
        self._fake = fake
        self.offered = self._things(PROJECT, "offered", "")
        hidden = self._things(PROJECT, "hidden", "")
        neighbour = Owner(_STRANGERS_CLUSTER, "InfomaniakNetwork", "shop", "theirs", uid_of("X", "shop", "theirs"))
        marked = self._things(PROJECT, "marked", neighbour.mark().text)
        theirs = self._things("beta", "beta", "")
        self.forbidden = (*marked.values(), *theirs.values())
        self.watched = (*hidden.values(), *self.forbidden)
        self._was = self._rows()

    def _things(self, project: str, name: str, mark: str) -> dict[str, str]:
        do = self._fake.operations(project)
        said = {"description": mark} if mark else {}
        network = do.networks.create({"name": name, **said})
        cidr = f"10.{90 + len(self._fake.tables['networks'])}.0.0/24"
        subnet = do.subnets.create({"name": name, "network_id": network["id"], "cidr": cidr, "ip_version": 4, **said})
        group = do.security_groups.create({"name": name, **said})
        router = do.routers.create({"name": name, **said})
        port = do.ports.create({"name": name, "network_id": network["id"], **said})
        address = do.floating_ips.create({"floating_network_id": self._fake.external_network_id, **said})
        tags = {"tags": [mark]} if mark else {}
        balancer = do.load_balancers.create({"name": name, "vip_subnet_id": subnet["id"], **tags})
        self._fake.settle()
        listener = do.listeners.create(
            {"name": name, "loadbalancer_id": balancer["id"], "protocol": "TCP", "protocol_port": 9, **tags}
        )
        self._fake.settle()
        pool = do.pools.create(
            {"name": name, "loadbalancer_id": balancer["id"], "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", **tags}
        )
        self._fake.settle()
        member = do.members.create(pool["id"], {"address": "10.1.0.9", "protocol_port": 9})
        self._fake.settle()
        monitor = do.health_monitors.create(
            {"pool_id": pool["id"], "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 3, **tags}
        )
        self._fake.settle()
        policy = do.l7_policies.create({"name": name, "listener_id": listener["id"], "action": "REJECT", **tags})
        self._fake.settle()
        neutron = {
            "networks": network,
            "subnets": subnet,
            "security_groups": group,
            "routers": router,
            "ports": port,
            "floating_ips": address,
        }
        octavia = {
            "load_balancers": balancer,
            "listeners": listener,
            "pools": pool,
            "members": member,
            "health_monitors": monitor,
            "l7_policies": policy,
        }
        return {name: row["id"] for name, row in (neutron | octavia).items()}

    def _rows(self) -> dict[str, Any]:
        rows = {id_: copy.deepcopy(dict(row)) for table in self._fake.tables.values() for id_, row in table.items()}
        rows |= {
            id_: copy.deepcopy(dict(row))
            for name in self._fake.octavia.names
            for id_, row in self._fake.tables[name].items()
        }
        return {id_: rows.get(id_) for id_ in self.watched}

    def unharmed(self) -> None:
        """That all is as it was."""
        now = self._rows()
        changed = [f"{id_}: {self._was[id_]} -> {now[id_]}" for id_ in self.watched if now[id_] != self._was[id_]]
        assert not changed, f"what belongs to others was changed: {changed}"


def strangers_ids() -> tuple[dict[str, str], tuple[str, ...]]:
    """The ids that strangers' things have in every such cloud: those offered, and those forbidden."""
    strangers = Strangers(FakeCloud())
    return strangers.offered, strangers.forbidden


class Fuzzed:
    """Such a cluster, on such a cloud.

    Args:
        bodies: objects that are there from the start, beside the Secret.

    Attributes:
        answers: what the client's own code reads in place of the cloud's rows; None: the cloud is asked directly.
    """

    def __init__(self, bodies: Iterable[Mapping[str, Any]] = (), *, answers: bool = False) -> None:
        fake = FakeCloud()
        self.strangers = Strangers(fake)
        self.before = {name: set(rows) for name, rows in self.tables_of(fake).items()}
        self.world = Forest(fake=fake, with_secret=False)
        self.answers = Answers(fake, PROJECT) if answers else None
        if self.answers:
            self.world.cloud = Tapped(operations(self.answers))
        self.world.apply(secret())
        self.world.apply_all(bodies)
        self.run()

    @staticmethod
    def tables_of(fake: FakeCloud) -> Tables:
        """All that is in the cloud."""
        return fake.tables

    def run(self) -> None:
        """Have the operator do all there is to do, and for two resyncs more."""
        with quiet():
            for _ in range(2):
                self.world.run(seconds=900, most=MOST_RECONCILES)
                self.world.clock.advance(600)
                self.world.resync()
            self.world.run(seconds=900, most=MOST_RECONCILES)

    def apply(self, bodies: Iterable[Mapping[str, Any]]) -> None:
        """Objects as the API server gives them; see ``adopted``."""
        for body in bodies:
            self.world.apply(body)

    def all_keys(self) -> list[Key]:
        """The objects that are reconciled."""
        return self.world.all_keys()

    def check(self) -> None:
        """That each object says how it stands as it should, and others' things are as they were."""
        for key in self.all_keys():
            self.check_object(key)
        self.strangers.unharmed()
        for key, events in self.world.events.items():
            for event in events:
                assert CANARY not in event.message, f"{key}: an Event tells a secret"
                assert len(event.message) <= LONGEST_EVENT, f"{key}: an Event of {len(event.message)} characters"
            events.clear()

    def check_object(self, key: Key) -> None:
        """That an object says how it stands as it should."""
        resource = self.world.object(key)
        text = json.dumps(resource.body)
        assert CANARY not in text, f"{key} tells a secret"
        wrong = list(faults(status_of(key.kind), dict(resource.status)))
        assert not wrong, f"{key}: the CRD refuses the status: {wrong}"
        ready = resource.condition("Ready")
        assert ready, f"{key} says nothing: {resource.status}"
        assert ready["status"] == "True" or ready["message"], f"{key} does not say why it is not Ready"
        in_order(resource, self.world.reconcilers[key.kind], self.world)

    def delete(self, keys: Sequence[Key]) -> None:
        """Have a user delete these objects, and the operator clean up."""
        for key in keys:
            if self.world.get(key) is not None:
                self.world.delete(key)
        self.run()

    def empty(self, *, but: Iterable[str] = ()) -> None:
        """That nothing of us is left in the cloud, and no object in the cluster that is not told why.

        Args:
            but: ids that may be left.
        """
        there = self.all_keys()
        for key in there:
            self.check_object(key)
        # What stays is in the way of what it needs: only where all are gone, all is gone.
        if there:
            return
        left = {
            name: [rows[id_] for id_ in rows if id_ not in self.before.get(name, ()) and id_ not in but]
            for name, rows in self.tables_of(self.world.fake).items()
        }
        left = {name: rows for name, rows in left.items() if rows}
        assert not left, f"left in the cloud: {left}"


def as_served(body: Mapping[str, Any], created: int = 0) -> Body:
    """An object as the API server gives it, as it can be put into a world: with a UID that is the same in every run.

    Args:
        body: the server's.
        created: in which second after the others.
    """
    found = copy.deepcopy(dict(body))
    meta = found["metadata"]
    name = meta["name"]
    kept = {part: meta[part] for part in ("annotations",) if meta.get(part)}
    found["metadata"] = {
        "name": name,
        "namespace": "shop",
        "uid": uid_of(found["kind"], "shop", name),
        "generation": 1,
        "creationTimestamp": f"2026-11-25T09:{created // 60 % 60:02}:{created % 60:02}Z",
        **kept,
    }
    return found


def left_alone(body: Mapping[str, Any]) -> Iterator[str]:
    """Why an object may stay as it is whatever happens."""
    annotations = body["metadata"].get("annotations") or {}
    for name in ("paused", "dry-run"):
        if annotations.get(f"network.infomaniak.cloud/{name}"):
            yield name


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log lines of thousands of Events."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def finish(fuzzed: Fuzzed, *, retain: bool = False) -> None:
    """Delete all objects in some order, and see that nothing is left.

    Args:
        fuzzed: the world.
        retain: leave ``deletionPolicy`` as it is.
    """
    world = fuzzed.world
    for key in fuzzed.all_keys():
        body = copy.deepcopy(dict(world.object(key).body))
        kept = {
            name: value
            for name, value in (body["metadata"].get("annotations") or {}).items()
            if "paused" not in name and "dry-run" not in name
        }
        body["metadata"]["annotations"] = kept
        if not retain and isinstance(body.get("spec"), dict):
            body["spec"].pop("deletionPolicy", None)
        world.apply(body)
    fuzzed.run()
    fuzzed.delete(sorted(fuzzed.all_keys(), key=lambda key: (key.name, key.kind)))
    fuzzed.delete(fuzzed.all_keys())
    fuzzed.strangers.unharmed()
    fuzzed.empty()


__all__ = [
    "CANARY",
    "MOST_RECONCILES",
    "Fuzzed",
    "Strangers",
    "as_served",
    "base",
    "finish",
    "key_of",
    "quiet",
    "strangers_ids",
]
