"""``python -m release chart-check | chart-docs | dist | keep``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from release import dist, kept
from release.chart import ROOT, Chart, ChartError
from sandbox.errors import SandboxError


def main() -> int:
    """Read the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("command", choices=["chart-check", "chart-docs", "dist", "keep"])
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="dist: the folder (default: dist)")
    read = parser.parse_args()
    try:
        if read.command == "chart-check":
            Chart().check()
        elif read.command == "chart-docs":
            Chart().docs(check=False)
        else:
            for path in dist.make(read.to) if read.command == "dist" else kept.keep():
                print(f"{path.stat().st_size:>10} {path}")
    except (ChartError, SandboxError, dist.DistError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
