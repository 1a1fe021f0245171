"""``redirectToHTTPS`` of a listener: an L7 policy with one rule that fits everything. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from infomaniak_operator.api import json_types
from infomaniak_operator.client.bodies import L7PolicyBody, L7RuleBody
from infomaniak_operator.client.resources import L7Policy, Listener
from infomaniak_operator.reconcile.generic import duplicates
from infomaniak_operator.reconcile.generic.actuator import Step
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.fields import Difference, changes
from infomaniak_operator.reconcile.generic.owned import whose, with_named
from infomaniak_operator.reconcile.octavia.octavia_common import tag_difference
from infomaniak_operator.reconcile.openstack.resource_types import L7_POLICIES

FIELD: Final = "redirectToHTTPS"
RULE: L7RuleBody = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/"}
"""Without a rule a policy never applies."""
_HTTPS = 443
POLICIES: Final = "l7policies"
"""What was listed of them in this reconcile, in ``ReconcileContext.children``."""


def slot(name: str) -> str:
    """The child key of a listener's policy."""
    return f"redirect/{name}"


def _attributes(item: json_types.Listener) -> L7PolicyBody:
    target = item[FIELD]
    port = int(target.get("port") or _HTTPS)
    return {
        "action": "REDIRECT_PREFIX",
        "redirect_prefix": f"https://{target['host']}" + ("" if port == _HTTPS else f":{port}"),
        "redirect_http_code": int(target.get("statusCode") or 302),
    }


def creation(context: ReconcileContext, item: json_types.Listener) -> list[L7PolicyBody]:
    """The policies that a new listener is made with."""
    if not item.get(FIELD):
        return []
    name = str(item["name"])
    tags = [mark.text for mark in context.owner.both_marks(slot(name))]
    return [{"name": "redirect-to-https", "tags": tags, "position": 1, **_attributes(item), "rules": [RULE.copy()]}]


def concerned(context: ReconcileContext) -> bool:
    """Whether there are, or were, redirects of ours: else nothing need be listed."""
    items = json_types.LOAD_BALANCER.spec(context).get("listeners") or ()
    return any(item.get(FIELD) for item in items) or any(name.endswith(f".{FIELD}") for name in context.applied)


def plan(context: ReconcileContext, listeners: Mapping[str, Listener], policies: Iterable[L7Policy]) -> list[Step]:
    """What is to be changed.

    Args:
        context: the reconcile.
        listeners: those that are there, by their names in the spec.
        policies: all L7 policies of the project.

    Raises:
        Stop: nothing tells which of several policies with one mark is ours.
    """
    steps: list[Step] = []
    there = list(policies)
    for item in json_types.LOAD_BALANCER.spec(context).get("listeners") or ():
        row = listeners.get(item["name"])
        if row is None:
            continue
        name = str(item["name"])
        under = [policy for policy in there if policy.get("listener_id") == row["id"]]
        ours, strange = sort_out(context, name, under)
        if strange and not ours and slot(name) not in duplicates.named_so_far(context, ()):
            raise duplicates.undecided("L7 policy", strange)
        duplicates.warn(context, "L7 policy", strange)
        if ours:
            context.creates.done(slot(name))
        if not item.get(FIELD):
            steps += [_delete(policy, name) for policy in ours]
        elif not ours:
            body: L7PolicyBody = {"listener_id": row["id"], **creation(context, item)[0]}
            body.pop("rules")
            steps.append(Step("create", f"redirect of listener {name}", slot(name), body=body))
        else:
            steps += _bring(context, item, ours[0], name)
    return steps


def recorded(context: ReconcileContext) -> dict[str, str]:
    """The policies that status shows as ours: the listener's name, by id."""
    shown = json_types.LOAD_BALANCER.status(context.resource).get("listeners") or ()
    return {
        str(item["redirectPolicyID"]): str(item["name"])
        for item in shown
        if item.get("redirectPolicyID") and f"listeners[{item['name']}].{FIELD}" in context.recorded
    }


def listed(context: ReconcileContext, listeners: Iterable[Listener], after: float | None = None) -> list[L7Policy]:
    """All L7 policies of the project, and those that status names and that are there all the same.

    One that status names has a rule: where the list shows none it is asked for by id, before it gets a second.

    Args:
        context: the reconcile.
        listeners: those that are there: what was in others has gone with them.
        after: monotonic seconds after which the list must have begun.

    Raises:
        InfomaniakCloudError: they could not be listed, or asked for.
    """
    there = {str(row["id"]) for row in listeners}
    shown = json_types.LOAD_BALANCER.status(context.resource).get("listeners") or ()
    named = recorded(context).keys() & {item.get("redirectPolicyID") for item in shown if item.get("id") in there}
    rows = [row for row in context.rows(L7_POLICIES, after) if row["id"] not in named or row.get("rules")]
    return with_named(context, L7_POLICIES, rows, sorted(named))


