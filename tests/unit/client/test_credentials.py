import base64
import dataclasses

import pytest
import yaml

from infomaniak_operator.client import CloudCredentials, InvalidCredentialsError, parse_credentials

URL = "https://api.pub1.infomaniak.cloud/identity/v3"
SECRET = "very-s3cret-value"
HORIZON = f"""
# This is a clouds.yaml file, which can be used by OpenStack tools as a source of configuration.
clouds:
  openstack:
    auth:
      auth_url: {URL}
      application_credential_id: "abc"
      application_credential_secret: "{SECRET}"
    region_name: "dc3-a"
    interface: "public"
    identity_api_version: 3
    auth_type: "v3applicationcredential"
"""
PLAIN = {
    "auth_url": URL,
    "application_credential_id": "abc",
    "application_credential_secret": SECRET,
    "region": "dc3-a",
}
USER = {
    "auth_url": URL,
    "username": "me",
    "user_domain_name": "default",
    "password": SECRET,
    "project_id": "p1",
}


def test_what_horizon_gives_and_plain_keys_mean_the_same():
    one = parse_credentials({"clouds.yaml": HORIZON.encode()}, "openstack")
    assert one == parse_credentials({"clouds.yaml": HORIZON}) == parse_credentials(PLAIN)
    assert one == CloudCredentials(
        auth_url=URL, application_credential_id="abc", application_credential_secret=SECRET, region="dc3-a"
    )


def test_a_user_of_a_project():
    one = parse_credentials({**USER, "tenant_name": "x"})
    assert (one.username, one.password, one.project_id, one.project_name) == ("me", SECRET, "p1", "x")


def test_nothing_secret_is_shown():
    for data in (PLAIN, USER):
        one = parse_credentials(data)
        assert SECRET not in repr(one)
        assert SECRET not in one.fingerprint
        assert base64.b64encode(SECRET.encode()).decode() not in repr(one)
        assert one.secrets == (SECRET,)


def test_the_fingerprint_is_stable_and_follows_every_field():
    one = parse_credentials(PLAIN)
    assert one.fingerprint == parse_credentials(dict(reversed(PLAIN.items()))).fingerprint
    others = {
        dataclasses.replace(one, **{field.name: "other"}).fingerprint for field in dataclasses.fields(CloudCredentials)
    }
    assert len(others | {one.fingerprint}) == len(dataclasses.fields(CloudCredentials)) + 1


def without(data, *names):
    return {name: value for name, value in data.items() if name not in names}


def clouds(entry, name="one"):
    return {"clouds.yaml": yaml.safe_dump({"clouds": {name: entry}})}


AUTH = {"auth_url": URL, "application_credential_id": "abc", "application_credential_secret": SECRET}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "it is empty"),
        (without(PLAIN, "auth_url"), "'auth_url' is missing"),
        (without(PLAIN, "application_credential_id"), "'application_credential_id' is missing"),
        (without(PLAIN, "application_credential_secret"), "'application_credential_secret' is missing"),
        ({"auth_url": URL}, "neither an application credential"),
        (without(USER, "password"), "'password' is missing"),
        (without(USER, "user_domain_name"), "'user_domain_name'"),
        (without(USER, "project_id"), "'project_id'"),
        ({**PLAIN, "password": "x"}, "'password' is one too many"),
        ({**PLAIN, "region_name": "dc4-a"}, "says something else"),
        ({**PLAIN, "profile": "https://evil.example/profile"}, "'profile' is not one"),
        ({**PLAIN, "cacert": "/etc/passwd"}, "'cacert' must hold PEM text"),
        ({**PLAIN, "verify": "false"}, "'verify' must be 'true'"),
        ({**PLAIN, "network_endpoint_override": "https://evil.example"}, "'network_endpoint_override' is not one"),
        ({**PLAIN, "interface": "internal"}, "'interface' must be 'public'"),
        ({**PLAIN, "identity_api_version": "2"}, "'identity_api_version' must be"),
        ({**PLAIN, "auth_type": "v3oidcpassword"}, "'auth_type' must be"),
        ({**PLAIN, "clouds.yaml": HORIZON}, "beside the key 'clouds.yaml'"),
        ({**PLAIN, "auth_url": "not a url"}, "'auth_url' is no plain web address"),
        ({**PLAIN, "auth_url": "file:///etc/passwd"}, "'auth_url' is no plain web address"),
        ({**PLAIN, "auth_url": "https://user:pw@host/v3"}, "'auth_url' is no plain web address"),
        ({**PLAIN, "auth_url": "https://host/v3?x=1"}, "'auth_url' is no plain web address"),
        ({**PLAIN, "auth_url": "https://host/a/../v3"}, "'auth_url' is no plain web address"),
        ({**PLAIN, "auth_url": "https://host:port/v3"}, "'auth_url' is no plain web address"),
        ({**PLAIN, "auth_url": "http://api.pub1.infomaniak.cloud/identity"}, "must begin with https://, or be one of"),
        ({"auth_url": b"\xff\xfe"}, "'auth_url' is no UTF-8"),
        ({"clouds.yaml": "a: [unclosed"}, "no YAML (line"),
        ({"clouds.yaml": "!!python/object:os.system {}"}, "no YAML"),
        ({"clouds.yaml": "a: 1"}, "no 'clouds:'"),
        ({"clouds.yaml": "[]"}, "no 'clouds:'"),
        ({"clouds.yaml": "clouds: {one: text}"}, "no cloud 'one'"),
        (clouds({"auth": AUTH, "profile": "x"}), "'profile' is not one"),
        (clouds({"auth": {**AUTH, "token": "x"}}), "'token' is not one"),
        (clouds({"auth": "text"}), "'auth' must hold keys"),
        (clouds({"auth": {**AUTH, "application_credential_id": 7}}), "must be a text: put it in quotes"),
        (clouds({"auth": {**AUTH, "auth_url": {"a": SECRET}}}), "must be a text"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_without_values(data, says):
    with pytest.raises(InvalidCredentialsError) as caught:
        parse_credentials(data)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)


