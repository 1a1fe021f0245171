"""What the commands say, as plain data: the same for the terminal, for JSON and for YAML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.stack import Cause, Stack, Standing, unresolved, worst
from infomaniak_operator.plugin.unusable_secrets import unusable

Report = dict[str, Any]

MOST_EVENTS = 20
"""So many Events are shown, the newest."""


def short(key: Key, namespace: str | None = None) -> str:
    """How people name an object: ``LoadBalancer/web``; with another namespace than that: ``LoadBalancer shop/web``."""
    return f"{key.kind}/{key.name}" if namespace in (None, key.namespace) else str(key)


def key_of(named: str, namespace: str) -> Key:
    """The object that ``short`` has named so, seen from a namespace."""
    kind, slash, name = named.partition("/")
    kind, blank, other = kind.partition(" ")
    return Key(kind, other if blank else namespace, name if slash else "")


def tree(stack: Stack, keys: Sequence[Key]) -> Report:
    """Objects as they hang together.

    Args:
        stack: all that was read.
        keys: those that are to be told of, with the missing ones that they refer to.
    """
    causes = stack.causes(keys)
    return {
        "state": str(worst(causes)),
        "items": [_item(stack, key) for key in keys],
        "blockedBy": [_cause(each) for each in causes],
    }


def why(stack: Stack, key: Key) -> Report:
    """What one object waits for in the end."""
    found, causes = stack.object(key), stack.causes([key])
    return {
        "state": str(worst(causes)),
        **_object(stack.standing(key)),
        "missing": (unresolved(found) or unusable(found) if found else None) or "",
        "blockedBy": [_cause(each) for each in causes],
    }


def status(stack: Stack, key: Key, events: Iterable[Mapping[str, Any]], refused: str = "") -> Report:
    """One object in full.

    Args:
        stack: all that was read.
        key: the object.
        events: its Events, as the API server gave them.
        refused: why they could not be listed; empty where they could.
    """
    found = stack.object(key)
    parts = _parts(stack, found) if found else {}
    conditions = [
        {name: str(each.get(name) or "") for name in ("type", "status", "reason", "message", "lastTransitionTime")}
        for each in (found.conditions if found else ())
    ]
    told = [_event(each) for each in events]
    newest = sorted(told, key=lambda each: str(each["last"]))[-MOST_EVENTS:]
    return {**why(stack, key), "conditions": conditions, **parts, "events": newest, "eventsError": refused}


def line(report: Report) -> str:
    """One line that says why: the deepest cause, or that all is well."""
    causes = report["blockedBy"]
    if not causes:
        notes = "".join(f" [{each}]" for each in report["notes"])
        but = f" But {report['missing']}" if report["missing"] else ""
        return f"{report['kind']}/{report['name']} is Ready.{notes}{but}"
    first = causes[0]
    more = f" (and {len(causes) - 1} more: kubectl infomaniak tree)" if len(causes) > 1 else ""
    return f"{first['kind']}/{first['name']}: {first['reason']}: {first['message']}{more}"


def _object(found: Standing) -> Report:
    return {
        "kind": found.key.kind,
        "namespace": found.key.namespace,
        "name": found.key.name,
        "reason": found.reason,
        "message": found.message,
        "notes": list(found.notes),
    }


def _item(stack: Stack, key: Key) -> Report:
    found = stack.standing(key)
    references = [short(each, key.namespace) for each in stack.references(key)]
    return {**_object(found), "state": str(found.state), "references": references}


def _cause(cause: Cause) -> Report:
    return {
        **_object(cause.standing),
        "state": str(cause.standing.state),
        "holdsUp": [short(each, cause.standing.key.namespace) for each in cause.holds_up],
    }


def _event(body: Mapping[str, Any]) -> Report:
    series = body.get("series")
    last = (series.get("lastObservedTime") if isinstance(series, Mapping) else None) or body.get("lastTimestamp")
    return {
        "last": str(last or body.get("eventTime") or ""),
        "type": str(body.get("type") or ""),
        "reason": str(body.get("reason") or ""),
        "message": str(body.get("message") or ""),
        "count": body.get("count") or 1,
    }


SHOWN: Mapping[str, tuple[str, ...]] = {
    "listeners": ("name", "operatingStatus", "provisioningStatus"),
    "members": ("address", "port", "weight", "operatingStatus", "provisioningStatus"),
    "draining": ("address", "port"),
    "subnets": ("name", "cidr", "gateway", "subnetPoolID"),
    "interfaces": ("address", "subnetID", "portID"),
    "portForwardings": ("protocol", "externalPort", "fixedAddress", "internalPort"),
    "fixedIPs": ("address", "subnetID"),
    "additionalVips": ("address", "subnetID"),
    "certificates": ("secretName", "key", "notAfter"),
}
"""The lists of a status that are shown, and their columns."""
_RECORDS = frozenset({"appliedFields", "inputsHash", "observedGeneration", "conditions"})
"""What of a status is the operator's own, or is told of elsewhere."""


def _parts(stack: Stack, resource: KubeObject) -> Report:
    """What is under an object: the fields of its status, its lists, and of a load balancer the members of each pool."""
    there = resource.json_status
    known = _fields(resource.key.kind) - _RECORDS
    found: Report = {"fields": {}}
    for name, value in there.items():
        if name in known:
            found["fields"] |= _plain(name, value)
    lists = {name: _rows(there.get(name), columns) for name, columns in SHOWN.items()}
    found["lists"] = {name: rows for name, rows in lists.items() if rows}
    if resource.key.kind == "LoadBalancer":
        pools = [key for key in stack.dependents(resource.key) if key.kind == "Pool"]
        found["pools"] = [_pool(stack, key) for key in pools]
    return found


def _plain(name: str, value: object) -> Report:
    """A field without a table: a scalar, a list of scalars, or the scalars of a mapping, each by its own name."""
    if isinstance(value, str | int | float):
        return {name: value}
    if isinstance(value, list | tuple) and name not in SHOWN:
        return {name: [each for each in value if isinstance(each, str | int | float)]}
    if isinstance(value, Mapping):
        return {f"{name}.{inner}": each for inner, each in value.items() if isinstance(each, str | int | float)}
    return {}


def _pool(stack: Stack, key: Key) -> Report:
    resource = stack.object(key)
    members = resource.json_status.get("members") if resource else None
    return {**_item(stack, key), "members": _rows(members, SHOWN["members"])}


def _fields(kind: str) -> frozenset[str]:
    """The fields that the status of a kind has, by their names in JSON."""
    model = KINDS[kind].status
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _rows(value: object, columns: Sequence[str]) -> list[Report]:
    """A list of a status by columns; what is no mapping in it, which only a stranger writes, is left out."""
    if not isinstance(value, list | tuple):
        return []
    return [
        {name: each[name] for name in columns if isinstance(each.get(name), str | int | float)}
        for each in value
        if isinstance(each, Mapping)
    ]
