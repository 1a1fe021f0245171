"""The operations every collection has: list, get, create, update, delete. They raise; they return the REST bodies."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any, Generic

from infomaniak_operator.client import kinds
from infomaniak_operator.client.bodies import L7RuleBody, MemberBody, PortForwardingBody
from infomaniak_operator.client.kinds import BodyT, ResourceKind, RowT
from infomaniak_operator.client.resources import L7Rule, Member, PortForwarding
from infomaniak_operator.client.rest import Rest
from infomaniak_operator.client.session import CloudSession


class Collection(Generic[RowT, BodyT]):
    """One collection of a service.

    How an object looks is a TypedDict in ``resources``, with its route; what a body may set is one in ``bodies``.

    Args:
        session: the connection.
        kind: what the collection takes.
        whole: whether each row must be as ``shapes`` says.
    """

    def __init__(self, session: CloudSession, kind: ResourceKind[RowT, BodyT], *, whole: bool = False) -> None:
        self._rest = Rest(session, kind, whole=whole)

    def list(self, *, fields: Sequence[str] | None = None, **filters: Any) -> builtins.list[RowT]:
        """List all objects that pass the filters, from all pages: ``GET`` of the collection's route.

        Args:
            fields: the attributes wanted; None: all.
            **filters: the service applies them, by its own names; a list asks for any of its values.

        Returns:
            The objects, with ``fields`` only those attributes of each.

        Raises:
            ValueError: the service has no such filter, or it has no value; nothing was sent.
            InfomaniakCloudError: the list could not be had: that is never an empty list.
        """
        return self._rest.list({}, fields, filters)

    def get(self, id: str) -> RowT:  # noqa: A002 - the API's word
        """Get one object: ``GET`` of the route and the id.

        Args:
            id: which.

        Returns:
            The object.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: it could not be asked for.
        """
        return self._rest.get({"id": id})

    def create(self, body: BodyT) -> RowT:
        """Make one: ``POST`` to the collection's route, never repeated.

        Args:
            body: the attributes to set; the service has defaults for the others.

        Returns:
            The object as it then is. In Octavia it is PENDING_CREATE, and locks its load balancer.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.create({}, body)

    def update(self, id: str, body: BodyT, *, if_revision: int | None = None) -> RowT:  # noqa: A002 - the API's word
        """Change what the body names: ``PUT`` to the route and the id, never repeated.

        Args:
            id: which.
            body: the attributes to change.
            if_revision: only if it still has this ``revision_number`` (Neutron alone has one).

        Returns:
            The object as it then is. In Octavia it is PENDING_UPDATE, and locks its load balancer.

        Raises:
            ValueError: the service knows no such attribute, or has no revisions; nothing was sent.
            PreconditionFailedError: it has another revision.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.update({"id": id}, body, if_revision)

    def delete(self, id: str, *, if_revision: int | None = None) -> None:  # noqa: A002 - the API's word
        """Delete one: ``DELETE`` of the route and the id, never repeated. In Octavia it goes on after this returns.

        Args:
            id: which.
            if_revision: only if it still has this ``revision_number`` (Neutron alone has one).

        Raises:
            ValueError: the service has no revisions; nothing was sent.
            NotFoundError: it is not there.
            PreconditionFailedError: it has another revision.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        self._rest.delete({"id": id}, if_revision)


class BulkCollection(Collection[RowT, BodyT]):
    """A collection whose service makes several objects in one call, all or none."""

    def create_many(self, bodies: Iterable[BodyT]) -> builtins.list[RowT]:
        """Make all or none: ``POST`` of a list to the collection's route; no call for an empty one.

        Args:
            bodies: what each sets.

        Returns:
            The objects as they then are, in the order of the bodies.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            InfomaniakCloudError: refused (nothing was made), or ``outcome_unknown``.
        """
        return self._rest.create_many(bodies)


