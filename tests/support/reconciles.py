"""A reconcile on demand, and what it cost."""

from __future__ import annotations

from sandbox import Sandbox
from tests.support.box import until
from tests.support.running import User

_AT = "network.infomaniak.cloud/reconcile-at"


def calls(box: Sandbox, mark: int, *, writing: bool = False) -> list[str]:
    """The operator's calls to OpenStack since a mark, or those of them that were to change something.

    Without the quotas, which are read once a minute for all that is made in it, whoever comes first.
    """
    made = [call for call in box.calls(mark) if call.by == "operator" and "/quotas/" not in call.path]
    return [f"{call.method} {call.path}" for call in made if not writing or call.method != "GET"]


def changed_by_a_reconcile(box: Sandbox, user: User, kind: str, name: str) -> list[str]:
    """Ask for a reconcile, wait until the operator has looked at the cloud, and say what it changed there."""
    mark = box.mark()
    annotations = (user.get(kind, name) or {})["metadata"].get("annotations", {})
    user.annotate(kind, name, reconcile_at=str(int(annotations.get(_AT, "0")) + 1))
    until(lambda: [call for call in calls(box, mark) if call.startswith("GET ")], "a look at the cloud")
    user.until_ready(kind, name)
    return calls(box, mark, writing=True)
