"""The members of a Pool on the real Octavia: they change by one call for all of them, and only if something differs."""

from __future__ import annotations

import pytest

from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.cloud_hands import until_event
from tests.support.manifests import bundle
from tests.support.running import User, network
from tests.support.tree_hands import (
    ILB,
    IPOOL,
    Row,
    by_hand,
    load_balancer,
    look_again,
    looked_at,
    made,
    member,
    members_of,
    pool,
    sent,
    status_of,
    unlocked,
)

V6 = "2001:db8:31::c"
EVERYTHING = {
    "name": "b",
    "weight": 5,
    "backup": True,
    "adminStateUp": False,
    "monitorAddress": "10.31.0.99",
    "monitorPort": 9000,
}


def batch(pool_id: str) -> str:
    """The call by which members change."""
    return f"PUT pools/{pool_id}/members"


def test_every_field_of_members_by_one_call_a_change(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front, six) = hands.network("lab", "10.31.0.0/24", "2001:db8:31::/64")
    first = pool("web", "lb", member("10.31.0.11", weight=10), member("10.31.0.12"))
    beta.apply(bundle(load_balancer("lb", front["id"]), first))
    web = beta.until_ready(IPOOL, "web")["status"]["id"]
    balancer = beta.until_ready(ILB, "lb")["status"]["id"]
    assert {name: row["weight"] for name, row in members_of(beta, web).items()} == {
        "10.31.0.11 8080": 10,
        "10.31.0.12 8080": 1,
    }

    # One goes, one comes, one changes in all its fields: one call.
    six_member = member(V6, 8443, subnetID=six["id"], weight=0)
    mark = box.mark()
    status = made(beta, IPOOL, pool("web", "lb", member("10.31.0.12", **EVERYTHING), six_member))
    assert sent(box, mark, beta) == [batch(web)]
    now = members_of(beta, web)
    assert set(now) == {"10.31.0.12 8080", f"{V6} 8443"}

    def values(row: Row) -> tuple[object, ...]:
        names = ("name", "weight", "backup", "admin_state_up", "monitor_address", "monitor_port")
        return tuple(row[name] for name in names)

    everything = tuple(EVERYTHING.values())
    assert values(now["10.31.0.12 8080"]) == everything
    assert (now[f"{V6} 8443"]["subnet_id"], now[f"{V6} 8443"]["weight"]) == (six["id"], 0)
    assert [(each["address"], each["weight"]) for each in status["members"]] == [("10.31.0.12", 5), (V6, 0)]

    # Nothing differs, and the spelling of an address is no difference: no call.
    long = {"address": "2001:0db8:0031:0000::000C", "protocol_port": 8443, "subnet_id": six["id"], "weight": 0}
    by_hand(beta, balancer, lambda: beta.cloud.members.delete(web, now[f"{V6} 8443"]["id"]))
    by_hand(beta, balancer, lambda: beta.cloud.members.create(web, long))
    assert V6 not in str(members_of(beta, web)), "Octavia keeps the spelling"
    mark = box.mark()
    looked_at(box, beta, IPOOL, "web")
    assert sent(box, mark, beta) == []
    assert [each["address"] for each in status_of(beta, IPOOL, "web")["members"]] == ["10.31.0.12", V6]
    # A change elsewhere leaves that spelling as it is.
    mark = box.mark()
    made(beta, IPOOL, pool("web", "lb", member("10.31.0.12", **{**EVERYTHING, "weight": 6}), six_member))
    assert sent(box, mark, beta) == [batch(web)]
    kept = next(row for name, row in members_of(beta, web).items() if name.endswith(" 8443"))
    assert kept["address"] == long["address"]

    # Changed by somebody else, and put back by one call: one changed, one too many, one gone.
    known = members_of(beta, web)
    mine = {"name": "x", "weight": 99, "backup": False, "admin_state_up": True, "monitor_port": 1}
    by_hand(beta, balancer, lambda: beta.cloud.members.update(web, known["10.31.0.12 8080"]["id"], mine))
    by_hand(beta, balancer, lambda: beta.cloud.members.delete(web, kept["id"]))
    extra = {"address": "10.31.0.66", "protocol_port": 66}
    by_hand(beta, balancer, lambda: beta.cloud.members.create(web, extra))
    mark = box.mark()
    look_again(beta, IPOOL, "web")
    until_event(beta, "web", "DriftCorrected")
    unlocked(beta, balancer)
    assert sent(box, mark, beta) == [batch(web)]
    now = members_of(beta, web)
    assert set(now) == {"10.31.0.12 8080", f"{V6} 8443"}
    assert values(now["10.31.0.12 8080"]) == (*everything[:1], 6, *everything[2:])

    # Taken out of the spec: back to what a new member has; then the members themselves.
    made(beta, IPOOL, pool("web", "lb", member("10.31.0.12")))
    ((name, row),) = members_of(beta, web).items()
    assert (name, values(row)) == ("10.31.0.12 8080", ("", 1, False, True, None, None))
    made(beta, IPOOL, pool("web", "lb", members=[]))
    assert members_of(beta, web) == {}


