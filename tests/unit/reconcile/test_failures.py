"""What a failure of the cloud means for an object."""

import pytest

from infomaniak_operator.client import (
    AuthenticationError,
    BadRequestError,
    Category,
    CloudConnectionError,
    ConflictError,
    ForbiddenError,
    InfomaniakCloudError,
    NotFoundError,
    PreconditionFailedError,
    QuotaExceededError,
    ServiceError,
)
from infomaniak_operator.controller.interfaces import Retry, Stalled
from tests.support.objects import network, subnet
from tests.support.world import World

V4 = subnet("v4", "10.1.0.0/24")

CASES = [
    (QuotaExceededError("Quota exceeded for resources: ['network']", status=409), "QuotaExceeded", False, Retry),
    (BadRequestError("Invalid input for mtu", status=400), "InvalidConfiguration", True, Stalled),
    (ForbiddenError("policy does not allow it", status=403), "InvalidConfiguration", True, Stalled),
    (BadRequestError("no key", status=400, category=Category.UNREADABLE), "InvalidConfiguration", True, Retry),
    (AuthenticationError("token refused", status=401), "CredentialsInvalid", True, Retry),
    # A service's answer to a token that Keystone has just given: nothing in the credential is to be mended.
    (AuthenticationError("lags", status=401, category=Category.TRANSIENT), "CloudError", False, Retry),
    (ConflictError("in use", status=409, category=Category.IN_USE), "InUse", False, Retry),
    (ConflictError("immutable", status=409, category=Category.WAITING), "Updating", False, Retry),
    (ServiceError("broken", status=500), "CloudError", False, Retry),
    (ServiceError("slow down", status=429), "CloudError", False, Retry),
    (CloudConnectionError("reset"), "CloudError", False, Retry),
    (NotFoundError("vanished", status=404), "CloudError", False, Retry),
    (PreconditionFailedError("changed", status=412), "Updating", False, Retry),
]


@pytest.mark.parametrize(("error", "reason", "stalled", "following"), CASES, ids=lambda case: str(case)[:30])
def test_a_create_that_is_refused(error, reason, stalled, following):
    world = World()
    key = world.apply(network())
    world.fail("POST networks", error)
    result = world.reconcile(key)
    assert isinstance(result.next, following)
    assert world.ready(key) == ("False", reason)
    assert world.progress(key) == ("Stalled" if stalled else "Reconciling")
    assert error.message in world.message(key)
    if reason in ("QuotaExceeded", "InvalidConfiguration", "CredentialsInvalid", "InUse", "CloudError"):
        assert world.told(key) == [reason]
    world.clock.advance(120)
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.progress(key) == ""
    assert len(world.networks()) == 1


@pytest.mark.parametrize(("error", "reason", "stalled", "following"), CASES, ids=lambda case: str(case)[:30])
@pytest.mark.parametrize("at", ["LIST networks", "PUT networks", "PUT subnets", "POST subnets", "DELETE subnets"])
def test_a_change_that_fails_at_any_call_is_made_in_the_end(at, error, reason, stalled, following):
    world = World()
    key = world.apply(network(subnets=[V4, subnet("gone", "10.3.0.0/24")]))
    world.settle(key)
    world.spec(key, mtu=1400, subnets=[{**V4, "enableDHCP": False}, subnet("new", "10.2.0.0/24")])
    world.fail(at, error)
    world.reconcile(key)
    # The spec is not what is wrong where the cloud refuses to be looked at.
    assert world.ready(key) == ("False", "CloudError" if (at, following) == ("LIST networks", Stalled) else reason)
    world.clock.advance(120)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.network()["mtu"] == 1400
    assert sorted(world.subnets()) == ["new", "v4"]
    assert world.subnets()["v4"]["enable_dhcp"] is False


def test_a_service_that_refuses_a_fresh_token_leaves_a_ready_object_as_it_is():
    world = World()
    key = world.apply(network())
    world.settle(key)
    for at in ("LIST networks", "LIST subnets"):
        world.fail(at, AuthenticationError("lags", status=401, category=Category.TRANSIENT))
        world.reconcile(key)
        assert world.ready(key) == ("True", "Available")
        assert world.progress(key) == ""
        assert world.says(key, "CredentialsValid")[0] != "False"
        world.settle(key)
    assert "CredentialsInvalid" not in world.told(key)


def test_a_quota_is_told_with_the_cloud_s_own_words():
    world = World()
    world.fake.quotas["networks"] = 0
    key = world.apply(network())
    world.reconcile(key)
    assert world.ready(key) == ("False", "QuotaExceeded")
    assert world.progress(key) == "Reconciling"
    assert "uota" in world.message(key)
    world.fake.quotas["networks"] = 1
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_a_refusal_by_the_cloud_s_policy_says_what_to_do():
    world = World()
    key = world.apply(network())
    world.fail("POST networks", ForbiddenError("rule:create_network:shared is disallowed by policy", status=403))
    world.reconcile(key)
    message = world.message(key)
    assert "the roles of the credential do not allow" in message
    assert "take it out" in message
    assert message.endswith("rule:create_network:shared is disallowed by policy")


def test_every_category_has_a_meaning():
    for category in Category:
        world = World()
        key = world.apply(network())
        world.fail("LIST networks", InfomaniakCloudError("x", category=category))
        world.reconcile(key)
        assert world.ready(key)[0] == "False"


@pytest.mark.parametrize("category", [Category.TRANSIENT, Category.PRECONDITION, Category.NOT_FOUND])
def test_drift_that_cannot_be_corrected_just_now_is_seen_in_synced(category):
    world = World()
    key = world.apply(network(mtu=1400))
    world.settle(key)
    world.others.networks.update(world.network()["id"], {"mtu": 1300})
    world.fail("PUT networks", InfomaniakCloudError("not now", category=category))
    world.reconcile(key)
    assert world.says(key, "Synced") == ("False", "Updating")
    assert "mtu" in world.message(key, "Synced")
