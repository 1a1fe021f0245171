"""Networks, subnets and ports of a Neutron in memory."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from tests.support.fake_cloud_ports import SERVERS, check_groups, check_mac, check_together, made_from, pairs_of
from tests.support.fake_cloud_rules import (
    Refused,
    Row,
    addresses_of,
    check_pools,
    free_address,
    invalid,
    net_of,
    network_of,
    overlap,
    plain,
    pools_of,
)
from tests.support.fake_cloud_subnet_pools import with_range
from tests.support.fake_cloud_tables import DHCP, FLOATING, GATEWAY, INTERFACES, Tables


def _automatic(subnet: Mapping[str, Any]) -> bool:
    """Whether ports get their addresses there by themselves."""
    modes = (subnet.get("ipv6_address_mode"), subnet.get("ipv6_ra_mode"))
    return any(mode in ("slaac", "dhcpv6-stateless") for mode in modes)


def _three(number: int) -> str:
    """The last three octets of a MAC."""
    return ":".join(f"{octet:02x}" for octet in number.to_bytes(3))


def _by_itself(subnet: Row, mac: str) -> Row:
    return {"subnet_id": subnet["id"], "ip_address": made_from(subnet["cidr"], mac)}


def _check_automatic(subnet: Row, item: Mapping[str, Any], port: Row) -> None:
    """Nobody chooses an address there; the one that the port has anyway may be named."""
    address = item.get("ip_address")
    if address and {"subnet_id": subnet["id"], "ip_address": address} not in (port.get("fixed_ips") or ()):
        message = (
            f"IPv6 address {address} cannot be directly assigned to a port on subnet {subnet['id']} as the subnet is "
            "configured for automatic addresses"
        )
        raise Refused(400, "AllocationOnAutoAddressSubnet", message)


class Networks(Tables):
    """What may be done to networks, subnets and ports."""

    def _create_network(self, project: str, body: Row) -> Row:
        mtu = {"mtu": 1500} if self.traits.mtu_1500 else {}
        return self._insert("networks", project, network_of({**mtu, **body}))

    def _delete_network(self, row: Row) -> None:
        there = [port for port in self.tables["ports"].values() if port["network_id"] == row["id"]]
        if any(port["device_owner"] != DHCP for port in there):
            message = f"Unable to complete operation on network {row['id']}. There are one or more ports still in use"
            raise Refused(409, "NetworkInUse", message)
        for port in there:
            del self.tables["ports"][port["id"]]
        for subnet in [one for one in self.tables["subnets"].values() if one["network_id"] == row["id"]]:
            del self.tables["subnets"][subnet["id"]]

    def _create_subnet(self, project: str, body: Row) -> Row:
        for name in ("network_id", "ip_version"):
            if name not in body:
                raise Refused(
                    400, "HTTPBadRequest", f"Failed to parse request. Required attribute '{name}' not specified"
                )
        network = self._find(project, "networks", body["network_id"])
        body = with_range(self.subnet_pools, list(self.tables["subnets"].values()), body)
        net = net_of(body["cidr"])
        if net.version != body["ip_version"]:
            raise invalid(f"ip_version {body['ip_version']} and cidr {body['cidr']} differ")
        for other in self.tables["subnets"].values():
            if other["network_id"] == network["id"] and overlap(net, net_of(other["cidr"])):
                raise invalid(
                    f"Requested subnet with cidr: {net} for network: {network['id']} overlaps with another subnet."
                )
        if not body.get("enable_dhcp", True) and (body.get("ipv6_ra_mode") or body.get("ipv6_address_mode")):
            raise invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
        first = net.network_address + 1 if net.version == 4 else net.network_address  # of a /32, too
        gateway = body.get("gateway_ip", str(first))
        pools = body.get("allocation_pools") or pools_of(net, gateway)
        check_pools(net, gateway, pools)
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
                "gateway_ip": plain(gateway),
                "allocation_pools": pools,
            },
        )
        self._touch(network)
        if _automatic(made):  # what is on the network already gets an address there
            for port in self.tables["ports"].values():
                if port["network_id"] == network["id"] and port["device_owner"] not in INTERFACES:
                    port["fixed_ips"] = [
                        *port["fixed_ips"],
                        _by_itself(made, port.get("mac_address") or self._new_mac()),
                    ]
                    self._touch(port)
        self._serve_dhcp(made, bool(made["enable_dhcp"]))
        return made

    def _serve_dhcp(self, subnet: Row, wanted: bool) -> None:
        """Have the agents' ports on a subnet, or not; of the cloud's own networks nobody sees them."""
        network = self.tables["networks"][subnet["network_id"]]
        if network["router:external"] or network["shared"]:
            return
        there = [port for port in self._ports_on(subnet["id"]) if port["device_owner"] == DHCP]
        for port in () if wanted else there:
            port["fixed_ips"] = [ip for ip in port["fixed_ips"] if ip["subnet_id"] != subnet["id"]]
            if not port["fixed_ips"]:
                del self.tables["ports"][port["id"]]
        body = {"device_owner": DHCP, "device_id": f"dhcp-sandbox-{network['id']}"}
        for _ in range(self.traits.dhcp_ports - len(there) if wanted else 0):
            try:
                self._port(network["project_id"], network, [{"subnet_id": subnet["id"]}], body)
            except Refused:  # it has no address left
                return

    def _new_mac(self) -> str:
        """One that no port has."""
        there = {port.get("mac_address") for port in self.tables["ports"].values()}
        number = next(each for each in range(len(there) + 1, 1 << 24) if f"fa:16:3e:{_three(each)}" not in there)
        return f"fa:16:3e:{_three(number)}"

    def _change_subnet(self, row: Row, body: Row) -> Row:
        net = net_of(row["cidr"])
        gateway = body.get("gateway_ip", row["gateway_ip"])
        pools = body.get("allocation_pools", row["allocation_pools"])
        if "gateway_ip" in body and body["gateway_ip"] != row["gateway_ip"]:
            used = [port for port in self._ports_on(row["id"]) if row["gateway_ip"] in addresses_of(port)]
            if used:
                message = (
                    f"Current gateway ip {row['gateway_ip']} already in use by port {used[0]['id']}. Unable to update."
                )
                raise Refused(409, "GatewayIpInUse", message)
        if "gateway_ip" in body or "allocation_pools" in body:
            check_pools(net, gateway, pools)
        if "enable_dhcp" in body:
            self._serve_dhcp(row, bool(body["enable_dhcp"]))
        return body

    def _delete_subnet(self, row: Row) -> None:
        if all(port["device_owner"] == DHCP or _automatic(row) for port in self._ports_on(row["id"])):
            self._serve_dhcp(row, False)
        if _automatic(row):  # such an address goes with its subnet
            for port in self._ports_on(row["id"]):
                if port["device_owner"] not in INTERFACES:
                    port["fixed_ips"] = [ip for ip in port["fixed_ips"] if ip["subnet_id"] != row["id"]]
                    self._touch(port)
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

    def _create_port(self, project: str, body: Row) -> Row:
        network = self._find(project, "networks", body.get("network_id", ""))
        others = network["router:external"] and not network.get("shared") and network["project_id"] != project
        if others and body.get("device_owner") != "Octavia":  # which has rights of its own
            raise Refused(403, "PolicyNotAuthorized", "rule:create_port is disallowed by policy")
        secure = body.get("port_security_enabled", network["port_security_enabled"])
        groups = body.get("security_groups")
        if groups is None:
            groups = [self._default_group(project)["id"]] if secure else []
        check_groups(groups)
        for group in groups:
            self._find(project, "security_groups", group)
        mac = check_mac(network, body.get("mac_address") or self._new_mac(), list(self.tables["ports"].values()))
        pairs = pairs_of(body.get("allowed_address_pairs") or [], mac)
        more = {"port_security_enabled": secure, "security_groups": list(groups), "allowed_address_pairs": pairs}
        check_together(more)
        # Neutron lets the tags fall that come with a create.
        taken = {name: value for name, value in body.items() if name != "tags"}
        return self._port(project, network, body.get("fixed_ips"), {**taken, **more, "mac_address": mac})

    def _port(self, project: str, network: Row, fixed_ips: Any, body: Mapping[str, Any]) -> Row:
        mac = body.get("mac_address") or self._new_mac()
        port = {"mac_address": mac}
        fixed = self._allocate(network, fixed_ips, port, automatic=body.get("device_owner") not in INTERFACES)
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
                "qos_policy_id": None,
                **body,
                "network_id": network["id"],
                "mac_address": mac,
                "fixed_ips": fixed,
            },
        )

    def _change_port(self, row: Row, body: Row) -> Row:
        if "mac_address" in body:
            message = "(rule:update_port and rule:update_port:mac_address) is disallowed by policy"
            raise Refused(403, "PolicyNotAuthorized", message)
        if "fixed_ips" in body:
            network = self.tables["networks"][row["network_id"]]
            body["fixed_ips"] = self._allocate(network, body["fixed_ips"], row)
            self.drop_forwardings_to(row, [each["ip_address"] for each in body["fixed_ips"]])
        check_groups(body.get("security_groups") or [])
        for group in body.get("security_groups") or ():
            self._find(row["project_id"], "security_groups", group)
        if "allowed_address_pairs" in body:
            body["allowed_address_pairs"] = pairs_of(body["allowed_address_pairs"], str(row.get("mac_address")))
        if {"port_security_enabled", "security_groups", "allowed_address_pairs"} & set(body):
            check_together({**row, **body}, had=row)
        return body

    def _delete_port(self, row: Row) -> None:
        if row["device_owner"].startswith(SERVERS):
            raise Refused(403, "PolicyNotAuthorized", "rule:delete_port is disallowed by policy")
        if row["device_owner"] in (*INTERFACES, GATEWAY, FLOATING):
            message = (
                f"Port {row['id']} cannot be deleted directly via the port API: has device owner {row['device_owner']}."
            )
            raise Refused(409, "ServicePortInUse", message)
        for address in self.tables["floating_ips"].values():
            if address["port_id"] == row["id"]:
                self._unbind(address)
        self.drop_forwardings_to(row)

    def _allocate(self, network: Row, wanted: Any, port: Row, *, automatic: bool = True) -> list[Row]:
        subnets = {one["id"]: one for one in self.tables["subnets"].values() if one["network_id"] == network["id"]}
        if wanted is None:
            first: dict[int, str] = {}
            for subnet in subnets.values():
                if not _automatic(subnet):
                    first.setdefault(subnet["ip_version"], subnet["id"])
            wanted = [{"subnet_id": one} for one in first.values()]
        fixed = []
        for item in wanted:
            if item.get("subnet_id") and item["subnet_id"] not in self.tables["subnets"]:
                raise Refused(404, "SubnetNotFound", f"Subnet {item['subnet_id']} could not be found.")
            subnet = self._subnet_for(network, subnets, item)
            if automatic and _automatic(subnet):
                _check_automatic(subnet, item, port)
                continue  # it comes with the others of its sort
            taken = {ip for other in self._ports_on(subnet["id"]) if other is not port for ip in addresses_of(other)}
            taken |= {ip["ip_address"] for ip in fixed}
            address = item.get("ip_address") or free_address(subnet, taken)
            if address is None:
                message = f"No more IP addresses available on network {network['id']}."
                raise Refused(409, "IpAddressGenerationFailure", message)
            if address in taken:
                raise Refused(
                    409, "IpAddressAlreadyAllocated", f"IP address {address} already allocated in subnet {subnet['id']}"
                )
            fixed.append({"subnet_id": subnet["id"], "ip_address": plain(address)})
        # Asked for or not, a port gets an address on each subnet that hands them out by itself.
        more = [one for one in subnets.values() if automatic and _automatic(one)]
        had = {ip["subnet_id"]: dict(ip) for ip in port.get("fixed_ips") or ()}
        mac = port.get("mac_address") or self._new_mac()
        return [*fixed, *(had.get(one["id"]) or _by_itself(one, mac) for one in more)]

    @staticmethod
    def _subnet_for(network: Row, subnets: Mapping[str, Row], item: Mapping[str, Any]) -> Row:
        if item.get("subnet_id"):
            if item["subnet_id"] not in subnets:
                message = f"Subnet {item['subnet_id']} is not on network {network['id']}"
                raise Refused(400, "InvalidInput", f"Invalid input for operation: {message}.")
            subnet = subnets[item["subnet_id"]]
            if item.get("ip_address") and ipaddress.ip_address(item["ip_address"]) not in net_of(subnet["cidr"]):
                message = f"IP address {item['ip_address']} is not a valid IP for the specified subnet."
                raise Refused(400, "InvalidIpForSubnet", message)
            return subnet
        address = ipaddress.ip_address(item["ip_address"])
        for subnet in subnets.values():
            if address in net_of(subnet["cidr"]):
                return subnet
        message = f"IP address {address} is not a valid IP for any of the subnets on the specified network."
        raise Refused(400, "InvalidIpForNetwork", message)
