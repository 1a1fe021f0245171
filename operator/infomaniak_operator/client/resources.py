"""The objects of Neutron, Octavia and Designate as the services show them: one TypedDict for each type.

The names are those of the REST APIs (Neutron v2.0, Octavia v2, Designate v2). A service may leave out any attribute but
``id``: an extension may be missing, the credential may not be allowed to see it, or a list may have been asked for some
attributes only. So only ``id`` is required; what is read with ``row["..."]`` is what the caller knows to be there.
Times are text in UTC: Neutron writes ``2026-11-27T08:00:00Z``, Octavia the same without the Z.
"""

from __future__ import annotations

from typing import Required, TypedDict


class Resource(TypedDict, total=False):
    """What objects of all types have in common.

    Attributes:
        id: a UUID; the only attribute that is always there.
        name: up to 255 characters; floating IPs and rules of security groups have none.
        description: up to 255 characters; "" or None where there is none.
        project_id: the project that owns it.
        tenant_id: the same under its old name.
        tags: sorted by no rule. Neutron changes them by a call of their own.
        created_at: when it was made.
        updated_at: when it was last changed; in Octavia None until then.
    """

    id: Required[str]
    name: str
    description: str | None
    project_id: str
    tenant_id: str
    tags: list[str]
    created_at: str
    updated_at: str | None


class NeutronResource(Resource, total=False):
    """What Neutron's objects have in common.

    Attributes:
        revision_number: rises with each change; for ``if_revision``.
    """

    revision_number: int


class OctaviaResource(Resource, total=False):
    """What Octavia's objects have in common.

    Attributes:
        provisioning_status: ACTIVE, ERROR, DELETED, or PENDING_CREATE, PENDING_UPDATE, PENDING_DELETE while the whole
            load balancer is locked.
        operating_status: ONLINE, OFFLINE, DEGRADED, ERROR, NO_MONITOR, DRAINING.
        admin_state_up: whether it is to serve.
    """

    provisioning_status: str
    operating_status: str
    admin_state_up: bool


class Reference(TypedDict):
    """An object that another one names.

    Attributes:
        id: its id.
    """

    id: str


# ── Neutron ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_NetworkColons = TypedDict(
    "_NetworkColons",
    {
        "router:external": bool,
        "provider:network_type": str | None,
        "provider:physical_network": str | None,
        "provider:segmentation_id": int | None,
    },
    total=False,
)


class Network(NeutronResource, _NetworkColons, total=False):
    """A network. Route: ``/v2.0/networks``.

    Attributes:
        status: ACTIVE, BUILD, DOWN or ERROR.
        admin_state_up: whether it forwards traffic.
        shared: whether all projects may use it.
        mtu: bytes.
        port_security_enabled: the default of its ports.
        dns_domain: ends with a dot, or "".
        subnets: the ids of its subnets, as far as the credential sees them.
        is_default: of external networks: whether it is the one that auto-allocation takes.
        availability_zone_hints: where its agents were asked to run.
        availability_zones: where they run.
        ipv4_address_scope: id of an address scope.
        ipv6_address_scope: id of an address scope.
        qos_policy_id: id of a QoS policy.
        vlan_transparent: whether guests may tag frames; None: not known.
        qinq: whether guests may tag frames twice; None: not known.
        l2_adjacency: whether all its ports are in one segment.
        segments: its segments, where it has several.
        router:external: whether it leads outside.
        provider:network_type: ``vxlan``, ``vlan``, ``flat`` …; for administrators.
        provider:physical_network: for administrators.
        provider:segmentation_id: for administrators.
    """

    status: str
    admin_state_up: bool
    shared: bool
    mtu: int
    port_security_enabled: bool
    dns_domain: str
    subnets: list[str]
    is_default: bool | None
    availability_zone_hints: list[str]
    availability_zones: list[str]
    ipv4_address_scope: str | None
    ipv6_address_scope: str | None
    qos_policy_id: str | None
    vlan_transparent: bool | None
    qinq: bool | None
    l2_adjacency: bool
    segments: list[dict[str, str | int | None]]


class AllocationPool(TypedDict):
    """A range of addresses that Neutron hands out.

    Attributes:
        start: the first address.
        end: the last address.
    """

    start: str
    end: str


