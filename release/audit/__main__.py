"""``python -m release.audit``: the lock files, and what the index and a file of advisories say of their packages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from release.audit import advisories, index, locks, report
from release.sbom import Pin

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None, root: Path = ROOT, asked: index.Index | None = None) -> int:
    """Read the command line, print what was found and what was not looked at; returns the exit code.

    Args:
        arguments: the command line's; None: this process's.
        root: the checkout.
        asked: the index; None: pip's.
    """
    parser = argparse.ArgumentParser(prog="python -m release.audit", description=__doc__)
    parser.add_argument("--offline", action="store_true", help="only look at the files: no index, no advisories")
    parser.add_argument("--advisories", type=Path, help="a dump of OSV's database for PyPI: zip or JSON")
    read = parser.parse_args(arguments)
    wrong = [f"{name}: {what}" for name in locks.LOCKS for what in locks.problems((root / name).read_text())]
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    pins = list(locks.pins(root))
    print(f"{len(pins)} pins in {len(locks.LOCKS)} lock files: each has one version and hashes, and none an address")
    if read.offline:
        return 0
    try:
        known = advisories.read(read.advisories) if read.advisories else None
    except advisories.AdvisoriesError as error:
        print(error, file=sys.stderr)
        return 1
    findings = [*_index(pins, asked), *_advisories(pins, known)]
    return 1 if any(finding.wrong for finding in findings) else 0


def _index(pins: list[Pin], asked: index.Index | None) -> list[report.Finding]:
    try:
        answer = report.of_index(pins, asked or index.of_pip())
    except index.NoAnswerError as error:
        answer = report.Asked([], 0, str(error))
    print(*answer.findings, sep="\n", end="\n" if answer.findings else "")
    print(
        f"the index told of {answer.answered} of {len(pins)} pins whether they were yanked and which patches there are"
    )
    if answer.silent:
        print(f"NOT CHECKED for the others: {answer.silent}")
    return answer.findings


def _advisories(pins: list[Pin], known: dict[str, list[advisories.Advisory]] | None) -> list[report.Finding]:
    if known is None:
        print("NOT CHECKED: known vulnerabilities; ADVISORIES=<OSV's dump for PyPI> names a file to look them up in")
        return []
    findings = report.of_advisories(pins, known)
    print(*findings, sep="\n", end="\n" if findings else "")
    total = len({each.name for entries in known.values() for each in entries})
    print(f"{len(pins)} pins were compared with {total} advisories: {len(findings)} concern them")
    return findings


if __name__ == "__main__":
    sys.exit(main())
