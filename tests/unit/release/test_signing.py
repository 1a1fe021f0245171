"""Signatures and attestations: read back by openssl and by the formats' own rules, not by what wrote them."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from release import __main__ as command
from release import dist
from release.signing import formats, keys, make

SOURCE, REVISION = "https://git.example.com/team/infomaniak-operator", "a" * 40
IMAGE = "registry.example.com:5000/team/infomaniak-operator"
DIGEST, BASE = f"sha256:{'1' * 64}", f"docker.io/library/python:3.13-slim@sha256:{'2' * 64}"
PASSPHRASE = "correct horse"
PAGE = (Path(__file__).parents[3] / "docs" / "verifying.md").read_text()
P256 = ec.SECP256R1()


def _pem(key: Any, passphrase: str = "", form: str = "PKCS8") -> bytes:
    shape = serialization.PrivateFormat.PKCS8 if form == "PKCS8" else serialization.PrivateFormat.TraditionalOpenSSL
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, shape, lock))


@pytest.fixture(scope="module")
def secret() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(P256)


@pytest.fixture
def key(secret: ec.EllipticCurvePrivateKey) -> keys.Key:
    return keys.Key(secret)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "root/requirements").mkdir(parents=True)
    for name in make.LOCKS:
        (tmp_path / "root" / name).write_text(name)
    made = tmp_path / "dist"
    (made / "image").mkdir(parents=True)
    for path in dist.files(made):
        path.write_bytes(path.name.encode() * 3)
    (made / "image" / dist.IMAGE_BILL).write_text('{"bomFormat": "CycloneDX"}')
    return made


def _origin(folder: Path, **other: Any) -> make.Origin:
    return make.Origin(
        **{"source": SOURCE, "revision": REVISION, "changed": False, "root": folder.parent / "root", **other}
    )


def _image(folder: Path, **other: Any) -> make.Image:
    bill = folder / "image" / dist.IMAGE_BILL
    return make.Image(**{"name": f"{IMAGE}:0.2.0", "digest": DIGEST, "base": BASE, "bill": bill, **other})


def _sign(key: keys.Key, folder: Path, image: make.Image | None, tell: Callable[[str], None] = print) -> list[Path]:
    return make.sign(key, dist.files(folder), folder, _origin(folder), image=image, tell=tell)


def _openssl(public: Path, signature: bytes, message: bytes, folder: Path) -> bool:
    """Whether openssl takes a signature: an implementation that is none of ours."""
    (folder / "signature").write_bytes(signature)
    words = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", str(folder / "signature")]
    return subprocess.run(words, input=message, capture_output=True, check=False).returncode == 0


needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl, the second opinion, is not installed"
)


@needs_openssl
def test_openssl_takes_each_file_s_signature_and_none_of_a_changed_file(
    key: keys.Key, folder: Path, tmp_path: Path
) -> None:
    _sign(key, folder, None)
    public = folder / "infomaniak-operator.pub"
    for path in dist.files(folder):
        signature = base64.b64decode(path.with_name(f"{path.name}.sig").read_text(), validate=True)
        assert _openssl(public, signature, path.read_bytes(), tmp_path)
        assert not _openssl(public, signature, path.read_bytes() + b"\n", tmp_path)


def test_a_file_s_bundle_has_its_digest_the_same_signature_and_the_key_s_hint(key: keys.Key, folder: Path) -> None:
    _sign(key, folder, None)
    der = serialization.load_pem_public_key((folder / "infomaniak-operator.pub").read_bytes()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for path in dist.files(folder):
        digest = hashlib.sha256(path.read_bytes()).digest()
        assert json.loads(path.with_name(f"{path.name}.sigstore.json").read_text()) == {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": base64.b64encode(hashlib.sha256(der).digest()).decode()}},
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": base64.b64encode(digest).decode()},
                "signature": path.with_name(f"{path.name}.sig").read_text(),
            },
        }


def test_what_dsse_signs_is_as_its_specification_shows() -> None:
    signed = formats.pre_authentication("http://example.com/HelloWorld", b"hello world")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert formats.pre_authentication("é", b"") == "DSSEv1 2 é 0 ".encode(), "lengths are of bytes"


def _statement(path: Path, public: Path, tmp_path: Path) -> dict[str, Any]:
    """An attestation's statement, once openssl has taken its one signature."""
    envelope = json.loads(path.read_text())["dsseEnvelope"]
    payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    assert kind == "application/vnd.in-toto+json"
    (signature,) = envelope["signatures"]
    message = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    assert _openssl(public, base64.b64decode(signature["sig"]), message, tmp_path)
    statement: dict[str, Any] = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    return statement


