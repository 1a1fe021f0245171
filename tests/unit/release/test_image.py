"""The Dockerfile and ``make image``, as far as they can be seen without building: ``make e2e-node`` builds it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FINAL = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
DIGEST = f"sha256:{'a' * 64}"


def test_all_that_is_copied_is_there_and_let_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert [each for each in copied if not (ROOT / each).exists()] == []


def test_it_starts_from_nothing_and_only_copies() -> None:
    assert FINAL.startswith("\nFROM scratch\n")
    assert not re.search(r"^(RUN|ADD|SHELL)\b", FINAL, re.MULTILINE)
    assert re.findall(r"^COPY (.+)$", FINAL, re.MULTILINE) == [
        "--from=build /image/base/ /",
        "--from=build /image/operator/ /",
    ]


def test_it_runs_as_a_number_that_is_not_root_and_leaves_probes_to_the_chart() -> None:
    assert "\nUSER 65532:65532\n" in FINAL, "a name cannot be checked by runAsNonRoot"
    assert 'ENTRYPOINT ["infomaniak-operator"]\nCMD ["run"]' in FINAL
    assert not re.search(r"^HEALTHCHECK", DOCKERFILE, re.MULTILINE)


def test_nothing_is_installed_that_is_not_locked() -> None:
    installs = [line for line in DOCKERFILE.splitlines() if " install " in line]
    assert installs
    assert [each for each in installs if "--require-hashes" not in each and "--no-index" not in each] == []
    pinned = re.findall(r"^([a-z-]+)==", (ROOT / "requirements" / "build.txt").read_text(), re.MULTILINE)
    assert "hatchling" in pinned


def test_what_puts_it_together_needs_nothing_but_python() -> None:
    """The first stage runs it before anything is installed for it."""
    words = [sys.executable, "-I", "-S", "-B", "-c"]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import release.image.__main__"
    assert subprocess.run([*words, code], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*words, code.replace("image.__main__", "dist")], capture_output=True, check=False).returncode


def test_no_base_is_taken_for_granted() -> None:
    assert re.findall(r"^ARG BASE\b.*$", DOCKERFILE, re.MULTILINE) == ["ARG BASE"]


def _make(*given: str) -> subprocess.CompletedProcess[str]:
    words = ["make", "--no-print-directory", "--directory", str(ROOT), "image", "BUILDER=echo", *given]
    return subprocess.run(words, capture_output=True, text=True, check=False)


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")


@needs_make
@pytest.mark.parametrize(
    "base",
    ["", "python:3.13-slim-bookworm", f"@{DIGEST}", f"python@{DIGEST}0", "python@sha256:12", f"python@{DIGEST} x"],
)
def test_a_base_that_is_not_named_by_digest_is_refused(base: str) -> None:
    done = _make(f"BASE={base}")
    assert done.returncode != 0
    assert "by digest" in done.stdout


@needs_make
def test_the_base_s_name_and_digest_become_labels() -> None:
    done = _make(f"BASE=registry.example.com:5000/python:3.13@{DIGEST}", "SOURCE=https://git.example.com/x")
    assert done.returncode == 0, done.stderr
    image, bill = done.stdout.splitlines()
    for line in (image, bill):
        assert "--build-arg BASE_NAME=registry.example.com:5000/python:3.13 " in line
        assert f"--build-arg BASE_DIGEST={DIGEST} " in line
        assert "--build-arg SOURCE=https://git.example.com/x " in line
    assert "--target bill --output type=local,dest=dist/image" in bill
    arguments = set(re.findall(r"--build-arg (\w+)=", image))
    known = set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))
    assert arguments <= known
    labels = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', FINAL))
    assert {labels["base.name"], labels["base.digest"], labels["source"]} == {
        "${BASE_NAME}",
        "${BASE_DIGEST}",
        "${SOURCE}",
    }


@needs_make
def test_a_tag_is_taken_where_that_is_asked_for() -> None:
    done = _make("BASE=python:3.13", "BASE_BY_TAG=1")
    assert done.returncode == 0, done.stderr
    assert "--build-arg BASE_DIGEST=unknown " in done.stdout
