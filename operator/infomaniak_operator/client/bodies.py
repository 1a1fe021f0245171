"""The bodies that Neutron and Octavia take: one TypedDict for each type, for creates and updates alike.

The keys are the closed list of what may be sent (``kinds``): the services and the SDK drop many a misspelt name without
a word, and so an unknown one is refused before anything is sent. A body names only what is to be set: an attribute that
is left out gets the service's default in a create, and stays as it is in an update. Meaning and unit of each attribute
are those in ``resources``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from infomaniak_operator.client.resources import (
    AdditionalVip,
    AddressPair,
    AllocationPool,
    ExternalGateway,
    FixedIP,
    HostRoute,
    RuleMatch,
    SessionPersistence,
)


class NeutronBody(TypedDict, total=False):
    """What every body of Neutron's may set."""

    description: str
    project_id: str


class OctaviaBody(TypedDict, total=False):
    """What every body of Octavia's may set."""

    name: str
    admin_state_up: bool
    tags: list[str]


_NetworkColons = TypedDict(
    "_NetworkColons",
    {
        "router:external": bool,
        "provider:network_type": str,
        "provider:physical_network": str,
        "provider:segmentation_id": int,
    },
    total=False,
)


class NetworkBody(NeutronBody, _NetworkColons, total=False):
    """See ``resources.Network``."""

    name: str
    admin_state_up: bool
    shared: bool
    mtu: int
    port_security_enabled: bool
    dns_domain: str
    qos_policy_id: str | None
    availability_zone_hints: list[str]
    vlan_transparent: bool
    is_default: bool


class SubnetBody(NeutronBody, total=False):
    """See ``resources.Subnet``; ``prefixlen`` and ``use_default_subnetpool`` choose a CIDR from a pool."""

    name: str
    network_id: str
    cidr: str
    ip_version: int
    gateway_ip: str | None
    enable_dhcp: bool
    dns_nameservers: list[str]
    allocation_pools: list[AllocationPool]
    host_routes: list[HostRoute]
    ipv6_address_mode: str
    ipv6_ra_mode: str
    subnetpool_id: str
    prefixlen: int
    use_default_subnetpool: bool
    service_types: list[str]
    segment_id: str
    dns_publish_fixed_ip: bool


class RouterBody(NeutronBody, total=False):
    """See ``resources.Router``; an empty ``external_gateway_info`` takes the gateway away."""

    name: str
    admin_state_up: bool
    external_gateway_info: ExternalGateway | Mapping[str, object] | None
    routes: list[HostRoute]
    distributed: bool
    ha: bool
    flavor_id: str
    availability_zone_hints: list[str]
    enable_ndp_proxy: bool


class SecurityGroupBody(NeutronBody, total=False):
    """See ``resources.SecurityGroup``."""

    name: str
    stateful: bool


class SecurityGroupRuleBody(NeutronBody, RuleMatch, total=False):
    """See ``resources.SecurityGroupRule``."""

    security_group_id: str


class FloatingIPBody(NeutronBody, total=False):
    """See ``resources.FloatingIP``; ``port_id`` None takes it from where it is bound."""

    floating_network_id: str
    floating_ip_address: str
    subnet_id: str
    port_id: str | None
    fixed_ip_address: str | None
    qos_policy_id: str | None
    dns_name: str
    dns_domain: str


class RbacPolicyBody(TypedDict, total=False):
    """See ``resources.RbacPolicy``."""

    object_type: str
    object_id: str
    action: str
    target_tenant: str


class PortForwardingBody(TypedDict, total=False):
    """See ``resources.PortForwarding``: without ``internal_ip_address`` Neutron refuses a new one."""

    protocol: str
    external_port: int
    internal_port_id: str
    internal_ip_address: str
    internal_port: int
    description: str


_PortColons = TypedDict(
    "_PortColons",
    {"binding:vnic_type": str, "binding:host_id": str, "binding:profile": dict[str, object]},
    total=False,
)


class PortBody(NeutronBody, _PortColons, total=False):
    """See ``resources.Port``."""

    name: str
    network_id: str
    admin_state_up: bool
    fixed_ips: list[FixedIP]
    mac_address: str
    security_groups: list[str]
    allowed_address_pairs: list[AddressPair]
    device_id: str
    device_owner: str
    extra_dhcp_opts: list[dict[str, str | int]]
    port_security_enabled: bool
    dns_name: str
    dns_domain: str
    qos_policy_id: str | None
    tags: list[str]
    propagate_uplink_status: bool


