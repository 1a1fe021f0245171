"""What a command of the plugin is, and what it is given."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import yaml

from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.transport import Call as CloudCall
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.stack import by_kind, names_of
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


def named(words: Sequence[str], namespace: str | None) -> Key:
    """The object that words name: ``KIND/NAME``, or the two apart.

    Raises:
        Usage: they name none.
    """
    text = "/".join(words)
    kind, _, name = text.partition("/")
    known = by_kind(kind)
    if known is None or not name or "/" in name:
        raise Usage(f"{text!r} is no KIND/NAME. The kinds are {names_of()}.")
    if namespace is None:
        raise Usage("KIND/NAME is of one namespace: leave out --all-namespaces, or the object.")
    return Key(known, namespace, name)


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

    def others(self, kind: str, namespace: str | None) -> list[KubeObject]:
        """All Services, EndpointSlices or Nodes, which are of Kubernetes itself."""

    def dry_run(self, body: Mapping[str, Any], namespace: str) -> str | None:
        """Why the API server would not take an object, which is not kept whatever it says; None where it would."""


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
        monotonic: seconds that never go back, as the cloud of ``cloud`` counts them.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    connect: Callable[[str | None, str | None], Server]
    cloud: Opens
    monotonic: Callable[[], float] = time.monotonic


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


def file_name(text: str) -> str:
    """A file as an option names it. An empty name is mostly a variable that is not set.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("the name of the file is empty")
    return text
