"""The main story in Infomaniak's cloud: its small quotas, its ports, its oddities of Octavia, all at once."""

from collections.abc import Iterator

import pytest

from sandbox import INFOMANIAK, Call, Sandbox
from tests.support.box import until
from tests.support.manifests import bundle
from tests.support.running import User

MINUTES = 150.0
SUBNET, CIDR = "web-v4", "10.77.0.0/24"


def custom(kind: str, name: str, **spec: object) -> dict:
    return {
        "apiVersion": "network.infomaniak.cloud/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"cloudCredentialsRef": {"secretName": "infomaniak"}, **spec},
    }


def story() -> list[dict]:
    """A network, its way out, a security group, and a load balancer with two TCP listeners at a floating IP."""
    listeners = [
        {"name": name, "protocol": "TCP", "port": port, "defaultPoolRef": {"name": name}}
        for name, port in (("plain", 80), ("secure", 443))
    ]
    pools = [
        custom(
            "Pool",
            name,
            loadBalancerRef={"name": "web"},
            protocol="TCP",
            algorithm="ROUND_ROBIN",
            members=[{"address": "10.77.0.211", "port": port}, {"address": "10.77.0.212", "port": port}],
        )
        for name, port in (("plain", 30080), ("secure", 30443))
    ]
    ports = {"min": 30080, "max": 30443}
    opened = [{"direction": "ingress", "protocol": "tcp", "portRange": ports, "remoteIPPrefix": CIDR}]
    return [
        custom("InfomaniakNetwork", "web", subnets=[{"name": SUBNET, "cidr": CIDR}]),
        custom(
            "Router",
            "web",
            externalGateway={"networkName": "ext-floating1"},
            interfaces=[{"networkRef": {"name": "web"}}],
        ),
        custom("SecurityGroup", "nodes", rules=opened),
        custom("LoadBalancer", "web", vip={"networkRef": {"name": "web"}}, listeners=listeners),
        custom("FloatingIP", "web", externalNetwork={"networkName": "ext-floating1"}, loadBalancerRef={"name": "web"}),
        *pools,
    ]


def monitors() -> list[dict]:
    check = {"type": "TCP", "delay": 5, "timeout": 3, "maxRetries": 3}
    return [custom("HealthMonitor", name, poolRef={"name": name}, **check) for name in ("plain", "secure")]


ALL = [("inet", "web"), ("irouter", "web"), ("isg", "nodes"), ("ilb", "web"), ("ifip", "web")]
ALL += [("ipool", "plain"), ("ipool", "secure")]


@pytest.fixture
def infomaniak(box: Sandbox, user: User) -> Iterator[User]:
    """A user of project alpha in Infomaniak's cloud, with the quotas of a real project; nothing is left."""
    before = box.traits
    if before != INFOMANIAK:
        box.set_traits(INFOMANIAK)
    try:
        yield user
        user.kubectl.run("delete", "infomaniak", "--all", "-n", user.namespace, "--timeout=180s")
        assert user.cloud.ports.list(project_id=user.project.id) == []
    finally:
        if before != INFOMANIAK:
            box.set_traits(before)


def test_the_main_story(box: Sandbox, infomaniak: User) -> None:
    user = infomaniak
    user.apply(bundle(*story()))
    for kind, name in ALL:
        user.until_ready(kind, name, seconds=MINUTES)

    ports = user.cloud.ports.list(project_id=user.project.id)
    owners = sorted(port["device_owner"] for port in ports)
    assert [owner for owner in owners if owner != "network:dhcp"] in (
        ["", "network:ha_router_replicated_interface"],
        ["Octavia", "network:ha_router_replicated_interface"],
    )
    until(lambda: user.cloud.quotas.get()["network"]["port"]["used"] == 4, "two ports of DHCP, the router's, the VIP's")
    assert user.cloud.quotas.get()["network"]["port"]["limit"] == 20
    assert user.get("ilb", "web")["status"]["provider"] == "amphora"
    assert user.get("inet", "web")["status"]["mtu"] == 1500

    # The second TCP monitor is refused twice, with a 400; nobody has to do anything about it.
    stalled: list[dict] = []
    said: set[str] = set()
    mark = box.mark()
    user.apply(bundle(*monitors()))

    def made() -> bool:
        bodies = [user.get("ihm", name) or {} for name in ("plain", "secure")]
        conditions = [each for body in bodies for each in (body.get("status") or {}).get("conditions") or ()]
        stalled.extend(each for each in conditions if each["type"] == "Stalled")
        said.update(each["message"] for each in conditions if each["type"] == "Ready")
        return [each["status"] for each in conditions if each["type"] == "Ready"] == ["True", "True"]

    until(made, "both health monitors Ready", MINUTES)
    assert stalled == []
    assert sorted(call.status for call in box.calls(mark) if _makes_a_monitor(call)) == [201, 201, 400, 400]
    assert any("it is tried again by itself" in each and "TCP is not a valid option" in each for each in said), said


def _makes_a_monitor(call: Call) -> bool:
    return (call.by, call.method) == ("operator", "POST") and call.path.endswith("/healthmonitors")


@pytest.mark.slow
def test_a_new_monitor_makes_nobody_healthy_in_its_first_minute(infomaniak: User) -> None:
    user = infomaniak
    user.apply(bundle(*story(), *monitors()))
    pool = user.until_ready("ipool", "plain", seconds=MINUTES)
    user.until_ready("ihm", "plain", seconds=MINUTES)
    assert user.condition("ipool", "plain", "Healthy")["status"] == "Unknown"
    assert user.condition("ilb", "web", "Healthy")["status"] == "Unknown"
    assert "onlineMembers" not in pool["status"]

    def over() -> dict | None:
        # Of one look: between two of them the first minute may end.
        found = user.get("ipool", "plain") or {}
        conditions = (found.get("status") or {}).get("conditions") or ()
        return found if any((each["type"], each["status"]) == ("Healthy", "True") for each in conditions) else None

    assert until(over, "the first minute is over", MINUTES)["status"]["onlineMembers"] == 2
