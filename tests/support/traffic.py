"""Load balancers that carry packets: built in one call, looked at, and gone at the end."""

import hashlib
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.data_path import DataPath, World
from tests.support.box import until
from tests.support.customer import Customer

PREFIX = "10.77.0"
ONE, TWO = f"{PREFIX}.101:8080", f"{PREFIX}.102:8080"
"""Where most tests have servers."""
DROPPED, TIMED_OUT = ("--max-time", "2"), 28
"""For how long curl waits where nothing comes back, and its exit code then."""
_ONE = {"listeners": "listener", "pools": "pool", "l7policies": "l7policy", "healthmonitors": "healthmonitor"}


@contextmanager
def carrying(box: Sandbox) -> Iterator[DataPath]:
    """Project beta carries packets for as long as this lasts: without, members that nobody serves are Healthy."""
    path = box.data_path
    before = path.state.projects
    state = path.up(print, ["beta"])
    if "beta" not in state.projects:
        pytest.skip(f"no packets can be carried here: {state}")
    box.set_settle(0.1)
    yield path
    box.set_settle(0.5)
    if "beta" not in before:
        path.down()


@dataclass
class Balancing:
    """A network of project beta, and what of it carries packets."""

    box: Sandbox
    customer: Customer
    world: World
    network: dict[str, Any] = field(default_factory=dict)
    subnet: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.network:  # somebody else's hands, in the same one
            return
        self.network = self.customer.neutron("POST", "networks", {"network": {"name": "traffic"}}).body["network"]
        body = {"network_id": self.network["id"], "cidr": f"{PREFIX}.0/24", "ip_version": 4}
        self.subnet = self.customer.neutron("POST", "subnets", {"subnet": body}).body["subnet"]

    def balancer(self, *listeners: dict[str, Any], **more: Any) -> "Balancer":
        for listener in listeners:  # a tree that is made at once wants names
            listener["name"] = f"at-{listener['protocol_port']}"
            listener.get("default_pool", {})["name"] = f"of-{listener['protocol_port']}"
            listener.get("default_pool", {}).get("healthmonitor", {})["name"] = f"of-{listener['protocol_port']}"
        body = {"vip_subnet_id": self.subnet["id"], "name": "traffic", "listeners": list(listeners), **more}
        body = {name: value for name, value in body.items() if value is not None}
        made = self.customer.octavia("POST", "loadbalancers", {"loadbalancer": body})
        assert made.status == 201, made.body
        found = Balancer(self, made.body["loadbalancer"]["id"], made.body["loadbalancer"]["vip_address"])
        found.until_settled()
        return found

    def clear(self) -> None:
        """No server is left, nor a port that one had; load balancers are on their way out."""
        for server in self.world.servers():
            server.stop()
        self._delete_balancers()
        for port in self.customer.neutron("GET", f"ports?network_id={self.network['id']}").body["ports"]:
            if not port["device_owner"]:
                self.customer.neutron("DELETE", f"ports/{port['id']}")

    def _delete_balancers(self) -> bool:
        """Whether there were any."""
        listed = self.customer.octavia("GET", "loadbalancers").body["loadbalancers"]
        for row in listed:
            if row["provisioning_status"] != "PENDING_DELETE":
                self.customer.octavia("DELETE", f"loadbalancers/{row['id']}?cascade=true")
        return bool(listed)

    def sweep(self) -> None:
        """Nothing of it is left."""
        until(lambda: not self._delete_balancers(), "all load balancers gone")
        self.clear()
        gone = self.customer.neutron("DELETE", f"networks/{self.network['id']}")
        assert gone.status == 204, gone.body


