"""The VIP's port: ours, made before the load balancer and deleted after it, so that the address outlives a recovery."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from infomaniak_operator.client import Category, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import LoadBalancerBody, PortBody
from infomaniak_operator.client.resources import FixedIP, LoadBalancer, Port
from infomaniak_operator.engine.contract import Key, KubeObject, Progress, Reason, Stuck, View
from infomaniak_operator.reconcile import doubles, neutron
from infomaniak_operator.reconcile.actuator import Inputs, Step
from infomaniak_operator.reconcile.fields import Difference, address
from infomaniak_operator.reconcile.marks import NoRoom, Standing, described, user_text
from infomaniak_operator.reconcile.outcome import REFERENCES_RESOLVED, Stop
from infomaniak_operator.reconcile.ownership import (
    Whose,
    by_id,
    clear_to_create,
    conflict,
    holder,
    whose,
    why_not_taken,
)
from infomaniak_operator.reconcile.resourcetypes import PORTS
from infomaniak_operator.reconcile.visit import Visit

SLOT = "vip"
"""The child key of the port in marks and in the record of creates."""
MADE = "vip.port"
"""Among the fields that we have set: the port that status shows is one that we made. That of an import is not."""
_GROUP = "SecurityGroup"
_SUFFIX = "-vip"
_LONGEST_NAME = 255
"""Characters of a name in Neutron."""
_LONGEST_TEXT = 147
"""Characters of a description in Neutron that two marks leave."""
_LOOK_AGAIN = 30.0
"""Seconds between two looks for a subnet that no object here stands for."""
_LOOKED = "VIP's port was there"
"""In an object's memory, once this process has seen the port, or made it."""
_OCTAVIA = "Octavia"
"""The ``device_owner`` of a port that Octavia made, and deletes, itself."""


def references(resource: KubeObject) -> list[Key]:
    """The network and the security groups of the VIP."""
    item = resource.spec.get("vip") or {}
    spots = [item, *(item.get("additionalVips") or ())]
    found = [
        Key(neutron.NETWORK, resource.key.namespace, each["networkRef"]["name"])
        for each in spots
        if each.get("networkRef")
    ]
    groups = [Key(_GROUP, resource.key.namespace, ref["name"]) for ref in item.get("securityGroupRefs") or ()]
    return [*dict.fromkeys(found), *groups]


def resolve(resource: KubeObject, view: View) -> dict[str, Any]:
    """Network, subnet and security groups of the VIP, by id.

    Raises:
        Unresolved: one of them is not there yet.
    """
    item = resource.spec.get("vip")
    if not item:
        return {}
    status = resource.status
    known = [str(status["vipSubnetID"])] if status.get("vipSubnetID") else []
    found: dict[str, Any] = _spot(resource, view, item, "spec.vip", known)
    more = [str(each.get("subnetID")) for each in status.get("additionalVips") or ()]
    found["additional"] = [
        {**_spot(resource, view, each, f"spec.vip.additionalVips[{index}]", more), "address": each.get("address")}
        for index, each in enumerate(item.get("additionalVips") or ())
    ]
    if "securityGroupRefs" in item or "securityGroupIDs" in item:
        groups = [
            str(
                neutron.ready_reference(
                    resource,
                    view,
                    Key(_GROUP, resource.key.namespace, ref["name"]),
                    f"spec.vip.securityGroupRefs[{index}]",
                ).status["id"]
            )
            for index, ref in enumerate(item.get("securityGroupRefs") or ())
        ]
        found["groups"] = sorted({*groups, *map(str, item.get("securityGroupIDs") or ())})
    return found


def _spot(resource: KubeObject, view: View, item: Any, field: str, known: list[str]) -> dict[str, Any]:
    if item.get("networkRef"):
        return dict(neutron.subnet_of(resource, view, item, field, known))
    if item.get("subnetID"):
        return {"subnetID": str(item["subnetID"])}
    return {"networkID": str(item["networkID"])}


def _whose(visit: Visit, port: Port, *, inside: bool = False) -> Whose:
    """Whose a port is; one that has lost its mark is ours where status shows it, and shows that we made it."""
    recorded = visit.status.get("vipPortID") or visit.resource.status.get("vipPortID")
    ours = MADE in visit.recorded and port.get("device_owner") != _OCTAVIA
    found = whose(visit.owner, port, child=SLOT, inside=inside, recorded=(recorded,) if recorded and ours else ())
    if found in (Whose.FOREIGN, Whose.STRANGER) or (found is Whose.OURS and port["id"] == recorded):
        return found
    # As for a main object: what another living object shows as its own is that object's.
    return found if holder(visit, port, "vipPortID") is None else Whose.FOREIGN


