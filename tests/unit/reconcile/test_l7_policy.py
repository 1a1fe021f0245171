"""L7Policies: made with their tree or later in it, brought to their spec, kept in their order, and gone before a pool."""

import itertools

import pytest

from infomaniak_operator.client import BadRequestError, ConflictError
from tests.support.forest import Forest
from tests.support.objects import key_of
from tests.support.trees import (
    API,
    LB,
    SITE,
    balancer,
    calm,
    listener,
    member,
    monitor,
    network,
    policy,
    pool,
    rule,
    tree,
)

TO_POOL = {"action": "REDIRECT_TO_POOL", "poolRef": {"name": "second"}}
LATER = "2026-11-25T09:00:00Z"


def second(**spec):
    return pool("second", members=[member(12)], **spec)


def policies(world):
    """The policies with their rules, in their order."""
    rules = world.table("l7rules")
    return [
        {**row, "rules": [each for each in rules if each["l7policy_id"] == row["id"]]}
        for row in sorted(world.table("l7policies"), key=lambda each: each["position"])
    ]


def order(world):
    return [row["name"] for row in policies(world)]


def plain(row):
    names = ("type", "compare_type", "key", "value", "invert")
    return sorted(tuple(each[name] for name in names) for each in row["rules"])


def ours(*bodies, **spec):
    """A tree with a pool that is the default, another that no listener has, and the given policies."""
    return tree(pool(), second(), *bodies, **spec)


# ── made ──


def test_a_whole_tree_with_policies_is_made_by_one_post():
    hosts = [rule("a.example", "HOST_NAME", "EQUAL_TO"), rule("x", "HEADER", "EQUAL_TO", key="X-Y", invert=True)]
    world = Forest(
        network(),
        balancer(listeners=[listener(), listener("old", 81, pool=None, redirectToHTTPS={"host": "a.example"})]),
        pool(),
        second(),
        monitor(),
        policy(position=20),
        policy("first", position=10, rules=hosts, **TO_POOL),
        policy(
            "before", listener="old", action="REDIRECT_TO_URL", redirectURL="https://b.example/", redirectHTTPCode=308
        ),
    )
    world.run()
    calm(world)
    made = [each for each in world.fake.calls if each[0] == "POST"]
    assert made == []  # calm forgets them: nothing was made afterwards
    ids = {row["name"]: row["id"] for row in world.table("listeners")}
    there = {name: [row for row in policies(world) if row["listener_id"] == ids[name]] for name in ids}
    assert [row["name"] for row in there["http"]] == ["first", "api"]
    assert [row["name"] for row in there["old"]] == ["before", "redirect-to-https"]
    first, before = there["http"][0], there["old"][0]
    pools = {row["name"]: row["id"] for row in world.table("pools")}
    assert (first["action"], first["redirect_pool_id"]) == ("REDIRECT_TO_POOL", pools["second"])
    assert plain(first) == [
        ("HEADER", "EQUAL_TO", "X-Y", "x", True),
        ("HOST_NAME", "EQUAL_TO", None, "a.example", False),
    ]
    assert (before["redirect_url"], before["redirect_http_code"]) == ("https://b.example/", 308)
    status = world.object(key_of(policy("first"))).status
    assert status["id"] == first["id"]
    assert status["listenerID"] == ids["http"]
    assert status["poolID"] == pools["second"]
    assert status["loadBalancerID"] == world.one("load_balancers")["id"]
    assert (status["provisioningStatus"], status["operatingStatus"]) == ("ACTIVE", "ONLINE")


def test_the_post_of_a_tree_is_the_only_one():
    world = Forest(network(), balancer(), pool(), second(), policy(**TO_POOL))
    world.run()
    world.all_ready()
    made = [change for change in world.changes() if change.startswith("POST") and "networks" not in change]
    assert made == ["POST subnets", "POST ports", "POST load_balancers"]


