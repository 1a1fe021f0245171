"""The report of ``orphans`` on a terminal, drawn by rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infomaniak_operator.plugin.orphans.report import Report
from infomaniak_operator.plugin.terminal import plain

_TITLES = {
    "orphans": ("Orphans: of this cluster, and of no object of it", "bold red"),
    "unknown": ("Of no object of this cluster: an orphan, or another cluster's", "bold yellow"),
    "claimed": ("An object shows it as its own, under a mark that is not its", "bold yellow"),
    "released": ("Given up on purpose (deletionPolicy Retain, or managementPolicy Unmanaged)", "bold"),
}


def drawn(report: Report) -> RenderableType:
    """The report."""
    return Group(*_parts(report))


def _parts(report: Report) -> Iterator[RenderableType]:
    where = f"project {plain(report['project'])}, region {plain(report['region'])}"
    yield Text(f"Cluster {plain(report['cluster'])} in {where}", "dim")
    for name, (title, style) in _TITLES.items():
        if report[name]:
            yield Text()
            yield Text(title, style)
            yield _things(report[name])
    if report["unknown"]:
        yield Text(
            "  A mark tells of which cluster it is only to those who know the object's namespace and name: "
            "name them with --former NAMESPACE/NAME.",
            "dim",
        )
    if not report["orphans"] and not report["unknown"]:
        nowhere = (
            "there is no orphan where it could be looked"
            if report["notLooked"] or report["warnings"]
            else "there is no orphan"
        )
        yield Text(f"{nowhere[:1].upper()}{nowhere[1:]}.")
    if report["cost"]["lines"]:
        yield Text()
        yield Text("What the orphans cost", "bold")
        yield _cost(report["cost"])
    if look := [each["look"] for name in ("orphans", "unknown") for each in report[name]]:
        yield Text()
        yield Text("Look at them", "bold")
        yield from (Text(f"  {plain(each)}") for each in look)
        yield Text()
        yield Text(report["why"])
    for each in report["notLooked"]:
        yield Text()
        yield Text(
            f"Could not look at any {plain(each['type'])}; nothing is said of them: {plain(each['message'])}", "yellow"
        )
    for each in report["warnings"]:
        yield Text()
        yield Text(plain(each), "yellow")


def _things(items: Sequence[Report]) -> Table:
    table = _table("TYPE", "NAME", "ID", "SINCE", "WAS OF", "NOTES")
    for each in items:
        table.add_row(*(Text(plain(cell)) for cell in _cells(each)))
    return table


def _cells(item: Report) -> Sequence[str]:
    former = item["formerOwner"]
    whose = f"{former['kind']} {former['namespace']}/{former['name']}" if former["name"] else former["uid"]
    notes = [
        *(["young: look again in some minutes"] if item["young"] else []),
        *([] if item["marked"] else [f"no mark; inside {item['inside']['type']} {item['inside']['id']}"]),
        *(["an object of that name exists anew: see adopt-previous"] if former["existsAnew"] else []),
        *([f"named by {', '.join(item['namedBy'][:3])}"] if item["namedBy"] else []),
        *(["charged"] if item["costPerHour"] is not None else []),
    ]
    return item["type"], item["name"], item["id"], item["since"] or "not told", whose, "; ".join(notes)


def _cost(cost: Report) -> Table:
    table = _table("CHARGED", "COUNT", f"{cost['currency']} AN HOUR, EACH", f"{cost['currency']} A MONTH")
    for each in cost["lines"]:
        table.add_row(each["type"], str(each["count"]), f"{each['eachPerHour']:.5f}", f"{each['perMonth']:.2f}")
    table.add_row("together", "", "", f"{cost['perMonth']:.2f}", style="bold")
    table.caption = f"Infomaniak's prices as users told them in {cost['pricesAsOf']}; {cost['hoursPerMonth']} hours."
    table.caption_justify = "left"
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    for name in names:
        table.add_column(name, overflow="fold", header_style="dim")
    return table
