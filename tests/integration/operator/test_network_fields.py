"""Every field of InfomaniakNetwork on the real Neutron: set at creation, changed, drifted and put back, taken out."""

import copy
import ipaddress
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infomaniak_operator.reconcile.neutron import network as network_kind
from infomaniak_operator.reconcile.neutron import subnets as subnet_kind
from sandbox import Environment
from tests.support.administrator import Administrator
from tests.support.box import until
from tests.support.customer import Customer
from tests.support.manifests import port
from tests.support.running import User, network


@dataclass(frozen=True)
class Case:
    """One field: what the spec says first and then, what somebody else sets, and what it is when nobody says anything."""

    field: str
    api: str
    first: Any
    second: Any
    drift: Any
    default: Any

    def read(self, row: dict) -> Any:
        return _plain(row[self.api])


def _plain(value: Any) -> Any:
    return sorted(value, key=str) if isinstance(value, list) else value


NETWORK = [
    Case("name", "name", "named", "renamed", "theirs", "fields"),
    Case("adminStateUp", "admin_state_up", False, True, False, True),
    Case("mtu", "mtu", 1400, 1390, 1300, 1390),  # Neutron has no default to go back to: it stays
    Case("portSecurityEnabled", "port_security_enabled", False, True, False, True),
    Case("dnsDomain", "dns_domain", "one.example.", "two.example.", "three.example.", ""),
    Case("tags", "tags", ["a", "b"], ["b", "c"], ["d"], []),
]
_POOLS = [[{"start": f"10.7.0.{a}", "end": f"10.7.0.{a + 9}"}] for a in (20, 40, 60)]
_ROUTES = [[{"destination": f"192.168.{n}.0/24", "nexthop": "10.7.0.2"}] for n in (1, 2, 3)]
SUBNET = [
    Case("gateway", "gateway_ip", "10.7.0.9", "10.7.0.10", "10.7.0.11", "10.7.0.1"),
    Case("enableDHCP", "enable_dhcp", False, True, False, True),
    Case("dnsNameservers", "dns_nameservers", ["9.9.9.9"], ["1.1.1.1", "9.9.9.9"], ["8.8.8.8"], []),
    Case("allocationPools", "allocation_pools", *_POOLS, [{"start": "10.7.0.2", "end": "10.7.0.254"}]),
    Case("hostRoutes", "host_routes", *_ROUTES, []),
]
_turns = itertools.count()
FIXED = {"cidr", "subnetPoolID", "prefixLength", "ipVersion", "ipv6AddressMode", "ipv6RAMode"}
"""Of a subnet, what is set once and for all."""


def _spec(which: str) -> dict[str, Any]:
    spec: dict[str, Any] = {case.field: getattr(case, which) for case in NETWORK}
    subnet = {"name": "a", "cidr": "10.7.0.0/24", **{case.field: getattr(case, which) for case in SUBNET}}
    return copy.deepcopy({**spec, "description": which, "subnets": [{**subnet, "description": which}]})


def _seen(user: User, status: dict) -> dict[str, Any]:
    row, subnet = user.cloud.networks.get(status["id"]), user.cloud.subnets.get(status["subnets"][0]["id"])
    seen = {case.field: case.read(row) for case in NETWORK} | {case.field: case.read(subnet) for case in SUBNET}
    return seen | {"description": row["description"].split(" [")[0], "subnet": subnet["description"].split(" [")[0]}


def _wanted(which: str) -> dict[str, Any]:
    fields = {case.field: _plain(getattr(case, which)) for case in (*NETWORK, *SUBNET)}
    return fields | {"description": which, "subnet": which}


def test_the_table_has_every_field() -> None:
    """A field added to the kind is a case added here."""
    own = {field.spec for field in network_kind.FIELDS} | {"name", "tags"}
    assert {case.field for case in NETWORK} == own - {"shared", "qosPolicyID"}, "an administrator's: see below"
    assert {field.spec for field in subnet_kind.FIELDS if not field.mutable} == FIXED
    mutable = {field.spec for field in subnet_kind.FIELDS if field.mutable}
    assert {case.field for case in SUBNET} == mutable


def test_each_field_is_created_changed_put_back_and_taken_out(user: User) -> None:
    user.apply(network("fields", **_spec("first")))
    status = user.until_ready("inet", "fields")["status"]
    assert _seen(user, status) == _wanted("first")

    user.apply(network("fields", **_spec("second")))
    changed = user.until_ready("inet", "fields")["status"]
    assert (changed["id"], changed["subnets"][0]["id"]) == (status["id"], status["subnets"][0]["id"])
    assert _seen(user, status) == _wanted("second")

    user.cloud.networks.update(status["id"], {case.api: case.drift for case in NETWORK if case.field != "tags"})
    user.cloud.tags.replace("networks", status["id"], ["d"])
    user.cloud.subnets.update(status["subnets"][0]["id"], {case.api: case.drift for case in SUBNET})
    user.annotate("inet", "fields", reconcile_at="1")
    until(lambda: _seen(user, status) == _wanted("second"), "every field put back")

    user.apply(network("fields", subnets=[{"name": "a", "cidr": "10.7.0.0/24"}]))
    user.until_ready("inet", "fields")
    assert _seen(user, status) == {**_wanted("default"), "description": "", "subnet": ""} | _marks(user, status)
    assert user.get("inet", "fields")["status"]["appliedFields"] == ["subnets", "subnets[a]"]


