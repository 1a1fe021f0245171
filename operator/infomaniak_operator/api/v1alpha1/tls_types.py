"""What listeners and pools say of TLS: certificates and authorities by Secrets or by addresses, versions, ciphers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infomaniak_operator.api.common import Text
from infomaniak_operator.api.model import ApiModel, Checked, Names, Reach, Rule, about

Container = Annotated[
    str,
    Field(min_length=1, max_length=255),
    Checked(
        Rule(
            "self.matches('^https?://[^ ]+/v1/(containers|secrets)/[^ /]+$')",
            "must be the address of a Barbican container or secret, such as https://…/v1/containers/<id>",
        )
    ),
]


CERTIFICATE = Names(
    "a certificate with its key",
    Reach.PROJECT,
    instead="secretRef or sniSecretRefs, which name Secrets of the namespace",
)


class SecretRef(ApiModel):
    """A reference to a Secret of Kubernetes, in the same namespace."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description=about("Its metadata.name, in the same namespace", changes=None),
        ),
    ]


CLIENT_CERTIFICATE = Names(
    "a certificate with its key", Reach.PROJECT, instead="secretRef, which names a Secret of the namespace"
)
AUTHORITY = Names(
    "an authority's certificate", Reach.PROJECT, instead="caSecretRef, which names a Secret of the namespace"
)
REVOKED = Names(
    "a list of revoked certificates", Reach.PROJECT, instead="crlSecretRef, which names a Secret of the namespace"
)
Versions = Annotated[
    list[Literal["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]], Field(min_length=1, max_length=5)
]
Ciphers = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    Checked(
        Rule(
            "self.matches('^[A-Za-z0-9+!:@=_.-]+$')",
            "must be a list of ciphers as OpenSSL writes it, such as ECDHE-RSA-AES128-GCM-SHA256:…",
        )
    ),
]
NOT_BOTH = (
    Rule(
        "!has(self.caSecretRef) || !has(self.caBarbicanSecret)",
        "caSecretRef and caBarbicanSecret both name the authority; take one of them out",
        ".caBarbicanSecret",
    ),
    Rule(
        "!has(self.crlSecretRef) || !has(self.crlBarbicanSecret)",
        "crlSecretRef and crlBarbicanSecret both name the list of revoked certificates; take one of them out",
        ".crlBarbicanSecret",
    ),
    Rule(
        "!(has(self.crlSecretRef) || has(self.crlBarbicanSecret)) || has(self.caSecretRef) || "
        "has(self.caBarbicanSecret)",
        "a list of revoked certificates needs the authority that it is of: caSecretRef or caBarbicanSecret",
        ".crlSecretRef",
    ),
)
"""The rules on what names an authority and what it has revoked."""


class CertificateStatus(ApiModel):
    """A certificate, an authority or a list of revoked certificates that the operator keeps in Barbican."""

    secret_name: Text = Field(description="Name of the Secret that it is from.")
    key: Text | None = Field(None, description="Which key of the Secret: ca.crt or ca.crl. If absent: tls.crt.")
    fingerprint: Text | None = Field(None, description="SHA-256 of what it holds, in hex.")
    not_after: Text | None = Field(None, description="When it expires.")
    barbican_secret: Text | None = Field(None, description="Its address in Barbican.")
