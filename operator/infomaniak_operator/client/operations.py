"""The raising form of the client: every operation, typed errors, whole objects by the REST APIs' own names."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from infomaniak_operator.client import kinds
from infomaniak_operator.client.addresses import Address, canonical, the_one
from infomaniak_operator.client.barbican import Secrets
from infomaniak_operator.client.bodies import (
    FloatingIPBody,
    L7PolicyBody,
    ListenerBody,
    LoadBalancerBody,
    PoolBody,
    RouterBody,
)
from infomaniak_operator.client.collections import BulkCollection, Collection, L7Rules, Members, PortForwardings
from infomaniak_operator.client.deprecated import warn
from infomaniak_operator.client.designate import RecordSets, ReverseNames, Zones
from infomaniak_operator.client.errors import Category, ConflictError, ServiceError
from infomaniak_operator.client.resources import (
    FloatingIP,
    L7Policy,
    Listener,
    LoadBalancer,
    OctaviaQuota,
    ProjectQuotas,
    QuotaDetail,
    Resource,
    Router,
    RouterInterface,
    Statistics,
    StatusTree,
)
from infomaniak_operator.client.rest import Rest, check, part
from infomaniak_operator.client.session import CloudSession
from infomaniak_operator.client.shapes import is_statistics, is_status_tree
from infomaniak_operator.client.usage import (
    LOAD_BALANCER_QUOTA,
    LOAD_BALANCERS,
    NEEDED,
    NEUTRON_QUOTAS,
    Usage,
    measured,
)


class Operations:
    """All collections of a project.

    Args:
        session: the connection they use.
        whole: whether an answer is an error in which a row lacks what it is judged by (a mark's place, a state, an
            address), or has something else there than it should. For those to whom what a row does not say must not
            mean that it is not so.
    """

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._session = session
        self._whole = whole
        self.networks = BulkCollection(session, kinds.NETWORKS, whole=whole)
        self.subnets = BulkCollection(session, kinds.SUBNETS, whole=whole)
        self.routers = Routers(session, whole=whole)
        self.security_groups = Collection(session, kinds.SECURITY_GROUPS, whole=whole)
        self.security_group_rules = BulkCollection(session, kinds.SECURITY_GROUP_RULES, whole=whole)
        self.floating_ips = FloatingIPs(session, whole=whole)
        self.port_forwardings = PortForwardings(session, whole=whole)
        self.ports = BulkCollection(session, kinds.PORTS, whole=whole)
        self.load_balancers = LoadBalancers(session, whole=whole)
        self.listeners = Listeners(session, whole=whole)
        self.pools = Collection(session, kinds.POOLS, whole=whole)
        self.members = Members(session, whole=whole)
        self.health_monitors = Collection(session, kinds.HEALTH_MONITORS, whole=whole)
        self.l7_policies = Collection(session, kinds.L7_POLICIES, whole=whole)
        self.l7_rules = L7Rules(session, whole=whole)
        self.tags = Tags(session)
        self.quotas = Quotas(session)
        self.network_shares = NetworkShares(session)
        self.reverse_dns = ReverseNames(session, whole=whole)
        self.zones = Zones(session, whole=whole)
        self.record_sets = RecordSets(session, whole=whole)
        self.secrets = Secrets(session, whole=whole)

    @property
    def l7policies(self) -> Collection[L7Policy, L7PolicyBody]:
        """The former name of ``l7_policies``, which goes with the next release."""
        warn("l7policies", "l7_policies")
        return self.l7_policies

    @property
    def l7rules(self) -> L7Rules:
        """The former name of ``l7_rules``, which goes with the next release."""
        warn("l7rules", "l7_rules")
        return self.l7_rules

    def find_floating_ip(self, address: Address) -> FloatingIP | None:
        """Find the floating IP that has an address: ``GET /v2.0/floatingips``.

        Args:
            address: in any spelling, ``::ffff:192.0.2.1`` too.

        Returns:
            The floating IP; None where none that the credential sees has it.

        Raises:
            ValueError: it is no address; nothing was sent.
            ConflictError: several have it (external networks may overlap); the message names them.
            InfomaniakCloudError: they could not be asked for.
        """
        wanted = canonical(address)
        found: FloatingIP | None = the_one(self.floating_ips.list(floating_ip_address=wanted), wanted)
        return found

    def usage(self) -> Usage:
        """Count what the project has itself, with its quotas and since when: ten calls, and one for each further page.

        They are ``GET`` of the routes of Neutron's seven types, of Octavia's load balancers and of both services'
        quotas. Only the project's own objects are listed, whatever else the credential sees.

        Returns:
            For each type how many there are, how many there may be, and since when each has been there.

        Raises:
            InfomaniakCloudError: a list or a quota could not be had: that is never counted as 0.
        """
        project = self._session.project_id
        quotas = self.quotas.get()

        lists: Mapping[str, Callable[..., Sequence[Resource]]] = {
            "networks": self.networks.list,
            "subnets": self.subnets.list,
            "routers": self.routers.list,
            "security_groups": self.security_groups.list,
            "security_group_rules": self.security_group_rules.list,
            "ports": self.ports.list,
            "floating_ips": self.floating_ips.list,
            LOAD_BALANCERS: self.load_balancers.list,
        }

        def rows(name: str) -> Sequence[Resource]:
            needed = (*NEEDED, "port_id") if name == "floating_ips" else NEEDED
            return lists[name](project_id=project, fields=needed)

        def quota(name: str) -> object:
            if name == LOAD_BALANCERS:
                return quotas["load-balancer"].get(LOAD_BALANCER_QUOTA)
            details = quotas["network"].get(NEUTRON_QUOTAS[name])
            return details.get("limit") if isinstance(details, dict) else None

        return measured(project, rows, quota)

    def read_only(self) -> Operations:
        """Get the same collections over the same connection, through which nothing can be changed: no call.

        Returns:
            Operations of which whatever is not a ``GET`` raises ``ReadOnlyError``.

        Raises:
            Nothing: it asks nobody.
        """
        return Operations(self._session.read_only(), whole=self._whole)


class Routers(Collection[Router, RouterBody]):
    """Routers and their interfaces."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        super().__init__(session, kinds.ROUTERS, whole=whole)

    def add_interface(
        self, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None
    ) -> RouterInterface:
        """Give a router an interface on a subnet, or a port as one: ``PUT /v2.0/routers/{id}/add_router_interface``.

        Args:
            router_id: the router.
            subnet_id: the subnet, whose gateway address the interface gets.
            port_id: the port; give either.

        Returns:
            ``port_id``, ``subnet_id``, … of the interface.

        Raises:
            ValueError: neither or both are given.
            BadRequestError: it has that interface already.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._interface(router_id, "add_router_interface", subnet_id, port_id)

    def remove_interface(
        self, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None
    ) -> RouterInterface:
        """Take a router's interface away: ``PUT /v2.0/routers/{id}/remove_router_interface``.

        Args:
            router_id: the router.
            subnet_id: the subnet that it is on.
            port_id: its port; give either.

        Returns:
            ``port_id``, ``subnet_id``, … of the interface that was.

        Raises:
            ValueError: neither or both are given.
            NotFoundError: it has no such interface.
            ConflictError: a floating IP or a route needs it.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._interface(router_id, "remove_router_interface", subnet_id, port_id)

    def _interface(self, router_id: str, action: str, subnet_id: str | None, port_id: str | None) -> RouterInterface:
        if (subnet_id is None) == (port_id is None):
            raise ValueError("give either subnet_id or port_id")
        body = {"subnet_id": subnet_id} if subnet_id is not None else {"port_id": port_id}
        route = f"{kinds.ROUTERS.item}/{action}"
        answer = self._rest.session.request("network", "PUT", route, ids={"id": router_id}, body=body)
        return cast("RouterInterface", part(answer, None, dict, route, changing=True))


