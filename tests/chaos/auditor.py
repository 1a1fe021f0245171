"""Compares what was applied with what is in the cloud. It shares no code with the operator or its fakes.

It knows the custom resources (docs/reference), Neutron's and Octavia's REST, and the form of a mark (docs/safety.md).
"""

from __future__ import annotations

import base64
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.excuses import Objects, excuse, in_use, places, terminating
from tests.chaos.eyes import PARTS, Row, Seen
from tests.chaos.universe import Key

_MARK = re.compile(
    r"ik(?:2(?P<released>r?)\.(?P<uid>[\w-]{22})\.[\w-]{17}|1(?P<released1>r?)\.[\w-]{8}\.(?P<uid1>[\w-]{22})\.[\w-]{8})"
    r"(?:\.(?P<child>[\w-]{6}))?(?![\w.-])"
)
"""Of version 2, and of version 1, which 0.1.0 writes."""
_LEGS = ("network:router_interface", "network:ha_router_replicated_interface")
MAIN = {
    "InfomaniakNetwork": "networks",
    "Router": "routers",
    "SecurityGroup": "security-groups",
    "Port": "ports",
    "FloatingIP": "floatingips",
    "LoadBalancer": "loadbalancers",
    "Pool": "pools",
    "HealthMonitor": "healthmonitors",
    "L7Policy": "l7policies",
}
"""In which collection the main thing of a kind is."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Whose something is."""

    uid: str
    child: str
    released: bool


def mark_of(row: Row) -> Mark | None:
    """The mark on a row: at the end of a description in Neutron, a tag in Octavia."""
    texts = [row.get("description") or "", *(row.get("tags") or ())]
    for text in texts:
        for found in _MARK.finditer(text):
            raw = base64.urlsafe_b64decode((found["uid"] or found["uid1"]) + "==")
            released = bool(found["released"] or found["released1"])
            return Mark(str(uuid.UUID(bytes=raw)), found["child"] or "", released)
    return None