class Members:
    """The members of pools: the first argument is the pool."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._rest = Rest(session, kinds.MEMBERS, whole=whole)

    def list(self, pool_id: str, *, fields: Sequence[str] | None = None, **filters: Any) -> builtins.list[Member]:
        """List all members of a pool that pass the filters: ``GET /v2/lbaas/pools/{pool_id}/members``.

        Args:
            pool_id: the pool.
            fields: the attributes wanted; None: all.
            **filters: the service applies them, by its own names; a list asks for any of its values.

        Returns:
            The objects, with ``fields`` only those attributes of each.

        Raises:
            ValueError: the service has no such filter, or it has no value; nothing was sent.
            NotFoundError: there is no such pool.
            InfomaniakCloudError: the list could not be had: that is never an empty list.
        """
        return self._rest.list({"pool_id": pool_id}, fields, filters)

    def get(self, pool_id: str, id: str) -> Member:  # noqa: A002 - the API's word
        """Get one member of a pool: ``GET /v2/lbaas/pools/{pool_id}/members/{id}``.

        Args:
            pool_id: the pool.
            id: which.

        Returns:
            The object.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: it could not be asked for.
        """
        return self._rest.get({"pool_id": pool_id, "id": id})

    def create(self, pool_id: str, body: MemberBody) -> Member:
        """Add one to a pool: ``POST /v2/lbaas/pools/{pool_id}/members``, never repeated. It locks the load balancer.

        Args:
            pool_id: the pool.
            body: the attributes to set; the service has defaults for the others.

        Returns:
            The object as it then is: PENDING_CREATE.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            ConflictError: (WAITING) the load balancer is being changed.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.create({"pool_id": pool_id}, body)

    def update(self, pool_id: str, id: str, body: MemberBody) -> Member:  # noqa: A002 - the API's word
        """Change what the body names: ``PUT /v2/lbaas/pools/{pool_id}/members/{id}``.

        It is never repeated, and locks the load balancer.

        Args:
            pool_id: the pool.
            id: which.
            body: the attributes to change.

        Returns:
            The object as it then is: PENDING_UPDATE.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            NotFoundError: it is not there.
            ConflictError: (WAITING) the load balancer is being changed.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.update({"pool_id": pool_id, "id": id}, body)

    def delete(self, pool_id: str, id: str) -> None:  # noqa: A002 - the API's word
        """Take one out of a pool: ``DELETE /v2/lbaas/pools/{pool_id}/members/{id}``.

        It is never repeated, and locks the load balancer.

        Args:
            pool_id: the pool.
            id: which.

        Raises:
            NotFoundError: it is not there.
            ConflictError: (WAITING) the load balancer is being changed.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        self._rest.delete({"pool_id": pool_id, "id": id})

    def replace_all(self, pool_id: str, members: Iterable[MemberBody]) -> None:
        """Make the pool's members these and no others, in one call: ``PUT /v2/lbaas/pools/{pool_id}/members``.

        It is never repeated, and locks the load balancer.

        Args:
            pool_id: the pool.
            members: each with all that it shall be: a weight left out goes back to 1, a member left out is deleted.
                One that has the address (as text) and port of one there keeps its id.

        Raises:
            ValueError: an unknown attribute; nothing was sent.
            ConflictError: (WAITING) the load balancer is being changed.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        self._rest.replace({"pool_id": pool_id}, members)


class L7Rules:
    """The rules of L7 policies: the first argument is the policy."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._rest = Rest(session, kinds.L7_RULES, whole=whole)

    def list(self, l7policy_id: str, *, fields: Sequence[str] | None = None, **filters: Any) -> builtins.list[L7Rule]:
        """List all rules of a policy that pass the filters: ``GET /v2/lbaas/l7policies/{l7policy_id}/rules``.

        Args:
            l7policy_id: the policy.
            fields: the attributes wanted; None: all.
            **filters: the service applies them, by its own names; a list asks for any of its values.

        Returns:
            The objects, with ``fields`` only those attributes of each.

        Raises:
            ValueError: the service has no such filter, or it has no value; nothing was sent.
            NotFoundError: there is no such policy.
            InfomaniakCloudError: the list could not be had: that is never an empty list.
        """
        return self._rest.list({"l7policy_id": l7policy_id}, fields, filters)

    def create(self, l7policy_id: str, body: L7RuleBody) -> L7Rule:
        """Add one to a policy: ``POST /v2/lbaas/l7policies/{l7policy_id}/rules``.

        It is never repeated, and locks the load balancer.

        Args:
            l7policy_id: the policy.
            body: the attributes to set; the service has defaults for the others.

        Returns:
            The object as it then is: PENDING_CREATE.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            ConflictError: (WAITING) the load balancer is being changed.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.create({"l7policy_id": l7policy_id}, body)

    def update(self, l7policy_id: str, id: str, body: L7RuleBody) -> L7Rule:  # noqa: A002 - the API's word
        """Change what the body names: ``PUT /v2/lbaas/l7policies/{l7policy_id}/rules/{id}``.

        It is never repeated, and locks the load balancer.

        Args:
            l7policy_id: the policy.
            id: which.
            body: the attributes to change.

        Returns:
            The object as it then is: PENDING_UPDATE.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            NotFoundError: it is not there.
            ConflictError: (WAITING) the load balancer is being changed.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.update({"l7policy_id": l7policy_id, "id": id}, body)

    def delete(self, l7policy_id: str, id: str) -> None:  # noqa: A002 - the API's word
        """Take one out of a policy: ``DELETE /v2/lbaas/l7policies/{l7policy_id}/rules/{id}``.

        It is never repeated, and locks the load balancer.

        Args:
            l7policy_id: the policy.
            id: which.

        Raises:
            NotFoundError: it is not there.
            ConflictError: (WAITING) the load balancer is being changed.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        self._rest.delete({"l7policy_id": l7policy_id, "id": id})


class PortForwardings:
    """The port forwardings of floating IPs: the first argument is the floating IP, which leads to no port then."""

    def __init__(self, session: CloudSession, *, whole: bool = False) -> None:
        self._rest = Rest(session, kinds.PORT_FORWARDINGS, whole=whole)

    def list(
        self, floatingip_id: str, *, fields: Sequence[str] | None = None, **filters: Any
    ) -> builtins.list[PortForwarding]:
        """List all of a floating IP that pass the filters: ``GET /v2.0/floatingips/{floatingip_id}/port_forwardings``.

        The floating IP's own row has them, too, without ranges of ports and descriptions.

        Args:
            floatingip_id: the floating IP.
            fields: the attributes wanted; None: all.
            **filters: the service applies them, by its own names; a list asks for any of its values.

        Returns:
            The objects, with ``fields`` only those attributes of each.

        Raises:
            ValueError: the service has no such filter, or it has no value; nothing was sent.
            NotFoundError: there is no such floating IP.
            InfomaniakCloudError: the list could not be had: that is never an empty list.
        """
        return self._rest.list({"floatingip_id": floatingip_id}, fields, filters)

    def create(self, floatingip_id: str, body: PortForwardingBody) -> PortForwarding:
        """Add one to a floating IP: ``POST /v2.0/floatingips/{floatingip_id}/port_forwardings``, never repeated.

        Args:
            floatingip_id: the floating IP.
            body: the attributes to set, the address inside included.

        Returns:
            The object as it then is.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            ConflictError: the floating IP, or the port inside, is bound as a whole.
            BadRequestError: the port outside or inside is taken, or there is no way from the port inside to the
                external network.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.create({"floatingip_id": floatingip_id}, body)

    def update(self, floatingip_id: str, id: str, body: PortForwardingBody) -> PortForwarding:  # noqa: A002 - the API's word
        """Change what the body names: ``PUT /v2.0/floatingips/{floatingip_id}/port_forwardings/{id}``, never repeated.

        Args:
            floatingip_id: the floating IP.
            id: which.
            body: the attributes to change.

        Returns:
            The object as it then is.

        Raises:
            ValueError: the service knows no such attribute; nothing was sent.
            NotFoundError: it is not there.
            BadRequestError: as for ``create``.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        return self._rest.update({"floatingip_id": floatingip_id, "id": id}, body)

    def delete(self, floatingip_id: str, id: str) -> None:  # noqa: A002 - the API's word
        """Take one away: ``DELETE /v2.0/floatingips/{floatingip_id}/port_forwardings/{id}``, never repeated.

        Args:
            floatingip_id: the floating IP.
            id: which.

        Raises:
            NotFoundError: it is not there.
            InfomaniakCloudError: refused, or ``outcome_unknown``.
        """
        self._rest.delete({"floatingip_id": floatingip_id, "id": id})
