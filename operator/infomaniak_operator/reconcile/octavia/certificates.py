"""What listeners and pools name by Secrets for TLS: what of it Barbican has, and what is to be done. Pure.

In Barbican a certificate has a name that follows from its content and its owner. So who looks after a crash finds what
was stored, and a certificate is new where its name is. What is stored is never changed: a renewal is another secret.
Authorities, and lists of what they have revoked, are kept in the same way.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from infomaniak_operator.api import json_types
from infomaniak_operator.api.v1alpha1 import load_balancer_types, pool_types
from infomaniak_operator.client.resources import Listener, Pool, Secret
from infomaniak_operator.controller.interfaces import CacheReader, KubeObject, Reason, WaitingFor
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Field, place
from infomaniak_operator.reconcile.generic.outcomes import Outcome, again, stalled
from infomaniak_operator.reconcile.generic.plan import Plan, Step, Warned, only
from infomaniak_operator.reconcile.octavia.certificate_secret import LABEL, Content, key_of, look_up
from infomaniak_operator.reconcile.octavia.tls_refs import (
    CA,
    CLIENTS,
    CRL,
    Source,
    Trust,
    by_address,
    named,
    references,
    trust,
    trusting,
    trusts,
)
from infomaniak_operator.reconcile.octavia.x509_authority import REVOKED, Authorities, RevocationLists
from infomaniak_operator.reconcile.octavia.x509_chain import AUTHORITY, CERTIFICATE
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner, Standing, child_key, user_text

MADE: Final = "certificates"
"""Among the fields that we have set, as long as Barbican may have something of ours."""
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_NEW, _STORED = "certificate/", "certificate:"
_LONGEST_WAIT = 600.0
"""Seconds until a certificate that is not valid yet is looked at again, at most."""
_GOES_ON = "a {} that serves goes on with what it has"
_NOBODY: Final = "NONE"
"""The mode in which no client is asked for a certificate."""
_SORTS = {CERTIFICATE: "certificate", AUTHORITY: "authority", REVOKED: "list of revoked certificates"}
"""What people call what begins in a key of a Secret."""
_NAMING: Final = (
    "default_tls_container_ref",
    "client_ca_tls_container_ref",
    "client_crl_container_ref",
    "tls_container_ref",
    "ca_tls_container_ref",
    "crl_container_ref",
)
"""The attributes of listeners and pools that name a secret in Barbican, beside the list for SNI."""
_TRUSTED: Final = {
    True: ("client_ca_tls_container_ref", "client_crl_container_ref"),
    False: ("ca_tls_container_ref", "crl_container_ref"),
}
"""Those that name an authority and what it has revoked: of a listener, and of a pool."""


@dataclass(slots=True)
class Stored:
    """What this process knows of the object's secrets in Barbican.

    Attributes:
        secrets: by fingerprint.
        listed_at: monotonic seconds when they were listed: then there were no others.
        unsettled: whether a change may have been under way then, such as a DELETE of the process before this one.
    """

    secrets: dict[str, Secret] = field(default_factory=dict)
    listed_at: float | None = None
    unsettled: bool = False


@dataclass(slots=True)
class SeenCertificates:
    """What a reconcile has found out.

    Attributes:
        failed: the outcome where Barbican could not be asked, or refused.
        copies: secrets that carry a copy of a name of ours.
    """

    failed: Outcome | None = None
    copies: list[Secret] = field(default_factory=list)


# ── what the spec names ──


def resolve(resource: KubeObject, view: CacheReader) -> dict[str, str]:
    """What each Secret holds: a fingerprint, or what is wrong with it; empty where it is not there."""
    found = {each.label: _look_up(resource, view, each) for each in named(resource)}
    return {label: each if isinstance(each, str) else each.fingerprint if each else "" for label, each in found.items()}


def _look_up(resource: KubeObject, view: CacheReader, source: Source) -> Content | str | None:
    return look_up(view, resource.key.namespace, source.secret, source.part)


def absent(resource: KubeObject, view: CacheReader) -> bool:
    """Whether one of the Secrets is not there."""
    return any(view.get(key) is None for key in references(resource))


def concerned(facts: Facts) -> bool:
    """Whether the object has, or had until now, anything to do with Barbican."""
    return bool(named(facts)) or MADE in facts.applied or bool(_shown(facts))


def applied(facts: Facts) -> list[str]:
    """The place of the certificates among the fields that we have set: until Barbican is seen without any of ours."""
    stored = facts.request.memory.of(Stored)
    kept = MADE in facts.applied and not (stored.listed_at is not None and not stored.secrets)
    return [MADE] if named(facts) or kept else []


def still_trusted(facts: Facts, fields: Iterable[Field[str]], row: Mapping[str, object], prefix: str) -> Iterator[str]:
    """The places of an authority, and of its list, that a listener or a pool has, whether or not the spec says so.

    While one of the two cannot be used both stay as they are. So what is taken out of the spec meanwhile counts as set
    by us until the row is seen without it: it goes once the other can be used.

    Args:
        facts: of the object.
        fields: its table.
        row: the listener or the pool.
        prefix: its place in the spec.
    """
    for each in fields:
        full = place(prefix, each.spec)
        if each.spec.endswith((CA, CRL)) and full in facts.applied and row.get(each.api):
            yield full


def wanted(facts: Facts) -> dict[Source, Content]:
    """What can be used now."""
    found = {source: _look_up(facts.resource, facts.view, source) for source in named(facts)}
    return {
        source: each
        for source, each in found.items()
        if each is not None and not isinstance(each, str) and each.problem_at(facts.now) is None
    }


# ── what Barbican has ──


def slot(fingerprint: str) -> str:
    """The child key of a certificate in marks and in the record of creates."""
    return f"{_NEW}{fingerprint}"


def stored_name(owner: Owner, fingerprint: str) -> str:
    """What the certificate of that fingerprint is called in Barbican: nothing but its name can carry a mark there."""
    return f"{fingerprint} {owner.mark(slot(fingerprint)).text}"


def fingerprint_in(owner: Owner, row: Secret) -> str | None:
    """Which certificate a secret is by its name; None where it is not this owner's."""
    name = row.get("name")
    mark, text = Mark.parse(name), user_text(name)
    if mark is None or owner.standing(mark) is not Standing.OURS or not _FINGERPRINT.fullmatch(text):
        return None
    return text if mark.child == child_key(slot(text)) else None


