"""What tests do to the cloud behind the operator's back, and how they find out what the operator did to it."""

from __future__ import annotations

import itertools

from sandbox import Sandbox
from sandbox.logs import Call
from tests.support.box import until
from tests.support.running import User

_COLLECTIONS = {
    "inet": "networks",
    "irouter": "routers",
    "isg": "security-groups",
    "iport": "ports",
    "ifip": "floatingips",
}
_marks = itertools.count()


def changing(box: Sandbox, mark: int, user: User) -> list[str]:
    """The calls of the user's project that changed something in Neutron since a mark."""
    calls = [c for c in box.calls(mark) if c.service == "neutron" and c.project == user.project.id]
    return [f"{c.method} {c.path} {c.status}" for c in calls if c.method != "GET"]


def reconciled(box: Sandbox, user: User, kind: str, name: str) -> None:
    """Have an object reconciled and wait until that is over: a further reconcile has begun to look at the cloud."""
    for _ in range(2):
        mark = box.mark()
        user.annotate(kind, name, reconcile_at=f"{next(_marks)}")
        until(lambda mark=mark: _looks(box.calls(mark), kind, user), f"a reconcile of {kind} {name}")


def _looks(calls: list[Call], kind: str, user: User) -> list[Call]:
    path = f"/{_COLLECTIONS[kind]}"
    return [c for c in calls if c.method == "GET" and path in c.path and c.project == user.project.id]


def reasons(user: User, name: str) -> list[str]:
    """The reasons of the Events of an object."""
    return [reason for reason, _ in user.events(name)]


def until_event(user: User, name: str, reason: str, text: str = "") -> str:
    """Wait for an Event with that text in it; returns its message."""

    def look() -> str | None:
        return next((message for found, message in user.events(name) if found == reason and text in message), None)

    return until(look, f"Event {reason} of {name}; there are {user.events(name)}")
