"""The listeners of a load balancer: which of them are ours, and what is to be done about each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import Untyped
from infomaniak_operator.client.bodies import ListenerBody
from infomaniak_operator.client.resources import Listener, LoadBalancer
from infomaniak_operator.controller.interfaces import KubeObject, Reason
from infomaniak_operator.reconcile.generic import duplicates
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, owner_of
from infomaniak_operator.reconcile.generic.fields import (
    Difference,
    Field,
    applied,
    body_of,
    changes,
    differences,
    unordered,
)
from infomaniak_operator.reconcile.generic.outcomes import Outcome, again, stalled
from infomaniak_operator.reconcile.generic.owned import Whose, mark_of, whose, with_named
from infomaniak_operator.reconcile.generic.plan import Plan, Step
from infomaniak_operator.reconcile.neutron.neutron_common import ADMIN_STATE
from infomaniak_operator.reconcile.octavia import (
    certificates,
    https_redirect,
    listener_trust,
    octavia_common,
    tls_refs,
    vip_port,
)
from infomaniak_operator.reconcile.octavia.compatibility import fits
from infomaniak_operator.reconcile.octavia.octavia_common import tag_difference
from infomaniak_operator.reconcile.openstack.resource_types import LISTENERS
from infomaniak_operator.reconcile.ownership.marks import child_key

POOL_REF: Final = "defaultPoolRef"


def _headers(value: Mapping[str, object] | Iterable[str] | None) -> list[str]:
    """Both a list of headers and Octavia's map of them, as a sorted list."""
    if isinstance(value, Mapping):
        return sorted(name for name, on in value.items() if str(on).lower() == "true")
    return sorted(value or ())


_OWN: tuple[Field[json_types.ListenerField], ...] = (
    Field("protocol", "protocol", mutable=False),
    Field("port", "protocol_port", mutable=False),
    ADMIN_STATE,
    Field("description", "description", default=""),
    Field("allowedCIDRs", "allowed_cidrs", default=[], normal=unordered),
    Field("connectionLimit", "connection_limit", default=-1),
    Field(
        "insertHeaders",
        "insert_headers",
        default={},
        to_api=lambda names: dict.fromkeys(names, "true"),
        normal=_headers,
    ),
)
_TIMEOUTS: tuple[Field[json_types.TimeoutsField], ...] = (
    Field("clientData", "timeout_client_data", default=50000),
    Field("memberConnect", "timeout_member_connect", default=5000),
    Field("memberData", "timeout_member_data", default=50000),
    Field("tcpInspect", "timeout_tcp_inspect", default=0),
)
_TLS: tuple[Field[json_types.TlsField], ...] = (
    Field("barbicanContainer", "default_tls_container_ref", default=None),
    Field("sniBarbicanContainers", "sni_container_refs", default=[], normal=unordered),
    Field("versions", "tls_versions", normal=unordered),
    Field("ciphers", "tls_ciphers"),
)


_CLIENTS: tuple[Field[json_types.ClientAuthenticationField], ...] = (
    Field("mode", "client_authentication", default="NONE"),
    Field(tls_refs.CA, "client_ca_tls_container_ref", default=None),
    Field(tls_refs.CRL, "client_crl_container_ref", default=None),
)


def _within(block: str, fields: Iterable[Field[str]]) -> Iterator[Field[str]]:
    return (replace(field, spec=f"{block}.{field.spec}") for field in fields)


_TIMEOUTS_AT: Final[json_types.ListenerField] = "timeouts"
_TLS_AT: Final[json_types.ListenerField] = "tls"
_CLIENTS_AT: Final = f"{_TLS_AT}.{tls_refs.CLIENTS}"
FIELDS: tuple[Field[str], ...] = (
    *_OWN,
    *_within(_TIMEOUTS_AT, _TIMEOUTS),
    *_within(_TLS_AT, _TLS),
    *_within(_CLIENTS_AT, _CLIENTS),
)
_CHANGING = tuple(field for field in FIELDS if field.mutable)


class BalancerInputs(vip_port.VipInputs, total=False):
    """What the references of a LoadBalancer stand for.

    Attributes:
        pools: the ids of the pools that are there, by listener.
        poolProtocols: the protocols of the Pools that are there, by listener.
        certificates: the fingerprint of what each Secret holds, or what is wrong with it.
    """

    pools: dict[str, str]
    poolProtocols: dict[str, str | None]  # noqa: N815 - with others of a status
    certificates: dict[str, str]


def slot(name: str) -> str:
    """The child key of a listener in marks and in the record of creates."""
    return f"listener/{name}"