def words_of(row: Row) -> str:
    """A description without the mark."""
    return re.sub(r"\s?\[ik[12]r?\.[\w.-]+\]", "", row.get("description") or "")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be.

    Attributes:
        what: missing, extra, doubled, wrong, not ready, dishonest, stuck, foreign, secret.
        about: which object or thing.
        text: what is wrong with it.
    """

    what: str
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.what}: {self.about}: {self.text}"


@dataclass(frozen=True, slots=True)
class World:
    """All that an audit looks at.

    Attributes:
        objects: as the API server has them.
        seen: the project, without what others have made in it.
        external_id: of the external network.
        set_before: for each UID the fields that its spec has ever had.
        touched: for each UID the fields that were changed from outside, of which an absent one is nobody's.
        given: collection and row of what others have made for objects to read or to take over, as it was.
        retained: for each UID that was deleted with Retain the id that it stood for, or nothing.
        deleted: ids of what others have deleted.
    """

    objects: Objects
    seen: Seen
    external_id: str
    set_before: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    touched: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    given: Sequence[tuple[str, Row]] = ()
    retained: Mapping[str, str] = field(default_factory=dict)
    deleted: AbstractSet[str] = frozenset()


def audit(world: World) -> list[Finding]:
    """Everything that is wrong."""
    return [*_owners(world), *_doubles(world), *_states(world), *_contents(world), *kept(world)]


def _owners(world: World) -> Iterator[Finding]:
    """Nothing extra: each thing is of an object that is there."""
    uids = {body["metadata"]["uid"]: key for key, body in world.objects.items()}
    given, retained = {row["id"] for _, row in world.given}, set(world.retained.values())
    for collection, rows in world.seen.rows.items():
        for row in rows:
            mark, theirs = mark_of(row), row["id"] in given
            about = _title(collection, row)
            if mark and not mark.released and mark.uid not in uids:
                yield Finding("extra", about, f"its object {mark.uid} is no more")
            elif mark and mark.released and mark.uid not in world.retained and not theirs:
                yield Finding("extra", about, f"nobody has asked {mark.uid} to release it")
            elif mark is None and not (theirs or row["id"] in retained or _of_the_cloud(collection, row)):
                yield Finding("extra", about, "no mark, and nobody has made it")


def _title(collection: str, row: Row) -> str:
    return f"{collection} {row['id']} {row.get('name', '')}".strip()


_OURS_IN_GIVEN = frozenset({"description", "revision_number"})
"""What the specs of those that take something over say, and what moves with that."""


def kept(world: World) -> Iterator[Finding]:
    """What was to be retained is there; what was given is as it was, but for what the specs say."""
    there = {row["id"] for rows in world.seen.rows.values() for row in rows}
    living = {body["metadata"]["uid"] for body in world.objects.values()}
    for uid, id_ in world.retained.items():
        if id_ and id_ not in there | world.deleted and uid not in living:
            yield Finding("missing", f"retained {id_}", f"what {uid} stood for is gone")
    before = [
        (collection, {name: value for name, value in row.items() if name not in _OURS_IN_GIVEN})
        for collection, row in world.given
    ]
    now = {name: [_unmarked(row) for row in rows] for name, rows in world.seen.rows.items()}
    yield from changed(before, Seen(now))


def _unmarked(row: Row) -> Row:
    """A row without marks among its tags."""
    return {**row, "tags": [tag for tag in row["tags"] if not _MARK.search(tag)]} if row.get("tags") else row


def left_behind(world: World) -> Iterator[Finding]:
    """When all objects are gone: nothing but what was retained or given, and no mark of ours on that."""
    given, retained = {row["id"] for _, row in world.given}, set(world.retained.values())
    for collection, rows in world.seen.rows.items():
        for row in rows:
            mark = mark_of(row)
            if mark and not mark.released:
                yield Finding("extra", _title(collection, row), "left behind after all was deleted, with its mark")
            elif not (row["id"] in given | retained or (mark and mark.uid in world.retained)):
                yield Finding("extra", _title(collection, row), "left behind after all was deleted")
    yield from kept(world)


def _of_the_cloud(collection: str, row: Row) -> bool:
    """What a service makes by itself, and what is a part of something else."""
    if collection in PARTS:
        return True  # compared with the spec of what they are parts of
    if collection == "security-groups":
        return row["name"] == "default"
    return collection == "ports" and row["device_owner"].startswith("network:")


def _doubles(world: World) -> Iterator[Finding]:
    found: dict[tuple[str, Mark], list[str]] = defaultdict(list)
    for collection, rows in world.seen.rows.items():
        for row in rows:
            if mark := mark_of(row):
                found[collection, mark].append(row["id"])
    for (collection, mark), ids in found.items():
        if len(ids) > 1:
            yield Finding("doubled", f"{collection} of {mark.uid} {mark.child}", ", ".join(ids))


def conditions(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By type."""
    return {each["type"]: each for each in (body.get("status") or {}).get("conditions") or ()}


def _states(world: World) -> Iterator[Finding]:
    """No finalizer stuck, all Ready that can be, conditions honest."""
    lost = {key for key, body in world.objects.items() if _is_lost(world, key, body)}
    for key, body in world.objects.items():
        about, said = "/".join(key), conditions(body)
        stalled, busy = (said.get(name, {}).get("status") == "True" for name in ("Stalled", "Reconciling"))
        if stalled and busy:
            yield Finding("dishonest", about, "Stalled and Reconciling at once")
        if terminating(body):
            if not in_use(key, world.objects, lost):
                yield Finding("stuck", about, f"is still being deleted: {_told(said)}")
            continue
        if is_ready(body):
            yield from _ready(body, about, said, busy=stalled or busy)
        elif key not in lost and not excuse(key, world.objects):
            yield Finding("not ready", about, f"though nothing is in its way: {_told(said)}")
        if body["spec"].get("managementPolicy") == "Unmanaged" and body["metadata"].get("finalizers"):
            yield Finding("stuck", about, f"only reads, and has {body['metadata']['finalizers']}")


def _is_lost(world: World, key: Key, body: Mapping[str, Any]) -> bool:
    """Whether others have deleted an address that is not to be made again."""
    id_ = (body.get("status") or {}).get("id")
    return key[0] == "FloatingIP" and body["spec"].get("recreate") != "Always" and id_ in world.deleted


