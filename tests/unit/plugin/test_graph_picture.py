"""The picture of `graph`: no text leaves its box or lies on another, in any of them; light, dark, and for those who listen."""

import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.plugin.graph import picture
from infomaniak_operator.plugin.graph.command import as_svg
from infomaniak_operator.plugin.graph.layout import WIDEST
from infomaniak_operator.plugin.graph.mermaid import mermaid
from infomaniak_operator.plugin.graph.topology import Health
from tests.support.drawn import drawn, of_100, of_example
from tests.support.objects import custom
from tests.support.plugin_server import ran

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"] --> evil["x',
    "]]>&amp;&#x3c;",
    "a\u202eb\x00c\x1b[31m\ud800",
    "`%%{init: {}}%%",
    "﷽" * 30,
    "漢字" * 60,
    "e\u0301" * 200,
    "W" * 300,
    "click n1 href javascript:alert(1)",
)
DEJAVU = {  # advances of DejaVu Sans, in thousandths of the size
    **dict.fromkeys("0123456789", 636),
    "a": 613,
    "e": 615,
    "f": 352,
    "i": 278,
    "l": 278,
    "m": 974,
    "r": 411,
    "s": 521,
    "t": 392,
    "w": 818,
    "z": 525,
    "A": 684,
    "I": 295,
    "M": 863,
    "W": 989,
    "N": 748,
    "-": 361,
    ".": 318,
    ":": 337,
    "/": 337,
    " ": 318,
    "_": 500,
    "·": 318,
    "…": 1000,
    "→": 838,
    "@": 1000,
    "%": 950,
    '"': 460,
    "{": 636,
    "k": 579,
    "v": 592,
    "y": 592,
}


@dataclass(frozen=True)
class Place:
    left: float
    top: float
    right: float
    bottom: float
    what: str

    def has(self, other):
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )

    def meets(self, other):
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def boxes(svg):
    found = []
    for each in ET.fromstring(svg).iter(f"{SVG}rect"):
        x, y = float(each.get("x", 0)), float(each.get("y", 0))
        wide, high = float(each.get("width")), float(each.get("height"))
        found.append(Place(x, y, x + wide, y + high, each.get("class")))
    return found


def texts(svg):
    """Where each text is: what is clipped has no more than the room that it is clipped to."""
    found = []
    root = ET.fromstring(svg)
    clipped = {text: one for one in root.iter(f"{SVG}svg") if one is not root for text in one.iter(f"{SVG}text")}
    for each in root.iter(f"{SVG}text"):
        said = "".join(t for t in (each.text, *(child.tail for child in each)) if t)
        size = int(each.get("font-size"))
        if each in clipped:
            x, y = float(clipped[each].get("x")), float(clipped[each].get("y"))
            wide, high = float(clipped[each].get("width")), float(clipped[each].get("height"))
            assert clipped[each].get("overflow") == "hidden"
            found.append(Place(x, y, x + wide, y + high, said))
            continue
        assert all(" " <= one <= "~" or one in "·→…" for one in said), said  # else nobody knows how wide it is
        bold = each.get("class").split()[0] in ("name", "title", "caption")
        wide = picture.width_of(said, size, bold=bold)
        x, y = float(each.get("x")), float(each.get("y"))
        left = x - wide if each.get("text-anchor") == "end" else x
        found.append(Place(left, y - size, left + wide, y + size / 4, said))
    return found


def check(svg):
    """What holds for each picture."""
    assert float(ET.fromstring(svg).get("width")) <= WIDEST + 40
    cards, said = boxes(svg), texts(svg)
    for text in said:
        around = min((each for each in cards if each.has(text)), key=lambda each: each.right - each.left, default=None)
        assert around is not None, text
        for each in cards:  # it lies over no edge of a box
            assert each.has(text) or not each.meets(text), (text, each)
    rows = sorted(said, key=lambda each: each.top)
    for place, text in enumerate(rows):
        for other in itertools.takewhile(lambda each, end=text.bottom: each.top < end, rows[place + 1 :]):
            assert not text.meets(other), (text, other)
    for one, other in itertools.combinations(cards, 2):  # boxes lie in one another, or apart
        assert one.has(other) or other.has(one) or not one.meets(other), (one, other)


@pytest.mark.parametrize("name", ["office", "web", "ports", "shop", "mail", "network", "routing"])
def test_no_text_of_an_example_leaves_its_box(name, capsys):
    assert ran(of_example(name), "graph") == 0
    check(capsys.readouterr().out)


@pytest.fixture(scope="module")
def hundred():
    return of_100()


def test_of_100_objects_neither_and_it_is_no_wider_than_a_page(hundred, capsys):
    assert ran(hundred, "graph") == 0
    svg = capsys.readouterr().out
    check(svg)
    root = ET.fromstring(svg)
    assert float(root.get("width")) <= WIDEST + 40
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert len(svg) < 120_000


