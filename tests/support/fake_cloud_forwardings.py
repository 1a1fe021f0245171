"""Port forwardings of floating IPs of a Neutron in memory: they are in the row of their floating IP."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from infomaniak_operator.client import kinds
from infomaniak_operator.client.rest import check
from tests.support.fake_cloud_routers import Routers
from tests.support.fake_cloud_rules import Refused, Row, subnets_of
from tests.support.fake_cloud_tables import INTERFACES

NEEDED = ("protocol", "external_port", "internal_port", "internal_port_id", "internal_ip_address")


def _bad(message: str) -> Refused:
    return Refused(400, "BadRequest", f"Bad port_forwarding request: {message}.")


class Forwardings(Routers):
    """What may be done to them."""

    @staticmethod
    def check_forwarding(body: Mapping[str, Any]) -> None:
        check(kinds.PORT_FORWARDINGS, body)

    def list_forwardings(self, project: str, fip: str, filters: Mapping[str, Any]) -> builtins.list[Row]:
        rows = self._find(project, "floating_ips", fip)["port_forwardings"]
        return [dict(row) for row in rows if all(row.get(name) == value for name, value in filters.items())]

    def add_forwarding(self, project: str, fip: str, body: Row) -> Row:
        for name in NEEDED:
            if name not in body:
                message = f"Failed to parse request. Required attribute '{name}' not specified"
                raise Refused(400, "HTTPBadRequest", message)
        address = self._own(project, "floating_ips", fip)
        self._check_sockets(address, body, None)
        self._check_unbound(body)
        if address["port_id"]:
            message = (
                f"Cannot associate floating IP {address['floating_ip_address']} ({fip}) with port "
                f"{body['internal_port_id']}, as that fixed IP already has a floating IP"
            )
            raise Refused(409, "FloatingIPPortAlreadyAssociated", message)
        router = self._router_inside(project, address, body)
        row = {"id": self.new_id(), **{name: body[name] for name in NEEDED}}
        self._set(address, {"port_forwardings": [*address["port_forwardings"], row], "router_id": router["id"]})
        return dict(row)

    def change_forwarding(self, project: str, fip: str, id_: str, body: Row) -> Row:
        address, row = self._forwarding(project, fip, id_)
        wanted = {**row, **body}
        self._check_unbound(wanted)
        self._router_inside(project, address, wanted)
        if body.get("internal_port_id") == row["internal_port_id"]:  # as Neutron does it
            self._check_sockets(address, {**wanted, "internal_port": row["internal_port"]}, id_)
        self._check_sockets(address, wanted, id_)
        rest = [each for each in address["port_forwardings"] if each["id"] != id_]
        self._set(address, {"port_forwardings": [*rest, wanted]})
        return dict(wanted)

    def remove_forwarding(self, project: str, fip: str, id_: str) -> None:
        address, row = self._forwarding(project, fip, id_)
        self._drop(address, [row])

    def _drop(self, address: Row, rows: builtins.list[Row]) -> None:
        rest = [each for each in address["port_forwardings"] if each not in rows]
        gone = {} if rest else {"router_id": None}
        self._set(address, {"port_forwardings": rest, **gone})

    def drop_forwardings_to(self, port: Row, addresses: builtins.list[str] | None = None) -> None:
        """A port goes, or all of its addresses but these: what leads there goes with it."""
        for address in self.tables["floating_ips"].values():
            found = [
                each
                for each in address["port_forwardings"]
                if each.get("internal_port_id") == port["id"]
                and (addresses is None or each["internal_ip_address"] not in addresses)
            ]
            if found:
                self._drop(address, found)

    def _forwarding(self, project: str, fip: str, id_: str) -> tuple[Row, Row]:
        address = self._own(project, "floating_ips", fip)
        for row in address["port_forwardings"]:
            if row["id"] == id_:
                return address, row
        raise Refused(404, "PortForwardingNotFound", f"Port Forwarding {id_} could not be found.")

    def _check_sockets(self, address: Row, body: Mapping[str, Any], me: str | None) -> None:
        inside = ("protocol", "internal_port_id", "internal_ip_address", "internal_port")
        for other in self.tables["floating_ips"].values():
            for each in other["port_forwardings"]:
                if each["id"] == me:
                    continue
                if all(each.get(name) == body[name] for name in inside):
                    raise _bad("There is a port collision with the internal_port_range")
                outside = ("protocol", "external_port")
                if other is address and all(each.get(name) == body[name] for name in outside):
                    raise _bad("There is a port collision with the external_port_range")

    def _check_unbound(self, body: Mapping[str, Any]) -> None:
        for other in self.tables["floating_ips"].values():
            if other["port_id"] == body["internal_port_id"]:
                message = (
                    f"Cannot create port forwarding to floating IP {other['floating_ip_address']} ({other['id']}) with "
                    f"port {other['port_id']}, as that port already has a binding floating IP."
                )
                raise Refused(409, "PortHasBindingFloatingIP", message)

    def _router_inside(self, project: str, address: Row, body: Mapping[str, Any]) -> Row:
        port = self._find(project, "ports", body["internal_port_id"])
        spot = next((ip for ip in port["fixed_ips"] if ip["ip_address"] == body["internal_ip_address"]), None)
        if spot is None:
            raise _bad(f"Requested internal IP address {body['internal_ip_address']} is not suitable")
        router = self._way_out(spot["subnet_id"], address["floating_network_id"])
        if router is None:
            network = address["floating_network_id"]
            raise _bad(f"External network {network} is not reachable from subnet {spot['subnet_id']}")
        return router

    def _way_out(self, subnet_id: str, external: str) -> Row | None:
        for router in self.tables["routers"].values():
            if (router["external_gateway_info"] or {}).get("network_id") == external and any(
                subnet_id in subnets_of(port) for port in self._router_ports(router, INTERFACES)
            ):
                return router
        return None
