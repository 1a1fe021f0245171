"""Shared lists: one LIST at a time, fresh enough, and a failure is everybody's."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from infomaniak_operator.reconcile.openstack.list_cache import Snapshots

WAIT = 10.0


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Lists:
    """A ``load`` that a test opens and that counts."""

    def __init__(self, *answers, gate=None):
        self.answers = list(answers)
        self.calls = 0
        self.started = threading.Event()
        self.gate = gate

    def __call__(self):
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        self.started.set()
        if self.gate is not None:
            assert self.gate.wait(WAIT)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def test_a_list_that_is_fresh_enough_is_shared():
    clock = Clock()
    snapshots, lists = Snapshots(clock), Lists([{"id": "1"}])
    assert snapshots.get("networks", 90.0, lists) == [{"id": "1"}]
    clock.now = 500.0
    assert snapshots.get("networks", 100.0, lists) == [{"id": "1"}]
    assert lists.calls == 1


def test_a_list_that_began_too_early_is_made_again():
    clock = Clock()
    snapshots, lists = Snapshots(clock), Lists([], [{"id": "1"}])
    assert snapshots.get("networks", 90.0, lists) == []
    clock.now = 200.0
    assert snapshots.get("networks", 100.5, lists) == [{"id": "1"}]
    assert lists.calls == 2


def test_the_beginning_counts_not_the_end():
    clock = Clock()

    def slow():
        clock.now = 300.0
        return []

    snapshots, lists = Snapshots(clock), Lists([{"id": "1"}])
    snapshots.get("networks", 90.0, slow)
    assert snapshots.get("networks", 200.0, lists) == [{"id": "1"}]


def test_names_do_not_share():
    snapshots = Snapshots(Clock())
    assert snapshots.get("networks", 0.0, Lists(["n"])) == ["n"]
    assert snapshots.get("subnets", 0.0, Lists(["s"])) == ["s"]


def test_a_failure_is_an_error_and_the_next_one_asks_anew():
    snapshots, lists = Snapshots(Clock()), Lists(OSError("away"), [])
    with pytest.raises(OSError, match="away"):
        snapshots.get("networks", 0.0, lists)
    assert snapshots.get("networks", 0.0, lists) == []
    assert lists.calls == 2


def test_a_failure_does_not_bring_back_an_older_list():
    clock = Clock()
    snapshots, lists = Snapshots(clock), Lists([{"id": "old"}], OSError("away"), OSError("still"))
    snapshots.get("networks", 0.0, lists)
    clock.now = 200.0
    for _ in range(2):
        with pytest.raises(OSError, match=r"away|still"):
            snapshots.get("networks", 150.0, lists)


class Watched(threading.Event):
    """An event that tells how many wait for it."""

    def __init__(self):
        super().__init__()
        self.waiting = threading.Semaphore(0)

    def wait(self, timeout=None):
        self.waiting.release()
        return super().wait(timeout)


def in_flight(monkeypatch, answer, waiters):
    """One LIST under way with that many further threads waiting for it; returns their futures and the list."""
    done = Watched()
    threads = SimpleNamespace(Event=lambda: done, Lock=threading.Lock)
    monkeypatch.setattr("infomaniak_operator.reconcile.openstack.list_cache.threading", threads)
    gate = threading.Semaphore(0)
    calls = []

    def load():
        calls.append(threading.get_ident())
        assert gate.acquire(timeout=WAIT)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    snapshots = Snapshots(Clock())
    pool = ThreadPoolExecutor(waiters + 1)
    futures = [pool.submit(snapshots.get, "networks", 50.0, load) for _ in range(waiters + 1)]
    for _ in range(waiters):
        assert done.waiting.acquire(timeout=WAIT)
    gate.release()
    pool.shutdown(wait=True)
    return futures, calls


def test_many_threads_one_list(monkeypatch):
    futures, calls = in_flight(monkeypatch, [{"id": "1"}], 20)
    assert [future.result() for future in futures] == [[{"id": "1"}]] * 21
    assert len(calls) == 1


@pytest.mark.parametrize("error", [OSError("away"), KeyboardInterrupt()])
def test_a_failure_reaches_all_who_waited(monkeypatch, error):
    futures, calls = in_flight(monkeypatch, error, 20)
    assert [type(future.exception()) for future in futures] == [type(error)] * 21
    assert len(calls) == 1


def test_who_needs_a_later_list_does_not_take_the_one_under_way():
    clock = Clock()
    snapshots = Snapshots(clock)
    gate = threading.Event()
    early, late = Lists([{"id": "early"}], gate=gate), Lists([{"id": "late"}])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(snapshots.get, "networks", 100.0, early)
        assert early.started.wait(WAIT)
        clock.now = 110.0
        assert snapshots.get("networks", 105.0, late) == [{"id": "late"}]
        gate.set()
        assert first.result(WAIT) == [{"id": "early"}]
    # and the earlier list, though it ended later, does not displace the later one
    assert snapshots.get("networks", 105.0, Lists(AssertionError("asked again"))) == [{"id": "late"}]
