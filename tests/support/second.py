"""A further operator beside, or instead of, the one that a package's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.flow import OPERATOR_NAMESPACE
from demo.operator import OperatorProcess
from sandbox import Sandbox


@contextmanager
def instead_of(running: OperatorProcess, box: Sandbox, folder: Path, *arguments: str) -> Iterator[OperatorProcess]:
    """An operator with arguments of its own while the shared one is stopped; then the shared one runs again."""
    running.stop()
    try:
        with beside(box, folder, *arguments) as process:
            yield process
    finally:
        running.start()


@contextmanager
def beside(box: Sandbox, folder: Path, *arguments: str) -> Iterator[OperatorProcess]:
    """A further operator. It must be told of namespaces that no other one watches, or the others be stopped."""
    kubeconfig = box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator")
    common = ("--allowed-auth-url", box.environment.auth_url, "--create-grace-seconds", "4")
    process = OperatorProcess(folder, kubeconfig, [*common, *arguments])
    process.start()
    try:
        yield process
    finally:
        process.stop()
