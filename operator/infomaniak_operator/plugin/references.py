"""What objects refer to, as the operator itself reads it."""

from __future__ import annotations

from collections.abc import Iterable

from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.stack import References
from infomaniak_operator.reconcile.reconcilers import actuators


def references() -> References:
    """What an object refers to, as the operator itself reads it; nothing where the operator could not read it."""
    kinds = {each.kind: each for each in actuators()}

    def found(resource: KubeObject) -> Iterable[Key]:
        try:
            return tuple(kinds[resource.key.kind].references(resource))
        except (AttributeError, KeyError, TypeError, ValueError):
            return ()

    return found