def test_a_long_name_is_shortened_and_its_title_holds_the_whole(hundred, capsys):
    assert ran(hundred, "graph") == 0
    svg = capsys.readouterr().out
    name = "a-service-whose-name-is-much-longer-than-any-box-has-room-for"
    short = [each for each in ET.fromstring(svg).iter(f"{SVG}text") if each.find(f"{SVG}title") is not None]
    assert any(each.find(f"{SVG}title").text == f"HealthMonitor {name}-tls"[:74] for each in short)
    for each in short:
        assert each.find(f"{SVG}title").tail.endswith("…")


BOLD = {  # of DejaVu Sans Bold
    **dict.fromkeys("0123456789", 696),
    "a": 675,
    "e": 678,
    "i": 343,
    "l": 343,
    "m": 1042,
    "r": 493,
    "s": 595,
    "t": 478,
    "w": 924,
    "z": 582,
    "W": 1103,
    "-": 415,
    ".": 380,
    "M": 995,
    "n": 712,
    "o": 687,
    "x": 645,
    "v": 652,
    "k": 665,
}


def test_a_text_is_never_thought_narrower_than_it_is():
    for bold, widths in ((False, DEJAVU), (True, BOLD)):
        for character, width in widths.items():
            assert picture.width_of(character * 100, 10, bold=bold) >= width, character
    for size in (10, 11, 13):
        for limit in (40, 90, 200):
            shown = picture.fitted("il1W-m.x" * 20, size, limit)
            assert shown.endswith("…")
            assert sum(DEJAVU.get(each, 592) for each in shown) * size / 1000 <= limit


@pytest.mark.parametrize("odd", ["\x9b31m", "\u202e", "\x7f"])
def test_a_name_in_the_description_turns_no_direction_and_moves_no_cursor(odd):
    spec = {"externalNetwork": {"networkName": f"out{odd}side"}}
    told = as_svg(drawn([custom("FloatingIP", "a", spec)]))
    assert "out" in told
    assert odd not in told


def test_those_who_listen_and_those_who_see_no_colour_are_told(hundred, capsys):
    assert ran(hundred, "graph") == 0
    root = ET.fromstring(capsys.readouterr().out)
    assert root.get("role") == "img"
    labels = root.get("aria-labelledby").split()
    by_id = {each.get("id"): each for each in root.iter() if each.get("id")}
    title, description = (by_id[each] for each in labels)
    assert title.tag == f"{SVG}title"
    assert title.text == "Network of namespace shop"
    assert description.tag == f"{SVG}desc"
    assert "100 objects (87 ready, 5 unhealthy, 7 in progress, 1 paused)" in description.text
    signs = [each for each in root.iter(f"{SVG}g") if "sign" in (each.get("class") or "").split()]
    shapes = {each.find(f"{SVG}title").text: each.find(f"{SVG}path").get("d") for each in signs}
    assert shapes.keys() == {each.value for each in Health}
    assert len(set(shapes.values())) == len(shapes)


def luminance(color):
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_what_is_written_can_be_read_in_light_and_in_dark(capsys):
    assert ran(of_example("web"), "graph") == 0
    style = ET.fromstring(capsys.readouterr().out).find(f"{SVG}style").text
    light, _, dark = style.partition("@media (prefers-color-scheme:dark){")
    assert dark
    pages = set()
    for theme in (light, dark):
        fills = dict(re.findall(r"(?<![\w-])\.(\w+)\{fill:(#\w{6})", theme))
        inks = dict(re.findall(r"text\.([\w-]+)\{fill:(#\w{6})\}", theme))
        assert {"name", "text", "muted", "noun", "more", "title", "caption"} <= inks.keys()
        assert {f"i-{each.name.lower()}" for each in Health} <= inks.keys()
        for ground in ("page", "outside", "router", "network", "address", "balancer", "port", "part", "other"):
            for name, ink in inks.items():
                assert contrast(ink, fills[ground]) >= 4.5, (name, ground, ink, fills[ground])
        pages.add(fills["page"])
    assert len(pages) == 2


def strangers(value):
    """A stack in which a stranger has written all that can be written."""
    network = custom("InfomaniakNetwork", "n", {"subnets": [{"name": value, "cidr": value}]})
    network["status"] = {"subnets": [{"name": value, "cidr": value, "gateway": value}], "id": value}
    gateway = {"networkName": value}
    router = custom("Router", "r", {"externalGateway": gateway, "interfaces": [{"networkRef": {"name": "n"}}]})
    router["status"] = {"externalAddresses": [value] * 40, "conditions": said(value)}
    listeners = [{"name": value, "protocol": value, "port": 80, "defaultPoolRef": {"name": "p"}}]
    balancer = custom("LoadBalancer", "b", {"vip": {"networkRef": {"name": "n"}}, "listeners": listeners})
    balancer["status"] = {
        "vipAddress": value,
        "listeners": [{"name": f"{value}{each}", "operatingStatus": value} for each in range(40)],
        "conditions": said(value),
    }
    pool = custom("Pool", "p", {"loadBalancerRef": {"name": "b"}, "protocol": value, "algorithm": value})
    pool["status"] = {"members": [{"address": value, "port": 1, "operatingStatus": value}] * 400}
    address = custom("FloatingIP", "f", {"loadBalancerRef": {"name": "b"}, "externalNetwork": gateway})
    address["status"] = {"address": value, "portForwardings": [{"protocol": value, "fixedAddress": value}] * 50}
    missing = custom("Port", "q", {"networkRef": {"name": value}})
    policy = custom("L7Policy", "l", {"loadBalancerRef": {"name": "b"}, "listener": value, "redirectURL": value})
    return [network, router, balancer, pool, address, missing, policy]


