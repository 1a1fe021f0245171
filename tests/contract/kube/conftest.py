"""The API server in memory and the real one, by turns."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infomaniak_operator.controller.cache.watcher import Watch
from infomaniak_operator.controller.kube.kube_api import Kube
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from infomaniak_operator.handlers import KopfWatch
from sandbox import Environment
from tests.support.box import kubectl
from tests.support.fake_kube import FakeKube, FakeWatch
from tests.support.kube_hands import Hands
from tests.support.toy import RESOURCES
from tests.support.toy_crd import install

PAGE = 2


@dataclass(frozen=True)
class Server:
    """one of the two: the controller's side, the user's hands, and a watch."""

    kube: Kube
    hands: Any
    watch: Watch
    namespace: str


@pytest.fixture(scope="module")
def hands(env: Environment) -> Iterator[Hands]:
    """A namespace for all tests of a module: to delete one takes longer than all of them."""
    install(env)
    namespace = f"kube-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", namespace)
    yield Hands(env.kubeconfig, namespace)
    kubectl(env, "delete", "namespace", namespace, "--wait=false")


@pytest.fixture(params=["fake", "real"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "fake":
        fake = FakeKube(page=PAGE)
        yield Server(fake, fake, FakeWatch(fake, RESOURCES.values()), "default")
        return
    env: Environment = request.getfixturevalue("env")
    hands: Hands = request.getfixturevalue("hands")
    load = loader(env.kubeconfig)
    kube = HttpKube(load, time.monotonic, page=PAGE)
    yield Server(kube, hands, KopfWatch(RESOURCES.values(), load, [hands.namespace]), hands.namespace)
    for resource in RESOURCES.values():
        hands.clear(resource)
    kube.close()
