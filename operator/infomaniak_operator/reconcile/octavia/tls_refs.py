"""Which Secrets a spec names for TLS, and in which fields: of a listener, and of a pool. Pure, of the spec alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import Untyped
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.octavia.certificate_secret import key_of
from infomaniak_operator.reconcile.octavia.x509_authority import REVOKED
from infomaniak_operator.reconcile.octavia.x509_chain import AUTHORITY, CERTIFICATE

CLIENTS: Final = "clientAuthentication"
_CONTAINER: Final = "barbicanContainer"
CA: Final = "caBarbicanSecret"
CRL: Final = "crlBarbicanSecret"
"""The fields that hold, by address, what ``caSecretRef`` and ``crlSecretRef`` name."""


class Source(NamedTuple):
    """What is kept in Barbican: of a Secret what begins in one of its keys.

    Attributes:
        secret: its name.
        part: the key: ``tls.crt``, ``ca.crt`` or ``ca.crl``.
    """

    secret: str
    part: str

    @property
    def label(self) -> str:
        """Both as one; a certificate is known by the name of its Secret."""
        return self.secret if self.part == CERTIFICATE else f"{self.secret}/{self.part}"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates are taken from the other side, as far as Secrets say.

    Attributes:
        where: the place of the fields in the spec.
        ca: the authority.
        crl: what it has revoked.
    """

    where: str
    ca: Source | None
    crl: Source | None

    @property
    def sources(self) -> dict[str, Source]:
        """What is named, by the field that takes its address."""
        return {name: each for name, each in ((CA, self.ca), (CRL, self.crl)) if each is not None}


def trust(block: json_types.ClientAuthentication | json_types.PoolTls, where: str) -> Trust:
    """Whom a block of a spec trusts."""
    ca, crl = block.get("caSecretRef"), block.get("crlSecretRef")
    return Trust(where, Source(ca["name"], AUTHORITY) if ca else None, Source(crl["name"], REVOKED) if crl else None)


def trusts(of: Untyped) -> Iterator[Trust]:
    """Whom the blocks of a spec trust."""
    for item in json_types.LOAD_BALANCER.spec(of).get("listeners") or ():
        clients = (item.get("tls") or {}).get(CLIENTS)
        if clients:
            yield trust(clients, f"listeners[{item['name']}].tls.{CLIENTS}")
    if tls := json_types.POOL.spec(of).get("tls"):
        yield trust(tls, "tls")


def named(of: Untyped) -> dict[Source, list[str]]:
    """What a spec names, and the fields that do."""
    found: dict[Source, list[str]] = {}
    for item in json_types.LOAD_BALANCER.spec(of).get("listeners") or ():
        tls: json_types.Tls = item.get("tls") or {}
        where = f"listeners[{item['name']}].tls"
        if ref := tls.get("secretRef"):
            found.setdefault(Source(ref["name"], CERTIFICATE), []).append(f"{where}.secretRef")
        for each in tls.get("sniSecretRefs") or ():
            found.setdefault(Source(each["name"], CERTIFICATE), []).append(f"{where}.sniSecretRefs")
    pool: json_types.PoolTls = json_types.POOL.spec(of).get("tls") or {}
    if ref := pool.get("secretRef"):
        found.setdefault(Source(ref["name"], CERTIFICATE), []).append("tls.secretRef")
    for whom in trusts(of):
        if whom.ca:
            found.setdefault(whom.ca, []).append(f"{whom.where}.caSecretRef")
        if whom.crl:
            found.setdefault(whom.crl, []).append(f"{whom.where}.crlSecretRef")
    return found


def references(resource: KubeObject) -> list[Key]:
    """The keys of the Secrets."""
    names = dict.fromkeys(source.secret for source in named(resource))
    return [key_of(resource.key.namespace, name) for name in names]


_REFS = frozenset({"secretRef", "sniSecretRefs", "caSecretRef", "crlSecretRef"})


def by_address(
    item: json_types.Listener, addresses: Mapping[str, object], clients: object = None
) -> json_types.Listener:
    """The same listener with addresses in the place of references to Secrets.

    Args:
        item: of the spec.
        addresses: of the certificates, by the fields that take them.
        clients: what ``clientAuthentication`` is then; None: as it is.
    """
    tls: json_types.Tls = item.get("tls") or {}
    plain = {**_plain(tls), **addresses, **({CLIENTS: clients} if clients is not None else {})}
    return cast("json_types.Listener", {**item, "tls": plain}) if "tls" in item else item


def _plain(block: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in block.items() if name not in _REFS}


def placed(item: json_types.Listener) -> json_types.Listener:
    """The same listener with an address where it names a Secret: which of its fields are set does not hang on more."""
    tls: json_types.Tls = item.get("tls") or {}
    addresses: dict[str, object] = {_CONTAINER: ""} if "secretRef" in tls else {}
    addresses |= {"sniBarbicanContainers": []} if "sniSecretRefs" in tls else {}
    clients = tls.get(CLIENTS)
    return by_address(
        item, addresses, trusting(clients, dict.fromkeys(trust(clients, "").sources)) if clients else None
    )


def trusting(block: Mapping[str, object], addresses: Mapping[str, object]) -> dict[str, object]:
    """The same block with addresses in the place of references to Secrets."""
    return {**_plain(block), **addresses}


def placed_pool(spec: json_types.PoolSpec) -> dict[str, object]:
    """What a Pool says of TLS, with an address where it names a Secret; but whether it is spoken at all."""
    tls: json_types.PoolTls = spec.get("tls") or {}
    addresses: dict[str, object] = dict.fromkeys(trust(tls, "").sources)
    addresses |= {_CONTAINER: None} if "secretRef" in tls else {}
    found = trusting(tls, addresses)
    found.pop("enabled", None)
    return found
