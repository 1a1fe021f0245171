"""``kubectl`` for tests, and waiting for what comes by itself."""

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

from sandbox import Environment

T = TypeVar("T")


def kubectl(env: Environment, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """Run it as a cluster administrator; what it prints, errors included.

    Raises:
        AssertionError: it failed, and ``check`` is set.
    """
    command = [str(env.kubectl), f"--kubeconfig={env.kubeconfig}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=180, check=False)
    assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout + done.stderr


def until(what: Callable[[], T | None], message: str, seconds: float = 60.0) -> T:
    """Ask again until there is an answer; the message names what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {message}")
        time.sleep(0.1)
