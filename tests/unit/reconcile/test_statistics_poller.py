"""What listeners have counted is read by few calls, of what is ours alone, and is told no longer than it is true."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from infomaniak_operator.client import CloudAwayError, CloudCredentials, NotFoundError, ServiceError
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.octavia.statistics_poller import (
    FIELDS,
    MOST_CALLS,
    MOST_LISTENERS,
    SHORTEST_LIFE,
    Pace,
    StatisticsPoller,
    admitted,
    counting,
)
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds
from infomaniak_operator.reconcile.reconcilers import statistics_poller
from tests.support.forest import Forest
from tests.support.fuzz_values import junk
from tests.support.objects import CREDENTIAL, KUBE_SYSTEM, NAMESPACE, custom, secret
from tests.support.trees import LB, balancer, listener, network, tree

TWO = balancer(listeners=[listener(pool=None), listener("tls", 443, "TCP", None)])
SOME = {"active_connections": 2, "total_connections": 7, "bytes_in": 100, "bytes_out": 3000, "request_errors": 1}


class Counted:
    """A world whose listeners' figures are read by a poller of its own."""

    def __init__(self, world: Forest, calls: int = 1, seconds: float = 60.0) -> None:
        self.world = world
        self.poller = statistics_poller(
            world.clouds, world._settings, world.clock.monotonic, seconds=seconds, calls=calls
        )

    def counts(self, **figures: int) -> None:
        """So many connections have come to each listener, by its name."""
        rows = {row["name"]: row["id"] for row in self.world.table("listeners")}
        for name, connections in figures.items():
            self.world.fake.octavia.counted[rows[name]] = {**SOME, "total_connections": connections}

    def round(self) -> list[str]:
        """What went wrong in a round that changes nothing and has nothing reconciled."""
        self.world.process.catch_up()
        self.world.forget_calls()
        polled = [target.poll() for target in self.poller.targets(self.world.process.manager.view)]
        assert self.world.changes() == []
        assert [each.keys for each in polled] == [()] * len(polled)
        return [each.trouble for each in polled]

    def told(self) -> dict[str, int]:
        """The connections that are told, by LoadBalancer and listener."""
        self.world.process.catch_up()
        found = list(self.poller.told(self.world.process.manager.view))
        assert len({(key, name) for key, name, _ in found}) == len(found), "one series has two values"
        return {f"{key.name}/{name}": each["total_connections"] for key, name, each in found}


def counted(*bodies: dict[str, Any], **options: Any) -> Counted:
    world = Forest(network(), *(bodies or (balancer(listeners=[listener(pool=None)]),)))
    world.run()
    world.all_ready()
    world.status_writes.clear()
    return Counted(world, **options)


def test_a_round_is_one_list_and_one_call_for_a_load_balancer():
    world = counted()
    world.counts(http=7)
    assert world.round() == [""]
    assert world.world.calls() == {"LIST load_balancers": 1, "GET stats": 1}
    assert world.world.cloud.log[0].kwargs == {"project_id": "alpha", "fields": FIELDS}
    assert world.told() == {"web/http": 7}
    ((key, name, said),) = world.poller.told(world.world.process.manager.view)
    assert (key, name, said) == (LB, "http", SOME)
    assert not world.world.status_writes


def test_nothing_is_told_before_it_was_read():
    assert counted().told() == {}


def test_the_listeners_of_a_load_balancer_take_turns():
    world = counted(TWO)
    world.counts(http=1, tls=2)
    seen = []
    for _ in range(4):
        world.round()
        assert world.world.calls()["GET stats"] == 1
        seen.append(world.world.cloud.log[-1].args)
        world.world.clock.advance(60)
    assert seen[0] != seen[1]
    assert seen == [seen[0], seen[1]] * 2
    assert world.told() == {"web/http": 1, "web/tls": 2}


def test_more_calls_where_that_is_asked_for():
    world = counted(TWO, calls=2)
    world.counts(http=1, tls=2)
    world.round()
    assert world.world.calls() == {"LIST load_balancers": 1, "GET stats": 2}
    assert world.told() == {"web/http": 1, "web/tls": 2}


