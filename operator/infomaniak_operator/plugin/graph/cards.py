"""The cards of a picture: what single things look like. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from infomaniak_operator.plugin.graph.picture import (
    Box,
    Drawing,
    Item,
    Line,
    Sign,
    Text,
    plain,
    shelves,
    width_of,
    written,
)
from infomaniak_operator.plugin.graph.topology import Address, Balancer, Head, Health, Listener, Pool, Port, Row, Rows

GAP = 14
PAD = 10
ROW = 17
HEAD = 40
NARROW = 196
"""The width of a card that has nothing wide in it."""
_LISTENERS, _BETWEEN, _POOLS = 196, 44, 284
_WIDEST_LISTENERS = 320
_ARROW = 18
_MOST_SAID = 400


def card_style(name: str, head: Head) -> str:
    """The classes of a card: what it is, and how it stands."""
    return f"{name} {style_of(head.health)}"


def style_of(health: Health) -> str:
    """The class for how something stands."""
    return f"h-{health.name.lower()}"


def heading(head: Head, width: int, *, signed: bool = True) -> list[Item]:
    """The two lines at the top of a card: sign and name, and what it is."""
    notes = ", ".join(head.notes)
    below = f"{head.noun} · {notes}" if notes else head.noun
    left = PAD + (21 if signed else 0)
    style = f"noun i-{head.health.name.lower()}" if head.notes else "noun"
    return [
        *([Sign(PAD, 9, head.health, 15)] if signed else []),
        written(head.name, left, 21, width - PAD - left, style="name", size=13, bold=True),
        written(below, left, 35, width - PAD - left, style=style, size=10),
    ]


def title_of(head: Head) -> str:
    """What is said of a card in full."""
    said = f": {head.said}" if head.said else f": {head.health.value}"
    return plain(f"{head.noun} {head.name}{said}")[:_MOST_SAID]


def lines(rows: Rows, y: int, width: int) -> tuple[list[Item], int]:
    """Rows below each other, and where they end."""
    found: list[Item] = []
    for each in rows.shown:
        found += _line(each, y, width)
        y += ROW
    if rows.more:
        about = f" ({rows.about})" if rows.about else ""
        found.append(written(f"+ {rows.more} more{about}", PAD, y + 12, width - 2 * PAD, style="more"))
        y += ROW
    return found, y


def _line(row: Row, y: int, width: int) -> list[Item]:
    left = PAD + (17 if row.health is not None else 0)
    room = width - left - PAD
    detail = plain(row.detail)
    wanted = width_of(detail, 11)
    text_wide = width_of(plain(row.text), 11)
    # Both have what they want where there is room; else the text has up to the larger part.
    detail_room = min(wanted, max(room - text_wide - 10, room * 2 // 5)) if detail else 0
    text_room = room - detail_room - (10 if detail else 0)
    found: list[Item] = [Sign(PAD, y + 3, row.health, 11)] if row.health is not None else []
    if row.text:
        found.append(written(row.text, left, y + 12, text_room, style="text"))
    if detail:
        found.append(written(detail, width - PAD, y + 12, detail_room, style="muted", right=True))
    return found


def wanted_by(rows: Rows) -> int:
    """How wide a card would be in which no line is shortened."""
    return max((_wanted_by(each) for each in rows.shown), default=0)


def _wanted_by(row: Row) -> int:
    sign = 17 if row.health is not None else 0
    return 2 * PAD + sign + width_of(plain(row.text), 11) + 12 + width_of(plain(row.detail), 11)


def card(style: str, head: Head, rows: Rows, width: int = NARROW) -> Drawing:
    """A thing with its lines."""
    below, end = lines(rows, HEAD, width)
    height = end + (PAD - 4 if end > HEAD else 2)
    box = Box(0, 0, width, height, card_style(style, head), title=title_of(head))
    return Drawing(width, height, (box, *heading(head, width), *below), width // 2)


def address(found: Address, width: int = NARROW) -> Drawing:
    """A floating IP."""
    head = found.head
    shown = Head(f"FloatingIP {head.name}", found.address or "no address yet", head.health, head.notes, head.said)
    leads = ((Row(found.leads),) if found.leads else ()) + found.forwards.shown
    return card("address", shown, Rows(leads, found.forwards.more, found.forwards.about), width)


def with_addresses(below: Drawing, addresses: Sequence[Address]) -> Drawing:
    """A thing, and above it the floating IPs that lead to it."""
    if not addresses:
        return below
    width = max(below.width, NARROW)
    found = [address(each) for each in addresses]
    items: list[Item] = []
    y = 0
    for shelf in shelves([each.width for each in found], width, GAP):
        x = 0
        for place in shelf:
            items += found[place].at(x, y)
            x += found[place].width + GAP
        y += max(found[place].height for place in shelf) + 6
    y += -6 + _ARROW
    items.append(Line(((NARROW // 2, y - _ARROW), (NARROW // 2, y)), arrow=True))
    return Drawing(width, y + below.height, (*items, *below.at(0, y)), NARROW // 2)


def port(found: Port) -> Drawing:
    """A port."""
    return with_addresses(card("port", found.head, found.rows), found.addresses)


def balancer(found: Balancer) -> Drawing:
    """A load balancer: its listeners at the left, its pools at the right, and which leads to which."""
    column = min(max([_LISTENERS, *(wanted_by(each.policies) for each in found.listeners)]), _WIDEST_LISTENERS)
    listeners = [_listener(each, column) for each in found.listeners]
    pools = [_pool(each) for each in found.pools]
    wide = (column if listeners else 0) + (_POOLS if pools else 0) + (_BETWEEN if listeners and pools else 0)
    width = max(NARROW, wide + 2 * PAD)
    items, y = lines(found.rows, HEAD, width)
    y += 4
    ends: list[tuple[int, int]] = []
    left = right = y
    for drawing in listeners:
        items += drawing.at(PAD, left)
        ends.append((PAD + drawing.width, left + HEAD // 2))
        left += drawing.height + 8
    if found.more:
        items.append(written(found.more, PAD, left + 12, column, style="more"))
        left += ROW
    starts: list[tuple[int, int]] = []
    at = width - PAD - _POOLS
    for drawing in pools:
        items += drawing.at(at, right)
        starts.append((at, right + HEAD // 2))
        right += drawing.height + 8
    arrows: list[Item] = [
        Line((ends[one], starts[other]), curved=True, arrow=True)
        for one, each in enumerate(found.listeners)
        for other in each.pools
    ]
    end = max(left, right) + (2 if listeners or pools else 0)
    box = Box(0, 0, width, end, card_style("balancer", found.head), title=title_of(found.head))
    drawn = Drawing(width, end, (box, *heading(found.head, width), *arrows, *items), width // 2)
    return with_addresses(drawn, found.addresses)


def _listener(found: Listener, width: int) -> Drawing:
    head = Head(found.what or "listener", found.name, found.health)
    return card("part", head, found.policies, width)


def _pool(found: Pool) -> Drawing:
    head = found.head
    about = f"{head.noun} · {found.what}" if found.what else head.noun
    shown = Rows((*found.monitors, *found.members.shown), found.members.more, found.members.about)
    return card("part", Head(about, head.name, head.health, head.notes, head.said), shown, _POOLS)


def caption(value: str, y: int, width: int, style: str = "caption", size: int = 12) -> Text:
    """A line over a part of the picture."""
    return written(value, 0, y, width, style=style, size=size, bold=True)
