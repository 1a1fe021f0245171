"""Router: a router in Neutron, its gateway, its interfaces and its routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, cast

from typing_extensions import override

from infomaniak_operator.api.json_types import FLOATING_IP, ROUTER, RouterSpecField
from infomaniak_operator.client import BadRequestError, Category, ConflictError, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import RouterBody
from infomaniak_operator.client.resources import ExternalGateway, HostRoute, Router
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason, RequeueAfter, WaitingFor
from infomaniak_operator.reconcile.generic.actuator import Dependency, Plan, Step, Unresolved
from infomaniak_operator.reconcile.generic.context import Leg, ReconcileContext, Traits
from infomaniak_operator.reconcile.generic.fields import Difference, Field, applied, body_of, changes, records
from infomaniak_operator.reconcile.generic.outcomes import Stop, named
from infomaniak_operator.reconcile.neutron import external_network, neutron_common
from infomaniak_operator.reconcile.neutron.neutron_common import ADDRESS_TAKEN, subnet_of
from infomaniak_operator.reconcile.openstack.resource_types import PORTS, ROUTERS

FIELDS: tuple[Field[RouterSpecField], ...] = (neutron_common.ADMIN_STATE,)
_GATEWAY: Final = "externalGateway"
_GATEWAY_PORT = "network:router_gateway"
"""The device owner of a router's port in its external network."""
_INTERFACES: Final = "interfaces"
_ROUTES: Final = "routes"
_IS_THERE = "Router already has a port on subnet"
"""In Neutron's words where a router has the interface."""
_OWNERS = frozenset(
    {
        "network:router_interface",
        "network:router_interface_distributed",
        "network:ha_router_replicated_interface",
    }
)


class RouterInputs(external_network.ExternalInputs, total=False):
    """The subnets of its interfaces, and the external network of its gateway."""

    subnets: list[str]