def test_what_goes_back_after_a_failover_is_told_as_it_is():
    """Prometheus takes it for a counter that began anew."""
    world = counted()
    for connections in (50, 3):
        world.counts(http=connections)
        world.round()
        assert world.told() == {"web/http": connections}


def test_what_is_paused_is_neither_asked_for_nor_told():
    world = counted()
    world.round()
    world.world.annotate(LB, paused="true")
    assert world.told() == {}
    assert (world.round(), dict(world.world.calls())) == ([], {})
    world.world.annotate(LB, paused="")
    assert world.told() == {}, "it is from before"
    world.round()
    assert world.told() == {"web/http": 0}


def test_what_goes_is_told_no_more_from_then_on():
    world = counted()
    world.round()
    world.world.delete(LB)
    assert world.told() == {}
    world.world.run()
    assert (world.round(), dict(world.world.calls())) == ([], {})
    assert world.poller._figures._read == {}


def test_a_listener_that_goes_is_told_no_more():
    world = counted(TWO, calls=2)
    world.round()
    world.world.spec(LB, listeners=[listener(pool=None)])
    assert set(world.told()) == {"web/http"}
    world.world.run()
    world.round()
    assert set(world.told()) == {"web/http"}
    assert len(world.poller._figures._read) == 1


def test_one_of_the_same_name_begins_anew():
    world = counted()
    world.counts(http=9)
    world.round()
    world.world.delete(LB)
    world.world.run()
    world.world.apply(balancer(listeners=[listener(pool=None)], life="second"))
    world.world.run()
    assert world.told() == {}
    world.round()
    assert world.told() == {"web/http": 0}


def test_an_id_in_a_status_makes_nothing_of_others_known():
    """Somebody who may write a status names a listener of another team in it."""
    world = counted(TWO, balancer("other", listeners=[listener("secret", pool=None)]), calls=9)
    world.counts(secret=99)
    theirs = world.world.object(Key("LoadBalancer", LB.namespace, "other")).json_status

    def forge(body: dict[str, Any]) -> None:
        body["status"]["listeners"][0]["id"] = theirs["listeners"][0]["id"]

    world.world.poke(LB, forge)
    world.round()
    assert world.told() == {"other/secret": 99, "web/tls": 0}
    world.world.poke(LB, lambda body: body["status"].update(id=theirs["id"], listeners=theirs["listeners"]))
    world.world.spec(LB, listeners=[listener("secret", pool=None)])
    world.round()
    assert world.told() == {"other/secret": 99}


def test_what_is_only_read_counts_by_its_names_in_the_cloud():
    world = counted()
    world.counts(http=5)
    row = world.world.one("load_balancers")
    spec = {"import": {"id": row["id"]}, "managementPolicy": "Unmanaged"}
    world.world.apply(custom("LoadBalancer", "seen", spec))
    world.world.run()
    world.round()
    assert world.told() == {"web/http": 5, "seen/http": 5}


@pytest.mark.parametrize("name", ["", "a b", "x" * 64, "a\nb", 'a"b', "a\x1b[31m", "\ud800", None, 7, "-a", "a\n"])
def test_a_name_that_no_spec_could_give_is_no_label(name):
    world = counted()
    world.world.spec(LB, listeners=...)
    world.world.poke(LB, lambda body: body["status"]["listeners"][0].update(name=name))
    world.round()
    assert world.told() == {}


@pytest.mark.parametrize("shown", [None, 7, "x", {}, [None, 7, "x", {}, []], [{"name": "http", "id": "../x"}]])
def test_a_status_may_hold_anything(shown):
    body = balancer()
    body["status"] = {"id": "lb-1", "listeners": shown}
    one = counting(KubeObject.of(body))
    assert one is not None
    assert one.listeners == {}


def test_of_two_listeners_of_one_name_one_is_told():
    body = balancer(listeners=...)
    body["status"] = {"id": "lb-1", "listeners": [{"name": "http", "id": "a"}, {"name": "http", "id": "b"}]}
    one = counting(KubeObject.of(body))
    assert one is not None
    assert one.listeners == {"a": "http"}


