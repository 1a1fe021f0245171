"""The command line and its environment."""

from pathlib import Path

import pytest

from infomaniak_operator import __version__
from infomaniak_operator.cli import options as module
from infomaniak_operator.cli.options import LeaseOptions, Options, parse
from infomaniak_operator.metrics.http_server import Address
from infomaniak_operator.reconcile.generic.tenancy import Isolation


def test_without_anything() -> None:
    read = parse(["run"], {})
    assert read == Options(metrics_address=Address("", 8080), health_address=Address("", 8081))


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--round-seconds", "90"], {}), ([], {"INFOMANIAK_OPERATOR_ROUND_SECONDS": "90"})],
)
def test_the_former_name_of_an_option_works_and_warns(arguments: list[str], environment: dict[str, str]) -> None:
    read = parse(["run", *arguments], environment)
    assert read.resync_seconds == 90
    assert ["--resync-seconds" in warning for warning in read.deprecated] == [True]


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--resync-seconds", "90"], {}), ([], {"INFOMANIAK_OPERATOR_RESYNC_SECONDS": "90"})],
)
def test_the_present_name_warns_of_nothing(arguments: list[str], environment: dict[str, str]) -> None:
    read = parse(["run", *arguments], environment)
    assert (read.resync_seconds, read.deprecated) == (90, ())


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("1", 1.0), ("2.5", 2.5)])
def test_health_is_polled_each_second_at_most_or_never(text: str, seconds: float) -> None:
    assert parse(["run", "--health-poll-seconds", text], {}).health_poll_seconds == seconds
    assert parse(["run"], {"INFOMANIAK_OPERATOR_HEALTH_POLL_SECONDS": text}).health_poll_seconds == seconds


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("10", 10.0), ("90.5", 90.5)])
def test_statistics_are_read_every_ten_seconds_at_most_or_never(text: str, seconds: float) -> None:
    assert parse(["run"], {}).statistics_seconds == 0
    assert parse(["run", "--statistics-seconds", text], {}).statistics_seconds == seconds
    assert parse(["run"], {"INFOMANIAK_OPERATOR_STATISTICS_SECONDS": text}).statistics_seconds == seconds
    assert parse(["run", "--statistics-calls=4"], {}).statistics_calls == 4


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


