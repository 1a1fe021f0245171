"""What `kubectl infomaniak status` shows of an object, and what the commands that set annotations say."""

import io
import typing
from datetime import timedelta

import pytest
from rich.console import Console

from infomaniak_operator.api.model import ApiModel
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin import main as plugin
from infomaniak_operator.plugin import report, terminal
from infomaniak_operator.plugin.age import age
from infomaniak_operator.plugin.stack import Stack, State
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE, custom, network, subnet
from tests.support.plugin_server import NOW, PluginServer, ran, web

NOWHERE = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
NETWORK = Key("InfomaniakNetwork", NAMESPACE, "x")
HIDDEN = {"appliedFields", "conditions", "inputsHash", "observedGeneration"}
"""What of a status is not the object's: the operator's own records, and what has a table of its own."""


@pytest.fixture
def refused():
    world = Forest(custom("InfomaniakNetwork", "x", {"subnets": [{"name": "a", "subnetPoolID": NOWHERE}]}))
    world.run(60.0)
    return PluginServer(world)


def test_one_message_is_told_once(refused, capsys):
    assert ran(refused, "status", "inet/x") == State.FAILED
    said = capsys.readouterr().out
    assert said.count("could not be found") == 1
    assert said.count("as Ready") >= 2
    assert "Blocked by" not in said


def test_what_blocks_an_object_is_told_where_it_is_another(capsys):
    server = web("InfomaniakNetwork/web")
    ran(server, "status", "ilb/web")
    assert "Blocked by: InfomaniakNetwork/web" in capsys.readouterr().out


def test_another_message_is_told_beside_it():
    conditions = [
        {"type": "Ready", "status": "False", "reason": "CloudError", "message": "one"},
        {"type": "Synced", "status": "False", "reason": "CloudError", "message": "another"},
        {"type": "Healthy", "status": "True", "reason": "Available", "message": ""},
    ]
    body = {"kind": "Pool", "metadata": {"name": "p", "namespace": "n"}, "status": {"conditions": conditions}}
    said = drawn(body)
    assert "another" in said
    assert "as Ready" not in said


def test_a_change_that_nobody_has_looked_at_is_told_beside_what_was_before():
    conditions = [{"type": "Ready", "status": "True", "reason": "Available", "message": "one", "observedGeneration": 1}]
    meta = {"name": "p", "namespace": "n", "generation": 2}
    said = drawn({"kind": "Pool", "metadata": meta, "status": {"conditions": conditions}})
    assert "has not looked at the last change yet" in said
    nobody = drawn({"kind": "Pool", "metadata": {**meta, "creationTimestamp": "2026-01-01T00:00:00Z"}})
    assert "said nothing of it" in nobody


def drawn(body, events=()):
    stack = Stack([KubeObject.of(body)], plugin.references(), NOW)
    page = io.StringIO()
    found = report.status(stack, stack.keys[0], events)
    Console(file=page, width=2000).print(terminal.status(found, NOW))
    return page.getvalue()


AGES = [
    (timedelta(seconds=0), "0s"),
    (timedelta(seconds=59), "59s"),
    (timedelta(seconds=119), "119s"),
    (timedelta(minutes=2), "2m"),
    (timedelta(minutes=3, seconds=20), "3m20s"),
    (timedelta(minutes=10, seconds=20), "10m"),
    (timedelta(minutes=179), "179m"),
    (timedelta(hours=3), "3h"),
    (timedelta(hours=3, minutes=5), "3h5m"),
    (timedelta(hours=8, minutes=5), "8h"),
    (timedelta(hours=47), "47h"),
    (timedelta(days=2), "2d"),
    (timedelta(days=2, hours=5), "2d5h"),
    (timedelta(days=8, hours=5), "8d"),
    (timedelta(days=729), "729d"),
    (timedelta(days=730), "2y"),
    (timedelta(days=765), "2y35d"),
    (timedelta(days=365 * 8 + 40), "8y"),
    (timedelta(seconds=-1), "0s"),
]


@pytest.mark.parametrize(("ago", "shown"), AGES)
def test_an_age_is_as_kubectl_shows_it(ago, shown):
    assert age((NOW - ago).isoformat().replace("+00:00", "Z"), NOW) == shown


@pytest.mark.parametrize("text", ["", "text", "2026-11-28", "2026-11-28T11:59:58", "9" * 50])
def test_a_time_that_is_none_is_unknown(text):
    assert age(text, NOW) == "<unknown>"


