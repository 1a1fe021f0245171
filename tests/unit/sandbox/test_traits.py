"""What the sandbox's OpenStack is like, as it is chosen and kept; and what it withholds in a monitor's first minute."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from sandbox import INFOMANIAK, PLAIN, SandboxError, Traits
from sandbox.services.first_minute import Withheld, pretty_heartbeat
from sandbox.services.settling import Settling
from sandbox.traits import FILE, TRAIT_NAMES, dump, load

DOC = Path(__file__).resolve().parents[3] / "docs" / "sandbox.md"


def test_each_trait_is_on_in_the_one_mood_and_off_in_the_other() -> None:
    assert all(getattr(INFOMANIAK, name) for name in TRAIT_NAMES)
    assert not any(getattr(PLAIN, name) for name in TRAIT_NAMES)


def test_what_was_chosen_is_read_again(tmp_path: Path) -> None:
    assert load(tmp_path) == PLAIN
    chosen = replace(INFOMANIAK, dhcp_ports=1, ha_routers=False)
    (tmp_path / FILE).write_text(dump(chosen))
    assert load(tmp_path) == chosen


def test_a_state_folder_of_another_version_is_read_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"dhcp_ports": 3, "of another version": true}')
    assert load(tmp_path) == Traits(dhcp_ports=3)


def test_switches_on_the_command_line() -> None:
    assert INFOMANIAK.with_texts(["dhcp_ports=0", "ha_routers=off"]) == replace(
        INFOMANIAK, dhcp_ports=0, ha_routers=False
    )
    assert PLAIN.with_texts(["mtu_1500=on", "first_minute=1.5"]) == Traits(mtu_1500=True, first_minute=1.5)


@pytest.mark.parametrize("text", ["nothing=1", "ha_routers=yes", "ha_routers", "dhcp_ports=two", "dhcp_ports=-1"])
def test_what_is_no_switch(text: str) -> None:
    with pytest.raises(SandboxError, match=text.partition("=")[0]):
        PLAIN.with_texts([text])


def test_only_services_that_read_a_changed_one_at_their_start_start_again() -> None:
    assert INFOMANIAK.services_to_restart(INFOMANIAK) == []
    assert INFOMANIAK.services_to_restart(replace(INFOMANIAK, dhcp_ports=0, first_minute=0, mail_blocked=False)) == []
    assert INFOMANIAK.services_to_restart(replace(INFOMANIAK, ha_routers=False)) == ["neutron"]
    assert INFOMANIAK.services_to_restart(PLAIN) == ["neutron", "octavia"]


def test_the_doc_has_a_row_for_each_trait_and_says_which_restart() -> None:
    rows = {line.split("`")[1]: line for line in DOC.read_text().splitlines() if line.startswith("| `")}
    for one in fields(Traits):
        assert one.name in rows
        assert ("restart" in rows[one.name]) == ("restarts" in one.metadata), one.name


# The first minute.

MEMBER, POOL = ("members", "m"), ("pools", "p")


def told(kind: str, one: str, health: str, **more: str) -> dict[str, list[dict[str, str]]]:
    return {kind: [{"id": one, "operating_status": health, **more}]}


def test_what_is_bad_is_told_when_the_minute_is_over() -> None:
    withheld, young = Withheld(), frozenset({MEMBER, POOL})
    assert withheld.pretty(told("members", "m", "ERROR"), young) == told("members", "m", "ONLINE")
    assert withheld.pretty(told("pools", "p", "DEGRADED"), young) == told("pools", "p", "ONLINE")
    assert withheld.due(young) == {}
    assert withheld.due(frozenset()) == {**told("members", "m", "ERROR"), **told("pools", "p", "DEGRADED")}
    assert withheld.due(frozenset()) == {}


def test_what_has_mended_meanwhile_is_not_told() -> None:
    withheld, young = Withheld(), frozenset({MEMBER})
    withheld.pretty(told("members", "m", "ERROR"), young)
    withheld.pretty(told("members", "m", "ONLINE"), young)
    assert withheld.due(frozenset()) == {}


def test_others_are_told_as_they_are() -> None:
    withheld, young = Withheld(), frozenset({MEMBER})
    for statuses in (
        told("members", "other", "ERROR"),
        told("members", "m", "DRAINING"),
        told("members", "m", "OFFLINE", provisioning_status="DELETED"),
        {"members": [{"id": "m", "provisioning_status": "ACTIVE"}]},
    ):
        assert withheld.pretty(statuses, young) == statuses
    assert withheld.due(frozenset()) == {}


def test_a_heartbeat_has_all_members_up_where_the_monitor_is_new() -> None:
    members = {"a": "DOWN", "b": "UP", "c": "DRAIN", "d": "MAINT", "e": "no check"}
    message = {"id": "lb", "pools": {"p": {"status": "DOWN", "members": members}}}
    up = {"a": "UP", "b": "UP", "c": "DRAIN", "d": "MAINT", "e": "no check"}
    assert pretty_heartbeat(message, frozenset()) == message
    for name in ("p", "p:listener"):
        beat = {"id": "lb", "pools": {name: message["pools"]["p"]}}  # type: ignore[index]
        assert pretty_heartbeat(beat, frozenset({POOL})) == {
            "id": "lb",
            "pools": {name: {"status": "UP", "members": up}},
        }


# How long a new load balancer takes.


def test_a_new_load_balancer_boots_and_nothing_else_does() -> None:
    new, other = ("loadbalancers", "new", "PENDING_CREATE"), ("loadbalancers", "old", "PENDING_UPDATE")
    settling = Settling()
    assert settling.due([new, other], 10.0, 0.5, 79.0) == []
    assert settling.due([new, other], 10.5, 0.5, 79.0) == [other]
    assert settling.due([new], 88.9, 0.5, 79.0) == []
    assert settling.due([new], 89.0, 0.5, 79.0) == [new]


def test_one_that_is_not_ready_otherwise_waits_no_longer_for_that() -> None:
    new = ("loadbalancers", "new", "PENDING_CREATE")
    settling = Settling()
    settling.due([new], 10.0, 0.5, unready={"new"})
    assert settling.due([new], 12.0, 0.5, unready={"new"}) == []
    assert settling.due([new], 12.1, 0.5) == [new]
