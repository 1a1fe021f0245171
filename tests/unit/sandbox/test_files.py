"""Files that are there whole or not at all, with the rights that are meant."""

import os
import stat
from pathlib import Path

import pytest

from sandbox import files


def test_it_is_written_whole_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "one"
    files.write(path, "old")
    files.write(path, "nëw")
    assert path.read_text(encoding="utf-8") == "nëw"
    assert [entry.name for entry in tmp_path.iterdir()] == ["one"]


def test_one_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "one"
    files.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write(path, "half \udc80")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["one"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_rights_are_those_of_any_new_file(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        files.write(tmp_path / "one", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "one").stat().st_mode) == mode


def test_what_is_secret_was_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_text("public")
    path.chmod(0o644)
    files.write(path, "secret", 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
