"""What an audit found, and what it could not look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from release.audit.advisories import Advisory, concerning
from release.audit.index import Index, NoAnswerError, Project
from release.sbom import Pin

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a pin.

    Attributes:
        pin: the pin.
        what: in words.
        wrong: whether the audit fails because of it.
    """

    pin: Pin
    what: str
    wrong: bool = True

    def __str__(self) -> str:
        return f"{self.pin.name} {self.pin.version}: {self.what}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the index said.

    Attributes:
        findings: about the pins.
        answered: of how many pins it told.
        silent: why it told nothing of the others; empty: it told of all.
    """

    findings: list[Finding]
    answered: int
    silent: str


def of_index(pins: list[Pin], index: Index) -> Asked:
    """Ask the index about pins; once it does not answer, it is not asked any more.

    Args:
        pins: the pins.
        index: who is asked.
    """
    findings: list[Finding] = []
    answered, silent = 0, ""
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        for start in range(0, len(pins), _AT_ONCE):
            part = pins[start : start + _AT_ONCE]
            for pin, said in zip(part, workers.map(lambda each: _said(index, each), part), strict=True):
                if isinstance(said, NoAnswerError):
                    silent = str(said)
                else:
                    answered += 1
                    findings += of_project(pin, said)
            if silent:
                break
    return Asked(findings, answered, silent)


def _said(index: Index, pin: Pin) -> Project | NoAnswerError | None:
    try:
        return index.project(pin.name)
    except NoAnswerError as error:
        return error


def of_project(pin: Pin, project: Project | None) -> Iterator[Finding]:
    """What the index's answer says of a pin.

    Args:
        pin: the pin.
        project: the answer; None: the index knows no such project.
    """
    if project is None:
        yield Finding(pin, "the index has no such project")
        return
    releases = {version: release for text, release in project.releases.items() if (version := _version(text))}
    wanted = Version(pin.version)
    here = releases.get(wanted)
    if here is None:
        yield Finding(pin, "the index does not have this version any more")
    elif here.hashes and not here.hashes & set(pin.hashes):
        yield Finding(pin, "the index has none of the files that the lock allows")
    elif here.yanked is not None:
        yield Finding(pin, f"yanked: {_one_line(here.yanked) or 'no reason is given'}")
    patches = [
        version
        for version, release in releases.items()
        if version > wanted
        and version.release[:2] == wanted.release[:2]
        and not version.is_prerelease
        and release.yanked is None
    ]
    if patches:
        yield Finding(pin, f"there is {max(patches)}", wrong=False)


def of_advisories(pins: list[Pin], advisories: Mapping[str, list[Advisory]]) -> list[Finding]:
    """What a dump of advisories says of pins."""
    found = []
    for pin in pins:
        for each in concerning(advisories, pin):
            names = ", ".join((each.name, *each.aliases))
            found.append(Finding(pin, f"{names}: {_one_line(each.summary)}".rstrip(": ")))
    return found


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _one_line(text: str) -> str:
    """Text from elsewhere, without what a terminal would act on."""
    return "".join(each if each.isprintable() else " " for each in text)[:200].strip()
