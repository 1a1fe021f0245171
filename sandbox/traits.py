"""In what the sandbox's OpenStack is as Infomaniak's, each trait a switch of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from sandbox.errors import SandboxError

FILE = "traits.json"
"""In the control folder: by it the running services know them."""
_RESTARTS = "restarts"


@dataclass(frozen=True, slots=True)
class Traits:
    """One cloud's peculiarities; those that a service reads only at its start name it.

    Attributes:
        small_quotas: 20 ports and 10 subnets, instead of 500 and 50.
        dhcp_ports: ports of ``network:dhcp`` for each subnet with DHCP, in the project's own quota.
        ha_routers: new routers are HA: their interfaces belong to ``network:ha_router_replicated_interface``.
        external_subnets_hidden: a project does not see the subnets of external networks.
        shared_networks: beside ``ext-floating1`` projects see ``ext-provider1``, ``ext-net1`` and ``ext-v6only1``.
        mtu_1500: networks of projects have MTU 1500.
        amphora_provider: Octavia's provider is ``amphora``, with the alias ``octavia``.
        amphora_ports: ports that each new load balancer has beside its VIP's, in another project.
        mail_blocked: new default security groups let no TCP to port 25 out.
        default_rules_hidden: there is no ``/v2.0/default-security-group-rules``: 404.
        monitor_refusals: how often the second TCP monitor of a fresh load balancer is refused with 400.
        first_minute: seconds for which members are called ONLINE after their health monitor was made.
    """

    small_quotas: bool = field(default=False, metadata={_RESTARTS: "neutron"})
    dhcp_ports: int = 0
    ha_routers: bool = field(default=False, metadata={_RESTARTS: "neutron"})
    external_subnets_hidden: bool = field(default=False, metadata={_RESTARTS: "neutron"})
    shared_networks: bool = False
    mtu_1500: bool = field(default=False, metadata={_RESTARTS: "neutron"})
    amphora_provider: bool = field(default=False, metadata={_RESTARTS: "octavia"})
    amphora_ports: int = 0
    mail_blocked: bool = False
    default_rules_hidden: bool = field(default=False, metadata={_RESTARTS: "neutron"})
    monitor_refusals: int = 0
    first_minute: float = 0.0

    def services_to_restart(self, other: Traits) -> list[str]:
        """The services that have to start again where these traits come in the place of others."""
        changed = [one for one in fields(self) if getattr(self, one.name) != getattr(other, one.name)]
        return sorted({one.metadata[_RESTARTS] for one in changed if _RESTARTS in one.metadata})

    def with_texts(self, texts: Iterable[str]) -> Traits:
        """These with some of them changed by ``NAME=VALUE``; a switch takes ``on`` and ``off``.

        Raises:
            SandboxError: there is no such trait, or the value is none for it.
        """
        found: dict[str, Any] = {}
        for text in texts:
            name, _, value = text.partition("=")
            if name not in TRAIT_NAMES:
                raise SandboxError(f"no trait {name!r}; there are: {', '.join(TRAIT_NAMES)}")
            found[name] = _read(name, value, type(getattr(self, name)))
        return replace(self, **found)


def _read(name: str, value: str, kind: type) -> bool | float:
    switches = {"on": True, "off": False}
    try:
        found: bool | float = switches[value] if kind is bool else kind(value)
    except (KeyError, ValueError):
        what = "on or off" if kind is bool else "a number"
        raise SandboxError(f"trait {name} is {what}, not {value!r}") from None
    if found < 0:
        raise SandboxError(f"trait {name} is not below 0")
    return found


TRAIT_NAMES = tuple(one.name for one in fields(Traits))
PLAIN = Traits()
"""OpenStack as its developers ship it, with room."""
INFOMANIAK = Traits(
    small_quotas=True,
    dhcp_ports=2,
    ha_routers=True,
    external_subnets_hidden=True,
    shared_networks=True,
    mtu_1500=True,
    amphora_provider=True,
    amphora_ports=2,
    mail_blocked=True,
    default_rules_hidden=True,
    monitor_refusals=2,
    first_minute=60.0,
)
"""As its users measured it in 2026."""
MOODS = {"infomaniak": INFOMANIAK, "plain": PLAIN}


def load(folder: Path) -> Traits:
    """The traits in force; plain where none were ever chosen.

    Args:
        folder: the control folder.
    """
    try:
        known = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        return PLAIN
    # A state folder may be of another version of the sandbox: what that did not know is as it was.
    return Traits(**{name: value for name, value in known.items() if name in TRAIT_NAMES})


def dump(traits: Traits) -> str:
    """As ``load`` reads them."""
    return json.dumps(asdict(traits))