def said(value):
    return [{"type": "Ready", "status": "False", "reason": value, "message": value * 50}]


@pytest.mark.parametrize("value", HOSTILE)
def test_what_strangers_write_is_text_and_stays_in_its_box(value):
    svg = as_svg(drawn(strangers(value)))
    check(svg)
    tags = {each.tag.removeprefix(SVG) for each in ET.fromstring(svg.encode()).iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "text", "path", "g", "circle"}
    assert not re.search(
        r'\son\w+=|href|<!|<\?(?!xml version="1.0" encoding="UTF-8"\?>)', re.sub(r">[^<]*<", "><", svg)
    )
    assert len(svg) < 100_000
    svg.encode()


NODE = re.compile(r'  n\d+(\[|\(\[|\{\{)"[^"]*"(\]|\]\)|\}\}):::[a-z]+')
EDGE = re.compile(r"  n\d+ (---|-->|-\.-) n\d+")
FIXED = re.compile(r"flowchart TB|  classDef [a-z]+ [a-z0-9:#,\- ]+")


@pytest.mark.parametrize("value", HOSTILE)
def test_nothing_of_a_strangers_text_is_syntax_of_mermaid(value):
    chart = mermaid(drawn(strangers(value)))
    lines = chart.splitlines()
    assert lines[0] == "flowchart TB"
    for line in lines:
        assert NODE.fullmatch(line) or EDGE.fullmatch(line) or FIXED.fullmatch(line), line
        label = re.sub(r"<br/>|#\d+;", "", line.partition('"')[2].rpartition('"')[0])
        assert not set(label) & set("\"'`<>&#;[](){}|\\%@$*~^="), line
    chart.encode()
    ids = {each for line in lines for each in re.findall(r"^  (n\d+)[\[({]", line)}
    ends = {each for line in lines if EDGE.fullmatch(line) for each in re.findall(r"n\d+", line)}
    assert ends <= ids


FIELDS = sorted(
    {
        field.alias or name
        for kind in KINDS.values()
        for model in (kind.spec, kind.status)
        for name, field in model.model_fields.items()
    }
    | {"name", "id", "address", "port", "subnetID", "networkID", "networkName", "defaultPoolRef", "filter", "external"}
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.text(max_size=8) | st.sampled_from(["n", "b", "p", "r"]),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), each, max_size=4),
    max_leaves=12,
)
objects = st.lists(
    st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from("nbpr"), json_values, json_values), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(objects)
def test_no_spec_and_no_status_makes_it_fail_or_lose_an_object(found):
    bodies = {}
    for kind, name, spec, status in found:
        body = custom(kind, name, {})
        body["spec"], body["status"] = spec if isinstance(spec, dict) else {}, status
        bodies[kind, name] = body
    shown = drawn(bodies.values())
    svg = as_svg(shown)
    check(svg)
    assert sum(shown.objects.values()) == len(bodies)
    assert mermaid(shown)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 12)), max_size=9), st.integers(1, 3))
def test_stacks_of_any_size_stay_in_their_boxes(services, routers):
    bodies = []
    for number, (network, members, ports) in enumerate(services):
        where = {"networkRef": {"name": f"network-{network}"}}
        listeners = [
            {"name": "x" * (members + 1), "protocol": "TCP", "port": 1, "defaultPoolRef": {"name": f"p{number}"}}
        ]
        bodies.append(custom("LoadBalancer", f"b{number}", {"vip": where, "listeners": listeners}))
        listed = [{"address": f"2001:db8:1111:2222:3333:4444:5555:{each}", "port": 8080} for each in range(members)]
        bodies.append(custom("Pool", f"p{number}", {"loadBalancerRef": {"name": f"b{number}"}, "members": listed}))
        bodies += [custom("Port", f"q{number}-{each}", where) for each in range(ports)]
        target = {"loadBalancerRef": {"name": f"b{number}"}} if ports % 2 else {}
        bodies.append(
            custom("FloatingIP", f"f{number}", {"externalNetwork": {"networkName": f"out-{members % 2}"}, **target})
        )
    for number in range(4):
        bodies.append(custom("InfomaniakNetwork", f"network-{number}", {}))
    for number in range(routers):
        interfaces = [{"networkRef": {"name": f"network-{each}"}} for each in range(4) if each % routers == number]
        gateway = {"externalGateway": {"networkName": f"out-{number % 2}"}} if number < 2 else {}
        bodies.append(custom("Router", f"r{number}", {**gateway, "interfaces": interfaces}))
    check(as_svg(drawn(bodies)))
