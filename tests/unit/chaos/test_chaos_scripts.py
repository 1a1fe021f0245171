"""The histories that are kept can be read, and each does something to the operator."""

import json
from pathlib import Path

import pytest

from tests.chaos.__main__ import of_file, to_json
from tests.chaos.steps import DELETE, KILL, OUTSIDE

SCRIPTS = sorted((Path(__file__).parents[2] / "chaos" / "scripts").rglob("*.json"))


def test_there_are_some():
    assert len(SCRIPTS) >= 3


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_kept_history_is_read_as_it_was_written(path):
    script = of_file(path)
    assert to_json(script) == json.loads(path.read_text())
    assert {step.do for step in script.steps} & {KILL, OUTSIDE, DELETE}
    assert max(step.at for step in script.steps) <= script.seconds
