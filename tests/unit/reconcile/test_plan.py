"""Plans are values: made without a cloud, and checked by every test that has one made. A kind is small."""

import inspect

import pytest

from infomaniak_operator.controller.interfaces import KubeObject, Memory, Reason
from infomaniak_operator.reconcile.generic.actuator import Actuator, Kind, PlainActuator
from infomaniak_operator.reconcile.generic.facts import Facts, owner_of
from infomaniak_operator.reconcile.generic.fields import Field, body_of
from infomaniak_operator.reconcile.generic.outcomes import stalled
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.neutron.network import NetworkActuator
from infomaniak_operator.reconcile.octavia.load_balancer import LoadBalancerActuator
from infomaniak_operator.reconcile.octavia.tree_state import Trees
from infomaniak_operator.reconcile.openstack.resource_types import NETWORKS
from tests.support.objects import KUBE_SYSTEM, network, subnet
from tests.support.pure_plans import check_plans
from tests.support.trees import balancer
from tests.support.world import World


class _Nobody:
    """No other object."""

    def get(self, key):
        return None

    def objects(self, kind, namespace=None):
        return []

    def referrers(self, key):
        return []


class _Subject:
    def __init__(self, body):
        self.resource, self.view, self.memory = KubeObject.of(body), _Nobody(), Memory()


def facts_of(body):
    """All that a plan gets: an object, and nothing that could be asked."""
    subject = _Subject(body)
    return Facts(subject, owner_of(KUBE_SYSTEM, subject.resource), dict(subject.resource.json_status))


def test_a_network_s_plan_needs_no_cloud():
    facts = facts_of(network(mtu=1400, subnets=[subnet()]))
    row = {"id": "n", "name": "front", "mtu": 1500, "revision_number": 3}
    row["description"] = NetworkActuator().body(facts, {})["description"]
    assert [str(step) for step in NetworkActuator().plan(facts, row, {}).steps] == [
        "update network n (mtu: 1500 -> 1400)",
        "create subnet v4",
    ]


@pytest.mark.parametrize("policy", ["Recreate", "Never"])
def test_the_recovery_of_a_load_balancer_is_a_step_of_its_plan(policy):
    facts = facts_of(balancer(recovery={"policy": policy}))
    row = {"id": "lb", "provisioning_status": "ERROR"}
    plan = LoadBalancerActuator(Trees()).plan(facts, row, {})
    if policy == "Recreate":
        assert [str(step) for step in plan.steps] == [
            "delete load balancer lb, which is in ERROR, and make it again on the same VIP"
        ]
    else:
        assert (plan.steps, plan.outcome.reason) == ((), Reason.CLOUD_ERROR)


class _Changing(NetworkActuator):
    def plan(self, facts, row, inputs):
        facts.status["mtu"] = 5
        return Plan()


class _Remembering(NetworkActuator):
    def plan(self, facts, row, inputs):
        facts.memory.not_taken = True
        return Plan()


class _Asking(NetworkActuator):
    def plan(self, facts, row, inputs):
        return only(Step("delete", str(each["id"])) for each in facts.cloud.do.networks.list())


@pytest.mark.parametrize("kind", [_Changing, _Remembering, _Asking])
def test_a_plan_that_is_not_pure_is_found(kind):
    actuator = kind()
    check_plans(actuator)
    with pytest.raises((AssertionError, AttributeError)):
        actuator.plan(facts_of(network()), {"id": "n"}, {})


def _methods(kind):
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_a_kind_has_seven_methods_and_every_ability_a_default():
    assert _methods(Kind) == {"references", "resolve", "body", "observe", "plan", "act", "report"}
    plain = {name for name in _methods(Actuator) if name in vars(PlainActuator)}
    neutron = {name for name in _methods(Actuator) if name in vars(neutron_common.NeutronActuator)}
    left = _methods(Actuator) - _methods(Kind) - plain - neutron
    assert left == {"removal"}  # what goes with a thing, each kind says for itself
    assert not plain & neutron - {"pause"}  # no default twice


class _Smallest(neutron_common.NeutronActuator):
    """As little as a kind can be."""

    kind, noun, collection = "InfomaniakNetwork", "network", NETWORKS
    fields = (Field("mtu", "mtu"),)

    def references(self, resource):
        return ()

    def resolve(self, resource, view):
        return {}

    def body(self, facts, inputs):
        return neutron_common.creation(facts, NETWORKS, body_of(self.fields, facts.spec))

    def plan(self, facts, row, inputs):
        return only(neutron_common.main_update(facts, row, self.noun, self.fields))

    def report(self, context, row, inputs):
        return f"network {row['id']}"

    def removal(self, context, row):
        return only([neutron_common.deletion(self.noun, row)])


def test_a_kind_needs_no_more_than_that():
    world = World()
    world.reconcilers["InfomaniakNetwork"]._actuator = _Smallest()
    key = world.apply(network(mtu=1400))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    world.spec(key, mtu=1440)
    world.settle(key)
    assert [each["mtu"] for each in _made(world)] == [1440]
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert not _made(world)


class _Undecided(_Smallest):
    """One that cannot tell any more what to do, by what the service has answered to a change."""

    def plan(self, facts, row, inputs):
        if row["mtu"] == 1440:
            return Plan(outcome=stalled(Reason.CONFLICT, "who knows"))
        return super().plan(facts, row, inputs)


def test_what_the_answer_of_the_service_does_not_decide_is_said_at_once():
    world = World()
    world.reconcilers["InfomaniakNetwork"]._actuator = _Undecided()
    key = world.apply(network(mtu=1400))
    world.settle(key)
    world.spec(key, mtu=1440)
    assert world.reconcile(key).conditions.message == "who knows"
    assert world.ready(key) == ("False", "Conflict")


def _made(world):
    return [each for each in world.fake.tables["networks"].values() if each["name"] == "front"]
