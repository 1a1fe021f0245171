"""What a real node takes of the machine: root, Debian's packages, and a kernel that lets us."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sandbox import cache, node_binaries
from sandbox.data_path import packages
from sandbox.errors import SandboxError
from sandbox.progress import Progress

PACKAGES = ("debootstrap", "buildah", "containernetworking-plugins", "libseccomp-dev")
"""Debian's, for what is not built here: base images, image builds, Pods' network, and runc's C library."""
_CGROUPS = Path("/sys/fs/cgroup")
_CONTROLLERS = ("cpu", "memory", "pids")


def missing() -> str:
    """Why there can be no node here; empty: there can be one."""
    if platform.system() != "Linux":
        return "a node needs Linux"
    if os.geteuid() != 0:
        return "a node needs root"
    absent = _absent()
    return f"not installed: {', '.join(absent)}" if absent else next(_refused(), "")


def _absent() -> list[str]:
    wanted = {
        "debootstrap": shutil.which("debootstrap"),
        "buildah": shutil.which("buildah"),
        "containernetworking-plugins": Path("/usr/lib/cni/ptp").exists(),
        "libseccomp-dev": Path("/usr/include/seccomp.h").exists() or (node_binaries.folder() / "runc").exists(),
        "iproute2": shutil.which("ip"),
        "util-linux": shutil.which("unshare") and shutil.which("nsenter"),
    }
    return [name for name, found in wanted.items() if not found]


def _refused() -> Iterator[str]:
    """What root may not do here, as in many a container: each is tried, and undone."""
    cache.root().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.root()) as folder:
        places = {name: str(Path(folder) / name) for name in ("lower", "upper", "work", "merged")}
        for place in places.values():
            Path(place).mkdir()
        options = "lowerdir={lower},upperdir={upper},workdir={work}".format(**places)
        mount = ["mount", "-t", "overlay", "overlay", "-o", options, places["merged"]]
        if error := _fails(["unshare", "--mount", "--propagation", "private", "--", *mount]):
            yield f"the kernel mounts no overlays here: {error}"
    probe = f"probe{os.getpid() % 10**6}"
    apart = ["unshare", "--net", "--"]
    if error := _fails([*apart, "ip", "link", "add", probe, "type", "veth", "peer", "name", f"{probe}b"]):
        yield f"the kernel makes no network namespaces with veths here: {error}"
    yield from _no_rules(apart)
    one_tree = (_CGROUPS / "cgroup.controllers").exists()
    for top in [_CGROUPS] if one_tree else [_CGROUPS / name for name in _CONTROLLERS]:
        try:
            (top / probe).mkdir()
            (top / probe).rmdir()
        except OSError as error:
            yield f"no cgroup can be made here: {error}"


def _no_rules(apart: Sequence[str]) -> Iterator[str]:
    """Why kube-proxy could write no rules."""
    try:
        tools = packages.find(lambda _: None)
    except SandboxError as error:
        yield str(error)
        return
    if said := _fails([*apart, tools.nft, "add", "table", "ip", "probe"], tools.environment):
        yield f"the kernel takes no rules of nftables here: {said}"


def _fails(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What it says if it fails; empty: it does not."""
    env = {**os.environ, **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)  # noqa: S603 - probes with fixed words
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


def install(progress: Progress) -> None:
    """Install the packages that are missing, where this is root on a Debian; `missing` tells what was not to be had.

    Raises:
        SandboxError: apt-get failed.
    """
    apt = shutil.which("apt-get")
    if os.geteuid() == 0 and apt and _absent():
        progress(f"installing {', '.join(PACKAGES)} (once)")
        log, quiet = cache.log_of("node-packages"), {"DEBIAN_FRONTEND": "noninteractive"}
        cache.run([apt, "-q", "update"], log, env=quiet)
        cache.run([apt, "-qy", "install", "--no-install-recommends", *PACKAGES], log, env=quiet)
