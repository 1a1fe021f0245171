"""How CI makes an ordinary user, and what it finds of him outside."""

import os
from pathlib import Path

import pytest

from tests.e2e import outside
from tests.e2e.unprivileged import UnprivilegedError, environment, free_uid, interpreter


def test_of_the_callers_environment_only_what_the_network_needs_is_kept() -> None:
    given = {
        "HOME": "/root",
        "PATH": "/root/bin",
        "OS_CLOUD": "mine",
        "KUBECONFIG": "/root/.kube/config",
        "XDG_CACHE_HOME": "/root/.cache",
        "PIP_CACHE_DIR": "/root/pip",
        "PIP_CERT": "/etc/c.pem",
        "HTTPS_PROXY": "http://p:1",
        "no_proxy": "x",
        "GOPROXY": "direct",
    }
    made = environment(given, Path("/h"), Path("/t"))
    assert made.pop("PATH") == "/usr/local/bin:/usr/bin:/bin"
    assert made == {
        "HOME": "/h",
        "TMPDIR": "/t",
        "PIP_CERT": "/etc/c.pem",
        "HTTPS_PROXY": "http://p:1",
        "no_proxy": "x",
        "GOPROXY": "direct",
    }


def test_the_first_python_that_he_may_run_is_taken_and_without_one_it_says_what_to_install() -> None:
    assert interpreter(lambda path: path == "/b", ["/a", "/b", "/c"]) == "/b"
    with pytest.raises(UnprivilegedError, match=r"/a, /b .*apt install python3 python3-venv"):
        interpreter(lambda _: False, ["/a", "/b"])


def test_what_the_user_made_is_found_but_not_where_it_is_allowed(tmp_path: Path) -> None:
    before = outside.existing(tmp_path)
    for name in ("mine/ok", "etc/keystone/fernet-keys/0", "a file"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = outside.left_behind(os.getuid(), [tmp_path / "mine"], before, tmp_path)
    assert str(tmp_path / "etc/keystone/fernet-keys/0") in found
    assert str(tmp_path / "a file") in found
    assert not [path for path in found if path.startswith(str(tmp_path / "mine" / "ok"))]


def test_what_was_there_before_is_found_only_if_it_changed(tmp_path: Path) -> None:
    for name in ("as it was", "changed"):
        (tmp_path / name).touch()
    before = outside.existing(tmp_path)
    os.utime(tmp_path / "changed", (1, 1))
    assert outside.left_behind(os.getuid(), [], before, tmp_path) == [str(tmp_path / "changed")]


def test_of_others_only_a_change_of_what_everybody_may_write_is_found(tmp_path: Path) -> None:
    nobody = 4242
    for name, mode in (("open", 0o666), ("open, as it was", 0o666), ("closed", 0o644)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    before = outside.existing(tmp_path)
    for name in ("open", "closed"):
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / "made by somebody else meanwhile").touch()
    (tmp_path / "made by somebody else meanwhile").chmod(0o666)
    assert outside.left_behind(nobody, [], before, tmp_path) == [str(tmp_path / "open")]


def test_the_user_gets_an_id_that_no_account_has() -> None:
    ids = iter([20_001, 20_002, 20_003])
    assert free_uid(lambda uid: uid != 20_003, lambda: next(ids)) == 20_003
    assert free_uid() >= 20_000


def test_what_changed_in_folders_is_named(tmp_path: Path) -> None:
    for name in ("same", "grown", "gone"):
        (tmp_path / name).write_text("x")
    before = outside.times([tmp_path])
    (tmp_path / "grown").write_text("xx")
    (tmp_path / "gone").unlink()
    (tmp_path / "new").touch()
    assert outside.changed(before, outside.times([tmp_path])) == [
        str(tmp_path / name) for name in ("gone", "grown", "new")
    ]
    assert outside.changed(before, before) == []


def test_what_he_still_runs_is_named() -> None:
    assert any("pytest" in command for command in outside.processes(os.getuid()))
    assert outside.processes(4_000_000) == []
