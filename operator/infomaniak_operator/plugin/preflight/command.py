"""``kubectl infomaniak preflight``: what manifests need, before they are applied."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import AuthenticationError, InfomaniakCloudError
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin import cloud
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.command import Call, Command, Usage, write_data
from infomaniak_operator.plugin.named import Reference, is_other, references, unresolved
from infomaniak_operator.plugin.preflight import manifests, project
from infomaniak_operator.plugin.preflight import report as preflight
from infomaniak_operator.plugin.preflight.manifests import Manifest
from infomaniak_operator.plugin.preflight.report import Problem, Report, Verdict
from infomaniak_operator.reconcile.openstack.scope import Cloud
from infomaniak_operator.reconcile.reconcilers import actuators

_CEL = "the rules between fields (CEL), which the API server alone can check: add --server-dry-run"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "-f",
        "--filename",
        action="append",
        required=True,
        metavar="FILE",
        help="a file or a folder with manifests, or - for standard input; may be given again",
    )
    parser.add_argument("-R", "--recursive", action="store_true", help="the folders in a folder, too")
    parser.add_argument(
        "--server-dry-run",
        action="store_true",
        help="have the API server check each manifest, as kubectl apply --dry-run=server does; it keeps nothing",
    )
    cloud.add_arguments(parser)


def run(call: Call) -> int:
    """Find out what manifests need, and say it.

    Raises:
        Usage: a file cannot be read, or the credential that is named cannot be used.
    """
    found = manifests.read(call.options.filename, str(call.namespace), recursive=call.options.recursive)
    told = _Preflight(call, found).report()
    if call.options.output:
        write_data(told, call.options.output)
    else:
        from infomaniak_operator.plugin import terminal  # noqa: PLC0415 - rich is asked for here
        from infomaniak_operator.plugin.preflight import drawing  # noqa: PLC0415 - as is this

        terminal.console(color=False if call.options.no_color else None).print(
            drawing.drawn(told, "" if call.options.server_dry_run else _CEL)
        )
    return int(preflight.worst(told))


@dataclass(slots=True)
class _Group:
    """The manifests that use one credential."""

    namespace: str
    secret: str | None
    entry: str | None
    members: list[Manifest] = field(default_factory=list)


class _Preflight:
    """One look at manifests, the cluster and the cloud."""

    def __init__(self, call: Call, found: manifests.Manifests) -> None:
        self._call, self._files = call, found
        self._valid = [each for each in found.found if not each.problems]
        self._not_checked: list[str] = []
        self._cluster: dict[Key, KubeObject] | None = None
        self._kinds = {each.kind: each for each in actuators()}
        self._others: dict[tuple[Key, str], str] = {}

    def report(self) -> Report:
        """What there is to say."""
        self._read_cluster()
        cluster = self._cluster or {}
        there = {**cluster, **{each.resource.key: each.resource for each in self._valid}}
        problems = [*preflight.schema(self._files.found), *preflight.overlaps(there, self._valid)]
        # What is in the files and wrong is said once, and is not missing besides.
        there = {**cluster, **{each.resource.key: each.resource for each in self._files.found}}
        for each in self._valid:
            problems += self._missing(each, there)
        quota: list[Report] = []
        problems += self._in_the_cloud(quota)
        if self._call.options.server_dry_run:
            problems += self._dry_run()
        return preflight.report(self._files, self._cluster, quota, problems, self._not_checked)

    def _read_cluster(self) -> None:
        """The objects of all namespaces that the files are about; None where one of them cannot be listed."""
        found: dict[Key, KubeObject] = {}
        try:
            for namespace in sorted({each.resource.key.namespace for each in self._files.found}):
                found |= {each.key: each for each in self._call.server.objects(namespace)}
        except ClusterError as error:
            self._not_checked.append(f"what there is in the cluster: {error}")
            return
        self._cluster = found

    def _missing(self, manifest: Manifest, there: Mapping[Key, KubeObject]) -> Iterator[Problem]:
        """What a manifest refers to that is not there, as far as that can be told."""
        for each in references(manifest.resource):
            if is_other(each.key):
                text = self._other(each)
            elif self._cluster is None and each.key not in there:
                text = ""  # it may be in the cluster: that it was not asked is said already
            else:
                text = unresolved(each, there)
            if text:
                yield Problem(Verdict.WAITS, "reference", text, manifest.resource.key, manifest.file)

    def _other(self, reference: Reference) -> str:
        """Why a Secret or a Service is not there; empty where it is, or that cannot be told."""
        key = reference.key
        if key in self._files.others:
            if reference.label and self._files.others[key].get(reference.label) != "true":
                return f"{reference.place}: Secret {key.name} in the files lacks the label {reference.label}=true"
            return ""
        asked = (key, reference.label)
        if asked not in self._others:
            self._others[asked] = self._look_for(*asked)
        text = self._others[asked]
        return f"{reference.place}: {text}" if text else ""

    def _look_for(self, key: Key, label: str) -> str:
        try:
            if key.kind == "Secret":
                found = self._call.server.labelled_secret(key.namespace, key.name)
                return "" if found.labels.get(label) == "true" else f"Secret {key.name} lacks the label {label}=true"
            if any(each.key == key for each in self._call.server.others(key.kind, key.namespace)):
                return ""
        except ClusterError as error:
            if not error.is_not_there:
                self._not_checked.append(f"{key.kind} {key.name}: {error}")
                return ""
        return f"there is no {key.kind} {key.name} in the files or in the cluster"

    # ── the cloud ──

    def _in_the_cloud(self, quota: list[Report]) -> Iterator[Problem]:
        projects: dict[tuple[str, str], tuple[Cloud, list[Manifest]]] = {}
        for group in self._groups():
            opened = self._opened(group)
            if isinstance(opened, Problem):
                yield opened
            elif opened is not None:
                place = (opened.project_id, opened.region)
                projects.setdefault(place, (opened, []))[1].extend(group.members)
        since = self._call.surroundings.monotonic()
        for (project_id, region), (opened, members) in projects.items():
            seen = project.Project(opened, since, self._not_checked)
            cluster = self._cluster or {}
            wanted = preflight.together(
                preflight.difference(each.resource, cluster.get(each.resource.key)) for each in members
            )
            if self._cluster is None:
                self._not_checked.append("what of the objects has been made already: all of it counts as needed")
            counts = seen.quota(wanted)
            quota += project.rows(project_id, region, counts)
            if self._cluster is not None:  # else they may be there already, and need nothing
                yield from project.short(project_id, counts)
            for each in members:
                if not self._stands(each):
                    yield from seen.names(each, self._kinds[each.resource.key.kind])

    def _stands(self, manifest: Manifest) -> bool:
        """Whether it is in the cloud with this very spec."""
        there = (self._cluster or {}).get(manifest.resource.key)
        return there is not None and bool(ANY.status(there).get("id")) and there.spec == manifest.resource.spec

    def _groups(self) -> Iterable[_Group]:
        options = self._call.options
        if options.clouds_yaml or options.credentials:
            return [_Group(str(self._call.namespace), None, None, list(self._valid))] if self._valid else []
        found: dict[tuple[str, str, str], _Group] = {}
        for each in self._valid:
            ref: Mapping[str, Any] = ANY.spec(each.resource).get("cloudCredentialsRef") or {}
            secret, entry = ref.get("secretName"), ref.get("cloudName")
            if not secret:
                self._not_checked.append(
                    f"the cloud, for {each.resource.key.kind} {each.resource.key.name}: it uses the operator's own "
                    "credential; name one with --credentials or --clouds-yaml"
                )
                continue
            where = (each.resource.key.namespace, str(secret), str(entry or ""))
            found.setdefault(where, _Group(each.resource.key.namespace, secret, entry)).members.append(each)
        return found.values()

    def _opened(self, group: _Group) -> Cloud | Problem | None:
        """The project of a credential, logged in; None, and a word, where it cannot be asked."""
        options = copy(self._call.options)
        if group.secret:
            options.credentials, options.cloud = group.secret, options.cloud or group.entry
        what = f"Secret {group.namespace}/{group.secret}" if group.secret else "the credential"
        try:
            found = cloud.opened(replace(self._call, options=options, namespace=group.namespace), ())
            found.login()
        except ClusterError as error:
            absent = f"{what} is not in the cluster yet; name a credential with --clouds-yaml"
            self._not_checked.append(f"the cloud: {absent if error.is_not_there else error}")
            return None
        except Usage as error:
            if not group.secret:
                raise
            return Problem(Verdict.CANNOT, "credential", str(error))
        except AuthenticationError as error:
            return Problem(Verdict.CANNOT, "credential", f"{what} is refused: {error}")
        except InfomaniakCloudError as error:
            self._not_checked.append(f"the cloud, with {what}: {error}")
            return None
        return found

    def _dry_run(self) -> Iterator[Problem]:
        for each in self._files.found:
            key = each.resource.key
            if key.kind not in KINDS:
                continue
            try:
                text = self._call.server.dry_run(each.resource.body, key.namespace)
            except ClusterError as error:
                self._not_checked.append(f"the dry run: {error}")
                return
            if text:
                yield Problem(Verdict.CANNOT, "server", text, key, each.file)


PREFLIGHT = Command(
    "preflight",
    "what manifests need of quota, references and names, before they are applied",
    arguments,
    run,
    "Exit codes: 0 the manifests can be applied, 1 they would wait for something, or something could not be checked, "
    "2 they cannot work, 3 the command itself failed.",
)
