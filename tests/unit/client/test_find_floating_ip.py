"""A floating IP by its address, in both forms."""

from ipaddress import IPv4Address, IPv6Address
from unittest.mock import Mock

import pytest
from openstack.network.v2 import floating_ip as sdk

from infomaniak_operator.client import (
    Category,
    ConflictError,
    InfomaniakNetworkClient,
    NotFoundError,
    Operations,
    ServiceError,
)
from infomaniak_operator.client.addresses import canonical
from tests.support.fake_cloud_http import Reply

ADDRESS = "198.51.100.7"
SPELLINGS = [
    ADDRESS, f" {ADDRESS}\n", "::ffff:198.51.100.7", "::FFFF:c633:6407", "0:0:0:0:0:ffff:198.51.100.7",
    IPv4Address(ADDRESS), IPv6Address("::ffff:198.51.100.7"),
]  # fmt: skip
BAD = [
    "", "nobody", "198.51.100", "198.51.100.07", "198.51.100.7/32", "198.51.100.7:80", "fe80::1%eth0", "\ud800", "\x00",
    "\u0661.1.1.1", "x" * 10_000, None, 7, b"198.51.100.7", [], True,
]  # fmt: skip
ROW = {
    "id": "f1", "floating_ip_address": ADDRESS, "fixed_ip_address": "10.0.0.5", "status": "ACTIVE", "port_id": "p",
    "project_id": "p1",
}  # fmt: skip
SHOWN = {name: value for name, value in ROW.items() if name != "project_id"}


@pytest.fixture
def do(session):
    return Operations(session)


def having(*rows):
    return lambda _: Reply(200, {"floatingips": list(rows)})


@pytest.mark.parametrize("address", SPELLINGS, ids=repr)
def test_it_is_found_however_the_address_is_spelt(do, wire, address):
    wire.answer = having(ROW)
    assert do.find_floating_ip(address) == ROW
    conn = Mock()
    conn.network.ips.return_value = iter([ROW])
    assert InfomaniakNetworkClient(conn).find_floating_ip(address) == SHOWN
    assert [asked.query for asked in wire.asked] == [[("floating_ip_address", ADDRESS)]]
    conn.network.ips.assert_called_once_with(floating_ip_address=ADDRESS)


def test_openstacksdk_s_own_object_is_found():
    conn = Mock()
    conn.network.ips.return_value = [sdk.FloatingIP(**ROW)]
    assert InfomaniakNetworkClient(conn).find_floating_ip(ADDRESS) == SHOWN


def test_an_address_of_ipv6_is_spelt_as_the_services_do():
    assert canonical("2001:DB8:0::1") == "2001:db8::1"


@pytest.mark.parametrize(
    "rows",
    [
        [],
        # A filter that is dropped gives everything.
        [{**ROW, "floating_ip_address": "198.51.100.8"}],
        [{**ROW, "floating_ip_address": None}],
        [{**ROW, "floating_ip_address": "\ud800"}],
        [{"id": "f1"}],
    ],
)
def test_none_has_it(do, wire, rows, caplog):
    wire.answer = having(*rows)
    assert do.find_floating_ip(ADDRESS) is None
    conn = Mock()
    conn.network.ips.return_value = rows
    assert InfomaniakNetworkClient(conn).find_floating_ip(ADDRESS) is None
    assert caplog.records == []


def test_several_have_it(do, wire, caplog):
    rows = [ROW, {**ROW, "id": "f2"}]
    wire.answer = having(*rows)
    with pytest.raises(ConflictError, match="f1, f2") as caught:
        do.find_floating_ip(ADDRESS)
    assert caught.value.category is Category.TERMINAL
    conn = Mock()
    conn.network.ips.return_value = rows
    assert InfomaniakNetworkClient(conn).find_floating_ip(ADDRESS) is None
    assert "f1, f2" in caplog.text


@pytest.mark.parametrize("address", BAD, ids=lambda bad: ascii(bad)[:20])
def test_what_is_no_address_is_never_asked_for(do, wire, address, caplog):
    with pytest.raises(ValueError, match=r"is no IP address|link") as caught:
        do.find_floating_ip(address)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    conn = Mock()
    assert InfomaniakNetworkClient(conn).find_floating_ip(address) is None
    assert wire.asked == conn.network.method_calls == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("reply", [Reply(404, {}), Reply(503, {}), Reply(200, {}), Reply(200, None)])
def test_a_list_that_fails_is_not_none(do, wire, reply):
    wire.answer = lambda _: reply
    with pytest.raises((ServiceError, NotFoundError)):
        do.find_floating_ip(ADDRESS)


def test_the_facade_logs_a_list_that_fails(caplog):
    conn = Mock()
    conn.network.ips.side_effect = RuntimeError("broken")
    assert InfomaniakNetworkClient(conn).find_floating_ip(ADDRESS) is None
    assert "broken" in caplog.text
