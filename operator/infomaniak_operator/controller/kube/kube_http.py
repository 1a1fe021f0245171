"""The API server over HTTP, by pykube-ng."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pykube
import requests

from infomaniak_operator.controller.kube.kube_api import Body, KubeType, Unavailable, error_for

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
_STRATEGIC_PATCH = {"Content-Type": "application/strategic-merge-patch+json"}
# Without a second choice: a server that could not do it is to refuse, not to send all there is.
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_UNAUTHORIZED = 401
_TOO_MANY = 429
_ERRORS = 400
_TRIES = 4
"""Of a request that is answered with 429. The API server says so for a second or two while it fills a cache anew."""
_LONGEST_TRYING = 5.0
"""Seconds after which a request is not tried again: an API server that is that slow has no need of more of them."""
_LONGEST_WAIT = 2.0
"""Seconds between two tries. Longer outages are the work queue's matter, and a Lease must be renewed meanwhile."""
_WORDS = 2000
_DIGITS = 6

Load = Callable[[], Any]
"""Gives a ``pykube.KubeConfig``."""


def loader(kubeconfig: Path | None = None, context: str | None = None) -> Load:
    """How to get at the API server; each call reads it anew.

    Args:
        kubeconfig: a file; else the pod's ServiceAccount if there is one, else ``$KUBECONFIG``, else
            ``~/.kube/config``.
        context: a context of that file; its current one by default.
    """

    def load() -> pykube.KubeConfig:
        if kubeconfig is None and context is None and (SERVICE_ACCOUNT / "token").exists():
            return pykube.KubeConfig.from_service_account()
        path = kubeconfig or Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
        return pykube.KubeConfig.from_file(str(path), current_context=context)

    return load


