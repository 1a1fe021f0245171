"""Requests that fail while the operator changes what carries them: counted, with real packets.

Clients ask all the time, with a connection for each request and with one that they keep. What Octavia changes in place
costs no request; what it can only make anew costs a gap, which is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from demo.operator import OperatorProcess
from sandbox import Sandbox
from sandbox.data_path import Asking, Tally, Target, World
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.keys import Keys
from tests.support.pems import Authority
from tests.support.running import User, beside_barbican, started
from tests.support.traffic import carrying, fingerprint
from tests.support.tree_hands import ILB, IPOOL, Row, listener, load_balancer, look_again, made, member, monitor, pool

pytestmark = pytest.mark.slow

ADDRESSES = ("10.33.0.101", "10.33.0.102", "10.33.0.103")
ONE, TWO, THREE = (f"{address}:8080" for address in ADDRESSES)
QUICK = {"delay": 1, "timeout": 1, "maxRetries": 1}


@pytest.fixture
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """The operator, in a sandbox that has Barbican."""
    return started(
        box, "the operator beside Barbican", lambda: beside_barbican(box, tmp_path_factory.mktemp("operator"))
    )


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where project beta's packets are, with three servers."""
    with carrying(box) as path:
        world = path.world(beta.project.name)
        world.serve(ONE, TWO, THREE)
        yield world
        world.end(ONE, TWO, THREE)


@dataclass
class Counted:
    """What clients have got while each change was made."""

    asking: Asking
    rows: dict[str, list[tuple[str, Tally]]] = field(default_factory=dict)

    def during(self, change: str, apply: Callable[[], object]) -> None:
        """Make a change, and count until all clients have answers again."""
        self.asking.take()
        apply()
        self.rows[change], seen = [], set()

        def answered() -> bool:
            for name, told in self.asking.take().items():
                self.rows[change].append((name, told))
                seen.add(name if told.answers and not told.failed else "")
            return {name for name, _ in self.rows[change]} <= seen

        until(answered, f"answers after: {change}")
        print(self.line(change), flush=True)

    def after(self, seconds: float = 0.5) -> dict[str, Tally]:
        """What is answered now, without a word of before."""
        self.asking.take()
        time.sleep(seconds)
        return self.asking.take()

    def line(self, change: str) -> str:
        """A line of the table that is in docs/sandbox.md."""
        told = [one for _, one in self.rows[change]]
        asked, failed, again = (sum(getattr(one, what) for one in told) for what in ("asked", "failed", "again"))
        return f"| {change} | {asked} | {failed} | {max(one.gap for one in told):.1f} s | {again} |"

    def failures(self, *, but: tuple[str, ...]) -> list[str]:
        """Of all changes but those that may cost some."""
        rows = [(change, name, told) for change, all_told in self.rows.items() for name, told in all_told]
        return [
            f"{change}: {name}: {told.failed}, {list(told.failures)}"
            for change, name, told in rows
            if told.failed and change not in but and f"{change}: {name}" not in but
        ]


def test_what_each_change_costs(box: Sandbox, holder: User, hands: ByHand, keys: Keys, world: World) -> None:
    user = holder
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    first, second = Authority("ours").issue("first"), Authority("ours").issue("second")
    refs = {one: make(one) for one, make in ((first, keys.bundle), (second, keys.parts))}
    spare, members = listener("spare", "HTTP", 82, pool="site"), [member(ADDRESSES[0]), member(ADDRESSES[1])]
    recovery = {"recovery": {"policy": "Recreate", "backoffSeconds": 10}}

    def site(*listed: Row, **spec: object) -> Row:
        return pool("site", "lb", *listed, **spec)

    def tls(issued: object) -> Row:
        return listener("tls", "TERMINATED_HTTPS", 443, pool="site", tls={"barbicanContainer": refs[issued]})

    def balancer(
        *, web: Row | None = None, issued: object = first, other: Row | None = None, more: Row | None = None
    ) -> Row:
        beside = other or listener("other", "HTTP", 81, pool="site")
        listeners = [listener("web", pool="site", **(web or {})), tls(issued), beside, *([more] if more else [])]
        return load_balancer("lb", front["id"], *listeners, **recovery)

    user.apply(site(*members))
    user.apply(monitor("site", "site", **QUICK))
    user.apply(balancer())
    before = user.until_ready(ILB, "lb")["status"]
    user.until_ready("ihm", "site")
    vip = before["vipAddress"]
    targets = [
        Target("web", f"http://{vip}/"),
        Target("web, kept", f"http://{vip}/", keep_alive=True),
        Target("tls", f"https://{vip}/"),
        Target("tls, kept", f"https://{vip}/", keep_alive=True),
        Target("other", f"http://{vip}:81/"),
    ]
    with Asking(world, *targets) as asking:
        counted = Counted(asking)
        print("\n| change | requests | failed | longest gap | kept connections closed |\n|---|---|---|---|---|")
        until(lambda: all(told.answers and not told.failed for told in asking.take().values()), "all answer")

        def during(change: str, *bodies: tuple[str, Row]) -> None:
            counted.during(change, lambda: [made(user, kind, body) for kind, body in bodies])

        def answering() -> set[str]:
            return {name for told in counted.after().values() for name in told.answers}

        three = member(ADDRESSES[2])
        during("a member comes", (IPOOL, site(*members, three)))
        assert answering() == {ONE, TWO, THREE}
        during("a member is drained (weight 0)", (IPOOL, site(*members, {**three, "weight": 0})))
        assert answering() == {ONE, TWO}
        during("a member goes", (IPOOL, site(*members)))
        during("the algorithm of a pool", (IPOOL, site(*members, algorithm="LEAST_CONNECTIONS")))
        during("the protocol of a pool, HTTP to PROXY", (IPOOL, site(*members, protocol="PROXY")))
        during("and back", (IPOOL, site(*members)))
        during("the interval of a health monitor", ("ihm", monitor("site", "site", **{**QUICK, "delay": 2})))
        during("the type of a health monitor", ("ihm", monitor("site", "site", **QUICK, type="TCP")))

        during("the certificate of a listener", (ILB, balancer(issued=second)))
        served = {one for told in counted.after().values() for one in told.certificates}
        assert served == {fingerprint(second.cert)}
        slow = {"timeouts": {"clientData": 30000}}
        during("a timeout of a listener", (ILB, balancer(issued=second, web=slow)))
        during("a listener comes beside", (ILB, balancer(issued=second, more=spare)))
        during("a listener goes beside", (ILB, balancer(issued=second)))

        away = listener("other", "HTTP", 81, redirectToHTTPS={"host": "www.example.org"})
        during("a redirect to HTTPS comes", (ILB, balancer(issued=second, other=away)))
        assert set(counted.after()["other"].answers) == {"302"}
        during("the redirect goes", (ILB, balancer(issued=second)))
        assert set(counted.after()["other"].answers) == {ONE, TWO}

        replaced = "the protocol of a listener"
        during(replaced, (ILB, balancer(issued=second, other=listener("other", "TCP", 81, pool="site"))))

        recovered = "a recovery from ERROR"

        def recover() -> None:
            box.break_load_balancer(before["id"])
            look_again(user, ILB, "lb")
            until(lambda: (user.get(ILB, "lb") or {})["status"].get("id") not in (None, before["id"]), "another one")
            user.until_ready(ILB, "lb")

        counted.during(recovered, recover)
        assert user.until_ready(ILB, "lb")["status"]["vipAddress"] == vip
    assert counted.failures(but=(f"{replaced}: other", recovered)) == []
