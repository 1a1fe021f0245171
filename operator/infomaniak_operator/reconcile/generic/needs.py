"""What a plan takes of a project's quota. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Needs:
    """What a plan would make.

    Attributes:
        counts: how many of each type, by its service's name for the quota.
        dhcp_subnets: how many subnets with DHCP, which take ports, too.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    dhcp_subnets: int = 0
