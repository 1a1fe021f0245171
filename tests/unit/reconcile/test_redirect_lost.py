"""Creates of a redirect's parts whose answer is lost, and that Octavia carries out after all."""

import pytest

from infomaniak_operator.client import Category, CloudTimeoutError
from tests.support.trees import LB, SITE, calm, listener, pool, tree

LOST = {"category": Category.TRANSIENT, "outcome_unknown": True}


@pytest.mark.parametrize("what", ["l7policies", "l7rules"])
@pytest.mark.parametrize("late", [1, 20])
def test_a_redirect_is_not_doubled(what, late):
    world = tree(pool())
    world.late(f"POST {what}", late, CloudTimeoutError("no answer in 30 s", **LOST))
    world.spec(LB, listeners=[listener(redirectToHTTPS={"host": "www.example.org"})])
    world.run(300)
    calm(world)
    policy = world.one("l7policies")
    assert len(world.others.l7_rules.list(policy["id"])) == 1
    for key in (LB, SITE):
        world.delete(key)
    world.run(900)
    assert world.get(LB) is None
    assert world.table("load_balancers") == []
