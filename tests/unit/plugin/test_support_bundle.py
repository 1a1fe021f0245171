"""`kubectl infomaniak support-bundle`: what support needs is in it, and no secret, wherever strangers have put one."""

import base64
import json
import os
import stat
import sys
import tarfile
from urllib.parse import quote

import pytest
import yaml

from infomaniak_operator import plugin
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.support import bundle as bundles
from infomaniak_operator.plugin.support import command
from infomaniak_operator.plugin.support.cleaning import Cleaner
from infomaniak_operator.plugin.support.secret_values import values_of
from tests.support.canary import Canary
from tests.support.objects import CREDENTIAL, NAMESPACE, custom, secret
from tests.support.plugin_server import POD, PluginServer, pod, ran, web

KEY = "\n".join(
    [
        "-----BEGIN PRIVATE KEY-----",
        *(f"MIIEvQ{n}IBADANBgkqhkiG9w0BAQEFAASCBKcwggSj" for n in range(9)),
        "-----END PRIVATE KEY-----",
    ]
)
SECRETS = {
    "the credential that objects name": CREDENTIAL["application_credential_secret"],
    "another Secret's password": 'Cor/rect "horse" batt+ery\\ stäple&',
    "a misspelt key": "under-a-misspelt-key",
    "an entry of clouds.yaml": "in-the-second-entry",
    "a clouds.yaml that is broken": "in-what-is-no-yaml",
    "a Secret without a label": "in-one-without-label",
    "the operator's own": "the-operators-very-own",
    "a clouds.yaml of the user": "in-the-users-own-file",
    "a line of a private key": KEY.splitlines()[3],
}
CANARY = Canary(SECRETS)
PLAIN = list(SECRETS.values())


def planted(kind="Port", name="planted"):
    """An object in which strangers have written secrets wherever they may."""
    told = " ".join([*PLAIN, *(quote(each, safe="") for each in PLAIN), *(json.dumps(each) for each in PLAIN)])
    packed = " ".join(base64.b64encode(f"user:{each}".encode()).decode() for each in PLAIN)
    body = custom(
        kind, name, {"description": told, "tags": [packed, *PLAIN], "cloudCredentialsRef": {"secretName": "plain"}}
    )
    body["metadata"] |= {
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"spec": told}),
            "example.com/note": f"unknown-to-all {told}",
            "network.infomaniak.cloud/note": told,
            f"network.infomaniak.cloud/{PLAIN[0]}": "x",
        },
        "labels": {"note": PLAIN[0], PLAIN[2]: "x"},
        "finalizers": [f"example.com/{PLAIN[3]}"],
        "managedFields": [{"manager": PLAIN[0], "fieldsV1": {f"f:{PLAIN[2]}": {}}}],
    }
    body["status"] = {
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "CloudError", "message": told, "observedGeneration": 1}
        ],
        PLAIN[2]: {PLAIN[3]: [told]},
        "key": KEY,
        "half": "\ud800",
    }
    return KubeObject.of(body)


@pytest.fixture(scope="module")
def world():
    found = web().world
    found.apply(secret("second", data={**CREDENTIAL, "application_credential_secret": PLAIN[1]}))
    found.apply(secret("misspelt", data={**CREDENTIAL, "pasword": PLAIN[2]}))
    entries = {
        name: {"auth": {"auth_url": CREDENTIAL["auth_url"], "password": each}}
        for name, each in (("a", "never-mind"), ("b", PLAIN[3]))
    }
    found.apply(secret("entries", data={"clouds.yaml": yaml.safe_dump({"clouds": entries})}))
    found.apply(secret("broken", data={"clouds.yaml": f"clouds: [\n  password: '{PLAIN[4]}'\n &x"}))
    found.apply({**secret("plain", data={"password": PLAIN[5]}), "metadata": {"name": "plain", "namespace": NAMESPACE}})
    found.apply(secret("own", namespace="infomaniak-operator", data={"password": PLAIN[6]}))
    tls = secret("tls", data={"tls.key": KEY, "tls.crt": "-----BEGIN CERTIFICATE-----"})
    tls["metadata"]["labels"] = {"network.infomaniak.cloud/tls": "true"}
    found.apply(tls)
    return found


