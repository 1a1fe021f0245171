"""The Lease in a real API server, by the official client."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infomaniak_operator.controller.kube.kube_api import Conflict, NotFound, Unavailable
from infomaniak_operator.controller.leader.lease import Lease, LeaseRecord
from infomaniak_operator.controller.leader.lease_api import HttpLease
from sandbox import Environment
from tests.support.box import kubectl


def at(env: Environment, namespace: str) -> HttpLease:
    return HttpLease(env.kubeconfig, namespace, "ours", "test")


def test_made_read_and_written_over(env: Environment, namespace: str) -> None:
    api = at(env, namespace)
    with pytest.raises(NotFound):
        api.get()
    with pytest.raises(Conflict):  # by the uid of the one that is no more
        api.replace(LeaseRecord("one", 15, 0.0, 0.0, source=_sourced(env, namespace)))
    made = api.create(LeaseRecord("one", 15, 1_800_000_000.25, 1_800_000_001.5))
    assert api.get() == made == LeaseRecord("one", 15, 1_800_000_000.25, 1_800_000_001.5, 0)
    with pytest.raises(Conflict):
        api.create(made)
    kubectl(env, "label", "lease", "ours", "-n", namespace, "app=mine")
    with pytest.raises(Conflict):
        api.replace(replace(made, holder="two"))
    written = api.replace(replace(api.get(), holder="two", transitions=1))
    assert (written.holder, written.transitions) == ("two", 1)
    told = kubectl(env, "get", "lease", "ours", "-n", namespace, "-o", "jsonpath={.metadata.labels.app}")
    assert told == "mine"


def _sourced(env: Environment, namespace: str) -> object:
    """The source of a Lease that is no more."""
    other = HttpLease(env.kubeconfig, namespace, "former", "test")
    source = other.create(LeaseRecord("one", 15, 1.5, 1.5)).source
    kubectl(env, "delete", "lease", "former", "-n", namespace)
    source.metadata.name = "ours"
    return source


def test_a_time_without_a_fraction_is_taken(env: Environment, namespace: str) -> None:
    at(env, namespace).create(LeaseRecord("one", 15, 1_800_000_000.0, 1_800_000_001.0))
    assert at(env, namespace).get().renewed == pytest.approx(1_800_000_001.0)


def test_one_has_it_gives_it_back_and_the_next_takes_it(env: Environment, namespace: str) -> None:
    one, two = (Lease(at(env, namespace), name, time.time) for name in ("one", "two"))
    assert one.step()
    assert one.step()
    assert not two.step()
    one.halt()
    one.give_back()
    assert two.step()
    assert (one.valid(), two.valid(), two.holder) == (False, True, "two")


def test_where_nobody_answers_it_says_so_at_once(env: Environment, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    config = yaml.safe_load(env.kubeconfig.read_text())
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:1"
    path.write_text(yaml.safe_dump(config))
    began = time.monotonic()
    with pytest.raises(Unavailable) as refused:
        HttpLease(path, "default", "ours", "test").get()
    assert time.monotonic() - began < 2.0
    assert " at 0x" not in str(refused.value)
    with pytest.raises(Unavailable, match="kubeconfig"):
        HttpLease(tmp_path / "none", "default", "ours", "test").get()
