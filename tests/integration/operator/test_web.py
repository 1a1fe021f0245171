"""examples/web: a whole stack in one ``kubectl apply``, made as one tree, changed, and gone in one delete."""

import time
from collections.abc import Iterator
from itertools import count

import pytest
import yaml

from demo.flow import ROOT
from demo.operator import OperatorProcess
from sandbox import Sandbox
from sandbox.logs import Call
from tests.support.box import until
from tests.support.cloud_hands import reasons
from tests.support.manifests import bundle
from tests.support.running import User

FOLDER = ROOT / "examples" / "web"
SHORT = {
    "InfomaniakNetwork": "inet",
    "Router": "irouter",
    "SecurityGroup": "isg",
    "FloatingIP": "ifip",
    "LoadBalancer": "ilb",
    "Pool": "ipool",
    "HealthMonitor": "ihm",
}
COLLECTIONS = ("networks", "subnets", "routers", "security_groups", "floating_ips", "ports")
TREES = ("load_balancers", "listeners", "pools", "health_monitors")
MOST_CALLS = 25
"""Two of them read the quotas; three look again at a load balancer with new health monitors, when its pools are told of."""
CONFLICT = 409
_numbers = count()


def objects() -> list[dict]:
    """All of examples/web but the credential, which is one to fill in."""
    files = sorted(FOLDER.glob("*.yaml"))
    return [body for path in files for body in yaml.safe_load_all(path.read_text()) if body["kind"] in SHORT]


def inventory(user: User) -> set[str]:
    """All there is in the project."""
    project = user.project.id
    return {row["id"] for each in (*COLLECTIONS, *TREES) for row in getattr(user.cloud, each).list(project_id=project)}


def asked(box: Sandbox, mark: int) -> list[Call]:
    """What the operator asked of OpenStack since a mark."""
    return [call for call in box.calls(mark) if call.by == "operator"]


def all_ready(user: User) -> dict[tuple[str, str], dict]:
    names = [(SHORT[body["kind"]], body["metadata"]["name"]) for body in objects()]
    return {name: user.until_ready(*name, seconds=90.0) for name in names}


@pytest.fixture
def web(beta: User) -> Iterator[User]:
    before = inventory(beta)
    yield beta
    beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=120s")
    assert inventory(beta) == before


def test_one_apply_makes_one_tree_in_few_calls(web: User, box: Sandbox, *, record_property) -> None:
    mark, begin = box.mark(), time.monotonic()
    web.apply(bundle(*objects()))
    found = all_ready(web)
    calls = asked(box, mark)
    record_property("seconds", time.monotonic() - begin)
    print(f"\n{len(found)} objects Ready {time.monotonic() - begin:.1f} s after kubectl apply; {len(calls)} calls")
    assert [f"{c.method} {c.path} {c.status}" for c in calls if c.status >= 400] == []
    assert len(calls) <= MOST_CALLS, [f"{c.method} {c.path}" for c in calls]
    changes = [c for c in calls if c.service == "octavia" and c.method != "GET"]
    assert [(c.method, c.path) for c in changes] == [("POST", "/v2/lbaas/loadbalancers")]

    status = {name: body["status"] for name, body in found.items()}
    balancer = web.cloud.load_balancers.get(status["ilb", "web"]["id"])
    assert balancer["vip_port_id"] == status["ilb", "web"]["vipPortID"]
    pools = {row["name"]: row for row in web.cloud.pools.list(loadbalancer_id=balancer["id"])}
    listeners = {row["name"]: row for row in web.cloud.listeners.list(load_balancer_id=balancer["id"])}
    assert {name: row["default_pool_id"] for name, row in listeners.items()} == {
        "http": pools["site"]["id"],
        "tls": pools["site-tls"]["id"],
    }
    assert listeners["http"]["insert_headers"] == {"X-Forwarded-For": "true", "X-Forwarded-Proto": "true"}
    assert {name: row["healthmonitor_id"] for name, row in pools.items()} == {
        name: status["ihm", name]["id"] for name in ("site", "site-tls")
    }
    members = web.cloud.members.list(pools["site"]["id"])
    assert {(m["address"], m["weight"], m["backup"]) for m in members} == {
        ("10.40.0.11", 10, False),
        ("10.40.0.12", 10, False),
        ("10.40.0.99", 1, True),
    }
    assert web.cloud.floating_ips.get(status["ifip", "web"]["id"])["port_id"] == balancer["vip_port_id"]
    assert not {"CloudError", "InvalidConfiguration", "Conflict"}.intersection(reasons(web, "web"))

    # All of it goes in one delete of the whole tree; the fixture sees that nothing is left behind.
    mark = box.mark()
    web.kubectl.run("delete", "infomaniak", "--all", "-n", web.namespace, "--timeout=120s")
    gone = [c for c in asked(box, mark) if c.service == "octavia" and c.method == "DELETE"]
    assert [c.path for c in gone if "/loadbalancers/" in c.path] == [f"/v2/lbaas/loadbalancers/{balancer['id']}"]
    assert [c.path for c in asked(box, mark) if c.status == CONFLICT] == []


