"""The Secrets that objects cannot use, as their conditions tell: no Secret is read for that. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.controller.interfaces import Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.outcomes import CREDENTIALS_VALID

_KIND = "Secret"
_NAMED = re.compile(r"\bSecret ([a-z0-9][a-z0-9-]{0,62})/([a-z0-9][a-z0-9.-]{0,252})")
_MOST_SAID = 3
"""So many different things that objects say of one Secret are told."""


def unusable(resource: KubeObject) -> str | None:
    """What an object says of the credential that it cannot use; None where it says no such thing."""
    condition = resource.condition(CREDENTIALS_VALID) or {}
    return str(condition.get("message") or "") if condition.get("status") == "False" else None


def blamed(resource: KubeObject) -> Key | None:
    """The Secret that an object cannot use; None where it can, and where there is no Secret to blame.

    An object that names none uses the operator's own, which only its message names.
    """
    said = unusable(resource)
    if said is None:
        return None
    reference: object = ANY.spec(resource).get("cloudCredentialsRef")
    if reference is None:
        named = _NAMED.search(said)
        return Key(_KIND, named[1], named[2].rstrip(".")) if named else None
    name = reference.get("secretName") if isinstance(reference, Mapping) else None
    return Key(_KIND, resource.key.namespace, name) if isinstance(name, str) and name else None


def fault(users: Sequence[KubeObject]) -> tuple[str, str]:
    """What is wrong with a Secret: a reason and a message.

    Args:
        users: the objects that cannot use it; at least one.

    Returns:
        The reason is ``NotFound`` where the operator does not see it. Of those that name the same entry of
        ``clouds.yaml`` one speaks for all: what they say differs in the request id at the most.
    """
    unseen = any(
        (each.condition(CREDENTIALS_VALID) or {}).get("reason") == Reason.WAITING_FOR_REFERENCE for each in users
    )
    said: dict[object, str] = {}
    for each in users:
        said.setdefault(_entry(each), unusable(each) or "")
    messages = list(dict.fromkeys(said.values()))
    more = f"; and {len(messages) - _MOST_SAID} more" if len(messages) > _MOST_SAID else ""
    return "NotFound" if unseen else Reason.CREDENTIALS_INVALID.value, "; ".join(messages[:_MOST_SAID]) + more


def _entry(resource: KubeObject) -> str:
    """The entry of ``clouds.yaml`` that an object names."""
    reference: object = ANY.spec(resource).get("cloudCredentialsRef")
    return str(reference.get("cloudName")) if isinstance(reference, Mapping) else ""
