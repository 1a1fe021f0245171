"""``redirectToHTTPS`` of a listener: an L7 policy with one rule that fits everything. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infomaniak_operator.reconcile.actuator import Row, Step
from infomaniak_operator.reconcile.fields import Difference, changes
from infomaniak_operator.reconcile.marks import Standing
from infomaniak_operator.reconcile.ownership import mark_of
from infomaniak_operator.reconcile.visit import Visit

FIELD = "redirectToHTTPS"
RULE = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/"}
"""Without a rule a policy never applies."""
_HTTPS = 443


def slot(name: str) -> str:
    """The child key of a listener's policy."""
    return f"redirect/{name}"


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    target = item[FIELD]
    port = int(target.get("port") or _HTTPS)
    return {
        "action": "REDIRECT_PREFIX",
        "redirect_prefix": f"https://{target['host']}" + ("" if port == _HTTPS else f":{port}"),
        "redirect_http_code": int(target.get("statusCode") or 302),
    }


def creation(visit: Visit, item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The policies that a new listener is made with."""
    if not item.get(FIELD):
        return []
    name = str(item["name"])
    tags = [visit.owner.mark(slot(name)).text]
    return [{"name": "redirect-to-https", "tags": tags, "position": 1, **_attributes(item), "rules": [dict(RULE)]}]


def concerned(visit: Visit) -> bool:
    """Whether there are, or were, redirects of ours: else nothing need be listed."""
    items = visit.spec.get("listeners") or ()
    return any(item.get(FIELD) for item in items) or any(name.endswith(f".{FIELD}") for name in visit.applied)


def plan(visit: Visit, listeners: Mapping[str, Row], policies: Iterable[Row]) -> list[Step]:
    """What is to be changed.

    Args:
        visit: the visit.
        listeners: those that are there, by their names in the spec.
        policies: all L7 policies of the project.
    """
    steps: list[Step] = []
    there = list(policies)
    for item in visit.spec.get("listeners") or ():
        row = listeners.get(item["name"])
        if row is None:
            continue
        name = str(item["name"])
        ours = _ours(visit, there, row, name)
        if not item.get(FIELD):
            steps += [_delete(policy, name) for policy in ours]
        elif not ours:
            body = {"listener_id": row["id"], **creation(visit, item)[0]}
            body.pop("rules")
            steps.append(Step("create", f"redirect of listener {name}", slot(name), body=body))
        else:
            steps += _bring(item, ours[0], name)
    return steps


def _ours(visit: Visit, policies: Sequence[Row], listener: Row, name: str) -> list[Row]:
    child = visit.owner.mark(slot(name)).child
    found = []
    for policy in policies:
        mark = mark_of(policy)
        here = policy.get("listener_id") == listener["id"] and mark is not None and mark.child == child
        if here and visit.owner.standing(mark) in (Standing.OURS, Standing.PREVIOUS):
            found.append(policy)
    return found


def _bring(item: Mapping[str, Any], policy: Row, name: str) -> list[Step]:
    steps = []
    if not policy.get("rules"):
        steps.append(
            Step("create", f"rule of the redirect of listener {name}", f"rule/{name}", str(policy["id"]), body=RULE)
        )
    found = [
        Difference(f"listeners[{name}].{FIELD}", api, policy.get(api), wanted)
        for api, wanted in _attributes(item).items()
        if policy.get(api) != wanted
    ]
    if found:
        what = f"redirect of listener {name}"
        steps.append(Step("update", what, slot(name), str(policy["id"]), None, changes(found), tuple(found)))
    return steps


def _delete(policy: Row, name: str) -> Step:
    return Step("delete", f"redirect of listener {name}", slot(name), str(policy["id"]))
