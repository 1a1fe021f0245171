"""The facade's networks, subnets, routers, security groups, floating IPs and ports."""

from __future__ import annotations

from itertools import islice
from typing import Any

from infomaniak_operator.client import views
from infomaniak_operator.client.addresses import Address, canonical, the_one
from infomaniak_operator.client.base import InfomaniakOpenStackBase, ident, sent
from infomaniak_operator.client.deprecated import renamed
from infomaniak_operator.client.errors import ConflictError, NotFoundError
from infomaniak_operator.client.session import is_id
from infomaniak_operator.client.views import shown

Row = dict[str, Any]


class NeutronMethods(InfomaniakOpenStackBase):
    """Neutron, with openstacksdk's attribute names in what is sent."""

    # ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def list_networks(self) -> list[Row]:
        """List the networks that the project sees, external ones too: ``GET /v2.0/networks``.

        Returns:
            For each: id, name, status (ACTIVE, BUILD, DOWN or ERROR), is_shared, is_external, subnets (their ids).

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        return self._rows("list_networks", lambda conn: conn.network.networks(), views.NETWORK)

    def get_network(self, network_id: str) -> Row | None:
        """Get one network: ``GET /v2.0/networks/{id}``.

        Args:
            network_id: the id of the network.

        Returns:
            The keys of ``list_networks``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row("get_network", lambda conn: conn.network.get_network(ident(network_id)), views.NETWORK)

    def create_network(
        self, name: str, description: str | None = None, is_shared: bool = False, **kw: Any
    ) -> Row | None:
        """Make a network: ``POST /v2.0/networks``.

        Args:
            name: up to 255 characters.
            description: up to 255 characters.
            is_shared: whether all projects may use it; for administrators.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id, name.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        arguments = sent(name=name, description=description, is_shared=is_shared, **kw)
        return self._row("create_network", lambda conn: conn.network.create_network(**arguments), views.NEW_NETWORK)

    def update_network(self, network_id: str, **changes: Any) -> Row | None:
        """Change a network: ``PUT /v2.0/networks/{id}``.

        Args:
            network_id: the id of the network.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_networks``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_network", lambda conn: conn.network.update_network(ident(network_id), **changes), views.NETWORK
        )

    def delete_network(self, network_id: str) -> bool:
        """Delete a network and its subnets: ``DELETE /v2.0/networks/{id}``.

        Args:
            network_id: the id of the network.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
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
        """Make a subnet: ``POST /v2.0/subnets``.

        Args:
            network_id: the network that it is in.
            name: up to 255 characters.
            cidr: its addresses: ``10.0.0.0/24``.
            ip_version: 4 or 6.
            gateway_ip: None: its first address.
            enable_dhcp: whether DHCP hands out its addresses.
            dns_nameservers: addresses that DHCP hands out; None: none.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id, name, cidr.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

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
        """List subnets: ``GET /v2.0/subnets``.

        Args:
            network_id: those of this network; None: all that the project sees.

        Returns:
            For each: id, name, network_id, cidr, ip_version (4 or 6), gateway_ip (None: it has none), is_dhcp_enabled.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(network_id=network_id)
        return self._rows("list_subnets", lambda conn: conn.network.subnets(**filters), views.SUBNET)

    def get_subnet(self, subnet_id: str) -> Row | None:
        """Get one subnet: ``GET /v2.0/subnets/{id}``.

        Args:
            subnet_id: the id of the subnet.

        Returns:
            The keys of ``list_subnets``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row("get_subnet", lambda conn: conn.network.get_subnet(ident(subnet_id)), views.SUBNET)

    def update_subnet(self, subnet_id: str, **changes: Any) -> Row | None:
        """Change a subnet: ``PUT /v2.0/subnets/{id}``.

        Args:
            subnet_id: the id of the subnet.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_subnets``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_subnet", lambda conn: conn.network.update_subnet(ident(subnet_id), **changes), views.SUBNET
        )

    def delete_subnet(self, subnet_id: str) -> bool:
        """Delete a subnet: ``DELETE /v2.0/subnets/{id}``.

        Args:
            subnet_id: the id of the subnet.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done("delete_subnet", lambda conn: conn.network.delete_subnet(ident(subnet_id)))

    # ── routers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def list_routers(self) -> list[Row]:
        """List the routers that the project sees: ``GET /v2.0/routers``.

        Returns:
            For each: id, name, status (ACTIVE, ALLOCATING, BUILD or ERROR), external_gateway (a dict with network_id;
            None where it has none).

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        return self._rows("list_routers", lambda conn: conn.network.routers(), views.ROUTER)

    def get_router(self, router_id: str) -> Row | None:
        """Get one router: ``GET /v2.0/routers/{id}``.

        Args:
            router_id: the id of the router.

        Returns:
            The keys of ``list_routers``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row("get_router", lambda conn: conn.network.get_router(ident(router_id)), views.ROUTER)

    def create_router(self, name: str, external_network: str | None = None, **kw: Any) -> Row | None:
        """Make a router: ``POST /v2.0/routers``.

        Args:
            name: up to 255 characters.
            external_network: the name, or id, of the network that its gateway is on, which is looked up first (``GET
                /v2.0/networks``); None: it has no gateway.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id, name.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def create(conn: Any) -> Any:
            gateway = {"network_id": _network_id(conn, external_network)} if external_network else None
            return conn.network.create_router(**sent(**{"name": name, "external_gateway_info": gateway, **kw}))

        return self._row("create_router", create, views.NEW_ROUTER)

    def update_router(self, router_id: str, **changes: Any) -> Row | None:
        """Change a router: ``PUT /v2.0/routers/{id}``.

        Args:
            router_id: the id of the router.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_routers``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_router", lambda conn: conn.network.update_router(ident(router_id), **changes), views.ROUTER
        )

    def delete_router(self, router_id: str) -> bool:
        """Delete a router: ``DELETE /v2.0/routers/{id}``. It must have no interfaces.

        Args:
            router_id: the id of the router.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done("delete_router", lambda conn: conn.network.delete_router(ident(router_id)))

    def add_router_interface(self, router_id: str, subnet_id: str) -> bool:
        """Give a router an interface on a subnet: ``PUT /v2.0/routers/{id}/add_router_interface``.

        Args:
            router_id: the id of the router.
            subnet_id: the id of the subnet.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "add_router_interface",
            lambda conn: conn.network.add_interface_to_router(ident(router_id), subnet_id=subnet_id),
        )

    def remove_router_interface(self, router_id: str, subnet_id: str) -> bool:
        """Take a router's interface on a subnet away: ``PUT /v2.0/routers/{id}/remove_router_interface``.

        Args:
            router_id: the id of the router.
            subnet_id: the id of the subnet.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "remove_router_interface",
            lambda conn: conn.network.remove_interface_from_router(ident(router_id), subnet_id=subnet_id),
        )

    # ── security groups ──────────────────────────────────────────────────────────────────────────────────────────

    def list_security_groups(self) -> list[Row]:
        """List the security groups that the project sees: ``GET /v2.0/security-groups``.

        Returns:
            For each: id, name, description, rules_count.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        return self._rows("list_security_groups", lambda conn: conn.network.security_groups(), views.SECURITY_GROUP)

    def get_security_group(self, security_group_id: str) -> Row | None:
        """Get one security group: ``GET /v2.0/security-groups/{id}``.

        Args:
            security_group_id: the id of the security group.

        Returns:
            The keys of ``list_security_groups``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "get_security_group",
            lambda conn: conn.network.get_security_group(ident(security_group_id)),
            views.SECURITY_GROUP,
        )

    def create_security_group(self, name: str, description: str = "") -> Row | None:
        """Make a security group: ``POST /v2.0/security-groups``. Neutron puts two rules into it: everything may leave.

        Args:
            name: up to 255 characters.
            description: up to 255 characters.

        Returns:
            id, name.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "create_security_group",
            lambda conn: conn.network.create_security_group(name=name, description=description),
            views.NEW_SECURITY_GROUP,
        )

    def update_security_group(self, security_group_id: str, **changes: Any) -> Row | None:
        """Change a security group: ``PUT /v2.0/security-groups/{id}``.

        Args:
            security_group_id: the id of the security group.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_security_groups``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_security_group",
            lambda conn: conn.network.update_security_group(ident(security_group_id), **changes),
            views.SECURITY_GROUP,
        )

    def delete_security_group(self, security_group_id: str) -> bool:
        """Delete a security group: ``DELETE /v2.0/security-groups/{id}``.

        Args:
            security_group_id: the id of the security group.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "delete_security_group", lambda conn: conn.network.delete_security_group(ident(security_group_id))
        )

    def list_security_group_rules(self, security_group_id: str | None = None) -> list[Row]:
        """List rules of security groups: ``GET /v2.0/security-group-rules``.

        Args:
            security_group_id: those of this group; None: all that the project sees.

        Returns:
            For each: id, security_group_id, direction (ingress or egress), ethertype (IPv4 or IPv6), protocol,
            port_range_min, port_range_max, remote_ip_prefix, remote_group_id; None: any.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
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
        """Add a rule to a security group: ``POST /v2.0/security-group-rules``.

        Args:
            security_group_id: the group.
            direction: ingress or egress.
            protocol: a name or a number as text: ``tcp``; None: any.
            port_range_min: the first port, or the ICMP type; None: any.
            port_range_max: the last port, or the ICMP code; None: any.
            remote_ip_prefix: a CIDR; None: any.
            ethertype: IPv4 or IPv6.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id; direction and protocol as they were given.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

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

    def delete_security_group_rule(self, rule_id: str) -> bool:
        """Delete a rule of a security group: ``DELETE /v2.0/security-group-rules/{id}``.

        Args:
            rule_id: the id of the rule.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "delete_security_group_rule", lambda conn: conn.network.delete_security_group_rule(ident(rule_id))
        )

    remove_security_group_rule = renamed("remove_security_group_rule", delete_security_group_rule)

    # ── floating IPs ─────────────────────────────────────────────────────────────────────────────────────────────

    def list_floating_ips(self) -> list[Row]:
        """List the floating IPs that the project sees: ``GET /v2.0/floatingips``.

        Returns:
            For each: id, floating_ip_address, fixed_ip_address (None: not bound), status (ACTIVE, DOWN or ERROR),
            port_id (None: not bound).

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        return self._rows("list_floating_ips", lambda conn: conn.network.ips(), views.FLOATING_IP)

    def get_floating_ip(self, floating_ip_id: str) -> Row | None:
        """Get one floating IP: ``GET /v2.0/floatingips/{id}``.

        Args:
            floating_ip_id: the id of the floating IP.

        Returns:
            The keys of ``list_floating_ips``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row("get_floating_ip", lambda conn: conn.network.get_ip(ident(floating_ip_id)), views.FLOATING_IP)

    def find_floating_ip(self, address: Address) -> Row | None:
        """Find the floating IP that has an address: ``GET /v2.0/floatingips``.

        Args:
            address: in any spelling, ``::ffff:192.0.2.1`` too.

        Returns:
            The keys of ``list_floating_ips``; None where no floating IP has the address.

        Raises:
            Nothing: an error is logged, and None comes back: where several have it, where it is no address, or where
            they could not be listed.
        """

        def find(conn: Any) -> Row | None:
            wanted = canonical(address)
            one = the_one(conn.network.ips(floating_ip_address=wanted), wanted)
            return None if one is None else shown(one, views.FLOATING_IP)

        found: Row | None = self._try("find_floating_ip", find)
        return found

    def allocate_floating_ip(self, external_network: str) -> Row | None:
        """Get a floating IP: ``POST /v2.0/floatingips``.

        Args:
            external_network: the name, or id, of the network that it is from, which is looked up first (``GET
                /v2.0/networks``).

        Returns:
            id, floating_ip_address, status (DOWN until it is bound).

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def create(conn: Any) -> Any:
            return conn.network.create_ip(floating_network_id=_network_id(conn, external_network))

        return self._row("allocate_floating_ip", create, views.NEW_FLOATING_IP)

    def update_floating_ip(self, floating_ip_id: str, **changes: Any) -> Row | None:
        """Change a floating IP: ``PUT /v2.0/floatingips/{id}``.

        Args:
            floating_ip_id: the id of the floating IP.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_floating_ips``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_floating_ip",
            lambda conn: conn.network.update_ip(ident(floating_ip_id), **changes),
            views.FLOATING_IP,
        )

    def associate_floating_ip(self, floating_ip_id: str, port_id: str) -> bool:
        """Bind a floating IP to a port, wherever it was bound before: ``PUT /v2.0/floatingips/{id}``.

        ``Operations.floating_ips.associate`` looks first, and never takes it away from another port.

        Args:
            floating_ip_id: the id of the floating IP.
            port_id: the id of the port.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "associate_floating_ip", lambda conn: conn.network.update_ip(ident(floating_ip_id), port_id=port_id)
        )

    def disassociate_floating_ip(self, floating_ip_id: str) -> bool:
        """Unbind a floating IP: ``PUT /v2.0/floatingips/{id}``.

        Args:
            floating_ip_id: the id of the floating IP.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "disassociate_floating_ip", lambda conn: conn.network.update_ip(ident(floating_ip_id), port_id=None)
        )

    def release_floating_ip(self, floating_ip_id: str) -> bool:
        """Give a floating IP back; its address is lost: ``DELETE /v2.0/floatingips/{id}``.

        Args:
            floating_ip_id: the id of the floating IP.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done("release_floating_ip", lambda conn: conn.network.delete_ip(ident(floating_ip_id)))

    # ── ports and quotas ─────────────────────────────────────────────────────────────────────────────────────────

    def list_ports(self, network_id: str | None = None, device_id: str | None = None) -> list[Row]:
        """List ports: ``GET /v2.0/ports``.

        Args:
            network_id: those of this network; None: of any.
            device_id: those of this server, router or load balancer (``lb-`` and its id); None: of any.

        Returns:
            For each: id, name, network_id, status (ACTIVE, BUILD, DOWN, ERROR or N/A), mac_address, fixed_ips (dicts
            with subnet_id and ip_address), device_id, device_owner.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(network_id=network_id, device_id=device_id)
        return self._rows("list_ports", lambda conn: conn.network.ports(**filters), views.PORT)

    def get_port(self, port_id: str) -> Row | None:
        """Get one port: ``GET /v2.0/ports/{id}``.

        Args:
            port_id: the id of the port.

        Returns:
            The keys of ``list_ports``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row("get_port", lambda conn: conn.network.get_port(ident(port_id)), views.PORT)

    def create_port(self, network_id: str, name: str | None = None, **kw: Any) -> Row | None:
        """Make a port: ``POST /v2.0/ports``.

        Args:
            network_id: the network that it is in.
            name: up to 255 characters.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            The keys of ``list_ports``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        arguments = sent(network_id=network_id, name=name, **kw)
        return self._row("create_port", lambda conn: conn.network.create_port(**arguments), views.PORT)

    def update_port(self, port_id: str, **changes: Any) -> Row | None:
        """Change a port: ``PUT /v2.0/ports/{id}``.

        Args:
            port_id: the id of the port.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_ports``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row("update_port", lambda conn: conn.network.update_port(ident(port_id), **changes), views.PORT)

    def delete_port(self, port_id: str) -> bool:
        """Delete a port: ``DELETE /v2.0/ports/{id}``.

        Args:
            port_id: the id of the port.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done("delete_port", lambda conn: conn.network.delete_port(ident(port_id)))

    def get_quota(self) -> Row | None:
        """Get what Neutron allows the project: ``GET /v2.0/quotas/{project_id}/details``.

        Returns:
            networks, subnets, ports, routers, floating_ips, security_groups, security_group_rules: for each a dict with
            limit (-1 is no limit), used and reserved.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

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
