"""The name that a floating IP leads back to: what is known of it, and what is to be changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infomaniak_operator.api.json_types import FLOATING_IP
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.designate import absolute
from infomaniak_operator.client.resources import FloatingIP as Address
from infomaniak_operator.client.resources import ReverseName
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Difference, Field, applied, differences, place
from infomaniak_operator.reconcile.generic.outcomes import REVERSE_DNS
from infomaniak_operator.reconcile.generic.plan import Step

_FIELD: Final = "reverseDNS"
SLOT: Final = _FIELD
"""The slot of all steps here."""
HOSTNAME: Final = place(_FIELD, "hostname")
"""Among the fields that we have set, as long as a name of ours may be there."""


def same_name(value: object) -> object:
    """A name in one spelling: Designate keeps the case, in which names do not differ, and wants a dot at the end."""
    return value.rstrip(".").lower() or None if isinstance(value, str) else None


FIELDS: tuple[Field[str], ...] = (
    Field("hostname", "ptrdname", default=None, to_api=absolute, normal=same_name),
    Field("ttl", "ttl", default=None),
    Field("description", "description", default=None),
)


@dataclass(slots=True)
class Seen:
    """What a reconcile knows of the name.

    Attributes:
        name: as Designate shows it; None: it was not asked, or could not be.
        failure: why it could not be asked, or what it refused.
        later: the address itself is to be changed first.
        given_back: the fields that a change has set back to Designate's own default.
        sent: whether a change was sent: what it has not brought about is said, and is tried again later.
        former: a floating IP that had the name before this one was made in its place, and is no more.
    """

    name: ReverseName | None = None
    failure: InfomaniakCloudError | None = None
    later: bool = False
    given_back: frozenset[str] = frozenset()
    sent: bool = False
    former: str | None = None


def wanted_name(facts: Facts) -> Mapping[str, object] | None:
    """What the spec asks for; None where it asks for nothing."""
    return FLOATING_IP.spec(facts).get("reverseDNS")


def concerns(facts: Facts) -> bool:
    """Whether the object has, or had until now, anything to do with Designate."""
    return wanted_name(facts) is not None or HOSTNAME in facts.applied


def places(facts: Facts) -> list[str]:
    """The places of what is set by us: from the first sight of the name on, until it is seen to be gone."""
    wanted, seen, were = wanted_name(facts), facts.seen.of(Seen), facts.applied
    named = applied(FIELDS, wanted, _FIELD) if wanted is not None else []
    ours = [each for each in named if seen.name is not None or each in were]
    gone = {place(_FIELD, name) for name in seen.given_back}
    if wanted is None and seen.name is not None and not seen.name.get("ptrdname"):
        gone |= {place(_FIELD, field.spec) for field in FIELDS}
    kept = [each for each in were if each.startswith(f"{_FIELD}.") and each not in gone]
    return list(dict.fromkeys([*ours, *kept]))


def steps(facts: Facts, row: Address) -> list[Step]:
    """What is to be changed in Designate. Pure; nothing where it was not asked."""
    seen, wanted = facts.seen.of(Seen), wanted_name(facts)
    if seen.name is None or seen.failure is not None or seen.sent:
        return []
    # The address is Ready without its name: what the condition did not say to be in order, nobody has changed since.
    owed = (facts.resource.condition(REVERSE_DNS) or {}).get("status") != "True"
    former = seen.former
    found = [unsetting(former, f"floating IP {former}, which is no more")] if former else []
    what = f"reverse name of {row.get('floating_ip_address')}"
    now = seen.name.get("ptrdname")
    if wanted is None:  # it was asked for one of ours, which the spec no longer has
        taken = [unsetting(row["id"], str(row.get("floating_ip_address")), now)] if now else []
        return [*found, *taken]
    differ = _differ(facts, wanted, seen.name)
    if differ:
        body = _body(wanted, seen.name, facts.applied)
        found.append(Step("update", what, SLOT, row["id"], body=body, differences=tuple(differ), owed=owed))
    return found


def _differ(facts: Facts, wanted: Mapping[str, object], name: ReverseName) -> list[Difference]:
    gone = {place(_FIELD, each) for each in facts.seen.of(Seen).given_back}
    return differences(FIELDS, wanted, name, [each for each in facts.applied if each not in gone], _FIELD)


def _body(wanted: Mapping[str, object], now: ReverseName, were: list[str]) -> dict[str, object]:
    """All that the name is to be: Designate sets back what is left out, so what is not managed is sent as it is."""
    body: dict[str, object] = {"ptrdname": absolute(str(wanted["hostname"]))}
    for name in ("ttl", "description"):
        there: Mapping[str, object] = now
        if name in wanted:
            body[name] = wanted[name]
        elif place(_FIELD, name) not in were and now.get("ptrdname") and there.get(name) is not None:
            body[name] = there[name]
    return body


def unsetting(floating_ip_id: str, of: str, now: str | None = None) -> Step:
    """The step that takes the name of a floating IP away."""
    difference = (Difference(HOSTNAME, "ptrdname", now, None),) if now else ()
    return Step(
        "update", f"reverse name of {of}", SLOT, floating_ip_id, body={"ptrdname": None}, differences=difference
    )


def not_taken(facts: Facts, seen: Seen) -> str:
    """In what the name still differs from the spec after a change of it was accepted; empty where it does not."""
    wanted = wanted_name(facts)
    if not seen.sent or seen.name is None or wanted is None:
        return ""
    return ", ".join(str(each) for each in _differ(facts, wanted, seen.name))