@pytest.mark.slow
def test_members_that_the_spec_never_named_are_left_alone(box: Sandbox, beta: User, hands: ByHand) -> None:
    """A member's other subnet, and changes that come one after another, belong to the same load balancer."""
    _, (front, back) = hands.network("lab", "10.31.0.0/24", "10.31.1.0/24")
    beta.apply(bundle(load_balancer("lb", front["id"]), pool("web"), pool("own")))
    balancer = beta.until_ready(ILB, "lb")["status"]["id"]
    web, own = (beta.until_ready(IPOOL, name)["status"]["id"] for name in ("web", "own"))
    body = {"address": "10.31.0.66", "protocol_port": 66}
    other = by_hand(beta, balancer, lambda: beta.cloud.members.create(web, body))["id"]
    mark = box.mark()
    looked_at(box, beta, IPOOL, "web")
    assert sent(box, mark, beta) == []
    assert set(members_of(beta, web)) == {"10.31.0.66 66"}

    # To another subnet: Octavia needs it taken out first.
    for subnet in (front, back):
        made(beta, IPOOL, pool("own", "lb", member("10.31.0.11", subnetID=subnet["id"])))
        until(lambda: bool(members_of(beta, own)), "the member", 10)
        ((_, row),) = members_of(beta, own).items()
        assert row["subnet_id"] == subnet["id"]

    # Several changes at once are gathered.
    mark = box.mark()
    for count in range(1, 5):
        beta.apply(pool("own", "lb", *(member(f"10.31.0.{20 + n}") for n in range(count))))
    beta.until_ready(IPOOL, "own")
    assert set(members_of(beta, own)) == {f"10.31.0.{20 + n} 8080" for n in range(4)}
    assert set(sent(box, mark, beta)) == {batch(own)}
    assert len(sent(box, mark, beta)) < 4

    # The one that is not ours does not go with the pool.
    beta.delete(IPOOL, "web", wait=False)
    assert "10.31.0.66" in beta.until_condition(IPOOL, "web", "Ready", reason="InUse")["message"]
    by_hand(beta, balancer, lambda: beta.cloud.members.delete(web, other))
    until(lambda: beta.get(IPOOL, "web") is None, "the pool gone, once nothing of others is in it", 90)


@pytest.mark.slow
def test_members_on_a_network_that_comes_later(beta: User) -> None:
    """The same for the VIP: all of it is made once the network is there."""
    office = {"networkRef": {"name": "office"}}
    balancer = load_balancer("lb", "", vip={**office, "subnet": "a"})
    beta.apply(bundle(balancer, pool("web", "lb", member("10.31.1.11", **office, subnet="b"))))
    for kind, name in ((ILB, "lb"), (IPOOL, "web")):
        waits = beta.until_condition(kind, name, "ReferencesResolved", status="False", reason="WaitingForReference")
        assert "InfomaniakNetwork office" in waits["message"]
    beta.apply(
        network("office", subnets=[{"name": "a", "cidr": "10.31.0.0/24"}, {"name": "b", "cidr": "10.31.1.0/24"}])
    )
    ids = {each["name"]: each["id"] for each in beta.until_ready("inet", "office")["status"]["subnets"]}
    assert beta.until_ready(ILB, "lb")["status"]["vipSubnetID"] == ids["a"]
    ((_, row),) = members_of(beta, beta.until_ready(IPOOL, "web")["status"]["id"]).items()
    assert row["subnet_id"] == ids["b"]
