"""Finding what has an address, however somebody spells it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from infomaniak_operator.client.errors import Category, ConflictError
from infomaniak_operator.client.views import attribute

Address = str | IPv4Address | IPv6Address


def canonical(address: Address) -> str:
    """The address as the services spell it: an IPv4 one in an IPv6 spelling (``::ffff:192.0.2.1``) is an IPv4 one.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(address, (str, IPv4Address, IPv6Address)):
        raise ValueError(f"{address!r} is no IP address")  # noqa: TRY004 - the same error for whatever is none
    text = str(address).strip()
    try:
        found = ip_address(text)
    except ValueError:
        raise ValueError(f"{text[:100]!r} is no IP address") from None
    if isinstance(found, IPv6Address):
        if found.scope_id is not None:
            raise ValueError(f"{text[:100]!r} is an address of one machine's link")
        return str(found.ipv4_mapped or found)
    return str(found)


def the_one(floating_ips: Iterable[Any], address: str) -> Any:
    """The floating IP that has the address; None where there is none.

    Args:
        floating_ips: as the service lists them: rows, or openstacksdk's objects.
        address: canonical.

    Raises:
        ConflictError: several have it.
    """
    found = [one for one in floating_ips if _has(one, address)]
    if len(found) > 1:
        ids = ", ".join(sorted(str(attribute(one, "id")) for one in found[:10]))
        raise ConflictError(f"{len(found)} floating IPs have the address {address}: {ids}", category=Category.TERMINAL)
    return found[0] if found else None


def _has(floating_ip: Any, address: str) -> bool:
    try:
        return canonical(attribute(floating_ip, "floating_ip_address")) == address
    except ValueError:
        return False
