"""One seed from its beginning to its verdict."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.flow import OPERATOR_NAMESPACE, ROOT, credentials_secret
from demo.kubectl import Kubectl
from demo.operator import OperatorProcess
from sandbox import Environment, Project, Sandbox
from sandbox.errors import SandboxError
from sandbox.fault_proxy import FaultProxy, NoFaults, Plan
from sandbox.rest import login
from sandbox.seeding import CUSTOMER_ROLES, _project
from tests.chaos import auditor, mutant
from tests.chaos.auditor import Finding, World
from tests.chaos.excuses import Objects
from tests.chaos.eyes import Cloud, Kube, Refused, Row, Seen
from tests.chaos.hands import NOTHING, Outsider, User, bystanders
from tests.chaos.steps import APPLY, AWAY, DELETE, KILL, LAST, OUTSIDE, RECREATE, STOP, VERSION, WAIT, Step
from tests.chaos.universe import Key

GRACE_SECONDS, TIMEOUT_SECONDS, RESYNC_SECONDS = 20, 10, 60
LATE = (1.0, 6.0)
"""Less than the grace, together with the longest absence of a service."""
SETTLE_SECONDS = 180.0
GONE_SECONDS = 150.0
REST_SECONDS = 90.0
NAMESPACE_SECONDS = 110
LEASE = "infomaniak-operator"
_FORMERLY = {"--resync-seconds": "--round-seconds"}
"""What an option was called in the last release."""
PATIENCE = 20.0
"""Seconds for which a thing from outside waits until there is something to do it to."""
_POLL_SECONDS = 3.0
_USER = {APPLY, DELETE, RECREATE}


@dataclass(frozen=True, slots=True)
class Script:
    """What is done in a run: all that it takes to do it again.

    Attributes:
        seed: names it, and gives what is drawn by the way.
        seconds: how long things happen.
        steps: what is done.
        faults: what fails.
    """

    seed: int
    seconds: float
    steps: list[Step]
    faults: Plan


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        findings: all that must not be; none: it has held.
        calls: how many calls went through the proxy under fire.
        faults: how many of them failed.
        kinds: how many of each kind of fault.
        done: what was done, as lines.
        settled: seconds until all was as it should be.
        seconds: in all.
        struck: the faults as they were: call, ordinal and what happened.
    """

    findings: list[Finding] = field(default_factory=list)
    calls: int = 0
    faults: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    settled: float = 0.0
    gone: float = 0.0
    seconds: float = 0.0
    struck: list[dict[str, Any]] = field(default_factory=list)
    bystanders: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Build:
    """Which operator runs.

    Attributes:
        sources: the folder that another build's ``infomaniak_operator`` is in; None: this one.
        mutant: the fault that is open again in it, by the name that ``tests/chaos/mutant.py`` knows; empty: none.
        last: the folder that the last release's ``infomaniak_operator`` is in, where a history goes back to that.
    """

    sources: Path | None = None
    mutant: str = ""
    last: Path | None = None

    def process(
        self, folder: Path, kubeconfig: Path, arguments: Sequence[str], *, last: bool = False
    ) -> OperatorProcess:
        """One of them, named like its folder; ``last``: of the last release."""
        if last and self.last is not None:
            known = [_FORMERLY.get(each, each) for each in arguments]
            environment = {"HOSTNAME": folder.name, "PYTHONPATH": str(self.last.resolve())}
            return OperatorProcess(folder, kubeconfig, known, environment)
        environment = {"HOSTNAME": folder.name, **({mutant.VARIABLE: self.mutant} if self.mutant else {})}
        if self.sources:
            environment["PYTHONPATH"] = str(self.sources.resolve())
        how = {"module": mutant.MODULE} if self.mutant else {}
        return OperatorProcess(folder, kubeconfig, arguments, environment, **how)


