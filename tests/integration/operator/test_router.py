"""Router on the real Neutron: gateway, interfaces and routes, from create to delete."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from demo.operator import OperatorProcess
from demo.show import ready
from sandbox import Environment, Sandbox
from tests.support.administrator import Administrator
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import EXTERNAL, INTERFACE, bundle, gateway, imported_external, interface, manifest, router
from tests.support.reconciles import calls, changed_by_a_reconcile
from tests.support.running import User, network

OFFICE = network("office", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}, {"name": "b", "cidr": "10.2.0.0/24"}])
ROUTE = {"destination": "192.168.0.0/16", "nexthop": "10.1.0.2"}


def subnet_ids(user: User, name: str = "office") -> dict[str, str]:
    """The ids of the subnets of an InfomaniakNetwork, by name."""
    body = user.get("inet", name) or {}
    return {subnet["name"]: subnet["id"] for subnet in body["status"]["subnets"]}


def interfaces(user: User, router_id: str) -> set[str]:
    """The subnets on which a router has an interface in Neutron."""
    ports = user.cloud.ports.list(device_id=router_id, device_owner=INTERFACE)
    return {ip["subnet_id"] for port in ports for ip in port["fixed_ips"]}


def external_id(user: User) -> str:
    """The id of the external network."""
    (row,) = user.cloud.networks.list(**{"name": EXTERNAL, "router:external": True})
    return str(row["id"])


def made(user: User, name: str = "r", /, **spec: Any) -> dict[str, Any]:
    """Apply a Router and wait until it is Ready; its status."""
    user.apply(router(name, **spec))
    status: dict[str, Any] = user.until_ready("irouter", name)["status"]
    return status


def office(user: User) -> dict[str, str]:
    """A network with two subnets; their ids."""
    user.apply(OFFICE)
    user.until_ready("inet", "office")
    return subnet_ids(user)


def another(user: User, kind: str, name: str, old: str) -> Callable[[], dict[str, Any] | None]:
    """Whether an object is Ready with another id than it had."""

    def look() -> dict[str, Any] | None:
        body = user.get(kind, name)
        return body["status"] if body and ready(body) and body["status"].get("id") not in (None, old) else None

    return look


def test_every_field_created_changed_drifted_and_taken_out(beta: User, hands: ByHand) -> None:
    ids = office(beta)
    everything = {
        "description": "the way out",
        "tags": ["blue", "office"],
        "adminStateUp": False,
        "interfaces": [interface("office", "a"), interface("office", "b")],
        "routes": [ROUTE],
        **gateway(),
    }
    status = made(beta, **everything)
    there = beta.cloud.routers.get(status["id"])
    assert (there["name"], there["admin_state_up"], sorted(there["tags"])) == ("r", False, ["blue", "office"])
    assert there["description"].startswith("the way out [ik2.")
    assert interfaces(beta, status["id"]) == set(ids.values())
    assert there["routes"] == [ROUTE]
    outside = there["external_gateway_info"]
    assert status["externalNetworkID"] == outside["network_id"] == external_id(beta)
    assert status["externalAddresses"] == [ip["ip_address"] for ip in outside["external_fixed_ips"]]
    assert [item["subnetID"] for item in status["interfaces"]] == [ids["a"], ids["b"]]
    assert beta.condition("irouter", "r", "ReferencesResolved")["status"] == "True"

    # Changed in place.
    other_route = {"destination": "172.16.0.0/12", "nexthop": "10.1.0.3"}
    changed = {
        "name": "main",
        "description": "changed",
        "tags": ["red"],
        "adminStateUp": True,
        "interfaces": [interface("office", "a")],
        "routes": [other_route, ROUTE],
        **gateway(networkID=external_id(beta)),
    }
    after = made(beta, **changed)
    there = beta.cloud.routers.get(status["id"])
    assert after["id"] == status["id"]
    assert (there["name"], there["admin_state_up"], there["tags"]) == ("main", True, ["red"])
    assert there["description"].startswith("changed [ik2.")
    assert sorted(there["routes"], key=str) == sorted([other_route, ROUTE], key=str)
    assert interfaces(beta, status["id"]) == {ids["a"]}
    assert there["external_gateway_info"]["external_fixed_ips"] == outside["external_fixed_ips"]

    # Changed by somebody else in the cloud, and put back.
    _, (lab,) = hands.network("lab", "10.9.0.0/24")
    beta.cloud.routers.add_interface(status["id"], subnet_id=lab["id"])
    beta.cloud.routers.update(status["id"], {"routes": [{"destination": "10.77.0.0/16", "nexthop": "10.9.0.7"}]})
    beta.cloud.routers.remove_interface(status["id"], subnet_id=ids["a"])
    drift = {"name": "x", "description": "mine", "admin_state_up": False, "external_gateway_info": {}}
    beta.cloud.routers.update(status["id"], drift)
    beta.cloud.tags.replace("routers", status["id"], ["mine"])
    beta.annotate("irouter", "r", reconcile_at="1")
    until(lambda: interfaces(beta, status["id"]) == {ids["a"]}, "the interfaces as they were")
    until(lambda: len(beta.cloud.routers.get(status["id"])["routes"]) == 2, "the routes as they were")
    there = beta.cloud.routers.get(status["id"])
    assert sorted(there["routes"], key=str) == sorted([other_route, ROUTE], key=str)
    assert (there["name"], there["admin_state_up"], there["tags"]) == ("main", True, ["red"])
    assert there["description"].startswith("changed [ik2.")
    assert there["external_gateway_info"]["network_id"] == external_id(beta)
    until(lambda: "DriftCorrected" in [reason for reason, _ in beta.events("r")], "Event DriftCorrected")

    # Taken out of the spec: back to what a new router has.
    made(beta)
    there = beta.cloud.routers.get(status["id"])
    assert (there["name"], there["admin_state_up"], there["tags"], there["routes"]) == ("r", True, [], [])
    assert there["description"].startswith("[ik2.")
    assert there["external_gateway_info"] is None
    assert interfaces(beta, status["id"]) == set()
    gone = (beta.get("irouter", "r") or {})["status"]
    assert not {"externalNetworkID", "externalAddresses", "interfaces"} & set(gone)


@pytest.mark.slow
def test_what_the_spec_never_named_is_left_alone(beta: User, hands: ByHand) -> None:
    """Interfaces, routes and gateway of somebody else stay, and the router does not go with theirs on it."""
    _, (lab,) = hands.network("lab", "10.9.0.0/24")
    status = made(beta)
    beta.cloud.routers.add_interface(status["id"], subnet_id=lab["id"])
    route = {"destination": "10.77.0.0/16", "nexthop": "10.9.0.7"}
    mine = {"routes": [route], "external_gateway_info": {"network_id": external_id(beta)}, "admin_state_up": False}
    beta.cloud.routers.update(status["id"], mine)
    beta.patch("irouter", "r", {"description": "changed"})
    until(lambda: beta.cloud.routers.get(status["id"])["description"].startswith("changed ["), "a changed description")
    beta.until_ready("irouter", "r")
    there = beta.cloud.routers.get(status["id"])
    assert (there["routes"], there["admin_state_up"]) == ([route], False)
    assert there["external_gateway_info"]["network_id"] == external_id(beta)
    assert interfaces(beta, status["id"]) == {lab["id"]}
    beta.cloud.routers.update(status["id"], {"routes": []})
    beta.cloud.routers.remove_interface(status["id"], subnet_id=lab["id"])


def test_gateway_by_reference_and_by_a_name_that_is_not_there(beta: User) -> None:
    beta.apply(router("by-ref", **gateway(networkRef={"name": "outside"})))
    beta.apply(router("by-name", **gateway(networkName="ext-nowhere")))
    waiting = beta.until_condition("irouter", "by-ref", "ReferencesResolved", status="False")
    assert "InfomaniakNetwork outside" in waiting["message"]
    beta.apply(imported_external("outside"))
    status = beta.until_ready("irouter", "by-ref")["status"]
    assert status["externalNetworkID"] == external_id(beta)

    message = beta.until_condition("irouter", "by-name", "Ready", reason="WaitingForReference")["message"]
    assert "spec.externalGateway" in message
    assert "ext-nowhere" in message
    assert f"there are: {EXTERNAL}" in message
    assert beta.condition("irouter", "by-name", "Stalled") == {}
    beta.patch("irouter", "by-name", {"externalGateway": {"networkName": EXTERNAL}})
    assert beta.until_ready("irouter", "by-name")["status"]["externalNetworkID"] == external_id(beta)


@pytest.mark.slow
def test_source_nat_is_an_administrators_and_sent_only_if_asked_for(beta: User) -> None:
    beta.apply(router("r", **gateway(networkName=EXTERNAL, enableSNAT=False)))
    stalled = beta.until_condition("irouter", "r", "Stalled", status="True")
    assert "403" in stalled["message"]
    beta.apply(router("r", **gateway()))
    status = beta.until_ready("irouter", "r")["status"]
    assert beta.cloud.routers.get(status["id"])["external_gateway_info"]["enable_snat"] is True


def _hosts(user: User, router_id: str) -> list[str]:
    gateway_info = user.cloud.routers.get(router_id)["external_gateway_info"]
    assert gateway_info["network_id"] == external_id(user)
    return sorted(ip["ip_address"] for ip in gateway_info["external_fixed_ips"])


def _free(user: User, many: int) -> list[str]:
    """Addresses of the external network that nobody has: routers that are gone again had them."""
    info = {"external_gateway_info": {"network_id": external_id(user)}}
    made = [user.cloud.routers.create({"name": "for-a-while", **info}) for _ in range(many)]
    for each in made:
        user.cloud.routers.delete(each["id"])
    return sorted(ip["ip_address"] for each in made for ip in each["external_gateway_info"]["external_fixed_ips"])


def test_addresses_outside_are_an_administrators(beta: User) -> None:
    (address,) = _free(beta, 1)
    status = made(beta, "r", **gateway())
    before = _hosts(beta, status["id"])
    beta.apply(router("r", **gateway(networkName=EXTERNAL, addresses=[address])))
    said = beta.until_condition("irouter", "r", "Ready", reason="InvalidConfiguration")["message"]
    assert "spec.externalGateway.addresses takes an administrator's rights" in said
    assert "take it out, or use a credential that may" in said
    assert "403" in said
    assert _hosts(beta, status["id"]) == before
    beta.apply(router("r", **gateway()))
    assert beta.until_ready("irouter", "r")["status"]["externalAddresses"] == before


def test_addresses_outside_by_an_administrators_credential(box: Sandbox, env: Environment, beta: User) -> None:
    beta.credentials(project=box.customer("beta", "admin"))
    one, other, third = _free(beta, 3)
    status = made(beta, "r", **gateway(networkName=EXTERNAL, addresses=[one]))
    id_ = status["id"]
    assert _hosts(beta, id_) == status["externalAddresses"] == [one]
    beta.patch("irouter", "r", {"externalGateway": {"addresses": [other, one]}})
    until(lambda: _hosts(beta, id_) == [one, other], "a second address")
    beta.patch("irouter", "r", {"externalGateway": {"addresses": [other]}})
    until(lambda: _hosts(beta, id_) == [other], "the first one gone")
    Administrator(env).gateway(id_, external_id(beta), third)
    assert _hosts(beta, id_) == [third]
    beta.annotate("irouter", "r", reconcile_at="1")
    until(lambda: _hosts(beta, id_) == [other], "put back")
    beta.apply(router("r", **gateway(), description="no address named any more"))
    until(lambda: beta.cloud.routers.get(id_)["description"].startswith("no address"), "the next reconcile")
    assert _hosts(beta, id_) == [other]


def test_waits_for_a_network_that_comes_later_without_asking_the_cloud(box: Sandbox, beta: User) -> None:
    made(beta, "warm", **gateway())
    mark = box.mark()
    beta.apply(router("r", interfaces=[interface("office", "a")]))
    waiting = beta.until_condition("irouter", "r", "ReferencesResolved", status="False", reason="WaitingForReference")
    assert "spec.interfaces[0].networkRef: there is no InfomaniakNetwork office" in waiting["message"]
    assert beta.condition("irouter", "r", "Ready")["reason"] == "WaitingForReference"
    beta.apply(network("another", subnets=[]))  # what happens elsewhere wakes nobody
    beta.until_ready("inet", "another")
    assert [call for call in calls(box, mark) if "/routers" in call] == []

    beta.apply(network("office", subnets=[{"name": "b", "cidr": "10.2.0.0/24"}]))
    beta.until_ready("inet", "office")
    message = "has no subnet a yet; it has: b"
    until(lambda: message in beta.condition("irouter", "r", "ReferencesResolved")["message"], message)
    beta.apply(OFFICE)
    status = beta.until_ready("irouter", "r")["status"]
    assert interfaces(beta, status["id"]) == {subnet_ids(beta)["a"]}
    assert beta.condition("irouter", "r", "ReferencesResolved")["status"] == "True"


@pytest.mark.slow
def test_interfaces_by_the_id_of_a_subnet(beta: User, hands: ByHand) -> None:
    _, (one, two) = hands.network("lab", "10.9.1.0/24", "10.9.2.0/24")
    status = made(beta, interfaces=[{"subnetID": one["id"]}])
    assert interfaces(beta, status["id"]) == {one["id"]}
    made(beta, interfaces=[{"subnetID": two["id"]}, {"subnetID": one["id"]}])
    assert interfaces(beta, status["id"]) == {one["id"], two["id"]}
    made(beta, interfaces=[{"subnetID": two["id"]}])
    assert interfaces(beta, status["id"]) == {two["id"]}
    made(beta, interfaces=[])
    assert interfaces(beta, status["id"]) == set()

    nowhere = "5e2f6b0e-7c57-4b0e-9f3e-2f1c55e1f001"
    beta.apply(router("r", interfaces=[{"subnetID": nowhere}]))
    waiting = beta.until_condition("irouter", "r", "Ready", reason="WaitingForReference")
    assert nowhere in waiting["message"]


@pytest.mark.slow
def test_interfaces_at_an_address_and_by_a_port(box: Sandbox, beta: User) -> None:
    """Where the subnet's gateway is another router: made, moved, put back, and nothing of it is left."""
    subnets = office(beta)
    leg = {"networkRef": {"name": "office"}, "fixedIPs": [{"subnet": "b", "address": "10.2.0.7"}]}
    beta.apply(manifest("Port", "leg", **leg))
    port = beta.until_ready("iport", "leg")["status"]["id"]
    at_nine = {**interface("office", "a"), "address": "10.1.0.9"}
    mark = box.mark()
    status = made(beta, interfaces=[at_nine, {"portRef": {"name": "leg"}}])
    shown = {each["subnetID"]: each["address"] for each in status["interfaces"]}
    assert shown == {subnets["a"]: "10.1.0.9", subnets["b"]: "10.2.0.7"}
    assert port in [each["portID"] for each in status["interfaces"]]
    writing = calls(box, mark, writing=True)
    assert [each.split("/")[0] for each in writing] == ["POST ", "PUT ", "POST ", "PUT "], writing
    assert changed_by_a_reconcile(box, beta, "irouter", "r") == []

    def addresses() -> set[str]:
        ports = beta.cloud.ports.list(device_id=status["id"], device_owner=INTERFACE)
        return {ip["ip_address"] for each in ports for ip in each["fixed_ips"]}

    made(beta, interfaces=[{**at_nine, "address": "10.1.0.10"}, {"portRef": {"name": "leg"}}])
    assert addresses() == {"10.1.0.10", "10.2.0.7"}
    beta.cloud.routers.remove_interface(status["id"], subnet_id=subnets["a"])
    beta.annotate("irouter", "r", reconcile_at="2")
    until(lambda: addresses() == {"10.1.0.10", "10.2.0.7"}, "the interface as it was")
    beta.delete("irouter", "r")
    beta.delete("iport", "leg")
    rest = [each for each in beta.cloud.ports.list(project_id=beta.project.id) if each["network_id"] == _office(beta)]
    assert [each for each in rest if each["device_owner"] != "network:dhcp"] == []


