"""``redirectToHTTPS`` of a listener: an L7 policy with one rule that fits everything. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from infomaniak_operator.api import json_types
from infomaniak_operator.client.bodies import L7PolicyBody, L7RuleBody
from infomaniak_operator.client.resources import L7Policy, Listener
from infomaniak_operator.reconcile.generic import duplicates
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Difference, changes
from infomaniak_operator.reconcile.generic.owned import whose, with_named
from infomaniak_operator.reconcile.generic.plan import Plan, Step, Warned
from infomaniak_operator.reconcile.octavia import l7_fit
from infomaniak_operator.reconcile.octavia.octavia_common import tag_difference
from infomaniak_operator.reconcile.octavia.seen import SeenBalancer
from infomaniak_operator.reconcile.openstack.resource_types import L7_POLICIES

FIELD: Final = "redirectToHTTPS"
RULE: L7RuleBody = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/"}
"""Without a rule a policy never applies."""
_HTTPS = 443


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


def creation(facts: Facts, item: json_types.Listener) -> list[L7PolicyBody]:
    """The policies that a new listener is made with."""
    if not item.get(FIELD):
        return []
    name = str(item["name"])
    tags = [mark.text for mark in facts.owner.both_marks(slot(name))]
    return [{"name": "redirect-to-https", "tags": tags, "position": 1, **_attributes(item), "rules": [RULE.copy()]}]


def concerned(facts: Facts) -> bool:
    """Whether there are, or were, redirects of ours: else nothing need be listed."""
    items = json_types.LOAD_BALANCER.spec(facts).get("listeners") or ()
    return any(item.get(FIELD) for item in items) or any(name.endswith(f".{FIELD}") for name in facts.applied)


def note_found(context: ReconcileContext, listeners: Mapping[str, Listener], policies: Iterable[L7Policy]) -> None:
    """Note that what a create of unknown outcome was to make is there: a policy of ours, and its rule.

    Args:
        context: the reconcile.
        listeners: those that are there, by their names in the spec.
        policies: all L7 policies of the project.
    """
    there = list(policies)
    for name, row in listeners.items():
        ours, _ = sort_out(context, name, [each for each in there if each.get("listener_id") == row["id"]])
        if ours:
            context.creates.done(slot(name))
            if ours[0].get("rules"):
                context.creates.done(f"rule/{name}")


def plan(facts: Facts, listeners: Mapping[str, Listener], policies: Iterable[L7Policy]) -> Plan:
    """What is to be changed; nothing where nothing tells which of several policies with one mark is ours.

    Args:
        facts: of the object.
        listeners: those that are there, by their names in the spec.
        policies: all L7 policies of the project.
    """
    steps: list[Step] = []
    warnings: list[Warned] = []
    there = list(policies)
    for item in json_types.LOAD_BALANCER.spec(facts).get("listeners") or ():
        row = listeners.get(item["name"])
        if row is None:
            continue
        name = str(item["name"])
        under = [policy for policy in there if policy.get("listener_id") == row["id"]]
        ours, strange = sort_out(facts, name, under)
        if strange and not ours and slot(name) not in duplicates.named_so_far(facts, ()):
            return Plan(outcome=duplicates.undecided("L7 policy", strange))
        warnings += duplicates.warnings("L7 policy", strange)
        if not item.get(FIELD):
            steps += [_delete(policy, name) for policy in ours]
        elif not ours:
            body: L7PolicyBody = {"listener_id": row["id"], **creation(facts, item)[0]}
            body.pop("rules")
            if _has_policies(facts, name):
                body.pop("position")  # it fits everything: behind it none of them would be asked
            steps.append(Step("create", f"redirect of listener {name}", slot(name), body=body))
        else:
            steps += _bring(facts, item, ours[0], name)
    return Plan(steps=steps, warnings=warnings)


def _has_policies(facts: Facts, name: str) -> bool:
    """Whether there are L7Policies of a listener."""
    return bool(l7_fit.on_listener(facts.resource, facts.view, name))


def around(changes: Plan, redirects: Plan, waiting: Collection[str] = ()) -> Plan:
    """The listeners' changes, with the redirects in the order that keeps traffic.

    A listener that is to lose its pool gets its redirect before, rule and all, for without either it answers with 503.
    Else the listeners come first: one that is replaced takes its redirect along, and one that is to have a pool again
    keeps its redirect until it has. A redirect that is refused keeps back its own listener alone.

    Args:
        changes: of the listeners.
        redirects: what is to be done about their redirects.
        waiting: the listeners, by name, that have no pool though they are to have one: it is not there yet.
    """
    lose = [
        step
        for step in changes.steps
        if step.verb == "update" and "default_pool_id" in step.body and step.body["default_pool_id"] is None
    ]
    losing = {_name(step) for step in lose}
    steps = [step for step in redirects.steps if step.verb != "delete" or _name(step) not in waiting]
    before = [step for step in steps if step.verb != "delete" and _name(step) in losing]
    after = [step for step in steps if step not in before]
    others = [step for step in changes.steps if step not in lose]
    return replace(changes, steps=[*others, *before, *lose]).and_then(replace(redirects, steps=after))


def _name(step: Step) -> str:
    """The listener that a step is about, by its name in the spec."""
    return step.slot.partition("/")[2]


def standing(facts: Facts, listeners: Mapping[str, Listener], policies: Iterable[L7Policy]) -> list[str]:
    """The places in the spec of redirects that were applied and are seen to be there still.

    Args:
        facts: of the object.
        listeners: those that are there, by their names in the spec.
        policies: all L7 policies of the project.
    """
    there = list(policies)
    return [
        place
        for name, row in listeners.items()
        if (place := f"listeners[{name}].{FIELD}") in facts.applied
        and sort_out(facts, name, (policy for policy in there if policy.get("listener_id") == row["id"]))[0]
    ]


def recorded(facts: Facts) -> dict[str, str]:
    """The policies that status shows as ours: the listener's name, by id."""
    shown = json_types.LOAD_BALANCER.status(facts.resource).get("listeners") or ()
    return {
        str(item["redirectPolicyID"]): str(item["name"])
        for item in shown
        if item.get("redirectPolicyID") and f"listeners[{item['name']}].{FIELD}" in facts.recorded
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
    policies = context.seen.of(SeenBalancer).policies or ()
    under = [policy for policy in policies if policy.get("listener_id") == listener_id]
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
    policies = context.seen.of(SeenBalancer).policies
    if policies is not None:
        rows = [each for each in policies if each.get("listener_id") == listener["id"]]
    else:
        rows = [each for each in listener.get("l7policies") or () if "tags" in each]
    ours, _ = sort_out(context, name, rows)
    before = (id_ for id_, shown in recorded(context).items() if shown == name and id_ in there)
    kept = None if policies is not None else next(before, None)
    return str(ours[0]["id"]) if ours else kept


def sort_out(facts: Facts, name: str | None, rows: Iterable[L7Policy]) -> tuple[list[L7Policy], list[L7Policy]]:
    """Of the policies under one listener: those that are ours, and those that carry a copy of a mark of ours.

    Ours for sure is what status names, and what is on record. Else the only one of the mark is ours; where status names
    another, or where there are several, the only one that is as the spec has it.

    Args:
        facts: of the object.
        name: what the listener is called in the spec, or was; None where nothing tells.
        rows: the policies under it.
    """
    known = recorded(facts)
    child = slot(name) if name else None
    ids = [id_ for id_, shown in known.items() if shown == name]
    marked = [row for row in rows if whose(facts.owner, row, child=child, inside=True, recorded=ids).ours]
    sure = [row for row in marked if row["id"] in ids]
    sure += [row for row in marked if row not in sure and duplicates.on_record(facts, slot(name or ""), row)]
    named = duplicates.named_so_far(facts, map(slot, known.values()))
    if not sure and len(marked) == 1 and (not name or slot(name) not in named):
        sure = marked
    if not sure and name:
        like = [row for row in marked if _as_wanted(facts, name, row)]
        sure = like if len(like) == 1 else []
    return sure, [row for row in marked if row not in sure]


def _as_wanted(facts: Facts, name: str, row: L7Policy) -> bool:
    items = [
        item
        for item in json_types.LOAD_BALANCER.spec(facts).get("listeners") or ()
        if item["name"] == name and item.get(FIELD)
    ]
    return any(duplicates.fits(_attributes(item), row) for item in items)


def _bring(facts: Facts, item: json_types.Listener, policy: L7Policy, name: str) -> list[Step]:
    steps = []
    if not policy.get("rules"):
        steps.append(
            Step("create", f"rule of the redirect of listener {name}", f"rule/{name}", str(policy["id"]), body=RULE)
        )
    seen: Mapping[str, object] = policy
    found = [
        Difference(f"listeners[{name}].{FIELD}", api, seen.get(api), wanted)
        for api, wanted in _attributes(item).items()
        if seen.get(api) != wanted
    ]
    marks = facts.owner.both_marks(slot(name))
    found += tag_difference(facts, {}, policy, slot(name), f"listeners[{name}].{FIELD}", marks=marks)
    if found:
        what = f"redirect of listener {name}"
        steps.append(Step("update", what, slot(name), str(policy["id"]), None, changes(found), tuple(found)))
    return steps


def _delete(policy: L7Policy, name: str) -> Step:
    return Step("delete", f"redirect of listener {name}", slot(name), str(policy["id"]))