class L7RuleBody(OctaviaBody, total=False):
    """See ``resources.L7Rule``."""

    type: str
    compare_type: str
    key: str
    value: str
    invert: bool


class L7PolicyBody(OctaviaBody, total=False):
    """See ``resources.L7Policy``; ``rules`` and ``redirect_pool`` only in a tree's create."""

    description: str
    listener_id: str
    action: str
    position: int
    redirect_pool_id: str
    redirect_url: str
    redirect_prefix: str
    redirect_http_code: int
    rules: list[L7RuleBody]
    redirect_pool: PoolBody


class MemberBody(OctaviaBody, total=False):
    """See ``resources.Member``."""

    address: str
    protocol_port: int
    weight: int
    backup: bool
    subnet_id: str
    monitor_address: str | None
    monitor_port: int | None
    vnic_type: str


class HealthMonitorBody(OctaviaBody, total=False):
    """See ``resources.HealthMonitor``."""

    pool_id: str
    type: str
    delay: int
    timeout: int
    max_retries: int
    max_retries_down: int
    http_method: str | None
    url_path: str | None
    expected_codes: str | None
    http_version: float | None
    domain_name: str | None


class PoolBody(OctaviaBody, total=False):
    """See ``resources.Pool``; ``members`` and ``healthmonitor`` only in a tree's create."""

    description: str
    loadbalancer_id: str
    listener_id: str
    protocol: str
    lb_algorithm: str
    session_persistence: SessionPersistence | None
    members: list[MemberBody]
    healthmonitor: HealthMonitorBody
    tls_enabled: bool
    tls_container_ref: str | None
    ca_tls_container_ref: str | None
    crl_container_ref: str | None
    tls_ciphers: str
    tls_versions: list[str]
    alpn_protocols: list[str]


class ListenerBody(OctaviaBody, total=False):
    """See ``resources.Listener``; ``default_pool`` and ``l7policies`` only in a tree's create."""

    description: str
    loadbalancer_id: str
    protocol: str
    protocol_port: int
    default_pool_id: str | None
    default_pool: PoolBody
    connection_limit: int
    insert_headers: dict[str, str]
    allowed_cidrs: list[str]
    default_tls_container_ref: str | None
    sni_container_refs: list[str]
    client_ca_tls_container_ref: str | None
    client_authentication: str
    client_crl_container_ref: str | None
    timeout_client_data: int
    timeout_member_connect: int
    timeout_member_data: int
    timeout_tcp_inspect: int
    tls_ciphers: str
    tls_versions: list[str]
    alpn_protocols: list[str]
    hsts_max_age: int | None
    hsts_include_subdomains: bool
    hsts_preload: bool
    l7policies: list[L7PolicyBody]


class LoadBalancerBody(OctaviaBody, total=False):
    """See ``resources.LoadBalancer``; ``listeners`` and ``pools`` only in ``create_tree``."""

    description: str
    project_id: str
    vip_address: str
    vip_network_id: str
    vip_port_id: str
    vip_subnet_id: str
    vip_qos_policy_id: str | None
    vip_sg_ids: list[str]
    additional_vips: list[AdditionalVip]
    provider: str
    flavor_id: str
    availability_zone: str
    listeners: list[ListenerBody]
    pools: list[PoolBody]


class ReverseNameBody(TypedDict, total=False):
    """See ``resources.ReverseName``; ``ptrdname`` None takes the name away.

    What is left out next to a name goes back to the service's own default.
    """

    ptrdname: str | None
    ttl: int
    description: str | None


class ZoneBody(TypedDict, total=False):
    """See ``resources.Zone``."""

    name: str
    email: str
    type: str
    ttl: int
    description: str | None
    masters: list[str]


class RecordSetBody(TypedDict, total=False):
    """See ``resources.RecordSet``."""

    name: str
    type: str
    ttl: int | None
    description: str | None
    records: list[str]


class SecretBody(TypedDict, total=False):
    """See ``resources.Secret``. Nothing of it can be changed later."""

    name: str
    payload: str
    payload_content_type: str
    payload_content_encoding: str
    secret_type: str
    expiration: str
