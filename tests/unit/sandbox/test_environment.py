"""What a sandbox says of itself."""

import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sandbox import Environment, Project, Sandbox, SandboxError
from sandbox.openstack import OpenStack

PROJECT = Project("p1", "alpha", "http://127.0.0.1:1/v3", "dc3-a", "credential", "s3cret")
ENVIRONMENT = Environment(
    PROJECT.auth_url,
    PROJECT.region,
    Path("/kubeconfig"),
    Path("/kubectl"),
    Path("/helm"),
    {"username": "admin"},
    {"alpha": PROJECT},
)


def test_it_is_read_as_it_was_written_and_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "environment.json"
    ENVIRONMENT.save(file)
    assert Environment.load(file) == ENVIRONMENT
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_clouds_yaml_is_what_the_customer_downloads() -> None:
    cloud = yaml.safe_load(PROJECT.clouds_yaml("c"))["clouds"]["c"]
    assert cloud["auth_type"] == "v3applicationcredential"
    assert cloud["auth"] == {
        "auth_url": "http://127.0.0.1:1/v3",
        "application_credential_id": "credential",
        "application_credential_secret": "s3cret",
    }
    assert cloud["region_name"] == "dc3-a"


def test_a_shell_takes_it_whatever_the_folder_is_called() -> None:
    odd = replace(ENVIRONMENT, kubeconfig=Path("/a  b/it's/kubeconfig"), kubectl=Path("/a  b/tools/kubectl"))
    script = 'eval "$(cat)"; printf "%s\n" "$KUBECONFIG" "$PATH" "$INFOMANIAK_APP_CREDENTIAL_SECRET"'
    done = subprocess.run(
        ["/bin/sh", "-c", script], input=odd.exports(), capture_output=True, text=True, check=True, env={"PATH": "/bin"}
    )
    assert done.stdout.splitlines() == ["/a  b/it's/kubeconfig", "/a  b/tools:/bin", "s3cret"]


def test_half_a_sandbox_puts_no_folder_before_the_programs() -> None:
    assert "PATH" not in replace(ENVIRONMENT, kubectl=Path()).exports().replace("KUBECONFIG", "")


def test_secrets_are_not_in_what_is_printed_of_it() -> None:
    assert "s3cret" not in repr(ENVIRONMENT)


def test_one_that_was_never_started_says_how_to_start_it(tmp_path: Path) -> None:
    box = Sandbox(tmp_path / "none")
    with pytest.raises(SandboxError, match="python -m sandbox up --state"):
        _ = box.environment
    assert box.status() == {}
    box.down()  # nothing to end, and nothing fails


def test_a_folder_that_the_services_would_misread_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "a$b"
    with pytest.raises(SandboxError, match="choose another"):
        OpenStack(folder, Path("/python"), print).up(0.5)
    assert not folder.exists()
