"""One connection to a cloud with one credential, shared by threads: the thin edge through which every call goes."""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3.exceptions
from keystoneauth1 import exceptions as keystone
from keystoneauth1 import session as keystone_session
from keystoneauth1.access import AccessInfo

from infomaniak_operator.client.breaker import Breakers
from infomaniak_operator.client.classify import classify, decoded, from_network, from_response
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.errors import (
    AuthenticationError,
    Category,
    CloudAwayError,
    CloudConnectionError,
    CloudTimeoutError,
    InfomaniakCloudError,
    ReadOnlyError,
    ServiceError,
    explained,
)
from infomaniak_operator.client.limits import LIST_BYTES, LIST_CALLS, CloudLimits
from infomaniak_operator.client.login import (
    LOGIN,
    UNREADABLE,
    endpoint_of,
    life,
    plugin,
    refused,
    region_of,
    unreadable,
)
from infomaniak_operator.client.redact import hidden
from infomaniak_operator.client.refusal import Refusal
from infomaniak_operator.client.tls import tls_context
from infomaniak_operator.client.told import Told, own, told
from infomaniak_operator.client.transport import Call, answered, connections

_ID = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.:-]*")
_LONGEST_ID = 255
_SHORTEST_TOKEN = 6
"""A cloud whose token is a letter or two must not have them struck out of every message."""
_UNAUTHORIZED = 401
_READING = frozenset({"GET", "HEAD"})
_NO_ANSWER = (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, OSError)
"""Beside keystoneauth's own, which does not know all that the libraries below it raise (a host that is no name)."""
_TOO_MANY = 429
_FAILED = 500
_LONGEST_CONNECT = 10.0


@dataclass(frozen=True, slots=True)
class _Request:
    service: str
    method: str
    route: str
    path: str
    headers: Mapping[str, str]
    params: Sequence[tuple[str, str]]
    body: Any

    @property
    def changing(self) -> bool:
        return self.method != "GET"

    @property
    def what(self) -> Told:
        return own(f"{self.method} {self.route}")


@dataclass(slots=True)
class _Age:
    """Until when the token is used, monotonic seconds. A session shares both with its read-only face."""

    good_until: float = 0.0


