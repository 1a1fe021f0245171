"""The subnets of an InfomaniakNetwork, and what can be known of one before the cloud is asked."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from infomaniak_operator.api.common import Described
from infomaniak_operator.api.model import FIXED, ApiModel, Checked, Names, Reach, Rule, about, listed
from infomaniak_operator.api.types import (
    ADDRESS_LENGTH,
    Address,
    ChildName,
    Cidr,
    CloudId,
    ascending,
    check_address,
    same_cidr,
)

NO_GATEWAY = "none"
"""What ``gateway`` says for a subnet without one."""
ANOTHER = "remove this subnet and add one under another name"
Ipv6Mode = Literal["slaac", "dhcpv6-stateful", "dhcpv6-stateless"]


def _gateway(value: str) -> str:
    return value if value == NO_GATEWAY else check_address(value)


Gateway = Annotated[
    str,
    Field(min_length=1, max_length=ADDRESS_LENGTH),
    Checked(Rule("self == 'none' || isIP(self)", "must be an IP address, or the word none for no gateway")),
    AfterValidator(_gateway),
]


class AllocationPool(ApiModel):
    """A range of addresses that ports get theirs from."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!isIP(self.start) || !isIP(self.end) || self.start.contains(':') || self.end.contains(':') || "
            f"{ascending('self.start', 'self.end')}",
            "the range ends before it starts: swap start and end",
            ".end",
        ),
    )

    start: Address = Field(description=about("First address", changes=None, api="start"))
    end: Address = Field(description=about("Last address", changes=None, api="end"))


class HostRoute(ApiModel):
    """A route that hosts learn by DHCP."""

    destination: Cidr = Field(description=about("The network the route leads to", changes=None, api="destination"))
    nexthop: Address = Field(description=about("The address it leads over", changes=None, api="nexthop"))


_OK = "!has(self.cidr) || !isCIDR(self.cidr)"
_MALFORMED = "(has(self.cidr) && !isCIDR(self.cidr))"
_POOL_FAMILY = "(has({0}.ipVersion) ? {0}.ipVersion : 4)"
"""The IP version of a subnet from a pool."""
_FAMILY = f"(has(self.cidr) ? cidr(self.cidr).ip().family() : {_POOL_FAMILY.format('self')})"
_MODES = "(has(self.ipv6AddressMode) || has(self.ipv6RAMode))"
_GATEWAY = f"!has(self.gateway) || self.gateway == 'none' || !isIP(self.gateway) || {_OK} || "
_SAME = "(self.cidr.contains(':') == {}.contains(':'))"


_LOST = "!has(oldSelf.cidr) && !has(oldSelf.subnetPoolID)"
"""What a CRD without subnetPoolID, as 0.1.0 has it, has left of a subnet from a pool."""


def _stays(name: str, unless: str = "") -> Rule:
    """An optional field neither comes, goes nor changes."""
    stays = f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
    return Rule(
        f"({unless}) || ({stays})" if unless else stays,
        f"{name} cannot be changed: {ANOTHER}",
        f".{name}",
    )