def _found(visit: Visit, rows: Iterable[Port], *wanted: Whose) -> list[Port]:
    """The ports that are such: the one that status shows first, then those with our mark, the oldest first."""
    shown = visit.status.get("vipPortID") or visit.resource.status.get("vipPortID")
    standing = [(_whose(visit, row), row) for row in rows]
    found = [(wanted.index(each), row) for each, row in standing if each in wanted]
    found.sort(
        key=lambda each: (each[1]["id"] != shown, each[0], str(each[1].get("created_at", "")), str(each[1]["id"]))
    )
    return [row for _, row in found]


def _ours(visit: Visit, rows: Iterable[Port]) -> list[Port]:
    return _found(visit, rows, Whose.OURS, Whose.LOST)


def _sure(visit: Visit, marked: list[Port]) -> list[Port]:
    """Of the ports with the mark: the one that status names, and those on record; a copy is left alone.

    The only one is ours, too, unless there was another that is gone: status names it, or has forgotten it for that.

    Raises:
        Stop: nothing tells which is ours, or whether one is.
    """
    named = visit.status.get("vipPortID")
    sure = [row for row in marked if row["id"] == named]
    sure += [row for row in marked if row["id"] != named and doubles.on_record(visit, SLOT, row)]
    gone = (named or is_gone(visit)) and SLOT not in visit.creates.unknown
    if not sure and len(marked) == 1 and not gone:
        return marked
    if marked and not sure and not (gone and visit.resource.deleting):
        raise doubles.undecided("port", marked, named)
    doubles.warn(visit, "port", [row for row in marked if row not in sure])
    return sure


def is_ours(visit: Visit, row: Port) -> bool:
    """Whether a port was made for the VIP of this object."""
    return _whose(visit, row).ours


def ensure(visit: Visit, inputs: Inputs) -> Port:
    """The VIP's port, made if there is none.

    Raises:
        Stop: a create of it may still be under way, or there is one of a former object that nobody said to take over.
        InfomaniakCloudError: the service refused.
    """
    known: Port | None = visit.memory.get(SLOT)
    if known is not None:
        return known
    rows = visit.rows(PORTS)
    there = _sure(visit, _ours(visit, rows))
    if there:
        return _known(visit, _marked(visit, there[0]), inputs)
    previous = _found(visit, rows, Whose.PREVIOUS)
    named = _port_name(visit.resource.key.name)
    if previous and (why := why_not_taken(visit, previous[0], restore=visit.restore, name=named)):
        raise conflict(visit, "port", previous[0], Standing.PREVIOUS, why)
    if len(previous) > 1:
        raise doubles.undecided("port", previous)
    if previous:
        return _known(visit, _marked(visit, previous[0]), inputs)

    def still_absent(not_before: float) -> bool:
        return not _ours(visit, visit.rows(PORTS, not_before))

    body = _body(visit, inputs)
    if not clear_to_create(visit, SLOT, still_absent, body):
        raise visit.again(Reason.CREATING, "the VIP's port has appeared in the cloud", 0.0)
    return _known(visit, _made(visit, inputs, body), inputs)


def _marked(visit: Visit, port: Port) -> Port:
    """The port with our mark: that of a former object, or one that has lost it, gets it before it is built on."""
    text = _description(visit, port)
    if text == str(port.get("description") or ""):
        return port
    with visit.changing():
        return visit.cloud.do.ports.update(port["id"], {"description": text})


def _description(visit: Visit, port: Port) -> str:
    """What the description should be: a person's text stays. Where that leaves no room, status alone names the port."""
    now = str(port.get("description") or "")
    if visit.owner.is_described(now, user_text(now), SLOT):
        return now
    try:
        return _marked_text(visit, user_text(now))
    except NoRoom:
        return now


def _marked_text(visit: Visit, text: str) -> str:
    """A description of the port with both marks, or with one where there is no room for two.

    Raises:
        NoRoom: there is none for one.
    """
    new, old = visit.owner.both_marks(SLOT)
    whole = described(text, new)
    with contextlib.suppress(NoRoom):
        whole = described(whole, old)
    return whole


def _made(visit: Visit, inputs: Inputs, body: PortBody) -> Port:
    """Make the port, on the address that the load balancer had before if that is still to be had."""
    former = visit.status.get("vipAddress")
    if visit.status.pop("vipPortID", None):
        # Status forgets a port that is gone before the create is sent: who deletes finds no id, and reckons with it. It
        # keeps the address, which is asked for again.
        visit.record()
    if former and not visit.spec["vip"].get("address"):
        spots = list(body.get("fixed_ips") or ())
        spots = spots if inputs.get("subnetID") else [{}, *spots]
        try:
            return _create(visit, {**body, "fixed_ips": [{**spots[0], "ip_address": former}, *spots[1:]]})
        except InfomaniakCloudError as error:
            if error.outcome_unknown or error.category is Category.QUOTA or error.status not in _NOT_THAT_ADDRESS:
                raise
    return _create(visit, body)


