"""Specs through the real API server: refused at apply with the field's name, or handled by the operator, never a defect.

The short form is seeded and takes several hundred; the long form takes 10,000 (``FUZZ_COUNT`` and ``FUZZ_SEED`` say others).
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter

import pytest

from infomaniak_operator.api.registry import KINDS
from tests.support.crds import install_crds
from tests.support.fuzz_runs import batches, handle
from tests.support.fuzz_schema import faults, status_of
from tests.support.fuzz_server import Said, Tenant
from tests.support.fuzz_specs import Case, Specs
from tests.support.fuzz_world import Fuzzed, as_served, base, strangers_ids

SEED = int(os.environ.get("FUZZ_SEED", "20261127"))
LONG = int(os.environ.get("FUZZ_COUNT", "10000"))


@pytest.fixture(scope="module")
def tenant(env):
    install_crds(env)
    return Tenant(env, "default")


def _sent(tenant: Tenant, count: int, seed: int) -> list[tuple[Case, Said]]:
    specs = Specs(random.Random(seed), *strangers_ids())
    cases = [specs.case() for _ in range(count)]
    said = tenant.many(
        cases, lambda case: tenant.create(case.kind, case.wire(tenant.namespace), validation=case.strict)
    )
    return list(zip(cases, said, strict=True))


def _refused_or_handled(tenant: Tenant, count: int, seed: int) -> Counter[tuple[str, str]]:
    figures: Counter[tuple[str, str]] = Counter()
    accepted = []
    for case, said in _sent(tenant, count, seed):
        assert said.accepted or said.status in (400, 422), f"{case}: {said.status} {said.message}"
        figures[case.kind, "accepted" if said.accepted else "refused"] += 1
        if said.accepted:
            accepted.append(said.body)
        else:
            assert said.names_a_field, f"{case}: the refusal names no field: {said.message}"
            assert len(said.message) < 100_000
    for number, bodies in enumerate(batches(accepted)):
        try:
            handle(bodies)
        except Exception as error:
            raise AssertionError(f"seed {seed}, batch {number}: {error}; to be kept: {json.dumps(bodies)}") from error
        for body in bodies:
            figures[body["kind"], "handled"] += 1
    return figures


def _told(figures: Counter[tuple[str, str]]) -> None:
    for kind in sorted(KINDS):
        print(kind, {what: figures[kind, what] for what in ("refused", "accepted", "handled")})


def test_what_a_tenant_applies_is_refused_or_handled(tenant):
    figures = _refused_or_handled(tenant, 210, SEED)
    for kind in KINDS:
        assert figures[kind, "refused"] >= 3, "the generator makes nothing that is refused"
        assert figures[kind, "accepted"] >= 3, "the generator makes nothing that is accepted"


@pytest.mark.slow
def test_what_a_tenant_applies_is_refused_or_handled_more_of_it(tenant):
    _told(_refused_or_handled(tenant, 1500, SEED + 1))


@pytest.mark.full
def test_what_a_tenant_applies_is_refused_or_handled_ten_thousand(tenant):
    figures = _refused_or_handled(tenant, LONG, SEED + 2)
    _told(figures)
    assert sum(count for (_, what), count in figures.items() if what != "handled") == LONG


def test_a_dry_run_answers_what_a_create_does_and_the_servers_schema_is_ours(tenant):
    """The generated objects are only tried: this is what makes that as good as a create, and our validator as the server's."""
    taken = []
    for case, said in _sent(tenant, 60, SEED + 3):
        if said.accepted and len(taken) < 8 and case.kind not in {kind for kind, _, _ in taken}:
            name = f"fuzz-{case.kind.lower()}"
            whole = json.dumps({**case.body(tenant.namespace), "metadata": {"name": name}}).encode()
            made = tenant.create(case.kind, whole, validation=case.strict, dry_run=False)
            assert made.accepted, made.message
            taken.append((case.kind, name, made.body))
            assert made.body["spec"] == said.body["spec"]
            assert made.body["status"] == said.body["status"] == {"observedGeneration": -1}
    assert taken
    try:
        fuzzed = Fuzzed(base())
        fuzzed.apply(as_served(body) for _, _, body in taken)
        fuzzed.run()
        for key in fuzzed.all_keys():
            status = dict(fuzzed.world.object(key).status)
            assert not list(faults(status_of(key.kind), status))
            name = next((name for kind, name, _ in taken if kind == key.kind), None)
            if name:
                written = tenant.replace(key.kind, name, "status", status)
                assert written.accepted, f"{key}: {written.message}"
    finally:
        for kind, name, _ in taken:
            tenant.delete(kind, name)
