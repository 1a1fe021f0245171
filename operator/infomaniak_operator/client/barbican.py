"""Barbican in the raising form: secrets, which are made, found by their names, and deleted; never read."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from typing import Any, cast

from infomaniak_operator.client import kinds
from infomaniak_operator.client.bodies import SecretBody
from infomaniak_operator.client.errors import InfomaniakCloudError, ServiceError
from infomaniak_operator.client.limits import MOST_ROWS
from infomaniak_operator.client.resources import Secret
from infomaniak_operator.client.rest import part
from infomaniak_operator.client.session import CloudSession, is_id
from infomaniak_operator.client.shapes import shape_of

PAGE = 100
"""As many as Barbican gives at once, unless it is told otherwise."""
_ADDRESS = re.compile(r"https?://[^\s/?#]+(?:/[^\s/?#]+)*/v1/secrets/(?P<id>[^\s/?#]+)")
_LONGEST_ADDRESS = 255
_WINDOW = 16
"""Characters: so much of a payload in a message is no chance."""


def secret_id(address: object) -> str | None:
    """The id in the address of a secret; None where it is no such address."""
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) and len(address) <= _LONGEST_ADDRESS else None
    return match["id"] if match and is_id(match["id"]) else None


class Secrets:
    """The secrets of the project. What one holds is sent once, and never asked for.

    Args:
        session: the connection.
        whole: whether each row must be as ``shapes`` says.
    """

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._session = session
        self._shape = shape_of(kinds.SECRETS)
        self._whole = whole

    def list(self) -> builtins.list[Secret]:
        """List those of the project that the credential may see, from all pages: ``GET /v1/secrets``.

        Returns:
            The secrets, with their ids.

        Raises:
            ForbiddenError: the credential has no role that may.
            ServiceMissingError: this cloud has no Barbican.
            InfomaniakCloudError: the list could not be had, or changed while its pages were read.
        """
        kind = kinds.SECRETS
        rows: dict[str, Secret] = {}
        totals: set[object] = set()
        with self._session.whole_list():
            while True:
                params = [("limit", str(PAGE)), ("offset", str(len(rows)))]
                page = self._session.request(kind.service, "GET", kind.path, params=params)
                found = [self._row(each) for each in part(page, kind.many, list, kind.path)]
                before = len(rows)
                rows |= {str(each["id"]): each for each in found}
                totals.add(page.get("total"))
                if len(totals) > 1 or len(rows) != before + len(found):
                    # Its pages are counted off: what was deleted meanwhile has moved another one out of sight.
                    raise ServiceError(f"GET {kind.path}: the secrets changed while their pages were read")
                if len(rows) > MOST_ROWS:
                    raise ServiceError(f"GET {kind.path}: there are more than {MOST_ROWS} rows")
                if not found or not page.get("next"):
                    return [*rows.values()]

    def create(self, body: SecretBody) -> Secret:
        """Store one: ``POST /v1/secrets``, never repeated.

        Args:
            body: what it holds, and what it is called.

        Returns:
            Its id, address and name: Barbican tells no more.

        Raises:
            ValueError: there is no such attribute; nothing was sent.
            ForbiddenError: the credential has no role that may.
            ServiceMissingError: this cloud has no Barbican.
            InfomaniakCloudError: refused, or ``outcome_unknown``. No message has anything of the payload.
        """
        kind = kinds.SECRETS
        sent = dict(kind.checked(body))
        try:
            answer = self._session.request(kind.service, "POST", kind.path, body=sent)
        except InfomaniakCloudError as error:
            _veil(error, str(sent.get("payload") or ""))
            raise
        made = {"secret_ref": answer.get("secret_ref") if isinstance(answer, Mapping) else None}
        return self._row({**made, "name": sent.get("name"), "status": "ACTIVE"}, changing=True)

    def delete(self, id: str) -> None:  # noqa: A002 - the API's word
        """Delete one: ``DELETE /v1/secrets/{id}``, never repeated.

        Args:
            id: which.

        Raises:
            NotFoundError: it is not there.
            ForbiddenError: it is not the credential's to delete.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        self._session.request(kinds.SECRETS.service, "DELETE", kinds.SECRETS.item, ids={"id": id})

    def _row(self, row: Any, *, changing: bool = False) -> Secret:
        known = secret_id(row.get("secret_ref")) if isinstance(row, Mapping) else None
        if known is None:
            message = f"{kinds.SECRETS.path}: what the answer has as a secret has no address"
            raise ServiceError(message, outcome_unknown=changing)
        found = {**row, "id": known}
        wrong = next(self._shape.faults(found), None) if self._whole else None
        if wrong is not None:
            message = f"{kinds.SECRETS.path}: what the answer has as a secret has no {wrong!r} that can be read"
            raise ServiceError(message, outcome_unknown=changing)
        return cast("Secret", found)


def repeats(text: str, payload: str) -> bool:
    """Whether a text has a part of a payload in it that is no chance."""
    said = "".join(text.split())
    pieces = (payload[at : at + _WINDOW] for at in range(0, max(len(payload) - _WINDOW + 1, 1), _WINDOW))
    return bool(payload) and any(piece in said for piece in pieces)


def _veil(error: InfomaniakCloudError, payload: str) -> None:
    """Take what was to be stored out of what the service says of it, be it only a part of it."""
    if repeats(f"{error.message} {error.error_type or ''} {error.request_id or ''}", payload):
        error.message = f"POST {kinds.SECRETS.path}: {error.status}: the answer repeats what was sent and is not shown"
        error.error_type = error.request_id = None
        error.__cause__ = error.__context__ = None
