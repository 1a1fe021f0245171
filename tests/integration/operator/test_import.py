"""Import on the real Neutron: reading what others made, and taking it over."""

import uuid
from collections.abc import Iterator

import pytest

from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.cloud_hands import changing, reasons, reconciled, until_event
from tests.support.manifests import INTERFACE, manifest
from tests.support.running import User

INET, ISG, IFIP, IROUTER = "InfomaniakNetwork", "SecurityGroup", "FloatingIP", "Router"


@pytest.fixture
def name() -> str:
    """A name in the cloud that nothing else has."""
    return f"hand-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def by_hand(user: User, name: str) -> Iterator[dict]:
    """A network and a subnet that a person made."""
    made = user.cloud.networks.create({"name": name, "description": "made by hand", "mtu": 1400})
    subnet = {"network_id": made["id"], "ip_version": 4, "cidr": "10.66.0.0/24", "name": "front"}
    user.cloud.subnets.create({**subnet, "dns_nameservers": ["9.9.9.9"], "description": "a subnet"})
    yield user.cloud.networks.get(made["id"])
    if made["id"] in [each["id"] for each in user.networks()]:
        user.cloud.networks.delete(made["id"])


@pytest.mark.parametrize("how", ["id", "filter"])
def test_unmanaged_only_reads(box: Sandbox, user: User, by_hand: dict, how: str) -> None:
    asked = {"id": by_hand["id"]} if how == "id" else {"filter": {"name": by_hand["name"]}}
    mark = box.mark()
    user.apply(manifest(INET, "n", import_=asked, managementPolicy="Unmanaged"))
    body = user.until_ready("inet", "n")
    status = body["status"]
    assert (status["id"], status["mtu"], status["cloudStatus"]) == (by_hand["id"], 1400, "ACTIVE")
    assert [(s["name"], s["cidr"], s["gateway"]) for s in status["subnets"]] == [("front", "10.66.0.0/24", "10.66.0.1")]
    assert status["projectID"] == user.project.id
    assert body["metadata"].get("finalizers", []) == []
    reconciled(box, user, "inet", "n")
    user.delete("inet", "n")
    assert changing(box, mark, user) == []
    there = user.cloud.networks.get(by_hand["id"])
    assert (there["revision_number"], there["description"]) == (by_hand["revision_number"], "made by hand")


def test_unmanaged_and_deleted_in_the_cloud_is_stalled(user: User, by_hand: dict) -> None:
    user.apply(manifest(INET, "n", import_={"id": by_hand["id"]}, managementPolicy="Unmanaged"))
    user.until_ready("inet", "n")
    user.cloud.networks.delete(by_hand["id"])
    user.annotate("inet", "n", reconcile_at="1")
    ready = user.until_condition("inet", "n", "Ready", status="False", reason="ExternallyDeleted")
    assert by_hand["id"] in ready["message"]
    assert user.condition("inet", "n", "Stalled")["status"] == "True"
    assert by_hand["name"] not in [each["name"] for each in user.networks()]
    user.delete("inet", "n")


def test_managed_shows_the_difference_first_then_adopts(box: Sandbox, user: User, by_hand: dict) -> None:
    (subnet,) = user.subnets(by_hand["id"])
    mark = box.mark()
    box.set_faults([{"service": "neutron", "method": "PUT", "path": r"/networks/", "delay_before": 4.0, "count": 1}])
    spec = {"subnets": [{"name": "front", "cidr": "10.66.0.0/24", "dnsNameservers": ["1.1.1.1"]}]}
    user.apply(manifest(INET, "n", import_={"filter": {"name": by_hand["name"]}}, description="taken over", **spec))
    synced = user.until_condition("inet", "n", "Synced", status="False", reason="Updating")["message"]
    assert changing(box, mark, user) == []
    assert "description: made by hand -> taken over" in synced
    assert "subnets[front].dnsNameservers: ['9.9.9.9'] -> ['1.1.1.1']" in synced
    assert synced in until_event(user, "n", "Adopting")
    body = user.until_ready("inet", "n")
    assert body["status"]["id"] == by_hand["id"]
    there, under = user.cloud.networks.get(by_hand["id"]), user.cloud.subnets.get(subnet["id"])
    assert there["description"].startswith("taken over [ik2.")
    assert under["dns_nameservers"] == ["1.1.1.1"]
    # What the spec does not name stays as it was.
    assert (there["name"], there["mtu"], there["admin_state_up"]) == (by_hand["name"], 1400, True)
    assert under["description"].startswith("a subnet [ik2.")
    assert {**under, "revision_number": 0, "updated_at": 0, "dns_nameservers": 0, "description": 0} == {
        **subnet,
        "revision_number": 0,
        "updated_at": 0,
        "dns_nameservers": 0,
        "description": 0,
    }
    user.delete("inet", "n")
    assert by_hand["id"] not in [each["id"] for each in user.networks()]


