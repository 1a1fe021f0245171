"""Objects as they hang together: how each stands, and what the one that is not ready waits for in the end. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import READY, RECONCILING, STALLED, Key, KubeObject, Reason
from infomaniak_operator.plugin.unusable_secrets import blamed, fault, unusable
from infomaniak_operator.reconcile.generic.outcomes import DRY_RUN, HEALTHY, PAUSED, REFERENCES_RESOLVED, annotated

_UNSEEN = timedelta(seconds=60)
"""How long a new object may be without any condition: a queue may be long."""
_BY_A_PERSON = frozenset(
    {
        Reason.CONFLICT,
        Reason.CREDENTIALS_INVALID,
        Reason.INVALID_CONFIGURATION,
        Reason.QUOTA_EXCEEDED,
    }
)
"""Reasons that time alone does not mend, though the operator goes on trying."""

References = Callable[[KubeObject], Iterable[Key]]


class State(IntEnum):
    """How an object stands. The value is the exit code of the commands."""

    READY = 0
    PROGRESSING = 1
    FAILED = 2

    def __str__(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True, slots=True)
class Standing:
    """How one object stands by itself.

    Attributes:
        key: which object.
        state: what its own conditions come to.
        reason: one word, as the ``Ready`` condition has it.
        message: for a person, in full.
        waits: whether it says that it waits for what it refers to, or that it cannot use its Secret.
        notes: what else a person should know: ``paused``, ``dry run``, ``unhealthy``, ``being deleted``.
    """

    key: Key
    state: State
    reason: str
    message: str
    waits: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """What keeps objects from being ready in the end.

    Attributes:
        standing: of the object at fault.
        holds_up: the objects that wait for it, directly or not, in order.
    """

    standing: Standing
    holds_up: tuple[Key, ...]


class Stack:
    """Some objects of one cluster.

    Args:
        objects: those that were read; what they refer to is missing unless it is among them.
        references: what an object refers to, beside the Secret that it says it cannot use.
        now: the time by which a new object is told from one that nobody has looked at.
    """

    def __init__(self, objects: Iterable[KubeObject], references: References, now: datetime) -> None:
        self._objects = {each.key: each for each in sorted(objects, key=lambda each: each.key)}
        self._now = now
        self._standings: dict[Key, Standing] = {}
        self._secrets = {key: secret for key, each in self._objects.items() if (secret := blamed(each))}
        self._users: dict[Key, list[KubeObject]] = {}
        for key, secret in self._secrets.items():
            self._users.setdefault(secret, []).append(self._objects[key])
        self._to = {
            key: (*self._secret_of(key), *self._missed(each, _known(references(each))))
            for key, each in self._objects.items()
        }
        self._from: dict[Key, list[Key]] = {}
        for key, to in self._to.items():
            for each in to:
                self._from.setdefault(each, []).append(key)

    def _missed(self, resource: KubeObject, keys: Iterable[Key]) -> tuple[Key, ...]:
        """Of what an object refers to what is there, and what it misses.

        Some references are only looked for, such as any monitor of a Pool, or kept on record. An object that is Ready
        without them misses nothing.
        """
        content = self.standing(resource.key).state is State.READY and unresolved(resource) is None
        return tuple(each for each in keys if each in self._objects or not content)

    def _secret_of(self, key: Key) -> tuple[Key, ...]:
        """The Secret that an object cannot use."""
        return (self._secrets[key],) if key in self._secrets else ()

    @property
    def keys(self) -> tuple[Key, ...]:
        """All objects, in order."""
        return tuple(self._objects)

    def object(self, key: Key) -> KubeObject | None:
        """One of them; None for what is only referred to."""
        return self._objects.get(key)

    def references(self, key: Key) -> tuple[Key, ...]:
        """What it refers to, of this API, once each; before that the Secret that it cannot use."""
        return self._to.get(key, ())

    def dependents(self, key: Key) -> tuple[Key, ...]:
        """What refers to it."""
        return tuple(self._from.get(key, ()))

    def below(self, key: Key) -> tuple[Key, ...]:
        """What is drawn below it: what refers to it; of a Secret, what refers to no other object that cannot use it."""
        if key not in self._users:
            return self.dependents(key)
        return tuple(
            each
            for each in self.dependents(key)
            if not any(self._secrets.get(other) == key for other in self.references(each))
        )

    def standing(self, key: Key) -> Standing:
        """How it stands by itself; one that is only referred to is missing."""
        if key not in self._standings:
            self._standings[key] = self._stands(key)
        return self._standings[key]

    def _stands(self, key: Key) -> Standing:
        if found := self._objects.get(key):
            return standing(found, self._now)
        if users := self._users.get(key):
            return Standing(key, State.FAILED, *fault(users))
        return Standing(key, State.FAILED, "NotFound", f"{key} does not exist; create it, or correct the name.")

    def roots(self) -> tuple[Key, ...]:
        """Where a drawing begins: what refers to nothing, what is missing, and one object of each circle."""
        missing = {each for to in self._to.values() for each in to if each not in self._objects}
        found = [*sorted(missing), *(key for key, to in self._to.items() if not to)]
        drawn = set(_reached(found, self.below))
        for key in self._objects:
            if key not in drawn:
                found.append(key)
                drawn.update(_reached([key], lambda one: [each for each in self.below(one) if each not in drawn]))
        return tuple(found)

    def above(self, keys: Iterable[Key]) -> set[Key]:
        """These, and all that they depend on, directly or not."""
        return set(_reached(keys, self.references))

    def connected(self, key: Key) -> tuple[Key, ...]:
        """The objects that hang together with it, in order. One Secret that they cannot use does not connect them."""

        def beside(one: Key) -> Iterable[Key]:
            return () if one in self._users else (*self.references(one), *self.dependents(one))

        return tuple(sorted(_reached([key], beside)))

    def causes(self, keys: Iterable[Key]) -> tuple[Cause, ...]:
        """What keeps these objects from being ready: of each that waits, the deepest; those that failed come first."""
        wanted = {key for key in keys if self.standing(key).state is not State.READY}
        held: dict[Key, set[Key]] = {}
        waiting: dict[Key, list[Key]] = {}
        seen, pending = set(wanted), list(wanted)
        while pending:
            one = pending.pop()
            unready = [each for each in self._awaited(one) if self.standing(each).state is not State.READY]
            if not self.standing(one).waits or not unready:
                held[one] = set()
                continue
            for each in unready:
                waiting.setdefault(each, []).append(one)
            pending += [each for each in unready if each not in seen]
            seen.update(unready)
        for deepest in held:
            held[deepest] = wanted.intersection(_reached([deepest], lambda one: waiting.get(one, ()))) - {deepest}
        in_circles = wanted.difference(held, *held.values())
        held.update({key: set() for key in in_circles})
        found = [Cause(self.standing(key), tuple(sorted(those))) for key, those in held.items()]
        return tuple(sorted(found, key=lambda each: (-each.standing.state, each.standing.key)))

    def _awaited(self, key: Key) -> tuple[Key, ...]:
        """What it says it waits for; who cannot use a Secret says nothing of what else it refers to."""
        if key in self._secrets and self.standing(key).reason == Reason.CREDENTIALS_INVALID:
            return self._secret_of(key)
        return self.references(key)


def worst(causes: Iterable[Cause]) -> State:
    """How objects stand together: one that waits stands as what it waits for; without a cause all are ready."""
    return max((each.standing.state for each in causes), default=State.READY)


def standing(resource: KubeObject, now: datetime) -> Standing:
    """How an object stands by its own conditions.

    Args:
        resource: any object of this API, written by any version of the operator, or by nobody yet.
        now: the present time.
    """
    notes = _notes(resource)
    ready = resource.condition(READY)
    if ready is None:
        state, message = _unseen(resource, now)
        return Standing(resource.key, state, "Unknown", message, notes=notes)
    reason, message = str(ready.get("reason") or "Unknown"), str(ready.get("message") or "")
    waits = reason == Reason.WAITING_FOR_REFERENCE or (
        reason == Reason.CREDENTIALS_INVALID and blamed(resource) is not None
    )
    if resource.condition(STALLED) is not None or (ready.get("status") != "True" and reason in _BY_A_PERSON):
        return Standing(resource.key, State.FAILED, reason, message, waits, notes)
    old = ready.get("observedGeneration", resource.generation) != resource.generation
    if old and "paused" not in notes:
        message = f"The operator has not looked at the last change yet. Before: {message}"
        return Standing(resource.key, State.PROGRESSING, reason, message, waits, notes)
    at_work = ready.get("status") != "True" or resource.condition(RECONCILING) is not None or resource.deleting
    return Standing(resource.key, State.PROGRESSING if at_work else State.READY, reason, message, waits, notes)


def _unseen(resource: KubeObject, now: datetime) -> tuple[State, str]:
    """Of an object without a condition."""
    try:
        age = now - datetime.fromisoformat(resource.created)
    except (ValueError, TypeError):
        age = _UNSEEN
    if age < _UNSEEN:
        return State.PROGRESSING, "The operator has not looked at it yet."
    return State.FAILED, (
        "The operator has said nothing of it. Check that the operator runs, that it watches this namespace, and what "
        "its log says."
    )


def _notes(resource: KubeObject) -> tuple[str, ...]:
    found = [said for name, said in ((PAUSED, "paused"), (DRY_RUN, "dry run")) if annotated(resource, name)]
    health = resource.condition(HEALTHY)
    ready = resource.condition(READY) or {}
    if "paused" in found and ready.get("observedGeneration", resource.generation) != resource.generation:
        found.append("a change waits")
    if unresolved(resource) is not None and ready.get("status") == "True":
        found.append("references missing")
    if unusable(resource) is not None and ready.get("status") == "True":
        found.append("credential missing")
    if health is not None and health.get("status") == "False":
        found.append("unhealthy")
    if resource.deleting:
        found.append("being deleted")
    return tuple(found)


def unresolved(resource: KubeObject) -> str | None:
    """What it says of references that it misses; None where it misses none."""
    condition = resource.condition(REFERENCES_RESOLVED) or {}
    return str(condition.get("message") or "") if condition.get("status") == "False" else None


def _known(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Of some keys those of this API, once each, in the order given; not those that stand for several objects."""
    return tuple(dict.fromkeys(each for each in keys if each.kind in KINDS and " " not in each.name))


def _reached(starts: Iterable[Key], more: Callable[[Key], Iterable[Key]]) -> Iterator[Key]:
    pending = deque(dict.fromkeys(starts))
    seen = set(pending)
    while pending:
        one = pending.popleft()
        yield one
        new = [each for each in more(one) if each not in seen]
        seen.update(new)
        pending += new


def by_kind(text: str) -> str | None:
    """The kind of which that is a name: ``LoadBalancer``, ``loadbalancers``, ``ilb``; None where it is none."""
    wanted = text.lower().removesuffix(".network.infomaniak.cloud")
    for name, kind in KINDS.items():
        if wanted in {name.lower(), kind.plural, kind.singular, *kind.short_names}:
            return name
    return None


def names_of(kinds: Mapping[str, object] = KINDS) -> str:
    """The kinds, for a message."""
    return ", ".join(kinds)
