"""A plugin for mypy: ``row.get("…")`` and ``"…" in row`` with a key that a TypedDict does not have are errors.

As ``row["…"]`` is. mypy itself lets any key pass there, since a TypedDict may have further ones at run time. The rows
of the cloud (``client.resources``) and the specs and statuses (``api.json_types``) do not: a key that they do not name
is misspelt. Named in ``pyproject.toml``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mypy.checker import TypeChecker
from mypy.errorcodes import TYPEDDICT_ITEM
from mypy.plugin import MethodContext, Plugin
from mypy.plugins.common import try_getting_str_literals
from mypy.plugins.default import typed_dict_get_callback
from mypy.types import Type, TypedDictType


class TypedGet(Plugin):
    """Looks at each call of ``get`` of a mapping, and at each ``in``."""

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """What looks at a call of a method of that name; None: nothing does."""
        return {"typing.Mapping.get": _get, "typing.Mapping.__contains__": _contains}.get(fullname)


def _get(context: MethodContext) -> Type:
    _check(context)
    return typed_dict_get_callback(context)


def _contains(context: MethodContext) -> Type:
    # mypy only tries here whether the mapping is a container, and drops what it is told: it can be iterated, too.
    errors = cast("TypeChecker", context.api).msg.errors
    watchers = errors._watchers  # noqa: SLF001 - mypy has no other way
    errors._watchers = []  # noqa: SLF001
    try:
        _check(context)
    finally:
        errors._watchers = watchers  # noqa: SLF001
    return context.default_return_type


def _check(context: MethodContext) -> None:
    if isinstance(context.type, TypedDictType) and context.args and context.args[0]:
        for key in try_getting_str_literals(context.args[0][0], context.arg_types[0][0]) or ():
            if key not in context.type.items:
                name = context.type.fallback.type.fullname.rpartition(".")[2]
                context.api.fail(f'TypedDict "{name}" has no key "{key}"', context.context, code=TYPEDDICT_ITEM)


def plugin(version: str) -> type[Plugin]:
    """What mypy asks for; the version is mypy's."""
    del version
    return TypedGet
