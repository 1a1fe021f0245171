"""The commands in docs/security.md, run as they stand there, say what the page says that they say."""

import re
import shlex
from pathlib import Path

import pytest

from demo.flow import ROOT
from sandbox import Environment
from tests.support.box import kubectl

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


@pytest.fixture(scope="module")
def installed(env: Environment) -> Environment:
    files = ["-f", str(ROOT / "crds"), "-f", str(ROOT / "deploy")]
    kubectl(env, "apply", "--server-side", "--force-conflicts", *files)
    return env


def said(env: Environment, command: str) -> str:
    program, *words = shlex.split(command)
    assert program == "kubectl"
    return kubectl(env, *words, check=False)


def test_there_are_some() -> None:
    assert len(COMMANDS) == 4


def test_it_may_list_secrets_and_make_no_pods(installed: Environment) -> None:
    assert said(installed, COMMANDS[0]).splitlines()[-1] == "yes"
    assert said(installed, COMMANDS[1]).splitlines()[-1] == "no"


def test_both_policies_are_there(installed: Environment) -> None:
    text = said(installed, COMMANDS[2])
    assert "infomaniak-operator-secrets" in text
    assert "infomaniak-operator-objects" in text
    assert "Error" not in text


def test_who_may_what_is_listed(installed: Environment) -> None:
    text = said(installed, COMMANDS[3])
    assert "rolebinding.rbac.authorization.k8s.io/infomaniak-operator" in text
    assert "error" not in text.lower()
