"""What is done in a run, and when: a list that a seed gives, that is written down, and that can be cut short."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.chaos.universe import BROKEN, KEYS, Key, fixed, is_given, some_spec

APPLY, DELETE, RECREATE, OUTSIDE, KILL, STOP, AWAY = "apply", "delete", "recreate", "outside", "kill", "stop", "away"
WAIT = "wait"
"""Until an object is Ready, for so many seconds at most; the time of what follows stands still. In kept histories only."""

VERSION, LAST, PRESENT = "version", "last", "present"
"""The operators become those of the last release, or of this checkout."""

OUTSIDE_EDITS: Mapping[str, tuple[str, ...]] = {
    "InfomaniakNetwork": ("rename", "describe", "switch", "delete-subnet", "add-subnet", "add-port"),
    "Router": ("rename", "switch", "cut-gateway", "cut-interface", "delete"),
    "SecurityGroup": ("rename", "delete-rule", "add-rule", "delete"),
    "Port": ("rename", "switch", "clear-groups", "delete"),
    "FloatingIP": ("describe", "dissociate", "delete", "edit-forwarding", "delete-forwarding"),
    "LoadBalancer": (
        *("rename", "edit-listener", "delete-listener", "delete", "add-listener", "add-policy", "add-pool"),
        "unmark-port",
    ),
    "Pool": ("rename", "algorithm", "edit-member", "delete-member", "add-member", "delete", "add-monitor"),
    "HealthMonitor": ("delay", "delete"),
    "L7Policy": ("rename", "switch", "move", "redirect", "edit-rule", "delete-rule", "add-rule", "delete"),
}
"""What an administrator or another tool does behind the operator's back."""
BREAK = "break"
"""The load balancer goes to ERROR."""


