"""``python -m demo up | down``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.flow import down, up


def main() -> int:
    """Read the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--state", type=Path, default=Path(".sandbox"), help="folder of the sandbox's state")
    parser.add_argument("--down-after", action="store_true", help="end everything once it was shown")
    arguments = parser.parse_args()
    state = arguments.state.resolve()
    return up(state, down_after=arguments.down_after) if arguments.command == "up" else down(state)


if __name__ == "__main__":
    sys.exit(main())
