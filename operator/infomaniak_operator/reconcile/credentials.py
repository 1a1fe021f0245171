"""Which Secret an object's credential comes from, and what to say where there is none that can be used."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infomaniak_operator.client import (
    CloudCredentials,
    CloudNotAllowedError,
    InvalidCredentialsError,
    parse_credentials,
)
from infomaniak_operator.engine.contract import Key, KubeObject, Progress, Reason, Stuck, View, Waiting
from infomaniak_operator.reconcile.cloud import Cloud, Clouds
from infomaniak_operator.reconcile.outcome import CREDENTIALS_VALID, Stop
from infomaniak_operator.reconcile.visit import Visit

LABEL = "network.infomaniak.cloud/credentials"
"""Only Secrets with this label, value ``true``, are watched and used."""


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
    """

    default: DefaultCredentials | None = None
    allowed_auth_urls: Sequence[str] | None = None

    def source(self, resource: KubeObject) -> CredentialSource | None:
        """Where the object's credential comes from; None where it names none and may not use the default."""
        ref = resource.spec.get("cloudCredentialsRef")
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
        return parse_credentials(_decoded(secret.body.get("data") or {}), cloud, self.allowed_auth_urls)

    def fingerprint(self, resource: KubeObject, view: View) -> str | None:
        """The fingerprint of the credential an object uses now; None where there is none that can be read."""
        source = self.source(resource)
        secret = view.get(source.secret) if source else None
        if source is None or secret is None:
            return None
        try:
            return self.read(secret, source.cloud).fingerprint
        except InvalidCredentialsError:
            return None


def _decoded(data: Mapping[str, str]) -> dict[str, bytes]:
    decoded = {}
    for name, value in data.items():
        try:
            decoded[name] = base64.b64decode(value or "", validate=True)
        except binascii.Error as error:
            raise InvalidCredentialsError(f"the key {name!r} of the Secret is not base64") from error
    return decoded


def connect(visit: Visit, settings: CredentialSettings, clouds: Clouds) -> Cloud:
    """The cloud of the object's credential, logged in; a login that fails is the caller's to report.

    Raises:
        Stop: there is no credential, or it cannot be used; the condition says what to do.
        InfomaniakCloudError: the login was refused, or Keystone cannot be asked.
    """
    source = settings.source(visit.resource)
    if source is None:
        message = (
            "spec.cloudCredentialsRef is missing, and the operator has no default credential for namespace "
            f"{visit.resource.key.namespace}: name a Secret in spec.cloudCredentialsRef.secretName"
        )
        visit.aspect(CREDENTIALS_VALID, False, Reason.CREDENTIALS_INVALID, message)
        raise Stop(Reason.CREDENTIALS_INVALID, message, Stuck(), Progress.STALLED)
    secret = visit.attempt.view.get(source.secret)
    if secret is None and visit.resource.deleting and (remembered := visit.memory.get("cloud")):
        # The Secret went first, as in the deletion of a whole namespace: what it held still serves to clean up.
        visit.connect(remembered)
        visit.cloud.login()
        return visit.cloud
    if secret is None:
        name = f"{source.secret.namespace}/{source.secret.name}"
        message = (
            f"Secret {name} is not there, or lacks the label {LABEL}=true: create it, or run "
            f"`kubectl -n {source.secret.namespace} label secret {source.secret.name} {LABEL}=true`"
        )
        visit.aspect(CREDENTIALS_VALID, False, Reason.WAITING_FOR_REFERENCE, message)
        raise Stop(Reason.WAITING_FOR_REFERENCE, message, Waiting(frozenset({source.secret})), keep_ready=True)
    try:
        read = settings.read(secret, source.cloud)
        cloud = clouds.get(read, source.secret)
    except InvalidCredentialsError as error:
        message = f"Secret {source.secret.namespace}/{source.secret.name}: {error}"
        if isinstance(error, CloudNotAllowedError):
            message += " (the operator's option --allowed-auth-url says which are)"
        visit.aspect(CREDENTIALS_VALID, False, Reason.CREDENTIALS_INVALID, message)
        raise Stop(Reason.CREDENTIALS_INVALID, message, Stuck(), Progress.STALLED) from error
    visit.connect(cloud)
    clouds.login(cloud, read, source.secret)
    visit.memory["cloud"] = cloud
    visit.aspect(CREDENTIALS_VALID, True, Reason.AVAILABLE, f"project {cloud.project_id} in {cloud.region}")
    return cloud
