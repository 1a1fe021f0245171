"""examples/office: a whole office in one ``kubectl apply -f``, Ready with no second try, and gone in one delete."""

import time
from pathlib import Path

import pytest
import yaml

from demo.flow import ROOT, credentials_secret
from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.cloud_hands import reasons
from tests.support.running import User

pytestmark = pytest.mark.slow

FOLDER = ROOT / "examples" / "office"
KINDS = {"InfomaniakNetwork": "inet", "Router": "irouter", "SecurityGroup": "isg", "FloatingIP": "ifip"}
COLLECTIONS = ("networks", "subnets", "routers", "security_groups", "floating_ips", "ports")


def test_a_whole_office(
    box: Sandbox, env: Environment, namespace: str, running: OperatorProcess, tmp_path: Path, *, record_property
) -> None:
    user = User(env, namespace, env.projects["beta"])
    before = inventory(user)
    objects = []
    for path in FOLDER.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
        objects += [(KINDS[body["kind"]], body) for body in yaml.safe_load_all(path.read_text()) if "spec" in body]
    # The credential in the example is one to fill in.
    (tmp_path / "credentials.yaml").write_text(credentials_secret(user.project))
    assert {kind for kind, _ in objects} == set(KINDS.values())

    mark, begin = box.mark(), time.monotonic()
    user.kubectl.run("apply", "-n", namespace, "-f", str(tmp_path))
    bodies = {f"{kind}/{body['metadata']['name']}": body for kind, body in objects}
    found = {name: user.until_ready(*name.split("/")) for name in bodies}
    seconds = time.monotonic() - begin
    calls = [c for c in box.calls(mark) if c.service == "neutron" and c.project == user.project.id]
    record_property("seconds", seconds)
    print(f"\n{len(found)} objects Ready {seconds:.1f} s after kubectl apply; {len(calls)} calls to Neutron")
    assert [f"{c.method} {c.path} {c.status}" for c in calls if c.status >= 400] == []
    for name in bodies:
        warned = {"CloudError", "InvalidConfiguration", "Conflict", "QuotaExceeded"}.intersection(
            reasons(user, name.split("/")[1])
        )
        assert not warned, warned

    status = {name: body["status"] for name, body in found.items()}
    staff, guests = (user.cloud.networks.get(status[f"inet/{name}"]["id"]) for name in ("staff", "guests"))
    assert (len(user.subnets(staff["id"])), len(user.subnets(guests["id"]))) == (2, 1)
    ports = user.cloud.ports.list(device_id=status["irouter/office"]["id"])
    legs = {ip["subnet_id"] for port in ports if "interface" in port["device_owner"] for ip in port["fixed_ips"]}
    assert legs == {s["id"] for n in (staff, guests) for s in user.subnets(n["id"])}
    router = user.cloud.routers.get(status["irouter/office"]["id"])
    assert router["external_gateway_info"]["network_id"] == status["inet/internet"]["id"]
    rules = {name: user.cloud.security_groups.get(status[f"isg/{name}"]["id"]) for name in ("desks", "servers")}
    remote = {name: {r["remote_group_id"] for r in group["security_group_rules"]} for name, group in rules.items()}
    assert remote["desks"] - {None} == {status["isg/servers"]["id"]}
    assert remote["servers"] - {None} == {status["isg/desks"]["id"], status["isg/servers"]["id"]}
    addresses = {status[f"ifip/{name}"]["address"] for name in ("vpn", "mail")}
    assert len(addresses) == 2

    user.kubectl.run("delete", "-n", namespace, "-f", str(tmp_path), "--timeout=90s")
    assert inventory(user) == before


def inventory(user: User) -> set[str]:
    """All there is in the project."""
    project = user.project.id
    return {row["id"] for each in COLLECTIONS for row in getattr(user.cloud, each).list(project_id=project)}
