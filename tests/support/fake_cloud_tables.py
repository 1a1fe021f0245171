"""The tables of a Neutron in memory: the five verbs, who sees what, revisions, rights and quotas."""

# ruff: noqa: A002 - the API says id

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from infomaniak_operator.client import kinds
from infomaniak_operator.client.rest import check
from sandbox.traits import PLAIN, Traits
from tests.support.fake_cloud_rules import Many, Refused, Row, no_doubles, passes

KINDS = {
    "networks": kinds.NETWORKS,
    "subnets": kinds.SUBNETS,
    "routers": kinds.ROUTERS,
    "security_groups": kinds.SECURITY_GROUPS,
    "security_group_rules": kinds.SECURITY_GROUP_RULES,
    "floating_ips": kinds.FLOATING_IPS,
    "ports": kinds.PORTS,
}
_NOUNS = {
    "networks": "Network",
    "subnets": "Subnet",
    "routers": "Router",
    "security_groups": "SecurityGroup",
    "security_group_rules": "SecurityGroupRule",
    "floating_ips": "FloatingIP",
    "ports": "Port",
}
_FIXED = {
    "networks": {"project_id", "is_default", "availability_zone_hints"},
    "subnets": {
        "project_id",
        "network_id",
        "cidr",
        "ip_version",
        "ipv6_address_mode",
        "ipv6_ra_mode",
        "prefixlen",
        "subnetpool_id",
    },
    "routers": {"project_id", "availability_zone_hints", "ha"},
    "security_groups": {"project_id"},
    "floating_ips": {"project_id", "floating_network_id", "floating_ip_address", "subnet_id"},
    "ports": {"project_id", "network_id"},
}
"""What a POST takes and a PUT does not."""
_FORBIDDEN = {
    "networks": {"router:external", "is_default", "provider:network_type", "provider:segmentation_id"},
    "routers": {"distributed", "ha"},
    "floating_ips": {"floating_ip_address"},
    "ports": set(),
}
"""What takes more rights than a customer has."""
_WITHOUT_REVISION = {"dns_nameservers", "allocation_pools", "host_routes"}
"""What a subnet keeps in tables of their own: a change of them leaves its revision number as it was."""
INTERFACE = "network:router_interface"
HA_INTERFACE = "network:ha_router_replicated_interface"
INTERFACES = (INTERFACE, HA_INTERFACE)
DHCP = "network:dhcp"
GATEWAY = "network:router_gateway"
FLOATING = "network:floatingip"
OTHERS = "cloud"
"""The project of what the cloud itself owns."""


LONGEST = 255
"""Characters of a name or a description."""


