"""The QoS policy of a network and of a port: set, followed, put back and taken out; what a cloud without any says."""

import pytest

from infomaniak_operator.controller.interfaces import Done
from tests.support.objects import custom, network
from tests.support.world import World

NOWHERE = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"


class Case:
    """One object of a kind that may have a policy."""

    def __init__(self, kind):
        self.world = World()
        self.kind = kind
        self.network = self.world.others.networks.create({"name": "given"})["id"]

    def apply(self, **spec):
        body = network(**spec) if self.kind == "networks" else custom("Port", "p", {"networkID": self.network, **spec})
        self.key = self.world.apply(body)
        return self.world.settle(self.key)

    @property
    def row(self):
        rows = self.world.others
        found = (rows.networks if self.kind == "networks" else rows.ports).list()
        (row,) = [each for each in found if "[ik2." in each["description"]]
        return row

    @property
    def status(self):
        return self.world.object(self.key).status

    def set_by_others(self, policy):
        rows = self.world.others
        (rows.networks if self.kind == "networks" else rows.ports).update(self.row["id"], {"qos_policy_id": policy})


@pytest.fixture(params=["networks", "ports"])
def case(request):
    return Case(request.param)


def test_a_policy_through_its_life(case):
    one, other = case.world.fake.neutron.make_qos_policy(), case.world.fake.neutron.make_qos_policy()
    assert case.apply(qosPolicyID=one).next == Done()
    id_ = case.row["id"]
    assert case.row["qos_policy_id"] == case.status["qosPolicyID"] == one
    assert case.apply(qosPolicyID=other).next == Done()
    assert case.row["qos_policy_id"] == case.status["qosPolicyID"] == other
    case.set_by_others(one)
    case.world.reconcile(case.key)
    assert case.row["qos_policy_id"] == other
    case.apply()
    assert (case.row["id"], case.row["qos_policy_id"]) == (id_, None)
    assert "qosPolicyID" not in case.status


def test_a_policy_that_the_spec_never_named_is_left_to_others(case):
    policy = case.world.fake.neutron.make_qos_policy()
    case.apply()
    case.set_by_others(policy)
    case.world.cloud.take()
    case.world.reconcile(case.key)
    assert not [call for call in case.world.cloud.take() if not call.startswith(("LIST", "GET"))]
    assert case.row["qos_policy_id"] == case.status["qosPolicyID"] == policy


def test_a_cloud_without_policies_says_so_with_the_field_and_what_to_do(case):
    case.world.fake.neutron.qos_policies = None
    case.apply(qosPolicyID=NOWHERE)
    assert case.world.ready(case.key) == ("False", "InvalidConfiguration")
    assert case.world.progress(case.key) == "Stalled"
    said = case.world.message(case.key)
    assert "spec.qosPolicyID: this cloud knows no QoS policies" in said
    assert "take the field out" in said
    assert case.apply().next == Done()


def test_a_policy_that_is_not_there_changes_nothing(case):
    """Neither is it made again, nor does what stands go."""
    policy = case.world.fake.neutron.make_qos_policy()
    case.apply(qosPolicyID=policy)
    id_ = case.row["id"]
    case.world.spec(case.key, qosPolicyID=NOWHERE)
    case.world.reconcile(case.key)
    assert (case.row["id"], case.row["qos_policy_id"]) == (id_, policy)
    conditions = " ".join(each["message"] for each in case.status["conditions"])
    assert NOWHERE in conditions
    assert "qosPolicyID" in conditions
