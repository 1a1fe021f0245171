"""The VIP's port: ours, made before the load balancer and deleted after it, so that the address outlives a recovery."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import Untyped
from infomaniak_operator.client import Category, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import LoadBalancerBody, PortBody
from infomaniak_operator.client.resources import FixedIP, LoadBalancer, Port
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic import duplicates
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Difference, address
from infomaniak_operator.reconcile.generic.outcomes import REFERENCES_RESOLVED, Ended, Outcome, again, stalled
from infomaniak_operator.reconcile.generic.owned import (
    Whose,
    by_id,
    clear_to_create,
    conflict,
    holder,
    whose,
    why_not_taken,
    with_named,
)
from infomaniak_operator.reconcile.generic.plan import Plan, Step, Warned, only
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.octavia.seen import SeenBalancer
from infomaniak_operator.reconcile.openstack.resource_types import PORTS
from infomaniak_operator.reconcile.ownership.marks import NoRoom, Standing, described, user_text

SLOT = "vip"
"""The child key of the port in marks and in the record of creates."""
MADE = "vip.port"
"""Among the fields that we have set: the port that status shows is one that we made. That of an import is not."""
_SUFFIX = "-vip"
_LONGEST_NAME = 255
"""Characters of a name in Neutron."""
_LONGEST_TEXT = 147
"""Characters of a description in Neutron that two marks leave."""
_LOOK_AGAIN = 30.0
"""Seconds between two looks for a subnet that no object here stands for."""
_OCTAVIA = "Octavia"
"""The ``device_owner`` of a port that Octavia made, and deletes, itself."""


class FurtherInputs(neutron_common.Spot, total=False):
    """A further address: where it is, and which it is to be."""

    address: str | None


class VipInputs(neutron_common.Spot, total=False):
    """What the VIP's references stand for.

    Attributes:
        additional: its further addresses.
        groups: the ids of its security groups.
    """

    additional: list[FurtherInputs]
    groups: list[str]


_SPEC = json_types.LOAD_BALANCER.spec
_STATUS = json_types.LOAD_BALANCER.status


def vip(of: Untyped) -> json_types.Vip:
    """What the spec says of the VIP; empty where that is nothing."""
    return _SPEC(of).get("vip") or {}


@dataclass(slots=True)
class _Remembered:
    """Of a LoadBalancer's VIP.

    Attributes:
        port: its port, until the load balancer is made.
        there: whether the last look has found the port; None before a look, and until its mark is there.
        octavias: whether Octavia makes the port, where we may not.
    """

    port: Port | None = None
    there: bool | None = None
    octavias: bool = False


def _remembered(facts: Facts) -> _Remembered:
    return facts.request.memory.of(_Remembered)


def references(resource: KubeObject) -> list[Key]:
    """The network and the security groups of the VIP."""
    item = vip(resource)
    refs = [item.get("networkRef"), *(each.get("networkRef") for each in item.get("additionalVips") or ())]
    found = [Key(neutron_common.NETWORK, resource.key.namespace, ref["name"]) for ref in refs if ref]
    return [*dict.fromkeys(found), *neutron_common.groups_referred_to(resource, item)]


def resolve(resource: KubeObject, view: CacheReader) -> VipInputs:
    """Network, subnet and security groups of the VIP, by id.

    Raises:
        Unresolved: one of them is not there yet.
    """
    item = _SPEC(resource).get("vip")
    if not item:
        return {}
    status = _STATUS(resource)
    known = [str(status["vipSubnetID"])] if status.get("vipSubnetID") else []
    found = cast("VipInputs", _spot(resource, view, item, "spec.vip", known))
    more = [str(each.get("subnetID")) for each in status.get("additionalVips") or ()]
    found["additional"] = [
        {**_spot(resource, view, each, f"spec.vip.additionalVips[{index}]", more), "address": each.get("address")}
        for index, each in enumerate(item.get("additionalVips") or ())
    ]
    groups = neutron_common.groups_of(resource, view, item, "spec.vip")
    if groups is not None:
        found["groups"] = groups
    return found


def _spot(
    resource: KubeObject,
    view: CacheReader,
    item: json_types.Vip | json_types.AdditionalVip,
    field: str,
    known: list[str],
) -> neutron_common.Spot:
    if item.get("networkRef") and (external := _external(resource, view, item, field)):
        return {"networkID": external}
    if item.get("networkRef"):
        return neutron_common.subnet_of(resource, view, item, field, known, address=item.get("address"))
    if item.get("subnetID"):
        return {"subnetID": str(item["subnetID"])}
    return {"networkID": str(cast("json_types.Vip", item)["networkID"])}  # a further one has one of the former


def _external(
    resource: KubeObject, view: CacheReader, item: json_types.Vip | json_types.AdditionalVip, field: str
) -> str | None:
    """The id of a network of others, of which no subnet is shown, as of an external one; None for any other."""
    key = Key(neutron_common.NETWORK, resource.key.namespace, item["networkRef"]["name"])
    network = neutron_common.ready_reference(resource, view, key, f"{field}.networkRef")
    status = json_types.INFOMANIAK_NETWORK.status(network)
    read = json_types.INFOMANIAK_NETWORK.spec(network).get("managementPolicy") == "Unmanaged"
    return str(status.get("id")) if read and not status.get("subnets") and "subnet" not in item else None


def _whose(facts: Facts, port: Port, *, inside: bool = False) -> Whose:
    """Whose a port is; one that has lost its mark is ours where status shows it, and shows that we made it."""
    recorded = _STATUS(facts).get("vipPortID") or _STATUS(facts.resource).get("vipPortID")
    ours = MADE in facts.recorded and port.get("device_owner") != _OCTAVIA
    found = whose(facts.owner, port, child=SLOT, inside=inside, recorded=(recorded,) if recorded and ours else ())
    if found in (Whose.FOREIGN, Whose.STRANGER) or (found is Whose.OURS and port["id"] == recorded):
        return found
    # As for a main object: what another living object shows as its own is that object's.
    return found if holder(facts, port, "vipPortID") is None else Whose.FOREIGN


def _found(facts: Facts, rows: Iterable[Port], *wanted: Whose) -> list[Port]:
    """The ports that are such: the one that status shows first, then those with our mark, the oldest first."""
    shown = _STATUS(facts).get("vipPortID") or _STATUS(facts.resource).get("vipPortID")
    standing = [(_whose(facts, row), row) for row in rows]
    found = [(wanted.index(each), row) for each, row in standing if each in wanted]
    found.sort(
        key=lambda each: (each[1]["id"] != shown, each[0], str(each[1].get("created_at", "")), str(each[1]["id"]))
    )
    return [row for _, row in found]


def _ours(facts: Facts, rows: Iterable[Port]) -> list[Port]:
    return _found(facts, rows, Whose.OURS, Whose.LOST)


def _listed(context: ReconcileContext) -> list[Port]:
    """The ports of the project, and the one that status names if that is there all the same."""
    shown = _STATUS(context).get("vipPortID") or _STATUS(context.resource).get("vipPortID")
    return with_named(context, PORTS, context.rows(PORTS), [str(shown)] if shown else ())


def _sure(facts: Facts, marked: list[Port]) -> list[Port] | Outcome:
    """Of the ports with the mark: the one that status names, and those on record; a copy is left alone.

    The only one is ours, too, unless there was another that is gone: status names it, or has forgotten it for that.
    The outcome is for where nothing tells which is ours, or whether one is.
    """
    named = _STATUS(facts).get("vipPortID")
    sure = [row for row in marked if row["id"] == named]
    sure += [row for row in marked if row["id"] != named and duplicates.on_record(facts, SLOT, row)]
    gone = (named or is_gone(facts)) and SLOT not in facts.creates.unknown
    if not sure and len(marked) == 1 and not gone:
        return marked
    if marked and not sure and not (gone and facts.resource.deleting):
        return duplicates.undecided("port", marked, named)
    return sure


def is_ours(facts: Facts, row: Port) -> bool:
    """Whether a port was made for the VIP of this object."""
    return _whose(facts, row).ours


def ensure(context: ReconcileContext, inputs: VipInputs) -> Port | Ended:
    """The VIP's port, made if there is none.

    Returns:
        The port; or how the reconcile ends: a create of it may still be under way, there is one of a former object that
        nobody said to take over, or there is no address to be had.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    known = _remembered(context).port
    if known is not None:
        return known
    rows = _listed(context)
    there = _sure_and_told(context, rows)
    if isinstance(there, Outcome):
        return there
    if there:
        return _known(context, _marked(context, there[0]), inputs)
    previous = _found(context, rows, Whose.PREVIOUS)
    named = _port_name(context.resource.key.name)
    if previous and (why := why_not_taken(context, previous[0], name=named)):
        return conflict(context, "port", previous[0], Standing.PREVIOUS, why)
    if len(previous) > 1:
        return duplicates.undecided("port", previous)
    if previous:
        return _known(context, _marked(context, previous[0]), inputs)

    def still_absent(not_before: float) -> bool:
        return not _ours(context, context.rows(PORTS, not_before))

    body = _body(context, inputs)
    if isinstance(body, Outcome):
        return body
    if too_early := clear_to_create(context, SLOT, still_absent, _APPEARED, body):
        return too_early
    return _known(context, _made(context, inputs, body), inputs)