class CloudSession:
    """One connection, for use by many threads at once. Logs in at the first call, once, whoever makes it.

    Args:
        credentials: who logs in where. A rotated credential takes a new session.
        timeout_seconds: the longest that a call may take as a whole: a login, connecting, the answer to its last byte,
            and the repetitions of a GET. Connecting to an address may take 10 of them. All pages of a list together
            may take five times as long.
        pool_size: connections kept open to each service.
        on_call: is told of every request when it is over, failed ones too, in the thread that made it.
        before_change: called right before each request that changes something (not before a login); what it raises
            stops the request and reaches the caller.
        retry_delays: seconds before each repetition of a GET that failed in passing. Nothing else is ever repeated,
            but for a request that was refused for an expired token, which did nothing.
        sleep: waits that many seconds.
        proxy: ``http://HOST:PORT`` of a proxy to go through. The environment is never asked.
        breakers: shared by sessions, so that a service which does not answer is asked by one of them alone. None: each
            request is sent.
        refused_for: seconds for which a refused login answers for all that would log in again: one asks, no thousand.
        now: monotonic seconds. By these a token grows old, from Keystone's own two times for it: who sets this
            machine's wall clock neither wears it out nor makes it young.
    """

    def __init__(
        self,
        credentials: CloudCredentials,
        *,
        timeout_seconds: float = 30.0,
        pool_size: int = 64,
        on_call: Callable[[Call], None] | None = None,
        before_change: Callable[[], None] | None = None,
        retry_delays: Sequence[float] = (0.2, 0.8),
        sleep: Callable[[float], None] = time.sleep,
        proxy: str | None = None,
        breakers: Breakers | None = None,
        refused_for: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.credentials = credentials
        self._seconds = timeout_seconds
        self._limits = CloudLimits()
        self._timeout = (min(_LONGEST_CONNECT, timeout_seconds), timeout_seconds)
        self._on_call = on_call
        self._retry_delays = tuple(retry_delays)
        self._sleep = sleep
        self._now = now
        self._age = _Age()
        self._refusal = Refusal(refused_for, now)
        self._only_reads = False
        self._breakers = breakers or Breakers.off()
        self._plugin = plugin(credentials)
        self._login_lock = threading.RLock()
        tls = tls_context(credentials.cacert, credentials.cert, credentials.key)
        self._http = connections(
            pool_size,
            before_change,
            self._tell,
            self._limits,
            timeout_seconds,
            breakers=self._breakers,
            tls=tls,
            proxy=proxy,
        )
        self.keystone = keystone_session.Session(
            auth=self._plugin,
            session=self._http,
            timeout=timeout_seconds,
            redirect=False,
            app_name="infomaniak-operator",
            connect_retries=0,
        )

    def __repr__(self) -> str:
        return f"CloudSession({self.credentials!r})"

    def read_only(self) -> CloudSession:
        """The same connection, with the same token, through which nothing can be changed.

        Every request but GET and HEAD is refused with ``ReadOnlyError`` right before it would be sent.
        """
        face = copy.copy(self)
        face._only_reads = True  # noqa: SLF001 - its own class
        return face

    def close(self) -> None:
        """Close the connections that are open; a later call opens new ones."""
        self._http.close()

    def login(self) -> AccessInfo:
        """The token in use and what came with it; asks Keystone only where there is none that lasts a while.

        Raises:
            AuthenticationError: refused.
            InfomaniakCloudError: Keystone could not be asked.
        """
        with self._limits.within(self._seconds), self._turn(), self._telling():
            return self._login()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """What a service says back is told without the credential and the token, in whatever form it has them."""
        try:
            yield
        except InfomaniakCloudError as error:
            token = self._plugin.auth_ref.auth_token if self._plugin.auth_ref else None
            hideable = isinstance(token, str) and len(token) >= _SHORTEST_TOKEN
            secrets = [*self.credentials.secrets, *([token] if hideable else ())]
            error.message = hidden(error.said, secrets)
            error.error_type = str(hidden(error.error_type, secrets)) if error.error_type else error.error_type
            error.request_id = str(hidden(error.request_id, secrets)) if error.request_id else error.request_id
            raise

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One login at a time; who waits for another's waits no longer than its own call may take.

        Raises:
            CloudTimeoutError: the other has not ended in that time.
        """
        if not self._login_lock.acquire(timeout=max(0.0, self._limits.remaining())):
            raise CloudTimeoutError(own(f"login: another one has not ended in {self._seconds:g} s"))
        try:
            yield
        finally:
            self._login_lock.release()

    def _login(self) -> AccessInfo:
        self._refusal.check()
        access = self._plugin.auth_ref
        if access is not None and self._now() < self._age.good_until:
            return access
        try:
            # Not its ``get_access``, which compares the end of the token with this machine's wall clock: where that is
            # ahead of Keystone's by a token's life, it would log in before each request.
            access = self._plugin.get_auth_ref(self.keystone)
            self._age.good_until = self._now() + life(access)
            self._plugin.auth_ref = access
        except keystone.HttpError as error:
            answer = refused(error, self.credentials)
            if isinstance(answer, AuthenticationError):
                self._refusal.note(answer)
            raise answer from error
        except keystone.ClientException as error:
            raise classify(error, what=LOGIN) from error
        except _NO_ANSWER as error:
            raise from_network(error, what=LOGIN) from error
        except UNREADABLE as error:
            # It may be the token that is kept whose end cannot be read: the next login must not stumble over it again.
            self._plugin.invalidate()
            raise unreadable(error) from error
        return access

    @property
    def project_id(self) -> str:
        """The project that the token is for; logs in.

        Raises:
            AuthenticationError: refused, or the token is for no project.
            InfomaniakCloudError: Keystone could not be asked.
        """
        access = self.login()
        try:
            project = access.project_id
        except UNREADABLE as error:
            raise unreadable(error) from error
        if not project:
            raise AuthenticationError("the credential is not bound to a project: give 'project_id'")
        return str(project)

    @property
    def region(self) -> str:
        """The region in use: the credential's, else the only one there is; logs in.

        Raises:
            AuthenticationError: refused, or there is no such region; the message names those there are.
            InfomaniakCloudError: Keystone could not be asked.
        """
        return region_of(self.login(), self.credentials.region)

    @property
    def token_expires(self) -> float | None:
        """When the token in use expires, seconds since the epoch; None where there is none. Asks nobody."""
        access = self._plugin.auth_ref
        try:
            expires = access.expires if access else None
        except UNREADABLE:
            return None
        return expires.timestamp() if expires else None

    def request(
        self,
        service: str,
        method: str,
        route: str,
        *,
        ids: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        body: Any = None,
        if_revision: int | None = None,
    ) -> Any:
        """Make one call and return the decoded answer (None where it has no body).

        Args:
            service: ``network`` or ``load-balancer``.
            method: GET, POST, PUT or DELETE.
            route: the path's template: ``/v2.0/networks/{id}``.
            ids: what is put into the template.
            params: the query.
            body: sent as JSON.
            if_revision: sent as ``If-Match``: refused (412) where the object has another revision by now.

        Raises:
            ValueError: an id is none; nothing was sent.
            ReadOnlyError: this session only reads, and the request does not; nothing was sent.
            InfomaniakCloudError: the service refused, failed, or did not answer.
        """
        path = route.format_map({name: _quoted(name, value) for name, value in (ids or {}).items()})
        headers = {"Accept": "application/json"}
        if if_revision is not None:
            headers["If-Match"] = f"revision_number={if_revision}"
        request = _Request(service, method, route, path, headers, params, body)
        with self._limits.within(self._seconds), self._telling():
            return self._repeated(request)

    @contextmanager
    def whole_list(self) -> Iterator[None]:
        """Let all calls in the block, the pages of a list, take together what a list may take."""
        with self._limits.within(LIST_CALLS * self._seconds, LIST_BYTES):
            yield

    def _repeated(self, request: _Request) -> Any:
        delays = iter(() if request.changing else self._retry_delays)
        while True:
            try:
                return self._once(request)
            except InfomaniakCloudError as error:
                delay = next(delays, None) if _passing(error) else None
                if delay is None or delay >= self._limits.remaining():
                    raise
                self._sleep(delay)

    def _once(self, request: _Request) -> Any:
        access = self.login()
        response = self._send(request, access)
        if response.status_code == _UNAUTHORIZED:
            # Expired or revoked: the request did nothing. One login, whoever comes first, and once more.
            self._forget(access)
            response = self._send(request, self.login())
            if response.status_code == _UNAUTHORIZED:
                raise _not_yet(from_response(response, what=request.what))
        if not 200 <= response.status_code < 300:  # noqa: PLR2004 - HTTP
            raise from_response(response, what=request.what, changing=request.changing)
        if not response.content:
            return None
        try:
            return decoded(response)
        except ValueError as error:
            message = told(
                "{what}: {status}, but what was answered is no JSON", what=request.what, status=response.status_code
            )
            raise ServiceError(message, status=response.status_code, outcome_unknown=request.changing) from error

    def _send(self, request: _Request, access: AccessInfo) -> requests.Response:
        # Here, below every operation: one that is added later cannot be forgotten.
        if self._only_reads and request.method not in _READING:
            raise ReadOnlyError(request.what)
        secure = self.credentials.auth_url.startswith("https:")
        region = region_of(access, self.credentials.region)
        url = endpoint_of(access, request.service, region, secure=secure) + request.path
        began = time.monotonic()
        address = urlsplit(url).netloc
        with self._breakers.asking(request.service, address, id(self._http), changing=request.changing) as asked:
            try:
                response: requests.Response = self.keystone.request(
                    url,
                    request.method,
                    json=request.body,
                    headers={**request.headers, "X-Auth-Token": str(access.auth_token)},
                    authenticated=False,  # it would look at the wall clock, see ``_login``
                    params=list(request.params),
                    timeout=self._timeout,
                    redirect=False,
                    raise_exc=False,
                    allow_reauth=False,
                    log=False,  # it would write whole answers
                    connect_retries=0,
                    status_code_retries=0,
                )
            except (keystone.ClientException, *_NO_ANSWER) as error:
                asked.failed(error)
                self._tell(answered(request.service, request.method, request.route, None, began))
                raise classify(error, what=request.what, changing=request.changing) from error
            asked.answered(response.status_code)
        # What ``before_change`` stopped was not sent, and is no call.
        self._tell(answered(request.service, request.method, request.route, response, began))
        return response

    def _tell(self, call: Call) -> None:
        if self._on_call is not None:
            self._on_call(call)

    def _forget(self, access: AccessInfo) -> None:
        """Drop the token, unless another thread has got a new one meanwhile."""
        with self._turn():
            if self.login() is access:
                self._plugin.invalidate()


def _not_yet(error: InfomaniakCloudError) -> InfomaniakCloudError:
    """The error of a service that refuses a token which Keystone has just given.

    The credential is good, so there is nothing in it for a person to mend: the service lags behind, or cannot ask
    Keystone.
    """
    message = explained(error.said, "the service refuses a fresh token, though Keystone takes the credential")
    found = AuthenticationError(message, status=error.status, error_type=error.error_type, request_id=error.request_id)
    found.category = Category.TRANSIENT
    return found


def _passing(error: InfomaniakCloudError) -> bool:
    """Whether a GET is worth repeating at once: not after a timeout, which has cost its time already.

    Nor where the service counts as away: another one asks.
    """
    if isinstance(error, CloudConnectionError):
        return not isinstance(error, (CloudTimeoutError, CloudAwayError))
    passing = error.status is not None and (error.status == _TOO_MANY or error.status >= _FAILED)
    return passing and error.category is Category.TRANSIENT


def is_id(value: Any) -> bool:
    """Whether it can be an id in a path."""
    return isinstance(value, str) and len(value) <= _LONGEST_ID and _ID.fullmatch(value) is not None


def _quoted(name: str, value: str) -> str:
    if not is_id(value):
        raise ValueError(f"{name} is no id: {value!r}")
    return quote(value, safe="")