def _ready(
    body: Mapping[str, Any], about: str, said: Mapping[str, Mapping[str, Any]], *, busy: bool
) -> Iterator[Finding]:
    """What else is said of something that is Ready."""
    reads = body["spec"].get("managementPolicy") == "Unmanaged"  # nothing is to be brought anywhere
    if busy:
        yield Finding("dishonest", about, "Ready, and Stalled or Reconciling")
    if not reads and not body["metadata"].get("finalizers"):
        yield Finding("dishonest", about, "Ready, and has no finalizer")
    if said.get("Synced", {}).get("status") != "True" and not (reads and "Synced" not in said):
        yield Finding("dishonest", about, f"Ready, and Synced is {said.get('Synced', {}).get('status')}")


def _told(said: Mapping[str, Mapping[str, Any]]) -> str:
    return "; ".join(
        f"{kind}={each['status']} {each.get('reason')} {each.get('message')}" for kind, each in said.items()
    )


def is_being_created(body: Mapping[str, Any]) -> bool:
    """Whether a create may be under way whose id status does not show yet."""
    reason = conditions(body).get("Ready", {}).get("reason", "")
    begun = bool(body["metadata"].get("finalizers")) and not (body.get("status") or {}).get("id")
    return reason == "Creating" or (begun and reason != "WaitingForReference")


def is_ready(body: Mapping[str, Any]) -> bool:
    """Ready, for the spec as it is now."""
    generation, status = body["metadata"]["generation"], body.get("status") or {}
    ready = conditions(body).get("Ready", {})
    return ready.get("status") == "True" and status.get("observedGeneration") == generation == ready.get(
        "observedGeneration", generation
    )


def _contents(world: World) -> Iterator[Finding]:
    """Nothing missing, and everything as its spec says, for what calls itself Ready."""
    for key, body in world.objects.items():
        if terminating(body) or not is_ready(body):
            continue
        if body["spec"].get("managementPolicy") == "Unmanaged":
            yield from _read(world, key)
            continue
        rows = main_rows(world, key)
        if not rows:
            yield Finding("missing", "/".join(key), "Ready, and not in the cloud")
            continue
        if body["status"].get("id") not in {row["id"] for row in rows}:
            yield Finding(
                "dishonest", "/".join(key), f"status.id {body['status'].get('id')}, the cloud {rows[0]['id']}"
            )
        compare = Compare(world, key, rows[0])
        (_taken_over if "import" in compare.spec else _KINDS[key[0]])(compare)
        yield from compare.findings


def _read(world: World, key: Key) -> Iterator[Finding]:
    """What is only read is there, and has no mark."""
    body, about = world.objects[key], "/".join(key)
    for collection, rows in world.seen.rows.items():
        for row in rows:
            if (mark := mark_of(row)) and mark.uid == body["metadata"]["uid"] and not mark.released:
                yield Finding("foreign", about, f"only reads, and has its mark on {_title(collection, row)}")
    there = {row["id"] for row in world.seen.rows.get(MAIN[key[0]], ())} | {world.external_id}
    if body["status"].get("id") not in there:
        yield Finding("dishonest", about, f"Ready, and status.id {body['status'].get('id')} is not there")


def main_rows(world: World, key: Key) -> list[Row]:
    """What stands for an object in the cloud."""
    body = world.objects.get(key)
    if body is None:
        return []
    uid = body["metadata"]["uid"]
    return [
        row
        for row in world.seen.rows.get(MAIN[key[0]], ())
        if (m := mark_of(row)) and m.uid == uid and not m.child and not m.released
    ]


