"""A pool that gives way to another: what is refused, what others use, who does not go over; and a dry run of it."""

import pytest

from infomaniak_operator.client import CloudTimeoutError
from tests.support.chains import authority, encoded, tls_secret
from tests.support.fake_cloud_rules import Refused
from tests.support.forest import Forest
from tests.support.process import Killed
from tests.support.trees import (
    API,
    CHECK,
    LB,
    SITE,
    balancer,
    calm,
    listener,
    member,
    monitor,
    network,
    policy,
    pool,
    tree,
)

BAD = "https://keys/v1/secrets/bad"
PROHIBITED = "The following ciphers have been prohibited by an administrator: X"
FIRST = authority("first")
REFUSED = {
    # As Octavia refuses an address that it cannot read, and ciphers that its operator has forbidden.
    "unreadable": {"caBarbicanSecret": BAD},
    "ciphers": {"ciphers": "RC4-SHA"},
}


def refusing(world):
    """Have the cloud refuse the pool that is to come in the place of the one that serves."""
    world.fake.octavia.unreadable.add(BAD)
    make = world.fake.octavia._new_pool

    def checked(above, body):
        if body.get("tls_ciphers") == "RC4-SHA":
            raise Refused(400, None, PROHIBITED)
        return make(above, body)

    world.fake.octavia._new_pool = checked
    return world


def serving(world):
    """The pool that the listener sends to, and its members."""
    (row,) = [each for each in world.table("pools") if each["id"] == world.one("listeners")["default_pool_id"]]
    return row["id"], sorted(each["address"] for each in world.table("members") if each["pool_id"] == row["id"])


def watched(world, reconciles=150):
    """Some reconciles; whether the listener had a pool with members after each."""
    for _ in range(reconciles):
        world.some(1)
        assert serving(world)[1]


# Refused.


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("way", ["corrected", "put back"])
@pytest.mark.parametrize("why", REFUSED)
def test_a_pool_whose_successor_is_refused_is_taken_back(why, way, restarted):
    world = refusing(tree())
    before, _ = serving(world)
    world.spec(SITE, tls=REFUSED[why])
    watched(world)
    assert world.ready(SITE) == ("False", "InvalidConfiguration")
    assert f"pool {before} is to be replaced by another, which is refused" in world.message(SITE)
    assert [each["id"] for each in world.table("pools")] == [before]
    assert world.object(SITE).json_status["id"] == before
    assert world.one("health_monitors")["pool_id"] == before
    if restarted:
        world.restart()
        world.run(200)
    world.spec(SITE, members=[member(77)], algorithm="SOURCE_IP")
    watched(world)
    assert serving(world) == (before, [member(77)["address"]])
    assert world.one("pools")["lb_algorithm"] == "SOURCE_IP"
    sent, since = world.calls()["POST pools"], world.clock.monotonic()
    world.spec(SITE, members=[member(78)])
    watched(world)
    assert serving(world) == (before, [member(78)["address"]])
    again = int((world.clock.monotonic() - since) / 600) + 1 if why == "unreadable" else 0
    assert world.calls()["POST pools"] <= sent + again  # it is not tried with each change of members
    world.spec(SITE, tls={} if way == "corrected" else ...)
    watched(world)
    world.run(100)
    world.all_ready()
    assert (serving(world)[0] == before) is (way == "put back")
    assert world.one("pools")["tls_enabled"] is (way == "corrected")
    assert world.one("health_monitors")["pool_id"] == world.one("pools")["id"]
    calm(world)


def test_what_may_pass_is_tried_again_by_itself():
    world = refusing(tree())
    before, _ = serving(world)
    world.spec(SITE, tls=REFUSED["unreadable"])
    watched(world)
    assert serving(world)[0] == before
    world.fake.octavia.unreadable.clear()
    world.run(1500)
    world.all_ready()
    assert serving(world)[0] != before
    assert len(world.table("pools")) == 1


