"""From any error of openstacksdk, keystoneauth, requests, or a bare response, to a type and a category."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3.exceptions
from keystoneauth1 import exceptions as keystone

from infomaniak_operator.client import errors
from infomaniak_operator.client.errors import Category, InfomaniakCloudError
from infomaniak_operator.client.limits import OverdueError, TooMuchError
from infomaniak_operator.client.told import own, told


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One row of the table.

    Attributes:
        status: the HTTP status it is for.
        pattern: what must be found in the service's own error type and words, in any case; empty: anything.
        error: the type.
        category: what to do about it; None: as the type says.
    """

    status: int
    pattern: str
    error: type[InfomaniakCloudError]
    category: Category | None = None

    def fits(self, status: int, words: str) -> bool:
        """Whether the row is for that answer."""
        return self.status == status and (not self.pattern or re.search(self.pattern, words, re.IGNORECASE) is not None)


_OPTIONS = {
    "type": "HTTPS?|PING|SCTP|TCP|TLS-HELLO|UDP-CONNECT|COOKIE|FILE_TYPE|HEADER|HOST_NAME|PATH|SSL_[A-Z_]+",
    "protocol": "HTTPS?|PROMETHEUS|PROXY|PROXYV2|SCTP|TCP|TERMINATED_HTTPS|UDP",
    "lb_algorithm": "LEAST_CONNECTIONS|ROUND_ROBIN|SOURCE_IP|SOURCE_IP_PORT",
    "action": "REDIRECT_PREFIX|REDIRECT_TO_POOL|REDIRECT_TO_URL|REJECT",
    "compare_type": "CONTAINS|ENDS_WITH|EQUAL_TO|REGEX|STARTS_WITH",
}
_VALID = "|".join(f"(?:{values}) is not a valid option for {name}" for name, values in _OPTIONS.items())
_OPTION_IN_CONFLICT = rf"(?<![\w-])(?:{_VALID})\b"
"""What Octavia says of a conflict in its own database, of a value that is a valid one: the same request passes later.

Seen of the second TCP monitor of a load balancer. For a listener, a pool, a policy and a rule Octavia makes the same
words of the same cause.
"""

RULES: tuple[ErrorRule, ...] = (
    ErrorRule(400, _OPTION_IN_CONFLICT, errors.BadRequestError, Category.TRANSIENT),
    # Octavia says so of one that is not there, of one that the caller may not let it read, and while Barbican is away.
    ErrorRule(400, r"Could not retrieve certificate", errors.BadRequestError, Category.UNREADABLE),
    ErrorRule(400, r"ExternalIpAddressExhausted", errors.BadRequestError, Category.QUOTA),
    ErrorRule(400, r"Cannot delete Load Balancer .* has children", errors.BadRequestError, Category.IN_USE),
    ErrorRule(400, "", errors.BadRequestError),
    ErrorRule(401, "", errors.AuthenticationError),
    ErrorRule(403, r"quota has been (met|exceeded)|quota (exceeded|reached)|OverQuota", errors.QuotaExceededError),
    ErrorRule(403, "", errors.ForbiddenError),
    # The port is there; the way from it to the external network is not, yet.
    ErrorRule(404, r"ExternalGatewayForFloatingIPNotFound", errors.NotFoundError, Category.WAITING),
    ErrorRule(404, "", errors.NotFoundError),
    ErrorRule(408, "", errors.ServiceError),
    ErrorRule(409, r"OverQuota|quota exceeded", errors.QuotaExceededError),
    ErrorRule(409, r"IpAddressGenerationFailure|NoMoreIPs", errors.ConflictError, Category.QUOTA),
    ErrorRule(409, r"immutable|invalid state|PENDING_", errors.ConflictError, Category.WAITING),
    ErrorRule(409, r"MacAddressInUse", errors.ConflictError, Category.TERMINAL),
    # Of a port: what its attributes say does not go together.
    ErrorRule(409, r"PortSecurityRequired|PortSecurityPortHas", errors.ConflictError, Category.TERMINAL),
    # Of a subnet, likewise. That an MTU is too small for IPv6 is no such case: the subnet may go, and nothing tells.
    ErrorRule(
        409, r"GatewayConflictWithAllocationPools|OverlappingAllocationPools", errors.ConflictError, Category.TERMINAL
    ),
    ErrorRule(
        409, r"SecurityGroupRule(Exists|InPost|sNotSingleGroup|Parameter)", errors.ConflictError, Category.TERMINAL
    ),
    ErrorRule(
        409,
        r"already (using|has a health monitor)|already exists|IP address .* (already allocated|in use)|VIP .*already",
        errors.ConflictError,
        Category.TERMINAL,
    ),
    ErrorRule(409, "", errors.ConflictError),
    ErrorRule(412, "", errors.PreconditionFailedError),
    ErrorRule(413, r"quota", errors.QuotaExceededError),
    ErrorRule(425, "", errors.ServiceError),
    ErrorRule(429, "", errors.ServiceError),
    # A subnet pool that is full. Neutron says 500, and means that there is no room.
    ErrorRule(500, r"SubnetAllocationError", errors.ServiceError, Category.QUOTA),
    ErrorRule(501, "", errors.ServiceError, Category.TERMINAL),
)
"""Status and the service's own type or words; the first row that fits counts."""

