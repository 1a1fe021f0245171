"""Which of Octavia's rows have been PENDING for long enough. Knows nothing of Octavia, and so is tried by itself."""

from __future__ import annotations

from collections.abc import Iterable

Row = tuple[str, str, str]
"""Kind, id, provisioning status."""


class Settling:
    """Since when each row has been PENDING."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def due(self, pending: Iterable[Row], now: float, wait: float) -> list[Row]:
        """The rows that are through with it.

        One that is PENDING again by the next look begins anew: else a quick caller's next change would be over at once,
        and its load balancer ACTIVE while what is under it is not.

        Args:
            pending: all rows that are PENDING now.
            now: seconds, by any clock that never goes back.
            wait: seconds for which a row stays PENDING.
        """
        rows = list(pending)
        self._since = {row_id: self._since.get(row_id, now) for _, row_id, _ in rows}
        found = [row for row in rows if now - self._since[row[1]] >= wait]
        for _, row_id, _ in found:
            del self._since[row_id]
        return found
