"""What one reconcile has seen of an object of Octavia's: what its plan is made of. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infomaniak_operator.client.resources import L7Policy, L7Rule, Listener, Member, Pool, Port
from infomaniak_operator.reconcile.generic.outcomes import Outcome


@dataclass(slots=True)
class SeenBalancer:
    """Of a load balancer. None: it was not looked for.

    Attributes:
        listeners: its listeners.
        kept: by id, the listeners that must not go now, and what in them keeps them.
        policies: all L7 policies of the project.
        vip_port: the port of the VIP; empty where it is gone.
    """

    listeners: list[Listener] | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    policies: list[L7Policy] | None = None
    vip_port: list[Port] | None = None


@dataclass(slots=True)
class SeenPool:
    """Of a pool.

    Attributes:
        members: its members; None: they were not looked for.
        listed: whether they were listed in this reconcile, so that their rows tell their states.
        batch_in: seconds until they may be changed again.
        now: seconds since the epoch, by a clock that nobody sets while members drain; None: they were not looked for.
        formers: the pools that it has replaced.
        kept: the outcome where there can be no other in its place: the quota has no room, or what is not ours uses it.
        sent: the body of its create.
        tls: the attributes that say whom it trusts.
    """

    members: list[Member] | None = None
    listed: bool = False
    batch_in: float = 0.0
    now: float | None = None
    formers: list[Pool] = field(default_factory=list)
    kept: Outcome | None = None
    sent: Mapping[str, object] | None = None
    tls: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class SeenMonitor:
    """Of a health monitor.

    Attributes:
        pool_replaced: whether the pool that it is on was replaced by the one that it is to be on.
    """

    pool_replaced: bool = False


@dataclass(slots=True)
class SeenPolicy:
    """Of an L7 policy.

    Attributes:
        rules: its rules; None: they were not looked for.
        siblings: all L7 policies of its listener, in their order; None: they were not looked for.
        half_made: whether it is switched off because it has not got all of its rules yet, and no status tells so.
        look_again: in how many seconds to look again where others of them have to move first.
    """

    rules: list[L7Rule] | None = None
    siblings: list[L7Policy] | None = None
    half_made: bool = False
    look_again: float = 0.0
