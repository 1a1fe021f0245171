"""Holds every plan that a test has made to its promise: it is made of values alone, and changes none of them.

Each plan is made twice. The first time it gets nothing but the facts: no cloud, no API server, nothing that could be
written to. Both must come to the same, and the facts must be what they were.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from infomaniak_operator.controller.interfaces import CacheReader, KubeObject, Memory
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.plan import Plan


@dataclass(frozen=True)
class _Subject:
    resource: KubeObject
    view: CacheReader
    memory: Memory


def facts_alone(facts: Facts) -> Facts:
    """The same facts, without what a reconcile acts with."""
    kept = {each.name: getattr(facts, each.name) for each in fields(Facts)}
    kept["status"], kept["seen"] = copy.deepcopy((facts.status, facts.seen))
    kept["request"] = _Subject(facts.request.resource, facts.request.view, facts.request.memory)
    return Facts(**kept)


def check_plans(actuator: Any) -> None:
    """Have an actuator's ``plan`` checked at each call."""
    plan = actuator.plan

    def checked(facts: Facts, row: Mapping[str, Any], inputs: Mapping[str, Any]) -> Plan:
        alone, seen, resolved = facts_alone(facts), copy.deepcopy(row), copy.deepcopy(inputs)
        before = _shown(alone)
        found = plan(alone, seen, resolved)
        assert (seen, resolved) == (row, inputs), f"the plan of {facts.resource.key} has changed what it was given"
        assert _shown(alone) == before, f"the plan of {facts.resource.key} has changed the facts"
        again = plan(facts, row, inputs)
        assert again == found, f"the plan of {facts.resource.key} depends on more than the facts"
        return again

    actuator.plan = checked


def _shown(facts: Facts) -> str:
    return repr((facts.status, _parts(facts.seen), _parts(facts.request.memory)))


def _parts(memory: Memory) -> dict[str, str]:
    """What is in a memory, connections apart; a part that says nothing may be there or not."""
    shown = {part: _fields(value) for part, value in memory._parts.items()}
    return {part.__qualname__: text for part, text in shown.items() if text != _fields(part())}


def _fields(value: Any) -> str:
    return repr({each.name: getattr(value, each.name) for each in fields(value) if each.name != "cloud"})
