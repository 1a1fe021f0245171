"""L7Policy on the real Octavia, and with real packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.data_path import Asking, Tally, Target, World
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import bundle, manifest
from tests.support.running import User
from tests.support.traffic import carrying
from tests.support.tree_hands import (
    IL7,
    ILB,
    IPOOL,
    Row,
    by_hand,
    listener,
    load_balancer,
    look_again,
    made,
    member,
    policies_of,
    policy,
    pool,
    row_of,
    rule,
    sent,
    status_of,
    user_tags,
)

pytestmark = pytest.mark.slow

_NAMES = {
    "name": "name",
    "description": "description",
    "adminStateUp": "admin_state_up",
    "action": "action",
    "redirectURL": "redirect_url",
    "redirectPrefix": "redirect_prefix",
    "redirectHTTPCode": "redirect_http_code",
}


def seen(user: User, name: str) -> dict[str, Any]:
    """The policy in Octavia by the spec's names, with the user's tags and its rules."""
    row = row_of(user, IL7, name)
    rules = [
        {
            "type": r["type"],
            "compareType": r["compare_type"],
            "key": r["key"],
            "value": r["value"],
            "invert": r["invert"],
        }
        for r in user.cloud.l7_rules.list(row["id"])
    ]
    rules = [{field: value for field, value in each.items() if value not in (None, False)} for each in rules]
    values = {field: row[api] for field, api in _NAMES.items() if row[api] is not None}
    return {**values, "tags": user_tags(row), "rules": sorted(rules, key=str)}


def test_every_field_of_an_l7_policy(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.36.0.0/24")
    canary = rule("HEADER", "yes", "CONTAINS", key="X-Canary", invert=True)
    everything: dict[str, Any] = {
        "name": "first",
        "description": "text",
        "tags": ["blue", "web"],
        "adminStateUp": False,
        "action": "REDIRECT_TO_URL",
        "redirectURL": "https://www.example.org/x",
        "redirectHTTPCode": 308,
        "rules": sorted([rule("HOST_NAME", "example.org"), canary], key=str),
    }
    mark = box.mark()
    second = policy("second", "http", rule("PATH", "/two", "STARTS_WITH"), position=20)
    route = policy("route", "http", position=10, **everything)
    beta.apply(bundle(load_balancer("lb", front["id"], listener("http")), pool("web"), second, route))
    balancer = beta.until_ready(ILB, "lb")["status"]
    status = beta.until_ready(IL7, "route")["status"]
    beta.until_ready(IL7, "second")
    assert sent(box, mark, beta) == ["POST loadbalancers"]
    assert seen(beta, "route") == everything
    (http,) = balancer["listeners"]
    assert (status["listenerID"], status["loadBalancerID"]) == (http["id"], balancer["id"])

    def order() -> list[str]:
        return [str(row["name"]) for row in sorted(policies_of(beta, http["id"]), key=lambda row: row["position"])]

    assert order() == ["first", "second"]

    # Changed: the policy by one call, the rule by another; its place by none but a PUT of its own.
    changed: dict[str, Any] = {
        "name": "other",
        "description": "new",
        "tags": ["red"],
        "adminStateUp": True,
        "action": "REDIRECT_TO_POOL",
        "rules": [rule("HOST_NAME", "www.example.org"), canary],
    }
    mark = box.mark()
    made(beta, IL7, policy("route", "http", **changed, poolRef={"name": "web"}, position=30))
    id_ = status["id"]
    (replaced,) = [call for call in sent(box, mark, beta) if "/rules/" in call]
    assert sent(box, mark, beta) == [replaced, f"PUT l7policies/{id_}"]
    found = seen(beta, "route")
    assert found == {**changed, "rules": sorted(changed["rules"], key=str)}
    assert row_of(beta, IL7, "route")["redirect_pool_id"] == status_of(beta, IPOOL, "web")["id"]
    assert (status_of(beta, IL7, "route")["id"], order()) == (id_, ["second", "other"])

    # Changed by somebody else, and put back: the mark, the place and the rules, too.
    mine = {"name": "x", "description": "x", "tags": ["x"], "action": "REJECT", "admin_state_up": False, "position": 1}
    by_hand(beta, balancer["id"], lambda: beta.cloud.l7_policies.update(id_, mine))
    more = {"type": "PATH", "compare_type": "CONTAINS", "value": "x"}
    by_hand(beta, balancer["id"], lambda: beta.cloud.l7_rules.create(id_, more))
    look_again(beta, IL7, "route")
    until(lambda: row_of(beta, IL7, "route")["name"] == "other" and seen(beta, "route") == found, "all put back")
    assert order() == ["second", "other"]

    # Taken out of the spec: what we had set goes back to the service's default.
    bare = {"action": "REDIRECT_TO_URL", "redirectURL": "https://www.example.org/x"}
    made(beta, IL7, policy("route", "http", rule("HOST_NAME", "a.example"), **bare))
    row = row_of(beta, IL7, "route")
    assert (row["name"], row["description"], row["redirect_http_code"]) == ("route", "", 302)
    assert user_tags(row) == []

    # A policy of others is read, then taken over; a rule of it that the spec does not name stays.
    body = {"listener_id": http["id"], "name": "theirs", "action": "REJECT"}
    theirs = by_hand(beta, balancer["id"], lambda: beta.cloud.l7_policies.create(body))["id"]
    by_hand(beta, balancer["id"], lambda: beta.cloud.l7_rules.create(theirs, more))
    import_ = {"filter": {"name": "theirs", "action": "REJECT"}}
    read = made(beta, IL7, manifest("L7Policy", "theirs", import_=import_, managementPolicy="Unmanaged"))
    assert (read["id"], read["listenerID"]) == (theirs, http["id"])
    made(beta, IL7, manifest("L7Policy", "theirs", import_=import_, description="ours"))
    row = row_of(beta, IL7, "theirs")
    assert (row["id"], row["description"], len(row["rules"])) == (theirs, "ours", 1)
    assert user_tags(row) == []

    # A policy goes before the pool that it sends to.
    made(beta, IL7, policy("route", "http", rule("PATH", "/"), action="REDIRECT_TO_POOL", poolRef={"name": "web"}))
    beta.delete(IPOOL, "web", wait=False)
    beta.until_condition(IPOOL, "web", "Ready", reason="InUse")
    beta.delete(IL7, "route")
    until(lambda: beta.get(IPOOL, "web") is None, "the pool gone")


ADDRESSES = ("10.37.0.101", "10.37.0.102", "10.37.0.103")
SHOP, API, BLOG = (f"{address}:8080" for address in ADDRESSES)


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where project beta's packets are, with three servers."""
    with carrying(box) as path:
        world = path.world(beta.project.name)
        world.serve(SHOP, API, BLOG)
        yield world
        world.end(SHOP, API, BLOG)


