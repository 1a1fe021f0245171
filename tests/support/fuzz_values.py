"""Values that tenants and clouds may send: odd texts, odd numbers, odd JSON, and what mutates a value that is in order.

Everything comes out of a ``random.Random``: the same seed gives the same values, on every machine.
"""

# ruff: noqa: RUF001 - what looks like something else is the point of it

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]

TEXTS = (
    "", " ", "  x  ", "\t", "\n", "a\nb", "\x00", "a\x00b", "\x1b[31mred", "\x7f", "\u200b", "\u202egnp.exe", "\ufeff",
    "\ufffd", "\ud800", "x\udfff", "\U0001f4a9", "é", "e\u0301", "ß", "İ", "ﬁ", "％", "..", "../../etc/passwd", "a/b", "a%2fb",
    "%00", "?x=1", "#", "*", "-", "--", "_", ".", "~", "'", '"', "`id`", "$(id)", "{{7*7}}", "${x}", "<script>", "\\", "\\u0000",
    "null", "None", "true", "NaN", "0", "-1", "1e309", "0x10", "007", "none", "All", "[ik1.x]", "[ik1.a.b.c]", "[ik1r.a.b.c]",
    "[ik1.", "x [ik1.3vZkq0aB.k2f0T9uQSyq3yq1cX0m4Yg.8fQb2WcE]", "status", "metadata", "__proto__", "constructor", "x" * 36,
    "x" * 63, "x" * 64, "x" * 200, "x" * 201, "x" * 253, "x" * 254, "x" * 255, "x" * 256, "é" * 200, "\U0001f4a9" * 200, "a." * 126,
    "kube-system", "default", "infomaniak", "*.example.org", "example.org.", "http://[::1", "file:///etc/passwd",
)  # fmt: skip
"""Texts of which each once broke something somewhere."""

ADDRESSES = (
    "10.1.0.7", "10.1.0.0", "10.1.0.255", "10.1.0.1", "10.40.0.11", "0.0.0.0", "255.255.255.255", "127.0.0.1", "169.254.169.254",
    "224.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "2001:db8::1", "2001:DB8::1", "2001:0db8:0000:0000:0000:0000:0000:0001",
    "::ffff:192.0.2.1", "::ffff:c000:201", "2001:db8::192.0.2.1", "::192.0.2.1", "192.0.2.1", "192.0.2.01", "192.0.2", "192.0.2.256",
    "010.1.0.7", "0x0a010007", "167837703", "10.1.0.7 ", " 10.1.0.7", "10.1.0.7\n", "10.1.0.7/32", "١٠.١.٠.٧", "ff02::1", "none",
)  # fmt: skip
"""IP addresses, in unusual spellings too, and what looks like one."""

CIDRS = (
    "10.1.0.0/24", "10.2.0.0/24", "10.1.0.0/16", "10.1.0.128/25", "10.1.0.5/24", "10.0.0.0/8", "0.0.0.0/0", "::/0", "10.1.0.0/32",
    "10.1.0.0/31", "10.1.0.0/30", "10.1.0.0/29", "2001:db8:20::/64", "2001:db8::/32", "2001:db8::/128", "2001:DB8:20::/64",
    "2001:db8:20::1/64", "::ffff:10.0.0.0/104", "::ffff:10.1.0.0/120", "10.1.0.0/33", "10.1.0.0/-1", "10.1.0.0/024", "10.1.0.0/",
    "10.1.0.0", "10.1/16", "10.1.0.0/255.255.255.0", "fe80::/64", "127.0.0.0/8", "224.0.0.0/4", "192.168.0.0/16", "203.0.113.0/24",
)  # fmt: skip
"""Networks, in unusual spellings too, and what looks like one."""

NUMBERS = (
    0, -0, 1, -1, 2, 4, 6, 7, 60, 68, 79, 80, 128, 255, 256, 443, 1024, 1279, 1280, 1500, 9216, 9217, 65534, 65535, 65536, 86400000,
    2**31 - 1, 2**31, -(2**31), 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 0.0, -0.0, 0.5, 1.0, 4.0, 80.0,
    1e10, 1e22, 1e308, -1e308, 5e-324,
)  # fmt: skip
"""Numbers at the ends of what somebody counts with."""

ODDITIES: tuple[Any, ...] = (
    None, True, False, [], {}, [[]], [{}], {"": ""}, [None], {"name": None}, ["a", "a"], {"a": {"b": {"c": {}}}}, "text", 7,
)  # fmt: skip
"""JSON of the wrong type, wherever it is."""


def nested(depth: int, of: Any = None) -> Any:
    """Lists in lists."""
    value = of
    for _ in range(depth):
        value = [value]
    return value


def text(rng: random.Random) -> str:
    """A text, odd as a rule."""
    match rng.randrange(6):
        case 0:
            return "".join(
                chr(rng.choice((rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x110000))))
                for _ in range(rng.randrange(20))
            )
        case 1:
            return rng.choice(TEXTS) + rng.choice(TEXTS)
        case 2:
            return rng.choice(ADDRESSES + CIDRS)
    return rng.choice(TEXTS)


def junk(rng: random.Random) -> Any:
    """Any JSON."""
    match rng.randrange(8):
        case 0:
            return rng.choice(NUMBERS)
        case 1 | 2:
            return text(rng)
        case 3:
            return {text(rng): junk(rng) for _ in range(rng.randrange(3))}
        case 4:
            return [junk(rng) for _ in range(rng.randrange(3))]
    return copy.deepcopy(rng.choice(ODDITIES))


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of everything in a value, the value itself first."""
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*path, number))


def at(value: Any, path: Path) -> Any:
    """What is at that path."""
    for step in path:
        value = value[step]
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """The value with something else at that path; it is changed itself, unless the path is empty."""
    if not path:
        return new
    at(value, path[:-1])[path[-1]] = new
    return value


def mutated(value: Any, rng: random.Random, times: int = 1) -> Any:
    """A copy of a value in which something is missing, too much, doubled or of another type."""
    value = copy.deepcopy(value)
    for _ in range(times):
        path = rng.choice(list(places(value)))
        here = at(value, path)
        match rng.randrange(8):
            case 0 if path:
                del at(value, path[:-1])[path[-1]]
            case 1 if isinstance(here, dict):
                here[text(rng)] = junk(rng)
            case 2 if isinstance(here, list) and here:
                here.append(copy.deepcopy(rng.choice(here)))
            case 3 if isinstance(here, list):
                here.insert(0, junk(rng))
            case 4 if isinstance(here, str):
                value = put(value, path, text(rng))
            case 5 if isinstance(here, int | float) and not isinstance(here, bool):
                value = put(value, path, rng.choice(NUMBERS))
            case _:
                value = put(value, path, junk(rng))
    return value
