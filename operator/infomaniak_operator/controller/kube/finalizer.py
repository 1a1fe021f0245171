"""Our finalizer: what to write so that it is there, or is not, and the others' stay. Pure."""

from __future__ import annotations

from typing import Any

from infomaniak_operator.controller.interfaces import FINALIZER, KubeObject


def finalizer_patch(resource: KubeObject) -> dict[str, Any] | None:
    """The merge patch that adds our finalizer, refused by 409 if the object has changed; None if it is there."""
    if FINALIZER in resource.finalizers:
        return None
    return _patch(resource, [*resource.finalizers, FINALIZER])


def release_patch(resource: KubeObject) -> dict[str, Any] | None:
    """The merge patch that takes our finalizer off, refused by 409 if the object has changed; None if it is gone."""
    if FINALIZER not in resource.finalizers:
        return None
    return _patch(resource, [each for each in resource.finalizers if each != FINALIZER])


def _patch(resource: KubeObject, finalizers: list[str]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": resource.resource_version, "finalizers": finalizers}}
