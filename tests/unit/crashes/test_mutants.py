"""The faults that an independent harness has found are found by the crash points where they are opened again."""

import subprocess
import sys

import pytest

from tests.support.crashes import lives, mutants, run

LIVES = {life.name: life for life in lives.ALL}


@pytest.mark.parametrize("mutant", mutants.FOUND_BY, ids=lambda mutant: mutant.__name__)
def test_a_fault_that_is_opened_again_is_found(mutant, monkeypatch):
    name, act = mutants.FOUND_BY[mutant]
    mutant(monkeypatch)
    report = run.live(LIVES[name], run.distinct, most=1, acts=act)
    assert report.failures


def test_a_crash_at_the_start_is_seen_by_the_tests_of_the_start(tmp_path):
    """C8: the id of the cluster is asked for before anything that is tried again; see tests/unit/cli/test_start.py."""
    config = tmp_path / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        'clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]\n'
        "users: [{name: u, user: {token: t}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
    )
    mutated = (
        "from infomaniak_operator.cli import main, wiring\n"
        "begin = wiring.ClusterId.__init__\n"
        "wiring.ClusterId.__init__ = lambda self, *given: (begin(self, *given), self.ask())[0]\n"
        "main.main()\n"
    )
    options = ["run", "--kubeconfig", str(config), "--health-address", "127.0.0.1:0", "--metrics-address", ""]
    command = [sys.executable, "-c", mutated, *options]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        _, said = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode
    assert "Traceback" in said
