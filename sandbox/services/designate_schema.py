"""Designate's tables on PostgreSQL, for which its own ways to make them fail, and its one pool of name servers."""

from __future__ import annotations

from typing import Any

NAME_SERVER = "ns1.sandbox.example."


def ensure() -> None:
    """Make all that is not there; whole or not at all.

    Its migrations end with "composite type service_statuses cannot be made a member of itself", for they make a type
    and a table of one name. SQLAlchemy's ``create_all`` ends there as well, and then at constraints and indexes of one
    name in two tables: names are a table's own in MySQL, and a schema's in PostgreSQL.
    """
    import sqlalchemy as sa  # noqa: PLC0415
    from designate.conf import CONF  # noqa: PLC0415
    from designate.storage.sqlalchemy import tables  # noqa: PLC0415

    engine = sa.create_engine(CONF["storage:sqlalchemy"].connection)
    with engine.begin() as connection:
        if sa.inspect(connection).has_table("pools"):
            return
        postgresql_metadata(tables.metadata).create_all(connection)
        pool = {"id": CONF["service:central"].default_pool_id, "name": "default"}
        connection.execute(tables.pools.insert().values(pool))
        server = {"pool_id": pool["id"], "priority": 1, "hostname": NAME_SERVER}
        connection.execute(tables.pool_ns_records.insert().values(server))


def postgresql_metadata(metadata: Any) -> Any:
    """Tables like these, with text for enumerations, and with names that a schema can have."""
    import sqlalchemy as sa  # noqa: PLC0415

    copies = sa.MetaData()
    taken: set[str] = set()
    for table in metadata.sorted_tables:
        copy = table.to_metadata(copies)
        for column in copy.columns:
            if isinstance(column.type, sa.Enum):
                column.type.native_enum = False
        for one in [*copy.constraints, *copy.indexes]:
            if isinstance(one.name, str):
                if one.name in taken:
                    one.name = f"{table.name}_{one.name}"
                taken.add(one.name)
    return copies