def _office(user: User) -> str:
    return str((user.get("inet", "office") or {})["status"]["id"])


@pytest.mark.slow
def test_what_neutron_refuses_is_said_and_mended_by_the_next_spec(beta: User, hands: ByHand) -> None:
    office(beta)
    _, (overlapping, unlike) = hands.network("lab", "10.1.0.0/25", "10.9.0.0/24")
    status = made(beta, interfaces=[interface("office", "a")])
    beta.apply(router("r", interfaces=[interface("office", "a"), {"subnetID": overlapping["id"]}]))
    stalled = beta.until_condition("irouter", "r", "Stalled", status="True", reason="InvalidConfiguration")
    assert "overlaps" in stalled["message"]
    far = {"destination": "172.16.0.0/12", "nexthop": "10.9.0.7"}
    beta.apply(router("r", interfaces=[interface("office", "a")], routes=[far]))
    until(lambda: "10.9.0.7" in beta.condition("irouter", "r", "Stalled").get("message", ""), "the next hop named")
    made(beta, interfaces=[interface("office", "a"), {"subnetID": unlike["id"]}], routes=[far])
    assert beta.cloud.routers.get(status["id"])["routes"] == [far]


@pytest.mark.slow
def test_a_router_and_its_network_deleted_behind_our_back_come_again(beta: User) -> None:
    ids = office(beta)
    old = made(beta, interfaces=[interface("office", "a")], routes=[ROUTE], **gateway())["id"]
    beta.cloud.routers.update(old, {"routes": []})
    beta.cloud.routers.remove_interface(old, subnet_id=ids["a"])
    beta.cloud.routers.delete(old)
    beta.annotate("irouter", "r", reconcile_at="1")
    new = until(another(beta, "irouter", "r", old), "another router")["id"]
    assert interfaces(beta, new) == {ids["a"]}
    there = beta.cloud.routers.get(new)
    assert there["routes"] == [ROUTE]
    assert there["external_gateway_info"]["network_id"] == external_id(beta)
    assert len([row for row in beta.cloud.routers.list(project_id=beta.project.id) if row["name"] == "r"]) == 1

    network_id = (beta.get("inet", "office") or {})["status"]["id"]
    beta.cloud.routers.update(new, {"routes": []})
    beta.cloud.routers.remove_interface(new, subnet_id=ids["a"])
    beta.cloud.networks.delete(network_id)
    beta.annotate("inet", "office", reconcile_at="1")
    until(another(beta, "inet", "office", network_id), "another network")
    anew = subnet_ids(beta)["a"]
    until(lambda: interfaces(beta, new) == {anew}, "an interface on the new subnet")
    until(lambda: beta.cloud.routers.get(new)["routes"] == [ROUTE], "the route again")
    assert beta.until_ready("irouter", "r")["status"]["id"] == new


