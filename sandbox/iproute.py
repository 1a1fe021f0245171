"""iproute2's ``ip``."""

from __future__ import annotations

import subprocess

from sandbox.errors import SandboxError


def ip(*words: str) -> str:
    """What it prints.

    Raises:
        SandboxError: it failed.
    """
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603, S607 - the `ip` on root's PATH, with words of the sandbox's
    if done.returncode:
        raise SandboxError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
