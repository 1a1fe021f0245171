"""The faults C1 to C9 of an independent chaos harness, opened again: small changes of the product, made by a test.

Each is how the product once was, in one place. A tool that does not find them proves nothing by finding nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.owned import Whose
from infomaniak_operator.reconcile.octavia import (
    foreign_children,
    listeners,
    member_cache,
    octavia_common,
    pool,
    vip_port,
)
from infomaniak_operator.reconcile.octavia.tree_child import ChildActuator

Mutant = Callable[[pytest.MonkeyPatch], None]


def c1_fields_are_noted_after_they_are_set(patch: pytest.MonkeyPatch) -> None:
    """``status.appliedFields`` names a field only with the status at the end, so a crash, or a 409, forgets it."""

    def record(context: ReconcileContext) -> None:
        if context.dry_run:
            return
        status: dict[str, Any] = {**context.status}
        status.pop("appliedFields", None)
        former = ANY.status(context.resource).get("appliedFields")
        context.request.record({**status, **({} if former is None else {"appliedFields": former})})  # type: ignore[typeddict-unknown-key]

    patch.setattr(ReconcileContext, "record", record)


def c2_the_port_of_a_former_object_counts_as_ours(patch: pytest.MonkeyPatch) -> None:
    """A port with the mark of an object of the same name that is no more is deleted with the object."""

    def ours(facts: Any, rows: Iterable[Any]) -> list[Any]:
        return vip_port._found(facts, rows, Whose.OURS, Whose.LOST, Whose.PREVIOUS)

    patch.setattr(vip_port, "_ours", ours)


def c3_a_pool_that_is_retired_settles_the_create_of_the_next(patch: pytest.MonkeyPatch) -> None:
    """A create goes out, and a deletion takes it for settled, while status still shows the id of the former pool."""
    known, prerequisites = member_cache.is_former, pool.PoolActuator.prerequisites

    def blind(actuator: Any, context: Any, inputs: Any) -> Any:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(member_cache, "is_former", lambda *_: False)
            return prerequisites(actuator, context, inputs)

    assert known is member_cache.is_former
    patch.setattr(pool.PoolActuator, "prerequisites", blind)
    patch.setattr(pool.PoolActuator, "lock", ChildActuator.lock)


def c4_the_port_is_known_by_its_mark_alone(patch: pytest.MonkeyPatch) -> None:
    """A VIP's port whose description somebody has written anew is nobody's, though status names it."""
    whose = vip_port.whose

    def by_mark(owner: Any, row: Any, **how: Any) -> Whose:
        return whose(owner, row, **{**how, "recorded": ()})

    patch.setattr(vip_port, "whose", by_mark)


def c5_a_listener_is_known_by_its_name(patch: pytest.MonkeyPatch) -> None:
    """A listener that others have made is adopted where the spec has one of its name."""
    of_item = listeners.of_item

    def by_name(facts: Any, rows: Iterable[Any], name: str) -> list[Any]:
        rows = list(rows)
        return of_item(facts, rows, name) or [row for row in rows if row.get("name") == name]

    patch.setattr(listeners, "of_item", by_name)


def c6_only_listeners_and_pools_of_others_are_looked_for(patch: pytest.MonkeyPatch) -> None:
    """Health monitors and L7 policies that others have made go with what is above them."""
    patch.setattr(foreign_children, "_monitors", lambda *_, **__: [])
    patch.setattr(foreign_children, "policies", lambda *_: {})
    patch.setattr(foreign_children, "policies_under", lambda *_: iter(()))


def c7_an_address_that_is_gone_keeps_its_router(patch: pytest.MonkeyPatch) -> None:
    """The status of a floating IP that is gone for good goes on naming the router that it went through."""
    patch.setattr(ReconcileContext, "lost_for_good", lambda *_: None)


def c9_a_tree_without_an_id_is_asked_for(patch: pytest.MonkeyPatch) -> None:
    """The state of a load balancer that the cloud does not name is asked for by the id None."""
    look = octavia_common.look

    def blind(context: Any) -> Any:
        if octavia_common.tree_of(context).load_balancer_id is None:
            context.cloud.do.load_balancers.status_tree(None)
        return look(context)

    patch.setattr(octavia_common, "look", blind)


FOUND_BY: Mapping[Mutant, tuple[str, str]] = {
    c1_fields_are_noted_after_they_are_set: ("group touched", "rules come"),
    c2_the_port_of_a_former_object_counts_as_ours: ("restored", "deleted"),
    c3_a_pool_that_is_retired_settles_the_create_of_the_next: ("tree touched", "pool replaced"),
    c4_the_port_is_known_by_its_mark_alone: ("tree with the port's mark lost", "port unmarked"),
    c5_a_listener_is_known_by_its_name: ("tree with a listener by hand", "asked for"),
    c6_only_listeners_and_pools_of_others_are_looked_for: ("tree with a monitor by hand", "replaced"),
    c7_an_address_that_is_gone_keeps_its_router: ("address lost for ever", "edge deleted"),
    c9_a_tree_without_an_id_is_asked_for: ("tree without parents", "edited"),
}
"""The life and the act in which each is found."""
