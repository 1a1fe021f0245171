"""The members of a Pool: listed, or followed from a Service."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infomaniak_operator.api.common import Administrable
from infomaniak_operator.api.model import ApiModel, Checked, Names, Reach, Rule, about
from infomaniak_operator.api.types import Address, ChildName, CloudId, Port, Ref

_MEMBER = "Another address or port is another member"


OF_A_MEMBER = Names(
    "an address of a member",
    Reach.WITHIN,
    instead="the load balancer reaches what the VIP's subnet and the member's subnet reach",
)


class Balanced(Administrable):
    """How a member is used, whatever says where it is."""

    name: Annotated[str, Field(max_length=255)] | None = Field(
        None, description=about("Its name", absent="left as it is (new: none)", api="name")
    )
    weight: Annotated[int, Field(ge=0, le=256)] | None = Field(
        None,
        description=about(
            "Its share of new connections, 0 to 256; 0: no new ones", absent="left as it is (new: 1)", api="weight"
        ),
    )
    backup: bool | None = Field(
        None,
        description=about(
            "Whether it is used only while all others are down", absent="left as it is (new: false)", api="backup"
        ),
    )
    monitor_address: Annotated[Address | None, OF_A_MEMBER] = Field(
        None, description=about("Address to check it at", absent="address", api="monitor_address")
    )
    monitor_port: Port | None = Field(None, description=about("Port to check it at", absent="port", api="monitor_port"))


class Member(Balanced):
    """One member."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.networkRef) || !has(self.subnetID)",
            "networkRef and subnetID both say where the member is; take one of them out",
        ),
        Rule(
            "!has(self.subnet) || has(self.networkRef)",
            "subnet names a subnet of networkRef; without networkRef use subnetID",
            ".subnet",
        ),
    )

    address: Annotated[
        Address,
        OF_A_MEMBER,
        Checked(
            Rule(
                "!isIP(self) || ip.isCanonical(self)",
                "must be in the short form and lower case, such as 2001:db8::1, for members are known by it",
            )
        ),
    ] = Field(description=about("Its address", changes=_MEMBER, api="address"))
    port: Port = Field(description=about("Its port, 1 to 65535", changes=_MEMBER, api="protocol_port"))
    network_ref: Ref | None = Field(
        None,
        description=about(
            "The InfomaniakNetwork it is in, where that is not the VIP's subnet",
            absent="subnetID, else the VIP's subnet",
            changes="Can be changed; the member is replaced",
            api="subnet_id",
        ),
    )
    subnet: ChildName | None = Field(
        None,
        description=about(
            "Name of the subnet in networkRef",
            absent="the one it is in already; new: the one address lies in, else the only one that the network has",
            changes="Can be changed; the member is replaced",
            api="subnet_id",
        ),
    )
    subnet_id: Annotated[
        CloudId | None, Names("a subnet", Reach.PROJECT, instead="networkRef and subnet", shown=("subnetID",))
    ] = Field(
        None,
        description=about(
            "Id of a subnet that no object of this API stands for",
            absent="networkRef, else the VIP's subnet",
            changes="Can be changed; the member is replaced",
            api="subnet_id",
        ),
    )


class PortMember(Balanced):
    """A member that is a Port."""

    port_ref: Ref = Field(
        description=about("The Port whose address it has", changes="Another Port or port is another member")
    )
    port: Port = Field(
        description=about("Its port, 1 to 65535", changes="Another Port or port is another member", api="protocol_port")
    )
    address: Annotated[Address | None, Names("an address of the Port", Reach.WITHIN, instead="it is of portRef")] = (
        Field(
            None,
            description=about(
                "Which address of the Port, where it has several",
                absent="the one that is a member already; new: its first of IPv4, else its first of IPv6",
                changes=_MEMBER,
                api="address",
            ),
        )
    )


ServicePort = Annotated[
    int | str,
    Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 63}),
    Checked(
        Rule(
            "type(self) == int ? self >= 1 && self <= 65535 : self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
            "must be the number (1 to 65535) or the name of a port of the Service",
        )
    ),
]


class MembersFrom(ApiModel):
    """Members that follow a Service of Kubernetes."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.nodeSelector) || self.mode == 'NodePort'",
            "nodeSelector needs mode NodePort; in mode Endpoints the Service's own selector counts",
            ".nodeSelector",
        ),
    )

    service_ref: Ref = Field(description=about("The Service, in the same namespace", changes="Can be changed"))
    mode: Literal["Endpoints", "NodePort"] = Field(
        description=about(
            "Endpoints: the ready endpoints (the cloud must reach the Pods' addresses). NodePort: the ready nodes, "
            "at the "
            "Service's node port",
            changes="Can be changed",
        )
    )
    port: ServicePort | None = Field(
        None,
        description=about(
            "Name or number of the Service's port",
            absent="the one it follows already; new: the only one that the Service has",
        ),
    )
    node_selector: dict[str, Annotated[str, Field(max_length=63)]] | None = Field(
        None,
        max_length=16,
        description=about("Labels that a node must have, all of them; for mode NodePort", absent="all nodes"),
    )
    drain_seconds: Annotated[int, Field(ge=0, le=3600)] | None = Field(
        None,
        description=about(
            "How long a member that goes is kept at weight 0 for its connections to end, in seconds", absent="0"
        ),
    )
