"""Who may write our objects and Secrets in one namespace, and nothing else, against a tenant in another one.

Each test tries one thing of the threat model (docs/security.md). The fixtures look, after each, whether the other
tenant's objects and everything in that tenant's project are as they were, row by row; whether the operator still is the
same process, has logged no defect and no line that is none of its own; and whether a secret has come up anywhere.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest

from demo.flow import OPERATOR_NAMESPACE
from infomaniak_operator.controller.interfaces import FINALIZER
from sandbox import Environment
from tests.security.conftest import SHARED, House
from tests.support.bombs import HOSTILE
from tests.support.box import kubectl, until
from tests.support.byhand import ByHand
from tests.support.hostile import Talk, answer, hostile
from tests.support.manifests import floating_ip, interface, manifest, router
from tests.support.running import User, network
from tests.support.tenants import AT_HOME, AtHome, Tenant, condition, log_since, until_said
from tests.support.tree_hands import load_balancer

pytestmark = pytest.mark.slow

SUBNETS = [{"name": "a", "cidr": "10.91.0.0/24"}]
FORGED = "x\n2026-11-27T00:00:00+0000 ERROR   infomaniak_operator: forged\r\x1b[2J\x1b]0;owned\x07\u202e\u2028y"


def unowned(body: dict[str, Any]) -> dict[str, Any]:
    """The same with the operator's own credential, which is of the other tenant's project."""
    spec = {key: value for key, value in body["spec"].items() if key != "cloudCredentialsRef"}
    return {**body, "spec": spec}


def encoded(text: str | bytes) -> str:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return base64.b64encode(raw).decode()


def reason(env: Environment, by: Tenant, kind: str, name: str) -> str:
    return str(condition(until_said(env, by.namespace, kind, name)).get("reason"))


# What RBAC refuses.


def test_nothing_of_another_namespace_can_be_read_or_written(house: House, mallory: Tenant) -> None:
    for kind in ("secrets", "infomaniak", "events", "services"):
        assert mallory("get", kind, "-n", house.home).forbidden
    assert mallory("get", "secrets", "-n", OPERATOR_NAMESPACE).forbidden
    assert mallory("get", "infomaniak", "-A").forbidden
    assert mallory("delete", "inet", AT_HOME["inet"], "-n", house.home).forbidden
    patch = ["--type=merge", "-p", '{"spec": {"deletionPolicy": "Delete"}}']
    assert mallory("patch", "inet", AT_HOME["inet"], "-n", house.home, *patch).forbidden
    body = json.dumps({**network("intruder", subnets=SUBNETS), "metadata": {"name": "x", "namespace": house.home}})
    assert mallory("apply", "-f", "-", stdin=body).forbidden


def test_a_status_cannot_be_forged(env: Environment, house: House, mallory: Tenant, home: AtHome) -> None:
    """The chart's edit role has no right on it, and what comes with a create is dropped by the API server."""
    theirs = home.user.get("inet", AT_HOME["inet"]) or {}
    forged = {"id": theirs["status"]["id"], "projectID": theirs["status"]["projectID"], "inputsHash": "x"}
    paused = {"network.infomaniak.cloud/paused": "true"}
    body = unowned(network("forged", subnets=SUBNETS))
    mallory.must({**body, "metadata": {"name": "forged", "annotations": paused}, "status": forged})
    status = until_said(env, mallory.namespace, "inet", "forged")["status"]
    assert not set(forged) & set(status)
    patch = ["--subresource=status", "--type=merge", "-p", json.dumps({"status": forged})]
    assert mallory.here("patch", "inet", "forged", *patch).forbidden


