"""The clouds in use: one connection a credential, shared by all objects that use it, with what is listed in it."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from infomaniak_operator.client import (
    AuthenticationError,
    CloudCredentials,
    CloudSession,
    ForbiddenError,
    InfomaniakCloudError,
    NotFoundError,
    Operations,
)
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.refusal import Refusal
from infomaniak_operator.client.resources import OctaviaQuota, QuotaDetail, ReverseName, Secret
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.openstack.list_cache import Snapshots
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType

_EXTERNAL: Mapping[str, Any] = {"router:external": True}
"""The filter of external networks; no keyword can spell it."""

REFUSED_FOR = 5.0
"""Seconds for which a refused login answers for all objects with the same credential: one asks, not a thousand."""

ReadT = TypeVar("ReadT")

_MOST_ADDRESSES = 10_000
"""Of so many Secrets it is remembered which cloud they lead to."""

NAMES_REFUSED_FOR = 20.0
"""Seconds for which a failed list of reverse names answers for all objects: a Designate that hangs holds up one."""

QUOTA_FOR = 60.0
"""Seconds for which a quota counts as it was read: one that is found used up is read anew."""
QUOTA_REFUSED_FOR = 600.0
"""Seconds for which a quota that must not be read, or is not there, is not asked for again."""

EXTERNAL_FOR = 600.0
"""Seconds for which an external network's id is used without another look: as long as a resync takes to come, unless
the operator is told otherwise."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The id of an external network, and the monotonic second at which it was asked for."""

    id: str
    at: float