class Compare:
    """One object and its row.

    Args:
        world: all there is.
        key: of the object.
        row: in the cloud.
    """

    def __init__(self, world: World, key: Key, row: Row) -> None:
        self.world = world
        self.key = key
        self.row = row
        self.body = world.objects[key]
        self.spec: Mapping[str, Any] = self.body["spec"]
        self.uid: str = self.body["metadata"]["uid"]
        self.findings: list[Finding] = []

    def equal(self, what: str, found: Any, wanted: Any) -> None:
        """They must be the same."""
        if found != wanted:
            self.findings.append(
                Finding("wrong", "/".join(self.key), f"{what}: the cloud has {found}, the spec {wanted}")
            )

    def field(
        self, name: str, found: Any, default: Any, *, spec: Mapping[str, Any] | None = None, path: str = ""
    ) -> None:
        """As the spec says; absent: the service's default, if it was once set and nobody else has set it since."""
        spec, path = self.spec if spec is None else spec, path or name
        if name in spec:
            self.equal(path, found, spec[name])
        elif self.was_set(path):
            self.equal(f"{path} (taken out)", found, default)

    def was_set(self, path: str) -> bool:
        """Whether an absent field must be as the service has it by default."""
        before, touched = self.world.set_before.get(self.uid, set()), self.world.touched.get(self.uid, set())
        return path in before and path not in touched

    def common(self) -> None:
        """Name, description, whether it is switched on."""
        if self.key[0] != "FloatingIP":
            self.equal("name", self.row["name"], self.spec.get("name", self.key[1]))
        if self.key[0] != "HealthMonitor":
            self.field("description", words_of(self.row), "")
        if "admin_state_up" in self.row:
            self.field("adminStateUp", self.row["admin_state_up"], default=True)

    def id_of(self, kind: str, name: str) -> str | None:
        """The id in the cloud of what a reference leads to."""
        rows = main_rows(self.world, (kind, name))
        return rows[0]["id"] if rows else None


def _taken_over(it: Compare) -> None:
    """What others have made: what the spec does not name is as they have it (``kept`` looks at that)."""
    it.field("description", words_of(it.row), "")
    it.equal("provisioning_status", it.row.get("provisioning_status", "ACTIVE"), "ACTIVE")


def _network(it: Compare) -> None:
    it.common()
    it.field("portSecurityEnabled", it.row["port_security_enabled"], default=True)
    found = {row["name"]: row for row in it.world.seen.of("subnets", network_id=it.row["id"])}
    wanted = {subnet["name"]: subnet for subnet in it.spec.get("subnets") or ()}
    it.equal("subnets", sorted(found), sorted(wanted))
    it.equal("number of subnets", len(it.world.seen.of("subnets", network_id=it.row["id"])), len(wanted))
    for name in wanted.keys() & found.keys():
        spec, row, path = wanted[name], found[name], f"subnets.{name}"
        it.equal(f"{path}.cidr", row["cidr"], spec["cidr"])
        it.field("dnsNameservers", row["dns_nameservers"], [], spec=spec, path=f"{path}.dnsNameservers")
        it.field("enableDHCP", row["enable_dhcp"], default=True, spec=spec, path=f"{path}.enableDHCP")
        it.field("description", words_of(row), "", spec=spec, path=f"{path}.description")
        if "ipv6RAMode" in spec:
            it.equal(f"{path}.ipv6RAMode", row["ipv6_ra_mode"], spec["ipv6RAMode"])


def _router(it: Compare) -> None:
    it.common()
    gateway = (it.row["external_gateway_info"] or {}).get("network_id")
    if "externalGateway" in it.spec:
        it.equal("externalGateway", gateway, it.world.external_id)
    elif it.was_set("externalGateway"):
        it.equal("externalGateway (taken out)", gateway, None)
    legs = [port for port in it.world.seen.of("ports", device_id=it.row["id"]) if port["device_owner"] in _LEGS]
    subnets = {row["id"]: row for row in it.world.seen.rows["subnets"]}
    names = {it.id_of(*key): key[1] for key in it.world.objects if key[0] == "InfomaniakNetwork"}
    on = [subnets[each["subnet_id"]] for port in legs for each in port["fixed_ips"] if each["subnet_id"] in subnets]
    found = sorted((names.get(row["network_id"], row["network_id"]), row["name"]) for row in on)
    if "interfaces" in it.spec or it.was_set("interfaces"):
        wanted = [place for leg in it.spec.get("interfaces", ()) for place in places(leg, it.world.objects)]
        it.equal("interfaces", found, sorted(wanted))
    for leg in it.spec.get("interfaces", ()):
        at = {each["ip_address"] for port in legs for each in port["fixed_ips"]}
        if "address" in leg and leg["address"] not in at:
            it.equal(f"interface at {leg['address']}", sorted(at), leg["address"])
        if "portRef" in leg and it.id_of("Port", leg["portRef"]["name"]) not in {port["id"] for port in legs}:
            it.equal("interfaces by ports", [port["id"] for port in legs], it.id_of("Port", leg["portRef"]["name"]))
    marked = [port["id"] for port in it.world.seen.rows["ports"] if (m := mark_of(port)) and m.uid == it.uid]
    it.equal("ports with its mark that are no interfaces", sorted(set(marked) - {port["id"] for port in legs}), [])
    routes = sorted((each["destination"], each["nexthop"]) for each in it.row["routes"])
    if "routes" in it.spec or it.was_set("routes"):
        it.equal("routes", routes, sorted((r["destination"], r["nexthop"]) for r in it.spec.get("routes", ())))


