"""Barbican, where Octavia takes certificates from: what is of this object there, stored, and taken out again."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Sequence

from infomaniak_operator.api import json_types
from infomaniak_operator.client import (
    Category,
    ForbiddenError,
    InfomaniakCloudError,
    NotFoundError,
    ReadOnlyError,
    ServiceMissingError,
)
from infomaniak_operator.client.bodies import SecretBody
from infomaniak_operator.controller.interfaces import Progress, Reason, Retry
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.failures import reason_of
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome, again
from infomaniak_operator.reconcile.generic.owned import clear_to_create
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.octavia import certificates, tls_refs
from infomaniak_operator.reconcile.octavia.certificate_secret import Content
from infomaniak_operator.reconcile.octavia.certificates import SeenCertificates, Stored

LISTED_FOR = 240.0
"""Seconds for which a list is good enough where nothing is missing: each resync looks, and a change does not twice."""
_LOOK_AGAIN = 30.0
"""Seconds until the next attempt, at the least, where nothing tells that somebody has mended it."""
_A_PERSON = frozenset({Category.TERMINAL, Category.AUTHENTICATION, Category.QUOTA})


def look(context: ReconcileContext) -> None:
    """Find out what Barbican has of an object that it concerns: by one LIST, where that is not known.

    It is known of what this process has seen or stored; every few minutes it is looked whether somebody has taken it
    out, and once no change of before can be under way any more. A failure concerns only what is to be stored.
    """
    if not certificates.concerned(context):
        return
    stored = context.request.memory.of(Stored)
    fingerprints = {each.fingerprint for each in certificates.wanted(context).values()}
    old = stored.listed_at is None or context.moment - stored.listed_at > LISTED_FOR
    old = old or (stored.unsettled and not context.may_still_change())
    if fingerprints <= stored.secrets.keys() and not old:
        return
    try:
        _list(context, stored, context.list_after())
    except InfomaniakCloudError as error:
        _failed(context, error)


def _list(context: ReconcileContext, stored: Stored, not_before: float) -> None:
    rows = context.cloud.secrets(not_before)
    stored.secrets, context.seen.of(SeenCertificates).copies = certificates.sorted_out(context, rows)
    stored.listed_at, stored.unsettled = context.moment, bool(context.may_still_change())


def ensure(context: ReconcileContext) -> Ended | None:
    """Store what a new tree is to be made with; what cannot be had is left out of it.

    Returns:
        How the reconcile ends where a create may still be under way; else None.
    """
    look(context)
    return _store(context, certificates.plan(context).steps)


def act(context: ReconcileContext, steps: Sequence[Step]) -> Ended | None:
    """Carry out the steps of a plan that are about certificates, all that come before other ones.

    Returns:
        How the reconcile ends, where something was stored: the next one goes on with it. None: the rest is to be done.

    Raises:
        InfomaniakCloudError: something could not be deleted.
    """
    new = [step for step in steps if certificates.is_step(step) and step.verb == "create"]
    if new:
        if ended := _store(context, new):
            return ended
        done = [step for step in new if step.slot not in context.undone]
        return again(Reason.UPDATING, "; ".join(str(step) for step in steps), 0.0) if done else None
    if all(certificates.is_step(step) for step in steps):
        for step in steps:
            delete(context, step)
    return None


def _store(context: ReconcileContext, steps: Sequence[Step]) -> Ended | None:
    there = {each.fingerprint: each for each in certificates.wanted(context).values()}
    for step in steps:
        fingerprint = certificates.fingerprint_of(step)
        if fingerprint not in there:  # the Secret has changed since
            context.undone.add(step.slot)
            continue
        try:
            if too_early := _create(context, step, there[fingerprint]):
                return too_early
        except ReadOnlyError:
            raise
        except InfomaniakCloudError as error:
            context.undone.add(step.slot)
            context.held_back = [*context.held_back, _failed(context, error)]
            return None  # one that is not answered is enough
        context.request.event("Created", f"created {step.what}")
    return None


def _create(context: ReconcileContext, step: Step, content: Content) -> Ended | None:
    stored = context.request.memory.of(Stored)
    fingerprint, name = content.fingerprint, str(step.body["name"])

    def still_absent(not_before: float) -> bool:
        _list(context, stored, not_before)
        return fingerprint not in stored.secrets

    if too_early := clear_to_create(context, step.slot, still_absent, f"the {step.what} has appeared", step.body):
        return too_early
    body: SecretBody = {
        "name": name,
        "payload": base64.b64encode(content.bundle()).decode(),
        "payload_content_type": "application/octet-stream",
        "payload_content_encoding": "base64",
    }
    _announce(context, fingerprint)
    with context.creating(step.slot, bodies=[step.body]):  # what it holds is on no record
        made = context.cloud.do.secrets.create(body)
    context.creates.answered(str(made["id"]))
    stored.secrets[fingerprint] = made
    return None


def _announce(context: ReconcileContext, fingerprint: str) -> None:
    """Have status say what is about to be stored: only what it says is known for ours after a crash.

    Raises:
        Superseded, KubeError: it could not be written, so nothing must be stored.
    """
    shown = certificates.announced(context)
    if any(each.get("fingerprint") == fingerprint for each in shown):
        return
    source = next(source for source, each in certificates.wanted(context).items() if each.fingerprint == fingerprint)
    shown.append(certificates.announcement(source, fingerprint))
    json_types.LOAD_BALANCER.status(context)["certificates"] = shown  # a Pool's has the same name
    context.record()


def delete(context: ReconcileContext, step: Step) -> None:
    """Take one out of Barbican.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    with context.changing(), contextlib.suppress(NotFoundError):
        context.cloud.do.secrets.delete(step.id)
    context.request.memory.of(Stored).secrets.pop(certificates.fingerprint_of(step), None)