def prefix(name: str) -> str:
    """The place of a listener in the spec."""
    return f"listeners[{name}]"


def flat(item: json_types.Listener) -> dict[str, object]:
    """An item of the spec with what is nested in it at the top: ``timeouts.clientData``."""
    found: dict[str, object] = dict(item)
    timeouts, tls = item.get("timeouts"), item.get("tls")
    found |= {f"timeouts.{name}": value for name, value in timeouts.items()} if timeouts else {}
    found |= {f"tls.{name}": value for name, value in tls.items()} if tls else {}
    clients = tls.get("clientAuthentication") if tls else None
    found |= {f"{_CLIENTS_AT}.{name}": value for name, value in clients.items()} if clients else {}
    return found


def items_of(of: Untyped) -> list[json_types.Listener]:
    """The listeners that a spec asks for."""
    return list(json_types.LOAD_BALANCER.spec(of).get("listeners") or ())


def places(spec: json_types.LoadBalancerSpec) -> list[str]:
    """The places of the fields that the spec sets."""
    found = ["listeners"] if "listeners" in spec else []
    for item in spec.get("listeners") or ():
        where = prefix(item["name"])
        found += [where, *applied(_CHANGING, flat(tls_refs.placed(item)), where)]
        found += [f"{where}.{POOL_REF}"] if POOL_REF in item else []
        found += [f"{where}.{https_redirect.FIELD}"] if https_redirect.FIELD in item else []
    return found


def still_trusting(facts: Facts, rows: Mapping[str, Listener]) -> list[str]:
    """The places of whom listeners trust though the spec may not say so any more.

    Args:
        facts: of the object.
        rows: the listeners that are there, by their names in the spec.
    """
    found = (
        certificates.still_trusted(facts, FIELDS, rows[str(item["name"])], prefix(str(item["name"])))
        for item in items_of(facts)
        if item["name"] in rows
    )
    return [place for each in found for place in each]


def creation(facts: Facts, item: json_types.Listener, pool_id: str | None = None) -> ListenerBody:
    """The body of a listener's create, without its load balancer."""
    name = str(item["name"])
    policies = https_redirect.creation(facts, item)
    common = {"name": name, "tags": [facts.owner.mark(slot(name)).text]}
    body = LISTENERS.body({**common, **body_of(FIELDS, flat(certificates.effective(facts, item)))})
    if pool_id:
        body["default_pool_id"] = pool_id
    if policies:
        body["l7policies"] = policies
    return body


def _known(facts: Facts) -> dict[str, str]:
    """The names of the listeners of ours that status shows, by id; there are two of a name while one is replaced.

    Before the spec listed any, status shows those of others.
    """
    return _recorded(facts.resource)


def _recorded(balancer: KubeObject) -> dict[str, str]:
    status = json_types.LOAD_BALANCER.status(balancer)
    return _shown(balancer) if "listeners" in (status.get("appliedFields") or ()) else {}


def _shown(balancer: KubeObject) -> dict[str, str]:
    status = json_types.LOAD_BALANCER.status(balancer)
    return {str(item["id"]): item["name"] for item in status.get("listeners") or () if item.get("id")}


def under(context: ReconcileContext, balancer: LoadBalancer) -> list[Listener]:
    """The listeners of a load balancer: those listed, and those that status names and that are there all the same.

    Raises:
        InfomaniakCloudError: they could not be listed, or asked for.
    """
    named = () if context.unmanaged else _known(context)
    rows = with_named(context, LISTENERS, context.rows(LISTENERS), named)
    return [row for row in rows if octavia_common.under(row, balancer)]


def _coming(facts: Facts) -> set[str]:
    """The names of which status shows a listener without an id: it was about to be made beside the former one."""
    if "listeners" not in facts.recorded:
        return set()
    return {
        str(item["name"])
        for item in json_types.LOAD_BALANCER.status(facts.resource).get("listeners") or ()
        if not item.get("id")
    }


def announce(context: ReconcileContext, name: str, rows: Sequence[Listener]) -> None:
    """Have status say, before a listener is made in the place of another, that what it names is not the newest.

    Of one that is gone the id is forgotten. One that serves until the new one is there is named, even if it came to be
    by a request without an answer, and the new one stands beside it without an id. So who comes after a crash takes the
    only one that is not named for what was made last.
    Where there is a copy of the mark nothing would tell the two apart: what status names stays.

    Raises:
        Superseded, KubeError: it could not be written, so nothing must be made.
    """
    known = _known(context)
    former = {id_ for id_, shown in known.items() if shown == name}
    standing = [str(row["id"]) for row in of_item(context, rows, name) if is_ours(context, row)]
    if not (former or standing) or copies(context, rows).of(slot(name), context.owner):
        return
    gone = former - {str(row["id"]) for row in rows}
    status = json_types.LOAD_BALANCER.status(context)
    shown = [item for item in status.get("listeners") or () if item.get("id") not in gone]
    shown += [{"name": name, "id": each} for each in standing if each not in known]
    if standing and name not in _coming(context):
        shown.append({"name": name})
    status["listeners"] = shown
    context.record()


