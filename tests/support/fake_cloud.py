"""An OpenStack in memory, behind the interface of the client's ``Operations``: for unit tests of what stands on it.

It keeps the rules that matter to a reconciler (who sees what, in-use refusals with their real types, revision numbers,
atomic bulk creates, default rules, ways to the external network), as the contract suite in tests/contract/cloud checks
against a real Neutron. Neutron only, so far: load balancers get a module of their own beside ``fake_cloud_neutron``.
"""

# ruff: noqa: A002 - the API says id

from __future__ import annotations

import copy
import random
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.client.classify import Words, by_status
from infomaniak_operator.client.errors import InfomaniakCloudError
from infomaniak_operator.client.operations import FloatingIPs
from tests.support.fake_cloud_neutron import Neutron
from tests.support.fake_cloud_rules import Refused, Row

EXTERNAL = "ext-floating1"


@dataclass
class _Fault:
    method: str
    collection: str
    error: BaseException
    when: str


class FakeCloud:
    """One cloud, in which every project sees its own.

    Args:
        seed: for the ids, which are random but the same in every run.
        external: name of the external network, or None for a cloud without one.

    Attributes:
        calls: every call so far: method (LIST, GET, POST, PUT, DELETE), collection, and what it was about (an id, a
            body, filters).
        on_call: called before each call is carried out, with its method, collection and subject; it may act on the
            cloud itself, or raise.
        quotas: how many a project may have, by collection.
        tables: everything there is, by collection and id: for a look from outside that counts as no call.
    """

    def __init__(self, seed: int = 0, external: str | None = EXTERNAL) -> None:
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._faults: list[_Fault] = []
        self._unfinished: list[Callable[[], Any]] = []
        self.calls: list[tuple[str, str, Any]] = []
        self.on_call: Callable[[str, str, Any], None] | None = None
        self.neutron = Neutron(self._id)
        self.tables = self.neutron.tables
        self.quotas: dict[str, int] = self.neutron.quotas
        self.external_network_id = self.neutron.make_external(external) if external else None

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def operations(self, project_id: str = "alpha") -> FakeOperations:
        """The cloud in the hands of one project."""
        return FakeOperations(self, project_id)

    def fail_next(
        self, method: str, collection: str, error: BaseException, *, after: bool = False, late: bool = False
    ) -> None:
        """Have the next call of that sort fail; several add up, one for each call.

        Args:
            method: LIST, GET, POST, PUT or DELETE.
            collection: as in ``Operations``.
            error: what it raises. One of ours then says that the outcome is unknown, if the call acts or will act.
            after: the call is carried out first.
            late: the call is carried out only at the next ``finish``.
        """
        self._faults.append(_Fault(method, collection, error, "late" if late else "after" if after else "before"))

    def finish(self) -> None:
        """Carry out what was left unfinished by ``fail_next(late=True)``; what is refused by then is dropped."""
        with self._lock:
            unfinished, self._unfinished = self._unfinished, []
            for act in unfinished:
                try:
                    act()
                except InfomaniakCloudError:
                    continue

    def changes(self) -> list[tuple[str, str, Any]]:
        """The calls that were to change something."""
        return [call for call in self.calls if call[0] not in ("LIST", "GET")]

    def perform(self, method: str, collection: str, subject: Any, act: Callable[[], Any]) -> Any:
        """One call: recorded, interfered with, carried out."""
        self.calls.append((method, collection, copy.deepcopy(subject)))
        if self.on_call is not None:
            self.on_call(method, collection, subject)

        def carry_out() -> Any:
            with self._lock:
                try:
                    return copy.deepcopy(act())
                except Refused as refused:
                    words = Words(refused.error_type, refused.message)
                    changing = method not in ("LIST", "GET")
                    error = by_status(refused.status, words, what=f"{method} {collection}", changing=changing)
                    raise error from None

        fault = self._fault(method, collection)
        if fault is None:
            return carry_out()
        if fault.when == "after":
            carry_out()
        elif fault.when == "late":
            self._unfinished.append(carry_out)
        if fault.when != "before" and isinstance(fault.error, InfomaniakCloudError):
            fault.error.outcome_unknown = True
        raise fault.error

    def _fault(self, method: str, collection: str) -> _Fault | None:
        with self._lock:
            for fault in self._faults:
                if (fault.method, fault.collection) == (method, collection):
                    self._faults.remove(fault)
                    return fault
        return None


