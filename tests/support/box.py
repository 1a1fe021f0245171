"""``kubectl`` for tests."""

import subprocess

from sandbox import Environment


def kubectl(env: Environment, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """Run it as a cluster administrator; what it prints, errors included.

    Raises:
        AssertionError: it failed, and ``check`` is set.
    """
    command = [str(env.kubectl), f"--kubeconfig={env.kubeconfig}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=180, check=False)
    assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout + done.stderr
