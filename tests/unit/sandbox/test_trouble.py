"""What stands in the way on a user's machine is said in a sentence, with what to do."""

import errno
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.trouble import advice, explained, guarded

LOGS = {  # as the programs print it
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "The disk is full:",
    "go: writing go.mod cache: write /h/x: no space left on device": "The disk is full:",
    "/h/x.go: write /tmp/go-build1/b001/_pkg_.a: disk quota exceeded": "The disk is full:",
    "initdb: error: could not write to file: No space left on device": "The disk is full:",
    "WARNING: Retrying after connection broken by 'NewConnectionError: Failed to establish': /simple/": "PyPI for pip",
    "socket.gaierror: [Errno -3] Temporary failure in name resolution": "PyPI for pip",
    "ERROR: Could not find a version that satisfies the requirement x (from versions: none)": "PyPI for pip",
    'go: golang.org/x/net@v0.1.0: Get "https://p/x": dial tcp: lookup p: no such host': "GOPROXY",
    'Get "https://p/x": proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused': "GOPROXY",
    'Get "https://p/x": net/http: TLS handshake timeout': "GOPROXY",
    "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]": "PIP_CERT",
    "tls: failed to verify certificate: x509: certificate signed by unknown authority": "SSL_CERT_FILE",
    "created successfully because ensurepip is not available.  On Debian/Ubuntu": "apt install python3-venv",
    "k8s.io/api/core/v1: /usr/lib/go/pkg/tool/compile: signal: killed": "memory ran out",
}


@pytest.mark.parametrize("said", LOGS)
def test_what_a_log_tells_is_followed_by_what_to_do(said: str, tmp_path: Path) -> None:
    text = advice(f"some lines before\n{said}\nand some after", tmp_path)
    assert LOGS[said] in text
    assert "run the same command again" in text


def test_what_is_not_known_is_not_guessed_at(tmp_path: Path) -> None:
    assert advice("undefined: x", tmp_path) == ""


def test_a_full_disk_is_named_with_how_much_is_free_even_before_the_folder_is_there(tmp_path: Path) -> None:
    assert f"{tmp_path}/a/b needs about 7.0 GB" in advice("No space left on device", tmp_path / "a" / "b")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_what_the_system_refuses_is_said_with_the_place(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> int:
        raise OSError(number, "no", "/h/file")

    assert guarded(run) == 1
    said = capsys.readouterr().err
    assert "/h/file" in said
    assert "run the same command again" in said
    assert "Traceback" not in said


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    assert explained(OSError(errno.EBADF, "no")) == ""

    def run() -> int:
        raise OSError(errno.EBADF, "no")

    with pytest.raises(OSError, match="no"):
        guarded(run)


def test_an_error_of_the_sandbox_and_an_interruption_are_said_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise SandboxError("the part and its log")

    def interrupt() -> int:
        raise KeyboardInterrupt

    assert guarded(fail) == 1
    assert guarded(interrupt) == 130
    assert guarded(lambda: 0) == 0
    said = capsys.readouterr().err
    assert "the part and its log" in said
    assert "goes on where it was" in said