def test_adoption_leaves_all_that_the_spec_does_not_name(user: User, by_hand: dict) -> None:
    (subnet,) = user.subnets(by_hand["id"])
    user.apply(manifest(INET, "n", import_={"id": by_hand["id"]}, deletionPolicy="Retain"))
    body = user.until_ready("inet", "n")
    assert [s["id"] for s in body["status"]["subnets"]] == [subnet["id"]]
    there = user.cloud.networks.get(by_hand["id"])
    assert there["description"].startswith("made by hand [ik2.")
    assert user.subnets(by_hand["id"]) == [subnet]
    user.delete("inet", "n")
    assert user.cloud.networks.get(by_hand["id"])["description"].startswith("made by hand [ik2r.")


def test_an_immutable_difference_is_a_conflict(box: Sandbox, user: User, by_hand: dict) -> None:
    subnet = {"network_id": by_hand["id"], "ip_version": 6, "cidr": "2001:db8:66::/64", "name": "six"}
    user.cloud.subnets.create({**subnet, "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"})
    mark = box.mark()
    wanted = {"name": "six", "cidr": "2001:db8:66::/64", "ipv6AddressMode": "dhcpv6-stateful"}
    spec = {"subnets": [{**wanted, "ipv6RAMode": "dhcpv6-stateful"}]}
    user.apply(manifest(INET, "n", import_={"id": by_hand["id"]}, description="other", **spec))
    message = user.until_condition("inet", "n", "Ready", reason="Conflict")["message"]
    assert "subnets[six].ipv6AddressMode: slaac -> dhcpv6-stateful" in message
    assert user.condition("inet", "n", "Stalled")["status"] == "True"
    reconciled(box, user, "inet", "n")
    user.delete("inet", "n")
    assert changing(box, mark, user) == []


def test_no_match_waits_and_a_longer_name_is_none(box: Sandbox, user: User, name: str) -> None:
    longer = user.cloud.networks.create({"name": f"{name}-2"})
    mark = box.mark()
    user.apply(manifest(INET, "n", import_={"filter": {"name": name}}, managementPolicy="Unmanaged"))
    ready = user.until_condition("inet", "n", "Ready", reason="WaitingForReference")
    assert f"name={name}" in ready["message"]
    reconciled(box, user, "inet", "n")
    assert user.get("inet", "n")["status"].get("id") is None
    assert user.condition("inet", "n", "Stalled") == {}
    assert changing(box, mark, user) == []
    wanted = user.cloud.networks.create({"name": name})
    user.annotate("inet", "n", reconcile_at="later")
    assert user.until_ready("inet", "n")["status"]["id"] == wanted["id"]
    for each in (longer, wanted):
        user.cloud.networks.delete(each["id"])


def test_an_id_that_is_not_there_is_waited_for(user: User) -> None:
    wanted = str(uuid.uuid4())
    user.apply(manifest(INET, "n", import_={"id": wanted}))
    message = user.until_condition("inet", "n", "Ready", reason="WaitingForReference")["message"]
    assert "spec.import.id" in message
    assert wanted in message
    assert user.get("inet", "n")["metadata"].get("finalizers", []) == []