def sorted_out(facts: Facts, rows: Iterable[Secret]) -> tuple[dict[str, Secret], list[Secret]]:
    """Of the project's secrets those that are ours, by fingerprint, and those that carry a copy of a name of ours.

    A name is text that people copy. So one is ours that this process has made, or whose fingerprint was written into
    status before it was made; of several with one name the one that status shows, else the oldest.
    """
    recorded = {str(each.get("fingerprint")) for each in _shown(facts)}
    shown = {each.get("barbicanSecret") for each in _shown(facts)}
    found: dict[str, list[Secret]] = {}
    for row in rows:
        fingerprint = fingerprint_in(facts.owner, row)
        if fingerprint is not None and row["status"] == "ACTIVE":
            found.setdefault(fingerprint, []).append(row)
    ours: dict[str, Secret] = {}
    copies: list[Secret] = []
    for fingerprint, each in found.items():
        each.sort(key=lambda row: (row["id"] not in facts.creates.made, row["secret_ref"] not in shown, _age(row)))
        if fingerprint in recorded or each[0]["id"] in facts.creates.made:
            ours[fingerprint] = each.pop(0)
        copies += each
    return ours, copies


def _age(row: Secret) -> tuple[str, str]:
    return str(row.get("created") or ""), str(row["id"])


def _shown(facts: Facts) -> list[json_types.CertificateStatus]:
    """What status says of certificates, and what is about to be written there."""
    written = json_types.LOAD_BALANCER.status(facts.resource).get("certificates") or ()
    return [*written, *(each for each in announced(facts) if each not in written)]


def announced(facts: Facts) -> list[json_types.CertificateStatus]:
    """The certificates in the status that is to be written."""
    return list(json_types.LOAD_BALANCER.status(facts).get("certificates") or ())


