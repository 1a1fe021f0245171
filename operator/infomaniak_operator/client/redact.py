"""Takes secrets out of what is logged: those that are known, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
_NAMED = re.compile(
    r"""(?ix)
    ( (?: secret | password | passwd | token | api_?key | authorization ) [\w-]*+ ["']?
      \s*+ [:=] \s*+ (?: bearer \s++ | basic \s++ )? ["']? )
    [^\s"',;&}\])]+
    """
)
"""Begins at the word itself, and nothing is tried twice: the text is a stranger's, and may be made to take long."""
_FERNET = re.compile(r"gAAAAA[\w=-]{20,}")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets.

    Args:
        text: what is to be logged.
        secrets: values that must not be in it.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return _FERNET.sub(HIDDEN, _NAMED.sub(rf"\1{HIDDEN}", text))
