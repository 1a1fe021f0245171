"""An event loop for one thread and a clock that a test moves: what would wait, or be done in a thread, never does."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

_log = logging.getLogger(__name__)


class Dead(BaseException):
    """The process has ended in the middle of something; nothing in it is to catch this."""


class _Planned:
    """What cannot be taken back: either it runs at once, or never."""

    def cancel(self) -> None:
        return


class StillLoop(asyncio.AbstractEventLoop):
    """Runs until there is nothing left to do, and does in its own thread what is given to executors.

    Args:
        monotonic: the time, seconds.
        died: told of what else than an ``Exception`` ended something given to an executor.
    """

    def __init__(self, monotonic: Callable[[], float], died: Callable[[BaseException], None]) -> None:
        self._ready: deque[tuple[Callable[..., Any], tuple[Any, ...], Context]] = deque()
        self._monotonic = monotonic
        self._died = died
        self._running = False

    def run_until_idle(self) -> None:
        """Run all that can run without time going by."""
        if not self._ready:
            return
        around = asyncio._get_running_loop()  # a test may have one of its own
        asyncio._set_running_loop(self)
        self._running = True
        try:
            while self._ready:
                callback, args, context = self._ready.popleft()
                context.run(callback, *args)
        finally:
            self._running = False
            asyncio._set_running_loop(around)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run it here and now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it is told
            future.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - the test is told
            self._died(error)
            future.set_exception(Dead())  # a KeyboardInterrupt, say, would break out of the loop
        return future

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """Run it once it is its turn."""
        self._ready.append((callback, args, context or copy_context()))
        return _Planned()

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """Run it once it is its turn: there is but one thread."""
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        """Never: the loop's own timers are bounds on what a thread may take."""
        return _Planned()

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Any = None) -> Any:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def time(self) -> float:
        return self._monotonic()

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Log it, as every loop does."""
        _log.error("%s", context["message"], exc_info=context.get("exception"))
