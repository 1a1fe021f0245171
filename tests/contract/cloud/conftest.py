"""The fake cloud and the real one, side by side: one suite holds for both."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infomaniak_operator.client import CloudSession, NotFoundError, Operations, parse_credentials
from sandbox import Environment, Sandbox
from sandbox.traits import INFOMANIAK
from tests.support.administrator import Administrator
from tests.support.balancing import ROBIN
from tests.support.box import until
from tests.support.fake_cloud import EXTERNAL, FakeCloud
from tests.support.manifests import INTERFACE

QUOTAS = {"networks": ("network", 10), "routers": ("router", 10), "floating_ips": ("floatingip", 10)}
QUOTAS |= {"load_balancers": ("load_balancer", -1)}
"""The services' names, and what a project of the sandbox has."""
HELD, SETTLE = 3600.0, 0.5
"""Seconds for which the sandbox's load balancers stay PENDING: until a test lets them go on; what other tests have."""


def _nobody(*_: object) -> Any:
    raise NotImplementedError("this side has no administrator: give it one")


class Side:
    """A project of one of the two clouds.

    Attributes:
        do: the operations.
        project: its id.
        other: the same cloud in the hands of another project.
        settle: has the load balancers finish what they are at.
        share: has the other project share its network of that id with this one.
        lose: has the certificate of that address not be in Barbican.
        pool: has an administrator make a shared subnet pool of that range, and the default length of its subnets'
            prefixes; returns its id.
        administrator: the operations of the same project by a credential with an administrator's rights.
        qos: has an administrator make a shared QoS policy; returns its id.
        hold: from now on they stay at it until they are to settle, so that a state that passes can be read without haste.
    """

    def __init__(
        self,
        do: Any,
        other: Any,
        project: str,
        limit: Any,
        settle: Callable[[], None],
        *,
        share: Callable[[str], None],
        hold: Callable[[], None] = lambda: None,
        lose: Callable[[str], None] = lambda _: None,
        pool: Callable[[str, int], str] = _nobody,
        qos: Callable[[], str] = _nobody,
        administrator: Callable[[], Any] = _nobody,
    ) -> None:
        self.do = do
        self.other = other
        self.project = project
        self.limit = limit
        self.settle = settle
        self.hold = hold
        self.share = share
        self.pool = pool
        self.qos = qos
        self.administrator = administrator
        self.lose = lose
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

    def settled(self, balancer: str) -> dict[str, Any] | None:
        """The load balancer when it is through with what it does; None: it is gone."""
        self.settle()

        def look() -> tuple[dict[str, Any] | None] | None:
            try:
                row = self.do.load_balancers.get(balancer)
            except NotFoundError:
                return (None,)
            return None if row["provisioning_status"].startswith("PENDING") else (row,)

        try:
            return until(look, f"load balancer {balancer} settles")[0]
        finally:
            self.hold()

    def _release(self, address: dict[str, Any]) -> None:
        for each in address["port_forwardings"]:
            self.do.port_forwardings.delete(address["id"], each["id"])
        self.do.floating_ips.delete(address["id"])

    def clean(self) -> None:
        balancers = [row["id"] for row in filter(self.mine, self.do.load_balancers.list())]
        for balancer in balancers:
            if self.settled(balancer):
                self.do.load_balancers.delete(balancer, cascade=True)
        for balancer in balancers:
            self.settled(balancer)
        for address in filter(self.mine, self.do.floating_ips.list()):
            self._release(address)
        for router in filter(self.mine, self.do.routers.list()):
            if router["routes"]:
                self.do.routers.update(router["id"], {"routes": []})
            for port in self.do.ports.list(device_id=router["id"], device_owner=INTERFACE):
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


@pytest.fixture
def powerful(box: Sandbox, env: Environment) -> Iterator[CloudSession]:
    """A login to project alpha with an administrator's rights."""
    project = box.customer("alpha", "admin")
    session = CloudSession(parse_credentials({"clouds.yaml": project.clouds_yaml()}, None, [env.auth_url]))
    yield session
    session.close()


@pytest.fixture(params=["fake", "real"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Side]:
    if request.param == "fake":
        fake = FakeCloud(traits=INFOMANIAK)

        def in_charge() -> Any:
            fake.neutron.administrators.add("alpha")
            return fake.operations("alpha")

        yield Side(
            fake.operations("alpha"),
            fake.operations("beta"),
            "alpha",
            fake.quotas.update,
            fake.settle,
            share=lambda network: fake.neutron.share(network, "alpha"),
            lose=fake.unreadable.add,
            pool=fake.neutron.make_subnet_pool,
            qos=fake.neutron.make_qos_policy,
            administrator=in_charge,
        )
        return
    sessions = request.getfixturevalue("sessions")
    box = request.getfixturevalue("box")
    limited: list[str] = []

    def limit(quotas: dict[str, int]) -> None:
        limited.extend(quotas)
        box.set_quota("alpha", **{QUOTAS[name][0]: value for name, value in quotas.items()})

    def share(network: str) -> None:
        target = {"action": "access_as_shared", "target_tenant": sessions["alpha"].project_id}
        policy = {"rbac_policy": {"object_type": "network", "object_id": network, **target}}
        sessions["beta"].request("network", "POST", "/v2.0/rbac-policies", body=policy)

    administrator = Administrator(request.getfixturevalue("env"))
    side = Side(
        Operations(sessions["alpha"], whole=True),
        Operations(sessions["beta"], whole=True),
        sessions["alpha"].project_id,
        limit,
        lambda: box.set_settle(0),
        share=share,
        hold=lambda: box.set_settle(HELD),
        pool=administrator.subnet_pool,
        qos=administrator.qos_policy,
        administrator=lambda: Operations(request.getfixturevalue("powerful"), whole=True),
    )
    side.hold()
    try:
        yield side
    finally:
        if limited:
            box.set_quota("alpha", **dict(QUOTAS[name] for name in limited))
        try:
            side.clean()
        except NotFoundError:
            side.clean()
        finally:
            administrator.clean()
            box.set_settle(SETTLE)


@pytest.fixture
def balancer(cloud: Side) -> Any:
    """One with an HTTP listener and its pool of one member."""
    network = cloud.network("10.0.0.0/24")
    listener = {"protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "p", **ROBIN}}
    listener["default_pool"]["members"] = [{"address": "10.0.0.5", "protocol_port": 8080}]
    row = cloud.do.load_balancers.create_tree(
        {"name": cloud.name(), "vip_subnet_id": network["subnets"][0], "listeners": [listener]}
    )
    return cloud.settled(row["id"])
