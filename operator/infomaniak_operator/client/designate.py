"""Designate in the raising form: the names that floating IPs lead back to; zones and what is in them, to be read."""

from __future__ import annotations

import builtins
from typing import Any

from infomaniak_operator.client import kinds
from infomaniak_operator.client.bodies import ReverseNameBody
from infomaniak_operator.client.resources import RecordSet, ReverseName, Zone
from infomaniak_operator.client.rest import Rest
from infomaniak_operator.client.session import CloudSession


def absolute(hostname: str) -> str:
    """A name as Designate takes it: with a dot at its end."""
    return hostname if hostname.endswith(".") else f"{hostname}."


def reverse_key(region: str, floating_ip_id: str) -> str:
    """What Designate calls the reverse name of a floating IP."""
    return f"{region}:{floating_ip_id}"


class ReverseNames:
    """The names that the project's floating IPs lead back to (PTR), in the region of the session.

    Designate asks Neutron with the caller's own token which addresses there are. Where Neutron fails it leaves them
    out: what a list does not have is never known to be absent.
    """

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._rest = Rest(session, kinds.REVERSE_NAMES, whole=whole)

    def _key(self, floating_ip_id: str) -> dict[str, str]:
        """What is put into the route.

        Raises:
            InfomaniakCloudError: the region is not known.
        """
        return {"id": reverse_key(self._rest.session.region, floating_ip_id)}

    def list(self) -> builtins.list[ReverseName]:
        """List those of all floating IPs of the project, those without a name too: ``GET /v2/reverse/floatingips``.

        Returns:
            The names, of all regions that the credential reaches.

        Raises:
            ServiceMissingError: this cloud has no Designate.
            InfomaniakCloudError: they could not be listed.
        """
        return self._rest.list({}, None, {})

    def get(self, floating_ip_id: str) -> ReverseName:
        """Get that of one floating IP: ``GET /v2/reverse/floatingips/{region}:{floating_ip_id}``.

        Args:
            floating_ip_id: which.

        Returns:
            The name; ``ptrdname`` None where it has none.

        Raises:
            NotFoundError: the project has no such floating IP, or Designate could not ask Neutron for it.
            ServiceMissingError: this cloud has no Designate.
            InfomaniakCloudError: it could not be asked for.
        """
        return self._rest.get(self._key(floating_ip_id))

    def set(self, floating_ip_id: str, body: ReverseNameBody) -> ReverseName:
        """Give one a name: ``PATCH /v2/reverse/floatingips/{region}:{floating_ip_id}``, never repeated.

        Args:
            floating_ip_id: which.
            body: ``ptrdname``, with a dot at its end; ``ttl`` and ``description`` go back to the service's own if they
                are left out.

        Returns:
            The name as it then is: PENDING.

        Raises:
            ValueError: there is no such attribute, or no name; nothing was sent.
            NotFoundError: the project has no such floating IP, or Designate could not ask Neutron for it.
            ServiceMissingError: this cloud has no Designate.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        if not body.get("ptrdname"):
            raise ValueError("there is no 'ptrdname': unset takes a name away")
        return self._rest.update(self._key(floating_ip_id), body)

    def unset(self, floating_ip_id: str) -> None:
        """Take its name away: ``PATCH /v2/reverse/floatingips/{region}:{floating_ip_id}``, never repeated.

        It works for a floating IP that is no more, too: Designate does not ask Neutron for this.

        Args:
            floating_ip_id: which.

        Raises:
            NotFoundError: it has no name.
            ServiceMissingError: this cloud has no Designate.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        kind, ids = self._rest.kind, self._key(floating_ip_id)
        self._rest.session.request(kind.service, "PATCH", kind.item, ids=ids, body={"ptrdname": None})


class Zones:
    """The zones that the project sees."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._rest = Rest(session, kinds.ZONES, whole=whole)

    def list(self, **filters: Any) -> builtins.list[Zone]:
        """List the zones that pass the filters, from all pages: ``GET /v2/zones``.

        Args:
            **filters: name (with a dot at its end, ``*`` for anything), type, email, status, description, ttl.

        Returns:
            The zones.

        Raises:
            ValueError: the service has no such filter, or it has no value; nothing was sent.
            ServiceMissingError: this cloud has no Designate.
            InfomaniakCloudError: they could not be listed.
        """
        return self._rest.list({}, None, filters)

    def get(self, id: str) -> Zone:  # noqa: A002 - the API's word
        """Get one zone: ``GET /v2/zones/{id}``.

        Args:
            id: which.

        Returns:
            The zone.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: it could not be asked for.
        """
        return self._rest.get({"id": id})


class RecordSets:
    """The record sets of zones: the first argument is the zone."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._rest = Rest(session, kinds.RECORD_SETS, whole=whole)

    def list(self, zone_id: str, **filters: Any) -> builtins.list[RecordSet]:
        """List those of a zone that pass the filters, from all pages: ``GET /v2/zones/{zone_id}/recordsets``.

        Args:
            zone_id: the zone.
            **filters: name (with a dot at its end, ``*`` for anything), type, ttl, data, status, description.

        Returns:
            The record sets.

        Raises:
            ValueError: the service has no such filter, or it has no value; nothing was sent.
            NotFoundError: there is no such zone.
            InfomaniakCloudError: they could not be listed.
        """
        return self._rest.list({"zone_id": zone_id}, None, filters)

    def get(self, zone_id: str, id: str) -> RecordSet:  # noqa: A002 - the API's word
        """Get one record set: ``GET /v2/zones/{zone_id}/recordsets/{id}``.

        Args:
            zone_id: the zone.
            id: which.

        Returns:
            The record set.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: it could not be asked for.
        """
        return self._rest.get({"zone_id": zone_id, "id": id})
