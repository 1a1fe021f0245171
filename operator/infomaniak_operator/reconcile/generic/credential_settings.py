"""Which Secret an object's credential comes from, and what to say where there is none that can be used."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.client import (
    CloudCredentials,
    CloudNotAllowedError,
    InvalidCredentialsError,
    parse_credentials,
)
from infomaniak_operator.client.clouds_yaml import MAX_BYTES
from infomaniak_operator.client.credentials import KNOWN
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Key,
    KubeObject,
    Reason,
    WaitingFor,
)
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import CREDENTIALS_VALID, Outcome, stalled
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds

LABEL = "network.infomaniak.cloud/credentials"
"""Only Secrets with this label, value ``true``, are watched and used."""
_MAX_ENCODED = MAX_BYTES * 4 // 3 + 4 * len(KNOWN)
"""As much base64 as can stand for a credential."""


class SecretContent(Mapping[str, str]):
    """Of a Secret's ``data`` what can be a credential, and what was read in it: both go with the Secret.

    An unknown key keeps its name, for the message, and loses its value; a content that is too large is not held.

    Args:
        data: the Secret's, as the API server gives it.
    """

    def __init__(self, data: object) -> None:
        found = {str(name): str(value or "") for name, value in data.items()} if isinstance(data, Mapping) else {}
        unknown = min((name for name in found if name not in KNOWN), default=None)
        kept = {name: value for name, value in found.items() if name in KNOWN}
        self.too_large = sum(map(len, kept.values())) > _MAX_ENCODED
        self._data = {} if self.too_large else kept
        if unknown is not None:
            self._data[unknown] = ""
        self._lock = threading.Lock()
        self._read: dict[object, CloudCredentials | InvalidCredentialsError] = {}

    def __repr__(self) -> str:
        return f"SecretContent({sorted(self._data)})"

    def __getitem__(self, name: str) -> str:
        return self._data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def once(self, how: object, parse: Callable[[], CloudCredentials]) -> CloudCredentials:
        """What ``parse`` makes of it, made once for each ``how``.

        Raises:
            InvalidCredentialsError: it cannot be used, whatever is wrong with it.
        """
        with self._lock:
            known = self._read.get(how)
            if known is None:
                known = self._read[how] = _outcome(parse)
                while len(self._read) > _MOST_WAYS:
                    del self._read[next(iter(self._read))]
        if isinstance(known, InvalidCredentialsError):
            raise type(known)(*known.args)
        return known


_MOST_WAYS = 8
"""In so many ways one Secret is remembered to be read: by as many entries of its ``clouds.yaml``."""


def _outcome(parse: Callable[[], CloudCredentials]) -> CloudCredentials | InvalidCredentialsError:
    try:
        return parse()
    except InvalidCredentialsError as error:
        return type(error)(*error.args)  # without the traceback, which holds what was read
    except Exception as error:  # noqa: BLE001 - what a stranger wrote is never a defect of ours
        return InvalidCredentialsError(f"it cannot be read ({type(error).__name__})")


def keep_secret(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is held of a Secret, beside its identity: its label, its finalizers, and what can be a credential."""
    meta = body.get("metadata") or {}
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name == LABEL}
    held = {"labels": labels, "finalizers": list(meta.get("finalizers") or ())}
    return {"metadata": held, "data": SecretContent(body.get("data"))}


@dataclass(frozen=True, slots=True)
class DefaultCredentials:
    """The operator's own credential, for objects that name none.

    Attributes:
        namespace: where its Secret lies.
        secret: name of the Secret.
        cloud: the entry of its ``clouds.yaml``, or None for plain keys.
        namespaces: the namespaces whose objects may use it; ``*`` for all.
    """

    namespace: str
    secret: str
    cloud: str | None = None
    namespaces: frozenset[str] = frozenset()

    def serves(self, namespace: str) -> bool:
        """Whether the objects of a namespace may use it."""
        return namespace in self.namespaces or "*" in self.namespaces


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """The Secret an object's credential comes from."""

    secret: Key
    cloud: str | None


