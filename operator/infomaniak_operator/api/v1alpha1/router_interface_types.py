"""The interfaces of a Router: each on a subnet, at its gateway address or another one, or by a port that is there."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from infomaniak_operator.api.common import Id, Text
from infomaniak_operator.api.model import ApiModel, Names, Reach, Rule, about
from infomaniak_operator.api.types import Address, ChildName, CloudId, Ref
from infomaniak_operator.api.v1alpha1.refs import SUBNET_OF_NETWORK, one_of

_GOES = "Neutron deletes the port with the interface"


class RouterInterface(ApiModel):
    """One interface: on a subnet of an InfomaniakNetwork, on a subnet by its id, or by a port."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            one_of("networkRef", "subnetID", "portRef", "portID"),
            "exactly one of networkRef, subnetID, portRef and portID is needed",
        ),
        SUBNET_OF_NETWORK,
        Rule(
            "!has(self.address) || has(self.networkRef) || has(self.subnetID)",
            "address is an address of the subnet in networkRef or subnetID; a port has its own: take it out",
            ".address",
        ),
    )

    network_ref: Ref | None = Field(
        None, description=about("The InfomaniakNetwork that the subnet belongs to", changes=None)
    )
    subnet: ChildName | None = Field(
        None,
        description=about(
            "Name of the subnet in networkRef",
            absent="the one it is in already; new: the only one that the network has",
            changes=None,
        ),
    )
    subnet_id: Annotated[
        CloudId | None, Names("a subnet", Reach.PROJECT, instead="networkRef and subnet", shown=("subnetID",))
    ] = Field(None, description=about("Id of a subnet that no object of this API stands for", changes=None))
    address: Annotated[
        Address | None, Names("an address of the subnet", Reach.WITHIN, instead="it is of the subnet, and must be free")
    ] = Field(
        None,
        description=about(
            "The interface's address in the subnet, where the subnet's gateway is another one, or there is none",
            absent="the subnet's gateway address",
            changes="A change takes the interface away for a moment: Neutron does not change it in place",
            api="fixed_ips of the interface's port",
        ),
    )
    port_ref: Ref | None = Field(
        None, description=about(f"A Port that becomes the interface, with all its addresses. {_GOES}", changes=None)
    )
    port_id: Annotated[CloudId | None, Names("a port", Reach.PROJECT, instead="portRef", shown=("portID",))] = Field(
        None,
        description=about(
            f"Id of a port that no object of this API stands for, and that nothing uses. {_GOES}", changes=None
        ),
    )


_SAME = (
    "has(a.{0}) && has(b.{0}) && a.{0} == b.{0}",
    "has(a.{0}) && has(b.{0}) && a.{0}.name == b.{0}.name",
)
NOT_TWICE = Rule(
    "!has(self.interfaces) || self.interfaces.all(a, self.interfaces.filter(b, "
    f"({_SAME[0].format('subnetID')}) || ({_SAME[0].format('portID')}) || ({_SAME[1].format('portRef')}) || "
    f"({_SAME[1].format('networkRef')} && (!has(a.subnet) || !has(b.subnet) || a.subnet == b.subnet))).size() == 1)",
    "two interfaces lead to the same subnet or port; take one out",
    ".interfaces",
)


class InterfaceStatus(ApiModel):
    """An interface in the cloud."""

    subnet_id: Id = Field(description="Id of the subnet.")
    address: Text | None = Field(None, description="Its address there, where the spec names an address or a port.")
    port_id: Id | None = Field(None, description="Id of its port, where the spec names an address or a port.")
