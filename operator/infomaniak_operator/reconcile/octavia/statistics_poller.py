"""Reads what listeners have counted, for the metrics: connections, bytes and errors.

Octavia counts for each listener, and tells of one listener at a time, or of the sum over a load balancer's; of pools
and members it counts nothing. To keep the calls few, the listeners of a load balancer take turns: a round asks for so
many of each as it is told, one by default. What is read are counters, so a figure that is some rounds old is right all
the same: its rate is only seen later.

A listener counts as a LoadBalancer's where Octavia shows it in a load balancer that carries this object's mark (or that
the object only reads): an id in a status alone says nothing. Nothing is written here, neither in Kubernetes nor in the
cloud, and no object is reconciled because of it.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from infomaniak_operator.api.json_types import LOAD_BALANCER
from infomaniak_operator.client import CloudCredentials, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.resources import LoadBalancer, Statistics
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Polled, PollTarget
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, CredentialSource
from infomaniak_operator.reconcile.generic.facts import owner_of
from infomaniak_operator.reconcile.generic.outcomes import PAUSED, annotated
from infomaniak_operator.reconcile.octavia import octavia_common
from infomaniak_operator.reconcile.octavia.polled_project import Known, PolledProject
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds
from infomaniak_operator.reconcile.ownership.marks import Mark

MOST_LISTENERS: Final = 1000
"""Of so many listeners figures are told. Of more, the namespaces take turns: none crowds out the others."""
MOST_CALLS: Final = 100
"""So many listeners of a project are asked for in a round; those not asked for longest come first."""
MOST_FAILURES: Final = 2
"""After so many failures in a row the rest of a project waits for another round."""
SHORTEST_LIFE: Final = 900.0
"""Seconds for which a figure is told at the least, though it could not be read again."""
LIFE_IN_TURNS: Final = 3
"""So many turns may fail before a figure is told no more."""
FIELDS: Final = ("id", "tags", "listeners")
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
"""What the CRD takes for the name of a listener: one that others have made may be named otherwise."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counting:
    """A LoadBalancer whose listeners count.

    Attributes:
        resource: the object.
        place: the project and region that it says it is in.
        balancer: the load balancer.
        listeners: the names of its listeners, by id.
    """

    resource: KubeObject
    place: tuple[str, str]
    balancer: str
    listeners: Mapping[str, str]


def counting(resource: KubeObject) -> Counting | None:
    """What there is to read for an object; None for one that is paused or going, or has nothing in the cloud yet.

    A listener is known by the name that the spec gives it, or, where the spec leaves the listeners as they are, by its
    name in the cloud, if it could be one of a spec. Of two with one name the first counts.
    """
    status = resource.json_status
    balancer = status.get("id")
    if resource.deleting or annotated(resource, PAUSED) or not is_id(balancer):
        return None
    asked = LOAD_BALANCER.spec(resource).get("listeners")
    wanted = None if asked is None else {each.get("name") for each in asked}
    shown = status.get("listeners")
    named: dict[str, str] = {}
    for each in shown if isinstance(shown, list | tuple) else ():
        name, own = (each.get("name"), each.get("id")) if isinstance(each, Mapping) else (None, None)
        if isinstance(name, str) and is_id(own) and _NAME.fullmatch(name) and (wanted is None or name in wanted):
            named.setdefault(name, str(own))
    listeners = {own: name for name, own in named.items()}
    return Counting(resource, (str(status.get("projectID")), str(status.get("region"))), str(balancer), listeners)


def admitted(found: Iterable[Counting], most: int) -> list[Counting]:
    """Those of which figures are told, each with the listeners that are: the oldest of each namespace, in turns.

    Args:
        found: all there are.
        most: so many listeners at the most.
    """
    by_namespace: dict[str, list[tuple[Counting, str]]] = {}
    for one in sorted(found, key=lambda each: (each.resource.created, each.resource.key)):
        mine = by_namespace.setdefault(one.resource.key.namespace, [])
        mine += [(one, listener) for listener in one.listeners]
    turns = itertools.zip_longest(*(by_namespace[name] for name in sorted(by_namespace)))
    taken: dict[str, tuple[Counting, dict[str, str]]] = {}
    for one, listener in itertools.islice((each for turn in turns for each in turn if each is not None), most):
        taken.setdefault(one.resource.uid, (one, {}))[1][listener] = one.listeners[listener]
    return [replace(one, listeners=listeners) for one, listeners in taken.values()]