@dataclass(frozen=True, slots=True)
class CredentialSettings:
    """Settings of the operator that concern credentials.

    Attributes:
        default: the operator's own credential, if one is configured.
        allowed_auth_urls: the Keystone addresses that may be used; None: any.
        namespaces: the namespaces whose Secrets the operator may read, beside that of ``default``; empty: all that it
            watches.
    """

    default: DefaultCredentials | None = None
    allowed_auth_urls: Sequence[str] | None = None
    namespaces: frozenset[str] = frozenset()

    def readable(self, namespace: str) -> bool:
        """Whether the operator may read Secrets in a namespace."""
        own = self.default.namespace if self.default else None
        return not self.namespaces or namespace in self.namespaces or namespace == own

    def source(self, resource: KubeObject) -> CredentialSource | None:
        """Where the object's credential comes from; None where it names none and may not use the default."""
        ref = ANY.spec(resource).get("cloudCredentialsRef")
        if ref:
            return CredentialSource(Key("Secret", resource.key.namespace, ref["secretName"]), ref.get("cloudName"))
        if self.default and self.default.serves(resource.key.namespace):
            return CredentialSource(Key("Secret", self.default.namespace, self.default.secret), self.default.cloud)
        return None

    def read(self, secret: KubeObject, cloud: str | None) -> CloudCredentials:
        """The credential in a Secret.

        Raises:
            InvalidCredentialsError: it cannot be used; the message names the key, never a value.
        """
        data = secret.body.get("data")
        content = data if isinstance(data, SecretContent) else SecretContent(data)
        return content.once((cloud, self.allowed), lambda: self._parsed(content, cloud))

    def address_of(self, resource: KubeObject, view: CacheReader) -> str | None:
        """The Keystone that an object's credential leads to; None where there is no credential that can be read."""
        source = self.source(resource)
        secret = view.get(source.secret) if source else None
        if source is None or secret is None:
            return None
        try:
            return self.read(secret, source.cloud).auth_url
        except InvalidCredentialsError:
            return None

    def credentials_of(self, source: CredentialSource, view: CacheReader) -> CloudCredentials | None:
        """The credential in a Secret; None where it may not be read, is not there, or cannot be used."""
        secret = view.get(source.secret) if self.readable(source.secret.namespace) else None
        try:
            return self.read(secret, source.cloud) if secret else None
        except InvalidCredentialsError:
            return None

    def used_by(self, resource: KubeObject, view: CacheReader) -> CloudCredentials | None:
        """The credential that an object uses; None where there is none that can be."""
        source = self.source(resource)
        return self.credentials_of(source, view) if source else None

    @property
    def allowed(self) -> tuple[str, ...]:
        """The addresses that may be used; none: any."""
        return tuple(self.allowed_auth_urls or ())

    def _parsed(self, content: SecretContent, cloud: str | None) -> CloudCredentials:
        if content.too_large:
            raise InvalidCredentialsError(f"it holds more than {MAX_BYTES} bytes: leave only the credential in it")
        return parse_credentials(_decoded(content), cloud, self.allowed_auth_urls)

    def version(self, resource: KubeObject, view: CacheReader) -> str | None:
        """Which version of which credential an object uses now; None where there is none that can be read.

        The content alone counts: a finalizer or an annotation on the Secret is no reason to ask the cloud. The digest
        is keyed with the Secret's UID, which is random, and which only those can read who can read the Secret: what
        others can read must not let anybody try passwords.
        """
        source = self.source(resource)
        secret = view.get(source.secret) if source else None
        if source is None or secret is None:
            return None
        try:
            self.read(secret, source.cloud)
        except InvalidCredentialsError:
            return None
        content = json.dumps([source.cloud or "", dict(secret.body.get("data") or {})], sort_keys=True)
        return hmac.new(secret.uid.encode(), content.encode(errors="backslashreplace"), hashlib.sha256).hexdigest()


def _decoded(data: Mapping[str, str]) -> dict[str, bytes]:
    decoded = {}
    for name, value in data.items():
        try:
            decoded[name] = base64.b64decode(value, validate=True)
        except ValueError:
            raise InvalidCredentialsError(f"the key {name!r} of the Secret is not base64") from None
    return decoded


def connect(context: ReconcileContext, settings: CredentialSettings, clouds: Clouds) -> Cloud | Outcome:
    """The cloud of the object's credential, logged in; a login that fails is the caller's to report.

    Or the outcome where there is no credential, or it cannot be used; the condition says what to do.

    Raises:
        InfomaniakCloudError: the login was refused, or Keystone cannot be asked.
    """
    source = settings.source(context.resource)
    if source is None:
        message = (
            "spec.cloudCredentialsRef is missing, and the operator has no default credential for namespace "
            f"{context.resource.key.namespace}: name a Secret in spec.cloudCredentialsRef.secretName"
        )
        context.set_condition(CREDENTIALS_VALID, False, Reason.CREDENTIALS_INVALID, message)
        return stalled(Reason.CREDENTIALS_INVALID, message)
    context.secret = source.secret
    if not settings.readable(source.secret.namespace):
        message = (
            f"spec.cloudCredentialsRef: this operator reads no Secrets in namespace {source.secret.namespace} "
            "(--credentials-namespace): leave it out to use the operator's default credential, or ask the cluster's "
            "administrator to have the namespace added"
        )
        context.set_condition(CREDENTIALS_VALID, False, Reason.CREDENTIALS_INVALID, message)
        return stalled(Reason.CREDENTIALS_INVALID, message)
    secret = context.request.view.get(source.secret)
    if secret is None and context.resource.deleting and (remembered := context.memory.cloud):
        # The Secret went first, as in the deletion of a whole namespace: what it held still serves to clean up.
        context.connect(remembered)
        context.cloud.login()
        context.project_id = remembered.project_id
        return context.cloud
    if secret is None:
        message = (
            f"{source.secret} is not there, or lacks the label {LABEL}=true: create it, or run "
            f"`kubectl -n {source.secret.namespace} label secret {source.secret.name} {LABEL}=true`"
        )
        context.set_condition(CREDENTIALS_VALID, False, Reason.WAITING_FOR_REFERENCE, message)
        return Outcome(Reason.WAITING_FOR_REFERENCE, message, WaitingFor(frozenset({source.secret})), keep_ready=True)
    try:
        read = settings.read(secret, source.cloud)
        cloud = clouds.get(read, source.secret)
    except InvalidCredentialsError as error:
        message = f"{source.secret}: {error}"
        if isinstance(error, CloudNotAllowedError):
            message += " (the operator's option --allowed-auth-url says which are)"
        context.set_condition(CREDENTIALS_VALID, False, Reason.CREDENTIALS_INVALID, message)
        return stalled(Reason.CREDENTIALS_INVALID, message)
    context.connect(cloud)
    clouds.login(cloud, read, source.secret)
    context.project_id = cloud.project_id
    context.memory.cloud = cloud
    context.set_condition(CREDENTIALS_VALID, True, Reason.AVAILABLE, f"project {cloud.project_id} in {cloud.region}")
    return cloud
