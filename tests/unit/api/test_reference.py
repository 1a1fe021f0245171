"""The pages of the reference say all there is to say of a kind."""

from __future__ import annotations

import pytest

from infomaniak_operator.api.common import ANNOTATIONS, CONDITIONS
from infomaniak_operator.api.reference import index, page
from infomaniak_operator.api.registry import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_sections_and_tables(kind: str) -> None:
    text = page(KINDS[kind])
    headings = [line for line in text.splitlines() if line.startswith("#")]
    sections = ["## Example", "## spec", "## Refused at apply", "## status", "## Columns"]
    assert headings == [f"# {kind}", *sections]
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in (3, 4), line
    for field in ("managementPolicy", "import.id", "conditions", "observedGeneration"):
        assert f"| `{field}`" in text


def test_a_field_in_full() -> None:
    text = page(KINDS["InfomaniakNetwork"])
    assert "| `subnets[].cidr` | string, up to 49 | Its range of addresses" in text
    assert "| `mtu` | integer, 68 to 9216 | " in text
    assert "| `subnets[].ipVersion` | `4` or `6` | " in text
    assert "| `subnets` | list of object, at most 32 | " in text
    assert (
        "| `spec.subnets[].cidr` | cidr cannot be changed: remove this subnet and add one under another name |" in text
    )
    assert "| `membersFrom.port` | integer or string | " in page(KINDS["Pool"])
    assert "| `membersFrom.nodeSelector` | map of string, up to 63 | " in page(KINDS["Pool"])
    assert "Field selectors: `spec.poolRef.name`" in page(KINDS["HealthMonitor"])


def test_the_index_names_all() -> None:
    text = index(KINDS.values())
    for kind in KINDS.values():
        assert f"[{kind.kind}]({kind.singular}.md)" in text
    for name in (*ANNOTATIONS, *CONDITIONS):
        assert f"`{name}`" in text