@pytest.mark.slow
def test_the_other_way_round_and_one_at_a_time(web: User, box: Sandbox) -> None:
    mark = box.mark()
    for body in reversed(objects()):
        web.apply(body)
        until(lambda body=body: _looked_at(web, body), f"{body['kind']} {body['metadata']['name']} looked at")
    found = all_ready(web)
    assert [f"{c.method} {c.path}" for c in asked(box, mark) if c.status == CONFLICT] == []
    balancers = web.cloud.load_balancers.list(project_id=web.project.id)
    assert [row["id"] for row in balancers] == [found["ilb", "web"]["status"]["id"]]
    pools = web.cloud.pools.list(project_id=web.project.id)
    assert {row["name"]: len(row["members"]) for row in pools} == {"site": 3, "site-tls": 2}
    listeners = web.cloud.listeners.list(project_id=web.project.id)
    assert sorted(row["default_pool_id"] for row in listeners) == sorted(row["id"] for row in pools)
    # And away again, each by itself, those first that others stand on.
    for body in objects():
        web.delete(SHORT[body["kind"]], body["metadata"]["name"], wait=False)


def _looked_at(user: User, body: dict) -> bool:
    return bool((user.get(SHORT[body["kind"]], body["metadata"]["name"]) or {}).get("status", {}).get("conditions"))


@pytest.mark.slow
def test_killed_while_the_tree_is_made_there_is_one(web: User, box: Sandbox, running: OperatorProcess) -> None:
    mark = box.mark()
    web.apply(bundle(*objects()))
    until(lambda: [c for c in asked(box, mark) if _makes_a_tree(c)], "the tree's POST", 60.0)
    running.kill()
    running.start()
    all_ready(web)
    assert len([c for c in asked(box, mark) if _makes_a_tree(c)]) == 1
    assert len(web.cloud.load_balancers.list(project_id=web.project.id)) == 1
    assert len(web.cloud.pools.list(project_id=web.project.id)) == len([b for b in objects() if b["kind"] == "Pool"])


