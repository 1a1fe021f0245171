"""What all kinds share: credentials, policies, import, description, tags; status and conditions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from infomaniak_operator.api.model import ApiModel, Rule, Spec, Status, about, listed
from infomaniak_operator.api.types import CloudId, CloudName, Description, Tag

PAUSED = "network.infomaniak.cloud/paused"
RECONCILE_AT = "network.infomaniak.cloud/reconcile-at"
DRY_RUN = "network.infomaniak.cloud/dry-run"
ADOPT_PREVIOUS = "network.infomaniak.cloud/adopt-previous"
ANNOTATIONS = {
    PAUSED: (
        "Stops everything for this object, deletion too, and leaves `Ready` as it was; one that is being deleted says "
        "what it waits for. Any value but an empty one, `false`, `no`, `off`, `0`."
    ),
    RECONCILE_AT: "A change of its value (a timestamp, say) has the object looked at right away.",
    DRY_RUN: "The operator says in `Synced` and in an Event what it would do, and does nothing.",
    ADOPT_PREVIOUS: "Takes over what was made for a former object of the same name, after a restore from a backup.",
}
"""The annotations that the operator understands, and what each does."""

CONDITIONS = {
    "Ready": "The spec is applied and what is in the cloud is in service. Always there from the first reconcile on.",
    "Reconciling": "Only while true: the operator is at work, or waits for something that comes by itself.",
    "Stalled": "Only while true: nothing will change until a person changes something; the message says what.",
    "ReferencesResolved": "Whether everything the spec refers to is there.",
    "CredentialsValid": "Whether the cloud accepts the credential.",
    "Synced": "False: the cloud differs from the spec; the message names the fields.",
    "ReverseDNS": "Whether the address leads back to the name in `spec.reverseDNS`; apart from Ready.",
    "Healthy": "What the load balancer service reports of traffic and members; apart from Ready.",
}
"""The types of conditions."""

MAX_TAGS = 50
MAX_APPLIED = 4096


def object_rules() -> tuple[Rule, ...]:
    """The rules on an object as a whole that tie ``import`` to what status already stands for."""
    known = "has(oldSelf.status) && has(oldSelf.status.id)"
    same = "has(oldSelf.spec.__import__) && self.spec.__import__ == oldSelf.spec.__import__"
    by_id = "has(self.spec.__import__.id) && self.spec.__import__.id == oldSelf.status.id"
    rule = f"!({known}) || !has(self.spec.__import__) || ({same}) || ({by_id})"
    text = (
        "this object already stands for something in the cloud, whose id is in status.id: import may name that id, or "
        "be left out; to import something else, create another object"
    )
    return (Rule(rule, text, ".spec.import"),)


class CloudCredentialsRef(ApiModel):
    """Where the credential for the cloud is."""

    secret_name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="Name of a Secret in the same namespace, labelled network.infomaniak.cloud/credentials=true, "
            "with "
            "a clouds.yaml or the plain keys of an application credential.",
        ),
    ]
    cloud_name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        None, description="The entry of clouds.yaml to use. If absent: the only one."
    )


class Filter(ApiModel):
    """What an import looks for. All that is given must match exactly, and one object only may match."""

    tags: Annotated[list[Tag], Field(min_length=1, max_length=MAX_TAGS)] | None = Field(
        None, description="Tags it must have, all of them; it may have others too.", json_schema_extra=listed("set")
    )


class NamedFilter(Filter):
    """A filter for what has a name."""

    name: CloudName | None = Field(None, description="Its whole name.")


class DescribedFilter(Filter):
    """A filter for what has a description."""

    description: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        None, description="Its whole description, without a mark of ownership that an operator put at its end."
    )


class Import(ApiModel):
    """Something in the cloud, made by others, for the object to stand for. One of id and filter."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.id) != has(self.filter)",
            "import takes exactly one of id and filter; with the id at hand, leave filter out",
        ),
    )

    id: CloudId | None = Field(None, description="Its id in the cloud.")

    @property
    def only_public(self) -> bool:
        """Whether it can mean nothing but what every project sees."""
        return False


FILTER: dict[str, JsonValue] = {"minProperties": 1}
"""``json_schema_extra`` of every filter: an empty one would match everything."""
FILTER_TEXT = (
    "What to look for, if the id is not known. All that is given must match exactly; no match is waited for, two are "
    "an "
    "error. Resolved once: the id then stands in status."
)
IMPORT_TEXT = (
    "Something in the cloud, made by others, that this object is to stand for. With managementPolicy Unmanaged it is "
    "only read; else it is taken over: what the spec names is brought to the spec, everything else stays. If absent: "
    "the "
    "operator makes a new one. Can be changed until status has an id."
)


