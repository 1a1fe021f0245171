"""An auditor of a project and a cluster at rest, who shares no code with the operator.

It reads the rows of the cloud's tables and the objects of the API server, and compares them with what docs/safety.md promises:
everything in the cloud is somebody's, everything an object asks for is there once and as it asks, nothing of others has
changed, and what status says is so.
"""

from __future__ import annotations

import base64
import copy
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.crashes import wishes
from tests.support.crashes.wishes import TABLES, Row, Spec

Tables = Mapping[str, Mapping[str, Row]]
Body = Mapping[str, Any]
FINALIZER = "network.infomaniak.cloud/cleanup"
_MARK = re.compile(r"\[ik(?:2(r?)|1(r?)\.[\w-]{8})\.([\w-]{22})\.[\w-]{8,17}(?:\.([\w-]{6}))?\]")
_PARTS = {
    "security_group_rules": ("security_groups", "security_group_id"),
    "members": ("pools", "pool_id"),
    "l7rules": ("l7policies", "l7policy_id"),
}
"""What has no mark of its own, and what it is a part of."""
_BY_ITSELF = {"provisioning_status", "operating_status", "updated_at"}
"""What changes in Octavia when something beside it does."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose a row is.

    Attributes:
        uid: of the object.
        child: which child of it; empty: the object itself.
        released: whether it was given up.
    """

    uid: str
    child: str
    released: bool


def mark_of(row: Row) -> Mark | None:
    """The mark of a row, where the documentation has it: at the end of the description, or as a whole tag."""
    texts = [*(row.get("tags") or ()), *re.findall(r"\[ik[^ \]]*\]$", row.get("description") or "")]
    for text in texts:
        if found := _MARK.fullmatch(text):
            new, old, short, child = found.groups()
            uid = str(uuid.UUID(bytes=base64.urlsafe_b64decode(f"{short}==")))
            return Mark(uid, child or "", bool(new or old))
    return None


def user_text(row: Row) -> str:
    """The description without marks at its end."""
    text = row.get("description") or ""
    while (cut := re.sub(r" ?\[ik[12]r?\.[\w.-]+\]$", "", text)) != text:
        text = cut
    return text


def user_tags(row: Row) -> list[str]:
    """The tags without marks."""
    return sorted(tag for tag in row.get("tags") or () if not _MARK.fullmatch(tag))


@dataclass
class Auditor:
    """Who compares.

    Args:
        others: the rows that others have made, as they must stay; ``None`` in the place of one that may change.

    Attributes:
        retained: objects that were deleted with Retain: their rows stay, released.
        may_stay: rows that an object takes over, or may not have come to: unless a living object has its mark on them they
            may be there.
        may_wait: by kind and name, the reasons for which an object may be not Ready; its rows are not looked at.
    """

    others: dict[tuple[str, str], Row | None]
    retained: list[Body] = field(default_factory=list)
    may_wait: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    may_stay: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, tables: Tables) -> Auditor:
        """One for whom all that is there now belongs to others."""
        return cls({(name, id_): copy.deepcopy(row) for name, rows in tables.items() for id_, row in rows.items()})

    def audit(self, tables: Tables, bodies: Iterable[Body]) -> list[str]:
        """All that is not as it should be, in sentences."""
        return list(_Audit(self, tables, list(bodies)).findings())


