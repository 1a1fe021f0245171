"""Kubernetes and the cloud as the commands of ``kubectl infomaniak`` see them, over a world in which the operator works."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import Any

from infomaniak_operator import __version__
from infomaniak_operator.api.crd import crd
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client.transport import Call as CloudCall
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin import main as plugin
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.command import LabelledSecret, ServerVersion, Surroundings
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE
from tests.support.recorded import example

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
_SECRETS = "Secret"


class PluginServer:
    """What a user of the plugin asks.

    Args:
        world: where the operator works.
        more: objects beside its own.

    Attributes:
        asked: the namespaces whose objects were listed.
        then: done one by one before each of these lists.
        refused: methods of the server that the user may not call, or not for all namespaces (``leases everywhere``).
        denied: verb and resource that the user may not do.
        defined: the CustomResourceDefinitions, by name.
        deployed: the operator's Deployments.
        held: Leases.
        running: Pods.
        written: what their containers log, by Pod.
        date: what the API server's clock says.
        heard: requests that a cloud that is opened has made.
        unreachable: whether the API server does not answer at all.
        dry_runs: kind, namespace and name of what was dry-run.
        not_taken: what a dry run of an object of that name says against it.
    """

    def __init__(self, world: Forest, *more: KubeObject) -> None:
        self.world, self.more, self.namespace = world, more, NAMESPACE
        self.asked: list[str | None] = []
        self.then: list[Callable[[], Any]] = []
        self.refused: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.defined: dict[str, dict[str, Any]] = dict(_definitions())
        self.deployed: list[dict[str, Any]] = [deployment()]
        self.held: list[dict[str, Any]] = [lease()]
        self.running: list[dict[str, Any]] = [pod()]
        self.written: dict[str, str] = {POD: "2026-11-28T12:00:00Z the Lease is held by this process\n"}
        self.date: str | None = format_datetime(NOW, usegmt=True)
        self.heard: list[CloudCall] = []
        self.unreachable = False
        self.dry_runs: list[tuple[str, str, str]] = []
        self.not_taken: dict[str, str] = {}

    def objects(self, namespace: str | None) -> list[KubeObject]:
        self.asked.append(namespace)
        if self.then:
            self.then.pop(0)()
        found = [one for kind in KINDS for one in self.world.objects(kind)] + list(self.more)
        return [one for one in found if namespace in (None, one.key.namespace)]

    def object(self, key: Key) -> KubeObject:
        found = next((each for each in self.objects(key.namespace) if each.key == key), None)
        if found is None:
            raise ClusterError(
                f'Cannot read {key.kind}/{key.name} in namespace {key.namespace}: "{key.name}" not found'
            )
        return found

    def events(self, resource: KubeObject) -> list[Mapping[str, Any]]:
        return [
            {"reason": told.reason, "message": told.message, "type": "Normal", "lastTimestamp": "2026-11-28T12:00:00Z"}
            for told in self.world.events.get(resource.key, [])
        ]

    def annotate(self, key: Key, name: str, value: str | None) -> None:
        self.world.annotate(key, **{name.partition("/")[2]: value})

    def secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        for found in self.world.objects(_SECRETS):
            if (found.key.namespace, found.key.name) == (namespace, name):
                return {key: base64.b64decode(value) for key, value in found.body["data"].items()}
        raise ClusterError(f'Cannot read Secret/{name} in namespace {namespace}: secrets "{name}" not found', 404)

    def others(self, kind: str, namespace: str | None) -> list[KubeObject]:
        return [one for one in self.world.objects(kind) if namespace in (None, one.key.namespace)]

    def dry_run(self, body: Mapping[str, Any], namespace: str) -> str | None:
        self.dry_runs.append((body["kind"], namespace, body["metadata"]["name"]))
        return self.not_taken.get(body["metadata"]["name"])

    def cluster_uid(self) -> str:
        return self.world.cluster_id

    def namespaces(self) -> list[str]:
        return ["default", "kube-system", NAMESPACE]

    def labelled_secret(self, namespace: str, name: str) -> LabelledSecret:
        self._may("labelled_secret", namespace)
        for found in self.world.objects(_SECRETS):
            if (found.key.namespace, found.key.name) == (namespace, name):
                data = self.secret(namespace, name)
                return LabelledSecret(namespace, name, found.labels, data)
        raise ClusterError(f'Cannot read Secret/{name} in namespace {namespace}: secrets "{name}" not found', 404)

    def labelled_secrets(self, namespace: str | None, selector: str) -> list[LabelledSecret]:
        self._may("labelled_secrets", namespace)
        name, _, value = selector.partition("=")
        return [
            self.labelled_secret(found.key.namespace, found.key.name)
            for found in self.world.objects(_SECRETS, namespace)
            if found.labels.get(name) == value
        ]

    def version(self) -> ServerVersion:
        self._may("version", "")
        return ServerVersion("v1.34.1", self.date)

    def served(self) -> frozenset[str]:
        self._may("served", "")
        return frozenset(each["spec"]["names"]["plural"] for each in self.defined.values())

    def definition(self, name: str) -> Mapping[str, Any] | None:
        self._may("definition", "")
        return self.defined.get(name)

    def allowed(self, verb: str, group: str, resource: str, namespace: str | None) -> bool:
        self._may("allowed", namespace)
        return (verb, resource) not in self.denied

    def deployments(self, namespace: str | None, selector: str) -> list[Mapping[str, Any]]:
        self._may("deployments", namespace)
        return _within(self.deployed, namespace, selector)

    def leases(self, namespace: str | None) -> list[Mapping[str, Any]]:
        self._may("leases", namespace)
        return _within(self.held, namespace)

    def pods(self, namespace: str, selector: str) -> list[Mapping[str, Any]]:
        self._may("pods", namespace)
        return _within(self.running, namespace, selector)

    def log(self, namespace: str, pod: str, container: str, lines: int, *, previous: bool) -> str:
        self._may("log", namespace)
        return "\n".join(self.written[f"{pod} before" if previous else pod].splitlines()[-lines:])

    def all_events(self, namespace: str | None) -> list[Mapping[str, Any]]:
        self._may("all_events", namespace)
        return [
            {**told, "involvedObject": {"kind": key.kind, "namespace": key.namespace, "name": key.name}}
            for key in list(self.world.events)
            if namespace in (None, key.namespace)
            for told in self.events(self.world.object(key))
        ]

    def _may(self, what: str, namespace: str | None) -> None:
        if self.unreachable:
            raise ClusterError(f"Cannot ask for {what}: the API server does not answer (refused)")
        if what in self.refused or (namespace is None and f"{what} everywhere" in self.refused):
            raise ClusterError(f"Cannot ask for {what} in {namespace or 'all namespaces'}: forbidden", 403)


def _within(bodies: list[dict[str, Any]], namespace: str | None, selector: str = "") -> list[Mapping[str, Any]]:
    wanted = dict(each.split("=") for each in selector.split(",") if each)
    return [
        each
        for each in bodies
        if namespace in (None, each["metadata"]["namespace"])
        and wanted.items() <= each["metadata"].get("labels", {}).items()
    ]


@cache
def _definitions() -> dict[str, dict[str, Any]]:
    """The CustomResourceDefinitions of this version, which take a while to make: a test changes a copy."""
    return {kind.crd_name: crd(kind) for kind in KINDS.values()}


POD = "infomaniak-operator-7d9c-x2x4z"
OPERATOR = "infomaniak-operator"
_LABELS = {
    "app.kubernetes.io/part-of": "infomaniak-operator",
    "app.kubernetes.io/component": "operator",
    "app.kubernetes.io/version": __version__,
}


def deployment(*arguments: str, name: str = OPERATOR, namespace: str = OPERATOR, available: int = 2) -> dict[str, Any]:
    """The operator's Deployment, as the chart makes it; its Lease has its name."""
    elected = ["--leader-elect", f"--lease-namespace={namespace}", f"--lease-name={name}"]
    container = {"name": "operator", "image": "operator:1", "args": ["run", *elected, *arguments], "env": []}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": dict(_LABELS)},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}},
        "status": {"availableReplicas": available},
    }


