"""What ``doctor`` and ``support-bundle`` read of a cluster: the operator, the definitions, what the user may do."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.plugin.cluster_errors import TIMEOUT, asked, items_of
from infomaniak_operator.plugin.command import LabelledSecret, ServerVersion

MOST_LISTED = 5000
"""So many Events, Leases and Deployments are read."""
MOST_SECRETS = 200
MOST_PODS = 20
MOST_LOG = 4 * 2**20
"""Bytes of one log."""
_RAW: Mapping[str, Any] = {"_preload_content": False, "_request_timeout": TIMEOUT}


class ClusterLooks:
    """The looks at a cluster; ``Cluster`` is one.

    Args:
        api: the connection.
    """

    def __init__(self, api: client.ApiClient) -> None:
        self._objects: Any = client.CustomObjectsApi(api)
        self._core: Any = client.CoreV1Api(api)
        self._code: Any = client.VersionApi(api)

    def labelled_secret(self, namespace: str, name: str) -> LabelledSecret:
        """The labels and the content of a Secret.

        Raises:
            ClusterError: there is none, or it may not be read.
        """
        with asked(f"read Secret/{name}", namespace):
            return _secret(_json(self._core.read_namespaced_secret(name, namespace, **_RAW)))

    def labelled_secrets(self, namespace: str | None, selector: str) -> list[LabelledSecret]:
        """The Secrets with a label, of a namespace or of all; the first ``MOST_SECRETS``.

        Raises:
            ClusterError: they cannot be listed.
        """
        options: dict[str, Any] = {"label_selector": selector, "limit": MOST_SECRETS, **_RAW}
        with asked("list secrets", namespace):
            answer = (
                self._core.list_secret_for_all_namespaces(**options)
                if namespace is None
                else self._core.list_namespaced_secret(namespace, **options)
            )
            return [_secret(each) for each in _items(_json(answer))]

    def version(self) -> ServerVersion:
        """Which version the API server is of, and what its clock says.

        Raises:
            ClusterError: it does not answer.
        """
        with asked("ask for the version", ""):
            found, _, headers = self._code.get_code_with_http_info(_request_timeout=TIMEOUT)
            return ServerVersion(str(found.git_version), (headers or {}).get("Date"))

    def served(self) -> frozenset[str]:
        """The plurals of this API that the API server serves; none where it does not know the API.

        Raises:
            ClusterError: it cannot be asked.
        """
        with asked("ask which kinds are served", ""):
            try:
                found = self._objects.get_api_resources(GROUP, VERSION, _request_timeout=TIMEOUT)
            except ApiException as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return frozenset()
                raise
            return frozenset(str(each.name) for each in found.resources or ())

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """A CustomResourceDefinition; None where there is none of that name.

        Raises:
            ClusterError: it cannot be read.
        """
        with asked(f"read the CustomResourceDefinition {name}", ""):
            try:
                return self._raw("apiextensions.k8s.io", "v1", "customresourcedefinitions", name)
            except ApiException as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return None
                raise

    def allowed(self, verb: str, group: str, resource: str, namespace: str | None) -> bool:
        """Whether the user may do that, in a namespace or in all: a review, which changes nothing.

        Raises:
            ClusterError: it cannot be asked.
        """
        wanted = {"verb": verb, "group": group, "resource": resource, "namespace": namespace or ""}
        body: dict[str, Any] = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        with asked(f"ask whether you may {verb} {resource}", namespace):
            answer: Any = self._objects.create_cluster_custom_object(
                "authorization.k8s.io", "v1", "selfsubjectaccessreviews", body, _request_timeout=TIMEOUT
            )
            status = answer.get("status") if isinstance(answer, Mapping) else None
            if not isinstance(status, Mapping):
                raise ValueError("the answer is no review")  # noqa: TRY004 - it becomes a ClusterError
            return status.get("allowed") is True

    def deployments(self, namespace: str | None, selector: str) -> list[Mapping[str, Any]]:
        """The Deployments with labels, of a namespace or of all.

        Raises:
            ClusterError: they cannot be listed.
        """
        with asked("list deployments", namespace):
            return self._rows("apps", "v1", "deployments", namespace, selector)

    def leases(self, namespace: str | None) -> list[Mapping[str, Any]]:
        """The Leases of a namespace, or of all.

        Raises:
            ClusterError: they cannot be listed.
        """
        with asked("list leases", namespace):
            return self._rows("coordination.k8s.io", "v1", "leases", namespace)

    def pods(self, namespace: str, selector: str) -> list[Mapping[str, Any]]:
        """The Pods with labels; the first ``MOST_PODS``.

        Raises:
            ClusterError: they cannot be listed.
        """
        with asked("list pods", namespace):
            options: dict[str, Any] = {"label_selector": selector, "limit": MOST_PODS, **_RAW}
            return _items(_json(self._core.list_namespaced_pod(namespace, **options)))

    def log(self, namespace: str, pod: str, container: str, lines: int, *, previous: bool) -> str:
        """The last lines of a container's log.

        Args:
            namespace: of the Pod.
            pod: its name.
            container: its name.
            lines: so many at the most.
            previous: of the container that ran before the last restart.

        Raises:
            ClusterError: it cannot be read.
        """
        with asked(f"read the log of Pod/{pod}", namespace):
            answer = self._core.read_namespaced_pod_log(
                pod,
                namespace,
                container=container,
                tail_lines=lines,
                previous=previous,
                limit_bytes=MOST_LOG,
                timestamps=True,
                **_RAW,
            )
            return bytes(answer.data)[:MOST_LOG].decode("utf-8", "replace")

    def all_events(self, namespace: str | None) -> list[Mapping[str, Any]]:
        """The Events of the objects of this API, in a namespace or in all; the first ``MOST_LISTED``.

        Raises:
            ClusterError: they cannot be listed.
        """
        options: dict[str, Any] = {
            "field_selector": f"involvedObject.apiVersion={GROUP}/{VERSION}",
            "limit": MOST_LISTED,
            **_RAW,
        }
        with asked("list events", namespace):
            answer = (
                self._core.list_event_for_all_namespaces(**options)
                if namespace is None
                else self._core.list_namespaced_event(namespace, **options)
            )
            return _items(_json(answer))

    def _raw(self, group: str, version: str, plural: str, name: str) -> Mapping[str, Any]:
        found: Any = self._objects.get_cluster_custom_object(group, version, plural, name, _request_timeout=TIMEOUT)
        return dict(found)

    def _rows(
        self, group: str, version: str, plural: str, namespace: str | None, selector: str = ""
    ) -> list[Mapping[str, Any]]:
        """Objects of a type as they are; the first ``MOST_LISTED``."""
        options: dict[str, Any] = {"limit": MOST_LISTED, "_request_timeout": TIMEOUT}
        options |= {"label_selector": selector} if selector else {}
        answer: Any = (
            self._objects.list_cluster_custom_object(group, version, plural, **options)
            if namespace is None
            else self._objects.list_namespaced_custom_object(group, version, namespace, plural, **options)
        )
        return list(items_of(answer))


def _json(answer: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the library's
    """An answer as it came: the library's own types refuse what a newer API server may say."""
    found = json.loads(bytes(answer.data))
    if not isinstance(found, Mapping):
        raise ValueError("no object")  # noqa: TRY004 - it becomes a ClusterError
    return found


def _items(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in items_of(found) if isinstance(each, Mapping)]


def _secret(found: Mapping[str, Any]) -> LabelledSecret:
    content = {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    meta = found.get("metadata") or {}
    return LabelledSecret(str(meta.get("namespace")), str(meta.get("name")), dict(meta.get("labels") or {}), content)
