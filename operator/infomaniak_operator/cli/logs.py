"""Logging of the operator: one entry, one line, to standard error; libraries only where they have something to say.

What a tenant or a cloud has a part in (names, messages, whole answers in a traceback) can neither look like an entry of
its own nor fill the disk: control characters are escaped, the lines of a traceback are indented, and both are cut.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from types import TracebackType

_QUIET = ("urllib3", "keystoneauth", "openstack", "stevedore", "kopf.activities.authentication", "asyncio", "pykube")

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
"""What ``sys.exc_info`` gives."""

MAX_MESSAGE = 8192
"""Characters of a message that are logged."""
MAX_TRACEBACK = 16384
"""Characters of a traceback that are logged, of its beginning and of its end."""
MARGIN = "    | "
"""What the lines of a traceback begin with."""

# Line separators of Unicode and what turns the direction of text count as controls; so do halves of surrogate pairs,
# which no stream takes.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """The text in one line of at most so many characters, before what is a control character is escaped."""
    if len(text) > limit:
        text = f"{text[:limit]}… ({len(text) - limit} more characters)"
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


class Formatter(logging.Formatter):
    """One line an entry; the lines of its traceback are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry as text, whatever is in it."""
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a text that cannot be made must not cost the entry
            message = f"{record.msg!r} ({type(error).__name__} while its arguments were put in)"
        plain = logging.makeLogRecord(
            {**record.__dict__, "msg": one_line(message), "args": None, "exc_text": None, "name": one_line(record.name)}
        )
        return super().format(plain)

    def formatException(self, ei: _Raised) -> str:  # noqa: N802 - the library's name
        """A traceback, or the places it passes where the library cannot write it."""
        try:
            return _indented(super().formatException(ei))
        except Exception as error:  # noqa: BLE001 - Python 3.11.0 to 3.11.7: SystemError where two threads write one at once
            return _indented(_places(ei, error))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the library's name
        """A stack."""
        return _indented(super().formatStack(stack_info))


def _places(ei: _Raised, trouble: Exception) -> str:
    """Where an error passed, without the lines of the source: they are what the library fails at."""
    kind, error, trace = ei
    lines = [f"Traceback (without source lines: {type(trouble).__name__}):"]
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
        trace = trace.tb_next
    try:
        said = str(error)
    except Exception as unsaid:  # noqa: BLE001 - as above: it must not cost the entry
        said = f"({type(unsaid).__name__} while it was put into words)"
    return "\n".join([*lines, f"{kind.__name__ if kind else None}: {said}"])


def _indented(text: str) -> str:
    if len(text) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        text = f"{text[:half]}\n… ({len(text) - 2 * half} characters left out)\n{text[-half:]}"
    return "\n".join(MARGIN + one_line(line, MAX_TRACEBACK) for line in text.split("\n"))


def configure(level: str) -> None:
    """Set up logging.

    Args:
        level: of the operator's own entries; libraries log from WARNING on, whatever it is: keystoneauth would write
            whole requests at DEBUG.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # What nothing has caught would be written as it is.
    sys.excepthook = lambda kind, error, trace: _log.critical("ended by an error", exc_info=(kind, error, trace))
    threading.excepthook = _thread_failed


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
        name = failed.thread.name if failed.thread else "?"
        info = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        _log.error("thread %s ended by an error", name, exc_info=info)


_log = logging.getLogger(__name__)
