"""Where a load balancer of an Octavia in memory listens: on a port it is given, or on one it makes in Neutron."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from tests.support.fake_cloud_octavia_rows import OWNER, Rows
from tests.support.fake_cloud_octavia_rules import invalid, not_found
from tests.support.fake_cloud_rules import Many, Refused, Row

_ONE_OF = "vip_port_id, vip_network_id, vip_subnet_id"


class Vips(Rows):
    """How the address is chosen."""

    def _choose_vip(self, project: str, body: Mapping[str, Any]) -> Row:
        """Network, subnet, address and port, as far as the body says; refused where it says nothing that is there."""
        vip = {name: body.get(f"vip_{name}") for name in ("network_id", "subnet_id", "address", "port_id")}
        if vip["port_id"]:
            vip |= self._on_port(project, vip)
        elif vip["network_id"]:
            vip["subnet_id"] = self._in_network(project, vip)
        elif vip["subnet_id"]:
            vip["network_id"] = self._there(project, "subnets", vip["subnet_id"])["network_id"]
        else:
            raise Refused(400, None, f"Validation failure: VIP must contain one of: {_ONE_OF}.")
        for group in body.get("vip_sg_ids") or ():
            self._there(project, "security_groups", group)
        more = [one["subnet_id"] for one in body.get("additional_vips") or ()]
        if len({vip["subnet_id"], *more}) != len(more) + 1:
            raise invalid("Duplicate VIP subnet(s) specified. Only one IP can be bound per subnet.")
        if any(self._there(project, "subnets", one)["network_id"] != vip["network_id"] for one in more):
            raise invalid("All VIP subnets must belong to the same network.")
        return vip

    def _there(self, project: str, collection: str, id: str) -> Row:  # noqa: A002 - the API says id
        """What Octavia looks for in Neutron with the customer's own rights."""
        try:
            return self._neutron.get(project, collection, id)
        except Refused:
            nouns = {"ports": "Port", "networks": "Network", "subnets": "Subnet", "security_groups": "Security Group"}
            raise not_found(nouns[collection], id, 400) from None

    def _on_port(self, project: str, vip: Row) -> Row:
        port = self._there(project, "ports", vip["port_id"])
        if port["device_id"]:
            raise invalid(f"Port {port['id']} is already used by device {port['device_id']}")
        fixed = port["fixed_ips"]
        if vip["subnet_id"]:
            self._there(project, "subnets", vip["subnet_id"])
            found = [ip for ip in fixed if ip["subnet_id"] == vip["subnet_id"]]
            why = "No VIP address found on the specified VIP port within the specified subnet."
        elif vip["address"]:
            wanted = ipaddress.ip_address(vip["address"])
            found = [ip for ip in fixed if ipaddress.ip_address(ip["ip_address"]) == wanted]
            why = "Specified VIP address not found on the specified VIP port."
        else:
            found = fixed if len(fixed) == 1 else []
            why = "VIP port's subnet could not be determined. Please specify either a VIP subnet or address."
        if not found:
            raise invalid(why)
        chosen = {"subnet_id": found[0]["subnet_id"], "address": found[0]["ip_address"]}
        return {"network_id": port["network_id"], **chosen}

    def _in_network(self, project: str, vip: Row) -> Any:
        network = self._there(project, "networks", vip["network_id"])
        if vip["subnet_id"]:
            if vip["subnet_id"] not in network["subnets"]:
                raise not_found("Subnet", vip["subnet_id"], 400)
            return vip["subnet_id"]
        subnets = [self.tables["subnets"][one] for one in network["subnets"]]
        if vip["address"]:
            address = ipaddress.ip_address(vip["address"])
            subnets = [one for one in subnets if address in ipaddress.ip_network(one["cidr"])]
            if not subnets:
                raise invalid("Supplied network does not contain a subnet for VIP address specified.")
        if not subnets:
            raise invalid("Supplied network does not contain a subnet.")
        return min(subnets, key=lambda one: one["ip_version"])["id"]

    def _bind_vip(self, project: str, balancer: str, body: Mapping[str, Any], vip: Row) -> Row:
        """The load balancer's columns, with a port: one of Octavia's own where none was given."""
        more = [dict(one) for one in body.get("additional_vips") or ()]
        if vip["port_id"]:
            # Octavia leaves a given port as it is: neither device_id nor device_owner tell of the load balancer.
            port = self.tables["ports"][vip["port_id"]]
        else:
            port = self._make_port(project, balancer, vip, more, list(body.get("vip_sg_ids") or ()))
        address = {ip["subnet_id"]: ip["ip_address"] for ip in port["fixed_ips"]}
        for one in more:
            one |= {"ip_address": address.get(one["subnet_id"]), "port_id": port["id"]}
        return {
            "vip_port_id": port["id"],
            "vip_network_id": vip["network_id"],
            "vip_subnet_id": vip["subnet_id"],
            "vip_address": vip["address"] or address[vip["subnet_id"]],
            "additional_vips": more,
        }

    def _make_port(self, project: str, balancer: str, vip: Row, more: Many, groups: list[str]) -> Row:
        wanted = [{"subnet_id": vip["subnet_id"], "ip_address": vip["address"]}, *more]
        body = {
            "name": f"octavia-lb-{balancer}",
            "network_id": vip["network_id"],
            "admin_state_up": False,
            "status": "DOWN",
            "device_id": f"lb-{balancer}",
            "device_owner": OWNER,
            "fixed_ips": [{name: value for name, value in one.items() if value} for one in wanted],
            **({"security_groups": groups} if groups else {}),
        }
        try:
            made: Many = self._neutron.create(project, "ports", [body])
        except Refused as refused:
            if refused.status == 409:  # whatever the conflict is, a quota too
                raise Refused(409, None, f"The VIP IP address is already in use: {refused.message}") from None
            raise Refused(500, None, f"Provider 'amphora' reports error: {refused.message}") from None
        return made[0]
