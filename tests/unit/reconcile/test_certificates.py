"""A certificate that Octavia cannot read: said at once with what may be wrong, and tried again, for nothing tells when it can."""

import pytest

from tests.support.forest import Forest
from tests.support.trees import LB, SITE, balancer, listener, network, pool, tree

GOOD, BAD = "https://keys/v1/secrets/good", "https://keys/v1/secrets/bad"


def tls(ref=BAD, *sni, **more):
    return listener(
        "tls", 443, "TERMINATED_HTTPS", tls={"barbicanContainer": ref, "sniBarbicanContainers": [*sni]}, **more
    )


def assert_said(world):
    assert world.ready(LB) == ("False", "InvalidConfiguration")
    assert world.progress(LB) == "Stalled"
    message = world.message(LB)
    assert f"Could not retrieve certificate: ['{BAD}']" in message
    assert "not in Barbican" in message
    assert "role creator" in message


@pytest.mark.parametrize("refs", [(BAD,), (GOOD, BAD)], ids=["its own", "of SNI"])
def test_a_new_tree_waits_for_it_and_comes_whole(refs):
    world = Forest(network())
    world.run()
    world.fake.unreadable.add(BAD)
    world.apply_all([balancer(listeners=[listener(), tls(*refs)]), pool()])
    world.run(15)
    assert_said(world)
    assert world.table("load_balancers") == []
    # No pool is to blame: it is not tried without them, and nobody is told so.
    assert not any("together with its pools" in event.message for event in world.events[LB])

    world.fake.unreadable.clear()
    world.run()
    world.all_ready()
    assert world.one("pools")["name"] == "site"


def test_a_listener_keeps_its_certificate_until_the_new_one_can_be_read():
    world = tree(pool(), listeners=[tls(GOOD)])
    world.fake.unreadable.add(BAD)
    world.spec(LB, listeners=[tls(BAD)])
    world.run(10)
    assert_said(world)
    assert world.one("listeners")["default_tls_container_ref"] == GOOD
    assert world.ready(SITE) == ("True", "Available")
    world.fake.unreadable.clear()
    world.run()
    world.all_ready()
    assert world.one("listeners")["default_tls_container_ref"] == BAD


def test_one_that_goes_from_barbican_later_changes_nothing():
    world = tree(pool(), listeners=[tls(GOOD)])
    world.fake.unreadable.add(GOOD)
    world.annotate(LB, reconcile_at="now")
    world.run()
    world.all_ready()
    world.spec(LB, listeners=[tls(GOOD, description="other")])
    world.run()
    world.all_ready()
    assert world.one("listeners")["description"] == "other"
