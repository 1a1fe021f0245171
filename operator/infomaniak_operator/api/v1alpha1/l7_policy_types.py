"""L7Policy: where a listener sends the requests that its rules fit."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

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
    unless_imported,
)
from infomaniak_operator.api.kind import Column, Kind
from infomaniak_operator.api.model import FIXED, ApiModel, Checked, Rule, about, immutable, listed
from infomaniak_operator.api.types import HTTP_NAME, ChildName, Ref

MAX_RULES = 50
"""The most that Octavia takes in one policy."""
MAX_POSITION = 2147483647
Action = Literal["REDIRECT_PREFIX", "REDIRECT_TO_POOL", "REDIRECT_TO_URL", "REJECT"]
_ANOTHER = "create another L7Policy"
_KEYED = "['HEADER', 'COOKIE', 'SSL_DN_FIELD']"
_CERTIFICATE = "['SSL_CONN_HAS_CERT', 'SSL_VERIFY_RESULT']"


def _check_url(value: str) -> str:
    """The value, if Octavia takes it for a URL.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", value):
        raise ValueError(f"{value!r} is not a URL; write one such as https://www.example.com/path")
    return value


Url = Annotated[
    str,
    Field(min_length=1, max_length=255),
    Checked(
        Rule(
            "isURL(self) && self.matches('^https?://[^\\\\s/?#]+[^\\\\s]*$')",
            "must be a URL with http:// or https://, a host and no blanks, such as https://www.example.com/path",
        )
    ),
    AfterValidator(_check_url),
]


class L7Rule(ApiModel):
    """One rule: what of a request is looked at, and what it is compared with."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"has(self.key) == (self.type in {_KEYED})",
            "key is needed with type HEADER, COOKIE and SSL_DN_FIELD, and only with these",
            ".key",
        ),
        Rule(
            "self.type != 'FILE_TYPE' || self.compareType in ['EQUAL_TO', 'REGEX']",
            "type FILE_TYPE knows compareType EQUAL_TO and REGEX only",
            ".compareType",
        ),
        Rule(
            f"!(self.type in {_CERTIFICATE}) || self.compareType == 'EQUAL_TO'",
            "types SSL_CONN_HAS_CERT and SSL_VERIFY_RESULT know compareType EQUAL_TO only",
            ".compareType",
        ),
        Rule(
            "self.type != 'SSL_CONN_HAS_CERT' || self.value == 'true'",
            'type SSL_CONN_HAS_CERT needs value: "true"; for connections without a certificate set invert: true',
            ".value",
        ),
        Rule(
            "self.type != 'SSL_VERIFY_RESULT' || self.value.matches('^[0-9]+$')",
            'type SSL_VERIFY_RESULT needs a number of OpenSSL as value, as text, such as "0" for a good certificate',
            ".value",
        ),
        Rule(
            "self.type != 'SSL_DN_FIELD' || !has(self.key) || self.key.matches('^[a-zA-Z][A-Za-z0-9-]*$')",
            "with type SSL_DN_FIELD key is a field of the distinguished name, such as CN or OU",
            ".key",
        ),
        Rule(
            "self.compareType != 'REGEX' || !self.value.contains('\\t')",
            "a regular expression with a tab is cut in two by HAProxy; write \\t",
            ".value",
        ),
        Rule(
            "self.compareType == 'REGEX' || self.value.matches('^[!-~]+$') || "
            "(self.type != 'COOKIE' && self.value.matches('^\"[ -~\\\\t]*\"$'))",
            "value holds blanks or characters beyond ASCII, which Octavia takes in double quotes only, and not in a "
            "cookie",
            ".value",
        ),
    )

    type: Literal[
        "COOKIE",
        "FILE_TYPE",
        "HEADER",
        "HOST_NAME",
        "PATH",
        "SSL_CONN_HAS_CERT",
        "SSL_DN_FIELD",
        "SSL_VERIFY_RESULT",
    ] = Field(
        description=about(
            "What is looked at: the host that is asked for, the path, the end of the path after its last dot "
            "(FILE_TYPE), a header, a cookie; of the client's certificate whether there is one, what came of its "
            "check, a field of its subject. The last three need a listener of protocol TERMINATED_HTTPS",
            changes="Can be changed",
            api="type",
        )
    )
    compare_type: Literal["CONTAINS", "ENDS_WITH", "EQUAL_TO", "REGEX", "STARTS_WITH"] = Field(
        description=about(
            "How it is compared. Hosts are compared without regard to case, all else with",
            changes="Can be changed",
            api="compare_type",
        )
    )
    key: (
        Annotated[
            str,
            Field(min_length=1, max_length=255),
            Checked(
                Rule(
                    HTTP_NAME,
                    "must be the name of a header, a cookie or a field: letters, digits and a few signs, no blanks",
                )
            ),
        ]
        | None
    ) = Field(
        None,
        description=about("Name of the header or cookie, or of the field of the subject", absent="none", api="key"),
    )
    value: Annotated[
        str,
        Field(min_length=1, max_length=255),
        Checked(
            Rule(
                "!self.matches('[\\\\x00-\\\\x08\\\\x0a-\\\\x1f\\\\x7f]')",
                "must be on one line, and hold no control characters",
            )
        ),
    ] = Field(
        description=about(
            "What it is compared with; with compareType REGEX a regular expression",
            changes="Can be changed",
            api="value",
        )
    )
    invert: bool | None = Field(
        None, description=about("Whether the rule fits where the comparison does not", absent="false", api="invert")
    )

    @model_validator(mode="after")
    def _regular(self) -> L7Rule:
        """That a regular expression is one: the schema cannot know, for Octavia's are not those of Kubernetes."""
        if self.compare_type == "REGEX":
            try:
                re.compile(self.value)
            except (re.error, OverflowError, RecursionError) as error:
                raise ValueError(f"value {self.value!r} is no regular expression: {error}; correct it") from None
        return self


