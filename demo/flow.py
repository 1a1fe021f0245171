"""``make demo`` and ``make demo-down``, step by step."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from demo import show, traffic, tree
from demo.kubectl import Kubectl, Reader
from demo.operator import OperatorProcess
from infomaniak_operator.client import CloudSession, Operations, parse_credentials
from infomaniak_operator.client.resources import Resource
from sandbox import Environment, Project, Sandbox
from sandbox.progress import Progress
from sandbox.traits import INFOMANIAK

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "demo"
OPERATOR_NAMESPACE = "infomaniak-operator"
READY_SECONDS = 180.0
CREATE_GRACE_SECONDS = "10"
"""The sandbox carries out a request within seconds, also where its caller is gone."""
_SETTLE = 0.2
"""For how many seconds a load balancer stays PENDING at each change."""
_INTERFACES = ("network:router_interface", "network:ha_router_replicated_interface")
KINDS = ("inet", "irouter", "isg", "ifip", "ilb", "ipool", "ihm")
OFFICE = ("networks", "router", "security-groups", "floating-ips")
WEB = ("network", "security-group", "load-balancer", "pools")


def credentials_secret(project: Project, name: str = "infomaniak") -> str:
    """The labelled Secret with a project's application credential, as a manifest."""
    indented = project.clouds_yaml().replace("\n", "\n    ")
    return (
        "apiVersion: v1\nkind: Secret\nmetadata:\n"
        f"  name: {name}\n"
        '  labels: {network.infomaniak.cloud/credentials: "true"}\n'
        f"stringData:\n  clouds.yaml: |\n    {indented}\n"
    )


def session(project: Project, auth_url: str) -> CloudSession:
    """The cloud of a project."""
    data = {"clouds.yaml": project.clouds_yaml()}
    return CloudSession(parse_credentials(data, "infomaniak", [auth_url]))


def operations(project: Project, auth_url: str) -> Operations:
    """The cloud of a project, for a second pair of eyes."""
    return Operations(session(project, auth_url))


def install(kubectl: Kubectl) -> None:
    """Put CRDs and rights into the cluster."""
    kubectl.apply(ROOT / "crds", ROOT / "deploy")
    kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


def operator_process(box: Sandbox, folder: Path) -> OperatorProcess:
    """The operator, ready to start with the rights of its own ServiceAccount."""
    kubeconfig = box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator")
    arguments = ["--allowed-auth-url", box.environment.auth_url, "--health-poll-seconds", traffic.POLL_SECONDS]
    # After its start nothing new is made under what stands before the time is over in which a create of the process
    # before it may still arrive: a minute, unless it is said how long this cloud may take.
    arguments += ["--create-grace-seconds", CREATE_GRACE_SECONDS]
    return OperatorProcess(folder, kubeconfig, arguments)


def up(state: Path, progress: Progress, *, down_after: bool = False) -> int:
    """Bring everything up, apply the examples, and show that they are Ready; returns the exit code.

    Args:
        state: folder of the sandbox's state.
        progress: told what is going on.
        down_after: whether to end everything once it was shown.

    Raises:
        SandboxError: a part does not come up.
        KubectlError: the API server refused.
    """
    begin = time.monotonic()
    box = Sandbox(state)
    progress("1. A real OpenStack (Keystone, Neutron, Octavia, Barbican) and a real Kubernetes with CRDs and RBAC")
    # A dead server is to be missed at once: elsewhere that takes a new health monitor a minute.
    traits = replace(INFOMANIAK, first_minute=0)
    environment = box.up(
        _SETTLE,
        progress=progress,
        traits=traits,
        data_path=True,
        with_services=["barbican"],
        on_kubernetes=lambda kubectl, kubeconfig: install(Kubectl(kubectl, kubeconfig)),
    )
    try:
        return _show(box, environment, state, begin, progress)
    finally:
        if down_after:
            down(state)