@dataclass(slots=True)
class _Known(Known):
    """What is remembered of a project beside that.

    Attributes:
        asked: by listener, when it was last asked for, monotonic seconds.
    """

    asked: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Listener:
    """A listener of an object, by the object's UID and its own id."""

    uid: str
    id: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How much a round asks for.

    Attributes:
        seconds: from one round to the next.
        calls: listeners of each load balancer that it asks for.
    """

    seconds: float
    calls: int = 1

    def due(
        self, listeners: Iterable[Sequence[_Listener]], asked: Callable[[_Listener], float]
    ) -> tuple[list[_Listener], float]:
        """The listeners whose turn it is, those not asked for longest first, and how long what they say is good.

        Args:
            listeners: those of each load balancer.
            asked: when one was last asked for.
        """
        chosen: list[_Listener] = []
        turns = 1
        for mine in listeners:
            turns = max(turns, -(-len(mine) // self.calls))
            chosen += sorted(mine, key=asked)[: self.calls]
        chosen.sort(key=asked)
        turns *= max(1, -(-len(chosen) // MOST_CALLS))
        return chosen[:MOST_CALLS], max(SHORTEST_LIFE, LIFE_IN_TURNS * turns * self.seconds)


@dataclass(frozen=True, slots=True)
class _Figure:
    """What was read of a listener, and until when it is told (monotonic seconds)."""

    statistics: Statistics
    until: float


class Figures:
    """What was read of each listener. Safe to use from any thread.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._read: dict[_Listener, _Figure] = {}

    def put(self, listener: _Listener, statistics: Statistics, seconds: float) -> None:
        """Keep what was read, for so many seconds."""
        with self._lock:
            self._read[listener] = _Figure(statistics, self._now() + seconds)

    def drop(self, listener: _Listener) -> None:
        """Forget what was read of one."""
        with self._lock:
            self._read.pop(listener, None)

    def keep(self, which: Iterable[_Listener]) -> None:
        """Forget all others."""
        there = frozenset(which)
        with self._lock:
            self._read = {each: figure for each, figure in self._read.items() if each in there}

    def get(self, listener: _Listener) -> Statistics | None:
        """What was read of one; None where nothing was, or too long ago."""
        with self._lock:
            found = self._read.get(listener)
            return found.statistics if found is not None and self._now() < found.until else None


class StatisticsPoller:
    """The ``Poller`` of what listeners have counted.

    Args:
        clouds: the connections.
        settings: where credentials come from.
        cluster: the cluster's id, in marks.
        now: monotonic seconds.
        pace: how much a round asks for.

    Attributes:
        left_out: the listeners of which nothing is told, because there are too many.
    """

    def __init__(
        self,
        clouds: Clouds,
        settings: CredentialSettings,
        cluster: Callable[[], str],
        now: Callable[[], float],
        pace: Pace,
    ) -> None:
        self._clouds = clouds
        self._settings = settings
        self._cluster = cluster
        self._now = now
        self._pace = pace
        self._figures = Figures(now)
        self._known: dict[CloudCredentials, _Known] = {}
        self.left_out = 0

    def targets(self, view: CacheReader) -> Sequence[PollTarget]:
        """One for each credential by which there is a load balancer of which figures are told."""
        read: dict[CredentialSource, CloudCredentials | None] = {}
        ways: dict[str, tuple[CloudCredentials, Key]] = {}
        there = []
        for resource in view.objects(octavia_common.LOAD_BALANCER):
            one, source = counting(resource), self._settings.source(resource)
            if one is None or source is None or not one.listeners:
                continue
            if source not in read:
                read[source] = self._settings.credentials_of(source, view)
            credentials = read[source]
            if credentials is not None:
                ways[resource.uid] = credentials, source.secret
                there.append(one)
        taken = admitted(there, MOST_LISTENERS)
        self._tell_of_cap(sum(len(each.listeners) for each in there) - sum(len(each.listeners) for each in taken))
        found: dict[CloudCredentials, CountedProject] = {}
        for one in taken:
            credentials, secret = ways[one.resource.uid]
            if credentials not in found:
                known = self._known.get(credentials) or _Known()
                found[credentials] = CountedProject(
                    credentials,
                    secret,
                    known,
                    self._clouds,
                    figures=self._figures,
                    pace=self._pace,
                    cluster=self._cluster,
                    now=self._now,
                )
            found[credentials].objects.append(one)
        self._known = {credentials: each.known for credentials, each in found.items()}
        self._figures.keep(_Listener(one.resource.uid, listener) for one in taken for listener in one.listeners)
        return list(found.values())

    def _tell_of_cap(self, left_out: int) -> None:
        if left_out and not self.left_out:
            _log.warning(
                "there are more than %d listeners: no statistics of %d of them are told", MOST_LISTENERS, left_out
            )
        self.left_out = left_out

    def told(self, view: CacheReader) -> Iterator[tuple[Key, str, Statistics]]:
        """What is known of the listeners that are there now: the object, the listener's name, and what it has counted.

        Args:
            view: the cache: what is gone, going or paused there is told no more, whatever was read of it.
        """
        for resource in view.objects(octavia_common.LOAD_BALANCER):
            one = counting(resource)
            for listener, name in one.listeners.items() if one else ():
                statistics = self._figures.get(_Listener(resource.uid, listener))
                if statistics is not None:
                    yield resource.key, name, statistics