@pytest.fixture
def server(world, monkeypatch):
    found = PluginServer(world, planted())
    told = " ".join(PLAIN)
    found.all_events = lambda _: [
        {"message": told, "metadata": {"name": PLAIN[0], "managedFields": [told]}, "note": [told]}
    ]
    found.written = {POD: f"{told}\n{json.dumps({'message': told})}\npassword=not-known-to-anybody;\n{KEY}\n"}
    found.deployed[0]["metadata"]["annotations"] = {"note": told}
    container = found.deployed[0]["spec"]["template"]["spec"]["containers"][0]
    container["args"] = [
        *container["args"],
        f"--cloud-proxy=http://user:{PLAIN[6]}@proxy:3128",
        "--x=http://me:unknown-login@h",
    ]
    container["env"] = [{"name": "OS_PASSWORD", "value": "unknown-in-env"}]
    found.running = [pod()]
    found.running[0]["metadata"]["annotations"] = {"note": told}
    found.running[0]["status"]["message"] = told
    found.running[0]["spec"]["containers"][0]["env"] = container["env"]
    return found


def unpacked(path, folder):
    with tarfile.open(path) as tar:
        assert all(each.isfile() and each.uname == each.gname == "" and each.uid == 0 for each in tar.getmembers())
        tar.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def made(server, tmp_path, *words):
    """The exit code, and the folder that the bundle is unpacked to."""
    code = ran(server, "support-bundle", "-f", str(tmp_path / "b.tar.gz"), *words)
    return code, unpacked(tmp_path / "b.tar.gz", tmp_path / "unpacked")


def users_own(tmp_path):
    path = tmp_path / "clouds.yaml"
    auth = {k: v for k, v in CREDENTIAL.items() if k != "region_name"}
    path.write_text(yaml.safe_dump({"clouds": {"one": {"auth": {**auth, "application_credential_secret": PLAIN[7]}}}}))
    return str(path)


def test_the_canary_is_planted_where_it_is_looked_for(server, tmp_path):
    (tmp_path / "raw").write_text(
        json.dumps([planted().body, server.all_events(None), server.written, server.deployed])
    )
    assert len(CANARY.found((tmp_path / "raw").read_bytes())) >= len(SECRETS)


@pytest.mark.parametrize("everywhere", [(), ("-A",)])
def test_no_secret_is_in_it_wherever_strangers_have_put_one(server, tmp_path, capsys, everywhere):
    _, folder = made(server, tmp_path, "--clouds-yaml", users_own(tmp_path), *everywhere)
    CANARY.folder(folder, "the bundle")
    CANARY.absent("what is told", "".join(capsys.readouterr()))
    text = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    for each in (
        "last-applied",
        "managedFields",
        "unknown-to-all",
        "unknown-in-env",
        "unknown-login",
        "not-known-to-anybody",
        "PRIVATE KEY",
    ):
        assert each not in text.replace("Never in it: Secrets; managedFields", "").replace("private keys", ""), each
    assert "OS_PASSWORD" in text


def test_what_support_needs_is_in_it(server, tmp_path):
    _, folder = made(server, tmp_path)
    objects = {path.stem: json.loads(path.read_text()) for path in (folder / "objects").iterdir()}
    assert {each["metadata"]["name"] for each in objects["pools"]} == {"site", "site-tls"}
    (balancer,) = objects["loadbalancers"]
    stored = next(each.body for each in server.world.objects("LoadBalancer"))
    assert balancer["spec"] == stored["spec"]
    assert balancer["status"] == stored["status"]
    (port,) = objects["ports"]
    assert set(port["metadata"]["annotations"]) == {"network.infomaniak.cloud/note", "network.infomaniak.cloud/***"}
    assert port["status"]["conditions"][0]["reason"] == "CloudError"
    doctor = json.loads((folder / "doctor.json").read_text())
    assert {each["check"] for each in doctor["checks"]} >= {"Leader", "Quota"}
    assert json.loads((folder / "versions.json").read_text())["kubernetes"] == "v1.34.1"
    assert len(json.loads((folder / "definitions.json").read_text())) == 9
    (deployment,) = json.loads((folder / "operator" / "deployments.json").read_text())
    assert "--leader-elect" in deployment["containers"][0]["args"]
    assert (folder / "operator" / f"{POD}.log").read_text().count("\n") >= 3
    index = (folder / "README.txt").read_text()
    inside = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert all(each in index for each in inside - {"README.txt"})


