"""How a spec says which network or subnet it means: by reference to an object of this API, or by the cloud's own id."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from infomaniak_operator.api.model import ApiModel, Names, Reach, Rule, about
from infomaniak_operator.api.types import ChildName, CloudId, CloudName, Ref


def one_of(*names: str, required: bool = True) -> str:
    """A CEL expression: exactly one of these fields is there, or at most one."""
    count = f"[{', '.join(f'has(self.{name})' for name in names)}].filter(x, x).size()"
    return f"{count} == 1" if required else f"{count} <= 1"


EXTERNAL = Names("an external network", Reach.PUBLIC, instead="Neutron takes an external network there and no other")


SUBNET_OF_NETWORK = Rule(
    "!has(self.subnet) || has(self.networkRef)",
    "subnet names a subnet of networkRef; without networkRef use subnetID",
    ".subnet",
)


class SubnetChoice(ApiModel):
    """A subnet: of an InfomaniakNetwork, or by id."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(one_of("networkRef", "subnetID"), "exactly one of networkRef and subnetID is needed"),
        SUBNET_OF_NETWORK,
    )

    network_ref: Ref | None = Field(
        None, description=about("The InfomaniakNetwork that the subnet belongs to", changes=None)
    )
    subnet: ChildName | None = Field(
        None,
        description=about(
            "Name of the subnet in networkRef",
            absent="the one it is in already; new: the only one that the network has",
            changes=None,
        ),
    )
    subnet_id: Annotated[
        CloudId | None, Names("a subnet", Reach.PROJECT, instead="networkRef and subnet", shown=("subnetID",))
    ] = Field(
        None,
        description=about("Id of a subnet that no object of this API stands for", changes=None),
    )


class ExternalNetwork(ApiModel):
    """An external network: by reference, by id, or by name."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            one_of("networkRef", "networkID", "networkName"),
            "exactly one of networkRef, networkID and networkName is needed",
        ),
    )

    network_ref: Ref | None = Field(
        None,
        description=about("An InfomaniakNetwork that stands for the external network by import", changes=None),
    )
    network_id: Annotated[CloudId | None, EXTERNAL] = Field(
        None, description=about("Its id in the cloud", changes=None)
    )
    network_name: Annotated[CloudName | None, EXTERNAL] = Field(
        None, description=about("Its name in the cloud, such as ext-floating1", changes=None)
    )
