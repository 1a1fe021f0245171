"""What is written beside what was signed: Sigstore's bundles, and cosign's older forms.

A bundle (``application/vnd.dev.sigstore.bundle.v0.3+json``) has either the signature of a file or a DSSE envelope with
an in-toto statement. It names the key by a hint, and has no entry of a transparency log.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from release.signing.keys import Key

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
IMAGE_SIGNATURE = "https://sigstore.dev/cosign/sign/v1"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about.

    Attributes:
        name: of a file, or an image's without its tag.
        sha256: in hexadecimal.
    """

    name: str
    sha256: str

    def described(self) -> dict[str, Any]:
        """As in-toto writes it."""
        return {"name": self.name, "digest": {"sha256": self.sha256}}


def encoded(content: bytes) -> str:
    """Base64 in one line."""
    return base64.b64encode(content).decode()


def text(document: Mapping[str, Any]) -> str:
    """JSON of the same bytes each time."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n"


def blob_bundle(key: Key, content: bytes, signature: bytes) -> dict[str, Any]:
    """The bundle of a file: for ``cosign verify-blob --bundle``."""
    digest = {"algorithm": "SHA2_256", "digest": encoded(hashlib.sha256(content).digest())}
    return {**_bundle(key), "messageSignature": {"messageDigest": digest, "signature": encoded(signature)}}


def attestation_bundle(key: Key, statement: Mapping[str, Any]) -> dict[str, Any]:
    """The bundle of a statement: for ``cosign verify-blob-attestation --bundle``."""
    payload = json.dumps(statement, separators=(",", ":"), sort_keys=True).encode()
    signature = {"sig": encoded(key.sign(pre_authentication(STATEMENT, payload)))}
    envelope = {"payload": encoded(payload), "payloadType": STATEMENT, "signatures": [signature]}
    return {**_bundle(key), "dsseEnvelope": envelope}


def _bundle(key: Key) -> dict[str, Any]:
    return {"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": key.hint}}}


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """What DSSE signs: the payload's type and the payload, each with its length."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def statement(subjects: Sequence[Subject], kind: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto statement.

    Args:
        subjects: what it is about.
        kind: the predicate's type, an address.
        predicate: what is said.
    """
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject.described() for subject in subjects],
        "predicateType": kind,
        "predicate": dict(predicate),
    }


def image_payload(name: str, digest: str) -> dict[str, Any]:
    """What cosign 2 signs of an image ("simple signing").

    Args:
        name: the image's, without its tag.
        digest: ``sha256:…``.
    """
    return {
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }


def provenance(
    *, source: str, revision: str, target: str, parameters: Mapping[str, str], materials: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The predicate of SLSA's provenance, version 1: what was built, from what, how.

    It says what who signs it says: no build service stands for it, which is SLSA's build level 1.

    Args:
        source: the repository's address.
        revision: the commit.
        target: the make target.
        parameters: what was given to it.
        materials: what else came in, as in-toto's resource descriptors.
    """
    kind = f"{source}/blob/{revision}/docs/releasing.md"
    commit = {"uri": f"git+{source}@{revision}", "digest": {"gitCommit": revision}}
    return {
        "buildDefinition": {
            "buildType": kind,
            "externalParameters": {"source": commit, "target": target, **parameters},
            "resolvedDependencies": [commit, *map(dict, materials)],
        },
        "runDetails": {"builder": {"id": f"{kind}#by-hand"}},
    }
