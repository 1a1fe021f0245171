"""What is told of a start: lines that move on a terminal, and plain ones with a sign of life in a log."""

import io

import pytest

from sandbox.progress import Console, clock, step


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _made(live: bool) -> tuple[Console, io.StringIO, Clock]:
    out, now = io.StringIO(), Clock()
    return Console(out, live=live, now=now, beat=30.0), out, now


def test_seconds_are_told_as_minutes() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 725)] == ["0:00", "0:59", "1:00", "12:05"]


def test_in_a_log_a_step_has_a_beginning_a_sign_of_life_and_an_end_without_control_characters() -> None:
    console, out, now = _made(live=False)
    with console.step("building", 90):
        now.now += 10
        console.show()  # too early for a sign of life
        now.now += 20
        console.show()
        console.show()
    assert out.getvalue().splitlines() == [
        "  0:00  building (about 1:30)",
        "  0:30  … building 0:30 of about 1:30",
        "  0:30  building: done in 0:30",
    ]
    assert "\r" not in out.getvalue()
    assert "\033" not in out.getvalue()


def test_other_lines_count_as_a_sign_of_life() -> None:
    console, out, now = _made(live=False)
    with console.step("building", 90):
        now.now += 29
        console("something else")
        now.now += 29
        console.show()
    assert "…" not in out.getvalue()


def test_on_a_terminal_one_line_tells_of_all_steps_and_is_gone_at_the_end() -> None:
    console, out, now = _made(live=True)
    with console.step("building", 90), console.step("installing", 60):
        now.now += 5
        console.show()
        assert out.getvalue().endswith("\r\033[Kbuilding 0:05 of about 1:30, installing 0:05 of about 1:00")
    assert out.getvalue().split("\033[K")[-1].endswith("building: done in 0:05\n")


def test_a_step_that_fails_is_not_said_to_be_done() -> None:
    console, out, _ = _made(live=False)
    with pytest.raises(ValueError, match="no"), console.step("building", 1):
        raise ValueError("no")
    assert "done" not in out.getvalue()
    assert console.status() == ""


def test_whoever_only_takes_lines_gets_two_for_a_step() -> None:
    lines: list[str] = []
    with step(lines.append, "building", 61):
        pass
    assert lines == ["building (about 1:01)", "building: done in 0:00"]


def test_a_stream_that_knows_only_ascii_gets_the_text_all_the_same() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    Console(out, live=False)("… é")
    assert raw.getvalue().decode().strip().endswith("? ?")
