"""Where a life is led: a cluster, a cloud with things of others in it, and an auditor who knows which these are."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from infomaniak_operator.controller.interfaces import Key
from tests.support.chains import encoded, tls_secret
from tests.support.crashes import vault
from tests.support.crashes.auditor import FINALIZER, Auditor, mark_of
from tests.support.forest import Forest
from tests.support.objects import custom, key_of
from tests.support.world import GRACE, RESOURCES

Body = Mapping[str, Any]
FOREIGN_MARK = "[ik2.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAA]"
"""The mark of an object of another cluster."""
BARE: dict[str, tuple[str, ...]] = {
    "InfomaniakNetwork": (),
    "Router": (),
    "SecurityGroup": (),
    "Port": ("networkRef", "networkID"),
    "FloatingIP": ("externalNetwork", "recreate"),
    "LoadBalancer": ("vip", "recovery"),
    "Pool": ("loadBalancerRef", "protocol", "algorithm"),
    "HealthMonitor": ("poolRef", "type", "delay", "timeout", "maxRetries"),
    "L7Policy": ("loadBalancerRef", "listener", "action", "poolRef", "redirectURL", "redirectPrefix", "rules"),
}
"""What stays of a spec when the user takes everything out that can go back to a default."""
_ALWAYS = ("cloudCredentialsRef", "import", "managementPolicy", "deletionPolicy")


def bare(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec without all that can be taken out of it."""
    kept = {name: value for name, value in spec.items() if name in (*BARE[kind], *_ALWAYS)}
    if "vip" in kept:
        kept["vip"] = {name: value for name, value in kept["vip"].items() if not name.startswith("securityGroup")}
    return kept


