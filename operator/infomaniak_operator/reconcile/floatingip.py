"""FloatingIP: an address in Neutron, and what it leads to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infomaniak_operator.client import ConflictError, InfomaniakCloudError, NotFoundError
from infomaniak_operator.engine.contract import Again, BackOff, Key, KubeObject, Progress, Reason, Stuck, View, Waiting
from infomaniak_operator.reconcile import external, neutron
from infomaniak_operator.reconcile.actuator import Inputs, Plan, Row, Step, Unresolved
from infomaniak_operator.reconcile.fields import Difference, address, changes
from infomaniak_operator.reconcile.marks import Standing, described
from infomaniak_operator.reconcile.outcome import Stop, called
from infomaniak_operator.reconcile.ownership import mark_of
from infomaniak_operator.reconcile.visit import Visit

_TARGETS = ("loadBalancerRef", "portID")
NO_ROUTE = "ExternalGatewayForFloatingIPNotFound"
NO_PORT = "PortNotFound"
TAKEN = "FloatingIPPortAlreadyAssociated"
LONGEST_WAIT = 30.0
"""Seconds between two looks for a route, at most."""
_TRIES = "looks for a route"
LOOKS = (5.0, 30.0)
"""Seconds after which an associated address that is DOWN is looked at again: Neutron has its agents bring it up, and
until the next round `kubectl get` would show what was true for a moment. One that stays DOWN is left to the rounds."""
_LOOKED = "looks for ACTIVE"


class FloatingIPActuator(neutron.NeutronActuator):
    """Knows how a FloatingIP becomes an address with an association."""

    kind = "FloatingIP"
    collection = "floating_ips"
    noun = "floating IP"
    blocked_by: frozenset[str] = frozenset()

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The load balancer it leads to, and the external network it is from."""
        ref = resource.spec.get("loadBalancerRef")
        target = [Key("LoadBalancer", resource.key.namespace, ref["name"])] if ref else []
        return [*external.references(resource, resource.spec.get("externalNetwork")), *target]

    def resolve(self, resource: KubeObject, view: View) -> Inputs:
        """The external network and the target's port.

        A target that is going or gone leaves the address without one: an address outlives what it leads to.

        Raises:
            Unresolved: the external network, or the load balancer's port, is not there yet.
        """
        found: dict[str, Any] = dict(
            external.resolve(resource, view, resource.spec.get("externalNetwork"), "spec.externalNetwork")
        )
        ref = resource.spec.get("loadBalancerRef")
        if ref:
            key = Key("LoadBalancer", resource.key.namespace, ref["name"])
            target = view.get(key)
            port = target.status.get("vipPortID") if target and not target.deleting else None
            if port is None and not resource.status.get("id"):
                raise Unresolved(key, f"spec.loadBalancerRef: LoadBalancer {ref['name']} has no VIP port yet")
            if port is not None and resource.status.get("portID") != port and target is not None:
                _await_way(resource, view, target)
            found["portID"] = port
        elif resource.spec.get("portID"):
            found["portID"] = str(resource.spec["portID"])
        return found

    def body(self, visit: Visit, inputs: Inputs) -> dict[str, Any]:
        """The attributes of the floating IP's create, its association included.

        Raises:
            Stop: the external network is not there, or the address asked for belongs to somebody.
        """
        network = external.network_id(visit, inputs, "spec.externalNetwork")
        if network is None:
            message = "spec.externalNetwork is missing: name the external network the address is to come from"
            raise Stop(Reason.INVALID_CONFIGURATION, message, Stuck(), Progress.STALLED)
        attributes: dict[str, Any] = {"floating_network_id": network, **self._target(visit, inputs)}
        if visit.spec.get("address"):
            attributes["floating_ip_address"] = visit.spec["address"]
        attributes["description"] = described(str(visit.spec.get("description") or ""), visit.owner.mark())
        attributes["project_id"] = visit.cloud.project_id
        return attributes

    @staticmethod
    def _target(visit: Visit, inputs: Inputs) -> dict[str, Any]:
        if not inputs.get("portID"):
            return {}
        fixed = visit.spec.get("fixedAddress")
        return {"port_id": inputs["portID"], **({"fixed_ip_address": fixed} if fixed else {})}

    def find(self, visit: Visit, rows: Iterable[Row]) -> Row | None:
        """The project's own address that ``spec.address`` asks for: unbound and nobody's, it is taken over.

        Asking Neutron to allocate a given address takes rights that customers do not have.

        Raises:
            Stop: it is bound, or somebody else's.
        """
        wanted = visit.spec.get("address")
        for row in rows if wanted else ():
            if address(row["floating_ip_address"]) != address(wanted):
                continue
            standing = visit.owner.standing(mark_of(row))
            if standing is Standing.UNMARKED and not row.get("port_id"):
                return row
            why = f"is bound to port {row['port_id']}" if row.get("port_id") else "belongs to another object"
            message = f"spec.address: {wanted} (floating IP {row['id']}) {why}: it is not taken away"
            raise Stop(Reason.CONFLICT, message, Stuck(), Progress.STALLED)
        return None

    def takes_over(self, visit: Visit) -> bool:
        """What is imported, and the address that ``spec.address`` names."""
        return visit.imported or bool(visit.spec.get("address"))

    def refused(self, visit: Visit, error: InfomaniakCloudError) -> Exception:
        """What a refused association means: waiting for a route, a target that is taken, or the error itself.

        No event tells of a route (the Router may be anybody's), so it is looked for, ever more rarely, but never so
        rarely that a person would wonder.
        """
        if error.error_type == NO_ROUTE:
            needed = "a Router with a gateway there and an interface on the target's subnet"
            message = f"the target has no route to the external network yet ({needed}): {error}"
            tries = visit.memory.get(_TRIES, 0)
            visit.memory[_TRIES] = tries + 1
            return Stop(Reason.WAITING_FOR_REFERENCE, message, Again(min(2.0 ** min(tries, 10), LONGEST_WAIT)))
        if error.error_type == NO_PORT:
            message = f"spec.portID, or the port of spec.loadBalancerRef, is not there: {error}"
            return Stop(Reason.WAITING_FOR_REFERENCE, message, BackOff(at_least=5.0))
        return self._taken(visit, error) if error.error_type == TAKEN else error

    def _taken(self, visit: Visit, error: InfomaniakCloudError) -> Stop:
        """The target has another address: one of ours that is about to leave it, or one that a person must move."""
        port = self.resolve(visit.resource, visit.attempt.view).get("portID")
        others = [
            other
            for other in visit.attempt.view.objects(self.kind)
            if other.uid != visit.resource.uid and other.status.get("portID") == port
        ]
        if not others:
            message = f"the target has another floating IP already: {error}"
            return Stop(Reason.CONFLICT, message, Stuck(), Progress.STALLED)
        message = (
            f"the target has the address of {', '.join(called(visit.resource, other.key) for other in others)}: {error}"
        )
        waiting = Waiting(frozenset(other.key for other in others))
        if all(_gives_up(other, port) for other in others):
            return Stop(Reason.WAITING_FOR_REFERENCE, message, waiting)
        return Stop(Reason.CONFLICT, message, waiting, Progress.STALLED)

    def applied(self, visit: Visit) -> list[str]:
        """The places of the fields that the spec sets."""
        return [name for name in ("description", "tags", *_TARGETS, "fixedAddress") if name in visit.spec]

    def plan(self, visit: Visit, row: Row, inputs: Inputs, *, new: bool) -> Plan:
        """Description, association, tags."""
        if new:
            return neutron.tags_step(visit, row, self.noun)
        found = []
        description = neutron.description_difference(visit, visit.spec, row)
        found += [description] if description else []
        found += self._association(visit, row, inputs)
        found += _fixed(visit, row)
        steps = neutron.tags_step(visit, row, self.noun)
        if found:
            body = changes(found)
            if body.get("port_id") or "fixed_ip_address" in body:
                body = {**body, **self._target(visit, inputs)}
            what = f"floating IP {row['floating_ip_address']}"
            steps.insert(0, Step("update", what, "", row["id"], row.get("revision_number"), body, tuple(found)))
        return steps

    def _association(self, visit: Visit, row: Row, inputs: Inputs) -> list[Difference]:
        managed = any(name in visit.spec or name in visit.applied for name in _TARGETS)
        if not managed:
            return []
        wanted, now = inputs.get("portID"), row.get("port_id")
        fixed = visit.spec.get("fixedAddress")
        if now == wanted:
            inside = row.get("fixed_ip_address")
            if not fixed or not wanted or address(inside) == address(fixed):
                return []
            return [Difference("fixedAddress", "fixed_ip_address", inside, fixed)]
        adopting = visit.owner.standing(mark_of(row)) is not Standing.OURS and not visit.resource.status.get("id")
        if now and adopting:
            message = f"floating IP {row['id']} is bound to port {now}: it is not taken away; disassociate it first"
            raise Stop(Reason.CONFLICT, message, Stuck(), Progress.STALLED)
        return [Difference("portID" if "portID" in visit.spec else "loadBalancerRef", "port_id", now, wanted)]

    def act(self, visit: Visit, row: Row, steps: Plan) -> Row:
        """Carry out the steps.

        Raises:
            Stop: the target has no route to the external network yet, or has another floating IP.
        """
        for step in steps:
            try:
                row = neutron.update_main(visit, self.collection, row, step)
            except (NotFoundError, ConflictError) as error:
                raise self.refused(visit, error) from error
        return row

    def report(self, visit: Visit, row: Row, inputs: Inputs) -> str:
        """What is seen of the address.

        Raises:
            Stop: it has lost its target.
        """
        seen = {
            "address": row.get("floating_ip_address"),
            "fixedAddress": row.get("fixed_ip_address"),
            "portID": row.get("port_id"),
            "routerID": row.get("router_id"),
            "externalNetworkID": row.get("floating_network_id"),
            "cloudStatus": row.get("status"),
        }
        visit.memory.pop(_TRIES, None)
        self._look_again(visit, row)
        visit.status.update(seen)
        visit.status = {name: value for name, value in visit.status.items() if value not in (None, [])}
        ref = visit.spec.get("loadBalancerRef")
        if ref and not inputs.get("portID") and not visit.unmanaged:
            key = Key("LoadBalancer", visit.resource.key.namespace, ref["name"])
            raise visit.wait_for(
                key, f"spec.loadBalancerRef: LoadBalancer {ref['name']} has no VIP port; the address is kept"
            )
        to = f" -> {row['fixed_ip_address']}" if row.get("fixed_ip_address") else ", not associated"
        return f"floating IP {row.get('floating_ip_address')}{to}"

    @staticmethod
    def _look_again(visit: Visit, row: Row) -> None:
        if not row.get("port_id") or row.get("status") != "DOWN":
            visit.memory.pop(_LOOKED, None)
            return
        looked = visit.memory.get(_LOOKED, 0)
        if looked < len(LOOKS):
            visit.memory[_LOOKED] = looked + 1
            visit.come_back(LOOKS[looked])

    def pending(self, row: Row) -> str | None:
        """ACTIVE and DOWN are both as good as it gets."""
        if row.get("status") in ("ACTIVE", "DOWN", None):
            return None
        return f"floating IP {row.get('floating_ip_address')} is {row.get('status')} in the cloud"

    def may_make_again(self, visit: Visit) -> bool:
        """Only where the spec says so: the address is lost, and another is not the same."""
        return visit.spec.get("recreate") == "Always"

    def remove(self, visit: Visit, row: Row) -> None:
        """Release the address."""
        with visit.changing():
            visit.cloud.do.floating_ips.delete(row["id"], if_revision=row.get("revision_number"))

    def release(self, visit: Visit, row: Row) -> None:
        """Release the mark."""
        neutron.release_row(visit, self.collection, row)


