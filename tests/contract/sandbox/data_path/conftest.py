from collections.abc import Iterator

import pytest

from sandbox import Environment, Sandbox
from sandbox.data_path import DataPath
from tests.support.customer import Customer
from tests.support.traffic import ONE, TWO, Balancing, carrying


@pytest.fixture(scope="module")
def _path(box: Sandbox, env: Environment) -> Iterator[DataPath]:
    """Project beta carries packets while these tests run."""
    del env
    with carrying(box) as path:
        yield path


@pytest.fixture(scope="module")
def _site(box: Sandbox, env: Environment, _path: DataPath) -> Iterator[Balancing]:
    site = Balancing(box, Customer(env, env.projects["beta"]), box.world("beta"))
    yield site
    site.sweep()


@pytest.fixture
def site(_site: Balancing) -> Iterator[Balancing]:
    """A network of project beta, and the world in which it is; of a test's servers none is left to the next."""
    yield _site
    _site.clear()


@pytest.fixture
def servers(site: Balancing) -> None:
    """Two small servers."""
    site.world.serve(ONE, TWO)
