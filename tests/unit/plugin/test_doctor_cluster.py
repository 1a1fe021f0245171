"""`kubectl infomaniak doctor`: the definitions, the operator, its Lease, and what the user may do."""

import copy
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.plugin.doctor import cluster_checks
from infomaniak_operator.plugin.doctor.facts import Clock
from tests.support.objects import NAMESPACE, network
from tests.support.plugin_checks import checked, only
from tests.support.plugin_server import NOW, OPERATOR, POD, PluginServer, deployment, lease, ran, web

OLD = NOW - timedelta(hours=1)


@pytest.fixture(scope="module")
def world():
    return web().world


@pytest.fixture
def good(world):
    """examples/web, where all is fine."""
    return PluginServer(world)


@pytest.fixture
def fresh():
    """The same to change objects in."""
    return web()


def spec_of(server, kind):
    definition = server.defined[KINDS[kind].crd_name] = copy.deepcopy(server.defined[KINDS[kind].crd_name])
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def test_an_older_definition_is_told_with_the_fields_that_it_lacks(good, capsys):
    del spec_of(good, "Pool")["tls"]
    del spec_of(good, "LoadBalancer")["listeners"]["items"]["properties"]["name"]
    good.deployed[0]["metadata"]["labels"]["app.kubernetes.io/version"] = "0.1.0"
    code, told = checked(good, capsys)
    assert code == 1
    state, said = only(told, "CustomResourceDefinitions")
    assert state == "Warning"
    assert "older" in said
    assert "Pool.spec.tls" in said
    assert "LoadBalancer.spec.listeners[].name" in said
    assert "Install the plugin in the operator's version." in only(told, "Operator")[1]


def test_definitions_older_than_the_operator_are_wrong(good, capsys):
    del spec_of(good, "Pool")["tls"]
    code, told = checked(good, capsys)
    assert code == 2
    assert only(told, "CustomResourceDefinitions")[0] == "Wrong"


def test_a_newer_definition_is_told(good, capsys):
    spec_of(good, "Pool")["newest"] = {"type": "string"}
    state, said = only(checked(good, capsys)[1], "CustomResourceDefinitions")
    assert state == "Warning"
    assert "newer than the plugin" in said
    assert "Pool.spec.newest" in said


def test_other_rules_are_told_and_other_words_are_not(good, capsys):
    spec_of(good, "Pool")["description"]["description"] = "In other words."
    assert only(checked(good, capsys)[1], "CustomResourceDefinitions")[0] == "Ok"
    spec_of(good, "Pool")["description"]["maxLength"] = 3
    state, said = only(checked(good, capsys)[1], "CustomResourceDefinitions")
    assert state == "Warning"
    assert "rules are others: Pool" in said


def test_a_kind_that_is_not_there_is_wrong(good, capsys):
    del good.defined[KINDS["L7Policy"].crd_name]
    code, told = checked(good, capsys)
    assert code == 2
    state, said = only(told, "CustomResourceDefinitions")
    assert state == "Wrong"
    assert said.startswith("Not served: L7Policy. Upgrade the chart")
    good.defined.clear()
    assert (
        "does not know network.infomaniak.cloud/v1alpha1"
        in only(checked(good, capsys)[1], "CustomResourceDefinitions")[1]
    )


def test_a_definition_that_the_api_server_does_not_take(good, capsys):
    spec_of(good, "Pool")
    conditions = [{"type": "NamesAccepted", "status": "False", "message": "ipool is taken"}]
    good.defined[KINDS["Pool"].crd_name]["status"] = {"conditions": conditions}
    state, said = only(checked(good, capsys)[1], "CustomResourceDefinitions")
    assert state == "Wrong"
    assert "ipool is taken" in said


@pytest.mark.parametrize("schema", [None, [], "x", {"properties": 3}, {"properties": {"spec": None}}])
def test_a_schema_that_is_none_raises_nothing(good, capsys, schema):
    spec_of(good, "Pool")
    good.defined[KINDS["Pool"].crd_name]["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": schema}
    assert only(checked(good, capsys)[1], "CustomResourceDefinitions")[0] == "Wrong"


def test_who_may_not_read_definitions_knows_what_is_served_and_no_more(good, capsys):
    good.refused = {"definition"}
    code, told = checked(good, capsys)
    assert code == 1
    state, said = only(told, "CustomResourceDefinitions")
    assert state == "NotChecked"
    assert said.startswith("All kinds are served. ")
    good.refused |= {"served"}
    state, said = only(checked(good, capsys)[1], "CustomResourceDefinitions")
    assert state == "NotChecked"
    assert "All kinds" not in said


