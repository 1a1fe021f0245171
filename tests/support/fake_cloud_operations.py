"""What looks like the client's ``Operations``, on the cloud in memory: every call is recorded, and may be interfered with."""

# ruff: noqa: A002 - the API says id

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from infomaniak_operator.client import ReadOnlyError
from infomaniak_operator.client.operations import FloatingIPs, LoadBalancers
from infomaniak_operator.client.session import is_id
from tests.support.fake_cloud_names import FakeReverseNames
from tests.support.fake_cloud_octavia import PARENTS
from tests.support.fake_cloud_rules import Row
from tests.support.fake_cloud_secrets import FakeSecrets

if TYPE_CHECKING:
    from tests.support.fake_cloud import FakeCloud


class FakeOperations:
    """Looks like ``Operations`` of one project."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id
        self.networks = FakeCollection(cloud, project_id, "networks")
        self.subnets = FakeCollection(cloud, project_id, "subnets")
        self.routers = FakeRouters(cloud, project_id, "routers")
        self.security_groups = FakeCollection(cloud, project_id, "security_groups")
        self.security_group_rules = FakeCollection(cloud, project_id, "security_group_rules")
        self.floating_ips = FakeFloatingIPs(cloud, project_id, "floating_ips")
        self.port_forwardings = FakePortForwardings(cloud, project_id)
        self.ports = FakeCollection(cloud, project_id, "ports")
        self.load_balancers = FakeLoadBalancers(cloud, project_id, "load_balancers")
        self.listeners = FakeListeners(cloud, project_id, "listeners")
        self.pools = FakeCollection(cloud, project_id, "pools")
        self.members = FakeMembers(cloud, project_id, "members")
        self.health_monitors = FakeCollection(cloud, project_id, "health_monitors")
        self.l7_policies = FakeCollection(cloud, project_id, "l7policies")
        self.l7_rules = FakeNested(cloud, project_id, "l7rules")
        self.l7policies, self.l7rules = self.l7_policies, self.l7_rules  # the former names
        self.tags = FakeTags(cloud, project_id)
        self.quotas = FakeQuotas(cloud, project_id)
        self.network_shares = FakeNetworkShares(cloud, project_id)
        self.reverse_dns = FakeReverseNames(cloud, project_id)
        self.secrets = FakeSecrets(cloud, project_id)

    def read_only(self) -> FakeOperations:
        """As ``Operations.read_only``: what would change something is refused before it is a call."""
        return FakeOperations(cast("FakeCloud", _Reading(self._cloud)), self._project)


class _Reading:
    """A cloud of which nothing but reading calls get through."""

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def perform(self, method: str, collection: str, subject: Any, act: Callable[[], Any]) -> Any:
        if method not in ("LIST", "GET"):
            raise ReadOnlyError(f"{method} {collection}")
        return self._cloud.perform(method, collection, subject, act)


def _check_id(id: str) -> None:
    """As the client does: an id is put into a path, and what cannot be one is refused before any call."""
    if not is_id(id):
        raise ValueError(f"id is no id: {id!r}")


class FakeCollection:
    """Looks like ``BulkCollection``; Octavia's have no ``create_many``."""

    def __init__(self, cloud: FakeCloud, project_id: str, name: str) -> None:
        self._cloud = cloud
        self._project = project_id
        self._name = name
        self._service: Any = cloud.octavia if name in cloud.octavia.names else cloud.neutron

    def list(self, *, fields: Sequence[str] | None = None, **filters: Any) -> Any:
        service = self._service
        service.check_filters(self._name, filters)
        return self._cloud.perform(
            "LIST", self._name, filters, lambda: service.list(self._project, self._name, fields, filters)
        )

    def get(self, id: str) -> Row:
        _check_id(id)
        service = self._service
        row: Row = self._cloud.perform("GET", self._name, id, lambda: service.get(self._project, self._name, id))
        return row

    def create(self, body: Mapping[str, Any]) -> Row:
        service = self._service
        service.check(self._name, body)
        sent = copy.deepcopy(dict(body))
        rows: Sequence[Row] = self._cloud.perform(
            "POST", self._name, sent, lambda: service.create(self._project, self._name, [sent])
        )
        return rows[0]

    def create_many(self, bodies: Iterable[Mapping[str, Any]]) -> Any:
        service = self._service
        sent = [copy.deepcopy(dict(body)) for body in bodies]
        for body in sent:
            service.check(self._name, body)
        if not sent:
            return []
        return self._cloud.perform("POST", self._name, sent, lambda: service.create(self._project, self._name, sent))

    def update(self, id: str, body: Mapping[str, Any], *, if_revision: int | None = None) -> Row:
        _check_id(id)
        service = self._service
        service.check(self._name, body)
        sent = copy.deepcopy(dict(body))
        row: Row = self._cloud.perform(
            "PUT", self._name, (id, sent), lambda: service.update(self._project, self._name, id, sent, if_revision)
        )
        return row

    def delete(self, id: str, *, if_revision: int | None = None) -> None:
        _check_id(id)
        service = self._service
        self._cloud.perform(
            "DELETE", self._name, id, lambda: service.delete(self._project, self._name, id, if_revision)
        )


