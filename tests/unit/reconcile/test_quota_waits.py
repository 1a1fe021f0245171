"""Who waits for room says who else does: few by name, none of another namespace, and without writing statuses for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, DefaultCredentials
from infomaniak_operator.reconcile.generic.quota import Count
from infomaniak_operator.reconcile.generic.quota_waits import others, waiting, waits_for
from tests.support.forest import Forest
from tests.support.objects import CREDENTIAL, custom, key_of, secret
from tests.support.trees import LB, balancer, network

ALL = ("InfomaniakNetwork", "Router", "Port")


def limited(*bodies: Any, **quotas: int) -> Forest:
    world = Forest()
    world.fake.quotas.update(quotas)
    world.clock.advance(61)
    world.apply_all(bodies)
    return world


def named(name: str, created: int = 0, **meta: Any) -> dict[str, Any]:
    body = network(name)
    body["metadata"] |= {"creationTimestamp": f"2026-11-25T08:{created // 60:02}:{created % 60:02}Z", **meta}
    return body


def also(world: Forest, name: str, namespace: str = "shop") -> str:
    """What a network says of the others."""
    said = world.message(Key("InfomaniakNetwork", namespace, name))
    found = re.search(r"used; also waiting for it: (.*?)\. Nothing was sent", said)
    return found[1] if found else ""


def test_one_that_waits_alone_says_nothing_of_others():
    world = limited(named("a"), networks=0)
    world.run(300)
    assert also(world, "a") == ""


def test_those_that_came_first_are_named():
    world = limited(*(named(name, at) for at, name in enumerate("abc")), networks=0)
    world.run(300)
    assert [also(world, name) for name in "abc"] == [
        "InfomaniakNetwork b, InfomaniakNetwork c",
        "InfomaniakNetwork a, InfomaniakNetwork c",
        "InfomaniakNetwork a, InfomaniakNetwork b",
    ]
    assert world.says(key_of(named("a")), "Synced") == ("False", "QuotaExceeded")
    assert world.message(key_of(named("a")), "Synced") == world.message(key_of(named("a")))


def test_of_many_a_few_are_named_and_the_magnitude_told():
    world = limited(*(named(f"n{at:02}", at) for at in range(30)), networks=0)
    world.run(600)
    first = "InfomaniakNetwork n00, InfomaniakNetwork n01, InfomaniakNetwork n02"
    assert also(world, "n29") == f"{first} (more than 20 in this namespace)"


def test_statuses_are_not_written_for_it_again_and_again():
    """One more that waits is no reason to write the status of all the others."""
    world = limited(*(named(f"n{at:02}", at) for at in range(30)), networks=0)
    world.run(900)
    assert max(world.status_writes.values()) <= 3, world.status_writes
    world.status_writes.clear()
    for at in range(30, 40):
        world.apply(named(f"n{at:02}", at))
        world.run(60)
    world.run(600)
    assert {key.name for key in world.status_writes} == {f"n{at:02}" for at in range(30, 40)}
    assert max(world.status_writes.values()) == 1, world.status_writes
    world.status_writes.clear()
    world.run(1800)
    world.restart()
    world.run(1800)
    assert dict(world.status_writes) == {}


def test_room_that_is_made_is_taken_and_told():
    world = limited(named("a"), named("b", 1), networks=0)
    world.run(300)
    world.fake.quotas["networks"] = 1
    world.run(700)
    stands = {name: world.ready(key_of(named(name))) for name in "ab"}
    (waits,) = [name for name, (ready, _) in stands.items() if ready == "False"]
    assert also(world, waits) == ""


def test_what_waits_for_something_else_is_not_told():
    world = limited(named("a"), custom("Router", "r", {}), networks=0, routers=0)
    world.run(300)
    assert "1 router needed" in world.message(Key("Router", "shop", "r"))
    assert "also waiting" not in world.message(Key("Router", "shop", "r"))
    assert also(world, "a") == ""


def test_what_waits_for_one_of_two_things_is_told_once():
    world = Forest(network(), custom("Port", "p", {"networkRef": {"name": "web"}}), balancer())
    world.fake.quotas.update(load_balancers=0, ports=0)
    world.run(600)
    assert "1 load balancer needed" in world.message(LB)
    assert "; also waiting for it: Port p. " in world.message(LB)
    assert "; also waiting for it: LoadBalancer web. " in world.message(Key("Port", "shop", "p"))


def test_what_is_paused_or_going_waits_for_nothing():
    world = limited(named("a"), named("b", 1), named("c", 2), networks=0)
    world.run(300)
    world.annotate(key_of(named("b")), paused="true")
    world.delete(key_of(named("c")))
    world.run(700)
    assert also(world, "a") == ""


def test_other_namespaces_are_counted_and_never_named():
    """The default credential serves all: its project is shared."""
    default = DefaultCredentials("shop", "infomaniak", None, frozenset({"*"}))
    world = Forest(credentials=CredentialSettings(default))
    world.fake.quotas.update(networks=0)
    for at, (namespace, name) in enumerate([("shop", "a"), ("shop", "b"), ("theirs", "secret"), ("others", "plan")]):
        body = named(name, at, namespace=namespace)
        del body["spec"]["cloudCredentialsRef"]
        body["metadata"]["uid"] = f"00000000-0000-4000-8000-00000000000{at}"
        world.apply(body)
    world.run(300)
    assert also(world, "a") == "InfomaniakNetwork b and 2 in other namespaces"
    assert also(world, "secret", "theirs") == "3 in other namespaces"
    for key in world.all_keys():
        if key.namespace == "shop":
            assert not re.search("secret|plan|theirs|others", world.message(key)), key


def test_another_project_s_are_not_counted():
    world = limited(networks=0)
    world.apply(secret("other", data={**CREDENTIAL, "application_credential_id": "z9"}))
    world.apply(named("a"))
    body = named("b", 1)
    body["spec"]["cloudCredentialsRef"] = {"secretName": "other"}
    world.apply(body)
    world.run(300)
    assert (also(world, "a"), also(world, "b")) == ("", "")


# ── what is read ──


def said(message: object, reason: object = "QuotaExceeded", status: str = "False") -> KubeObject:
    body = network("x")
    body["status"] = {"conditions": [{"type": "Ready", "status": status, "reason": reason, "message": message}]}
    return KubeObject.of(body)


@pytest.mark.parametrize("name", ["network", "security_group_rule", "floatingip", "port", "load_balancer", "router"])
@pytest.mark.parametrize("needed", [1, 4])
def test_what_a_message_says_is_needed_is_read_in_it(name: str, needed: int) -> None:
    counts = [Count(name, 3, 4, needed, dhcp=1), Count("subnet", 1, 1, 1)]
    text = f"the project's quota has no room for it: {'; '.join(map(str, counts))}; also waiting for it: Router a. No"
    assert waits_for(said(text)) == {counts[0].noun, "subnet"}


@pytest.mark.parametrize("message", [None, 7, "", "x" * 30_000, "1 " * 20_000, "1" * 32_768, "\ud800 needed", {"a": 1}])
def test_a_message_may_be_anything(message: object) -> None:
    assert waits_for(said(message)) == frozenset()


def test_who_does_not_wait_for_a_quota_waits_for_nothing() -> None:
    assert waits_for(said("1 network needed", reason="CloudError")) == frozenset()
    assert waits_for(said("1 network needed", status="True")) == frozenset()
    assert waits_for(KubeObject.of(network("x"))) == frozenset()


class View:
    def __init__(self, *objects: KubeObject) -> None:
        self._objects = objects

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        return [each for each in self._objects if each.key.kind == kind]


@pytest.mark.parametrize(
    ("count", "told"),
    [(3, ""), (4, " (4 in this namespace)"), (5, " (5 in this"), (6, " (more than 5 in"), (10, " (more than 5 in"), (2001, " (more than 1000 in")],
)  # fmt: skip
def test_counts_are_magnitudes(count: int, told: str) -> None:
    found = []
    for at in range(count):
        body = named(f"n{at:04}", at)
        body["status"] = {"conditions": [dict(said("1 network needed, 0 of 0 used").conditions[0])]}
        found.append(KubeObject.of(body))
    view: Any = View(*found)
    text = others(waiting(view, ALL, lambda _: True), Key("InfomaniakNetwork", "shop", "me"), ["network"])
    assert text.startswith(
        "; also waiting for it: InfomaniakNetwork n0000, InfomaniakNetwork n0001, InfomaniakNetwork n0002" + told
    )
    assert others(waiting(view, ALL, lambda _: False), found[0].key, ["network"]) == ""
