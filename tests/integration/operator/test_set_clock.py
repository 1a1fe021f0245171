"""The wall clock of an operator's machine is set an hour ahead, and back: who leads, the logins and the objects do not mind."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.flow import OPERATOR_NAMESPACE
from demo.kubectl import Kubectl
from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support import set_clock
from tests.support.box import until
from tests.support.pair import LEASE, pair
from tests.support.running import User, network, tell_all

pytestmark = pytest.mark.slow

HOUR = 3600
SUBNETS = [{"name": "a", "cidr": "10.33.0.0/24"}]


@dataclass(frozen=True)
class Wall:
    """An operator that leads, and the clock that it sees."""

    file: Path
    process: OperatorProcess
    kubectl: Kubectl

    def set(self, seconds: int) -> None:
        whole = self.file.with_suffix(".new")
        whole.write_text(str(seconds))
        whole.replace(self.file)

    def lease(self) -> tuple[str, str, str]:
        """Who holds it, how often it changed hands, and when it was renewed by the holder's clock."""
        spec = self.kubectl.json("get", "lease", LEASE, "-n", OPERATOR_NAMESPACE)["spec"]
        return spec["holderIdentity"], str(spec.get("leaseTransitions", 0)), spec["renewTime"]

    def ahead(self) -> float:
        """The seconds by which the last renewal is ahead of this machine's clock."""
        return (datetime.fromisoformat(self.lease()[2]) - datetime.now(UTC)).total_seconds()


@pytest.fixture
def wall(running: OperatorProcess, box: Sandbox, env: Environment, tmp_path: Path) -> Iterator[Wall]:
    with pair(running, box, tmp_path / "none"):
        file, folder = tmp_path / "ahead", tmp_path / "operator"
        arguments = [
            *("--allowed-auth-url", env.auth_url, "--create-grace-seconds", "4"),
            *("--leader-elect", "--lease-namespace", OPERATOR_NAMESPACE),
        ]
        kubeconfig = box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator")
        environment = {**tell_all(folder), set_clock.VARIABLE: str(file)}
        process = OperatorProcess(folder, kubeconfig, arguments, environment, module=set_clock.MODULE)
        found = Wall(file, process, Kubectl(env.kubectl, env.kubeconfig))
        found.set(0)
        process.start()
        try:
            yield found
        finally:
            process.stop()


def test_an_hour_ahead_and_an_hour_back(wall: Wall, box: Sandbox, env: Environment, namespace: str) -> None:
    user = User(env, namespace, env.projects["alpha"])
    user.credentials()
    user.apply(network("n0", subnets=SUBNETS))
    user.until_ready("inet", "n0")
    pid, begun = wall.process.pid(), wall.lease()
    shown = []
    for number, seconds in enumerate((HOUR, -HOUR, 0), 1):
        mark = box.mark()
        user.apply(network(f"n{number}", subnets=SUBNETS))
        wall.set(seconds)  # while it is being made
        body = user.until_ready("inet", f"n{number}")
        assert [row["id"] for row in user.networks() if row["name"] == f"n{number}"] == [body["status"]["id"]]
        user.delete("inet", f"n{number - 1}", wait=False)
        user.patch("inet", f"n{number}", {"description": "later"})
        user.until_ready("inet", f"n{number}")
        user.kubectl.run("wait", "--for=delete", f"inet/n{number - 1}", "-n", user.namespace, "--timeout=60s")
        logins = [call for call in box.calls(mark) if call.by == "operator" and call.service == "keystone"]
        assert len(logins) <= 1, f"the clock is {seconds} s off"
        # The Lease is renewed every few seconds: first comes what was written before the clock was set.
        until(lambda ahead=seconds: abs(wall.ahead() - ahead) < HOUR / 2, "the Lease has the new time")
        shown.append(wall.lease())
    assert {row["name"] for row in user.networks() if row["name"].startswith("n")} == {"n3"}
    assert wall.process.pid() == pid
    assert {each[:2] for each in shown} == {begun[:2]}
    ahead, back, right = (each[2] for each in shown)
    assert back < begun[2] < right < ahead, "the clock that people read in the Lease is the machine's"
    assert "the Lease is lost" not in wall.process.log.read_text()
    user.delete("inet", "n3")
