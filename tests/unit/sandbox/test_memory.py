"""The memory of what runs: each process belongs to one component, and what they have in common counts once."""

import os
import subprocess
import sys

from sandbox import memory


def test_a_component_is_its_process_and_all_that_come_from_it() -> None:
    parents = {10: 1, 11: 10, 12: 11, 20: 1, 30: 1}
    assert memory.families({"a": 10, "b": 20}, parents) == {"a": [10, 11, 12], "b": [20]}


def test_the_proportional_share_is_read() -> None:
    rollup = "5580 - 7ffd ---p [rollup]\nRss:   9000 kB\nPss:    1234 kB\nPss_Dirty:   12 kB\n"
    assert memory.share(rollup) == 1234 * 1024
    assert memory.share("") == 0


def test_what_a_child_takes_is_its_components() -> None:
    script = "import os, sys; held = b'x' * (64 << 20); print(len(held), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["/bin/sh", "-c", '"$@"; true', "sh", sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        found = memory.taken({"shell": shell.pid, "ended": 2**22 + os.getpid()})
        shell.communicate()
    assert found["shell"] > 64 << 20
    assert found["ended"] == 0
