"""What tests find changed in a cloud: what somebody changed, and nothing that a service does by itself."""

import pytest

from tests.support.asserted import differ
from tests.support.tenants import changed, moving, without_health
from tests.support.unordered import unordered

NETWORK = {"id": "n", "subnets": ["a", "b"], "tags": ["x", "y"]}
BALANCER = {"id": "l", "operating_status": "ONLINE", "updated_at": "1", "listeners": [{"id": "a"}, {"id": "b"}]}


def turned(row):
    return {key: list(reversed(value)) if isinstance(value, list) else value for key, value in row.items()}


@pytest.mark.parametrize(
    "row", [NETWORK, BALANCER, {"rules": [{"id": "a", "ports": [2, None, "1"]}, {"id": "b", "ports": []}]}]
)
def test_another_order_is_no_change(row):
    assert unordered(turned(row)) == unordered(row)


def test_servers_of_names_have_an_order():
    row = {"dns_nameservers": ["192.0.2.2", "192.0.2.1"]}
    assert unordered(row) == row
    assert unordered(turned(row)) != unordered(row)


def test_what_came_or_went_in_a_list_is_a_change():
    less = {**NETWORK, "subnets": ["a"]}
    assert unordered(less) != unordered(NETWORK)
    assert changed({"networks/n": unordered(NETWORK)}, {"networks/n": unordered(less)}) == [
        ("networks/n", "subnets", ["a", "b"], ["a"])
    ]


def test_another_health_is_no_change_and_all_else_is():
    before = {"load_balancers/l": BALANCER}
    assert changed(before, {"load_balancers/l": {**BALANCER, "operating_status": "ERROR", "updated_at": "2"}}) == []
    named = {**BALANCER, "operating_status": "ERROR", "updated_at": "2", "name": "other"}
    assert changed(before, {"load_balancers/l": named}) == [("load_balancers/l", "name", None, "other")]
    assert changed(before, {"load_balancers/l": {**BALANCER, "updated_at": "2"}}) == [
        ("load_balancers/l", "updated_at", "1", "2")
    ]
    assert changed(before, {}) == [("load_balancers/l", "", "there", "gone")]


def test_what_moves_by_itself():
    at_rest = {"load_balancers/l": BALANCER, "ports/p": {"id": "p", "device_id": "lb-l"}, "ports/q": {"id": "q"}}
    assert moving(at_rest) == []
    assert moving({**at_rest, "pools/x": {"id": "x", "provisioning_status": "PENDING_UPDATE"}}) == ["pools/x"]
    assert moving({**at_rest, "ports/r": {"id": "r", "device_id": "lb-gone"}}) == ["ports/r"]


def test_another_health_is_no_change_of_a_status_and_all_else_is():
    member = {"address": "10.0.0.5", "operatingStatus": "ONLINE"}
    ready = {"type": "Ready", "status": "True", "message": "m"}
    first = {
        "id": "p",
        "onlineMembers": 1,
        "members": [member],
        "conditions": [ready, {"type": "Healthy", "status": "Unknown"}],
    }
    later = {"id": "p", "members": [{**member, "operatingStatus": "ERROR"}], "conditions": [ready]}
    assert without_health(first) == without_health(later)
    assert without_health(later) == {"id": "p", "members": [{"address": "10.0.0.5"}], "conditions": [ready]}
    assert without_health({**later, "members": []}) != without_health(later)
    assert without_health({**later, "conditions": [{**ready, "message": "n"}]}) != without_health(later)


def test_an_assertion_of_what_tests_share_says_what_differs():
    with pytest.raises(AssertionError, match="assert 'there' == 'gone'"):
        differ("there", "gone")
