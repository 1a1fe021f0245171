"""A table of how objects stand, as the operator writes it, and what each tool must make of it.

The statuses are made by the reconcilers and the controller's own status, on the fake cloud: none of them is written by hand
but where that is what it is about. ``python -m tests.support.statuses`` prints the table of docs/gitops.md.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.client import (
    AuthenticationError,
    BadRequestError,
    Category,
    CloudConnectionError,
    QuotaExceededError,
)
from tests.support.forest import Forest
from tests.support.objects import network, subnet
from tests.support.trees import LB, balancer, tree
from tests.support.trees import network as web_network
from tests.support.world import World

Body = dict[str, Any]
HEALTHY, PROGRESSING, DEGRADED, SUSPENDED = "Healthy", "Progressing", "Degraded", "Suspended"
CURRENT, IN_PROGRESS, FAILED, TERMINATING = "Current", "InProgress", "Failed", "Terminating"
_REFUSED = BadRequestError("400 Invalid input for mtu", status=400, request_id="req-0a1b2c3d")
_AWAY = CloudConnectionError("connection refused", category=Category.TRANSIENT)


@dataclass(frozen=True, slots=True)
class Standing:
    """A row of the table.

    Attributes:
        name: how the object stands.
        body: the object, made anew.
        argocd: health by Argo CD, with our Lua.
        kstatus: status by kstatus, which Flux and ``helm --wait`` go by.
        ready: whether ``kubectl wait --for=condition=Ready`` is done.
        says: what Argo CD's message must hold.
        on_server: whether an API server with our CRDs can have it.
    """

    name: str
    body: Callable[[], Body]
    argocd: str
    kstatus: str
    ready: bool
    says: str = ""
    on_server: bool = True


def _world(**how: Any) -> World:
    world = World(**how)
    world.apply(network(subnets=[subnet()]))
    return world


def _body(world: World) -> Body:
    (found,) = world.objects("InfomaniakNetwork")
    body: Body = copy.deepcopy(dict(found.body))
    return body


def _ready() -> World:
    world = _world()
    _reconcile(world)
    return world


def _reconcile(world: World) -> None:
    world.settle(world.objects("InfomaniakNetwork")[0].key)


def _once(world: World) -> Body:
    world.reconcile(world.objects("InfomaniakNetwork")[0].key)
    return _body(world)


def _not_seen() -> Body:
    return _body(_world())


def _no_status() -> Body:
    return {name: part for name, part in _not_seen().items() if name != "status"}


def _failing(at: str, error: BaseException) -> Body:
    world = _world()
    world.fail(at, error)
    return _once(world)


def _credentials_refused() -> Body:
    world = _world()

    def refuse(_: object) -> None:
        raise AuthenticationError("401: the application credential is gone", status=401, request_id="req-9a9a9a9a")

    world.login = refuse
    return _once(world)


def _waiting_for_network() -> Body:
    world = Forest(balancer())
    world.reconcile(LB)
    return copy.deepcopy(dict(world.object(LB).body))


def _creating() -> Body:
    world = Forest(web_network(), balancer(), settles=60.0)
    for _ in range(40):
        for each in (*world.objects("InfomaniakNetwork"), world.object(LB)):
            world.reconcile(each.key)
        if world.ready(LB) == ("False", "Creating") and world.object(LB).status.get("id"):
            return copy.deepcopy(dict(world.object(LB).body))
        world.clock.advance(1.0)
    raise AssertionError(world.object(LB).status)


def _tree_ready() -> Body:
    return copy.deepcopy(dict(tree().object(LB).body))


def _changed(world: World) -> World:
    key = world.objects("InfomaniakNetwork")[0].key
    world.spec(key, description="another")
    return world


def _stalled_and_mended() -> Body:
    world = _world()
    world.fail("POST networks", _REFUSED)
    _once(world)
    return _body(_changed(world))


def _annotated(world: World, **annotations: str) -> World:
    world.annotate(world.objects("InfomaniakNetwork")[0].key, **annotations)
    return world


def _away_while_ready() -> Body:
    world = _ready()
    world.fail("LIST networks", _AWAY)
    return _once(world)


def _deleting() -> Body:
    body = _body(_ready())
    body["metadata"]["deletionTimestamp"] = "2026-11-25T10:00:00Z"
    body["metadata"]["generation"] += 1  # as the API server does where a finalizer holds the object
    return body


def _in_use() -> Body:
    world = tree()
    key = world.objects("InfomaniakNetwork")[0].key
    world.delete(key)
    world.reconcile(key)
    return copy.deepcopy(dict(world.object(key).body))


TABLE = (
    Standing("without a status", _no_status, PROGRESSING, CURRENT, False, "not looked at", on_server=False),
    Standing("just applied", _not_seen, PROGRESSING, IN_PROGRESS, False, "not looked at"),
    Standing("waits for a Secret", lambda: _once(_world(with_secret=False)), PROGRESSING, IN_PROGRESS, False, "Secret"),
    Standing("waits for another object", _waiting_for_network, PROGRESSING, IN_PROGRESS, False, "web"),
    Standing("is being created", _creating, PROGRESSING, IN_PROGRESS, False, "PENDING_CREATE"),
    Standing("Ready", lambda: _body(_ready()), HEALTHY, CURRENT, True),
    Standing("Ready, a load balancer", _tree_ready, HEALTHY, CURRENT, True),
    Standing(
        "Ready, changed since", lambda: _body(_changed(_ready())), PROGRESSING, IN_PROGRESS, False, "not looked at"
    ),
    Standing(
        "the cloud is away, nothing was made yet",
        lambda: _failing("LIST networks", _AWAY),
        PROGRESSING,
        IN_PROGRESS,
        False,
        "connection refused",
    ),
    Standing("the cloud is away, Ready before", _away_while_ready, HEALTHY, CURRENT, True),
    Standing(
        "the quota is used up",
        lambda: _failing("POST networks", QuotaExceededError("Quota exceeded for resources", status=409)),
        PROGRESSING,
        IN_PROGRESS,
        False,
        "Quota exceeded",
    ),
    Standing(
        "Stalled: the cloud refuses the spec",
        lambda: _failing("POST networks", _REFUSED),
        DEGRADED,
        FAILED,
        False,
        "Invalid input for mtu",
    ),
    Standing("Stalled: the credential is refused", _credentials_refused, DEGRADED, FAILED, False, "401"),
    Standing("Stalled, changed since", _stalled_and_mended, PROGRESSING, IN_PROGRESS, False, "not looked at"),
    Standing(
        "paused before the first reconcile",
        lambda: _once(_annotated(_world(), paused="true")),
        SUSPENDED,
        IN_PROGRESS,
        False,
        "paused",
    ),
    Standing(
        "paused while Ready",
        lambda: _once(_annotated(_ready(), paused="true")),
        SUSPENDED,
        CURRENT,
        True,
        "paused",
    ),
    Standing(
        "paused, changed since",
        lambda: _once(_annotated(_changed(_ready()), paused="true")),
        SUSPENDED,
        IN_PROGRESS,
        False,
        "paused",
    ),
    Standing(
        "dry run, nothing was made",
        lambda: _once(_annotated(_world(), dry_run="true")),
        PROGRESSING,
        IN_PROGRESS,
        False,
        "would create",
    ),
    Standing(
        "dry run, changed since Ready",
        lambda: _once(_annotated(_changed(_ready()), dry_run="true")),
        PROGRESSING,
        IN_PROGRESS,
        False,
        "would",
    ),
    Standing("is being deleted", _deleting, PROGRESSING, TERMINATING, False, "deletion"),
    Standing("is to be deleted, and in use", _in_use, PROGRESSING, TERMINATING, False, "deletion"),
)
"""All rows."""


def table() -> str:
    """The table as Markdown."""
    head = "| the object | Argo CD | kstatus (Flux, `helm --wait`) | `kubectl wait` |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {row.name} | {row.argocd} | {row.kstatus} | {'done' if row.ready else 'waits'} |\n" for row in TABLE
    )


if __name__ == "__main__":
    print(table(), end="")
