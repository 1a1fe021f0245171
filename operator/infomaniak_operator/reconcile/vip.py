"""The VIP's port: ours, made before the load balancer and deleted after it, so that the address outlives a recovery."""

from __future__ import annotations

from typing import Any

from infomaniak_operator.client import NotFoundError
from infomaniak_operator.engine.contract import Key, KubeObject, Reason, View
from infomaniak_operator.reconcile import doubles, neutron
from infomaniak_operator.reconcile.actuator import Inputs, Row
from infomaniak_operator.reconcile.marks import Standing, described
from infomaniak_operator.reconcile.ownership import clear_to_create, mark_of
from infomaniak_operator.reconcile.snapshots import Rows
from infomaniak_operator.reconcile.visit import Visit

SLOT = "vip"
"""The child key of the port in marks and in the record of creates."""
_GROUP = "SecurityGroup"


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
    found: dict[str, Any] = _spot(resource, view, item, "spec.vip")
    found["additional"] = [
        {**_spot(resource, view, each, f"spec.vip.additionalVips[{index}]"), "address": each.get("address")}
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


def _spot(resource: KubeObject, view: View, item: Any, field: str) -> dict[str, Any]:
    if item.get("networkRef"):
        return neutron.subnet_of(resource, view, item, field)
    if item.get("subnetID"):
        return {"subnetID": str(item["subnetID"])}
    return {"networkID": str(item["networkID"])}


def _ours(visit: Visit, rows: Rows) -> list[Row]:
    """The ports that carry the mark of this object's VIP, oldest first; also of one of its name that is no more."""
    child = visit.owner.mark(SLOT).child
    found = []
    for row in rows:
        mark = mark_of(row)
        standing = visit.owner.standing(mark)
        if mark is not None and mark.child == child and standing in (Standing.OURS, Standing.PREVIOUS):
            found.append(row)
    return sorted(found, key=lambda row: (str(row.get("created_at", "")), str(row["id"])))


def _sure(visit: Visit, marked: list[Row]) -> list[Row]:
    """Of several ports with the mark: the one that status names, and those on record; a copy is left alone.

    Raises:
        Stop: nothing tells which is ours.
    """
    if len(marked) < 2:  # noqa: PLR2004 - one is no double
        return marked
    named = visit.status.get("vipPortID")
    sure = [row for row in marked if row["id"] == named]
    sure += [row for row in marked if row["id"] != named and doubles.on_record(visit, SLOT, row)]
    if not sure:
        raise doubles.undecided(visit, "port", marked)
    doubles.warn(visit, "port", [row for row in marked if row not in sure])
    return sure


def is_ours(visit: Visit, row: Row) -> bool:
    """Whether a port was made for the VIP of this object."""
    mark = mark_of(row)
    ours = mark is not None and visit.owner.standing(mark) is Standing.OURS
    return ours and mark is not None and mark.child == visit.owner.mark(SLOT).child


def ensure(visit: Visit, inputs: Inputs) -> Row:
    """The VIP's port, made if there is none.

    Raises:
        Stop: a create of it may still be under way.
        InfomaniakCloudError: the service refused.
    """
    known: Row | None = visit.memory.get(SLOT)
    if known is not None:
        return known
    there = _sure(visit, _ours(visit, visit.rows("ports")))
    if there:
        return _known(visit, there[0])

    def still_absent(not_before: float) -> bool:
        return not _ours(visit, visit.rows("ports", not_before))

    body = _body(visit, inputs)
    if not clear_to_create(visit, SLOT, still_absent, body):
        raise visit.again(Reason.CREATING, "the VIP's port has appeared in the cloud", 0.0)
    if visit.status.pop("vipPortID", None):
        # Status forgets a port that is gone before the create is sent: who deletes finds no id, and reckons with it.
        visit.status.pop("vipAddress", None)
        visit.record()
    with visit.creating(SLOT, bodies=[body]):
        row = visit.cloud.do.ports.create(body)
    visit.creates.answered(str(row["id"]))
    return _known(visit, row)


def _known(visit: Visit, row: Row) -> Row:
    visit.memory[SLOT] = row
    visit.placed()
    visit.status["vipPortID"] = row["id"]
    addresses = row.get("fixed_ips") or ()
    if addresses:
        visit.status["vipAddress"] = addresses[0]["ip_address"]
    return row


def _body(visit: Visit, inputs: Inputs) -> dict[str, Any]:
    network = inputs.get("networkID")
    if network is None:
        network = visit.cloud.do.subnets.get(inputs["subnetID"])["network_id"]
    address = visit.spec["vip"].get("address")
    first = {
        **({"subnet_id": inputs["subnetID"]} if inputs.get("subnetID") else {}),
        **({"ip_address": address} if address else {}),
    }
    more = [
        {"subnet_id": each["subnetID"], **({"ip_address": each["address"]} if each.get("address") else {})}
        for each in inputs.get("additional") or ()
    ]
    spots = [*([first] if first else []), *more]
    return {
        "name": f"{visit.name}-vip",
        "description": described(f"VIP of load balancer {visit.name}"[:150], visit.owner.mark(SLOT)),
        "project_id": visit.cloud.project_id,
        "network_id": network,
        **({"fixed_ips": spots} if spots else {}),
    }


def attributes(port: Row, inputs: Inputs) -> dict[str, Any]:
    """What a load balancer is told of its VIP."""
    spots = list(port["fixed_ips"])
    subnet = inputs.get("subnetID")
    main = next((spot for spot in spots if spot["subnet_id"] == subnet), spots[0])
    more = [each["subnetID"] for each in inputs.get("additional") or ()]
    further = [spot for spot in spots if spot is not main and spot["subnet_id"] in more]
    # A subnet given, too, has Octavia look it up with the caller's rights once more: a login and six calls of its own.
    found: dict[str, Any] = {
        "vip_port_id": port["id"],
        **({"vip_address": main["ip_address"]} if len(spots) > 1 else {}),
    }
    if further:
        found["additional_vips"] = [
            {"subnet_id": spot["subnet_id"], "ip_address": spot["ip_address"]} for spot in further
        ]
    if inputs.get("groups"):
        found["vip_sg_ids"] = list(inputs["groups"])
    return found


def remove(visit: Visit) -> None:
    """Delete the port, once the load balancer is gone.

    Raises:
        Stop: a create of it may still be under way.
        InfomaniakCloudError: the service refused.
    """
    there = _sure(visit, _ours(visit, visit.rows("ports")))
    unsettled = SLOT in visit.creates.unknown or (visit.id is None and not visit.status.get("vipPortID"))
    if not there and unsettled:

        def still_absent(not_before: float) -> bool:
            return not _ours(visit, visit.rows("ports", not_before))

        if not clear_to_create(visit, SLOT, still_absent):
            raise visit.again(Reason.DELETING, "the VIP's port has appeared in the cloud", 0.0)
    for row in there:
        try:
            with visit.changing():
                visit.cloud.do.ports.delete(row["id"])
        except NotFoundError:
            continue


def release(visit: Visit) -> None:
    """Release the mark of the port."""
    for row in _ours(visit, visit.rows("ports")):
        neutron.release_row(visit, "ports", row)