def test_two_matches_are_an_error_that_names_them(box: Sandbox, user: User, name: str) -> None:
    ids = [user.cloud.networks.create({"name": name})["id"] for _ in range(2)]
    mark = box.mark()
    user.apply(manifest(INET, "n", import_={"filter": {"name": name}}))
    message = user.until_condition("inet", "n", "Ready", reason="InvalidConfiguration")["message"]
    assert all(each in message for each in ids)
    assert user.condition("inet", "n", "Stalled")["status"] == "True"
    assert changing(box, mark, user) == []
    user.cloud.networks.delete(ids[0])
    user.annotate("inet", "n", reconcile_at="1")
    assert user.until_ready("inet", "n")["status"]["id"] == ids[1]


def test_a_description_is_matched_whole(user: User, name: str) -> None:
    ids = [
        user.cloud.networks.create({"name": name, "description": text})["id"] for text in ("the office", "the office 2")
    ]
    user.apply(manifest(INET, "n", import_={"filter": {"name": name, "description": "the office"}}))
    assert user.until_ready("inet", "n")["status"]["id"] == ids[0]
    user.cloud.networks.delete(ids[1])


def test_who_only_reads_excludes_nobody(user: User, by_hand: dict) -> None:
    for name in ("a", "b"):
        user.apply(manifest(INET, name, import_={"id": by_hand["id"]}, managementPolicy="Unmanaged"))
    for name in ("a", "b"):
        assert user.until_ready("inet", name)["status"]["id"] == by_hand["id"]


def test_the_younger_of_two_managed_objects_on_one_id_is_the_conflict(user: User, by_hand: dict) -> None:
    for name in ("a", "b"):
        user.apply(manifest(INET, name, import_={"id": by_hand["id"]}, deletionPolicy="Retain"))
        if name == "a":
            user.until_ready("inet", name)
    message = user.until_condition("inet", "b", "Ready", reason="Conflict")["message"]
    assert "a" in message
    assert by_hand["id"] in message
    assert user.condition("inet", "a", "Ready")["status"] == "True"
    user.delete("inet", "a")
    assert user.until_ready("inet", "b")["status"]["id"] == by_hand["id"]


def test_what_another_object_made_is_not_adopted(box: Sandbox, user: User) -> None:
    user.apply(manifest(INET, "maker"))
    made = user.until_ready("inet", "maker")["status"]["id"]
    mark = box.mark()
    user.apply(manifest(INET, "taker", import_={"id": made}, description="mine now"))
    user.until_condition("inet", "taker", "Ready", reason="Conflict")
    user.delete("inet", "taker")
    assert changing(box, mark, user) == []
    assert user.condition("inet", "maker", "Ready")["status"] == "True"


def test_to_unmanaged_releases_and_back_adopts(box: Sandbox, user: User, by_hand: dict) -> None:
    subnets = [{"name": "front", "cidr": "10.66.0.0/24"}]
    asked = {"import_": {"id": by_hand["id"]}, "subnets": subnets}
    user.apply(manifest(INET, "n", **asked, description="managed"))
    user.until_ready("inet", "n")
    user.apply(manifest(INET, "n", **asked, description="managed", managementPolicy="Unmanaged"))
    until(lambda: not user.get("inet", "n")["metadata"].get("finalizers"), "the finalizer is gone")
    user.until_ready("inet", "n")
    (subnet,) = user.subnets(by_hand["id"])
    assert user.cloud.networks.get(by_hand["id"])["description"].startswith("managed [ik2r.")
    assert subnet["description"].startswith("a subnet [ik2r.")
    user.cloud.networks.update(by_hand["id"], {"description": "a person's"})
    mark = box.mark()
    reconciled(box, user, "inet", "n")
    assert changing(box, mark, user) == []
    user.apply(manifest(INET, "n", **asked, description="managed again"))
    until_event(user, "n", "Adopting", "description: a person's -> managed again")
    until(lambda: user.get("inet", "n")["metadata"].get("finalizers"), "the finalizer")
    user.until_ready("inet", "n")
    assert user.cloud.networks.get(by_hand["id"])["description"].startswith("managed again [ik2.")
    assert user.cloud.subnets.get(subnet["id"])["description"].startswith("a subnet [ik2.")


