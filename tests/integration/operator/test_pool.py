"""Pool on the real Octavia: itself and its members, which change by one call at a time."""

from __future__ import annotations

from typing import Any

from sandbox import Sandbox
from tests.support.byhand import ByHand
from tests.support.cloud_hands import until_event
from tests.support.manifests import bundle
from tests.support.running import User
from tests.support.tree_hands import (
    ILB,
    IPOOL,
    Row,
    by_hand,
    listener,
    load_balancer,
    look_again,
    made,
    member,
    pool,
    row_of,
    sent,
    unlocked,
    user_tags,
)


def members_of(user: User, pool_id: str) -> dict[str, Row]:
    """The members of a pool, by address and port as they are spelt in the cloud."""
    return {f"{row['address']} {row['protocol_port']}": row for row in user.cloud.members.list(pool_id)}


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
