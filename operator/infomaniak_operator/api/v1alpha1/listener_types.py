"""The listeners of a LoadBalancer."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infomaniak_operator.api.common import Administrable, Described
from infomaniak_operator.api.model import ApiModel, Checked, Rule, about, listed
from infomaniak_operator.api.types import ChildName, Cidr, Port, Ref
from infomaniak_operator.api.v1alpha1.tls_types import (
    AUTHORITY,
    CERTIFICATE,
    NOT_BOTH,
    REVOKED,
    Ciphers,
    Container,
    SecretRef,
    Versions,
)

_HTTP = "self.protocol in ['HTTP', 'TERMINATED_HTTPS']"
_MILLISECONDS = Field(ge=0, le=24 * 24 * 60 * 60 * 1000)
_REPLACED = "Can be changed; Octavia cannot do that in place, so the listener is replaced, with a short gap"

Milliseconds = Annotated[int, _MILLISECONDS]
Header = Literal[
    "X-Forwarded-For",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-IP",
    "X-Client-IP",
    "X-Real-IP",
    "X-SSL-Client-Verify",
    "X-SSL-Client-Has-Cert",
    "X-SSL-Client-DN",
    "X-SSL-Client-CN",
    "X-SSL-Issuer",
    "X-SSL-Client-SHA1",
    "X-SSL-Client-Not-Before",
    "X-SSL-Client-Not-After",
]


class Timeouts(ApiModel):
    """How long a listener waits for whom."""

    client_data: Milliseconds | None = Field(
        None,
        description=about(
            "How long a client may be silent, in milliseconds",
            absent="left as it is (new: 50000)",
            api="timeout_client_data",
        ),
    )
    member_connect: Milliseconds | None = Field(
        None,
        description=about(
            "How long to wait for a member to accept, in milliseconds",
            absent="left as it is (new: 5000)",
            api="timeout_member_connect",
        ),
    )
    member_data: Milliseconds | None = Field(
        None,
        description=about(
            "How long a member may be silent, in milliseconds",
            absent="left as it is (new: 50000)",
            api="timeout_member_data",
        ),
    )
    tcp_inspect: Milliseconds | None = Field(
        None,
        alias="tcpInspect",
        description=about(
            "How long to wait for further TCP packets for inspection, in milliseconds",
            absent="left as it is (new: 0)",
            api="timeout_tcp_inspect",
        ),
    )


class ClientAuthentication(ApiModel):
    """Which certificates clients show to a listener."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.mode == 'NONE' || has(self.caSecretRef) || has(self.caBarbicanSecret)",
            "clientAuthentication needs the authority of clients' certificates: caSecretRef or caBarbicanSecret",
            ".caSecretRef",
        ),
        *NOT_BOTH,
    )

    mode: Literal["MANDATORY", "OPTIONAL", "NONE"] = Field(
        description=about(
            "Whether a client must show a certificate, may, or is not asked for any. One that is shown must be good",
            api="client_authentication",
        )
    )
    ca_secret_ref: SecretRef | None = Field(
        None,
        description=about(
            "The Secret with the authority in its key ca.crt, labelled network.infomaniak.cloud/tls=true. The operator "
            "keeps it in Barbican, and follows its renewal",
            api="client_ca_tls_container_ref",
        ),
    )
    crl_secret_ref: SecretRef | None = Field(
        None,
        description=about(
            "The Secret with the authority's list of revoked certificates (PEM) in its key ca.crl, labelled in the "
            "same way. The one of caSecretRef will do",
            absent="none",
            api="client_crl_container_ref",
        ),
    )
    ca_barbican_secret: Annotated[Container | None, AUTHORITY] = Field(
        None,
        description=about(
            "Address of a Barbican secret with the authority's certificate in PEM", api="client_ca_tls_container_ref"
        ),
    )
    crl_barbican_secret: Annotated[Container | None, REVOKED] = Field(
        None,
        description=about(
            "Address of a Barbican secret with the list of revoked certificates in PEM", api="client_crl_container_ref"
        ),
    )


