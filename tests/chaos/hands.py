"""Who acts in a run: the user of the cluster, and an administrator or another tool behind the operator's back."""

from __future__ import annotations

import random
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.errors import SandboxError
from tests.chaos.excuses import terminating
from tests.chaos.eyes import Cloud, Kube, Refused, Row, Seen
from tests.chaos.steps import APPLY, BREAK, DELETE, RECREATE, Step
from tests.chaos.universe import GIVEN, Key, Spec

_LEGS = ("network:router_interface", "network:ha_router_replicated_interface")
NOTHING = "nothing there"
FOREIGN = "foreign"
"""The name of what others make among ours."""


def fields_of(spec: Mapping[str, Any]) -> set[str]:
    """The paths of all fields that a spec sets, as the auditor names them."""
    paths = set(spec) | {f"vip.{field}" for field in spec.get("vip", ())}
    for name, known_by in (("subnets", "name"), ("listeners", "name"), ("members", "address")):
        for item in spec.get(name) or ():
            paths |= {f"{name}.{item[known_by]}.{field}" for field in item}
            paths |= {f"{name}.{item[known_by]}.timeouts.{field}" for field in item.get("timeouts", ())}
    return paths


class User:
    """Applies and deletes, and tries again what the API server could not take.

    Args:
        kube: the API server, straight.

    Attributes:
        desired: what is to be there in the end.
        set_before: for each UID the fields that its spec has ever had.
        retained: for each UID that was deleted with Retain the id that it stood for.
        refused: what the API server did not take.
    """

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._queues: dict[Key, deque[Spec | None]] = defaultdict(deque)
        self.desired: dict[Key, Spec | None] = {}
        self.set_before: dict[str, set[str]] = defaultdict(set)
        self.retained: dict[str, str] = {}
        self.refused: list[str] = []

    def take(self, step: Step) -> None:
        """Begin what a step says."""
        intents: dict[str, list[Spec | None]] = {
            APPLY: [dict(step.spec)],
            DELETE: [None],
            RECREATE: [None, dict(step.spec)],
        }
        self._queues[step.key].extend(intents[step.do])

    @property
    def waiting(self) -> list[Key]:
        """The objects of which something is still to be done."""
        return [key for key, queue in self._queues.items() if queue]

    def act(self) -> None:
        """Do what can be done now."""
        for key, queue in self._queues.items():
            while queue:
                try:
                    if not self._done(key, queue[0], superseded=len(queue) > 1):
                        break
                except Refused as refused:
                    if refused.status in (409, 429, 500, 503, 504):  # written in between, or not well: the next time
                        break
                    self.refused.append(f"{'/'.join(key)}: {refused}")
                except OSError:  # it is away
                    return
                queue.popleft()

    def insist(self) -> None:
        """Apply again what is to be there and is not: it was applied while a former one was going."""
        there = self._kube.objects()
        for key, spec in self.desired.items():
            if spec is not None and key not in there and not self._queues[key]:
                self._queues[key].append(spec)
        self.act()

    def delete(self, key: Key) -> None:
        """Delete an object, and remember what it leaves."""
        there = self._kube.get(key)
        self._kube.delete(key)
        if there and there["spec"].get("deletionPolicy") == "Retain" and "import" not in there["spec"]:
            self.retained[there["metadata"]["uid"]] = (there.get("status") or {}).get("id") or ""

    def _done(self, key: Key, spec: Spec | None, *, superseded: bool) -> bool:
        """Whether an intent is carried out, or nobody wants it any more."""
        if spec is None:
            self.delete(key)
            self.desired[key] = None
            return True
        there = self._kube.get(key)
        if there is not None and terminating(there):
            self.desired[key] = spec
            return superseded
        body = self._kube.apply(key, spec, there)
        self.desired[key] = spec
        self.set_before[body["metadata"]["uid"]] |= fields_of(spec)
        return True


