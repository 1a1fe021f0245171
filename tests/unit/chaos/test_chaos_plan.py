"""What a seed does, and how a history that fails becomes shorter."""

import json
import random

import pytest

from release import kept
from tests.chaos.excuses import references
from tests.chaos.shrink import shrink
from tests.chaos.steps import (
    APPLY,
    AWAY,
    BREAK,
    DELETE,
    KILL,
    LAST,
    OUTSIDE,
    PRESENT,
    RECREATE,
    STOP,
    VERSION,
    Step,
    back_and_forth,
    from_json,
    plan,
)
from tests.chaos.universe import BROKEN, KEYS, PLURALS, some_spec


def test_the_same_seed_does_the_same():
    assert plan(1, 90) == plan(1, 90) != plan(2, 90)


def test_a_plan_has_all_kinds_and_everything_that_can_befall_them():
    steps = [step for seed in range(5) for step in plan(seed, 90)]
    assert {step.do for step in steps} == {APPLY, DELETE, RECREATE, OUTSIDE, KILL, STOP, AWAY}
    assert {step.kind for step in steps if step.kind} == PLURALS.keys()
    assert all(first.at <= second.at <= 90 for first, second in zip(plan(3, 90), plan(3, 90)[1:], strict=False))


def test_a_plan_is_written_down_and_read_again():
    steps = plan(4, 60)
    assert from_json(json.loads(json.dumps([step.to_json() for step in steps]))) == steps


def test_every_object_has_many_forms():
    draw = random.Random(1)
    for key in KEYS:
        forms = {json.dumps(some_spec(key, draw), sort_keys=True) for _ in range(40)}
        assert len(forms) > 5 or key[1] == "internet", key


@pytest.mark.parametrize("needed", [[3], [0, 19], [4, 5, 11], list(range(20))])
def test_what_is_not_needed_for_the_failure_is_left_out(needed):
    assert shrink(range(20), lambda kept: set(needed) <= set(kept), tries=500) == needed


def test_no_more_is_tried_than_may_be():
    asked: list[list[int]] = []

    def fails(kept):
        asked.append(kept)
        return 13 in kept

    kept = shrink(range(100), fails, tries=6)
    assert len(asked) == 6
    assert 13 in kept
    assert len(kept) < 100


def test_a_failure_that_needs_nothing_has_no_steps():
    assert shrink([Step(1.0, KILL)], lambda _: True) == []


def test_what_goes_to_error_is_recovered_and_nobody_makes_anything_in_it():
    draw = random.Random(2)
    assert all(some_spec(("LoadBalancer", "l1"), draw)["recovery"]["policy"] == "Recreate" for _ in range(20))
    done = {(step.kind, step.name, step.how) for seed in range(300) for step in plan(seed, 90) if step.do == OUTSIDE}
    assert {name for _, name, how in done if how == BREAK} == {"l1"}
    assert not [
        each
        for each in done
        if each[1] in BROKEN and each[2].startswith("add-") and "-member" not in each[2] and "-rule" not in each[2]
    ]


def test_what_may_be_retained_refers_to_nothing_that_is_deleted():
    draw = random.Random(4)
    kinds = ("InfomaniakNetwork", "SecurityGroup", "FloatingIP")
    specs = [some_spec((kind, "kept0"), draw) for kind in kinds for _ in range(30)]
    named = {target for spec in specs for target in references(("SecurityGroup", "kept0"), spec)}
    assert named <= {("SecurityGroup", "kept0")}


def test_all_that_there_is_comes_up():
    """Retain, imports both ways, interfaces at an address and by a port, port forwardings, policies of every action."""
    draw = random.Random(3)
    forms = [(key, some_spec(key, draw)) for key in KEYS for _ in range(60)]
    legs = [leg for (kind, _), spec in forms if kind == "Router" for leg in spec.get("interfaces", ())]
    assert {*legs[0], "address", "portRef"} <= {name for leg in legs for name in leg}
    policies = {(spec.get("managementPolicy"), "import" in spec, spec.get("deletionPolicy")) for _, spec in forms}
    assert {(None, False, "Retain"), (None, True, "Retain"), ("Unmanaged", True, "Retain")} <= policies
    assert {spec["action"] for (kind, _), spec in forms if kind == "L7Policy"} == {
        *("REJECT", "REDIRECT_TO_POOL", "REDIRECT_TO_URL", "REDIRECT_PREFIX")
    }
    assert {len(spec["portForwardings"]) for _, spec in forms if "portForwardings" in spec} == {0, 1, 2, 3}


def test_a_history_of_upgrades_has_only_what_both_versions_know():
    steps = back_and_forth(plan(1, 90), 90, kept.crds())
    assert [step.name for step in steps if step.do == VERSION] == [LAST, PRESENT, LAST, PRESENT]
    assert steps[0].do == VERSION, "the last release is first"
    assert {step.kind for step in steps if step.kind} == PLURALS.keys() - {"Port", "L7Policy"}
    assert {APPLY, DELETE, RECREATE, OUTSIDE, KILL} <= {step.do for step in steps}
    fields = {field for step in steps for field in step.spec}
    assert {"vip", "interfaces", "subnets", "rules", "members"} <= fields
    assert not {"portForwardings", "portRef", "portMembers"} & fields
    assert all("networkRef" in leg for step in steps for leg in step.spec.get("interfaces", ()))
