"""Marks of ownership: written, read back, told apart."""

import base64
import hashlib
import itertools
import random
import re
import shlex
import subprocess
import sys
import typing
import uuid
from pathlib import Path

import pytest

from infomaniak_operator.api import types
from infomaniak_operator.reconcile.generic.owned import mark_of
from infomaniak_operator.reconcile.ownership.marks import (
    DESCRIPTION_LIMIT,
    Mark,
    Owner,
    Standing,
    described,
    plain,
    released,
    same_text,
    user_text,
)

UID = "6f1c1d5e-0a52-4f7e-9c07-3d2d4b1f8a11"
OWNER = Owner("cluster-a", "InfomaniakNetwork", "shop", "front", UID, lives=lambda _: False)
VERSIONS = [Owner.mark, Owner.old_mark]
each_version = pytest.mark.parametrize("written", VERSIONS)


@each_version
@pytest.mark.parametrize("child", ["", "subnet/v4", "subnet/" + "n" * 63])
@pytest.mark.parametrize("give_up", [False, True])
@pytest.mark.parametrize("text", ["", "the shop", "ends in a bracket]", "two\nlines", "ü" * 200])
def test_a_mark_is_read_back_as_it_was_written(child, give_up, text, written):
    mark = written(OWNER, child)
    mark = released(mark) if give_up else mark
    whole = described(text, mark)
    assert Mark.parse(whole) == mark
    assert user_text(whole) == text
    assert len(whole) <= DESCRIPTION_LIMIT


def test_what_0_1_0_wrote_is_read():
    """As its code printed it: for the UID, the place and the child ``subnet/front`` of ``OWNER``."""
    text = "[ik1.cJBQZj0R.bxwdXgpST36cBz0tSx-KEQ.3TVV_nOF.1-wgM_]"
    assert OWNER.old_mark("subnet/front").text == text
    assert Mark.parse(text) == OWNER.old_mark("subnet/front")
    assert OWNER.standing(Mark.parse(text)) is Standing.OURS


