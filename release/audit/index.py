"""What the package index says of a project: its releases, and which of them were yanked (PEP 691 and 700)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import requests

_JSON = "application/vnd.pypi.simple.v1+json"
_SECONDS = 30.0
_MOST_BYTES = 64 * 2**20


class NoAnswerError(Exception):
    """The index did not answer, or not in this form; the message names neither it nor what was sent to it."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a project.

    Attributes:
        hashes: SHA-256 of its files.
        yanked: why it was withdrawn; None: it was not. Empty: no reason is given.
    """

    hashes: frozenset[str]
    yanked: str | None


@dataclass(frozen=True, slots=True)
class Project:
    """A project.

    Attributes:
        releases: by version, as the file names have it.
    """

    releases: Mapping[str, Release] = field(default_factory=dict)


class Index(Protocol):
    """Who can be asked."""

    def project(self, name: str) -> Project | None:
        """A project; None: there is none.

        Raises:
            NoAnswerError: it did not answer.
        """


def parsed(name: str, answer: Any) -> Project:
    """A project from the index's answer.

    Args:
        name: the project's, normalised.
        answer: JSON, which may be anything.

    Raises:
        NoAnswerError: it is not of the form that PEP 691 says.
    """
    try:
        files: dict[str, list[Mapping[str, Any]]] = {}
        for each in answer["files"]:
            if version := version_of(name, str(each["filename"])):
                files.setdefault(version, []).append(each)
        return Project({version: _release(each) for version, each in files.items()})
    except (KeyError, TypeError, AttributeError):
        raise NoAnswerError("the index answers in another form than PEP 691's") from None


def _release(files: list[Mapping[str, Any]]) -> Release:
    reasons = [each.get("yanked", False) for each in files]
    hashes = frozenset(str(each["hashes"]["sha256"]) for each in files if "sha256" in each["hashes"])
    if not all(reason is not False for reason in reasons):
        return Release(hashes, None)
    return Release(hashes, next((reason for reason in reasons if isinstance(reason, str)), ""))


def version_of(name: str, file: str) -> str | None:
    """The version that a file's name has; None: it is no wheel and no source package of the project."""
    stem = re.escape(name).replace(r"\-", "[-_.]+")
    wheel = re.fullmatch(rf"(?i:{stem})-(?P<version>[^-]+)(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl", file)
    source = re.fullmatch(rf"(?i:{stem})-(?P<version>[^-]+)\.(tar\.gz|zip|tar\.bz2|tgz)", file)
    found = wheel or source
    return found["version"] if found else None


class PipIndex:
    """The index that pip is set up to use on this machine, with its certificates.

    Args:
        address: of the index, without a slash at its end.
        certificates: a file; empty: the usual ones.
    """

    def __init__(self, address: str, certificates: str = "") -> None:
        self._address = address
        self._verify: str | bool = certificates or True

    def project(self, name: str) -> Project | None:
        """See `Index`."""
        try:
            with requests.get(
                f"{self._address}/{name}/",
                headers={"Accept": _JSON},
                timeout=_SECONDS,
                verify=self._verify,
                stream=True,
            ) as answer:
                if answer.status_code == requests.codes.not_found:
                    return None
                answer.raise_for_status()
                if _JSON not in answer.headers.get("Content-Type", ""):
                    raise NoAnswerError("the index does not speak JSON (PEP 691)")
                body = answer.raw.read(_MOST_BYTES, decode_content=True)
                return parsed(name, json.loads(body))
        except (requests.RequestException, OSError, ValueError) as error:
            raise NoAnswerError(f"the index did not answer: {type(error).__name__}") from None


def of_pip() -> PipIndex:
    """The index by pip's own settings: its configuration, its variables of the environment, else its default.

    Raises:
        NoAnswerError: pip does not say.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - this interpreter, with fixed words
    settings = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def setting(name: str) -> str:
        return settings.get(f":env:.{name}", settings.get(f"global.{name}", "")).strip("'\"")

    address = setting("index-url") or _default()
    certificates = setting("cert")
    return PipIndex(address.rstrip("/"), certificates if Path(certificates).is_file() else "")


def _default() -> str:
    try:
        from pip._internal.models.index import PyPI  # noqa: PLC0415 - pip says nowhere else what it uses by default
    except ImportError:
        raise NoAnswerError("pip does not say which index it uses") from None
    return str(PyPI.simple_url)
