"""FloatingIP: an address in Neutron, and what it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

from infomaniak_operator.api.json_types import FLOATING_IP, ROUTER, FloatingIPStatus
from infomaniak_operator.client import ConflictError, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import FloatingIPBody
from infomaniak_operator.client.resources import FloatingIP as Address
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Key,
    KubeObject,
    Progress,
    Reason,
    RequeueAfter,
    Retry,
    WaitingFor,
)
from infomaniak_operator.reconcile.generic.actuator import Dependency, Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, Traits, owner_of
from infomaniak_operator.reconcile.generic.fields import Difference, address, changes
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome, again, named, stalled
from infomaniak_operator.reconcile.generic.owned import Whose, is_adopted, is_marked, until_released, whose, whose_main
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import (
    external_network,
    neutron_common,
    port_forwarding_calls,
    port_forwardings,
    reverse_dns,
    reverse_name,
)
from infomaniak_operator.reconcile.neutron import floating_ip_targets as targets
from infomaniak_operator.reconcile.neutron.floating_ip_targets import Target, can_move, chain, keeps
from infomaniak_operator.reconcile.openstack.resource_types import FLOATING_IPS
from infomaniak_operator.reconcile.ownership.marks import described

_NETWORK = "externalNetwork"
NO_ROUTE = "ExternalGatewayForFloatingIPNotFound"
NO_PORT = "PortNotFound"
TAKEN = "FloatingIPPortAlreadyAssociated"
LONGEST_WAIT = 30.0
"""Seconds between two looks for a route, at most."""
LONGEST_LOOK = 5.0
"""Seconds between two looks at an associated address that is DOWN, at most."""
COMES_UP_WITHIN = 120.0
"""Seconds for which it is looked at: Neutron has its agents bring it up, and until the next resync `kubectl get` would
show what was true for a moment. One that stays DOWN is left to the resync."""


@dataclass(frozen=True, slots=True)
class _Since:
    """When something was first seen, in monotonic seconds; ``about`` tells one case from the next."""

    moment: float
    about: str | None = None


@dataclass(slots=True)
class _Remembered:
    """Of a FloatingIP.

    Attributes:
        no_route: since when there is no router between its network and the target's.
        down: since when it is DOWN at the port that it is about.
        unseen: the target was taken, and nothing that this credential may see has it.
    """

    no_route: _Since | None = None
    down: _Since | None = None
    unseen: bool = False


class FloatingIPInputs(external_network.ExternalInputs, total=False):
    """The external network, and the target.

    Attributes:
        portID: the port that the address is to lead to.
        going: whether the load balancer that it leads to is being deleted.
        fixedAddress: the address to lead to of a load balancer that has several, where the spec names none.
        forwardings: what each port forwarding of the spec leads to.
    """

    portID: str | None  # noqa: N815 - as in the status
    going: bool
    fixedAddress: str  # noqa: N815 - as in the spec
    forwardings: list[port_forwardings.Inside]


class FloatingIPActuator(neutron_common.NeutronActuator[Address, FloatingIPBody, FloatingIPInputs]):
    """Knows how a FloatingIP becomes an address with an association."""

    kind = "FloatingIP"
    collection = FLOATING_IPS
    noun = "floating IP"
    quota = "floatingip"
    lists = ("description", "tags", *targets.FIELDS, "fixedAddress", port_forwardings.FIELD)
    traits = Traits(itself=frozenset({"address"}), outliving=frozenset({"reverseDNS"}))
    depends_on = frozenset(
        {Dependency(neutron_common.NETWORK), *(Dependency(each.kind) for each in targets.BY_REFERENCE)}
    )

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets, those of the reverse name as far as Designate was asked."""
        return [*super().applied(facts), *reverse_name.places(facts)]

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The load balancer or the Port it leads to, and the external network it is from."""
        referred = targets.reference(resource)
        target = [referred[1]] if referred else port_forwardings.references(resource)
        return [*external_network.references(resource, FLOATING_IP.spec(resource).get("externalNetwork")), *target]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> FloatingIPInputs:
        """The external network and the target's port.

        A target that is going or gone leaves the address without one: an address outlives what it leads to.

        Raises:
            Unresolved: the external network, or the target's port, is not there yet.
        """
        spec, status = FLOATING_IP.spec(resource), FLOATING_IP.status(resource)
        network = external_network.resolve(resource, view, spec.get("externalNetwork"), "spec.externalNetwork")
        found = cast("FloatingIPInputs", network)
        referred = targets.reference(resource)
        if referred:
            field, key = referred
            target = view.get(key)
            port = field.port(target) if target else None
            if target and target.deleting:
                # Traffic goes on until the port is gone, but nothing is led to one that is going.
                port = port if port and port == status.get("portID") else None
                found["going"] = True
            if port is None and not status.get("id"):
                raise Unresolved(key, f"spec.{field.name}: {key.kind} {key.name} has no {field.noun} yet")
            if port is not None and status.get("portID") != port and target is not None:
                _await_way(resource, view, f"spec.{field.name}", field.place(target))
            found["portID"] = port
            if port is not None and target is not None and (fixed := field.address(target)):
                found["fixedAddress"] = fixed
        elif spec.get("portID"):
            found["portID"] = str(spec["portID"])
        if port_forwardings.wanted_any(resource):
            found["forwardings"] = port_forwardings.resolve(resource, view, _way(resource, view))
        return found

    @override
    def prerequisites(self, context: ReconcileContext, inputs: FloatingIPInputs) -> Ended | None:
        """The external network, where the spec names it and it was not compared yet."""
        if not context.was_ready or context.id is None:
            external_network.look_up(context, inputs, "spec.externalNetwork")
        return None

    @override
    def body(self, facts: Facts, inputs: FloatingIPInputs) -> FloatingIPBody | Outcome:
        """The attributes of the floating IP's create, its association included."""
        if missing := external_network.missing(facts):
            return missing
        network = external_network.network_id(facts, inputs)
        if network is None:
            message = "spec.externalNetwork is missing: name the external network the address is to come from"
            return stalled(Reason.INVALID_CONFIGURATION, message)
        attributes: FloatingIPBody = {"floating_network_id": network, **self._target(facts, inputs)}
        if wanted := FLOATING_IP.spec(facts).get("address"):
            attributes["floating_ip_address"] = wanted
        attributes["description"] = described(str(facts.spec.get("description") or ""), facts.owner.mark())
        attributes["project_id"] = facts.project_id
        return attributes

    @staticmethod
    def _target(facts: Facts, inputs: FloatingIPInputs) -> FloatingIPBody:
        if not inputs.get("portID"):
            return {}
        fixed = FLOATING_IP.spec(facts).get("fixedAddress") or inputs.get("fixedAddress")
        target: FloatingIPBody = {"port_id": inputs["portID"]}
        if fixed:
            target["fixed_ip_address"] = fixed
        return target

    @override
    def find(self, context: ReconcileContext, rows: Iterable[Address]) -> Address | Outcome | None:
        """The project's own address that ``spec.address`` asks for: unbound and nobody's, it is taken over.

        Asking Neutron to allocate a given address takes rights that customers do not have.

        Returns:
            The address; or the outcome where it is bound, or somebody else's.
        """
        wanted = FLOATING_IP.spec(context).get("address")
        found = _of_address(rows, wanted)
        if found and not _free(context, found):
            # A new object may share a list that is a moment older than what woke it: who has let go since?
            found = _of_address(context.rows(self.collection, context.request.fresh_after), wanted)
        if found is None or _free(context, found):
            return found
        why = f"is bound to port {found['port_id']}" if found.get("port_id") else "belongs to another object"
        message = f"spec.address: {wanted} (floating IP {found['id']}) {why}: it is not taken away"
        return Outcome(Reason.CONFLICT, message, until_released(context, found), Progress.STALLED)

    @override
    def takes_over(self, context: ReconcileContext) -> bool:
        """What is imported, and the address that ``spec.address`` names."""
        return context.imported or bool(FLOATING_IP.spec(context).get("address"))

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """What a refused association means: waiting for a route, a target that is taken, or the error itself.

        No event tells of a route (the Router may be anybody's), so it is looked for, ever more rarely, but never so
        rarely that a person would wonder.
        """
        if error.error_type == NO_ROUTE:
            return self._no_route(context, error)
        if error.error_type == NO_PORT:
            spec = FLOATING_IP.spec(context)
            field = next((name for name in targets.FIELDS if spec.get(name)), "portID")
            message = f"the port of spec.{field} is not there: {error}"
            return Outcome(Reason.WAITING_FOR_REFERENCE, message, Retry(at_least=5.0))
        return self._taken(context, error, None) if error.error_type == TAKEN else None

    @staticmethod
    def _no_route(context: ReconcileContext, error: InfomaniakCloudError) -> Outcome:
        needed = "a Router with a gateway there and an interface on the target's subnet"
        message = f"the target has no route to the external network yet ({needed}): {error}"
        memory = _remembered(context)
        memory.no_route, waited = _seconds(context, memory.no_route)
        return again(Reason.WAITING_FOR_REFERENCE, message, min(1.0 + waited, LONGEST_WAIT))

    def _taken(self, context: ReconcileContext, error: InfomaniakCloudError, row: Address | None) -> Outcome:
        """The target has another address: one of this cluster that is to leave it, or one that a person must move.

        Of several that change places in a circle one lets go of its own target first.
        """
        view = context.request.view
        wanted = self._next(context.resource, view)
        if wanted is None:
            return again(Reason.WAITING_FOR_REFERENCE, f"the target has gone meanwhile: {error}", 0.0)
        listed = context.cloud.do.floating_ips.list(port_id=wanted.port)
        rows = [each for each in listed if each["id"] != context.id and _target(each).meets(wanted)]
        objects = [self._object_of(context, each) for each in rows]
        others = [each for each in objects if each is not None]
        if len(others) < len(rows):
            visible = ", ".join(f"{each['floating_ip_address']} ({each['id']})" for each in rows)
            message = f"the target has another floating IP already, {visible}, which is not taken from there: {error}"
            return stalled(Reason.CONFLICT, message)
        if not others:
            return self._unseen(context, error)
        _remembered(context).unseen = False
        now = _target(row) if row and row.get("port_id") else None
        found = chain(context.resource, now, wanted, view, lambda each: self._next(each, view))
        names = " and ".join(named(each, context.resource) for each in others)
        message = f"the target has the address of {names}"
        waiting = WaitingFor(frozenset(each.key for each in [*others, *found.holders]))
        if any(keeps(each, wanted, view) for each in others):
            return Outcome(Reason.CONFLICT, f"{message}: {error}", waiting, Progress.STALLED)
        message += ", which is to lead elsewhere"
        held_up = [each for each in found.holders if not can_move(each) and not each.deleting]
        if held_up:
            one = named(held_up[0], context.resource)
            message += f", and waits: {one} is paused, in a dry run, or without a valid credential"
        if row and found.first_to_let_go(context.resource):
            self._let_go(context, row)
            message += "; as they change places, this one has let go of its former target"
        return Outcome(Reason.WAITING_FOR_REFERENCE, f"{message}: {error}", waiting)

    @staticmethod
    def _unseen(context: ReconcileContext, error: InfomaniakCloudError) -> Outcome:
        """Nothing that this credential may see has the target (any more)."""
        if not _remembered(context).unseen:
            _remembered(context).unseen = True
            return Outcome(Reason.WAITING_FOR_REFERENCE, f"the target was still taken: {error}", RequeueAfter(1.0))
        message = f"the target has another floating IP already, which this credential does not show: {error}"
        return Outcome(Reason.CONFLICT, message, Retry(at_least=5.0), Progress.STALLED)

    def _object_of(self, context: ReconcileContext, row: Address) -> KubeObject | None:
        """The object of this cluster that a floating IP belongs to, by its id or, until status shows it, its mark."""
        for each in context.request.view.objects(self.kind):
            if each.uid == context.resource.uid:
                continue
            marked = whose(owner_of(context.owner.cluster, each), row) is Whose.OURS
            if FLOATING_IP.status(each).get("id") == row["id"] or marked:
                return each
        return None

    def _next(self, resource: KubeObject, view: CacheReader) -> Target | None:
        """What an object is to lead to; None where that is nothing, or is not there yet."""
        try:
            port = self.resolve(resource, view).get("portID")
        except Unresolved:
            return None
        return Target(str(port), FLOATING_IP.spec(resource).get("fixedAddress")) if port else None

    def _let_go(self, context: ReconcileContext, row: Address) -> None:
        with context.changing():
            freed = context.cloud.do.floating_ips.update(
                row["id"], {"port_id": None}, if_revision=row.get("revision_number")
            )
        context.request.event("Updated", f"floating IP {row['floating_ip_address']} let go of port {row['port_id']}")
        self._show(context, freed)

    @override
    def observe(self, context: ReconcileContext, row: Address, inputs: FloatingIPInputs, *, new: bool) -> None:
        """The address itself: the reconcile may end early, and what was seen counts. Then the name it leads back to."""
        self._show(context, row)
        if not reverse_name.concerns(context):
            return
        first = self._itself(context, row, inputs)
        known = is_marked(context, row) and not context.dry_run  # else all is to be shown at once
        reverse_dns.look(context, row, later=new or (known and bool(first.steps or first.outcome)))

    @override
    def plan(self, facts: Facts, row: Address, inputs: FloatingIPInputs) -> Plan:
        """The address itself, and the name it leads back to."""
        itself = self._itself(facts, row, inputs)
        return itself if itself.outcome else itself.and_then(only(reverse_name.steps(facts, row)))

    def _itself(self, facts: Facts, row: Address, inputs: FloatingIPInputs) -> Plan:
        """Description, association, tags."""
        description = neutron_common.description_difference(facts, facts.spec, row)
        association = self._association(facts, row, inputs)
        if isinstance(association, Outcome):
            return Plan(outcome=association)
        gone, come = port_forwardings.steps(facts, row, inputs.get("forwardings") or ())
        if blocked := port_forwardings.blocked(facts, row, association, gone):
            return Plan(outcome=blocked)
        found = [*([description] if description else []), *association]
        fixed, adopted = _fixed(facts, row, inputs), is_adopted(facts, row)
        found += fixed if adopted else []
        steps = neutron_common.tags_step(facts, row, self.noun)
        if found:
            body = changes(found)
            if body.get("port_id") or "fixed_ip_address" in body:
                body = {**body, **self._target(facts, inputs)}
            what = f"floating IP {row['floating_ip_address']}"
            # A port forwarding that goes has to go before the address leads anywhere, and moves its revision.
            first = gone if body.get("port_id") else []
            revision = None if first else row.get("revision_number")
            steps = [*first, Step("update", what, "", row["id"], revision, body, tuple(found)), *steps]
            gone = [] if first else gone
        unknown = port_forwardings.wanted_any(facts) and "port_forwardings" not in row
        return Plan(
            steps=steps if unknown else [*steps, *gone, *come],
            fixed=[] if adopted else fixed,
            held_back=[port_forwardings.UNKNOWN] if unknown else (),
        )

    @staticmethod
    def _association(facts: Facts, row: Address, inputs: FloatingIPInputs) -> list[Difference] | Outcome:
        named = [*FLOATING_IP.named(facts, *targets.FIELDS), *(n for n in targets.FIELDS if n in facts.applied)]
        if not named:
            return []
        wanted, now = inputs.get("portID"), row.get("port_id")
        if inputs.get("going") and not now:
            return []
        fixed = FLOATING_IP.spec(facts).get("fixedAddress")
        if now == wanted:
            inside = row.get("fixed_ip_address")
            if not fixed or not wanted or address(inside) == address(fixed):
                return []
            return [Difference("fixedAddress", "fixed_ip_address", inside, fixed)]
        adopting = not is_marked(facts, row) and not FLOATING_IP.status(facts.resource).get("id")
        if now and adopting:
            message = f"floating IP {row['id']} is bound to port {now}: it is not taken away; disassociate it first"
            return stalled(Reason.CONFLICT, message)
        return [Difference(named[0], "port_id", now, wanted)]

    @override
    def act(self, context: ReconcileContext, row: Address, steps: Sequence[Step]) -> Address | Ended:
        """Carry out the steps; the target may have no route to the external network yet, or another floating IP."""
        held: Outcome | None = None
        for step in steps:
            if step.slot.startswith(port_forwardings.SLOTS):
                row, refused = self._forward(context, row, step)
                held = held or refused  # the others go on
                continue
            if step.slot == reverse_name.SLOT:
                if ended := reverse_dns.act(context, row, step):
                    return ended
                continue
            try:
                row = neutron_common.act_on_main(context, self.collection, row, step)
            except (NotFoundError, ConflictError) as error:
                if step.verb != "update":
                    raise
                taken = self._taken(context, error, row) if error.error_type == TAKEN else None
                known = taken or self.refused(context, error)
                if known is None:
                    raise
                return known
        if held:
            self._show(context, row)
        return held or row

    def _forward(self, context: ReconcileContext, row: Address, step: Step) -> tuple[Address, Outcome | None]:
        """Carry out a step on a port forwarding; returns the address, and what a refusal means."""
        try:
            return port_forwarding_calls.act(context, row, step), None
        except InfomaniakCloudError as error:
            no_way = port_forwarding_calls.no_way(error)
            refused = self._no_route(context, error) if no_way else port_forwarding_calls.refused(context, error, step)
            if refused is None:
                raise
            return row, refused

    @override
    def report(self, context: ReconcileContext, row: Address, inputs: FloatingIPInputs) -> str | Outcome:
        """What is seen of the address; it may have lost its target."""
        self._show(context, row)
        _remembered(context).no_route = None
        _remembered(context).unseen = False
        self._look_again(context, row)
        reverse_dns.report(context, row)
        referred = targets.reference(context.resource)
        lost = inputs.get("going") and not row.get("port_id")
        if referred and (lost or not inputs.get("portID")) and not context.unmanaged:
            field, key = referred
            return context.wait_for(
                key, f"spec.{field.name}: {key.kind} {key.name} has no {field.noun}; the address is kept"
            )
        if not context.unmanaged and not all(each.get("portID") for each in inputs.get("forwardings") or ()):
            resource, view = context.resource, context.request.view
            if later := port_forwardings.missing(resource, view, _way(resource, view)):
                return context.wait_for(later.key, str(later), later.others)
            context.come_back(0.0)  # it has come meanwhile
        if forwarded := row.get("port_forwardings"):
            many = f"{len(forwarded)} port forwarding{'' if len(forwarded) == 1 else 's'}"
            return f"floating IP {row.get('floating_ip_address')} with {many}"
        to = f" -> {row['fixed_ip_address']}" if row.get("fixed_ip_address") else ", not associated"
        return f"floating IP {row.get('floating_ip_address')}{to}"

    @staticmethod
    def _show(context: ReconcileContext, row: Address) -> None:
        seen: FloatingIPStatus = {
            "address": row.get("floating_ip_address"),
            "fixedAddress": row.get("fixed_ip_address"),
            "portID": row.get("port_id"),
            "routerID": row.get("router_id"),
            "externalNetworkID": row.get("floating_network_id"),
            "cloudStatus": row.get("status"),
            "portForwardings": port_forwardings.status_of(row),
        }
        status = FLOATING_IP.status(context)
        status.update(seen)
        context.status = neutron_common.without_empty(status)

    @staticmethod
    def _look_again(context: ReconcileContext, row: Address) -> None:
        """Have an associated address that is DOWN looked at again, soon at first."""
        if not row.get("port_id") or row.get("status") != "DOWN":
            _remembered(context).down = None
            return
        memory = _remembered(context)
        memory.down, down = _seconds(context, memory.down, row["port_id"])
        if down < COMES_UP_WITHIN:
            context.come_back(min(1.0 + down / 4, LONGEST_LOOK))

    @override
    def pending(self, row: Address) -> str | None:
        """ACTIVE and DOWN are both as good as it gets."""
        if row.get("status") in ("ACTIVE", "DOWN", None):
            return None
        return f"floating IP {row.get('floating_ip_address')} is {row.get('status')} in the cloud"

    @override
    def may_make_again(self, context: ReconcileContext) -> bool:
        """Only where the spec says so: the address is lost, and another is not the same."""
        return FLOATING_IP.spec(context).get("recreate") == "Always"

    @override
    def holds(self, context: ReconcileContext, row: Address) -> str:
        """A port."""
        return "it is bound to a port" if row.get("port_id") else ""

    @override
    def removal(self, context: ReconcileContext, row: Address) -> Plan:
        """Release the address with its port forwardings, unless others have made those."""
        forwarded = port_forwardings.deletions(row)
        if forwarded and not port_forwardings.owns(context):
            return Plan(outcome=again(Reason.IN_USE, f"{port_forwardings.of_others(row)}: delete them first", 30.0))
        itself = neutron_common.deletion(self.noun, row, tested=not forwarded)  # they move its revision
        return only([*reverse_dns.leaving(context, row), *forwarded, itself])

    @override
    def leftovers(self, context: ReconcileContext, *, retain: bool) -> Plan:
        """The name that an address led back to which somebody else released."""
        return Plan() if retain else only(reverse_dns.leaving(context, None))

    @override
    def act_on_leftovers(self, context: ReconcileContext, steps: Sequence[Step]) -> Ended | None:
        """Take the name away; what fails for long does not keep the object."""
        return next(filter(None, (reverse_dns.act(context, None, step) for step in steps)), None)


