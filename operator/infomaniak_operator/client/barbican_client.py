"""The facade's secrets of Barbican: made, listed and deleted, never read."""

from __future__ import annotations

import base64
from typing import Any

from infomaniak_operator.client import views
from infomaniak_operator.client.barbican import repeats
from infomaniak_operator.client.base import InfomaniakOpenStackBase, ident, sent
from infomaniak_operator.client.classify import classify
from infomaniak_operator.client.errors import ServiceError

Row = dict[str, Any]


class BarbicanMethods(InfomaniakOpenStackBase):
    """Barbican, where the cloud has it; Infomaniak's wants the role ``creator``."""

    def list_secrets(self, name: str | None = None) -> list[Row]:
        """List the secrets of the project, without what they hold: ``GET /v1/secrets``.

        Args:
            name: those of that name. None: all.

        Returns:
            For each: id, name, secret_ref (its address, which Octavia is told), secret_type, status, created_at.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(name=name)
        return self._rows("list_secrets", lambda conn: conn.key_manager.secrets(**filters), views.SECRET)

    def create_secret(self, name: str, payload: bytes, content_type: str = "application/octet-stream") -> Row | None:
        """Store a secret, such as a certificate with its key as PKCS#12: ``POST /v1/secrets``.

        Args:
            name: what it is called.
            payload: what it holds: 20,000 bytes at most, unless the cloud allows more.
            content_type: of what sort that is.

        Returns:
            id, name and secret_ref (its address, which Octavia is told).

        Raises:
            Nothing: an error is logged, without the payload, and None comes back.
        """
        text = base64.b64encode(payload).decode()

        def create(conn: Any) -> Any:
            how = {"payload_content_type": content_type, "payload_content_encoding": "base64"}
            try:
                return conn.key_manager.create_secret(name=name, payload=text, **how)
            except Exception as error:
                if repeats(f"{error} {classify(error)}", text):  # what is told is the answer, not the SDK's words
                    raise ServiceError("the answer repeats what was sent and is not shown") from None
                raise

        return self._row("create_secret", create, views.NEW_SECRET)

    def delete_secret(self, secret_id: str) -> bool:
        """Delete a secret: ``DELETE /v1/secrets/{secret_id}``.

        Args:
            secret_id: the id of the secret.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back.
        """
        return self._done("delete_secret", lambda conn: conn.key_manager.delete_secret(ident(secret_id)))
