"""`kubectl infomaniak doctor`: what is wrong is told as wrong, and what could not be looked at never as fine."""

import re
from datetime import timedelta
from email.utils import format_datetime

import pytest
import yaml

from infomaniak_operator import __version__
from infomaniak_operator.client.errors import (
    AuthenticationError,
    CloudConnectionError,
    ForbiddenError,
    ServiceError,
    ServiceMissingError,
)
from infomaniak_operator.client.transport import Call as CloudCall
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.doctor import credential_checks
from infomaniak_operator.plugin.doctor.facts import Credential, Project, Unusable
from tests.support.objects import CREDENTIAL, NAMESPACE, custom, network, secret
from tests.support.plugin_checks import checked, only
from tests.support.plugin_server import NOW, PluginServer, lease, ran, web
from tests.support.world import PROJECT

SECRET = Key("Secret", NAMESPACE, "infomaniak")


@pytest.fixture(scope="module")
def world():
    return web().world


@pytest.fixture
def good(world):
    """examples/web, where all is fine; what a test does to a login or a call to the cloud goes with it."""
    yield PluginServer(world)
    world.login, world.fake.on_call = lambda _: None, None
    world.fake._faults.clear()


@pytest.fixture
def fresh():
    """The same to change objects and Secrets in."""
    return web()


def test_where_all_is_fine_all_is_checked(good, capsys):
    code, told = checked(good, capsys)
    assert code == 0
    assert {state for those in told.values() for state, _ in those} == {"Ok"}
    assert set(told) == {
        *("CustomResourceDefinitions", "Operator", "Leader", "Watched objects", "Permissions", "Credentials"),
        *("Login", "Roles", "Quota", "External networks", "Clocks"),
    }
    assert all(text in only(told, "Login")[1] for text in (PROJECT, "dc3-a"))


def test_it_changes_nothing(good, capsys):
    before = good.world.fake.changes()
    checked(good, capsys)
    assert good.world.fake.changes() == before


def test_it_is_drawn_and_written_as_yaml_too(good, capsys):
    good.held.clear()
    assert ran(good, "doctor") == 1
    drawn = capsys.readouterr().out
    assert "✓  Login" in drawn
    assert "!  Leader" in drawn
    assert "What to do\n  1. " in drawn
    assert ran(good, "doctor", "-o", "yaml") == 1
    assert yaml.safe_load(capsys.readouterr().out)["versions"]["plugin"] == __version__


# Secrets


def test_a_secret_without_the_label_is_wrong_though_it_works(fresh, capsys):
    fresh.world.poke(SECRET, lambda body: body["metadata"].pop("labels"))
    code, told = checked(fresh, capsys)
    assert code == 2
    state, said = only(told, "Credentials")
    assert state == "Wrong"
    assert "kubectl label --overwrite secret infomaniak -n shop network.infomaniak.cloud/credentials=true" in said
    assert only(told, "Login")[0] == "Ok"


def test_a_label_with_another_value_is_none(fresh, capsys):
    fresh.world.poke(
        SECRET, lambda body: body["metadata"]["labels"].update({"network.infomaniak.cloud/credentials": "yes"})
    )
    assert only(checked(fresh, capsys)[1], "Credentials")[0] == "Wrong"


def test_a_secret_that_is_not_there_is_wrong(fresh, capsys):
    fresh.world.vanish(SECRET)
    code, told = checked(fresh, capsys)
    assert code == 2
    state, said = only(told, "Credentials")
    assert (state, "does not exist. 9 objects use it." in said) == ("Wrong", True)
    assert "Login" not in told


@pytest.mark.parametrize("key", ["application_credential_id", "pasword"])
def test_a_secret_that_cannot_be_read_names_the_key_and_no_value(fresh, capsys, key):
    data = {**CREDENTIAL, key: "opensesame-never-shown"} if key == "pasword" else dict(CREDENTIAL)
    if key != "pasword":
        del data[key]
    fresh.world.apply(secret(data=data))
    code, told = checked(fresh, capsys)
    assert code == 2
    assert only(told, "Credentials")[0] == "Wrong"
    assert key in only(told, "Credentials")[1]