class FloatingIPs(Collection[FloatingIP, FloatingIPBody]):
    """Floating IPs, and an association that never takes one away from where it is."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        super().__init__(session, kinds.FLOATING_IPS, whole=whole)

    def associate(self, id: str, port_id: str, fixed_ip_address: str | None = None) -> FloatingIP:  # noqa: A002 - the API's word
        """Bind it, if it is not bound elsewhere: ``GET /v2.0/floatingips/{id}``, then ``PUT`` with ``If-Match``.

        Args:
            id: which floating IP.
            port_id: the port.
            fixed_ip_address: which of the port's addresses; None: its only one.

        Returns:
            The floating IP; unchanged where it was bound so already.

        Raises:
            ConflictError: it is bound elsewhere.
            PreconditionFailedError: it changed meanwhile.
            NotFoundError: it, or the port, is not there, or (WAITING) there is no way from the port's subnet to the
                external network yet.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        row = self.get(id)
        bound = row.get("port_id")
        if bound and bound != port_id:
            raise ConflictError(
                f"floating IP {id} is bound to port {bound}: disassociate it there first",
                category=Category.IN_USE,
            )
        if bound and fixed_ip_address in (None, row.get("fixed_ip_address")):
            return row
        body: FloatingIPBody = {"port_id": port_id}
        if fixed_ip_address is not None:
            body["fixed_ip_address"] = fixed_ip_address
        return self.update(id, body, if_revision=row["revision_number"])

    def disassociate(self, id: str, expected_port_id: str | None = None) -> FloatingIP:  # noqa: A002 - the API's word
        """Unbind it: ``GET /v2.0/floatingips/{id}``, then ``PUT`` with ``If-Match``.

        Args:
            id: which floating IP.
            expected_port_id: only if it is bound to this port; None: wherever it is bound.

        Returns:
            The floating IP; unchanged where it was not bound.

        Raises:
            ConflictError: it is bound to another port than expected.
            PreconditionFailedError: it changed meanwhile.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        row = self.get(id)
        bound = row.get("port_id")
        if not bound:
            return row
        if expected_port_id is not None and bound != expected_port_id:
            raise ConflictError(f"floating IP {id} is bound to port {bound}, not to {expected_port_id}")
        return self.update(id, {"port_id": None}, if_revision=row["revision_number"])


class LoadBalancers(Collection[LoadBalancer, LoadBalancerBody]):
    """Load balancers: each with its tree under it."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        super().__init__(session, kinds.LOAD_BALANCERS, whole=whole)
        self._whole = whole

    def create_tree(self, body: LoadBalancerBody) -> LoadBalancer:
        """Make a load balancer with all that is in it, in one call: ``POST /v2/lbaas/loadbalancers``, never repeated.

        Args:
            body: as for ``create``, with ``listeners[]`` (each with its ``default_pool``) and ``pools[]`` (each with
                ``members`` and ``healthmonitor``).

        Returns:
            The whole tree, with the ids of all that is in it: each listener has a ``default_pool_id``, and all pools,
            those of listeners too, are in ``pools``.

        Raises:
            ValueError: an attribute somewhere in the tree is unknown; nothing was sent.
            InfomaniakCloudError: refused, or ``outcome_unknown``. A refused tree leaves a VIP port of Octavia's own
                making behind: make the port yourself, and give ``vip_port_id``.
        """
        for listener in body.get("listeners") or ():
            check(kinds.LISTENERS, listener)
            if listener.get("default_pool"):
                _check_pool(listener["default_pool"])
            for policy in listener.get("l7policies") or ():
                check(kinds.L7_POLICIES, policy)
                for rule in policy.get("rules") or ():
                    check(kinds.L7_RULES, rule)
        for pool in body.get("pools") or ():
            _check_pool(pool)
        return self.create(body)

    def delete(self, id: str, *, if_revision: int | None = None, cascade: bool = False) -> None:  # noqa: A002 - the API's word
        """Delete it: ``DELETE /v2/lbaas/loadbalancers/{id}``, never repeated. It goes on after this returns.

        Args:
            id: which.
            if_revision: Octavia has none: must be None.
            cascade: with all that is under it; without, children stand in the way.

        Raises:
            ValueError: a revision is given; nothing was sent.
            NotFoundError: it is not there.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        params = [("cascade", "true")] if cascade else []
        self._rest.delete({"id": id}, if_revision, params)

    def status_tree(self, id: str) -> StatusTree:  # noqa: A002 - the API's word
        """Get the states of all that is in it, in one call: ``GET /v2/lbaas/loadbalancers/{id}/status``.

        Args:
            id: which.

        Returns:
            ``{"loadbalancer": {…, "listeners": […]}}`` without pools that no listener uses.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: it could not be asked for.
        """
        answer = self._rest.session.request(
            "load-balancer", "GET", f"{kinds.LOAD_BALANCERS.item}/status", ids={"id": id}
        )
        tree = part(answer, "statuses", dict, f"{kinds.LOAD_BALANCERS.item}/status")
        if self._whole and not is_status_tree(tree):
            raise ServiceError(f"{kinds.LOAD_BALANCERS.item}/status: the answer is no tree of states")
        return cast("StatusTree", tree)

    def statistics(self, id: str) -> Statistics:  # noqa: A002 - the API's word
        """Get what all its listeners have counted together: ``GET /v2/lbaas/loadbalancers/{id}/stats``.

        Args:
            id: which.

        Returns:
            The sums over its listeners; see ``Statistics`` for when they go back.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: it could not be asked for.
        """
        return _statistics(self._rest, kinds.LOAD_BALANCERS.item, id, whole=self._whole)


class Listeners(Collection[Listener, ListenerBody]):
    """Listeners, and what each has counted."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        super().__init__(session, kinds.LISTENERS, whole=whole)
        self._whole = whole

    def statistics(self, id: str) -> Statistics:  # noqa: A002 - the API's word
        """Get what it has counted: ``GET /v2/lbaas/listeners/{id}/stats``. Pools and members have no such figures.

        Args:
            id: which.

        Returns:
            Its connections, bytes and errors; see ``Statistics`` for when they go back.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: it could not be asked for.
        """
        return _statistics(self._rest, kinds.LISTENERS.item, id, whole=self._whole)


