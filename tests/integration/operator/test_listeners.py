"""The listeners of a LoadBalancer on the real Octavia: their fields, their coming and going, pools and redirects."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest

from infomaniak_operator.reconcile.octavia import listeners as module
from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.cloud_hands import reasons, until_event
from tests.support.running import User
from tests.support.tree_hands import (
    ILB,
    IPOOL,
    Row,
    by_hand,
    listener,
    listeners_of,
    load_balancer,
    look_again,
    looked_at,
    made,
    policies_of,
    pool,
    sent,
    unlocked,
)


@dataclass(frozen=True)
class Case:
    """One field: what the spec says first and then, what somebody else sets, and what it is when nobody says anything."""

    field: str
    api: str
    first: Any
    second: Any
    drift: Any
    default: Any


CASES = [
    Case("description", "description", "first", "second", "theirs", ""),
    Case("adminStateUp", "admin_state_up", False, True, False, True),
    Case("allowedCIDRs", "allowed_cidrs", ["10.0.0.0/8"], ["10.0.0.0/8", "192.168.0.0/16"], ["172.16.0.0/12"], None),
    Case("connectionLimit", "connection_limit", 100, 200, 300, -1),
    Case("insertHeaders", "insert_headers", ["X-Forwarded-For"], ["X-Forwarded-Proto"], {"X-Client-IP": "true"}, {}),
    Case("timeouts.clientData", "timeout_client_data", 10000, 20000, 30000, 50000),
    Case("timeouts.memberConnect", "timeout_member_connect", 1000, 2000, 3000, 5000),
    Case("timeouts.memberData", "timeout_member_data", 11000, 21000, 31000, 50000),
    Case("timeouts.tcpInspect", "timeout_tcp_inspect", 10, 20, 30, 0),
]


def _item(which: str) -> Row:
    item = listener("web")
    for case in CASES:
        *block, name = case.field.split(".")
        place = item.setdefault(block[0], {}) if block else item
        place[name] = copy.deepcopy(getattr(case, which))
    return item


def _wanted(which: str) -> Row:
    headers = {"insert_headers": dict.fromkeys(getattr(CASES[4], which), "true")}
    return {case.api: getattr(case, which) for case in CASES} | headers


def _seen(user: User, listener_id: str) -> Row:
    row = user.cloud.listeners.get(listener_id)
    return {case.api: sorted(value) if isinstance(value := row[case.api], list) else value for case in CASES}


def test_the_table_has_every_field() -> None:
    """A field added to listeners is a case added here; those of ``tls`` are in ``test_tls.py``, with Barbican."""
    mutable = {field.spec for field in module.FIELDS if field.mutable and not field.spec.startswith("tls.")}
    assert {case.field for case in CASES} == mutable


@pytest.mark.slow
def test_every_field_of_a_listener(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    status = made(beta, ILB, load_balancer("lb", front["id"], _item("first")))
    web = status["listeners"][0]["id"]
    assert _seen(beta, web) == _wanted("first")

    # Changed in place, in one call.
    mark = box.mark()
    after = made(beta, ILB, load_balancer("lb", front["id"], _item("second")))
    assert sent(box, mark, beta) == [f"PUT listeners/{web}"]
    assert (after["listeners"][0]["id"], _seen(beta, web)) == (web, _wanted("second"))

    # Changed by somebody else in the cloud, and put back: name and mark, too.
    mine = {case.api: case.drift for case in CASES} | {"name": "x", "tags": ["mine"]}
    mark_before = beta.cloud.listeners.get(web)["tags"]
    by_hand(beta, status["id"], lambda: beta.cloud.listeners.update(web, mine))
    look_again(beta, ILB, "lb")
    until_event(beta, "lb", "DriftCorrected", "listeners[web].adminStateUp: False -> True")
    unlocked(beta, status["id"])
    there = beta.cloud.listeners.get(web)
    assert (_seen(beta, web), there["name"], set(there["tags"])) == (_wanted("second"), "web", {"mine", *mark_before})

    # Taken out of the spec: back to what a new listener has.
    made(beta, ILB, load_balancer("lb", front["id"], listener("web")))
    assert _seen(beta, web) == _wanted("default")


@pytest.mark.slow
def test_listeners_come_go_and_are_replaced(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")

    def now(*items: Row) -> dict[str, Row]:
        found = made(beta, ILB, load_balancer("lb", front["id"], listeners=list(items)))
        rows = listeners_of(beta, found["id"])
        assert {each["name"]: each["id"] for each in found.get("listeners", [])} == {
            n: r["id"] for n, r in rows.items()
        }
        return rows

    first = now(listener("http"), listener("tls", "HTTPS", 443), listener("old", "TCP", 22))
    assert {(row["protocol"], row["protocol_port"]) for row in first.values()} == {
        ("HTTP", 80),
        ("HTTPS", 443),
        ("TCP", 22),
    }
    # One comes, one goes; UDP may have the port that TCP has. What stays is not touched.
    mark = box.mark()
    second = now(listener("http"), listener("tls", "HTTPS", 443), listener("dns", "UDP", 443))
    assert sorted(sent(box, mark, beta)) == [f"DELETE listeners/{first['old']['id']}", "POST listeners"]
    assert [second[name]["id"] for name in ("http", "tls")] == [first[name]["id"] for name in ("http", "tls")]
    # Another protocol, another port: another listener, under the same name.
    third = now(listener("http", "TCP"), listener("tls", "HTTPS", 8443), listener("dns", "UDP", 443))
    assert {name: (row["protocol"], row["protocol_port"]) for name, row in third.items()} == {
        "http": ("TCP", 80),
        "tls": ("HTTPS", 8443),
        "dns": ("UDP", 443),
    }
    assert (third["dns"]["id"], third["http"]["id"] != second["http"]["id"]) == (second["dns"]["id"], True)
    # Two that change places.
    fourth = now(listener("http", "TCP", 8443), listener("tls", "HTTPS", 80))
    assert {name: row["protocol_port"] for name, row in fourth.items()} == {"http": 8443, "tls": 80}

    # One of somebody else is left alone, and so is its port; one of ours that they delete comes again.
    balancer = beta.until_ready(ILB, "lb")["status"]["id"]
    body = {"name": "theirs", "protocol": "TCP", "protocol_port": 9000, "loadbalancer_id": balancer}
    theirs = by_hand(beta, balancer, lambda: beta.cloud.listeners.create(body))
    by_hand(beta, balancer, lambda: beta.cloud.listeners.delete(fourth["tls"]["id"]))
    look_again(beta, ILB, "lb")
    until(lambda: set(listeners_of(beta, balancer)) == {"http", "tls", "theirs"}, "the listener tls again")
    unlocked(beta, balancer)
    looked_at(box, beta, ILB, "lb")
    assert set(listeners_of(beta, balancer)) == {"http", "tls", "theirs"}
    beta.apply(load_balancer("lb", front["id"], listener("http", "TCP", 9000)))
    message = beta.until_condition(ILB, "lb", "Ready", reason="Conflict")["message"]
    assert "port 9000 of listener http is taken by listener theirs" in message
    by_hand(beta, balancer, lambda: beta.cloud.listeners.delete(theirs["id"]))
    look_again(beta, ILB, "lb")
    assert beta.until_ready(ILB, "lb")
    assert [row["protocol_port"] for row in listeners_of(beta, balancer).values()] == [9000]
    assert now() == {}


@pytest.mark.slow
def test_a_default_pool_comes_late_changes_and_is_taken_out(beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    status = made(beta, ILB, load_balancer("lb", front["id"], listener("web", pool="blue")))
    web = status["listeners"][0]["id"]
    waits = beta.condition(ILB, "lb", "ReferencesResolved")
    assert (waits["status"], waits["message"]) == ("False", "listener web has no Pool blue yet")

    def leads_to() -> str | None:
        found: str | None = beta.cloud.listeners.get(web)["default_pool_id"]
        return found

    assert leads_to() is None
    blue = made(beta, IPOOL, pool("blue"))["id"]
    until(lambda: leads_to() == blue, "the pool blue")
    beta.until_condition(ILB, "lb", "ReferencesResolved", status="True")

    # To one that is not there yet: traffic goes on until it is.
    beta.apply(load_balancer("lb", front["id"], listener("web", pool="green")))
    beta.until_condition(ILB, "lb", "ReferencesResolved", status="False")
    assert leads_to() == blue
    green = made(beta, IPOOL, pool("green"))["id"]
    until(lambda: leads_to() == green, "the pool green")
    beta.until_condition(ILB, "lb", "ReferencesResolved", status="True")
    assert "DriftCorrected" not in reasons(beta, "lb"), "nobody has changed the cloud"
    by_hand(beta, status["id"], lambda: beta.cloud.listeners.update(web, {"default_pool_id": blue}))
    look_again(beta, ILB, "lb")
    until(lambda: leads_to() == green, "the pool green again")
    until_event(beta, "lb", "DriftCorrected")

    made(beta, ILB, load_balancer("lb", front["id"], listener("web")))
    assert (leads_to(), beta.cloud.listeners.get(web)["id"]) == (None, web)


@pytest.mark.slow
def test_redirects_with_the_tree_and_later(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    to = {"redirectToHTTPS": {"host": "www.example.org", "statusCode": 301}}
    mark = box.mark()
    status = made(beta, ILB, load_balancer("lb", front["id"], listener("a", **to), listener("b", "HTTP", 81)))
    assert sent(box, mark, beta) == ["POST loadbalancers"]
    a, b = (each["id"] for each in status["listeners"])

    def redirects(listener_id: str) -> list[tuple[Any, ...]]:
        return [
            (
                policy["action"],
                policy["redirect_prefix"],
                policy["redirect_http_code"],
                [(rule["type"], rule["compare_type"], rule["value"]) for rule in policy["rules"]],
            )
            for policy in policies_of(beta, listener_id)
        ]

    everything = [("PATH", "STARTS_WITH", "/")]
    first = ("REDIRECT_PREFIX", "https://www.example.org", 301, everything)
    assert (redirects(a), redirects(b)) == ([first], [])
    (policy,) = policies_of(beta, a)

    # Changed in place; another listener gets one, with its rule.
    other = {"redirectToHTTPS": {"host": "example.org", "port": 8443}}
    changed = load_balancer("lb", front["id"], listener("a", **other), listener("b", "HTTP", 81, **to))
    made(beta, ILB, changed)
    second = ("REDIRECT_PREFIX", "https://example.org:8443", 302, everything)
    assert (redirects(a), redirects(b)) == ([second], [first])
    assert [each["id"] for each in policies_of(beta, a)] == [policy["id"]]

    # Changed by somebody else in the cloud, and put back.
    mine = {"redirect_prefix": "https://evil.example", "redirect_http_code": 307}
    by_hand(beta, status["id"], lambda: beta.cloud.l7_policies.update(policy["id"], mine))
    (added,) = policies_of(beta, b)
    by_hand(beta, status["id"], lambda: beta.cloud.l7_policies.delete(added["id"]))
    look_again(beta, ILB, "lb")
    until(lambda: (redirects(a), redirects(b)) == ([second], [first]), "the redirects as they were")
    unlocked(beta, status["id"])

    # Taken out.
    made(beta, ILB, load_balancer("lb", front["id"], listener("a"), listener("b", "HTTP", 81, **to)))
    assert (redirects(a), redirects(b)) == ([], [first])
