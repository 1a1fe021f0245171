"""The cloud in memory behind the client's real collections, and what makes its answers such as nobody should send.

What lies between is what a session gives: decoded JSON for a method, a route and ids. So all that reads answers is the
product's own code; only HTTP itself is left out, which has tests of its own.
"""

# ruff: noqa: C901, PLR0911, PLR0917 - one return for each sort of request

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from infomaniak_operator.client import InfomaniakCloudError, Operations, ReadOnlyError, ServiceError, kinds
from infomaniak_operator.client.session import is_id
from infomaniak_operator.client.shapes import Shape, shape_of
from tests.support import fake_cloud_tables
from tests.support.fake_cloud import FakeCloud
from tests.support.fake_cloud_names import REGION
from tests.support.fuzz_values import junk, mutated, nested, text

KINDS: dict[str, kinds.ResourceKind[Any, Any]] = {
    **fake_cloud_tables.KINDS,
    "load_balancers": kinds.LOAD_BALANCERS,
    "listeners": kinds.LISTENERS,
    "pools": kinds.POOLS,
    "members": kinds.MEMBERS,
    "health_monitors": kinds.HEALTH_MONITORS,
    "l7_policies": kinds.L7_POLICIES,
    "l7_rules": kinds.L7_RULES,
}
NAMES = kinds.REVERSE_NAMES
_KNOWN = {**KINDS, "reverse_dns": NAMES}
_ROUTES = {kind.path: name for name, kind in _KNOWN.items()} | {kind.item: name for name, kind in _KNOWN.items()}
Mangle = Callable[[str, str, Any], Any]
"""Gets the method, the route and the answer; gives another answer, or raises what a session raises."""


class Answers:
    """Looks like a ``CloudSession``, and answers out of a cloud in memory.

    Args:
        fake: the cloud.
        project: whose.

    Attributes:
        mangle: makes something else of an answer.
    """

    def __init__(self, fake: FakeCloud, project: str) -> None:
        self._do = fake.operations(project)
        self.project_id = project
        self.region = REGION
        self.mangle: Mangle = lambda _method, _route, answer: answer
        self._original: Answers = self
        self._only_reads = False

    def read_only(self) -> Answers:
        face = copy.copy(self)
        face._only_reads = True
        return face

    @contextmanager
    def whole_list(self) -> Iterator[None]:
        yield

    def request(
        self,
        service: str,
        method: str,
        route: str,
        *,
        ids: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        body: Any = None,
        if_revision: int | None = None,
    ) -> Any:
        for name, value in (ids or {}).items():
            if not is_id(value):
                raise ValueError(f"{name} is no id: {value!r}")
        if self._only_reads and method != "GET":
            raise ReadOnlyError(f"{method} {route}")
        json.dumps(body)
        if route.startswith(NAMES.path):
            said = self._names(method, dict(ids or {}), body)
        else:
            said = self._answer(method, route, dict(ids or {}), list(params), body, if_revision)
        answer = json.loads(json.dumps(said))
        return self._original.mangle(method, route, answer)

    def _answer(
        self, method: str, route: str, ids: dict[str, str], params: Any, body: Any, revision: int | None
    ) -> Any:
        if route.endswith("/tags"):
            name = _ROUTES[route.removesuffix("/tags")]
            return {"tags": self._do.tags.replace(name, ids["id"], body["tags"])}
        if route.endswith(("add_router_interface", "remove_router_interface")):
            act = self._do.routers.add_interface if "add_" in route else self._do.routers.remove_interface
            return act(ids["id"], **body)
        if "/quotas/" in route:
            return {
                "quota": self._do.quotas.network() if route.startswith("/v2.0/") else self._do.quotas.load_balancer()
            }
        if route.endswith("/status"):
            return {"statuses": self._do.load_balancers.status_tree(ids["id"])}
        if route.endswith("/stats"):
            return {"stats": getattr(self._do, _ROUTES[route.removesuffix("/stats")]).statistics(ids["id"])}
        name = _ROUTES[route]
        kind, one = KINDS[name], ids.pop("id", None)
        collection: Any = getattr(self._do, name)
        above = tuple(ids.values())
        if method == "GET":
            if one is not None:
                return {kind.one: collection.get(*above, one)}
            fields = [value for key, value in params if key == "fields"]
            filters: dict[str, Any] = {}
            for key, value in params:
                if key != "fields":
                    filters.setdefault(key, []).append({"True": True, "False": False}.get(value, value))
            plain = {key: values[0] if len(values) == 1 else values for key, values in filters.items()}
            return {kind.many: collection.list(*above, **({"fields": fields} if fields else {}), **plain)}
        if method == "POST":
            many = kind.many in body
            made = collection.create_many(body[kind.many]) if many else collection.create(*above, body[kind.one])
            return {kind.many if many else kind.one: made}
        if method == "PUT":
            if one is None:
                return collection.replace_all(*above, body[kind.many])
            more = {} if revision is None else {"if_revision": revision}
            return {kind.one: collection.update(*above, one, body[kind.one], **more)}
        more = {} if revision is None else {"if_revision": revision}
        more |= {"cascade": True} if ("cascade", "true") in params else {}
        return collection.delete(*above, one, **more)

    def _names(self, method: str, ids: dict[str, str], body: Any) -> Any:
        do = self._do.reverse_dns
        if not ids:
            return {NAMES.many: do.list()}
        one = ids["id"].removeprefix(f"{self.region}:")
        if method == "GET":
            return do.get(one)
        return do.unset(one) if body["ptrdname"] is None else do.set(one, body)


