"""What a project has, counted for metering: of each type how many, since when, and how many it may have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from infomaniak_operator.client.errors import ServiceError
from infomaniak_operator.client.views import attribute

NEUTRON_QUOTAS = {
    "networks": "network",
    "subnets": "subnet",
    "routers": "router",
    "security_groups": "security_group",
    "security_group_rules": "security_group_rule",
    "ports": "port",
    "floating_ips": "floatingip",
}
"""Each type of Neutron's, and Neutron's name for its quota."""
LOAD_BALANCERS = "load_balancers"
LOAD_BALANCER_QUOTA = "load_balancer"
NEEDED = ("id", "project_id", "created_at")
"""The attributes of a row that are looked at."""
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """What a project has of one type.

    Attributes:
        count: how many.
        quota: how many it may have; -1 is no limit.
        created_at: when each was made, by its id, in UTC; None where the service does not say.
        in_use: of floating IPs, how many are bound to a port; None for other types.
    """

    count: int
    quota: int
    created_at: Mapping[str, datetime | None]
    in_use: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a project has itself: not what others share with it, nor what is external.

    Attributes:
        project_id: the project.
        networks: and so on: its networks, ….
        ports: with those that routers, DHCP and load balancers have in its name, as its quota counts them.
    """

    project_id: str
    networks: TypeUsage
    subnets: TypeUsage
    routers: TypeUsage
    security_groups: TypeUsage
    security_group_rules: TypeUsage
    ports: TypeUsage
    floating_ips: TypeUsage
    load_balancers: TypeUsage

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data that JSON can hold; times as ``2026-11-27T08:00:00Z``."""
        found: dict[str, Any] = {"project_id": self.project_id}
        for name in TYPES:
            one: TypeUsage = getattr(self, name)
            found[name] = {"count": one.count, "quota": one.quota}
            if one.in_use is not None:
                found[name]["in_use"] = one.in_use
            found[name]["created_at"] = {
                id: at and at.strftime("%Y-%m-%dT%H:%M:%SZ")
                for id, at in one.created_at.items()  # noqa: A001 - as the service names it
            }
        return found


TYPES = tuple(field.name for field in fields(Usage) if field.name != "project_id")


def measured(project_id: str, rows: Callable[[str], Iterable[Any]], quota: Callable[[str], Any]) -> Usage:
    """Count what belongs to the project.

    Args:
        project_id: whose.
        rows: lists the objects of a type, as the services show them: rows, or openstacksdk's objects.
        quota: the project's limit of a type.

    Raises:
        ServiceError: an answer cannot be counted. That is never 0.
        InfomaniakCloudError: a list could not be had.
    """
    return Usage(project_id, **{name: _counted(project_id, name, rows(name), quota(name)) for name in TYPES})


def _counted(project_id: str, name: str, listed: Iterable[Any], limit: Any) -> TypeUsage:
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise ServiceError(f"usage: the answer has no quota of {name}")
    made: dict[str, datetime | None] = {}
    bound = 0
    for number, row in enumerate(islice(listed, MOST_ROWS + 1)):
        id, owner = attribute(row, "id"), attribute(row, "project_id")  # noqa: A001 - as the service names it
        if number >= MOST_ROWS or not isinstance(id, str) or not isinstance(owner, str):
            what = "there is no end of them" if number >= MOST_ROWS else "one has no id, or no project"
            raise ServiceError(f"usage: {name} cannot be counted: {what}")
        if owner == project_id and id not in made:
            made[id] = _time(attribute(row, "created_at"))
            bound += bool(attribute(row, "port_id"))
    return TypeUsage(len(made), limit, made, bound if name == "floating_ips" else None)


def _time(text: Any) -> datetime | None:
    """Neutron says ``2026-11-27T08:00:00Z``, Octavia the same without the Z."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
