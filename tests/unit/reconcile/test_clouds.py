"""Connections are shared out: nobody's credentials, good or bad, take the place of somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from infomaniak_operator.client import AuthenticationError, CloudCredentials
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds, Keep
from tests.support.clock import ManualClock
from tests.support.objects import key_of, secret
from tests.support.trees import CHECK, LB, SITE, tree
from tests.support.world import World


class Connected:
    """``Clouds`` on which who logs in with a password that begins with "bogus" is refused."""

    def __init__(self, keep: Keep | None = None) -> None:
        self.made: list[str] = []
        self.clouds = Clouds(self._connect, keep)
        world = World(secret(), with_secret=False)
        self._sample = CredentialSettings().read(world.object(key_of(secret())), None)

    def credential(self, name: str) -> CloudCredentials:
        return replace(self._sample, application_credential_id=name)

    def _connect(self, credentials: CloudCredentials) -> Cloud:
        name = credentials.application_credential_id or ""
        self.made.append(name)

        def identity() -> tuple[str, str]:
            if name.startswith("bogus"):
                raise AuthenticationError("401", status=401)
            return "p", "r"

        return Cloud(None, identity, ManualClock().monotonic)

    def use(self, name: str, namespace: str) -> Cloud:
        """What a reconcile does with a credential."""
        credentials, place = self.credential(name), Key("Secret", namespace, name)
        cloud = self.clouds.get(credentials, place)
        self.clouds.login(cloud, credentials, place)
        return cloud

    def bogus(self, name: str, namespace: str) -> None:
        with pytest.raises(AuthenticationError):
            self.use(name, namespace)


def test_bogus_credentials_evict_nobody() -> None:
    on = Connected()
    good = [on.use(f"good{number}", f"team{number}") for number in range(20)]
    for number in range(200):
        on.bogus(f"bogus{number}", f"bad{number % 50}")
    assert [on.use(f"good{number}", f"team{number}") for number in range(20)] == good
    assert len(on.clouds._untried._entries) <= Keep().untried


def test_working_credentials_of_one_namespace_evict_nobody_else_either() -> None:
    on = Connected(Keep(working=10, working_of_namespace=4))
    good = [on.use(f"good{number}", f"team{number}") for number in range(6)]
    for number in range(50):
        on.use(f"many{number}", "many")
    assert [on.use(f"good{number}", f"team{number}") for number in range(6)] == good
    assert len(on.clouds._working._entries) == 10


def test_who_has_most_gives_way_and_among_equals_the_longest_unused() -> None:
    on = Connected(Keep(working=3, working_of_namespace=3))
    a, one, _two = on.use("a", "a"), on.use("one", "b"), on.use("two", "b")
    on.use("c", "c")  # "one" goes: b has two
    assert on.use("a", "a") is a
    assert on.use("one", "b") is not one


def test_a_bogus_credential_keeps_its_connection_while_its_namespace_has_room() -> None:
    on = Connected()
    for _ in range(5):
        on.bogus("bogus", "n")
    assert on.made == ["bogus"]
    for number in range(10):
        on.bogus(f"bogus{number}", "n")
    assert sum(each.namespace == "n" for each in on.clouds._untried._entries.values()) == Keep().untried_of_namespace


def test_who_logs_in_while_bogus_ones_crowd_in_is_kept() -> None:
    on = Connected()
    credentials, place = on.credential("good"), Key("Secret", "team", "good")
    cloud = on.clouds.get(credentials, place)
    for number in range(100):
        on.bogus(f"bogus{number}", f"bad{number}")
    on.clouds.login(cloud, credentials, place)
    assert on.use("good", "team") is cloud


def test_close_ends_all() -> None:
    on, ended = Connected(), []
    for name, cloud in (("good", on.use("good", "n")), ("other", on.use("other", "n"))):
        cloud.close = lambda name=name: ended.append(name)  # type: ignore[misc]
    on.clouds.close()
    assert sorted(ended) == ["good", "other"]


def test_what_belongs_to_one_load_balancer_shares_its_name_and_its_cloud() -> None:
    world = tree()
    found = [world.reconcilers[key.kind].shares(world.object(key), world) for key in (LB, SITE, CHECK)]
    assert {each.alone for each in found} == {f"LoadBalancer {LB.namespace}/{LB.name}"}
    assert {each.cloud for each in found} == {CredentialSettings().read(world.object(key_of(secret())), None).auth_url}
