"""Metrics and probes: names that dashboards know, no id and no secret, and honest answers."""

import datetime as dt
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, get_args

import pytest

from infomaniak_operator.client.transport import Call
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.interfaces import Key, KubeObject, Next
from infomaniak_operator.controller.leader.lease import Lease
from infomaniak_operator.controller.stats import Stats
from infomaniak_operator.controller.work_queue import QueueStats
from infomaniak_operator.controller.worker import Ending
from infomaniak_operator.metrics.http_pages import metrics as metrics_page
from infomaniak_operator.metrics.http_pages import probes
from infomaniak_operator.metrics.http_server import Address, Answer, Page, Server
from infomaniak_operator.metrics.object_collector import ObjectCollector
from infomaniak_operator.metrics.operator_metrics import RESULTS, Metrics
from infomaniak_operator.metrics.probes import Stopwatch
from tests.support.clock import ManualClock
from tests.support.shelf import Shelf

STATS = Stats(
    ready=True,
    alive=True,
    acting=True,
    listed={"Toy": True},
    objects={"Toy": 1},
    queued=3,
    running=1,
    delayed=2,
    oldest_seconds=0.5,
    queue=QueueStats(adds=7, retries=4),
    beat_age=1.0,
    watch_restarts=2,
    events_dropped=1,
)


def toy(clock: ManualClock, *, ready: bool | None, age: float = 0.0, generation: int = 1, **meta: Any) -> KubeObject:
    made = dt.datetime.fromtimestamp(clock.now() - age, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"name": "t", "namespace": "n", "uid": "u", "generation": generation, "creationTimestamp": made, **meta}
    conditions = []
    if ready is not None:
        conditions.append({"type": "Ready", "status": str(ready), "observedGeneration": 1, "lastTransitionTime": made})
    status = {"conditions": conditions, "id": "11111111-2222-3333-4444-555555555555"}
    return KubeObject(Key("Toy", "n", "t"), {"metadata": metadata, "status": status})


def change(old: KubeObject | None, new: KubeObject | None) -> Change:
    return Change(Key("Toy", "n", "t"), old, new)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_from_new_to_ready(clock: ManualClock) -> None:
    watch = Stopwatch(clock.now, clock.monotonic)
    new = toy(clock, ready=None, age=0.4)
    assert watch.changed(change(None, new)) is None
    clock.advance(3)
    assert watch.changed(change(new, toy(clock, ready=False))) is None
    clock.advance(2)
    done = toy(clock, ready=True)
    assert watch.changed(change(new, done)) == pytest.approx(5.0)
    assert watch.changed(change(done, done)) is None


def test_from_a_change_of_the_spec_to_ready_again(clock: ManualClock) -> None:
    watch = Stopwatch(clock.now, clock.monotonic)
    done = toy(clock, ready=True, age=1000)
    assert watch.changed(change(None, done)) is None
    changed = toy(clock, ready=True, age=1000, generation=2)
    assert watch.changed(change(done, changed)) is None
    clock.advance(7)
    assert watch.changed(change(changed, done)) == pytest.approx(7.0)


def test_what_was_not_ready_before_a_restart_counts_from_then(clock: ManualClock) -> None:
    watch = Stopwatch(clock.now, clock.monotonic)
    assert watch.changed(change(None, toy(clock, ready=False, age=100))) is None
    assert watch.changed(change(None, toy(clock, ready=True, age=100))) == pytest.approx(100, abs=1)


@pytest.mark.parametrize("end", [None, "deleting", "another"])
def test_what_goes_is_not_counted(clock: ManualClock, end: str | None) -> None:
    watch = Stopwatch(clock.now, clock.monotonic)
    old = toy(clock, ready=None)
    watch.changed(change(None, old))
    new = {
        None: None,
        "deleting": toy(clock, ready=False, deletionTimestamp="2026-01-01T00:00:00Z"),
        "another": toy(clock, ready=True, uid="v"),
    }[end]
    assert watch.changed(change(old, new)) is None
    assert watch._since == {}


