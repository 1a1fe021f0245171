"""Two tenants of one operator: one who is at home, and one who tries what they should not be able to do."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from demo.flow import credentials_secret
from demo.operator import OperatorProcess
from demo.show import ready
from infomaniak_operator.client import Operations
from release.chart import CHART
from sandbox import Environment, Project
from tests.support.box import kubectl, until
from tests.support.canary import Canary
from tests.support.manifests import bundle, floating_ip, gateway, interface, port, router, security_group
from tests.support.running import User, network
from tests.support.tree_hands import ILB, IPOOL, listener, load_balancer, member, monitor, pool
from tests.support.unordered import unordered

ALL = ("networks", "subnets", "ports", "routers", "security_groups", "floating_ips")
TREES = ("load_balancers", "listeners", "pools", "health_monitors")
AT_HOME = {
    "inet": "net",
    "irouter": "gw",
    "isg": "web",
    "iport": "server",
    "ifip": "addr",
    ILB: "lb",
    IPOOL: "site",
    "ihm": "site",
}
"""What a tenant has: kind and name."""
_ENTRY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} (DEBUG|INFO|WARNING|ERROR|CRITICAL) ")
"""How an entry of the log begins."""
_OF_NOBODY = ("resourceVersion", "managedFields", "annotations")
_SEEN_OF_HEALTH = frozenset({"operatingStatus", "onlineMembers"})
_HEALTH = frozenset({"operating_status", "updated_at"})
"""What changes of a row of Octavia when its health is found to be another: nobody has changed anything then."""


@dataclass(frozen=True)
class Said:
    """What kubectl answered."""

    code: int
    text: str

    @property
    def forbidden(self) -> bool:
        """Whether RBAC has refused it."""
        return bool(self.code) and "forbidden" in self.text.lower()


class Tenant:
    """Somebody with the rights that the chart gives to who may edit a namespace, there alone.

    Args:
        env: the sandbox.
        namespace: theirs.
        name: how the API server knows them.
    """

    def __init__(self, env: Environment, namespace: str, name: str) -> None:
        self.env, self.namespace, self.name = env, namespace, name
        self._command = [str(env.kubectl), f"--kubeconfig={env.kubeconfig}", f"--as={name}"]

    def __call__(self, *words: str, stdin: str | None = None) -> Said:
        """Run kubectl as this tenant; nothing is raised where it is refused."""
        # A test may send what is no text: halves of surrogate pairs.
        given = stdin.encode("utf-8", "surrogatepass") if stdin is not None else None
        done = subprocess.run([*self._command, *words], input=given, capture_output=True, timeout=180, check=False)
        return Said(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))

    def here(self, *words: str, stdin: str | None = None) -> Said:
        """The same, in their own namespace."""
        return self(*words, "-n", self.namespace, stdin=stdin)

    def apply(self, *bodies: Mapping[str, Any]) -> Said:
        """Server-side, so that what is refused is refused by the API server."""
        text = json.dumps(bundle(*(dict(each) for each in bodies)))
        return self.here("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def must(self, *bodies: Mapping[str, Any]) -> None:
        """Apply what has to be accepted."""
        said = self.apply(*bodies)
        assert said.code == 0, said.text

    def secret(self, name: str, data: Mapping[str, str | bytes], *, label: str = "true") -> dict[str, Any]:
        """A Secret with a label of ours."""
        meta = {"name": name, "labels": {"network.infomaniak.cloud/credentials": label}}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": dict(data)}


def rendered(
    env: Environment, *sets: str, release: str = "infomaniak-operator", namespace: str = "x"
) -> list[dict[str, Any]]:
    """The objects of the chart, by the sandbox's own helm; ``sets`` are ``key=JSON``."""
    values = [word for each in sets for word in ("--set-json", each)]
    command = [str(env.helm), "template", release, str(CHART), "--namespace", namespace, *values]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@contextmanager