def _source(shown: json_types.CertificateStatus) -> Source:
    return Source(str(shown.get("secretName")), str(shown.get("key") or CERTIFICATE))


def _address(facts: Facts, source: Source, row: Listener | Pool | None) -> str | None:
    """Where the certificate of a Secret is in Barbican: the present one or, while that cannot be used, the former one.

    What status says is taken only where it leads to a secret of ours, or to what the listener has already.
    """
    stored = facts.request.memory.of(Stored).secrets
    present = wanted(facts).get(source)
    if present is not None and present.fingerprint in stored:
        return stored[present.fingerprint]["secret_ref"]
    formers = [each for each in _shown(facts) if _source(each) == source]
    known = [stored[key]["secret_ref"] for each in formers if (key := str(each.get("fingerprint"))) in stored]
    named_by = _named_by(row) if row is not None else set()
    addresses = [*known, *(str(each.get("barbicanSecret")) for each in formers)]
    used = [address for address in addresses if address in named_by]
    return next(iter([*used, *known]), None)


def _named_by(row: Listener | Pool) -> set[str]:
    """The addresses in Barbican that a listener or a pool has."""
    attributes: Mapping[str, object] = row
    several = attributes.get("sni_container_refs")
    found = (*(attributes.get(each) for each in _NAMING), *(several if isinstance(several, list) else ()))
    return {str(each) for each in found if each}


def _trusted(facts: Facts, whom: Trust) -> dict[str, object] | None:
    """The addresses of an authority and of what it has revoked; None where one cannot be used, or they do not fit.

    Both change at once or not at all: the list of another authority would have everybody refused.
    """
    stored, present = facts.request.memory.of(Stored).secrets, wanted(facts)
    found: dict[str, object] = {}
    for name, source in whom.sources.items():
        content = present.get(source)
        if content is None or content.fingerprint not in stored:
            return None
        found[name] = stored[content.fingerprint]["secret_ref"]
    return None if _misfit(present, whom) else found


def _in_force(facts: Facts, whom: Trust) -> dict[str, object] | None:
    """The addresses of what was last judged by, whatever the Secrets hold now; None where Barbican lacks one of them.

    It is for what is made where nothing serves any more. Status lists what was in use first; what is at another address
    by now, under the same name, is not what was judged by.
    """
    ours = {row["secret_ref"] for row in facts.request.memory.of(Stored).secrets.values()}
    found: dict[str, object] = {}
    for name, source in whom.sources.items():
        formers = (each.get("barbicanSecret") for each in _shown(facts) if _source(each) == source)
        address = next((each for each in formers if each in ours), None)
        if address is None:
            return None
        found[name] = address
    present, stored = wanted(facts), facts.request.memory.of(Stored).secrets
    now = {stored[each.fingerprint]["secret_ref"] for each in present.values() if each.fingerprint in stored}
    # What does not fit was never in force, even if it is stored.
    return None if _misfit(present, whom) and now.issuperset(map(str, found.values())) else found


def _misfit(present: Mapping[Source, Content], whom: Trust) -> bool:
    """Whether a list of revoked certificates is another authority's."""
    ca, crl = (present.get(each) if each else None for each in (whom.ca, whom.crl))
    return isinstance(ca, Authorities) and isinstance(crl, RevocationLists) and not ca.signed(crl)


def _trusting(facts: Facts, block: Mapping[str, object], whom: Trust, row: Listener | Pool | None) -> dict[str, object]:
    """A block with the addresses of whom it trusts; as the row has, or as were in force, where they cannot be had."""
    found = _trusted(facts, whom)
    if found is None and row is None:
        found = _in_force(facts, whom)
    if found is not None:
        return trusting(block, found)
    if row is None:  # made all the same, where it judges nobody: a list alone would be refused
        return {name: each for name, each in trusting(block, {}).items() if name not in (CA, CRL)}
    there: Mapping[str, object] = row
    of_listener = "mode" in block
    ca, crl = _TRUSTED[of_listener]
    # Whether a certificate must be shown hangs on whom it may be of; that none is asked for does not.
    mode = {"mode": there.get("client_authentication")} if of_listener and block.get("mode") != _NOBODY else {}
    return trusting(block, {CA: there.get(ca), CRL: there.get(crl), **mode})


