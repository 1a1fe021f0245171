"""Floating IPs of a Neutron in memory."""

from __future__ import annotations

import ipaddress

from tests.support.fake_cloud_forwardings import Forwardings
from tests.support.fake_cloud_rules import Refused, Row
from tests.support.fake_cloud_tables import FLOATING


class Addresses(Forwardings):
    """What may be done to floating IPs."""

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
                "port_forwardings": [],
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
        if row["port_forwardings"]:
            raise Refused(
                409, "FipInUseByPortForwarding", f"Floating IP {row['id']} in use by Port Forwarding resources."
            )
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

    def _unbind(self, address: Row) -> None:
        self._set(address, {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": "DOWN"})

    def _delete_floating_ip(self, row: Row) -> None:
        if row["port_forwardings"]:
            raise Refused(
                409, "FipInUseByPortForwarding", f"Floating IP {row['id']} in use by Port Forwarding resources."
            )
        for port in list(self.tables["ports"].values()):
            if port["device_id"] == row["id"] and port["device_owner"] == FLOATING:
                del self.tables["ports"][port["id"]]
