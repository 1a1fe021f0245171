"""FloatingIP on the real Neutron: the address, and what it leads to."""

from __future__ import annotations

from typing import Any

import pytest

from demo.show import ready
from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import EXTERNAL, floating_ip, gateway, imported_external, interface, router
from tests.support.reconciles import calls, changed_by_a_reconcile
from tests.support.running import User, network

OFFICE = network("office", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}])
ROUTER = router("way-out", interfaces=[interface("office")], **gateway())


def made(user: User, name: str = "f", /, **spec: Any) -> dict[str, Any]:
    """Apply a FloatingIP and wait until it is Ready; its status."""
    user.apply(floating_ip(name, **spec))
    status: dict[str, Any] = user.until_ready("ifip", name)["status"]
    return status


def there(user: User) -> list[str]:
    """The ids of the project's floating IPs."""
    return [row["id"] for row in user.cloud.floating_ips.list(project_id=user.project.id)]


def external_id(user: User) -> str:
    """The id of the external network."""
    (row,) = user.cloud.networks.list(**{"name": EXTERNAL, "router:external": True})
    return str(row["id"])


@pytest.fixture
def inside(beta: User) -> str:
    """The id of a network that a Router leads out of."""
    beta.apply(OFFICE)
    beta.apply(ROUTER)
    beta.until_ready("irouter", "way-out")
    return str(beta.until_ready("inet", "office")["status"]["id"])


def test_every_field_without_a_target(beta: User) -> None:
    status = made(beta, description="the shop", tags=["blue"])
    row = beta.cloud.floating_ips.get(status["id"])
    assert status["address"] == row["floating_ip_address"]
    assert (status["cloudStatus"], status["externalNetworkID"]) == ("DOWN", external_id(beta))
    assert row["description"].startswith("the shop [ik2.")
    assert (row["tags"], row["port_id"]) == (["blue"], None)

    made(beta, description="changed", tags=["red"])
    row = beta.cloud.floating_ips.get(status["id"])
    assert row["description"].startswith("changed [ik2.")
    assert row["tags"] == ["red"]

    beta.cloud.floating_ips.update(status["id"], {"description": "mine"})
    beta.cloud.tags.replace("floating_ips", status["id"], ["mine"])
    beta.annotate("ifip", "f", reconcile_at="1")
    until(lambda: beta.cloud.floating_ips.get(status["id"])["tags"] == ["red"], "the tags as they were")
    assert beta.cloud.floating_ips.get(status["id"])["description"].startswith("changed [ik2.")
    until(lambda: "DriftCorrected" in [reason for reason, _ in beta.events("f")], "Event DriftCorrected")

    assert made(beta)["address"] == status["address"]
    row = beta.cloud.floating_ips.get(status["id"])
    assert row["description"].startswith("[ik2.")
    assert row["tags"] == []
    beta.delete("ifip", "f")
    assert status["id"] not in there(beta)


@pytest.mark.slow
def test_the_target_changes_and_the_address_stays(beta: User, hands: ByHand, inside: str) -> None:
    addresses = [{"ip_address": "10.1.0.77"}, {"ip_address": "10.1.0.78"}]
    several = hands.port(inside, fixed_ips=addresses)  # first: Neutron gives the others any that are left
    one, two = hands.port(inside), hands.port(inside)
    first = made(beta, portID=one["id"])
    fixed = one["fixed_ips"][0]["ip_address"]
    assert (first["portID"], first["fixedAddress"]) == (one["id"], fixed)
    assert first["routerID"] == (beta.get("irouter", "way-out") or {})["status"]["id"]
    assert beta.cloud.floating_ips.get(first["id"])["port_id"] == one["id"]

    second = made(beta, portID=two["id"])
    assert (second["id"], second["address"], second["portID"]) == (first["id"], first["address"], two["id"])

    for fixed in ("10.1.0.78", "10.1.0.77"):
        third = made(beta, portID=several["id"], fixedAddress=fixed)
        assert (third["address"], third["fixedAddress"]) == (first["address"], fixed)
        assert beta.cloud.floating_ips.get(first["id"])["fixed_ip_address"] == fixed

    def bound() -> tuple[str | None, str | None]:
        row = beta.cloud.floating_ips.get(first["id"])
        return row["port_id"], row["fixed_ip_address"]

    # Drift: unbound, and bound elsewhere.
    for elsewhere in (None, one["id"]):
        beta.cloud.floating_ips.update(first["id"], {"port_id": elsewhere})
        beta.annotate("ifip", "f", reconcile_at=f"to-{elsewhere}")
        until(lambda: bound() == (several["id"], "10.1.0.77"), "bound as it was")

    last = made(beta)
    assert (last["id"], last["address"]) == (first["id"], first["address"])
    assert not {"portID", "fixedAddress", "routerID"} & set(last)
    assert beta.cloud.floating_ips.get(first["id"])["port_id"] is None


