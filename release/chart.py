"""The chart's checks, by the tools that people use for theirs."""

from __future__ import annotations

import difflib
import gzip
import io
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

from sandbox.golang import chart_tools
from sandbox.progress import Progress

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "infomaniak-operator"
NAME = "infomaniak-operator"
_SCORE = (
    # A CPU limit only throttles what is idle most of the time; there is a request.
    "--ignore-container-cpu-limit",
    # The tag is the release's own and is never moved; who wants more pins the digest.
    "--ignore-test=container-image-pull-policy",
)
_EPOCH = 315532800  # as the wheel's: 1980, the first year that a zip file knows


class ChartError(Exception):
    """A check failed; the message is the tool's own."""


class Chart:
    """The chart and what it takes to check it.

    Args:
        progress: told what is built, where the tools are not there yet.
        path: the chart's folder, or a package; what is rendered.
    """

    def __init__(self, progress: Progress = print, path: Path = CHART) -> None:
        self._tools = chart_tools(progress)
        self._path = path

    def values(self) -> list[Path]:
        """The sets of values that everything is tried with, beside the defaults."""
        return sorted((CHART / "ci").glob("*-values.yaml"))

    def render(
        self, values: Sequence[Path] = (), sets: Sequence[str] = (), *, release: str = NAME, namespace: str = NAME
    ) -> str:
        """``helm template``.

        Args:
            values: files of values.
            sets: ``key=value``, the value as JSON.
            release: its name.
            namespace: its namespace.

        Raises:
            ChartError: it failed.
        """
        given = [f"--values={path}" for path in values] + [f"--set-json={item}" for item in sets]
        return self._run("helm", "template", release, str(self._path), "--namespace", namespace, *given)

    def lint(self) -> str:
        """``helm lint --strict``, with each set of values."""
        return "".join(
            self._run("helm", "lint", "--strict", "--quiet", str(CHART), *(f"--values={path}" for path in paths))
            for paths in ([], *([path] for path in self.values()))
        )

    def unittest(self) -> str:
        """``helm unittest``."""
        return self._run("helm-unittest", "--strict", str(CHART))

    def docs(self, *, check: bool) -> str:
        """README.md by ``helm-docs``: written, or compared.

        Raises:
            ChartError: it is stale.
        """
        options = [f"--chart-search-root={CHART}", "--sort-values-order=file", "--log-level=error", "--dry-run"]
        text = self._run("helm-docs", *options).rstrip() + "\n"
        file = CHART / "README.md"
        if not check:
            file.write_text(text, encoding="utf-8")
        elif text != (file.read_text(encoding="utf-8") if file.exists() else ""):
            now = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
            diff = list(difflib.unified_diff(now, text.splitlines(), "README.md", "generated", lineterm="", n=0))
            raise ChartError("\n".join([*diff[:12], "the chart's README is stale: run `make chart-docs`"]))
        return ""

    def score(self) -> str:
        """``kube-score``, of the defaults."""
        rendered = self._run("helm", "template", NAME, str(CHART), "--namespace", NAME, "--skip-tests")
        return self._run("kube-score", "score", *_SCORE, "-", stdin=rendered)

    def conform(self, rendered: str, schemas: Path) -> str:
        """``kubeconform -strict``, of what was rendered.

        Args:
            rendered: manifests.
            schemas: folder with ``kind-group-version.json``.
        """
        location = f"{schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
        return self._run("kubeconform", "-strict", "-summary", "-schema-location", location, "-", stdin=rendered)

    def package(self, folder: Path) -> Path:
        """``helm package``, of the same bytes each time."""
        said = self._run("helm", "package", str(CHART), "--destination", str(folder))
        made = Path(said.strip().rsplit(" ", 1)[-1])
        made.write_bytes(_timeless(made.read_bytes()))
        return made

    def check(self, progress: Progress = print) -> None:
        """All of it.

        Raises:
            ChartError: a check failed.
        """
        for name, step in (
            ("helm lint", self.lint),
            ("helm unittest", self.unittest),
            ("helm-docs", lambda: self.docs(check=True)),
            ("kube-score", self.score),
        ):
            step()
            progress(f"{name}: fine")

    def _run(self, tool: str, *arguments: str, stdin: str | None = None) -> str:
        command = [str(self._tools[tool]), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 - tools that the sandbox built, with words of the release's
        if done.returncode:
            raise ChartError(f"{tool} {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}")
        return done.stdout


def _timeless(package: bytes) -> bytes:
    """The same files without the times and rights that helm found or made up."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(package)) as given,
        gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as made,
    ):
        for member in sorted(given.getmembers(), key=lambda each: each.name):
            plain = tarfile.TarInfo(member.name)
            plain.size, plain.mode, plain.mtime = member.size, 0o644, _EPOCH
            made.addfile(plain, given.extractfile(member))
    return out.getvalue()