def is_ours(facts: Facts, row: Listener) -> bool:
    """Whether a listener under our load balancer is ours: by its mark, or because status names it."""
    return whose(facts.owner, row, child=None, inside=True, recorded=_known(facts)).ours


def is_part_of(cluster_id: str, balancer: KubeObject, row: Listener) -> bool:
    """Whether a listener is one of a LoadBalancer's own, whatever object is reconciled."""
    return whose(owner_of(cluster_id, balancer), row, child=None, recorded=_recorded(balancer)).ours


def name_of(facts: Facts, row: Listener) -> str | None:
    """What a listener of ours is called in the spec, or was; None where nothing tells."""
    known = _known(facts)
    if row["id"] in known:
        return known[row["id"]]
    mark = mark_of(row, facts.owner)
    slots = [slot(item["name"]) for item in items_of(facts)]
    slots += duplicates.slots_of(facts, "listeners", slot)
    found = (each for each in slots if mark is not None and child_key(each) == mark.child)
    return next((each.removeprefix("listener/") for each in found), None)


def copies(facts: Facts, rows: Iterable[Listener]) -> duplicates.Copies:
    """The listeners that carry a copy of a mark of ours.

    What status shows under a mark of ours is ours, whether or not we set it: while marks are given up, nothing counts
    as set by us any more.
    """
    known = [(slot(name), id_) for id_, name in _shown(facts.resource).items()]
    wanted = {slot(item["name"]): creation(facts, item) for item in items_of(facts)}
    for body in wanted.values():
        body.pop("l7policies", None)
    were_applied = duplicates.slots_of(facts, "listeners", slot)
    coming = {slot(name) for name in _coming(facts)}
    return duplicates.copies(facts, rows, known, wanted, were_applied, coming=coming)


def of_item(facts: Facts, rows: Iterable[Listener], name: str) -> list[Listener]:
    """The listeners that stand for an item of the spec: those with its mark, else the one that has lost its mark.

    On an imported load balancer one of the item's name that nobody owns is taken over; elsewhere a name says nothing.
    """
    known = _known(facts)
    rows = list(rows)
    rows = copies(facts, rows).sift(rows)
    recorded = {id_ for id_, shown in known.items() if shown == name}
    # Of several with one mark the one in status stays, else the oldest.
    rows = sorted(rows, key=lambda row: (known.get(row["id"]) != name, str(row.get("created_at", "")), str(row["id"])))
    found = [(whose(facts.owner, row, child=slot(name), inside=True, recorded=recorded), row) for row in rows]
    for wanted in (Whose.OURS, Whose.LOST):
        standing = [row for each, row in found if each is wanted]
        if standing:
            return standing
    free = [row for each, row in found if each is Whose.STRANGER] if facts.imported else []
    return [row for row in free if row.get("name") == name and row["id"] not in known]


def by_name(facts: Facts, rows: Sequence[Listener]) -> dict[str, Listener]:
    """The listener that stands for each item of the spec, by its name there."""
    found = ((item["name"], of_item(facts, rows, item["name"])) for item in items_of(facts))
    return {name: there[0] for name, there in found if there}


def transport(protocol: str) -> str:
    """What a listener's port is taken in."""
    return str(protocol) if protocol in ("UDP", "SCTP") else "TCP"


def _spot(row: Listener) -> tuple[str, int]:
    return transport(row["protocol"]), int(row["protocol_port"])


def note_named(context: ReconcileContext) -> None:
    """Remember which listeners, and redirects of them, status names now."""
    duplicates.note_named(context, map(slot, _known(context).values()))
    duplicates.note_named(context, map(https_redirect.slot, https_redirect.recorded(context).values()))


