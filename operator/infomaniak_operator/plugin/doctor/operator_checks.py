"""The checks of the operator: whether one leads, and whether it looks at the namespace asked about. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from infomaniak_operator import __version__
from infomaniak_operator.controller.interfaces import READY, KubeObject
from infomaniak_operator.plugin.doctor.bodies import DEPLOYED, Deployed, Held
from infomaniak_operator.plugin.doctor.cluster_checks import age
from infomaniak_operator.plugin.doctor.facts import Facts, Unknown
from infomaniak_operator.plugin.doctor.findings import Finding, State, listed, not_checked
from infomaniak_operator.plugin.report import short
from infomaniak_operator.plugin.stack import State as Standing
from infomaniak_operator.plugin.stack import standing
from infomaniak_operator.reconcile.generic.outcomes import PAUSED, annotated

OPERATOR = "Operator"
LEADER = "Leader"
WATCHED = "Watched objects"
_NAMESPACE = "Name its namespace with --operator-namespace, or ask somebody who may look there."


def operator(facts: Facts) -> Iterator[Finding]:
    """Whether the operator is deployed and available, and of the plugin's version."""
    if isinstance(facts.deployments, Unknown):
        yield not_checked(OPERATOR, facts.deployments.why, _NAMESPACE)
        return
    for each in facts.deployments:
        label = f"{each} of version {each.version}" if each.version else f"{each}"
        if each.wanted and not each.available:
            yield Finding(
                OPERATOR,
                State.WRONG,
                f"{label} has none of its {each.wanted} replicas available.",
                f"Look at kubectl describe pods -n {each.namespace} -l {DEPLOYED} and at their logs.",
            )
        elif not each.wanted:
            action = f"kubectl scale deployment {each.name} -n {each.namespace} --replicas=2"
            yield Finding(OPERATOR, State.WRONG, f"{label} is scaled to 0 replicas.", action)
        elif each.version and each.version != __version__:
            yield Finding(
                OPERATOR,
                State.WARNING,
                f"{label} has {each.available} of {each.wanted} replicas available; the plugin is of {__version__}.",
                "Install the plugin in the operator's version.",
            )
        else:
            few = each.available < each.wanted
            state = State.WARNING if few else State.OK
            yield Finding(OPERATOR, state, f"{label} has {each.available} of {each.wanted} replicas available.")
    if not facts.deployments:
        yield not_checked(OPERATOR, f"there is no Deployment with the labels {DEPLOYED}", _NAMESPACE)


def leader(facts: Facts) -> Iterator[Finding]:
    """Whether one operator leads: by a Lease that is held and renewed, or alone without one."""
    if isinstance(facts.leases, Unknown):
        yield not_checked(LEADER, facts.leases.why, _NAMESPACE)
        return
    live = [each for each in facts.leases if each.live(facts.now)]
    for each in live:
        renewed = f", renewed {age(each.renewed, facts.now)} ago" if each.renewed else ""
        yield Finding(LEADER, State.OK, f"{each.replica} leads, by {each}{renewed}.")
    yield from _twice(live, facts.deployments)
    if not live:
        yield _nobody(facts, facts.leases)
        return
    # A Lease of another name may be anybody's: it says nothing of a Deployment that elects by its own.
    deployments = () if isinstance(facts.deployments, Unknown) else facts.deployments
    elected = {each.lease for each in deployments if each.elects}
    for each in facts.leases:
        if each not in live and (each.namespace, each.name) in elected:
            yield _lapsed(facts, each)


def _twice(live: Sequence[Held], deployments: tuple[Deployed, ...] | Unknown) -> Iterator[Finding]:
    """Of those that lead at once, the pairs that are not known to watch different namespaces."""
    known = {each.lease: each for each in deployments} if not isinstance(deployments, Unknown) else {}
    for one, other in combinations(live, 2):
        pair = [known.get((each.namespace, each.name)) for each in (one, other)]
        spaces = [each.namespaces for each in pair if each is not None]
        if len(spaces) == 2 and all(spaces) and not spaces[0] & spaces[1]:  # noqa: PLR2004 - a pair
            continue
        yield Finding(
            LEADER,
            State.WRONG if len(spaces) == 2 else State.WARNING,  # noqa: PLR2004 - a pair
            f"Two operators lead at once: {one.replica} by {one}, {other.replica} by {other}. Where both watch a "
            "namespace, everything is made twice.",
            "Uninstall one of them, or have each watch namespaces of its own (watch.namespaces of the chart).",
        )


