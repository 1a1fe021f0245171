"""Manifests of the other Neutron kinds, in the style of ``running.network``."""

from __future__ import annotations

from typing import Any

from tests.support.running import network

EXTERNAL = "ext-floating1"
INTERFACE = "network:ha_router_replicated_interface"
"""Who owns a router\'s ports at Infomaniak, and in the sandbox."""


def manifest(kind: str, name: str, /, **spec: Any) -> dict[str, Any]:
    """An object of ours with the credentials of ``User.credentials``; ``import_`` stands for the field ``import``."""
    if "import_" in spec:
        spec["import"] = spec.pop("import_")
    return {**network(name, **spec), "kind": kind}


def router(name: str, /, **spec: Any) -> dict[str, Any]:
    """A Router."""
    return manifest("Router", name, **spec)


def security_group(name: str, /, **spec: Any) -> dict[str, Any]:
    """A SecurityGroup."""
    return manifest("SecurityGroup", name, **spec)


def port(name: str, /, **spec: Any) -> dict[str, Any]:
    """A Port."""
    return manifest("Port", name, **spec)


def floating_ip(name: str, /, **spec: Any) -> dict[str, Any]:
    """A FloatingIP of the external network there is, unless the spec says otherwise."""
    return manifest("FloatingIP", name, **{"externalNetwork": {"networkName": EXTERNAL}, **spec})


def imported_external(name: str = "outside") -> dict[str, Any]:
    """An InfomaniakNetwork that only stands for the external network."""
    found = {"filter": {"name": EXTERNAL, "external": True}}
    return manifest("InfomaniakNetwork", name, managementPolicy="Unmanaged", import_=found)


def gateway(**network_choice: Any) -> dict[str, Any]:
    """The gateway of a Router: by name, unless told otherwise."""
    return {"externalGateway": network_choice or {"networkName": EXTERNAL}}


def interface(network_name: str, subnet: str | None = None) -> dict[str, Any]:
    """An interface of a Router."""
    return {"networkRef": {"name": network_name}, **({"subnet": subnet} if subnet else {})}


def bundle(*manifests: dict[str, Any]) -> dict[str, Any]:
    """Several manifests for one ``kubectl apply``, in this order."""
    return {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
