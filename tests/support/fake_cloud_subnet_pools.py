"""The subnet pools of a Neutron in memory: an administrator's, shared with all projects."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.support.fake_cloud_rules import Refused, Row, net_of, overlap


def pool_of(prefix: str, default: int, smallest: int) -> Row:
    """A pool of one prefix.

    Args:
        prefix: its range.
        default: the prefix length of a subnet that names none.
        smallest: the shortest prefix length that may be asked for.
    """
    return {
        "prefix": prefix,
        "default_prefixlen": default,
        "min_prefixlen": smallest,
        "ip_version": net_of(prefix).version,
    }


def with_range(pools: Mapping[str, Row], subnets: Sequence[Row], body: Mapping[str, Any]) -> Row:
    """The body of a subnet's create with the range that it gets, if it names none."""
    found = {"cidr": _allocated(pools, subnets, body), **body} if "cidr" not in body else dict(body)
    if found.pop("prefixlen", None) is not None and "cidr" in body:
        raise Refused(400, "BadRequest", "Bad subnets request: only one of cidr and prefixlen can be specified.")
    _check_affinity([one for one in subnets if one["network_id"] == body["network_id"]], body)
    return found


def _allocated(pools: Mapping[str, Row], subnets: Iterable[Row], body: Mapping[str, Any]) -> str:
    """The range that a new subnet gets."""
    name = body.get("subnetpool_id")
    if not name:
        said = "a subnetpool must be specified in the absence of a cidr"
        raise Refused(400, "BadRequest", f"Bad subnets request: {said}.")
    if name not in pools:
        raise Refused(404, "SubnetPoolNotFound", f"Subnet pool {name} could not be found.")
    pool = pools[name]
    if body.get("allocation_pools"):
        said = "allocation_pools allowed only for specific subnet requests."
        raise Refused(400, "BadRequest", f"Bad subnets request: {said}.")
    if body["ip_version"] != pool["ip_version"]:
        said = f"Cannot allocate IPv{body['ip_version']} subnet from IPv{pool['ip_version']} subnet pool"
        raise Refused(400, "BadRequest", f"Bad subnets request: {said}.")
    size = int(body.get("prefixlen") or pool["default_prefixlen"])
    if size < pool["min_prefixlen"]:
        said = f"Unable to allocate subnet with prefix length {size}, minimum allowed prefix is {pool['min_prefixlen']}"
        raise Refused(400, "MinPrefixSubnetAllocationError", f"{said}.")
    taken = [net_of(one["cidr"]) for one in subnets if one.get("subnetpool_id") == name]
    whole: Any = ipaddress.ip_network(pool["prefix"])
    parts = whole.subnets(new_prefix=size) if size >= whole.prefixlen else iter(())
    free = (one for one in parts if not any(overlap(one, other) for other in taken))
    found = next(free, None)
    if found is None:
        said = f"Failed to allocate subnet: Insufficient prefix space to allocate subnet size /{size}."
        raise Refused(500, "SubnetAllocationError", said)
    return str(found)


def _check_affinity(subnets: Iterable[Row], body: Mapping[str, Any]) -> None:
    """The subnets of one IP version of a network are all from one pool, or none is."""
    pool = body.get("subnetpool_id")
    for one in subnets:
        if one["ip_version"] == body["ip_version"] and one.get("subnetpool_id") != pool:
            said = "Subnets hosted on the same network must be allocated from the same subnet pool."
            raise Refused(400, "NetworkSubnetPoolAffinityError", said)
