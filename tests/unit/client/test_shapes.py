"""What an answer says in the place of an id that a status shows: another type, or endless text, is a broken answer."""

import pytest

from infomaniak_operator.client import kinds
from infomaniak_operator.client.shapes import shape_of


@pytest.mark.parametrize("junk", [{"a": 1}, [1], 7, True, "x" * 5000, "a/b"], ids=lambda junk: repr(junk)[:20])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(kinds.NETWORKS, "qos_policy_id"), (kinds.PORTS, "qos_policy_id"), (kinds.SUBNETS, "subnetpool_id")],
    ids=["network", "port", "subnet"],
)
def test_what_is_no_id_is_a_fault(kind, name, junk):
    assert list(shape_of(kind).faults({name: junk}, whole=False)) == [name]


@pytest.mark.parametrize("fine", [None, "", "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "prefix_delegation"])
def test_what_neutron_answers_is_none(fine):
    """``prefix_delegation`` is what Neutron calls the pool of a subnet whose range a router asks for."""
    assert list(shape_of(kinds.SUBNETS).faults({"subnetpool_id": fine}, whole=False)) == []
