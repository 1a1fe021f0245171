"""The facade's load balancers, listeners, pools, members and health monitors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infomaniak_operator.client import views
from infomaniak_operator.client.base import InfomaniakOpenStackBase, ident, sent
from infomaniak_operator.client.kinds import MEMBERS
from infomaniak_operator.client.rest import check

Row = dict[str, Any]


class OctaviaMethods(InfomaniakOpenStackBase):
    """Octavia, with openstacksdk's attribute names in what is sent. openstacksdk drops names it does not know."""

    # ── load balancers ───────────────────────────────────────────────────────────────────────────────────────────

    def list_loadbalancers(self) -> list[Row]:
        """Load balancers: id, name, vip_address, operating_status, provisioning_status."""
        return self._rows("list_loadbalancers", lambda conn: conn.load_balancer.load_balancers(), views.LOADBALANCER)

    def get_loadbalancer(self, loadbalancer_id: str) -> Row | None:
        """One load balancer, with the keys of ``list_loadbalancers``, vip_port_id and vip_subnet_id."""
        return self._row(
            "get_loadbalancer",
            lambda conn: conn.load_balancer.get_load_balancer(ident(loadbalancer_id)),
            views.LOADBALANCER_DETAIL,
        )

    def create_loadbalancer(self, name: str, subnet_id: str, vip_address: str | None = None, **kw: Any) -> Row | None:
        """Make a load balancer: id, name, vip_address. It is not ready yet: ``wait_for_loadbalancer``."""

        def create(conn: Any) -> Any:
            arguments = sent(name=name, vip_subnet_id=subnet_id, vip_address=vip_address, **kw)
            return conn.load_balancer.create_load_balancer(**arguments)

        return self._row("create_loadbalancer", create, views.NEW_LOADBALANCER)

    def update_loadbalancer(self, loadbalancer_id: str, **changes: Any) -> Row | None:
        """Change a load balancer, with the keys of ``get_loadbalancer``."""
        return self._row(
            "update_loadbalancer",
            lambda conn: conn.load_balancer.update_load_balancer(ident(loadbalancer_id), **changes),
            views.LOADBALANCER_DETAIL,
        )

    def delete_loadbalancer(self, loadbalancer_id: str, cascade: bool = False) -> bool:
        """Delete a load balancer; ``cascade``: with all that is under it. It goes on after this returns."""
        return self._done(
            "delete_loadbalancer",
            lambda conn: conn.load_balancer.delete_load_balancer(ident(loadbalancer_id), cascade=cascade),
        )

    def wait_for_loadbalancer(self, loadbalancer_id: str, timeout: float = 300, interval: float = 2) -> bool:
        """Wait until it is ACTIVE, so that it takes the next change.

        Args:
            loadbalancer_id: which.
            timeout: seconds until it is given up.
            interval: seconds between two looks.

        Returns:
            False where it went into ERROR, did not become ACTIVE in time, or could not be asked for.
        """
        return self._done(
            "wait_for_loadbalancer",
            lambda conn: conn.load_balancer.wait_for_load_balancer(
                ident(loadbalancer_id), interval=interval, wait=timeout
            ),
        )

    # ── listeners ────────────────────────────────────────────────────────────────────────────────────────────────

    def list_listeners(self, loadbalancer_id: str | None = None) -> list[Row]:
        """Listeners: id, name, protocol, protocol_port, loadbalancer_id."""
        filters = sent(load_balancer_id=loadbalancer_id)
        return self._rows("list_listeners", lambda conn: conn.load_balancer.listeners(**filters), views.LISTENER)

    def get_listener(self, listener_id: str) -> Row | None:
        """One listener, with the keys of ``list_listeners``."""
        return self._row(
            "get_listener", lambda conn: conn.load_balancer.get_listener(ident(listener_id)), views.LISTENER
        )

    def create_listener(self, loadbalancer_id: str, name: str, protocol: str, port: int, **kw: Any) -> Row | None:
        """Make a listener: id, name, and protocol as given."""

        def create(conn: Any) -> Any:
            arguments = sent(load_balancer_id=loadbalancer_id, name=name, protocol=protocol, protocol_port=port, **kw)
            return conn.load_balancer.create_listener(**arguments)

        return self._row("create_listener", create, views.echoing(views.NEW_LISTENER, protocol=protocol))

    def update_listener(self, listener_id: str, **changes: Any) -> Row | None:
        """Change a listener, with the keys of ``list_listeners``."""
        return self._row(
            "update_listener",
            lambda conn: conn.load_balancer.update_listener(ident(listener_id), **changes),
            views.LISTENER,
        )

    def delete_listener(self, listener_id: str) -> bool:
        """Delete a listener."""
        return self._done("delete_listener", lambda conn: conn.load_balancer.delete_listener(ident(listener_id)))

    # ── pools ────────────────────────────────────────────────────────────────────────────────────────────────────

    def list_pools(self, loadbalancer_id: str | None = None) -> list[Row]:
        """Pools: id, name, protocol, lb_algorithm."""
        filters = sent(loadbalancer_id=loadbalancer_id)
        return self._rows("list_pools", lambda conn: conn.load_balancer.pools(**filters), views.POOL)

    def get_pool(self, pool_id: str) -> Row | None:
        """One pool, with the keys of ``list_pools``."""
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
        """Make a pool, as the default of a listener or by itself: id, name, and protocol as given."""

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
        """Change a pool, with the keys of ``list_pools``."""
        return self._row(
            "update_pool", lambda conn: conn.load_balancer.update_pool(ident(pool_id), **changes), views.POOL
        )

    def delete_pool(self, pool_id: str) -> bool:
        """Delete a pool, its members and its monitor."""
        return self._done("delete_pool", lambda conn: conn.load_balancer.delete_pool(ident(pool_id)))

    # ── members ──────────────────────────────────────────────────────────────────────────────────────────────────

    def list_pool_members(self, pool_id: str) -> list[Row]:
        """Members: id, name, address, protocol_port, weight, operating_status."""
        return self._rows("list_pool_members", lambda conn: conn.load_balancer.members(ident(pool_id)), views.MEMBER)

    def get_pool_member(self, pool_id: str, member_id: str) -> Row | None:
        """One member, with the keys of ``list_pool_members``."""
        return self._row(
            "get_pool_member",
            lambda conn: conn.load_balancer.get_member(ident(member_id), ident(pool_id)),
            views.MEMBER,
        )

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
        """Add a member: id, and address and port as given."""

        def create(conn: Any) -> Any:
            arguments = sent(address=address, protocol_port=port, weight=weight, name=name, subnet_id=subnet_id, **kw)
            return conn.load_balancer.create_member(ident(pool_id), **arguments)

        return self._row("add_pool_member", create, views.echoing(views.NEW_MEMBER, address=address, port=port))

    def update_pool_member(self, pool_id: str, member_id: str, **changes: Any) -> Row | None:
        """Change a member, with the keys of ``list_pool_members``."""
        return self._row(
            "update_pool_member",
            lambda conn: conn.load_balancer.update_member(ident(member_id), ident(pool_id), **changes),
            views.MEMBER,
        )

    def remove_pool_member(self, pool_id: str, member_id: str) -> bool:
        """Take a member out."""
        return self._done(
            "remove_pool_member", lambda conn: conn.load_balancer.delete_member(ident(member_id), ident(pool_id))
        )

    def replace_pool_members(self, pool_id: str, members: Iterable[Mapping[str, Any]]) -> bool:
        """Make a pool's members these and no others, in one call.

        Args:
            pool_id: the pool.
            members: each with Octavia's own attributes (address, protocol_port, weight, …), all that it shall have.
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
        """Health monitors: id, name, type, delay, timeout, max_retries, pool_id."""
        filters = sent(pool_id=pool_id)
        return self._rows(
            "list_health_monitors",
            lambda conn: conn.load_balancer.health_monitors(**filters),
            views.HEALTH_MONITOR,
        )

    def get_health_monitor(self, health_monitor_id: str) -> Row | None:
        """One health monitor, with the keys of ``list_health_monitors``."""
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
        """Make a health monitor (delay and timeout in seconds): id, and type and pool_id as given."""

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
        """Change a health monitor, with the keys of ``list_health_monitors``."""
        return self._row(
            "update_health_monitor",
            lambda conn: conn.load_balancer.update_health_monitor(ident(health_monitor_id), **changes),
            views.HEALTH_MONITOR,
        )

    def delete_health_monitor(self, health_monitor_id: str) -> bool:
        """Delete a health monitor."""
        return self._done(
            "delete_health_monitor", lambda conn: conn.load_balancer.delete_health_monitor(ident(health_monitor_id))
        )