def outside_edits(key: Key) -> tuple[str, ...]:
    """What is done from outside to that which stands for an object."""
    if is_given(key):
        return ("describe",)
    edits = OUTSIDE_EDITS[key[0]]
    if key[1] not in BROKEN:
        return edits
    kept = tuple(edit for edit in edits if edit not in ("add-listener", "add-policy", "add-pool", "add-monitor"))
    return (*kept, *(BREAK, BREAK) * (key[0] == "LoadBalancer"))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done.

    Attributes:
        at: seconds after the start.
        do: what: a word of this module.
        kind: of the object, where it is about one.
        name: of the object, the component or the operator.
        spec: that is applied.
        how: of what is done from outside.
        seconds: for how long something is away or stopped, or until a killed operator is started again.
    """

    at: float
    do: str
    kind: str = ""
    name: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    how: str = ""
    seconds: float = 0.0

    @property
    def key(self) -> Key:
        """The object."""
        return self.kind, self.name

    def to_json(self) -> dict[str, Any]:
        """As it is written down."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value or name == "at"}

    def __str__(self) -> str:
        words = (f"{self.at:6.1f}", self.do, self.kind, self.name, self.how, f"{self.seconds:g} s" * bool(self.seconds))
        return " ".join(filter(None, words))


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Step]:
    """What ``Step.to_json`` wrote."""
    return [Step(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Rates:
    """How much is done.

    Attributes:
        user: seconds between two things that the user does, on average.
        outside: seconds between two things that are done from outside.
        disaster: seconds between two kills, stops and absences.
        first: seconds within which everything is applied first.
    """

    user: float = 0.7
    outside: float = 2.5
    disaster: float = 8.0
    first: float = 8.0


def plan(seed: int, seconds: float, rates: Rates | None = None) -> list[Step]:
    """What a seed does.

    Args:
        seed: any number; the same one gives the same list.
        seconds: how long it takes.
        rates: how much is done.
    """
    rates = rates or Rates()
    draw = random.Random(f"chaos {seed}")
    order = draw.sample(KEYS, len(KEYS))
    steps = [
        Step(round(draw.uniform(0, rates.first), 1), APPLY, kind, name, some_spec((kind, name), draw))
        for kind, name in order
    ]
    begin = rates.first / 2
    steps += [_user(at, draw) for at in _times(draw, begin, seconds, rates.user)]
    steps += [_outside(at, draw) for at in _times(draw, rates.first, seconds, rates.outside)]
    steps += [_disaster(at, draw) for at in _times(draw, begin, seconds, rates.disaster)]
    return sorted(steps, key=lambda step: step.at)


def _times(draw: random.Random, begin: float, end: float, between: float) -> list[float]:
    at, times = begin, []
    while (at := at + draw.expovariate(1 / between)) < end:
        times.append(round(at, 1))
    return times


def _user(at: float, draw: random.Random) -> Step:
    kind, name = draw.choice([key for key in KEYS if not fixed(key)])
    what = draw.random()
    if what < 0.12:
        return Step(at, DELETE, kind, name)
    do = RECREATE if what < 0.25 else APPLY
    return Step(at, do, kind, name, some_spec((kind, name), draw))


def _outside(at: float, draw: random.Random) -> Step:
    kind, name = draw.choice([key for key in KEYS if not fixed(key)])
    return Step(at, OUTSIDE, kind, name, how=draw.choice(outside_edits((kind, name))))


def _disaster(at: float, draw: random.Random) -> Step:
    what = draw.random()
    who = draw.choice(("0", "1", "leader", "leader"))
    if what < 0.5:
        return Step(at, KILL, name=who, seconds=round(draw.uniform(0.2, 4), 1))
    if what < 0.75:
        return Step(at, STOP, name=who, seconds=round(draw.choice((1.5, 6, 18)) * draw.uniform(0.8, 1.2), 1))
    part = draw.choice(("kube-apiserver", "kube-apiserver", "neutron", "octavia", "keystone"))
    return Step(at, AWAY, name=part, seconds=round(draw.uniform(1.5, 5), 1))


def back_and_forth(steps: Iterable[Step], seconds: float, crds: Iterable[Mapping[str, Any]]) -> list[Step]:
    """The same history, under the last release, the present operator, the last release and the present one again.

    What the last release does not know is left out: kinds, fields, and what others make under ours, which it deletes.

    Args:
        steps: a history.
        seconds: how long it takes.
        crds: the last release's CustomResourceDefinitions.
    """
    schemas = {
        crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        for crd in crds
    }
    kept = [_known(step, schemas) for step in steps if not step.kind or step.kind in schemas]
    kept = [step for step in kept if not (step.do == OUTSIDE and step.how.startswith("add-"))]
    # What is given up before 0.1.0 has put its own mark on keeps the other.
    kept = [
        replace(step, do=APPLY) if is_given(step.key) and step.do == RECREATE else step
        for step in kept
        if not (is_given(step.key) and step.do == DELETE)
    ]
    turns = [(0.0, LAST, ""), (0.3, PRESENT, KILL), (0.55, LAST, ""), (0.8, PRESENT, "")]
    versions = [Step(round(at * seconds, 1), VERSION, name=name, how=how) for at, name, how in turns]
    return sorted([*versions, *kept], key=lambda step: step.at)


def _known(step: Step, schemas: Mapping[str, Any]) -> Step:
    if not step.spec:
        return step
    spec = _pruned(step.spec, schemas[step.kind])
    if not is_given(step.key):  # what is deleted before 0.1.0 has put its own mark on is not released
        spec.pop("deletionPolicy", None)
    if "interfaces" in spec:
        spec["interfaces"] = [leg for leg in spec["interfaces"] if leg.get("networkRef")]
    return replace(step, spec=spec)


def _pruned(value: Any, schema: Mapping[str, Any]) -> Any:
    """As the API server prunes what a schema does not name."""
    if isinstance(value, Mapping) and "properties" in schema:
        known = schema["properties"]
        return {name: _pruned(each, known[name]) for name, each in value.items() if name in known}
    if isinstance(value, list):
        return [_pruned(each, schema.get("items", {})) for each in value]
    return value