def lease(
    holder: str = f"{POD}_1f2e", renewed: datetime = NOW, *, name: str = OPERATOR, namespace: str = OPERATOR
) -> dict[str, Any]:
    """The operator's Lease."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed.isoformat()}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def pod(name: str = POD, restarts: int = 0) -> dict[str, Any]:
    """A Pod of the operator's."""
    return {
        "metadata": {"name": name, "namespace": OPERATOR, "labels": dict(_LABELS)},
        "spec": {"containers": [{"name": "operator", "image": "operator:1"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "operator", "restartCount": restarts}]},
    }


def ran(server: Any, *words: str, now: datetime = NOW) -> int:
    """The exit code of a command; the test reads what it has written."""

    def cloud(credentials: Any, on_call: Any = None) -> Any:
        for each in server.heard if on_call else ():
            on_call(each)
        return server.world.connect(credentials).read_only()

    monotonic = server.world.clock.monotonic
    found = Surroundings(lambda: now, lambda _: None, lambda kubeconfig, context: server, cloud, monotonic)
    return plugin.main(words, found)


def web(*without: str, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body) -> PluginServer:
    """examples/web once the operator is done, without some objects, or with some changed."""
    bodies = [change(each) for each in example("web") if f"{each['kind']}/{each['metadata']['name']}" not in without]
    world = Forest(*bodies)
    world.run(120.0)
    return PluginServer(world)
