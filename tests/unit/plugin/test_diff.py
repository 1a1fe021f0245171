"""``kubectl infomaniak diff``: what the operator would do, by the operator itself, with nothing changed anywhere."""

from __future__ import annotations

import json
from functools import partial

import pytest
import yaml

from infomaniak_operator.client import AuthenticationError, CloudConnectionError
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.diff import plans
from infomaniak_operator.plugin.diff.view import Credentials, View
from infomaniak_operator.plugin.references import references
from tests.support import chains
from tests.support.drawn import settled
from tests.support.forest import Forest
from tests.support.objects import CREDENTIAL, NAMESPACE, custom, network, secret, subnet
from tests.support.plugin_server import PluginServer, ran, web
from tests.support.recorded import example

NOTHING, CHANGES, NEEDS_YOU, UNKNOWN = range(4)
EXAMPLES = ("network", "office", "ports", "web", "routing", "mail")


def key(kind, name):
    return Key(kind, NAMESPACE, name)


def diff(server, capsys, *words):
    """The exit code and the report."""
    capsys.readouterr()
    code = ran(server, "diff", "-o", "json", *words)
    return code, json.loads(capsys.readouterr().out)


def items(report):
    return {f"{each['kind']}/{each['name']}": each for each in report["items"]}


def fields(item):
    return {each["field"]: (each["cloud"], each["spec"]) for step in item["changes"] for each in step["fields"]}


def guarded(server):
    """A server whose cloud and whose API server take no change: whoever tries one has a failing test."""

    def refuse(method, collection, subject, act, perform=server.world.fake.perform):
        if method not in ("LIST", "GET"):
            raise AssertionError(f"changed: {method} {collection} {subject}")
        return perform(method, collection, subject, act)

    server.world.fake.perform = refuse
    server.world.on_kube = lambda what, act: pytest.fail(f"written: {what}")
    server.annotate = lambda *words: pytest.fail("annotated")
    return server


@pytest.fixture(scope="module")
def good():
    return web()


# ── what there is to do ──


