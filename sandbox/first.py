"""A start in which something is still to be made: what is foretold of it, and its two halves beside each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from sandbox import cache, golang
from sandbox.errors import SandboxError
from sandbox.progress import Progress

_BUILD_GB, _OPENSTACK_GB = 6.0, 0.9
_OPENSTACK_CPU, _REST = 140.0, 40.0


def foretell(progress: Progress, *, openstack: bool, kubernetes: bool) -> None:
    """Say what a start will do, and how long that takes; refuse one for which the disk has no room.

    Raises:
        SandboxError: the disk has no room.
    """
    build = golang.missing_seconds() if kubernetes else 0.0
    install = 0.0 if not openstack or cache.complete(cache.openstack_folder()) else _OPENSTACK_CPU / _cores()
    if not build and not install:
        progress("starting the sandbox: about 20 s")
        return
    what = ["builds Kubernetes' control plane from its source"] if build else []
    what += ["installs OpenStack"] if install else []
    minutes = (build + install + _REST) / 60
    progress(
        f"This first start {' and '.join(what)}: about {max(1, round(minutes))} minutes on {os.cpu_count()} cores. "
        f"Later ones take half a minute. It all goes to {_short(cache.root())}; one that is broken off goes on where "
        "it was."
    )
    cache.room((_BUILD_GB if build else 0.0) + (_OPENSTACK_GB if install else 0.0))


def _cores() -> int:
    return min(os.cpu_count() or 1, 4)


def _short(path: Path) -> str:
    home = os.environ.get("HOME", "")
    return f"~{str(path)[len(home) :]}" if home and str(path).startswith(f"{home}/") else str(path)


def beside(halves: Mapping[str, Callable[[], object]], progress: Progress) -> None:
    """Make and start both halves: the one waits for the network where the other computes.

    Args:
        halves: by name.
        progress: told at once where one fails; the other goes on to its end, which is kept for the next start.

    Raises:
        SandboxError: one of them failed.
        KeyboardInterrupt: the user asked for the end. What was begun is finished first: the next start finds it whole.
    """
    failed: list[BaseException] = []
    with ThreadPoolExecutor(len(halves)) as pool:
        running = {pool.submit(start): name for name, start in halves.items()}
        try:
            for done in as_completed(running):
                error = done.exception()
                if error is not None:
                    failed.append(error)
                    if len(halves) > 1 and not all(one.done() for one in running):
                        progress(f"{running[done]} failed (below); what else is being made is finished first")
        except KeyboardInterrupt:
            progress("interrupted; what is being made and started is finished first")
            raise
    if failed:
        texts = [str(error) for error in failed if isinstance(error, SandboxError)]
        if len(texts) < len(failed):
            raise next(error for error in failed if not isinstance(error, SandboxError))
        raise SandboxError("\n\n".join(texts))


def prepare(progress: Progress, *, openstack: bool, kubernetes: bool) -> None:
    """Make what is wanted, and start nothing.

    Raises:
        SandboxError: it failed.
    """
    foretell(progress, openstack=openstack, kubernetes=kubernetes)
    halves: dict[str, tuple[Callable[[], object], bool]] = {
        "OpenStack": (lambda: cache.openstack_python(progress), openstack),
        "Kubernetes": (lambda: golang.kubernetes_binaries(progress), kubernetes),
    }
    beside({name: make for name, (make, wanted) in halves.items() if wanted}, progress)
