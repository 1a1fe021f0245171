"""A circuit breaker for each service: while one does not answer, a single request asks now and then, and no thousand.

A service counts as away after several requests in a row without an answer, and a while without one for anybody: the
connection is refused or breaks, nothing comes in time, or a proxy answers in the service's place (502, 503, 504). Any
other answer, also a refusal, ends that. While it is away, requests are refused here and not sent, but for one at a time
and one a second at the most:

- Who has failed since the last answer asks by a GET or a login, after pauses that double.
- Who has not may ask at once, whatever it is: what does not answer to one tenant may well answer to another, and no
  tenant is to keep the others from a cloud that they share.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infomaniak_operator.client.classify import is_outage
from infomaniak_operator.client.errors import CloudAwayError
from infomaniak_operator.client.told import own, told

FAILURES = 5
SILENCE = 2.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0
_MOST = 1_000
_MOST_FAILED = 10_000
_NOT_THE_SERVICE = frozenset({502, 503, 504})


@dataclass(slots=True)
class _Service:
    """What is known of a service.

    Attributes:
        answered_at: when it answered last, monotonic seconds.
        failures: requests without an answer since then.
        failed: who made them.
        pause: seconds from the last of them to the next request; 0 while the service does not count as away.
        failed_at: when the last of them was over, monotonic seconds.
        probing: whether a request is under way by which it is found out.
    """

    answered_at: float = -math.inf
    failures: int = 0
    failed: set[Hashable] = field(default_factory=set)
    pause: float = 0.0
    failed_at: float = -math.inf
    probing: bool = False


class Asked:
    """One request that was let through; says how it ended."""

    def __init__(self) -> None:
        self.answers: bool | None = None

    def answered(self, status: int) -> None:
        """There was an answer.

        Args:
            status: its HTTP status.
        """
        self.answers = status not in _NOT_THE_SERVICE

    def failed(self, error: BaseException) -> None:
        """There was none.

        Args:
            error: why. What is the credential's own doing (whom it trusts, where it leads) says nothing of the service.
        """
        if is_outage(error):
            self.answers = False


class Breakers:
    """Which services are away. For use by many threads and sessions: what one finds out spares the others.

    Args:
        now: monotonic seconds.
        tell: called with the service, its address and whether it is away, when that changes.
        failures: after so many in a row a service counts as away.
    """

    def __init__(
        self,
        now: Callable[[], float],
        tell: Callable[[str, str, bool], None] = lambda _service, _address, _away: None,
        *,
        failures: int = FAILURES,
    ) -> None:
        self._now = now
        self._tell = tell
        self._failures = failures
        self._lock = threading.Lock()
        self._services: dict[tuple[str, str], _Service] = {}

    @classmethod
    def off(cls) -> Breakers:
        """Those that let every request through."""
        return cls(time.monotonic, failures=sys.maxsize)

    @contextmanager
    def asking(self, service: str, address: str, who: Hashable, *, changing: bool) -> Iterator[Asked]:
        """Make one request in the block, which says how it ended. If it says nothing, nothing was learned.

        Args:
            service: ``identity``, ``network``, …
            address: host and port that it is asked at: another region's is another service.
            who: asks: a session, say.
            changing: whether the request changes something.

        Raises:
            CloudAwayError: the service is away; nothing was sent.
        """
        key = service, address
        probing = self._let(key, who, changing=changing)
        asked = Asked()
        try:
            yield asked
        finally:
            self._note(key, who, asked.answers, probing=probing)

    def _let(self, key: tuple[str, str], who: Hashable, *, changing: bool) -> bool:
        """Let a request through; returns whether it is one that finds out."""
        with self._lock:
            known = self._services.get(key)
            if known is None or not known.pause:
                return False
            has_failed = who in known.failed
            wait = known.pause if has_failed else FIRST_PAUSE
            if known.probing or self._now() < known.failed_at + wait or (changing and has_failed):
                # No number that changes: the text becomes a condition's message.
                said = "the service {service} at {address} does not answer; it is asked again by itself"
                raise CloudAwayError(told(said, service=own(key[0]), address=key[1]))
            known.probing = True
            return True

    def _note(self, key: tuple[str, str], who: Hashable, answers: bool | None, *, probing: bool) -> None:
        with self._lock:
            known = self._services.get(key) or self._add(key)
            known.probing = known.probing and not probing
            away = self._noted(known, who, answers, probing=probing)
        if away is not None:
            self._tell(*key, away)

    def _add(self, key: tuple[str, str]) -> _Service:
        if len(self._services) >= _MOST:
            del self._services[next(iter(self._services))]
        known = self._services[key] = _Service()
        return known

    def _noted(self, known: _Service, who: Hashable, answers: bool | None, *, probing: bool) -> bool | None:
        """Count how a request ended; returns whether the service is away, where that has changed."""
        if answers is None:
            return None
        now, was_away = self._now(), known.pause > 0
        if answers:
            known.answered_at, known.failures, known.pause = now, 0, 0.0
            known.failed.clear()
            return False if was_away else None
        known.failures += 1
        if len(known.failed) < _MOST_FAILED:
            known.failed.add(who)
        if was_away:
            if probing:  # else it was under way before the service counted as away
                known.pause, known.failed_at = min(LONGEST_PAUSE, 2 * known.pause), now
            return None
        if known.failures < self._failures or now < known.answered_at + SILENCE:
            return None
        known.pause, known.failed_at = FIRST_PAUSE, now
        return True
