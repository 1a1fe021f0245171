"""The clouds in use: one connection a credential, shared by all objects that use it, with what is listed in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.client import (
    AuthenticationError,
    CloudCredentials,
    CloudSession,
    InfomaniakCloudError,
    Operations,
)
from infomaniak_operator.reconcile.snapshots import Rows, Snapshots

REFUSED_FOR = 5.0
"""Seconds for which a refused login answers for all objects with the same credential: one asks, not a thousand."""


class Cloud:
    """One project in one region, seen with one credential. For use by many threads.

    Args:
        operations: the raising form of the client.
        identity: returns project id and region; logs in at the first call.
        now: monotonic seconds.
        close: ends the connection.
    """

    def __init__(
        self,
        operations: Any,
        identity: Callable[[], tuple[str, str]],
        now: Callable[[], float],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.do = operations
        self._identity = identity
        self._now = now
        self.close = close
        self._lock = threading.Lock()
        self._facts: tuple[str, str] | None = None
        self._refused: tuple[float, InfomaniakCloudError] | None = None
        self._snapshots = Snapshots(now)
        self._external: dict[str, str] = {}

    def login(self) -> None:
        """Make sure that the credential works: one login, whoever asks.

        Raises:
            InfomaniakCloudError: it is refused, or Keystone cannot be asked.
        """
        with self._lock:
            if self._facts is not None:
                return
            if self._refused is not None and self._now() < self._refused[0] + REFUSED_FOR:
                raise self._refused[1]
            try:
                self._facts = self._identity()
            except InfomaniakCloudError as error:
                self._refused = (self._now(), error)
                raise
            self._refused = None

    @property
    def project_id(self) -> str:
        """The project of the credential."""
        self.login()
        return self._facts[0] if self._facts else ""

    @property
    def region(self) -> str:
        """The region of the credential."""
        self.login()
        return self._facts[1] if self._facts else ""

    def rows(self, collection: str, fresh_after: float) -> Rows:
        """All objects of a type in the project, from a LIST that began at that monotonic second or later.

        Args:
            collection: ``networks``, ``subnets``, … as in ``Operations``.
            fresh_after: monotonic seconds.

        Raises:
            InfomaniakCloudError: the list could not be had. That is never an empty list.
        """
        project = self.project_id

        def load() -> Rows:
            listed: Rows = getattr(self.do, collection).list(project_id=project)
            return listed

        return self._snapshots.get(collection, fresh_after, load)

    def external_network(self, name: str) -> str | None:
        """The id of the external network of that name; looked up once a credential.

        Returns:
            None where there is none of that name, or more than one (an id is needed then).
        """
        with self._lock:
            if name in self._external:
                return self._external[name]
        found = self.do.networks.list(name=name, **{"router:external": True})
        if len(found) != 1:
            return None
        with self._lock:
            self._external[name] = str(found[0]["id"])
            return self._external[name]

    def external_networks(self) -> list[str]:
        """The names of the external networks there are, for a message."""
        return [str(row["name"]) for row in self.do.networks.list(**{"router:external": True})]


@dataclass(frozen=True, slots=True)
class _Entry:
    cloud: Cloud
    credentials: CloudCredentials


class Clouds:
    """The pool of clouds by the fingerprint of the credential: a rotated Secret simply gets another one.

    Args:
        connect: makes a cloud of a credential, without asking anything yet.
        keep: how many clouds stay connected; the longest unused goes first.
    """

    def __init__(self, connect: Callable[[CloudCredentials], Cloud], keep: int = 64) -> None:
        self._connect = connect
        self._keep = keep
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def get(self, credentials: CloudCredentials) -> Cloud:
        """The cloud of a credential."""
        with self._lock:
            entry = self._entries.pop(credentials.fingerprint, None)
            if entry is None:
                entry = _Entry(self._connect(credentials), credentials)
            self._entries[credentials.fingerprint] = entry
            dropped = []
            while len(self._entries) > self._keep:
                dropped.append(self._entries.pop(next(iter(self._entries))))
        # Not closed here: another thread may be in the middle of a call. The connection goes with its last user.
        del dropped
        return entry.cloud

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            entries, self._entries = list(self._entries.values()), {}
        for entry in entries:
            entry.cloud.close()


def connector(
    now: Callable[[], float], session: Callable[[CloudCredentials], CloudSession]
) -> Callable[[CloudCredentials], Cloud]:
    """How ``Clouds`` connects to a real OpenStack.

    Args:
        now: monotonic seconds.
        session: makes a session of a credential, with the operator's time-outs and hooks.
    """

    def connect(credentials: CloudCredentials) -> Cloud:
        opened = session(credentials)

        def identity() -> tuple[str, str]:
            project = opened.project_id
            if credentials.project_id and project != credentials.project_id:
                raise AuthenticationError(
                    f"the credential belongs to project {project}, but names project {credentials.project_id}: "
                    "mend the Secret"
                )
            return project, opened.region

        return Cloud(Operations(opened), identity, now, opened.close)

    return connect


Connect = Callable[[CloudCredentials], Cloud]
Row = Mapping[str, Any]
