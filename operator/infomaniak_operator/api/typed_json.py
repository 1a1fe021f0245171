"""Writes ``json_types.py``: what the specs and statuses of all kinds are as JSON, one TypedDict for each model."""

from __future__ import annotations

import keyword
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.fields import FieldInfo

from infomaniak_operator.api import common
from infomaniak_operator.api.common import CommonStatus, Described, Filter, Import, Named
from infomaniak_operator.api.kind import Kind
from infomaniak_operator.api.model import ApiModel

_HEAD = '''\
"""What the specs and statuses of all kinds are as JSON, and each kind as what reads them.

A spec is never written, so its fields are read-only; one that is absent is not managed. None in a status is left out
when it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

from typing_extensions import ReadOnly

from infomaniak_operator.api.json_kind import JsonKind
'''
_ANY = '"""For what is done alike for all kinds."""\n'
_WIDTH = 120


class AnyImport(Import):
    """Something in the cloud, made by others, of whatever kind."""

    filter: Filter | None = None


class CommonSpec(common.CommonSpec, Named, Described):
    """What the specs of all kinds have, and of most of them."""

    import_: AnyImport | None = Field(None, alias="import")


def json_types(kinds: Iterable[Kind[Any]]) -> str:
    """The text of the module.

    Args:
        kinds: all kinds.
    """
    kinds = list(kinds)
    models: list[tuple[type[ApiModel], bool]] = [(CommonSpec, True), (CommonStatus, False)]
    models += [each for kind in kinds for each in ((kind.spec, True), (kind.status, False))]
    parts = [_HEAD.rstrip() + "\n"]
    written: set[type[ApiModel]] = set()
    for root, read_only in models:
        for model in _needed(root):
            if model not in written:
                written.add(model)
                parts.append(_typed_dict(model, read_only=read_only))
    parts.append(_literal("SpecField", sorted({name for kind in kinds for name in _names(kind.spec)}), "of all specs"))
    statuses = sorted({name for kind in kinds for name in _names(kind.status)})
    parts.append(_literal("StatusField", statuses, "of all statuses"))
    tokens = [_token(kind.kind, kind.spec, kind.status) for kind in kinds]
    parts.append("\n".join([*tokens, _token("Any", CommonSpec, CommonStatus), ""]) + _ANY)
    return "\n\n".join(parts)


def _needed(model: type[ApiModel]) -> Iterator[type[ApiModel]]:
    """The models that a model is made of, and then itself."""
    for info in model.model_fields.values():
        for part in _models(info.annotation):
            yield from _needed(part)
    yield model


def _models(annotation: Any) -> Iterator[type[ApiModel]]:
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)


def _names(model: type[ApiModel]) -> list[str]:
    return [_name(info) for info in model.model_fields.values()]


def _name(info: FieldInfo) -> str:
    if info.alias is None:
        raise ValueError("a field has no name outside")
    return info.alias


def _typed_dict(model: type[ApiModel], *, read_only: bool) -> str:
    """One TypedDict, and the names of its fields where they are a spec's."""
    fields = {_name(info): _field(info, read_only=read_only) for info in model.model_fields.values()}
    text = " ".join((model.__doc__ or "").split("\n\n", maxsplit=1)[0].split())
    # What is a keyword of Python can only be said in the other way of writing a TypedDict.
    odd = {name: fields.pop(name) for name in list(fields) if keyword.iskeyword(name)}
    base, parts = "TypedDict", []
    if odd:
        base = f"_{model.__name__}"
        items = ", ".join(f'"{name}": "{shown}"' for name, shown in odd.items())
        parts.append(f'{base} = TypedDict("{base}", {{{items}}}, total=False)\n\n\n')
    parts.append(f'class {model.__name__}({base}, total=False):\n    """{text}"""\n\n')
    parts += [_wrapped(f"    {name}: ", shown) for name, shown in fields.items()]
    if read_only and not model.__name__.endswith(("Filter", "Import", "Ref")):
        names = [*odd, *fields]
        parts.append("\n\n" + _literal(f"{model.__name__}Field", names, f"of ``{model.__name__}``"))
    return "".join(parts)


def _field(info: FieldInfo, *, read_only: bool) -> str:
    shown = _type(info.annotation, read_only=read_only)
    if read_only:
        shown = f"ReadOnly[{shown.removesuffix(' | None')}]"
    return f"Required[{shown}]" if info.is_required() else shown


def _type(annotation: Any, *, read_only: bool) -> str:
    """How a type is written."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], read_only=read_only)
    if origin in (typing.Union, types.UnionType):
        parts = [_type(part, read_only=read_only) for part in arguments if part is not type(None)]
        return " | ".join([*dict.fromkeys(parts), *(["None"] if type(None) in arguments else [])])
    if origin is Literal:
        return f"Literal[{', '.join(_quoted(value) for value in arguments)}]"
    if origin is list:
        return f"{'Sequence' if read_only else 'list'}[{_type(arguments[0], read_only=read_only)}]"
    if origin is dict:
        key, value = (_type(part, read_only=read_only) for part in arguments)
        return f"{'Mapping' if read_only else 'dict'}[{key}, {value}]"
    if isinstance(annotation, type) and (annotation in (str, int, bool, float) or issubclass(annotation, ApiModel)):
        return annotation.__name__
    raise TypeError(f"{annotation} has no form in JSON that is known here")


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _wrapped(start: str, text: str) -> str:
    """A field or a name, on as many lines as it needs."""
    if len(start) + len(text) < _WIDTH:
        return f"{start}{text}\n"
    opening, _, rest = text.partition("Literal[")
    names, closing = rest[: rest.index("]")], rest[rest.index("]") :]
    lines = textwrap.wrap(names, _WIDTH - 8, break_on_hyphens=False)
    indent = " " * (len(start) - len(start.lstrip()))
    inner = "".join(f"{indent}    {line}\n" for line in lines)
    return f"{start}{opening}Literal[\n{inner}{indent}{closing}\n"


def _literal(name: str, values: Iterable[str], of: str) -> str:
    names = ", ".join(_quoted(value) for value in values)
    return _wrapped(f"{name} = ", f"Literal[{names}]") + f'"""The names of the fields {of}."""\n'


def _token(kind: str, spec: type[ApiModel], status: type[ApiModel]) -> str:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).upper()
    return f'{name}: JsonKind[{spec.__name__}, {status.__name__}, {spec.__name__}Field] = JsonKind("{kind}")'