_NOT_THAT_ADDRESS = (400, 403, 409)
"""How Neutron refuses an address: it lies outside, may not be chosen, or is somebody's."""


def _create(visit: Visit, body: PortBody) -> Port:
    with visit.creating(SLOT, bodies=[body]):
        row = visit.cloud.do.ports.create(body)
    visit.creates.answered(str(row["id"]))
    return row


def _known(visit: Visit, row: Port, inputs: Inputs) -> Port:
    visit.memory[SLOT] = row
    visit.memory[_LOOKED] = True
    visit.placed()
    visit.status["vipPortID"] = row["id"]
    _note_made(visit)
    spot = _main_spot(visit, row, inputs)
    visit.status["vipNetworkID"] = row["network_id"]
    if spot:
        visit.status["vipAddress"] = spot["ip_address"]
        visit.status["vipSubnetID"] = spot["subnet_id"]
    return row


def _note_made(visit: Visit) -> None:
    visit.status["appliedFields"] = sorted({*(visit.status.get("appliedFields") or ()), MADE})


def applied(visit: Visit) -> list[str]:
    """The place of the port among the fields that we have set: where we made it, or are about to."""
    known = MADE in visit.applied or MADE in (visit.status.get("appliedFields") or ())
    about_to = visit.id is None and not visit.imported and not visit.status.get("vipPortID")
    return [MADE] if known or about_to else []


def forget(visit: Visit) -> None:
    """Drop what a create needs to know of the port: it may change from now on."""
    visit.memory.pop(SLOT, None)


