"""``python3 -m release.image``: put the image's file system together, within the image's build."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from release import sbom
from release.image import bill, debian, tree

_PROGRAM = "infomaniak-operator"


def main() -> int:
    """Read the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m release.image", description=__doc__)
    parser.add_argument("--environment", type=Path, required=True, help="the virtual environment")
    parser.add_argument("--lock", type=Path, required=True, help="what was installed into it")
    parser.add_argument("--to", type=Path, required=True, help="two layers are written here: base and operator")
    read = parser.parse_args()
    try:
        make(read.environment, read.lock.read_text(encoding="utf-8"), read.to)
    except (tree.TreeError, bill.BillError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def make(environment: Path, lock: str, to: Path) -> None:
    """Write the image's two layers: what changes with the base image, and what changes with each release.

    Args:
        environment: the virtual environment; in the image it is at the same place.
        lock: the text of the lock file that it was installed from.
        to: an empty folder, which gets ``base`` and ``operator``.

    Raises:
        TreeError: something is missing.
        BillError: what is installed is not what is locked.
    """
    origin, base, operator = Path("/"), to / "base", to / "operator"
    interpreter = environment / "bin" / "python"
    library = Path(sysconfig.get_path("stdlib"))
    made = tree.Tree(base, origin)
    tree.assemble(made, _target(interpreter), environment, tree.run)
    tree.run(["ldconfig", "-X", "-r", str(base)])  # notes where the libraries are
    tree.add_environment(made, environment, _PROGRAM)
    owners = debian.owners(origin, debian.installed(origin))
    for package in _packages(made, owners):
        if (notice := Path("/usr/share/doc") / package.name / "copyright").exists():
            made.add(notice)
    for package in _packages(made, owners):
        made.write(str(bill.RECORDS / package.name), package.record)
    copied = {path: package for path, package in owners.items() if path in made.copied}
    image = bill.Image(base, environment, library, copied, debian.distribution(origin))
    version = tree.run([str(environment / "bin" / _PROGRAM), "version"]).split()[-1]
    when = dt.datetime.fromtimestamp(sbom.epoch(), dt.UTC)
    text = json.dumps(image.bill(lock, version, when), separators=(",", ":"))
    _compile(interpreter, base, [library, environment / "lib"])
    own = operator / environment.relative_to("/")
    own.parent.mkdir(parents=True, exist_ok=True)
    (base / environment.relative_to("/")).rename(own)
    tree.Tree(operator).write(str(bill.PLACE), text + "\n")
    tree.finish([base, operator], sbom.epoch())


def _packages(made: tree.Tree, owners: Mapping[Path, debian.Package]) -> list[debian.Package]:
    """The Debian packages of what was copied."""
    return sorted({owners[path] for path in made.copied if path in owners}, key=lambda package: package.name)


def _target(link: Path) -> Path:
    """The first file outside the virtual environment that a link of it leads to: ``/usr/bin/python3``."""
    folder = link.parent
    while folder in link.parents and link.is_symlink():
        link = link.parent / link.readlink()
    return link


def _compile(interpreter: Path, root: Path, folders: list[Path]) -> None:
    """Make the bytecode now, for the root file system is read-only later.

    One process makes it (several give other files now and then), and nothing checks it by time: the same sources give
    the same files.
    """
    places = [str(root / folder.relative_to("/")) for folder in folders]
    options = ["-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    os.environ["PYTHONHASHSEED"] = "0"
    tree.run([str(interpreter), "-m", "compileall", *options, *places])


if __name__ == "__main__":
    sys.exit(main())