# The operator


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_clouds_the_clock_that_is_right_hides_no_other(order):
    told = [Clock("Keystone", 400.0), Clock("Keystone", 0.2), Clock("the API server", 0.1)]
    (found,) = cluster_checks.clocks(SimpleNamespace(clocks=tuple(told[::order])))
    assert str(found.state) == "Warning"
    assert "Keystone is 400 s ahead" in found.message


def test_a_lease_that_nobody_renews(good, capsys):
    good.held = [lease(renewed=OLD)]
    code, told = checked(good, capsys)
    assert code == 2
    assert only(told, "Leader")[0] == "Wrong"
    assert "does not renew it, last 60 min ago" in only(told, "Leader")[1]


def test_a_lease_of_a_clock_that_was_ahead_and_that_nobody_renews(good, capsys):
    good.held = [lease(renewed=NOW + timedelta(hours=1))]
    assert only(checked(good, capsys)[1], "Leader")[0] == "Wrong"


@pytest.mark.parametrize("held", [lease(renewed=OLD), lease(holder="")])
def test_a_lease_that_a_stranger_renews_hides_no_operator_that_has_stopped(good, capsys, held):
    good.held = [held, lease("stranger_1", name=f"{OPERATOR}-x", namespace="tenant")]
    code, told = checked(good, capsys)
    assert code == 2
    assert "Wrong" in {state for state, _ in told["Leader"]}


def test_a_lease_that_is_given_back(good, capsys):
    good.held = [lease(holder="")]
    assert "Nobody holds" in only(checked(good, capsys)[1], "Leader")[1]


def test_a_leader_whose_clock_is_behind_leads_as_long_as_it_renews(good, capsys):
    good.held = [lease(renewed=OLD)]
    looks = []
    leases = good.leases

    def renewing(namespace):
        looks.append(namespace)
        good.held = [lease(renewed=OLD + timedelta(seconds=2 * len(looks)))]
        return leases(namespace)

    good.leases = renewing
    assert only(checked(good, capsys)[1], "Leader")[0] == "Ok"
    assert len(looks) == 2


@pytest.mark.parametrize("odd", [None, 3, "soon", "2026-11-28T12:00:00"])
def test_a_lease_with_something_else_in_it_raises_nothing(good, capsys, odd):
    good.held[0]["spec"] |= {"renewTime": odd, "leaseDurationSeconds": odd}
    assert only(checked(good, capsys)[1], "Leader")[0] in ("Ok", "Wrong")
    good.held[0]["spec"] = odd
    assert only(checked(good, capsys)[1], "Leader")[0] == "Wrong"


def test_no_lease_and_no_operator_is_wrong(fresh, capsys):
    fresh.held, fresh.deployed = [], []
    for each in fresh.objects(None):
        fresh.world.vanish(each.key)
    code, told = checked(fresh, capsys)
    assert code == 2
    assert only(told, "Leader")[0] == "Wrong"
    assert only(told, "Operator")[0] == "NotChecked"
    assert only(told, "Watched objects")[0] == "NotChecked"


def test_without_leader_election_there_is_no_lease_to_miss(good, capsys):
    good.held = []
    good.deployed[0]["spec"]["template"]["spec"]["containers"][0]["args"] = ["run"]
    code, told = checked(good, capsys)
    assert code == 0
    assert "without leader election" in only(told, "Leader")[1]
    good.held = [lease(renewed=OLD, namespace="former")]  # of one that was uninstalled: nobody takes it away
    assert checked(good, capsys)[0] == 0


@pytest.mark.parametrize(
    ("one", "other", "state"),
    [
        ((), (), "Wrong"),
        (("--namespace=a",), ("--namespace=b",), None),
        (("--namespace=a",), ("--namespace=a",), "Wrong"),
        (("--namespace=a",), ("--namespace=b", "--default-credentials=a/s"), "Wrong"),
        (("--namespace=a",), (), "Wrong"),
    ],
)
def test_two_that_lead_are_told_unless_they_watch_different_namespaces(good, capsys, one, other, state):
    good.deployed = [deployment(*one), deployment(*other, namespace="second")]
    good.held.append(lease("other-pod_1", namespace="second"))
    told = checked(good, capsys)[1]
    states = [each for each, said in told["Leader"] if "Two operators lead at once" in said]
    assert states == ([state] if state else [])


def test_two_that_lead_of_which_one_is_not_known(good, capsys):
    good.held.append(lease("laptop_1", name="infomaniak-operator-mine", namespace="default"))
    told = checked(good, capsys)[1]
    assert [state for state, said in told["Leader"] if "Two operators" in said] == ["Warning"]
    assert POD in told["Leader"][0][1]


def test_leases_of_others_are_none_of_its(good, capsys):
    good.held = [lease("node-1_x", name="node-1", namespace="kube-node-lease")]
    assert "There is no Lease of an operator" in only(checked(good, capsys)[1], "Leader")[1]


