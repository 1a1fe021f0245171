"""The Lease over HTTP, by the official client: ``coordination.k8s.io/v1``.

Not by its ``leaderelection``: that waits for ever for an answer, goes by the wall clock, ends at a connection that
breaks, cannot be stopped and gives nothing back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import urllib3
from kubernetes.client.exceptions import ApiException

from infomaniak_operator.controller.kube.kube_api import Unavailable, error_for
from infomaniak_operator.controller.kube.kube_http import SERVICE_ACCOUNT
from infomaniak_operator.controller.leader.lease import LeaseRecord

TIMEOUT_SECONDS = 3.0
"""Of a request, for connecting and between two bytes of the answer: several attempts fit into a renew deadline."""


class HttpLease:
    """``LeaseApi`` over HTTP; for one thread.

    Args:
        kubeconfig: a file; None: in the cluster, with the Pod's ServiceAccount, whose token is read anew as it changes.
        namespace: where the Lease is.
        name: its name.
        agent: the User-Agent.
    """

    def __init__(self, kubeconfig: Path | None, namespace: str, name: str, agent: str) -> None:
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._name = name
        self._agent = agent
        self._connected: kubernetes.client.CoordinationV1Api | None = None

    @property
    def _api(self) -> kubernetes.client.CoordinationV1Api:
        """The client, made at the first call.

        Raises:
            Unavailable: the kubeconfig cannot be used.
        """
        if self._connected is None:
            self._connected = self._connect()
        return self._connected

    def _connect(self) -> kubernetes.client.CoordinationV1Api:
        configuration = kubernetes.client.Configuration()
        config: Any = kubernetes.config  # its functions are not typed
        try:
            if self._kubeconfig is None and (SERVICE_ACCOUNT / "token").exists():
                config.load_incluster_config(client_configuration=configuration)
            else:
                path = str(self._kubeconfig) if self._kubeconfig else None
                config.load_kube_config(path, client_configuration=configuration)
        except Exception as error:  # noqa: BLE001 - it has no common one; and its text may quote a token
            raise Unavailable(f"the kubeconfig cannot be used ({type(error).__name__})") from None
        # One attempt a call: the election has its own times. And no proxy of the surroundings, as in ``kube_http``.
        configuration.retries = False
        configuration.proxy = None
        client = kubernetes.client.ApiClient(configuration)
        client.user_agent = self._agent
        return kubernetes.client.CoordinationV1Api(client)

    def get(self) -> LeaseRecord:
        """Read it."""
        return self._record(lambda: self._api.read_namespaced_lease(self._name, self._namespace, **_LIMITS), "GET")

    def create(self, record: LeaseRecord) -> LeaseRecord:
        """Make it."""
        body = kubernetes.client.V1Lease(metadata=kubernetes.client.V1ObjectMeta(name=self._name), spec=_spec(record))
        return self._record(lambda: self._api.create_namespaced_lease(self._namespace, body, **_LIMITS), "POST")

    def replace(self, record: LeaseRecord) -> LeaseRecord:
        """Write it, with the resource version that was read."""
        body = kubernetes.client.V1Lease(metadata=record.source.metadata, spec=_spec(record))
        return self._record(
            lambda: self._api.replace_namespaced_lease(self._name, self._namespace, body, **_LIMITS), "PUT"
        )

    def _record(self, call: Callable[[], kubernetes.client.V1Lease], verb: str) -> LeaseRecord:
        what = f"{verb} leases {self._namespace}/{self._name}"
        try:
            return _read(call())
        except ApiException as error:
            if not error.status:
                raise Unavailable(f"{what}: {error.reason}") from None
            raise error_for(int(error.status), f"{what}: {error.status} {error.reason}") from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # Their texts name objects by address: never the same twice, and nothing to a person.
            raise Unavailable(f"{what}: {type(error).__name__}") from None


_LIMITS: dict[str, Any] = {"_request_timeout": (TIMEOUT_SECONDS, TIMEOUT_SECONDS)}


def _spec(record: LeaseRecord) -> kubernetes.client.V1LeaseSpec:
    return kubernetes.client.V1LeaseSpec(
        holder_identity=record.holder,
        lease_duration_seconds=record.duration,
        acquire_time=_time(record.acquired),
        renew_time=_time(record.renewed),
        lease_transitions=record.transitions,
    )


def _read(lease: kubernetes.client.V1Lease) -> LeaseRecord:
    spec = lease.spec or kubernetes.client.V1LeaseSpec()
    return LeaseRecord(
        holder=spec.holder_identity or "",
        duration=int(spec.lease_duration_seconds or 0),
        acquired=spec.acquire_time.timestamp() if spec.acquire_time else 0.0,
        renewed=spec.renew_time.timestamp() if spec.renew_time else 0.0,
        transitions=int(spec.lease_transitions or 0),
        source=lease,
    )


def _time(seconds: float) -> dt.datetime:
    """A time as a Lease takes it: never without a fraction, which Python would leave out and the API server refuse."""
    at = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return at if at.microsecond else at.replace(microsecond=1)