_DEFAULT_EGRESS = [("egress", version, None, None, None, None, None, "") for version in ("IPv4", "IPv6")]


def _group(it: Compare) -> None:
    it.common()
    if "rules" not in it.spec and (not it.was_set("rules") or "keepDefaultEgress" in it.spec):
        return
    found = [
        (
            rule["direction"],
            rule["ethertype"],
            rule["protocol"],
            rule["port_range_min"],
            rule["port_range_max"],
            rule["remote_ip_prefix"],
            rule["remote_group_id"],
            rule["description"] or "",
        )
        for rule in it.row["security_group_rules"]
    ]
    wanted = [_rule(it, rule) for rule in it.spec.get("rules") or ()]
    if it.spec.get("keepDefaultEgress", True):
        wanted += _DEFAULT_EGRESS
    it.equal("rules", sorted(found, key=str), sorted(wanted, key=str))


def _rule(it: Compare, rule: Mapping[str, Any]) -> tuple[Any, ...]:
    prefix, ports = rule.get("remoteIPPrefix"), rule.get("portRange", {})
    version = rule.get("etherType") or ("IPv6" if ":" in (prefix or "") else "IPv4")
    group = it.id_of("SecurityGroup", rule["remoteGroupRef"]["name"]) if "remoteGroupRef" in rule else None
    low = ports.get("min")
    return (
        rule["direction"],
        version,
        rule.get("protocol"),
        low,
        ports.get("max", low),
        prefix,
        group,
        rule.get("description", ""),
    )


def _port(it: Compare) -> None:
    it.common()
    it.equal("networkRef", it.row["network_id"], it.id_of("InfomaniakNetwork", it.spec["networkRef"]["name"]))
    if "fixedIPs" in it.spec:
        names = {row["id"]: row["name"] for row in it.world.seen.rows["subnets"]}
        there = [each for each in it.row["fixed_ips"] if ":" not in each["ip_address"]]
        it.equal(
            "fixedIPs", [names.get(each["subnet_id"]) for each in there], [w["subnet"] for w in it.spec["fixedIPs"]]
        )
        for wanted, found in zip(it.spec["fixedIPs"], there, strict=False):
            it.equal("fixedIPs.address", found["ip_address"], wanted.get("address", found["ip_address"]))
    if "securityGroupRefs" in it.spec:
        wanted = [it.id_of("SecurityGroup", group["name"]) for group in it.spec["securityGroupRefs"]]
        it.equal("securityGroupRefs", sorted(it.row["security_groups"]), sorted(map(str, wanted)))
    elif it.was_set("securityGroupRefs"):
        default = [row["id"] for row in it.world.seen.of("security-groups", name="default")]
        it.equal("securityGroupRefs (taken out)", it.row["security_groups"], default)
    pairs = sorted(each["ip_address"] for each in it.row["allowed_address_pairs"])
    if "allowedAddressPairs" in it.spec or it.was_set("allowedAddressPairs"):
        wanted = [each["address"] for each in it.spec.get("allowedAddressPairs", ())]
        it.equal("allowedAddressPairs", pairs, sorted(wanted))


