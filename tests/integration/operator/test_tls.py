"""Listeners that end TLS, with certificates in the real Barbican, to which Octavia goes for them."""

from __future__ import annotations

import pytest

from demo.operator import OperatorProcess
from infomaniak_operator.reconcile.octavia import listeners as module
from sandbox import Sandbox
from tests.support.byhand import ByHand
from tests.support.cloud_hands import until_event
from tests.support.keys import Keys
from tests.support.pems import Authority, Issued
from tests.support.running import User, beside_barbican, started
from tests.support.tree_hands import (
    ILB,
    IPOOL,
    Row,
    by_hand,
    listener,
    listeners_of,
    load_balancer,
    look_again,
    made,
    member,
    pool,
    sent,
    unlocked,
)

MISSING = "a certificate is not in Barbican, or the credential may not let Octavia read it"


@pytest.fixture
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """The operator, in a sandbox that has Barbican."""
    return started(
        box, "the operator beside Barbican", lambda: beside_barbican(box, tmp_path_factory.mktemp("operator"))
    )


@pytest.fixture
def issued() -> Issued:
    return Authority("ours").issue("web")


def _tls(ref: str, **more: object) -> Row:
    return listener("web", "TERMINATED_HTTPS", 443, tls={"barbicanContainer": ref, **more})


def _seen(user: User, balancer_id: str, *fields: str) -> list[object]:
    row = listeners_of(user, balancer_id)["web"]
    return [sorted(row[field]) if isinstance(row[field], list) else row[field] for field in fields]


REFS = ("default_tls_container_ref", "sni_container_refs")
HOW = ("tls_versions", "tls_ciphers")
CLIENTS = ("client_authentication", "client_ca_tls_container_ref", "client_crl_container_ref")


def test_the_table_has_every_field() -> None:
    fields = {field.spec: field.api for field in module.FIELDS if field.spec.startswith("tls.")}
    assert set(fields.values()) == {*REFS, *HOW, *CLIENTS}


@pytest.mark.slow
def test_every_field_created_changed_drifted_and_taken_out(
    box: Sandbox, holder: User, hands: ByHand, keys: Keys, issued: Issued
) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    bundle, parts, more = keys.bundle(issued), keys.parts(issued), keys.bundle(Authority("ours").issue("more"))
    how = {"versions": ["TLSv1.3"], "ciphers": "TLS_AES_256_GCM_SHA384"}
    first = _tls(bundle, sniBarbicanContainers=[parts, more], **how)
    status = made(holder, ILB, load_balancer("lb", front["id"], first))
    balancer, web = status["id"], status["listeners"][0]["id"]
    assert _seen(holder, balancer, *REFS) == [bundle, sorted([parts, more])]
    assert _seen(holder, balancer, *HOW) == [["TLSv1.3"], "TLS_AES_256_GCM_SHA384"]

    # A renewal is another secret: one request, and the listener stays.
    mark = box.mark()
    second = _tls(parts, sniBarbicanContainers=[more], versions=["TLSv1.2", "TLSv1.3"], ciphers=how["ciphers"])
    after = made(holder, ILB, load_balancer("lb", front["id"], second))
    assert (sent(box, mark, holder), after["listeners"][0]["id"]) == ([f"PUT listeners/{web}"], web)
    assert _seen(holder, balancer, *REFS, "tls_versions") == [parts, [more], ["TLSv1.2", "TLSv1.3"]]

    theirs = {"listener": {"default_tls_container_ref": more}}
    by_hand(holder, balancer, lambda: keys.customer.octavia("PUT", f"listeners/{web}", theirs))
    look_again(holder, ILB, "lb")
    until_event(holder, "lb", "DriftCorrected", "listeners[web].tls.barbicanContainer")
    unlocked(holder, balancer)
    assert _seen(holder, balancer, *REFS) == [parts, [more]]

    made(holder, ILB, load_balancer("lb", front["id"], _tls(parts, sniBarbicanContainers=[])))
    assert _seen(holder, balancer, *REFS) == [parts, []]


def test_a_wrong_reference_is_told_and_the_former_certificate_stays(
    holder: User, hands: ByHand, keys: Keys, issued: Issued
) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    bundle, lone = keys.bundle(issued), keys.secret(issued.cert)
    balancer = made(holder, ILB, load_balancer("lb", front["id"], _tls(bundle)))["id"]
    missing = f"{bundle[:-12]}{'0' * 12}"
    for ref, words in {missing: MISSING, lone: "The PKCS12 bundle is unreadable"}.items():
        holder.apply(load_balancer("lb", front["id"], _tls(ref)))
        generation = (holder.get(ILB, "lb") or {})["metadata"]["generation"]
        told = holder.until_condition(
            ILB, "lb", "Stalled", reason="InvalidConfiguration", observedGeneration=generation
        )
        assert words in told["message"]
        assert holder.condition(ILB, "lb", "Ready")["status"] == "False"
    assert _seen(holder, balancer, *REFS) == [bundle, []]
    parts = keys.parts(issued)
    made(holder, ILB, load_balancer("lb", front["id"], _tls(parts)))
    assert _seen(holder, balancer, *REFS) == [parts, []]


def test_a_new_tree_waits_for_the_role_that_barbican_wants_and_comes_whole(
    box: Sandbox, beta: User, hands: ByHand, keys: Keys, issued: Issued
) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    web = {**_tls(keys.bundle(issued)), "defaultPoolRef": {"name": "site"}}
    mark = box.mark()
    beta.apply(pool("site", "lb", member("10.33.0.50")))
    beta.apply(load_balancer("lb", front["id"], web))
    message = beta.until_condition(ILB, "lb", "Stalled", reason="InvalidConfiguration")["message"]
    assert MISSING in message
    assert "role creator" in message
    assert all("together with its pools" not in said for _, said in beta.events("lb"))

    beta.credentials(project=box.customer("beta", "creator"))
    status = beta.until_ready(ILB, "lb")["status"]
    site = beta.until_ready(IPOOL, "site")["status"]
    assert set(sent(box, mark, beta)) == {"POST loadbalancers"}, "the tree, and nothing of it by itself"
    assert _seen(beta, status["id"], "default_pool_id") == [site["id"]]


@pytest.mark.slow
def test_an_outage_of_barbican_passes_by_itself(
    box: Sandbox, holder: User, hands: ByHand, keys: Keys, issued: Issued
) -> None:
    _, (front,) = hands.network("lab", "10.33.0.0/24")
    bundle, parts = keys.bundle(issued), keys.parts(issued)
    balancer = made(holder, ILB, load_balancer("lb", front["id"], _tls(bundle)))["id"]
    box.stop("barbican")
    try:
        holder.apply(load_balancer("lb", front["id"], _tls(parts)))
        assert MISSING in holder.until_condition(ILB, "lb", "Stalled", status="True")["message"]
    finally:
        box.start("barbican")
    holder.until_ready(ILB, "lb", 180.0)
    assert _seen(holder, balancer, *REFS) == [parts, []]