@pytest.mark.parametrize("name", EXAMPLES)
def test_of_examples_that_the_operator_is_done_with_nothing_is_to_be_done(name, capsys):
    world = Forest(*example(name))
    world.run(120.0)
    code, report = diff(guarded(PluginServer(world)), capsys)
    assert code == NOTHING
    assert report["verdict"] == "Nothing"
    assert {each["verdict"] for each in report["items"]} == {"Nothing"}
    assert not any(each["changes"] for each in report["items"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_not_made_yet_is_to_be_made_and_then_nothing_is(name, capsys):
    server = PluginServer(Forest(*example(name)))
    code, report = diff(server, capsys)
    assert code == CHANGES
    assert not server.world.fake.changes()
    for each in report["items"]:
        unmanaged = each["name"] == "internet"
        assert each["verdict"] == ("Nothing" if unmanaged else "Changes")
        assert unmanaged or each["reason"] == "WaitingForReference" or each["changes"][0]["action"] == "create"
    server.world.run(120.0)
    assert diff(server, capsys)[0] == NOTHING


def test_a_load_balancer_with_its_tree_is_told_at_once_as_one_create(capsys):
    server = web()
    before = server.world.object(key("LoadBalancer", "web")).body
    for table in ("load_balancers", "listeners", "pools", "members", "health_monitors"):
        server.world.fake.tables[table].clear()
    code, report = diff(server, capsys, "ilb/web")
    (item,) = report["items"]
    assert (code, [each["action"] for each in item["changes"]]) == (CHANGES, ["create"])
    assert "again" in item["message"]
    fresh = {**before, "status": {"observedGeneration": -1}}
    fresh["metadata"] = {name: each for name, each in before["metadata"].items() if name != "finalizers"}
    server.world._put(key("LoadBalancer", "web"), fresh)
    code, report = diff(server, capsys, "ilb/web")
    (item,) = report["items"]
    assert (code, [each["action"] for each in item["changes"]]) == (CHANGES, ["create"])
    assert "listeners http (HTTP 80)" in item["message"]
    assert "pools site, site-tls" in item["message"]


def test_fields_that_differ_are_told_with_both_values(capsys):
    server = web()
    server.world.spec(key("InfomaniakNetwork", "web"), description="changed", mtu=1400)
    code, report = diff(server, capsys)
    assert code == CHANGES
    item = items(report)["InfomaniakNetwork/web"]
    assert fields(item) == {"mtu": (1450, 1400), "description": ("web servers", "changed")}
    (step,) = item["changes"]
    row = server.world.one("networks") if len(server.world.table("networks")) == 1 else None
    assert step["action"] == "update"
    assert row is None or step["id"] == row["id"]
    assert {each["verdict"] for name, each in items(report).items() if name != "InfomaniakNetwork/web"} == {"Nothing"}


def test_of_a_create_the_spec_is_told_field_by_field(capsys):
    server = PluginServer(Forest(network("front", subnets=[subnet("v4", dnsNameservers=["9.9.9.9"])], mtu=1400)))
    _, report = diff(server, capsys)
    assert fields(report["items"][0]) == {
        "mtu": (None, 1400),
        "subnets[v4].cidr": (None, "10.1.0.0/24"),
        "subnets[v4].dnsNameservers": (None, ["9.9.9.9"]),
    }


def test_what_others_have_changed_in_the_cloud_is_put_back(capsys):
    server = web()
    listener = next(each for each in server.world.table("listeners") if each["name"] == "http")
    listener["name"] = "hand made"
    member = server.world.table("members")[0]
    member["weight"] = 77
    server.world.others.subnets.create(
        {"network_id": _web_network(server)["id"], "cidr": "10.77.0.0/24", "ip_version": 4}
    )
    code, report = diff(server, capsys)
    assert code == CHANGES
    assert fields(items(report)["LoadBalancer/web"])["listeners[http].name"] == ("hand made", "http")
    told = [each for each in report["items"] if "weight 77" in each["message"]]
    assert [each["kind"] for each in told] == ["Pool"]


def _web_network(server):
    return next(each for each in server.world.table("networks") if each["name"] == "web")


def test_a_part_that_is_missing_is_made_and_one_too_many_goes(capsys):
    server = PluginServer(Forest(network("front", subnets=[subnet("v4"), subnet("old", "10.2.0.0/24")])))
    server.world.run()
    server.world.spec(key("InfomaniakNetwork", "front"), subnets=[subnet("v4"), subnet("new", "10.3.0.0/24")])
    _, report = diff(server, capsys)
    steps = {(each["action"], each["what"].partition(" (")[0]) for each in report["items"][0]["changes"]}
    assert {("create", "subnet new"), ("delete", "subnet old")} <= {(verb, what[:10]) for verb, what in steps}
    made = next(each for each in report["items"][0]["changes"] if each["action"] == "create")
    assert {each["field"]: each["spec"] for each in made["fields"]}["cidr"] == "10.3.0.0/24"


def test_what_is_deleted_says_what_goes_and_what_keeps_it(capsys):
    server = web()
    server.world.delete(key("InfomaniakNetwork", "web"))
    server.world.delete(key("LoadBalancer", "web"))
    _, report = diff(server, capsys)
    balancer, there = items(report)["LoadBalancer/web"], items(report)["InfomaniakNetwork/web"]
    assert balancer["verdict"] == "Changes"
    assert [each["action"] for each in balancer["changes"]] == ["delete"]
    assert there["verdict"] == "NeedsYou"
    assert "used by LoadBalancer web, Router web" in there["message"]
    assert balancer["notes"] == there["notes"] == ["being deleted"]


def test_an_adoption_says_what_is_taken_over(capsys):
    world = Forest()
    there = world.others.networks.create({"name": "theirs", "mtu": 1400})
    world.apply(network("mine", **{"import": {"id": there["id"]}, "description": "ours now"}))
    server = guarded(PluginServer(world))
    code, report = diff(server, capsys)
    (item,) = report["items"]
    assert code == CHANGES
    assert f"take over network {there['id']}" in item["message"]
    assert fields(item)["description"] == ("", "ours now")
    assert all(
        "[ik" not in json.dumps(each) for step in item["changes"] for each in step["fields"] if each["field"] != "mark"
    )


# ── five broken stacks ──


def broken(what):
    """A server with a stack that needs a person, the object at fault, and words of what is said of it."""
    if what == "reference":
        server = web("LoadBalancer/web")
        return server, "FloatingIP/web", "(LoadBalancer/web does not exist)"
    if what == "refused":
        spec = {"subnets": [subnet("v4", allocationPools=[{"start": "10.99.0.1", "end": "10.99.0.9"}])]}
        server = PluginServer(Forest(network("front", **spec)))
        server.world.run(60.0)
        return server, "InfomaniakNetwork/front", "10.99.0.1"
    if what == "quota":
        server = PluginServer(Forest(network("front", subnets=[subnet("v4")])))
        server.world.fake.quotas["networks"] = 0
        return server, "InfomaniakNetwork/front", "1 network needed, 0 of 0 used"
    if what == "conflict":
        world = Forest()
        there = world.others.networks.create({"name": "theirs"})
        world.apply(network("first", **{"import": {"id": there["id"]}}))
        world.run(60.0)
        body = network("second", **{"import": {"id": there["id"]}})
        body["metadata"]["creationTimestamp"] = "2026-11-26T08:00:00Z"
        world.apply(body)
        return PluginServer(world), "InfomaniakNetwork/second", "is managed by"
    server = web()
    server.world.fake.tables["floating_ips"].clear()
    return server, "FloatingIP/web", "was deleted in the cloud by somebody else"


@pytest.mark.parametrize("what", ["reference", "refused", "quota", "conflict", "gone"])
def test_what_needs_a_person_says_why(what, capsys):
    server, name, words = broken(what)
    code, report = diff(guarded(server), capsys)
    assert code == NEEDS_YOU
    item = items(report)[name]
    assert item["verdict"] == "NeedsYou"
    assert words in item["message"]
    assert ran(server, "diff") == NEEDS_YOU
    said = capsys.readouterr().out
    assert f"✗ {name}" in said
    assert words in said


def test_what_waits_for_a_network_that_nobody_has_made_needs_a_person(capsys):
    spec = {"externalNetwork": {"networkName": "ext-none"}}
    code, report = diff(PluginServer(Forest(custom("FloatingIP", "f", spec))), capsys)
    (item,) = report["items"]
    assert (code, item["verdict"], item["reason"]) == (NEEDS_YOU, "NeedsYou", "WaitingForReference")
    assert "not exactly one external network named ext-none" in item["message"]


def test_who_waits_for_what_needs_a_person_needs_one_too(capsys):
    server, _, _ = broken("quota")
    server.world.apply(custom("Router", "r", {"interfaces": [{"networkRef": {"name": "front"}}]}))
    code, report = diff(server, capsys, "irouter/r")
    (item,) = report["items"]
    assert (code, item["verdict"], item["reason"]) == (NEEDS_YOU, "NeedsYou", "WaitingForReference")


def test_a_change_that_leads_nowhere_is_told_with_what_is_missing(capsys):
    server = web()
    server.world.spec(key("FloatingIP", "web"), loadBalancerRef={"name": "none"})
    code, report = diff(server, capsys, "ifip/web")
    (item,) = report["items"]
    assert (code, item["verdict"]) == (NEEDS_YOU, "NeedsYou")
    assert item["blockedBy"] == ["spec.loadBalancerRef: there is no LoadBalancer none in namespace shop"]
    server = web()
    server.world.spec(key("SecurityGroup", "web-servers"), memberRules=[{"poolRef": {"name": "none"}}])
    server.world.run()
    code, report = diff(server, capsys, "isg/web-servers")
    assert code == NEEDS_YOU
    assert ran(server, "diff", "isg/web-servers") == NEEDS_YOU
    assert "there is no Pool none" in capsys.readouterr().out


# ── what is paused ──


@pytest.mark.parametrize("annotation", ["paused", "dry_run"])
def test_what_is_held_up_is_told_with_what_it_holds_up(annotation, capsys):
    server = web()
    server.world.annotate(key("InfomaniakNetwork", "web"), **{annotation: "true"})
    server.world.run()
    code, report = diff(server, capsys)
    assert code == NOTHING
    server.world.spec(key("InfomaniakNetwork", "web"), mtu=1400)
    server.world.run()
    code, report = diff(server, capsys)
    item = items(report)["InfomaniakNetwork/web"]
    assert code == NEEDS_YOU
    assert item["notes"] == [annotation.replace("_", " ")]
    assert fields(item)["mtu"] == (1450, 1400)
    ran(server, "diff", "inet/web")
    assert "Nothing happens until" in capsys.readouterr().out


# ── what cannot be told ──


def test_a_list_that_fails_is_never_nothing_to_do(good, capsys):
    server = web()
    error = CloudConnectionError("no answer")
    perform = server.world.fake.perform

    def failing(method, collection, subject, act):
        if (method, collection) == ("LIST", "routers"):
            raise error
        return perform(method, collection, subject, act)

    server.world.fake.perform = failing
    code, report = diff(server, capsys)
    item = items(report)["Router/web"]
    assert code == UNKNOWN
    assert (item["verdict"], item["changes"]) == ("Unknown", [])
    assert "no answer" in item["message"]


def test_a_credential_that_is_refused_needs_a_person(capsys):
    server = web()

    def refused(_):
        raise AuthenticationError("revoked")

    server.world.login = refused
    code, report = diff(server, capsys)
    assert code == NEEDS_YOU
    assert {each["reason"] for each in report["items"]} == {"CredentialsInvalid"}


def test_a_secret_that_may_not_be_read_is_not_a_missing_one(capsys):
    server = web()

    def forbidden(namespace, name):
        raise ClusterError("Cannot read Secret/infomaniak: forbidden")

    server.secret = server.labelled_secret = forbidden
    code, report = diff(server, capsys)
    assert code == UNKNOWN
    assert {each["message"] for each in report["items"]} == {"Cannot read Secret/infomaniak: forbidden"}
    assert not server.world.fake.changes() or report


def test_a_secret_without_the_label_is_not_seen_as_the_operator_does_not_see_it_either(capsys):
    bare = secret()
    bare["metadata"]["labels"] = {}
    server = PluginServer(Forest(bare, network("front", subnets=[subnet()]), with_secret=False))
    code, report = diff(server, capsys)
    assert code == NEEDS_YOU
    assert "lacks the label network.infomaniak.cloud/credentials=true" in report["items"][0]["message"]


def test_with_the_operators_own_credential_another_is_asked_for(tmp_path, capsys):
    server = PluginServer(Forest(network("front", cloudCredentialsRef=..., subnets=[subnet()])))
    code, report = diff(server, capsys)
    assert code == UNKNOWN
    assert "--clouds-yaml" in report["items"][0]["message"]
    clouds = tmp_path / "clouds.yaml"
    auth = {name: value for name, value in CREDENTIAL.items() if name != "region_name"}
    entry = {"auth_type": "v3applicationcredential", "auth": auth, "region_name": CREDENTIAL["region_name"]}
    clouds.write_text(yaml.safe_dump({"clouds": {"mine": entry}}))
    code, report = diff(server, capsys, "--clouds-yaml", str(clouds))
    assert code == CHANGES
    assert report["items"][0]["changes"][0]["action"] == "create"


def test_with_another_clusters_id_nothing_is_said(capsys):
    server = web()
    assert ran(server, "diff", "--cluster-id", "another") == UNKNOWN
    told = capsys.readouterr()
    assert (told.out, "--cluster-id" in told.err) == ("", True)

    def forbidden():
        raise ClusterError("Cannot read Namespace/kube-system: forbidden")

    server.cluster_uid = forbidden
    assert ran(server, "diff") == UNKNOWN
    assert "name the operator's id with --cluster-id" in capsys.readouterr().err
    assert ran(server, "diff", "--cluster-id", server.world.cluster_id) == NOTHING


def test_members_of_a_service_are_followed_and_nodes_that_may_not_be_listed_are_not_none(capsys):
    service = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "s"},
        "spec": {"ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]},
    }
    change = {"membersFrom": {"serviceRef": {"name": "web"}, "mode": "NodePort"}}

    server = web()
    server.world.spec(key("Pool", "site"), members=..., **change)
    nodes = [
        KubeObject(
            Key("Node", "", "one"),
            {
                "metadata": {"name": "one"},
                "status": {
                    "addresses": [{"type": "InternalIP", "address": "10.40.0.9"}],
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            },
        )
    ]
    server.others = lambda kind, namespace: {"Service": [KubeObject.of(service)], "Node": nodes}.get(kind, [])
    _, report = diff(server, capsys, "ipool/site")
    assert "10.40.0.9" in json.dumps(report)

    def forbidden(kind, namespace):
        if kind == "Node":
            raise ClusterError("Cannot list Nodes in all namespaces: forbidden")
        return [KubeObject.of(service)] if kind == "Service" else []

    server.others = forbidden
    code, report = diff(server, capsys, "ipool/site")
    assert (code, report["items"][0]["message"]) == (UNKNOWN, "Cannot list Nodes in all namespaces: forbidden")


# ── nothing is changed, by nobody ──


def example_after(name, seconds):
    world = Forest(*example(name))
    if seconds:
        world.run(seconds)
    return world


def example_deleted(name):
    world = example_after(name, 120.0)
    for each in world.all_keys():
        world.delete(each)
    return world


def drifted():
    world = web().world
    for table in ("listeners", "members", "health_monitors", "security_group_rules", "subnets", "floating_ips"):
        world.fake.tables[table].clear()
    return world


def without_marks():
    world = web().world
    for rows in world.fake.tables.values():
        for row in rows.values():
            row["tags" if "provisioning_status" in row else "description"] = [] if "provisioning_status" in row else ""
    return world


def retained():
    world = web().world
    for each in world.all_keys():
        world.spec(each, deletionPolicy="Retain")
        world.delete(each)
    return world


def released():
    world = web().world
    for each in world.all_keys():
        id_ = world.object(each).json_status["id"]
        world.spec(each, managementPolicy="Unmanaged", **{"import": {"id": id_}})
    return world


def in_error():
    world = web().world
    for row in world.table("load_balancers"):
        row["provisioning_status"] = "ERROR"
    world.spec(key("LoadBalancer", "web"), recovery={"policy": "Recreate"})
    return world


WORLDS = {
    **{
        f"{name} after {seconds:.0f} s": partial(example_after, name, seconds)
        for name in EXAMPLES
        for seconds in (0.0, 2.0, 120.0)
    },
    **{f"{name} deleted": partial(example_deleted, name) for name in EXAMPLES},
    **{each.__name__: each for each in (drifted, without_marks, retained, released, in_error)},
}
"""Worlds in every state in which the operator would write."""


def tables(server):
    """All that is in the cloud, but for how far it is with what it was told before."""
    unstable = ("provisioning_status", "operating_status", "updated_at", "status")
    return json.dumps(
        {
            name: {id_: {n: v for n, v in row.items() if n not in unstable} for id_, row in rows.items()}
            for name, rows in server.world.fake.tables.items()
        },
        sort_keys=True,
        default=str,
    )


@pytest.mark.parametrize("name", WORLDS)
def test_nothing_is_changed(name, capsys):
    server = guarded(PluginServer(WORLDS[name]()))
    before, version = tables(server), server.world.kube.version
    assert ran(server, "diff") in range(4)
    assert "plan cannot be made" not in capsys.readouterr().out
    assert tables(server) == before
    assert server.world.kube.version == version


def test_each_bar_holds_by_itself(monkeypatch, capsys):
    """Without the annotation the reconcilers would act: the API server is not written to, and the cloud is not either."""
    monkeypatch.setattr(plans, "_as_dry_run", lambda resource: resource)
    said = ""
    for name in ("office after 0 s", "drifted", "web deleted"):
        server = guarded(PluginServer(WORLDS[name]()))
        before = tables(server)
        assert ran(server, "diff") != NOTHING
        said += capsys.readouterr().out
        assert tables(server) == before
    assert "plan cannot be made (Changed)" in said
    assert "send " in said
    monkeypatch.setattr(plans.Request, "add_finalizer", lambda self: True)
    monkeypatch.setattr(plans.Request, "record", lambda self, status: True)
    server = guarded(PluginServer(example_after("office", 0.0)))
    assert ran(server, "diff") in (CHANGES, NEEDS_YOU, UNKNOWN)
    assert not server.world.fake.changes()


def test_the_planner_itself_makes_the_cloud_read_only(monkeypatch):
    """Whatever cloud it is given, and though the reconcilers mean it."""
    monkeypatch.setattr(plans, "_as_dry_run", lambda resource: resource)
    monkeypatch.setattr(plans.Request, "add_finalizer", lambda self: True)
    monkeypatch.setattr(plans.Request, "record", lambda self, status: True)
    server = guarded(PluginServer(Forest(network("front", subnets=[subnet()]))))
    objects = server.objects(NAMESPACE)
    view = View(objects, server, references(), whole=False)
    cluster = server.cluster_uid
    (found,) = plans.Planner(view, server.world.connect, cluster, Credentials(), server.world.clock).plans(objects)
    assert found.told is not None
    assert found.told.would.startswith("send ")
    assert not server.world.fake.changes()


def test_the_guard_of_these_tests_sees_a_change(monkeypatch):
    """With all bars taken away the reconcilers do change the cloud, and the tests above would fail."""
    monkeypatch.setattr(plans, "_as_dry_run", lambda resource: resource)
    monkeypatch.setattr(plans.Request, "add_finalizer", lambda self: True)
    monkeypatch.setattr(plans.Request, "record", lambda self, status: True)
    server = PluginServer(Forest(network("front", subnets=[subnet()])))
    from infomaniak_operator.reconcile.openstack.scope import Cloud  # noqa: PLC0415

    monkeypatch.setattr(Cloud, "read_only", lambda self: self)
    ran(server, "diff")
    assert server.world.fake.changes()


# ── what strangers write ──

JUNK = (None, 7, "x", [], {}, [7], {"a": {"b": [None]}}, "\x1b[31m\n", "é" * 300)


PLACES = ("status", "spec", "conditions", "id", "appliedFields", "subnets", "listeners", "members", "projectID")


@pytest.mark.parametrize("place", PLACES)
def test_what_strangers_write_makes_nothing_raise(place, good, capsys):
    odd = []
    for each in good.world.all_keys():
        for number, junk in enumerate(JUNK):
            body = json.loads(json.dumps(good.world.object(each).body))
            name = f"{each.name}-odd-{number}"
            body["metadata"] |= {"name": name, "uid": f"{body['metadata']['uid']}-{number}"}
            body["metadata"]["annotations"] = {"network.infomaniak.cloud/paused": "\x1b[31m" * number, "a": "b"}
            if place in ("status", "spec"):
                body[place] = junk
            else:
                body["status"][place] = junk
            odd.append(KubeObject(Key(each.kind, NAMESPACE, name), body))
    server = PluginServer(good.world, *odd)
    calls = len(good.world.fake.changes())
    assert ran(server, "diff") in range(4)
    told = capsys.readouterr()
    assert "\x1b" not in told.out
    assert told.err == ""
    assert "= Router/web\n" in told.out
    json.dumps(diff(server, capsys)[1])
    assert len(good.world.fake.changes()) == calls


# ── secrets, and words ──


def test_no_secret_is_told(capsys):
    root = chains.authority("root")
    leaf = chains.link("shop.example", root)
    data = chains.data_of(leaf, root)
    server = PluginServer(
        Forest(*example("shop"), chains.tls_secret("shop-tls", data), chains.tls_secret("blog-tls", data))
    )
    for seconds in (0.0, 200.0):
        server.world.run(seconds or 0.001)
        for form in ("json", "yaml", None):
            ran(server, "diff", *(["-o", form] if form else []))
            said = capsys.readouterr().out
            assert CREDENTIAL["application_credential_secret"] not in said
            assert "PRIVATE KEY" not in said
            assert all(value not in said for value in data.values())
    assert "LoadBalancer" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense/web"], "is no KIND/NAME"),
        (["ilb/none"], "LoadBalancer/none does not exist in namespace shop"),
        (["-A", "ilb/web"], "leave out --all-namespaces"),
        (["--credentials", "none"], "Cannot read Secret/none"),
        (["--clouds-yaml", "/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_words_that_name_nothing(good, words, said, capsys):
    assert ran(good, "diff", *words) == UNKNOWN
    told = capsys.readouterr()
    assert (told.out, said in told.err) == ("", True)


def test_all_namespaces_are_each_asked_with_their_own_credential(capsys):
    world = Forest(network("front", subnets=[subnet()]), secret(namespace="other"), network("front", namespace="other"))
    server = PluginServer(world)
    code, report = diff(server, capsys, "-A")
    assert (code, [each["namespace"] for each in report["items"]]) == (CHANGES, ["other", NAMESPACE])
    ran(server, "diff", "-A")
    assert "InfomaniakNetwork other/front" in capsys.readouterr().out


def test_where_nothing_is_said_where_was_looked(capsys):
    empty = PluginServer(Forest())
    assert ran(empty, "diff") == NOTHING
    assert capsys.readouterr().out == "There is no object of network.infomaniak.cloud in namespace shop.\n"


def test_a_yaml_report_is_the_json_report(good, capsys):
    ran(good, "diff", "-o", "yaml")
    text = capsys.readouterr().out
    assert yaml.safe_load(text) == diff(good, capsys)[1]


def test_json_needs_no_rich(good, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rich", None)
    assert diff(good, capsys)[0] == NOTHING


@pytest.mark.parametrize("name", ["web", "office", "ports"])
def test_a_stack_that_is_deleted_as_a_whole_needs_nobody(name, capsys):
    server = settled(*example(name))
    for each in server.objects(None):
        server.world.delete(each.key)
    code, report = diff(server, capsys)
    assert code == CHANGES
    assert {each["verdict"] for each in report["items"]} <= {"Changes", "Nothing"}
    server.world.run(3000.0)
    assert server.world.all_keys() == []


def test_a_deletion_that_waits_for_what_is_paused_needs_somebody(capsys):
    server = settled(*example("office"))
    for each in server.objects(None):
        server.world.delete(each.key)
    server.world.annotate(key("Router", "office"), paused="true")
    code, report = diff(server, capsys)
    assert code == NEEDS_YOU
    assert items(report)["InfomaniakNetwork/staff"]["verdict"] == "NeedsYou"


def test_what_waits_for_an_object_that_is_going_needs_somebody(capsys):
    server = web()
    server.world.delete(key("LoadBalancer", "web"))
    code, report = diff(server, capsys)
    assert code == NEEDS_YOU
    found = items(report)
    assert found["LoadBalancer/web"]["verdict"] == "Changes"
    assert {found[each]["verdict"] for each in ("Pool/site", "HealthMonitor/site")} == {"NeedsYou"}
    server.world.run(3000.0)
    assert server.world.ready(key("Pool", "site")) == ("False", "WaitingForReference")
