"""InfomaniakNetwork on the real Neutron, by an operator with the rights of its own ServiceAccount."""

import time

import pytest

from demo.operator import OperatorProcess
from demo.show import ready
from sandbox import Sandbox
from tests.support.box import until
from tests.support.running import USER, User, network

TWO_SUBNETS = [
    {"name": "v4", "cidr": "10.20.0.0/24", "dnsNameservers": ["9.9.9.9"]},
    {"name": "v6", "cidr": "2001:db8:20::/64", "ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"},
]


def test_apply_to_ready_in_three_seconds_and_seven_calls(box: Sandbox, user: User, record_property) -> None:
    user.apply(network("warm", subnets=[{"name": "a", "cidr": "10.9.0.0/24"}]))
    user.until_ready("inet", "warm")  # the login, and the caches of a service that was just started, are apart
    mark, kube_mark = box.mark(), box.kube_mark()
    begin = time.monotonic()
    user.apply(network("office", description="the office network", mtu=1400, subnets=TWO_SUBNETS))
    body = user.until_ready("inet", "office")
    seconds = time.monotonic() - begin
    calls = [f"{c.method} {c.path}" for c in box.calls(mark) if c.service == "neutron"]
    kube = [
        c for c in box.kube_calls(kube_mark, user=USER) if c.verb not in ("watch", "list") and "events" not in c.uri
    ]
    record_property("seconds", seconds)
    print(f"\napply -> Ready {seconds:.2f} s; OpenStack: {calls}; Kubernetes: {[(c.verb, c.uri) for c in kube]}")
    assert len(calls) <= 4, calls
    assert len(kube) <= 3, kube
    assert seconds <= 3.0

    (there,) = [n for n in user.networks() if n["name"] == "office"]
    assert there["id"] == body["status"]["id"]
    assert there["mtu"] == 1400
    assert there["description"].startswith("the office network [ik2.")
    subnets = {s["name"]: s for s in user.subnets(there["id"])}
    assert subnets["v4"]["dns_nameservers"] == ["9.9.9.9"]
    assert subnets["v6"]["ipv6_ra_mode"] == "slaac"
    shown = {s["name"]: s for s in body["status"]["subnets"]}
    assert {name: s["id"] for name, s in shown.items()} == {name: s["id"] for name, s in subnets.items()}
    assert shown["v4"]["gateway"] == "10.20.0.1"
    assert ("Created" in [reason for reason, _ in user.events("office")]) or until(
        lambda: "Created" in [reason for reason, _ in user.events("office")], "Event Created"
    )


def test_what_is_mutable_is_changed_in_place(user: User) -> None:
    user.apply(network("n", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}, {"name": "b", "cidr": "10.2.0.0/24"}]))
    before = user.until_ready("inet", "n")["status"]
    user.apply(
        network(
            "n",
            description="changed",
            adminStateUp=False,
            subnets=[
                {"name": "a", "cidr": "10.1.0.0/24", "gateway": "10.1.0.254", "enableDHCP": False},
                {"name": "c", "cidr": "10.3.0.0/24"},
            ],
        )
    )
    after = user.until_ready("inet", "n")["status"]
    assert after["id"] == before["id"]
    there = user.cloud.networks.get(after["id"])
    assert (there["admin_state_up"], there["description"].split(" [")[0]) == (False, "changed")
    subnets = {s["name"]: s for s in user.subnets(after["id"])}
    assert sorted(subnets) == ["a", "c"]
    assert (subnets["a"]["gateway_ip"], subnets["a"]["enable_dhcp"]) == ("10.1.0.254", False)
    assert subnets["a"]["id"] == next(s["id"] for s in before["subnets"] if s["name"] == "a")

    user.apply(network("n", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}, {"name": "c", "cidr": "10.3.0.0/24"}]))
    user.until_ready("inet", "n")
    there = user.cloud.networks.get(after["id"])
    assert (there["admin_state_up"], there["description"].split("[")[0]) == (True, "")
    back = {s["name"]: s for s in user.subnets(after["id"])}["a"]
    assert (back["gateway_ip"], back["enable_dhcp"]) == ("10.1.0.1", True)


def test_a_gateway_taken_out_is_again_what_neutron_gives(user: User) -> None:
    ours = [{"name": "v4", "cidr": "10.1.0.0/24"}, {"name": "v6", "cidr": "2001:db8:1::/64"}]
    user.apply(network("n", subnets=ours))
    before = user.until_ready("inet", "n")["status"]["subnets"]
    moved = [{**ours[0], "gateway": "10.1.0.9"}, {**ours[1], "gateway": "2001:db8:1::9"}]
    user.apply(network("n", subnets=moved))
    assert [s["gateway"] for s in user.until_ready("inet", "n")["status"]["subnets"]] == ["10.1.0.9", "2001:db8:1::9"]
    user.apply(network("n", subnets=ours))
    assert user.until_ready("inet", "n")["status"]["subnets"] == before


