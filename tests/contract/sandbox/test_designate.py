"""In what the sandbox's Designate must be true."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.customer import Answer, Customer


@pytest.fixture
def holder(full: Sandbox, customer: Customer) -> Customer:
    """The customer of project beta, with Designate in his catalogue."""
    return customer


@pytest.fixture
def zone(holder: Customer) -> Iterator[dict[str, Any]]:
    """A zone that is ACTIVE; gone afterwards."""
    name = f"z{uuid.uuid4().hex[:8]}.example."
    made = holder.designate("POST", "zones", {"name": name, "email": "a@example.com", "ttl": 300})
    assert (made.status, made.body["status"], made.body["action"]) == (202, "PENDING", "CREATE")
    path = f"zones/{made.body['id']}"
    _active(holder, path)
    yield made.body
    holder.designate("DELETE", path)
    until(lambda: holder.designate("GET", path).status == 404, "the zone gone")


def _active(customer: Customer, path: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        shown = customer.designate("GET", path).body
        return shown if (shown["status"], shown["action"]) == ("ACTIVE", "NONE") else None

    return until(look, f"{path} ACTIVE")


def _record(customer: Customer, zone: dict[str, Any], *addresses: str, name: str = "www") -> Answer:
    body = {"name": f"{name}.{zone['name']}", "type": "A", "ttl": 60, "records": list(addresses)}
    return customer.designate("POST", f"zones/{zone['id']}/recordsets", body)


def test_a_zone_has_its_own_records_and_no_twin(holder: Customer, zone: dict[str, Any]) -> None:
    listed = holder.designate("GET", f"zones/{zone['id']}/recordsets").body["recordsets"]
    assert {one["type"]: one["status"] for one in listed} == {"SOA": "ACTIVE", "NS": "ACTIVE"}
    twin = holder.designate("POST", "zones", {"name": zone["name"], "email": "a@example.com"})
    assert (twin.status, twin.body["type"]) == (409, "duplicate_zone")


def test_recordsets_come_change_and_go(holder: Customer, zone: dict[str, Any]) -> None:
    made = _record(holder, zone, "198.18.0.7")
    assert (made.status, made.body["status"], made.body["action"]) == (202, "PENDING", "CREATE")
    path = f"zones/{zone['id']}/recordsets/{made.body['id']}"
    assert _active(holder, path)["records"] == ["198.18.0.7"]

    changed = holder.designate("PUT", path, {"records": ["198.18.0.8", "198.18.0.9"], "ttl": 120})
    assert (changed.status, changed.body["status"], changed.body["action"]) == (202, "PENDING", "UPDATE")
    shown = _active(holder, path)
    assert (sorted(shown["records"]), shown["ttl"]) == (["198.18.0.8", "198.18.0.9"], 120)

    twin = _record(holder, zone, "198.18.0.7")
    assert (twin.status, twin.body["type"]) == (409, "duplicate_recordset")
    assert _record(holder, zone, "300.1.1.1", name="bad").status == 400

    gone = holder.designate("DELETE", path)
    assert (gone.status, gone.body["status"], gone.body["action"]) == (202, "PENDING", "DELETE")
    until(lambda: holder.designate("GET", path).status == 404, "the recordset gone")
    again = _record(holder, zone, "198.18.0.10")
    assert again.status == 202
    _active(holder, f"zones/{zone['id']}/recordsets/{again.body['id']}")


def test_a_change_moves_the_serial_and_the_soa_says_it(holder: Customer, zone: dict[str, Any]) -> None:
    path = f"zones/{zone['id']}"
    before = holder.designate("GET", path).body["serial"]

    def moved() -> int | None:
        """Serials are seconds: one that was made in the second of the change before it has the same."""
        made = _record(holder, zone, "198.18.0.7", name=f"n{uuid.uuid4().hex[:6]}")
        _active(holder, f"{path}/recordsets/{made.body['id']}")
        serial: int = _active(holder, path)["serial"]
        return serial if serial > before else None

    serial = until(moved, "a later serial")
    (soa,) = holder.designate("GET", f"{path}/recordsets?type=SOA").body["recordsets"]
    assert soa["records"][0].split()[2] == str(serial)


def test_many_changes_at_once_all_end(holder: Customer, zone: dict[str, Any]) -> None:
    """None is lost between what is being settled and what comes meanwhile."""
    made = [_record(holder, zone, f"198.18.1.{n}", name=f"r{n}").body["id"] for n in range(12)]
    for n, id_ in enumerate(made[:6]):
        holder.designate("PUT", f"zones/{zone['id']}/recordsets/{id_}", {"records": [f"198.18.2.{n}"]})
    for id_ in made[9:]:
        holder.designate("DELETE", f"zones/{zone['id']}/recordsets/{id_}")

    def settled() -> dict[str, list[str]] | None:
        listed = holder.designate("GET", f"zones/{zone['id']}/recordsets?type=A").body["recordsets"]
        done = len(listed) == 9 and all(one["status"] == "ACTIVE" for one in listed)
        return {one["id"]: one["records"] for one in listed} if done else None

    shown = until(settled, "nine recordsets, all ACTIVE")
    wanted = [f"198.18.2.{n}" for n in range(6)] + [f"198.18.1.{n}" for n in range(6, 9)]
    assert [shown[id_] for id_ in made[:9]] == [[address] for address in wanted]


def test_another_projects_zone_is_not_there(env: Environment, holder: Customer, zone: dict[str, Any]) -> None:
    other = Customer(env, env.projects["alpha"])
    assert other.designate("GET", f"zones/{zone['id']}").status == 404
    assert other.designate("DELETE", f"zones/{zone['id']}").status == 404
    assert other.designate("GET", "zones").body["zones"] == []
    below = other.designate("POST", "zones", {"name": f"below.{zone['name']}", "email": "a@example.com"})
    assert below.status in (403, 409), below.body


def test_the_name_of_a_floating_ip_is_set_changed_and_unset(env: Environment, holder: Customer) -> None:
    external = holder.neutron("GET", "networks?router:external=true").body["networks"][0]["id"]
    made = holder.neutron("POST", "floatingips", {"floatingip": {"floating_network_id": external}}).body["floatingip"]
    path = f"reverse/floatingips/{env.region}:{made['id']}"
    shown = holder.designate("GET", path)
    assert (shown.status, shown.body["ptrdname"], shown.body["address"]) == (200, None, made["floating_ip_address"])

    for name in ("mail.example.com.", "mx.example.com."):
        change = holder.designate("PATCH", path, {"ptrdname": name, "ttl": 600, "description": "ours"})
        assert (change.status, change.body["ptrdname"]) == (202, name)
        assert _active(holder, path)["ptrdname"] == name
    listed = holder.designate("GET", "reverse/floatingips").body["floatingips"]
    assert [one["ptrdname"] for one in listed if one["id"] == f"{env.region}:{made['id']}"] == ["mx.example.com."]

    other = Customer(env, env.projects["alpha"])
    assert other.designate("GET", path).status == 404
    assert other.designate("PATCH", path, {"ptrdname": "evil.example.com."}).status == 404
    assert holder.designate("GET", "zones").body["zones"] == []  # that of the reverse names is no customer's

    assert holder.designate("PATCH", path, {"ptrdname": None}).status == 202
    until(lambda: holder.designate("GET", path).body["ptrdname"] is None, "no name any more")
    holder.neutron("DELETE", f"floatingips/{made['id']}")
    assert holder.designate("GET", path).status == 404