def test_a_cloud_that_is_away_is_left_alone_for_the_round_and_its_figures_are_told_for_a_while():
    world = counted(TWO, calls=2)
    world.round()
    world.world.fail("GET listeners", CloudAwayError("away"), times=99)
    assert world.round() == ["away"]
    assert world.world.cloud.log[1:] == world.world.cloud.log[1:3], "no more than two are tried"
    world.world.fail("LIST load_balancers", CloudAwayError("away"), times=99)
    assert world.round() == ["away"]
    assert set(world.told()) == {"web/http", "web/tls"}
    world.world.clock.advance(SHORTEST_LIFE + 1)
    assert world.told() == {}, "a rate of nothing would be a lie"


def test_one_listener_that_cannot_be_asked_for_keeps_no_other_from_it():
    world = counted(TWO, calls=2)
    broken = next(row["id"] for row in world.world.table("listeners") if row["name"] == "http")

    def around(call: Any, act: Any) -> Any:
        if call.args == (broken,):
            raise ServiceError("broken", status=500)
        return act()

    world.world.cloud.around = around
    for _ in range(3):
        assert world.round() == [""]
    assert world.told() == {"web/tls": 0}


def test_one_that_has_gone_meanwhile_is_no_trouble():
    world = counted()
    world.round()
    world.world.fail("GET listeners", NotFoundError("gone", status=404))
    assert world.round() == [""]
    assert world.told() == {}


def test_a_secret_that_is_gone_or_cannot_be_read_asks_nobody():
    world = counted()
    world.round()
    world.world.vanish(Key("Secret", LB.namespace, "infomaniak"))
    assert (world.round(), dict(world.world.calls()), world.told()) == ([], {}, {})


def test_another_project_than_the_status_says_is_not_asked():
    world = counted()
    world.world.poke(LB, lambda body: body["status"].update(projectID="elsewhere"))
    world.round()
    assert world.world.calls()["GET stats"] == 0


# ── many, without a world ──