def test_a_status_that_an_administrator_lets_be_forged_takes_nothing_that_is_marked(
    env: Environment, mallory: Tenant, home: AtHome
) -> None:
    """Of another's object, in the very project that the shared credential leads to."""
    theirs = (home.user.get("inet", AT_HOME["inet"]) or {})["status"]
    paused = {"network.infomaniak.cloud/paused": "true"}
    body = unowned(network("forged", subnets=SUBNETS))
    mallory.must({**body, "metadata": {"name": "forged", "annotations": paused, "finalizers": [FINALIZER]}})
    until_said(env, mallory.namespace, "inet", "forged")
    forged = {key: theirs[key] for key in ("id", "projectID", "region", "subnets")} | {
        "appliedFields": ["subnets", "name", "mtu", "\u0000", "x" * 1000],
        "inputsHash": "0" * 32,
        "observedGeneration": 1,
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "reason": "Available",
                "message": FORGED,
                "lastTransitionTime": "2026-11-27T00:00:00Z",
                "observedGeneration": 1,
            }
            for kind in ("Ready", "Synced", "CredentialsValid", "ReferencesResolved", "Invented")
        ],
    }
    patch = json.dumps({"status": forged})
    kubectl(
        env, "patch", "inet", "forged", "-n", mallory.namespace, "--subresource=status", "--type=merge", "-p", patch
    )
    mallory.here("annotate", "inet", "forged", "network.infomaniak.cloud/paused-")
    said = until(
        lambda: condition(until_said(env, mallory.namespace, "inet", "forged")).get("reason") == "Conflict" or None,
        "a Conflict",
    )
    assert said
    mallory.here("delete", "inet", "forged", "--timeout=60s")


# Credentials.


def test_a_secret_of_another_namespace_cannot_be_named(env: Environment, house: House, mallory: Tenant) -> None:
    names = [f"{house.home}/infomaniak", f"../{house.home}/infomaniak", f"..%2f{house.home}%2finfomaniak", SHARED]
    names += [f"infomaniak.{house.home}", "x/../infomaniak", f"{OPERATOR_NAMESPACE}/{SHARED}"]
    tried = []
    for number, name in enumerate(names):
        body = network(f"thief-{number}", subnets=SUBNETS)
        body["spec"]["cloudCredentialsRef"] = {"secretName": name, "cloudName": "infomaniak"}
        if mallory.apply(body).code == 0:  # else the schema has refused it
            tried.append(f"thief-{number}")
    assert tried
    for each in tried:
        assert reason(env, mallory, "inet", each) == "WaitingForReference", each


def test_the_operator_logs_in_nowhere_else(env: Environment, mallory: Tenant) -> None:
    """Whatever an address, or another key of a credential, says."""

    def listen(talk: Talk) -> None:
        talk.request()
        talk.say(answer(b"{}"))

    with hostile(listen) as elsewhere:
        port, good = elsewhere.port, env.auth_url
        host = good.removeprefix("http://").split("/")[0]
        addresses = [
            elsewhere.address,
            f"http://{host}@127.0.0.1:{port}/identity/v3",
            f"http://127.0.0.1:{port}\\@{host}/v3",
            f"http://{host}.127.0.0.1.nip.io:{port}/v3",
            f"{good}@127.0.0.1:{port}/",
            f"{good}/../../../@127.0.0.1:{port}/",
            f"http://127.0.0.1:{port}/?{good}",
            f"http://127.0.0.1:{port}/#{good}",
            f"http://127.0.0.1:{port}/{good}",
            f"//127.0.0.1:{port}/v3",
            "file:///etc/passwd",
            "http://169.254.169.254/latest/meta-data/",
        ]
        plain = {"application_credential_id": "a", "application_credential_secret": "b", "region_name": "r"}
        secrets = {f"address-{number}": {**plain, "auth_url": each} for number, each in enumerate(addresses)}
        for number, (key, value) in enumerate(
            {
                "endpoint_override": elsewhere.address,
                "network_endpoint_override": elsewhere.address,
                "profile": elsewhere.address,
                "cacert": "/etc/passwd",
                "auth_type": "v3oidcpassword",
                "identity_provider": elsewhere.address,
                "verify": "false",
            }.items()
        ):
            secrets[f"key-{number}"] = {**plain, "auth_url": good, key: value}
        for name, data in secrets.items():
            mallory.must(mallory.secret(name, {key: encoded(value) for key, value in data.items()}))
            body = network(name, subnets=SUBNETS)
            body["spec"]["cloudCredentialsRef"] = {"secretName": name}
            mallory.must(body)
        # The one that is on the allowed host leads there, and finds nothing.
        there = next(name for name, data in secrets.items() if data["auth_url"] == f"{good}@127.0.0.1:{port}/")
        for name in secrets:
            wanted = ("CloudError", "CredentialsInvalid") if name == there else ("CredentialsInvalid",)
            assert reason(env, mallory, "inet", name) in wanted, name
        assert elsewhere.connections == 0


