"""OpenStack's REST, as an administrator, with nothing but the standard library."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from sandbox.errors import SandboxError

SECONDS = 60.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The services are on the loopback address, whatever proxy the user has."""


class Rest:
    """Calls with a token.

    Args:
        token: sent with every call; empty: none.
    """

    def __init__(self, token: str = "") -> None:
        self._token = token

    def call(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> tuple[Any, Mapping[str, str]]:
        """One call; returns the answer's JSON (None if it is empty) and headers.

        Raises:
            SandboxError: it was refused; the message is the service's.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **({"X-Auth-Token": self._token} if self._token else {})}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - addresses of the sandbox's own services
        try:
            with _DIRECT.open(request, timeout=SECONDS) as answer:
                text = answer.read()
                return (json.loads(text) if text.strip() else None), dict(answer.headers)
        except urllib.error.HTTPError as error:
            raise SandboxError(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from error

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """POST."""
        return self.call("POST", url, body)[0]

    def get(self, url: str) -> Any:
        """GET."""
        return self.call("GET", url)[0]

    def put(self, url: str, body: Mapping[str, Any] | None = None) -> Any:
        """PUT."""
        return self.call("PUT", url, body)[0]


def login(auth_url: str, user: str, password: str, project: str) -> Rest:
    """Log in with a password, in the default domain."""
    domain = {"id": "default"}
    body = {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user, "password": password, "domain": domain}},
            },
            "scope": {"project": {"name": project, "domain": domain}},
        }
    }
    headers = {name.lower(): value for name, value in Rest().call("POST", f"{auth_url}/auth/tokens", body)[1].items()}
    return Rest(headers["x-subject-token"])
