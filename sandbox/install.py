"""``python -m sandbox.install FOLDER``: the locked environment that everything else here runs in; `make install`.

It needs nothing but a bare Python. A folder without ``.installed`` is one that was broken off: it is made anew.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sandbox import trouble
from sandbox.errors import SandboxError
from sandbox.progress import Console

TOP = Path(__file__).resolve().parent.parent
SECONDS = 60.0


def install(folder: Path, progress: Console) -> None:
    """Make it.

    Raises:
        SandboxError: a step failed; the message is its own, with what to do. Or the folder is a link to that of another
            checkout, which would be emptied.
    """
    if folder.is_symlink():
        raise SandboxError(
            f"{folder} is a link to {folder.resolve()}. Installing would empty that. Remove the link to have an "
            f"environment made here, or run `make install` in the checkout that it leads to."
        )
    (folder / ".installed").unlink(missing_ok=True)
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*pip, "--require-hashes", "-r", "requirements/dev.txt"],
        [*pip, "--no-build-isolation", "--no-deps", "-e", "."],
    )
    with progress.step(f"installing what the project needs into {folder}", SECONDS):
        for command in steps:
            done = subprocess.run(  # noqa: S603 - this interpreter, with fixed words
                command, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            if done.returncode:
                said = (done.stdout + done.stderr)[-3000:]
                raise SandboxError(
                    f"`{' '.join(command[:5])} …` failed:\n{said}\n{trouble.advice(said, folder)}".rstrip()
                )
    (folder / ".installed").touch()


def main() -> int:
    """Read the command line; returns the exit code."""

    def run() -> int:
        install(TOP / sys.argv[1], Console())
        return 0

    return trouble.guarded(run)


if __name__ == "__main__":
    sys.exit(main())
