"""How an Octavia in memory makes things: one by one, or a load balancer with all that is under it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.fake_cloud_octavia_rules import (
    check_body,
    check_listener,
    check_monitor,
    check_protocols,
    defaults,
    invalid,
    not_found,
    persistence,
    policy_values,
    transport,
)
from tests.support.fake_cloud_octavia_tls import CLIENTS, MEMBERS, check_clients, check_content, check_members
from tests.support.fake_cloud_octavia_vips import Vips
from tests.support.fake_cloud_rules import Many, Refused, Row

_REFERENCE = {"name", "admin_state_up", "tls_enabled"}
"""A nested pool with no more than these stands for the one of that name."""
_LAST = 2147483647


class Trees(Vips):
    """Each maker checks, then inserts: a refusal leaves nothing to undo."""

    def _plant(self, project: str, body: Mapping[str, Any]) -> Row:
        """A load balancer and its tree, all or none; only a VIP port of Octavia's own stays from a refused one."""
        listeners = [dict(one) for one in body.get("listeners") or ()]
        pools = [dict(one) for one in body.get("pools") or ()]
        _check_tree(listeners, pools)
        if body.get("project_id") not in (None, project):
            raise Refused(403, None, "Policy does not allow this request to be performed.")
        vip = self._choose_vip(project, body)
        self._quota(project, "load_balancers")
        id = self._neutron.new_id()  # noqa: A001 - the API says id
        bound = self._bind_vip(project, id, body, vip)
        balancer = self._insert("load_balancers", project, {**_without(body, "listeners", "pools"), **bound}, id)
        try:
            self._grow(balancer, listeners, pools)
        except Refused:
            self.tables["load_balancers"][id]["vip_port_id"] = None  # so that it stays, as Octavia leaves it
            self._remove("load_balancers", balancer)
            raise
        return balancer

    def _grow(self, balancer: Row, listeners: Many, pools: Many) -> None:
        pools = _all_pools(listeners, pools)
        self._quota(balancer["project_id"], "pools", len(pools))
        ids: dict[Any, str] = {}
        for body in pools:
            if body.get("tls_enabled") and "tls_ciphers" not in body:
                raise Refused(500, None, "'tls_ciphers'")
            pool = self._new_pool(balancer, body)
            ids[pool["name"]] = pool["id"]
            if body.get("healthmonitor"):
                self._new_monitor(pool, body["healthmonitor"])
            for member in body.get("members") or ():
                self._new_member(pool, member)
        for body in listeners:
            listener = self._new_listener(balancer, _resolved(body, "default_pool", ids))
            for policy in body.get("l7policies") or ():
                made = self._new_policy(listener, _resolved(policy, "redirect_pool", ids))
                for rule in policy.get("rules") or ():
                    self._new_rule(made, rule)

    # ── one by one ──

    def _new_listener(self, balancer: Row, body: Mapping[str, Any]) -> Row:
        self._quota(balancer["project_id"], "listeners")
        values = {**_without(body, "loadbalancer_id", "default_pool", "l7policies")}
        values["allowed_cidrs"] = values.get("allowed_cidrs") or None
        self._check_pool(balancer["id"], values.get("default_pool_id"), values["protocol"])
        for other in self._having("listeners", "load_balancer_id", balancer["id"]):
            same = transport(other["protocol"]) == transport(values["protocol"])
            if same and other["protocol_port"] == values["protocol_port"]:
                place = f"protocol {other['protocol']} and protocol_port {other['protocol_port']}"
                raise Refused(409, None, f"Another Listener on this Load Balancer is already using {place}")
        given = {name: value for name, value in values.items() if value is not None}
        whole = {**defaults("listeners"), **given}
        check_listener(whole, *self._addresses(balancer))
        check_clients(whole)
        self._check_certificates(given)
        self._check_trust(*(whole[name] for name in CLIENTS))
        return self._insert("listeners", balancer["project_id"], {**values, "load_balancer_id": balancer["id"]})

    def _check_certificates(self, given: Mapping[str, Any]) -> None:
        """That the certificates that a request names can be read; of others nobody asks."""
        own = (given.get("default_tls_container_ref"), given.get("tls_container_ref"))
        self._check_readable([*(given.get("sni_container_refs") or ()), *own])

    def _check_trust(self, ca: str | None, crl: str | None) -> None:
        """That an authority, and what it has revoked, can be read and fit."""
        if ca:
            self._check_readable([ca, crl])
            check_content(ca, crl, self.payload)

    def _check_readable(self, refs: Sequence[str | None]) -> None:
        if bad := [ref for ref in refs if ref and (ref in self.unreadable or not self.keeper(ref))]:
            raise Refused(400, None, f"Could not retrieve certificate: {bad}")

    def _check_pool(self, balancer_id: str, pool_id: str | None, protocol: str) -> None:
        """That a listener may send to the pool, if to any."""
        if pool_id:
            pool = self.tables["pools"].get(pool_id)
            if not pool or pool["loadbalancer_id"] != balancer_id:
                raise not_found("Pool", pool_id)
            check_protocols(protocol, pool["protocol"])

    @staticmethod
    def _addresses(balancer: Row) -> tuple[list[str], list[str]]:
        vips = [balancer["vip_address"], *(one["ip_address"] for one in balancer["additional_vips"])]
        return vips, balancer["vip_sg_ids"]

    def _new_pool(self, balancer: Row, body: Mapping[str, Any]) -> Row:
        self._quota(balancer["project_id"], "pools")
        values = _without(body, "listener_id", "members", "healthmonitor")
        values["session_persistence"] = persistence(body.get("session_persistence"), None, body["protocol"])
        given = {name: value for name, value in values.items() if value is not None}
        whole = {**defaults("pools"), **given}
        check_members(whole)
        self._check_certificates(given)
        self._check_trust(*(whole[name] for name in MEMBERS))
        return self._insert("pools", balancer["project_id"], {**values, "loadbalancer_id": balancer["id"]})

    def _new_member(self, pool: Row, body: Mapping[str, Any], *, counted: bool = False) -> Row:
        if not counted:
            self._quota(pool["project_id"], "members")
        for other in self._having("members", "pool_id", pool["id"]):
            if (other["address"], other["protocol_port"]) == (body["address"], body["protocol_port"]):
                raise self._taken(body)
        watched = bool(self._having("health_monitors", "pool_id", pool["id"]))
        status = "OFFLINE" if watched else "NO_MONITOR"
        values = {**body, "pool_id": pool["id"], "operating_status": status}
        return self._insert("members", pool["project_id"], values)

    @staticmethod
    def _taken(member: Mapping[str, Any]) -> Refused:
        place = f"ip {member['address']} on protocol_port {member['protocol_port']}"
        return Refused(409, None, f"Another member on this pool is already using {place}")

    def _new_monitor(self, pool: Row, body: Mapping[str, Any]) -> Row:
        self._quota(pool["project_id"], "health_monitors")
        given = {name: value for name, value in body.items() if value is not None}
        values = check_monitor({**defaults("health_monitors"), **given}, body, pool["protocol"])
        if self._having("health_monitors", "pool_id", pool["id"]):
            raise Refused(409, None, "This pool already has a health monitor")
        return self._insert("health_monitors", pool["project_id"], {**values, "pool_id": pool["id"]})

    def _new_policy(self, listener: Row, body: Mapping[str, Any]) -> Row:
        self._quota(listener["project_id"], "l7policies")
        self._check_pool(listener["load_balancer_id"], body.get("redirect_pool_id"), listener["protocol"])
        values = {**policy_values(body), "listener_id": listener["id"], "position": _LAST}
        row = self._insert("l7policies", listener["project_id"], values)
        self._place(row, body.get("position") or _LAST)
        return row

    def _place(self, policy: Row, position: int) -> None:
        others = [row for row in self._having("l7policies", "listener_id", policy["listener_id"]) if row is not policy]
        others.insert(position - 1, policy)
        self._number(others)

    def _new_rule(self, policy: Row, body: Mapping[str, Any]) -> Row:
        self._quota(policy["project_id"], "l7rules")
        return self._insert("l7rules", policy["project_id"], {**body, "l7policy_id": policy["id"]})


