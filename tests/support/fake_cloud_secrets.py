"""A Barbican in memory: secrets by their names. What they hold is kept for a look from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infomaniak_operator.client import Category, ServiceMissingError, kinds
from infomaniak_operator.client.session import is_id
from tests.support.fake_cloud_rules import Refused, Row

if TYPE_CHECKING:
    from tests.support.fake_cloud import FakeCloud

ADDRESS = "https://keys.invalid/v1/secrets/"
LARGEST = 20000


class Barbican:
    """Its secrets, of all projects, by their ids.

    Attributes:
        payloads: what each holds.
        missing: whether the catalogue does not have it.
        forbids: whether the credential lacks the role ``creator``.
    """

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud
        self.table: dict[str, Row] = {}
        self.payloads: dict[str, bytes] = {}
        self.missing = False
        self.forbids = False

    def serves(self, ref: str) -> bool:
        """Whether Octavia finds a certificate at that address: it is asked for addresses of its own alone."""
        return not ref.startswith(ADDRESS) or ref.removeprefix(ADDRESS) in self.table

    def payload(self, ref: str) -> bytes | None:
        """What is kept at that address; None where it is another's."""
        return self.payloads.get(ref.removeprefix(ADDRESS))

    def list(self, project: str) -> list[Row]:
        self._may()
        return [self._shown(row) for row in self.table.values() if row["project_id"] == project]

    def create(self, project: str, body: Mapping[str, Any]) -> Row:
        self._may()
        payload = base64.b64decode(body["payload"], validate=True)
        if len(payload) > LARGEST:
            raise Refused(400, None, "Bad Request: Malformed JSON")
        made = self._cloud._id()
        self.payloads[made] = payload
        self.table[made] = {
            "id": made,
            "secret_ref": f"{ADDRESS}{made}",
            "name": body.get("name"),
            "status": "ACTIVE",
            "secret_type": "opaque",
            "created": f"2026-11-28T00:00:{len(self.payloads):06d}",
            "project_id": project,
        }
        row = self.table[made]
        return {name: row[name] for name in ("id", "secret_ref", "name", "status")}

    def delete(self, project: str, id: str) -> None:  # noqa: A002 - the API says id
        self._may()
        if self.table.get(id, {}).get("project_id") != project:
            raise Refused(404, None, "Not Found: Secret not found.")
        del self.table[id], self.payloads[id]

    def _may(self) -> None:
        if self.forbids:
            raise Refused(
                403, None, "Forbidden: Secret(s) retrieval attempt not allowed - please review your privileges"
            )

    @staticmethod
    def _shown(row: Row) -> Row:
        return {name: value for name, value in row.items() if name != "project_id"}


class FakeSecrets:
    """Looks like ``Secrets``. What a secret holds is on no record of calls."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id

    def _perform(self, method: str, subject: Any, act: Any) -> Any:
        if self._cloud.barbican.missing:
            message = "the catalogue has no public endpoint of the service 'key-manager' in region 'dc3-a'"
            raise ServiceMissingError(message, category=Category.TERMINAL)
        return self._cloud.perform(method, "secrets", subject, act)

    def list(self) -> Any:
        return self._perform("LIST", {}, lambda: self._cloud.barbican.list(self._project))

    def create(self, body: Mapping[str, Any]) -> Any:
        kinds.SECRETS.checked(body)
        subject = {name: value for name, value in body.items() if name != "payload"}
        return self._perform("POST", subject, lambda: self._cloud.barbican.create(self._project, body))

    def delete(self, id: str) -> None:  # noqa: A002 - the API says id
        if not is_id(id):
            raise ValueError(f"id is no id: {id!r}")
        self._perform("DELETE", id, lambda: self._cloud.barbican.delete(self._project, id))
