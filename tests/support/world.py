"""A cluster in memory: the real operator with a Kubernetes API server and a cloud that a test holds in its hands.

Time is a manual clock that moves a little with every look at it, so that what begins later is later.
"""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from infomaniak_operator.cli.wiring import resources
from infomaniak_operator.client import CloudCredentials, ForbiddenError, InfomaniakCloudError
from infomaniak_operator.controller.interfaces import (
    Key,
    KubeObject,
    Memory,
    Polled,
    Reconciler,
    RequeueAfter,
    Result,
    Retry,
    Superseded,
)
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.generic.reconciler import ReconcileSettings
from infomaniak_operator.reconcile.generic.tenancy import TenantIsolation
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner
from infomaniak_operator.reconcile.reconcilers import poller, reconcilers
from tests.support.clock import ManualClock
from tests.support.fake_cloud import FakeCloud
from tests.support.fake_kube import FakeKube
from tests.support.objects import KUBE_SYSTEM, key_of, secret
from tests.support.process import Operator, Seen, Told
from tests.support.pure_plans import check_plans
from tests.support.tapped import Call, Tapped

PROJECT = "alpha"
REGION = "dc3-a"
GRACE = 60.0
RESOURCES = resources(readiness_gates=True)


class World:
    """A cluster whose objects are in a fake cloud.

    Args:
        bodies: objects that are there from the start, beside a Secret with a credential.
        fake: the cloud; several clusters may share one.
        cluster_id: names the cluster in marks.
        restore: the operator's restore flag.
        credentials: the operator's settings of credentials.
        with_secret: whether the Secret is there.
        isolation: what namespaces may not name; as the operator has it by default where it is not given.
        sees_all: whether the operator watches all namespaces.

    Attributes:
        clock: its time.
        kube: the API server.
        reconcilers: by kind, what reconciles it.
        on_kube: called with ``add_finalizer``, ``record``, ``status`` or ``finalizer`` and what carries out that write to
            Kubernetes: the place to fail or kill.
        cloud: the calls the operator makes, with the place to interfere.
        others: the same project in the hands of somebody else.
        project: what a login leads to; a test may change it.
        login: called at each login, to fail it.
    """

    def __init__(
        self,
        *bodies: Mapping[str, Any],
        fake: FakeCloud | None = None,
        cluster_id: str = KUBE_SYSTEM,
        restore: bool = False,
        credentials: CredentialSettings | None = None,
        with_secret: bool = True,
        isolation: TenantIsolation | None = None,
        sees_all: bool = True,
    ) -> None:
        self.fake = fake or FakeCloud()
        self.others = self.fake.operations(PROJECT)
        self.cloud = Tapped(self.fake.operations(PROJECT))
        self.cluster_id = cluster_id
        self.project = (PROJECT, REGION)
        self.login: Callable[[CloudCredentials], None] = lambda _: None
        self._settings = ReconcileSettings(
            cluster_id=cluster_id,
            credentials=credentials or CredentialSettings(),
            create_grace=GRACE,
            restore=restore,
            isolation=isolation or TenantIsolation(),
            sees_all=sees_all,
        )
        self.clock = ManualClock(1000.0, 1.8e9 + 1000.0, tick=1e-6)
        self.fake.neutron.now = self.clock.now
        self.kube = FakeKube()
        self.on_kube: Callable[[str, Callable[[], Any]], Any] = lambda _, act: act()
        self.reconcilers: dict[str, Reconciler] = {}
        self._seen = Seen()
        self.process = self._start()
        self.clock.advance(3600)  # the process has been at work for long, unless a test restarts it
        for body in ([secret()] if with_secret else []) + list(bodies):
            self.apply(body)

    def _start(self) -> Operator:
        clouds = Clouds(self.connect)
        self.clouds = clouds
        self.poller = poller(clouds, self._settings, self.clock.monotonic)
        self.reconcilers.update({each.kind: each for each in reconcilers(clouds, self._settings)})
        for each in self.reconcilers.values():
            check_plans(each._actuator)
        return Operator(
            self.kube,
            RESOURCES,
            self.clock,
            self.reconcilers,
            seen=self._seen,
            on_kube=lambda what, act: self.on_kube(what, act),
        )

    def connect(self, credentials: CloudCredentials) -> Cloud:
        """The project of a credential."""

        def identity() -> tuple[str, str]:
            self.login(credentials)
            return self.project

        return Cloud(self.cloud, identity, self.clock.monotonic)

    # What a user does.

    def apply(self, body: Mapping[str, Any]) -> Key:
        """``kubectl apply``: a new object, or another spec and annotations for the one that is there."""
        key = key_of(body)
        former = self.kube.stored(*_place(key))
        if former is not None:
            meta = {**former["metadata"], "annotations": body["metadata"].get("annotations") or {}}
            if former.get("spec") != body.get("spec"):
                meta["generation"] = int(meta.get("generation", 1)) + 1
            body = {**former, **{k: v for k, v in body.items() if k not in ("status", "metadata")}, "metadata": meta}
        self._put(key, body)
        return key

    def spec(self, key: Key, **fields: Any) -> None:
        """Change fields of the spec; ``...`` takes one out."""
        body = self.object(key).body
        spec = {name: value for name, value in {**body["spec"], **fields}.items() if value is not ...}
        self.apply({**body, "spec": spec})

    def annotate(self, key: Key, **annotations: str) -> None:
        """Set annotations of ours by their short names, ``_`` for ``-``; an empty one takes it away."""
        named = {f"network.infomaniak.cloud/{name.replace('_', '-')}": value for name, value in annotations.items()}
        body = self.object(key).body
        former = body["metadata"].get("annotations") or {}
        merged = {name: value for name, value in {**former, **named}.items() if value}
        self.apply({**body, "metadata": {**body["metadata"], "annotations": merged}})

    def delete(self, key: Key) -> None:
        """``kubectl delete``: at once without a finalizer, else Terminating."""
        resource, name, namespace = _place(key)
        self.kube.delete(resource, name, namespace)

    def poke(self, key: Key, change: Callable[[dict[str, Any]], object]) -> None:
        """Write an object as nobody should."""
        body = copy.deepcopy(dict(self.object(key).body))
        change(body)
        self._put(key, body)

    def vanish(self, key: Key) -> None:
        """Have an object be gone, whatever finalizers it has."""
        resource, name, namespace = _place(key)
        self.kube.vanish(resource, name, namespace)

    def _put(self, key: Key, body: Mapping[str, Any]) -> None:
        resource, name, namespace = _place(key)
        self.kube.put(resource, name, body, namespace)

    # What can be seen.

    def get(self, key: Key) -> KubeObject | None:
        """The object, or None."""
        body = self.kube.stored(*_place(key))
        return KubeObject.of(body) if body is not None else None

    def object(self, key: Key) -> KubeObject:
        """The object, which must be there."""
        found = self.get(key)
        assert found is not None, f"{key} is not there"
        return found

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        """All objects of a kind, sorted by key."""
        found = map(KubeObject.of, self.kube.held(RESOURCES[kind]))
        return sorted((each for each in found if namespace in (None, each.key.namespace)), key=lambda each: each.key)

    def referrers(self, key: Key) -> list[KubeObject]:
        """The objects that refer to one, as the operator knows them."""
        return self.process.manager.view.referrers(key)

    def memory(self, key: Key) -> Memory:
        """What the process remembers of an object."""
        return self.process.manager._worker.records.of(self.object(key).uid).memory

    def ready(self, key: Key) -> tuple[str, str]:
        """Status and reason of ``Ready``."""
        return self.says(key, "Ready")

    def says(self, key: Key, kind: str) -> tuple[str, str]:
        """Status and reason of a condition; empty where it is not there."""
        found = self.object(key).condition(kind) or {}
        return str(found.get("status", "")), str(found.get("reason", ""))

    def message(self, key: Key, kind: str = "Ready") -> str:
        """Message of a condition."""
        return str((self.object(key).condition(kind) or {}).get("message", ""))

    def progress(self, key: Key) -> str:
        """Which of Reconciling and Stalled is there, or nothing."""
        there = [kind for kind in ("Reconciling", "Stalled") if self.object(key).condition(kind)]
        assert len(there) <= 1
        return "".join(there)

    def told(self, key: Key) -> list[str]:
        """The reasons of the Events since the last time."""
        told = [event.reason for event in self.events.get(key, ())]
        self.events[key] = []
        return told

    @property
    def events(self) -> dict[Key, list[Told]]:
        """What was published, by key."""
        return self._seen.events

    @property
    def status_writes(self) -> Counter[Key]:
        """How often a status was written, by key."""
        return self._seen.status_writes

    @property
    def records(self) -> Counter[Key]:
        """How often it was written in mid-reconcile, ahead of a call to the cloud; in ``status_writes``, too."""
        return self._seen.records

    @property
    def finalizers_added(self) -> Counter[Key]:
        """How often the finalizer was set, by key."""
        return self._seen.finalizers_added

    # What the operator's process does.

    def restart(self) -> None:
        """Another process takes over: it remembers nothing, and acts from now on."""
        self.process.kill()
        self.process = self._start()

    def reconcile(self, key: Key, *, fresh_after: float | None = None, deep: bool = True) -> Result | None:
        """One reconcile of an object; to be made again where the object has changed meanwhile.

        None where the object is gone.

        Args:
            key: which object.
            fresh_after: monotonic seconds; the beginning of the reconcile if left out.
            deep: False for one that only a change of something it refers to has caused.

        Raises:
            Superseded, KubeError: a test had a write to Kubernetes end so.
            Exception: the reconciler failed unexpectedly.
        """
        if self.get(key) is None:
            return None
        self.process.catch_up()
        queue = self.process.queue
        queue.withdraw(key)
        queue.add(key, self.clock.monotonic() if fresh_after is None else fresh_after, deep=deep)
        return self._reconcile(key)

    def settle(self, key: Key, reconciles: int = 50) -> Result | None:
        """Reconcile an object until nothing is left to do but to wait for a change, letting time go by as asked for."""
        if self.get(key) is None:
            return None
        self.process.catch_up()
        queue = self.process.queue
        queue.add(key)
        result: Result | None = None
        for _ in range(reconciles):
            if not queue.ready(key):
                due = queue.due(key)
                if due is None or result is None or not isinstance(result.next, RequeueAfter | Retry):
                    return result
                self.clock.advance(due - self.clock.monotonic())
            result = self._reconcile(key)
            self.process.catch_up()
        raise AssertionError(f"{key} does not settle in {reconciles} reconciles: {self.object(key).status}")

    def _reconcile(self, key: Key) -> Result | None:
        done = self.process.reconcile(key)
        if done.ending == "superseded" and not isinstance(done.raised, Superseded):
            return Result(done.result.conditions, RequeueAfter(0.0)) if done.result else None
        if done.ending in ("superseded", "kube_error") and done.raised:
            raise done.raised
        return done.result

    def poll(self) -> list[Polled]:
        """A round of looks at the traffic, as the controller makes them; what they find is to be reconciled."""
        self.process.catch_up()
        manager = self.process.manager
        polled = [target.poll() for target in self.poller.targets(manager.view)]
        for each in polled:
            manager._dispatcher.found(each.keys)
        return polled

    def told_anew(self, **options: Any) -> None:
        """Another process takes over, with other options."""
        self._settings = replace(self._settings, **options)
        self.restart()

    def mark(self, key: Key, child: str = "", cluster_id: str | None = None) -> Mark:
        """The mark of an object of this cluster, or of its namesake in another."""
        return self.owner(key, cluster_id).mark(child)

    def owner(self, key: Key, cluster_id: str | None = None) -> Owner:
        """An object of this cluster, or its namesake in another, as an owner of marks."""
        uid = self.object(key).uid
        return Owner(cluster_id or self.cluster_id, key.kind, key.namespace, key.name, uid)

    def with_both_marks(self, text: str, key: Key, child: str) -> str:
        """A description of what 0.1.0 knows by its mark alone."""
        return " ".join([*([text] if text else []), *(mark.text for mark in self.owner(key).both_marks(child))])

    def networks(self) -> list[dict[str, Any]]:
        """The networks there are, oldest first."""
        return sorted(self.others.networks.list(project_id=PROJECT), key=lambda row: (row["created_at"], row["id"]))

    def network(self) -> dict[str, Any]:
        """The one network there is."""
        (row,) = self.networks()
        return row

    def subnets(self) -> dict[str, dict[str, Any]]:
        """The subnets there are, by name."""
        rows = self.others.subnets.list()
        assert len({row["name"] for row in rows}) == len(rows)
        return {row["name"]: row for row in rows}

    def fail(self, at: str, error: BaseException, *, after: bool = False, times: int = 1) -> None:
        """Have the next calls of that name (``POST networks``) fail, instead of or after being carried out."""
        left = [times]

        def around(call: Call, act: Callable[[], Any]) -> Any:
            if str(call) != at or not left[0]:
                return act()
            left[0] -= 1
            if after:
                act()
            raise error

        self.cloud.around = around

    def hide_quotas(self) -> None:
        """Have a policy of the cloud keep the quotas from the project: only its refusals tell of them."""

        def look(call: Call) -> None:
            if str(call) == "GET quotas":
                raise ForbiddenError("Policy does not allow it", status=403)

        self.cloud.watch = look

    def late(self, at: str, seconds: float, error: BaseException) -> None:
        """Have the next call of that name fail, and be carried out after all, so much later."""
        left = [1]

        def around(call: Call, act: Callable[[], Any]) -> Any:
            if str(call) != at or not left[0]:
                return act()
            left[0] -= 1
            self.finish_later(seconds, act)
            raise error

        self.cloud.around = around

    def finish_later(self, seconds: float, act: Callable[[], object]) -> None:
        """Have the cloud carry out a call whose caller is gone; what it refuses by then is lost."""

        def finish() -> None:
            with contextlib.suppress(InfomaniakCloudError):
                act()

        self.clock.call_later(seconds, finish)

    def meanwhile(self, at: str, what: Callable[[], object]) -> None:
        """Have something happen right before the next call of that name."""
        left = [1]

        def around(call: Call, act: Callable[[], Any]) -> Any:
            if str(call) == at and left[0]:
                left[0] -= 1
                what()
            return act()

        self.cloud.around = around


def _place(key: Key) -> tuple[KubeType, str, str]:
    return RESOURCES[key.kind], key.name, key.namespace
