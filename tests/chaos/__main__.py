"""``make chaos SEEDS="1 2 3" [MINUTES=1.5] [STACKS=2] [SCRIPT=file]``: random histories on the real services, audited."""

from __future__ import annotations

import argparse
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from demo.operator import OperatorProcess
from release import kept
from sandbox import INFOMANIAK, Sandbox
from sandbox.fault_proxy import Chance, Fault, Listed
from sandbox.fault_proxy.plan import load
from tests.chaos import mutant
from tests.chaos.run import LATE, Build, Outcome, Run, Script
from tests.chaos.shrink import shrink
from tests.chaos.steps import VERSION, Step, back_and_forth, from_json, plan

RATE = 0.2
TRAITS = replace(INFOMANIAK, small_quotas=False, dhcp_ports=0, amphora_ports=0, monitor_refusals=0, first_minute=0)
"""As Infomaniak, but for what takes room or time: see ``tests/conftest.py``."""


def of_seed(seed: int, seconds: float, rate: float = RATE) -> Script:
    """What a seed does."""
    return Script(seed, seconds, plan(seed, seconds), Chance(seed, rate, LATE))


def upgraded(script: Script) -> Script:
    """The same under an operator that is upgraded, rolled back and upgraded again meanwhile."""
    return replace(script, steps=back_and_forth(script.steps, script.seconds, kept.crds()))


def to_json(script: Script) -> dict[str, Any]:
    """A script as it is kept."""
    steps = [step.to_json() for step in script.steps]
    return {"seed": script.seed, "seconds": script.seconds, "steps": steps, "faults": script.faults.to_json()}


def of_file(path: Path) -> Script:
    """A script that was kept."""
    body = json.loads(path.read_text())
    return Script(body["seed"], body["seconds"], from_json(body["steps"]), load(json.dumps(body["faults"])))


def line(name: str, outcome: Outcome) -> str:
    """What is said of a run."""
    verdict = "held" if not outcome.findings else f"FAILED ({len(outcome.findings)} findings)"
    did = ", ".join(f"{count} {do}" for do, count in sorted(outcome.steps.items()))
    return (
        f"{name}: {verdict}; {did}; {outcome.faults} of {outcome.calls} calls failed; {outcome.bystanders} bystanders; "
        f"settled after {outcome.settled:.0f} s, gone after {outcome.gone:.0f} s, {outcome.seconds:.0f} s in all"
    )


def signature(outcome: Outcome) -> set[tuple[str, str]]:
    """In what ways it failed: for a shorter history to count, it has to fail in one of the same ways."""
    return {(finding.what, finding.about.split("/")[0].split()[0]) for finding in outcome.findings}


class Stack:
    """A sandbox, on which one run at a time is done.

    Args:
        box: the sandbox.
        out: where results are kept.
        say: told what is going on.
        build: which operator runs.
    """

    def __init__(self, box: Sandbox, out: Path, *, say: Callable[[str], None], build: Build) -> None:
        self._build = build
        self._box = box
        self._out = out
        self._say = say

    def up(self) -> None:
        """Start it."""
        self._box.up(progress=self._say, traits=TRAITS)

    def down(self) -> None:
        """End it."""
        self._box.down()

    def run(self, script: Script, name: str) -> Outcome:
        """Do a script, and keep what came of it."""
        outcome = Run(self._box, script, self._out / name, say=self._say, build=self._build).go()
        findings = [asdict(finding) for finding in outcome.findings]
        body = {**asdict(outcome), "findings": findings, "script": to_json(script)}
        (self._out / f"{name}.json").write_text(json.dumps(body, indent=1))
        return outcome

    def shorten(self, script: Script, outcome: Outcome, tries: int) -> Script:
        """The shortest script that still fails in one of the same ways."""
        ways, number = signature(outcome), 0
        struck = Listed.of(outcome.struck).faults
        parts: list[Step | tuple[tuple[str, int], Fault]] = [*script.steps, *struck.items()]

        def of(kept: Sequence[Step | tuple[tuple[str, int], Fault]]) -> Script:
            steps = [part for part in kept if isinstance(part, Step)]
            faults = Listed(dict(part for part in kept if not isinstance(part, Step)))
            last = max((step.at + step.seconds for step in steps), default=0.0)
            return Script(script.seed, min(script.seconds, last + 5), steps, faults)

        def fails(kept: Sequence[Step | tuple[tuple[str, int], Fault]]) -> bool:
            nonlocal number
            number += 1
            again = self.run(of(kept), f"seed-{script.seed}-try-{number}")
            self._say(f"try {number}: {len(kept)} of {len(parts)} parts: {sorted(signature(again)) or 'held'}")
            return bool(ways & signature(again))

        return of(shrink(parts, fails, tries))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", help="default: 1, or none where there is a script")
    parser.add_argument(
        "--minutes", type=float, default=1.5, help="how long things happen; what follows takes a minute or two"
    )
    parser.add_argument("--stacks", type=int, default=1, help="sandboxes at once")
    parser.add_argument("--rate", type=float, default=RATE, help="share of calls that fail")
    parser.add_argument("--script", type=Path, nargs="*", default=[], help="histories that were kept")
    parser.add_argument("--tries", type=int, default=0, help="runs spent on making a history that failed shorter")
    parser.add_argument("--state", type=Path, default=Path(".chaos"), help="folder of the sandboxes and results")
    parser.add_argument("--operator", type=Path, help="folder with another build's infomaniak_operator: a mutant, say")
    parser.add_argument("--mutant", default="", help="a fault that is opened again in the operator: c1_…, c2_…")
    parser.add_argument(
        "--upgrade",
        action="store_true",
        help="the last release, this checkout, the last release, this one, all under fire",
    )
    parser.add_argument("--keep", action="store_true", help="let the sandboxes run")
    options = parser.parse_args(words)
    if options.mutant and options.mutant not in (known := mutant.names()):
        parser.error(f"there is no mutant {options.mutant}; there are: {', '.join(known)}")
    return options