def test_events_have_an_age_and_json_their_time(capsys):
    body = {"kind": "Pool", "metadata": {"name": "p", "namespace": "n"}, "status": {}}
    last = (NOW - timedelta(minutes=3)).isoformat().replace("+00:00", "Z")
    events = [{"reason": "Created", "message": "created pool", "type": "Normal", "lastTimestamp": last}]
    said = drawn(body, events)
    assert "3m" in said
    assert last not in said
    stack = Stack([KubeObject.of(body)], plugin.references(), NOW)
    assert report.status(stack, stack.keys[0], events)["events"][0]["last"] == last


def test_subnet_pools_and_shares_are_shown(capsys):
    world = Forest()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    items = [{"name": "a", "subnetPoolID": pool}, subnet("b", "fd00::/64")]
    world.apply(network("x", subnets=items, observeShares=True))
    world.run(60.0)
    world.poke(NETWORK, lambda body: body["status"].update(sharedWith=["one-project", "other-project"]))
    ran(PluginServer(world), "status", "inet/x")
    said = capsys.readouterr().out
    assert pool in said
    assert "one-project, other-project" in said
    world.poke(NETWORK, lambda body: body["status"].update(sharedWith=[]))
    ran(PluginServer(world), "status", "inet/x")
    (line,) = [each for each in capsys.readouterr().out.splitlines() if "sharedWith" in each]
    assert line.split() == ["sharedWith", "none"]


def _model(annotation):
    """The model in an annotation, and whether it is in a list."""
    if isinstance(annotation, type):
        return (annotation, False) if issubclass(annotation, ApiModel) else (None, False)
    found = [_model(each) for each in typing.get_args(annotation)]
    model = next((one for one, _ in found if one is not None), None)
    return model, typing.get_origin(annotation) is list or any(listed for _, listed in found)


def _texts(annotation):
    """Whether it is a list of texts."""
    return "list[" in str(annotation) and _model(annotation)[0] is None


def _value(name, info):
    model, listed = _model(info.annotation)
    if model is None:
        return [f"value-of-{name}"] if _texts(info.annotation) else f"value-of-{name}"
    inner = {(each.alias or field): f"{name}-{each.alias or field}" for field, each in model.model_fields.items()}
    return [inner] if listed else inner


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_of_a_status_is_shown(kind):
    fields = {(info.alias or name): info for name, info in KINDS[kind].status.model_fields.items()}
    status = {name: _value(name, info) for name, info in fields.items() if name not in HIDDEN}
    said = drawn({"kind": kind, "metadata": {"name": "x", "namespace": "n"}, "status": status})
    for name, value in status.items():
        inner = value[0] if isinstance(value, list) else value
        shown = list(inner.values()) if isinstance(inner, dict) else [inner]
        assert any(each in said for each in shown), name


def test_each_column_is_a_field():
    models = {}
    for kind in KINDS.values():
        for name, info in kind.status.model_fields.items():
            if (model := _model(info.annotation)[0]) is not None:
                fields = {(each.alias or field) for field, each in model.model_fields.items()}
                models.setdefault(info.alias or name, set()).update(fields)
    for name, columns in report.SHOWN.items():
        assert set(columns) <= models[name], name


def test_what_is_not_paused_cannot_be_resumed_and_nothing_is_written(capsys):
    server = web()
    key = Key("LoadBalancer", NAMESPACE, "web")
    before = server.world.object(key).body
    assert ran(server, "resume", "ilb/web") == State.READY
    assert capsys.readouterr().out == "LoadBalancer/web is not paused. Nothing was changed.\n"
    server.world.annotate(key, paused="false")
    before = server.world.object(key).body
    assert ran(server, "resume", "ilb/web") == State.READY
    assert "is not paused" in capsys.readouterr().out
    assert server.world.object(key).body == before


def test_what_is_paused_already_is_said_to_be(capsys):
    server = web()
    key = Key("LoadBalancer", NAMESPACE, "web")
    assert ran(server, "pause", "ilb/web") == State.READY
    assert "is paused. Nothing is changed for it" in capsys.readouterr().out
    before = server.world.object(key).body
    assert ran(server, "pause", "ilb/web") == State.READY
    assert capsys.readouterr().out == "LoadBalancer/web is paused already. Nothing was changed.\n"
    assert server.world.object(key).body == before
    assert ran(server, "reconcile", "ilb/web") == State.READY
    assert "once you resume it" in capsys.readouterr().out
    assert ran(server, "resume", "ilb/web") == State.READY
    assert "is not paused any more" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["pause", "resume", "reconcile"])
def test_what_is_not_there_is_said_not_to_be(capsys, command):
    assert ran(PluginServer(Forest()), command, "ilb/none") == plugin.UNUSABLE
    found = capsys.readouterr()
    assert '"none" not found' in found.err
    assert not found.out
