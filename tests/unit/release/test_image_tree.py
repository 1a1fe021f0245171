"""The image's file system: what is copied of a base image, what is not, and which package each file is of."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import dist
from release.image import bill, debian, tree

STATUS = """\
Package: libx1
Status: install ok installed
Architecture: amd64
Version: 1:2.0+really1.9-3~deb12u1
Description: a library
 with more to say

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: python3-minimal
Status: install ok installed
Architecture: amd64
Version: 3.11.2-1
"""
LDD = """\
/usr/bin/python3.11:
\tlinux-vdso.so.1 (0x00007ffd2c1f2000)
\tlibx.so.1 => /lib/x86_64-linux-gnu/libx.so.1 (0x00007f9450d25000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f9450d28000)
/opt/venv/lib/a.so:
\tstatically linked
"""


def _base(root: Path) -> Path:
    """A base image as Debian's: ``/lib`` is a link, and dpkg noted a file of it by that."""
    for name in ("usr/lib/x86_64-linux-gnu", "usr/bin", "var/lib/dpkg/info", "etc"):
        (root / name).mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    library = root / "usr/lib/x86_64-linux-gnu/libx.so.1.2"
    library.write_bytes(b"\x7fELFx")
    library.chmod(0o4775)
    (library.parent / "libx.so.1").symlink_to("libx.so.1.2")
    (root / "var/lib/dpkg/status").write_text(STATUS)
    listed = "/.\n/lib\n/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu/libx.so.1\n/lib/x86_64-linux-gnu/libx.so.1.2\n"
    (root / "var/lib/dpkg/info/libx1:amd64.list").write_text(listed)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n')
    return root


def test_a_link_is_copied_with_what_it_leads_to_and_without_rights_it_had(tmp_path: Path) -> None:
    made = tree.Tree(tmp_path / "made", _base(tmp_path / "base"))
    made.add(Path("/lib/x86_64-linux-gnu/libx.so.1"))
    made.add(Path("/usr/lib/x86_64-linux-gnu/libx.so.1"))
    folder = Path("/usr/lib/x86_64-linux-gnu")
    assert made.copied == {folder / "libx.so.1", folder / "libx.so.1.2"}
    copy = made.to / "usr/lib/x86_64-linux-gnu"
    assert (copy / "libx.so.1").readlink() == Path("libx.so.1.2")
    assert stat.S_IMODE((copy / "libx.so.1.2").stat().st_mode) == 0o755
    assert not (made.to / "lib").exists(), "one place only"


def test_a_link_that_leaves_the_base_image_is_followed_within_it(tmp_path: Path) -> None:
    made = tree.Tree(tmp_path / "made", _base(tmp_path / "base"))
    (tmp_path / "base/etc/x").symlink_to("/lib/x86_64-linux-gnu/libx.so.1.2")
    made.add(Path("/etc/x"))
    assert (made.to / "usr/lib/x86_64-linux-gnu/libx.so.1.2").read_bytes() == b"\x7fELFx"


def test_only_programs_and_libraries_keep_the_right_to_be_run(tmp_path: Path) -> None:
    made = tree.Tree(tmp_path / "made", _base(tmp_path / "base"))
    script = tmp_path / "base/usr/bin/script.py"
    script.write_text("#!/usr/bin/python3\n")
    script.chmod(0o755)
    made.add(Path("/usr/bin/script.py"))
    assert stat.S_IMODE((made.to / "usr/bin/script.py").stat().st_mode) == 0o644


def test_what_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    made = tree.Tree(tmp_path / "made", _base(tmp_path / "base"))
    for path in ("/usr/bin/none", "/usr/lib"):
        with pytest.raises(tree.TreeError, match="no such file"):
            made.add(Path(path))


def test_the_standard_library_comes_without_pip_tests_and_modules_that_bring_libraries(tmp_path: Path) -> None:
    kept = ("os.py", "json/decoder.py", "lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so", "pydoc.py", "dbm/dumb.py")
    left = (
        *("ensurepip/_bundled/pip-24.0-py3-none-any.whl", "site-packages/pip/__init__.py", "test/test_os.py"),
        *("lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so", "lib-dynload/readline.so", "idlelib/idle.py"),
        *("lib-dynload/_testcapi.cpython-313-x86_64-linux-gnu.so", "unittest/test/x.py", "venv/scripts/activate"),
        *("__pycache__/os.cpython-311.pyc", "config-3.11-x86_64-linux-gnu/libpython3.11.a", "sitecustomize.py"),
    )
    for name in (*kept, *left):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {str(path.relative_to(tmp_path)) for path in tree.wanted_of_library(tmp_path)} == set(kept)


def test_libraries_are_those_that_ldd_finds() -> None:
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str:
        asked.append(command)
        return LDD

    files = [Path("/usr/bin/python3.11"), Path("/opt/venv/lib/a.so")]
    found = tree.libraries(files, run)
    assert found == [Path("/lib/x86_64-linux-gnu/libx.so.1"), Path("/lib64/ld-linux-x86-64.so.2")]
    assert asked == [["ldd", "/usr/bin/python3.11", "/opt/venv/lib/a.so"]]
    with pytest.raises(tree.TreeError, match=r"liby\.so\.2, libz\.so\.1"):
        tree.libraries(files, lambda _: "a:\n\tlibz.so.1 => not found\n\tliby.so.2 => not found\n")
    assert tree.libraries([], run) == []