class HostRoute(TypedDict):
    """A route: of a subnet's hosts (by DHCP), or of a router.

    Attributes:
        destination: a CIDR.
        nexthop: an address.
    """

    destination: str
    nexthop: str


_SubnetColons = TypedDict("_SubnetColons", {"router:external": bool}, total=False)


class Subnet(NeutronResource, _SubnetColons, total=False):
    """A subnet. Route: ``/v2.0/subnets``.

    Attributes:
        network_id: its network.
        cidr: in the canonical spelling.
        ip_version: 4 or 6.
        gateway_ip: None: it has none.
        enable_dhcp: whether DHCP hands out its addresses.
        dns_nameservers: addresses, in the order in which they are handed out.
        allocation_pools: the ranges that addresses are taken from.
        host_routes: the routes that hosts get by DHCP.
        ipv6_address_mode: ``slaac``, ``dhcpv6-stateful``, ``dhcpv6-stateless`` or None.
        ipv6_ra_mode: the same.
        subnetpool_id: the pool that its CIDR is from.
        service_types: the owners of ports that may be in it; empty: all.
        segment_id: the segment it is in.
        dns_publish_fixed_ip: whether the names of its ports are published.
        router:external: whether its network leads outside.
    """

    network_id: str
    cidr: str
    ip_version: int
    gateway_ip: str | None
    enable_dhcp: bool
    dns_nameservers: list[str]
    allocation_pools: list[AllocationPool]
    host_routes: list[HostRoute]
    ipv6_address_mode: str | None
    ipv6_ra_mode: str | None
    subnetpool_id: str | None
    service_types: list[str]
    segment_id: str | None
    dns_publish_fixed_ip: bool


class FixedIP(TypedDict, total=False):
    """One address of a port.

    Attributes:
        subnet_id: the subnet it is in.
        ip_address: the address.
    """

    subnet_id: str
    ip_address: str


class ExternalGateway(TypedDict, total=False):
    """A router's way to the outside.

    Attributes:
        network_id: the external network.
        enable_snat: whether traffic that has no floating IP leaves under the router's address.
        external_fixed_ips: the router's addresses there.
        qos_policy_id: id of a QoS policy.
    """

    network_id: Required[str]
    enable_snat: bool
    external_fixed_ips: list[FixedIP]
    qos_policy_id: str | None


class Router(NeutronResource, total=False):
    """A router. Route: ``/v2.0/routers``.

    Attributes:
        status: ACTIVE, ALLOCATING, BUILD or ERROR.
        admin_state_up: whether it forwards traffic.
        external_gateway_info: None: it has no gateway.
        routes: its static routes.
        distributed: for administrators.
        ha: whether it is replicated; for administrators.
        flavor_id: id of a flavor.
        availability_zone_hints: where it was asked to run.
        availability_zones: where it runs.
        enable_ndp_proxy: whether it answers for IPv6 addresses inside.
    """

    status: str
    admin_state_up: bool
    external_gateway_info: ExternalGateway | None
    routes: list[HostRoute]
    distributed: bool
    ha: bool
    flavor_id: str | None
    availability_zone_hints: list[str]
    availability_zones: list[str]
    enable_ndp_proxy: bool


class RouterInterface(TypedDict, total=False):
    """The answer to adding or removing an interface of a router.

    Attributes:
        id: the router.
        port_id: the interface's port.
        subnet_id: the subnet it is on, the first one where there are several.
        subnet_ids: all of them.
        network_id: their network.
        project_id: the project.
        tenant_id: the same under its old name.
        tags: the router's tags.
    """

    id: Required[str]
    port_id: str
    subnet_id: str
    subnet_ids: list[str]
    network_id: str
    project_id: str
    tenant_id: str
    tags: list[str]


class RuleMatch(TypedDict, total=False):
    """What a rule of a security group lets pass.

    Attributes:
        direction: ``ingress`` or ``egress``.
        ethertype: ``IPv4`` or ``IPv6``.
        protocol: a name or a number as text; None: any.
        port_range_min: the first port, or the ICMP type; None: any.
        port_range_max: the last port, or the ICMP code; None: any.
        remote_ip_prefix: a CIDR; None: any.
        remote_group_id: a security group; None: any.
        remote_address_group_id: an address group; None: any.
    """

    direction: str
    ethertype: str
    protocol: str | None
    port_range_min: int | None
    port_range_max: int | None
    remote_ip_prefix: str | None
    remote_group_id: str | None
    remote_address_group_id: str | None


