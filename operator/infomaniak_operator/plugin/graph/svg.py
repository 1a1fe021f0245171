"""A picture as SVG: one file that needs nothing else, for light and dark. Pure."""

from __future__ import annotations

from infomaniak_operator.plugin.graph.picture import Box, Drawing, Item, Line, Sign, Text
from infomaniak_operator.plugin.graph.topology import Health

_MARGIN = 20
_MOST_TITLE = 400

_LIGHT = {
    "page": ("#ffffff", ""),
    "outside": ("#e3f2fd", "#64b0ee"),
    "router": ("#ffffff", "#8c959f"),
    "network": ("#f6f8fa", "#c3ccd5"),
    "address": ("#e5f7f3", "#74c2b3"),
    "balancer": ("#ffffff", "#b3bdc7"),
    "port": ("#ffffff", "#b3bdc7"),
    "part": ("#f6f8fa", "#d5dce3"),
    "other": ("#ffffff", "#d1d9e0"),
}
_DARK = {
    "page": ("#0d1117", ""),
    "outside": ("#0b2a45", "#2f6ea5"),
    "router": ("#171e27", "#6a737d"),
    "network": ("#121820", "#39424d"),
    "address": ("#0c2c28", "#2f8174"),
    "balancer": ("#1a212b", "#48525e"),
    "port": ("#1a212b", "#48525e"),
    "part": ("#121820", "#343d48"),
    "other": ("#171e27", "#39424d"),
}
_LIGHT_INK = {"name": "#1f2328", "text": "#1f2328", "title": "#1f2328", "caption": "#4a535c"}
_LIGHT_INK |= {"noun": "#57606a", "muted": "#57606a", "more": "#57606a"}
_DARK_INK = {"name": "#e6edf3", "text": "#d8e0e8", "title": "#e6edf3", "caption": "#b6c0ca"}
_DARK_INK |= {"noun": "#9aa5b1", "muted": "#9aa5b1", "more": "#9aa5b1"}
_LIGHT_LINE, _DARK_LINE = "#8c959f", "#6b7580"
_LIGHT_HEALTH = {
    Health.READY: "#176f31",
    Health.UNHEALTHY: "#ac4500",
    Health.PROGRESSING: "#855900",
    Health.FAILED: "#c11f2b",
    Health.PAUSED: "#7541d6",
    Health.UNKNOWN: "#59636e",
}
_DARK_HEALTH = {
    Health.READY: "#3fb950",
    Health.UNHEALTHY: "#f0883e",
    Health.PROGRESSING: "#e3b341",
    Health.FAILED: "#ff6a61",
    Health.PAUSED: "#b083f0",
    Health.UNKNOWN: "#8b949e",
}
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_SHAPES = {
    Health.READY: "M4.6 8.3l2.3 2.3 4.6-5",
    Health.UNHEALTHY: "M8 4v5M8 11.4v.4",
    Health.PROGRESSING: "M4.5 8h.2M7.9 8h.2M11.3 8h.2",
    Health.FAILED: "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2",
    Health.PAUSED: "M6.2 5v6M9.8 5v6",
    Health.UNKNOWN: "M5.9 6.2c.2-2.6 4.4-2.3 4.1.1-.2 1.3-2 1.4-2 2.9M8 11.6v.3",
}
"""What is drawn in a disc of 16 pixels."""


def svg(drawing: Drawing, title: str, description: str) -> str:
    """The file.

    Args:
        drawing: what is drawn.
        title: what the picture is.
        description: what it shows, for those who do not see it.
    """
    width, height = drawing.width + 2 * _MARGIN, drawing.height + 2 * _MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" aria-labelledby="graph-title graph-desc">'
    )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        head,
        f'<title id="graph-title">{escaped(title)}</title>',
        f'<desc id="graph-desc">{escaped(description)}</desc>',
        f"<style>{_styles()}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        *filter(None, (_shape(each) for each in drawing.at(_MARGIN, _MARGIN))),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def escaped(value: str) -> str:
    """Text of others as text of XML: nothing in it is markup, and no character is one that XML forbids."""
    valid = "".join(each if _is_valid(each) else "\ufffd" for each in value)
    return valid.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _is_valid(character: str) -> bool:
    """Whether XML 1.0 knows a character: no control, no half of a pair, none of the last two of the first plane."""
    return (
        character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character > "\uffff"
    )


