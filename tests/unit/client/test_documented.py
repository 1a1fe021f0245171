"""Both faces of the client are documented in full: arguments, results, errors, and the call that a method stands for."""

import inspect
import re
import warnings
from pathlib import Path

import pytest

from infomaniak_operator.client import CloudCredentials, InfomaniakNetworkClient, Operations, kinds
from infomaniak_operator.client import barbican as secrets
from infomaniak_operator.client import collections as raising
from infomaniak_operator.client import designate as names
from infomaniak_operator.client import operations as more

FACADE = InfomaniakNetworkClient
RAISING = (
    Operations,
    raising.Collection,
    raising.BulkCollection,
    raising.Members,
    raising.L7Rules,
    raising.PortForwardings,
    more.Routers,
    more.FloatingIPs,
    more.LoadBalancers,
    more.Listeners,
    more.Tags,
    more.Quotas,
    names.ReverseNames,
    names.Zones,
    names.RecordSets,
    secrets.Secrets,
)
CONNECTING = {"from_env", "from_credentials", "from_clouds_yaml", "close", "read_only"}
"""What asks no service of OpenStack's."""
_CALL = re.compile(r"``(?:GET|POST|PUT|PATCH|DELETE)(?:``| /v[123])")
_SECTION = re.compile(r"^(Args|Returns|Raises):$", re.MULTILINE)
SENTINELS = {"bool": "False", "list": "``[]``", "None": "None"}


def methods(face):
    """The public methods that a class has itself (of the facade: with its parents'), former names apart."""
    found = inspect.getmembers(face) if face is FACADE else vars(face).items()
    for name, each in found:
        function = inspect.unwrap(getattr(each, "__func__", each))
        former = "former name" in (getattr(each, "__doc__", None) or "")
        if not name.startswith("_") and inspect.isfunction(function) and not former:
            yield name, function


METHODS = [(face.__name__, name, method) for face in (FACADE, *RAISING) for name, method in methods(face)]


@pytest.fixture(params=METHODS, ids=lambda one: f"{one[0]}.{one[1]}")
def documented(request):
    face, name, method = request.param
    text = inspect.getdoc(method) or ""
    parts = _SECTION.split(text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return face, name, inspect.signature(method), parts[0], sections


def test_there_are_as_many_as_there_should_be():
    assert len([one for one in METHODS if one[0] == FACADE.__name__]) >= 70
    assert {one[0] for one in METHODS} == {FACADE.__name__, *(face.__name__ for face in RAISING)}


def test_every_argument(documented):
    _, _, signature, _, sections = documented
    stars = {inspect.Parameter.VAR_KEYWORD: "**", inspect.Parameter.VAR_POSITIONAL: "*"}
    wanted = [f"{stars.get(each.kind, '')}{name}" for name, each in signature.parameters.items()]
    wanted = [name for name in wanted if name not in ("self", "cls")]
    said = re.findall(r"^    (\*{0,2}\w+): \S", sections.get("Args", ""), re.MULTILINE)
    assert said == wanted


def test_the_result(documented):
    _, _, signature, _, sections = documented
    if signature.return_annotation in (None, "None"):
        assert "Returns" not in sections
    else:
        assert len(sections.get("Returns", "").strip()) > 5


def test_the_errors(documented):
    face, name, signature, _, sections = documented
    said = sections.get("Raises", "")
    if face != FACADE.__name__ or name.startswith("from_"):
        assert re.search(r"^    (\w+Error|Nothing): \S", said, re.MULTILINE)
        return
    result = str(signature.return_annotation)
    sentinel = next((text for kind, text in SENTINELS.items() if kind in result.partition("|")[0]), "")
    sentinel = SENTINELS["None"] if "None" in result else sentinel
    assert said.strip().startswith("Nothing: an error is logged")
    assert name == "close" or f", and {sentinel} comes back" in " ".join(said.split())


def test_the_call_that_it_stands_for(documented):
    _, name, _, summary, _ = documented
    assert name in CONNECTING or _CALL.search(summary)


@pytest.mark.parametrize(
    "name", sorted(name for name, kind in vars(kinds).items() if isinstance(kind, kinds.ResourceKind))
)
def test_the_route_of_every_type(name):
    kind = getattr(kinds, name)
    assert f"Route: ``{kind.path}``" in kind.row.__doc__


# ── former names ─────────────────────────────────────────────────────────────────────────────────────────────────────

FORMER = {
    "get_loadbalancer": ("get_load_balancer", ("lb",), {}),
    "update_loadbalancer": ("update_load_balancer", ("lb",), {"name": "n"}),
    "wait_for_loadbalancer": ("wait_for_load_balancer", ("lb",), {"timeout": 1}),
    "get_pool_member": ("get_member", ("pool", "member"), {}),
    "update_pool_member": ("update_member", ("pool", "member"), {"weight": 2}),
    "remove_security_group_rule": ("delete_security_group_rule", ("rule",), {}),
}


class Recording:
    """Looks like a connection; keeps what was called."""

    def __init__(self, calls, path=""):
        self._calls, self._path = calls, path

    def __getattr__(self, name):
        return Recording(self._calls, f"{self._path}.{name}")

    def __call__(self, *args, **kwargs):
        self._calls.append((self._path, args, kwargs))
        return {}


@pytest.mark.parametrize("former", sorted(FORMER))
def test_a_former_name_of_the_facade_warns_and_does_the_same(former):
    name, args, kwargs = FORMER[former]
    before, after = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wanted = getattr(FACADE(Recording(after)), name)(*args, **kwargs)
    with pytest.warns(DeprecationWarning, match=f"^{former} is called {name} now") as caught:
        found = getattr(FACADE(Recording(before)), former)(*args, **kwargs)
    assert (found, before) == (wanted, after)
    assert len(after) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("former", "name"), [("l7policies", "l7_policies"), ("l7rules", "l7_rules")])