class SecurityGroupRule(NeutronResource, RuleMatch, total=False):
    """A rule of a security group. Neutron changes nothing of one. Route: ``/v2.0/security-group-rules``.

    Attributes:
        security_group_id: the group it is in.
        normalized_cidr: ``remote_ip_prefix`` as it is applied.
        standard_attr_id: a number of Neutron's own.
        belongs_to_default_sg: whether it is in the project's default group.
    """

    security_group_id: str
    normalized_cidr: str | None
    standard_attr_id: int
    belongs_to_default_sg: bool | None


class SecurityGroup(NeutronResource, total=False):
    """A security group. Route: ``/v2.0/security-groups``.

    Attributes:
        stateful: whether answers pass without a rule.
        security_group_rules: its rules.
        shared: whether others may use it.
    """

    stateful: bool
    security_group_rules: list[SecurityGroupRule]
    shared: bool


class RbacPolicy(Resource, total=False):
    """What shares an object with another project. Route: ``/v2.0/rbac-policies``.

    Attributes:
        object_type: ``network``, ``qos_policy`` …
        object_id: the object that is shared.
        action: ``access_as_shared``, or of a network also ``access_as_external``.
        target_tenant: id of the project that may use it; ``*``: all.
    """

    object_type: str
    object_id: str
    action: str
    target_tenant: str


class PortForwarding(Resource, total=False):
    """A port of a floating IP that leads to a port inside.

    Route: ``/v2.0/floatingips/{floatingip_id}/port_forwardings``.

    Attributes:
        protocol: ``tcp``, ``udp`` or another one.
        external_port: the port outside; not there, or None, where it is a range.
        external_port_range: several of them, ``80:82``; not in the row of a floating IP.
        internal_ip_address: the address inside.
        internal_port: the port inside; as ``external_port``.
        internal_port_id: the Neutron port inside.
        internal_port_range: several ports inside.
    """

    protocol: str
    external_port: int | None
    external_port_range: str
    internal_ip_address: str
    internal_port: int | None
    internal_port_id: str
    internal_port_range: str


class FloatingIP(NeutronResource, total=False):
    """A floating IP. Route: ``/v2.0/floatingips``.

    Attributes:
        floating_ip_address: the address outside.
        floating_network_id: the external network it is from.
        fixed_ip_address: the address it leads to; None: it is not bound.
        port_id: the port it is bound to; None: it is not bound.
        router_id: the router on its way; None: it is not bound.
        status: ACTIVE (bound, and in place), DOWN or ERROR.
        qos_policy_id: id of a QoS policy.
        dns_name: a name.
        dns_domain: ends with a dot, or "".
        port_details: what the port is.
        port_forwardings: single ports that lead inside.
    """

    floating_ip_address: str
    floating_network_id: str
    fixed_ip_address: str | None
    port_id: str | None
    router_id: str | None
    status: str
    qos_policy_id: str | None
    dns_name: str
    dns_domain: str
    port_details: dict[str, str | bool] | None
    port_forwardings: list[PortForwarding]


class AddressPair(TypedDict, total=False):
    """Another address that a port may use.

    Attributes:
        ip_address: an address or a CIDR.
        mac_address: its MAC; by default the port's.
    """

    ip_address: Required[str]
    mac_address: str


_PortColons = TypedDict(
    "_PortColons",
    {
        "binding:vnic_type": str,
        "binding:host_id": str,
        "binding:profile": dict[str, object],
        "binding:vif_type": str,
        "binding:vif_details": dict[str, object],
    },
    total=False,
)


