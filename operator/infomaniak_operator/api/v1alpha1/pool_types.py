"""Pool: a pool of a load balancer and its members."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infomaniak_operator.api.common import (
    FILTER,
    FILTER_TEXT,
    IMPORT_TEXT,
    Administrable,
    CommonSpec,
    CommonStatus,
    Described,
    DescribedFilter,
    Id,
    Import,
    Named,
    NamedFilter,
    OctaviaStatus,
    Text,
    unless_imported,
)
from infomaniak_operator.api.kind import Column, Kind
from infomaniak_operator.api.model import FIXED, ApiModel, Checked, Rule, about, immutable, listed
from infomaniak_operator.api.types import HTTP_NAME, Ref
from infomaniak_operator.api.v1alpha1.member_types import Member, MembersFrom, PortMember
from infomaniak_operator.api.v1alpha1.tls_types import (
    AUTHORITY,
    CLIENT_CERTIFICATE,
    NOT_BOTH,
    REVOKED,
    CertificateStatus,
    Ciphers,
    Container,
    SecretRef,
    Versions,
)

MAX_MEMBERS = 256
MAX_PORT_MEMBERS = 64
MAX_LISTED = 4096
"""The most members that the status lists, as there and as draining, and the most that may follow a Service."""
MAX_CERTIFICATES = 64
"""The most that the status lists of what Barbican has."""
PoolProtocol = Literal["HTTP", "HTTPS", "PROXY", "PROXYV2", "SCTP", "TCP", "UDP"]
_ANOTHER = "create another Pool"


class SessionPersistence(ApiModel):
    """How a client keeps its member."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.cookieName) == (self.type == 'APP_COOKIE')",
            "cookieName is needed with type APP_COOKIE, and only with that",
            ".cookieName",
        ),
        Rule(
            "!(has(self.timeoutSeconds) || has(self.granularity)) || self.type == 'SOURCE_IP'",
            "timeoutSeconds and granularity need type SOURCE_IP",
        ),
    )

    type: Literal["APP_COOKIE", "HTTP_COOKIE", "SOURCE_IP"] = Field(
        description=about(
            "By what a client is known again. HTTP_COOKIE: a cookie that the load balancer sets; APP_COOKIE: one of "
            "the "
            "application; UDP and SCTP know SOURCE_IP only",
            changes="Can be changed",
            api="session_persistence.type",
        )
    )
    cookie_name: (
        Annotated[
            str,
            Field(min_length=1, max_length=255),
            Checked(
                Rule(
                    HTTP_NAME,
                    "must be the name of a cookie: letters, digits and a few signs, no blanks",
                )
            ),
        ]
        | None
    ) = Field(
        None,
        description=about("Name of the application's cookie", changes="Can be changed", api="cookie_name"),
    )
    timeout_seconds: Annotated[int, Field(ge=0, le=2147483647)] | None = Field(
        None,
        description=about(
            "How long a silent client is remembered, in seconds; UDP and SCTP only",
            absent="the cloud's own",
            api="persistence_timeout",
        ),
    )
    granularity: (
        Annotated[
            str,
            Field(min_length=1, max_length=45),
            Checked(Rule("isIP(self)", "must be a netmask, such as 255.255.255.0")),
        ]
        | None
    ) = Field(
        None,
        description=about(
            "Netmask within which clients count as one; UDP and SCTP only",
            absent="each address for itself",
            api="persistence_granularity",
        ),
    )


