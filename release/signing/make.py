"""``make release-sign``: sign what ``make dist`` made, and an image by its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release.signing import formats
from release.signing.formats import Subject
from release.signing.keys import Key

LOCKS = ("requirements/run.txt", "requirements/build.txt")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?")
"""A registry, a path, and perhaps a tag. What else a name could have would end up in what is signed."""


class SigningError(Exception):
    """Something cannot be signed as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a release comes from.

    Attributes:
        source: the repository's address.
        revision: the commit.
        changed: whether files differ from the commit.
        root: the checkout.
    """

    source: str
    revision: str
    changed: bool
    root: Path

    def checked(self) -> None:
        """Refuse what cannot be said in public.

        Raises:
            SigningError: the address is none, there is no commit, or there is something that no commit has.
        """
        if not re.fullmatch(r"https://[^\s@?#]+[^\s@?#/]", self.source):
            raise SigningError(
                "SOURCE=https://… has to name the repository, without a user and without a slash at its end"
            )
        if not re.fullmatch(r"[0-9a-f]{40,64}", self.revision):
            raise SigningError("there is no commit that a provenance could name")
        if self.changed:
            raise SigningError("files differ from the commit: commit them, or a provenance would not be true")

    def materials(self) -> list[dict[str, Any]]:
        """The lock files, which name all packages by their hashes."""
        return [{"name": name, "digest": {"sha256": _sha256(self.root / name)}} for name in LOCKS]


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a registry.

    Attributes:
        name: with or without a tag.
        digest: ``sha256:…``, as the registry knows it.
        base: what it was built on, by digest.
        bill: its bill of materials.
    """

    name: str
    digest: str
    base: str
    bill: Path

    def checked(self) -> None:
        """Refuse what is not named by digest.

        Raises:
            SigningError: the digest or the base's is missing, the name is none, or there is no bill of materials.
        """
        if not _NAME.fullmatch(self.name):
            raise SigningError("IMAGE=… has to be the image's name, with a tag or without, and without a digest")
        if not _DIGEST.fullmatch(self.digest):
            raise SigningError("IMAGE_DIGEST=sha256:… has to be the image's digest, as the push printed it")
        if not re.fullmatch(rf"[^@\s]+@{_DIGEST.pattern}", self.base):
            raise SigningError("BASE=…@sha256:… has to be the base that the image was built on")
        if not self.bill.is_file():
            raise SigningError(f"{self.bill}: `make image` writes it")

    @property
    def subject(self) -> Subject:
        """What is said of it is said of this."""
        return Subject(re.sub(r"(?<=[^/]):[^:/]+$", "", self.name), self.digest.removeprefix("sha256:"))


def sign(
    key: Key, files: Sequence[Path], to: Path, origin: Origin, *, image: Image | None, tell: Callable[[str], None]
) -> list[Path]:
    """Sign files and, if it is given, an image; returns what was written.

    Args:
        key: the key.
        files: what ``make dist`` made.
        to: the folder for the signatures.
        origin: where it comes from.
        image: an image that was pushed.
        tell: told what was not signed.

    Raises:
        SigningError: something is missing, or not named by digest.
    """
    origin.checked()
    if missing := [str(path) for path in files if not path.is_file()]:
        raise SigningError(f"not there: {', '.join(missing)}; `make dist` makes it")
    if image is not None:
        image.checked()
    written = [_written(to / "infomaniak-operator.pub", key.pem)]
    for path in files:
        written += _blob(key, path)
    about = formats.provenance(
        source=origin.source, revision=origin.revision, target="dist", parameters={}, materials=origin.materials()
    )
    subjects = [Subject(path.name, _sha256(path)) for path in files]
    said = formats.statement(subjects, formats.PROVENANCE, about)
    written.append(_attested(key, to / "release.provenance.sigstore.json", said))
    if image is None:
        tell("no IMAGE_DIGEST was given: the image is not signed")
    else:
        written += _image(key, to, origin, image)
    return written


def _image(key: Key, to: Path, origin: Origin, image: Image) -> list[Path]:
    payload = _written(to / "image.payload.json", json.dumps(formats.image_payload(image.subject.name, image.digest)))
    base, _, digest = image.base.partition("@sha256:")
    materials = [
        *origin.materials(),
        {"uri": f"pkg:oci/{base.rpartition('/')[2]}", "name": base, "digest": {"sha256": digest}},
    ]
    about = formats.provenance(
        source=origin.source,
        revision=origin.revision,
        target="image",
        parameters={"BASE": image.base},
        materials=materials,
    )
    bill = json.loads(image.bill.read_text(encoding="utf-8"))
    said: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        "image.sigstore.json": (formats.IMAGE_SIGNATURE, {}),
        "image.provenance.sigstore.json": (formats.PROVENANCE, about),
        "image.cyclonedx.sigstore.json": (formats.CYCLONEDX, bill),
    }
    made = [
        _attested(key, to / name, formats.statement([image.subject], kind, predicate))
        for name, (kind, predicate) in said.items()
    ]
    return [payload, *_blob(key, payload), *made]


def _blob(key: Key, path: Path) -> list[Path]:
    content = path.read_bytes()
    signature = key.sign(content)
    bundle = formats.text(formats.blob_bundle(key, content, signature))
    plain = _written(path.with_name(f"{path.name}.sig"), formats.encoded(signature))
    return [plain, _written(path.with_name(f"{path.name}.sigstore.json"), bundle)]


def _attested(key: Key, path: Path, statement: Mapping[str, Any]) -> Path:
    return _written(path, formats.text(formats.attestation_bundle(key, statement)))


def _written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