class Port(NeutronResource, _PortColons, total=False):
    """A port. Route: ``/v2.0/ports``.

    Attributes:
        network_id: its network.
        status: ACTIVE, BUILD, DOWN, ERROR or N/A.
        admin_state_up: whether it forwards traffic.
        fixed_ips: its addresses.
        mac_address: its MAC.
        security_groups: the ids of its security groups.
        allowed_address_pairs: what else it may use.
        device_id: what it belongs to: a server, a router, ``lb-`` and a load balancer; "" where nothing.
        device_owner: what sort of thing that is: ``network:router_interface``, ``Octavia``, ``compute:nova`` …
        extra_dhcp_opts: further options for DHCP.
        port_security_enabled: whether addresses are checked and security groups apply.
        dns_name: a name.
        dns_domain: a domain.
        dns_assignment: its names.
        qos_policy_id: id of a QoS policy.
        qos_network_policy_id: that of its network.
        propagate_uplink_status: whether it goes down with its uplink.
        ip_allocation: ``immediate``, ``deferred`` or ``none``.
        resource_request: what it asks of the scheduler.
        hints: for drivers.
        trusted: whether it is a trusted virtual function.
        binding:vnic_type: ``normal``, ``direct`` …
        binding:host_id: for administrators.
        binding:profile: for administrators.
        binding:vif_type: for administrators.
        binding:vif_details: for administrators.
    """

    network_id: str
    status: str
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
    dns_assignment: list[dict[str, str]]
    qos_policy_id: str | None
    qos_network_policy_id: str | None
    propagate_uplink_status: bool
    ip_allocation: str
    resource_request: dict[str, object] | None
    hints: dict[str, object] | None
    trusted: bool | None


# ── Octavia ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class L7Rule(OctaviaResource, total=False):
    """A rule of an L7 policy. Route: ``/v2/lbaas/l7policies/{l7policy_id}/rules``.

    Attributes:
        type: COOKIE, FILE_TYPE, HEADER, HOST_NAME, PATH, SSL_CONN_HAS_CERT, SSL_VERIFY_RESULT or SSL_DN_FIELD.
        compare_type: CONTAINS, ENDS_WITH, EQUAL_TO, REGEX or STARTS_WITH.
        key: the cookie's or header's name; None for other types.
        value: what is compared with.
        invert: whether it applies where it does not match.
    """

    type: str
    compare_type: str
    key: str | None
    value: str
    invert: bool


class L7Policy(OctaviaResource, total=False):
    """An L7 policy of a listener. Without a rule it never applies. Route: ``/v2/lbaas/l7policies``.

    Attributes:
        listener_id: its listener.
        action: REDIRECT_PREFIX, REDIRECT_TO_POOL, REDIRECT_TO_URL or REJECT.
        position: from 1 on: which of the listener's policies is tried first.
        redirect_pool_id: for REDIRECT_TO_POOL; else None.
        redirect_url: for REDIRECT_TO_URL; else None.
        redirect_prefix: for REDIRECT_PREFIX; else None.
        redirect_http_code: 301, 302, 303, 307 or 308; None where it does not redirect.
        rules: its rules: whole in the answer to a tree's create, else only their ids.
    """

    listener_id: str
    action: str
    position: int
    redirect_pool_id: str | None
    redirect_url: str | None
    redirect_prefix: str | None
    redirect_http_code: int | None
    rules: list[L7Rule]


class Member(OctaviaResource, total=False):
    """A member of a pool. Route: ``/v2/lbaas/pools/{pool_id}/members``.

    Attributes:
        address: where it listens, as it was given.
        protocol_port: where it listens.
        weight: 0 to 256; 0 takes no new connections.
        backup: whether it serves only when no other member does.
        subnet_id: the subnet it is reached by; None: the VIP's.
        monitor_address: where it is checked; None: at ``address``.
        monitor_port: where it is checked; None: at ``protocol_port``.
        vnic_type: ``normal`` or ``direct``.
    """

    address: str
    protocol_port: int
    weight: int
    backup: bool
    subnet_id: str | None
    monitor_address: str | None
    monitor_port: int | None
    vnic_type: str