@pytest.mark.parametrize("said", ["", ",", " ", "keystone.example.com", "ftp://keystone.example.com", "https://"])
def test_a_limit_that_says_nothing_is_an_error_not_no_limit(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run"], {"INFOMANIAK_OPERATOR_ALLOWED_AUTH_URL": said})
    with pytest.raises(SystemExit):
        parse(["run", "--allowed-auth-url", said], {})
    assert "--allowed-auth-url" in capsys.readouterr().err


def test_which_clouds_are_allowed() -> None:
    name = "INFOMANIAK_OPERATOR_ALLOWED_AUTH_URL"
    two = "https://a.example/v3, https://b.example:5000"
    assert parse(["run"], {name: two}).allowed_auth_urls == ("https://a.example/v3", "https://b.example:5000")
    assert parse(["run"], {name: "*"}).allowed_auth_urls == ()
    assert parse(["run", "--allowed-auth-url", "https://a.example"], {name: ""}).allowed_auth_urls == (
        "https://a.example",
    )


def test_an_empty_namespace_is_not_all_of_them() -> None:
    with pytest.raises(SystemExit):
        parse(["run", "--namespace", ""], {})
    assert parse(["run"], {"INFOMANIAK_OPERATOR_NAMESPACE": ""}).namespaces == ()


@pytest.mark.parametrize("said", ["proxy:3128", "https://proxy:3128", "http://me:secret@proxy:3128", "http://proxy/x"])
def test_what_is_no_proxy(said: str) -> None:
    with pytest.raises(SystemExit):
        parse(["run", "--cloud-proxy", said], {})


def test_the_proxy_comes_from_its_option_alone() -> None:
    assert parse(["run"], {"HTTPS_PROXY": "http://proxy:3128"}).cloud_proxy is None
    assert parse(["run"], {"INFOMANIAK_OPERATOR_CLOUD_PROXY": "http://proxy:3128"}).cloud_proxy == "http://proxy:3128"


def test_who_reads_the_metrics_and_what() -> None:
    read = parse(["run"], {})
    assert (read.metrics_authorization, read.metrics_object_names) == (False, False)
    read = parse(["run", "--metrics-authorization", "--metrics-object-names"], {})
    assert (read.metrics_authorization, read.metrics_object_names) == (True, True)
    read = parse(["run"], {"INFOMANIAK_OPERATOR_METRICS_AUTHORIZATION": "true"})
    assert (read.metrics_authorization, read.metrics_object_names) == (True, False)


# Whose Secrets are read, and what tenants may name


def test_secrets_are_read_where_objects_are_watched_unless_told_otherwise() -> None:
    assert parse(["run"], {}).credentials_namespaces == ()
    given = ["run", "--credentials-namespace", "a", "--credentials-namespace", "b"]
    assert parse(given, {}).credentials_namespaces == ("a", "b")
    assert parse(["run"], {"INFOMANIAK_OPERATOR_CREDENTIALS_NAMESPACE": "a,b"}).credentials_namespaces == ("a", "b")


@pytest.mark.parametrize("given", [["--credentials-namespace", ""], ["--namespace=a", "--credentials-namespace=b"]])
def test_secrets_cannot_be_read_nowhere_nor_where_nothing_is_watched(given: list[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["run", *given], {})


def test_tenants_are_kept_apart_by_default() -> None:
    read = parse(["run"], {})
    assert (read.tenant_isolation, read.tenant_isolation_exempt) == (Isolation.DEFAULT_CREDENTIAL, ())


def test_how_far_tenants_are_kept_apart() -> None:
    read = parse(["run", "--tenant-isolation=strict", "--tenant-isolation-exempt=platform"], {})
    assert (read.tenant_isolation, read.tenant_isolation_exempt) == (Isolation.STRICT, ("platform",))
    environment = {
        "INFOMANIAK_OPERATOR_TENANT_ISOLATION": "none",
        "INFOMANIAK_OPERATOR_TENANT_ISOLATION_EXEMPT": "a,b",
    }
    read = parse(["run"], environment)
    assert (read.tenant_isolation, read.tenant_isolation_exempt) == (Isolation.NONE, ("a", "b"))


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--tenant-isolation=off"], {}), ([], {"INFOMANIAK_OPERATOR_TENANT_ISOLATION": "of"})],
)
def test_a_misspelt_isolation_is_refused_and_never_means_none(
    arguments: list[str], environment: dict[str, str]
) -> None:
    with pytest.raises(SystemExit):
        parse(["run", *arguments], environment)


# What is no value at all, from the command line and from the environment: the usual error, which names the option.

NO_VALUES = [
    ("--log-level", "LOUD"),
    ("--log-level", "debug"),
    ("--log-level", ""),
    ("--tenant-isolation", "of"),
    ("--tenant-isolation", ""),
    ("--workers", "many"),
    ("--workers", ""),
    ("--workers", "0"),
    ("--workers", "-1"),
    ("--workers", "1.5"),
    *(
        (option, text)
        for option in ("--resync-seconds", "--round-seconds")
        for text in ("", "soon", "59", "nan", "inf")
    ),
    *(("--statistics-seconds", text) for text in ("", "often", "9.9", "-1", "nan", "inf")),
    *(("--statistics-calls", text) for text in ("", "0", "-1", "1.5")),
    *(("--health-poll-seconds", text) for text in ("", "soon", "0.5", "-1", "nan", "inf")),
    *(
        (option, text)
        for option in ("--create-grace-seconds", "--cloud-timeout-seconds")
        for text in ("-1", "nan", "inf")
    ),
    ("--cloud-proxy", "proxy:3128"),
    ("--metrics-address", "8080"),
    ("--health-address", ":65536"),
    ("--lease-name", ""),
]


@pytest.mark.parametrize(("option", "text"), NO_VALUES)
def test_what_is_no_value_ends_in_the_usual_error(option: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    variable = "INFOMANIAK_OPERATOR_" + option.removeprefix("--").upper().replace("-", "_")
    said = []
    for arguments, environment in (([f"{option}={text}"], {}), ([], {variable: text})):
        with pytest.raises(SystemExit) as ended:
            parse(["run", *arguments], environment)
        said.append(capsys.readouterr().err)
        assert ended.value.code == 2
        assert f"error: argument {option}: " in said[-1]
    assert said[0] == said[1]


FLAGS = ["LEADER_ELECT", "RESTORE", "METRICS_AUTHORIZATION", "METRICS_OBJECT_NAMES"]


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("text", ["ture", "enabled", "2", " "])
def test_a_misspelt_flag_is_refused_and_never_means_no(
    flag: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["run", "--lease-namespace=ops"], {f"INFOMANIAK_OPERATOR_{flag}": text})
    assert ended.value.code == 2
    assert f"error: argument --{flag.lower().replace('_', '-')}: {text!r} is neither" in capsys.readouterr().err


@pytest.mark.parametrize("flag", FLAGS)
def test_what_a_flag_may_be(flag: str) -> None:
    def read(text: str) -> Options:
        return parse(["run", "--lease-namespace=ops"], {f"INFOMANIAK_OPERATOR_{flag}": text})

    off = parse(["run"], {})
    for text in ("", "0", "false", "No", "OFF"):
        assert read(text) == off
    for text in ("1", "True", "YES", "on"):
        assert read(text) != off


def test_an_empty_kubeconfig_or_cluster_id_is_none() -> None:
    read = parse(["run"], {"INFOMANIAK_OPERATOR_KUBECONFIG": "", "INFOMANIAK_OPERATOR_CLUSTER_ID": ""})
    assert (read.kubeconfig, read.cluster_id) == (None, None)
