"""The rules on faults: what is refused, and which calls they hit."""

from pathlib import Path

import pytest

from sandbox.faults import Faults
from sandbox.services.middleware import Faults as Injector


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"status": 503, "paht": "/networks"}, "unknown keys in a fault: paht"),
        ({"method": "POST"}, "at least one of"),
        ({"reset": "never"}, "`before` or `after`"),
        ({"status": 500, "path": "("}, "no regular expression"),
    ],
)
def test_a_rule_that_would_not_do_what_was_meant_is_refused(tmp_path: Path, rule: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Faults(tmp_path).set([rule])


NETWORKS = ("neutron", "POST", "/v2.0/networks")


@pytest.mark.parametrize(
    ("rule", "call", "hit"),
    [
        ({}, NETWORKS, True),
        ({"service": "neutron", "method": "POST", "path": "/networks$"}, NETWORKS, True),
        ({"service": "octavia"}, NETWORKS, False),
        ({"method": "GET"}, NETWORKS, False),
        ({"path": "/networks$"}, ("neutron", "POST", "/v2.0/networks/1"), False),
        ({"path": "/networks"}, ("neutron", "POST", "/v2.0/networks/1"), True),
    ],
)
def test_a_rule_is_for_the_calls_that_match_all_it_says(
    tmp_path: Path, rule: dict, call: tuple[str, str, str], hit: bool
) -> None:
    faults = Faults(tmp_path)
    faults.set([{**rule, "status": 503}])
    assert (Injector(tmp_path).match(*call) is not None) is hit
    assert faults.hit() == int(hit)


def test_a_count_is_used_up_and_then_the_next_rule_is_looked_at(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.set([{"status": 503, "count": 2}, {"status": 429, "count": 1}])
    injectors = Injector(tmp_path), Injector(tmp_path)  # as two worker processes
    got = [(injectors[n % 2].match(*NETWORKS) or {}).get("status") for n in range(4)]
    assert got == [503, 503, 429, None]
    assert faults.hit() == 3


def test_new_rules_count_anew_and_clearing_ends_them(tmp_path: Path) -> None:
    faults, injector = Faults(tmp_path), Injector(tmp_path)
    for _ in range(2):
        faults.set([{"status": 503, "count": 1}])
        assert [injector.match(*NETWORKS) is not None for _ in range(2)] == [True, False]
    faults.set([{"status": 503}])
    faults.clear()
    assert injector.match(*NETWORKS) is None


def test_chance_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def hits(seed: int) -> list[bool]:
        Faults(tmp_path).set([{"status": 503, "probability": 0.3, "seed": seed}])
        injector = Injector(tmp_path)
        return [injector.match(*NETWORKS) is not None for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 40 <= sum(hits(1)) <= 80
