"""iproute2's ``ip`` and nftables' ``nft``, in the machine's network namespace or in another one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from sandbox.data_path.packages import Tools
from sandbox.errors import SandboxError


def ip(*words: str, inside: Sequence[str] = ()) -> str:
    """What it prints.

    Args:
        words: its arguments.
        inside: the command that runs another one in a network namespace; empty: in this one.

    Raises:
        SandboxError: it failed.
    """
    return run("ip", *words, inside=inside)


def nft(tools: Tools, rules: str, inside: Sequence[str] = ()) -> None:
    """Apply a file of rules.

    Args:
        tools: has the program.
        rules: all of them, or none.
        inside: as of ``ip``.

    Raises:
        SandboxError: it refused.
    """
    run(tools.nft, "-f", "-", inside=inside, stdin=rules, environment=tools.environment)


def run(
    *command: str, inside: Sequence[str] = (), stdin: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """What a command prints.

    Args:
        command: one of these, or another that sets up a network.
        inside: as of ``ip``.
        stdin: what it reads.
        environment: beside this process's own.

    Raises:
        SandboxError: it failed.
    """
    done = subprocess.run(  # noqa: S603 - `ip` on root's PATH or the sandbox's nft, with words of the sandbox's
        [*inside, *command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        raise SandboxError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