def test_the_environment_comes_with_no_program_but_the_operator(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    for name in (
        "bin/infomaniak-operator",
        "bin/kopf",
        "bin/activate",
        "pyvenv.cfg",
        "lib/python3.11/site-packages/x.pyi",
    ):
        (venv / name).parent.mkdir(parents=True, exist_ok=True)
        (venv / name).write_text("#!/opt/venv/bin/python\n")
    site = venv / "lib/python3.11/site-packages"
    for name in ("x/__init__.py", "x/tests/test_x.py", "x/__pycache__/x.pyc", "x/native.so"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).touch(mode=0o777)
    (venv / "bin/python3").symlink_to("/usr/bin/python3")
    (venv / "lib64").symlink_to("lib")
    made = tree.Tree(tmp_path / "made")
    tree.add_environment(made, venv, "infomaniak-operator")
    there = made.to / venv.relative_to("/")
    found = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_symlink() or path.is_file()}
    wanted = {"bin/infomaniak-operator", "bin/python3", "lib64", "pyvenv.cfg"}
    assert found == wanted | {f"lib/python3.11/site-packages/x/{name}" for name in ("__init__.py", "native.so")}
    rights = {name: stat.S_IMODE((there / name).stat().st_mode) for name in ("bin/infomaniak-operator", "pyvenv.cfg")}
    assert rights == {"bin/infomaniak-operator": 0o755, "pyvenv.cfg": 0o644}


def test_everything_gets_one_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    (tmp_path / "a/file").touch()
    (tmp_path / "a/link").symlink_to("nowhere")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    tree.finish([tmp_path], 1767225600)
    assert {os.lstat(path).st_mtime for path in [tmp_path, *tmp_path.rglob("*")]} == {1767225600.0}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) == 0o1777


def test_the_package_of_a_file_is_found_though_dpkg_noted_another_path(tmp_path: Path) -> None:
    root = _base(tmp_path / "base")
    packages = list(debian.installed(root))
    assert [package.name for package in packages] == ["libx1", "python3-minimal"]
    owners = debian.owners(root, packages)
    package = owners[Path("/usr/lib/x86_64-linux-gnu/libx.so.1.2")]
    assert package.record.startswith("Package: libx1\n")
    assert package.record.endswith(" with more to say\n")
    assert debian.distribution(root) == "debian-12"
    wanted = "pkg:deb/debian/libx1@1%3A2.0%2Breally1.9-3~deb12u1?arch=amd64&distro=debian-12"
    assert package.purl(debian.distribution(root)) == wanted


def test_a_base_without_dpkg_has_no_packages(tmp_path: Path) -> None:
    assert list(debian.installed(tmp_path)) == []
    assert debian.distribution(tmp_path) == ""


LOCK = f"""\
kopf==1.45.2 \\
    --hash=sha256:{"2" * 64}
    # via infomaniak-operator (pyproject.toml)
only-on-windows==1 ; sys_platform == "win32" \\
    --hash=sha256:{"3" * 64}
    # via kopf
"""


