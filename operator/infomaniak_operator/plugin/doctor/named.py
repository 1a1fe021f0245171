"""What specs name outside this API: Secrets, and external networks. Pure; a spec may be of a stranger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin.doctor.bodies import part, text

_DEEPEST = 20
_CERTIFICATES = frozenset({"secretRef", "sniSecretRefs", "caSecretRef", "crlSecretRef"})


def secret_of(resource: KubeObject) -> tuple[str, str | None] | None:
    """The Secret that an object names, with the entry of clouds.yaml; None where it names none."""
    reference = part(ANY.spec(resource), "cloudCredentialsRef")
    name = text(reference, "secretName")
    return (name, text(reference, "cloudName") or None) if name else None


def external_of(resource: KubeObject) -> Iterator[tuple[KubeObject, str, str]]:
    """The external networks that an object names in the cloud: name or id, the other empty."""
    spec = ANY.spec(resource)
    for field in ("externalGateway", "externalNetwork"):
        found = part(spec, field)
        name, id_ = text(found, "networkName"), text(found, "networkID")
        if name or id_:
            yield resource, name if not id_ else "", id_


def certificates_of(resource: KubeObject) -> Iterator[str]:
    """The Secrets with certificates that an object names, each as often as it does."""
    pending: list[tuple[str, object, int]] = [("", ANY.spec(resource), 0)]
    while pending:
        key, one, depth = pending.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(one, Mapping):
            if key in _CERTIFICATES and (name := text(one, "name")):
                yield name
            pending += [(str(name), inner, depth + 1) for name, inner in one.items()]
        elif isinstance(one, list | tuple):
            pending += [(key, inner, depth + 1) for inner in one]


def named_secrets(resource: KubeObject) -> Iterator[str]:
    """All Secrets that an object names."""
    credential = secret_of(resource)
    if credential:
        yield credential[0]
    yield from certificates_of(resource)
