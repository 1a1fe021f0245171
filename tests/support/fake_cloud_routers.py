"""Routers of a Neutron in memory: gateways, interfaces, routes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.fake_cloud_networks import Networks
from tests.support.fake_cloud_rules import Refused, Row, interface_of, net_of, overlap, subnets_of
from tests.support.fake_cloud_tables import GATEWAY, HA_INTERFACE, INTERFACE, INTERFACES


class Routers(Networks):
    """What may be done to routers."""

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

    @property
    def _interface(self) -> str:
        """Who owns the ports by which routers are on subnets."""
        return HA_INTERFACE if self.traits.ha_routers else INTERFACE

    def _open(self, router: Row, gateway: Mapping[str, Any]) -> Row:
        network = self._find(router["project_id"], "networks", gateway.get("network_id", ""))
        if not network["router:external"]:
            message = f"Bad router request: Network {network['id']} is not an external network."
            raise Refused(400, "BadRequest", message)
        asked = gateway.get("external_fixed_ips") or None
        port = self._port("", network, asked, {"device_id": router["id"], "device_owner": GATEWAY})
        snat = gateway.get("enable_snat", True)
        return {"network_id": network["id"], "enable_snat": snat, "external_fixed_ips": port["fixed_ips"]}

    def _move(self, router: Row, wanted: Mapping[str, Any]) -> Row:
        """The gateway's port stays, with the addresses that the body lists, where it lists any; SNAT as it says, or on."""
        now = dict(router["external_gateway_info"])
        now["enable_snat"] = wanted.get("enable_snat", True)
        if wanted.get("external_fixed_ips"):
            (port,) = self._router_ports(router, (GATEWAY,))
            network = self.tables["networks"][now["network_id"]]
            port["fixed_ips"] = self._allocate(network, wanted["external_fixed_ips"], port, automatic=False)
            now["external_fixed_ips"] = port["fixed_ips"]
        return now

    def _change_router(self, row: Row, body: Row) -> Row:
        if "external_gateway_info" in body:
            wanted = body["external_gateway_info"] or {}
            now = row["external_gateway_info"] or {}
            if wanted.get("network_id") == now.get("network_id"):
                body["external_gateway_info"] = self._move(row, wanted) if wanted else None
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
            net_of(self.tables["subnets"][ip["subnet_id"]]["cidr"])
            for port in self._router_ports(router)
            for ip in port["fixed_ips"]
        ]
        for route in routes:
            if not any(ipaddress.ip_address(route["nexthop"]) in net for net in nets):
                message = f"Invalid format for routes: {list(routes)}, the nexthop is not connected with router"
                raise Refused(400, "InvalidRoutes", message)

    def _router_ports(self, router: Row, owners: tuple[str, ...] = (*INTERFACES, GATEWAY)) -> list[Row]:
        ports = self.tables["ports"].values()
        return [port for port in ports if port["device_id"] == router["id"] and port["device_owner"] in owners]

    def add_interface(
        self, project: str, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None
    ) -> Row:
        router = self._own(project, "routers", router_id)
        if port_id is not None:
            port = self._find(project, "ports", port_id)
            if port["device_id"]:
                message = f"Unable to complete operation on port {port_id}. Port already has an attached device {port['device_id']}."
                raise Refused(409, "PortInUse", message)
            subnet = self.tables["subnets"][port["fixed_ips"][0]["subnet_id"]]
        else:
            subnet = self._find(project, "subnets", subnet_id or "")
        if port_id is None and not subnet["gateway_ip"]:
            raise Refused(400, "BadRequest", "Bad router request: Subnet for router interface must have a gateway IP.")
        for other in self._router_ports(router, INTERFACES):
            for ip in other["fixed_ips"]:
                if ip["subnet_id"] == subnet["id"]:
                    message = f"Bad router request: Router already has a port on subnet {subnet['id']}."
                    raise Refused(400, "BadRequest", message)
                there = self.tables["subnets"][ip["subnet_id"]]
                if overlap(net_of(subnet["cidr"]), net_of(there["cidr"])):
                    message = (
                        f"Bad router request: Cidr {subnet['cidr']} of subnet {subnet['id']} overlaps with cidr "
                        f"{there['cidr']} of subnet {there['id']}."
                    )
                    raise Refused(400, "BadRequest", message)
        if port_id is None:
            network = self.tables["networks"][subnet["network_id"]]
            fixed = [{"subnet_id": subnet["id"], "ip_address": subnet["gateway_ip"]}]
            port = self._port(project, network, fixed, {"device_id": router_id, "device_owner": self._interface})
        else:
            self._set(port, {"device_id": router_id, "device_owner": self._interface, "status": "ACTIVE"})
        self._touch(router)
        return interface_of(router, port, subnet)

    def remove_interface(
        self, project: str, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None
    ) -> Row:
        router = self._own(project, "routers", router_id)
        for port in self._router_ports(router, INTERFACES):
            subnets = [ip["subnet_id"] for ip in port["fixed_ips"]]
            if port["id"] != port_id and subnet_id not in subnets:
                continue
            subnet = self.tables["subnets"][subnets[0]]
            for address in self.tables["floating_ips"].values():
                ids = [address["port_id"], *(each["internal_port_id"] for each in address["port_forwardings"])]
                behind = [self.tables["ports"].get(each or "") or {"fixed_ips": []} for each in ids]
                if address["router_id"] == router_id and any(subnet["id"] in subnets_of(each) for each in behind):
                    message = (
                        f"Router interface for subnet {subnet['id']} on router {router_id} cannot be deleted, as it is "
                        "required by one or more floating IPs."
                    )
                    raise Refused(409, "RouterInterfaceInUseByFloatingIP", message)
            for route in router["routes"]:
                if ipaddress.ip_address(route["nexthop"]) in net_of(subnet["cidr"]):
                    message = (
                        f"Router interface for subnet {subnet['id']} on router {router_id} cannot be deleted, as it is "
                        "required by one or more routes."
                    )
                    raise Refused(409, "RouterInterfaceInUseByRoute", message)
            del self.tables["ports"][port["id"]]
            self._touch(router)
            return interface_of(router, port, subnet)
        if subnet_id is not None:
            self._find(project, "subnets", subnet_id)
            message = f"Router {router_id} has no interface on subnet {subnet_id}"
            raise Refused(404, "RouterInterfaceNotFoundForSubnet", message)
        raise Refused(
            404, "RouterInterfaceNotFound", f"Router {router_id} does not have an interface with id {port_id}"
        )

    def _delete_router(self, row: Row) -> None:
        if self._router_ports(row, INTERFACES):
            raise Refused(409, "RouterInUse", f"Router {row['id']} still has ports")
        if any(address["router_id"] == row["id"] for address in self.tables["floating_ips"].values()):
            raise Refused(409, "RouterInUse", f"Router {row['id']} is used by floating IPs")
        self._close(row, keep=None)
