"""The Lease: who takes it when, and the moment from which a holder changes nothing any more. No clock runs by itself."""

from dataclasses import replace

import pytest

from infomaniak_operator.controller.kube.kube_api import Conflict, KubeError, NotFound, Standby, Unavailable
from infomaniak_operator.controller.leader.lease import Lease, LeaseRecord, LeaseTimes, lease_clock
from tests.support.clock import ManualClock
from tests.support.shelf import Shelf


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def shelf(clock: ManualClock) -> Shelf:
    return Shelf(clock)


def lease(shelf: Shelf, name: str) -> Lease:
    return Lease(shelf, name, shelf.clock.now, shelf.clock.monotonic)


def test_the_first_makes_it_and_the_second_waits(shelf: Shelf) -> None:
    one, two = lease(shelf, "one"), lease(shelf, "two")
    assert not one.valid()
    assert one.step()
    assert not two.step()
    assert (one.valid(), two.valid(), two.holder) == (True, False, "one")
    one.check()
    with pytest.raises(Standby):
        two.check()


def test_the_holder_renews_and_others_wait_for_its_last_change_and_then_15_seconds(shelf: Shelf) -> None:
    one, two = lease(shelf, "one"), lease(shelf, "two")
    for _ in range(20):
        assert one.step()
        assert not two.step()
        shelf.clock.advance(2)
    shelf.clock.advance(12.9)  # 14.9 since the other saw it change
    assert not two.step()
    shelf.clock.advance(0.1)
    assert two.step()
    assert shelf.record is not None
    assert (shelf.record.holder, shelf.record.transitions) == ("two", 1)
    assert not one.valid()


