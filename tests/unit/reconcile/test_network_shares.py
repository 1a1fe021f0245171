"""With which projects a network is shared: read where the spec asks for it, and never more than once a minute and credential."""

from contextlib import nullcontext

import pytest

from infomaniak_operator.api.v1alpha1.network_types import MAX_SHARES
from infomaniak_operator.client import CloudTimeoutError, ForbiddenError, InfomaniakCloudError, ServiceError
from infomaniak_operator.client.operations import NetworkShares
from tests.support.forest import Forest
from tests.support.objects import custom, network


def world_of(*names, **spec):
    bodies = [network(name, **spec) for name in names]
    world = Forest(*bodies)
    world.run()
    world.all_ready()
    world.forget_calls()
    return world


def network_of(world):
    key = next(each for each in world.all_keys() if each.kind == "InfomaniakNetwork")
    return key, world.object(key).json_status["id"]


def resync(world):
    world.clock.advance(600)
    world.resync()
    world.run()


def shown(world):
    return world.object(network_of(world)[0]).json_status.get("sharedWith")


def lists(world):
    return world.calls()["LIST rbac_policies"]


@pytest.fixture
def world():
    return world_of("front", observeShares=True)


def test_it_is_shown_follows_and_goes(world):
    assert shown(world) == []
    key, id_ = network_of(world)
    for other in ("project-b", "project-a", "*"):
        world.fake.neutron.share(id_, other)
    resync(world)
    assert shown(world) == ["*", "project-a", "project-b"]
    world.fake.neutron.unshare(id_, "project-a")
    resync(world)
    assert shown(world) == ["*", "project-b"]
    assert world.changes() == []
    world.spec(key, observeShares=False)
    world.run()
    assert shown(world) is None
    assert world.changes() == []


@pytest.mark.parametrize("spec", [{}, {"observeShares": False}])
def test_who_does_not_ask_costs_nothing(spec):
    world = world_of("front", **spec)
    resync(world)
    assert lists(world) == 0
    assert shown(world) is None


def test_one_list_serves_all_networks_of_a_resync():
    world = world_of(*(f"n{each}" for each in range(8)), observeShares=True)
    resync(world)
    assert lists(world) == 1
    writes = dict(world.status_writes)
    resync(world)
    assert lists(world) == 2
    assert dict(world.status_writes) == writes, "nothing has changed, so no status is written"


@pytest.mark.parametrize(
    "error", [ForbiddenError("no", status=403), ServiceError("away", status=503), CloudTimeoutError("no answer")]
)
def test_where_it_cannot_be_read_the_former_stays_and_nothing_else_is_troubled(world, error):
    _, id_ = network_of(world)
    world.fake.neutron.share(id_, "project-b")
    resync(world)
    world.fake.neutron.unshare(id_, "project-b")
    world.fail("LIST network_shares", error, times=100)
    resync(world)
    world.all_ready()
    assert shown(world) == ["project-b"]
    assert world.changes() == []


def test_what_is_not_ones_own_is_not_told(world):
    others = world.fake.operations("beta").networks.create({"name": "theirs"})["id"]
    world.fake.neutron.share(others, "alpha")
    resync(world)
    assert shown(world) == []


def test_of_a_network_of_another_project_nothing_is_said():
    world = Forest()
    theirs = world.fake.operations("beta").networks.create({"name": "theirs"})["id"]
    world.fake.neutron.share(theirs, "alpha")
    spec = {"import": {"id": theirs}, "managementPolicy": "Unmanaged", "observeShares": True}
    world.apply(custom("InfomaniakNetwork", "read", spec))
    world.run()
    world.all_ready()
    assert (shown(world), lists(world)) == (None, 0)


def test_so_many_are_shown_and_no_more(world):
    _, id_ = network_of(world)
    for each in range(200):
        world.fake.neutron.share(id_, f"project-{each:03}")
    resync(world)
    assert shown(world) == [f"project-{each:03}" for each in range(MAX_SHARES)]


def test_a_network_that_is_only_read_has_it_too():
    world = Forest()
    id_ = world.others.networks.create({"name": "theirs"})["id"]
    world.fake.neutron.share(id_, "project-b")
    world.forget_calls()
    spec = {"import": {"id": id_}, "managementPolicy": "Unmanaged", "observeShares": True}
    world.apply(custom("InfomaniakNetwork", "read", spec))
    world.run()
    assert shown(world) == ["project-b"]
    assert world.changes() == []


class Session:
    """Answers one list."""

    def __init__(self, *rows):
        self.rows, self.asked = rows, []

    def whole_list(self):
        return nullcontext()

    def request(self, *words, **more):
        self.asked.append((words, more))
        return {"rbac_policies": list(self.rows)}


def row(network_id, project, **more):
    return {"id": "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "object_id": network_id, "target_tenant": project, **more}


def test_the_client_asks_for_networks_and_counts_a_project_once():
    net = "2c4e28ba-2fa1-41d2-883f-0016d3cca427"
    project = "3656c7764515435dab68064ca7a71b6a"
    session = Session(row(net, project), row(net, "*"), row(net, project))
    assert NetworkShares(session).list() == {net: ["*", project]}
    ((words, more),) = session.asked
    assert words[:2] == ("network", "GET")
    assert sorted(more["params"]) == [("action", "access_as_shared"), ("object_type", "network")]


@pytest.mark.parametrize(
    "bad", [{"object_id": 5}, {"target_tenant": None}, {"target_tenant": "x y\n"}, {"object_id": None}]
)
def test_an_answer_that_is_none_is_an_error(bad):
    good = row("2c4e28ba-2fa1-41d2-883f-0016d3cca427", "*")
    with pytest.raises(InfomaniakCloudError):
        NetworkShares(Session({**good, **bad})).list()