def test_bad_secrets_stop_nobody_not_even_at_a_start(
    env: Environment, house: House, mallory: Tenant, home: AtHome
) -> None:
    """Each that is in the table of the unit tests, all at once, and with an object that is paused."""
    names = {f"bomb-{number}": text for number, text in enumerate(HOSTILE.values())}
    mallory.must(network("good", subnets=SUBNETS))
    kubectl(env, "wait", "--for=condition=Ready", "inet/good", "-n", mallory.namespace, "--timeout=60s")
    for name, text in names.items():
        mallory.must(mallory.secret(name, {"clouds.yaml": encoded(text)}))
    odd = {
        "no-base64-inside": {"auth_url": encoded(b"\xff\xfe")},
        "nothing": {},
        "large": {"clouds.yaml": encoded("#" * 700_000)},
    }
    for name, data in odd.items():
        mallory.must(mallory.secret(name, data))
    bodies = []
    for name in (*names, *odd):
        body = network(name, subnets=SUBNETS)
        body["spec"]["cloudCredentialsRef"] = {"secretName": name}
        bodies.append(body)
    mallory.must(*bodies)
    for name in (*names, *odd):
        assert reason(env, mallory, "inet", name) == "CredentialsInvalid", name
    # What was in order before, and is not looked at in a reconcile: a start asks whether it still is.
    mallory.here("annotate", "inet", "good", "network.infomaniak.cloud/paused=true")
    for number, text in enumerate(list(HOSTILE.values())[:6]):
        mallory.must({**mallory.secret("infomaniak", {"clouds.yaml": encoded(text)})})
        if number in (0, 5):
            house.process.kill()
            house.process.start()
            home.goes_on(f"after bomb {number}")


# References, marks, imports: what another has.


def test_an_object_of_another_namespace_cannot_be_referred_to(env: Environment, house: House, mallory: Tenant) -> None:
    names = [AT_HOME["inet"], f"{house.home}/{AT_HOME['inet']}", f"../{house.home}/{AT_HOME['inet']}"]
    for number, name in enumerate(names):
        body = router(f"r{number}", interfaces=[interface(name)])
        if mallory.apply(body).code == 0:
            said = condition(until_said(env, mallory.namespace, "irouter", f"r{number}"))
            assert said["reason"] == "WaitingForReference"
            assert house.home not in said["message"].replace(name, "")


def test_a_mark_cannot_be_written_into_a_spec(mallory: Tenant, home: AtHome) -> None:
    theirs = home.user.cloud.networks.get((home.user.get("inet", AT_HOME["inet"]) or {})["status"]["id"])
    tags = home.user.cloud.load_balancers.get((home.user.get("ilb", AT_HOME["ilb"]) or {})["status"]["id"])["tags"]
    marks = [theirs["description"], *tags]
    assert all("[ik" in mark for mark in marks)
    for mark in marks:
        for spec in ({"description": mark}, {"description": f"{mark} \n"}, {"tags": [mark]}):
            assert mallory.apply(network("copy", subnets=SUBNETS, **spec)).code, spec
        assert mallory.apply(network("copy", subnets=[{**SUBNETS[0], "description": mark}])).code


