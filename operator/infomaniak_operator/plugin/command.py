"""What a command of the plugin is, and what it is given."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import yaml

from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.transport import Call as CloudCall
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.reconcile.openstack.scope import Cloud


class Usage(Exception):  # noqa: N818 - it names what is wrong with the words that were given
    """The words of the command line name nothing that is there."""


class ServerVersion(NamedTuple):
    """What an API server says of itself.

    Attributes:
        text: ``v1.34.1``.
        date: what its clock says, as the header ``Date`` has it; None where it does not say.
    """

    text: str
    date: str | None


@dataclass(frozen=True, slots=True)
class LabelledSecret:
    """A Secret.

    Attributes:
        namespace: where it is.
        name: its name.
        labels: its labels.
        data: its content, decoded.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    data: Mapping[str, bytes] = field(repr=False)


class Server(Protocol):
    """What the commands need of a cluster; see ``Cluster``."""

    namespace: str

    def objects(self, namespace: str | None) -> list[KubeObject]:
        """All objects of this API in a namespace, or with None in all of them."""

    def object(self, key: Key) -> KubeObject:
        """One object of this API."""

    def events(self, resource: KubeObject) -> list[Mapping[str, Any]]:
        """The Events of one object."""

    def annotate(self, key: Key, name: str, value: str | None) -> None:
        """Set one annotation, or with None take it out."""

    def secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """The content of a Secret."""

    def cluster_uid(self) -> str:
        """The UID of the kube-system Namespace, by which marks of ownership name the cluster."""

    def namespaces(self) -> list[str]:
        """The names of all Namespaces."""

    def labelled_secret(self, namespace: str, name: str) -> LabelledSecret:
        """The labels and the content of a Secret."""

    def labelled_secrets(self, namespace: str | None, selector: str) -> list[LabelledSecret]:
        """The Secrets with a label, in a namespace or with None in all of them."""

    def version(self) -> ServerVersion:
        """Which version the API server is of, and what its clock says."""

    def served(self) -> frozenset[str]:
        """The plurals of this API that are served."""

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """A CustomResourceDefinition; None where there is none."""

    def allowed(self, verb: str, group: str, resource: str, namespace: str | None) -> bool:
        """Whether the user may do that, in a namespace or with None in all of them."""

    def deployments(self, namespace: str | None, selector: str) -> list[Mapping[str, Any]]:
        """The Deployments with labels, in a namespace or with None in all of them."""

    def leases(self, namespace: str | None) -> list[Mapping[str, Any]]:
        """The Leases of a namespace, or with None of all of them."""

    def pods(self, namespace: str, selector: str) -> list[Mapping[str, Any]]:
        """The Pods with labels, in a namespace."""

    def log(self, namespace: str, pod: str, container: str, lines: int, *, previous: bool) -> str:
        """The last lines of a container's log, or of the one before its last restart."""

    def all_events(self, namespace: str | None) -> list[Mapping[str, Any]]:
        """The Events of the objects of this API, in a namespace or with None in all of them."""


class Opens(Protocol):
    """How a project is opened."""

    def __call__(self, credentials: CloudCredentials, on_call: Callable[[CloudCall], None] | None = None) -> Cloud:
        """The project of a credential, in which nothing can be changed. The credential has not been tried.

        Args:
            credentials: the credential.
            on_call: is told of each request once it is over.
        """


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command is given.

    Attributes:
        now: the present time.
        sleep: waits for that many seconds.
        connect: the cluster of a kubeconfig and a context.
        cloud: the project of a credential, in which nothing can be changed. The credential has not been tried.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    connect: Callable[[str | None, str | None], Server]
    cloud: Opens


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command.

    Attributes:
        options: as given.
        server: the cluster.
        namespace: the one asked about; None: all of them.
        surroundings: what varies.
    """

    options: argparse.Namespace
    server: Server
    namespace: str | None
    surroundings: Surroundings


@dataclass(frozen=True, slots=True)
class Command:
    """A command that has a module of its own.

    Attributes:
        name: as typed.
        help: one line.
        arguments: adds its arguments; ``--kubeconfig``, ``--context``, ``-n``, ``-o`` and ``--no-color`` are there.
        run: does it, and returns the exit code.
        exits: what its exit codes mean; empty: what those of the other commands do.
    """

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Call], int]
    exits: str = ""


def write_data(found: object, form: str) -> None:
    """Write a report for a script.

    Args:
        found: what JSON can hold.
        form: ``json`` or ``yaml``.
    """
    if form == "json":
        sys.stdout.write(f"{json.dumps(found, indent=2)}\n")
    else:
        sys.stdout.write(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))
