"""What is held of a Secret that a stranger wrote, how often it is read, and what others can learn of it."""

import base64
import threading

import pytest

from infomaniak_operator.cli.wiring import resources
from infomaniak_operator.client import InvalidCredentialsError
from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.dispatcher import in_order
from infomaniak_operator.controller.interfaces import FINALIZER, Key
from infomaniak_operator.reconcile.generic import credential_settings as module
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from tests.support.objects import CREDENTIAL, SECRET, network, secret
from tests.support.world import World

SECRETS = resources()["Secret"]
SECRET_KEY = Key("Secret", "shop", SECRET)
CLOUDS = """
clouds:
  one: {auth: {auth_url: "https://h/v3", application_credential_id: a, application_credential_secret: b}}
  two: {auth: {auth_url: "https://h/v3", application_credential_id: c, application_credential_secret: d}}
"""


def held(body, **meta):
    body["metadata"] |= {"resourceVersion": "7", **meta}
    return wrap(SECRETS, body)


def weight(value):
    """How many characters an object holds, all in all."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(weight(name) + weight(each) for name, each in value.items())
    if hasattr(value, "items"):
        return weight(dict(value.items()))
    return sum(map(weight, value)) if isinstance(value, list | tuple) else 8


def test_of_a_secret_only_that_is_held_which_counts():
    body = secret(data={**CREDENTIAL, "ballast": "x" * 500_000, "zebra": "y" * 500_000})
    found = held(
        body,
        annotations={"kubectl.kubernetes.io/last-applied-configuration": "z" * 200_000},
        managedFields=[{"manager": "kubectl", "fieldsV1": {"f:data": {}}}],
        finalizers=["other/one", FINALIZER],
    )
    assert weight(found.body) < 2000
    assert (found.uid, found.resource_version, found.labels, found.finalizers) == (
        body["metadata"]["uid"],
        "7",
        {"network.infomaniak.cloud/credentials": "true"},
        ("other/one", FINALIZER),
    )
    with pytest.raises(InvalidCredentialsError, match="'ballast' is not one that can be used"):
        CredentialSettings().read(found, None)


def test_one_that_is_too_large_is_not_held_and_says_so():
    for data in ({"clouds.yaml": "#" * 1_000_000}, {"auth_url": "x" * 40_000, "password": "y" * 40_000}):
        found = held(secret(data=data))
        assert weight(found.body) < 1000
        with pytest.raises(InvalidCredentialsError, match="more than 65536 bytes"):
            CredentialSettings().read(found, None)


def test_as_much_as_may_be_is_held_and_read():
    text = CLOUDS + "#" * (65_536 - len(CLOUDS))
    assert CredentialSettings().read(held(secret(data={"clouds.yaml": text})), "two").application_credential_id == "c"


def test_nothing_of_it_is_in_a_repr():
    found = held(secret())
    assert "opensesame" not in repr(found.body["data"])
    assert base64.b64encode(b"opensesame-never-shown").decode() not in repr(found.body["data"])


@pytest.mark.parametrize("data", [None, [], "text", {"auth_url": None}, {"auth_url": 7}, {"auth_url": "é"}])
def test_data_of_another_form_is_no_defect(data):
    body = secret()
    body["data"] = data
    with pytest.raises(InvalidCredentialsError):
        CredentialSettings().read(held(body), None)


def test_a_secret_is_read_once_a_version_however_many_ask(monkeypatch):
    read, real = [], module.parse_credentials
    monkeypatch.setattr(module, "parse_credentials", lambda *args: read.append(args[1]) or real(*args))
    settings, found = CredentialSettings(), held(secret(data={"clouds.yaml": CLOUDS}))
    asking = [
        threading.Thread(target=lambda: [settings.read(found, name) for name in ("one", "two")]) for _ in range(8)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert sorted(read) == ["one", "two"]
    for _ in range(3):
        with pytest.raises(InvalidCredentialsError, match="no cloud 'three'"):
            settings.read(found, "three")
    assert sorted(read) == ["one", "three", "two"]
    settings.read(held(secret(data={"clouds.yaml": CLOUDS})), "one")
    assert len(read) == 4


def test_many_entries_of_one_secret_do_not_grow_without_bound():
    settings, found = CredentialSettings(), held(secret(data={"clouds.yaml": CLOUDS}))
    for number in range(100):
        with pytest.raises(InvalidCredentialsError):
            settings.read(found, f"cloud{number}")
    assert len(found.body["data"]._read) < 10


def test_whatever_reading_raises_is_a_credential_that_cannot_be_used(monkeypatch):
    def fail(*_):
        raise RecursionError("deep in a library")

    monkeypatch.setattr(module, "parse_credentials", fail)
    world = World()
    key = world.apply(network())
    world.reconcile(key)
    assert world.ready(key) == ("False", "CredentialsInvalid")
    assert world.reconcilers[key.kind].inputs_hash(world.object(key), world) is None


@pytest.mark.parametrize(
    "text",
    [
        "clouds: {one: {auth: {auth_url: 2026-99-99}}}",
        "clouds: {one: !!int x}",
        "[" * 5000,
        "a: &a [x, x]\nb: &b [*a, *a]\nclouds: *b",
        'clouds: {one: {auth: {auth_url: "\\ud800"}}}',
    ],
)
@pytest.mark.parametrize("paused", [False, True])
def test_a_hostile_secret_ends_no_start_and_is_said(text, paused):
    """What a start asks of each object that was in order: whether it still is."""
    world = World()
    key = world.apply(network())
    world.settle(key)
    if paused:
        world.annotate(key, paused="true")
    world.apply(secret(data={"clouds.yaml": text}))
    world.restart()
    assert world.reconcilers[key.kind].inputs_hash(world.object(key), world) is None
    assert not in_order(world.object(key), world.reconcilers[key.kind], world)
    world.reconcile(key)
    if not paused:
        assert world.ready(key) == ("False", "CredentialsInvalid")
        assert "Secret shop/infomaniak: the key" in world.message(key)


# What others can read


def hash_with(password, *, uid="9b2f", version=7):
    data = {
        "auth_url": "https://api.pub1.infomaniak.cloud/identity/v3",
        "username": "PCU-1",
        "user_domain_name": "default",
        "password": password,
        "project_id": "alpha",
    }
    world = World(with_secret=False)
    body = secret(data=data)
    body["metadata"]["uid"] = uid
    world.kube.version += version
    world.apply(body)
    key = world.apply(network())
    world.settle(key)
    return world.object(key).status["inputsHash"]


def test_the_hash_of_the_inputs_tells_nothing_of_the_password():
    """Who can read a status must not be able to try passwords against it: without the Secret's UID nobody can."""
    assert hash_with("summer", uid="9b2f") != hash_with("summer", uid="7c1d")
    assert hash_with("summer") != hash_with("winter")


