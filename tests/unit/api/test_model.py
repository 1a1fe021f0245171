"""Names, rules and nulls of the base model."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pytest
from pydantic import Field, ValidationError

from infomaniak_operator.api.model import FIXED, ApiModel, Checked, Rule, about, camel, immutable


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("cidr", "cidr"),
        ("enable_dhcp", "enableDHCP"),
        ("host_routes", "hostRoutes"),
        ("project_id", "projectID"),
        ("security_group_ids", "securityGroupIDs"),
        ("allowed_cidrs", "allowedCIDRs"),
        ("external_network_id", "externalNetworkID"),
        ("admin_state_up", "adminStateUp"),
        ("enable_snat", "enableSNAT"),
        ("port_security_enabled", "portSecurityEnabled"),
        ("max_retries_down", "maxRetriesDown"),
    ],
)
def test_names(inside: str, outside: str) -> None:
    assert camel(inside) == outside


class Inner(ApiModel):
    cel: ClassVar[tuple[Rule, ...]] = (Rule("inner", "of the base"),)

    first_one: int | None = Field(None, description="d")


class Outer(Inner):
    cel: ClassVar[tuple[Rule, ...]] = (Rule("outer", "of the class", ".second", "'x'"),)

    second: Annotated[str, Field(max_length=9), Checked(Rule("typed", "of the type"))]


def test_rules_of_bases_come_first_and_own_fields_before_those_of_bases() -> None:
    schema = Outer.model_json_schema()
    assert [rule["rule"] for rule in schema["x-kubernetes-validations"]] == ["inner", "outer"]
    assert schema["x-kubernetes-validations"][1] == {
        "rule": "outer",
        "message": "of the class",
        "fieldPath": ".second",
        "messageExpression": "'x'",
    }
    assert list(schema["properties"]) == ["second", "firstOne"]
    assert schema["properties"]["second"]["x-kubernetes-validations"] == [{"rule": "typed", "message": "of the type"}]


def test_absent_is_told_from_present() -> None:
    assert Inner.model_validate({}).model_fields_set == set()
    assert Inner.model_validate({"firstOne": 1}).model_fields_set == {"first_one"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"firstOne": None}, "firstOne is null; leave it out"),
        ({"first_one": 1}, "Extra inputs are not permitted"),
        ({"other": 1}, "Extra inputs are not permitted"),
    ],
)
def test_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Inner.model_validate(given)


def test_an_optional_field_cannot_get_round_immutability_by_being_removed_and_set_again() -> None:
    rule = immutable("a.poolRef", "create another", "pool")
    there, stays = "has(oldSelf.spec.a) && has(oldSelf.spec.a.poolRef)", "has(self.spec.a) && has(self.spec.a.poolRef)"
    assert rule.rule.startswith(f"!({there}) || ({stays} && self.spec.a.poolRef == oldSelf.spec.a.poolRef)")
    assert "self.spec.a.poolRef == oldSelf.status.pool" in rule.rule
    assert (rule.message, rule.path) == ("poolRef cannot be changed: create another", ".spec.a.poolRef")


def test_descriptions_have_one_order() -> None:
    assert about("The size, in bytes", absent="any", changes=FIXED, api="mtu") == (
        "The size, in bytes. If absent: any. Cannot be changed. OpenStack: mtu."
    )
    assert about("A thing", changes=None) == "A thing."