@pytest.mark.slow
def test_network_deleted_first_waits_for_its_router(beta: User) -> None:
    office(beta)
    status = made(beta, interfaces=[interface("office", "a")], routes=[ROUTE], **gateway())
    beta.delete("inet", "office", wait=False)
    in_use = beta.until_condition("inet", "office", "Ready", reason="InUse")
    assert "Router r" in in_use["message"]
    assert beta.until_ready("irouter", "r")["status"]["id"] == status["id"]  # who stands goes on as it was
    assert interfaces(beta, status["id"]) == {subnet_ids(beta)["a"]}  # still as it was
    beta.delete("irouter", "r", wait=False)
    until(lambda: beta.get("irouter", "r") is None and beta.get("inet", "office") is None, "both gone", 30)
    assert status["id"] not in [row["id"] for row in beta.cloud.routers.list(project_id=beta.project.id)]
    assert "office" not in [row["name"] for row in beta.networks()]


@pytest.mark.slow
def test_what_was_done_without_an_answer_is_not_done_twice(box: Sandbox, beta: User) -> None:
    """Neutron makes the router, and then the interface, and says 503 both times."""
    ids = office(beta)
    rules = [
        {"service": "neutron", "method": "POST", "path": r"/routers$", "status_after": 503, "count": 1},
        {"service": "neutron", "method": "PUT", "path": r"/add_router_interface$", "status_after": 503, "count": 1},
    ]
    box.set_faults(rules)
    status = made(beta, interfaces=[interface("office", "a")], **gateway())
    assert box.faults_hit() == 2
    there = [row["id"] for row in beta.cloud.routers.list(project_id=beta.project.id) if row["name"] == "r"]
    assert there == [status["id"]]
    assert interfaces(beta, status["id"]) == {ids["a"]}


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("deleted", [False, True])
def test_killed_while_an_interface_is_added_which_the_spec_then_drops(
    box: Sandbox, beta: User, running: OperatorProcess, late: bool, deleted: bool
) -> None:
    """The cloud does not keep it, and the router can be deleted."""
    office(beta)
    status = made(beta)
    delay = {"delay_before" if late else "delay_after": 3.0}
    box.set_faults([{"service": "neutron", "method": "PUT", "path": r"/add_router_interface$", "count": 1, **delay}])
    beta.apply(router("r", interfaces=[interface("office", "a")]))
    if late:
        until(lambda: box.faults_hit(), "the PUT in Neutron's hands")
    else:
        until(lambda: interfaces(beta, status["id"]), "the interface in Neutron")
    running.kill()
    said = beta.get("irouter", "r")
    assert said
    assert "interfaces" in said["status"]["appliedFields"]
    beta.apply(router("r"))
    if not deleted:
        running.start()
        time.sleep(3.5)  # what the dead operator sent has surely arrived by now
        until(lambda: not interfaces(beta, status["id"]), "the interface gone", 20)
        beta.until_ready("irouter", "r")
        beta.delete("irouter", "r")
    else:
        beta.delete("irouter", "r", wait=False)
        running.start()
        until(lambda: beta.get("irouter", "r") is None, "the Router gone", 30)
        time.sleep(3.5)
    assert [row for row in beta.cloud.routers.list(project_id=beta.project.id) if row["id"] == status["id"]] == []
    assert list(beta.cloud.ports.list(device_id=status["id"])) == []
    beta.delete("inet", "office")


