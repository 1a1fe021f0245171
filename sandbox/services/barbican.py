"""Barbican's API, on PostgreSQL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_PASTE = Path(sys.prefix, "etc", "barbican", "barbican-api-paste.ini")


def as_text(parameters: Any) -> Any:
    """A statement's parameters with text for bytes."""
    if isinstance(parameters, dict):
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in parameters.items()}
    if isinstance(parameters, list | tuple):
        return type(parameters)(map(as_text, parameters))
    return parameters


def application() -> Any:
    r"""The WSGI application. Its file is ``~/barbican.conf``: every module of it reads that place when it is imported.

    It writes bytes into columns of text (none of its columns is binary). MySQL takes them as they are, psycopg2 makes
    ``\x6741…`` of them: a project's key is read back as another one, and its second secret is an error 500.
    """
    import sqlalchemy  # noqa: PLC0415
    from paste import deploy  # noqa: PLC0415

    def before(*event: Any) -> tuple[str, Any]:
        _, _, statement, parameters, *_ = event
        return statement, as_text(parameters)

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", before, retval=True)
    return deploy.loadapp(f"config:{_PASTE}")
