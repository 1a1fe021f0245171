"""HealthMonitor: how the members of a pool are checked."""

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
    Id,
    Import,
    Named,
    NamedFilter,
    OctaviaStatus,
    Text,
    unless_imported,
)
from infomaniak_operator.api.kind import Column, Kind
from infomaniak_operator.api.model import FIXED, Checked, Rule, about, immutable
from infomaniak_operator.api.types import Ref

MonitorType = Literal["HTTP", "HTTPS", "PING", "SCTP", "TCP", "TLS-HELLO", "UDP-CONNECT"]
Retries = Annotated[int, Field(ge=1, le=10)]
Seconds = Annotated[int, Field(ge=1, le=86400)]
_ANOTHER = "create another HealthMonitor"
_HTTP_FIELDS = ("httpMethod", "urlPath", "expectedCodes", "httpVersion", "domainName")


class HealthMonitorFilter(NamedFilter):
    """What a health monitor to import looks like."""

    type: MonitorType | None = Field(None, description="Its type.")


class HealthMonitorImport(Import):
    """A health monitor made by others."""

    filter: HealthMonitorFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


class HealthMonitorSpec(CommonSpec, Named, Administrable):
    """The spec of a HealthMonitor."""

    cel: ClassVar[tuple[Rule, ...]] = (
        *unless_imported("poolRef", "type", "delay", "timeout", "maxRetries"),
        *(
            Rule(
                f"!has(self.{name}) || !has(self.type) || self.type in ['HTTP', 'HTTPS']",
                f"{name} needs type HTTP or HTTPS; take it out",
                f".{name}",
            )
            for name in _HTTP_FIELDS
        ),
        Rule(
            "!has(self.domainName) || (has(self.httpVersion) && self.httpVersion == '1.1')",
            'domainName needs httpVersion: "1.1", for HTTP 1.0 has no Host header',
            ".domainName",
        ),
    )

    import_: HealthMonitorImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    pool_ref: Ref | None = Field(
        None,
        description=about(
            "The Pool whose members are checked; one monitor a pool. Required, unless import names a monitor",
            changes=f"{FIXED}: {_ANOTHER}",
            api="pool_id",
        ),
    )
    type: MonitorType | None = Field(
        None,
        description=about(
            "How they are checked: HTTP and HTTPS by a request, TCP by a connection, TLS-HELLO by a handshake, PING "
            "by ICMP, "
            "UDP-CONNECT and SCTP for such pools. Required, unless import names a monitor",
            changes="Can be changed; Octavia cannot do that in place, so the monitor is replaced",
            api="type",
        ),
    )
    delay: Seconds | None = Field(
        None,
        description=about(
            "Seconds from one check of a member to the next. Required, unless import names a monitor",
            api="delay",
        ),
    )
    timeout: Seconds | None = Field(
        None,
        description=about(
            "Seconds until a check counts as failed. Less than delay makes sense; Octavia takes any. Required, unless "
            "import names a monitor",
            api="timeout",
        ),
    )
    max_retries: Retries | None = Field(
        None,
        description=about(
            "How many checks in a row must succeed for a member to be ONLINE, 1 to 10. Required, unless import names a "
            "monitor",
            api="max_retries",
        ),
    )
    max_retries_down: Retries | None = Field(
        None,
        description=about(
            "How many checks in a row must fail for a member to be in ERROR, 1 to 10",
            absent="left as it is (new: 3)",
            api="max_retries_down",
        ),
    )
    http_method: Literal["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"] | None = Field(
        None,
        alias="httpMethod",
        description=about(
            "Method of the request; HTTP and HTTPS only", absent="left as it is (new: GET)", api="http_method"
        ),
    )
    url_path: (
        Annotated[
            str,
            Field(min_length=1, max_length=255),
            Checked(Rule("self.matches('^/[^ ]*$')", "must begin with / and hold no blanks")),
        ]
        | None
    ) = Field(
        None,
        alias="urlPath",
        description=about("Path of the request; HTTP and HTTPS only", absent="left as it is (new: /)", api="url_path"),
    )
    expected_codes: (
        Annotated[
            str,
            Field(min_length=1, max_length=64),
            Checked(
                Rule(
                    "self.matches('^([0-9]{3}( *, *[0-9]{3})*|[0-9]{3}-[0-9]{3})$')",
                    "must be a status, a list or a range of them: 200, or 200,202, or 200-204",
                )
            ),
        ]
        | None
    ) = Field(
        None,
        description=about(
            "HTTP statuses that count as success: one, a list (200,202) or a range (200-204), as text; HTTP and "
            "HTTPS only",
            absent="left as it is (new: 200)",
            api="expected_codes",
        ),
    )
    http_version: Literal["1.0", "1.1"] | None = Field(
        None,
        alias="httpVersion",
        description=about(
            'Version of HTTP, "1.0" or "1.1", as text; HTTP and HTTPS only',
            absent="left as it is (new: the cloud's own)",
            api="http_version",
        ),
    )
    domain_name: (
        Annotated[
            str,
            Field(min_length=1, max_length=255),
            Checked(Rule("self.matches('^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$')", "must be the name of a host")),
        ]
        | None
    ) = Field(
        None,
        description=about(
            "Host header of the request; needs httpVersion 1.1", absent="left as it is (new: none)", api="domain_name"
        ),
    )


class HealthMonitorStatus(CommonStatus, OctaviaStatus):
    """The status of a HealthMonitor."""

    pool_id: Id | None = Field(None, description="Id of the pool whose members it checks.")
    type: Text | None = Field(None, description="How they are checked in the cloud.")


HEALTH_MONITOR = Kind(
    kind="HealthMonitor",
    plural="healthmonitors",
    singular="healthmonitor",
    short_names=("ihm",),
    spec=HealthMonitorSpec,
    status=HealthMonitorStatus,
    summary="How the members of a pool of the Infomaniak Public Cloud are checked (OpenStack Octavia).",
    shown=(
        Column("Pool", "string", ".spec.poolRef.name", "The Pool whose members it checks."),
        Column("Type", "string", ".spec.type", "How they are checked."),
        Column("Operating", "string", ".status.operatingStatus", "Its operating status in the cloud.", wide=True),
    ),
    selectable=(".spec.poolRef.name",),
    rules=(immutable("poolRef", _ANOTHER),),
    example="""\
poolRef:
  name: web
type: HTTPS
delay: 10
timeout: 5
maxRetries: 2
urlPath: /healthz
expectedCodes: "200"
""",
)