def test_the_holder_stops_five_seconds_before_another_may_begin(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    assert one.step()
    shelf.clock.advance(9.99)
    assert one.valid()
    shelf.clock.advance(0.01)
    assert not one.valid()
    assert one.over


def test_the_deadline_counts_from_when_the_renewal_was_sent(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    shelf.slow = 4.0
    assert one.step()
    shelf.clock.advance(5.9)
    assert one.valid()
    shelf.clock.advance(0.2)
    assert not one.valid()


def test_lost_is_lost_though_nobody_has_taken_it(shelf: Shelf) -> None:
    """A process that slept past its deadline must end: it cannot know what happened meanwhile."""
    one = lease(shelf, "one")
    assert one.step()
    shelf.clock.advance(11)
    assert not one.step()
    assert not one.step()
    assert len(shelf.writes) == 1
    assert one.over


def test_a_renewal_answered_after_the_deadline_came_too_late(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    assert one.step()
    shelf.clock.advance(9)
    shelf.slow = 2.0
    assert not one.step()
    assert one.over


@pytest.mark.parametrize("error", [Unavailable("503", 503), KubeError("what", 500)])
def test_failures_are_endured_until_the_deadline(shelf: Shelf, error: Exception) -> None:
    one = lease(shelf, "one")
    assert one.step()
    for _ in range(4):
        shelf.clock.advance(2)
        shelf.fail = [error]
        assert one.step()
    shelf.clock.advance(1)
    assert one.step()
    shelf.clock.advance(9.9)
    assert one.valid()


def test_a_renewal_whose_answer_was_lost_is_known_as_our_own(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    assert one.step()
    shelf.clock.advance(2)
    shelf.lose = [True]
    assert one.step()
    shelf.clock.advance(7)
    assert one.step()  # the conflict with oneself is seen through, and it is renewed at once
    shelf.clock.advance(9.9)
    assert one.valid()


def test_taking_whose_answer_was_lost(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    shelf.lose = [True]
    assert not one.step()
    assert one.step()


def test_another_name_in_it_is_its_loss_at_once(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    assert one.step()
    assert shelf.record is not None
    shelf._put(replace(shelf.record, holder="two"))
    assert not one.step()
    assert one.over


def test_of_two_that_take_it_at_once_one_has_it(shelf: Shelf) -> None:
    one, two = lease(shelf, "one"), lease(shelf, "two")
    original = shelf.create

    def first(record: LeaseRecord) -> LeaseRecord:
        shelf.create = original  # type: ignore[method-assign]
        assert two.step()
        return original(record)

    shelf.create = first  # type: ignore[method-assign]
    assert not one.step()
    assert (one.valid(), two.valid(), one.holder) == (False, True, "two")


def test_given_back_it_is_taken_at_once(shelf: Shelf) -> None:
    one, two = lease(shelf, "one"), lease(shelf, "two")
    assert one.step()
    assert not two.step()
    one.halt()
    assert not one.valid()
    one.give_back()
    assert two.step()
    assert not one.step()


@pytest.mark.parametrize("taken_by", ["two", ""])
def test_what_is_another_s_is_not_given_back(shelf: Shelf, taken_by: str) -> None:
    one = lease(shelf, "one")
    assert one.step()
    shelf.clock.advance(16)
    if taken_by:
        two = lease(shelf, taken_by)
        assert not two.step()
        shelf.clock.advance(15)
        assert two.step()
    written = len(shelf.writes)
    one.halt()
    one.give_back()
    assert len(shelf.writes) == written


def test_never_held_nothing_is_given_back(shelf: Shelf) -> None:
    one, two = lease(shelf, "one"), lease(shelf, "two")
    assert one.step()
    two.step()
    two.halt()
    two.give_back()
    assert one.step()


def test_giving_back_fails_silently(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    assert one.step()
    one.halt()
    shelf.fail = [Unavailable("no")]
    one.give_back()


@pytest.mark.parametrize("answer", [NotFound("no lease", 404), Conflict("precondition failed: UID", 409)])
def test_a_lease_deleted_under_its_holder_is_made_again_before_those_who_saw_it_take_it(
    shelf: Shelf, answer: KubeError
) -> None:
    shelf.missing = answer
    one, two = lease(shelf, "one"), lease(shelf, "two")
    assert one.step()
    assert not two.step()
    shelf.record = None
    assert not two.step()
    shelf.clock.advance(2)
    assert one.step()
    assert not two.step()
    assert two.holder == "one"


def test_a_lease_that_stays_deleted_is_taken_after_its_time(shelf: Shelf) -> None:
    one, two = lease(shelf, "one"), lease(shelf, "two")
    assert one.step()
    assert not two.step()
    shelf.record = None
    shelf.clock.advance(14)
    assert not two.step()
    shelf.clock.advance(1)
    assert two.step()


def test_a_lease_that_cannot_be_read_is_not_taken(shelf: Shelf) -> None:
    one = lease(shelf, "one")
    shelf.fail = [Unavailable("no")]
    assert not one.step()
    assert shelf.writes == []


def test_the_holder_s_own_promise_counts(shelf: Shelf) -> None:
    shelf.record = LeaseRecord("other", 60, 0.0, 0.0, source=0)
    two = lease(shelf, "two")
    assert not two.step()
    shelf.clock.advance(59)
    assert not two.step()
    shelf.clock.advance(1)
    assert two.step()


@pytest.mark.parametrize("times", [(15, 15.0, 2.0), (15, 10.0, 10.0), (10, 12.0, 2.0), (15, 10.0, 0.0)])
def test_times_that_would_let_two_lead_are_refused(times: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="needed"):
        LeaseTimes(*times)


def test_the_lease_clock_goes_on() -> None:
    assert lease_clock() <= lease_clock()


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
@pytest.mark.parametrize("whose", ["leader", "other", "both"])
def test_a_wall_clock_that_is_set_changes_neither_who_leads_nor_for_how_long(
    shelf: Shelf, seconds: float, whose: str
) -> None:
    """Each machine has a wall clock of its own; only the time that really passes counts."""
    walls = {"one": 0.0, "two": 0.0}
    one, two = (
        Lease(shelf, name, lambda n=name: shelf.clock.now() + walls[n], shelf.clock.monotonic) for name in walls
    )
    for number in range(12):
        if number == 4:
            walls["one"] += seconds if whose != "other" else 0.0
            walls["two"] += seconds if whose != "leader" else 0.0
        assert one.step()
        assert not two.step()
        one.check()
        assert not two.valid()
        shelf.clock.advance(2)
    assert shelf.record is not None
    assert (shelf.record.holder, shelf.record.transitions) == ("one", 0)
    # It dies: the other leads 15 s after the last change that it has seen, not sooner and not later.
    shelf.clock.advance(12.9)
    assert not two.step()
    assert not one.valid()
    shelf.clock.advance(0.1)
    assert two.step()
    assert shelf.record.transitions == 1


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_while_the_answer_is_on_its_way(shelf: Shelf, seconds: float) -> None:
    one, two = lease(shelf, "one"), lease(shelf, "two")
    assert one.step()
    assert not two.step()
    put = shelf._put

    def slow(record: LeaseRecord) -> LeaseRecord:
        shelf.clock.jump(seconds)
        shelf.clock.advance(4)
        return put(record)

    shelf._put = slow  # type: ignore[method-assign]
    assert one.step()
    shelf._put = put  # type: ignore[method-assign]
    assert not two.step()
    shelf.clock.advance(5.9)  # its deadline counts from when it was sent
    assert one.valid()
    shelf.clock.advance(0.2)
    assert not one.valid()
    assert not two.step()


def test_a_wall_clock_that_stands_still_lets_nobody_lead_beside_the_holder(shelf: Shelf) -> None:
    """To the API server the same content is no change, and to the others an unchanged Lease is a dead holder's."""
    one = Lease(shelf, "one", lambda: 1_800_000_000.0, shelf.clock.monotonic)
    two = lease(shelf, "two")
    for _ in range(20):
        assert one.step()
        assert not two.step()
        shelf.clock.advance(2)
