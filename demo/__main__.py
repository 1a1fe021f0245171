"""``python -m demo up | down``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from demo.flow import down, up
from demo.kubectl import KubectlError
from sandbox.process import surroundings
from sandbox.progress import Console
from sandbox.trouble import guarded


def main() -> int:
    """Read the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--state", type=Path, default=Path(".sandbox"), help="folder of the sandbox's state")
    parser.add_argument("--down-after", action="store_true", help="end everything once it was shown")
    arguments = parser.parse_args()
    state = arguments.state.resolve()
    os.environ.update(surroundings())  # a proxy is not asked for the loopback address
    try:
        if arguments.command == "down":
            return guarded(lambda: down(state))
        return guarded(lambda: up(state, Console(), down_after=arguments.down_after))
    except KubectlError as error:
        print(f"\n{error}\nThe logs are in {state}/kubernetes/log.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
