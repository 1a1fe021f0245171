"""What is asked of a project: a login, and harmless lists. An edge: it decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.errors import InfomaniakCloudError
from infomaniak_operator.client.transport import Call as CloudCall
from infomaniak_operator.plugin.command import Opens
from infomaniak_operator.plugin.doctor.credential_checks import BARBICAN, DESIGNATE, LOAD_BALANCER, NETWORK
from infomaniak_operator.plugin.doctor.facts import Asked, Clock, Project
from infomaniak_operator.reconcile.openstack.resource_types import HEALTH_MONITORS, LISTENERS, LOAD_BALANCERS, POOLS
from infomaniak_operator.reconcile.openstack.scope import Cloud

T = TypeVar("T")
_EXTERNAL: dict[str, Any] = {"router:external": True}
_NAMES = {"identity": "Keystone", "network": NETWORK, "load-balancer": LOAD_BALANCER}


def asked(credentials: CloudCredentials, opens: Opens, now: Callable[[], datetime]) -> tuple[Project, list[Clock]]:
    """What a project says to a credential, and how the clocks of its services go."""
    clocks: list[Clock] = []

    def on_call(call: CloudCall) -> None:
        if call.date is not None and call.service in _NAMES:
            # The header is cut to the second, and the answer has been under way.
            ahead = call.date + 0.5 - (now().timestamp() - call.seconds / 2)
            clocks.append(Clock(_NAMES[call.service], ahead))

    cloud = opens(credentials, on_call)
    try:
        return _project(cloud), clocks
    finally:
        cloud.close()


def _project(cloud: Cloud) -> Project:
    def identity() -> tuple[str, str]:
        return cloud.project_id, cloud.region

    found = _tried(identity)
    if isinstance(found, InfomaniakCloudError):
        return Project(found, {})
    do = cloud.do
    services: dict[str, Asked[None]] = {
        NETWORK: _tried(lambda: _done(do.networks.list(project_id=found[0], fields=["id"]))),
        LOAD_BALANCER: _tried(lambda: _done(cloud.rows(LOAD_BALANCERS, 0.0))),
        BARBICAN: _tried(lambda: _done(do.secrets.list())),
        DESIGNATE: _tried(lambda: _done(do.reverse_dns.list())),
    }
    balanced = services[LOAD_BALANCER] is None
    return Project(
        found,
        services,
        network_quota=_tried(lambda: dict(do.quotas.network())) if services[NETWORK] is None else None,
        load_balancer_quota=_tried(lambda: dict(do.quotas.load_balancer())) if balanced else None,
        counts=_tried(lambda: _counts(cloud)) if balanced else None,
        external=_tried(
            lambda: [(str(row.get("name") or ""), str(row.get("id") or "")) for row in do.networks.list(**_EXTERNAL)]
        )
        if services[NETWORK] is None
        else None,
    )


def _counts(cloud: Cloud) -> dict[str, int]:
    """How many there are of what Octavia limits, which it does not tell itself."""
    pools = cloud.rows(POOLS, 0.0)
    return {
        "load_balancer": len(cloud.rows(LOAD_BALANCERS, 0.0)),
        "listener": len(cloud.rows(LISTENERS, 0.0)),
        "pool": len(pools),
        "member": sum(len(each.get("members") or ()) for each in pools),
        "health_monitor": len(cloud.rows(HEALTH_MONITORS, 0.0)),
    }


def _tried(ask: Callable[[], T]) -> Asked[T]:
    try:
        return ask()
    except InfomaniakCloudError as error:
        return error


def _done(_: object) -> None:
    return None
