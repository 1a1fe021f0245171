"""``kubectl infomaniak diff``: specs against the cloud, and what the operator would do."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin import cloud
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.command import Call, Command, Surroundings, Usage, named, write_data
from infomaniak_operator.plugin.diff import report as diff
from infomaniak_operator.plugin.diff.plans import Planner
from infomaniak_operator.plugin.diff.view import Credentials, View
from infomaniak_operator.plugin.named import is_other, unresolved
from infomaniak_operator.plugin.named import references as references_of
from infomaniak_operator.plugin.references import references
from infomaniak_operator.plugin.stack import Stack


@dataclass(frozen=True, slots=True)
class _Time:
    surroundings: Surroundings

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.surroundings.monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.surroundings.now().timestamp()


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the objects of all namespaces")
    parser.add_argument("--cluster-id", metavar="ID", help="the operator's, where the chart's clusterID is set")
    parser.add_argument("object", nargs="*", metavar="KIND/NAME", help="one object; without it, all")
    cloud.add_arguments(parser)


def run(call: Call) -> int:
    """Find out what the operator would do, and say it.

    Raises:
        Usage: the words name nothing that is there, or the credential cannot be used.
        ClusterError: the API server cannot be asked.
    """
    objects = sorted(call.server.objects(call.namespace), key=lambda each: each.key)
    wanted = _wanted(call, objects)
    stack = Stack(objects, references(), call.surroundings.now())
    above = stack.above(each.key for each in wanted)
    options = call.options
    named_one = options.credentials or options.clouds_yaml or options.cloud
    given = cloud.credentials_for(call, objects) if named_one and objects else None
    view = View(objects, call.server, references(), whole=given is not None)
    found: list[str] = []

    def cluster() -> str:
        if not found:
            found.append(options.cluster_id or _cluster_uid(call))
        return found[0]

    if wanted:
        cluster()
    credentials = Credentials(allowed_auth_urls=options.allowed_auth_url, given=given)
    planner = Planner(view, call.surroundings.cloud, cluster, credentials, _Time(call.surroundings))
    plans = planner.plans(each for each in objects if each.key in above)
    told = diff.report(plans, {each.key for each in wanted}, {each.key: _missing(each, objects) for each in wanted})
    if options.output:
        write_data(told, options.output)
    else:
        from infomaniak_operator.plugin import terminal  # noqa: PLC0415 - rich is asked for here alone
        from infomaniak_operator.plugin.diff import drawing  # noqa: PLC0415 - as is this

        where = f"in namespace {call.namespace}" if call.namespace else "in any namespace"
        screen = terminal.console(color=False if options.no_color else None)
        screen.print(drawing.drawn(told, where, named=call.namespace is None))
    return int(diff.worst(told))


def _wanted(call: Call, objects: list[KubeObject]) -> list[KubeObject]:
    if not call.options.object:
        return objects
    key = named(call.options.object, call.namespace)
    found = [each for each in objects if each.key == key]
    if not found:
        raise Usage(f"{key.kind}/{key.name} does not exist in namespace {key.namespace}.")
    return found


def _missing(resource: KubeObject, objects: list[KubeObject]) -> list[str]:
    """Which references of an object lead to no object of this API, in words."""
    if resource.deleting:
        return []
    there = {each.key: each for each in objects}
    where = f"in namespace {resource.key.namespace}"
    found = (unresolved(each, there, where) for each in references_of(resource) if not is_other(each.key))
    return [text for text in found if text]


def _cluster_uid(call: Call) -> str:
    try:
        return call.server.cluster_uid()
    except ClusterError as error:
        raise ClusterError(
            f"{error}. Marks of ownership name the cluster by it: name the operator's id with --cluster-id (the UID of "
            "the kube-system Namespace, or the chart's clusterID)"
        ) from error


DIFF = Command(
    "diff",
    "specs against the cloud, field by field, and what the operator would do",
    arguments,
    run,
    "Exit codes: 0 there is nothing to do, 1 the operator has something to do and will, 2 something needs you, "
    "3 it cannot be told, or the command itself failed.",
)