def test_a_change_of_the_secret_s_metadata_is_none_of_the_credential():
    """Our own finalizer comes while the first objects are being made: no restart looks at them again for it."""
    assert hash_with("summer", version=7) == hash_with("summer", version=8)


def test_a_hash_of_a_former_release_costs_one_look_and_one_status_and_no_change_in_the_cloud():
    world = World()
    key = world.apply(network())
    world.settle(key)
    world.poke(key, lambda body: body["status"].update(inputsHash="0123456789abcdef0123456789abcdef"))
    world.restart()
    world.cloud.take()
    before = world.status_writes.get(key, 0)
    assert not in_order(world.object(key), world.reconcilers[key.kind], world)
    world.settle(key)
    assert world.cloud.writes() == []
    assert world.status_writes[key] == before + 1
    assert in_order(world.object(key), world.reconcilers[key.kind], world)
    world.restart()
    assert in_order(world.object(key), world.reconcilers[key.kind], world)


def test_the_secret_that_gets_our_finalizer_while_an_object_is_made_costs_no_further_look():
    world = World()
    key = world.apply(network())
    world.meanwhile(
        "POST networks", lambda: world.poke(SECRET_KEY, lambda body: body["metadata"].update(finalizers=[FINALIZER]))
    )
    world.settle(key)
    assert in_order(world.object(key), world.reconcilers[key.kind], world)


def test_a_secret_that_changes_while_an_object_is_made_does():
    world = World()
    key = world.apply(network())
    new = {**CREDENTIAL, "application_credential_secret": "rotated"}
    world.meanwhile("POST networks", lambda: world.apply(secret(data=new)))
    world.reconcile(key)
    assert not in_order(world.object(key), world.reconcilers[key.kind], world)
