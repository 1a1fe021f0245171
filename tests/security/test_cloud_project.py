"""Who may only write in the cloud project, with a user of their own: on their own things, on ours, and in between.

What is promised (docs/safety.md): nothing of theirs is changed or deleted; what is ours is put right, or a condition says
what is in the way; nothing raises; and the objects that are not concerned stay as they are. Rules, interfaces, routes and
members in an object whose spec lists them are the spec's: those that others add there are taken out again.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from infomaniak_operator.client import (
    CloudSession,
    ConflictError,
    InfomaniakCloudError,
    NotFoundError,
    Operations,
    parse_credentials,
)
from infomaniak_operator.reconcile.ownership.marks import Mark
from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.manifests import EXTERNAL
from tests.support.outsider import project_user
from tests.support.tenants import AT_HOME, AtHome, changed, condition, rows

pytestmark = pytest.mark.slow

Row = dict[str, Any]
VOLATILE = ("updated_at", "revision_number", "status", "provisioning_status", "operating_status")
COLLECTIONS = {"inet": "networks", "irouter": "routers", "isg": "security_groups", "ifip": "floating_ips"}
COLLECTIONS |= {"ilb": "load_balancers", "ipool": "pools", "ihm": "health_monitors"}
ODD = {
    "255 letters": "x" * 255,
    "255 beyond the first plane": "\U0001f980" * 255,
    "what turns text round": "\u202e\u2066" * 60 + "evil",
    "ends of lines": "a\n2026-11-27T00:00:00+0000 ERROR   infomaniak_operator: forged\n" * 3,
    "half a mark": "[ik1.aaaaaaaa.bbbbbbbbbbbbbbbbbbbbbb.",
    "a mark of another cluster": "x [ik1.AAAAAAAA.BBBBBBBBBBBBBBBBBBBBBB.CCCCCCCC]",
    "a mark that was given up": "x [ik1r.AAAAAAAA.BBBBBBBBBBBBBBBBBBBBBB.CCCCCCCC]",
    "many marks": " ".join(["[ik1.AAAAAAAA.BBBBBBBBBBBBBBBBBBBBBB.CCCCCCCC]"] * 5),
    "blanks": " \t \u00a0\u2003 ",
}
_turns = itertools.count()


@dataclass
class Outsider:
    """Somebody else in the project: a user of Keystone with a customer's roles, who knows of Kubernetes nothing.

    Attributes:
        do: their calls.
    """

    do: Operations
    _made: list[tuple[str, str]] = field(default_factory=list)

    def make(self, collection: str, **body: Any) -> Row:
        """Make something, as soon as the load balancer that it belongs to takes a change."""
        row: Row = self.changing(lambda: getattr(self.do, collection).create(body))
        self._made.append((collection, row["id"]))
        return row

    @staticmethod
    def changing(what: Any) -> Any:
        """Carry out a change, as soon as a load balancer is not locked."""

        def attempt() -> tuple[Any] | None:
            try:
                return (what(),)
            except ConflictError as error:
                if "immutable" not in str(error).lower() and "PENDING" not in str(error):
                    raise
                return None

        (answer,) = until(attempt, "a change by somebody else")
        return answer

    def mine(self) -> dict[str, Row]:
        """All that they have made, as it is now."""
        return {
            f"{collection}/{each}": _steady(getattr(self.do, collection).get(each)) for collection, each in self._made
        }

    def _gone(self, balancer: str) -> bool:
        try:
            return bool(self.do.load_balancers.get(balancer)["provisioning_status"] == "DELETED")
        except NotFoundError:
            return True

    def clean(self) -> None:
        """Take it all away again, the last first."""
        for collection, each in reversed(self._made):
            if collection == "load_balancers":
                self.changing(lambda each=each: self.do.load_balancers.delete(each, cascade=True))
                until(lambda each=each: self._gone(each), "a load balancer and its port are gone")
                continue
            try:
                self.changing(lambda collection=collection, each=each: getattr(self.do, collection).delete(each))
            except NotFoundError:
                continue
        self._made.clear()


@pytest.fixture(scope="module")
def keys(env: Environment) -> dict[str, str]:
    """A second user in the project."""
    return {**project_user(env, "beta", "outsider").auth, "region_name": env.region}


@pytest.fixture
def outsider(env: Environment, keys: dict[str, str], home: AtHome, box: Sandbox) -> Iterator[Outsider]:
    """At the end all that they made is gone, all of ours is Ready and as it was, and nothing was a defect."""
    one = Outsider(Operations(CloudSession(parse_credentials(keys, None, [env.auth_url]))))
    before = steady(home)
    yield one
    one.clean()
    look(box, home)
    for kind, name in AT_HOME.items():
        home.user.until_ready(kind, name, 90)
    assert changed(before, steady(home)) == []
    home.sound()


def _steady(row: Row) -> Row:
    row = {key: value for key, value in row.items() if key not in VOLATILE}
    if "security_group_rules" in row:
        # One that was put back is another row.
        told = (
            "direction",
            "ethertype",
            "protocol",
            "port_range_min",
            "port_range_max",
            "remote_ip_prefix",
            "description",
        )
        row["security_group_rules"] = sorted(str([rule[key] for key in told]) for rule in row["security_group_rules"])
    return row


def steady(home: AtHome) -> dict[str, Row]:
    """All in the project, without what a change leaves that was taken back."""
    return {key: _steady(row) for key, row in rows(home.user.cloud, home.user.project).items()}


def look(box: Sandbox, home: AtHome) -> None:
    """Have all objects looked at, and wait until nothing more is asked of the cloud."""
    mark, turn = box.mark(), next(_turns)
    for kind, name in AT_HOME.items():
        home.user.annotate(kind, name, reconcile_at=f"turn-{turn}-{time.time()}")

    def calm() -> bool:
        asked = [call for call in box.calls(mark) if call.by == "operator"]
        return len(asked) >= len(AT_HOME) and time.time() - max(call.at + call.seconds for call in asked) > 2.0

    until(calm, "the operator has looked at all and is done", 90)


def status(home: AtHome, kind: str) -> Row:
    return dict((home.user.get(kind, AT_HOME[kind]) or {})["status"])


def ours(home: AtHome) -> dict[str, Row]:
    """What the objects stand for, in the cloud."""
    return {
        kind: dict(getattr(home.user.cloud, each).get(status(home, kind)["id"])) for kind, each in COLLECTIONS.items()
    }


def standing(home: AtHome) -> dict[str, tuple[str, str]]:
    """Of each object its id and whether it is Ready."""
    found = {kind: home.user.get(kind, name) or {} for kind, name in AT_HOME.items()}
    return {kind: (body["status"]["id"], condition(body)["status"]) for kind, body in found.items()}


def things(outsider: Outsider, name: str) -> dict[str, Row]:
    """One thing of each type, theirs."""
    network = outsider.make("networks", name=name)
    subnet = outsider.make("subnets", network_id=network["id"], cidr="10.61.0.0/24", ip_version=4, name="a")
    outside = outsider.do.networks.list(name=EXTERNAL)[0]["id"]
    balancer = outsider.make("load_balancers", name=name, vip_subnet_id=subnet["id"])
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "loadbalancer_id": balancer["id"], "name": name}
    made = {
        "networks": network,
        "subnets": subnet,
        "ports": outsider.make("ports", network_id=network["id"], name=name),
        "routers": outsider.make("routers", name=name),
        "security_groups": outsider.make("security_groups", name=name),
        "floating_ips": outsider.make("floating_ips", floating_network_id=outside),
        "load_balancers": balancer,
        "pools": outsider.make("pools", **pool),
    }
    check = {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2, "pool_id": made["pools"]["id"], "name": name}
    made["health_monitors"] = outsider.make("health_monitors", **check)
    listener = {"protocol": "HTTP", "protocol_port": 80, "loadbalancer_id": balancer["id"], "name": "http"}
    made["listeners"] = outsider.make("listeners", **listener)
    return made


def test_things_that_look_like_ours_are_theirs(box: Sandbox, home: AtHome, outsider: Outsider) -> None:
    """The same names, addresses and ports; then with copies of our marks on each."""
    made = things(outsider, AT_HOME["inet"])
    before, mine = standing(home), outsider.mine()
    look(box, home)
    assert outsider.mine() == mine
    assert standing(home) == before

    originals = ours(home)
    copies = {COLLECTIONS[kind]: row for kind, row in originals.items()}
    copies["subnets"] = home.user.cloud.subnets.get(status(home, "inet")["subnets"][0]["id"])
    copies["ports"] = home.user.cloud.ports.get(status(home, "ilb")["vipPortID"])
    copies["listeners"] = home.user.cloud.listeners.list(load_balancer_id=status(home, "ilb")["id"])[0]
    for collection, row in copies.items():
        octavia = "provisioning_status" in row
        mark = [tag for tag in row["tags"] if Mark.among([tag])] if octavia else row["description"]
        assert mark
        body = {"tags": mark} if octavia else {"description": mark}
        outsider.changing(
            lambda collection=collection, body=body: getattr(outsider.do, collection).update(
                made[collection]["id"], body
            )
        )
    mine, writes = outsider.mine(), box.mark()
    look(box, home)
    assert outsider.mine() == mine
    assert standing(home) == before
    written = [call for call in box.calls(writes) if call.by == "operator" and call.method not in ("GET", "HEAD")]
    assert [f"{call.method} {call.path}" for call in written if call.service != "keystone"] == []
    # Told, with the id of the copy.
    for kind, collection in COLLECTIONS.items():
        if kind in ("inet", "irouter", "isg", "ifip", "ilb"):
            body = home.user.get(kind, AT_HOME[kind]) or {}
            told = condition(body, "Synced")["message"] + str(home.user.events(AT_HOME[kind]))
            assert made[collection]["id"] in told, kind


def test_marks_taken_off_and_names_changed_are_put_back(box: Sandbox, home: AtHome, outsider: Outsider) -> None:
    before = ours(home)
    for kind, row in before.items():
        octavia = "provisioning_status" in row
        body = {"tags": []} if octavia else {"description": ""}
        if kind != "ifip":
            body |= {"name": "renamed"}
        outsider.changing(
            lambda kind=kind, body=body, row=row: getattr(outsider.do, COLLECTIONS[kind]).update(row["id"], body)
        )
    subnet = status(home, "inet")["subnets"][0]["id"]
    outsider.do.subnets.update(subnet, {"description": "", "name": "renamed"})
    port = home.user.cloud.ports.get(status(home, "ilb")["vipPortID"])
    outsider.do.ports.update(port["id"], {"description": ""})
    look(box, home)
    # The mark alone: the text before it says nothing to the operator, and is whoever's wrote it last.
    assert Mark.parse(home.user.cloud.ports.get(port["id"])["description"])
    outsider.do.ports.update(port["id"], {"description": port["description"]})


def test_text_of_any_kind_in_descriptions_and_tags(box: Sandbox, home: AtHome, outsider: Outsider) -> None:
    """Ours is put right where it is ours to say; else a condition says what is in the way, and names it."""
    before, written = ours(home), 0
    for text in ODD.values():
        for kind, row in before.items():
            for body in _odd(kind, row, text):
                try:
                    _update(outsider, kind, row, body)
                except InfomaniakCloudError:
                    continue  # a text that the service refuses
                written += 1
        look(box, home)
        for kind, name in AT_HOME.items():
            said = condition(home.user.get(kind, name) or {})
            if said["status"] == "False":
                assert said["reason"] in ("Conflict", "InvalidConfiguration"), said
                assert before[kind]["id"] in said["message"] or "shorten it" in said["message"]
        home.sound()
    assert written > 5 * len(ODD)
    for kind, row in before.items():
        kept = ("tags", "description") if "provisioning_status" in row else ("description",)
        _update(outsider, kind, row, {key: row[key] for key in kept if (kind, key) != ("ihm", "description")})


def _odd(kind: str, row: Row, text: str) -> Iterator[Row]:
    """What of a thing can hold a text."""
    if kind != "ihm":
        yield {"description": text}
    if "provisioning_status" in row:
        yield {"tags": [*row["tags"], text[:255]]}
    elif kind != "ifip":
        yield {"name": text[:255]}


def _update(outsider: Outsider, kind: str, row: Row, body: Row) -> None:
    outsider.changing(lambda: getattr(outsider.do, COLLECTIONS[kind]).update(row["id"], body))


def test_what_is_added_under_ours_stays_and_is_none_of_ours(box: Sandbox, home: AtHome, outsider: Outsider) -> None:
    network, balancer = status(home, "inet")["id"], status(home, "ilb")["id"]
    outsider.make("subnets", network_id=network, cidr="10.63.0.0/24", ip_version=4, name="a")
    outsider.make("ports", network_id=network, name="theirs", description=ours(home)["inet"]["description"])
    outsider.make("listeners", protocol="HTTP", protocol_port=8099, loadbalancer_id=balancer, name="http")
    outsider.make("pools", protocol="HTTP", lb_algorithm="ROUND_ROBIN", loadbalancer_id=balancer, name=AT_HOME["ipool"])
    before, mine = standing(home), outsider.mine()
    look(box, home)
    assert outsider.mine() == mine
    assert standing(home) == before


def test_parts_that_the_spec_lists_are_the_spec_s(box: Sandbox, home: AtHome, outsider: Outsider) -> None:
    """A rule in a group and a member of a pool that the spec does not have are taken out, and are all that is."""
    group, pool = status(home, "isg")["id"], status(home, "ipool")["id"]
    before = standing(home)
    rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp", "remote_ip_prefix": "0.0.0.0/0"}
    outsider.do.security_group_rules.create({**rule, "port_range_min": 22, "port_range_max": 22})
    member = {"address": "10.61.0.66", "protocol_port": 80}
    outsider.changing(lambda: outsider.do.members.create(pool, member))
    look(box, home)
    assert standing(home) == before
    assert "10.61.0.66" not in [row["address"] for row in home.user.cloud.members.list(pool)]


def test_what_is_deleted_in_between_is_made_again_and_nothing_else_is(
    box: Sandbox, env: Environment, keys: dict[str, str], home: AtHome
) -> None:
    do = Operations(CloudSession(parse_credentials(keys, None, [env.auth_url])))
    before = standing(home)
    do.security_groups.delete(before["isg"][0])
    Outsider.changing(lambda: do.health_monitors.delete(before["ihm"][0]))
    look(box, home)
    for kind, name in AT_HOME.items():
        home.user.until_ready(kind, name, 90)
    now = standing(home)
    assert {kind for kind in now if now[kind][0] != before[kind][0]} == {"isg", "ihm"}
    home.sound()


def test_a_race_ends_as_the_spec_says(box: Sandbox, home: AtHome, outsider: Outsider) -> None:
    group, balancer = status(home, "isg")["id"], status(home, "ilb")["id"]
    before = ours(home)
    for turn in range(12):
        outsider.do.security_groups.update(group, {"description": f"turn {turn}", "name": f"turn-{turn}"})
        home.user.annotate("isg", AT_HOME["isg"], reconcile_at=f"race-{turn}")
        if turn % 4 == 0:
            outsider.changing(lambda turn=turn: outsider.do.load_balancers.update(balancer, {"tags": [f"turn-{turn}"]}))
            home.user.annotate("ilb", AT_HOME["ilb"], reconcile_at=f"race-{turn}")
    look(box, home)
    # What others have written beside the mark is theirs where the spec says nothing of it: a text, a tag.
    tags = {*before["ilb"]["tags"], "turn-8"}
    # The load balancer may still be PENDING: the operator then looks again after as long as five seconds.
    until(lambda: set(ours(home)["ilb"]["tags"]) == tags, "the load balancer has its mark again")
    after = ours(home)
    mark = Mark.parse(before["isg"]["description"])
    assert mark
    assert Mark.parse(after["isg"]["description"]) == mark
    # Not always the last text: Neutron tries a PUT again by itself that met another one, and then tests no revision.
    assert re.match(r"turn \d+ \[", after["isg"]["description"])
    assert after["isg"]["name"] == before["isg"]["name"]
    outsider.do.security_groups.update(group, {"description": before["isg"]["description"]})
    outsider.changing(lambda: outsider.do.load_balancers.update(balancer, {"tags": before["ilb"]["tags"]}))
