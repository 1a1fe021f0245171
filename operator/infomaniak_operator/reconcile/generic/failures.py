"""What a failure of the cloud means for an object: the reason, whether a person must act, and when to try again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from infomaniak_operator.client import Category, CloudAwayError, InfomaniakCloudError, ReadOnlyError
from infomaniak_operator.controller.interfaces import KubeObject, Next, Progress, Reason, Retry, Stalled, WaitingFor
from infomaniak_operator.reconcile.generic import misnamed
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import CREDENTIALS_VALID, SYNCED, Outcome, named


@dataclass(frozen=True, slots=True)
class _Meaning:
    reason: Reason
    next: Next
    progress: Progress = Progress.RECONCILING
    keep_ready: bool = False


_MEANINGS = {
    Category.TRANSIENT: _Meaning(Reason.CLOUD_ERROR, Retry(), keep_ready=True),
    Category.WAITING: _Meaning(Reason.UPDATING, Retry(at_least=2.0)),
    Category.IN_USE: _Meaning(Reason.IN_USE, Retry(at_least=5.0)),
    Category.QUOTA: _Meaning(Reason.QUOTA_EXCEEDED, Retry(at_least=30.0)),
    Category.TERMINAL: _Meaning(Reason.INVALID_CONFIGURATION, Stalled(), Progress.STALLED),
    # The spec may be wrong, or Barbican, or the credential's roles; no event tells that it is mended.
    Category.UNREADABLE: _Meaning(Reason.INVALID_CONFIGURATION, Retry(at_least=30.0), Progress.STALLED),
    Category.AUTHENTICATION: _Meaning(Reason.CREDENTIALS_INVALID, Retry(at_least=60.0), Progress.STALLED),
    # Something vanished, or changed, between our look and our act: look again.
    Category.NOT_FOUND: _Meaning(Reason.CLOUD_ERROR, Retry(), keep_ready=True),
    Category.PRECONDITION: _Meaning(Reason.UPDATING, Retry(), keep_ready=True),
}
_LEADS_NOWHERE = _Meaning(Reason.INVALID_CONFIGURATION, Retry(at_least=30.0), Progress.STALLED, keep_ready=True)
"""Of an id in the spec that is that of nothing. It may come to be shared with the project; no event tells of that."""
_NOT_THE_SPEC = _Meaning(Reason.CLOUD_ERROR, Retry(at_least=30.0), keep_ready=True)
"""Of a refusal that only a person can mend: it was no change that the spec asks for, but a look, or a delete."""
_UNREADABLE = (
    "a certificate is not in Barbican, or the credential may not let Octavia read it (for which Infomaniak wants the "
    "role creator)"
)
_OF_A_FIELD = {
    "external_gateway_info:external_fixed_ips": "spec.externalGateway.addresses takes an administrator's rights here",
    "Unrecognized attribute(s) 'qos_policy_id'": (
        "spec.qosPolicyID: this cloud knows no QoS policies (Neutron's extension qos is not loaded); take the field out"
    ),
    "QosPolicyNotFound": (
        "spec.qosPolicyID: there is no such QoS policy that the project may use; name another one, have it shared, or "
        "take the field out"
    ),
}
"""The service's own type or words, and what a person should do about which field; the first that fits counts."""
Rivals = Callable[[ReconcileContext, InfomaniakCloudError], list[KubeObject]]
Advice = Callable[[ReconcileContext, InfomaniakCloudError], str]
_REFUSED = 400
_FORBIDDEN = 403
_IN_USE = "inuse"
"""In the type, or the words, of a refusal because of users: a 409 may also be a race within the service, say."""
AWAY_LOOK = 60.0
"""The longest delay, in seconds, while a service is away: the attempt sends nothing, and the service may be back."""
IN_USE_LOOK = 60.0
"""Seconds until the next attempt at what objects of this cluster use, if none of them changes before."""
_OF_AN_ID = frozenset({Category.NOT_FOUND, Category.TERMINAL})
"""How a service refuses an id that leads to nothing, or to something else by now."""


def reason_of(error: InfomaniakCloudError) -> Reason:
    """The reason that a failure of the cloud is."""
    return _MEANINGS[error.category].reason


