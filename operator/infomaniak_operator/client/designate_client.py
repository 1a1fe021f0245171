"""The facade's reverse names of floating IPs; zones and their records, to be read."""

from __future__ import annotations

from typing import Any

from infomaniak_operator.client import views
from infomaniak_operator.client.base import InfomaniakOpenStackBase, ident, sent
from infomaniak_operator.client.designate import absolute, reverse_key
from infomaniak_operator.client.errors import InvalidCredentialsError

Row = dict[str, Any]


class DesignateMethods(InfomaniakOpenStackBase):
    """Designate, where the cloud has it."""

    def get_reverse_dns(self, floating_ip_id: str) -> Row | None:
        """Get the name that a floating IP leads back to: ``GET /v2/reverse/floatingips/{region}:{floating_ip_id}``.

        Args:
            floating_ip_id: the id of the floating IP.

        Returns:
            id, address, hostname (with a dot at its end; None: it has none), ttl, description, status (ACTIVE, PENDING,
            ERROR, or INACTIVE without a name).

        Raises:
            Nothing: an error is logged, and None comes back.
        """

        def get(conn: Any) -> Any:
            key = _key(conn, floating_ip_id)  # first: the SDK asks Designate for its versions at the word ``dns``
            return conn.dns.get_floating_ip(key)

        return self._row("get_reverse_dns", get, views.REVERSE_NAME)

    def set_reverse_dns(
        self, floating_ip_id: str, hostname: str, ttl: int | None = None, description: str | None = None
    ) -> Row | None:
        """Set the name that a floating IP leads back to: ``PATCH /v2/reverse/floatingips/{region}:{floating_ip_id}``.

        Args:
            floating_ip_id: the id of the floating IP.
            hostname: the whole name; a dot at its end may be left out.
            ttl: seconds for which resolvers may keep it; None: as the zone has it.
            description: up to 160 characters; None: none.

        Returns:
            The keys of ``get_reverse_dns``; the status is PENDING until the name servers have it.

        Raises:
            Nothing: an error is logged, and None comes back.
        """
        changes = sent(ttl=ttl, description=description)

        def change(conn: Any) -> Any:
            key, name = _key(conn, floating_ip_id), absolute(hostname)
            return conn.dns.update_floating_ip(key, ptrdname=name, **changes)

        return self._row("set_reverse_dns", change, views.REVERSE_NAME)

    def unset_reverse_dns(self, floating_ip_id: str) -> bool:
        """Take the name of a floating IP away: ``PATCH /v2/reverse/floatingips/{region}:{floating_ip_id}``.

        Args:
            floating_ip_id: the id of the floating IP.

        Returns:
            Whether the service has accepted it.

        Raises:
            Nothing: an error is logged, and False comes back: also where it has no name.
        """

        def unset(conn: Any) -> None:
            # The SDK's own unset_floating_ip stumbles over the answer, which has no body.
            path = f"/reverse/floatingips/{_key(conn, floating_ip_id)}"
            conn.dns.patch(path, json={"ptrdname": None}, raise_exc=True)

        return self._done("unset_reverse_dns", unset)

    def list_zones(self, name: str | None = None) -> list[Row]:
        """List the zones that the project sees: ``GET /v2/zones``.

        Args:
            name: the zone of that name, with a dot at its end; ``*`` for anything. None: all.

        Returns:
            For each: id, name, email, type (PRIMARY or SECONDARY), ttl, serial, status, description.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(name=name)
        return self._rows("list_zones", lambda conn: conn.dns.zones(**filters), views.ZONE)

    def list_zone_records(self, zone_id: str, name: str | None = None, type: str | None = None) -> list[Row]:  # noqa: A002 - the API's word
        """List the record sets of a zone: ``GET /v2/zones/{zone_id}/recordsets``.

        Args:
            zone_id: the id of the zone.
            name: those of that name, with a dot at its end; ``*`` for anything. None: all.
            type: those of that type: A, AAAA, CNAME, MX, TXT, … None: all.

        Returns:
            For each: id, name, type, ttl (None: as the zone has it), records (a list of texts), status, description.

        Raises:
            Nothing: an error is logged, and ``[]`` comes back.
        """
        filters = sent(name=name, type=type)

        def records(conn: Any) -> Any:
            zone = ident(zone_id)
            return conn.dns.recordsets(zone, **filters)

        return self._rows("list_zone_records", records, views.RECORD_SET)


def _key(conn: Any, floating_ip_id: str) -> str:
    """What Designate calls a floating IP: with the region of the connection.

    Raises:
        InvalidCredentialsError: the connection is for no region.
        ValueError: it is no id.
    """
    key = ident(floating_ip_id)
    region = getattr(getattr(conn, "config", None), "region_name", None)
    if not isinstance(region, str) or not region:
        raise InvalidCredentialsError("the connection is for no region: name one when it is made (region_name)")
    return reverse_key(ident(region), key)
