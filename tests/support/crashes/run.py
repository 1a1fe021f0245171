"""Kills the operator at every external call of a life, in every way, and has the auditor look at what comes of it.

A life is led once. At each call to the cloud or the API server the process forks (``os.fork``): the child is the run in
which the operator dies there, is started again, settles and is audited; the parent goes on as if nothing had happened.
So each crash point costs what comes after it, and not the life up to it.
"""

from __future__ import annotations

import contextlib
import os
import random
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.controller.kube.kube_api import KubeError
from tests.support.crashes.stage import Body, Stage, bare, changed
from tests.support.points import let_go
from tests.support.process import Killed

LATE = 20.0
"""Seconds after the operator's death that a service finishes what it was asked for."""
WAYS = ("before", "after", "while")
"""Killed before a call; after it was carried out, with the answer lost; while it is carried out, which takes until later."""
MINDS = ("same", "back", "gone")
"""What the user does between crash and restart: nothing; takes back what was changed; deletes all objects."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens in a life.

    Attributes:
        name: what.
        do: by the user, or by somebody else with the project's rights.
        about: whose fields a user takes back afterwards, where no spec has changed.
        ends: what must hold at the end of it, beside what the auditor looks at; may tell the auditor things.
    """

    name: str
    do: Callable[[Stage], object]
    ends: Callable[[Stage], object] = lambda _: None
    about: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Life:
    """What happens to some objects.

    Attributes:
        name: of the life.
        acts: one after another.
        stage: where it is led.
        touched: whether a user touches the objects during each changing call to the cloud, so that the status write
            that follows is refused by 409.
        minds: what a user does between crash and restart.
    """

    name: str
    acts: tuple[Act, ...]
    stage: Callable[[], Stage] = Stage
    touched: bool = False
    minds: tuple[str, ...] = MINDS