def test_policies_change_their_order_under_traffic(beta: User, hands: ByHand, world: World) -> None:
    _, (front,) = hands.network("lab", "10.37.0.0/24")

    def to(name: str, to_pool: str, position: int, *rules: Row) -> Row:
        more = {"action": "REDIRECT_TO_POOL", "poolRef": {"name": to_pool}, "position": position}
        return policy(name, "http", *rules, **more)

    shop, blog = rule("HOST_NAME", "shop.example"), rule("HOST_NAME", "blog.example")
    below = rule("PATH", "/api/", "STARTS_WITH")
    away = {"action": "REDIRECT_TO_URL", "redirectURL": "https://new.example/", "redirectHTTPCode": 301}
    beta.apply(
        bundle(
            load_balancer("lb", front["id"], listener("http", pool="shop")),
            *(
                pool(name, "lb", member(address))
                for name, address in zip(("shop", "api", "blog"), ADDRESSES, strict=True)
            ),
            to("blog", "blog", 10, blog),
            to("api", "api", 20, below),
            policy("old", "http", shop, rule("PATH", "/old"), position=30, **away),
            policy("private", "http", rule("PATH", "/private", "STARTS_WITH"), position=40),
        )
    )
    vip = beta.until_ready(ILB, "lb")["status"]["vipAddress"]
    for name in ("blog", "api", "old", "private"):
        beta.until_ready(IL7, name)
    url = f"http://{vip}"
    targets = [
        Target("shop", f"{url}/", host="shop.example"),
        Target("shop, kept", f"{url}/", host="shop.example", keep_alive=True),
        Target("api", f"{url}/api/x", host="shop.example"),
        Target("blog", f"{url}/", host="blog.example"),
        Target("both", f"{url}/api/x", host="blog.example", keep_alive=True),
        Target("old", f"{url}/old", host="shop.example"),
    ]
    refused = world.execute("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"{url}/private/x")
    assert refused.stdout == "403"
    with Asking(world, *targets) as asking:
        told: list[tuple[str, Tally]] = []

        def answers() -> dict[str, set[str]]:
            counted = asking.take()
            told.extend(counted.items())
            return {name: set(tally.answers) for name, tally in counted.items()}

        wanted = {"shop": {SHOP}, "shop, kept": {SHOP}, "api": {API}, "blog": {BLOG}, "both": {BLOG}, "old": {"301"}}
        until(lambda: answers() == wanted, "each goes where its policy says")
        made(beta, IL7, to("blog", "blog", 25, blog))
        until(lambda: answers() == {**wanted, "both": {API}}, "the path is asked before the host")
        made(beta, IL7, to("api", "api", 26, below))
        until(lambda: answers() == wanted, "and after it")
        made(beta, IL7, to("api", "blog", 26, below))
        until(lambda: answers() == {**wanted, "api": {BLOG}}, "to another pool")
        beta.delete(IL7, "api")
        until(lambda: answers() == {**wanted, "api": {SHOP}}, "to the listener's own pool")
        asked, failed = sum(tally.asked for _, tally in told), [name for name, tally in told if tally.failed]
        print(f"\n{asked} requests, {len(failed)} failed, longest gap {max(tally.gap for _, tally in told):.1f} s")
    assert failed == []
    assert asked > 500