class Tls(ApiModel):
    """How a listener ends TLS."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.secretRef) || has(self.barbicanContainer) || "
            "(has(self.sniSecretRefs) && self.sniSecretRefs.size() > 0) || "
            "(has(self.sniBarbicanContainers) && self.sniBarbicanContainers.size() > 0)",
            "tls needs a certificate: secretRef or sniSecretRefs, or barbicanContainer or sniBarbicanContainers",
        ),
        Rule(
            "!has(self.secretRef) || !has(self.barbicanContainer)",
            "secretRef and barbicanContainer both name the certificate; take one of them out",
            ".barbicanContainer",
        ),
        Rule(
            "!has(self.sniSecretRefs) || !has(self.sniBarbicanContainers)",
            "sniSecretRefs and sniBarbicanContainers both name the further certificates; take one of them out",
            ".sniBarbicanContainers",
        ),
    )

    secret_ref: SecretRef | None = Field(
        None,
        description=about(
            "The Secret (kubernetes.io/tls) with the certificate, its chain and its key, labelled "
            "network.infomaniak.cloud/tls=true. The operator keeps it in Barbican, and follows its renewal",
            changes="Can be changed",
            api="default_tls_container_ref",
        ),
    )
    sni_secret_refs: Annotated[list[SecretRef], Field(max_length=32)] | None = Field(
        None,
        description=about(
            "The same for further certificates, chosen by the name that the client asks for. [] for none",
            absent="left as they are (new: none)",
            api="sni_container_refs",
        ),
        json_schema_extra=listed("map", "name"),
    )

    barbican_container: Annotated[Container | None, CERTIFICATE] = Field(
        None,
        description=about(
            "Address of the Barbican container or PKCS#12 secret with the certificate and its key",
            changes="Can be changed",
            api="default_tls_container_ref",
        ),
    )
    sni_barbican_containers: Annotated[Annotated[list[Container], Field(max_length=32)] | None, CERTIFICATE] = Field(
        None,
        description=about(
            "The same for further certificates, chosen by the name that the client asks for. [] for none",
            absent="left as they are (new: none)",
            api="sni_container_refs",
        ),
        json_schema_extra=listed("atomic"),
    )
    client_authentication: ClientAuthentication | None = Field(
        None,
        description=about(
            "Which certificates clients show",
            absent="left as it is (new: none are asked for)",
            changes="Can be changed",
        ),
    )
    versions: Versions | None = Field(
        None,
        description=about(
            "Which versions of TLS are spoken",
            absent="left as they are, also where they are taken out again",
            api="tls_versions",
        ),
        json_schema_extra=listed("set"),
    )
    ciphers: Ciphers | None = Field(
        None,
        description=about(
            "Ciphers, as OpenSSL writes them, with colons between them",
            absent="left as they are, also where they are taken out again",
            api="tls_ciphers",
        ),
    )


class RedirectToHttps(ApiModel):
    """Where a listener sends everybody."""

    host: Annotated[
        str,
        Field(min_length=1, max_length=253),
        Checked(Rule("self.matches('^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$')", "must be the name of a host")),
    ] = Field(
        description=about(
            "Name of the host to go on with; Octavia does not know the one that the client asked for",
            changes="Can be changed",
            api="redirect_prefix of an L7 policy",
        )
    )
    port: Port | None = Field(
        None, description=about("Port to go on with", absent="443", api="redirect_prefix of an L7 policy")
    )
    status_code: Literal[301, 302, 303, 307, 308] | None = Field(
        None, description=about("HTTP status of the answer", absent="302", api="redirect_http_code")
    )


class Listener(Described, Administrable):
    """One listener."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!has(self.insertHeaders) || self.insertHeaders.size() == 0 || {_HTTP}",
            "insertHeaders needs protocol HTTP or TERMINATED_HTTPS: in others there are no headers to see",
            ".insertHeaders",
        ),
        Rule(
            "!has(self.insertHeaders) || self.protocol == 'TERMINATED_HTTPS' || "
            "self.insertHeaders.all(x, !x.startsWith('X-SSL-'))",
            "the X-SSL-… headers need protocol TERMINATED_HTTPS",
            ".insertHeaders",
        ),
        Rule(
            "self.protocol != 'TERMINATED_HTTPS' || has(self.tls)",
            "protocol TERMINATED_HTTPS needs tls, which names the certificate",
            ".tls",
        ),
        Rule(
            "!has(self.tls) || self.protocol in ['TERMINATED_HTTPS', 'PROMETHEUS']",
            "tls needs protocol TERMINATED_HTTPS (HTTPS passes TLS on to the members, unread)",
            ".tls",
        ),
        Rule(
            "self.protocol != 'PROMETHEUS' || !has(self.defaultPoolRef)",
            "a PROMETHEUS listener answers by itself and has no pool; take defaultPoolRef out",
            ".defaultPoolRef",
        ),
        Rule(
            f"!has(self.redirectToHTTPS) || {_HTTP}",
            "redirectToHTTPS needs protocol HTTP or TERMINATED_HTTPS",
            ".redirectToHTTPS",
        ),
        Rule(
            "!has(self.redirectToHTTPS) || !has(self.defaultPoolRef)",
            "redirectToHTTPS sends everybody away, so that defaultPoolRef would never be used; take one of them out",
            ".redirectToHTTPS",
        ),
    )

    name: ChildName = Field(
        description=about(
            "The name in the cloud, by which the listener is known here; unique in the load balancer",
            changes="Another name is another listener",
            api="listener name",
        )
    )
    protocol: Literal["HTTP", "HTTPS", "PROMETHEUS", "SCTP", "TCP", "TERMINATED_HTTPS", "UDP"] = Field(
        description=about(
            "What is spoken. TERMINATED_HTTPS ends TLS here, HTTPS passes it on unread. A pool must fit: for TCP one "
            "of "
            "HTTP, HTTPS, PROXY, PROXYV2, TCP; for HTTP and TERMINATED_HTTPS one of HTTP, PROXY, PROXYV2; for HTTPS "
            "one of "
            "HTTPS, PROXY, PROXYV2, TCP; else the same",
            changes=_REPLACED,
            api="protocol",
        )
    )
    port: Port = Field(
        description=about(
            "The port listened at, 1 to 65535; one listener a port and transport (TCP, UDP, SCTP)",
            changes=_REPLACED,
            api="protocol_port",
        )
    )
    default_pool_ref: Ref | None = Field(
        None,
        description=about(
            "The Pool that gets the traffic. Until it is there, the listener is without one",
            absent="left as it is (new: none)",
            api="default_pool_id",
        ),
    )
    allowed_cidrs: Annotated[list[Cidr], Field(max_length=100)] | None = Field(
        None,
        description=about(
            "Who may connect; [] lets everybody. Of the VIP's IP version",
            absent="left as it is (new: everybody)",
            api="allowed_cidrs",
        ),
        json_schema_extra=listed("set"),
    )
    timeouts: Timeouts | None = Field(
        None, description=about("How long to wait for whom, in milliseconds", absent="left as they are")
    )
    connection_limit: Annotated[int, Field(ge=-1, le=1000000)] | None = Field(
        None,
        description=about(
            "How many connections at once; -1: no limit", absent="left as it is (new: -1)", api="connection_limit"
        ),
    )
    insert_headers: Annotated[list[Header], Field(max_length=14)] | None = Field(
        None,
        description=about(
            "Headers that members get to see, with what is known of the client. [] for none",
            absent="left as they are (new: none)",
            api="insert_headers",
        ),
        json_schema_extra=listed("set"),
    )
    redirect_to_https: RedirectToHttps | None = Field(
        None,
        alias="redirectToHTTPS",
        description=about(
            "Sends everybody to another host or port by HTTPS", absent="nobody is sent away", api="an L7 policy"
        ),
    )
    tls: Tls | None = Field(
        None, description=about("How TLS is ended here; for TERMINATED_HTTPS", absent="no TLS is ended here")
    )
