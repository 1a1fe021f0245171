"""The TypedDicts of specs and statuses: one for each model, with its names, and nothing that they have no form for."""

import typing

import pytest
from pydantic import Field

from infomaniak_operator.api import json_types
from infomaniak_operator.api.kind import Kind
from infomaniak_operator.api.model import Spec, Status
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.api.typed_json import json_types as written


def _kind(spec: type[Spec]) -> Kind[typing.Any]:
    return Kind("Thing", "things", "thing", (), spec, Status, "A thing.", "")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_every_field_of_a_kind_can_be_read_by_its_name(kind):
    for model in (kind.spec, kind.status):
        found = getattr(json_types, model.__name__)
        # The bases' as well: what is a keyword of Python stands in one of its own.
        names = found.__required_keys__ | found.__optional_keys__
        assert names == {info.alias for info in model.model_fields.values()}
        assert found.__required_keys__ == {info.alias for info in model.model_fields.values() if info.is_required()}


def test_each_kind_has_what_reads_it():
    tokens = {each.kind for each in vars(json_types).values() if isinstance(each, json_types.JsonKind)}
    assert tokens == {*KINDS, "Any"}


def test_a_field_of_a_spec_is_read_only_and_never_none_and_one_of_a_status_may_be_none():
    class ThingSpec(Spec):
        """A spec."""

        some_names: list[str] | None = Field(None)
        from_: int = Field(alias="from")

    class ThingStatus(Status):
        """A status."""

        some_names: list[str] | None = Field(None)

    text = written([Kind("Thing", "things", "thing", (), ThingSpec, ThingStatus, "A thing.", "")])
    assert "    someNames: ReadOnly[Sequence[str]]\n" in text
    assert '_ThingSpec = TypedDict("_ThingSpec", {"from": "Required[ReadOnly[int]]"}, total=False)\n' in text
    assert "class ThingSpec(_ThingSpec, total=False):\n" in text
    assert "    someNames: list[str] | None\n" in text
    assert 'THING: JsonKind[ThingSpec, ThingStatus, ThingSpecField] = JsonKind("Thing")\n' in text


def test_a_type_that_has_no_form_is_refused():
    class OddSpec(Spec):
        """A spec."""

        odd: set[str] | None = Field(None)

    with pytest.raises(TypeError, match="has no form"):
        written([_kind(OddSpec)])
