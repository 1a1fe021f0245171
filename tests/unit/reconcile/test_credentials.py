"""Where a credential comes from, and what is said when it cannot be used."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from infomaniak_operator.client import AuthenticationError, Category, CloudConnectionError
from infomaniak_operator.controller.interfaces import Key, Retry, Stalled, WaitingFor
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, DefaultCredentials
from infomaniak_operator.reconcile.openstack.scope import REFUSED_FOR, Cloud, Clouds, Keep
from tests.support.clock import ManualClock
from tests.support.objects import CREDENTIAL, SECRET, key_of, network, secret
from tests.support.world import World

SECRET_KEY = Key("Secret", "shop", SECRET)
HIDDEN = CREDENTIAL["application_credential_secret"]


def said(world, key):
    """Everything a person can read of an object."""
    return str(world.object(key).status) + str(world.events.get(key))


def test_a_secret_that_is_missing_is_waited_for_and_the_message_says_what_to_do():
    world = World(network(), with_secret=False)
    (key,) = [item.key for item in world.objects("InfomaniakNetwork")]
    assert world.reconcile(key).next == WaitingFor(frozenset({SECRET_KEY}))
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.progress(key) == "Reconciling"  # never Stalled: the Secret may come
    assert world.says(key, "CredentialsValid") == ("False", "WaitingForReference")
    message = world.message(key)
    assert "shop/infomaniak" in message
    assert "kubectl -n shop label secret infomaniak network.infomaniak.cloud/credentials=true" in message
    assert SECRET_KEY in set(world.reconcilers[key.kind].references(world.object(key)))
    assert world.reconcilers[key.kind].inputs_hash(world.object(key), world) is None
    world.apply(secret())
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "CredentialsValid") == ("True", "Available")


def test_an_object_that_is_ready_stays_so_while_its_secret_is_replaced():
    world = World()
    key = world.apply(network())
    world.settle(key)
    world.delete(SECRET_KEY)
    assert world.reconcile(key).next == WaitingFor(frozenset({SECRET_KEY}))
    assert world.ready(key) == ("True", "Available")
    assert world.says(key, "CredentialsValid") == ("False", "WaitingForReference")
    world.apply(secret(data={**CREDENTIAL, "application_credential_id": "another"}))
    world.settle(key)
    assert world.says(key, "CredentialsValid") == ("True", "Available")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({}, "auth_url"),
        ({name: value for name, value in CREDENTIAL.items() if not name.endswith("secret")}, "secret"),
        ({**CREDENTIAL, "auth_url": "not a url"}, "auth_url"),
        ({**CREDENTIAL, "endpoint_override": "https://evil"}, "endpoint_override"),
        ({"clouds.yaml": "clouds: ["}, "clouds.yaml"),
    ],
)
def test_a_secret_that_cannot_be_used_is_for_a_person_to_mend(data, word):
    world = World(secret(data=data), with_secret=False)
    key = world.apply(network())
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "CredentialsInvalid")
    assert world.progress(key) == "Stalled"
    assert world.says(key, "CredentialsValid") == ("False", "CredentialsInvalid")
    assert "shop/infomaniak" in world.message(key)
    assert word in world.message(key)
    assert HIDDEN not in said(world, key)
    world.apply(secret())
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_what_is_not_base64_is_said_by_its_key():
    world = World()
    world.poke(SECRET_KEY, lambda body: body["data"].update(auth_url="%%%"))
    key = world.apply(network())
    world.reconcile(key)
    assert world.ready(key) == ("False", "CredentialsInvalid")
    assert "auth_url" in world.message(key)


def test_a_login_that_is_refused():
    world = World()
    key = world.apply(network())

    def refuse(_):
        raise AuthenticationError("401: the application credential is gone", status=401, request_id="req-9")

    world.login = refuse
    result = world.reconcile(key)
    assert isinstance(result.next, Retry)
    assert result.next.at_least >= 30
    assert world.ready(key) == ("False", "CredentialsInvalid")
    assert world.progress(key) == "Stalled"
    assert world.says(key, "CredentialsValid") == ("False", "CredentialsInvalid")
    assert "req-9" in world.message(key)
    for kind in ("Ready", "CredentialsValid"):
        assert world.message(key, kind).startswith("Secret shop/infomaniak: ")
    assert HIDDEN not in said(world, key)
    assert world.told(key) == ["CredentialsInvalid"]
    world.login = lambda _: None
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_a_keystone_that_is_away_says_nothing_of_the_credential():
    world = World()
    key = world.apply(network())

    def away(_):
        raise CloudConnectionError("connection refused", category=Category.TRANSIENT)

    world.login = away
    assert isinstance(world.reconcile(key).next, Retry)
    assert world.ready(key) == ("False", "CloudError")
    assert world.says(key, "CredentialsValid")[0] == "Unknown"
    assert world.progress(key) == "Reconciling"


def test_an_address_that_is_not_allowed_is_never_logged_in_at():
    world = World(credentials=CredentialSettings(allowed_auth_urls=["https://api.pub9.infomaniak.cloud/identity/v3"]))
    asked = []
    world.login = asked.append
    key = world.apply(network())
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "CredentialsInvalid")
    assert "auth_url" in world.message(key)
    assert asked == []


# The operator's own credential

DEFAULT = DefaultCredentials("operator", "own", None, frozenset({"shop"}))


@pytest.mark.parametrize(
    ("default", "served"),
    [
        (None, False),
        (DEFAULT, True),
        (DefaultCredentials("operator", "own", None, frozenset({"bank"})), False),
        (DefaultCredentials("operator", "own", None, frozenset()), False),
        (DefaultCredentials("operator", "own", None, frozenset({"*"})), True),
    ],
)
def test_the_default_credential_serves_the_namespaces_it_may(default, served):
    world = World(credentials=CredentialSettings(default=default), with_secret=False)
    world.apply(secret("own", namespace="operator"))
    key = world.apply(network(cloudCredentialsRef=...))
    world.reconcile(key)
    if served:
        assert world.ready(key) == ("True", "Available")
        assert Key("Secret", "operator", "own") in set(world.reconcilers[key.kind].references(world.object(key)))
    else:
        assert world.ready(key) == ("False", "CredentialsInvalid")
        assert "spec.cloudCredentialsRef" in world.message(key)
        assert list(world.reconcilers[key.kind].references(world.object(key))) == []


def test_an_object_that_names_a_secret_never_falls_back_to_the_default():
    world = World(credentials=CredentialSettings(default=DEFAULT), with_secret=False)
    world.apply(secret("own", namespace="operator"))
    key = world.apply(network())
    world.reconcile(key)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.cloud.take() == []


@pytest.mark.parametrize(
    ("namespaces", "read"), [((), True), (("shop",), True), (("bank",), False), (("bank", "shop"), True)]
)
def test_a_secret_in_a_namespace_that_is_not_read_is_refused_with_what_to_do(namespaces, read):
    world = World(credentials=CredentialSettings(DEFAULT, namespaces=frozenset(namespaces)))
    key = world.apply(network())
    world.reconcile(key)
    if read:
        assert world.ready(key) == ("True", "Available")
    else:
        assert world.ready(key) == ("False", "CredentialsInvalid")
        assert world.progress(key) == "Stalled"
        assert "--credentials-namespace" in world.message(key)
        assert world.cloud.take() == []


def test_the_default_credential_is_read_wherever_it_lies():
    settings = CredentialSettings(DEFAULT, namespaces=frozenset({"bank"}))
    world = World(secret("own", namespace="operator"), credentials=settings, with_secret=False)
    key = world.apply(network(cloudCredentialsRef=...))
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")


def test_a_rotated_secret_logs_in_anew_and_changes_nothing():
    world = World()
    logins = []
    world.login = logins.append
    key = world.apply(network())
    world.settle(key)
    world.reconcile(key)
    assert len(logins) == 1
    world.apply(secret(data={**CREDENTIAL, "application_credential_secret": "rotated"}))
    world.cloud.take()
    world.settle(key)
    assert len(logins) == 2
    assert world.cloud.writes() == []
    assert world.ready(key) == ("True", "Available")


def test_the_hash_of_the_inputs_follows_the_credential():
    world = World()
    key = world.apply(network())
    before = world.reconcilers[key.kind].inputs_hash(world.object(key), world)
    world.apply(secret(data={**CREDENTIAL, "application_credential_secret": "rotated"}))
    after = world.reconcilers[key.kind].inputs_hash(world.object(key), world)
    assert before != after
    assert HIDDEN not in str(before)
    world.apply(secret(data={}))
    assert world.reconcilers[key.kind].inputs_hash(world.object(key), world) is None


# One cloud for all who share a credential


def test_many_threads_log_in_once():
    started, go = threading.Semaphore(0), threading.Event()
    logins = []

    def identity():
        logins.append(1)
        started.release()
        assert go.wait(10)
        return "alpha", "dc3-a"

    cloud = Cloud(None, identity, ManualClock().monotonic)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(lambda: (cloud.project_id, cloud.region)) for _ in range(8)]
        assert started.acquire(timeout=10)
        go.set()
        assert {future.result(10) for future in asked} == {("alpha", "dc3-a")}
    assert len(logins) == 1


def test_a_refused_login_answers_for_all_for_a_while():
    clock, logins = ManualClock(), []

    def identity():
        logins.append(1)
        raise AuthenticationError("401", status=401)

    cloud = Cloud(None, identity, clock.monotonic)
    for _ in range(10):
        with pytest.raises(AuthenticationError):
            cloud.login()
    assert len(logins) == 1
    clock.advance(REFUSED_FOR)
    with pytest.raises(AuthenticationError):
        cloud.login()
    assert len(logins) == 2


def test_clouds_are_kept_by_fingerprint_and_the_longest_unused_goes_first():
    settings = CredentialSettings()
    made = []

    def connect(credentials):
        made.append(credentials.fingerprint)
        return Cloud(None, lambda: ("p", "r"), ManualClock().monotonic)

    def credential(number):
        data = {**CREDENTIAL, "application_credential_id": f"id{number}"}
        world = World(secret(data=data), with_secret=False)
        return settings.read(world.object(key_of(secret())), None)

    one, two, three = (credential(number) for number in range(3))
    clouds = Clouds(connect, Keep(working=2, untried=2))
    first = clouds.get(one)
    assert clouds.get(one) is first
    clouds.get(two)
    clouds.get(one)
    clouds.get(three)  # two goes
    assert clouds.get(one) is first
    clouds.get(two)
    assert [made.count(c.fingerprint) for c in (one, two, three)] == [1, 2, 1]
