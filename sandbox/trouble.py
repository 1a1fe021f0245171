"""What a user's machine can lack, and what to do about it."""

from __future__ import annotations

import errno
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from sandbox.errors import SandboxError

STATE_GB = 0.5
AGAIN = "then run the same command again: it goes on where it was"
NEEDED_GB = 7.0
"""What a first start writes to the cache folder, of which the Go build's own cache is the most."""

_FULL: tuple[tuple[str, str], ...] = (
    (
        r"No space left on device|Disk quota exceeded|\[Errno (28|122)\]",
        (
            "The disk is full: {folder} needs about {needed:.1f} GB in all, and {free:.1f} GB are free there. "
            "Make room, or choose a folder on another disk (XDG_CACHE_HOME for the cache, SANDBOX=… or --state for the "
            "state), {again}."
        ),
    ),
)
_OF_BUILDS: tuple[tuple[str, str], ...] = (
    (
        r"ensurepip is not available|No module named '?(ensurepip|venv)",
        (
            "This Python cannot make virtual environments: install its venv package (on Debian and Ubuntu: `apt "
            "install python3-venv`), or name another one (`make PYTHON=python3.12 …`), {again}."
        ),
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|x509: ",
        (
            "The registry's certificate is not trusted here. Where a proxy puts its own in place, name its authority "
            "in PIP_CERT (for pip) and SSL_CERT_FILE (for Go), {again}."
        ),
    ),
    (
        (
            r"Temporary failure in name resolution|Name or service not known|no such host|Network is unreachable"
            r"|connection refused|NewConnectionError|Connect(ion)?Timeout|ReadTimeout|i/o timeout"
            r"|TLS handshake timeout|proxyconnect|ProxyError|connection reset|No route to host|Max retries exceeded"
            r"|unexpected EOF|Connection broken|IncompleteRead|server misbehaving"
            r"|Could not find a version that satisfies"
        ),
        (
            "The package registries cannot be reached: PyPI for pip, the Go module proxy for Go. Check the network, "
            "and behind a proxy HTTPS_PROXY; mirrors are named by PIP_INDEX_URL and GOPROXY, {again}."
        ),
    ),
    (
        r"signal: killed|cannot allocate memory|MemoryError",
        "It was killed, most likely because memory ran out: building takes about 3 GB. Close something, {again}.",
    ),
)


def advice(text: str, folder: Path, needed: float = NEEDED_GB, *, building: bool = True) -> str:
    """What to do about a failure.

    Args:
        text: the end of its log.
        folder: where it would have written.
        needed: GB that go there in all.
        building: whether it is of a build; whoever starts a server needs no registry.

    Returns:
        One or two sentences, or nothing where it is not known.
    """
    for sign, what in (*_FULL, *(_OF_BUILDS if building else ())):
        if re.search(sign, text, re.IGNORECASE):
            return what.format(folder=folder, needed=needed, free=free_gb(folder), again=AGAIN)
    return ""


def free_gb(folder: Path) -> float:
    """What a user may still write to the disk that a folder is on, or will be."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    return shutil.disk_usage(there).free / 1e9


def explained(error: OSError) -> str:
    """What to do where the system refuses to write; empty: nothing that we know of."""
    where = error.filename or "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {where} could not be written. Make room, {AGAIN}."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"{where} cannot be written by you ({error.strerror}). The cache folder is set by XDG_CACHE_HOME, the "
            f"state folder by SANDBOX=… for make or --state, temporary files by TMPDIR; choose others, {AGAIN}."
        )
    return ""


def guarded(run: Callable[[], int]) -> int:
    """Run a command; what stands in its way is said in a sentence, not in a traceback.

    Args:
        run: the command.

    Returns:
        Its exit code; 1 where something was in its way, 130 where it was interrupted.
    """
    try:
        return run()
    except SandboxError as error:
        print(f"\n{error}", file=sys.stderr)
    except OSError as error:
        why = explained(error)
        if not why:
            raise
        print(f"\n{why}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\nInterrupted. What was finished is kept: {AGAIN.removeprefix('then ')}.", file=sys.stderr)
        return 130
    return 1
