"""Kubernetes and the cloud as the commands of ``kubectl infomaniak`` see them, over a world in which the operator works."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin import main as plugin
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.command import Surroundings
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
    """

    def __init__(self, world: Forest, *more: KubeObject) -> None:
        self.world, self.more, self.namespace = world, more, NAMESPACE
        self.asked: list[str | None] = []
        self.then: list[Callable[[], Any]] = []

    def objects(self, namespace: str | None) -> list[KubeObject]:
        self.asked.append(namespace)
        if self.then:
            self.then.pop(0)()
        found = [one for kind in KINDS for one in self.world.objects(kind)] + list(self.more)
        return [one for one in found if namespace in (None, one.key.namespace)]

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
        raise ClusterError(f'Cannot read Secret/{name} in namespace {namespace}: secrets "{name}" not found')

    def cluster_uid(self) -> str:
        return self.world.cluster_id

    def namespaces(self) -> list[str]:
        return ["default", "kube-system", NAMESPACE]


def ran(server: Any, *words: str, now: datetime = NOW) -> int:
    """The exit code of a command; the test reads what it has written."""

    def cloud(credentials: Any) -> Any:
        return server.world.connect(credentials).read_only()

    return plugin.main(words, Surroundings(lambda: now, lambda _: None, lambda kubeconfig, context: server, cloud))


def web(*without: str, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body) -> PluginServer:
    """examples/web once the operator is done, without some objects, or with some changed."""
    bodies = [change(each) for each in example("web") if f"{each['kind']}/{each['metadata']['name']}" not in without]
    world = Forest(*bodies)
    world.run(120.0)
    return PluginServer(world)
