"""The same as a flowchart of Mermaid: ids of our own, and nothing of a stranger's text is syntax. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infomaniak_operator.plugin.graph.picture import plain
from infomaniak_operator.plugin.graph.topology import (
    Address,
    Balancer,
    Head,
    Health,
    Network,
    Outside,
    Pool,
    Router,
    Rows,
    Topology,
)
from infomaniak_operator.plugin.graph.topology import Port as NetworkPort

_SIGNS = {
    Health.READY: "✓",
    Health.UNHEALTHY: "!",
    Health.PROGRESSING: "…",
    Health.FAILED: "✗",
    Health.PAUSED: "‖",
    Health.UNKNOWN: "?",
}
_COLORS = {
    Health.READY: "stroke:#1a7f37",
    Health.UNHEALTHY: "stroke:#bc4c00,stroke-width:2px",
    Health.PROGRESSING: "stroke:#9a6700,stroke-width:2px",
    Health.FAILED: "stroke:#cf222e,stroke-width:3px",
    Health.PAUSED: "stroke:#8250df,stroke-width:2px,stroke-dasharray:5 4",
    Health.UNKNOWN: "stroke:#6e7781,stroke-dasharray:5 4",
}
_LONGEST = 60
"""So many characters of a text are shown."""
_PLAIN = frozenset(" .,:/_+-·→…✓✗‖!?")


def mermaid(found: Topology) -> str:
    """The flowchart."""
    return "\n".join(_Chart().drawn(found)) + "\n"


def quoted(text: str) -> str:
    """Text of others for a label: every character that could be syntax as Mermaid's code for it."""
    shown = plain(text)
    shown = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
    return "".join(each if each.isalnum() or each in _PLAIN else f"#{ord(each)};" for each in shown)


class _Chart:
    """Counts the ids."""

    def __init__(self) -> None:
        self._count = 0

    def drawn(self, found: Topology) -> Iterator[str]:
        yield "flowchart TB"
        for health in Health:
            yield f"  classDef {_class(health)} {_COLORS[health]}"
        for outside in found.outsides:
            yield from self._outside(outside)
        for router in found.routers:
            yield from self._router(router, None)
        for network in found.networks:
            yield from self._network(network, None)
        for other in found.others:
            yield self._node(self._id(), other)

    def _id(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _node(self, id_: str, head: Head, rows: Iterable[str] = (), shape: str = "[]") -> str:
        notes = f"{head.noun}, {', '.join(head.notes)}" if head.notes else head.noun
        lines = [f"{_SIGNS[head.health]} {quoted(head.name)}", quoted(notes), *map(quoted, rows)]
        opening, closing = shape[: len(shape) // 2], shape[len(shape) // 2 :]
        return f'  {id_}{opening}"{"<br/>".join(lines)}"{closing}:::{_class(head.health)}'

    def _outside(self, found: Outside) -> Iterator[str]:
        id_ = self._id()
        yield self._node(id_, found.head, _said(found.rows), "([])")
        for address in found.addresses:
            yield from self._address(address, id_, "---")
        for router in found.routers:
            yield from self._router(router, id_)
        if found.network is not None:
            yield from self._inside(found.network, id_)

    def _router(self, found: Router, above: str | None) -> Iterator[str]:
        id_ = self._id()
        yield self._node(id_, found.head, _said(found.rows), "{{}}")
        yield from _edge(above, id_)
        for network in found.networks:
            yield from self._network(network, id_)

    def _network(self, found: Network, above: str | None) -> Iterator[str]:
        id_ = self._id()
        yield self._node(id_, found.head, _said(found.rows))
        yield from _edge(above, id_)
        yield from self._inside(found, id_)

    def _inside(self, found: Network, above: str) -> Iterator[str]:
        for balancer in found.balancers:
            yield from self._balancer(balancer, above)
        for port in found.ports:
            yield from self._port(port, above)

    def _port(self, found: NetworkPort, above: str) -> Iterator[str]:
        id_ = self._id()
        yield self._node(id_, found.head, _said(found.rows))
        yield from _edge(above, id_)
        for address in found.addresses:
            yield from self._address(address, id_, "-->")

    def _address(self, found: Address, target: str, arrow: str) -> Iterator[str]:
        id_ = self._id()
        shown = Head(
            f"FloatingIP {found.head.name}", found.address or "no address yet", found.head.health, found.head.notes
        )
        yield self._node(id_, shown, [*([found.leads] if found.leads else []), *_said(found.forwards)], "([])")
        yield f"  {id_} {arrow} {target}" if arrow == "-->" else f"  {target} {arrow} {id_}"

    def _balancer(self, found: Balancer, above: str) -> Iterator[str]:
        id_ = self._id()
        yield self._node(id_, found.head, [*_said(found.rows), *([found.more] if found.more else [])])
        yield from _edge(above, id_)
        for address in found.addresses:
            yield from self._address(address, id_, "-->")
        pools = [self._id() for _ in found.pools]
        led = set()
        for listener in found.listeners:
            one = self._id()
            yield self._node(
                one, Head(listener.what or "listener", listener.name, listener.health), _said(listener.policies)
            )
            yield f"  {id_} --> {one}"
            for place in listener.pools:
                led.add(place)
                yield f"  {one} --> {pools[place]}"
        for place, pool in enumerate(found.pools):
            yield self._pool(pool, pools[place])
            if place not in led:
                yield f"  {id_} -.- {pools[place]}"

    def _pool(self, found: Pool, id_: str) -> str:
        monitors = [f"{each.text} {each.detail}" for each in found.monitors]
        head = Head(f"{found.head.noun} {found.what}".strip(), found.head.name, found.head.health, found.head.notes)
        return self._node(id_, head, [*monitors, *_said(found.members)])


def _edge(above: str | None, id_: str) -> Iterator[str]:
    if above is not None:
        yield f"  {above} --- {id_}"


def _said(rows: Rows) -> list[str]:
    found = [f"{_sign(each.health)}{each.text} {each.detail}".strip() for each in rows.shown]
    about = f" ({rows.about})" if rows.about else ""
    return [*found, *([f"+ {rows.more} more{about}"] if rows.more else [])]


def _sign(health: Health | None) -> str:
    return "" if health is None else f"{_SIGNS[health]} "


def _class(health: Health) -> str:
    return health.name.lower()