def test_a_policy_added_to_a_standing_tree_costs_its_post_and_one_for_its_rule():
    """Octavia takes nothing nested in the POST of a policy: each rule is a request of its own."""
    world = ours()
    world.apply(policy(**TO_POOL))
    world.run()
    world.all_ready()
    calls = world.calls()
    assert world.changes() == ["POST l7policies", "POST l7rules"]
    assert sum(count for call, count in calls.items() if call.split()[0] in ("GET", "LIST")) <= 12, calls
    assert world.refused == []
    calm(world)


def test_one_with_several_rules_is_switched_off_until_it_is_whole():
    world = ours()
    seen = []

    def look(method, collection, subject):
        if collection == "l7rules" and method == "POST":
            seen.append(world.one("l7policies")["admin_state_up"])

    world.fake.on_call = look
    world.apply(
        policy(rules=[rule("a.example", "HOST_NAME", "EQUAL_TO"), rule(), rule("/x", "PATH", "CONTAINS", invert=True)])
    )
    world.run()
    world.all_ready()
    assert seen == [False, False, False]
    assert world.changes() == ["POST l7policies", *["POST l7rules"] * 3, "PUT l7policies"]
    assert world.one("l7policies")["admin_state_up"] is True
    assert "adminStateUp" not in world.object(API).status["appliedFields"]
    calm(world)


@pytest.mark.parametrize("reconciles", range(1, 12))
def test_one_that_is_made_in_parts_is_switched_on_whoever_comes_after_a_crash(reconciles):
    world = ours()
    world.apply(policy(rules=[rule("a.example", "HOST_NAME", "EQUAL_TO"), rule()]))
    world.some(reconciles)
    world.restart()
    world.run()
    world.all_ready()
    (row,) = policies(world)
    assert row["admin_state_up"] is True
    assert len(row["rules"]) == 2


# ── changed, and put back ──


