from collections.abc import Iterator

import pytest

from sandbox import Environment
from tests.support.customer import Customer

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