@pytest.mark.slow
def test_a_made_network_can_be_given_up_and_taken_back(user: User) -> None:
    subnets = [{"name": "front", "cidr": "10.67.0.0/24"}]
    user.apply(manifest(INET, "n", subnets=subnets))
    status = user.until_ready("inet", "n")["status"]
    given_up = {"import_": {"id": status["id"]}, "managementPolicy": "Unmanaged", "subnets": subnets}
    user.apply(manifest(INET, "n", **given_up))
    until(lambda: not user.get("inet", "n")["metadata"].get("finalizers"), "the finalizer is gone")
    user.until_ready("inet", "n")
    user.apply(manifest(INET, "n", subnets=subnets))
    until(lambda: user.get("inet", "n")["metadata"].get("finalizers"), "the finalizer")
    body = user.until_ready("inet", "n")
    assert body["status"]["id"] == status["id"]
    assert body["status"]["subnets"] == status["subnets"]
    assert [n["id"] for n in user.networks() if n["name"] == "n"] == [status["id"]]
    user.delete("inet", "n")
    assert status["id"] not in [n["id"] for n in user.networks()]


@pytest.mark.slow
def test_router_read_then_adopted(box: Sandbox, user: User, by_hand: dict, name: str) -> None:
    (subnet,) = user.subnets(by_hand["id"])
    longer = user.cloud.routers.create({"name": f"{name}-2"})
    router = user.cloud.routers.create({"name": name, "description": "by hand"})
    user.cloud.routers.add_interface(router["id"], subnet_id=subnet["id"])
    mark = box.mark()
    asked = {"import_": {"filter": {"name": name}}}
    user.apply(manifest(IROUTER, "r", **asked, managementPolicy="Unmanaged"))
    status = user.until_ready("irouter", "r")["status"]
    assert (status["id"], status["interfaces"]) == (router["id"], [{"subnetID": subnet["id"]}])
    assert changing(box, mark, user) == []
    user.apply(manifest(IROUTER, "r", **asked, externalGateway={"networkName": "ext-floating1"}))
    until(lambda: user.get("irouter", "r")["metadata"].get("finalizers"), "adopted")
    user.until_ready("irouter", "r")
    there = user.cloud.routers.get(router["id"])
    assert there["description"].startswith("by hand [ik2.")
    assert there["external_gateway_info"]["external_fixed_ips"]
    ports = user.cloud.ports.list(device_id=router["id"])
    assert [p for p in ports if p["device_owner"] == INTERFACE]
    assert "Adopting" in reasons(user, "r")
    user.cloud.routers.remove_interface(router["id"], subnet_id=subnet["id"])
    user.annotate("irouter", "r", reconcile_at="1")
    user.delete("irouter", "r")
    user.cloud.routers.delete(longer["id"])
    assert router["id"] not in [r["id"] for r in user.cloud.routers.list(project_id=user.project.id)]