class PoolTls(ApiModel):
    """TLS between a load balancer and the members of a pool."""

    cel: ClassVar[tuple[Rule, ...]] = (
        *NOT_BOTH,
        Rule(
            "!has(self.secretRef) || !has(self.barbicanContainer)",
            "secretRef and barbicanContainer both name the certificate; take one of them out",
            ".barbicanContainer",
        ),
    )

    enabled: bool | None = Field(
        None,
        description=about(
            "Whether TLS is spoken to the members; false keeps the rest for later",
            absent="true",
            changes="Can be changed; the pool is replaced by another, for members that are there would go on as before",
            api="tls_enabled",
        ),
    )
    ca_secret_ref: SecretRef | None = Field(
        None,
        description=about(
            "The Secret with the authority of the members' certificates in its key ca.crt, labelled "
            "network.infomaniak.cloud/tls=true. The operator keeps it in Barbican, and follows its renewal",
            absent="members' certificates are not looked at, unless caBarbicanSecret names an authority",
            api="ca_tls_container_ref",
        ),
    )
    crl_secret_ref: SecretRef | None = Field(
        None,
        description=about(
            "The Secret with the authority's list of revoked certificates (PEM) in its key ca.crl, labelled in the "
            "same way. The one of caSecretRef will do",
            absent="none",
            api="crl_container_ref",
        ),
    )
    secret_ref: SecretRef | None = Field(
        None,
        description=about(
            "The Secret (kubernetes.io/tls) with the certificate that the load balancer shows to members, and its key, "
            "labelled in the same way",
            absent="none",
            api="tls_container_ref",
        ),
    )
    ca_barbican_secret: Annotated[Container | None, AUTHORITY] = Field(
        None,
        description=about(
            "Address of a Barbican secret with the authority's certificate in PEM", api="ca_tls_container_ref"
        ),
    )
    crl_barbican_secret: Annotated[Container | None, REVOKED] = Field(
        None,
        description=about(
            "Address of a Barbican secret with the list of revoked certificates in PEM", api="crl_container_ref"
        ),
    )
    barbican_container: Annotated[Container | None, CLIENT_CERTIFICATE] = Field(
        None,
        description=about(
            "Address of the Barbican container or PKCS#12 secret with the certificate that the load balancer shows to "
            "members, and its key",
            api="tls_container_ref",
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
    alpn_protocols: Annotated[list[Literal["h2", "http/1.1", "http/1.0"]], Field(min_length=1, max_length=3)] | None = (
        Field(
            None,
            description=about(
                "Which protocols over TLS members are offered",
                absent="left as they are, also where they are taken out again",
                api="alpn_protocols",
            ),
            json_schema_extra=listed("set"),
        )
    )


class PoolFilter(NamedFilter, DescribedFilter):
    """What a pool to import looks like."""

    protocol: PoolProtocol | None = Field(None, description="Its protocol.")


class PoolImport(Import):
    """A pool made by others."""

    filter: PoolFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


_PERSISTENT = "!has(self.sessionPersistence) || !has(self.protocol) || "
_DATAGRAM = "(self.protocol in ['UDP', 'SCTP'])"


class PoolSpec(CommonSpec, Named, Described, Administrable):
    """The spec of a Pool."""

    cel: ClassVar[tuple[Rule, ...]] = (
        *unless_imported("loadBalancerRef", "protocol", "algorithm"),
        Rule(
            "!has(self.members) || !has(self.membersFrom)",
            "members and membersFrom exclude each other: take one of them out",
            ".membersFrom",
        ),
        Rule(
            "!has(self.portMembers) || !has(self.membersFrom)",
            "portMembers and membersFrom exclude each other: take one of them out",
            ".membersFrom",
        ),
        Rule(
            "!has(self.portMembers) || self.portMembers.all(x, self.portMembers.filter(y, x.port == y.port && "
            "x.portRef.name == y.portRef.name && has(x.address) == has(y.address) && "
            "(!has(x.address) || x.address == y.address)).size() == 1)",
            "portMembers names a Port twice with the same port; take one of them out",
            ".portMembers",
        ),
        Rule(
            f"{_PERSISTENT}!{_DATAGRAM} || self.sessionPersistence.type == 'SOURCE_IP'",
            "with protocol UDP or SCTP, sessionPersistence knows type SOURCE_IP only: there are no cookies",
            ".sessionPersistence",
        ),
        Rule(
            f"!has(self.tls) || !has(self.protocol) || !{_DATAGRAM}",
            "tls needs a protocol over TCP: UDP and SCTP know no TLS",
            ".tls",
        ),
        Rule(
            f"{_PERSISTENT}{_DATAGRAM} || !(has(self.sessionPersistence.timeoutSeconds) || "
            "has(self.sessionPersistence.granularity))",
            "sessionPersistence.timeoutSeconds and granularity need protocol UDP or SCTP",
            ".sessionPersistence",
        ),
    )

    import_: PoolImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    load_balancer_ref: Ref | None = Field(
        None,
        description=about(
            "The LoadBalancer that the pool belongs to. Required, unless import names a pool",
            changes=f"{FIXED}: {_ANOTHER}",
            api="loadbalancer_id",
        ),
    )
    protocol: PoolProtocol | None = Field(
        None,
        description=about(
            "What is spoken to the members. Required, unless import names a pool",
            changes="Can be changed; Octavia cannot do that in place, so the pool is replaced, with a short gap",
            api="protocol",
        ),
    )
    algorithm: Literal["LEAST_CONNECTIONS", "ROUND_ROBIN", "SOURCE_IP", "SOURCE_IP_PORT"] | None = Field(
        None,
        description=about(
            "How a member is chosen. Required, unless import names a pool", changes="Can be changed", api="lb_algorithm"
        ),
    )
    session_persistence: SessionPersistence | None = Field(
        None,
        description=about(
            "How a client keeps its member",
            absent="left as it is (new: not at all)",
            api="session_persistence",
        ),
    )
    tls: PoolTls | None = Field(
        None,
        description=about(
            "TLS to the members. {} is TLS whose other end nobody looks at",
            absent="left as it is (new: none)",
            changes="Can be changed; one that comes or goes has the pool replaced by another, without a gap",
        ),
    )
    members: Annotated[list[Member], Field(max_length=MAX_MEMBERS)] | None = Field(
        None,
        description=about(
            "The members, known by address and port. [] removes all",
            absent="portMembers or membersFrom; with these absent too, left as they are (new: none)",
            changes="Can be changed; all changes are made in one call, and at once",
            api="members of the pool",
        ),
        json_schema_extra=listed("map", "address", "port"),
    )
    port_members: Annotated[list[PortMember], Field(max_length=MAX_PORT_MEMBERS)] | None = Field(
        None,
        description=about(
            "Members that are Ports: beside those in members. A list of its own, for members are known by their "
            "addresses, which of a Port are only known once it is there",
            absent="members or membersFrom",
            changes="Can be changed; all changes are made in one call, and at once",
            api="members of the pool",
        ),
        json_schema_extra=listed("atomic"),
    )
    members_from: MembersFrom | None = Field(
        None, description=about("A Service of Kubernetes that the members follow", absent="members and portMembers")
    )


class MemberStatus(OctaviaStatus):
    """A member in the cloud."""

    address: Text = Field(description="Its address.")
    port: int = Field(description="Its port.")
    id: Id | None = Field(None, description="Its id in the cloud.")
    weight: int | None = Field(None, description="Its share of new connections.")
    subnet_id: Id | None = Field(None, description="Id of the subnet it is in, where one was given.")
    monitor_address: Text | None = Field(None, description="Where it is checked, where that is another address.")
    monitor_port: int | None = Field(None, description="Where it is checked, where that is another port.")


class DrainingMember(ApiModel):
    """A member that is to go, and is kept at weight 0 for its connections to end."""

    address: Text = Field(description="Its address.")
    port: int = Field(description="Its port.")
    until: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})] = Field(
        description="When it goes."
    )


