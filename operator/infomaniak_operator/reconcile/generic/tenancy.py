"""Tenant isolation: which namespaces share a project, and what an object there may not name in it. Pure.

Whoever may write an object names, by an id or an import, whatever the credential shows: in a shared project also what
belongs to another team. Where that is refused, an object refers to objects of its own namespace only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from infomaniak_operator.api.common import CommonSpec
from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.api.model import Reach
from infomaniak_operator.api.reach import Kept, NamedResource, named
from infomaniak_operator.api.registry import KINDS, InvalidSpec
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.outcomes import CREDENTIALS_VALID, Outcome, stalled, stands_ready

_AFTER_THE_CHECK = frozenset(
    {Reason.CREATING, Reason.UPDATING, Reason.IN_USE, Reason.QUOTA_EXCEEDED, Reason.WAITING_FOR_REFERENCE}
)
"""What an object that is not Ready says only once it has been let through, if its credential is valid."""
_MOST_NAMED = 5
"""So many fields a message names."""


class Isolation(StrEnum):
    """Which namespaces may name nothing in the cloud that another namespace may own."""

    NONE = "none"
    """None."""
    DEFAULT_CREDENTIAL = "default-credential"
    """Those that use the operator's default credential, where it serves more than one."""
    SHARED_PROJECT = "shared-project"
    """Those as well whose credential leads to a project in which an object of another namespace has something."""
    STRICT = "strict"
    """All."""


@dataclass(frozen=True, slots=True)
class Place:
    """A project in a region, as far as a credential has shown it.

    Attributes:
        auth_url: the Keystone that knows the project; None where that is not known.
        project: its id.
        region: the region.
    """

    auth_url: str | None
    project: str
    region: str


@dataclass(frozen=True, slots=True)
class TenantIsolation:
    """What the operator is told of its tenants.

    Attributes:
        mode: which namespaces are held to their own objects.
        exempt: namespaces that are not, whatever the mode.
        watched: the namespaces that the operator watches; empty: all.
    """

    mode: Isolation = Isolation.DEFAULT_CREDENTIAL
    exempt: frozenset[str] = frozenset()
    watched: tuple[str, ...] = ()

    def shared_default(self, settings: CredentialSettings) -> bool:
        """Whether the default credential serves more than one namespace."""
        default = settings.default
        if default is None:
            return False
        if not self.watched:
            return "*" in default.namespaces or len(default.namespaces) > 1
        return sum(default.serves(namespace) for namespace in set(self.watched)) > 1


def refusal(
    resource: KubeObject,
    view: CacheReader,
    settings: CredentialSettings,
    isolation: TenantIsolation,
    place: Place | None = None,
    *,
    stood: int | None = None,
) -> str | None:
    """Why an object may not be as its spec says; None where it may.

    Args:
        resource: the object; its spec is valid.
        view: the cache.
        settings: where credentials come from.
        isolation: what is refused to whom.
        place: where the object's credential leads; None before that is known.
        stood: the generation at which the object is known to have been Ready.

    Returns:
        The fields at fault, the reason and what to do; no other namespace is named.
    """
    if isolation.mode is Isolation.NONE or resource.key.namespace in isolation.exempt:
        return None
    if stood == resource.generation or stands_ready(resource):
        return None
    found = [each for each in _named(resource) if each.names.reach is Reach.PROJECT and not _in_use(resource, each)]
    if not found:
        return None
    why = _why(resource, view, settings, isolation, place)
    return _message(found, why, resource.key.namespace) if why else None


def kept_apart(
    resource: KubeObject,
    view: CacheReader,
    settings: CredentialSettings,
    isolation: TenantIsolation,
    place: Place | None = None,
) -> bool:
    """Whether the namespace of an object is held to its own objects; see ``refusal``."""
    if isolation.mode is Isolation.NONE or resource.key.namespace in isolation.exempt:
        return False
    return _why(resource, view, settings, isolation, place) is not None


def check(
    context: ReconcileContext,
    settings: CredentialSettings,
    isolation: TenantIsolation,
    place: Place | None = None,
    *,
    settled: Callable[[], bool] = lambda: False,
) -> Outcome | None:
    """Refuse an object that names what another namespace may own; nothing is asked of the cloud for it.

    Args:
        context: the reconcile.
        settings: where credentials come from.
        isolation: what is refused to whom.
        place: where the object's credential leads; None before that is known.
        settled: whether status shows that the object was in order with this very spec; asked only before a refusal.
    """
    if stands_ready(context.resource):
        context.memory.stood = context.resource.generation
    message = refusal(context.resource, context.request.view, settings, isolation, place, stood=context.memory.stood)
    if message and settled():
        context.memory.stood = context.resource.generation
    elif message:
        return stalled(Reason.INVALID_CONFIGURATION, message)
    return None


