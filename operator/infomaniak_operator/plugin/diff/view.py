"""The objects of a cluster as reconcilers see them, read with the user's rights; and where credentials come from."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.command import Server
from infomaniak_operator.plugin.stack import References
from infomaniak_operator.reconcile.generic.credential_settings import LABEL as CREDENTIALS
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, CredentialSource
from infomaniak_operator.reconcile.octavia import certificate_secret
from infomaniak_operator.reconcile.octavia.service_endpoints import NODE, SERVICE, SLICE

ReadT = TypeVar("ReadT")
_SECRET = "Secret"  # noqa: S105 - a kind
_CREDENTIAL = "of the command line"
"""The name of the Secret that stands for a credential given on the command line."""


@dataclass(frozen=True, slots=True)
class Credentials(CredentialSettings):
    """Where credentials come from here: each object's own Secret, or one for all that the user names.

    Attributes:
        given: the one for all; None: each object's own.
    """

    given: CloudCredentials | None = None

    def source(self, resource: KubeObject) -> CredentialSource | None:
        """The Secret that the object names; with a credential for all what stands for that."""
        if self.given is not None:
            return CredentialSource(Key(_SECRET, resource.key.namespace, _CREDENTIAL), None)
        return CredentialSettings.source(self, resource)

    def read(self, secret: KubeObject, cloud: str | None) -> CloudCredentials:
        """The credential in a Secret, or the one for all.

        Raises:
            InvalidCredentialsError: it cannot be used.
        """
        return self.given if self.given is not None else CredentialSettings.read(self, secret, cloud)


class View:
    """The objects of a cluster as reconcilers see them: those read before, and what is asked for when it is needed.

    Args:
        objects: of this API.
        server: asked for Secrets, and for what members follow.
        references: what an object refers to.
        whole: whether a credential was given, so that no Secret with one is read.
    """

    def __init__(self, objects: Iterable[KubeObject], server: Server, references: References, *, whole: bool) -> None:
        self._objects = {each.key: each for each in sorted(objects, key=lambda each: each.key)}
        self._server, self._whole = server, whole
        self._read: dict[object, object] = {}
        self._referrers: dict[Key, list[KubeObject]] = {}
        for each in self._objects.values():
            for key in dict.fromkeys(references(each)):
                self._referrers.setdefault(key, []).append(each)

    def get(self, key: Key) -> KubeObject | None:
        """The object, or None if there is none.

        Raises:
            ClusterError: it cannot be read.
        """
        if key.kind in KINDS:
            return self._objects.get(key)
        if key.kind in (_SECRET, certificate_secret.KIND):
            return self._once(key, lambda: self._secret(key))
        return next((each for each in self.objects(key.kind, key.namespace) if each.key == key), None)

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        """All objects of a kind, in one namespace or in all of those that were read.

        Raises:
            ClusterError: they cannot be listed.
        """
        if kind in KINDS:
            return [
                each for key, each in self._objects.items() if key.kind == kind and namespace in (None, key.namespace)
            ]
        if kind not in (SERVICE, SLICE, NODE):
            return []
        of = None if kind == NODE else namespace
        return self._once((kind, of), lambda: self._server.others(kind, of))

    def referrers(self, key: Key) -> list[KubeObject]:
        """The objects that refer to it."""
        return list(self._referrers.get(key, ()))

    def _once(self, what: object, read: Callable[[], ReadT]) -> ReadT:
        """What is read once; a failure fails for all who ask."""
        if what not in self._read:
            try:
                self._read[what] = read()
            except ClusterError as error:
                self._read[what] = error
        found = self._read[what]
        if isinstance(found, ClusterError):
            raise found
        return cast("ReadT", found)

    def _secret(self, key: Key) -> KubeObject | None:
        if self._whole and key.name == _CREDENTIAL:
            return KubeObject(key, {"metadata": {"name": key.name, "namespace": key.namespace}})
        try:
            found = self._server.labelled_secret(key.namespace, key.name)
        except ClusterError as error:
            if error.is_not_there:
                return None
            raise
        label = certificate_secret.LABEL if key.kind == certificate_secret.KIND else CREDENTIALS
        if found.labels.get(label) != "true":  # the operator does not see it either
            return None
        encoded = {name: base64.b64encode(value).decode() for name, value in found.data.items()}
        return KubeObject(key, {"metadata": {"name": key.name, "namespace": key.namespace}, "data": encoded})
