"""Another authority for a listener's clients, without a list, where the former one has a list: Octavia refuses that.

Octavia reads a list that is to go in the same request as one that stays, and compares it with the new authority. To
take the list out before would let in, for a moment, whom the former authority has revoked. So nothing is changed of
whom the listener trusts, and a person is told what to do; where none is asked for a certificate the list goes first.
Whether a list fits is known to Octavia alone, for it may be in no Secret any more: so it is asked once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.resources import Listener
from infomaniak_operator.controller.interfaces import Reason
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.generic.outcomes import Outcome, stalled
from infomaniak_operator.reconcile.generic.plan import Step

_CA: Final = "client_ca_tls_container_ref"
_CRL: Final = "client_crl_container_ref"
_MODE: Final = "client_authentication"
_REFUSED = 400
_WORDS = "not valid for client certificate authority"
"""In Octavia's words where a list is not of the authority."""


@dataclass(slots=True)
class _Remembered:
    """Of a load balancer: by listener, the authority that it was refused for its list, and that list."""

    refused: dict[str, tuple[object, object]] = field(default_factory=dict)


def refused(facts: Facts, step: Step, rows: Iterable[Listener], error: InfomaniakCloudError) -> bool:
    """Whether a listener's change was refused because of the list that is to go; it is remembered.

    Args:
        facts: of the load balancer.
        step: the change.
        rows: its listeners.
        error: how Octavia refused.
    """
    there = {str(row["id"]): row for row in rows}
    row = there.get(step.id)
    goes = _CRL in step.body and not step.body[_CRL] and bool(step.body.get(_CA))
    if row is None or not goes or error.status != _REFUSED or _WORDS not in str(error):
        return False
    known = facts.request.memory.of(_Remembered)
    known.refused = {id_: each for id_, each in known.refused.items() if id_ in there}
    known.refused[step.id] = (step.body[_CA], row.get(_CRL))
    return True


def changing(facts: Facts, row: Listener, found: Sequence[Difference]) -> list[Difference]:
    """The differences of a listener without those that would be refused.

    That none is to be asked for a certificate waits for nothing. Where none is asked yet, the list goes by itself.
    """
    wanted = {each.api: each.wanted for each in found}
    asked = (wanted.get(_CA), row.get(_CRL))
    if wanted.get(_CRL, row.get(_CRL)) or facts.request.memory.of(_Remembered).refused.get(str(row["id"])) != asked:
        return list(found)
    if row.get(_MODE) == "NONE":  # nobody is judged by the list: it goes first, and then the authority comes
        return [each for each in found if each.api not in (_CA, _MODE)]
    return [each for each in found if each.api not in (_CA, _CRL) and (each.api != _MODE or each.wanted == "NONE")]


def waits(left: Sequence[Difference], whole: Sequence[Difference]) -> bool:
    """Whether something of ``changing`` waits for a person: not what follows once the list is gone."""
    return len(left) < len(whole) and not any(each.api == _CRL for each in left)


def told(where: str) -> Outcome:
    """What a person is told of it.

    Args:
        where: the listener's place in the spec.
    """
    message = (
        f"spec.{where}.tls.clientAuthentication: Octavia takes no other authority for this listener while it has the "
        "former one's list, unless a list of the new one comes with it. Set crlSecretRef to a list of the new "
        "authority (it may be empty), and take it out once that is applied; or take the list out first, and name the "
        "new authority then: so whom the former one has revoked may come in for a moment. Until then the listener goes "
        "on with the authority, the list and the mode that it has"
    )
    return stalled(Reason.INVALID_CONFIGURATION, message)
