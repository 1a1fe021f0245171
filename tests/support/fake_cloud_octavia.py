"""The rules of Octavia that a client meets, in memory. Refusals carry Octavia's own status and words.

Every change locks the load balancer and all it touches, until ``settle``. As Octavia does, only the POST of a load
balancer takes a tree: anything nested in another POST is answered with 500 (tried with octavia 19).
"""

# ruff: noqa: A002 - the API says id

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support.fake_cloud_octavia_rules import (
    check_body,
    check_listener,
    check_monitor,
    check_protocols,
    defaults,
    immutable,
    invalid,
    not_found,
    persistence,
    policy_values,
)
from tests.support.fake_cloud_octavia_tls import check_clients_of, check_members_of
from tests.support.fake_cloud_octavia_trees import Trees
from tests.support.fake_cloud_rules import Many, Refused, Row

_BATCH = {"weight": 1, "backup": False, "admin_state_up": True, "monitor_address": None, "monitor_port": None}
"""What a member gets back in a batch that does not name it; its name and tags stay."""
_NESTED = ("members", "healthmonitor", "default_pool", "l7policies", "rules")
PARENTS = {"members": ("pools", "pool_id"), "l7rules": ("l7policies", "l7policy_id")}


class Octavia(Trees):
    """All of it."""

    def inside(self, project: str, collection: str, parent_id: str, id: str | None = None) -> Row:
        """The parent, in whose path a request is, and that what it asks for is there."""
        above, key = PARENTS[collection]
        parent = self._find(project, above, parent_id)
        if id is not None and self._find(project, collection, id)[key] != parent_id:
            raise not_found(collection[:-1].capitalize(), id)
        return parent

    def create(self, project: str, collection: str, bodies: Many) -> Many:
        """One, in the list that the look-alike of a collection unpacks."""
        (body,) = bodies
        hidden = {key: body[key] for _, key in PARENTS.values() if collection in PARENTS and key in body}
        body = {name: value for name, value in body.items() if name not in hidden}
        check_body(collection, body)
        if collection == "load_balancers":
            return [self._shown(collection, self._plant(project, body), whole=True)]
        if any(body.get(name) for name in _NESTED):
            raise Refused(500, None, "'dict' object has no attribute '_sa_instance_state'")
        make: dict[str, Callable[[str, Row], Row]] = {
            "listeners": self._create_listener,
            "pools": self._create_pool,
            "members": self._create_member,
            "health_monitors": self._create_monitor,
            "l7policies": self._create_policy,
            "l7rules": self._create_rule,
        }
        row = make[collection](project, {**body, **hidden})
        for other in self._above(collection, row):
            self._mark(other, "PENDING_UPDATE")
        return [self._shown(collection, row)]

    def _create_listener(self, project: str, body: Row) -> Row:
        balancer = self._find(project, "load_balancers", body["loadbalancer_id"])
        self._check_lock("listeners", {"load_balancer_id": balancer["id"]})
        return self._new_listener(balancer, body)

    def _create_pool(self, project: str, body: Row) -> Row:
        listener = None
        if body.get("listener_id"):
            listener = self._find(project, "listeners", body["listener_id"])
            check_protocols(listener["protocol"], body["protocol"])
        if not listener and not body.get("loadbalancer_id"):
            raise invalid("Must provide at least one of: loadbalancer_id, listener_id")
        above = body.get("loadbalancer_id") or (listener or {})["load_balancer_id"]
        balancer = self._find(project, "load_balancers", above)
        if listener and listener["default_pool_id"]:
            raise Refused(409, None, "This listener already has a default pool")
        if balancer["provisioning_status"] != "ACTIVE":
            raise immutable("Load Balancer", balancer["id"])
        row = self._new_pool(balancer, body)
        if listener:
            listener["default_pool_id"] = row["id"]
        return row

    def _create_member(self, project: str, body: Row) -> Row:
        pool = self._find(project, "pools", body["pool_id"])
        self._check_subnets(project, [body])
        self._check_lock("members", body)
        return self._new_member(pool, body)

    def _create_monitor(self, project: str, body: Row) -> Row:
        pool = self._find(project, "pools", body["pool_id"])
        self._check_lock("health_monitors", body)
        if body.get("type") == "TCP":
            self._conflict(pool["loadbalancer_id"])
        return self._new_monitor(pool, body)

    def _conflict(self, balancer: str) -> None:
        """The database's, at the second TCP monitor of a load balancer, in the words that Octavia finds for it."""
        pools = {pool["id"] for pool in self._having("pools", "loadbalancer_id", balancer)}
        there = [row for row in self.tables["health_monitors"].values() if row["pool_id"] in pools]
        if sum(row["type"] == "TCP" for row in there) != 1:
            return
        if self._refused[balancer] < self._neutron.traits.monitor_refusals:
            self._refused[balancer] += 1
            raise Refused(400, None, "TCP is not a valid option for type")

    def _create_policy(self, project: str, body: Row) -> Row:
        listener = self._find(project, "listeners", body["listener_id"])
        self._check_lock("l7policies", body)
        return self._new_policy(listener, body)

    def _create_rule(self, project: str, body: Row) -> Row:
        policy = self._find(project, "l7policies", body["l7policy_id"])
        self._check_lock("l7rules", body)
        return self._new_rule(policy, body)

    def _check_subnets(self, project: str, bodies: Sequence[Mapping[str, Any]]) -> None:
        for subnet in dict.fromkeys(body.get("subnet_id") for body in bodies):
            if subnet:
                self._there(project, "subnets", subnet)

    # ── changes ──

    def update(self, project: str, collection: str, id: str, body: Row, if_revision: int | None = None) -> Row:
        _no_revision(collection, if_revision)
        check_body(collection, body, put=True)
        row = self._find(project, collection, id)
        reset = defaults(collection)
        values = {name: reset.get(name) if value is None else value for name, value in body.items()}
        values = self._changed(project, collection, row, values)
        position = values.pop("position", None)
        if collection == "load_balancers":
            self._check_state(row, ("ACTIVE",))
        above = self._check_lock(collection, row) if collection != "load_balancers" else []
        row.update(values)
        if position is not None:
            self._place(row, position)
        for other in (*above, row):
            self._mark(other, "PENDING_UPDATE")
        return self._shown(collection, row)

    def _changed(self, project: str, collection: str, row: Row, values: Row) -> Row:
        """The values as they will be, or a refusal."""
        if collection == "load_balancers":
            for group in values.get("vip_sg_ids") or ():
                self._there(project, "security_groups", group)
        elif collection == "listeners":
            balancer = self.tables["load_balancers"][row["load_balancer_id"]]
            self._check_pool(balancer["id"], values.get("default_pool_id"), row["protocol"])
            check_listener({**row, **values}, *self._addresses(balancer))
            self._check_certificates(values)
            self._check_trust(*check_clients_of(row, values))
            if not values.get("allowed_cidrs", True):
                values["allowed_cidrs"] = None
        elif collection == "pools":
            if "session_persistence" in values:
                wanted = values["session_persistence"]
                values["session_persistence"] = persistence(wanted, row["session_persistence"], row["protocol"])
            self._check_certificates(values)
            self._check_trust(*check_members_of(row, values))
        elif collection == "health_monitors":
            pool = self.tables["pools"][row["pool_id"]]
            values = check_monitor({**row, **values}, values, pool["protocol"])
        elif collection == "l7policies":
            listener = self.tables["listeners"][row["listener_id"]]
            self._check_pool(listener["load_balancer_id"], values.get("redirect_pool_id"), listener["protocol"])
            place = {name: values[name] for name in ("position",) if values.get(name) is not None}
            values = {**policy_values(values, row), **place}
        return values

    def replace_members(self, project: str, pool_id: str, bodies: Sequence[Row]) -> None:
        """All of a pool's members at once, by address (as text) and port."""
        for body in bodies:
            check_body("members", body)
        pool = self._find(project, "pools", pool_id)
        above = self._check_lock("members", {"pool_id": pool_id})
        old = {_place_of(row): row for row in self._having("members", "pool_id", pool_id)}
        new = [body for body in bodies if _place_of(body) not in old]
        kept = [body for body in bodies if _place_of(body) in old]
        gone = [row for place, row in old.items() if place not in {_place_of(body) for body in bodies}]
        if not (new or kept or gone):
            return
        self._check_batch(project, new, kept, len(gone))
        for body in new:
            self._new_member(pool, body, counted=True)
        for body in kept:
            row = old[_place_of(body)]
            row.update({**_BATCH, **{name: value for name, value in body.items() if value is not None}})
            self._mark(row, "PENDING_UPDATE")
        for row in gone:
            self._mark(row, "PENDING_DELETE")
        for row in above:
            self._mark(row, "PENDING_UPDATE")

    def _check_batch(self, project: str, new: Sequence[Row], kept: Sequence[Row], gone: int) -> None:
        if len({_place_of(body) for body in kept}) != len(kept):
            raise invalid("Member must be updated only once in the same request.")
        if len(new) > gone:
            self._quota(project, "members", len(new) - gone)
        self._check_subnets(project, new)
        places = [_place_of(body) for body in new]
        for number, body in enumerate(new):
            if places[number] in places[:number]:
                raise self._taken(body)

    # ── deletion ──

    def delete(
        self, project: str, collection: str, id: str, if_revision: int | None = None, *, cascade: bool = False
    ) -> None:
        _no_revision(collection, if_revision)
        row = self._find(project, collection, id)
        above: Many = []
        if collection == "load_balancers":
            below = self._having("listeners", "load_balancer_id", id) + self._having("pools", "loadbalancer_id", id)
            if below and not cascade:
                raise invalid(f"Cannot delete Load Balancer {id} - it has children")
            self._check_state(row, ("ACTIVE", "ERROR"))
        else:
            if collection == "pools":
                for policy in self._having("l7policies", "redirect_pool_id", id):
                    raise Refused(409, None, f"Pool {id} is in use by L7 policy {policy['id']}")
            above = self._check_lock(collection, row)
        for other in above:
            self._mark(other, "PENDING_UPDATE")
        self._mark(row, "PENDING_DELETE")

    @staticmethod
    def _check_state(balancer: Row, good: Sequence[str]) -> None:
        state = balancer["provisioning_status"]
        if state not in good:
            message = f"Invalid state {state} of loadbalancer resource {balancer['id']}"
            raise Refused(409, None, message)


def _place_of(member: Mapping[str, Any]) -> tuple[str, int]:
    return member["address"], member["protocol_port"]


def _no_revision(collection: str, if_revision: int | None) -> None:
    if if_revision is not None:
        raise ValueError(f"{collection} have no revision number")
