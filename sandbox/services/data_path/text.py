"""What is changed in a configuration that Octavia renders for an amphora. Knows nothing of Octavia but its text."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Sequence

_PING = "/var/lib/octavia/ping-wrapper.sh"
_PROMETHEUS = {"127.0.0.1:9101": ":9101", "127.0.0.1:9102": ":9101"}
_STATS = re.compile(r"^(\s*stats socket .*)$", re.MULTILINE)
_SERVER = re.compile(r"^(\s*server [0-9a-f-]{36} (\S+):\d+ .*)$", re.MULTILINE)


def adapted(text: str, load_balancer: str, vips: Sequence[str], ping: str) -> str:
    """The configuration as it works here.

    Args:
        text: as rendered.
        load_balancer: its id.
        vips: the addresses that it speaks to members from: to each from the first of the member's family.
        ping: the program that stands for an amphora's ping.
    """
    lines = [line for line in text.splitlines() if not _only_there(line)]
    # A listener's limit may be larger than what this process may open, which is no reason not to start.
    text = "\n".join(lines).replace("global\n", "global\n    no strict-limits\n", 1)
    # An amphora's HAProxy has a master, which hands the listening sockets on; here the next one asks for them.
    text = _STATS.sub(r"\1 expose-fd listeners", text)
    text = text.replace(_PING, _quoted(ping))
    for there, here in _PROMETHEUS.items():
        text = text.replace(there, loopback(load_balancer) + here)
    return "\n".join(_in_order(_SERVER.sub(lambda found: _from_vip(found, vips), text).splitlines())) + "\n"


def _in_order(lines: Sequence[str]) -> Iterator[str]:
    """Members by their ids: the database gives them in any order, and another order is no change."""
    block: list[str] = []
    for line in lines:
        if _SERVER.match(line):
            block.append(line)
        else:
            yield from sorted(block)
            yield line
            block = []
    yield from sorted(block)


def _quoted(word: str) -> str:
    """A word of HAProxy's language."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _only_there(line: str) -> bool:
    """An account that is not in the namespace, and a syslog that does not run here."""
    return line.strip() == "user nobody" or line.startswith("    log /")


def _from_vip(found: re.Match[str], vips: Sequence[str]) -> str:
    try:
        version = ipaddress.ip_address(found[2]).version
    except ValueError:
        return found[1]
    source = next((vip for vip in vips if ipaddress.ip_address(vip).version == version), None)
    return (
        f"{found[1]} source {source}:0" if source else found[1]
    )  # with a port, or the end of one of IPv6 is taken for it


def loopback(load_balancer: str) -> str:
    """A loopback address of a load balancer's own: the metrics of each are at a fixed port."""
    first, second, third = hashlib.sha256(load_balancer.encode()).digest()[:3]
    return f"127.{first % 250 + 2}.{second}.{third % 250 + 2}"
