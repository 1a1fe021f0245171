"""The fake cloud and the real one, side by side: one suite holds for both."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from infomaniak_operator.client import CloudSession, NotFoundError, Operations, parse_credentials
from tests.support.fake_cloud import EXTERNAL, FakeCloud


class Side:
    """A project of one of the two clouds.

    Attributes:
        do: the operations.
        project: its id.
        other: the same cloud in the hands of another project.
    """

    def __init__(self, do: Any, other: Any, project: str, limit: Any) -> None:
        self.do = do
        self.other = other
        self.project = project
        self.limit = limit
        self._prefix = uuid.uuid4().hex[:8]

    def name(self, text: str = "x") -> str:
        return f"{self._prefix}-{text}"

    def mine(self, row: dict[str, Any]) -> bool:
        return self._prefix in f"{row.get('name')} {row.get('description')}"

    @property
    def external(self) -> str:
        (network,) = self.do.networks.list(name=EXTERNAL)
        return str(network["id"])

    def network(self, *cidrs: str, **body: Any) -> dict[str, Any]:
        made = self.do.networks.create({"name": self.name(), **body})
        for cidr in cidrs:
            self.subnet(made, cidr)
        return self.do.networks.get(made["id"])

    def subnet(self, network: dict[str, Any], cidr: str, **body: Any) -> dict[str, Any]:
        version = 6 if ":" in cidr else 4
        return self.do.subnets.create({"network_id": network["id"], "cidr": cidr, "ip_version": version, **body})

    def router(self, *subnets: str, external: bool = True) -> dict[str, Any]:
        gateway = {"external_gateway_info": {"network_id": self.external}} if external else {}
        router = self.do.routers.create({"name": self.name(), **gateway})
        for subnet in subnets:
            self.do.routers.add_interface(router["id"], subnet_id=subnet)
        return self.do.routers.get(router["id"])

    def port(self, network: dict[str, Any], **body: Any) -> dict[str, Any]:
        return self.do.ports.create({"network_id": network["id"], "name": self.name(), **body})

    def address(self, **body: Any) -> dict[str, Any]:
        return self.do.floating_ips.create({"floating_network_id": self.external, "description": self.name(), **body})

    def group(self, **body: Any) -> dict[str, Any]:
        return self.do.security_groups.create({"name": self.name(), **body})

    def clean(self) -> None:
        for address in filter(self.mine, self.do.floating_ips.list()):
            self.do.floating_ips.delete(address["id"])
        for router in filter(self.mine, self.do.routers.list()):
            if router["routes"]:
                self.do.routers.update(router["id"], {"routes": []})
            for port in self.do.ports.list(device_id=router["id"], device_owner="network:router_interface"):
                self.do.routers.remove_interface(router["id"], port_id=port["id"])
            self.do.routers.delete(router["id"])
        for collection in (self.do.ports, self.do.networks, self.do.security_groups):
            for row in filter(self.mine, collection.list(project_id=self.project)):
                collection.delete(row["id"])


@pytest.fixture(scope="session")
def sessions(request: pytest.FixtureRequest) -> Iterator[Any]:
    """One login for each project of the sandbox."""
    env = request.getfixturevalue("env")
    opened = {
        name: CloudSession(parse_credentials({"clouds.yaml": project.clouds_yaml()}, None, [env.auth_url]))
        for name, project in env.projects.items()
    }
    yield opened
    for session in opened.values():
        session.close()


@pytest.fixture(params=["fake", "real"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Side]:
    if request.param == "fake":
        fake = FakeCloud()
        yield Side(fake.operations("alpha"), fake.operations("beta"), "alpha", fake.quotas.update)
        return
    sessions = request.getfixturevalue("sessions")
    box = request.getfixturevalue("box")
    limited: list[str] = []

    def limit(quotas: dict[str, int]) -> None:
        one = {"networks": "network", "routers": "router", "floating_ips": "floatingip"}
        limited.extend(one[name] for name in quotas)
        box.set_quota("alpha", **{one[name]: value for name, value in quotas.items()})

    side = Side(Operations(sessions["alpha"]), Operations(sessions["beta"]), sessions["alpha"].project_id, limit)
    try:
        yield side
    finally:
        if limited:
            box.set_quota("alpha", **dict.fromkeys(limited, 10))
        try:
            side.clean()
        except NotFoundError:
            side.clean()
