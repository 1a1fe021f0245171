"""The lock files: every requirement pinned, with hashes, and from nowhere but the index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from release import sbom
from release.sbom import Pin

LOCKS = (
    "requirements/run.txt",
    "requirements/build.txt",
    "requirements/dev.txt",
    "requirements/docs.txt",
    "sandbox/requirements.txt",
)
_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^]]*\])?==[^\s;*]+(\s*;[^@]*)?")
_HASH = re.compile(r"--hash=(?P<of>\S+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def problems(lock: str) -> list[str]:
    """What is wrong in a lock file; empty: nothing.

    Args:
        lock: its text.
    """
    return [f"{words.split()[0]}: {what}" for words in _requirements(lock) for what in _wrong(words)]


def _wrong(words: str) -> Iterator[str]:
    if words.startswith("-"):
        yield "an option: where packages come from is for each machine to say"
        return
    bare = _HASH.sub("", words).strip()
    if "://" in bare or " @ " in bare:
        yield "an address in place of a version"
    elif not _PIN.fullmatch(bare):
        yield "not pinned to one version by =="
    found = list(_HASH.finditer(words))
    if not found:
        yield "no hash"
    elif not all(_SHA256.fullmatch(each["of"]) for each in found):
        yield "a hash that is no SHA-256"


def _requirements(lock: str) -> Iterator[str]:
    """The requirements, each in one line, without comments."""
    for line in lock.replace("\\\n", " ").splitlines():
        words = re.sub(r"(^|\s)#.*$", "", line).strip()
        if words:
            yield re.sub(r"\s+", " ", words)


def pins(root: Path, names: tuple[str, ...] = LOCKS) -> dict[Pin, list[str]]:
    """The pins of lock files, each with the files that have it.

    Args:
        root: the checkout.
        names: the files.
    """
    found: dict[tuple[str, str], tuple[Pin, list[str]]] = {}
    for name in names:
        for pin in sbom.pins((root / name).read_text(encoding="utf-8")):
            found.setdefault((pin.name, pin.version), (pin, []))[1].append(name)
    return dict(found.values())
