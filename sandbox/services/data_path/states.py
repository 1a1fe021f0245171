"""What the settler tells Octavia of its rows, with a data path. Knows nothing of Octavia, and so is tried by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping

States = dict[str, list[dict[str, str]]]
"""Rows by kind, as Octavia's driver library has them."""
_MEASURED = ("members", "pools", "listeners", "loadbalancers")
"""Kinds whose operating status is HAProxy's to say."""


def merged(*parts: States) -> States:
    """All rows of all."""
    found: States = {}
    for part in parts:
        for kind, rows in part.items():
            found.setdefault(kind, []).extend(rows)
    return found


def grouped(states: States, owners: Mapping[tuple[str, str], str]) -> tuple[dict[str, States], States]:
    """Rows by the load balancer that they belong to, and those that belong to none.

    Args:
        states: the rows.
        owners: load balancers, by kind and id.
    """
    mine: dict[str, States] = {}
    others: States = {}
    for kind, rows in states.items():
        for row in rows:
            owner = owners.get((kind, row["id"]))
            there = others if owner is None else mine.setdefault(owner, {})
            there.setdefault(kind, []).append(row)
    return mine, others


def settled(states: States, lost: Collection[str] = ()) -> States:
    """The rows of a load balancer whose HAProxy has taken what they say.

    Args:
        states: the rows.
        lost: listeners that are in ERROR, and stay so.
    """
    return {
        kind: [_without(row) if kind in _MEASURED else row for row in rows if kind != "listeners" or _kept(row, lost)]
        for kind, rows in states.items()
    }


def _kept(row: Mapping[str, str], lost: Collection[str]) -> bool:
    return row["id"] not in lost or row["provisioning_status"] == "DELETED"


def _without(row: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if name != "operating_status"}


def failed(states: States, load_balancer: str) -> States:
    """The same rows where HAProxy has not: all are in ERROR, and the load balancer is.

    Args:
        states: the rows.
        load_balancer: its id.
    """
    error = {"provisioning_status": "ERROR", "operating_status": "ERROR"}
    found = {kind: [{**row, **error} for row in rows] for kind, rows in states.items() if kind != "loadbalancers"}
    return {**found, "loadbalancers": [{"id": load_balancer, **error}]}
