"""Floating IPs, port forwardings and security groups of Neutron are what packets meet; the world and its end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Environment, Sandbox, SandboxError
from sandbox.data_path import DataPath, path
from tests.support.box import until
from tests.support.pems import Authority
from tests.support.traffic import DROPPED, ONE, PREFIX, TIMED_OUT, TWO, Balancing, http, member

pytestmark = pytest.mark.slow


@pytest.fixture
def external(site: Balancing, env: Environment) -> Iterator[str]:
    """The external network, with a router between it and the test's own."""
    neutron = site.customer.neutron
    found = neutron("GET", f"networks?name={env.external_network}").body["networks"][0]["id"]
    router = {"name": "traffic", "external_gateway_info": {"network_id": found}}
    made = neutron("POST", "routers", {"router": router}).body["router"]["id"]
    neutron("PUT", f"routers/{made}/add_router_interface", {"subnet_id": site.subnet["id"]})
    yield found
    for row in neutron("GET", f"floatingips?project_id={site.customer.project.id}").body["floatingips"]:
        neutron("DELETE", f"floatingips/{row['id']}")
    neutron("PUT", f"routers/{made}/remove_router_interface", {"subnet_id": site.subnet["id"]})
    assert neutron("DELETE", f"routers/{made}").status == 204


def _floating(site: Balancing, external: str, **more: Any) -> dict[str, Any]:
    body = {"floating_network_id": external, **more}
    made = site.customer.neutron("POST", "floatingips", {"floatingip": body})
    assert made.status == 201, made.body
    return dict(made.body["floatingip"])


def _answers(site: Balancing, spot: str, source: str = "") -> str:
    """Who answers there; empty: nobody."""
    done = site.world.execute("curl", "-sS", "--max-time", "3", f"http://{spot}/", source=source)
    return done.stdout.strip()


def test_a_floating_ip_leads_to_the_vip_and_on_to_the_members_while_it_is_associated(
    site: Balancing, external: str
) -> None:
    site.world.serve(ONE, TWO)
    balancer = site.balancer(http(member(ONE), member(TWO), insert_headers={"X-Forwarded-For": "true"}))
    floating = _floating(site, external, port_id=balancer.row()["vip_port_id"])
    public = floating["floating_ip_address"]
    until(lambda: _answers(site, public), "an answer at the floating IP")
    assert set(balancer.answers(4, host=public)) == {ONE, TWO}
    asked = balancer.asked(host=public, source="198.51.100.7")
    assert {name.lower(): value for name, value in asked["headers"].items()}["x-forwarded-for"] == "198.51.100.7"
    site.customer.neutron("PUT", f"floatingips/{floating['id']}", {"floatingip": {"port_id": None}})
    until(lambda: not _answers(site, public), "nobody at a floating IP that leads nowhere")


def _server_port(site: Balancing, address: str, *groups: str) -> str:
    body = {
        "network_id": site.network["id"],
        "fixed_ips": [{"subnet_id": site.subnet["id"], "ip_address": address}],
        **({"security_groups": list(groups)} if groups else {}),
    }
    made = site.customer.neutron("POST", "ports", {"port": body})
    assert made.status == 201, made.body
    return str(made.body["port"]["id"])


def test_a_vip_that_a_customer_made_the_port_of_is_not_guarded_by_the_ports_groups(site: Balancing) -> None:
    site.world.serve(ONE)
    port = _server_port(site, f"{PREFIX}.9")
    balancer = site.balancer(http(member(ONE)), vip_port_id=port, vip_subnet_id=None)
    assert balancer.vip == f"{PREFIX}.9"
    assert balancer.curl(*DROPPED) == (0, f"{ONE}\n")
    assert len(_groups_of(site, port)) == 1, "Octavia's own in place of what the port had"
    balancer.delete_all()
    until(lambda: _groups_of(site, port) == [], "the end of Octavia's own, which leaves the port")


def _group(site: Balancing, name: str) -> str:
    """A group with the stock rules: all may go out, nothing comes in."""
    made = site.customer.neutron("POST", "security-groups", {"security_group": {"name": name}})
    assert made.status == 201, made.body
    return str(made.body["security_group"]["id"])


def _rule(site: Balancing, group: str, direction: str = "ingress", **more: Any) -> str:
    rule = {"security_group_id": group, "direction": direction, "ethertype": "IPv4", "protocol": "tcp", **more}
    made = site.customer.neutron("POST", "security-group-rules", {"security_group_rule": rule})
    assert made.status == 201, made.body
    return str(made.body["security_group_rule"]["id"])


@pytest.fixture
def group(site: Balancing) -> Iterator[str]:
    """A group of a test's own; it goes when what is in it has gone."""
    made = _group(site, "own")
    yield made
    site.clear()
    until(lambda: site.customer.neutron("DELETE", f"security-groups/{made}").status in (204, 404), "the group's end")


def _groups_of(site: Balancing, port: str) -> list[str]:
    return list(site.customer.neutron("GET", f"ports/{port}").body["port"]["security_groups"])


