"""What the demo shows of traffic: clients ask all the time while servers, certificates and load balancers change."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.certificates import Certificate, keep
from demo.kubectl import Kubectl, Reader
from demo.show import ready
from infomaniak_operator.client import CloudSession
from sandbox.data_path import Asking, Tally, Target, World

Body = dict[str, Any]
SERVERS = ("10.40.0.11:8080", "10.40.0.12:8080")
NEW = "10.40.0.13:8080"
OTHERS = (NEW, "10.40.0.99:8080", "10.40.0.11:8443", "10.40.0.12:8443")
"""What else the examples' pools have for members, and one that is added."""
BALANCER, POOL, MONITORS, ADDRESS = "web", "site", ("site", "site-tls"), "web"
TLS_PORT = 8443
_QUICK = '{"spec":{"delay":1,"timeout":1,"maxRetries":1,"maxRetriesDown":1}}'
_NOW = "network.infomaniak.cloud/reconcile-at"
_SECONDS = 120.0
POLL_SECONDS = "1"
"""How often the demo's operator looks at how the traffic goes; a minute by default."""
_LINE = "  {:<60} {:>8} {:>6} {:>7}  {}"
_TITLES = ("what happens", "requests", "failed", "gap", "done after")


def address_of(bodies: Iterable[Body]) -> str:
    """The floating IP by which the examples' load balancer is asked."""
    return next(
        str(body["status"]["address"])
        for body in bodies
        if body["kind"] == "FloatingIP" and body["metadata"]["name"] == ADDRESS
    )


def serve(world: World) -> None:
    """Start the servers that the examples' pools name."""
    world.serve(*SERVERS, *OTHERS)


def look_each_second(kubectl: Kubectl, namespace: str) -> None:
    """Have the examples' health monitors find out within a second who is dead; best before they are made."""
    kubectl.run("patch", "ihm", *MONITORS, "-n", namespace, "--type=merge", "-p", _QUICK)


def await_health(reader: Reader) -> None:
    """Wait until the first checks of all members have ended, and Kubernetes says so, too."""

    def look() -> bool:
        return all(body["status"].get("operatingStatus") == "ONLINE" for body in reader.all("ilb", "ipool"))

    _until(look)


