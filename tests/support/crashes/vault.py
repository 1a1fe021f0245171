"""What Barbican must have for the Secrets that objects name, and what listeners and pools must name of it.

As the auditor, this is from docs/load-balancers.md, and shares no code with the operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

Row = Mapping[str, Any]
Body = Mapping[str, Any]
Tables = Mapping[str, Mapping[str, Row]]
Held = Mapping[str, Mapping[str, str]]
"""The Secrets, by name: their texts, by key."""
_LISTENER = (
    ("secretRef", "tls.crt", "default_tls_container_ref"),
    ("clientAuthentication.caSecretRef", "ca.crt", "client_ca_tls_container_ref"),
    ("clientAuthentication.crlSecretRef", "ca.crl", "client_crl_container_ref"),
)
_POOL = (
    ("secretRef", "tls.crt", "tls_container_ref"),
    ("caSecretRef", "ca.crt", "ca_tls_container_ref"),
    ("crlSecretRef", "ca.crl", "crl_container_ref"),
)
"""By field: the key of its Secret, and the attribute that must lead to that."""


@dataclass(frozen=True, slots=True)
class Vault:
    """What is held.

    Attributes:
        payloads: what Barbican has, by address.
        secrets: the Secrets that objects name.
    """

    payloads: Mapping[str, bytes]
    secrets: Held


def wrong(tables: Tables, vault: Vault, bodies: Iterable[Body]) -> list[str]:
    """All that is not as it should be, in sentences."""
    there = [body for body in bodies if not body["metadata"].get("deletionTimestamp")]
    found = [said for body in there for said in _of(body, tables, vault)]
    named = {
        row.get(name) for rows in (tables["listeners"], tables["pools"]) for row in rows.values() for name in _NAMES
    }
    return [*found, *(f"Barbican has {each}, which nothing names" for each in vault.payloads.keys() - named)]


_NAMES = tuple(name for _, _, name in (*_LISTENER, *_POOL))


def _of(body: Body, tables: Tables, vault: Vault) -> Iterator[str]:
    spec, id_ = body["spec"], (body.get("status") or {}).get("id")
    if body["kind"] == "Pool" and id_ in tables["pools"]:
        row = tables["pools"][id_]
        tls = spec.get("tls")
        wanted: dict[str, Any] = {"tls_enabled": tls is not None and tls.get("enabled", True)}
        for field, name in (
            ("versions", "tls_versions"),
            ("ciphers", "tls_ciphers"),
            ("alpnProtocols", "alpn_protocols"),
        ):
            if field in (tls or {}):
                wanted[name] = (tls or {})[field]
        yield from (
            f"pool {id_} has {name} {row[name]}, not {each}" for name, each in wanted.items() if row[name] != each
        )
        yield from _trusts(f"pool {id_}", tls or {}, row, _POOL, vault)
    for item in (spec.get("listeners") or ()) if body["kind"] == "LoadBalancer" else ():
        under = (row for row in tables["listeners"].values() if row["load_balancer_id"] == id_)
        for row in (each for each in under if each["name"] == item["name"]):
            tls = item.get("tls") or {}
            mode = (tls.get("clientAuthentication") or {}).get("mode", "NONE")
            if row["client_authentication"] != mode:
                yield f"listener {row['id']} has client_authentication {row['client_authentication']}, not {mode}"
            yield from _trusts(f"listener {row['id']}", tls, row, _LISTENER, vault)


def _trusts(
    title: str, tls: Mapping[str, Any], row: Row, fields: Iterable[tuple[str, str, str]], vault: Vault
) -> Iterator[str]:
    for field, key, attribute in fields:
        ref: Any = tls
        for part in field.split("."):
            ref = (ref or {}).get(part)
        address = row[attribute]
        if not ref:
            if address:
                yield f"{title} has {attribute} {address}, which no Secret stands for"
        elif address not in vault.payloads:
            yield f"{title} has {attribute} {address}, which is not in Barbican"
        elif _text(key, vault.payloads[address]) != vault.secrets[ref["name"]][key]:
            yield f"{title} has in {attribute} another {key} than Secret {ref['name']}"


def _text(key: str, payload: bytes) -> str:
    """A payload as the Secret has it."""
    if key == "ca.crt":
        return x509.load_pem_x509_certificate(payload).public_bytes(Encoding.PEM).decode()
    if key == "ca.crl":
        return x509.load_pem_x509_crl(payload).public_bytes(Encoding.PEM).decode()
    certificate = pkcs12.load_pkcs12(payload, None).cert
    assert certificate is not None
    return certificate.certificate.public_bytes(Encoding.PEM).decode()
