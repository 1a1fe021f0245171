"""Changes of what stands in a tree: in place where that can be, replaced where not, and only where it may be."""

import pytest

from infomaniak_operator.client import ServiceError
from infomaniak_operator.controller.interfaces import FINALIZER
from tests.support.forest import Forest
from tests.support.objects import key_of
from tests.support.trees import CHECK, LB, SITE, balancer, calm, listener, member, monitor, network, pool, tree

MUTABLE = [
    (LB, "load_balancers", {"adminStateUp": False}, {"admin_state_up": False}, True),
    (LB, "load_balancers", {"description": "text"}, {"description": "text"}, ""),
    (LB, "load_balancers", {"name": "other"}, {"name": "other"}, "web"),
    (SITE, "pools", {"algorithm": "LEAST_CONNECTIONS"}, {"lb_algorithm": "LEAST_CONNECTIONS"}, None),
    (SITE, "pools", {"adminStateUp": False}, {"admin_state_up": False}, True),
    (SITE, "pools", {"description": "text"}, {"description": "text"}, ""),
    (
        SITE,
        "pools",
        {"sessionPersistence": {"type": "APP_COOKIE", "cookieName": "id"}},
        {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "id"}},
        None,
    ),
    (CHECK, "health_monitors", {"delay": 9}, {"delay": 9}, None),
    (CHECK, "health_monitors", {"maxRetriesDown": 5}, {"max_retries_down": 5}, 3),
    (CHECK, "health_monitors", {"httpMethod": "HEAD"}, {"http_method": "HEAD"}, "GET"),
    (CHECK, "health_monitors", {"urlPath": "/x"}, {"url_path": "/x"}, "/"),
    (CHECK, "health_monitors", {"expectedCodes": "200,204"}, {"expected_codes": "200,204"}, "200"),
    (CHECK, "health_monitors", {"adminStateUp": False}, {"admin_state_up": False}, True),
]


@pytest.mark.parametrize(("key", "collection", "spec", "body", "default"), MUTABLE)
def test_a_field_is_one_put_of_just_that_and_goes_back_to_its_default(key, collection, spec, body, default):
    world = tree()
    world.spec(key, **spec)
    world.run()
    (call,) = [call for call in world.cloud.log if call.writing]
    assert (str(call), call.args[1]) == (f"PUT {collection}", body)
    assert "Updated" in world.told(key)
    calm(world)
    (field,), (api,) = spec, body
    if default is None and field != "sessionPersistence":
        return
    world.spec(key, **{field: ...})
    world.run()
    assert world.one(collection)[api] == default
    calm(world)


@pytest.mark.parametrize(("key", "collection"), [(LB, "load_balancers"), (SITE, "pools"), (CHECK, "health_monitors")])
def test_tags_and_the_mark_among_them(key, collection):
    world = tree()
    mark = world.mark(key).text
    for tags in (["a", "b"], ["b"], []):
        world.spec(key, tags=tags)
        world.run()
        assert sorted(world.one(collection)["tags"]) == sorted([*tags, mark])
    world.spec(key, tags=["a"])
    world.run()
    world.spec(key, tags=...)
    world.run()
    assert world.one(collection)["tags"] == [mark]
    calm(world)
    getattr(world.others, collection).update(world.one(collection)["id"], {"tags": ["theirs"]})
    world.clock.advance(5)
    world.resync()
    world.run()
    assert sorted(world.one(collection)["tags"]) == sorted(["theirs", mark])  # nobody manages the tags any more


def test_a_listener_moves_to_another_port():
    world = tree()
    old = world.one("listeners")["id"]
    world.spec(LB, listeners=[listener(port=8080)])
    world.run()
    row = world.one("listeners")
    assert (row["protocol_port"], row["default_pool_id"]) == (8080, world.one("pools")["id"])
    assert row["id"] != old
    assert world.changes() == ["POST listeners", "DELETE listeners"]
    calm(world)


def test_two_listeners_change_places():
    world = tree(listeners=[listener("a", 80, pool=None), listener("b", 81, pool=None)])
    world.spec(LB, listeners=[listener("a", 81, pool=None), listener("b", 80, pool=None)])
    world.run()
    assert {row["name"]: row["protocol_port"] for row in world.table("listeners")} == {"a": 81, "b": 80}
    calm(world)