@dataclass
class Balancer:
    """One load balancer, as its owner and its clients see it."""

    site: Balancing
    id: str
    vip: str

    def row(self) -> dict[str, Any]:
        return self.site.customer.octavia("GET", f"loadbalancers/{self.id}").body["loadbalancer"]

    def until_settled(self, status: str = "ACTIVE") -> None:
        """It is in that state, and nothing in it is PENDING any more: what is made on its own may be so a moment longer."""
        settled = lambda: self.row()["provisioning_status"] == status and "PENDING_" not in json.dumps(self.tree())  # noqa: E731
        until(settled, f"load balancer {status}, and all that is in it settled")

    def tree(self) -> dict[str, Any]:
        """The status tree of Octavia."""
        return self.site.customer.octavia("GET", f"loadbalancers/{self.id}/status").body["statuses"]["loadbalancer"]

    def states(self) -> dict[str, str]:
        """Operating states: of the load balancer, listeners and pools by kind, members by address."""
        tree = self.tree()
        found = {"balancer": tree["operating_status"]}
        for listener in tree["listeners"]:
            found["listener"] = listener["operating_status"]
            for pool in listener["pools"]:
                found["pool"] = pool["operating_status"]
                found |= {member["address"]: member["operating_status"] for member in pool["members"]}
        return found

    def until(self, **wanted: str) -> None:
        """The states come true; addresses are written with underscores."""
        expected = {name.strip("_").replace("_", "."): state for name, state in wanted.items()}
        try:
            until(lambda: expected.items() <= self.states().items(), f"{expected}", 60)
        except AssertionError as error:
            raise AssertionError(f"{error}; they are {self.states()}") from None

    def ids(self, collection: str) -> list[str]:
        """Of listeners or pools, as made."""
        return [row["id"] for row in self.row()[collection]]

    def members(self, pool: str) -> dict[str, str]:
        """Ids, by address."""
        listed = self.site.customer.octavia("GET", f"pools/{pool}/members").body["members"]
        return {row["address"]: row["id"] for row in listed}

    def make(self, collection: str, **body: Any) -> str:
        one = _ONE.get(collection, "rule" if collection.endswith("rules") else "member")
        made = self.site.customer.octavia("POST", collection, {one: body})
        assert made.status == 201, made.body
        self.until_settled()
        return made.body[one]["id"]

    def change(self, path: str, **body: Any) -> None:
        collection = path.split("/")[-2]
        one = "rule" if collection == "rules" else collection.removesuffix("s").replace("l7policie", "l7policy")
        done = self.site.customer.octavia("PUT", path, {one: body})
        assert done.status == 200, done.body
        self.until_settled()

    def delete(self, path: str) -> None:
        done = self.site.customer.octavia("DELETE", path)
        assert done.status == 204, done.body
        self.until_settled()

    def delete_all(self) -> None:
        """It is on its way out, with all that is in it."""
        done = self.site.customer.octavia("DELETE", f"loadbalancers/{self.id}?cascade=true")
        assert done.status == 204, done.body

    def curl(
        self, *arguments: str, path: str = "/", port: int = 80, source: str = "", host: str = ""
    ) -> tuple[int, str]:
        """Exit code, and what it prints."""
        url = f"http://{host or self.vip}:{port}{path}"
        done = self.site.world.execute("curl", "-sS", "--max-time", "10", *arguments, url, source=source)
        return done.returncode, done.stdout

    def asked(self, *arguments: str, port: int = 80, source: str = "", host: str = "") -> dict[str, Any]:
        """What a server was asked by way of it."""
        code, said = self.curl(*arguments, path="/request", port=port, source=source, host=host)
        assert code == 0, said
        return json.loads(said)

    def answers(self, count: int, **named: Any) -> list[str]:
        """The names of those who answered, one connection each."""
        return [self.asked(**named)["server"] for _ in range(count)]


def fingerprint(pem: str) -> str:
    """Of a certificate, as `sandbox.data_path.Tally` tells it."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def member(spot: str, **more: Any) -> dict[str, Any]:
    address, _, port = spot.rpartition(":")
    return {"address": address, "protocol_port": int(port), **more}


def http(*members: dict[str, Any], monitor: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An HTTP listener at port 80 with its pool, for ``Balancing.balancer``."""
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": list(members), **more.pop("pool", {})}
    if monitor:
        pool["healthmonitor"] = {"delay": 1, "timeout": 1, "max_retries": 1, "max_retries_down": 1, **monitor}
    return {"protocol": "HTTP", "protocol_port": 80, "default_pool": pool, **more}
