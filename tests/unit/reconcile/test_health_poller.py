"""How the traffic goes is in status at the next look, and that look is cheap, whatever the cloud says."""

from collections.abc import Sequence
from typing import Any

import pytest

from infomaniak_operator.client import CloudCredentials, ConflictError, NotFoundError, ServiceError
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.octavia.health_poller import FIELDS, MOST_LOOKS, HealthPoller
from infomaniak_operator.reconcile.octavia.health_poller import shown as as_shown
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds, Keep
from tests.support.forest import Forest
from tests.support.objects import CREDENTIAL, custom, secret
from tests.support.trees import LB, SITE, member, monitor, pool, tree

ROUND = 60.0


def web(*bodies: dict[str, Any]) -> Forest:
    """A tree with two members that serve, whose monitor is believed."""
    world = tree(*(bodies or (pool(members=[member(11), member(12)]), monitor())))
    world.poll()
    world.run()
    world.forget_calls()
    world.status_writes.clear()
    return world


def fall(world: Forest, *states: str) -> None:
    """The members' states, by their addresses, and what Octavia makes of them for the pool and the load balancer."""
    rows = sorted(world.table("members"), key=lambda row: row["address"])
    for row, state in zip(rows, states, strict=True):
        row["operating_status"] = state
    bad = [state for state in states if state == "ERROR"]
    above = "ERROR" if len(bad) == len(states) else "DEGRADED" if bad else "ONLINE"
    for name in ("pools", "load_balancers"):
        world.one(name)["operating_status"] = above


def stands(world: Forest) -> tuple[list[str], object, str, str]:
    """The members as status shows them, how many are online, and ``Healthy`` of the pool and the load balancer."""
    status = world.object(SITE).json_status
    shown = [each["operatingStatus"] for each in status["members"]]
    return shown, status.get("onlineMembers"), world.says(SITE, "Healthy")[0], world.says(LB, "Healthy")[0]


def looks(world: Forest) -> dict[str, int]:
    """The calls of a round, and none of them changes anything."""
    world.forget_calls()
    world.poll()
    assert world.changes() == []
    return dict(world.calls())


def test_while_all_is_well_a_round_is_one_list():
    world = web()
    assert looks(world) == {"LIST load_balancers": 1}
    (call,) = world.cloud.log
    assert call.kwargs == {"project_id": "alpha", "fields": FIELDS}
    assert len(world.process.queue) == 0


def test_a_member_that_dies_is_in_status_at_the_next_look():
    world = web()
    assert stands(world) == (["ONLINE", "ONLINE"], 2, "True", "True")
    fall(world, "ERROR", "ONLINE")
    assert looks(world) == {"LIST load_balancers": 1, "GET status": 1}
    world.run()
    assert stands(world) == (["ERROR", "ONLINE"], 1, "False", "False")
    assert "10.40.0.11 8080 is ERROR" in world.message(SITE, "Healthy")
    assert world.changes() == []
    fall(world, "ONLINE", "ONLINE")
    world.poll()
    world.run()
    assert stands(world) == (["ONLINE", "ONLINE"], 2, "True", "True")


def test_what_a_member_s_death_costs():
    world = web()
    fall(world, "ERROR", "ONLINE")
    world.poll()
    world.run()
    assert sum(world.calls().values()) <= 8, world.calls()
    assert dict(world.status_writes) == {LB: 1, SITE: 1}


def test_another_member_of_a_pool_that_is_degraded_already():
    world = web()
    fall(world, "ERROR", "ONLINE")
    world.poll()
    world.run()
    fall(world, "ONLINE", "ERROR")  # neither the load balancer nor the pool says another word
    world.poll()
    assert world.process.queue.ready(SITE)
    assert not world.process.queue.ready(LB)
    world.run()
    assert stands(world)[0] == ["ONLINE", "ERROR"]


def test_a_tree_that_stays_degraded_costs_one_more_look_and_no_reconcile():
    world = web()
    fall(world, "ERROR", "ONLINE")
    world.poll()
    world.run()
    for _ in range(3):
        world.clock.advance(ROUND)
        assert looks(world) == {"LIST load_balancers": 1, "GET status": 1}
        assert len(world.process.queue) == 0


def test_a_member_that_is_new_and_comes_up_while_the_load_balancer_is_online():
    world = web()
    world.table("members")[0]["operating_status"] = "OFFLINE"
    world.resync()
    world.run()
    assert sorted(stands(world)[0]) == ["OFFLINE", "ONLINE"]
    world.table("members")[0]["operating_status"] = "ONLINE"
    world.poll()
    world.run()
    assert stands(world)[:2] == (["ONLINE", "ONLINE"], 2)


