"""The options of ``infomaniak-operator run``: from the command line, else from environment variables."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infomaniak_operator import __version__
from infomaniak_operator.reconcile.credentials import DefaultCredentials

PREFIX = "INFOMANIAK_OPERATOR_"
INFOMANIAK_AUTH_URLS = (
    "https://api.pub1.infomaniak.cloud/identity",
    "https://api.pub2.infomaniak.cloud/identity",
)
"""Where credentials may lead unless the operator is told otherwise."""


@dataclass(frozen=True, slots=True)
class Options:
    """What ``run`` is told.

    Attributes:
        kubeconfig: file to reach the API server with; None: in the cluster, with the Pod's ServiceAccount.
        namespaces: namespaces to watch; empty: all.
        workers: visits at once.
        round_seconds: seconds between two comparisons of an object with the cloud.
        create_grace_seconds: seconds after which a create of unknown outcome has surely been finished.
        cloud_timeout_seconds: seconds a call to OpenStack may take.
        cluster_id: names this cluster in the marks; None: the UID of the kube-system Namespace.
        allowed_auth_urls: Keystone addresses that credentials may lead to; empty: any.
        default_credentials: the operator's own credential.
        restore: take over what was made for objects of the same name that are no more.
        log_level: as in ``logging``.
    """

    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()
    workers: int = 16
    round_seconds: float = 600.0
    create_grace_seconds: float = 60.0
    cloud_timeout_seconds: float = 60.0
    cluster_id: str | None = None
    allowed_auth_urls: tuple[str, ...] = INFOMANIAK_AUTH_URLS
    default_credentials: DefaultCredentials | None = None
    restore: bool = False
    log_level: str = "INFO"


def parse(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Options:
    """Read the command line.

    Args:
        arguments: without the program's name.
        environment: for the defaults (``INFOMANIAK_OPERATOR_WORKERS`` for ``--workers``, lists with commas).

    Raises:
        SystemExit: something in it is wrong; argparse has said what.
    """
    parser = _parser(os.environ if environment is None else environment)
    read = parser.parse_args(arguments)
    default = None
    if read.default_credentials:
        default = _default_credentials(parser, read.default_credentials, read.default_credentials_namespace)
    return Options(
        kubeconfig=read.kubeconfig,
        namespaces=tuple(read.namespace),
        workers=read.workers,
        round_seconds=read.round_seconds,
        create_grace_seconds=read.create_grace_seconds,
        cloud_timeout_seconds=read.cloud_timeout_seconds,
        cluster_id=read.cluster_id,
        allowed_auth_urls=() if "*" in read.allowed_auth_url else tuple(read.allowed_auth_url),
        default_credentials=default,
        restore=read.restore,
        log_level=read.log_level,
    )


def _default_credentials(parser: argparse.ArgumentParser, text: str, namespaces: Sequence[str]) -> DefaultCredentials:
    place, _, cloud = text.partition(":")
    namespace, slash, secret = place.partition("/")
    if not (namespace and slash and secret):
        parser.error("--default-credentials: write NAMESPACE/SECRET or NAMESPACE/SECRET:CLOUD")
    return DefaultCredentials(namespace, secret, cloud or None, frozenset(namespaces))


def _at_least(floor: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if value < floor:
            raise argparse.ArgumentTypeError(f"must be at least {floor:g}")
        return value

    return number


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infomaniak-operator",
        description="Keeps networks, routers, security groups and floating IPs of an OpenStack cloud as custom "
        "resources of Kubernetes say.",
        epilog=f"Every option can be given as an environment variable: {PREFIX}WORKERS for --workers, and so on.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    run = parser.add_subparsers(dest="command", required=True).add_parser("run", help="run the operator")
    was = Options()

    def default(name: str, value: object = None) -> object:
        return environment.get(PREFIX + name, value)

    def listed(name: str, value: Sequence[str] = ()) -> list[str]:
        text = environment.get(PREFIX + name)
        return list(value) if text is None else [item for item in text.split(",") if item]

    run.add_argument("--kubeconfig", type=Path, default=default("KUBECONFIG"), help="default: in the cluster")
    run.add_argument(
        "--namespace", action=_Listed, default=listed("NAMESPACE"), help="watch only this (again for more)"
    )
    run.add_argument("--workers", type=int, default=default("WORKERS", was.workers), help="visits at once")
    run.add_argument(
        "--round-seconds",
        type=_at_least(60.0),
        default=default("ROUND_SECONDS", was.round_seconds),
        help="between two comparisons of an object with the cloud (default %(default)s, at least 60)",
    )
    run.add_argument(
        "--create-grace-seconds",
        type=_at_least(0.0),
        default=default("CREATE_GRACE_SECONDS", was.create_grace_seconds),
        help="after which a create of unknown outcome has surely been finished (default %(default)s)",
    )
    run.add_argument(
        "--cloud-timeout-seconds",
        type=_at_least(1.0),
        default=default("CLOUD_TIMEOUT_SECONDS", was.cloud_timeout_seconds),
        help="a call to OpenStack may take (default %(default)s)",
    )
    run.add_argument("--cluster-id", default=default("CLUSTER_ID"), help="default: the UID of namespace kube-system")
    run.add_argument(
        "--allowed-auth-url",
        action=_Listed,
        default=listed("ALLOWED_AUTH_URL", was.allowed_auth_urls),
        help="Keystone that credentials may lead to, again for more, * for any (default: Infomaniak's)",
    )
    run.add_argument(
        "--default-credentials",
        metavar="NAMESPACE/SECRET[:CLOUD]",
        default=default("DEFAULT_CREDENTIALS"),
        help="the Secret for objects that name none",
    )
    run.add_argument(
        "--default-credentials-namespace",
        action=_Listed,
        default=listed("DEFAULT_CREDENTIALS_NAMESPACE"),
        help="a namespace whose objects may use it, again for more, * for all",
    )
    run.add_argument(
        "--restore",
        action="store_true",
        default=default("RESTORE", "") in ("1", "true", "yes"),
        help="take over what was made for objects of the same name that are no more (after a restore)",
    )
    run.add_argument(
        "--log-level",
        choices=["DEBUG", "INFO", "WARNING", "ERROR"],
        default=default("LOG_LEVEL", was.log_level),
        help="default %(default)s",
    )
    return parser


class _Listed(argparse.Action):
    """An option that may be given again; the first time, it replaces the default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        del parser, option_string
        mark = f"_{self.dest}_given"
        before = getattr(namespace, self.dest) if getattr(namespace, mark, False) else []
        setattr(namespace, mark, True)
        setattr(namespace, self.dest, [*before, values])
