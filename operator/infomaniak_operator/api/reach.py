"""Which fields of a spec name something in the cloud, and how far such a field reaches.

The mark stands on the field itself, so that a new kind cannot forget it: ``tests/unit/api/test_reach.py`` fails for a
field that could name something and does not say how far it reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from infomaniak_operator.api.common import CommonSpec, Import
from infomaniak_operator.api.model import ApiModel, Names, Reach

IMPORT = "import"
"""What ``NamedResource.names.what`` is for ``spec.import``."""
_IMPORTED = Names(
    "something in the cloud that others made",
    Reach.PROJECT,
    instead="leave import out to have a new one made, or, for an external network, take managementPolicy: Unmanaged "
    "with import.filter {name, external: true}",
)


class Kept(Enum):
    """What ``status`` has to show for a name that is in use already."""

    VALUE = "value"
    """The very value."""
    ID = "id"
    """The object's own id: an import is looked up once."""


@dataclass(frozen=True, slots=True)
class NamedResource:
    """Something in the cloud that a spec names.

    Attributes:
        place: the field: ``spec.interfaces[0].subnetID``.
        value: what it says; of an import nothing.
        names: what the field declares.
        kept: what shows that it is in use already.
    """

    place: str
    value: str
    names: Names
    kept: Kept = Kept.VALUE


def named(spec: CommonSpec) -> Iterator[NamedResource]:
    """All that a spec names in the cloud, in the order of its fields.

    An import that only reads an external network counts as public, for every project sees those.
    """
    yield from _in_model(spec, "spec", spec)


def _in_model(model: ApiModel, place: str, spec: CommonSpec) -> Iterator[NamedResource]:
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if value is None:
            continue
        here = f"{place}.{info.alias or name}"
        marker = next((each for each in info.metadata if isinstance(each, Names)), None)
        if isinstance(value, Import):
            if not (spec.management_policy == "Unmanaged" and value.only_public):
                yield NamedResource(here, "", _IMPORTED, Kept.ID)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from _in_value(item, f"{here}[{index}]", marker, spec)
        else:
            yield from _in_value(value, here, marker, spec)


def _in_value(value: object, place: str, marker: Names | None, spec: CommonSpec) -> Iterator[NamedResource]:
    if isinstance(value, ApiModel):
        yield from _in_model(value, place, spec)
    elif marker is not None:
        yield NamedResource(place, str(value), marker)
