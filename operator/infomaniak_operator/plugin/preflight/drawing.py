"""What manifests need, on a terminal, drawn by rich."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infomaniak_operator.plugin.preflight.report import Report
from infomaniak_operator.plugin.terminal import plain

_VERDICTS = {
    "Ready": ("✓", "green", "can be applied."),
    "Waits": ("…", "yellow", "can be applied, and would wait for something, or could not be checked in full."),
    "CannotWork": ("✗", "red", "cannot work as they are."),
}
_TITLES = (("CannotWork", "Cannot work", "red"), ("Waits", "Would wait", "yellow"))
_MOST_KINDS = 10
"""So many of the kinds that are ignored are named."""


def drawn(found: Report, hint: str) -> RenderableType:
    """A report.

    Args:
        found: the report.
        hint: what is not checked unless it is asked for; empty where there is nothing.
    """
    parts: list[RenderableType] = [Text(_objects(found))]
    if found["quota"]:
        parts += [Text(), _quota(found["quota"])]
    for verdict, title, style in _TITLES:
        problems = [each for each in found["problems"] if each["verdict"] == verdict]
        if problems:
            parts += [Text(), Text(title, f"bold {style}"), *map(_problem, problems)]
    missed = [*found["notChecked"], *([hint] if hint and found["objects"] else [])]
    if missed:
        parts += [Text(), Text("Not checked", "bold"), *(Text(f"  {plain(each)}", "dim") for each in missed)]
    sign, style, words = _VERDICTS[found["verdict"]]
    last = Text.assemble((f"{sign} ", style), f"The manifests {words}") if found["objects"] else Text("Nothing to do.")
    return Group(*parts, Text(), last)


def _objects(found: Report) -> str:
    count = Counter(each["action"] for each in found["objects"])
    words = (("create", "new"), ("update", "in the cluster already"), ("unknown", "perhaps in the cluster already"))
    said = ", ".join(f"{count[action]} {word}" for action, word in words if count[action])
    total = len(found["objects"])
    text = f"{total} object{'' if total == 1 else 's'} of network.infomaniak.cloud{f': {said}' if said else ''}."
    if found["ignored"]:
        named = [f"{number} {plain(kind)}" for kind, number in found["ignored"].items()]
        more = f", and {len(named) - _MOST_KINDS} more kinds" if len(named) > _MOST_KINDS else ""
        text += f" Ignored: {', '.join(named[:_MOST_KINDS])}{more}."
    return text


def _quota(rows: Iterable[Report]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("QUOTA", "NEEDED", "USED", "LIMIT", ""):
        table.add_column(name, justify="right" if name in ("NEEDED", "USED", "LIMIT") else "left", header_style="dim")
    for each in rows:
        note = "no room" if each["passed"] else f"{each['ofDHCP']} of them for DHCP" if each["ofDHCP"] else ""
        limit = "none" if each["limit"] is None else str(each["limit"])
        style = "red" if each["passed"] else ""
        table.add_row(each["type"], str(each["needed"]), str(each["used"]), limit, note, style=style)
    return table


def _problem(found: Report) -> Text:
    name = f"{found['kind']}/{found['name']}: " if found["kind"] else ""
    where = f"  ({plain(found['file'])})" if found["file"] and found["file"] != "-" else ""
    return Text.assemble("  ", (plain(name), "bold"), plain(found["message"]), (where, "dim"))
