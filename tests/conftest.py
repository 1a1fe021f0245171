"""What all tests share: one running sandbox for the whole run."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Environment, Sandbox
from tests.support.box import kubectl


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox. ``SANDBOX_STATE`` names the state folder of one that runs already, which then stays."""
    running = os.environ.get("SANDBOX_STATE")
    box = Sandbox(Path(running) if running else tmp_path_factory.mktemp("sandbox"))
    box.up()
    box.clear_faults()
    try:
        yield box
    finally:
        if not running:
            box.down()


@pytest.fixture(scope="session")
def env(box: Sandbox) -> Environment:
    """What the sandbox offers."""
    return box.environment


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "box" in request.fixturenames:
        request.getfixturevalue("box").clear_faults()


@pytest.fixture
def namespace(env: Environment) -> Iterator[str]:
    """A namespace of the test's own; what is in it is gone before the next test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", name)
    yield name
    # First what has finalizers, then the namespace: its own controller looks again only every few seconds.
    if "infomaniaknetworks" in kubectl(env, "api-resources", "--categories=infomaniak", "-o", "name", check=False):
        kubectl(env, "delete", "infomaniak", "--all", "-n", name, "--timeout=120s")
    kubectl(env, "delete", "namespace", name, "--wait=false", "--ignore-not-found")
