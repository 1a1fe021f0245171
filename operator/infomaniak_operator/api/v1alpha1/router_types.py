"""Router: a router, its gateway, its interfaces and its routes."""

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
from infomaniak_operator.api.model import ApiModel, Names, Reach, Rule, about, listed
from infomaniak_operator.api.types import Address, Cidr, same_address
from infomaniak_operator.api.v1alpha1.refs import ExternalNetwork
from infomaniak_operator.api.v1alpha1.router_interface_types import NOT_TWICE, InterfaceStatus, RouterInterface

MAX_GATEWAY_ADDRESSES = 16


class RouterFilter(NamedFilter, DescribedFilter):
    """What a router to import looks like."""


class RouterImport(Import):
    """A router made by others."""

    filter: RouterFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


class ExternalGateway(ExternalNetwork):
    """The way out of a router."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.addresses) || self.addresses.all(x, self.addresses.filter(y, "
            f"{same_address('x', 'y')}).size() == 1)",
            "addresses names an address twice; take one of them out",
            ".addresses",
        ),
    )

    enable_snat: bool | None = Field(
        None,
        description=about(
            "Whether what leaves the router carries the router's own external address. Takes an administrator's rights "
            "in most clouds, and is sent only if given",
            absent="left as it is (new: true)",
            api="external_gateway_info.enable_snat",
        ),
    )

    addresses: Annotated[
        Annotated[list[Address], Field(min_length=1, max_length=MAX_GATEWAY_ADDRESSES)] | None,
        Names("an address", Reach.WITHIN, instead="it is of the external network beside it, and must be free"),
    ] = Field(
        None,
        description=about(
            "The router's own addresses in the external network: all of each IP version of which one is named. Takes "
            "an administrator's rights in most clouds, and is sent only if given",
            absent="left as they are (new: the cloud chooses)",
            changes="Can be changed; an address that stays listed stays, and floating IPs are not touched",
            api="external_gateway_info.external_fixed_ips",
        ),
        json_schema_extra=listed("atomic"),
    )


class Route(ApiModel):
    """A static route."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!isCIDR(self.destination) || !isIP(self.nexthop) || "
            "cidr(self.destination).ip().family() == ip(self.nexthop).family()",
            "nexthop must be of the same IP version as destination",
            ".nexthop",
        ),
    )

    destination: Cidr = Field(description=about("The network the route leads to", changes=None, api="destination"))
    nexthop: Address = Field(
        description=about(
            "The address it leads over, in a subnet of one of the interfaces", changes=None, api="nexthop"
        )
    )


class RouterSpec(CommonSpec, Named, Described, Administrable):
    """The spec of a Router."""

    cel: ClassVar[tuple[Rule, ...]] = (NOT_TWICE,)

    import_: RouterImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    external_gateway: ExternalGateway | None = Field(
        None,
        description=about(
            "The external network that the router leads to",
            absent="left as it is (new: none); taken out again: the gateway is removed",
            api="external_gateway_info",
        ),
    )
    interfaces: Annotated[list[RouterInterface], Field(max_length=64)] | None = Field(
        None,
        description=about(
            "The subnets that the router connects, one port on each, with the subnet's gateway address unless the "
            "interface says another one. [] removes all",
            absent="left as they are (new: none)",
            api="the router's ports (add_router_interface)",
        ),
        json_schema_extra=listed("atomic"),
    )
    routes: Annotated[list[Route], Field(max_length=64)] | None = Field(
        None,
        description=about(
            "All static routes. [] removes them. Clouds allow 30 by default",
            absent="left as they are (new: none)",
            api="routes",
        ),
        json_schema_extra=listed("atomic"),
    )


class RouterStatus(CommonStatus, CloudStatus):
    """The status of a Router."""

    external_network_id: Id | None = Field(None, description="Id of the external network of the gateway.")
    external_addresses: Annotated[list[Text], Field(max_length=64)] | None = Field(
        None, description="The router's own addresses there.", json_schema_extra=listed("atomic")
    )
    interfaces: Annotated[list[InterfaceStatus], Field(max_length=1024)] | None = Field(
        None, description="The subnets it connects.", json_schema_extra=listed("atomic")
    )


ROUTER = Kind(
    kind="Router",
    plural="routers",
    singular="router",
    short_names=("irouter",),
    spec=RouterSpec,
    status=RouterStatus,
    summary="A router of the Infomaniak Public Cloud: its gateway, its interfaces, its routes (OpenStack Neutron).",
    shown=(
        Column("Status", "string", ".status.cloudStatus", "The router's status in the cloud."),
        Column(
            "Address", "string", ".status.externalAddresses[0]", ("The router's own address in the external network.")
        ),
    ),
    example="""\
cloudCredentialsRef:
  secretName: infomaniak
externalGateway:
  networkName: ext-floating1
interfaces:
  - networkRef:
      name: office
    subnet: office-v4
  - networkRef:
      name: office
    subnet: office-v6
routes:
  - destination: 192.168.0.0/16
    nexthop: 10.20.0.2
""",
)
