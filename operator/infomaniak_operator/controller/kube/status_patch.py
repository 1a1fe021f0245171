"""The status of an object: computed whole, written only where it differs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from infomaniak_operator.controller.interfaces import ForeignCondition, KubeObject, Result
from infomaniak_operator.controller.kube.conditions import (
    MAX_MESSAGE,
    bodies,
    keeps_ready,
    printable,
    readable,
    timestamp,
)

ValueT = TypeVar("ValueT")
_CONTROLLER_FIELDS = ("conditions", "observedGeneration")


def wished(resource: KubeObject, result: Result, now: float) -> dict[str, Any]:
    """The status that a reconcile's result asks for.

    Args:
        resource: the version of the object that was reconciled.
        result: what the reconcile came to.
        now: seconds since the epoch.
    """
    kinds = resource.json_status if result.status is None else result.status
    status = {name: value for name, value in kinds.items() if name not in _CONTROLLER_FIELDS}
    former = resource.conditions
    observed = resource.generation
    if keeps_ready(result.conditions, former):
        # Ready stays as it was, and so speaks of the spec it spoke of: kstatus and its users look at this number alone.
        observed = resource.json_status.get("observedGeneration", observed)
    return {
        **without_nulls(status),
        "observedGeneration": observed,
        "conditions": bodies(result.conditions, former, resource.generation, now),
    }


def status_patch(resource: KubeObject, result: Result, now: float) -> dict[str, Any] | None:
    """The merge patch, for the status subresource, that makes the status what the result asks for.

    It carries the resourceVersion: the API server answers 409 if the object has changed meanwhile.

    Returns:
        The patch; None if the status is as it should be.
    """
    difference = merge_patch(resource.json_status, wished(resource, result, now))
    if not difference:
        return None
    return {"metadata": {"resourceVersion": resource.resource_version}, "status": difference}


def record_patch(resource: KubeObject, status: Mapping[str, object]) -> dict[str, Any] | None:
    """The merge patch that writes the kind's own fields alone, ahead of what a reconcile comes to; None if they are so.

    It carries the resourceVersion, as ``status_patch`` does.
    """
    kept = {name: value for name, value in resource.json_status.items() if name in _CONTROLLER_FIELDS}
    kinds = {name: value for name, value in status.items() if name not in _CONTROLLER_FIELDS}
    difference = merge_patch(resource.json_status, {**without_nulls(kinds), **kept})
    if not difference:
        return None
    return {"metadata": {"resourceVersion": resource.resource_version}, "status": difference}


def foreign_condition_patch(resource: KubeObject, wanted: ForeignCondition, now: float) -> dict[str, Any] | None:
    """The strategic merge patch that gives an object of Kubernetes' own a condition; None if it has it.

    It carries the uid: the API server answers 422 if another object has the name by now.
    """
    status, message = "True" if wanted.status else "False", readable(wanted.message, MAX_MESSAGE)
    former = resource.condition(wanted.type) or {}
    if (former.get("status"), former.get("reason"), former.get("message")) == (status, wanted.reason, message):
        return None
    body = {"type": wanted.type, "status": status, "reason": wanted.reason, "message": message}
    if former.get("status") != status:
        body["lastTransitionTime"] = timestamp(now)
    return {"metadata": {"uid": wanted.uid}, "status": {"conditions": [body]}}


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The RFC 7386 merge patch from ``old`` to ``new``, which must hold no null; empty if they are equal."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        former = old.get(name)
        if name in old and former == value:
            continue
        if isinstance(value, Mapping) and isinstance(former, Mapping):
            patch[name] = merge_patch(former, value)
        else:
            patch[name] = value
    return patch


def without_nulls(value: ValueT) -> ValueT:
    """The value as a merge patch can write it: without the null members of its objects, all text as UTF-8."""
    return cast("ValueT", _written(value))


def _written(value: object) -> object:
    if isinstance(value, Mapping):
        return {_written(name): _written(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_written(each) for each in value]
    return printable(value) if isinstance(value, str) else value
