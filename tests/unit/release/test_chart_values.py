"""The chart's values: a closed schema, and every value described; what needs no helm to see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from infomaniak_operator.api.manifests import crd_template
from infomaniak_operator.api.rights import LEASE
from infomaniak_operator.cli.options import INFOMANIAK_AUTH_URLS, Options, parse

CHART = Path(__file__).parents[3] / "charts" / "infomaniak-operator"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
PASSED_ON = {
    "global",
    "additionalRules",
    "affinity",
    "claims",
    "configMapRef",
    "extraObjects",
    "extraVolumes",
    "labelSelector",
    "metricRelabelings",
    "metricsFrom",
    "relabelings",
    "secretRef",
    "sysctls",
    "valueFrom",
}
"""Pieces that Kubernetes or Prometheus check themselves: not closed here."""


def objects(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every subschema that lets an object through, by its place."""
    if isinstance(schema, Mapping):
        if "object" in str(schema.get("type", "")) and isinstance(schema.get("type"), (str, list)):
            yield path, schema
        for name, each in schema.items():
            yield from objects(each, path if name in ("properties", "items", "$defs") else (*path, name))


def test_it_is_closed_everywhere_but_where_others_check() -> None:
    opened = {path for path, schema in objects(SCHEMA) if schema.get("additionalProperties", True) is True}
    assert {path for path in opened if not PASSED_ON.intersection(path)} == set()


def test_values_and_schema_name_the_same() -> None:
    def compare(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
        if "properties" not in schema or not values:
            return
        for name, value in values.items():
            if name not in schema["properties"]:
                yield f"{path}{name} is not in the schema"
            elif isinstance(value, Mapping):
                yield from compare(value, schema["properties"][name], f"{path}{name}.")
        if not path or path.partition(".")[0] not in ("podSecurityContext", "securityContext", "resources", "affinity"):
            yield from (f"{path}{name} has no default" for name in schema["properties"] if name not in values)

    assert list(compare(VALUES, SCHEMA)) == []


def test_defaults_are_the_operators_own() -> None:
    assert tuple(VALUES["credentials"]["allowedAuthURLs"]) == INFOMANIAK_AUTH_URLS
    options = Options()
    assert VALUES["operator"] == {
        "logLevel": options.log_level,
        "workers": options.workers,
        "resyncSeconds": options.resync_seconds,
        "roundSeconds": None,
        "healthPollSeconds": options.health_poll_seconds,
        "statisticsSeconds": options.statistics_seconds,
        "statisticsCalls": options.statistics_calls,
        "createGraceSeconds": options.create_grace_seconds,
        "cloudTimeoutSeconds": options.cloud_timeout_seconds,
        "restore": options.restore,
    }
    told = parse(["run", "--leader-elect", "--lease-namespace=operators"], {})
    assert told.lease is not None
    assert told.lease.name == LEASE
    assert (told.metrics_address.port, told.health_address.port) == (
        VALUES["metrics"]["port"],
        VALUES["health"]["port"],
    )


def test_every_metric_that_is_shown_or_alerted_on_is_told() -> None:
    source = "".join(
        path.read_text() for path in (CHART.parents[1] / "operator/infomaniak_operator/metrics").glob("*.py")
    )
    told = set(re.findall(r'(?:_OWN \+ |\W)"([a-z][a-z0-9_]+)"', source))
    shown = set()
    for name in ("alerts.yaml", "dashboard.json"):
        text = (CHART / "files" / name).read_text()
        shown |= set(
            re.findall(r"\b((?:infomaniak_operator|controller_runtime|workqueue|rest_client|leader)_[a-z_]+)", text)
        )
    assert shown
    bare = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in shown}
    assert {name for name in bare if not {name, name.removeprefix("infomaniak_operator_")} & told} == set()


def test_a_crd_that_helm_would_misread_is_refused() -> None:
    body = {"apiVersion": "v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"}}
    with pytest.raises(ValueError, match="x: Helm would take"):
        crd_template(body, "spec: '{{ }}'")
