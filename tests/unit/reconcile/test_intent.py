"""A field that was set, or was about to be, and then is taken out of the spec: the cloud does not keep it.

Whatever happens between: the operator is killed, the spec changes while the call is under way, a status write is lost.
"""

import functools
import itertools

import pytest

from infomaniak_operator.controller.interfaces import Superseded
from infomaniak_operator.controller.kube.kube_api import Unavailable
from tests.support import intent
from tests.support.intent import TABLES, UNTRIED, VARIANTS, body, key, kind_of, rest, started
from tests.support.points import WAYS, Points, let_go
from tests.support.process import Killed
from tests.support.world import GRACE


@functools.cache
def places(variant):
    """The fields that an object of that variant says it has set, of those that can be taken out with an effect."""
    world, spec = started(variant)
    world.apply(body(kind_of(variant), spec))
    world.run()
    assert world.ready(key(kind_of(variant))) == ("True", "Available"), world.standing()
    return tuple(intent.removable(world.object(key(kind_of(variant))).status["appliedFields"]))


def test_every_field_of_every_table_is_tried():
    """A new field must come into the specs: then it is tried like the others."""
    _, ids = intent.place()
    for table, fields in TABLES.items():
        kind, _, block = table.partition(" ")
        spec = intent.full(kind, ids)
        items = [intent.listeners.flat(item) for item in spec[block]] if block else [spec]
        names = {name for item in items for name in item}
        missing = {field.spec for field in fields if field.mutable} - names - UNTRIED.get(table, set())
        assert not missing, (table, missing)


def own(variant):
    """Of a further variant of a kind only what the first one does not have."""
    kind = kind_of(variant)
    return tuple(name for name in places(variant) if variant == kind or name not in places(kind))


def groups(variant):
    """What is taken out together: all there is; all but the lists; each by itself."""
    every = places(variant)
    if variant not in intent.NAMES:
        return {"own": own(variant)}
    lists = {"subnets", "listeners", "members", "interfaces", "rules", "routes"}
    leaves = tuple(name for name in every if name not in lists and not name.endswith("]"))
    return {"all": every, "leaves": leaves} if leaves != every else {"all": every}


def before(variant, how, gone):
    """A world before the change: without the object, or with it as it will be when the fields are gone again."""
    world, spec = started(variant)
    intent.watch(world)
    if how == "update":
        world.apply(body(kind_of(variant), intent.without(spec, gone)))
        world.run()
    return world, spec


@functools.cache
def undisturbed(variant, gone):
    """What is in the cloud where the fields were never set, and what stays when all is deleted."""
    world, spec = started(variant)
    world.apply(body(kind_of(variant), intent.without(spec, gone)))
    world.run()
    world.all_ready()
    picture = world.picture()
    delete(world)
    return picture, world.picture()


def delete(world):
    for each in world.all_keys():
        world.delete(each)
    rest(world)
    assert not world.all_keys(), world.standing()


def ends_well(world, variant, gone):
    """All is at rest: the cloud is as if the fields had never been set, status says so, and nothing is left behind."""
    rest(world)
    picture, empty = undisturbed(variant, gone)
    assert world.picture() == picture
    me = key(kind_of(variant))
    assert world.ready(me) == ("True", "Available"), world.message(me)
    assert world.says(me, "Synced") == ("True", "Available")
    assert not set(world.object(me).status.get("appliedFields") or ()) & set(gone)
    world.clock.advance(GRACE)
    world.forget_calls()
    world.resync()
    world.run()
    assert world.changes() == []
    delete(world)
    assert world.picture() == empty


def points(variant, how, gone):
    """The points of the change, and of what they are."""
    world, spec = before(variant, how, gone)
    counted = Points(world)
    world.apply(body(kind_of(variant), spec))
    world.run()
    return list(enumerate(counted.passed))


def everywhere(ways):
    for variant, how in itertools.product(VARIANTS, ("create", "update")):
        for name, gone in groups(variant).items():
            for at, what in points(variant, how, gone):
                for way in ways(what):
                    yield pytest.param(variant, how, gone, at, way, id=f"{variant}-{how}-{name}-{at}-{way}")


@pytest.mark.parametrize(("variant", "how", "gone", "at", "way"), list(everywhere(lambda what: WAYS[what])))
def test_killed_at_any_point_and_taken_out_before_the_next_start(variant, how, gone, at, way):
    world, spec = before(variant, how, gone)
    Points(world, at, way)
    world.apply(body(kind_of(variant), spec))
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    world.apply(body(kind_of(variant), intent.without(spec, gone)))
    world.restart()
    ends_well(world, variant, gone)


@pytest.mark.parametrize(
    ("variant", "how", "gone", "at", "way"), list(everywhere(lambda what: ("late",) if what == "change" else ()))
)
def test_killed_again_before_what_comes_late_has_come(variant, how, gone, at, way):
    world, spec = before(variant, how, gone)
    Points(world, at, way)
    world.apply(body(kind_of(variant), spec))
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    world.apply(body(kind_of(variant), intent.without(spec, gone)))
    world.restart()
    world.run(5)
    world.restart()
    ends_well(world, variant, gone)