def test_one_of_several_members_that_the_monitor_does_not_know_yet():
    """It is checked within seconds, and neither the load balancer nor the pool says another word then."""
    world = web()
    world.table("members")[0]["operating_status"] = "NO_MONITOR"
    world.resync()
    world.run()
    assert sorted(stands(world)[0]) == ["NO_MONITOR", "ONLINE"]
    world.table("members")[0]["operating_status"] = "ONLINE"
    world.poll()
    world.run()
    assert stands(world)[:2] == (["ONLINE", "ONLINE"], 2)


def test_members_without_a_monitor_are_no_reason_to_look():
    world = web(pool(members=[member(11), member(12)]))
    for row in world.table("members"):
        row["operating_status"] = "NO_MONITOR"
    world.resync()
    world.run()
    assert stands(world)[0] == ["NO_MONITOR", "NO_MONITOR"]
    assert looks(world) == {"LIST load_balancers": 1}


def test_a_pool_whose_health_is_not_known_yet_is_looked_into():
    """In a new monitor's first minute all may be called well, and its members be not what status shows of them."""
    world = web()
    body = world.object(SITE).body
    conditions = [
        {**each, "status": "Unknown"} if each["type"] == "Healthy" else each for each in body["status"]["conditions"]
    ]
    doubted = as_shown(KubeObject(SITE, {**body, "status": {**body["status"], "conditions": conditions}}))
    known = as_shown(world.object(SITE))
    assert doubted is not None
    assert known is not None
    assert (doubted.well, known.well) == (False, True)


def test_a_member_that_drains_for_its_weight_is_no_reason_to_look():
    world = web(pool(members=[member(11), member(12, weight=0)]), monitor())
    fall(world, "ONLINE", "DRAINING")
    world.resync()
    world.run()
    assert looks(world) == {"LIST load_balancers": 1}


def test_members_that_status_does_not_list_count():
    world = web()

    def shorten(body: dict[str, Any]) -> None:
        del body["status"]["members"][1:]

    world.poke(SITE, shorten)
    fall(world, "ONLINE", "ERROR")
    world.poll()
    assert world.process.queue.ready(SITE)


def test_in_its_first_minute_a_monitor_is_not_believed_and_what_is_bad_is():
    world = web(pool(members=[member(11), member(12)]))
    world.apply(monitor())
    world.run(10.0)
    world.resync()
    world.run(5.0)
    assert stands(world)[1:] == (None, "Unknown", "Unknown")
    assert looks(world) == {"LIST load_balancers": 1, "GET status": 1}
    assert len(world.process.queue) == 0
    world.run(1.0)
    assert stands(world)[1:] == (None, "Unknown", "Unknown")
    fall(world, "ERROR", "ONLINE")
    world.poll()
    world.run(1.0)
    assert stands(world)[1:] == (1, "False", "False")


def test_after_a_restart_nothing_is_written_where_nothing_has_changed():
    world = web()
    fall(world, "ERROR", "ONLINE")
    world.poll()
    world.run()
    world.restart()
    world.run()
    world.status_writes.clear()
    world.poll()
    world.run()
    assert world.status_writes.total() == 0
    fall(world, "ONLINE", "ONLINE")
    world.poll()
    world.run()
    assert stands(world)[0] == ["ONLINE", "ONLINE"]


@pytest.mark.parametrize("call", [("LIST", "load_balancers"), ("GET", "load_balancers")], ids=["list", "tree"])
@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_look_that_fails_changes_nothing(call, status):
    world = web()
    fall(world, "ERROR", "ONLINE")
    world.fake.fail_next(*call, ServiceError("no", status=status))
    (polled,) = world.poll()
    assert polled.keys == ()
    assert polled.trouble
    assert len(world.process.queue) == 0
    (polled,) = world.poll()
    assert set(polled.keys) == {LB, SITE}


def test_what_is_missing_in_a_list_is_not_concluded_to_be_gone():
    world = web()
    rows = world.fake.tables["load_balancers"]
    kept = dict(rows)
    rows.clear()
    assert looks(world) == {"LIST load_balancers": 1}
    assert len(world.process.queue) == 0
    rows.update(kept)


@pytest.mark.parametrize("state", ["ERROR", "", None, 7, ["ONLINE"], "NO_MONITOR"])
def test_a_list_that_lies_costs_a_look_and_nothing_else(state):
    world = web()
    real = world.cloud.around

    def lying(call: Any, act: Any) -> Any:
        answer = real(call, act)
        if str(call) == "LIST load_balancers":
            return [{**answer[0], "operating_status": state}, {"id": "somebody's", "operating_status": state}]
        return answer

    world.cloud.around = lying
    assert looks(world) == {"LIST load_balancers": 1, "GET status": 1}
    assert len(world.process.queue) == 0


