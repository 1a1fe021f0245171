"""In what the sandbox's Octavia must be true."""

import time

import pytest

from sandbox import Sandbox
from tests.support.box import until
from tests.support.customer import Customer


def _load_balancer(customer: Customer) -> str:
    network = customer.neutron("POST", "networks", {"network": {"name": "lb"}}).body["network"]
    subnet = {"network_id": network["id"], "cidr": "10.4.0.0/24", "ip_version": 4}
    subnet = customer.neutron("POST", "subnets", {"subnet": subnet}).body["subnet"]
    made = customer.octavia("POST", "loadbalancers", {"loadbalancer": {"name": "lb", "vip_subnet_id": subnet["id"]}})
    assert made.status == 201, made.body
    return made.body["loadbalancer"]["id"]


@pytest.mark.parametrize("settle", [0.3, 1.5])
def test_pending_lasts_as_long_as_said_and_locks(box: Sandbox, customer: Customer, settle: float) -> None:
    box.set_settle(60.0)
    try:
        begin = time.monotonic()
        balancer = _load_balancer(customer)
        listener = {"loadbalancer_id": balancer, "protocol": "HTTP", "protocol_port": 80}
        refused = customer.octavia("POST", "listeners", {"listener": listener})
        assert refused.status == 409
        assert "immutable" in refused.body["faultstring"].lower()

        def status() -> str:
            return customer.octavia("GET", f"loadbalancers/{balancer}").body["loadbalancer"]["provisioning_status"]

        box.set_settle(settle)
        until(lambda: status() == "ACTIVE", "load balancer ACTIVE")
        assert time.monotonic() - begin >= settle
        # One change right after the other: each takes as long, and when the load balancer is ACTIVE all under it is.
        for port in (80, 81, 82):
            begin, body = time.monotonic(), {**listener, "protocol_port": port}
            made = customer.octavia("POST", "listeners", {"listener": body})
            assert made.status == 201
            until(lambda: status() == "ACTIVE", "load balancer ACTIVE again")
            assert time.monotonic() - begin >= settle
            there = customer.octavia("GET", f"listeners/{made.body['listener']['id']}").body["listener"]
            assert there["provisioning_status"] == "ACTIVE"
        customer.octavia("DELETE", f"loadbalancers/{balancer}?cascade=true")
        until(lambda: customer.octavia("GET", f"loadbalancers/{balancer}").status == 404, "load balancer gone")
    finally:
        box.set_settle(0.5)


def test_the_vip_is_a_real_port(customer: Customer) -> None:
    balancer = _load_balancer(customer)
    shown = customer.octavia("GET", f"loadbalancers/{balancer}").body["loadbalancer"]
    port = customer.neutron("GET", f"ports/{shown['vip_port_id']}").body["port"]
    assert port["fixed_ips"][0]["ip_address"] == shown["vip_address"]

    def gone() -> bool:
        customer.octavia("DELETE", f"loadbalancers/{balancer}?cascade=true")
        return customer.octavia("GET", f"loadbalancers/{balancer}").status == 404

    until(gone, "load balancer gone")
