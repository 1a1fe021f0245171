from collections.abc import Iterator

import pytest

from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.running import User, operator


@pytest.fixture(scope="package")
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with operator(box, tmp_path_factory.mktemp("operator"), "--create-grace-seconds=4") as process:
        yield process


@pytest.fixture
def user(env: Environment, namespace: str, running: OperatorProcess) -> User:
    user = User(env, namespace, env.projects["alpha"])
    user.credentials()
    return user