def _floating_ip(it: Compare) -> None:
    it.common()
    it.equal("externalNetwork", it.row["floating_network_id"], it.world.external_id)
    target = None
    if "portRef" in it.spec:
        target = it.id_of("Port", it.spec["portRef"]["name"])
    if "loadBalancerRef" in it.spec:
        rows = main_rows(it.world, ("LoadBalancer", it.spec["loadBalancerRef"]["name"]))
        target = rows[0]["vip_port_id"] if rows else "none there"
    it.equal("target", it.row["port_id"], target)
    if "portForwardings" not in it.spec and not it.was_set("portForwardings"):
        return
    columns = ("protocol", "external_port", "internal_port", "internal_port_id")
    found = [
        tuple(row[name] for name in columns) for row in it.world.seen.of("port_forwardings", floatingip_id=it.row["id"])
    ]
    wanted = [
        (
            item["protocol"],
            item["externalPort"],
            item.get("internalPort", item["externalPort"]),
            it.id_of("Port", item["portRef"]["name"]),
        )
        for item in it.spec.get("portForwardings") or ()
    ]
    it.equal(
        "portForwardings", sorted(found), sorted(wanted, key=str) if None in {w[3] for w in wanted} else sorted(wanted)
    )


def _load_balancer(it: Compare) -> None:
    it.common()
    it.equal("provisioning_status", it.row["provisioning_status"], "ACTIVE")
    network = it.id_of("InfomaniakNetwork", it.spec["vip"]["networkRef"]["name"])
    it.equal("vip.networkRef", it.row["vip_network_id"], network)
    ports = it.world.seen.of("ports", id=it.row["vip_port_id"])
    it.equal("the VIP's port", [(m := mark_of(port)) and m.uid for port in ports], [it.uid])
    marked = [port["id"] for port in it.world.seen.rows["ports"] if (m := mark_of(port)) and m.uid == it.uid]
    it.equal("ports with its mark", marked, [it.row["vip_port_id"]])
    wanted_groups = [it.id_of("SecurityGroup", group["name"]) for group in it.spec["vip"].get("securityGroupRefs", ())]
    if wanted_groups or it.was_set("vip.securityGroupRefs"):
        it.equal("vip.securityGroupRefs", it.row["vip_sg_ids"], wanted_groups)
    rows = [row for row in it.world.seen.rows["listeners"] if {"id": it.row["id"]} in row["loadbalancers"]]
    found = {row["name"]: row for row in rows}
    wanted = {listener["name"]: listener for listener in it.spec.get("listeners") or ()}
    it.equal("listeners", sorted(row["name"] for row in rows), sorted(wanted))
    for name in wanted.keys() & found.keys():
        _listener(it, wanted[name], found[name])


def _listener(it: Compare, spec: Mapping[str, Any], row: Row) -> None:
    path = f"listeners.{spec['name']}"
    it.equal(f"{path}.protocol", row["protocol"], spec["protocol"])
    it.equal(f"{path}.port", row["protocol_port"], spec["port"])
    it.field("connectionLimit", row["connection_limit"], -1, spec=spec, path=f"{path}.connectionLimit")
    it.field("allowedCIDRs", sorted(row["allowed_cidrs"] or []), [], spec=spec, path=f"{path}.allowedCIDRs")
    headers = sorted(name for name, value in row["insert_headers"].items() if value == "true")
    it.field("insertHeaders", headers, [], spec=spec, path=f"{path}.insertHeaders")
    timeouts, milliseconds = spec.get("timeouts", {}), row["timeout_client_data"]
    it.field("clientData", milliseconds, 50000, spec=timeouts, path=f"{path}.timeouts.clientData")
    apart = {body["metadata"]["uid"] for key, body in it.world.objects.items() if key[0] == "L7Policy"}
    policies = [
        policy
        for policy in it.world.seen.of("l7policies", listener_id=row["id"])
        if (m := mark_of(policy)) is None or m.uid not in apart
    ]
    hosts = [policy["redirect_prefix"] or "" for policy in policies]
    redirect = spec.get("redirectToHTTPS")
    it.equal(f"{path}.redirectToHTTPS", hosts, [f"https://{redirect['host']}"] if redirect else [])
    pool = spec.get("defaultPoolRef")
    if pool is None:
        if it.was_set(f"{path}.defaultPoolRef"):
            it.equal(f"{path}.defaultPoolRef (taken out)", row["default_pool_id"], None)
        return
    body = it.world.objects.get(("Pool", pool["name"]))
    if body is not None and not terminating(body) and is_ready(body):
        it.equal(f"{path}.defaultPoolRef", row["default_pool_id"], it.id_of("Pool", pool["name"]))


