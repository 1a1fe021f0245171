"""The HTTP connections below a session: where the last word before a change is had, and where logins are seen."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from infomaniak_operator.client.classify import request_id_of

LOGIN_ROUTE = "/v3/auth/tokens"
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
    """

    service: str
    method: str
    route: str
    status: int | None
    seconds: float
    request_id: str | None


class _Transport(HTTPAdapter):
    def __init__(
        self,
        pool_size: int,
        before: Callable[[], None] | None,
        seen: Callable[[Call], None],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._tls = tls
        super().__init__(pool_connections=_SERVICES, pool_maxsize=pool_size)
        self._before = before
        self._seen = seen

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Make the pools, with the credential's own TLS where it has one."""
        if self._tls is not None:
            kwargs["ssl_context"] = self._tls
        super().init_poolmanager(connections, maxsize, block, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        """Keep requests from adding the public authorities to those of the credential."""
        if self._tls is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
            return
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send one request."""
        if not (request.url or "").endswith("/auth/tokens"):
            if request.method != "GET" and self._before is not None:
                self._before()
            return super().send(request, *args, **kwargs)
        began = time.monotonic()
        response: requests.Response | None = None
        try:
            response = super().send(request, *args, **kwargs)
        finally:
            self._seen(answered("identity", "POST", LOGIN_ROUTE, response, began))
        return response


def answered(service: str, method: str, route: str, response: requests.Response | None, began: float) -> Call:
    """The account of a request that began at that monotonic second and is now over."""
    status = None if response is None else response.status_code
    request_id = None if response is None else request_id_of(response.headers)
    return Call(service, method, route, status, time.monotonic() - began, request_id)


def connections(
    pool_size: int,
    before_change: Callable[[], None] | None,
    on_login: Callable[[Call], None],
    tls: ssl.SSLContext | None = None,
) -> requests.Session:
    """Kept-alive connections, the same over https and http.

    Args:
        pool_size: connections to each host.
        before_change: called right before each request that changes something, logins apart.
        on_login: is told of each login when it is over.
        tls: whom to trust and what to show; None: the public authorities, and nothing.
    """
    http = requests.Session()
    http.auth = _as_it_is
    for scheme in ("https://", "http://"):
        http.mount(scheme, _Transport(pool_size, before_change, on_login, tls))
    return http


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from looking for a password in ~/.netrc."""
    return request
