"""Images for the node's Pods, made on this machine: a base of Debian and Python, and what Dockerfiles add to it."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from sandbox import cache
from sandbox.cache import HERE
from sandbox.errors import SandboxError
from sandbox.node import Node
from sandbox.node_config import PAUSE
from sandbox.progress import Progress

BASE = "localhost/sandbox-base:1"
_INCLUDED = "python3,python3-venv,ca-certificates"  # with venv comes the pip that the Dockerfile's first stage uses


def _buildah(*words: str) -> list[str]:
    """Buildah with a storage of our own, as overlays: copies of all files for each step took 9 GB, and minutes."""
    store = cache.root() / "buildah"
    places = ["--root", str(store / "layers"), "--runroot", str(store / "run-layers"), "--storage-driver", "overlay"]
    return ["buildah", *places, *words]


def _run(*words: str, cwd: Path | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=1800, check=False, cwd=cwd)  # noqa: S603 - buildah and debootstrap, with words of the sandbox's
    if done.returncode:
        raise SandboxError(f"`{' '.join(words[:12])} …` failed:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
    return done.stdout


def load_pause(node: Node, binary: Path, folder: Path) -> None:
    """Give a node the image that holds Pods' namespaces.

    Args:
        node: which runs.
        binary: the program.
        folder: for what is written on the way.

    Raises:
        SandboxError: buildah or containerd failed.
    """
    archive = folder / "pause.tar"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(binary, folder / "pause")
        (folder / "Dockerfile.pause").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
        build(folder, PAUSE, folder / "Dockerfile.pause", {})
        save(PAUSE, archive)
    node.load(archive)


def build(
    context: Path,
    tag: str,
    dockerfile: Path,
    arguments: Mapping[str, str],
    mounts: Sequence[str] = (),
    *,
    anew: bool = False,
) -> None:
    """Build an image from a Dockerfile.

    Args:
        context: the folder that COPY means.
        tag: its name.
        dockerfile: the file.
        arguments: values of its ARGs.
        mounts: of this machine, for its RUNs; they do not become part of the image.
        anew: do every step again, also those of a former build.

    Raises:
        SandboxError: it failed.
    """
    given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    given += [word for mount in mounts for word in ("--volume", mount)]
    command = _buildah("bud", "--isolation", "chroot", "--format", "docker", "--layers", "--pull-never", "--tag", tag)
    command += ["--no-cache"] if anew else []
    _run("nice", "-n", "5", *command, *given, "--file", str(dockerfile), str(context))


def save(tag: str, archive: Path) -> None:
    """Write an image into an archive."""
    archive.unlink(missing_ok=True)
    _run(*_buildah("push", "--quiet", tag, f"docker-archive:{archive}:{tag}"))


def exists(tag: str) -> bool:
    """Whether an image was built."""
    return subprocess.run(_buildah("inspect", "--type", "image", tag), capture_output=True, check=False).returncode == 0  # noqa: S603 - buildah, with an image's name of the sandbox's


def layer_sizes(archive: Path) -> list[int]:
    """Bytes of an archive's layers, from the lowest, compressed as a registry keeps them (gzip)."""
    with tarfile.open(archive) as tar:
        manifest = json.load(_member(tar, "manifest.json"))
        return [len(gzip.compress(_member(tar, name).read(), 6)) for name in manifest[0]["Layers"]]


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise SandboxError(f"the archive has no file {name}")
    return found


def digest(tag: str) -> str:
    """The digest of an image's manifest in buildah's storage, ``sha256:…``."""
    return _run(*_buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", tag)).strip()


def operator(tag: str, labels: Mapping[str, str], *, top: Path = HERE.parent, anew: bool = False) -> None:
    """Build the operator's image from the Dockerfile, on the base image.

    Args:
        tag: its name.
        labels: arguments of the Dockerfile that become labels; others make another image, of the same files.
        top: the tree it is built from, with the Dockerfile of its time.
        anew: do every step again, also those of a former build.

    Raises:
        SandboxError: the build failed.
    """
    arguments = {"BASE": BASE, "BASE_NAME": BASE, "BASE_DIGEST": digest(BASE), **labels}
    with tempfile.TemporaryDirectory() as folder:
        build(top, tag, top / "Dockerfile", arguments, _pip_as_here(Path(folder)), anew=anew)


def _pip_as_here(folder: Path) -> list[str]:
    """Mounts by which pip in a build finds packages as this machine's does: its index, its certificates."""
    listed = _run(sys.executable, "-m", "pip", "config", "list").splitlines()
    settings = dict(line.split("=", 1) for line in listed if "=" in line)
    lines, mounts = ["[global]"], []
    for name in ("index-url", "extra-index-url", "trusted-host", "default-timeout", "cert"):
        value = settings.get(f":env:.{name}", settings.get(f"global.{name}", "")).strip("'")
        if value:
            lines.append(f"{name} = {value}")
            mounts += [f"{value}:{value}:ro"] if name == "cert" else []
    (folder / "pip.conf").write_text("\n".join(lines) + "\n")
    return [*mounts, f"{folder / 'pip.conf'}:/etc/pip.conf:ro"]


def base(progress: Progress) -> None:
    """Make the base image, Debian's least with its Python; once.

    Raises:
        SandboxError: debootstrap or buildah failed.
    """
    with cache.locked("base-image"):
        if not exists(BASE):
            begin = time.monotonic()
            progress("making the base image (once)")
            _bootstrap()
            progress(f"made the base image in {time.monotonic() - begin:.0f} s")


def _bootstrap() -> None:
    root = cache.root() / "debootstrap"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    packages = cache.root() / "debs"  # so that a second try does not begin anew
    packages.mkdir(exist_ok=True)
    try:
        command = ["nice", "-n", "10", "debootstrap", "--variant=minbase", f"--include={_INCLUDED}"]
        command += [f"--cache-dir={packages}"]
        _run(*command, _release(), str(root))
        for name in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
            for entry in (root / name).iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        container = _run(*_buildah("from", "scratch")).strip()
        _run(*_buildah("add", "--quiet", container, str(root), "/"))
        _run(*_buildah("commit", "--rm", "--quiet", "--format", "docker", container, BASE))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _release() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line).get("VERSION_CODENAME", "stable").strip('"')
