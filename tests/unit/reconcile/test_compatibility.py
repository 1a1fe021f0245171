"""The rules across the objects of one tree, and who is made together with a load balancer."""

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, KubeObject
from infomaniak_operator.reconcile.octavia import compatibility
from tests.support.objects import key_of
from tests.support.trees import balancer, listener, monitor, pool
from tests.support.world import World

EARLY, LATE = "2026-11-25T07:00:00Z", "2026-11-25T09:00:00Z"


def view(*bodies):
    return World(*bodies)


def of(world, body):
    return world.object(key_of(body))


@pytest.mark.parametrize(
    ("listens", "pools"),
    [
        ("TCP", "HTTP HTTPS PROXY PROXYV2 TCP"),
        ("HTTP", "HTTP PROXY PROXYV2"),
        ("HTTPS", "HTTPS PROXY PROXYV2 TCP"),
        ("TERMINATED_HTTPS", "HTTP PROXY PROXYV2"),
        ("UDP", "UDP"),
        ("SCTP", "SCTP"),
        ("PROMETHEUS", ""),
        ("UNHEARD-OF", ""),
    ],
)
def test_which_protocols_go_together(listens, pools):
    every = ("HTTP", "HTTPS", "PROXY", "PROXYV2", "TCP", "UDP", "SCTP")
    assert [protocol for protocol in every if compatibility.fits(listens, protocol)] == [
        protocol for protocol in every if protocol in pools.split()
    ]


@pytest.mark.parametrize(
    ("of_balancer", "of_pool", "blamed"),
    [(EARLY, LATE, "pool"), (LATE, EARLY, "balancer"), (EARLY, EARLY, "pool")],
)
def test_a_misfit_is_the_youngers(of_balancer, of_pool, blamed):
    lb, site = balancer(created=of_balancer), pool(protocol="UDP", created=of_pool)
    world = view(lb, site)
    said = {
        "pool": compatibility.pool_problem(of(world, site), of(world, lb)),
        "balancer": compatibility.balancer_problem(of(world, lb), world),
    }
    assert [who for who, what in said.items() if what] == [blamed]
    assert "listener http of LoadBalancer web speaks HTTP" in said[blamed]
    assert "Pool site has UDP" in said[blamed]
    assert compatibility.misfit(of(world, lb), of(world, site))


def test_what_fits_or_is_not_used_is_no_misfit():
    lb = balancer(listeners=[listener(), listener("other", 81, "TCP", None)])
    world = view(lb, pool(), pool("more", protocol="UDP"), pool("bare", protocol=...))
    for body in (pool(), pool("more"), pool("bare")):
        assert compatibility.misfit(of(world, lb), of(world, body)) is None
    assert compatibility.balancer_problem(of(world, lb), world) is None
    assert compatibility.pool_problem(of(world, pool()), None) is None


def test_the_older_monitor_has_the_pool_and_of_two_of_one_second_the_first_by_name():
    bodies = [
        monitor(name, poolRef={"name": "site"}, created=when)
        for name, when in (("b", EARLY), ("a", LATE), ("c", EARLY))
    ]
    world = view(pool(), *bodies)
    site = of(world, pool())
    said = {body["metadata"]["name"]: compatibility.monitor_problem(of(world, body), site, world) for body in bodies}
    assert said["b"] is None
    assert "HealthMonitor b" in said["a"]
    assert "HealthMonitor b" in said["c"]
    world.poke(key_of(bodies[0]), lambda body: body["metadata"].update(deletionTimestamp="x", finalizers=[FINALIZER]))
    assert compatibility.monitor_problem(of(world, bodies[2]), site, world) is None
    assert compatibility.going_monitor(of(world, bodies[2]), site, world).key == key_of(bodies[0])


@pytest.mark.parametrize(
    ("protocol", "kind", "good"),
    [
        ("HTTP", "HTTP", True),
        ("TCP", "TLS-HELLO", True),
        ("TCP", "PING", True),
        ("HTTP", "UDP-CONNECT", False),
        ("TCP", "SCTP", False),
        ("UDP", "UDP-CONNECT", True),
        ("UDP", "HTTP", True),
        ("UDP", "TCP", True),
        ("UDP", "PING", False),
        ("UDP", "TLS-HELLO", False),
        ("SCTP", "SCTP", True),
        ("SCTP", "HTTPS", False),
    ],
)
def test_which_checks_a_protocol_takes(protocol, kind, good):
    world = view(pool(protocol=protocol), monitor(type=kind))
    problem = compatibility.monitor_problem(of(world, monitor()), of(world, pool()), world)
    assert (problem is None) == good
    older = view(pool(protocol=protocol), monitor(type=kind, created=EARLY))
    assert (
        compatibility.monitor_problem(of(older, monitor()), of(older, pool()), older) is None
    )  # the pool is the younger


def claimed(body, **status):
    body["metadata"]["finalizers"] = [FINALIZER]
    body["status"] |= status
    return body


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (claimed(pool()), True),
        (pool(), False),
        (claimed(pool(), id="x"), False),
        (claimed(pool(managementPolicy="Unmanaged")), False),
        (claimed(pool(import_={"id": "x"})), False),
        (claimed(pool(annotations={"network.infomaniak.cloud/paused": "true"})), False),
        (claimed(pool(annotations={"network.infomaniak.cloud/paused": "no"})), True),
        (claimed(pool(annotations={"network.infomaniak.cloud/dry-run": "true"})), False),
        (claimed(pool(cloudCredentialsRef={"secretName": "another"})), False),
    ],
)
def test_who_is_made_together_with_its_load_balancer(body, made):
    assert compatibility.enlisted(KubeObject.of(body), KubeObject.of(balancer())) == made


def test_one_that_is_going_is_not_made():
    body = claimed(pool())
    body["metadata"]["deletionTimestamp"] = "2026-11-25T10:00:00Z"
    assert not compatibility.enlisted(KubeObject.of(body), KubeObject.of(balancer()))


RECONCILED = {
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "False", "reason": "WaitingForReference"}],
}


@pytest.mark.parametrize(
    ("bodies", "waits"),
    [
        ([], False),
        ([pool()], True),
        ([claimed(pool(), **RECONCILED)], False),
        ([claimed(pool(), **RECONCILED), monitor()], True),
        ([claimed(pool(), **RECONCILED), claimed(monitor(), **RECONCILED)], False),
        ([claimed(pool(), **RECONCILED, id="of a former tree")], True),
        ([claimed(pool(), **RECONCILED | {"observedGeneration": 0})], True),  # of its latest fields status says nothing
        ([claimed(pool(import_={"id": "x"}), **RECONCILED, id="x")], False),
        ([claimed(pool(annotations={"network.infomaniak.cloud/paused": "true"}), **RECONCILED, id="x")], False),
        ([pool("elsewhere", loadBalancerRef={"name": "blog"})], False),
    ],
)
def test_who_is_waited_for_before_a_tree_is_made(bodies, waits):
    world = view(balancer(), *bodies)
    assert compatibility.not_reconciled(of(world, balancer()), world) == waits


def test_whether_a_pool_that_a_listener_names_is_still_to_come():
    def to_come(*bodies, **spec):
        world = view(balancer(**spec), *bodies)
        return compatibility.absent(of(world, balancer()), world)

    assert to_come()
    assert not to_come(pool())
    assert to_come(pool("another"))
    assert not to_come(listeners=[listener(pool=None)])
    assert not to_come(listeners=[])
