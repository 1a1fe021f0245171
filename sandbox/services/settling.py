"""Which of Octavia's rows have been PENDING for long enough. Knows nothing of Octavia, and so is tried by itself."""

from __future__ import annotations

from collections.abc import Container, Iterable

Row = tuple[str, str, str]
"""Kind, id, provisioning status."""

_BOOTS = ("loadbalancers", "PENDING_CREATE")
"""Kind and status of a load balancer whose amphorae are being started."""


class Settling:
    """Since when each row has been PENDING."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def due(
        self, pending: Iterable[Row], now: float, wait: float, boot: float = 0.0, unready: Container[str] = ()
    ) -> list[Row]:
        """The rows that are through with it.

        One that is PENDING again by the next look begins anew: else a quick caller's next change would be over at once,
        and its load balancer ACTIVE while what is under it is not.

        Args:
            pending: all rows that are PENDING now.
            now: seconds, by any clock that never goes back.
            wait: seconds for which a row stays PENDING.
            boot: seconds for which a load balancer that is being made does, if they are more.
            unready: ids of rows that wait for something else as well.
        """
        rows = list(pending)
        self._since = {row_id: self._since.get(row_id, now) for _, row_id, _ in rows}
        waits = [(row, max(wait, boot) if row[::2] == _BOOTS else wait) for row in rows if row[1] not in unready]
        found = [row for row, seconds in waits if now - self._since[row[1]] >= seconds]
        for _, row_id, _ in found:
            del self._since[row_id]
        return found
