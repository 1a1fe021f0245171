"""The kinds that are reconciled: a new one is a line here."""

from __future__ import annotations

from typing import Any

from infomaniak_operator.reconcile.actuator import Actuator
from infomaniak_operator.reconcile.floatingip import FloatingIPActuator
from infomaniak_operator.reconcile.healthmonitor import HealthMonitorActuator
from infomaniak_operator.reconcile.loadbalancer import LoadBalancerActuator
from infomaniak_operator.reconcile.network import NetworkActuator
from infomaniak_operator.reconcile.pool import PoolActuator
from infomaniak_operator.reconcile.router import RouterActuator
from infomaniak_operator.reconcile.securitygroup import SecurityGroupActuator

ACTUATORS: tuple[Actuator[Any, Any], ...] = (
    NetworkActuator(),
    RouterActuator(),
    SecurityGroupActuator(),
    FloatingIPActuator(),
    LoadBalancerActuator(),
    PoolActuator(),
    HealthMonitorActuator(),
)