class Outsider:
    """Changes the cloud by its API: what is ours, and beside it.

    Args:
        kube: to find out which row stands for an object.
        cloud: as an administrator.
        draw: where chance comes from.
        break_down: has the load balancer with an id go to ERROR.

    Attributes:
        touched: for each UID the fields that were changed.
        added: what was made under ours: collection, row, and the ids of what it is under.
        deleted: ids of what was deleted with all that was under it.
    """

    def __init__(
        self, kube: Kube, cloud: Cloud, draw: random.Random, break_down: Callable[[str], None] = lambda _: None
    ) -> None:
        self._kube = kube
        self._break_down = break_down
        self._cloud = cloud
        self._draw = draw
        self.touched: dict[str, set[str]] = defaultdict(set)
        self.added: list[tuple[str, Row, tuple[str, ...]]] = []
        self.deleted: set[str] = set()

    def take(self, step: Step) -> str:
        """Do what a step says, if there is something to do it to; returns what came of it."""
        try:
            body = self._kube.get(step.key)
            own_id = ((body or {}).get("status") or {}).get("id")
            if body is None or not own_id:
                return NOTHING
            what = getattr(self, f"_{step.kind.lower()}")
            return str(what(step.how, own_id, body["metadata"]["uid"]) or "done")
        except (SandboxError, Refused, OSError, KeyError, IndexError) as error:
            return f"not done: {str(error)[:200]}"

    def _put(self, path: str, single: str, **values: Any) -> None:
        self._patiently(lambda: self._cloud.send("PUT", path, {single: values}))

    def _post(self, path: str, single: str, **values: Any) -> Row:
        return dict(self._patiently(lambda: self._cloud.send("POST", path, {single: values}))[single])

    def _delete(self, path: str, *ids: str) -> None:
        self._patiently(lambda: self._cloud.send("DELETE", path))
        self.deleted |= set(ids)

    def _patiently(self, act: Callable[[], Any]) -> Any:
        """Load balancers are often just being changed: three times, within a second."""
        for _ in range(3):
            try:
                return act()
            except SandboxError as error:
                if " 409 " not in str(error):
                    raise
                last = error
                time.sleep(0.3)
        raise last

    def _infomaniaknetwork(self, how: str, own_id: str, uid: str) -> str | None:
        n = self._draw.randrange(200, 250)
        if how in ("rename", "describe", "switch"):
            return self._edit(f"networks/{own_id}", "network", how, uid)
        subnets = self._cloud.get(f"subnets?network_id={own_id}")["subnets"]
        if how == "delete-subnet":
            subnet = self._draw.choice(subnets)
            self._delete(f"subnets/{subnet['id']}", subnet["id"])
            return None
        if how == "add-subnet":
            cidr = f"10.9{self._draw.randrange(10)}.{n}.0/24"
            made = self._post("subnets", "subnet", network_id=own_id, cidr=cidr, ip_version=4, **self._mine())
            self.added.append(("subnets", made, (own_id,)))
            return None
        subnet = next(each for each in subnets if each["cidr"].endswith(".0.0/24"))
        fixed = [{"subnet_id": subnet["id"], "ip_address": subnet["cidr"].replace(".0/24", f".{n}")}]
        made = self._post("ports", "port", network_id=own_id, fixed_ips=fixed, **self._mine())
        self.added.append(("ports", made, (own_id, subnet["id"])))
        return None

    def _mine(self) -> dict[str, str]:
        return {"project_id": self._cloud.project_id, "name": FOREIGN}

    def _edit(self, path: str, single: str, how: str, uid: str) -> None:
        if how == "rename":
            self._put(path, single, name=f"renamed {self._draw.randrange(100)}")
        elif how == "describe":
            self.touched[uid].add("description")
            self._put(path, single, description=f"written by hand {self._draw.randrange(100)}")
        else:
            self.touched[uid].add("adminStateUp")
            self._put(path, single, admin_state_up=self._draw.random() < 0.5)

    def _router(self, how: str, own_id: str, uid: str) -> None:
        if how in ("rename", "switch"):
            self._edit(f"routers/{own_id}", "router", how, uid)
            return
        ports = self._cloud.get(f"ports?device_id={own_id}")["ports"]
        legs = [port for port in ports if port["device_owner"] in _LEGS]
        if how == "cut-gateway":
            self.touched[uid].add("externalGateway")
            self._put(f"routers/{own_id}", "router", external_gateway_info=None)
            return
        self.touched[uid] |= {"interfaces", "routes"}
        if how == "delete":
            self._put(f"routers/{own_id}", "router", routes=[])
        for port in legs if how == "delete" else legs[:1]:
            subnet = port["fixed_ips"][0]["subnet_id"]
            self._cloud.send("PUT", f"routers/{own_id}/remove_router_interface", {"subnet_id": subnet})
        if how == "delete":
            self._delete(f"routers/{own_id}", own_id)

    def _securitygroup(self, how: str, own_id: str, uid: str) -> None:
        if how in ("rename", "describe"):
            self._edit(f"security-groups/{own_id}", "security_group", how, uid)
        elif how == "delete":
            self._delete(f"security-groups/{own_id}", own_id)
        elif how == "add-rule":
            self.touched[uid].add("rules")
            port = self._draw.randrange(1, 60000)
            ends = {"port_range_min": port, "port_range_max": port, "protocol": "tcp"}
            rule = {"security_group_id": own_id, "direction": "ingress", "project_id": self._cloud.project_id, **ends}
            self._cloud.send("POST", "security-group-rules", {"security_group_rule": rule})
        else:
            self.touched[uid].add("rules")
            rules = self._cloud.get(f"security-groups/{own_id}")["security_group"]["security_group_rules"]
            self._delete(f"security-group-rules/{self._draw.choice(rules)['id']}")

    def _port(self, how: str, own_id: str, uid: str) -> None:
        if how in ("rename", "switch"):
            self._edit(f"ports/{own_id}", "port", how, uid)
        elif how == "clear-groups":
            self.touched[uid].add("securityGroupRefs")
            self._put(f"ports/{own_id}", "port", security_groups=[])
        else:
            self._delete(f"ports/{own_id}", own_id)

    def _floatingip(self, how: str, own_id: str, uid: str) -> None:
        if how == "describe":
            self._edit(f"floatingips/{own_id}", "floatingip", how, uid)
        elif how == "dissociate":
            self._put(f"floatingips/{own_id}", "floatingip", port_id=None)
        elif how == "delete":
            self._delete(f"floatingips/{own_id}", own_id)
        else:
            path = f"floatingips/{own_id}/port_forwardings"
            one = self._draw.choice(self._cloud.get(path)["port_forwardings"])
            self.touched[uid].add("portForwardings")
            if how == "delete-forwarding":
                self._delete(f"{path}/{one['id']}")
            else:
                self._put(f"{path}/{one['id']}", "port_forwarding", internal_port=self._draw.randrange(3000, 4000))

    def _loadbalancer(self, how: str, own_id: str, uid: str) -> None:
        if how in ("rename", "describe"):
            self._edit(f"lbaas/loadbalancers/{own_id}", "loadbalancer", how, uid)
            return
        if how == BREAK:
            self._break_down(own_id)
            return
        if how == "delete":
            self._delete(f"lbaas/loadbalancers/{own_id}?cascade=true", own_id)
            return
        if how == "unmark-port":
            port_id = self._cloud.get(f"lbaas/loadbalancers/{own_id}")["loadbalancer"]["vip_port_id"]
            self._put(f"ports/{port_id}", "port", description="written by hand")
            return
        if how in ("add-listener", "add-tcp"):
            port, name = (443, "tcp") if how == "add-tcp" else (self._draw.randrange(7000, 7900), FOREIGN)
            values = {"loadbalancer_id": own_id, "protocol": "TCP", "protocol_port": port, "name": name}
            self.added.append(("listeners", self._post("lbaas/listeners", "listener", **values), (own_id,)))
            return
        if how == "add-pool":
            values = {"loadbalancer_id": own_id, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN", "name": FOREIGN}
            self.added.append(("pools", self._post("lbaas/pools", "pool", **values), (own_id,)))
            return
        tree = self._cloud.get(f"lbaas/loadbalancers/{own_id}")["loadbalancer"]
        listener_id = self._draw.choice(tree["listeners"])["id"]
        if how == "edit-listener":
            name = self._cloud.get(f"lbaas/listeners/{listener_id}")["listener"]["name"]
            self.touched[uid].add(f"listeners.{name}.connectionLimit")
            self._put(f"lbaas/listeners/{listener_id}", "listener", connection_limit=self._draw.randrange(1, 90))
        elif how == "delete-listener":
            self._delete(f"lbaas/listeners/{listener_id}", listener_id)
        else:
            values = {"listener_id": listener_id, "action": "REJECT", "name": FOREIGN}
            made = self._post("lbaas/l7policies", "l7policy", **values)
            self.added.append(("l7policies", made, (own_id, listener_id)))

    def _pool(self, how: str, own_id: str, uid: str) -> None:
        path = f"lbaas/pools/{own_id}"
        if how == "rename":
            self._edit(path, "pool", how, uid)
        elif how == "algorithm":
            self._put(path, "pool", lb_algorithm=self._draw.choice(("ROUND_ROBIN", "SOURCE_IP")))
        elif how == "delete":
            self._delete(path, own_id)
        elif how == "add-monitor":
            values = {"pool_id": own_id, "type": "TCP", "delay": 9, "timeout": 3, "max_retries": 2, "name": FOREIGN}
            made = self._post("lbaas/healthmonitors", "healthmonitor", **values)
            owners = self._cloud.get(path)["pool"]["loadbalancers"]
            self.added.append(("healthmonitors", made, (own_id, *(each["id"] for each in owners))))
        elif how == "add-member":
            self.touched[uid] |= {"members", "portMembers"}
            self._post(f"{path}/members", "member", address=f"10.10.0.{self._draw.randrange(70, 90)}", protocol_port=80)
        else:
            member = self._draw.choice(self._cloud.get(f"{path}/members")["members"])
            if how == "delete-member":
                self.touched[uid] |= {"members", "portMembers"}
                self._delete(f"{path}/members/{member['id']}")
            else:
                self.touched[uid].add(f"members.{member['address']}.weight")
                self._put(f"{path}/members/{member['id']}", "member", weight=self._draw.randrange(6, 20))

    def _healthmonitor(self, how: str, own_id: str, uid: str) -> None:
        del uid
        if how == "delay":
            self._put(f"lbaas/healthmonitors/{own_id}", "healthmonitor", delay=self._draw.randrange(20, 30))
        else:
            self._delete(f"lbaas/healthmonitors/{own_id}", own_id)

    def _l7policy(self, how: str, own_id: str, uid: str) -> None:
        path = f"lbaas/l7policies/{own_id}"
        if how in ("rename", "switch"):
            self._edit(path, "l7policy", how, uid)
        elif how == "move":
            self._put(path, "l7policy", position=self._draw.randrange(1, 4))
        elif how == "redirect":
            self.touched[uid].add("redirectHTTPCode")
            self._put(path, "l7policy", action="REDIRECT_TO_URL", redirect_url="https://by.hand.example.org/")
        elif how == "delete":
            self._delete(path, own_id)
        elif how == "add-rule":
            self._post(f"{path}/rules", "rule", type="PATH", compare_type="CONTAINS", value="by-hand")
        else:
            rule = self._draw.choice(self._cloud.get(f"{path}/rules")["rules"])
            if how == "delete-rule":
                self._delete(f"{path}/rules/{rule['id']}")
            else:
                self._put(f"{path}/rules/{rule['id']}", "rule", value=f"by-hand-{self._draw.randrange(100)}")

    def take_back(self) -> list[str]:
        """Remove what was made under ours, the innermost first; returns the ids of what is still there."""
        left = []
        for collection, row, _ in reversed(self.added):
            path = f"{'' if collection in ('subnets', 'ports') else 'lbaas/'}{collection}/{row['id']}"
            try:
                self._cloud.send("DELETE", path)
            except SandboxError as error:
                if " 404 " not in str(error):
                    left.append(row["id"])
            except OSError:
                left.append(row["id"])
        return left


def bystanders(cloud: Cloud, external_id: str) -> tuple[list[tuple[str, Row]], list[tuple[str, Row]]]:
    """Make things of another tool in the same project.

    Returns:
        All rows that bear the names of ours, as they are then; and those that ours may read or take over.
    """

    def post(path: str, single: str, **values: Any) -> Row:
        return dict(cloud.send("POST", path, {single: {"project_id": cloud.project_id, **values}})[single])

    listeners: list[Row] = [{"name": GIVEN, "protocol": "HTTP", "protocol_port": 80}]
    where: Row = {"vip_subnet_id": _subnet_of_given(post), "listeners": listeners}
    given = {post("lbaas/loadbalancers", "loadbalancer", name=GIVEN, **where)["vip_port_id"]}
    address = post("floatingips", "floatingip", floating_network_id=external_id, description="another tool's")
    cloud.send("PUT", f"floatingips/{address['id']}/tags", {"tags": [GIVEN]})
    post("security-groups", "security_group", name=GIVEN, description="another tool's")
    network = post("networks", "network", name="n0", description="another tool's")
    where = {"network_id": network["id"], "ip_version": 4, "name": "a"}
    subnet = post("subnets", "subnet", cidr="10.50.0.0/24", **where)
    group = post("security-groups", "security_group", name="g0", description="another tool's")
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "icmp"}
    post("security-group-rules", "security_group_rule", **rule)
    post("ports", "port", network_id=network["id"], name="p0", security_groups=[group["id"]])
    router = post("routers", "router", name="r0", external_gateway_info={"network_id": external_id})
    cloud.send("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    post("floatingips", "floatingip", floating_network_id=external_id, description="another tool's")
    members = [{"address": "10.50.0.51", "protocol_port": 80}]
    monitor = {"type": "TCP", "delay": 5, "timeout": 3, "max_retries": 3, "name": "m0"}
    pool = {
        "name": "o0",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": members,
        "healthmonitor": monitor,
    }
    listeners = [{"name": "web", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}]
    post("lbaas/loadbalancers", "loadbalancer", name="l0", vip_subnet_id=subnet["id"], listeners=listeners)
    rows = _once_still(cloud)
    given |= {row["id"] for _, row in rows if row.get("name") == GIVEN or GIVEN in row.get("tags", ())}
    return [each for each in rows if each[1]["id"] not in given], [each for each in rows if each[1]["id"] in given]


def _subnet_of_given(post: Callable[..., Row]) -> str:
    network = post("networks", "network", name=GIVEN, description="another tool's")
    return str(post("subnets", "subnet", network_id=network["id"], ip_version=4, name=GIVEN, cidr="10.60.0.0/24")["id"])


def _once_still(cloud: Cloud, seconds: float = 60.0) -> list[tuple[str, Row]]:
    deadline, before = time.monotonic() + seconds, Seen()
    while time.monotonic() < deadline:
        now = cloud.seen()
        active = all(row["provisioning_status"] == "ACTIVE" for row in now.rows["loadbalancers"])
        if active and now == before:
            return [(name, row) for name, rows in now.rows.items() for row in rows]
        before = now
        time.sleep(1.0)
    raise SandboxError("the bystanders do not come to rest")
