"""Router: a router in Neutron, its gateway, its interfaces and its routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

from typing_extensions import override

from infomaniak_operator.api.json_types import FLOATING_IP, ROUTER, RouterSpecField
from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.client.bodies import RouterBody
from infomaniak_operator.client.resources import ExternalGateway, HostRoute, Router
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason, WaitingFor
from infomaniak_operator.reconcile.generic.actuator import Dependency, Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, Traits
from infomaniak_operator.reconcile.generic.fields import Difference, Field, body_of, changes, records
from infomaniak_operator.reconcile.generic.needs import Needs
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome, again, named
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import (
    external_network,
    gateway_addresses,
    neutron_common,
    overlaps,
    router_interface_calls,
    router_interfaces,
)
from infomaniak_operator.reconcile.neutron.neutron_common import ADDRESS_TAKEN
from infomaniak_operator.reconcile.neutron.router_interfaces import Leg, Seen
from infomaniak_operator.reconcile.openstack.resource_types import PORTS, ROUTERS

FIELDS: tuple[Field[RouterSpecField], ...] = (neutron_common.ADMIN_STATE,)
_GATEWAY: Final = "externalGateway"
_GATEWAY_PORT = "network:router_gateway"
"""The device owner of a router's port in its external network."""
_INTERFACES: Final = "interfaces"
_ROUTES: Final = "routes"


class RouterInputs(external_network.ExternalInputs, router_interfaces.Wanted, total=False):
    """Its interfaces, and the external network of its gateway."""


