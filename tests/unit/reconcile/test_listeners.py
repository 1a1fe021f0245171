"""The plan for a load balancer's listeners: what makes room, what comes, what changes, what goes."""

import pytest

from infomaniak_operator.controller.interfaces import KubeObject, Memory, Reason
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.octavia import https_redirect, listeners
from infomaniak_operator.reconcile.octavia.octavia_common import TreeLock
from infomaniak_operator.reconcile.octavia.tree_state import Tree
from infomaniak_operator.reconcile.ownership.marks import Owner, released
from tests.support.clock import ManualClock
from tests.support.objects import KUBE_SYSTEM
from tests.support.trees import balancer, listener


class Nobody:
    """A cache in which no object refers to another."""

    def referrers(self, key):
        """None."""
        return []


class ReconcileRequest:
    """As much of one as a plan needs."""

    def __init__(self, body):
        self.resource = KubeObject.of(body)
        self.memory = Memory()
        self.fresh_after = 0.0
        self.clock = ManualClock()
        self.view = Nobody()

    def event(self, reason, message, *, warning=False):
        """Nobody listens."""


def context_of(*items, status=(), applied=("listeners",), **spec):
    """A reconcile of a load balancer with these listeners in its spec, and those in its status."""
    body = balancer(listeners=list(items) or ..., **spec)
    body["status"] |= {"appliedFields": list(applied), "listeners": list(status)}
    context = ReconcileContext.begin(ReconcileRequest(body), KUBE_SYSTEM, 60.0)
    context.locked = TreeLock(Tree())
    return context


def row(name, port, protocol="HTTP", /, mark="ours", **more):
    """A listener as Octavia shows it."""
    meta = balancer()["metadata"]
    owner = Owner(KUBE_SYSTEM, "LoadBalancer", meta["namespace"], meta["name"], meta["uid"])
    other = Owner("another", "LoadBalancer", meta["namespace"], meta["name"], meta["uid"])
    mine = owner.mark(f"listener/{name}")
    tags = {
        "ours": [mine.text],
        "none": [],
        "theirs": [other.mark(f"listener/{name}").text],
        "released": [released(mine).text],
    }
    usual = {
        "default_pool_id": None,
        "connection_limit": -1,
        "allowed_cidrs": None,
        "insert_headers": {},
        "l7policies": [],
        "provisioning_status": "ACTIVE",
    }
    usual |= {"timeout_client_data": 50000, "admin_state_up": True, "description": "", "created_at": "2026"}
    return {
        "id": f"id-{name}",
        "name": name,
        "protocol": protocol,
        "protocol_port": port,
        "tags": tags[mark],
        **usual,
        **more,
    }


def plan(context, *rows, **inputs):
    """The steps in short, in their order."""
    found = planned(context, *rows, **inputs)
    return [f"{step.verb} {step.id or step.slot}" for step in found.steps]


def planned(context, *rows, **inputs):
    """The whole plan."""
    return listeners.plan(context, "lb", rows, {"pools": {}, "poolProtocols": {}, **inputs})


def test_what_is_as_it_should_be_is_left_alone():
    assert plan(context_of(listener()), row("http", 80)) == []


def test_new_ones_come_changed_ones_change_and_others_go_in_this_order():
    items = (listener("new", 82), listener("stays", 80, connectionLimit=5))
    context = context_of(*items, status=[{"name": "gone", "id": "id-gone"}])
    assert plan(context, row("gone", 81), row("stays", 80)) == [
        "create listener/new",
        "update id-stays",
        "delete id-gone",
    ]


def test_another_port_is_another_listener_which_comes_before_the_old_one_goes():
    assert plan(context_of(listener(port=81)), row("http", 80)) == ["create listener/http", "delete id-http"]


def test_another_protocol_on_the_same_port_needs_room_first():
    assert plan(context_of(listener(protocol="TCP")), row("http", 80)) == ["delete id-http", "create listener/http"]


def test_a_datagram_listener_needs_no_room_beside_a_stream_one():
    assert plan(context_of(listener(), listener("dns", 80, "UDP")), row("http", 80)) == ["create listener/dns"]


def test_a_port_that_another_of_ours_gives_up():
    context = context_of(listener("a", 81), listener("b", 80))
    assert plan(context, row("a", 80), row("b", 81)) == [
        "delete id-b",
        "delete id-a",
        "create listener/a",
        "create listener/b",
    ]


