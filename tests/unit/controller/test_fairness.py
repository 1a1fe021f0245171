"""Who waits for whom: namespaces and load balancers take turns, and nobody has all workers."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import threading
from collections import Counter, defaultdict
from typing import Any

import pytest

from infomaniak_operator.controller.fairness import QueueLimits
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Result, Shares
from infomaniak_operator.controller.work_queue import BackOffPolicy, Item, Priority, WorkQueue
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube
from tests.support.manager import run, running
from tests.support.toy import TOYS, ToyReconciler, key, usual


def taken(queue: WorkQueue) -> Item | None:
    """What a worker would get now, without a loop; None if it would wait."""
    waiting = queue.get()
    try:
        waiting.send(None)
    except StopIteration as got:
        return got.value  # type: ignore[no-any-return]
    except RuntimeError:  # there is no loop to wait in
        return None
    raise AssertionError


def names(queue: WorkQueue) -> list[str]:
    found = []
    while item := taken(queue):
        found.append(item.key.name)
    return found


def made(shares: dict[Key, Shares] | None = None, limits: QueueLimits | None = None) -> tuple[WorkQueue, ManualClock]:
    clock, known = ManualClock(), shares if shares is not None else {}
    policy = BackOffPolicy(1.0, 60.0, 0.0)
    return WorkQueue(clock, random.Random(1), policy, limits, lambda each: known.get(each, Shares())), clock


def in_turn(queue: WorkQueue) -> list[str]:
    """The keys as one worker gets them, each done before the next."""
    found = []
    while item := taken(queue):
        found.append(f"{item.key.namespace}/{item.key.name}")
        queue.done(item.key)
    return found


def test_namespaces_take_turns() -> None:
    queue, _ = made()
    for number in range(4):
        queue.add(key(str(number), "many"))
    queue.add(key("x", "few"))
    queue.add(key("y", "few"))
    assert in_turn(queue) == ["many/0", "few/x", "many/1", "few/y", "many/2", "many/3"]


def test_so_they_do_in_a_resync() -> None:
    queue, _ = made()
    for number in range(3):
        queue.add(key(str(number), "many"), priority=Priority.RESYNC)
    queue.add(key("x", "few"), priority=Priority.RESYNC)
    assert in_turn(queue) == ["many/0", "few/x", "many/1", "many/2"]


def test_in_a_namespace_the_load_balancers_and_all_else_take_turns() -> None:
    pools = [key(f"p{number}") for number in range(4)]
    queue, _ = made(dict.fromkeys(pools, Shares("lb")))
    for each in [*pools, key("a"), key("b")]:
        queue.add(each)
    assert in_turn(queue) == [f"default/{name}" for name in ("p0", "a", "p1", "b", "p2", "p3")]


def test_one_load_balancer_has_one_worker_and_what_waits_is_woken_when_it_is_done() -> None:
    shares = {key("a"): Shares("lb"), key("b"): Shares("lb"), key("c"): Shares("lb"), key("r"): Shares("lb")}
    queue, _ = made(shares)
    for name in "abc":
        queue.add(key(name))
    queue.add(key("r"), priority=Priority.RESYNC)
    assert names(queue) == ["a"]
    assert (len(queue), queue.held_back, queue.processing) == (3, 3, 1)
    queue.done(key("a"))
    assert names(queue) == ["b"]
    queue.done(key("b"))
    queue.done(key("other"))
    assert names(queue) == ["c"]
    queue.done(key("c"))
    assert names(queue) == ["r"], "whatever the priority"
    queue.done(key("r"))
    assert (len(queue), queue.held_back, queue.processing) == (0, 0, 0)


def test_idle_workers_are_woken_for_all_that_has_become_free() -> None:
    async def test() -> None:
        queue, _ = made({key("a"): Shares("lb"), key("b"): Shares("lb")}, QueueLimits(namespace=2, cloud=9))
        for name in ("a", "b"):
            queue.add(key(name))
        first = await queue.get()
        assert first
        idle = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.add(key("x", "other"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sum(each.done() for each in idle) == 1, "one of another namespace"
        queue.add(key("c"))
        queue.add(key("d"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert sum(each.done() for each in idle) == 2, "c; d and b wait"
        queue.done(first.key)
        again = await queue.get()
        for _ in range(5):
            await asyncio.sleep(0)
        assert again
        assert sum(each.done() for each in idle) == 2, "the namespace has its two again"
        queue.done(again.key)
        queue.close()
        await asyncio.gather(*idle)

    asyncio.run(test())


@pytest.mark.parametrize("seed", range(20))
def test_no_worker_sleeps_while_there_is_something_for_it(seed: int) -> None:
    async def test() -> None:
        rng = random.Random(seed)
        keys = [key(f"k{number}", f"n{rng.randrange(3)}") for number in range(60)]
        shares = {each: Shares(rng.choice([None, "t1", "t2"]), rng.choice([None, "c1", "c2"])) for each in keys}
        queue, _ = made(shares, QueueLimits(namespace=3, cloud=5))
        handed: list[Key] = []

        async def work() -> None:
            while item := await queue.get():
                handed.append(item.key)
                for _ in range(rng.randrange(4)):
                    await asyncio.sleep(0)
                queue.done(item.key)

        workers = [asyncio.create_task(work()) for _ in range(6)]
        for each in keys:
            queue.add(each, priority=rng.choice(list(Priority)))
            if rng.random() < 0.3:
                await asyncio.sleep(0)
        for _ in range(3000):
            await asyncio.sleep(0)
            if not len(queue) and not queue.processing:
                break
        assert set(handed) == set(keys)
        assert (len(queue), queue.processing, queue.held_back) == (0, 0, 0)
        queue.close()
        await asyncio.gather(*workers)

    asyncio.run(test())


def test_a_namespace_leaves_workers_to_others_and_gets_its_own_back() -> None:
    queue, _ = made(limits=QueueLimits(namespace=3, cloud=9))
    for number in range(5):
        queue.add(key(str(number), "many"))
    assert names(queue) == ["0", "1", "2"]
    queue.add(key("x", "few"))
    assert names(queue) == ["x"]
    queue.done(key("1", "many"))
    assert names(queue) == ["3"]


def test_a_cloud_leaves_workers_to_others() -> None:
    hung = [key(str(number), f"n{number}") for number in range(9)]
    other = key("x", "other")
    queue, _ = made(
        {**dict.fromkeys(hung, Shares(cloud="a")), other: Shares(cloud="b")}, QueueLimits(namespace=9, cloud=4)
    )
    for each in hung:
        queue.add(each)
    assert len(names(queue)) == 4
    queue.add(other)
    assert names(queue) == ["x"]
    for each in hung[:2]:
        queue.done(each)
    assert len(names(queue)) == 2


def test_a_cloud_that_becomes_known_counts_from_then_on() -> None:
    shares: dict[Key, Shares] = {}
    queue, _ = made(shares, QueueLimits(namespace=9, cloud=1))
    for name in "abc":
        queue.add(key(name))
    shares.update({key(name): Shares(cloud="c") for name in "abc"})
    assert names(queue) == ["a"]
    queue.done(key("a"))
    assert names(queue) == ["b"]


@pytest.mark.parametrize("workers", range(1, 40))
def test_whatever_the_workers_somebody_works_and_of_several_one_is_left(workers: int) -> None:
    limits = QueueLimits.of(workers)
    for limit in (limits.namespace, limits.cloud):
        assert 1 <= limit <= workers
        assert limit < workers or workers == 1


@pytest.mark.parametrize("seed", range(30))
def test_nothing_is_lost_nor_handed_out_twice_nor_beyond_its_limits(seed: int) -> None:  # noqa: C901 - one step of each sort
    """Whatever comes in whatever order: at the end all have been handed out after their last add."""
    rng = random.Random(seed)
    limits = QueueLimits(namespace=3, cloud=4)
    keys = [key(f"k{number}", f"n{rng.randrange(4)}") for number in range(40)]
    trees, clouds = [None, "t1", "t2", "t3"], [None, "c1", "c2"]
    shares = {each: Shares(rng.choice(trees), rng.choice(clouds)) for each in keys}
    queue, clock = made(shares, limits)
    inside: dict[Key, Shares] = {}
    owed: set[Key] = set()

    def take() -> bool:
        item = taken(queue)
        if item is None:
            return False
        assert item.key not in inside
        inside[item.key] = shares[item.key]
        owed.discard(item.key)
        mine = shares[item.key]
        assert sum(each.namespace == item.key.namespace for each in inside) <= limits.namespace
        if mine.alone:
            assert sum(each.alone == mine.alone for each in inside.values()) == 1
        if mine.cloud:
            assert sum(each.cloud == mine.cloud for each in inside.values()) <= limits.cloud
        return True

    for _ in range(600):
        step, one = rng.random(), rng.choice(keys)
        if step < 0.4:
            queue.add(one, priority=rng.choice(list(Priority)))
            if one not in queue._due:
                owed.add(one)
        elif step < 0.5:
            queue.add_after(one, rng.uniform(0, 5))
        elif step < 0.55:
            queue.drop(one)
            owed.discard(one)
        elif step < 0.6:
            shares[one] = Shares(rng.choice(trees), rng.choice(clouds))
        elif step < 0.65:
            clock.advance(rng.uniform(0, 2))
        elif step < 0.85:
            take()
        elif inside:
            done = rng.choice(list(inside))
            del inside[done]
            queue.done(done)
    clock.advance(10)
    while inside or len(queue):
        while take():
            pass
        assert inside, "what is ready is not stuck"
        done = rng.choice(list(inside))
        del inside[done]
        queue.done(done)
    assert not owed
    assert (queue.held_back, queue._busy._counts) == (0, {})
    for ready in queue._ready:
        left = (ready._lines, ready._places, ready._turns, ready._blocked, ready.items())
        assert left == ({}, {}, {}, {}, []), "nothing of a key is kept that has been handed out"


@pytest.mark.parametrize("seed", range(20))
def test_a_key_waits_no_longer_than_its_turn_whatever_the_others_queue(seed: int) -> None:
    """The n-th of its lane is handed out once each namespace has had n turns for each lane of this one."""
    rng = random.Random(seed)
    shares: dict[Key, Shares] = {}
    queue, _ = made(shares)
    promised: dict[Key, int] = {}
    ahead: Counter[tuple[str, str | None]] = Counter()
    handed, count = 0, itertools.count()

    def add() -> None:
        namespace = rng.choice(["a", "b", "c"])
        tree = rng.choice([None, f"{namespace}-t1", f"{namespace}-t2"])
        each = key(f"k{next(count)}", namespace)
        shares[each] = Shares(tree)
        ahead[namespace, tree] += 1
        promised[each] = handed + 3 * 3 * ahead[namespace, tree]
        queue.add(each)

    for _ in range(400):
        for _ in range(rng.choice([0, 1, 1, 4])):
            add()
        item = taken(queue)
        if item is None:
            continue
        handed += 1
        ahead[item.key.namespace, shares[item.key].alone] -= 1
        assert handed <= promised.pop(item.key)
        queue.done(item.key)


@pytest.mark.parametrize("workers", [1, 4])
def test_keys_of_one_lane_keep_the_order_in_which_they_came(workers: int) -> None:
    shares: dict[Key, Shares] = {}
    queue, _ = made(shares, QueueLimits(namespace=2, cloud=2))
    lanes = [(namespace, cloud) for namespace in ("a", "b") for cloud in ("x", "y")]
    for number in range(40):
        namespace, cloud = lanes[number % 4]
        each = key(f"{number:02}", namespace)
        shares[each] = Shares(cloud=cloud)
        queue.add(each)
    came: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    inside: list[Key] = []
    while len(queue) or inside:
        while len(inside) < workers and (item := taken(queue)):
            inside.append(item.key)
            came[item.key.namespace, shares[item.key].cloud].append(item.key.name)
        queue.done(inside.pop(0))
    assert len(came) == 4
    assert all(found == sorted(found) and len(found) == 10 for found in came.values())


def test_what_a_key_costs_the_queue_does_not_depend_on_how_many_wait() -> None:
    """Counted in calls of functions. It is all in the one thread of the loop, for each reconcile."""

    def cost(many: int) -> float:
        queue, _ = made(limits=QueueLimits.of(16))
        keys = [key(f"k{number}", f"n{number % 7}") for number in range(many)]
        calls = 0

        def called(_: object, event: str, __: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(called)
        try:
            for each in keys:
                queue.add(each)
            while item := taken(queue):
                queue.done(item.key)
        finally:
            sys.setprofile(None)
        return calls / many

    few, many = cost(50), cost(3000)
    assert many < few * 1.1
    assert many < 55, "it was 80 with a hash of a key, and of its lane, for each question"


def test_delays_that_were_cut_short_do_not_pile_up() -> None:
    queue, _ = made()
    for _ in range(3000):
        queue.add_after(key("a"), 300)
        queue.add(key("a"))
        assert names(queue) == ["a"]
        queue.done(key("a"))
    assert len(queue._heap) <= 1100


class Held(ToyReconciler):
    """Toys of namespace "many" stay inside until they are let out."""

    def __init__(self) -> None:
        super().__init__()
        self.out = threading.Event()
        self.most = self.now = 0

    def reconcile(self, request: Any) -> Result:
        if request.resource.key.namespace == "many":
            with self._lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.out.wait(20)
            with self._lock:
                self.now -= 1
        return usual(request)


def ready(kube: FakeKube, namespace: str) -> int:
    return sum(bool(each.get("status")) for each in kube.held(TOYS) if each["metadata"]["namespace"] == namespace)


@pytest.mark.parametrize("spec", [{}, {"alone": "lb"}, {"cloud": "c"}])
def test_a_namespace_whose_reconciles_all_hang_stops_no_other(spec: dict[str, str]) -> None:
    async def test() -> None:
        kube, toys = FakeKube(), Held()
        async with running(kube, toys) as one:
            for number in range(30):
                kube.create(TOYS, f"m{number}", "many", spec=spec)
            await one.until(lambda: toys.now, "the many are being reconciled")
            for number in range(5):
                kube.create(TOYS, f"f{number}", "few", spec={})
            await one.until(lambda: ready(kube, "few") == 5, "the others are Ready")
            assert toys.most == (1 if "alone" in spec else 3)
            assert one.manager.stats().held_back
            toys.out.set()
            await one.until(lambda: ready(kube, "many") == 30, "so are the many, in the end")
            assert one.manager.stats().held_back == 0

    run(test())


def test_an_object_whose_shares_cannot_be_told_is_reconciled_all_the_same() -> None:
    class Odd(ToyReconciler):
        def shares(self, resource: KubeObject, view: CacheReader) -> Shares:
            raise KeyError("written by a newer version")

    async def test() -> None:
        kube = FakeKube()
        async with running(kube, Odd()) as one:
            kube.create(TOYS, "a", spec={})
            await one.until(lambda: ready(kube, "default"), "Ready")

    run(test())
