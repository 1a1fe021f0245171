"""The TypedDicts of the cloud's objects and bodies: complete, documented, and what the fake cloud answers."""

import re
import typing

import pytest

from infomaniak_operator.client import bodies, kinds, resources
from tests.support.shapes import misfits

KINDS = {name: kind for name, kind in vars(kinds).items() if isinstance(kind, kinds.ResourceKind)}
PARENTS = (
    resources.Resource,
    resources.NeutronResource,
    resources.OctaviaResource,
    resources.DesignateResource,
    resources.RuleMatch,
    resources.Status,
)
"""Those that others extend; at run time nothing tells which."""
TYPED = [
    each
    for name, each in vars(resources).items()
    if typing.is_typeddict(each) and not name.startswith("_") and each is not resources.ProjectQuotas
]
OF_PARENTS = {
    "subnet_id",
    "loadbalancer_id",
    "listener_id",
    "pool_id",
    "default_pool",
    "redirect_pool",
    "use_default_subnetpool",
    "prefixlen",
    "payload",
    "payload_content_type",
    "payload_content_encoding",
}
"""What a body says and a row does not: where it is to be made, how a value is to be found, or what is never shown."""


def documented(each):
    return set(re.findall(r"^        ([\w:]+): ", each.__doc__ or "", re.MULTILINE))


@pytest.mark.parametrize("each", TYPED, ids=lambda one: one.__name__)
def test_every_attribute_is_documented(each):
    keys = typing.get_type_hints(each).keys()
    parents = [one for one in PARENTS if typing.get_type_hints(one).keys() <= keys]
    assert keys - documented(each) - set().union(*map(documented, parents)) == set()
    assert documented(each) - keys == set()


@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_a_body_sets_a_row_shows(name):
    kind = KINDS[name]
    assert typing.get_type_hints(kind.body).keys() == kind.attributes
    assert kind.attributes - typing.get_type_hints(kind.row).keys() <= OF_PARENTS


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_body_that_names_something_else_is_refused(name):
    kind = KINDS[name]
    one = min(kind.attributes)
    assert kind.checked({one: "x"}) == {one: "x"}
    with pytest.raises(ValueError, match=f"a {kind.one} has no attribute 'nmae'; there are: "):
        kind.checked({one: "x", "nmae": "x"})


def test_every_body_belongs_to_a_kind_or_to_another_body():
    used = {kind.body for kind in KINDS.values()}
    assert {each for each in vars(bodies).values() if typing.is_typeddict(each) and each.__name__.endswith("Body")} - {
        bodies.NeutronBody,
        bodies.OctaviaBody,
    } == used


def test_a_misfit_is_found():
    assert list(misfits({"id": "i", "mtu": 1500}, resources.Network)) == []
    assert list(misfits({"id": 1, "mtu": True, "x": 1}, resources.Network)) == [
        ".id: 1 is no str",
        ".mtu: True is no int",
        ".x: Network does not know it",
    ]
    assert list(misfits({"id": "i", "fixed_ips": [{"ip": "a"}]}, resources.Port)) == [
        ".fixed_ips[0].ip: FixedIP does not know it"
    ]
