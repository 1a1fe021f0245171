"""What others do to a tree of ours on the real Octavia and Neutron: to the VIP's port, and under its listeners and pools."""

from __future__ import annotations

from infomaniak_operator.reconcile.ownership.marks import Mark, user_text
from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import bundle
from tests.support.running import User
from tests.support.tree_hands import (
    CHECK,
    IHM,
    ILB,
    IPOOL,
    by_hand,
    listener,
    load_balancer,
    look_again,
    member,
    monitor,
    pool,
    sent,
    status_of,
    unlocked,
)

SLAAC = {"ip_version": 6, "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}
MONITOR = {"type": "TCP", "delay": 9, "timeout": 3, "max_retries": 2}


def tree(user: User, subnet_id: str) -> None:
    user.apply(
        bundle(
            load_balancer("lb", subnet_id, listener("a", pool="web")),
            pool("web", "lb", member("10.32.0.11")),
            monitor("web", "web", **CHECK),
        )
    )
    for kind, name in ((IHM, "web"), (IPOOL, "web"), (ILB, "lb")):
        user.until_ready(kind, name)


def test_the_vip_s_port(box: Sandbox, beta: User, hands: ByHand) -> None:
    lab, (front,) = hands.network("lab", "10.32.0.0/24")
    tree(beta, front["id"])
    status = status_of(beta, ILB, "lb")
    port, address, former = status["vipPortID"], status["vipAddress"], status["id"]

    # Its mark is put back, beside what somebody has written.
    beta.cloud.ports.update(port, {"description": "hands off"})
    look_again(beta, ILB, "lb")
    until(lambda: Mark.parse(beta.cloud.ports.get(port)["description"]), "the mark put back")
    assert user_text(beta.cloud.ports.get(port)["description"]) == "hands off"

    # Neutron gives it another address; the tree is made again whole, at its own.
    beta.cloud.subnets.create({"network_id": lab["id"], "name": "v6", "cidr": "2001:db8:32::/64", **SLAAC})
    assert len(beta.cloud.ports.get(port)["fixed_ips"]) == 2
    unlocked(beta, former)
    going = status_of(beta, IPOOL, "web")["id"]
    mark = box.mark()
    beta.cloud.load_balancers.delete(former, cascade=True)
    until(lambda: not [row for row in beta.cloud.load_balancers.list() if row["id"] == former], "it is gone")
    look_again(beta, ILB, "lb")
    until(lambda: status_of(beta, ILB, "lb").get("id") not in (None, former), "made again")
    for kind, name in ((ILB, "lb"), (IPOOL, "web"), (IHM, "web")):
        beta.until_ready(kind, name)
    # By hand it is deleted; a look at what is going with it may find members to be put back, in vain.
    made = [call for call in sent(box, mark, beta) if not call.startswith("DELETE") and going not in call]
    assert made == ["POST loadbalancers"]
    again = beta.cloud.load_balancers.get(status_of(beta, ILB, "lb")["id"])
    assert (again["vip_port_id"], again["vip_address"]) == (port, address)

    # It is gone: that is said, and what the message advises mends it.
    unlocked(beta, again["id"])
    beta.cloud.ports.delete(port)
    look_again(beta, ILB, "lb")
    message = beta.until_condition(ILB, "lb", "Ready", reason="ExternallyDeleted")["message"]
    assert port in message
    beta.cloud.load_balancers.delete(again["id"], cascade=True)
    until(lambda: not [row for row in beta.cloud.load_balancers.list() if row["id"] == again["id"]], "it is gone")
    look_again(beta, ILB, "lb")
    beta.until_ready(ILB, "lb")
    beta.until_ready(IPOOL, "web")
    mended = status_of(beta, ILB, "lb")
    assert mended["vipAddress"] == address
    assert mended["vipPortID"] != port

    # Without its mark it goes with its load balancer all the same.
    beta.cloud.ports.update(mended["vipPortID"], {"description": ""})
    beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=120s")
    assert mended["vipPortID"] not in {row["id"] for row in beta.cloud.ports.list(project_id=beta.project.id)}


def test_what_is_under_it(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.32.0.0/24")
    beta.apply(bundle(load_balancer("lb", front["id"], listener("a", pool="web")), pool("web", "lb")))
    beta.until_ready(IPOOL, "web")
    beta.until_ready(ILB, "lb")
    balancer, web = status_of(beta, ILB, "lb")["id"], status_of(beta, IPOOL, "web")["id"]
    (http,) = [row["id"] for row in beta.cloud.listeners.list(load_balancer_id=balancer)]
    do = beta.cloud
    checked = by_hand(beta, balancer, lambda: do.health_monitors.create({**MONITOR, "pool_id": web}))
    denied = by_hand(beta, balancer, lambda: do.l7_policies.create({"action": "REJECT", "listener_id": http}))
    added = by_hand(beta, balancer, lambda: do.members.create(web, {"address": "10.32.0.99", "protocol_port": 80}))
    ssh = {"name": "ssh", "protocol": "TCP", "protocol_port": 22, "loadbalancer_id": balancer}
    theirs = by_hand(beta, balancer, lambda: do.listeners.create(ssh))

    # A listener of the same name and port is theirs; one that holds a policy of theirs stays; the rest proceeds.
    mark = box.mark()
    items = [listener("a", "HTTP", 81, pool="web"), listener("ssh", "TCP", 22), listener("more", "HTTP", 82)]
    beta.apply(load_balancer("lb", front["id"], *items))
    message = beta.until_condition(ILB, "lb", "Ready", reason="Conflict")["message"]
    assert theirs["id"] in message
    assert denied["id"] in message
    names = {row["name"] for row in do.listeners.list(load_balancer_id=balancer)}
    assert names == {"a", "ssh", "more"}
    assert sent(box, mark, beta) == ["POST listeners"]
    assert do.listeners.get(theirs["id"])["tags"] == []

    # Nothing of it is taken along by what is deleted.
    mark = box.mark()
    beta.delete(ILB, "lb", wait=False)
    message = beta.until_condition(ILB, "lb", "Ready", reason="InUse")["message"]
    for each in (checked["id"], denied["id"], theirs["id"], added["address"]):
        assert each in message
    assert sent(box, mark, beta) == []
    by_hand(beta, balancer, lambda: do.l7_policies.delete(denied["id"]))
    by_hand(beta, balancer, lambda: do.listeners.delete(theirs["id"]))
    by_hand(beta, balancer, lambda: do.health_monitors.delete(checked["id"]))
    by_hand(beta, balancer, lambda: do.members.delete(web, added["id"]))
    until(lambda: beta.get(ILB, "lb") is None, "the load balancer gone", 60)
