"""The client on the real Keystone, Neutron and Octavia. What was called is counted, and told at the end."""

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from infomaniak_operator.client import (
    Call,
    CloudCredentials,
    CloudSession,
    ConflictError,
    InfomaniakNetworkClient,
    NotFoundError,
    Operations,
    parse_credentials,
)
from sandbox import Environment

PROJECT = "beta"
_counted = pytest.StashKey[Counter[tuple[str, str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_counted] = Counter()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    counted = config.stash.get(_counted, Counter())
    if counted:
        terminalreporter.write_line(
            f"client on the real services: {len(counted)} operations (method and route), {counted.total()} calls"
        )


@pytest.fixture(scope="package")
def credentials(env: Environment) -> CloudCredentials:
    return parse_credentials({"clouds.yaml": env.projects[PROJECT].clouds_yaml()}, None, [env.auth_url])


@pytest.fixture(scope="package")
def session(credentials: CloudCredentials, request: pytest.FixtureRequest) -> Iterator[CloudSession]:
    counted = request.config.stash[_counted]

    def count(call: Call) -> None:
        counted[call.service, call.method, call.route] += 1

    session = CloudSession(credentials, timeout_seconds=120.0, on_call=count)
    yield session
    session.close()


@pytest.fixture(scope="package")
def do(session: CloudSession) -> Operations:
    """As the operator has it: each row is checked, and what a real service answers is never refused."""
    return Operations(session, whole=True)


@pytest.fixture(scope="package")
def client(env: Environment) -> Iterator[InfomaniakNetworkClient]:
    project = env.projects[PROJECT]
    with InfomaniakNetworkClient.from_credentials(
        project.application_credential_id, project.application_credential_secret, env.auth_url, env.region
    ) as client:
        yield client


def until(what: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Ask again until there is an answer."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s")
        time.sleep(0.1)
    return answer


@dataclass
class Tree:
    """A load balancer with all that can be under it, and where it stands."""

    do: Operations
    network: dict[str, Any]
    port: dict[str, Any]
    row: dict[str, Any] = field(default_factory=dict)
    subnet: str = ""

    def active(self) -> dict[str, Any]:
        """Wait until it takes the next change."""
        found: dict[str, Any] = until(
            lambda: (row := self.do.load_balancers.get(self.row["id"]))["provisioning_status"] == "ACTIVE" and row
        )
        return found

    @property
    def listener(self) -> str:
        return str(self.row["listeners"][0]["id"])

    @property
    def pool(self) -> str:
        return str(self.row["listeners"][0]["default_pool_id"])

    @property
    def monitor(self) -> str:
        return str(next(pool["healthmonitor"]["id"] for pool in self.row["pools"] if pool["id"] == self.pool))


def gone(do: Operations, load_balancer: str) -> bool:
    try:
        return do.load_balancers.get(load_balancer)["provisioning_status"] == "DELETED"
    except NotFoundError:
        return True


@pytest.fixture(scope="package")
def tree(do: Operations) -> Iterator[Tree]:
    """One tree for the whole suite, made in one call on a VIP port of our own."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    network = do.networks.create({"name": name})
    subnet = do.subnets.create({"network_id": network["id"], "cidr": "10.77.0.0/24", "ip_version": 4})
    port = do.ports.create({"network_id": network["id"], "name": name})
    tree = Tree(do, network, port, subnet=subnet["id"])
    member = {"address": "10.77.0.50", "protocol_port": 8080, "weight": 5, "name": "m1", "backup": True}
    monitor = {
        "type": "HTTP",
        "delay": 7,
        "timeout": 4,
        "max_retries": 2,
        "max_retries_down": 5,
        "url_path": "/health",
        "http_method": "HEAD",
        "expected_codes": "200-204",
        "http_version": 1.1,
        "domain_name": "example.org",
        "name": "hm",
        "tags": ["t-monitor"],
    }
    pool = {
        "name": "web",
        "protocol": "HTTP",
        "lb_algorithm": "LEAST_CONNECTIONS",
        "session_persistence": {"type": "HTTP_COOKIE"},
        "members": [{**member, "subnet_id": subnet["id"]}],
        "healthmonitor": monitor,
        "tags": ["t-pool"],
    }
    listener = {
        "name": "web",
        "protocol": "HTTP",
        "protocol_port": 80,
        "default_pool": pool,
        "connection_limit": 123,
        "insert_headers": {"X-Forwarded-For": "true"},
        "allowed_cidrs": ["10.0.0.0/8"],
        "timeout_client_data": 51000,
        "tags": ["t-listener"],
    }
    tree.row = do.load_balancers.create_tree(
        {
            "name": name,
            "description": "d",
            "vip_port_id": port["id"],
            "tags": ["t-lb"],
            "listeners": [listener],
            "pools": [{"name": "spare", "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}],
        }
    )
    tree.active()
    yield tree
    try:
        do.load_balancers.delete(tree.row["id"], cascade=True)
    except ConflictError:
        tree.active()
        do.load_balancers.delete(tree.row["id"], cascade=True)
    until(lambda: gone(do, tree.row["id"]))
    for collection, row in ((do.ports, port), (do.networks, network)):
        with contextlib.suppress(NotFoundError):
            collection.delete(row["id"])
