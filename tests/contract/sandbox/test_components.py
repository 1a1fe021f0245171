"""Components that stop, hang and come back; one sandbox beside another; what happens to a caller that is gone."""

import json
import shutil
import socket
import tempfile
import urllib.parse
from pathlib import Path

import pytest

from sandbox import Environment, Sandbox, SandboxError
from sandbox.postgres import Postgres
from tests.support.box import kubectl, until
from tests.support.customer import Customer


def _network_names(customer: Customer) -> set[str]:
    listed = customer.neutron("GET", f"networks?project_id={customer.project.id}").body["networks"]
    return {network["name"] for network in listed}


def _send_and_leave(customer: Customer, body: dict) -> None:
    """A POST whose caller closes its connection before there is an answer, as one that was killed."""
    address = urllib.parse.urlsplit(customer.urls["network"])
    content = json.dumps(body).encode()
    head = (
        f"POST /v2.0/networks HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
        f"X-Auth-Token: {customer.auth_token}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode() + content)


@pytest.mark.parametrize("fault", [{"delay_before": 0.5}, {"delay_after": 0.5}], ids=["before", "after"])
def test_a_request_is_worked_to_its_end_though_its_caller_was_killed(
    box: Sandbox, customer: Customer, fault: dict
) -> None:
    box.set_faults([{"service": "neutron", "method": "POST", "path": "/networks$", "count": 1, **fault}])
    _send_and_leave(customer, {"network": {"name": "orphan"}})
    until(lambda: "orphan" in _network_names(customer), "the network of the caller that is gone")


def test_a_stopped_component_is_away_and_comes_back_with_its_data(box: Sandbox, customer: Customer) -> None:
    customer.neutron("POST", "networks", {"network": {"name": "kept"}})
    box.stop("postgres")
    try:
        assert box.status()["postgres"] is False
        assert customer.neutron("GET", "networks").status >= 500
    finally:
        box.start("postgres")
    assert box.status()["postgres"] is True
    until(lambda: customer.neutron("GET", "networks").status == 200, "Neutron's answer")
    assert "kept" in _network_names(customer)


def test_a_paused_component_hangs_and_goes_on(box: Sandbox, customer: Customer) -> None:
    address = urllib.parse.urlsplit(customer.urls["network"])
    box.pause("neutron")
    try:
        with socket.create_connection((address.hostname, address.port), timeout=1) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
    finally:
        box.resume("neutron")
    assert customer.neutron("GET", "networks").status == 200


def test_an_unknown_component_is_refused_with_the_known_ones(box: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"no component nova.*postgres, keystone, neutron, octavia, .*etcd"):
        box.stop("nova")


def test_a_call_is_logged_with_the_program_that_made_it(box: Sandbox, customer: Customer) -> None:
    mark = box.mark()
    customer.call("GET", f"{customer.urls['network']}/v2.0/networks", User_Agent="infomaniak-operator/1.0 test")
    assert [c.by for c in box.calls(mark) if c.project == customer.project.id] == ["operator"]


def test_two_sandboxes_side_by_side_know_nothing_of_each_other(
    env: Environment, tmp_path: Path, namespace: str
) -> None:
    other = Sandbox(tmp_path / "other")
    said: list[str] = []
    there = other.up(openstack=False, progress=said.append)
    try:
        assert set(other.status()) == {"etcd", "kube-apiserver", "kube-controller-manager"}
        assert all(other.status().values())
        assert (there.auth_url, dict(there.projects)) == ("", {})
        assert "NotFound" in kubectl(there, "get", "namespace", namespace, check=False)
        kubectl(there, "create", "namespace", "only-there")
        assert "NotFound" in kubectl(env, "get", "namespace", "only-there", check=False)
        assert other.up(openstack=False, progress=said.append) == there
        assert len([line for line in said if line.startswith("the sandbox is up")]) == 1
    finally:
        other.down()
    assert not any(other.status().values())
    assert kubectl(env, "get", "namespace", namespace)


def test_a_copy_of_a_database_in_use_holds_nothing_of_the_server_and_starts_beside_it(box: Sandbox) -> None:
    cloud = box._halves()[0]
    folder = Path(tempfile.mkdtemp(prefix="infomaniak-copy-"))
    second = Postgres(folder / "pg", lambda *words: cloud._python_says("postgres", *words), ["keystone"])
    try:
        cloud.process("postgres").copy(folder / "pg")
        assert not [path for path in (folder / "pg").iterdir() if path.name.startswith((".s.", "postmaster"))]
        second.start()
        assert second.pid not in (None, cloud.process("postgres").pid)
    finally:
        second.stop()
        second.forget()
        shutil.rmtree(folder, ignore_errors=True)


def test_who_waits_for_kubernetes_alone_is_called_and_what_goes_wrong_there_is_told(box: Sandbox) -> None:
    called: list[tuple[Path, Path]] = []
    box.up(on_kubernetes=lambda *paths: called.append(paths))
    assert called == [(box.environment.kubectl, box.environment.kubeconfig)]
    box.stop("etcd")

    def refused(*_: Path) -> None:
        raise LookupError("refused")

    with pytest.raises(LookupError, match="refused"):
        box.up(on_kubernetes=refused)
    assert box.environment.kubectl.exists()