def test_the_documentation_shows_a_mark_and_how_to_read_it():
    text = (Path(__file__).parents[3] / "docs" / "safety.md").read_text()
    mark = Mark.parse(next(line for line in text.splitlines() if line.startswith("office network [")))
    assert mark is not None
    assert mark.child
    command, answer = re.search(r"\$ (python3 -c .*)\n(.*)\n", text).groups()
    assert shlex.split(command)[-1] == mark.uid
    told = subprocess.run([sys.executable, *shlex.split(command)[1:]], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == answer


def test_each_character_of_a_mark_is_what_the_documentation_says():
    version, uid, place, child = OWNER.mark("subnet/front").text.strip("[]").split(".")
    assert version == "ik2"
    assert uuid.UUID(bytes=base64.urlsafe_b64decode(uid + "==")) == uuid.UUID(UID)
    assert (len(uid), len(place), len(child)) == (22, 17, 6)
    assert 6 * len(place) >= 96
    assert released(OWNER.mark()).text == f"[ik2r.{uid}.{place}]"


@each_version
def test_the_longest_description_the_schema_allows_fits_with_the_longest_mark(written):
    longest = released(written(OWNER, "subnet/front"))
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
        "[ik3" + OWNER.mark().text[4:],
        "[ik1" + OWNER.mark().text[4:],
        "[ik2" + OWNER.old_mark().text[4:],
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


@pytest.mark.parametrize(("first", "last"), [*itertools.product(VERSIONS, VERSIONS)])
def test_only_the_last_of_two_marks_counts_but_for_the_one_that_0_1_0_took_for_text(first, last):
    other = first(Owner("cluster-b", "InfomaniakNetwork", "shop", "front", str(uuid.uuid4())))
    mine = last(OWNER)
    both = described(described("text", other), mine)
    rolled_back = first is Owner.mark and last is Owner.old_mark
    assert Mark.parse(both) == mine
    assert Mark.all_in(both) == ([mine, other] if rolled_back else [mine])
    assert user_text(both) == ("text" if rolled_back else f"text {other.text}")
    assert user_text(user_text(both)) == "text"


def test_of_many_marks_at_the_end_not_more_than_two_are_taken_off():
    one, old = OWNER.mark().text, OWNER.old_mark().text
    assert user_text(f"text {one} {one} {old}") == f"text {one}"
    assert user_text(f"text {old} {one} {old}") == f"text {old}"
    assert user_text(f"{one} {old}") == ""
    assert Mark.all_in(f"{one} {old}") == [OWNER.old_mark(), OWNER.mark()]


def test_white_space_the_service_or_a_person_left_behind_does_not_hide_a_mark():
    assert Mark.parse(f"text {OWNER.mark().text} \n") == OWNER.mark()


@each_version
@pytest.mark.parametrize(
    ("other", "standing"),
    [
        ({}, Standing.OURS),
        ({"uid": str(uuid.UUID(int=7))}, Standing.PREVIOUS),
        ({"uid": str(uuid.UUID(int=7)), "name": "back"}, Standing.FOREIGN),
        ({"uid": str(uuid.UUID(int=7)), "namespace": "bank"}, Standing.FOREIGN),
        ({"uid": str(uuid.UUID(int=7)), "kind": "Router"}, Standing.FOREIGN),
        ({"cluster": "cluster-b"}, Standing.FOREIGN),
        ({"cluster": "cluster-b", "uid": str(uuid.UUID(int=7))}, Standing.FOREIGN),
    ],
)
def test_standing(other, standing, written):
    fields = {"cluster": "cluster-a", "kind": "InfomaniakNetwork", "namespace": "shop", "name": "front", "uid": UID}
    mark = written(Owner(**{**fields, **other}))
    assert OWNER.standing(mark) is standing
    assert OWNER.standing(written(Owner(**{**fields, **other}), "subnet/a")) is standing
    assert OWNER.standing(released(mark)) is Standing.UNMARKED
    assert OWNER.wrote(mark) == OWNER.wrote(released(mark)) == (standing is Standing.OURS)
    # Who does not know who lives takes nobody for a former one.
    unknowing = Owner(**fields)
    assert unknowing.standing(mark) is (Standing.FOREIGN if standing is Standing.PREVIOUS else standing)


def test_the_place_of_an_object_is_in_its_mark_as_a_whole():
    """Of version 2 each part of the place counts, the cluster and the UID, too; of version 1 the UID decides alone."""
    parts = {"cluster": "cluster-a", "kind": "InfomaniakNetwork", "namespace": "shop", "name": "front", "uid": UID}
    places = {OWNER.mark().place}
    for name, value in parts.items():
        other = Owner(**{**parts, name: str(uuid.UUID(int=3)) if name == "uid" else f"{value}-2"})
        places.add(other.mark().place)
        assert OWNER.wrote(other.mark()) is False
    assert len(places) == 1 + len(parts)
    renamed = Owner(**{**parts, "name": "renamed"})
    assert OWNER.standing(renamed.mark()) is Standing.FOREIGN  # no such object can be: a name is for good
    assert OWNER.standing(renamed.old_mark()) is Standing.OURS


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
    assert one.place != two.place


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("c", "K", "n", "x"), ("c|1:K", "", "n", "x")),
        (("|1:x", "K", "n", "x"), ("", "K", "n", "x|1:x")),
        (("c", "K", "n|1:x", ""), ("c", "K", "n", "1:x")),
        (("c\n", "K", "n", "x"), ("c", "\nK", "n", "x")),
        (("\ud800", "K", "n", "x"), ("\udfff", "K", "n", "x")),
    ],
)
def test_no_two_lists_of_parts_have_one_place(one, two):
    assert Owner(*one, UID).mark() != Owner(*two, UID).mark()


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
        "[ik2",
        "[ik2r.",
        "[ik3.",
        "[ik12.",
        "[ik2 .",
        "\ud83c",
        "\udff4",
        "\x00",
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
    old = OWNER.old_mark("subnet/front").text
    whole = [
        *PIECES,
        mine,
        old,
        released(OWNER.old_mark()).text,
        old[:-1],
        old.replace("ik1", "ik2"),
        mine.replace("ik2", "ik1"),
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


MARKS = [each for one in VERSIONS for each in (one(OWNER), one(OWNER, "subnet/front"), released(one(OWNER)))]


@pytest.mark.parametrize("seed", range(5))
def test_a_text_that_the_crds_take_is_no_mark_and_comes_back_to_the_byte(seed):
    taken, looked, rng = 0, 0, random.Random(seed)
    for text in texts(seed, 4000):
        if REFUSED.search(text):
            continue
        taken += 1
        looked += "[ik1" in text or "[ik2" in text
        assert Mark.parse(text) is None, ascii(text)
        assert user_text(text) == text, ascii(text)
        for mark in rng.sample(MARKS, 3):
            whole = described(text, mark)
            assert Mark.parse(whole) == mark, ascii(text)
            assert user_text(whole) == text, ascii(text)
            assert described(user_text(whole), mark) == whole, ascii(text)
            assert len(whole) <= DESCRIPTION_LIMIT
            assert OWNER.is_described(whole, text, "subnet/front" if mark.child else "") is not mark.released
            assert not OWNER.is_described(whole, text, "" if mark.child else "subnet/front")
            if mark.version == 2:  # 0.1.0 after us
                both = f"{whole} {OWNER.old_mark().text}"
                assert user_text(both) == text, ascii(text)
                assert OWNER.is_described(both, text) is (mark == OWNER.mark())
    assert taken > 1000
    assert looked > 300


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_parser_takes_for_a_mark_the_crds_refuse(seed):
    """The other way round: each mark, with each blank after and before it that the parser lets pass."""
    found, rng = 0, random.Random(seed)
    for text in texts(seed, 4000):
        mark = rng.choice(VERSIONS)(OWNER).text
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


@each_version
def test_what_carries_the_uid_of_a_living_object_is_never_the_past(written):
    former = written(Owner("cluster-a", "InfomaniakNetwork", "shop", "front", str(uuid.UUID(int=7))))
    alive = Owner("cluster-a", "InfomaniakNetwork", "shop", "front", UID, lives=lambda uid: uid == former.uid)
    assert OWNER.standing(former) is Standing.PREVIOUS
    assert alive.standing(former) is Standing.FOREIGN
    assert alive == OWNER
    assert alive.standing(alive.mark()) is Standing.OURS


# Who searches for a name.


def test_who_grinds_names_meets_nobody_s_place_not_even_in_part():
    """Each name that is tried is as far from the mark as chance has it: nothing is nearer for being alike."""
    victim = Owner("cluster-a", "InfomaniakNetwork", "bank", "vault", str(uuid.UUID(int=7))).mark()
    rng, most, tried = random.Random(7), 0, 20_000
    for number in range(tried):
        name = rng.choice((f"vault-{number}", f"v{number}ault", "vault" * (number % 40) + str(number)))
        mine = Owner("cluster-a", "InfomaniakNetwork", rng.choice(("shop", "ban", "bank-")), name, UID, lambda _: False)
        assert mine.standing(victim) is Standing.FOREIGN
        near = mine._place(victim.uid)
        most = max(most, next(at for at in range(18) if near[:at] != victim.place[:at] or at == 17) - 1)
    assert most <= 5  # 30 bits; 20,000 trials make 15 likely


# Found by ``hashlib`` in four minutes: both have the hash b9db3be6…, of which a mark of version 1 has 48 bits.
MET = ("bank", "vault-0321d10"), ("shop", "till-016dffec")


def test_two_names_that_meet_in_version_1_do_not_in_version_2():
    one, two = (Owner("cluster-a", "InfomaniakNetwork", *each, UID, lambda _: False) for each in MET)
    whole = [hashlib.sha256(f"InfomaniakNetwork/{'/'.join(each)}".encode()).digest() for each in MET]
    assert whole[0][:6] == whole[1][:6]
    assert whole[0] != whole[1]
    assert one.old_place == two.old_place
    assert one.mark().place != two.mark().place
    for uid in (UID, str(uuid.UUID(int=7))):
        theirs = Owner("cluster-a", "InfomaniakNetwork", *MET[0], uid)
        assert two.standing(theirs.mark()) is Standing.FOREIGN


# What can stay as it is.


def test_what_is_marked_in_either_version_can_stay():
    new, old = OWNER.mark().text, OWNER.old_mark().text
    for right in (f"text {new}", f"text {old}", f"text {new} {old}"):
        assert OWNER.is_described(right, "text")
    other = Owner("cluster-a", "InfomaniakNetwork", "shop", "front", str(uuid.UUID(int=7)))
    for wrong in (
        "text",
        f"text  {new}",
        f"text {new} ",
        f"text {old} {new}",
        f"text {new} {new}",
        f"text {released(OWNER.mark()).text}",
        f"text {OWNER.mark('subnet/a').text}",
        f"text {other.mark().text}",
        f"text {other.old_mark().text}",
        f"text {other.mark().text} {old}",
        f"text {new} {other.old_mark().text}",
    ):
        assert not OWNER.is_described(wrong, "text"), wrong


def test_a_mark_is_made_anew_only_where_it_is_this_owner_s():
    other = Owner("cluster-a", "InfomaniakNetwork", "shop", "back", UID)
    for child in ("", "subnet/front"):
        assert OWNER.anew(OWNER.old_mark(child)) == OWNER.mark(child)
        assert OWNER.anew(released(OWNER.old_mark(child))) == released(OWNER.mark(child))
        assert OWNER.anew(other.mark(child)) == other.mark(child)


@pytest.mark.parametrize(("one", "two"), [*itertools.product(VERSIONS, VERSIONS)])
def test_texts_are_compared_without_the_version_of_their_marks(one, two):
    stranger = Owner("cluster-a", "InfomaniakNetwork", "shop", "front", str(uuid.UUID(int=7)))
    assert same_text(described("text", one(OWNER, "a")), described("text", two(OWNER, "a")))
    assert same_text(["x", one(OWNER).text], [two(OWNER).text, "x"])
    assert not same_text(described("text", one(OWNER, "a")), described("text", two(OWNER, "b")))
    assert not same_text(described("text", one(OWNER)), described("texts", two(OWNER)))
    assert not same_text(described("text", one(OWNER)), described("text", released(two(OWNER))))
    assert not same_text(described("text", one(OWNER)), described("text", two(stranger)))
    assert not same_text(["x", one(OWNER).text], ["x", two(stranger).text])
    assert not same_text(["x", one(OWNER).text], ["y", two(OWNER).text])
    assert not same_text(["x", one(OWNER).text], ["x"])
    assert plain(["x", one(OWNER).text, f"{two(OWNER).text} ", two(OWNER).text]) == ["x", f"{two(OWNER).text} "]


@pytest.mark.parametrize("odd", [None, 7, True, ["[ik2"], {"a": 1}, b"[ik2.x]", "\ud800", "[" * 5000, " " * 5000, "]"])
def test_what_a_cloud_may_answer_for_a_description_is_no_mark(odd):
    assert Mark.parse(odd) is None
    assert Mark.all_in(odd) == []
    assert Mark.among([odd]) is None
    assert plain([odd]) == [odd]
    assert user_text(odd) == (odd if isinstance(odd, str) else "")


@pytest.mark.parametrize(("one", "other"), [(["a"], "a"), ("a", ["a"]), ([], None), (None, []), ([], ""), ("", None)])
def test_a_list_and_a_text_and_nothing_never_say_the_same(one, other):
    assert not same_text(one, other)


@pytest.mark.parametrize("before", ["x", "xy", "text"])
def test_what_touches_the_text_before_it_is_no_mark(before):
    mark = OWNER.mark()
    assert Mark.parse(f"{before}{mark.text}") is None
    assert Mark.parse(f"{before} {mark.text}") == mark
