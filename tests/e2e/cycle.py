"""The life of an installation, and what the cloud notices of it: only what users change."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release import kept
from sandbox import Sandbox
from sandbox.configs import ADMIN_PASSWORD
from sandbox.logs import Call
from sandbox.rest import login
from tests.e2e import figures, rolling
from tests.e2e.cluster import CHART, OPERATOR, ROOT, SHOP, Cluster, StepError, Tell, name, uid_of, until
from tests.support.canary import Canary, SecretFoundError

_EXAMPLES = [ROOT / "examples" / "network" / "network.yaml"]
_EXAMPLES += [
    ROOT / "examples" / "web" / f"{part}.yaml" for part in ("network", "security-group", "load-balancer", "pools")
]
_CLEANUP = "network.infomaniak.cloud/cleanup"
_POLICIES = ("-secrets", "-objects", "-pods")
_CHANGED = "infomaniaknetwork/office"
_PRESENT = ("one", "two")
"""Tags of images of the present sources."""
_TAKEOVER_SECONDS = 20.0
_QUIET_SECONDS = 5.0
"""How long is looked for calls that a new operator might make of its own accord, after it leads and all is Ready."""


@dataclass(frozen=True)
class _Life:
    box: Sandbox
    cluster: Cluster
    tell: Tell
    released: str
    """The tag of what the released chart runs."""

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
        self.same(step, ids)
        read = sum(one.by == "operator" and one.service != "keystone" for one in self.box.calls(since))
        self.tell(f"{step}: {len(ids)} objects Ready with the same ids; 0 writing calls to the cloud ({read} reading)")

    def compared(self, since: int) -> None:
        """Have all objects compared with the cloud now: an operator that starts spreads it over the resync interval.

        Raises:
            StepError: nobody reads in the cloud.
        """
        asked = f"network.infomaniak.cloud/reconcile-at={time.time():.0f}"
        self.cluster.kubectl("annotate", "-n", SHOP, "infomaniak", "--all", "--overwrite", asked)

        def compares(one: Call) -> bool:
            return one.by == "operator" and one.service != "keystone" and "fields=" not in one.query  # a poll has them

        until(lambda: any(map(compares, self.box.calls(since))), "reads")

    def same(self, step: str, ids: dict[str, str]) -> None:
        """Check that nothing is doubled or lost: the objects have their ids, and so many things are in the cloud."""
        if (now := self.cluster.ids()) != ids:
            raise StepError(f"{step}: ids changed from {ids} to {now}")
        there = [row["id"] for rows in _in_cloud(self).values() for row in rows]
        if lost := sorted(set(ids.values()) - set(there)):
            raise StepError(f"{step}: in the cloud there is no {lost}")

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


def run(
    box: Sandbox,
    cluster: Cluster,
    clouds_yaml: str,
    released: str,
    *,
    requests: int,
    upgradable: Callable[[], None],
    tell: Tell,
) -> None:
    """All of it, in order; the first that is wrong ends it.

    Args:
        box: with a node that has the images.
        cluster: the sandbox's.
        clouds_yaml: a credential for Pods.
        released: the tag of the image that the released chart runs; ``one`` and ``two`` are of the present sources.
        requests: how many are to be made, at least, while Pods with a readiness gate are replaced.
        upgradable: called before the first upgrade; waits until the node has ``two``, which it may lack until then.
        tell: told of each step.
    """
    life = _Life(box, cluster, tell, released)
    ids = _install(life, clouds_yaml)
    _test(life, "the installation")
    upgradable()
    _upgrade(life, ids)
    _reinstall(life, ids, clouds_yaml)
    rolling.prepare(box, cluster, "one")
    _kill(life, cluster.ids())
    rolling.run(box, cluster, requests, tell)
    _no_secret(life)
    _remove(life)


def only_rolling(box: Sandbox, cluster: Cluster, clouds_yaml: str, requests: int, tell: Tell) -> None:
    """Pods under load, of the present image and chart, and no more.

    Args:
        box: with a node that has the image ``one``.
        cluster: the sandbox's.
        clouds_yaml: a credential for Pods.
        requests: how many are to be made, at least, while Pods with a readiness gate are replaced.
        tell: told of each step.
    """
    life = _Life(box, cluster, tell, "one")
    cluster.install("install", "one", CHART, "readinessGates=true")
    _apply_examples(life, clouds_yaml)
    rolling.prepare(box, cluster, "one")
    rolling.run(box, cluster, requests, tell)
    _remove(life)


def _released() -> str:
    """What the first installation is of, and the rollback goes back to."""
    return f"the released chart {kept.version()}"


def _install(life: _Life, clouds_yaml: str) -> dict[str, str]:
    cluster, begin = life.cluster, time.monotonic()
    cluster.install("install", life.released, kept.package())
    cluster.settled(life.released)
    cluster.watching()
    life.tell(
        f"helm install --wait of {_released()}: two Pods Ready after {time.monotonic() - begin:.1f} s, "
        "in a `restricted` namespace"
    )
    life.tell(figures.start(cluster))
    return _apply_examples(life, clouds_yaml)


def _apply_examples(life: _Life, clouds_yaml: str) -> dict[str, str]:
    """Apply examples; returns the ids of what they are in the cloud."""
    cluster = life.cluster
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
    """To the present chart and back, twice: first nothing is changed in between, then the marks are of both versions."""
    _present(life, ids, f"helm upgrade from {_released()} to the present one with a new image")
    _test(life, "the upgrade")
    made = _in_cloud(life)
    mark, step = life.box.mark(), _rollback(life)
    life.untouched(step, mark, ids)
    life.change(_CHANGED, "after the rollback")
    _present(life, ids, "helm upgrade again")
    life.change(_CHANGED, "after the second upgrade")
    mark, step = life.box.mark(), _rollback(life)
    _marked_anew(life, step, mark, ids)
    _present(life, ids, "helm upgrade once more")
    if (now := _in_cloud(life)).keys() != made.keys() or any(_ids(now[rows]) != _ids(made[rows]) for rows in made):
        raise StepError(f"after upgrades and rollbacks the cloud has {now}, and it had {made}")
    count = sum(map(len, made.values()))
    life.tell(f"  all {count} things in the cloud are those of before the rollbacks: nothing doubled, nothing lost")
    life.tell(figures.memory(life.cluster, life.box.node().stats()))


def _present(life: _Life, ids: dict[str, str], step: str) -> None:
    """Upgrade to the present chart with the second image."""
    mark, begin = life.box.mark(), time.monotonic()
    life.cluster.install("upgrade", "two")
    life.cluster.settled("two")
    life.untouched(f"{step} ({time.monotonic() - begin:.1f} s)", mark, ids)
    for pod in life.cluster.pods():
        said = life.cluster.kubectl("logs", "-n", OPERATOR, name(pod))
        if found := [line for line in said.splitlines() if "is deprecated" in line]:
            raise StepError(f"the present chart gives the present image what is deprecated: {found[0]}")


def _rollback(life: _Life) -> str:
    """Back to the first installation; returns what was done."""
    begin = time.monotonic()
    life.cluster.helm("rollback", OPERATOR, "1", "--wait", "--timeout", "180s")
    life.cluster.settled(life.released)
    return f"helm rollback to {_released()} ({time.monotonic() - begin:.1f} s)"


def _marked_anew(life: _Life, step: str, since: int, ids: dict[str, str]) -> None:
    """What the newer version has written gets a mark of the older one beside it, by one PUT; nothing else is touched."""
    kind, _, named = _CHANGED.partition("/")
    own = next(value for key, value in ids.items() if key.lower() == f"{kind}/{named}")
    wanted = [("PUT", own)] if life.released not in _PRESENT else []

    def made() -> list[tuple[str, str]]:
        return [(one.method, one.path.rpartition("/")[2]) for one in life.writes(since)]

    if wanted:
        until(made, f"{_CHANGED} has a mark of the older version")
    time.sleep(_QUIET_SECONDS)
    life.cluster.all_ready()
    life.cluster.watching()
    if made() != wanted:
        raise StepError(f"{step}: {wanted} was to be written, not {made()}")
    life.same(step, ids)
    text = next(row["description"] for row in _in_cloud(life)["networks"] if row["id"] == own)
    versions = sorted(re.findall(r"\[(ik\d)\.", text))
    if versions not in ([["ik1"], ["ik1", "ik2"]] if wanted else [["ik2"]]):
        raise StepError(f"{step}: {_CHANGED} is described as {text!r}")
    life.tell(
        f"{step}, after the present one wrote {_CHANGED}: {len(wanted)} writing calls, marks of {' and '.join(versions)}"
    )


def _kill(life: _Life, ids: dict[str, str]) -> None:
    cluster, before = life.cluster, life.cluster.holder()
    uid = next(uid_of(pod) for pod in cluster.pods() if name(pod) == cluster.leader())
    mark, begin = life.box.mark(), time.monotonic()
    life.box.node().kill_pod(uid)
    until(lambda: cluster.holder() not in {"", before}, "another process leads")
    seconds = time.monotonic() - begin
    if seconds > _TAKEOVER_SECONDS:
        raise StepError(f"another process leads only after {seconds:.1f} s")
    cluster.settled("one")
    life.compared(mark)
    life.untouched(f"kill -9 of all in the leader's Pod: another leads after {seconds:.1f} s", mark, ids)
    life.change(_CHANGED, "after the kill")


def _reinstall(life: _Life, ids: dict[str, str], clouds_yaml: str) -> None:
    cluster = life.cluster
    mark, begin = life.box.mark(), time.monotonic()
    cluster.helm("uninstall", OPERATOR, "--wait", "--timeout", "120s")
    until(lambda: not cluster.pods(), "the operator's Pods are gone")
    crds = cluster.kubectl("get", "crd", "-o", "name").count("network.infomaniak.cloud")
    life.untouched(f"helm uninstall ({time.monotonic() - begin:.1f} s): {crds} CRDs kept", mark, ids)
    mark, begin = life.box.mark(), time.monotonic()
    cluster.install("install", "one", CHART, "readinessGates=true")
    cluster.settled("one")
    life.compared(mark)
    life.untouched(
        f"helm install again, of the present chart with readiness gates ({time.monotonic() - begin:.1f} s)", mark, ids
    )
    life.change(_CHANGED, "after the new installation")
    _fresh(life, clouds_yaml)


def _fresh(life: _Life, clouds_yaml: str) -> None:
    """An object and its Secret come and go under the present chart: its admission policies let the operator do its work."""
    cluster, begin = life.cluster, time.monotonic()
    cluster.credentials(clouds_yaml, "fresh")
    spec = {"cloudCredentialsRef": {"secretName": "fresh", "cloudName": "infomaniak"}}
    body = {
        "apiVersion": "network.infomaniak.cloud/v1alpha1",
        "kind": "InfomaniakNetwork",
        "metadata": {"name": "fresh"},
    }
    cluster.kubectl("apply", "-n", SHOP, "-f", "-", stdin=json.dumps({**body, "spec": spec}))
    cluster.all_ready()
    for what in ("infomaniaknetwork", "secret"):
        if _CLEANUP not in cluster.json("get", what, "fresh", "-n", SHOP)["metadata"].get("finalizers", []):
            raise StepError(f"{what}/fresh has no finalizer {_CLEANUP}")
    policies = cluster.kubectl("get", "validatingadmissionpolicies", "-o", "name").split()
    if len(policies) != len(_POLICIES) or not all(any(one.endswith(end) for one in policies) for end in _POLICIES):
        raise StepError(f"the present chart's admission policies are {policies}")
    cluster.kubectl("delete", "infomaniaknetwork,secret", "fresh", "-n", SHOP, "--timeout=60s")
    seconds = time.monotonic() - begin
    life.tell(f"  with {len(policies)} admission policies an object and its Secret come and go, in {seconds:.1f} s")


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
        processes = [pid for pod in cluster.pods() for pid in _operators(life.box.node().processes(uid_of(pod)))]
        for pid in processes:
            canary.process(pid, "an operator in its Pod")
            canary.folder(Path(f"/proc/{pid}/root/tmp"), "the Pod's folder for temporary files")
    except SecretFoundError as error:
        raise StepError(f"a secret has come out: {error}") from None
    if len(processes) != len(pods):
        raise StepError(f"{len(pods)} Pods, but {len(processes)} processes of operators to be searched")
    life.tell(
        f"no secret in the logs of {len(pods)} Pods, in the metrics, in any object or Event, in the environment, the command "
        f"line and the temporary files of {len(processes)} processes"
    )


def _operators(pids: list[int]) -> list[int]:
    """Which of a Pod's processes are operators, and not what holds the Pod's namespaces."""
    return [pid for pid in pids if b"run" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["id"] for row in rows)


def _in_cloud(life: _Life) -> dict[str, list[dict[str, Any]]]:
    """What the project has in the cloud, by its kind, asked by the cloud's administrator."""
    env, cloud = life.cluster.env, life.box._halves()[0]
    admin, project = login(env.auth_url, "admin", ADMIN_PASSWORD, "admin"), env.projects["alpha"].id
    places = [("neutron", "v2.0", rows) for rows in ("networks", "subnets", "routers", "ports", "floatingips")]
    places += [("neutron", "v2.0", "security-groups")]
    places += [("octavia", "v2.0/lbaas", rows) for rows in ("loadbalancers", "listeners", "pools", "healthmonitors")]
    found = {}
    for service, path, rows in places:
        answer = admin.get(f"{cloud.url(service)}/{path}/{rows}?project_id={project}")
        found[rows] = [row for row in answer[rows.replace("-", "_")] if row.get("name") != "default"]
    return found


def _remove(life: _Life) -> None:
    begin = time.monotonic()
    life.cluster.kubectl("delete", "infomaniak", "--all", "-n", SHOP, "--timeout=120s")
    if left := [f"{kind}/{row.get('name') or row['id']}" for kind, rows in _in_cloud(life).items() for row in rows]:
        raise StepError(f"all objects are deleted, but in the cloud there still is {left}")
    life.tell(f"kubectl delete infomaniak --all: gone, here and in the cloud, after {time.monotonic() - begin:.1f} s")
    life.cluster.helm("uninstall", OPERATOR, "--wait")
