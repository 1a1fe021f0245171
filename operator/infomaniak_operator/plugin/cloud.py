"""With which credential a command asks the cloud. It asks with the user's own rights, and only reads."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.client.clouds_yaml import CLOUDS_YAML
from infomaniak_operator.client.credentials import CloudCredentials, parse_credentials
from infomaniak_operator.client.errors import InvalidCredentialsError
from infomaniak_operator.client.session import CloudSession
from infomaniak_operator.client.transport import Call as CloudCall
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin.command import Call, Usage
from infomaniak_operator.reconcile.openstack.scope import Cloud, connector

TIMEOUT_SECONDS = 30.0
"""Of each request to the cloud."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which credential is used."""
    group = parser.add_argument_group("the cloud")
    group.add_argument(
        "--credentials",
        metavar="SECRET",
        help="a Secret of the namespace; without it, the one that the namespace's objects name",
    )
    group.add_argument("--clouds-yaml", metavar="FILE", help="a clouds.yaml in the place of a Secret")
    group.add_argument("--cloud", metavar="NAME", help="the entry of clouds.yaml; without it, the only one")
    group.add_argument(
        "--allowed-auth-url",
        action="append",
        metavar="URL",
        help="the only Keystone that a credential may lead to, as the operator's option; without it, any by HTTPS",
    )


def connect(credentials: CloudCredentials, on_call: Callable[[CloudCall], None] | None = None) -> Cloud:
    """The project of a credential, through which nothing can be changed; see ``Opens``."""

    def session(one: CloudCredentials) -> CloudSession:
        return CloudSession(one, timeout_seconds=TIMEOUT_SECONDS, on_call=on_call).read_only()

    return connector(time.monotonic, session)(credentials)


def opened(call: Call, objects: Iterable[KubeObject]) -> Cloud:
    """The cloud that a call asks, read-only.

    Args:
        call: with the options of ``add_arguments``.
        objects: those of the namespace; they may name the Secret.

    Raises:
        Usage: it cannot be told which credential, or it cannot be used.
        ClusterError: the Secret cannot be read.
    """
    return call.surroundings.cloud(credentials_for(call, objects))


def credentials_for(call: Call, objects: Iterable[KubeObject]) -> CloudCredentials:
    """The credential that a call names; as ``opened``."""
    options, allowed = call.options, call.options.allowed_auth_url
    try:
        if options.clouds_yaml:
            if options.credentials:
                raise Usage("--credentials and --clouds-yaml exclude each other: leave one out.")
            text = file(options.clouds_yaml)
            return parse_credentials({CLOUDS_YAML: text}, options.cloud, allowed)
        if call.namespace is None:
            raise Usage("A Secret is of one namespace: leave out --all-namespaces, or name --clouds-yaml.")
        named = secrets_of(objects)
        name = options.credentials or _only(named)
        where = f"Secret {call.namespace}/{name}"
        data = call.server.secret(call.namespace, name)
        return parse_credentials(data, options.cloud or named.get(name), allowed)
    except InvalidCredentialsError as error:
        where = options.clouds_yaml or where
        raise Usage(f"{where} cannot be used: {error}.") from error


def file(path: str) -> str:
    """The text of a file that a user names.

    Raises:
        Usage: it cannot be read.
    """
    try:
        return Path(os.path.expanduser(path)).read_text("utf-8")  # noqa: PTH111 - pathlib raises where there is no home
    except (OSError, ValueError) as error:
        raise Usage(f"{path} cannot be read: {error}") from error


def secrets_of(objects: Iterable[KubeObject]) -> dict[str, str | None]:
    """The Secrets that objects name, each with the entry of clouds.yaml; as written, so of strangers, too."""
    found: dict[str, str | None] = {}
    for each in objects:
        spec: object = ANY.spec(each)
        reference: object = spec.get("cloudCredentialsRef") if isinstance(spec, Mapping) else None
        if isinstance(reference, Mapping) and isinstance(name := reference.get("secretName"), str) and name:
            entry = reference.get("cloudName")
            found.setdefault(name, entry if isinstance(entry, str) else None)
    return found


def _only(named: Iterable[str]) -> str:
    names = sorted(named)
    if len(names) == 1:
        return names[0]
    if not names:
        raise Usage("No object of the namespace names a Secret: name one with --credentials, or --clouds-yaml.")
    raise Usage(f"The objects name several Secrets ({', '.join(names[:10])}): choose one with --credentials.")
