"""An OpenStack in memory, behind the interface of the client's ``Operations``: for unit tests of what stands on it.

It keeps the rules that matter to a reconciler (who sees what, in-use refusals with their real types, revision numbers,
atomic bulk creates, default rules, ways to the external network), as the contract suite in tests/contract/cloud checks
against a real Neutron and a real Octavia.
"""

from __future__ import annotations

import copy
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.client.classify import Words, by_status
from infomaniak_operator.client.errors import InfomaniakCloudError
from sandbox.traits import PLAIN, Traits
from tests.support.fake_cloud_names import Designate
from tests.support.fake_cloud_neutron import Neutron
from tests.support.fake_cloud_octavia import Octavia
from tests.support.fake_cloud_operations import FakeOperations
from tests.support.fake_cloud_rules import Refused
from tests.support.fake_cloud_secrets import Barbican

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
        traits: in what it is as Infomaniak's.

    Attributes:
        designate: its names.
        calls: every call so far: method (LIST, GET, POST, PUT, PATCH, DELETE), collection, and what it was about (an id, a
            body, filters).
        on_call: called before each call is carried out, with its method, collection and subject; it may act on the
            cloud itself, or raise.
        quotas: how many a project may have, by collection.
        tables: everything there is, by collection and id: for a look from outside that counts as no call.
        unreadable: addresses of certificates that are not in Barbican, or not for Octavia; all others are.
        settles_at_once: whether every change of a load balancer is through as soon as it was answered (the answer still
            says PENDING); otherwise all of them wait for ``settle``.
    """

    def __init__(self, seed: int = 0, external: str | None = EXTERNAL, traits: Traits = PLAIN) -> None:
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._faults: list[_Fault] = []
        self._unfinished: list[Callable[[], Any]] = []
        self.calls: list[tuple[str, str, Any]] = []
        self.on_call: Callable[[str, str, Any], None] | None = None
        self.neutron = Neutron(self._id, traits)
        self.octavia = Octavia(self.neutron)
        self.designate = Designate(self)
        self.barbican = Barbican(self)
        self.octavia.keeper = self.barbican.serves
        self.octavia.payload = self.barbican.payload
        self.settles_at_once = False
        self.tables = self.neutron.tables
        self.quotas: dict[str, int] = self.neutron.quotas
        self.unreadable: set[str] = self.octavia.unreadable
        self.external_network_id = self.neutron.make_external(external) if external else None
        if traits.shared_networks:
            self.neutron.make_others()

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

    def settle(self) -> None:
        """Have the services finish what they are at: PENDING becomes ACTIVE and ONLINE, what is deleted goes."""
        with self._lock:
            self.octavia.settle()
            self.designate.settle()

    def changes(self) -> list[tuple[str, str, Any]]:
        """The calls that were to change something."""
        return [call for call in self.calls if call[0] not in ("LIST", "GET")]

    def perform(self, method: str, collection: str, subject: Any, act: Callable[[], Any]) -> Any:
        """One call: recorded, interfered with, carried out."""
        self.calls.append((method, collection, copy.deepcopy(subject)))
        if self.on_call is not None:
            self.on_call(method, collection, subject)

        changing = method not in ("LIST", "GET")

        def carry_out() -> Any:
            with self._lock:
                try:
                    answer = copy.deepcopy(act())
                except Refused as refused:
                    words = Words(refused.error_type, refused.message)
                    error = by_status(refused.status, words, what=f"{method} {collection}", changing=changing)
                    raise error from None
                if self.settles_at_once and changing:
                    self.octavia.settle()
                    self.designate.settle()
                return answer

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