@pytest.mark.slow
def test_quota_is_waited_for(box: Sandbox, beta: User) -> None:
    box.set_quota("beta", router=0)
    try:
        beta.apply(router("r", **gateway()))
        message = beta.until_condition("irouter", "r", "Ready", reason="QuotaExceeded")["message"]
        assert "router" in message
        assert beta.condition("irouter", "r", "Stalled") == {}
    finally:
        box.set_quota("beta", router=-1)
    beta.annotate("irouter", "r", reconcile_at="1")
    beta.until_ready("irouter", "r")


def test_calls_from_apply_to_ready(box: Sandbox, beta: User) -> None:
    beta.apply(network("office", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}]))
    beta.until_ready("inet", "office")
    made(beta, "warm", **gateway())  # the external network's look-up is once a credential
    mark = box.mark()
    made(beta, interfaces=[interface("office")], **gateway())
    made_of = calls(box, mark)
    print(f"\nrouter with gateway and one interface: {made_of}")
    assert len(made_of) <= 4, made_of

    mark = box.mark()
    beta.apply(network("second", subnets=[{"name": "a", "cidr": "10.3.0.0/24"}]))
    beta.until_ready("inet", "second")
    made_of = calls(box, mark)
    print(f"network with one subnet: {made_of}")
    assert len(made_of) <= 3, made_of


