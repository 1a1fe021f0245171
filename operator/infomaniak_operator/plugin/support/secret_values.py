"""Which texts of a Secret are looked for in what is written. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping

from infomaniak_operator.client.clouds_yaml import CLOUDS_YAML, read
from infomaniak_operator.client.errors import InvalidCredentialsError

SHORTEST = 4
"""A shorter text is not looked for: it would be found in anything."""
_SHORTEST_LINE = 8
_PRIVATE = "PRIVATE KEY-----"
"""What a private key has in it. Many keep it in one file with its certificate, which is no secret by itself."""
_OPEN = frozenset(
    {
        *("auth_url", "region", "region_name", "interface", "identity_api_version", "auth_type", "verify"),
        *("project_id", "project_name", "tenant_id", "tenant_name", "domain_id", "domain_name"),
        *("project_domain_id", "project_domain_name", "user_domain_id", "user_domain_name"),
        *("user_id", "username", "user_name", "application_credential_id", "application_credential_name"),
        *("cacert", "cert", "tls.crt", "ca.crt", "ca.crl"),
    }
)
"""Keys whose values say who and where, and are no secret. What a key that is not known holds counts as one."""


def values_of(data: Mapping[str, bytes | str]) -> set[str]:
    """The texts of one Secret that must be nowhere: as they are in it, and line by line."""
    found: set[str] = set()
    for key, raw in data.items():
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        if key == CLOUDS_YAML:
            found.update(_of_clouds_yaml(text))
        elif key not in _OPEN or _PRIVATE in text:
            found.update(_of_value(text))
            found.add(base64.b64encode(raw.encode() if isinstance(raw, str) else raw).decode())
    return {each for each in found if len(each) >= SHORTEST}


def _of_clouds_yaml(text: str) -> Iterator[str]:
    try:
        content: object = read(text)
    except InvalidCredentialsError:
        # Nobody knows which part of it is the secret: each value, and each word.
        yield from (line.partition(":")[2].strip().strip("'\"") for line in text.splitlines())
        yield from (word for word in re.split(r"[\s'\",{}\[\]]+", text) if len(word) >= _SHORTEST_LINE)
        return
    pending: list[tuple[str, object]] = [("", content)]
    while pending:
        key, one = pending.pop()
        if isinstance(one, Mapping):
            pending += [(str(name), inner) for name, inner in one.items()]
        elif isinstance(one, list):
            pending += [(key, inner) for inner in one]
        elif isinstance(one, str) and (key not in _OPEN or _PRIVATE in one):
            yield from _of_value(one)


def _of_value(text: str) -> Iterator[str]:
    yield text
    yield text.strip()
    lines = text.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _SHORTEST_LINE)


def limited(values: Iterable[str], most: int) -> tuple[list[str], int]:
    """The values that are looked for, the same in every run, and how many are not."""
    ordered = sorted(set(values), key=lambda each: (-len(each), each))
    return ordered[:most], max(0, len(ordered) - most)
