"""What a kind is: its names, its typed spec and status, its columns. Everything else is generated from it.

The models are written with pydantic; the rules that Kubernetes checks at ``kubectl apply`` (CEL) stand beside the
fields they are about, as ``Rule``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from infomaniak_operator.api.model import Rule, Spec, Status

GROUP = "network.infomaniak.cloud"
VERSION = "v1alpha1"
CATEGORY = "infomaniak"

S = TypeVar("S", bound=Spec)


class InvalidSpec(ValueError):  # noqa: N818 - named after what it says
    """A spec that the operator cannot work with, although the API server let it through.

    Args:
        problems: one sentence for each: the field's place, what is wrong, what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``.

    Attributes:
        name: its heading.
        type: string, integer, boolean or date.
        path: JSONPath from the object's root.
        description: what it shows.
        wide: only with ``-o wide``.
    """

    name: str
    type: str
    path: str
    description: str
    wide: bool = False


READY = Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Whether the spec is applied.")
REASON = Column("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', "Why it is or is not Ready.")
AGE = Column("Age", "date", ".metadata.creationTimestamp", "Time since the object was created.")
CLOUD_ID = Column("ID", "string", ".status.id", "Id in the cloud.", wide=True)
MESSAGE = Column(
    "Message", "string", '.status.conditions[?(@.type=="Ready")].message', "The Ready condition's message.", wide=True
)


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """The definition of one kind.

    Attributes:
        kind: ``InfomaniakNetwork``.
        plural: name in URLs and RBAC rules.
        singular: name for ``kubectl get``.
        short_names: abbreviations for ``kubectl get``.
        spec: model of ``spec``.
        status: model of ``status``.
        summary: what it is, in one or two sentences: ``kubectl explain`` begins with it.
        shown: the columns of ``kubectl get`` between Reason and Age.
        selectable: paths that ``--field-selector`` knows.
        rules: rules that look at spec and status together.
        example: a manifest's ``spec``, for the reference.
    """

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    spec: type[S]
    status: type[Status]
    summary: str
    example: str
    shown: tuple[Column, ...] = ()
    selectable: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in order."""
        return (READY, REASON, *self.shown, CLOUD_ID, MESSAGE, AGE)

    @property
    def crd_name(self) -> str:
        """Name of the CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"

    def parse(self, spec: object) -> S:
        """The typed spec.

        ``model_fields_set`` tells what is absent, and so not managed, from what is there.

        Args:
            spec: ``spec`` as the API server gave it.

        Raises:
            InvalidSpec: it breaks a rule that the schema could not check, or that the CRDs installed do not have yet,
                or has a field that this version of the operator does not know.
        """
        try:
            return self.spec.model_validate(spec)
        except ValidationError as error:
            raise InvalidSpec([_problem(detail) for detail in error.errors(include_url=False)]) from None


def _problem(detail: ErrorDetails) -> str:
    """One problem as a sentence that starts with the field's place."""
    place = "spec"
    for part in detail["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    message = detail["msg"].removeprefix("Value error, ")
    match detail["type"]:
        case "missing":
            message = "is required; add it"
        case "extra_forbidden":
            message = (
                "is not known to this version of the operator; take it out, or upgrade the operator to the version "
                "of the CustomResourceDefinitions"
            )
        case "value_error":
            pass
        case _:
            given = detail.get("input")
            shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) else ""
            message = f"{message[:1].lower()}{message[1:]}{shown}; correct it"
    return f"{place}: {message}"
