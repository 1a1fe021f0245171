"""Certificates in Barbican, as a customer puts them there."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.support.customer import Customer
from tests.support.pems import Issued


class Keys:
    """What one customer has put into Barbican; ``clean`` takes it out again."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self._made: list[str] = []

    def secret(self, payload: str, kind: str = "text/plain", **more: str) -> str:
        """The address of a new secret."""
        body = {"name": "a secret", "payload": payload, "payload_content_type": kind, **more}
        return self._new("secrets", "secret_ref", body)

    def binary(self, payload: bytes) -> str:
        """The address of a new secret that is no text."""
        text = base64.b64encode(payload).decode()
        return self.secret(text, "application/octet-stream", payload_content_encoding="base64")

    def bundle(self, issued: Issued) -> str:
        """The address of a secret with a certificate and its key as PKCS#12, as Octavia wants it."""
        key = serialization.load_pem_private_key(issued.key.encode(), None)
        cert = x509.load_pem_x509_certificate(issued.cert.encode())
        made = pkcs12.serialize_key_and_certificates(b"tls", key, cert, None, serialization.NoEncryption())  # type: ignore[arg-type]
        return self.binary(made)

    def container(self, **secrets: str) -> str:
        """The address of a container of type certificate, with secrets by their names in it."""
        refs = [{"name": name, "secret_ref": ref} for name, ref in secrets.items()]
        return self._new("containers", "container_ref", {"name": "tls", "type": "certificate", "secret_refs": refs})

    def parts(self, issued: Issued) -> str:
        """The address of a container with a certificate and its key, each a secret of its own."""
        certificate = self.secret(issued.cert, secret_type="certificate")
        return self.container(certificate=certificate, private_key=self.secret(issued.key, secret_type="private"))

    def _new(self, collection: str, name: str, body: dict[str, object]) -> str:
        made = self.customer.barbican("POST", collection, body)
        assert made.status == 201, (made.status, made.body)
        self._made.append(made.body[name])
        return str(made.body[name])

    def clean(self) -> None:
        """Delete what was made, the newest first: containers before what they hold."""
        for ref in reversed(self._made):
            assert self.customer.barbican("DELETE", ref).status in (204, 404)
        self._made.clear()
