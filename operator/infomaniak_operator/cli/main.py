"""``infomaniak-operator``: the command line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import sys
from collections.abc import Sequence

from infomaniak_operator.cli.ending import Shutdown, leave
from infomaniak_operator.cli.logs import configure
from infomaniak_operator.cli.memory import keep_private
from infomaniak_operator.cli.options import Options, parse
from infomaniak_operator.cli.serving import serving
from infomaniak_operator.cli.wiring import build
from infomaniak_operator.controller.leader.election import LeaseLost

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; returns the exit code."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    configure(options.log_level)
    for warning in options.deprecated:
        _log.warning(warning)
    keep_private()
    return leave(asyncio.run(run(options)))


async def run(options: Options) -> int:
    """Run the operator until it is told to stop (SIGTERM, SIGINT); returns the exit code: 1 if it lost its Lease."""
    stop = asyncio.Event()
    ending = Shutdown(stop)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # a platform without signal handlers
            loop.add_signal_handler(number, ending.signalled)
    operator = await asyncio.to_thread(build, options, random.SystemRandom())
    try:
        with serving(options, operator):
            await operator.manager.run(stop)
    except LeaseLost:
        # What else is remembered would have to be forgotten piece by piece: a new process knows nothing by itself.
        _log.error("another may act by now: this process ends, to be started again")
        return 1
    finally:
        operator.clouds.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