class HealthMonitor(OctaviaResource, total=False):
    """A health monitor of a pool. Route: ``/v2/lbaas/healthmonitors``.

    Attributes:
        type: HTTP, HTTPS, PING, SCTP, TCP, TLS-HELLO or UDP-CONNECT.
        delay: seconds between two checks.
        timeout: seconds until a check has failed; less than ``delay``.
        max_retries: 1 to 10: checks that must succeed until a member is ONLINE.
        max_retries_down: 1 to 10: checks that must fail until a member is in ERROR.
        http_method: of HTTP and HTTPS; else None.
        url_path: of HTTP and HTTPS; else None.
        expected_codes: ``200``, ``200,202`` or ``200-204``; of HTTP and HTTPS; else None.
        http_version: 1.0 or 1.1; None: not set.
        domain_name: the Host header; None: not set.
        pools: its pool: a list of one.
    """

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
    pools: list[Reference]


class SessionPersistence(TypedDict, total=False):
    """How a client is kept on one member.

    Attributes:
        type: APP_COOKIE, HTTP_COOKIE or SOURCE_IP.
        cookie_name: for APP_COOKIE; else None.
        persistence_timeout: seconds; for UDP pools with SOURCE_IP; else None.
        persistence_granularity: a netmask; for UDP pools with SOURCE_IP; else None.
    """

    type: Required[str]
    cookie_name: str | None
    persistence_timeout: int | None
    persistence_granularity: str | None


class Pool(OctaviaResource, total=False):
    """A pool. Route: ``/v2/lbaas/pools``.

    Attributes:
        protocol: HTTP, HTTPS, PROXY, PROXYV2, SCTP, TCP or UDP.
        lb_algorithm: LEAST_CONNECTIONS, ROUND_ROBIN, SOURCE_IP or SOURCE_IP_PORT.
        session_persistence: None: a client may go to any member.
        loadbalancers: its load balancer: a list of one, empty while it is being deleted.
        listeners: the listeners that send to it.
        members: whole in the answer to a tree's create, else only their ids.
        healthmonitor_id: left out where there is none.
        healthmonitor: only in the answer to a tree's create.
        tls_enabled: whether it speaks TLS to its members.
        tls_container_ref: a Barbican container.
        ca_tls_container_ref: a Barbican secret.
        crl_container_ref: a Barbican secret.
        tls_ciphers: in OpenSSL's form.
        tls_versions: ``TLSv1.2`` …; None: no TLS.
        alpn_protocols: ``h2``, ``http/1.1`` …; None: no TLS.
    """

    protocol: str
    lb_algorithm: str
    session_persistence: SessionPersistence | None
    loadbalancers: list[Reference]
    listeners: list[Reference]
    members: list[Member]
    healthmonitor_id: str | None
    healthmonitor: HealthMonitor | None
    tls_enabled: bool
    tls_container_ref: str | None
    ca_tls_container_ref: str | None
    crl_container_ref: str | None
    tls_ciphers: str | None
    tls_versions: list[str] | None
    alpn_protocols: list[str] | None


class Listener(OctaviaResource, total=False):
    """A listener. Route: ``/v2/lbaas/listeners``.

    Attributes:
        protocol: HTTP, HTTPS, PROMETHEUS, SCTP, TCP, TERMINATED_HTTPS or UDP.
        protocol_port: 1 to 65535.
        loadbalancers: its load balancer: a list of one, empty while it is being deleted.
        default_pool_id: None: it answers nothing.
        connection_limit: connections at a time; -1 is no limit.
        insert_headers: header names, each with ``"true"`` or ``"false"``.
        allowed_cidrs: who may connect; None or empty: everybody.
        timeout_client_data: milliseconds.
        timeout_member_connect: milliseconds.
        timeout_member_data: milliseconds.
        timeout_tcp_inspect: milliseconds.
        default_tls_container_ref: a Barbican container; None: no TLS.
        sni_container_refs: Barbican containers.
        client_ca_tls_container_ref: a Barbican secret.
        client_authentication: NONE, OPTIONAL or MANDATORY.
        client_crl_container_ref: a Barbican secret.
        tls_ciphers: in OpenSSL's form.
        tls_versions: ``TLSv1.2`` …; None: no TLS.
        alpn_protocols: ``h2``, ``http/1.1`` …; None: no TLS.
        hsts_max_age: seconds; None: off.
        hsts_include_subdomains: whether HSTS counts for subdomains.
        hsts_preload: whether HSTS may be preloaded.
        l7policies: whole in the answer to a tree's create, else only their ids.
    """

    protocol: str
    protocol_port: int
    loadbalancers: list[Reference]
    default_pool_id: str | None
    connection_limit: int
    insert_headers: dict[str, str]
    allowed_cidrs: list[str] | None
    timeout_client_data: int
    timeout_member_connect: int
    timeout_member_data: int
    timeout_tcp_inspect: int
    default_tls_container_ref: str | None
    sni_container_refs: list[str]
    client_ca_tls_container_ref: str | None
    client_authentication: str
    client_crl_container_ref: str | None
    tls_ciphers: str | None
    tls_versions: list[str] | None
    alpn_protocols: list[str] | None
    hsts_max_age: int | None
    hsts_include_subdomains: bool
    hsts_preload: bool
    l7policies: list[L7Policy]


