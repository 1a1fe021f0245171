"""How long the sandbox's load balancers stay PENDING."""

from sandbox.services.settling import Settling

LB, POOL, MEMBER = (
    (kind, kind[0], status)
    for kind, status in (
        ("loadbalancers", "PENDING_UPDATE"),
        ("pools", "PENDING_UPDATE"),
        ("members", "PENDING_CREATE"),
    )
)


def test_a_row_is_due_when_it_was_pending_for_as_long_as_said() -> None:
    settling = Settling()
    assert settling.due([LB], 10.0, 0.5) == []
    assert settling.due([LB, MEMBER], 10.4, 0.5) == []
    assert settling.due([LB, MEMBER], 10.5, 0.5) == [LB]
    assert settling.due([MEMBER], 10.9, 0.5) == [MEMBER]


def test_one_that_is_pending_again_by_the_next_look_waits_again() -> None:
    settling = Settling()
    settling.due([LB, POOL], 10.0, 0.5)
    assert settling.due([LB, POOL], 10.5, 0.5) == [LB, POOL]
    # ACTIVE for less than a step: the next change is as long as any, and the load balancer is not ACTIVE before its parts.
    assert settling.due([LB, POOL, MEMBER], 10.6, 0.5) == []
    assert settling.due([LB, POOL, MEMBER], 11.1, 0.5) == [LB, POOL, MEMBER]


def test_what_is_not_pending_any_more_is_forgotten() -> None:
    settling = Settling()
    settling.due([LB], 10.0, 0.5)
    settling.due([], 10.2, 0.5)
    assert settling.due([LB], 10.6, 0.5) == []


def test_at_once() -> None:
    assert Settling().due([LB], 10.0, 0.0) == [LB]
