"""What is in an Octavia in memory: the rows of a load balancer's tree, how they are shown, and how they settle."""

# ruff: noqa: A002 - the API says id

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from infomaniak_operator.client.rest import check
from tests.support.fake_cloud_neutron import Neutron
from tests.support.fake_cloud_octavia_rules import KINDS, NOUNS, QUOTAS, defaults, immutable, not_found
from tests.support.fake_cloud_rules import Many, Refused, Row, passes

OWNER = "Octavia"
_HIDDEN = {"load_balancer_id", "loadbalancer_id", "pool_id", "l7policy_id"}
"""Which parent a row belongs to: a filter, but not part of the answer."""
STATISTICS = ("active_connections", "total_connections", "bytes_in", "bytes_out", "request_errors")
_CHILDREN_FIRST = ("members", "health_monitors", "l7rules", "l7policies", "pools", "listeners", "load_balancers")


class Rows:
    """The tables, in those of Neutron, whose clock they share.

    Args:
        neutron: where the ports are.

    Attributes:
        counted: by the id of a listener, what passed through it, for a test to say.
    """

    def __init__(self, neutron: Neutron) -> None:
        self._neutron = neutron
        self._amphorae: dict[str, list[str]] = {}
        self._refused: Counter[str] = Counter()
        self.tables = neutron.tables
        self.tables.update({name: {} for name in KINDS})
        neutron.quotas.update(QUOTAS)
        self.quotas = neutron.quotas
        self.unreadable: set[str] = set()
        self.keeper: Callable[[str], bool] = lambda _: True
        self.payload: Callable[[str], bytes | None] = lambda _: None
        self.names = frozenset(KINDS)
        self.counted: dict[str, dict[str, int]] = {}

    @staticmethod
    def check(collection: str, body: Mapping[str, Any]) -> None:
        """As the client does: unknown attributes are refused before any call."""
        check(KINDS[collection], body)

    @staticmethod
    def check_filters(collection: str, filters: Mapping[str, Any]) -> None:
        """As the client does: unknown filters are refused before any call."""
        unknown = set(filters) - KINDS[collection].filters
        if unknown or None in filters.values():
            raise ValueError(f"{collection} have no filter {sorted(unknown)}")

    def list(self, project: str, collection: str, fields: Sequence[str] | None, filters: Mapping[str, Any]) -> Many:
        if filters.get("project_id", project) != project:
            raise _forbidden()
        rows = [row for row in self.tables[collection].values() if row["project_id"] == project]
        found = [row for row in rows if all(passes(row, name, value) for name, value in filters.items())]
        shown = [self._shown(collection, row) for row in found]
        return [{name: row[name] for name in fields if name in row} for row in shown] if fields else shown

    def get(self, project: str, collection: str, id: str) -> Row:
        return self._shown(collection, self._find(project, collection, id))

    def limits(self) -> Row:
        """The quotas under Octavia's names, which tells no use of them."""
        names = {name: NOUNS[name].lower().replace(" ", "_") for name in KINDS}
        names |= {"l7policies": "l7policy", "l7rules": "l7rule"}
        limits = {one: self.quotas[name] for name, one in names.items()}
        return {**limits, "loadbalancer": limits["load_balancer"], "healthmonitor": limits["health_monitor"]}

    # ── rows ──

    def _insert(self, collection: str, project: str, values: Mapping[str, Any], id: str | None = None) -> Row:
        made = {
            "id": id or self._neutron.new_id(),
            "project_id": project,
            "tenant_id": project,
            "created_at": self._now(),
            "updated_at": None,
            "provisioning_status": "PENDING_CREATE",
            "operating_status": "OFFLINE",
            **defaults(collection),
            **{name: value for name, value in values.items() if value is not None},
        }
        self.tables[collection][made["id"]] = made
        return made

    def _now(self) -> str:
        return self._neutron.tick().strftime("%Y-%m-%dT%H:%M:%S")

    def _mark(self, row: Row, status: str) -> None:
        row["provisioning_status"] = status
        row["updated_at"] = self._now()

    def _find(self, project: str, collection: str, id: str) -> Row:
        row = self.tables[collection].get(id)
        if row is None:
            raise not_found(NOUNS[collection], id)
        if row["project_id"] != project:
            raise _forbidden()
        return row

    def _quota(self, project: str, collection: str, count: int = 1) -> None:
        used = sum(row["project_id"] == project for row in self.tables[collection].values())
        if used + count > self.quotas[collection] >= 0:
            raise Refused(403, None, f"Quota has been met for resources: {NOUNS[collection]}")

    def _having(self, collection: str, parent: str, id: str) -> Many:
        rows = [row for row in self.tables[collection].values() if row[parent] == id]
        return sorted(rows, key=lambda row: row["position"]) if collection == "l7policies" else rows

    # ── who is above whom ──

    def _users(self, pool: Row) -> Many:
        """The listeners that send to the pool: as their default, or by a policy that is in force."""
        users = [row for row in self.tables["listeners"].values() if row["default_pool_id"] == pool["id"]]
        for policy in self._having("l7policies", "redirect_pool_id", pool["id"]):
            listener = self.tables["listeners"][policy["listener_id"]]
            if self._in_force(policy) and listener not in users:
                users.append(listener)
        return users

    def _used(self, listener: Row) -> Many:
        """The pools the listener sends to."""
        pools = self.tables["pools"]
        ids = [listener["default_pool_id"]]
        policies = self._having("l7policies", "listener_id", listener["id"])
        ids += [policy["redirect_pool_id"] for policy in policies if self._in_force(policy)]
        return [pools[one] for one in dict.fromkeys(ids) if one in pools]

    def _in_force(self, policy: Row) -> bool:
        return bool(policy["admin_state_up"] and self._having("l7rules", "l7policy_id", policy["id"]))

    def _above(self, collection: str, row: Row) -> Many:
        """What a change of the row locks with it, the load balancer first."""
        tables = self.tables
        if collection == "load_balancers":
            return []
        if collection == "listeners":
            return [tables["load_balancers"][row["load_balancer_id"]]]
        if collection == "pools":
            return [tables["load_balancers"][row["loadbalancer_id"]], *self._users(row)]
        if collection in ("members", "health_monitors"):
            pool = tables["pools"][row["pool_id"]]
            return [*self._above("pools", pool), pool]
        if collection == "l7policies":
            listener = tables["listeners"][row["listener_id"]]
            return [*self._above("listeners", listener), listener]
        policy = tables["l7policies"][row["l7policy_id"]]
        return [*self._above("l7policies", policy), policy]

    def _check_lock(self, collection: str, row: Row) -> Many:
        """Refuse unless a change of the row may begin; returns what it locks."""
        above = self._above(collection, row)
        if collection in ("members", "health_monitors") and above[-1]["provisioning_status"] != "ACTIVE":
            raise immutable("Pool", row["pool_id"])
        if collection == "l7rules" and above[-1]["provisioning_status"] != "ACTIVE":
            raise immutable("L7Policy", row["l7policy_id"])
        if above[0]["provisioning_status"] != "ACTIVE":
            raise immutable("Load Balancer", above[0]["id"])
        return above

    # ── what is answered ──

    def _shown(self, collection: str, row: Row, *, whole: bool = False) -> Row:
        """As Octavia answers; ``whole`` as in the answer to the POST of a tree."""
        shown = {name: value for name, value in row.items() if name not in _HIDDEN}
        own = row["id"]
        if collection == "load_balancers":
            for name, parent in (("listeners", "load_balancer_id"), ("pools", "loadbalancer_id")):
                shown[name] = self._parts(name, self._having(name, parent, own), whole)
        elif collection == "listeners":
            shown["l7policies"] = self._parts("l7policies", self._having("l7policies", "listener_id", own), whole)
            shown |= {} if whole else {"loadbalancers": [{"id": row["load_balancer_id"]}]}
        elif collection == "pools":
            shown["listeners"] = [{"id": user["id"]} for user in self._users(row)]
            shown["members"] = self._parts("members", self._having("members", "pool_id", own), whole)
            monitor = next(iter(self._having("health_monitors", "pool_id", own)), None)
            if whole:
                shown["healthmonitor"] = monitor and self._shown("health_monitors", monitor, whole=True)
            else:
                shown["loadbalancers"] = [{"id": row["loadbalancer_id"]}]
                # Octavia leaves the name out where there is none.
                shown |= {"healthmonitor_id": monitor["id"]} if monitor else {}
        elif collection == "health_monitors" and not whole:
            shown["pools"] = [{"id": row["pool_id"]}]
        elif collection == "l7policies":
            shown["rules"] = self._parts("l7rules", self._having("l7rules", "l7policy_id", own), whole)
        return shown

    def _parts(self, collection: str, rows: Sequence[Row], whole: bool) -> Many:
        return [self._shown(collection, row, whole=True) if whole else {"id": row["id"]} for row in rows]

    def status_tree(self, project: str, id: str) -> Row:
        row = self._find(project, "load_balancers", id)
        listeners = []
        for listener in self._having("listeners", "load_balancer_id", id):
            pools = [self._pool_status(pool) for pool in self._used(listener)]
            listeners.append({**_status(listener), "pools": pools})
        return {"loadbalancer": {**_status(row), "listeners": listeners}}

    def statistics(self, project: str, collection: str, id: str) -> Row:
        """What was counted: as ``counted`` says of each listener; nothing, where it says nothing."""
        row = self._find(project, collection, id)
        listeners = [row] if collection == "listeners" else self._having("listeners", "load_balancer_id", id)
        found = [self.counted.get(each["id"], {}) for each in listeners]
        return {name: sum(each.get(name, 0) for each in found) for name in STATISTICS}

    def _pool_status(self, pool: Row) -> Row:
        members = self._having("members", "pool_id", pool["id"])
        shown = {**_status(pool), "members": [_status(one, "address", "protocol_port") for one in members]}
        for monitor in self._having("health_monitors", "pool_id", pool["id"]):
            shown["health_monitor"] = _status(monitor, "type")
        return shown

    # ── settling ──

    def settle(self) -> None:
        """What is PENDING gets ACTIVE and ONLINE, or goes."""
        for collection, row in list(self._pending()):
            if row["id"] not in self.tables[collection]:
                continue  # gone with its parent
            if row["provisioning_status"] == "PENDING_DELETE":
                self._remove(collection, row)
            else:
                if (collection, row["provisioning_status"]) == ("load_balancers", "PENDING_CREATE"):
                    self._plug(row)
                row["operating_status"] = "ONLINE"
                self._mark(row, "ACTIVE")

    def _plug(self, balancer: Row) -> None:
        """The amphorae's ports, which are the service's own."""
        for _ in range(self._neutron.traits.amphora_ports):
            amphora = self._neutron.new_id()
            body = {"name": f"octavia-lb-vrrp-{amphora}", "device_owner": OWNER, "device_id": "", "status": "DOWN"}
            network = self.tables["networks"][balancer["vip_network_id"]]
            port = self._neutron.plug(network, balancer["vip_subnet_id"], body)
            self._amphorae.setdefault(balancer["id"], []).append(port["id"])

    def _pending(self) -> Iterator[tuple[str, Row]]:
        for collection in _CHILDREN_FIRST:
            for row in self.tables[collection].values():
                if row["provisioning_status"].startswith("PENDING"):
                    yield collection, row

    def _remove(self, collection: str, row: Row) -> None:
        below = {
            "load_balancers": (("pools", "loadbalancer_id"), ("listeners", "load_balancer_id")),
            "listeners": (("l7policies", "listener_id"),),
            "pools": (("members", "pool_id"), ("health_monitors", "pool_id")),
            "l7policies": (("l7rules", "l7policy_id"),),
        }
        for name, parent in below.get(collection, ()):
            for child in self._having(name, parent, row["id"]):
                self._remove(name, child)
        del self.tables[collection][row["id"]]
        if collection == "pools":
            for listener in self.tables["listeners"].values():
                if listener["default_pool_id"] == row["id"]:
                    listener["default_pool_id"] = None
        elif collection == "l7policies":
            self._number(self._having("l7policies", "listener_id", row["listener_id"]))
        elif collection == "load_balancers":
            for amphora in self._amphorae.pop(row["id"], ()):
                self.tables["ports"].pop(amphora, None)
            port = self.tables["ports"].get(row["vip_port_id"])
            if port and port["device_owner"] == OWNER:
                self._neutron.delete(port["project_id"], "ports", port["id"], None)

    @staticmethod
    def _number(policies: Sequence[Row]) -> None:
        for position, policy in enumerate(policies, 1):
            policy["position"] = position


def _status(row: Row, *more: str) -> Row:
    return {name: row[name] for name in ("id", "name", "provisioning_status", "operating_status", *more)}


def _forbidden() -> Refused:
    return Refused(403, None, "Policy does not allow this request to be performed.")