def _statistics(rest: Rest[Any, Any], item: str, id: str, *, whole: bool) -> Statistics:  # noqa: A002 - the API's word
    route = f"{item}/stats"
    answer = rest.session.request("load-balancer", "GET", route, ids={"id": id})
    found = part(answer, "stats", dict, route)
    if whole and not is_statistics(found):
        raise ServiceError(f"{route}: the answer is no statistics")
    return cast("Statistics", found)


def _check_pool(pool: PoolBody) -> None:
    check(kinds.POOLS, pool)
    for member in pool.get("members") or ():
        check(kinds.MEMBERS, member)
    if pool.get("healthmonitor"):
        check(kinds.HEALTH_MONITORS, pool["healthmonitor"])


_TAGGED: Mapping[str, kinds.ResourceKind[Any, Any]] = {
    "networks": kinds.NETWORKS,
    "subnets": kinds.SUBNETS,
    "routers": kinds.ROUTERS,
    "security_groups": kinds.SECURITY_GROUPS,
    "floating_ips": kinds.FLOATING_IPS,
    "ports": kinds.PORTS,
}


class Tags:
    """Tags of Neutron's objects, which cost a call of their own. Octavia's are attributes like others."""

    def __init__(self, session: CloudSession) -> None:
        self._session = session

    def replace(self, resource: str, id: str, tags: Iterable[str]) -> list[str]:  # noqa: A002 - the API's word
        """Make these the object's tags, and no others: ``PUT /v2.0/{collection}/{id}/tags``.

        Args:
            resource: the collection, as in ``Operations``: ``networks``, ``floating_ips``, …
            id: which.
            tags: all of them.

        Returns:
            The tags it then has.

        Raises:
            ValueError: the collection has no tags of this sort.
            NotFoundError: it is not there.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        if resource not in _TAGGED:
            raise ValueError(f"no tags for {resource!r}; for: {', '.join(sorted(_TAGGED))}")
        route = f"{_TAGGED[resource].item}/tags"
        answer = self._session.request("network", "PUT", route, ids={"id": id}, body={"tags": list(tags)})
        return part(answer, "tags", list, route, changing=True)


class NetworkShares:
    """With which other projects networks are shared: Neutron's RBAC policies, which are only read here."""

    def __init__(self, session: CloudSession) -> None:
        self._rest = Rest(session, kinds.RBAC_POLICIES, whole=True)

    def list(self) -> dict[str, builtins.list[str]]:
        """List what the credential sees: ``GET /v2.0/rbac-policies``, all pages.

        A project sees the policies of its own networks only: not that somebody else's network is shared with it.

        Returns:
            By the id of each network that is shared, the ids of the projects that may use it, in order; ``*`` is all.

        Raises:
            InfomaniakCloudError: they could not be listed.
        """
        wanted = {"object_type": "network", "action": "access_as_shared"}
        found: dict[str, set[str]] = {}
        for row in self._rest.list({}, None, wanted):
            found.setdefault(row["object_id"], set()).add(row["target_tenant"])
        return {network: sorted(projects) for network, projects in found.items()}


