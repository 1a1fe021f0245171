"""LoadBalancer on the real Octavia: itself and its VIP. Its listeners: ``test_listeners.py``."""

from __future__ import annotations

import pytest

from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.cloud_hands import until_event
from tests.support.manifests import bundle, imported_external, security_group
from tests.support.running import User
from tests.support.tree_hands import (
    ILB,
    by_hand,
    listener,
    load_balancer,
    look_again,
    made,
    sent,
    unlocked,
    user_tags,
)


def group_ids(user: User, *names: str) -> list[str]:
    """The ids of SecurityGroups."""
    return [user.until_ready("isg", name)["status"]["id"] for name in names]


def test_every_field_created_changed_drifted_and_taken_out(box: Sandbox, beta: User, hands: ByHand) -> None:
    lab, (front, more) = hands.network("lab", "10.30.0.0/24", "10.30.1.0/24")
    beta.apply(bundle(security_group("one"), security_group("two")))
    one, two = group_ids(beta, "one", "two")
    fixed = {
        "subnetID": front["id"],
        "address": "10.30.0.77",
        "additionalVips": [{"subnetID": more["id"], "address": "10.30.1.78"}],
    }
    everything = {
        "description": "the shop",
        "tags": ["blue", "shop"],
        "adminStateUp": False,
        "provider": "amphora",
        "recovery": {"policy": "Never"},
        "vip": {**fixed, "securityGroupRefs": [{"name": "one"}]},
    }
    mark = box.mark()
    status = made(beta, ILB, load_balancer("lb", front["id"], listener("web"), **everything))
    assert sent(box, mark, beta) == ["POST loadbalancers"]
    there = beta.cloud.load_balancers.get(status["id"])
    assert (there["name"], there["description"], there["admin_state_up"]) == ("lb", "the shop", False)
    assert (there["provider"], user_tags(there)) == ("amphora", ["blue", "shop"])
    assert (there["vip_subnet_id"], there["vip_address"], there["vip_sg_ids"]) == (front["id"], "10.30.0.77", [one])
    (further,) = there["additional_vips"]
    assert (further["subnet_id"], further["ip_address"]) == (more["id"], "10.30.1.78")
    assert further["port_id"] == there["vip_port_id"] == status["vipPortID"]

    # What status says of it.
    port = beta.cloud.ports.get(status["vipPortID"])
    assert (port["name"], {ip["ip_address"] for ip in port["fixed_ips"]}) == ("lb-vip", {"10.30.0.77", "10.30.1.78"})
    seen = {name: status[name] for name in ("vipAddress", "vipSubnetID", "vipNetworkID", "provider", "projectID")}
    assert seen == {
        "vipAddress": "10.30.0.77",
        "vipSubnetID": front["id"],
        "vipNetworkID": lab["id"],
        "provider": "amphora",
        "projectID": beta.project.id,
    }
    assert status["additionalVips"] == [{"subnetID": more["id"], "address": "10.30.1.78"}]
    assert (status["provisioningStatus"], status["operatingStatus"]) == ("ACTIVE", "ONLINE")
    states = {name: status["listeners"][0][name] for name in ("name", "provisioningStatus", "operatingStatus")}
    assert states == {"name": "web", "provisioningStatus": "ACTIVE", "operatingStatus": "ONLINE"}
    assert beta.condition(ILB, "lb", "Healthy")["status"] == "True"
    assert beta.condition(ILB, "lb", "ReferencesResolved")["status"] == "True"

    # Changed in place, in one call.
    changed = {
        "name": "main",
        "description": "changed",
        "tags": ["red"],
        "adminStateUp": True,
        "provider": "amphora",
        "recovery": {"policy": "Recreate", "maxAttempts": 5},
        "vip": {**fixed, "securityGroupRefs": [{"name": "two"}]},
    }
    mark = box.mark()
    after = made(beta, ILB, load_balancer("lb", front["id"], listener("web"), **changed))
    assert sent(box, mark, beta) == [f"PUT loadbalancers/{status['id']}"]
    assert (after["id"], after["vipPortID"]) == (status["id"], status["vipPortID"])

    def as_wanted() -> bool:
        row = beta.cloud.load_balancers.get(status["id"])
        named = (row["name"], row["description"], row["admin_state_up"])
        return (named, row["vip_sg_ids"]) == (("main", "changed", True), [two]) and user_tags(row) == ["red"]

    assert as_wanted()

    # Changed by somebody else in the cloud, and put back: the mark, too.
    mine = {"name": "x", "description": "mine", "admin_state_up": False, "vip_sg_ids": [one], "tags": ["mine"]}
    by_hand(beta, status["id"], lambda: beta.cloud.load_balancers.update(status["id"], mine))
    look_again(beta, ILB, "lb")
    message = until_event(beta, "lb", "DriftCorrected")
    assert all(name in message for name in ("name", "description", "adminStateUp", "vip.securityGroups", "tags"))
    unlocked(beta, status["id"])
    assert as_wanted()

    # Taken out of the spec: back to what a new load balancer has.
    made(beta, ILB, load_balancer("lb", front["id"], listener("web"), vip=fixed, provider="amphora"))
    there = beta.cloud.load_balancers.get(status["id"])
    assert (there["name"], there["description"], there["admin_state_up"]) == ("lb", "", True)
    assert (there["vip_sg_ids"], user_tags(there)) == ([], [])
    beta.delete(ILB, "lb")
    assert not list(beta.cloud.ports.list(network_id=lab["id"], name="lb-vip"))


