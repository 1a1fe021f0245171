"""What is asked of the API server and of the clouds. An edge: it decides nothing, and every refusal is kept as such."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.api.rights import LEASE
from infomaniak_operator.client.clouds_yaml import CLOUDS_YAML, read
from infomaniak_operator.client.credentials import CloudCredentials, parse_credentials
from infomaniak_operator.client.errors import InvalidCredentialsError
from infomaniak_operator.client.transport import date_of
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin import cloud
from infomaniak_operator.plugin.cluster_errors import ClusterError
from infomaniak_operator.plugin.command import Call, Server, ServerVersion, Usage
from infomaniak_operator.plugin.doctor.bodies import DEPLOYED, Deployed, Held
from infomaniak_operator.plugin.doctor.cloud_asking import asked as asked_of_cloud
from infomaniak_operator.plugin.doctor.facts import (
    RIGHTS,
    Certificate,
    Clock,
    Credential,
    Facts,
    Project,
    Right,
    Unknown,
    Unusable,
)
from infomaniak_operator.plugin.doctor.named import certificates_of, secret_of
from infomaniak_operator.reconcile.generic.credential_settings import LABEL
from infomaniak_operator.reconcile.octavia.certificate_secret import LABEL as TLS_LABEL

T = TypeVar("T")

OPERATOR_NAMESPACE = "infomaniak-operator"
"""Where the operator is looked for if it may not be looked for everywhere: as the documentation installs it."""
MOST_CREDENTIALS = 20
_AT_ONCE = 8
_RENEWAL = 3.0
"""Seconds in which a leader renews its Lease."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def gathered(call: Call) -> Facts:
    """All that the checks go by.

    Raises:
        ClusterError: the API server does not answer at all.
        Usage: the words name a file that cannot be read.
    """
    server, sent = call.server, call.surroundings.now()
    version = _version(server)
    clocks = _clock(version, sent, call.surroundings.now())
    now = sent + timedelta(seconds=clocks[0].ahead) if clocks else sent
    objects = tried(lambda: tuple(server.objects(call.namespace)))
    deployments = _deployments(call)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        definitions = tried(
            lambda: dict(
                zip(KINDS, pool.map(lambda kind: server.definition(kind.crd_name), KINDS.values()), strict=True)
            )
        )
        pairs = [(right, plural) for right in RIGHTS for plural in right.resources]
        rights = dict(zip(pairs, pool.map(lambda pair: _right(call, *pair), pairs), strict=True))
        listed = () if isinstance(objects, Unknown) else objects
        sources, left_out = _sources(call, listed)
        credentials = list(pool.map(lambda source: _credential(call, source), sources))
        users = {(each.key.namespace, name): each for each in reversed(listed) for name in certificates_of(each)}
        certificates = list(
            pool.map(
                lambda one: _certificate(call, *one), sorted(users.items(), key=lambda one: one[0])[:MOST_CREDENTIALS]
            )
        )
    found, told = _projects(call, credentials)
    return Facts(
        now=now,
        namespace=call.namespace,
        server_version=version.text,
        served=tried(server.served),
        definitions=definitions,
        deployments=deployments,
        leases=_leases(call, deployments, now),
        objects=objects,
        rights=rights,
        credentials=tuple(found),
        left_out=left_out,
        certificates=tuple(certificates),
        certificates_left_out=max(0, len(users) - MOST_CREDENTIALS),
        clocks=(*clocks, *told),
    )


def tried(ask: Callable[[], T]) -> T | Unknown:
    """What the API server answers, or why it cannot be known."""
    try:
        return ask()
    except ClusterError as error:
        return Unknown(f"{error}", absent=error.status == HTTPStatus.NOT_FOUND)


def _version(server: Server) -> ServerVersion:
    try:
        return server.version()
    except ClusterError as error:
        if error.status is None:
            raise
        return ServerVersion("", None)


def _clock(version: ServerVersion, sent: datetime, got: datetime) -> list[Clock]:
    date = date_of(version.date)
    middle = sent + (got - sent) / 2
    return [] if date is None else [Clock("the API server", date + 0.5 - middle.timestamp())]


def _right(call: Call, right: Right, plural: str) -> bool | Unknown:
    return tried(lambda: call.server.allowed(right.verb, right.group, plural, call.namespace))


def operator_namespace(call: Call) -> str:
    """Where the operator is looked for if it may not be looked for everywhere."""
    return call.options.operator_namespace or OPERATOR_NAMESPACE


def anywhere(call: Call, ask: Callable[[str | None], T]) -> T | Unknown:
    """What there is in all namespaces, or where the operator is: only there, if it is named or no more is allowed."""
    if not call.options.operator_namespace:
        found = tried(lambda: ask(None))
        if not isinstance(found, Unknown):
            return found
    return tried(lambda: ask(operator_namespace(call)))


def _deployments(call: Call) -> tuple[Deployed, ...] | Unknown:
    found = anywhere(call, lambda namespace: call.server.deployments(namespace, DEPLOYED))
    return found if isinstance(found, Unknown) else tuple(map(Deployed.of, found))


