"""``orphans``: what carries a mark of this cluster in the project and has no owner any more. It only reads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import InfomaniakCloudError, ServiceMissingError
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin import cloud as clouds
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.command import Call, Command, Usage, write_data
from infomaniak_operator.plugin.orphans.report import Looked, Report, exit_code, orphans
from infomaniak_operator.plugin.orphans.sorts import SORTS, Thing
from infomaniak_operator.reconcile.openstack.scope import Cloud

if TYPE_CHECKING:
    from rich.console import RenderableType


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    clouds.add_arguments(parser)
    parser.add_argument(
        "--cluster-id", metavar="ID", help="the operator's --cluster-id; without it, the UID of namespace kube-system"
    )
    parser.add_argument(
        "--former",
        metavar="NAMESPACE[/NAME]",
        action="append",
        default=[],
        help="where an object may have been that is no more: a namespace that is gone, or a name; may be repeated",
    )


def run(call: Call) -> int:
    """Look, and write what was found.

    Raises:
        Usage: the credential cannot be used.
        ClusterError: not all objects can be listed, so nothing can be told.
    """
    report = orphans(_looked(call))
    if call.options.output:
        write_data(report, call.options.output)
    else:
        from infomaniak_operator.plugin import terminal  # noqa: PLC0415 - rich is asked for here alone

        terminal.console(color=False if call.options.no_color else None).print(_drawn(report))
    return exit_code(report)


def _looked(call: Call) -> Looked:
    before = _objects(call)
    cluster = call.options.cluster_id or call.server.cluster_uid()
    project = clouds.opened(call, [each for each in before if each.key.namespace == call.namespace])
    try:
        project.login()
    except InfomaniakCloudError as error:
        raise Usage(f"The cloud cannot be asked: {error}") from error
    rows, failed = _rows(project)
    # What was there before or after the cloud was read has an owner: a new object, or one that was deleted meanwhile.
    after = _objects(call)
    objects = list({(each.uid, each.key): each for each in [*before, *after]}.values())
    parted = [each.partition("/") for each in call.options.former]
    return Looked(
        cluster,
        project.project_id,
        project.region,
        rows,
        failed,
        objects,
        (*(namespace for namespace, _, _ in parted), *_namespaces(call, objects)),
        [name for _, _, name in parted if name],
        call.surroundings.now(),
        _unserved(call),
    )


def _objects(call: Call) -> list[KubeObject]:
    try:
        return call.server.objects(None)
    except ClusterError as error:
        raise ClusterError(
            f"What has no owner cannot be told without the objects of all namespaces. {error}"
        ) from error


def _namespaces(call: Call, objects: Sequence[KubeObject]) -> list[str]:
    """Where objects may have been: in each namespace that there is, as far as it may be known."""
    try:
        there = call.server.namespaces()
    except ClusterError:  # then in those that have objects
        there = []
    own = [call.namespace] if call.namespace else []
    return list(dict.fromkeys([*own, *sorted({each.key.namespace for each in objects}), *there]))


def _unserved(call: Call) -> frozenset[str]:
    """The kinds that are not served: a list of them is empty whatever objects there are."""
    served = call.server.served()
    return frozenset(name for name, kind in KINDS.items() if kind.plural not in served)


def _rows(project: Cloud) -> tuple[Mapping[str, Sequence[Thing]], Mapping[str, str]]:
    """What is in the project, by type, and which types could not be listed."""
    rows: dict[str, Sequence[Thing]] = {}
    failed: dict[str, str] = {}
    for sort in SORTS:
        try:
            rows[sort.name] = sort.rows(project)
        except ServiceMissingError as error:
            if not sort.optional:  # the region may be another one
                failed[sort.name] = str(error)
        except InfomaniakCloudError as error:
            failed[sort.name] = str(error)
    return rows, failed


def _drawn(report: Report) -> RenderableType:
    from infomaniak_operator.plugin.orphans import tables  # noqa: PLC0415 - rich is asked for here alone

    return tables.drawn(report)


ORPHANS = Command(
    "orphans",
    "what in the cloud carries this cluster's mark and has no owner",
    arguments,
    run,
    "Exit codes: 0 there are none, 1 it could not be looked everywhere or told of everything, 2 there are orphans, "
    "3 the command itself failed.",
)
