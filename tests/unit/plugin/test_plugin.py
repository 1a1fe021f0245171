"""`kubectl infomaniak` over objects as the operator leaves them: what it says is wrong is what is wrong."""

import io
import json
from datetime import timedelta

import pytest
import yaml
from rich.console import Console

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin import main as plugin
from infomaniak_operator.plugin import report, terminal
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.stack import Stack, State, by_kind, standing, worst
from tests.support.counted_stack import CountedStack
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE
from tests.support.plugin_server import NOW, PluginServer, ran, web
from tests.support.recorded import example


@pytest.fixture(scope="module")
def good():
    return web()


def test_all_is_ready(good, capsys):
    assert ran(good, "tree") == State.READY
    drawn = capsys.readouterr().out
    assert "Blocked by" not in drawn
    assert all(f"{each.key.kind}/{each.key.name}" in drawn for each in good.objects(None))
    assert ran(good, "why", "LoadBalancer/web") == State.READY
    assert capsys.readouterr().out == "LoadBalancer/web is Ready.\n"


@pytest.mark.parametrize("kind", ["LoadBalancer", "loadbalancer", "loadbalancers", "ilb", "ILB"])
@pytest.mark.parametrize("apart", [False, True])
def test_an_object_is_named_as_for_kubectl(good, capsys, kind, apart):
    assert ran(good, "why", *([kind, "web"] if apart else [f"{kind}/web"])) == State.READY
    assert capsys.readouterr().out.startswith("LoadBalancer/web ")


def test_what_is_missing_is_named_with_all_that_waits_for_it(capsys):
    server = web("InfomaniakNetwork/web")
    assert ran(server, "why", "FloatingIP/web") == State.FAILED
    said = capsys.readouterr().out
    assert said.startswith("InfomaniakNetwork/web: NotFound: ")
    assert said.count("\n") == 1
    assert ran(server, "tree", "-o", "json") == State.FAILED
    found = json.loads(capsys.readouterr().out)
    (cause,) = found["blockedBy"]
    assert (cause["kind"], cause["name"]) == ("InfomaniakNetwork", "web")
    waiting = {f"{each['kind']}/{each['name']}" for each in found["items"] if each["state"] != "Ready"}
    assert {"LoadBalancer/web", "Router/web", "FloatingIP/web"} <= set(cause["holdsUp"])
    assert set(cause["holdsUp"]) == waiting - {"InfomaniakNetwork/web"}


def test_the_deepest_cause_is_told_and_not_what_waits_for_it(capsys):
    def wrong(body):
        spec = {**body["spec"], "import": {"filter": {"name": "not-there"}}}
        spec = {key: spec[key] for key in ("cloudCredentialsRef", "import")}
        return {**body, "spec": spec} if body["kind"] == "InfomaniakNetwork" else body

    server = web(change=wrong)
    for kind, name in (("ilb", "web"), ("ifip", "web"), ("irouter", "web")):
        assert ran(server, "why", f"{kind}/{name}") != State.READY
        assert capsys.readouterr().out.startswith("InfomaniakNetwork/web: ")


def test_a_spec_that_cannot_be_stands_as_failed_and_work_as_progressing(capsys):
    def taken(body):
        if body["kind"] != "InfomaniakNetwork":
            return body
        pools = [{"start": "10.99.0.1", "end": "10.99.0.9"}]
        subnets = [{**each, "allocationPools": pools} for each in body["spec"]["subnets"]]
        return {**body, "spec": {**body["spec"], "subnets": subnets}}

    server = web(change=taken)
    assert ran(server, "why", "inet/web") == State.FAILED
    assert "10.99.0.1 to 10.99.0.9 lies outside" in capsys.readouterr().out
    slow = PluginServer(Forest(*example("web"), settles=None))
    slow.world.run(20.0)
    assert ran(slow, "why", "ilb/web") == State.PROGRESSING
    assert "LoadBalancer/web: Creating" in capsys.readouterr().out


def test_what_is_paused_is_said(capsys):
    server = web()
    assert ran(server, "pause", "ilb/web") == State.READY
    server.world.run()
    assert ran(server, "tree") == State.READY
    assert "LoadBalancer/web  [paused]" in capsys.readouterr().out
    ran(server, "why", "ilb/web")
    assert capsys.readouterr().out == "LoadBalancer/web is Ready. [paused]\n"
    assert ran(server, "resume", "ilb/web") == State.READY
    server.world.run()
    capsys.readouterr()
    ran(server, "tree")
    assert "paused" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["network", "office", "ports", "web", "routing", "mail"])
