"""Every field of InfomaniakNetwork on the real Neutron: set at creation, changed, drifted and put back, taken out."""

import copy
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.reconcile.neutron import network as network_kind
from infomaniak_operator.reconcile.neutron import subnets as subnet_kind
from tests.support.box import until
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
    assert {case.field for case in NETWORK} == own - {"shared"}, "shared is an administrator's: see below"
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
