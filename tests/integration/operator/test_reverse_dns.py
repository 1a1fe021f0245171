"""The name that an address leads back to, by the operator, in the real Designate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.operator import OperatorProcess
from infomaniak_operator.client import NotFoundError
from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.extras import having
from tests.support.manifests import EXTERNAL, floating_ip, manifest
from tests.support.reconciles import calls, changed_by_a_reconcile
from tests.support.running import User, operator, started

pytestmark = pytest.mark.slow  # the sandbox gets a Designate
MAIL = {"hostname": "mail.example.com"}
IFIP = "ifip"


@contextmanager
def _beside_designate(box: Sandbox, folder: Path) -> Iterator[OperatorProcess]:
    with having(box, "designate"), operator(box, folder, "--create-grace-seconds=4") as process:
        yield process


@pytest.fixture
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """The operator, in a sandbox that has Designate."""
    return started(
        box, "the operator beside Designate", lambda: _beside_designate(box, tmp_path_factory.mktemp("operator"))
    )


def made(user: User, **name: Any) -> dict[str, Any]:
    """Apply a FloatingIP with a name and wait until it leads back to it; its status."""
    user.apply(floating_ip("mx", **({"reverseDNS": name} if name else {})))
    user.until_ready(IFIP, "mx")
    if name:
        user.until_condition(IFIP, "mx", "ReverseDNS", status="True", reason="Available")
        wanted = name["hostname"].rstrip(".").lower()
        until(lambda: shown(user).get("hostname") == wanted, f"status shows {wanted}")
    status: dict[str, Any] = (user.get(IFIP, "mx") or {})["status"]
    return status


def shown(user: User) -> dict[str, Any]:
    found: dict[str, Any] = (user.get(IFIP, "mx") or {})["status"].get("reverseDNS") or {}
    return found


def there(user: User, id_: str) -> tuple[Any, Any, Any]:
    """Name, TTL and description in Designate."""
    row = user.cloud.reverse_dns.get(id_)
    return row["ptrdname"], row["ttl"], row["description"]


def test_a_name_through_its_life(box: Sandbox, beta: User) -> None:
    mark = box.mark()
    status = made(beta, **MAIL, ttl=600, description="ours")
    id_ = status["id"]
    assert there(beta, id_) == ("mail.example.com.", 600, "ours")
    assert shown(beta) == {"hostname": "mail.example.com", "ttl": 600, "status": "ACTIVE", "floatingIPID": id_}
    written = [call.split(" ")[0] for call in calls(box, mark, writing=True) if "/auth/" not in call]
    assert written == ["POST", "PATCH"]

    # Another spelling is no change; another name is.
    made(beta, hostname="MAIL.example.com.", ttl=600, description="ours")
    assert changed_by_a_reconcile(box, beta, IFIP, "mx") == []
    made(beta, hostname="mx.example.com")
    assert there(beta, id_) == ("mx.example.com.", 3600, None)  # given back to the zone

    # Drift.
    beta.cloud.reverse_dns.set(id_, {"ptrdname": "evil.example.com.", "ttl": 60})
    beta.annotate(IFIP, "mx", reconcile_at="now")
    until(lambda: there(beta, id_)[:2] == ("mx.example.com.", 60), "the name as it was")
    until(lambda: "DriftCorrected" in [reason for reason, _ in beta.events("mx")], "Event DriftCorrected")

    # Taken out of the spec, and back in.
    made(beta)
    until(lambda: there(beta, id_)[0] is None, "no name any more")
    until(lambda: not beta.condition(IFIP, "mx", "ReverseDNS") and not shown(beta), "nothing said of it any more")
    made(beta, **MAIL)

    # It goes before the address.
    mark = box.mark()
    beta.delete(IFIP, "mx")
    written = [call.split(" ")[0] for call in calls(box, mark, writing=True) if "/auth/" not in call]
    assert written == ["PATCH", "DELETE"]
    with pytest.raises(NotFoundError):
        beta.cloud.reverse_dns.unset(id_)


def test_an_import_shows_the_name_and_an_adoption_the_change_first(beta: User, hands: ByHand) -> None:
    (external,) = beta.cloud.networks.list(name=EXTERNAL)
    row = hands.make("floating_ips", floating_network_id=external["id"])
    beta.cloud.reverse_dns.set(row["id"], {"ptrdname": "theirs.example.com.", "ttl": 60})
    imported = {"import_": {"id": row["id"]}, "reverseDNS": MAIL}
    beta.apply(manifest("FloatingIP", "mx", **imported, managementPolicy="Unmanaged"))
    beta.until_condition(IFIP, "mx", "ReverseDNS", status="False", reason="Conflict")
    beta.until_ready(IFIP, "mx")
    assert shown(beta)["hostname"] == "theirs.example.com"
    assert there(beta, row["id"])[0] == "theirs.example.com."

    beta.apply(manifest("FloatingIP", "mx", **imported, deletionPolicy="Retain"))
    beta.until_condition(IFIP, "mx", "ReverseDNS", status="True")
    assert there(beta, row["id"])[:2] == ("mail.example.com.", 60)
    adopting = [text for reason, text in beta.events("mx") if reason == "Adopting"]
    assert "theirs.example.com. -> mail.example.com." in adopting[0]
    beta.delete(IFIP, "mx")
    assert there(beta, row["id"])[0] == "mail.example.com."
    beta.cloud.reverse_dns.unset(row["id"])


def test_whatever_becomes_of_designate_the_address_stands(box: Sandbox, beta: User) -> None:
    faults = [{"service": "designate", "method": "PATCH", "status": 403}]
    box.set_faults(faults)
    beta.apply(floating_ip("mx", reverseDNS=MAIL))
    id_ = beta.until_ready(IFIP, "mx")["status"]["id"]
    beta.until_condition(IFIP, "mx", "ReverseDNS", status="False", reason="InvalidConfiguration")
    assert beta.condition(IFIP, "mx", "Ready")["status"] == "True"
    box.clear_faults()
    beta.annotate(IFIP, "mx", reconcile_at="1")
    beta.until_condition(IFIP, "mx", "ReverseDNS", status="True")

    box.stop("designate")
    try:
        beta.annotate(IFIP, "mx", reconcile_at="2")
        beta.until_condition(IFIP, "mx", "ReverseDNS", status="False", reason="CloudError")
        assert beta.condition(IFIP, "mx", "Ready")["status"] == "True"
        beta.delete(IFIP, "mx", wait=False)
        beta.until_condition(IFIP, "mx", "Ready", status="False", reason="CloudError")
        assert "Designate" in beta.condition(IFIP, "mx", "Ready")["message"]
        assert beta.cloud.floating_ips.get(id_)["id"] == id_
    finally:
        box.start("designate")
    until(lambda: beta.get(IFIP, "mx") is None, "the object gone", 60.0)
    time.sleep(0.5)
    with pytest.raises(NotFoundError):
        beta.cloud.reverse_dns.unset(id_)
