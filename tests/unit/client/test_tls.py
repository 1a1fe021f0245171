"""A private cloud's authority and client certificates, as data in the credential: over real TLS."""

import os
import ssl
import tempfile
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from infomaniak_operator.client import (
    CloudConnectionError,
    CloudSession,
    InfomaniakNetworkClient,
    InvalidCredentialsError,
    parse_credentials,
)
from tests.support.fake_cloud_http import wire_cloud
from tests.support.pems import Authority, pem

OURS, OTHERS, CLIENTS = Authority("ours"), Authority("others"), Authority("clients")
DESCRIPTORS = Path("/proc/self/fd")
SERVER, CLIENT = OURS.issue("server"), CLIENTS.issue("client")


def serving(tmp_path, *, mutual=False):
    (tmp_path / "server.pem").write_text(SERVER.cert + SERVER.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    if mutual:
        context.load_verify_locations(cadata=CLIENTS.cert)
        context.verify_mode = ssl.CERT_REQUIRED
    return wire_cloud(context)


def plain(cloud, **more):
    data = {"auth_url": cloud.auth_url, "application_credential_id": "a", "application_credential_secret": "s3cret"}
    return {**data, **more}


def session(data):
    return CloudSession(parse_credentials(data, None, [data.get("auth_url", "")]), sleep=lambda _: None)


def ask(data):
    one = session(data)
    try:
        return one.request("network", "GET", "/v2.0/networks")
    finally:
        one.close()


def test_a_cloud_of_a_private_authority_is_reached_with_its_cacert_and_not_without(tmp_path):
    with serving(tmp_path) as cloud:
        assert ask(plain(cloud, cacert=OURS.cert)) == {"networks": []}
        assert ask(plain(cloud, cacert=OTHERS.cert + OURS.cert)) == {"networks": []}
        logins = cloud.logins
        for wrong in ({}, {"cacert": OTHERS.cert}):
            with pytest.raises(CloudConnectionError):
                ask(plain(cloud, **wrong))
        assert cloud.logins == logins, "nothing was sent to whom is not trusted"


def test_a_cacert_stands_in_place_of_the_public_authorities():
    made = session(
        {
            "auth_url": "https://h/v3",
            "application_credential_id": "a",
            "application_credential_secret": "b",
            "cacert": OURS.cert,
        }
    )
    context = made.keystone.session.get_adapter("https://h")._tls
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_the_variables_of_the_environment_add_nobody_to_those_that_are_trusted(tmp_path, monkeypatch):
    (tmp_path / "ours.pem").write_text(OURS.cert)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ours.pem"))
    with serving(tmp_path) as cloud, pytest.raises(CloudConnectionError):
        ask(plain(cloud, cacert=OTHERS.cert))


def test_a_name_that_the_certificate_does_not_have_is_refused(tmp_path):
    with serving(tmp_path) as cloud:
        data = plain(cloud, cacert=OURS.cert)
        data["auth_url"] = data["auth_url"].replace("127.0.0.1", "localhost")
        with pytest.raises(CloudConnectionError):
            ask(data)
        assert cloud.logins == 0


def test_a_client_certificate_is_shown_and_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(DESCRIPTORS.iterdir())
    with serving(tmp_path, mutual=True) as cloud:
        files = set(tmp_path.iterdir())
        assert ask(plain(cloud, cacert=OURS.cert, cert=CLIENT.cert, key=CLIENT.key)) == {"networks": []}
        assert ask(plain(cloud, cacert=OURS.cert, cert=CLIENT.cert + CLIENT.key)) == {"networks": []}
        with pytest.raises(CloudConnectionError):
            ask(plain(cloud, cacert=OURS.cert))
        assert set(tmp_path.iterdir()) == files
    assert len(set(DESCRIPTORS.iterdir())) <= len(before) + 1


def test_where_the_system_has_no_files_in_memory_the_file_is_ours_alone_and_goes(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    modes = []

    class Context(ssl.SSLContext):
        def load_cert_chain(self, certfile, keyfile=None, password=None):
            modes.append(Path(certfile).stat().st_mode & 0o777)
            return super().load_cert_chain(certfile, keyfile, password)

    monkeypatch.setattr(
        "infomaniak_operator.client.tls.create_urllib3_context", lambda: Context(ssl.PROTOCOL_TLS_CLIENT)
    )
    session(
        {
            "auth_url": "https://h/v3",
            "application_credential_id": "a",
            "application_credential_secret": "b",
            "cert": CLIENT.cert,
            "key": CLIENT.key,
        }
    )
    assert set(modes) == {0o600}
    assert list(tmp_path.iterdir()) == []


def test_the_form_that_never_raises_trusts_it_too(tmp_path):
    with serving(tmp_path) as cloud:
        path = tmp_path / "clouds.yaml"
        auth = {"auth_url": cloud.auth_url, "application_credential_id": "a", "application_credential_secret": "b"}
        for cacert, good in ((OURS.cert, True), (OTHERS.cert, False)):
            path.write_text(
                yaml.safe_dump({"clouds": {"one": {"auth": auth, "region_name": "dc3-a", "cacert": cacert}}})
            )
            with InfomaniakNetworkClient.from_clouds_yaml(path) as client:
                client.list_networks()
            assert bool(cloud.logins) is good
            cloud.logins = 0


def test_in_a_clouds_yaml_or_beside_it():
    auth = {"auth_url": "https://h/v3", "application_credential_id": "a", "application_credential_secret": "b"}
    inside = yaml.safe_dump({"clouds": {"one": {"auth": auth, "cacert": OURS.cert}}})
    beside = yaml.safe_dump({"clouds": {"one": {"auth": auth}}})
    one = parse_credentials({"clouds.yaml": inside})
    assert one.cacert == OURS.cert.strip()
    assert one == parse_credentials({"clouds.yaml": beside, "cacert": OURS.cert.encode()})
    assert one == parse_credentials({"clouds.yaml": inside, "cacert": OURS.cert})
    with pytest.raises(InvalidCredentialsError, match="'cacert' says something else"):
        parse_credentials({"clouds.yaml": inside, "cacert": OTHERS.cert})


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"cacert": "/etc/ssl/certs/ca.pem"}, "'cacert' must hold PEM text"),
        ({"cert": "/etc/ssl/client.pem", "key": "/etc/ssl/client.key"}, "'cert' must hold PEM text"),
        ({"cert": CLIENT.cert, "key": "/etc/ssl/client.key"}, "'key' must hold PEM text"),
        ({"cert": CLIENT.cert}, "'key' must hold PEM text"),
        ({"key": CLIENT.key}, "'cert' is missing"),
        ({"cert": CLIENT.cert, "key": SERVER.key}, "do not belong together"),
        ({"cert": CLIENT.cert, "key": pem(ec.generate_private_key(ec.SECP256R1()), "word")}, "encrypted"),
        ({"cacert": CLIENT.cert.replace("MII", "AAA", 1)}, "cannot be read"),
        ({"cacert": "-----BEGIN CERTIFICATE-----\n\0"}, "'cacert' must hold PEM text"),
        ({"cacert": "-----BEGIN CERTIFICATE-----\né"}, "'cacert' must hold PEM text"),
        ({"cacert": "-----BEGIN CERTIFICATE-----\n"}, "cannot be read"),
        ({"verify": "false", "cacert": OURS.cert}, "'verify' must be 'true'"),
        ({"insecure": "true"}, "'insecure' is not one"),
    ],
)
def test_what_is_none_is_refused_and_not_shown(more, says):
    data = {"auth_url": "https://h/v3", "application_credential_id": "a", "application_credential_secret": "b", **more}
    with pytest.raises(InvalidCredentialsError) as caught:
        parse_credentials(data)
    assert says in str(caught.value)
    assert "MII" not in str(caught.value)


def test_the_private_key_is_a_secret():
    data = {"auth_url": "https://h/v3", "application_credential_id": "a", "application_credential_secret": "b"}
    one = parse_credentials({**data, "cert": CLIENT.cert, "key": CLIENT.key})
    assert CLIENT.key.strip() in one.secrets
    assert "PRIVATE" not in repr(one)