def _nobody(facts: Facts, leases: Sequence[Held]) -> Finding:
    deployments = () if isinstance(facts.deployments, Unknown) else facts.deployments
    alone = [each for each in deployments if not each.elects and each.available]
    if alone:
        return Finding(LEADER, State.OK, f"{listed(alone)} runs without leader election.")
    if leases:
        return _lapsed(facts, leases[0])
    if _looked_at(facts):
        return Finding(
            LEADER,
            State.WARNING,
            "There is no Lease of an operator, though one has looked at the objects: it runs without leader election, "
            "its Lease has another name, or it has gone.",
            "Check that it runs. Its log tells of each object that it looks at.",
        )
    action = "Install the operator with the chart, or name its namespace with --operator-namespace."
    return Finding(LEADER, State.WRONG, "There is no Lease of an operator: none runs.", action)


def _lapsed(facts: Facts, each: Held) -> Finding:
    if not each.holder:
        message = f"Nobody holds {each}: the operator has stopped, or is about to start."
    else:
        when = f", last {age(each.renewed, facts.now)} ago" if each.renewed else ""
        message = f"{each.replica} holds {each} and does not renew it{when}: the operator has stopped."
    return Finding(LEADER, State.WRONG, message, "Look at the operator's Pods and at their logs.")


def _looked_at(facts: Facts) -> bool:
    objects = () if isinstance(facts.objects, Unknown) else facts.objects
    return any(each.condition(READY) for each in objects)


def watched(facts: Facts) -> Iterator[Finding]:
    """Whether an operator looks at the objects of the namespaces asked about."""
    if isinstance(facts.objects, Unknown):
        yield not_checked(WATCHED, facts.objects.why)
        return
    where = f"namespace {facts.namespace}" if facts.namespace else "all namespaces"
    asked = [facts.namespace] if facts.namespace else sorted({each.key.namespace for each in facts.objects})
    deployments = () if isinstance(facts.deployments, Unknown) else facts.deployments
    outside = [each for each in asked if deployments and not any(one.watches(each) for one in deployments)]
    if outside:
        yield Finding(
            WATCHED,
            State.WRONG,
            f"The operator does not watch {listed(outside)}: its option --namespace names "
            f"{listed(sorted({name for each in deployments for name in each.namespaces}))}.",
            "Add the namespace to watch.namespaces of the chart, or make the objects in one that is watched.",
        )
        return
    unseen = [each for each in facts.objects if _unseen(each, facts)]
    behind = [each for each in facts.objects if _behind(each)]
    if unseen:
        yield Finding(
            WATCHED,
            State.WRONG,
            f"No operator has said anything for more than a minute of {_names(facts, unseen)}.",
            "Check that the operator runs, that it watches this namespace, and what its log says.",
        )
    if behind:
        yield Finding(
            WATCHED,
            State.WARNING,
            f"The operator has not looked at the last change of {_names(facts, behind)}.",
            "Wait a minute and ask again. If it stays so, see what the operator's log says of them.",
        )
    if unseen or behind:
        return
    if facts.objects:
        yield Finding(WATCHED, State.OK, f"The operator has looked at all {len(facts.objects)} objects in {where}.")
    elif deployments:
        yield Finding(WATCHED, State.OK, f"The operator watches {where}. There is no object yet.")
    else:
        yield not_checked(WATCHED, f"there is no object in {where} by which it could be told.")


def _unseen(each: KubeObject, facts: Facts) -> bool:
    found = standing(each, facts.now)
    return found.reason == "Unknown" and found.state is Standing.FAILED


def _behind(each: KubeObject) -> bool:
    ready = each.condition(READY)
    if ready is None or annotated(each, PAUSED):
        return False
    return bool(ready.get("observedGeneration", each.generation) != each.generation)


def _names(facts: Facts, objects: Sequence[KubeObject]) -> str:
    return listed([short(each.key) if facts.namespace else str(each.key) for each in objects])
