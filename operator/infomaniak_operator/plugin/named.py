"""Which objects a spec names, field by field, and which of them are not there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.generic.credential_settings import LABEL as CREDENTIALS
from infomaniak_operator.reconcile.octavia.certificate_secret import LABEL as CERTIFICATES

REFERENCES: Mapping[str, str] = {
    "networkRef": "InfomaniakNetwork",
    "loadBalancerRef": "LoadBalancer",
    "poolRef": "Pool",
    "defaultPoolRef": "Pool",
    "portRef": "Port",
    "remoteGroupRef": "SecurityGroup",
    "securityGroupRefs": "SecurityGroup",
    "serviceRef": "Service",
    "secretRef": "Secret",
    "sniSecretRefs": "Secret",
    "caSecretRef": "Secret",
    "crlSecretRef": "Secret",
}
"""What each field of a spec refers to that names an object."""
CREDENTIAL = "cloudCredentialsRef"
_OTHER = frozenset({"Service", "Secret"})
_PARTS = {"networkRef": "subnet", "loadBalancerRef": "listener"}
"""The field beside a reference that names a part of what is referred to."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that a spec names.

    Attributes:
        place: the field.
        key: the object.
        part: the subnet or the listener of it that the spec names; empty where it names none.
        label: of a Secret, the label that it needs.
    """

    place: str
    key: Key
    part: str = ""
    label: str = ""


def references(resource: KubeObject) -> Iterator[Reference]:
    """The objects that a spec names."""
    yield from _inside(resource, "spec", ANY.spec(resource), 0)


def _inside(resource: KubeObject, place: str, value: object, depth: int) -> Iterator[Reference]:
    if depth > 20:  # noqa: PLR2004 - no spec is that deep
        return
    if isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _inside(resource, f"{place}[{index}]", each, depth + 1)
        return
    if not isinstance(value, Mapping):
        return
    for name, each in value.items():
        here = f"{place}.{name}"
        if name == CREDENTIAL and isinstance(each, Mapping):
            yield from _named(resource, f"{here}.secretName", "Secret", each.get("secretName"), label=CREDENTIALS)
        elif name in REFERENCES:
            kind = REFERENCES[name]
            label = CERTIFICATES if kind == "Secret" else ""
            part = value.get(_PARTS.get(name, ""), "")
            for one in each if isinstance(each, list | tuple) else [each]:
                named = one.get("name") if isinstance(one, Mapping) else None
                yield from _named(resource, here, kind, named, part=str(part or ""), label=label)
        else:
            yield from _inside(resource, here, each, depth + 1)


def _named(
    resource: KubeObject, place: str, kind: str, name: object, *, part: str = "", label: str = ""
) -> Iterator[Reference]:
    if isinstance(name, str) and name:
        yield Reference(place, Key(kind, resource.key.namespace, name), part, label)


_NOWHERE = "in the files or in the cluster"


def unresolved(reference: Reference, there: Mapping[Key, KubeObject], nowhere: str = _NOWHERE) -> str:
    """Why what is referred to is not there; empty where it is.

    Args:
        reference: to an object of this API.
        there: the objects of the files and of the cluster, those of the files first.
        nowhere: where it is not, in words.
    """
    key = reference.key
    found = there.get(key)
    if found is None:
        return f"{reference.place}: there is no {key.kind} {key.name} {nowhere}"
    spec: object = ANY.spec(found)
    if not reference.part or not isinstance(spec, Mapping) or spec.get("import"):
        return ""
    listed, noun = ("subnets", "subnet") if key.kind == "InfomaniakNetwork" else ("listeners", "listener")
    items = spec.get(listed) or ()
    names = [each.get("name") for each in items if isinstance(each, Mapping)] if isinstance(items, list) else []
    if reference.part in names:
        return ""
    known = ", ".join(map(str, names)) or "none"
    return f"{reference.place}: {key.kind} {key.name} has no {noun} {reference.part}; it has: {known}"


def is_other(key: Key) -> bool:
    """Whether it is an object of Kubernetes itself."""
    return key.kind in _OTHER
