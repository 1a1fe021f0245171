"""The real API server as a tenant without manners asks it: raw bodies, many at once, and what it says to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kubernetes import client, config

from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.api.registry import KINDS
from sandbox import Environment
from tests.support.patient import AGAIN_AFTER_429

_THREADS = 6
_GOOD = 300
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Said:
    """What the API server answered.

    Attributes:
        status: HTTP status.
        body: decoded.
    """

    status: int
    body: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether it took the request."""
        return self.status < _GOOD

    @property
    def message(self) -> str:
        """What a user reads."""
        return str(self.body.get("message", ""))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that a refusal names."""
        causes = (self.body.get("details") or {}).get("causes") or ()
        return tuple(str(each["field"]) for each in causes if each.get("field") and each["field"] != "<nil>")

    @property
    def names_a_field(self) -> bool:
        """Whether a refusal says where: a path, an unknown field, or a place in JSON that is none."""
        if any(field.startswith(("spec", "status", "metadata")) for field in self.fields):
            return True
        return (
            re.search(
                r"\b(spec|status|metadata)\b|unknown field|duplicate field|invalid character|surrogate|cannot unmarshal|exceeded max depth",
                self.message,
            )
            is not None
        )


class Tenant:
    """One who may write objects in a namespace, statuses too.

    Args:
        env: the sandbox.
        namespace: where.
    """

    def __init__(self, env: Environment, namespace: str) -> None:
        settings: Any = config.new_client_from_config(str(env.kubeconfig)).configuration
        settings.connection_pool_maxsize = _THREADS
        self._api = client.ApiClient(settings)
        self._host = settings.host
        self._login = {each["key"]: each["value"] for each in settings.auth_settings().values()}
        self.namespace = namespace

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Said:
        answer = self._api.rest_client.pool_manager.request(
            method,
            f"{self._host}{path}",
            body=body,
            headers={**self._login, "Content-Type": kind, "Accept": "application/json"},
            timeout=60.0,
            retries=AGAIN_AFTER_429,
        )
        try:
            said = json.loads(answer.data)
        except ValueError:
            said = {"message": answer.data.decode(errors="replace")}
        return Said(answer.status, said)

    def _path(self, kind: str, name: str = "", part: str = "") -> str:
        whole = f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{KINDS[kind].plural}"
        return "/".join(each for each in (whole, name, part) if each)

    def create(self, kind: str, body: bytes, *, validation: str = "Strict", dry_run: bool = True) -> Said:
        """Create an object; ``dry_run``: all is done but to keep it."""
        query = f"?fieldValidation={validation}" + ("&dryRun=All" if dry_run else "")
        return self._ask("POST", self._path(kind) + query, body)

    def replace(self, kind: str, name: str, part: str, value: Any, *, dry_run: bool = False) -> Said:
        """Replace ``spec`` or ``status`` of an object that is there."""
        change = json.dumps([{"op": "replace", "path": f"/{part}", "value": value}]).encode()
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self._ask(
            "PATCH", self._path(kind, name, "status" if part == "status" else "") + query, change, JSON_PATCH
        )

    def delete(self, kind: str, name: str) -> Said:
        """Delete an object."""
        return self._ask("DELETE", self._path(kind, name))

    def many(self, what: Iterable[Any], ask: Any) -> list[Any]:
        """Ask for many at once; the answers in order."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(ask, what))