def test_it_is_not_sent_again_and_again_while_another_change_may_be_under_way():
    world = refusing(tree())
    before, _ = serving(world)
    world.fake.fail_next("PUT", "members", CloudTimeoutError("no answer"), late=True)
    world.spec(SITE, members=[member(77)])
    world.run(3)
    world.fake.finish()
    world.fake.settle()
    world.run(3)
    world.spec(SITE, tls=REFUSED["ciphers"])
    world.run(300)
    assert world.calls()["POST pools"] <= 3
    assert serving(world) == (before, [member(77)["address"]])
    assert f"pool {before} is to be replaced by another, which is refused" in world.message(SITE)


@pytest.mark.parametrize("call", [("PUT", 1), ("POST", 1), ("PUT", 2)], ids=["retiring", "making", "taking back"])
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_meanwhile_leaves_one_pool_that_serves(call, after):
    """Before the call is carried out, or right after that."""
    world = refusing(tree())
    before, _ = serving(world)
    counted = []
    perform = world.fake.perform

    def killing(method, collection, subject, act):
        counted.extend([method] if collection == "pools" else [])
        now = collection == "pools" and (method, counted.count(method)) == call
        if now:
            counted.clear()
            world.fake.perform = perform
            if after and method == "PUT":
                perform(method, collection, subject, act)
            raise Killed
        return perform(method, collection, subject, act)

    world.fake.perform = killing
    world.spec(SITE, tls=REFUSED["ciphers"])
    with pytest.raises(Killed):
        world.run(200)
    world.restart()
    world.run(400)
    assert [each["id"] for each in world.table("pools")] == [before]
    assert f"pool {before} is to be replaced by another" in world.message(SITE)
    world.spec(SITE, tls=...)
    world.run(200)
    world.all_ready()
    assert serving(world)[0] == before
    calm(world)


@pytest.mark.parametrize("way", ["asked", "by itself"])
def test_what_the_cloud_comes_to_allow_is_tried_again(way):
    world = tree()
    before, _ = serving(world)
    make, allowed = world.fake.octavia._new_pool, []

    def checked(above, body):
        if body.get("tls_enabled") and not allowed:
            raise Refused(403, None, "TLS to members is forbidden here")
        return make(above, body)

    world.fake.octavia._new_pool = checked
    world.spec(SITE, tls={})
    world.run(300)
    world.resync()
    world.run(300)
    assert (serving(world)[0], world.calls()["POST pools"]) == (before, 1)
    assert "annotate it with network.infomaniak.cloud/reconcile-at" in world.message(SITE)
    allowed.append(True)
    if way == "asked":
        world.annotate(SITE, reconcile_at="now")
    else:
        world.clock.advance(3600)
        world.resync()
    world.run(300)
    world.all_ready()
    assert serving(world)[0] != before
    assert len(world.table("pools")) == 1
    calm(world)


# It fits no listener.


@pytest.mark.parametrize("age", ["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"], ids=["older", "younger"])
@pytest.mark.parametrize("what", ["pool", "listener"])
def test_a_pool_that_no_longer_fits_its_listener_serves_on_and_its_members_are_followed(what, age):
    """Whichever of the two was changed, and whichever is the older."""
    world = Forest(network(), pool(created=age), balancer(created="2026-01-02T00:00:00Z"), monitor())
    world.run()
    world.all_ready()
    world.clock.advance(60)
    before, _ = serving(world)
    world.forget_calls()
    if what == "pool":
        world.spec(SITE, protocol="TCP")
    else:
        world.spec(LB, listeners=[listener(protocol="UDP", port=81)])
    watched(world)
    world.spec(SITE, members=[member(77)])
    world.run(300)
    assert serving(world) == (before, [member(77)["address"]])
    assert (len(world.table("pools")), world.one("health_monitors")["pool_id"]) == (1, before)
    assert world.ready(SITE) == ("False", "InvalidConfiguration")
    assert "Pool site has" in world.message(SITE)
    assert f"until then pool {before} stays as it is, and its members are followed" in world.message(SITE)
    assert world.changes() == ["PUT members"]
    if what == "pool":
        world.spec(SITE, protocol="HTTP")
    else:
        world.spec(SITE, protocol="UDP")
        world.spec(CHECK, type="TCP")
    world.run(600)
    world.all_ready()
    assert len(world.table("pools")) == 1
    calm(world)


