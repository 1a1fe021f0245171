"""How a reconcile ends early, the names of the further conditions, and what annotations ask for."""

from __future__ import annotations

from dataclasses import dataclass

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.controller.interfaces import GROUP, KubeObject, Next, Progress, Reason, RequeueAfter, Stalled

PAUSED = f"{GROUP}/paused"
DRY_RUN = f"{GROUP}/dry-run"
RECONCILE_AT = f"{GROUP}/reconcile-at"
ADOPT_PREVIOUS = f"{GROUP}/adopt-previous"

REFERENCES_RESOLVED = "ReferencesResolved"
CREDENTIALS_VALID = "CredentialsValid"
SYNCED = "Synced"
HEALTHY = "Healthy"
REVERSE_DNS = "ReverseDNS"

LONGEST_TEXT = 30_000
"""Characters of a plan that a condition has room for: what is cut there could never be compared with what was said."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A reconcile could not even begin; what the object says of itself stays as it is.

    Attributes:
        seconds: until the next attempt.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reconcile ends before all is done, and what there is to say of it.

    Attributes:
        reason: reason of ``Ready`` and of ``Reconciling`` or ``Stalled``.
        message: for a person.
        next: when to come back.
        progress: Reconciling, or Stalled where only a person can mend it.
        keep_ready: an object that was Ready at this generation stays so.
    """

    reason: Reason
    message: str
    next: Next
    progress: Progress = Progress.RECONCILING
    keep_ready: bool = False


Ended = Outcome | Unchanged
"""What is returned where a reconcile ends early; None, or what was asked for, where it goes on."""


class Stop(Exception):  # noqa: N818 - it carries an outcome
    """Carries an outcome out of a step that answers with something else: a ``with`` block, a look, a request.

    Args:
        outcome: how the reconcile ends.
    """

    def __init__(self, outcome: Ended) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def again(reason: Reason, message: str, seconds: float) -> Outcome:
    """The outcome of waiting for the cloud.

    Args:
        reason: reason of the conditions.
        message: for a person.
        seconds: until the next reconcile.
    """
    return Outcome(reason, message, RequeueAfter(seconds))


def stalled(reason: Reason, message: str) -> Outcome:
    """The outcome where a person must change something, and no event of another object tells of that."""
    return Outcome(reason, message, Stalled(), Progress.STALLED)


def bounded(text: str) -> str:
    """A plan, or as much of it as a condition has room for."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def annotated(resource: KubeObject, name: str) -> bool:
    """Whether an annotation is there and does not say no."""
    return resource.annotations.get(name, "false").strip().lower() not in ("", "false", "no", "0", "off")


def named(other: KubeObject, reader: KubeObject) -> str:
    """An object in the message of another one. What is in other namespaces is told to nobody."""
    if other.key.namespace == reader.key.namespace:
        return str(other.key)
    return f"{with_article(other.key.kind)} of another namespace"


def stands_ready(resource: KubeObject) -> bool:
    """Whether an object is Ready at this very generation."""
    ready = resource.condition("Ready") or {}
    return ready.get("status") == "True" and ready.get("observedGeneration") == resource.generation


def with_article(kind: str) -> str:
    """A kind's name with its article."""
    return f"{'an' if kind[0] in 'AEIO' else 'a'} {kind}"


def retained(resource: KubeObject) -> bool:
    """Whether what an object stands for stays in the cloud when the object is deleted."""
    spec = ANY.spec(resource)
    return spec.get("managementPolicy") == "Unmanaged" or spec.get("deletionPolicy") == "Retain"