class Stage:
    """A world, and who audits it.

    Attributes:
        world: the cluster and the cloud.
        ids: what others have made for the objects to use, by a name.
        secrets: the texts of Secrets for TLS, by name and key.
        auditor: knows what belongs to others.
    """

    def __init__(self, *, bystanders: bool = True, **options: Any) -> None:
        self.world = Forest(settles=1.0, **options)
        self.ids: dict[str, str] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self._lives: dict[Key, int] = {}
        self._by_hand: list[tuple[str, str]] = []
        self._furnish()
        if bystanders:
            self._strangers()
        self.world.clock.advance(5)
        self.auditor = Auditor.of(self.tables)
        self.free()

    def _furnish(self) -> None:
        """What the objects refer to by id."""
        others = self.world.others
        self.ids["outside"] = str(self.world.fake.external_network_id)
        self.ids["network"] = others.networks.create({"name": "given"})["id"]
        cidr = {"network_id": self.ids["network"], "name": "given-v4", "cidr": "10.40.0.0/24", "ip_version": 4}
        self.ids["subnet"] = others.subnets.create(cidr)["id"]
        back = others.networks.create({"name": "back"})["id"]
        cidr = {"network_id": back, "name": "back-v4", "cidr": "10.50.0.0/24", "ip_version": 4}
        behind = others.subnets.create(cidr)["id"]
        way = {"name": "theirs", "external_gateway_info": {"network_id": self.ids["outside"]}}
        others.routers.add_interface(others.routers.create(way)["id"], subnet_id=behind)
        for name in ("port", "port2"):
            self.ids[name] = others.ports.create({"network_id": back, "name": name})["id"]
        self.ids["group"] = others.security_groups.create({"name": "given"})["id"]

    def _strangers(self) -> None:
        """Things with the names of ours, of which some carry the mark of an object of another cluster."""
        others, mark = self.world.others, FOREIGN_MARK
        net = others.networks.create({"name": "front", "description": mark})["id"]
        cidr = {"network_id": net, "name": "v4", "cidr": "10.1.0.0/24", "ip_version": 4}
        subnet = others.subnets.create(cidr)["id"]
        others.routers.create({"name": "edge", "description": mark})
        group = others.security_groups.create({"name": "ssh", "description": mark})["id"]
        others.security_group_rules.create({"security_group_id": group, "direction": "ingress", "protocol": "tcp"})
        others.ports.create({"name": "server", "network_id": net})
        others.floating_ips.create({"floating_network_id": self.ids["outside"], "description": mark})
        members = [{"address": "10.1.0.7", "protocol_port": 8080}]
        monitor = {"name": "check", "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 3}
        pool = {"name": "site", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "tags": [mark]}
        listener = {"name": "http", "protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "site"}}
        tree = {"name": "web", "vip_subnet_id": subnet, "listeners": [listener]}
        others.load_balancers.create_tree({**tree, "pools": [{**pool, "members": members, "healthmonitor": monitor}]})

    def free(self, *names: str) -> None:
        """Those of the furniture may change: the router that leads out and its ports are as the cloud needs them."""
        for at in list(self.auditor.others):
            if at[1] in {self.ids[name] for name in names}:
                self.auditor.others[at] = None

    # What others do.

    def by_hand(self, table: str, body: Mapping[str, Any]) -> str:
        """Others make something, under ours perhaps; until the end of the life they keep it."""
        made: str = getattr(self.world.others, table).create(body)["id"]
        self.world.clock.advance(5)
        table = table.replace("l7_", "l7")
        self.auditor.others[table, made] = copy.deepcopy(self.tables[table][made])
        self._by_hand.append((table, made))
        return made

    def take_away(self) -> None:
        """What they have made by hand they delete."""
        for table, id_ in self._by_hand:
            self.auditor.others.pop((table, id_))
            if id_ in self.tables[table]:
                getattr(self.world.others, table).delete(id_)
                self.world.clock.advance(5)
        self._by_hand.clear()

    def estranged(self, key: Key) -> None:
        """What an object had in the cloud is somebody else's from now on: it stays as it is."""
        uid = self.world.object(key).uid
        for name, rows in self.tables.items():
            for id_, row in rows.items():
                mark = mark_of(row)
                if mark is not None and mark.uid == uid:
                    self.auditor.others[name, id_] = copy.deepcopy(row)

    # What a user does.

    def apply(self, kind: str, name: str, spec: Mapping[str, Any], **how: Any) -> Key:
        """``kubectl apply`` of an object; one that was deleted gets a new UID."""
        key = key_of(custom(kind, name, spec))
        if self.world.get(key) is None:
            self._lives[key] = self._lives.get(key, 0) + 1
        return self.world.apply(custom(kind, name, spec, life=self._lives[key], **how))

    def store(self, name: str, **texts: str) -> None:
        """A Secret for TLS comes, or changes: ``tls_crt`` stands for ``tls.crt``."""
        self.secrets[name] = {key.replace("_", "."): text for key, text in texts.items()}
        self.world.apply(tls_secret(name, encoded(**texts)))

    def restore(self, key: Key, **annotations: str) -> Key:
        """What a backup does: the object is there again with its finalizers, but has another UID and no status."""
        spec = copy.deepcopy(dict(self.world.object(key).spec))
        self.world.vanish(key)
        self.apply(key.kind, key.name, spec)
        self.world.poke(key, lambda body: body["metadata"].update(finalizers=[FINALIZER]))
        if annotations:
            self.world.annotate(key, **annotations)
        return key

    def delete(self, *keys: Key) -> None:
        """``kubectl delete`` of these objects; of all without any."""
        for key in keys or self.world.all_keys():
            body = self.world.object(key).body
            if body["spec"].get("deletionPolicy") == "Retain" and not body["metadata"].get("deletionTimestamp"):
                self.auditor.retained.append(copy.deepcopy(dict(body)))
            self.world.delete(key)

    # What is there.

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """The cloud's tables."""
        return self.world.fake.tables

    def bodies(self) -> list[Body]:
        """The objects in the API server."""
        return [body for kind in self.world.reconcilers for body in self.world.kube.held(RESOURCES[kind])]

    def specs(self) -> dict[Key, Body]:
        """The specs of all objects that are not to go."""
        return {
            key_of(body): copy.deepcopy(body["spec"])
            for body in self.bodies()
            if "deletionTimestamp" not in body["metadata"]
        }

    def row(self, key: Key) -> dict[str, Any]:
        """The row that an object stands for, as its status says."""
        id_ = self.world.object(key).status["id"]
        (row,) = [rows[id_] for rows in self.tables.values() if id_ in rows]
        return row

    # How it ends.

    def settle(self) -> None:
        """Until nothing is left to do, all that comes late has come, and a resync has found nothing more."""
        seconds = 150.0 if self.auditor.may_wait else 900.0  # who waits looks again each minute
        self.world.run(seconds)
        self.world.clock.advance(GRACE)
        self.world.resync()
        self.world.run(seconds)

    def findings(self) -> list[str]:
        """What the auditor finds; and that nothing happens any more."""
        barbican = self.world.fake.barbican
        payloads = {row["secret_ref"]: barbican.payloads[id_] for id_, row in barbican.table.items()}
        found = self.auditor.audit(self.tables, self.bodies())
        found += vault.wrong(self.tables, vault.Vault(payloads, self.secrets), self.bodies())
        if not found:
            before = copy.deepcopy(self.tables)
            self.world.resync()
            self.world.run(60)
            found = [
                f"{name} {id_} changes without a reason"
                for name, rows in self.tables.items()
                for id_ in {*rows, *before[name]}
                if rows.get(id_) != before[name].get(id_)
            ]
        return found

    def end(self) -> list[str]:
        """Delete all objects; what the auditor finds then."""
        self.take_away()
        self.delete()
        self.auditor.may_wait.clear()
        self.settle()
        return self.findings()


def changed(before: Mapping[Key, Body], after: Mapping[Key, Body]) -> Iterable[Key]:
    """The objects whose spec is another one, or that are new."""
    return [key for key, spec in after.items() if before.get(key) != spec]
