"""What is behind the proxy. Whoever only starts it imports this, and needs none of the proxy's own packages."""

from __future__ import annotations

from dataclasses import dataclass

SERVERS_FILE, PLAN_FILE, LOG_FILE = "servers.json", "plan.json", "calls.jsonl"


@dataclass(frozen=True, slots=True)
class Server:
    """What is behind one port.

    Attributes:
        side: ``kube``, or the service of OpenStack.
        url: its root, without a slash at the end.
        port: the proxy's own.
        certificate: of the proxy for TLS, and what a server that speaks TLS is known by.
        key: of the certificate.
    """

    side: str
    url: str
    port: int
    certificate: str = ""
    key: str = ""

    @property
    def proxy(self) -> str:
        """The proxy's root for it."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"
