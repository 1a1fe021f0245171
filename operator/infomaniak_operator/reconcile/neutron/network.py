"""InfomaniakNetwork: a network and its subnets in Neutron."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from typing_extensions import override

from infomaniak_operator.api.json_types import INFOMANIAK_NETWORK, InfomaniakNetworkSpecField, StatusField
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.api.v1alpha1.network_types import MAX_SHARES
from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.client.bodies import NetworkBody
from infomaniak_operator.client.resources import Network, Subnet
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.actuator import Inputs
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Field, applied, body_of
from infomaniak_operator.reconcile.generic.needs import Needs
from infomaniak_operator.reconcile.generic.outcomes import Ended, again
from infomaniak_operator.reconcile.generic.owned import clear_to_create, with_named
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import neutron_common, overlaps, subnet_pools, subnets
from infomaniak_operator.reconcile.openstack.resource_types import NETWORKS, SUBNETS

_SUBNET = "subnet"

FIELDS: tuple[Field[InfomaniakNetworkSpecField], ...] = (
    neutron_common.ADMIN_STATE,
    Field("mtu", "mtu"),
    Field("portSecurityEnabled", "port_security_enabled", default=True),
    Field("shared", "shared", default=False),
    Field("dnsDomain", "dns_domain", default=""),
    neutron_common.QOS_POLICY,
)


@dataclass(slots=True)
class _Seen:
    """What a reconcile has seen of a network: its subnets, kept up to date; None: they were not looked for."""

    subnets: list[Subnet] | None = None


class NetworkActuator(neutron_common.NeutronActuator[Network, NetworkBody]):
    """Knows how an InfomaniakNetwork becomes a network and subnets."""

    kind = "InfomaniakNetwork"
    collection = NETWORKS
    noun = "network"
    parts: StatusField | None = "subnets"
    quota = "network"
    fields = FIELDS
    lists = ("description", "tags", "subnets")

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """A network refers to nothing."""
        return ()

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> Inputs:
        """Nothing to resolve."""
        return {}

    @override
    def body(self, facts: Facts, inputs: Inputs) -> NetworkBody:
        """The attributes of the network's create."""
        return neutron_common.creation(facts, NETWORKS, body_of(FIELDS, facts.spec))

    @override
    def needs(self, context: ReconcileContext, inputs: Inputs, steps: Sequence[Step] | None) -> Needs:
        """The network, its subnets, and the ports of their DHCP; what goes makes room, for it goes first."""
        if steps is None:
            items = INFOMANIAK_NETWORK.spec(context).get("subnets") or ()
            dhcp = sum(item.get("enableDHCP", True) for item in items)
            return Needs({self.quota: 1, _SUBNET: len(items)}, dhcp)
        come = [step for step in steps if step.verb == "create"]
        gone = [step for step in steps if step.verb == "delete"]
        dhcp = sum(step.body.get("enable_dhcp", True) is True for step in come) - len(gone)
        return Needs({_SUBNET: len(come) - len(gone)}, max(dhcp, 0))

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects with ports on its subnets, or on the one that the refusal is about."""
        if error.category is not Category.IN_USE:
            return []
        mine = {str(subnet["id"]) for subnet in INFOMANIAK_NETWORK.status(context.resource).get("subnets") or ()}
        mine = {each for each in mine if each in str(error)} or mine
        users = (each for kind in sorted(KINDS) for each in context.request.view.objects(kind))
        return [each for each in users if mine & neutron_common.used_by(each)]

    @override
    def advice(self, context: ReconcileContext, error: InfomaniakCloudError) -> str:
        """The subnets that a subnet pool has refused, or whose addresses another one has."""
        there = (str(each.get("name")) for each in INFOMANIAK_NETWORK.status(context.resource).get("subnets") or ())
        items = INFOMANIAK_NETWORK.spec(context).get("subnets") or ()
        return subnet_pools.advice(items, there, error) or overlaps.of_a_network(items, error.message)

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets."""
        places = super().applied(facts)
        for item in INFOMANIAK_NETWORK.spec(facts).get("subnets") or ():
            where = subnets.prefix(item["name"])
            places.append(where)
            places += applied(tuple(f for f in subnets.FIELDS if f.mutable), item, where)
            if "description" in item:
                places.append(f"{where}.description")
        return places

    @override
    def observe(self, context: ReconcileContext, row: Network, inputs: Inputs, *, new: bool) -> None:
        """Its subnets."""
        subnets.note_named(context)
        context.seen.of(_Seen).subnets = [] if new else subnets.under(context, row["id"])

    @override
    def plan(self, facts: Facts, row: Network, inputs: Inputs) -> Plan:
        """The network itself first, then its subnets."""
        main = only(neutron_common.main_update(facts, row, self.noun, FIELDS))
        return main.and_then(subnets.plan(facts, row["id"], facts.seen.of(_Seen).subnets or []))

    @override
    def act(self, context: ReconcileContext, row: Network, steps: Sequence[Step]) -> Network | Ended:
        """Carry out the steps; all new subnets in one call."""
        creates = [step for step in steps if step.verb == "create"]
        for step in steps:
            if step.verb == "create":
                continue
            if step.id == row["id"]:
                row = neutron_common.act_on_main(context, self.collection, row, step)
            elif step.verb == "release":
                with context.changing():
                    context.cloud.do.subnets.update(step.id, SUBNETS.body(step.body))
            else:
                self._change_subnet(context, step)
        too_early = self._create_subnets(context, row, creates) if creates else None
        return too_early or row

    def _change_subnet(self, context: ReconcileContext, step: Step) -> None:
        seen = context.seen.of(_Seen)
        others = [item for item in seen.subnets or () if item["id"] != step.id]
        with context.changing():
            if step.verb == "delete":
                context.cloud.do.subnets.delete(step.id, if_revision=step.revision)
                context.has_deleted(step.id)
                seen.subnets = others
            else:
                updated = context.cloud.do.subnets.update(step.id, SUBNETS.body(step.body), if_revision=step.revision)
                seen.subnets = [*others, updated]

    def _create_subnets(self, context: ReconcileContext, row: Network, steps: list[Step]) -> Ended | None:
        seen = context.seen.of(_Seen)
        there = seen.subnets or []

        def still_absent(not_before: float) -> bool:
            fresh = [item for item in context.rows(SUBNETS, not_before) if item["network_id"] == row["id"]]
            known = {item["id"] for item in there}
            return all(item["id"] in known for item in fresh)

        appeared = f"subnets of network {row['id']} have appeared in the cloud"
        for step in steps:
            if too_early := clear_to_create(context, step.slot, still_absent, appeared, step.body):
                return too_early
        subnets.forget(context, (step.slot for step in steps), there)
        with context.creating(*(step.slot for step in steps), bodies=[step.body for step in steps]):
            made = context.cloud.do.subnets.create_many([SUBNETS.body(step.body) for step in steps])
        for each in made:
            context.creates.answered(str(each["id"]))
        seen.subnets = [*there, *made]
        return None

    @override
    def report(self, context: ReconcileContext, row: Network, inputs: Inputs) -> str:
        """What is seen of the network and its subnets."""
        seen = context.seen.of(_Seen)
        if seen.subnets is None:
            seen.subnets = _under(context, row)
        shown = subnets.reported(seen.subnets, context)
        status = INFOMANIAK_NETWORK.status(context)
        status["cloudStatus"] = row.get("status")
        status["mtu"] = row.get("mtu")
        status["subnets"] = shown
        status.pop("qosPolicyID", None)
        if policy := row.get("qos_policy_id"):
            status["qosPolicyID"] = policy
        _report_shares(context, row)
        many = len(shown)
        return f"network {row['id']} with {many} subnet{'' if many == 1 else 's'}"

    @override
    def holds(self, context: ReconcileContext, row: Network) -> str:
        """Subnets."""
        after = context.request.clock.monotonic()
        here = row["id"]
        return "it has subnets" if any(each["network_id"] == here for each in context.rows(SUBNETS, after)) else ""

    @override
    def removal(self, context: ReconcileContext, row: Network) -> Plan:
        """Delete the network, and with it its subnets: one call, which Neutron carries out as a whole.

        The revision is tested, so that a subnet added by others since we looked is not taken along.
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
            return Plan(outcome=again(Reason.IN_USE, message, 30.0))
        return only([neutron_common.deletion(self.noun, row)])

    @override
    def releasing(self, context: ReconcileContext, row: Network) -> Plan:
        """The marks of the subnets, then the network's."""
        under = subnets.under(context, row["id"])
        steps: list[Step] = []
        for item in subnets.copies(context, under).sift(under):
            slot = f"subnet:{item['id']}"
            steps += neutron_common.release_steps(context, "subnet", item, child=None, slot=slot)
        return only([*steps, *neutron_common.release_steps(context, self.noun, row)])


def _report_shares(context: ReconcileContext, row: Network) -> None:
    """With whom it is shared, where the spec asks for that; where it cannot be read, what was read before stays."""
    status = INFOMANIAK_NETWORK.status(context)
    ours = row.get("project_id") == context.cloud.project_id  # of others' networks Neutron tells nothing
    if not ours or not INFOMANIAK_NETWORK.spec(context).get("observeShares"):
        status.pop("sharedWith", None)
        return
    shares = context.cloud.network_shares()
    if shares is not None:
        status["sharedWith"] = list(shares.get(row["id"], ()))[:MAX_SHARES]


def _under(context: ReconcileContext, row: Network) -> list[Subnet]:
    """The subnets of a network that is only read. Those of a network that others share are theirs, too.

    Those of an external one that is not shared are of no use here, and are not asked for at each resync.
    """
    if row.get("project_id") == context.cloud.project_id:
        return [item for item in context.rows(SUBNETS) if item["network_id"] == row["id"]]
    usable = row.get("subnets") and (row.get("shared") or not row.get("router:external"))
    return list(context.rows(SUBNETS, network_id=str(row["id"]))) if usable else []