def _makes_a_tree(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith("/loadbalancers")


@pytest.mark.slow
def test_a_broken_load_balancer_is_reported_and_made_again_where_the_spec_says_so(web: User, box: Sandbox) -> None:
    web.apply(bundle(*objects()))
    before = {name: body["status"] for name, body in all_ready(web).items()}
    former = before["ilb", "web"]
    box.break_load_balancer(former["id"])
    web.annotate("ilb", "web", reconcile_at=f"broken {next(_numbers)}")
    said = web.until_condition("ilb", "web", "Stalled", status="True")
    assert former["id"] in said["message"]
    assert "spec.recovery.policy" in said["message"]

    web.patch("ilb", "web", {"recovery": {"policy": "Recreate", "backoffSeconds": 10}})
    until(lambda: (web.get("ilb", "web") or {})["status"].get("id") not in (None, former["id"]), "another id", 60.0)
    after = {name: body["status"] for name, body in all_ready(web).items()}
    assert after["ilb", "web"]["vipPortID"] == former["vipPortID"]
    assert after["ilb", "web"]["vipAddress"] == former["vipAddress"]
    assert after["ifip", "web"]["address"] == before["ifip", "web"]["address"]
    assert after["ifip", "web"]["portID"] == former["vipPortID"]
    assert len(web.cloud.pools.list(project_id=web.project.id)) == len([b for b in objects() if b["kind"] == "Pool"])
    assert "Recovering" in reasons(web, "web")


@pytest.mark.slow
def test_what_is_not_ours_is_never_taken_along(web: User, box: Sandbox) -> None:
    web.apply(bundle(*objects()))
    balancer = all_ready(web)["ilb", "web"]["status"]["id"]
    body = {"name": "by hand", "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "loadbalancer_id": balancer}
    foreign = web.cloud.pools.create(body)
    until(lambda: web.cloud.load_balancers.get(balancer)["provisioning_status"] == "ACTIVE", "the tree unlocked")
    web.delete("ilb", "web", wait=False)
    said = web.until_condition("ilb", "web", "Ready", reason="InUse")
    assert foreign["id"] in said["message"]
    assert "by hand" in said["message"]
    assert web.cloud.load_balancers.get(balancer)["provisioning_status"] == "ACTIVE"
    until(lambda: web.cloud.load_balancers.get(balancer)["provisioning_status"] == "ACTIVE", "the tree unlocked")
    web.cloud.pools.delete(foreign["id"])
    until(lambda: web.get("ilb", "web") is None, "the load balancer gone", 90.0)


@pytest.mark.slow
def test_who_stands_goes_on_whatever_becomes_of_the_network(web: User) -> None:
    """Neither the load balancer nor the router of the example names its subnet."""
    web.apply(bundle(*objects()))
    balancer = all_ready(web)["ilb", "web"]
    before = balancer["status"]
    subnets = (web.get("inet", "web") or {})["spec"]["subnets"]
    further = {"name": "web-v6", "cidr": "2001:db8:40::/64", "ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
    web.patch("inet", "web", {"subnets": [*subnets, further]})
    until(lambda: len(web.subnets(before["vipNetworkID"])) == 2, "another subnet")
    web.annotate("ilb", "web", reconcile_at=f"{next(_numbers)}")
    status = all_ready(web)["ilb", "web"]["status"]
    assert {name: status[name] for name in ("vipPortID", "vipAddress", "vipSubnetID", "vipSubnet")} == {
        **{name: before[name] for name in ("vipPortID", "vipAddress", "vipSubnetID")},
        "vipSubnet": "web-v4",
    }

    # Another subnet is refused at once, the one it has is taken.
    for wrong in ({"vip": {"subnet": "web-v6"}}, {"provider": f"not-{before['provider']}"}, {"flavorID": before["id"]}):
        with pytest.raises(Exception, match="cannot be changed once there is one"):
            web.patch("ilb", "web", wrong)
    web.patch("ilb", "web", {"vip": {"subnet": "web-v4"}, "provider": before["provider"]})
    until(lambda: _settled_at(web, {"subnet": "web-v4"}), "Synced with what it has", 30.0)

    # Deleted by mistake: it says who is in it, and they go on.
    web.delete("inet", "web", wait=False)
    assert "LoadBalancer web" in web.until_condition("inet", "web", "Ready", reason="InUse")["message"]
    listeners = [item for item in balancer["spec"]["listeners"] if item["name"] == "http"]
    web.patch("ilb", "web", {"listeners": listeners})
    until(lambda: len(web.cloud.listeners.list(load_balancer_id=before["id"])) == 1, "one listener", 30.0)
    assert web.until_ready("ilb", "web")["status"]["id"] == before["id"]
    web.delete("ihm", "site-tls")
    web.delete("ipool", "site-tls")
    assert [row["name"] for row in web.cloud.pools.list(project_id=web.project.id)] == ["site"]
    web.until_ready("irouter", "web")


def _settled_at(user: User, vip: dict) -> bool:
    body = user.get("ilb", "web") or {}
    synced = user.condition("ilb", "web", "Synced")
    seen = synced.get("observedGeneration") == body["metadata"]["generation"] and synced.get("status") == "True"
    return seen and vip.items() <= body["spec"]["vip"].items()