def _leases(call: Call, deployments: tuple[Deployed, ...] | Unknown, now: datetime) -> tuple[Held, ...] | Unknown:
    """The operator's Leases. One that seems to have lapsed is looked at again: clocks may be apart."""

    def look() -> list[Mapping[str, Any]] | Unknown:
        return anywhere(call, call.server.leases)

    first = look()
    if isinstance(first, Unknown):
        return first
    known = {each.lease for each in deployments if each.elects} if not isinstance(deployments, Unknown) else set()
    held = [each for each in map(Held.of, first) if (each.namespace, each.name) in known or LEASE in each.name]
    if all(each.live(now) or not each.holder for each in held):
        return tuple(held)
    call.surroundings.sleep(_RENEWAL)
    second = look()
    if isinstance(second, Unknown):
        return second
    before = {(each.namespace, each.name): each.renewed for each in held}
    again = ((Held.of(body), body) for body in second)
    return tuple(
        Held.of(body, moved=each.renewed != before[each.namespace, each.name])
        for each, body in again
        if (each.namespace, each.name) in before
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a credential is: a Secret, or a file."""

    namespace: str
    name: str
    entry: str | None
    users: tuple[KubeObject, ...]

    def __str__(self) -> str:
        entry = f" (entry {self.entry})" if self.entry else ""
        return (f"Secret {self.namespace}/{self.name}" if self.namespace else self.name) + entry


def _sources(call: Call, objects: Iterable[KubeObject]) -> tuple[list[_Source], int]:
    """The credentials that are looked at, those that most objects use first, and how many are not."""
    options, used = call.options, tuple(objects)
    if options.clouds_yaml:
        if options.credentials:
            raise Usage("--credentials and --clouds-yaml exclude each other: leave one out.")
        return [_Source("", options.clouds_yaml, options.cloud, used)], 0
    if options.credentials and call.namespace is None:
        raise Usage("A Secret is of one namespace: leave out --all-namespaces, or --credentials.")
    users: dict[tuple[str, str, str | None], list[KubeObject]] = {}
    for each in used:
        if named := secret_of(each):
            users.setdefault((each.key.namespace, *named), []).append(each)
    if options.credentials:
        users = {key: those for key, those in users.items() if key[1] == options.credentials} or {
            (str(call.namespace), options.credentials, options.cloud): []
        }
    sources = [
        _Source(namespace, name, options.cloud or entry, tuple(those))
        for (namespace, name, entry), those in users.items()
    ]
    sources.sort(key=lambda each: (-len(each.users), str(each)))
    return sources[:MOST_CREDENTIALS], max(0, len(sources) - MOST_CREDENTIALS)


def _credential(call: Call, source: _Source) -> Credential:
    labelled, allowed = True, call.options.allowed_auth_url
    content: CloudCredentials | Unusable | Unknown
    if source.namespace:
        found = tried(lambda: call.server.labelled_secret(source.namespace, source.name))
        if isinstance(found, Unknown):
            content = found
        else:
            labelled = found.labels.get(LABEL) == "true"
            content = parsed(found.data, source.entry, allowed)
    else:
        content = parsed({CLOUDS_YAML: cloud.file(source.name)}, source.entry, allowed)
    unsafe = isinstance(content, CloudCredentials) and not (allowed or _safe(content.auth_url))
    return Credential(str(source), source.namespace, source.name, labelled, content, unsafe, None, source.users)


def _certificate(call: Call, place: tuple[str, str], user: KubeObject) -> Certificate:
    found = tried(lambda: call.server.labelled_secret(*place))
    labelled = found if isinstance(found, Unknown) else found.labels.get(TLS_LABEL) == "true"
    return Certificate(*place, labelled, user)


def parsed(
    data: Mapping[str, bytes | str], entry: str | None, allowed: Sequence[str] | None
) -> CloudCredentials | Unusable:
    """The credential in a Secret. Which addresses the operator allows is not known unless it is said: any is fine."""
    try:
        return parse_credentials(data, entry, allowed)
    except InvalidCredentialsError as error:
        addresses = [] if allowed else list(_addresses(data))
        try:
            return parse_credentials(data, entry, addresses) if addresses else Unusable(f"{error}")
        except InvalidCredentialsError:
            return Unusable(f"{error}")


def _addresses(data: Mapping[str, bytes | str]) -> Iterable[str]:
    """The addresses of Keystone without https that a Secret names."""
    texts = {name: each if isinstance(each, str) else each.decode("utf-8", "replace") for name, each in data.items()}
    pending: list[object] = [texts]
    try:
        pending.append(read(texts.get(CLOUDS_YAML, "")))
    except InvalidCredentialsError:
        return
    while pending:
        one = pending.pop()
        if isinstance(one, Mapping):
            address = one.get("auth_url")
            if isinstance(address, str) and address.strip().startswith("http://"):
                yield address.strip()
            pending += one.values()


def _safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


def _projects(call: Call, credentials: list[Credential]) -> tuple[list[Credential], list[Clock]]:
    """The credentials with what the cloud says to each; one that several Secrets hold is tried once."""
    usable = {each.content for each in credentials if isinstance(each.content, CloudCredentials) and not each.unsafe}
    if not usable:
        return credentials, []
    surroundings = call.surroundings
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda one: asked_of_cloud(one, surroundings.cloud, surroundings.now), usable)
        found: dict[object, tuple[Project, list[Clock]]] = dict(zip(usable, answers, strict=True))
    told = [clock for _, clocks in found.values() for clock in clocks]
    return [_with(each, found.get(each.content)) for each in credentials], told


def _with(one: Credential, answer: tuple[Project, list[Clock]] | None) -> Credential:
    return replace(one, project=answer[0]) if answer and not one.unsafe else one