def tenant(env: Environment, namespace: str, name: str) -> Iterator[Tenant]:
    """A tenant with the chart's edit role, and who may write Secrets, Services and EndpointSlices, in one namespace."""
    edit = next(
        each for each in rendered(env) if each["kind"] == "ClusterRole" and each["metadata"]["name"].endswith("-edit")
    )
    core = {"apiGroups": ["", "discovery.k8s.io"], "resources": ["secrets", "services", "endpointslices"]}
    rules = [*edit["rules"], {**core, "verbs": ["*"]}, {**core, "resources": ["events"], "verbs": ["get", "list"]}]
    meta = {"name": "tenant", "namespace": namespace}
    group = "rbac.authorization.k8s.io"
    objects = [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "tenant"},
            "subjects": [{"kind": "User", "name": name, "apiGroup": group}],
        },
    ]
    kubectl(env, "create", "namespace", namespace)
    kubectl(env, "apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    try:
        yield Tenant(env, namespace, name)
    finally:
        kubectl(env, "delete", "infomaniak", "--all", "-n", namespace, "--timeout=120s")
        kubectl(env, "delete", "namespace", namespace, "--wait=false")


def at_home(user: User, subnets: Sequence[Mapping[str, Any]]) -> None:
    """One object of each kind, all Ready."""
    user.apply(credentials_secret(user.project))
    user.apply(network(AT_HOME["inet"], subnets=list(subnets)))
    subnet = user.until_ready("inet", AT_HOME["inet"])["status"]["subnets"][0]["id"]
    rules = [{"direction": "ingress", "etherType": "IPv4", "protocol": "tcp", "portRange": {"min": 80, "max": 80}}]
    user.apply(
        bundle(
            router(AT_HOME["irouter"], interfaces=[interface(AT_HOME["inet"], "a")], **gateway()),
            security_group(AT_HOME["isg"], rules=rules),
            port(AT_HOME["iport"], networkRef={"name": AT_HOME["inet"]}, fixedIPs=[{"subnet": "a"}]),
            floating_ip(AT_HOME["ifip"]),
            load_balancer(AT_HOME[ILB], subnet, listener("http", pool=AT_HOME[IPOOL])),
            pool(AT_HOME[IPOOL], AT_HOME[ILB], member("10.61.0.9")),
            monitor(AT_HOME["ihm"], AT_HOME[IPOOL]),
        )
    )
    for kind, name in AT_HOME.items():
        user.until_ready(kind, name, 120)


def rows(cloud: Operations, project: Project) -> dict[str, dict[str, Any]]:
    """All there is in a project, whole, by type and id; lists without an order of their own are sorted."""
    found = {
        f"{each}/{row['id']}": unordered(row)
        for each in (*ALL, *TREES)
        for row in getattr(cloud, each).list(project_id=project.id)
    }
    for key in [key for key in found if key.startswith("pools/")]:
        pool_id = key.partition("/")[2]
        found |= {f"members/{row['id']}": unordered(row) for row in cloud.members.list(pool_id)}
    return found


def changed(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str, Any, Any]]:
    """Of rows by name what differs, so that it can be read: name, field, before, now; a row that came or went as a whole.

    That a load balancer, or a part of it, is of another health is no difference: Octavia finds that by itself, for example where
    an earlier test had the project carry packets. Anything else of such a row counts.
    """
    gone = [(key, "", "there", "gone") for key in sorted(before.keys() - now.keys())]
    came = [(key, "", "absent", dict(now[key])) for key in sorted(now.keys() - before.keys())]
    differing = {
        key: {name for name in before[key].keys() | now[key].keys() if before[key].get(name) != now[key].get(name)}
        for key in sorted(before.keys() & now.keys())
    }
    return [*gone, *came] + [
        (key, name, before[key].get(name), now[key].get(name))
        for key, names in differing.items()
        for name in sorted(names - (_HEALTH if "operating_status" in names else frozenset()))
    ]