class AdditionalVip(TypedDict, total=False):
    """A further address of a load balancer.

    Attributes:
        subnet_id: the subnet it is in.
        ip_address: the address.
    """

    subnet_id: str
    ip_address: str


class LoadBalancer(OctaviaResource, total=False):
    """A load balancer. Route: ``/v2/lbaas/loadbalancers``.

    Attributes:
        vip_address: its address.
        vip_port_id: the Neutron port that has the address.
        vip_subnet_id: the subnet of the address.
        vip_network_id: the network of the address.
        vip_qos_policy_id: id of a QoS policy.
        vip_sg_ids: the security groups of the VIP's port.
        vip_vnic_type: ``normal`` or ``direct``.
        additional_vips: further addresses.
        provider: the driver: ``amphora``, ``octavia``, ``ovn`` …
        flavor_id: id of a flavor.
        availability_zone: where it runs.
        listeners: whole in the answer to a tree's create, else only their ids.
        pools: whole in the answer to a tree's create, else only their ids.
    """

    vip_address: str
    vip_port_id: str
    vip_subnet_id: str | None
    vip_network_id: str
    vip_qos_policy_id: str | None
    vip_sg_ids: list[str]
    vip_vnic_type: str
    additional_vips: list[AdditionalVip]
    provider: str
    flavor_id: str | None
    availability_zone: str | None
    listeners: list[Listener]
    pools: list[Pool]


# ── status trees ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Status(TypedDict, total=False):
    """The states of one object in a status tree.

    Attributes:
        id: which.
        name: its name.
        provisioning_status: as in ``OctaviaResource``.
        operating_status: as in ``OctaviaResource``.
    """

    id: Required[str]
    name: str
    provisioning_status: str
    operating_status: str


class MemberStatus(Status, total=False):
    """The states of a member.

    Attributes:
        address: where it listens.
        protocol_port: where it listens.
    """

    address: str
    protocol_port: int


class HealthMonitorStatus(Status, total=False):
    """The states of a health monitor.

    Attributes:
        type: as in ``HealthMonitor``.
    """

    type: str


class PoolStatus(Status, total=False):
    """The states of a pool and what is under it.

    Attributes:
        members: those of its members.
        health_monitor: those of its monitor; left out where there is none.
    """

    members: list[MemberStatus]
    health_monitor: HealthMonitorStatus


class L7PolicyStatus(Status, total=False):
    """The states of an L7 policy.

    Attributes:
        action: as in ``L7Policy``.
        rules: those of its rules.
    """

    action: str
    rules: list[Status]


class ListenerStatus(Status, total=False):
    """The states of a listener and what is under it.

    Attributes:
        pools: those of the pools that it sends to.
        l7policies: those of its L7 policies.
    """

    pools: list[PoolStatus]
    l7policies: list[L7PolicyStatus]


class LoadBalancerStatus(Status, total=False):
    """The states of a load balancer and what is under it.

    Attributes:
        listeners: those of its listeners; pools that no listener uses are not shown.
        pools: some drivers show them here.
    """

    listeners: list[ListenerStatus]
    pools: list[PoolStatus]


class StatusTree(TypedDict):
    """The states of all that is in a load balancer. Route: ``/v2/lbaas/loadbalancers/{id}/status``.

    Attributes:
        loadbalancer: the load balancer, with what is under it.
    """

    loadbalancer: LoadBalancerStatus


