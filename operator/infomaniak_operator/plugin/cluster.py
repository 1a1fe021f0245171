"""What the commands read from the API server, and the annotations that they write. ``spec`` is never written."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import kube_config

from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.cluster_errors import TIMEOUT, ClusterError, asked, items_of, said
from infomaniak_operator.plugin.cluster_looks import ClusterLooks

__all__ = ["Cluster", "ClusterError"]

_PAGE = 500
_MOST_EVENTS = 500
_APPLY = "application/apply-patch+yaml"
_MANAGER = "kubectl-infomaniak-preflight"
_MALFORMED = (LookupError, AttributeError, ValueError, TypeError)
"""What the client raises over a kubeconfig that has something else where it expects a list or a text."""
_new_client: Callable[..., Any] = config.new_client_from_config
_contexts: Callable[..., Any] = config.list_kube_config_contexts


class Cluster(ClusterLooks):
    """One cluster as a kubeconfig names it.

    Args:
        kubeconfig: a path; None: what kubectl would take.
        context: a context in it; None: the current one.

    Attributes:
        namespace: the one that the context names, or ``default``.

    Raises:
        ClusterError: there is no such kubeconfig or context.
    """

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        try:
            where = kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
            api = _new_client(config_file=where, context=context, persist_config=False)
            contexts, active = _contexts(config_file=where)
        except (
            config.ConfigException,
            yaml.YAMLError,
            OSError,
            LookupError,
            AttributeError,
            ValueError,
            TypeError,
        ) as error:
            raise ClusterError(f"The kubeconfig cannot be used: {error}") from error
        chosen = next((each for each in contexts if each["name"] == context), active)
        self.namespace = str((chosen.get("context") or {}).get("namespace") or "default")
        super().__init__(api)
        slices = client.DiscoveryV1Api(api)
        self._lists: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
            "Service": (self._core.list_service_for_all_namespaces, self._core.list_namespaced_service),
            "EndpointSlice": (
                slices.list_endpoint_slice_for_all_namespaces,
                slices.list_namespaced_endpoint_slice,
            ),
            "Node": (self._core.list_node, self._core.list_node),
        }

    def objects(self, namespace: str | None) -> list[KubeObject]:
        """All objects of this API.

        Args:
            namespace: None: of all namespaces.

        Raises:
            ClusterError: one kind cannot be listed, for then the others are no answer; or no kind is installed.
        """
        with ThreadPoolExecutor(len(KINDS)) as pool:
            found = list(pool.map(lambda kind: self._list(kind, namespace), KINDS))
        if all(each is None for each in found):
            raise ClusterError(
                f"This cluster does not know {GROUP}/{VERSION}: install the chart, or the files in crds/."
            )
        return [each for of_kind in found for each in of_kind or ()]

    def object(self, key: Key) -> KubeObject:
        """One object of this API.

        Raises:
            ClusterError: there is no such object, or it may not be read.
        """
        with asked(f"read {key.kind}/{key.name}", key.namespace):
            body: Any = self._objects.get_namespaced_custom_object(
                GROUP, VERSION, key.namespace, KINDS[key.kind].plural, key.name, _request_timeout=TIMEOUT
            )
            return KubeObject.of(body, key.kind)

    def events(self, resource: KubeObject) -> list[Mapping[str, Any]]:
        """The Events of one object.

        Raises:
            ClusterError: they cannot be listed.
        """
        with asked("list events", resource.key.namespace):
            answer = self._core.list_namespaced_event(
                resource.key.namespace,
                field_selector=f"involvedObject.uid={resource.uid}",
                limit=_MOST_EVENTS,
                _request_timeout=TIMEOUT,
            )
            return [self._core.api_client.sanitize_for_serialization(each) for each in answer.items or ()]

    def secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """The content of a Secret, decoded.

        Raises:
            ClusterError: there is none, or it may not be read.
        """
        with asked(f"read Secret/{name}", namespace):
            found = self._core.read_namespaced_secret(name, namespace, _request_timeout=TIMEOUT)
            return {key: base64.b64decode(value) for key, value in (found.data or {}).items()}

    def others(self, kind: str, namespace: str | None) -> list[KubeObject]:
        """All Services, EndpointSlices or Nodes.

        Args:
            kind: one of these three.
            namespace: None: of all namespaces.

        Raises:
            ClusterError: they cannot be listed.
        """
        everywhere, within = self._lists[kind]
        found, more = list[KubeObject](), ""
        while True:
            options: dict[str, Any] = {"limit": _PAGE, "_request_timeout": TIMEOUT, "_continue": more or None}
            with asked(f"list {kind}s", namespace):
                answer = everywhere(**options) if namespace is None else within(namespace, **options)
                found += [
                    KubeObject.of(self._core.api_client.sanitize_for_serialization(each), kind) for each in answer.items
                ]
            more = answer.metadata._continue or ""  # noqa: SLF001 - the client's name for it
            if not more:
                return found

    def cluster_uid(self) -> str:
        """The UID of the kube-system Namespace.

        Raises:
            ClusterError: it may not be read.
        """
        with asked("read Namespace/kube-system", ""):
            found: Any = self._core.read_namespace("kube-system", _request_timeout=TIMEOUT)
            return str(found.metadata.uid)

    def namespaces(self) -> list[str]:
        """The names of all Namespaces.

        Raises:
            ClusterError: they cannot be listed.
        """
        found, more = list[str](), ""
        while True:
            options: dict[str, Any] = {"limit": _PAGE, "_request_timeout": TIMEOUT}
            options |= {"_continue": more} if more else {}
            with asked("list namespaces", ""):
                answer: Any = self._core.list_namespace(**options)
            found += [str(each.metadata.name) for each in answer.items or ()]
            more = (answer.metadata and answer.metadata._continue) or ""  # noqa: SLF001 - so the client calls it
            if not more:
                return found

    def dry_run(self, body: Mapping[str, Any], namespace: str) -> str | None:
        """Why the API server would not take an object; None where it would. It keeps nothing of it.

        Raises:
            ClusterError: it cannot be asked.
        """
        kind, name = KINDS[str(body["kind"])], str(body["metadata"]["name"])
        options: dict[str, Any] = {"dry_run": "All", "field_validation": "Strict", "_request_timeout": TIMEOUT}
        with asked(f"dry-run {kind.kind}/{name}", namespace):
            try:
                self._objects.patch_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    namespace,
                    kind.plural,
                    name,
                    dict(body),
                    field_manager=_MANAGER,
                    force=True,
                    _content_type=_APPLY,
                    **options,
                )
            except ApiException as error:
                if error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
                    return said(error)
                raise
        return None

    def annotate(self, key: Key, name: str, value: str | None) -> None:
        """Set one annotation, or with None take it out.

        Raises:
            ClusterError: there is no such object, or it may not be changed.
        """
        body = {"metadata": {"annotations": {name: value}}}
        with asked(f"annotate {key.kind}/{key.name}", key.namespace):
            self._objects.patch_namespaced_custom_object(
                GROUP, VERSION, key.namespace, KINDS[key.kind].plural, key.name, body, _request_timeout=TIMEOUT
            )

    def _list(self, kind: str, namespace: str | None) -> list[KubeObject] | None:
        """The objects of one kind; None where the cluster does not have the kind."""
        plural, found, more = KINDS[kind].plural, list[KubeObject](), ""
        while True:
            options: dict[str, Any] = {"limit": _PAGE, "_request_timeout": TIMEOUT}
            options |= {"_continue": more} if more else {}
            with asked(f"list {plural}", namespace):
                try:
                    answer: Any = (
                        self._objects.list_cluster_custom_object(GROUP, VERSION, plural, **options)
                        if namespace is None
                        else self._objects.list_namespaced_custom_object(GROUP, VERSION, namespace, plural, **options)
                    )
                except ApiException as error:
                    if error.status == HTTPStatus.NOT_FOUND:  # the kind is not served, so there is no object of it
                        return None
                    raise
                found += [KubeObject.of(item, kind) for item in items_of(answer)]
                more = (answer.get("metadata") or {}).get("continue") or ""
            if not more:
                return found
