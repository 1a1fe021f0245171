"""The scalar types of the API: addresses, CIDRs, names, ids; each with its bound, its rule and its check in Python."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field

from infomaniak_operator.api.model import ApiModel, Checked, Rule, about

ADDRESS_LENGTH = 45
CIDR_LENGTH = 49
_PART = "[0-9a-f]"


def check_address(value: str) -> str:
    """The value, if it is an IP address.

    Raises:
        ValueError: it is none.
    """
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address; write one such as 192.0.2.1 or 2001:db8::1") from None
    return value


def check_cidr(value: str) -> str:
    """The value, if it is a network in CIDR notation without host bits.

    Raises:
        ValueError: it is none, or has host bits set.
    """
    if "/" not in value:
        raise ValueError(f"{value!r} is not a CIDR; write one such as 10.0.0.0/24 or 2001:db8::/64")
    try:
        right = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is not a CIDR; write one such as 10.0.0.0/24 or 2001:db8::/64") from None
    if ipaddress.ip_address(value.partition("/")[0]) != right.network_address:
        raise ValueError(f"{value!r} has host bits set; write {right}")
    return value


Address = Annotated[
    str,
    Field(min_length=1, max_length=ADDRESS_LENGTH),
    Checked(Rule("isIP(self)", "must be an IP address, such as 192.0.2.1 or 2001:db8::1")),
    AfterValidator(check_address),
]
"""An IP address of either family."""

Cidr = Annotated[
    str,
    Field(min_length=1, max_length=CIDR_LENGTH),
    Checked(
        Rule("isCIDR(self)", "must be a network in CIDR notation, such as 10.0.0.0/24 or 2001:db8::/64"),
        Rule(
            "!isCIDR(self) || cidr(self) == cidr(self).masked()",
            "has host bits set: write the address of the network itself, such as 10.0.0.0/24 for 10.0.0.5/24",
        ),
    ),
    AfterValidator(check_cidr),
]
"""A network in CIDR notation, without host bits."""

AddressOrCidr = Annotated[
    str,
    Field(min_length=1, max_length=CIDR_LENGTH),
    Checked(
        Rule(
            "isIP(self) || isCIDR(self) && cidr(self) == cidr(self).masked()",
            "must be an IP address, such as 192.0.2.1, or a network in CIDR notation without host bits, such as "
            "10.0.0.0/24",
        )
    ),
    AfterValidator(lambda value: check_cidr(value) if "/" in value else check_address(value)),
]
"""An IP address, or a network in CIDR notation without host bits."""

Mac = Annotated[
    str,
    Field(min_length=1, max_length=17),
    Checked(
        Rule(
            "self.matches('^[0-9a-f]{2}(:[0-9a-f]{2}){5}$')",
            "must be a MAC address in lower case, such as fa:16:3e:12:34:56",
        )
    ),
]
"""The MAC address of an interface, as Neutron spells it."""

CloudId = Annotated[
    str,
    Field(min_length=1, max_length=36),
    Checked(
        Rule(
            f"self.matches('^{_PART}{{8}}-{_PART}{{4}}-{_PART}{{4}}-{_PART}{{4}}-{_PART}{{12}}$')",
            "must be an id of OpenStack, such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427 (not a name)",
        )
    ),
]
"""The id of something in the cloud."""

ChildName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Checked(
        Rule(
            "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
            "must consist of letters, digits, '-', '_' and '.', and start and end with a letter or digit",
        )
    ),
]
"""The name of an item of a list, by which it is known."""

CloudName = Annotated[
    str,
    Field(min_length=1, max_length=255),
    Checked(Rule("self.trim() == self", "must not begin or end with a blank")),
]
"""The name of something in the cloud."""

Description = Annotated[
    str,
    Field(max_length=200),
    Checked(
        Rule(
            "!self.matches('\\\\[ik[0-9]+r?[.][^ ]*\\\\]\\\\s*$')",
            "must not end like the operator's own mark of ownership, [ik2.…]",
        )
    ),
]
"""Free text; the operator's mark needs the rest of the 255 characters that Neutron has."""

Tag = Annotated[
    str,
    Field(min_length=1, max_length=60),
    Checked(
        Rule(
            "!self.matches('^\\\\[ik[0-9]')",
            "must not begin with [ik and a digit: that is the operator's own mark of ownership",
        ),
    ),
]
"""A tag in the cloud."""

HTTP_NAME = "self.matches('^[A-Za-z0-9!#$%&\\'*+.^_`|~-]+$')"
"""The rule of a token of HTTP: what a header or a cookie may be called."""
Port = Annotated[int, Field(ge=1, le=65535)]
"""A port of TCP, UDP or SCTP."""


def same_address(one: str, other: str) -> str:
    """A CEL expression: whether two expressions are the same address, in whatever spelling."""
    return f"({one} == {other} || (isIP({one}) && isIP({other}) && ip({one}) == ip({other})))"


def same_cidr(one: str, other: str) -> str:
    """A CEL expression: whether two expressions are the same network, in whatever spelling."""
    return f"({one} == {other} || (isCIDR({one}) && isCIDR({other}) && cidr({one}) == cidr({other})))"


def ascending(*texts: str) -> str:
    """A CEL expression: whether these valid IPv4 addresses do not descend.

    For IPv6 the like would cost more than the API server allows: ``parse`` sees to that.

    Args:
        texts: expressions for the addresses.
    """
    numbers = "t.split('.').map(p, int(p))"
    return (
        f"[{', '.join(texts)}].map(t, {numbers}).map(q, q[0] * 16777216 + q[1] * 65536 + q[2] * 256 + q[3]).isSorted()"
    )


class Ref(ApiModel):
    """A reference to another object of this API, in the same namespace."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description=about("Its metadata.name, in the same namespace", changes=None),
        ),
    ]
