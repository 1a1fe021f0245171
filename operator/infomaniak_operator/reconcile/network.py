"""InfomaniakNetwork: a network and its subnets in Neutron."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.client.bodies import NetworkBody
from infomaniak_operator.client.resources import Network, Subnet
from infomaniak_operator.engine.contract import Again, Key, KubeObject, Reason, View
from infomaniak_operator.reconcile import neutron, subnets
from infomaniak_operator.reconcile.actuator import Inputs, Plan, Step
from infomaniak_operator.reconcile.fields import Field, applied, body_of
from infomaniak_operator.reconcile.outcome import Stop
from infomaniak_operator.reconcile.ownership import clear_to_create
from infomaniak_operator.reconcile.resourcetypes import NETWORKS, SUBNETS
from infomaniak_operator.reconcile.visit import Visit

FIELDS = (
    neutron.ADMIN_STATE,
    Field("mtu", "mtu"),
    Field("portSecurityEnabled", "port_security_enabled", default=True),
    Field("shared", "shared", default=False),
    Field("dnsDomain", "dns_domain", default=""),
)


class NetworkActuator(neutron.NeutronActuator[Network, NetworkBody]):
    """Knows how an InfomaniakNetwork becomes a network and subnets."""

    kind = "InfomaniakNetwork"
    collection = NETWORKS
    noun = "network"
    parts = "subnets"
    blocked_by = frozenset({"Router", "LoadBalancer"})

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """A network refers to nothing."""
        del resource
        return ()

    def resolve(self, resource: KubeObject, view: View) -> Inputs:
        """Nothing to resolve."""
        del resource, view
        return {}

    def body(self, visit: Visit, inputs: Inputs) -> NetworkBody:
        """The attributes of the network's create."""
        del inputs
        return neutron.creation(visit, NETWORKS, body_of(FIELDS, visit.spec))

    def rivals(self, visit: Visit, error: InfomaniakCloudError) -> list[KubeObject]:
        """The Routers and LoadBalancers on its subnets, or on the one that the refusal is about."""
        if error.category is not Category.IN_USE:
            return []
        mine = {str(subnet["id"]) for subnet in visit.resource.status.get("subnets") or ()}
        mine = {each for each in mine if each in str(error)} or mine
        view = visit.attempt.view
        found = [each for each in view.objects("LoadBalancer") if mine & neutron.used_by(each)]
        routers = view.objects("Router")
        return [*found, *(each for each in routers if mine & {leg["subnetID"] for leg in _legs(each)})]

    def applied(self, visit: Visit) -> list[str]:
        """The places of the fields that the spec sets."""
        spec = visit.spec
        places = [*applied(FIELDS, spec), *(name for name in ("description", "tags", "subnets") if name in spec)]
        for item in spec.get("subnets") or ():
            where = subnets.prefix(item["name"])
            places.append(where)
            places += applied(tuple(f for f in subnets.FIELDS if f.mutable), item, where)
            if "description" in item:
                places.append(f"{where}.description")
        return places

    def plan(self, visit: Visit, row: Network, inputs: Inputs, *, new: bool) -> Plan:
        """The network itself first, then its subnets."""
        del inputs
        visit.held_back.clear()
        rows = [] if new else [item for item in visit.rows(SUBNETS) if item["network_id"] == row["id"]]
        visit.children["subnets"] = list(rows)
        return self._steps(visit, row)

    def unmet(self, visit: Visit, row: Network, inputs: Inputs) -> Plan:
        """The same, by what was answered."""
        del inputs
        return self._steps(visit, row)

    def _steps(self, visit: Visit, row: Network) -> Plan:
        main = neutron.main_update(visit, row, self.noun, FIELDS)
        return [*main, *subnets.plan(visit, row["id"], visit.children["subnets"])]

    def act(self, visit: Visit, row: Network, steps: Plan) -> Network:
        """Carry out the steps; all new subnets in one call."""
        creates = [step for step in steps if step.verb == "create"]
        for step in steps:
            if step.verb == "create":
                continue
            if step.id == row["id"]:
                row = neutron.update_main(visit, self.collection, row, step)
            else:
                self._change_subnet(visit, step)
        if creates:
            self._create_subnets(visit, row, creates)
        return row

    def _change_subnet(self, visit: Visit, step: Step) -> None:
        seen = visit.children["subnets"]
        others = [item for item in seen if item["id"] != step.id]
        with visit.changing():
            if step.verb == "delete":
                visit.cloud.do.subnets.delete(step.id, if_revision=step.revision)
                visit.children["subnets"] = others
            else:
                updated = visit.cloud.do.subnets.update(step.id, SUBNETS.body(step.body), if_revision=step.revision)
                visit.children["subnets"] = [*others, updated]

    def _create_subnets(self, visit: Visit, row: Network, steps: list[Step]) -> None:
        def still_absent(not_before: float) -> bool:
            fresh = [item for item in visit.rows(SUBNETS, not_before) if item["network_id"] == row["id"]]
            known = {item["id"] for item in visit.children["subnets"]}
            return all(item["id"] in known for item in fresh)

        for step in steps:
            if not clear_to_create(visit, step.slot, still_absent, step.body):
                raise visit.again(Reason.CREATING, f"subnets of network {row['id']} have appeared in the cloud", 0.0)
        with visit.creating(*(step.slot for step in steps), bodies=[step.body for step in steps]):
            made = visit.cloud.do.subnets.create_many([SUBNETS.body(step.body) for step in steps])
        for each in made:
            visit.creates.answered(str(each["id"]))
        visit.children["subnets"] = [*visit.children["subnets"], *made]

    def report(self, visit: Visit, row: Network, inputs: Inputs) -> str:
        """What is seen of the network and its subnets."""
        del inputs
        if "subnets" not in visit.children:
            visit.children["subnets"] = _under(visit, row)
        visit.status["cloudStatus"] = row.get("status")
        visit.status["mtu"] = row.get("mtu")
        visit.status["subnets"] = subnets.reported(visit.children["subnets"], visit)
        visit.say_held_back()
        many = len(visit.status["subnets"])
        return f"network {row['id']} with {many} subnet{'' if many == 1 else 's'}"

    def pending(self, row: Network) -> str | None:
        """A network is ready when it is ACTIVE; one that is administratively down stays DOWN."""
        status = row.get("status")
        if status == "ACTIVE" or row.get("admin_state_up") is False:
            return None
        return f"network {row['id']} is {status} in the cloud"

    def may_make_again(self, visit: Visit) -> bool:
        """A network of ours that somebody deleted is made again, with its subnets."""
        del visit
        return True

    def remove(self, visit: Visit, row: Network) -> None:
        """Delete the network, and with it its subnets: one call, which Neutron carries out as a whole.

        The revision is tested, so that a subnet added by others since we looked is not taken along.

        Raises:
            Stop: a subnet under it is not ours.
        """
        # Listed after the network was read: a subnet that came in between has moved the revision that is tested below.
        listed = visit.rows(SUBNETS, visit.attempt.clock.monotonic())
        under = [item for item in listed if item["network_id"] == row["id"]]
        strange = subnets.copies(visit, under)
        foreign = [item for item in under if item in strange or not subnets.is_ours(visit, item)]
        if foreign:
            names = ", ".join(
                f"{item.get('name') or 'without a name'} ({item['id']}, {item['cidr']})" for item in foreign
            )
            message = f"network {row['id']} has subnets that are not ours: {names}; delete or move them first"
            raise Stop(Reason.IN_USE, message, Again(30.0))
        with visit.changing():
            visit.cloud.do.networks.delete(row["id"], if_revision=row.get("revision_number"))

    def release(self, visit: Visit, row: Network) -> None:
        """Release the marks of the subnets, then the network's."""
        under = [item for item in visit.rows(SUBNETS) if item["network_id"] == row["id"]]
        for item in subnets.copies(visit, under).sift(under):
            neutron.release_row(visit, SUBNETS, item, child=None)
        neutron.release_row(visit, self.collection, row)


def _under(visit: Visit, row: Network) -> list[Subnet]:
    """The subnets of a network that is only read. Those of a network that others share are theirs, too.

    Those of an external one that is not shared are of no use here, and are not asked for at each resync.
    """
    if row.get("project_id") == visit.cloud.project_id:
        return [item for item in visit.rows(SUBNETS) if item["network_id"] == row["id"]]
    usable = row.get("subnets") and (row.get("shared") or not row.get("router:external"))
    return list(visit.rows(SUBNETS, network_id=str(row["id"]))) if usable else []


def _legs(router: KubeObject) -> list[Any]:
    return list(router.status.get("interfaces") or ())
