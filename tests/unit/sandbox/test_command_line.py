"""What a user may type wrong at ``python -m sandbox``: a sentence says so, and nothing is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import Sandbox, SandboxError
from sandbox.data_path.world import check_spot
from sandbox.traits import INFOMANIAK, PLAIN
from sandbox.trouble import advice


def run(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", words[0], "--state", str(state), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--settle", "-5"], "-5 is not from 0 to 3600 seconds"),
        (["up", "--boot", "nan"], "nan is not from 0"),
        (["up", "--with", "barbican", "--without", "barbican"], "--with and --without barbican: only one of them"),
        (["up", "--only", "kubernetes", "--data-path"], "leave out --only kubernetes"),
        (["up", "--only", "kubernetes", "--with", "barbican"], "leave out --only kubernetes"),
        (["exec", "--from", "300.1.1.1", "alpha", "--", "curl"], "300.1.1.1 is no address"),
        (["exec", "alpha", "--", "id"], "no sandbox was started in"),
        (["serve-http", "alpha", "10.0.0.1:80"], "no sandbox was started in"),
        (["status"], "no sandbox was started in"),
        (["env"], "no sandbox was started in"),
    ],
)
def test_what_cannot_be_is_said_and_leaves_nothing(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(tmp_path / "state", *words)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode in (1, 2)
    assert not (tmp_path / "state" / "kubernetes").exists()


def test_what_was_never_there_ends_without_a_trace(tmp_path: Path) -> None:
    assert run(tmp_path / "state", "down").returncode == 0
    assert not (tmp_path / "state").exists()


def test_a_state_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for state in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        done = run(state, "up")
        assert f"{state} cannot be a folder" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_folder_whose_name_the_services_cannot_have_is_refused_before_anything_starts(tmp_path: Path) -> None:
    done = run(tmp_path / "a$b", "up")
    assert "has a $ in its name" in done.stderr
    assert not (tmp_path / "a$b" / "kubernetes").exists()


def test_before_its_first_start_a_sandbox_is_as_it_will_be(tmp_path: Path) -> None:
    assert Sandbox(tmp_path).traits == INFOMANIAK
    (tmp_path / "openstack").mkdir()
    (tmp_path / "openstack" / "seeded.json").touch()  # of a sandbox from before there were traits
    assert Sandbox(tmp_path).traits == PLAIN


@pytest.mark.parametrize("spot", ["10.40.0.11:8080", "[2001:db8::1]:80"])
def test_where_a_server_can_be(spot: str) -> None:
    check_spot(spot)


@pytest.mark.parametrize(
    "spot",
    ["foo:80", "10.40.0.300:80", "10.40.0.11", "10.40.0.11:abc", "10.40.0.11:99999", "10.40.0.11:0", ":80", "²:²"],
)
def test_where_none_can_be(spot: str) -> None:
    with pytest.raises(SandboxError, match=r"is no ADDRESS:PORT"):
        check_spot(spot)


def test_a_server_that_does_not_start_needs_no_registry(tmp_path: Path) -> None:
    text = "[Errno 111] connection refused"
    assert "registries" in advice(text, tmp_path)
    assert not advice(text, tmp_path, building=False)
    assert "disk is full" in advice("No space left on device", tmp_path, building=False)
