"""What Neutron asks of a port beside its addresses: its MAC, and what goes together with port security."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from tests.support.fake_cloud_rules import Refused, Row

_NO_MAC = "00:00:00:00:00:00"
_NO_PAIRS = "Port Security must be enabled in order to have allowed address pairs on a port."
SERVERS = ("compute:", "baremetal:")
"""How the owners begin whose ports only an administrator deletes."""


def made_from(cidr: str, mac: str) -> str:
    """The address that a port has on a subnet that hands out addresses by itself."""
    octets = [int(each, 16) for each in mac.split(":")]
    octets[0] ^= 2
    identifier = bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]])
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Network(cidr).network_address) | int.from_bytes(identifier)))


def check_mac(network: Row, mac: str, others: list[Row]) -> str:
    """A MAC as Neutron keeps it.

    Raises:
        Refused: it is none, or somebody's in that network.
    """
    if mac == _NO_MAC:
        reason = f"Invalid input for mac_address. Reason: '{mac}' is not a valid MAC address."
        raise Refused(400, "HTTPBadRequest", reason)
    if any(port["network_id"] == network["id"] and port.get("mac_address") == mac.lower() for port in others):
        message = f"Unable to complete operation for network {network['id']}. The mac address {mac} is in use."
        raise Refused(409, "MacAddressInUse", message)
    return mac.lower()


def check_groups(groups: list[str]) -> None:
    """That no group is named twice."""
    if len(set(groups)) != len(groups):
        twice = next(each for each in groups if groups.count(each) > 1)
        message = f"Invalid input for security_groups. Reason: Duplicate items in the list: '{twice}'."
        raise Refused(400, "HTTPBadRequest", message)


def pairs_of(pairs: list[Mapping[str, Any]], mac: str) -> list[Row]:
    """Allowed address pairs as Neutron keeps them: with the port's own MAC where none is given."""
    seen = set()
    for pair in pairs:
        one = (pair.get("mac_address"), pair["ip_address"])
        if one in seen:
            message = f"Request contains duplicate address pair: mac_address {one[0]} ip_address {one[1]}."
            raise Refused(400, "DuplicateAddressPairInRequest", message)
        seen.add(one)
    return [{"mac_address": pair.get("mac_address") or mac, "ip_address": pair["ip_address"]} for pair in pairs]


def check_together(port: Mapping[str, Any], *, had: Mapping[str, Any] | None = None) -> None:
    """What a port cannot have without port security.

    Args:
        port: as it is to be.
        had: as it was; None for a new one.
    """
    if port["port_security_enabled"]:
        return
    if port["allowed_address_pairs"] and had is not None:
        raise Refused(409, "AddressPairAndPortSecurityRequired", _NO_PAIRS)
    if port["security_groups"] and had is not None and port["security_groups"] == had["security_groups"]:
        message = (
            "Port has security group associated. Cannot disable port security or IP address until security group is "
            "removed."
        )
        raise Refused(409, "PortSecurityPortHasSecurityGroup", message)
    if port["security_groups"]:
        message = "Port security must be enabled and port must have an IP address in order to use security groups."
        raise Refused(400, "PortSecurityAndIPRequiredForSecurityGroups", message)
    if port["allowed_address_pairs"]:
        raise Refused(409, "AddressPairAndPortSecurityRequired", _NO_PAIRS)
