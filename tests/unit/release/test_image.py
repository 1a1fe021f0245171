"""The Dockerfile, as far as it can be seen without building it: ``make e2e-node`` builds it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FINAL = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


def test_all_that_is_copied_is_there_and_let_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert [each for each in copied if not (ROOT / each).exists()] == []


def test_it_runs_as_a_number_that_is_not_root_and_leaves_probes_to_the_chart() -> None:
    assert "\nUSER 65532:65532\n" in FINAL, "a name cannot be checked by runAsNonRoot"
    assert 'ENTRYPOINT ["infomaniak-operator"]\nCMD ["run"]' in FINAL
    assert not re.search(r"^HEALTHCHECK", DOCKERFILE, re.MULTILINE)
    assert not re.search(r"^RUN", FINAL, re.MULTILINE), (
        "nothing is done in the final stage: what is copied is what there is"
    )


def test_nothing_is_installed_that_is_not_locked() -> None:
    installs = [line for line in DOCKERFILE.splitlines() if " install " in line]
    assert installs
    assert [each for each in installs if "--require-hashes" not in each and "--no-index" not in each] == []
    pinned = re.findall(r"^([a-z-]+)==", (ROOT / "requirements" / "build.txt").read_text(), re.MULTILINE)
    assert "hatchling" in pinned