def test_a_load_balancer_that_goes_between_the_two_looks():
    world = web()
    fall(world, "ERROR", "ONLINE")
    world.fake.fail_next("GET", "load_balancers", NotFoundError("gone", status=404))
    (polled,) = world.poll()
    assert (polled.keys, polled.trouble) == ((), "")


@pytest.mark.parametrize("status", ["PENDING_UPDATE", "PENDING_DELETE"])
def test_a_load_balancer_that_is_being_changed_is_left_to_those_who_wait_for_it(status):
    world = web()
    fall(world, "ERROR", "ONLINE")
    world.one("load_balancers")["provisioning_status"] = status
    assert looks(world) == {"LIST load_balancers": 1}


def test_a_paused_object_is_not_looked_at():
    world = web()
    world.annotate(SITE, paused="true")
    world.run()
    fall(world, "ERROR", "ONLINE")
    world.poll()
    assert not world.process.queue.ready(SITE)
    assert world.process.queue.ready(LB)
    world.annotate(LB, paused="true")
    world.run()
    assert looks(world) == {}


def test_an_object_that_goes_meanwhile_is_not_reconciled():
    world = web()
    fall(world, "ERROR", "ONLINE")
    targets = world.poller.targets(world.process.manager.view)
    world.vanish(SITE)
    world.process.catch_up()
    (polled,) = [each.poll() for each in targets]
    world.process.manager._dispatcher.found(polled.keys)
    assert not world.process.queue.ready(SITE)


def test_an_object_that_keeps_saying_something_else_is_reconciled_ever_more_rarely():
    world = web()
    fall(world, "ERROR", "ONLINE")
    asked = 0
    for _ in range(60):
        (polled,) = world.poll()  # and nothing is reconciled
        asked += SITE in polled.keys
        world.clock.advance(ROUND)
    assert 2 <= asked <= 12


def test_an_object_whose_secret_is_gone_or_refused_is_not_looked_at():
    world = web()
    world.vanish(Key("Secret", "shop", "infomaniak"))
    assert looks(world) == {}


def test_an_object_of_another_project_than_its_credential_s_is_not_compared():
    world = web()
    world.project = ("beta", "dc3-a")
    world.restart()
    world.run()
    fall(world, "ERROR", "ONLINE")
    (polled,) = world.poll()
    assert polled.keys == ()


def test_a_refused_login_is_trouble():
    world = web()
    world.restart()
    world.run()

    def refuse(_: CloudCredentials) -> None:
        raise ConflictError("refused", status=401)

    world.login = refuse
    (polled,) = world.poll()
    assert (polled.keys, "refused" in polled.trouble) == ((), True)


def test_an_import_that_is_only_read_is_looked_at_as_well():
    world = web()
    spec = {"managementPolicy": "Unmanaged", "import": {"id": world.one("pools")["id"]}}
    body = custom("Pool", "read", spec)
    world.apply(body)
    world.run()
    fall(world, "ERROR", "ONLINE")
    (polled,) = world.poll()
    assert Key("Pool", "shop", "read") in polled.keys


@pytest.mark.parametrize(
    "status",
    [
        {"id": 7, "members": 3},
        {"id": "x" * 5000, "loadBalancerID": ["y"]},
        {"members": [None, 1, {"id": {}}, {"operatingStatus": ["ONLINE"]}]},
        {"memberCount": "many", "onlineMembers": {"a": 1}},
        {"projectID": [], "region": {}},
    ],
)
def test_a_status_that_somebody_has_forged_harms_nobody(status):
    world = web()
    other = pool("other")
    world.apply(other)
    world.run()
    world.poke(Key("Pool", "shop", "other"), lambda body: body["status"].update(status))
    fall_of_site = [row for row in world.table("members") if row["address"] == "10.40.0.12"]
    fall_of_site[0]["operating_status"] = "ERROR"
    world.one("load_balancers")["operating_status"] = "DEGRADED"
    (polled,) = world.poll()
    assert SITE in polled.keys


# ── many, without a world ──


