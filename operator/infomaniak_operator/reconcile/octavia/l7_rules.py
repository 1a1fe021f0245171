"""The rules of an L7 policy: what the spec asks for, what is there, and the steps between the two.

A request must fit all rules of a policy. So a rule that is added narrows what the policy fits, and one that goes widens
it: what comes is added first, and what goes goes last, so that nothing is caught meanwhile that neither spec means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from infomaniak_operator.api import json_types
from infomaniak_operator.client import NotFoundError
from infomaniak_operator.client.bodies import L7RuleBody
from infomaniak_operator.client.resources import L7Policy, L7Rule
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.octavia import octavia_common
from infomaniak_operator.reconcile.octavia.tree_state import RulesSeen
from infomaniak_operator.reconcile.openstack.resource_types import LOAD_BALANCERS

_UNMOVED = 2.0
"""Seconds for which ``updated_at``, which counts whole seconds, must have stood still to tell of every change."""
_Identity = tuple[str, str, str, str, bool, bool]


def body_of(rule: json_types.L7Rule) -> L7RuleBody:
    """A rule of the spec as Octavia takes it: whole."""
    body: L7RuleBody = {
        "type": rule["type"],
        "compare_type": rule["compareType"],
        "value": rule["value"],
        "invert": bool(rule.get("invert")),
    }
    if key := rule.get("key"):
        body["key"] = key
    return body


def bodies(spec: json_types.L7PolicySpec) -> list[L7RuleBody]:
    """All rules of a spec."""
    return [body_of(rule) for rule in spec.get("rules") or ()]


def slot(body: L7RuleBody) -> str:
    """The key of a rule in the record of creates."""
    text = json.dumps(body, sort_keys=True)
    return f"rule/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _identity(rule: L7Rule | L7RuleBody) -> _Identity:
    up = rule.get("admin_state_up")
    texts = (str(rule.get("type")), str(rule.get("compare_type")), str(rule.get("key") or ""), str(rule.get("value")))
    return (*texts, bool(rule.get("invert")), up is None or up)


def same(rule: L7Rule, body: L7RuleBody) -> bool:
    """Whether a rule is as it is asked for, and in force."""
    return _identity(rule) == _identity(body)


def shown(rule: L7Rule | L7RuleBody) -> str:
    """A rule for people."""
    key = f" {rule['key']}" if rule.get("key") else ""
    how = "not " if rule.get("invert") else ""
    off = " (switched off)" if rule.get("admin_state_up") is False else ""
    return f"{rule.get('type')}{key} {how}{rule.get('compare_type')} {rule.get('value')}{off}"


def _compared(wanted: Sequence[L7RuleBody], rows: Sequence[L7Rule]) -> tuple[list[L7RuleBody], list[L7Rule]]:
    """The rules that are not there, and those that are and are not wanted."""
    left, lacking = list(rows), list[L7RuleBody]()
    for body in wanted:
        there = next((row for row in left if same(row, body)), None)
        if there is None:
            lacking.append(body)
        else:
            left.remove(there)
    return lacking, left


def missing(wanted: Sequence[L7RuleBody], rows: Sequence[L7Rule]) -> list[L7RuleBody]:
    """The rules that are wanted and not there."""
    return _compared(wanted, rows)[0]


def steps(policy_id: str, wanted: Sequence[L7RuleBody], rows: Sequence[L7Rule]) -> list[Step]:
    """What makes the rules of a policy those that are wanted: what comes, what changes, what goes.

    A rule is changed in place where there is one to change; one that would lose its key is made anew, for Octavia does
    not take a key away.
    """
    lacking, left = _compared(wanted, rows)
    come, change = [], []
    for body in lacking:
        former = next((row for row in left if bool(row.get("key")) == ("key" in body)), None)
        if former is None:
            what = f"rule {shown(body)} of L7 policy {policy_id}"
            come.append(Step("create", what, slot(body), policy_id, body=body))
            continue
        left.remove(former)
        found = (Difference("rules", "rules", shown(former), shown(body)),)
        what = f"rule {former['id']} of L7 policy {policy_id}"
        up: L7RuleBody = {**body, "admin_state_up": True}
        change.append(Step("update", what, f"rule:{former['id']}", policy_id, None, up, found))
    go = [
        Step("delete", f"rule {row['id']} ({shown(row)}) of L7 policy {policy_id}", f"rule:{row['id']}", policy_id)
        for row in left
    ]
    return [*come, *change, *go]


def is_of_rule(step: Step) -> bool:
    """Whether a step is about a rule, not about the policy itself."""
    return step.slot.startswith("rule")


def rule_id(step: Step) -> str:
    """The rule that a step changes or deletes."""
    return step.slot.partition(":")[2]


def there(context: ReconcileContext, row: L7Policy) -> list[L7Rule]:
    """The rules of a policy: listed only where the load balancer has moved since they were.

    Raises:
        InfomaniakCloudError: they could not be listed.
    """
    tree, clock, policy = octavia_common.tree_of(context), context.request.clock, str(row["id"])
    stamp = ""
    for balancer in context.rows(LOAD_BALANCERS):
        if balancer["id"] == tree.load_balancer_id and balancer["provisioning_status"] == "ACTIVE":
            octavia_common.note(context, balancer)
            stamp = str(balancer.get("updated_at") or "")
    ids = sorted(str(each["id"]) for each in row.get("rules") or ())
    known = tree.rules.get(policy)
    if stamp and known is not None and known.sure and known.updated_at == stamp:
        kept = list(known.rows)
        if sorted(str(each["id"]) for each in kept) == ids:
            return kept
    sure = bool(stamp) and tree.unmoved(stamp, clock.monotonic()) >= _UNMOVED
    rows = listed(context, policy) if ids else []
    tree.rules[policy] = RulesSeen(rows, stamp, sure)
    return rows


def listed(context: ReconcileContext, policy_id: str) -> list[L7Rule]:
    """The rules of a policy, asked for anew; none of one that is gone.

    Raises:
        InfomaniakCloudError: they could not be listed.
    """
    try:
        return list(context.cloud.do.l7_rules.list(policy_id))
    except NotFoundError:
        return []
