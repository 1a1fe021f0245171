"""What each collection of Neutron, Octavia, Designate and Barbican takes: its paths, its bodies, its filters.

The services and the SDK drop many a misspelt name without a word: so the names are closed here, and an unknown one is
refused before anything is sent. They are those of the REST APIs (Neutron v2.0, Octavia v2, Designate v2, Barbican v1),
as of neutron 29, octavia 19, designate 23 and barbican 23. The attributes of a body are the keys of its TypedDict in
``bodies``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

from infomaniak_operator.client import bodies, resources
from infomaniak_operator.client.resources import Resource

Service = Literal["network", "load-balancer", "dns", "key-manager"]
RowT = TypeVar("RowT", bound=Resource)
"""How the service shows an object of the type."""
BodyT = TypeVar("BodyT", bound=Mapping[str, Any])
"""What a create or an update of the type sends."""


@dataclass(frozen=True, slots=True)
class ResourceKind(Generic[RowT, BodyT]):
    """One collection.

    Attributes:
        service: the service's type in the catalogue.
        path: the collection's path; ``{pool_id}`` for what lies under a pool.
        one: the key of one object in a body; Designate's bodies are the object itself.
        many: the key of a list of them.
        row: the TypedDict of an object as the service shows it.
        body: the TypedDict of what a create or an update may set.
        attributes: its keys.
        filters: what a list may be asked for.
    """

    service: Service
    path: str
    one: str
    many: str
    row: type[RowT]
    body: type[BodyT]
    attributes: frozenset[str]
    filters: frozenset[str]

    @property
    def wrapped(self) -> bool:
        """Whether one object is in a body under its key."""
        return self.service != "dns"

    @property
    def update_method(self) -> Literal["PUT", "PATCH"]:
        """The method of HTTP that changes one."""
        return "PATCH" if self.service == "dns" else "PUT"

    def links(self, page: Mapping[str, Any]) -> Any:
        """The links to further pages, as the service has put them: a list of ``rel`` and ``href``."""
        if self.service != "dns":
            return page.get(f"{self.many}_links")
        links = page.get("links")  # Designate's are an object
        return [{"rel": rel, "href": href} for rel, href in links.items()] if isinstance(links, Mapping) else links

    @property
    def item(self) -> str:
        """The path of one object."""
        return f"{self.path}/{{id}}"

    def checked(self, attributes: Mapping[str, Any]) -> BodyT:
        """A body, put together from anything: refused where the service would refuse it, or drop a name.

        Raises:
            ValueError: it names an attribute that there is not, and those there are.
        """
        unknown = sorted(set(attributes) - self.attributes)
        if unknown:
            names = ", ".join(sorted(self.attributes))
            raise ValueError(f"a {self.one} has no attribute {unknown[0]!r}; there are: {names}")
        return cast("BodyT", attributes)


_TAGS = "tags tags-any not-tags not-tags-any"


def keys_of(typed: type[Mapping[str, Any]]) -> frozenset[str]:
    """The keys of a TypedDict, those that it inherits included."""
    keys: frozenset[str] = typed.__required_keys__ | typed.__optional_keys__  # type: ignore[attr-defined]
    return keys


def _neutron(one: str, many: str, row: type[RowT], body: type[BodyT], filters: str) -> ResourceKind[RowT, BodyT]:
    path = f"/v2.0/{many.replace('_', '-') if many != 'floatingips' else many}"
    common = "id name description project_id tenant_id revision_number"
    attributes = keys_of(body)
    found = attributes | frozenset(f"{common} {_TAGS} {filters}".split())
    return ResourceKind("network", path, one, many, row, body, attributes, found)


def _octavia(  # noqa: PLR0917 - as for Neutron
    one: str, many: str, row: type[RowT], body: type[BodyT], filters: str, path: str = ""
) -> ResourceKind[RowT, BodyT]:
    common = "id name description project_id admin_state_up provisioning_status operating_status created_at updated_at"
    found = frozenset(f"{common} {_TAGS} {filters}".split())
    return ResourceKind("load-balancer", f"/v2/lbaas/{path or many}", one, many, row, body, keys_of(body), found)


def _designate(  # noqa: PLR0917 - as for Neutron
    one: str, many: str, row: type[RowT], body: type[BodyT], filters: str, path: str = ""
) -> ResourceKind[RowT, BodyT]:
    found = frozenset(filters.split())
    return ResourceKind("dns", f"/v2/{path or many}", one, many, row, body, keys_of(body), found)


NETWORKS = _neutron("network", "networks", resources.Network, bodies.NetworkBody, "status")
SUBNETS = _neutron("subnet", "subnets", resources.Subnet, bodies.SubnetBody, "")
ROUTERS = _neutron("router", "routers", resources.Router, bodies.RouterBody, "status")
SECURITY_GROUPS = _neutron(
    "security_group", "security_groups", resources.SecurityGroup, bodies.SecurityGroupBody, "shared"
)
SECURITY_GROUP_RULES = _neutron(
    "security_group_rule",
    "security_group_rules",
    resources.SecurityGroupRule,
    bodies.SecurityGroupRuleBody,
    "",
)
FLOATING_IPS = _neutron("floatingip", "floatingips", resources.FloatingIP, bodies.FloatingIPBody, "router_id status")
RBAC_POLICIES = ResourceKind(
    "network",
    "/v2.0/rbac-policies",
    "rbac_policy",
    "rbac_policies",
    resources.RbacPolicy,
    bodies.RbacPolicyBody,
    keys_of(bodies.RbacPolicyBody),
    frozenset({"object_type", "object_id", "action"}),
)
PORT_FORWARDINGS = ResourceKind(
    "network",
    "/v2.0/floatingips/{floatingip_id}/port_forwardings",
    "port_forwarding",
    "port_forwardings",
    resources.PortForwarding,
    bodies.PortForwardingBody,
    keys_of(bodies.PortForwardingBody),
    frozenset({"id", "protocol", "external_port", "internal_port_id"}),
)
PORTS = _neutron("port", "ports", resources.Port, bodies.PortBody, "status ip_allocation")
LOAD_BALANCERS = _octavia(
    "loadbalancer",
    "loadbalancers",
    resources.LoadBalancer,
    bodies.LoadBalancerBody,
    "vip_address vip_network_id vip_port_id vip_subnet_id vip_qos_policy_id provider flavor_id availability_zone",
)
LISTENERS = _octavia(
    "listener",
    "listeners",
    resources.Listener,
    bodies.ListenerBody,
    "load_balancer_id protocol protocol_port default_pool_id connection_limit default_tls_container_ref "
    "client_ca_tls_container_ref client_authentication client_crl_container_ref timeout_client_data "
    "timeout_member_connect timeout_member_data timeout_tcp_inspect tls_ciphers",
)
POOLS = _octavia(
    "pool",
    "pools",
    resources.Pool,
    bodies.PoolBody,
    "loadbalancer_id protocol lb_algorithm tls_enabled tls_container_ref ca_tls_container_ref crl_container_ref "
    "tls_ciphers",
)
MEMBERS = _octavia(
    "member",
    "members",
    resources.Member,
    bodies.MemberBody,
    "address protocol_port weight backup subnet_id monitor_address monitor_port",
    path="pools/{pool_id}/members",
)
HEALTH_MONITORS = _octavia(
    "healthmonitor",
    "healthmonitors",
    resources.HealthMonitor,
    bodies.HealthMonitorBody,
    "pool_id type delay timeout max_retries max_retries_down http_method url_path expected_codes http_version "
    "domain_name",
)
L7_POLICIES = _octavia(
    "l7policy",
    "l7policies",
    resources.L7Policy,
    bodies.L7PolicyBody,
    "listener_id action position redirect_pool_id redirect_url redirect_prefix redirect_http_code",
)
L7_RULES = _octavia(
    "rule",
    "rules",
    resources.L7Rule,
    bodies.L7RuleBody,
    "type compare_type key value invert",
    path="l7policies/{l7policy_id}/rules",
)
REVERSE_NAMES = _designate(
    "reverse_name",
    "floatingips",
    resources.ReverseName,
    bodies.ReverseNameBody,
    "",
    path="reverse/floatingips",
)
ZONES = _designate("zone", "zones", resources.Zone, bodies.ZoneBody, "name type email status description ttl")
RECORD_SETS = _designate(
    "recordset",
    "recordsets",
    resources.RecordSet,
    bodies.RecordSetBody,
    "name type ttl data status description",
    path="zones/{zone_id}/recordsets",
)
SECRETS = ResourceKind(
    "key-manager",
    "/v1/secrets",
    "secret",
    "secrets",
    resources.Secret,
    bodies.SecretBody,
    keys_of(bodies.SecretBody),
    frozenset(),
)
