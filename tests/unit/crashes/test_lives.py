"""Every crash point of every life: nothing is missing, doubled, left behind or untrue, and nothing of others is touched."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.crashes import auditor, lives, run, vault, wishes
from tests.support.crashes.__main__ import COUNTS

SEED = os.environ.get("CRASH_SEED", "1")
QUICK = float(os.environ.get("CRASH_SHARE", "0.03"))
"""Of the crashes that leave different worlds, how many ``make test-unit`` tries."""
SLOW = 0.2
"""The same of ``make test-slow``."""
ROOT = Path(__file__).parents[3]
LIVES = {life.name: life for life in lives.ALL}


def holds(name, choice):
    report = run.live(LIVES[name], choice)
    print(f"{name}: {len(report.points)} calls, {report.cases} crashes, {report.tried} tried")
    told = [f"{case}\n{said}" for case, said in report.failures.items()]
    assert not told, f"{name}: {len(told)} of {report.tried}; the first: {told[0]}"
    return report


@pytest.mark.parametrize("name", LIVES)
def test_some_crashes_of_a_life(name):
    report = holds(name, run.sample(SEED, QUICK))
    known = json.loads(COUNTS.read_text())[name]
    now = {"calls": len(report.points), "crashes": report.cases, "distinct": report.distinct}
    fewer = {what: (now[what], known[what]) for what in known if now[what] < known[what]}
    assert not fewer, f"{fewer}: where that is right, python -m tests.support.crashes --write"


def test_no_life_is_forgotten():
    assert set(json.loads(COUNTS.read_text())) == set(LIVES)


def test_the_documentation_has_the_figures():
    counts = json.loads(COUNTS.read_text()).values()
    said = (ROOT / "docs/reliability.md").read_text()
    figures = {"lives": len(counts)} | {what: sum(each[what] for each in counts) for what in ("calls", "crashes")}
    figures["of these, crashes that leave different worlds"] = sum(each["distinct"] for each in counts)
    missing = [row for what, number in figures.items() if (row := f"| {what} | {number:,} |") not in said]
    assert not missing


def test_the_auditor_shares_no_code_with_the_operator():
    for module in (auditor, vault, wishes):
        read = re.findall(r"^\s*(?:from|import) (\S+)", Path(module.__file__).read_text(), re.MULTILINE)
        assert "infomaniak_operator" not in {name.split(".")[0] for name in read}
        assert {name for name in read if name.startswith("tests")} <= {"tests.support.crashes", wishes.__name__}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIVES)
def test_more_crashes_of_a_life(name):
    holds(name, run.sample(f"{SEED} slow", SLOW))


@pytest.mark.full
@pytest.mark.parametrize("name", LIVES)
def test_all_crashes_of_a_life(name):
    holds(name, run.every)
