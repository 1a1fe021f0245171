import subprocess
import sys

import pytest


@pytest.mark.parametrize("strangers", [("kopf", "kubernetes", "pykube", "aiohttp", "pydantic")])
def test_the_client_comes_without_kubernetes(strangers):
    code = f"import sys, infomaniak_operator.client; print([n for n in {strangers!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_operator_needs_none_of_openstacksdk():
    code = "import sys, infomaniak_operator.client; print('openstack.connection' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_all_that_is_exported_is_there():
    from infomaniak_operator import client  # noqa: PLC0415

    assert all(hasattr(client, name) for name in client.__all__)