def test_drift_is_put_back(user: User) -> None:
    user.apply(network("n", subnets=[{"name": "a", "cidr": "10.1.0.0/24", "dnsNameservers": ["9.9.9.9"]}]))
    status = user.until_ready("inet", "n")["status"]
    subnet = status["subnets"][0]["id"]
    user.cloud.subnets.update(subnet, {"dns_nameservers": ["1.1.1.1"], "description": "mine"})
    user.annotate("inet", "n", reconcile_at="1")
    until(lambda: user.cloud.subnets.get(subnet)["dns_nameservers"] == ["9.9.9.9"], "name server put back")
    until(lambda: "[ik2." in user.cloud.subnets.get(subnet)["description"], "mark put back")
    until(lambda: "DriftCorrected" in [reason for reason, _ in user.events("n")], "Event DriftCorrected")


def test_a_network_deleted_behind_our_back_is_made_again(user: User) -> None:
    user.apply(network("n", subnets=TWO_SUBNETS))
    old = user.until_ready("inet", "n")["status"]["id"]
    user.cloud.networks.delete(old)
    user.annotate("inet", "n", reconcile_at="1")

    def again() -> dict | None:
        body = user.get("inet", "n")
        return body if body and ready(body) and body["status"].get("id") not in (None, old) else None

    new = until(again, "another network")["status"]["id"]
    assert sorted(s["name"] for s in user.subnets(new)) == ["v4", "v6"]
    assert [n["id"] for n in user.networks() if n["name"] == "n"] == [new]


def test_delete_takes_it_all_away(user: User) -> None:
    user.apply(network("n", subnets=TWO_SUBNETS))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    user.delete("inet", "n")
    assert network_id not in [n["id"] for n in user.networks()]
    assert user.subnets(network_id) == []


def test_a_network_in_use_stays_and_says_so(user: User) -> None:
    user.apply(network("n", subnets=TWO_SUBNETS))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    port = user.cloud.ports.create({"network_id": network_id, "name": "somebody's"})
    user.delete("inet", "n", wait=False)
    message = user.until_condition("inet", "n", "Ready", reason="InUse")["message"]
    assert network_id in message
    user.cloud.ports.delete(port["id"])
    until(lambda: user.get("inet", "n") is None, "gone once the port is", 90)


def test_a_foreign_subnet_is_not_taken_along(user: User) -> None:
    user.apply(network("n", subnets=TWO_SUBNETS))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    body = {"network_id": network_id, "cidr": "192.168.7.0/24", "ip_version": 4, "name": "by-hand"}
    foreign = user.cloud.subnets.create(body)
    user.delete("inet", "n", wait=False)
    assert "by-hand" in user.until_condition("inet", "n", "Ready", reason="InUse")["message"]
    assert len(user.subnets(network_id)) == 3
    user.cloud.subnets.delete(foreign["id"])
    user.annotate("inet", "n", reconcile_at="1")
    until(lambda: user.get("inet", "n") is None, "gone once the subnet is", 90)


def test_kubectl_wait_and_no_hole_before_the_first_reconcile(user: User, running: OperatorProcess) -> None:
    running.stop()
    try:
        user.apply(network("n", subnets=TWO_SUBNETS))
        assert user.get("inet", "n")["status"] == {"observedGeneration": -1}
    finally:
        running.start()
    user.kubectl.run("wait", "--for=condition=Ready", "inet/n", "-n", user.namespace, "--timeout=60s")
    assert user.get("inet", "n")["status"]["observedGeneration"] == 1


@pytest.mark.parametrize("when", ["after the create", "while Neutron still works on it"])
def test_killed_between_create_and_status_there_is_one_network(
    box: Sandbox, user: User, running: OperatorProcess, when: str
) -> None:
    """The POST goes through, the operator is dead before it can write the id anywhere: one network in the end."""
    mark = box.mark()
    delay = {"delay_after": 3.0} if when == "after the create" else {"delay_before": 3.0}
    box.set_faults([{"service": "neutron", "method": "POST", "path": r"/networks$", "count": 1, **delay}])
    user.apply(network("n", subnets=TWO_SUBNETS))
    if when == "after the create":
        until(lambda: [n for n in user.networks() if n["name"] == "n"], "the network in Neutron")
    else:
        until(lambda: box.faults_hit(), "the POST in Neutron's hands")
    running.kill()
    assert user.get("inet", "n")["status"].get("id") is None
    running.start()
    body = user.until_ready("inet", "n", 60)
    time.sleep(3.5)  # what the dead operator sent has surely arrived by now
    there = [n["id"] for n in user.networks() if n["name"] == "n"]
    assert there == [body["status"]["id"]]
    assert sorted(s["name"] for s in user.subnets(there[0])) == ["v4", "v6"]
    posts = [c for c in box.calls(mark) if c.method == "POST" and c.path.endswith("/networks")]
    assert len(posts) == 1