def test_what_is_marked_as_another_s_cannot_be_imported_nor_deleted(
    env: Environment, mallory: Tenant, home: AtHome
) -> None:
    """By id and by filter, of each kind, in the very project that the shared credential leads to."""
    names = {
        "inet": "InfomaniakNetwork",
        "irouter": "Router",
        "isg": "SecurityGroup",
        "iport": "Port",
        "ifip": "FloatingIP",
    }
    names |= {"ilb": "LoadBalancer"}
    statuses = {kind: (home.user.get(kind, AT_HOME[kind]) or {})["status"] for kind in names}
    tried = []
    for kind, whole in names.items():
        body = unowned(manifest(whole, f"by-id-{kind}", import_={"id": statuses[kind]["id"]}, deletionPolicy="Delete"))
        if mallory.apply(body).code == 0:
            tried.append((kind, f"by-id-{kind}"))
        else:
            pytest.fail(f"{kind}: nothing was tried: {mallory.apply(body).text}")
    filters = {
        "inet": {"name": AT_HOME["inet"]},
        "irouter": {"name": AT_HOME["irouter"]},
        "isg": {"name": AT_HOME["isg"]},
        "iport": {"name": AT_HOME["iport"]},
    }
    filters |= {"ifip": {"address": statuses["ifip"]["address"]}, "ilb": {"name": AT_HOME["ilb"]}}
    for kind, wanted in filters.items():
        mallory.must(unowned(manifest(names[kind], f"by-filter-{kind}", import_={"filter": wanted})))
        tried.append((kind, f"by-filter-{kind}"))
    taken = floating_ip("by-address", address=statuses["ifip"]["address"])
    mallory.must(unowned(taken))
    tried.append(("ifip", "by-address"))
    for kind, name in tried:
        assert reason(env, mallory, kind, name) in ("Conflict", "InvalidConfiguration"), (kind, name)
    for kind, name in tried:
        mallory.here("annotate", kind, name, "network.infomaniak.cloud/adopt-previous=true")
    home.unchanged()
    for kind, name in tried:
        assert mallory.here("delete", kind, name, "--timeout=60s").code == 0


def test_the_name_of_another_s_object_is_no_claim(env: Environment, mallory: Tenant, home: AtHome) -> None:
    """The same kind, name and project, with the annotation that takes over what a former object of that name made."""
    adopt = {"network.infomaniak.cloud/adopt-previous": "true"}
    body = unowned(network(AT_HOME["inet"], subnets=SUBNETS))
    body["metadata"]["annotations"] = adopt
    mallory.must(body)
    kubectl(env, "wait", "--for=condition=Ready", f"inet/{AT_HOME['inet']}", "-n", mallory.namespace, "--timeout=60s")
    own = until_said(env, mallory.namespace, "inet", AT_HOME["inet"])["status"]["id"]
    assert own != (home.user.get("inet", AT_HOME["inet"]) or {})["status"]["id"]
    assert mallory.here("delete", "inet", AT_HOME["inet"], "--timeout=60s").code == 0


def test_what_is_not_in_one_s_own_project_is_not_there(env: Environment, mallory: Tenant, home: AtHome) -> None:
    """By raw ids of the other project, with a credential of one's own."""
    status = (home.user.get("inet", AT_HOME["inet"]) or {})["status"]
    subnet, group = status["subnets"][1]["id"], (home.user.get("isg", AT_HOME["isg"]) or {})["status"]["id"]
    port = (home.user.get("ilb", AT_HOME["ilb"]) or {})["status"]["vipPortID"]
    mallory.must(network("own", subnets=SUBNETS))
    kubectl(env, "wait", "--for=condition=Ready", "inet/own", "-n", mallory.namespace, "--timeout=60s")
    tried = {
        "inet": manifest("InfomaniakNetwork", "foreign", import_={"id": status["id"]}),
        "irouter": router("foreign", interfaces=[{"subnetID": subnet}]),
        "ifip": floating_ip("foreign", portID=port),
        "ilb": load_balancer("foreign", subnet, vip={"subnetID": subnet, "securityGroupIDs": [group]}),
    }
    mallory.must(*tried.values())
    for kind in tried:
        body = until(
            lambda kind=kind: (
                found
                if condition(found := until_said(env, mallory.namespace, kind, "foreign")).get("reason")
                not in ("Creating", "Updating")
                else None
            ),
            f"{kind} is refused",
        )
        assert condition(body)["status"] == "False", kind


# Text, annotations, finalizers.