def test_the_groups_chosen_for_a_vip_stand_for_octavias_rules_of_listeners(site: Balancing, group: str) -> None:
    site.world.serve(ONE)
    balancer = site.balancer(http(member(ONE)), vip_sg_ids=[group])
    assert balancer.curl(*DROPPED)[0] == TIMED_OUT, "the group lets nobody in"
    _rule(site, group, port_range_min=80, port_range_max=80, remote_ip_prefix="198.51.100.0/24")
    until(lambda: balancer.curl(*DROPPED, source="198.51.100.7") == (0, f"{ONE}\n"), "an answer")
    assert balancer.curl(*DROPPED, source="192.0.2.7")[0] == TIMED_OUT
    port = balancer.row()["vip_port_id"]
    assert len(_groups_of(site, port)) == 2, "and Octavia's own"
    balancer.change(f"loadbalancers/{balancer.id}", vip_sg_ids=[])
    assert balancer.curl(*DROPPED, source="192.0.2.7") == (0, f"{ONE}\n"), "Octavia's own has the listener again"
    assert group not in _groups_of(site, port)


def test_a_member_lets_in_the_group_of_the_vip(site: Balancing, group: str) -> None:
    site.world.serve(ONE)
    _server_port(site, f"{PREFIX}.101", group)
    _rule(site, group, port_range_min=80, port_range_max=80)
    _rule(site, group, port_range_min=8080, port_range_max=8080, remote_group_id=group)
    balancer = site.balancer(http(member(ONE)), vip_sg_ids=[group])
    until(lambda: balancer.curl(*DROPPED) == (0, f"{ONE}\n"), "an answer")
    assert not _answers(site, ONE), "who is not in the group is not let in"


def test_what_a_server_sends_is_let_out_by_its_groups(site: Balancing, group: str) -> None:
    site.world.serve(TWO)
    _server_port(site, f"{PREFIX}.101", group)
    sender = f"{PREFIX}.101"
    assert _answers(site, TWO, source=sender) == TWO, "the stock rules let out all"
    for rule in site.customer.neutron("GET", f"security-group-rules?security_group_id={group}").body[
        "security_group_rules"
    ]:
        site.customer.neutron("DELETE", f"security-group-rules/{rule['id']}")
    until(lambda: not _answers(site, TWO, source=sender), "nothing is let out")
    body = {"address_group": {"name": "near", "addresses": [f"{PREFIX}.96/28"]}}
    named = site.customer.neutron("POST", "address-groups", body)
    assert named.status == 201, named.body
    address_group = named.body["address_group"]["id"]
    rule = _rule(site, group, "egress", remote_address_group_id=address_group)
    until(lambda: _answers(site, TWO, source=sender) == TWO, "what the address group has is let out")
    site.world.serve(f"{PREFIX}.200:8080")
    assert not _answers(site, f"{PREFIX}.200:8080", source=sender)
    site.customer.neutron("DELETE", f"security-group-rules/{rule}")
    assert site.customer.neutron("DELETE", f"address-groups/{address_group}").status == 204


def test_a_port_forwarding_leads_to_a_servers_port(site: Balancing, external: str, group: str) -> None:
    site.world.serve(ONE)
    floating = _floating(site, external)
    _rule(site, group)
    port = _server_port(site, f"{PREFIX}.101", group)
    body = {"protocol": "tcp", "internal_port_id": port, "internal_ip_address": f"{PREFIX}.101"}
    body |= {"internal_port": 8080, "external_port": 2080}
    made = site.customer.neutron("POST", f"floatingips/{floating['id']}/port_forwardings", {"port_forwarding": body})
    assert made.status == 201, made.body
    public = floating["floating_ip_address"]
    until(lambda: _answers(site, f"{public}:2080") == ONE, "an answer at the forwarded port")
    assert not _answers(site, f"{public}:8080")
    address = f"floatingips/{floating['id']}"
    forwarding = f"{address}/port_forwardings/{made.body['port_forwarding']['id']}"
    for gone in (forwarding, address, f"ports/{port}"):
        assert site.customer.neutron("DELETE", gone).status == 204, gone


def test_a_servers_security_groups_let_in_what_their_rules_say(site: Balancing) -> None:
    site.world.serve(ONE, TWO)
    balancer = site.balancer(http(member(ONE), monitor={"type": "TCP"}))
    balancer.until(_10_77_0_101="ONLINE")
    _server_port(site, f"{PREFIX}.101")  # in the default group, which lets in its own members alone
    until(lambda: not _answers(site, ONE), "nobody is let in")
    balancer.until(_10_77_0_101="ERROR")
    assert _answers(site, TWO) == TWO, "a server that Neutron knows nothing of is not guarded"
    listed = site.customer.neutron("GET", f"security-groups?name=default&project_id={site.customer.project.id}")
    default = listed.body["security_groups"][0]["id"]
    rule = _rule(site, default, port_range_min=8080, port_range_max=8080, remote_ip_prefix=f"{PREFIX}.0/24")
    try:
        balancer.until(_10_77_0_101="ONLINE")
        assert balancer.answers(1) == [ONE]
        assert not _answers(site, ONE, source="198.51.100.7"), "only the network's own are let in"
    finally:
        site.customer.neutron("DELETE", f"security-group-rules/{rule}")


