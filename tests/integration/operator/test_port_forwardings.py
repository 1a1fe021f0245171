"""The port forwardings of a FloatingIP on the real Neutron, and an address that is found by its tag."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import floating_ip, gateway, interface, manifest, router
from tests.support.reconciles import calls
from tests.support.running import User, network

OFFICE = network("office", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}])
SSH = {"protocol": "tcp", "externalPort": 2201, "internalPort": 22, "portRef": {"name": "one"}}
WEB = {"protocol": "tcp", "externalPort": 443, "portRef": {"name": "two"}}
BOTH = ["tcp 2201 -> 10.1.0.11:22", "tcp 443 -> 10.1.0.12:443"]


def port(name: str, address: str) -> dict[str, Any]:
    return manifest("Port", name, networkRef={"name": "office"}, fixedIPs=[{"address": address}])


def forwarded(user: User, id_: str) -> list[str]:
    rows = user.cloud.port_forwardings.list(id_)
    return sorted(
        f"{row['protocol']} {row['external_port']} -> {row['internal_ip_address']}:{row['internal_port']}"
        for row in rows
    )


@pytest.mark.slow
def test_port_forwardings_through_their_life(box: Sandbox, beta: User, hands: ByHand) -> None:
    """Made with all that they need, changed, put back, bound as a whole and back, and gone with the address."""
    mark = box.mark()
    beta.apply(floating_ip("f", portForwardings=[SSH, WEB]))
    for each in (OFFICE, router("out", interfaces=[interface("office", "a")], **gateway())):
        beta.apply(each)
    beta.apply(port("one", "10.1.0.11"))
    beta.apply(port("two", "10.1.0.12"))
    status = beta.until_ready("ifip", "f")["status"]
    id_ = status["id"]
    assert forwarded(beta, id_) == BOTH
    assert [(each["externalPort"], each["fixedAddress"]) for each in status["portForwardings"]] == [
        (2201, "10.1.0.11"),
        (443, "10.1.0.12"),
    ]
    sent = [each for each in calls(box, mark) if "/floatingips" in each and not each.startswith("GET")]
    assert len(sent) == 3, sent

    # Changed in place, one gone and one come; then two that change places inside.
    beta.apply(floating_ip("f", portForwardings=[{**SSH, "internalPort": 2222}, {**WEB, "protocol": "udp"}]))
    until(
        lambda: forwarded(beta, id_) == ["tcp 2201 -> 10.1.0.11:2222", "udp 443 -> 10.1.0.12:443"], "changed as asked"
    )
    swapped = [{**SSH, "portRef": {"name": "two"}}, {**WEB, "portRef": {"name": "one"}}]
    beta.apply(floating_ip("f", portForwardings=swapped))
    beta.until_ready("ifip", "f")
    assert forwarded(beta, id_) == ["tcp 2201 -> 10.1.0.12:22", "tcp 443 -> 10.1.0.11:443"]

    # Drift: one deleted, one of others.
    (first, *_) = beta.cloud.port_forwardings.list(id_)
    beta.cloud.port_forwardings.delete(id_, first["id"])
    inside = {"internal_port_id": first["internal_port_id"], "internal_ip_address": first["internal_ip_address"]}
    body = {"protocol": "udp", "external_port": 53, "internal_port": 53, **inside}
    beta.cloud.port_forwardings.create(id_, body)
    beta.annotate("ifip", "f", reconcile_at="1")
    until(lambda: len(forwarded(beta, id_)) == 2 and "udp" not in str(forwarded(beta, id_)), "as they were")

    # To a port as a whole, and back.
    beta.apply(floating_ip("f", portRef={"name": "one"}))
    until(lambda: beta.cloud.floating_ips.get(id_)["fixed_ip_address"] == "10.1.0.11", "bound as a whole")
    beta.apply(floating_ip("f", portForwardings=[SSH]))
    until(lambda: forwarded(beta, id_) == BOTH[:1], "its ports alone")
    beta.delete("ifip", "f")
    assert id_ not in [row["id"] for row in beta.cloud.floating_ips.list(project_id=beta.project.id)]


def test_an_address_that_outlives_a_cluster_is_found_by_its_tag(beta: User) -> None:
    """Retained by one cluster, and adopted by the next one: the tag says which it is, the mark nothing."""
    beta.apply(floating_ip("old", tags=["ingress-prod"], description="DNS leads here", deletionPolicy="Retain"))
    former = beta.until_ready("ifip", "old")["status"]
    beta.delete("ifip", "old")
    row = beta.cloud.floating_ips.get(former["id"])
    assert row["tags"] == ["ingress-prod"]
    found = {"filter": {"tags": ["ingress-prod"], "description": "DNS leads here"}}
    beta.apply(manifest("FloatingIP", "new", **{"import": found}, deletionPolicy="Delete"))
    status = beta.until_ready("ifip", "new")["status"]
    assert (status["id"], status["address"]) == (former["id"], former["address"])
    beta.apply(manifest("FloatingIP", "twice", managementPolicy="Unmanaged", **{"import": found}))
    assert beta.until_ready("ifip", "twice")["status"]["id"] == former["id"]
    beta.delete("ifip", "new")
    assert former["id"] not in [each["id"] for each in beta.cloud.floating_ips.list(project_id=beta.project.id)]