def outcome(
    context: ReconcileContext,
    error: InfomaniakCloudError,
    rivals: Rivals = lambda _context, _error: [],
    advice: Advice = lambda _context, _error: "",
) -> Outcome:
    """The outcome of a reconcile that the cloud ended.

    The message keeps the cloud's own words and its request id, which are what its support asks for.

    Args:
        context: the reconcile.
        error: how it ended.
        rivals: the objects of this cluster that have what was refused, or use it.
        advice: the fields that a refusal is about and what to do, where the kind knows more than the error says.
    """
    if isinstance(error, ReadOnlyError):  # a dry run whose plan said nothing of it; all the same nothing was sent
        return context.would(f"send {error}")
    meaning = _MEANINGS[error.category]
    wrong = [] if context.resource.deleting else misnamed.leading_nowhere(context.resource, error)
    known = advice(context, error) or _hint(error) or misnamed.advice(context.resource, wrong)
    message = f"{known}: {error}" if known else str(error)
    cloud = context.connected if error.category in _OF_AN_ID else None
    # The id of an external network that was looked up by its name: the next reconcile looks it up again.
    if cloud is not None and cloud.forget_external(message, context.request.fresh_after):
        meaning = _MEANINGS[Category.NOT_FOUND]
    elif wrong:
        meaning = _LEADS_NOWHERE
    elif error.category is Category.TERMINAL and error.status and not _asked_for(context, error):
        meaning = _NOT_THE_SPEC
    elif error.category is Category.TERMINAL and error.status == _FORBIDDEN:
        what_to_do = "take it out, or use a credential that may"
        message = f"the roles of the credential do not allow what the spec asks for; {what_to_do}: {message}"
    if error.category is Category.AUTHENTICATION:
        message = f"{context.secret}: {message}" if context.secret else message
        context.set_condition(CREDENTIALS_VALID, False, Reason.CREDENTIALS_INVALID, message)
    elif context.connected is None or CREDENTIALS_VALID not in context.further:
        context.set_condition(CREDENTIALS_VALID, None, Reason.CLOUD_ERROR, message)
    former = context.further.get(SYNCED)
    if former is None or former.status is not False:
        context.set_condition(SYNCED, None, meaning.reason, message)
    in_use = error.category is Category.IN_USE and _IN_USE in message.replace(" ", "").lower()
    following = Retry(at_most=AWAY_LOOK) if isinstance(error, CloudAwayError) else meaning.next
    others = rivals(context, error) if in_use or error.category is Category.TERMINAL else []
    if others:
        return _taken(context, message, meaning, others)
    return Outcome(meaning.reason, message, following, meaning.progress, keep_ready=meaning.keep_ready)


def _hint(error: InfomaniakCloudError) -> str:
    """What a person should know before the cloud's own words."""
    if error.status == _REFUSED and error.category is Category.TRANSIENT:
        return "the cloud refuses what it takes at other times; it is tried again by itself"
    if error.category is Category.UNREADABLE:
        return _UNREADABLE
    said = f"{error.error_type or ''} {error}"
    return next((text for words, text in _OF_A_FIELD.items() if words in said), "")


def _asked_for(context: ReconcileContext, error: InfomaniakCloudError) -> bool:
    """Whether what was refused is a change that the spec asks for."""
    return error is context.refused and not context.resource.deleting


def _taken(context: ReconcileContext, message: str, meaning: _Meaning, others: list[KubeObject]) -> Outcome:
    """The outcome where objects of this cluster have what is wanted: what becomes of them wakes this one."""
    names = ", ".join(named(other, context.resource) for other in others)
    waiting = WaitingFor(frozenset(other.key for other in others))
    if meaning.reason is Reason.IN_USE:
        # What was made by hand may use it, too, and no event tells of that.
        return Outcome(Reason.IN_USE, f"used by {names}: {message}", replace(waiting, seconds=IN_USE_LOOK))
    if all(other.deleting for other in others):
        return Outcome(Reason.WAITING_FOR_REFERENCE, f"waits for {names} to go: {message}", waiting)
    return Outcome(Reason.CONFLICT, f"{names} has it already: {message}", waiting, Progress.STALLED)