def test_listeners_come_change_and_go():
    world = tree(listeners=[listener(), listener("more", 81, pool=None), listener("gone", 82, pool=None)])
    world.spec(
        LB,
        listeners=[
            listener(connectionLimit=7, insertHeaders=["X-Forwarded-For"]),
            listener("more", 81, pool=None, timeouts={"clientData": 7000}),
            listener("new", 83, pool=None),
        ],
    )
    world.run()
    rows = {row["name"]: row for row in world.table("listeners")}
    assert sorted(rows) == ["http", "more", "new"]
    assert (rows["http"]["connection_limit"], rows["http"]["insert_headers"]) == (7, {"X-Forwarded-For": "true"})
    assert rows["more"]["timeout_client_data"] == 7000
    assert world.changes() == ["POST listeners", "PUT listeners", "PUT listeners", "DELETE listeners"]
    calm(world)
    world.spec(LB, listeners=[listener(pool=None)])
    world.run()
    row = world.one("listeners")
    assert (row["connection_limit"], row["insert_headers"], row["default_pool_id"]) == (-1, {}, None)
    calm(world)


def test_a_listener_always_has_a_pool_or_a_redirect():
    """Between the two, without either, it would answer with 503."""
    world = tree()
    for item, calls in (
        (
            listener(pool=None, redirectToHTTPS={"host": "a.example"}),
            ["POST l7policies", "POST l7rules", "PUT listeners"],
        ),
        (listener(), ["PUT listeners", "DELETE l7policies"]),
    ):
        world.forget_calls()
        world.spec(LB, listeners=[item])
        world.run()
        assert world.changes() == calls
        calm(world)


@pytest.mark.parametrize("later", [0.0, 200.0], ids=["at once", "later"])
def test_a_listener_keeps_its_redirect_until_the_pool_that_comes_instead_has_come(later):
    world = tree(listeners=[listener(pool=None, redirectToHTTPS={"host": "a.example"})])
    world.spec(LB, listeners=[listener(pool="other")])
    if later:
        world.run(later)
        assert len(world.table("l7policies")) == 1
        assert world.says(LB, "ReferencesResolved")[:2] == ("False", "WaitingForReference")
        world.restart()
        world.resync()
        world.run(later)
    assert world.changes() == []
    world.apply(pool("other"))
    world.run()
    assert world.changes() == ["POST pools", "PUT members", "PUT listeners", "DELETE l7policies"]
    calm(world)


def test_a_redirect_that_is_refused_leaves_its_listener_as_it_is_and_keeps_nothing_else_back():
    world = tree(listeners=[listener(), listener("more", 81, pool=None)])
    for _ in range(10):
        world.fake.fail_next("POST", "l7policies", ServiceError("no room", status=503))
    instead = listener(pool=None, redirectToHTTPS={"host": "a.example"})
    world.spec(LB, listeners=[instead, listener("more", 81, pool=None, connectionLimit=7)])
    world.run(20)
    assert {
        row["name"]: (row["connection_limit"], bool(row["default_pool_id"])) for row in world.table("listeners")
    } == {
        "http": (-1, True),
        "more": (7, False),
    }
    world.run()
    calm(world)


REDIRECT = listener(pool=None, redirectToHTTPS={"host": "a.example"})


@pytest.mark.parametrize("instead", [REDIRECT, listener(pool="other")], ids=["a redirect", "another pool"])
@pytest.mark.parametrize("first", [True, False], ids=["goes first", "goes last"])
def test_a_pool_that_is_deleted_serves_until_what_comes_instead_is_there(instead, first):
    world = tree()
    bare = []

    def watch(method, collection, subject):
        row = world.one("listeners")
        if not row["default_pool_id"] and not world.table("l7rules"):
            bare.append(f"{method} {collection}")

    world.fake.on_call = watch
    if first:
        world.delete(CHECK)
        world.delete(SITE)
    world.spec(LB, listeners=[instead])
    if not first:
        world.delete(CHECK)
        world.delete(SITE)
    world.some(2)
    if "defaultPoolRef" in instead:
        world.apply(pool("other"))
    world.run()
    assert bare == []
    assert SITE not in world.all_keys()
    calm(world)


