"""The cache against the API server's own LIST: fills it at the start, and finds what went unnoticed later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.controller.kube.kube_api import Kube, KubeType

_log = logging.getLogger(__name__)


class Relist:
    """Lists kinds into the cache; blocks: to be called in a thread.

    Args:
        kube: the API server.
        resources: by kind.
        namespaces: to list; none means all. Kinds that are in no namespace are listed whole.
        cache: where they go.
        refresh: asks the API server for one object; raises ``KubeError``.
        changed: told of what was new, in the calling thread.
    """

    def __init__(
        self,
        kube: Kube,
        resources: Mapping[str, KubeType],
        namespaces: tuple[str, ...],
        *,
        cache: ObjectCache,
        refresh: Callable[[KubeObject], None],
        changed: Callable[[Change, bool], None],
    ) -> None:
        self._kube = kube
        self._resources = resources
        self._namespaces = namespaces
        self._cache = cache
        self._refresh = refresh
        self._changed = changed

    def list(self, kind: str) -> int:
        """List a kind: what is new comes in, and what is no more (marked before, not listed, and a GET says 404) goes.

        Returns:
            How many objects went.

        Raises:
            KubeError: the API server could not be asked; nothing was dropped that is not known to be gone.
        """
        resource_type = self._resources[kind]
        gone = 0
        for namespace in resource_type.within(self._namespaces):
            mark = self._cache.mark(kind, namespace)
            listed: list[Key] = []
            for page in self._kube.list(resource_type, namespace):
                for body in page:
                    found = wrap(resource_type, body)
                    listed.append(found.key)
                    change = self._cache.upsert(found)
                    if change:
                        self._changed(change, False)
            for each in self._cache.missing(mark, listed):
                if resource_type.label_selector:
                    # It may still be there, without the label: then it is not for us to ask for.
                    dropped = self._cache.delete(each.key, each.uid, each)
                    if dropped:
                        self._changed(dropped, False)
                else:
                    self._refresh(each)
                if self._cache.get(each.key) is None:
                    gone += 1
        if gone:
            _log.info("%s: %d objects had been deleted unnoticed", kind, gone)
        return gone
