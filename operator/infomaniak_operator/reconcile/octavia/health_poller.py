"""Finds load balancers and pools whose traffic goes otherwise than their status says, long before their resync.

Octavia tells nobody when a member dies. So each project is looked at once a round: one LIST of its load balancers, and
the status tree of each in which something is not as well as can be: its own status hides which members are down.
What is found is compared with the status of the objects. Nothing is written here: an object that says something else
is reconciled, as at its resync.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from infomaniak_operator.client import CloudCredentials, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.resources import LoadBalancer
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Polled, PollTarget
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, CredentialSource
from infomaniak_operator.reconcile.generic.outcomes import HEALTHY, PAUSED, annotated
from infomaniak_operator.reconcile.octavia import octavia_common
from infomaniak_operator.reconcile.octavia.polled_project import Known, PolledProject
from infomaniak_operator.reconcile.octavia.tree_state import members_of, parts_of
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds

MOST_LOOKS: Final = 30
"""So many load balancers of a project are looked into in a round; those not looked into for longest come first."""
FIELDS: Final = ("id", "operating_status", "provisioning_status")
_UNWATCHED = "NO_MONITOR"
_WELL = ("ONLINE", _UNWATCHED)
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 600.0
"""Seconds until an object that says the same wrong thing after its reconcile is reconciled again; they double."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an object's status says of the traffic.

    Attributes:
        key: the object.
        uid: its uid.
        place: the project and region that it says it is in.
        balancer: the load balancer that it is, or is in.
        own: its own id.
        states: operating status by the id of itself and of its parts.
        resting: the parts that are as they should be though they are not ONLINE: members of weight 0 that drain.
        online: how many of its members, those that status does not list included, are well; None: it does not say.
        of_pool: the pool, where not all its members are listed.
        doubted: whether it is not known yet how the traffic goes: in a new monitor's first minute all is called well.
    """

    key: Key
    uid: str
    place: tuple[str, str]
    balancer: str
    own: str
    states: Mapping[str, str]
    resting: frozenset[str] = frozenset()
    online: int | None = None
    of_pool: str | None = None
    doubted: bool = False

    @property
    def well(self) -> bool:
        """Whether all is as well as it can be, so that Octavia's word for the load balancer tells of any change.

        Where some parts have no monitor and others are ONLINE, the monitor only has not looked at all of them yet.
        """
        rest = {state for part, state in self.states.items() if part not in self.resting and part != self.own}
        good = rest <= {"ONLINE"} or rest <= {_UNWATCHED}
        return not self.doubted and self.states[self.own] in _WELL and good

    def differences(self, tree: Mapping[str, str], members: Callable[[str], int]) -> tuple[tuple[str, str], ...]:
        """In what a status tree differs from it; what is not in the tree says nothing.

        Args:
            tree: operating status by id.
            members: how many members of a pool are well.
        """
        found = [(part, tree[part]) for part, state in self.states.items() if part in tree and tree[part] != state]
        pool = self.of_pool
        if pool is not None and pool in tree and self.online is not None and (online := members(pool)) != self.online:
            found.append(("online", str(online)))
        return tuple(sorted(found))


def shown(resource: KubeObject) -> Shown | None:
    """What an object shows; None for one that is paused or going, or of which there is nothing in the cloud yet."""
    status = resource.json_status
    own = status.get("id")
    is_pool = resource.key.kind == octavia_common.POOL
    balancer = status.get("loadBalancerID") if is_pool else own
    if resource.deleting or annotated(resource, PAUSED) or not (is_id(own) and is_id(balancer)):
        return None
    items = status.get("members" if is_pool else "listeners")
    parts = [each for each in items if isinstance(each, Mapping)] if isinstance(items, list | tuple) else []
    stated = {str(each["id"]): str(each.get("operatingStatus") or "") for each in parts if is_id(each.get("id"))}
    resting = [
        str(each.get("id"))
        for each in parts
        if is_pool and each.get("operatingStatus") == "DRAINING" and each.get("weight") == 0
    ]
    online, count = status.get("onlineMembers"), status.get("memberCount")
    partly = is_pool and isinstance(count, int) and count > len(parts)
    return Shown(
        resource.key,
        resource.uid,
        (str(status.get("projectID")), str(status.get("region"))),
        str(balancer),
        str(own),
        {str(own): str(status.get("operatingStatus") or ""), **stated},
        frozenset(resting),
        online if isinstance(online, int) else None,
        str(own) if partly else None,
        doubted=(resource.condition(HEALTHY) or {}).get("status") == "Unknown",
    )


@dataclass(slots=True)
class _Asked:
    """That an object was to be reconciled, because of what, and when it may be for the same thing again."""

    because: tuple[tuple[str, str], ...]
    again: float
    pause: float


@dataclass(slots=True)
class _Known(Known):
    """What is remembered of a project beside that.

    Attributes:
        looked: by load balancer, when it was last looked into, monotonic seconds.
        asked: by uid, the objects that were to be reconciled and do not show yet what was seen.
    """

    looked: dict[str, float] = field(default_factory=dict)
    asked: dict[str, _Asked] = field(default_factory=dict)


class HealthPoller:
    """The ``Poller`` of load balancers and pools.

    Args:
        clouds: the connections.
        settings: where credentials come from.
        now: monotonic seconds.
    """

    def __init__(self, clouds: Clouds, settings: CredentialSettings, now: Callable[[], float]) -> None:
        self._clouds = clouds
        self._settings = settings
        self._now = now
        self._known: dict[CloudCredentials, _Known] = {}

    def targets(self, view: CacheReader) -> Sequence[PollTarget]:
        """One for each credential by which there is a load balancer or a pool."""
        found: dict[CloudCredentials, Project] = {}
        read: dict[CredentialSource, CloudCredentials | None] = {}
        for kind in (octavia_common.LOAD_BALANCER, octavia_common.POOL):
            for resource in view.objects(kind):
                one, source = shown(resource), self._settings.source(resource)
                if one is None or source is None:
                    continue
                if source not in read:
                    read[source] = self._settings.credentials_of(source, view)
                credentials = read[source]
                if credentials is None:
                    continue
                if credentials not in found:
                    known = self._known.get(credentials) or _Known()
                    found[credentials] = Project(credentials, source.secret, known, self._clouds, self._now)
                found[credentials].objects.setdefault(one.balancer, []).append(one)
        self._known = {credentials: each.known for credentials, each in found.items()}
        return list(found.values())


class Project(PolledProject[_Known]):
    """The load balancers that one credential shows: a ``PollTarget``.

    Args:
        credentials: the credential.
        secret: where it is.
        known: what is remembered.
        clouds: the connections.
        now: monotonic seconds.

    Attributes:
        objects: what the objects show, by load balancer.
    """

    def __init__(
        self, credentials: CloudCredentials, secret: Key, known: _Known, clouds: Clouds, now: Callable[[], float]
    ) -> None:
        super().__init__(credentials, secret, known, clouds)
        self._now = now
        self.objects: dict[str, list[Shown]] = {}

    def poll(self) -> Polled:
        """List the load balancers, look into those that need it, and say whose objects show something else."""
        self._forget_gone()
        found: list[Key] = []
        try:
            cloud = self._connect()
            if cloud is None:
                return Polled()
            place = cloud.project_id, cloud.region
            rows = cloud.do.load_balancers.list(project_id=cloud.project_id, fields=FIELDS)
            for balancer in self._worth_a_look(rows, place):
                found += self._look_into(cloud, balancer, place)
        except InfomaniakCloudError as error:
            return Polled(tuple(found), str(error))
        return Polled(tuple(found))

    def _forget_gone(self) -> None:
        uids = {each.uid for shown in self.objects.values() for each in shown}
        self.known.asked = {uid: asked for uid, asked in self.known.asked.items() if uid in uids}
        self.known.looked = {one: when for one, when in self.known.looked.items() if one in self.objects}

    def _worth_a_look(self, rows: Sequence[LoadBalancer], place: tuple[str, str]) -> list[str]:
        """The load balancers to look into: those that show something else than their objects come first.

        One that is not in the list is not: it may be gone, which is for its resync to find out by more than a list.
        """
        wanted: dict[str, tuple[bool, float]] = {}
        for row in rows:
            balancer, state = str(row["id"]), str(row.get("operating_status") or "")
            here = [each for each in self.objects.get(balancer, ()) if each.place == place]
            if not here or str(row.get("provisioning_status")).startswith("PENDING"):
                continue  # what is PENDING is looked at by the reconciles that wait for it
            differs = any(each.states.get(balancer, state) != state for each in here)
            if differs or state not in _WELL or not all(each.well for each in here):
                wanted[balancer] = (not differs, self.known.looked.get(balancer, float("-inf")))
        return sorted(wanted, key=lambda each: wanted[each])[:MOST_LOOKS]

    def _look_into(self, cloud: Cloud, balancer: str, place: tuple[str, str]) -> list[Key]:
        began = self.known.looked[balancer] = self._now()
        try:
            tree = cloud.do.load_balancers.status_tree(balancer)["loadbalancer"]
        except NotFoundError:
            return []
        states = {part: operating for part, (_, operating) in parts_of(tree).items()}

        def members(pool: str) -> int:
            return sum(state in _WELL for state in members_of(tree, pool).values())

        here = [each for each in self.objects[balancer] if each.place == place]
        return [each.key for each in here if self._is_news(each, each.differences(states, members), began)]

    def _is_news(self, one: Shown, differences: tuple[tuple[str, str], ...], now: float) -> bool:
        """Whether an object is to be reconciled: for the same thing again only after ever longer pauses."""
        before = self.known.asked.get(one.uid)
        if not differences:
            self.known.asked.pop(one.uid, None)
            return False
        same = before if before is not None and before.because == differences else None
        if same is not None and now < same.again:
            return False
        pause = _FIRST_PAUSE if same is None else min(2 * same.pause, _LONGEST_PAUSE)
        self.known.asked[one.uid] = _Asked(differences, now + pause, pause)
        return True