class PoolStatus(CommonStatus, OctaviaStatus):
    """The status of a Pool."""

    load_balancer_id: Id | None = Field(None, description="Id of its load balancer.")
    protocol: Text | None = Field(None, description="What is spoken to its members in the cloud.")
    member_count: int | None = Field(None, description="How many members it has.")
    online_members: int | None = Field(
        None,
        description="How many of them are ONLINE (or not monitored); absent in a new monitor's first minute.",
    )
    members: Annotated[list[MemberStatus], Field(max_length=MAX_LISTED)] | None = Field(
        None, description="The members that are there.", json_schema_extra=listed("atomic")
    )
    service_port: Text | None = Field(None, description="The port of the Service that its members follow: 80/TCP.")
    waiting_pods: int | None = Field(
        None,
        description="How many member Pods wait at their readiness gate (network.infomaniak.cloud/pool-NAME).",
    )
    certificates: Annotated[list[CertificateStatus], Field(max_length=MAX_CERTIFICATES)] | None = Field(
        None, description="What Barbican has of the Secrets that tls names.", json_schema_extra=listed("atomic")
    )
    draining: Annotated[list[DrainingMember], Field(max_length=MAX_LISTED)] | None = Field(
        None,
        description="The members that spec.membersFrom no longer gives, kept at weight 0 for drainSeconds.",
        json_schema_extra=listed("atomic"),
    )


POOL = Kind(
    kind="Pool",
    plural="pools",
    singular="pool",
    short_names=("ipool",),
    spec=PoolSpec,
    status=PoolStatus,
    summary="A pool of a load balancer of the Infomaniak Public Cloud, and its members (OpenStack Octavia).",
    shown=(
        Column("LoadBalancer", "string", ".spec.loadBalancerRef.name", "The LoadBalancer it belongs to."),
        Column("Protocol", "string", ".spec.protocol", "What is spoken to the members."),
        Column("Members", "integer", ".status.memberCount", "How many members it has."),
        Column("Online", "integer", ".status.onlineMembers", "How many of them are up."),
        Column("Operating", "string", ".status.operatingStatus", "How the traffic goes.", wide=True),
    ),
    selectable=(".spec.loadBalancerRef.name",),
    rules=(immutable("loadBalancerRef", _ANOTHER),),
    example="""\
loadBalancerRef:
  name: web
protocol: HTTPS
algorithm: ROUND_ROBIN
sessionPersistence:
  type: SOURCE_IP
members:
  - address: 10.20.0.51
    port: 443
    weight: 10
  - address: 10.20.0.52
    port: 443
    weight: 10
  - address: 10.20.0.60
    port: 443
    backup: true
""",
)