CHANGES = {
    "name": ({"name": "other"}, {"name": "other"}),
    "description": ({"description": "why"}, {"description": "why"}),
    "adminStateUp": ({"adminStateUp": False}, {"admin_state_up": False}),
    "action": (
        {"action": "REDIRECT_PREFIX", "redirectPrefix": "https://x.example", "redirectHTTPCode": 301},
        {"action": "REDIRECT_PREFIX", "redirect_prefix": "https://x.example", "redirect_http_code": 301},
    ),
    "to a pool": (TO_POOL, {"action": "REDIRECT_TO_POOL", "redirect_url": None, "redirect_prefix": None}),
    "to a URL": (
        {"action": "REDIRECT_TO_URL", "redirectURL": "https://x.example/y"},
        {"action": "REDIRECT_TO_URL", "redirect_url": "https://x.example/y", "redirect_http_code": 302},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_field_is_changed_by_one_call_and_drift_is_put_back(what):
    fields, attributes = CHANGES[what]
    world = ours(policy())
    id_ = world.one("l7policies")["id"]
    world.spec(API, **fields)
    world.run()
    world.all_ready()
    assert world.changes() == ["PUT l7policies"]
    row = world.one("l7policies")
    assert row["id"] == id_
    assert {name: row[name] for name in attributes} == attributes
    calm(world)
    drift = {
        "name": {"name": "by hand"},
        "description": {"description": "by hand"},
        "adminStateUp": {"admin_state_up": True},
    }.get(what, {"action": "REJECT"})
    world.others.l7_policies.update(id_, drift)
    world.fake.settle()
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    world.all_ready()
    row = world.one("l7policies")
    assert {name: row[name] for name in attributes} == attributes
    assert world.changes() == ["PUT l7policies"]


def test_tags_and_the_mark_come_back():
    world = ours(policy(tags=["a", "b"]))
    row = world.one("l7policies")
    tags = list(row["tags"])
    world.others.l7_policies.update(row["id"], {"tags": ["c"]})
    world.fake.settle()
    world.clock.advance(600)
    world.resync()
    world.run()
    world.all_ready()
    assert world.one("l7policies")["tags"] == tags


def test_fields_that_are_taken_out_go_back_to_the_service_s_defaults():
    world = ours(
        policy(
            action="REDIRECT_TO_URL",
            redirectURL="https://x.example/",
            redirectHTTPCode=308,
            adminStateUp=False,
            description="x",
        )
    )
    world.spec(API, redirectHTTPCode=..., adminStateUp=..., description=...)
    world.run()
    world.all_ready()
    row = world.one("l7policies")
    assert (row["redirect_http_code"], row["admin_state_up"], row["description"]) == (302, True, "")
    assert world.changes() == ["PUT l7policies"]


def test_what_the_spec_does_not_name_is_left_as_it_is():
    world = ours(policy(action="REDIRECT_TO_URL", redirectURL="https://x.example/"))
    row = world.one("l7policies")
    world.others.l7_policies.update(row["id"], {"redirect_url": "https://x.example/", "redirect_http_code": 308})
    world.fake.settle()
    world.spec(API, redirectURL="https://y.example/")
    world.run()
    world.all_ready()
    row = world.one("l7policies")
    assert (row["redirect_url"], row["redirect_http_code"]) == ("https://y.example/", 308)


def test_rules_are_changed_in_place_added_first_and_taken_out_last():
    world = ours(policy(rules=[rule("/a"), rule("/b"), rule("/c")]))
    ids = {row["value"]: row["id"] for row in world.table("l7rules")}
    world.spec(API, rules=[rule("/c"), rule("/d"), rule("X", "HEADER", "EQUAL_TO", key="K")])
    world.run()
    world.all_ready()
    assert world.changes() == ["POST l7rules", "PUT l7rules", "DELETE l7rules"]
    now = {row["value"]: row["id"] for row in world.table("l7rules")}
    assert now.keys() == {"/c", "/d", "X"}
    assert now["/c"] == ids["/c"]
    assert now["/d"] == ids["/a"]
    calm(world)


@pytest.mark.parametrize(
    "fields", [{"value": "/zz"}, {"invert": True}, {"compareType": "REGEX"}, {"type": "HOST_NAME"}]
)
def test_each_field_of_a_rule_is_one_call(fields):
    world = ours(policy())
    id_ = world.one("l7rules")["id"]
    world.spec(API, rules=[{**rule(), **fields}])
    world.run()
    world.all_ready()
    assert world.changes() == ["PUT l7rules"]
    row = world.one("l7rules")
    api = {"compareType": "compare_type"}
    assert {api.get(name, name): value for name, value in fields.items()}.items() <= row.items()
    assert row["id"] == id_
    calm(world)


@pytest.mark.parametrize("hand", ["changed", "added", "deleted", "switched off"])
def test_rules_changed_by_hand_are_put_back(hand):
    world = ours(policy())
    parent, row = world.one("l7policies")["id"], world.one("l7rules")
    others = world.others.l7_rules
    if hand == "changed":
        others.update(parent, row["id"], {"value": "/by-hand"})
    elif hand == "added":
        others.create(parent, {"type": "PATH", "compare_type": "CONTAINS", "value": "x"})
    elif hand == "deleted":
        others.delete(parent, row["id"])
    else:
        others.update(parent, row["id"], {"admin_state_up": False})
    world.fake.settle()
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    world.all_ready()
    row = world.one("l7rules")
    assert (row["value"], row["admin_state_up"]) == ("/api/", True)
    assert len(world.changes()) == 1
    assert ("Created" if hand == "deleted" else "DriftCorrected") in world.told(API)


def test_a_resync_of_many_lists_no_rules_where_nothing_has_moved():
    world = ours(*(policy(f"p{number}") for number in range(5)))
    for _ in range(3):  # what was seen once may have moved within the same second
        world.clock.advance(600)
        world.forget_calls()
        world.resync()
        world.run()
    assert world.calls()["LIST l7rules"] == 0
    assert world.calls()["LIST l7policies"] == 1


def test_one_deleted_by_others_is_made_again():
    world = ours(policy())
    world.others.l7_policies.delete(world.one("l7policies")["id"])
    world.fake.settle()
    world.clock.advance(600)
    world.resync()
    world.run()
    world.all_ready()
    assert plain(policies(world)[0]) == [("PATH", "STARTS_WITH", None, "/api/", False)]


# ── the order ──


@pytest.mark.parametrize("positions", list(itertools.permutations((1, 2, 3))))
def test_they_are_put_in_their_order_whenever_they_come(positions):
    world = ours()
    for number, position in enumerate(positions):
        world.apply(policy(f"p{position}", position=position * 10, created=f"2026-11-25T0{number + 1}:00:00Z"))
        world.run()
    world.all_ready()
    assert order(world) == ["p1", "p2", "p3"]
    assert world.changes() == ["POST l7policies", "POST l7rules"] * 3  # each is made in its place


@pytest.mark.parametrize("positions", list(itertools.permutations((1, 2, 3, 4)))[1::3])
def test_an_order_that_changes_makes_nothing_again(positions):
    world = ours(*(policy(f"p{number}", position=number) for number in (1, 2, 3, 4)))
    ids = {row["id"] for row in world.table("l7policies")}
    for number, position in enumerate(positions, 1):
        world.spec(key_of(policy(f"p{number}")), position=position)
    world.run()
    world.all_ready()
    wanted = [f"p{number}" for _, number in sorted((position, number) for number, position in enumerate(positions, 1))]
    assert order(world) == wanted
    assert {row["id"] for row in world.table("l7policies")} == ids
    assert set(world.changes()) <= {"PUT l7policies"}
    assert len(world.changes()) <= 6
    calm(world)


def test_of_two_that_want_one_position_the_older_is_first_and_they_do_not_fight():
    world = ours(policy("a", position=5, created=LATER), policy("b", position=5))
    assert order(world) == ["b", "a"]
    calm(world)


def test_moved_by_hand_they_are_put_back():
    world = ours(policy("a", position=1), policy("b", position=2), policy("c", position=3))
    row = next(row for row in world.table("l7policies") if row["name"] == "c")
    world.others.l7_policies.update(row["id"], {"position": 1})
    world.fake.settle()
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    world.all_ready()
    assert order(world) == ["a", "b", "c"]
    assert set(world.changes()) == {"PUT l7policies"}


def test_those_of_others_stay_where_they_are_and_are_not_touched():
    world = ours(policy("a", position=1), policy("b", position=2))
    listener_id = world.one("listeners")["id"]
    theirs = world.others.l7_policies.create(
        {"listener_id": listener_id, "name": "theirs", "action": "REJECT", "position": 1}
    )
    world.fake.settle()
    before = dict(world.fake.tables["l7policies"][theirs["id"]])
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    world.all_ready()
    assert world.changes() == []
    assert order(world) == ["theirs", "a", "b"]
    world.spec(key_of(policy("a")), position=3)
    world.run()
    assert order(world) == ["theirs", "b", "a"]
    after = world.fake.tables["l7policies"][theirs["id"]]
    assert {name: after[name] for name in ("name", "tags", "action")} == {
        name: before[name] for name in ("name", "tags", "action")
    }


def test_a_redirect_to_https_comes_after_them_whichever_was_first():
    world = tree(listeners=[listener(pool=None, redirectToHTTPS={"host": "a.example"})])
    world.apply(policy(position=10))
    world.apply(policy("plain"))
    world.run()
    assert order(world)[-1] == "redirect-to-https"
    world.spec(LB, listeners=[listener(pool=None)])
    world.run()
    assert order(world) == ["api", "plain"] or order(world) == ["plain", "api"]
    world.spec(LB, listeners=[listener(pool=None, redirectToHTTPS={"host": "a.example"})])
    world.run()
    assert order(world)[-1] == "redirect-to-https"
    world.all_ready()
    calm(world)


# ── what does not fit ──


MISFITS = {
    "protocol": (policy(listener="raw"), "listener raw of LoadBalancer web speaks TCP"),
    "no listener": (policy(listener="nope"), "LoadBalancer web has no listener nope"),
    "certificate": (
        policy(rules=[rule("true", "SSL_CONN_HAS_CERT", "EQUAL_TO")]),
        "spec.rules[0]: type SSL_CONN_HAS_CERT looks at the client's certificate",
    ),
    "pool's protocol": (policy(action="REDIRECT_TO_POOL", poolRef={"name": "raw"}), "Pool raw has TCP"),
    "no pool": (policy(action="REDIRECT_TO_POOL", poolRef={"name": "nope"}), "there is no Pool nope"),
    "regex": (policy(rules=[rule("(", "PATH", "REGEX")]), "is no regular expression"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_what_does_not_fit_says_so_before_any_call_and_the_rest_stands(what):
    body, words = MISFITS[what]
    raw = pool("raw", protocol="TCP")
    world = Forest(
        network(), balancer(listeners=[listener(), listener("raw", 81, "TCP", pool="raw")]), pool(), raw, body
    )
    world.run()
    assert words in world.message(API)
    assert world.ready(API)[0] == "False"
    assert world.table("l7policies") == []
    assert {world.ready(key) for key in world.all_keys() if key != API} == {("True", "Available")}
    assert world.refused == []


def test_a_listener_that_comes_later():
    world = ours()
    world.apply(policy(listener="late"))
    world.run()
    assert "has no listener late" in world.message(API)
    world.spec(LB, listeners=[listener(), listener("late", 81, pool=None)])
    world.run()
    world.all_ready()
    assert len(world.table("l7policies")) == 1


def test_a_misfit_is_mended():
    world = Forest(network(), balancer(listeners=[listener(protocol="TCP", pool=None)]), policy())
    world.run()
    assert world.ready(API) == ("False", "InvalidConfiguration")
    assert world.progress(API) == "Stalled"
    world.spec(LB, listeners=[listener("http", 80, "HTTP", pool=None)])
    world.run()
    world.all_ready()


# ── deleted ──


def test_a_policy_is_deleted_and_its_pool_after_it():
    world = ours(policy(**TO_POOL))
    world.delete(key_of(second()))
    world.run()
    assert world.ready(key_of(second())) == ("False", "InUse")
    assert "L7Policy api" in world.message(key_of(second()))
    assert world.changes() == []
    world.delete(API)
    world.run()
    assert world.changes() == ["DELETE l7policies", "DELETE pools"]
    assert [row["name"] for row in world.table("pools")] == ["site"]
    assert world.table("l7rules") == []
    assert world.refused == []


def test_a_policy_and_its_pool_deleted_at_once():
    world = ours(policy(**TO_POOL))
    world.delete(key_of(second()))
    world.delete(API)
    world.run()
    assert world.changes() == ["DELETE l7policies", "DELETE pools"]
    assert world.refused == []


def test_a_pool_that_a_policy_no_longer_sends_to_goes():
    world = ours(pool("third", members=[member(13)]), policy(**TO_POOL))
    world.spec(API, poolRef={"name": "third"})
    world.delete(key_of(second()))
    world.run()
    assert world.changes() == ["PUT l7policies", "DELETE pools"]
    assert {row["name"] for row in world.table("pools")} == {"site", "third"}
    assert world.refused == []


def test_all_of_it_deleted_goes_with_the_load_balancer():
    world = ours(policy(**TO_POOL))
    for key in world.all_keys():
        if key.kind != "InfomaniakNetwork":
            world.delete(key)
    world.run()
    assert world.changes()[0] == "DELETE load_balancers"
    for table in ("load_balancers", "listeners", "pools", "l7policies", "l7rules"):
        assert world.table(table) == []
    assert world.refused == []


def test_without_its_load_balancer_it_waits_and_comes_back_with_it():
    world = ours(policy(**TO_POOL))
    world.delete(LB)
    world.run()
    assert world.ready(API) == ("False", "WaitingForReference")
    assert "id" not in world.object(API).status
    world.apply({**balancer(life=2)})
    world.run()
    world.all_ready()
    assert len(world.table("l7policies")) == 1
    calm(world)


def test_with_retain_it_stays_without_its_mark_and_holds_its_listener():
    world = ours(policy(deletionPolicy="Retain"))
    world.spec(LB, listeners=[listener("other", 82)])
    world.run()
    assert "whose deletionPolicy is Retain" in world.message(LB)
    world.spec(LB, listeners=[listener()])
    world.run()
    world.delete(API)
    world.run()
    assert [tag for tag in world.one("l7policies")["tags"] if "released" in tag or tag.startswith("[ik")] != []
    assert world.get(API) is None


# ── the tree around it ──


def test_a_listener_that_is_replaced_gets_its_policies_again():
    world = ours(policy(position=1, **TO_POOL), policy("more", position=2))
    world.spec(LB, listeners=[listener(port=8080)])
    world.run()
    world.all_ready()
    assert world.one("listeners")["protocol_port"] == 8080
    assert order(world) == ["api", "more"]
    assert {row["listener_id"] for row in world.table("l7policies")} == {world.one("listeners")["id"]}
    calm(world)


def test_a_pool_that_is_replaced_is_followed():
    world = ours(policy(**TO_POOL))
    former = world.one("l7policies")["redirect_pool_id"]
    world.spec(key_of(second()), protocol="PROXY")
    world.run()
    world.all_ready()
    assert world.one("l7policies")["redirect_pool_id"] != former
    assert len(world.table("pools")) == 2
    calm(world)


def test_recovery_of_a_load_balancer_keeps_policies():
    recovers = {"policy": "Recreate"}
    world = ours(policy(position=2, **TO_POOL), policy("first", position=1), recovery=recovers)
    world.fake.tables["load_balancers"][world.one("load_balancers")["id"]]["provisioning_status"] = "ERROR"
    world.clock.advance(600)
    world.resync()
    world.run()
    world.all_ready()
    assert order(world) == ["first", "api"]
    assert world.changes().count("POST load_balancers") == 1
    assert "POST l7policies" not in world.changes()


def test_what_is_locked_is_waited_for_quietly():
    world = ours(policy())
    failed = []

    def refuse(method, collection, subject):
        if (method, collection) == ("PUT", "l7policies") and not failed:
            failed.append(1)
            raise ConflictError("409 Load Balancer x is immutable and cannot be updated.", status=409)

    world.fake.on_call = refuse
    world.spec(API, description="x")
    world.run()
    world.all_ready()
    assert world.one("l7policies")["description"] == "x"
    assert not world.progress(API)


# ── dry run, paused, imports ──


def test_a_dry_run_says_what_it_would_do():
    world = ours()
    world.apply(policy(annotations={"network.infomaniak.cloud/dry-run": "true"}))
    world.run()
    assert world.table("l7policies") == []
    assert "would" in world.message(API, "Synced")
    assert "L7 policy api (REJECT) with rules PATH STARTS_WITH /api/" in world.message(API, "Synced")


def test_paused_nothing_is_done():
    world = Forest(network(), balancer(), pool(), policy(annotations={"network.infomaniak.cloud/paused": "true"}))
    world.run()
    assert world.table("l7policies") == []


def theirs(world, **body):
    """A policy that others have made, with a rule."""
    listener_id = next(row["id"] for row in world.table("listeners") if row["name"] == "http")
    made = world.others.l7_policies.create({"listener_id": listener_id, "name": "theirs", "action": "REJECT", **body})
    world.fake.settle()
    world.others.l7_rules.create(made["id"], {"type": "PATH", "compare_type": "CONTAINS", "value": "x"})
    world.fake.settle()
    world.forget_calls()
    return made["id"]


@pytest.mark.parametrize("by", ["id", "filter"])
def test_unmanaged_only_reads(by):
    world = ours()
    id_ = theirs(world)
    found = {"id": id_} if by == "id" else {"filter": {"name": "theirs", "action": "REJECT"}}
    world.apply(policy(import_=found, managementPolicy="Unmanaged", **dict.fromkeys(ALL, ...)))
    world.run()
    world.all_ready()
    assert world.object(API).status["id"] == id_
    assert world.object(API).finalizers == ()
    assert world.changes() == []


ALL = ("loadBalancerRef", "listener", "action", "rules")


def test_managed_adopts_and_brings_what_the_spec_names():
    world = ours()
    id_ = theirs(world)
    world.apply(policy(import_={"id": id_}, description="ours", **dict.fromkeys(ALL, ...)))
    world.run()
    world.all_ready()
    (row,) = policies(world)
    assert (row["id"], row["description"], row["action"], row["name"]) == (id_, "ours", "REJECT", "theirs")
    assert plain(row) == [("PATH", "CONTAINS", None, "x", False)]
    assert any(tag.startswith("[ik") for tag in row["tags"])
    world.spec(API, rules=[rule("/new")])
    world.run()
    world.all_ready()
    assert plain(policies(world)[0]) == [("PATH", "STARTS_WITH", None, "/new", False)]
    world.delete(API)
    world.run()
    assert world.table("l7policies") == []


def test_a_foreign_policy_in_our_listener_stays_and_holds_the_tree():
    world = ours(policy())
    theirs(world)
    world.delete(LB)
    world.run()
    assert "L7 policy theirs" in world.message(LB)
    assert len(world.table("l7policies")) == 2


def test_a_tree_that_is_refused_for_a_policy_is_made_and_only_the_policy_says_so():
    def refuse(method, collection, subject):
        bodies = [subject] if isinstance(subject, dict) else []
        bodies += [
            each for body in bodies for one in body.get("listeners") or () for each in one.get("l7policies") or ()
        ]
        if method == "POST" and any(body.get("name") == "bad" for body in bodies):
            raise BadRequestError("400 this name is not liked", status=400)

    world = Forest(network())
    world.fake.on_call = refuse
    world.apply_all([balancer(), pool(), policy("bad"), policy()])
    world.run(120)
    assert world.ready(LB) == ("True", "Available")
    assert world.ready(SITE) == ("True", "Available")
    assert world.ready(API) == ("True", "Available")
    assert world.ready(key_of(policy("bad"))) == ("False", "InvalidConfiguration")


@pytest.mark.parametrize("how", [{}, dict.fromkeys(ALL, ...)], ids=["whole", "adopted as it is"])
def test_an_imported_policy_keeps_the_listener_that_would_be_replaced(how):
    """It cannot be made again: the spec does not say all that it is."""
    world = ours()
    id_ = theirs(world)
    world.apply(policy(import_={"id": id_}, **how))
    world.run()
    world.all_ready()
    world.forget_calls()
    world.spec(LB, listeners=[listener(port=8080), listener("more", 81, pool=None)])
    world.run()
    assert [row["id"] for row in policies(world)] == [id_]
    assert sorted(row["protocol_port"] for row in world.table("listeners")) == [80, 81]
    assert f"L7 policy {id_} of L7Policy shop/api, which has imported it" in world.message(LB)
    world.delete(API)
    world.run()
    assert sorted(row["protocol_port"] for row in world.table("listeners")) == [81, 8080]
    world.all_ready()


@pytest.mark.parametrize("kind", ["policy", "pool", "monitor"])
def test_what_was_imported_into_a_load_balancer_keeps_it_from_recovery_but_goes_with_it_for_good(kind):
    world = ours(recovery={"policy": "Recreate"})
    balancer_id = world.one("load_balancers")["id"]
    if kind == "policy":
        id_, body = theirs(world), policy("theirs", **dict.fromkeys(ALL, ...))
    elif kind == "pool":
        row = {"loadbalancer_id": balancer_id, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        id_ = world.others.pools.create(row)["id"]
        body = pool("theirs", **dict.fromkeys(("loadBalancerRef", "protocol", "algorithm"), ...), members=[])
    else:
        of_pool = next(row["id"] for row in world.table("pools") if row["name"] == "site")
        row = {"pool_id": of_pool, "type": "PING", "delay": 5, "timeout": 3, "max_retries": 3}
        id_ = world.others.health_monitors.create(row)["id"]
        body = monitor("theirs", **dict.fromkeys(("poolRef", "type", "delay", "timeout", "maxRetries"), ...))
    world.fake.settle()
    body["spec"]["import"] = {"id": id_}
    key = world.apply(body)
    world.run()
    world.all_ready()
    world.fake.tables["load_balancers"][balancer_id]["provisioning_status"] = "ERROR"
    world.clock.advance(600)
    world.resync()
    world.run()
    assert [row["id"] for row in world.table("load_balancers")] == [balancer_id]
    assert f"{id_} of {key.kind} shop/theirs, which has imported it" in world.message(LB)
    world.delete(LB)
    world.run()
    assert world.table("load_balancers") == []


def test_a_pool_of_another_load_balancer_that_was_imported_is_named():
    world = ours()
    world.apply(balancer("other", listeners=[]))
    world.run()
    other = next(row for row in world.table("load_balancers") if row["name"] == "other")
    body = {"loadbalancer_id": other["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    id_ = world.others.pools.create(body)["id"]
    world.fake.settle()
    left_out = dict.fromkeys(("loadBalancerRef", "protocol", "algorithm", "members"), ...)
    world.apply(pool("theirs", import_={"id": id_}, **left_out))
    world.apply(policy(action="REDIRECT_TO_POOL", poolRef={"name": "theirs"}))
    world.run()
    assert world.ready(API) == ("False", "InvalidConfiguration")
    assert f"spec.poolRef: Pool theirs is in load balancer {other['id']}" in world.message(API)
    world.spec(API, poolRef={"name": "second"})
    world.run()
    world.all_ready()


def test_one_that_cannot_be_put_in_order_is_looked_at_ever_more_rarely():
    """Those that are in its way may be paused for days."""
    world = ours(*(policy(f"p{number}", position=number) for number in (1, 2, 3)))
    for name in ("p1", "p3"):
        world.annotate(key_of(policy(name)), paused="true")
    world.run()
    third = next(row for row in world.table("l7policies") if row["name"] == "p3")
    world.others.l7_policies.update(third["id"], {"position": 1})
    world.fake.settle()
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run(1800)
    assert order(world) in (["p3", "p1", "p2"], ["p2", "p3", "p1"], ["p3", "p2", "p1"])
    assert world.calls()["LIST l7policies"] <= 12
    for name in ("p1", "p3"):
        world.annotate(key_of(policy(name)), paused="")
    world.run()
    assert order(world) == ["p1", "p2", "p3"]


def test_ready_says_that_a_policy_is_switched_off():
    world = ours(policy(adminStateUp=False))
    assert "switched off" in world.message(API)
    world.spec(API, adminStateUp=True)
    world.run()
    assert "switched off" not in world.message(API)


@pytest.mark.parametrize("how", ["status lost", "made for a former object"])
def test_one_that_was_being_made_in_parts_is_switched_on_though_no_status_tells(how):
    world = ours()
    body = policy(rules=[rule("a.example", "HOST_NAME", "EQUAL_TO"), rule()])
    world.apply(body)
    while len(world.table("l7rules")) < 1:
        world.some(1)
    if how == "status lost":
        world.poke(API, lambda body: body.pop("status", None))
    else:
        world.vanish(API)
        world.apply({**body, "metadata": {**body["metadata"], "uid": "another", "annotations": ADOPT}})
    world.restart()
    world.run()
    world.all_ready()
    (row,) = policies(world)
    assert row["admin_state_up"] is True
    assert len(row["rules"]) == 2
    calm(world)
    assert "adminStateUp" not in world.object(API).status["appliedFields"]


ADOPT = {"network.infomaniak.cloud/adopt-previous": "true"}


def test_one_that_somebody_has_switched_off_stays_so_whatever_befalls_its_rules():
    world = ours(policy(rules=[rule("a.example", "HOST_NAME", "EQUAL_TO"), rule()]))
    row = world.one("l7policies")
    world.others.l7_policies.update(row["id"], {"admin_state_up": False})
    world.fake.settle()
    world.others.l7_rules.delete(row["id"], world.table("l7rules")[0]["id"])
    world.fake.settle()
    world.clock.advance(600)
    world.restart()
    world.resync()
    world.run()
    world.all_ready()
    (row,) = policies(world)
    assert (row["admin_state_up"], len(row["rules"])) == (False, 2)
    assert "switched off" in world.message(API)
