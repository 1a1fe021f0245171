"""A sandbox with services that it does not have by itself, for as long as they are needed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox import Sandbox


@contextmanager
def having(box: Sandbox, *services: str) -> Iterator[list[str]]:
    """Services that are there for as long as this lasts; those of the sandbox's own stay."""
    more = [name for name in services if name not in box.status()]
    said: list[str] = []
    box.up(with_services=more, progress=said.append)
    try:
        yield said
    finally:
        box.up(without_services=more, progress=said.append)