@pytest.mark.slow
def test_security_group_read_then_adopted(box: Sandbox, user: User, name: str) -> None:
    group = user.cloud.security_groups.create({"name": name, "description": "by hand"})
    rule = {"security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp"}
    for port in (22, 80):
        user.cloud.security_group_rules.create({**rule, "port_range_min": port, "port_range_max": port})
    rules = {r["id"] for r in user.cloud.security_groups.get(group["id"])["security_group_rules"]}
    mark = box.mark()
    asked = {"import_": {"filter": {"name": name, "description": "by hand"}}}
    user.apply(manifest(ISG, "g", **asked, managementPolicy="Unmanaged"))
    status = user.until_ready("isg", "g")["status"]
    assert (status["id"], status["ruleCount"]) == (group["id"], 4)
    assert changing(box, mark, user) == []
    user.apply(manifest(ISG, "g", **asked))
    until(lambda: user.get("isg", "g")["metadata"].get("finalizers"), "adopted")
    user.until_ready("isg", "g")
    there = user.cloud.security_groups.get(group["id"])
    assert there["description"].startswith("by hand [ik2.")
    assert {r["id"] for r in there["security_group_rules"]} == rules  # not named in the spec, so left as they are
    only = [{"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}}]
    user.apply(manifest(ISG, "g", **asked, rules=only))
    user.until_ready("isg", "g")
    left = user.cloud.security_groups.get(group["id"])["security_group_rules"]
    assert sorted(r["port_range_min"] for r in left if r["direction"] == "ingress") == [22]
    assert {r["id"] for r in left} < rules
    user.delete("isg", "g")


@pytest.mark.slow
def test_floating_ip_read_then_adopted_and_no_neighbour(box: Sandbox, user: User, env: Environment) -> None:
    (external,) = user.cloud.networks.list(name=env.external_network)
    made = [user.cloud.floating_ips.create({"floating_network_id": external["id"]}) for _ in range(2)]
    address = made[0]["floating_ip_address"]
    mark = box.mark()
    # A neighbour: its text begins like that of an address that is there.
    near = f"{address}1" if len(address.rsplit(".", 1)[1]) == 1 else address[:-1]
    taken = {f["floating_ip_address"] for f in user.cloud.floating_ips.list()}
    if near not in taken:
        user.apply(manifest(IFIP, "near", import_={"filter": {"address": near}}, managementPolicy="Unmanaged"))
        user.until_condition("ifip", "near", "Ready", reason="WaitingForReference")
    asked = {"import_": {"filter": {"address": address}}}
    user.apply(manifest(IFIP, "f", **asked, managementPolicy="Unmanaged"))
    status = user.until_ready("ifip", "f")["status"]
    assert (status["id"], status["address"]) == (made[0]["id"], address)
    assert changing(box, mark, user) == []
    user.apply(manifest(IFIP, "f", **asked, description="ours"))
    until(lambda: user.get("ifip", "f")["metadata"].get("finalizers"), "adopted")
    user.until_ready("ifip", "f")
    assert user.cloud.floating_ips.get(made[0]["id"])["description"].startswith("ours [ik2.")
    user.delete("ifip", "f")
    assert [f["id"] for f in user.cloud.floating_ips.list() if f["id"] in {m["id"] for m in made}] == [made[1]["id"]]
    user.cloud.floating_ips.delete(made[1]["id"])


@pytest.mark.slow
def test_a_bound_address_is_not_taken_from_where_it_leads(
    box: Sandbox, user: User, by_hand: dict, env: Environment
) -> None:
    """Adopted with another target in the spec: Conflict, and the traffic goes on."""
    (external,) = user.cloud.networks.list(name=env.external_network)
    (subnet,) = user.subnets(by_hand["id"])
    router = user.cloud.routers.create({"name": "r", "external_gateway_info": {"network_id": external["id"]}})
    user.cloud.routers.add_interface(router["id"], subnet_id=subnet["id"])
    ports = [user.cloud.ports.create({"network_id": by_hand["id"], "name": f"p{n}"}) for n in range(2)]
    bound = user.cloud.floating_ips.create({"floating_network_id": external["id"], "port_id": ports[0]["id"]})
    mark = box.mark()
    user.apply(manifest(IFIP, "f", import_={"id": bound["id"]}, portID=ports[1]["id"]))
    message = user.until_condition("ifip", "f", "Ready", reason="Conflict")["message"]
    assert ports[0]["id"] in message
    assert changing(box, mark, user) == []
    user.delete("ifip", "f")
    assert user.cloud.floating_ips.get(bound["id"])["port_id"] == ports[0]["id"]
    user.cloud.floating_ips.delete(bound["id"])
    for port in ports:
        user.cloud.ports.delete(port["id"])
    user.cloud.routers.remove_interface(router["id"], subnet_id=subnet["id"])
    user.cloud.routers.delete(router["id"])
