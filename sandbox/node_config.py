"""The configuration of a node's containerd and kubelet: all they keep is in the sandbox's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.cluster_addresses import DNS_SERVICE, NODE_ADDRESS, PODS
from sandbox.cluster_dns import DOMAIN

PAUSE = "localhost/pause:1"
KUBELET_HEALTH, PROXY_HEALTH = 10248, 10256
"""Ports in the node's network namespace: the usual ones."""
_CONTAINERD = """
version = 3
root = "{folder}/containerd"
state = "/run/containerd-state"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[ttrpc]
address = "{socket}.ttrpc"
[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{folder}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""


def containerd(folder: Path, socket: Path, binaries: Mapping[str, Path]) -> str:
    """Its TOML.

    Args:
        folder: the node's state.
        socket: where it listens.
        binaries: by name.
    """
    return _CONTAINERD.format(folder=folder, socket=socket, pause=PAUSE, runc=binaries["runc"])


def kube_proxy(kubeconfig: Path, node: str) -> dict[str, Any]:
    """Its KubeProxyConfiguration. What it would set in the machine's kernel, of connections' tracking, is left alone.

    Args:
        kubeconfig: its own.
        node: the node's name.
    """
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "hostnameOverride": node,
        "clusterCIDR": str(PODS),
        "detectLocalMode": "ClusterCIDR",
        "healthzBindAddress": f"{NODE_ADDRESS}:{PROXY_HEALTH}",
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def kubelet(folder: Path, socket: Path, port: int) -> dict[str, Any]:
    """Its KubeletConfiguration. Anybody on this machine may ask it anything, as with all of the sandbox; Pods may not.

    Args:
        folder: the node's state.
        socket: containerd's.
        port: its own.
    """
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": port,
        "healthzBindAddress": NODE_ADDRESS,
        "healthzPort": KUBELET_HEALTH,
        "readOnlyPort": 0,
        "failCgroupV1": False,  # of two kinds of cgroups machines have either
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/",
        "containerRuntimeEndpoint": f"unix://{socket}",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": DOMAIN,
        "staticPodPath": "",
        "volumePluginDir": str(folder / "volume-plugins"),
        # The machine's disk and memory are others' business: a node that is merely on a full machine evicts nothing.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": True,
        "makeIPTablesUtilChains": False,
        "shutdownGracePeriod": "0s",
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
    }
