"""No secret comes out: of a real process at DEBUG, of a cloud that repeats what it was sent, of a defect.

The secrets are such that each way of writing them down is another one. The same search is the end of every other tier:
see ``tests/support/canary.py``.
"""

from __future__ import annotations

import base64
import html
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from infomaniak_operator.client import CloudSession, InfomaniakCloudError, Operations, parse_credentials
from infomaniak_operator.client.errors import CloudConnectionError
from infomaniak_operator.controller.kube.status_patch import status_patch
from sandbox import Environment, Sandbox
from sandbox.configs import ADMIN_PASSWORD
from sandbox.rest import login
from tests.support.box import kubectl, until
from tests.support.canary import Canary, Listener, SecretFoundError
from tests.support.hostile import Talk, answer, hostile
from tests.support.objects import CREDENTIAL, network, secret
from tests.support.pems import Authority
from tests.support.running import network as manifest
from tests.support.running import operator
from tests.support.tenants import condition, until_said
from tests.support.world import World

ODD = "Ab \"9\\ü%/&<'+x=canary-"
TOKEN = "gAAAAAB-canary-" + "t" * 60
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "URL": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON within JSON": lambda text: json.dumps(json.dumps(text))[1:-1],
    "HTML": html.escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_search_finds_it(way: str, tmp_path: Path) -> None:
    """Else all that ends with it would show nothing."""
    canary = Canary({"the password": ODD + "1"})
    text = f"before {WAYS[way](ODD + '1')} after"
    assert canary.found(text)
    assert canary.found(text.encode())
    assert not canary.found(text.replace("canary", "").replace("Y2FuYXJ5", "").replace("b", "").replace("Z", ""))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "core.1").write_bytes(b"\0\xff" + text.encode() + b"\0")
    with pytest.raises(SecretFoundError, match=r"core\.1") as caught:
        canary.folder(tmp_path, "here")
    assert not canary.found(str(caught.value))


def test_it_finds_a_token_whoever_s_it_is() -> None:
    assert Canary({}).found(f"X-Auth-Token: {TOKEN}") == ["a token of Keystone"]


def test_it_hears_what_is_logged() -> None:
    listener, log = Listener(Canary({"it": ODD})), logging.getLogger("somewhere.else")
    log.addHandler(listener)
    log.setLevel(logging.DEBUG)
    try:
        log.debug("all is well")
        assert listener.heard == []
        log.error("a defect", exc_info=RuntimeError(f"with {ODD} in it"))
        assert len(listener.heard) == 1
    finally:
        log.removeHandler(listener)


# A cloud that repeats what it was sent.


@pytest.mark.parametrize("kind", ["password", "application credential"])
@pytest.mark.parametrize("way", WAYS)
def test_a_cloud_that_repeats_the_credential_in_any_form_is_not_repeated(way: str, kind: str) -> None:
    value = ODD + kind
    canary = Canary({kind: value, "its token": TOKEN})
    said = WAYS[way](value)

    def repeat(talk: Talk) -> None:
        head = talk.request()
        body = json.dumps({"error": {"code": 500, "message": f"you sent {said} and {TOKEN}", "title": said}}).encode()
        status = "401 Unauthorized" if b"tokens" in head else "500 Internal Server Error"
        talk.say(answer(body, status, "Content-Type: application/json", f"X-Echo: {quote(said)}"))

    with hostile(repeat) as server:
        plain = {"auth_url": f"{server.address}/v3", "region_name": "r"}
        if kind == "password":
            plain |= {"username": "u", "user_domain_name": "d", "password": value, "project_name": "p"}
        else:
            plain |= {"application_credential_id": "a", "application_credential_secret": value}
        session = CloudSession(parse_credentials(plain, None, [server.address]), timeout_seconds=5)
        with pytest.raises(InfomaniakCloudError) as caught:
            Operations(session).networks.list()
    error = caught.value
    for text in (str(error), repr(error), repr(error.__dict__), repr(session)):
        canary.absent("what is said of it", text)


def test_a_defect_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Of the operator's own making, in the midst of a reconcile: neither in the traceback nor in the status."""
    world = World()
    key = world.apply(network())
    world.cloud.watch = lambda call: (_ for _ in ()).throw(RuntimeError(f"{call}: no such thing"))
    canary = Canary({"it": CREDENTIAL["application_credential_secret"]})
    listener, log = Listener(canary), logging.getLogger("infomaniak_operator")
    log.addHandler(listener)
    try:
        with pytest.raises(RuntimeError):
            world.reconcile(key)
        logging.getLogger("infomaniak_operator.test").error("with all that is at hand: %r", world.object(key))
        logging.getLogger("infomaniak_operator.test").error("%r %r", world.reconcilers, secret and world._settings)
    finally:
        log.removeHandler(listener)
    assert listener.heard == []
    world.cloud.watch = lambda _: None
    world.login = lambda credentials: (_ for _ in ()).throw(CloudConnectionError(f"{credentials!r} {credentials}"))
    world.restart()
    result = world.reconcile(key)
    assert result is not None
    canary.absent("what a reconcile came to", repr(result) + repr(status_patch(world.object(key), result, 0.0)))
    canary.absent("the log", caplog.text)


# A real process.


