"""What takes long and is made once, in the user's cache folder: where it is, and how a step of making it is run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox import trouble
from sandbox.errors import SandboxError
from sandbox.progress import Progress, step

HERE = Path(__file__).resolve().parent
BUILD_SECONDS = 3600.0
OPENSTACK_SECONDS = 110.0
"""What installing OpenStack takes beside a build, on two cores."""


def root() -> Path:
    """The cache folder: ``$XDG_CACHE_HOME``, else ``~/.cache``, with a folder of our own.

    Raises:
        SandboxError: the user has no home folder, and nothing says where else.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):  # as the XDG specification has it, any other path is to be ignored
        try:
            base = str(Path.home() / ".cache")
        except RuntimeError:
            raise SandboxError(
                "you have no home folder here (HOME is not set, and there is no account of yours): "
                "set XDG_CACHE_HOME to a folder for what is built once"
            ) from None
    return Path(base) / "infomaniak-operator" / "sandbox"


def log_of(name: str) -> Path:
    """The log of a step that is done once."""
    return root() / "log" / f"{name}.log"


@contextmanager
def locked(name: str, progress: Progress | None = None) -> Iterator[None]:
    """Keep a second start of the sandbox from building the same thing beside this one.

    Args:
        name: of the thing.
        progress: told where another start is at it.
    """
    folder = root()
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder / f"{name}.lock", f"making the same ({name})", progress):
        yield


@contextmanager
def held(lock: Path, doing: str, progress: Progress | None = None) -> Iterator[None]:
    """Hold a lock file; who has to wait for another run is told so.

    Args:
        lock: the file.
        doing: what the other run is.
        progress: told.
    """
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress:
                progress(f"another run of yours is {doing}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(*parts: str | bytes | Path) -> str:
    """A short hash of texts and of files' contents."""
    found = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()[:16]


def scratch(name: str) -> Path:
    """An empty folder for a step's temporary files; what a step of this name that was killed left in it goes."""
    folder = root() / "tmp" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(command: Sequence[str], log: Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Run one command of a step; it ends when this process does, however that ends.

    Args:
        command: the command.
        log: what it prints is appended here.
        cwd: its folder.
        env: beside this process's own.

    Raises:
        SandboxError: it failed; the message has the log's end, and what to do about it where that is known.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    bound = [sys.executable, "-I", "-S", str(HERE / "bound.py"), str(os.getpid()), *command]
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as out:
        try:
            done = subprocess.run(  # noqa: S603 - commands of the sandbox's own steps
                bound,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                timeout=BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise SandboxError(
                f"`{' '.join(command[:6])} …` took longer than {late.timeout:.0f} s; see {log}"
            ) from None
    if done.returncode:
        said = log.read_bytes()[before:].decode(errors="replace")
        tail = "\n".join(said.splitlines()[-15:])
        raise SandboxError(
            f"`{' '.join(command[:6])} …` failed; its log is {log} and ends:\n{tail}\n{trouble.advice(said, root())}"
        )


def environment(folder: Path, install: Sequence[str], log: Path) -> None:
    """Make a virtual environment; it is done when ``done`` is in it.

    Raises:
        SandboxError: it failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    temporary = scratch(folder.name)
    run([sys.executable, "-m", "venv", str(folder)], log)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    run([*pip, *install], log, env={"TMPDIR": str(temporary)})
    shutil.rmtree(temporary, ignore_errors=True)
    (folder / "done").touch()


def complete(folder: Path) -> bool:
    """Whether an environment was finished, and its Python is still there."""
    return (folder / "done").exists() and (folder / "bin" / "python").exists()


def openstack_folder() -> Path:
    """Where OpenStack's environment is, or will be."""
    return root() / f"openstack-{digest(HERE / 'requirements.txt', sys.version, platform.machine())}"


def openstack_python(progress: Progress) -> Path:
    """The interpreter of the environment that holds OpenStack's services; made where it is not there yet.

    Raises:
        SandboxError: pip failed.
    """
    folder = openstack_folder()
    if not complete(folder):
        with locked("openstack", progress):
            if not complete(folder):
                with step(progress, "installing OpenStack's services", OPENSTACK_SECONDS):
                    locked_versions = ["--require-hashes", "-r", str(HERE / "requirements.txt")]
                    environment(folder, locked_versions, log_of("openstack-install"))
    return folder / "bin" / "python"


def room(wanted_gb: float) -> None:
    """Refuse to begin what cannot end.

    Raises:
        SandboxError: the disk has less room than is needed.
    """
    free = trouble.free_gb(root())
    if free < wanted_gb:
        raise SandboxError(
            f"{root()} is on a disk with {free:.1f} GB of room, and about {wanted_gb:.1f} GB are needed: make room, or "
            f"set XDG_CACHE_HOME to a folder on another disk, {trouble.AGAIN}"
        )


def elapsed(since: float) -> str:
    """Seconds since a moment, for a message."""
    return f"{time.monotonic() - since:.0f} s"
