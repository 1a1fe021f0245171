"""The HTTP connections below a session: where the last word before a change is had, and where logins are seen."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from infomaniak_operator.client.breaker import Breakers
from infomaniak_operator.client.classify import CHARSETS, request_id_of
from infomaniak_operator.client.limits import (
    ANSWER_BYTES,
    ERROR_BYTES,
    HEAD_BYTES,
    LOGIN_BYTES,
    MOST_VALUES,
    CloudLimits,
    TooMuchError,
)
from infomaniak_operator.client.sockets import keep_within

LOGIN_ROUTE = "/v3/auth/tokens"
_PIECE = 64 * 2**10
_SERVICES = 8
"""Hosts that connections are kept to: more than one cloud has services."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request, for metrics and traces: never a secret, never an id in ``route``.

    Attributes:
        service: ``identity``, ``network`` or ``load-balancer``.
        method: GET, POST, PUT or DELETE.
        route: the path's template: ``/v2.0/networks/{id}``.
        status: of the answer, or None where there was none.
        seconds: from the request to the whole answer.
        request_id: the service's, or None.
        date: what the service's clock says, seconds since the epoch, to the second; None where it does not say.
    """

    service: str
    method: str
    route: str
    status: int | None
    seconds: float
    request_id: str | None
    date: float | None = None


class _Transport(HTTPAdapter):
    def __init__(
        self,
        pool_size: int,
        before: Callable[[], None] | None,
        seen: Callable[[Call], None],
        limits: CloudLimits,
        seconds: float,
        *,
        breakers: Breakers,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._breakers = breakers
        self._before = before
        self._seen = seen
        self._limits = limits
        self._seconds = seconds
        self._tls = tls
        super().__init__(pool_connections=_SERVICES, pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Make what the connections are kept in, with the credential's own TLS where it has one."""
        if self._tls is not None:
            kwargs["ssl_context"] = self._tls
        super().init_poolmanager(connections, maxsize, block, **kwargs)
        keep_within(self.poolmanager, self._limits)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """What the connections through a proxy are kept in."""
        if self._tls is not None:
            kwargs["ssl_context"] = self._tls
        manager = super().proxy_manager_for(proxy, **kwargs)
        keep_within(manager, self._limits)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        """Keep requests from adding the public authorities to those of the credential."""
        if self._tls is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
            return
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request and read its answer, all of it, within the limits."""
        if not (request.url or "").endswith("/auth/tokens"):
            if request.method != "GET" and self._before is not None:
                self._before()
            return self._exchange(request, ANSWER_BYTES, args, kwargs)
        address = urlsplit(request.url or "").netloc
        with self._breakers.asking("identity", address, id(self), changing=False) as asked:
            began = time.monotonic()
            response: requests.Response | None = None
            try:
                response = self._exchange(request, LOGIN_BYTES, args, kwargs)
                asked.answered(response.status_code)
            except Exception as error:
                asked.failed(error)
                raise
            finally:
                self._seen(answered("identity", "POST", LOGIN_ROUTE, response, began))
        return response

    def _exchange(self, request: requests.PreparedRequest, most: int, args: Any, kwargs: Any) -> requests.Response:
        with self._limits.within(self._seconds, most + HEAD_BYTES):
            response = super().send(request, *args, **kwargs)
            response._content = _body(response, most)  # noqa: SLF001 - where requests keeps it
            response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001 - as above
        # Else it would be guessed, or decoded by whatever codec a stranger names: some take the square of the length.
        if (response.encoding or "").lower() not in CHARSETS:
            response.encoding = "utf-8"
        return response


def _body(response: requests.Response, most: int) -> bytes:
    """The body of an answer, unpacked; of an error's only its beginning.

    Raises:
        TooMuchError: it is too long.
    """
    good = 200 <= response.status_code < 300  # noqa: PLR2004 - HTTP
    if not good:
        most = ERROR_BYTES
    body = bytearray()
    try:
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > most:
                break
    except BaseException:
        response.close()
        raise
    if len(body) > most:
        response.close()
        if good:
            raise TooMuchError(f"the answer has more than {most >> 20} MiB", response=response)
    elif good and body.count(b",") + body.count(b"[") + body.count(b"{") > MOST_VALUES:
        raise TooMuchError(f"the answer has more than {MOST_VALUES} values", response=response)
    return bytes(body[:most])


def answered(service: str, method: str, route: str, response: requests.Response | None, began: float) -> Call:
    """The account of a request that began at that monotonic second and is now over."""
    status = None if response is None else response.status_code
    request_id = None if response is None else request_id_of(response.headers)
    date = None if response is None else date_of(response.headers.get("Date"))
    return Call(service, method, route, status, time.monotonic() - began, request_id, date)


def date_of(header: str | None) -> float | None:
    """The time in a header ``Date``, seconds since the epoch; None where there is none that can be read."""
    try:
        return parsedate_to_datetime(header or "").timestamp()
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        return None


def connections(
    pool_size: int,
    before_change: Callable[[], None] | None,
    on_login: Callable[[Call], None],
    limits: CloudLimits,
    seconds: float,
    *,
    breakers: Breakers | None = None,
    tls: ssl.SSLContext | None = None,
    environment: bool = False,
    proxy: str | None = None,
) -> requests.Session:
    """Kept-alive connections, the same over https and http.

    Args:
        pool_size: connections to each host.
        before_change: called right before each request that changes something, logins apart.
        on_login: is told of each login when it is over.
        limits: what a call may take.
        seconds: what one request may take as a whole, from connecting to the last byte of its answer.
        breakers: know whether Keystone is away: a login is then not sent. None: each is.
        tls: whom to trust and what to show; None: the public authorities, and nothing.
        environment: whether variables of the environment may name a proxy and certificates (``HTTPS_PROXY``,
            ``REQUESTS_CA_BUNDLE``).
        proxy: the proxy; None: none, or the environment's.
    """
    http = requests.Session()
    http.auth = _as_it_is
    http.trust_env = environment
    if proxy:
        http.proxies = {"http": proxy, "https": proxy}
    http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))  # a service's cookies are of no use, and grow
    for scheme in ("https://", "http://"):
        http.mount(
            scheme,
            _Transport(
                pool_size, before_change, on_login, limits, seconds, breakers=breakers or Breakers.off(), tls=tls
            ),
        )
    return http


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from looking for a password in ~/.netrc."""
    return request