class RouterActuator(neutron_common.NeutronActuator[Router, RouterBody, RouterInputs]):
    """Knows how a Router becomes a router with gateway, interfaces and routes."""

    kind = "Router"
    collection = ROUTERS
    noun = "router"
    quota = "router"
    depends_on = frozenset({Dependency(neutron_common.NETWORK, keeps=True), Dependency(neutron_common.PORT)})
    traits = Traits(outliving=frozenset({"interfaces"}))
    fields = FIELDS
    lists = ("description", "tags", _GATEWAY, _INTERFACES, _ROUTES)

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The networks of its interfaces, and that of its gateway."""
        gateway = ROUTER.spec(resource).get(_GATEWAY)
        return [*external_network.references(resource, gateway), *router_interfaces.references(resource)]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> RouterInputs:
        """What its interfaces are to be on, and the external network.

        Raises:
            Unresolved: a network, a subnet or a Port is not there yet.
        """
        gateway = ROUTER.spec(resource).get(_GATEWAY)
        found = external_network.resolve(resource, view, gateway, "spec.externalGateway")
        return {**router_interfaces.resolve(resource, view), **found}

    @override
    def body(self, facts: Facts, inputs: RouterInputs) -> RouterBody:
        """The attributes of the router's create, its gateway included."""
        gateway = self._gateway(facts, inputs)
        attributes = body_of(FIELDS, facts.spec)
        return neutron_common.creation(
            facts, ROUTERS, {**attributes, **({"external_gateway_info": gateway} if gateway else {})}
        )

    @override
    def prerequisites(self, context: ReconcileContext, inputs: RouterInputs) -> Ended | None:
        """The external network, where the spec names it."""
        external_network.look_up(context, inputs, "spec.externalGateway")
        return external_network.missing(context)

    @staticmethod
    def _gateway(facts: Facts, inputs: RouterInputs) -> ExternalGateway | None:
        """What is sent for the gateway. All but the network takes an administrator's rights: only if the spec asks."""
        network = external_network.network_id(facts, inputs)
        if network is None:
            return None
        item = ROUTER.spec(facts)[_GATEWAY]
        gateway: ExternalGateway = {"network_id": network}
        if "enableSNAT" in item:
            gateway["enable_snat"] = item["enableSNAT"]
        if "addresses" in item:
            gateway["external_fixed_ips"] = [{"ip_address": each} for each in item["addresses"]]
        return gateway

    @override
    def needs(self, context: ReconcileContext, inputs: RouterInputs, steps: Sequence[Step] | None) -> Needs:
        """The router, and a port for each interface; one that goes makes room. The gateway's port is not counted."""
        if steps is None:
            return Needs({self.quota: 1, "port": len(set(inputs["subnets"]))})
        legs = [step for step in steps if step.slot.startswith("interface/")]
        return Needs({"port": sum(1 if step.verb == "create" else -1 for step in legs)})

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The FloatingIPs whose way it is; the Routers that have the gateway's address of a subnet it is to be on."""
        view, me = context.request.view, context.resource
        if error.category is Category.IN_USE:
            return [
                each
                for each in view.objects("FloatingIP")
                if context.id and FLOATING_IP.status(each).get("routerID") == context.id
            ]
        if error.error_type != ADDRESS_TAKEN:
            return []
        outside = (ROUTER.spec(me).get(_GATEWAY) or {}).get("addresses") or ()
        if taken := gateway_addresses.named_in(str(error), outside):
            return gateway_addresses.having(me, view, taken)
        mine = {leg.get("subnetID") for leg in ROUTER.status(me).get("interfaces") or ()}
        try:
            inputs = self.resolve(me, view)
        except Unresolved:  # it has gone meanwhile
            return []
        wanted = set(inputs["subnets"]) - mine
        others = neutron_common.having_address(me, view, (inputs.get("addresses") or {}).values())
        return others + [
            each
            for each in view.objects(self.kind)
            if each.uid != me.uid
            and any(leg.get("subnetID") in wanted for leg in ROUTER.status(each).get("interfaces") or ())
        ]

    @override
    def advice(self, context: ReconcileContext, error: InfomaniakCloudError) -> str:
        """The subnets that overlap."""
        return overlaps.of_a_router(context.resource, context.request.view, error.message)

    @override
    def observe(self, context: ReconcileContext, row: Router, inputs: RouterInputs, *, new: bool) -> None:
        """The ports of its interfaces."""
        seen = context.seen.of(Seen)
        seen.interfaces = [] if new else self._ports(context, row)
        if router_interfaces.owns(context) and (not new or inputs.get("addresses")):
            seen.spare = router_interfaces.spare(context, context.rows(PORTS))

    @override
    def plan(self, facts: Facts, row: Router, inputs: RouterInputs) -> Plan:
        """The gateway with the router itself, then routes that go, interfaces that go and come, routes that come."""
        steps = self._main(facts, row, inputs)
        routes = self._routes(facts)
        gone, come = router_interfaces.steps(facts, row, inputs, facts.seen.of(Seen))
        if routes is not None:
            former = records(row.get("routes"))
            kept = cast("list[HostRoute]", [route for route in former if route in records(routes)])
            if kept != former and (gone or not routes):
                steps.append(_routes_step(row, kept))
                row = {**row, "routes": kept}
        steps += [*gone, *come]
        if routes is not None and records(routes) != records(row.get("routes")):
            steps.append(_routes_step(row, routes))
        return only(steps)

    def _main(self, facts: Facts, row: Router, inputs: RouterInputs) -> list[Step]:
        found = neutron_common.main_differences(facts, row, FIELDS)
        difference = self._gateway_difference(facts, row, inputs)
        found += [difference] if difference else []
        steps = neutron_common.tags_step(facts, row, self.noun)
        if found:
            body = changes(found)
            step = Step("update", f"router {row['id']}", "", row["id"], row.get("revision_number"), body, tuple(found))
            steps.insert(0, step)
        return steps

    def _gateway_difference(self, facts: Facts, row: Router, inputs: RouterInputs) -> Difference | None:
        now = row.get("external_gateway_info") or None
        if _GATEWAY not in ROUTER.spec(facts):
            if _GATEWAY not in facts.applied or now is None:
                return None
            return Difference(_GATEWAY, "external_gateway_info", now.get("network_id"), {})
        wanted = self._gateway(facts, inputs)
        if now is None:
            return Difference(_GATEWAY, "external_gateway_info", None, wanted) if wanted else None
        if wanted is None:
            return Difference(_GATEWAY, "external_gateway_info", now.get("network_id"), {})
        if gateway_addresses.same(now, wanted):
            return None
        full = gateway_addresses.with_others(now, wanted)
        now_text, wanted_text = gateway_addresses.shown(now, wanted), gateway_addresses.shown_wanted(now, full)
        return Difference(_GATEWAY, "external_gateway_info", now_text, full, read_as=wanted_text)

    @staticmethod
    def _routes(facts: Facts) -> list[HostRoute] | None:
        """The routes to have; None where they are not managed."""
        spec = ROUTER.spec(facts)
        if _ROUTES in spec:
            items = spec[_ROUTES] or ()
            return [{"destination": item["destination"], "nexthop": item["nexthop"]} for item in items]
        return [] if _ROUTES in facts.applied else None

    def _ports(self, context: ReconcileContext, row: Router) -> list[Leg]:
        return router_interfaces.of_router(context.rows(PORTS), row["id"])

    @override
    def act(self, context: ReconcileContext, row: Router, steps: Sequence[Step]) -> Router | Ended:
        """Carry out the steps, in order."""
        for step in steps:
            if step.slot.startswith(router_interfaces.SLOTS):
                waiting = router_interface_calls.act(context, row, step)
                if waiting:
                    return waiting
            elif step.slot == router_interfaces.SPARE:
                router_interface_calls.act_on_port(context, step)
            elif step.slot == _ROUTES:
                with context.changing():
                    row = context.cloud.do.routers.update(row["id"], ROUTERS.body(step.body))
            else:
                row = neutron_common.act_on_main(context, self.collection, row, step)
        return row

    @override
    def report(self, context: ReconcileContext, row: Router, inputs: RouterInputs) -> str:
        """What is seen of the router."""
        gateway = row.get("external_gateway_info")
        outside = gateway.get("external_fixed_ips") if gateway else None
        addresses = [ip["ip_address"] for ip in outside or ()]
        status = ROUTER.status(context)
        status["cloudStatus"] = row.get("status")
        status["externalNetworkID"] = gateway.get("network_id") if gateway else None
        status["externalAddresses"] = addresses
        legs = context.seen.of(Seen).interfaces
        legs = self._ports(context, row) if legs is None else legs
        found = router_interfaces.status_of(inputs, legs, owned=router_interfaces.owns(context))
        status["interfaces"] = found
        context.status = neutron_common.without_empty(status)
        many = len(found)
        where = f", gateway {', '.join(addresses)}" if gateway else ""
        return f"router {row['id']} with {many} interface{'' if many == 1 else 's'}{where}"

    @override
    def holds(self, context: ReconcileContext, row: Router) -> str:
        """Interfaces and routes."""
        legs = [
            each
            for each in context.rows(PORTS, context.request.clock.monotonic())
            if each.get("device_id") == row["id"]
        ]
        used = row.get("routes") or any(each.get("device_owner") != _GATEWAY_PORT for each in legs)
        return "it has interfaces or routes" if used else ""

    @override
    def removal(self, context: ReconcileContext, row: Router) -> Plan:
        """Its routes go, its interfaces, itself; unless others added interfaces, or addresses lead through it."""
        users = [
            user
            for user in context.request.view.objects("FloatingIP")
            if FLOATING_IP.status(user).get("routerID") == row["id"]
        ]
        if users:
            names = ", ".join(named(user, context.resource) for user in users)
            message = f"router {row['id']} is the way of {names}: it goes when they are deleted or lead elsewhere"
            return Plan(outcome=Outcome(Reason.IN_USE, message, WaitingFor(frozenset(user.key for user in users))))
        ports = self._ports(context, row)
        if ports and not router_interfaces.owns(context):
            view = context.request.view
            there = sorted(router_interfaces.subnets(ports))
            names = ", ".join(overlaps.subnet_named(context.resource, view, each) for each in there)
            message = f"router {row['id']} has interfaces on {names} that others added: remove them first"
            return Plan(outcome=again(Reason.IN_USE, message, 30.0))
        routes = [_routes_step(row, ())] if row.get("routes") else []
        there = sorted(router_interfaces.subnets(ports))
        interfaces = [router_interfaces.interface(row, "delete", subnet) for subnet in there]
        # The revision moves with the interfaces; what others add meanwhile, Neutron itself refuses to delete.
        spare = self._spare(context) if router_interfaces.owns(context) else []
        return only([*routes, *interfaces, *spare, neutron_common.deletion(self.noun, row, tested=False)])

    @override
    def releasing(self, context: ReconcileContext, row: Router) -> Plan:
        """Give up its mark, and those on the ports that were made for its interfaces; what is no interface goes."""
        steps = neutron_common.release_steps(context, self.noun, row)
        if router_interfaces.at_addresses(context):
            ports = [port for port in context.rows(PORTS) if port.get("device_id") == row["id"]]
            steps += self._spare(context)
            steps += [
                step
                for port in ports
                if router_interfaces.is_ours(context, port)
                for step in neutron_common.release_steps(
                    context, "port", port, child=None, slot=router_interfaces.SPARE
                )
            ]
        return only(steps)

    @override
    def leftovers(self, context: ReconcileContext, *, retain: bool) -> Plan:
        """The ports that were made for interfaces and are none."""
        return only(self._spare(context) if router_interfaces.at_addresses(context) else [])

    @override
    def act_on_leftovers(self, context: ReconcileContext, steps: Sequence[Step]) -> None:
        """Delete them."""
        for step in steps:
            router_interface_calls.act_on_port(context, step)

    @staticmethod
    def _spare(context: ReconcileContext) -> list[Step]:
        return [router_interfaces.left_over(port) for port in router_interfaces.spare(context, context.rows(PORTS))]


def _routes_step(row: Router, routes: Iterable[HostRoute]) -> Step:
    wanted = [dict(route) for route in routes]
    difference = Difference(_ROUTES, "routes", records(row.get("routes")), records(wanted))
    return Step("update", f"routes of router {row['id']}", _ROUTES, row["id"], None, {"routes": wanted}, (difference,))
