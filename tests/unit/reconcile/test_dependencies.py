"""What the kinds declare of what they depend on."""

from pathlib import Path

import pytest
import yaml

from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.reconcile.reconcilers import actuators
from tests.support.world import World

ROOT = Path(__file__).resolve().parents[3]
ACTUATORS = {each.kind: each for each in actuators()}


def manifests():
    """Every object of the examples, with a namespace."""
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        for body in yaml.safe_load_all(path.read_text()):
            if body and body.get("kind") in ACTUATORS:
                yield KubeObject.of({**body, "metadata": {"namespace": "n", **body["metadata"]}})


def test_every_reference_leads_to_a_kind_that_is_declared():
    seen = set()
    for resource in manifests():
        actuator = ACTUATORS[resource.key.kind]
        led = {key.kind for key in actuator.references(resource)}
        assert led <= {each.kind for each in actuator.depends_on}, resource.key
        seen |= {(actuator.kind, kind) for kind in led}
    assert len(seen) > 6  # the examples have most of them


def test_a_kind_is_declared_once():
    for actuator in ACTUATORS.values():
        kinds = [each.kind for each in actuator.depends_on]
        assert len(set(kinds)) == len(kinds), actuator.kind


@pytest.mark.parametrize(
    ("kind", "keepers"),
    [
        ("InfomaniakNetwork", {"Router", "LoadBalancer", "Port"}),
        ("SecurityGroup", {"SecurityGroup", "LoadBalancer", "Port"}),
        ("Pool", {"HealthMonitor", "L7Policy"}),
        ("Port", {"Pool"}),  # a floating IP loses its target
        ("LoadBalancer", set()),  # a floating IP loses its target, and a pool goes with it
        ("Router", set()),
        ("FloatingIP", set()),
        ("HealthMonitor", set()),
        ("L7Policy", set()),
    ],
)
def test_what_keeps_what_from_being_deleted(kind, keepers):
    """The blocking uses that docs/operations.md names, and no others."""
    assert World().reconcilers[kind]._kept_by == keepers