def _way(resource: KubeObject, view: CacheReader) -> port_forwardings.Way:
    def check(port: KubeObject, field: str) -> None:
        _await_way(resource, view, field, targets.place_of(port))

    return check


def _await_way(resource: KubeObject, view: CacheReader, field: str, place: targets.Place) -> None:
    """Wait for the Router that is to lead from the target's network to the outside: before, Neutron refuses.

    Raises:
        Unresolved: there is one, and it is not that far yet; where there is none, the way may be somebody else's.
    """
    network, subnets = place
    ways = [
        each
        for each in view.objects("Router", resource.key.namespace)
        if network and not each.deleting and ROUTER.spec(each).get("externalGateway") and _leads_to(each, network)
    ]
    if not ways or any((each.condition("Ready") or {}).get("status") == "True" for each in ways):
        return
    if any(leg.get("subnetID") in subnets for each in ways for leg in ROUTER.status(each).get("interfaces") or ()):
        return
    names = ", ".join(each.key.name for each in ways)
    message = f"{field}: Router {names}, the way to the outside, is not Ready yet"
    raise Unresolved(ways[0].key, message, [each.key for each in ways])


def _leads_to(router: KubeObject, network: str) -> bool:
    refs = (leg.get("networkRef") for leg in ROUTER.spec(router).get("interfaces") or ())
    return any(ref and ref["name"] == network for ref in refs)


