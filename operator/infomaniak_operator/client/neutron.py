"""The facade's networks, subnets, routers, security groups, floating IPs and ports."""

from __future__ import annotations

from itertools import islice
from typing import Any

from infomaniak_operator.client import views
from infomaniak_operator.client.addresses import Address, canonical, the_one
from infomaniak_operator.client.base import InfomaniakOpenStackBase, ident, sent
from infomaniak_operator.client.errors import ConflictError, NotFoundError
from infomaniak_operator.client.session import is_id
from infomaniak_operator.client.views import shown

Row = dict[str, Any]


class NeutronMethods(InfomaniakOpenStackBase):
    """Neutron, with openstacksdk's attribute names in what is sent."""

    # ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def list_networks(self) -> list[Row]:
        """Networks, external ones too: id, name, status, is_shared, is_external, subnets (their ids)."""
        return self._rows("list_networks", lambda conn: conn.network.networks(), views.NETWORK)

    def get_network(self, network_id: str) -> Row | None:
        """One network, with the keys of ``list_networks``."""
        return self._row("get_network", lambda conn: conn.network.get_network(ident(network_id)), views.NETWORK)

    def create_network(
        self, name: str, description: str | None = None, is_shared: bool = False, **kw: Any
    ) -> Row | None:
        """Make a network: id, name."""
        arguments = sent(name=name, description=description, is_shared=is_shared, **kw)
        return self._row("create_network", lambda conn: conn.network.create_network(**arguments), views.NEW_NETWORK)

    def update_network(self, network_id: str, **changes: Any) -> Row | None:
        """Change a network, with the keys of ``list_networks``."""
        return self._row(
            "update_network", lambda conn: conn.network.update_network(ident(network_id), **changes), views.NETWORK
        )

    def delete_network(self, network_id: str) -> bool:
        """Delete a network and its subnets."""
        return self._done("delete_network", lambda conn: conn.network.delete_network(ident(network_id)))

    # ── subnets ──────────────────────────────────────────────────────────────────────────────────────────────────

    def create_subnet(  # noqa: PLR0917 - the contract's own list
        self,
        network_id: str,
        name: str,
        cidr: str,
        ip_version: int = 4,
        gateway_ip: str | None = None,
        enable_dhcp: bool = True,
        dns_nameservers: list[str] | None = None,
        **kw: Any,
    ) -> Row | None:
        """Make a subnet: id, name, cidr. Without ``gateway_ip`` it is the first address."""

        def create(conn: Any) -> Any:
            arguments = sent(
                network_id=network_id,
                name=name,
                cidr=cidr,
                ip_version=ip_version,
                gateway_ip=gateway_ip,
                is_dhcp_enabled=enable_dhcp,
                dns_nameservers=dns_nameservers,
                **kw,
            )
            return conn.network.create_subnet(**arguments)

        return self._row("create_subnet", create, views.NEW_SUBNET)

    def list_subnets(self, network_id: str | None = None) -> list[Row]:
        """Subnets: id, name, network_id, cidr, ip_version, gateway_ip, is_dhcp_enabled."""
        filters = sent(network_id=network_id)
        return self._rows("list_subnets", lambda conn: conn.network.subnets(**filters), views.SUBNET)

    def get_subnet(self, subnet_id: str) -> Row | None:
        """One subnet, with the keys of ``list_subnets``."""
        return self._row("get_subnet", lambda conn: conn.network.get_subnet(ident(subnet_id)), views.SUBNET)

    def update_subnet(self, subnet_id: str, **changes: Any) -> Row | None:
        """Change a subnet, with the keys of ``list_subnets``."""
        return self._row(
            "update_subnet", lambda conn: conn.network.update_subnet(ident(subnet_id), **changes), views.SUBNET
        )

    def delete_subnet(self, subnet_id: str) -> bool:
        """Delete a subnet."""
        return self._done("delete_subnet", lambda conn: conn.network.delete_subnet(ident(subnet_id)))

    # ── routers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def list_routers(self) -> list[Row]:
        """Routers: id, name, status, external_gateway (None where it has none)."""
        return self._rows("list_routers", lambda conn: conn.network.routers(), views.ROUTER)

    def get_router(self, router_id: str) -> Row | None:
        """One router, with the keys of ``list_routers``."""
        return self._row("get_router", lambda conn: conn.network.get_router(ident(router_id)), views.ROUTER)

    def create_router(self, name: str, external_network: str | None = None, **kw: Any) -> Row | None:
        """Make a router: id, name. ``external_network`` is the name of the network its gateway is on."""

        def create(conn: Any) -> Any:
            gateway = {"network_id": _network_id(conn, external_network)} if external_network else None
            return conn.network.create_router(**sent(**{"name": name, "external_gateway_info": gateway, **kw}))

        return self._row("create_router", create, views.NEW_ROUTER)

    def update_router(self, router_id: str, **changes: Any) -> Row | None:
        """Change a router, with the keys of ``list_routers``."""
        return self._row(
            "update_router", lambda conn: conn.network.update_router(ident(router_id), **changes), views.ROUTER
        )

    def delete_router(self, router_id: str) -> bool:
        """Delete a router."""
        return self._done("delete_router", lambda conn: conn.network.delete_router(ident(router_id)))

    def add_router_interface(self, router_id: str, subnet_id: str) -> bool:
        """Give the router an interface on a subnet."""
        return self._done(
            "add_router_interface",
            lambda conn: conn.network.add_interface_to_router(ident(router_id), subnet_id=subnet_id),
        )

    def remove_router_interface(self, router_id: str, subnet_id: str) -> bool:
        """Take the router's interface on a subnet away."""
        return self._done(
            "remove_router_interface",
            lambda conn: conn.network.remove_interface_from_router(ident(router_id), subnet_id=subnet_id),
        )

    # ── security groups ──────────────────────────────────────────────────────────────────────────────────────────

    def list_security_groups(self) -> list[Row]:
        """Security groups: id, name, description, rules_count."""
        return self._rows("list_security_groups", lambda conn: conn.network.security_groups(), views.SECURITY_GROUP)

    def get_security_group(self, security_group_id: str) -> Row | None:
        """One security group, with the keys of ``list_security_groups``."""
        return self._row(
            "get_security_group",
            lambda conn: conn.network.get_security_group(ident(security_group_id)),
            views.SECURITY_GROUP,
        )

    def create_security_group(self, name: str, description: str = "") -> Row | None:
        """Make a security group, with the rules a new one has: id, name."""
        return self._row(
            "create_security_group",
            lambda conn: conn.network.create_security_group(name=name, description=description),
            views.NEW_SECURITY_GROUP,
        )

    def update_security_group(self, security_group_id: str, **changes: Any) -> Row | None:
        """Change a security group, with the keys of ``list_security_groups``."""
        return self._row(
            "update_security_group",
            lambda conn: conn.network.update_security_group(ident(security_group_id), **changes),
            views.SECURITY_GROUP,
        )

    def delete_security_group(self, security_group_id: str) -> bool:
        """Delete a security group."""
        return self._done(
            "delete_security_group", lambda conn: conn.network.delete_security_group(ident(security_group_id))
        )

    def list_security_group_rules(self, security_group_id: str | None = None) -> list[Row]:
        """Rules: id, security_group_id, direction, ethertype, protocol, ports, remote prefix and group."""
        filters = sent(security_group_id=security_group_id)
        return self._rows(
            "list_security_group_rules",
            lambda conn: conn.network.security_group_rules(**filters),
            views.SECURITY_GROUP_RULE,
        )

    def add_security_group_rule(  # noqa: PLR0917 - the contract's own list
        self,
        security_group_id: str,
        direction: str = "ingress",
        protocol: str | None = None,
        port_range_min: int | None = None,
        port_range_max: int | None = None,
        remote_ip_prefix: str | None = None,
        ethertype: str = "IPv4",
        **kw: Any,
    ) -> Row | None:
        """Add a rule: id, and direction and protocol as given."""

        def create(conn: Any) -> Any:
            arguments = sent(
                security_group_id=security_group_id,
                direction=direction,
                protocol=protocol,
                port_range_min=port_range_min,
                port_range_max=port_range_max,
                remote_ip_prefix=remote_ip_prefix,
                ether_type=ethertype,
                **kw,
            )
            return conn.network.create_security_group_rule(**arguments)

        return self._row(
            "add_security_group_rule", create, views.echoing(views.NEW_RULE, direction=direction, protocol=protocol)
        )

    def remove_security_group_rule(self, rule_id: str) -> bool:
        """Delete a rule."""
        return self._done(
            "remove_security_group_rule", lambda conn: conn.network.delete_security_group_rule(ident(rule_id))
        )

    # ── floating IPs ─────────────────────────────────────────────────────────────────────────────────────────────

    def list_floating_ips(self) -> list[Row]:
        """Floating IPs: id, floating_ip_address, fixed_ip_address, status, port_id."""
        return self._rows("list_floating_ips", lambda conn: conn.network.ips(), views.FLOATING_IP)

    def get_floating_ip(self, floating_ip_id: str) -> Row | None:
        """One floating IP, with the keys of ``list_floating_ips``."""
        return self._row("get_floating_ip", lambda conn: conn.network.get_ip(ident(floating_ip_id)), views.FLOATING_IP)

    def find_floating_ip(self, address: Address) -> Row | None:
        """The floating IP that has an address, in any spelling, with the keys of ``list_floating_ips``.

        Returns:
            None where there is none. None and a line in the log where several have it, where it is no address, or
            where they could not be listed.
        """

        def find(conn: Any) -> Row | None:
            wanted = canonical(address)
            one = the_one(conn.network.ips(floating_ip_address=wanted), wanted)
            return None if one is None else shown(one, views.FLOATING_IP)

        found: Row | None = self._try("find_floating_ip", find)
        return found

    def allocate_floating_ip(self, external_network: str) -> Row | None:
        """Get a floating IP from the external network of that name: id, floating_ip_address, status."""

        def create(conn: Any) -> Any:
            return conn.network.create_ip(floating_network_id=_network_id(conn, external_network))

        return self._row("allocate_floating_ip", create, views.NEW_FLOATING_IP)

    def update_floating_ip(self, floating_ip_id: str, **changes: Any) -> Row | None:
        """Change a floating IP, with the keys of ``list_floating_ips``."""
        return self._row(
            "update_floating_ip",
            lambda conn: conn.network.update_ip(ident(floating_ip_id), **changes),
            views.FLOATING_IP,
        )

    def associate_floating_ip(self, floating_ip_id: str, port_id: str) -> bool:
        """Bind it to a port, wherever it was bound before: ``Operations.floating_ips.associate`` looks first."""
        return self._done(
            "associate_floating_ip", lambda conn: conn.network.update_ip(ident(floating_ip_id), port_id=port_id)
        )

    def disassociate_floating_ip(self, floating_ip_id: str) -> bool:
        """Unbind it."""
        return self._done(
            "disassociate_floating_ip", lambda conn: conn.network.update_ip(ident(floating_ip_id), port_id=None)
        )

    def release_floating_ip(self, floating_ip_id: str) -> bool:
        """Give it back: the address is lost."""
        return self._done("release_floating_ip", lambda conn: conn.network.delete_ip(ident(floating_ip_id)))

    # ── ports and quotas ─────────────────────────────────────────────────────────────────────────────────────────

    def list_ports(self, network_id: str | None = None, device_id: str | None = None) -> list[Row]:
        """Ports: id, name, network_id, status, mac_address, fixed_ips, device_id, device_owner."""
        filters = sent(network_id=network_id, device_id=device_id)
        return self._rows("list_ports", lambda conn: conn.network.ports(**filters), views.PORT)

    def get_port(self, port_id: str) -> Row | None:
        """One port, with the keys of ``list_ports``."""
        return self._row("get_port", lambda conn: conn.network.get_port(ident(port_id)), views.PORT)

    def create_port(self, network_id: str, name: str | None = None, **kw: Any) -> Row | None:
        """Make a port, with the keys of ``list_ports``."""
        arguments = sent(network_id=network_id, name=name, **kw)
        return self._row("create_port", lambda conn: conn.network.create_port(**arguments), views.PORT)

    def update_port(self, port_id: str, **changes: Any) -> Row | None:
        """Change a port, with the keys of ``list_ports``."""
        return self._row("update_port", lambda conn: conn.network.update_port(ident(port_id), **changes), views.PORT)

    def delete_port(self, port_id: str) -> bool:
        """Delete a port."""
        return self._done("delete_port", lambda conn: conn.network.delete_port(ident(port_id)))

    def get_quota(self) -> Row | None:
        """What Neutron allows the project: for each kind a dict with limit, used and reserved; -1 is no limit."""

        def ask(conn: Any) -> Any:
            project = conn.current_project_id
            if isinstance(project, str):  # Keystone's word
                ident(project)
            return conn.network.get_quota(project, details=True)

        return self._row("get_quota", ask, views.QUOTA)


def _network_id(conn: Any, name: str) -> str:
    """The id of a network by its name.

    Raises:
        NotFoundError: there is none.
    """
    # openstacksdk looks for what is an id under that id first: anything else must not come into a path.
    named = None if is_id(name) else list(islice(conn.network.networks(name=name), 2))
    network = conn.network.find_network(name) if named is None else named[0] if named else None
    if network is None:
        raise NotFoundError(f"there is no network {name!r}")
    if named and len(named) > 1:
        raise ConflictError(f"there are several networks {name!r}")
    found: str = views.attribute(network, "id")
    return found
