"""No text of a tenant or a cloud forges an entry of the log, keeps one from being written, or fills the disk."""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
from collections.abc import Iterator

import pytest

from infomaniak_operator.cli.logs import MARGIN, MAX_MESSAGE, MAX_TRACEBACK, Formatter, configure, one_line

ENTRY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} [A-Z]+ +[^ ]+: ")
FORGED = "2026-11-25T08:00:00+0000 INFO    infomaniak_operator: all is well"
HOSTILE = {
    "newline": f"x\n{FORGED}",
    "return": f"x\r{FORGED}",
    "next line": f"x\x85{FORGED}",
    "line separator": f"x\u2028{FORGED}\u2029{FORGED}",
    "vertical": f"x\x0b{FORGED}\x0c{FORGED}\x1e",
    "terminal": "x\x1b[2J\x1b]0;title\x07\x9b31m",
    "direction": "x\u202eevil\u2066",
    "surrogate": "x\ud800",
    "nul": "x\x00",
    "long": "y" * 300_000,
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.TextIOWrapper]:
    """What is logged, as bytes come out of it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict", newline="")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    configure("INFO")
    yield stream
    root.handlers[:], root.level = handlers, level


def lines(stream: io.TextIOWrapper) -> list[str]:
    stream.flush()
    return stream.buffer.getvalue().decode().splitlines()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_entry_is_one_line_whatever_is_in_it(written: io.TextIOWrapper, text: str) -> None:
    logging.getLogger("a").warning("Pool %s/%s: %s", "n", text, text)
    logging.getLogger("a").warning(text)
    found = lines(written)
    assert len(found) == 2
    assert all(ENTRY.match(line) for line in found)
    assert all(line.isprintable() for line in found)
    assert sum(map(len, found)) < 5 * MAX_MESSAGE


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_traceback_is_indented_and_bounded(written: io.TextIOWrapper, text: str) -> None:
    def fails() -> None:
        raise ValueError(text) from KeyError(text)

    try:
        fails()
    except ValueError:
        logging.getLogger("a").exception("it failed")
    logging.getLogger("a").info("on it goes", stack_info=True)
    found = lines(written)
    assert [line for line in found if not line.startswith(MARGIN)] == [
        line for line in found if ENTRY.match(line) and not line.startswith(MARGIN)
    ]
    assert sum(bool(ENTRY.match(line)) for line in found) == 2
    assert any("test_logs.py" in line for line in found)
    assert sum(map(len, found)) < 4 * MAX_TRACEBACK


def test_a_text_that_cannot_be_made_is_told_all_the_same() -> None:
    class Odd:
        def __str__(self) -> str:
            raise ZeroDivisionError

    for text, argument in (("it is %s", Odd()), ("%d of them", "no number")):
        record = logging.LogRecord("a", logging.INFO, __file__, 1, text, (argument,), None)
        assert text in Formatter("%(message)s").format(record)


def test_what_nothing_has_caught_goes_the_same_way(written: io.TextIOWrapper) -> None:
    def fails() -> None:
        raise ValueError(HOSTILE["newline"])

    thread = threading.Thread(target=fails, name="events")
    thread.start()
    thread.join()
    try:
        fails()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    found = lines(written)
    assert not [line for line in found if line.startswith(FORGED)]
    assert sum(bool(ENTRY.match(line)) for line in found) == 2
    assert "events" in found[0]


def test_ordinary_text_stays_as_it_is() -> None:
    text = 'Réseau "Zürich" 东京 \\ 100 %\ttab'
    assert one_line(text) == text


@pytest.mark.parametrize("text", ["no port is left", "two\nlines"])
def test_a_traceback_that_the_library_cannot_write_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Python 3.11.0 to 3.11.7 raises SystemError where two threads write a traceback at once."""

    def fails(*_arguments: object, **_named: object) -> None:
        raise SystemError("AST constructor recursion depth mismatch")

    try:
        int(text)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    monkeypatch.setattr("traceback.print_exception", fails)
    record = logging.LogRecord("a", logging.ERROR, __file__, 1, "it failed", None, info)
    first, *rest = Formatter("%(message)s").format(record).split("\n")
    assert first == "it failed"
    assert all(line.startswith(MARGIN) for line in rest)
    assert "without source lines: SystemError" in rest[0]
    assert "test_logs.py" in rest[1]
    assert len(rest) == 3
    assert rest[2].startswith(f"{MARGIN}ValueError: ")
    assert repr(text) in rest[2]