def is_to_be_made(context: ReconcileContext) -> bool:
    """Whether there is no port that could be the VIP's.

    Raises:
        InfomaniakCloudError: the ports could not be listed.
    """
    if _remembered(context).port is not None:
        return False
    rows = _listed(context)
    return not _ours(context, rows) and not _found(context, rows, Whose.PREVIOUS)


_APPEARED = "the VIP's port has appeared in the cloud"


def _sure_and_told(context: ReconcileContext, rows: Iterable[Port]) -> list[Port] | Outcome:
    """Of the ports with our mark those that are ours; of the others it is said that they are copies."""
    marked = _ours(context, rows)
    sure = _sure(context, marked)
    if not isinstance(sure, Outcome):
        ids = {row["id"] for row in sure}
        # Where the only one is taken for ours, there is nothing to say.
        context.warn(duplicates.warnings("port", [row for row in marked if row["id"] not in ids]))
    return sure


def _marked(context: ReconcileContext, port: Port) -> Port:
    """The port with our mark: that of a former object, or one that has lost it, gets it before it is built on."""
    text = _description(context, port)
    if text == str(port.get("description") or ""):
        return port
    with context.changing():
        return context.cloud.do.ports.update(port["id"], {"description": text})


def _description(facts: Facts, port: Port) -> str:
    """What the description should be: a person's text stays. Where that leaves no room, status alone names the port."""
    now = str(port.get("description") or "")
    if facts.owner.is_described(now, user_text(now), SLOT):
        return now
    try:
        return _marked_text(facts, user_text(now))
    except NoRoom:
        return now


