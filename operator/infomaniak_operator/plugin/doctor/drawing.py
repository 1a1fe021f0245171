"""The findings on a terminal, drawn by rich."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infomaniak_operator.plugin.terminal import plain

_SIGNS = {"Ok": ("✓", "green"), "Warning": ("!", "yellow"), "Wrong": ("✗", "red"), "NotChecked": ("?", "cyan")}


def drawn(report: Mapping[str, Any]) -> RenderableType:
    """The table of the checks, and what to do below it."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    actions: list[str] = []
    for each in report["checks"]:
        sign, style = _SIGNS[each["state"]]
        number = f" [{_numbered(actions, each['action'])}]" if each["action"] else ""
        table.add_row(Text(sign, style), Text(plain(each["check"]), "bold"), Text(f"{plain(each['message'])}{number}"))
    parts: list[RenderableType] = [table]
    if actions:
        parts += [Text(), Text("What to do", "bold")]
        parts += [Text(f"  {number}. {plain(action)}") for number, action in enumerate(actions, 1)]
    return Group(*parts)


def _numbered(actions: list[str], action: str) -> int:
    """The number of an action, which is named once however many checks ask for it."""
    if action not in actions:
        actions.append(action)
    return actions.index(action) + 1