class Tables:
    """All tables, and what is common to all that is in them."""

    def __init__(self, new_id: Callable[[], str], traits: Traits = PLAIN) -> None:
        self.new_id = new_id
        self.traits = traits
        self._moment = datetime(2026, 1, 1, tzinfo=UTC)
        self.now: Callable[[], float] | None = None
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in KINDS}
        self._shares: set[tuple[str, str]] = set()
        self.subnet_pools: dict[str, Row] = {}
        self.administrators: set[str] = set()
        """The projects whose credential has an administrator's rights."""
        self.qos_policies: set[str] | None = set()
        """The ids of those that all projects may use; None: Neutron's extension qos is not loaded."""
        self.quotas = {
            "networks": 10,
            "subnets": 10 if traits.small_quotas else 50,
            "routers": 10,
            "security_groups": 10,
            "security_group_rules": 100,
            "floating_ips": 10,
            "ports": 20 if traits.small_quotas else 500,
        }

    # ── the five verbs ──

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
        rows = [self._shown(collection, row) for row in self.tables[collection].values() if self._sees(project, row)]
        found = [row for row in rows if all(passes(row, name, value) for name, value in filters.items())]
        return [{name: row[name] for name in fields if name in row} for row in found] if fields else found

    def get(self, project: str, collection: str, id: str) -> Row:
        return self._shown(collection, self._find(project, collection, id))

    def create(self, project: str, collection: str, bodies: Many) -> Many:
        """All or none."""
        before = {name: {key: dict(row) for key, row in self.tables[name].items()} for name in KINDS}
        if collection == "security_group_rules":
            no_doubles(bodies)
        try:
            made = [self._create_one(project, collection, body) for body in bodies]
        except Refused:
            for name, table in before.items():
                self.tables[name].clear()
                self.tables[name].update(table)
            raise
        return [self._shown(collection, row) for row in made]

    def _create_one(self, project: str, collection: str, body: Row) -> Row:
        if body.get("project_id", project) != project:
            raise Refused(403, "PolicyNotAuthorized", f"rule:create_{KINDS[collection].one} is disallowed by policy")
        _check_lengths(body)
        self._check_rights(project, collection, body)
        self._check_qos(body)
        used = sum(row["project_id"] == project for row in self.tables[collection].values())
        if used >= self.quotas[collection] >= 0:
            raise Refused(409, "OverQuota", f"Quota exceeded for resources: ['{KINDS[collection].one}'].")
        make: dict[str, Callable[[str, Row], Row]] = {
            "networks": self._create_network,
            "subnets": self._create_subnet,
            "routers": self._create_router,
            "security_groups": self._create_group,
            "security_group_rules": self._create_rule,
            "floating_ips": self._create_floating_ip,
            "ports": self._create_port,
        }
        return make[collection](project, {name: value for name, value in body.items() if name != "project_id"})

    def update(self, project: str, collection: str, id: str, body: Row, if_revision: int | None) -> Row:
        row = self._own(project, collection, id)
        self._check_revision(collection, row, if_revision)
        fixed = sorted(set(body) & _FIXED.get(collection, set(body)))
        if fixed:
            raise Refused(400, "HTTPBadRequest", f"Cannot update read-only attribute {fixed[0]}")
        _check_lengths(body)
        self._check_rights(project, collection, body)
        self._check_qos(body)
        change = {
            "subnets": self._change_subnet,
            "routers": self._change_router,
            "floating_ips": self._change_floating_ip,
            "ports": self._change_port,
        }.get(collection)
        if change:
            body = change(row, dict(body))
        self._set(row, body)
        return self._shown(collection, row)

    def delete(self, project: str, collection: str, id: str, if_revision: int | None) -> None:
        row = self._own(project, collection, id)
        self._check_revision(collection, row, if_revision)
        remove = {
            "networks": self._delete_network,
            "subnets": self._delete_subnet,
            "routers": self._delete_router,
            "security_groups": self._delete_group,
            "security_group_rules": self._delete_rule,
            "floating_ips": self._delete_floating_ip,
            "ports": self._delete_port,
        }
        remove[collection](row)
        self.tables[collection].pop(id, None)

    def replace_tags(self, project: str, collection: str, id: str, tags: list[str]) -> list[str]:
        row = self._own(project, collection, id)
        self._set(row, {"tags": sorted(set(tags))})
        return list(row["tags"])

    def usage(self, project: str) -> dict[str, Row]:
        """The quota and what is used of it, under Neutron's names."""
        return {
            KINDS[name].one: {
                "limit": limit,
                "used": sum(row["project_id"] == project for row in self.tables[name].values()),
                "reserved": 0,
            }
            for name, limit in self.quotas.items()
            if name in KINDS
        }

    # ── common ground ──

    def tick(self) -> datetime:
        """The cloud's clock: it moves with what happens in it, and keeps up with that of a test that has one."""
        self._moment += timedelta(seconds=1)
        if self.now is not None:
            self._moment = max(self._moment, datetime.fromtimestamp(int(self.now()), UTC))
        return self._moment

    def _insert(self, collection: str, project: str, row: Row) -> Row:
        stamp = self.tick().strftime("%Y-%m-%dT%H:%M:%SZ")
        common = {
            "id": self.new_id(),
            "project_id": project,
            "tenant_id": project,
            "description": "",
            "tags": [],
            "revision_number": 1,
            "created_at": stamp,
            "updated_at": stamp,
        }
        made = {**common, **{name: value for name, value in row.items() if value is not None or name not in common}}
        self.tables[collection][made["id"]] = made
        return made

    def _set(self, row: Row, body: Mapping[str, Any]) -> None:
        changed = {name: value for name, value in body.items() if row.get(name) != value}
        row.update(changed)
        if set(changed) - _WITHOUT_REVISION:
            self._touch(row)

    def _touch(self, row: Row) -> None:
        row["revision_number"] += 1
        row["updated_at"] = self.tick().strftime("%Y-%m-%dT%H:%M:%SZ")

    def share(self, network_id: str, project: str) -> None:
        """Let another project use a network, as its owner does by an RBAC policy."""
        self._shares.add((network_id, project))

    def unshare(self, network_id: str, project: str) -> None:
        """Take that away again."""
        self._shares.remove((network_id, project))

    def shares(self, project: str) -> dict[str, list[str]]:
        """Of each network of a project, or of an administrator's cloud, with which projects it is shared."""
        found: dict[str, list[str]] = {}
        networks = self.tables["networks"]
        for id_, other in sorted(self._shares):
            if id_ in networks and (project in self.administrators or networks[id_]["project_id"] == project):
                found.setdefault(id_, []).append(other)
        return found

    def _sees(self, project: str, row: Row) -> bool:
        if row["project_id"] == project or row.get("shared") or row.get("router:external"):
            return True
        if row["id"] in self.tables["networks"]:
            return (row["id"], project) in self._shares
        if row["id"] in self.tables["ports"]:
            return self.tables["networks"][row["network_id"]]["project_id"] == project  # on its own network anybody's
        if row["id"] in self.tables["subnets"]:
            # Not those of an external network: Infomaniak shows them to nobody, the sandbox's Neutron to all.
            network = self.tables["networks"][row["network_id"]]
            return bool(network.get("shared") or (network["id"], project) in self._shares)
        return False

    def _find(self, project: str, collection: str, id: str) -> Row:
        row = self.tables[collection].get(id)
        if row is None or not self._sees(project, row):
            noun = _NOUNS[collection]
            kind = {"SecurityGroup": "SecurityGroupNotFound"}.get(noun, f"{noun}NotFound")
            raise Refused(404, kind, f"{noun} {id} could not be found.")
        return row

    def _own(self, project: str, collection: str, id: str) -> Row:
        row = self._find(project, collection, id)
        if row["project_id"] != project:
            raise Refused(403, "PolicyNotAuthorized", f"rule:update_{KINDS[collection].one} is disallowed by policy")
        return row

    def _check_rights(self, project: str, collection: str, body: Mapping[str, Any]) -> None:
        if project in self.administrators:
            return
        gateway = body.get("external_gateway_info") or {}
        beyond = [name for name in _FORBIDDEN.get(collection, set()) if name in body]
        if collection == "networks" and body.get("shared"):
            beyond.append("shared")
        of_gateway = (name for name in ("enable_snat", "external_fixed_ips") if name in gateway)
        beyond += [f"external_gateway_info:{name}" for name in of_gateway]
        if beyond:
            rule = f"rule:create_{KINDS[collection].one}:{beyond[0]}"
            raise Refused(403, "PolicyNotAuthorized", f"{rule} is disallowed by policy")

    def _check_qos(self, body: Mapping[str, Any]) -> None:
        if "qos_policy_id" in body and self.qos_policies is None:
            raise Refused(400, "HTTPBadRequest", "Unrecognized attribute(s) 'qos_policy_id'")
        policy = body.get("qos_policy_id")
        if policy is not None and policy not in (self.qos_policies or ()):
            raise Refused(404, "QosPolicyNotFound", f"QoS policy {policy} could not be found.")

    @staticmethod
    def _check_revision(collection: str, row: Row, if_revision: int | None) -> None:
        if if_revision is not None and row["revision_number"] != if_revision:
            message = f"Constrained to {if_revision}, but current revision is {row['revision_number']}"
            raise Refused(412, "RevisionNumberConstraintFailed", message)

    def _shown(self, collection: str, row: Row) -> Row:
        shown = dict(row)
        if collection == "networks":
            subnets = self.tables["subnets"].values()
            shown["subnets"] = [subnet["id"] for subnet in subnets if subnet["network_id"] == row["id"]]
        if collection == "security_groups":
            rules = self.tables["security_group_rules"].values()
            shown["security_group_rules"] = [dict(rule) for rule in rules if rule["security_group_id"] == row["id"]]
        return shown


def _check_lengths(body: Row) -> None:
    """Neutron counts characters, not bytes."""
    for name in ("name", "description"):
        if len(str(body.get(name) or "")) > LONGEST:
            message = f"Invalid input for {name}. Reason: '{body[name]}' exceeds maximum length of {LONGEST}."
            raise Refused(400, "HTTPBadRequest", message)