def plan(
    facts: Facts,
    balancer_id: str,
    rows: Sequence[Listener],
    inputs: BalancerInputs,
    keep: Mapping[str, str] | None = None,
) -> Plan:
    """What is to be changed, in the order that keeps traffic: what makes room, what comes, what changes, what goes.

    What cannot be done is left out, and held back; the rest proceeds. Nothing is done where a listener of others would
    have to be replaced, or where nothing tells which of several with one mark is ours.

    Args:
        facts: of the object.
        balancer_id: the load balancer.
        rows: its listeners.
        inputs: the resolved references.
        keep: by id, the listeners that must not go now, and what in them keeps them.
    """
    keep = keep or {}
    if "listeners" not in json_types.LOAD_BALANCER.spec(facts) and "listeners" not in facts.applied:
        return Plan()
    items = items_of(facts)
    strange = copies(facts, rows)
    if strange.undecided:
        return Plan(outcome=duplicates.undecided("listener", strange.undecided))
    room, come, change, go = [], [], [], []
    held_back: list[Outcome] = []
    stays: set[str] = set()
    for item in items:
        there = of_item(facts, rows, item["name"])
        wanted = (str(item["protocol"]), int(item["port"]))
        current = [row for row in there if (row["protocol"], int(row["protocol_port"])) == wanted]
        stale = [row for row in there if row not in current]
        theirs = next((row for row in stale if not is_ours(facts, row)), None)
        if theirs is not None and not current:
            return Plan(outcome=_not_replaced(item, theirs))
        kept = [row for row in stale if row["id"] in keep]
        if stale and not current and (kept or _would_break(item, inputs)):
            stays |= {str(row["id"]) for row in stale}  # its pool does not fit what it is to become: traffic goes on
            held_back += [_in_use(item["name"], row, keep) for row in kept]
            continue
        if not current and certificates.lacking(facts, item, former=not stale):
            stays |= {str(row["id"]) for row in stale}  # ``certificates.plan`` says what it waits for
            continue
        if current:
            stays.add(str(current[0]["id"]))
            steps, waiting = _update(facts, item, current[0], inputs)
            change += steps
            held_back += waiting
            stale += current[1:]
        else:
            blocker = next(
                (row for row in rows if _spot(row) == (transport(item["protocol"]), int(item["port"]))), None
            )
            ours = blocker is not None and blocker not in strange and is_ours(facts, blocker)
            problem = _taken(item, blocker, keep, ours=ours) if blocker is not None else None
            if problem is not None:
                held_back.append(problem)
                stays |= {str(row["id"]) for row in stale}  # what cannot be replaced serves on
                continue
            if blocker is not None:
                room.append(_delete(blocker, replaces=True))
            come.append(_create(facts, balancer_id, item, inputs))
        go += [_delete(row, replaces=not current) for row in stale]
    known = {step.id for step in room} | {step.id for step in go} | stays
    go += [_delete(row) for row in strange.sift(rows) if is_ours(facts, row) and row["id"] not in known]
    held_back += [_in_use(row.get("name"), row, keep) for row in rows if row["id"] in {s.id for s in go} & {*keep}]
    gone = {step.id for step in room} | {*keep}
    steps = [*room, *come, *change, *(step for step in go if step.id not in gone)]
    return Plan(steps=steps, held_back=held_back, warnings=duplicates.warnings("listener", strange.rows))


def _would_break(item: json_types.Listener, inputs: BalancerInputs) -> bool:
    protocol = (inputs.get("poolProtocols") or {}).get(item["name"])
    return protocol is not None and not fits(item["protocol"], protocol)


def _not_replaced(item: json_types.Listener, row: Listener) -> Outcome:
    message = (
        f"spec.listeners: listener {item['name']} ({row['id']}, {row['protocol']} {row['protocol_port']}) was made by "
        f"others and is not replaced by another on {item['protocol']} {item['port']}: give it its protocol and port in "
        "the spec, or give the new one another name"
    )
    return stalled(Reason.CONFLICT, message)


def _taken(item: json_types.Listener, blocker: Listener, keep: Mapping[str, str], *, ours: bool) -> Outcome | None:
    """Why a listener cannot have its port; None where the one that has it makes room."""
    if ours:
        return _in_use(item["name"], blocker, keep) if blocker["id"] in keep else None
    message = (
        f"spec.listeners: port {item['port']} of listener {item['name']} is taken by listener "
        f"{blocker.get('name') or 'without a name'} ({blocker['id']}), which is not ours: delete it, or "
        "choose another port"
    )
    return stalled(Reason.CONFLICT, message)


def _in_use(name: str | None, row: Listener, keep: Mapping[str, str]) -> Outcome:
    """The outcome where a listener must not go, for what is in it would go with it."""
    message = (
        f"spec.listeners: listener {name or 'without a name'} ({row['id']}, {row['protocol']} {row['protocol_port']}) "
        f"is to go, but holds what is not ours: {keep[row['id']]}: delete that first, or leave the listener as it is"
    )
    return again(Reason.IN_USE, message, 30.0)


