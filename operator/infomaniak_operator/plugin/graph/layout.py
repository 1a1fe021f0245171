"""The whole picture: what hangs below what, on shelves that are no wider than a page. Pure, and the same every time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from infomaniak_operator.plugin.graph.cards import (
    GAP,
    HEAD,
    NARROW,
    PAD,
    address,
    balancer,
    caption,
    card,
    card_style,
    heading,
    lines,
    port,
    title_of,
    wanted_by,
)
from infomaniak_operator.plugin.graph.picture import Box, Drawing, Item, Line, Sign, shelves, width_of, written
from infomaniak_operator.plugin.graph.topology import Health, Network, Outside, Router, Rows, Topology

WIDEST = 1180
"""No part of the picture is wider, unless a single card is."""
MARGIN = 20
_DROP = 34
"""The room between what is above and what hangs below it."""
_RAIL = 18
_WIDE_NETWORK, _WIDEST_ROWS = 300, 460
_ROUTER = 236
_COLUMN = 400
"""What is as wide stands in columns, not on shelves."""
_SHAPES = (1.6, 2.6, 4.5, 9.0, 30.0)


def picture(found: Topology) -> Drawing:
    """The whole picture, without its margin."""
    parts = [_outside(each) for each in found.outsides]
    routers = [_router(each, WIDEST) for each in found.routers]
    others = [card("other", each, Rows()) for each in found.others]
    if routers:
        parts.append(_section("Without a way out", routers))
    if found.networks:
        parts.append(
            _lowest(
                lambda shape: _section("Without a router", [_network(each, WIDEST, shape) for each in found.networks])
            )
        )
    if others:
        parts.append(_section(_called(found), others))
    if not parts:
        parts = [Drawing(NARROW * 2, 20, (caption("There is nothing to draw.", 14, NARROW * 2),))]
    width = max(_legend_width(), *(each.width for each in parts))
    head = _head(found, width)
    items: list[Item] = list(head.items)
    y = head.height
    for each in parts:
        items += each.at((width - each.width) // 2 if each.anchor else 0, y)
        y += each.height + 2 * GAP
    items += _legend().at(0, y)
    return Drawing(width, y + _legend().height, tuple(items))


def _called(found: Topology) -> str:
    groups = all(each.noun == "SecurityGroup" for each in found.others)
    return "Security groups" if groups else "Security groups, and what has no place above"


def _head(found: Topology, width: int) -> Drawing:
    counts = ", ".join(f"{count} {health.value}" for health in Health if (count := found.objects.get(health)))
    total = sum(found.objects.values())
    said = f"{total} object{'' if total == 1 else 's'}" + (f": {counts}" if counts else "")
    return Drawing(
        width,
        52,
        (
            caption(f"Network {found.where}", 16, width, "title", 16),
            written(said, 0, 35, width, style="muted", size=12),
        ),
    )


def _legend() -> Drawing:
    items: list[Item] = []
    x = 0
    for health in Health:
        items.append(Sign(x, 2, health, 13))
        items.append(written(health.value, x + 18, 13, 100, style="muted"))
        x += 18 + width_of(health.value, 11) + 16
    return Drawing(x, 20, tuple(items))


def _legend_width() -> int:
    return _legend().width


def _section(title: str, drawings: Sequence[Drawing]) -> Drawing:
    """What hangs below nothing, under a line that says so."""
    body = _shelved(drawings, WIDEST)
    width = max(body.width, width_of(title, 12, bold=True))
    return Drawing(width, body.height + 24, (caption(title, 12, width), *body.at(0, 24)))


def _shelved(drawings: Sequence[Drawing], most: int) -> Drawing:
    """Some things, side by side where there is room."""
    items: list[Item] = []
    width = y = 0
    for shelf in shelves([each.width for each in drawings], most, GAP):
        x = 0
        for place in shelf:
            items += drawings[place].at(x, y)
            x += drawings[place].width + GAP
        width = max(width, x - GAP)
        y += max(drawings[place].height for place in shelf) + GAP
    return Drawing(width, max(0, y - GAP), tuple(items))


def _hung(head: Callable[[int], Drawing], children: Sequence[Drawing], most: int) -> Drawing:
    """What is above, and what hangs below it by lines.

    Args:
        head: what is above, in the width of what hangs below it.
        children: these.
        most: so wide it may be.
    """
    if not children:
        return head(0)
    rows = shelves([each.width for each in children], most - _RAIL, GAP * 2)
    inset = _RAIL if len(rows) > 1 else 0
    spans = [sum(children[place].width for place in row) + GAP * 2 * (len(row) - 1) for row in rows]
    top = head(max(spans) + inset)
    width = max(top.width, max(spans) + inset)
    shift = (width - inset - spans[0]) // 2 + inset if len(rows) == 1 else inset
    middle = shift + spans[0] // 2
    if len(rows[0]) == 1:
        middle = shift + children[rows[0][0]].anchor
    left = max(0, min(middle - top.width // 2, width - top.width))
    trunk = left + top.width // 2
    items: list[Item] = []
    y = top.height + _DROP
    for number, row in enumerate(rows):
        bus = y - _DROP // 2
        x = shift if number == 0 else inset
        ends = []
        for place in row:
            items += children[place].at(x, y)
            ends.append(x + children[place].anchor)
            x += children[place].width + GAP * 2
        start = (trunk, top.height) if number == 0 else (_RAIL // 2, top.height + _DROP // 2)
        items += [_joined(start, bus, end, y) for end in ends]
        if number == 0 and len(rows) > 1:
            items.append(_joined((trunk, top.height), bus, _RAIL // 2, bus))
        y += max(children[place].height for place in row) + _DROP
    return Drawing(width, y - _DROP, (*top.at(left, 0), *items), trunk)


def _joined(start: tuple[int, int], bus: int, x: int, y: int) -> Line:
    """From above, along a line that others share, and down."""
    corners = [start, (start[0], bus), (x, bus), (x, y)]
    return Line(tuple(point for place, point in enumerate(corners) if place == 0 or point != corners[place - 1]))


def _outside(found: Outside) -> Drawing:
    children = [_router(each, WIDEST - _RAIL) for each in found.routers]
    if found.network is not None:
        inside = found.network
        children.append(_lowest(lambda shape: _network(inside, WIDEST - _RAIL, shape)))
    return _hung(lambda width: _band(found, width), children, WIDEST)


def _band(found: Outside, width: int) -> Drawing:
    """An external network, as wide as what hangs below it, with the addresses that lead nowhere."""
    addresses = [address(each) for each in found.addresses]
    wanted = min(WIDEST, sum(each.width + GAP for each in addresses) - GAP + 2 * PAD) if addresses else 0
    width = max(width, wanted, _WIDE_NETWORK)
    items, y = lines(found.rows, HEAD, width)
    if addresses:
        shelf = _shelved(addresses, width - 2 * PAD)
        items += shelf.at(PAD, y + 4)
        y += 4 + shelf.height + 4
    own = bool(found.rows.shown)  # else it is the cloud's, and nothing here says how it is
    style = card_style("outside", found.head) if own else "outside"
    box = Box(0, 0, width, y + 6, style, title=title_of(found.head) if own else "")
    return Drawing(width, y + 6, (box, *heading(found.head, width, signed=own), *items), width // 2)


def _router(found: Router, most: int) -> Drawing:
    def hung(shape: float) -> Drawing:
        networks = [_network(each, most - _RAIL, shape) for each in found.networks]
        return _hung(lambda _: card("router", found.head, found.rows, _ROUTER), networks, most)

    return _lowest(hung)


def _lowest(drawn: Callable[[float], Drawing]) -> Drawing:
    """Of several shapes of networks those that need the least height."""
    return min((drawn(shape) for shape in _SHAPES), key=lambda each: (each.height, each.width))


def _network(found: Network, most: int, shape: float) -> Drawing:
    """A network with what is in it.

    Args:
        found: the network.
        most: so wide it may be.
        shape: how much wider than high it is to be.
    """
    ports = sorted(found.ports, key=lambda each: not each.addresses)  # those of one height side by side
    inside = [*(balancer(each) for each in found.balancers), *(port(each) for each in ports)]
    wide = [each for each in inside if each.width >= _COLUMN]
    narrow = [each for each in inside if each.width < _COLUMN]
    area = sum((each.width + GAP) * (each.height + GAP) for each in inside)
    room = max([int(math.sqrt(area * shape)), *(each.width for each in inside)]) if inside else 0
    room = min(most - 2 * PAD, room)
    body = _below([each for each in (_columns(wide, room), _shelved(narrow, room)) if each.height])
    width = max(_WIDE_NETWORK, min(wanted_by(found.rows), _WIDEST_ROWS), body.width + 2 * PAD)
    items, y = lines(found.rows, HEAD, width)
    if inside:
        items += body.at(PAD, y + 8)
        y += 8 + body.height + 4
    box = Box(0, 0, width, y + 6, card_style("network", found.head), title=title_of(found.head))
    return Drawing(width, y + 6, (box, *heading(found.head, width), *items), width // 2)


def _columns(drawings: Sequence[Drawing], most: int) -> Drawing:
    """Things of about one width in columns, each in the one that is the shortest by then."""
    if not drawings:
        return Drawing(0, 0)
    width = max(each.width for each in drawings)
    count = min(len(drawings), max(1, (most + GAP) // (width + GAP)))
    ends = [0] * count
    items: list[Item] = []
    for each in drawings:
        column = ends.index(min(ends))
        items += each.at(column * (width + GAP), ends[column])
        ends[column] += each.height + GAP
    return Drawing(count * (width + GAP) - GAP, max(ends) - GAP, tuple(items))


def _below(drawings: Sequence[Drawing]) -> Drawing:
    """Things below each other."""
    items: list[Item] = []
    y = 0
    for each in drawings:
        items += each.at(0, y)
        y += each.height + GAP
    return Drawing(max((each.width for each in drawings), default=0), max(0, y - GAP), tuple(items))