def test_the_command_line_serves_and_asks(box: Sandbox, site: Balancing) -> None:
    del site

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "sandbox", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    state = ["--state", str(box.state)]
    assert run("serve-http", *state, "beta", ONE, TWO).returncode == 0
    asked = run("exec", *state, "--from", "198.51.100.7", "beta", "--", "curl", "-s", f"http://{ONE}/request")
    assert json.loads(asked.stdout)["peer"] == "198.51.100.7"
    assert "world-beta                runs " in run("status", *state).stdout
    assert "data path: on for" in run("status", *state).stdout
    assert run("serve-http", *state, "--stop", "beta", ONE).returncode == 0
    gone = run("exec", *state, "beta", "--", "curl", "-s", f"http://{ONE}/")
    assert gone.returncode == 7, "curl's own exit code: connection refused"
    assert run("exec", *state, "beta", "--", "curl", "-s", f"http://{TWO}/").stdout == f"{TWO}\n"
    refused = run("exec", *state, "--from", "198.51.100.7", "beta", "--", "true")
    assert refused.returncode == 1
    assert "only curl can be told" in refused.stderr


def _left(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(folder).encode() in words and entry.name != str(os.getpid()):
            found.append(words.decode(errors="replace"))
    return found


def test_a_server_that_cannot_be_is_told_in_a_sentence_and_one_that_is_to_speak_tls_does(
    site: Balancing, tmp_path: Path
) -> None:
    with pytest.raises(SandboxError, match=r"there is no file .*absent\.pem"):
        site.world.serve(ONE, certificate=tmp_path / "absent.pem")
    (tmp_path / "odd.pem").write_text("nothing")
    with pytest.raises(SandboxError, match=r"odd\.pem is no PEM file with a certificate and its key") as caught:
        site.world.serve(ONE, certificate=tmp_path / "odd.pem")
    assert "Traceback" not in str(caught.value)
    site.world.serve(ONE)
    issued = Authority("an authority").issue("server.example")
    (tmp_path / "good.pem").write_text(issued.cert + issued.key)
    site.world.serve(ONE, certificate=tmp_path / "good.pem")
    assert site.world.execute("curl", "-sk", f"https://{ONE}/").stdout == f"{ONE}\n"
    site.world.serve(ONE)
    assert site.world.execute("curl", "-s", f"http://{ONE}/").stdout == f"{ONE}\n"


def test_worlds_that_end_with_the_sandbox_come_back_with_it(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    mine = DataPath(tmp_path / "worlds", tmp_path / "control", {"one": "1", "two": "2"})
    if not mine.up(print, ["one"]).projects:
        pytest.skip(f"no packets can be carried here: {mine.state}")
    try:
        mine.world("one").process.stop()
        assert str(mine.state) == "down for one (`up` starts it again)"
        mine.down(with_sandbox=True)
        assert mine.ended == ("one",)
        assert "the next `up` starts it for one" in str(mine.state)
        mine.up(print, mine.ended)
        assert str(mine.state) == "on for one"
    finally:
        mine.down()
    assert mine.ended == ()
    assert "nobody asked for it" in str(mine.state)


def test_with_a_world_ends_all_that_runs_in_it(tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    mine = DataPath(tmp_path / "worlds", tmp_path / "control", {"one": "1", "two": "2"})
    if not mine.up(print).projects:
        pytest.skip(f"no packets can be carried here: {mine.state}")
    try:
        one, two = mine.world("one"), mine.world("two")
        for world in (one, two):
            world.serve("10.0.0.1:80")
        # In a session of its own and out of its parent's hands, as a HAProxy is.
        one.execute("/bin/sh", "-c", f"setsid sh -c 'sleep 600; : {tmp_path}' >/dev/null 2>&1 &")
        assert one.execute("curl", "-s", "http://10.0.0.1/").stdout == "10.0.0.1:80\n"
        two.end("10.0.0.1:80")
        assert two.execute("curl", "-s", "http://10.0.0.1/").returncode == 7, "each world has its own addresses"
        assert len(_left(tmp_path)) > 3
    finally:
        mine.down()
    until(lambda: not _left(tmp_path), "nothing is left")
    assert mine.state.projects == ()
    with pytest.raises(SandboxError, match="one has no network world here"):
        mine.world("one")


def test_where_no_namespaces_can_be_made_it_is_off_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> tuple[str, ...]:
        raise SandboxError("no namespaces can be made here (unshare failed: Operation not permitted)")

    (tmp_path / "control").mkdir()
    monkeypatch.setattr(path, "kind", refused)
    mine, said = DataPath(tmp_path / "worlds", tmp_path / "control", {"one": "1"}), []
    state = mine.up(said.append)
    assert state.projects == ()
    assert str(mine.state) == "off: no namespaces can be made here (unshare failed: Operation not permitted)"
    assert "no data path here" in said[0]
    assert mine.running() == {}
