"""The rules that Neutron puts into each new default security group, as rows of its database."""

from __future__ import annotations

from collections.abc import Iterator

_ALL_BUT_MAIL = ((1, 24), (26, 65535))
_ICMP = {"IPv4": "icmp", "IPv6": "ipv6-icmp"}


def statements(mail_blocked: bool) -> str:
    """What makes the rules so; whatever they were before, it is the same afterwards.

    The service has no such rule of its own making, and at Infomaniak no way to ask for them: so they are the
    database's business.

    Args:
        mail_blocked: whether TCP to port 25 is not let out; else everything is.
    """
    added = "securitygroupdefaultrules WHERE protocol IS NOT NULL"
    lines = [
        f"DELETE FROM standardattributes WHERE id IN (SELECT standard_attr_id FROM {added})",  # noqa: S608 - a constant
        f"DELETE FROM {added}",  # noqa: S608 - a constant
        f"UPDATE securitygroupdefaultrules SET used_in_default_sg = {not mail_blocked} WHERE direction = 'egress'",  # noqa: S608 - a boolean
    ]
    if mail_blocked:
        lines += list(_let_out())
    return "; ".join(lines)


def _let_out() -> Iterator[str]:
    """One rule for each family and protocol, and for TCP one on each side of port 25."""
    for family, icmp in _ICMP.items():
        for low, high in _ALL_BUT_MAIL:
            yield _rule(family, "tcp", str(low), str(high))
        yield _rule(family, "udp")
        yield _rule(family, icmp)


def _rule(family: str, protocol: str, low: str = "NULL", high: str = "NULL") -> str:
    return (
        "WITH attribute AS (INSERT INTO standardattributes (resource_type, revision_number, created_at, updated_at) "  # noqa: S608 - words of this module
        "VALUES ('security_group_default_rules', 0, now(), now()) RETURNING id) "
        "INSERT INTO securitygroupdefaultrules (id, standard_attr_id, direction, ethertype, protocol, port_range_min, "
        "port_range_max, used_in_default_sg, used_in_non_default_sg) "
        f"SELECT gen_random_uuid()::text, id, 'egress', '{family}', '{protocol}', {low}, {high}, true, false "
        "FROM attribute"
    )
