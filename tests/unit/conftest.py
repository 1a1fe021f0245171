"""What the unit tests share: no process of the operator outlives its test."""

from collections.abc import Iterator

import pytest

from tests.support.process import end_all


@pytest.fixture(autouse=True)
def _no_process_left() -> Iterator[None]:
    yield
    end_all()
