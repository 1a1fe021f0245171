"""What tests that follow each other share of a sandbox (``tests/support/running.py``)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.running import Shared


def maker(log: list[str]) -> Callable[[str], Callable[[], AbstractContextManager[str]]]:
    def of(name: str) -> Callable[[], AbstractContextManager[str]]:
        @contextmanager
        def made() -> Iterator[str]:
            log.append(f"{name} begins")
            yield name
            log.append(f"{name} ends")

        return made

    return of


def test_it_stays_until_something_else_is_to_be_shared() -> None:
    log: list[str] = []
    shared, of = Shared(), maker(log)
    assert [shared.use("a", of("a")), shared.use("a", of("another"))] == ["a", "a"]
    assert shared.use("b", of("b")) == "b"
    assert log == ["a begins", "a ends", "b begins"]
    assert shared.use("a", of("a")) == "a"
    shared.end()
    shared.end()
    assert log == ["a begins", "a ends", "b begins", "b ends", "a begins", "a ends"]


def test_what_could_not_be_made_is_made_anew() -> None:
    shared, of = Shared(), maker([])

    @contextmanager
    def fails() -> Iterator[str]:
        raise RuntimeError("no")
        yield ""

    with pytest.raises(RuntimeError, match="no"):
        shared.use("a", fails)
    assert shared.use("a", of("a")) == "a"
