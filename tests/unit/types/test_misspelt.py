"""A name of the cloud, of a spec or of a status that is spelt wrong does not pass ``make check``: one run of mypy shows it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MISSPELT = Path(__file__).with_name("misspelt.py")
_ERROR = re.compile(r"misspelt\.py:(\d+): error: (.*)")


def test_mypy_finds_every_misspelt_name_and_nothing_else():
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(MISSPELT)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    found = {int(match[1]): match[2] for match in map(_ERROR.search, run.stdout.splitlines()) if match}
    wanted = {
        number: line.partition("# E: ")[2]
        for number, line in enumerate(MISSPELT.read_text("utf-8").splitlines(), 1)
        if "# E: " in line
    }
    assert len(wanted) > 60
    assert sorted(found) == sorted(wanted), run.stdout + run.stderr
    assert [wanted[number] for number in sorted(wanted) if wanted[number] not in found[number]] == [], run.stdout
