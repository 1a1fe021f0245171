"""Two operators, one Lease: killed, told to end, and stopped past their time; nothing is doubled, nothing sent late."""

import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.operator import OperatorProcess
from demo.show import ready
from sandbox import Environment, Sandbox
from sandbox.logs import Call, KubeCall
from tests.support.box import until
from tests.support.pair import Pair, Replica, pair
from tests.support.running import USER, User, network

TAKE_OVER = 20.0
SUBNETS = [{"name": "a", "cidr": "10.30.0.0/24"}, {"name": "b", "cidr": "10.31.0.0/24"}]


@pytest.fixture
def two(running: OperatorProcess, box: Sandbox, tmp_path: Path) -> Iterator[Pair]:
    with pair(running, box, tmp_path) as found:
        yield found


@pytest.fixture
def customer(env: Environment, namespace: str, two: Pair) -> User:
    user = User(env, namespace, env.projects["alpha"])
    user.credentials()
    return user


@pytest.fixture
def clean(customer: User, two: Pair) -> Iterator[None]:
    """What the test has made goes while there is still an operator of its own."""
    yield
    customer.kubectl.run("delete", "infomaniak", "--all", "-n", customer.namespace, "--timeout=90s")


def changes(calls: list[Call]) -> list[str]:
    return [f"{c.method} {c.path}" for c in calls if c.method != "GET" and c.service != "keystone"]


def writes(calls: list[KubeCall]) -> list[str]:
    """What was written in Kubernetes, but for the Lease, which its holder renews."""
    return [f"{c.verb} {c.uri}" for c in calls if c.verb not in ("get", "list", "watch") and "leases" not in c.uri]


def posts(calls: list[Call]) -> int:
    return sum(c.method == "POST" and c.path.endswith("/networks") for c in calls)


