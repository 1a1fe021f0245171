"""Marks of ownership: written, read back, told apart."""

import itertools
import random
import re
import typing
import uuid

import pytest

from infomaniak_operator.api import types
from infomaniak_operator.reconcile.marks import (
    DESCRIPTION_LIMIT,
    Mark,
    Owner,
    Standing,
    described,
    released,
    user_text,
)
from infomaniak_operator.reconcile.ownership import mark_of

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


# What a user may write, by the CRDs' rule, against what the parser takes for a mark.


def cel_refuses():
    """The regular expression of the CRDs' rule on descriptions. It must mean in Python what it means in RE2."""
    (rule,) = [
        rule.rule for one in typing.get_args(types.Description)[1:] for rule in getattr(one, "rules", ()) if rule.rule
    ]
    (text,) = re.fullmatch(r"!self\.matches\('(.*)'\)", rule).groups()
    pattern = text.replace("\\\\", "\\")
    assert pattern.endswith("\\s*$")
    # RE2: $ is the very end of the text, and \\s is these five. Python means more by both.
    return re.compile(pattern.removesuffix("\\s*$") + r"[\t\n\f\r ]*\Z")


REFUSED = cel_refuses()
PIECES = [
    *(
        "",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\f",
        "\v",
        "\x1c",
        "\x1f",
        "\x85",
        "\xa0",
        "\u1680",
        "\u2003",
        "\u2028",
        "\u2029",
    ),
    *(
        "\u202f",
        "\u3000",
        "\ufeff",
        "\u200b",
        "a",
        "[",
        "]",
        ".",
        "ü",
        "漢字",
        "🏴‍☠️",
        "e\u0301",
        "\u202e",
        "\\",
        "$",
        "'",
    ),
    *(
        "[ik1",
        "[ik1.",
        "[ik1r.",
        "[IK1.",
        "[ik2.",
        "ik1.",
        "[ik1 .",
        "[\u0131k1.",
        "[ik\uff11.",
        "text",
        "x" * 60,
        "]\n",
        "] ",
        "]\xa0",
    ),
]


def texts(seed, many):
    """Texts that look ever so much like a mark."""
    rng = random.Random(seed)
    mine, other = OWNER.mark().text, Owner("c", "Router", "n", "x", "u").mark("subnet/a").text
    whole = [
        *PIECES,
        mine,
        other,
        released(OWNER.mark()).text,
        mine[:-1],
        mine[1:],
        mine.replace(".", " "),
        mine.upper(),
    ]
    for _ in range(many):
        text = "".join(rng.choice(whole) for _ in range(rng.randint(0, 6)))
        if rng.random() < 0.3 and text:
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(PIECES) + text[at + rng.randint(0, 2) :]
        yield text[:200]


@pytest.mark.parametrize("seed", range(5))
def test_a_text_that_the_crds_take_is_no_mark_and_comes_back_to_the_byte(seed):
    taken = looked = 0
    for text in texts(seed, 4000):
        if REFUSED.search(text):
            continue
        taken += 1
        looked += "[ik1" in text
        assert Mark.parse(text) is None, ascii(text)
        assert user_text(text) == text, ascii(text)
        for mark in (OWNER.mark(), OWNER.mark("subnet/front"), released(OWNER.mark())):
            whole = described(text, mark)
            assert Mark.parse(whole) == mark, ascii(text)
            assert user_text(whole) == text, ascii(text)
            assert described(user_text(whole), mark) == whole, ascii(text)
            assert len(whole) <= DESCRIPTION_LIMIT
    assert taken > 1000
    assert looked > 300


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_parser_takes_for_a_mark_the_crds_refuse(seed):
    """The other way round: each mark, with each blank after and before it that the parser lets pass."""
    found, rng, mark = 0, random.Random(seed), OWNER.mark().text
    for text in texts(seed, 4000):
        for each in (text, f"{text}{rng.choice(PIECES[:24])}{mark}{rng.choice(PIECES[:24])}"):
            if Mark.parse(each) is not None:
                found += 1
                assert REFUSED.search(each), ascii(each)
    assert found > 50


@pytest.mark.parametrize("blank", ["\xa0", "\u2003", "\u2028", "\u3000", "\v", "\x1c", "\x85", "\ufeff", "\u200b"])
def test_only_the_blanks_of_re2_are_blanks(blank):
    mark = OWNER.mark().text
    assert Mark.parse(f"text{blank}{mark}") is None
    assert Mark.parse(f"{mark}{blank}") is None
    assert user_text(f"text{blank}{mark}") == f"text{blank}{mark}"


@pytest.mark.parametrize("text", ["trailing ", " leading", "two  ", "line\n", "\t", " "])
def test_blanks_of_the_user_s_text_are_kept(text):
    assert user_text(described(text, OWNER.mark())) == text


@pytest.mark.parametrize("one", ["ü", "漢", "🏴", "\u0301"])
def test_lengths_are_those_of_characters_not_of_bytes(one):
    whole = described(one * 200, released(OWNER.mark("subnet/front")))
    assert len(whole) == DESCRIPTION_LIMIT
    assert len(whole.encode()) > DESCRIPTION_LIMIT
    assert user_text(whole) == one * 200


# Where a mark counts.


def test_a_mark_counts_only_where_the_operator_puts_it():
    mark = OWNER.mark()
    neutron = {"id": "n", "revision_number": 1, "name": "", "description": "", "tags": []}
    octavia = {"id": "o", "provisioning_status": "ACTIVE", "name": "", "description": "", "tags": []}
    assert mark_of({**neutron, "description": f"text {mark.text}"}) == mark
    assert mark_of({**octavia, "tags": ["a", mark.text]}) == mark
    assert mark_of({**neutron, "tags": [mark.text], "name": mark.text}) is None
    assert mark_of({**octavia, "description": f"text {mark.text}", "name": mark.text}) is None
    assert mark_of({**octavia, "tags": [f"a {mark.text}", f"{mark.text} ", f"{mark.text}\n"]}) is None
    assert mark_of({**neutron, "description": f"{mark.text} text"}) is None
    assert mark_of({"id": "x"}) is None


# Whoever lives is nobody's predecessor.


def test_what_carries_the_uid_of_a_living_object_is_never_the_past():
    former = Owner("cluster-a", "InfomaniakNetwork", "shop", "front", str(uuid.UUID(int=7))).mark()
    alive = Owner("cluster-a", "InfomaniakNetwork", "shop", "front", UID, lives=lambda uid: uid == former.uid)
    assert OWNER.standing(former) is Standing.PREVIOUS
    assert alive.standing(former) is Standing.FOREIGN
    assert alive == OWNER
    assert alive.standing(alive.mark()) is Standing.OURS
