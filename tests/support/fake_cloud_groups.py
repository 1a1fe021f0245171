"""Security groups and their rules of a Neutron in memory."""

from __future__ import annotations

from tests.support.fake_cloud_rules import ANY_RULE, Refused, Row, check_rule, effect_of, protocol_of
from tests.support.fake_cloud_tables import Tables


def _all_but_mail(family: str) -> list[Row]:
    """What goes out where TCP to port 25 does not."""
    tcp = [{"protocol": "tcp", "port_range_min": low, "port_range_max": high} for low, high in ((1, 24), (26, 65535))]
    return [*tcp, {"protocol": "udp"}, {"protocol": "icmp" if family == "IPv4" else "ipv6-icmp"}]


class Groups(Tables):
    """What may be done to security groups and rules."""

    def _default_group(self, project: str) -> Row:
        for group in self.tables["security_groups"].values():
            if group["project_id"] == project and group["name"] == "default":
                return group
        group = self._new_group(project, {"name": "default", "description": "Default security group"})
        for family in ("IPv4", "IPv6"):
            rule = {"security_group_id": group["id"], "ethertype": family, "remote_group_id": group["id"]}
            self._insert("security_group_rules", project, {**ANY_RULE, **rule})
        return group

    def _create_group(self, project: str, body: Row) -> Row:
        self._default_group(project)
        if body.get("name") == "default":
            raise Refused(409, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
        return self._new_group(project, body)

    def _new_group(self, project: str, body: Row) -> Row:
        group = self._insert("security_groups", project, {"name": "", "stateful": True, "shared": False, **body})
        blocked = body.get("name") == "default" and self.traits.mail_blocked
        for family in ("IPv4", "IPv6"):
            for let_out in _all_but_mail(family) if blocked else ({},):
                rule = {"security_group_id": group["id"], "direction": "egress", "ethertype": family, **let_out}
                self._insert("security_group_rules", project, {**ANY_RULE, **rule})
        return group

    def _delete_group(self, row: Row) -> None:
        if row["name"] == "default":
            raise Refused(
                409, "SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group."
            )
        if any(row["id"] in port["security_groups"] for port in self.tables["ports"].values()):
            raise Refused(409, "SecurityGroupInUse", f"Security Group {row['id']} in use.")
        for rule in list(self.tables["security_group_rules"].values()):
            if row["id"] in (rule["security_group_id"], rule["remote_group_id"]):
                del self.tables["security_group_rules"][rule["id"]]

    def _create_rule(self, project: str, body: Row) -> Row:
        group = self._find(project, "security_groups", body.get("security_group_id", ""))
        rule = {**ANY_RULE, **body}
        rule["protocol"] = protocol_of(rule["protocol"], rule["ethertype"])
        if (rule["port_range_min"], rule["port_range_max"]) == (1, 65535):
            rule["port_range_min"] = rule["port_range_max"] = None
        check_rule(rule)
        if rule["remote_group_id"]:
            self._find(project, "security_groups", rule["remote_group_id"])
        for other in self.tables["security_group_rules"].values():
            if effect_of(other) == effect_of(rule):
                message = f"Security group rule already exists. Rule id is {other['id']}."
                raise Refused(409, "SecurityGroupRuleExists", message)
        self._touch(group)
        return self._insert("security_group_rules", project, rule)

    def _delete_rule(self, row: Row) -> None:
        self._touch(self.tables["security_groups"][row["security_group_id"]])
