"""Port: a port of a network, with its addresses, its MAC and its security groups."""

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
from infomaniak_operator.api.model import (
    FIXED,
    ApiModel,
    Names,
    Reach,
    Rule,
    about,
    first_setting,
    immutable,
    listed,
)
from infomaniak_operator.api.types import Address, AddressOrCidr, ChildName, CloudId, Mac, Ref, same_address
from infomaniak_operator.api.v1alpha1.refs import one_of

MAX_FIXED_IPS = 16
MAX_PAIRS = 64
MAX_GROUPS = 20
_ANOTHER = "create another Port, for a port cannot move"
_ANOTHER_MAC = "create another Port; to change the MAC of a port takes an administrator's rights"


class PortFilter(NamedFilter, DescribedFilter):
    """What a port to import looks like."""

    network_id: CloudId | None = Field(None, description="Id of the network it is in.")
    mac_address: Mac | None = Field(None, description="Its MAC.")
    device_id: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        None, description="Id of what it belongs to: of a server, say."
    )


class PortImport(Import):
    """A port made by others."""

    filter: PortFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


class FixedIP(ApiModel):
    """An address of a port: on a certain subnet, or a certain one."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.subnet) || has(self.subnetID) || has(self.address)",
            "one of subnet, subnetID and address is needed, or a subnet together with address",
        ),
        Rule(
            one_of("subnet", "subnetID", required=False),
            "subnet and subnetID both say where the address is; take one of them out",
        ),
    )

    subnet: ChildName | None = Field(
        None,
        description=about(
            "Name of the subnet in networkRef", absent="subnetID, else the subnet that address lies in", changes=None
        ),
    )
    subnet_id: Annotated[
        CloudId | None, Names("a subnet", Reach.PROJECT, instead="networkRef and subnet", shown=("subnetID",))
    ] = Field(
        None,
        description=about("Id of a subnet that no object of this API stands for", absent="subnet", changes=None),
    )
    address: Annotated[
        Address | None,
        Names("an address of the subnet", Reach.WITHIN, instead="it is of the port's own network, and must be free"),
    ] = Field(None, description=about("A certain address", absent="the cloud chooses", changes=None))


class AddressPair(ApiModel):
    """What else a port may send from and receive."""

    address: Annotated[
        AddressOrCidr,
        Names("an address", Reach.WITHIN, instead="the port sends from it in its own network, and takes nothing"),
    ] = Field(description=about("An address, or a network in CIDR notation", changes=None, api="ip_address"))
    mac: Annotated[
        Mac | None, Names("a MAC", Reach.WITHIN, instead="the port sends from it in its own network, and takes nothing")
    ] = Field(
        None, description=about("The MAC that goes with it", absent="the port's own", changes=None, api="mac_address")
    )


_SAME_PAIR = "x.address == y.address && has(x.mac) == has(y.mac) && (!has(x.mac) || x.mac == y.mac)"


class PortSpec(CommonSpec, Named, Described, Administrable):
    """The spec of a Port."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"has(self.__import__) || {one_of('networkRef', 'networkID')}",
            "exactly one of networkRef and networkID is needed, unless import names what to take over",
        ),
        Rule(
            one_of("networkRef", "networkID", required=False),
            "networkRef and networkID both say which network the port is in; take one of them out",
        ),
        Rule(
            "!has(self.fixedIPs) || has(self.networkRef) || self.fixedIPs.all(x, !has(x.subnet))",
            "fixedIPs[].subnet names a subnet of networkRef; without networkRef use subnetID",
            ".fixedIPs",
        ),
        Rule(
            "!has(self.fixedIPs) || self.fixedIPs.all(x, !has(x.address) || self.fixedIPs.filter(y, "
            f"has(y.address) && {same_address('x.address', 'y.address')}).size() == 1)",
            "fixedIPs names an address twice; take one of them out",
            ".fixedIPs",
        ),
        Rule(
            f"!has(self.allowedAddressPairs) || self.allowedAddressPairs.all(x, self.allowedAddressPairs.filter(y, "
            f"{_SAME_PAIR}).size() == 1)",
            "allowedAddressPairs names a pair twice; take one of them out",
            ".allowedAddressPairs",
        ),
        Rule(
            one_of("securityGroupRefs", "securityGroupIDs", required=False) + " || "
            f"self.securityGroupRefs.size() + self.securityGroupIDs.size() <= {MAX_GROUPS}",
            f"at most {MAX_GROUPS} security groups can be given",
        ),
        Rule(
            "!has(self.portSecurityEnabled) || self.portSecurityEnabled || "
            "!(has(self.securityGroupRefs) && self.securityGroupRefs.size() > 0 || "
            "has(self.securityGroupIDs) && self.securityGroupIDs.size() > 0 || "
            "has(self.allowedAddressPairs) && self.allowedAddressPairs.size() > 0)",
            "security groups and allowedAddressPairs need port security: take them out, or portSecurityEnabled: false",
            ".portSecurityEnabled",
        ),
    )

    import_: PortImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    network_ref: Ref | None = Field(
        None,
        description=about(
            "The InfomaniakNetwork it is in", absent="networkID", changes=f"{FIXED}: {_ANOTHER}", api="network_id"
        ),
    )
    network_id: Annotated[
        CloudId | None, Names("a network", Reach.PROJECT, instead="networkRef", shown=("networkID",))
    ] = Field(
        None,
        description=about(
            "Id of a network that no object of this API stands for",
            absent="networkRef",
            changes=f"{FIXED}: {_ANOTHER}",
            api="network_id",
        ),
    )
    fixed_ips: Annotated[list[FixedIP], Field(max_length=MAX_FIXED_IPS)] | None = Field(
        None,
        description=about(
            "Its addresses. [] for none. A subnet that hands out addresses by itself (IPv6 by SLAAC) adds one, listed "
            "or not. Clouds allow a few only",
            absent="left as they are (new: one of IPv4 and one of IPv6, as far as the network has such subnets)",
            changes="Can be changed; an address that stays listed stays",
            api="fixed_ips",
        ),
        json_schema_extra=listed("atomic"),
    )
    mac_address: Annotated[
        Mac | None,
        Names("a MAC", Reach.WITHIN, instead="it is of the port's own network, and must be free"),
    ] = Field(
        None,
        description=about("Its MAC", absent="the cloud chooses", changes=f"{FIXED}: {_ANOTHER_MAC}", api="mac_address"),
    )
    security_group_refs: Annotated[list[Ref], Field(max_length=MAX_GROUPS)] | None = Field(
        None,
        description=about(
            "The SecurityGroups of the port. [] for none, and then nothing passes",
            absent="left as they are (new: the project's group named default); taken out again: that one",
            api="security_groups",
        ),
        json_schema_extra=listed("map", "name"),
    )
    security_group_ids: Annotated[
        Annotated[list[CloudId], Field(max_length=MAX_GROUPS)] | None,
        Names("a security group", Reach.PROJECT, instead="securityGroupRefs", shown=("securityGroupIDs",)),
    ] = Field(
        None,
        description=about(
            "The same by id, for groups that no object of this API stands for; both lists count together",
            absent="left as they are",
            api="security_groups",
        ),
        json_schema_extra=listed("set"),
    )
    allowed_address_pairs: Annotated[list[AddressPair], Field(max_length=MAX_PAIRS)] | None = Field(
        None,
        description=about(
            "What else it may send from and receive, for an address that moves between servers, say. [] for none. "
            "Clouds allow 10 by default",
            absent="left as they are (new: none)",
            api="allowed_address_pairs",
        ),
        json_schema_extra=listed("atomic"),
    )
    port_security_enabled: bool | None = Field(
        None,
        description=about(
            "Whether it is protected against forged addresses and by security groups. Neutron has no groups and pairs "
            "without: false takes them off the port, true gives it the project's group named default where the spec "
            "names none",
            absent="left as it is (new: as the network says); taken out again: as the network says",
            api="port_security_enabled",
        ),
    )
    qos_policy_id: Annotated[
        CloudId | None,
        Names("a QoS policy", Reach.PROJECT, instead="leave it out: that of its network holds", shown=("qosPolicyID",)),
    ] = Field(
        None,
        alias="qosPolicyID",
        description=about(
            "Id of the QoS policy of the port: its bandwidth, say; it holds in the place of its network's. Needs a "
            "cloud with Neutron's extension qos",
            absent="left as it is (new: none of its own); taken out again: none of its own",
            api="qos_policy_id",
        ),
    )


