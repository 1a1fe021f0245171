"""The base of the facade: connecting, and what becomes of an error: a line in the log and a sentinel."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from keystoneauth1 import session as keystone_session

from infomaniak_operator.client.classify import classify
from infomaniak_operator.client.clouds_yaml import CLOUDS_YAML
from infomaniak_operator.client.credentials import (
    DEFAULT_AUTH_URL,
    DEFAULT_REGION,
    CloudCredentials,
    from_mapping,
    parse_credentials,
)
from infomaniak_operator.client.errors import (
    AuthenticationError,
    CloudTimeoutError,
    InvalidCredentialsError,
    ServiceError,
)
from infomaniak_operator.client.limits import LIST_CALLS, MOST_ROWS, CloudLimits
from infomaniak_operator.client.login import plugin
from infomaniak_operator.client.redact import redacted
from infomaniak_operator.client.session import is_id
from infomaniak_operator.client.tls import tls_context
from infomaniak_operator.client.told import own, told
from infomaniak_operator.client.transport import connections
from infomaniak_operator.client.views import View, shown

log = logging.getLogger("infomaniak_operator.client")

TIMEOUT_SECONDS = 30.0
POOL_SIZE = 64
_REQUIRED = ("INFOMANIAK_APP_CREDENTIAL_ID", "INFOMANIAK_APP_CREDENTIAL_SECRET")
_AUTH_URL, _REGION, _PROJECT_ID = "INFOMANIAK_AUTH_URL", "INFOMANIAK_REGION", "INFOMANIAK_PROJECT_ID"
_VARIABLES = (*_REQUIRED, _AUTH_URL, _REGION, _PROJECT_ID)


class InfomaniakOpenStackBase:
    """A connection to the cloud, whose operations never raise: errors are logged, and a sentinel comes back.

    Args:
        connection: an ``openstack.connection.Connection``, or what looks like one. It can be shared by threads.
    """

    _service_name = "openstack"

    def __init__(self, connection: Any) -> None:
        self._conn = connection
        self._project_id: str | None = None
        self._secrets: tuple[str, ...] = ()

    # ── connecting: here errors are raised ───────────────────────────────────────────────────────────────────────

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Connect with what environment variables say. Nothing is asked yet.

        ``INFOMANIAK_APP_CREDENTIAL_ID`` and ``INFOMANIAK_APP_CREDENTIAL_SECRET`` must be there;
        ``INFOMANIAK_AUTH_URL`` is by default that of dc3-a, ``INFOMANIAK_REGION`` is dc3-a, and
        ``INFOMANIAK_PROJECT_ID``, if it is there, is what ``validate_connection`` compares with. Blanks around a value
        (the newline of a file) do not count, and one of blanks alone is not there.

        Args:
            environment: None: the process's own.

        Returns:
            The client; close it, or use it in a ``with`` statement.

        Raises:
            InvalidCredentialsError: a variable is missing, or its value cannot be used; the message names it.
        """
        variables = os.environ if environment is None else environment
        found = {name: variables[name].strip() for name in _VARIABLES if name in variables}
        missing = [name for name in _REQUIRED if not found.get(name)]
        if missing:
            raise InvalidCredentialsError(
                f"environment variable {' and '.join(missing)} not set: make an application credential in Horizon"
            )
        credentials = _application_credentials(
            found[_REQUIRED[0]],
            found[_REQUIRED[1]],
            found.get(_AUTH_URL) or DEFAULT_AUTH_URL,
            found.get(_REGION) or DEFAULT_REGION,
            found.get(_PROJECT_ID) or None,
        )
        return cls._connected(credentials)

    @classmethod
    def from_credentials(
        cls,
        application_credential_id: str,
        application_credential_secret: str,
        auth_url: str | None = None,
        region: str = DEFAULT_REGION,
    ) -> Self:
        """Connect with an application credential. Nothing is asked yet.

        Args:
            application_credential_id: from Horizon.
            application_credential_secret: from Horizon, shown there once.
            auth_url: Keystone; None: that of dc3-a.
            region: the region.

        Returns:
            The client; close it, or use it in a ``with`` statement.

        Raises:
            InvalidCredentialsError: a value is missing or cannot be used.
        """
        credentials = _application_credentials(
            application_credential_id, application_credential_secret, auth_url or DEFAULT_AUTH_URL, region, None
        )
        return cls._connected(credentials)

    @classmethod
    def from_clouds_yaml(cls, path: str | Path = CLOUDS_YAML, cloud_name: str | None = None) -> Self:
        """Connect with an entry of a ``clouds.yaml``. Nothing is asked yet.

        Args:
            path: the file.
            cloud_name: which entry; None: the only one.

        Returns:
            The client; close it, or use it in a ``with`` statement.

        Raises:
            InvalidCredentialsError: something in it is missing or cannot be used.
            OSError: the file cannot be read.
        """
        return cls._connected(parse_credentials({CLOUDS_YAML: Path(path).read_text("utf-8")}, cloud_name))

    @classmethod
    def _connected(cls, credentials: CloudCredentials) -> Self:
        from openstack.connection import Connection  # noqa: PLC0415 - half a second that the raising form can do without

        tls = tls_context(credentials.cacert, credentials.cert, credentials.key)
        http = connections(POOL_SIZE, None, lambda _: None, CloudLimits(), TIMEOUT_SECONDS, tls=tls, environment=True)
        session = keystone_session.Session(
            auth=plugin(credentials),
            session=http,
            timeout=TIMEOUT_SECONDS,
            redirect=False,  # it would take the token along, wherever it leads
            app_name="infomaniak-client",
        )
        client = cls(Connection(session=session, region_name=credentials.region))
        client._project_id = credentials.project_id
        client._secrets = credentials.secrets
        return client

    def close(self) -> None:
        """Close the connection.

        Raises:
            Nothing: an error is logged.
        """
        self._done("close", lambda conn: conn.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def validate_connection(self) -> bool:
        """Ask Keystone whether it takes the credential now: ``GET /v3/auth/catalog``.

        Returns:
            Whether it does, and the credential is of the project that ``INFOMANIAK_PROJECT_ID`` names, if it names one.

        Raises:
            Nothing: an error is logged, and False comes back.
        """

        def ask(conn: Any) -> None:
            conn.authorize()
            conn.identity.get("/auth/catalog", raise_exc=True)
            if self._project_id is None:
                return
            project = conn.current_project_id
            if project != self._project_id:
                raise AuthenticationError(f"the credential is of project {project}, not of {self._project_id}")

        return self._done("validate_connection", ask)

    # ── what becomes of an error ─────────────────────────────────────────────────────────────────────────────────

    def _rows(self, operation: str, call: Callable[[Any], Iterable[Any]], view: View) -> list[dict[str, Any]]:
        """All that the call yields, or ``[]`` where it fails, be it half way."""
        found: list[dict[str, Any]] | None = self._try(
            operation, lambda conn: [shown(item, view) for item in counted(call(conn))]
        )
        return found or []

    def _row(self, operation: str, call: Callable[[Any], Any], view: View) -> dict[str, Any] | None:
        """What the call returns, or None where it fails."""

        def one(conn: Any) -> dict[str, Any]:
            item = call(conn)
            if item is None:
                raise ServiceError("the service returned nothing")
            return shown(item, view)

        found: dict[str, Any] | None = self._try(operation, one)
        return found

    def _done(self, operation: str, call: Callable[[Any], Any]) -> bool:
        """Whether the call succeeds."""

        def done(conn: Any) -> bool:
            call(conn)
            return True

        return self._try(operation, done) is True

    def _try(self, operation: str, call: Callable[[Any], Any]) -> Any:
        try:
            return call(self._conn)
        except Exception as error:  # noqa: BLE001 - whatever its type: that is the contract
            log.error("%s %s failed: %s", self._service_name, operation, self._explained(error))  # noqa: TRY400 - a trace may hold secrets
            return None

    def _explained(self, error: Exception) -> str:
        try:
            found = classify(error)
            text = told("{kind}: {found}", kind=own(type(found).__name__), found=found.told())
            return redacted(text, self._secrets)
        except Exception:  # noqa: BLE001 - an error that cannot even be shown
            return type(error).__name__


def _application_credentials(
    identity: str, secret: str, auth_url: str, region: str, project_id: str | None
) -> CloudCredentials:
    entry = {
        "application_credential_id": identity,
        "application_credential_secret": secret,
        "auth_url": auth_url,
        "region_name": region,
        "project_id": project_id,
    }
    # The address was chosen by who calls: an http one, too, is allowed. What is no text is refused there by name.
    return from_mapping(entry, [str(auth_url).strip()])


def counted(rows: Iterable[Any], clock: Callable[[], float] = time.monotonic) -> Iterator[Any]:
    """The rows of a list, as long as there are not too many, and they do not take too long: a list has an end.

    Raises:
        ServiceError: more than ``MOST_ROWS``.
        CloudTimeoutError: longer than five times a call may take.
    """
    ends = clock() + LIST_CALLS * TIMEOUT_SECONDS
    for number, row in enumerate(rows):
        if number >= MOST_ROWS:
            raise ServiceError(f"there are more than {MOST_ROWS} rows")
        if clock() > ends:
            raise CloudTimeoutError(f"the list is not over in {LIST_CALLS * TIMEOUT_SECONDS:g} s")
        yield row


def ident(value: Any) -> str:
    """An id, to be put into a path: openstacksdk puts in whatever it is given, ``../`` and ``?`` too.

    Raises:
        ValueError: it is none.
    """
    if not is_id(value):
        raise ValueError(f"this is no id: {value!r:.100}")
    return str(value)


def sent(**arguments: Any) -> dict[str, Any]:
    """The arguments that have a value: None is not sent."""
    return {name: value for name, value in arguments.items() if value is not None}
