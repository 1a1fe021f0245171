"""Telling what is going on: a line that moves on a terminal, plain lines with a sign of life elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, TextIO

Progress = Callable[[str], None]
BEAT = 30.0
"""Seconds between two signs of life in a log."""


class _Step(NamedTuple):
    what: str
    begin: float
    expected: float


def clock(seconds: float) -> str:
    """Minutes and seconds, as people read them."""
    whole = int(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


class Console:
    """Called with a text, it prints it; ``step`` shows how long something takes while it does.

    Args:
        out: where to print.
        live: whether lines may move; default: where it is a terminal.
        now: the clock, in seconds.
        beat: seconds between two signs of life where lines do not move.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        *,
        live: bool | None = None,
        now: Callable[[], float] = time.monotonic,
        beat: float = BEAT,
    ) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty() if live is None else live
        self._now, self._beat = now, beat
        self._begin = self._said = now()
        self._steps: list[_Step] = []
        self._lock = threading.Lock()
        self._ticker: threading.Thread | None = None

    def __call__(self, text: str) -> None:
        """Print a line, with the time since the beginning."""
        with self._lock:
            self._line(text)
            self._said = self._now()

    @contextmanager
    def step(self, what: str, expected: float) -> Iterator[None]:
        """Show something that takes a while, from beginning to end.

        Args:
            what: of it.
            expected: seconds.
        """
        one = _Step(what, self._now(), expected)
        self(f"{what} (about {clock(expected)})")
        with self._lock:
            self._steps.append(one)
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, daemon=True)
                self._ticker.start()
        try:
            yield
        except BaseException:
            self._end(one)
            raise
        self._end(one)
        self(f"{what}: done in {clock(self._now() - one.begin)}")

    def _end(self, one: _Step) -> None:
        with self._lock:
            self._steps.remove(one)
            if self._live and not self._steps:
                self._write("\r\033[K")

    def _tick(self) -> None:
        while True:
            time.sleep(1.0)
            with self._lock:
                if not self._steps:
                    self._ticker = None
                    return
                self.show()

    def show(self) -> None:
        """The line that moves, or where none may, a sign of life when it is time for one."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r\033[K{self.status()[:width]}")
        elif self._now() - self._said >= self._beat:
            self._line(f"… {self.status()}")
            self._said = self._now()

    def status(self) -> str:
        """What is going on now."""
        now = self._now()
        return ", ".join(f"{one.what} {clock(now - one.begin)} of about {clock(one.expected)}" for one in self._steps)

    def _line(self, text: str) -> None:
        start = "\r\033[K" if self._live else ""
        self._write(f"{start}{clock(self._now() - self._begin):>6}  {text}\n")

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
        except UnicodeEncodeError:  # LANG=C, or what reads it knows no more
            self._out.write(text.encode("ascii", "replace").decode())
        self._out.flush()


def step(progress: Progress, what: str, expected: float) -> AbstractContextManager[None]:
    """Tell what takes a while to whoever listens.

    Args:
        progress: a ``Console``, or anything that takes lines.
        what: of it.
        expected: seconds.
    """
    return progress.step(what, expected) if isinstance(progress, Console) else _plain(progress, what, expected)


@contextmanager
def _plain(progress: Progress, what: str, expected: float) -> Iterator[None]:
    begin = time.monotonic()
    progress(f"{what} (about {clock(expected)})")
    yield
    progress(f"{what}: done in {clock(time.monotonic() - begin)}")
