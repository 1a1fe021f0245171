"""InfomaniakNetwork: a network and its subnets."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from infomaniak_operator.api.common import (
    FILTER,
    FILTER_TEXT,
    IMPORT_TEXT,
    Administrable,
    CloudStatus,
    CommonSpec,
    CommonStatus,
    Described,
    DescribedFilter,
    Id,
    Import,
    Named,
    NamedFilter,
    Text,
)
from infomaniak_operator.api.kind import Column, Kind
from infomaniak_operator.api.model import ApiModel, Checked, Names, Reach, Rule, about, listed
from infomaniak_operator.api.types import CloudId
from infomaniak_operator.api.v1alpha1.subnet_types import Subnet

MAX_SUBNETS = 32
MAX_SHARES = 64
"""So many projects are named with which a network is shared."""


class NetworkFilter(NamedFilter, DescribedFilter):
    """What a network to import looks like."""

    project_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, alias="projectID", description="Id of the project that owns it, for a network shared by another one."
    )
    external: bool | None = Field(
        None, description="Whether it is an external network, one that routers and floating IPs lead to."
    )


class NetworkImport(Import):
    """A network made by others."""

    filter: NetworkFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)

    @property
    def only_public(self) -> bool:
        """Whether it can mean nothing but an external network."""
        return self.filter is not None and self.filter.external is True


_IS_V6 = "(has({0}.cidr) ? {0}.cidr.contains(':') : has({0}.ipVersion) && {0}.ipVersion == 6)"


DnsDomain = Annotated[
    str,
    Field(max_length=253),
    Checked(
        Rule(
            "self == '' || self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])+$')",
            "must be a domain in lower case with its final dot, such as example.org.",
        )
    ),
]


class InfomaniakNetworkSpec(CommonSpec, Named, Described, Administrable):
    """The spec of an InfomaniakNetwork."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.mtu) || self.mtu >= 1280 || !has(self.subnets) || "
            f"!self.subnets.exists(x, {_IS_V6.format('x')})",
            "IPv6 needs an MTU of 1280 or more: raise mtu, leave it out, or take the IPv6 subnets out",
            ".mtu",
        ),
        Rule(
            "!has(self.subnets) || self.subnets.all(x, !has(x.cidr) || isCIDR(x.cidr)) == false || self.subnets.all(a, "
            "!has(a.cidr) || self.subnets.all(b, !has(b.cidr) || a.name == b.name || "
            "!cidr(a.cidr).containsCIDR(b.cidr)))",
            "the subnets of a network must not overlap; give each its own range",
            ".subnets",
        ),
        Rule(
            "!has(self.subnets) || self.subnets.all(a, !has(a.subnetPoolID) || self.subnets.all(b, "
            f"has(b.subnetPoolID) || {_IS_V6.format('a')} != {_IS_V6.format('b')}))",
            "the subnets of one IP version of a network all come from subnet pools, or none does: give each a "
            "subnetPoolID, or each a cidr",
            ".subnets",
        ),
    )

    import_: NetworkImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    subnets: Annotated[list[Subnet], Field(max_length=MAX_SUBNETS)] | None = Field(
        None,
        description=about(
            "The subnets, known by their names; they go with the network. [] removes all",
            absent="none are made; of an imported network: left as they are",
            changes=(
                "Items can be added and removed at any time; a subnet in use by ports is not removed before they go. "
                "SLAAC addresses of ports do not count as use: Neutron removes them together with the subnet"
            ),
            api="subnets of the network",
        ),
        json_schema_extra=listed("map", "name"),
    )
    mtu: Annotated[int, Field(ge=68, le=9216)] | None = Field(
        None,
        description=about(
            "Largest packet of the network, in bytes: 68 to 9216, with IPv6 at least 1280, and not above the cloud's "
            "own "
            "maximum",
            absent="left as it is, also where it is taken out again (new: the cloud's maximum)",
            api="mtu",
        ),
    )
    port_security_enabled: bool | None = Field(
        None,
        description=about(
            "Whether new ports are protected against forged addresses and by security groups. What ports there are "
            "keep "
            "their own setting",
            absent="left as it is (new: true)",
            api="port_security_enabled",
        ),
    )
    shared: bool | None = Field(
        None,
        description=about(
            "Whether all projects may use it. Takes an administrator's rights in most clouds",
            absent="left as it is (new: false)",
            api="shared",
        ),
    )
    qos_policy_id: Annotated[
        CloudId | None,
        Names("a QoS policy", Reach.PROJECT, instead="leave it out: the cloud's own holds", shown=("qosPolicyID",)),
    ] = Field(
        None,
        alias="qosPolicyID",
        description=about(
            "Id of the QoS policy of its ports: their bandwidth, say. A port may have its own. Needs a cloud with "
            "Neutron's extension qos",
            absent="left as it is (new: the project's default policy, or none); taken out again: none",
            api="qos_policy_id",
        ),
    )
    dns_domain: DnsDomain | None = Field(
        None,
        description=about(
            "Domain of the names of its ports, with the final dot: example.org. - or the empty text for none",
            absent="left as it is (new: none)",
            api="dns_domain",
        ),
    )

    observe_shares: bool | None = Field(
        None,
        description=about(
            "Whether status.sharedWith says with which projects the network is shared; only of networks of the "
            "credential's own project. It costs one request for each credential and resync, and changes nothing in the "
            "cloud",
            absent="false",
            api="rbac-policies, which are only read",
        ),
    )


