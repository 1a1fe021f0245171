"""Statuses that a user, another version or a broken hand may have written: such as the CRD's schema takes."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.fuzz_schema import Schema, status_of
from tests.support.fuzz_values import TEXTS, text

CONDITIONS = (
    "Ready",
    "Reconciling",
    "Stalled",
    "Synced",
    "CredentialsValid",
    "ReferencesResolved",
    "Healthy",
    "Future",
)
_REASONS = (
    "Available",
    "Creating",
    "Updating",
    "WaitingForReference",
    "Conflict",
    "Paused",
    "DryRun",
    "ExternallyDeleted",
    "Newer",
)
_PLACES = (
    "name", "description", "mtu", "subnets", "subnets[v4]", "subnets[v4].gateway", "subnets[]", "subnets[[]", "subnets[\ud7ff].x", "]", "[",
    "rules", "interfaces", "routes", "externalGateway", "externalGateway.enableSNAT", "members", "listeners[http]", "listeners[http].tls",
    "listeners[http].redirectToHTTPS", "sessionPersistence", "portID", "loadBalancerRef", "adopting", "spec", "", ".", "x.y.z", "tags",
)  # fmt: skip
_EVIL_IDS = (
    "",
    "..",
    "../networks",
    "../../v2.0/networks/x",
    "a/b",
    "%2e%2e%2f",
    "?force=true",
    "#",
    "*",
    " ",
    "x" * 64,
    "null",
    "é",
    "a\nb",
    ".",
)


class Statuses:
    """Makes statuses.

    Args:
        rng: where all comes from.
        ids: ids of things in the cloud, whosever they are.
        marked: of these the ones that may stand in ``status.id``: one without a mark there counts as the object's own, as
            docs/safety.md says.
    """

    def __init__(self, rng: random.Random, ids: Sequence[str], marked: Sequence[str]) -> None:
        self._rng = rng
        self._ids = tuple(ids)
        self._marked = tuple(marked)

    def forged(self, kind: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """A status like this one, with lies in it."""
        rng = self._rng
        schema = status_of(kind)
        made: dict[str, Any] = copy.deepcopy(dict(status))
        parts = schema["properties"]
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            name = rng.choice(sorted(parts))
            if rng.random() < 0.2:
                made.pop(name, None)
            else:
                made[name] = self._id(self._marked) if name == "id" else self._value(parts[name], name)
        if rng.random() < 0.15:
            made = {"observedGeneration": rng.choice((-1, 0, 1, 2**31))}
        return made

    def _value(self, schema: Schema, name: str) -> Any:
        rng = self._rng
        if name == "conditions":
            return self._conditions()
        if name == "appliedFields":
            count = rng.choice((0, 1, 3, schema.get("maxItems", 100)))
            return [rng.choice(_PLACES) if number < 40 else f"subnets[s{number}].gateway" for number in range(count)]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        match schema["type"]:
            case "boolean":
                return rng.random() < 0.5
            case "integer":
                low = schema.get("minimum", -(2**31))
                return rng.choice((max(low, 0), max(low, 1), max(low, -1), 2**31, 2**53, max(low, -(2**53))))
            case "array":
                count = rng.choice((0, 1, 2, min(40, schema.get("maxItems", 40))))
                return [self._value(schema["items"], name) for _ in range(count)]
            case "object":
                return {
                    part: self._value(each, part)
                    for part, each in schema.get("properties", {}).items()
                    if part in schema.get("required", ()) or rng.random() < 0.7
                }
        if schema.get("format") == "date-time":
            return rng.choice(("2026-11-25T10:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"))
        return self._text(schema, name)

    def _text(self, schema: Schema, name: str) -> str:
        rng = self._rng
        longest = schema.get("maxLength", 1024)
        if name.lower().endswith("id") or name == "id" or name.endswith("IDs"):
            return self._id(self._ids)[:longest]
        found = rng.choice(
            (text(rng), rng.choice(TEXTS), rng.choice(self._ids), "v4", "http", "10.1.0.9", "x" * longest)
        )
        return found.encode(errors="replace").decode()[:longest]

    def _id(self, ids: Sequence[str]) -> str:
        return self._rng.choice(ids if self._rng.random() < 0.7 else _EVIL_IDS)

    def _conditions(self) -> list[dict[str, Any]]:
        rng = self._rng
        return [
            {
                "type": kind,
                "status": rng.choice(("True", "False", "Unknown")),
                "reason": rng.choice((*_REASONS, text(rng).encode(errors="replace").decode() or "x"))[:1024],
                "message": rng.choice(("", "m" * 32768, text(rng).encode(errors="replace").decode())),
                "lastTransitionTime": rng.choice(
                    ("2026-11-25T09:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")
                ),
                **({"observedGeneration": rng.choice((0, 1, 2**31))} if rng.random() < 0.8 else {}),
            }
            for kind in rng.sample(CONDITIONS, rng.randrange(len(CONDITIONS)))
        ]
