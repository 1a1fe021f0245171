"""How the JSON of an object of one kind is read: its spec and its status as that kind's TypedDicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

SpecT = TypeVar("SpecT", bound=Mapping[str, object])
StatusT = TypeVar("StatusT", bound=Mapping[str, object])
FieldT = TypeVar("FieldT", bound=str)


class Untyped(Protocol):
    """What has a spec and a status of a kind that is not known yet: an object from Kubernetes, a reconcile."""

    @property
    def spec(self) -> object:
        """Its spec, as JSON."""

    @property
    def status(self) -> object:
        """Its status, as JSON."""


@dataclass(frozen=True, slots=True)
class JsonKind(Generic[SpecT, StatusT, FieldT]):
    """One kind, by which the JSON of its objects gets a type.

    Nothing is checked when the JSON is read: an object is validated at one place (``Kind.parse``) before anything is
    done for it, and the deletion of one that is not valid any more reads what is there. A status may hold anything.

    Attributes:
        kind: its name.
    """

    kind: str

    def spec(self, of: Untyped) -> SpecT:
        """The spec: a field that is not there is not managed."""
        return cast("SpecT", of.spec)

    def status(self, of: Untyped) -> StatusT:
        """The status."""
        return cast("StatusT", of.status)

    def named(self, of: Untyped, *fields: FieldT) -> list[FieldT]:
        """Those of the fields that the spec has."""
        spec = self.spec(of)
        return [field for field in fields if field in spec]