def _marked_text(facts: Facts, text: str) -> str:
    """A description of the port with both marks, or with one where there is no room for two.

    Raises:
        NoRoom: there is none for one.
    """
    new, old = facts.owner.both_marks(SLOT)
    whole = described(text, new)
    with contextlib.suppress(NoRoom):
        whole = described(whole, old)
    return whole


def _made(context: ReconcileContext, inputs: VipInputs, body: PortBody) -> Port:
    """Make the port, on the address that the load balancer had before if that is still to be had."""
    former = _STATUS(context).get("vipAddress")
    if _STATUS(context).pop("vipPortID", None):
        # Status forgets a port that is gone before the create is sent: who deletes finds no id, and reckons with it. It
        # keeps the address, which is asked for again.
        context.record()
    if former and not _SPEC(context)["vip"].get("address"):
        spots = list(body.get("fixed_ips") or ())
        spots = spots if inputs.get("subnetID") else [{}, *spots]
        try:
            return _create(context, {**body, "fixed_ips": [{**spots[0], "ip_address": former}, *spots[1:]]})
        except InfomaniakCloudError as error:
            if error.outcome_unknown or error.category is Category.QUOTA or error.status not in _NOT_THAT_ADDRESS:
                raise
    return _create(context, body)


_NOT_THAT_ADDRESS = (400, 403, 409)
"""How Neutron refuses an address: it lies outside, may not be chosen, or is somebody's."""