def _show(box: Sandbox, environment: Environment, state: Path, begin: float, progress: Progress) -> int:
    kubectl = Kubectl(environment.kubectl, environment.kubeconfig)
    progress("2. The operator, with the rights of its own ServiceAccount")
    carries = "alpha" in box.data_path.state.projects
    with ThreadPoolExecutor() as beside:
        # Who may store certificates, which a customer's credential may not by itself.
        customer = beside.submit(box.customer, "alpha", "creator")
        serving = beside.submit(traffic.serve, box.world("alpha")) if carries else None
        operator = operator_process(box, state)
        operator.start()
    project = customer.result()
    if serving:
        serving.result()
    progress(f"3. kubectl apply -n {NAMESPACE}: all of examples/ but the credentials.yaml, which are to be filled in")
    kubectl.apply_text(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n")
    kubectl.apply_text(credentials_secret(project), NAMESPACE)
    examples = ROOT / "examples"
    # All but the credentials, which are there to be filled in.
    office = [examples / "office" / f"{name}.yaml" for name in OFFICE]
    web = [examples / "web" / f"{name}.yaml" for name in WEB]
    # As a person does it: a later `kubectl apply` of theirs then warns of nothing.
    kubectl.apply(examples / "network" / "network.yaml", *office, *web, namespace=NAMESPACE, server_side=False)
    if carries:
        traffic.look_each_second(kubectl, NAMESPACE)

    reader = Reader(environment.kubeconfig, NAMESPACE)

    def objects() -> list[dict[str, Any]]:
        return reader.all(*KINDS)

    done = show.watch(objects, READY_SECONDS)
    if not done:
        print(f"\nNot all is Ready after {READY_SECONDS:.0f} s. The operator's log: {operator.log}")
        return 1
    if carries:
        traffic.await_health(reader)
    print(f"\n$ kubectl -n {NAMESPACE} get infomaniak\n" + kubectl.run("get", "infomaniak", "-n", NAMESPACE))
    mine = session(project, environment.auth_url)
    cloud = Operations(mine)
    print(_side_by_side(objects(), cloud, project))
    print(_trees(objects(), cloud))
    address, failed = "", False
    if carries:
        progress("4. Traffic: from foreign clients through the floating IP and the load balancer to its servers")
        scene = traffic.Scene(box.world(project.name), kubectl, reader, NAMESPACE, mine, box.break_load_balancer)
        address = traffic.address_of(objects())
        if not scene.show(address):
            print("\nTraffic did not go as it should:\n  " + "\n  ".join(scene.wrong))
            print(f"The logs: {operator.log}, {state}/openstack/log")
            failed = True
    else:
        print(f"\nNo traffic is shown: the data path is {box.data_path.state}")
    print(_how_to_play(environment, operator, address, time.monotonic() - begin))
    return 1 if failed else 0


def _side_by_side(bodies: list[dict[str, Any]], cloud: Operations, project: Project) -> str:
    """What Kubernetes and Neutron say of the same objects."""
    networks = [body for body in bodies if body["kind"] == "InfomaniakNetwork"]
    others = [body for body in bodies if body["kind"] in ("Router", "SecurityGroup", "FloatingIP")]
    rows = [cloud.networks.get(body["status"]["id"]) for body in networks]
    subnets = cloud.subnets.list(project_id=project.id)
    gets: dict[str, Callable[[str], Resource]] = {
        "Router": cloud.routers.get,
        "SecurityGroup": cloud.security_groups.get,
        "FloatingIP": cloud.floating_ips.get,
    }
    seen = [(body["kind"], gets[body["kind"]](body["status"]["id"])) for body in others]
    left = f"{show.networks_in_kubernetes(networks)}\n{show.others_in_kubernetes(others)}"
    right = f"{show.networks_in_neutron(rows, subnets)}\n{show.others_in_neutron(seen, _legs(cloud, project))}"
    return show.columns(left, right, ("Kubernetes says", "Neutron says"))


def _trees(bodies: list[dict[str, Any]], cloud: Operations) -> str:
    """What Kubernetes and Octavia say of the load balancers."""
    ids = [body["status"]["id"] for body in bodies if body["kind"] == "LoadBalancer"]
    right = tree.in_octavia(cloud, ids)
    return "\n" + show.columns(tree.in_kubernetes(bodies), right, ("Kubernetes says", "Octavia says"))


def _legs(cloud: Operations, project: Project) -> list[str]:
    """The routers' ids, once for each subnet that they have an interface on."""
    ports = cloud.ports.list(project_id=project.id)
    interfaces = [port for port in ports if port["device_owner"] in _INTERFACES]
    return [str(port["device_id"]) for port in interfaces for _ in port["fixed_ips"]]


def _how_to_play(environment: Environment, operator: OperatorProcess, address: str, seconds: float) -> str:
    kubeconfig = shlex.quote(str(environment.kubeconfig))
    kubectl = f"{shlex.quote(str(environment.kubectl))} --kubeconfig={kubeconfig} -n {NAMESPACE}"
    state = shlex.quote(str(operator.log.parent))
    box = f"cd {shlex.quote(str(ROOT))} && {shlex.quote(sys.executable)} -m sandbox"
    ask = f"\n  ({box} exec --state {state} alpha -- curl -s http://{address}/)   # ask through the floating IP"
    return f"""
All Ready, {seconds:.0f} s after `make demo`. Go on from here:
  k() {{ {kubectl} "$@"; }}
  k get infomaniak                     # all of it
  k get inet -w                        # the networks, live
  k describe inet office               # conditions and Events
  k describe ilb web                   # the load balancer; ipool site, ihm site
  k explain inet.spec.subnets          # what can be written
  k edit ipool site                    # change a weight, add a member: one call to Octavia
  k apply -f examples/web/pools.yaml   # any example; but credentials.yaml is one to fill in, for a real cloud
  k delete inet office                 # and see it go from Neutron
  k delete infomaniak --all            # and all the rest, in the order that the cloud needs
  tail -f {shlex.quote(str(operator.log))}{ask if address else ""}
  ({box} serve-http --state {state} --stop alpha {traffic.SERVERS[0]})   # kill a server; without --stop it comes back
  eval "$({box} env --state {state})"   # kubectl, helm, and what the Python client needs
`make demo` puts the examples and their Secret right again. `make demo-down` ends it all (with SANDBOX=… where you
gave that); the state stays, and the next `make demo` goes on from there."""


def down(state: Path) -> int:
    """End the operator and the sandbox."""
    OperatorProcess(state, state / "unused").stop()
    Sandbox(state).down()
    print(f"Ended. The state stays in {state}: `make demo` goes on from there.")
    return 0
