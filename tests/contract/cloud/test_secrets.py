"""Secrets in Barbican: the fake and the real one, in what the operator relies on."""

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infomaniak_operator.client import (
    Category,
    CloudSession,
    ForbiddenError,
    InfomaniakCloudError,
    InfomaniakNetworkClient,
    NotFoundError,
    Operations,
    parse_credentials,
)
from sandbox import Project
from tests.support.extras import having
from tests.support.fake_cloud import FakeCloud
from tests.support.running import shared

REAL = pytest.param("real", marks=pytest.mark.slow)  # the sandbox gets a Barbican
BUNDLE = {"payload_content_type": "application/octet-stream", "payload_content_encoding": "base64"}


@dataclass
class Vault:
    """A project's secrets: in the hands of one who may keep some, and of one who may not."""

    keeper: Any
    other: Any
    project: Project | None = None


@pytest.fixture(params=["fake", REAL])
def vault(request: pytest.FixtureRequest) -> Iterator[Vault]:
    if request.param == "fake":
        keeper, other = FakeCloud(), FakeCloud()
        other.barbican.forbids = True
        yield Vault(keeper.operations("beta").secrets, other.operations("beta").secrets)
        return
    box, env = request.getfixturevalue("box"), request.getfixturevalue("env")
    shared(box).use("barbican", lambda: having(box, "barbican"))
    creator = box.customer("beta", "creator")
    sessions = [
        CloudSession(parse_credentials({"clouds.yaml": each.clouds_yaml()}, None, [env.auth_url]))
        for each in (creator, env.projects["beta"])
    ]
    keeper, other = (Operations(session, whole=True).secrets for session in sessions)
    yield Vault(keeper, other, creator)
    for session in sessions:
        session.close()


def _body(name: str, payload: bytes = b"\x00\x01 a bundle") -> dict[str, str]:
    return {"name": name, "payload": base64.b64encode(payload).decode(), **BUNDLE}


def test_what_is_stored_is_found_by_its_name_and_goes(vault: Vault) -> None:
    name = f"{uuid.uuid4().hex * 2} [ik2.{'a' * 22}.{'b' * 17}.cccccc]"  # as long as ours are
    first = vault.keeper.create(_body(name))
    assert (first["name"], first["secret_ref"].rpartition("/")[2]) == (name, first["id"])
    again = vault.keeper.create(_body(name))  # a name is not kept to one
    assert again["id"] != first["id"]
    found = {row["id"]: row for row in vault.keeper.list() if row["name"] == name}
    assert found.keys() == {first["id"], again["id"]}
    assert {(row["status"], row["secret_ref"]) for row in found.values()} == {
        ("ACTIVE", each["secret_ref"]) for each in (first, again)
    }
    assert all(row["created"] and "payload" not in row for row in found.values())
    for each in (first, again):
        vault.keeper.delete(each["id"])
    assert not [row for row in vault.keeper.list() if row["name"] == name]
    with pytest.raises(NotFoundError):
        vault.keeper.delete(first["id"])


def test_who_may_not_is_told_so(vault: Vault) -> None:
    for act in (vault.other.list, lambda: vault.other.create(_body("no"))):
        with pytest.raises(ForbiddenError, match="Forbidden") as refused:
            act()
        assert (refused.value.category, refused.value.outcome_unknown) == (Category.TERMINAL, False)


def test_what_is_too_large_is_refused_and_not_told(vault: Vault) -> None:
    body = _body("large", b"x" * 40_000)
    with pytest.raises(InfomaniakCloudError) as refused:
        vault.keeper.create(body)
    assert (refused.value.status, refused.value.category) == (400, Category.TERMINAL)
    assert body["payload"][:16] not in str(refused.value)


@pytest.mark.parametrize("vault", [REAL], indirect=True)
def test_the_facade_stores_lists_and_deletes(vault: Vault) -> None:
    who = vault.project
    assert who is not None
    with InfomaniakNetworkClient.from_credentials(
        who.application_credential_id, who.application_credential_secret, who.auth_url, who.region
    ) as client:
        name = f"facade {uuid.uuid4()}"
        made = client.create_secret(name, b"\x00 a bundle")
        assert made is not None
        (found,) = client.list_secrets(name)
        assert (found["id"], found["status"], found["secret_type"]) == (made["id"], "ACTIVE", "opaque")
        assert client.delete_secret(made["id"]) is True
        assert client.list_secrets(name) == []
