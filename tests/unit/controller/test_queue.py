import asyncio
import random

import pytest

from infomaniak_operator.controller.work_queue import BackOffPolicy, Item, Priority, WorkQueue
from tests.support.clock import ManualClock
from tests.support.toy import key

A, B = key("a"), key("b")


def made(jitter: float = 0.0) -> tuple[WorkQueue, ManualClock]:
    clock = ManualClock()
    return WorkQueue(clock, random.Random(1), BackOffPolicy(1.0, 60.0, jitter)), clock


def taken(queue: WorkQueue) -> Item | None:
    """What a worker would get now; None if it would wait."""

    async def get() -> Item | None:
        try:
            async with asyncio.timeout(0):
                return await queue.get()
        except TimeoutError:
            return None

    return asyncio.run(get())


def names(queue: WorkQueue) -> list[str]:
    found = []
    while item := taken(queue):
        found.append(item.key.name)
    return found


def test_a_key_is_handed_out_once_however_often_it_was_added() -> None:
    queue, _ = made()
    for _ in range(3):
        queue.add(A)
    assert names(queue) == ["a"]


def test_a_key_that_is_being_reconciled_is_handed_out_again_only_when_done() -> None:
    queue, _ = made()
    queue.add(A)
    assert taken(queue)
    queue.add(A)
    assert taken(queue) is None
    queue.done(A)
    assert names(queue) == ["a"]
    queue.done(A)
    assert taken(queue) is None


@pytest.mark.parametrize("done_first", [False, True])
def test_what_a_delay_is_for_is_done_by_the_reconcile_that_comes_before_it(done_first: bool) -> None:
    # A status of something it refers to changes while it is reconciled; that reconcile asks for another look in a second.
    queue, clock = made()
    queue.add(A)
    assert taken(queue)
    queue.add(A, deep=False)
    if done_first:
        queue.done(A)
    queue.add_after(A, 1)
    if not done_first:
        queue.done(A)
    item = taken(queue)
    assert item
    assert item.deep
    queue.done(A)
    clock.advance(2)
    assert taken(queue) is None


def test_a_change_of_what_it_refers_to_alone_is_no_cause_of_its_own() -> None:
    queue, _ = made()
    queue.add(A)
    assert taken(queue)
    queue.add(A, deep=False)
    queue.done(A)
    item = taken(queue)
    assert item
    assert not item.deep


def test_a_delay_ends_when_its_time_has_come() -> None:
    queue, clock = made()
    queue.add_after(A, 5)
    clock.advance(4.9)
    assert taken(queue) is None
    clock.advance(0.1)
    item = taken(queue)
    assert item
    assert item.since == clock.monotonic()


def test_a_change_cuts_a_delay_short_and_the_delay_is_gone() -> None:
    queue, clock = made()
    queue.add_after(A, 5)
    queue.add(A)
    assert names(queue) == ["a"]
    queue.done(A)
    clock.advance(60)
    assert taken(queue) is None


@pytest.mark.parametrize(("first", "second"), [(5, 9), (9, 5)])
def test_of_two_delays_the_shorter_counts(first: float, second: float) -> None:
    queue, clock = made()
    queue.add_after(A, first)
    queue.add_after(A, second)
    clock.advance(5)
    assert names(queue) == ["a"]
    queue.done(A)
    clock.advance(60)
    assert taken(queue) is None


def test_what_was_added_during_a_reconcile_overrides_the_delay_it_ends_with() -> None:
    queue, clock = made()
    queue.add(A)
    assert taken(queue)
    queue.add(A)
    queue.add_after(A, 30)
    queue.done(A)
    assert names(queue) == ["a"]
    queue.done(A)
    clock.advance(60)
    assert taken(queue) is None


def test_failures_double_the_delay_up_to_the_longest_and_forget_begins_anew() -> None:
    queue, _ = made()
    delays = []
    for _ in range(8):
        delays.append(queue.add_rate_limited(A))
        queue.add(A)
        taken(queue)
        queue.done(A)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    assert queue.failures(A) == 8
    queue.forget(A)
    assert queue.add_rate_limited(A) == 1
    assert queue.add_rate_limited(B, at_least=7) == 7


def test_jitter_takes_at_most_its_part_off_and_differs() -> None:
    policy = BackOffPolicy(1.0, 300.0, 0.3)
    rng = random.Random(3)
    delays = [policy.delay(4, rng) for _ in range(500)]
    assert all(8 * 0.7 < each <= 8 for each in delays)
    assert min(delays) < 8 * 0.72
    assert max(delays) > 8 * 0.98
    assert policy.delay(100_000, rng) <= 300


def test_resyncs_come_after_changes_but_a_flood_of_changes_does_not_stop_them() -> None:
    queue, _ = made()
    queue.add(key("resync"), priority=Priority.RESYNC)
    for number in range(20):
        queue.add(key(f"change{number:02}"))
    order = names(queue)
    assert order[:7] == [f"change{number:02}" for number in range(7)]
    assert order[7] == "resync"


def test_a_resync_does_not_cut_a_delay_short() -> None:
    queue, clock = made()
    queue.add_after(A, 5)
    queue.add(A, priority=Priority.RESYNC)
    assert taken(queue) is None
    clock.advance(5)
    assert names(queue) == ["a"]


def test_a_change_lifts_a_key_of_a_resync_and_the_later_cause_counts() -> None:
    queue, clock = made()
    queue.add(key("other"), priority=Priority.RESYNC)
    queue.add(A, since=clock.monotonic(), priority=Priority.RESYNC)
    clock.advance(3)
    queue.add(A)
    item = taken(queue)
    assert item == Item(A, clock.monotonic(), clock.monotonic() - 3, Priority.CHANGE)
    assert names(queue) == ["other"]


def test_drop_takes_a_key_off_everywhere() -> None:
    queue, clock = made()
    queue.add(A)
    queue.add_after(B, 5)
    queue.add_rate_limited(key("c"))
    for name in ("a", "b", "c"):
        queue.drop(key(name))
    clock.advance(60)
    assert taken(queue) is None
    assert queue.failures(key("c")) == 0


def test_counters() -> None:
    queue, clock = made()
    queue.add(A)
    queue.add(B)
    clock.advance(2)
    assert (len(queue), queue.oldest()) == (2, 2.0)
    taken(queue)
    clock.advance(1)
    taken(queue)
    queue.add_after(key("c"), 5)
    assert (queue.stats.adds, queue.stats.handed_out, queue.stats.waited_seconds) == (2, 2, 5.0)
    assert (len(queue), queue.processing, queue.delayed, queue.oldest()) == (0, 2, 1, 0.0)


def test_close_sends_the_waiting_home_and_takes_nothing_more() -> None:
    async def test() -> None:
        queue, clock = made()
        queue.add_after(A, 5)
        waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.close()
        assert await asyncio.gather(*waiting) == [None, None, None]
        queue.add(B)
        clock.advance(60)
        assert await queue.get() is None

    asyncio.run(test())


def test_a_key_is_not_lost_when_the_one_it_was_meant_for_is_cancelled() -> None:
    async def test() -> None:
        queue, _ = made()
        first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add(A)
        first.cancel()
        item = await asyncio.wait_for(second, 5)
        assert item
        assert item.key == A

    asyncio.run(test())
