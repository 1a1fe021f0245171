"""Every field that could name something in the cloud says how far it reaches: a new kind cannot forget it."""

from collections.abc import Iterator

import pytest
from pydantic.fields import FieldInfo

from infomaniak_operator.api.common import Import
from infomaniak_operator.api.model import ApiModel, Reach
from infomaniak_operator.api.reach import Kept, named
from infomaniak_operator.api.registry import KINDS
from tests.support.reach import ALL, declared, parts
from tests.support.tenancy_doc import table

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
NAMES_NOTHING = {
    "name": "what it is called in the cloud, where names need not be unique",
    "description": "free text",
    "tags": "free text",
    "dnsDomain": "free text",
    "cidr": "a range of its own network",
    "destination": "a range that traffic of its own goes to",
    "nexthop": "an address in its own networks",
    "start": "an address of its own subnet",
    "end": "an address of its own subnet",
    "gateway": "an address of its own subnet",
    "dnsNameservers": "told to the hosts of its own subnet",
    "allowedCIDRs": "who may connect to its own listener",
    "remoteIPPrefix": "whose traffic its own group lets pass",
    "protocol": "a protocol",
    "ciphers": "a list of ciphers",
    "hostname": "what its own address leads back to",
    "host": "told to the clients of its own listener",
    "cookieName": "told to the clients of its own pool",
    "granularity": "a netmask",
    "subnet": "a subnet of the InfomaniakNetwork beside it",
    "port": "a port of the Service beside it",
    "nodeSelector": "labels of Nodes",
    "urlPath": "asked of the pool's members",
    "expectedCodes": "answered by the pool's members",
    "domainName": "told to the pool's members",
    "listener": "a listener of the LoadBalancer beside it",
    "redirectURL": "told to the clients of its own listener",
    "redirectPrefix": "told to the clients of its own listener",
    "key": "the name of a header or a cookie",
    "value": "compared with what clients ask",
}
"""The texts in specs that name nothing in the cloud, and what they are instead."""


@pytest.mark.parametrize(("kind", "place", "alias", "info"), ALL, ids=[f"{each[0]}:{each[1]}" for each in ALL])
def test_every_text_of_a_spec_says_how_far_it_reaches_or_names_nothing(
    kind: str, place: str, alias: str, info: FieldInfo
) -> None:
    marks = declared(info)
    if alias in NAMES_NOTHING and not marks:
        assert not alias.endswith(("ID", "IDs", "Id", "Container", "Containers")), f"{kind} {place} is an id"
        return
    assert len(marks) == 1, (
        f"{kind} {place} could name something in the cloud: declare Annotated[…, Names(…)], or, if it cannot, "
        "say why in NAMES_NOTHING"
    )
    (mark,) = marks
    assert mark.what.split()[0] in ("a", "an")
    assert mark.instead


def test_the_list_of_harmless_fields_is_not_longer_than_the_fields_there_are() -> None:
    assert set(NAMES_NOTHING) - {alias for _, _, alias, info in ALL if not declared(info)} == set()


def test_every_kind_imports_by_a_model_that_is_known_as_an_import() -> None:
    for kind, each in KINDS.items():
        found = list(parts(each.spec.model_fields["import_"].annotation))
        assert any(issubclass(one, Import) for one in found), kind


def test_what_status_is_to_show_is_there() -> None:
    """A misspelt name would refuse what is in use."""
    for kind, place, _, info in ALL:
        shown = set(every_alias(KINDS[kind].status))
        for mark in declared(info):
            assert set(mark.shown) <= shown, f"{kind} {place}"


def every_alias(model: type[ApiModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield info.alias or name
        for kind in parts(info.annotation):
            if issubclass(kind, ApiModel):
                yield from every_alias(kind)


def test_the_page_on_tenancy_lists_exactly_what_is_declared() -> None:
    listed = table()
    found = {
        (kind, place.removeprefix("spec.")): mark.reach.value for kind, place, _, info in ALL for mark in declared(info)
    }
    found |= {(kind, "import"): Reach.PROJECT.value for kind in KINDS}
    assert {row: listed[row] for row in listed if row not in found} == {}, "listed and not declared"
    assert {row: found[row] for row in found if listed.get(row) != found[row]} == {}, "declared and not so listed"


def of(kind: str, **spec: object) -> list[tuple[str, str, Reach]]:
    return [(each.place, each.value, each.names.reach) for each in named(KINDS[kind].parse(spec))]


def test_what_a_spec_names_is_found_at_whatever_depth() -> None:
    router = of("Router", interfaces=[{"networkRef": {"name": "n"}, "subnet": "a"}, {"subnetID": ID}])
    assert router == [("spec.interfaces[1].subnetID", ID, Reach.PROJECT)]
    vip = {"subnetID": ID, "securityGroupIDs": [ID], "additionalVips": [{"subnetID": ID, "address": "10.0.0.1"}]}
    tls = {
        "barbicanContainer": f"https://kms/v1/secrets/{ID}",
        "sniBarbicanContainers": [f"https://kms/v1/secrets/{ID}"],
    }
    balancer = of(
        "LoadBalancer", vip=vip, listeners=[{"name": "a", "protocol": "TERMINATED_HTTPS", "port": 1, "tls": tls}]
    )
    assert [place for place, _, reach in balancer if reach is Reach.PROJECT] == [
        "spec.vip.subnetID",
        "spec.vip.securityGroupIDs[0]",
        "spec.vip.additionalVips[0].subnetID",
        "spec.listeners[0].tls.barbicanContainer",
        "spec.listeners[0].tls.sniBarbicanContainers[0]",
    ]


@pytest.mark.parametrize(
    ("spec", "public"),
    [
        ({"managementPolicy": "Unmanaged", "import": {"filter": {"name": "ext", "external": True}}}, True),
        ({"managementPolicy": "Unmanaged", "import": {"filter": {"name": "ext", "external": False}}}, False),
        ({"managementPolicy": "Unmanaged", "import": {"filter": {"name": "ext"}}}, False),
        ({"managementPolicy": "Unmanaged", "import": {"id": ID}}, False),
        ({"import": {"filter": {"name": "ext", "external": True}}}, False),
    ],
)
def test_only_the_reading_of_an_external_network_reaches_no_further_than_all_may(spec: dict, public: bool) -> None:
    found = list(named(KINDS["InfomaniakNetwork"].parse(spec)))
    assert [each.kept for each in found] == ([] if public else [Kept.ID])
