"""The client for scripts: every operation, nothing raised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infomaniak_operator.client.barbican_client import BarbicanMethods
from infomaniak_operator.client.base import ident
from infomaniak_operator.client.designate_client import DesignateMethods
from infomaniak_operator.client.errors import AuthenticationError
from infomaniak_operator.client.neutron_client import NeutronMethods
from infomaniak_operator.client.octavia_client import OctaviaMethods
from infomaniak_operator.client.usage import LOAD_BALANCERS, measured
from infomaniak_operator.client.views import attribute


class InfomaniakNetworkClient(NeutronMethods, OctaviaMethods, DesignateMethods, BarbicanMethods):
    """Networks, routers, groups, floating IPs with their reverse names, load balancers and secrets of a project.

    Each method is one call of openstacksdk (``usage`` is ten). Results are plain dicts. An error of whatever type is
    logged (logger ``infomaniak_operator.client``) and not raised: a list method then returns ``[]``, one that returns
    an object returns None, one that returns a bool returns False. Where that is too little, ``Operations`` raises.

    Args:
        connection: an ``openstack.connection.Connection``, or what looks like one.
    """

    _service_name = "network"

    def usage(self) -> dict[str, Any] | None:
        """Count what the project has itself, for metering: ``GET`` of eight collections and of both services' quotas.

        Returns:
            ``{"project_id": …, "networks": {"count": 2, "quota": 10, "created_at": {id: "2026-11-27T08:00:00Z", …}},
            …}`` for networks, subnets, routers, security_groups, security_group_rules, ports, floating_ips (with
            ``in_use``: those that are bound to a port) and load_balancers. A quota of -1 is no limit; a time is None
            where the service does not say. What others share with the project is not counted.

        Raises:
            Nothing: an error is logged, and None comes back; what could not be had is never counted as 0.
        """
        found: dict[str, Any] | None = self._try("usage", _usage)
        return found


def _usage(conn: Any) -> dict[str, Any]:
    project = conn.current_project_id
    if not project:
        raise AuthenticationError("the credential is not bound to a project")
    ident(project)
    neutron = conn.network.get_quota(project, details=True)
    octavia = conn.load_balancer.get_quota(project)
    lists = {
        "networks": conn.network.networks,
        "subnets": conn.network.subnets,
        "routers": conn.network.routers,
        "security_groups": conn.network.security_groups,
        "security_group_rules": conn.network.security_group_rules,
        "ports": conn.network.ports,
        "floating_ips": conn.network.ips,
        LOAD_BALANCERS: conn.load_balancer.load_balancers,
    }

    def rows(name: str) -> Iterable[Any]:
        listed: Iterable[Any] = lists[name](project_id=project)
        return listed

    def quota(name: str) -> Any:
        if name == LOAD_BALANCERS:
            return attribute(octavia, name)
        details = attribute(neutron, name)
        return details.get("limit") if isinstance(details, dict) else None

    return measured(project, rows, quota).as_dict()
