import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, KubeObject
from infomaniak_operator.controller.kube.finalizer import finalizer_patch, release_patch


@pytest.mark.parametrize(
    ("held", "claimed", "released"),
    [
        ([], [FINALIZER], None),
        (["other/one"], ["other/one", FINALIZER], None),
        ([FINALIZER], None, []),
        (["other/one", FINALIZER, "other/two"], None, ["other/one", "other/two"]),
    ],
)
def test_others_stay_and_the_version_is_tested(
    held: list[str], claimed: list[str] | None, released: list[str] | None
) -> None:
    toy = KubeObject.of({"kind": "Toy", "metadata": {"name": "a", "resourceVersion": "7", "finalizers": held}})
    for patch, wanted in ((finalizer_patch(toy), claimed), (release_patch(toy), released)):
        assert patch == (None if wanted is None else {"metadata": {"resourceVersion": "7", "finalizers": wanted}})
