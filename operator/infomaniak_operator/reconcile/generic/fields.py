"""Tables of fields: which attribute of the cloud a field of the spec stands for, and when the two differ.

"Absent means not managed": a field that is not in the spec is neither sent nor compared. A field that was taken out of
the spec goes back to the service's own default, and only if we had set it (``status.appliedFields`` remembers that).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from infomaniak_operator.reconcile.ownership.marks import user_text


class _Keep:
    """The service has no default that could be asked for: a field taken out stays as it is."""

    def __repr__(self) -> str:
        return "KEEP"


KEEP: Any = _Keep()


def plain(value: object) -> object:
    """The value itself; an empty or missing one and null are the same."""
    return value if value not in ("", None) else None


def unordered(value: Iterable[object] | None) -> list[object]:
    """A list whose order means nothing, addresses in one spelling."""
    return sorted((address(item) if isinstance(item, str) else item for item in value or ()), key=repr)


def address(value: object) -> object:
    """An IP address or network in its canonical spelling; anything else as it is."""
    if not isinstance(value, str) or not value:
        return None if value == "" else value
    try:
        return str(ipaddress.ip_network(value, strict=False) if "/" in value else ipaddress.ip_address(value))
    except ValueError:
        return value


def addresses(value: Iterable[object] | None) -> list[object]:
    """A list of addresses whose order counts, in one spelling."""
    return [address(item) for item in value or ()]


def records(value: Iterable[Mapping[str, object]] | None) -> list[dict[str, object]]:
    """A list of objects whose order means nothing, with their addresses in one spelling."""
    items = ({k: address(v) for k, v in item.items() if v is not None} for item in value or ())
    return sorted(items, key=lambda item: repr(sorted(item.items())))


def _identity(value: object) -> object:
    return value


NameT_co = TypeVar("NameT_co", bound=str, covariant=True)


@dataclass(frozen=True, slots=True)
class Field(Generic[NameT_co]):
    """One field of a spec; ``NameT_co`` says which names it has, as ``json_types.RouterSpecField`` does.

    Attributes:
        spec: its name in the spec.
        api: the attribute it stands for.
        default: what the attribute goes back to when the field is taken out; a callable gets the row; KEEP: as it is.
        to_api: the spec's value as the service takes it.
        normal: brings both sides into one form before they are compared.
        mutable: whether the service changes it in place.
    """

    spec: NameT_co
    api: str
    default: Any = KEEP
    to_api: Callable[[Any], object] = _identity
    normal: Callable[[Any], object] = plain
    mutable: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which cloud and spec differ.

    Attributes:
        field: its full place in the spec.
        api: the attribute.
        now: what the cloud has.
        wanted: what it is to have, as it is sent.
        mutable: whether the service changes it in place.
        read_as: what people read in the place of ``wanted``, if not that.
    """

    field: str
    api: str
    now: object
    wanted: object
    mutable: bool = True
    read_as: object = None

    def __str__(self) -> str:
        now, wanted = self.now, self.wanted if self.read_as is None else self.read_as
        if self.api == "description" and self.field != "mark":  # a mark that comes or stays is nothing to read
            now, wanted = user_text(now), user_text(wanted)
        return f"{self.field}: {shown(now)} -> {shown(wanted)}"


def shown(value: object) -> str:
    """A value for people, cut to a line's worth."""
    text = "none" if value in (None, "", []) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - a line's worth


def place(prefix: str, name: str) -> str:
    """The full place of a field: ``mtu``, or ``subnets[front].gateway``."""
    return f"{prefix}.{name}" if prefix else name


def body_of(fields: Iterable[Field[str]], spec: Mapping[str, object]) -> dict[str, object]:
    """The attributes to create an object with: only those the spec names."""
    return {field.api: field.to_api(spec[field.spec]) for field in fields if field.spec in spec}


def applied(fields: Iterable[Field[str]], spec: Mapping[str, object], prefix: str = "") -> list[str]:
    """The places of the fields that the spec sets, for ``status.appliedFields``."""
    return [place(prefix, field.spec) for field in fields if field.spec in spec]


def differences(
    fields: Iterable[Field[str]],
    spec: Mapping[str, object],
    row: Mapping[str, object],
    were_applied: Sequence[str] = (),
    prefix: str = "",
) -> list[Difference]:
    """In which managed fields an object of the cloud differs from the spec.

    Args:
        fields: the table of the kind.
        spec: the spec, or the item of the spec.
        row: the object as the service gave it.
        were_applied: ``status.appliedFields``.
        prefix: place of the item in the spec.
    """
    found = []
    for field in fields:
        full = place(prefix, field.spec)
        if field.spec in spec:
            wanted = field.to_api(spec[field.spec])
        elif full in were_applied and field.default is not KEEP and field.mutable:
            wanted = field.default(row) if callable(field.default) else field.default
        else:
            continue
        now = row.get(field.api)
        if field.normal(now) != field.normal(wanted):
            found.append(Difference(full, field.api, now, wanted, field.mutable))
    return found


def changes(found: Iterable[Difference]) -> dict[str, object]:
    """The body of the update that removes the differences."""
    return {difference.api: difference.wanted for difference in found}
