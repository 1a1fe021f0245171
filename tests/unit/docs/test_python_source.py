"""Source is parsed although a finalizer that parses runs in the middle."""

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.python_source import parsed

LONG = Path(ast.__file__)


class ParsesAtItsEnd:
    """What is collected only by the garbage collector, and parses then, further down the stack."""

    ended = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        self._down(20)
        ParsesAtItsEnd.ended += 1

    def _down(self, frames: int) -> None:
        if frames:
            self._down(frames - 1)
        else:
            ast.parse("one + two")


@pytest.fixture
def eager() -> Iterator[None]:
    """A collection after each few objects."""
    before = gc.get_threshold()
    gc.set_threshold(10)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("eager")
def test_a_finalizer_does_not_disturb_it() -> None:
    ParsesAtItsEnd.ended = 0
    for _ in range(20):
        for _ in range(9):
            ParsesAtItsEnd()
        assert parsed(LONG).body
    assert gc.isenabled()
    assert ParsesAtItsEnd.ended > 0
