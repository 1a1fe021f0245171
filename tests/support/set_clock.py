"""An operator whose wall clock somebody sets while it runs: ``python -m tests.support.set_clock run …``.

``SET_CLOCK_FILE`` names a file with the seconds by which the clock is ahead; it is read at each look. What goes by the wall
clock in Python is moved, in this process alone: ``time.time``, and ``datetime`` where it asks what time it is.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

MODULE, VARIABLE = "tests.support.set_clock", "SET_CLOCK_FILE"


def move(file: Path) -> None:
    """Have the clock be ahead by what the file says from now on."""
    real_time, real = time.time, dt.datetime

    def moved() -> float:
        try:
            return real_time() + float(file.read_text())
        except (OSError, ValueError):
            return real_time()

    class _Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

    class Moved(real, metaclass=_Kind):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return real.fromtimestamp(moved(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return real.fromtimestamp(moved(), dt.UTC).replace(tzinfo=None)

    time.time = moved
    dt.datetime = Moved  # type: ignore[misc]


def main() -> None:
    """Move the clock before anything of the operator is imported, and run it."""
    move(Path(os.environ[VARIABLE]))

    from infomaniak_operator.cli import main as cli  # noqa: PLC0415 - see above

    cli.main()


if __name__ == "__main__":
    main()
