from collections.abc import Iterator

import pytest

from sandbox import Environment, Sandbox
from tests.support.customer import Customer
from tests.support.extras import having
from tests.support.keys import Keys
from tests.support.running import shared

_ORDER = ("floatingips", "ports", "routers", "networks", "security-groups")


@pytest.fixture
def customer(env: Environment) -> Iterator[Customer]:
    """Project beta, swept afterwards."""
    customer = Customer(env, env.projects["beta"])
    yield customer
    for collection in _ORDER:
        name = collection.replace("-", "_")
        listed = customer.neutron("GET", f"{collection}?project_id={customer.project.id}").body[name]
        for item in listed:
            customer.neutron("DELETE", f"{collection}/{item['id']}")


@pytest.fixture
def full(box: Sandbox, env: Environment) -> Sandbox:
    """The sandbox with Barbican and Designate."""
    shared(box).use("barbican and designate", lambda: having(box, "barbican", "designate"))
    return box


@pytest.fixture
def keeper(full: Sandbox, env: Environment) -> Iterator[Keys]:
    """What a customer of project beta with the role ``creator`` keeps in Barbican."""
    keys = Keys(Customer(env, full.customer("beta", "creator")))
    yield keys
    keys.clean()
