"""A further operator beside, or instead of, the one that a package's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.flow import OPERATOR_NAMESPACE
from demo.operator import OperatorProcess
from sandbox import Sandbox
from tests.support.canary import Canary
from tests.support.running import tell_all, told_nothing


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
    process = OperatorProcess(folder, kubeconfig, [*common, *arguments], tell_all(folder))
    process.start()
    try:
        yield process
        told_nothing(box.environment, process)
    finally:
        process.stop()
        Canary.of(box.environment).folder(folder, "what the operator wrote")
