"""Whether a plan certainly passes the project's quota: then it says so before it starts, and no create is sent.

A hint, not a promise: others make things meanwhile, and the service's own refusal counts. Where the quota cannot be
read, or is not limited, nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.resources import Port, Subnet
from infomaniak_operator.controller.interfaces import Reason, Retry
from infomaniak_operator.reconcile.generic import quota_waits
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.needs import Needs
from infomaniak_operator.reconcile.generic.outcomes import SYNCED, Outcome
from infomaniak_operator.reconcile.openstack.resource_types import (
    HEALTH_MONITORS,
    LOAD_BALANCERS,
    POOLS,
    PORTS,
    SUBNETS,
    ResourceType,
)

FRESH = 2.0
"""So many seconds old the numbers may be by which something is refused: room may have been made meanwhile."""
WAITS_FOR = 10.0
"""So many seconds old what is known of those that wait may be: each of them asks, and each looks at all objects."""
RETRY = 30.0
"""Seconds until the next attempt, at the least: as after the service's own refusal."""
NEARLY = 0.8
"""From this share of a quota on it is said that it is nearly used up."""
_SMALL = 5
"""Of a quota so small nothing is said before it is used up: its one or two are what it is for."""

PORT = "port"
_NAMES = {
    "security_group": "security group",
    "security_group_rule": "security group rule",
    "floatingip": "floating IP",
    "l7policy": "L7 policy",
    "l7rule": "L7 rule",
}
_OCTAVIA: Mapping[str, ResourceType[Any, Any]] = {
    "load_balancer": LOAD_BALANCERS,
    "pool": POOLS,
    "health_monitor": HEALTH_MONITORS,
}
"""The types of Octavia's that are counted: it tells limits only."""
_DHCP = "network:dhcp"
MOST_DHCP = 4
"""A subnet takes no more ports of DHCP than that, so that with room for so many nobody has to look."""


@dataclass(frozen=True, slots=True)
class Count:
    """One type in a quota.

    Attributes:
        name: the service's.
        used: how many there are.
        limit: how many there may be.
        needed: how many more the plan would make.
        dhcp: how many of them are ports of DHCP.
    """

    name: str
    used: int
    limit: int
    needed: int
    dhcp: int = 0

    @property
    def passed(self) -> bool:
        """Whether there is no room for it."""
        return self.needed > 0 and self.used + self.needed > self.limit

    @property
    def nearly(self) -> bool:
        """Whether the plan uses up most of it."""
        return self.needed > 0 and self.limit >= _SMALL and self.used + self.needed >= NEARLY * self.limit

    @property
    def noun(self) -> str:
        """The type, for people."""
        return _NAMES.get(self.name, self.name.replace("_", " "))

    def __str__(self) -> str:
        of_dhcp = f", {self.dhcp} of them for DHCP" if self.dhcp else ""
        plural = "s" if self.needed != 1 else ""
        return f"{self.needed} {self.noun}{plural} needed{of_dhcp}, {self.used} of {self.limit} used"


def shortage(context: ReconcileContext, needs: Needs) -> Outcome | None:
    """How the reconcile ends where there is certainly no room for what it would make; None where there may be.

    Where most of a quota is used up with it, that is said, once.
    """
    if not needs.dhcp_subnets and not any(count > 0 for count in needs.counts.values()):
        return None
    try:
        counts = _counted(context, needs, fresh=False)
        if any(each.passed for each in counts):
            counts = _counted(context, needs, fresh=True)
    except InfomaniakCloudError:  # a list that could not be had says nothing
        return None
    short = [each for each in counts if each.passed]
    if not short:
        for each in counts:
            if each.nearly:
                _warn(context, each)
        if not context.dry_run:
            context.cloud.about_to_make({each.name: each.needed for each in counts})
        return None
    text = "; ".join(map(str, short)) + _others(context, short)
    message = (
        f"the project's quota has no room for it: {text}. Nothing was sent, and it is tried again by itself: free "
        "something, or have the quota raised"
    )
    context.set_condition(SYNCED, False, Reason.QUOTA_EXCEEDED, message)
    return Outcome(Reason.QUOTA_EXCEEDED, message, Retry(at_least=RETRY))


