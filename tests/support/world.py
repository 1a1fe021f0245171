"""A cluster with the reconcilers on a fake cloud: the table on which they are tried."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from infomaniak_operator.client import CloudCredentials, InfomaniakCloudError
from infomaniak_operator.engine.contract import Key
from infomaniak_operator.reconcile.base import CloudReconciler, ReconcileSettings
from infomaniak_operator.reconcile.cloud import Cloud, Clouds
from infomaniak_operator.reconcile.credentials import CredentialSettings
from infomaniak_operator.reconcile.marks import Mark, Owner
from infomaniak_operator.reconcile.registry import ACTUATORS
from infomaniak_operator.reconcile.tenancy import TenantIsolation
from infomaniak_operator.reconcile.trees import Trees
from tests.support.attempt import Cluster
from tests.support.fake_cloud import FakeCloud
from tests.support.objects import KUBE_SYSTEM, secret
from tests.support.tapped import Call, Tapped

PROJECT = "alpha"
REGION = "dc3-a"
GRACE = 60.0


class World(Cluster):
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
        super().__init__(*([secret()] if with_secret else []), *bodies)
        self.fake.neutron.now = self.clock.now
        self._connect()

    def _connect(self) -> None:
        clouds, trees = Clouds(self._cloud_of), Trees()
        self.reconcilers = {each.kind: CloudReconciler(each, clouds, self._settings, trees) for each in ACTUATORS}

    def _cloud_of(self, credentials: CloudCredentials) -> Cloud:
        def identity() -> tuple[str, str]:
            self.login(credentials)
            return self.project

        return Cloud(self.cloud, identity, self.clock.monotonic)

    def restart(self) -> None:
        super().restart()
        self._connect()

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

        self.clock.later(seconds, finish)

    def meanwhile(self, at: str, what: Callable[[], object]) -> None:
        """Have something happen right before the next call of that name."""
        left = [1]

        def around(call: Call, act: Callable[[], Any]) -> Any:
            if str(call) == at and left[0]:
                left[0] -= 1
                what()
            return act()

        self.cloud.around = around
