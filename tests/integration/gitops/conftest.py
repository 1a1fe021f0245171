import pytest

from tests.support.gitops import GitOps


@pytest.fixture(scope="session")
def gitops() -> GitOps:
    """The program around the tools' libraries; its build takes minutes, once."""
    return GitOps()