class Octavia:
    """Load balancers with one pool and one member each, as one project's Octavia would show them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.states = dict.fromkeys(names, "ONLINE")
        self.lists = 0
        self.trees: list[str] = []
        self.load_balancers = self

    def list(self, *, project_id: str, fields: Sequence[str]) -> list[dict[str, str]]:
        self.lists += 1
        return [
            {"id": name, "operating_status": state, "provisioning_status": "ACTIVE"}
            for name, state in self.states.items()
        ]

    def status_tree(self, balancer: str) -> Any:
        self.trees.append(balancer)
        state = self.states[balancer]
        there = {"id": balancer, "operating_status": state, "provisioning_status": "ACTIVE"}
        return {"loadbalancer": {**there, "listeners": []}}


class View:
    """A cache of load balancers."""

    def __init__(self, *bodies: Any) -> None:
        self._objects = {each.key: each for each in map(KubeObject.of, bodies)}

    def get(self, key: Key) -> KubeObject | None:
        return self._objects.get(key)

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        return [each for key, each in self._objects.items() if key.kind == kind]


def shown(name: str, secret_name: str = "infomaniak", state: str = "ONLINE") -> dict[str, Any]:
    body = custom("LoadBalancer", name, {"cloudCredentialsRef": {"secretName": secret_name}})
    body["status"] = {"id": name, "operatingStatus": state, "projectID": "alpha", "region": "dc3-a"}
    return body


def many(count: int) -> tuple[Octavia, View, HealthPoller]:
    names = [f"lb-{number}" for number in range(count)]
    octavia, view = Octavia(names), View(secret(), *map(shown, names))
    clouds = Clouds(lambda _: Cloud(octavia, lambda: ("alpha", "dc3-a"), lambda: 0.0))  # type: ignore[arg-type]
    return octavia, view, HealthPoller(clouds, CredentialSettings(), lambda: 0.0)


def keys_of(poller: HealthPoller, view: View) -> list[str]:
    return [key.name for target in poller.targets(view) for key in target.poll().keys]  # type: ignore[arg-type]


def test_a_thousand_load_balancers_are_one_list():
    octavia, view, poller = many(1000)
    assert keys_of(poller, view) == []
    assert (octavia.lists, octavia.trees) == (1, [])


def test_of_many_that_fail_at_once_so_many_are_looked_into_in_a_round_and_all_in_turn():
    octavia, view, poller = many(200)
    octavia.states = dict.fromkeys(octavia.states, "DEGRADED")
    found: set[str] = set()
    for number in range(1, 2 + 200 // MOST_LOOKS):
        found |= set(keys_of(poller, view))
        view = View(
            secret(), *(shown(name, state="DEGRADED" if name in found else "ONLINE") for name in octavia.states)
        )
        assert octavia.lists == number
        assert len(octavia.trees) <= number * MOST_LOOKS
    assert len(found) == 200


def test_one_that_has_changed_comes_before_those_that_have_been_bad_for_long():
    octavia, view, poller = many(200)
    names = list(octavia.states)
    octavia.states = dict.fromkeys(names, "ERROR") | {names[-1]: "ONLINE"}
    view = View(secret(), *(shown(name, state=state) for name, state in octavia.states.items()))
    assert keys_of(poller, view) == []
    octavia.states[names[-1]] = "DEGRADED"
    assert keys_of(poller, view) == [names[-1]]


def test_two_projects_have_a_list_each_and_copies_of_a_credential_one():
    other = {**CREDENTIAL, "application_credential_id": "z9"}
    view = View(
        secret(),
        secret("copy"),
        secret("other", data=other),
        shown("a"),
        shown("b", "copy"),
        shown("c", "other", state="OFFLINE"),
    )
    projects: dict[str, Octavia] = {}

    def connect(credentials: CloudCredentials) -> Cloud:
        own = str(credentials.application_credential_id)
        projects[own] = Octavia(["c"] if own == "z9" else ["a", "b"])
        return Cloud(projects[own], lambda: ("alpha", "dc3-a"), lambda: 0.0)  # type: ignore[arg-type]

    poller = HealthPoller(Clouds(connect), CredentialSettings(), lambda: 0.0)
    assert keys_of(poller, view) == ["c"]
    assert {own: each.lists for own, each in projects.items()} == {"a1b2c3": 1, "z9": 1}
    assert CREDENTIAL["application_credential_secret"] not in "".join(each.name for each in poller.targets(view))  # type: ignore[arg-type]


def test_connections_that_are_not_kept_are_not_opened_again_and_again():
    logins: list[str] = []
    secrets = [secret(f"s{n}", data={**CREDENTIAL, "application_credential_id": f"id{n}"}) for n in range(10)]
    view = View(*secrets, *(shown(f"lb-{n}", f"s{n}") for n in range(10)))

    def connect(credentials: CloudCredentials) -> Cloud:
        def identity() -> tuple[str, str]:
            logins.append(str(credentials.application_credential_id))
            return "alpha", "dc3-a"

        return Cloud(Octavia([]), identity, lambda: 0.0)  # type: ignore[arg-type]

    poller = HealthPoller(Clouds(connect, Keep(working_of_namespace=4)), CredentialSettings(), lambda: 0.0)
    for _ in range(5):
        keys_of(poller, view)
    assert len(logins) == 10
