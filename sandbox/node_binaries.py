"""What a real node runs: built from the Go module proxy into the user's cache folder, as the control plane is."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sandbox import cache, golang
from sandbox.cache import HERE
from sandbox.progress import Progress, step

_K8S = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3"
_SECONDS = 60.0
_CONTAINERD = "github.com/containerd/containerd/v2"


class _Binary(NamedTuple):
    module: str
    package: str
    flags: str = "-s -w"
    tags: str = ""
    cgo: bool = False


_LEAST = "no_btrfs,no_devmapper,no_zfs"
_BINARIES = {
    "kubelet": _Binary("kube-node", "k8s.io/kubernetes/cmd/kubelet", _K8S),
    "kube-proxy": _Binary("kube-node", "k8s.io/kubernetes/cmd/kube-proxy", _K8S),
    "kube-scheduler": _Binary("kube-node", "k8s.io/kubernetes/cmd/kube-scheduler", _K8S),
    "containerd": _Binary("containerd", f"{_CONTAINERD}/cmd/containerd", tags=_LEAST),
    "containerd-shim-runc-v2": _Binary("containerd", f"{_CONTAINERD}/cmd/containerd-shim-runc-v2", tags=_LEAST),
    "ctr": _Binary("containerd", f"{_CONTAINERD}/cmd/ctr", tags=_LEAST),
    # Debian's own is too old for this containerd. Without seccomp there is no RuntimeDefault, which "restricted" wants.
    "runc": _Binary("runc", "github.com/opencontainers/runc", "-s -w -X main.version=1.5.2", "seccomp", cgo=True),
    "pause": _Binary("pause", "."),
}


def folder() -> Path:
    """Where they are under their own names: containerd looks for its shim by name. Keyed by all that is locked."""
    sources = [HERE / "go" / module / file for module in _modules() for file in ("go.mod", "go.sum")]
    what = repr(sorted(_BINARIES.items()))
    return cache.root() / f"node-{cache.digest(*sources, what, platform.machine())}"


def paths() -> dict[str, Path]:
    """Where they are, or will be, by name."""
    return {name: folder() / name for name in _BINARIES}


def _modules() -> list[str]:
    return sorted({binary.module for binary in _BINARIES.values()})


def build(progress: Progress) -> dict[str, Path]:
    """The binaries, by name; built where they are not there yet, at the lowest priority: it takes minutes.

    Raises:
        SandboxError: a build failed.
    """
    target = folder()
    with cache.locked("node-binaries", progress):
        target.mkdir(parents=True, exist_ok=True)
        for names in together({name: one for name, one in _BINARIES.items() if not (target / name).exists()}):
            _build(names, target, progress)
    return paths()


def together(wanted: Mapping[str, _Binary]) -> list[list[str]]:
    """What one ``go build`` makes: it reads the modules once, and compiles beside what it links."""
    groups: dict[_Binary, list[str]] = {}
    for name, binary in wanted.items():
        groups.setdefault(binary._replace(package=""), []).append(name)
    return list(groups.values())


def _build(names: Sequence[str], target: Path, progress: Progress) -> None:
    go, first = golang.go(progress), _BINARIES[names[0]]
    with step(progress, f"building {', '.join(names)}", _SECONDS * len(names)):
        golang.build_together(
            go,
            first.module,
            {_BINARIES[name].package: target / name for name in names},
            [golang.PLAIN, "-tags", first.tags, "-ldflags", first.flags],
            f"build-{'-'.join(names)}",
            scratch="node-binaries",
            before=["nice", "-n", "19"],
            environment={"CGO_ENABLED": str(int(first.cgo))},
        )
