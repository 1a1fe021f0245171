"""The toys' CustomResourceDefinition, on a real API server."""

from __future__ import annotations

import json

from sandbox import Environment
from tests.support.box import kubectl
from tests.support.toy import CRD


def install(env: Environment) -> None:
    """Make toys a kind of this API server."""
    kubectl(env, "apply", "-f", "-", stdin=json.dumps(CRD))
    kubectl(env, "wait", "--for=condition=Established", f"crd/{CRD['metadata']['name']}", "--timeout=30s")
