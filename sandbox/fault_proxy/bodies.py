"""What the proxy changes in answers: addresses, rows that are too young, errors in the form of each service."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

INJECTED = "injected by the fault proxy"


def readdressed(body: bytes, addresses: Mapping[str, str]) -> bytes:
    """A body in which every address of a server is that of its proxy: the catalogue, versions, links to next pages.

    Args:
        body: of an answer.
        addresses: of the servers, with the proxy's for each.
    """
    for server, proxy in addresses.items():
        body = body.replace(server.encode(), proxy.encode())
        # As some JSON writers put it.
        body = body.replace(server.replace("/", "\\/").encode(), proxy.replace("/", "\\/").encode())
    return body


def ids_in(body: bytes) -> frozenset[str]:
    """The ids of all that an answer to a create shows."""
    try:
        return frozenset(_ids(json.loads(body)))
    except ValueError:
        return frozenset()


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _ids(each)


def without(body: bytes, ids: Collection[str]) -> bytes:
    """A list's answer without the rows of these ids; what is no list stays as it is."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    if not isinstance(answer, dict):
        return body
    lists = {name: rows for name, rows in answer.items() if isinstance(rows, list) and not name.endswith("_links")}
    kept = {
        name: [row for row in rows if not (isinstance(row, dict) and row.get("id") in ids)]
        for name, rows in lists.items()
    }
    return body if kept == lists else json.dumps({**answer, **kept}).encode()


_REASONS = {401: "Unauthorized", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}


def kube_status(status: int) -> dict[str, Any]:
    """An error as the API server puts it."""
    reason = _REASONS.get(status, "InternalError")
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": INJECTED,
        "reason": reason,
        "code": status,
    }


def error(side: str, status: int) -> bytes:
    """An error in the form that a side gives its own."""
    bodies: dict[str, dict[str, Any]] = {
        "kube": kube_status(status),
        "keystone": {"error": {"code": status, "message": INJECTED, "title": "Injected"}},
        "neutron": {"NeutronError": {"type": "InjectedFault", "message": INJECTED, "detail": ""}},
        "octavia": {"faultcode": "Server", "faultstring": INJECTED, "debuginfo": None},
    }
    return json.dumps(bodies.get(side, {"message": INJECTED})).encode()


def watch_error(status: int) -> bytes:
    """The last event of a stream that fails."""
    return json.dumps({"type": "ERROR", "object": kube_status(status)}).encode() + b"\n"