def _create(context: ReconcileContext, body: PortBody) -> Port:
    with context.creating(SLOT, bodies=[body]):
        row = context.cloud.do.ports.create(body)
    context.creates.answered(str(row["id"]))
    return row


def _known(context: ReconcileContext, row: Port, inputs: VipInputs) -> Port:
    memory = _remembered(context)
    memory.port, memory.there = row, True
    context.placed()
    status = _STATUS(context)
    status["vipPortID"] = row["id"]
    _note_made(context)
    spot = _main_spot(context, row, inputs)
    status["vipNetworkID"] = row["network_id"]
    if spot:
        status["vipAddress"] = spot["ip_address"]
        status["vipSubnetID"] = spot["subnet_id"]
    return row


def _note_made(context: ReconcileContext) -> None:
    context.status["appliedFields"] = sorted({*(context.status.get("appliedFields") or ()), MADE})


def applied(facts: Facts) -> list[str]:
    """The place of the port among the fields that we have set: where we made it, or are about to."""
    seen = facts.seen.of(SeenBalancer).vip_port
    if _remembered(facts).octavias or (seen and seen[0].get("device_owner") == _OCTAVIA):  # we were not allowed to
        return []
    known = MADE in facts.applied or MADE in (facts.status.get("appliedFields") or ())
    about_to = facts.id is None and not facts.imported and not _STATUS(facts).get("vipPortID")
    return [MADE] if known or about_to else []


def left_to_octavia(context: ReconcileContext) -> None:
    """Note that Octavia makes the port: the project may make none there."""
    _remembered(context).octavias = True
    context.placed()


def forget(context: ReconcileContext) -> None:
    """Drop what a create needs to know of the port: it may change from now on."""
    _remembered(context).port = None


def _body(context: ReconcileContext, inputs: VipInputs) -> PortBody | Outcome:
    network = inputs.get("networkID")
    if network is None:
        network = context.cloud.do.subnets.get(inputs["subnetID"])["network_id"]
    elif not inputs.get("subnetID") and not context.cloud.do.networks.get(network).get("subnets"):
        message = f"spec.vip.networkID: network {network} has no subnet that the VIP could be in: add one to it"
        return _no_address(context, message)
    address = _SPEC(context)["vip"].get("address")
    first = _place(inputs.get("subnetID"), address)
    more = [_place(each["subnetID"], each.get("address")) for each in inputs.get("additional") or ()]
    spots = [*([first] if first else []), *more]
    body: PortBody = {
        "name": _port_name(context.name),
        "description": _marked_text(context, f"VIP of load balancer {context.name}"[:_LONGEST_TEXT]),
        "project_id": context.cloud.project_id,
        "network_id": network,
    }
    if spots:
        body["fixed_ips"] = spots
    return body


def _place(subnet: str | None, address: str | None) -> FixedIP:
    """Where an address is to be, as far as that is said."""
    found: FixedIP = {}
    if subnet:
        found["subnet_id"] = subnet
    if address:
        found["ip_address"] = address
    return found


def _port_name(balancer: str) -> str:
    """What the port of a load balancer of that name is called."""
    return f"{balancer[: _LONGEST_NAME - len(_SUFFIX)]}{_SUFFIX}"


def _no_address(context: ReconcileContext, message: str) -> Outcome:
    """The outcome where there is no address to be had: no event tells of one, so it is looked for."""
    context.set_condition(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, message)
    return again(Reason.WAITING_FOR_REFERENCE, message, _LOOK_AGAIN)


def _main_spot(facts: Facts, port: Port, inputs: VipInputs) -> FixedIP | None:
    """Which of the port's addresses is the VIP: Neutron adds those of subnets that hand out addresses by themselves.

    It is the one that the spec names, else the one there was, else the one on the VIP's subnet, else the first.
    """
    spots = list(port.get("fixed_ips") or ())
    for wanted in (vip(facts).get("address"), _STATUS(facts).get("vipAddress")):
        for spot in spots:
            if wanted and address(spot["ip_address"]) == address(wanted):
                return spot
    here = [spot for spot in spots if spot["subnet_id"] == inputs.get("subnetID")]
    return next(iter([*here, *spots]), None)