class CommonSpec(Spec):
    """What every kind's spec has."""

    cel: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.managementPolicy) || self.managementPolicy != 'Unmanaged' || has(self.__import__)",
            "managementPolicy Unmanaged needs import, which says what to read: the id is in status.id",
            ".managementPolicy",
        ),
    )

    cloud_credentials_ref: CloudCredentialsRef | None = Field(
        None,
        description=about(
            "The credential for the cloud, and so its project and region",
            absent="the operator's default credential, if it has one and this namespace may use it",
            changes="Can be changed to another credential of the same project and region",
        ),
    )
    management_policy: Literal["Managed", "Unmanaged"] | None = Field(
        None,
        description=about(
            "Managed: the operator makes, changes and deletes. Unmanaged: it only reads what import names, and leaves "
            "no mark on it",
            absent="Managed",
            changes="Can be changed: to Unmanaged releases what was managed, to Managed takes it over",
        ),
    )
    deletion_policy: Literal["Delete", "Retain"] | None = Field(
        None,
        description=about(
            "What becomes of the things in the cloud when this object is deleted. Delete: deleted too. Retain: kept, "
            "and "
            "the mark of ownership on them released",
            absent="Delete",
        ),
    )
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS)] | None = Field(
        None,
        description=about(
            "All tags in the cloud, for people and other tools; [] removes them. They cost the operator another call",
            absent="left as they are",
            api="tags",
        ),
        json_schema_extra=listed("set"),
    )


class Named(ApiModel):
    """Of a kind that has a name in the cloud."""

    name: CloudName | None = Field(
        None, description=about("The name in the cloud", absent="metadata.name; imported: left as it is", api="name")
    )


class Described(ApiModel):
    """Of a kind, or a part of one, that has a description in the cloud."""

    description: Description | None = Field(
        None,
        description=about(
            "Free text for people, up to 200 characters; in the cloud the operator's mark of ownership follows it",
            absent="left as it is",
            api="description",
        ),
    )


class Administrable(ApiModel):
    """Of a kind, or a part of one, that can be switched off."""

    admin_state_up: bool | None = Field(
        None,
        description=about(
            "Whether it is in service; false switches it off without deleting it",
            absent="left as it is (new: true)",
            api="admin_state_up",
        ),
    )


def unless_imported(*names: str) -> tuple[Rule, ...]:
    """Rules on the spec: these fields are required, but for an import."""
    return tuple(
        Rule(f"has(self.{name}) || has(self.__import__)", f"{name} is required, unless import names what to take over")
        for name in names
    )


class Condition(ApiModel):
    """One aspect of how the object stands."""

    type: Annotated[str, Field(max_length=316)] = Field(description="The aspect: Ready, Reconciling, Stalled, …")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The metadata.generation that this was said of."
    )
    last_transition_time: Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})] = Field(
        description="When status changed last."
    )
    reason: Annotated[str, Field(min_length=1, max_length=1024)] = Field(description="Why, in one word for programs.")
    message: Annotated[str, Field(max_length=32768)] = Field(
        description="Why, for people: names what is waited for, the field at fault, the cloud's own words."
    )


Id = Annotated[str, Field(max_length=64)]
"""An id in a status."""
Text = Annotated[str, Field(max_length=1024)]
"""A name, an address or another short text in a status: as the cloud gave it, so with room."""


class CommonStatus(Status):
    """What every kind's status has."""

    id: Id | None = Field(None, description="Id in the cloud.")
    project_id: Id | None = Field(
        None,
        alias="projectID",
        description="Id of the project of the credential by which it was made or found. What is imported, and "
        "others share, may be in another one.",
    )
    region: Text | None = Field(None, description="Region it is in.")
    applied_fields: Annotated[list[Text], Field(max_length=MAX_APPLIED)] | None = Field(
        None,
        description="The fields of the spec that the operator has set in the cloud: one that is then taken out of "
        "the spec "
        "goes back to the cloud's default.",
        json_schema_extra=listed("atomic"),
    )
    inputs_hash: Text | None = Field(
        None, description="Hash of all that decides what the cloud should be: spec, references, credential."
    )
    observed_generation: int | None = Field(
        None, description="The metadata.generation that was last acted upon; -1: none yet."
    )
    conditions: Annotated[list[Condition], Field(max_length=32)] | None = Field(
        None, description="How the object stands, aspect by aspect.", json_schema_extra=listed("map", "type")
    )


class CloudStatus(ApiModel):
    """Of a kind that has a status in Neutron."""

    cloud_status: Text | None = Field(None, description="Its status in the cloud, such as ACTIVE, DOWN, BUILD, ERROR.")


class OctaviaStatus(ApiModel):
    """Of a kind, or a part of one, that has a status in Octavia."""

    provisioning_status: Text | None = Field(
        None, description="Whether the cloud is done with it: ACTIVE, PENDING_CREATE, PENDING_UPDATE, ERROR, …"
    )
    operating_status: Text | None = Field(
        None, description="How the traffic goes: ONLINE, DEGRADED, ERROR, NO_MONITOR, OFFLINE, …"
    )
