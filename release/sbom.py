"""A software bill of materials (CycloneDX 1.6, JSON) from the lock file.

Only the standard library is used, so that the image's build can run it.
The same lock, version and ``SOURCE_DATE_EPOCH`` give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "infomaniak-operator"
_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[^]]*\])?==(?P<version>[^\s;\\]+)(\s*;\s*(?P<marker>[^\\]+))?"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"^\s+#\s+(?:via\s+)?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\s+\(.*\))?\s*$")


@dataclass(frozen=True, slots=True)
class Pin:
    """A package of the lock.

    Attributes:
        name: normalised.
        version: the one pinned.
        hashes: SHA-256 of each file that may be installed.
        wanted_by: the packages that need it; ours is called ``NAME``.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    wanted_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def pins(lock: str) -> Iterator[Pin]:
    """The packages of a lock file as pip-compile writes it.

    Raises:
        ValueError: a package has no hash.
    """
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        found = _PIN.match(block)
        if not found:
            continue
        hashes = tuple(_HASH.findall(block))
        if not hashes:
            raise ValueError(f"{found['name']}: the lock has no hash for it")
        via = [match["name"] for line in block.splitlines() if (match := _VIA.match(line)) and match["name"] != "via"]
        yield Pin(normal(found["name"]), found["version"], hashes, tuple(map(normal, via)))


def bill(lock: str, version: str, made: dt.datetime) -> dict[str, Any]:
    """The bill.

    Args:
        lock: the lock file's text.
        version: the operator's.
        made: when; part of the bill.
    """
    return bill_of(list(pins(lock)), version, made, identity=lock)


def bill_of(found: list[Pin], version: str, made: dt.datetime, *, identity: str) -> dict[str, Any]:
    """The bill of some packages.

    Args:
        found: the packages.
        version: the operator's.
        made: when; part of the bill.
        identity: another text gives the bill another serial number.
    """
    urls = {pin.name: pin.purl for pin in found}
    ours = f"pkg:pypi/{NAME}@{version}"
    needs: dict[str, list[str]] = {ours: [], **{pin.purl: [] for pin in found}}
    for pin in found:
        for parent in pin.wanted_by or (NAME,):
            needs[urls.get(parent, ours)].append(pin.purl)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ours + identity)}",
        "version": 1,
        "metadata": {
            "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": NAME,
                "version": version,
                "purl": ours,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [
            {
                "type": "library",
                "bom-ref": pin.purl,
                "name": pin.name,
                "version": pin.version,
                "purl": pin.purl,
                # The lock allows each of these files (a wheel a platform, say); one of them is installed.
                "properties": [{"name": "pip:sha256", "value": value} for value in pin.hashes],
            }
            for pin in found
        ],
        "dependencies": [{"ref": ref, "dependsOn": sorted(which)} for ref, which in needs.items()],
    }


def written(lock: Path, version: str, out: Path) -> None:
    """Write the bill of a lock file."""
    made = dt.datetime.fromtimestamp(epoch(), dt.UTC)
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(bill(lock.read_text(encoding="utf-8"), version, made), indent=1)
    out.write_text(text + "\n", encoding="utf-8")


def epoch() -> int:
    """``SOURCE_DATE_EPOCH``, in seconds since 1970; 0 where it is not set."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or 0)


def normal(name: str) -> str:
    """A package's name as package URLs have it."""
    return re.sub(r"[-_.]+", "-", name).lower()