def _pool(it: Compare) -> None:
    it.common()
    owner = it.id_of("LoadBalancer", it.spec["loadBalancerRef"]["name"])
    it.equal("loadBalancerRef", [each["id"] for each in it.row["loadbalancers"]], [owner])
    it.equal("protocol", it.row["protocol"], it.spec["protocol"])
    it.equal("algorithm", it.row["lb_algorithm"], it.spec["algorithm"])
    persistence = (it.row["session_persistence"] or {}).get("type")
    if "sessionPersistence" in it.spec:
        it.equal("sessionPersistence", persistence, it.spec["sessionPersistence"]["type"])
    elif it.was_set("sessionPersistence"):
        it.equal("sessionPersistence (taken out)", persistence, None)
    given = [name for name in ("members", "portMembers") if name in it.spec]
    if not given and not (it.was_set("members") or it.was_set("portMembers")):
        return
    rows = it.world.seen.of("members", pool_id=it.row["id"])
    found = {(row["address"], row["protocol_port"]): row for row in rows}
    wanted = {(member["address"], member["port"]): member for member in it.spec.get("members") or ()}
    for member in it.spec.get("portMembers") or ():
        wanted[_address_of(it, member["portRef"]["name"]), member["port"]] = member
    it.equal("members", sorted(found, key=str), sorted(wanted, key=str))
    for where in found.keys() & wanted.keys():
        row, member, path = found[where], wanted[where], f"members.{where[0]}"
        it.field("weight", row["weight"], 1, spec=member, path=f"{path}.weight")
        it.field("backup", row["backup"], default=False, spec=member, path=f"{path}.backup")


def _address_of(it: Compare, port: str) -> str:
    rows = main_rows(it.world, ("Port", port))
    addresses = [each["ip_address"] for row in rows for each in row["fixed_ips"] if ":" not in each["ip_address"]]
    return addresses[0] if addresses else "none there"


def _monitor(it: Compare) -> None:
    it.common()
    it.equal("poolRef", [each["id"] for each in it.row["pools"]], [it.id_of("Pool", it.spec["poolRef"]["name"])])
    for name, column in (("type", "type"), ("delay", "delay"), ("timeout", "timeout"), ("maxRetries", "max_retries")):
        it.equal(name, it.row[column], it.spec[name])
    if it.spec["type"] == "HTTP":
        it.field("urlPath", it.row["url_path"], "/")
        it.field("expectedCodes", it.row["expected_codes"], "200")


def _policy(it: Compare) -> None:
    it.common()
    it.equal("provisioning_status", it.row["provisioning_status"], "ACTIVE")
    listeners = it.world.seen.of("listeners", id=it.row["listener_id"])
    it.equal("listener", [row["name"] for row in listeners], [it.spec["listener"]])
    owner = it.id_of("LoadBalancer", it.spec["loadBalancerRef"]["name"])
    it.equal("loadBalancerRef", [row["loadbalancers"] for row in listeners], [[{"id": owner}]])
    it.equal("action", it.row["action"], it.spec["action"])
    it.equal("redirectURL", it.row["redirect_url"], it.spec.get("redirectURL"))
    it.equal("redirectPrefix", it.row["redirect_prefix"], it.spec.get("redirectPrefix"))
    pool = it.id_of("Pool", it.spec["poolRef"]["name"]) if "poolRef" in it.spec else None
    it.equal("poolRef", it.row["redirect_pool_id"], pool)
    if it.spec["action"] in ("REDIRECT_TO_URL", "REDIRECT_PREFIX"):
        it.field("redirectHTTPCode", it.row["redirect_http_code"], 302)
    names = ("type", "compare_type", "key", "value", "invert")
    found = [tuple(row[name] for name in names) for row in it.world.seen.of("l7rules", l7policy_id=it.row["id"])]
    rules = it.spec["rules"]
    wanted = [(r["type"], r["compareType"], r.get("key"), r["value"], r.get("invert", False)) for r in rules]
    it.equal("rules", sorted(found, key=str), sorted(wanted, key=str))
    if "position" in it.spec:
        _place(it)


