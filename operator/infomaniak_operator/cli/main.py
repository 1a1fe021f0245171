"""``infomaniak-operator``: the command line."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import Sequence

from infomaniak_operator.cli.logs import configure
from infomaniak_operator.cli.options import Options, parse
from infomaniak_operator.cli.wiring import build


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; returns the exit code."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    configure(options.log_level)
    return asyncio.run(run(options))


async def run(options: Options) -> int:
    """Run the operator until it is told to stop (SIGTERM, SIGINT); returns the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # a platform without signal handlers
            loop.add_signal_handler(number, stop.set)
    operator = await asyncio.to_thread(build, options, random.SystemRandom())
    try:
        await operator.engine.run(stop)
    finally:
        operator.clouds.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