def test_it_lists_what_is_inside_and_says_what_was_left_out(server, tmp_path, capsys):
    server.refused = {"log", "all_events", "labelled_secrets"}
    server.all_events = PluginServer.all_events.__get__(server)
    code = ran(server, "support-bundle", "-f", str(tmp_path / "b.tar.gz"), "-o", "json")
    told = json.loads(capsys.readouterr().out)
    assert code == 1
    assert {each["name"] for each in told["files"]} >= {"README.txt", "doctor.json", "objects/pools.json"}
    for each in ("Events: ", f"log of {POD}: ", "values of Secrets, to look for them: "):
        assert any(said.startswith(each) for said in told["leftOut"]), each
    index = (unpacked(tmp_path / "b.tar.gz", tmp_path / "unpacked") / "README.txt").read_text()
    assert all(said in index for said in told["leftOut"])


def test_nothing_left_out_is_said_too(tmp_path, capsys):
    code, folder = made(web(), tmp_path)
    assert code == 0
    assert "Left out:\n  nothing" in (folder / "README.txt").read_text()
    assert "b.tar.gz is written" in capsys.readouterr().out


def test_a_user_without_any_right_gets_a_bundle_that_says_so(server, tmp_path):
    def refuse(namespace):
        raise ClusterError("Cannot list pools: forbidden \ud800", 403)

    server.objects = server.all_events = refuse
    server.refused = {
        "definition",
        "served",
        "leases",
        "deployments",
        "labelled_secret",
        "labelled_secrets",
        "allowed",
        "pods",
    }
    code, folder = made(server, tmp_path)
    assert code == 1
    assert "objects: Cannot list pools" in (folder / "README.txt").read_text()
    CANARY.folder(folder, "the bundle")


def test_it_is_its_owners_alone_and_overwrites_nothing(server, tmp_path, capsys):
    path = tmp_path / "b.tar.gz"
    former = os.umask(0)
    try:
        ran(server, "support-bundle", "-f", str(path))
    finally:
        os.umask(former)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert ran(server, "support-bundle", "-f", str(path)) == 3
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert ran(server, "support-bundle", "-f", str(tmp_path / "link")) == 3
    assert ran(server, "support-bundle", "-f", str(tmp_path / "none" / "b")) == 3
    assert path.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()
    assert "is there already" in capsys.readouterr().err


def test_without_a_name_it_has_the_time_in_its_name(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran(server, "support-bundle")
    assert [each.name for each in tmp_path.iterdir()] == ["infomaniak-support-20261128-120000.tar.gz"]


def test_the_log_before_a_restart_is_in_it(server, tmp_path):
    server.running = [pod(restarts=2)]
    server.written[f"{POD} before"] = "the last words\n"
    _, folder = made(server, tmp_path)
    assert (folder / "operator" / f"{POD}-before-restart.log").read_text() == "the last words"


def test_so_many_lines_of_a_log(server, tmp_path):
    server.written[POD] = "".join(f"line {number}\n" for number in range(100))
    _, folder = made(server, tmp_path, "--log-lines", "3")
    assert (folder / "operator" / f"{POD}.log").read_text().split() == ["line", "97", "line", "98", "line", "99"]


@pytest.mark.parametrize("number", ["0", "-1", "x", "1000001"])
def test_a_number_of_lines_that_is_none(server, number):
    with pytest.raises(SystemExit) as caught:
        ran(server, "support-bundle", "--log-lines", number)
    assert caught.value.code == 3


def test_it_is_bounded_and_says_what_had_no_room(server, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "MOST_BYTES", 30_000)
    monkeypatch.setattr(bundles, "MOST_ALTOGETHER", 60_000)
    server.more = tuple(planted(name=f"p{number}") for number in range(50))
    server.written[POD] = "a line of the log\n" * 10_000
    code, folder = made(server, tmp_path)
    assert code == 1
    assert sum(path.stat().st_size for path in folder.rglob("*.json")) < 61_000
    assert all(
        path.stat().st_size <= 30_000 for path in folder.rglob("*") if path.name != "README.txt" and path.is_file()
    )
    index = (folder / "README.txt").read_text()
    assert "of 50 (objects), for its size" in index
    assert "all but the last" in index
    assert len(json.loads((folder / "objects" / "ports.json").read_text())) > 0


def test_with_more_values_than_are_looked_for_nothing_of_strangers_is_in_it(server, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "MOST_VALUES", 3)
    code, folder = made(server, tmp_path)
    assert code == 1
    assert {each.name for each in folder.iterdir()} == {"README.txt", "doctor.json", "versions.json"}
    assert "more values than are looked for" in (folder / "README.txt").read_text()


def test_a_name_of_a_pod_leads_nowhere(server, tmp_path):
    server.running = [pod(name="../../x")]
    server.written = {"../../x": "a log"}
    _, folder = made(server, tmp_path)
    assert [each.name for each in (folder / "operator").glob("*.log")] == ["_.._x.log"]


def test_json_takes_no_rich_and_without_it_nothing_is_written(server, tmp_path, monkeypatch, capsys):
    for name in [each for each in sys.modules if each.split(".")[0] == "rich" or "plugin.terminal" in each]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(plugin, "terminal", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_NoRich, *sys.meta_path])
    assert ran(server, "support-bundle", "-f", str(tmp_path / "a"), "-o", "json") == 0
    assert ran(server, "support-bundle", "-f", str(tmp_path / "b")) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert "rich is not installed" in capsys.readouterr().err