class Replicas:
    """Two operators with a Lease, which reach both clouds through the proxy.

    Args:
        kubeconfig: through the proxy.
        auth_url: through the proxy.
        folder: where their logs lie.
        kube: to ask who leads.
        build: which operator they are.
    """

    def __init__(self, kubeconfig: Path, auth_url: str, folder: Path, *, kube: Kube, build: Build) -> None:
        arguments = [
            *("--allowed-auth-url", auth_url, "--create-grace-seconds", str(GRACE_SECONDS)),
            *("--cloud-timeout-seconds", str(TIMEOUT_SECONDS), "--resync-seconds", str(RESYNC_SECONDS)),
            *("--leader-elect", "--lease-namespace", OPERATOR_NAMESPACE),
        ]
        self._kube = kube
        self._lock = threading.Lock()
        self._last = False
        self.names = ("chaos-0", "chaos-1")
        self._make = lambda name, last: build.process(folder / name, kubeconfig, arguments, last=last)
        self.processes = {name: self._make(name, False) for name in self.names}

    def start(self) -> None:
        """Start those that do not run."""
        for process in self.processes.values():
            process.start()

    def start_again(self, name: str) -> None:
        """Start the one of that name, of whatever version it is by now."""
        with self._lock:
            self.processes[name].start()

    def tend(self) -> None:
        """Start what has ended, as a kubelet does: the last release ends where the API server does not answer its start."""
        if self._last:
            with self._lock:
                self.start()

    def change(self, *, last: bool, how: str) -> None:
        """One after the other becomes one of the last release, or of the present one again.

        Args:
            last: which.
            how: ``kill``, or they are told to end.
        """
        for name in self.names:
            with self._lock:
                self._last = last
                former = self.processes[name]
                self.signal(former, signal.SIGCONT)
                if how == KILL:
                    former.kill()
                else:
                    former.stop()
                self.processes[name] = self._make(name, last)
                self.processes[name].start()

    def named(self, who: str) -> OperatorProcess:
        """The first, the second, or the one that leads."""
        name = f"chaos-{who}" if who.isdigit() else self._leader()
        return self.processes[name]

    def _leader(self) -> str:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases/{LEASE}"
        try:
            holder = str(self._kube.call("GET", path)["spec"].get("holderIdentity") or "")
        except (Refused, OSError):
            return self.names[0]
        return next((name for name in self.names if holder.startswith(name)), self.names[0])

    def signal(self, process: OperatorProcess, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        pid = process.pid()
        if pid is not None:
            os.kill(pid, number)

    def wake(self) -> None:
        """No one is stopped, and all run."""
        for process in self.processes.values():
            self.signal(process, signal.SIGCONT)
            process.start()

    def end(self) -> None:
        """End them."""
        for process in self.processes.values():
            self.signal(process, signal.SIGCONT)
            process.stop()


class Run:
    """A script, done on a sandbox.

    Args:
        box: the sandbox, which runs.
        script: what is done.
        folder: where logs lie.
        say: told what is going on.
        build: which operator runs.
    """

    def __init__(
        self, box: Sandbox, script: Script, folder: Path, *, say: Callable[[str], None], build: Build | None = None
    ) -> None:
        self._build = build or Build()
        self._box = box
        self._script = script
        self._folder = folder
        self._say = say
        self._env: Environment = box.environment
        self._namespace = f"chaos-{script.seed}"
        self._kube = Kube(self._env.kubeconfig, self._namespace)
        self._draw = random.Random(f"by the way {script.seed}")
        self.outcome = Outcome()
        self._threads: list[threading.Thread] = []
        self._calm_at = 0.0
        self._given: list[tuple[str, Row]] = []

    def go(self) -> Outcome:
        """Do it; the operators end with it."""
        begin = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        proxy = self._box.fault_proxy()
        proxy.set(NoFaults())
        project, secret = self._prepare(proxy)
        cloud = Cloud(self._env, project.id)
        cloud.lift_quotas("floatingip", "security_group")  # what is retained adds up
        external_id = cloud.external_network(self._env.external_network)
        foreign, self._given = bystanders(cloud, external_id)
        self.outcome.bystanders = len(foreign)
        kubeconfig = proxy.kubeconfig(self._box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator"))
        replicas = Replicas(kubeconfig, proxy.auth_url, self._folder, kube=self._kube, build=self._build)
        user, outsider = User(self._kube), Outsider(self._kube, cloud, self._draw, self._box.break_load_balancer)
        proxy.forget()
        try:
            proxy.set(self._script.faults)
            replicas.start()
            self._fire(replicas, user, outsider)
            proxy.set(NoFaults())
            self._calm_at = time.time()
            self._calm(replicas, user)
            self._settle(cloud, external_id, user, outsider, foreign)
            if not self.outcome.findings:
                self._take_down(cloud, external_id, user, outsider, foreign)
            self._search(secret)
        finally:
            replicas.end()
            self._count(proxy)
            self._leave()
        self.outcome.refused = user.refused
        self.outcome.seconds = round(time.monotonic() - begin, 1)
        return self.outcome

    def _prepare(self, proxy: FaultProxy) -> tuple[Project, str]:
        """A fresh project and a fresh namespace; CRDs and rights."""
        auth = self._env.auth_url
        admin = login(auth, "admin", self._env.admin["password"], "admin")
        roles = {role["name"]: role["id"] for role in admin.get(f"{auth}/roles")["roles"]}
        assert set(CUSTOMER_ROLES) <= roles.keys()
        name = f"{self._namespace}-{secrets.token_hex(3)}"
        made = _project(admin, auth, name, roles, secrets.token_urlsafe)
        project = Project(auth_url=auth, region=self._env.region, **made)
        kubectl = Kubectl(self._env.kubectl, self._env.kubeconfig)
        kubectl.apply(ROOT / "crds", ROOT / "deploy")
        kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        self._leave(wait=True)
        kubectl.run("delete", "lease", LEASE, "-n", OPERATOR_NAMESPACE, "--ignore-not-found")
        self._kube.create("/api/v1/namespaces", {"metadata": {"name": self._namespace}})
        kubectl.apply_text(credentials_secret(proxy.project(project)), self._namespace)
        return project, made["application_credential_secret"]

    def _fire(self, replicas: Replicas, user: User, outsider: Outsider) -> None:
        begin = time.monotonic()
        left, put_off, tried = list(self._script.steps), list[Step](), 0.0
        while left or time.monotonic() - begin < self._script.seconds:
            now = time.monotonic() - begin
            if now > tried + 0.5:
                put_off = [
                    each for each in put_off if not self._done_late(each, outsider, last=now > each.at + PATIENCE)
                ]
                tried = now
            while left and left[0].at <= now:
                step = left.pop(0)
                self.outcome.steps[step.do] = self.outcome.steps.get(step.do, 0) + 1
                if step.do == VERSION and step.name == LAST:
                    begin += self._rest(user)
                if step.do == WAIT:
                    begin += self._wait(step, user)
                elif step.do == OUTSIDE:
                    put_off.append(step)
                else:
                    came = self._take(step, replicas, user)
                    self.outcome.done.append(f"{step}{f' -> {came}' if came else ''}")
            user.act()
            replicas.tend()
            time.sleep(0.1)

    def _done_late(self, step: Step, outsider: Outsider, *, last: bool) -> bool:
        """Whether a step from outside is done with: where nothing is there yet, it waits for a while."""
        came = outsider.take(step)
        if came == NOTHING and not last:
            return False
        self.outcome.steps["done outside"] = self.outcome.steps.get("done outside", 0) + (came == "done")
        self.outcome.done.append(f"{step} -> {came}")
        return True

    def _wait(self, step: Step, user: User) -> float:
        """Wait until an object is Ready; returns for how long."""
        begin = time.monotonic()
        while (waited := time.monotonic() - begin) < step.seconds:
            user.act()
            there = self._kube.get(step.key)
            if there is not None and auditor.is_ready(there):
                break
            time.sleep(0.2)
        self.outcome.done.append(f"{step} -> {waited:.1f} s")
        return waited

    def _rest(self, user: User) -> float:
        """Wait until no object is being created, as who goes back to the last release is told to; for how long."""
        begin = time.monotonic()
        while (waited := time.monotonic() - begin) < REST_SECONDS:
            user.act()
            with contextlib.suppress(Refused, OSError):
                if not user.waiting and not any(map(auditor.is_being_created, self._kube.objects().values())):
                    break
            time.sleep(0.5)
        self.outcome.done.append(f"nothing is being created after {waited:.1f} s")
        return waited

    def _take(self, step: Step, replicas: Replicas, user: User) -> str:
        if step.do in _USER:
            user.take(step)
        elif step.do == VERSION:
            replicas.change(last=step.name == LAST, how=step.how)
        elif step.do == AWAY:
            self._later(lambda: self._away(step))
        else:
            process = replicas.named(step.name)
            if step.do == KILL:
                replicas.signal(process, signal.SIGCONT)
                process.kill()
                self._later(lambda: _after(step.seconds, lambda: replicas.start_again(process.log.parent.name)))
            elif step.do == STOP:
                replicas.signal(process, signal.SIGSTOP)
                self._later(lambda: _after(step.seconds, lambda: replicas.signal(process, signal.SIGCONT)))
            return process.log.parent.name
        return ""

    def _later(self, act: Callable[[], object]) -> None:
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _away(self, step: Step) -> None:
        if step.name == "kube-apiserver" and step.seconds > 3:  # really ended, and started anew
            self._box.stop(step.name)
            time.sleep(step.seconds)
            self._box.start(step.name)
        else:
            self._box.pause(step.name)
            time.sleep(step.seconds)
            self._box.resume(step.name)

    def _calm(self, replicas: Replicas, user: User) -> None:
        for thread in self._threads:
            thread.join(90)
        for part in ("kube-apiserver", "keystone", "neutron", "octavia"):
            self._box.resume(part)
            self._box.start(part)
        replicas.wake()
        user.act()

    def _settle(
        self, cloud: Cloud, external_id: str, user: User, outsider: Outsider, foreign: list[tuple[str, Row]]
    ) -> None:
        """Wait until nothing is wrong; what is wrong at the end is a finding."""
        time.sleep(LATE[1])  # nothing that was begun under fire is still to be done
        begin = time.monotonic()
        now = cloud.seen()
        harmed = self._additions(outsider, now)
        left = outsider.take_back()
        findings: list[Finding] = []
        quiet = 0
        while quiet < 2 and not harmed and not auditor.beyond_repair(findings):
            if time.monotonic() - begin > SETTLE_SECONDS:
                break
            try:
                if left:
                    left = outsider.take_back()
                user.insist()
                findings = self._audit(cloud, external_id, user, outsider, foreign)
            except (Refused, SandboxError, OSError) as error:
                findings = [Finding("unseen", "audit", str(error)[:300])]
            quiet = 0 if findings or left else quiet + 1
            if findings:
                self._say(f"{time.monotonic() - begin:.0f} s: {len(findings)} findings: {str(findings[0])[:160]}")
            time.sleep(_POLL_SECONDS if findings else 1.0)
        self.outcome.settled = round(time.monotonic() - begin, 1)
        self.outcome.findings += [*harmed, *findings]
        if self.outcome.findings:
            self._keep(cloud, user, outsider, foreign)
        self._say(f"settled after {self.outcome.settled:.0f} s, {len(self.outcome.findings)} findings")

    def _keep(self, cloud: Cloud, user: User, outsider: Outsider, foreign: list[tuple[str, Row]]) -> None:
        """Keep what was seen, for whoever looks into it."""
        seen = {
            "objects": {"/".join(key): body for key, body in self._kube.objects().items()},
            "rows": cloud.seen().rows,
            "events": self._kube.events(),
            "foreign": foreign,
            "added": outsider.added,
            "set_before": {uid: sorted(fields) for uid, fields in user.set_before.items()},
            "touched": {uid: sorted(fields) for uid, fields in outsider.touched.items()},
            "given": self._given,
            "retained": user.retained,
        }
        (self._folder / "seen.json").write_text(json.dumps(seen, indent=1))

    def _audit(
        self, cloud: Cloud, external_id: str, user: User, outsider: Outsider, foreign: list[tuple[str, Row]]
    ) -> list[Finding]:
        events = self._kube.events()  # before the cloud: what they say is gone was gone by then
        objects, seen = self._kube.objects(), cloud.seen()
        others = {row["id"] for name, row in foreign if name != "security-groups" or row["name"] != "default"}
        others |= {row["id"] for _, row, _ in outsider.added}
        world = self._world(objects, seen.without(others), external_id, user, outsider)
        found = [*auditor.audit(world), *auditor.changed(foreign, seen)]
        found += auditor.events_honest(events, objects, seen)
        for key, spec in user.desired.items():
            there = objects.get(key)
            if spec is not None and there is None:
                found.append(Finding("missing", "/".join(key), "the user's object is not there"))
            if spec is not None and there is not None and there["spec"] != spec and not user.waiting:
                found.append(Finding("wrong", "/".join(key), "the spec is not as it was applied"))
        return found

    def _world(self, objects: Objects, seen: Seen, external_id: str, user: User, outsider: Outsider) -> World:
        touched, deleted = outsider.touched, outsider.deleted
        return World(objects, seen, external_id, user.set_before, touched, self._given, user.retained, deleted)

    def _additions(self, outsider: Outsider, now: Seen) -> list[Finding]:
        """What others made under ours is as they made it, unless they have deleted what it is under themselves."""
        kept = [(name, row) for name, row, under in outsider.added if not outsider.deleted & set(under)]
        return list(auditor.changed(kept, now, strict=False))

    def _take_down(
        self, cloud: Cloud, external_id: str, user: User, outsider: Outsider, foreign: list[tuple[str, Row]]
    ) -> None:
        """Delete everything; nothing may be left but the bystanders, what was given, and what was retained."""
        begin = time.monotonic()
        findings: list[Finding] = []
        while time.monotonic() - begin < GONE_SECONDS:
            objects = self._kube.objects()
            for key, body in objects.items():
                if "deletionTimestamp" not in body["metadata"]:
                    user.delete(key)
            if not objects:
                break
            time.sleep(1.0)
        objects = self._kube.objects()
        for key, body in objects.items():
            findings.append(Finding("stuck", "/".join(key), str(body.get("status", {}).get("conditions"))[:600]))
        seen = cloud.seen()
        others = seen.without(row["id"] for _, row in foreign)
        findings += auditor.left_behind(self._world(objects, others, external_id, user, outsider))
        self.outcome.findings += [*findings, *auditor.changed(foreign, seen)]
        self.outcome.gone = round(time.monotonic() - begin, 1)

    def _search(self, secret: str) -> None:
        """The secret is nowhere."""
        said: Mapping[str, str] = {
            "objects": str(self._kube.objects()),
            "Events": str(self._kube.events()),
            **{str(path.parent.name): path.read_text(errors="replace") for path in self._folder.glob("*/operator.log")},
        }
        self.outcome.findings += [Finding("secret", where, "told") for where, text in said.items() if secret in text]

    def _count(self, proxy: FaultProxy) -> None:
        for line in proxy.calls():
            self.outcome.calls += "call" in line and line["at"] <= self._calm_at
            if "fault" in line:
                self.outcome.faults += 1
                kind = line["fault"]["kind"]
                self.outcome.kinds[kind] = self.outcome.kinds.get(kind, 0) + 1
                self.outcome.struck.append({"call": line["call"], "ordinal": line["ordinal"], **line["fault"]})

    def _leave(self, *, wait: bool = False) -> None:
        """Nothing of a run is left in Kubernetes; without an operator, finalizers are taken off."""
        for key in self._once_served():
            self._kube.delete(key)
            self._free(self._kube._path(key))
        self._free(f"/api/v1/namespaces/{self._namespace}/secrets/infomaniak")
        kubectl = Kubectl(self._env.kubectl, self._env.kubeconfig)
        how = f"--timeout={NAMESPACE_SECONDS}s" if wait else "--wait=false"
        kubectl.run("delete", "namespace", self._namespace, "--ignore-not-found", how)

    def _once_served(self, seconds: float = 60.0) -> dict[Key, Row]:
        """All objects; the API server serves a kind only some time after its CRD is there."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self._kube.objects()
            except Refused:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _free(self, path: str) -> None:
        """Take the finalizers off something that may be gone."""
        with contextlib.suppress(Refused):
            self._kube.call("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")


def _after(seconds: float, act: Callable[[], object]) -> None:
    time.sleep(seconds)
    act()