class PortAddressStatus(ApiModel):
    """An address of a port."""

    subnet_id: Id | None = Field(None, description="Id of its subnet.")
    address: Text = Field(description="The address.")


class PortStatus(CommonStatus, CloudStatus):
    """The status of a Port."""

    network_id: Id | None = Field(None, description="Id of the network it is in.")
    mac_address: Text | None = Field(None, description="Its MAC.")
    fixed_ips: Annotated[list[PortAddressStatus], Field(max_length=64)] | None = Field(
        None, description="Its addresses, those of IPv4 first.", json_schema_extra=listed("atomic")
    )
    security_group_ids: Annotated[list[Id], Field(max_length=64)] | None = Field(
        None, description="Ids of its security groups.", json_schema_extra=listed("atomic")
    )
    qos_policy_id: Id | None = Field(None, alias="qosPolicyID", description="Id of its own QoS policy.")
    device_id: Text | None = Field(None, description="Id of what it belongs to, as last seen: of a server, say.")
    device_owner: Text | None = Field(
        None, description="What sort of thing that is, as last seen: compute:nova, Octavia, network:router_interface."
    )


PORT = Kind(
    kind="Port",
    plural="ports",
    singular="port",
    short_names=("iport",),
    spec=PortSpec,
    status=PortStatus,
    summary="A port of a network of the Infomaniak Public Cloud: its addresses, its MAC, its security groups "
    "(OpenStack Neutron).",
    shown=(
        Column("Address", "string", ".status.fixedIPs[0].address", "Its first address."),
        Column("MAC", "string", ".status.macAddress", "Its MAC.", wide=True),
        Column("Status", "string", ".status.cloudStatus", "Its status in the cloud: DOWN while nothing uses it."),
        Column("Device", "string", ".status.deviceOwner", "What sort of thing uses it, as last seen."),
    ),
    selectable=(".spec.networkRef.name",),
    rules=(
        immutable("networkRef", _ANOTHER),
        immutable("networkID", _ANOTHER, "networkID"),
        immutable("macAddress", _ANOTHER_MAC, "macAddress"),
        first_setting("networkID", _ANOTHER, "networkID"),
        first_setting("macAddress", _ANOTHER_MAC, "macAddress"),
    ),
    example="""\
cloudCredentialsRef:
  secretName: infomaniak
networkRef:
  name: office
fixedIPs:
  - subnet: office-v4
    address: 10.20.0.60
securityGroupRefs:
  - name: web-servers
allowedAddressPairs:
  - address: 10.20.0.200
""",
)
