"""All parts put together: what ``run`` runs."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.cli.cluster import followed
from infomaniak_operator.cli.options import Options
from infomaniak_operator.client import CloudCredentials, CloudSession
from infomaniak_operator.engine.contract import GROUP, VERSION
from infomaniak_operator.engine.engine import Engine
from infomaniak_operator.engine.kube import SECRETS, Kube, ResourceType
from infomaniak_operator.engine.kube_http import HttpKube, loader
from infomaniak_operator.engine.settings import EngineSettings
from infomaniak_operator.engine.timing import SystemClock
from infomaniak_operator.handlers import KopfWatch
from infomaniak_operator.reconcile.base import CloudReconciler, ReconcileSettings
from infomaniak_operator.reconcile.cloud import Clouds, connector
from infomaniak_operator.reconcile.credentials import CredentialSettings
from infomaniak_operator.reconcile.registry import ACTUATORS
from infomaniak_operator.reconcile.secrets import SecretGuard
from infomaniak_operator.reconcile.trees import Trees

_log = logging.getLogger(__name__)
_NAMESPACES = ResourceType("Namespace", "", "v1", "namespaces")


@dataclass(frozen=True, slots=True)
class Operator:
    """A wired operator, not yet running.

    Attributes:
        engine: to be run.
        clouds: the connections, to be closed after it.
    """

    engine: Engine
    clouds: Clouds


def resources(*, namespaced: bool = False) -> Mapping[str, ResourceType]:
    """The kinds that are watched: those that are reconciled, the Secrets of their credentials, and what members follow.

    Args:
        namespaced: whether single namespaces are watched: then Nodes are not.
    """
    own = {actuator.kind: KINDS[actuator.kind] for actuator in ACTUATORS}
    watched = {kind: ResourceType(kind, GROUP, VERSION, each.plural) for kind, each in own.items()}
    return {**watched, SECRETS.kind: SECRETS, **followed(namespaced=namespaced)}


def build(options: Options, rng: random.Random) -> Operator:
    """Wire an operator.

    Args:
        options: what it is told.
        rng: for jitter.

    Raises:
        KubeError: the cluster's id could not be had.
    """
    clock = SystemClock()
    load = loader(options.kubeconfig)
    kube = HttpKube(load, clock.monotonic, pool_size=options.workers + 8)
    settings = ReconcileSettings(
        cluster_id=options.cluster_id or cluster_id(kube),
        credentials=CredentialSettings(options.default_credentials, options.allowed_auth_urls or None),
        create_grace=options.create_grace_seconds,
        restore=options.restore,
    )
    clouds = Clouds(connector(clock.monotonic, lambda credentials: _session(credentials, options)))
    namespaces = options.namespaces
    trees = Trees()
    watched = resources(namespaced=bool(namespaces))
    if namespaces and options.default_credentials:
        namespaces = tuple(dict.fromkeys((*namespaces, options.default_credentials.namespace)))
    engine = Engine(
        [*(CloudReconciler(actuator, clouds, settings, trees) for actuator in ACTUATORS), SecretGuard()],
        kube,
        watched,
        clock,
        rng,
        EngineSettings(workers=options.workers, round_seconds=options.round_seconds, namespaces=namespaces),
        watch=KopfWatch(watched.values(), load, namespaces),
    )
    _log.info("watching %s in %s", ", ".join(watched), ", ".join(namespaces) or "all namespaces")
    return Operator(engine, clouds)


def cluster_id(kube: Kube) -> str:
    """The UID of the kube-system Namespace: one a cluster, and gone with it.

    Raises:
        KubeError: it could not be read.
    """
    return str(kube.get(_NAMESPACES, "", "kube-system")["metadata"]["uid"])


def _session(credentials: CloudCredentials, options: Options) -> CloudSession:
    return CloudSession(credentials, timeout_seconds=options.cloud_timeout_seconds, pool_size=options.workers + 8)
