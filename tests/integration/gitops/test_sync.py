"""examples/web as an Application of Argo CD, by its own gitops-engine, with the operator running."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from demo.flow import credentials_secret
from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.box import kubectl, until
from tests.support.gitops import ROOT, Application, GitOps
from tests.support.running import USER, User, network, operator

pytestmark = pytest.mark.slow

FIRST, NETWORKS, REST = -1, 0, 1
WAVES = {
    "Namespace": FIRST,
    "Secret": FIRST,
    "InfomaniakNetwork": NETWORKS,
    "Router": NETWORKS,
    "SecurityGroup": NETWORKS,
}
WAVE = "argocd.argoproj.io/sync-wave"
CHANGING = ("create", "update", "patch", "delete", "deletecollection")
COLLECTIONS = ("networks", "subnets", "ports", "routers", "security_groups", "floating_ips")
TREES = ("load_balancers", "listeners", "pools", "health_monitors")
ARGO = "argocd"
SLOW = 5.0
"""Seconds that a router takes, so that a wave that did not wait would be seen to be too early."""


@pytest.fixture(scope="module")
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with operator(box, tmp_path_factory.mktemp("operator")) as process:
        yield process


@pytest.fixture(scope="module")
def kubeconfig(box: Sandbox, env: Environment) -> Iterator[Path]:
    """Argo CD's own: all rights, as by its manifests, and a name by which the audit log knows it."""
    name = f"argo-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", name)
    kubectl(env, "create", "serviceaccount", ARGO, "-n", name)
    kubectl(env, "create", "clusterrolebinding", name, "--clusterrole=cluster-admin", f"--serviceaccount={name}:{ARGO}")
    yield box.service_account_kubeconfig(name, ARGO)
    kubectl(env, "delete", "clusterrolebinding", name)
    kubectl(env, "delete", "namespace", name, "--wait=false")


class Shop:
    """The Application, the folder that stands for Git, and a second pair of eyes."""

    def __init__(self, box: Sandbox, tool: GitOps, kubeconfig: Path, folder: Path) -> None:
        env = box.environment
        self.box = box
        self.name = f"shop-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self.user = User(env, self.name, env.projects["beta"])
        self.argo = (
            f"system:serviceaccount:{kubeconfig.name.removeprefix('kubeconfig-').removesuffix(f'-{ARGO}')}:{ARGO}"
        )
        self.app = Application(tool, kubeconfig, self.name, self.name, folder)
        self.before = self.inventory()
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}
        self.write("first", [namespace, yaml.safe_load(credentials_secret(self.user.project))])
        for path in sorted((ROOT / "examples" / "web").glob("*.yaml")):
            if path.stem != "credentials":
                self.write(path.stem, list(yaml.safe_load_all(path.read_text())))

    def write(self, name: str, bodies: list[dict]) -> None:
        """``git push``: a file, its objects in their waves."""
        for body in bodies:
            body["metadata"]["annotations"] = {WAVE: str(WAVES.get(body["kind"], REST))}
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump_all(bodies))

    def read(self, name: str) -> list[dict]:
        return list(yaml.safe_load_all((self.folder / f"{name}.yaml").read_text()))

    def inventory(self) -> set[str]:
        cloud, project = self.user.cloud, self.user.project.id
        return {row["id"] for each in (*COLLECTIONS, *TREES) for row in getattr(cloud, each).list(project_id=project)}

    def writes(self, user: str, since: int) -> list[str]:
        """What somebody changed in the cluster; a dry run changes nothing."""
        calls = self.box.kube_calls(since, user)
        return [f"{c.verb} {c.uri}" for c in calls if c.verb in CHANGING and "dryRun" not in c.uri]

    def asked(self, since: int) -> list[str]:
        """What the operator changed in the cloud."""
        calls = [c for c in self.box.calls(since) if c.by == "operator" and c.service != "keystone"]
        return [f"{c.method} {c.path}" for c in calls if c.method != "GET"]

    def versions(self) -> dict[str, str]:
        items = self.user.kubectl.json("get", "infomaniak,secret", "-n", self.name)["items"]
        return {f"{body['kind']}/{body['metadata']['name']}": body["metadata"]["resourceVersion"] for body in items}

    def synced(self, **how: bool) -> dict:
        """Sync, and wait until the Application is Healthy."""
        done = self.app.sync(**how)
        assert done["phase"] == "Succeeded", done
        self.until_healthy()
        return done

    def until_healthy(self) -> dict:
        def look() -> dict | None:
            found = self.app.diff()
            return found if set(found["health"].values()) == {"Healthy"} else None

        return until(look, f"{self.name} Healthy", 90.0)