class Subnet(Described):
    """One subnet."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.cidr) != has(self.subnetPoolID)", "a subnet takes exactly one of cidr and subnetPoolID"),
        Rule(
            "!has(self.prefixLength) || has(self.subnetPoolID)",
            "prefixLength goes with subnetPoolID; cidr ends with its own",
            ".prefixLength",
        ),
        Rule(
            f"!has(self.prefixLength) || self.prefixLength <= 32 || {_POOL_FAMILY.format('self')} == 6",
            "prefixLength is 32 at most, or 128 with ipVersion: 6",
            ".prefixLength",
        ),
        Rule(
            "!has(self.subnetPoolID) || !has(self.gateway) || self.gateway == 'none'",
            "gateway does not go with subnetPoolID, for nobody knows the addresses yet: take it out, and it is the "
            "first address, or write none",
            ".gateway",
        ),
        Rule(
            "!has(self.subnetPoolID) || !has(self.allocationPools)",
            "allocationPools do not go with subnetPoolID, for nobody knows the addresses yet: take them out",
            ".allocationPools",
        ),
        Rule(
            f"!has(self.ipVersion) || {_OK} || cidr(self.cidr).ip().family() == self.ipVersion",
            "ipVersion does not fit cidr; correct it or leave it out, for it follows from cidr",
            ".ipVersion",
        ),
        Rule(
            f"{_GATEWAY}ip(self.gateway).family() == cidr(self.cidr).ip().family()",
            "gateway must be of the same IP version as cidr",
            ".gateway",
        ),
        Rule(
            f"{_GATEWAY}ip(self.gateway).family() != cidr(self.cidr).ip().family() || "
            "cidr(self.cidr).containsIP(self.gateway) || ip(self.gateway).isLinkLocalUnicast()",
            "gateway lies outside cidr; take an address of the subnet, or the word none for no gateway",
            ".gateway",
            "'gateway ' + self.gateway + ' lies outside ' + self.cidr + '; take an address of the subnet, or the word "
            "none for no gateway'",
        ),
        Rule(
            f"{_GATEWAY}ip(self.gateway).family() != 4 || cidr(self.cidr).prefixLength() > 30 || "
            "!self.cidr.startsWith(self.gateway + '/')",
            "gateway must not be the address of the network itself; take another address of the subnet",
            ".gateway",
        ),
        Rule(
            f"{_OK} || self.cidr.contains(':') || !{_MODES}",
            "ipv6AddressMode and ipv6RAMode are for IPv6 subnets only; take them out",
        ),
        Rule(
            f"!has(self.subnetPoolID) || {_POOL_FAMILY.format('self')} == 6 || !{_MODES}",
            "ipv6AddressMode and ipv6RAMode are for IPv6 subnets only; take them out, or write ipVersion: 6",
        ),
        Rule(
            "!has(self.ipv6AddressMode) || !has(self.ipv6RAMode) || self.ipv6AddressMode == self.ipv6RAMode",
            "ipv6AddressMode and ipv6RAMode must be the same where both are given",
            ".ipv6RAMode",
        ),
        Rule(
            f"!{_MODES} || !has(self.enableDHCP) || self.enableDHCP",
            "ipv6AddressMode and ipv6RAMode need DHCP: take them out, or enableDHCP: false",
            ".enableDHCP",
        ),
        Rule(
            f"{_OK} || cidr(self.cidr).prefixLength() == 64 || (has(self.ipv6AddressMode) ? self.ipv6AddressMode : "
            "(has(self.ipv6RAMode) ? self.ipv6RAMode : 'dhcpv6-stateful')) == 'dhcpv6-stateful'",
            "slaac and dhcpv6-stateless need a /64 network: hosts make the other half of their addresses themselves",
            ".cidr",
        ),
        Rule(
            "!has(self.prefixLength) || self.prefixLength == 64 || (has(self.ipv6AddressMode) ? self.ipv6AddressMode : "
            "(has(self.ipv6RAMode) ? self.ipv6RAMode : 'dhcpv6-stateful')) == 'dhcpv6-stateful'",
            "slaac and dhcpv6-stateless need a /64 network: write prefixLength: 64",
            ".prefixLength",
        ),
        Rule(
            f"!has(self.dnsNameservers) || {_MALFORMED} || self.dnsNameservers.all(x, !isIP(x) || "
            f"ip(x).family() == {_FAMILY})",
            "dnsNameservers must be of the same IP version as cidr, or with subnetPoolID as ipVersion",
            ".dnsNameservers",
        ),
        Rule(
            f"!has(self.allocationPools) || {_OK} || self.allocationPools.all(x, !isIP(x.start) || !isIP(x.end) || "
            "(cidr(self.cidr).containsIP(x.start) && cidr(self.cidr).containsIP(x.end)))",
            "allocationPools lie outside cidr; take addresses of the subnet",
            ".allocationPools",
        ),
        Rule(
            f"!has(self.allocationPools) || {_GATEWAY}self.gateway.contains(':') || self.allocationPools.all(x, "
            f"!isIP(x.start) || !isIP(x.end) || x.start.contains(':') || x.end.contains(':') || "
            f"!{ascending('x.start', 'self.gateway', 'x.end')})",
            "gateway lies in one of the allocationPools; take it out of the pools",
            ".allocationPools",
        ),
        Rule(
            "!has(self.allocationPools) || !self.allocationPools.all(x, isIP(x.start) && isIP(x.end) && "
            "!x.start.contains(':') && !x.end.contains(':')) || self.allocationPools.all(a, "
            "self.allocationPools.all(b, "
            f"(a.start == b.start && a.end == b.end) || !{ascending('a.start', 'b.start', 'a.end')}))",
            "allocationPools overlap; give each its own range",
            ".allocationPools",
        ),
        Rule(
            f"!has(self.hostRoutes) || {_MALFORMED} || self.hostRoutes.all(x, !isCIDR(x.destination) || "
            "!isIP(x.nexthop) || cidr(x.destination).ip().family() == ip(x.nexthop).family() && "
            f"ip(x.nexthop).family() == {_FAMILY})",
            "hostRoutes must be of the same IP version as cidr, or with subnetPoolID as ipVersion",
            ".hostRoutes",
        ),
        Rule(
            f"has(self.cidr) == has(oldSelf.cidr) && (!has(self.cidr) || {same_cidr('self.cidr', 'oldSelf.cidr')})",
            f"cidr cannot be changed: {ANOTHER}",
            ".cidr",
        ),
        _stays("subnetPoolID", unless=_LOST),
        _stays("prefixLength", unless=_LOST),
        Rule(
            f"!has(self.subnetPoolID) || !has(oldSelf.subnetPoolID) || {_POOL_FAMILY.format('self')} == "
            f"{_POOL_FAMILY.format('oldSelf')}",
            f"ipVersion cannot be changed: {ANOTHER}",
            ".ipVersion",
        ),
        _stays("ipv6AddressMode"),
        _stays("ipv6RAMode"),
    )

    name: ChildName = Field(
        description=about(
            "The name in the cloud, by which the subnet is known here; unique among the network's subnets",
            changes="Another name is another subnet",
            api="subnet name",
        )
    )
    cidr: Cidr | None = Field(
        None,
        description=about(
            "Its range of addresses, without host bits, such as 10.0.0.0/24 or 2001:db8::/64. The subnets of a "
            "network do "
            "not overlap",
            absent="subnetPoolID has to be there, and the cloud chooses the range",
            changes=f"{FIXED}: {ANOTHER}",
            api="cidr",
        ),
    )
    subnet_pool_id: Annotated[
        CloudId | None, Names("a subnet pool", Reach.PROJECT, instead="cidr", shown=("subnetPoolID",))
    ] = Field(
        None,
        description=about(
            "Id of the subnet pool that the cloud takes its range of addresses from; the range is in "
            "status.subnets[].cidr. The subnets of one IP version of a network all come from pools, or none does",
            absent="cidr has to be there",
            changes=f"{FIXED}: {ANOTHER}",
            api="subnetpool_id",
        ),
    )
    prefix_length: Annotated[int, Field(ge=1, le=128)] | None = Field(
        None,
        description=about(
            "How large a range is taken from subnetPoolID, in bits of its prefix: 24 for a /24. The pool has bounds",
            absent="the pool's own default",
            changes=f"{FIXED}: {ANOTHER}",
            api="prefixlen",
        ),
    )
    ip_version: Literal[4, 6] | None = Field(
        None,
        description=about(
            "IP version, 4 or 6; with subnetPoolID that of the pool",
            absent="that of cidr; with subnetPoolID 4",
            changes="Follows from cidr, and cannot be changed with subnetPoolID",
            api="ip_version",
        ),
    )
    gateway: Gateway | None = Field(
        None,
        description=about(
            "Address of the gateway, within cidr (IPv6: or link-local), or the word none for no gateway; with "
            "subnetPoolID only none",
            absent="left as it is (new: the first address of the range)",
            api="gateway_ip",
        ),
    )
    enable_dhcp: bool | None = Field(
        None,
        description=about(
            "Whether the cloud answers DHCP in the subnet", absent="left as it is (new: true)", api="enable_dhcp"
        ),
    )
    dns_nameservers: Annotated[list[Address], Field(max_length=8)] | None = Field(
        None,
        description=about(
            "Name servers that hosts learn by DHCP, in order of preference; [] for none. Clouds allow 5 by default",
            absent="left as it is (new: the cloud's own)",
            api="dns_nameservers",
        ),
        json_schema_extra=listed("atomic"),
    )
    allocation_pools: Annotated[list[AllocationPool], Field(max_length=16)] | None = Field(
        None,
        description=about(
            "Ranges that ports get their addresses from, within cidr, without the gateway and without overlap. Not "
            "with subnetPoolID",
            absent="left as it is (new: all addresses but the gateway)",
            api="allocation_pools",
        ),
        json_schema_extra=listed("atomic"),
    )
    host_routes: Annotated[list[HostRoute], Field(max_length=20)] | None = Field(
        None,
        description=about(
            "Further routes that hosts learn by DHCP; [] for none",
            absent="left as it is (new: none)",
            api="host_routes",
        ),
        json_schema_extra=listed("atomic"),
    )
    ipv6_address_mode: Ipv6Mode | None = Field(
        None,
        alias="ipv6AddressMode",
        description=about(
            "How hosts get IPv6 addresses",
            absent="the cloud assigns them by itself and tells nobody (static configuration)",
            changes=f"{FIXED}: {ANOTHER}",
            api="ipv6_address_mode",
        ),
    )
    ipv6_ra_mode: Ipv6Mode | None = Field(
        None,
        alias="ipv6RAMode",
        description=about(
            "How the cloud's router advertises the subnet. The same as ipv6AddressMode where both are given",
            absent="the cloud's router advertises nothing",
            changes=f"{FIXED}: {ANOTHER}",
            api="ipv6_ra_mode",
        ),
    )

    @model_validator(mode="after")
    def _consistent(self) -> Subnet:
        if (self.cidr is None) == (self.subnet_pool_id is None):
            raise ValueError("a subnet takes exactly one of cidr and subnetPoolID")
        return self._from_pool() if self.cidr is None else self._in_range(ipaddress.ip_network(self.cidr))

    def _in_range(self, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Subnet:
        if self.prefix_length is not None:
            raise ValueError("prefixLength goes with subnetPoolID; cidr ends with its own")
        if self.ip_version not in (None, network.version):
            raise ValueError(f"ipVersion {self.ip_version} does not fit cidr {self.cidr}; leave it out")
        spans = []
        for pool in self.allocation_pools or ():
            start, end = ipaddress.ip_address(pool.start), ipaddress.ip_address(pool.end)
            if start not in network or end not in network:
                raise ValueError(f"allocation pool {pool.start} to {pool.end} lies outside {self.cidr}")
            if int(start) > int(end):
                raise ValueError(f"allocation pool {pool.start} to {pool.end} ends before it starts; swap the two")
            spans.append((int(start), int(end), pool))
        spans.sort(key=lambda span: span[:2])
        for before, after in pairwise(spans):
            if after[0] <= before[1]:
                one, other = before[2], after[2]
                raise ValueError(f"allocation pools {one.start} to {one.end} and {other.start} to {other.end} overlap")
        if self.gateway not in (None, NO_GATEWAY):
            gateway = int(ipaddress.ip_address(str(self.gateway)))
            if any(first <= gateway <= last for first, last, _ in spans):
                raise ValueError(f"gateway {self.gateway} lies in an allocation pool; take it out of the pools")
        return self

    def _from_pool(self) -> Subnet:
        """What can be said of one whose addresses nobody knows yet."""
        if self.gateway not in (None, NO_GATEWAY) or self.allocation_pools is not None:
            raise ValueError("gateway (but none) and allocationPools do not go with subnetPoolID; take them out")
        if self.ip_version != 6 and (self.ipv6_address_mode or self.ipv6_ra_mode):  # noqa: PLR2004 - IP versions
            raise ValueError("ipv6AddressMode and ipv6RAMode are for IPv6 subnets only; write ipVersion: 6")
        if self.ip_version != 6 and (self.prefix_length or 0) > 32:  # noqa: PLR2004 - IP versions
            raise ValueError("prefixLength is 32 at most, or 128 with ipVersion: 6")
        return self