@pytest.mark.slow
def test_a_target_never_named_is_left_alone(beta: User, hands: ByHand, inside: str) -> None:
    port = hands.port(inside)
    status = made(beta)
    beta.cloud.floating_ips.update(status["id"], {"port_id": port["id"]})
    made(beta, description="changed")
    until(lambda: beta.cloud.floating_ips.get(status["id"])["description"].startswith("changed"), "the description")
    assert beta.cloud.floating_ips.get(status["id"])["port_id"] == port["id"]
    beta.delete("ifip", "f")
    assert status["id"] not in there(beta)


@pytest.mark.slow
def test_waits_for_the_route_and_is_ready_when_the_router_comes(beta: User, hands: ByHand) -> None:
    beta.apply(OFFICE)
    port = hands.port(str(beta.until_ready("inet", "office")["status"]["id"]))
    beta.apply(floating_ip("f", portID=port["id"]))
    waiting = beta.until_condition("ifip", "f", "Ready", reason="WaitingForReference")
    assert "no route to the external network" in waiting["message"]
    assert beta.condition("ifip", "f", "Stalled") == {}
    beta.apply(ROUTER)
    beta.until_ready("irouter", "way-out")
    status = beta.until_ready("ifip", "f")["status"]
    assert status["portID"] == port["id"]
    assert len([row for row in beta.cloud.floating_ips.list(project_id=beta.project.id) if row["port_id"]]) == 1


@pytest.mark.slow
def test_a_port_that_is_not_there(beta: User) -> None:
    nowhere = "5e2f6b0e-7c57-4b0e-9f3e-2f1c55e1f001"
    beta.apply(floating_ip("f", portID=nowhere))
    waiting = beta.until_condition("ifip", "f", "Ready", reason="WaitingForReference")
    assert "spec.portID" in waiting["message"]
    assert nowhere in waiting["message"]


@pytest.mark.slow
def test_never_takes_the_place_of_another_address(beta: User, hands: ByHand, inside: str) -> None:
    port = hands.port(inside)
    foreign = hands.make("floating_ips", floating_network_id=external_id(beta), port_id=port["id"])
    beta.apply(floating_ip("f", portID=port["id"]))
    stalled = beta.until_condition("ifip", "f", "Stalled", status="True", reason="Conflict")
    assert "another floating IP" in stalled["message"]
    assert beta.cloud.floating_ips.get(foreign["id"])["port_id"] == port["id"]
    beta.cloud.floating_ips.update(foreign["id"], {"port_id": None})
    beta.annotate("ifip", "f", reconcile_at="1")
    assert beta.until_ready("ifip", "f")["status"]["portID"] == port["id"]


@pytest.mark.slow
def test_two_addresses_hand_a_port_over(beta: User, hands: ByHand, inside: str) -> None:
    port = hands.port(inside)
    blue = made(beta, "blue", portID=port["id"])
    beta.apply(floating_ip("green", portID=port["id"]))
    stalled = beta.until_condition("ifip", "green", "Stalled", status="True", reason="Conflict")
    assert f"FloatingIP {beta.namespace}/blue" in stalled["message"]
    assert beta.cloud.floating_ips.get(blue["id"])["port_id"] == port["id"]
    beta.apply(floating_ip("blue"))  # green hears of it
    assert beta.until_ready("ifip", "green", 20)["status"]["portID"] == port["id"]
    assert beta.until_ready("ifip", "blue")["status"]["address"] == blue["address"]


@pytest.mark.slow
def test_three_addresses_change_places(beta: User, hands: ByHand, inside: str) -> None:
    names = ("a", "b", "c")
    ports = [hands.port(inside)["id"] for _ in names]
    before = {name: made(beta, name, portID=port) for name, port in zip(names, ports, strict=True)}
    wanted = dict(zip(names, [*ports[1:], ports[0]], strict=True))
    for name, port in wanted.items():
        beta.apply(floating_ip(name, portID=port))

    def moved() -> bool:
        rows = {row["id"]: row for row in beta.cloud.floating_ips.list(project_id=beta.project.id)}
        return all(rows[before[name]["id"]]["port_id"] == port for name, port in wanted.items())

    until(moved, "all three lead where they should")
    for name in names:
        status = beta.until_ready("ifip", name)["status"]
        assert (status["address"], status["portID"]) == (before[name]["address"], wanted[name])


@pytest.mark.slow
def test_a_router_stays_while_an_address_leads_through_it(beta: User, hands: ByHand, inside: str) -> None:
    port = hands.port(inside)
    made(beta, portID=port["id"])
    beta.delete("irouter", "way-out", wait=False)
    in_use = beta.until_condition("irouter", "way-out", "Ready", reason="InUse")
    assert f"FloatingIP {beta.namespace}/f" in in_use["message"]
    beta.delete("ifip", "f")
    until(lambda: beta.get("irouter", "way-out") is None, "gone once the address is", 30)


