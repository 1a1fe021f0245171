"""Takes secrets out of what is shown: those known, in any form they may come back in, and what looks like one."""

from __future__ import annotations

import base64
import copy
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from infomaniak_operator.client.told import Told

HIDDEN = "***"
_NAMED = re.compile(
    r"""(?ix)
    ( (?: secret | password | passwd | token | api_?key | authorization ) [\w-]{0,64} (?: \\* ["'] )?
      \s{0,8} [:=] \s{0,8} (?: bearer \s | basic \s )? )
    (?:
      \\+ " [^"\\]* | \\+ ' [^'\\]*                 # JSON within JSON
      | " (?: [^"\\] | \\. )* "? | ' (?: [^'\\] | \\. )* '?
      | [^\s"',;&}\])] (?: [^\n"',;&}\])] )*        # blanks too: nobody knows where an unquoted password ends
    )
    """
)
_FERNET = re.compile(r"gAAAAA[\w=-]{20,}")
_SHORTEST_PACKED = 6
"""A shorter secret is not looked for in base64: its forms would be found in anything."""


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets.

    Args:
        text: what is to be shown.
        secrets: values that must not be in it, as they are or encoded (URL, JSON, base64, HTML).
    """
    return _NAMED.sub(rf"\1{HIDDEN}", hidden(text, secrets))


def hidden(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, and without tokens of Keystone; all else stays.

    Where the text knows which words are ours (``Told``), a secret that lies wholly within them stays: a password that
    is a common word would have our own sentences cut, and what is cut in them would tell what it is. One that as much
    as touches what others say is hidden. What is returned then is a ``Told``, too.
    """
    return Hiding(secrets).hidden(text)


class Hiding:
    """Takes the same secrets out of many texts.

    Args:
        secrets: values that must not be in them, as they are or encoded (URL, JSON, base64, HTML).
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def within(self, text: str) -> Hiding:
        """The same for the parts of a text: what is not in it as a whole is not looked for in each of them."""
        found = copy.copy(self)
        found._forms = tuple(form for form in self._forms if form in text)  # noqa: SLF001 - its own class
        return found

    def hidden(self, text: str) -> str:
        """The text without the secrets, and without tokens of Keystone; all else stays. See ``hidden``."""
        if isinstance(text, Told):
            return self._in_told(text)
        for form in self._forms:
            text = _run(form).sub(HIDDEN, text) if _is_mark(form) else text.replace(form, HIDDEN)
        return _FERNET.sub(HIDDEN, text)

    def _in_told(self, text: Told) -> Told:
        for form in self._forms:
            text = _without(text, form)
        for token in reversed(list(_FERNET.finditer(text))):
            text = text.with_hidden(*token.span(), HIDDEN)
        return text

    def redacted(self, text: str) -> str:
        """The text also without what looks like a secret."""
        return _NAMED.sub(rf"\1{HIDDEN}", self.hidden(text))


def _is_mark(form: str) -> bool:
    """Whether a secret looks like the mark in place of one, or a part of it."""
    return not form.strip(HIDDEN[0])


def _run(form: str) -> re.Pattern[str]:
    """The whole run of characters in which such a secret is: a text that is gone through again must not grow."""
    return re.compile(rf"{re.escape(HIDDEN[0])}{{{len(form)},}}")


def _without(text: Told, form: str) -> Told:
    if _is_mark(form):
        for run in reversed(list(_run(form).finditer(text))):
            text = text if text.within(*run.span()) else text.with_hidden(*run.span(), HIDDEN)
        return text
    at = text.find(form)
    while at >= 0:
        if text.within(at, at + len(form)):
            at += 1
        else:
            text = text.with_hidden(at, at + len(form), HIDDEN)
            at += len(HIDDEN)
        at = text.find(form, at)
    return text


def _forms(secret: str) -> frozenset[str]:
    """How a secret may look in what a service or a library says."""
    raw = secret.encode("utf-8", "surrogatepass")
    once = {secret, *_written(secret)}
    found = {again for one in once for again in (one, *_written(one))}
    if len(raw) >= _SHORTEST_PACKED:
        found |= _packed(raw)
    # What is shown has its blanks joined, and what cannot be printed replaced.
    shown = {" ".join(one.split()) for one in found}
    shown |= {"".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in one) for one in shown}
    return frozenset(one for one in found | shown if one)


def _written(text: str) -> set[str]:
    raw = text.encode("utf-8", "surrogatepass")
    urls = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    urls |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url) for url in urls}
    texts = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {*urls, *texts, html.escape(text), html.escape(text, quote=False)}


def _packed(raw: bytes) -> set[str]:
    """The secret in base64, by itself and as a part of something longer (``user:password``)."""
    found = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + raw).decode().rstrip("=")
            # The first and the last character also depend on what is before and behind.
            start = (0, 2, 3)[before]
            end = len(text) - (1 if (before + len(raw)) % 3 else 0)
            found.add(text[start:end])
    return found
