"""The VIP of a LoadBalancer."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from infomaniak_operator.api.model import FIXED, ApiModel, Names, Reach, Rule, about, listed
from infomaniak_operator.api.types import Address, ChildName, CloudId, Ref, same_address
from infomaniak_operator.api.v1alpha1.refs import SubnetChoice, one_of

ANOTHER = "create another LoadBalancer, for its address would be lost"
FIXED_VIP = f"{FIXED}: {ANOTHER}"


OF_THE_SUBNET = Names("an address of the subnet", Reach.WITHIN, instead="it is of the VIP's subnet, and must be free")


class AdditionalVip(SubnetChoice):
    """A further address of a load balancer."""

    address: Annotated[Address | None, OF_THE_SUBNET] = Field(
        None, description=about("A certain address of the subnet", absent="the cloud chooses", changes=None)
    )


_SAME_VIP = " && ".join(
    f"has(x.{name}) == has(y.{name}) && (!has(x.{name}) || {same})"
    for name, same in {
        "networkRef": "x.networkRef.name == y.networkRef.name",
        "subnet": "x.subnet == y.subnet",
        "subnetID": "x.subnetID == y.subnetID",
        "address": same_address("x.address", "y.address"),
    }.items()
)


def same_vips(new: str, old: str) -> str:
    """Whether two lists of additional VIPs are the same, in CEL; their addresses have several spellings."""
    return f"({new} == {old} || ({new}.size() == {old}.size() && {new}.all(x, {old}.exists(y, {_SAME_VIP}))))"


class Vip(ApiModel):
    """Where a load balancer can be reached."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            one_of("networkRef", "networkID", "subnetID"), "exactly one of networkRef, networkID and subnetID is needed"
        ),
        Rule(
            "!has(self.subnet) || has(self.networkRef)",
            "subnet names a subnet of networkRef; without networkRef use subnetID",
            ".subnet",
        ),
        Rule(
            one_of("securityGroupRefs", "securityGroupIDs", required=False) + " || "
            "self.securityGroupRefs.size() + self.securityGroupIDs.size() <= 20",
            "at most 20 security groups can be given",
        ),
    )

    network_ref: Ref | None = Field(
        None, description=about("The InfomaniakNetwork it is in", changes=FIXED_VIP, api="vip_network_id")
    )
    subnet: ChildName | None = Field(
        None,
        description=about(
            "Name of the subnet in networkRef",
            absent="the one it is in; new: the one address lies in, else the only one that the network has",
            changes=FIXED_VIP,
            api="vip_subnet_id",
        ),
    )
    network_id: Annotated[
        CloudId | None, Names("a network", Reach.PROJECT, instead="networkRef", shown=("vipNetworkID",))
    ] = Field(
        None,
        description=about(
            "Id of a network that no object of this API stands for; the cloud chooses the subnet",
            changes=FIXED_VIP,
            api="vip_network_id",
        ),
    )
    subnet_id: Annotated[
        CloudId | None, Names("a subnet", Reach.PROJECT, instead="networkRef and subnet", shown=("vipSubnetID",))
    ] = Field(
        None,
        description=about(
            "Id of a subnet that no object of this API stands for", changes=FIXED_VIP, api="vip_subnet_id"
        ),
    )
    address: Annotated[Address | None, OF_THE_SUBNET] = Field(
        None,
        description=about(
            "A certain address of the subnet", absent="the cloud chooses", changes=FIXED_VIP, api="vip_address"
        ),
    )
    security_group_refs: Annotated[list[Ref], Field(max_length=20)] | None = Field(
        None,
        description=about(
            "The SecurityGroups of the VIP. [] for none. With them, who may connect is said there and not in "
            "allowedCIDRs",
            absent="left as they are (new: the load balancer service opens the listeners' ports)",
            api="vip_sg_ids",
        ),
        json_schema_extra=listed("map", "name"),
    )
    security_group_ids: Annotated[
        Annotated[list[CloudId], Field(max_length=20)] | None,
        Names("a security group", Reach.PROJECT, instead="securityGroupRefs", shown=("vipSecurityGroupIDs",)),
    ] = Field(
        None,
        description=about(
            "The same by id, for groups that no object of this API stands for; both lists count together",
            absent="left as they are",
            api="vip_sg_ids",
        ),
        json_schema_extra=listed("set"),
    )
    additional_vips: Annotated[list[AdditionalVip], Field(max_length=8)] | None = Field(
        None,
        description=about(
            "Further addresses on other subnets of the same network, for IPv4 and IPv6 at once, say",
            absent="none",
            changes=FIXED_VIP,
            api="additional_vips",
        ),
        json_schema_extra=listed("atomic"),
    )
