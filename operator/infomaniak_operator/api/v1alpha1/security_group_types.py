"""SecurityGroup: a security group and its rules."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from infomaniak_operator.api.common import (
    FILTER,
    FILTER_TEXT,
    IMPORT_TEXT,
    CommonSpec,
    CommonStatus,
    Described,
    DescribedFilter,
    Import,
    Named,
    NamedFilter,
)
from infomaniak_operator.api.kind import Column, Kind
from infomaniak_operator.api.model import ApiModel, Names, Reach, Rule, about, listed
from infomaniak_operator.api.types import Cidr, CloudId, Ref
from infomaniak_operator.api.v1alpha1.refs import one_of

MAX_RULES = 100
MAX_MEMBER_RULES = 20
_V6_NAMES = ("icmpv6", "ipv6-icmp", "ipv6-encap", "ipv6-frag", "ipv6-nonxt", "ipv6-opts", "ipv6-route")
_V4_NAMES = "any ah dccp egp esp gre icmp igmp ipip ospf pgm rsvp sctp tcp udp udplite vrrp"
_NAMES = (*_V4_NAMES.split(), *_V6_NAMES)
_PORT_NAMES, _PORT_NUMBERS = ("tcp", "udp", "dccp", "sctp", "udplite"), (6, 17, 33, 132, 136)
_ICMP_NAMES, _ICMP_NUMBERS = ("icmp", "icmpv6", "ipv6-icmp"), (1, 58)


def _among(names: tuple[str, ...], numbers: tuple[int, ...]) -> str:
    """A CEL expression: the protocol is one of these, by name or by number."""
    return f"(type(self.protocol) == int ? self.protocol in {list(numbers)} : self.protocol in {list(names)})"


def check_protocol(value: int | str) -> int | str:
    """The value, if it is a protocol that Neutron knows.

    Raises:
        ValueError: it is none.
    """
    known = 0 <= value <= 255 if isinstance(value, int) else value in _NAMES  # noqa: PLR2004 - IP's protocol field
    if not known:
        raise ValueError(f"{value!r} is no protocol: write a number from 0 to 255 or one of {', '.join(_NAMES)}")
    return value


Protocol = Annotated[
    int | str,
    Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 16, "minimum": 0, "maximum": 255}),
    AfterValidator(check_protocol),
]


class PortRange(ApiModel):
    """A range of ports, or the type and code of ICMP."""

    min: Annotated[int, Field(ge=0, le=65535)] = Field(
        description=about("First port, or ICMP type", changes=None, api="port_range_min")
    )
    max: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        None,
        description=about("Last port, or ICMP code", absent="min; ICMP: any code", changes=None, api="port_range_max"),
    )


_PORTS = _among(_PORT_NAMES, _PORT_NUMBERS)
_ICMP = _among(_ICMP_NAMES, _ICMP_NUMBERS)
_RANGE = "!has(self.portRange) || !has(self.protocol) || "


class SecurityGroupRule(ApiModel):
    """One rule: what may pass."""

    cel: ClassVar[tuple[Rule, ...]] = (
        # Here and not at the field: before Kubernetes 1.34 a rule on an int-or-string field counts as one on a text
        # without bounds, whatever its maxLength, and the API server refuses the CRD for its cost.
        Rule(
            f"!has(self.protocol) || type(self.protocol) == int || self.protocol in {list(_NAMES)}",
            f"must be a number from 0 to 255 or one of {', '.join(_NAMES)}",
            ".protocol",
        ),
        Rule(
            one_of("remoteIPPrefix", "remoteGroupRef", "remoteGroupID", required=False),
            "at most one of remoteIPPrefix, remoteGroupRef and remoteGroupID can be given; make two rules of it",
        ),
        Rule(
            "!has(self.remoteIPPrefix) || !has(self.etherType) || "
            "(self.etherType == 'IPv6') == self.remoteIPPrefix.contains(':')",
            "etherType does not fit remoteIPPrefix; correct it or leave it out",
            ".etherType",
        ),
        Rule(
            f"!has(self.portRange) || (has(self.protocol) && ({_PORTS} || {_ICMP}))",
            "portRange needs a protocol with ports (tcp, udp, sctp, dccp, udplite) or icmp, icmpv6",
            ".portRange",
        ),
        Rule(
            f"{_RANGE}!{_PORTS} || (self.portRange.min >= 1 && (!has(self.portRange.max) || "
            "self.portRange.min <= self.portRange.max))",
            "portRange must lie within 1 to 65535 and not end before it starts",
            ".portRange",
        ),
        Rule(
            f"{_RANGE}!{_ICMP} || (self.portRange.min <= 255 && (!has(self.portRange.max) || "
            "self.portRange.max <= 255))",
            "for ICMP, portRange.min is the type and portRange.max the code: 0 to 255",
            ".portRange",
        ),
        Rule(
            f"!has(self.protocol) || !{_among(_V6_NAMES, (41, 43, 44, 58, 59, 60))} || (has(self.etherType) ? "
            "self.etherType == 'IPv6' : has(self.remoteIPPrefix) && self.remoteIPPrefix.contains(':'))",
            "this protocol belongs to IPv6: add etherType: IPv6",
            ".etherType",
        ),
    )

    direction: Literal["ingress", "egress"] = Field(
        description=about(
            "What the rule lets pass. ingress: to the ports of the group; egress: from them",
            changes=None,
            api="direction",
        )
    )
    ether_type: Literal["IPv4", "IPv6"] | None = Field(
        None,
        description=about(
            "Of which IP version", absent="that of remoteIPPrefix, else IPv4", changes=None, api="ethertype"
        ),
    )
    protocol: Protocol | None = Field(
        None,
        description=about(
            f"The IP protocol, by number (0 to 255) or name: {', '.join(_NAMES)}",
            absent="any",
            changes=None,
            api="protocol",
        ),
    )
    port_range: PortRange | None = Field(
        None,
        description=about(
            "Ports, both ends included; with icmp and icmpv6: min is the type, max the code",
            absent="all ports",
            changes=None,
            api="port_range_min, port_range_max",
        ),
    )
    remote_ip_prefix: Cidr | None = Field(
        None,
        alias="remoteIPPrefix",
        description=about(
            "From where (ingress) or to where (egress); a single address as 192.0.2.7/32",
            absent="anywhere",
            changes=None,
            api="remote_ip_prefix",
        ),
    )
    remote_group_ref: Ref | None = Field(
        None,
        description=about(
            "Only from or to ports in this SecurityGroup of the same namespace; it may be the group itself. A rule "
            "waits "
            "for its group",
            changes=None,
            api="remote_group_id",
        ),
    )
    remote_group_id: Annotated[CloudId | None, Names("a security group", Reach.PROJECT, instead="remoteGroupRef")] = (
        Field(
            None,
            description=about(
                "The same by id, for a group that no object of this API stands for", changes=None, api="remote_group_id"
            ),
        )
    )
    description: Annotated[str, Field(max_length=255)] | None = Field(
        None,
        description=about(
            "Free text for people; the empty text takes away what there is",
            absent="left as it is, also where it is taken out again (new: none)",
            changes=None,
            api="description",
        ),
    )


class MemberRules(ApiModel):
    """The rules that let the load balancer of a Pool reach its members."""

    pool_ref: Ref = Field(
        description=about(
            "The Pool that has the members. The rules follow it, its members and its HealthMonitor; ports in a row are "
            "one rule",
            changes="Can be changed; what lets in at a former Pool stays while listeners are about to go over from it",
        )
    )
    description: Annotated[str, Field(max_length=200)] | None = Field(
        None,
        description=about(
            "Free text for people, before the mark of ownership in each of the rules",
            absent="none",
            changes="Can be changed, and holds for rules that are made from then on: those that are there keep theirs, "
            "for a rule is missing while it is made anew",
            api="description",
        ),
    )


class SecurityGroupFilter(NamedFilter, DescribedFilter):
    """What a security group to import looks like."""


class SecurityGroupImport(Import):
    """A security group made by others."""

    filter: SecurityGroupFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


class SecurityGroupSpec(CommonSpec, Named, Described):
    """The spec of a SecurityGroup."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.memberRules) || self.memberRules.all(x, "
            "self.memberRules.filter(y, y.poolRef.name == x.poolRef.name).size() == 1)",
            "two items of memberRules name the same Pool: one is enough for all of its members; take the other out",
            ".memberRules",
        ),
    )

    import_: SecurityGroupImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    rules: Annotated[list[SecurityGroupRule], Field(max_length=MAX_RULES)] | None = Field(
        None,
        description=about(
            "All rules, as a set: order means nothing, and a rule that somebody else adds is removed. [] leaves none "
            "but "
            "the default egress, and those of memberRules",
            absent="left as they are (new: the default egress)",
            changes="Can be changed; only what differs is added or removed, for Neutron changes nothing of a rule",
            api="security group rules",
        ),
        json_schema_extra=listed("atomic"),
    )
    member_rules: Annotated[list[MemberRules], Field(max_length=MAX_MEMBER_RULES)] | None = Field(
        None,
        description=about(
            "Pools whose load balancer is let in at their members, beside rules: for the groups that the members' own "
            "ports "
            "have. What a Pool still uses in the cloud stays until it does so no more. [] lets none in",
            absent="none",
            changes="Can be changed; what is new is added before anything is removed",
            api="security group rules",
        ),
        json_schema_extra=listed("atomic"),
    )
    keep_default_egress: bool | None = Field(
        None,
        description=about(
            "Whether everything may leave, as Neutron has it in a new group (two egress rules, IPv4 and IPv6). With "
            "false, "
            "only the egress rules in rules hold",
            absent="true",
        ),
    )
    stateful: bool | None = Field(
        None,
        description=about(
            "Whether answers to what may pass may pass too. In Neutron, changeable only while no port uses the group",
            absent="left as it is (new: true)",
            api="stateful",
        ),
    )


class SecurityGroupStatus(CommonStatus):
    """The status of a SecurityGroup."""

    rule_count: int | None = Field(None, description="How many rules the group has in the cloud.")
    stateful: bool | None = Field(None, description="Whether it is stateful.")


SECURITY_GROUP = Kind(
    kind="SecurityGroup",
    plural="securitygroups",
    singular="securitygroup",
    short_names=("isg",),
    spec=SecurityGroupSpec,
    status=SecurityGroupStatus,
    summary="A security group of the Infomaniak Public Cloud and its rules (OpenStack Neutron).",
    shown=(Column("Rules", "integer", ".status.ruleCount", "How many rules it has."),),
    example="""\
cloudCredentialsRef:
  secretName: infomaniak
description: web servers
rules:
  - direction: ingress
    protocol: tcp
    portRange:
      min: 443
    remoteIPPrefix: 0.0.0.0/0
  - direction: ingress
    etherType: IPv6
    protocol: icmpv6
  - direction: ingress
    protocol: tcp
    portRange:
      min: 9000
      max: 9100
    remoteGroupRef:
      name: monitoring
""",
)
