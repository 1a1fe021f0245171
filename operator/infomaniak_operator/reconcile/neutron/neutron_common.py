"""What the Neutron kinds share: name, marked description, tags, admin state, updates that test the revision."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypedDict, TypeVar, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import StatusT
from infomaniak_operator.api.json_types import (
    ANY,
    INFOMANIAK_NETWORK,
    LOAD_BALANCER,
    AdditionalVip,
    PortSpec,
    RouterInterface,
    Vip,
)
from infomaniak_operator.client.kinds import BodyT
from infomaniak_operator.client.resources import NeutronResource
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.actuator import InputsT, PlainActuator, Row, Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import (
    Difference,
    Field,
    address,
    applied,
    changes,
    differences,
    place,
    unordered,
)
from infomaniak_operator.reconcile.generic.outcomes import Ended
from infomaniak_operator.reconcile.generic.owned import mark_to_release
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType
from infomaniak_operator.reconcile.ownership.marks import NoRoom, described, user_text

NeutronT = TypeVar("NeutronT", bound=NeutronResource)
NETWORK = "InfomaniakNetwork"
GROUP = "SecurityGroup"
PORT = "Port"
LONGEST_PAUSE = 30.0
"""Seconds between two looks at what is not ready, at most."""
ADDRESS_TAKEN = "IpAddressAlreadyAllocated"
ADMIN_STATE: Field[Literal["adminStateUp"]] = Field("adminStateUp", "admin_state_up", default=True)

QOS_POLICY: Field[Literal["qosPolicyID"]] = Field("qosPolicyID", "qos_policy_id", default=None)


class NeutronActuator(PlainActuator[NeutronT, BodyT, InputsT]):
    """What the Neutron kinds' actuators have in common: each object stands for itself, and is made by one call."""

    collection: ResourceType[NeutronT, BodyT]
    noun: str
    fields: tuple[Field[str], ...] = ()
    """The fields of the spec that are attributes of the main object."""
    lists: tuple[str, ...] = ("description", "tags")
    """The other fields of the spec that count as set as a whole."""
    ready_states: tuple[str | None, ...] = ("ACTIVE", None)
    """The states of the service that are as good as it gets; None: it shows none."""

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets."""
        return [*applied(self.fields, facts.spec), *(name for name in self.lists if name in facts.spec)]

    @override
    def act(self, context: ReconcileContext, row: NeutronT, steps: Sequence[Step]) -> NeutronT | Ended:
        """Carry out the steps, each by one request."""
        for step in steps:
            row = act_on_main(context, self.collection, row, step)
        return row

    @override
    def releasing(self, context: ReconcileContext, row: NeutronT) -> Plan:
        """Give up the mark."""
        return only(release_steps(context, self.noun, row))

    @override
    def pending(self, row: NeutronT) -> str | None:
        """Ready in one of its ``ready_states``; what becomes ACTIVE otherwise need not while it is switched off."""
        seen: Mapping[str, object] = row
        status = seen.get("status")
        off = seen.get("admin_state_up") is False and "DOWN" not in self.ready_states
        if status in self.ready_states or off:
            return None
        return f"{self.noun} {row['id']} is {status} in the cloud"

    @override
    def pause(self, context: ReconcileContext) -> float:
        """Neutron is quick; what has been in BUILD or ERROR for long is asked for ever more rarely."""
        now = context.request.clock.monotonic()
        return min(1.0 + context.memory.pending_for(now) / 4, LONGEST_PAUSE)


def creation(facts: Facts, collection: ResourceType[NeutronT, BodyT], attributes: Mapping[str, object]) -> BodyT:
    """The body of a main object's create: name, marked description and the kind's attributes."""
    description = described(str(facts.spec.get("description") or ""), facts.owner.mark())
    common = {"name": facts.name, "description": description, "project_id": facts.project_id}
    return collection.body({**common, **attributes})


def description_difference(
    facts: Facts, item: Mapping[str, object], row: Row, child: str = "", prefix: str = ""
) -> Difference | None:
    """How the description differs: the user's text where it is managed, and the mark always."""
    now = str(row.get("description") or "")
    if "description" in item:
        text = str(item["description"] or "")
    elif place(prefix, "description") in facts.applied:
        text = ""
    else:
        text = user_text(now)
    if facts.owner.is_described(now, text, child):
        return None
    wanted = described(text, facts.owner.mark(child))
    name = "description" if user_text(now) != text else "mark"
    return Difference(place(prefix, name) if name == "description" else name, "description", now, wanted)


def main_differences(facts: Facts, row: NeutronResource, table: tuple[Field[str], ...]) -> list[Difference]:
    """In which managed fields the main object differs from the spec."""
    found = differences(table, facts.spec, row, facts.applied)
    if ("name" in facts.spec or not facts.imported) and row.get("name") != facts.name:
        found.append(Difference("name", "name", row.get("name"), facts.name))
    description = description_difference(facts, facts.spec, row)
    return [*found, *([description] if description else [])]


