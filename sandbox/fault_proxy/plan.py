"""Which call fails, and how: a pure function of a seed, the call, and how often that call was made before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

WATCH = "WATCH"
"""In place of the method of a GET that streams."""
KUBE = "kube"
"""The side of the API server; the others are OpenStack's services, by name."""


class FaultKind(StrEnum):
    """What happens to a call."""

    STATUS = "status"
    """An error is answered, and the server never hears of the call."""
    STATUS_AFTER = "status after"
    """An error is answered, though the server has done it."""
    RESET = "reset"
    """The connection is reset, and the server never hears of the call."""
    RESET_WHILE = "reset while"
    """The connection is reset, and the server does it only seconds later."""
    RESET_AFTER = "reset after"
    """The connection is reset, and the server has done it."""
    HANG = "hang"
    """Nothing is answered, and the server never hears of the call."""
    HANG_WHILE = "hang while"
    """Nothing is answered, and the server does it seconds later."""
    HANG_AFTER = "hang after"
    """Nothing is answered, and the server has done it."""
    SLOW = "slow"
    """The answer comes seconds after the server has given it."""
    TRUNCATED = "truncated"
    """The connection ends in the middle of the answer."""
    STALE = "stale"
    """A list lacks what was made in the last seconds; what is asked for by id is as it was some seconds ago."""
    PAGED = "paged"
    """A list comes in small pages, with a pause before each in which rows come and go."""
    WATCH_CUT = "watch cut"
    """The stream is reset after some seconds."""
    WATCH_GONE = "watch gone"
    """After some seconds the stream says that its version is too old (410), and ends."""
    WATCH_ERROR = "watch error"
    """After some seconds the stream says 500, and ends."""
    WATCH_DEAF = "watch deaf"
    """Nothing comes for some seconds, then the stream is reset."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call.

    Attributes:
        kind: what.
        status: of the answer, where it is an error.
        seconds: how long, where it takes its time.
        rows: of a page.
    """

    kind: FaultKind
    status: int = 0
    seconds: float = 0.0
    rows: int = 0

    def to_json(self) -> dict[str, Any]:
        """As it is written down; what is nought is left out."""
        values = {"status": self.status, "seconds": self.seconds, "rows": self.rows}
        return {"kind": str(self.kind), **{name: value for name, value in values.items() if value}}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Fault:
        """What ``to_json`` wrote.

        Raises:
            ValueError: there is no such kind.
        """
        return cls(FaultKind(body["kind"]), body.get("status", 0), body.get("seconds", 0.0), body.get("rows", 0))


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked for, without what differs from run to run.

    Attributes:
        side: ``kube``, or the service of OpenStack.
        method: ``WATCH`` for a GET that streams.
        path: with ``*`` in the place of ids.
        one: whether it is for one thing.
    """

    side: str
    method: str
    path: str
    one: bool

    @property
    def key(self) -> str:
        """Its name in logs and scripts."""
        return f"{self.side} {self.method} {self.path}"


_ID = re.compile(r"^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$")
_EVENT = re.compile(r"(/events/)[^/]+$")
_COLLECTION = {"v1", "v1alpha1", "v2.0", "v2", "v3", "lbaas"}


def call_of(side: str, method: str, path: str, query: Mapping[str, str]) -> Call:
    """What a request is.

    Args:
        side: ``kube``, or the service of OpenStack.
        method: HTTP's.
        path: of the URL.
        query: of the URL.
    """
    parts = path.rstrip("/").split("/")
    plain = "/".join("*" if _ID.match(part) else part for part in parts)
    if side == KUBE:
        watched = method == "GET" and query.get("watch", "") in ("true", "1")
        return Call(side, WATCH if watched else method, _EVENT.sub(r"\1*", plain), _names_one(parts))
    return Call(side, method, plain, any(_ID.match(part) for part in parts[-1:]))


def _names_one(parts: Sequence[str]) -> bool:
    """Whether a path of Kubernetes ends with an object: …/namespaces/N/PLURAL/NAME, or a part of one."""
    rest = parts[parts.index("namespaces") + 2 :] if "namespaces" in parts else parts[-1:]
    return len(rest) > 1


class Plan(Protocol):
    """Says what happens to a call."""

    def fault(self, call: Call, ordinal: int) -> Fault | None:
        """What happens to the call of that ordinal (from 0) among those with the same key; None: nothing does."""

    def to_json(self) -> dict[str, Any]:
        """As it is written down."""


@dataclass(frozen=True, slots=True)
class NoFaults:
    """Nothing fails."""

    def fault(self, call: Call, ordinal: int) -> Fault | None:
        """Nothing happens."""
        del call, ordinal
        return None

    def to_json(self) -> dict[str, Any]:
        """As it is written down."""
        return {}


_ERRORS = (500, 502, 503, 504)
_Menu = Sequence[tuple[int, FaultKind, Sequence[int]]]
"""Weights, kinds, and the statuses that one of them may have."""
_K = FaultKind
_LOST: _Menu = (
    (2, _K.RESET, ()),
    (1, _K.RESET_AFTER, ()),
    (1, _K.HANG, ()),
    (2, _K.SLOW, ()),
    (2, _K.TRUNCATED, ()),
)
_READ_ONE: _Menu = ((4, _K.STATUS, (*_ERRORS, 429)), (1, _K.STATUS, (401,)), *_LOST, (4, _K.STALE, ()))
_LIST: _Menu = (*_READ_ONE, (5, _K.PAGED, ()))
_CHANGE: _Menu = (
    (4, _K.STATUS, (*_ERRORS, 429)),
    (1, _K.STATUS, (401,)),
    (3, _K.STATUS, (409,)),
    (3, _K.STATUS_AFTER, _ERRORS),
    *_LOST,
    (3, _K.RESET_AFTER, ()),
    (4, _K.RESET_WHILE, ()),
    (2, _K.HANG_WHILE, ()),
    (2, _K.HANG_AFTER, ()),
)
_TOKEN: _Menu = ((4, _K.STATUS, (*_ERRORS, 429)), *_LOST)
_KUBE_READ: _Menu = ((4, _K.STATUS, (*_ERRORS, 429)), (1, _K.STATUS, (401,)), *_LOST)
_WATCH: _Menu = (
    (2, _K.STATUS, (500, 503, 429)),
    (1, _K.STATUS, (401, 410)),
    (4, _K.WATCH_CUT, ()),
    (3, _K.WATCH_GONE, ()),
    (2, _K.WATCH_ERROR, ()),
    (3, _K.WATCH_DEAF, ()),
)
_SHORT = (0.3, 2.0)
"""Seconds of what is slow and of streams; ``Chance.late`` is for what the server does after its caller is gone."""
_STALE_SECONDS = (1.0, 4.0)
_STREAM_SECONDS = (0.5, 8.0)
_LATE = frozenset({_K.RESET_WHILE, _K.HANG_WHILE})
_ROWS = (1, 4)


def _menu(call: Call) -> _Menu:
    if call.method == WATCH:
        return _WATCH
    if call.side == KUBE:
        return _KUBE_READ if call.method == "GET" else _CHANGE
    if call.path.endswith("/auth/tokens"):
        return _TOKEN
    if call.method in ("GET", "HEAD"):
        return _READ_ONE if call.one else _LIST
    return _CHANGE


@dataclass(frozen=True, slots=True)
class Chance:
    """Calls fail by chance, but the same chance for the same seed.

    Attributes:
        seed: any number.
        rate: the share of calls that fail, 0 to 1.
        late: seconds, from and to, after which the server does what its caller has given up. The most of it must be
            less than the time after which the operator takes a create for finished.
    """

    seed: int
    rate: float
    late: tuple[float, float] = (1.0, 8.0)

    def fault(self, call: Call, ordinal: int) -> Fault | None:
        """What happens to the call of that ordinal."""
        hit, which, how, long = _draws(f"{self.seed}|{call.key}|{ordinal}")
        if hit >= self.rate:
            return None
        kind, statuses = _chosen(_menu(call), which)
        return Fault(
            kind,
            status=statuses[int(how * len(statuses))] if statuses else 0,
            seconds=round(_between(_seconds(kind, self.late), long), 2),
            rows=int(_between(_ROWS, how)) if kind is _K.PAGED else 0,
        )

    def to_json(self) -> dict[str, Any]:
        """As it is written down."""
        return {"seed": self.seed, "rate": self.rate, "late": list(self.late)}


@dataclass(frozen=True, slots=True)
class Listed:
    """Just these calls fail.

    Attributes:
        faults: by the call's key and ordinal.
    """

    faults: Mapping[tuple[str, int], Fault] = field(default_factory=dict)

    def fault(self, call: Call, ordinal: int) -> Fault | None:
        """What happens to the call of that ordinal."""
        return self.faults.get((call.key, ordinal))

    def to_json(self) -> dict[str, Any]:
        """As it is written down."""
        rows = [{"call": key, "ordinal": n, **fault.to_json()} for (key, n), fault in self.faults.items()]
        return {"listed": rows}

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Listed:
        """From rows with ``call``, ``ordinal`` and what ``Fault.to_json`` has."""
        return cls({(row["call"], row["ordinal"]): Fault.from_json(row) for row in rows})


def load(text: str) -> Plan:
    """What ``json.dumps`` of a plan's ``to_json`` gave; an empty text: nothing fails.

    Raises:
        ValueError: it is no plan.
    """
    body = json.loads(text or "{}")
    if "listed" in body:
        return Listed.of(body["listed"])
    if "seed" in body:
        first, last = body["late"]
        return Chance(body["seed"], body["rate"], (first, last))
    return NoFaults()


def _draws(text: str) -> tuple[float, float, float, float]:
    """Four numbers from 0 to below 1."""
    digest = hashlib.sha256(text.encode()).digest()
    first, second, third, fourth = (int.from_bytes(digest[n : n + 8], "big") / 2**64 for n in (0, 8, 16, 24))
    return first, second, third, fourth


def _chosen(menu: _Menu, draw: float) -> tuple[FaultKind, Sequence[int]]:
    left = draw * sum(weight for weight, _, _ in menu)
    for weight, kind, statuses in menu:
        left -= weight
        if left < 0:
            return kind, statuses
    return menu[-1][1:]


def _seconds(kind: FaultKind, late: tuple[float, float]) -> tuple[float, float]:
    if kind in _LATE:
        return late
    if kind.startswith("watch"):
        return _STREAM_SECONDS
    if kind is _K.STALE:
        return _STALE_SECONDS
    return _SHORT if kind in (_K.SLOW, _K.PAGED) else (0.0, 0.0)


def _between(ends: tuple[float, float], draw: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * draw
