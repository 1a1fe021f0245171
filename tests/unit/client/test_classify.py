import ssl

import openstack.exceptions as sdk
import pytest
import requests
import urllib3.exceptions
from keystoneauth1 import exceptions as keystone

from infomaniak_operator.client import (
    AuthenticationError,
    BadRequestError,
    Category,
    CloudConnectionError,
    CloudTimeoutError,
    ConflictError,
    ForbiddenError,
    InfomaniakCloudError,
    InvalidCredentialsError,
    NotFoundError,
    PreconditionFailedError,
    QuotaExceededError,
    ServiceError,
    classify,
)
from infomaniak_operator.client import errors as tree
from infomaniak_operator.client.classify import words_of


def answer(status, body):
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else __import__("json").dumps(body).encode()
    response.headers["x-openstack-request-id"] = "req-1"
    response.headers["content-type"] = "application/json"
    return response


def neutron(kind, message="words"):
    return {"NeutronError": {"type": kind, "message": message, "detail": ""}}


def octavia(message):
    return {"faultcode": "Client", "faultstring": message, "debuginfo": None}


TABLE = [
    (400, neutron("HTTPBadRequest"), BadRequestError, Category.TERMINAL),
    (400, neutron("ExternalIpAddressExhausted"), BadRequestError, Category.QUOTA),
    (400, octavia("Validation failure: TCP is not a valid option for type"), BadRequestError, Category.TRANSIENT),
    (400, octavia("TCP is not a valid option for type"), BadRequestError, Category.TRANSIENT),
    (400, octavia("TERMINATED_HTTPS is not a valid option for protocol"), BadRequestError, Category.TRANSIENT),
    (400, octavia("ROUND_ROBIN is not a valid option for lb_algorithm"), BadRequestError, Category.TRANSIENT),
    (400, octavia("REDIRECT_TO_URL is not a valid option for action"), BadRequestError, Category.TRANSIENT),
    (400, octavia("HOST_NAME is not a valid option for type"), BadRequestError, Category.TRANSIENT),
    (400, octavia("STARTS_WITH is not a valid option for compare_type"), BadRequestError, Category.TRANSIENT),
    (400, octavia("UDP is not a valid option for type"), BadRequestError, Category.TERMINAL),
    (400, octavia("None is not a valid option for type"), BadRequestError, Category.TERMINAL),
    (
        400,
        octavia("url_path is not a valid option for health monitors of type TCP"),
        BadRequestError,
        Category.TERMINAL,
    ),
    (
        400,
        octavia("insert-headers is not a valid option for a TCP protocol listener."),
        BadRequestError,
        Category.TERMINAL,
    ),
    (
        400,
        octavia("Could not retrieve certificate: ['https://keys/v1/secrets/1']"),
        BadRequestError,
        Category.UNREADABLE,
    ),
    (400, octavia("The PKCS12 bundle is unreadable. Please check"), BadRequestError, Category.TERMINAL),
    (400, octavia("Cannot delete Load Balancer lb - it has children"), BadRequestError, Category.IN_USE),
    (
        401,
        {"error": {"code": 401, "title": "Unauthorized", "message": "no"}},
        AuthenticationError,
        Category.AUTHENTICATION,
    ),
    (403, octavia("Quota has been met for resources: Load Balancer"), QuotaExceededError, Category.QUOTA),
    (403, octavia("Policy does not allow this request to be performed."), ForbiddenError, Category.TERMINAL),
    (403, neutron("PolicyNotAuthorized"), ForbiddenError, Category.TERMINAL),
    (404, neutron("NetworkNotFound"), NotFoundError, Category.NOT_FOUND),
    (404, neutron("ExternalGatewayForFloatingIPNotFound"), NotFoundError, Category.WAITING),
    (409, neutron("OverQuota"), QuotaExceededError, Category.QUOTA),
    (409, neutron("NetworkInUse"), ConflictError, Category.IN_USE),
    (409, neutron("SubnetInUse"), ConflictError, Category.IN_USE),
    (409, neutron("RouterInUse"), ConflictError, Category.IN_USE),
    (409, neutron("RouterInterfaceInUseByFloatingIP"), ConflictError, Category.IN_USE),
    (409, neutron("FloatingIPPortAlreadyAssociated"), ConflictError, Category.IN_USE),
    (409, neutron("SecurityGroupInUse"), ConflictError, Category.IN_USE),
    (409, neutron("SecurityGroupRuleExists"), ConflictError, Category.TERMINAL),
    (409, neutron("IpAddressGenerationFailure"), ConflictError, Category.QUOTA),
    (409, neutron("MacAddressInUse"), ConflictError, Category.TERMINAL),
    (409, neutron("AddressPairAndPortSecurityRequired"), ConflictError, Category.TERMINAL),
    (409, neutron("PortSecurityPortHasSecurityGroup"), ConflictError, Category.TERMINAL),
    (409, neutron("GatewayConflictWithAllocationPools"), ConflictError, Category.TERMINAL),
    (409, neutron("OverlappingAllocationPools"), ConflictError, Category.TERMINAL),
    (409, neutron("NetworkMTUSubnetConflict"), ConflictError, Category.IN_USE),
    (409, octavia("Load Balancer lb is immutable and cannot be updated."), ConflictError, Category.WAITING),
    (409, octavia("Invalid state PENDING_UPDATE of loadbalancer resource lb"), ConflictError, Category.WAITING),
    (
        409,
        octavia("Another Listener on this Load Balancer is already using protocol_port 80"),
        ConflictError,
        Category.TERMINAL,
    ),
    (409, octavia("This pool already has a health monitor"), ConflictError, Category.TERMINAL),
    (412, neutron("RevisionNumberConstraintFailed"), PreconditionFailedError, Category.PRECONDITION),
    (408, {}, ServiceError, Category.TRANSIENT),
    (429, {}, ServiceError, Category.TRANSIENT),
    (500, neutron("HTTPInternalServerError"), ServiceError, Category.TRANSIENT),
    (500, neutron("SubnetAllocationError"), ServiceError, Category.QUOTA),
    (501, octavia("Provider 'amphora' does not support a requested option"), ServiceError, Category.TERMINAL),
    (502, b"<html><h1>Bad Gateway</h1></html>", ServiceError, Category.TRANSIENT),
    (503, octavia("Project is busy, please try again later"), ServiceError, Category.TRANSIENT),
    (504, b"", ServiceError, Category.TRANSIENT),
    (418, {}, BadRequestError, Category.TERMINAL),
]


