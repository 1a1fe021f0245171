"""What each collection of Neutron and Octavia takes: its paths, the attributes of its bodies, its filters.

The services and the SDK drop many a misspelt name without a word: so the names are closed here, and an unknown one is
refused before anything is sent. They are those of the REST APIs (Neutron v2.0, Octavia v2), as of neutron 29 and
octavia 19.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Service = Literal["network", "load-balancer"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection.

    Attributes:
        service: the service's type in the catalogue.
        path: the collection's path; ``{pool_id}`` for what lies under a pool.
        one: the key of one object in a body.
        many: the key of a list of them.
        attributes: what a body may set.
        filters: what a list may be asked for.
    """

    service: Service
    path: str
    one: str
    many: str
    attributes: frozenset[str]
    filters: frozenset[str]

    @property
    def item(self) -> str:
        """The path of one object."""
        return f"{self.path}/{{id}}"


_TAGS = "tags tags-any not-tags not-tags-any"


def _neutron(one: str, many: str, attributes: str, filters: str) -> Kind:
    path = f"/v2.0/{many.replace('_', '-') if many != 'floatingips' else many}"
    common = "id name description project_id tenant_id revision_number"
    return Kind(
        "network",
        path,
        one,
        many,
        frozenset(f"description project_id {attributes}".split()),
        frozenset(f"{common} {_TAGS} {attributes} {filters}".split()),
    )


def _octavia(one: str, many: str, attributes: str, filters: str, path: str = "") -> Kind:
    common = "id name description project_id admin_state_up provisioning_status operating_status created_at updated_at"
    return Kind(
        "load-balancer",
        f"/v2/lbaas/{path or many}",
        one,
        many,
        frozenset(f"name admin_state_up tags {attributes}".split()),
        frozenset(f"{common} {_TAGS} {filters}".split()),
    )


NETWORKS = _neutron(
    "network",
    "networks",
    "name admin_state_up shared mtu port_security_enabled dns_domain router:external qos_policy_id "
    "availability_zone_hints vlan_transparent is_default "
    "provider:network_type provider:physical_network provider:segmentation_id",
    "status",
)
SUBNETS = _neutron(
    "subnet",
    "subnets",
    "name network_id cidr ip_version gateway_ip enable_dhcp dns_nameservers allocation_pools host_routes "
    "ipv6_address_mode ipv6_ra_mode subnetpool_id prefixlen use_default_subnetpool service_types segment_id "
    "dns_publish_fixed_ip",
    "",
)
ROUTERS = _neutron(
    "router",
    "routers",
    "name admin_state_up external_gateway_info routes distributed ha flavor_id availability_zone_hints "
    "enable_ndp_proxy",
    "status",
)
SECURITY_GROUPS = _neutron("security_group", "security_groups", "name stateful", "shared")
SECURITY_GROUP_RULES = _neutron(
    "security_group_rule",
    "security_group_rules",
    "security_group_id direction ethertype protocol port_range_min port_range_max remote_ip_prefix remote_group_id "
    "remote_address_group_id",
    "",
)
FLOATING_IPS = _neutron(
    "floatingip",
    "floatingips",
    "floating_network_id floating_ip_address subnet_id port_id fixed_ip_address qos_policy_id dns_name dns_domain",
    "router_id status",
)
PORTS = _neutron(
    "port",
    "ports",
    "name network_id admin_state_up fixed_ips mac_address security_groups allowed_address_pairs device_id device_owner "
    "extra_dhcp_opts port_security_enabled dns_name dns_domain qos_policy_id tags propagate_uplink_status "
    "binding:vnic_type binding:host_id binding:profile",
    "status ip_allocation",
)
LOAD_BALANCERS = _octavia(
    "loadbalancer",
    "loadbalancers",
    "description project_id vip_address vip_network_id vip_port_id vip_subnet_id vip_qos_policy_id vip_sg_ids "
    "additional_vips provider flavor_id availability_zone listeners pools",
    "vip_address vip_network_id vip_port_id vip_subnet_id vip_qos_policy_id provider flavor_id availability_zone",
)
LISTENERS = _octavia(
    "listener",
    "listeners",
    "description loadbalancer_id protocol protocol_port default_pool_id default_pool connection_limit insert_headers "
    "allowed_cidrs default_tls_container_ref sni_container_refs client_ca_tls_container_ref client_authentication "
    "client_crl_container_ref timeout_client_data timeout_member_connect timeout_member_data timeout_tcp_inspect "
    "tls_ciphers tls_versions alpn_protocols hsts_max_age hsts_include_subdomains hsts_preload l7policies",
    "load_balancer_id protocol protocol_port default_pool_id connection_limit default_tls_container_ref "
    "client_ca_tls_container_ref client_authentication client_crl_container_ref timeout_client_data "
    "timeout_member_connect timeout_member_data timeout_tcp_inspect tls_ciphers",
)
POOLS = _octavia(
    "pool",
    "pools",
    "description loadbalancer_id listener_id protocol lb_algorithm session_persistence members healthmonitor "
    "tls_enabled tls_container_ref ca_tls_container_ref crl_container_ref tls_ciphers tls_versions alpn_protocols",
    "loadbalancer_id protocol lb_algorithm tls_enabled tls_container_ref ca_tls_container_ref crl_container_ref "
    "tls_ciphers",
)
MEMBERS = _octavia(
    "member",
    "members",
    "address protocol_port weight backup subnet_id monitor_address monitor_port vnic_type",
    "address protocol_port weight backup subnet_id monitor_address monitor_port",
    path="pools/{pool_id}/members",
)
HEALTH_MONITORS = _octavia(
    "healthmonitor",
    "healthmonitors",
    "pool_id type delay timeout max_retries max_retries_down http_method url_path expected_codes http_version "
    "domain_name",
    "pool_id type delay timeout max_retries max_retries_down http_method url_path expected_codes http_version "
    "domain_name",
)
L7_POLICIES = _octavia(
    "l7policy",
    "l7policies",
    "description listener_id action position redirect_pool_id redirect_url redirect_prefix redirect_http_code rules",
    "listener_id action position redirect_pool_id redirect_url redirect_prefix redirect_http_code",
)
L7_RULES = _octavia(
    "rule",
    "rules",
    "type compare_type key value invert",
    "type compare_type key value invert",
    path="l7policies/{l7policy_id}/rules",
)