_GAVE_UP = frozenset({408, 460, 499})
"""Of the 4xx those that refuse nothing: whoever answers gave up waiting, or had lost us (proxies say 460 and 499)."""
_HIGHEST_WORDS = 1000
_HIGHEST_TEXT = 100_000
CHARSETS = frozenset({"us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
"""Of a page; anything else is read as UTF-8."""
_REQUEST_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Words:
    """What was said in the body of an error.

    Attributes:
        error_type: the service's own type, if any.
        message: its message.
        own: whether they are the service's own words; False for a page of a proxy, and for no words at all.
    """

    error_type: str | None
    message: str
    own: bool = True


def words_of(body: Any, text: str = "") -> Words:
    """Read the body of an error answer.

    Args:
        body: decoded JSON, or None.
        text: the body as text, for answers that are no JSON (proxies).
    """
    if isinstance(body, Mapping):
        if body.get("faultstring"):  # Octavia
            return Words(None, _short(body["faultstring"]))
        for name in ("NeutronError", "error", "badRequest", "conflictingRequest", "itemNotFound"):
            inner = body.get(name)
            if isinstance(inner, Mapping):  # Neutron; Keystone, whose type is its title
                kind = inner.get("type") if name == "NeutronError" else None
                return Words(_short(kind) if kind else None, _short(inner.get("message") or ""))
            if inner:
                return Words(None, _short(inner))
        if isinstance(body.get("type"), str) and isinstance(body.get("code"), int):  # Designate
            said = [_short(each) for each in (body.get("message"), _faults(body.get("errors"))) if each]
            return Words(_short(body["type"]), ": ".join(said))
        if isinstance(body.get("title"), str) and isinstance(body.get("description"), str):  # Barbican
            return Words(None, _short(f"{body['title']}: {body['description']}"))
        if body.get("message"):
            return Words(None, _short(body["message"]), own=False)
    return Words(None, _short(re.sub(r"<[^<>]*>|\s+", " ", text[:_HIGHEST_TEXT])), own=False)


def _faults(errors: Any) -> str:
    """What Designate finds wrong with the attributes of a body: each with its place."""
    listed = errors.get("errors") if isinstance(errors, Mapping) else None
    found = [each for each in listed or () if isinstance(each, Mapping)] if isinstance(listed, list) else []
    return "; ".join(f"{_short(each.get('path') or '?')}: {_short(each.get('message') or '?')}" for each in found)


def _short(said: Any) -> str:
    """What anybody said, fit for a condition, an Event and a log: short, and nothing in it that cannot be printed."""
    try:
        text = str(said)[:_HIGHEST_TEXT]
    except Exception:  # noqa: BLE001 - nested too deep, or an error that cannot be shown
        return type(said).__name__
    joined = " ".join(text.split())
    if len(joined) > _HIGHEST_WORDS:
        joined = joined[: _HIGHEST_WORDS - 1] + "…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in joined)


def decoded(response: requests.Response) -> Any:
    """The body of an answer, as JSON.

    Raises:
        ValueError: it is none, or it is nested too deep.
    """
    try:
        # Bytes, for JSON is UTF-8, 16 or 32: the charset of the answer is a stranger's, and some raise or take long.
        return json.loads(response.content)
    except RecursionError:
        raise ValueError("the answer is nested too deep") from None


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The request id in an answer's headers; None where there is none, or something that is no id."""
    return _id(headers.get("x-openstack-request-id"))


def by_status(
    status: int, words: Words, *, what: str = "", request_id: str | None = None, changing: bool = False
) -> InfomaniakCloudError:
    """The error that an answer with that status is.

    Args:
        status: HTTP status.
        words: what the service said.
        what: what was asked (``POST /v2.0/networks``), for the message.
        request_id: from the answer's headers.
        changing: whether the request was to change something.
    """
    said = f"{words.error_type or ''} {words.message}"
    rule = next((rule for rule in RULES if rule.fits(status, said)), None)
    error, category = (rule.error, rule.category) if rule else _unlisted(status)
    detail = ": ".join(part for part in (words.error_type, words.message) if part) or own("no explanation")
    return error(
        told("{what}: {status} {detail}" if what else "{status} {detail}", what=what, status=status, detail=detail),
        status=status,
        error_type=words.error_type,
        request_id=request_id,
        category=category,
        outcome_unknown=changing and _may_have_acted(status, words),
    )


def _may_have_acted(status: int, words: Words) -> bool:
    """Whether a change that was answered so may have been, or may still be, carried out.

    Only a refusal says that it was not: a 4xx, whoever sends it (a proxy that refuses passes nothing on), and Octavia's
    own 501, which comes before anything is made. Any other 5xx may be a proxy's, whose service is still at work; a
    redirect may be the answer to what was done.
    """
    if 400 <= status < 500:  # noqa: PLR2004 - HTTP
        return status in _GAVE_UP
    return not (status == 501 and words.own)  # noqa: PLR2004 - HTTP


def _unlisted(status: int) -> tuple[type[InfomaniakCloudError], Category | None]:
    if status >= 500 or status in _GAVE_UP:  # noqa: PLR2004 - HTTP
        return errors.ServiceError, None
    if status >= 400:  # noqa: PLR2004 - HTTP
        return errors.BadRequestError, None
    if status >= 300:  # noqa: PLR2004 - HTTP
        return errors.ServiceError, Category.TERMINAL  # a redirect: followed nowhere
    return errors.ServiceError, None  # an answer before the answer, which never came


def said(response: requests.Response) -> Words:
    """What an answer that is an error says."""
    try:
        body = decoded(response)
    except ValueError:
        body = None
    return words_of(body, _page(response) if body is None else "")


def _page(response: requests.Response) -> str:
    """The beginning of an answer that is no JSON. A stranger names the charset, and some codecs raise or take long."""
    charset = (response.encoding or "").lower()
    head = response.content[:_HIGHEST_TEXT]
    return head.decode(charset if charset in CHARSETS else "utf-8", "replace")


def from_response(response: requests.Response, *, what: str = "", changing: bool = False) -> InfomaniakCloudError:
    """The error that an HTTP answer is that is not of 200 to 299."""
    request_id = request_id_of(response.headers)
    return by_status(response.status_code, said(response), what=what, request_id=request_id, changing=changing)


def from_network(error: BaseException, *, what: str = "", changing: bool = False) -> InfomaniakCloudError:
    """The error that a request without an answer is.

    Args:
        error: keystoneauth's, requests' or urllib3's; its causes tell whether anything was sent.
        what: what was asked, for the message.
        changing: whether the request was to change something.
    """
    chain = list(_chain(error))
    limit = next((one for one in chain if isinstance(one, (TooMuchError, OverdueError))), None)
    # What the limits say is ours.
    reason = own(str(limit)) if limit is not None else _short(error)
    message = told("{what}: {reason}" if what else "{reason}", what=what, reason=reason)
    if isinstance(limit, TooMuchError):
        return errors.ServiceError(message, outcome_unknown=changing)
    unsent = any(isinstance(one, _UNSENT) for one in chain)
    # urllib3 makes a refused connection a kind of timeout.
    slow = any(
        isinstance(one, _TIMEOUTS) and not isinstance(one, urllib3.exceptions.NewConnectionError) for one in chain
    )
    kind = errors.CloudTimeoutError if slow else errors.CloudConnectionError
    if limit is None:
        reason = _plain(error, chain)
        message = told("{what}: {reason}" if what else "{reason}", what=what, reason=reason)
    return kind(message, outcome_unknown=changing and not unsent)


def is_outage(error: BaseException) -> bool:
    """Whether a request got no answer because of the service, or of the network before it.

    Not where it is the credential's own doing: the certificates that it trusts, an address that is none. Nor where the
    answer was refused here, as too long.
    """
    chain = list(_chain(error))
    return not any(isinstance(one, _NO_OUTAGE) for one in chain) and any(isinstance(one, OSError) for one in chain)


_POOL = re.compile(r"HTTPS?ConnectionPool\(host='[^']*', port=\d*\): ")
_TRIES = re.compile(r"Max retries exceeded with url: \S* \(Caused by .*\)$")


def _plain(error: BaseException, chain: Iterable[BaseException]) -> str:
    """What a failure of the network says, in the operating system's words where there are any, not in urllib3's."""
    text = _POOL.sub("", _short(error))
    why = next((one.strerror for one in chain if isinstance(one, OSError) and isinstance(one.strerror, str)), "")
    return _TRIES.sub(lambda _: _short(why), text) if why else text


_UNSENT = (
    requests.ConnectTimeout,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NameResolutionError,
    urllib3.exceptions.LocationValueError,
    requests.exceptions.InvalidURL,
    ssl.SSLCertVerificationError,
    ConnectionRefusedError,
)
_NO_OUTAGE = (
    TooMuchError,
    ssl.SSLError,
    requests.exceptions.SSLError,
    urllib3.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    urllib3.exceptions.LocationValueError,
    UnicodeError,
)
_TIMEOUTS = (TimeoutError, requests.Timeout, keystone.ConnectTimeout, urllib3.exceptions.TimeoutError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it; requests and urllib3 hide theirs in arguments and attributes."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        hidden = [
            one.__cause__,
            one.__context__,
            getattr(one, "reason", None),
            getattr(one, "original", None),
            *one.args,
        ]
        waiting.extend(further for further in hidden if isinstance(further, BaseException))


_BY_KEYSTONE: tuple[tuple[type[BaseException], type[InfomaniakCloudError], Category | None], ...] = (
    (keystone.EndpointNotFound, errors.ServiceError, Category.TERMINAL),
    (keystone.EmptyCatalog, errors.AuthenticationError, None),
    (keystone.CatalogException, errors.ServiceError, Category.TERMINAL),
    (keystone.MissingAuthPlugin, errors.InvalidCredentialsError, None),
    (keystone.AuthPluginException, errors.InvalidCredentialsError, None),
    (keystone.AuthorizationFailure, errors.AuthenticationError, None),
    (keystone.DiscoveryFailure, errors.CloudConnectionError, None),
)
_NETWORK = (
    keystone.ConnectionError,
    keystone.RetriableConnectionFailure,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    TimeoutError,
    ConnectionError,
    UnicodeError,
)


def classify(error: BaseException, *, what: str = "", changing: bool = False) -> InfomaniakCloudError:
    """Make one of our errors of any error.

    Args:
        error: openstacksdk's, keystoneauth's, requests', one of ours (returned as it is), or any other, which is
            judged by the HTTP status it carries, if it carries one.
        what: what was asked, for the message.
        changing: whether the request was to change something, so that its outcome may be unknown.
    """
    if isinstance(error, InfomaniakCloudError):
        return error
    response = None if isinstance(error, TooMuchError) else getattr(error, "response", None)
    if isinstance(response, requests.Response) and response.status_code >= 400:  # noqa: PLR2004 - HTTP
        return from_response(response, what=what, changing=changing)
    status = _status(error)
    if status is not None:
        request_id = _id(getattr(error, "request_id", None))
        return by_status(status, _words(error), what=what, request_id=request_id, changing=changing)
    if isinstance(error, _NETWORK):
        return from_network(error, what=what, changing=changing)
    return _without_status(error, what=what, changing=changing)


def _without_status(error: BaseException, *, what: str, changing: bool) -> InfomaniakCloudError:
    message = _short(error) or type(error).__name__
    message = told("{what}: {said}" if what else "{said}", what=what, said=message)
    for one in _chain(error):
        for kind, ours, category in _BY_KEYSTONE:
            if isinstance(one, kind):
                return ours(message, category=category)
        if isinstance(one, keystone.InvalidResponse):
            return errors.ServiceError(message, outcome_unknown=changing)
        if isinstance(one, _NETWORK):
            return from_network(error, what=what, changing=changing)
    # openstacksdk's own, by name: they are imported only where the SDK is used.
    kind_of = {"ResourceTimeout": errors.CloudTimeoutError, "ConfigException": errors.InvalidCredentialsError}
    ours = kind_of.get(type(error).__name__, InfomaniakCloudError)
    if ours is not InfomaniakCloudError:
        return ours(message, outcome_unknown=changing and ours is errors.CloudTimeoutError)
    # Nobody knows what it is: so nobody knows that it came before the request.
    return ours(message, category=Category.TERMINAL, outcome_unknown=changing)


def _status(error: BaseException) -> int | None:
    for name in ("http_status", "status_code", "status", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int) and not isinstance(value, bool) and 300 <= value < 600:  # noqa: PLR2004 - HTTP
            return value
    return None


def _words(error: BaseException) -> Words:
    """What an error without its response says: openstacksdk keeps the service's message in ``details``."""
    details = getattr(error, "details", None)
    kind = getattr(error, "error_type", None) or getattr(error, "type", None)
    message = details if isinstance(details, str) and details else error
    return Words(_short(kind) if isinstance(kind, str) and kind else None, _short(message), own=False)


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and _REQUEST_ID.fullmatch(value) else None