@pytest.mark.parametrize(("status", "body", "kind", "category"), TABLE)
@pytest.mark.parametrize("library", ["sdk", "keystoneauth", "requests"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_table_holds_whoever_raises(library, status, body, kind, category):
    response = answer(status, body)
    raised = {
        "sdk": lambda: sdk.HttpException("message", response=response, http_status=status, request_id="req-1"),
        "keystoneauth": lambda: keystone.from_response(response, "POST", "http://x"),
        "requests": lambda: requests.HTTPError(response=response),
    }[library]()
    found = classify(raised, what="POST /x", changing=True)
    assert type(found) is kind
    assert (found.category, found.status, found.request_id) == (category, status, "req-1")
    assert found.outcome_unknown is (status in (408, 500, 502, 503, 504))
    assert not classify(raised, what="GET /x").outcome_unknown


@pytest.mark.parametrize(("status", "body", "kind", "category"), TABLE)
@pytest.mark.parametrize("attribute", ["http_status", "status_code", "status", "code"])
def test_the_table_holds_for_plain_errors_by_their_status(attribute, status, body, kind, category):
    error = Exception(str(body))
    setattr(error, attribute, status)
    found = classify(error)
    assert type(found) is kind
    assert (found.category, found.status) == (category, status)


def test_openstacksdk_raises_what_the_table_knows():
    for kind, status, ours in [
        (sdk.NotFoundException, 404, NotFoundError),
        (sdk.ConflictException, 409, ConflictError),
        (sdk.BadRequestException, 400, BadRequestError),
        (sdk.ForbiddenException, 403, ForbiddenError),
        (sdk.PreconditionFailedException, 412, PreconditionFailedError),
    ]:
        with pytest.raises(kind) as caught:
            sdk.raise_from_response(answer(status, neutron("Whatever", "their words")))
        found = classify(caught.value)
        assert type(found) is ours
        assert found.error_type == "Whatever"
        assert "their words" in str(found)


def caused(outer, inner):
    outer.__context__ = inner
    return outer


def retries(reason):
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "http://x", reason))


NEW = urllib3.exceptions.NewConnectionError(None, "Connection refused")
DNS = urllib3.exceptions.NameResolutionError("host", None, OSError("no such host"))


@pytest.mark.parametrize(
    ("error", "kind", "unknown"),
    [
        (caused(keystone.ConnectFailure("no"), retries(NEW)), CloudConnectionError, False),
        (caused(keystone.ConnectFailure("no"), retries(DNS)), CloudConnectionError, False),
        (caused(keystone.ConnectTimeout("slow"), requests.ConnectTimeout("slow")), CloudTimeoutError, False),
        (caused(keystone.ConnectTimeout("slow"), requests.ReadTimeout("slow")), CloudTimeoutError, True),
        (
            caused(keystone.ConnectFailure("reset"), requests.ConnectionError(ConnectionResetError("reset"))),
            CloudConnectionError,
            True,
        ),
        (
            caused(
                keystone.ConnectFailure("gone"), requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted"))
            ),
            CloudConnectionError,
            True,
        ),
        (keystone.SSLError("handshake"), CloudConnectionError, True),
        (caused(keystone.SSLError("cert"), ssl.SSLCertVerificationError("self-signed")), CloudConnectionError, False),
        (
            keystone.UnknownConnectionError("what", requests.exceptions.ChunkedEncodingError("cut")),
            CloudConnectionError,
            True,
        ),
        (requests.ReadTimeout("slow"), CloudTimeoutError, True),
        (requests.ConnectionError("no"), CloudConnectionError, True),
        (TimeoutError("slow"), CloudTimeoutError, True),
        (ConnectionRefusedError("no"), CloudConnectionError, False),
        (ConnectionResetError("reset"), CloudConnectionError, True),
    ],
)
def test_failures_of_the_network(error, kind, unknown):
    found = classify(error, changing=True)
    assert type(found) is kind
    assert found.category is Category.TRANSIENT
    assert found.outcome_unknown is unknown
    assert classify(error, changing=False).outcome_unknown is False


