"""What all tests share: one running sandbox for the whole run."""

import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import INFOMANIAK, Environment, Sandbox
from tests.support.box import kubectl
from tests.support.canary import Canary, Listener
from tests.support.objects import CANARY
from tests.support.process import end_all
from tests.support.running import shared


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep halves of surrogate pairs, which tests send on purpose, out of what one process of the run tells another."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(scope="session")
def _listener() -> Iterator[Listener]:
    """Reads along what the operator's code logs in this process, at DEBUG."""
    listener, operator = Listener(CANARY), logging.getLogger("infomaniak_operator")
    operator.addHandler(listener)
    operator.setLevel(logging.DEBUG)
    yield listener
    operator.removeHandler(listener)


@pytest.fixture(autouse=True)
def _no_secret_logged(_listener: Listener) -> Iterator[None]:
    _listener.heard.clear()
    yield
    assert _listener.heard == []


QUICK = replace(INFOMANIAK, small_quotas=False, dhcp_ports=0, amphora_ports=0, monitor_refusals=0, first_minute=0)
"""As Infomaniak, but for what costs time or room: a test that is about that asks for it (``set_traits``)."""


@pytest.fixture(scope="session")
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The sandbox, one for each process of the run. ``SANDBOX_STATE`` names the folder of one that runs, which then stays.

    Its own folder is not one of pytest's: another run of pytest closes those to others than its user, and PostgreSQL,
    which will not run as root, loses its data under way. It stays for its logs where a test has failed.
    """
    running = os.environ.get("SANDBOX_STATE")
    if running and os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        raise pytest.UsageError("SANDBOX_STATE is one sandbox, and so for one process: leave out -n, or give WORKERS=0")
    folder = Path(running or tempfile.mkdtemp(prefix="infomaniak-sandbox-"))
    box = Sandbox(folder)
    box.up(helm=True, traits=QUICK)
    box.clear_faults()
    try:
        yield box
    finally:
        shared(box).end()
        if not running:
            box.down()
            if not request.session.testsfailed:
                shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def env(box: Sandbox) -> Environment:
    """What the sandbox offers."""
    return box.environment


@pytest.fixture(autouse=True)
def _no_process_left() -> Iterator[None]:
    """No process of the operator of ``tests/support/process.py`` outlives its test."""
    yield
    end_all()


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
    ours = "infomaniaknetworks" in kubectl(env, "api-resources", "--categories=infomaniak", "-o", "name", check=False)
    try:
        kinds = f"events,leases,configmaps{',infomaniak' if ours else ''}"
        Canary.of(env).cluster([str(env.kubectl), f"--kubeconfig={env.kubeconfig}"], name, kinds=kinds)
    finally:
        # First what has finalizers, then the namespace: its own controller looks again only every few seconds.
        if ours:
            kubectl(env, "delete", "infomaniak", "--all", "-n", name, "--timeout=120s")
        kubectl(env, "delete", "namespace", name, "--wait=false", "--ignore-not-found")
