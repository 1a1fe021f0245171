"""All parts put together: what ``run`` runs."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from infomaniak_operator import __version__
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.cli.cluster import CERTIFICATES, followed
from infomaniak_operator.cli.ending import RECONCILE_SECONDS
from infomaniak_operator.cli.options import LeaseOptions, Options
from infomaniak_operator.client import Breakers, CloudCredentials, CloudSession
from infomaniak_operator.controller.interfaces import GROUP, VERSION
from infomaniak_operator.controller.kube.kube_api import SECRETS, Kube, KubeType
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from infomaniak_operator.controller.leader.election import Election
from infomaniak_operator.controller.leader.lease import Lease
from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.controller.manager_settings import ManagerSettings
from infomaniak_operator.controller.polling import Rounds
from infomaniak_operator.controller.timers import SystemClock
from infomaniak_operator.handlers import watching
from infomaniak_operator.metrics.listener_collector import ListenerCollector
from infomaniak_operator.metrics.object_collector import ObjectCollector
from infomaniak_operator.metrics.operator_metrics import Metrics
from infomaniak_operator.metrics.scrape_access import Access
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, keep_secret
from infomaniak_operator.reconcile.generic.reconciler import ReconcileSettings
from infomaniak_operator.reconcile.generic.secret_guard import SecretGuard
from infomaniak_operator.reconcile.generic.tenancy import TenantIsolation
from infomaniak_operator.reconcile.neutron.member_rules import MONITOR
from infomaniak_operator.reconcile.octavia.member_access import checked_pool
from infomaniak_operator.reconcile.openstack.scope import REFUSED_FOR, Clouds, connector
from infomaniak_operator.reconcile.reconcilers import actuators, poller, reconcilers, statistics_poller

_log = logging.getLogger(__name__)
HANGING_CALLS = 30
"""A reconcile that takes as long as so many calls at their limit hangs: it ends at the first call that fails."""
SHORTEST_HANG = 600.0
"""Seconds: however short those calls are, others (to the API server) are not."""
_NAMESPACES = KubeType("Namespace", "", "v1", "namespaces")


@dataclass(frozen=True, slots=True)
class Operator:
    """A wired operator, not yet running.

    Attributes:
        manager: to be run.
        clouds: the connections, to be closed after it.
        metrics: what is counted.
        lease: this process's part in the leader election; None where there is none.
        access: decides who may read the metrics; None: everybody.
    """

    manager: Manager
    clouds: Clouds
    metrics: Metrics
    lease: Lease | None
    access: Access | None = None


def resources(
    *, namespaced: bool = False, secrets_in: tuple[str, ...] = (), readiness_gates: bool = False
) -> Mapping[str, KubeType]:
    """The kinds that are watched: those reconciled, Secrets with credentials or certificates, what members follow.

    Args:
        namespaced: whether single namespaces are watched: then Nodes are not.
        secrets_in: the namespaces whose Secrets are watched; empty: all in which objects are.
        readiness_gates: whether gates of Pods are minded: then Pods are watched.
    """
    own = {actuator.kind: KINDS[actuator.kind] for actuator in actuators()}
    stands_for = {MONITOR: checked_pool}
    watched = {
        kind: KubeType(kind, GROUP, VERSION, each.plural, stands_for=stands_for.get(kind)) for kind, each in own.items()
    }
    secrets = replace(SECRETS, keep=keep_secret, namespaces=secrets_in)
    certificates = replace(CERTIFICATES, namespaces=secrets_in)
    others = followed(namespaced=namespaced, readiness_gates=readiness_gates)
    return {**watched, secrets.kind: secrets, certificates.kind: certificates, **others}


def _secrets_in(options: Options) -> tuple[str, ...]:
    """The namespaces whose Secrets are watched; none: all in which objects are."""
    default = options.default_credentials
    if not options.credentials_namespaces:
        return ()
    return tuple(dict.fromkeys((*options.credentials_namespaces, *([default.namespace] if default else []))))


def build(options: Options, rng: random.Random) -> Operator:
    """Wire an operator. Nothing is asked for yet: the API server may be away.

    Args:
        options: what it is told.
        rng: for jitter.
    """
    clock = SystemClock()
    load = loader(options.kubeconfig)
    metrics = Metrics(clock.now, clock.monotonic, __version__)
    lease = _lease(options.lease, options.kubeconfig, clock) if options.lease else None
    check = lease.check if lease else None
    kube = HttpKube(
        load, clock.monotonic, pool_size=options.workers + 8, on_call=metrics.kube_called, before_change=check
    )
    cluster = ClusterId(kube, options.cluster_id)
    settings = ReconcileSettings(
        cluster_id=cluster,
        credentials=CredentialSettings(
            options.default_credentials, options.allowed_auth_urls or None, frozenset(options.credentials_namespaces)
        ),
        create_grace=options.create_grace_seconds,
        restore=options.restore,
        isolation=TenantIsolation(
            options.tenant_isolation, frozenset(options.tenant_isolation_exempt), options.namespaces
        ),
        sees_all=not options.namespaces,
    )
    sessions = Sessions()
    breakers = Breakers(clock.monotonic, _log_outage)

    def session(credentials: CloudCredentials) -> CloudSession:
        opened = CloudSession(
            credentials,
            timeout_seconds=options.cloud_timeout_seconds,
            pool_size=options.workers + 8,
            on_call=metrics.cloud_called,
            before_change=check,
            proxy=options.cloud_proxy,
            breakers=breakers,
            refused_for=REFUSED_FOR,
        )
        sessions.add(opened)
        return opened

    clouds = Clouds(connector(clock.monotonic, session, options.resync_seconds))
    namespaces = options.namespaces
    of_kinds = reconcilers(clouds, settings)
    watched = resources(
        namespaced=bool(namespaces), secrets_in=_secrets_in(options), readiness_gates=options.readiness_gates
    )
    if namespaces and options.default_credentials:
        namespaces = tuple(dict.fromkeys((*namespaces, options.default_credentials.namespace)))
    statistics = statistics_poller(
        clouds,
        settings,
        clock.monotonic,
        seconds=options.statistics_seconds,
        calls=options.statistics_calls,
    )
    manager = Manager(
        [*of_kinds, SecretGuard()],
        kube,
        watched,
        clock,
        rng,
        ManagerSettings(
            workers=options.workers,
            resync_seconds=options.resync_seconds,
            namespaces=namespaces,
            reconcile_silence=max(SHORTEST_HANG, HANGING_CALLS * options.cloud_timeout_seconds),
            stop_seconds=RECONCILE_SECONDS,
        ),
        watch=watching(watched.values(), load, namespaces),
        on_reconcile=metrics.reconciled,
        on_change=metrics.changed,
        on_event=metrics.event,
        rounds=[
            Rounds(poller(clouds, settings, clock.monotonic), options.health_poll_seconds, metrics.polled),
            Rounds(statistics, options.statistics_seconds, metrics.statistics_polled),
        ],
        introduce=cluster.ask,
        leadership=Election(lease) if lease else None,
    )
    metrics.registry.register(
        ObjectCollector(
            manager.stats,
            manager.view,
            [each.kind for each in of_kinds],
            lease=(lease, options.lease.name) if lease and options.lease else None,
            names=options.metrics_object_names,
            token_expiries=sessions.token_expiries,
            quota_use=clouds.quota_use,
        )
    )
    if options.statistics_seconds:
        metrics.registry.register(
            ListenerCollector(
                lambda: manager.stats().acting, lambda: statistics.told(manager.view), lambda: statistics.left_out
            )
        )
    _log.info("watching %s in %s", ", ".join(watched), ", ".join(namespaces) or "all namespaces")
    access = Access(kube, clock.monotonic) if options.metrics_authorization else None
    return Operator(manager, clouds, metrics, lease, access)


def _log_outage(service: str, address: str, away: bool) -> None:
    # The address is from a catalogue, and so a stranger's text.
    if away:
        _log.warning("the service %s at %a does not answer: one request asks now and then", service, address)
    else:
        _log.info("the service %s at %a answers again", service, address)


class Sessions:
    """The connections there are, for metrics. Safe to use from any thread: a set is not, while another adds to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: weakref.WeakSet[CloudSession] = weakref.WeakSet()

    def add(self, session: CloudSession) -> None:
        """One more."""
        with self._lock:
            self._sessions.add(session)

    def token_expiries(self) -> list[float]:
        """When each token in use expires, seconds since the epoch."""
        with self._lock:
            sessions = list(self._sessions)
        return [at for each in sessions if (at := each.token_expires) is not None]