class _Audit:
    """One look.

    Attributes:
        claimed: the rows that are accounted for.
    """

    def __init__(self, auditor: Auditor, tables: Tables, bodies: list[Body]) -> None:
        self.auditor, self.tables, self.bodies = auditor, tables, bodies
        self.claimed: set[tuple[str, str]] = set(auditor.others)
        self.marks = {
            (name, id_): mark
            for name, rows in tables.items()
            for id_, row in rows.items()
            if (name, id_) not in auditor.others and (mark := mark_of(row))
        }
        for at in auditor.may_stay:
            mark = self.marks.get(at)
            if mark is None or mark.released or mark.uid not in {body["metadata"]["uid"] for body in bodies}:
                self.claimed.add(at)
        self.by_name = {(body["kind"], body["metadata"]["name"]): body for body in bodies}

    def findings(self) -> Iterator[str]:
        yield from self._others()
        for body in self.bodies:
            yield from self._object(body)
        for body in self.auditor.retained:
            yield from self._retained(body)
        yield from self._unaccounted()

    def _retained(self, body: Body) -> Iterator[str]:
        """It stays, as it was Ready if it was, with all marks released; what was never made leaves nothing."""
        found, status = self._rows_of(body, ""), body.get("status") or {}
        ready = [each["status"] for each in status.get("conditions") or () if each["type"] == "Ready"] == ["True"]
        applied = ready and status.get("observedGeneration") == body["metadata"]["generation"]
        if len(found) > 1 or (not found and status.get("id")):
            yield f"{_title(body)} was to be retained; there are {found}"
        for at in self._rows_of(body, None):
            self.claimed.add(at)
            if not self.marks[at].released:
                yield f"{_title(body)} was retained, and its mark on {at} is not released"
        for table, id_ in found:
            row = self.tables[table][id_]
            wanted = {name: value for name, value in wishes.attributes(table, body["spec"]).items() if applied}
            yield from (f"{_title(body)}, retained: {each}" for each in wishes.wrong(row, wanted))
            for port in self._under("ports", "device_id", id_):
                self.claimed.add(("ports", port["id"]))

    def _others(self) -> Iterator[str]:
        for (name, id_), row in self.auditor.others.items():
            there = self.tables[name].get(id_)
            if row is None or there == row:
                continue
            if there is None:
                yield f"{name} {id_} of others ({row.get('name')}) is gone"
                continue
            differ = {each for each in {*there, *row} if there.get(each) != row.get(each)}
            if "provisioning_status" in row:
                differ -= _BY_ITSELF
            if differ:
                yield f"{name} {id_} of others ({row.get('name')}) was changed: { {each: there.get(each) for each in differ} }"

    # -- objects

    def _object(self, body: Body) -> Iterator[str]:
        meta, status = body["metadata"], body.get("status") or {}
        conditions = {each["type"]: each for each in status.get("conditions") or ()}
        title, reads = _title(body), body["spec"].get("managementPolicy") == "Unmanaged"
        ready = conditions.get("Ready", {})
        if set(conditions) & {"Reconciling", "Stalled"} == {"Reconciling", "Stalled"}:
            yield f"{title} is Reconciling and Stalled at once"
        allowed = self.auditor.may_wait.get((body["kind"], meta["name"]), set())
        if allowed:
            if ready.get("status") == "True" or ready.get("reason") not in allowed:
                yield f"{title} should wait for one of {sorted(allowed)}: {ready}"
            for each in self._rows_of(body, None):
                self.claimed |= {each, *(("ports", port["id"]) for port in self._under("ports", "device_id", each[1]))}
            return
        if meta.get("deletionTimestamp"):
            yield f"{title} is Terminating for ever: {ready.get('reason')} {ready.get('message')}"
            return
        if bool(meta.get("finalizers")) != (not reads):
            yield f"{title} has the finalizers {meta.get('finalizers')}"
        found = list(self._as_spec(body, reads))
        yield from found
        synced = (conditions.get("Synced") or {}).get("status", "True" if reads else None)
        good = (ready.get("status"), synced) == ("True", "True")
        if found and good:
            yield f"{title} says that it is Ready and Synced, and is not"
        if not good or {"Reconciling", "Stalled"} & set(conditions):
            said = {name: (each["status"], each["reason"], each["message"]) for name, each in conditions.items()}
            yield f"{title} is not Ready at last: {said}"
        if status.get("observedGeneration") != meta["generation"]:
            yield f"{title} shows the generation {status.get('observedGeneration')} of {meta['generation']}"

    def _as_spec(self, body: Body, reads: bool) -> Iterator[str]:
        title, table = _title(body), TABLES[body["kind"]]
        shown = (body.get("status") or {}).get("id")
        found = self._rows_of(body, "")
        if reads:
            if held := [at for at in self._rows_of(body, None) if not self.marks[at].released]:
                yield f"{title} only reads, and has its mark on {held}"
            if shown not in self.tables[table]:
                yield f"{title} shows the id {shown}, which is not there"
            self.claimed.add((table, str(shown)))
            return
        if len(found) != 1:
            yield f"{title} has {len(found)} rows with its mark, not one: {found}"
            return
        ((name, id_),) = found
        if name != table:
            yield f"{title} has its mark on {name} {id_}"
        if shown != id_:
            yield f"{title} shows the id {shown}, and is {id_}"
        if self.marks[name, id_].released:
            yield f"{title} is managed, and its mark on {id_} is released"
        yield from self._kind(body, name, id_)

    def _kind(self, body: Body, table: str, id_: str) -> Iterator[str]:
        self.claimed.add((table, id_))
        row, spec, title = self.tables[table][id_], body["spec"], _title(body)
        imported = "import" in spec
        wanted = wishes.attributes(table, spec)
        if table != "floating_ips" and (spec.get("name") or not imported):
            wanted["name"] = spec.get("name") or body["metadata"]["name"]
        if "provisioning_status" in row:
            wanted["provisioning_status"] = "ACTIVE"
        yield from (f"{title}: {each}" for each in wishes.wrong(row, wanted))
        if "description" in row and (spec.get("description") is not None or not imported):
            yield from _same(f"{title}: the description", user_text(row), spec.get("description") or "")
        if spec.get("tags") is not None or not imported:
            yield from _same(f"{title}: the tags", user_tags(row), sorted(spec.get("tags") or ()))
        looks = {
            "networks": self._network,
            "routers": self._router,
            "security_groups": self._group,
            "ports": self._port,
            "floating_ips": self._address,
            "load_balancers": self._balancer,
            "pools": self._pool,
            "health_monitors": self._monitor,
            "l7policies": self._policy,
        }
        yield from (f"{title}: {each}" for each in looks[table](body, row))

    # -- kinds

    def _network(self, body: Body, row: Row) -> Iterator[str]:
        items = body["spec"].get("subnets")
        under = self._under("subnets", "network_id", row["id"])
        if items is None and "import" in body["spec"]:
            return
        yield from self._children("subnet", body, items or (), under, "subnets")
        for item in items or ():
            for each in [one for one in under if one["name"] == item["name"]]:
                yield from (f"subnet {item['name']}: {said}" for said in wishes.wrong(each, wishes.subnet(item)))
                yield from _same(f"subnet {item['name']}: description", user_text(each), item.get("description") or "")
        yield from _same("status.mtu", body["status"].get("mtu"), row["mtu"])

    def _children(self, noun: str, body: Body, items: Iterable[Spec], rows: list[Row], table: str) -> Iterator[str]:
        """That each item is there once, with a mark of its own, and in status."""
        names = [item["name"] for item in items]
        yield from _same(f"the {noun}s", sorted(row["name"] for row in rows), sorted(names))
        children = Counter()
        for row in rows:
            mark = self.marks.get((table, row["id"]))
            if mark is None or mark.uid != body["metadata"]["uid"]:
                yield f"{noun} {row['name']} does not have the object's mark"
                continue
            children[mark.child] += 1
            self.claimed.add((table, row["id"]))
        yield from (f"{times} {noun}s have the mark {child!r}" for child, times in children.items() if times > 1)
        if body in self.bodies:
            shown = {each["name"]: each.get("id") for each in body["status"].get(f"{noun}s") or ()}
            yield from _same(f"status.{noun}s", shown, {row["name"]: row["id"] for row in rows})

    def _router(self, body: Body, row: Row) -> Iterator[str]:
        spec = body["spec"]
        gateway = self._outside(spec.get("externalGateway"))
        yield from _same("the gateway", (row["external_gateway_info"] or {}).get("network_id"), gateway)
        ports = [one for one in self.tables["ports"].values() if one["device_id"] == row["id"]]
        for port in ports:
            self.claimed.add(("ports", port["id"]))
        inside = [p["fixed_ips"][0]["subnet_id"] for p in ports if p["device_owner"] == "network:router_interface"]
        items = spec.get("interfaces") or ()
        by_port = {self._id_of("Port", item["portRef"]["name"]) for item in items if "portRef" in item}
        wanted = [self._subnet(item) for item in items if "portRef" not in item]
        wanted += [self.tables["ports"][each]["fixed_ips"][0]["subnet_id"] for each in by_port if each]
        yield from _same("the interfaces", sorted(map(str, inside)), sorted(map(str, wanted)))
        there = {ip["ip_address"] for port in ports for ip in port["fixed_ips"]}
        yield from _same("addresses asked for", {item["address"] for item in items if "address" in item} - there, set())
        yield from _same("ports asked for", by_port - {port["id"] for port in ports}, set())
        routes = sorted((each["destination"], each["nexthop"]) for each in row["routes"])
        wanted = sorted((each["destination"], each["nexthop"]) for each in spec.get("routes") or ())
        yield from _same("the routes", routes, wanted)

    def _group(self, body: Body, row: Row) -> Iterator[str]:
        spec = body["spec"]
        groups = {name: self._id_of("SecurityGroup", name) for kind, name in self.by_name if kind == "SecurityGroup"}
        items = list(spec.get("rules") or ())
        wanted = [wishes.rule(item, groups) for item in items]
        for item in spec.get("memberRules") or ():
            pool = self.by_name.get(("Pool", item["poolRef"]["name"]))
            balancer = self.by_name.get(("LoadBalancer", pool["spec"]["loadBalancerRef"]["name"])) if pool else None
            if pool and balancer:
                wanted += wishes.let_in(
                    pool["spec"], self.tables["subnets"][balancer["spec"]["vip"]["subnetID"]]["cidr"]
                )
        if spec.get("keepDefaultEgress", True):
            wanted += wishes.EGRESS
        rules = self._under("security_group_rules", "security_group_id", row["id"])
        yield from _same("the rules", sorted(map(wishes.rule_of, rules), key=repr), sorted(wanted, key=repr))
        said = {wishes.rule(item, groups): item["description"] for item in items if "description" in item}
        for one in rules:
            text = said.get(wishes.rule_of(one), one["description"])  # one that the spec does not name stays
            yield from _same(f"the description of {wishes.rule_of(one)}", one["description"], text)

    def _port(self, body: Body, row: Row) -> Iterator[str]:
        spec = body["spec"]
        network = spec.get("networkID") or self._id_of("InfomaniakNetwork", (spec.get("networkRef") or {}).get("name"))
        if network:
            yield from _same("the network", row["network_id"], network)
        secure = spec.get("portSecurityEnabled", self.tables["networks"][row["network_id"]]["port_security_enabled"])
        if "import" not in spec:
            yield from _same("port_security_enabled", row["port_security_enabled"], secure)
        if spec.get("fixedIPs") is not None:
            wanted = {each["address"] for each in spec["fixedIPs"] if "address" in each}
            there = {each["ip_address"] for each in row["fixed_ips"]}
            yield from _same("the addresses asked for", wanted - there, set())
            yield from _same("how many addresses", len(row["fixed_ips"]), len(spec["fixedIPs"]))
        named = [self._id_of("SecurityGroup", each["name"]) for each in spec.get("securityGroupRefs") or ()]
        given = [*named, *(spec.get("securityGroupIDs") or ())]
        if spec.get("securityGroupRefs") is not None or spec.get("securityGroupIDs") is not None:
            yield from _same("the groups", sorted(row["security_groups"]), sorted(map(str, given)))
        elif secure and "import" not in spec:
            names = [self.tables["security_groups"][each]["name"] for each in row["security_groups"]]
            yield from _same("the groups", names, ["default"])
        if "import" not in spec:
            pairs = sorted(each["ip_address"] for each in row["allowed_address_pairs"])
            wanted = sorted(each["address"] for each in spec.get("allowedAddressPairs") or ())
            yield from _same("the pairs", pairs, wanted)

    def _address(self, body: Body, row: Row) -> Iterator[str]:
        spec = body["spec"]
        for port in self._under("ports", "device_id", row["id"]):
            self.claimed.add(("ports", port["id"]))
        port = spec.get("portID") or self._id_of("Port", (spec.get("portRef") or {}).get("name"))
        balancer = self._id_of("LoadBalancer", (spec.get("loadBalancerRef") or {}).get("name"))
        if balancer:
            port = self.tables["load_balancers"][balancer]["vip_port_id"]
        if port or "import" not in spec:
            yield from _same("the target", row["port_id"], port)
        if "portForwardings" in spec or "import" not in spec:
            ways = ("protocol", "external_port", "internal_port", "internal_port_id")
            forwarded = sorted(tuple(each[name] for name in ways) for each in row["port_forwardings"])
            items = spec.get("portForwardings") or ()
            ports = [each.get("portID") or self._id_of("Port", each["portRef"]["name"]) for each in items]
            yield from _same(
                "the port forwardings",
                forwarded,
                sorted(
                    (item["protocol"], item["externalPort"], item.get("internalPort", item["externalPort"]), port_id)
                    for item, port_id in zip(items, ports, strict=True)
                ),
            )
        if "externalNetwork" in spec:
            yield from _same("the network", row["floating_network_id"], self._outside(spec["externalNetwork"]))
        if body in self.bodies:
            shown = [body["status"].get(each) for each in ("address", "portID", "routerID")]
            yield from _same("status", shown, [row["floating_ip_address"], row["port_id"], row["router_id"]])

    def _balancer(self, body: Body, row: Row) -> Iterator[str]:
        spec = body["spec"]
        port = self.tables["ports"].get(row["vip_port_id"] or "")
        if port is None:
            yield f"its port {row['vip_port_id']} is not there"
        elif "import" not in spec:
            mark = self.marks.get(("ports", port["id"]))
            if mark is None or mark.uid != body["metadata"]["uid"] or not mark.child:
                yield f"the VIP's port {port['id']} does not have its mark: {port['description']!r}"
            if [ip["ip_address"] for ip in port["fixed_ips"]] != [row["vip_address"]]:
                yield f"the VIP {row['vip_address']} is not its port's: {port['fixed_ips']}"
            self.claimed.add(("ports", port["id"]))
        if body in self.bodies:
            shown = [body["status"].get(each) for each in ("vipAddress", "vipPortID")]
            yield from _same("status", shown, [row["vip_address"], row["vip_port_id"]])
        vip = spec.get("vip") or {}
        if vip and "import" not in spec:
            yield from _same("the VIP's subnet", row["vip_subnet_id"], self._subnet(vip))
        groups = [self._id_of("SecurityGroup", each["name"]) for each in vip.get("securityGroupRefs") or ()]
        wanted = sorted(map(str, [*groups, *(vip.get("securityGroupIDs") or ())]))
        yield from _same("the VIP's groups", sorted(row["vip_sg_ids"] or ()), wanted)
        under = self._under("listeners", "load_balancer_id", row["id"])
        items = spec.get("listeners")
        if items is None and "import" in spec:
            return
        yield from self._children("listener", body, items or (), under, "listeners")
        for item in items or ():
            for each in [one for one in under if one["name"] == item["name"]]:
                yield from (f"listener {item['name']}: {said}" for said in self._listener(body, item, each))

    def _listener(self, body: Body, item: Spec, row: Row) -> Iterator[str]:
        wanted = {**wishes.attributes("listeners", item), "provisioning_status": "ACTIVE"}
        pool = (item.get("defaultPoolRef") or {}).get("name")
        wanted["default_pool_id"] = self._id_of("Pool", pool)
        wanted["insert_headers"] = wishes.headers(item)
        yield from wishes.wrong(row, wanted)
        yield from _same("description", user_text(row), item.get("description") or "")
        apart = {each["metadata"]["uid"] for each in self.bodies if each["kind"] == "L7Policy"}
        under = self._under("l7policies", "listener_id", row["id"])
        marked = [(self.marks.get(("l7policies", each["id"])), each) for each in under]
        policies = [each for mark, each in marked if mark is None or mark.uid not in apart]
        target = wishes.redirect(item)
        yield from _same("how many policies", len(policies), 1 if target else 0)
        for policy in policies if target else ():
            mark = self.marks.get(("l7policies", policy["id"]))
            if mark is None or mark.uid != body["metadata"]["uid"]:
                yield f"policy {policy['id']} does not have the object's mark"
            self.claimed.add(("l7policies", policy["id"]))
            yield from wishes.wrong(policy, {**target, "provisioning_status": "ACTIVE"})
            rules = [(r["type"], r["value"]) for r in self._under("l7rules", "l7policy_id", policy["id"])]
            yield from _same("the policy's rules", rules, [("PATH", "/")])

    def _pool(self, body: Body, row: Row) -> Iterator[str]:
        spec = body["spec"]
        balancer = self._id_of("LoadBalancer", (spec.get("loadBalancerRef") or {}).get("name"))
        if balancer:
            yield from _same("its load balancer", row["loadbalancer_id"], balancer)
        kept = row["session_persistence"] and {
            name: row["session_persistence"][name] for name in ("type", "cookie_name")
        }
        if "sessionPersistence" in spec or "import" not in spec:
            yield from _same("session persistence", kept, wishes.persistence(spec))
        if spec.get("members") is None and "import" in spec:
            return
        rows = {(one["address"], one["protocol_port"]): one for one in self._under("members", "pool_id", row["id"])}
        items = {(item["address"], item["port"]): item for item in spec.get("members") or ()}
        yield from _same("the members", sorted(rows), sorted(items))
        for place in set(rows) & set(items):
            wanted = {**wishes.attributes("members", items[place]), "provisioning_status": "ACTIVE"}
            yield from (f"member {place}: {each}" for each in wishes.wrong(rows[place], wanted))

    def _monitor(self, body: Body, row: Row) -> Iterator[str]:
        pool = self._id_of("Pool", (body["spec"].get("poolRef") or {}).get("name"))
        if pool:
            yield from _same("its pool", row["pool_id"], pool)

    def _policy(self, body: Body, row: Row) -> Iterator[str]:
        spec = body["spec"]
        listener = self.tables["listeners"].get(row["listener_id"]) or {}
        if spec.get("listener"):
            yield from _same("its listener", listener.get("name"), spec["listener"])
        balancer = self._id_of("LoadBalancer", (spec.get("loadBalancerRef") or {}).get("name"))
        if balancer:
            yield from _same("its load balancer", listener.get("load_balancer_id"), balancer)
        if spec.get("action") or "import" not in spec:
            pool = self._id_of("Pool", (spec.get("poolRef") or {}).get("name"))
            yield from _same("the pool it sends to", row["redirect_pool_id"], pool)
            yield from _same("the status it answers", row["redirect_http_code"], wishes.answer_code(spec))
        rules = self._under("l7rules", "l7policy_id", row["id"])
        if spec.get("rules") is not None or "import" not in spec:
            found = sorted(wishes.policy_rule_of(each) for each in rules)
            yield from _same("its rules", found, wishes.policy_rules(spec))
        yield from self._behind(body, row)

    def _behind(self, body: Body, row: Row) -> Iterator[str]:
        """That those that come later by their specs are behind it, and the redirect of the listener is."""
        spec = body["spec"]
        uids = {each["metadata"]["uid"]: each for each in self.bodies if each["kind"] == "L7Policy"}
        for other in self._under("l7policies", "listener_id", row["listener_id"]):
            mark = self.marks.get(("l7policies", other["id"]))
            if other["id"] == row["id"] or mark is None or spec.get("position") is None:
                continue
            later = uids.get(mark.uid)
            if later is None:
                behind = True
            elif later["spec"].get("position") is None:
                continue
            else:
                behind = _order(body) < _order(later)
            if behind != (row["position"] < other["position"]):
                yield f"position {row['position']} is on the wrong side of {other['name']}, at {other['position']}"

    # -- what is left

    def _unaccounted(self) -> Iterator[str]:
        for name, rows in self.tables.items():
            for id_, row in rows.items():
                mark = self.marks.get((name, id_))
                if (name, id_) in self.claimed or self._part(name, row):
                    continue
                yield f"{name} {id_} ({row.get('name') or row.get('description')}) is nobody's: {mark}"

    def _part(self, name: str, row: Row) -> bool:
        """Whether it goes with something that is accounted for: a rule, a member, the project's default group."""
        if name in _PARTS:
            above, parent = _PARTS[name]
            group = self.tables[above].get(row[parent])
            return (above, row[parent]) in self.claimed or bool(group and group["name"] == "default")
        return name == "security_groups" and row["name"] == "default"

    def _rows_of(self, body: Body, child: str | None) -> list[tuple[str, str]]:
        """The rows with the object's mark; None: its children's, too."""
        uid = body["metadata"]["uid"]
        return [at for at, mark in self.marks.items() if mark.uid == uid and child in (None, mark.child)]

    def _under(self, table: str, parent: str, id_: str) -> list[Row]:
        """What is under a row, but for what others have made there."""
        rows = (row for row in self.tables[table].values() if row.get(parent) == id_)
        return [row for row in rows if (table, row["id"]) not in self.auditor.others]

    def _id_of(self, kind: str, name: str | None) -> str | None:
        """The id of what an object stands for, by its mark; of one that only reads, by status."""
        body = self.by_name.get((kind, name or ""))
        if body is None:
            return None
        found = [id_ for table, id_ in self._rows_of(body, "") if table == TABLES[kind]]
        return found[0] if found else (body.get("status") or {}).get("id")

    def _subnet(self, item: Spec) -> str | None:
        if item.get("subnetID"):
            return str(item["subnetID"])
        network = self._id_of("InfomaniakNetwork", (item.get("networkRef") or {}).get("name"))
        under = [
            s for s in self._under("subnets", "network_id", network or "") if item.get("subnet") in (None, s["name"])
        ]
        return under[0]["id"] if under else None

    def _outside(self, item: Spec | None) -> str | None:
        if not item:
            return None
        named = [n["id"] for n in self.tables["networks"].values() if n["name"] == item.get("networkName")]
        return item.get("networkID") or (named[0] if named else None)


def _order(body: Body) -> tuple[int, str, str]:
    meta = body["metadata"]
    return body["spec"]["position"], meta["creationTimestamp"], meta["name"]


def _title(body: Body) -> str:
    return f"{body['kind']} {body['metadata']['name']}"


def _same(what: str, found: Any, wanted: Any) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {found!r}, not {wanted!r}"
