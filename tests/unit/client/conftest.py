from collections.abc import Iterator

import pytest

from infomaniak_operator.client import CloudCredentials, CloudSession
from tests.support.fake_cloud_http import WireCloud, wire_cloud


@pytest.fixture
def wire() -> Iterator[WireCloud]:
    with wire_cloud() as cloud:
        yield cloud


@pytest.fixture
def credentials(wire: WireCloud) -> CloudCredentials:
    return CloudCredentials(
        auth_url=wire.auth_url, application_credential_id="app", application_credential_secret="s3cret-value"
    )


@pytest.fixture
def session(credentials: CloudCredentials) -> Iterator[CloudSession]:
    session = CloudSession(credentials, sleep=lambda _: None)
    yield session
    session.close()
