"""What the controller relies on, asked of the API server in memory and of the real one."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from infomaniak_operator.cli.cluster import SERVICES
from infomaniak_operator.controller.interfaces import FINALIZER
from infomaniak_operator.controller.kube.kube_api import SECRETS, Conflict, KubeError, NotFound, Rejected
from tests.contract.kube.conftest import Server
from tests.support.toy import TOYS

LABELLED = {"labels": {"network.infomaniak.cloud/credentials": "true"}}


def version(body: Any) -> int:
    return int(body["metadata"]["resourceVersion"])


def test_get(server: Server) -> None:
    made = server.hands.create(TOYS, "a", spec={"colour": "red"})
    got = server.kube.get(TOYS, server.namespace, "a")
    assert (got["spec"], got["kind"], got["metadata"]["generation"]) == ({"colour": "red"}, "Toy", 1)
    assert got["metadata"]["uid"] == made["metadata"]["uid"]
    assert version(got) == version(made)


@pytest.mark.parametrize("plural", ["toys", "nothings"])
def test_what_is_not_there_is_not_found(server: Server, plural: str) -> None:
    missing = replace(TOYS, plural=plural)
    for call in (
        lambda: server.kube.get(missing, server.namespace, "a"),
        lambda: server.kube.patch(missing, server.namespace, "a", {"metadata": {}}),
        lambda: server.kube.patch_status(missing, server.namespace, "a", {"status": {}}),
    ):
        with pytest.raises(NotFound) as raised:
            call()
        assert raised.value.status == 404


def test_list_comes_in_pages_of_one_namespace_at_a_time(server: Server) -> None:
    for name in "abc":
        server.hands.create(TOYS, name, spec={})
    pages = list(server.kube.list(TOYS, server.namespace))
    assert [[each["metadata"]["name"] for each in page] for page in pages] == [["a", "b"], ["c"]]
    assert all(each["kind"] == "Toy" and "spec" in each for page in pages for each in page)
    everywhere = [each["metadata"]["name"] for page in server.kube.list(TOYS, None) for each in page]
    assert set("abc") <= set(everywhere)


def test_list_of_secrets_gives_those_with_the_label_only(server: Server) -> None:
    server.hands.create(SECRETS, "mine", metadata=LABELLED, data={"a": "eA=="})
    server.hands.create(SECRETS, "other", data={"a": "eA=="})
    listed = [each for page in server.kube.list(SECRETS, server.namespace) for each in page]
    assert [(each["metadata"]["name"], each["data"]) for each in listed] == [("mine", {"a": "eA=="})]
    assert "kind" not in listed[0], "items of the core group's lists do not tell their kind"


def test_of_the_secrets_without_the_label_only_the_metadata_is_listed(server: Server) -> None:
    server.hands.create(SECRETS, "mine", metadata=LABELLED, data={"a": "eA=="})
    for name in ("other", "third"):
        server.hands.create(SECRETS, name, metadata={"finalizers": ["other/one"]}, data={"a": "eA=="})
    listed = [each for page in server.kube.list(SECRETS.unselected, server.namespace) for each in page]
    ours = {each["metadata"]["name"]: each for each in listed if each["metadata"]["name"] in ("mine", "other", "third")}
    assert set(ours) == {"other", "third"}
    for name, each in ours.items():
        assert set(each) == {"apiVersion", "kind", "metadata"}
        assert each["metadata"]["finalizers"] == ["other/one"]
        patch = {"metadata": {"resourceVersion": each["metadata"]["resourceVersion"], "finalizers": []}}
        assert server.kube.patch(SECRETS, server.namespace, name, patch)["data"] == {"a": "eA=="}


def test_a_patch_against_the_version_that_is_gives_the_next(server: Server) -> None:
    made = server.hands.create(TOYS, "a", spec={})
    wanted = {"resourceVersion": made["metadata"]["resourceVersion"], "finalizers": ["other/one", FINALIZER]}
    written = server.kube.patch(TOYS, server.namespace, "a", {"metadata": wanted, "status": {"id": "x"}})
    assert version(written) > version(made)
    assert written["metadata"]["finalizers"] == ["other/one", FINALIZER]
    assert written["metadata"]["generation"] == 1
    assert "status" not in written, "the status is the subresource's"


@pytest.mark.parametrize("part", ["metadata", "status"])
def test_a_patch_against_another_version_is_a_conflict(server: Server, part: str) -> None:
    made = server.hands.create(TOYS, "a", spec={})
    server.hands.change(TOYS, "a", {"spec": {"colour": "blue"}})
    tested = {"resourceVersion": made["metadata"]["resourceVersion"]}
    patch = {
        "metadata": lambda: server.kube.patch(
            TOYS, server.namespace, "a", {"metadata": {**tested, "finalizers": ["other/one"]}}
        ),
        "status": lambda: server.kube.patch_status(
            TOYS, server.namespace, "a", {"metadata": tested, "status": {"id": "x"}}
        ),
    }[part]
    with pytest.raises(Conflict):
        patch()


def test_the_status_is_merged_and_the_rest_is_not_touched(server: Server) -> None:
    server.hands.create(TOYS, "a", spec={"colour": "red"})
    patch = {"status": {"id": "x", "deep": {"one": 1, "two": 2}}, "spec": {"colour": "blue"}}
    first = server.kube.patch_status(TOYS, server.namespace, "a", patch)
    assert (first["spec"], first["metadata"]["generation"]) == ({"colour": "red"}, 1)
    second = server.kube.patch_status(
        TOYS, server.namespace, "a", {"status": {"id": None, "deep": {"two": None, "three": 3}}}
    )
    assert second["status"] == {"deep": {"one": 1, "three": 3}}
    assert version(second) > version(first)
    same = server.kube.patch_status(TOYS, server.namespace, "a", {"status": {"deep": {"one": 1}}})
    assert version(same) == version(second), "what changes nothing is no new version"


def test_the_generation_rises_with_the_spec_only(server: Server) -> None:
    server.hands.create(TOYS, "a", spec={"colour": "red"})
    assert server.hands.change(TOYS, "a", {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
    assert server.hands.change(TOYS, "a", {"spec": {"colour": "blue"}})["metadata"]["generation"] == 2


def test_delete_waits_for_the_finalizers_and_the_last_patch_tells_it_is_gone(server: Server) -> None:
    server.hands.create(TOYS, "a", spec={}, metadata={"finalizers": ["other/one", FINALIZER]})
    server.hands.delete(TOYS, "a")
    left = server.kube.patch(TOYS, server.namespace, "a", {"metadata": {"finalizers": ["other/one"]}})
    assert left["metadata"]["deletionTimestamp"]
    assert left["metadata"]["finalizers"] == ["other/one"]
    with pytest.raises(Rejected):
        server.kube.patch(TOYS, server.namespace, "a", {"metadata": {"finalizers": ["other/one", FINALIZER]}})
    status = server.kube.patch_status(TOYS, server.namespace, "a", {"status": {"id": "x"}})
    assert status["status"] == {"id": "x"}
    last = server.kube.patch(TOYS, server.namespace, "a", {"metadata": {"finalizers": []}})
    assert last["metadata"]["deletionTimestamp"]
    assert not last["metadata"].get("finalizers")
    with pytest.raises(NotFound):
        server.kube.get(TOYS, server.namespace, "a")


def test_delete_without_finalizers_is_at_once_and_the_name_is_free(server: Server) -> None:
    former = server.hands.create(TOYS, "a", spec={})
    server.hands.delete(TOYS, "a")
    assert server.hands.read(TOYS, "a") is None
    assert server.hands.create(TOYS, "a", spec={})["metadata"]["uid"] != former["metadata"]["uid"]


def test_events(server: Server) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "a.1", "namespace": server.namespace},
        "involvedObject": {"kind": "Toy", "namespace": server.namespace, "name": "a", "apiVersion": TOYS.api_version},
        "reason": "Created",
        "message": "m" * 1024,
        "type": "Normal",
        "count": 1,
        "firstTimestamp": "2026-11-25T08:00:00Z",
        "lastTimestamp": "2026-11-25T08:00:00Z",
    }
    server.kube.create_event(server.namespace, event)
    changed = server.kube.patch_event(server.namespace, "a.1", {"count": 2, "lastTimestamp": "2026-11-25T09:00:00Z"})
    assert (changed["count"], changed["reason"]) == (2, "Created")
    with pytest.raises(NotFound):
        server.kube.patch_event(server.namespace, "a.2", {"count": 2})
    with pytest.raises(Conflict):
        server.kube.create_event(server.namespace, event)
    assert issubclass(Conflict, KubeError)


def test_the_generation_rises_as_an_object_begins_to_go(server: Server) -> None:
    made = server.hands.create(TOYS, "a", spec={}, metadata={"finalizers": ["other/one"]})
    for _ in range(2):
        server.hands.delete(TOYS, "a")
        assert server.hands.read(TOYS, "a")["metadata"]["generation"] == made["metadata"]["generation"] + 1
    server.hands.change(TOYS, "a", {"metadata": {"finalizers": None}})


def test_a_condition_is_merged_by_its_type_into_that_very_object(server: Server) -> None:
    """Of a kind of Kubernetes' own, as a Pod's readiness gate is: what others say stays, whoever says it meanwhile."""
    made = server.hands.create(SERVICES, "gated", spec={"ports": [{"name": "a", "port": 80}]})
    uid = made["metadata"]["uid"]

    def say(kind: str, status: str, whose: str = uid) -> Mapping[str, str]:
        condition = {"type": kind, "status": status, "reason": "R", "message": ""}
        since = {"lastTransitionTime": "2026-11-28T00:00:00Z"}
        patch = {"metadata": {"uid": whose}, "status": {"conditions": [{**condition, **since}]}}
        answer = server.kube.patch_condition(SERVICES, server.namespace, "gated", patch)
        return {each["type"]: each["status"] for each in answer["status"]["conditions"]}

    assert say("example.com/one", "False") == {"example.com/one": "False"}
    assert say("example.com/two", "True") == {"example.com/one": "False", "example.com/two": "True"}
    assert say("example.com/one", "True") == {"example.com/one": "True", "example.com/two": "True"}
    with pytest.raises(Rejected, match="uid"):
        say("example.com/one", "False", str(uuid.uuid4()))
    server.hands.delete(SERVICES, "gated")
    with pytest.raises(NotFound):
        say("example.com/one", "False")
