"""What ``kubectl infomaniak doctor`` finds."""

from __future__ import annotations

import json
from typing import Any

from tests.support.objects import CANARY
from tests.support.plugin_server import ran


def checked(server: Any, capsys: Any, *words: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """The exit code, and by check the states with all that is said of it."""
    code = ran(server, "doctor", *words, "-o", "json")
    found = json.loads(capsys.readouterr().out)
    CANARY.absent("the report", json.dumps(found))
    told: dict[str, list[tuple[str, str]]] = {}
    for each in found["checks"]:
        told.setdefault(each["check"], []).append((each["state"], f"{each['message']} {each['action']}"))
    return code, told


def only(told: dict[str, list[tuple[str, str]]], check: str) -> tuple[str, str]:
    """State and words of a check that says one thing."""
    ((state, message),) = told[check]
    return state, message
