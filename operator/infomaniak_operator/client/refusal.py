"""How a request failed a moment ago, for all who would make it again."""

from __future__ import annotations

from collections.abc import Callable

from infomaniak_operator.client.errors import InfomaniakCloudError


class Refusal:
    """The failure of a request answers for all who would make it again. One asks, not a thousand.

    Args:
        seconds: for how long.
        now: monotonic seconds.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._last: tuple[float, InfomaniakCloudError] | None = None

    def check(self) -> None:
        """Let the request be made.

        Raises:
            InfomaniakCloudError: the failure.
        """
        last = self._last
        if last is not None and self._now() < last[0] + self._seconds:
            raise last[1].with_traceback(None)

    def note(self, error: InfomaniakCloudError) -> None:
        """Keep how it failed."""
        self._last = self._now(), error
