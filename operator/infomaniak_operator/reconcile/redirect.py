"""``redirectToHTTPS`` of a listener: an L7 policy with one rule that fits everything. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infomaniak_operator.reconcile.actuator import Row, Step
from infomaniak_operator.reconcile.fields import Difference, changes
from infomaniak_operator.reconcile.octavia import tag_difference
from infomaniak_operator.reconcile.ownership import whose
from infomaniak_operator.reconcile.visit import Visit

FIELD = "redirectToHTTPS"
RULE = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/"}
"""Without a rule a policy never applies."""
_HTTPS = 443
POLICIES = "l7policies"
"""What was listed of them in this visit, in ``Visit.children``."""


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
            steps += _bring(visit, item, ours[0], name)
    return steps


def recorded(visit: Visit) -> dict[str, str]:
    """The ids of the policies that status shows as ours, by listener."""
    shown = visit.resource.status.get("listeners") or ()
    return {
        str(item["name"]): str(item["redirectPolicyID"])
        for item in shown
        if item.get("redirectPolicyID") and f"listeners[{item['name']}].{FIELD}" in visit.recorded
    }


def reported(visit: Visit, name: str, listener: Row) -> str | None:
    """The id of a listener's policy, for status: as listed, as the create of the tree answered it, else as before."""
    under = [each for each in listener.get("l7policies") or () if "tags" in each]
    listed = [each for each in visit.children.get(POLICIES, ()) if each.get("listener_id") == listener["id"]]
    found = next((str(each["id"]) for each in (*listed, *under) if _is_ours(visit, each, name)), None)
    before = recorded(visit).get(name)
    kept = POLICIES not in visit.children and before in {each["id"] for each in listener.get("l7policies") or ()}
    return found or (before if kept else None)


def _ours(visit: Visit, policies: Sequence[Row], listener: Row, name: str) -> list[Row]:
    return [
        policy for policy in policies if policy.get("listener_id") == listener["id"] and _is_ours(visit, policy, name)
    ]


def _is_ours(visit: Visit, policy: Row, name: str) -> bool:
    before = recorded(visit).get(name)
    return whose(visit.owner, policy, child=slot(name), inside=True, recorded=(before,) if before else ()).ours


def _bring(visit: Visit, item: Mapping[str, Any], policy: Row, name: str) -> list[Step]:
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
    found += tag_difference(visit, {}, policy, slot(name), f"listeners[{name}].{FIELD}")
    if found:
        what = f"redirect of listener {name}"
        steps.append(Step("update", what, slot(name), str(policy["id"]), None, changes(found), tuple(found)))
    return steps


def _delete(policy: Row, name: str) -> Step:
    return Step("delete", f"redirect of listener {name}", slot(name), str(policy["id"]))
