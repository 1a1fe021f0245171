"""What is made once: never taken for done before it is, resumed, said with what to do, and nowhere but in the cache."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox import cache, golang
from sandbox.errors import SandboxError
from sandbox.first import beside, foretell

# Stands for Go: fails where `fail` lies beside it, else makes what was asked for, and says in `asked` what that was.
GO = """import os, pathlib, sys
here = pathlib.Path(__file__).parent
if sys.argv[1] == "env":
    print("go1.26.8")
    sys.exit(0)
with (here / "asked").open("a") as asked:
    asked.write(" ".join(word for word in sys.argv if "/" in word and "=" not in word) + "\\n")
out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
packages = sys.argv[sys.argv.index("-o") + 2 :]
for package in packages:
    parts = package.split("/")
    (out / (parts[-2] if parts[-1] in ("v3", "v4") else parts[-1])).write_text("half")
if (here / "fail").exists():
    print((here / "fail").read_text())
    sys.exit(1)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a cache"))
    for name in ("GOPATH", "GOCACHE", "GOMODCACHE", "GOENV"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "a cache" / "infomaniak-operator" / "sandbox"


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "go"
    folder.mkdir()
    (folder / "go.py").write_text(GO)  # not by a shebang, which takes no interpreter with a space in its name
    (folder / "go").write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(folder / "go.py"))} "$@"\n'
    )
    (folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_what_shares_packages_is_one_build_and_helm_is_no_part_of_a_start(home: Path, go: Path) -> None:
    made = golang.kubernetes_binaries(print)
    asked = [line.split()[-3:] for line in (go / "asked").read_text().splitlines()]
    assert len(asked) == 2
    assert [word.rpartition("/")[2] for word in asked[1]] == ["kube-apiserver", "kubectl", "kube-controller-manager"]
    assert all(path.is_file() and path.parent == home / "bin" for path in made.values())
    assert set(made) == {"etcd", "kube-apiserver", "kubectl", "kube-controller-manager"}
    golang.kubernetes_binaries(print)
    assert len((go / "asked").read_text().splitlines()) == 2, "what is there is not built again"


def test_only_what_is_missing_is_built(home: Path, go: Path) -> None:
    made = golang.kubernetes_binaries(print)
    made["kubectl"].unlink()
    golang.kubernetes_binaries(print)
    last = (go / "asked").read_text().splitlines()[-1]
    assert "cmd/kubectl" in last
    assert "kube-apiserver" not in last


def test_a_build_that_fails_leaves_nothing_that_is_taken_for_done_and_says_what_to_do(home: Path, go: Path) -> None:
    (go / "fail").write_text("write /x: no space left on device")
    with pytest.raises(SandboxError, match=r"(?s)build-etcd\.log.*The disk is full:.*run the same command again"):
        golang.kubernetes_binaries(print)
    assert not list((home / "bin").iterdir())
    (go / "fail").unlink()
    assert all(path.exists() for path in golang.kubernetes_binaries(print).values())


def test_advice_is_of_this_run_and_not_of_an_earlier_one_in_the_same_log(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for said, expected in (("No space left on device", "The disk is full"), ("undefined: x", "undefined: x")):
        with pytest.raises(SandboxError) as failed:
            cache.run([sys.executable, "-c", f"print({said!r}); raise SystemExit(1)"], log)
        assert expected in str(failed.value)
    assert "The disk is full" not in str(failed.value)


def test_an_environment_that_was_broken_off_or_lost_its_python_is_none(home: Path) -> None:
    folder = home / "env"
    (folder / "bin").mkdir(parents=True)
    assert not cache.complete(folder)
    (folder / "done").touch()
    assert not cache.complete(folder)
    (folder / "bin" / "python").symlink_to("/gone/python")
    assert not cache.complete(folder)
    (folder / "bin" / "python").unlink()
    (folder / "bin" / "python").symlink_to(sys.executable)
    assert cache.complete(folder)


def test_what_a_step_runs_ends_when_the_one_who_started_it_is_killed(home: Path, tmp_path: Path) -> None:
    said = tmp_path / "pid"
    stay = f"import os, pathlib, time; pathlib.Path({str(said)!r}).write_text(str(os.getpid())); time.sleep(600)"
    code = f"import sys; from sandbox import cache; from pathlib import Path; cache.run([sys.executable, '-c', {stay!r}], Path({str(tmp_path / 'log')!r}))"
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[3])
    deadline = time.monotonic() + 60
    while not said.exists() or not said.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    pid = int(said.read_text())
    while _runs(pid):
        assert time.monotonic() < deadline, "it goes on, and would meet the next run"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_temporary_files_of_a_step_that_was_killed_go_with_the_next(home: Path) -> None:
    left = cache.scratch("go") / "go-build123"
    left.mkdir()
    assert not list(cache.scratch("go").iterdir())
    assert not left.exists()


def test_of_go_nothing_is_kept_outside_the_cache_but_where_the_user_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    found = golang.surroundings()
    assert [found[name] for name in ("GOCACHE", "GOPATH", "GOMODCACHE", "XDG_CONFIG_HOME")] == [
        str(home / name) for name in ("go-build", "go-path", "go-mod", "go-config")
    ]
    assert found["GOENV"] == "/h/.config/go/env", "a mirror that the user has set is still his"
    monkeypatch.setenv("GOMODCACHE", "/shared")
    monkeypatch.setenv("GOCACHE", "/shared too")
    assert not {"GOMODCACHE", "GOCACHE"} & golang.surroundings().keys()


def test_without_a_home_folder_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("sandbox.cache.Path.home", nowhere)
    with pytest.raises(SandboxError, match="set XDG_CACHE_HOME"):
        cache.root()


def test_a_cache_folder_that_is_not_absolute_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.root() == Path("/h/.cache/infomaniak-operator/sandbox")


def test_who_waits_for_another_run_is_told(home: Path) -> None:
    told: list[str] = []
    waits, goes = threading.Event(), threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        waits.set()

    def second() -> None:
        with cache.locked("thing", tell):
            goes.set()

    with cache.locked("thing"):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(30)
        assert not goes.is_set()
    assert goes.wait(30)
    thread.join()
    assert told == ["another run of yours is making the same (thing); waiting for it"]


def test_a_first_start_is_foretold_and_refused_where_the_disk_has_no_room(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("sandbox.trouble.free_gb", lambda _: 1.5)
    with pytest.raises(SandboxError, match=r"1\.5 GB of room, and about 6\.9 GB are needed.*XDG_CACHE_HOME"):
        foretell(told.append, openstack=True, kubernetes=True)
    assert "builds Kubernetes' control plane" in told[0]
    assert "installs OpenStack" in told[0]
    foretell(told.append, openstack=True, kubernetes=False)
    assert "builds Kubernetes" not in told[1]


def test_when_one_half_fails_it_is_told_at_once_and_what_the_other_makes_is_kept() -> None:
    told: list[str] = []
    failed, finished = threading.Event(), threading.Event()

    def fails() -> None:
        raise SandboxError("no network")

    def goes_on() -> None:
        assert failed.wait(30)
        finished.set()

    def tell(text: str) -> None:
        told.append(text)
        failed.set()

    with pytest.raises(SandboxError, match=r"^no network$"):
        beside({"OpenStack": fails, "Kubernetes": goes_on}, tell)
    assert finished.is_set()
    assert told == ["OpenStack failed (below); what else is being made is finished first"]


def test_a_defect_is_not_hidden_by_an_error_that_came_with_it() -> None:
    def fails() -> None:
        raise SandboxError("no network")

    def breaks() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        beside({"a": fails, "b": breaks}, print)