def test_of_examples_that_are_ready_nothing_is_missing(name, capsys):
    server = PluginServer(Forest(*example(name)))
    server.world.run(120.0)
    server.world.all_ready()
    assert ran(server, "tree") == State.READY
    said = capsys.readouterr().out
    assert "✗" not in said
    assert "Blocked by" not in said


def test_what_an_object_misses_though_it_is_ready_is_shown(capsys):
    def misspelt(body):
        rules = [{"poolRef": {"name": "none"}}]
        return {**body, "spec": {**body["spec"], "memberRules": rules}} if body["kind"] == "SecurityGroup" else body

    server = web(change=misspelt)
    assert ran(server, "tree") == State.FAILED
    said = capsys.readouterr().out
    assert "✗ Pool/none  NotFound" in said
    assert "[references missing]" in said
    (group,) = [each.key for each in server.objects(None) if each.key.kind == "SecurityGroup"]
    ran(server, "why", f"isg/{group.name}")
    assert "is Ready. [references missing] But " in capsys.readouterr().out
    assert ran(server, "why", "ipool/none") == State.FAILED
    assert capsys.readouterr().out.startswith("Pool/none: NotFound: ")
    assert ran(server, "status", "ipool/none") == State.FAILED


def test_a_change_that_a_pause_holds_back_is_said(capsys):
    server = web()
    key = Key("LoadBalancer", NAMESPACE, "web")
    ran(server, "pause", "ilb/web")
    server.world.run()
    server.world.spec(key, description="another")
    server.world.run()
    capsys.readouterr()
    ran(server, "why", "ilb/web")
    assert "[a change waits]" in capsys.readouterr().out


def test_where_nothing_is_said_where_was_looked(good, capsys):
    empty = PluginServer(Forest())
    empty.namespace = "nosuch"
    assert ran(empty, "tree") == State.READY
    assert capsys.readouterr().out == "There is no object of network.infomaniak.cloud in namespace nosuch.\n"


def test_into_a_file_nothing_is_wrapped(capsys):
    def wrong(body):
        spec = {"cloudCredentialsRef": body["spec"]["cloudCredentialsRef"], "import": {"filter": {"name": "n" * 200}}}
        return {**body, "spec": spec} if body["kind"] == "InfomaniakNetwork" else body

    server = web(change=wrong)
    ran(server, "status", "inet/web")
    message = server.world.message(Key("InfomaniakNetwork", NAMESPACE, "web"))
    assert len(message) > 100
    assert message in capsys.readouterr().out


def test_an_object_is_reconciled_when_told():
    server = web()
    before = server.world.object(Key("LoadBalancer", NAMESPACE, "web")).body
    assert ran(server, "reconcile", "ilb/web") == State.READY
    after = server.world.object(Key("LoadBalancer", NAMESPACE, "web")).body
    assert before["spec"] == after["spec"]
    assert after["metadata"]["annotations"]["network.infomaniak.cloud/reconcile-at"] == NOW.isoformat(
        timespec="microseconds"
    )


def test_status_has_listeners_members_conditions_and_events(good, capsys):
    assert ran(good, "status", "ilb/web") == State.READY
    said = capsys.readouterr().out
    balancer = good.world.object(Key("LoadBalancer", NAMESPACE, "web")).json_status
    members = good.world.object(Key("Pool", NAMESPACE, "site")).json_status["members"]
    assert balancer["vipAddress"] in said
    assert all(each["name"] in said for each in balancer["listeners"])
    assert all(each["address"] in said for each in members)
    assert "Available" in said
    assert "Created" in said


def test_who_may_see_no_events_sees_the_object(good, capsys):
    def refuse(resource):
        raise ClusterError("Cannot list events in namespace x: forbidden")

    server = PluginServer(good.world)
    server.events = refuse
    assert ran(server, "status", "ilb/web") == State.READY
    said = capsys.readouterr().out
    assert "Cannot list events" in said
    assert "Available" in said


