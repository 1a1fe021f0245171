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
from infomaniak_operator.api.model import REFUSED, ApiModel, Checked, Names, Reach, Rule, about, listed
from infomaniak_operator.api.types import Address, CloudId, Ref, same_address
from infomaniak_operator.api.v1alpha1.port_forwarding_types import (
    ALONE,
    MAX_FORWARDINGS,
    NOT_TWICE,
    PortForwarding,
    PortForwardingStatus,
)
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


_LABEL = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"


class ReverseDNS(ApiModel):
    """The name that an address leads back to (PTR)."""

    hostname: Annotated[
        str,
        Field(min_length=3, max_length=253),
        Checked(
            Rule(
                f"self.matches('^({_LABEL}[.])+{_LABEL}[.]?$')",
                "must be the whole name of a host, such as mail.example.com: letters, digits and '-' in labels of up "
                "to 63 characters, at least two of them; a dot at the end may be left out",
            )
        ),
    ] = Field(description=about("The whole name of the host, such as mail.example.com", api="ptrdname (Designate)"))
    ttl: Annotated[int, Field(ge=0, le=2147483647)] | None = Field(
        None,
        description=about(
            "Seconds for which resolvers may keep the name",
            absent="left as it is (new: as the zone has it)",
            api="ttl (Designate)",
        ),
    )
    description: Annotated[str, Field(max_length=160)] | None = Field(
        None,
        description=about(
            "Free text for people, up to 160 characters", absent="left as it is", api="description (Designate)"
        ),
    )


class FloatingIPSpec(CommonSpec, Described):
    """The spec of a FloatingIP."""

    cel: ClassVar[tuple[Rule, ...]] = (
        *unless_imported("externalNetwork"),
        Rule(
            one_of("loadBalancerRef", "portRef", "portID", required=False),
            "at most one of loadBalancerRef, portRef and portID can be given: an address leads to one port",
        ),
        Rule(
            "!has(self.fixedAddress) || has(self.loadBalancerRef) || has(self.portRef) || has(self.portID)",
            "fixedAddress is an address of what is in loadBalancerRef, portRef or portID; without one of them take it "
            "out",
            ".fixedAddress",
        ),
        ALONE,
        NOT_TWICE,
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
            absent="with portRef, portID and portForwardings absent too, it leads nowhere and is kept",
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
            "Which address it leads to, where the port has several: of a LoadBalancer its VIP's or that of an "
            "additional VIP",
            absent="the port's only one; of a LoadBalancer with several the VIP's own, or else the first of IPv4",
            api="fixed_ip_address",
        ),
    )
    port_forwardings: Annotated[list[PortForwarding], Field(max_length=MAX_FORWARDINGS)] | None = Field(
        None,
        description=about(
            "All ports of the address that lead to ports inside, in place of the address as a whole. [] removes them. "
            "What others forward on it is removed, too",
            absent="left as they are (new: none)",
            api="port_forwardings",
        ),
        json_schema_extra=listed("map", "protocol", "externalPort"),
    )
    reverse_dns: ReverseDNS | None = Field(
        None,
        description=about(
            "The name that the address leads back to (PTR), in the cloud's DNS service (Designate). It is taken away "
            "before the address is released. Whatever becomes of it, the address is Ready: the condition ReverseDNS "
            "tells of it",
            absent="left as it is; taken away where it was set by this field",
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


class ReverseDNSStatus(ApiModel):
    """The name that an address leads back to, as it was last seen in Designate."""

    hostname: Text | None = Field(None, description="The name, without a dot at its end.")
    ttl: int | None = Field(None, description="Seconds for which resolvers may keep it.")
    status: Text | None = Field(None, description="ACTIVE, PENDING (not all name servers have it yet), or ERROR.")
    floating_ip_id: Id | None = Field(
        None, description="Id of the floating IP that has the name: a former one's is taken away."
    )


class FloatingIPStatus(CommonStatus, CloudStatus):
    """The status of a FloatingIP."""

    address: Text | None = Field(None, description="The address.")
    fixed_address: Text | None = Field(None, description="The address inside that it leads to.")
    port_id: Id | None = Field(None, description="Id of the port it leads to.")
    router_id: Id | None = Field(None, description="Id of the router it goes through.")
    external_network_id: Id | None = Field(None, description="Id of the external network it is from.")
    port_forwardings: Annotated[list[PortForwardingStatus], Field(max_length=1024)] | None = Field(
        None, description="Its ports that lead to ports inside.", json_schema_extra=listed("atomic")
    )
    reverse_dns: ReverseDNSStatus | None = Field(
        None,
        description="The name that the address leads back to; only where spec.reverseDNS asks for one.",
    )


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
        Column("Hostname", "string", ".status.reverseDNS.hostname", "The name it leads back to.", wide=True),
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
