"""The fields of all kinds that hold a text, and what each declares of its reach."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator

from pydantic.fields import FieldInfo

from infomaniak_operator.api.common import CloudCredentialsRef, Import
from infomaniak_operator.api.model import ApiModel, Names
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.api.types import Ref


def leaves(model: type[ApiModel], place: str) -> Iterator[tuple[str, str, FieldInfo]]:
    """Every field that holds a text, with its place: those in imports, references and credentials apart."""
    for name, info in model.model_fields.items():
        alias = info.alias or name
        here = f"{place}.{alias}"
        for kind in parts(info.annotation):
            if kind is str:
                yield here, alias, info
            elif issubclass(kind, ApiModel) and not issubclass(kind, Import | Ref | CloudCredentialsRef):
                yield from leaves(kind, here)


def parts(annotation: object) -> Iterator[type]:
    """The classes that an annotation is made of; of a dict only that it holds texts."""
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union, list, typing.Annotated):
        inner = typing.get_args(annotation)
        for each in inner[:1] if origin is typing.Annotated else inner:
            yield from parts(each)
    elif origin is dict:
        yield str
    elif isinstance(annotation, type):
        yield annotation


def declared(info: FieldInfo) -> list[Names]:
    return [each for each in info.metadata if isinstance(each, Names)]


ALL = [(kind, *leaf) for kind, each in KINDS.items() for leaf in leaves(each.spec, "spec")]