@pytest.mark.slow
def test_no_secret_comes_out_of_a_real_process(
    box: Sandbox, env: Environment, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A password, an application credential's secret, a private key: good ones, bad ones, of clouds that repeat them."""
    admin = login(env.auth_url, "admin", ADMIN_PASSWORD, "admin")
    password, own, bad = ODD + "password", ODD + "own-secret", ODD + "revoked"
    shown = Authority("clients").issue("operator")
    key = "".join(shown.key.splitlines()[1:-1])
    values = {
        "password": password,
        "secret": own,
        "revoked": bad,
        "key": key,
        "line of the key": shown.key.splitlines()[1],
    }
    canary = Canary.of(env, **values)
    body = {"name": f"canary-{namespace}", "password": password, "domain_id": "default"}
    user = admin.post(f"{env.auth_url}/users", {"user": body})["user"]
    project = env.projects["beta"].id
    roles = {role["name"]: role["id"] for role in admin.get(f"{env.auth_url}/roles")["roles"]}
    for role in ("member", "load-balancer_member"):
        admin.put(f"{env.auth_url}/projects/{project}/users/{user['id']}/roles/{roles[role]}")
    customer = login(env.auth_url, body["name"], password, "beta")
    wanted = {"name": "canary", "secret": own, "roles": [{"name": "member"}, {"name": "load-balancer_member"}]}
    url = f"{env.auth_url}/users/{user['id']}/application_credentials"
    made = customer.post(url, {"application_credential": wanted})["application_credential"]

    repeated: set[str] = set()

    def repeat(talk: Talk) -> None:
        """Say again, in all ways, what the request says: no server has more of a credential than it was sent."""
        request = talk.request()
        sent = [each for each in values.values() if json.dumps(each)[1:-1].encode() in talk.body]
        repeated.update(sent)
        said = " ".join(way(each) for each in sent for way in WAYS.values())
        error = json.dumps(
            {"error": {"code": 500, "message": f"{said} {TOKEN} {request!r} {talk.body!r}", "title": said}}
        ).encode()
        talk.say(answer(error, "500 Internal Server Error", "Content-Type: application/json"))

    with hostile(repeat) as server:
        by_password = {
            "username": body["name"],
            "user_domain_name": "Default",
            "password": password,
            "project_id": project,
        }
        by_secret = {"application_credential_id": made["id"], "application_credential_secret": own}
        revoked = {"application_credential_id": made["id"], "application_credential_secret": bad}
        pem = {"cert": shown.cert, "key": shown.key}
        here, there = (
            {"auth_url": env.auth_url, "region_name": env.region},
            {"auth_url": f"{server.address}/v3", "region_name": "r"},
        )
        secrets = {
            "by-password": {**here, **by_password},
            "by-secret": {**here, **by_secret, **pem},
            "revoked": {**here, **revoked},
            "elsewhere": {**there, **by_password},
            "elsewhere-too": {**there, **by_secret, **pem},
            "unknown-key": {**here, **by_secret, password.replace(" ", "").replace('"', "")[:3]: own},
            "broken": {
                "clouds.yaml": f"clouds: {{one: {{auth: {{password: {json.dumps(password)}, x: [{json.dumps(own)}]}}}}}}"
            },
            "no-yaml": {"clouds.yaml": f"{own}: [{password}"},
        }
        folder = tmp_path_factory.mktemp("canary")
        with operator(box, folder, f"--allowed-auth-url={server.address}", "--create-grace-seconds=4") as process:
            for name, data in secrets.items():
                labels = {"network.infomaniak.cloud/credentials": "true"}
                coded = {each: base64.b64encode(value.encode()).decode() for each, value in data.items()}
                meta = {"name": name, "labels": labels, "namespace": namespace}
                both: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": coded}]
                of = manifest(name, subnets=[{"name": "a", "cidr": "10.96.0.0/24"}], name=f"canary-{name}")
                of["metadata"]["namespace"] = namespace
                of["spec"]["cloudCredentialsRef"] = {"secretName": name}
                both.append(of)
                kubectl(env, "apply", "--server-side", "-f", "-", stdin="\n---\n".join(map(json.dumps, both)))
            reasons = {name: condition(until_said(env, namespace, "inet", name)).get("reason") for name in secrets}
            for name in ("by-password", "by-secret"):
                kubectl(env, "wait", "--for=condition=Ready", f"inet/{name}", "-n", namespace, "--timeout=60s")
            assert reasons["revoked"] == "CredentialsInvalid"
            assert {reasons[each] for each in ("elsewhere", "elsewhere-too")} == {"CloudError"}
            assert {reasons[each] for each in ("broken", "no-yaml")} == {"CredentialsInvalid"}
            until(lambda: {password, own} <= repeated or None, "the cloud that repeats was sent both secrets")
            box.set_faults([{"service": "neutron", "method": "PUT", "status": 500, "count": 3}])
            patch = json.dumps({"spec": {"description": "changed"}})
            for name in ("by-password", "by-secret"):
                kubectl(env, "patch", "inet", name, "-n", namespace, "--type=merge", "-p", patch)
            until(lambda: box.faults_hit() >= 2 or None, "a change has failed")
            box.clear_faults()
            command = [str(env.kubectl), f"--kubeconfig={env.kubeconfig}"]
            canary.cluster(command, namespace)
            pid = process.pid()
            assert pid
            canary.process(pid, "the process")
            ports = [
                line.rsplit(" ", 1)[1] for line in process.log.read_text().splitlines() if "/metrics on port" in line
            ]
            canary.metrics(f"127.0.0.1:{ports[-1]}")
            kubectl(env, "delete", "inet", "--all", "-n", namespace, "--timeout=60s")
        log = process.log.read_text()
        assert " DEBUG " in log
        canary.folder(folder, "what the operator wrote")
        canary.cluster(command, namespace)
