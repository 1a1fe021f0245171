"""How many crash points each life has, or one of them by itself.

``python -m tests.support.crashes [--write]``, ``python -m tests.support.crashes LIFE CRASH``: the crash as a test that failed names
it, in this process, for a debugger.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from tests.support.crashes import lives, run

COUNTS = Path(__file__).parents[2] / "unit" / "crashes" / "points.json"
"""By life, the numbers that must not fall: calls, crashes, and those of them that leave different worlds."""


def counted(life: run.Life) -> dict[str, int]:
    """The numbers of a life."""
    report = run.live(life, run.none)
    return {"calls": len(report.points), "crashes": report.cases, "distinct": report.distinct}


def main() -> None:
    if len(sys.argv) == 3:
        (life,) = [each for each in lives.ALL if each.name == sys.argv[1]]
        for case, said in run.live(life, run.every, replay=sys.argv[2]).failures.items():
            print(f"{case}\n{said}")
        return
    logging.disable(logging.CRITICAL)
    counts = {life.name: counted(life) for life in lives.ALL}
    for name, numbers in counts.items():
        print(f"{name:32}", *(f"{number:6}" for number in numbers.values()))
    totals = [sum(each[what] for each in counts.values()) for what in ("calls", "crashes", "distinct")]
    print(f"{'all':32}", *(f"{number:6}" for number in totals))
    if "--write" in sys.argv:
        COUNTS.write_text(json.dumps(counts, indent=2) + "\n")


if __name__ == "__main__":
    main()
