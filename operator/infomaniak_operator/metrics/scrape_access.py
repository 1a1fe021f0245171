"""Who may read the metrics, as the API server says: TokenReview tells who asks, SubjectAccessReview whether they may.

As in front of other operators: whoever may ``get`` the non-resource URL ``/metrics``. Who cannot be asked about is
refused.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from infomaniak_operator.controller.kube.kube_api import Kube, KubeError, KubeType
from infomaniak_operator.metrics.http_server import Answer

TOKEN_REVIEWS = KubeType("TokenReview", "authentication.k8s.io", "v1", "tokenreviews", cluster_scoped=True)
ACCESS_REVIEWS = KubeType(
    "SubjectAccessReview", "authorization.k8s.io", "v1", "subjectaccessreviews", cluster_scoped=True
)

ALLOWED_FOR, DENIED_FOR = 60.0, 10.0
"""Seconds for which an answer is good."""
_MOST = 256
_LONGEST_TOKEN = 8192
_BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_UNKNOWN = Answer(
    HTTPStatus.UNAUTHORIZED, b"a bearer token is needed\n", headers=(("WWW-Authenticate", 'Bearer realm="metrics"'),)
)
_FORBIDDEN = Answer(HTTPStatus.FORBIDDEN, b"not allowed: get on the non-resource URL /metrics\n")
_AWAY = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the API server cannot be asked whether this is allowed\n")

_log = logging.getLogger(__name__)


class Access:
    """The ``Guard`` of a page; safe to use from any thread.

    Args:
        kube: the API server.
        now: monotonic seconds.
        path: the page.
    """

    def __init__(self, kube: Kube, now: Callable[[], float], path: str = "/metrics") -> None:
        self._kube = kube
        self._now = now
        self._path = path
        self._lock = threading.Lock()
        # By a hash of the token: no secret is kept.
        self._found: dict[bytes, tuple[float, Answer | None]] = {}

    def known(self, authorization: str) -> bool:
        """Whether the answer is known without asking the API server."""
        token = _token(authorization)
        return token is None or self._remembered(_print(token)) is not None

    def refusal(self, authorization: str) -> Answer | None:
        """What to say instead of the page; None: the client may have it."""
        token = _token(authorization)
        if token is None:
            return _UNKNOWN
        name = _print(token)
        remembered = self._remembered(name)
        if remembered is not None:
            return remembered[1]
        try:
            answer = self._asked(token)
        except KubeError as error:
            # Not its text: what the API server says of a token is nobody else's.
            _log.warning("who asks for %s cannot be told: the API server: %s", self._path, error.status)
            return _AWAY
        with self._lock:
            self._found.pop(name, None)
            self._found[name] = (self._now() + (ALLOWED_FOR if answer is None else DENIED_FOR), answer)
            self._shrink()
        return answer

    def _remembered(self, name: bytes) -> tuple[float, Answer | None] | None:
        with self._lock:
            found = self._found.get(name)
        return found if found is not None and self._now() < found[0] else None

    def _shrink(self) -> None:
        """Forget what is too much: what was refused before what was allowed, the oldest first."""
        while len(self._found) > _MOST:
            refused = (name for name, (_, answer) in self._found.items() if answer is not None)
            del self._found[next(refused, next(iter(self._found)))]

    def _asked(self, token: str) -> Answer | None:
        status = self._status(TOKEN_REVIEWS, {"token": token})
        user = status.get("user")
        if status.get("authenticated") is not True or not isinstance(user, Mapping) or not user.get("username"):
            return _UNKNOWN
        asked = {
            "user": user["username"],
            "uid": user.get("uid") or "",
            "groups": user.get("groups") or [],
            "extra": user.get("extra") or {},
            "nonResourceAttributes": {"path": self._path, "verb": "get"},
        }
        return None if self._status(ACCESS_REVIEWS, asked).get("allowed") is True else _FORBIDDEN

    def _status(self, resource: KubeType, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "spec": spec}
        found = self._kube.review(resource, body).get("status")
        return found if isinstance(found, Mapping) else {}


def _token(authorization: str) -> str | None:
    """The token that is sent; None if there is none that could be one."""
    found = _BEARER.fullmatch(authorization) if len(authorization) <= _LONGEST_TOKEN else None
    return found.group(1) if found else None


def _print(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