@needs_openssl
def test_the_provenance_names_every_file_the_commit_and_the_locks(key: keys.Key, folder: Path, tmp_path: Path) -> None:
    _sign(key, folder, None)
    said = _statement(folder / "release.provenance.sigstore.json", folder / "infomaniak-operator.pub", tmp_path)
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    assert said["subject"] == [
        {"name": path.name, "digest": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}
        for path in dist.files(folder)
    ]
    built = said["predicate"]["buildDefinition"]
    commit = {"uri": f"git+{SOURCE}@{REVISION}", "digest": {"gitCommit": REVISION}}
    assert built["externalParameters"] == {"source": commit, "target": "dist"}
    locks = [{"name": name, "digest": {"sha256": hashlib.sha256(name.encode()).hexdigest()}} for name in make.LOCKS]
    assert built["resolvedDependencies"] == [commit, *locks]
    assert said["predicate"]["runDetails"]["builder"]["id"].startswith(SOURCE)


@needs_openssl
def test_an_image_is_signed_by_its_digest_in_both_of_cosign_s_ways(key: keys.Key, folder: Path, tmp_path: Path) -> None:
    _sign(key, folder, _image(folder))
    public = folder / "infomaniak-operator.pub"
    payload = (folder / "image.payload.json").read_bytes()
    assert json.loads(payload)["critical"] == {
        "identity": {"docker-reference": IMAGE},
        "image": {"docker-manifest-digest": DIGEST},
        "type": "cosign container image signature",
    }
    signature = base64.b64decode((folder / "image.payload.json.sig").read_text())
    assert _openssl(public, signature, payload, tmp_path)
    wanted = {
        "image.sigstore.json": ("https://sigstore.dev/cosign/sign/v1", {}),
        "image.cyclonedx.sigstore.json": ("https://cyclonedx.org/bom", {"bomFormat": "CycloneDX"}),
    }
    for name, (kind, predicate) in wanted.items():
        said = _statement(folder / name, public, tmp_path)
        assert said["subject"] == [{"name": IMAGE, "digest": {"sha256": "1" * 64}}]
        assert (said["predicateType"], said["predicate"]) == (kind, predicate)
    built = _statement(folder / "image.provenance.sigstore.json", public, tmp_path)["predicate"]["buildDefinition"]
    assert built["externalParameters"]["BASE"] == BASE
    base = {"name": "docker.io/library/python:3.13-slim", "digest": {"sha256": "2" * 64}}
    assert {**built["resolvedDependencies"][-1], "uri": ""} == {**base, "uri": ""}