def page(replica: Replica, name: str) -> tuple[int, str]:
    host, of = ("127.0.0.1", "/metrics") if name == "/metrics" else ("127.0.0.2", "/healthz")
    try:
        with urllib.request.urlopen(f"http://{host}:{replica.port(of)}{name}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_the_leader_is_killed_and_the_other_takes_over(box: Sandbox, two: Pair, customer: User) -> None:
    """In the middle of a create: the network is there, and nobody was told."""
    one = two.leading("one")
    other = two.waiting("other")
    assert not other.leads
    for replica in (one, other):
        assert page(replica, "/healthz")[0] == 200
        assert page(replica, "/readyz")[0] == 200
    mark = box.mark()
    box.set_faults([{"service": "neutron", "method": "POST", "path": r"/networks$", "count": 1, "delay_after": 3.0}])
    customer.apply(network("n", subnets=SUBNETS))
    until(lambda: [n for n in customer.networks() if n["name"] == "n"], "the network in Neutron")
    one.process.kill()
    killed = time.monotonic()
    until(lambda: other.leads, "the other leads", TAKE_OVER + 5)
    seconds = time.monotonic() - killed
    body = customer.until_ready("inet", "n")
    print(f"\nkilled -> the other leads {seconds:.1f} s, and the object is Ready {time.monotonic() - killed:.1f} s")
    assert seconds < TAKE_OVER
    assert [n["id"] for n in customer.networks() if n["name"] == "n"] == [body["status"]["id"]]
    assert sorted(s["name"] for s in customer.subnets(body["status"]["id"])) == ["a", "b"]
    assert posts(box.calls(mark)) == 1

    text = page(other, "/metrics")[1]
    assert 'leader_election_master_status{name="infomaniak-operator"} 1.0' in text
    told = 'kind="InfomaniakNetwork",status="True",type="Ready"'
    assert f"infomaniak_operator_resource_condition{{{told}}} 1.0" in text
    assert customer.namespace not in text
    for name in (
        'controller_runtime_reconcile_total{controller="infomaniaknetwork",result="success"}',
        'infomaniak_operator_time_to_ready_seconds_count{kind="InfomaniakNetwork"} 1.0',
        'infomaniak_operator_openstack_request_duration_seconds_count{code="201",method="POST",service="network"}',
        'rest_client_requests_total{code="200",method="PATCH"}',
        "infomaniak_operator_openstack_token_expiry_timestamp_seconds",
        'workqueue_depth{name="infomaniak-operator"} 0.0',
        "process_resident_memory_bytes",
    ):
        assert name in text, name
    assert body["status"]["id"] not in text


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_one_that_is_told_to_end_hands_over_at_once(box: Sandbox, two: Pair, customer: User) -> None:
    one = two.leading("one")
    customer.apply(network("n", subnets=SUBNETS))
    customer.until_ready("inet", "n")
    other = two.waiting("other")
    mark, began = box.mark(), time.monotonic()
    one.process.stop()
    until(lambda: other.leads, "the other leads", 10)
    seconds = time.monotonic() - began
    print(f"\ntold to end -> the other leads {seconds:.1f} s")
    assert "the Lease was given back" in one.said
    assert seconds < 8.0
    until(lambda: "to be reconciled" in other.said, "the other begins")
    time.sleep(1.0)
    assert changes(box.calls(mark)) == []


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_a_reconcile_that_hangs_does_not_hold_up_the_end(box: Sandbox, two: Pair, customer: User) -> None:
    """A Pod is killed after 30 s; the process ends before, and the Lease is given back."""
    one = two.leading("one")
    other = two.waiting("other")
    box.set_faults([{"service": "neutron", "method": "GET", "path": r"/networks$", "count": 1, "delay_before": 50.0}])
    customer.apply(network("n", subnets=SUBNETS))
    customer.annotate("inet", "n", reconcile_at="1")
    until(lambda: box.faults_hit(), "the call that hangs")
    began = time.monotonic()
    one.signal(signal.SIGTERM)
    until(lambda: one.process.pid() is None, "its end", 30)
    seconds = time.monotonic() - began
    print(f"\ntold to end, with a call that hangs -> the end {seconds:.1f} s")
    assert seconds < 25.0
    assert "the Lease was given back" in one.said
    until(lambda: other.leads, "the other leads", 5)
    customer.until_ready("inet", "n")


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_one_that_slept_past_its_lease_sends_nothing_that_changes_anything(
    box: Sandbox, two: Pair, customer: User
) -> None:
    """It is stopped while it waits for the answer to a create, with the subnets still to be made."""
    one = two.leading("one")
    other = two.waiting("other")
    box.set_faults([{"service": "neutron", "method": "POST", "path": r"/networks$", "count": 1, "delay_after": 3.0}])
    customer.apply(network("n", subnets=SUBNETS))
    until(lambda: [n for n in customer.networks() if n["name"] == "n"], "the network in Neutron")
    one.signal(signal.SIGSTOP)
    until(lambda: other.leads, "the other leads", TAKE_OVER + 5)
    body = customer.until_ready("inet", "n")
    time.sleep(2.0)  # its Events, too, are written by now
    mark, kube_mark = box.mark(), box.kube_mark()
    one.signal(signal.SIGCONT)
    until(lambda: one.process.pid() is None, "the one that slept ends", 30)
    time.sleep(1.0)
    assert one.lost
    assert "InfomaniakNetwork" in one.said.split("the reconcile ends")[0].rsplit("\n", 1)[-1], one.said
    assert changes(box.calls(mark)) == []
    assert writes(box.kube_calls(kube_mark, user=USER)) == []
    assert [n["id"] for n in customer.networks() if n["name"] == "n"] == [body["status"]["id"]]
    assert sorted(s["name"] for s in customer.subnets(body["status"]["id"])) == ["a", "b"]


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_a_request_that_passed_the_last_look_and_arrives_late_is_healed(
    box: Sandbox, two: Pair, customer: User
) -> None:
    """The window that no deadline closes: the create was sent in time, and is carried out after the other's own."""
    one = two.leading("one")
    other = two.waiting("other")
    late = 40.0
    mark = box.mark()
    box.set_faults([{"service": "neutron", "method": "POST", "path": r"/networks$", "count": 1, "delay_before": late}])
    began = time.monotonic()
    customer.apply(network("n", subnets=SUBNETS))
    until(lambda: box.faults_hit(), "the POST in Neutron's hands")
    one.process.kill()
    until(lambda: other.leads, "the other leads", TAKE_OVER + 5)
    body = customer.until_ready("inet", "n")
    assert time.monotonic() - began < late, "too slow for the window to be forced"
    until(lambda: len([n for n in customer.networks() if n["name"] == "n"]) == 2, "the double arrives", late + 10)
    assert posts(box.calls(mark)) == 2
    customer.annotate("inet", "n", reconcile_at="1")
    until(lambda: len([n for n in customer.networks() if n["name"] == "n"]) == 1, "the double goes")
    assert [n["id"] for n in customer.networks() if n["name"] == "n"] == [body["status"]["id"]]
    after = customer.get("inet", "n")
    assert after
    assert ready(after)
    assert "DoubleDeleted" in until(lambda: [r for r, _ in customer.events("n") if r == "DoubleDeleted"], "its Event")
