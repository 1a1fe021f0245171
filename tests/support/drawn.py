"""Pictures that tests look at: the examples and a stack of 100.

``python -m tests.support.drawn`` draws those of the docs anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin.graph.build import topology
from infomaniak_operator.plugin.graph.topology import Topology
from infomaniak_operator.plugin.references import references
from infomaniak_operator.plugin.stack import Stack
from tests.support import stack_of_100
from tests.support.forest import Forest
from tests.support.plugin_server import NOW, PluginServer, ran
from tests.support.recorded import example


def settled(*bodies: Any) -> PluginServer:
    """What the operator makes of objects in a cloud without quotas."""
    world = Forest()
    for name in world.fake.quotas:
        world.fake.quotas[name] = -1
    world.apply_all(bodies)
    world.run(300.0)
    return PluginServer(world)


@cache
def of_example(name: str) -> PluginServer:
    """An example once the operator is done, for those who only look."""
    return settled(*example(name))


@cache
def of_100() -> PluginServer:
    """The stack of 100, some members of which are not well, for those who only look."""
    server = settled(*stack_of_100.bodies())
    for number, member in enumerate(server.world.table("members")):
        if number % 11 == 3:
            member["operating_status"] = "ERROR"
            server.world.fake.tables["members"][member["id"]]["operating_status"] = "ERROR"
    server.world.clock.advance(120)
    server.world.resync()
    server.world.run(200)
    return server


def drawn(bodies: Any) -> Topology:
    """What is drawn of objects as they are."""
    return topology(Stack([KubeObject.of(each) for each in bodies], references(), NOW), "of namespace shop")


OFFICE = Path(__file__).parents[2] / "docs/images/graph-office.svg"

if __name__ == "__main__":
    ran(of_example("office"), "graph", "-f", str(OFFICE))