@needs_openssl
def test_the_page_s_commands_with_openssl_take_what_was_signed(key: keys.Key, folder: Path) -> None:
    _sign(key, folder, None)
    block = PAGE.split("## With openssl alone", 1)[1].split("```sh\n", 1)[1].split("```", 1)[0]

    def said() -> str:
        words = ["sh", "-c", block]
        return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False).stdout

    assert said() == "Verified OK\n" * 3
    (folder / "install.yaml").write_text("another")
    assert said().count("Verified OK") == 2
    shown = PAGE.rsplit("```sh\n", 1)[1].split("```", 1)[0]
    done = subprocess.run(["sh", "-c", shown], cwd=folder, capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["predicateType"] == formats.PROVENANCE


def test_without_a_digest_the_image_is_not_signed_and_that_is_said(key: keys.Key, folder: Path) -> None:
    said: list[str] = []
    written = _sign(key, folder, None, said.append)
    assert said == ["no IMAGE_DIGEST was given: the image is not signed"]
    assert not [path for path in written if path.name.startswith("image.")]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"digest": "sha256:12"}, "IMAGE_DIGEST"),
        ({"name": f"{IMAGE}@{DIGEST}"}, "IMAGE="),
        ({"name": f"{IMAGE}:0.2.0@{DIGEST}"}, "IMAGE="),
        ({"name": ""}, "IMAGE="),
        ({"name": f"https://{IMAGE}"}, "IMAGE="),
        ({"name": f" {IMAGE}"}, "IMAGE="),
        ({"digest": f"{DIGEST}\n"}, "IMAGE_DIGEST"),
        ({"base": "python:3.13"}, "BASE"),
        ({"bill": Path("/nowhere")}, "make image"),
    ],
)
def test_an_image_that_is_not_named_by_digest_is_refused(
    key: keys.Key, folder: Path, other: dict[str, Any], said: str
) -> None:
    with pytest.raises(make.SigningError, match=said):
        _sign(key, folder, _image(folder, **other))
    assert not list(folder.glob("*.sig")), "nothing is signed before all is looked at"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"changed": True}, "commit them"),
        ({"revision": ""}, "no commit"),
        ({"source": "unknown"}, "SOURCE"),
        ({"source": "https://user:password@git.example.com/x"}, "SOURCE"),
        ({"source": "git@example.com:x"}, "SOURCE"),
    ],
)
def test_a_provenance_that_would_not_be_true_is_refused(
    key: keys.Key, folder: Path, other: dict[str, Any], said: str
) -> None:
    with pytest.raises(make.SigningError, match=said) as refused:
        make.sign(key, dist.files(folder), folder, _origin(folder, **other), image=None, tell=print)
    assert "password" not in str(refused.value)


def test_a_file_that_is_missing_is_named(key: keys.Key, folder: Path) -> None:
    (folder / "install.yaml").unlink()
    with pytest.raises(make.SigningError, match=r"install\.yaml"):
        _sign(key, folder, None)


@pytest.mark.parametrize("form", ["PKCS8", "SEC1"])
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_keys_as_openssl_makes_them_are_read(
    secret: ec.EllipticCurvePrivateKey, tmp_path: Path, form: str, passphrase: str
) -> None:
    (tmp_path / "key").write_bytes(_pem(secret, passphrase, form))
    read = keys.load(tmp_path / "key", passphrase or None)
    assert read.pem == keys.Key(secret).pem


@pytest.mark.parametrize("given", [None, "", "wrong"])
def test_a_passphrase_that_is_wrong_or_missing_is_said_without_it(
    secret: ec.EllipticCurvePrivateKey, tmp_path: Path, given: str | None
) -> None:
    (tmp_path / "key").write_bytes(_pem(secret, PASSPHRASE))
    with pytest.raises(keys.SigningKeyError, match="COSIGN_PASSWORD") as refused:
        keys.load(tmp_path / "key", given)
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no private key"),
        (
            b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
            "import-key-pair",
        ),
        (_pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "P-256"),
    ],
    ids=["nothing", "cosign", "P-384", "RSA"],
)
def test_other_keys_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(keys.SigningKeyError, match=said):
        keys.load(tmp_path / "key", None)
    with pytest.raises(keys.SigningKeyError, match="No such file"):
        keys.load(tmp_path / "none", None)


def test_the_command_writes_nothing_of_the_key(
    secret: ec.EllipticCurvePrivateKey,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "key").write_bytes(_pem(secret, PASSPHRASE))
    monkeypatch.setenv("COSIGN_PASSWORD", PASSPHRASE)
    monkeypatch.setattr(command, "_git", lambda *words: REVISION if words[0] == "rev-parse" else "")
    given = ["sign", "--to", str(folder), "--key", str(tmp_path / "key"), "--source", SOURCE]
    assert command.main([*given, "--image", IMAGE, "--image-digest", DIGEST, "--base", BASE]) == 0
    shown = capsys.readouterr()
    number = secret.private_numbers().private_value
    secrets = [PASSPHRASE.encode(), str(number).encode(), number.to_bytes(32, "big"), f"{number:x}".encode()]
    secrets += [line.encode() for line in _pem(secret).decode().splitlines()[1:2]]
    written = {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}
    assert "image.sigstore.json" in written
    for name, content in {**written, "shown": (shown.out + shown.err).encode()}.items():
        assert not [each for each in secrets if each in content], name
    assert repr(keys.Key(secret)) == f"Key({keys.Key(secret).hint})"


def test_the_command_says_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["sign", "--to", str(folder)]) == 1
    assert "KEY" in capsys.readouterr().err
