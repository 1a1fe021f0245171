"""One Secret that cannot be used is one cause, however many objects name it; it is drawn above them."""

import io
import json

import pytest
from rich.console import Console

from infomaniak_operator.client import AuthenticationError
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin import main as plugin
from infomaniak_operator.plugin import report, terminal
from infomaniak_operator.plugin.stack import Stack, State, worst
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, DefaultCredentials
from tests.support.counted_stack import CountedStack
from tests.support.forest import Forest
from tests.support.objects import CREDENTIAL, NAMESPACE, SECRET, secret
from tests.support.plugin_server import NOW, PluginServer, ran
from tests.support.recorded import example

SECRET_KEY = Key("Secret", NAMESPACE, SECRET)


def missing():
    return Forest(*example("web"), with_secret=False)


def damaged():
    return Forest(*example("web"), secret(data={**CREDENTIAL, "auth_url": "not a url"}), with_secret=False)


def refused():
    world = Forest(*example("web"))

    def refuse(_):
        raise AuthenticationError("login: 401 no: the secret is not right", status=401, request_id="req-1")

    world.login = refuse
    return world


WORLDS = {"missing": missing, "damaged": damaged, "refused": refused}
REASONS = {"missing": "NotFound", "damaged": "CredentialsInvalid", "refused": "CredentialsInvalid"}
WORDS = {"missing": "is not there", "damaged": "auth_url", "refused": "not right"}


@pytest.fixture(scope="module", params=WORLDS)
def server(request):
    world = WORLDS[request.param]()
    world.run(30.0)
    found = PluginServer(world)
    found.how = request.param
    return found


def blocked(server, capsys, *words):
    code = ran(server, "tree", *words, "-o", "json")
    return code, json.loads(capsys.readouterr().out)


def test_it_is_the_one_cause_and_holds_up_all(server, capsys):
    code, found = blocked(server, capsys)
    (cause,) = found["blockedBy"]
    assert (code, found["state"]) == (State.FAILED, "Failed")
    assert (cause["kind"], cause["namespace"], cause["name"]) == ("Secret", NAMESPACE, SECRET)
    assert cause["reason"] == REASONS[server.how]
    assert f"Secret {NAMESPACE}/{SECRET}" in cause["message"]
    assert WORDS[server.how] in cause["message"]
    assert sorted(cause["holdsUp"]) == sorted(f"{each.key.kind}/{each.key.name}" for each in server.objects(None))


def test_each_object_says_that_it_is_the_secret(server, capsys):
    for each in server.objects(None):
        assert ran(server, "why", f"{each.key.kind}/{each.key.name}") == State.FAILED
        assert capsys.readouterr().out.startswith(f"Secret/{SECRET}: {REASONS[server.how]}: ")


def test_it_is_drawn_above_the_others_which_keep_their_places(server, capsys):
    ran(server, "tree")
    drawn = capsys.readouterr().out
    lines = drawn.splitlines()
    assert lines[0] == f"✗ Secret/{SECRET}  {REASONS[server.how]}"
    assert sum("Blocked by: " in line for line in lines) == 1
    (router,) = [line for line in lines if "Router/web" in line and "see above" not in line and "──" in line]
    (network,) = [line for line in lines if "InfomaniakNetwork/web" in line and "──" in line]
    assert lines.index(network) < lines.index(router)
    assert router.index("Router") > network.index("InfomaniakNetwork") > 0
    for each in server.objects(None):
        assert f"{each.key.kind}/{each.key.name}" in drawn


def test_once_the_secret_is_right_there_is_no_cause(capsys):
    world = missing()
    world.run(30.0)
    world.apply(secret())
    world.run(120.0)
    code, found = blocked(PluginServer(world), capsys)
    assert (code, found["blockedBy"]) == (State.READY, [])
    assert not [each for each in found["items"] if each["kind"] == "Secret"]


def test_what_is_ready_stays_ready_without_its_secret_and_the_secret_is_named(capsys):
    world = Forest(*example("web"))
    world.run(120.0)
    world.delete(SECRET_KEY)
    world.resync()
    world.run(30.0)
    server = PluginServer(world)
    code, found = blocked(server, capsys)
    assert code == State.FAILED
    (cause,) = found["blockedBy"]
    assert (cause["kind"], cause["holdsUp"]) == ("Secret", [])
    assert ran(server, "why", "ilb/web") == State.READY
    said = capsys.readouterr().out
    assert said.startswith("LoadBalancer/web is Ready. [credential missing] But Secret ")


def test_the_operators_own_secret_is_named_by_what_objects_say(capsys):
    default = DefaultCredentials("operator", "own", None, frozenset({"*"}))

    def without(body):
        return {**body, "spec": {name: value for name, value in body["spec"].items() if name != "cloudCredentialsRef"}}

    world = Forest(*map(without, example("web")), credentials=CredentialSettings(default=default), with_secret=False)
    world.run(30.0)
    server = PluginServer(world)
    code, found = blocked(server, capsys)
    (cause,) = found["blockedBy"]
    assert (code, cause["namespace"], cause["name"]) == (State.FAILED, "operator", "own")
    assert f"LoadBalancer {NAMESPACE}/web" in cause["holdsUp"]
    ran(server, "tree")
    drawn = capsys.readouterr().out
    assert "Blocked by: Secret operator/own" in drawn
    assert f"LoadBalancer {NAMESPACE}/web" in drawn.split("Waiting for it: ")[1]


