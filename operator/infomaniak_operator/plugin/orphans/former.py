"""Whose a mark was: the object that is no more, found by trying names, for a mark holds only a hash of them. Pure."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.ownership.marks import OLD, Mark, Owner

MOST_TRIALS = 200_000
"""So many names are tried in all; a second or two."""
_VIP = "-vip"
"""What the port of a load balancer has at the end of its name."""


def full_uid(short: str) -> str:
    """The UID that the short form in a mark stands for."""
    return str(uuid.UUID(bytes=base64.urlsafe_b64decode(f"{short}==")))


@dataclass(frozen=True, slots=True)
class Trace:
    """A mark, and what may tell whose it was.

    Attributes:
        mark: the mark.
        kinds: the kinds of which such a thing can be.
        names: names that its object may have had, the likeliest first.
    """

    mark: Mark
    kinds: tuple[str, ...]
    names: tuple[str, ...]


class Former:
    """The objects that are no more, as far as they can be told.

    Args:
        cluster: the cluster id.
        namespaces: where objects may have been.
        names: names that objects may have had, whatever the thing is called in the cloud.
        trials: how many names may be tried.

    Attributes:
        exhausted: whether names were left untried.
    """

    def __init__(
        self, cluster: str, namespaces: Iterable[str], names: Iterable[str], trials: int = MOST_TRIALS
    ) -> None:
        self._cluster = cluster
        self._namespaces, self._names = tuple(dict.fromkeys(namespaces)), tuple(dict.fromkeys(names))
        self._left = trials
        self.exhausted = False

    def owners(self, traces: Sequence[Trace]) -> dict[Mark, Key | None]:
        """Of which object of this cluster each mark is; a mark that is left out may be of any cluster.

        None stands for an object of this cluster whose name is not known, as a mark of version 1 can say. The marks of
        one object have one place, so what is found out by one of them holds for all.
        """
        by_place: dict[tuple[int, str, str], list[Trace]] = {}
        for each in traces:
            by_place.setdefault((each.mark.version, each.mark.uid, each.mark.place), []).append(each)
        found: dict[Mark, Key | None] = {}
        # What the things themselves are called comes first, for all: a stranger's marks use up no trials of theirs.
        pending = [(of_one, self._found(of_one, _likely(of_one))) for of_one in by_place.values()]
        for of_one, likely in pending:
            key = likely or self._found(of_one, self._names)
            if key is not None or self._of_this_cluster(of_one[0].mark):
                found.update({each.mark: key for each in of_one})
        return found

    def _found(self, traces: Sequence[Trace], names: Iterable[str]) -> Key | None:
        mark = traces[0].mark
        uid = full_uid(mark.uid)
        kinds = dict.fromkeys(kind for each in traces for kind in each.kinds)
        for kind, namespace, name in self._tried(kinds, names):
            owner = Owner(self._cluster, kind, namespace, name, uid)
            if owner.wrote(mark) and (mark.version != OLD or owner.old_place == mark.place):
                return Key(kind, namespace, name)
        return None

    def _tried(self, kinds: Iterable[str], names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
        for name in names:
            for namespace in self._namespaces:
                for kind in kinds:
                    if self._left <= 0:
                        self.exhausted = True
                        return
                    self._left -= 1
                    yield kind, namespace, name

    def _of_this_cluster(self, mark: Mark) -> bool:
        """Whether a mark says of itself that it is of this cluster: those of version 1 do."""
        return mark.version == OLD and Owner(self._cluster, "", "", "", full_uid(mark.uid)).wrote(mark)


def _likely(traces: Iterable[Trace]) -> tuple[str, ...]:
    """The names that the things of one object suggest: as they are, and without what the operator adds."""
    names = [name for each in traces for name in each.names if name]
    return tuple(dict.fromkeys([*names, *(name.removesuffix(_VIP) for name in names)]))