@pytest.mark.parametrize(
    "of",
    [{"listeners": [listener(pool=None)]}, {"listeners": []}, {"listeners": ...}],
    ids=["bare", "none", "unmanaged"],
)
def test_a_pool_that_is_deleted_does_not_wait_where_nothing_comes_instead(of):
    world = tree()
    world.spec(LB, **of)
    world.delete(CHECK)
    world.delete(SITE)
    world.run()
    assert SITE not in world.all_keys()
    calm(world)


def test_a_pool_that_is_deleted_says_whom_it_waits_for():
    world = tree()
    world.spec(LB, listeners=[listener(pool="other")])
    world.delete(CHECK)
    world.delete(SITE)
    world.run()
    assert world.ready(SITE) == ("False", "InUse")
    assert "listener http of LoadBalancer web" in world.message(SITE)
    world.annotate(LB, paused="true")
    world.run()
    assert SITE not in world.all_keys()


def test_a_redirect_comes_changes_and_goes():
    where = {"host": "www.example.org"}
    world = tree(listeners=[listener(pool=None, redirectToHTTPS=where)])
    policy, rule = world.one("l7policies"), world.one("l7rules")
    assert (policy["redirect_prefix"], rule["value"]) == ("https://www.example.org", "/")
    calm(world)
    for item in (
        listener(pool=None, redirectToHTTPS={**where, "port": 8443, "statusCode": 301}),
        listener(pool=None),
        listener(pool=None, redirectToHTTPS=where),
        listener(port=81, pool=None, redirectToHTTPS=where),
    ):
        world.spec(LB, listeners=[item])
        world.run()
        calm(world)
        found = [(row["redirect_prefix"], row["redirect_http_code"]) for row in world.table("l7policies")]
        wanted = item.get("redirectToHTTPS")
        port = f":{wanted['port']}" if wanted and "port" in wanted else ""
        assert found == ([(f"https://www.example.org{port}", wanted.get("statusCode", 302))] if wanted else [])
        assert len(world.table("l7rules")) == len(found)
    world.others.l7_rules.delete(world.one("l7policies")["id"], world.one("l7rules")["id"])
    world.clock.advance(5)
    world.resync()
    world.run()
    assert len(world.table("l7rules")) == 1
    world.others.l7_policies.delete(world.one("l7policies")["id"])
    world.clock.advance(5)
    world.resync()
    world.run()
    assert (len(world.table("l7policies")), len(world.table("l7rules"))) == (1, 1)
    calm(world)


def test_another_protocol_of_a_pool_makes_another_and_the_listener_goes_over():
    world = tree(listeners=[listener(protocol="TCP")])
    old = world.one("pools")["id"]
    served = []

    def watch(method, collection, subject):
        (row,) = world.table("listeners")
        served.append(any(each["pool_id"] == row["default_pool_id"] for each in world.table("members")))

    world.fake.on_call = watch
    world.spec(SITE, protocol="TCP")
    world.spec(CHECK, type="TCP")
    world.run()
    row = world.one("pools")
    assert (row["protocol"], row["id"] != old) == ("TCP", True)
    assert all(served)
    assert world.one("listeners")["default_pool_id"] == row["id"] == world.object(SITE).status["id"]
    assert (world.one("health_monitors")["type"], world.one("health_monitors")["pool_id"]) == ("TCP", row["id"])
    assert world.one("members")["pool_id"] == row["id"]
    calm(world)


def test_another_type_of_a_monitor_replaces_it():
    world = tree()
    world.spec(CHECK, type="TCP")
    world.run()
    assert world.one("health_monitors")["type"] == "TCP"
    assert world.changes() == ["DELETE health_monitors", "POST health_monitors"]
    calm(world)


def test_another_type_of_a_monitor_leaves_what_only_the_former_type_has():
    http = {"httpMethod": "HEAD", "urlPath": "/healthz", "expectedCodes": "204"}
    world = tree(pool(), monitor(**http, httpVersion="1.1", domainName="www.example.org"))
    world.spec(CHECK, type="TCP", **dict.fromkeys([*http, "httpVersion", "domainName"], ...))
    world.run()
    row = world.one("health_monitors")
    assert (row["type"], row["url_path"]) == ("TCP", None), world.message(CHECK)
    assert world.changes() == ["DELETE health_monitors", "POST health_monitors"]
    assert world.ready(CHECK) == ("True", "Available")
    # And back: they are not the operator's any more.
    world.spec(CHECK, type="HTTP")
    world.run()
    assert [world.one("health_monitors")[name] for name in ("http_method", "url_path")] == ["GET", "/"]
    assert not set(http) & set(world.object(CHECK).status["appliedFields"])
    calm(world)


