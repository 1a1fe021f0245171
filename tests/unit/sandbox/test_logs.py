"""What is read from the access log and from the API server's audit log."""

import json
from pathlib import Path

import pytest

from sandbox import logs

CALL = {
    "at": 1.0,
    "service": "neutron",
    "method": "GET",
    "path": "/v2.0/networks",
    "query": "name=a",
    "status": 200,
    "seconds": 0.1,
    "project": "p",
    "user": "u",
    "agent": "",
}


@pytest.mark.parametrize(
    ("agent", "by"),
    [
        ("infomaniak-operator/0.1.0 openstacksdk/4.22.0", "operator"),
        ("octavia keystoneauth1/5.18.1 python-requests/2.34.2", "octavia"),
        ("", ""),
    ],
)
def test_the_calling_program_is_read_from_its_user_agent(agent: str, by: str) -> None:
    assert logs.Call(**{**CALL, "agent": agent}).by == by


def test_calls_are_read_from_a_mark_on_and_a_half_written_line_is_left(tmp_path: Path) -> None:
    log = tmp_path / "access.jsonl"
    assert logs.position(log) == 0
    assert logs.calls(log, 0) == []
    log.write_text(json.dumps(CALL) + "\n")
    mark = logs.position(log)
    log.write_text(log.read_text() + json.dumps({**CALL, "method": "POST"}) + "\n" + '{"at": 2')
    assert [call.method for call in logs.calls(log, mark)] == ["POST"]
    assert [call.method for call in logs.calls(log, 0)] == ["GET", "POST"]


def test_calls_of_kubernetes_by_user(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    reference = {"resource": "infomaniaknetworks", "subresource": "status"}
    lines = [
        {
            "user": {"username": user},
            "verb": "patch",
            "requestURI": "/x",
            "objectRef": reference,
            "responseStatus": {"code": 200},
        }
        for user in ("operator", "admin")
    ]
    lines.append({"verb": "get", "requestURI": "/version"})
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert logs.kube_calls(log, 0, "operator") == [
        logs.KubeCall("operator", "patch", "/x", 200, "infomaniaknetworks/status")
    ]
    assert logs.kube_calls(log, 0, None)[2] == logs.KubeCall("", "get", "/version", 0, "")
