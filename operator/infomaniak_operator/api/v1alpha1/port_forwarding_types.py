"""The port forwardings of a FloatingIP: single ports of the address that lead to ports inside."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infomaniak_operator.api.common import Id, Text
from infomaniak_operator.api.model import ApiModel, Checked, Names, Reach, Rule, about
from infomaniak_operator.api.types import Address, CloudId, Ref, same_address
from infomaniak_operator.api.v1alpha1.refs import one_of

MAX_FORWARDINGS = 32
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class PortForwarding(ApiModel):
    """One port of the address that leads to a port inside."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(one_of("portRef", "portID"), "exactly one of portRef and portID is needed: the port that it leads to"),
        Rule(
            "!has(self.portID) || has(self.fixedAddress)",
            "fixedAddress is needed with portID: the address of that port, which Neutron asks for",
            ".fixedAddress",
        ),
    )

    protocol: Literal["tcp", "udp", "sctp"] = Field(description=about("The protocol", changes=None, api="protocol"))
    external_port: PortNumber = Field(
        description=about("The port of the floating IP", changes=None, api="external_port")
    )
    internal_port: PortNumber | None = Field(
        None, description=about("The port inside", absent="externalPort", api="internal_port")
    )
    port_ref: Ref | None = Field(None, description=about("The Port that it leads to", api="internal_port_id"))
    port_id: Annotated[CloudId | None, Names("a port", Reach.PROJECT, instead="portRef", shown=("portID",))] = Field(
        None, description=about("Id of a port that no object of this API stands for", api="internal_port_id")
    )
    fixed_address: Annotated[
        Address | None,
        Names("an address of the port", Reach.WITHIN, instead="it is of the port in portRef or portID"),
        Checked(Rule("!isIP(self) || ip(self).family() == 4", "must be an IPv4 address: Neutron forwards no others")),
    ] = Field(
        None,
        description=about(
            "Which address of the port it leads to. Needed with portID",
            absent="the first IPv4 address of the Port",
            api="internal_ip_address",
        ),
    )


_INSIDE = "(has({0}.internalPort) ? {0}.internalPort : {0}.externalPort)"
_SAME_PORT = (
    "(has(a.portRef) ? has(b.portRef) && a.portRef.name == b.portRef.name "
    ": has(a.portID) && has(b.portID) && a.portID == b.portID)"
)
_SAME_ADDRESS = (
    "has(a.fixedAddress) == has(b.fixedAddress) && (!has(a.fixedAddress) || "
    + same_address("a.fixedAddress", "b.fixedAddress")
    + ")"
)
NOT_TWICE = Rule(
    "!has(self.portForwardings) || self.portForwardings.all(a, self.portForwardings.filter(b, "
    f"a.protocol == b.protocol && {_INSIDE.format('a')} == {_INSIDE.format('b')} && {_SAME_PORT} && {_SAME_ADDRESS}"
    ").size() == 1)",
    "two port forwardings of one protocol lead to the same port inside, which Neutron refuses: take one out",
    ".portForwardings",
)
ALONE = Rule(
    "!has(self.portForwardings) || self.portForwardings.size() == 0 || "
    "!(has(self.loadBalancerRef) || has(self.portRef) || has(self.portID))",
    "an address with portForwardings leads to no port as a whole: take out portForwardings, or loadBalancerRef, "
    "portRef and portID",
    ".portForwardings",
)


class PortForwardingStatus(ApiModel):
    """A port forwarding as it was last seen."""

    protocol: Text | None = Field(None, description="The protocol.")
    external_port: int | None = Field(None, description="The port outside; absent where others forward a range.")
    internal_port: int | None = Field(None, description="The port inside.")
    fixed_address: Text | None = Field(None, description="The address inside.")
    port_id: Id | None = Field(None, description="Id of the port inside.")