class CountedProject(PolledProject[_Known]):
    """The load balancers that one credential shows: a ``PollTarget``.

    Args:
        credentials: the credential.
        secret: where it is.
        known: what is remembered.
        clouds: the connections.
        figures: where what is read goes.
        pace: how much a round asks for.
        cluster: the cluster's id, in marks.
        now: monotonic seconds.

    Attributes:
        objects: those of which figures are told.
    """

    def __init__(
        self,
        credentials: CloudCredentials,
        secret: Key,
        known: _Known,
        clouds: Clouds,
        *,
        figures: Figures,
        pace: Pace,
        cluster: Callable[[], str],
        now: Callable[[], float],
    ) -> None:
        super().__init__(credentials, secret, known, clouds)
        self._figures = figures
        self._pace = pace
        self._cluster = cluster
        self._now = now
        self.objects: list[Counting] = []

    def poll(self) -> Polled:
        """List the load balancers, and ask for the listeners whose turn it is."""
        there = {listener for one in self.objects for listener in one.listeners}
        self.known.asked = {one: when for one, when in self.known.asked.items() if one in there}
        try:
            cloud = self._connect()
            if cloud is None:
                return Polled()
            place = cloud.project_id, cloud.region
            rows = cloud.do.load_balancers.list(project_id=cloud.project_id, fields=FIELDS)
        except InfomaniakCloudError as error:
            return Polled(trouble=str(error))
        return Polled(trouble=self._ask(cloud, self._theirs({row["id"]: row for row in rows}, place)))

    def _theirs(self, rows: Mapping[str, LoadBalancer], place: tuple[str, str]) -> list[list[_Listener]]:
        """The listeners of each object that Octavia shows in a load balancer of its own; of others nothing is told."""
        found = []
        for one in self.objects:
            row = rows.get(one.balancer)
            there: set[str] = set()
            if row is not None and one.place == place and self._is_of(one.resource, row):
                there = {each["id"] for each in row.get("listeners") or ()}
            mine = [_Listener(one.resource.uid, listener) for listener in one.listeners]
            for each in mine:
                if each.id not in there:
                    self._figures.drop(each)
            found.append([each for each in mine if each.id in there])
        return found

    def _is_of(self, resource: KubeObject, row: LoadBalancer) -> bool:
        """Whether a load balancer is the object's: it carries its mark, or the object does no more than read it."""
        if LOAD_BALANCER.spec(resource).get("managementPolicy") == "Unmanaged":
            return True
        owner = owner_of(self._cluster(), resource)
        return any(owner.wrote(mark) and not mark.released for mark in Mark.all_among(row.get("tags")))

    def _ask(self, cloud: Cloud, listeners: Sequence[Sequence[_Listener]]) -> str:
        """Ask for those whose turn it is; returns what went wrong, where nothing could be read any more."""
        due, seconds = self._pace.due(listeners, lambda each: self.known.asked.get(each.id, float("-inf")))
        failures, trouble = 0, ""
        for each in due:
            self.known.asked[each.id] = self._now()
            try:
                self._figures.put(each, cloud.do.listeners.statistics(each.id), seconds)
                failures = 0
            except NotFoundError:
                self._figures.drop(each)
                failures = 0
            except InfomaniakCloudError as error:  # one that always fails must not keep the others from being read
                failures, trouble = failures + 1, str(error)
                if failures == MOST_FAILURES:
                    return trouble
        return trouble if failures == len(due) else ""