class L7PolicyFilter(NamedFilter, DescribedFilter):
    """What an L7 policy to import looks like."""

    action: Action | None = Field(None, description="Its action.")


class L7PolicyImport(Import):
    """An L7 policy made by others."""

    filter: L7PolicyFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


def _target(field: str, action: str) -> Rule:
    return Rule(
        f"!has(self.action) ? !has(self.{field}) : has(self.{field}) == (self.action == '{action}')",
        f"{field} is needed with action {action}, and only with that",
        f".{field}",
    )


class L7PolicySpec(CommonSpec, Named, Described, Administrable):
    """The spec of an L7Policy."""

    cel: ClassVar[tuple[Rule, ...]] = (
        *unless_imported("loadBalancerRef", "listener", "action", "rules"),
        Rule(
            "has(self.loadBalancerRef) == has(self.listener)",
            "loadBalancerRef and listener go together: the LoadBalancer, and the name of one of its listeners",
            ".listener",
        ),
        _target("poolRef", "REDIRECT_TO_POOL"),
        _target("redirectURL", "REDIRECT_TO_URL"),
        _target("redirectPrefix", "REDIRECT_PREFIX"),
        Rule(
            "!has(self.redirectHTTPCode) || "
            "(has(self.action) && self.action in ['REDIRECT_TO_URL', 'REDIRECT_PREFIX'])",
            "redirectHTTPCode needs action REDIRECT_TO_URL or REDIRECT_PREFIX: to others there is no such answer",
            ".redirectHTTPCode",
        ),
    )

    import_: L7PolicyImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    load_balancer_ref: Ref | None = Field(
        None,
        description=about(
            "The LoadBalancer of the listener. Required, unless import names a policy",
            changes=f"{FIXED}: {_ANOTHER}",
            api="loadbalancer_id of the listener",
        ),
    )
    listener: ChildName | None = Field(
        None,
        description=about(
            "Name of the listener, as the LoadBalancer's spec.listeners has it; of protocol HTTP or TERMINATED_HTTPS. "
            "Required, unless import names a policy",
            changes=f"{FIXED}: {_ANOTHER}",
            api="listener_id",
        ),
    )
    position: Annotated[int, Field(ge=1, le=MAX_POSITION)] | None = Field(
        None,
        description=about(
            "Its place among the L7Policies of the listener: the lower is asked first, of equal ones the older. "
            "Numbers may have gaps (10, 20, 30). All of them come before redirectToHTTPS of the listener. Octavia asks "
            "REJECT first, then redirects to a URL or prefix, then to a pool, whatever the positions",
            absent="after the others that are there when it is made, and then left as it is",
            changes="Can be changed; policies are moved in place, and answer meanwhile",
            api="position",
        ),
    )
    action: Action | None = Field(
        None,
        description=about(
            "What is done with a request that all rules fit: REDIRECT_TO_POOL sends it to another pool, "
            "REDIRECT_TO_URL and REDIRECT_PREFIX answer with another address, REJECT with 403. Required, unless import "
            "names a policy",
            api="action",
        ),
    )
    pool_ref: Ref | None = Field(
        None,
        description=about(
            "The Pool that the request is sent to, of the same LoadBalancer; no listener need have it as its default. "
            "For REDIRECT_TO_POOL",
            api="redirect_pool_id",
        ),
    )
    redirect_url: Url | None = Field(
        None,
        description=about("The address that the client is sent to. For REDIRECT_TO_URL", api="redirect_url"),
    )
    redirect_prefix: Url | None = Field(
        None,
        description=about(
            "What comes before the path that was asked for, in the address that the client is sent to. For "
            "REDIRECT_PREFIX",
            api="redirect_prefix",
        ),
    )
    redirect_http_code: Literal[301, 302, 303, 307, 308] | None = Field(
        None,
        description=about("HTTP status of such an answer", absent="left as it is (new: 302)", api="redirect_http_code"),
    )
    rules: Annotated[list[L7Rule], Field(min_length=1, max_length=MAX_RULES)] | None = Field(
        None,
        description=about(
            "The rules, all of which a request must fit; in any order. A policy without one would never apply: set "
            "adminStateUp: false to switch it off. Required, unless import names a policy",
            absent="left as they are",
            changes="Can be changed, in place; each changed rule is a change of its own",
            api="rules of the policy",
        ),
        json_schema_extra=listed("atomic"),
    )


