"""What a picture of the network shows, as plain data: who hangs below whom, and what is said of each. Pure.

Specs and statuses may hold anything: what is no text, list or mapping where one is expected counts as not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.plugin.stack import Stack, Standing, State


class Health(Enum):
    """What a sign and a colour say of a thing."""

    READY = "ready"
    UNHEALTHY = "unhealthy"
    """It is as it should be, and does not serve as it should."""
    PROGRESSING = "in progress"
    FAILED = "failed"
    PAUSED = "paused"
    UNKNOWN = "not known"
    """No object stands for it, or nobody checks it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a thing is called, and how it stands.

    Attributes:
        noun: what it is.
        name: as people call it.
        health: its sign.
        notes: what else a person should know, such as ``unhealthy``.
        said: what its object says of itself; empty where all is well.
    """

    noun: str
    name: str
    health: Health
    notes: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a thing: a subnet, an address, a member.

    Attributes:
        text: what stands at the left.
        detail: what stands at the right.
        health: a sign of its own; None: it has none.
    """

    text: str
    detail: str = ""
    health: Health | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The lines that are shown, and what is not shown any more.

    Attributes:
        shown: the first of them.
        more: how many there are besides.
        about: what is said of those, such as ``35 ONLINE, 2 ERROR``.
    """

    shown: tuple[Row, ...] = ()
    more: int = 0
    about: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """A floating IP.

    Attributes:
        head: its object.
        address: as the cloud gave it; empty until then.
        leads: where it leads, in words; empty where it is drawn at its target.
        forwards: single ports that lead inside.
    """

    head: Head
    address: str
    leads: str
    forwards: Rows = Rows()


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool with its members, and what checks them."""

    head: Head
    what: str
    monitors: tuple[Row, ...]
    members: Rows


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener.

    Attributes:
        name: its name.
        what: protocol and port.
        health: its sign.
        policies: its L7 policies.
        pools: the places in the load balancer's pools to which it leads.
    """

    name: str
    what: str
    health: Health
    policies: Rows
    pools: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Balancer:
    """A load balancer with all that is under it."""

    head: Head
    rows: Rows
    addresses: tuple[Address, ...]
    listeners: tuple[Listener, ...]
    pools: tuple[Pool, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A port."""

    head: Head
    rows: Rows
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A network with what is in it."""

    head: Head
    rows: Rows
    balancers: tuple[Balancer, ...] = ()
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True, slots=True)
class Router:
    """A router, and the networks that are drawn below it."""

    head: Head
    rows: Rows
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Outside:
    """An external network, and what hangs below it.

    Attributes:
        head: what it is.
        rows: the objects that stand for it beside the first.
        addresses: floating IPs that lead nowhere, or to something that is not drawn.
        routers: those with a way out here.
        network: what is directly in it.
    """

    head: Head
    rows: Rows = Rows()
    addresses: tuple[Address, ...] = ()
    routers: tuple[Router, ...] = ()
    network: Network | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """All of it.

    Attributes:
        where: of which namespace, in words.
        outsides: the external networks.
        routers: those without a way out.
        networks: those without a router, and those that no object stands for.
        others: the objects that have no place in it, security groups above all.
        objects: how many objects are shown, by how they stand.
        failed: the objects that failed, by name.
    """

    where: str
    outsides: tuple[Outside, ...]
    routers: tuple[Router, ...]
    networks: tuple[Network, ...]
    others: tuple[Head, ...]
    objects: Mapping[Health, int]
    failed: tuple[str, ...]


def health_of(found: Standing) -> Health:
    """The sign of an object: that it is paused comes first, for then nothing else is done for it."""
    if "paused" in found.notes:
        return Health.PAUSED
    if found.state is State.READY and "unhealthy" in found.notes:
        return Health.UNHEALTHY
    return {State.READY: Health.READY, State.PROGRESSING: Health.PROGRESSING, State.FAILED: Health.FAILED}[found.state]


_STATUSES = {
    "ONLINE": Health.READY,
    "ACTIVE": Health.READY,
    "DEGRADED": Health.UNHEALTHY,
    "DRAINING": Health.PROGRESSING,
    "OFFLINE": Health.UNHEALTHY,
    "ERROR": Health.FAILED,
}


def health_of_status(status: object) -> Health:
    """The sign of what Octavia says of a part."""
    return _STATUSES.get(status, Health.UNKNOWN) if isinstance(status, str) else Health.UNKNOWN


def head_of(stack: Stack, key: Key, *, named_with_namespace: bool) -> Head:
    """What is said of an object; one that is only referred to counts as failed."""
    found = stack.standing(key)
    health = health_of(found)
    name = f"{key.namespace}/{key.name}" if named_with_namespace else key.name
    reason = (found.reason,) if found.state is not State.READY else ()
    said = "" if found.state is State.READY else f"{found.reason}: {found.message}"
    notes = tuple(each for each in found.notes if each not in {one.lower() for one in reason})
    return Head(key.kind, name, health, (*reason, *notes), said)


def first(rows: Sequence[Row], most: int) -> Rows:
    """The lines that are shown: those that are not well come first; of the others it is said how they are."""
    if len(rows) <= most:
        return Rows(tuple(rows))
    order = (Health.FAILED, Health.UNHEALTHY, Health.PROGRESSING, Health.PAUSED)
    ranked = sorted(
        range(len(rows)), key=lambda at: next((i for i, health in enumerate(order) if rows[at].health is health), 9)
    )
    chosen = set(ranked[:most])
    hidden = [row for at, row in enumerate(rows) if at not in chosen]
    counts: dict[str, int] = {}
    for row in hidden:
        if row.health is not None:
            counts[row.health.value] = counts.get(row.health.value, 0) + 1
    about = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return Rows(tuple(rows[at] for at in sorted(chosen)), len(hidden), about)


def text(content: object, *path: str | int) -> str:
    """A text, or a number as one, at a place of a spec or a status; empty where there is none."""
    found = at(content, *path)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def items(content: object, *path: str | int) -> list[Mapping[str, object]]:
    """The mappings of a list at a place; empty where there is none."""
    found = at(content, *path)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []


def at(content: object, *path: str | int) -> object:
    """What stands at a place; None where nothing does."""
    for step in path:
        if isinstance(content, Mapping):
            content = content.get(step)
        elif isinstance(content, list | tuple) and isinstance(step, int) and step < len(content):
            content = content[step]
        else:
            return None
    return content


def data(found: Topology) -> dict[str, Any]:
    """The same for JSON and YAML."""
    shown: dict[str, Any] = _plain(found)
    return shown


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON can hold
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