def test_no_text_forges_a_line_or_stops_anything(env: Environment, house: House, mallory: Tenant, home: AtHome) -> None:
    size = house.process.log.stat().st_size
    mallory.must(network("text", subnets=SUBNETS, name=FORGED, description=FORGED, tags=["a\u202eb", "\x1b[31mred"]))
    until_said(env, mallory.namespace, "inet", "text")
    text = {"stringData": {FORGED[:40].replace("\n", "_").replace(" ", "_").encode("ascii", "ignore").decode(): "x"}}
    assert mallory.apply({**mallory.secret("odd", {}), **text}).code  # a key that Kubernetes refuses
    clouds = json.dumps({"clouds": {FORGED: {"auth": {"auth_url": FORGED}, FORGED: FORGED}}})
    mallory.must(mallory.secret("forged", {"clouds.yaml": encoded(clouds)}))
    body = network("forged", subnets=SUBNETS)
    body["spec"]["cloudCredentialsRef"] = {"secretName": "forged", "cloudName": FORGED}
    mallory.must(body)
    said = condition(until_said(env, mallory.namespace, "inet", "forged"))
    assert said["reason"] == "CredentialsInvalid"
    assert said["message"].isprintable()
    lines = log_since(house.process.log, size).splitlines()
    assert [line for line in lines if line.endswith("forged") and line.startswith("2026-11-27T00:00:00")] == []
    home.sound()


def test_annotations_of_any_size_and_sense(env: Environment, mallory: Tenant, home: AtHome) -> None:
    big, prefix = "x" * 200_000, "network.infomaniak.cloud"
    values = {"paused": big, "dry-run": FORGED, "reconcile-at": big, "adopt-previous": "\u202e" * 1000, "made-up": big}
    for name, value in values.items():
        body = network(f"a-{name}", subnets=[{"name": "a", "cidr": "10.92.0.0/24"}])
        body["metadata"]["annotations"] = {f"{prefix}/{name}": value, "other.example/x": "y"}
        mallory.must(body)
    assert reason(env, mallory, "inet", "a-paused") == "Paused"
    assert reason(env, mallory, "inet", "a-dry-run") == "DryRun"
    for name in ("reconcile-at", "adopt-previous", "made-up"):
        kubectl(env, "wait", "--for=condition=Ready", f"inet/a-{name}", "-n", mallory.namespace, "--timeout=60s")
    for turn in range(30):  # faster than it can be looked at
        mallory.here("annotate", "--overwrite", "inet", "a-made-up", f"{prefix}/reconcile-at={turn}")
    home.goes_on("while it is looked at again and again")


def test_finalizers_taken_off_or_put_on_cost_their_owner_alone(env: Environment, mallory: Tenant, home: AtHome) -> None:
    mallory.must(network("n", subnets=SUBNETS))
    kubectl(env, "wait", "--for=condition=Ready", "inet/n", "-n", mallory.namespace, "--timeout=60s")
    cloud = User(env, mallory.namespace, env.projects["alpha"]).cloud
    made = until_said(env, mallory.namespace, "inet", "n")["status"]["id"]
    off = ["--type=merge", "-p", '{"metadata": {"finalizers": null}}']
    assert mallory.here("patch", "inet", "n", *off).code == 0
    until(
        lambda: (
            FINALIZER in (until_said(env, mallory.namespace, "inet", "n")["metadata"].get("finalizers") or ()) or None
        ),
        "the finalizer is put back",
    )
    # Off and away: what was made is left behind, and said to whoever makes one of that name again.
    mallory.here("annotate", "inet", "n", "network.infomaniak.cloud/paused=true")
    mallory.here("delete", "inet", "n", "--wait=false")
    mallory.here("patch", "inet", "n", *off)
    until(lambda: not kubectl(env, "get", "inet", "n", "-n", mallory.namespace, "--ignore-not-found"), "it is gone")
    assert cloud.networks.get(made)["id"] == made
    mallory.must(network("n", subnets=SUBNETS))
    said = condition(until_said(env, mallory.namespace, "inet", "n"))
    assert said["reason"] == "Conflict"
    assert made in said["message"]
    mallory.here("annotate", "inet", "n", "network.infomaniak.cloud/adopt-previous=true")
    kubectl(env, "wait", "--for=condition=Ready", "inet/n", "-n", mallory.namespace, "--timeout=60s")
    # A finalizer of their own, and the operator's on a Secret that is none of a credential.
    on = ["--type=merge", "-p", '{"metadata": {"finalizers": ["mallory.example/stay"]}}']
    plain = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plain", "finalizers": [FINALIZER]}}
    mallory.must(plain)
    assert mallory.here("delete", "secret", "plain", "--wait=false").code == 0
    assert mallory.here("patch", "secret", "infomaniak", *on).code == 0
    assert mallory.here("patch", "secret", "infomaniak", *off).code == 0
    mallory.here("patch", "secret", "plain", *off)
    home.goes_on("finalizers came and went")


