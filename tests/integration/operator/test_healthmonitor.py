"""HealthMonitor on the real Octavia."""

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
    load_balancer,
    look_again,
    made,
    member,
    members_of,
    monitor,
    pool,
    row_of,
    sent,
    unlocked,
    user_tags,
)

_NAMES = {
    "name": "name",
    "adminStateUp": "admin_state_up",
    "type": "type",
    "delay": "delay",
    "timeout": "timeout",
    "maxRetries": "max_retries",
    "maxRetriesDown": "max_retries_down",
    "httpMethod": "http_method",
    "urlPath": "url_path",
    "expectedCodes": "expected_codes",
    "domainName": "domain_name",
}


def seen(user: User, name: str) -> dict[str, Any]:
    """The monitor in Octavia by the spec's names, with the user's tags."""
    row = row_of(user, IHM, name)
    version = row["http_version"]
    values = {field: row[api] for field, api in _NAMES.items()}
    return {**values, "httpVersion": version and str(version), "tags": user_tags(row)}


def test_every_field_created_changed_drifted_and_taken_out(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.32.0.0/24")
    everything: dict[str, Any] = {
        "name": "first",
        "tags": ["blue", "web"],
        "adminStateUp": False,
        "type": "HTTPS",
        "delay": 7,
        "timeout": 4,
        "maxRetries": 2,
        "maxRetriesDown": 4,
        "httpMethod": "HEAD",
        "urlPath": "/healthz",
        "expectedCodes": "200-204",
        "httpVersion": "1.1",
        "domainName": "www.example.org",
    }
    mark = box.mark()
    beta.apply(bundle(load_balancer("lb", front["id"]), pool("web"), monitor("check", "web", **everything)))
    balancer = beta.until_ready(ILB, "lb")["status"]["id"]
    status = beta.until_ready(IHM, "check")["status"]
    checked = beta.until_ready(IPOOL, "web")["status"]["id"]
    assert sent(box, mark, beta) == ["POST loadbalancers"]
    assert seen(beta, "check") == everything
    assert status["poolID"] == checked
    assert (status["provisioningStatus"], status["operatingStatus"]) == ("ACTIVE", "ONLINE")
    assert beta.condition(IHM, "check", "Healthy")["status"] == "True"

    # Changed in place, in one call.
    changed: dict[str, Any] = {
        "name": "second",
        "tags": ["red"],
        "adminStateUp": True,
        "type": "HTTPS",
        "delay": 20,
        "timeout": 15,
        "maxRetries": 3,
        "maxRetriesDown": 5,
        "httpMethod": "GET",
        "urlPath": "/live",
        "expectedCodes": "200,202",
        "httpVersion": "1.1",
        "domainName": "example.org",
    }
    mark = box.mark()
    after = made(beta, IHM, monitor("check", "web", **changed))
    assert sent(box, mark, beta) == [f"PUT healthmonitors/{status['id']}"]
    assert (after["id"], seen(beta, "check")) == (status["id"], changed)

    # Changed by somebody else in the cloud, and put back: the mark, too.
    mine: dict[str, Any] = {
        "name": "x",
        "tags": ["mine"],
        "admin_state_up": False,
        "delay": 50,
        "timeout": 40,
        "max_retries": 9,
        "max_retries_down": 9,
        "http_method": "PUT",
        "url_path": "/x",
        "expected_codes": "500",
        "domain_name": "x.org",
    }
    by_hand(beta, balancer, lambda: beta.cloud.health_monitors.update(status["id"], mine))
    look_again(beta, IHM, "check")
    message = until_event(beta, "check", "DriftCorrected")
    assert all(name in message for name in set(_NAMES) - {"type"})
    unlocked(beta, balancer)
    assert seen(beta, "check") == changed

    # Taken out of the spec: back to what a new monitor has. What is required stays.
    made(beta, IHM, monitor("check", "web", type="HTTPS"))
    bare = {"name": "check", "tags": [], "adminStateUp": True, "maxRetriesDown": 3, "httpMethod": "GET"}
    bare |= {"urlPath": "/", "expectedCodes": "200", "httpVersion": None, "domainName": None}
    assert seen(beta, "check") == {"type": "HTTPS", "delay": 5, "timeout": 3, "maxRetries": 2, **bare}
    assert row_of(beta, IHM, "check")["id"] == status["id"]


@pytest.mark.slow
def test_another_type_is_another_monitor_and_a_pool_has_one(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.32.0.0/24")
    servers = pool("web", "lb", member("10.32.0.11"))
    beta.apply(bundle(load_balancer("lb", front["id"]), servers, monitor("first", "web")))
    balancer = beta.until_ready(ILB, "lb")["status"]["id"]
    old = beta.until_ready(IHM, "first")["status"]["id"]
    web = beta.until_ready(IPOOL, "web")["status"]["id"]
    there = members_of(beta, web)

    # Octavia changes no type: the members serve on, unchecked for a moment.
    mark = box.mark()
    new = made(beta, IHM, monitor("first", "web", type="TCP"))
    assert sent(box, mark, beta) == [f"DELETE healthmonitors/{old}", "POST healthmonitors"]
    row = row_of(beta, IHM, "first")
    assert (row["type"], row["id"], new["poolID"], row["id"] != old) == ("TCP", new["id"], web, True)
    assert {name: row["id"] for name, row in members_of(beta, web).items()} == {n: r["id"] for n, r in there.items()}
    beta.until_ready(IPOOL, "web")

    # A second one waits for the end of the first, and asks the cloud nothing meanwhile.
    mark = box.mark()
    beta.apply(monitor("second", "web", type="PING"))
    stalled = beta.until_condition(IHM, "second", "Stalled", status="True", reason="InvalidConfiguration")
    assert "Pool web has the HealthMonitor first already" in stalled["message"]
    assert sent(box, mark, beta) == []
    assert beta.cloud.pools.get(web)["healthmonitor_id"] == new["id"]
    beta.delete(IHM, "first")
    second = beta.until_ready(IHM, "second")["status"]["id"]
    assert beta.cloud.pools.get(web)["healthmonitor_id"] == second
    assert row_of(beta, IHM, "second")["type"] == "PING"

    # Deleted by somebody else: made again.
    by_hand(beta, balancer, lambda: beta.cloud.health_monitors.delete(second))
    look_again(beta, IHM, "second")
    until(lambda: beta.cloud.pools.get(web).get("healthmonitor_id") not in (None, second), "a monitor again")
    unlocked(beta, balancer)
    beta.until_ready(IHM, "second")


@pytest.mark.slow
def test_a_type_that_does_not_fit_its_pool(box: Sandbox, beta: User, hands: ByHand) -> None:
    """Only the monitor says so; the tree is made without it."""
    _, (front,) = hands.network("lab", "10.32.0.0/24")
    made(beta, ILB, load_balancer("lb", front["id"]))
    pools = pool("web"), pool("dns", protocol="UDP", algorithm="SOURCE_IP")
    checks = monitor("for-web", "web", type="UDP-CONNECT"), monitor("for-dns", "dns", type="TLS-HELLO")
    beta.apply(bundle(*pools))
    for name in ("web", "dns"):
        beta.until_ready(IPOOL, name)
    mark = box.mark()
    beta.apply(bundle(*checks))
    messages = {
        name: beta.until_condition(IHM, name, "Stalled", status="True", reason="InvalidConfiguration")["message"]
        for name in ("for-web", "for-dns")
    }
    assert "UDP-CONNECT is for pools of protocol UDP or SCTP, but Pool web has HTTP" in messages["for-web"]
    assert "Pool dns has protocol UDP, whose members are checked by" in messages["for-dns"]
    assert sent(box, mark, beta) == []
    beta.apply(bundle(monitor("for-web", "web", type="TCP"), monitor("for-dns", "dns", type="UDP-CONNECT")))
    for name in ("for-web", "for-dns"):
        beta.until_ready(IHM, name)
    assert (row_of(beta, IHM, "for-web")["type"], row_of(beta, IHM, "for-dns")["type"]) == ("TCP", "UDP-CONNECT")
