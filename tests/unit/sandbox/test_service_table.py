"""What Services and EndpointSlices come to on the node, and what is to be done about it."""

from typing import Any

import pytest

from sandbox.service_table import API_SERVICE, DNS_SERVICE, Changes, Table, changes, table


def service(name: str = "web", address: str | None = "10.96.5.6", **spec: Any) -> dict[str, Any]:
    body = {"clusterIP": address, "ports": [{"port": 80, "protocol": "TCP"}], **spec}
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": body}


def endpoint(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions}


def slices(*endpoints: dict[str, Any], owner: str = "web", **also: Any) -> dict[str, Any]:
    metadata = {"name": f"{owner}-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": owner}}
    ports = [{"name": "", "port": 8080, "protocol": "TCP"}]
    return {"metadata": metadata, "addressType": "IPv4", "ports": ports, "endpoints": list(endpoints), **also}


PLACE = ("10.96.5.6", 80)


def test_a_service_leads_to_its_ready_endpoints_at_their_own_port() -> None:
    ready, unready = endpoint("10.244.213.2", ready=True), endpoint("10.244.213.3", ready=False)
    unsaid = endpoint("10.244.213.4")
    found = table([service()], [slices(ready, unready, unsaid)])
    assert found.names == {"web.shop": "10.96.5.6"}
    assert found.routes == {PLACE: (("10.244.213.2", 8080), ("10.244.213.4", 8080))}


def test_a_pod_in_two_slices_is_one_endpoint_and_slices_have_ports_of_their_own() -> None:
    one = slices(endpoint("10.244.213.2", ready=True))
    other = slices(endpoint("10.244.213.3", ready=True), ports=[{"port": 9090}])
    assert table([service()], [one, one, other]).routes == {PLACE: (("10.244.213.2", 8080), ("10.244.213.3", 9090))}


def test_ports_are_found_by_their_names() -> None:
    named = [{"name": "http", "port": 80}, {"name": "admin", "port": 81}, {"name": "none", "port": 82}]
    there = [{"name": "admin", "port": 9000, "protocol": "TCP"}, {"name": "http", "port": 8000, "protocol": "TCP"}]
    found = table([service(ports=named)], [slices(endpoint("10.244.213.2", ready=True), ports=there)])
    assert found.routes == {
        ("10.96.5.6", 80): (("10.244.213.2", 8000),),
        ("10.96.5.6", 81): (("10.244.213.2", 9000),),
    }


@pytest.mark.parametrize(
    "there",
    [
        [],
        [slices()],
        [slices(endpoint("10.244.213.2", ready=False))],
        [slices(endpoint("10.244.213.2", ready=True), owner="other")],
        [slices(endpoint("fd00::2", ready=True), addressType="IPv6")],
        [slices(endpoint("10.244.213.2", ready=True), ports=[{"port": 8080, "protocol": "UDP"}])],
        [slices(endpoint("10.244.213.2", ready=True), ports=[{"name": "", "port": None}])],
        [{**slices(), "ports": None, "endpoints": None}],
        [{**slices(endpoint("10.244.213.2", ready=True)), "metadata": {"name": "own", "namespace": "shop"}}],
    ],
)
def test_a_service_without_a_ready_endpoint_has_a_name_and_refuses(there: list[dict[str, Any]]) -> None:
    found = table([service()], there)
    assert (found.names, found.routes) == ({"web.shop": "10.96.5.6"}, {})


def test_slices_of_the_same_name_in_another_namespace_are_another_services() -> None:
    foreign = slices(endpoint("10.244.213.9", ready=True))
    foreign["metadata"]["namespace"] = "other"
    assert table([service()], [foreign]).routes == {}


def test_udp_is_not_led_anywhere() -> None:
    port = {"port": 80, "protocol": "UDP"}
    there = slices(endpoint("10.244.213.2", ready=True), ports=[{"port": 53, "protocol": "TCP"}])
    assert table([service(ports=[port])], [there]).routes == {}


@pytest.mark.parametrize("address", ["None", "", None, "fd00::6", "192.0.2.1"])
def test_services_without_an_address_of_the_range_are_left_out(address: str | None) -> None:
    there = slices(endpoint("10.244.213.2", ready=True))
    assert table([service(address=address, ports=None)], [there]) == Table()


@pytest.mark.parametrize("address", [API_SERVICE, DNS_SERVICE])
def test_the_api_servers_and_the_dns_own_address_have_names_and_nothing_more(address: str) -> None:
    found = table([service(address=address)], [slices(endpoint("10.244.213.2", ready=True))])
    assert found.names == {"web.shop": address}
    assert not found.routes
    assert not found.addresses


WANTED = Table({"web.shop": "10.96.5.6", "idle.shop": "10.96.5.7"}, {PLACE: (("10.244.213.2", 8080),)})


def test_what_is_new_is_added_and_opened() -> None:
    assert changes(set(), set(), WANTED) == Changes(
        close=frozenset(), remove=frozenset(), add=frozenset({"10.96.5.6", "10.96.5.7"}), open=frozenset({PLACE})
    )


def test_what_is_as_it_should_be_is_left_alone() -> None:
    same = Changes(close=frozenset(), remove=frozenset(), add=frozenset(), open=frozenset())
    assert changes({"10.96.5.6", "10.96.5.7", API_SERVICE, DNS_SERVICE}, {PLACE}, WANTED) == same


def test_what_is_gone_is_closed_and_removed_but_not_the_addresses_there_always_are() -> None:
    assert changes({"10.96.5.6", "10.96.9.9", API_SERVICE, DNS_SERVICE}, {PLACE}, Table()) == Changes(
        close=frozenset({PLACE}), remove=frozenset({"10.96.5.6", "10.96.9.9"}), add=frozenset(), open=frozenset()
    )


def test_without_ready_endpoints_the_address_stays_and_the_place_is_closed() -> None:
    step = changes({"10.96.5.6"}, {PLACE}, Table({"web.shop": "10.96.5.6"}))
    assert (step.close, step.remove) == ({PLACE}, frozenset())
