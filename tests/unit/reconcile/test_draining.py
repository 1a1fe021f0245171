"""Members that go are kept at weight 0 for a while, across reconciles and restarts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from infomaniak_operator.api.v1alpha1.pool_types import MAX_LISTED
from infomaniak_operator.reconcile.octavia.draining import Drained, drain

NOW = 1_795_000_000.25
A, B, C = "10.0.0.1", "10.0.0.2", "2001:db8::1"


def member(address: str, port: int = 80, **fields: Any) -> dict[str, Any]:
    return {"address": address, "protocol_port": port, **fields}


def row(address: str, port: int = 80, weight: int = 1, status: str = "ACTIVE") -> dict[str, Any]:
    return {"id": f"id-{address}", **member(address, port), "weight": weight, "provisioning_status": status}


class Cloud:
    """A pool that does as it is told, reconcile by reconcile, with nothing remembered but the status."""

    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self.rows = {(each["address"], each["protocol_port"]): dict(each) for each in rows}
        self.status: list[dict[str, Any]] = []

    def reconcile(
        self, wanted: Sequence[Mapping[str, Any]], seconds: int, now: float, *, fails: bool = False
    ) -> Drained:
        drained = drain(wanted, list(self.rows.values()), self.status, seconds, now)
        if not fails:
            former, self.rows = self.rows, {}
            for each in drained.members:
                place = (each["address"], each["protocol_port"])
                self.rows[place] = {"weight": 1, **former.get(place, {}), **each}
        self.status = drained.draining
        return drained

    def weights(self) -> dict[str, int]:
        return {address: each["weight"] for (address, _), each in self.rows.items()}


def test_nothing_goes_nothing_drains() -> None:
    wanted = [member(A), member(B, weight=5)]
    assert drain(wanted, [row(A, weight=7)], [], 30, NOW) == Drained(wanted, [], None)


def test_one_that_goes_stays_at_weight_0_for_its_time_and_then_goes() -> None:
    cloud = Cloud(row(A), row(B))
    first = cloud.reconcile([member(A)], 30, NOW)
    assert first.members == [member(A), member(B, weight=0)]
    assert first.draining == [{"address": B, "port": 80, "until": "2026-11-18T11:07:11Z"}]
    assert first.next_in == pytest.approx(30.75), "never less than asked for"
    half = cloud.reconcile([member(A)], 30, NOW + 15)
    assert (half.members, half.draining) == (first.members, first.draining)
    assert half.next_in == pytest.approx(15.75)
    over = cloud.reconcile([member(A)], 30, NOW + 15 + half.next_in)
    assert (over.members, over.next_in) == ([member(A)], None)
    assert over.draining == first.draining, "remembered while the cloud still shows it"
    assert cloud.reconcile([member(A)], 30, NOW + 40) == Drained([member(A)], [], None)


def test_a_removal_that_fails_does_not_drain_anew() -> None:
    cloud = Cloud(row(A), row(B))
    cloud.reconcile([member(A)], 30, NOW)
    for seconds in (31, 32, 33):
        assert cloud.reconcile([member(A)], 30, NOW + seconds, fails=True).members == [member(A)]
    assert cloud.weights() == {A: 1, B: 0}
    cloud.reconcile([member(A)], 30, NOW + 34)
    assert cloud.weights() == {A: 1}


def test_one_that_comes_back_has_its_weight_again() -> None:
    cloud = Cloud(row(A), row(B))
    cloud.reconcile([member(A)], 30, NOW)
    back = cloud.reconcile([member(A), member(B)], 30, NOW + 5)
    assert back == Drained([member(A), member(B, weight=1)], [], None)
    assert cloud.weights() == {A: 1, B: 1}
    again = cloud.reconcile([member(A)], 30, NOW + 60)
    assert again.next_in == pytest.approx(30.75), "its time begins anew"


def test_one_that_came_back_gets_its_weight_though_the_status_was_lost() -> None:
    assert drain([member(B)], [row(B, weight=0)], [], 30, NOW).members == [member(B, weight=1)]
    assert drain([member(B)], [row(B, weight=0)], [], 0, NOW).members == [member(B, weight=1)]


def test_a_weight_that_is_asked_for_is_given() -> None:
    assert drain([member(B, weight=0)], [row(B, weight=0)], [], 30, NOW).members == [member(B, weight=0)]


def test_one_at_weight_0_already_drains_once() -> None:
    """So it looks after a crash between the write to the cloud and the status."""
    cloud = Cloud(row(B, weight=0))
    assert cloud.reconcile([], 30, NOW).members == [member(B, weight=0)]
    cloud.reconcile([], 30, NOW + 31)
    assert cloud.weights() == {}
    assert cloud.reconcile([], 30, NOW + 32).draining == []


def test_without_a_time_it_goes_at_once() -> None:
    assert drain([member(A)], [row(A), row(B)], [], 0, NOW) == Drained([member(A)], [], None)


def test_a_shorter_time_counts_at_once_a_longer_one_for_the_next() -> None:
    cloud = Cloud(row(B))
    cloud.reconcile([], 300, NOW)
    assert cloud.reconcile([], 10, NOW + 1).next_in == pytest.approx(10.75)
    assert cloud.reconcile([], 600, NOW + 2).next_in == pytest.approx(9.75)
    assert cloud.reconcile([], 0, NOW + 3).members == []
    assert cloud.rows == {}


@pytest.mark.parametrize("status", ["PENDING_DELETE", "DELETED"])
def test_what_the_cloud_is_removing_already_is_let_go(status: str) -> None:
    assert drain([], [row(B, status=status)], [], 30, NOW) == Drained([], [], None)
    told = [{"address": B, "port": 80, "until": "2026-11-18T11:06:00Z"}]
    assert drain([], [row(B, status=status)], told, 30, NOW) == Drained([], told, None)


def test_the_next_one_due_is_the_one_that_counts() -> None:
    cloud = Cloud(row(A), row(B), row(C))
    cloud.reconcile([member(B), member(C)], 30, NOW)
    both = cloud.reconcile([member(C)], 30, NOW + 10)
    assert both.next_in == pytest.approx(20.75)
    assert [each["address"] for each in both.draining] == [A, B]
    assert cloud.reconcile([member(C)], 30, NOW + 31).next_in == pytest.approx(9.75)
    assert cloud.weights() == {C: 1, B: 0}


def test_an_address_is_known_however_it_is_spelt_and_each_port_is_another_member() -> None:
    there = [row("2001:DB8:0::1"), row(A, 80), row(A, 81)]
    drained = drain([member(C), member(A, 80)], there, [], 30, NOW)
    assert drained.members == [member(C), member(A, 80), member(A, 81, weight=0)]


def test_a_time_nobody_can_read_begins_anew() -> None:
    drained = drain([], [row(A)], [{"address": A, "port": 80, "until": "soon"}], 30, NOW)
    assert drained.next_in == pytest.approx(30.75)


def test_what_is_no_longer_there_is_forgotten() -> None:
    told = [{"address": A, "port": 80, "until": "2027-01-01T00:00:00Z"}]
    assert drain([], [], told, 30, NOW) == Drained([], [], None)


@pytest.mark.parametrize("told", [None, 7, "text", {}, {"address": A}, {"address": A, "port": "x"}, {"port": 80}])
def test_what_is_no_record_of_draining_counts_as_none(told):
    assert drain([], [row(A)], [told], 30, NOW) == drain([], [row(A)], [], 30, NOW)


def test_a_year_that_is_none_here_counts_as_no_time():
    drained = drain([], [row(A)], [{"address": A, "port": 80, "until": "0001-01-01T00:00:00"}], 30, NOW)
    assert drained.next_in is not None


def test_those_that_a_status_has_no_room_for_drain_after_the_others_and_none_for_ever() -> None:
    count = MAX_LISTED + 10
    cloud = Cloud(*(row(f"10.1.{n // 250}.{n % 250 + 1}") for n in range(count)))
    first = cloud.reconcile([], 30, NOW)
    assert len(first.draining) == MAX_LISTED
    assert len(first.members) == count
    assert len(cloud.reconcile([], 30, NOW + 10).draining) == MAX_LISTED
    cloud.reconcile([], 30, NOW + 31)
    assert len(cloud.rows) == 10
    cloud.reconcile([], 30, NOW + 32)
    assert cloud.reconcile([], 30, NOW + 70) == Drained([], cloud.status, None)
    assert cloud.rows == {}