class HttpKube:
    """``Kube`` over HTTP; safe to use from any thread.

    Args:
        load: see ``loader``. Called again after a 401, and every ``reload_seconds``, for a ServiceAccount's token is
            replaced on disk about once an hour and pykube reads it once.
        monotonic: the clock, in seconds.
        timeout_seconds: of each request, for connecting and between two bytes of the answer.
        pool_size: connections kept open; as many as there are threads.
        reload_seconds: how long a token read is used.
        on_call: told of every request: verb, plural, status (0 for none), seconds.
        before_change: called right before each request that changes something; what it raises stops the request and
            reaches the caller. ``Standby``, so that what is not to be sent fails like all else.
        page: the most objects that are asked for at once, where the kind does not say fewer.
        sleep: waits for so many seconds, after a 429. The API server has not acted on such a request, so that any may
            be sent again, a few times, as client-go does.
    """

    def __init__(
        self,
        load: Load,
        monotonic: Callable[[], float],
        *,
        timeout_seconds: float = 15.0,
        pool_size: int = 32,
        reload_seconds: float = 300.0,
        on_call: Callable[[str, str, int, float], None] | None = None,
        before_change: Callable[[], None] | None = None,
        page: int = 500,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._page = page
        self._sleep = sleep
        self._load = load
        self._monotonic = monotonic
        self._timeout = timeout_seconds
        self._pool_size = pool_size
        self._reload = reload_seconds
        self._on_call = on_call
        self._before_change = before_change
        self._lock = threading.Lock()
        self._client: pykube.HTTPClient | None = None
        self._loaded = 0.0

    def get(self, resource: KubeType, namespace: str, name: str) -> Body:
        """One object."""
        return self._call("GET", resource, namespace, name)

    def list(self, resource: KubeType, namespace: str | None) -> Iterator[list[Body]]:
        """All objects of a kind, in pages of as many as the kind says."""
        params: dict[str, Any] = {"limit": min(resource.page, self._page)}
        if resource.label_selector:
            params["labelSelector"] = resource.label_selector
        headers = {"Accept": _METADATA_ONLY} if resource.metadata_only else None
        while True:
            page = self._call("GET", resource, namespace, "", params=params, headers=headers)
            yield list(page.get("items") or ())
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return
            params["continue"] = following

    def patch(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        """Merge-patch an object."""
        return self._call("PATCH", resource, namespace, name, body=patch)

    def patch_status(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        """Merge-patch the status subresource."""
        return self._call("PATCH", resource, namespace, f"{name}/status", body=patch)

    def patch_condition(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        """Merge a condition into the status by its type."""
        return self._call("PATCH", resource, namespace, f"{name}/status", body=patch, headers=_STRATEGIC_PATCH)

    def create_event(self, namespace: str, event: Body) -> Body:
        """Create a core/v1 Event."""
        return self._call("POST", _EVENTS, namespace, "", body=event)

    def patch_event(self, namespace: str, name: str, patch: Body) -> Body:
        """Merge-patch a core/v1 Event."""
        return self._call("PATCH", _EVENTS, namespace, name, body=patch)

    def review(self, resource: KubeType, body: Body) -> Body:
        """Have the API server answer a question; one that does not lead may ask, too."""
        return self._call("POST", resource, None, "", body=body)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client:
                self._client.session.close()
                self._client = None

    def _call(
        self,
        verb: str,
        resource: KubeType,
        namespace: str | None,
        path: str,
        *,
        body: Body | None = None,
        params: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        where = "/".join(filter(None, (namespace, path)))
        what = f"{verb} {resource.plural} {where}".strip()
        arguments: dict[str, Any] = {
            "version": resource.api_version,
            "url": "/".join(filter(None, (resource.plural, path))),
            "timeout": self._timeout,
        }
        if namespace:
            arguments["namespace"] = namespace
        if params:
            arguments["params"] = params
        if headers:
            arguments["headers"] = headers
        if body is not None:
            arguments["data"] = json.dumps(body)
            usual = _MERGE_PATCH if verb == "PATCH" else {"Content-Type": "application/json"}
            arguments["headers"] = headers or usual
        try:
            response = self._send(verb, resource.plural, arguments)
            if response.status_code >= _ERRORS:
                raise error_for(response.status_code, f"{what}: {_words(response)}")
            answer: dict[str, Any] = response.json()
        except (requests.RequestException, ValueError, OSError) as error:
            raise Unavailable(f"{what}: {_plain(error, self._timeout)}") from error
        return answer

    def _send(self, verb: str, plural: str, arguments: dict[str, Any]) -> requests.Response:
        client, began = self._current(), self._monotonic()
        response = self._once(client, verb, plural, arguments)
        if response.status_code == _UNAUTHORIZED:
            client = self._current(instead_of=client)
            response = self._once(client, verb, plural, arguments)
        for _ in range(_TRIES - 1):
            if response.status_code != _TOO_MANY or (wait := retry_after(response)) is None:
                break
            if self._monotonic() - began > _LONGEST_TRYING:
                break
            self._sleep(min(wait, _LONGEST_WAIT))
            response = self._once(client, verb, plural, arguments)
        return response

    def _once(self, client: pykube.HTTPClient, verb: str, plural: str, arguments: dict[str, Any]) -> requests.Response:
        if verb != "GET" and plural not in _QUESTIONS and self._before_change:
            self._before_change()
        started, status = self._monotonic(), 0
        try:
            response: requests.Response = client.request(verb, **arguments)
            status = response.status_code
        except (requests.RequestException, ValueError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - pykube reads the user's entry as it signs a request, and raises anything
            # Not the error's text: it may quote the entry.
            raise Unavailable(f"the user of the kubeconfig cannot be used ({type(error).__name__})") from None
        finally:
            if self._on_call:
                self._on_call(verb, plural, status, self._monotonic() - started)
        return response

    def _current(self, instead_of: pykube.HTTPClient | None = None) -> pykube.HTTPClient:
        with self._lock:
            stale = self._monotonic() - self._loaded >= self._reload
            if self._client is None or stale or self._client is instead_of:
                # The former one is not closed: other threads may be using it. It goes with its last answer.
                self._client = self._connect()
                self._loaded = self._monotonic()
            return self._client

    def _connect(self) -> pykube.HTTPClient:
        try:
            config = self._load()
            config.cluster, config.user  # noqa: B018 - read lazily; a gap in it must show here
        except Exception as error:  # noqa: BLE001 - pykube and yaml have no common one
            # Not the error's text: a YAML error quotes the line, which may be the token's.
            raise Unavailable(f"the kubeconfig cannot be used ({type(error).__name__})") from None
        adapter = pykube.http.KubernetesHTTPAdapter(
            config, pool_connections=1, pool_maxsize=self._pool_size, pool_block=False
        )
        client = pykube.HTTPClient(config, timeout=self._timeout, http_adapter=adapter)
        # Proxies and netrc files of the surroundings have no business between an operator and its API server.
        client.session.trust_env = False
        return client


def retry_after(response: requests.Response) -> float | None:
    """The seconds after which the API server wants a request again; None if it names none, or not as a number."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) <= _DIGITS else None


_QUESTIONS = frozenset({"tokenreviews", "subjectaccessreviews"})
"""What is posted and changes nothing."""
_EVENTS = KubeType("Event", "", "v1", "events")


def _plain(error: Exception, timeout: float) -> str:
    """What went wrong, in few words: the text of an error of requests is a line full of Python objects.

    It may hold the URL, which holds no secret: the token is a header.
    """
    if isinstance(error, requests.Timeout):
        return f"timed out after {timeout:g} s"
    cause: BaseException | None = error
    for _ in range(10):  # the errors of requests, urllib3 and the system, one in the other
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        inner = [each for each in getattr(cause, "args", ()) if isinstance(each, BaseException)]
        cause = getattr(cause, "reason", None) or (cause and (cause.__cause__ or cause.__context__)) or None
        cause = cause if isinstance(cause, BaseException) else next(iter(inner), None)
        if cause is None:
            break
    return " ".join(str(error).split())


def _words(response: requests.Response) -> str:
    """The API server's own words."""
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = response.text
    return f"{response.status_code} {message[:_WORDS]}"
