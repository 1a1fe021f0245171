"""The checks of what is installed in the cluster, and of what the user may do in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from infomaniak_operator import __version__
from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.plugin.doctor.bodies import VERSION_LABEL, items, part, text
from infomaniak_operator.plugin.doctor.facts import Facts, Right, Unknown
from infomaniak_operator.plugin.doctor.findings import Finding, State, listed, not_checked
from infomaniak_operator.plugin.doctor.schema import compared, version_of

DEFINITIONS = "CustomResourceDefinitions"
PERMISSIONS = "Permissions"
CLOCKS = "Clocks"
APART = timedelta(seconds=30)
"""Clocks that are further apart are told of."""
_UPGRADE = "Upgrade the chart, which brings them, or apply the files in crds/ of the operator's release."


def definitions(facts: Facts) -> Iterator[Finding]:
    """Whether all kinds are there, served, and as the plugin knows them."""
    absent = _absent(facts)
    if absent:
        all_of_them = len(absent) == len(KINDS)
        what = f"this cluster does not know {GROUP}/{VERSION}" if all_of_them else f"not served: {listed(absent)}"
        yield Finding(DEFINITIONS, State.WRONG, _capital(f"{what}."), _UPGRADE)
        if all_of_them:
            return
    if isinstance(facts.definitions, Unknown):
        known = "" if isinstance(facts.served, Unknown) or absent else "All kinds are served. "
        why = f"{known}Whether they are of the plugin's version is not checked: {facts.definitions.why}"
        yield Finding(DEFINITIONS, State.NOT_CHECKED, why, "Ask somebody who may read CustomResourceDefinitions.")
        return
    found = list(_differences(facts))
    if not found and not absent:
        found = [
            Finding(
                DEFINITIONS, State.OK, f"All {len(KINDS)} kinds are served, as the plugin {__version__} knows them."
            )
        ]
    yield from found


def _absent(facts: Facts) -> list[str]:
    """The kinds that are certainly not served."""
    if not isinstance(facts.served, Unknown):
        return [name for name, kind in KINDS.items() if kind.plural not in facts.served]
    if isinstance(facts.definitions, Unknown):
        return []
    return [name for name in KINDS if not _serves(facts.definitions.get(name))]


def _serves(definition: object) -> bool:
    version = version_of(definition) if isinstance(definition, dict) else None
    return bool(version and version.get("served"))


def _differences(facts: Facts) -> Iterator[Finding]:
    older, newer, otherwise, labels = [], [], [], set()
    for name, definition in facts.definitions.items() if not isinstance(facts.definitions, Unknown) else ():
        if definition is None:
            continue
        labels.add(text(definition, "metadata", "labels", VERSION_LABEL))
        if _not_established(definition):
            yield Finding(
                DEFINITIONS,
                State.WRONG,
                f"{name}: the API server does not take the CustomResourceDefinition ({_not_established(definition)}).",
                f"Look at kubectl describe crd {KINDS[name].crd_name}.",
            )
        difference = compared(definition, KINDS[name])
        older += [f"{name}.{field}" for field in difference.missing]
        newer += [f"{name}.{field}" for field in difference.unknown]
        otherwise += [name] if difference.otherwise else []
    version = ", ".join(sorted(labels - {""}))
    of = f" (they are of {version}, the plugin of {__version__})" if version else f" (the plugin is of {__version__})"
    if older:
        operators = () if isinstance(facts.deployments, Unknown) else facts.deployments
        behind = any(each.version == __version__ for each in operators)
        yield Finding(
            DEFINITIONS,
            State.WRONG if behind else State.WARNING,
            f"They are older than the {'operator' if behind else 'plugin'}{of}: they do not know {listed(older)}.",
            _UPGRADE,
        )
    if newer:
        yield Finding(
            DEFINITIONS,
            State.WARNING,
            f"They are newer than the plugin{of}: it does not know {listed(newer)}.",
            "Install the plugin in the operator's version.",
        )
    if otherwise:
        yield Finding(
            DEFINITIONS,
            State.WARNING,
            f"Their fields are the plugin's{of}, their rules are others: {listed(otherwise)}.",
            "Have the CustomResourceDefinitions, the operator and the plugin of one version.",
        )


def _not_established(definition: object) -> str:
    """Why a CustomResourceDefinition is not in effect; empty where it is, or does not say."""
    for each in items(part(definition, "status"), "conditions"):
        if text(each, "type") in {"Established", "NamesAccepted"} and text(each, "status") == "False":
            return text(each, "message") or text(each, "reason")
    return ""


def permissions(facts: Facts) -> Iterator[Finding]:
    """What the user may not do, told as what does not work then."""
    where = f"in namespace {facts.namespace}" if facts.namespace else "in all namespaces"
    missing: dict[Right, list[str]] = {}
    unknown = [found.why for found in facts.rights.values() if isinstance(found, Unknown)]
    for (right, plural), found in facts.rights.items():
        if found is False:
            missing.setdefault(right, []).append(plural)
    for right, plurals in missing.items():
        yield Finding(
            PERMISSIONS,
            State.WRONG if right.needed else State.WARNING,
            f"You may not {right.verb} {listed(plurals)} {where}: {right.without}.",
            "Ask for the role that the chart adds to Kubernetes' own roles view and edit." if right.group else "",
        )
    if unknown:
        yield not_checked(PERMISSIONS, unknown[0])
    elif not missing:
        yield Finding(PERMISSIONS, State.OK, f"You may do all that the plugin needs {where}.")


def clocks(facts: Facts) -> Iterator[Finding]:
    """Whether the clocks that could be read agree, this machine's among them."""
    if not facts.clocks:
        yield not_checked(CLOCKS, "nobody has said what time it is")
        return
    ahead = {"this machine": 0.0}
    for each in facts.clocks:  # there may be several clouds: of two Keystones the one that is right hides no other
        ahead[each.whose] = max(ahead.get(each.whose, 0.0), each.ahead, key=abs)
    if max(ahead.values()) - min(ahead.values()) <= APART.total_seconds():
        others = [each.whose for each in facts.clocks]
        yield Finding(CLOCKS, State.OK, f"This machine and {listed(sorted(set(others)))} agree to {APART.seconds} s.")
        return
    told = [f"{whose} {_ahead(seconds)}" for whose, seconds in sorted(ahead.items()) if whose != "this machine"]
    yield Finding(
        CLOCKS,
        State.WARNING,
        f"They are more than {APART.seconds} s apart; compared with this machine: {'; '.join(told)}.",
        "Set the clock that is wrong (NTP): certificates, tokens and times in statuses are judged by clocks.",
    )


def _ahead(seconds: float) -> str:
    if abs(seconds) < 1:
        return "agrees"
    return f"is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}"


def age(then: datetime, now: datetime) -> str:
    """How long ago something was, for people."""
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _capital(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:]}"
