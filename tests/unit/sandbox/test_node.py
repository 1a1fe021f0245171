"""A real node, as far as it can be looked at without one: what it asks for, and what it must not touch."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox import node_config, node_needs
from sandbox.errors import SandboxError
from sandbox.kubernetes import API_RANGE
from sandbox.node_network import GATEWAY, PODS, Network
from sandbox.service_table import API_SERVICE, DNS_SERVICE
from tests.e2e.__main__ import main


def test_without_root_there_is_no_node_and_the_test_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["e2e"])
    assert "root" in node_needs.missing()
    assert main() == 0
    assert capsys.readouterr().out.startswith("skipped: no real node here")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "buildah" else f"/usr/bin/{name}")
    assert "buildah" in node_needs.missing()


@pytest.mark.parametrize(
    ("command", "words"), [("mount", "mounts no overlays here: denied"), ("bridge", "makes no bridges here: denied")]
)
def test_what_the_kernel_refuses_is_said(command: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(given: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        refused = command in " ".join(given)
        return subprocess.CompletedProcess(given, int(refused), "", "denied\n" if refused else "")

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("pathlib.Path.exists", lambda _: True)
    monkeypatch.setattr("subprocess.run", run)
    assert words in node_needs.missing()


def test_a_machine_without_cgroups_of_its_own_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", lambda given, **_: subprocess.CompletedProcess(given, 0, "", ""))
    monkeypatch.setattr("sandbox.node_needs._CGROUPS", tmp_path / "none")
    monkeypatch.setattr("pathlib.Path.exists", lambda _: True)
    assert "no cgroup can be made here" in node_needs.missing()


def test_pods_find_the_api_server_at_the_first_address_of_its_services() -> None:
    first = API_RANGE.split("/")[0].rsplit(".", 1)[0] + ".1"
    assert first == API_SERVICE


def test_the_bridge_neither_forwards_nor_translates() -> None:
    network = Network(Path("/state/node"), 6443, {})
    bridge = network.cni()["plugins"][0]
    assert not bridge["isGateway"]  # the plugin would turn on the machine's forwarding
    assert not bridge["ipMasq"]
    assert bridge["ipam"]["routes"] == [{"dst": "0.0.0.0/0", "gw": GATEWAY}]
    assert bridge["ipam"]["ranges"] == [[{"subnet": str(PODS), "gateway": GATEWAY}]]
    assert len(network.bridge) <= 15


def test_two_sandboxes_have_two_bridges() -> None:
    assert Network(Path("/a"), 1, {}).bridge != Network(Path("/b"), 1, {}).bridge


def test_the_kubelet_answers_on_the_loopback_address_only() -> None:
    ports = {"kubelet": 1, "kubelet-healthz": 2}
    config = node_config.kubelet(Path("/state/node"), Path("/state/node/containerd.sock"), ports)
    assert (config["address"], config["healthzBindAddress"], config["readOnlyPort"]) == ("127.0.0.1", "127.0.0.1", 0)
    assert not config["makeIPTablesUtilChains"]


def test_pods_ask_the_sandboxs_own_dns() -> None:
    config = node_config.kubelet(Path("/s"), Path("/s/containerd.sock"), {"kubelet": 1, "kubelet-healthz": 2})
    assert (config["clusterDNS"], config["clusterDomain"]) == ([DNS_SERVICE], "cluster.local")
    assert DNS_SERVICE == "10.96.0.10"


def test_a_machine_that_has_an_address_of_the_services_gets_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    links = '[{"ifname": "kube-ipvs0", "addr_info": [{"local": "10.96.77.1"}]}]'
    monkeypatch.setattr("sandbox.node_network.ip", lambda *_: links)
    with pytest.raises(SandboxError, match=r"10\.96\.77\.1, which the node's Pods need, is in use here, on kube-ipvs0"):
        Network(Path("/state/node"), 6443, {}).up()