@pytest.mark.parametrize(("wanted", "available", "state"), [(2, 0, "Wrong"), (2, 1, "Warning"), (0, 0, "Wrong")])
def test_replicas(good, capsys, wanted, available, state):
    good.deployed[0]["spec"]["replicas"] = wanted
    good.deployed[0]["status"] = {"availableReplicas": available}
    assert only(checked(good, capsys)[1], "Operator")[0] == state


def test_who_may_look_into_the_operators_namespace_alone(good, capsys):
    good.refused = {"leases everywhere", "deployments everywhere"}
    assert checked(good, capsys)[0] == 0
    good.deployed, good.held = [deployment(namespace="nets")], [lease(namespace="nets")]
    assert checked(good, capsys)[0] == 1
    assert checked(good, capsys, "--operator-namespace", "nets")[0] == 0


def test_who_may_not_look_at_the_operator_is_told_so(good, capsys):
    good.refused = {"leases", "deployments"}
    code, told = checked(good, capsys)
    assert code == 1
    assert only(told, "Leader")[0] == only(told, "Operator")[0] == "NotChecked"
    assert only(told, "Watched objects")[0] == "Ok"


def test_a_namespace_that_is_not_watched(good, capsys):
    good.deployed = [deployment("--namespace=other", "--namespace", "third")]
    code, told = checked(good, capsys)
    assert code == 2
    state, said = only(told, "Watched objects")
    assert state == "Wrong"
    assert "does not watch shop: its option --namespace names other, third" in said
    good.deployed = [deployment("--namespace=other", "--namespace=shop")]
    assert only(checked(good, capsys)[1], "Watched objects")[0] == "Ok"


def test_objects_that_nobody_has_looked_at(fresh, capsys):
    fresh.world.apply(network("new"))
    code, told = checked(fresh, capsys)
    assert code == 2
    state, said = only(told, "Watched objects")
    assert state == "Wrong"
    assert "InfomaniakNetwork/new" in said


def test_a_change_that_nobody_has_looked_at(fresh, capsys):
    fresh.world.spec(Key("InfomaniakNetwork", NAMESPACE, "web"), description="another")
    code, told = checked(fresh, capsys)
    assert code == 1
    assert only(told, "Watched objects")[0] == "Warning"
    ran(fresh, "pause", "inet/web")
    capsys.readouterr()
    assert only(checked(fresh, capsys)[1], "Watched objects")[0] == "Ok"


# Rights


@pytest.mark.parametrize(
    ("right", "code", "said"),
    [
        ("list pools", 2, "no command works"),
        ("patch pools", 1, "pause, resume and reconcile do not work"),
        ("list events", 1, "status shows no Events"),
        ("get secrets", 1, "--clouds-yaml"),
    ],
)
def test_a_right_that_is_missing_is_told_by_what_does_not_work(good, capsys, right, code, said):
    verb, resource = right.split()
    good.denied = {(verb, resource)}
    found, told = checked(good, capsys)
    assert found == code
    assert said in only(told, "Permissions")[1]
    assert resource in only(told, "Permissions")[1]


def test_rights_that_cannot_be_asked_for_are_not_fine(good, capsys):
    good.refused = {"allowed"}
    code, told = checked(good, capsys)
    assert code == 1
    assert only(told, "Permissions")[0] == "NotChecked"


def test_objects_that_cannot_be_listed_are_not_none(good, capsys):
    def refuse(namespace):
        good._may("objects", namespace)

    good.refused, good.objects = {"objects"}, refuse
    code, told = checked(good, capsys)
    assert code == 1
    assert only(told, "Watched objects")[0] == only(told, "Credentials")[0] == "NotChecked"
    assert "forbidden" in only(told, "Watched objects")[1]


def test_a_user_without_any_right_gets_a_report_all_the_same(good, capsys):
    def refuse(namespace):
        good._may("objects", namespace)

    good.objects = refuse
    good.refused = {"objects", "definition", "served", "leases", "deployments", "labelled_secret", "allowed", "version"}
    code, told = checked(good, capsys)
    assert code == 1
    assert {state for those in told.values() for state, _ in those} == {"NotChecked"}


def test_an_api_server_that_is_away_is_told_once(good, capsys):
    good.unreachable = True
    assert ran(good, "doctor") == 3
    assert "does not answer" in capsys.readouterr().err


def test_json_takes_no_rich(good, capsys, monkeypatch):
    for name in [
        each for each in sys.modules if each.split(".")[0] == "rich" or "plugin.terminal" in each or "drawing" in each
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert ran(good, "doctor", "-o", "json") == 0