@pytest.mark.slow
def test_a_given_address_of_the_project_is_taken_over_if_it_is_free(beta: User, hands: ByHand, inside: str) -> None:
    free = hands.make("floating_ips", floating_network_id=external_id(beta), description="for the shop")
    address = free["floating_ip_address"]
    status = made(beta, address=address)
    assert (status["id"], status["address"]) == (free["id"], address)
    row = beta.cloud.floating_ips.get(free["id"])
    assert row["description"].startswith("for the shop [ik2.")

    # Ours now: another object cannot have it.
    beta.apply(floating_ip("second", address=address))
    stalled = beta.until_condition("ifip", "second", "Stalled", status="True", reason="Conflict")
    assert address in stalled["message"]
    assert free["id"] in stalled["message"]

    # Bound elsewhere: it is left where it is.
    port = hands.port(inside)
    bound = hands.make("floating_ips", floating_network_id=external_id(beta), port_id=port["id"])
    other = hands.port(inside)
    beta.apply(floating_ip("third", address=bound["floating_ip_address"], portID=other["id"]))
    stalled = beta.until_condition("ifip", "third", "Stalled", status="True", reason="Conflict")
    assert port["id"] in stalled["message"]
    assert beta.cloud.floating_ips.get(bound["id"])["port_id"] == port["id"]
    assert "[ik2." not in beta.cloud.floating_ips.get(bound["id"])["description"]


@pytest.mark.slow
def test_an_address_the_project_has_not_is_the_clouds_to_give(beta: User, hands: ByHand) -> None:
    """A neighbour is not taken for it, and the cloud's refusal to a customer is shown in its own words."""
    near = hands.make("floating_ips", floating_network_id=external_id(beta))
    wanted = near["floating_ip_address"].rsplit(".", 1)[0] + ".254"
    beta.apply(floating_ip("f", address=wanted))
    stalled = beta.until_condition("ifip", "f", "Stalled", status="True", reason="InvalidConfiguration")
    assert "403" in stalled["message"]
    assert beta.cloud.floating_ips.get(near["id"])["description"] == ""


@pytest.mark.slow
def test_an_address_deleted_behind_our_back(beta: User) -> None:
    kept = made(beta, "kept")
    again = made(beta, "again", recreate="Always")
    for name, status in (("kept", kept), ("again", again)):
        beta.cloud.floating_ips.delete(status["id"])
        beta.annotate("ifip", name, reconcile_at="1")
    stalled = beta.until_condition("ifip", "kept", "Stalled", status="True", reason="ExternallyDeleted")
    assert kept["id"] in stalled["message"]

    def another() -> dict[str, Any] | None:
        body = beta.get("ifip", "again")
        return body if body and ready(body) and body["status"].get("id") not in (None, again["id"]) else None

    assert until(another, "another address")["status"]["id"] in there(beta)
    assert (beta.get("ifip", "kept") or {})["status"].get("id") not in there(beta)
    beta.delete("ifip", "kept")


@pytest.mark.slow
def test_external_network_by_reference_and_by_a_name_that_is_not_there(beta: User) -> None:
    beta.apply(floating_ip("by-ref", externalNetwork={"networkRef": {"name": "outside"}}))
    beta.apply(floating_ip("by-id", externalNetwork={"networkID": external_id(beta)}))
    beta.apply(floating_ip("by-name", externalNetwork={"networkName": "ext-nowhere"}))
    assert "outside" in beta.until_condition("ifip", "by-ref", "ReferencesResolved", status="False")["message"]
    beta.apply(imported_external("outside"))
    assert beta.until_ready("ifip", "by-ref")["status"]["externalNetworkID"] == external_id(beta)
    assert beta.until_ready("ifip", "by-id")["status"]["externalNetworkID"] == external_id(beta)
    message = beta.until_condition("ifip", "by-name", "Ready", reason="WaitingForReference")["message"]
    assert "ext-nowhere" in message
    assert f"there are: {EXTERNAL}" in message


@pytest.mark.slow
def test_what_was_done_without_an_answer_is_not_done_twice(box: Sandbox, beta: User) -> None:
    before = set(there(beta))
    rule = {"service": "neutron", "method": "POST", "path": r"/floatingips$", "status_after": 503, "count": 1}
    box.set_faults([rule])
    status = made(beta)
    assert box.faults_hit() == 1
    assert set(there(beta)) - before == {status["id"]}


def test_calls_from_apply_to_ready(box: Sandbox, beta: User, hands: ByHand, inside: str) -> None:
    port = hands.port(inside)
    made(beta, "warm")  # the external network's look-up is once a credential
    mark = box.mark()
    made(beta, portID=port["id"])
    made_of = calls(box, mark)
    print(f"\nfloating IP with a target: {made_of}")
    assert len(made_of) <= 2, made_of
    assert changed_by_a_reconcile(box, beta, "ifip", "f") == []
