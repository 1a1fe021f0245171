"""The CRDs on the sandbox's API server."""

import uuid
from collections.abc import Iterator

import pytest

from sandbox import Environment
from tests.support.box import kubectl
from tests.support.crds import Server, install_crds


@pytest.fixture(scope="session")
def server(env: Environment) -> Iterator[Server]:
    """The API server with the CRDs installed, and a namespace for all these tests."""
    install_crds(env)
    name = f"api-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", name)
    yield Server(env, name)
    kubectl(env, "delete", "namespace", name, "--wait=false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The sandbox's API server has a certificate of its own making; that need not be said at each request."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:Unverified HTTPS request"))
