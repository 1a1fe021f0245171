"""A clouds.yaml is written by people the operator need not trust; and by people whose file must go on working."""

import subprocess
import sys

import pytest
import yaml

from infomaniak_operator.client import InvalidCredentialsError, clouds_yaml, parse_credentials
from infomaniak_operator.client.clouds_yaml import read
from tests.support.bombs import HOSTILE, LAUGHS

URL = "https://api.pub1.infomaniak.cloud/identity/v3"


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_stranger_may_write_is_refused_in_one_bounded_line(what, loader, monkeypatch):
    monkeypatch.setattr(clouds_yaml, "_LOADER", getattr(yaml, loader))
    with pytest.raises(InvalidCredentialsError) as caught:
        parse_credentials({"clouds.yaml": HOSTILE[what]})
    message = str(caught.value)
    assert message.isprintable(), message
    assert len(message) < 1000
    message.encode()


def test_aliases_cost_neither_memory_nor_time():
    """In a process of its own, which may have 300 MB: what they stood for was 1.7 GB."""
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))\n"
        "from infomaniak_operator.client import parse_credentials, InvalidCredentialsError\n"
        "try: parse_credentials({'clouds.yaml': sys.stdin.read()})\n"
        "except InvalidCredentialsError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=LAUGHS, capture_output=True, text=True, timeout=60, check=False
    )
    assert "an anchor or an alias" in done.stdout, done.stderr


INFOMANIAK = f"""
clouds:
  PCP-ABC1234:
    auth:
      auth_url: {URL}
      project_name: PCP-ABC1234
      project_domain_name: default
      username: PCU-ABC1234
      user_domain_name: default
      password: 'p@ss: #word{{}}'
    region_name: dc3-a
    interface: public
    identity_api_version: 3
    verify: yes
    project_id:
"""
HORIZON = f"""# This is a clouds.yaml file, which can be used by OpenStack tools as a source
# of configuration on how to connect to a cloud.
clouds:
  openstack:

    auth:

      auth_url: {URL}

      username: "PCU-ABC1234"

      project_id: 4dea8b0f2c5e4f0f9d3c1e2f3a4b5c6d

      project_name: "PCP-ABC1234"

      user_domain_name: "Default"
      password: "0123"

    region_name: "dc3-a"

    interface: "public"
    identity_api_version: 3
  other:
    regions: [dc3-a, dc4-a]
    whatever: {{deep: [er, 1, 2.5, null, 2026-01-01]}}
"""


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_the_files_of_real_users_are_read_as_they_were(loader, monkeypatch):
    monkeypatch.setattr(clouds_yaml, "_LOADER", getattr(yaml, loader))
    one = parse_credentials({"clouds.yaml": INFOMANIAK})
    assert (one.username, one.password, one.project_name, one.project_id, one.region) == (
        "PCU-ABC1234",
        "p@ss: #word{}",
        "PCP-ABC1234",
        None,
        "dc3-a",
    )
    two = parse_credentials({"clouds.yaml": "\ufeff" + HORIZON.replace("\n", "\r\n")}, "openstack")
    assert (two.project_id, two.password, two.user_domain_name) == (
        "4dea8b0f2c5e4f0f9d3c1e2f3a4b5c6d",
        "0123",
        "Default",
    )


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("{a: b, 'c': \"d\\te\"}", {"a": "b", "c": "d\te"}),
        ("{a: |\n  x\n  y\n}", None),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: >\n  x\n  y\n", {"a": "x y\n"}),
        ("{a: , b: ~, c: null, d: ''}", {"a": None, "b": None, "c": None, "d": ""}),
        ("{a: yes, b: Off, c: 'yes'}", {"a": "true", "b": "false", "c": "yes"}),
        ("{1: 010, b: 1_000, c: 1:30, d: .5}", {"1": "010", "b": "1_000", "c": "1:30", "d": ".5"}),
        ("{a: 1, a: 2}", {"a": "2"}),
        ("", None),
        ("# nothing", None),
        ("[a, [b]]", ["a", ["b"]]),
    ],
)
def test_plain_values_stay_the_text_they_are(written, read_as):
    if read_as is None and "|" in written:
        with pytest.raises(InvalidCredentialsError):
            read(written)
    else:
        assert read(written) == read_as


def test_verify_false_stays_refused():
    for value in ("false", "no", "off", "0", "'false'", "null", "[]"):
        with pytest.raises(InvalidCredentialsError, match="'verify' must be 'true'"):
            parse_credentials({"clouds.yaml": INFOMANIAK.replace("verify: yes", f"verify: {value}")})
