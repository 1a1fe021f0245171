"""The watch of the real API server ends again and again, by 410 and by 500: nothing is missed, and nothing made twice."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.flow import OPERATOR_NAMESPACE
from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from sandbox.fault_proxy import Fault, FaultKind, FaultProxy, Listed, NoFaults
from tests.support.box import until
from tests.support.manifests import bundle
from tests.support.pair import pair
from tests.support.running import User, metrics_port, network, tell_all

pytestmark = pytest.mark.slow

PATH = "/apis/network.infomaniak.cloud/v1alpha1/infomaniaknetworks"
WATCH, LIST = f"kube WATCH {PATH}", f"kube GET {PATH}"
SUBNETS = [{"name": "a", "cidr": "10.37.0.0/24"}]
GONE, GONE_AT_ONCE = Fault(FaultKind.WATCH_GONE, seconds=0.7), Fault(FaultKind.STATUS, status=410)
ERROR, ERROR_AT_ONCE = Fault(FaultKind.WATCH_ERROR, seconds=0.7), Fault(FaultKind.STATUS, status=500)
WAYS = {
    "both": (GONE, ERROR, GONE_AT_ONCE, ERROR_AT_ONCE),
    "410": (GONE, GONE, GONE_AT_ONCE),
    "500": (ERROR, ERROR, ERROR_AT_ONCE),
}
"""How the watches end, in turn: in the stream, or in the place of it."""
ROUNDS = 4


@pytest.fixture
def proxy(box: Sandbox) -> Iterator[FaultProxy]:
    proxy = box.fault_proxy()
    proxy.set(NoFaults())
    yield proxy
    proxy.stop()


@pytest.fixture(params=["both", *(pytest.param(way, marks=pytest.mark.full) for way in ("410", "500"))])
def through(
    running: OperatorProcess, box: Sandbox, proxy: FaultProxy, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[OperatorProcess]:
    """An operator that reaches the API server through the proxy, which cuts each watch of the networks."""
    ways = WAYS[request.param]
    proxy.set(Listed({(WATCH, number): ways[number % len(ways)] for number in range(300)}))
    with pair(running, box, tmp_path / "none"):
        folder = tmp_path / "operator"
        kubeconfig = proxy.kubeconfig(box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator"))
        arguments = ["--allowed-auth-url", box.environment.auth_url, "--create-grace-seconds", "4"]
        process = OperatorProcess(folder, kubeconfig, arguments, tell_all(folder))
        process.start()
        try:
            yield process
        finally:
            process.stop()


def cuts(proxy: FaultProxy) -> Counter[str]:
    """How the watch of the networks has ended so far."""
    return Counter(line["fault"]["kind"] for line in proxy.calls() if line.get("call") == WATCH and "fault" in line)


def known(process: OperatorProcess) -> int:
    """How many InfomaniakNetworks the operator knows, whatever it says of them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port(process)}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    ready = 'infomaniak_operator_resource_condition{kind="InfomaniakNetwork"'
    return round(
        sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(ready) and 'type="Ready"' in line)
    )


def test_objects_change_while_the_watch_is_cut(
    box: Sandbox, env: Environment, namespace: str, through: OperatorProcess, proxy: FaultProxy
) -> None:
    user = User(env, namespace, env.projects["beta"])
    user.credentials()
    box.set_quota("beta", network=-1, subnet=-1)
    user.apply(network("first", subnets=SUBNETS))
    user.until_ready("inet", "first")
    pid, mark = through.pid(), box.mark()
    proxy.forget()
    made = [f"n{number}" for number in range(3 * ROUNDS)]
    for number in range(ROUNDS):
        before = cuts(proxy).total()
        three = made[3 * number : 3 * number + 3]
        user.apply(bundle(*(network(name, subnets=SUBNETS) for name in three)))
        if number:
            former = made[3 * number - 3 : 3 * number]
            user.kubectl.run("delete", "inet", former[0], "-n", user.namespace, "--wait=false")
            user.patch("inet", former[1], {"description": "changed"})
        until(lambda before=before: cuts(proxy).total() > before, "the watch is cut once more", 40)
    found = cuts(proxy)
    lists = sum(line.get("call") == LIST for line in proxy.calls())
    proxy.set(NoFaults())
    gone = {name for number, name in enumerate(made) if number % 3 == 0 and number < 3 * ROUNDS - 3}
    changed = {name for number, name in enumerate(made) if number % 3 == 1 and number < 3 * ROUNDS - 3}
    left = {"first", *made} - gone

    def well() -> bool:
        there = {row["name"]: row["description"] for row in user.networks()}
        return there.keys() & {"first", *made} == left and all(there[name].startswith("changed") for name in changed)

    until(well, "the cloud is as the objects say", 90)
    for name in left:
        user.until_ready("inet", name)
    assert Counter(row["name"] for row in user.networks() if row["name"] in {"first", *made}) == Counter(left)
    until(lambda: known(through) == len(left), "the operator knows just those")
    calls = Counter(
        call.method for call in box.calls(mark) if call.path.endswith("/networks") and call.by == "operator"
    )
    assert calls["POST"] <= len(made)
    print(json.dumps({"cuts": found, "lists": lists, "posts": calls["POST"]}))
    # Kopf lists a kind for each watch that it begins anew, and the operator once more, to find what went unnoticed.
    assert lists <= 2 * (found.total() + 1)
    assert through.pid() == pid
    user.kubectl.run("delete", "inet", "--all", "-n", user.namespace, "--timeout=90s")