# ── listeners and pools ──


def effective(facts: Facts, item: json_types.Listener, row: Listener | None = None) -> json_types.Listener:
    """The same listener with the addresses in Barbican of what it names by Secrets.

    Args:
        facts: of the object.
        item: of the spec.
        row: the listener as it is; None: it is to be made. What cannot be had leaves it as it is.
    """
    tls: json_types.Tls = item.get("tls") or {}
    addresses: dict[str, object] = {}
    if ref := tls.get("secretRef"):
        default = _of(facts, ref, row) or (row.get("default_tls_container_ref") if row else None)
        addresses |= {"barbicanContainer": default} if default else {}
    if "sniSecretRefs" in tls:
        each = [_of(facts, ref, row) for ref in tls["sniSecretRefs"]]
        kept = row.get("sni_container_refs") or () if row is not None and None in each else ()
        addresses["sniBarbicanContainers"] = [*dict.fromkeys([*(one for one in each if one), *kept])]
    clients = tls.get(CLIENTS)
    return by_address(item, addresses, _trusting(facts, clients, trust(clients, ""), row) if clients else None)


def _of(facts: Facts, ref: json_types.SecretRef, row: Listener | Pool | None) -> str | None:
    return _address(facts, Source(ref["name"], CERTIFICATE), row)


def lacking(facts: Facts, item: json_types.Listener, *, former: bool = False) -> bool:
    """Whether a listener cannot be made, for it has no certificate to show yet, or none to judge clients' by.

    Args:
        facts: of the object.
        item: of the spec.
        former: whether clients may be judged by what was in force before.
    """
    tls: json_types.Tls = item.get("tls") or {}
    clients = tls.get(CLIENTS)
    if clients and clients.get("mode") != _NOBODY and _unjudged(facts, trust(clients, ""), former=former):
        return True
    if "secretRef" not in tls and not tls.get("sniSecretRefs"):
        return False
    found: json_types.Tls = effective(facts, item).get("tls") or {}
    first = "secretRef" in tls or "barbicanContainer" in tls
    return not (found.get("barbicanContainer") if first else found.get("sniBarbicanContainers"))


def effective_pool(facts: Facts, row: Pool | None = None) -> dict[str, object]:
    """What a Pool says of TLS, with the addresses in Barbican of what it names by Secrets.

    Args:
        facts: of the object.
        row: the pool as it is; None: it is to be made. What cannot be had leaves it as it is.
    """
    tls: json_types.PoolTls = json_types.POOL.spec(facts).get("tls") or {}
    found = _trusting(facts, tls, trust(tls, ""), row)
    if ref := tls.get("secretRef"):
        address = _of(facts, ref, row) or (row.get("tls_container_ref") if row else None)
        found |= {"barbicanContainer": address} if address or row else {}
    found.pop("enabled", None)
    return found


def lacking_in_pool(facts: Facts, *, former: bool = False) -> bool:
    """Whether a pool cannot be made, for what it names by Secrets is not in Barbican yet: it would speak to anybody.

    One that is not to speak TLS needs none of it.

    Args:
        facts: of the object.
        former: whether members may be judged by what was in force before.
    """
    tls: json_types.PoolTls = json_types.POOL.spec(facts).get("tls") or {}
    if not tls.get("enabled", True):
        return False
    if facts.dry_run:  # nothing is stored in it: what could be counts
        return facts.seen.of(SeenCertificates).failed is not None or any(_problems(facts))
    ref = tls.get("secretRef")
    return _unjudged(facts, trust(tls, ""), former=former) or (ref is not None and _of(facts, ref, None) is None)


def _unjudged(facts: Facts, whom: Trust, *, former: bool) -> bool:
    """Whether there is nothing to judge the other side by."""
    return _trusted(facts, whom) is None and not (former and _in_force(facts, whom) is not None)


# ── what is to be done ──


