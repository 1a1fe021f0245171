"""What is written of objects and logs: without what strangers may have put in, and without secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infomaniak_operator.api.kind import GROUP
from infomaniak_operator.client.redact import HIDDEN, Hiding
from infomaniak_operator.plugin.doctor.bodies import items, part, text

LONGEST = 20_000
"""Characters of one text."""
_DEEPEST = 40
_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:.{0,16384}?-----END [A-Z ]{0,40}PRIVATE KEY-----|.{0,16384})", re.DOTALL
)
"""A private key; of one that has no end as much as a key may have, or a line of a stranger would hide a whole log."""
_LOGIN = re.compile(
    r"""(?i)\b([a-z][a-z0-9+.-]{0,20}://)(?:[^\s/@:"'<>\\]{0,200}:[^\s"'<>\\]{1,300}|[^\s/@]{1,500})@"""
)
"""A login in an address; a password in it may have any sign, so it ends at the last ``@``."""
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")


class Cleaner:
    """Takes secrets out of texts and objects.

    Args:
        secrets: values that must be in neither.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._hiding = Hiding(secrets)

    def text(self, value: str) -> str:
        """A text without the secrets, and without what looks like one: passwords, tokens, private keys."""
        return _text(value, self._hiding)

    def hidden(self, value: str) -> str:
        """A text without the secrets alone."""
        return self._hiding.hidden(value)

    def json(self, value: object) -> object:
        """What JSON can hold with all its texts cleaned, its keys among them."""
        return _json(value, self._hiding.within("\0".join(_texts(value, 0))), 0)

    def custom(self, body: Mapping[str, Any]) -> object:
        """An object of this API, or an Event: without managedFields, and without annotations of others."""
        meta = dict(part(body, "metadata"))
        meta.pop("managedFields", None)
        annotations = part(meta, "annotations")
        if annotations:
            meta["annotations"] = {name: each for name, each in annotations.items() if name.startswith(f"{GROUP}/")}
        return self.json({**body, "metadata": meta})

    def deployment(self, body: Mapping[str, Any]) -> object:
        """Of a Deployment what says how the operator runs; of its environment the names."""
        spec = part(body, "spec")
        return self.json(
            {
                "metadata": _metadata(body),
                "replicas": spec.get("replicas"),
                "containers": [_container(each) for each in items(part(spec, "template", "spec"), "containers")],
                "status": part(body, "status"),
            }
        )

    def pod(self, body: Mapping[str, Any]) -> object:
        """Of a Pod what says how the operator runs."""
        spec, status = part(body, "spec"), part(body, "status")
        kept = ("phase", "reason", "message", "conditions", "containerStatuses", "startTime")
        return self.json(
            {
                "metadata": _metadata(body),
                "containers": [_container(each) for each in items(spec, "containers")],
                "status": {name: status[name] for name in kept if name in status},
            }
        )

    def definition(self, body: Mapping[str, Any]) -> object:
        """Of a CustomResourceDefinition all but its schema, which the doctor has compared."""
        versions = [
            {name: each.get(name) for name in ("name", "served", "storage")}
            for each in items(part(body, "spec"), "versions")
            if isinstance(each, Mapping)
        ]
        status = part(body, "status")
        kept = {name: status[name] for name in ("conditions", "storedVersions") if name in status}
        return self.json({"metadata": _metadata(body), "versions": versions, "status": kept})


def _text(value: str, hiding: Hiding) -> str:
    found = hiding.redacted(_KEY.sub(HIDDEN, value))
    return _TOKEN.sub(HIDDEN, _LOGIN.sub(rf"\1{HIDDEN}@", found))


def _texts(value: object, depth: int) -> Iterator[str]:
    """All that is written of a value."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, depth + 1)
    else:
        yield str(value)


def _json(value: object, hiding: Hiding, depth: int) -> object:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {hiding.hidden(str(key)): _json(inner, hiding, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner, hiding, depth + 1) for inner in value]
    if isinstance(value, str):
        found = _text(value, hiding)
        return found if len(found) <= LONGEST else f"{found[:LONGEST]}… (cut)"
    if value is None or isinstance(value, bool):
        return value
    # A number may be a password, too.
    plain = isinstance(value, int | float) and hiding.hidden(str(value)) == str(value)
    return value if plain else _text(str(value), hiding)


def _metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    meta = part(body, "metadata")
    return {name: meta[name] for name in ("namespace", "name", "uid", "creationTimestamp", "labels") if name in meta}


def _container(body: object) -> dict[str, Any]:
    found = body if isinstance(body, Mapping) else {}
    names = [text(each, "name") for each in items(found, "env")]
    kept = {name: found[name] for name in ("name", "image", "args", "resources") if name in found}
    return {**kept, "env": names}
