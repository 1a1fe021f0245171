"""What Octavia says of authorities and of what they have revoked: of listeners' clients, and of pools' members."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509

from tests.support.fake_cloud_octavia_rules import invalid
from tests.support.fake_cloud_rules import Refused, Row

CLIENTS = ("client_ca_tls_container_ref", "client_crl_container_ref")
MEMBERS = ("ca_tls_container_ref", "crl_container_ref")


def check_clients(listener: Row) -> None:
    """A listener that is to be made."""
    certificate = listener["default_tls_container_ref"] or listener["sni_container_refs"]
    ca, crl = (listener[name] for name in CLIENTS)
    if ca and not certificate:
        raise invalid(
            "An SNI or default certificate container reference must be provided with a client CA container reference."
        )
    if listener["client_authentication"] != "NONE" and not ca:
        raise _needs_ca(listener["client_authentication"])
    if crl and not ca:
        raise invalid(
            "A client authentication CA reference is required to specify a client authentication revocation list."
        )


def check_clients_of(listener: Row, values: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """A listener that is to be changed; returns the authority and the list that Octavia reads for that."""
    ca, crl = (values.get(name) or listener[name] for name in CLIENTS)
    if values.get("client_authentication", "NONE") != "NONE" and not ca:
        raise _needs_ca(values["client_authentication"])
    if crl and not ca:
        raise invalid(
            "A client authentication CA reference is required to specify a client authentication revocation list."
        )
    return ca, crl


def _needs_ca(mode: str) -> Refused:
    return invalid(f"Client authentication setting {mode} requires a client CA container reference.")


def check_members(pool: Row) -> None:
    """A pool that is to be made."""
    ca, crl = (pool[name] for name in MEMBERS)
    if crl and not ca:
        raise invalid("A CA certificate reference is required to specify a revocation list.")


def check_members_of(pool: Row, values: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """A pool that is to be changed; returns the authority and the list that Octavia reads for that."""
    ca, crl = (values.get(name, pool[name]) for name in MEMBERS)
    if crl and not ca and pool["ca_tls_container_ref"]:
        raise invalid("A CA reference cannot be removed when a certificate revocation list is present.")
    if crl and not ca:
        raise invalid("A CA reference is required to specify a certificate revocation list.")
    return ca, crl


def check_content(ca: str | None, crl: str | None, payload: Callable[[str], bytes | None]) -> None:
    """What the authority and the list hold, where they are in Barbican; at other addresses all is well."""
    held = payload(ca) if ca else None
    if held is None:
        return
    try:
        authority = x509.load_pem_x509_certificate(held)
    except ValueError as error:
        raise invalid(
            "The client authentication CA certificate is invalid. It must be a valid x509 PEM format certificate. "
            f"Error: {error}"
        ) from None
    revoked = payload(crl) if crl else None
    if revoked is None:
        return
    if not x509.load_pem_x509_crl(revoked).is_signature_valid(authority.public_key()):  # type: ignore[arg-type]
        raise invalid("The CRL specified is not valid for client certificate authority reference supplied.")