def test_yaml_and_json_say_the_same(good, capsys):
    for words in (("tree",), ("why", "ilb/web"), ("status", "ilb/web")):
        ran(good, *words, "-o", "json")
        one = json.loads(capsys.readouterr().out)
        ran(good, *words, "-o", "yaml")
        assert yaml.safe_load(capsys.readouterr().out) == one


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["why", "ilb/none"], "LoadBalancer/none does not exist in namespace"),
        (["why", "thing/web"], "The kinds are InfomaniakNetwork"),
        (["why", "web"], "is no KIND/NAME"),
        (["tree", "ilb/web", "-A"], "one namespace"),
        (["pause", "ilb"], "is no KIND/NAME"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(good, capsys, words, said):
    assert ran(good, *words) == plugin.UNUSABLE
    found = capsys.readouterr()
    assert said in found.err
    assert not found.out


def test_words_that_are_no_command_do_not_look_as_if_something_had_failed(capsys):
    with pytest.raises(SystemExit) as ended:
        plugin.main(["trees"])
    assert ended.value.code == plugin.UNUSABLE
    assert "invalid choice" in capsys.readouterr().err


def test_a_cluster_that_cannot_be_asked_is_no_empty_one(good, capsys):
    def refuse(namespace):
        raise ClusterError("Cannot list pools in namespace x: forbidden")

    server = PluginServer(good.world)
    server.objects = refuse
    assert ran(server, "tree") == plugin.UNUSABLE
    assert "Cannot list pools" in capsys.readouterr().err


def test_one_namespace_or_all(good, capsys):
    other = KubeObject.of(
        {
            "kind": "Pool",
            "metadata": {"name": "theirs", "namespace": "other"},
            "spec": {"loadBalancerRef": {"name": "web"}},
        }
    )
    server = PluginServer(good.world, other)
    ran(server, "tree", "-o", "json")
    assert "theirs" not in capsys.readouterr().out
    ran(server, "tree", "-o", "json", "-A")
    found = json.loads(capsys.readouterr().out)
    causes = {(each["kind"], each["reason"]) for each in found["blockedBy"] if each["namespace"] == "other"}
    assert causes == {("Pool", "Unknown"), ("LoadBalancer", "NotFound")}  # the one of that name is in another namespace
    assert server.asked == [NAMESPACE, None]
    ran(server, "tree", "-A")
    drawn = capsys.readouterr().out
    assert "LoadBalancer shop/web" in drawn
    assert "Blocked by: LoadBalancer other/web" in drawn


def test_watching_ends_when_all_is_ready(capsys):
    server = PluginServer(Forest(*example("web")))
    server.then = [lambda: None, lambda: server.world.run(1.0), lambda: server.world.run(120.0)]
    assert ran(server, "tree", "--watch", "--no-color") == State.READY
    assert server.then == []
    assert "✓ LoadBalancer/web" in capsys.readouterr().out


def seen(created, **body):
    return standing(
        KubeObject.of(
            {"kind": "Pool", "metadata": {"name": "p", "namespace": "n", "creationTimestamp": created}, **body}
        ),
        NOW,
    )


def test_a_new_object_is_told_from_one_that_nobody_minds():
    fresh = (NOW - timedelta(seconds=5)).isoformat().replace("+00:00", "Z")
    assert seen(fresh).state is State.PROGRESSING
    old = seen((NOW - timedelta(hours=1)).isoformat())
    assert old.state is State.FAILED
    assert "the operator runs" in old.message
    assert seen("2026-11-28T11:59:58").state is State.FAILED  # a time without a zone, which no API server writes


@pytest.mark.parametrize(
    "status",
    [
        None,
        [],
        "text",
        {"conditions": "text"},
        {"conditions": [None, 3, {"type": 5}, {"type": "Ready"}]},
        {
            "conditions": [{"type": "Ready", "status": "True", "reason": 7, "message": {"a": 1}}],
            "members": [None, {"address": {}}],
        },
        {"members": "x", "listeners": {"a": 1}, "operatingStatus": {"deep": []}},
    ],
)
def test_whatever_a_status_holds_can_be_shown(status):
    body = {
        "kind": "LoadBalancer",
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"listeners": 3},
        "status": status,
    }
    stack = Stack([KubeObject.of(body)], plugin.references(), NOW)
    (key,) = stack.keys
    found = report.status(stack, key, [{"reason": None, "series": "x"}])
    json.dumps(found)
    page = Console(file=io.StringIO(), width=100)
    page.print(terminal.status(found, NOW))
    page.print(terminal.tree(stack, report.tree(stack, [key])))


def test_text_of_others_moves_no_cursor_and_is_no_markup():
    said = [
        {"type": "Ready", "status": "False", "reason": "CloudError", "message": "[red]x[/red]\x1b[2J\r\nforged \u202e"}
    ]
    body = {"kind": "Pool", "metadata": {"name": "p", "namespace": "n"}, "status": {"conditions": said}}
    stack = Stack([KubeObject.of(body)], plugin.references(), NOW)
    page = io.StringIO()
    Console(file=page, width=100).print(terminal.tree(stack, report.tree(stack, stack.keys)))
    assert "[red]x[/red]" in page.getvalue()
    assert not set("\x1b\r\u202e") & set(page.getvalue())
    assert "\n" not in terminal.plain(report.line(report.why(stack, stack.keys[0])))


