"""``kubectl infomaniak preflight``: what manifests need, held against what the operator then makes of them."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest
import yaml

from infomaniak_operator.api.model import ApiModel
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.api.types import Ref
from infomaniak_operator.api.v1alpha1.tls_types import SecretRef
from infomaniak_operator.client import AuthenticationError, CloudConnectionError
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.named import REFERENCES
from infomaniak_operator.plugin.preflight import yaml_documents
from infomaniak_operator.plugin.preflight.list_keys import doubled
from infomaniak_operator.plugin.preflight.yaml_documents import Unreadable, documents
from tests.support.bombs import HOSTILE
from tests.support.forest import Forest
from tests.support.objects import CREDENTIAL, NAMESPACE, custom, network, secret, subnet
from tests.support.plugin_server import PluginServer, ran, web
from tests.support.recorded import example

READY, WAITS, CANNOT, FAILED = range(4)
EXAMPLES = ("network", "office", "ports", "web", "routing", "mail")


def manifest(body):
    """As a person writes it."""
    meta = {"name": body["metadata"]["name"]}
    return {**{name: body[name] for name in ("apiVersion", "kind", "spec")}, "metadata": meta}


@pytest.fixture
def write(tmp_path):
    def written(*bodies, name="stack.yaml", text=None):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump_all(map(manifest, bodies)) if text is None else text)
        return str(path)

    return written


def empty():
    world = Forest()
    for row in _external(world):
        row["name"] = "ext-floating1"
    return PluginServer(world)


def _external(world):
    return [row for row in world.table("networks") if row.get("router:external")]


def preflight(server, capsys, *words):
    """The exit code and the report; whatever is asked, nothing is changed."""
    capsys.readouterr()
    before, version = len(server.world.fake.changes()), server.world.kube.version
    code = ran(server, "preflight", "-o", "json", *words)
    told = capsys.readouterr()
    assert len(server.world.fake.changes()) == before
    assert server.world.kube.version == version
    return code, json.loads(told.out) if told.out else told.err


def said(report):
    return [
        (each["verdict"], each["check"], f"{each['kind']}/{each['name']}", each["message"])
        for each in report["problems"]
    ]


# ── what is needed ──


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_an_example_needs_is_what_the_operator_makes(name, write, capsys):
    bodies = example(name)
    world = Forest()
    before = {table: len(rows) for table, rows in world.fake.tables.items()}
    code, report = preflight(PluginServer(world), capsys, "-f", write(*bodies))
    assert code == READY, report["problems"]
    needed = {each["type"]: each["needed"] - each["ofDHCP"] for each in report["quota"]}
    world.apply_all(bodies)
    world.run(120.0)
    world.all_ready()
    made = {table: len(rows) - before[table] for table, rows in world.fake.tables.items()}
    of_addresses = sum(row["device_owner"] == "network:floatingip" for row in world.table("ports"))
    gateways = sum(row["device_owner"] == "network:router_gateway" for row in world.table("ports"))
    dhcp = sum(row["device_owner"] == "network:dhcp" for row in world.table("ports"))
    by_hand = sum(row["name"] == "default" for row in world.table("security_groups"))
    expected = {
        "network": made["networks"],
        "subnet": made["subnets"],
        "router": made["routers"],
        "port": made["ports"] - of_addresses - gateways - dhcp,
        "floating IP": made["floating_ips"],
        "security group": made["security_groups"] - by_hand,  # a project has one from the start
        "load balancer": made["load_balancers"],
        "listener": made["listeners"],
        "pool": made["pools"],
        "member": made["members"],
        "health monitor": made["health_monitors"],
        "L7 policy": made["l7policies"],
        "L7 rule": made["l7rules"],
    }
    rules = needed.pop("security group rule", 0)
    assert {name: count for name, count in expected.items() if count} == {n: c for n, c in needed.items() if c}
    assert rules <= made["security_group_rules"]


def test_ports_of_dhcp_are_counted_as_the_projects_networks_have_them(write, capsys):
    world = Forest(network("there", subnets=[subnet("v4")]))
    world.run()
    there = next(row["id"] for row in world.table("networks") if row["name"] == "there")
    for _ in range(2):
        world.others.ports.create({"network_id": there})
    for row in world.table("ports"):
        row["device_owner"] = "network:dhcp"
    path = write(network("a", subnets=[subnet("v4"), subnet("w4", "10.2.0.0/24", enableDHCP=False)]))
    _, report = preflight(PluginServer(world), capsys, "-f", path)
    (ports,) = [each for each in report["quota"] if each["type"] == "port"]
    assert (ports["needed"], ports["ofDHCP"]) == (2, 2)


def test_of_what_is_there_only_the_difference_is_needed(write, capsys):
    world = Forest(network("a", subnets=[subnet("v4")]))
    world.run()
    server = PluginServer(world)
    code, report = preflight(server, capsys, "-f", write(network("a", subnets=[subnet("v4")])))
    assert (code, report["quota"], report["objects"][0]["action"]) == (READY, [], "update")
    _, report = preflight(
        server, capsys, "-f", write(network("a", subnets=[subnet("v4"), subnet("w4", "10.2.0.0/24")]))
    )
    assert {each["type"]: (each["needed"], each["used"]) for each in report["quota"]}["subnet"] == (1, 1)
    assert "network" not in {each["type"] for each in report["quota"]}


def test_what_is_in_the_cluster_and_not_made_yet_is_needed_in_full(write, capsys):
    server = PluginServer(Forest(network("a", subnets=[subnet("v4")])))
    _, report = preflight(server, capsys, "-f", write(network("a", subnets=[subnet("v4")])))
    assert {each["type"]: each["needed"] for each in report["quota"]}["network"] == 1


def test_what_is_imported_needs_nothing(write, capsys):
    world = Forest()
    there = world.others.networks.create({"name": "theirs"})
    bodies = [network("a", **{"import": {"id": there["id"]}, "managementPolicy": "Unmanaged"})]
    code, report = preflight(PluginServer(world), capsys, "-f", write(*bodies))
    assert (code, report["quota"]) == (READY, [])


@pytest.mark.parametrize(
    ("quota", "bodies", "words"),
    [
        ("networks=0", [network("a")], "1 network needed, 0 of 0 used"),
        (
            "ports=0",
            [network("a", subnets=[subnet("v4")]), custom("Port", "p", {"networkRef": {"name": "a"}})],
            "port",
        ),
        ("pools=1", [*example("routing")], "2 pools needed, 0 of 1 used"),
        ("members=0", [*example("routing")], "2 members needed, 0 of 0 used"),
        ("l7rules=3", [*example("routing")], "L7 rules needed, 0 of 3 used"),
        ("listeners=0", [*example("routing")], "1 listener needed, 0 of 0 used"),
    ],
)
def test_what_certainly_passes_the_quota_cannot_work(quota, bodies, words, write, capsys):
    server = empty()
    quota, _, given = quota.partition("=")
    limit = server.world.fake.quotas[quota] = int(given)
    code, report = preflight(server, capsys, "-f", write(*bodies))
    assert code == CANNOT
    assert [(verdict, check) for verdict, check, _, _ in said(report)] == [("CannotWork", "quota")]
    assert words in report["problems"][0]["message"]
    assert [each["passed"] for each in report["quota"] if each["limit"] == limit and each["needed"] > limit]
    server.world.fake.quotas[quota] = 500
    assert preflight(server, capsys, "-f", write(*bodies))[0] == READY


def test_no_limit_is_none_and_passes_never(write, capsys):
    server = empty()
    server.world.fake.quotas["networks"] = -1
    code, report = preflight(server, capsys, "-f", write(network("a")))
    (row,) = [each for each in report["quota"] if each["type"] == "network"]
    assert (code, row["limit"], row["passed"]) == (READY, None, False)


# ── what is missing ──


def test_references_in_the_files_and_in_the_cluster_are_found(write, capsys):
    world = Forest(network("there", subnets=[subnet("v4")]))
    bodies = [
        network("here", subnets=[subnet("v4", "10.9.0.0/24")]),
        custom("Router", "r", {"interfaces": [{"networkRef": {"name": "here"}}, {"networkRef": {"name": "there"}}]}),
    ]
    code, report = preflight(PluginServer(world), capsys, "-f", write(*bodies))
    assert (code, said(report)) == (READY, [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (custom("Router", "r", {"interfaces": [{"networkRef": {"name": "none"}}]}), "spec.interfaces[0].networkRef: there is no InfomaniakNetwork none"),
        (custom("Router", "r", {"interfaces": [{"networkRef": {"name": "n"}, "subnet": "v7"}]}), "InfomaniakNetwork n has no subnet v7; it has: v4"),
        (custom("Pool", "p", {"loadBalancerRef": {"name": "none"}, "protocol": "TCP", "algorithm": "ROUND_ROBIN"}), "there is no LoadBalancer none"),
        (custom("SecurityGroup", "s", {"rules": [{"direction": "ingress", "remoteGroupRef": {"name": "none"}}]}), "there is no SecurityGroup none"),
        (custom("Port", "p", {"networkRef": {"name": "n"}, "securityGroupRefs": [{"name": "none"}]}), "there is no SecurityGroup none"),
        (network("o", cloudCredentialsRef={"secretName": "none"}), "there is no Secret none"),
    ],
)  # fmt: skip
def test_what_is_referred_to_and_nowhere_would_be_waited_for(body, message, write, capsys):
    code, report = preflight(empty(), capsys, "-f", write(network("n", subnets=[subnet("v4")]), body))
    assert code == WAITS
    assert [(verdict, check) for verdict, check, _, _ in said(report)] == [("Waits", "reference")]
    assert message in report["problems"][0]["message"]


def test_a_secret_in_the_files_counts_if_it_has_the_label(write, capsys):
    labelled = {"network.infomaniak.cloud/credentials": "true"}
    body = network("n", cloudCredentialsRef={"secretName": "mine"})
    for labels, verdicts in ((labelled, []), ({}, ["Waits"])):
        key = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine", "labels": labels}}
        text = yaml.safe_dump_all([manifest(body), {**key, "stringData": {"clouds.yaml": "never-shown-text"}}])
        code, report = preflight(empty(), capsys, "-f", write(text=text))
        assert [each[0] for each in said(report)] == verdicts
        assert code == WAITS  # the cloud is not asked with what is in a file
        assert "never-shown-text" not in json.dumps(report)
        assert report["ignored"] == {"v1 Secret": 1}
        assert "not in the cluster yet" in report["notChecked"][0]


def test_a_secret_in_the_cluster_without_the_label_would_be_waited_for(write, capsys):
    bare = secret()
    bare["metadata"]["labels"] = {}
    code, report = preflight(PluginServer(Forest(bare, with_secret=False)), capsys, "-f", write(network("n")))
    assert (code, said(report)[0][:2]) == (WAITS, ("Waits", "reference"))
    assert "Secret infomaniak lacks the label" in report["problems"][0]["message"]


def test_names_and_ids_in_the_cloud_are_looked_for(write, capsys):
    nowhere = "00000000-0000-4000-8000-000000000000"
    bodies = [
        custom("Router", "r", {"externalGateway": {"networkName": "ext-none"}, "interfaces": [{"subnetID": nowhere}]}),
        network("byid", **{"import": {"id": nowhere}}),
        network("byname", **{"import": {"filter": {"name": "nothing"}}}),
        custom("FloatingIP", "f", {"externalNetwork": {"networkID": nowhere}}),
    ]
    code, report = preflight(empty(), capsys, "-f", write(*bodies))
    assert code == WAITS
    found = {(name, message.partition(":")[0]) for _, _, name, message in said(report)}
    assert found == {
        ("Router/r", "spec.externalGateway.networkName"),
        ("Router/r", "spec.interfaces[0].subnetID"),
        ("InfomaniakNetwork/byid", "spec.import.id"),
        ("InfomaniakNetwork/byname", "spec.import.filter"),
        ("FloatingIP/f", "spec.externalNetwork.networkID"),
    }
    assert "there are: ext-floating1" in json.dumps(report)


def test_an_import_that_means_two_cannot_work(write, capsys):
    server = empty()
    for _ in range(2):
        server.world.others.networks.create({"name": "twin"})
    code, report = preflight(server, capsys, "-f", write(network("n", **{"import": {"filter": {"name": "twin"}}})))
    assert (code, said(report)[0][:2]) == (CANNOT, ("CannotWork", "cloud"))
    assert "2 networks match name=twin" in report["problems"][0]["message"]


@pytest.mark.parametrize("there", ["files", "cluster"])
def test_ranges_that_overlap_behind_one_router_cannot_work(there, write, capsys):
    one, two = (
        network("one", subnets=[subnet("a", "10.1.0.0/16")]),
        network("two", subnets=[subnet("b", "10.1.9.0/24")]),
    )
    legs = [{"networkRef": {"name": "one"}, "subnet": "a"}, {"networkRef": {"name": "two"}}]
    router = custom("Router", "r", {"interfaces": legs})
    world = Forest(*([one] if there == "cluster" else []))
    code, report = preflight(
        PluginServer(world), capsys, "-f", write(two, router, *([one] if there == "files" else []))
    )
    assert (code, said(report)[0][:3]) == (CANNOT, ("CannotWork", "overlap", "Router/r"))
    apart = network("two", subnets=[subnet("b", "10.2.9.0/24")])
    assert preflight(PluginServer(world), capsys, "-f", write(apart, router, one))[0] == READY


# ── what is wrong with a manifest by itself ──


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spec": {"subnetz": []}}, "spec.subnetz: is not known"),
        ({"spec": {"mtu": "1400"}}, "spec.mtu: "),
        ({"spec": {"subnets": [{"cidr": "10.0.0.0/24"}]}}, "spec.subnets[0].name: is required; add it"),
        ({"spec": {"subnets": [{"name": "a", "cidr": "10.0.0.5/24"}]}}, "spec.subnets[0].cidr"),
        ({"spec": {"description": None}}, "description is null"),
        ({"spec": None}, "spec: is required"),
        ({"spec": [1]}, "spec: is required"),
        ({"metadata": {"name": "Not_A_Name"}}, "metadata.name"),
        ({"metadata": {}}, "metadata.name"),
        ({"metadata": 7}, "metadata.name"),
        ({"kind": "Network"}, "there is no 'Network'"),
        ({"apiVersion": "network.infomaniak.cloud/v9"}, "apiVersion: the version is v1alpha1"),
        ({"data": {}}, "data is not known"),
    ],
)
def test_what_the_schema_says(change, message, write, capsys):
    text = yaml.safe_dump({**manifest(network("n")), **change})
    code, report = preflight(empty(), capsys, "-f", write(text=text))
    assert code == CANNOT
    assert {each[:2] for each in said(report)} == {("CannotWork", "schema")}
    assert any(message in each[3] for each in said(report)), said(report)


def test_one_object_twice_is_said(write, capsys):
    code, report = preflight(empty(), capsys, "-f", write(network("n")), "-f", write(network("n"), name="again.yaml"))
    assert code == CANNOT
    assert "is there 2 times" in report["problems"][0]["message"]


def test_what_the_api_server_says_is_asked_for_only_when_wanted(write, capsys):
    server = empty()
    server.not_taken["n"] = "spec: Invalid value: a rule"
    path = write(network("n"))
    assert preflight(server, capsys, "-f", path)[0] == READY
    assert server.dry_runs == []
    code, report = preflight(server, capsys, "-f", path, "--server-dry-run")
    assert (code, said(report)[0][1:]) == (CANNOT, ("server", "InfomaniakNetwork/n", "spec: Invalid value: a rule"))
    assert server.dry_runs == [("InfomaniakNetwork", NAMESPACE, "n")]

    def forbidden(body, namespace):
        raise ClusterError("Cannot dry-run: forbidden")

    server.dry_run = forbidden
    code, report = preflight(server, capsys, "-f", path, "--server-dry-run")
    assert (code, report["notChecked"]) == (WAITS, ["the dry run: Cannot dry-run: forbidden"])


# ── what cannot be found out ──


@pytest.mark.parametrize(
    "ask", [("LIST", "pools"), ("GET", "quotas"), ("LIST", "networks"), ("LIST", "ports"), ("GET", "subnets")]
)
def test_what_cannot_be_asked_is_not_checked_and_never_none(ask, write, capsys):
    server = empty()
    perform = server.world.fake.perform

    def failing(method, collection, subject, act):
        if (method, collection) == ask:
            raise CloudConnectionError("no answer")
        return perform(method, collection, subject, act)

    server.world.fake.perform = failing
    legs = [{"subnetID": "00000000-0000-4000-8000-000000000000"}]
    gateway = {"networkName": "ext-floating1"}
    bodies = [*example("routing"), custom("Router", "r", {"externalGateway": gateway, "interfaces": legs})]
    code, report = preflight(server, capsys, "-f", write(*bodies))
    assert code == WAITS
    assert report["notChecked"]
    assert not [each for each in report["problems"] if each["check"] == "quota"]
    if ask == ("LIST", "pools"):
        assert {"pool", "member"}.isdisjoint({each["type"] for each in report["quota"]})
    if ask == ("GET", "subnets"):
        assert report["problems"] == []


def test_a_cluster_that_cannot_be_listed_is_not_an_empty_one(write, capsys):
    server = empty()

    def forbidden(namespace):
        raise ClusterError("Cannot list routers: forbidden")

    server.objects = forbidden
    server.world.fake.quotas["routers"] = 0
    bodies = [network("n"), custom("Router", "r", {"interfaces": [{"networkRef": {"name": "elsewhere"}}]})]
    code, report = preflight(server, capsys, "-f", write(*bodies))
    assert (code, said(report)) == (WAITS, [])  # it may be there, and may have been made
    assert {each["action"] for each in report["objects"]} == {"unknown"}
    assert any("forbidden" in each for each in report["notChecked"])


def test_a_secret_that_may_not_be_read_is_not_a_missing_one(write, capsys):
    server = empty()

    def forbidden(namespace, name):
        raise ClusterError("Cannot read Secret/infomaniak: forbidden")

    server.secret = server.labelled_secret = forbidden
    code, report = preflight(server, capsys, "-f", write(network("n")))
    assert (code, said(report), report["quota"]) == (WAITS, [], [])
    assert any("forbidden" in each for each in report["notChecked"])


def test_a_credential_that_is_refused_cannot_work(write, capsys):
    server = empty()

    def refused(_):
        raise AuthenticationError("revoked")

    server.world.login = refused
    code, report = preflight(server, capsys, "-f", write(network("n")))
    assert (code, said(report)[0][:2]) == (CANNOT, ("CannotWork", "credential"))


def test_another_credential_may_be_named(tmp_path, write, capsys):
    auth = {name: value for name, value in CREDENTIAL.items() if name != "region_name"}
    entry = {"auth_type": "v3applicationcredential", "auth": auth, "region_name": CREDENTIAL["region_name"]}
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(yaml.safe_dump({"clouds": {"mine": entry}}))
    body = network("n", cloudCredentialsRef=...)
    code, report = preflight(empty(), capsys, "-f", write(body))
    assert (code, report["quota"]) == (WAITS, [])
    assert "--clouds-yaml" in report["notChecked"][0]
    code, report = preflight(empty(), capsys, "-f", write(body), "--clouds-yaml", str(clouds))
    assert (code, [each["type"] for each in report["quota"]]) == (READY, ["network"])
    assert preflight(empty(), capsys, "-f", write(body), "--clouds-yaml", "/nowhere")[0] == FAILED


# ── files ──


def test_folders_lists_json_and_standard_input(tmp_path, write, capsys, monkeypatch):
    write(network("a"), name="dir/a.yaml")
    write(text=json.dumps(manifest(network("b")), indent="\t"), name="dir/b.json")
    write(text="no manifest: [", name="dir/notes.txt")
    write(network("c"), name="dir/deep/c.yml")
    listed = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [manifest(network("d")), {"apiVersion": "v1", "kind": "Pod"}],
    }
    write(text="---\n---\n" + yaml.safe_dump(listed) + "---\n", name="list.yaml")
    monkeypatch.setattr(
        sys, "stdin", SimpleNamespace(buffer=io.BytesIO(yaml.safe_dump(manifest(network("e"))).encode()))
    )

    def names(*words):
        return [each["name"] for each in preflight(empty(), capsys, *words)[1]["objects"]]

    folder = str(tmp_path / "dir")
    assert names("-f", folder) == ["a", "b"]
    assert names("-f", folder, "-R") == ["a", "b", "c"]
    assert names("-f", str(tmp_path / "list.yaml"), "-f", "-") == ["d", "e"]


def test_the_namespace_of_a_manifest_counts(write, capsys):
    text = yaml.safe_dump({**manifest(network("n")), "metadata": {"name": "n", "namespace": "other"}})
    server = empty()
    _, report = preflight(server, capsys, "-f", write(text=text))
    assert [each["namespace"] for each in report["objects"]] == ["other"]
    assert server.asked == ["other"]
    assert "there is no Secret infomaniak" in report["problems"][0]["message"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: !!python/object:os.system {}\n", "the tag 'tag:yaml.org,2002:python/object:os.system' is not read"),
        ("a: !custom 1\n", "line 1: the tag"),
        ("a: {<<: {b: 1}}\n", "merge key"),
        ("a: 1\na: 2\n", "line 2: the key 'a' is there twice"),
        ("a: [1\n", "line 2: "),
        ("a: *none\n", "line 1: "),
        ("a: &a [*a]\n", "line 1: an alias stands for nothing that is complete"),
        ("? [1]\n: 2\n", "a key in it is no text"),
        ("[" * 10_000, "nest"),
        ('{"a":' * 10_000, "nest"),
        ("[" * 90 + "]" * 90, "nested more than 64 deep"),
        ("- " * 90, "nested more than"),
        ("- " * 5000, "nest"),
        ("---\na\n" * 1001, "more than 1000 documents"),
        ("[" + "1," * 200_000 + "]", "more than 100000 values"),
        ("a: 1\n---\njust a text\n", "no object of Kubernetes"),
        ("a: \x00", "cannot be read"),
        ("7", "no object of Kubernetes"),
    ],
)  # fmt: skip
def test_hostile_files_have_a_clear_message(text, message, write, capsys):
    code, told = preflight(empty(), capsys, "-f", write(text=text))
    assert code == FAILED
    assert message in told
    assert "Traceback" not in told
    assert len(told) < 500


def test_aliases_are_read_as_long_as_they_stay_small():
    assert documents("a: &x {b: [1, 2]}\nc: *x\n") == [{"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}]
    bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n"
    for one, two in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{two}: &{two} [{', '.join([f'*{one}'] * 9)}]\n"
    with pytest.raises(Unreadable, match="more than 100000 values, aliases written out"):
        documents(bomb)
    deep = "a0: &a0 [1]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(100))
    with pytest.raises(Unreadable, match="nested more than"):
        documents(deep)


@pytest.mark.parametrize("name", HOSTILE)
def test_bombs_that_credentials_are_tried_with_do_no_harm_here(name):
    text = HOSTILE[name]
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    said_of_it = ""
    try:
        documents(text)
    except Unreadable as error:
        said_of_it = str(error)
    assert len(said_of_it) < 300


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("False", False), ("~", None), ("", None), ("7", 7), ("-0", 0), ("0x1F", 31), ("1.5", 1.5),
        ("1e3", 1000.0), ("'7'", "7"), ("10.0.0.1", "10.0.0.1"), ("2026-11-28", "2026-11-28"), ("22:22", "22:22"),
        ("1_000", "1_000"), ("9" * 100, "9" * 100), (".", "."), ("0b1", "0b1"),
    ],
)  # fmt: skip
def test_plain_values_are_what_kubectl_takes_them_for(text, value):
    assert documents(f"a: {text}\n") == [{"a": value}]


def test_files_that_are_too_large_or_not_there(write, capsys, monkeypatch):
    assert preflight(empty(), capsys, "-f", "/nowhere/at/all")[0] == FAILED
    path = write(text="a" * (4 * 2**20 + 1))
    code, told = preflight(empty(), capsys, "-f", path)
    assert (code, "has more than 4 MiB" in told) == (FAILED, True)
    monkeypatch.setattr(yaml_documents, "MAX_DOCUMENTS", 2)
    assert preflight(empty(), capsys, "-f", write(network("a"), network("b"), network("c")))[0] == FAILED


# ── on a terminal ──


def test_on_a_terminal_all_of_it_is_told(write, capsys):
    server = empty()
    server.world.fake.quotas["routers"] = 0
    bodies = [network("n", mtu="x\x1b[31m"), custom("Router", "r", {"interfaces": [{"networkRef": {"name": "none"}}]})]
    pod = {"apiVersion": "v1", "kind": "Pod\x1b[2J"}
    path = write(text=yaml.safe_dump_all([*map(manifest, bodies), pod]))
    assert ran(server, "preflight", "-f", path) == CANNOT
    told = capsys.readouterr().out
    assert "\x1b" not in told
    for words in (
        "2 objects of network.infomaniak.cloud: 2 new.", "Ignored: 1 v1 Pod", "Cannot work", "InfomaniakNetwork/n: spec.mtu",
        "Would wait", "Router/r: spec.interfaces[0].networkRef", "Not checked", "--server-dry-run", "no room",
        "✗ The manifests cannot work as they are.",
    ):  # fmt: skip
        assert words in told


def test_nothing_of_ours_is_nothing_to_do(write, capsys):
    path = write(text="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert ran(empty(), "preflight", "-f", path) == READY
    assert "Nothing to do." in capsys.readouterr().out


def test_an_update_of_a_stack_that_stands_needs_nothing(write, capsys):
    server = web()
    bodies = [each.body for each in server.objects(NAMESPACE)]
    code, report = preflight(server, capsys, "-f", write(*bodies))
    assert (code, report["quota"], report["problems"], report["notChecked"]) == (READY, [], [], [])
    assert {each["action"] for each in report["objects"]} == {"update"}


# ── no field is forgotten ──


def test_every_field_that_refers_to_an_object_is_known():
    found, pending = set(), [kind.spec for kind in KINDS.values()]
    seen = set()
    while pending:
        model = pending.pop()
        if model in seen:
            continue
        seen.add(model)
        for field in model.model_fields.values():
            for part in _types(field.annotation):
                if part in (Ref, SecretRef):
                    found.add(field.alias)
                elif isinstance(part, type) and issubclass(part, ApiModel):
                    pending.append(part)
    assert found == set(REFERENCES)


def _types(annotation):
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(each for one in inner for each in _types(one))]


def test_every_kind_is_counted_by_an_example():
    assert {body["kind"] for name in EXAMPLES for body in example(name)} == set(KINDS)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"annotations": {"network.infomaniak.cloud/paused": True}}, "annotations.network.infomaniak.cloud/paused"),
        ({"annotations": ["paused"]}, "annotations"),
        ({"labels": {"tier": 1}}, "labels.tier"),
        ({"labels": {"tier": "a b"}}, "labels.tier"),
        ({"labels": "tier"}, "labels"),
        ({"namespace": 5}, "namespace"),
        ({"namespace": "Shop_1"}, "namespace"),
    ],
)
def test_metadata_that_the_api_server_refuses_cannot_work(metadata, said, write, capsys):
    body = manifest(network("n"))
    body["metadata"] |= metadata
    code, report = preflight(web(), capsys, "-f", write(text=yaml.safe_dump(body)))
    assert code == CANNOT
    assert any(each["message"].startswith(f"metadata.{said}: ") for each in report["problems"])


def test_metadata_that_the_api_server_takes_is_fine(write, capsys):
    body = manifest(network("n"))
    body["metadata"] |= {
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/part-of": "shop", "empty": "", "none": None},
        "annotations": {"network.infomaniak.cloud/paused": "true", "text": "a b\n", "none": None},
    }
    code, report = preflight(web(), capsys, "-f", write(text=yaml.safe_dump(body)))
    assert not [each for each in report["problems"] if each["check"] == "schema"]
    assert code != CANNOT


def test_the_name_of_a_file_moves_no_cursor(tmp_path, capsys):
    (tmp_path / "\x1b[2J\u202eevil.yaml").write_text("a: [")
    assert ran(web(), "preflight", "-f", str(tmp_path)) == FAILED
    told = capsys.readouterr().err
    assert "evil.yaml cannot be read" in told
    assert "\x1b" not in told
    assert "\u202e" not in told


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            {"subnets": [{"name": "a", "cidr": "10.9.0.0/24"}, {"name": "a", "cidr": "10.8.0.0/24"}]},
            "spec.subnets[1]: name a ",
        ),
        ({"subnets": [{"name": "a", "cidr": "10.9.0.0/24"}, {"name": "b", "cidr": "10.8.0.0/24"}]}, None),
    ],
)
def test_what_is_in_a_list_twice_cannot_work(spec, said, write, capsys):
    code, report = preflight(web(), capsys, "-f", write(network("n", **spec)))
    told = [each["message"] for each in report["problems"] if each["check"] == "schema"]
    assert (code == CANNOT) is bool(said)
    assert [each.startswith(said) for each in told] == ([True] if said else [])


@pytest.mark.parametrize("name", [*EXAMPLES, "shop"])
def test_nothing_in_an_example_counts_as_there_twice(name):
    for body in example(name):
        assert list(doubled(body["kind"], body["spec"])) == []