class RouterActuator(neutron_common.NeutronActuator[Router, RouterBody, RouterInputs]):
    """Knows how a Router becomes a router with gateway, interfaces and routes."""

    kind = "Router"
    collection = ROUTERS
    noun = "router"
    depends_on = frozenset({Dependency(neutron_common.NETWORK, keeps=True)})
    traits = Traits(outliving=frozenset({"interfaces"}))

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The networks of its interfaces, and that of its gateway."""
        spec = ROUTER.spec(resource)
        names = {item["networkRef"]["name"] for item in spec.get(_INTERFACES) or () if item.get("networkRef")}
        own = [Key(neutron_common.NETWORK, resource.key.namespace, name) for name in sorted(names)]
        return [*external_network.references(resource, spec.get(_GATEWAY)), *own]

    def resolve(self, resource: KubeObject, view: CacheReader) -> RouterInputs:
        """The subnets of its interfaces, and the external network.

        Raises:
            Unresolved: a network or subnet is not there yet.
        """
        subnets = []
        spec = ROUTER.spec(resource)
        known = {str(each.get("subnetID")) for each in ROUTER.status(resource).get(_INTERFACES) or ()}
        for index, item in enumerate(spec.get(_INTERFACES) or ()):
            if item.get("subnetID"):
                subnets.append(str(item["subnetID"]))
                continue
            subnets.append(
                subnet_of(resource, view, item, f"spec.interfaces[{index}]", known, address=None)["subnetID"]
            )
        return {
            "subnets": subnets,
            **external_network.resolve(resource, view, spec.get(_GATEWAY), "spec.externalGateway"),
        }

    def body(self, context: ReconcileContext, inputs: RouterInputs) -> RouterBody:
        """The attributes of the router's create, its gateway included."""
        gateway = self._gateway(context, inputs)
        attributes = body_of(FIELDS, context.spec)
        return neutron_common.creation(
            context, ROUTERS, {**attributes, **({"external_gateway_info": gateway} if gateway else {})}
        )

    @staticmethod
    def _gateway(context: ReconcileContext, inputs: RouterInputs) -> ExternalGateway | None:
        """What is sent for the gateway. ``enable_snat`` takes an administrator's rights: only if the spec asks."""
        network = external_network.network_id(context, inputs, "spec.externalGateway")
        if network is None:
            return None
        item = ROUTER.spec(context)[_GATEWAY]
        gateway: ExternalGateway = {"network_id": network}
        if "enableSNAT" in item:
            gateway["enable_snat"] = item["enableSNAT"]
        return gateway

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
        mine = {leg.get("subnetID") for leg in ROUTER.status(me).get("interfaces") or ()}
        try:
            wanted = set(self.resolve(me, view)["subnets"]) - mine
        except Unresolved:  # it has gone meanwhile
            return []
        return [
            each
            for each in view.objects(self.kind)
            if each.uid != me.uid
            and any(leg.get("subnetID") in wanted for leg in ROUTER.status(each).get("interfaces") or ())
        ]

    def applied(self, context: ReconcileContext) -> list[str]:
        """The places of the fields that the spec sets."""
        names = ROUTER.named(context, "description", "tags", _GATEWAY, _INTERFACES, _ROUTES)
        return [*applied(FIELDS, context.spec), *names]

    def plan(self, context: ReconcileContext, row: Router, inputs: RouterInputs, *, new: bool) -> Plan:
        """The gateway with the router itself, then routes that go, interfaces that go and come, routes that come."""
        context.children[_INTERFACES] = [] if new else self._ports(context, row)
        return self._steps(context, row, inputs)

    def unmet(self, context: ReconcileContext, row: Router, inputs: RouterInputs) -> Plan:
        """The same, by what was answered."""
        return self._steps(context, row, inputs)

    def _steps(self, context: ReconcileContext, row: Router, inputs: RouterInputs) -> Plan:
        ports = context.children[_INTERFACES]
        steps = self._main(context, row, inputs)
        routes = self._routes(context)
        gone, come = _interface_steps(context, row, inputs, ports)
        if routes is not None:
            former = records(row.get("routes"))
            kept = cast("list[HostRoute]", [route for route in former if route in records(routes)])
            if kept != former and (gone or not routes):
                steps.append(_routes_step(row, kept))
                row = {**row, "routes": kept}
        steps += [*gone, *come]
        if routes is not None and records(routes) != records(row.get("routes")):
            steps.append(_routes_step(row, routes))
        return steps

    def _main(self, context: ReconcileContext, row: Router, inputs: RouterInputs) -> list[Step]:
        found = neutron_common.main_differences(context, row, FIELDS)
        difference = self._gateway_difference(context, row, inputs)
        found += [difference] if difference else []
        steps = neutron_common.tags_step(context, row, self.noun)
        if found:
            body = changes(found)
            step = Step("update", f"router {row['id']}", "", row["id"], row.get("revision_number"), body, tuple(found))
            steps.insert(0, step)
        return steps

    def _gateway_difference(self, context: ReconcileContext, row: Router, inputs: RouterInputs) -> Difference | None:
        now = row.get("external_gateway_info") or None
        if _GATEWAY not in ROUTER.spec(context):
            if _GATEWAY not in context.applied or now is None:
                return None
            return Difference(_GATEWAY, "external_gateway_info", now.get("network_id"), {})
        wanted: Mapping[str, object] = self._gateway(context, inputs) or {}
        if now is None and not wanted:
            return None
        if now is not None and wanted and all(now.get(name) == value for name, value in wanted.items()):
            return None
        return Difference(_GATEWAY, "external_gateway_info", now.get("network_id") if now else None, wanted)

    @staticmethod
    def _routes(context: ReconcileContext) -> list[HostRoute] | None:
        """The routes to have; None where they are not managed."""
        spec = ROUTER.spec(context)
        if _ROUTES in spec:
            items = spec[_ROUTES] or ()
            return [{"destination": item["destination"], "nexthop": item["nexthop"]} for item in items]
        return [] if _ROUTES in context.applied else None

    def _ports(self, context: ReconcileContext, row: Router) -> list[Leg]:
        return [p for p in context.rows(PORTS) if p.get("device_id") == row["id"] and p.get("device_owner") in _OWNERS]

    def act(self, context: ReconcileContext, row: Router, steps: Plan) -> Router:
        """Carry out the steps, in order."""
        routers = context.cloud.do.routers
        for step in steps:
            if step.slot.startswith("interface/"):
                subnet = str(step.body["subnet_id"])
                there = context.children[_INTERFACES]
                if step.verb == "create":
                    added = _add_interface(context, row, subnet)
                    context.children[_INTERFACES] = [*there, {"fixed_ips": [{"subnet_id": added}]}]
                else:
                    with context.changing():
                        routers.remove_interface(row["id"], subnet_id=subnet)
                    context.children[_INTERFACES] = [port for port in there if subnet not in _subnets([port])]
            elif step.slot == _ROUTES:
                with context.changing():
                    row = routers.update(row["id"], ROUTERS.body(step.body))
            else:
                row = neutron_common.update_main(context, self.collection, row, step)
        return row

    def report(self, context: ReconcileContext, row: Router, inputs: RouterInputs) -> str:
        """What is seen of the router."""
        gateway = row.get("external_gateway_info")
        outside = gateway.get("external_fixed_ips") if gateway else None
        addresses = [ip["ip_address"] for ip in outside or ()]
        status = ROUTER.status(context)
        status["cloudStatus"] = row.get("status")
        status["externalNetworkID"] = gateway.get("network_id") if gateway else None
        status["externalAddresses"] = addresses
        subnets = list(inputs.get("subnets") or ())
        if not _owns_interfaces(context):
            ports = context.children.get(_INTERFACES)
            ports = self._ports(context, row) if ports is None else ports
            subnets = sorted(_subnets(ports))
        status["interfaces"] = [{"subnetID": subnet} for subnet in subnets]
        context.status = neutron_common.without_empty(status)
        many = len(subnets)
        where = f", gateway {', '.join(addresses)}" if gateway else ""
        return f"router {row['id']} with {many} interface{'' if many == 1 else 's'}{where}"

    def pending(self, row: Router) -> str | None:
        """A router is ready when it is ACTIVE; one that is administratively down stays DOWN."""
        if row.get("status") in ("ACTIVE", None) or row.get("admin_state_up") is False:
            return None
        return f"router {row['id']} is {row.get('status')} in the cloud"

    @override
    def may_make_again(self, context: ReconcileContext) -> bool:
        """A router of ours that somebody deleted is made again."""
        return True

    def holds(self, context: ReconcileContext, row: Router) -> str:
        """Interfaces and routes."""
        legs = [
            each
            for each in context.rows(PORTS, context.request.clock.monotonic())
            if each.get("device_id") == row["id"]
        ]
        used = row.get("routes") or any(each.get("device_owner") != _GATEWAY_PORT for each in legs)
        return "it has interfaces or routes" if used else ""

    def remove(self, context: ReconcileContext, row: Router) -> None:
        """Delete the router: its routes, its interfaces, itself.

        Raises:
            Stop: it has interfaces that the spec does not own, or addresses lead through it.
        """
        users = [
            user
            for user in context.request.view.objects("FloatingIP")
            if FLOATING_IP.status(user).get("routerID") == row["id"]
        ]
        if users:
            names = ", ".join(named(user, context.resource) for user in users)
            message = f"router {row['id']} is the way of {names}: it goes when they are deleted or lead elsewhere"
            raise Stop(Reason.IN_USE, message, WaitingFor(frozenset(user.key for user in users)))
        ports = self._ports(context, row)
        if ports and not _owns_interfaces(context):
            names = ", ".join(sorted(_subnets(ports)))
            message = f"router {row['id']} has interfaces on subnets {names} that others added: remove them first"
            raise Stop(Reason.IN_USE, message, RequeueAfter(30.0))
        routers = context.cloud.do.routers
        with context.changing():
            if row.get("routes"):
                routers.update(row["id"], {"routes": []})
            for subnet in sorted(_subnets(ports)):
                routers.remove_interface(row["id"], subnet_id=subnet)
            # The revision has moved with the interfaces; what others add meanwhile, Neutron itself refuses to delete.
            routers.delete(row["id"])

    def release(self, context: ReconcileContext, row: Router) -> None:
        """Release the mark."""
        neutron_common.release_row(context, self.collection, row)


