"""Refusals because two subnets have the same addresses: which they are, and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from infomaniak_operator.api import json_types
from infomaniak_operator.controller.interfaces import CacheReader, KubeObject

_NETWORK = "InfomaniakNetwork"
_LONGEST_NAME = 63
_ID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_OF_A_ROUTER = re.compile(
    rf"[Cc]idr (\S{{1,64}}) of subnet ({_ID}) overlaps with cidr (\S{{1,64}}) of subnet ({_ID})", re.ASCII
)
_OF_A_NETWORK = re.compile(rf"subnet with cidr: (\S{{1,64}}) for network: {_ID} overlaps with another subnet", re.ASCII)


def of_a_router(reader: KubeObject, view: CacheReader, said: str) -> str:
    """What a person should know where a router cannot lead to two subnets; empty where that is not what was said.

    Args:
        reader: the Router.
        view: the cache.
        said: the cloud's words, which name the subnets by their ids.
    """
    found = _OF_A_ROUTER.search(said)
    if found is None:
        return ""
    cidr, id_, other_cidr, other_id = found.groups()
    one = f"{subnet_named(reader, view, id_)} ({cidr})"
    other = f"{subnet_named(reader, view, other_id)} ({other_cidr})"
    return (
        f"spec.interfaces: {one} and {other} have addresses in common, and a router leads to one of such subnets only: "
        "take one of them out, or give its network another subnet"
    )


def of_a_network(items: Iterable[json_types.Subnet], said: str) -> str:
    """What a person should know where a network has the addresses of a new subnet already; empty likewise.

    The other one is none that the credential can see: those are found before anything is sent.
    """
    found = _OF_A_NETWORK.search(said)
    named = [each["name"] for each in items if found is not None and each.get("cidr") == found[1]]
    if not named:
        return ""
    return (
        f"spec.subnets[{named[0]}].cidr: another subnet of the network, which the credential cannot see, has these "
        "addresses; choose another cidr"
    )


def subnet_named(reader: KubeObject, view: CacheReader, id_: str) -> str:
    """A subnet as people know it: by its name and its InfomaniakNetwork of the reader's namespace, else by its id."""
    for each in view.objects(_NETWORK):
        if each.key.namespace == reader.key.namespace and (name := _name_in(each, id_)):
            return f"subnet {name} of {each.key}"
    return f"subnet {id_}"


def _name_in(network: KubeObject, id_: str) -> str | None:
    """The name of a subnet of that id in a network's status, which may hold anything."""
    there = network.json_status.get("subnets")
    for each in there if isinstance(there, list | tuple) else ():
        if isinstance(each, Mapping) and str(each.get("id")).lower() == id_.lower():
            name = each.get("name")
            return name[:_LONGEST_NAME] if isinstance(name, str) else None
    return None