class FakeOperations:
    """Looks like ``Operations`` of one project."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self.networks = FakeCollection(cloud, project_id, "networks")
        self.subnets = FakeCollection(cloud, project_id, "subnets")
        self.routers = FakeRouters(cloud, project_id, "routers")
        self.security_groups = FakeCollection(cloud, project_id, "security_groups")
        self.security_group_rules = FakeCollection(cloud, project_id, "security_group_rules")
        self.floating_ips = FakeFloatingIPs(cloud, project_id, "floating_ips")
        self.ports = FakeCollection(cloud, project_id, "ports")
        self.tags = FakeTags(cloud, project_id)
        self.quotas = FakeQuotas(cloud, project_id)


class FakeCollection:
    """Looks like ``BulkCollection``."""

    def __init__(self, cloud: FakeCloud, project_id: str, name: str) -> None:
        self._cloud = cloud
        self._project = project_id
        self._name = name

    def list(self, *, fields: Sequence[str] | None = None, **filters: Any) -> Any:
        neutron = self._cloud.neutron
        neutron.check_filters(self._name, filters)
        return self._cloud.perform(
            "LIST", self._name, filters, lambda: neutron.list(self._project, self._name, fields, filters)
        )

    def get(self, id: str) -> Row:
        neutron = self._cloud.neutron
        return self._cloud.perform("GET", self._name, id, lambda: neutron.get(self._project, self._name, id))

    def create(self, body: Mapping[str, Any]) -> Row:
        neutron = self._cloud.neutron
        neutron.check(self._name, body)
        sent = copy.deepcopy(dict(body))
        (made,) = self._cloud.perform(
            "POST", self._name, sent, lambda: neutron.create(self._project, self._name, [sent])
        )
        return made

    def create_many(self, bodies: Iterable[Mapping[str, Any]]) -> Any:
        neutron = self._cloud.neutron
        sent = [copy.deepcopy(dict(body)) for body in bodies]
        for body in sent:
            neutron.check(self._name, body)
        if not sent:
            return []
        return self._cloud.perform("POST", self._name, sent, lambda: neutron.create(self._project, self._name, sent))

    def update(self, id: str, body: Mapping[str, Any], *, if_revision: int | None = None) -> Row:
        neutron = self._cloud.neutron
        neutron.check(self._name, body)
        sent = copy.deepcopy(dict(body))
        return self._cloud.perform(
            "PUT", self._name, (id, sent), lambda: neutron.update(self._project, self._name, id, sent, if_revision)
        )

    def delete(self, id: str, *, if_revision: int | None = None) -> None:
        neutron = self._cloud.neutron
        self._cloud.perform(
            "DELETE", self._name, id, lambda: neutron.delete(self._project, self._name, id, if_revision)
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
        return self._cloud.perform(
            "PUT", self._name, subject, lambda: act(self._project, router_id, subnet_id=subnet_id, port_id=port_id)
        )


class FakeFloatingIPs(FakeCollection):
    """Looks like ``FloatingIPs``: its two own operations are the real ones' code, on this collection."""

    def associate(self, id: str, port_id: str, fixed_ip_address: str | None = None) -> Row:
        return FloatingIPs.associate(self, id, port_id, fixed_ip_address)  # type: ignore[arg-type]

    def disassociate(self, id: str, expected_port_id: str | None = None) -> Row:
        return FloatingIPs.disassociate(self, id, expected_port_id)  # type: ignore[arg-type]


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


class FakeQuotas:
    """Looks like ``Quotas``, of Neutron."""

    def __init__(self, cloud: FakeCloud, project_id: str) -> None:
        self._cloud = cloud
        self._project = project_id

    def get(self) -> Any:
        return self._cloud.perform(
            "GET", "quotas", self._project, lambda: {"network": self._cloud.neutron.usage(self._project)}
        )