def forget(context: ReconcileContext, slot_: str, listener_id: str) -> None:
    """Have status forget a listener's policy that is gone, before the create of another is sent.

    Who comes after a crash finds none named, and so takes the only one of the mark for what was made last. Where there
    is a copy of the mark nothing would tell the two apart: what status names stays.

    Raises:
        Superseded, KubeError: it could not be written, so nothing must be made.
    """
    name = slot_.removeprefix("redirect/")
    under = [policy for policy in context.children[POLICIES] if policy.get("listener_id") == listener_id]
    if name not in recorded(context).values() or sort_out(context, name, under)[1]:
        return
    status = json_types.LOAD_BALANCER.status(context)
    shown = [item.copy() for item in status.get("listeners") or ()]
    for item in shown:
        if item["name"] == name:
            item.pop("redirectPolicyID", None)
    status["listeners"] = shown
    context.record()


def reported(context: ReconcileContext, name: str, listener: Listener) -> str | None:
    """The id of a listener's policy, for status: as listed, as the create of the tree answered it, else as before."""
    there = {str(each["id"]) for each in listener.get("l7policies") or ()}
    if POLICIES in context.children:
        rows = [each for each in context.children[POLICIES] if each.get("listener_id") == listener["id"]]
    else:
        rows = [each for each in listener.get("l7policies") or () if "tags" in each]
    ours, _ = sort_out(context, name, rows)
    before = (id_ for id_, shown in recorded(context).items() if shown == name and id_ in there)
    kept = None if POLICIES in context.children else next(before, None)
    return str(ours[0]["id"]) if ours else kept


def sort_out(
    context: ReconcileContext, name: str | None, rows: Iterable[L7Policy]
) -> tuple[list[L7Policy], list[L7Policy]]:
    """Of the policies under one listener: those that are ours, and those that carry a copy of a mark of ours.

    Ours for sure is what status names, and what is on record. Else the only one of the mark is ours; where status names
    another, or where there are several, the only one that is as the spec has it.

    Args:
        context: the reconcile.
        name: what the listener is called in the spec, or was; None where nothing tells.
        rows: the policies under it.
    """
    known = recorded(context)
    child = slot(name) if name else None
    ids = [id_ for id_, shown in known.items() if shown == name]
    marked = [row for row in rows if whose(context.owner, row, child=child, inside=True, recorded=ids).ours]
    sure = [row for row in marked if row["id"] in ids]
    sure += [row for row in marked if row not in sure and duplicates.on_record(context, slot(name or ""), row)]
    named = duplicates.named_so_far(context, map(slot, known.values()))
    if not sure and len(marked) == 1 and (not name or slot(name) not in named):
        sure = marked
    if not sure and name:
        like = [row for row in marked if _as_wanted(context, name, row)]
        sure = like if len(like) == 1 else []
    return sure, [row for row in marked if row not in sure]


def _as_wanted(context: ReconcileContext, name: str, row: L7Policy) -> bool:
    items = [
        item
        for item in json_types.LOAD_BALANCER.spec(context).get("listeners") or ()
        if item["name"] == name and item.get(FIELD)
    ]
    return any(duplicates.fits(_attributes(item), row) for item in items)


def _bring(context: ReconcileContext, item: json_types.Listener, policy: L7Policy, name: str) -> list[Step]:
    steps = []
    if policy.get("rules"):
        context.creates.done(f"rule/{name}")
    else:
        steps.append(
            Step("create", f"rule of the redirect of listener {name}", f"rule/{name}", str(policy["id"]), body=RULE)
        )
    seen: Mapping[str, object] = policy
    found = [
        Difference(f"listeners[{name}].{FIELD}", api, seen.get(api), wanted)
        for api, wanted in _attributes(item).items()
        if seen.get(api) != wanted
    ]
    marks = context.owner.both_marks(slot(name))
    found += tag_difference(context, {}, policy, slot(name), f"listeners[{name}].{FIELD}", marks=marks)
    if found:
        what = f"redirect of listener {name}"
        steps.append(Step("update", what, slot(name), str(policy["id"]), None, changes(found), tuple(found)))
    return steps


def _delete(policy: L7Policy, name: str) -> Step:
    return Step("delete", f"redirect of listener {name}", slot(name), str(policy["id"]))