def _place(it: Compare) -> None:
    """That all that come later by their specs are behind it, and the redirect of the listener is."""
    policies = {body["metadata"]["uid"]: body for key, body in it.world.objects.items() if key[0] == "L7Policy"}
    for row in it.world.seen.of("l7policies", listener_id=it.row["listener_id"]):
        mark = mark_of(row)
        if mark is None or mark.uid == it.uid:
            continue
        other = policies.get(mark.uid)
        if other is None:
            first = True
        elif "position" in other["spec"] and is_ready(other):
            first = _order(it.body) < _order(other)
        else:
            continue
        it.equal(
            f"position {it.row['position']} beside {row['position']} of {row['name']}: first",
            it.row["position"] < row["position"],
            first,
        )


def _order(body: Mapping[str, Any]) -> tuple[int, str, str]:
    return body["spec"]["position"], body["metadata"]["creationTimestamp"], body["metadata"]["name"]


_KINDS = {
    "InfomaniakNetwork": _network,
    "Router": _router,
    "SecurityGroup": _group,
    "Port": _port,
    "FloatingIP": _floating_ip,
    "LoadBalancer": _load_balancer,
    "Pool": _pool,
    "HealthMonitor": _monitor,
    "L7Policy": _policy,
}


_MOVING = frozenset({"status", "operating_status", "provisioning_status", "updated_at"})
"""What the services change by themselves."""


_AMONG_OURS = frozenset({"revision_number", "position", "listeners", "pools", "l7policies", "members"})
"""What moves in a thing under ours when its neighbours come and go."""


def changed(before: Iterable[tuple[str, Row]], now: Seen, *, strict: bool = True) -> Iterator[Finding]:
    """Nothing foreign touched: field by field.

    Args:
        before: collection and row, as it was.
        now: as it is.
        strict: whether what the services count (revisions, times) may not have moved either.
    """
    loose = _MOVING if strict else _MOVING | _AMONG_OURS
    for collection, row in before:
        found = now.of(collection, id=row["id"])
        about = f"{collection} {row['id']} {row.get('name', '')}".strip()
        if not found:
            yield Finding("foreign", about, _GONE)
            continue
        for name, value in row.items():
            if name not in loose and _sorted(found[0].get(name), strict=strict) != _sorted(value, strict=strict):
                yield Finding("foreign", about, f"{name}: was {value}, is {found[0].get(name)}")


_GONE = "is gone"


def beyond_repair(findings: Iterable[Finding]) -> bool:
    """Whether something of others is gone: no waiting brings it back."""
    return any(finding.what == "foreign" and finding.text == _GONE for finding in findings)


def _sorted(value: Any, *, strict: bool) -> Any:
    """The services give what is in a row in any order.

    A port among ours loses the address that it has by SLAAC with the subnet that it is of: so Neutron has it.
    """
    if not isinstance(value, list):
        return value
    kept = [each for each in value if strict or not isinstance(each, dict) or ":" not in str(each.get("ip_address"))]
    return sorted(kept, key=str)


def events_honest(events: Iterable[Row], objects: Objects, seen: Seen) -> Iterator[Finding]:
    """No Event says that something is gone which is there, and none is about nobody."""
    ids = {row["id"] for rows in seen.rows.values() for row in rows}
    for event in events:
        if event.get("reason") != "Deleted":
            continue
        for named in re.findall(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", event.get("message", "")):
            if named in ids:
                yield Finding("dishonest", f"Event of {event['involvedObject']['name']}", event["message"])
    del objects
