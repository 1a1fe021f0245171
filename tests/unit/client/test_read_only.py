"""A session that only reads: whatever the client can do to a cloud, it cannot do it through this one."""

import ast
import contextlib
import inspect
from pathlib import Path

import pytest

import infomaniak_operator.client as package
from infomaniak_operator.client import InfomaniakCloudError, Operations, ReadOnlyError
from tests.support.fake_cloud_http import Reply
from tests.support.python_source import parsed

SOURCES = sorted(Path(package.__file__).parent.glob("*.py"))
ROW = {"id": "i", "port_id": None, "revision_number": 1}
ARGUMENTS = {
    "body": {"name": "n"},
    "bodies": [{"name": "n"}],
    "members": [],
    "tags": [],
    "resource": "networks",
    "fields": None,
    "if_revision": None,
    "cascade": True,
    "subnet_id": "s",
    "port_id": None,
    "fixed_ip_address": None,
    "expected_port_id": None,
}
"""Arguments by their names; every other one is an id."""
BODIES = {"members": {"address": "192.0.2.1"}, "l7rules": {"type": "PATH"}, "security_group_rules": {"direction": "in"}}
BODIES["port_forwardings"] = {"protocol": "tcp"}
BODIES["reverse_dns"] = {"ptrdname": "mail.example.com."}
BODIES["secrets"] = {"name": "n", "payload": "p"}
OVERRIDES = {"floating_ips": {"port_id": "p", "body": {"description": "d"}}}
READING = {"list", "get", "status_tree", "statistics", "network", "load_balancer"}


def answer(asked):
    """Whatever is read is there: a method that reads before it writes gets as far as its write."""
    if asked.method != "GET":
        return Reply(200, {})
    names = [
        "network",
        "subnet",
        "router",
        "security_group",
        "security_group_rule",
        "floatingip",
        "port_forwarding",
        "port",
        "loadbalancer",
        "listener",
        "pool",
        "member",
        "healthmonitor",
        "l7policy",
        "rule",
        "quota",
        "zone",
        "recordset",
        "secret",
    ]
    many = {f"{name}s": [] for name in names} | {
        "l7policies": [],
        "rules": [],
        "statuses": {},
        "stats": {},
        "rbac_policies": [],
    }
    row = {**ROW, "port_id": "bound" if "bound" in asked.path else None}
    return Reply(200, {**many, **dict.fromkeys(names, row), **ROW})  # Designate's are not under a name


def methods(do):
    """Every public method of every collection of an ``Operations``."""
    for name, collection in sorted(vars(do).items()):
        if name.startswith("_"):
            continue
        for method, function in inspect.getmembers(collection, callable):
            if not method.startswith("_"):
                yield name, method, function


def arguments(name, function):
    """Arguments that get it as far as a request."""
    known = {**ARGUMENTS, **({"body": BODIES[name]} if name in BODIES else {}), **OVERRIDES.get(name, {})}
    if name in BODIES:
        known["bodies"] = [BODIES[name]]
    given = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            given[parameter.name] = known.get(parameter.name, "i")
    return given


def test_no_method_of_the_client_can_change_anything_through_it(session, wire):
    wire.answer = answer
    do = Operations(session.read_only())
    refused, said = set(), []
    for name, method, function in methods(do):
        given = arguments(name, function)
        if method == "disassociate":
            given["id"] = "bound"
        try:
            function(**given)
        except ReadOnlyError as error:
            refused.add((name, method))
            said.append(error)
    assert all(isinstance(error, InfomaniakCloudError) and not error.outcome_unknown for error in said)
    assert {str(error).split()[0] for error in said} == {"POST", "PUT", "PATCH", "DELETE"}
    every = {(name, method) for name, method, _ in methods(do)}
    assert {asked.method for asked in wire.asked} == {"GET"}
    assert {method for name, method in every - refused} == READING
    assert len(refused) > 50


def test_the_same_methods_send_what_they_say_through_the_session_itself(session, wire):
    """That the test above got as far as the requests: through a session that writes, they are sent."""
    wire.answer = answer
    do = Operations(session)
    sent = set()
    for name, method, function in methods(do):
        if method in READING:
            continue
        given = arguments(name, function)
        if method == "disassociate":
            given["id"] = "bound"
        wire.asked.clear()
        with contextlib.suppress(InfomaniakCloudError, KeyError):  # what was answered is nothing: it was sent
            function(**given)
        sent |= {(name, method) for asked in wire.asked if asked.method != "GET"}
    assert sent == {(name, method) for name, method, _ in methods(do) if method not in READING}


def test_there_is_one_place_from_which_requests_are_sent():
    """No module but the session's, where the guard is, sends anything; the facade has the SDK's own connection."""
    senders = {}
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Attribute) and node.attr in ("keystone", "_http"):
                senders.setdefault(path.name, set()).add(node.attr)
    assert set(senders) == {"session.py"}
    (sending,) = [
        function
        for function in ast.walk(parsed(SOURCES[0].parent / "session.py"))
        if isinstance(function, ast.FunctionDef) and "self.keystone.request" in ast.unparse(function)
    ]
    assert "raise ReadOnlyError" in ast.unparse(sending)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "MERGE"])
def test_whatever_is_not_known_to_read_is_refused(session, wire, method):
    with pytest.raises(ReadOnlyError):
        session.read_only().request("network", method, "/v2.0/networks")
    assert wire.asked == []


def test_the_two_share_one_login_and_the_first_goes_on_writing(session, wire):
    wire.answer = lambda _: Reply(201, {"network": {"id": "n"}})
    face = session.read_only()
    assert face.project_id == session.project_id
    with pytest.raises(ReadOnlyError):
        Operations(face).networks.create({"name": "n"})
    assert Operations(session).networks.create({"name": "n"}) == {"id": "n"}
    assert wire.logins == 1
    assert repr(face) == repr(session)
