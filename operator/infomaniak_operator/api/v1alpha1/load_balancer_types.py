"""LoadBalancer: a VIP and its port, a load balancer, its listeners."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from infomaniak_operator.api.common import (
    FILTER,
    FILTER_TEXT,
    IMPORT_TEXT,
    Administrable,
    CommonSpec,
    CommonStatus,
    Described,
    DescribedFilter,
    Id,
    Import,
    Named,
    NamedFilter,
    OctaviaStatus,
    Text,
    unless_imported,
)
from infomaniak_operator.api.kind import Column, Kind
from infomaniak_operator.api.model import (
    REFUSED,
    ApiModel,
    Names,
    Reach,
    Rule,
    about,
    first_setting,
    immutable,
    kept,
    listed,
)
from infomaniak_operator.api.types import Address, CloudId, same_address
from infomaniak_operator.api.v1alpha1.listener_types import Listener
from infomaniak_operator.api.v1alpha1.tls_types import CertificateStatus
from infomaniak_operator.api.v1alpha1.vip_types import ANOTHER, FIXED_VIP, Vip, same_vips

MAX_LISTENERS = 32
MAX_CERTIFICATES = 1024
"""The most that the status lists of what Barbican has."""


class Recovery(ApiModel):
    """What to do about a load balancer in ERROR."""

    policy: Literal["Never", "Recreate"] = Field(
        description=about(
            "Never: say so (Stalled). Recreate: delete it and make it again, with the same VIP address and floating "
            "IP; "
            "there is no service meanwhile",
            changes="Can be changed",
        )
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None,
        description=about("How often to try until it is Stalled; counted anew once it is ACTIVE", absent="3"),
    )
    backoff_seconds: Annotated[int, Field(ge=10, le=86400)] | None = Field(
        None,
        description=about("How long to wait before the second attempt, in seconds; doubled each time", absent="60"),
    )


class LoadBalancerFilter(NamedFilter, DescribedFilter):
    """What a load balancer to import looks like."""

    vip_address: Address | None = Field(None, description="The address of its VIP.")


class LoadBalancerImport(Import):
    """A load balancer made by others."""

    filter: LoadBalancerFilter | None = Field(None, description=FILTER_TEXT, json_schema_extra=FILTER)


_TRANSPORT = "({0}.protocol in ['UDP', 'SCTP'] ? {0}.protocol : 'TCP')"
_GROUPS = (
    "(has(self.vip.securityGroupRefs) && self.vip.securityGroupRefs.size() > 0 || "
    "has(self.vip.securityGroupIDs) && self.vip.securityGroupIDs.size() > 0)"
)


class LoadBalancerSpec(CommonSpec, Named, Described, Administrable):
    """The spec of a LoadBalancer."""

    cel: ClassVar[tuple[Rule, ...]] = (
        *unless_imported("vip"),
        Rule(
            "!has(self.listeners) || self.listeners.all(a, self.listeners.all(b, a.name == b.name || a.port != "
            "b.port || "
            f"{_TRANSPORT.format('a')} != {_TRANSPORT.format('b')}))",
            "two listeners have the same port and transport; give one of them another port",
            ".listeners",
        ),
        Rule(
            f"!has(self.vip) || !has(self.listeners) || !{_GROUPS} || "
            "self.listeners.all(x, !has(x.allowedCIDRs) || x.allowedCIDRs.size() == 0)",
            "allowedCIDRs of listeners cannot be had together with security groups of the VIP: say it in their rules",
            ".listeners",
        ),
    )

    import_: LoadBalancerImport | None = Field(None, alias="import", description=IMPORT_TEXT)
    vip: Vip | None = Field(
        None,
        description=about(
            "Where it can be reached: the VIP and its port, which are the operator's own and outlive a recovery. "
            "Required, "
            "unless import names a load balancer",
            changes="The network and the address cannot be changed, the security groups can",
        ),
    )
    provider: Annotated[
        Annotated[str, Field(min_length=1, max_length=64)] | None,
        Names("a driver", Reach.PUBLIC, instead="the cloud's administrator offers it to every project"),
    ] = Field(
        None,
        description=about(
            "The load balancer service's driver; Infomaniak has amphora only",
            absent="the cloud's own",
            changes=FIXED_VIP,
            api="provider",
        ),
    )
    flavor_id: Annotated[
        CloudId | None,
        Names("a flavor", Reach.PUBLIC, instead="the cloud's administrator offers it to every project"),
    ] = Field(
        None,
        description=about("Id of a flavor; Infomaniak has none", absent="none", changes=FIXED_VIP, api="flavor_id"),
    )
    recovery: Recovery | None = Field(
        None, description=about("What to do if the load balancer goes to ERROR", absent="policy Never")
    )
    listeners: Annotated[list[Listener], Field(max_length=MAX_LISTENERS)] | None = Field(
        None,
        description=about(
            "The listeners, known by their names. [] removes all",
            absent="left as they are (new: none)",
            changes="Items can be added, changed and removed",
            api="listeners of the load balancer",
        ),
        json_schema_extra=listed("map", "name"),
    )


class AddressStatus(ApiModel):
    """An address of a load balancer."""

    subnet_id: Id | None = Field(None, description="Id of its subnet.")
    address: Text | None = Field(None, description="The address.")


class ListenerStatus(OctaviaStatus):
    """A listener in the cloud."""

    name: Text = Field(description="Its name.")
    id: Id | None = Field(None, description="Its id in the cloud.")
    redirect_policy_id: Id | None = Field(None, description="Id of the L7 policy that redirectToHTTPS stands for.")


class LoadBalancerStatus(CommonStatus, OctaviaStatus):
    """The status of a LoadBalancer."""

    vip_address: Text | None = Field(None, description="The address of the VIP.")
    vip_port_id: Id | None = Field(None, description="Id of the VIP's port, which floating IPs are bound to.")
    vip_subnet_id: Id | None = Field(None, description="Id of the VIP's subnet.")
    vip_network_id: Id | None = Field(None, description="Id of the VIP's network.")
    vip_subnet: Text | None = Field(None, description="Name of the VIP's subnet in vip.networkRef.")
    vip_security_group_ids: Annotated[list[Id], Field(max_length=64)] | None = Field(
        None,
        alias="vipSecurityGroupIDs",
        description="Ids of the security groups of the VIP.",
        json_schema_extra=listed("atomic"),
    )
    additional_vips: Annotated[list[AddressStatus], Field(max_length=64)] | None = Field(
        None, description="The further addresses.", json_schema_extra=listed("atomic")
    )
    provider: Text | None = Field(None, description="The driver of the load balancer service.")
    flavor_id: Id | None = Field(None, description="Id of its flavor; absent: it has none.")
    listeners: Annotated[list[ListenerStatus], Field(max_length=1024)] | None = Field(
        None, description="The listeners that are there.", json_schema_extra=listed("atomic")
    )
    certificates: Annotated[list[CertificateStatus], Field(max_length=MAX_CERTIFICATES)] | None = Field(
        None,
        description="What Barbican has of listeners' Secrets.",
        json_schema_extra=listed("atomic"),
    )
    recovery_attempts: int | None = Field(
        None, description="How often it was made again since it was last ACTIVE, as recovery says."
    )


LOAD_BALANCER = Kind(
    kind="LoadBalancer",
    plural="loadbalancers",
    singular="loadbalancer",
    short_names=("ilb",),
    spec=LoadBalancerSpec,
    status=LoadBalancerStatus,
    summary="A load balancer of the Infomaniak Public Cloud: its VIP and its listeners (OpenStack Octavia).",
    shown=(
        Column("VIP", "string", ".status.vipAddress", "The address of the VIP."),
        Column("Provisioning", "string", ".status.provisioningStatus", "Whether the cloud is done with it."),
        Column("Operating", "string", ".status.operatingStatus", "How the traffic goes."),
    ),
    selectable=(".spec.vip.networkRef.name",),
    rules=(
        kept("vip", ANOTHER),
        immutable("vip.networkRef", ANOTHER),
        immutable("vip.networkID", ANOTHER, "vipNetworkID"),
        immutable("vip.subnet", ANOTHER, "vipSubnet"),
        immutable("vip.subnetID", ANOTHER, "vipSubnetID"),
        immutable("vip.address", ANOTHER, "vipAddress", same_address),
        immutable("vip.additionalVips", ANOTHER, same=same_vips),
        Rule(
            "!has(oldSelf.spec.vip) || !has(self.spec.vip) || has(oldSelf.spec.vip.additionalVips) || "
            f"!has(self.spec.vip.additionalVips) || {REFUSED}",
            f"additionalVips cannot be changed: {ANOTHER}",
            ".spec.vip.additionalVips",
        ),
        immutable("provider", ANOTHER, "provider"),
        immutable("flavorID", ANOTHER, "flavorID"),
        first_setting("vip.address", ANOTHER, "vipAddress", "vipAddress", same_address),
        first_setting("vip.subnet", ANOTHER, "vipSubnet", "vipSubnet"),
        first_setting("provider", ANOTHER, "provider"),
        first_setting("flavorID", ANOTHER, "flavorID"),
    ),
    example="""\
cloudCredentialsRef:
  secretName: infomaniak
vip:
  networkRef:
    name: office
  subnet: office-v4
recovery:
  policy: Recreate
listeners:
  - name: http
    protocol: HTTP
    port: 80
    redirectToHTTPS:
      host: www.example.org
      statusCode: 301
  - name: https
    protocol: HTTPS
    port: 443
    defaultPoolRef:
      name: web
    allowedCIDRs: [0.0.0.0/0]
    timeouts:
      clientData: 60000
""",
)
