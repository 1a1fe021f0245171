"""Pool on the real Octavia: itself and its members, which change by one call at a time."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.cloud_hands import until_event
from tests.support.manifests import bundle
from tests.support.running import User
from tests.support.tree_hands import (
    IHM,
    ILB,
    IPOOL,
    by_hand,
    listener,
    load_balancer,
    look_again,
    made,
    member,
    members_of,
    monitor,
    pool,
    row_of,
    sent,
    status_of,
    unlocked,
    user_tags,
)


def test_every_field_created_changed_drifted_and_taken_out(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.31.0.0/24")
    everything: dict[str, Any] = {
        "description": "the servers",
        "tags": ["blue", "web"],
        "adminStateUp": False,
        "algorithm": "LEAST_CONNECTIONS",
        "sessionPersistence": {"type": "APP_COOKIE", "cookieName": "sid"},
    }
    mark = box.mark()
    servers = pool("web", "lb", member("10.31.0.11"), **everything)
    beta.apply(bundle(load_balancer("lb", front["id"], listener("http", pool="web")), servers))
    balancer = beta.until_ready(ILB, "lb")["status"]["id"]
    status = beta.until_ready(IPOOL, "web")["status"]
    assert sent(box, mark, beta) == ["POST loadbalancers"]
    there = row_of(beta, IPOOL, "web")
    assert (there["name"], there["description"], there["admin_state_up"]) == ("web", "the servers", False)
    assert (there["protocol"], there["lb_algorithm"]) == ("HTTP", "LEAST_CONNECTIONS")
    persistence = there["session_persistence"]
    assert (persistence["type"], persistence["cookie_name"]) == ("APP_COOKIE", "sid")
    assert user_tags(there) == ["blue", "web"]
    assert [each["id"] for each in there["loadbalancers"]] == [balancer]
    ((name, only),) = members_of(beta, status["id"]).items()
    assert name == "10.31.0.11 8080"

    # What status says of it.
    assert (status["loadBalancerID"], status["memberCount"], status["onlineMembers"]) == (balancer, 1, 1)
    assert (status["provisioningStatus"], status["operatingStatus"]) == ("ACTIVE", "ONLINE")
    online = {"provisioningStatus": "ACTIVE", "operatingStatus": "ONLINE"}
    assert status["members"] == [{"address": "10.31.0.11", "port": 8080, "id": only["id"], "weight": 1, **online}]
    assert beta.condition(IPOOL, "web", "Healthy")["status"] == "True"

    # Changed in place, in one call.
    changed: dict[str, Any] = {
        "name": "main",
        "description": "changed",
        "tags": ["red"],
        "adminStateUp": True,
        "algorithm": "SOURCE_IP",
        "sessionPersistence": {"type": "HTTP_COOKIE"},
    }
    mark = box.mark()
    after = made(beta, IPOOL, pool("web", "lb", member("10.31.0.11"), **changed))
    assert sent(box, mark, beta) == [f"PUT pools/{status['id']}"]
    assert after["id"] == status["id"]

    def as_wanted() -> bool:
        row = row_of(beta, IPOOL, "web")
        named = (row["name"], row["description"], row["admin_state_up"], row["lb_algorithm"])
        persistence = row["session_persistence"] or {}
        return (
            named == ("main", "changed", True, "SOURCE_IP")
            and (persistence.get("type"), persistence.get("cookie_name")) == ("HTTP_COOKIE", None)
            and user_tags(row) == ["red"]
        )

    assert as_wanted()

    # Changed by somebody else in the cloud, and put back: the mark, too.
    mine = {"name": "x", "description": "mine", "admin_state_up": False, "lb_algorithm": "ROUND_ROBIN", "tags": ["y"]}
    mine["session_persistence"] = {"type": "SOURCE_IP"}
    by_hand(beta, balancer, lambda: beta.cloud.pools.update(status["id"], mine))
    look_again(beta, IPOOL, "web")
    message = until_event(beta, "web", "DriftCorrected")
    fields = ("name", "description", "adminStateUp", "algorithm", "sessionPersistence", "tags")
    assert all(name in message for name in fields)
    unlocked(beta, balancer)
    assert as_wanted()

    # Taken out of the spec: back to what a new pool has. What is required stays.
    made(beta, IPOOL, pool("web", "lb", member("10.31.0.11")))
    there = row_of(beta, IPOOL, "web")
    assert (there["name"], there["description"], there["admin_state_up"]) == ("web", "", True)
    assert (there["session_persistence"], there["lb_algorithm"], user_tags(there)) == (None, "ROUND_ROBIN", [])


@pytest.mark.slow
def test_another_protocol_is_another_pool_and_no_listener_lacks_one(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.31.0.0/24")
    servers = (member("10.31.0.11", weight=10), member("10.31.0.12", backup=True))
    items = [listener("a", "TCP", 80, pool="web"), listener("b", "TCP", 81, pool="web")]
    objects = [
        load_balancer("lb", front["id"], *items),
        pool("web", "lb", *servers, protocol="TCP"),
        monitor("m", "web"),
    ]
    beta.apply(bundle(*objects))
    status = beta.until_ready(ILB, "lb")["status"]
    old = beta.until_ready(IPOOL, "web")["status"]["id"]
    old_monitor = beta.until_ready(IHM, "m")["status"]["id"]
    weights = {name: (row["weight"], row["backup"]) for name, row in members_of(beta, old).items()}

    beta.apply(pool("web", "lb", *servers, protocol="HTTP"))
    seen: set[str | None] = set()
    served: set[int] = set()

    def replaced() -> bool:
        leads = [beta.cloud.listeners.get(each["id"])["default_pool_id"] for each in status["listeners"]]
        seen.update(leads)
        served.update(len(members_of(beta, each)) for each in set(leads) - {old, None})
        return old not in leads and old not in {row["id"] for row in beta.cloud.pools.list(project_id=beta.project.id)}

    until(replaced, "another pool, and the former one gone")
    new = beta.until_ready(IPOOL, "web")["status"]["id"]
    assert (seen, served) == ({old, new}, {2}), "never without a pool, nor with one that has no members yet"
    there = beta.cloud.pools.get(new)
    assert (there["protocol"], there["name"], len(there["listeners"])) == ("HTTP", "web", 2)
    assert {name: (row["weight"], row["backup"]) for name, row in members_of(beta, new).items()} == weights
    until(lambda: status_of(beta, IHM, "m").get("poolID") == new, "a monitor of the new pool")
    assert beta.until_ready(IHM, "m")["status"]["id"] != old_monitor
    monitors = beta.cloud.health_monitors.list(project_id=beta.project.id, name="m")
    assert [row["pools"] for row in monitors] == [[{"id": new}]]
    beta.until_ready(ILB, "lb")


@pytest.mark.slow
def test_in_use_by_a_listener_that_stays(beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.31.0.0/24")
    beta.apply(bundle(load_balancer("lb", front["id"], listener("a", pool="web")), pool("web"), pool("spare")))
    old = beta.until_ready(IPOOL, "web")["status"]["id"]
    spare = beta.until_ready(IPOOL, "spare")["status"]["id"]
    beta.until_ready(ILB, "lb")
    beta.delete(IPOOL, "web", wait=False)
    message = beta.until_condition(IPOOL, "web", "Ready", reason="InUse")["message"]
    assert "listener a of LoadBalancer lb" in message
    assert beta.cloud.pools.get(old)["listeners"]
    # One that no listener uses goes at once.
    beta.delete(IPOOL, "spare")
    assert spare not in {row["id"] for row in beta.cloud.pools.list(project_id=beta.project.id)}
    beta.apply(load_balancer("lb", front["id"], listener("a")))
    until(lambda: beta.get(IPOOL, "web") is None, "the pool gone", 30)
    assert old not in {row["id"] for row in beta.cloud.pools.list(project_id=beta.project.id)}
    assert beta.until_ready(ILB, "lb")


@pytest.mark.slow
def test_one_that_does_not_fit_its_listener_and_one_deleted_behind_our_back(
    box: Sandbox, beta: User, hands: ByHand
) -> None:
    _, (front,) = hands.network("lab", "10.31.0.0/24")
    balancer = made(beta, ILB, load_balancer("lb", front["id"], listener("a", pool="tls"), listener("b", "HTTP", 81)))
    mark = box.mark()
    beta.apply(pool("tls", protocol="HTTPS"))
    stalled = beta.until_condition(IPOOL, "tls", "Stalled", status="True", reason="InvalidConfiguration")
    assert "listener a of LoadBalancer lb speaks HTTP" in stalled["message"]
    assert sent(box, mark, beta) == []
    assert beta.until_ready(ILB, "lb")
    # Mended at the other end.
    fitting = [listener("a", "HTTPS", 443, pool="tls"), listener("b", "HTTP", 81)]
    beta.apply(load_balancer("lb", front["id"], *fitting))
    old = beta.until_ready(IPOOL, "tls")["status"]["id"]
    until(lambda: beta.cloud.pools.get(old)["listeners"], "the listener's pool")
    beta.until_ready(ILB, "lb")

    by_hand(beta, balancer["id"], lambda: beta.cloud.pools.delete(old))
    look_again(beta, IPOOL, "tls")

    def again() -> str | None:
        (row,) = [each for each in beta.cloud.listeners.list(load_balancer_id=balancer["id"]) if each["name"] == "a"]
        found: str | None = row["default_pool_id"]
        return found

    new = until(again, "the listener's pool again")
    assert new == beta.until_ready(IPOOL, "tls")["status"]["id"] != old
