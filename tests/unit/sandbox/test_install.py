"""The environment is made in a folder of its own."""

from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.install import install
from sandbox.progress import Console


def test_the_environment_of_another_checkout_is_not_emptied(tmp_path: Path) -> None:
    """A worktree whose `.venv` is a link: `venv --clear` would empty what it leads to."""
    theirs = tmp_path / "theirs"
    (theirs / "bin").mkdir(parents=True)
    (theirs / ".installed").touch()
    (tmp_path / ".venv").symlink_to(theirs)
    with pytest.raises(SandboxError, match=r"is a link to .*theirs.*Remove the link"):
        install(tmp_path / ".venv", Console())
    assert (theirs / ".installed").exists()
    assert (theirs / "bin").is_dir()
