"""The options of ``infomaniak-operator run``: from the command line, else from environment variables."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import override

from infomaniak_operator import __version__
from infomaniak_operator.client.credentials import is_address
from infomaniak_operator.controller.polling import MIN_POLL_SECONDS
from infomaniak_operator.metrics.http_server import Address
from infomaniak_operator.reconcile.generic.credential_settings import DefaultCredentials
from infomaniak_operator.reconcile.generic.tenancy import Isolation

PREFIX = "INFOMANIAK_OPERATOR_"
INFOMANIAK_AUTH_URLS = (
    "https://api.pub1.infomaniak.cloud/identity",
    "https://api.pub2.infomaniak.cloud/identity",
)
"""Where credentials may lead unless the operator is told otherwise."""

MIN_STATISTICS_SECONDS = 10.0
"""So often at the most listeners are asked what they have counted: Octavia itself hears of it every ten seconds."""

POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Says in a Pod in which namespace it is."""


@dataclass(frozen=True, slots=True)
class LeaseOptions:
    """Which Lease decides who acts.

    Attributes:
        namespace: where it is.
        name: its name.
    """

    namespace: str
    name: str = "infomaniak-operator"


@dataclass(frozen=True, slots=True)
class Options:
    """What ``run`` is told.

    Attributes:
        kubeconfig: file to reach the API server with; None: in the cluster, with the Pod's ServiceAccount.
        namespaces: namespaces to watch; empty: all.
        workers: reconciles at once.
        resync_seconds: seconds between two comparisons of an object with the cloud.
        health_poll_seconds: seconds between two looks at how the traffic of load balancers goes; 0: only the resync
            looks.
        statistics_seconds: seconds between two rounds that read what the listeners of load balancers have counted, for
            the metrics, by the names of the LoadBalancers; 0: never.
        statistics_calls: listeners of each load balancer that such a round asks for; those of one take turns.
        deprecated: warnings about options that are given by a former name, for the log.
        create_grace_seconds: seconds after which a create of unknown outcome has surely been finished.
        cloud_timeout_seconds: seconds a call to OpenStack may take as a whole.
        cloud_proxy: ``http://HOST:PORT`` of the proxy on the way to OpenStack; None: there is none. Variables of the
            environment (``HTTPS_PROXY``) count for nothing.
        cluster_id: names this cluster in the marks; None: the UID of the kube-system Namespace.
        allowed_auth_urls: Keystone addresses that credentials may lead to; empty: any.
        default_credentials: the operator's own credential.
        credentials_namespaces: the namespaces whose Secrets are read, beside that of ``default_credentials``; empty:
            all that are watched.
        tenant_isolation: which namespaces may name nothing in the cloud that another namespace may own.
        tenant_isolation_exempt: namespaces that may all the same.
        restore: take over what was made for objects of the same name that are no more.
        readiness_gates: open the readiness gates of Pods that are members: then all Pods are watched.
        lease: the Lease that decides which of several operators acts; None: this is the only one.
        metrics_address: where ``/metrics`` is served; None: nowhere.
        metrics_authorization: only who may ``get`` the non-resource URL ``/metrics`` is told them.
        metrics_object_names: tell conditions of each object by its name, instead of counting them.
        health_address: where ``/healthz`` and ``/readyz`` are served; None: nowhere.
        log_level: as in ``logging``.
    """

    kubeconfig: Path | None = None
    namespaces: tuple[str, ...] = ()
    workers: int = 16
    resync_seconds: float = 600.0
    health_poll_seconds: float = 60.0
    statistics_seconds: float = 0.0
    statistics_calls: int = 1
    deprecated: tuple[str, ...] = ()
    create_grace_seconds: float = 60.0
    cloud_timeout_seconds: float = 60.0
    cloud_proxy: str | None = None
    cluster_id: str | None = None
    allowed_auth_urls: tuple[str, ...] = INFOMANIAK_AUTH_URLS
    default_credentials: DefaultCredentials | None = None
    credentials_namespaces: tuple[str, ...] = ()
    tenant_isolation: Isolation = Isolation.DEFAULT_CREDENTIAL
    tenant_isolation_exempt: tuple[str, ...] = ()
    restore: bool = False
    readiness_gates: bool = False
    lease: LeaseOptions | None = None
    metrics_address: Address | None = None
    metrics_authorization: bool = False
    metrics_object_names: bool = False
    health_address: Address | None = None
    log_level: str = "INFO"


