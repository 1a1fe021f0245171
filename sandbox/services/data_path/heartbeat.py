"""What an amphora's heartbeat says, from HAProxy's statistics. Knows nothing of Octavia, and so is tried by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, str]
Counters = dict[str, dict[str, int]]
"""By listener: what HAProxy had counted when it was last asked."""
_COUNTED = {"bin": "rx", "bout": "tx", "ereq": "ereq", "stot": "totconns"}
_UNCHECKED = "RESTARTING"
"""What an amphora says of a member whose checker has not run yet: Octavia keeps what it knew of it."""


def listeners(rows: Iterable[Row], before: Counters) -> tuple[dict[str, Any], Counters]:
    """What a heartbeat says of listeners.

    Args:
        rows: HAProxy's statistics.
        before: what had been counted; HAProxy begins anew at each reload.

    Returns:
        The listeners by id, with what was counted since, and what is counted now.
    """
    found: dict[str, Any] = {}
    now: Counters = {}
    for row in rows:
        if row["svname"] == "FRONTEND":
            counted = {name: int(row[name]) for name in _COUNTED}
            last = before.get(row["pxname"], {})
            since = {
                _COUNTED[name]: value - last.get(name, 0) if value >= last.get(name, 0) else value
                for name, value in counted.items()
            }
            found[row["pxname"]] = {"status": row["status"], "stats": {**since, "conns": int(row["scur"])}}
            now[row["pxname"]] = counted
    return found, now


def pools(rows: Iterable[Row], states: Mapping[str, Any]) -> dict[str, Any]:
    """What a heartbeat says of pools: nothing of a member, nor of a pool of such, before a check has ended.

    Args:
        rows: HAProxy's statistics.
        states: as Octavia's reader has them.
    """
    waiting = {(row["pxname"], row["svname"]) for row in rows if row.get("check_status") == "INI"}
    found = {}
    for name, pool in states.items():
        members = {
            member: _UNCHECKED if (name, member) in waiting and state not in ("DRAIN", "MAINT") else state
            for member, state in pool["members"].items()
        }
        unknown = bool(members) and all(state == _UNCHECKED for state in members.values())
        found[name] = {"status": _UNCHECKED if unknown else pool["status"], "members": members}
    return found
