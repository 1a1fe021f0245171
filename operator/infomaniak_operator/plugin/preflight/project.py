"""What ``preflight`` asks a project: its quota, and whether what manifests name in it is there. It only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.api.reach import named
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import InfomaniakCloudError, NotFoundError
from infomaniak_operator.plugin.preflight.manifests import Manifest
from infomaniak_operator.plugin.preflight.report import Problem, Report, Verdict
from infomaniak_operator.reconcile.generic.actuator import Actuator
from infomaniak_operator.reconcile.generic.importing import api_filter, matches
from infomaniak_operator.reconcile.generic.needs import Needs
from infomaniak_operator.reconcile.generic.quota import MOST_DHCP, Count, dhcp_ports, number
from infomaniak_operator.reconcile.openstack.resource_types import (
    HEALTH_MONITORS,
    L7_POLICIES,
    LISTENERS,
    LOAD_BALANCERS,
    NETWORKS,
    POOLS,
    PORTS,
    SECURITY_GROUPS,
    SUBNETS,
    ResourceType,
)
from infomaniak_operator.reconcile.openstack.scope import Cloud

AnswerT = TypeVar("AnswerT")
MOST_LOOKS = 200
"""So many things that manifests name are looked for in a project."""
_OCTAVIA: Mapping[str, tuple[ResourceType[Any, Any], str]] = {
    "load_balancer": (LOAD_BALANCERS, ""),
    "listener": (LISTENERS, ""),
    "pool": (POOLS, ""),
    "member": (POOLS, "members"),
    "health_monitor": (HEALTH_MONITORS, ""),
    "l7policy": (L7_POLICIES, ""),
    "l7rule": (L7_POLICIES, "rules"),
}
"""Octavia tells limits only: where each type is counted, and in which of a row's lists."""
_BY_ID: Mapping[str, ResourceType[Any, Any]] = {
    "a network": NETWORKS,
    "an external network": NETWORKS,
    "a subnet": SUBNETS,
    "a port": PORTS,
    "a security group": SECURITY_GROUPS,
}
"""The types of what a spec names by its id, by what the fields declare."""
_EXTERNAL = "networkName"