class _NoRich:
    """Finds rich nowhere, as where it is not installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] == "rich":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


# The parts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password: abc def", "password: ***"),
        ("http://user:pass@host/x", "http://***@host/x"),
        ("http://user:pa/ss@host/x and more", "http://***@host/x and more"),
        ("http://user:p@ss@host/x", "http://***@host/x"),
        ('{"a":"http://user:pass@host","b":"me@host"}', '{"a":"http://***@host","b":"me@host"}'),
        ("https://host:5000/v3 is away", "https://host:5000/v3 is away"),
        ("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl is", "token *** is"),
        (f"before {KEY} after", "before *** after"),
        (f"before {KEY[:80]}", "before ***"),
        ("FloatingIP shop/web: Created 203.0.113.7", "FloatingIP shop/web: Created 203.0.113.7"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_though_nobody_knows_it(text, shown):
    assert Cleaner([]).text(text) == shown


def test_a_key_without_an_end_hides_no_more_than_a_key_may_have():
    told = Cleaner([]).text("-----BEGIN PRIVATE KEY-----\n" + "x" * 20_000 + "\nthe operator has stopped")
    assert told.startswith("***x")
    assert told.endswith("\nthe operator has stopped")
    assert "x" * 16_000 not in told


def test_a_number_may_be_a_password_and_depth_and_length_are_bounded():
    deep = {}
    inner = deep
    for _ in range(10_000):
        inner["a"] = inner = {}
    found = Cleaner(["314159"]).json(
        {"port": 314159, "weight": 3, "on": True, "none": None, "deep": deep, "long": "x" * 10**6}
    )
    assert found["port"] == "***"
    assert (found["weight"], found["on"], found["none"]) == (3, True, None)
    assert len(json.dumps(found)) < 30_000


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"auth_url": "https://keystone.example/v3", "username": "me", "password": "one-password"}, ["one-password"]),
        ({"clouds.yaml": "clouds: {a: {auth: {password: one-password, auth_url: 'https://x'}}}"}, ["one-password"]),
        ({"password": "two\nlines-of-it"}, ["two\nlines-of-it", "lines-of-it"]),
        ({"password": "abc", "tls.crt": "public"}, []),
        ({"tls.crt": f"public\n{KEY}"}, [f"public\n{KEY}", *KEY.splitlines()]),
    ],
)
def test_what_is_looked_for(data, found):
    packed = {base64.b64encode(each.encode()).decode() for each in data.values()}
    assert values_of({name: each.encode() for name, each in data.items()}) - packed == set(found)


def test_a_secret_of_bytes_is_looked_for_as_base64():
    raw = bytes(range(128, 200))
    assert base64.b64encode(raw).decode() in values_of({"blob": raw})
