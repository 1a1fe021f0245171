"""`kubectl infomaniak orphans`: what carries this cluster's mark and has no owner, and nothing else; it only reads."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from infomaniak_operator.client import ForbiddenError, ServiceError
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.orphans import former, report, tables
from infomaniak_operator.plugin.orphans.former import Former, Trace, full_uid
from infomaniak_operator.plugin.orphans.sorts import SORTS
from infomaniak_operator.reconcile.ownership.marks import Owner, described, released, short_uid
from tests.support.drawn import settled
from tests.support.forest import Forest
from tests.support.objects import KUBE_SYSTEM, NAMESPACE, network
from tests.support.plugin_server import PluginServer, ran, web
from tests.support.recorded import FILE, example, taken_over

LATER = datetime(2027, 3, 1, tzinfo=UTC)
"""Weeks after what the worlds of these tests were made at."""


def orphans(server, capsys, *words, now=LATER):
    """The exit code and the report."""
    code = ran(server, "orphans", "-o", "json", *words, now=now)
    told = capsys.readouterr()
    assert told.err == "", told.err
    return code, json.loads(told.out)


def gone(server, *keys):
    """Objects go, and what they own stays: a finalizer that was taken off by hand."""
    for kind, name in keys:
        server.world.vanish(Key(kind, NAMESPACE, name))
    return server


def types(items):
    return sorted(each["type"] for each in items)


def test_of_what_has_an_owner_nothing_is_an_orphan(capsys):
    for name in ("web", "office", "ports", "shop"):
        server = settled(*example(name))
        code, found = orphans(server, capsys)
        assert (code, found["orphans"], found["unknown"], found["claimed"], found["released"]) == (0, [], [], [], [])
        assert found["warnings"] == []


def test_what_an_object_left_is_found_with_its_parts_and_what_it_was(capsys):
    server = gone(web(), ("LoadBalancer", "web"), ("FloatingIP", "web"))
    code, found = orphans(server, capsys)
    assert code == 2
    assert types(found["orphans"]) == ["floating IP", "listener", "listener", "load balancer", "port"]
    was = {(each["type"], each["formerOwner"]["kind"], each["formerOwner"]["name"]) for each in found["orphans"]}
    assert was == {
        ("floating IP", "FloatingIP", "web"),
        ("listener", "LoadBalancer", "web"),
        ("load balancer", "LoadBalancer", "web"),
        ("port", "LoadBalancer", "web"),
    }
    assert {each["formerOwner"]["namespace"] for each in found["orphans"]} == {NAMESPACE}
    (balancer,) = server.world.table("load_balancers")
    inside = {each["inside"]["id"] for each in found["orphans"] if each["type"] == "listener"}
    assert inside == {balancer["id"]}
    (there,) = [each for each in found["orphans"] if each["type"] == "load balancer"]
    assert there["id"] == balancer["id"]
    assert there["since"] == f"{balancer['created_at']}Z"
    assert there["namedBy"] == ["Pool shop/site", "Pool shop/site-tls"]


OF_THE_SHOP = {
    "network",
    "subnet",
    "router",
    "security group",
    "floating IP",
    "load balancer",
    "port",
    "listener",
    "pool",
    "health monitor",
    "L7 policy",
}


def test_every_type_that_carries_a_mark_is_looked_at(capsys):
    server = settled(*example("shop"))
    for each in server.objects(None):
        server.world.vanish(each.key)
    code, found = orphans(server, capsys, "--credentials", "infomaniak")
    assert code == 2
    assert set(types(found["orphans"])) == OF_THE_SHOP
    marked = [
        row
        for name, rows in server.world.fake.tables.items()
        for row in rows.values()
        if "[ik" in f"{row.get('description')} {row.get('tags')}" and name != "members"
    ]
    assert {each["id"] for each in found["orphans"]} >= {row["id"] for row in marked}
    assert all(each["marked"] or each["inside"] for each in found["orphans"])


def test_certificates_in_barbican_and_rules_for_members_are_looked_at(capsys):
    server = web()
    owner = Owner(KUBE_SYSTEM, "LoadBalancer", NAMESPACE, "web", full_uid(short_uid("gone")))
    secrets = server.world.fake.operations("alpha").secrets
    secrets.create({"name": f"abc {owner.mark('certificate/abc').text}", "payload": "YQ=="})
    group = server.world.others.security_groups.create({"name": "by hand"})
    server.world.others.security_group_rules.create(
        {
            "security_group_id": group["id"],
            "direction": "ingress",
            "protocol": "tcp",
            "description": described("", Owner(KUBE_SYSTEM, "SecurityGroup", NAMESPACE, "web-servers", "x").mark("a")),
        }
    )
    _, found = orphans(server, capsys)
    assert types(found["orphans"]) == ["secret", "security group rule"]
    (secret,) = [each for each in found["orphans"] if each["type"] == "secret"]
    assert secret["look"].startswith("openstack secret get https://")
    assert (secret["name"], secret["formerOwner"]["name"]) == ("abc", "web")


@pytest.mark.parametrize("example_name", ["web", "office"])
def test_marks_of_the_former_spelling_are_of_this_cluster_by_themselves(example_name, capsys):
    recorded = json.loads(FILE.read_text())[example_name]
    server = PluginServer(taken_over(recorded))
    assert orphans(server, capsys)[0] == 0
    for each in server.objects(None):
        server.world.vanish(each.key)
    code, found = orphans(server, capsys, "--credentials", "infomaniak")
    assert code == 2
    assert found["unknown"] == []
    marks = {each["mark"][:4] for each in found["orphans"] if each["marked"]}
    assert marks == {"[ik1"}
    _, found = orphans(server, capsys, "--credentials", "infomaniak", "--cluster-id", "another")
    assert found["orphans"] == []


def test_a_mark_of_another_cluster_is_never_called_an_orphan(capsys):
    server = web()
    elsewhere = Owner("another-cluster", "InfomaniakNetwork", NAMESPACE, "web", "6f1b7a52-0000-4000-8000-000000000001")
    old = Owner("another-cluster", "Router", NAMESPACE, "web", "6f1b7a52-0000-4000-8000-000000000002")
    server.world.others.networks.create({"name": "web", "description": described("", elsewhere.mark())})
    server.world.others.routers.create({"name": "web", "description": described("", old.old_mark())})
    code, found = orphans(server, capsys)
    assert code == 1
    assert found["orphans"] == []
    assert types(found["unknown"]) == ["network", "router"]
    assert found["cost"]["lines"] == []


def test_a_name_that_cannot_be_guessed_can_be_told(capsys):
    server = settled(network("secret-name", name="called-otherwise"), network("stays"))
    server.world.vanish(Key("InfomaniakNetwork", NAMESPACE, "secret-name"))
    code, found = orphans(server, capsys)
    assert (code, types(found["unknown"])) == (1, ["network"])
    code, found = orphans(server, capsys, "--former", f"{NAMESPACE}/secret-name")
    assert (code, types(found["orphans"])) == (2, ["network"])
    assert found["orphans"][0]["formerOwner"]["name"] == "secret-name"


def test_a_namespace_that_is_gone_can_be_told(capsys):
    server = settled(network("here"))
    owner = Owner(KUBE_SYSTEM, "InfomaniakNetwork", "gone-space", "n", "6f1b7a52-0000-4000-8000-000000000003")
    server.world.others.networks.create({"name": "n", "description": described("", owner.mark())})
    assert orphans(server, capsys)[0] == 1
    code, found = orphans(server, capsys, "--former", "gone-space")
    assert code == 2
    assert found["orphans"][0]["formerOwner"]["namespace"] == "gone-space"


def test_what_was_given_up_on_purpose_is_told_apart(capsys):
    server = settled(network("kept", deletionPolicy="Retain"), network("stays"))
    server.world.delete(Key("InfomaniakNetwork", NAMESPACE, "kept"))
    server.world.run()
    code, found = orphans(server, capsys)
    assert (code, found["orphans"]) == (0, [])
    assert [(each["type"], each["name"]) for each in found["released"]] == [("network", "kept")]


def test_an_object_of_the_same_name_does_not_hide_what_the_former_one_left(capsys):
    server = settled(network("n"))
    server.world.vanish(Key("InfomaniakNetwork", NAMESPACE, "n"))
    server.world.apply(network("n", life=2))
    server.world.run(30.0)
    code, found = orphans(server, capsys)
    assert code == 2
    assert found["orphans"][0]["formerOwner"]["existsAnew"] is True


def test_what_an_object_shows_as_its_own_is_no_orphan(capsys):
    server = settled(network("n"))
    (row,) = [each for each in server.world.table("networks") if each["name"] == "n"]
    restored = network("n", life=2)
    restored["status"] = {"id": row["id"]}
    server.world.vanish(Key("InfomaniakNetwork", NAMESPACE, "n"))
    other = PluginServer(server.world, KubeObject.of(restored))
    code, found = orphans(other, capsys)
    assert (code, found["orphans"]) == (1, []), "whoever may write a status can claim a thing"
    assert [each["id"] for each in found["claimed"]] == [row["id"]]
    assert "only a status says whose it is" in found["warnings"][0]


def test_what_an_object_only_reads_is_an_orphan_all_the_same(capsys):
    server = gone(settled(network("n"), network("stays")), ("InfomaniakNetwork", "n"))
    (row,) = [each for each in server.world.table("networks") if each["name"] == "n"]
    reader = network("reader", managementPolicy="Unmanaged", import_={"id": row["id"]})
    server.world.apply(reader)
    server.world.run(30.0)
    code, found = orphans(server, capsys)
    assert (code, [each["id"] for each in found["orphans"]]) == (2, [row["id"]])
    assert found["orphans"][0]["namedBy"] == [f"InfomaniakNetwork {NAMESPACE}/reader"]


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("networks", "network"),
        ("subnets", "subnet"),
        ("routers", "router"),
        ("security_groups", "security group"),
        ("security_group_rules", "security group rule"),
        ("floating_ips", "floating IP"),
        ("ports", "port"),
        ("load_balancers", "load balancer"),
        ("listeners", "listener"),
        ("pools", "pool"),
        ("health_monitors", "health monitor"),
        ("l7_policies", "L7 policy"),
    ],
)
def test_of_a_type_that_cannot_be_listed_nothing_is_said_but_that(collection, name, capsys):
    server = gone(web(), ("LoadBalancer", "web"), ("InfomaniakNetwork", "web"))
    collection = {"l7_policies": "l7policies"}.get(collection, collection)
    server.world.fake.fail_next("LIST", collection, ServiceError("the service is away", status=503))
    code, found = orphans(server, capsys)
    assert code == 1
    assert [each["type"] for each in found["notLooked"]] == [name]
    assert "the service is away" in found["notLooked"][0]["message"]
    assert name not in types([*found["orphans"], *found["unknown"]])


def test_a_barbican_that_may_not_be_asked_is_told(capsys):
    server = web()
    server.world.fake.barbican.forbids = True
    code, found = orphans(server, capsys)
    assert (code, [each["type"] for each in found["notLooked"]]) == (1, ["secret"])


def test_nothing_is_in_a_barbican_that_there_is_not(capsys):
    server = web()
    server.world.fake.barbican.missing = True
    assert orphans(server, capsys)[0] == 0


def test_without_the_objects_of_all_namespaces_nothing_can_be_told(capsys):
    server = web()
    listed = server.objects

    def refused(namespace):
        if namespace is None:
            raise ClusterError("Cannot list routers in all namespaces: forbidden")
        return listed(namespace)

    server.objects = refused
    assert ran(server, "orphans") == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "cannot be told without the objects of all namespaces" in told.err
    assert "forbidden" in told.err


def test_a_second_list_of_objects_that_fails_tells_nothing_either(capsys):
    server = gone(web(), ("LoadBalancer", "web"))

    def away():
        raise ClusterError("the API server is away")

    server.then = [lambda: None, away]
    assert ran(server, "orphans") == 3
    assert capsys.readouterr().out == ""


def test_what_is_made_while_it_looks_is_no_orphan(capsys):
    server = settled(network("n"))
    server.world.apply(network("new"))
    server.world.run(30.0)
    before = [each for each in server.objects(None) if each.key.name != "new"]
    answers = iter([before])
    listed = server.objects
    server.objects = lambda namespace: next(answers, None) or listed(namespace)
    code, found = orphans(server, capsys)
    assert (code, found["orphans"]) == (0, [])


def test_what_is_deleted_while_it_looks_is_no_orphan(capsys):
    server = settled(network("n"), network("m"))
    server.then = [lambda: None, lambda: server.world.vanish(Key("InfomaniakNetwork", NAMESPACE, "n"))]
    code, found = orphans(server, capsys)
    assert (code, found["orphans"]) == (0, [])
    assert orphans(server, capsys)[0] == 2


def test_what_is_young_is_told_so_and_does_not_count_yet(capsys):
    server = gone(settled(network("n"), network("m")), ("InfomaniakNetwork", "n"))
    (row,) = [each for each in server.world.table("networks") if each["name"] == "n"]
    at = datetime.fromisoformat(row["created_at"])
    code, found = orphans(server, capsys, now=at + timedelta(minutes=9))
    assert (code, [each["young"] for each in found["orphans"]]) == (1, [True])
    code, found = orphans(server, capsys, now=at + timedelta(minutes=11))
    assert (code, [each["young"] for each in found["orphans"]]) == (2, [False])


def test_what_is_charged_is_told_with_its_price(capsys):
    server = gone(web(), ("LoadBalancer", "web"), ("FloatingIP", "web"), ("InfomaniakNetwork", "web"))
    _, found = orphans(server, capsys)
    assert {each["type"] for each in found["orphans"] if each["costPerHour"] is not None} == {
        "load balancer",
        "floating IP",
    }
    assert [(each["type"], each["count"], each["eachPerHour"]) for each in found["cost"]["lines"]] == [
        ("floating IP", 1, 0.00457),
        ("load balancer", 1, 0.0137),
    ]
    assert found["cost"]["perMonth"] == pytest.approx(730 * (0.0137 + 0.00457), abs=0.01)


def test_the_wrong_cluster_id_is_noticed(capsys):
    server = gone(web(), ("LoadBalancer", "web"))
    code, found = orphans(server, capsys, "--cluster-id", "not-the-one-of-the-operator")
    assert (code, found["orphans"]) == (1, [])
    assert any("another one" in each and "--cluster-id" in each for each in found["warnings"])


def test_the_operators_own_cluster_id_can_be_named(capsys):
    world = Forest(*example("office"), cluster_id="chosen")
    world.run(120.0)
    server = gone(PluginServer(world), ("Router", "office"))
    server.cluster_uid = lambda: KUBE_SYSTEM
    code, found = orphans(server, capsys, "--cluster-id", "chosen")
    assert (code, types(found["orphans"])) == (2, ["router"])


def test_it_reads_only_and_shows_how_a_person_looks(capsys):
    server = gone(web(), ("LoadBalancer", "web"), ("FloatingIP", "web"))
    server.world.cloud.log.clear()
    before = server.world.picture()
    assert ran(server, "orphans", now=LATER) == 2
    said = capsys.readouterr().out
    assert all(not call.writing for call in server.world.cloud.log)
    assert server.world.picture() == before
    commands = re.findall(r"^  (openstack .*?) *$", said, re.MULTILINE)
    assert len(commands) == 5
    assert all(re.fullmatch(r"openstack [a-z ]+ show [0-9a-f-]{36}", each) for each in commands)
    assert "The operator never deletes these" in said
    assert "FloatingIP shop/web" in said
    assert "CHF" in said


def test_a_strangers_text_moves_no_cursor_and_is_no_command(capsys):
    server = settled(network("stays"))
    owner = Owner(KUBE_SYSTEM, "InfomaniakNetwork", NAMESPACE, "n", "6f1b7a52-0000-4000-8000-000000000004")
    row = server.world.others.networks.create({"name": "n\x1b[2J", "description": described("", owner.mark())})
    table = server.world.fake.tables["networks"]
    table["; rm -rf ~"] = {**table[row["id"]], "id": "; rm -rf ~", "created_at": "long ago"}
    assert ran(server, "orphans", "--former", f"{NAMESPACE}/n", now=LATER) == 2
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "openstack network show '; rm -rf ~'" in said
    assert "not told" in said


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_it_is_data_for_a_script(form, capsys):
    server = gone(web(), ("FloatingIP", "web"))
    assert ran(server, "orphans", "-o", form, now=LATER) == 2
    found = yaml.safe_load(capsys.readouterr().out)
    assert [each["look"] for each in found["orphans"]] == [
        f"openstack floating ip show {server.world.one('floating_ips')['id']}"
    ]


def test_a_login_that_is_refused_tells_nothing(capsys):
    server = web()

    def refused(_):
        raise ForbiddenError("no role in this project")

    server.world.login = refused
    assert ran(server, "orphans") == 3
    told = capsys.readouterr()
    assert (told.out, "no role in this project" in told.err) == ("", True)


def test_marks_of_strangers_use_up_no_trials_of_ours():
    ours = Owner("c", "Router", "ns", "r", "6f1b7a52-0000-4000-8000-000000000005")
    theirs = [
        Trace(Owner("d", "Router", "x", "y", f"6f1b7a52-0000-4000-8000-{number:012}").mark(), ("Router",), ("y",))
        for number in range(100)
    ]
    looked = Former("c", ["ns"], [f"name-{each}" for each in range(50)], trials=500)
    found = looked.owners([*theirs, Trace(ours.mark(), ("Router",), ("r",))])
    assert found == {ours.mark(): Key("Router", "ns", "r")}
    assert looked.exhausted
    assert former.MOST_TRIALS >= 100_000


def test_a_released_mark_beside_a_living_one_is_no_orphan(capsys):
    server = settled(network("n"))
    (row,) = [each for each in server.world.table("networks") if each["name"] == "n"]
    dead = Owner(KUBE_SYSTEM, "InfomaniakNetwork", NAMESPACE, "z", "6f1b7a52-0000-4000-8000-000000000006")
    server.world.others.networks.create({"name": "z", "description": described("", released(dead.mark()))})
    code, found = orphans(server, capsys)
    assert (code, found["orphans"]) == (0, [])
    assert row["id"] not in {each["id"] for each in found["released"]}


def test_a_pool_in_a_living_load_balancer_is_found(capsys):
    server = gone(web(), ("Pool", "site"), ("HealthMonitor", "site"))
    code, found = orphans(server, capsys)
    assert (code, types(found["orphans"])) == (2, ["health monitor", "pool"])
    (balancer,) = server.world.table("load_balancers")
    (pool,) = [each for each in found["orphans"] if each["type"] == "pool"]
    assert pool["inside"] == {"type": "load balancer", "id": balancer["id"]}


def test_what_others_made_inside_an_orphan_is_told_of_with_it(capsys):
    server = gone(
        settled(network("n", subnets=[{"name": "a", "cidr": "10.0.0.0/24"}]), network("m")), ("InfomaniakNetwork", "n")
    )
    (row,) = [each for each in server.world.table("networks") if each["name"] == "n"]
    by_hand = server.world.others.subnets.create({"network_id": row["id"], "cidr": "10.9.0.0/24", "ip_version": 4})
    _, found = orphans(server, capsys)
    unmarked = [each for each in found["orphans"] if not each["marked"]]
    assert [(each["id"], each["inside"]) for each in unmarked] == [
        (by_hand["id"], {"type": "network", "id": row["id"]})
    ]


def restored(server):
    """The objects of a backup: other UIDs, and the statuses as they were."""
    for number, each in enumerate(server.objects(None)):
        body = {**each.body, "metadata": {**each.body["metadata"], "uid": f"6f1b7a52-0000-4000-9000-{number:012d}"}}
        server.world._put(each.key, body)
    return server


def test_a_rule_is_in_use_by_the_object_that_has_its_group_whatever_mark_it_carries(capsys):
    server = restored(settled(*example("ports")))
    code, found = orphans(server, capsys)
    assert (code, found["orphans"], found["unknown"]) == (1, [], [])
    for each in server.objects(None):
        server.world.annotate(each.key, **{"adopt-previous": "true"})
    server.world.run(2000.0)
    server.world.all_ready()
    code, found = orphans(server, capsys)
    assert (code, found["orphans"], found["unknown"]) == (0, [], [])
    assert types(found["claimed"]) == ["security group rule"]


def test_where_a_kind_is_not_served_what_it_may_have_made_is_no_orphan_for_sure(capsys):
    server = gone(web(), ("Pool", "site"), ("Pool", "site-tls"), ("FloatingIP", "web"))
    del server.defined["pools.network.infomaniak.cloud"]
    code, found = orphans(server, capsys)
    assert code == 1
    assert types(found["orphans"]) == ["floating IP"]
    assert types(found["unknown"]) == ["pool", "pool"]
    assert "does not serve Pool" in found["warnings"][0]


def test_what_a_service_gives_no_id_is_claimed_by_no_text():
    owner = Owner(KUBE_SYSTEM, "LoadBalancer", NAMESPACE, "web", full_uid(short_uid("gone")))
    row = {"secret_ref": "https://barbican/v1/secrets/1", "name": f"abc {owner.mark('certificate/abc').text}"}
    body = network("n")
    body["status"] = {"id": "None"}
    looked = report.Looked(
        KUBE_SYSTEM, "p", "r", {"secret": [row]}, {}, [KubeObject.of(body)], [NAMESPACE], ["web"], LATER
    )
    told = report.orphans(looked)
    assert types(told["orphans"]) == ["secret"]
    assert told["orphans"][0]["namedBy"] == []


def test_with_another_cluster_id_it_is_not_said_that_there_is_none(capsys):
    server = gone(web(), ("Router", "web"))
    for row in server.world.table("routers"):
        row["description"] = ""
    assert ran(server, "orphans", "--cluster-id", "another", now=LATER) == 1
    told = capsys.readouterr().out
    assert "There is no orphan." not in told
    assert "the operator runs with another one" in told


MARK = Owner("c", "Router", "ns", "r", "6f1b7a52-0000-4000-8000-000000000007").mark().text
ODD = "[ik2.____________________-_.aaaaaaaaaaaaaaaaa]"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from([MARK, ODD]),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(["id", "name"]), each, max_size=2),
    max_leaves=6,
)
attributes = ["id", "name", "description", "tags", "created_at", "created", "provisioning_status", "secret_ref"]
attributes += ["network_id", "loadbalancers", "pools", "listener_id", "floating_ip_address"]
rows = st.lists(st.dictionaries(st.sampled_from(attributes), anything, max_size=8), max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([each.name for each in SORTS]), rows), anything)
def test_no_row_and_no_status_makes_it_fail(found, status):
    body = network("n")
    body["status"] = status
    objects = [KubeObject.of(body)]
    told = report.orphans(report.Looked("c", "p", "r", found, {}, objects, ["ns"], ["r"], LATER))
    json.dumps(told)
    assert report.exit_code(told) in (0, 1, 2)
    tables.drawn(told)