def _owns_interfaces(context: ReconcileContext) -> bool:
    """Whether the spec says which interfaces there are, or did until now."""
    return _INTERFACES in ROUTER.spec(context) or _INTERFACES in context.applied


def _subnets(ports: Iterable[Leg]) -> set[str]:
    return {str(ip["subnet_id"]) for port in ports for ip in port.get("fixed_ips") or ()}


def _interface_steps(
    context: ReconcileContext, row: Router, inputs: RouterInputs, ports: Sequence[Leg]
) -> tuple[list[Step], list[Step]]:
    if not _owns_interfaces(context):
        return [], []
    wanted, there = list(dict.fromkeys(inputs["subnets"])), _subnets(ports)

    def step(verb: Literal["create", "delete"], subnet: str) -> Step:
        what = f"interface of router {row['id']} on subnet {subnet}"
        return Step(verb, what, f"interface/{subnet}", row["id"], body={"subnet_id": subnet})

    gone = [step("delete", subnet) for subnet in sorted(there - set(wanted))]
    return gone, [step("create", subnet) for subnet in wanted if subnet not in there]


def _routes_step(row: Router, routes: Iterable[HostRoute]) -> Step:
    wanted = [dict(route) for route in routes]
    difference = Difference(_ROUTES, "routes", records(row.get("routes")), records(wanted))
    return Step("update", f"routes of router {row['id']}", _ROUTES, row["id"], None, {"routes": wanted}, (difference,))


def _add_interface(context: ReconcileContext, row: Router, subnet: str) -> str:
    """Add an interface; one that is there already is what was wanted. Returns the subnet it is on.

    Neutron answers 400 to an interface that the router has: a former attempt whose answer was lost, or one that no list
    shows. An interface has no id of its own that could be asked for: Neutron's word counts.

    Raises:
        InfomaniakCloudError: it was refused.
    """
    try:
        with context.changing():
            added = context.cloud.do.routers.add_interface(row["id"], subnet_id=subnet)
        return str(added.get("subnet_id") or subnet)
    except (BadRequestError, ConflictError) as error:
        ports = context.cloud.do.ports.list(device_id=row["id"])
        listed = _subnets(port for port in ports if port.get("device_owner") in _OWNERS)
        if subnet not in listed and f"{_IS_THERE} {subnet}" not in str(error):
            raise
        return subnet
    except NotFoundError as error:
        message = f"subnet {subnet} is not there (any more): {error}"
        raise Stop(Reason.WAITING_FOR_REFERENCE, message, RequeueAfter(10.0)) from error
