"""Floating IPs, port forwardings and security groups as nft's rules. Knows nothing of Neutron: is tried by itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_FAMILIES = {"IPv4": "ip", "IPv6": "ip6"}
_ICMP = {"IPv4": "icmp", "IPv6": "icmpv6"}
_ICMP_NAMES = ("icmp", "icmpv6", "ipv6-icmp")
INGRESS, EGRESS = "ingress", "egress"
_WITH_PORTS = ("tcp", "udp", "sctp", "dccp", "udplite")


@dataclass(frozen=True, slots=True)
class Forwarding:
    """One port of a floating IP."""

    floating: str
    protocol: str
    port: int
    address: str
    inside: int


@dataclass(frozen=True, slots=True)
class Rule:
    """What a security group lets in, or out.

    Attributes:
        family: ``IPv4`` or ``IPv6``.
        protocol: empty: any.
        ports: the first and the last; None: any. Of ICMP: type and code.
        prefixes: where it may come from, or go to; None: anywhere.
        group: the group whose addresses it may come from, or go to; empty: any.
        direction: ``ingress`` or ``egress``.
    """

    family: str
    protocol: str = ""
    ports: tuple[int, int | None] | None = None
    prefixes: Sequence[str] | None = None
    group: str = ""
    direction: str = INGRESS


@dataclass(frozen=True, slots=True)
class Network:
    """What Neutron says of one project.

    Attributes:
        floating: where each floating IP leads.
        forwardings: where single ports of others lead.
        guarded: by address, the security groups of its port.
        groups: by group, its rules.
    """

    floating: Mapping[str, str] = field(default_factory=dict)
    forwardings: Sequence[Forwarding] = ()
    guarded: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[Rule]] = field(default_factory=dict)


def ruleset(network: Network) -> str:
    """A file for ``nft -f`` that puts all of it in place of what was there, at once."""
    return f"{_replaced('ip', 'floating', _floating(network))}{_replaced('inet', 'groups', _groups(network))}"


def _replaced(family: str, name: str, lines: Iterable[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"table {family} {name}\ndelete table {family} {name}\ntable {family} {name} {{\n{body}\n}}\n"


def _floating(network: Network) -> Iterable[str]:
    pairs = [f"{outer} : {inner}" for outer, inner in sorted(network.floating.items())]
    yield _container("map floating", "ipv4_addr : ipv4_addr", pairs)
    for protocol in ("tcp", "udp"):
        spots = [
            f"{one.floating} . {one.port} : {one.address} . {one.inside}"
            for one in network.forwardings
            if one.protocol == protocol
        ]
        yield _container(f"map {protocol}_ports", "ipv4_addr . inet_service : ipv4_addr . inet_service", sorted(spots))
    # All addresses are the world's own, so what is sent to one never passes the hook for what comes from outside.
    yield "chain out {"
    yield "  type nat hook output priority -100"
    yield from (f"  dnat ip to ip daddr . {one} dport map @{one}_ports" for one in ("tcp", "udp"))
    yield "  dnat to ip daddr map @floating"
    yield "}"


def _container(name: str, kind: str, elements: Sequence[str]) -> str:
    filled = f"; elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"{name} {{ type {kind}{filled}; }}"


_HOOKS = {INGRESS: ("in", "input priority 0", "daddr"), EGRESS: ("out", "output priority -150", "saddr")}
"""Chain, where it is met, and what of a packet is the guarded address.

What is sent is looked at before floating IPs are resolved, as at a server's port.
"""
_FAR = {INGRESS: "saddr", EGRESS: "daddr"}


def _groups(network: Network) -> Iterable[str]:
    """Two chains for each group; what is sent to an address, or from it, goes through those of its port alone."""
    for direction, (name, hook, near) in _HOOKS.items():
        for group, rules in sorted(network.groups.items()):
            yield f"chain {_chain(direction, group)} {{"
            mine = (rule for rule in rules if rule.direction == direction)
            yield from (f"  {match} accept" for rule in mine if (match := _match(rule, network)) is not None)
            yield "}"
        yield f"chain {name} {{"
        yield f"  type filter hook {hook}"
        yield "  ct state established,related accept"
        for address, groups in sorted(network.guarded.items()):
            family = "ip6" if ":" in address else "ip"
            yield f"  {family} saddr {address} {family} daddr {address} accept"  # it never leaves the server
            yield from (f"  {family} {near} {address} jump {_chain(direction, group)}" for group in sorted(set(groups)))
            yield f"  {family} {near} {address} drop"
        yield "}"


def _chain(direction: str, group: str) -> str:
    return f"{direction}_{group.replace('-', '')}"


def _match(rule: Rule, network: Network) -> str | None:
    """What a packet must have that a rule lets pass; None: no packet has it."""
    family = _FAMILIES[rule.family]
    parts, far = [f"meta nfproto {rule.family.lower()}"], f"{family} {_FAR[rule.direction]}"
    if rule.group:
        members = (address for address, groups in network.guarded.items() if rule.group in groups)
        addresses = [address for address in members if (":" in address) == (rule.family == "IPv6")]
        if not addresses:
            return None
        parts.append(f"{far} {{ {', '.join(sorted(addresses))} }}")
    if rule.prefixes is not None:
        ranges = _ranges(rule.prefixes, rule.family)
        if not ranges:
            return None
        parts.append(f"{far} {{ {', '.join(ranges)} }}")
    parts += _protocol(rule)
    return " ".join(parts)


def _ranges(prefixes: Iterable[str], family: str) -> list[str]:
    """Those of a family, none of which overlap: no set of nft's takes such. An address group may have both families."""
    if family == "IPv6":
        six = (ipaddress.IPv6Network(prefix, strict=False) for prefix in prefixes if ":" in prefix)
        return [str(one) for one in ipaddress.collapse_addresses(six)]
    four = (ipaddress.IPv4Network(prefix, strict=False) for prefix in prefixes if ":" not in prefix)
    return [str(one) for one in ipaddress.collapse_addresses(four)]


def _protocol(rule: Rule) -> Iterable[str]:
    if not rule.protocol:
        return
    if rule.protocol in _ICMP_NAMES:
        kind = _ICMP[rule.family]
        yield f"meta l4proto {kind}"
        if rule.ports:
            yield f"{kind} type {rule.ports[0]}"
            if rule.ports[1] is not None:
                yield f"{kind} code {rule.ports[1]}"
        return
    yield f"meta l4proto {rule.protocol}"
    if rule.ports and rule.protocol in _WITH_PORTS:
        yield f"th dport {rule.ports[0]}-{rule.ports[1]}"