def test_each_secret_is_checked_and_one_credential_is_tried_once(fresh, capsys):
    logins = []
    fresh.world.login = logins.append
    fresh.world.apply(network("b", cloudCredentialsRef={"secretName": "second"}))
    fresh.world.apply(network("c", cloudCredentialsRef={"secretName": "third"}))
    fresh.world.apply(secret("second"))
    told = checked(fresh, capsys)[1]
    assert [state for state, _ in told["Credentials"]] == ["Ok", "Ok", "Wrong"]
    assert "Secret shop/third does not exist" in told["Credentials"][2][1]
    assert len(logins) == 1
    assert len(told["Login"]) == 2


def test_so_many_secrets_are_looked_at_and_the_rest_is_told(fresh, capsys):
    for number in range(30):
        fresh.world.apply(network(f"n{number}", cloudCredentialsRef={"secretName": f"s{number}"}))
    told = checked(fresh, capsys)[1]
    assert len(told["Credentials"]) == 20 + 1
    assert told["Credentials"][0][1].startswith("Secret shop/infomaniak can be read.")
    assert told["Credentials"][-1][0] == "NotChecked"
    assert "11 further Secrets" in told["Credentials"][-1][1]


def test_who_may_not_read_secrets_is_told_so_and_all_else_is_checked(good, capsys):
    good.refused, good.denied = {"labelled_secret"}, {("get", "secrets")}
    code, told = checked(good, capsys)
    assert code == 1
    state, said = only(told, "Credentials")
    assert (state, said.startswith("Not checked: ")) == ("NotChecked", True)
    assert "--clouds-yaml" in said
    assert only(told, "Permissions")[0] == "Warning"
    assert only(told, "Leader")[0] == "Ok"
    assert "Login" not in told


def clouds_yaml(tmp_path, **auth):
    entry = {"auth": {**{k: v for k, v in CREDENTIAL.items() if k != "region_name"}, **auth}, "region_name": "dc3-a"}
    path = tmp_path / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": {"one": entry}}))
    return str(path)


def test_a_clouds_yaml_takes_the_place_of_secrets(good, capsys, tmp_path):
    good.refused = {"labelled_secret"}
    code, told = checked(good, capsys, "--clouds-yaml", clouds_yaml(tmp_path))
    assert code == 0
    assert only(told, "Login")[0] == "Ok"
    assert checked(good, capsys, "--clouds-yaml", clouds_yaml(tmp_path), "-A")[0] == 0
    assert ran(good, "doctor", "--clouds-yaml", str(tmp_path / "none")) == 3
    assert ran(good, "doctor", "--clouds-yaml", "x", "--credentials", "y") == 3
    assert "exclude each other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "asked"), [("http://keystone.example/v3", False), ("http://127.0.0.1:5000/v3", True)]
)
def test_no_password_goes_unencrypted_over_a_network(good, capsys, tmp_path, address, asked):
    told = checked(good, capsys, "--clouds-yaml", clouds_yaml(tmp_path, auth_url=address))[1]
    assert only(told, "Credentials")[0] == "Ok"
    assert only(told, "Login")[0] == ("Ok" if asked else "NotChecked")


def test_the_addresses_that_are_allowed_may_be_said(good, capsys, tmp_path):
    address = "http://keystone.example/v3"
    words = ["--clouds-yaml", clouds_yaml(tmp_path, auth_url=address), "--allowed-auth-url"]
    assert only(checked(good, capsys, *words, address)[1], "Login")[0] == "Ok"
    code, told = checked(good, capsys, *words, "https://another.example")
    assert (code, only(told, "Credentials")[0]) == (2, "Wrong")
    assert "auth_url" in only(told, "Credentials")[1]


def test_objects_that_use_the_operators_own_credential_are_not_taken_for_checked(fresh, capsys):
    fresh.world.apply(network("own", cloudCredentialsRef=...))
    code, told = checked(fresh, capsys)
    assert code == 2  # no operator has said anything of it
    assert told["Credentials"][1][0] == "NotChecked"
    assert "1 objects" not in told["Credentials"][1][1]


def test_secrets_of_all_namespaces(fresh, capsys):
    fresh.world.apply(network("b", namespace="other"))
    told = checked(fresh, capsys, "-A")[1]
    assert {said.partition(" ")[2].partition(" ")[0] for _, said in told["Credentials"]} == {
        "shop/infomaniak",
        "other/infomaniak",
    }


