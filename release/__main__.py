"""``python -m release chart-check | chart-docs | dist | keep | sign``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from release import dist, kept
from release.chart import ROOT, Chart, ChartError
from release.signing import keys, make
from sandbox.errors import SandboxError

_COMMANDS = ("chart-check", "chart-docs", "dist", "keep", "sign")


def main(arguments: list[str] | None = None) -> int:
    """Read the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="dist, sign: the folder (default: dist)")
    signing = parser.add_argument_group("sign")
    signing.add_argument("--key", type=Path, help=f"ECDSA P-256 as PEM; ${keys.PASSPHRASE} has its passphrase")
    signing.add_argument("--source", default="", help="address of the repository")
    signing.add_argument("--image", default="", help="the image's name")
    signing.add_argument(
        "--image-digest", default="", help="sha256:…, as the push printed it; without: no image is signed"
    )
    signing.add_argument("--base", default="", help="what the image was built on, by digest")
    read = parser.parse_args(arguments)
    try:
        for path in _made(read):
            print(f"{path.stat().st_size:>10} {path}")
    except (ChartError, SandboxError, dist.DistError, keys.SigningKeyError, make.SigningError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _made(read: argparse.Namespace) -> list[Path]:
    """Carry out the command; returns the files that were made."""
    match read.command:
        case "chart-check":
            Chart().check()
        case "chart-docs":
            Chart().docs(check=False)
        case "dist":
            return dist.make(read.to)
        case "keep":
            return kept.keep()
        case "sign":
            return _signed(read)
    return []


def _signed(read: argparse.Namespace) -> list[Path]:
    if read.key is None:
        raise make.SigningError("KEY=… has to name the key")
    key = keys.load(read.key, os.environ.get(keys.PASSPHRASE))
    image = None
    if read.image_digest:
        bill = read.to / "image" / dist.IMAGE_BILL
        image = make.Image(read.image, read.image_digest, read.base, bill)
    origin = make.Origin(read.source, _git("rev-parse", "HEAD"), bool(_git("status", "--porcelain")), ROOT)
    return make.sign(key, dist.files(read.to), read.to, origin, image=image, tell=print)


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)  # noqa: S603, S607 - the git on the PATH of who releases, with fixed words
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
