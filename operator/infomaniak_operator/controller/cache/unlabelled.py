"""Our finalizer on objects that are none of ours any more: their label was taken off, and no watch tells of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from infomaniak_operator.controller.interfaces import FINALIZER, KubeObject
from infomaniak_operator.controller.kube.finalizer import release_patch
from infomaniak_operator.controller.kube.kube_api import Kube, KubeError, KubeType, NotFound, Standby

_log = logging.getLogger(__name__)


class Unlabelled:
    """Takes our finalizer off what the selection of a kind leaves out. Blocks; for any thread.

    Args:
        kube: the API server.
        resources: by kind; only the guarded ones with a label selector concern this.
        namespaces: those that are watched; none means all.
    """

    def __init__(self, kube: Kube, resources: Mapping[str, KubeType], namespaces: tuple[str, ...]) -> None:
        self._kube = kube
        self._kinds = tuple(each for each in resources.values() if each.guarded and each.label_selector)
        self._namespaces = namespaces

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that this concerns."""
        return frozenset(each.kind for each in self._kinds)

    def sweep(self) -> bool:
        """Look for all of them, by their metadata alone, and let each go.

        Returns:
            Whether nothing is left to be tried again.

        Raises:
            KubeError: they could not be listed, or this process does not lead.
        """
        done = True
        for resource in self._kinds:
            for namespace in resource.within(self._namespaces):
                for page in self._kube.list(resource.unselected, namespace):
                    for body in page:
                        found = KubeObject.of(body, resource.kind)
                        if FINALIZER in found.finalizers:
                            done = self.let_go(found) and done
        return done

    def let_go(self, resource: KubeObject) -> bool:
        """Take our finalizer off one object, unless it has changed since; whether that is done with.

        Raises:
            Standby: this process does not lead.
        """
        patch = release_patch(resource)
        if patch is None:
            return True
        key = resource.key
        resource_type = next(each for each in self._kinds if each.kind == key.kind)
        try:
            self._kube.patch(resource_type, key.namespace, key.name, patch)
        except NotFound:
            return True
        except Standby:
            raise
        except KubeError as error:
            _log.warning("%s has no label of ours any more, and keeps our finalizer for now: %s", key, error)
            return False
        _log.info("%s has no label of ours any more: our finalizer is taken off", key)
        return True