def test_listener_and_pool_change_their_protocol_together():
    world = tree()
    world.spec(LB, listeners=[listener(protocol="TCP")])
    world.spec(SITE, protocol="TCP")
    world.spec(CHECK, type="TCP")
    world.run()
    assert (world.one("listeners")["protocol"], world.one("pools")["protocol"]) == ("TCP", "TCP")
    assert world.one("listeners")["default_pool_id"] == world.one("pools")["id"]
    calm(world)


def test_members_are_all_sent_with_all_their_fields():
    world = tree(pool(members=[member(11, weight=5), member(12, name="b", backup=True)]))
    ids = {row["address"]: row["id"] for row in world.table("members")}
    world.spec(SITE, members=[member(11, weight=6), member(12, name="b", backup=True), member(13)])
    world.run()
    rows = {row["address"]: row for row in world.table("members")}
    assert [rows[f"10.40.0.{n}"]["weight"] for n in (11, 12, 13)] == [6, 1, 1]
    assert (rows["10.40.0.12"]["name"], rows["10.40.0.12"]["backup"]) == ("b", True)
    assert {address: rows[address]["id"] for address in ids} == ids
    calm(world)
    world.spec(SITE, members=[])
    world.run()
    assert world.table("members") == []
    calm(world)


def test_a_member_moves_to_another_subnet():
    world = Forest(network("web", "back"), balancer(), monitor())
    world.apply(pool(members=[member(11, networkRef={"name": "web"}, subnet="web-v4"), member(12)]))
    world.run()
    world.all_ready()
    world.spec(SITE, members=[member(11, networkRef={"name": "web"}, subnet="back"), member(12)])
    world.run()
    subnets = {row["id"]: row["name"] for row in world.table("subnets")}
    assert {row["address"]: subnets.get(row["subnet_id"]) for row in world.table("members")} == {
        "10.40.0.11": "back",
        "10.40.0.12": None,
    }
    calm(world)


def test_a_listener_names_another_pool():
    world = tree(pool(), monitor(), pool("other"), listeners=[listener()])
    world.spec(LB, listeners=[listener(pool="other")])
    world.run()
    assert world.one("listeners")["default_pool_id"] == world.object(key_of(pool("other"))).status["id"]
    assert world.changes() == ["PUT listeners"]
    calm(world)


# Only where it may be.


def test_a_dry_run_of_all_of_it_does_nothing():
    world = Forest(network())
    world.run()
    world.forget_calls()
    for body in (balancer(), pool(), monitor()):
        body["metadata"]["annotations"] = {"network.infomaniak.cloud/dry-run": "true"}
        world.apply(body)
    world.run()
    assert world.changes() == []
    for key in (LB, SITE, CHECK):
        assert FINALIZER not in world.object(key).finalizers
    assert "load balancer web" in world.message(LB, "Synced")
    assert "pools site" in world.message(LB, "Synced")
    for key in (LB, SITE, CHECK):
        world.annotate(key, dry_run="")
    world.run()
    calm(world)


@pytest.mark.parametrize("how", ["dry_run", "paused"])
@pytest.mark.parametrize(
    ("key", "spec"),
    [(LB, {"listeners": []}), (SITE, {"members": []}), (CHECK, {"delay": 9}), (SITE, {"protocol": "PROXY"})],
)
def test_a_dry_run_or_a_pause_of_a_change(how, key, spec):
    world = tree()
    world.annotate(key, **{how: "true"})
    world.spec(key, **spec)
    world.run()
    assert world.changes() == []
    world.annotate(key, **{how: ""})
    world.run()
    calm(world)


@pytest.mark.parametrize("key", [LB, SITE, CHECK])
def test_a_paused_part_of_a_new_tree_is_left_out(key):
    world = Forest(network())
    for body in (balancer(), pool(), monitor()):
        if key_of(body) == key:
            body["metadata"]["annotations"] = {"network.infomaniak.cloud/paused": "true"}
        world.apply(body)
    world.run()
    table = {LB: "load_balancers", SITE: "pools", CHECK: "health_monitors"}[key]
    assert world.table(table) == []
    world.annotate(key, paused="")
    world.run()
    calm(world)
