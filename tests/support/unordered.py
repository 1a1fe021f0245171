"""Rows of the cloud that can be compared: what the services put in no order is in one here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ORDERED = frozenset({"dns_nameservers"})
"""The lists whose order means something."""


def unordered(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with each list in it sorted, at any depth.

    The services promise no order of subnets, rules, tags and what else a row has: the same question is answered in another order
    once PostgreSQL has moved a row, or has another plan.

    Args:
        row: as the cloud shows it; it stays as it is.
    """
    return {key: value if key in _ORDERED else _sorted(value) for key, value in row.items()}


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return unordered(value)
    if isinstance(value, list):
        return sorted((_sorted(each) for each in value), key=repr)
    return value
