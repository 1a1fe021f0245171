"""What a bundle is made of, as far as the user may read it. An edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infomaniak_operator.client.clouds_yaml import CLOUDS_YAML
from infomaniak_operator.plugin import cloud
from infomaniak_operator.plugin.cluster_looks import MOST_SECRETS
from infomaniak_operator.plugin.command import Call, LabelledSecret
from infomaniak_operator.plugin.doctor.asking import anywhere, gathered, operator_namespace, tried
from infomaniak_operator.plugin.doctor.bodies import DEPLOYED, items, part, text
from infomaniak_operator.plugin.doctor.facts import Facts, Unknown
from infomaniak_operator.plugin.doctor.named import named_secrets
from infomaniak_operator.plugin.support.secret_values import values_of
from infomaniak_operator.reconcile.generic.credential_settings import LABEL
from infomaniak_operator.reconcile.octavia.certificate_secret import LABEL as TLS_LABEL

MOST_NAMED = 100
"""So many Secrets without a label that objects name are read."""
_LABELS = (f"{LABEL}=true", f"{TLS_LABEL}=true")


@dataclass(slots=True)
class Read:
    """What was read.

    Attributes:
        facts: what the doctor goes by.
        events: of the objects.
        deployments: the operator's.
        pods: the operator's.
        logs: by the name of the file.
        secrets: how many Secrets could be read.
        values: what they hold that must be nowhere.
        refused: what could not be read, and why.
    """

    facts: Facts
    events: list[Mapping[str, Any]] = field(default_factory=list)
    deployments: list[Mapping[str, Any]] = field(default_factory=list)
    pods: list[Mapping[str, Any]] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    secrets: int = 0
    values: set[str] = field(default_factory=set, repr=False)
    refused: list[str] = field(default_factory=list)


def read(call: Call, lines: int) -> Read:
    """Read all of it.

    Args:
        call: with the options of ``doctor``.
        lines: so many lines of each log.

    Raises:
        ClusterError: the API server does not answer at all.
        Usage: the words name a file that cannot be read.
    """
    found = Read(gathered(call))
    if isinstance(found.facts.objects, Unknown):
        found.refused.append(f"objects: {found.facts.objects.why}")
    if isinstance(found.facts.definitions, Unknown):
        found.refused.append(f"CustomResourceDefinitions: {found.facts.definitions.why}")
    events = tried(lambda: call.server.all_events(call.namespace))
    if isinstance(events, Unknown):
        found.refused.append(f"Events: {events.why}")
    else:
        found.events = events
    _operator(call, found, lines)
    _secrets(call, found)
    return found


def _operator(call: Call, found: Read, lines: int) -> None:
    deployments = anywhere(call, lambda namespace: call.server.deployments(namespace, DEPLOYED))
    if isinstance(deployments, Unknown):
        found.refused.append(f"the operator's Deployment: {deployments.why}")
    else:
        found.deployments = deployments
    namespaces = sorted({text(each, "metadata", "namespace") for each in found.deployments} - {""})
    for namespace in namespaces or [operator_namespace(call)]:
        pods = tried(lambda namespace=namespace: call.server.pods(namespace, DEPLOYED))  # type: ignore[misc]
        if isinstance(pods, Unknown):
            found.refused.append(f"the operator's Pods and logs: {pods.why}")
            continue
        found.pods += pods
        for each in pods:
            _logs(call, found, each, lines)


def _logs(call: Call, found: Read, pod: Mapping[str, Any], lines: int) -> None:
    """The log of a Pod's first container, and the one before its last restart."""
    namespace, name = text(pod, "metadata", "namespace"), text(pod, "metadata", "name")
    container = next((text(each, "name") for each in items(part(pod, "spec"), "containers")), "")
    statuses = items(part(pod, "status"), "containerStatuses")
    restarted = any(isinstance(each, Mapping) and each.get("restartCount") for each in statuses)
    for previous in (False, True) if restarted else (False,):
        log = tried(lambda: call.server.log(namespace, name, container, lines, previous=previous))  # noqa: B023 - at once
        which = f"{name}{'-before-restart' if previous else ''}"
        if isinstance(log, Unknown):
            found.refused.append(f"log of {which}: {log.why}")
        else:
            found.logs[f"operator/{_safe(which)}.log"] = log


def _safe(name: str) -> str:
    """A name as a part of a path."""
    return "".join(each if each.isalnum() or each in "-_." else "_" for each in name).lstrip(".") or "_"


def _secrets(call: Call, found: Read) -> None:
    """What the Secrets hold that have a label of this API, or that objects name."""
    seen: dict[tuple[str, str], LabelledSecret] = {}
    for namespace in _places(call, found):
        listed = tried(lambda: [each for label in _LABELS for each in _labelled(call, found, namespace, label)])  # noqa: B023 - at once
        if isinstance(listed, Unknown):
            found.refused.append(f"values of Secrets, to look for them: {listed.why}")
        else:
            seen |= {(each.namespace, each.name): each for each in listed}
    objects = () if isinstance(found.facts.objects, Unknown) else found.facts.objects
    named = sorted({(each.key.namespace, name) for each in objects for name in named_secrets(each)} - set(seen))
    for namespace, name in named[:MOST_NAMED]:
        one = tried(lambda: call.server.labelled_secret(namespace, name))  # noqa: B023 - at once
        if not isinstance(one, Unknown):
            seen[namespace, name] = one
        elif not one.absent:
            found.refused.append(f"values of Secret {namespace}/{name}, to look for them: {one.why}")
    if len(named) > MOST_NAMED:
        found.refused.append(f"values of {len(named) - MOST_NAMED} further Secrets, to look for them: there are many.")
    found.secrets = len(seen)
    found.values = {value for each in seen.values() for value in values_of(each.data)}
    if call.options.clouds_yaml:
        found.values |= values_of({CLOUDS_YAML: cloud.file(call.options.clouds_yaml)})


def _places(call: Call, found: Read) -> list[str | None]:
    """Where Secrets are read: in the namespaces asked about, and where the operator is."""
    if call.namespace is None:
        return [None]
    operators = {text(each, "metadata", "namespace") for each in found.deployments} - {""}
    return [call.namespace, *sorted((operators or {operator_namespace(call)}) - {call.namespace})]


def _labelled(call: Call, found: Read, namespace: str | None, label: str) -> list[LabelledSecret]:
    listed = call.server.labelled_secrets(namespace, label)
    if len(listed) >= MOST_SECRETS:
        found.refused.append(f"values of further Secrets with the label {label}, to look for them: there are many.")
    return listed
