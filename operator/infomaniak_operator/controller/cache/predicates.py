"""What a change of an object leads to: a reconcile of itself, reconciles of others, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.controller.interfaces import FINALIZER, READY, Key, KubeObject
from infomaniak_operator.controller.kube.conditions import without_request_ids

_OWN_METADATA = ("labels", "annotations")
_ENGINE_STATUS = ("conditions",)
_NOT_CONTENT = ("apiVersion", "kind", "metadata", "status")


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an object: ``old`` is None if it is new, ``new`` is None if it is gone."""

    key: Key
    old: KubeObject | None
    new: KubeObject | None

    @property
    def reborn(self) -> bool:
        """Whether another object now goes by the same name."""
        return bool(self.old and self.new and self.old.uid != self.new.uid)


def concerns_itself(change: Change) -> bool:
    """Whether the object must be reconciled: anything but its status has changed, our own finalizer's arrival apart."""
    old, new = change.old, change.new
    if new is None:
        return False
    if old is None or old.uid != new.uid:
        return True
    return (
        old.generation != new.generation
        or old.deleting != new.deleting
        or any((old.metadata.get(name) or {}) != (new.metadata.get(name) or {}) for name in _OWN_METADATA)
        or _finalizers_changed(old, new)
    )


def concerns_others(change: Change) -> bool:
    """Whether those that refer to the object, or wait for it, must be reconciled.

    Times of conditions, annotations, finalizers and managed fields are nobody else's business; nor are messages, but
    for that of a Ready that is not True: those that wait for the object repeat it.
    """
    old, new = change.old, change.new
    if old is None or new is None:
        return old is not new
    return old.body is not new.body and _face(old) != _face(new)


def hold_changed(change: Change) -> bool:
    """Whether what the object needs of those it refers to may have changed: it came, goes, or is held by us or not."""
    old, new = change.old, change.new
    return old is None or new is None or _hold(old) != _hold(new)


def _hold(resource: KubeObject) -> tuple[Any, ...]:
    return resource.uid, resource.deleting, FINALIZER in resource.finalizers, resource.generation


def _finalizers_changed(old: KubeObject, new: KubeObject) -> bool:
    before, after = set(old.finalizers), set(new.finalizers)
    return bool(before - after) or bool(after - before - {FINALIZER})


def _face(resource: KubeObject) -> tuple[Any, ...]:
    """All that others may go by."""
    status: dict[str, Any] = {key: value for key, value in resource.json_status.items() if key not in _ENGINE_STATUS}
    status.pop("observedGeneration", None)
    conditions = sorted(map(_condition, resource.conditions))
    # A Secret has neither spec nor generation: its content is all that is not metadata.
    content: Mapping[str, Any] = {key: value for key, value in resource.body.items() if key not in _NOT_CONTENT}
    meta = resource.metadata
    return resource.uid, resource.deleting, meta.get("labels") or {}, content, status, conditions


def _condition(condition: Mapping[str, Any]) -> tuple[str, ...]:
    said = tuple(str(condition.get(name, "")) for name in ("type", "status", "reason", "observedGeneration"))
    repeated = condition["type"] == READY and condition.get("status") != "True"
    return (*said, without_request_ids(str(condition.get("message", ""))) if repeated else "")