@pytest.mark.parametrize(
    ("error", "kind", "category"),
    [
        (sdk.ResourceTimeout("waited too long"), CloudTimeoutError, Category.TRANSIENT),
        (sdk.ConfigException("no auth"), InvalidCredentialsError, Category.AUTHENTICATION),
        (keystone.MissingRequiredOptions([]), InvalidCredentialsError, Category.AUTHENTICATION),
        (keystone.MissingAuthPlugin(), InvalidCredentialsError, Category.AUTHENTICATION),
        (keystone.AuthorizationFailure("no"), AuthenticationError, Category.AUTHENTICATION),
        (keystone.EndpointNotFound("no"), ServiceError, Category.TERMINAL),
        (sdk.SDKException("whatever"), InfomaniakCloudError, Category.TERMINAL),
        (ValueError("whatever"), InfomaniakCloudError, Category.TERMINAL),
        (KeyError("x"), InfomaniakCloudError, Category.TERMINAL),
    ],
)
def test_errors_without_status(error, kind, category):
    found = classify(error)
    assert type(found) is kind
    assert found.category is category


def test_one_of_ours_stays_as_it_is():
    ours = ConflictError("x")
    assert classify(ours) is ours


def test_a_network_failure_inside_an_sdk_error_is_found():
    error = caused(sdk.SDKException("failed"), keystone.ConnectFailure("no"))
    assert type(classify(error)) is CloudConnectionError


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (neutron("NetworkInUse", "in  use\n"), "NetworkInUse", "in use"),
        (octavia("no"), None, "no"),
        ({"error": {"code": 404, "title": "Not Found", "message": "no"}}, None, "no"),
        ({"error": "no"}, None, "no"),
        ({"message": "no"}, None, "no"),
        ({"NeutronError": "no"}, None, "no"),
        ([], None, ""),
        (None, None, ""),
    ],
)
def test_the_services_words(body, kind, message):
    found = words_of(body)
    assert (found.error_type, found.message) == (kind, message)


def test_words_of_a_proxy_are_read_without_their_tags_and_cut():
    assert words_of(None, "<html><h1>Bad  Gateway</h1></html>").message == "Bad Gateway"
    assert len(words_of(None, "x" * 5000).message) == 1000


def test_the_tree_in_the_docstring_is_the_tree_there_is():
    for name, kind in vars(tree).items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert f" {name} " in f" {tree.__doc__} ".replace("\n", " ")


def test_a_message_alone_makes_an_error():
    error = AuthenticationError("no")
    assert (str(error), error.category, error.outcome_unknown) == ("no", Category.AUTHENTICATION, False)


def test_a_service_that_is_not_reached_is_said_in_plain_words():
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 9)
    refused = urllib3.exceptions.NewConnectionError(
        pool, "Failed to establish a new connection: [Errno 111] Connection refused"
    )
    refused.__cause__ = ConnectionRefusedError(111, "Connection refused")
    all_tries = urllib3.exceptions.MaxRetryError(pool, "/v2.0/networks?project_id=p", refused)
    outer = keystone.ConnectFailure(f"Unable to establish connection to http://127.0.0.1:9/v2.0/networks: {all_tries}")
    found = classify(caused(outer, requests.ConnectionError(all_tries)), what="GET /v2.0/networks")
    assert str(found) == (
        "GET /v2.0/networks: Unable to establish connection to http://127.0.0.1:9/v2.0/networks: Connection refused"
    )


def test_where_nobody_says_why_the_whole_is_kept():
    pool = urllib3.HTTPConnectionPool("127.0.0.1", 9)
    all_tries = urllib3.exceptions.MaxRetryError(pool, "/v3", urllib3.exceptions.ResponseError("too many 502"))
    assert "too many 502" in str(classify(requests.ConnectionError(all_tries)))
    slow = urllib3.exceptions.ReadTimeoutError(pool, "/v3", "Read timed out. (read timeout=60)")
    assert str(classify(requests.ReadTimeout(slow))).endswith("Read timed out. (read timeout=60)")
