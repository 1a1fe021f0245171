"""A router's own addresses in its external network, where the spec names them. Pure.

What the spec names is all there is to be of an IP version. Those of the other version are the cloud's, and stay: they
are sent along, for Neutron takes away what a PUT does not list.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from infomaniak_operator.api.json_types import FLOATING_IP, ROUTER
from infomaniak_operator.client.resources import ExternalGateway, FixedIP
from infomaniak_operator.controller.interfaces import CacheReader, KubeObject
from infomaniak_operator.reconcile.generic.fields import address

FIELD = "external_fixed_ips"


def _version(fixed: FixedIP) -> int | None:
    try:
        return ipaddress.ip_address(str(fixed.get("ip_address"))).version
    except ValueError:
        return None


def _hosts(fixed: Iterable[FixedIP]) -> set[object]:
    return {address(each.get("ip_address")) for each in fixed}


def same(now: ExternalGateway, wanted: ExternalGateway) -> bool:
    """Whether a gateway is as it is wanted, in all that is wanted of it."""
    if any(now.get(name) != value for name, value in wanted.items() if name != FIELD):
        return False
    if "external_fixed_ips" not in wanted:
        return True
    named = wanted["external_fixed_ips"]
    versions = {_version(each) for each in named}
    return _hosts(each for each in now.get("external_fixed_ips") or () if _version(each) in versions) == _hosts(named)


def with_others(now: ExternalGateway, wanted: ExternalGateway) -> ExternalGateway:
    """What is wanted of a gateway, with the addresses it has of the IP version that the spec names none of.

    SNAT that somebody has switched off stays off: a PUT that does not name it sets it to the cloud's default.
    """
    if "external_fixed_ips" not in wanted or now.get("network_id") != wanted.get("network_id"):
        return wanted
    named = wanted["external_fixed_ips"]
    versions = {_version(each) for each in named}
    others = [each for each in now.get("external_fixed_ips") or () if _version(each) not in versions]
    full = wanted.copy()
    full["external_fixed_ips"] = [*named, *others]
    if "enable_snat" not in wanted and now.get("enable_snat") is False:
        full["enable_snat"] = False
    return full


def shown(now: ExternalGateway | None, wanted: ExternalGateway) -> object:
    """What a person reads of the gateway that there is: the network, and the addresses where it is they that differ."""
    if now is None:
        return None
    return _addresses(now) if _addresses_differ(now, wanted) else now.get("network_id")


def shown_wanted(now: ExternalGateway, wanted: ExternalGateway) -> object:
    """What a person reads of the gateway as it is to be: the addresses where it is they that differ."""
    return _addresses(wanted) if _addresses_differ(now, wanted) else wanted


def _addresses(gateway: ExternalGateway) -> str:
    return ", ".join(sorted(str(each) for each in _hosts(gateway.get("external_fixed_ips") or ())))


def _addresses_differ(now: ExternalGateway, wanted: ExternalGateway) -> bool:
    """Whether the addresses differ, and nothing else does."""
    rest = {name: value for name, value in wanted.items() if name != FIELD}
    return all(now.get(name) == value for name, value in rest.items()) and not same(now, wanted)


def named_in(said: str, addresses: Iterable[str]) -> list[str]:
    """Which of these addresses the words of a refusal are about."""
    words = {address(word.strip(".,:;'\"")) for word in re.split(r"\s+", said)}
    return [each for each in addresses if address(each) in words]


def having(me: KubeObject, view: CacheReader, addresses: Iterable[str]) -> list[KubeObject]:
    """The other objects of this cluster that have one of these addresses outside, as their statuses show it."""
    wanted = {address(each) for each in addresses}
    routers = [
        each
        for each in view.objects("Router")
        if each.uid != me.uid and wanted & {address(one) for one in ROUTER.status(each).get("externalAddresses") or ()}
    ]
    return routers + [
        each for each in view.objects("FloatingIP") if address(FLOATING_IP.status(each).get("address")) in wanted
    ]
