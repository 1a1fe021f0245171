"""The file system of the image: an empty one, into which only what the operator needs is copied.

That is the interpreter, its standard library, the shared libraries these and the packages load, the CA certificates and
the virtual environment. No shell, no package manager and no other program is among it, whatever the base image has.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import stat
import subprocess
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

USER = 65532
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_OF_OTHERS = {"site-packages", "dist-packages", "ensurepip", "EXTERNALLY-MANAGED"}
"""Packages of others have a place of their own: the virtual environment. pip is among these."""
_FOR_PEOPLE = {"idlelib", "tkinter", "turtle.py", "turtledemo", "pydoc_data", "curses", "venv", "lib2to3", "distutils"}
_UNUSED = {"test", "tests", "sqlite3", "crypt.py", "sitecustomize.py", "__pycache__"}
_LEFT_OUT = _OF_OTHERS | _FOR_PEOPLE | _UNUSED
_MODULES_LEFT_OUT = re.compile(
    r"(_test|_xxtest|xx|_ctypes_test|_curses|_tkinter|_sqlite3|_dbm|_gdbm|_crypt|nis|ossaudiodev|readline)[a-z0-9_]*\."
)
"""Extension modules that nothing here imports; each of them would bring a library along."""
_OPENED_BY_NAME = ("libgcc_s.so.1",)
"""What glibc loads by itself, when a thread ends: no file says that it is needed."""
_IN_LDD = re.compile(r"^\s*(?:\S+ => )?(?P<path>/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_NOT_FOUND = re.compile(r"^\s*(?P<name>\S+) => not found$", re.MULTILINE)
_PASSWD = (
    f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/tmp:/sbin/nologin\n",
    f"root:x:0:\nnonroot:x:{USER}:\n",
)


class TreeError(Exception):
    """The file system cannot be put together; the message says why."""


@dataclass
class Tree:
    """A file system that is being put together.

    Attributes:
        to: its root.
        origin: where files come from: the root of the base image.
        copied: what was copied, as absolute paths with no symbolic link among the folders, to be asked for its package.
    """

    to: Path
    origin: Path = Path("/")
    copied: set[Path] = field(default_factory=set)

    def add(self, path: Path) -> None:
        """Copy a file, or a symbolic link with what it leads to, to where it is in the base image.

        Args:
            path: absolute, in the base image.

        Raises:
            TreeError: there is no such file, or it is something else.
        """
        place = self.real(path)
        if place in self.copied:
            return
        source = self._at(place)
        if source.is_symlink():
            self._fresh(place).symlink_to(source.readlink())
            self.copied.add(place)
            self.add(place.parent / source.readlink())
        elif source.is_file():
            shutil.copyfile(source, self._fresh(place))
            executable = source.stat().st_mode & stat.S_IXUSR and is_elf(source)
            self._fresh(place).chmod(0o755 if executable else 0o644)
            self.copied.add(place)
        else:
            raise TreeError(f"{place}: no such file in the base image")

    def write(self, path: str, text: str) -> None:
        """Write a file that the base image does not have, or has with more in it."""
        file = self._fresh(Path(path))
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)

    def link(self, path: Path, target: str) -> None:
        """Make a symbolic link, unless there is one."""
        if not (self.to / path.relative_to("/")).is_symlink():
            self._fresh(path).symlink_to(target)

    def real(self, path: Path) -> Path:
        """A path without symbolic links among its folders: ``/lib/x`` is ``/usr/lib/x`` on most systems."""
        folder = Path(os.path.realpath(self._at(path.parent)))
        return Path("/") / folder.relative_to(os.path.realpath(self.origin)) / path.name

    def _at(self, path: Path) -> Path:
        return self.origin / path.relative_to("/")

    def _fresh(self, path: Path) -> Path:
        file = self.to / path.relative_to("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        return file


def wanted_of_library(library: Path) -> Iterator[Path]:
    """The files of the standard library that the image has.

    Args:
        library: its folder, ``/usr/lib/python3.11``.
    """
    for top, folders, names in os.walk(library):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("config-"))
        inside = Path(top)
        for name in sorted(names):
            module = inside.name == "lib-dynload" and _MODULES_LEFT_OUT.match(name)
            if name not in _LEFT_OUT and not module:
                yield inside / name


def is_elf(path: Path) -> bool:
    """Whether a file is a program or a shared library."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def libraries(files: Sequence[Path], run: Callable[[Sequence[str]], str]) -> list[Path]:
    """The shared libraries that programs and libraries load, and those that these load, as the base image finds them.

    Args:
        files: programs and libraries.
        run: gives what a command prints.

    Raises:
        TreeError: a library is missing.
    """
    said = run(["ldd", *map(str, files)]) if files else ""
    if missing := sorted(set(_NOT_FOUND.findall(said))):
        raise TreeError(f"the base image lacks libraries: {', '.join(missing)}")
    return sorted({Path(found) for found in _IN_LDD.findall(said)})