@dataclass(slots=True)
class Project:
    """One project, read at one time.

    Args:
        cloud: the project.
        since: monotonic seconds when the command began: no list may be older.

    Attributes:
        not_checked: what could not be found out, in words.
    """

    cloud: Cloud
    since: float
    not_checked: list[str]
    looks: int = 0

    def quota(self, wanted: Needs) -> list[Count]:
        """What is needed of each limited type, used, and allowed; what cannot be read is in ``not_checked``."""
        names = [name for name, count in wanted.counts.items() if count > 0]
        neutron = {name for name in names if name not in _OCTAVIA} | ({"port"} if wanted.dhcp_subnets else set())
        found = self._neutron(sorted(neutron), wanted) if neutron else []
        return found + self._octavia([name for name in _OCTAVIA if name in names], wanted)

    def _neutron(self, names: Iterable[str], wanted: Needs) -> list[Count]:
        details = self._asked("the quota of Neutron", lambda: self.cloud.network_quota(self.since))
        if details is None:
            self.not_checked.append("the quota of Neutron: it cannot be read")
            return []
        found = []
        for name in names:
            detail = details.get(name)
            if not isinstance(detail, Mapping) or (used := number(detail.get("used"))) is None:
                self.not_checked.append(f"the quota of {name}: the cloud tells none")
                continue
            used += number(detail.get("reserved")) or 0
            limit = number(detail.get("limit"))
            dhcp = self._dhcp(wanted) if name == "port" else 0
            needed = max(wanted.counts.get(name, 0), 0) + dhcp
            found.append(Count(name, used, -1 if limit is None else limit, needed, dhcp))
        return found

    def _dhcp(self, wanted: Needs) -> int:
        """How many ports of DHCP the new subnets take, as far as the project's networks show."""
        if not wanted.dhcp_subnets:
            return 0
        rows = self._asked(
            "the ports of DHCP", lambda: (self.cloud.rows(PORTS, self.since), self.cloud.rows(SUBNETS, self.since))
        )
        return min(dhcp_ports(*rows), MOST_DHCP) * wanted.dhcp_subnets if rows else 0

    def _octavia(self, names: Iterable[str], wanted: Needs) -> list[Count]:
        names = list(names)
        if not names:
            return []
        limits = self.cloud.load_balancer_quota(self.since)
        if limits is None:
            self.not_checked.append("the quota of Octavia: it cannot be read")
            return []
        found = []
        of: Mapping[str, object] = limits
        for name in names:
            count = self._asked(f"how many of {name} there are", partial(self._used, name))
            limit = number(of.get(name))
            if of.get(name) is None:
                self.not_checked.append(f"the quota of {name}: the cloud tells none")
            elif count is not None:
                found.append(Count(name, count, -1 if limit is None else limit, wanted.counts[name]))
        return found

    def _used(self, name: str) -> int:
        collection, part = _OCTAVIA[name]
        rows = self.cloud.rows(collection, self.since)
        return sum(len(row.get(part) or ()) for row in rows) if part else len(rows)

    def _asked(self, what: str, ask: Callable[[], AnswerT]) -> AnswerT | None:
        """What the cloud answers; None, and a word in ``not_checked``, where it does not."""
        try:
            return ask()
        except InfomaniakCloudError as error:
            self.not_checked.append(f"{what}: {error}")
            return None

    def names(self, manifest: Manifest, actuator: Actuator[Any, Any, Any]) -> Iterator[Problem]:
        """What a valid manifest names in the cloud that is not there."""
        resource = manifest.resource
        model = KINDS[resource.key.kind].parse(resource.spec)
        for each in named(model):
            collection = _BY_ID.get(each.names.what)
            if collection is None or each.place.endswith(_EXTERNAL):
                continue
            if self._absent(f"{each.place} {each.value}", collection, each.value):
                text = f"{each.place}: there is no {collection.name[:-1].replace('_', ' ')} {each.value} in the cloud"
                yield Problem(Verdict.WAITS, "cloud", f"{text} that this project sees", resource.key, manifest.file)
        for place, name in _external(ANY.spec(resource)):
            if text := self._no_external(place, name):
                yield Problem(Verdict.WAITS, "cloud", text, resource.key, manifest.file)
        if ANY.spec(resource).get("import"):
            yield from self._import(manifest, actuator)

    def _room(self) -> bool:
        self.looks += 1
        if self.looks > MOST_LOOKS:
            self.not_checked.append(f"more than {MOST_LOOKS} ids and names in the cloud")
        return self.looks <= MOST_LOOKS

    def _absent(self, what: str, collection: ResourceType[Any, Any], wanted: str) -> bool:
        """Whether the service says that there is no such thing; False where it does not say."""
        if not self._room():
            return False

        def ask() -> bool:
            try:
                collection.of(self.cloud.do).get(wanted)
            except NotFoundError:
                return True
            return False

        return bool(self._asked(what, ask))

    def _no_external(self, place: str, name: str) -> str:
        """What is wrong with the name of an external network; empty where nothing is, or that cannot be told."""
        if not self._room():
            return ""

        def ask() -> tuple[str | None, list[str]]:
            return self.cloud.external_network(name), self.cloud.external_networks()

        found = self._asked(f"{place} {name}", ask)
        if found is None or found[0] is not None:
            return ""
        there = ", ".join(sorted(found[1])) or "none"
        return f"{place}: there is not exactly one external network named {name}; there are: {there}"

    def _import(self, manifest: Manifest, actuator: Actuator[Any, Any, Any]) -> Iterator[Problem]:
        key, wanted = manifest.resource.key, ANY.spec(manifest.resource)["import"]
        if id_ := wanted.get("id"):
            if self._absent(f"spec.import.id {id_}", actuator.collection, id_):
                text = f"spec.import.id: there is no {actuator.noun} {id_} that this project sees"
                yield Problem(Verdict.WAITS, "cloud", text, key, manifest.file)
            return
        looked_for: Mapping[str, object] = wanted.get("filter") or {}
        asked = {name: each for name, each in api_filter(looked_for).items() if name not in ("tags", "description")}
        rows = self._asked(
            f"spec.import.filter of {key.kind} {key.name}",
            lambda: actuator.collection.of(self.cloud.do).list(**asked) if self._room() else None,
        )
        if rows is None:
            return
        count = sum(matches(row, looked_for) for row in rows)
        shown = ", ".join(f"{name}={value}" for name, value in looked_for.items())
        if count == 0:
            text = f"spec.import.filter: no {actuator.noun} matches {shown}"
            yield Problem(Verdict.WAITS, "cloud", text, key, manifest.file)
        if count > 1:
            text = f"spec.import.filter: {count} {actuator.noun}s match {shown}: narrow it down, or use spec.import.id"
            yield Problem(Verdict.CANNOT, "cloud", text, key, manifest.file)


def _external(value: object, place: str = "spec") -> Iterator[tuple[str, str]]:
    """The names of external networks in a spec that is valid."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == _EXTERNAL and isinstance(each, str):
                yield f"{place}.{name}", each
            else:
                yield from _external(each, f"{place}.{name}")


def rows(project: str, region: str, counts: Iterable[Count]) -> Iterator[Report]:
    """What is needed of a project's quota, as plain data; ``limit`` is None where there is none."""
    for each in counts:
        yield {
            "project": project,
            "region": region,
            "type": each.noun,
            "needed": each.needed,
            "ofDHCP": each.dhcp,
            "used": each.used,
            "limit": None if each.limit < 0 else each.limit,
            "passed": passed(each),
        }


def passed(count: Count) -> bool:
    """Whether there is certainly no room."""
    return count.limit >= 0 and count.passed


def short(project: str, counts: Iterable[Count]) -> Iterator[Problem]:
    """What there is certainly no room for."""
    for each in counts:
        if passed(each):
            text = f"the quota of project {project} has no room: {each}; free something, or have the quota raised"
            yield Problem(Verdict.CANNOT, "quota", text)
