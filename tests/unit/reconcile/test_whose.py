"""Whose a thing is: one table for every type, parts included."""

import pytest

from infomaniak_operator.engine.contract import KubeObject
from infomaniak_operator.reconcile.marks import Owner, described, released
from infomaniak_operator.reconcile.ownership import Keepers, Whose, whose
from tests.support.objects import KUBE_SYSTEM, custom, uid_of

ME = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "web", uid_of("LoadBalancer", "shop", "web"), lives=lambda _: False)
FORMER = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "web", uid_of("LoadBalancer", "shop", "web", life=0))
NAMESAKE = Owner("another", "LoadBalancer", "shop", "web", ME.uid)
NEIGHBOUR = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "blog", uid_of("LoadBalancer", "shop", "blog"))
PART = "listener/http"

OURS, LOST, PREVIOUS, FOREIGN, STRANGER = Whose.OURS, Whose.LOST, Whose.PREVIOUS, Whose.FOREIGN, Whose.STRANGER


def row(mark=None, *, how="tag"):
    """A thing of Octavia's, which has its mark in a tag, or of Neutron's, which has it in the description."""
    text = mark.text if mark else None
    if how == "tag":
        return {"id": "x", "provisioning_status": "ACTIVE", "tags": ["one", *([text] if text else [])]}
    return {"id": "x", "description": described("text", mark) if mark else "text"}


CASES = [
    # What it carries, what it would be, how it stands otherwise, and whose it is then.
    (ME.mark(), "", {}, OURS),
    (ME.mark(), "", {"recorded": ["x"]}, OURS),
    (ME.mark(PART), PART, {}, OURS),
    (ME.mark(PART), None, {}, OURS),
    # A mark of ours that is for something else was copied.
    (ME.mark(), PART, {}, FOREIGN),
    (ME.mark(), None, {"inside": True}, FOREIGN),
    (ME.mark(PART), "", {}, FOREIGN),
    (ME.mark("listener/other"), PART, {}, FOREIGN),
    (ME.mark("listener/other"), PART, {"recorded": ["x"]}, FOREIGN),
    # Nobody's mark.
    (None, "", {}, STRANGER),
    (None, "", {"recorded": ["another"]}, STRANGER),
    (None, "", {"recorded": ["x"]}, LOST),
    (None, PART, {"inside": True}, STRANGER),
    (None, PART, {"inside": True, "recorded": ["x"]}, LOST),
    (None, None, {"inside": True, "recorded": ["x"]}, LOST),
    # Parts that carry no marks belong to what is ours where the spec lists them, and only there.
    (None, None, {"inside": True, "listed": True}, OURS),
    (None, None, {"inside": False, "listed": True}, STRANGER),
    # A mark that was given up.
    (released(ME.mark()), "", {}, LOST),
    (released(ME.mark(PART)), PART, {}, LOST),
    (released(ME.mark(PART)), None, {"inside": True}, STRANGER),
    (released(ME.mark("listener/other")), PART, {"inside": True}, STRANGER),
    (released(FORMER.mark()), "", {}, STRANGER),
    (released(NAMESAKE.mark()), "", {"recorded": ["x"]}, LOST),
    # That of an object of this name that is no more: with what it is in, or where somebody says so.
    (FORMER.mark(), "", {}, PREVIOUS),
    (FORMER.mark(), "", {"recorded": ["x"]}, PREVIOUS),
    (FORMER.mark(PART), PART, {}, PREVIOUS),
    (FORMER.mark(PART), PART, {"recorded": ["x"]}, PREVIOUS),
    (FORMER.mark(PART), PART, {"inside": True}, OURS),
    (FORMER.mark(PART), None, {"inside": True}, OURS),
    (FORMER.mark("listener/other"), PART, {"inside": True}, FOREIGN),
    # Anybody else's, whatever is on record.
    (NAMESAKE.mark(), "", {"recorded": ["x"]}, FOREIGN),
    (NEIGHBOUR.mark(), "", {"recorded": ["x"]}, FOREIGN),
    (NEIGHBOUR.mark(PART), PART, {"inside": True, "recorded": ["x"], "listed": True}, FOREIGN),
]


@pytest.mark.parametrize("how", ["tag", "description"])
@pytest.mark.parametrize(("mark", "child", "more", "expected"), CASES)
def test_whose(mark, child, more, expected, how):
    assert whose(ME, row(mark, how=how), child=child, **more) is expected


def test_only_what_is_ours_may_be_changed():
    assert [each for each in Whose if each.ours] == [OURS, LOST]


def test_who_keeps_a_thing():
    one, other = (KubeObject.of(custom("Pool", name, {})) for name in ("one", "other"))
    shown = KubeObject.of({**custom("Pool", "third", {}), "status": {"id": "x"}})

    def mark(resource, child=""):
        return Owner(KUBE_SYSTEM, "Pool", "shop", resource.key.name, resource.uid).mark(child)

    everybody = [one, other, shown]
    keepers = Keepers(KUBE_SYSTEM, everybody)
    assert keepers.of(row(mark(other))) == other
    assert keepers.of(row(mark(one, "former"))) == one
    assert keepers.of(row()) == shown
    assert keepers.of(row(FORMER.mark())) is None
    assert Keepers(KUBE_SYSTEM, [one, other]).of(row()) is None
    assert Keepers("another", [one, other]).of(row(mark(other))) is None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("other", [NAMESAKE, NEIGHBOUR])
def test_one_mark_of_somebody_else_is_enough_wherever_it_stands(other, order):
    tags = [ME.mark().text, "one", other.mark().text][::order]
    assert whose(ME, {"id": "x", "provisioning_status": "ACTIVE", "tags": tags}, recorded=["x"]) is FOREIGN


@pytest.mark.parametrize("order", [1, -1])
def test_a_mark_that_was_given_up_beside_ours_changes_nothing(order):
    tags = [ME.mark().text, released(NEIGHBOUR.mark()).text][::order]
    expected = OURS if order == 1 else LOST
    assert whose(ME, {"id": "x", "provisioning_status": "ACTIVE", "tags": tags}, recorded=["x"]) is expected
