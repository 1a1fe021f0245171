"""The rules of Neutron that a client meets, in memory. Refusals carry Neutron's own status, type and words."""

# ruff: noqa: A002 - the API says id

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from infomaniak_operator.client import kinds
from infomaniak_operator.client.rest import check

Row = dict[str, Any]

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
    "subnets": {"project_id", "network_id", "cidr", "ip_version", "ipv6_address_mode", "ipv6_ra_mode", "prefixlen"},
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
GATEWAY = "network:router_gateway"
FLOATING = "network:floatingip"
_OTHERS = "cloud"
"""The project of what the cloud itself owns."""


class Refused(Exception):  # noqa: N818 - an answer, made an error by the client
    """The service says no."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message


class Neutron:
    """All tables, and what may be done to them."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._moment = datetime(2026, 1, 1, tzinfo=UTC)
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in KINDS}
        self.quotas = {
            "networks": 10,
            "subnets": 50,
            "routers": 10,
            "security_groups": 10,
            "security_group_rules": 100,
            "floating_ips": 10,
            "ports": 500,
        }

    def make_external(self, name: str) -> str:
        """The external network, which belongs to the cloud; returns its id."""
        network = self._insert("networks", _OTHERS, {**_network({}), "name": name, "router:external": True})
        body = {"network_id": network["id"], "cidr": "198.51.100.0/24", "ip_version": 4, "enable_dhcp": False}
        self._create_subnet(_OTHERS, body)
        return str(network["id"])

    # ── the five verbs ───────────────────────────────────────────────────────────────────────────────────────────

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

    def list(
        self, project: str, collection: str, fields: Sequence[str] | None, filters: Mapping[str, Any]
    ) -> list[Row]:
        rows = [self._shown(collection, row) for row in self.tables[collection].values() if self._sees(project, row)]
        found = [row for row in rows if all(_passes(row, name, value) for name, value in filters.items())]
        return [{name: row[name] for name in fields if name in row} for row in found] if fields else found

    def get(self, project: str, collection: str, id: str) -> Row:
        return self._shown(collection, self._find(project, collection, id))

    def create(self, project: str, collection: str, bodies: list[Row]) -> list[Row]:
        """All or none."""
        before = {name: {key: dict(row) for key, row in table.items()} for name, table in self.tables.items()}
        if collection == "security_group_rules":
            _no_doubles(bodies)
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
        self._check_rights(collection, body)
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
        self._check_rights(collection, body)
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
        }

    # ── common ground ────────────────────────────────────────────────────────────────────────────────────────────

    def _insert(self, collection: str, project: str, row: Row) -> Row:
        self._moment += timedelta(seconds=1)
        stamp = self._moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        common = {
            "id": self._new_id(),
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
        self._moment += timedelta(seconds=1)
        row["revision_number"] += 1
        row["updated_at"] = self._moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    @staticmethod
    def _sees(project: str, row: Row) -> bool:
        return bool(row["project_id"] == project or row.get("shared") or row.get("router:external"))

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

    @staticmethod
    def _check_rights(collection: str, body: Mapping[str, Any]) -> None:
        gateway = body.get("external_gateway_info") or {}
        beyond = [name for name in _FORBIDDEN.get(collection, set()) if name in body]
        if collection == "networks" and body.get("shared"):
            beyond.append("shared")
        beyond += [name for name in ("enable_snat", "external_fixed_ips") if name in gateway]
        if beyond:
            rule = f"rule:create_{KINDS[collection].one}:{beyond[0]}"
            raise Refused(403, "PolicyNotAuthorized", f"{rule} is disallowed by policy")

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

    # ── networks and subnets ─────────────────────────────────────────────────────────────────────────────────────

    def _create_network(self, project: str, body: Row) -> Row:
        return self._insert("networks", project, _network(body))

    def _delete_network(self, row: Row) -> None:
        if any(port["network_id"] == row["id"] for port in self.tables["ports"].values()):
            message = f"Unable to complete operation on network {row['id']}. There are one or more ports still in use"
            raise Refused(409, "NetworkInUse", message)
        for subnet in [one for one in self.tables["subnets"].values() if one["network_id"] == row["id"]]:
            del self.tables["subnets"][subnet["id"]]

    def _create_subnet(self, project: str, body: Row) -> Row:
        for name in ("network_id", "cidr", "ip_version"):
            if name not in body:
                raise Refused(
                    400, "HTTPBadRequest", f"Failed to parse request. Required attribute '{name}' not specified"
                )
        network = self._find(project, "networks", body["network_id"])
        net = _net(body["cidr"])
        if net.version != body["ip_version"]:
            raise _invalid(f"ip_version {body['ip_version']} and cidr {body['cidr']} differ")
        for other in self.tables["subnets"].values():
            if other["network_id"] == network["id"] and _overlap(net, _net(other["cidr"])):
                raise _invalid(
                    f"Requested subnet with cidr: {net} for network: {network['id']} overlaps with another subnet."
                )
        if not body.get("enable_dhcp", True) and (body.get("ipv6_ra_mode") or body.get("ipv6_address_mode")):
            raise _invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
        gateway = body.get("gateway_ip", str(net[1 if net.version == 4 else 0]))
        pools = body.get("allocation_pools") or _pools(net, gateway)
        _check_pools(net, gateway, pools)
        made = self._insert(
            "subnets",
            project,
            {
                "name": "",
                "enable_dhcp": True,
                "dns_nameservers": [],
                "host_routes": [],
                "ipv6_address_mode": None,
                "ipv6_ra_mode": None,
                "subnetpool_id": None,
                "service_types": [],
                **body,
                "cidr": str(net),
                "gateway_ip": _plain(gateway),
                "allocation_pools": pools,
            },
        )
        self._touch(network)
        return made

    def _change_subnet(self, row: Row, body: Row) -> Row:
        net = _net(row["cidr"])
        gateway = body.get("gateway_ip", row["gateway_ip"])
        pools = body.get("allocation_pools", row["allocation_pools"])
        if "gateway_ip" in body and body["gateway_ip"] != row["gateway_ip"]:
            used = [port for port in self._ports_on(row["id"]) if row["gateway_ip"] in _addresses(port)]
            if used:
                message = (
                    f"Current gateway ip {row['gateway_ip']} already in use by port {used[0]['id']}. Unable to update."
                )
                raise Refused(409, "GatewayIpInUse", message)
        if "gateway_ip" in body or "allocation_pools" in body:
            _check_pools(net, gateway, pools)
        return body

    def _delete_subnet(self, row: Row) -> None:
        if self._ports_on(row["id"]):
            message = (
                f"Unable to complete operation on subnet {row['id']}: One or more ports have an IP allocation from "
                "this subnet."
            )
            raise Refused(409, "SubnetInUse", message)
        self._touch(self.tables["networks"][row["network_id"]])

    def _ports_on(self, subnet_id: str) -> list[Row]:
        return [
            port
            for port in self.tables["ports"].values()
            if any(ip["subnet_id"] == subnet_id for ip in port["fixed_ips"])
        ]

    # ── ports ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _create_port(self, project: str, body: Row) -> Row:
        network = self._find(project, "networks", body.get("network_id", ""))
        groups = body.get("security_groups")
        if groups is None:
            groups = [self._default_group(project)["id"]]
        for group in groups:
            self._find(project, "security_groups", group)
        return self._port(project, network, body.get("fixed_ips"), {**body, "security_groups": list(groups)})

    def _port(self, project: str, network: Row, fixed_ips: Any, body: Mapping[str, Any]) -> Row:
        fixed = self._allocate(network, fixed_ips)
        return self._insert(
            "ports",
            project,
            {
                "name": "",
                "admin_state_up": True,
                "status": "ACTIVE" if body.get("device_owner") else "DOWN",
                "device_id": "",
                "device_owner": "",
                "security_groups": [],
                "allowed_address_pairs": [],
                "port_security_enabled": network["port_security_enabled"],
                **body,
                "network_id": network["id"],
                "fixed_ips": fixed,
            },
        )

    def _change_port(self, row: Row, body: Row) -> Row:
        if "fixed_ips" in body:
            network = self.tables["networks"][row["network_id"]]
            body["fixed_ips"] = self._allocate(network, body["fixed_ips"], row)
        return body

    def _delete_port(self, row: Row) -> None:
        if row["device_owner"] in (INTERFACE, GATEWAY, FLOATING):
            message = (
                f"Port {row['id']} cannot be deleted directly via the port API: has device owner {row['device_owner']}."
            )
            raise Refused(409, "ServicePortInUse", message)
        for address in self.tables["floating_ips"].values():
            if address["port_id"] == row["id"]:
                self._unbind(address)

    def _allocate(self, network: Row, wanted: Any, port: Row | None = None) -> list[Row]:
        subnets = {one["id"]: one for one in self.tables["subnets"].values() if one["network_id"] == network["id"]}
        if wanted is None:
            first: dict[int, str] = {}
            for subnet in subnets.values():
                first.setdefault(subnet["ip_version"], subnet["id"])
            wanted = [{"subnet_id": one} for one in first.values()]
        fixed = []
        for item in wanted:
            subnet = self._subnet_for(network, subnets, item)
            taken = {ip for other in self._ports_on(subnet["id"]) if other is not port for ip in _addresses(other)}
            taken |= {ip["ip_address"] for ip in fixed}
            address = item.get("ip_address") or _free(subnet, taken)
            if address is None:
                message = f"No more IP addresses available on network {network['id']}."
                raise Refused(409, "IpAddressGenerationFailure", message)
            if address in taken:
                raise Refused(
                    409, "IpAddressAlreadyAllocated", f"IP address {address} already allocated in subnet {subnet['id']}"
                )
            fixed.append({"subnet_id": subnet["id"], "ip_address": _plain(address)})
        return fixed

    @staticmethod
    def _subnet_for(network: Row, subnets: Mapping[str, Row], item: Mapping[str, Any]) -> Row:
        if item.get("subnet_id"):
            if item["subnet_id"] not in subnets:
                message = f"Subnet {item['subnet_id']} is not on network {network['id']}"
                raise Refused(400, "InvalidInput", f"Invalid input for operation: {message}.")
            return subnets[item["subnet_id"]]
        address = ipaddress.ip_address(item["ip_address"])
        for subnet in subnets.values():
            if address in _net(subnet["cidr"]):
                return subnet
        message = f"IP address {address} is not a valid IP for any of the subnets on the specified network."
        raise Refused(400, "InvalidIpForNetwork", message)

    # ── routers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _create_router(self, project: str, body: Row) -> Row:
        gateway = body.pop("external_gateway_info", None)
        made = self._insert(
            "routers",
            project,
            {
                "name": "",
                "admin_state_up": True,
                "status": "ACTIVE",
                "routes": [],
                **body,
                "external_gateway_info": None,
            },
        )
        if gateway:
            made["external_gateway_info"] = self._open(made, gateway)
        return made

    def _open(self, router: Row, gateway: Mapping[str, Any]) -> Row:
        network = self._find(router["project_id"], "networks", gateway.get("network_id", ""))
        if not network["router:external"]:
            message = f"Bad router request: Network {network['id']} is not an external network."
            raise Refused(400, "BadRequest", message)
        port = self._port("", network, None, {"device_id": router["id"], "device_owner": GATEWAY})
        return {"network_id": network["id"], "enable_snat": True, "external_fixed_ips": port["fixed_ips"]}

    def _change_router(self, row: Row, body: Row) -> Row:
        if "external_gateway_info" in body:
            wanted = body["external_gateway_info"] or {}
            now = row["external_gateway_info"] or {}
            if wanted.get("network_id") == now.get("network_id"):
                body["external_gateway_info"] = row["external_gateway_info"]
            else:
                if any(address["router_id"] == row["id"] for address in self.tables["floating_ips"].values()):
                    message = f"Gateway cannot be updated for router {row['id']}, since a gateway is required by one or more floating IPs."
                    raise Refused(409, "RouterExternalGatewayInUseByFloatingIp", message)
                opened = self._open(row, wanted) if wanted else None
                self._close(row, keep=opened)
                body["external_gateway_info"] = opened
        if "routes" in body:
            self._check_routes(row, body["routes"])
        return body

    def _close(self, router: Row, keep: Row | None) -> None:
        kept = (keep or {}).get("external_fixed_ips")
        for port in list(self.tables["ports"].values()):
            mine = port["device_id"] == router["id"] and port["device_owner"] == GATEWAY
            if mine and port["fixed_ips"] != kept:
                del self.tables["ports"][port["id"]]

    def _check_routes(self, router: Row, routes: Sequence[Mapping[str, Any]]) -> None:
        nets = [
            _net(self.tables["subnets"][ip["subnet_id"]]["cidr"])
            for port in self._router_ports(router)
            for ip in port["fixed_ips"]
        ]
        for route in routes:
            if not any(ipaddress.ip_address(route["nexthop"]) in net for net in nets):
                message = f"Invalid format for routes: {list(routes)}, the nexthop is not connected with router"
                raise Refused(400, "InvalidRoutes", message)

    def _router_ports(self, router: Row, owners: tuple[str, ...] = (INTERFACE, GATEWAY)) -> list[Row]:
        ports = self.tables["ports"].values()
        return [port for port in ports if port["device_id"] == router["id"] and port["device_owner"] in owners]

    def add_interface(
        self, project: str, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None
    ) -> Row:
        router = self._own(project, "routers", router_id)
        if port_id is not None:
            port = self._find(project, "ports", port_id)
            subnet = self.tables["subnets"][port["fixed_ips"][0]["subnet_id"]]
        else:
            subnet = self._find(project, "subnets", subnet_id or "")
        if port_id is None and not subnet["gateway_ip"]:
            raise Refused(400, "BadRequest", "Bad router request: Subnet for router interface must have a gateway IP.")
        for other in self._router_ports(router, (INTERFACE,)):
            for ip in other["fixed_ips"]:
                if ip["subnet_id"] == subnet["id"]:
                    message = f"Bad router request: Router already has a port on subnet {subnet['id']}."
                    raise Refused(400, "BadRequest", message)
                there = self.tables["subnets"][ip["subnet_id"]]
                if _overlap(_net(subnet["cidr"]), _net(there["cidr"])):
                    message = (
                        f"Bad router request: Cidr {subnet['cidr']} of subnet {subnet['id']} overlaps with cidr "
                        f"{there['cidr']} of subnet {there['id']}."
                    )
                    raise Refused(400, "BadRequest", message)
        if port_id is None:
            network = self.tables["networks"][subnet["network_id"]]
            fixed = [{"subnet_id": subnet["id"], "ip_address": subnet["gateway_ip"]}]
            port = self._port(project, network, fixed, {"device_id": router_id, "device_owner": INTERFACE})
        else:
            self._set(port, {"device_id": router_id, "device_owner": INTERFACE, "status": "ACTIVE"})
        self._touch(router)
        return _interface(router, port, subnet)

    def remove_interface(
        self, project: str, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None
    ) -> Row:
        router = self._own(project, "routers", router_id)
        for port in self._router_ports(router, (INTERFACE,)):
            subnets = [ip["subnet_id"] for ip in port["fixed_ips"]]
            if port["id"] != port_id and subnet_id not in subnets:
                continue
            subnet = self.tables["subnets"][subnets[0]]
            for address in self.tables["floating_ips"].values():
                behind = self.tables["ports"].get(address["port_id"] or "")
                if address["router_id"] == router_id and behind and subnet["id"] in _subnets(behind):
                    message = (
                        f"Router interface for subnet {subnet['id']} on router {router_id} cannot be deleted, as it is "
                        "required by one or more floating IPs."
                    )
                    raise Refused(409, "RouterInterfaceInUseByFloatingIP", message)
            for route in router["routes"]:
                if ipaddress.ip_address(route["nexthop"]) in _net(subnet["cidr"]):
                    message = (
                        f"Router interface for subnet {subnet['id']} on router {router_id} cannot be deleted, as it is "
                        "required by one or more routes."
                    )
                    raise Refused(409, "RouterInterfaceInUseByRoute", message)
            del self.tables["ports"][port["id"]]
            self._touch(router)
            return _interface(router, port, subnet)
        if subnet_id is not None:
            self._find(project, "subnets", subnet_id)
            message = f"Router {router_id} has no interface on subnet {subnet_id}"
            raise Refused(404, "RouterInterfaceNotFoundForSubnet", message)
        raise Refused(
            404, "RouterInterfaceNotFound", f"Router {router_id} does not have an interface with id {port_id}"
        )

    def _delete_router(self, row: Row) -> None:
        if self._router_ports(row, (INTERFACE,)):
            raise Refused(409, "RouterInUse", f"Router {row['id']} still has ports")
        if any(address["router_id"] == row["id"] for address in self.tables["floating_ips"].values()):
            raise Refused(409, "RouterInUse", f"Router {row['id']} is used by floating IPs")
        self._close(row, keep=None)

    # ── security groups ──────────────────────────────────────────────────────────────────────────────────────────

    def _default_group(self, project: str) -> Row:
        for group in self.tables["security_groups"].values():
            if group["project_id"] == project and group["name"] == "default":
                return group
        group = self._new_group(project, {"name": "default", "description": "Default security group"})
        for family in ("IPv4", "IPv6"):
            rule = {"security_group_id": group["id"], "ethertype": family, "remote_group_id": group["id"]}
            self._insert("security_group_rules", project, {**_RULE, **rule})
        return group

    def _create_group(self, project: str, body: Row) -> Row:
        self._default_group(project)
        if body.get("name") == "default":
            raise Refused(409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
        return self._new_group(project, body)

    def _new_group(self, project: str, body: Row) -> Row:
        group = self._insert("security_groups", project, {"name": "", "stateful": True, "shared": False, **body})
        for family in ("IPv4", "IPv6"):
            rule = {"security_group_id": group["id"], "direction": "egress", "ethertype": family}
            self._insert("security_group_rules", project, {**_RULE, **rule})
        return group

    def _delete_group(self, row: Row) -> None:
        if row["name"] == "default":
            raise Refused(
                409, "SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group."
            )
        if any(row["id"] in port["security_groups"] for port in self.tables["ports"].values()):
            raise Refused(409, "SecurityGroupInUse", f"Security Group {row['id']} in use.")
        for rule in list(self.tables["security_group_rules"].values()):
            if row["id"] in (rule["security_group_id"], rule["remote_group_id"]):
                del self.tables["security_group_rules"][rule["id"]]

    def _create_rule(self, project: str, body: Row) -> Row:
        group = self._find(project, "security_groups", body.get("security_group_id", ""))
        rule = {**_RULE, **body}
        rule["protocol"] = None if rule["protocol"] in (None, "any") else str(rule["protocol"]).lower()
        _check_rule(rule)
        if rule["remote_group_id"]:
            self._find(project, "security_groups", rule["remote_group_id"])
        for other in self.tables["security_group_rules"].values():
            if _effect(other) == _effect(rule):
                message = f"Security group rule already exists. Rule id is {other['id']}."
                raise Refused(409, "SecurityGroupRuleExists", message)
        self._touch(group)
        return self._insert("security_group_rules", project, rule)

    def _delete_rule(self, row: Row) -> None:
        self._touch(self.tables["security_groups"][row["security_group_id"]])

    # ── floating IPs ─────────────────────────────────────────────────────────────────────────────────────────────

    def _create_floating_ip(self, project: str, body: Row) -> Row:
        network = self._find(project, "networks", body.get("floating_network_id", ""))
        if not network["router:external"]:
            message = f"Bad floatingip request: Network {network['id']} is not a valid external network."
            raise Refused(400, "BadRequest", message)
        try:
            port = self._port("", network, None, {"device_owner": FLOATING})
        except Refused as refused:
            if refused.error_type != "IpAddressGenerationFailure":
                raise
            message = f"Unable to find any IP address on external network {network['id']}."
            raise Refused(400, "ExternalIpAddressExhausted", message) from None
        row = self._insert(
            "floating_ips",
            project,
            {
                "floating_ip_address": port["fixed_ips"][0]["ip_address"],
                "status": "DOWN",
                "dns_name": "",
                "dns_domain": "",
                "qos_policy_id": None,
                "port_details": None,
                **body,
                "port_id": None,
                "fixed_ip_address": None,
                "router_id": None,
            },
        )
        port["device_id"] = row["id"]
        if body.get("port_id"):
            row.update(self._change_floating_ip(row, body))
        return row

    def _change_floating_ip(self, row: Row, body: Row) -> Row:
        if "port_id" not in body and "fixed_ip_address" not in body:
            return body
        port_id = body.get("port_id", row["port_id"])
        if not port_id:
            return {**body, "port_id": None, "fixed_ip_address": None, "router_id": None, "status": "DOWN"}
        port = self._find(row["project_id"], "ports", port_id)
        fixed = self._fixed_ip(port, body.get("fixed_ip_address"))
        for other in self.tables["floating_ips"].values():
            if other is not row and (other["port_id"], other["fixed_ip_address"]) == (port_id, fixed["ip_address"]):
                message = (
                    f"Cannot associate floating IP {row['floating_ip_address']} ({row['id']}) with port {port_id} using "
                    f"fixed IP {fixed['ip_address']}, as that fixed IP already has a floating IP on external network "
                    f"{row['floating_network_id']}."
                )
                raise Refused(409, "FloatingIPPortAlreadyAssociated", message)
        router = self._way_out(fixed["subnet_id"], row["floating_network_id"])
        if router is None:
            message = (
                f"External network {row['floating_network_id']} is not reachable from subnet {fixed['subnet_id']}. "
                f"Therefore, cannot associate Port {port_id} with a Floating IP."
            )
            raise Refused(404, "ExternalGatewayForFloatingIPNotFound", message)
        bound = {"port_id": port_id, "fixed_ip_address": fixed["ip_address"], "router_id": router["id"]}
        return {**body, **bound, "status": "ACTIVE"}

    @staticmethod
    def _fixed_ip(port: Row, wanted: str | None) -> Row:
        family = [ip for ip in port["fixed_ips"] if ipaddress.ip_address(ip["ip_address"]).version == 4]
        if wanted is not None:
            family = [ip for ip in family if ip["ip_address"] == wanted]
        if len(family) == 1:
            return dict(family[0])
        if len(family) > 1:
            message = f"Port {port['id']} has multiple fixed IPv4 addresses. Must provide a specific IPv4 address when assigning a floating IP"
        else:
            message = f"Port {port['id']} does not have fixed ip {wanted}"
        raise Refused(400, "BadRequest", f"Bad floatingip request: {message}.")

    def _way_out(self, subnet_id: str, external: str) -> Row | None:
        for router in self.tables["routers"].values():
            if (router["external_gateway_info"] or {}).get("network_id") == external and any(
                subnet_id in _subnets(port) for port in self._router_ports(router, (INTERFACE,))
            ):
                return router
        return None

    def _unbind(self, address: Row) -> None:
        self._set(address, {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": "DOWN"})

    def _delete_floating_ip(self, row: Row) -> None:
        for port in list(self.tables["ports"].values()):
            if port["device_id"] == row["id"] and port["device_owner"] == FLOATING:
                del self.tables["ports"][port["id"]]


_RULE: Row = {
    "direction": "ingress",
    "ethertype": "IPv4",
    "protocol": None,
    "port_range_min": None,
    "port_range_max": None,
    "remote_ip_prefix": None,
    "remote_group_id": None,
    "remote_address_group_id": None,
}
_ALL_SAME = ("security_group_id", "direction", "ethertype", "protocol", "port_range_min", "port_range_max")


def _network(body: Row) -> Row:
    return {
        "name": "",
        "admin_state_up": True,
        "status": "ACTIVE",
        "shared": False,
        "mtu": 1450,
        "port_security_enabled": True,
        "router:external": False,
        "dns_domain": "",
        "is_default": False,
        "availability_zone_hints": [],
        **body,
    }


def _interface(router: Row, port: Row, subnet: Row) -> Row:
    return {
        "id": router["id"],
        "tenant_id": router["project_id"],
        "port_id": port["id"],
        "network_id": subnet["network_id"],
        "subnet_id": subnet["id"],
        "subnet_ids": [subnet["id"]],
    }


def _invalid(message: str) -> Refused:
    return Refused(400, "InvalidInput", f"Invalid input for operation: {message}")


def _passes(row: Row, name: str, value: Any) -> bool:
    wanted = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    if name == "tags":
        return all(tag in row.get("tags", []) for one in wanted for tag in str(one).split(","))
    if name == "fixed_ips":
        pairs = [str(one).split("=", 1) for one in wanted]
        return any(all(str(ip.get(key)) == text for key, text in pairs) for ip in row.get("fixed_ips", []))
    have = row.get(name)
    if isinstance(have, bool):
        return any(str(one).lower() == str(have).lower() for one in wanted)
    return any(str(one) == str(have) for one in wanted)


def _net(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _invalid(f"{text} is not in a CIDR format.") from None


def _overlap(one: Any, other: Any) -> bool:
    return one.version == other.version and bool(one.overlaps(other))


def _plain(address: Any) -> str | None:
    return None if address is None else str(ipaddress.ip_address(address))


def _pools(net: Any, gateway: str | None) -> list[Row]:
    last = net.num_addresses - (2 if net.version == 4 and net.prefixlen < 31 else 1)
    first = 0 if net.version == 4 and net.prefixlen >= 31 else 1
    if gateway is None:
        return [{"start": str(net[first]), "end": str(net[last])}]
    place = int(ipaddress.ip_address(gateway)) - int(net.network_address)
    spans = [(first, min(place - 1, last)), (max(place + 1, first), last)]
    if not first <= place <= last:
        spans = [(first, last)]
    return [{"start": str(net[low]), "end": str(net[high])} for low, high in spans if low <= high]


def _check_pools(net: Any, gateway: str | None, pools: Sequence[Mapping[str, Any]]) -> None:
    for pool in pools:
        low, high = ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])
        if low not in net or high not in net:
            message = f"The allocation pool {low}-{high} spans beyond the subnet cidr {net}."
            raise Refused(400, "OutOfBoundsAllocationPool", message)
        if low > high:
            raise Refused(400, "InvalidAllocationPool", f"The allocation pool {low}-{high} is not valid.")
        if gateway is not None and low <= ipaddress.ip_address(gateway) <= high:
            message = f"Gateway ip {gateway} conflicts with allocation pool {low}-{high}."
            raise Refused(409, "GatewayConflictWithAllocationPools", message)


def _free(subnet: Row, taken: set[str]) -> str | None:
    for pool in subnet["allocation_pools"]:
        low, high = (int(ipaddress.ip_address(pool[end])) for end in ("start", "end"))
        for number in range(low, min(high, low + len(taken) + 1) + 1):
            address = str(type(ipaddress.ip_address(pool["start"]))(number))
            if address not in taken:
                return address
    return None


def _addresses(port: Row) -> list[str]:
    return [ip["ip_address"] for ip in port["fixed_ips"]]


def _subnets(port: Row) -> list[str]:
    return [ip["subnet_id"] for ip in port["fixed_ips"]]


def _effect(rule: Row) -> tuple[Any, ...]:
    prefix = rule.get("remote_ip_prefix")
    remote = str(ipaddress.ip_network(prefix, strict=False)) if prefix else None
    remote = None if remote in ("0.0.0.0/0", "::/0") else remote
    return (*(rule.get(name) for name in _ALL_SAME), remote, rule.get("remote_group_id"))


def _no_doubles(bodies: Sequence[Row]) -> None:
    effects = [_effect({**_RULE, **body}) for body in bodies]
    if len(set(effects)) != len(effects):
        raise Refused(409, "DuplicateSecurityGroupRuleInPost", "Duplicate Security Group Rule in POST.")


def _check_rule(rule: Row) -> None:
    low, high = rule["port_range_min"], rule["port_range_max"]
    if rule["remote_ip_prefix"] and rule["remote_group_id"]:
        message = "Only remote_ip_prefix or remote_group_id may be provided."
        raise Refused(400, "SecurityGroupMultipleRemoteEntites", message)
    if rule["remote_ip_prefix"]:
        family = ipaddress.ip_network(rule["remote_ip_prefix"], strict=False).version
        if rule["ethertype"] != f"IPv{family}":
            message = f"Conflicting value ethertype {rule['ethertype']} for CIDR {rule['remote_ip_prefix']}"
            raise Refused(400, "SecurityGroupRuleParameterConflict", message)
    if (low is not None or high is not None) and rule["protocol"] is None:
        message = "Must also specify protocol if port range is given."
        raise Refused(400, "SecurityGroupProtocolRequiredWithPorts", message)
    ranged = rule["protocol"] in ("tcp", "udp", "6", "17") and (low, high) != (None, None)
    if ranged and (low is None or high is None or low > high):
        message = "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        raise Refused(400, "SecurityGroupInvalidPortRange", message)
