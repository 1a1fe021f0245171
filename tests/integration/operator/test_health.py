"""A member that dies is in status within seconds, where health is polled so often; real packets decide who is ONLINE."""

from collections.abc import Iterator

import pytest

from demo.operator import OperatorProcess
from sandbox import Sandbox
from sandbox.data_path import World
from tests.support.box import until
from tests.support.manifests import bundle, manifest
from tests.support.reconciles import calls
from tests.support.running import User
from tests.support.second import instead_of

POLL = "2"
FIRST, SECOND = "10.78.0.11:8080", "10.78.0.12:8080"
QUICK = {"delay": 1, "timeout": 1, "maxRetries": 1, "maxRetriesDown": 1}


def site() -> list[dict]:
    """A load balancer with a pool of two servers, which is checked each second."""
    servers = [{"address": spot.split(":")[0], "port": 8080} for spot in (FIRST, SECOND)]
    http = {"name": "http", "protocol": "HTTP", "port": 80, "defaultPoolRef": {"name": "site"}}
    way = {"protocol": "HTTP", "algorithm": "ROUND_ROBIN"}
    return [
        manifest("InfomaniakNetwork", "health", subnets=[{"name": "health-v4", "cidr": "10.78.0.0/24"}]),
        manifest("LoadBalancer", "health", vip={"networkRef": {"name": "health"}}, listeners=[http]),
        manifest("Pool", "site", loadBalancerRef={"name": "health"}, members=servers, **way),
        manifest("HealthMonitor", "site", poolRef={"name": "site"}, type="HTTP", **QUICK),
    ]


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where packets of project beta are carried."""
    before = box.data_path.state.projects
    state = box.data_path.up(print, ["beta"])
    if "beta" not in state.projects:
        pytest.skip(f"no packets can be carried here: {state}")
    found = box.world("beta")
    yield found
    for server in found.servers():
        server.stop()
    if "beta" not in before:
        box.data_path.down()


@pytest.fixture
def attentive(
    box: Sandbox, running: OperatorProcess, beta: User, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[User]:
    """A user whose operator polls health every two seconds, and has cleaned up before the shared one runs again."""
    folder = tmp_path_factory.mktemp("attentive")
    options = ("--health-poll-seconds", POLL, "--namespace", beta.namespace)
    with instead_of(running, box, folder, *options):
        yield beta
        beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=120s")


def members(user: User) -> list[str]:
    """How the pool's members do, by address, as its status says."""
    listed = ((user.get("ipool", "site") or {}).get("status") or {}).get("members") or ()
    return [each["operatingStatus"] for each in sorted(listed, key=lambda each: each["address"])]


@pytest.mark.slow
def test_a_server_that_dies_is_told_by_the_pool_and_the_load_balancer(
    box: Sandbox, attentive: User, world: World
) -> None:
    world.serve(FIRST, SECOND)
    attentive.apply(bundle(*site()))
    for kind, name in (("ilb", "health"), ("ipool", "site"), ("ihm", "site")):
        attentive.until_ready(kind, name)
    until(lambda: members(attentive) == ["ONLINE", "ONLINE"], "both members are up", 60)

    mark = box.mark()
    world.end(FIRST)
    until(lambda: members(attentive) == ["ERROR", "ONLINE"], "the dead member is seen", 60)
    attentive.until_condition("ipool", "site", "Healthy", status="False")
    attentive.until_condition("ilb", "health", "Healthy", status="False")
    assert "10.78.0.11 8080 is ERROR" in attentive.condition("ipool", "site", "Healthy")["message"]
    # Neither the pool nor the load balancer says another word for this.
    world.serve(FIRST)
    world.end(SECOND)
    until(lambda: members(attentive) == ["ONLINE", "ERROR"], "the other one is dead, and the first is back", 60)
    world.serve(SECOND)
    until(lambda: members(attentive) == ["ONLINE", "ONLINE"], "both are back", 60)
    attentive.until_condition("ipool", "site", "Healthy", status="True")
    attentive.until_condition("ilb", "health", "Healthy", status="True")
    assert calls(box, mark, writing=True) == []