def _shape(item: Item) -> str:
    if isinstance(item, Box):
        place = f'x="{item.x}" y="{item.y}" width="{item.width}" height="{item.height}" rx="{item.radius}"'
        title = f"><title>{escaped(item.title)}</title></rect>" if item.title else "/>"
        return f'<rect class="{item.style}" {place}{title}'
    if isinstance(item, Sign):
        return _sign(item)
    return _line(item) if isinstance(item, Line) else _text(item)


def _text(item: Text) -> str:
    if not item.shown:
        return ""
    title = f"<title>{escaped(item.whole[:_MOST_TITLE])}</title>" if item.whole else ""
    end = ' text-anchor="end"' if item.right else ""
    words = f'class="{item.style}" font-size="{item.size}"{end}>{title}{escaped(item.shown)}</text>'
    if not item.needs_clip:
        return f'<text x="{item.x}" y="{item.y}" {words}'
    # Nobody knows how wide or high these characters are: what leaves the room that they have is cut off.
    left, top = (item.x - item.limit if item.right else item.x), item.y - item.size
    room = f'x="{left}" y="{top}" width="{item.limit}" height="{item.size + 4}" overflow="hidden"'
    return f'<svg {room}><text x="{item.limit if item.right else 0}" y="{item.size}" {words}</svg>'


def _line(item: Line) -> str:
    start, end = item.points[0], item.points[-1]
    if item.curved:
        half = (end[0] - start[0]) // 2
        path = f"M{start[0]} {start[1]}C{start[0] + half} {start[1]} {end[0] - half} {end[1]} {end[0]} {end[1]}"
    else:
        path = "M" + "L".join(f"{x} {y}" for x, y in item.points)
    found = f'<path class="line" d="{path}"/>'
    if not item.arrow:
        return found
    x, y = end
    tip = f"M{x} {y}l-7 -4v8z" if item.curved else f"M{x} {y}l-4 -7h8z"
    return f'{found}<path class="tip" d="{tip}"/>'


def _sign(item: Sign) -> str:
    scale = f"{item.size / 16:.4g}"
    disc = '<circle cx="8" cy="8" r="8"/>'
    shape = f'<path d="{_SHAPES[item.health]}"/>'
    return (
        f'<g class="sign s-{item.health.name.lower()}" transform="translate({item.x} {item.y}) scale({scale})">'
        f"<title>{item.health.value}</title>{disc}{shape}</g>"
    )


def _styles() -> str:
    fixed = (
        f"text{{font-family:{_FONT}}}.name,.title,.caption{{font-weight:600}}.more{{font-style:italic}}"
        "rect{stroke-width:1}.line{fill:none;stroke-width:1.5;stroke-linejoin:round}"
        ".sign path{fill:none;stroke-width:1.9;stroke-linecap:round;stroke-linejoin:round}"
        ".h-paused,.h-unknown{stroke-dasharray:5 4}.h-failed,.h-paused,.h-unhealthy,.h-progressing{stroke-width:1.6}"
    )
    light = _themed(_LIGHT, _LIGHT_INK, _LIGHT_LINE, _LIGHT_HEALTH, "#ffffff")
    dark = _themed(_DARK, _DARK_INK, _DARK_LINE, _DARK_HEALTH, "#0d1117")
    return f"{fixed}{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _themed(
    fills: dict[str, tuple[str, str]], inks: dict[str, str], line: str, healths: dict[Health, str], on_sign: str
) -> str:
    found = [f".{name}{{fill:{fill}{f';stroke:{stroke}' if stroke else ''}}}" for name, (fill, stroke) in fills.items()]
    found += [f"text.{name}{{fill:{color}}}" for name, color in inks.items()]
    found.append(f".line{{stroke:{line}}}.tip{{fill:{line}}}.sign path{{stroke:{on_sign}}}")
    for health, color in healths.items():
        found.append(f".s-{health.name.lower()} circle{{fill:{color}}}text.i-{health.name.lower()}{{fill:{color}}}")
        if health not in (Health.READY, Health.UNKNOWN):
            found.append(f"rect.h-{health.name.lower()}{{stroke:{color}}}")
    return "".join(found)
