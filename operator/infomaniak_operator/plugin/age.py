"""How long ago something was, in as many words as kubectl takes. Pure."""

from __future__ import annotations

from datetime import datetime

UNKNOWN = "<unknown>"
_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY
_STEPS: tuple[tuple[int, int, int], ...] = (
    (2 * _MINUTE, 1, 0),
    (10 * _MINUTE, _MINUTE, 1),
    (3 * _HOUR, _MINUTE, 0),
    (8 * _HOUR, _HOUR, _MINUTE),
    (2 * _DAY, _HOUR, 0),
    (8 * _DAY, _DAY, _HOUR),
    (2 * _YEAR, _DAY, 0),
    (8 * _YEAR, _YEAR, _DAY),
)
"""Below that many seconds: the unit, and the unit of the rest; 0: the rest is left out."""
_NAMES = {1: "s", _MINUTE: "m", _HOUR: "h", _DAY: "d", _YEAR: "y"}


def age(since: str, now: datetime) -> str:
    """The age of something, as kubectl shows it: ``3m20s``, ``47h``, ``8d``.

    Args:
        since: when it was, as the API server writes times.
        now: the present time.
    """
    try:
        seconds = max(0, int((now - datetime.fromisoformat(since)).total_seconds()))
    except (ValueError, TypeError, OverflowError):
        return UNKNOWN
    unit, rest = next(((unit, rest) for below, unit, rest in _STEPS if seconds < below), (_YEAR, 0))
    whole, left = divmod(seconds, unit)
    more = left // rest if rest else 0
    return f"{whole}{_NAMES[unit]}" + (f"{more}{_NAMES[rest]}" if more else "")
