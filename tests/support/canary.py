"""Secrets that must come up nowhere, and the search for them: in text, in a folder, a process, a cluster, the metrics.

Every tier ends with it: unit and integration tests (conftest.py), ``make e2e-node`` and ``make demo`` (``python -m
tests.support.canary``, ``make canary``). What is searched for is written without a look at how the operator hides.
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import logging
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, quote_plus

from infomaniak_operator.cli.logs import Formatter
from sandbox import Environment, Sandbox

TOKEN = re.compile(rb"gAAAAA[\w=-]{20,}")
"""A token of Keystone, whoever's it is."""
WHERE = "infomaniak,events,leases,configmaps"
"""The kinds that the operator writes, and one that it could; a Secret is where a secret belongs."""
_SHORT = 6
"""The base64 of anything shorter is found in anything."""


class SecretFoundError(AssertionError):
    """A secret was found; the message says which and where, and does not repeat it."""


class Canary:
    """Secrets by what they are; all of them are looked for in every form in which they may come up.

    Args:
        secrets: by what they are.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._forms = {
            form: f"{what} ({how})"
            for what, secret in secrets.items()
            if secret
            for form, how in reversed(list(_forms(secret)))
        }

    @classmethod
    def of(cls, environment: Environment, **more: str) -> Canary:
        """What a sandbox has: the secrets of its customers."""
        found = {f"secret of {name}": each.application_credential_secret for name, each in environment.projects.items()}
        return cls({**found, **more})

    def found(self, text: str | bytes) -> list[str]:
        """Which secrets are in a text, and in which form."""
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        there = [what for form, what in self._forms.items() if form in raw]
        return there + (["a token of Keystone"] if TOKEN.search(raw) else [])

    def absent(self, where: str, text: str | bytes) -> None:
        """Nothing of it is in a text.

        Raises:
            SecretFoundError: it is.
        """
        if there := self.found(text):
            raise SecretFoundError(f"in {where}: {', '.join(there)}")

    def folder(self, folder: Path, where: str) -> None:
        """Nor in a file of a folder: logs, temporary files, a core.

        Raises:
            SecretFoundError: it is.
        """
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.absent(f"{where}, file {path.relative_to(folder)}", path.read_bytes())

    def process(self, pid: int, where: str) -> None:
        """Nor in what everybody may see of a process: its command line and its environment.

        Raises:
            SecretFoundError: it is.
        """
        for name in ("cmdline", "environ"):
            try:
                text = Path(f"/proc/{pid}/{name}").read_bytes()
            except (PermissionError, FileNotFoundError, ProcessLookupError):
                continue  # closed to us as to everybody else, or no longer there; or no Linux
            self.absent(f"{where}, {name}", text)

    def cluster(self, kubectl: Sequence[str], namespace: str | None = None, *, kinds: str = WHERE) -> None:
        """Nor in any object of the operator's, nor in Events: in one namespace, or in all.

        Args:
            kubectl: how it is called, as an administrator.
            namespace: where to look.
            kinds: of what.

        Raises:
            SecretFoundError: it is.
        """
        place = ["-n", namespace] if namespace else ["-A"]
        command = [*kubectl, "get", kinds, *place, "-o", "json", "--ignore-not-found"]
        done = subprocess.run(command, capture_output=True, timeout=120, check=True)
        self.absent(f"objects and Events in {namespace or 'all namespaces'}", done.stdout)

    def metrics(self, address: str) -> None:
        """Nor in the metrics, where they are to be had without a token.

        Raises:
            SecretFoundError: it is.
        """
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        self.absent("metrics", text)


def _forms(secret: str) -> Iterable[tuple[bytes, str]]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield raw, "as it is"
    for text, how in _written(secret):
        yield text.encode("utf-8", "surrogatepass"), how
    for text, how in list(_written(secret)):
        yield json.dumps(text)[1:-1].encode(), f"{how}, within JSON"
    yield raw.hex().encode(), "hexadecimal"
    if len(raw) >= _SHORT:
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            for before in range(3):
                # By itself, or as a part of something longer: without the characters that depend on what is around it.
                packed = encode(b"\0" * before + raw)
                yield packed[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6], "base64"


def _written(secret: str) -> Iterable[tuple[str, str]]:
    for text in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield text, "in a URL"
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text), "in a URL"
    yield json.dumps(secret)[1:-1], "in JSON"
    yield json.dumps(secret, ensure_ascii=False)[1:-1], "in JSON"
    yield repr(secret)[1:-1], "in Python's quotes"
    yield secret.encode("unicode_escape").decode(), "escaped"
    yield html.escape(secret), "in HTML"
    yield html.escape(secret, quote=False), "in HTML"
    yield secret.replace("'", "''"), "in YAML"


class Listener(logging.Handler):
    """Reads along what the operator logs in this process, as it would be written, and notes where a secret is in it.

    Args:
        canary: the secrets.
    """

    def __init__(self, canary: Canary) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(Formatter("%(name)s: %(message)s"))
        self.canary = canary
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note what is found."""
        if there := self.canary.found(self.format(record)):
            self.heard.append(f"{record.name}:{record.lineno}: {', '.join(there)}")


def _main() -> int:
    """Search what runs in a sandbox, as the demo leaves it."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.canary", description=_main.__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder of the sandbox's state")
    parser.add_argument("--metrics", help="HOST:PORT of the operator's metrics")
    read = parser.parse_args()
    state = read.state.resolve()
    environment = Sandbox(state).environment
    made = state / "openstack" / "customers.json"  # those with further roles
    customers = json.loads(made.read_text()) if made.exists() else {}
    further = {f"secret of {name}": one["application_credential_secret"] for name, one in customers.items()}
    canary = Canary.of(environment, **further)
    log = state / "operator.log"
    try:
        canary.absent(f"the log {log}", log.read_bytes())
        canary.process(int((state / "operator.pid").read_text().split()[0]), "the operator's process")
        canary.cluster([str(environment.kubectl), f"--kubeconfig={environment.kubeconfig}"])
        if read.metrics:
            canary.metrics(read.metrics)
    except SecretFoundError as error:
        print(f"a secret has come out: {error}", file=sys.stderr)
        return 1
    print(f"no secret in {log}, in the process's environment, in any object or Event of the operator's")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
