"""One kind's requests: bodies and queries are checked before they are sent, and so are the answers."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from infomaniak_operator.client.errors import ServiceError
from infomaniak_operator.client.kinds import BodyT, ResourceKind, RowT
from infomaniak_operator.client.limits import MOST_ROWS
from infomaniak_operator.client.session import CloudSession, is_id
from infomaniak_operator.client.shapes import shape_of

Body = Mapping[str, Any]
Ids = Mapping[str, str]
Pairs = list[tuple[str, str]]
Query = Sequence[tuple[str, str]]
MOST_PAGES = 1000
_PLACE = frozenset({"marker", "limit", "page_reverse", "sort_key", "sort_dir"})
_Part = TypeVar("_Part", dict[str, Any], list[Any])


class Rest(Generic[RowT, BodyT]):
    """The requests of one collection.

    Args:
        session: the connection.
        kind: what the collection takes.
        whole: whether each row must be as ``shapes`` says.
    """

    def __init__(self, session: CloudSession, kind: ResourceKind[RowT, BodyT], *, whole: bool = False) -> None:
        self.session = session
        self.kind = kind
        self._shape = shape_of(kind)
        self._whole = whole

    def list(self, ids: Ids, fields: Sequence[str] | None, filters: Mapping[str, Any]) -> builtins.list[RowT]:
        """All pages of the collection. See ``Collection.list``."""
        with self.session.whole_list():
            return self._pages(ids, fields, filters)

    def _pages(self, ids: Ids, fields: Sequence[str] | None, filters: Mapping[str, Any]) -> builtins.list[RowT]:
        first: Pairs = [*self._query(filters), *(("fields", name) for name in fields or ())]
        named = not fields or "id" in fields
        query = first
        rows: builtins.list[RowT] = []
        asked: set[tuple[tuple[str, str], ...]] = set()
        while tuple(query) not in asked and len(asked) < MOST_PAGES:
            asked.add(tuple(query))
            page = self.session.request(self.kind.service, "GET", self.kind.path, ids=ids, params=query)
            rows.extend(self._many(page, changing=False, named=named, chosen=bool(fields)))
            if len(rows) > MOST_ROWS:
                raise ServiceError(f"GET {self.kind.path}: there are more than {MOST_ROWS} rows")
            place = _next(self.kind.links(page), self.kind.path)
            if place is None:
                return rows
            query = [*first, *place]
        raise ServiceError(f"GET {self.kind.path}: the pages go in a circle, or have no end")

    def get(self, ids: Ids) -> RowT:
        """One object. See ``Collection.get``."""
        answer = self.session.request(self.kind.service, "GET", self.kind.item, ids=ids)
        return self._one(answer, changing=False)

    def create(self, ids: Ids, body: BodyT) -> RowT:
        """Make one. See ``Collection.create``."""
        check(self.kind, body)
        sent = {self.kind.one: dict(body)}
        answer = self.session.request(self.kind.service, "POST", self.kind.path, ids=ids, body=sent)
        return self._one(answer, changing=True)

    def create_many(self, bodies: Iterable[BodyT]) -> builtins.list[RowT]:
        """Make several, all or none. See ``BulkCollection.create_many``."""
        listed = [dict(body) for body in bodies]
        for body in listed:
            check(self.kind, body)
        if not listed:
            return []
        sent = {self.kind.many: listed}
        answer = self.session.request(self.kind.service, "POST", self.kind.path, body=sent)
        return self._many(answer, changing=True)

    def replace(self, ids: Ids, bodies: Iterable[BodyT]) -> None:
        """Put a whole list in the place of the one there. See ``Members.replace_all``."""
        listed = [dict(body) for body in bodies]
        for body in listed:
            check(self.kind, body)
        sent = {self.kind.many: listed}
        self.session.request(self.kind.service, "PUT", self.kind.path, ids=ids, body=sent)

    def update(self, ids: Ids, body: BodyT, if_revision: int | None = None) -> RowT:
        """Change one. See ``Collection.update``."""
        check(self.kind, body)
        self._check_revision(if_revision)
        sent = {self.kind.one: dict(body)} if self.kind.wrapped else dict(body)
        kind = self.kind
        answer = self.session.request(
            kind.service, kind.update_method, kind.item, ids=ids, body=sent, if_revision=if_revision
        )
        return self._one(answer, changing=True)

    def delete(self, ids: Ids, if_revision: int | None = None, params: Query = ()) -> None:
        """Delete one. See ``Collection.delete``."""
        self._check_revision(if_revision)
        service, path = self.kind.service, self.kind.item
        self.session.request(service, "DELETE", path, ids=ids, params=params, if_revision=if_revision)

    def _query(self, filters: Mapping[str, Any]) -> Pairs:
        query: Pairs = []
        for name, value in filters.items():
            if name not in self.kind.filters:
                raise ValueError(f"{self.kind.many} have no filter {name!r}; there are: {_names(self.kind.filters)}")
            values = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
            if not values or None in values:
                raise ValueError(f"the filter {name!r} has no value: the service would drop it and give everything")
            query.extend((name, str(one)) for one in values)
        return query

    def _check_revision(self, if_revision: int | None) -> None:
        if if_revision is not None and self.kind.service != "network":
            raise ValueError(f"{self.kind.many} have no revision number")

    def _one(self, answer: Any, *, changing: bool) -> RowT:
        key = self.kind.one if self.kind.wrapped else None
        row = part(answer, key, dict, self.kind.path, changing=changing)
        return self._row(row, changing=changing, whole=self._whole)

    def _many(
        self, answer: Any, *, changing: bool, named: bool = True, chosen: bool = False, whole: bool | None = None
    ) -> builtins.list[RowT]:
        many = part(answer, self.kind.many, list, self.kind.path, changing=changing)
        whole = self._whole if whole is None else whole
        return [self._row(row, changing=changing, named=named, chosen=chosen, whole=whole) for row in many]

    def _row(self, row: Any, *, changing: bool, whole: bool, named: bool = True, chosen: bool = False) -> RowT:
        """A row as everything that reads rows relies on it: an object, and its id is one.

        Of one with chosen attributes alone, those that are there are looked at.
        """
        if not isinstance(row, dict) or (named and not is_id(row.get("id"))):
            message = f"{self.kind.path}: what the answer has as a {self.kind.one} has no id"
            raise ServiceError(message, outcome_unknown=changing)
        wrong = next(self._shape.faults(row, whole=not chosen), None) if whole else None
        if wrong is not None:
            message = f"{self.kind.path}: what the answer has as a {self.kind.one} has no {wrong!r} that can be read"
            raise ServiceError(message, outcome_unknown=changing)
        return cast("RowT", row)


def part(answer: Any, key: str | None, kind: type[_Part], what: str, *, changing: bool = False) -> _Part:
    """What is wanted of an answer: never made up where it is missing.

    Args:
        answer: decoded.
        key: what it is under; None: the answer itself, which must not be empty.
        kind: what it must be.
        what: what was asked, for the message.
        changing: whether the request was to change something.

    Raises:
        ServiceError: it is not there, or something else.
    """
    found = answer if key is None else answer.get(key) if isinstance(answer, Mapping) else None
    if not isinstance(found, kind) or (key is None and not found):
        raise ServiceError(f"{what}: the answer has no {key or 'object'!r}", outcome_unknown=changing)
    return found


def check(kind: ResourceKind[Any, Any], body: Body) -> None:
    """Refuse attributes that the service would refuse, or drop.

    Raises:
        ValueError: it names one, and those there are.
    """
    kind.checked(body)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _next(links: Any, path: str) -> Pairs | None:
    """Where the next page begins; None where there is none.

    Of the link only that counts: the token goes where the catalogue says, and the filters stay our own.

    Raises:
        ServiceError: there is a next page, and the link does not say where it begins; or these are no links.
    """
    if links is not None and not (isinstance(links, list) and all(isinstance(link, dict) for link in links)):
        raise ServiceError(f"GET {path}: the links to further pages cannot be read")
    for link in links or ():
        if link.get("rel") != "next":
            continue
        try:
            query = parse_qsl(urlsplit(str(link.get("href", ""))).query, keep_blank_values=True)
        except ValueError:
            query = []
        place = [(name, value) for name, value in query if name in _PLACE]
        if "marker" not in dict(place):
            raise ServiceError(f"GET {path}: the link to the next page does not say where it begins")
        return place
    return None