class L7PolicyStatus(CommonStatus, OctaviaStatus):
    """The status of an L7Policy."""

    load_balancer_id: Id | None = Field(None, description="Id of the load balancer it is in.")
    listener_id: Id | None = Field(None, description="Id of its listener.")
    pool_id: Id | None = Field(None, description="Id of the pool that it sends to.")


L7_POLICY = Kind(
    kind="L7Policy",
    plural="l7policies",
    singular="l7policy",
    short_names=("il7",),
    spec=L7PolicySpec,
    status=L7PolicyStatus,
    summary=(
        "Where a listener of the Infomaniak Public Cloud sends the requests that its rules fit (OpenStack Octavia)."
    ),
    shown=(
        Column("LoadBalancer", "string", ".spec.loadBalancerRef.name", "The LoadBalancer of its listener."),
        Column("Listener", "string", ".spec.listener", "The listener whose requests it looks at."),
        Column("Position", "integer", ".spec.position", "Its place among those of the listener."),
        Column("Action", "string", ".spec.action", "What is done with a request that it fits."),
        Column("Pool", "string", ".spec.poolRef.name", "The Pool that it sends to.", wide=True),
        Column("Operating", "string", ".status.operatingStatus", "Its operating status in the cloud.", wide=True),
    ),
    selectable=(".spec.loadBalancerRef.name",),
    rules=(immutable("loadBalancerRef", _ANOTHER), immutable("listener", _ANOTHER)),
    example="""\
loadBalancerRef:
  name: web
listener: http
position: 10
action: REDIRECT_TO_POOL
poolRef:
  name: api
rules:
  - type: HOST_NAME
    compareType: EQUAL_TO
    value: www.example.com
  - type: PATH
    compareType: STARTS_WITH
    value: /api/
""",
)
