"""What the API server makes of L7Policies at apply."""

from __future__ import annotations

from typing import Any

import pytest

from infomaniak_operator.api.registry import KINDS, InvalidSpec
from tests.support.crds import Server

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"


def rule(**fields: Any) -> dict[str, Any]:
    return {"type": "PATH", "compareType": "STARTS_WITH", "value": "/api/", **fields}


def policy(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    found = {"loadBalancerRef": {"name": "web"}, "listener": "http", "action": "REJECT", **fields}
    return {"rules": list(rules) or [rule()], **{name: value for name, value in found.items() if value is not None}}


TO_POOL = {"action": "REDIRECT_TO_POOL", "poolRef": {"name": "api"}}
TO_URL = {"action": "REDIRECT_TO_URL", "redirectURL": "https://www.example.com/x?y=1"}
TO_PREFIX = {"action": "REDIRECT_PREFIX", "redirectPrefix": "http://[2001:db8::1]:8080"}
CERTIFICATE = rule(type="SSL_CONN_HAS_CERT", compareType="EQUAL_TO", value="true")

ACCEPTED: dict[str, dict[str, Any]] = {
    "the least": policy(),
    "to a pool": policy(**TO_POOL, position=2147483647, adminStateUp=False, name="n", description="d", tags=["t"]),
    "to a URL": policy(**TO_URL, redirectHTTPCode=308),
    "to a prefix": policy(**TO_PREFIX, redirectHTTPCode=301),
    "all types": policy(
        rule(type="HOST_NAME", compareType="EQUAL_TO", value="www.example.com"),
        rule(type="HOST_NAME", compareType="REGEX", value="^(www|api)[.]example[.]com$"),
        rule(type="PATH", compareType="CONTAINS", value='"a b"'),
        rule(type="PATH", compareType="REGEX", value="^/(?!private/) *"),
        rule(type="HEADER", key="X-Canary", compareType="EQUAL_TO", value="yes"),
        rule(type="COOKIE", key="tier", compareType="ENDS_WITH", value="beta", invert=True),
        rule(type="FILE_TYPE", compareType="EQUAL_TO", value="png"),
        rule(type="FILE_TYPE", compareType="REGEX", value="jpe?g"),
        CERTIFICATE,
        rule(type="SSL_VERIFY_RESULT", compareType="EQUAL_TO", value="0"),
        rule(type="SSL_DN_FIELD", key="CN", compareType="STARTS_WITH", value="client-"),
    ),
    "fifty rules": policy(*[rule(value=f"/{number}") for number in range(50)]),
    "import": {"import": {"filter": {"name": "p", "action": "REJECT"}}},
    "import with rules": {"import": {"id": ID}, "rules": [rule()]},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "rules is required, unless import names what to take over"),
    "a load balancer without a listener": (policy(listener=None), "loadBalancerRef and listener go together"),
    "no action": (policy(action=None), "action is required, unless import"),
    "an action of another spelling": (policy(action="redirectToPool"), "Unsupported value"),
    "no rules": ({**policy(), "rules": []}, "should have at least 1 items"),
    "too many rules": (policy(*[rule(value=f"/{number}") for number in range(51)]), "must have at most 50 items"),
    "position 0": (policy(position=0), "greater than or equal to 1"),
    "no pool": (policy(action="REDIRECT_TO_POOL"), "poolRef is needed with action REDIRECT_TO_POOL, and only with"),
    "no URL": (policy(action="REDIRECT_TO_URL"), "redirectURL is needed with action REDIRECT_TO_URL"),
    "no prefix": (policy(action="REDIRECT_PREFIX"), "redirectPrefix is needed with action REDIRECT_PREFIX"),
    "a pool that is not used": (policy(poolRef={"name": "x"}), "poolRef is needed with action REDIRECT_TO_POOL, and o"),
    "a target without an action": ({"import": {"id": ID}, "poolRef": {"name": "x"}}, "poolRef is needed with action"),
    "two targets": (policy(**TO_URL, poolRef={"name": "x"}), "poolRef is needed with"),
    "another code": (policy(**TO_URL, redirectHTTPCode=304), "Unsupported value: 304"),
    "a code for a pool": (policy(**TO_POOL, redirectHTTPCode=301), "redirectHTTPCode needs action REDIRECT_TO_URL"),
    "a relative URL": (policy(action="REDIRECT_TO_URL", redirectURL="/x"), "must be a URL with http:// or https://"),
    "a URL of another scheme": (policy(action="REDIRECT_TO_URL", redirectURL="ftp://x/"), "must be a URL with http"),
    "a URL with a blank": (policy(action="REDIRECT_TO_URL", redirectURL="https://x/a b"), "must be a URL with"),
    "a prefix without a host": (policy(action="REDIRECT_PREFIX", redirectPrefix="https://"), "must be a URL with"),
    "a key for a path": (policy(rule(key="x")), "key is needed with type HEADER, COOKIE and SSL_DN_FIELD, and only"),
    "a header without a key": (policy(rule(type="HEADER")), "key is needed with type HEADER, COOKIE and SSL_DN_FIELD"),
    "a key with a blank": (policy(rule(type="COOKIE", key="a b")), "must be the name of a header, a cookie or a field"),
    "a file type by its start": (policy(rule(type="FILE_TYPE")), "type FILE_TYPE knows compareType EQUAL_TO and REGEX"),
    "an unknown type": (policy(rule(type="METHOD")), "Unsupported value"),
    "a certificate by its start": (
        policy({**CERTIFICATE, "compareType": "STARTS_WITH"}),
        "know compareType EQUAL_TO only",
    ),
    "no certificate": (policy({**CERTIFICATE, "value": "false"}), "set invert: true"),
    "a result in words": (
        policy(rule(type="SSL_VERIFY_RESULT", compareType="EQUAL_TO", value="ok")),
        "needs a number of OpenSSL",
    ),
    "a field that is none": (
        policy(rule(type="SSL_DN_FIELD", key="1.2.3", value="x")),
        "key is a field of the distinguished name",
    ),
    "a value with a blank": (policy(rule(value="/a b")), "Octavia takes in double quotes only"),
    "a cookie in quotes": (policy(rule(type="COOKIE", key="a", value='"b c"')), "Octavia takes in double quotes only"),
    "a value on two lines": (policy(rule(compareType="REGEX", value="a\nb")), "must be on one line"),
    "a value with a nought": (policy(rule(compareType="REGEX", value="a\0b")), "hold no control characters"),
    "a value with an escape": (policy(rule(compareType="REGEX", value="a\x1b[2J")), "hold no control characters"),
    "a value with a delete": (policy(rule(compareType="REGEX", value="a\x7f")), "hold no control characters"),
    "an expression with a tab": (policy(rule(compareType="REGEX", value="a\tb")), "is cut in two by HAProxy"),
    "an empty value": (policy(rule(value="")), "should be at least 1 chars long"),
    "a long value": (policy(rule(value="x" * 256)), "may not be more than 255"),
    "an unknown field": (policy(rule(adminStateUp=False)), 'unknown field "spec.rules[0].adminStateUp"'),
}

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another load balancer": (
        policy(),
        policy(loadBalancerRef={"name": "other"}),
        "spec.loadBalancerRef: Invalid value: loadBalancerRef cannot be changed: create another L7Policy",
    ),
    "another listener": (policy(), policy(listener="https"), "listener cannot be changed: create another L7Policy"),
    "what is mutable": (policy(position=1), policy(CERTIFICATE, **TO_POOL, position=9, name="x"), ""),
}


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_l7_policies_accepted(server: Server, spec: dict[str, Any]) -> None:
    assert server.refusal("L7Policy", spec) == ""
    KINDS["L7Policy"].parse(spec)


@pytest.mark.parametrize(("spec", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_l7_policies_refused(server: Server, spec: dict[str, Any], message: str) -> None:
    assert message in server.refusal("L7Policy", spec)


@pytest.mark.parametrize(("old", "new", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_l7_policies_changed(server: Server, old: dict[str, Any], new: dict[str, Any], message: str) -> None:
    said = server.refusal_of_change("L7Policy", old, new, {"id": ID})
    assert message in said
    assert bool(said) == bool(message)


@pytest.mark.parametrize("value", ["(", "[z-a]", "*", "(?P<x"])
def test_what_only_the_operator_can_know_of_a_regular_expression(server: Server, value: str) -> None:
    """Octavia's regular expressions are not those of the API server, which would refuse good ones."""
    spec = policy(rule(compareType="REGEX", value=value))
    assert server.refusal("L7Policy", spec) == ""
    with pytest.raises(InvalidSpec, match=r"rules\[0\].*is no regular expression"):
        KINDS["L7Policy"].parse(spec)