def moving(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of rows by type and id those that change by themselves: what Octavia is at, and ports of load balancers that are gone."""
    at_work = [key for key, row in found.items() if str(row.get("provisioning_status")).startswith("PENDING_")]
    balancers = {f"lb-{row['id']}" for key, row in found.items() if key.startswith("load_balancers/")}
    left = [
        key
        for key, row in found.items()
        if key.startswith("ports/")
        and str(row.get("device_id")).startswith("lb-")
        and row["device_id"] not in balancers
    ]
    return sorted([*at_work, *left])


def without_health(status: Any) -> Any:
    """A status without what is seen of health: a minute after a monitor was made it can be believed, and is told anew."""
    if isinstance(status, Mapping):
        return {key: without_health(value) for key, value in status.items() if key not in _SEEN_OF_HEALTH}
    if isinstance(status, list):
        return [
            without_health(each) for each in status if not (isinstance(each, Mapping) and each.get("type") == "Healthy")
        ]
    return status


@dataclass
class AtHome:
    """Who must notice nothing of what others try.

    Attributes:
        user: their hands.
        process: the operator.
        canary: their secret, among others.
        metrics: where the operator tells its own.
    """

    user: User
    process: OperatorProcess
    canary: Canary
    _objects: dict[str, Any] = field(default_factory=dict)
    _rows: dict[str, Any] = field(default_factory=dict)
    _pid: int | None = None
    _logged: int = 0

    def note(self) -> None:
        """Note how all stands, once nothing moves any more in the project: what an earlier test deleted may be on its way."""

        def look() -> dict[str, Any]:
            return rows(self.user.cloud, self.user.project)

        def steady() -> bool:
            before, self._rows = self._rows, look()
            return before == self._rows and not moving(self._rows)

        until(steady, "nothing moves in the project")
        self._objects = self.objects()
        self._pid, self._logged = self.process.pid(), self.process.log.stat().st_size
        assert self._pid is not None
        assert self._rows

    def objects(self) -> dict[str, Any]:
        """Their objects, without what the API server writes by itself, and without their health."""
        found = {}
        for kind, name in AT_HOME.items():
            body = self.user.get(kind, name) or {}
            assert ready(body), f"{kind} {name} is not Ready: {body.get('status')}"
            meta = {key: value for key, value in body["metadata"].items() if key not in _OF_NOBODY}
            found[f"{kind}/{name}"] = {**body, "metadata": meta, "status": without_health(body["status"])}
        return found

    def unchanged(self, *, except_rows: frozenset[str] = frozenset()) -> None:
        """All is as it was noted, here and in the cloud; the operator runs on, and said nothing that is a defect.

        Args:
            except_rows: what the attacker has made in this very project, by type and id.
        """
        assert self.process.pid() == self._pid, "the operator has restarted, or ended"
        assert self.objects() == self._objects
        now = {key: row for key, row in rows(self.user.cloud, self.user.project).items() if key not in except_rows}
        assert changed(self._rows, now) == []
        self.sound()

    def sound(self) -> None:
        """The operator has logged no defect, no line that is none of its own, and no secret."""
        log = self.process.log.read_bytes()[self._logged :]
        self.canary.absent("the log", log)
        lines = log.decode().splitlines()
        assert [line for line in lines if not _ENTRY.match(line) and not line.startswith("    | ")] == []
        for trouble in (
            "Traceback",
            "the reconciler failed",
            "unexpectedly",
            "could not be settled",
            "not be taken in",
            "be told",
        ):
            assert [line for line in lines if trouble in line] == []

    def goes_on(self, value: str) -> None:
        """A change of theirs is carried out, whatever others do just now; and taken back, so that all is as before.

        The field is taken out of the spec again: with an empty text there, the description would be the spec's, and no
        longer whoever's wrote it last.
        """
        for text in (value, None):
            self.user.patch("isg", AT_HOME["isg"], {"description": text})
            self.user.until_ready("isg", AT_HOME["isg"])
        self.note()


def until_said(env: Environment, namespace: str, kind: str, name: str, seconds: float = 60.0) -> dict[str, Any]:
    """The object, once the operator has said something of its present generation."""

    user = User(env, namespace, env.projects["alpha"])

    def look() -> dict[str, Any] | None:
        body = user.get(kind, name) or {}
        said = condition(body)
        current = said and said.get("observedGeneration") == body["metadata"]["generation"]
        return body if current else None

    return until(look, f"something is said of {kind} {name}", seconds)


def condition(body: Mapping[str, Any], kind: str = "Ready") -> dict[str, Any]:
    """A condition of an object; empty where it is not there."""
    return next((dict(c) for c in (body.get("status") or {}).get("conditions") or () if c["type"] == kind), {})


def log_since(path: Path, size: int) -> str:
    """What was logged since the file had that size."""
    return path.read_bytes()[size:].decode()