@dataclass(frozen=True, slots=True)
class Point:
    """A call to the outside.

    Attributes:
        act: in which act.
        number: the how manieth of it.
        call: as ``POST networks`` or ``status``.
        writes: whether it may change something.
    """

    act: str
    number: int
    call: str
    writes: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A crash.

    Attributes:
        point: where.
        way: of ``WAYS``.
        mind: of ``MINDS``.
    """

    point: Point
    way: str
    mind: str

    def __str__(self) -> str:
        return f"{self.point.act}:{self.point.number}:{self.way}:{self.mind}"


Choice = Callable[[Case], bool]
"""Whether a crash is tried."""


def every(_: Case) -> bool:
    """All of them."""
    return True


def distinct(case: Case) -> bool:
    """Those that leave different worlds: who dies at a read, or before a write, is as who dies after the write before it."""
    return (case.way != "before" and case.point.writes) or (case.way == "before" and case.point.number == 0)


def none(_: Case) -> bool:
    """None: to count."""
    return False


def sample(seed: str, share: float, among: Choice = distinct) -> Choice:
    """That share of them, by a seed."""

    def chosen(case: Case) -> bool:
        return among(case) and random.Random(f"{seed}/{case}").random() < share

    return chosen


@dataclass
class Report:
    """What came of a life.

    Attributes:
        points: the calls.
        cases: how many crashes there are.
        distinct: how many of them leave different worlds.
        tried: how many of them were tried.
        failures: by crash, what was found; ``life`` for what was found without any.
    """

    points: list[Point] = field(default_factory=list)
    cases: int = 0
    distinct: int = 0
    tried: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def live(
    life: Life,
    choice: Choice = distinct,
    *,
    most: int | None = None,
    replay: str | None = None,
    acts: str | None = None,
) -> Report:
    """Lead a life, and try the crashes in it.

    Args:
        life: which.
        choice: which crashes are tried.
        most: end after so many failures.
        replay: try this crash alone, as ``str(Case)`` has it, without a fork: for a debugger.
        acts: try the crashes in this act alone.
    """
    return _Run(life, choice, most, replay, acts).go()


class _Run:
    def __init__(self, life: Life, choice: Choice, most: int | None, replay: str | None, acts: str | None) -> None:
        self.life, self.choice, self.most, self.replay, self.acts = life, choice, most, replay, acts
        self.report = Report()
        self.case: Case | None = None
        self.before: Mapping[Key, Body] = {}
        self.answer: int | None = None

    def go(self) -> Report:
        self.stage = self.life.stage()
        try:
            for act in self.life.acts:
                self._act(act)
                if self._enough():
                    return self.report
            self._note("life", self.stage.end())
        except _Over as over:
            return over.report
        except Exception as error:  # noqa: BLE001 - told with the others
            self._note("life", ["".join(traceback.format_exception(error))])
        return self.report

    def _act(self, act: Act) -> None:
        world, self.act, self.number = self.stage.world, act, 0
        self.before = self.stage.specs()
        act.do(self.stage)
        self.changed = list(changed(self.before, self.stage.specs()))
        world.cloud.around = lambda call, do: self._call(str(call), call.writing, do, cloud=True)
        world.on_kube = lambda what, do: self._call(what, True, do)
        world.kube.before = self._event
        try:
            self.stage.settle()
        except Killed:
            self._child()
        let_go(world)
        world.kube.before = None
        act.ends(self.stage)
        self._note("life", [f"after {act.name}: {each}" for each in self.stage.findings()])

    def _enough(self) -> bool:
        return self.most is not None and len(self.report.failures) >= self.most

    def _note(self, name: str, findings: list[str]) -> None:
        if findings:
            self.report.failures[name] = "\n".join([*filter(None, [self.report.failures.get(name)]), *findings])

    # In the run that goes on.

    def _event(self, verb: str, what: str, name: str) -> None:
        if what == "events":
            self._call(f"{verb} events", False, lambda: None)

    def _call(self, call: str, writes: bool, do: Callable[[], Any], *, cloud: bool = False) -> Any:
        if self.case is None:
            point = Point(self.act.name, self.number, call, writes)
            self.number += 1
            self.report.points.append(point)
            for case in self._cases(point):
                self._try(case, do)
        if cloud and writes and self.life.touched and self.case is None:
            for key in self.changed:
                if self.stage.world.get(key):
                    self.stage.world.annotate(key, reconcile_at=f"{self.number}")
        return do()

    def _cases(self, point: Point) -> Iterator[Case]:
        for way in WAYS:
            for mind in self.life.minds:
                if way != "before" and not point.writes and point.call.endswith("events"):
                    continue  # nobody reads them
                case = Case(point, way, mind)
                self.report.cases += 1
                self.report.distinct += distinct(case)
                if self.acts in (None, point.act) and self.choice(case) and not self._enough():
                    yield case

    def _try(self, case: Case, do: Callable[[], Any]) -> None:
        if self.replay is not None:
            if str(case) == self.replay:
                self.report.tried += 1
                self._die(case, do)
            return
        self.report.tried += 1
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child touches no other thread's things
            child = os.fork()
        if child == 0:
            os.close(read)
            self.answer = write
            self._die(case, do)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            said = pipe.read().decode()
        _, status = os.waitpid(child, 0)
        if status and not said:
            said = f"the run ended with {status}"
        if said:
            self.report.failures[str(case)] = said

    # In the run in which the operator dies.

    def _die(self, case: Case, do: Callable[[], Any]) -> None:
        self.case = case
        if case.way == "after":
            _attempt(do)
        elif case.way == "while":
            self.stage.world.clock.call_later(LATE, lambda: _attempt(do))
        raise Killed

    def _child(self) -> None:
        try:
            said = "\n".join(self._aftermath())
        except BaseException as error:
            if self.answer is None:
                raise
            said = "".join(traceback.format_exception(error))
        if self.answer is None:
            if said:
                self.report.failures[str(self.case)] = said
            raise _Over(self.report)
        with os.fdopen(self.answer, "wb") as pipe:
            pipe.write(said.encode(errors="backslashreplace"))
        os._exit(0)

    def _aftermath(self) -> list[str]:
        stage, case = self.stage, self.case
        assert case is not None
        let_go(stage.world)
        stage.world.kube.before = None
        again = self._change_of_mind(case.mind)
        stage.world.restart()
        stage.settle()
        for key, spec in again.items():
            if stage.world.get(key) is None:
                stage.apply(key.kind, key.name, spec)
        if again:
            stage.settle()
        if case.mind != "gone":
            if case.mind == "same":
                self.act.ends(stage)
            if found := stage.findings():
                return found
        return [f"after the end: {each}" for each in stage.end()]

    def _change_of_mind(self, mind: str) -> dict[Key, Body]:
        """What the user does; returns what is applied once more when it is gone."""
        stage = self.stage
        if mind == "gone":
            stage.delete()
        if mind != "back":
            return {}
        for key, spec in stage.specs().items():
            former = self.before.get(key)
            if former is None or (not self.changed and key in self.act.about):
                stage.apply(key.kind, key.name, bare(key.kind, spec))
            elif former != spec:
                stage.apply(key.kind, key.name, former)
        gone = set(self.before) - set(stage.specs())  # what was imported has gone with its object, and cannot be again
        return {key: spec for key, spec in self.before.items() if key in gone and "import" not in spec}


class _Over(Exception):  # noqa: N818 - no error: a replay is through
    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


def _attempt(do: Callable[[], Any]) -> None:
    with contextlib.suppress(InfomaniakCloudError, KubeError):
        do()
