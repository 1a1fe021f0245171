"""Which call fails: by seed, call and ordinal alone."""

import json

import pytest

from sandbox.fault_proxy.plan import Chance, Fault, FaultKind, Listed, NoFaults, call_of, load

ID = "4e8e5957-649f-477b-9e5b-f1f75b21c03c"
CREATE = call_of("neutron", "POST", "/v2.0/networks", {})
WRITES = {FaultKind.STATUS_AFTER, FaultKind.RESET_WHILE, FaultKind.HANG_WHILE, FaultKind.HANG_AFTER}


@pytest.mark.parametrize(
    ("asked", "key", "one"),
    [
        (("neutron", "GET", "/v2.0/networks", {"project_id": ID}), "neutron GET /v2.0/networks", False),
        (("neutron", "PUT", f"/v2.0/networks/{ID}", {}), "neutron PUT /v2.0/networks/*", True),
        (("octavia", "PUT", f"/v2.0/lbaas/pools/{ID}/members", {}), "octavia PUT /v2.0/lbaas/pools/*/members", False),
        (("keystone", "POST", "/v3/auth/tokens", {}), "keystone POST /v3/auth/tokens", False),
        (("kube", "GET", "/api/v1/secrets", {"watch": "true"}), "kube WATCH /api/v1/secrets", False),
        (("kube", "GET", "/api/v1/secrets", {"limit": "5"}), "kube GET /api/v1/secrets", False),
        (("kube", "PATCH", "/api/v1/namespaces/a/events/x.17f", {}), "kube PATCH /api/v1/namespaces/a/events/*", True),
        (("kube", "GET", "/apis/g/v1/namespaces/a/routers/r", {}), "kube GET /apis/g/v1/namespaces/a/routers/r", True),
    ],
)
def test_the_key_of_a_call_has_nothing_that_differs_from_run_to_run(asked, key, one):
    call = call_of(*asked)
    assert (call.key, call.one) == (key, one)


def test_the_same_seed_gives_the_same_faults_and_another_one_others():
    first = [Chance(1, 0.2).fault(CREATE, n) for n in range(200)]
    assert first == [Chance(1, 0.2).fault(CREATE, n) for n in range(200)]
    assert first != [Chance(2, 0.2).fault(CREATE, n) for n in range(200)]


def test_the_order_of_other_calls_is_of_no_account():
    plan, other = Chance(1, 0.5), call_of("neutron", "GET", "/v2.0/ports", {})
    alone = [plan.fault(CREATE, n) for n in range(50)]
    mixed = []
    for n in range(50):
        plan.fault(other, n)
        mixed.append(plan.fault(CREATE, n))
    assert mixed == alone


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_as_many_fail_as_the_rate_says(rate):
    hit = sum(Chance(3, rate).fault(CREATE, n) is not None for n in range(2000)) / 2000
    assert abs(hit - rate) <= (0.03 if 0 < rate < 1 else 0)


@pytest.mark.parametrize(
    ("call", "kinds"),
    [
        (CREATE, WRITES),
        (call_of("octavia", "GET", "/v2.0/lbaas/pools", {}), {FaultKind.STALE, FaultKind.PAGED}),
        (call_of("neutron", "GET", f"/v2.0/ports/{ID}", {}), {FaultKind.STALE}),
        (call_of("keystone", "POST", "/v3/auth/tokens", {}), {FaultKind.STATUS, FaultKind.RESET}),
        (
            call_of("kube", "GET", "/api/v1/secrets", {"watch": "1"}),
            {FaultKind.WATCH_CUT, FaultKind.WATCH_GONE, FaultKind.WATCH_ERROR, FaultKind.WATCH_DEAF},
        ),
        (call_of("kube", "PATCH", "/apis/g/v1/namespaces/a/routers/r/status", {}), WRITES),
    ],
)
def test_each_class_of_calls_fails_in_its_own_ways(call, kinds):
    seen = {fault.kind for n in range(2000) if (fault := Chance(4, 1.0).fault(call, n))}
    assert kinds <= seen
    if kinds is not WRITES:  # what only reads has nothing that could be done late
        assert not seen & {FaultKind.RESET_WHILE, FaultKind.HANG_WHILE}


def test_what_the_server_does_late_it_does_within_the_time_given():
    faults = [fault for n in range(3000) if (fault := Chance(5, 1.0, late=(2.0, 3.0)).fault(CREATE, n))]
    late = [fault.seconds for fault in faults if fault.kind in (FaultKind.RESET_WHILE, FaultKind.HANG_WHILE)]
    assert min(late) < 2.1
    assert 2.0 <= min(late) <= max(late) <= 3.0


@pytest.mark.parametrize(
    "plan",
    [
        NoFaults(),
        Chance(7, 0.25, (1.0, 2.0)),
        Listed({(CREATE.key, 3): Fault(FaultKind.RESET_WHILE, seconds=2.5), ("kube GET /x", 0): Fault(FaultKind.HANG)}),
    ],
)
def test_a_plan_is_written_down_and_read_again(plan):
    assert load(json.dumps(plan.to_json())) == plan


def test_a_list_of_faults_hits_those_calls_and_no_others():
    plan = Listed({(CREATE.key, 1): Fault(FaultKind.STATUS, status=503)})
    assert [plan.fault(CREATE, n) for n in range(3)] == [None, Fault(FaultKind.STATUS, status=503), None]


def test_an_unknown_kind_of_fault_is_refused():
    with pytest.raises(ValueError, match="explode"):
        Listed.of([{"call": CREATE.key, "ordinal": 0, "kind": "explode"}])
