"""What carries a copy of a mark of ours, on the real Neutron: left alone, and told of."""

import uuid
from collections.abc import Iterator

import pytest

from sandbox import Sandbox
from tests.support.cloud_hands import changing, reconciled, until_event
from tests.support.manifests import manifest
from tests.support.running import User
from tests.support.unordered import unordered

INET, IROUTER = "InfomaniakNetwork", "Router"


@pytest.fixture
def old(user: User) -> Iterator[str]:
    """A router of long ago, with an interface and a route."""
    name = f"hand-{uuid.uuid4().hex[:8]}"
    network = user.cloud.networks.create({"name": name})
    subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "10.77.0.0/24", "name": name}
    under = user.cloud.subnets.create(subnet)
    router = user.cloud.routers.create({"name": name})
    user.cloud.routers.add_interface(router["id"], subnet_id=under["id"])
    routes = [{"destination": "10.99.0.0/24", "nexthop": "10.77.0.9"}]
    user.cloud.routers.update(router["id"], {"routes": routes})
    yield str(router["id"])
    user.cloud.routers.update(router["id"], {"routes": []})
    user.cloud.routers.remove_interface(router["id"], subnet_id=under["id"])
    user.cloud.routers.delete(router["id"])
    user.cloud.networks.delete(network["id"])


def test_a_router_with_a_copied_description_keeps_all_it_has(box: Sandbox, user: User, old: str) -> None:
    user.apply(manifest(INET, "n", subnets=[{"name": "v4", "cidr": "10.78.0.0/24"}]))
    user.apply(manifest(IROUTER, "r", interfaces=[{"networkRef": {"name": "n"}}]))
    ours = user.until_ready("irouter", "r")["status"]["id"]
    copied = user.cloud.routers.get(ours)["description"]
    user.cloud.routers.update(old, {"description": copied})
    before = unordered(user.cloud.routers.get(old))
    mark = box.mark()
    reconciled(box, user, "irouter", "r")
    assert old in until_event(user, "r", "CopyLeftAlone")
    assert changing(box, mark, user) == []
    assert unordered(user.cloud.routers.get(old)) == before
    assert old in user.condition("irouter", "r", "Synced")["message"]
    assert user.condition("irouter", "r", "Ready")["status"] == "True"
    user.delete("irouter", "r")
    assert ours not in [each["id"] for each in user.cloud.routers.list(project_id=user.project.id)]
    assert unordered(user.cloud.routers.get(old)) == before
    assert [each["device_id"] for each in user.cloud.ports.list(device_id=old)] == [old]