@pytest.fixture(scope="module")
def shop(
    box: Sandbox,
    gitops: GitOps,
    kubeconfig: Path,
    running: OperatorProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """The life of one Application."""
    del running
    box.set_quota("beta", network=-1, subnet=-1, port=-1, router=-1, security_group=-1, security_group_rule=-1)
    box.set_quota("beta", floatingip=-1)
    folder = tmp_path_factory.mktemp("git")
    shop = Shop(box, gitops, kubeconfig, folder)
    yield shop
    if shop.inventory() != shop.before:  # a test failed under way
        shop.user.kubectl.run("delete", "infomaniak", "--all", "-n", shop.name, "--timeout=120s")
        shop.user.kubectl.run("delete", "namespace", shop.name, "--ignore-not-found", "--wait=false")
    shutil.rmtree(folder)


def _each_wave_waits_until_the_one_before_is_ready(shop: Shop) -> None:
    shop.box.set_faults([{"service": "neutron", "method": "POST", "path": "/routers$", "delay_before": SLOW}])
    done = shop.synced()
    assert shop.box.faults_hit() == 1
    waves = {wave["wave"]: wave["health"] for wave in done["waves"]}
    assert list(waves) == [FIRST, NETWORKS, REST]
    of = {wave: {name for name in waves[REST] if WAVES.get(name.split("/")[0], REST) == wave} for wave in waves}
    assert waves[FIRST] == {}
    assert set(waves[NETWORKS]) <= of[NETWORKS]
    assert waves[NETWORKS].get("Router/web") != "Healthy"
    assert {name: waves[REST][name] for name in of[NETWORKS]} == {
        "InfomaniakNetwork/web": "Healthy",
        "Router/web": "Healthy",
        "SecurityGroup/web-servers": "Healthy",
    }
    assert len(shop.user.cloud.load_balancers.list(project_id=shop.user.project.id)) == 1


def _what_the_operator_writes_is_no_difference(shop: Shop) -> None:
    found = shop.app.diff()
    assert {way: found[way] for way in ("threeWay", "structured", "serverSide")} == {
        "threeWay": [],
        "structured": [],
        "serverSide": [],
    }


def _self_heal_and_operator_leave_each_other_alone(shop: Shop) -> None:
    versions, kube, cloud = shop.versions(), shop.box.kube_mark(), shop.box.mark()
    assert shop.app.sync(prune=True, self_heal=True)["phase"] == "Succeeded"
    assert shop.writes(shop.argo, kube) == []
    # And one that applies everything anew, as after a button was pressed: no object is another for it.
    assert shop.app.sync(prune=True)["phase"] == "Succeeded"
    assert shop.versions() == versions
    assert shop.writes(USER, kube) == []
    assert shop.asked(cloud) == []


def _self_heal_takes_back_what_somebody_changed(shop: Shop) -> None:
    shop.user.patch("ipool", "site", {"algorithm": "SOURCE_IP"})
    assert until(lambda: shop.app.diff()["structured"], "the change seen") == ["Pool/site"]
    kube = shop.box.kube_mark()
    shop.synced(self_heal=True)
    assert {uri.split("?")[0] for uri in shop.writes(shop.argo, kube)} == {
        f"patch /apis/network.infomaniak.cloud/v1alpha1/namespaces/{shop.name}/pools/site"
    }
    row = shop.user.cloud.pools.get((shop.user.get("ipool", "site") or {})["status"]["id"])
    assert row["lb_algorithm"] == "ROUND_ROBIN"


def _a_pool_and_its_monitor_are_pruned(shop: Shop) -> None:
    balancer, *others = shop.read("load-balancer")
    balancer["spec"]["listeners"] = [each for each in balancer["spec"]["listeners"] if each["name"] != "tls"]
    shop.write("load-balancer", [balancer, *others])
    shop.write("pools", [body for body in shop.read("pools") if body["metadata"]["name"] != "site-tls"])
    assert set(shop.app.diff()["structured"]) == {"LoadBalancer/web", "Pool/site-tls", "HealthMonitor/site-tls"}
    shop.synced(prune=True)
    until(lambda: not shop.app.diff()["structured"], "the pruned are gone")
    project = shop.user.project.id
    assert [row["name"] for row in shop.user.cloud.pools.list(project_id=project)] == ["site"]
    assert len(shop.user.cloud.health_monitors.list(project_id=project)) == 1
    assert [row["name"] for row in shop.user.cloud.listeners.list(project_id=project)] == ["http"]


def _what_will_not_mend_by_itself_ends_the_sync(shop: Shop) -> None:
    shop.box.set_faults([{"service": "neutron", "method": "POST", "path": "/networks$", "status": 400}])
    shop.write("late", [network("late")])
    done = shop.app.sync()
    assert done["phase"] == "Failed", done
    assert "400" in done["resources"]["InfomaniakNetwork/late"]
    assert [wave["wave"] for wave in done["waves"]] == [FIRST, NETWORKS]
    shop.box.clear_faults()
    (shop.folder / "late.yaml").unlink()
    shop.synced(prune=True)
    until(lambda: shop.user.get("inet", "late") is None, "the late one pruned")


def _client_side_apply_comes_to_the_same(shop: Shop) -> None:
    cloud = shop.box.mark()
    shop.synced(prune=True, server_side=False)
    found = shop.app.diff()
    assert (found["threeWay"], found["structured"], found["serverSide"]) == ([], [], [])
    assert shop.asked(cloud) == []


def _deleted_by_cascade_nothing_is_left(shop: Shop) -> None:
    asked = shop.app.delete()
    waves = [WAVES.get(name.split("/")[0], REST) for name in asked]
    assert waves == sorted(waves, reverse=True)
    assert shop.inventory() == shop.before
    assert shop.name not in shop.user.kubectl.run("get", "namespaces", "-o", "name")


def test_an_application_of_argo_cd(shop: Shop) -> None:
    """One story, and so one test: each part goes on where the one before it has ended, in one sandbox."""
    for part in (
        _each_wave_waits_until_the_one_before_is_ready,
        _what_the_operator_writes_is_no_difference,
        _self_heal_and_operator_leave_each_other_alone,
        _self_heal_takes_back_what_somebody_changed,
        _a_pool_and_its_monitor_are_pruned,
        _what_will_not_mend_by_itself_ends_the_sync,
        _client_side_apply_comes_to_the_same,
        _deleted_by_cascade_nothing_is_left,
    ):
        part(shop)
