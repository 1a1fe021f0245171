"""The facade's load balancers, listeners, pools, members and health monitors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infomaniak_operator.client import views
from infomaniak_operator.client.base import InfomaniakOpenStackBase, ident, sent
from infomaniak_operator.client.deprecated import renamed
from infomaniak_operator.client.kinds import MEMBERS
from infomaniak_operator.client.rest import check

Row = dict[str, Any]


class OctaviaMethods(InfomaniakOpenStackBase):
    """Octavia, with openstacksdk's attribute names in what is sent. openstacksdk drops names it does not know."""

    # ── load balancers ───────────────────────────────────────────────────────────────────────────────────────────

    def list_loadbalancers(self) -> list[Row]:
        """List the project's load balancers: ``GET /v2/lbaas/loadbalancers``.

        Returns:
            For each: id, name, vip_address, provisioning_status (ACTIVE, ERROR, or PENDING_* while it is being
            changed), operating_status (ONLINE, OFFLINE, DEGRADED, ERROR, NO_MONITOR or DRAINING).

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        return self._rows("list_loadbalancers", lambda conn: conn.load_balancer.load_balancers(), views.LOADBALANCER)

    def get_load_balancer(self, loadbalancer_id: str) -> Row | None:
        """Get one load balancer: ``GET /v2/lbaas/loadbalancers/{id}``.

        Args:
            loadbalancer_id: the id of the load balancer.

        Returns:
            The keys of ``list_loadbalancers``, vip_port_id and vip_subnet_id.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "get_load_balancer",
            lambda conn: conn.load_balancer.get_load_balancer(ident(loadbalancer_id)),
            views.LOADBALANCER_DETAIL,
        )

    get_loadbalancer = renamed("get_loadbalancer", get_load_balancer)

    def create_loadbalancer(self, name: str, subnet_id: str, vip_address: str | None = None, **kw: Any) -> Row | None:
        """Make a load balancer: ``POST /v2/lbaas/loadbalancers``.

        It is locked until it is ACTIVE: ``wait_for_load_balancer``.

        Args:
            name: up to 255 characters.
            subnet_id: the subnet that its address is in.
            vip_address: its address; None: any that is free.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id, name, vip_address.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def create(conn: Any) -> Any:
            arguments = sent(name=name, vip_subnet_id=subnet_id, vip_address=vip_address, **kw)
            return conn.load_balancer.create_load_balancer(**arguments)

        return self._row("create_loadbalancer", create, views.NEW_LOADBALANCER)

    def update_load_balancer(self, loadbalancer_id: str, **changes: Any) -> Row | None:
        """Change a load balancer: ``PUT /v2/lbaas/loadbalancers/{id}``.

        Args:
            loadbalancer_id: the id of the load balancer.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_loadbalancers``, vip_port_id and vip_subnet_id.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_load_balancer",
            lambda conn: conn.load_balancer.update_load_balancer(ident(loadbalancer_id), **changes),
            views.LOADBALANCER_DETAIL,
        )

    update_loadbalancer = renamed("update_loadbalancer", update_load_balancer)

    def delete_loadbalancer(self, loadbalancer_id: str, cascade: bool = False) -> bool:
        """Delete a load balancer: ``DELETE /v2/lbaas/loadbalancers/{id}``. It goes on after this returns.

        Args:
            loadbalancer_id: the id of the load balancer.
            cascade: with all that is under it; without, listeners and pools stand in the way.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "delete_loadbalancer",
            lambda conn: conn.load_balancer.delete_load_balancer(ident(loadbalancer_id), cascade=cascade),
        )

    def wait_for_load_balancer(self, loadbalancer_id: str, timeout: float = 300, interval: float = 2) -> bool:
        """Wait until a load balancer is ACTIVE, so that it takes the next change: ``GET /v2/lbaas/loadbalancers/{id}``.

        Args:
            loadbalancer_id: the id of the load balancer.
            timeout: seconds until it is given up.
            interval: seconds between two looks.

        Returns:
            Whether it is ACTIVE.

        Raises:
            Nothing: an error is logged, and False comes back: where it went into ERROR, where it did not become ACTIVE
            in time, or where it could not be asked for.
        """
        return self._done(
            "wait_for_load_balancer",
            lambda conn: conn.load_balancer.wait_for_load_balancer(
                ident(loadbalancer_id), interval=interval, wait=timeout
            ),
        )

    wait_for_loadbalancer = renamed("wait_for_loadbalancer", wait_for_load_balancer)

    # ── listeners ────────────────────────────────────────────────────────────────────────────────────────────────

    def list_listeners(self, loadbalancer_id: str | None = None) -> list[Row]:
        """List listeners: ``GET /v2/lbaas/listeners``.

        Args:
            loadbalancer_id: those of this load balancer; None: of all.

        Returns:
            For each: id, name, protocol (HTTP, HTTPS, PROMETHEUS, SCTP, TCP, TERMINATED_HTTPS or UDP), protocol_port,
            loadbalancer_id.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(load_balancer_id=loadbalancer_id)
        return self._rows("list_listeners", lambda conn: conn.load_balancer.listeners(**filters), views.LISTENER)

    def get_listener(self, listener_id: str) -> Row | None:
        """Get one listener: ``GET /v2/lbaas/listeners/{id}``.

        Args:
            listener_id: the id of the listener.

        Returns:
            The keys of ``list_listeners``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "get_listener", lambda conn: conn.load_balancer.get_listener(ident(listener_id)), views.LISTENER
        )

    def create_listener(self, loadbalancer_id: str, name: str, protocol: str, port: int, **kw: Any) -> Row | None:
        """Make a listener: ``POST /v2/lbaas/listeners``. It locks its load balancer: ``wait_for_load_balancer``.

        Args:
            loadbalancer_id: the load balancer that it is in.
            name: up to 255 characters.
            protocol: HTTP, HTTPS, PROMETHEUS, SCTP, TCP, TERMINATED_HTTPS or UDP.
            port: 1 to 65535.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent. Timeouts are in
                milliseconds.

        Returns:
            id, name; protocol as it was given.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def create(conn: Any) -> Any:
            arguments = sent(load_balancer_id=loadbalancer_id, name=name, protocol=protocol, protocol_port=port, **kw)
            return conn.load_balancer.create_listener(**arguments)

        return self._row("create_listener", create, views.echoing(views.NEW_LISTENER, protocol=protocol))

    def update_listener(self, listener_id: str, **changes: Any) -> Row | None:
        """Change a listener: ``PUT /v2/lbaas/listeners/{id}``.

        Args:
            listener_id: the id of the listener.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_listeners``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_listener",
            lambda conn: conn.load_balancer.update_listener(ident(listener_id), **changes),
            views.LISTENER,
        )

    def delete_listener(self, listener_id: str) -> bool:
        """Delete a listener: ``DELETE /v2/lbaas/listeners/{id}``. It locks its load balancer.

        Args:
            listener_id: the id of the listener.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done("delete_listener", lambda conn: conn.load_balancer.delete_listener(ident(listener_id)))

    # ── pools ────────────────────────────────────────────────────────────────────────────────────────────────────

    def list_pools(self, loadbalancer_id: str | None = None) -> list[Row]:
        """List pools: ``GET /v2/lbaas/pools``.

        Args:
            loadbalancer_id: those of this load balancer; None: of all.

        Returns:
            For each: id, name, protocol (HTTP, HTTPS, PROXY, PROXYV2, SCTP, TCP or UDP), lb_algorithm
            (LEAST_CONNECTIONS, ROUND_ROBIN, SOURCE_IP or SOURCE_IP_PORT).

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(loadbalancer_id=loadbalancer_id)
        return self._rows("list_pools", lambda conn: conn.load_balancer.pools(**filters), views.POOL)

    def get_pool(self, pool_id: str) -> Row | None:
        """Get one pool: ``GET /v2/lbaas/pools/{id}``.

        Args:
            pool_id: the id of the pool.

        Returns:
            The keys of ``list_pools``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row("get_pool", lambda conn: conn.load_balancer.get_pool(ident(pool_id)), views.POOL)

    def create_pool(
        self,
        name: str,
        protocol: str,
        lb_algorithm: str,
        listener_id: str | None = None,
        loadbalancer_id: str | None = None,
        **kw: Any,
    ) -> Row | None:
        """Make a pool, as the default of a listener or by itself: ``POST /v2/lbaas/pools``. It locks its load balancer.

        Args:
            name: up to 255 characters.
            protocol: HTTP, HTTPS, PROXY, PROXYV2, SCTP, TCP or UDP.
            lb_algorithm: LEAST_CONNECTIONS, ROUND_ROBIN, SOURCE_IP or SOURCE_IP_PORT.
            listener_id: the listener whose default it is to be.
            loadbalancer_id: the load balancer that it is in, where no listener is given.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id, name; protocol as it was given.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def create(conn: Any) -> Any:
            arguments = sent(
                name=name,
                protocol=protocol,
                lb_algorithm=lb_algorithm,
                listener_id=listener_id,
                loadbalancer_id=loadbalancer_id,
                **kw,
            )
            return conn.load_balancer.create_pool(**arguments)

        return self._row("create_pool", create, views.echoing(views.NEW_POOL, protocol=protocol))

    def update_pool(self, pool_id: str, **changes: Any) -> Row | None:
        """Change a pool: ``PUT /v2/lbaas/pools/{id}``.

        Args:
            pool_id: the id of the pool.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_pools``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_pool", lambda conn: conn.load_balancer.update_pool(ident(pool_id), **changes), views.POOL
        )

    def delete_pool(self, pool_id: str) -> bool:
        """Delete a pool, its members and its health monitor: ``DELETE /v2/lbaas/pools/{id}``.

        It locks its load balancer.

        Args:
            pool_id: the id of the pool.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done("delete_pool", lambda conn: conn.load_balancer.delete_pool(ident(pool_id)))

    # ── members ──────────────────────────────────────────────────────────────────────────────────────────────────

    def list_pool_members(self, pool_id: str) -> list[Row]:
        """List the members of a pool: ``GET /v2/lbaas/pools/{pool_id}/members``.

        Args:
            pool_id: the id of the pool.

        Returns:
            For each: id, name, address, protocol_port, weight (0 to 256), operating_status (ONLINE, OFFLINE, DEGRADED,
            ERROR, NO_MONITOR or DRAINING).

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        return self._rows("list_pool_members", lambda conn: conn.load_balancer.members(ident(pool_id)), views.MEMBER)

    def get_member(self, pool_id: str, member_id: str) -> Row | None:
        """Get one member of a pool: ``GET /v2/lbaas/pools/{pool_id}/members/{id}``.

        Args:
            pool_id: the id of the pool.
            member_id: the id of the member.

        Returns:
            The keys of ``list_pool_members``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "get_member",
            lambda conn: conn.load_balancer.get_member(ident(member_id), ident(pool_id)),
            views.MEMBER,
        )

    get_pool_member = renamed("get_pool_member", get_member)

    def add_pool_member(  # noqa: PLR0917 - the contract's own list
        self,
        pool_id: str,
        address: str,
        port: int,
        weight: int = 1,
        name: str | None = None,
        subnet_id: str | None = None,
        **kw: Any,
    ) -> Row | None:
        """Add a member to a pool: ``POST /v2/lbaas/pools/{pool_id}/members``. It locks its load balancer.

        Args:
            pool_id: the id of the pool.
            address: where it listens.
            port: 1 to 65535.
            weight: 0 to 256; 0 takes no new connections.
            name: up to 255 characters.
            subnet_id: the subnet that it is reached by; None: the VIP's.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id; address and port as they were given.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def create(conn: Any) -> Any:
            arguments = sent(address=address, protocol_port=port, weight=weight, name=name, subnet_id=subnet_id, **kw)
            return conn.load_balancer.create_member(ident(pool_id), **arguments)

        return self._row("add_pool_member", create, views.echoing(views.NEW_MEMBER, address=address, port=port))

    def update_member(self, pool_id: str, member_id: str, **changes: Any) -> Row | None:
        """Change a member of a pool: ``PUT /v2/lbaas/pools/{pool_id}/members/{id}``. It locks its load balancer.

        Args:
            pool_id: the id of the pool.
            member_id: the id of the member.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_pool_members``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_member",
            lambda conn: conn.load_balancer.update_member(ident(member_id), ident(pool_id), **changes),
            views.MEMBER,
        )

    update_pool_member = renamed("update_pool_member", update_member)

    def remove_pool_member(self, pool_id: str, member_id: str) -> bool:
        """Take a member out of a pool: ``DELETE /v2/lbaas/pools/{pool_id}/members/{id}``. It locks its load balancer.

        Args:
            pool_id: the id of the pool.
            member_id: the id of the member.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "remove_pool_member", lambda conn: conn.load_balancer.delete_member(ident(member_id), ident(pool_id))
        )

    def replace_pool_members(self, pool_id: str, members: Iterable[Mapping[str, Any]]) -> bool:
        """Make a pool's members these and no others, in one call: ``PUT /v2/lbaas/pools/{pool_id}/members``.

        It locks its load balancer.

        Args:
            pool_id: the id of the pool.
            members: each with Octavia's own attributes (address, protocol_port, weight, …), all that it shall have; a
                member that is not listed is deleted.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """

        def replace(conn: Any) -> Any:
            listed = [dict(member) for member in members]
            for member in listed:
                check(MEMBERS, member)
            path = f"/lbaas/pools/{ident(pool_id)}/members"
            return conn.load_balancer.put(path, json={"members": listed}, raise_exc=True)

        return self._done("replace_pool_members", replace)

    # ── health monitors ──────────────────────────────────────────────────────────────────────────────────────────

    def list_health_monitors(self, pool_id: str | None = None) -> list[Row]:
        """List health monitors: ``GET /v2/lbaas/healthmonitors``.

        Args:
            pool_id: that of this pool; None: of all.

        Returns:
            For each: id, name, type (HTTP, HTTPS, PING, SCTP, TCP, TLS-HELLO or UDP-CONNECT), delay and timeout
            (seconds), max_retries, pool_id.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(pool_id=pool_id)
        return self._rows(
            "list_health_monitors",
            lambda conn: conn.load_balancer.health_monitors(**filters),
            views.HEALTH_MONITOR,
        )

    def get_health_monitor(self, health_monitor_id: str) -> Row | None:
        """Get one health monitor: ``GET /v2/lbaas/healthmonitors/{id}``.

        Args:
            health_monitor_id: the id of the health monitor.

        Returns:
            The keys of ``list_health_monitors``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "get_health_monitor",
            lambda conn: conn.load_balancer.get_health_monitor(ident(health_monitor_id)),
            views.HEALTH_MONITOR,
        )

    def create_health_monitor(  # noqa: PLR0917 - the contract's own list
        self,
        pool_id: str,
        monitor_type: str,
        delay: int,
        timeout: int,
        max_retries: int = 3,
        name: str | None = None,
        **kw: Any,
    ) -> Row | None:
        """Make a pool's health monitor: ``POST /v2/lbaas/healthmonitors``. It locks its load balancer.

        Args:
            pool_id: the pool that it checks.
            monitor_type: HTTP, HTTPS, PING, SCTP, TCP, TLS-HELLO or UDP-CONNECT.
            delay: seconds between two checks.
            timeout: seconds until a check has failed.
            max_retries: 1 to 10: checks that must succeed until a member is ONLINE.
            name: up to 255 characters.
            **kw: further attributes, by openstacksdk's names; one that is None is not sent.

        Returns:
            id; type and pool_id as they were given.

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def create(conn: Any) -> Any:
            arguments = sent(
                pool_id=pool_id,
                type=monitor_type,
                delay=delay,
                timeout=timeout,
                max_retries=max_retries,
                name=name,
                **kw,
            )
            return conn.load_balancer.create_health_monitor(**arguments)

        return self._row(
            "create_health_monitor", create, views.echoing(views.NEW_HEALTH_MONITOR, type=monitor_type, pool_id=pool_id)
        )

    def update_health_monitor(self, health_monitor_id: str, **changes: Any) -> Row | None:
        """Change a health monitor: ``PUT /v2/lbaas/healthmonitors/{id}``.

        Args:
            health_monitor_id: the id of the health monitor.
            **changes: the attributes to change, by openstacksdk's names; None unsets one.

        Returns:
            The keys of ``list_health_monitors``.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        return self._row(
            "update_health_monitor",
            lambda conn: conn.load_balancer.update_health_monitor(ident(health_monitor_id), **changes),
            views.HEALTH_MONITOR,
        )

    def delete_health_monitor(self, health_monitor_id: str) -> bool:
        """Delete a health monitor: ``DELETE /v2/lbaas/healthmonitors/{id}``. It locks its load balancer.

        Args:
            health_monitor_id: the id of the health monitor.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done(
            "delete_health_monitor", lambda conn: conn.load_balancer.delete_health_monitor(ident(health_monitor_id))
        )