def plan(facts: Facts) -> Plan:
    """What is to be stored before the listeners are changed, and what keeps them from that."""
    if not concerned(facts):
        return Plan()
    seen, stored = facts.seen.of(SeenCertificates), facts.request.memory.of(Stored)
    held_back = list(_problems(facts))
    steps: dict[str, Step] = {}
    recorded = {str(each.get("fingerprint")) for each in _shown(facts)}
    present = wanted(facts)
    waiting = _waiting(facts, present)
    for source, each in present.items():
        if each.fingerprint in stored.secrets or source in waiting:
            continue
        recorded.add(each.fingerprint)
        if seen.failed is not None:
            held_back.append(seen.failed)
        elif len(recorded) > _most(facts):
            held_back.append(_full(facts))
        else:
            what = f"{_SORTS[source.part]} of Secret {source.secret} in Barbican"
            body = {"name": stored_name(facts.owner, each.fingerprint)}
            steps.setdefault(each.fingerprint, Step("create", what, slot(each.fingerprint), body=body))
    copies = [f"secret {row['id']} in Barbican has a copy of our mark and stays" for row in seen.copies]
    return Plan(
        steps=list(steps.values()), held_back=held_back, warnings=[Warned("LeftAlone", text) for text in copies]
    )


def _waiting(facts: Facts, present: Mapping[Source, Content]) -> set[Source]:
    """The authorities and lists that cannot be used yet, for the other of the two is missing, or does not fit.

    They are not stored before: so what status shows together fits together, even where none of it was ever in force.
    """
    whole, apart = set[Source](), set[Source]()
    for whom in trusts(facts):
        sources = set(whom.sources.values())
        fits = sources <= present.keys() and not _misfit(present, whom)
        (whole if fits else apart).update(sources)
    return apart - whole


def _most(facts: Facts) -> int:
    """How many the status can list: only what it lists is known for ours after a crash."""
    of_pool = facts.resource.key.kind == json_types.POOL.kind
    return pool_types.MAX_CERTIFICATES if of_pool else load_balancer_types.MAX_CERTIFICATES


def _full(facts: Facts) -> Outcome:
    message = (
        f"status.certificates lists {_most(facts)} secrets in Barbican, as many as it can: nothing is stored until "
        "some of them could be deleted; what serves goes on with what it has"
    )
    return again(Reason.CLOUD_ERROR, message, _LONGEST_WAIT)


def unused(facts: Facts, rows: Sequence[Listener | Pool]) -> Plan:
    """What may go from Barbican once listeners or pools are as they are: what none names, and no Secret holds.

    Args:
        facts: of the object.
        rows: all listeners of the load balancer; the pool, and those that it has replaced.
    """
    if not concerned(facts) or facts.request.memory.of(Stored).listed_at is None:
        return Plan()
    names = named(facts)
    kept = {each.fingerprint for each in wanted(facts).values()}
    # While a Secret cannot be used, its former certificate may yet be needed.
    unusable = names.keys() - wanted(facts)
    kept |= {str(each.get("fingerprint")) for each in _shown(facts) if _source(each) in unusable}
    used = {address for row in rows for address in _named_by(row)}
    for whom in trusts(facts):  # an authority stays with its list, even where nothing stands that uses them
        used |= set(map(str, (_in_force(facts, whom) or {}).values())) if _trusted(facts, whom) is None else set()
    stored = facts.request.memory.of(Stored).secrets
    return only(
        deletion(fingerprint, row)
        for fingerprint, row in sorted(stored.items())
        if fingerprint not in kept and row["secret_ref"] not in used
    )


def deletion(fingerprint: str, row: Secret) -> Step:
    """The step that takes a certificate out of Barbican."""
    what = f"certificate {fingerprint[:12]}… in Barbican"
    return Step("delete", what, f"{_STORED}{fingerprint}", str(row["id"]))


def is_step(step: Step) -> bool:
    """Whether a step is about a certificate in Barbican."""
    return step.slot.startswith((_NEW, _STORED))


def fingerprint_of(step: Step) -> str:
    """Which certificate a step is about."""
    return step.slot[len(_NEW) :]


