"""A Designate in memory: the names that floating IPs lead back to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infomaniak_operator.client import Category, ServiceMissingError, kinds
from infomaniak_operator.client.session import is_id
from tests.support.fake_cloud_rules import Refused, Row

if TYPE_CHECKING:
    from tests.support.fake_cloud import FakeCloud

REGION = "dc3-a"
_NAME = re.compile(r"(?!.{255,})(?:(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\.)+")
_ZONE_TTL = 3600
_LARGEST_TTL = 2147483647


class Designate:
    """Its records, of all projects, by the id of their floating IP: they outlive it.

    Attributes:
        missing: whether the catalogue does not have it.
        hides: whether it leaves out of its lists what it should show, as it does while Neutron fails.
    """

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud
        self.records: dict[str, Row] = {}
        self.missing = False
        self.hides = False

    def settle(self) -> None:
        for record in self.records.values():
            record.update(status="ACTIVE", action="NONE")

    def list(self, project: str) -> list[Row]:
        mine = [row for row in self._cloud.tables["floating_ips"].values() if row["project_id"] == project]
        return [] if self.hides else [self._shown(row) for row in mine]

    def get(self, project: str, id: str) -> Row:  # noqa: A002 - the API says id
        return self._shown(self._floating_ip(project, id))

    def set(self, project: str, id: str, body: Mapping[str, Any]) -> Row:  # noqa: A002 - the API says id
        _check(body)
        row = self._floating_ip(project, id)
        action = "UPDATE" if id in self.records else "CREATE"
        self.records[id] = {
            "project_id": project,
            "ptrdname": body["ptrdname"],
            "ttl": body.get("ttl", _ZONE_TTL),
            "description": body.get("description"),
            "status": "PENDING",
            "action": action,
        }
        return self._shown(row)

    def unset(self, project: str, id: str) -> None:  # noqa: A002 - the API says id
        if self.records.get(id, {}).get("project_id") != project:
            raise Refused(404, "not_found", f"No such FloatingIP {REGION}:{id}")
        del self.records[id]

    def _floating_ip(self, project: str, id: str) -> Row:  # noqa: A002 - the API says id
        row: Row | None = self._cloud.tables["floating_ips"].get(id)
        if row is None or row["project_id"] != project or self.hides:
            raise Refused(404, "not_found", f'FloatingIP {id} in {REGION} is not associated for project "{project}"')
        return row

    def _shown(self, row: Row) -> Row:
        none = {"ptrdname": None, "ttl": None, "description": None, "status": "INACTIVE", "action": "NONE"}
        record = self.records.get(row["id"], none)
        shown = {name: value for name, value in record.items() if name != "project_id"}
        return {"id": f"{REGION}:{row['id']}", "address": row["floating_ip_address"], **shown}


def _check(body: Mapping[str, Any]) -> None:
    name, ttl, text = body["ptrdname"], body.get("ttl", 0), body.get("description") or ""
    wrong = None
    if not name.endswith("."):
        wrong = f"Domain {name} does not end with a dot"
    elif not _NAME.fullmatch(name):
        wrong = f"Domain {name} is invalid"
    elif ttl < 0:
        wrong = "Value must be >= 0 for field ttl"
    elif ttl > _LARGEST_TTL:
        wrong = "Value too high for ttl"
    elif len(text) > 160:
        wrong = "Value too long for description"
    if wrong:
        message = f"Provided object is not valid. Got a ValueError error with message {wrong}"
        raise Refused(400, "invalid_object", message)


class FakeReverseNames:
    """Looks like ``ReverseNames``."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id

    def _perform(self, method: str, subject: Any, act: Any) -> Any:
        if self._cloud.designate.missing:
            message = f"the catalogue has no public endpoint of the service 'dns' in region {REGION!r}"
            raise ServiceMissingError(message, category=Category.TERMINAL)
        return self._cloud.perform(method, "reverse_dns", subject, act)

    def list(self) -> Any:
        return self._perform("LIST", {}, lambda: self._cloud.designate.list(self._project))

    def get(self, floating_ip_id: str) -> Any:
        _check_id(floating_ip_id)
        return self._perform("GET", floating_ip_id, lambda: self._cloud.designate.get(self._project, floating_ip_id))

    def set(self, floating_ip_id: str, body: Mapping[str, Any]) -> Any:
        _check_id(floating_ip_id)
        kinds.REVERSE_NAMES.checked(body)
        if not body.get("ptrdname"):
            raise ValueError("there is no 'ptrdname': unset takes a name away")
        subject = (floating_ip_id, dict(body))
        return self._perform(
            "PATCH", subject, lambda: self._cloud.designate.set(self._project, floating_ip_id, subject[1])
        )

    def unset(self, floating_ip_id: str) -> None:
        _check_id(floating_ip_id)
        subject = (floating_ip_id, {"ptrdname": None})
        self._perform("PATCH", subject, lambda: self._cloud.designate.unset(self._project, floating_ip_id))


def _check_id(id: str) -> None:  # noqa: A002 - the API says id
    if not is_id(id):
        raise ValueError(f"id is no id: {id!r}")
