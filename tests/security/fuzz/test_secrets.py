"""Whatever is in a Secret: it is read, or refused by the one error there is for that, in a bounded number of steps."""

from __future__ import annotations

import sys

import pytest
import yaml

from infomaniak_operator.client import clouds_yaml
from tests.support.fuzz_runs import read_secret, secret_data

STEPS = 400_000
"""Lines of the product's own code for one Secret: the largest that is taken has 65,536 bytes."""


def _steps(seed: int) -> int:
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if "infomaniak_operator" not in frame.f_code.co_filename:
            return None
        if event == "line":
            count += 1
            if count > STEPS:
                raise AssertionError(f"seed {seed}: more than {STEPS} steps")
        return trace

    data = secret_data(seed)
    sys.settrace(trace)
    try:
        read_secret(data)
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("block", range(4))
def test_any_secret_is_read_or_refused(block):
    said = [read_secret(secret_data(seed)) for seed in range(block * 300, block * 300 + 300)]
    assert "" in said, "none of them is in order: nothing was tried but refusals"
    assert len({text[:40] for text in said}) > 8, "they are all refused for the same reason"


def test_any_secret_takes_a_bounded_number_of_steps():
    assert max(_steps(seed) for seed in range(25)) > 500


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(10_000, 25_000), marks=pytest.mark.slow),
        pytest.param(range(25_000, 60_000), marks=pytest.mark.full),
    ],
)
def test_any_secret_is_read_or_refused_more_of_them(seeds):
    for seed in seeds:
        try:
            read_secret(secret_data(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error


def test_the_fuzzer_finds_the_old_fault(monkeypatch):
    """With ``yaml.safe_load`` in the reader's place, as it once was, a handful of seeds is enough."""
    monkeypatch.setattr("infomaniak_operator.client.credentials.read", yaml.safe_load)
    assert clouds_yaml.read is not yaml.safe_load
    found = set()
    for seed in range(300):
        try:
            read_secret(secret_data(seed))
        except Exception as error:  # noqa: BLE001 - whatever it finds
            found.add(type(error).__name__)
            break
    assert found, "the fuzzer finds nothing in a reader that is known to be bad"