class SubnetStatus(ApiModel):
    """A subnet in the cloud."""

    name: Text = Field(description="Its name.")
    id: Id = Field(description="Its id in the cloud.")
    cidr: Text | None = Field(None, description="Its range of addresses.")
    gateway: Text | None = Field(None, description="The address of its gateway; absent: it has none.")
    ip_version: int | None = Field(None, description="4 or 6.")
    subnet_pool_id: Id | None = Field(None, description="The subnet pool that its range is from; absent: none.")


class InfomaniakNetworkStatus(CommonStatus, CloudStatus):
    """The status of an InfomaniakNetwork."""

    mtu: int | None = Field(None, description="Largest packet, in bytes.")
    qos_policy_id: Id | None = Field(None, alias="qosPolicyID", description="Id of the QoS policy of its ports.")
    shared_with: Annotated[list[Text], Field(max_length=MAX_SHARES)] | None = Field(
        None,
        description=(
            "With observeShares: ids of the projects that an RBAC policy of Neutron lets use it, in order, the first "
            f"{MAX_SHARES}; `*` is all projects. As it was when it could last be read."
        ),
        json_schema_extra=listed("atomic"),
    )
    subnets: Annotated[list[SubnetStatus], Field(max_length=1024)] | None = Field(
        None,
        description="The subnets that are there, in the order of the spec; of an imported network: all it has.",
        json_schema_extra=listed("atomic"),
    )


NETWORK = Kind(
    kind="InfomaniakNetwork",
    plural="infomaniaknetworks",
    singular="infomaniaknetwork",
    short_names=("inet",),
    spec=InfomaniakNetworkSpec,
    status=InfomaniakNetworkStatus,
    summary="A network of the Infomaniak Public Cloud and its subnets (OpenStack Neutron).",
    shown=(
        Column("Status", "string", ".status.cloudStatus", "The network's status in the cloud."),
        Column("IPv4", "string", ".status.subnets[?(@.ipVersion==4)].cidr", "The range of its first IPv4 subnet."),
        Column("IPv6", "string", ".status.subnets[?(@.ipVersion==6)].cidr", "The range of its first IPv6 subnet."),
        Column("MTU", "integer", ".status.mtu", "Largest packet, in bytes.", wide=True),
    ),
    example="""\
cloudCredentialsRef:
  secretName: infomaniak
description: the office network
subnets:
  - name: office-v4
    cidr: 10.20.0.0/24
    gateway: 10.20.0.1
    dnsNameservers: [9.9.9.9, 149.112.112.112]
    allocationPools:
      - start: 10.20.0.50
        end: 10.20.0.199
  - name: office-v6
    cidr: 2001:db8:20::/64
    ipv6AddressMode: slaac
    ipv6RAMode: slaac
""",
)
