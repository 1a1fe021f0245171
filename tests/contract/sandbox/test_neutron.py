"""In what the sandbox's Neutron must be true: what the operator's safety rests on."""

import json

import pytest

from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.customer import Customer


def _network(customer: Customer, name: str = "n", cidr: str = "10.1.0.0/24") -> tuple[dict, dict]:
    network = customer.neutron("POST", "networks", {"network": {"name": name}}).body["network"]
    subnet = {"network_id": network["id"], "cidr": cidr, "ip_version": 4, "name": "s"}
    return network, customer.neutron("POST", "subnets", {"subnet": subnet}).body["subnet"]


def _external(customer: Customer) -> str:
    return customer.neutron("GET", "networks?router:external=true").body["networks"][0]["id"]


def test_revision_numbers_rise_and_if_match_is_honoured(customer: Customer) -> None:
    network, _ = _network(customer)
    path = f"networks/{network['id']}"
    first = customer.neutron("GET", path).body["network"]["revision_number"]
    changed = customer.neutron("PUT", path, {"network": {"name": "m"}}, If_Match=f"revision_number={first}")
    assert changed.status == 200
    assert changed.body["network"]["revision_number"] > first
    stale = customer.neutron("PUT", path, {"network": {"name": "x"}}, If_Match=f"revision_number={first}")
    assert stale.status == 412
    assert customer.neutron("DELETE", path, If_Match=f"revision_number={first}").status == 412
    assert customer.neutron("GET", path).body["network"]["name"] == "m"


def test_a_new_subnet_moves_the_revision_of_its_network(customer: Customer) -> None:
    """What the safe deletion of a network rests on."""
    network, _ = _network(customer)
    before = customer.neutron("GET", f"networks/{network['id']}").body["network"]["revision_number"]
    subnet = {"network_id": network["id"], "cidr": "10.2.0.0/24", "ip_version": 4}
    customer.neutron("POST", "subnets", {"subnet": subnet})
    assert customer.neutron("GET", f"networks/{network['id']}").body["network"]["revision_number"] > before


def test_a_new_security_group_has_the_default_rules(customer: Customer) -> None:
    group = customer.neutron("POST", "security-groups", {"security_group": {"name": "g"}}).body["security_group"]
    rules = {(r["direction"], r["ethertype"]) for r in group["security_group_rules"]}
    assert rules == {("egress", "IPv4"), ("egress", "IPv6")}


def test_quotas_can_be_set_and_hold(box: Sandbox, customer: Customer) -> None:
    box.set_quota("beta", network=1)
    try:
        _network(customer)
        refused = customer.neutron("POST", "networks", {"network": {"name": "too many"}})
        assert (refused.status, refused.body["NeutronError"]["type"]) == (409, "OverQuota")
    finally:
        box.set_quota("beta", network=10)


def test_floating_ips_and_ports_become_active(customer: Customer) -> None:
    _, subnet = _network(customer)
    gateway = {"external_gateway_info": {"network_id": _external(customer)}}
    router = customer.neutron("POST", "routers", {"router": {"name": "r", **gateway}}).body["router"]
    customer.neutron("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = {"network_id": subnet["network_id"], "device_id": "a-server"}
    port = customer.neutron("POST", "ports", {"port": port}).body["port"]
    address = {"floating_network_id": _external(customer), "port_id": port["id"]}
    address = customer.neutron("POST", "floatingips", {"floatingip": address}).body["floatingip"]

    def status(collection: str, one: dict) -> str:
        return customer.neutron("GET", f"{collection}s/{one['id']}").body[collection]["status"]

    until(lambda: status("port", port) == "ACTIVE", "port ACTIVE")
    until(lambda: status("floatingip", address) == "ACTIVE", "floating IP ACTIVE")
    customer.neutron("PUT", f"floatingips/{address['id']}", {"floatingip": {"port_id": None}})
    until(lambda: status("floatingip", address) == "DOWN", "floating IP DOWN")
    customer.neutron("PUT", f"routers/{router['id']}/remove_router_interface", {"subnet_id": subnet["id"]})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("networks", {"network": {"name": "n", "shared": True}}),
        ("floatingips", {"floatingip": {"floating_network_id": "external", "floating_ip_address": "198.18.7.7"}}),
        (
            "routers",
            {"router": {"name": "r", "external_gateway_info": {"network_id": "external", "enable_snat": False}}},
        ),
    ],
)
def test_a_customer_is_no_administrator(customer: Customer, path: str, body: dict) -> None:
    filled = json.loads(json.dumps(body).replace('"external"', json.dumps(_external(customer))))
    refused = customer.neutron("POST", path, filled)
    assert refused.status == 403, refused.body


def test_projects_do_not_see_each_other(env: Environment, customer: Customer) -> None:
    network, _ = _network(customer)
    other = Customer(env, env.projects["alpha"])
    assert other.neutron("GET", f"networks/{network['id']}").status == 404


def test_a_post_is_finished_though_its_caller_is_gone(box: Sandbox, customer: Customer) -> None:
    box.set_faults([{"service": "neutron", "method": "POST", "path": "/networks$", "count": 1, "reset": "after"}])
    with pytest.raises(OSError):
        customer.neutron("POST", "networks", {"network": {"name": "unheard"}})
    listed = customer.neutron("GET", "networks?name=unheard").body["networks"]
    assert [n["name"] for n in listed] == ["unheard"]


@pytest.mark.parametrize(
    ("fault", "status", "there"), [({"status": 503}, 503, 0), ({"status_after": 504}, 504, 1)], ids=["instead", "after"]
)
def test_faults_are_what_they_say(box: Sandbox, customer: Customer, fault: dict, status: int, there: int) -> None:
    box.set_faults([{"service": "neutron", "method": "POST", "path": "/networks$", "count": 1, **fault}])
    assert customer.neutron("POST", "networks", {"network": {"name": "faulty"}}).status == status
    assert box.faults_hit() == 1
    assert len(customer.neutron("GET", "networks?name=faulty").body["networks"]) == there
    assert customer.neutron("POST", "networks", {"network": {"name": "fine"}}).status == 201


def test_every_call_is_logged_with_its_project(box: Sandbox, customer: Customer) -> None:
    mark = box.mark()
    customer.neutron("GET", "networks?name=nobody")
    (call,) = [c for c in box.calls(mark) if c.project == customer.project.id]
    assert (call.service, call.method, call.path, call.status) == ("neutron", "GET", "/v2.0/networks", 200)