def removal(context: ReconcileContext) -> Plan:
    """Once the load balancer is gone: what takes all of ours out of Barbican."""
    if not certificates.concerned(context):
        return Plan()
    stored = context.request.memory.of(Stored)
    try:
        _list(context, stored, context.list_after())
    except ServiceMissingError:
        return Plan()  # nothing was ever stored
    except InfomaniakCloudError as error:
        found = _failed(context, error)
        return Plan(outcome=Outcome(found.reason, f"cannot be deleted yet: {found.message}", found.next))
    unknown = any(each.startswith(certificates.slot("")) for each in context.creates.unknown)
    coming = any(each.get("fingerprint") not in stored.secrets for each in certificates.announced(context))
    seconds = context.may_still_change() if unknown or coming else 0.0
    if seconds:
        message = "a certificate may still come to be stored in Barbican: it is looked for once more before this goes"
        return Plan(outcome=again(Reason.DELETING, message, min(seconds, 10.0)))
    return only(certificates.deletion(each, row) for each, row in sorted(stored.secrets.items()))


def _failed(context: ReconcileContext, error: InfomaniakCloudError) -> Outcome:
    """Note that Barbican could not be asked, or refused."""
    waits = Retry(at_least=_LOOK_AGAIN) if error.category in _A_PERSON else Retry()
    progress = Progress.STALLED if error.category is Category.TERMINAL else Progress.RECONCILING
    outcome = Outcome(reason_of(error), _explained(context, error), waits, progress)
    context.seen.of(SeenCertificates).failed = outcome
    return outcome


def _explained(context: ReconcileContext, error: InfomaniakCloudError) -> str:
    """What a person should know, and do, before the cloud's own words."""
    fields = [field for each in tls_refs.named(context).values() for field in each]
    where = ", ".join(f"spec.{each}" for each in dict.fromkeys(fields)) or "a certificate that is to go"
    if isinstance(error, ServiceMissingError):
        text = (
            f"this cloud has no key manager (Barbican) in region {context.cloud.region}, from which Octavia takes "
            "certificates: ask the provider for it, or pass TLS on to the members (protocol HTTPS)"
        )
    elif isinstance(error, ForbiddenError):
        text = (
            "the credential may not keep certificates in Barbican: ask for the role creator, beside member and "
            "load-balancer_member, for its application credential"
        )
    elif error.category is Category.QUOTA:
        text = "the quota of Barbican is used up: delete secrets that are not needed, or have it raised"
    elif error.category is Category.TERMINAL:
        text = (
            "Barbican does not take it; if it is large, leave the root and what else clients know out of tls.crt, and "
            "in ca.crt and ca.crl only what is needed"
        )
    else:
        text = "Barbican cannot be asked now; it is tried again by itself"
    return f"{where}: {text}: {error}"
