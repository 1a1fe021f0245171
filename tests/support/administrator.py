"""What only an administrator of the sandbox's Neutron makes, for all projects; it is taken away again at the end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sandbox import Environment
from sandbox.configs import ADMIN_PASSWORD
from sandbox.rest import login


class Administrator:
    """One at work."""

    def __init__(self, env: Environment) -> None:
        self._admin = login(env.auth_url, "admin", ADMIN_PASSWORD, "admin")
        catalog = self._admin.get(f"{env.auth_url}/auth/catalog")["catalog"]
        (url,) = (entry["endpoints"][0]["url"] for entry in catalog if entry["type"] == "network")
        self._url = f"{url}/v2.0"
        self._made: list[str] = []

    def subnet_pool(self, prefix: str, default: int = 26) -> str:
        """A shared pool of that range, with the default length of its subnets' prefixes; returns its id."""
        body = {"prefixes": [prefix], "shared": True, "default_prefixlen": default}
        return self._make("subnetpools", "subnetpool", body)

    def qos_policy(self) -> str:
        """A shared policy without rules, for the sandbox carries no traffic that they could hold for; returns its id."""
        return self._make("qos/policies", "policy", {"shared": True})

    def gateway(self, router: str, network: str, address: str) -> None:
        """Give a router another address outside."""
        info = {"network_id": network, "external_fixed_ips": [{"ip_address": address}]}
        self._admin.put(f"{self._url}/routers/{router}", {"router": {"external_gateway_info": info}})

    def clean(self) -> None:
        """Delete what was made."""
        while self._made:
            self._admin.call("DELETE", self._made.pop())

    def _make(self, path: str, one: str, body: Mapping[str, Any]) -> str:
        named = {"name": f"{one}-{secrets.token_hex(3)}", **body}
        made = str(self._admin.post(f"{self._url}/{path}", {one: named})[one]["id"])
        self._made.append(f"{self._url}/{path}/{made}")
        return made
