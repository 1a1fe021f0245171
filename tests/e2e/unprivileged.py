"""The demo and the slow tier as an ordinary user of a fresh machine: ``python -m tests.e2e.unprivileged``.

As root it makes an account for that, with a home and a checkout of its own (both with a space in their names), no Go, no
git and nothing of root's environment but what the network needs; and it looks for whatever that user left outside. As
anybody else there is no account to make: the same commands are run where this is.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox import cache, golang
from tests.e2e import outside

TOP = Path(__file__).resolve().parents[2]
DEMO = ("make", "demo")
COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the demo, at DEBUG", (*DEMO, "INFOMANIAK_OPERATOR_LOG_LEVEL=DEBUG")),
    ("no secret in what its operator has said", ("make", "canary")),
    ("the demo's end", ("make", "demo-down")),
    ("the demo, again", (*DEMO, "DEMO_FLAGS=--down-after")),
    ("the slow tier", ("make", "test-slow")),
)
"""What is run, in this order: .ci/run runs these nowhere else, so that no time goes into a second run of them as root."""
SECONDS = 3000.0
WATCHED = ("/etc", "/usr", "/opt", "/srv", "/home", "/var/lib", "/var/spool")
"""Of which an ordinary user can change nothing, and the demo of root should not either."""
_NETWORK = ("PIP_", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "SSL_CERT_", "REQUESTS_CA_BUNDLE")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_CANDIDATES = ("/usr/bin/python3", "/usr/local/bin/python3", *(f"/usr/bin/python3.{minor}" for minor in (13, 12, 11)))
_FIT = "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
_STATUS = "ordinary user"
_UIDS = range(20_000, 60_000)


class UnprivilegedError(Exception):
    """It cannot be tried here, or did not work."""


def environment(given: Mapping[str, str], home: Path, temporary: Path) -> dict[str, str]:
    """The environment of somebody who has just logged in: of the given one, only what the network needs."""
    kept = {
        name: value
        for name, value in given.items()
        if name.startswith(_NETWORK) or name.lower() in _PROXIES or name == "CI"
    }
    kept.pop("PIP_CACHE_DIR", None)
    return {**kept, "HOME": str(home), "PATH": _PATH, "TMPDIR": str(temporary)}


def interpreter(usable: Callable[[str], bool], candidates: Sequence[str] = _CANDIDATES) -> str:
    """A Python that an ordinary user can run: root's own is often in root's home.

    Raises:
        UnprivilegedError: there is none.
    """
    for one in candidates:
        if usable(one):
            return one
    raise UnprivilegedError(
        f"none of {', '.join(candidates)} is a Python 3.11 to 3.13 with venv that an ordinary user may run; "
        "install one (on Debian: `apt install python3 python3-venv`)"
    )


class User:
    """An account for this one run.

    Args:
        name: of the account.
        base: the folder that is his.
    """

    def __init__(self, name: str, base: Path) -> None:
        self.base = base
        self.home, self.checkout, self.temporary = base / "home of his", base / "check out", base / "tmp"
        account = pwd.getpwnam(name)
        self.uid, self.gid = account.pw_uid, account.pw_gid
        self._environment = environment(os.environ, self.home, self.temporary)

    def run(self, command: Sequence[str], what: str, **more: str) -> None:
        """Run something as him, with what it prints.

        Raises:
            UnprivilegedError: it failed.
        """
        begin = time.monotonic()
        done = self._started(command, more, {})
        if done.returncode:
            raise UnprivilegedError(f"{what} failed as {_STATUS}, with exit code {done.returncode}")
        print(f"as {_STATUS}: {what}, {time.monotonic() - begin:.0f} s", flush=True)

    def can_run(self, program: str) -> bool:
        """Whether he may run a Python that fits."""
        try:
            return self._started([program, "-c", _FIT], {}, {"capture_output": True}).returncode == 0
        except OSError:
            return False

    def _started(
        self, command: Sequence[str], more: Mapping[str, str], options: Mapping[str, bool]
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command,
            cwd=self.checkout if self.checkout.exists() else self.base,
            env={**self._environment, **more},
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            umask=0o077,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            **options,  # type: ignore[call-overload]
        )


def free_uid(
    taken: Callable[[int], bool] | None = None,
    choose: Callable[[], int] = lambda: secrets.choice(_UIDS),
) -> int:
    """A user id that no account has, far from those that `useradd` and container images hand out.

    What else runs on the machine may use the next free id without an account, and its files would count as this user's.
    """
    taken = taken or _known
    while taken(uid := choose()):
        pass
    return uid


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


@contextmanager
def account() -> Iterator[User]:
    """An account and its folder; both are gone afterwards, with all that it still runs."""
    name, base = f"sandbox-{secrets.token_hex(4)}", Path(tempfile.mkdtemp(prefix="an ordinary user "))
    options = ["--no-create-home", "--home-dir", str(base), "--shell", "/bin/sh", "--uid", str(free_uid())]
    subprocess.run(["useradd", *options, name], check=True)
    try:
        user = User(name, base)
        base.chmod(0o755)
        for folder in (user.home, user.checkout, user.temporary):
            folder.mkdir(mode=0o700)
        yield user
    finally:
        subprocess.run(["setpriv", f"--reuid={name}", "--clear-groups", "kill", "-9", "-1"], check=False)
        subprocess.run(["userdel", name], check=True, capture_output=True)
        shutil.rmtree(base, ignore_errors=True)


def _copy_checkout(to: Path) -> None:
    """The files that git knows or would, as they are now."""
    command = ["git", "-C", str(TOP), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (TOP / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, to / name)


def _give_binaries(home: Path) -> None:
    """What Go has built for root here is the same for anybody: copied, it is not built twice."""
    target = home / ".cache" / "infomaniak-operator" / "sandbox" / "bin"
    target.mkdir(parents=True)
    paths = golang.binary_paths(gitops=True)
    for path in paths.values():
        if path.exists():
            shutil.copy2(path, target / path.name)


def _own(user: User) -> None:
    for path in (user.base, *user.base.rglob("*")):
        os.chown(path, user.uid, user.gid, follow_symlinks=False)


def _as_user() -> None:
    golang.kubernetes_binaries(print)
    golang.helm(print)
    golang.gitops_tool(print)
    since = time.time()
    with account() as user:
        _copy_checkout(user.checkout)
        _give_binaries(user.home)
        _own(user)
        python = interpreter(user.can_run)
        there, before = outside.existing(), outside.times(map(Path, WATCHED))
        for what, command in COMMANDS:
            user.run([*command, f"PYTHON={python}"], what)
        told = [f"was left outside: {path}" for path in outside.left_behind(user.uid, [user.base], there)]
        told += [f"was changed: {path}" for path in outside.changed(before, outside.times(map(Path, WATCHED)))]
        told += [f"still runs: {command}" for command in outside.processes(user.uid)]
        told += [f"is in the home folder: {path}" for path in _in_home(user.home)]
        told += [f"is left of the temporary files: {path}" for path in _temporary(user.temporary)]
        if told:
            raise UnprivilegedError("\n".join(["an ordinary user's run touched what is not its own:", *told]))
    print(f"nothing was touched outside the checkout and ~/.cache, in {time.time() - since:.0f} s")


def _in_home(home: Path) -> list[str]:
    """What is in a home folder, beside the caches that are meant to be."""
    found = [path for path in home.iterdir() if path.name != ".cache"]
    found += [path for path in (home / ".cache").iterdir() if path.name not in ("infomaniak-operator", "pip")]
    return sorted(map(str, found))


def _temporary(folder: Path) -> list[str]:
    """What is left of the temporary files, beside pytest's own, which it keeps for its next runs."""
    return sorted(str(path) for path in folder.iterdir() if not path.name.startswith("pytest-of-"))


def main() -> int:
    """Run it; returns the exit code."""
    try:
        if os.geteuid() != 0:
            print("this is an ordinary user already, and so everything is run here")
            return next(
                filter(None, (subprocess.run(command, cwd=TOP, check=False).returncode for _, command in COMMANDS)), 0
            )
        cache.root().mkdir(parents=True, exist_ok=True)
        _as_user()
    except UnprivilegedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
