"""Where PostgreSQL's socket goes, and as whom it runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox import SandboxError
from sandbox.postgres import Postgres
from sandbox.services import postgres as program


class Runs:
    """Stands for the services' environment; remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, *words: str) -> str:
        self.asked.append(words)
        return ""


def _made(folder: Path) -> tuple[Postgres, Runs]:
    folder.mkdir(parents=True, exist_ok=True)
    runs = Runs()
    return Postgres(folder / "pg", runs, ["keystone"]), runs


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert not list(folder.glob("infomaniak-*")), "a folder for a socket was left behind"


@pytest.mark.parametrize("name", ["l" * 120, "é" * 60, "a,b"])
def test_a_name_that_a_socket_cannot_have_gets_a_folder_elsewhere_that_goes_again(
    tmp_path: Path, short: Path, name: str
) -> None:
    postgres, runs = _made(tmp_path / name)
    postgres.start()
    sockets = Path(runs.asked[0][2])
    assert sockets.parent == short
    assert sockets.is_dir()
    assert parse_qs(urlsplit(postgres.address).query) == {"host": [str(sockets)]}
    postgres.stop()
    postgres.start()
    assert Path(runs.asked[1][2]) == sockets, "the services know the first one"
    postgres.stop()
    postgres.forget()


@pytest.mark.parametrize("name", ["plain", "with a space", "with%percent", "é", "a&b=c#d"])
def test_any_other_name_takes_the_data_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("sandbox.postgres._LONGEST", 4000)
    postgres, runs = _made(tmp_path / name)
    postgres.start()
    folder = str(tmp_path / name / "pg")
    assert runs.asked[0] == ("up", folder, folder, "keystone")
    assert parse_qs(urlsplit(postgres.address).query) == {"host": [folder]}


def test_a_folder_is_quoted_as_postgresql_reads_lists() -> None:
    assert program.quoted(Path('/a b,c"d')) == '"/a b,c""d"'


def test_where_neither_will_do_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / ("t" * 100)
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    postgres, _ = _made(tmp_path / ("s" * 100))
    with pytest.raises(SandboxError, match=r"choose a state folder .*SANDBOX="):
        postgres.start()
    assert not list(temporary.iterdir())


def test_a_number_left_by_a_crash_that_is_another_process_by_now_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    postgres, _ = _made(tmp_path)
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "postmaster.pid").write_text("1\n")
    postgres.start()
    assert not (tmp_path / "pg" / "postmaster.pid").exists()
    postgres.forget()


def test_it_never_runs_as_root_and_needs_no_account_of_its_own() -> None:
    assert program.as_whom(1000) == []
    command = program.as_whom(0)
    assert command[0] == "setpriv"
    assert f"--reuid={65534}" in command


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another for PostgreSQL's sake")
def test_it_finds_its_programs_in_a_home_that_is_closed_to_others(tmp_path: Path) -> None:
    """initdb asks access(2) whether they are there, which leaves a capability out unless told otherwise."""
    closed = tmp_path / "root"
    closed.mkdir(mode=0o700)
    there = closed / "postgres"
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    ask = f"import os; print(os.access({str(there)!r}, os.X_OK), os.getuid())"
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    command = [*program.as_whom(0), python, "-c", ask]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "65534"]


def test_locks_of_a_server_that_is_gone_go_before_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their numbers may be those of living processes by now: PostgreSQL would take these for itself and not start."""
    monkeypatch.setattr("sandbox.postgres._LONGEST", 4000)
    postgres, _ = _made(tmp_path / "state")
    data = tmp_path / "state" / "pg"
    data.mkdir()
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
        (data / name).write_text("1\n")  # alive, and no PostgreSQL
    (data / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