def attributes(context: ReconcileContext, port: Port, inputs: VipInputs) -> LoadBalancerBody | Outcome:
    """What a load balancer is told of its VIP; or the outcome where the port has no address."""
    main = _main_spot(context, port, inputs)
    if main is None:
        forget(context)
        message = (
            f"spec.vip: port {port['id']} has no address, for its network has no subnet to take one from: give the "
            "network a subnet, and delete the port"
        )
        return _no_address(context, message)
    more = [each["subnetID"] for each in inputs.get("additional") or ()]
    further = [
        spot for spot in port["fixed_ips"] if spot["subnet_id"] in more and spot["subnet_id"] != main["subnet_id"]
    ]
    # The port alone is not enough where it has, or gets meanwhile, several addresses. A subnet given, too, would have
    # Octavia look it up with the caller's rights once more: a login and six calls of its own.
    found: LoadBalancerBody = {"vip_port_id": port["id"], "vip_address": main["ip_address"]}
    if further:
        found["additional_vips"] = [
            {"subnet_id": spot["subnet_id"], "ip_address": spot["ip_address"]} for spot in further
        ]
    if inputs.get("groups"):
        found["vip_sg_ids"] = list(inputs["groups"])
    return found


def fixed(facts: Facts, row: LoadBalancer, inputs: VipInputs) -> list[Difference]:
    """In what of the VIP that cannot be changed the load balancer differs from the spec.

    A subnet that the spec does not name is not compared: the one it is in stands.
    """
    item = vip(facts)
    where = "networkRef" if item.get("networkRef") else "networkID" if item.get("networkID") else "subnetID"
    wanted: list[tuple[str, str, str | None]] = [(where, "vip_network_id", inputs.get("networkID"))]
    if item.get("subnet") or item.get("subnetID"):
        wanted.append(("subnet" if item.get("subnet") else "subnetID", "vip_subnet_id", inputs.get("subnetID")))
    wanted.append(("address", "vip_address", item.get("address")))
    seen: Mapping[str, object] = row
    found = [
        Difference(f"vip.{name}", api, seen.get(api), value, mutable=False)
        for name, api, value in wanted
        if value and seen.get(api) and address(seen[api]) != address(value)
    ]
    there = {str(each.get("subnet_id")): address(each.get("ip_address")) for each in row.get("additional_vips") or ()}
    more = {str(each.get("subnetID")): each.get("address") for each in inputs.get("additional") or ()}
    other = [subnet for subnet, one in more.items() if one and there.get(subnet) != address(one)]
    if "additionalVips" in item and (set(there) != set(more) or other):
        found.append(Difference("vip.additionalVips", "additional_vips", sorted(there), sorted(more), mutable=False))
    return found


def look(context: ReconcileContext, balancer: LoadBalancer) -> None:
    """Look for the port of a load balancer that is there, for ``plan`` to know.

    The ports are listed where it may be gone: not while a change of the spec is carried out and followed up; the next
    resync looks.

    Raises:
        InfomaniakCloudError: it could not be asked for.
    """
    port_id = balancer.get("vip_port_id")
    if not port_id or not _to_be_looked_at(context):
        return
    port = by_id(context, PORTS, context.rows(PORTS), str(port_id))
    _remembered(context).there = port is not None
    context.seen.of(SeenBalancer).vip_port = [] if port is None else [port]
    if port is not None and _whose(context, port, inside=True) is Whose.OURS:
        _note_made(context)
    if plan(context, balancer).steps:
        _remembered(context).there = None  # looked at again until its mark is there


def plan(facts: Facts, balancer: LoadBalancer) -> Plan:
    """What is to be done about the port of a load balancer that is there: its mark is put back.

    A port that is gone is held back: it is said once all else is done.
    """
    seen = facts.seen.of(SeenBalancer).vip_port
    if seen is None:
        return Plan()
    if not seen:  # a port of others may be there, and not for us to see
        return Plan() if facts.imported else Plan(held_back=[_gone(balancer)])
    port = seen[0]
    if not _whose(facts, port, inside=True).ours:
        return Plan()
    now, wanted = str(port.get("description") or ""), _description(facts, port)
    if now == wanted:
        return Plan()
    differences = (Difference("mark", "description", now, wanted),)
    return only(
        [Step("update", f"port {port['id']} of the VIP", SLOT, port["id"], None, {"description": wanted}, differences)]
    )


