"""The addresses of a port: which of them a spec asks for, and which Neutron adds by itself. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from infomaniak_operator.api.json_types import PortAddressStatus
from infomaniak_operator.client.resources import FixedIP, Port
from infomaniak_operator.reconcile.generic.fields import address

_INTERFACE = (1 << 64) - 1
"""The lower half of an IPv6 address."""
_FILLER = 0xFFFE
_LOCAL = 1 << 57
"""The bit by which an interface's identifier differs from its MAC."""


def automatic(spot: FixedIP, mac: str | None) -> bool:
    """Whether an address is of a subnet that hands out addresses by itself: it is made from the port's MAC.

    Such a subnet adds one to every port, asked for or not, and Neutron keeps it there whatever a change says.
    """
    try:
        found = ipaddress.ip_address(str(spot.get("ip_address")))
        number = int(str(mac).replace(":", ""), 16)
    except ValueError:
        return False
    identifier = ((number >> 24) << 40 | _FILLER << 24 | (number & 0xFFFFFF)) ^ _LOCAL
    return found.version == 6 and int(found) & _INTERFACE == identifier  # noqa: PLR2004 - IPv6


def changed(wanted: Sequence[FixedIP], row: Port) -> list[FixedIP] | None:
    """The addresses to ask for, where the port does not have what is wanted; None where it has.

    An address that fits stays: it is asked for by name, so that no other one comes in its place.

    Args:
        wanted: ``subnet_id``, ``ip_address`` or both of each.
        row: the port.
    """
    left = list(row.get("fixed_ips") or ())
    found: dict[int, FixedIP] = {}
    # Who names an address goes first: else one that names a subnet only might take it.
    for index, item in sorted(enumerate(wanted), key=lambda each: "ip_address" not in each[1]):
        spot = next((each for each in left if _fits(item, each)), None)
        if spot is not None:
            left.remove(spot)
            found[index] = {"subnet_id": spot["subnet_id"], "ip_address": spot["ip_address"]}
    surplus = [each for each in left if not automatic(each, row.get("mac_address"))]
    if len(found) == len(wanted) and not surplus:
        return None
    return [found.get(index, item) for index, item in enumerate(wanted)]


def _fits(item: FixedIP, spot: FixedIP) -> bool:
    if "subnet_id" in item and item["subnet_id"] != spot.get("subnet_id"):
        return False
    return "ip_address" not in item or address(item["ip_address"]) == address(spot.get("ip_address"))


def reported(row: Port) -> list[PortAddressStatus]:
    """The addresses for status: those of IPv4 first, each family by number, for Neutron keeps no order."""

    def order(spot: FixedIP) -> tuple[int, int]:
        try:
            found = ipaddress.ip_address(spot["ip_address"])
        except ValueError:  # of what is none, whatever the service says
            return 0, 0
        return found.version, int(found)

    there = sorted((each for each in row.get("fixed_ips") or () if each.get("ip_address")), key=order)
    return [{"subnetID": str(each["subnet_id"]), "address": str(each["ip_address"])} for each in there]