class FakeRouters(FakeCollection):
    """Looks like ``Routers``."""

    def add_interface(self, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None) -> Row:
        return self._interface(self._cloud.neutron.add_interface, "add", router_id, subnet_id, port_id)

    def remove_interface(self, router_id: str, *, subnet_id: str | None = None, port_id: str | None = None) -> Row:
        return self._interface(self._cloud.neutron.remove_interface, "remove", router_id, subnet_id, port_id)

    def _interface(
        self, act: Callable[..., Row], verb: str, router_id: str, subnet_id: str | None, port_id: str | None
    ) -> Row:
        if (subnet_id is None) == (port_id is None):
            raise ValueError("give either subnet_id or port_id")
        subject = (router_id, {f"{verb}_interface": subnet_id or port_id})
        row: Row = self._cloud.perform(
            "PUT", self._name, subject, lambda: act(self._project, router_id, subnet_id=subnet_id, port_id=port_id)
        )
        return row


class FakeFloatingIPs(FakeCollection):
    """Looks like ``FloatingIPs``: its two own operations are the real ones' code, on this collection."""

    def associate(self, id: str, port_id: str, fixed_ip_address: str | None = None) -> Row:
        return FloatingIPs.associate(self, id, port_id, fixed_ip_address)  # type: ignore[arg-type]

    def disassociate(self, id: str, expected_port_id: str | None = None) -> Row:
        return FloatingIPs.disassociate(self, id, expected_port_id)  # type: ignore[arg-type]