def act(context: ReconcileContext, step: Step) -> None:
    """Carry out a step on the port: its mark put back or given up, or its deletion.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    ports = context.cloud.do.ports
    with context.changing():
        if step.verb == "delete":
            with contextlib.suppress(NotFoundError):
                ports.delete(step.id)
        else:
            ports.update(step.id, PORTS.body(step.body))


def hold(context: ReconcileContext, balancer: LoadBalancer) -> None:
    """Before a load balancer goes whose port status does not show yet: note which it is, by its mark and in status.

    Raises:
        Superseded, KubeError: it could not be written.
        InfomaniakCloudError: the service refused.
    """
    if _STATUS(context.resource).get("vipPortID") or not balancer.get("vip_port_id"):
        return
    look(context, balancer)
    for step in plan(context, balancer).steps:
        act(context, step)
    _STATUS(context)["vipPortID"] = balancer["vip_port_id"]
    context.record()


def is_gone(facts: Facts) -> bool:
    """Whether the last look has not found the port."""
    return _remembered(facts).there is False


def _to_be_looked_at(facts: Facts) -> bool:
    said = (facts.resource.condition("Ready") or {}).get("reason")
    edited = _STATUS(facts.resource).get("observedGeneration") != facts.resource.generation
    under_way = edited or said in (Reason.CREATING.value, Reason.UPDATING.value)
    return not (under_way and _remembered(facts).there)


def _gone(balancer: LoadBalancer) -> Outcome:
    message = (
        f"port {balancer['vip_port_id']} of the VIP {balancer.get('vip_address')} was deleted in the cloud by somebody "
        "else: Neutron may give the address to another port, no floating IP can lead to it, and Octavia takes no other "
        f"port for load balancer {balancer['id']}. Traffic may still pass, so nothing is deleted. To mend it, delete "
        f"the load balancer in the cloud (openstack loadbalancer delete --cascade {balancer['id']}): it is made again "
        "with all that is in it, on a new port, with the same address where that is still free. The cloud's support "
        "can give it a port by a failover, too"
    )
    return stalled(Reason.EXTERNALLY_DELETED, message)


def removal(context: ReconcileContext) -> Plan:
    """What deletes the port, once the load balancer is gone; its outcome where a create of it may still be under way.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    there = _sure_and_told(context, _listed(context))
    if isinstance(there, Outcome):
        return Plan(outcome=there)
    unsettled = SLOT in context.creates.unknown or (context.id is None and not _STATUS(context).get("vipPortID"))
    if not there and unsettled and not context.imported:

        def still_absent(not_before: float) -> bool:
            return not _ours(context, context.rows(PORTS, not_before))

        return Plan(outcome=clear_to_create(context, SLOT, still_absent, _APPEARED))
    # We make one. Another one with our mark is a copy of its text, unless the end of a create is unknown.
    going = there if SLOT in context.creates.unknown else there[:1]
    return Plan(
        steps=[Step("delete", f"port {row['id']} of the VIP", SLOT, row["id"]) for row in going],
        warnings=[
            Warned("LeftAlone", f"port {row['id']} has a copy of our mark and stays") for row in there[len(going) :]
        ],
    )


def releasing(context: ReconcileContext, balancer: LoadBalancer) -> list[Step]:
    """What gives up the mark of the port that the load balancer has; who takes that again looks for it at once."""
    _remembered(context).there = None
    port_id = balancer.get("vip_port_id")
    row = by_id(context, PORTS, context.rows(PORTS), str(port_id)) if port_id else None
    return _release(context, row) if row is not None else []


def releasing_left(context: ReconcileContext) -> Plan:
    """What gives up the mark of the port that is left of a load balancer which is gone.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    there = _sure_and_told(context, _listed(context))
    if isinstance(there, Outcome):
        return Plan(outcome=there)
    return only(step for row in there for step in _release(context, row))


def _release(context: ReconcileContext, row: Port) -> list[Step]:
    return neutron_common.release_steps(context, "port", row, child=SLOT, slot=SLOT)