@pytest.mark.parametrize("mark", ["none", "theirs", "released"])
def test_a_port_that_somebody_else_has_is_a_conflict_and_the_rest_proceeds(mark):
    context = context_of(listener(), listener("more", 81))
    assert plan(context, row("other", 80, mark=mark)) == ["create listener/more"]
    (problem,) = planned(context, row("other", 80, mark=mark)).held_back
    assert problem.reason is Reason.CONFLICT
    assert "id-other" in problem.message


def test_a_listener_does_not_go_where_its_pool_would_not_fit_what_it_is_to_become():
    context = context_of(listener(protocol="TCP", pool="site"))
    before = row("http", 80, "UDP")
    assert plan(context, before, poolProtocols={"http": "UDP"}) == []
    assert plan(context, before, poolProtocols={"http": "TCP"}) == ["create listener/http", "delete id-http"]


def test_those_of_others_stay():
    context = context_of(listener())
    assert plan(context, row("http", 80), row("a", 81, mark="none"), row("b", 82, mark="theirs")) == []


def test_one_that_status_names_is_ours_without_its_mark():
    shown = [{"name": "http", "id": "id-http"}, {"name": "old", "id": "id-old"}]
    context = context_of(listener(), status=shown)
    lost = [row("http", 80, mark="none", name="drifted"), row("old", 81, mark="none")]
    assert plan(context, *lost) == ["update id-http", "delete id-old"]
    # On an import: what others had made before the spec listed any.
    unknown = context_of(listener(), status=shown, applied=(), import_={"id": "lb"})
    assert plan(unknown, row("http", 80, mark="none"), row("old", 81, mark="none")) == ["update id-http"]


@pytest.mark.parametrize("mark", ["none", "theirs"])
def test_a_name_alone_makes_no_listener_ours(mark):
    context = context_of(listener())
    assert plan(context, row("http", 80, mark=mark)) == []
    held_back = planned(context, row("http", 80, mark=mark)).held_back
    assert [problem.reason for problem in held_back] == [Reason.CONFLICT]
    assert plan(context_of(listener()), row("http", 81, mark=mark)) == ["create listener/http"]


def test_one_that_we_gave_up_is_taken_back():
    (step,) = planned(context_of(listener()), row("http", 80, mark="released")).steps
    assert (step.verb, step.id) == ("update", "id-http")
    assert step.body["tags"] == row("http", 80)["tags"]


def test_of_several_with_one_mark_the_one_in_status_is_ours_and_copies_are_left_alone():
    twin = row("http", 8080, created_at="2025", id="older")
    known = context_of(listener(), status=[{"name": "http", "id": "id-http"}])
    assert plan(known, twin, row("http", 80)) == []
    assert "older" in planned(known, twin, row("http", 80)).warnings[0].text
    moved = context_of(listener(port=81), status=[{"name": "http", "id": "id-http"}])
    assert plan(moved, twin, row("http", 80)) == ["create listener/http", "delete id-http"]
    undecided = planned(context_of(listener(port=9)), twin, row("http", 80))
    assert not undecided.steps
    assert {"older", "id-http"} <= set(undecided.outcome.message.replace(",", "").split())


def test_one_that_a_former_process_made_in_the_place_of_another_is_ours():
    known = context_of(listener(port=81), status=[{"name": "http", "id": "id-http"}])
    assert plan(known, row("http", 81, id="new"), row("http", 80)) == ["delete id-http"]


def test_one_with_our_mark_goes_only_if_status_says_that_there_was_one():
    """Its mark may be a copy of that of a listener that is gone."""
    assert plan(context_of(), row("gone", 81)) == []
    assert plan(context_of(applied=["listeners", "listeners[gone]"]), row("gone", 81)) == ["delete id-gone"]
    assert plan(context_of(status=[{"name": "gone", "id": "id-gone"}]), row("gone", 81)) == ["delete id-gone"]


def test_no_listeners_in_the_spec_is_not_managed_and_an_empty_list_is_none():
    assert plan(context_of(applied=()), row("http", 80)) == []
    emptied = context_of(applied=["listeners"], status=[{"name": "http", "id": "id-http"}])
    assert plan(emptied, row("http", 80)) == ["delete id-http"]