def main(words: Sequence[str] | None = None) -> int:
    """Run; the exit code is 1 where anything was found."""
    options = _arguments(words)
    out = options.state.resolve() / "results"
    out.mkdir(parents=True, exist_ok=True)
    for left in out.glob("*/chaos-*/operator.pid"):  # of a run that was killed itself
        OperatorProcess(left.parent, left).stop()
    waiting: queue.Queue[tuple[str, Script]] = queue.Queue()
    for path in options.script:
        waiting.put((path.stem, of_file(path)))
    for seed in options.seeds if options.seeds is not None else () if options.script else (1,):
        script = of_seed(seed, options.minutes * 60, options.rate)
        waiting.put((f"upgrade-{seed}", upgraded(script)) if options.upgrade else (f"seed-{seed}", script))
    failed: list[str] = []
    begin, total = time.monotonic(), waiting.qsize()
    stacks = min(options.stacks, total)
    workers = [
        threading.Thread(
            target=_work,
            args=(Sandbox(options.state / f"stack-{n}"), n, out),
            kwargs={"waiting": waiting, "failed": failed, "options": options},
        )
        for n in range(stacks)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.monotonic() - begin
    failed += [name for name, _ in waiting.queue]  # no sandbox came up for these
    print(f"{total - len(failed)} of {total} held, in {seconds:.0f} s on {stacks} stacks; results in {out}")
    return 1 if failed else 0


def _work(
    box: Sandbox,
    number: int,
    out: Path,
    *,
    waiting: queue.Queue[tuple[str, Script]],
    failed: list[str],
    options: argparse.Namespace,
) -> None:
    def say(text: str) -> None:
        print(f"[{number}] {text}", file=sys.stderr, flush=True)

    last = out.parent / f"last-{number}"
    if any(step.do == VERSION for _, script in [*waiting.queue] for step in script.steps) and not last.exists():
        last.mkdir(parents=True)
        kept.sources(last)
    stack = Stack(box, out, say=say, build=Build(options.operator, options.mutant, last / "operator"))
    try:
        stack.up()
        while True:
            try:
                name, script = waiting.get_nowait()
            except queue.Empty:
                return
            failed.append(name)  # until it has held; an error in the middle leaves it there
            outcome = stack.run(script, name)
            print(line(name, outcome), flush=True)
            for finding in outcome.findings:
                print(f"  {finding}", flush=True)
            if not outcome.findings:
                failed.remove(name)
            elif options.tries:
                short = out / f"{name}-script.json"
                short.write_text(json.dumps(to_json(stack.shorten(script, outcome, options.tries)), indent=1))
                print(f"  shorter: make chaos SCRIPT={short}", flush=True)
    finally:
        if not options.keep:
            stack.down()


if __name__ == "__main__":
    sys.exit(main())