def _fixed(facts: Facts, row: Address, inputs: FloatingIPInputs) -> list[Difference]:
    """What of an address cannot be changed: the address itself, and the network it is from."""
    found = []
    wanted = FLOATING_IP.spec(facts).get("address")
    now = row.get("floating_ip_address")
    if wanted and address(now) != address(wanted):
        found.append(Difference("address", "floating_ip_address", now, wanted, mutable=False))
    # What was Ready with this very spec was compared: a name is looked up only else.
    network, own = external_network.network_id(facts, inputs), row.get("floating_network_id")
    if network and own and network != own:
        found.append(Difference(_NETWORK, "floating_network_id", own, network, mutable=False))
    return found


def _of_address(rows: Iterable[Address], wanted: str | None) -> Address | None:
    """The floating IP that has a certain address; None where none is wanted."""
    return next((row for row in rows if wanted and address(row["floating_ip_address"]) == address(wanted)), None)


def _free(facts: Facts, row: Address) -> bool:
    """Whether a floating IP is nobody's and leads nowhere."""
    return whose_main(facts, row) in (Whose.STRANGER, Whose.LOST) and not row.get("port_id")


def _target(row: Address) -> Target:
    return Target(str(row.get("port_id")), row.get("fixed_ip_address"))


def _remembered(context: ReconcileContext) -> _Remembered:
    return context.request.memory.of(_Remembered)


def _seconds(context: ReconcileContext, since: _Since | None, about: str | None = None) -> tuple[_Since, float]:
    """Since when something is so, from now on where it was not so before, and how many seconds that is."""
    now = context.request.clock.monotonic()
    if since is None or since.about != about:
        since = _Since(now, about)
    return since, now - since.moment
