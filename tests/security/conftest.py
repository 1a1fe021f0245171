"""One operator for two tenants that do not trust each other, on the real OpenStack and the real API server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.flow import OPERATOR_NAMESPACE, credentials_secret
from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.box import kubectl
from tests.support.canary import Canary
from tests.support.running import User, operator, shared
from tests.support.tenants import AtHome, Tenant, at_home, tenant

SHARED = "shared-credential"
SUBNETS = [{"name": "a", "cidr": "10.61.0.0/24"}, {"name": "b", "cidr": "10.62.0.0/24"}]


@dataclass(frozen=True)
class House:
    """The operator and who it works for.

    Attributes:
        process: the operator. Objects without a credential of their own have the project ``beta``, in both namespaces.
        home: the namespace of who must notice nothing; its Secret is of the project ``beta``.
        mallory: the namespace of who tries things.
    """

    process: OperatorProcess
    home: str
    mallory: str


@pytest.fixture
def house(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> House:
    """What the tests share: it runs, though the test before may have stopped it."""
    found = shared(box).use("house", lambda: built(box, tmp_path_factory.mktemp("operator")))
    found.process.start()
    return found


@contextmanager
def built(box: Sandbox, folder: Path) -> Iterator[House]:
    """The house, and all in it."""
    env = box.environment
    box.set_quota("beta", network=-1, subnet=-1, port=-1, router=-1, security_group=-1, security_group_rule=-1)
    box.set_quota("beta", floatingip=-1)
    tag = uuid.uuid4().hex[:6]
    home, mallory = f"home-{tag}", f"mallory-{tag}"
    # Marks have to hold by themselves: what the isolation refuses is tried in tests/integration/operator/test_tenancy.py.
    options = [
        "--create-grace-seconds=4",
        "--tenant-isolation=none",
        f"--default-credentials={OPERATOR_NAMESPACE}/{SHARED}",
    ]
    options += [f"--default-credentials-namespace={each}" for each in (home, mallory)]
    with operator(box, folder, *options) as process:
        shared = credentials_secret(env.projects["beta"], SHARED)
        kubectl(env, "apply", "-n", OPERATOR_NAMESPACE, "-f", "-", stdin=shared)
        kubectl(env, "create", "namespace", home)
        try:
            with tenant(env, mallory, "mallory@example.com"):
                at_home(User(env, home, env.projects["beta"]), SUBNETS)
                yield House(process, home, mallory)
        finally:
            kubectl(env, "delete", "infomaniak", "--all", "-n", home, "--timeout=120s")
            kubectl(env, "delete", "namespace", home, "--wait=false")
            kubectl(env, "delete", "secret", SHARED, "-n", OPERATOR_NAMESPACE, "--wait=false")


@pytest.fixture
def home(env: Environment, house: House) -> AtHome:
    """Who must notice nothing, noted as they are now."""
    found = AtHome(User(env, house.home, env.projects["beta"]), house.process, Canary.of(env))
    found.note()
    return found


@pytest.fixture
def mallory(env: Environment, house: House, home: AtHome) -> Iterator[Tenant]:
    """Who tries things, with a credential of the project ``alpha``; all that was tried goes afterwards."""
    own = Tenant(env, house.mallory, "mallory@example.com")

    def credential() -> None:
        kubectl(env, "apply", "-n", own.namespace, "-f", "-", stdin=credentials_secret(env.projects["alpha"]))

    credential()
    yield own
    try:
        home.unchanged()
        Canary.of(env).cluster([str(env.kubectl), f"--kubeconfig={env.kubeconfig}"])
    finally:
        credential()  # with which all can be cleaned up
        for each in ("paused", "dry-run"):
            off = f"network.infomaniak.cloud/{each}-"
            kubectl(env, "annotate", "infomaniak", "--all", "-n", own.namespace, off, check=False)
        kubectl(env, "delete", "infomaniak", "--all", "-n", own.namespace, "--timeout=90s")
        kubectl(env, "delete", "secret,services", "--all", "-n", own.namespace, "--timeout=90s")
