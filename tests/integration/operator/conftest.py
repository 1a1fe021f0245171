from collections.abc import Iterator

import pytest

from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.byhand import ByHand
from tests.support.customer import Customer
from tests.support.keys import Keys
from tests.support.running import User, operator, started


@pytest.fixture
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """The operator that the tests share. It runs, though the test before may have stopped it: any test may be before."""
    return started(
        box,
        "the tests of the operator",
        lambda: operator(box, tmp_path_factory.mktemp("operator"), "--create-grace-seconds=4"),
    )


@pytest.fixture
def user(env: Environment, namespace: str, running: OperatorProcess) -> User:
    user = User(env, namespace, env.projects["alpha"])
    user.credentials()
    return user


@pytest.fixture
def beta(box: Sandbox, env: Environment, namespace: str, running: OperatorProcess) -> User:
    """A user of the other project, whose quotas are out of the way."""
    box.set_quota("beta", network=-1, subnet=-1, port=-1, router=-1, security_group=-1, security_group_rule=-1)
    box.set_quota("beta", floatingip=-1)
    user = User(env, namespace, env.projects["beta"])
    user.credentials()
    return user


@pytest.fixture
def hands(beta: User) -> Iterator[ByHand]:
    """Somebody else in the project of ``beta``; what they made goes before the namespace's own objects, or after."""
    hands = ByHand(beta.cloud)
    yield hands
    hands.clean()
    beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=120s")
    assert hands.clean() == []


@pytest.fixture
def keys(box: Sandbox, env: Environment, running: OperatorProcess) -> Iterator[Keys]:
    """What the customer keeps in Barbican, where ``running`` has it; it goes after the load balancers that have it."""
    keys = Keys(Customer(env, box.customer("beta", "creator")))
    yield keys
    keys.clean()


@pytest.fixture
def holder(box: Sandbox, keys: Keys, beta: User) -> User:
    """The user of project beta, with a credential that has the role ``creator``."""
    beta.credentials(project=box.customer("beta", "creator"))
    return beta