@pytest.mark.parametrize(
    ("labels", "state"), [({"network.infomaniak.cloud/tls": "true"}, "Ok"), ({}, "Wrong"), (None, "Wrong")]
)
@pytest.mark.parametrize("field", ["secretRef", "caSecretRef", "sniSecretRefs"])
def test_secrets_with_certificates(fresh, capsys, labels, state, field):
    reference = {"name": "site"}
    tls = {field: [reference] if field.endswith("s") else reference}
    fresh.more = (KubeObject.of(custom("Pool", "tls", {"tls": tls})),)
    if labels is not None:
        body = secret("site", data={"tls.key": "opensesame-never-shown"})
        fresh.world.apply({**body, "metadata": {**body["metadata"], "labels": labels}})
    found, said = only(checked(fresh, capsys)[1], "Certificates")
    assert found == state
    assert ("Pool/tls names it" in said) == (state == "Wrong")


def test_secrets_with_certificates_that_may_not_be_read(good, capsys):
    good.refused = {"labelled_secret"}
    good.more = (KubeObject.of(custom("Pool", "tls", {"tls": {"secretRef": {"name": "site"}}})),)
    assert only(checked(good, capsys)[1], "Certificates")[0] == "NotChecked"


@pytest.mark.parametrize("odd", [3, [], "x", {"name": 3}, [[[{"name": None}]]], {"tls": {"secretRef": []}}])
def test_specs_of_strangers_raise_nothing(good, capsys, odd):
    spec = dict.fromkeys(("tls", "cloudCredentialsRef", "externalGateway", "externalNetwork", "secretRef"), odd)
    good.more = (KubeObject.of(custom("Router", "odd", spec)),)
    assert checked(good, capsys)[0] in (1, 2)


# The cloud


def test_a_wrong_password_is_wrong(good, capsys):
    def refuse(_):
        raise AuthenticationError("login: 401: the application credential or its secret is wrong, expired or deleted")

    good.world.login = refuse
    code, told = checked(good, capsys)
    assert code == 2
    assert only(told, "Login")[0] == "Wrong"
    assert not {"Roles", "Quota", "External networks"} & set(told)


def test_a_keystone_that_is_away_is_no_wrong_credential_and_not_fine(good, capsys):
    def away(_):
        raise CloudConnectionError("login: no answer\x1b[2J from the address")

    good.world.login = away
    code, told = checked(good, capsys)
    assert code == 1
    state, said = only(told, "Login")
    assert state == "NotChecked"
    assert "Keystone cannot be asked" in said
    assert ran(good, "doctor") == 1
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("collection", "error", "said"),
    [
        ("load_balancers", ForbiddenError("GET: 403"), (2, "Wrong", "load-balancer_member")),
        ("load_balancers", ServiceError("GET: 503"), (1, "NotChecked", "Octavia cannot be asked")),
        ("networks", ForbiddenError("GET: 403"), (2, "Wrong", "member")),
        ("secrets", ForbiddenError("GET: 403"), (1, "Warning", "creator")),
        ("secrets", ServiceMissingError("none"), (0, "Ok", "this cloud has no Barbican")),
        ("reverse_dns", ServiceError("GET: 503"), (1, "NotChecked", "Designate cannot be asked")),
    ],
)
def test_a_service_that_lets_nobody_list_is_told_by_how_it_refuses(good, capsys, collection, error, said):
    def interfere(method, what, _):
        if (method, what) == ("LIST", collection):
            raise error

    good.world.fake.on_call = interfere
    code, told = checked(good, capsys)
    assert code == said[0]
    assert any(state == said[1] and said[2] in text for state, text in told["Roles"])


@pytest.mark.parametrize("quota", ["networks", "load_balancers", "members", "listeners", "security_group_rules"])
def test_from_80_percent_of_a_quota_it_is_told(fresh, capsys, quota):
    tables = fresh.world.fake.tables
    used = sum(1 for row in tables[quota].values() if row.get("project_id", PROJECT) == PROJECT)
    assert used
    fresh.world.fake.quotas[quota] = fresh.world.fake.octavia.quotas[quota] = int(used / 0.8)
    code, told = checked(fresh, capsys)
    assert code == 1
    state, said = only(told, "Quota")
    assert state == "Warning"
    assert f" {used} of {int(used / 0.8)} " in said