def _others(context: ReconcileContext, short: Iterable[Count]) -> str:
    """Who else waits for the same, as it was a moment ago at the most."""
    view = context.request.view
    since = context.request.clock.monotonic() - WAITS_FOR
    waits = context.cloud.quota_waits.get(since, lambda: quota_waits.waiting(view, KINDS, context.same_credential))
    return quota_waits.others(waits or {}, context.resource.key, [each.noun for each in short])


def _warn(context: ReconcileContext, count: Count) -> None:
    if context.dry_run or count.name in context.memory.quota_told:
        return
    context.memory.quota_told.add(count.name)
    text = f"with this {count.used + count.needed} of {count.limit} {count.noun}s of the project's quota are used"
    context.request.event("QuotaNearlyUsed", text, warning=True)


def _counted(context: ReconcileContext, needs: Needs, *, fresh: bool) -> list[Count]:
    """The counts of all types that are limited, as far as the quota can be read."""
    guessed = any(context.cloud.made_since(name) for name in [*needs.counts, PORT])
    since = context.request.clock.monotonic() - (0.0 if guessed else FRESH) if fresh else None
    neutron = {name for name, count in needs.counts.items() if count > 0 and name not in _OCTAVIA}
    found = []
    if neutron or needs.dhcp_subnets:
        details = context.cloud.network_quota(since) or {}
        for name in sorted(neutron | ({PORT} if needs.dhcp_subnets else set())):
            count = counted(name, details.get(name))
            if count is not None:
                used = count.used + context.cloud.made_since(name)
                found.append(_with_dhcp(context, needs, Count(name, used, count.limit, needs.counts.get(name, 0))))
    octavia = [name for name, count in needs.counts.items() if count > 0 and name in _OCTAVIA]
    limits: Mapping[str, object] = (context.cloud.load_balancer_quota(since) or {}) if octavia else {}
    for name in octavia:
        limit = number(limits.get(name))
        if limit is not None:
            found.append(Count(name, len(context.rows(_OCTAVIA[name])), limit, needs.counts[name]))
    context.cloud.note_quota_use({each.name: each.used / each.limit for each in found if each.limit})
    return found


def counted(name: str, detail: object) -> Count | None:
    """What Neutron says of one type; None where it has no limit, or nothing that can be read."""
    if not isinstance(detail, Mapping) or (limit := number(detail.get("limit"))) is None:
        return None
    return Count(name, (number(detail.get("used")) or 0) + (number(detail.get("reserved")) or 0), limit, 0)


def _with_dhcp(context: ReconcileContext, needs: Needs, count: Count) -> Count:
    """The ports with those that new subnets with DHCP certainly take, where it matters."""
    room = count.limit - count.used - count.needed
    if count.name != PORT or not 0 <= room < MOST_DHCP * needs.dhcp_subnets:
        return count
    of_each = min(dhcp_ports(context.rows(PORTS), context.rows(SUBNETS)), MOST_DHCP)
    dhcp = of_each * needs.dhcp_subnets
    return Count(count.name, count.used, count.limit, count.needed + dhcp, dhcp)


def dhcp_ports(ports: Iterable[Port], subnets: Sequence[Subnet]) -> int:
    """How many ports of DHCP a subnet takes here at the least: as in the project's networks; 0 if it has none."""
    with_dhcp: dict[str, int] = {}
    for subnet in subnets:
        if subnet.get("enable_dhcp"):
            with_dhcp[subnet["network_id"]] = with_dhcp.get(subnet["network_id"], 0) + 1
    there: dict[str, int] = {}
    for port in ports:
        if port.get("device_owner") == _DHCP:
            there[port["network_id"]] = there.get(port["network_id"], 0) + 1
    return min((there.get(network, 0) // count for network, count in with_dhcp.items()), default=0)


def number(value: object) -> int | None:
    """A count or a limit; None for no limit (-1), and for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
