"""All objects are listed anew, a few or five thousand: nothing is missed or made twice, and reading does not grow with them."""

import json
from typing import Any

import pytest

from tests.bench.relist_bench import Bench

READS = 8
"""Calls that read the cloud, at the most: a list of each type or two, and the quota. Not one for each object."""


def reads(phase: dict[str, Any]) -> int:
    return sum(number for call, number in phase["cloud"].items() if call.split()[0] in ("LIST", "GET"))


def changes(phase: dict[str, Any], verb: str) -> int:
    return sum(number for call, number in phase["cloud"].items() if call.split()[0] == verb)


def writes(phase: dict[str, Any]) -> int:
    return sum(number for call, number in phase["api_server"].items() if not call.startswith(("LIST", "GET")))


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.full)])
def test_relisted(count: int) -> None:
    bench = Bench(count)
    found = bench.run()  # which looks whether anything was missed
    print(json.dumps(found, indent=2))
    few = count // 100

    same = found["relist, nothing has changed"]
    assert (same["cloud"], same["reconciles"], writes(same)) == ({}, 0, 0)
    assert same["api_server"] == {"LIST infomaniaknetworks": 1, "LIST routers": 1}

    gap = found["relist after a gap"]
    assert (changes(gap, "POST"), changes(gap, "DELETE"), changes(gap, "PUT")) == (few, few, few)
    assert reads(gap) <= READS + 2 * few  # what is in a thing is looked at before that goes
    assert gap["reconciles"] <= 6 * few

    restart = found["restart"]
    assert (restart["cloud"], restart["reconciles"], writes(restart)) == ({}, 0, 0)

    resync = found["resync of all"]
    assert reads(resync) == sum(resync["cloud"].values()) <= READS
    assert (resync["reconciles"], writes(resync)) == (count, 0)
