"""Port: a port in Neutron, with its addresses, its security groups and its MAC.

The project's list of ports has many that are nobody's Port: those of routers, of VIPs, of servers. Whose one is, the
mark says. One that something uses (a server, a router, a load balancer) is never deleted while it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypedDict

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_types import POOL, PORT, PortSpecField, PortStatus
from infomaniak_operator.client import InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import PortBody
from infomaniak_operator.client.resources import AddressPair, FixedIP
from infomaniak_operator.client.resources import Port as PortRow
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason, WaitingFor
from infomaniak_operator.reconcile.generic import misnamed
from infomaniak_operator.reconcile.generic.actuator import Dependency
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import (
    Difference,
    Field,
    address,
    body_of,
    changes,
    unordered,
)
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome, again, named
from infomaniak_operator.reconcile.generic.owned import by_id, is_adopted
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import fixed_ips, neutron_common
from infomaniak_operator.reconcile.neutron.neutron_common import ADDRESS_TAKEN
from infomaniak_operator.reconcile.openstack.resource_types import FLOATING_IPS, NETWORKS, PORTS, SECURITY_GROUPS

FIELDS: tuple[Field[PortSpecField], ...] = (neutron_common.ADMIN_STATE, neutron_common.QOS_POLICY)
_ADDRESSES: Final = "fixedIPs"
_GROUPS = "securityGroups"
"""The place of both lists of security groups among the fields that we have set."""
_PAIRS: Final = "allowedAddressPairs"
_SECURITY: Final = "portSecurityEnabled"
_MAC_TAKEN = "MacAddressInUse"
_DEFAULT_GROUP = "default"
"""The name of the group that every project has from the start, and that no other one can have."""
_NOT_FOUND = 404
_NO_POLICY = "QosPolicyNotFound"
_LOOK_AGAIN = 30.0
"""Seconds between two looks at what no event tells of: what uses the port, or what it is to be made in."""


class PortInputs(TypedDict, total=False):
    """What a Port's references stand for.

    Attributes:
        networkID: its network.
        fixedIPs: where its addresses are to be.
        groups: the ids of its security groups.
    """

    networkID: str
    fixedIPs: list[FixedIP]
    groups: list[str]


class _Defaults(TypedDict, total=False):
    """What a new port would get, as far as that was looked up: whether it is protected, and its security groups."""

    security: bool
    groups: list[str]


@dataclass(slots=True)
class _Remembered:
    """Of a Port.

    Attributes:
        defaults: what the service gives a new port of its network and project, as looked up for the last plan.
    """

    defaults: _Defaults = field(default_factory=_Defaults)


class PortActuator(neutron_common.NeutronActuator[PortRow, PortBody, PortInputs]):
    """Knows how a Port becomes a port."""

    kind = "Port"
    collection = PORTS
    noun = "port"
    quota = "port"
    ready_states = ("ACTIVE", "DOWN", "N/A", None)
    """One that nothing uses is DOWN."""
    fields = FIELDS
    lists = ("description", "tags", _ADDRESSES, _PAIRS, _SECURITY)
    depends_on = frozenset(
        {Dependency(neutron_common.NETWORK, keeps=True), Dependency(neutron_common.GROUP, keeps=True)}
    )

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """Its network and its security groups."""
        spec = PORT.spec(resource)
        ref = spec.get("networkRef")
        network = [Key(neutron_common.NETWORK, resource.key.namespace, ref["name"])] if ref else []
        return [*network, *neutron_common.groups_referred_to(resource, spec)]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> PortInputs:
        """The ids of the network, of the subnets of its addresses, and of its security groups.

        Raises:
            Unresolved: one of them is not there yet.
        """
        spec = PORT.spec(resource)
        found: PortInputs = {}
        ref = spec.get("networkRef")
        if ref:
            key = Key(neutron_common.NETWORK, resource.key.namespace, ref["name"])
            network = neutron_common.ready_reference(resource, view, key, "spec.networkRef")
            found["networkID"] = str(json_types.ANY.status(network).get("id"))
        elif spec.get("networkID"):
            found["networkID"] = str(spec["networkID"])
        if _ADDRESSES in spec:
            found[_ADDRESSES] = [
                _place(resource, view, item, f"spec.{_ADDRESSES}[{index}]")
                for index, item in enumerate(spec[_ADDRESSES] or ())
            ]
        groups = neutron_common.groups_of(resource, view, spec, "spec")
        if groups is not None:
            found["groups"] = groups
        return found

    @override
    def body(self, facts: Facts, inputs: PortInputs) -> PortBody:
        """The attributes of the port's create. Not its tags: Neutron lets them fall."""
        spec = PORT.spec(facts)
        attributes: dict[str, object] = {"network_id": inputs["networkID"], **body_of(FIELDS, spec)}
        if "macAddress" in spec:
            attributes["mac_address"] = spec["macAddress"]
        if _SECURITY in spec:
            attributes["port_security_enabled"] = spec[_SECURITY]
        if _ADDRESSES in inputs:
            attributes["fixed_ips"] = list(inputs[_ADDRESSES])
        if "groups" in inputs:
            attributes["security_groups"] = list(inputs["groups"])
        if _PAIRS in spec:
            attributes["allowed_address_pairs"] = _pairs(spec[_PAIRS])
        return neutron_common.creation(facts, PORTS, attributes)

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """What is named by its id and is not there may come; no event tells of it."""
        if error.status != _NOT_FOUND or error.error_type == _NO_POLICY:
            return None
        wrong = misnamed.leading_nowhere(context.resource, error)
        where = f"{misnamed.places(context.resource, wrong)}: " if wrong else ""
        message = f"{where}what the port is to have is not there: {error}"
        return again(Reason.WAITING_FOR_REFERENCE, message, _LOOK_AGAIN)

    @override
    def act(self, context: ReconcileContext, row: PortRow, steps: Sequence[Step]) -> PortRow | Ended:
        """Carry out the steps; what a change names by its id may come as well as what a new port does."""
        try:
            return super().act(context, row, steps)
        except NotFoundError as error:
            known = self.refused(context, error) if misnamed.leading_nowhere(context.resource, error) else None
            if known is None:
                raise
            return replace(known, keep_ready=True)

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """Who has the address, or the MAC, that this one asks for."""
        view, me = context.request.view, context.resource
        if error.error_type == ADDRESS_TAKEN:
            wanted = [item["address"] for item in PORT.spec(context).get(_ADDRESSES) or () if item.get("address")]
            return neutron_common.having_address(me, view, wanted)
        mac = PORT.spec(context).get("macAddress")
        if not mac or error.error_type != _MAC_TAKEN:
            return []
        others = (each for each in view.objects(self.kind) if each.uid != me.uid)
        return [each for each in others if PORT.status(each).get("macAddress") == mac]

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets."""
        groups = [_GROUPS] if neutron_common.names_groups(PORT.spec(facts)) else []
        return [*super().applied(facts), *groups]

    @override
    def observe(self, context: ReconcileContext, row: PortRow, inputs: PortInputs, *, new: bool) -> None:
        """The port itself, and what a new one of its network would get."""
        self._show(context, row)
        context.request.memory.of(_Remembered).defaults = _defaults(context, row)

    @override
    def plan(self, facts: Facts, row: PortRow, inputs: PortInputs) -> Plan:
        """The port itself, and its tags."""
        found = neutron_common.main_differences(facts, row, FIELDS)
        found += _addresses(row, inputs)
        found += _protection(facts, row, inputs)
        fixed = _fixed(facts, row, inputs)
        adopted = is_adopted(facts, row)
        found += fixed if adopted else []
        steps = neutron_common.tags_step(facts, row, self.noun)
        if found:
            body = changes(found)
            step = Step("update", f"port {row['id']}", "", row["id"], row.get("revision_number"), body, tuple(found))
            steps.insert(0, step)
        return Plan(steps=steps, fixed=[] if adopted else fixed)

    @override
    def report(self, context: ReconcileContext, row: PortRow, inputs: PortInputs) -> str:
        """What is seen of the port."""
        self._show(context, row)
        there = ", ".join(str(each["address"]) for each in PORT.status(context).get(_ADDRESSES) or ())
        return f"port {row['id']} with {there or 'no address'}"

    @staticmethod
    def _show(context: ReconcileContext, row: PortRow) -> None:
        seen: PortStatus = {
            "networkID": row.get("network_id"),
            "macAddress": row.get("mac_address"),
            _ADDRESSES: fixed_ips.reported(row),
            "securityGroupIDs": sorted(row.get("security_groups") or ()),
            "qosPolicyID": row.get("qos_policy_id"),
            "deviceID": row.get("device_id") or None,
            "deviceOwner": row.get("device_owner") or None,
            "cloudStatus": row.get("status"),
        }
        status = PORT.status(context)
        status.update(seen)
        context.status = neutron_common.without_empty(status)

    @override
    def holds(self, context: ReconcileContext, row: PortRow) -> str:
        """What uses it, and addresses that lead to it."""
        used = _user(row)
        if used:
            return f"{used} uses it"
        after = context.request.clock.monotonic()
        led = any(each.get("port_id") == row["id"] for each in context.rows(FLOATING_IPS, after))
        return "a floating IP leads to it" if led else ""

    @override
    def removal(self, context: ReconcileContext, row: PortRow) -> Plan:
        """Delete the port. Floating IPs that lead to it stay, and lead nowhere then.

        The revision is tested, so that what has come to use it since we looked keeps it. It stays while something uses
        it, or while it is a member of a pool.
        """
        pools = _serving(context, row)
        if pools:
            names = ", ".join(named(each, context.resource) for each in pools)
            message = f"port {row['id']} is a member of {names} still: it goes when that has taken it out"
            return Plan(outcome=Outcome(Reason.IN_USE, message, WaitingFor(frozenset(each.key for each in pools))))
        used = _user(row)
        if used:
            self._show(context, row)
            message = f"port {row['id']} is used by {used}: it goes when that lets go of it"
            return Plan(outcome=again(Reason.IN_USE, message, _LOOK_AGAIN))
        return only([neutron_common.deletion(self.noun, row)])


def _place(resource: KubeObject, view: CacheReader, item: json_types.FixedIP, field: str) -> FixedIP:
    """Where an address is to be, as far as the spec says.

    Raises:
        Unresolved: the subnet is not there yet.
    """
    found: FixedIP = {}
    if item.get("subnet"):
        choice: json_types.AdditionalVip = {"networkRef": PORT.spec(resource)["networkRef"], "subnet": item["subnet"]}
        found["subnet_id"] = neutron_common.subnet_of(resource, view, choice, field, address=None)["subnetID"]
    elif item.get("subnetID"):
        found["subnet_id"] = str(item["subnetID"])
    if item.get("address"):
        found["ip_address"] = str(address(item["address"]))
    return found


def _pairs(items: Iterable[json_types.AddressPair] | None) -> list[AddressPair]:
    """Allowed address pairs as Neutron takes them."""
    found: list[AddressPair] = []
    for item in items or ():
        pair: AddressPair = {"ip_address": str(address(item["address"]))}
        if item.get("mac"):
            pair["mac_address"] = item["mac"]
        found.append(pair)
    return found


def _filled(pairs: Iterable[AddressPair], mac: str) -> list[tuple[str, str]]:
    """Address and MAC of each pair, in one spelling and order: Neutron fills in the port's own MAC."""
    return sorted((str(address(each["ip_address"])), (each.get("mac_address") or mac).lower()) for each in pairs)


