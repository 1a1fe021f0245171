"""What pollers of Octavia have in common: one look at a time at the project of a credential, over what is connected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from infomaniak_operator.client import CloudCredentials
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds


@dataclass(slots=True)
class Known:
    """What is remembered of one credential's project from round to round. One look at a time uses it.

    Attributes:
        connected: whether the credential has worked.
    """

    connected: bool = False


KnownT = TypeVar("KnownT", bound=Known)


class PolledProject(Generic[KnownT]):
    """The project of one credential: a ``PollTarget``, but for the look itself.

    Args:
        credentials: the credential.
        secret: where it is.
        known: what is remembered.
        clouds: the connections.
    """

    def __init__(self, credentials: CloudCredentials, secret: Key, known: KnownT, clouds: Clouds) -> None:
        self._credentials = credentials
        self._secret = secret
        self.known = known
        self._clouds = clouds

    @property
    def identity(self) -> CloudCredentials:
        """The credential: copies of it in several Secrets are one."""
        return self._credentials

    @property
    def cloud(self) -> str:
        """Its Keystone."""
        return self._credentials.auth_url

    @property
    def name(self) -> str:
        """The Secret that it is in, or the first of them."""
        return f"the project of {self._secret}"

    def _connect(self) -> Cloud | None:
        """The cloud, if it is kept: to connect it here again and again would take the place of those in use."""
        if self.known.connected:
            return self._clouds.connected(self._credentials)
        cloud = self._clouds.get(self._credentials, self._secret)
        self._clouds.login(cloud, self._credentials, self._secret)
        self.known.connected = True
        return cloud