def test_an_entry_that_a_secret_lacks_blames_it_for_those_that_name_the_entry(capsys):
    clouds = "clouds:\n  one:\n    auth_type: v3applicationcredential\n    auth: {}\n"
    world = Forest(*example("web"), secret(data={"clouds.yaml": clouds}), with_secret=False)
    network = Key("InfomaniakNetwork", NAMESPACE, "web")
    world.spec(network, cloudCredentialsRef={"secretName": SECRET, "cloudName": "two"})
    world.run(30.0)
    _, found = blocked(PluginServer(world), capsys)
    (cause,) = found["blockedBy"]
    assert "two" in cause["message"]
    assert "auth_url" in cause["message"]


def test_what_has_another_fault_of_its_own_is_told_of_too(capsys):
    world = missing()
    world.run(30.0)
    network = Key("InfomaniakNetwork", NAMESPACE, "web")

    def misspelt(body):
        body["metadata"]["generation"] = 2
        pools = [{"start": "10.99.0.1", "end": "10.99.0.9"}]
        body["spec"]["subnets"] = [{**each, "allocationPools": pools} for each in body["spec"]["subnets"]]

    world.poke(network, misspelt)
    world.run(30.0)
    _, found = blocked(PluginServer(world), capsys)
    assert {each["kind"] for each in found["blockedBy"]} == {"Secret", "InfomaniakNetwork"}


def body(kind, name, spec, conditions):
    return KubeObject.of(
        {
            "kind": kind,
            "metadata": {"name": name, "namespace": "n"},
            "spec": spec,
            "status": {"conditions": conditions},
        }
    )


INVALID = [
    {"type": "Ready", "status": "False", "reason": "CredentialsInvalid", "message": "m"},
    {"type": "CredentialsValid", "status": "False", "reason": "CredentialsInvalid", "message": "m"},
]


@pytest.mark.parametrize("reference", [None, 3, [], {}, {"secretName": ["a"]}, {"secretName": ""}, "text"])
def test_whatever_is_written_for_a_reference_can_be_shown(reference):
    found = body("Pool", "p", {"cloudCredentialsRef": reference}, INVALID)
    stack = Stack([found], plugin.references(), NOW)
    page = Console(file=io.StringIO(), width=100)
    page.print(terminal.tree(stack, report.tree(stack, [*stack.keys, *stack.references(found.key)])))
    assert worst(stack.causes(stack.keys)) is State.FAILED


def test_objects_hang_together_by_what_they_refer_to_and_not_by_their_secret():
    spec = {"cloudCredentialsRef": {"secretName": "s"}}
    a, b = (body("Pool", name, spec, INVALID) for name in "ab")
    stack = Stack([a, b], lambda _: [], NOW)
    assert stack.connected(a.key) == (a.key, Key("Secret", "n", "s"))


def test_objects_that_say_the_same_are_told_of_together(capsys):
    def without(one):
        return {**one, "spec": {name: value for name, value in one["spec"].items() if name != "cloudCredentialsRef"}}

    world = Forest(*map(without, example("web")), with_secret=False)
    world.run(30.0)
    server = PluginServer(world)
    assert ran(server, "tree") == State.FAILED
    below = capsys.readouterr().out.partition("Blocked by: ")[2]
    assert "Blocked by" not in below
    assert below.count("spec.cloudCredentialsRef is missing") == 1
    assert all(f"{each.key.kind}/{each.key.name}" in below for each in server.objects(None))


def test_groups_that_name_each_other_are_drawn_beside_their_secret():
    reference = {"secretName": "s"}
    a, b = (body("SecurityGroup", name, {"cloudCredentialsRef": reference}, INVALID) for name in "ab")
    stack = Stack([a, b], lambda one: [b.key if one is a else a.key], NOW)
    keys = [Key("Secret", "n", "s"), *stack.keys]
    (cause,) = stack.causes(keys)
    assert cause.standing.key == keys[0]
    assert cause.holds_up == (a.key, b.key)
    page = io.StringIO()
    Console(file=page, width=100).print(terminal.tree(stack, report.tree(stack, keys)))
    assert all(f"{each.key.kind}/{each.key.name}" in page.getvalue().split("Blocked by")[0] for each in (a, b))


def test_the_work_grows_with_the_objects_of_a_secret_and_not_with_their_square():
    many = 1000
    balancer = body("LoadBalancer", "lb", {"cloudCredentialsRef": {"secretName": "s"}}, INVALID)
    pools = [
        body("Pool", f"p{number:05}", {"cloudCredentialsRef": {"secretName": "s"}}, INVALID) for number in range(many)
    ]
    stack = CountedStack([balancer, *pools], lambda one: [] if one is balancer else [balancer.key], NOW)
    keys = [Key("Secret", "n", "s"), *stack.keys]
    found = report.tree(stack, keys)
    terminal.tree(stack, found)
    assert stack.looks < 20 * many
    (cause,) = found["blockedBy"]
    assert len(cause["holdsUp"]) == many + 1
