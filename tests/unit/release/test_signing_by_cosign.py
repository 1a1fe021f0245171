"""What ``make release-sign`` writes is taken by cosign itself, and nothing else than what was signed.

cosign takes half an hour to build, so it is not built for this: openssl reads the same signatures in ``test_signing.py``.
Last run by hand with cosign 3.1.2.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from release import dist
from release.signing import keys, make

PAGE = (Path(__file__).parents[3] / "docs" / "verifying.md").read_text()
DIGEST, OTHER = "1" * 64, "2" * 64
VERSION = re.compile(r"infomaniak-operator-(\d+\.\d+\.\d+)\.tgz")
pytestmark = pytest.mark.skipif(
    shutil.which("cosign") is None, reason="cosign is not on the PATH; openssl did the same"
)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("release")
    (root / "requirements").mkdir()
    for name in make.LOCKS:
        (root / name).write_text(name)
    made = root / "dist"
    made.mkdir()
    for path in dist.files(made):
        path.write_text(path.name)
    (made / "bill.json").write_text('{"bomFormat": "CycloneDX"}')
    base = f"python:3.13@sha256:{OTHER}"
    image = make.Image("registry.example.com/x:1", f"sha256:{DIGEST}", base, made / "bill.json")
    origin = make.Origin("https://git.example.com/x", "a" * 40, changed=False, root=root)
    key = keys.Key(ec.generate_private_key(ec.SECP256R1()))
    make.sign(key, dist.files(made), made, origin, image=image, tell=print)
    return made


def _documented() -> list[str]:
    """The page's commands, one each."""
    block = PAGE.split("## With cosign 3", 1)[1].split("\n## ", 1)[0]
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", block, re.DOTALL)).replace("\\\n", " ")
    return [line for line in shell.splitlines() if line]


def _run(command: str, folder: Path, digest: str) -> int:
    words = ["sh", "-c", command]
    return subprocess.run(
        words, cwd=folder, env={"DIGEST": digest, "PATH": _path()}, capture_output=True, check=False
    ).returncode


def _path() -> str:
    return f"{Path(shutil.which('cosign') or '').parent}:/usr/bin:/bin"


@pytest.mark.parametrize("number", range(len(_documented())))
def test_the_page_s_command_takes_what_was_signed_and_refuses_what_was_not(signed: Path, number: int) -> None:
    command = _documented()[number]
    assert _run(command, signed, DIGEST) == 0
    if "$DIGEST" in command:
        assert _run(command, signed, OTHER) != 0
    else:
        package = next(path for path in dist.files(signed) if VERSION.fullmatch(path.name))
        before = package.read_text()
        package.write_text("another")
        assert _run(command, signed, DIGEST) != 0
        package.write_text(before)


def test_a_plain_signature_is_taken_too(signed: Path) -> None:
    options = "--key infomaniak-operator.pub --insecure-ignore-tlog --signature install.yaml.sig"
    assert _run(f"cosign verify-blob {options} install.yaml", signed, "") == 0
    assert _run(f"cosign verify-blob {options} image.payload.json", signed, "") != 0
