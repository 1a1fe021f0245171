"""The rule on creates of unknown outcome."""

import pytest

from infomaniak_operator.controller.interfaces import Memory
from infomaniak_operator.reconcile.ownership.create_guard import LATEST, Creates, MayCreate, NotYet, Sent, may_create

GRACE = 60.0


@pytest.mark.parametrize(
    ("outstanding_since", "now", "found_late", "answer", "looked"),
    [
        # nothing can be under way: no second look-up
        (None, 0.0, False, MayCreate(), []),
        (None, 0.0, True, MayCreate(), []),
        # within the grace, whatever a look-up would say
        (100.0, 100.0, False, NotYet(60.0), []),
        (100.0, 159.5, True, NotYet(0.5), []),
        # at its end and after it: one more look-up, begun now
        (100.0, 160.0, False, MayCreate(), [160.0]),
        (100.0, 160.0, True, None, [160.0]),
        (100.0, 900.0, False, MayCreate(), [900.0]),
        (100.0, 900.0, True, None, [900.0]),
    ],
)
def test_may_create(outstanding_since, now, found_late, answer, looked):
    asked = []

    def look_again(not_before):
        asked.append(not_before)
        return not found_late

    assert may_create(outstanding_since, GRACE, lambda: now, look_again) == answer
    assert asked == looked


def test_a_second_look_up_that_fails_is_no_leave_to_create():
    def look_again(_):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        may_create(0.0, GRACE, lambda: 100.0, look_again)


def test_the_record_lives_in_the_memory_of_the_object():
    memory = Memory()
    memory.of(Creates).claimed = True
    assert memory.of(Creates).claimed
    assert memory.of(Creates) is memory.of(Creates)
    assert not Memory().of(Creates).claimed


def test_a_process_that_set_the_finalizer_knows_of_no_other_create():
    creates = Creates()
    assert creates.outstanding_since("", 5.0) == 5.0
    creates.claimed = True
    assert creates.outstanding_since("", 5.0) is None


def test_a_create_without_an_answer_is_outstanding_until_found():
    creates = Creates(claimed=True)
    creates.failed("", 30.0, outcome_unknown=True)
    assert creates.outstanding_since("", 5.0) == 30.0
    assert creates.outstanding_since("subnet/a", 5.0) is None
    creates.done("")
    assert creates.outstanding_since("", 5.0) is None


def test_a_create_that_was_refused_is_not_outstanding():
    creates = Creates(claimed=True)
    creates.failed("", 30.0, outcome_unknown=False)
    assert creates.outstanding_since("", 5.0) is None


def test_a_later_create_without_an_answer_moves_the_time():
    creates = Creates()
    creates.failed("", 30.0, outcome_unknown=True)
    creates.failed("", 130.0, outcome_unknown=True)
    assert creates.outstanding_since("", 5.0) == 130.0


def test_what_was_made_stays_on_record_and_is_bounded_by_the_newest():
    creates = Creates()
    for number in range(100):
        creates.answered(f"id-{number}")
        assert creates.made[-1] == f"id-{number}"
    assert creates.made == [f"id-{number}" for number in range(36, 100)]


def test_creates_of_unknown_outcome_stay_on_record_and_are_bounded_by_the_newest():
    creates = Creates()
    for number in range(20):
        creates.remember(Sent("", {"name": str(number)}, float(number), float(number)))
    assert [each.body["name"] for each in creates.lost("")] == [str(number) for number in range(4, 20)]
    assert creates.lost("subnet/a") == []


def test_a_service_may_carry_out_a_create_for_a_quarter_of_an_hour():
    assert LATEST == 15 * 60