# A dry run.


@pytest.mark.parametrize("secret", [False, True])
def test_a_dry_run_says_that_the_pool_is_replaced(secret):
    world = tree()
    before, _ = serving(world)
    world.annotate(SITE, dry_run="true")
    world.apply(tls_secret("members", encoded(ca_crt=FIRST.cert)))
    world.spec(SITE, tls={"caSecretRef": {"name": "members"}} if secret else {})
    world.run(30)
    said = world.message(SITE, "Synced")
    assert f"pool {before}, which another pool replaces (tls: False -> True)" in said
    assert ("create authority of Secret members in Barbican" in said) is secret
    assert world.changes() == []


def test_a_dry_run_says_what_keeps_the_pool():
    world = tree()
    world.annotate(SITE, dry_run="true")
    world.spec(SITE, tls={"caSecretRef": {"name": "members"}})
    world.run(30)
    assert "which another pool replaces" not in world.message(SITE, "Synced")
    assert "Secret shop/members is not there" in world.message(SITE)


# Others use it.


@pytest.mark.parametrize("change", [{"tls": {}}, {"protocol": "PROXY"}], ids=["tls", "protocol"])
@pytest.mark.parametrize("what", ["listeners", "l7_policies", "health_monitors"])
def test_a_pool_that_others_use_waits_and_its_members_are_followed(what, change):
    world = tree(pool())
    before, _ = serving(world)
    body = {
        "listeners": {"loadbalancer_id": world.one("load_balancers")["id"], "protocol": "HTTP", "protocol_port": 8080}
        | {"default_pool_id": before},
        "l7_policies": {"listener_id": world.one("listeners")["id"], "action": "REDIRECT_TO_POOL"}
        | {"redirect_pool_id": before},
        "health_monitors": {"pool_id": before, "type": "PING", "delay": 5, "timeout": 3, "max_retries": 3},
    }[what]
    made = getattr(world.others, what).create({"name": "theirs", **body})
    world.clock.advance(5)
    world.spec(SITE, **change, members=[member(77)], algorithm="SOURCE_IP")
    world.run(100)
    assert world.ready(SITE) == ("False", "InUse")
    assert made["id"] in world.message(SITE)
    row = next(each for each in world.table("pools") if each["id"] == before)
    assert (len(world.table("pools")), row["lb_algorithm"]) == (1, "SOURCE_IP")
    assert [each["address"] for each in world.table("members")] == [member(77)["address"]]
    world.spec(SITE, members=[member(78)])
    world.run(100)
    assert [each["address"] for each in world.table("members")] == [member(78)["address"]]
    getattr(world.others, what).delete(made["id"])
    world.run(300)
    world.all_ready()
    assert serving(world)[0] != before
    assert len(world.table("pools")) == 1


def until_there_are_two(world):
    """Both pools are there, and the listener is on the former one."""
    world.spec(SITE, tls={})
    for _ in range(60):
        world.some(1)
        if len(world.table("pools")) == 2:
            return world.clock.advance(5)
    raise AssertionError(world.standing())


def test_a_policy_of_others_that_comes_meanwhile_is_named_and_nothing_is_tried_in_vain():
    world = tree()
    before, _ = serving(world)
    until_there_are_two(world)
    body = {"listener_id": world.one("listeners")["id"], "action": "REDIRECT_TO_POOL", "redirect_pool_id": before}
    made = world.others.l7_policies.create({"name": "theirs", **body})
    world.run(300)
    assert world.ready(SITE) == ("False", "InUse")
    assert f"L7 policy theirs ({made['id']}), which sends to it" in world.message(SITE)
    assert "DELETE pools" not in world.changes()
    world.others.l7_policies.delete(made["id"])
    world.run(300)
    world.all_ready()
    assert len(world.table("pools")) == 1