def values(metrics: Metrics) -> Mapping[str, float]:
    lines = [line for line in scraped(metrics).splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def scraped(metrics: Metrics) -> str:
    return metrics_page(metrics.registry)["/metrics"]("").body.decode()


def test_reconciles_in_controller_runtime_s_words(clock: ManualClock) -> None:
    metrics = Metrics(clock.now, clock.monotonic, "1.2.3")
    for ending in ("Done", "Retry", "RequeueAfter", "superseded", "Stalled"):
        metrics.reconciled("Router", ending, 0.2, 0.05)
    found = values(metrics)
    assert found['controller_runtime_reconcile_total{controller="router",result="success"}'] == 2
    assert found['controller_runtime_reconcile_total{controller="router",result="error"}'] == 1
    assert found['controller_runtime_reconcile_total{controller="router",result="requeue_after"}'] == 1
    assert found['controller_runtime_reconcile_errors_total{controller="router"}'] == 1
    assert found['controller_runtime_reconcile_time_seconds_count{controller="router"}'] == 5
    assert found['workqueue_queue_duration_seconds_bucket{le="0.1",name="infomaniak-operator"}'] == 5
    assert found['workqueue_work_duration_seconds_count{name="infomaniak-operator"}'] == 5
    assert any(name.startswith("infomaniak_operator_build_info{") and "1.2.3" in name for name in found)


def test_each_way_to_end_has_its_word() -> None:
    """One that is not in the table would count as a success."""
    assert set(RESULTS) == {*Ending, *(each.__name__ for each in get_args(Next))}


def test_calls_events_and_times(clock: ManualClock) -> None:
    metrics = Metrics(clock.now, clock.monotonic, "1")
    metrics.kube_called("PATCH", "toys", 200, 0.1)
    metrics.kube_called("GET", "toys", 0, 0.1)
    metrics.cloud_called(Call("network", "POST", "/v2.0/networks", 201, 0.3, "req-1"))
    metrics.cloud_called(Call("network", "POST", "/v2.0/networks", None, 0.3, None))
    metrics.event("Router", "DriftCorrected", False)
    metrics.event("Router", "Created", False)
    metrics.polled("failed")
    new = toy(clock, ready=None)
    metrics.changed(change(None, new), False)
    clock.advance(4)
    metrics.changed(change(new, toy(clock, ready=True)), True)
    found = values(metrics)
    assert found['rest_client_requests_total{code="200",method="PATCH"}'] == 1
    assert found['rest_client_requests_total{code="<error>",method="GET"}'] == 1
    name = 'infomaniak_operator_openstack_request_duration_seconds_count{code="%s",method="POST",service="network"}'
    assert (found[name % 201], found[name % 0]) == (1, 1)
    assert found['infomaniak_operator_drift_detected_total{kind="Router"}'] == 1
    assert found['infomaniak_operator_health_polls_total{result="failed"}'] == 1
    assert found['infomaniak_operator_time_to_ready_seconds_sum{kind="Toy"}'] == pytest.approx(4)


def test_what_another_replica_made_ready_is_its_own_to_count(clock: ManualClock) -> None:
    metrics = Metrics(clock.now, clock.monotonic, "1")
    new = toy(clock, ready=None)
    metrics.changed(change(None, new), False)
    metrics.changed(change(new, toy(clock, ready=True)), False)
    assert "infomaniak_operator_time_to_ready_seconds_count" not in str(values(metrics))


def standing(clock: ManualClock, stats: Stats, *others: KubeObject, **more: Any) -> Metrics:
    metrics, cache = Metrics(clock.now, clock.monotonic, "1"), ObjectCache({})
    for each in (toy(clock, ready=True), *others):
        cache.upsert(each)
    metrics.registry.register(ObjectCollector(lambda: stats, cache, ["Toy"], **more))
    return metrics


def test_how_it_stands_is_read_at_the_scrape_and_no_id_is_told(clock: ManualClock) -> None:
    lease = Lease(Shelf(clock), "pod_1", clock.now, clock.monotonic)
    metrics = standing(clock, STATS, lease=(lease, "mine"), token_expiries=lambda: [30.0, 20.0])
    found = values(metrics)
    assert found['leader_election_master_status{name="mine"}'] == 0
    lease.step()
    assert values(metrics)['leader_election_master_status{name="mine"}'] == 1
    assert found['workqueue_depth{name="infomaniak-operator"}'] == 3
    assert found['workqueue_adds_total{name="infomaniak-operator"}'] == 7
    assert found['workqueue_retries_total{name="infomaniak-operator"}'] == 4
    assert found["infomaniak_operator_openstack_token_expiry_timestamp_seconds"] == 20
    assert found["infomaniak_operator_watch_restarts_total"] == 2
    assert found['infomaniak_operator_resource_condition{kind="Toy",status="True",type="Ready"}'] == 1
    assert found["infomaniak_operator_queue_held_back"] == 0
    assert found['infomaniak_operator_objects{kind="Toy"}'] == 1
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", scraped(metrics))


def test_names_of_objects_are_told_only_where_they_are_asked_for(clock: ManualClock) -> None:
    assert "namespace=" not in scraped(standing(clock, STATS))
    found = values(standing(clock, STATS, names=True))
    name = 'infomaniak_operator_resource_condition{kind="Toy",name="t",namespace="n",status="True",type="Ready"}'
    assert found[name] == 1


@pytest.mark.parametrize("names", [False, True])
def test_a_status_that_a_user_wrote_makes_no_series_and_no_error(clock: ManualClock, names: bool) -> None:
    odd = [{"type": f"Odd{number}\ud800", "status": "True"} for number in range(1000)]
    odd += [{"type": "Ready", "status": f"x\ud800{number}"} for number in range(1000)] + [{"type": "Ready"}]
    meta = {"name": "odd", "namespace": "n", "uid": "o"}
    body = {"kind": "Toy", "metadata": meta, "status": {"conditions": odd}}
    found = values(standing(clock, STATS, KubeObject.of(body), names=names))
    assert len([name for name in found if "resource_condition" in name]) == 1


def test_codes_that_a_server_makes_up_are_counted_by_their_class(clock: ManualClock) -> None:
    metrics = Metrics(clock.now, clock.monotonic, "1")
    for status in range(100, 1000):
        metrics.cloud_called(Call("network", "GET", "/v2.0/networks", status, 0.3, None))
    codes = {part for name in values(metrics) for part in re.findall(r'code="([^"]*)"', name)}
    assert {"200", "404", "2xx", "5xx", "other"} <= codes
    assert len(codes) < 30


def test_an_odd_accept_header_is_answered(clock: ManualClock) -> None:
    page = metrics_page(Metrics(clock.now, clock.monotonic, "1").registry)["/metrics"]
    odd = [
        "application/openmetrics-text; version=x",
        "application/openmetrics-text;version=1.0.0;escaping=\xff",
        ";;;,,",
        "x" * 9000,
    ]
    for accept in [*odd, "text/plain; version=1.0.0; escaping=none; q", "text/plain;q=high"]:
        assert page(accept).status == 200


def test_of_two_replicas_only_the_one_that_acts_tells_of_objects(clock: ManualClock) -> None:
    found = values(standing(clock, replace(STATS, acting=False)))
    assert not [name for name in found if "resource_condition" in name or "_objects" in name]
    assert not [name for name in found if "master_status" in name or "token_expiry" in name]


@contextmanager
def served(pages: Mapping[str, Page]) -> Iterator[str]:
    server = Server(Address("127.0.0.1", 0), pages)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.close()


def get(url: str, **headers: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


@pytest.mark.parametrize(
    ("stats", "holder", "live", "is_ready"),
    [
        (STATS, None, 200, 200),
        (replace(STATS, alive=False), None, 503, 200),
        (replace(STATS, ready=False, listed={"Toy": False}), None, 200, 503),
        (STATS, "", 200, 503),
        (STATS, "pod", 200, 200),
        (replace(STATS, acting=False), "another", 200, 200),
    ],
)
def test_probes(clock: ManualClock, stats: Stats, holder: str | None, live: int, is_ready: int) -> None:
    lease = None
    if holder is not None:
        shelf = Shelf(clock)
        if holder:
            Lease(shelf, holder, clock.now, clock.monotonic).step()
        else:
            shelf.fail = [ConnectionError()]
        lease = Lease(shelf, "pod", clock.now, clock.monotonic)
        if holder:
            lease.step()
    with served(probes(lambda: stats, lease)) as url:
        assert get(f"{url}/healthz")[0] == live
        assert get(f"{url}/readyz?verbose")[0] == is_ready
    if not stats.ready:
        assert b"Toy" in probes(lambda: stats, lease)["/readyz"]("").body


def test_the_server_answers_whatever_it_is_asked(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> Answer:
        raise ZeroDivisionError("secret")

    metrics = Metrics(clock.now, clock.monotonic, "1")
    with served({"/broken": broken, **metrics_page(metrics.registry)}) as url:
        assert get(f"{url}/")[0] == 404
        status, _, text = get(f"{url}/broken")
        assert (status, "secret" in text) == (500, False)
        assert get(f"{url}/metrics")[1].startswith("text/plain")
        assert get(f"{url}/metrics", Accept="application/openmetrics-text; version=1.0.0")[1].startswith(
            "application/openmetrics-text"
        )
    assert "could not be answered" in caplog.text


def test_everywhere_is_v4_too() -> None:
    server = Server(Address("", 0), {"/": lambda _: Answer(200, b"here")})
    try:
        assert get(f"http://127.0.0.1:{server.port}/")[2] == "here"
        with pytest.raises(OSError, match="in use"):
            Server(Address("", server.port), {})
    finally:
        server.close()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        (":8080", Address("", 8080)),
        ("127.0.0.1:1", Address("127.0.0.1", 1)),
        ("[::1]:8080", Address("::1", 8080)),
        ("localhost:0", Address("localhost", 0)),
    ],
)
def test_addresses(text: str, address: Address | None) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["8080", ":", ":http", "::1:8080", ":70000", "host"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Address.parse(text)


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=x.y",
        "application/openmetrics-text; version=",
        "application/openmetrics-text; version=1.0.0; escaping=none-such",
        "application/openmetrics-text; version",
        "text/plain; version=-; escaping",
        "text/plain; version=99999999999999999999999.1",
        ";;;,,,=;=",
        "*/*; q=x",
        "\xff" * 1000,
    ],
)
def test_metrics_are_served_whatever_the_client_accepts(clock: ManualClock, accept: str) -> None:
    page = metrics_page(Metrics(clock.now, clock.monotonic, "1").registry)["/metrics"]
    answer = page(accept)
    assert answer.status == 200
    assert b"infomaniak_operator_build_info" in answer.body


def test_workers_that_hang_fail_liveness(clock: ManualClock) -> None:
    stats = replace(STATS, longest_running_seconds=1801.0, hanging=True)
    answer = probes(lambda: stats, None)["/healthz"]("")
    assert (answer.status, b"[-] workers" in answer.body, b"1801 s" in answer.body) == (503, True, True)
    assert values(standing(clock, stats))["infomaniak_operator_longest_running_seconds"] == 1801


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_meanwhile_makes_nothing_slower_or_faster(clock: ManualClock, seconds: float) -> None:
    watch = Stopwatch(clock.now, clock.monotonic)
    new = toy(clock, ready=None, age=0.4)
    watch.changed(change(None, new))
    clock.advance(3)
    clock.jump(seconds)
    clock.advance(2)
    assert watch.changed(change(new, toy(clock, ready=True))) == pytest.approx(5.0)
