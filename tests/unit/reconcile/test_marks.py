"""Marks of ownership: written, read back, told apart."""

import itertools
import uuid

import pytest

from infomaniak_operator.reconcile.marks import (
    DESCRIPTION_LIMIT,
    Mark,
    Owner,
    Standing,
    described,
    released,
    user_text,
)

UID = "6f1c1d5e-0a52-4f7e-9c07-3d2d4b1f8a11"
OWNER = Owner("cluster-a", "InfomaniakNetwork", "shop", "front", UID)


@pytest.mark.parametrize("child", ["", "subnet/v4", "subnet/" + "n" * 63])
@pytest.mark.parametrize("give_up", [False, True])
@pytest.mark.parametrize("text", ["", "the shop", "ends in a bracket]", "two\nlines", "ü" * 200])
def test_a_mark_is_read_back_as_it_was_written(child, give_up, text):
    mark = OWNER.mark(child)
    mark = released(mark) if give_up else mark
    whole = described(text, mark)
    assert Mark.parse(whole) == mark
    assert user_text(whole) == text
    assert len(whole) <= DESCRIPTION_LIMIT


def test_the_longest_description_the_schema_allows_fits_with_the_longest_mark():
    longest = released(OWNER.mark("subnet/front"))
    assert len(described("x" * 200, longest)) == DESCRIPTION_LIMIT
    with pytest.raises(ValueError, match="shorten it to 200"):
        described("x" * 201, longest)


@pytest.mark.parametrize(
    "description",
    [
        None,
        "",
        "no mark",
        "[ik1]",
        "[ik2" + OWNER.mark().text[4:],
        OWNER.mark().text + " and more",
        "glued" + OWNER.mark().text,
        OWNER.mark().text[:-1],
        OWNER.mark().text.replace(".", ":"),
        "[ik1.short.short.short]",
    ],
)
def test_what_is_no_mark_at_the_end_is_none(description):
    assert Mark.parse(description) is None
    assert user_text(description) == (description or "")


def test_only_the_last_of_two_marks_counts():
    other = Owner("cluster-b", "InfomaniakNetwork", "shop", "front", str(uuid.uuid4())).mark()
    both = described(other.text, OWNER.mark())
    assert Mark.parse(both) == OWNER.mark()
    assert user_text(both) == other.text


def test_white_space_the_service_or_a_person_left_behind_does_not_hide_a_mark():
    assert Mark.parse(f"text {OWNER.mark().text} \n") == OWNER.mark()


@pytest.mark.parametrize(
    ("other", "standing"),
    [
        ({}, Standing.OURS),
        ({"name": "renamed"}, Standing.OURS),  # the UID decides, not the place
        ({"uid": str(uuid.UUID(int=7))}, Standing.PREVIOUS),
        ({"uid": str(uuid.UUID(int=7)), "name": "back"}, Standing.FOREIGN),
        ({"uid": str(uuid.UUID(int=7)), "namespace": "bank"}, Standing.FOREIGN),
        ({"uid": str(uuid.UUID(int=7)), "kind": "Router"}, Standing.FOREIGN),
        ({"cluster": "cluster-b"}, Standing.FOREIGN),
        ({"cluster": "cluster-b", "uid": str(uuid.UUID(int=7))}, Standing.FOREIGN),
    ],
)
def test_standing(other, standing):
    fields = {"cluster": "cluster-a", "kind": "InfomaniakNetwork", "namespace": "shop", "name": "front", "uid": UID}
    written = Owner(**{**fields, **other}).mark()
    assert OWNER.standing(written) is standing
    assert OWNER.standing(Owner(**{**fields, **other}).mark("subnet/a")) is standing
    assert OWNER.standing(released(written)) is Standing.UNMARKED


def test_an_object_without_a_mark_is_unmarked():
    assert OWNER.standing(None) is Standing.UNMARKED


def test_children_are_told_apart_and_from_the_main_object():
    marks = [OWNER.mark(child) for child in ("", "subnet/a", "subnet/b", "listener/a")]
    for one, two in itertools.combinations(marks, 2):
        assert one != two
        assert one.text != two.text


def test_an_identity_that_is_no_uuid_gives_a_mark_too():
    mark = Owner("c", "InfomaniakNetwork", "n", "x", "not-a-uuid").mark()
    assert Mark.parse(mark.text) == mark
    assert mark != Owner("c", "InfomaniakNetwork", "n", "x", "also-not-a-uuid").mark()


def test_kind_namespace_and_name_do_not_run_into_each_other():
    one = Owner("c", "InfomaniakNetwork", "a-b", "c", UID).mark()
    two = Owner("c", "InfomaniakNetwork", "a", "b-c", UID).mark()
    assert one.path != two.path


def test_a_tag_is_a_mark_only_as_a_whole():
    mark = OWNER.mark()
    assert Mark.among(["blue", mark.text]) == mark
    assert Mark.among([f"blue {mark.text}"]) is None
    assert Mark.among([]) is None
    assert Mark.among(None) is None
