"""What many networks cost: to make, over a restart, and in a resync in which nothing has changed."""

import time
from collections.abc import Iterator

import pytest

from demo.operator import OperatorProcess
from demo.show import ready
from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.cloud_hands import changing
from tests.support.manifests import bundle
from tests.support.running import USER, User, network
from tests.support.second import instead_of

QUOTAS = {"network": -1, "subnet": -1}


@pytest.fixture
def crowd(box: Sandbox, env: Environment, namespace: str) -> User:
    box.set_quota("beta", **QUOTAS)
    user = User(env, namespace, env.projects["beta"])
    user.credentials()
    return user


@pytest.fixture
def swift(
    box: Sandbox, running: OperatorProcess, crowd: User, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator with the shortest resync there is, which has cleaned up before the shared one runs again."""
    folder = tmp_path_factory.mktemp("swift")
    options = ("--resync-seconds", "60", "--namespace", crowd.namespace, "--create-grace-seconds", "60")
    with instead_of(running, box, folder, *options) as process:
        yield process
        crowd.kubectl.run("delete", "inet", "--all", "-n", crowd.namespace, "--timeout=110s")


@pytest.mark.slow
@pytest.mark.parametrize("many", [50, pytest.param(200, marks=pytest.mark.full)])
def test_many_networks(box: Sandbox, crowd: User, swift: OperatorProcess, record_property, many: int) -> None:
    """At most 3 calls a network to make them; then a restart and a resync cost 10 calls and not one write."""

    def neutron(mark: int) -> list[str]:
        calls = [c for c in box.calls(mark) if c.service == "neutron" and c.project == crowd.project.id]
        return [f"{c.method} {c.path}?{c.query}" for c in calls]

    def all_ready() -> bool:
        items = crowd.kubectl.json("get", "inet", "-n", crowd.namespace)["items"]
        return len(items) == many and all(ready(item) for item in items)

    mark, begin = box.mark(), time.monotonic()
    subnets = [{"name": "a", "cidr": "10.1.0.0/24"}]
    crowd.apply(bundle(*(network(f"n{number:03}", subnets=subnets) for number in range(many))))
    until(all_ready, f"{many} networks Ready", 240)
    seconds, made = time.monotonic() - begin, neutron(mark)
    print(f"\n{many} networks Ready {seconds:.0f} s after kubectl apply began, {len(made) / many:.2f} calls each")
    record_property("seconds_to_make", seconds)
    record_property("calls_to_make", len(made))
    assert len([call for call in made if call.startswith("POST")]) == 2 * many
    assert len(made) <= 3 * many

    swift.stop()
    mark, kube_mark = box.mark(), box.kube_mark()
    swift.start()

    def resync_is_over() -> bool:
        seen = len(neutron(mark))
        if not any("/networks" in call for call in neutron(mark)):
            return False
        time.sleep(3.0)  # over when nothing more is asked; it takes a second
        return len(neutron(mark)) == seen

    until(resync_is_over, "a resync", 100)
    calls = neutron(mark)
    mine = [c for c in box.kube_calls(kube_mark, user=USER) if c.verb not in ("get", "list", "watch")]
    print(f"restart and resync: {calls}; writes to Kubernetes: {[(c.verb, c.uri) for c in mine]}")
    record_property("calls_of_a_round", len(calls))
    assert len(calls) <= 10, calls
    assert changing(box, mark, crowd) == []
    assert mine == []