def _marks(user: User, status: dict) -> dict[str, str]:
    """What is left of the descriptions: nothing but the marks."""
    rows = user.cloud.networks.get(status["id"]), user.cloud.subnets.get(status["subnets"][0]["id"])
    assert all(row["description"].startswith("[ik2.") for row in rows)
    return {"description": rows[0]["description"], "subnet": rows[1]["description"]}


def test_an_empty_list_is_none_and_the_word_none_is_no_gateway(user: User) -> None:
    full = {"name": "a", "cidr": "10.7.0.0/24", "dnsNameservers": ["9.9.9.9"], "hostRoutes": _ROUTES[0]}
    user.apply(network("fields", tags=["a"], subnets=[full]))
    status = user.until_ready("inet", "fields")["status"]
    empty = {"name": "a", "cidr": "10.7.0.0/24", "dnsNameservers": [], "hostRoutes": [], "gateway": "none"}
    user.apply(network("fields", tags=[], subnets=[empty]))
    user.until_ready("inet", "fields")
    subnet = user.cloud.subnets.get(status["subnets"][0]["id"])
    assert (subnet["dns_nameservers"], subnet["host_routes"], subnet["gateway_ip"]) == ([], [], None)
    assert user.cloud.networks.get(status["id"])["tags"] == []


def test_what_is_absent_is_left_to_others(user: User) -> None:
    user.apply(network("fields", subnets=[{"name": "a", "cidr": "10.7.0.0/24"}]))
    status = user.until_ready("inet", "fields")["status"]
    user.cloud.networks.update(status["id"], {"mtu": 1300, "admin_state_up": False})
    user.cloud.subnets.update(status["subnets"][0]["id"], {"dns_nameservers": ["8.8.8.8"], "enable_dhcp": False})
    user.cloud.tags.replace("networks", status["id"], ["theirs"])
    before = _seen(user, status)
    user.annotate("inet", "fields", reconcile_at="1")
    user.patch("inet", "fields", {"description": "a reconcile that does change something"})
    until(lambda: _seen(user, status)["description"].startswith("a reconcile"), "the reconcile")
    assert _seen(user, status) == {**before, "description": "a reconcile that does change something"}


def test_an_administrators_field_is_refused_in_the_clouds_own_words(user: User) -> None:
    user.apply(network("fields", shared=True, subnets=[{"name": "a", "cidr": "10.7.0.0/24"}]))
    ready = user.until_condition("inet", "fields", "Ready", reason="InvalidConfiguration")
    assert "403" in ready["message"]
    assert "req-" in ready["message"]
    assert user.condition("inet", "fields", "Stalled")["status"] == "True"
    user.patch("inet", "fields", {"shared": None})
    user.until_ready("inet", "fields")


@pytest.fixture
def administrator(env: Environment, user: User) -> Iterator[Administrator]:
    """One of the cloud, whose things go after the user's."""
    found = Administrator(env)
    yield found
    user.kubectl.run("delete", "inet", "--all", "-n", user.namespace, "--timeout=90s")
    found.clean()


def test_subnets_whose_ranges_are_from_a_pool(user: User, administrator: Administrator) -> None:
    """Made, changed, gone by hand and made again; the range is the cloud's choice, and stays as long as the subnet."""
    pool = administrator.subnet_pool("10.64.0.0/20", 26)
    a, b = {"name": "a", "subnetPoolID": pool}, {"name": "b", "subnetPoolID": pool, "prefixLength": 27}
    user.apply(network("pooled", subnets=[a, b]))
    status = user.until_ready("inet", "pooled")["status"]
    shown = {each["name"]: each for each in status["subnets"]}
    ranges = {name: ipaddress.ip_network(each["cidr"]) for name, each in shown.items()}
    assert {name: each.prefixlen for name, each in ranges.items()} == {"a": 26, "b": 27}
    assert all(each.subnet_of(ipaddress.ip_network("10.64.0.0/20")) for each in ranges.values())
    assert {each["subnetPoolID"] for each in shown.values()} == {pool}

    user.apply(network("pooled", subnets=[{**a, "gateway": "none", "dnsNameservers": ["9.9.9.9"]}, b]))
    changed = user.until_ready("inet", "pooled")["status"]
    rows = {row["name"]: row for row in user.subnets(status["id"])}
    assert {name: row["id"] for name, row in rows.items()} == {name: each["id"] for name, each in shown.items()}
    assert (rows["a"]["gateway_ip"], rows["a"]["dns_nameservers"]) == (None, ["9.9.9.9"])
    assert [each["cidr"] for each in changed["subnets"]] == [str(ranges["a"]), str(ranges["b"])]

    user.cloud.subnets.delete(rows["b"]["id"])
    user.annotate("inet", "pooled", reconcile_at="1")
    until(lambda: {row["name"] for row in user.subnets(status["id"])} == {"a", "b"}, "the subnet made again")

    user.apply(network("pooled", subnets=[a]))
    until(lambda: [row["name"] for row in user.subnets(status["id"])] == ["a"], "the second one gone")