@pytest.mark.slow
def test_what_neutron_spells_otherwise_is_no_drift(box: Sandbox, beta: User) -> None:
    subnets = [{"name": "a", "cidr": "10.1.0.0/24"}, {"name": "six", "cidr": "2001:db8:1::/64"}]
    beta.apply(network("office", subnets=subnets))
    routes = [{"destination": "2001:0DB8:00AA::/48", "nexthop": "2001:DB8:1:0:0::9"}, ROUTE]
    interfaces = [interface("office", "six"), interface("office", "a")]
    made(beta, description="", tags=["b", "a"], interfaces=interfaces, routes=routes, **gateway())
    assert changed_by_a_reconcile(box, beta, "irouter", "r") == []


@pytest.mark.slow
def test_everything_in_one_apply_and_one_delete(beta: User) -> None:
    """The Router first, so that it finds nothing it refers to; then all of it goes at once."""
    six = {"ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
    subnets = [
        {"name": "a", "cidr": "10.1.0.0/24"},
        {"name": "six", "cidr": "2001:db8:1::/64", **six},
        {"name": "seven", "cidr": "2001:db8:2::/64", **six},
    ]
    wanted = [interface("office", subnet["name"]) for subnet in subnets]
    beta.apply(bundle(router("r", interfaces=wanted, **gateway()), network("office", subnets=subnets)))
    status = beta.until_ready("irouter", "r")["status"]
    assert interfaces(beta, status["id"]) == set(subnet_ids(beta).values())
    beta.apply(router("r", interfaces=wanted[:2], **gateway()))  # the two of IPv6 share a port
    beta.until_ready("irouter", "r")
    ids = subnet_ids(beta)
    assert interfaces(beta, status["id"]) == {ids["a"], ids["six"]}
    beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=60s")
    assert status["id"] not in [row["id"] for row in beta.cloud.routers.list(project_id=beta.project.id)]
    assert "office" not in [row["name"] for row in beta.networks()]