class Quotas:
    """What the project may have."""

    def __init__(self, session: CloudSession) -> None:
        self._session = session

    def get(self) -> ProjectQuotas:
        """Get the limits and uses of the project, by service, in two calls.

        They are ``GET /v2.0/quotas/{project_id}/details.json`` and ``GET /v2/lbaas/quotas/{project_id}``.

        Returns:
            ``{"network": {"network": {"limit": 10, "used": 3, "reserved": 0}, …}, "load-balancer": {"load_balancer":
            10, …}}``: Octavia tells only limits; -1 is none.

        Raises:
            InfomaniakCloudError: they could not be asked for.
        """
        return {"network": self.network(), "load-balancer": self.load_balancer()}

    def network(self) -> dict[str, QuotaDetail]:
        """Get Neutron's limits and uses alone: ``GET /v2.0/quotas/{project_id}/details.json``.

        Returns:
            ``{"network": {"limit": 10, "used": 3, "reserved": 0}, …}``; a limit of -1 is none.

        Raises:
            InfomaniakCloudError: they could not be asked for.
        """
        ids = {"project_id": self._session.project_id}
        answer = self._session.request("network", "GET", "/v2.0/quotas/{project_id}/details.json", ids=ids)
        return cast("dict[str, QuotaDetail]", part(answer, "quota", dict, "/v2.0/quotas"))

    def load_balancer(self) -> OctaviaQuota:
        """Get Octavia's limits alone: ``GET /v2/lbaas/quotas/{project_id}``.

        Returns:
            ``{"load_balancer": 10, …}``; -1 is no limit. Octavia tells no uses.

        Raises:
            InfomaniakCloudError: they could not be asked for.
        """
        ids = {"project_id": self._session.project_id}
        answer = self._session.request("load-balancer", "GET", "/v2/lbaas/quotas/{project_id}", ids=ids)
        return cast("OctaviaQuota", part(answer, "quota", dict, "/v2/lbaas/quotas"))
