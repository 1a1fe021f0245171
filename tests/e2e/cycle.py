"""The life of an installation, and what the cloud notices of it: only what users change."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from release import kept
from sandbox import Sandbox
from sandbox.configs import ADMIN_PASSWORD
from sandbox.logs import Call
from sandbox.rest import login
from tests.e2e import figures
from tests.e2e.cluster import OPERATOR, ROOT, SHOP, Cluster, StepError, name, until
from tests.support.canary import Canary, SecretFoundError

_EXAMPLES = [ROOT / "examples" / "network" / "network.yaml"]
_EXAMPLES += [
    ROOT / "examples" / "web" / f"{part}.yaml" for part in ("network", "security-group", "load-balancer", "pools")
]
_TAKEOVER_SECONDS = 20.0
_QUIET_SECONDS = 5.0
"""How long is looked for calls that a new operator might make of its own accord, after it leads and all is Ready."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class _Life:
    box: Sandbox
    cluster: Cluster
    tell: Tell

    def writes(self, since: int) -> list[Call]:
        """The calls since a mark that may change something, whoever made them; logging in is none."""
        calls = self.box.calls(since)
        return [one for one in calls if one.method not in {"GET", "HEAD"} and one.service != "keystone"]

    def untouched(self, step: str, since: int, ids: dict[str, str]) -> None:
        """Wait a little and check that the cloud noticed nothing of a step, and that all is as it was."""
        time.sleep(_QUIET_SECONDS)
        self.cluster.all_ready()
        self.cluster.watching()
        if made := self.writes(since):
            raise StepError(f"{step}: writing calls to the cloud: {[f'{one.method} {one.path}' for one in made]}")
        if (now := self.cluster.ids()) != ids:
            raise StepError(f"{step}: ids changed from {ids} to {now}")
        read = sum(one.by == "operator" and one.service != "keystone" for one in self.box.calls(since))
        self.tell(f"{step}: {len(ids)} objects Ready with the same ids; 0 writing calls to the cloud ({read} reading)")

    def change(self, what: str, description: str, most: float = 60.0) -> None:
        """Change an object: whoever leads now does it, with one call."""
        mark, begin = self.box.mark(), time.monotonic()
        patch = json.dumps({"spec": {"description": description}})
        self.cluster.kubectl("patch", "-n", SHOP, what, "--type=merge", "-p", patch)
        calls = until(lambda: self.writes(mark), f"{what} is changed in the cloud", most)
        seconds = time.monotonic() - begin
        self.cluster.all_ready()
        calls = self.writes(mark)
        if [one.method for one in calls] != ["PUT"]:
            raise StepError(f"one PUT was to change {what}, not {[f'{one.method} {one.path}' for one in calls]}")
        self.tell(f"  a change of {what} reaches the cloud after {seconds:.1f} s, by one PUT")


def run(box: Sandbox, cluster: Cluster, clouds_yaml: str, tell: Tell) -> None:
    """All of it, in order; the first that is wrong ends it."""
    life = _Life(box, cluster, tell)
    ids = _install(life, clouds_yaml)
    _test(life, "the installation")
    _upgrade(life, ids)
    _reinstall(life, ids)
    _kill(life, ids)
    _no_secret(life)
    _remove(life)


def _released() -> str:
    """What the first installation is of, and the rollback goes back to."""
    return f"the released chart {kept.version()}"


def _install(life: _Life, clouds_yaml: str) -> dict[str, str]:
    cluster, begin = life.cluster, time.monotonic()
    cluster.install("install", "one", kept.package())
    cluster.settled("one")
    cluster.watching()
    life.tell(
        f"helm install --wait of {_released()}: two Pods Ready after {time.monotonic() - begin:.1f} s, "
        "in a `restricted` namespace"
    )
    life.tell(figures.start(cluster))
    cluster.namespace(SHOP)
    cluster.credentials(clouds_yaml)
    mark, begin = life.box.mark(), time.monotonic()
    cluster.kubectl("apply", "-n", SHOP, *(word for path in _EXAMPLES for word in ("-f", str(path))))
    cluster.all_ready()
    ids = cluster.ids()
    seconds = time.monotonic() - begin
    life.tell(
        f"examples/network, examples/web: {len(ids)} objects Ready after {seconds:.1f} s: {', '.join(sorted(ids))}"
    )
    if not all(ids.values()):
        raise StepError(f"objects are Ready without an id: {ids}")
    life.tell(f"  by {len(life.writes(mark))} writing calls")
    return ids


def _test(life: _Life, after: str) -> None:
    begin = time.monotonic()
    said = life.cluster.helm("test", OPERATOR, "--logs", "--timeout", "120s")
    if not any(line.startswith("infomaniak_operator_") for line in said.splitlines()):
        raise StepError(f"helm test after {after} shows no metrics of the operator: {said.strip()}")
    seconds = time.monotonic() - begin
    life.tell(f"helm test after {after} ({seconds:.1f} s): a Pod asked the metrics' Service by its name, and succeeded")