def _named(resource: KubeObject) -> list[NamedResource]:
    try:
        spec = KINDS[resource.key.kind].parse(resource.spec)
    except InvalidSpec:
        return []  # refused for that
    return list(named(spec)) if isinstance(spec, CommonSpec) else []


def _in_use(resource: KubeObject, each: NamedResource) -> bool:
    """Whether status shows that the object has, or stands for, what it names."""
    status = ANY.status(resource)
    if each.kept is Kept.ID:
        # With an id in status an import is not looked up again. Read before and managed now is another matter.
        managed = ANY.spec(resource).get("managementPolicy") != "Unmanaged"
        return bool(status.get("id")) and (not managed or "appliedFields" in status)
    if not each.names.shown:
        return bool(status.get("id")) and _let_through(resource)
    wanted = address(each.value)
    return any(address(shown) == wanted for name in each.names.shown for shown in _values(status, name))


def _let_through(resource: KubeObject) -> bool:
    """Whether this very generation was acted upon before, and is not Ready for a reason that has to do with neither.

    ``CredentialsValid`` alone does not say so: an object that is paused keeps it while its spec changes.
    """
    ready, valid = resource.condition("Ready") or {}, resource.condition(CREDENTIALS_VALID) or {}
    return (
        ready.get("observedGeneration") == resource.generation == valid.get("observedGeneration")
        and (ready.get("status"), valid.get("status")) == ("False", "True")
        and ready.get("reason") in _AFTER_THE_CHECK
    )


def _values(found: object, name: str) -> Iterable[str]:
    """The texts that a status has under that name, at any depth; conditions apart."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            if key == name:
                yield from value if isinstance(value, list | tuple) else [value]
            elif key != "conditions":
                yield from _values(value, name)
    elif isinstance(found, list | tuple):
        for item in found:
            yield from _values(item, name)


def _why(
    resource: KubeObject,
    view: CacheReader,
    settings: CredentialSettings,
    isolation: TenantIsolation,
    place: Place | None,
) -> str | None:
    """Why the namespace of an object is held to its own objects; None where it is not, as far as is known."""
    if isolation.mode is Isolation.STRICT:
        return "this operator lets no namespace name what is in the cloud"
    source, default = settings.source(resource), settings.default
    of_default = source and default and source.secret == Key("Secret", default.namespace, default.secret)
    if of_default and isolation.shared_default(settings):
        return "the operator's default credential, and so its project, is shared with other namespaces"
    if isolation.mode is Isolation.SHARED_PROJECT and place and _in_project(resource, view, settings, place):
        return "the credential's project is shared with another namespace"
    return None


def _in_project(resource: KubeObject, view: CacheReader, settings: CredentialSettings, place: Place) -> bool:
    """Whether an object of another namespace has something in that project, as its status shows."""
    return any(
        other.key.namespace != resource.key.namespace
        and _project(other) == (place.project, place.region)
        and not _elsewhere(other, view, settings, place)
        for kind in KINDS
        for other in view.objects(kind)
    )


def _project(other: KubeObject) -> tuple[str | None, str | None]:
    status = ANY.status(other)
    return status.get("projectID"), status.get("region")


def _elsewhere(other: KubeObject, view: CacheReader, settings: CredentialSettings, place: Place) -> bool:
    """Whether another object's credential leads to another cloud, which may call its projects what it likes."""
    there = settings.address_of(other, view)
    return bool(there and place.auth_url and there != place.auth_url)


def _message(found: list[NamedResource], why: str, namespace: str) -> str:
    shown = "; ".join(
        f"{each.place} names {each.names.what} (instead: {each.names.instead})" for each in found[:_MOST_NAMED]
    )
    more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return (
        f"{shown}{more}: refused, because it may belong to another namespace: {why}. Refer to objects of namespace "
        f"{namespace}, or ask the cluster's administrator for a credential of a project of your own, or to exempt "
        f"{namespace} (--tenant-isolation-exempt)"
    )