def test_a_circle_ends():
    a, b = Key("Pool", "n", "a"), Key("Pool", "n", "b")
    waits = {"conditions": [{"type": "Ready", "status": "False", "reason": "WaitingForReference"}]}
    objects = [
        KubeObject.of({"kind": "Pool", "metadata": {"name": key.name, "namespace": "n"}, "status": waits})
        for key in (a, b)
    ]
    stack = Stack(objects, lambda one: [b if one.key == a else a], NOW)
    assert worst(stack.causes([a, b])) is State.PROGRESSING
    assert stack.roots() == (a,)
    page = io.StringIO()
    Console(file=page, width=100).print(terminal.tree(stack, report.tree(stack, [a, b])))
    assert page.getvalue().count("Pool/b") >= 1


def test_every_name_of_a_kind_is_known():
    for name, kind in KINDS.items():
        for each in (name, kind.plural, kind.singular, *kind.short_names, kind.crd_name):
            assert by_kind(each) == name
    assert by_kind("secret") is None


@pytest.mark.parametrize(
    "content",
    ["a: [1\n b: {", "", "[1, 2]", "text", "\x00", "clusters: 1", "contexts: [{context: {}}]", "current-context: [a]"],
    ids=repr,
)
def test_a_kubeconfig_that_is_none_fails_as_a_command_and_not_as_work_in_progress(tmp_path, capsys, content):
    path = tmp_path / "config"
    path.write_text(content)
    assert plugin.main(["tree", "--kubeconfig", str(path)]) == plugin.UNUSABLE
    assert capsys.readouterr().err.startswith("error: The kubeconfig cannot be used: ")


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_what_is_watched_is_not_written_for_a_script(good, capsys, output):
    assert ran(good, "tree", "--watch", "-o", output) == plugin.UNUSABLE
    assert "leave out --watch" in capsys.readouterr().err


def waiting(name):
    conditions = [{"type": "Ready", "status": "False", "reason": "WaitingForReference"}]
    return KubeObject.of(
        {"kind": "Pool", "metadata": {"name": name, "namespace": "n"}, "status": {"conditions": conditions}}
    )


@pytest.mark.parametrize("shape", ["chain", "circle"])
def test_the_work_grows_with_the_objects_and_not_with_their_square(shape):
    many = 1000
    keys = [Key("Pool", "n", f"p{number:05}") for number in range(many)]
    following = dict(zip(keys, [*keys[1:], keys[0]], strict=True))
    if shape == "chain":
        following[keys[-1]] = Key("Pool", "n", "missing")
    stack = CountedStack([waiting(key.name) for key in keys], lambda one: [following[one.key]], NOW)
    found = report.tree(stack, stack.keys)
    terminal.tree(stack, found)
    assert stack.looks < 20 * many
    if shape == "chain":
        (cause,) = found["blockedBy"]
        assert (cause["name"], len(cause["holdsUp"])) == ("missing", many)
    else:
        assert [each["holdsUp"] for each in found["blockedBy"]] == [[]] * many


def test_of_many_that_wait_for_one_some_are_named_and_the_rest_counted():
    missing = Key("Pool", "n", "missing")
    stack = Stack([waiting(f"p{number:02}") for number in range(30)], lambda _: [missing], NOW)
    page = io.StringIO()
    Console(file=page, width=400).print(terminal.tree(stack, report.tree(stack, [missing, *stack.keys])))
    (line,) = [each for each in page.getvalue().splitlines() if "Waiting for it" in each]
    assert line.count("Pool/") == 10
    assert line.rstrip().endswith(", and 20 more")


def test_a_terminal_without_utf_8_fails_as_a_command(good, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert ran(good, "tree") == plugin.UNUSABLE
    assert "PYTHONIOENCODING=utf-8" in capsys.readouterr().err
    assert ran(good, "tree", "-o", "json") == State.READY


@pytest.mark.parametrize("command", ["graph", "support-bundle"])
def test_an_empty_name_of_a_file_is_refused(command, good, capsys):
    with pytest.raises(SystemExit) as ended:
        ran(good, command, "-f", "")
    assert ended.value.code == 3
    assert "the name of the file is empty" in capsys.readouterr().err