def _problems(facts: Facts) -> Iterator[Outcome]:
    """Why each thing that cannot be used now cannot be."""
    namespace, names = facts.resource.key.namespace, named(facts)
    goes_on = _GOES_ON.format("pool" if "tls" in json_types.POOL.spec(facts) else "listener")
    for source, fields in names.items():
        where = ", ".join(f"spec.{each}" for each in dict.fromkeys(fields))
        found, name = _look_up(facts.resource, facts.view, source), source.secret
        if found is None:
            message = (
                f"{where}: Secret {namespace}/{name} is not there, or lacks the label {LABEL}=true, or is in a "
                "namespace whose Secrets the operator does not read (--credentials-namespace): create it, or run "
                f"`kubectl -n {namespace} label secret {name} {LABEL}=true`; {goes_on}"
            )
            yield Outcome(Reason.WAITING_FOR_REFERENCE, message, WaitingFor(frozenset({key_of(namespace, name)})))
        elif isinstance(found, str):
            yield stalled(Reason.INVALID_CONFIGURATION, f"{where}: Secret {namespace}/{name}: {found}; {goes_on}")
        elif problem := found.problem_at(facts.now):
            message = f"{where}: Secret {namespace}/{name}: {problem}; {goes_on}"
            left = found.not_before - facts.now
            if left > 0:
                yield again(Reason.INVALID_CONFIGURATION, message, min(left, _LONGEST_WAIT))
            else:
                yield stalled(Reason.INVALID_CONFIGURATION, message)
    present = wanted(facts)
    for whom in trusts(facts):
        if whom.ca and whom.crl and _misfit(present, whom):
            message = (
                f"spec.{whom.where}.crlSecretRef: Secret {namespace}/{whom.crl.secret}: the first list in {REVOKED} is "
                f"not of the first authority in {AUTHORITY} of Secret {whom.ca.secret}: store that authority's list; "
                f"{goes_on}"
            )
            yield stalled(Reason.INVALID_CONFIGURATION, message)


def unresolved(facts: Facts) -> list[tuple[Reason, str]]:
    """The reason and the message of each Secret that cannot be used now."""
    return [(each.reason, each.message) for each in _problems(facts)]


def reported(facts: Facts, rows: Sequence[Listener | Pool], *, unsettled: bool) -> list[json_types.CertificateStatus]:
    """What status shows: of each Secret what Barbican has of it, and what else of ours is there.

    Args:
        facts: of the object.
        rows: all listeners of the load balancer; the pool, and those that it has replaced.
        unsettled: whether what was to be stored may still come to be seen.
    """
    stored, present = facts.request.memory.of(Stored).secrets, wanted(facts)
    used = {address for row in rows for address in _named_by(row)}
    found: dict[tuple[Source, str], json_types.CertificateStatus] = {}
    for source in named(facts):
        each = present.get(source)
        if each is not None and each.fingerprint in stored:
            shown = announcement(source, each.fingerprint)
            if each.not_after < math.inf:
                ends = dt.datetime.fromtimestamp(each.not_after, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                shown = {**shown, "notAfter": ends}
            found[source, each.fingerprint] = {**shown, "barbicanSecret": stored[each.fingerprint]["secret_ref"]}
    for shown in _shown(facts):
        fingerprint = str(shown.get("fingerprint"))
        stays = fingerprint in stored or shown.get("barbicanSecret") in used or unsettled
        if stays and fingerprint not in {each for _, each in found}:
            found[_source(shown), fingerprint] = shown
    # What is in use comes first, and stays there: by that it is known once nothing is there any more that uses it.
    before = [str(each.get("fingerprint")) for each in _shown(facts)]
    places = {fingerprint: place for place, fingerprint in reversed([*enumerate(before)])}
    in_order = sorted(
        found.items(),
        key=lambda item: (item[1].get("barbicanSecret") not in used, places.get(item[0][1], len(before))),
    )
    return [shown for _, shown in in_order][: _most(facts)]


def announcement(source: Source, fingerprint: str) -> json_types.CertificateStatus:
    """What status says of something before it is in Barbican."""
    key = {} if source.part == CERTIFICATE else {"key": source.part}
    return {"secretName": source.secret, **key, "fingerprint": fingerprint}  # type: ignore[typeddict-item]
