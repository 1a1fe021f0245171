"""The order of L7 policies: wherever they stand, moves by one at a time bring them into it, and come to an end."""

import itertools
import random

import pytest

from infomaniak_operator.reconcile.octavia.l7_order import LAST, misplaced, slot_for


def rank(number):
    return (float(number), "", "")


def moved(standing, index):
    """The order once the policy at an index has gone where it belongs, and whether it has moved."""
    others = [each for at, each in enumerate(standing) if at != index]
    slot = slot_for(others, standing[index], index)
    return [*others[:slot], standing[index], *others[slot:]], slot != index


def wrong(standing):
    return sum(a > b for a, b in itertools.combinations([each for each in standing if each], 2))


@pytest.mark.parametrize("seed", range(20))
def test_one_move_after_the_other_sorts_them_and_each_leaves_fewer_in_the_wrong_order(seed):
    draw = random.Random(seed)
    standing = [rank(number) for number in range(7)] + [LAST]
    draw.shuffle(standing)
    moves = 0
    while wrong(standing):
        index = draw.randrange(len(standing))
        if standing[index] == LAST:  # the redirect moves nobody, itself included
            continue
        before = wrong(standing)
        standing, went = moved(standing, index)
        assert not went or wrong(standing) < before
        moves += went
        assert moves < 50
    assert standing == sorted(standing)


def test_who_is_in_its_place_stays_there():
    standing = [rank(1), None, rank(2), None, LAST]
    for index in (0, 2):
        assert moved(standing, index) == (standing, False)


def test_a_new_one_comes_as_late_as_may_be():
    assert slot_for([], rank(5)) == 0
    assert slot_for([None, None], rank(5)) == 2
    assert slot_for([rank(1), None, rank(9)], rank(5)) == 2
    assert slot_for([None, LAST], rank(5)) == 1
    assert slot_for([rank(1), rank(1)], rank(1)) == 2


def test_one_that_cannot_be_right_is_least_wrong():
    others = [rank(3), rank(1)]
    slot = slot_for(others, rank(2), 0)
    assert misplaced(others, rank(2), slot) == 1
