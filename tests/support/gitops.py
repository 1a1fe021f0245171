"""What Argo CD and kstatus, by their own libraries, make of our objects: our program around them (sandbox/go/gitops)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.golang import gitops_tool, go, surroundings

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "deploy" / "argocd" / "health.yaml"
"""What a user applies to Argo CD."""

SECONDS = 180.0


def go_module(name: str) -> Path:
    """The sources of a Go module, ``path@version``, as the module proxy has them."""
    with tempfile.TemporaryDirectory() as folder:  # so that no go.mod has a say
        command = [str(go(print)), "mod", "download", "-json", name]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=folder,
            env={**os.environ, **surroundings()},
        )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    return Path(json.loads(done.stdout)["Dir"])


class GitOps:
    """The program; it is built where it is not there yet."""

    def __init__(self) -> None:
        self._binary = gitops_tool(print)

    def health(self, objects: Sequence[Mapping[str, Any]]) -> list[dict[str, dict[str, str]]]:
        """What Argo CD (``argocd``) and kstatus (``kstatus``) say of each object: ``status`` and ``message``."""
        found: list[dict[str, dict[str, str]]] = json.loads(self._run("health", stdin=json.dumps(list(objects))))
        return found

    def _run(self, what: str, *arguments: str, stdin: str | None = None) -> str:
        with tempfile.TemporaryDirectory() as kept:  # what kubectl's libraries keep of an API server, else at home
            done = subprocess.run(
                [str(self._binary), what, f"--settings={SETTINGS}", *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
                env={**os.environ, "KUBECACHEDIR": kept},
            )
        assert done.returncode == 0, f"gitops {what}: {done.stderr}{done.stdout}"
        return done.stdout


class Application:
    """An Application of Argo CD: a folder of manifests, synced with somebody's rights.

    Args:
        tool: the program.
        kubeconfig: whose rights.
        name: the Application's.
        namespace: for manifests that name none.
        folder: the manifests.
    """

    def __init__(self, tool: GitOps, kubeconfig: Path, name: str, namespace: str, folder: Path) -> None:
        self._tool = tool
        self._options = [f"--kubeconfig={kubeconfig}", f"--app={name}", f"--namespace={namespace}"]
        self.folder = folder

    def sync(self, *, prune: bool = False, server_side: bool = True, self_heal: bool = False) -> dict[str, Any]:
        """Sync: ``phase``, ``waves`` with all health right after each was applied, ``resources`` with their messages.

        Args:
            prune: remove what the folder no longer has.
            server_side: as with ``ServerSideApply=true``.
            self_heal: apply only what is OutOfSync.
        """
        chosen = {"--prune": prune, "--server-side": server_side, "--self-heal": self_heal}
        return self._ask("sync", *[flag for flag, wanted in chosen.items() if wanted], str(self.folder))

    def diff(self) -> dict[str, Any]:
        """What is OutOfSync by each way to compare (``threeWay``, ``structured``, ``serverSide``), and ``health``."""
        return self._ask("diff", str(self.folder))

    def delete(self) -> list[str]:
        """Delete it by cascade; returns what was deleted, in order."""
        return list(self._ask("delete")["deleted"])

    def _ask(self, what: str, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._tool._run(what, *self._options, *arguments))
        return found
