"""The reports on a terminal, drawn by rich."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from infomaniak_operator.controller.interfaces import READY, Key
from infomaniak_operator.plugin.age import age
from infomaniak_operator.plugin.report import Report, key_of, short
from infomaniak_operator.plugin.stack import Stack, State

_STYLES = {"Ready": "green", "Progressing": "yellow", "Failed": "red"}
_SIGNS = {"Ready": "✓", "Progressing": "…", "Failed": "✗"}
_HEALTH = {"ONLINE": "green", "ERROR": "red", "DEGRADED": "yellow", "DRAINING": "yellow", "OFFLINE": "red"}

_WIDE = 2000
"""Columns of a file or a pipe: nothing is wrapped there, so that it can be searched."""
_MOST_NAMED = 10
"""So many objects are named of those that wait for one, or say the same; JSON and YAML name all."""
_AS_READY = "(as Ready)"
_Name = Callable[[Key], str]
"""How objects are named: with their namespace where there are several."""


def console(*, color: bool | None, width: int | None = None) -> Console:
    """Where the commands write.

    Args:
        color: whether to use colors; None: where the output is a terminal.
        width: in columns; None: the terminal's.
    """
    wide = width or (None if sys.stdout.isatty() else _WIDE)
    return Console(
        file=sys.stdout, no_color=color is False, force_terminal=color, width=wide, highlight=False, soft_wrap=True
    )


def plain(value: object) -> str:
    """Text of others as one line that moves no cursor."""
    return "".join(each if each.isprintable() else " " for each in str(value))


def tree(stack: Stack, report: Report, where: str = "here") -> RenderableType:
    """The tree of the objects that a report tells of, and the causes below it.

    Args:
        stack: all that was read.
        report: what is told of it.
        where: where was looked, in words.
    """
    told = {Key(each["kind"], each["namespace"], each["name"]) for each in report["items"]}
    drawn: set[Key] = set()
    if not told:
        return Text(f"There is no object of network.infomaniak.cloud {where}.")
    leading = stack.above(told)
    roots = [each for each in stack.roots() if each in leading]
    name = str if len({each.namespace for each in told}) > 1 else short
    return Group(*(_branch(stack, root, told, drawn, name) for root in roots), *_blocked(report, name))


def _branch(stack: Stack, root: Key, told: set[Key], drawn: set[Key], name: _Name) -> Tree:
    """From one object down to what depends on it; what was drawn before is named again, and not followed."""
    top = Tree(_label(stack, root, name, again=False))
    drawn.add(root)
    pending: list[tuple[Tree, Key]] = [(top, root)]
    while pending:
        branch, key = pending.pop()
        for each in stack.below(key):
            again = each in drawn
            if each not in told or (again and each in stack.references(key)):  # a circle: it is above already
                continue
            below = branch.add(_label(stack, each, name, again=again))
            if not again:
                drawn.add(each)
                pending.append((below, each))
    return top


def _label(stack: Stack, key: Key, name: _Name, *, again: bool) -> Text:
    found = stack.standing(key)
    state = str(found.state)
    text = Text.assemble((f"{_SIGNS[state]} ", _STYLES[state]), (plain(name(key)), "bold" if not again else "dim"))
    if again:
        return text.append("  (see above)", "dim")
    if found.state is not State.READY:
        text.append(f"  {plain(found.reason)}", _STYLES[state])
    for note in found.notes:
        text.append(f"  [{note}]", "magenta")
    return text


def _blocked(report: Report, name: _Name = short) -> list[RenderableType]:
    """The causes; those that say the same are told of together."""
    told: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for cause in report["blockedBy"]:
        told.setdefault((cause["state"], cause["reason"], cause["message"]), []).append(cause)
    parts: list[RenderableType] = []
    for (state, reason, message), causes in told.items():
        blamed = _named([Key(each["kind"], each["namespace"], each["name"]) for each in causes], name)
        parts += [
            Text(),
            Text.assemble(("Blocked by: ", "bold"), (blamed, f"bold {_STYLES[state]}"), f"  {plain(reason)}"),
            Text(f"  {plain(message)}"),
        ]
        held = dict.fromkeys(key_of(one, each["namespace"]) for each in causes for one in each["holdsUp"])
        if held:
            parts.append(Text(f"  Waiting for it: {_named(list(held), name)}", "dim"))
    return parts


def _named(keys: Sequence[Key], name: _Name) -> str:
    more = len(keys) - _MOST_NAMED
    return plain(", ".join(map(name, keys[:_MOST_NAMED]))) + (f", and {more} more" if more > 0 else "")


def status(report: Report, now: datetime) -> RenderableType:
    """One object in full.

    Args:
        report: what is told of it.
        now: the time by which ages are told.
    """
    state = report["state"]
    head = Text.assemble((f"{_SIGNS[state]} ", _STYLES[state]), (plain(f"{report['kind']}/{report['name']}"), "bold"))
    head.append(f"  {state if state == str(State.READY) else plain(report['reason'])}", _STYLES[state])
    for note in report["notes"]:
        head.append(f"  [{note}]", "magenta")
    parts: list[RenderableType] = [head]
    if report.get("fields"):
        parts.append(_table((), ([name, _joined(value)] for name, value in report["fields"].items())))
    conditions = sorted(report.get("conditions") or (), key=lambda each: str(each["type"]) != READY)
    said = next((str(each["message"]) for each in conditions if each["type"] == READY), "")
    shown = _told_once(conditions, said, but=READY)
    parts += _titled("Conditions", shown, ("type", "status", "reason", "message"))
    for name, rows in (report.get("lists") or {}).items():
        parts += _titled(name[:1].upper() + name[1:], rows)
    for pool in report.get("pools") or ():
        parts += _titled(f"Pool {pool['name']}", pool["members"] or [{"members": "none"}])
    events = [{**each, "last": age(each["last"], now)} for each in report.get("events") or ()]
    parts += _titled("Events", _told_once(events, said), ("last", "type", "reason", "message", "count"))
    if report.get("eventsError"):
        parts += [Text(), Text("Events", "bold"), Text(f"  {plain(report['eventsError'])}", "yellow")]
    blamed = [each for each in report["blockedBy"] if not (_is(each, report) and each["message"] == said)]
    return Group(*parts, *_blocked({**report, "blockedBy": blamed}))


def _is(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("kind", "namespace", "name"))


def _told_once(rows: Iterable[Mapping[str, Any]], message: str, but: str = "") -> list[Mapping[str, Any]]:
    """Rows in which the message of ``Ready`` is not told again, but in the row of that type."""
    return [
        {**each, "message": _AS_READY} if message and each["message"] == message and each["type"] != but else each
        for each in rows
    ]


def _joined(value: object) -> str:
    if not isinstance(value, list):
        return str(value)
    more = f", and {len(value) - _MOST_NAMED} more" if len(value) > _MOST_NAMED else ""
    return (", ".join(map(str, value[:_MOST_NAMED])) or "none") + more


def _titled(title: str, rows: Sequence[Mapping[str, Any]] | None, columns: Sequence[str] = ()) -> list[RenderableType]:
    if not rows:
        return []
    names = columns or tuple(dict.fromkeys(name for row in rows for name in row))
    return [Text(), Text(plain(title), "bold"), _table(names, ([row.get(name, "") for name in names] for row in rows))]


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=bool(names), padding=(0, 2, 0, 2))
    for name in names:
        table.add_column(name.upper(), overflow="fold", style="", header_style="dim")
    for row in rows:
        table.add_row(*(Text(plain(each), _HEALTH.get(str(each), "")) for each in row))
    return table