class Kept(Generic[ReadT]):
    """Something that is read now and then, and is done without where it cannot be. One asks, the others have it, too.

    Args:
        now: monotonic seconds.

    Attributes:
        since: how many of each type were about to be made since it was read.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.since: Counter[str] = Counter()
        self._read: tuple[float, ReadT] | None = None
        self._not_before = float("-inf")

    def get(self, fresh_after: float | None, read: Callable[[], ReadT]) -> ReadT | None:
        """What was read at that monotonic second or later; None where it cannot be read."""
        with self._lock:
            now = self._now()
            oldest = now - QUOTA_FOR if fresh_after is None else fresh_after
            if self._read is not None and self._read[0] >= oldest:
                return self._read[1]
            if now < self._not_before:
                return None
            try:
                self._read, self.since = (now, read()), Counter()
            except InfomaniakCloudError as error:
                # Whatever it is (a policy, a service that is away), all goes on as if nothing were known.
                never = isinstance(error, ForbiddenError | NotFoundError)
                self._read, self._not_before = None, now + (QUOTA_REFUSED_FOR if never else QUOTA_FOR)
                return None
            return self._read[1]


class Cloud:
    """One project in one region, seen with one credential. For use by many threads.

    Args:
        operations: the raising form of the client.
        identity: returns project id and region; logs in at the first call.
        now: monotonic seconds.
        close: ends the connection.
        external_for: seconds for which an external network's id that was looked up by its name is used.

    Attributes:
        quota_use: which share of each quota was used when it was last read.
        quota_waits: who waits for room in its quotas: kept for those who look, and no business of this module.
    """

    def __init__(
        self,
        operations: Operations,
        identity: Callable[[], tuple[str, str]],
        now: Callable[[], float],
        close: Callable[[], None] = lambda: None,
        external_for: float = EXTERNAL_FOR,
    ) -> None:
        self.do = operations
        self._identity = identity
        self._now = now
        self.close = close
        self._lock = threading.Lock()
        self._identified: tuple[str, str] | None = None
        self._refused = Refusal(REFUSED_FOR, now)
        self._snapshots = Snapshots(now)
        self._external_for = external_for
        self._external: dict[str, _Found] = {}
        self._no_names = Refusal(NAMES_REFUSED_FOR, now)
        self._quotas: Kept[dict[str, QuotaDetail]] = Kept(now)
        self._octavia_quotas: Kept[OctaviaQuota] = Kept(now)
        self._shares: Kept[dict[str, list[str]]] = Kept(now)
        self.quota_use: dict[str, float] = {}
        self.quota_waits: Kept[Any] = Kept(now)
        self._no_secrets = Refusal(REFUSED_FOR, now)

    def read_only(self) -> Cloud:
        """The same cloud, with the same login and lists, in which nothing can be changed.

        Whatever would change something raises ``ReadOnlyError``, at the HTTP request below all collections.
        """
        face = copy.copy(self)
        face.do = self.do.read_only()
        return face

    @property
    def has_logged_in(self) -> bool:
        """Whether the credential has worked."""
        return self._identified is not None

    def login(self) -> None:
        """Make sure that the credential works: one login, whoever asks.

        Raises:
            InfomaniakCloudError: it is refused, or Keystone cannot be asked.
        """
        with self._lock:
            if self._identified is not None:
                return
            self._refused.check()
            try:
                self._identified = self._identity()
            except InfomaniakCloudError as error:
                self._refused.note(error)
                raise

    @property
    def project_id(self) -> str:
        """The project of the credential."""
        self.login()
        return self._identified[0] if self._identified else ""

    @property
    def region(self) -> str:
        """The region of the credential."""
        self.login()
        return self._identified[1] if self._identified else ""

    def rows(
        self, collection: ResourceType[RowT, BodyT], fresh_after: float, network_id: str | None = None
    ) -> Sequence[RowT]:
        """All objects of a type in the project, from a LIST that began at that monotonic second or later.

        Args:
            collection: the type.
            fresh_after: monotonic seconds.
            network_id: all that the credential shows in that network instead, other projects' too: only to be read.

        Raises:
            InfomaniakCloudError: the list could not be had. That is never an empty list.
        """
        project = self.project_id

        def load() -> Sequence[RowT]:
            asked = {"project_id": project} if network_id is None else {"network_id": network_id}
            return collection.of(self.do).list(**asked)

        name = collection.name if network_id is None else f"{collection} of network {network_id}"
        return self._snapshots.get(name, fresh_after, load)

    def reverse_names(self, fresh_after: float) -> Sequence[ReverseName]:
        """The reverse names of the project's floating IPs, from a LIST that began at that monotonic second or later.

        Raises:
            InfomaniakCloudError: the list could not be had, now or a moment ago. That is never an empty list.
        """
        return self._listed("reverse_dns", fresh_after, self.do.reverse_dns.list, self._no_names)

    def _listed(
        self, name: str, fresh_after: float, load: Callable[[], Sequence[RowT]], refusal: Refusal
    ) -> Sequence[RowT]:
        """A list of a service that may not be there, or not for us: a failure answers for a while."""
        refusal.check()
        try:
            return self._snapshots.get(name, fresh_after, load)
        except InfomaniakCloudError as error:
            refusal.note(error)
            raise

    def network_quota(self, fresh_after: float | None = None) -> Mapping[str, QuotaDetail] | None:
        """What Neutron allows the project, and what is used; None where that cannot be read.

        Args:
            fresh_after: not read before that monotonic second; None: as it was read within the last minute.
        """
        return self._quotas.get(fresh_after, self.do.quotas.network)

    def made_since(self, name: str) -> int:
        """How many of a type this process was about to make since Neutron's quota was read."""
        return self._quotas.since[name]

    def about_to_make(self, counts: Mapping[str, int]) -> None:
        """Count what is about to be made, for those who go by the same reading."""
        self._quotas.since.update(counts)

    def load_balancer_quota(self, fresh_after: float | None = None) -> OctaviaQuota | None:
        """What Octavia allows the project, likewise; it tells no uses."""
        return self._octavia_quotas.get(fresh_after, self.do.quotas.load_balancer)

    def network_shares(self) -> Mapping[str, Sequence[str]] | None:
        """With which projects each network is shared, as read within the last minute; None where it cannot be read."""
        return self._shares.get(None, self.do.network_shares.list)

    def note_quota_use(self, shares: Mapping[str, float]) -> None:
        """Keep, for the metrics, which share of each quota is used."""
        with self._lock:
            self.quota_use |= shares

    def secrets(self, fresh_after: float) -> Sequence[Secret]:
        """The project's secrets in Barbican, from a LIST that began at that monotonic second or later.

        Raises:
            InfomaniakCloudError: the list could not be had, now or a moment ago. That is never an empty list.
        """
        return self._listed("secrets", fresh_after, self.do.secrets.list, self._no_secrets)

    def external_network(self, name: str) -> str | None:
        """The id of the external network of that name; looked up again after a while, and once it was refused.

        Returns:
            None where there is none of that name, or more than one (an id is needed then).
        """
        with self._lock:
            known = self._external.get(name)
            if known is not None and self._now() < known.at + self._external_for:
                return known.id
        at = self._now()
        found = self.do.networks.list(name=name, **_EXTERNAL)
        with self._lock:
            if len(found) != 1:
                self._external.pop(name, None)
                return None
            self._external[name] = _Found(str(found[0]["id"]), at)
            return self._external[name].id

    def forget_external(self, refusal: str, before: float) -> bool:
        """Forget the external network that a refusal names: it may be gone, or another may have its name by now.

        Args:
            refusal: what the service said.
            before: monotonic seconds; what was looked up since then is not to blame.

        Returns:
            Whether there was one to forget: with another look, the request may be another.
        """
        with self._lock:
            named = [name for name, known in self._external.items() if known.at < before and known.id in refusal]
            for name in named:
                del self._external[name]
        return bool(named)

    def external_networks(self) -> list[str]:
        """The names of the external networks there are, for a message."""
        return [str(row["name"]) for row in self.do.networks.list(**_EXTERNAL)]


