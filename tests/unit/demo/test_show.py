"""What the demo shows side by side."""

import io

from demo import show

NETWORK = {
    "kind": "InfomaniakNetwork",
    "metadata": {"name": "internet"},
    "status": {"id": "n", "mtu": 1500, "subnets": [{"name": "ext", "cidr": "198.18.0.0/16", "gateway": "198.18.0.1"}]},
}
ROUTER = {
    "kind": "Router",
    "metadata": {"name": "r"},
    "status": {"id": "r", "externalAddresses": ["198.18.0.2"], "interfaces": [{"subnetID": "s"}]},
}


def test_a_network_takes_as_many_lines_on_either_side() -> None:
    row = {"id": "n", "name": "ext-floating1", "status": "ACTIVE", "mtu": 1500}
    subnet = {"network_id": "n", "name": "ext", "cidr": "198.18.0.0/16", "gateway_ip": "198.18.0.1"}
    left, right = show.networks_in_kubernetes([NETWORK]), show.networks_in_neutron([row], [subnet])
    assert left.splitlines()[1:] == right.splitlines()[1:]


def test_one_is_one() -> None:
    gateway = {"external_fixed_ips": [{"ip_address": "198.18.0.2"}]}
    row = {"id": "r", "name": "r", "status": "ACTIVE", "external_gateway_info": gateway}
    for text in (show.others_in_kubernetes([ROUTER]), show.others_in_neutron([("Router", row)], ["r"])):
        assert text.splitlines()[1] == "  id r  out 198.18.0.2  1 interface"
    two = show.others_in_neutron([("Router", row)], ["r", "r"])
    assert two.endswith("2 interfaces")


def test_the_live_view_tells_what_is_news_and_nothing_else() -> None:
    def object_(*conditions: dict[str, object]) -> dict[str, object]:
        return {
            "kind": "Router",
            "metadata": {"name": "r", "generation": 1},
            "status": {"conditions": list(conditions)},
        }

    waits = {"type": "Ready", "status": "False", "reason": "WaitingForReference", "message": "for a network"}
    there = {"type": "Ready", "status": "True", "reason": "Available", "observedGeneration": 1}
    looks = iter([[object_()], [object_(waits)], [object_(waits)], [object_(there)]])
    out = io.StringIO()
    assert show.watch(lambda: next(looks), 5.0, out, interval=0.0)
    assert [line.split(" s  ")[1].split() for line in out.getvalue().splitlines()] == [
        ["Router/r", "WaitingForReference", "for", "a", "network"],
        ["Router/r", "Available"],
    ]
