"""Requests to a real API server that says 429 for a moment, as it does while it fills a cache anew."""

from __future__ import annotations

from typing import Any

from kubernetes import config
from urllib3 import Retry

from sandbox import Environment

AGAIN_AFTER_429 = Retry(
    10,
    connect=0,
    read=0,
    redirect=0,
    other=0,
    allowed_methods=None,
    status_forcelist=(429,),
    raise_on_status=False,
    backoff_factor=0.2,
)
"""As client-go does, with any method: a request that is answered with 429 has done nothing."""


def api_client(env: Environment) -> Any:
    """A ``kubernetes.client.ApiClient`` of the sandbox's administrator."""
    settings = config.new_client_from_config(str(env.kubeconfig))
    settings.configuration.retries = AGAIN_AFTER_429
    return type(settings)(settings.configuration)