def test_one_of_several_clouds_must_be_named():
    two = {"clouds.yaml": yaml.safe_dump({"clouds": {"a": {"auth": AUTH}, "b": {"auth": {**AUTH, "auth_url": URL}}}})}
    with pytest.raises(InvalidCredentialsError, match="several clouds, name one of them: a, b"):
        parse_credentials(two)
    with pytest.raises(InvalidCredentialsError, match="no cloud 'c'; it has: a, b"):
        parse_credentials(two, "c")
    assert parse_credentials(two, "b").application_credential_id == "abc"


@pytest.mark.parametrize(
    ("url", "becomes"),
    [
        ("https://api.pub1.infomaniak.cloud/identity", URL),
        ("https://api.pub1.infomaniak.cloud/identity/", URL),
        ("https://api.pub1.infomaniak.cloud/identity/v3/", URL),
        ("https://API.pub1.infomaniak.cloud:443/identity/v3", URL),
        ("https://[2001:db8::1]:5000/v3", "https://[2001:db8::1]:5000/v3"),
    ],
)
def test_addresses_that_mean_the_same(url, becomes):
    assert parse_credentials({**PLAIN, "auth_url": url}).auth_url == becomes


@pytest.mark.parametrize(
    ("url", "allowed", "good"),
    [
        (URL, ["https://api.pub1.infomaniak.cloud/identity"], True),
        (URL, ["https://api.pub2.infomaniak.cloud/identity", "https://api.pub1.infomaniak.cloud/"], True),
        (URL, [URL], True),
        (URL, ["https://api.pub2.infomaniak.cloud/identity"], False),
        (
            "https://api.pub1.infomaniak.cloud.evil.example/identity",
            ["https://api.pub1.infomaniak.cloud/identity"],
            False,
        ),
        ("https://api.pub1.infomaniak.cloud/identity-evil", ["https://api.pub1.infomaniak.cloud/identity"], False),
        ("https://api.pub1.infomaniak.cloud:8443/identity", ["https://api.pub1.infomaniak.cloud/identity"], False),
        ("http://api.pub1.infomaniak.cloud/identity", ["https://api.pub1.infomaniak.cloud/identity"], False),
        ("http://127.0.0.1:5000/v3", ["http://127.0.0.1:5000/v3"], True),
        ("https://anywhere.example/v3", [], True),
    ],
)
def test_only_allowed_clouds(url, allowed, good):
    data = {**PLAIN, "auth_url": url}
    if good:
        assert parse_credentials(data, None, allowed).auth_url.endswith("/v3")
    else:
        with pytest.raises(InvalidCredentialsError, match="not allowed here"):
            parse_credentials(data, None, allowed)


def test_the_environment_and_files_play_no_part(monkeypatch, tmp_path):
    monkeypatch.setenv("OS_AUTH_URL", "https://evil.example/v3")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    (tmp_path / "clouds.yaml").write_text(HORIZON)
    with pytest.raises(InvalidCredentialsError, match="'auth_url' is missing"):
        parse_credentials(without(PLAIN, "auth_url"))