def _create(facts: Facts, balancer_id: str, item: json_types.Listener, inputs: BalancerInputs) -> Step:
    pool = (inputs.get("pools") or {}).get(item["name"])
    body: ListenerBody = {**creation(facts, item, pool), "loadbalancer_id": balancer_id}
    # Only a whole tree is made with policies in it.
    body.pop("l7policies", None)
    what = f"listener {item['name']} ({item['protocol']} {item['port']})"
    return Step("create", what, slot(item["name"]), body=body)


def _delete(row: Listener, *, replaces: bool = False) -> Step:
    what = f"listener {row.get('name') or row['id']} ({row['protocol']} {row['protocol_port']})"
    return Step("delete", what, f"listener:{row['id']}", str(row["id"]), replaces=replaces)


def _update(
    facts: Facts, item: json_types.Listener, row: Listener, inputs: BalancerInputs
) -> tuple[list[Step], list[Outcome]]:
    """The step that changes a listener, if any, and what of it has to wait."""
    name = str(item["name"])
    where = prefix(name)
    whole = differences(_CHANGING, flat(certificates.effective(facts, item, row)), row, facts.applied, where)
    found = listener_trust.changing(facts, row, whole)
    waiting = [listener_trust.told(where)] if listener_trust.waits(found, whole) else []
    if row.get("name") != name:
        found.append(Difference(f"{where}.name", "name", row.get("name"), name))
    found += tag_difference(facts, {}, row, slot(name), where)
    found += _pool(facts, item, row, inputs)
    if not found:
        return [], waiting
    adopts, here = not is_ours(facts, row), str(row["id"])
    step = Step("update", f"listener {name}", slot(name), here, None, changes(found), tuple(found), adopts=adopts)
    return [step], waiting


def _pool(facts: Facts, item: json_types.Listener, row: Listener, inputs: BalancerInputs) -> list[Difference]:
    """The default pool: one that is not there yet leaves the listener as it is."""
    where = f"{prefix(str(item['name']))}.{POOL_REF}"
    now = row.get("default_pool_id")
    if POOL_REF in item:
        wanted = (inputs.get("pools") or {}).get(item["name"])
        if wanted is None:
            return []
    elif where in facts.applied:
        wanted = None
    else:
        return []
    return [] if now == wanted else [Difference(where, "default_pool_id", now, wanted)]


def without_pool(facts: Facts, rows: Mapping[str, Listener], inputs: BalancerInputs) -> set[str]:
    """The names of the listeners that have no pool, though they are to have one: it is not there yet.

    Args:
        facts: of the object.
        rows: the listeners that are there, by their names in the spec.
        inputs: the resolved references.
    """
    named = {str(item["name"]) for item in items_of(facts) if POOL_REF in item} - (inputs.get("pools") or {}).keys()
    return {name for name in named if name in rows and not rows[name].get("default_pool_id")}


def reported(context: ReconcileContext, rows: Sequence[Listener]) -> list[json_types.ListenerStatus]:
    """The listeners for status: ours, in the order of the spec; all there are where the spec lists none."""
    if context.unmanaged or not context.manages("listeners"):
        named = sorted((str(row.get("name") or row["id"]), str(row["id"]), row) for row in rows)
        return [_state(context, name, row) for name, _, row in named]
    shown: dict[str, json_types.ListenerStatus] = {}
    for item in items_of(context):
        for row in of_item(context, rows, str(item["name"]))[:1]:
            shown[str(row["id"])] = _state(context, str(item["name"]), row)
    former = _known(context)
    for row in copies(context, rows).sift(rows):  # those that are to go
        if is_ours(context, row) and row["id"] not in shown:
            shown[str(row["id"])] = _state(context, former.get(row["id"], str(row.get("name") or row["id"])), row)
    # Until it can be seen, whoever was about to make it.
    seen = {str(item["name"]) for id_, item in shown.items() if id_ not in former}
    coming = sorted(_coming(context) - seen)
    to_come: list[json_types.ListenerStatus] = [{"name": name} for name in coming if context.may_still_change()]
    return [*shown.values(), *to_come]


def _state(context: ReconcileContext, name: str, row: Listener) -> json_types.ListenerStatus:
    # What a create has answered says nothing of what became of it; what was listed is as new as this reconcile.
    made = context.resource.uid in octavia_common.tree_of(context).held
    provisioning, operating = octavia_common.tree_of(context).status_of(
        row, float("-inf") if made else context.request.fresh_after
    )
    policy = https_redirect.reported(context, name, row)
    found: json_types.ListenerStatus = {
        "name": name,
        "id": row["id"],
        "provisioningStatus": provisioning,
        "operatingStatus": operating,
    }
    if policy:
        found["redirectPolicyID"] = policy
    return found
