"""What the demo shows: the live view of the objects, then Kubernetes and Neutron side by side."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TextIO

Body = Mapping[str, Any]
_UNSEEN = ("Unseen", "")
"""Of an object of which nothing is said yet: no news."""


def ready(body: Body) -> bool:
    """Whether an object is Ready at its present generation."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            current = condition.get("observedGeneration") == body["metadata"]["generation"]
            return bool(condition["status"] == "True" and current)
    return False


def state(body: Body) -> tuple[str, str]:
    """Reason and message of ``Ready``, for the live view."""
    for condition in (body.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return str(condition["reason"]), str(condition.get("message", ""))
    return _UNSEEN


def watch(
    objects: Callable[[], Sequence[Body]], timeout: float, out: TextIO = sys.stdout, interval: float = 0.25
) -> bool:
    """Print each change of state until all objects are Ready.

    Args:
        objects: asks for them.
        timeout: seconds to wait at most.
        out: where to print.
        interval: seconds between two looks.

    Returns:
        Whether all are Ready.
    """
    begin = time.monotonic()
    seen: dict[str, tuple[str, str]] = {}
    while True:
        bodies = objects()
        for body in bodies:
            name = f"{body['kind']}/{body['metadata']['name']}"
            now = state(body)
            if seen.get(name, _UNSEEN) != now:
                seen[name] = now
                out.write(f"  {time.monotonic() - begin:6.2f} s  {name:<32} {now[0]:<20} {now[1]}\n")
                out.flush()
        if bodies and all(ready(body) for body in bodies):
            return True
        if time.monotonic() - begin > timeout:
            return False
        time.sleep(interval)


def columns(left: str, right: str, titles: tuple[str, str]) -> str:
    """Two texts side by side."""
    one, two = left.splitlines(), right.splitlines()
    width = max(map(len, [*one, titles[0]]))
    rows = [titles, ("-" * width, "-" * max(map(len, [*two, titles[1]])))]
    length = max(len(one), len(two))
    rows += zip(one + [""] * (length - len(one)), two + [""] * (length - len(two)), strict=True)
    return "\n".join(f"{a:<{width}} | {b}".rstrip() for a, b in rows)


def networks_in_kubernetes(bodies: Iterable[Body]) -> str:
    """The networks as their status tells of them."""
    lines = []
    for body in bodies:
        status = body.get("status") or {}
        lines.append(f"{body['metadata']['name']}  {state(body)[0]}")
        lines.append(f"  id {status.get('id')}  mtu {status.get('mtu')}")
        lines += [f"  {s['name']}  {s['cidr']}  gw {s.get('gateway', 'none')}" for s in status.get("subnets") or ()]
    return "\n".join(lines)


def networks_in_neutron(networks: Iterable[Body], subnets: Iterable[Body]) -> str:
    """The same networks as Neutron tells of them."""
    under = list(subnets)
    lines = []
    for network in networks:
        lines.append(f"{network['name']}  {network['status']}")
        lines.append(f"  id {network['id']}  mtu {network['mtu']}")
        own = sorted((s for s in under if s["network_id"] == network["id"]), key=lambda s: str(s["name"]))
        lines += [f"  {s['name']}  {s['cidr']}  gw {s['gateway_ip'] or 'none'}" for s in own]
    return "\n".join(lines)


def others_in_kubernetes(bodies: Iterable[Body]) -> str:
    """Routers, security groups and floating IPs as their status tells of them."""
    lines = []
    for body in bodies:
        status = body.get("status") or {}
        seen = {
            "Router": lambda s: "  ".join((_out(s.get("externalAddresses")), _legs(len(s.get("interfaces") or ())))),
            "SecurityGroup": lambda s: _count(s.get("ruleCount"), "rule"),
            "FloatingIP": lambda s: str(s.get("address")),
        }[body["kind"]](status)
        lines.append(f"{body['kind']} {body['metadata']['name']}  {state(body)[0]}")
        lines.append(f"  id {status.get('id')}  {seen}")
    return "\n".join(lines)


def others_in_neutron(rows: Iterable[tuple[str, Body]], legs: Sequence[str]) -> str:
    """The same as Neutron tells of them.

    Args:
        rows: each with its kind in Kubernetes.
        legs: the routers' ids, once for each interface.
    """
    lines = []
    for kind, row in rows:
        if kind == "Router":
            fixed = (row.get("external_gateway_info") or {}).get("external_fixed_ips") or ()
            out = _out([ip["ip_address"] for ip in fixed])
            lines.append(f"{row['name']}  {row['status']}")
            lines.append(f"  id {row['id']}  {out}  {_legs(legs.count(row['id']))}")
        elif kind == "SecurityGroup":
            lines.append(str(row["name"]))
            lines.append(f"  id {row['id']}  {_count(len(row['security_group_rules']), 'rule')}")
        else:
            lines.append(f"floating IP  {row['status']}")
            lines.append(f"  id {row['id']}  {row['floating_ip_address']}")
    return "\n".join(lines)


def _out(addresses: Sequence[str] | None) -> str:
    return f"out {', '.join(addresses)}" if addresses else "no way out"


def _legs(number: int) -> str:
    return _count(number, "interface")


def _count(number: int | None, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