# Some do not go over.


def test_a_load_balancer_that_is_paused_meanwhile_is_told_of():
    world = tree()
    before, _ = serving(world)
    until_there_are_two(world)
    world.annotate(LB, paused="true")
    world.run(300)
    assert serving(world)[0] == before
    assert f"former pool {before} stays, for LoadBalancer web is paused" in world.message(SITE, "Synced")
    assert any(each.startswith("FormerPoolStays") for each in world.told(SITE))
    world.forget_calls()
    world.run(300)
    assert sum(world.calls().values()) < 60
    world.annotate(LB, paused="")
    world.run(300)
    world.all_ready()
    assert len(world.table("pools")) == 1
    calm(world)


# It is given up meanwhile.


def released(world):
    """Whether each pool carries a mark of ours that is released, and none that is not."""
    return [[tag.startswith("[ik2r.") for tag in each["tags"]] for each in world.table("pools")]


def test_what_is_retained_meanwhile_keeps_no_mark():
    world = tree(pool(deletionPolicy="Retain"))
    until_there_are_two(world)
    world.spec(LB, listeners=[listener(pool=None)])
    world.delete(SITE)
    world.run(400)
    assert world.get(SITE) is None
    assert released(world) == [[True], [True]]


def test_what_is_only_read_from_then_on_keeps_no_mark():
    world = tree(pool())
    until_there_are_two(world)
    world.spec(SITE, managementPolicy="Unmanaged", **{"import": {"id": world.object(SITE).json_status["id"]}})
    world.run(400)
    assert world.ready(SITE) == ("True", "Available")
    assert released(world) == [[True], [True]]


@pytest.mark.parametrize("key", [CHECK, API], ids=["monitor", "policy"])
def test_a_former_pool_that_something_paused_is_on_stays_and_says_so(key):
    sends = policy(action="REDIRECT_TO_POOL", poolRef={"name": "site"})
    world = tree(pool(), monitor(), sends)
    before, _ = serving(world)
    world.annotate(key, paused="true")
    world.run(10)
    world.forget_calls()
    world.spec(SITE, tls={})
    world.run(300)
    assert serving(world)[0] != before
    assert before in [each["id"] for each in world.table("pools")]
    said = world.message(SITE, "Synced")
    assert f"former pool {before} stays, for {key.kind} {key.name} is paused" in said
    assert world.ready(SITE) == ("True", "Available")
    assert "DELETE pools" not in world.changes()
    world.forget_calls()
    world.run(300)
    assert sum(world.calls().values()) < 60  # it is not looked at all the time
    world.annotate(key, paused="")
    world.run(300)
    world.all_ready()
    assert len(world.table("pools")) == 1
    calm(world)


# A recovery takes all of it along.


@pytest.mark.parametrize("first", [SITE, CHECK, API])
def test_what_went_with_a_recovery_is_not_laid_to_somebody_else(first):
    world = tree(pool(), monitor(), policy(), recovery={"policy": "Recreate"})
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    for key in (LB, SITE, CHECK, API):
        world.told(key)
    world.reconcile(LB)
    world.clock.advance(5)
    world.process.catch_up()
    world.annotate(first, reconcile_at="now")
    world.reconcile(first)
    assert world.ready(first) == ("False", "WaitingForReference")
    assert "went with LoadBalancer web, which was in ERROR and is made again" in world.message(first)
    world.resync()
    world.run()
    world.all_ready()
    for key in (LB, SITE, CHECK, API):
        assert "ExternallyDeleted" not in world.told(key)


@pytest.mark.parametrize("first", [SITE, CHECK, API])
def test_what_somebody_else_has_deleted_is_laid_to_them(first):
    world = tree(pool(), monitor(), policy(), recovery={"policy": "Recreate"})
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    world.annotate(first, reconcile_at="now")
    world.reconcile(first)
    assert world.ready(first) == ("False", "ExternallyDeleted")
    assert "by somebody else" in world.message(first)
    world.resync()
    world.run()
    world.all_ready()