def test_a_subnet_pool_that_is_not_there_is_told_with_its_field(user: User) -> None:
    nowhere = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    user.apply(network("pooled", subnets=[{"name": "a", "subnetPoolID": nowhere}]))
    ready = user.until_condition("inet", "pooled", "Ready", status="False", reason="InvalidConfiguration")
    assert "spec.subnets[a].subnetPoolID: there is no such subnet pool" in ready["message"]
    assert "SubnetPoolNotFound" in ready["message"]
    user.patch("inet", "pooled", {"subnets": [{"name": "b", "cidr": "10.7.0.0/24"}]})
    user.until_ready("inet", "pooled")


def test_an_adopted_network_keeps_its_subnets_from_a_pool(user: User, administrator: Administrator) -> None:
    pool = administrator.subnet_pool("10.64.0.0/20", 26)
    made = user.cloud.networks.create({"name": "by-hand"})["id"]
    front = {"network_id": made, "name": "front", "ip_version": 4, "subnetpool_id": pool}
    there = user.cloud.subnets.create(front)
    wanted = {"name": "front", "subnetPoolID": pool, "dnsNameservers": ["1.1.1.1"]}
    user.apply(network("pooled", **{"import": {"id": made}}, subnets=[wanted]))
    user.until_ready("inet", "pooled")
    (row,) = user.subnets(made)
    assert (row["id"], row["cidr"], row["dns_nameservers"]) == (there["id"], there["cidr"], ["1.1.1.1"])


def test_a_qos_policy_is_set_changed_put_back_and_taken_out(user: User, administrator: Administrator) -> None:
    """Of a network, and of a port on it."""
    one, other = administrator.qos_policy(), administrator.qos_policy()
    user.apply(network("office", subnets=[{"name": "a", "cidr": "10.7.0.0/24"}], qosPolicyID=one))
    network_id = user.until_ready("inet", "office")["status"]["id"]
    user.apply(port("p", networkRef={"name": "office"}, qosPolicyID=other))
    port_id = user.until_ready("iport", "p")["status"]["id"]
    do = user.cloud

    def seen() -> tuple[Any, Any]:
        return do.networks.get(network_id)["qos_policy_id"], do.ports.get(port_id)["qos_policy_id"]

    assert seen() == (one, other)
    user.patch("inet", "office", {"qosPolicyID": other})
    user.patch("iport", "p", {"qosPolicyID": one})
    until(lambda: seen() == (other, one), "both changed")
    do.networks.update(network_id, {"qos_policy_id": None})
    do.ports.update(port_id, {"qos_policy_id": other})
    user.annotate("inet", "office", reconcile_at="1")
    user.annotate("iport", "p", reconcile_at="1")
    until(lambda: seen() == (other, one), "both put back")
    assert user.until_ready("inet", "office")["status"]["qosPolicyID"] == other
    user.patch("inet", "office", {"qosPolicyID": None})
    user.patch("iport", "p", {"qosPolicyID": None})
    until(lambda: seen() == (None, None), "both taken out")
    user.delete("iport", "p")


@pytest.mark.slow
def test_with_whom_it_is_shared_is_shown_where_that_is_asked_for(user: User, env: Environment) -> None:
    user.apply(network("office", observeShares=True))
    network_id = user.until_ready("inet", "office")["status"]["id"]
    assert (user.get("inet", "office") or {})["status"]["sharedWith"] == []
    other = env.projects["beta"].id
    target = {"object_type": "network", "object_id": network_id, "action": "access_as_shared", "target_tenant": other}
    made = Customer(env, env.projects["alpha"]).neutron("POST", "rbac-policies", {"rbac_policy": target})
    assert made.status == 201, made.body

    def shown() -> bool:
        user.annotate("inet", "office", reconcile_at=str(next(_turns)))
        return (user.get("inet", "office") or {})["status"].get("sharedWith") == [other]

    until(shown, "it is shown", 90)  # what was read within the last minute is good enough
    user.patch("inet", "office", {"observeShares": None})
    until(lambda: "sharedWith" not in (user.get("inet", "office") or {})["status"], "it is shown no more")
    user.delete("inet", "office")


def test_a_qos_policy_that_is_not_there_is_told_with_its_field(user: User) -> None:
    user.apply(network("office", qosPolicyID="1b4e28ba-2fa1-41d2-883f-0016d3cca427"))
    ready = user.until_condition("inet", "office", "Ready", status="False")
    assert "spec.qosPolicyID: there is no such QoS policy" in ready["message"]
    user.patch("inet", "office", {"qosPolicyID": None})
    user.until_ready("inet", "office")
