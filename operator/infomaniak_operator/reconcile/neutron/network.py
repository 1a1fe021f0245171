"""InfomaniakNetwork: a network and its subnets in Neutron."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import override

from infomaniak_operator.api.json_types import INFOMANIAK_NETWORK, InfomaniakNetworkSpecField, StatusField
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.client.bodies import NetworkBody
from infomaniak_operator.client.resources import Network, Subnet
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason, RequeueAfter
from infomaniak_operator.reconcile.generic.actuator import Inputs, Plan, Step
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.fields import Field, applied, body_of
from infomaniak_operator.reconcile.generic.outcomes import Stop
from infomaniak_operator.reconcile.generic.owned import clear_to_create, with_named
from infomaniak_operator.reconcile.neutron import neutron_common, subnets
from infomaniak_operator.reconcile.openstack.resource_types import NETWORKS, SUBNETS

FIELDS: tuple[Field[InfomaniakNetworkSpecField], ...] = (
    neutron_common.ADMIN_STATE,
    Field("mtu", "mtu"),
    Field("portSecurityEnabled", "port_security_enabled", default=True),
    Field("shared", "shared", default=False),
    Field("dnsDomain", "dns_domain", default=""),
)


class NetworkActuator(neutron_common.NeutronActuator[Network, NetworkBody]):
    """Knows how an InfomaniakNetwork becomes a network and subnets."""

    kind = "InfomaniakNetwork"
    collection = NETWORKS
    noun = "network"
    parts: StatusField | None = "subnets"

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """A network refers to nothing."""
        return ()

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> Inputs:
        """Nothing to resolve."""
        return {}

    @override
    def body(self, context: ReconcileContext, inputs: Inputs) -> NetworkBody:
        """The attributes of the network's create."""
        return neutron_common.creation(context, NETWORKS, body_of(FIELDS, context.spec))

    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects with ports on its subnets, or on the one that the refusal is about."""
        if error.category is not Category.IN_USE:
            return []
        mine = {str(subnet["id"]) for subnet in INFOMANIAK_NETWORK.status(context.resource).get("subnets") or ()}
        mine = {each for each in mine if each in str(error)} or mine
        users = (each for kind in sorted(KINDS) for each in context.request.view.objects(kind))
        return [each for each in users if mine & neutron_common.used_by(each)]

    def applied(self, context: ReconcileContext) -> list[str]:
        """The places of the fields that the spec sets."""
        spec = INFOMANIAK_NETWORK.spec(context)
        places = [*applied(FIELDS, spec), *INFOMANIAK_NETWORK.named(context, "description", "tags", "subnets")]
        for item in spec.get("subnets") or ():
            where = subnets.prefix(item["name"])
            places.append(where)
            places += applied(tuple(f for f in subnets.FIELDS if f.mutable), item, where)
            if "description" in item:
                places.append(f"{where}.description")
        return places

    @override
    def plan(self, context: ReconcileContext, row: Network, inputs: Inputs, *, new: bool) -> Plan:
        """The network itself first, then its subnets."""
        context.held_back.clear()
        context.children["subnets"] = [] if new else subnets.under(context, row["id"])
        return self._steps(context, row)

    @override
    def unmet(self, context: ReconcileContext, row: Network, inputs: Inputs) -> Plan:
        """The same, by what was answered."""
        return self._steps(context, row)

    def _steps(self, context: ReconcileContext, row: Network) -> Plan:
        main = neutron_common.main_update(context, row, self.noun, FIELDS)
        return [*main, *subnets.plan(context, row["id"], context.children["subnets"])]

    def act(self, context: ReconcileContext, row: Network, steps: Plan) -> Network:
        """Carry out the steps; all new subnets in one call."""
        creates = [step for step in steps if step.verb == "create"]
        for step in steps:
            if step.verb == "create":
                continue
            if step.id == row["id"]:
                row = neutron_common.update_main(context, self.collection, row, step)
            else:
                self._change_subnet(context, step)
        if creates:
            self._create_subnets(context, row, creates)
        return row

    def _change_subnet(self, context: ReconcileContext, step: Step) -> None:
        seen = context.children["subnets"]
        others = [item for item in seen if item["id"] != step.id]
        with context.changing():
            if step.verb == "delete":
                context.cloud.do.subnets.delete(step.id, if_revision=step.revision)
                context.has_deleted(step.id)
                context.children["subnets"] = others
            else:
                updated = context.cloud.do.subnets.update(step.id, SUBNETS.body(step.body), if_revision=step.revision)
                context.children["subnets"] = [*others, updated]

    def _create_subnets(self, context: ReconcileContext, row: Network, steps: list[Step]) -> None:
        def still_absent(not_before: float) -> bool:
            fresh = [item for item in context.rows(SUBNETS, not_before) if item["network_id"] == row["id"]]
            known = {item["id"] for item in context.children["subnets"]}
            return all(item["id"] in known for item in fresh)

        for step in steps:
            if not clear_to_create(context, step.slot, still_absent, step.body):
                raise context.again(Reason.CREATING, f"subnets of network {row['id']} have appeared in the cloud", 0.0)
        subnets.forget(context, (step.slot for step in steps), context.children["subnets"])
        with context.creating(*(step.slot for step in steps), bodies=[step.body for step in steps]):
            made = context.cloud.do.subnets.create_many([SUBNETS.body(step.body) for step in steps])
        for each in made:
            context.creates.answered(str(each["id"]))
        context.children["subnets"] = [*context.children["subnets"], *made]

    @override
    def report(self, context: ReconcileContext, row: Network, inputs: Inputs) -> str:
        """What is seen of the network and its subnets."""
        if "subnets" not in context.children:
            context.children["subnets"] = _under(context, row)
        shown = subnets.reported(context.children["subnets"], context)
        status = INFOMANIAK_NETWORK.status(context)
        status["cloudStatus"] = row.get("status")
        status["mtu"] = row.get("mtu")
        status["subnets"] = shown
        context.say_held_back()
        many = len(shown)
        return f"network {row['id']} with {many} subnet{'' if many == 1 else 's'}"

    def pending(self, row: Network) -> str | None:
        """A network is ready when it is ACTIVE; one that is administratively down stays DOWN."""
        status = row.get("status")
        if status == "ACTIVE" or row.get("admin_state_up") is False:
            return None
        return f"network {row['id']} is {status} in the cloud"

    @override
    def may_make_again(self, context: ReconcileContext) -> bool:
        """A network of ours that somebody deleted is made again, with its subnets."""
        return True

    def holds(self, context: ReconcileContext, row: Network) -> str:
        """Subnets."""
        after = context.request.clock.monotonic()
        here = row["id"]
        return "it has subnets" if any(each["network_id"] == here for each in context.rows(SUBNETS, after)) else ""

    def remove(self, context: ReconcileContext, row: Network) -> None:
        """Delete the network, and with it its subnets: one call, which Neutron carries out as a whole.

        The revision is tested, so that a subnet added by others since we looked is not taken along.

        Raises:
            Stop: a subnet under it is not ours.
        """
        # Listed after the network was read: a subnet that came in between has moved the revision that is tested below.
        # What the network itself names, and the list lacks, is asked for: it would go along unseen.
        rows = context.rows(SUBNETS, context.request.clock.monotonic())
        listed = with_named(context, SUBNETS, rows, row.get("subnets") or ())
        under = [item for item in listed if item["network_id"] == row["id"]]
        strange = subnets.copies(context, under)
        foreign = [item for item in under if item in strange or not subnets.is_ours(context, item)]
        if foreign:
            names = ", ".join(
                f"{item.get('name') or 'without a name'} ({item['id']}, {item['cidr']})" for item in foreign
            )
            message = f"network {row['id']} has subnets that are not ours: {names}; delete or move them first"
            raise Stop(Reason.IN_USE, message, RequeueAfter(30.0))
        with context.changing():
            context.cloud.do.networks.delete(row["id"], if_revision=row.get("revision_number"))

    def release(self, context: ReconcileContext, row: Network) -> None:
        """Release the marks of the subnets, then the network's."""
        under = subnets.under(context, row["id"])
        for item in subnets.copies(context, under).sift(under):
            neutron_common.release_row(context, SUBNETS, item, child=None)
        neutron_common.release_row(context, self.collection, row)


def _under(context: ReconcileContext, row: Network) -> list[Subnet]:
    """The subnets of a network that is only read. Those of a network that others share are theirs, too.

    Those of an external one that is not shared are of no use here, and are not asked for at each resync.
    """
    if row.get("project_id") == context.cloud.project_id:
        return [item for item in context.rows(SUBNETS) if item["network_id"] == row["id"]]
    usable = row.get("subnets") and (row.get("shared") or not row.get("router:external"))
    return list(context.rows(SUBNETS, network_id=str(row["id"]))) if usable else []
