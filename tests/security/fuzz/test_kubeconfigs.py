"""Whatever the operator's own ``--kubeconfig`` is: an error that says so, without the token, and no traceback."""

from __future__ import annotations

import json
import time

import pytest

from infomaniak_operator.controller.kube.kube_api import SECRETS, KubeError
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from infomaniak_operator.controller.leader.lease_api import HttpLease
from tests.support.fuzz_kubeconfigs import TOKEN, URLS, good, kubeconfig

pytestmark = pytest.mark.filterwarnings("ignore")


def _refused(path) -> None:
    kube = HttpKube(loader(path), time.monotonic, timeout_seconds=2.0)
    for call in (lambda: kube.get(SECRETS, "a", "b"), lambda: HttpLease(path, "n", "l", "agent").get()):
        with pytest.raises(KubeError) as caught:
            call()
        assert TOKEN not in str(caught.value)
        assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("url", URLS, ids=ascii)
def test_an_odd_address_is_an_error_that_is_expected(tmp_path, url):
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(good(url)))
    _refused(path)


@pytest.mark.parametrize("block", range(3))
def test_any_kubeconfig_is_an_error_that_is_expected(tmp_path, block):
    path = tmp_path / "kubeconfig"
    for seed in range(block * 15, block * 15 + 15):
        path.write_bytes(kubeconfig(seed))
        try:
            _refused(path)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r} of {path.read_bytes()[:500]!r}") from error


USERS = {
    "exec without a version": {"exec": {"command": "x"}},
    "exec without a command": {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": None}},
    "exec that is a list": {"exec": ["x"]},
    "auth-provider that is a text": {"auth-provider": "oidc"},
    "auth-provider without a config": {"auth-provider": {"name": "gcp"}},
    "token that is a list": {"token": ["x"]},
}


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_a_user_that_cannot_be_used_is_an_error_that_is_expected(tmp_path, user):
    path = tmp_path / "kubeconfig"
    config = good("http://127.0.0.1:1")
    config["users"][0]["user"] = user
    path.write_text(json.dumps(config))
    _refused(path)
