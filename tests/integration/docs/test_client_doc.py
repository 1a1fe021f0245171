"""The code in docs/client.md, run as it stands there."""

import logging
import re
from pathlib import Path

import pytest

from infomaniak_operator.client import CloudSession, Operations, parse_credentials
from sandbox import Environment

DOC = Path(__file__).parents[3] / "docs" / "client.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
PROJECT = "beta"


def test_the_page_has_code():
    assert len(BLOCKS) >= 6


def test_the_code_of_the_page_runs(env: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    project = env.projects[PROJECT]
    monkeypatch.setenv("INFOMANIAK_APP_CREDENTIAL_ID", project.application_credential_id)
    monkeypatch.setenv("INFOMANIAK_APP_CREDENTIAL_SECRET", project.application_credential_secret)
    monkeypatch.setenv("INFOMANIAK_AUTH_URL", env.auth_url)
    secret = {
        "auth_url": env.auth_url,
        "application_credential_id": project.application_credential_id,
        "application_credential_secret": project.application_credential_secret,
    }
    # An address with http is allowed here only because it is named.
    names = {"secret": secret, "parse_credentials": parse_credentials}
    code = "\n".join(BLOCKS).replace(
        "parse_credentials(secret)", "parse_credentials(secret, None, [secret['auth_url']])"
    )
    exec(compile(code, str(DOC), "exec"), names)  # the page is ours
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []

    do = Operations(CloudSession(parse_credentials(secret, None, [env.auth_url])))
    mine = project.id
    assert do.networks.list(name="docs-web", project_id=mine) == []
    assert do.routers.list(name="docs-web") == []
    assert do.load_balancers.list(name="docs-web") == []