def test_a_former_name_of_the_raising_form_warns_and_is_the_same(session, former, name):
    do = Operations(session)
    with pytest.warns(DeprecationWarning, match=f"^{former} is called {name} now") as caught:
        assert getattr(do, former) is getattr(do, name)
    assert caught[0].filename == __file__


def test_no_former_name_is_forgotten():
    found = [name for name, each in inspect.getmembers(FACADE) if "former name" in (getattr(each, "__doc__", "") or "")]
    assert sorted(found) == sorted(FORMER)


def test_every_former_name_is_in_the_documentation():
    page = (Path(__file__).parents[3] / "docs" / "client.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for former, name in [*((former, new) for former, (new, _, _) in FORMER.items()), ("do.l7rules", "do.l7_rules")]:
        (row,) = [line for line in rows if f"`{former}`" in line]
        assert f"`{name}`" in row


def test_the_new_names_are_the_sdks():
    from openstack.load_balancer.v2._proxy import Proxy as Octavia  # noqa: PLC0415 - slow to import
    from openstack.network.v2._proxy import Proxy as Neutron  # noqa: PLC0415

    for name in [name for name, _, _ in FORMER.values()] + ["l7_policies", "l7_rules"]:
        assert hasattr(Octavia, name) or hasattr(Neutron, name)


# ── the requests ─────────────────────────────────────────────────────────────────────────────────────────────────────

GIVEN = {
    "payload": b"x",
    "port": 80,
    "delay": 5,
    "timeout": 3.0,
    "cidr": "10.0.0.0/24",
    "members": [],
    "address": "192.0.2.1",
}
ELSEWHERE = CONNECTING | {"validate_connection", "usage"}
"""What asks Keystone, or for many things: their own tests see to them."""
REQUESTS = [(name, method) for face, name, method in METHODS if face == FACADE.__name__ and name not in ELSEWHERE]


@pytest.fixture
def client(wire):
    return FACADE._connected(CloudCredentials(wire.auth_url, "app", None, "s3cret-value", region="dc3-a"))


@pytest.mark.parametrize(("name", "method"), REQUESTS, ids=lambda one: one if isinstance(one, str) else "")
def test_the_request_is_the_one_that_is_documented(client, wire, name, method):
    verb, route = re.search(r"``([A-Z]+) /v[12](?:\.0)?(/[^`]+)``", inspect.getdoc(method)).groups()
    wanted = re.compile(
        r"/(network|load-balancer|dns|key-manager)/v[12](\.0)?" + re.sub(r"\{\w+\}", "[^/]+", route) + r"(\.json)?"
    )
    arguments = {
        each.name: GIVEN.get(each.name, "n1")
        for each in inspect.signature(method).parameters.values()
        if each.name != "self" and each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    }
    if "load_balancer" in name and "wait" in name:
        arguments["timeout"] = 0.1
    changes = {"name": "n"} if name.startswith("update_") else {}
    getattr(client, name)(**arguments, **changes)
    asked = [(each.method, each.path) for each in wire.asked]
    assert any(one == verb and wanted.fullmatch(path) for one, path in asked), asked