@dataclass(frozen=True, slots=True)
class Keep:
    """How many connections are kept. One beyond goes once its last user is done.

    Attributes:
        working: connections that have logged in; beyond it the longest unused of the namespace that has most goes.
        working_of_namespace: of them those that one namespace's Secrets led to; beyond it its longest unused goes.
        untried: connections that have not (yet) logged in. They never take the place of one that has.
        untried_of_namespace: of them those of one namespace.
    """

    working: int = 512
    working_of_namespace: int = 32
    untried: int = 64
    untried_of_namespace: int = 4


@dataclass(slots=True)
class _Entry:
    cloud: Cloud
    namespace: str


class _Shelf:
    """Connections of one sort, by credential, the longest unused first."""

    def __init__(self, most: int, most_of_namespace: int) -> None:
        self._most = most
        self._most_of_namespace = most_of_namespace
        self._entries: dict[CloudCredentials, _Entry] = {}
        self._counts: Counter[str] = Counter()

    def pop(self, credentials: CloudCredentials) -> _Entry | None:
        entry = self._entries.pop(credentials, None)
        if entry is not None:
            self._counts[entry.namespace] -= 1
            if not self._counts[entry.namespace]:
                del self._counts[entry.namespace]
        return entry

    def peek(self, credentials: CloudCredentials) -> _Entry | None:
        """One that is kept, which is no use of it."""
        return self._entries.get(credentials)

    def put(self, credentials: CloudCredentials, entry: _Entry) -> list[_Entry]:
        """Keep one as the latest used; gives those that went for it."""
        self._entries[credentials] = entry
        self._counts[entry.namespace] += 1
        gone = []
        while self._counts[entry.namespace] > self._most_of_namespace:
            gone.append(self._oldest(entry.namespace))
        while len(self._entries) > self._most:
            most = max(self._counts.values())
            gone.append(self._oldest(*(each for each, count in self._counts.items() if count == most)))
        return gone

    def _oldest(self, *namespaces: str) -> _Entry:
        among = frozenset(namespaces)
        longest_unused = next(owner for owner, each in self._entries.items() if each.namespace in among)
        entry = self.pop(longest_unused)
        assert entry is not None  # noqa: S101 - for the type checker
        return entry

    def entries(self) -> list[_Entry]:
        """All of them."""
        return list(self._entries.values())

    def drain(self) -> list[_Entry]:
        """All of them, which are kept no more."""
        entries, self._entries = list(self._entries.values()), {}
        self._counts.clear()
        return entries


