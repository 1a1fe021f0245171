"""The manifests that a command is to look at, from files, folders and standard input."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.api.registry import KINDS, InvalidSpec
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.command import Usage
from infomaniak_operator.plugin.preflight.list_keys import doubled
from infomaniak_operator.plugin.preflight.yaml_documents import Unreadable, documents

MAX_BYTES = 4 * 2**20
"""Of one file."""
MAX_FILES = 1000
MAX_OBJECTS = 2000
"""Of all files together."""
_ENDINGS = (".yaml", ".yml", ".json")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 253
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_OTHERS = frozenset({"Secret", "Service"})
"""The kinds of Kubernetes itself that objects refer to."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object of this API in a file.

    Attributes:
        resource: the object; where the file names no namespace, in that of the command.
        file: where it is.
        problems: what is wrong with it by itself, as far as the schema says.
    """

    resource: KubeObject
    file: str
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Manifests:
    """What there is in files.

    Attributes:
        found: the objects of this API.
        others: Secrets and Services by key, with their labels and nothing of what is in them.
        ignored: how many there are of other kinds.
    """

    found: list[Manifest] = field(default_factory=list)
    others: dict[Key, Mapping[str, str]] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)


def read(paths: Sequence[str], namespace: str, *, recursive: bool) -> Manifests:
    """Read manifests.

    Args:
        paths: files, folders, or ``-`` for standard input.
        namespace: of objects that name none.
        recursive: whether the folders in a folder are read, too.

    Raises:
        Usage: something cannot be read, or is too much.
    """
    found = Manifests()
    names = [name for path in paths for name in _files(path, recursive=recursive)]
    if len(names) > MAX_FILES:
        raise Usage(f"There are more than {MAX_FILES} files: name fewer.")
    for name in names:
        try:
            for each in documents(_text(name)):
                for body in _listed(each):
                    _take(found, body, name, namespace)
        except Unreadable as error:
            raise Usage(f"{_shown(name)} cannot be read: {error}.") from error
        if len(found.found) > MAX_OBJECTS:
            raise Usage(f"There are more than {MAX_OBJECTS} objects of {GROUP}: name fewer files.")
    return found


def _files(path: str, *, recursive: bool) -> Iterator[str]:
    if path == "-" or not Path(path).is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders.sort()
        yield from (str(Path(folder, name)) for name in sorted(files) if name.endswith(_ENDINGS))
        if not recursive:
            return


def _text(name: str) -> str:
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise Usage(f"{_shown(name)} cannot be read: {error}") from error
    if len(raw) > MAX_BYTES:
        raise Usage(f"{_shown(name)} has more than {MAX_BYTES // 2**20} MiB: split it.")
    return text


def _shown(name: str) -> str:
    return "Standard input" if name == "-" else name


def _listed(document: object) -> Iterable[object]:
    """The objects of a document: those of a List, or itself."""
    if isinstance(document, Mapping) and document.get("kind") == "List" and isinstance(document.get("items"), list):
        items: list[object] = document["items"]
        return items
    return [document]


def _take(found: Manifests, body: object, file: str, namespace: str) -> None:
    if not isinstance(body, Mapping):
        raise Unreadable("there is a document that is no object of Kubernetes")
    version, kind = str(body.get("apiVersion") or ""), str(body.get("kind") or "")
    group, _, number = version.rpartition("/")
    if group == GROUP:
        found.found.append(_manifest(body, file, namespace, kind, number))
        return
    found.ignored[f"{version} {kind}".strip()[:120] or "nothing with a kind"] += 1
    meta = body.get("metadata")
    if kind in _OTHERS and version == "v1" and isinstance(meta, Mapping):
        labels = meta.get("labels")
        key = Key(kind, str(meta.get("namespace") or namespace), str(meta.get("name")))
        found.others[key] = dict(labels) if isinstance(labels, Mapping) else {}


def _manifest(body: Mapping[str, Any], file: str, namespace: str, kind: str, version: str) -> Manifest:
    meta = body.get("metadata")
    meta = meta if isinstance(meta, Mapping) else {}
    name, place = meta.get("name"), meta.get("namespace") or namespace
    spec = body.get("spec")
    key = Key(kind, str(place), str(name or "without a name"))
    problems = [
        *_head(kind, version, name),
        *_metadata(meta),
        *(f"{each} is not known" for each in sorted(set(body) - _FIELDS)),
    ]
    if kind in KINDS and version == VERSION:
        problems += _spec(kind, spec)
    kept = {"metadata": {**meta, "namespace": str(place)}, "spec": spec if isinstance(spec, Mapping) else {}}
    return Manifest(KubeObject(key, {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, **kept}), file, tuple(problems))


def _head(kind: str, version: str, name: object) -> Iterator[str]:
    """What is wrong with the kind, the version and the name."""
    if kind not in KINDS:
        yield f"kind: there is no {kind or 'kind'!r} in {GROUP}: the kinds are {', '.join(KINDS)}"
    if version != VERSION:
        yield f"apiVersion: the version is {VERSION}"
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        yield "metadata.name: must be there, in lower case letters, digits, '-' and '.'"


def _metadata(meta: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the rest of the metadata, which no schema of ours describes."""
    namespace = meta.get("namespace")
    if namespace not in (None, "") and not (isinstance(namespace, str) and _NAMESPACE.fullmatch(namespace)):
        yield "metadata.namespace: must be lower case letters, digits and '-', at most 63"
    for place in ("labels", "annotations"):
        values = meta.get(place)
        if values is None:
            continue
        if not isinstance(values, Mapping):
            yield f"metadata.{place}: must be a mapping of texts"
            continue
        for name, value in values.items():
            if value is not None and not isinstance(value, str):
                yield f"metadata.{place}.{name}: must be a text: write it in quotes"
            elif place == "labels" and not _LABEL.fullmatch(value or ""):
                yield f"metadata.labels.{name}: must be at most 63 letters, digits, '-', '_' and '.'"


def _spec(kind: str, spec: object) -> Sequence[str]:
    if not isinstance(spec, Mapping):
        return ["spec: is required; add it"]
    try:
        KINDS[kind].parse(spec)
    except InvalidSpec as error:
        return error.problems
    except Exception as error:  # noqa: BLE001 - what a stranger wrote is never a defect of ours
        return [f"spec: cannot be checked ({type(error).__name__})"]
    return list(doubled(kind, spec))