@pytest.mark.parametrize(
    ("field", "value", "api", "sent", "back"),
    [
        ("connectionLimit", 5, "connection_limit", 5, -1),
        ("allowedCIDRs", ["10.0.0.0/8"], "allowed_cidrs", ["10.0.0.0/8"], []),
        ("insertHeaders", ["X-Forwarded-For"], "insert_headers", {"X-Forwarded-For": "true"}, {}),
        ("timeouts", {"clientData": 7}, "timeout_client_data", 7, 50000),
        ("adminStateUp", False, "admin_state_up", False, True),
        ("description", "x", "description", "x", ""),
    ],
)
def test_a_field_is_set_kept_and_goes_back(field, value, api, sent, back):
    item = listener(**{field: value})
    (step,) = planned(context_of(item), row("http", 80)).steps
    assert step.body == {api: sent}
    assert plan(context_of(item), row("http", 80, **{api: sent})) == []
    assert plan(context_of(listener()), row("http", 80, **{api: sent})) == []  # nobody's business
    ours = context_of(listener(), applied=listeners.places({"listeners": [item]}))
    (step,) = planned(ours, row("http", 80, **{api: sent})).steps
    assert step.body == {api: back}


def test_lists_of_addresses_and_headers_in_any_order_and_spelling():
    item = listener(allowedCIDRs=["FD00::/8", "10.0.0.0/8"], insertHeaders=["X-Forwarded-Proto", "X-Forwarded-For"])
    there = row("http", 80, allowed_cidrs=["10.0.0.0/8", "fd00::/8"])
    there["insert_headers"] = {"X-Forwarded-For": "true", "X-Forwarded-Proto": "true", "X-Forwarded-Port": "false"}
    assert plan(context_of(item), there) == []


def test_the_default_pool_comes_changes_goes_and_stays_until_another_is_there():
    context = context_of(listener(), applied=["listeners", "listeners[http].defaultPoolRef"])
    assert plan(context, row("http", 80)) == []
    assert plan(context, row("http", 80, default_pool_id="old")) == []
    (step,) = planned(context, row("http", 80, default_pool_id="old"), pools={"http": "new"}).steps
    assert step.body == {"default_pool_id": "new"}
    bare = context_of(listener(pool=None), applied=["listeners", "listeners[http].defaultPoolRef"])
    (step,) = planned(bare, row("http", 80, default_pool_id="old")).steps
    assert step.body == {"default_pool_id": None}
    assert plan(context_of(listener(pool=None)), row("http", 80, default_pool_id="theirs")) == []


def test_status_shows_ours_under_the_names_of_the_spec():
    shown = [{"name": "a", "id": "id-a"}, {"name": "gone", "id": "id-gone"}]
    context = context_of(listener("b", 81), listener("a", 80), status=shown)
    rows = [row("a", 80, mark="none", name="drifted"), row("b", 81), row("theirs", 82, mark="none"), row("gone", 83)]
    assert [(item["name"], item["id"]) for item in listeners.reported(context, rows)] == [
        ("b", "id-b"),
        ("a", "id-a"),
        ("gone", "id-gone"),
    ]
    unlisted = context_of(applied=())
    assert [item["name"] for item in listeners.reported(unlisted, rows)] == ["b", "drifted", "gone", "theirs"]


# Redirects.


WHERE = {"host": "www.example.org"}


def policy(**more):
    context = context_of(listener(redirectToHTTPS=WHERE))
    made = https_redirect.creation(context, listener(redirectToHTTPS=WHERE))[0]
    return {
        **made,
        "id": "id-policy",
        "listener_id": "id-http",
        "rules": [{"id": "r"}],
        "provisioning_status": "ACTIVE",
        **more,
    }


@pytest.mark.parametrize(
    ("item", "there", "steps"),
    [
        (listener(redirectToHTTPS=WHERE), [], ["create redirect/http"]),
        (listener(redirectToHTTPS=WHERE), [policy()], []),
        (listener(redirectToHTTPS=WHERE), [policy(rules=[])], ["create id-policy"]),
        (listener(redirectToHTTPS={**WHERE, "port": 8443}), [policy()], ["update id-policy"]),
        (listener(redirectToHTTPS={**WHERE, "statusCode": 301}), [policy()], ["update id-policy"]),
        (listener(), [policy()], ["delete id-policy"]),
        (listener(), [policy(tags=[])], []),
        (listener(), [policy(listener_id="another")], []),
    ],
)
def test_a_redirect(item, there, steps):
    found = https_redirect.plan(context_of(item), {"http": row("http", 80)}, there)
    assert [f"{step.verb} {step.id or step.slot}" for step in found.steps] == steps
