"""A real node, as far as it can be looked at without one: what it asks for, and what it must not touch."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox import node_binaries, node_config, node_needs
from sandbox.cluster_addresses import API_SERVICE, DNS_SERVICE, EVERY, GATEWAY, MACHINE, NODE_ADDRESS, PODS
from sandbox.data_path.packages import Tools
from sandbox.errors import SandboxError
from sandbox.node_network import Network, free_address, guard, translated
from tests.e2e.__main__ import main

TOOLS = Tools("/usr/sbin/haproxy", "/usr/sbin/nft", "", (2, 6))


def network(folder: str = "/state/node", services: dict[str, int] | None = None) -> Network:
    return Network(Path(folder), 6443, services or {}, 20250)


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
    ("command", "words"),
    [
        ("mount", "mounts no overlays here: denied"),
        ("veth", "makes no network namespaces with veths here: denied"),
        ("nft", "takes no rules of nftables here: denied"),
    ],
)
def test_what_the_kernel_refuses_is_said(command: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(given: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        refused = command in " ".join(given)
        return subprocess.CompletedProcess(given, int(refused), "", "denied\n" if refused else "")

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("pathlib.Path.exists", lambda _: True)
    monkeypatch.setattr("sandbox.data_path.packages.find", lambda _: TOOLS)
    monkeypatch.setattr("subprocess.run", run)
    assert words in node_needs.missing()


def test_a_machine_without_cgroups_of_its_own_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", lambda given, **_: subprocess.CompletedProcess(given, 0, "", ""))
    monkeypatch.setattr("sandbox.data_path.packages.find", lambda _: TOOLS)
    monkeypatch.setattr("sandbox.node_needs._CGROUPS", tmp_path / "none")
    monkeypatch.setattr("pathlib.Path.exists", lambda _: True)
    assert "no cgroup can be made here" in node_needs.missing()


def test_without_nft_there_is_no_node_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(_: object) -> Tools:
        raise SandboxError("install nftables")

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("pathlib.Path.exists", lambda _: True)
    monkeypatch.setattr("subprocess.run", lambda given, **_: subprocess.CompletedProcess(given, 0, "", ""))
    monkeypatch.setattr("sandbox.data_path.packages.find", find)
    assert node_needs.missing() == "install nftables"


def test_what_is_of_one_module_is_built_at_once() -> None:
    groups = node_binaries.together(node_binaries._BINARIES)
    assert ["kubelet", "kube-proxy", "kube-scheduler"] in groups
    assert ["containerd", "containerd-shim-runc-v2", "ctr"] in groups
    assert sorted(name for names in groups for name in names) == sorted(node_binaries._BINARIES)


def test_the_node_reaches_every_service_that_openstack_has_and_the_api_server_the_kubelet() -> None:
    services = {"keystone": 1001, "neutron": 1002, "octavia": 1003, "barbican": 1004, "designate": 1005}
    routes = network(services=services).relay()._command[3:]
    assert routes[:-1] == [f"{MACHINE}:{port}=127.0.0.1:{port}" for port in (6443, *services.values())]
    assert routes[-1] == f"127.0.0.1:20250={NODE_ADDRESS}:20250"


def test_pods_are_led_by_the_node_one_by_one_and_nothing_is_translated() -> None:
    way = network().cni()["plugins"][0]
    assert way["type"] == "ptp"
    assert not way["ipMasq"]
    assert way["ipam"]["routes"] == [{"dst": "0.0.0.0/0", "gw": GATEWAY}]
    assert way["ipam"]["ranges"] == [[{"subnet": str(PODS), "gateway": GATEWAY}]]


def test_two_sandboxes_have_two_ways_to_their_nodes() -> None:
    assert network("/a").link != network("/b").link
    assert len(network().link) <= 15


def test_the_addresses_are_different_ones() -> None:
    assert not [(a, b) for a in EVERY for b in EVERY if a is not b and a.overlaps(b)]


def test_the_kubelet_is_asked_by_the_machine_only() -> None:
    config = node_config.kubelet(Path("/state/node"), Path("/state/node/containerd.sock"), 20250)
    assert (config["address"], config["port"], config["readOnlyPort"]) == (NODE_ADDRESS, 20250, 0)
    assert not config["makeIPTablesUtilChains"]
    assert 'iifname != { "lo", "machine" } tcp dport { 20250 } drop' in guard([20250])


def test_kube_proxy_changes_nothing_of_the_kernel_that_is_the_machines() -> None:
    config = node_config.kube_proxy(Path("/state/kubeconfig"), "localhost")
    assert (config["mode"], config["clusterCIDR"]) == ("nftables", str(PODS))
    assert set(config["conntrack"].values()) == {0, "0s"}  # each of them leaves it alone


def test_worlds_come_from_addresses_of_their_own() -> None:
    one = free_address([])
    two = free_address([one, "10.244.213.2", "default"])
    assert len({one, two, MACHINE, NODE_ADDRESS}) == 4
    assert free_address([two]) == one
    assert f"snat to {two}" in translated(two)
    every = [f"10.244.214.{last}" for last in range(256)]
    with pytest.raises(SandboxError, match="no address"):
        free_address(every)


def test_pods_ask_the_sandboxs_own_dns() -> None:
    config = node_config.kubelet(Path("/s"), Path("/s/containerd.sock"), 20250)
    assert (config["clusterDNS"], config["clusterDomain"]) == ([DNS_SERVICE], "cluster.local")
    assert (API_SERVICE, DNS_SERVICE) == ("10.96.0.1", "10.96.0.10")


def test_a_machine_that_has_an_address_of_the_services_gets_no_node(monkeypatch: pytest.MonkeyPatch) -> None:
    links = '[{"ifname": "kube-ipvs0", "addr_info": [{"local": "10.96.77.1"}]}]'
    monkeypatch.setattr("sandbox.node_network.ip", lambda *_, **__: links)
    monkeypatch.setattr(Network, "_pid", 1)
    with pytest.raises(SandboxError, match=r"10\.96\.77\.1, which the node needs, is in use here, on kube-ipvs0"):
        network().up(TOOLS)


def test_the_machines_end_may_go_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([True, False, True, True])

    def ip(*words: str, **_: Any) -> str:
        raise SandboxError("Cannot find device")

    monkeypatch.setattr("sandbox.node_network.ip", ip)
    monkeypatch.setattr("pathlib.Path.exists", lambda _: next(seen))
    network().down()
    with pytest.raises(SandboxError, match="Cannot find device"):
        network().down()