def assemble(tree: Tree, interpreter: Path, environment: Path, run: Callable[[Sequence[str]], str]) -> None:
    """Put all but the virtual environment into the tree.

    Args:
        tree: the tree.
        interpreter: the one the virtual environment was made with.
        environment: the virtual environment, whose libraries count.
        run: gives what a command prints.

    Raises:
        TreeError: something is missing.
    """
    for name in ("lib", "lib64"):
        if (tree.origin / name).is_symlink():
            tree.link(Path("/") / name, str((tree.origin / name).readlink()))
    tree.add(interpreter)
    library = Path(sysconfig.get_path("stdlib"))
    wanted = list(wanted_of_library(library))
    for path in wanted:
        tree.add(path)
    programs = [Path(os.path.realpath(interpreter)), *wanted, *sorted(environment.rglob("*"))]
    loaded = [path for path in libraries(list(filter(is_elf, programs)), run) if environment not in path.parents]
    for path in [*loaded, *_opened_by_name(loaded)]:
        tree.add(path)
    _settings(tree, loaded)


def _opened_by_name(loaded: Iterable[Path]) -> Iterator[Path]:
    folders = sorted({path.parent for path in loaded})
    for name in _OPENED_BY_NAME:
        found = next((folder / name for folder in folders if (folder / name).exists()), None)
        if found is None:
            raise TreeError(f"the base image lacks {name}")
        yield found


def _settings(tree: Tree, loaded: Iterable[Path]) -> None:
    passwd, group = _PASSWD
    tree.write("/etc/passwd", passwd)
    tree.write("/etc/group", group)
    tree.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    folders = sorted({str(tree.real(path).parent) for path in loaded})
    tree.write("/etc/ld.so.conf", "".join(f"{folder}\n" for folder in folders))
    for path in (Path("/etc/os-release"), Path("/etc/debian_version")):
        if (tree.origin / path.relative_to("/")).exists():
            tree.add(path)
    tree.add(CERTIFICATES)
    # OpenSSL looks where it was built to; as a rule that is another place, with a link for each certificate.
    expected = Path(ssl.get_default_verify_paths().openssl_cafile)
    if expected != CERTIFICATES:
        tree.link(expected, str(CERTIFICATES))
    (tree.to / "tmp").mkdir(exist_ok=True)
    (tree.to / "tmp").chmod(0o1777)


def add_environment(tree: Tree, environment: Path, program: str) -> None:
    """Put the virtual environment into a tree, with no other program than the operator and the interpreter.

    Args:
        tree: the tree; files keep their place.
        environment: the virtual environment.
        program: the operator's.
    """
    for top, folders, names in os.walk(environment):
        inside = Path(top)
        folders[:] = sorted(name for name in folders if not _is_test(inside, name) and name != "__pycache__")
        for name in [*names, *(folder for folder in folders if (inside / folder).is_symlink())]:
            other_program = inside == environment / "bin" and name != program and not name.startswith("python")
            if not other_program and not name.endswith(".pyi"):
                _copy(inside / name, tree.to / (inside / name).relative_to("/"))


def _is_test(folder: Path, name: str) -> bool:
    return name in {"test", "tests"} and "site-packages" in folder.parts


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink())
    else:
        shutil.copyfile(source, target)
        target.chmod(0o755 if source.parent.name == "bin" else 0o644)


def run(command: Sequence[str]) -> str:
    """What a command prints.

    Raises:
        TreeError: it failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words and paths of the build's own
    if done.returncode:
        raise TreeError(f"{' '.join(command[:4])} …: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return done.stdout


def finish(tops: Iterable[Path], epoch: int) -> None:
    """Give all files and folders one time, and folders their usual rights.

    Args:
        tops: roots.
        epoch: seconds since 1970.
    """
    for top in tops:
        for path in [*top.rglob("*"), top]:
            if path.is_dir() and not path.is_symlink() and path != top / "tmp":
                path.chmod(0o755)
            os.utime(path, (epoch, epoch), follow_symlinks=False)
