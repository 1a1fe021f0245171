"""What somebody else makes in the project, and takes away again."""

from __future__ import annotations

from typing import Any

from infomaniak_operator.client import ConflictError, NotFoundError, Operations

Row = dict[str, Any]


class ByHand:
    """Makes things in the project with the client, and removes what is left of them.

    Args:
        cloud: the project in the hands of somebody else.
    """

    def __init__(self, cloud: Operations) -> None:
        self.cloud = cloud
        self._made: list[tuple[str, str]] = []

    def make(self, collection: str, **body: Any) -> Row:
        """Make one object of a collection of the client's ``Operations``."""
        row: Row = getattr(self.cloud, collection).create(body)
        self._made.append((collection, row["id"]))
        return row

    def network(self, name: str, *cidrs: str) -> tuple[Row, list[Row]]:
        """A network with subnets."""
        row = self.make("networks", name=name)
        return row, [
            self.make("subnets", network_id=row["id"], cidr=cidr, ip_version=6 if ":" in cidr else 4) for cidr in cidrs
        ]

    def port(self, network_id: str, **body: Any) -> Row:
        """A port on a network."""
        return self.make("ports", network_id=network_id, **body)

    def clean(self) -> list[str]:
        """Remove what is left, the last first; what is in use stays, and is named."""
        left = []
        for collection, each in reversed(self._made):
            try:
                getattr(self.cloud, collection).delete(each)
            except NotFoundError:
                continue
            except ConflictError:
                left.append((collection, each))
        self._made = left[::-1]
        return [f"{collection} {each}" for collection, each in left]