def _defaults(context: ReconcileContext, row: PortRow) -> _Defaults:
    """What a new port would get of its network and its project; looked up only where that may be needed.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    spec = PORT.spec(context)
    found: _Defaults = {}
    if _SECURITY not in spec and _SECURITY in context.applied:
        network = by_id(context, NETWORKS, context.rows(NETWORKS), row["network_id"])
        found["security"] = network.get("port_security_enabled", True) if network is not None else True
    wanted = spec.get(_SECURITY, found.get("security"))
    bare = not row.get("security_groups") and row.get("port_security_enabled") is False and wanted
    if not neutron_common.names_groups(spec) and (_GROUPS in context.applied or bare):
        project = context.cloud.project_id
        rows = context.rows(SECURITY_GROUPS)
        groups = [
            each["id"] for each in rows if each.get("name") == _DEFAULT_GROUP and each.get("project_id") == project
        ]
        if groups:  # every project has it: a list without it tells nothing, and the port keeps what it has
            found["groups"] = groups
    return found


def _addresses(row: PortRow, inputs: PortInputs) -> list[Difference]:
    if _ADDRESSES not in inputs:
        return []  # taken out of the spec: what there is stays, for there is no default to ask for
    wanted = fixed_ips.changed(inputs[_ADDRESSES], row)
    if wanted is None:
        return []
    now = [each.get("ip_address") for each in row.get("fixed_ips") or ()]
    return [Difference(_ADDRESSES, "fixed_ips", now, wanted)]


def _protection(facts: Facts, row: PortRow, inputs: PortInputs) -> list[Difference]:
    """Port security, and the groups and pairs that cannot be had without."""
    defaults = facts.request.memory.of(_Remembered).defaults
    spec, found = PORT.spec(facts), []
    now = row.get("port_security_enabled")
    security = spec.get(_SECURITY, defaults.get("security", now))
    if security != now:
        found.append(Difference(_SECURITY, "port_security_enabled", now, security))
    # Neutron refuses to switch it off while there are groups or pairs, and gives none when it is switched on again.
    off, on = now is not False and security is False, now is False and security is not False
    mac = str(row.get("mac_address") or "")
    groups, there = _groups_wanted(facts, inputs, defaults, off=off, on=on), list(row.get("security_groups") or ())
    if security is False and not neutron_common.names_groups(spec):
        groups = [] if groups is not None else None
    if groups is not None and unordered(groups) != unordered(there):
        found.append(Difference(_GROUPS, "security_groups", there, groups))
    pairs, has = _pairs_wanted(facts, off=off), list(row.get("allowed_address_pairs") or ())
    if pairs is not None and _filled(pairs, mac) != _filled(has, mac):
        found.append(Difference(_PAIRS, "allowed_address_pairs", has, pairs))
    return found


def _groups_wanted(
    facts: Facts, inputs: PortInputs, defaults: _Defaults, *, off: bool, on: bool
) -> Sequence[str] | None:
    """The security groups to have; None where they are not managed."""
    if "groups" in inputs:
        return list(inputs["groups"])
    if off:
        return []
    return defaults.get("groups") if on or _GROUPS in facts.applied else None


def _pairs_wanted(facts: Facts, *, off: bool) -> list[AddressPair] | None:
    """The address pairs to have; None where they are not managed."""
    spec = PORT.spec(facts)
    if _PAIRS in spec:
        return _pairs(spec[_PAIRS])
    return [] if off or _PAIRS in facts.applied else None


def _fixed(facts: Facts, row: PortRow, inputs: PortInputs) -> list[Difference]:
    """What of a port cannot be changed: its network, and its MAC."""
    spec = PORT.spec(facts)
    network = "networkRef" if spec.get("networkRef") else "networkID"
    fixed = (
        (network, "network_id", row.get("network_id"), inputs.get("networkID")),
        ("macAddress", "mac_address", row.get("mac_address"), spec.get("macAddress")),
    )
    return [
        Difference(field, api, now, wanted, mutable=False)
        for field, api, now, wanted in fixed
        if wanted not in (None, now)
    ]


def _serving(context: ReconcileContext, row: PortRow) -> list[KubeObject]:
    """The Pools that no longer refer to the port, and whose member it was when they last looked.

    Traffic would go to whoever gets its address next. A member that a Pool lists by its address is none of the port's.
    """
    mine = {(address(each.get("ip_address")), each.get("subnet_id")) for each in row.get("fixed_ips") or ()}
    found = []
    for each in context.request.view.objects("Pool", context.resource.key.namespace):
        spec, status = POOL.spec(each), POOL.status(each)
        listed = {address(item.get("address")) for item in spec.get("members") or ()}
        there = {(address(one.get("address")), one.get("subnetID")) for one in status.get("members") or ()}
        by_port = "portMembers" in (status.get("appliedFields") or ())
        if by_port and any(host not in listed for host, _ in mine & there):
            found.append(each)
    return found


def _user(row: PortRow) -> str:
    """What uses a port, for people; empty where nothing does."""
    return " ".join(each for each in (row.get("device_owner"), row.get("device_id")) if each)
