"""The audit of the lock files: what is wrong in them, what an index or a file of advisories says, what was not looked at."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from release.audit import __main__ as command
from release.audit import advisories, index, locks, report
from release.sbom import Pin

ROOT = Path(__file__).parents[3]
ONE, TWO = "1" * 64, "2" * 64
FINE = f"""\
# made by pip-compile
aiohttp==3.14.5 \\
    --hash=sha256:{ONE} \\
    --hash=sha256:{TWO}
    # via kopf
click==8.5 ; python_version < "3.12" \\
    --hash=sha256:{ONE}
extra[one,two]==1.0 --hash=sha256:{ONE}
"""


def test_the_lock_files_are_in_order() -> None:
    for name in locks.LOCKS:
        assert locks.problems((ROOT / name).read_text()) == []
    every = {str(path.relative_to(ROOT)) for path in ROOT.glob("*/*.txt") if "--hash" in path.read_text()}
    assert every == set(locks.LOCKS), "a lock file that the audit does not know of"


def test_a_lock_as_pip_compile_makes_it_is_in_order() -> None:
    assert locks.problems(FINE) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kopf==1.45.2", "kopf==1.45.2: no hash"),
        (f"kopf>=1.45 --hash=sha256:{ONE}", "kopf>=1.45: not pinned to one version by =="),
        (f"kopf==1.* --hash=sha256:{ONE}", "kopf==1.*: not pinned to one version by =="),
        (f"kopf --hash=sha256:{ONE}", "kopf: not pinned to one version by =="),
        (f"kopf @ https://x.example.com/k.whl --hash=sha256:{ONE}", "kopf: an address in place of a version"),
        (
            f"https://x.example.com/k.whl --hash=sha256:{ONE}",
            "https://x.example.com/k.whl: an address in place of a version",
        ),
        (f"kopf @ file:k.whl --hash=sha256:{ONE}", "kopf: an address in place of a version"),
        ("kopf==1 --hash=md5:d41d8cd98f00b204e9800998ecf8427e", "kopf==1: a hash that is no SHA-256"),
        ("kopf==1 --hash=sha256:12", "kopf==1: a hash that is no SHA-256"),
        ("--index-url https://x.example.com/simple", "--index-url: an option: where packages come from"),
        ("-r other.txt", "-r: an option"),
        ("-e .", "-e: an option"),
    ],
)
def test_what_is_wrong_in_a_lock_is_said(line: str, said: str) -> None:
    (found,) = locks.problems(FINE + line + "\n")
    assert found.startswith(said)


def _files(*names: str, yanked: Any = False, digest: str = ONE) -> list[dict[str, Any]]:
    return [{"filename": name, "hashes": {"sha256": digest}, "yanked": yanked} for name in names]


def _pin(name: str = "my-lib", version: str = "1.2.3", digest: str = ONE) -> Pin:
    return Pin(name, version, (digest,), ())


def _found(files: list[dict[str, Any]], pin: Pin | None = None) -> list[tuple[str, bool]]:
    project = index.parsed("my-lib", {"files": files})
    return [(each.what, each.wrong) for each in report.of_project(pin or _pin(), project)]


def test_versions_are_read_from_file_names() -> None:
    for file, version in {
        "my_lib-1.2.3-py3-none-any.whl": "1.2.3",
        "My.Lib-1.2.3.post1-1-cp311-cp311-manylinux_2_17_x86_64.whl": "1.2.3.post1",
        "my-lib-1.2.3.tar.gz": "1.2.3",
        "my_lib-1.2.3.zip": "1.2.3",
        "my_lib_other-1.2.3.tar.gz": None,
        "my-lib-other-1.2.3.tar.gz": None,
        "my-lib-1.2.3.exe": None,
    }.items():
        assert index.version_of("my-lib", file) == version, file


def test_what_the_index_says_of_a_pin() -> None:
    here = _files("my_lib-1.2.3-py3-none-any.whl", "my-lib-1.2.3.tar.gz")
    assert _found(here) == []
    assert _found([{**here[0], "yanked": "broken\x1b[31m\nwheel"}, {**here[1], "yanked": True}]) == [
        ("yanked: broken [31m wheel", True)
    ]
    assert _found([{**here[0], "yanked": True}]) == [("yanked: no reason is given", True)]
    assert _found([{**here[0], "yanked": ""}]) == [("yanked: no reason is given", True)], "an empty reason is one"
    assert _found([{**here[0], "yanked": True}, here[1]]) == [], "not all of its files are"
    assert _found(_files("my-lib-1.2.4.tar.gz")) == [
        ("the index does not have this version any more", True),
        ("there is 1.2.4", False),
    ]
    assert _found(here, _pin(digest=TWO)) == [("the index has none of the files that the lock allows", True)]
    assert [each.what for each in report.of_project(_pin(), None)] == ["the index has no such project"]


def test_only_patches_of_the_same_minor_version_are_told_of() -> None:
    others = ("1.2.4", "1.2.10", "1.2.11rc1", "1.3.0", "2.0", "1.2.2", "nonsense")
    files = _files("my-lib-1.2.3.tar.gz", *(f"my-lib-{version}.tar.gz" for version in others))
    files += _files("my-lib-1.2.12.tar.gz", yanked=True)
    assert _found(files) == [("there is 1.2.10", False)]


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"files": 1}, {"files": [{}]}, {"files": [{"filename": "my-lib-1.tar.gz"}]}]
)
def test_an_answer_of_another_form_is_said_to_be_one(answer: Any) -> None:
    with pytest.raises(index.NoAnswerError, match="PEP 691"):
        index.parsed("my-lib", answer)


def _advisory(**other: Any) -> dict[str, Any]:
    package = {"package": {"ecosystem": "PyPI", "name": "My.Lib"}}
    return {"id": "GHSA-1", "aliases": ["CVE-1"], "summary": "it breaks", "affected": [{**package, **other}]}


def _ranges(*events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": list(events)}]}


@pytest.mark.parametrize(
    ("affected", "versions"),
    [
        ({"versions": ["1.2.3"]}, {"1.2.3"}),
        (_ranges({"introduced": "0"}, {"fixed": "1.2.4"}), {"1.2.2", "1.2.3"}),
        (_ranges({"introduced": "1.2.3"}, {"last_affected": "1.2.4"}), {"1.2.3", "1.2.4"}),
        (_ranges({"introduced": "0"}, {"fixed": "1.2.3"}, {"introduced": "1.2.4"}), {"1.2.2", "1.2.4", "1.2.10"}),
        (_ranges({"fixed": "1.2.4"}, {"introduced": "1.2.3"}), {"1.2.3"}),
        (_ranges({"introduced": "0"}), {"1.2.2", "1.2.3", "1.2.4", "1.2.10"}),
        (_ranges({"introduced": "0"}, kind="GIT"), set()),
        ({}, set()),
    ],
)
def test_an_advisory_concerns_the_versions_it_says(
    tmp_path: Path, affected: dict[str, Any], versions: set[str]
) -> None:
    (tmp_path / "one.json").write_text(json.dumps(_advisory(**affected)))
    known = advisories.read(tmp_path / "one.json")
    tried = ("1.2.2", "1.2.3", "1.2.4", "1.2.10")
    assert {each for each in tried if report.of_advisories([_pin(version=each)], known)} == versions


def test_a_dump_is_read_without_what_was_withdrawn_or_is_for_others(tmp_path: Path) -> None:
    everywhere = _ranges({"introduced": "0"})
    documents = {
        "GHSA-1.json": _advisory(**everywhere),
        "GHSA-2.json": {**_advisory(**everywhere), "id": "GHSA-2", "withdrawn": "2026-01-01T00:00:00Z"},
        "GHSA-3.json": _advisory(package={"ecosystem": "npm", "name": "my-lib"}, **everywhere),
        "README.md": {},
    }
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for name, document in documents.items():
            packed.writestr(name, json.dumps(document))
    found = report.of_advisories([_pin(), _pin(name="other")], advisories.read(tmp_path / "all.zip"))
    assert [str(each) for each in found] == ["my-lib 1.2.3: GHSA-1, CVE-1: it breaks"]


@pytest.mark.parametrize(
    "content", ["", "[]", "no JSON", '{"affected": 1}', '{"affected": [{"package": {"ecosystem": "PyPI"}}]}']
)
def test_a_file_that_is_no_dump_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(advisories.AdvisoriesError):
        advisories.read(tmp_path / "file")
    with pytest.raises(advisories.AdvisoriesError):
        advisories.read(tmp_path / "none")


class _Index:
    """An index that knows of one project, and of others says what it is told to."""

    def __init__(self, files: list[dict[str, Any]], otherwise: Exception | None = None) -> None:
        self._files, self._otherwise = files, otherwise

    def project(self, name: str) -> index.Project | None:
        if name == "my-lib":
            return index.parsed(name, {"files": self._files})
        if self._otherwise:
            raise self._otherwise
        return None


def _root(folder: Path, *pins: str) -> Path:
    for name in locks.LOCKS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{pin} --hash=sha256:{ONE}\n" for pin in pins))
    return folder


def test_without_an_answer_nothing_fails_and_what_was_not_checked_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = _Index(_files("my-lib-1.2.3.tar.gz"), index.NoAnswerError("the index did not answer: ConnectionError"))
    assert command.main([], _root(tmp_path, "my-lib==1.2.3", "other==1"), silent) == 0
    said = capsys.readouterr().out
    assert "the index told of 1 of 2 pins" in said
    assert "NOT CHECKED for the others: the index did not answer: ConnectionError" in said
    assert "NOT CHECKED: known vulnerabilities" in said


def test_yanked_and_vulnerable_fail_and_a_newer_patch_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = _root(tmp_path, "my-lib==1.2.3")
    assert command.main([], root, _Index(_files("my-lib-1.2.3.tar.gz", "my-lib-1.2.4.tar.gz"))) == 0
    assert "my-lib 1.2.3: there is 1.2.4" in capsys.readouterr().out
    assert command.main([], root, _Index(_files("my-lib-1.2.3.tar.gz", yanked=True))) == 1
    (tmp_path / "osv.json").write_text(json.dumps(_advisory(versions=["1.2.3"])))
    given = ["--advisories", str(tmp_path / "osv.json")]
    assert command.main(given, root, _Index(_files("my-lib-1.2.3.tar.gz"))) == 1
    said = capsys.readouterr().out
    assert "my-lib 1.2.3: GHSA-1, CVE-1: it breaks" in said
    assert "1 pins were compared with 1 advisories: 1 concern them" in said


def test_a_lock_that_is_not_in_order_fails_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = _root(tmp_path, "my-lib==1.2.3")
    assert command.main(["--offline"], root) == 0
    (root / "requirements/run.txt").write_text("my-lib==1.2.3\n")
    assert command.main(["--offline"], root) == 1
    assert "requirements/run.txt: my-lib==1.2.3: no hash" in capsys.readouterr().err


def test_an_index_that_cannot_be_reached_is_not_named() -> None:
    asked = index.PipIndex("http://user:password@127.0.0.1:9/simple")  # nothing listens on the port "discard"
    with pytest.raises(index.NoAnswerError) as silent:
        asked.project("my-lib")
    assert re.fullmatch(r"the index did not answer: \w+", str(silent.value))