def test_nobody_else_s_deletion_is_blocked(env: Environment, house: House, mallory: Tenant, home: AtHome) -> None:
    """By references and by owners: to objects that have the names of the other tenant's."""
    owner = {"apiVersion": "network.infomaniak.cloud/v1alpha1", "kind": "InfomaniakNetwork", "name": AT_HOME["inet"]}
    uid = (home.user.get("inet", AT_HOME["inet"]) or {})["metadata"]["uid"]
    body = router("leech", interfaces=[interface("victim"), interface(AT_HOME["inet"])])
    body["metadata"]["ownerReferences"] = [{**owner, "uid": uid, "blockOwnerDeletion": False}]
    mallory.must(body)
    until(
        lambda: (
            not kubectl(env, "get", "irouter", "leech", "-n", mallory.namespace, "--ignore-not-found")
            or condition(until_said(env, mallory.namespace, "irouter", "leech"))
        ),
        "it is looked at, or collected as the orphan that it says it is",
    )
    user = User(env, house.home, env.projects["beta"])
    user.apply(network("victim", subnets=[{"name": "v", "cidr": "10.93.0.0/24"}]))
    user.until_ready("inet", "victim")
    user.delete("inet", "victim")


def test_slices_that_a_tenant_writes_reach_only_their_own_pool(env: Environment, mallory: Tenant, home: AtHome) -> None:
    """EndpointSlices for a Service of another namespace, and odd ones for one's own."""
    mallory.must(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"ports": [{"port": 80}], "clusterIP": "None"},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "odd", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 8080}],
            "endpoints": [{"addresses": [f"10.91.0.{each}"], "conditions": {"ready": True}} for each in range(10, 60)],
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "names", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "FQDN",
            "ports": [],
            "endpoints": [{"addresses": ["evil.example.com"]}],
        },
    )
    mallory.must(
        manifest(
            "Pool",
            "web",
            loadBalancerRef={"name": "none"},
            protocol="HTTP",
            algorithm="ROUND_ROBIN",
            membersFrom={"serviceRef": {"name": "web"}, "mode": "Endpoints"},
        )
    )
    until_said(env, mallory.namespace, "ipool", "web")
    home.goes_on("slices came")


def test_a_flood_delays_nobody_for_long(env: Environment, mallory: Tenant, home: AtHome) -> None:
    """The short form, on the real services; the long one is tests/security/test_flood.py, on the controller alone."""
    many = [network(f"flood-{number:03}", subnets=[{"name": "a", "cidr": "10.94.0.0/24"}]) for number in range(60)]
    for body in many:
        body["spec"]["cloudCredentialsRef"] = {"secretName": f"none-{uuid.uuid4().hex}"}
    mallory.must(*many)
    home.goes_on("in the flood")


def test_what_others_made_by_hand_stays(env: Environment, mallory: Tenant, home: AtHome) -> None:
    """In one's own project, too: what one only reads is not deleted with the object."""
    hands = ByHand(User(env, mallory.namespace, env.projects["alpha"]).cloud)
    row, _ = hands.network("by-hand", "10.95.0.0/24")
    row = hands.cloud.networks.get(row["id"])
    try:
        mallory.must(
            manifest(
                "InfomaniakNetwork",
                "read",
                import_={"id": row["id"]},
                managementPolicy="Unmanaged",
                deletionPolicy="Delete",
            )
        )
        kubectl(env, "wait", "--for=condition=Ready", "inet/read", "-n", mallory.namespace, "--timeout=60s")
        assert mallory.here("delete", "inet", "read", "--timeout=60s").code == 0
        assert hands.cloud.networks.get(row["id"]) == row
    finally:
        assert hands.clean() == []