def main_update(facts: Facts, row: NeutronResource, noun: str, table: tuple[Field[str], ...]) -> list[Step]:
    """The steps that bring the main object itself, and its tags, to the spec."""
    steps = []
    found = main_differences(facts, row, table)
    if found:
        what = f"{noun} {row['id']}"
        revision = row.get("revision_number")
        steps.append(Step("update", what, "", row["id"], revision, changes(found), tuple(found)))
    return [*steps, *tags_step(facts, row, noun)]


TAGS = "tags"
"""The slot of the step that sets the tags, which cost a call of their own in Neutron."""


def tags_step(facts: Facts, row: NeutronResource, noun: str) -> list[Step]:
    """The step that sets the tags, where the spec names some or named some before."""
    if "tags" in facts.spec:
        wanted = list(facts.spec["tags"] or ())
    elif "tags" in facts.applied:
        wanted = []
    else:
        return []
    now = list(row.get("tags") or ())
    if unordered(now) == unordered(wanted):
        return []
    difference = Difference("tags", "tags", now, wanted)
    return [Step("update", f"tags of {noun} {row['id']}", TAGS, row["id"], None, {"tags": wanted}, (difference,))]


def act_on_main(
    context: ReconcileContext, collection: ResourceType[NeutronT, BodyT], row: NeutronT, step: Step
) -> NeutronT:
    """Carry out a step on the main object: its update, its tags, its deletion, or the end of its mark.

    Returns:
        The main object as it then is, or was.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    there = collection.of(context.cloud.do)
    if step.slot == TAGS:
        with context.changing():
            tags = context.cloud.do.tags.replace(collection.name, step.id, list(cast("list[str]", step.body["tags"])))
        tagged = row.copy()
        tagged["tags"] = tags
        return tagged
    with context.changing():
        if step.verb == "delete":
            there.delete(step.id, if_revision=step.revision)
            return row
        return there.update(step.id, collection.body(step.body), if_revision=step.revision)


def deletion(noun: str, row: NeutronResource, *, tested: bool = True) -> Step:
    """The step that deletes a main object; ``tested``: only if it is as it was seen, by its revision."""
    return Step("delete", f"{noun} {row['id']}", "", row["id"], row.get("revision_number") if tested else None)


def release_steps(
    facts: Facts, noun: str, row: NeutronResource, *, child: str | None = "", slot: str = ""
) -> list[Step]:
    """The step that rewrites the mark of one object as released; none for one that carries none of ours.

    The revision is not tested: that of a network moves with each of its subnets.

    Args:
        facts: of the object.
        noun: what people call it.
        row: what may carry the mark.
        child: which part of the object it is; None: any.
        slot: of the step.
    """
    mark = mark_to_release(facts, row, child)
    if mark is None:
        return []
    text = user_text(row.get("description"))
    with contextlib.suppress(NoRoom):  # a released mark is a character longer; none at all says the same
        text = described(text, mark)
    return [Step("release", f"{noun} {row['id']}", slot, row["id"], body={"description": text})]


def without_empty(status: StatusT) -> StatusT:
    """A status without the fields that say nothing. An empty ``appliedFields`` says that the object is managed."""
    kept = {name: value for name, value in status.items() if value not in (None, []) or name == "appliedFields"}
    return cast("StatusT", kept)


def used_by(resource: KubeObject) -> frozenset[str]:
    """The ids in the cloud of what an object uses, as its status shows: what it stands on, whatever becomes of it.

    By the API's own rule a field whose name ends in ``ID`` or ``IDs`` holds the id of something else.
    """
    return frozenset(str(each) for each in _ids(ANY.status(resource)) if each)


def _ids(found: object) -> Iterator[object]:
    if isinstance(found, Mapping):
        for name, value in found.items():
            if name.endswith(("ID", "IDs")) and name != "projectID":
                yield from value if isinstance(value, list | tuple) else [value]
            elif name != "conditions":
                yield from _ids(value)
    elif isinstance(found, list | tuple):
        for item in found:
            yield from _ids(item)


def names_groups(item: PortSpec | Vip) -> bool:
    """Whether an item (a spec, a VIP) says which security groups a port has."""
    return "securityGroupRefs" in item or "securityGroupIDs" in item


def groups_referred_to(resource: KubeObject, item: PortSpec | Vip) -> list[Key]:
    """The SecurityGroups that an item refers to."""
    return [Key(GROUP, resource.key.namespace, ref["name"]) for ref in item.get("securityGroupRefs") or ()]


def groups_of(resource: KubeObject, view: CacheReader, item: PortSpec | Vip, field: str) -> list[str] | None:
    """The ids of the security groups that an item names, by reference and by id; None where it says nothing of them.

    Args:
        resource: the object that refers.
        view: the cache.
        item: a spec, or a VIP.
        field: its place, for the message.

    Raises:
        Unresolved: one is not there yet.
    """
    if not names_groups(item):
        return None
    groups = (
        ready_reference(resource, view, key, f"{field}.securityGroupRefs[{index}]")
        for index, key in enumerate(groups_referred_to(resource, item))
    )
    found = [str(ANY.status(group).get("id")) for group in groups]
    return sorted({*found, *map(str, item.get("securityGroupIDs") or ())})


def having_address(me: KubeObject, view: CacheReader, wanted: Iterable[str]) -> list[KubeObject]:
    """The other objects of this cluster at whose ports one of these addresses is, as their statuses show it."""
    asked = {address(each) for each in wanted}
    others = (each for each in (*view.objects("LoadBalancer"), *view.objects(PORT)) if each.uid != me.uid)
    return [each for each in others if asked & {address(there) for there in _addresses(each)}]


def _addresses(resource: KubeObject) -> list[str | None]:
    """The addresses that a LoadBalancer or a Port shows."""
    balancer, port = LOAD_BALANCER.status(resource), json_types.PORT.status(resource)
    parts = [*(balancer.get("additionalVips") or ()), *(port.get("fixedIPs") or ())]
    return [balancer.get("vipAddress"), *(part.get("address") for part in parts)]


def stands_on(user: KubeObject, found: KubeObject) -> bool:
    """Whether the user's status shows that it uses what the other object is in the cloud, or a part of that."""
    status = INFOMANIAK_NETWORK.status(found)
    parts = {str(each.get("id")) for each in status.get("subnets") or ()}
    return not used_by(user).isdisjoint({str(status.get("id")), *parts})