class FakePortForwardings:
    """Looks like ``PortForwardings``."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id

    def _perform(self, method: str, subject: Any, act: Callable[[], Any]) -> Any:
        for each in subject[:2]:
            if isinstance(each, str):
                _check_id(each)
        return self._cloud.perform(method, "port_forwardings", subject, act)

    def list(self, floatingip_id: str, *, fields: Sequence[str] | None = None, **filters: Any) -> Any:
        neutron = self._cloud.neutron
        subject = (floatingip_id, filters)
        return self._perform("LIST", subject, lambda: neutron.list_forwardings(self._project, floatingip_id, filters))

    def create(self, floatingip_id: str, body: Mapping[str, Any]) -> Row:
        neutron, sent = self._cloud.neutron, copy.deepcopy(dict(body))
        neutron.check_forwarding(sent)
        subject = (floatingip_id, sent)
        row: Row = self._perform("POST", subject, lambda: neutron.add_forwarding(self._project, floatingip_id, sent))
        return row

    def update(self, floatingip_id: str, id: str, body: Mapping[str, Any]) -> Row:
        neutron, sent = self._cloud.neutron, copy.deepcopy(dict(body))
        neutron.check_forwarding(sent)
        subject = (floatingip_id, id, sent)
        row: Row = self._perform(
            "PUT", subject, lambda: neutron.change_forwarding(self._project, floatingip_id, id, sent)
        )
        return row

    def delete(self, floatingip_id: str, id: str) -> None:
        neutron = self._cloud.neutron
        self._perform(
            "DELETE", (floatingip_id, id), lambda: neutron.remove_forwarding(self._project, floatingip_id, id)
        )


class FakeLoadBalancers(FakeCollection):
    """Looks like ``LoadBalancers``."""

    def create_tree(self, body: Mapping[str, Any]) -> Row:
        # The real one's code, on this collection: it looks at what is nested before it sends anything.
        return LoadBalancers.create_tree(self, body)  # type: ignore[arg-type]

    def delete(self, id: str, *, if_revision: int | None = None, cascade: bool = False) -> None:
        _check_id(id)
        octavia = self._cloud.octavia
        self._cloud.perform(
            "DELETE",
            self._name,
            id,
            lambda: octavia.delete(self._project, self._name, id, if_revision, cascade=cascade),
        )

    def status_tree(self, id: str) -> Row:
        _check_id(id)
        octavia = self._cloud.octavia
        subject = (id, "status")
        row: Row = self._cloud.perform("GET", self._name, subject, lambda: octavia.status_tree(self._project, id))
        return row

    def statistics(self, id: str) -> Row:
        return _statistics(self._cloud, self._project, self._name, id)


class FakeListeners(FakeCollection):
    """Looks like ``Listeners``."""

    def statistics(self, id: str) -> Row:
        return _statistics(self._cloud, self._project, self._name, id)


def _statistics(cloud: FakeCloud, project: str, collection: str, id: str) -> Row:
    _check_id(id)
    row: Row = cloud.perform(
        "GET", collection, (id, "stats"), lambda: cloud.octavia.statistics(project, collection, id)
    )
    return row


class FakeNested:
    """Looks like ``Members``: a collection in the path of a parent."""

    def __init__(self, cloud: FakeCloud, project_id: str, name: str) -> None:
        self._cloud = cloud
        self._octavia = cloud.octavia
        self._project = project_id
        self._name = name
        self._key = PARENTS[name][1]

    def _perform(self, method: str, subject: Any, parent: str, id: str | None, act: Callable[[], Any]) -> Any:
        _check_id(parent)

        def carry_out() -> Any:
            self._octavia.inside(self._project, self._name, parent, id)
            return act()

        return self._cloud.perform(method, self._name, subject, carry_out)

    def list(self, parent: str, *, fields: Sequence[str] | None = None, **filters: Any) -> Any:
        self._octavia.check_filters(self._name, filters)
        within = {**filters, self._key: parent}
        return self._perform(
            "LIST",
            (parent, filters),
            parent,
            None,
            lambda: self._octavia.list(self._project, self._name, fields, within),
        )

    def get(self, parent: str, id: str) -> Row:
        row: Row = self._perform(
            "GET", (parent, id), parent, id, lambda: self._octavia.get(self._project, self._name, id)
        )
        return row

    def create(self, parent: str, body: Mapping[str, Any]) -> Row:
        self._octavia.check(self._name, body)
        sent = copy.deepcopy(dict(body))
        rows: Sequence[Row] = self._perform(
            "POST",
            (parent, sent),
            parent,
            None,
            lambda: self._octavia.create(self._project, self._name, [{**sent, self._key: parent}]),
        )
        return rows[0]

    def update(self, parent: str, id: str, body: Mapping[str, Any]) -> Row:
        self._octavia.check(self._name, body)
        sent = copy.deepcopy(dict(body))
        row: Row = self._perform(
            "PUT",
            (parent, id, sent),
            parent,
            id,
            lambda: self._octavia.update(self._project, self._name, id, sent),
        )
        return row

    def delete(self, parent: str, id: str) -> None:
        self._perform("DELETE", (parent, id), parent, id, lambda: self._octavia.delete(self._project, self._name, id))


class FakeMembers(FakeNested):
    """Looks like ``Members``."""

    def replace_all(self, pool_id: str, members: Iterable[Mapping[str, Any]]) -> None:
        sent = [copy.deepcopy(dict(member)) for member in members]
        for member in sent:
            self._octavia.check(self._name, member)
        self._perform(
            "PUT",
            (pool_id, sent),
            pool_id,
            None,
            lambda: self._octavia.replace_members(self._project, pool_id, sent),
        )


class FakeTags:
    """Looks like ``Tags``."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id

    def replace(self, resource: str, id: str, tags: Iterable[str]) -> Any:
        wanted = list(tags)
        return self._cloud.perform(
            "PUT",
            "tags",
            (resource, id, wanted),
            lambda: self._cloud.neutron.replace_tags(self._project, resource, id, wanted),
        )


class FakeNetworkShares:
    """Looks like ``NetworkShares``."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id

    def list(self) -> dict[str, list[str]]:
        """As ``NetworkShares.list``."""
        cloud = self._cloud
        return cast(
            "dict[str, list[str]]",
            cloud.perform("LIST", "rbac_policies", None, lambda: cloud.neutron.shares(self._project)),
        )


class FakeQuotas:
    """Looks like ``Quotas``."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id

    def get(self) -> Any:
        return {"network": self.network(), "load-balancer": self.load_balancer()}

    def network(self) -> Any:
        cloud = self._cloud
        return cloud.perform("GET", "quotas", self._project, lambda: cloud.neutron.usage(self._project))

    def load_balancer(self) -> Any:
        cloud = self._cloud
        return cloud.perform("GET", "quotas", self._project, cloud.octavia.limits)
