"""Who of several operators acts: one Lease, held by one process at a time, and the deadline after which it may not act.

The rules are client-go's. A holder renews every ``retry`` seconds. Whoever sees the Lease unchanged for its
``duration``, by its own clock, takes it. A holder counts from the moment it *sent* its last renewal, and only
``renew_deadline`` seconds, so that it stops before any other may begin, whatever the clocks of the machines say.

A Lease that was lost is never held again by the same process: it must end. What it remembers (that a finalizer is its
own, that no create of another is under way, what trees look like) is only right as long as nobody else acts, and a new
process is the one way of forgetting that cannot forget something. A restart writes nothing, so it costs little.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from infomaniak_operator.controller.kube.kube_api import Conflict, KubeError, NotFound, Standby

_log = logging.getLogger(__name__)

_TICK = 0.001
"""More than what a time in a Lease is rounded to, which is a microsecond."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long what lasts, in seconds; controller-runtime's defaults.

    Attributes:
        duration: an unchanged Lease of another is left alone for so long.
        renew_deadline: the holder acts for so long after its last renewal was sent; less than ``duration``.
        retry: between two attempts to take or renew it.
    """

    duration: int = 15
    renew_deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.retry < self.renew_deadline < self.duration:
            raise ValueError("retry < renew_deadline < duration is needed")


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What a Lease says.

    Attributes:
        holder: who holds it; empty: nobody.
        duration: seconds that its holder promised.
        acquired: when it was taken, seconds since the epoch.
        renewed: when it was last renewed, seconds since the epoch, by the holder's clock: only a change of it counts.
        transitions: how often it went from one holder to another.
        source: the object it was read from, for the next write; None before the first.
    """

    holder: str
    duration: int
    acquired: float
    renewed: float
    transitions: int = 0
    source: Any = field(default=None, compare=False, repr=False)


class LeaseApi(Protocol):
    """The Lease in the API server. Blocks, for at most a few seconds, and raises ``KubeError``."""

    def get(self) -> LeaseRecord:
        """Read it.

        Raises:
            NotFound: there is none.
        """

    def create(self, record: LeaseRecord) -> LeaseRecord:
        """Make it; gives what is there now.

        Raises:
            Conflict: there is one already.
        """

    def replace(self, record: LeaseRecord) -> LeaseRecord:
        """Write it over the version in ``record.source``; gives what is there now.

        Raises:
            Conflict: somebody has written it since.
        """


