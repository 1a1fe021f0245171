"""Lists of the cloud shared by many reconciles: one LIST a type and project serves all who may use it.

A snapshot is good for a reconcile only if its LIST *began* late enough: after the event that caused the reconcile, and
after our own last write to the object. A LIST that fails is an error for all who waited for it, never an empty list.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from infomaniak_operator.client.resources import Resource

Rows = Sequence[Resource]
RowT = TypeVar("RowT", bound=Resource)


@dataclass(slots=True)
class _Flight:
    began: float
    done: threading.Event
    rows: Rows | None = None
    error: BaseException | None = None


class Snapshots:
    """Single-flight, freshness-checked lists, for use by many threads.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}

    def get(self, name: str, fresh_after: float, load: Callable[[], Sequence[RowT]]) -> Sequence[RowT]:
        """The list of that name, from a LIST that began at ``fresh_after`` or later.

        Args:
            name: which list; one name is one type.
            fresh_after: monotonic seconds.
            load: asks the service; called by at most one thread at a time for one freshness.

        Raises:
            Exception: whatever ``load`` raised, in every thread that waited for it.
        """
        with self._lock:
            flight = self._flights.get(name)
            mine = flight is None or flight.began < fresh_after or (flight.done.is_set() and flight.error is not None)
            if mine:
                flight = _Flight(self._now(), threading.Event())
                self._flights[name] = flight
        assert flight is not None  # noqa: S101 - for the type checker
        if mine:
            try:
                flight.rows = rows = load()
            except BaseException as error:
                flight.error = error
                raise
            finally:
                flight.done.set()
            return rows
        flight.done.wait()
        if flight.error is not None:
            raise flight.error
        assert flight.rows is not None  # noqa: S101 - for the type checker
        return cast("Sequence[RowT]", flight.rows)
