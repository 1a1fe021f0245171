"""Port on the real Neutron: its addresses, its groups and its MAC; what uses it, and what follows its address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.flow import ROOT, credentials_secret
from infomaniak_operator.reconcile.ownership.marks import Mark, user_text
from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.cloud_hands import reasons
from tests.support.manifests import bundle, floating_ip, gateway, interface, port, router, security_group
from tests.support.reconciles import calls, changed_by_a_reconcile
from tests.support.running import User, network
from tests.support.tree_hands import ILB, IPOOL, listener, load_balancer, pool

NET = {"networkRef": {"name": "office"}}
SUBNETS = [{"name": "a", "cidr": "10.71.0.0/24"}, {"name": "b", "cidr": "10.72.0.0/24"}]
SLAAC = {"name": "c", "cidr": "2001:db8:71::/64", "ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
SERVER = {"device_id": "7f1a6f1e-0000-4000-8000-000000000001", "device_owner": "compute:nova"}
FREE = {"device_id": "", "device_owner": ""}
FOLDER = ROOT / "examples" / "ports"
SHORT = {
    "InfomaniakNetwork": "inet",
    "Router": "irouter",
    "SecurityGroup": "isg",
    "Port": "iport",
    "FloatingIP": "ifip",
    "LoadBalancer": "ilb",
    "Pool": "ipool",
}
TABLES = ("networks", "subnets", "routers", "security_groups", "floating_ips", "ports", "load_balancers", "pools")


def made(user: User, name: str = "p", /, **spec: Any) -> dict[str, Any]:
    """Apply a Port of the office and wait until it is Ready; its status."""
    user.apply(port(name, **{**NET, **spec}))
    status: dict[str, Any] = user.until_ready("iport", name)["status"]
    return status


def row_of(user: User, name: str = "p") -> dict[str, Any]:
    """The port in Neutron."""
    status = (user.get("iport", name) or {})["status"]
    return dict(user.cloud.ports.get(status["id"]))


def hosts(row: dict[str, Any]) -> set[str]:
    return {ip["ip_address"] for ip in row["fixed_ips"]}


def pairs(row: dict[str, Any]) -> set[tuple[str, str]]:
    return {(pair["ip_address"], pair["mac_address"]) for pair in row["allowed_address_pairs"]}


@pytest.fixture
def office(beta: User) -> User:
    """A user with a network of two subnets and two groups."""
    beta.apply(bundle(network("office", subnets=SUBNETS), security_group("one"), security_group("two")))
    beta.until_ready("inet", "office")
    for name in ("one", "two"):
        beta.until_ready("isg", name)
    return beta


def groups_of(user: User, *names: str) -> set[str]:
    return {str((user.get("isg", name) or {})["status"]["id"]) for name in names}


def default_group(user: User) -> str:
    (row,) = user.cloud.security_groups.list(name="default", project_id=user.project.id)
    return str(row["id"])


def test_calls_from_apply_to_ready(box: Sandbox, office: User) -> None:
    mark = box.mark()
    made(office, fixedIPs=[{"subnet": "a"}], securityGroupRefs=[{"name": "one"}], description="x")
    assert [call.split("?")[0] for call in calls(box, mark)] == ["GET /v2.0/ports", "POST /v2.0/ports"]
    assert changed_by_a_reconcile(box, office, "iport", "p") == []


def test_every_field_created_changed_drifted_and_taken_out(office: User) -> None:
    first = {
        "description": "web",
        "tags": ["blue"],
        "adminStateUp": False,
        "fixedIPs": [{"subnet": "a", "address": "10.71.0.9"}, {"subnet": "b"}],
        "macAddress": "fa:16:3e:71:00:01",
        "securityGroupRefs": [{"name": "one"}],
        "allowedAddressPairs": [{"address": "10.71.0.99"}, {"address": "10.80.0.0/24", "mac": "fa:16:3e:71:00:02"}],
        "portSecurityEnabled": True,
    }
    status = made(office, **first)
    row = row_of(office)
    (kept,) = hosts(row) - {"10.71.0.9"}
    assert kept.startswith("10.72.0.")
    assert (row["name"], row["tags"], row["admin_state_up"]) == ("p", ["blue"], False)
    assert row["description"].startswith("web [ik2.")
    assert row["mac_address"] == status["macAddress"] == "fa:16:3e:71:00:01"
    assert set(row["security_groups"]) == set(status["securityGroupIDs"]) == groups_of(office, "one")
    assert pairs(row) == {("10.71.0.99", row["mac_address"]), ("10.80.0.0/24", "fa:16:3e:71:00:02")}
    assert [each["address"] for each in status["fixedIPs"]] == ["10.71.0.9", kept]
    assert (status["networkID"], status["cloudStatus"]) == (row["network_id"], "DOWN")

    # Changed in place: what stays listed keeps its address.
    second = {
        "name": "other",
        "description": "changed",
        "tags": ["red"],
        "adminStateUp": True,
        "fixedIPs": [{"subnet": "b"}, {"address": "10.71.0.10"}],
        "macAddress": "fa:16:3e:71:00:01",
        "securityGroupRefs": [{"name": "two"}],
        "securityGroupIDs": [default_group(office)],
        "allowedAddressPairs": [{"address": "2001:DB8::9"}],
        "portSecurityEnabled": True,
    }

    def as_changed(row: dict[str, Any]) -> bool:
        return (
            (row["name"], row["tags"], row["admin_state_up"]) == ("other", ["red"], True)
            and row["description"].startswith("changed [ik2.")
            and hosts(row) == {kept, "10.71.0.10"}
            and set(row["security_groups"]) == {*groups_of(office, "two"), default_group(office)}
            and pairs(row) == {("2001:db8::9", row["mac_address"])}
            and row["port_security_enabled"]
        )

    assert made(office, **second)["id"] == status["id"]
    assert as_changed(row_of(office)), row_of(office)

    # Changed by somebody else in the cloud, and put back.
    by_hand = {
        "name": "mine",
        "description": "mine",
        "admin_state_up": False,
        "fixed_ips": [{"ip_address": "10.71.0.66"}, {"ip_address": kept}],
        "security_groups": [],
        "allowed_address_pairs": [],
        "port_security_enabled": False,
    }
    office.cloud.ports.update(status["id"], by_hand)
    office.cloud.tags.replace("ports", status["id"], ["mine"])
    office.annotate("iport", "p", reconcile_at="1")
    until(lambda: as_changed(row_of(office)), "the port as it was")
    until(lambda: "DriftCorrected" in reasons(office, "p"), "Event DriftCorrected")

    # Taken out of the spec: back to what a new port has; the addresses stay.
    made(office, macAddress="fa:16:3e:71:00:01")
    row = row_of(office)
    assert (row["name"], row["tags"], row["admin_state_up"]) == ("p", [], True)
    assert row["description"].startswith("[ik2.")
    assert (row["security_groups"], row["allowed_address_pairs"]) == ([default_group(office)], [])
    assert (hosts(row), row["mac_address"]) == ({kept, "10.71.0.10"}, "fa:16:3e:71:00:01")

    office.delete("iport", "p")
    assert status["id"] not in [each["id"] for each in office.cloud.ports.list(project_id=office.project.id)]


def test_port_security_off_and_on_again(office: User) -> None:
    made(office, allowedAddressPairs=[{"address": "10.71.0.99"}])
    made(office, portSecurityEnabled=False)
    row = row_of(office)
    assert (row["port_security_enabled"], row["security_groups"], row["allowed_address_pairs"]) == (False, [], [])
    made(office)
    row = row_of(office)
    assert (row["port_security_enabled"], row["security_groups"]) == (True, [default_group(office)])


@pytest.mark.slow
def test_an_address_that_a_subnet_hands_out_by_itself_is_no_drift(box: Sandbox, beta: User) -> None:
    beta.apply(network("office", subnets=[*SUBNETS, SLAAC]))
    beta.until_ready("inet", "office")
    made(beta, fixedIPs=[{"subnet": "a", "address": "10.71.0.9"}])
    assert len(hosts(row_of(beta))) == 2
    assert changed_by_a_reconcile(box, beta, "iport", "p") == []
    made(beta, fixedIPs=[{"subnet": "a", "address": "10.71.0.9"}, {"subnet": "c"}])
    assert changed_by_a_reconcile(box, beta, "iport", "p") == []
    made(beta, fixedIPs=[])
    assert changed_by_a_reconcile(box, beta, "iport", "p") == []
    assert len(hosts(row_of(beta))) == 1


def test_what_uses_it_keeps_it_and_it_keeps_its_network_and_its_group(office: User) -> None:
    status = made(office, securityGroupRefs=[{"name": "one"}])
    office.cloud.ports.update(status["id"], SERVER)
    office.annotate("iport", "p", reconcile_at="1")
    until(lambda: (office.get("iport", "p") or {})["status"].get("deviceOwner") == "compute:nova", "the device is seen")
    for kind, name in (("inet", "office"), ("isg", "one"), ("iport", "p")):
        office.delete(kind, name, wait=False)
    found = office.until_condition("iport", "p", "Ready", reason="InUse")["message"]
    assert f"compute:nova {SERVER['device_id']}" in found
    for kind, name in (("inet", "office"), ("isg", "one")):
        assert "Port p" in office.until_condition(kind, name, "Ready", reason="InUse")["message"]
    assert office.cloud.ports.get(status["id"])["device_owner"] == "compute:nova"
    office.cloud.ports.update(status["id"], FREE)
    until(lambda: office.get("inet", "office") is None and office.get("isg", "one") is None, "all gone", 90)


@pytest.mark.slow
def test_port_read_then_adopted(office: User, hands: ByHand) -> None:
    network_id = (office.get("inet", "office") or {})["status"]["id"]
    theirs = {"name": "vm", "description": "by hand", "mac_address": "fa:16:3e:71:00:09"}
    row = hands.port(network_id, **theirs, allowed_address_pairs=[{"ip_address": "10.71.0.99"}])
    office.cloud.ports.update(row["id"], SERVER)
    before = office.cloud.ports.get(row["id"])
    asked = {"import_": {"filter": {"deviceID": SERVER["device_id"], "macAddress": theirs["mac_address"]}}}
    only_read = port("p", **asked, managementPolicy="Unmanaged")
    office.apply(only_read)
    status = office.until_ready("iport", "p")["status"]
    assert (status["id"], status["deviceID"]) == (row["id"], SERVER["device_id"])
    there = office.cloud.ports.get(row["id"])
    assert {**there, "status": ""} == {**before, "status": ""} or there["revision_number"] > before["revision_number"]
    assert there["description"] == "by hand"
    office.apply(port("p", **asked, securityGroupRefs=[{"name": "one"}], deletionPolicy="Retain"))
    until(lambda: (office.get("iport", "p") or {})["metadata"].get("finalizers"), "adopted")
    office.until_ready("iport", "p")
    there = office.cloud.ports.get(row["id"])
    assert there["description"].startswith("by hand [ik2.")
    assert (there["name"], set(there["security_groups"])) == ("vm", groups_of(office, "one"))
    assert there["allowed_address_pairs"] == before["allowed_address_pairs"]
    assert "Adopting" in reasons(office, "p")
    office.delete("iport", "p")
    there = office.cloud.ports.get(row["id"])
    mark = Mark.parse(there["description"])
    assert (user_text(there["description"]), mark is not None and mark.released) == ("by hand", True)
    office.cloud.ports.update(row["id"], FREE)


def test_made_again_and_an_address_that_is_taken(office: User) -> None:
    first = made(office, fixedIPs=[{"address": "10.71.0.9"}])
    office.cloud.ports.delete(first["id"])
    office.annotate("iport", "p", reconcile_at="1")

    def again() -> bool:
        body = office.get("iport", "p") or {}
        return body["status"].get("id") not in (None, first["id"])

    until(again, "another port")
    assert [each["address"] for each in office.until_ready("iport", "p")["status"]["fixedIPs"]] == ["10.71.0.9"]
    office.apply(port("q", **NET, fixedIPs=[{"address": "10.71.0.9"}]))
    message = office.until_condition("iport", "q", "Ready", reason="Conflict")["message"]
    assert "/p has it already" in message
    office.delete("iport", "p")
    office.until_ready("iport", "q")


def test_an_address_follows_a_port_and_outlives_it(office: User) -> None:
    office.apply(router("out", interfaces=[interface("office", "a")], **gateway()))
    office.apply(floating_ip("f", portRef={"name": "p"}))
    waiting = office.until_condition("ifip", "f", "Ready", reason="WaitingForReference")["message"]
    assert "spec.portRef: Port p has no port yet" in waiting
    status = made(office, fixedIPs=[{"subnet": "a"}])
    address = office.until_ready("ifip", "f")["status"]
    assert (address["portID"], address["fixedAddress"]) == (status["id"], status["fixedIPs"][0]["address"])
    assert office.cloud.floating_ips.get(address["id"])["port_id"] == status["id"]
    office.delete("iport", "p")
    message = office.until_condition("ifip", "f", "Ready", reason="WaitingForReference")["message"]
    assert "the address is kept" in message
    assert office.cloud.floating_ips.get(address["id"])["port_id"] is None
    again = made(office, fixedIPs=[{"subnet": "a"}])
    now = office.until_ready("ifip", "f")["status"]
    assert (now["address"], now["portID"]) == (address["address"], again["id"])


@pytest.mark.slow
def test_members_that_are_ports(office: User) -> None:
    subnet = (office.get("inet", "office") or {})["status"]["subnets"][0]["id"]
    made(office, "p", fixedIPs=[{"subnet": "a"}])
    second = [{"address": "10.71.0.20"}, {"subnet": "b", "address": "10.72.0.20"}]
    made(office, "q", fixedIPs=second)
    one = {"portRef": {"name": "p"}, "port": 8080, "weight": 3}
    two = {"portRef": {"name": "q"}, "port": 8080, "address": "10.72.0.20"}
    office.apply(
        bundle(load_balancer("lb", subnet, listener("http", pool="s")), pool("s", "lb", portMembers=[one, two]))
    )
    status = office.until_ready(IPOOL, "s")["status"]
    office.until_ready(ILB, "lb")

    def there() -> dict[str, tuple[int, int, str | None]]:
        rows = office.cloud.members.list(status["id"])
        return {row["address"]: (row["protocol_port"], row["weight"], row["subnet_id"]) for row in rows}

    mine = (office.get("iport", "p") or {})["status"]["fixedIPs"][0]
    other = (office.get("inet", "office") or {})["status"]["subnets"][1]["id"]
    assert there() == {mine["address"]: (8080, 3, mine["subnetID"]), "10.72.0.20": (8080, 1, other)}

    # The Port's address changes, and the member with it.
    made(office, "p", fixedIPs=[{"address": "10.71.0.30"}])
    until(lambda: set(there()) == {"10.71.0.30", "10.72.0.20"}, "the member follows")

    # A Port that is a member is kept until it is none.
    office.delete("iport", "q", wait=False)
    assert "Pool s" in office.until_condition("iport", "q", "Ready", reason="InUse")["message"]
    office.apply(pool("s", "lb", portMembers=[one]))
    until(lambda: office.get("iport", "q") is None, "the Port gone")
    assert set(there()) == {"10.71.0.30"}


@pytest.fixture
def example(beta: User, tmp_path: Path) -> Iterator[Path]:
    """A copy of ``examples/ports``; the credential in it is one to fill in."""
    for path in FOLDER.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "credentials.yaml").write_text(credentials_secret(beta.project))
    yield tmp_path
    beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=120s")


@pytest.mark.slow
def test_the_example(beta: User, example: Path) -> None:
    def inventory() -> set[str]:
        rows = [getattr(beta.cloud, each).list(project_id=beta.project.id) for each in TABLES]
        return {row["id"] for each in rows for row in each}

    before = inventory()
    bodies = [body for path in FOLDER.glob("*.yaml") for body in yaml.safe_load_all(path.read_text()) if "spec" in body]
    assert {body["kind"] for body in bodies} == set(SHORT)
    beta.kubectl.run("apply", "-n", beta.namespace, "-f", str(example))
    for body in bodies:
        beta.until_ready(SHORT[body["kind"]], body["metadata"]["name"], 90.0)
    members = beta.cloud.members.list((beta.get("ipool", "app") or {})["status"]["id"])
    assert {row["address"] for row in members} == {"10.50.0.11", "10.50.0.12"}
    assert (beta.get("ifip", "app-1") or {})["status"]["fixedAddress"] == "10.50.0.11"
    beta.kubectl.run("delete", "-n", beta.namespace, "-f", str(example), "--timeout=90s")
    assert inventory() == before