class ClusterId:
    """The id of the cluster in the marks: as given, else the UID of the kube-system Namespace, which goes with it.

    Args:
        kube: the API server.
        given: the id, where an option says it.
    """

    def __init__(self, kube: Kube, given: str | None = None) -> None:
        self._kube = kube
        self._id = given or ""

    def ask(self) -> None:
        """Ask for it, unless it is known.

        Raises:
            KubeError: it could not be read.
        """
        if not self._id:
            self._id = str(self._kube.get(_NAMESPACES, "", "kube-system")["metadata"]["uid"])

    def __call__(self) -> str:
        """The id; only after it was asked for: the controller acts upon nothing before."""
        if not self._id:
            raise RuntimeError("the cluster's id is not known yet")
        return self._id


def _lease(options: LeaseOptions, kubeconfig: Path | None, clock: SystemClock) -> Lease:
    # Only here: it costs memory, and without leader election nothing needs it.
    from infomaniak_operator.controller.leader.lease_api import HttpLease  # noqa: PLC0415 - only where there is a Lease

    # A container that is started again has its Pod's name again, but it is another one that holds nothing.
    identity = f"{os.environ.get('HOSTNAME') or socket.gethostname()}_{uuid.uuid4()}"
    agent = f"infomaniak-operator/{__version__} leader-election"
    return Lease(HttpLease(kubeconfig, options.namespace, options.name, agent), identity, clock.now)
