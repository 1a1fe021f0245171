"""All the controller needs of a Kubernetes API server, and how it can fail.

KubeError
├── NotFound        404: the object, or its kind, is not there
├── Conflict        409: it has changed meanwhile, or exists already
├── Forbidden       403: a right is missing
├── Unauthorized    401: the credential is not accepted, a fresh one neither
├── Rejected        another 4xx: the request is wrong (422: the schema refuses it)
├── Unavailable     5xx, 429, no connection, a timeout: ask again later
└── Standby         not sent, for it would change something: another process may be acting
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from infomaniak_operator.controller.interfaces import Key, KubeObject

Body = Mapping[str, Any]
_PAGE = 100
"""With more at once, Python keeps most of the memory that a page of large objects took."""


class KubeError(Exception):
    """A request to the API server failed.

    Args:
        message: what was asked, and the API server's own words.
        status: the HTTP status; None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class NotFound(KubeError):  # noqa: N818 - the API's own word
    """404."""


class Conflict(KubeError):  # noqa: N818 - the API's own word
    """409."""


class Forbidden(KubeError):  # noqa: N818 - the API's own word
    """403."""


class Unauthorized(KubeError):  # noqa: N818 - the API's own word
    """401, with a credential read anew."""


class Rejected(KubeError):  # noqa: N818 - the API's own word
    """Another 4xx."""


class Unavailable(KubeError):  # noqa: N818 - the API's own word
    """5xx, 429, no connection or no answer in time."""


class Standby(KubeError):  # noqa: N818 - a state, not a failure
    """Not sent: it would change something, in Kubernetes or in the cloud, and this process does not lead.

    It ends a reconcile quietly, and nothing comes after: a process that led and does not any more ends.
    """


def error_for(status: int, message: str) -> KubeError:
    """The error for an HTTP status of 400 or more."""
    known = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 429: Unavailable}
    kind = known.get(status) or (Unavailable if status >= 500 else Rejected)  # noqa: PLR2004 - HTTP's own number
    return kind(message, status)


@dataclass(frozen=True, slots=True)
class KubeType:
    """A kind as its URL names it.

    Attributes:
        kind: as in manifests.
        group: API group, empty for the core one.
        version: API version.
        plural: as in URLs.
        label_selector: only objects with these labels are listed and watched.
        guarded: it has no status of ours, and is reconciled when the hold of those that refer to it changes: they come,
            go, or get or lose our finalizer. Only the finalizer is ever written.
        cluster_scoped: its objects are in no namespace.
        keep: what of a body counts, beside its identity: only that is held in the cache, and a change of anything else
            is none. None: all of it, but for other people's metadata. Only for kinds that have no status of ours.
        metadata_only: only the metadata of its objects is asked for: of a Secret no content leaves the API server.
        stands_for: a key that an object stands for: its changes also concern those that refer to that key. They may
            come to nothing that exists, such as one key for all objects of a kind. Read from what is kept.
        namespaces: only in these namespaces, wherever else the operator watches; empty: in all that it watches.
        page: so many objects are asked for at once: all of a page are in memory, whole, for a moment.
    """

    kind: str
    group: str
    version: str
    plural: str
    label_selector: str = ""
    guarded: bool = False
    cluster_scoped: bool = False
    keep: Callable[[Body], Body] | None = None
    stands_for: Callable[[KubeObject], Key | None] | None = None
    metadata_only: bool = False
    namespaces: tuple[str, ...] = ()
    page: int = _PAGE

    @property
    def api_version(self) -> str:
        """``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def within(self, watched: tuple[str, ...]) -> tuple[str | None, ...]:
        """The namespaces to list one by one; None stands for the whole cluster.

        Args:
            watched: the namespaces that the operator watches; empty: all.
        """
        return (None,) if self.cluster_scoped else self.namespaces or watched or (None,)

    @property
    def unselected(self) -> KubeType:
        """The objects of the kind that its label selector (``name=value``) leaves out, by their metadata alone."""
        name, _, value = self.label_selector.partition("=")
        return replace(self, label_selector=f"{name}!={value}", metadata_only=True, page=_PAGE)


SECRETS = KubeType("Secret", "", "v1", "secrets", "network.infomaniak.cloud/credentials=true", guarded=True, page=10)
"""The Secrets that are credentials: of no other is the content ever read. Each may be of a megabyte and more."""


class Kube(Protocol):
    """The API server. Every method blocks, has a timeout, may be called from any thread and raises ``KubeError``."""

    def get(self, resource: KubeType, namespace: str, name: str) -> Body:
        """One object."""

    def list(self, resource: KubeType, namespace: str | None) -> Iterator[list[Body]]:
        """All objects of a kind that its label selector lets through, page by page; None: of all namespaces."""

    def patch(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        """Merge-patch an object (its metadata); gives the new version."""

    def patch_status(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        """Merge-patch the status subresource; gives the new version."""

    def patch_condition(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        """Merge one condition into the status of a kind of Kubernetes' own, by its type; gives the new version.

        The others stay, whoever writes them meanwhile (a merge patch would replace the whole list). With
        ``metadata.uid`` in the patch another object of that name refuses it: ``Rejected``, for a uid is immutable.
        """

    def create_event(self, namespace: str, event: Body) -> Body:
        """Create a core/v1 Event."""

    def patch_event(self, namespace: str, name: str, patch: Body) -> Body:
        """Merge-patch a core/v1 Event."""

    def review(self, resource: KubeType, body: Body) -> Body:
        """Have the API server answer a question (TokenReview, SubjectAccessReview): a POST that changes nothing."""