def _upgrade(life: _Life, ids: dict[str, str]) -> None:
    cluster = life.cluster
    mark, begin = life.box.mark(), time.monotonic()
    cluster.install("upgrade", "two")
    cluster.settled("two")
    step = f"helm upgrade from {_released()} to the present one with a new image"
    life.untouched(f"{step} ({time.monotonic() - begin:.1f} s)", mark, ids)
    _test(life, "the upgrade")
    mark, begin = life.box.mark(), time.monotonic()
    cluster.helm("rollback", OPERATOR, "1", "--wait", "--timeout", "180s")
    cluster.settled("one")
    life.untouched(f"helm rollback to {_released()} ({time.monotonic() - begin:.1f} s)", mark, ids)
    life.change("infomaniaknetwork/office", "after the rollback")
    life.tell(figures.memory(cluster, life.box.node().stats()))


def _kill(life: _Life, ids: dict[str, str]) -> None:
    cluster, before = life.cluster, life.cluster.holder()
    uid = next(pod["metadata"]["uid"] for pod in cluster.pods() if name(pod) == cluster.leader())
    mark, begin = life.box.mark(), time.monotonic()
    life.box.node().kill_pod(uid)
    until(lambda: cluster.holder() not in {"", before}, "another process leads")
    seconds = time.monotonic() - begin
    if seconds > _TAKEOVER_SECONDS:
        raise StepError(f"another process leads only after {seconds:.1f} s")
    cluster.settled("one")
    life.untouched(f"kill -9 of all in the leader's Pod: another leads after {seconds:.1f} s", mark, ids)
    life.change("infomaniaknetwork/office", "after the kill")


def _reinstall(life: _Life, ids: dict[str, str]) -> None:
    cluster = life.cluster
    mark, begin = life.box.mark(), time.monotonic()
    cluster.helm("uninstall", OPERATOR, "--wait", "--timeout", "120s")
    until(lambda: not cluster.pods(), "the operator's Pods are gone")
    crds = cluster.kubectl("get", "crd", "-o", "name").count("network.infomaniak.cloud")
    life.untouched(f"helm uninstall ({time.monotonic() - begin:.1f} s): {crds} CRDs kept", mark, ids)
    mark, begin = life.box.mark(), time.monotonic()
    cluster.install("install", "one")
    cluster.settled("one")
    life.untouched(f"helm install again, of the present chart ({time.monotonic() - begin:.1f} s)", mark, ids)
    life.change("infomaniaknetwork/office", "after the new installation")


def _no_secret(life: _Life) -> None:
    """Search for the credential wherever the operator's Pods could have left it: they log at DEBUG."""
    cluster, canary = life.cluster, Canary.of(life.cluster.env)
    pods = [name(pod) for pod in cluster.pods()]
    try:
        for pod in pods:
            log = cluster.kubectl("logs", "-n", OPERATOR, pod)
            if " DEBUG " not in log:
                raise StepError(f"{pod} does not log at DEBUG, so that its log shows nothing")
            canary.absent(f"the log of {pod}", log)
        canary.absent("the metrics", cluster.helm("test", OPERATOR, "--logs", "--timeout", "120s"))
        canary.cluster([str(cluster.env.kubectl), f"--kubeconfig={cluster.env.kubeconfig}"])
        processes = _processes()
        for pid in processes:
            canary.process(pid, "an operator in its Pod")
            canary.folder(Path(f"/proc/{pid}/root/tmp"), "the Pod's folder for temporary files")
    except SecretFoundError as error:
        raise StepError(f"a secret has come out: {error}") from None
    if not processes:
        raise StepError("no process of an operator was found, whose environment was to be searched")
    life.tell(
        f"no secret in the logs of {len(pods)} Pods, in the metrics, in any object or Event, in the environment, the command "
        f"line and the temporary files of {len(processes)} processes"
    )


def _processes() -> list[int]:
    """The operators' processes, as the node's root sees them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"run" in words and any(b"infomaniak" in word for word in words[:4]):
                    found.append(int(entry.name))
    return found


def _in_cloud(life: _Life) -> list[str]:
    """What the project has in the cloud, asked by the cloud's administrator."""
    env, cloud = life.cluster.env, life.box._halves()[0]
    admin, project = login(env.auth_url, "admin", ADMIN_PASSWORD, "admin"), env.projects["alpha"].id
    places = [("neutron", f"v2.0/{rows}", rows) for rows in ("networks", "routers", "ports", "floatingips")]
    places += [
        ("neutron", "v2.0/security-groups", "security_groups"),
        ("octavia", "v2.0/lbaas/loadbalancers", "loadbalancers"),
    ]
    found = []
    for service, path, rows in places:
        answer = admin.get(f"{cloud.url(service)}/{path}?project_id={project}")
        found += [f"{rows}/{row.get('name') or row['id']}" for row in answer[rows] if row.get("name") != "default"]
    return found


def _remove(life: _Life) -> None:
    begin = time.monotonic()
    life.cluster.kubectl("delete", "infomaniak", "--all", "-n", SHOP, "--timeout=120s")
    if left := _in_cloud(life):
        raise StepError(f"all objects are deleted, but in the cloud there still is {left}")
    life.tell(f"kubectl delete infomaniak --all: gone, here and in the cloud, after {time.monotonic() - begin:.1f} s")
    life.cluster.helm("uninstall", OPERATOR, "--wait")
