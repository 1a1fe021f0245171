"""What a refusal by a subnet pool means: of which subnets, and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from infomaniak_operator.api import json_types
from infomaniak_operator.api.v1alpha1.subnet_types import ANOTHER
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.reconcile.generic.misnamed import shown

_DEFAULT_VERSION = 4
_SIZE = re.compile(r"(?:prefix length |size /)(\d{1,3})\b")
_FAMILY = re.compile(r"Cannot allocate IPv([46]) subnet")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """One sort of refusal.

    Attributes:
        field: of a subnet.
        text: what is wrong, and what to do.
        fits: whether a subnet of the spec may be the one that is meant, by what was said.
    """

    field: str
    text: str
    fits: Callable[[json_types.Subnet, str], bool] = lambda _item, _said: True


def _names_pool(item: json_types.Subnet, said: str) -> bool:
    return str(item["subnetPoolID"]).lower() in said.lower()


def _asks_for_size(item: json_types.Subnet, said: str) -> bool:
    size = _SIZE.search(said)
    return size is not None and str(item.get("prefixLength")) == size[1]


def _asks_for_family(item: json_types.Subnet, said: str) -> bool:
    family = _FAMILY.search(said)
    return family is not None and str(item.get("ipVersion", _DEFAULT_VERSION)) == family[1]


_REFUSALS: Mapping[str, _Refusal] = {
    "SubnetPoolNotFound": _Refusal(
        "subnetPoolID",
        f"there is no such subnet pool that the project may use; {ANOTHER}, with another pool or a cidr, or have the "
        "pool shared with the project",
        _names_pool,
    ),
    "from IPv6 subnet pool": _Refusal(
        "ipVersion", f"the subnet pool is of IPv6; {ANOTHER}, with ipVersion: 6", _asks_for_family
    ),
    "from IPv4 subnet pool": _Refusal(
        "ipVersion", f"the subnet pool is of IPv4; {ANOTHER}, without ipVersion: 6", _asks_for_family
    ),
    "MinPrefixSubnetAllocationError": _Refusal(
        "prefixLength",
        f"the subnet pool gives no range that large; {ANOTHER}, with a longer prefixLength",
        _asks_for_size,
    ),
    "MaxPrefixSubnetAllocationError": _Refusal(
        "prefixLength",
        f"the subnet pool gives no range that small; {ANOTHER}, with a shorter prefixLength",
        _asks_for_size,
    ),
    "NetworkSubnetPoolAffinityError": _Refusal(
        "subnetPoolID",
        "the subnets of one IP version of a network come from one subnet pool here; "
        f"{ANOTHER}, with the pool of the others",
    ),
    "SubnetPoolQuotaExceeded": _Refusal(
        "subnetPoolID",
        "the subnet pool has a quota for each project, which is used up; delete what is not needed, or have it raised",
    ),
    "SubnetAllocationError": _Refusal(
        "subnetPoolID",
        f"the subnet pool has no room for a range of that size; {ANOTHER}, with a longer prefixLength or another pool, "
        "or have the pool made larger",
        _asks_for_size,
    ),
}
"""By Neutron's own type or words; the first that fits counts."""


def advice(items: Iterable[json_types.Subnet], there: Iterable[str], error: InfomaniakCloudError) -> str:
    """Which fields of which subnets a refusal is about, and what to do; empty where it is about no subnet pool.

    All new subnets are made in one request, and Neutron does not say which one it refuses: those that fit what it says
    are named.

    Args:
        items: ``spec.subnets``.
        there: the names of the subnets that are there already.
        error: the refusal.
    """
    said = f"{error.error_type or ''} {error.message}"
    refusal = next((each for words, each in _REFUSALS.items() if words in said), None)
    pooled = [each for each in items if each.get("subnetPoolID")]
    there = set(there)
    new = [each for each in pooled if each["name"] not in there] or pooled
    if refusal is None or not new:
        return ""
    meant = [each for each in new if refusal.fits(each, said)]
    if not meant and refusal.field == "prefixLength":  # the pool's own default, then
        meant = [each for each in new if "prefixLength" not in each]
    fields = [f"spec.subnets[{each['name']}].{refusal.field}" for each in meant or new]
    return f"{shown(fields)}: {refusal.text}"
