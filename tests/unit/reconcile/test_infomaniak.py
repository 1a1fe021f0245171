"""The reconcilers in a cloud that is as Infomaniak's: what is odd there is nothing to them."""

from sandbox.traits import INFOMANIAK
from tests.support.fake_cloud import FakeCloud
from tests.support.forest import Forest
from tests.support.recorded import example
from tests.support.trees import balancer, listener, monitor, network, pool

REFUSED = "TCP is not a valid option for type"


def cloud() -> FakeCloud:
    return FakeCloud(traits=INFOMANIAK)


def test_an_example_and_its_end():
    world = Forest(*example("web"), fake=cloud())
    world.run()
    world.all_ready()
    owners = sorted(row["device_owner"] for row in world.others.ports.list(project_id="alpha"))
    assert owners == ["", "network:dhcp", "network:dhcp", "network:ha_router_replicated_interface"]
    before = {name: dict(rows) for name, rows in world.fake.tables.items()}
    world.clock.advance(600)
    world.resync()
    world.run()
    world.all_ready()
    assert {name: dict(rows) for name, rows in world.fake.tables.items()} == before
    for key in world.all_keys():
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    assert world.others.ports.list(project_id="alpha") == []


def test_the_second_tcp_monitor_is_tried_again_and_never_stalled():
    ways = [listener("plain", 80, "TCP", "plain"), listener("secure", 443, "TCP", "secure")]
    pools = [pool(name, protocol="TCP") for name in ("plain", "secure")]
    world = Forest(network(), balancer(listeners=ways), *pools, fake=cloud())
    world.run()
    world.all_ready()
    checks = [monitor(name, type="TCP") for name in ("plain", "secure")]
    keys = world.apply_all(checks)
    said, progress = set(), set()
    for _ in range(200):
        world.some(1)
        for key in keys:
            said.add(world.message(key))
            progress.add(world.progress(key))
    world.run()
    world.all_ready()
    assert "Stalled" not in " ".join(progress)
    assert any(REFUSED in each and "it is tried again by itself" in each for each in said)
    posts = [call for call in world.fake.calls if call[:2] == ("POST", "health_monitors")]
    assert len(posts) == 4
    assert len(world.table("health_monitors")) == len(keys)