def lease_clock() -> float:
    """Seconds that never go back and go on while the machine sleeps, which ``time.monotonic`` does not on Linux."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def may_take(record: LeaseRecord, identity: str, unchanged: float, duration: int) -> bool:
    """Whether a Lease may be taken.

    Args:
        record: what it says.
        identity: who wants it. Its own name is there where the answer to its write was lost.
        unchanged: seconds for which it has been seen like this.
        duration: what to go by where its holder promised nothing.
    """
    return record.holder in ("", identity) or unchanged >= (record.duration or duration)


class Lease:
    """This process's part in the Lease. ``step`` belongs to one thread; the rest may be asked from any.

    Args:
        api: the Lease in the API server.
        identity: who this process is; no other one, before or after it, has the same.
        now: the time, seconds since the epoch: only for what the Lease says to people.
        seconds: the clock that deadlines go by, see ``lease_clock``.
        times: how long what lasts.
    """

    def __init__(
        self,
        api: LeaseApi,
        identity: str,
        now: Callable[[], float],
        seconds: Callable[[], float] = lease_clock,
        times: LeaseTimes | None = None,
    ) -> None:
        self.identity = identity
        self.times = times or LeaseTimes()
        self._api = api
        self._now = now
        self._seconds = seconds
        self._lock = threading.Lock()
        self._record: LeaseRecord | None = None
        self._absent = True
        self._observed = 0.0
        self._deadline: float | None = None
        self._over = False
        self._given_up = False
        self._complaint = ""

    @property
    def holder(self) -> str:
        """Who was last seen to hold it; empty: nobody, or it could not be read yet."""
        record = self._record
        return record.holder if record else ""

    @property
    def over(self) -> bool:
        """Whether it is not to be held any more: it was lost, or given up."""
        if not self._over and self._deadline is not None and self._seconds() >= self._deadline:
            with self._lock:
                self._over = True
        return self._over

    def valid(self) -> bool:
        """Whether this process may change anything at this moment."""
        return self._deadline is not None and not self.over

    def check(self) -> None:
        """For the last look before a request that changes something.

        Raises:
            Standby: this process may not change anything.
        """
        if not self.valid():
            raise Standby("not sent: this process does not lead")

    def step(self) -> bool:
        """Try once to take it, or to renew it; blocks for as long as the API server takes.

        Returns:
            Whether it is held now.
        """
        if self.over:
            return False
        for _ in range(2):
            try:
                return self._take() if self._deadline is None else self._renew()
            except Conflict:
                # Another's write; or an earlier one of ours, to which the answer was lost: then once more, at once.
                if not self._look() or self.holder != self.identity:
                    break
            except KubeError as error:
                self._complain(f"the Lease cannot be written: {error}")
                break
        return self.valid()

    def halt(self) -> None:
        """Change nothing any more, from this moment on; returns at once."""
        held = self.valid()
        with self._lock:
            self._given_up = self._given_up or held
            self._over = True

    def give_back(self) -> None:
        """After ``halt``: let another take it at once. Blocks; raises nothing; in the thread of ``step``."""
        record = self._record
        if not self._given_up or record is None or record.holder != self.identity:
            return
        now = self._now()
        try:
            # As client-go does it: no holder, and a duration of a second for those that would wait all the same.
            self._api.replace(replace(record, holder="", duration=1, acquired=now, renewed=now))
        except KubeError as error:
            _log.warning("the Lease could not be given back (%s): the next one waits until it expires", error)
        else:
            _log.info("the Lease was given back")

    def _take(self) -> bool:
        if not self._look():
            return False
        record, now, sent = self._record, self._now(), self._seconds()
        if record and not may_take(record, self.identity, sent - self._observed, self.times.duration):
            return False
        ours = LeaseRecord(self.identity, self.times.duration, now, now)
        if record:
            ours = replace(ours, transitions=record.transitions + 1, source=record.source)
        return self._held(self._write(ours), sent)

    def _renew(self) -> bool:
        """Write over what was last read, without reading it first: if that is not what is there, it is a conflict."""
        now, sent = self._now(), self._seconds()
        record = self._record or LeaseRecord(self.identity, self.times.duration, now, now)
        if now == record.renewed:
            # The wall clock stands still, or was set back to just that moment: others wait for as long as it changes.
            now += _TICK
        try:
            written = self._write(replace(record, renewed=now))
        except NotFound:
            # Somebody deleted it. Those who saw it before wait for its time to pass, see ``_look``: it is made again.
            self._absent = True
            written = self._write(replace(record, renewed=now))
        return self._held(written, sent)

    def _write(self, record: LeaseRecord) -> LeaseRecord:
        return self._api.create(record) if self._absent else self._api.replace(record)

    def _held(self, record: LeaseRecord, sent: float) -> bool:
        """Take note of a write that went through.

        An answer that comes after the old deadline comes too late: reconciles have been refused by then.
        """
        with self._lock:
            late = self._deadline is not None and self._seconds() >= self._deadline
            self._over = self._over or late
            if not self._over:
                self._deadline = sent + self.times.renew_deadline
        self._record, self._observed, self._absent = record, sent, False
        self._complaint = ""
        return self.valid()

    def _complain(self, text: str) -> None:
        """Log what is wrong, once, and not every two seconds."""
        if text != self._complaint:
            self._complaint = text
            _log.warning("%s", text)

    def _look(self) -> bool:
        """Read it; a holder that finds another's name in it has lost it.

        One that was deleted counts as it was last seen: its holder may be acting still.

        Returns:
            Whether it could be read, or is known not to be there.
        """
        try:
            record = self._api.get()
        except NotFound:
            self._absent = True
            return True
        except KubeError as error:
            self._complain(f"the Lease cannot be read: {error}")
            return False
        if record != self._record:
            self._observed = self._seconds()
        self._record, self._absent = record, False
        if self._deadline is not None and record.holder != self.identity:
            with self._lock:
                self._over = True
        return True
