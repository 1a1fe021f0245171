"""Statuses that a user, or another version, may write: nothing of others is changed on their word, and nothing raises."""

from __future__ import annotations

import json

import pytest

from tests.support.crds import install_crds
from tests.support.fuzz_runs import believe, forged
from tests.support.fuzz_server import Tenant
from tests.support.fuzz_world import base

SEEDS = 16


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_forged_status_moves_nothing_of_others(seed):
    fuzzed, statuses = forged(seed)
    believe(fuzzed, statuses, seed)


@pytest.mark.parametrize(
    "seeds",
    [pytest.param(range(1000, 1150), marks=pytest.mark.slow), pytest.param(range(1150, 1400), marks=pytest.mark.full)],
)
def test_more_forged_statuses_move_nothing_of_others(seeds):
    for seed in seeds:
        fuzzed, statuses = forged(seed)
        try:
            believe(fuzzed, statuses, seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_the_api_server_takes_the_forged_statuses(env):
    """They are such as its schema allows: what it does not let through would prove nothing."""
    install_crds(env)
    tenant = Tenant(env, "default")
    bodies = {body["kind"]: body for body in base()}
    names = {kind: f"fuzz-status-{kind.lower()}" for kind in bodies}
    for kind, body in bodies.items():
        made = {**body, "metadata": {"name": names[kind]}}
        del made["status"]
        assert tenant.create(kind, json.dumps(made).encode(), dry_run=False).accepted
    try:
        tried = 0
        for seed in range(8):
            _, statuses = forged(seed)
            for key, status in statuses.items():
                said = tenant.replace(key.kind, names[key.kind], "status", status)
                assert said.accepted, f"seed {seed}: {said.message}"
                tried += 1
        assert tried >= 8
    finally:
        for kind, name in names.items():
            tenant.delete(kind, name)