def parse(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Options:
    """Read the command line. ``version`` and ``--version`` print it and exit.

    Args:
        arguments: without the program's name.
        environment: for the defaults (``INFOMANIAK_OPERATOR_WORKERS`` for ``--workers``, lists with commas).

    Raises:
        SystemExit: something in it is wrong, and argparse has said what; or there is nothing to run.
    """
    parser = _parser(os.environ if environment is None else environment)
    read = parser.parse_args(arguments)
    if read.command == "version":
        print(__version__)
        raise SystemExit(0)
    default = None
    if read.default_credentials:
        default = _default_credentials(parser, read.default_credentials, read.default_credentials_namespace)
    namespaces = _namespaces(parser, "--namespace", read.namespace)
    return Options(
        kubeconfig=read.kubeconfig,
        namespaces=namespaces,
        workers=read.workers,
        resync_seconds=read.resync_seconds if read.round_seconds is None else read.round_seconds,
        health_poll_seconds=read.health_poll_seconds,
        statistics_seconds=read.statistics_seconds,
        statistics_calls=read.statistics_calls,
        deprecated=_deprecated(read),
        create_grace_seconds=read.create_grace_seconds,
        cloud_timeout_seconds=read.cloud_timeout_seconds,
        cloud_proxy=read.cloud_proxy or None,
        cluster_id=read.cluster_id,
        allowed_auth_urls=_allowed(parser, read.allowed_auth_url),
        default_credentials=default,
        credentials_namespaces=_credentials_namespaces(parser, read.credentials_namespace, namespaces),
        tenant_isolation=Isolation(read.tenant_isolation),
        tenant_isolation_exempt=tuple(read.tenant_isolation_exempt),
        restore=read.restore,
        readiness_gates=read.readiness_gates,
        lease=_lease(parser, read.lease_namespace, read.lease_name) if read.leader_elect else None,
        metrics_address=read.metrics_address,
        metrics_authorization=read.metrics_authorization,
        metrics_object_names=read.metrics_object_names,
        health_address=read.health_address,
        log_level=read.log_level,
    )


def _deprecated(read: argparse.Namespace) -> tuple[str, ...]:
    if read.round_seconds is None:
        return ()
    return (f"--round-seconds ({PREFIX}ROUND_SECONDS) is deprecated and will be removed: use --resync-seconds",)


def _allowed(parser: argparse.ArgumentParser, urls: Sequence[str]) -> tuple[str, ...]:
    """What is meant for a limit and says nothing must not mean that there is none."""
    urls = [url.strip() for url in urls]
    if "*" in urls:
        return ()
    if not urls:
        parser.error("--allowed-auth-url: it is empty, so no credential could be used; for any cloud write *")
    for url in urls:
        if not is_address(url):
            parser.error(f"--allowed-auth-url: {url!r} is no plain web address, such as {INFOMANIAK_AUTH_URLS[0]}")
    return tuple(urls)


def _namespaces(parser: argparse.ArgumentParser, option: str, names: Sequence[str]) -> tuple[str, ...]:
    if not all(name.strip() for name in names):
        parser.error(f"{option}: it is empty; for all namespaces leave it out")
    return tuple(names)


def _credentials_namespaces(
    parser: argparse.ArgumentParser, names: Sequence[str], watched: Sequence[str]
) -> tuple[str, ...]:
    found = _namespaces(parser, "--credentials-namespace", names)
    for name in found:
        if watched and name not in watched:
            parser.error(f"--credentials-namespace: {name} is not watched; name it by --namespace, too")
    return found


def _proxy(text: str) -> str:
    parts = urlsplit(text)
    plain = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if text and not (parts.scheme == "http" and plain and is_address(text)):
        raise argparse.ArgumentTypeError("write http://HOST:PORT, without a user")
    return text


def _default_credentials(parser: argparse.ArgumentParser, text: str, namespaces: Sequence[str]) -> DefaultCredentials:
    place, _, cloud = text.partition(":")
    namespace, slash, secret = place.partition("/")
    if not (namespace and slash and secret):
        parser.error("--default-credentials: write NAMESPACE/SECRET or NAMESPACE/SECRET:CLOUD")
    return DefaultCredentials(namespace, secret, cloud or None, frozenset(namespaces))


def _lease(parser: argparse.ArgumentParser, namespace: str | None, name: str) -> LeaseOptions:
    if not namespace:
        try:
            namespace = POD_NAMESPACE.read_text().strip()
        except OSError:
            parser.error("--leader-elect: say where the Lease is to be, by --lease-namespace")
    return LeaseOptions(namespace, name)


def _address(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _one_of(values: Sequence[str]) -> Callable[[str], str]:
    """A type, for argparse's ``choices`` do not look at what comes from the environment."""

    def choice(text: str) -> str:
        if text not in values:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(values)}")
        return text

    return choice


def _at_least(floor: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not (value >= floor and math.isfinite(value)):  # nan is neither below nor above
            raise argparse.ArgumentTypeError(f"must be a number of at least {floor:g}")
        return value

    return number


def _off_or_at_least(floor: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if value and not (value >= floor and math.isfinite(value)):
            raise argparse.ArgumentTypeError(f"must be 0, or a number of at least {floor:g}")
        return value

    return number


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _flag(text: str) -> bool:
    """What a variable of the environment says of a flag; a word that is misspelt must not mean no."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("", "0", "false", "no", "off"):
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infomaniak-operator",
        description="Keeps networks, routers, security groups, ports, floating IPs and load balancers of an OpenStack "
        "cloud as custom resources of Kubernetes say.",
        epilog=f"Every option can be given as an environment variable: {PREFIX}WORKERS for --workers, and so on.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version", help="print the version")
    run = commands.add_parser("run", help="run the operator")
    was = Options()
    isolations, levels = [each.value for each in Isolation], ["DEBUG", "INFO", "WARNING", "ERROR"]

    def default(name: str, value: object = None) -> object:
        return environment.get(PREFIX + name, value)

    def listed(name: str, value: Sequence[str] = ()) -> list[str]:
        text = environment.get(PREFIX + name)
        return list(value) if text is None else [item for item in text.split(",") if item]

    run.add_argument("--kubeconfig", type=Path, default=default("KUBECONFIG") or None, help="default: in the cluster")
    run.add_argument(
        "--namespace", action=_Listed, default=listed("NAMESPACE"), help="watch only this (again for more)"
    )
    run.add_argument("--workers", type=_positive, default=default("WORKERS", was.workers), help="reconciles at once")
    run.add_argument(
        "--resync-seconds",
        type=_at_least(60.0),
        default=default("RESYNC_SECONDS", was.resync_seconds),
        help="between two comparisons of an object with the cloud (default %(default)s, at least 60)",
    )
    run.add_argument(
        "--round-seconds", type=_at_least(60.0), default=default("ROUND_SECONDS"), help="deprecated: --resync-seconds"
    )
    run.add_argument(
        "--health-poll-seconds",
        type=_off_or_at_least(MIN_POLL_SECONDS),
        default=default("HEALTH_POLL_SECONDS", was.health_poll_seconds),
        help="between two looks at how the traffic of load balancers goes (default %(default)s, at least 1; 0: only "
        "the resync looks)",
    )
    run.add_argument(
        "--statistics-seconds",
        type=_off_or_at_least(MIN_STATISTICS_SECONDS),
        default=default("STATISTICS_SECONDS", was.statistics_seconds),
        help="between two rounds that read the connections, bytes and errors of the listeners of load balancers, for "
        "the metrics, which then name the LoadBalancers (default 0: never; else at least 10)",
    )
    run.add_argument(
        "--statistics-calls",
        type=_positive,
        default=default("STATISTICS_CALLS", was.statistics_calls),
        help="requests for each load balancer in such a round, one a listener; its listeners take turns (default "
        "%(default)s)",
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
        help="a call to OpenStack may take as a whole, with login and repetitions (default %(default)s)",
    )
    run.add_argument(
        "--cloud-proxy",
        metavar="http://HOST:PORT",
        type=_proxy,
        default=default("CLOUD_PROXY", ""),
        help="the proxy on the way to OpenStack (default: none; HTTPS_PROXY and its like are not read)",
    )
    run.add_argument(
        "--cluster-id", default=default("CLUSTER_ID") or None, help="default: the UID of namespace kube-system"
    )
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
        "--credentials-namespace",
        action=_Listed,
        default=listed("CREDENTIALS_NAMESPACE"),
        help="read Secrets in this namespace only, again for more (default: wherever objects are watched); that of "
        "--default-credentials is read besides",
    )
    run.add_argument(
        "--tenant-isolation",
        choices=isolations,
        type=_one_of(isolations),
        default=default("TENANT_ISOLATION", was.tenant_isolation.value),
        help="which namespaces may neither import nor name by id what may belong to another namespace: those that "
        "share the default credential, those that share a project, or all (default %(default)s)",
    )
    run.add_argument(
        "--tenant-isolation-exempt",
        action=_Listed,
        default=listed("TENANT_ISOLATION_EXEMPT"),
        metavar="NAMESPACE",
        help="a namespace that may all the same, again for more",
    )

    run.add_argument(
        "--restore",
        action=_Flag,
        default=default("RESTORE", ""),
        help="take over what was made for objects of the same name that are no more (after a restore)",
    )
    run.add_argument(
        "--readiness-gates",
        action=_Flag,
        default=default("READINESS_GATES", ""),
        help="open the readiness gates network.infomaniak.cloud/pool-NAME of Pods that are members; watches all Pods",
    )
    run.add_argument(
        "--leader-elect",
        action=_Flag,
        default=default("LEADER_ELECT", ""),
        help="of several operators let only the one act that holds the Lease; the others wait, and know all it knows",
    )
    run.add_argument("--lease-namespace", default=default("LEASE_NAMESPACE"), help="default: the Pod's own")
    lease = LeaseOptions("").name
    run.add_argument("--lease-name", type=_name, default=default("LEASE_NAME", lease), help="default %(default)s")
    run.add_argument(
        "--metrics-address",
        metavar="[HOST]:PORT",
        type=_address,
        default=default("METRICS_ADDRESS", ":8080"),
        help="serves /metrics for Prometheus (default %(default)s; empty: off)",
    )
    run.add_argument(
        "--metrics-authorization",
        action=_Flag,
        default=default("METRICS_AUTHORIZATION", ""),
        help="tell metrics only to those who may get the non-resource URL /metrics, by their bearer token",
    )
    run.add_argument(
        "--metrics-object-names",
        action=_Flag,
        default=default("METRICS_OBJECT_NAMES", ""),
        help="tell the conditions of each object by namespace and name, instead of how many have them",
    )
    run.add_argument(
        "--health-address",
        metavar="[HOST]:PORT",
        type=_address,
        default=default("HEALTH_ADDRESS", ":8081"),
        help="serves /healthz and /readyz for the probes (default %(default)s; empty: off)",
    )
    run.add_argument(
        "--log-level",
        choices=levels,
        type=_one_of(levels),
        default=default("LOG_LEVEL", was.log_level),
        help="default %(default)s",
    )
    return parser


class _Flag(argparse.Action):
    """An option without a value; its default is text of the environment, which is read like any other value."""

    def __init__(self, option_strings: Sequence[str], dest: str, default: str, help: str) -> None:  # noqa: A002 - argparse's
        super().__init__(option_strings, dest, nargs=0, default=default, type=_flag, help=help)

    @override
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, True)


class _Listed(argparse.Action):
    """An option that may be given again; the first time, it replaces the default."""

    @override
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        mark = f"_{self.dest}_given"
        before = getattr(namespace, self.dest) if getattr(namespace, mark, False) else []
        setattr(namespace, mark, True)
        setattr(namespace, self.dest, [*before, values])
