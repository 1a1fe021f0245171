"""``python -m sandbox.services.schema SERVICE CONFIG URL``: the tables, and the rows that migrations add."""

from __future__ import annotations

import sys


def neutron(url: str) -> None:
    """All tables, and the default rules of a new security group (which a migration inserts)."""
    import sqlalchemy as sa  # noqa: PLC0415
    from neutron.common import config  # noqa: F401, PLC0415
    from neutron.db.migration.models import head  # noqa: F401, PLC0415
    from neutron_lib.db import model_base  # noqa: PLC0415

    engine = sa.create_engine(url)
    model_base.BASEV2.metadata.create_all(engine)
    with engine.begin() as connection:
        for direction, family, remote, in_default, in_others in (
            ("egress", "IPv4", None, True, True),
            ("egress", "IPv6", None, True, True),
            ("ingress", "IPv4", "PARENT", True, False),
            ("ingress", "IPv6", "PARENT", True, False),
        ):
            attribute = connection.execute(
                sa.text(
                    "INSERT INTO standardattributes (resource_type, revision_number, created_at, updated_at) "
                    "VALUES ('security_group_default_rules', 0, now(), now()) RETURNING id"
                )
            ).scalar_one()
            connection.execute(
                sa.text(
                    "INSERT INTO securitygroupdefaultrules (id, standard_attr_id, direction, ethertype, "
                    "remote_group_id, used_in_default_sg, used_in_non_default_sg) "
                    "VALUES (gen_random_uuid()::text, :a, :d, :f, :r, :i, :o)"
                ),
                {"a": attribute, "d": direction, "f": family, "r": remote, "i": in_default, "o": in_others},
            )


def octavia(config: str) -> None:
    """All tables, and Octavia's look-up tables, from its own list."""
    sys.argv = ["octavia-api", "--config-file", config]
    from octavia.common import config as octavia_config  # noqa: PLC0415
    from octavia.db import api, base_models, models  # noqa: PLC0415
    from octavia.tests.functional.db.base import OctaviaDBTestBase  # noqa: PLC0415

    octavia_config.init(sys.argv[1:])
    base_models.BASE.metadata.create_all(api.get_engine())
    session = api.get_session()
    with session.begin():
        if not session.query(models.Protocol).first():
            # The list of rows is a method of Octavia's own test base; it needs nothing of the test but a helper.
            seeder = type("Seeder", (), {"_seed_lookup_table": OctaviaDBTestBase._seed_lookup_table})()  # noqa: SLF001
            OctaviaDBTestBase._seed_lookup_tables(seeder, session)  # noqa: SLF001


if __name__ == "__main__":
    neutron(sys.argv[3]) if sys.argv[1] == "neutron" else octavia(sys.argv[2])
