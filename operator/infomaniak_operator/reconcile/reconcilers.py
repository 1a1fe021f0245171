"""The kinds that are reconciled: a new one is a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infomaniak_operator.reconcile.generic.actuator import Actuator
from infomaniak_operator.reconcile.generic.reconciler import CloudReconciler, ReconcileSettings
from infomaniak_operator.reconcile.neutron.floating_ip import FloatingIPActuator
from infomaniak_operator.reconcile.neutron.network import NetworkActuator
from infomaniak_operator.reconcile.neutron.port import PortActuator
from infomaniak_operator.reconcile.neutron.router import RouterActuator
from infomaniak_operator.reconcile.neutron.security_group import SecurityGroupActuator
from infomaniak_operator.reconcile.octavia.health_monitor import HealthMonitorActuator
from infomaniak_operator.reconcile.octavia.health_poller import HealthPoller
from infomaniak_operator.reconcile.octavia.l7_policy import L7PolicyActuator
from infomaniak_operator.reconcile.octavia.load_balancer import LoadBalancerActuator
from infomaniak_operator.reconcile.octavia.member_access import MembersOfPools
from infomaniak_operator.reconcile.octavia.pool import PoolActuator
from infomaniak_operator.reconcile.octavia.statistics_poller import Pace, StatisticsPoller
from infomaniak_operator.reconcile.octavia.tree_state import Trees
from infomaniak_operator.reconcile.openstack.scope import Clouds


def actuators() -> tuple[Actuator[Any, Any, Any], ...]:
    """One for each kind. Those of Octavia know the same trees."""
    trees = Trees()
    return (
        NetworkActuator(),
        RouterActuator(),
        SecurityGroupActuator(MembersOfPools()),
        PortActuator(),
        FloatingIPActuator(),
        LoadBalancerActuator(trees),
        PoolActuator(trees),
        HealthMonitorActuator(trees),
        L7PolicyActuator(trees),
    )


def reconcilers(clouds: Clouds, settings: ReconcileSettings) -> list[CloudReconciler[Any, Any]]:
    """The reconcilers of all kinds."""
    kinds = actuators()

    def kept_by(kind: str) -> set[str]:
        return {each.kind for each in kinds if any(on.kind == kind and on.keeps for on in each.depends_on)}

    return [CloudReconciler(each, clouds, settings, kept_by(each.kind)) for each in kinds]


def poller(clouds: Clouds, settings: ReconcileSettings, now: Callable[[], float]) -> HealthPoller:
    """What finds out about traffic that goes otherwise than status says.

    Args:
        clouds: the connections.
        settings: what all reconcilers are told.
        now: monotonic seconds.
    """
    return HealthPoller(clouds, settings.credentials, now)


def statistics_poller(
    clouds: Clouds, settings: ReconcileSettings, now: Callable[[], float], *, seconds: float, calls: int
) -> StatisticsPoller:
    """What reads what listeners have counted, for the metrics.

    Args:
        clouds: the connections.
        settings: what all reconcilers are told.
        now: monotonic seconds.
        seconds: from one round to the next.
        calls: listeners of each load balancer that a round asks for.
    """
    return StatisticsPoller(clouds, settings.credentials, lambda: settings.cluster, now, Pace(seconds, calls))