class Clouds:
    """The pool of clouds by the credential: a rotated Secret simply gets another one.

    Args:
        connect: makes a cloud of a credential, without asking anything yet.
        keep: how many clouds stay connected.
    """

    def __init__(self, connect: Callable[[CloudCredentials], Cloud], keep: Keep | None = None) -> None:
        keep = keep or Keep()
        self._connect = connect
        self._lock = threading.Lock()
        self._working = _Shelf(keep.working, keep.working_of_namespace)
        self._untried = _Shelf(keep.untried, keep.untried_of_namespace)
        self._addresses: dict[Key, str] = {}

    def get(self, credentials: CloudCredentials, secret: Key | None = None) -> Cloud:
        """The cloud of a credential.

        Args:
            credentials: the credential.
            secret: the Secret that it is in: its namespace has a share of the connections.
        """
        with self._lock:
            if secret is not None:
                self._addresses.pop(secret, None)
                self._addresses[secret] = credentials.auth_url
                if len(self._addresses) > _MOST_ADDRESSES:
                    del self._addresses[next(iter(self._addresses))]
            entry = self._working.pop(credentials) or self._untried.pop(credentials)
            if entry is None:
                entry = _Entry(self._connect(credentials), secret.namespace if secret else "")
            shelf = self._working if entry.cloud.has_logged_in else self._untried
            dropped = shelf.put(credentials, entry)
        # Not closed here: another thread may be in the middle of a call. The connection goes with its last user.
        del dropped
        return entry.cloud

    def login(self, cloud: Cloud, credentials: CloudCredentials, secret: Key | None = None) -> None:
        """Make sure that a cloud's credential works; from then on it is kept among those that do.

        Raises:
            InfomaniakCloudError: it is refused, or Keystone cannot be asked.
        """
        first = not cloud.has_logged_in
        cloud.login()
        if first:
            with self._lock:
                self._untried.pop(credentials)
                kept = self._working.pop(credentials)
                entry = kept or _Entry(cloud, secret.namespace if secret else "")
                dropped = self._working.put(credentials, entry)
            del dropped

    def connected(self, credentials: CloudCredentials) -> Cloud | None:
        """The cloud of a credential that has worked, if it is still kept. To ask for it takes no other one's place."""
        with self._lock:
            entry = self._working.peek(credentials)
        return entry.cloud if entry else None

    def quota_use(self) -> dict[str, float]:
        """Of each type, which share of its quota is used in the project that has used most, as it was last read."""
        with self._lock:
            entries = self._working.entries()
        found: dict[str, float] = {}
        for entry in entries:
            for name, share in list(entry.cloud.quota_use.items()):
                found[name] = max(found.get(name, 0.0), share)
        return found

    def address_of(self, secret: Key) -> str | None:
        """Where the credential in a Secret led to when it was last used; None if it has not been."""
        return self._addresses.get(secret)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            entries = self._working.drain() + self._untried.drain()
        for entry in entries:
            entry.cloud.close()


def connector(
    now: Callable[[], float],
    session: Callable[[CloudCredentials], CloudSession],
    external_for: float = EXTERNAL_FOR,
) -> Callable[[CloudCredentials], Cloud]:
    """How ``Clouds`` connects to a real OpenStack.

    Args:
        now: monotonic seconds.
        session: makes a session of a credential, with the operator's time-outs and hooks.
        external_for: as for ``Cloud``.
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

        return Cloud(Operations(opened, whole=True), identity, now, opened.close, external_for)

    return connect


Connect = Callable[[CloudCredentials], Cloud]