class Statistics(TypedDict):
    """What a listener, or all listeners of a load balancer, have counted.

    Routes: ``/v2/lbaas/listeners/{id}/stats`` and ``/v2/lbaas/loadbalancers/{id}/stats``. All but
    ``active_connections`` count up from when the listener was made. They may go back: with a listener that is made
    again, and where the provider forgets what an amphora that is gone has counted. Until something has been counted,
    and where a provider counts nothing, they are 0.

    Attributes:
        active_connections: connections that are open.
        total_connections: connections that were taken.
        bytes_in: bytes from clients.
        bytes_out: bytes to clients.
        request_errors: requests that could not be read; not answers with an error.
    """

    active_connections: int
    total_connections: int
    bytes_in: int
    bytes_out: int
    request_errors: int


# ── quotas ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class QuotaDetail(TypedDict):
    """What Neutron allows of one type.

    Attributes:
        limit: how many; -1 is no limit.
        used: how many there are.
        reserved: how many are being made.
    """

    limit: int
    used: int
    reserved: int


class OctaviaQuota(TypedDict, total=False):
    """What Octavia allows, each type under two names; -1 is no limit, None is Octavia's default.

    Attributes:
        loadbalancer: how many load balancers.
        load_balancer: the same.
        listener: how many listeners.
        pool: how many pools.
        member: how many members.
        healthmonitor: how many health monitors.
        health_monitor: the same.
        l7policy: how many L7 policies.
        l7rule: how many L7 rules.
        project_id: the project.
        tenant_id: the same under its old name.
    """

    loadbalancer: int | None
    load_balancer: int | None
    listener: int | None
    pool: int | None
    member: int | None
    healthmonitor: int | None
    health_monitor: int | None
    l7policy: int | None
    l7rule: int | None
    project_id: str
    tenant_id: str


class DesignateResource(Resource, total=False):
    """What Designate's objects have in common.

    Attributes:
        ttl: seconds for which resolvers may keep it.
        status: ACTIVE, PENDING (not all name servers have it), ERROR, or INACTIVE.
        action: what is under way: CREATE, UPDATE, DELETE or NONE.
    """

    ttl: int | None
    status: str
    action: str


class ReverseName(DesignateResource, total=False):
    """The name that a floating IP leads back to (PTR). Route: ``/v2/reverse/floatingips``.

    Its id is the region and the id of the floating IP, with a colon between. Where no ``ttl`` was set, it is that of
    the zone.

    Attributes:
        address: the floating IP's address.
        ptrdname: the name, with a dot at its end; None: it has none.
    """

    address: str
    ptrdname: str | None


class Zone(DesignateResource, total=False):
    """A zone. Route: ``/v2/zones``.

    Attributes:
        email: of who is responsible for it.
        type: PRIMARY or SECONDARY.
        serial: rises with each change.
        masters: of a SECONDARY, where it is from.
        pool_id: the pool of its name servers.
    """

    email: str
    type: str
    serial: int
    masters: list[str]
    pool_id: str


class RecordSet(DesignateResource, total=False):
    """The records of one name and type. Route: ``/v2/zones/{zone_id}/recordsets``.

    Attributes:
        type: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, …
        records: what each says.
        zone_id: its zone.
        zone_name: the name of its zone.
    """

    type: str
    records: list[str]
    zone_id: str
    zone_name: str


class Secret(Resource, total=False):
    """A secret of Barbican, without what it holds. Route: ``/v1/secrets``.

    Barbican shows no id: it is the last part of the address.

    Attributes:
        secret_ref: its address, by which other services are told of it.
        status: ACTIVE, PENDING or ERROR.
        secret_type: opaque, certificate, private, public, passphrase or symmetric.
        created: when it was made.
        expiration: when it goes by itself; None: never.
        creator_id: the user who made it.
        content_types: what it holds, by ``default``.
    """

    secret_ref: str
    status: str
    secret_type: str
    created: str
    expiration: str | None
    creator_id: str | None
    content_types: dict[str, str] | None


ProjectQuotas = TypedDict("ProjectQuotas", {"network": dict[str, QuotaDetail], "load-balancer": OctaviaQuota})
"""The limits of a project, by service and by the service's own name for the type.

``network`` has limit, use and reservations; ``load-balancer`` only limits.
"""