class Octavia:
    """Load balancers as one project's Octavia would show them, each with its listeners."""

    def __init__(self) -> None:
        self.rows: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self.load_balancers = self.listeners = self

    def list(self, *, project_id: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        return [{"id": name, "listeners": [{"id": one} for one in here]} for name, here in self.rows.items()]

    def statistics(self, listener: str) -> Any:
        self.asked.append(listener)
        return dict(SOME)


class View:
    """A cache."""

    def __init__(self, *bodies: Any) -> None:
        self._objects = {each.key: each for each in map(KubeObject.of, bodies)}

    def get(self, key: Key) -> KubeObject | None:
        return self._objects.get(key)

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        return [each for each in self._objects.values() if each.key.kind == kind]


def shown(octavia: Octavia, name: str, count: int, *, namespace: str = NAMESPACE, created: int = 0) -> dict[str, Any]:
    """A LoadBalancer that is only read: its mark is not looked at."""
    spec = {"cloudCredentialsRef": {"secretName": "infomaniak"}, "managementPolicy": "Unmanaged"}
    body = custom("LoadBalancer", name, spec)
    body["metadata"] |= {
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "creationTimestamp": f"2026-01-01T00:{created // 60:02}:{created % 60:02}Z",
    }
    ids = octavia.rows[f"{namespace}-{name}"] = [f"{namespace}-{name}-{number}" for number in range(count)]
    listeners = [{"name": f"l{number}", "id": one} for number, one in enumerate(ids)]
    body["status"] = {
        "id": f"{namespace}-{name}",
        "projectID": "alpha",
        "region": "dc3-a",
        "listeners": listeners,
    }
    return body


def polled(octavia: Octavia, now: Any, calls: int = 1) -> StatisticsPoller:
    clouds = Clouds(lambda _: Cloud(octavia, lambda: ("alpha", "dc3-a"), now))  # type: ignore[arg-type]
    return StatisticsPoller(clouds, CredentialSettings(), lambda: KUBE_SYSTEM, now, Pace(60.0, calls))


def ticking() -> Any:
    ticks = itertools.count()
    return lambda: next(ticks) / 1000


def test_of_many_so_many_are_asked_for_in_a_round_and_all_in_turn():
    octavia = Octavia()
    view: Any = View(secret(), *(shown(octavia, f"lb{number}", 2) for number in range(150)))
    poller = polled(octavia, ticking())
    for number in range(1, 5):
        for target in poller.targets(view):
            target.poll()
        assert len(octavia.asked) == number * MOST_CALLS
    assert max(Counter(octavia.asked).values()) - min(Counter(octavia.asked).values()) <= 1
    assert len(set(octavia.asked)) == 300


def test_a_cap_that_is_reached_is_told_and_no_namespace_crowds_out_another(caplog):
    octavia = Octavia()
    greedy = [shown(octavia, f"lb{number:03}", 32, namespace="greedy", created=number) for number in range(40)]
    modest = shown(octavia, "web", 3, namespace="modest", created=3000)
    secrets = [secret(namespace=name) for name in ("greedy", "modest")]
    view: Any = View(*secrets, *greedy, modest)
    poller = polled(octavia, ticking(), calls=32)
    for _ in range(30):
        for target in poller.targets(view):
            target.poll()
    found = Counter(key.namespace for key, _, _ in poller.told(view))
    assert found == {"greedy": MOST_LISTENERS - 3, "modest": 3}
    assert poller.left_out == 40 * 32 + 3 - MOST_LISTENERS
    assert len([each for each in caplog.records if "statistics" in each.message]) == 1, "said once"
    assert len(poller._figures._read) == MOST_LISTENERS
    oldest = {key.name for key, _, _ in poller.told(view) if key.namespace == "greedy"}
    assert "lb000" in oldest
    assert "lb039" not in oldest
    poller.targets(View(*secrets, modest))  # type: ignore[arg-type]
    assert (poller.left_out, len(poller._figures._read)) == (0, 3)


def test_who_is_admitted_does_not_change_with_the_order_of_the_cache():
    octavia = Octavia()
    bodies = [shown(octavia, f"lb{number}", 3, namespace=f"n{number % 3}", created=number) for number in range(9)]
    found = [counting(KubeObject.of(body)) for body in bodies]
    whole = [one for one in found if one]
    picked = [{(one.balancer, *one.listeners) for one in admitted(order, 10)} for order in (whole, whole[::-1])]
    assert picked[0] == picked[1]
    assert sum(len(one.listeners) for one in admitted(whole, 10)) == 10


def test_a_credential_of_two_namespaces_is_one_project_and_another_is_another():
    octavia = Octavia()
    other = {**CREDENTIAL, "application_credential_id": "z9"}
    view: Any = View(
        secret(namespace="a"),
        secret(namespace="b"),
        secret(namespace="c", data=other),
        *(shown(octavia, "web", 1, namespace=name) for name in "abc"),
    )
    targets = polled(octavia, ticking()).targets(view)
    assert len(targets) == 2
    assert all(isinstance(each.identity, CloudCredentials) for each in targets)


def test_a_turn_that_takes_long_keeps_its_figures_for_long():
    pace = Pace(60.0)
    assert pace.due([[]], lambda _: 0.0) == ([], SHORTEST_LIFE)
    many: Any = [list(range(32))]
    assert pace.due(many, float)[1] == 3 * 32 * 60.0
    assert Pace(60.0, 32).due(many, float)[1] == SHORTEST_LIFE


def test_a_tree_with_pools_is_read_as_any_other():
    world = Counted(tree(balancer()))
    world.round()
    assert set(world.told()) == {"web/http"}


@pytest.mark.parametrize("seed", range(3))
def test_statuses_of_any_form_break_nothing(seed):
    """Whatever somebody writes into statuses, the series stay few, and their labels plain."""
    rng = random.Random(seed)
    world = counted(TWO, calls=9)
    for _ in range(12):
        world.world.poke(LB, lambda body: body["status"].update(rng.choice([_odd(rng), {"listeners": _odd(rng)}])))
        assert all(trouble == "" for trouble in world.round())
        assert set(world.told()) <= {"web/http", "web/tls"}


def _odd(rng: random.Random) -> Any:
    return {name: junk(rng) for name in ("id", "listeners", "projectID", "region", "conditions", "name")}