@pytest.mark.slow
def test_a_vip_anywhere_in_a_network_and_groups_by_id(beta: User, hands: ByHand) -> None:
    lab, (front,) = hands.network("lab", "10.30.0.0/24")
    groups = [hands.make("security_groups", name=f"theirs-{n}")["id"] for n in range(2)]
    place = {"networkID": lab["id"]}
    status = made(beta, ILB, load_balancer("lb", "", vip={**place, "securityGroupIDs": groups}))
    there = beta.cloud.load_balancers.get(status["id"])
    assert (there["vip_subnet_id"], sorted(there["vip_sg_ids"])) == (front["id"], sorted(groups))
    assert status["vipAddress"].startswith("10.30.0.")
    made(beta, ILB, load_balancer("lb", "", vip={**place, "securityGroupIDs": []}))
    assert beta.cloud.load_balancers.get(status["id"])["vip_sg_ids"] == []
    by_hand(beta, status["id"], lambda: beta.cloud.load_balancers.update(status["id"], {"vip_sg_ids": groups}))
    look_again(beta, ILB, "lb")
    until(lambda: beta.cloud.load_balancers.get(status["id"])["vip_sg_ids"] == [], "no groups again")
    # Not named any more: back to none, and somebody else's matter from then on.
    made(beta, ILB, load_balancer("lb", "", vip=place))
    by_hand(beta, status["id"], lambda: beta.cloud.load_balancers.update(status["id"], {"vip_sg_ids": groups[:1]}))
    made(beta, ILB, load_balancer("lb", "", vip=place, description="changed"))
    there = beta.cloud.load_balancers.get(status["id"])
    assert (there["vip_sg_ids"], there["description"]) == (groups[:1], "changed")


@pytest.mark.slow
def test_a_vip_on_an_external_network_and_on_a_shared_one(beta: User) -> None:
    """Where the project may make no port, Octavia does; where it may, the port is ours. Nothing of either is left."""
    beta.apply(imported_external("internet"))
    (shared,) = beta.cloud.networks.list(name="ext-net1")
    beta.apply(
        bundle(
            load_balancer("outside", "", listener("http"), vip={"networkRef": {"name": "internet"}}),
            load_balancer("shared", "", vip={"networkID": shared["id"]}),
        )
    )
    outside, inside = (beta.until_ready(ILB, name)["status"] for name in ("outside", "shared"))
    theirs, ours = (beta.cloud.ports.get(each["vipPortID"]) for each in (outside, inside))
    assert (theirs["device_owner"], theirs["network_id"]) == ("Octavia", outside["vipNetworkID"])
    assert theirs["fixed_ips"][0]["ip_address"] == outside["vipAddress"]
    assert (ours["device_owner"], ours["name"]) == ("", "shared-vip")
    assert "[ik2." in ours["description"]
    assert [each["name"] for each in outside["listeners"]] == ["http"]
    for name in ("outside", "shared"):
        beta.delete(ILB, name)
    left = {port["id"] for port in beta.cloud.ports.list(project_id=beta.project.id)}
    assert not left & {theirs["id"], ours["id"]}
