"""The external network of a router's gateway or a floating IP: by reference, by id, or by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from infomaniak_operator.api.json_types import ANY, ExternalGateway, ExternalNetwork
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.neutron.neutron_common import NETWORK, ready_reference


class ExternalInputs(TypedDict, total=False):
    """What is known of the external network: its id, or its name."""

    externalID: str
    externalName: str


LOOK_AGAIN = 60.0
"""Seconds between two looks for an external network that is not there."""


def references(resource: KubeObject, item: ExternalNetwork | ExternalGateway | None) -> Iterable[Key]:
    """The InfomaniakNetwork (an imported one) that stands for the external network, if any."""
    ref = item.get("networkRef") if item else None
    return [Key(NETWORK, resource.key.namespace, ref["name"])] if ref else []


def resolve(
    resource: KubeObject, view: CacheReader, item: ExternalNetwork | ExternalGateway | None, field: str
) -> ExternalInputs:
    """What the spec says of the external network: its id, or its name, which only the cloud can resolve.

    Raises:
        Unresolved: the reference leads to nothing yet.
    """
    if item is None:
        return {}
    for key in references(resource, item):
        found = ready_reference(resource, view, key, f"{field}.networkRef")
        return {"externalID": str(ANY.status(found).get("id"))}
    if item.get("networkID"):
        return {"externalID": str(item["networkID"])}
    return {"externalName": str(item["networkName"])} if item.get("networkName") else {}


def network_id(context: ReconcileContext, inputs: ExternalInputs, field: str) -> str | None:
    """The id of the external network; None where the spec names none.

    Raises:
        Stop: there is no external network of that name.
    """
    if inputs.get("externalID"):
        return str(inputs["externalID"])
    name = inputs.get("externalName")
    if not name:
        return None
    found = context.cloud.external_network(str(name))
    if found is None:
        there = ", ".join(sorted(context.cloud.external_networks())) or "none"
        message = (
            f"{field}: there is not exactly one external network named {name} in {context.cloud.region}; "
            f"there are: {there}"
        )
        raise context.again(Reason.WAITING_FOR_REFERENCE, message, LOOK_AGAIN)
    return found
