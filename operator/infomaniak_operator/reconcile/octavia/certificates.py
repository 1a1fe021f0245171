"""The certificates of listeners that are from Secrets: which of them Barbican has, and what is to be done. Pure.

In Barbican a certificate has a name that follows from its content and its owner. So who looks after a crash finds what
was stored, and a certificate is new where its name is. What is stored is never changed: a renewal is another secret.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import Untyped
from infomaniak_operator.client.resources import Listener, Secret
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason, WaitingFor
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.outcomes import Outcome, again, stalled
from infomaniak_operator.reconcile.generic.plan import Plan, Step, Warned, only
from infomaniak_operator.reconcile.octavia.certificate_secret import LABEL, key_of, look_up
from infomaniak_operator.reconcile.octavia.x509_chain import Certificate
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner, Standing, child_key, user_text

MADE: Final = "certificates"
"""Among the fields that we have set, as long as Barbican may have something of ours."""
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_NEW, _STORED = "certificate/", "certificate:"
_LONGEST_WAIT = 600.0
"""Seconds until a certificate that is not valid yet is looked at again, at most."""
_GOES_ON = "a listener that serves goes on with the certificate that it has"


@dataclass(slots=True)
class Stored:
    """What this process knows of the object's secrets in Barbican.

    Attributes:
        secrets: by fingerprint.
        listed_at: monotonic seconds when they were listed: then there were no others.
    """

    secrets: dict[str, Secret] = field(default_factory=dict)
    listed_at: float | None = None


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


def named(of: Untyped) -> dict[str, list[str]]:
    """The Secrets that a spec names, and the fields that do."""
    found: dict[str, list[str]] = {}
    for item in json_types.LOAD_BALANCER.spec(of).get("listeners") or ():
        tls: json_types.Tls = item.get("tls") or {}
        where = f"listeners[{item['name']}].tls"
        if ref := tls.get("secretRef"):
            found.setdefault(ref["name"], []).append(f"{where}.secretRef")
        for each in tls.get("sniSecretRefs") or ():
            found.setdefault(each["name"], []).append(f"{where}.sniSecretRefs")
    return found


def references(resource: KubeObject) -> list[Key]:
    """The keys of those Secrets."""
    return [key_of(resource.key.namespace, name) for name in named(resource)]


def resolve(resource: KubeObject, view: CacheReader) -> dict[str, str]:
    """What each Secret holds: a fingerprint, or what is wrong with it; empty where it is not there."""
    found = {name: look_up(view, resource.key.namespace, name) for name in named(resource)}
    return {name: each.fingerprint if isinstance(each, Certificate) else each or "" for name, each in found.items()}


def absent(resource: KubeObject, view: CacheReader) -> bool:
    """Whether one of the Secrets is not there."""
    return any(view.get(key) is None for key in references(resource))


def concerned(facts: Facts) -> bool:
    """Whether the object has, or had until now, anything to do with Barbican."""
    return bool(named(facts)) or MADE in facts.applied


def applied(facts: Facts) -> list[str]:
    """The place of the certificates among the fields that we have set: until Barbican is seen without any of ours."""
    stored = facts.request.memory.of(Stored)
    kept = MADE in facts.applied and not (stored.listed_at is not None and not stored.secrets)
    return [MADE] if named(facts) or kept else []


def wanted(facts: Facts) -> dict[str, Certificate]:
    """The certificates that can be used now, by the name of their Secret."""
    found = {name: look_up(facts.view, facts.resource.key.namespace, name) for name in named(facts)}
    return {
        name: each
        for name, each in found.items()
        if isinstance(each, Certificate) and each.problem_at(facts.now) is None
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


def _address(facts: Facts, name: str, row: Listener | None) -> str | None:
    """Where the certificate of a Secret is in Barbican: the present one or, while that cannot be used, the former one.

    What status says is taken only where it leads to a secret of ours, or to what the listener has already.
    """
    stored = facts.request.memory.of(Stored).secrets
    present = wanted(facts).get(name)
    if present is not None and present.fingerprint in stored:
        return stored[present.fingerprint]["secret_ref"]
    formers = [each for each in _shown(facts) if each.get("secretName") == name]
    known = [stored[key]["secret_ref"] for each in formers if (key := str(each.get("fingerprint"))) in stored]
    named_by = _named_by(row) if row is not None else set()
    addresses = [*known, *(str(each.get("barbicanSecret")) for each in formers)]
    used = [address for address in addresses if address in named_by]
    return next(iter([*used, *known]), None)


def _named_by(row: Listener) -> set[str]:
    """The addresses of certificates that a listener has."""
    found = (row.get("default_tls_container_ref"), *(row.get("sni_container_refs") or ()))
    return {str(each) for each in found if each}


# ── listeners ──


def placed(item: json_types.Listener) -> json_types.Listener:
    """The same listener with an address where it names a Secret: which of its fields are set does not hang on more."""
    tls: json_types.Tls = item.get("tls") or {}
    addresses: dict[str, object] = {"barbicanContainer": ""} if "secretRef" in tls else {}
    addresses |= {"sniBarbicanContainers": []} if "sniSecretRefs" in tls else {}
    return _with(item, addresses)


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
        default = _address(facts, ref["name"], row) or (row.get("default_tls_container_ref") if row else None)
        addresses |= {"barbicanContainer": default} if default else {}
    if "sniSecretRefs" in tls:
        each = [_address(facts, ref["name"], row) for ref in tls["sniSecretRefs"]]
        kept = row.get("sni_container_refs") or () if row is not None and None in each else ()
        addresses["sniBarbicanContainers"] = [*dict.fromkeys([*(one for one in each if one), *kept])]
    return _with(item, addresses)


def _with(item: json_types.Listener, addresses: Mapping[str, object]) -> json_types.Listener:
    tls: json_types.Tls = item.get("tls") or {}
    if "secretRef" not in tls and "sniSecretRefs" not in tls:
        return item
    plain = {name: value for name, value in tls.items() if name not in ("secretRef", "sniSecretRefs")}
    return cast("json_types.Listener", {**item, "tls": {**plain, **addresses}})


def lacking(facts: Facts, item: json_types.Listener) -> bool:
    """Whether a listener cannot be made, for it has no certificate to show yet."""
    tls: json_types.Tls = item.get("tls") or {}
    if "secretRef" not in tls and not tls.get("sniSecretRefs"):
        return False
    found: json_types.Tls = effective(facts, item).get("tls") or {}
    first = "secretRef" in tls or "barbicanContainer" in tls
    return not (found.get("barbicanContainer") if first else found.get("sniBarbicanContainers"))


# ── what is to be done ──


def plan(facts: Facts) -> Plan:
    """What is to be stored before the listeners are changed, and what keeps them from that."""
    if not concerned(facts):
        return Plan()
    seen, stored = facts.seen.of(SeenCertificates), facts.request.memory.of(Stored)
    problems = dict(_problems(facts))
    held_back = list(problems.values())
    steps: dict[str, Step] = {}
    for name, each in wanted(facts).items():
        if each.fingerprint in stored.secrets:
            continue
        if seen.failed is not None:
            held_back.append(seen.failed)
        else:
            what = f"certificate of Secret {name} in Barbican"
            body = {"name": stored_name(facts.owner, each.fingerprint)}
            steps.setdefault(each.fingerprint, Step("create", what, slot(each.fingerprint), body=body))
    copies = [f"secret {row['id']} in Barbican has a copy of our mark and stays" for row in seen.copies]
    return Plan(
        steps=list(steps.values()), held_back=held_back, warnings=[Warned("LeftAlone", text) for text in copies]
    )


def unused(facts: Facts, rows: Sequence[Listener]) -> Plan:
    """What may go from Barbican once the listeners are as they are: what none of them names, and no Secret holds.

    Args:
        facts: of the object.
        rows: all listeners of the load balancer.
    """
    if not concerned(facts) or facts.request.memory.of(Stored).listed_at is None:
        return Plan()
    names = named(facts)
    kept = {each.fingerprint for each in wanted(facts).values()}
    # While a Secret cannot be used, its former certificate may yet be needed.
    unusable = names.keys() - wanted(facts)
    kept |= {str(each.get("fingerprint")) for each in _shown(facts) if each.get("secretName") in unusable}
    used = {address for row in rows for address in _named_by(row)}
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


def _problems(facts: Facts) -> Iterator[tuple[str, Outcome]]:
    """Why each Secret that cannot be used now cannot be."""
    namespace = facts.resource.key.namespace
    for name, fields in named(facts).items():
        where = ", ".join(f"spec.{each}" for each in dict.fromkeys(fields))
        found = look_up(facts.view, namespace, name)
        if found is None:
            message = (
                f"{where}: Secret {namespace}/{name} is not there, or lacks the label {LABEL}=true, or is in a "
                "namespace whose Secrets the operator does not read (--credentials-namespace): create it, or run "
                f"`kubectl -n {namespace} label secret {name} {LABEL}=true`; {_GOES_ON}"
            )
            yield (
                name,
                Outcome(Reason.WAITING_FOR_REFERENCE, message, WaitingFor(frozenset({key_of(namespace, name)}))),
            )
        elif isinstance(found, str):
            message = f"{where}: Secret {namespace}/{name}: {found}; {_GOES_ON}"
            yield name, stalled(Reason.INVALID_CONFIGURATION, message)
        elif problem := found.problem_at(facts.now):
            message = f"{where}: Secret {namespace}/{name}: {problem}; {_GOES_ON}"
            left = found.not_before - facts.now
            if left > 0:
                yield name, again(Reason.INVALID_CONFIGURATION, message, min(left, _LONGEST_WAIT))
            else:
                yield name, stalled(Reason.INVALID_CONFIGURATION, message)


def unresolved(facts: Facts) -> list[tuple[Reason, str]]:
    """The reason and the message of each Secret that cannot be used now."""
    return [(each.reason, each.message) for _, each in _problems(facts)]


def reported(facts: Facts, rows: Sequence[Listener], *, unsettled: bool) -> list[json_types.CertificateStatus]:
    """The certificates for status: of each Secret the one that Barbican has for it, and what else of ours is there.

    Args:
        facts: of the object.
        rows: all listeners of the load balancer.
        unsettled: whether what was to be stored may still come to be seen.
    """
    stored, present = facts.request.memory.of(Stored).secrets, wanted(facts)
    used = {address for row in rows for address in _named_by(row)}
    found: dict[tuple[str, str], json_types.CertificateStatus] = {}
    for name in named(facts):
        each = present.get(name)
        if each is not None and each.fingerprint in stored:
            ends = dt.datetime.fromtimestamp(each.not_after, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            found[name, each.fingerprint] = {
                "secretName": name,
                "fingerprint": each.fingerprint,
                "notAfter": ends,
                "barbicanSecret": stored[each.fingerprint]["secret_ref"],
            }
    for shown in _shown(facts):
        fingerprint = str(shown.get("fingerprint"))
        stays = fingerprint in stored or shown.get("barbicanSecret") in used or unsettled
        if stays and fingerprint not in {each for _, each in found}:
            found[str(shown.get("secretName")), fingerprint] = shown
    return list(found.values())