def _await_way(resource: KubeObject, view: View, target: KubeObject) -> None:
    """Wait for the Router that is to lead from the load balancer's network to the outside: before, Neutron refuses.

    Raises:
        Unresolved: there is one, and it is not that far yet; where there is none, the way may be somebody else's.
    """
    network = ((target.spec.get("vip") or {}).get("networkRef") or {}).get("name")
    ways = [
        each
        for each in view.objects("Router", resource.key.namespace)
        if network and not each.deleting and each.spec.get("externalGateway") and _leads_to(each, network)
    ]
    if not ways or any((each.condition("Ready") or {}).get("status") == "True" for each in ways):
        return
    if any(
        leg.get("subnetID") == target.status.get("vipSubnetID")
        for each in ways
        for leg in each.status.get("interfaces") or ()
    ):
        return
    names = ", ".join(each.key.name for each in ways)
    message = f"spec.loadBalancerRef: Router {names}, the way to the outside, is not Ready yet"
    raise Unresolved(ways[0].key, message, [each.key for each in ways])


def _leads_to(router: KubeObject, network: str) -> bool:
    return any((leg.get("networkRef") or {}).get("name") == network for leg in router.spec.get("interfaces") or ())


def _fixed(visit: Visit, row: Row) -> list[Difference]:
    """What of an address cannot be changed: the address itself."""
    wanted = visit.spec.get("address")
    now = row.get("floating_ip_address")
    if wanted and address(now) != address(wanted):
        return [Difference("address", "floating_ip_address", now, wanted, mutable=False)]
    return []


def _gives_up(other: KubeObject, port: Any) -> bool:
    """Whether another FloatingIP that has the port is about to leave it."""
    return other.deleting or (other.spec.get("portID") != port and "loadBalancerRef" not in other.spec)
