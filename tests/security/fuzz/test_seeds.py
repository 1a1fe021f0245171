"""Inputs that once failed, each by its name; they need no sandbox, and are run with the unit tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import Key
from tests.support.fuzz_runs import believe, handle, mislead, read_secret
from tests.support.fuzz_world import Fuzzed, base

SEEDS = Path(__file__).parent / "seeds"


def _spoilt(seed: dict[str, Any]) -> Any:
    """Replaces one attribute of the first row of every answer on a route, or takes it away."""
    method, route, name = seed["method"], seed["route"], seed["attribute"]

    def mangle(asked: str, path: str, answer: Any) -> Any:
        if (asked, path) != (method, route):
            return answer
        if name in answer:  # it is the answer itself, or a part of it
            return {}
        for part in answer.values():
            for row in part if isinstance(part, list) else [part]:
                if "value" in seed:
                    row[name] = seed["value"]
                else:
                    row.pop(name, None)
        return answer

    return mangle


def _status(seed: dict[str, Any]) -> None:
    fuzzed = Fuzzed(base())
    key = Key(seed["kind"], "shop", "base")
    believe(fuzzed, {key: {**fuzzed.world.object(key).status, **seed["status"]}}, seed.get("seed", 0))


RUNS = {
    "secret": lambda seed: read_secret(seed["data"]),
    "specs": lambda seed: handle(seed["objects"]),
    "status": _status,
    "answer": lambda seed: mislead(_spoilt(seed), restart=seed.get("restart", False)),
}


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.json")), ids=lambda path: path.stem)
def test_what_once_failed(path):
    seed = json.loads(path.read_text())
    RUNS[seed["surface"]](seed)


def test_there_is_a_seed_of_each_fault():
    assert {json.loads(path.read_text())["surface"] for path in SEEDS.glob("*.json")} >= {"status", "answer"}