@dataclass
class Scene:
    """The load balancer of the examples, under requests.

    Attributes:
        world: where its packets are.
        kubectl: of a cluster administrator.
        reader: of the same.
        namespace: of the examples.
        session: the cloud, of somebody who may store certificates.
        give_up: puts a load balancer of the cloud, by its id, into ERROR.
        wrong: what did not go as it should, in words.
    """

    world: World
    kubectl: Kubectl
    reader: Reader
    namespace: str
    session: CloudSession
    give_up: Callable[[str], None]
    wrong: list[str] = field(default_factory=list, init=False)

    def show(self, address: str) -> bool:
        """Ask through the floating IP while all kinds of things happen; returns whether all went as it should.

        Args:
            address: the floating IP.
        """
        certificates = [keep(self.session, name) for name in ("first.example", "second.example")]
        with Asking(self.world, Target("http", f"http://{address}/")) as web:
            if not _until(lambda: set(SERVERS) <= web.take()["http"].answers.keys()):
                self.wrong.append(f"the servers do not answer at {address}: {web.take()['http'].failures}")
                return False
            print(f"\nClients ask all the time at http://{address}/, and later at https://{address}:{TLS_PORT}/:")
            print(_LINE.format(*_TITLES))
            self._members([web])
            self._listener([web], certificates[0])
            with Asking(self.world, Target("https", f"https://{address}:{TLS_PORT}/")) as tls:
                self._until_served(tls, certificates[0])
                self._certificate([web, tls], tls, certificates[1])
                self._recovery([web, tls])
        return not self.wrong

    def _members(self, asking: Sequence[Asking]) -> None:
        # What the server was about to answer is lost with it, in any cloud: one request of each client at most.
        what, under_way = f"server {SERVERS[0]} is killed", sum(one.clients for each in asking for one in each.targets)
        self._step(what, asking, lambda: self.world.end(SERVERS[0]), self._online(2), may_lose=under_way)

        def more() -> None:
            self.world.serve(SERVERS[0])
            address, _, port = NEW.partition(":")
            member = {"address": address, "port": int(port), "weight": 10}
            self._patch("ipool", POOL, {"op": "add", "path": "/spec/members/-", "value": member})

        self._step(f"it comes back, and the Pool gets one more, {NEW}", asking, more, self._online(4))

    def _listener(self, asking: Sequence[Asking], first: Certificate) -> None:
        listener = {
            "name": "https",
            "protocol": "TERMINATED_HTTPS",
            "port": TLS_PORT,
            "defaultPoolRef": {"name": POOL},
            "tls": {"barbicanContainer": first.ref},
        }
        change = {"op": "add", "path": "/spec/listeners/-", "value": listener}
        what = "a listener comes, with a certificate from Barbican"
        self._step(what, asking, lambda: self._patch("ilb", BALANCER, change), self._ready())

    def _certificate(self, asking: Sequence[Asking], tls: Asking, second: Certificate) -> None:
        listeners = self.reader.get("ilb", BALANCER)["spec"]["listeners"]
        place = next(n for n, each in enumerate(listeners) if each["name"] == "https")
        path = f"/spec/listeners/{place}/tls/barbicanContainer"
        change = {"op": "replace", "path": path, "value": second.ref}
        self._step("its certificate is changed", asking, lambda: self._patch("ilb", BALANCER, change), self._ready())
        self._until_served(tls, second)

    def _recovery(self, asking: Sequence[Asking]) -> None:
        policy = {"op": "add", "path": "/spec/recovery", "value": {"policy": "Recreate"}}
        self._patch("ilb", BALANCER, policy)
        former = self.reader.get("ilb", BALANCER)["status"]["id"]

        def recovered() -> bool:
            body = self.reader.get("ilb", BALANCER)
            if body["status"].get("id") == former:
                _look_now(self.kubectl, self.namespace, "ilb", BALANCER)
            return body["status"].get("id") not in (None, former) and ready(body)

        what = "the load balancer is in ERROR, and is made again"
        self._step(what, asking, lambda: self.give_up(former), recovered, may_lose=math.inf)

    def _step(
        self,
        what: str,
        asking: Iterable[Asking],
        change: Callable[[], object],
        done: Callable[[], bool],
        *,
        may_lose: float = 0,
    ) -> None:
        """Change something, wait for its end, and print what the clients have got meanwhile.

        Args:
            what: changes.
            asking: the clients.
            change: carries it out.
            done: whether its end is reached.
            may_lose: how many requests may fail by it.
        """
        for each in asking:
            each.take()
        begin = time.monotonic()
        change()
        came = _until(done)
        seconds = time.monotonic() - begin
        told: list[Tally] = []

        def answered() -> bool:
            now = [one for each in asking for one in each.take().values()]
            told.extend(now)
            return all(one.answers and not one.failed for one in now)

        answering = _until(answered)
        failed, gap = sum(one.failed for one in told), max(one.gap for one in told)
        took = f"{seconds:.1f} s" if came else f"not after {seconds:.0f} s"
        print(_LINE.format(what, sum(one.asked for one in told), failed, f"{gap:.1f} s", took), flush=True)
        if failed > may_lose:
            said = next((text for one in told for text in one.failures), "")
            self.wrong.append(f"{what}: {failed} requests failed, the first with: {said}")
        if not came:
            self.wrong.append(f"{what}: Kubernetes does not say so")
        if not answering:
            self.wrong.append(f"{what}: clients get no answer any more")

    def _until_served(self, tls: Asking, certificate: Certificate) -> None:
        if not _until(lambda: set(tls.take()["https"].certificates) == {certificate.fingerprint}):
            self.wrong.append("clients do not see the certificate that the listener has now")

    def _online(self, wanted: int) -> Callable[[], bool]:
        """Whether the Pool says that so many members are up."""

        def look() -> bool:
            members = self.reader.get("ipool", POOL)["status"].get("members") or ()
            return [each.get("operatingStatus") for each in members].count("ONLINE") == wanted

        return look

    def _ready(self) -> Callable[[], bool]:
        return lambda: ready(self.reader.get("ilb", BALANCER))

    def _patch(self, kind: str, name: str, *changes: Body) -> None:
        self.kubectl.run("patch", kind, name, "-n", self.namespace, "--type=json", "-p", json.dumps(changes))


def _look_now(kubectl: Kubectl, namespace: str, *what: str) -> None:
    """Have the operator look at once at what Octavia does to an object by itself."""
    kubectl.run("annotate", "--overwrite", *what, "-n", namespace, f"{_NOW}={time.time()}")


def _until(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _SECONDS
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
