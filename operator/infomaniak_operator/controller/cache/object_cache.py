"""What was last heard of every watched object, and who refers to whom. Safe to use from any thread."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from infomaniak_operator.controller.cache.predicates import Change, concerns_others
from infomaniak_operator.controller.interfaces import Key, KubeObject

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

References = Callable[[KubeObject], Iterable[Key]]
StandsFor = Callable[[KubeObject], Key | None]

_TOMBSTONES = 20_000
"""How many deleted objects are remembered, so that a late answer does not bring one back."""


@dataclass(frozen=True, slots=True)
class CacheMark:
    """What the cache held when a LIST began: what is in it and not in the LIST may have gone."""

    versions: Mapping[Key, KubeObject]


class ObjectCache:
    """The objects by key, an index of references, and when each last changed in a way that matters to others.

    Args:
        references: by kind, the keys an object of that kind refers to.
        stands_for: by kind, the key an object of that kind stands for, see ``KubeType``.
    """

    def __init__(self, references: Mapping[str, References], stands_for: Mapping[str, StandsFor] | None = None) -> None:
        self._references = references
        self._stands_for = stands_for or {}
        self._lock = threading.RLock()
        self._kinds: dict[str, dict[Key, KubeObject]] = {}
        self._refers: dict[Key, frozenset[Key]] = {}
        self._referrers: dict[Key, dict[Key, None]] = {}
        self._sequence = 0
        self._changed: dict[Key, int] = {}
        self._gone: OrderedDict[str, str | None] = OrderedDict()
        self._gone_keys: OrderedDict[Key, int] = OrderedDict()
        self._stood_for: OrderedDict[Key, int] = OrderedDict()

    # -- View

    def get(self, key: Key) -> KubeObject | None:
        """The object, or None if there is none."""
        with self._lock:
            return self._kinds.get(key.kind, {}).get(key)

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        """All objects of a kind, in one namespace or in all, sorted by key."""
        with self._lock:
            found = list(self._kinds.get(kind, {}).values())
        return sorted((each for each in found if namespace in (None, each.key.namespace)), key=lambda each: each.key)

    def referrers(self, key: Key) -> list[KubeObject]:
        """The objects whose ``references`` name this key, sorted by key."""
        with self._lock:
            keys = sorted(self._referrers.get(key, ()))
            return [found for each in keys if (found := self._kinds.get(each.kind, {}).get(each))]

    # -- what the controller needs besides

    def __len__(self) -> int:
        """How many objects there are, of all kinds."""
        with self._lock:
            return sum(map(len, self._kinds.values()))

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        with self._lock:
            return len(self._kinds.get(kind, ()))

    def referrer_keys(self, key: Key) -> list[Key]:
        """The keys of the objects that refer to this one, in the order in which they came to do so."""
        with self._lock:
            return list(self._referrers.get(key, ()))

    def names(self, change: Change) -> set[Key]:
        """The keys by which others refer to what has changed: its own, and those its versions stand for."""
        return {change.key, *self._stand_ins(change)}

    @property
    def sequence(self) -> int:
        """A number that rises with every change that matters to others."""
        with self._lock:
            return self._sequence

    def changed_since(self, keys: Iterable[Key], sequence: int) -> bool:
        """Whether one of these objects has changed, for others to see, after ``sequence`` was read."""
        with self._lock:
            return any(self._stamp(key) > sequence for key in keys)

    def upsert(self, new: KubeObject) -> Change | None:
        """Take in a version of an object, from a watch, a LIST, a GET or the answer to a write of ours.

        Returns:
            What changed; None if the version is not newer than what is known, or the object is known to be gone.
        """
        with self._lock:
            if self._known(new):
                return None  # most are what a write of ours was answered with
        references = self.refs(new)
        with self._lock:
            old = self.get(new.key)
            if self._known(new):
                return None
            self._gone.pop(new.uid, None)
            if old and old.uid != new.uid:
                self._remember(old.uid, None)
            self._kinds.setdefault(new.key.kind, {})[new.key] = new
            self._index(new.key, references)
            return self._note(Change(new.key, old, new))

    def delete(self, key: Key, uid: str, left_at: KubeObject | None = None) -> Change | None:
        """Take note that the object with that uid is gone; None if it was not here.

        Args:
            key: the object.
            uid: its uid.
            left_at: for a kind with a label selector: its version when it left the selection, to which a newer one may
                come back. None: it is gone for good.
        """
        with self._lock:
            # The version alone: the object may be a Secret's.
            self._remember(uid, left_at.resource_version if left_at else None)
            old = self.get(key)
            if old is None or old.uid != uid:
                return None
            del self._kinds[key.kind][key]
            self._index(key, frozenset())
            return self._note(Change(key, old, None))

    def mark(self, kind: str, namespace: str | None = None) -> CacheMark:
        """Note what is held of a kind, right before a LIST of it begins."""
        with self._lock:
            held = self._kinds.get(kind, {})
            return CacheMark({key: each for key, each in held.items() if namespace in (None, key.namespace)})

    def missing(self, mark: CacheMark, listed: Iterable[Key]) -> list[KubeObject]:
        """What was there at the mark, has not been heard of since and is not in the LIST: to be asked for by GET."""
        seen = set(listed)
        with self._lock:
            return [
                each
                for key, each in sorted(mark.versions.items())
                if key not in seen and self._kinds.get(key.kind, {}).get(key) is each
            ]

    def refs(self, resource: KubeObject) -> frozenset[Key]:
        """The keys that a version of an object refers to; none where it cannot be read."""
        references = self._references.get(resource.key.kind)
        if references is None:
            return frozenset()
        return self._told(references, resource, "what it refers to")

    def _stand_ins(self, change: Change) -> set[Key]:
        stands_for = self._stands_for.get(change.key.kind)
        if stands_for is None:
            return set()
        versions = [version for version in (change.old, change.new) if version is not None]
        told = (self._told(lambda each: [stands_for(each)], version, "what it stands for") for version in versions)
        return {key for keys in told for key in keys if key is not None}

    @staticmethod
    def _told(read: Callable[[KubeObject], Iterable[_T]], resource: KubeObject, what: str) -> frozenset[_T]:
        """What an object tells; nothing where it cannot be read."""
        try:
            # A name that is none, in an object that no schema has checked, cannot even be hashed.
            return frozenset(read(resource))
        except Exception:  # noqa: BLE001 - one object that cannot be read must not keep the others from being known
            _log.exception("%s: %s cannot be told", resource.key, what)
            return frozenset()

    def _stamp(self, key: Key) -> int:
        return max(self._changed.get(key, self._gone_keys.get(key, 0)), self._stood_for.get(key, 0))

    def _known(self, new: KubeObject) -> bool:
        """Whether a version tells nothing new: it, or a later one, is here, or the object is known to be gone."""
        old = self.get(new.key)
        return self._dead(new) or bool(old and not _newer(new, old))

    def _dead(self, new: KubeObject) -> bool:
        if new.uid not in self._gone:
            return False
        left_at = self._gone[new.uid]
        return left_at is None or not _later(new.resource_version, left_at)

    def _remember(self, uid: str, left_at: str | None) -> None:
        self._gone[uid] = left_at
        _bound(self._gone)

    def _index(self, key: Key, references: frozenset[Key]) -> None:
        before = self._refers.get(key, frozenset())
        for each in before - references:
            self._referrers[each].pop(key, None)
            if not self._referrers[each]:
                del self._referrers[each]
        for each in references - before:
            self._referrers.setdefault(each, {})[key] = None
        if references:
            self._refers[key] = references
        else:
            self._refers.pop(key, None)

    def _note(self, change: Change) -> Change:
        if concerns_others(change):
            self._sequence += 1
            if change.new is None:
                self._changed.pop(change.key, None)
                self._gone_keys[change.key] = self._sequence
                _bound(self._gone_keys)
            else:
                self._changed[change.key] = self._sequence
                self._gone_keys.pop(change.key, None)
            for each in self._stand_ins(change):
                self._stood_for[each] = self._sequence
                self._stood_for.move_to_end(each)
            _bound(self._stood_for)
        return change


def _bound(stamps: OrderedDict[Any, Any]) -> None:
    """Forget the oldest beyond as many as are remembered."""
    for stale in list(islice(stamps, max(0, len(stamps) - _TOMBSTONES))):
        del stamps[stale]


def _newer(new: KubeObject, old: KubeObject) -> bool:
    """Whether ``new`` is a later version than ``old``.

    Resource versions are meant to be opaque; where both are numbers, as etcd's are, they tell the order (Kubernetes
    promises so from 1.35 on). Where they are not, what is heard last is taken for the latest.
    """
    return _later(new.resource_version, old.resource_version)


def _later(theirs: str, ours: str) -> bool:
    if ours.isdecimal() and theirs.isdecimal():
        return int(theirs) > int(ours)
    return theirs != ours
