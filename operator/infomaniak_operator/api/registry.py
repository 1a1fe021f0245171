"""All kinds, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from infomaniak_operator.api.kind import InvalidSpec, Kind
from infomaniak_operator.api.v1alpha1.floating_ip_types import FLOATING_IP
from infomaniak_operator.api.v1alpha1.health_monitor_types import HEALTH_MONITOR
from infomaniak_operator.api.v1alpha1.l7_policy_types import L7_POLICY
from infomaniak_operator.api.v1alpha1.load_balancer_types import LOAD_BALANCER
from infomaniak_operator.api.v1alpha1.network_types import NETWORK
from infomaniak_operator.api.v1alpha1.pool_types import POOL
from infomaniak_operator.api.v1alpha1.port_types import PORT
from infomaniak_operator.api.v1alpha1.router_types import ROUTER
from infomaniak_operator.api.v1alpha1.security_group_types import SECURITY_GROUP

_ALL: tuple[Kind[Any], ...] = (
    NETWORK,
    ROUTER,
    SECURITY_GROUP,
    PORT,
    FLOATING_IP,
    LOAD_BALANCER,
    POOL,
    HEALTH_MONITOR,
    L7_POLICY,
)
KINDS: Mapping[str, Kind[Any]] = MappingProxyType({kind.kind: kind for kind in _ALL})
"""The definition of each kind: ``KINDS["InfomaniakNetwork"]``."""

__all__ = ["KINDS", "InvalidSpec", "Kind"]
