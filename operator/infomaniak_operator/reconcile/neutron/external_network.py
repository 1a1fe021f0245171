"""The external network of a router's gateway or a floating IP: by reference, by id, or by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from infomaniak_operator.api.json_types import ANY, ExternalGateway, ExternalNetwork
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.outcomes import Outcome, again
from infomaniak_operator.reconcile.neutron.neutron_common import NETWORK, ready_reference


class ExternalInputs(TypedDict, total=False):
    """What is known of the external network: its id, or its name."""

    externalID: str
    externalName: str


@dataclass(slots=True)
class _Seen:
    """What a reconcile has seen of the external network that the spec names.

    Attributes:
        id: its id; None: it was not looked up, or there is none.
        missing: what to say where there is none.
    """

    id: str | None = None
    missing: str = ""


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


def look_up(context: ReconcileContext, inputs: ExternalInputs, field: str) -> None:
    """Find out the id of an external network that is named, for ``network_id`` to know.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    name = inputs.get("externalName")
    if inputs.get("externalID") or not name:
        return
    found = context.cloud.external_network(str(name))
    if found is not None:
        context.seen.of(_Seen).id = found
        return
    there = ", ".join(sorted(context.cloud.external_networks())) or "none"
    context.seen.of(
        _Seen
    ).missing = (
        f"{field}: there is not exactly one external network named {name} in {context.cloud.region}; there are: {there}"
    )


def network_id(facts: Facts, inputs: ExternalInputs) -> str | None:
    """The id of the external network; None where the spec names none, or where there is none of its name."""
    if inputs.get("externalID"):
        return str(inputs["externalID"])
    return facts.seen.of(_Seen).id if inputs.get("externalName") else None


def missing(facts: Facts) -> Outcome | None:
    """The outcome where there is not exactly one external network of the name in the spec."""
    message = facts.seen.of(_Seen).missing
    return again(Reason.WAITING_FOR_REFERENCE, message, LOOK_AGAIN) if message else None
