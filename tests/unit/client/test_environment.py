"""What the environment says of proxies and certificates counts for nothing but in scripts."""

import pytest

from infomaniak_operator.client import CloudSession, InfomaniakNetworkClient, Operations
from tests.support.hostile import Talk, answer, hostile, page

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture
def proxied(monkeypatch):
    """An environment whose proxy notes what it is asked for."""
    asked = []

    def proxy(talk: Talk) -> None:
        asked.append(talk.request().split(b"\r\n")[0])
        talk.say(answer(page("theirs")))

    with hostile(proxy) as server:
        for name in VARIABLES:
            monkeypatch.setenv(name, server.address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, "/nowhere/ca.pem")
        server.asked = asked
        yield server


def test_a_session_asks_the_cloud_itself(session, wire, proxied):
    assert Operations(session).networks.list() == []
    assert (proxied.asked, len(wire.asked)) == ([], 1)


def test_certificates_of_the_environment_are_not_read(session, proxied):
    http = session._http
    assert http.merge_environment_settings("https://cloud.example", {}, None, None, None)["verify"] is True


def test_a_session_goes_through_the_proxy_that_it_is_told(credentials, wire):
    asked = []

    def proxy(talk: Talk) -> None:
        asked.append(talk.request().split(b"\r\n")[0])
        talk.say(answer(page("n1")))

    with hostile(proxy) as server:
        plain = CloudSession(credentials)
        session = CloudSession(credentials, proxy=server.address)
        session._plugin, session._age = plain._plugin, plain._age  # a token, without the proxy
        plain.login()
        assert Operations(session).networks.list() == [{"id": "n1"}]
    assert asked == [f"GET {wire.address}/network/v2.0/networks HTTP/1.1".encode()]


def test_a_script_may_use_the_environment_s_proxy(credentials, proxied):
    InfomaniakNetworkClient._connected(credentials).list_networks()
    assert proxied.asked