def test_a_quota_that_cannot_be_read_is_not_fine(good, capsys):
    good.world.fake.fail_next("GET", "quotas", ForbiddenError("GET: 403"))
    code, told = checked(good, capsys)
    assert code == 1
    assert "NotChecked" in {state for state, _ in told["Quota"]}


@pytest.mark.parametrize("odd", [None, {}, {"limit": None, "used": 3}, {"limit": "10"}, [], "10"])
def test_a_quota_that_the_cloud_does_not_tell_is_not_fine(odd):
    told = ("network", "subnet", "port", "floatingip", "security_group", "security_group_rule")
    network_quota = {name: {"limit": 10, "used": 1, "reserved": 0} for name in told} | {"router": odd}
    limits = dict.fromkeys(("load_balancer", "listener", "pool", "member", "health_monitor"), -1)
    project = Project(("p", "r"), {}, network_quota=network_quota, load_balancer_quota=limits, counts=limits)
    one = Credential("Secret s", "n", "s", True, Unusable(""), False, project, ())
    found = list(credential_checks._quotas(one, project))
    assert [str(each.state) for each in found] == ["NotChecked", "Ok"]
    assert "no quota of router" in found[0].message


def test_octavias_lists_that_fail_are_no_zero(good, capsys):
    good.world.fake.fail_next("LIST", "pools", ServiceError("GET: 503"))
    told = checked(good, capsys)[1]
    assert told["Quota"][0][0] == "NotChecked"
    assert "cannot be counted" in told["Quota"][0][1]


def test_an_external_network_that_is_not_there_is_named(capsys):
    def misspelt(body):
        if body["kind"] == "Router":
            body = {**body, "spec": {**body["spec"], "externalGateway": {"networkName": "ext-floting1"}}}
        return body

    code, told = checked(web(change=misspelt), capsys)
    assert code == 2
    state, said = told["External networks"][0]
    assert state == "Wrong"
    assert "Router/web names the external network ext-floting1" in said
    assert "there are: ext-floating1" in said


def test_external_networks_that_cannot_be_listed_are_not_none(good, capsys):
    def interfere(method, what, subject):
        if (method, what) == ("LIST", "networks") and "router:external" in (subject or {}):
            raise ServiceError("GET: 503")

    good.world.fake.on_call = interfere
    code, told = checked(good, capsys)
    assert code == 1
    assert only(told, "External networks")[0] == "NotChecked"


def test_no_external_network_is_a_warning(fresh, capsys):
    fresh.world.fake.tables["networks"].pop(fresh.world.fake.external_network_id)
    for key in [each.key for each in fresh.world.objects("Router") + fresh.world.objects("FloatingIP")]:
        fresh.world.vanish(key)
    code, told = checked(fresh, capsys)
    assert code == 1
    assert only(told, "External networks")[0] == "Warning"


# Clocks


@pytest.mark.parametrize(("seconds", "state"), [(-25, "Ok"), (-45, "Warning"), (45, "Warning")])
def test_the_api_servers_clock(good, capsys, seconds, state):
    good.date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    good.held = [lease(renewed=NOW + timedelta(seconds=seconds))]
    code, told = checked(good, capsys)
    assert code == (1 if state == "Warning" else 0)
    found, said = only(told, "Clocks")
    assert found == state
    if state == "Warning":
        assert re.search(rf"the API server is 4[456] s {'ahead' if seconds > 0 else 'behind'}", said)


def test_the_clouds_clocks(good, capsys):
    good.heard = [CloudCall("network", "GET", "/", 200, 0.0, None, NOW.timestamp() - 100)]
    state, said = only(checked(good, capsys)[1], "Clocks")
    assert state == "Warning"
    assert "Neutron is 100 s behind" in said
    assert "the API server agrees" in said


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sat, 99 Nov 2026 12:00:00 GMT"])
def test_a_clock_that_says_nothing(good, capsys, date):
    good.date = date
    code, told = checked(good, capsys)
    assert code == 1
    assert only(told, "Clocks")[0] == "NotChecked"