def ready_reference(user: KubeObject, view: CacheReader, key: Key, field: str) -> KubeObject:
    """The object a reference names, once there is something in the cloud behind it.

    Args:
        user: the object that refers.
        view: the cache.
        key: what it refers to.
        field: the field of the reference, for the message.

    Raises:
        Unresolved: it is missing, or it is Terminating or not Ready and this is a first use. A user that is established
            goes on as it was, whatever the state of what it refers to: that was deleted by mistake, perhaps, or fails
            for a while.
    """
    found = view.get(key)
    if found is None:
        raise Unresolved(key, f"{field}: there is no {key.kind} {key.name} in namespace {key.namespace} yet")
    stands = stands_on(user, found)
    if found.deleting and not stands:
        raise Unresolved(key, f"{field}: {key.kind} {key.name} is being deleted")
    ready = found.condition("Ready") or {}
    established = stands or bool(ANY.status(user).get("id"))
    if not ANY.status(found).get("id") or (ready.get("status") != "True" and not established):
        why = f": {ready['message']}" if ready.get("message") else ""
        raise Unresolved(key, f"{field}: {key.kind} {key.name} is not Ready yet{why}")
    return found


class Spot(TypedDict, total=False):
    """Where something is in the cloud, by id."""

    networkID: str
    subnetID: str


def subnet_of(
    user: KubeObject,
    view: CacheReader,
    item: AdditionalVip | RouterInterface | Vip,
    field: str,
    known: Collection[str] = (),
    *,
    address: str | None,
) -> Spot:
    """The network and the subnet that ``networkRef`` and ``subnet`` of an item name.

    An item that names no subnet means the one it is on already, else the one its address lies in, else the
    network's only one. So a further subnet of the network changes nothing for those that are there.

    Args:
        user: the object that refers.
        view: the cache.
        item: with ``networkRef``, and ``subnet`` where the network has several.
        field: the place of the item, for the message.
        known: the ids of the subnets that status shows for the item.
        address: the address that the item asks for.

    Returns:
        ``networkID`` and ``subnetID``.

    Raises:
        Unresolved: the network or the subnet is not there yet.
    """
    key = Key(NETWORK, user.key.namespace, item["networkRef"]["name"])
    network = ready_reference(user, view, key, f"{field}.networkRef")
    status = INFOMANIAK_NETWORK.status(network)
    subnets = list(status.get("subnets") or ())
    name = item.get("subnet")
    found = [subnet for subnet in subnets if name is None or subnet["name"] == name]
    if name is None and len(found) > 1:
        here = [subnet for subnet in found if subnet["id"] in known]
        around = [subnet for subnet in found if _contains(subnet.get("cidr"), address)]
        found = next((narrowed for narrowed in (here, around) if len(narrowed) == 1), found)
    if len(found) == 1:
        return {"networkID": str(status.get("id")), "subnetID": str(found[0]["id"])}
    names = ", ".join(str(subnet["name"]) for subnet in subnets) or "none"
    if name is None:
        raise Unresolved(key, f"{field}.subnet: name one of the subnets of {key.name}; it has: {names}")
    raise Unresolved(key, f"{field}.subnet: InfomaniakNetwork {key.name} has no subnet {name} yet; it has: {names}")


def _contains(cidr: object, address: object) -> bool:
    """Whether an address lies in a subnet; False for what is neither."""
    try:
        return ipaddress.ip_address(str(address)) in ipaddress.ip_network(str(cidr))
    except ValueError:
        return False
