"""Certificates from Secrets, in the real Barbican and shown by HAProxy: renewed under traffic, refused, and gone at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.operator import OperatorProcess
from sandbox import Sandbox
from sandbox.data_path import Asking, Target, World
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.canary import Canary
from tests.support.chains import data_of, link, tls_secret
from tests.support.customer import Customer
from tests.support.running import User, beside_barbican, started
from tests.support.traffic import carrying, fingerprint
from tests.support.tree_hands import ILB, Row, listener, load_balancer, made, member, pool

pytestmark = pytest.mark.slow  # the sandbox gets a Barbican, and carries packets

SERVER = "10.33.0.101"


@pytest.fixture
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """The operator, in a sandbox that has Barbican."""
    return started(
        box, "the operator beside Barbican", lambda: beside_barbican(box, tmp_path_factory.mktemp("operator"))
    )


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where project beta's packets are, with a server."""
    with carrying(box) as path:
        world = path.world(beta.project.name)
        world.serve(f"{SERVER}:8080")
        yield world
        world.end(f"{SERVER}:8080")


@pytest.fixture
def front(hands: ByHand) -> str:
    """The id of the subnet that VIP and server are in."""
    _, (subnet,) = hands.network("lab", "10.33.0.0/24")
    return str(subnet["id"])


@pytest.mark.usefixtures("keys")
def test_a_certificate_is_renewed_under_traffic_refused_and_gone_at_the_end(
    box: Sandbox, holder: User, front: str, world: World, running: OperatorProcess
) -> None:
    barbican = Customer(box.environment, box.customer("beta", "creator")).barbican
    root = link("Root")
    middle = link("Middle", root)
    first, second = link("first", middle), link("second", middle)
    more = link("more", middle)

    def kept() -> list[Row]:
        listed = barbican("GET", "secrets?limit=100").body["secrets"]
        return [each for each in listed if "[ik2." in str(each["name"])]

    def secret(name: str, data: dict[str, str], *, labelled: bool = True) -> None:
        body = tls_secret(name, data, labelled=labelled)
        del body["metadata"]["namespace"], body["metadata"]["uid"]
        holder.apply(body)

    assert kept() == []
    secret("web-tls", data_of(first, middle))
    secret("more-tls", data_of(more, middle, ca_crt=root.cert))
    tls = {"secretRef": {"name": "web-tls"}, "sniSecretRefs": [{"name": "more-tls"}]}
    holder.apply(pool("site", "lb", member(SERVER)))
    door = listener("web", "TERMINATED_HTTPS", 443, pool="site", tls=tls)
    status = made(holder, ILB, load_balancer("lb", front, door))
    assert {each["secretName"] for each in status["certificates"]} == {"web-tls", "more-tls"}
    before = {each["secret_ref"] for each in kept()}
    assert {each["barbicanSecret"] for each in status["certificates"]} == before

    vip = status["vipAddress"]
    targets = [Target("tls", f"https://{vip}/"), Target("tls, kept", f"https://{vip}/", keep_alive=True)]
    with Asking(world, *targets) as asking:
        until(lambda: all(told.answers and not told.failed for told in asking.take().values()), "all answer")
        mark, counts = box.mark(), {"asked": 0, "failed": 0}

        def shows(certificate: str) -> bool:
            told = asking.take().values()
            counts["asked"] += sum(each.asked for each in told)
            counts["failed"] += sum(each.failed for each in told)
            return {one for each in told for one in each.certificates} == {fingerprint(certificate)}

        secret("web-tls", data_of(second, middle))
        until(lambda: shows(second.cert), "the renewed certificate", 20.0)
        until(lambda: len(kept()) == 2 and before & {each["secret_ref"] for each in kept()}, "the old one is gone")
        assert shows(second.cert)
        calls = [
            f"{call.method} {call.path.split('/v')[-1]}"
            for call in box.calls(mark)
            if call.by == "operator" and (call.service == "barbican" or call.method != "GET")
        ]
        print(f"\na renewal under traffic: {counts['asked']} requests, {counts['failed']} failed; calls: {calls}")
        assert counts["asked"] > 50
        assert counts["failed"] == 0
        assert len(calls) <= 4

        # One that cannot be used is told, and the listener goes on.
        secret("web-tls", data_of(middle, first, key=first.key))
        told = holder.until_condition(ILB, "lb", "Stalled", reason="InvalidConfiguration")["message"]
        assert told.startswith("spec.listeners[web].tls.secretRef: Secret ")
        assert "tls.crt is in the wrong order" in told
        holder.kubectl.run("label", "secret", "web-tls", "-n", holder.namespace, "network.infomaniak.cloud/tls-")
        told = holder.until_condition(ILB, "lb", "Ready", reason="WaitingForReference")["message"]
        assert "lacks the label network.infomaniak.cloud/tls=true" in told
        secret("web-tls", data_of(second, middle))
        holder.until_ready(ILB, "lb")
        assert shows(second.cert)
        assert counts["failed"] == 0

    holder.delete(ILB, "lb")
    assert kept() == []
    canary = Canary({each.certificate.subject.rfc4514_string(): each.key for each in (first, second, more)})
    events = repr(holder.kubectl.json("get", "events", "-n", holder.namespace))
    assert canary.found(events + running.log.read_text(errors="replace")) == []