def _body(visit: Visit, inputs: Inputs) -> PortBody:
    network = inputs.get("networkID")
    if network is None:
        network = visit.cloud.do.subnets.get(inputs["subnetID"])["network_id"]
    elif not inputs.get("subnetID") and not visit.cloud.do.networks.get(network).get("subnets"):
        message = f"spec.vip.networkID: network {network} has no subnet that the VIP could be in: add one to it"
        raise _no_address(visit, message)
    address = visit.spec["vip"].get("address")
    first = _place(inputs.get("subnetID"), address)
    more = [_place(each["subnetID"], each.get("address")) for each in inputs.get("additional") or ()]
    spots = [*([first] if first else []), *more]
    body: PortBody = {
        "name": _port_name(visit.name),
        "description": _marked_text(visit, f"VIP of load balancer {visit.name}"[:_LONGEST_TEXT]),
        "project_id": visit.cloud.project_id,
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


def _no_address(visit: Visit, message: str) -> Stop:
    """The outcome where there is no address to be had: no event tells of one, so it is looked for."""
    visit.aspect(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, message)
    return visit.again(Reason.WAITING_FOR_REFERENCE, message, _LOOK_AGAIN)


def _main_spot(visit: Visit, port: Port, inputs: Inputs) -> FixedIP | None:
    """Which of the port's addresses is the VIP: Neutron adds those of subnets that hand out addresses by themselves.

    It is the one that the spec names, else the one there was, else the one on the VIP's subnet, else the first.
    """
    spots = list(port.get("fixed_ips") or ())
    for wanted in ((visit.spec.get("vip") or {}).get("address"), visit.status.get("vipAddress")):
        for spot in spots:
            if wanted and address(spot["ip_address"]) == address(wanted):
                return spot
    here = [spot for spot in spots if spot["subnet_id"] == inputs.get("subnetID")]
    return next(iter([*here, *spots]), None)


def attributes(visit: Visit, port: Port, inputs: Inputs) -> LoadBalancerBody:
    """What a load balancer is told of its VIP.

    Raises:
        Stop: the port has no address.
    """
    main = _main_spot(visit, port, inputs)
    if main is None:
        forget(visit)
        message = (
            f"spec.vip: port {port['id']} has no address, for its network has no subnet to take one from: give the "
            "network a subnet, and delete the port"
        )
        raise _no_address(visit, message)
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


def fixed(visit: Visit, row: LoadBalancer, inputs: Inputs) -> list[Difference]:
    """In what of the VIP that cannot be changed the load balancer differs from the spec.

    A subnet that the spec does not name is not compared: the one it is in stands.
    """
    item = visit.spec.get("vip") or {}
    where = next((name for name in ("networkRef", "networkID") if item.get(name)), "subnetID")
    wanted: list[tuple[str, str, Any]] = [(where, "vip_network_id", inputs.get("networkID"))]
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


def plan(visit: Visit, balancer: LoadBalancer) -> list[Step]:
    """What is to be done about the port of a load balancer that is there: its mark is put back.

    A port that is gone is said once all else is done, in ``visit.held_back``. The ports are listed where that may
    have happened: not while a change of the spec is carried out and followed up; the next resync looks.
    """
    port_id = balancer.get("vip_port_id")
    if not port_id or not _to_be_looked_at(visit):
        return []
    port = by_id(visit, PORTS, visit.rows(PORTS), str(port_id))
    visit.memory[_LOOKED] = port is not None
    if port is None:
        if not visit.imported:  # a port of others may be there, and not for us to see
            visit.held_back.append(_gone(balancer))
        return []
    found = _whose(visit, port, inside=True)
    if not found.ours:
        return []
    if found is Whose.OURS:
        _note_made(visit)
    now, wanted = str(port.get("description") or ""), _description(visit, port)
    if now == wanted:
        return []
    visit.memory.pop(_LOOKED)  # looked at again until its mark is there
    what, body = f"port {port_id} of the VIP", {"description": wanted}
    return [Step("update", what, SLOT, str(port_id), None, body, (Difference("mark", "description", now, wanted),))]


def act(visit: Visit, step: Step) -> None:
    """Carry out the step of ``plan``.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    with visit.changing():
        visit.cloud.do.ports.update(step.id, PORTS.body(step.body))


def hold(visit: Visit, balancer: LoadBalancer) -> None:
    """Before a load balancer goes whose port status does not show yet: note which it is, by its mark and in status.

    Raises:
        Superseded, KubeError: it could not be written.
        InfomaniakCloudError: the service refused.
    """
    if visit.resource.status.get("vipPortID") or not balancer.get("vip_port_id"):
        return
    for step in plan(visit, balancer):
        act(visit, step)
    visit.held_back.clear()
    visit.status["vipPortID"] = balancer["vip_port_id"]
    visit.record()


def is_gone(visit: Visit) -> bool:
    """Whether the last look has not found the port."""
    return visit.memory.get(_LOOKED) is False


def _to_be_looked_at(visit: Visit) -> bool:
    said = (visit.resource.condition("Ready") or {}).get("reason")
    edited = visit.resource.status.get("observedGeneration") != visit.resource.generation
    under_way = edited or said in (Reason.CREATING.value, Reason.UPDATING.value)
    return not (under_way and visit.memory.get(_LOOKED))


def _gone(balancer: LoadBalancer) -> Stop:
    message = (
        f"port {balancer['vip_port_id']} of the VIP {balancer.get('vip_address')} was deleted in the cloud by somebody "
        "else: Neutron may give the address to another port, no floating IP can lead to it, and Octavia takes no other "
        f"port for load balancer {balancer['id']}. Traffic may still pass, so nothing is deleted. To mend it, delete "
        f"the load balancer in the cloud (openstack loadbalancer delete --cascade {balancer['id']}): it is made again "
        "with all that is in it, on a new port, with the same address where that is still free. The cloud's support "
        "can give it a port by a failover, too"
    )
    return Stop(Reason.EXTERNALLY_DELETED, message, Stuck(), Progress.STALLED)


def remove(visit: Visit) -> None:
    """Delete the port, once the load balancer is gone.

    Raises:
        Stop: a create of it may still be under way.
        InfomaniakCloudError: the service refused.
    """
    there = _sure(visit, _ours(visit, visit.rows(PORTS)))
    unsettled = SLOT in visit.creates.unknown or (visit.id is None and not visit.status.get("vipPortID"))
    if not there and unsettled and not visit.imported:

        def still_absent(not_before: float) -> bool:
            return not _ours(visit, visit.rows(PORTS, not_before))

        if not clear_to_create(visit, SLOT, still_absent):
            raise visit.again(Reason.DELETING, "the VIP's port has appeared in the cloud", 0.0)
    for row in there:
        if row is not there[0] and SLOT not in visit.creates.unknown:
            # We make one. Another one with our mark is a copy of its text, unless the end of a create is unknown.
            visit.attempt.event("LeftAlone", f"port {row['id']} has a copy of our mark and stays", warning=True)
            continue
        try:
            with visit.changing():
                visit.cloud.do.ports.delete(row["id"])
        except NotFoundError:
            continue


def release(visit: Visit, balancer: LoadBalancer) -> None:
    """Release the mark of the port that the load balancer has; who takes that again looks for it at once."""
    visit.memory.pop(_LOOKED, None)
    for row in visit.rows(PORTS):
        if row["id"] == balancer.get("vip_port_id"):
            neutron.release_row(visit, PORTS, row, child=SLOT)
