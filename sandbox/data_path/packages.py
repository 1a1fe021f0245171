"""HAProxy and nft: those of the machine, else Debian's packages, unpacked into the cache folder without root."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import cache, files
from sandbox.errors import SandboxError
from sandbox.progress import Progress, step

WANTED = {"haproxy": "haproxy", "nft": "nftables"}
"""Programs, and the packages that have them."""
_SECONDS = 10.0
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
_INST = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", re.MULTILINE)
_VERSION = re.compile(r"version (\d+)\.(\d+)", re.IGNORECASE)
_OLDEST = (2, 2)
"""Before it HAProxy had no external checks of the form that Octavia renders."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of the data path.

    Attributes:
        haproxy: HAProxy.
        nft: nftables' program.
        libraries: folders of shared libraries that they take; empty: the machine's own.
        version: of HAProxy, major and minor.
    """

    haproxy: str
    nft: str
    libraries: str
    version: tuple[int, int]

    @property
    def environment(self) -> dict[str, str]:
        """What their processes need in their environment."""
        return {"LD_LIBRARY_PATH": self.libraries} if self.libraries else {}


def find(progress: Progress) -> Tools:
    """The programs; downloaded where the machine has not both.

    Raises:
        SandboxError: they cannot be had here; the message says why.
    """
    found = {name: shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SBIN}") for name in WANTED}
    haproxy, nft = found["haproxy"], found["nft"]
    if haproxy and nft and _version(haproxy, "") >= _OLDEST:
        return Tools(haproxy, nft, "", _version(haproxy, ""))
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SandboxError(
            "HAProxy and nftables are not installed here, and there is no apt-get to download them: install both"
        )
    root = _unpacked(progress)
    libraries = ":".join(sorted({str(path.parent) for path in root.glob("**/*.so.*")}))
    haproxy = str(root / "usr" / "sbin" / "haproxy")
    return Tools(haproxy, str(root / "usr" / "sbin" / "nft"), libraries, _version(haproxy, libraries))


def _version(haproxy: str, libraries: str) -> tuple[int, int]:
    environment = {**os.environ, **({"LD_LIBRARY_PATH": libraries} if libraries else {})}
    done = subprocess.run([haproxy, "-v"], capture_output=True, text=True, timeout=30, check=False, env=environment)  # noqa: S603 - found above
    if said := _VERSION.search(done.stdout):
        return int(said[1]), int(said[2])
    raise SandboxError(f"{haproxy} does not run: {(done.stderr or done.stdout).strip()[-500:]}")


def _unpacked(progress: Progress) -> Path:
    """The packages' content, kept for each release of the distribution; ``packages.json`` has their versions."""
    release = Path("/etc/os-release").read_bytes() if Path("/etc/os-release").exists() else b""
    folder = cache.root() / f"packages-{cache.digest(release, platform.machine(), *sorted(WANTED.values()))}"
    if not (folder / "packages.json").exists():
        with cache.locked("packages", progress):
            if not (folder / "packages.json").exists():
                with step(progress, "downloading HAProxy and nftables", _SECONDS):
                    _download(folder)
    return folder / "root"


def _download(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    temporary, log = cache.scratch(folder.name), cache.log_of("packages")
    (folder / "root").mkdir(parents=True)
    needed = needs(_simulated([]))
    own: list[str] = []
    if not needed:  # the machine's lists are empty, as in many an image: lists of our own need no root
        own = [f"-o=Dir::State::Lists={temporary / 'lists'}", f"-o=Dir::Cache={temporary / 'cache'}"]
        for name in ("lists/partial", "cache/archives/partial"):
            (temporary / name).mkdir(parents=True)
        cache.run(["apt-get", "-q", *own, "-o=Debug::NoLocking=1", "update"], log)
        needed = needs(_simulated(own))
    missing = set(WANTED.values()) - set(needed)
    if missing:
        raise SandboxError(f"apt knows no package {' and no '.join(sorted(missing))} here; see {log}")
    named = [f"{name}={version}" for name, version in needed.items()]
    cache.run(["apt-get", "-q", *own, "download", *named], log, cwd=temporary)
    for package in sorted(temporary.glob("*.deb")):
        cache.run(["dpkg-deb", "-x", str(package), str(folder / "root")], log)
    files.write(folder / "packages.json", json.dumps(needed))
    shutil.rmtree(temporary, ignore_errors=True)


def _simulated(options: Sequence[str]) -> str:
    """What apt would install here; anybody may ask."""
    command = ["apt-get", "-s", *options, "install", "--no-install-recommends", *WANTED.values()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout  # noqa: S603 - fixed words


def needs(simulated: str) -> dict[str, str]:
    """The packages that an ``apt-get -s install`` names, with their versions."""
    return dict(_INST.findall(simulated))
