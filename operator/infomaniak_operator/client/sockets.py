"""Connections whose every step keeps to the limits of the call they are used for.

A timeout of requests is for one step: a service that sends a byte now and then is never overdue. So each read, write
and attempt to connect gets what the call has left, and what comes is counted as it comes.
"""

from __future__ import annotations

import functools
import http.client
import io
import math
import socket
from collections.abc import Callable
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from infomaniak_operator.client.limits import HEAD_BYTES, CloudLimits

_MOST_ADDRESSES = 8
"""Of a host with more addresses, so many are tried."""
_PIECE = 16 * 2**10


def keep_within(manager: PoolManager, limits: CloudLimits) -> None:
    """Have all connections that the manager will open keep to the limits."""
    pools: dict[str, Any] = {
        "http": functools.partial(_pool, HTTPConnectionPool, functools.partial(_Plain, limits=limits)),
        "https": functools.partial(_pool, HTTPSConnectionPool, functools.partial(_Tls, limits=limits)),
    }
    manager.pool_classes_by_scheme = pools


def _pool(kind: Callable[..., Any], connection: Callable[..., HTTPConnection], *args: Any, **kwargs: Any) -> Any:
    pool = kind(*args, **kwargs)
    pool.ConnectionCls = connection
    return pool


class _Metered(io.RawIOBase):
    """The reading end of a connection."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: CloudLimits) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._silence = sock.gettimeout()
        self._limits = limits

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._limits.timeout(self._silence))
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError:
            self._limits.timeout(self._silence)  # says it, where it was not the silence but the whole call
            raise
        self._limits.received(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, limits: CloudLimits, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._limits = limits
        self.fp = io.BufferedReader(_Metered(self.fp.detach(), sock, limits))

    def begin(self) -> None:
        with self._limits.within(math.inf, HEAD_BYTES):
            super().begin()


class _Plain(HTTPConnection):
    def __init__(self, *args: Any, limits: CloudLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        response: Any = functools.partial(_Response, limits=limits)
        self.response_class = response

    def send(self, data: Any) -> None:
        if not isinstance(data, bytes):
            super().send(data)
            return
        for start in range(0, max(len(data), 1), _PIECE):
            if self.sock is not None:
                self.sock.settimeout(self._limits.timeout(self.timeout))
            super().send(data[start : start + _PIECE])

    def _new_conn(self) -> socket.socket:
        try:
            name = self._dns_host.strip("[]")
            found = socket.getaddrinfo(name, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError as error:
            raise LocationParseError(f"{self.host!r}, label empty or too long") from error
        problem: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in found[:_MOST_ADDRESSES]:
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self._limits.timeout(self.timeout))
                sock.connect(address)
                # For the TLS handshake, which takes no longer than this as a whole.
                sock.settimeout(self._limits.timeout(self.timeout))
            except OSError as error:
                problem = error
                sock.close()
            else:
                return sock
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, f"connecting to {self.host} timed out: {problem}") from problem
        raise NewConnectionError(self, f"cannot connect to {self.host}: {problem}") from problem


class _Tls(_Plain, HTTPSConnection):
    """The same over TLS."""
