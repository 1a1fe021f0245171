"""``kubectl``, as a user of the cluster calls it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import GROUP, VERSION
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader

SECONDS = 120.0
TYPES = {each.short_names[0]: KubeType(each.kind, GROUP, VERSION, each.plural) for each in KINDS.values()}
"""Our kinds, by their short names."""


class KubectlError(Exception):
    """kubectl refused; the message is its own."""


class Kubectl:
    """Runs the sandbox's kubectl.

    Args:
        binary: the program.
        kubeconfig: whose rights it has.
    """

    def __init__(self, binary: Path, kubeconfig: Path) -> None:
        self._command = [str(binary), f"--kubeconfig={kubeconfig}"]

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Run it; returns what it prints.

        Raises:
            KubectlError: it failed.
        """
        done = subprocess.run(  # noqa: S603 - the sandbox's own kubectl, with words of the demo's
            [*self._command, *arguments], input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, *paths: Path, namespace: str | None = None, server_side: bool = True) -> str:
        """Apply files or folders: server-side, or as a plain ``kubectl apply`` does."""
        files = [argument for path in paths for argument in ("-f", str(path))]
        where = ["-n", namespace] if namespace else []
        how = ["--server-side", "--force-conflicts"] if server_side else []
        return self.run("apply", *how, *where, *files)

    def apply_text(self, text: str, namespace: str | None = None) -> str:
        """Apply a manifest given as text."""
        return self.run("apply", *(["-n", namespace] if namespace else []), "-f", "-", stdin=text)

    def json(self, *arguments: str) -> Any:
        """What ``-o json`` gives."""
        return json.loads(self.run(*arguments, "-o", "json"))


class Reader:
    """Reads objects of ours. Not by kubectl, whose start takes a tenth of a second of a processor at each look.

    Args:
        kubeconfig: whose rights it has.
        namespace: where the objects are.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kube = HttpKube(loader(kubeconfig), time.monotonic)
        self._namespace = namespace

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """One object, by the short name of its kind."""
        return dict(self._kube.get(TYPES[kind], self._namespace, name))

    def all(self, *kinds: str) -> list[dict[str, Any]]:
        """All objects of these kinds."""
        return [dict(body) for kind in kinds for page in self._kube.list(TYPES[kind], self._namespace) for body in page]
