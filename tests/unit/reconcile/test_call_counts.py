"""What the normal path costs in calls to the cloud: each line may become cheaper, and must not become dearer unseen."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support import intent
from tests.support.chains import data_of, link, tls_secret
from tests.support.forest import Forest
from tests.support.objects import custom, key_of
from tests.support.recorded import example

CERTIFICATES = {"shop": [tls_secret(name, data_of(link(name))) for name in ("shop-tls", "blog-tls")]}
"""What an example has of others: the Secrets that cert-manager makes."""

PAGE = Path(__file__).parents[3] / "docs" / "figures.md"


def figures():
    """The rows of the docs' table: an example, its objects, and its calls until it is Ready, for a look, at rest, to its end."""
    section = PAGE.read_text().partition("## What the examples cost\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) ((?:\| \d+ ){5})\|$", section, re.MULTILINE)
    assert {"network", "office", "web", "ports", "shop"} <= {name for name, _ in rows}
    return {name: [int(count) for count in re.findall(r"\d+", counts)] for name, counts in rows}


def spent(world: Forest) -> tuple[int, int]:
    """The calls to the cloud and the writes of a status since the last time."""
    found = sum(world.calls().values()), sum(world.status_writes.values())
    world.forget_calls()
    world.status_writes.clear()
    return found


def resync(world: Forest) -> tuple[int, int]:
    """What a resync costs at rest."""
    world.clock.advance(600)
    world.resync()
    world.run()
    return spent(world)


@pytest.mark.parametrize(("name", "costs"), figures().items())
def test_the_life_of_an_example(name, costs):
    objects, create, believed, rest, delete = costs
    world = Forest(*(bodies := example(name)), *CERTIFICATES.get(name, ()))
    assert len(bodies) == objects
    world.run(30.0)
    world.all_ready()
    calls, _ = spent(world)
    assert calls <= create
    world.run()
    assert spent(world)[0] <= believed  # a new health monitor's members are looked at when they can be believed
    for _ in range(2):
        calls, writes = resync(world)
        assert (calls <= rest, writes) == (True, 0), world.calls()
    world.restart()
    world.run()
    assert spent(world) == (0, 0)
    for key in world.all_keys():
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    assert spent(world)[0] <= delete


@pytest.mark.parametrize(
    ("kind", "name", "change", "calls", "writes"),
    [
        ("InfomaniakNetwork", "web", {"description": "other"}, 3, 1),
        ("Router", "web", {"description": "other"}, 3, 2),
        ("SecurityGroup", "web-servers", {"description": "other"}, 2, 1),
        ("FloatingIP", "web", {"description": "other"}, 2, 2),
        ("Port", "app-1", {"description": "other"}, 2, 1),
        ("Port", "app-1", {"fixedIPs": [{"address": "10.50.0.21"}]}, 11, 4),  # a member follows
        ("Port", "app-1", {"securityGroupRefs": ...}, 3, 1),
        ("LoadBalancer", "web", {"description": "other"}, 7, 3),
        ("LoadBalancer", "web", {"listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}, 12, 5),
        ("Pool", "site", {"algorithm": "LEAST_CONNECTIONS"}, 9, 3),
        ("Pool", "site", {"members": [{"address": "10.40.0.11", "port": 8080}]}, 9, 3),
        ("HealthMonitor", "site", {"delay": 7}, 6, 3),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_an_edit(kind, name, change, calls, writes):
    world = Forest(*example("ports" if kind == "Port" else "web"))
    world.run()
    world.clock.advance(60)
    spent(world)
    (key,) = [each for each in world.all_keys() if (each.kind, each.name) == (kind, name)]
    world.spec(key, **change)
    world.run()
    world.all_ready()
    found = world.calls(), *spent(world)
    assert found[1] <= calls, found
    assert found[2] <= writes, found


def test_the_network_of_a_vip_is_asked_for_once():
    world, spec = intent.started("LoadBalancer")
    world.forget_calls()
    world.apply(intent.body("LoadBalancer", spec))
    world.run()
    assert world.ready(intent.key("LoadBalancer"))[0] == "True"
    assert Counter(world.calls())["GET subnets"] == 1


def test_the_subnets_of_an_external_network_are_not_asked_for():
    imported = {"managementPolicy": "Unmanaged", "import": {"filter": {"name": "ext-floating1", "external": True}}}
    world = Forest(body := custom("InfomaniakNetwork", "internet", imported))
    world.run()
    assert world.ready(key_of(body))[0] == "True"
    assert "LIST subnets" not in world.calls()
