"""Readiness gates of Pods that are members: a member by its ContainersReady, and Ready once the load balancer has it."""

import pytest

from infomaniak_operator.cli.cluster import PODS, SERVICES, SLICES_WITH_PODS, keep_pod
from infomaniak_operator.controller.kube.kube_api import Forbidden
from infomaniak_operator.reconcile.octavia.service_endpoints import SERVICE_NAME
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE, key_of
from tests.support.trees import SITE, balancer, calm, monitor, network, pool

GATE = "network.infomaniak.cloud/pool-site"


def service():
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
    meta = {"name": "shop", "namespace": NAMESPACE, "uid": "service"}
    return {"apiVersion": "v1", "kind": SERVICES.kind, "metadata": meta, "spec": {"ports": [port]}}


def pod(number, *, containers=True, gates=(GATE,), uid=None, conditions=()):
    """A Pod as its kubelet says that it is."""
    ready = {"type": "ContainersReady", "status": "True" if containers else "False"}
    meta = {"name": f"p{number}", "namespace": NAMESPACE, "uid": uid or f"uid-{number}"}
    spec = {"readinessGates": [{"conditionType": each} for each in gates], "nodeName": "n"}
    status = {"conditions": [ready, *conditions], "podIP": f"10.40.0.{number}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}


def slice_of(*endpoints):
    """The EndpointSlice of the Service."""
    meta = {"name": "shop-1", "namespace": NAMESPACE, "uid": "slice", "labels": {SERVICE_NAME: "shop"}}
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    body = {"metadata": meta, "addressType": "IPv4", "ports": ports, "endpoints": [*endpoints]}
    return {"apiVersion": "discovery.k8s.io/v1", "kind": SLICES_WITH_PODS.kind, **body}


def endpoint(number, *, ready=False, uid=None, **conditions):
    target = {"kind": "Pod", "namespace": NAMESPACE, "name": f"p{number}", "uid": uid or f"uid-{number}"}
    conditions = {"ready": ready, "serving": ready, "terminating": False, **conditions}
    return {"addresses": [f"10.40.0.{number}"], "conditions": conditions, "targetRef": target}


def world_of(*pods, endpoints=None, checked=True, **more):
    source = {"serviceRef": {"name": "shop"}, "port": "http", "mode": "Endpoints"}
    checks = [monitor()] if checked else []
    world = Forest(network(), balancer(), service(), *checks)
    world.apply_all(pods)
    world.apply(slice_of(*(endpoints if endpoints is not None else [endpoint(int(_number(each))) for each in pods])))
    world.apply(pool(members=..., membersFrom=source, **more))
    return world


def _number(body):
    return body["metadata"]["name"][1:]


def gate(world, number, kind=GATE):
    """Status and reason at the gate."""
    said = world.object(key_of(pod(number))).condition(kind) or {}
    return said.get("status", ""), said.get("reason", "")


def addresses(world):
    return {row["address"] for row in world.table("members")}


def waiting(world):
    return world.object(SITE).status.get("waitingPods")


def test_a_pod_that_only_waits_for_the_gate_becomes_a_member_and_passes_once_it_is_one():
    world = world_of(pod(11), checked=False)
    world.run(30)
    assert addresses(world) == {"10.40.0.11"}
    assert gate(world, 11) == ("True", "Registered")
    assert waiting(world) is None
    calm(world)


def test_others_of_the_pods_conditions_stay_as_they_are():
    world = world_of(pod(11, conditions=[{"type": "Ready", "status": "False"}]), checked=False)
    world.run(30)
    said = {each["type"]: each["status"] for each in world.object(key_of(pod(11))).conditions}
    assert said == {"ContainersReady": "True", "Ready": "False", GATE: "True"}


def test_one_whose_containers_are_not_ready_is_no_member():
    world = world_of(pod(11), pod(12, containers=False), checked=False)
    world.run(30)
    assert addresses(world) == {"10.40.0.11"}
    assert gate(world, 12) == ("", "")
    world.kube.put(PODS, "p12", pod(12), NAMESPACE)
    world.run(30)
    assert addresses(world) == {"10.40.0.11", "10.40.0.12"}
    assert gate(world, 12) == ("True", "Registered")


@pytest.mark.parametrize(
    "strange",
    [
        (pod(11, gates=()), endpoint(11)),
        (pod(11, gates=("network.infomaniak.cloud/pool-other",)), endpoint(11)),
        (pod(11, gates=("example.com/gate",)), endpoint(11)),
        (pod(11), endpoint(11, uid="another")),
        (pod(11), endpoint(11, terminating=True)),
        (pod(11), {**endpoint(11), "targetRef": {"kind": "VirtualMachine", "name": "p11", "uid": "uid-11"}}),
        (pod(11), {**endpoint(11), "targetRef": None}),
    ],
    ids=["no gate", "another pool's", "a stranger's", "another uid", "terminating", "no pod", "no target"],
)
def test_only_a_pod_that_waits_for_this_pools_gate_is_taken_unready(strange):
    body, there = strange
    world = world_of(body, endpoints=[there], checked=False)
    world.run(30)
    assert addresses(world) == set()
    assert gate(world, 11) == ("", "")


def test_in_a_new_monitors_first_minute_no_gate_opens():
    world = world_of(pod(11))
    world.run(30)
    assert addresses(world) == {"10.40.0.11"}
    assert world.table("members")[0]["operating_status"] == "ONLINE"  # as the cloud says in that minute
    assert gate(world, 11) == ("False", "NewMonitor")
    assert waiting(world) == 1
    world.run(120)
    assert gate(world, 11) == ("True", "Healthy")
    assert waiting(world) is None
    calm(world)


def running(**more):
    """A pool with one Pod that has passed, and a monitor that is believed."""
    world = world_of(pod(11), **more)
    world.run(200)
    assert gate(world, 11)[0] == "True"
    # Its kubelet says then that it is Ready, and the EndpointSlice that its endpoint is.
    world.apply(slice_of(endpoint(11, ready=True)))
    world.run(30)
    world.forget_calls()
    return world


def keep_down(world, *addresses):
    """Have the monitor call members OFFLINE; ONLINE again where they are taken out of what is returned."""
    down = set(addresses)

    def looked(row):
        row["operating_status"] = "OFFLINE" if row["address"] in down else "ONLINE"

    def around(call, act):
        for row in world.table("members"):
            looked(row)
        return act()

    world.cloud.around = around
    return down


def test_a_new_pod_passes_when_the_monitor_calls_it_online_and_is_looked_at_by_and_by_until_then():
    world = running()
    world.apply(pod(12))
    down = keep_down(world, "10.40.0.12")
    world.apply(slice_of(endpoint(11, ready=True), endpoint(12)))
    world.run(8)
    assert addresses(world) == {"10.40.0.11", "10.40.0.12"}
    assert gate(world, 12) == ("False", "NotHealthy")
    looks = world.calls()
    world.run(600)
    assert gate(world, 12) == ("False", "NotHealthy")
    assert world.calls().total() - looks.total() < 4 * 40, "the longer it waits, the rarer are the looks"
    down.clear()
    world.run(35)
    assert gate(world, 12) == ("True", "Healthy")
    assert world.changes() == ["PUT members"]


def test_a_gate_that_was_opened_stays_open_whatever_becomes_of_the_member():
    world = running()
    for row in world.table("members"):
        row["operating_status"] = "ERROR"
    world.resync()
    world.run(60)
    assert gate(world, 11) == ("True", "Healthy")


def test_what_is_said_at_a_gate_is_said_once_and_again_where_somebody_took_it_away():
    world = running()
    before = world.kube.calls["PATCH", "pods/status"]
    world.resync()
    world.run(60)
    assert world.kube.calls["PATCH", "pods/status"] == before
    world.poke(
        key_of(pod(11)), lambda body: body["status"].update(conditions=[{"type": "ContainersReady", "status": "True"}])
    )
    world.run(60)
    assert gate(world, 11) == ("True", "Healthy")


def test_another_pod_in_the_place_of_one_has_a_gate_of_its_own():
    """A StatefulSet's Pod comes back with its name and, perhaps, its address."""
    world = running()
    world.process.deaf = True
    world.vanish(key_of(pod(11)))
    world.process.deaf = False
    world.apply(pod(11, uid="second"))
    world.apply(slice_of(endpoint(11, uid="second")))
    world.run(60)
    assert addresses(world) == {"10.40.0.11"}
    assert gate(world, 11) == ("True", "Healthy")


def test_after_a_restart_those_that_wait_are_looked_at_without_a_resync():
    world = world_of(pod(11))
    world.run(20)
    assert gate(world, 11) == ("False", "NewMonitor")
    world.restart()
    world.run(200)
    assert gate(world, 11) == ("True", "Healthy")


@pytest.mark.parametrize(
    "how", [{"annotations": {"network.infomaniak.cloud/dry-run": "true"}}, {"managementPolicy": "Unmanaged"}]
)
def test_no_pod_is_told_anything_in_a_dry_run_or_by_an_unmanaged_pool(how):
    world = running()
    world.apply(pod(12))
    if "annotations" in how:
        world.annotate(SITE, dry_run="true")
    else:
        world.spec(SITE, **how)
    world.apply(slice_of(endpoint(11, ready=True), endpoint(12)))
    world.run(60)
    assert gate(world, 12) == ("", "")


def test_a_pod_that_goes_meanwhile_and_a_right_that_is_missing_do_no_harm():
    world = world_of(pod(11), checked=False)

    def refuse(verb, what, name):
        if what == "pods/status":
            raise Forbidden("pods/status p11: forbidden", 403)

    world.kube.before = refuse
    world.run(30)
    assert world.ready(SITE) == ("True", "Available")
    assert gate(world, 11) == ("", "")
    world.kube.before = lambda verb, what, name: world.vanish(key_of(pod(11))) if what == "pods/status" else None
    world.run(600)
    assert world.get(key_of(pod(11))) is None
    world.kube.before = None
    world.apply(slice_of())
    world.run(60)
    world.all_ready()
    assert addresses(world) == set()


def test_another_pod_that_has_the_name_by_now_is_not_told():
    """As a StatefulSet's may, before the watch has told of it."""
    world = world_of(pod(11), checked=False)

    def replaced(verb, what, name):
        if what == "pods/status":
            world.kube.before = None
            world.vanish(key_of(pod(11)))
            world.kube.put(PODS, "p11", pod(11, uid="second"), NAMESPACE)
            assert gate(world, 11) == ("", "")

    world.kube.before = replaced
    world.run(30)
    assert world.kube.before is None
    assert gate(world, 11) == ("", "")
    world.apply(slice_of(endpoint(11, uid="second")))
    world.run(30)
    assert gate(world, 11) == ("True", "Registered")


def test_of_a_pod_nothing_is_held_but_what_gates_need():
    body = pod(11, conditions=[{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}])
    assert keep_pod(body) == {
        "spec": {"readinessGates": [{"conditionType": GATE}]},
        "status": {"conditions": [{"type": "ContainersReady", "status": "True"}]},
    }
    assert keep_pod(pod(11, gates=("example.com/gate",))) == {}
    assert PODS.stands_for is not None