def _image(root: Path, kopf: str = "1.45.2") -> bill.Image:
    """A small image: the operator, one dependency, a library of Debian's, an interpreter of nobody's, two loose files."""
    site = "opt/venv/lib/python3.11/site-packages"
    texts = {
        f"{site}/kopf/__init__.py": "",
        f"{site}/kopf/__pycache__/__init__.cpython-311.pyc": "",
        f"{site}/kopf-{kopf}.dist-info/METADATA": f"Name: Kopf\nVersion: {kopf}\n",
        f"{site}/kopf-{kopf}.dist-info/RECORD": f"kopf/__init__.py,,\nkopf-{kopf}.dist-info/METADATA,,\nkopf-{kopf}.dist-info/RECORD,,\n../../../bin/kopf,,\n",
        f"{site}/infomaniak_operator/names.py": "",
        f"{site}/infomaniak_operator-0.2.0.dist-info/METADATA": "Name: infomaniak-operator\nVersion: 0.2.0\n",
        f"{site}/infomaniak_operator-0.2.0.dist-info/RECORD": "infomaniak_operator/names.py,,\ninfomaniak_operator-0.2.0.dist-info/METADATA,,\ninfomaniak_operator-0.2.0.dist-info/RECORD,,\n",
        "opt/venv/bin/infomaniak-operator": "#!",
        "opt/venv/pyvenv.cfg": "home = /usr/local/bin\n",
        "usr/local/bin/python3.11": "",
        "usr/local/lib/libpython3.11.so.1.0": "",
        "usr/local/lib/python3.11/os.py": "",
        "usr/lib/x86_64-linux-gnu/libx.so.1.2": "",
        "etc/passwd": "root",
        "usr/share/sbom/infomaniak-operator.cdx.json": "{}",
        "var/lib/dpkg/status.d/libx1": "",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    package = debian.Package("libx1", "1.9", "amd64", "Package: libx1\n")
    owners = {Path("/usr/lib/x86_64-linux-gnu/libx.so.1.2"): package}
    return bill.Image(root, Path("/opt/venv"), Path("/usr/local/lib/python3.11"), owners, "debian-12")


MADE = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def test_every_file_of_the_image_is_in_the_bill_once(tmp_path: Path) -> None:
    made = _image(tmp_path).bill(LOCK, "0.2.0", MADE)
    components = {each["name"]: each for each in [made["metadata"]["component"], *made["components"]]}
    places = {
        name: [place["location"] for place in each["evidence"]["occurrences"]]
        for name, each in components.items()
        if each["type"] != "file"
    }
    site = "/opt/venv/lib/python3.11/site-packages"
    assert places["kopf"] == [
        f"{site}/kopf-1.45.2.dist-info/METADATA",
        f"{site}/kopf-1.45.2.dist-info/RECORD",
        f"{site}/kopf/__init__.py",
    ]
    assert "/opt/venv/bin/infomaniak-operator" in places["infomaniak-operator"]
    assert places["libx1"] == ["/usr/lib/x86_64-linux-gnu/libx.so.1.2"]
    assert places["python"] == [
        "/usr/local/bin/python3.11",
        "/usr/local/lib/libpython3.11.so.1.0",
        "/usr/local/lib/python3.11/os.py",
    ]
    loose = {name: each["hashes"] for name, each in components.items() if each["type"] == "file"}
    assert loose["/etc/passwd"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"root").hexdigest()}]
    assert set(loose) == {"/etc/passwd", "/opt/venv/pyvenv.cfg"}
    assert "only-on-windows" not in components, "the lock names it, and it is not in the image"
    listed = [path for paths in places.values() for path in paths] + list(loose)
    there = {str(path) for path in bill.contents(tmp_path)} - {str(bill.PLACE), f"{bill.RECORDS}/libx1"}
    assert sorted(listed) == sorted(there)


def test_the_bill_is_as_cyclonedx_s_schema_has_it(tmp_path: Path) -> None:
    made = _image(tmp_path).bill(LOCK, "0.2.0", MADE)
    assert {each["type"] for each in made["components"]} == {"library", "platform", "file"}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None


def test_what_is_installed_has_to_be_what_is_locked(tmp_path: Path) -> None:
    with pytest.raises(bill.BillError, match="kopf"):
        _image(tmp_path, kopf="1.45.3").bill(LOCK, "0.2.0", MADE)


def test_what_is_installed_and_not_locked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(bill.BillError, match="kopf"):
        _image(tmp_path).bill("", "0.2.0", MADE)


def test_another_content_is_another_bill(tmp_path: Path) -> None:
    image = _image(tmp_path)
    one, two = (image.bill(LOCK, "0.2.0", MADE) for _ in range(2))
    assert json.dumps(one) == json.dumps(two)
    (tmp_path / "etc/passwd").write_text("changed")
    assert image.bill(LOCK, "0.2.0", MADE)["serialNumber"] != one["serialNumber"]


@pytest.mark.skipif(
    shutil.which("ldd") is None or not tree.CERTIFICATES.exists(), reason="not a Debian with certificates, as bases are"
)
def test_this_machine_s_interpreter_is_put_together_with_all_that_it_loads(tmp_path: Path) -> None:
    """Whether it is Debian's or, as in Docker's images, of no package."""
    environment, root, origin = tmp_path / "venv", tmp_path / "root", Path("/")
    program = str(Path(sys._base_executable).resolve())
    subprocess.run([program, "-m", "venv", "--without-pip", str(environment)], check=True)
    made = tree.Tree(root, origin)
    tree.assemble(made, Path(program), environment, tree.run)
    tree.add_environment(made, environment, "infomaniak-operator")
    owners = debian.owners(origin, debian.installed(origin))
    copied = {path: package for path, package in owners.items() if path in made.copied}
    library = Path(sysconfig.get_path("stdlib"))
    bill_of_it = bill.Image(root, environment, library, copied, "debian").bill("", "0", MADE)
    kinds = {each["name"]: each["type"] for each in bill_of_it["components"]}
    written = {"/etc/group", "/etc/passwd", "/etc/nsswitch.conf", "/etc/ld.so.conf", str(tree.CERTIFICATES)}
    assert {name for name, kind in kinds.items() if kind == "file"} == {*written, f"{environment}/pyvenv.cfg"}
    elves = [path for path in root.rglob("*") if tree.is_elf(path)]
    needed = {path.name for path in tree.libraries(elves, tree.run)}
    assert needed <= {path.name for path in root.rglob("*")}
    assert (root / library.relative_to("/") / "ssl.py").exists()
    assert not [*root.rglob("pip"), *root.rglob("pip-*")], "neither installed nor bundled"


def test_what_is_signed_is_what_make_image_writes() -> None:
    assert bill.PLACE.name == dist.IMAGE_BILL
