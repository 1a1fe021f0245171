"""The wall clock of the operator's machine is set an hour ahead or back while it works: nothing that it does changes.

Each history is led twice, once with the clock set at one of its calls: the calls must be the same, at the same moments of
the time that really passes. The cloud has a clock of its own, which goes on.
"""

import copy
import datetime as dt
from collections.abc import Callable

import pytest

from infomaniak_operator.client import Category, CloudTimeoutError, ServiceError
from infomaniak_operator.controller.interfaces import Key
from tests.support.chains import data_of, link, tls_secret
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE
from tests.support.trees import LB, balancer, calm, listener, member, monitor, network, pool
from tests.support.world import GRACE

HOUR = 3600.0
BOTH_WAYS = pytest.mark.parametrize("seconds", [HOUR, -HOUR], ids=["ahead", "back"])
Journal = list[tuple[float, str]]
Trouble = Callable[[Forest], None]


def own_clock(world: Forest) -> None:
    """Have the cloud's clock stay as it is where the operator's is set."""
    epoch = world.clock.now() - world.clock.monotonic()
    world.fake.neutron.now = lambda: epoch + world.clock.monotonic()


def life(trouble: Trouble, at: int | None = None, seconds: float = 0.0) -> Journal:
    """What is asked of the cloud, and when: a tree is made, changed, compared, and deleted.

    Args:
        trouble: what goes wrong on the way.
        at: the call at which the clock is set, from 0; None: it is not.
        seconds: how far.
    """
    world = Forest()
    own_clock(world)
    start = world.clock.monotonic()
    journal: Journal = []

    def note(call: object) -> None:
        if len(journal) == at:
            world.clock.jump(seconds)
        journal.append((round(world.clock.monotonic() - start, 2), str(call)))

    world.cloud.watch = note
    trouble(world)
    world.apply_all([network(), balancer(), pool(), monitor()])
    world.run()
    world.all_ready()
    world.apply_all([pool(members=[member(12), member(13)]), monitor(delay=7)])
    world.run()
    world.all_ready()
    world.resync()
    world.run()
    for key in reversed(world.all_keys()):
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    assert [name for name in ("load_balancers", "pools", "health_monitors", "ports") if world.table(name)] == []
    return journal


def none(world: Forest) -> None:
    """Nothing goes wrong."""


def unanswered(world: Forest) -> None:
    """Creates, a change and a delete are carried out, and not answered."""
    for call in ("POST networks", "POST ports", "PUT members", "DELETE load_balancers"):
        method, collection = call.split()
        error = CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)
        world.fake.fail_next(method, collection, error, after=True)


def never_made(world: Forest) -> None:
    """A create is neither carried out nor answered: another goes out once the grace is over, and is refused at first."""
    error = CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)
    world.fake.fail_next("POST", "networks", error)
    for _ in range(3):
        world.fake.fail_next("POST", "networks", ServiceError("503", status=503, category=Category.TRANSIENT))


TROUBLES = (none, unanswered, never_made)


def held(trouble: Trouble, seconds: float, step: int) -> None:
    plain = life(trouble)
    for at in range(0, len(plain), step):
        assert life(trouble, at, seconds) == plain, f"the clock is set at call {at}, {plain[at]}"


@BOTH_WAYS
@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_call_is_made_when_it_would_have_been(trouble: Trouble, seconds: float) -> None:
    held(trouble, seconds, 9)


@pytest.mark.full
@BOTH_WAYS
@pytest.mark.parametrize("trouble", TROUBLES)
def test_at_whichever_call_the_clock_is_set(trouble: Trouble, seconds: float) -> None:
    held(trouble, seconds, 1)


@BOTH_WAYS
def test_a_restart_after_it_was_set_changes_nothing(seconds: float) -> None:
    world = Forest(network(), balancer(), pool(), monitor())
    own_clock(world)
    world.run()
    world.clock.jump(seconds)
    world.restart()
    world.forget_calls()
    world.resync()
    world.run()
    assert world.changes() == []
    world.all_ready()


def test_what_is_copied_while_the_clock_was_set_in_a_create_is_no_double_of_ours() -> None:
    """The create is on record for as long as it took: not for an hour because the clock was set in it."""
    world = Forest()
    own_clock(world)
    around = world.cloud.around

    def unanswered_while_set(call: object, act: Callable[[], object]) -> object:
        if str(call) != "POST networks":
            return act()
        world.cloud.around = around
        act()
        world.clock.jump(HOUR)
        raise CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)

    world.cloud.around = unanswered_while_set
    key = world.apply(network())
    world.run()
    world.all_ready()
    (ours,) = [row for row in world.table("networks") if row["name"] == "web"]
    world.clock.advance(HOUR / 2)
    world.others.networks.create({"name": ours["name"], "description": ours["description"]})
    there = copy.deepcopy(world.fake.tables["networks"])
    world.clock.advance(GRACE)
    world.resync()
    world.run()
    assert world.fake.tables["networks"] == there
    assert world.object(key).status["id"] == ours["id"]
    assert "CopyLeftAlone" in world.told(key)


WEB = Key("Secret", NAMESPACE, "web-tls")


@BOTH_WAYS
def test_a_certificate_that_only_a_wrong_clock_calls_bad_stays_and_is_good_once_the_clock_is(seconds: float) -> None:
    root = link("Root")
    world = Forest()
    now = dt.datetime.fromtimestamp(world.clock.now(), dt.UTC)
    half = dt.timedelta(minutes=30)
    leaf = link("web", root, began=now - half, ends=now + half)
    https = listener("https", 443, "TERMINATED_HTTPS", tls={"secretRef": {"name": WEB.name}})
    world.apply_all([tls_secret(WEB.name, data_of(leaf, root)), network(), balancer(listeners=[https]), pool()])
    world.run(300)
    world.all_ready()
    world.forget_calls()
    world.clock.jump(seconds)
    world.resync()
    world.run(60)
    assert world.changes() == []
    assert "has expired" in world.message(LB) or "is not valid before" in world.message(LB)
    world.clock.jump(-seconds)
    world.resync()
    world.run(700)  # the longest that it is left alone
    assert world.changes() == []
    world.all_ready()
    calm(world)
