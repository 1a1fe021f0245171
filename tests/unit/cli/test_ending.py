"""The end of the process."""

import asyncio
import threading
import time

import pytest

from infomaniak_operator.cli.ending import GRACE_SECONDS, RECONCILE_SECONDS, Shutdown, leave


def until(what: object) -> None:
    for _ in range(200):
        if what():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")


def test_the_first_signal_lets_it_end_and_the_second_ends_it() -> None:
    stop, codes, timers = asyncio.Event(), [], []
    ending = Shutdown(stop, codes.append, after=lambda seconds, act: timers.append((seconds, act)))
    ending.signalled()
    assert stop.is_set()
    assert codes == []
    ending.signalled()
    assert codes == [130]
    # No timer is left behind in the process of the tests: it would speak in the middle of another one.
    ((seconds, over),) = timers
    assert seconds == GRACE_SECONDS
    over()
    assert codes == [130, 1]


def test_when_the_grace_is_over_it_ends_wherever_it_is() -> None:
    codes: list[int] = []
    Shutdown(asyncio.Event(), codes.append, grace=0.02).signalled()
    until(lambda: codes == [1])


@pytest.mark.parametrize("pool", ["reconcile", "poll"])
def test_calls_that_hang_hold_nothing_up(pool: str) -> None:
    go, codes = threading.Event(), []
    thread = threading.Thread(target=go.wait, name=f"{pool}_0", daemon=True)
    thread.start()
    began = time.monotonic()
    leave(1, codes.append)
    assert codes == [1]
    assert time.monotonic() - began < 2.0
    go.set()
    thread.join()
    assert leave(0, codes.append) == 0
    assert codes == [1]


def test_a_pod_stops_within_30_seconds() -> None:
    assert RECONCILE_SECONDS + 3.0 + 8.0 < GRACE_SECONDS < 28.0
