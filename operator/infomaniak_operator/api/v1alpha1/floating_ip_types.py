"""FloatingIP: an address of an external network, and what it leads to."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infomaniak_operator.api.common import (
    FILTER,
    FILTER_TEXT,
    IMPORT_TEXT,
    CloudStatus,
    CommonSpec,
    CommonStatus,
    Described,
    DescribedFilter,
    Id,
    Import,
    Text,
    unless_imported,
)
from infomaniak_operator.api.kind import Column, Kind
from infomaniak_operator.api.model import REFUSED, Names, Reach, Rule, about
from infomaniak_operator.api.types import Address, CloudId, Ref, same_address
from infomaniak_operator.api.v1alpha1.refs import ExternalNetwork, one_of

_ONCE = "Cannot be changed once the address is there: create another FloatingIP"


class FloatingIPFilter(DescribedFilter):
    """What a floating IP to import looks like."""

    address: Address | None = Field(None, description="The address itself.")
    external_network_id: CloudId | None = Field(None, description="Id of the external network it is from.")
    port_id: CloudId | None = Field(None, description="Id of the port it leads to.")


class FloatingIPImport(Import):
    """A floating IP made by others."""

    filter: FloatingIPFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


class FloatingIPSpec(CommonSpec, Described):
    """The spec of a FloatingIP."""

    cel: ClassVar[tuple[Rule, ...]] = (
        *unless_imported("externalNetwork"),
        Rule(
            one_of("loadBalancerRef", "portRef", "portID", required=False),
            "at most one of loadBalancerRef, portRef and portID can be given: an address leads to one port",
        ),
        Rule(
            "!has(self.fixedAddress) || has(self.portRef) || has(self.portID)",
            "fixedAddress is an address of the port in portRef or portID; without one of them take it out",
            ".fixedAddress",
        ),
    )

    import_: FloatingIPImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    external_network: ExternalNetwork | None = Field(
        None,
        description=about(
            "The external network that the address is from. Required, unless import names an address",
            changes=_ONCE,
            api="floating_network_id",
        ),
    )
    address: Annotated[
        Address | None,
        Names(
            "a floating IP of the project",
            Reach.PROJECT,
            instead="leave it out, and the cloud chooses an address",
            shown=("address",),
        ),
    ] = Field(
        None,
        description=about(
            "A certain address. If the project has it already, unbound and nobody's, it is taken over; else to ask the "
            "cloud for it takes rights that customers often lack",
            absent="the cloud chooses",
            changes=_ONCE,
            api="floating_ip_address",
        ),
    )
    load_balancer_ref: Ref | None = Field(
        None,
        description=about(
            "The LoadBalancer whose VIP the address leads to",
            absent="with portRef and portID absent too, it leads nowhere and is kept",
            changes="Can be changed; the address stays the same",
            api="port_id",
        ),
    )
    port_ref: Ref | None = Field(
        None,
        description=about(
            "The Port that the address leads to",
            absent="with loadBalancerRef and portID absent too, it leads nowhere and is kept",
            changes="Can be changed; the address stays the same",
            api="port_id",
        ),
    )
    port_id: Annotated[
        CloudId | None, Names("a port", Reach.PROJECT, instead="portRef or loadBalancerRef", shown=("portID",))
    ] = Field(
        None,
        description=about(
            "Id of the port it leads to. An address that is bound elsewhere is never taken from there",
            absent="with loadBalancerRef and portRef absent too, it leads nowhere and is kept",
            changes="Can be changed; the address stays the same",
            api="port_id",
        ),
    )
    fixed_address: Annotated[
        Address | None, Names("an address of the port", Reach.WITHIN, instead="it is of the port in portRef or portID")
    ] = Field(
        None,
        description=about(
            "Which address of the port it leads to, where the port has several",
            absent="the port's only one",
            api="fixed_ip_address",
        ),
    )
    recreate: Literal["Never", "Always"] | None = Field(
        None,
        description=about(
            "What to do if somebody else deletes the address in the cloud. Never: say so (Stalled, "
            "ExternallyDeleted), for "
            "the address is lost. Always: get a new one, which will be another",
            absent="Never",
        ),
    )


class FloatingIPStatus(CommonStatus, CloudStatus):
    """The status of a FloatingIP."""

    address: Text | None = Field(None, description="The address.")
    fixed_address: Text | None = Field(None, description="The address inside that it leads to.")
    port_id: Id | None = Field(None, description="Id of the port it leads to.")
    router_id: Id | None = Field(None, description="Id of the router it goes through.")
    external_network_id: Id | None = Field(None, description="Id of the external network it is from.")


_UNCHANGED = "has(oldSelf.spec.{0}) && has(self.spec.{0}) && self.spec.{0} == oldSelf.spec.{0}"

FLOATING_IP = Kind(
    kind="FloatingIP",
    plural="floatingips",
    singular="floatingip",
    short_names=("ifip",),
    spec=FloatingIPSpec,
    status=FloatingIPStatus,
    summary="A floating IP of the Infomaniak Public Cloud, and what it leads to (OpenStack Neutron).",
    shown=(
        Column("Address", "string", ".status.address", "The address."),
        Column("Target", "string", ".status.fixedAddress", "The address inside that it leads to."),
        Column("Status", "string", ".status.cloudStatus", "Its status in the cloud: ACTIVE, or DOWN with no target."),
    ),
    selectable=(".spec.loadBalancerRef.name", ".spec.portRef.name"),
    rules=(
        Rule(
            "!has(oldSelf.status) || !has(oldSelf.status.id) || !has(oldSelf.spec.externalNetwork) || "
            f"({_UNCHANGED.format('externalNetwork')}) || {REFUSED}",
            "externalNetwork cannot be changed once the address is there: create another FloatingIP",
            ".spec.externalNetwork",
        ),
        Rule(
            "!has(self.spec.address) || !has(oldSelf.status) || !has(oldSelf.status.address) || "
            f"({_UNCHANGED.format('address')}) || {same_address('self.spec.address', 'oldSelf.status.address')}",
            "address cannot be changed once there is one (status.address): create another FloatingIP",
            ".spec.address",
        ),
    ),
    example="""\
cloudCredentialsRef:
  secretName: infomaniak
externalNetwork:
  networkName: ext-floating1
loadBalancerRef:
  name: web
""",
)
