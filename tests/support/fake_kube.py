"""An API server in memory, true in what the controller relies on; ``tests/contract/kube`` holds it against a real one."""

from __future__ import annotations

import copy
import queue
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from infomaniak_operator.controller.cache.watcher import Sink
from infomaniak_operator.controller.kube.kube_api import Body, Conflict, KubeError, KubeType, NotFound, Rejected

Place = tuple[str, str, str]
Follower = Callable[[KubeType, str, Body], None]
"""Told of each change: the kind; ADDED, MODIFIED or DELETED; the body, which is to be read only."""
_BREAK = object()


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


class FakeKube:
    """``Kube`` in memory, and the hands of a user and of a broken network on it.

    Attributes:
        calls: how often each (verb, plural) was asked for by the controller; ``PATCH toys/status`` for the subresource.
        version: the resourceVersion of the latest change.
        tokens: by token, whose it is.
        allowed: who may do what with which URL that is no resource's.
        before: called with (verb, what, name) before each of the controller's calls; may raise ``KubeError``, or change things.
    """

    def __init__(self, page: int = 500) -> None:
        self._lock = threading.RLock()
        self._objects: dict[Place, dict[str, Any]] = {}
        self.version = 100
        self._page = page
        self._watchers: list[tuple[KubeType, Follower, object]] = []
        self.calls: Counter[tuple[str, str]] = Counter()
        self.events: list[dict[str, Any]] = []
        self.tokens: dict[str, str] = {}
        self.allowed: set[tuple[str, str, str]] = set()
        self.before: Callable[[str, str, str], None] | None = None

    # -- the controller's side

    def get(self, resource: KubeType, namespace: str, name: str) -> Body:
        self._called("GET", resource.plural, name)
        with self._lock:
            return copy.deepcopy(self._find(resource, namespace, name))

    def list(self, resource: KubeType, namespace: str | None) -> Iterator[list[Body]]:
        self._called("LIST", resource.plural, "")
        found = self._listed(resource, namespace)
        if resource.metadata_only:
            # As in a real list of metadata: nothing of the content is there, and the kind is another.
            kinds = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
            found = [{**kinds, "metadata": each["metadata"]} for each in found]
        elif not resource.group or resource.group.endswith(".k8s.io"):
            # As in a real LIST, where only custom resources tell their kind.
            found = [{k: v for k, v in each.items() if k not in ("kind", "apiVersion")} for each in found]
        yield from ([*found[i : i + self._page]] for i in range(0, len(found), self._page))

    def patch(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        self._called("PATCH", resource.plural, name)
        return self._patch(resource, namespace, name, {k: v for k, v in patch.items() if k != "status"})

    def patch_status(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        self._called("PATCH", f"{resource.plural}/status", name)
        meta = {k: v for k, v in (patch.get("metadata") or {}).items() if k == "resourceVersion"}
        return self._patch(resource, namespace, name, {"metadata": meta, "status": patch.get("status", {})})

    def patch_condition(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        self._called("PATCH", f"{resource.plural}/status", name)
        with self._lock:
            old = self._find(resource, namespace, name)
            if (patch.get("metadata") or {}).get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
                raise Rejected(f"{resource.plural} {name}: metadata.uid: field is immutable", 422)
            by_type = {each["type"]: each for each in (old.get("status") or {}).get("conditions") or ()}
            for each in patch["status"]["conditions"]:
                by_type[each["type"]] = {**by_type.get(each["type"], {}), **each}
            return self._patch(resource, namespace, name, {"status": {"conditions": [*by_type.values()]}})

    def create_event(self, namespace: str, event: Body) -> Body:
        self._called("POST", "events", event["metadata"]["name"])
        with self._lock:
            if any(each["metadata"]["name"] == event["metadata"]["name"] for each in self.events):
                raise Conflict(f"events {event['metadata']['name']} exists", 409)
            self.events.append(copy.deepcopy(dict(event)))
        return event

    def patch_event(self, namespace: str, name: str, patch: Body) -> Body:
        self._called("PATCH", "events", name)
        with self._lock:
            for each in self.events:
                if each["metadata"]["name"] == name:
                    each.update(patch)
                    return each
        raise NotFound(f"events {name}", 404)

    def review(self, resource: KubeType, body: Body) -> Body:
        """A TokenReview or a SubjectAccessReview, by ``tokens`` and ``allowed``."""
        self._called("POST", resource.plural, "")
        spec = body["spec"]
        if resource.kind == "TokenReview":
            name = self.tokens.get(spec["token"])
            user = {"username": name, "uid": "u", "groups": ["system:authenticated"]} if name else {}
            status: dict[str, Any] = {"authenticated": True, "user": user} if name else {"user": {}, "error": "invalid"}
        else:
            asked = spec["nonResourceAttributes"]
            status = {"allowed": (spec["user"], asked["verb"], asked["path"]) in self.allowed}
        return {**body, "status": status}

    # -- the user's side

    def create(self, resource: KubeType, name: str, namespace: str = "default", **content: Any) -> dict[str, Any]:
        """Create an object; ``metadata`` in the content is merged in."""
        with self._lock:
            place = (resource.plural, namespace, name)
            if place in self._objects:
                raise Conflict(f"{place} exists", 409)
            content = copy.deepcopy(content)
            meta = {"name": name, "namespace": namespace, **content.pop("metadata", {})}
            if "uid" not in meta:
                meta["uid"] = str(uuid.uuid4())
            meta.setdefault("creationTimestamp", "2026-11-25T08:00:00Z")
            body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **content}
            if resource.kind != "Secret":
                meta["generation"] = 1
            return copy.deepcopy(self._write(resource, place, body, "ADDED"))

    def change(self, resource: KubeType, name: str, patch: Body, namespace: str = "default") -> dict[str, Any]:
        """Merge-patch an object as a user would, status and all."""
        return copy.deepcopy(self._patch(resource, namespace, name, patch))

    def put(self, resource: KubeType, name: str, body: Body, namespace: str = "default") -> dict[str, Any]:
        """Make an object be exactly so, but for its version, whatever is there, and whether anybody may."""
        with self._lock:
            place = (resource.plural, namespace, name)
            known = place in self._objects
            return self._write(resource, place, copy.deepcopy(dict(body)), "MODIFIED" if known else "ADDED")

    def delete(self, resource: KubeType, name: str, namespace: str = "default") -> None:
        """Delete an object: it goes at once if no finalizer holds it."""
        with self._lock:
            body = self._find(resource, namespace, name)
            meta = body["metadata"]
            if not meta.get("finalizers"):
                self._remove(resource, (resource.plural, namespace, name))
            elif "deletionTimestamp" not in meta:
                generation = {"generation": meta["generation"] + 1} if "generation" in meta else {}
                meta = {**meta, **generation, "deletionTimestamp": "2026-11-25T09:00:00Z"}
                self._write(resource, (resource.plural, namespace, name), {**body, "metadata": meta}, "MODIFIED")

    def vanish(self, resource: KubeType, name: str, namespace: str = "default") -> None:
        """Have an object be gone, whatever finalizers it has: as if somebody had taken them off and deleted it."""
        with self._lock:
            self._find(resource, namespace, name)
            self._remove(resource, (resource.plural, namespace, name))

    def read(self, resource: KubeType, name: str, namespace: str = "default") -> dict[str, Any] | None:
        """An object as it is, or None; not counted."""
        with self._lock:
            return copy.deepcopy(self._objects.get((resource.plural, namespace, name)))

    def peek(self, resource: KubeType) -> list[Mapping[str, Any]]:
        """All objects of a kind as they are, for who only looks: nothing is copied."""
        with self._lock:
            return [body for (plural, _, _), body in self._objects.items() if plural == resource.plural]

    def stored(self, resource: KubeType, name: str, namespace: str = "default") -> Body | None:
        """An object as it is, or None, not copied: to be read only; not counted."""
        return self._objects.get((resource.plural, namespace, name))

    def held(self, resource: KubeType) -> list[dict[str, Any]]:
        """All objects of a kind, not copied: to be read only; not counted."""
        with self._lock:
            return [body for (plural, _, _), body in self._objects.items() if plural == resource.plural]

    # -- watching

    def subscribe(self, resource: KubeType) -> tuple[list[dict[str, Any]], queue.Queue[Any]]:
        """All objects of a kind, and a queue of what happens to them from then on."""
        with self._lock:
            events: queue.Queue[Any] = queue.Queue()
            self.follow([resource], lambda _, event, body: events.put((event, copy.deepcopy(body))), events)
            return copy.deepcopy(self._listed(resource, None)), events

    def unsubscribe(self, token: object) -> None:
        """Tell that one no more."""
        with self._lock:
            self._watchers = [each for each in self._watchers if each[2] is not token]

    def follow(self, resources: Iterable[KubeType], follower: Follower, token: object) -> None:
        """Have all that happens to objects of these kinds told at once, until ``unsubscribe(token)``."""
        with self._lock:
            self._watchers += [(resource, follower, token) for resource in resources]

    def _called(self, verb: str, what: str, name: str) -> None:
        with self._lock:
            self.calls[verb, what] += 1
        if self.before:
            self.before(verb, what, name)

    def _find(self, resource: KubeType, namespace: str, name: str) -> dict[str, Any]:
        try:
            return self._objects[resource.plural, namespace, name]
        except KeyError:
            raise NotFound(f"{resource.plural} {namespace}/{name} not found", 404) from None

    def _listed(self, resource: KubeType, namespace: str | None) -> list[dict[str, Any]]:
        with self._lock:
            return [
                body
                for (plural, where, _), body in sorted(self._objects.items())
                if plural == resource.plural and namespace in (None, where) and _selected(resource, body)
            ]

    def _patch(self, resource: KubeType, namespace: str, name: str, patch: Body) -> dict[str, Any]:
        with self._lock:
            old = self._find(resource, namespace, name)
            wanted = (patch.get("metadata") or {}).get("resourceVersion")
            if wanted is not None and wanted != old["metadata"]["resourceVersion"]:
                raise Conflict(f"{resource.plural} {name}: the object has been modified", 409)
            new = merge(old, patch)
            added = set(new["metadata"].get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
            if added and old["metadata"].get("deletionTimestamp"):
                raise Rejected(f"{resource.plural} {name}: no finalizer can be added to what is being deleted", 422)
            if new == old:
                return old
            meta = new["metadata"] = dict(new["metadata"])
            if new.get("spec") != old.get("spec"):
                meta["generation"] += 1
            if not meta.get("finalizers"):
                meta.pop("finalizers", None)
            place = (resource.plural, namespace, name)
            if meta.get("deletionTimestamp") and "finalizers" not in meta:
                self._objects[place] = new
                return self._remove(resource, place)
            return self._write(resource, place, new, "MODIFIED")

    def _write(self, resource: KubeType, place: Place, body: dict[str, Any], event: str) -> dict[str, Any]:
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        old = self._objects.get(place)
        self._objects[place] = body
        self._tell(resource, event, old, body)
        return body

    def _remove(self, resource: KubeType, place: Place) -> dict[str, Any]:
        body = self._objects.pop(place)
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        self._tell(resource, "DELETED", body, body)
        return body

    def _tell(self, resource: KubeType, event: str, old: dict[str, Any] | None, new: dict[str, Any]) -> None:
        for watched, follower, _ in self._watchers:
            if watched.plural != resource.plural:
                continue
            before, after = bool(old) and _selected(watched, old or {}), _selected(watched, new)
            if event == "DELETED" or (before and not after):
                if before:
                    follower(watched, "DELETED", new)
            elif after:
                follower(watched, event if before or event == "ADDED" else "ADDED", new)


class FakeWatch:
    """The controller's ``Watch`` on a ``FakeKube``, which can be broken, held back and made to list again.

    Attributes:
        starts: how often it was started.
        up: cleared: it does not get beyond its start.
        filter: called with (change, body): False keeps an event from the controller.
    """

    def __init__(self, kube: FakeKube, resources: Iterable[KubeType]) -> None:
        self._kube = kube
        self._resources = tuple(resources)
        self._inbox: queue.Queue[Any] = queue.Queue()
        self.starts = 0
        self.up = threading.Event()
        self.up.set()
        self.filter: Callable[[str | None, dict[str, Any]], bool] | None = None

    def break_it(self) -> None:
        """A watch error, as kopf ends with it; what happens until the next start is not heard."""
        self._inbox.put(_BREAK)

    def list_again(self) -> None:
        """As after 410 Gone: everything is listed again, and nothing is said of what has gone."""
        self._inbox.put(None)

    def run(self, sink: Sink, stop: threading.Event) -> None:
        self.starts += 1
        while not self.up.wait(0.01):
            if stop.is_set():
                return
        sink.started()
        while not stop.is_set():
            if self._watch(sink, stop):
                raise RuntimeError("the watch broke")

    def _watch(self, sink: Sink, stop: threading.Event) -> bool:
        """Until the end (True: it broke), or until all is to be listed again."""
        streams = []
        try:
            for resource in self._resources:
                found, events = self._kube.subscribe(resource)
                streams.append((resource, events))
                for body in found:
                    self._pass(sink, resource, None, body)
            while not stop.is_set():
                for resource, events in streams:
                    while not events.empty():
                        change, body = events.get()
                        self._pass(sink, resource, change, body)
                try:
                    order = self._inbox.get(timeout=0.002)
                except queue.Empty:
                    continue
                return order is _BREAK
            return False
        finally:
            for _, events in streams:
                self._kube.unsubscribe(events)

    def _pass(self, sink: Sink, resource: KubeType, change: str | None, body: dict[str, Any]) -> None:
        if self.filter is None or self.filter(change, body):
            sink.event(resource.kind, change, body)


def failing(error: KubeError, verb: str, what: str, times: int = 1) -> Callable[[str, str, str], None]:
    """For ``FakeKube.before``: the first so many calls of that kind fail."""
    left = [times]

    def before(called: str, on: str, name: str) -> None:
        if (called, on) == (verb, what) and left[0] > 0:
            left[0] -= 1
            raise error

    return before


def _selected(resource: KubeType, body: Mapping[str, Any]) -> bool:
    if not resource.label_selector:
        return True
    name, _, value = resource.label_selector.partition("=")
    said = (body["metadata"].get("labels") or {}).get(name.removesuffix("!"))
    return (said != value) if name.endswith("!") else (said == value)
