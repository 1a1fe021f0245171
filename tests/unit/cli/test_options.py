"""The command line and its environment."""

from pathlib import Path

import pytest

from infomaniak_operator import __version__
from infomaniak_operator.cli import options as module
from infomaniak_operator.cli.options import LeaseOptions, Options, parse
from infomaniak_operator.observe.server import Address


def test_without_anything() -> None:
    read = parse(["run"], {})
    assert read == Options(metrics_address=Address("", 8080), health_address=Address("", 8081))


@pytest.mark.parametrize("command", ["version", "--version"])
def test_the_version(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([command], {})
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "environment", "lease"),
    [
        (["--leader-elect", "--lease-namespace", "ops"], {}, LeaseOptions("ops", "infomaniak-operator")),
        (["--lease-namespace", "ops"], {}, None),
        (["--leader-elect", "--lease-namespace=ops", "--lease-name=mine"], {}, LeaseOptions("ops", "mine")),
        (
            [],
            {
                "INFOMANIAK_OPERATOR_LEADER_ELECT": "true",
                "INFOMANIAK_OPERATOR_LEASE_NAMESPACE": "ops",
                "INFOMANIAK_OPERATOR_LEASE_NAME": "mine",
            },
            LeaseOptions("ops", "mine"),
        ),
        ([], {"INFOMANIAK_OPERATOR_LEADER_ELECT": "false", "INFOMANIAK_OPERATOR_LEASE_NAMESPACE": "ops"}, None),
    ],
)
def test_leader_election(arguments: list[str], environment: dict[str, str], lease: LeaseOptions | None) -> None:
    assert parse(["run", *arguments], environment).lease == lease


def test_the_lease_is_in_the_pod_s_own_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POD_NAMESPACE", tmp_path / "namespace")
    with pytest.raises(SystemExit):
        parse(["run", "--leader-elect"], {})
    (tmp_path / "namespace").write_text("pods\n")
    assert parse(["run", "--leader-elect"], {}).lease == LeaseOptions("pods")


def test_addresses() -> None:
    read = parse(["run", "--metrics-address", "127.0.0.1:9090"], {"INFOMANIAK_OPERATOR_HEALTH_ADDRESS": ""})
    assert (read.metrics_address, read.health_address) == (Address("127.0.0.1", 9090), None)
    with pytest.raises(SystemExit):
        parse(["run", "--health-address", "8081"], {})


def test_who_reads_the_metrics_and_what() -> None:
    read = parse(["run"], {})
    assert (read.metrics_authorization, read.metrics_object_names) == (False, False)
    read = parse(["run", "--metrics-authorization", "--metrics-object-names"], {})
    assert (read.metrics_authorization, read.metrics_object_names) == (True, True)
    read = parse(["run"], {"INFOMANIAK_OPERATOR_METRICS_AUTHORIZATION": "true"})
    assert (read.metrics_authorization, read.metrics_object_names) == (True, False)