def operations(answers: Answers) -> Operations:
    """The client's real operations on it, as the operator has them."""
    session: Any = answers
    return Operations(session, whole=True)


def _well_formed(route: str, answer: Any) -> bool:
    """Whether the client takes an answer: then it may be true, for all that one can know."""
    name = _ROUTES.get(route)
    if name is None or not isinstance(answer, dict):
        return False
    kind = _KNOWN[name]
    rows = answer[kind.many] if kind.many in answer else [answer.get(kind.one) if kind.wrapped else answer]
    if not isinstance(rows, list):
        return False
    return all(isinstance(row, dict) and not any(shape_of(kind).faults(row)) for row in rows)


class Malformed:
    """Makes of some answers what nobody should send, and the client does not take.

    Args:
        rng: where all comes from.
        share: of the answers that are spoilt.
        methods: of the requests whose answers are.
    """

    def __init__(self, rng: random.Random, share: float, methods: Sequence[str] = ("GET",)) -> None:
        self._rng = rng
        self._share = share
        self._methods = frozenset(methods)
        self.spoilt = 0
        self.last: list[str] = []

    def __call__(self, method: str, route: str, answer: Any) -> Any:
        if method not in self._methods or self._rng.random() > self._share:
            return answer
        self.spoilt += 1
        changed = self._changed(answer)
        if _well_formed(route, changed):  # that is what `Plausible` is for
            changed = {f"{name}s": value for name, value in changed.items()}
        self.last.append(f"{method} {route}: {json.dumps(changed)[:2000]}")
        del self.last[:-30]
        return changed

    def _changed(self, answer: Any) -> Any:
        rng = self._rng
        match rng.randrange(10):
            case 0:
                return junk(rng)
            case 1:
                raise ServiceError("GET: 200, but what was answered is no JSON", status=200)
            case 2 if isinstance(answer, dict) and answer:
                name = rng.choice(sorted(answer))
                return {**answer, name: rng.choice((None, {}, "", 0, [None], [[]], nested(3), {"id": "x"}, junk(rng)))}
            case 3 if isinstance(answer, dict):
                return {f"{name}s": value for name, value in answer.items()}
        return self._rows(copy.deepcopy(answer))

    def _rows(self, answer: Any) -> Any:
        """With other values at some places of some rows: never with fewer rows."""
        rng = self._rng
        if not isinstance(answer, dict):
            return junk(rng)
        for name, part in answer.items():
            if isinstance(part, list) and part:
                rows = rng.sample(range(len(part)), rng.choice((1, len(part))))
                for number in rows:
                    part[number] = self._row(part[number])
            elif isinstance(part, dict):
                answer[name] = self._row(part)
        return answer

    def _row(self, row: Any) -> Any:
        rng = self._rng
        if not isinstance(row, dict) or not row:
            return mutated(row, rng)
        for name in rng.sample(sorted(row), min(len(row), rng.choice((1, 1, 2, 5)))):
            if isinstance(row[name], list) and row[name]:
                # Never fewer of them in a list that could be one: that would be a true answer, for all one can know.
                odd = rng.choice((None, 7, "x", [], {}, {"id": 7}, nested(60)))
                row[name] = rng.choice((None, 7, "x", {"a": 1}, [*row[name], odd], [odd, *row[name][1:]]))
                continue
            match rng.randrange(4):
                case 0 if name != "id":
                    del row[name]
                case 1:
                    row[name] = mutated(row[name], rng)
                case 2:
                    row[name] = rng.choice(
                        (None, 7, True, [], {}, "", [7], {"a": None}, ["\ud800"], text(rng), nested(60))
                    )
                case _:
                    row[text(rng)] = junk(rng)
        return row


_ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
_TEXTS = ("", "x", _ID, "10.1.0.5", "10.1.0.5/24", "255.255.255.255/32", "fd00::1", "fd00::5/64", "fe80::1%eth0")
_WORDS = ("ERROR", "PENDING_UPDATE", "ACTIVE", "IPv6", "any", "58", "UDP")
_LISTS: tuple[list[Any], ...] = (
    [],
    [_ID],
    ["x", "x"],
    [{"id": _ID, "x": 1}],
    [{"subnet_id": _ID, "ip_address": ""}],
    [{"subnet_id": None, "ip_address": "fd00::1"}],
    [{"start": "10.1.0.9", "end": "10.1.0.1"}],
    [{"start": "fd00::1", "end": "10.1.0.9"}],
    [{"destination": "fd00::/64", "nexthop": "10.0.0.1"}],
)
_OBJECTS = ({}, {"id": _ID}, {"network_id": _ID, "external_fixed_ips": []}, {"type": "SOURCE_IP", "cookie_name": None})
_ANYTHING = (None, True, False, 0, 1, -1, 2**62, 1.1, *_TEXTS, *_WORDS, *_LISTS, *_OBJECTS)


class Plausible:
    """Makes of answers what the client takes, though no service may ever have sent it.

    Args:
        rng: where all comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.last: list[tuple[str, str, Any]] = []

    def __call__(self, method: str, route: str, answer: Any) -> Any:
        name = _ROUTES.get(route)
        if name is None or method != "GET" or self._rng.random() < 0.5:
            return answer
        kind = KINDS[name]
        for row in answer[kind.many] if kind.many in answer else [answer[kind.one]]:
            shape = shape_of(kind)
            for attribute in self._rng.sample(sorted(shape.checks), 2):
                self._change(name, row, attribute, shape)
        return answer

    def _change(self, name: str, row: dict[str, Any], attribute: str, shape: Shape) -> None:
        if attribute not in shape.needed and self._rng.random() < 0.3:
            row.pop(attribute, None)
        else:
            row[attribute] = self._rng.choice([each for each in _ANYTHING if shape.checks[attribute](each)])
        self.last.append((name, attribute, row.get(attribute, "gone")))
        del self.last[:-12]


def documented(error: BaseException) -> bool:
    """Whether it is an error that the client documents."""
    return isinstance(error, InfomaniakCloudError)
