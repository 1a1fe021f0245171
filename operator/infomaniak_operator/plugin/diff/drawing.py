"""The differences on a terminal, drawn by rich."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from infomaniak_operator.plugin.diff.report import Report, Verdict
from infomaniak_operator.plugin.terminal import plain

_SIGNS = {"Nothing": ("=", "green"), "Changes": ("~", "yellow"), "NeedsYou": ("✗", "red"), "Unknown": ("?", "red")}
_ACTIONS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red"), "release": ("~", "yellow")}
_LONGEST = 160
"""Characters of a value; JSON and YAML have all of it."""
_HOLDS = {
    "paused": "Nothing happens until it is resumed: kubectl infomaniak resume {object}",
    "dry run": "Nothing happens until the annotation network.infomaniak.cloud/dry-run is taken off.",
}


def drawn(found: Report, where: str, *, named: bool) -> RenderableType:
    """A report.

    Args:
        found: the report.
        where: where was looked, in words.
        named: whether objects are named with their namespace.
    """
    if not found["items"]:
        return Text(f"There is no object of network.infomaniak.cloud {where}.")
    parts: list[RenderableType] = []
    for each in found["items"]:
        parts += _item(each, named=named)
    return Group(*parts, Text(), Text(_summary(found["items"]), "bold"))


def _item(item: Report, *, named: bool) -> Iterable[RenderableType]:
    sign, style = _SIGNS[item["verdict"]]
    place = f"{item['kind']} {item['namespace']}/{item['name']}" if named else f"{item['kind']}/{item['name']}"
    head = Text.assemble((f"{sign} ", style), (plain(place), "bold"))
    if item["reason"] not in ("", "DryRun"):
        head.append(f"  {plain(item['reason'])}", style)
    for note in item["notes"]:
        head.append(f"  [{note}]", "magenta")
    yield head
    if item["message"] and not item["changes"]:
        yield Text(f"    {plain(item['message'])}")
    for each in item["changes"]:
        mark, color = _ACTIONS[each["action"]]
        yield Text.assemble((f"    {mark} ", color), f"{each['action']} {plain(each['what'])}")
        yield from _fields(each["fields"], creates=each["action"] == "create")
    if item["changes"] or not item["message"]:
        yield from (Text(f"    But: {plain(each)}", "red") for each in item["blockedBy"])
    yield from _fields(item["unchangeable"], creates=False)
    for each in item["remarks"]:
        yield Text(f"    ! {plain(each)}", "yellow")
    for note in item["notes"]:
        if note in _HOLDS and item["changes"]:
            short = plain("/".join((item["kind"], item["name"])))
            yield Text(f"    {_HOLDS[note].format(object=short)}", "magenta")


def _fields(fields: Iterable[Report], *, creates: bool) -> Iterable[RenderableType]:
    for each in fields:
        name = plain(each["field"])
        if creates:
            yield Text(f"        {name}: {_shown(each['spec'])}", "dim")
        else:
            yield Text.assemble(
                f"        {name}: ", (_shown(each["cloud"]), "red"), " → ", (_shown(each["spec"]), "green")
            )


def _shown(value: object) -> str:
    """A value in one line."""
    if value in (None, "", [], {}):
        return "none"
    text = plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _summary(items: Iterable[Report]) -> str:
    count = Counter(each["verdict"] for each in items)
    said = (
        (Verdict.NOTHING, "as the spec says"),
        (Verdict.CHANGES, "to be changed by the operator"),
        (Verdict.NEEDS_YOU, "in need of you"),
        (Verdict.UNKNOWN, "of which it cannot be told"),
    )
    return ", ".join(f"{count[str(each)]} {words}" for each, words in said if count[str(each)]) + "."
