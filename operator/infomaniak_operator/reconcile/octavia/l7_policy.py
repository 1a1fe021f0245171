"""L7Policy: where a listener sends the requests that its rules fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.client import kinds
from infomaniak_operator.client.bodies import L7PolicyBody
from infomaniak_operator.client.resources import L7Policy as PolicyRow
from infomaniak_operator.client.resources import L7Rule
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.actuator import Dependency, Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Difference, Field, applied, body_of, changes
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome, stalled
from infomaniak_operator.reconcile.generic.owned import clear_to_create, is_adopted
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.octavia import (
    compatibility,
    l7_fit,
    l7_order,
    l7_rules,
    octavia_common,
    tree_child,
)
from infomaniak_operator.reconcile.octavia.seen import SeenPolicy
from infomaniak_operator.reconcile.openstack.resource_types import L7_POLICIES
from infomaniak_operator.reconcile.ownership.marks import Mark

_LISTENER: Final = "listenerID"
_POOL: Final = "poolID"
_RULES: Final = "rules"
_POSITION: Final = "position"
_UP: Final = "adminStateUp"
_UNSORTED, _UNSORTED_AT_MOST = 15.0, 300.0
"""Seconds until the next look where the order is not right yet: another has to move first; ever more, up to these."""


@dataclass(slots=True)
class _Remembered:
    """Of the order: the policies of the listener as they stood, and how often they were looked at so."""

    order: tuple[str, ...] = ()
    looks: int = 0


def _look_again(context: ReconcileContext, siblings: Sequence[PolicyRow]) -> float:
    """In how many seconds to look again where others are in the way; they may be paused, and stay there."""
    memory, order = context.request.memory.of(_Remembered), tuple(str(each["id"]) for each in siblings)
    memory.looks = memory.looks + 1 if order == memory.order else 0
    memory.order = order
    return min(_UNSORTED * 2.0 ** min(memory.looks, 10), _UNSORTED_AT_MOST)


def _code(row: PolicyRow) -> int | None:
    """The default of the status, which only an answer with an address has."""
    return 302 if row.get("action") in ("REDIRECT_TO_URL", "REDIRECT_PREFIX") else None


_TARGET: tuple[Field[json_types.L7PolicySpecField], ...] = (
    Field("action", "action"),
    Field("redirectURL", "redirect_url"),
    Field("redirectPrefix", "redirect_prefix"),
    Field("redirectHTTPCode", "redirect_http_code", default=_code),
)
"""What Octavia takes together: a new action clears what was for the former one."""
FIELDS: tuple[Field[json_types.L7PolicySpecField], ...] = (
    *_TARGET,
    neutron_common.ADMIN_STATE,
    Field("description", "description", default=""),
)


class L7Inputs(tree_child.BalancerInputs, total=False):
    """What the references of an L7Policy stand for; None while there is none yet."""

    listenerID: str | None  # noqa: N815 - with others of a status
    poolID: str | None  # noqa: N815 - with others of a status


def places(spec: json_types.L7PolicySpec) -> list[str]:
    """The places of the fields that the spec sets."""
    more: tuple[json_types.L7PolicySpecField, ...] = ("poolRef", _POSITION, _RULES, "tags")
    return [*applied(FIELDS, spec), *(name for name in more if name in spec)]


def policy_body(spec: json_types.L7PolicySpec, name: str, mark: Mark) -> L7PolicyBody:
    """The attributes a policy is created with; its listener, its place, its pool and its rules apart."""
    return L7_POLICIES.body(
        {"name": name, "tags": octavia_common.tags_of(spec.get("tags"), mark), **body_of(FIELDS, spec)}
    )


def _in_parts(spec: json_types.L7PolicySpec) -> bool:
    """Whether a policy that is made alone is switched off until it is whole.

    Octavia takes rules one by one then, and a policy with some of its rules would catch what it is not meant for.
    """
    return len(spec.get(_RULES) or ()) > 1 and spec.get(_UP) is not False


class L7PolicyActuator(tree_child.ChildActuator[PolicyRow, L7PolicyBody, L7Inputs]):
    """Knows how an L7Policy becomes an L7 policy with rules."""

    kind = octavia_common.L7_POLICY
    collection = L7_POLICIES
    noun = "L7 policy"
    depends_on = frozenset({Dependency(octavia_common.LOAD_BALANCER), Dependency(octavia_common.POOL, keeps=True)})

    @override
    def above(self, row: PolicyRow) -> tree_child.Above:
        """Its listener."""
        return {"listener": str(row.get("listener_id") or "")}

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The load balancer, and the pool."""
        return [key for key in (compatibility.balancer_ref(resource), l7_fit.pool_ref(resource)) if key]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> L7Inputs:
        """The ids of the load balancer, the listener and the pool; each None while there is none yet.

        Raises:
            Unresolved: the load balancer, its listener or the pool is missing, or going.
        """
        found = cast("L7Inputs", tree_child.balancer_inputs(resource, view))
        key = compatibility.balancer_ref(resource)
        balancer = view.get(key) if key else None
        if key and balancer:
            if not l7_fit.is_listed(resource, balancer):
                name = json_types.L7POLICY.spec(resource).get("listener")
                raise Unresolved(key, f"spec.listener: LoadBalancer {key.name} has no listener {name} (yet)")
            found[_LISTENER] = l7_fit.listener_id(resource, balancer)
        to = l7_fit.pool_ref(resource)
        if to is None:
            return found
        pool = view.get(to)
        if pool is None:
            raise Unresolved(to, f"spec.poolRef: there is no Pool {to.name} in namespace {to.namespace} yet")
        used = json_types.L7POLICY.status(resource).get(_POOL)
        if pool.deleting and not (used and json_types.POOL.status(pool).get("id") == used):
            raise Unresolved(to, f"spec.poolRef: Pool {to.name} is being deleted")
        status = json_types.POOL.status(pool)
        inside = "loadBalancerID" not in found or status.get("loadBalancerID") == found["loadBalancerID"]
        found[_POOL] = status.get("id") if inside else None
        return found

    @override
    def prerequisites(self, context: ReconcileContext, inputs: L7Inputs) -> Ended | None:
        """Be made with the load balancer, or wait for what it needs; one that does not fit is refused."""
        view, resource = context.request.view, context.resource
        ref, to = compatibility.balancer_ref(resource), l7_fit.pool_ref(resource)
        balancer = octavia_common.load_balancer_of(resource, view)
        pool = view.get(to) if to else None
        problem = l7_fit.problem(resource, balancer, pool) if balancer is not None else None
        if pool is not None and problem is None:
            problem = l7_fit.elsewhere(pool, inputs.get("loadBalancerID"))
        if problem:
            return stalled(Reason.INVALID_CONFIGURATION, problem)
        if ref and tree_child.needs_parent(context, inputs, "loadBalancerID"):
            return tree_child.wait_for_tree(context, self, ref, "spec.loadBalancerRef")
        if ref and tree_child.needs_parent(context, inputs, _LISTENER):
            name = json_types.L7POLICY.spec(context).get("listener")
            return context.wait_for(ref, f"spec.listener: listener {name} of LoadBalancer {ref.name} is not there yet")
        if to and tree_child.needs_parent(context, inputs, _POOL):
            return context.wait_for(to, f"spec.poolRef: Pool {to.name} is not in the cloud yet")
        return None

    @override
    def held(self, context: ReconcileContext) -> PolicyRow | None:
        """The policy as the create of its tree has answered it, until it was Ready once."""
        row = tree_child.held(context, self.collection)
        if row is not None:
            context.seen.of(SeenPolicy).rules = list(row.get(_RULES) or ())
        return row

    @override
    def body(self, facts: Facts, inputs: L7Inputs) -> L7PolicyBody:
        """The attributes of the policy's create; its rules come after it, and its place with ``prepare``."""
        spec = json_types.L7POLICY.spec(facts)
        body = policy_body(spec, facts.name, facts.owner.mark())
        body["listener_id"] = cast("str", inputs[_LISTENER])
        if to := inputs.get(_POOL):
            body["redirect_pool_id"] = to
        if _in_parts(spec):
            body["admin_state_up"] = False
        return body

    @override
    def prepare(
        self, context: ReconcileContext, inputs: L7Inputs, body: L7PolicyBody
    ) -> Callable[[], PolicyRow] | Ended:
        """One POST, with the place among those that are there."""
        rows = _siblings(context, str(inputs.get(_LISTENER)))
        balancer = octavia_common.load_balancer_of(context.resource, context.request.view)
        others = l7_fit.ranks(context.owner.cluster, balancer, context.request.view, rows)
        slot = l7_order.slot_for(others, l7_fit.rank(context.resource))
        return super().prepare(context, inputs, {**body, "position": slot + 1})

    @override
    def outline(self, context: ReconcileContext, body: L7PolicyBody) -> str:
        """The policy, its action and its rules."""
        rules = "; ".join(l7_rules.shown(each) for each in l7_rules.bodies(json_types.L7POLICY.spec(context)))
        return f"L7 policy {body['name']} ({body.get('action')}) with rules {rules or 'none'}"

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets; and that it is switched off, where it is made in parts."""
        spec = json_types.L7POLICY.spec(facts)
        found = places(spec)
        making = facts.id is None or facts.seen.of(SeenPolicy).half_made
        return [*found, _UP] if making and _in_parts(spec) and _UP not in found else found

    @override
    def observe(self, context: ReconcileContext, row: PolicyRow, inputs: L7Inputs, *, new: bool) -> None:
        """Its rules, and the other policies of its listener."""
        if new:
            return
        tree_child.stands_in(context, self.above(row))
        seen = context.seen.of(SeenPolicy)
        if seen.rules is None and _manages_rules(context):
            seen.rules = l7_rules.there(context, row)
            seen.half_made = _half_made(context, row, seen.rules)
            for body in l7_rules.bodies(json_types.L7POLICY.spec(context)):
                if any(l7_rules.same(each, body) for each in seen.rules):
                    context.creates.done(l7_rules.slot(body))
        made_with_its_tree = context.resource.uid in octavia_common.tree_of(context).held
        if _POSITION in json_types.L7POLICY.spec(context) and not made_with_its_tree:
            seen.siblings = _siblings(context, str(row["listener_id"]))
            seen.look_again = _look_again(context, seen.siblings)

    @override
    def plan(self, facts: Facts, row: PolicyRow, inputs: L7Inputs) -> Plan:
        """The rules, then the policy itself: one that is made in parts is switched on once it is whole."""
        what, here = f"L7 policy {row['id']}", str(row["id"])
        adopted = is_adopted(facts, row)
        wanted, now = inputs.get(_LISTENER), row.get("listener_id")
        if wanted and wanted != now:
            elsewhere = Difference("listener", "listener_id", now, wanted, mutable=False)
            if adopted:
                return Plan(fixed=[elsewhere])
            if facts.imported:
                return Plan(outcome=octavia_common.irreplaceable(self.noun, row, [elsewhere]))
            # The listener was replaced by another, on another port, say.
            return only([Step("delete", what, "", here, differences=(elsewhere,), replaces=True)])
        found = [*octavia_common.main_differences(facts, row, FIELDS), *_pool(row, inputs)]
        place, due = _place(facts, row)
        found += place
        seen = facts.seen.of(SeenPolicy)
        rules: list[Step] = []
        if seen.rules is not None and _manages_rules(facts):
            rules = l7_rules.steps(here, l7_rules.bodies(json_types.L7POLICY.spec(facts)), seen.rules)
        body = {**changes(found), **_whole_target(facts, row, inputs, found)}
        main = [Step("update", what, "", here, None, body, tuple(found))] if found else []
        off = any(each.api == "admin_state_up" and each.wanted is False for each in found)
        # A mark comes first: until then what is adopted is somebody else's.
        first = off or adopted
        return Plan(steps=[*main, *rules] if first else [*rules, *main], due=due)

    @override
    def send(self, context: ReconcileContext, step: Step) -> Ended | None:
        """Send one step."""
        do = context.cloud.do
        if l7_rules.is_of_rule(step):
            return self._send_rule(context, step)
        with octavia_common.changing(context):
            if step.verb == "delete":
                do.l7_policies.delete(step.id)
            else:
                do.l7_policies.update(step.id, L7_POLICIES.body(step.body))
        if step.replaces:
            context.lost()
        return None

    @staticmethod
    def _send_rule(context: ReconcileContext, step: Step) -> Ended | None:
        rules, body = context.cloud.do.l7_rules, kinds.L7_RULES.checked(step.body)
        if step.verb != "create":
            with octavia_common.changing(context):
                if step.verb == "delete":
                    rules.delete(step.id, l7_rules.rule_id(step))
                else:
                    rules.update(step.id, l7_rules.rule_id(step), body)
            return None
        known = len([each for each in context.seen.of(SeenPolicy).rules or () if l7_rules.same(each, body)])

        def still_absent(not_before: float) -> bool:
            del not_before  # it is always asked for anew
            return len([each for each in l7_rules.listed(context, step.id) if l7_rules.same(each, body)]) <= known

        if too_early := clear_to_create(context, step.slot, still_absent, f"the {step.what} has appeared in the cloud"):
            return too_early
        with context.creating(step.slot), octavia_common.changing(context):
            rules.create(step.id, body)
        return None

    @override
    def report(self, context: ReconcileContext, row: PolicyRow, inputs: L7Inputs) -> str | Outcome:
        """What is seen of the policy; it may be in ERROR."""
        tree_child.state(context, row)
        status = json_types.L7POLICY.status(context)
        status["loadBalancerID"] = octavia_common.tree_of(context).load_balancer_id
        status[_LISTENER] = row.get("listener_id")
        status[_POOL] = row.get("redirect_pool_id")
        context.status = octavia_common.without_empty(status)
        failed = tree_child.failure(self.noun, context, row)
        off = ", switched off" if row.get("admin_state_up") is False else ""
        return failed or f"L7 policy {row['id']} ({row.get('action')}) of listener {row.get('listener_id')}{off}"

    @override
    def holds(self, context: ReconcileContext, row: PolicyRow) -> str:
        """Rules: a policy that is made alone has none yet."""
        return "it has rules" if row.get(_RULES) else ""

    @override
    def removal(self, context: ReconcileContext, row: PolicyRow) -> Plan:
        """Delete the policy with its rules; one whose load balancer is going goes with that."""
        balancer = octavia_common.load_balancer_of(context.resource, context.request.view)
        if goes := tree_child.goes_with(balancer):
            return Plan(outcome=goes)
        return self.deletion(context, row)


def _manages_rules(facts: Facts) -> bool:
    """Whether the spec says which rules there are, or did until now."""
    return _RULES in json_types.L7POLICY.spec(facts) or _RULES in facts.applied


def _half_made(facts: Facts, row: PolicyRow, rules: Sequence[L7Rule]) -> bool:
    """Whether a policy is seen to be one of ours that was being made in parts, where no status tells (it was lost).

    One that somebody has switched off has all of its rules; and once status says that we have set them, it tells.
    """
    if facts.imported or _RULES in facts.applied or row.get("admin_state_up") is not False:
        return False
    return bool(l7_rules.missing(l7_rules.bodies(json_types.L7POLICY.spec(facts)), rules))


def _siblings(context: ReconcileContext, listener: str) -> list[PolicyRow]:
    """All policies of a listener, in their order."""
    rows = [each for each in context.rows(L7_POLICIES) if each.get("listener_id") == listener]
    return sorted(rows, key=lambda each: int(each.get("position") or 0))


def _pool(row: PolicyRow, inputs: L7Inputs) -> list[Difference]:
    """The pool: one that is not there yet leaves the policy as it is."""
    wanted, now = inputs.get(_POOL), row.get("redirect_pool_id")
    return [Difference("poolRef", "redirect_pool_id", now, wanted)] if wanted and wanted != now else []


def _whole_target(facts: Facts, row: PolicyRow, inputs: L7Inputs, found: Sequence[Difference]) -> dict[str, object]:
    """The action with all that belongs to it, where anything of it changes: what is left out Octavia makes up."""
    names = {*(field.api for field in _TARGET), "redirect_pool_id"}
    changing = {each.api for each in found} & names
    if not changing:
        return {}
    whole = body_of(_TARGET, facts.spec)
    if to := inputs.get(_POOL):
        whole["redirect_pool_id"] = to
    if (
        "action" in whole
        and "redirect_http_code" not in whole | changes(found)
        and (code := row.get("redirect_http_code"))
    ):
        redirects = whole["action"] in ("REDIRECT_TO_URL", "REDIRECT_PREFIX")
        whole |= {"redirect_http_code": code} if redirects else {}
    return whole


def _place(facts: Facts, row: PolicyRow) -> tuple[list[Difference], float | None]:
    """Where it is to be moved; and in how many seconds to look again, where others have to move as well."""
    seen = facts.seen.of(SeenPolicy)
    siblings = seen.siblings
    if siblings is None:
        return [], None
    rows = [each for each in siblings if each["id"] != row["id"]]
    now = len([each for each in rows if int(each.get("position") or 0) < int(row.get("position") or 0)])
    balancer = octavia_common.load_balancer_of(facts.resource, facts.view)
    others = l7_fit.ranks(facts.owner.cluster, balancer, facts.view, rows)
    wanted = l7_fit.rank(facts.resource)
    slot = l7_order.slot_for(others, wanted, now)
    due = seen.look_again if l7_order.misplaced(others, wanted, slot) else None
    if slot == now:
        return [], due
    return [Difference(_POSITION, "position", row.get("position"), slot + 1)], due
