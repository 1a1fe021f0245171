"""What docs/load-balancers.md says of listeners for Prometheus fits together, and fits the chart's ServiceMonitor."""

import re
from pathlib import Path

import yaml

from infomaniak_operator.api.registry import KINDS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "load-balancers.md").read_text().split("\n## A listener for Prometheus\n")[1].split("\n## ")[0]
MONITORS = (ROOT / "charts/infomaniak-operator/templates/monitors.yaml").read_text()


def test_the_manifests_lead_to_the_listener() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    balancer, service, endpoints = yaml.safe_load_all(block)
    KINDS["LoadBalancer"].parse(balancer["spec"])
    (listener,) = [each for each in balancer["spec"]["listeners"] if each["protocol"] == "PROMETHEUS"]
    (port,), (there,) = service["spec"]["ports"], endpoints["ports"]
    assert port == there == {"name": "metrics", "port": listener["port"]}
    assert endpoints["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
    assert endpoints["endpoints"][0]["addresses"] == [balancer["spec"]["vip"]["address"]]
    ((label, value),) = service["metadata"]["labels"].items()
    assert f'{label}: "{value}"' in MONITORS
    assert f"- port: {port['name']}\n" in MONITORS
    assert "path: /metrics" in MONITORS.split("-listeners")[1]


def test_it_says_what_the_chart_calls_it() -> None:
    values = yaml.safe_load((ROOT / "charts/infomaniak-operator/values.yaml").read_text())
    assert "enabled" in values["metrics"]["listenerMonitor"]
    assert "`metrics.listenerMonitor.enabled`" in PAGE
