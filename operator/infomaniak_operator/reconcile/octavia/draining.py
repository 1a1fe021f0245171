"""Members that are to go are first kept at weight 0, for their connections to end. Pure; it goes on from the status."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infomaniak_operator.api import json_types
from infomaniak_operator.api.v1alpha1.pool_types import MAX_LISTED
from infomaniak_operator.client.bodies import MemberBody
from infomaniak_operator.client.resources import Member

Place = tuple[str, int]
"""What a member is known by: its address, in the canonical spelling, and its port."""

_GOING = frozenset({"PENDING_DELETE", "DELETED"})


@dataclass(frozen=True, slots=True)
class Drained:
    """What is to be done about members that go.

    Attributes:
        members: the members to have, as Octavia's attributes: the wanted ones, and those that drain, with weight 0.
        draining: for the status, what ``drain`` is given back at the next reconcile: address, port, until (RFC 3339).
        next_in: seconds until the next one is due; None if none drains.
    """

    members: list[MemberBody]
    draining: list[json_types.DrainingMember]
    next_in: float | None


def drain(
    wanted: Sequence[MemberBody],
    now_there: Sequence[Member],
    draining: Sequence[object],
    seconds: int,
    now: float,
) -> Drained:
    """What members to have, of those wanted and those that are there and not wanted any more.

    One whose time is over is left out of the members, but stays in the status until the cloud no longer shows it: else
    one whose removal fails would drain all over again. A wanted one that is there at weight 0, and is given no weight,
    gets weight 1: it has come back while it drained, though the status may not say so after a crash.

    Args:
        wanted: Octavia's attributes of the members to have (``address``, ``protocol_port``, …).
        now_there: the members in the cloud, as Octavia gives them.
        draining: the status's ``draining`` of the last reconcile.
        seconds: how long a member drains, from the reconcile that first misses it on. If it is made shorter meanwhile,
            that counts at once; 0: it goes at once.
        now: seconds since the epoch.
    """
    rows = {_place(row): row for row in now_there}
    keep = {_place(member): _weighted(member, rows.get(_place(member))) for member in wanted}
    since = {
        (_canonical(each.get("address")), each.get("port")): _seconds(each.get("until"))
        for each in draining
        if isinstance(each, Mapping) and isinstance(each.get("port"), int)
    }
    leaving = {place: row for place, row in rows.items() if place not in keep}
    # In whole seconds, as the status holds it: what is due by the status is due.
    latest = math.ceil(now + seconds) if seconds > 0 else now
    told: list[tuple[float, json_types.DrainingMember]] = []
    slow: list[MemberBody] = []
    left: list[float] = []
    for place in sorted(leaving, key=_order):
        row, known = leaving[place], since.get(place)
        going = str(row.get("provisioning_status")) in _GOING
        if known is None and (going or seconds <= 0):
            continue
        due = latest if known is None else min(known, latest)
        address, port = place
        told.append((due, {"address": address, "port": port, "until": _text(due)}))
        if due > now and not going:
            slow.append({"address": str(row["address"]), "protocol_port": port, "weight": 0})
            left.append(due - now)
    if len(told) > MAX_LISTED:
        # Those without a place in the status stay at weight 0, and their time begins once a place is free.
        told.sort(key=lambda each: each[0])
    listed = [each for _, each in told[:MAX_LISTED]]
    return Drained([*keep.values(), *slow], listed, min(left, default=None))


def _weighted(member: MemberBody, row: Member | None) -> MemberBody:
    came_back = row is not None and row.get("weight") == 0 and member.get("weight") is None
    return {**member, "weight": 1} if came_back else member


def _place(member: MemberBody | Member) -> Place:
    return _canonical(member["address"]), int(member["protocol_port"])


def _canonical(address: object) -> str:
    try:
        return str(ipaddress.ip_address(str(address)))
    except ValueError:
        return str(address)


def _order(place: Place) -> tuple[int, int, str, int]:
    address, port = place
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return 0, 0, address, port
    return parsed.version, int(parsed), address, port


def _text(seconds: float) -> str:
    """RFC 3339."""
    return dt.datetime.fromtimestamp(math.ceil(seconds), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: object) -> float | None:
    """Seconds since the epoch; None if it is no time, as after a hand's write of the status."""
    try:
        return dt.datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError, OSError):  # the last two: a year that is none here
        return None