def _nested_pools(listeners: Many) -> Iterator[tuple[Row, str]]:
    for listener in listeners:
        if listener.get("default_pool"):
            yield listener, "default_pool"
        for policy in listener.get("l7policies") or ():
            if policy.get("redirect_pool"):
                yield policy, "redirect_pool"


def _all_pools(listeners: Many, pools: Many) -> Many:
    """Every pool of the tree once, wherever it is written out."""
    found, wanted = list(pools), []
    for holder, key in _nested_pools(listeners):
        pool = holder[key]
        if not pool.get("name"):
            raise invalid("Pools must be named when creating a fully populated loadbalancer.")
        if set(pool) <= _REFERENCE:
            wanted.append(pool["name"])
        else:
            found.append(pool)
    names = [pool.get("name") for pool in found]
    if len(set(names)) != len(names):
        raise invalid("Pool names must be unique when creating a fully populated loadbalancer.")
    for name in wanted:
        if name not in names:
            raise invalid(f"Pool '{name}' was referenced but no full definition was found.")
    return found


def _resolved(body: Mapping[str, Any], key: str, ids: Mapping[Any, str]) -> Row:
    """With the id of the pool in the place of its name."""
    pool = body.get(key)
    return {**body, f"{key}_id": ids[pool["name"]]} if pool else dict(body)


def _check_tree(listeners: Many, pools: Many) -> None:
    """What Octavia says of each part by itself."""
    for listener in listeners:
        check_body("listeners", listener, nested=True)
        for policy in listener.get("l7policies") or ():
            check_body("l7policies", policy, nested=True)
            for rule in policy.get("rules") or ():
                check_body("l7rules", rule, nested=True)
    for pool in (*pools, *(holder[key] for holder, key in _nested_pools(listeners))):
        if pool in pools or not set(pool) <= _REFERENCE:
            for name in ("protocol", "lb_algorithm"):
                if not pool.get(name):
                    raise invalid(f"Pool definition for '{pool.get('name')}' missing required attribute: {name}")
            check_body("pools", pool, nested=True)
        for member in pool.get("members") or ():
            check_body("members", member, nested=True)
        if pool.get("healthmonitor"):
            check_body("health_monitors", pool["healthmonitor"], nested=True)


def _without(body: Mapping[str, Any], *names: str) -> Row:
    return {name: value for name, value in body.items() if name not in names}