@pytest.mark.parametrize(("variant", "how", "gone", "at", "way"), list(everywhere(lambda what: WAYS[what])))
def test_killed_at_any_point_and_deleted_once_the_fields_are_taken_out(variant, how, gone, at, way):
    world, spec = before(variant, how, gone)
    Points(world, at, way)
    world.apply(body(kind_of(variant), spec))
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    world.apply(body(kind_of(variant), intent.without(spec, gone)))
    world.restart()
    delete(world)
    world.clock.advance(GRACE)
    assert world.picture() == undisturbed(variant, gone)[1]


TREE = ("LoadBalancer", "Pool", "HealthMonitor")


def whole_tree(gone=()):
    """The three kinds of a tree at once, without those fields."""
    world, ids = intent.place()
    world.apply_all(body(kind, intent.without(intent.full(kind, ids), dict(gone).get(kind, ()))) for kind in TREE)
    return world


def tree_points():
    world = whole_tree()
    counted = Points(world)
    world.run()
    return [(at, way) for at, what in enumerate(counted.passed) for way in WAYS[what]]


@functools.cache
def undisturbed_tree(gone):
    world = whole_tree(gone)
    world.run()
    world.all_ready()
    return world.picture()


@pytest.mark.parametrize("kinds", [("Pool",), ("HealthMonitor",), TREE])
@pytest.mark.parametrize(("at", "way"), tree_points())
def test_fields_of_what_is_made_with_its_tree(kinds, at, way):
    gone = tuple((kind, places(kind)) for kind in kinds)
    world = whole_tree()
    Points(world, at, way)
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    for kind, names in gone:
        spec = intent.without(dict(world.object(key(kind)).spec), names)
        world.apply(body(kind, spec))
    world.restart()
    rest(world)
    assert world.picture() == undisturbed_tree(gone)
    world.all_ready()
    delete(world)
    world.clock.advance(GRACE)
    assert world.picture() == intent.place()[0].picture()


def test_a_child_is_made_with_its_tree_only_once_status_says_what_is_set_of_it():
    world = whole_tree()
    seen = []

    def around(call, act):
        if str(call) == "POST load_balancers":
            seen.append({kind: world.object(key(kind)).status.get("appliedFields") or [] for kind in TREE})
        return act()

    world.cloud.around = around
    world.run()
    world.all_ready()
    (said,) = seen
    assert said == {kind: world.object(key(kind)).status["appliedFields"] for kind in TREE}


def calls_and_writes(what):
    return {"look": (), "change": ("call",), "write": ("409", "500", "lost")}[what]


class Disturbed(Points):
    """At one of the points the spec changes: while a call is under way, or with a write that fails or is lost."""

    def __init__(self, world, at, way, change):
        super().__init__(world, at, way)
        self.change = change

    def _pass(self, act, what):
        here = len(self.passed)
        self.passed.append(what)
        if here != self.at:
            return act()
        if self.when == "lost":
            act()
        self.change()
        if self.when == "call":
            return act()
        raise Superseded if self.when == "409" else Unavailable("no answer")


@pytest.mark.parametrize(("variant", "how", "gone", "at", "way"), list(everywhere(calls_and_writes)))
def test_taken_out_while_a_call_is_under_way_or_a_write_is_lost(variant, how, gone, at, way):
    world, spec = before(variant, how, gone)
    kind = kind_of(variant)
    Disturbed(world, at, way, lambda: world.apply(body(kind, intent.without(spec, gone))))
    world.apply(body(kind, spec))
    rest(world)
    let_go(world)
    ends_well(world, variant, gone)


def single():
    for variant in VARIANTS:
        for name in own(variant):
            yield pytest.param(variant, (name, *sorted(intent.TOGETHER.get(name, ()))), id=f"{variant}-{name}")


@pytest.mark.parametrize("how", ["create", "update"])
@pytest.mark.parametrize(("variant", "gone"), list(single()))
def test_each_field_by_itself_taken_out_while_it_is_set(variant, gone, how):
    """The change that sets it is seen through; only the spec has changed meanwhile."""
    last = [at for at, what in points(variant, how, gone) if what == "change"][-1]
    world, spec = before(variant, how, gone)
    Disturbed(world, last, "call", lambda: world.apply(body(kind_of(variant), intent.without(spec, gone))))
    world.apply(body(kind_of(variant), spec))
    rest(world)
    let_go(world)
    ends_well(world, variant, gone)


@pytest.mark.parametrize(("variant", "gone"), list(single()))
def test_each_field_by_itself_killed_after_the_last_call_that_changes_something(variant, gone):
    changing = [at for at, what in points(variant, "update", gone) if what == "change"]
    world, spec = before(variant, "update", gone)
    Points(world, changing[-1], "after")
    world.apply(body(kind_of(variant), spec))
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    world.apply(body(kind_of(variant), intent.without(spec, gone)))
    world.restart()
    ends_well(world, variant, gone)
