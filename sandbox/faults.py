"""Faults on demand, as the one who asks for them sees it; ``services.middleware`` carries them out."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox import files

_MATCHING = frozenset({"service", "method", "path", "count", "probability", "seed"})
_DOING = frozenset({"delay_before", "delay_after", "status", "status_after", "reset"})


class Faults:
    """The rules in force.

    Args:
        folder: the control folder of the services.
    """

    def __init__(self, folder: Path) -> None:
        self._rules = folder / "faults.json"
        self._hits = folder / "faults-hit.json"

    def set(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put rules in force, in place of those before; their counts begin anew.

        Raises:
            ValueError: a rule has an unknown key, does nothing, or its path is no regular expression.
        """
        for rule in rules:
            _check(rule)
        files.write(self._hits, "{}")
        files.write(self._rules, json.dumps([{**rule, "id": uuid.uuid4().hex} for rule in rules]))

    def clear(self) -> None:
        """Let no call fail any more."""
        self._rules.unlink(missing_ok=True)

    def hit(self) -> int:
        """How many calls were hit since the rules were set; a call that is being delayed counts."""
        try:
            hits = json.loads(self._hits.read_text() or "{}")
        except (FileNotFoundError, ValueError):
            return 0
        return sum(taken for _, taken in hits.values())


def _check(rule: Mapping[str, Any]) -> None:
    unknown = set(rule) - _MATCHING - _DOING
    if unknown:
        raise ValueError(f"unknown keys in a fault: {', '.join(sorted(unknown))}")
    if not _DOING & set(rule):
        raise ValueError(f"a fault does at least one of: {', '.join(sorted(_DOING))}")
    if rule.get("reset") not in (None, "before", "after"):
        raise ValueError("reset is `before` or `after`")
    try:
        re.compile(rule.get("path", ""))
    except re.error as error:
        raise ValueError(f"the path of a fault is no regular expression: {error}") from error
