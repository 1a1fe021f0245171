from typing import Any

import pytest

from infomaniak_operator.controller.manager_settings import ManagerSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"resync_seconds": 59.0},
        {"resync_jitter": 1.0},
        {"backoff_jitter": -0.1},
        {"backoff_base": 0.0},
        {"backoff_base": 10.0, "backoff_max": 5.0},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ManagerSettings(**wrong)


def test_the_defaults_are_accepted() -> None:
    assert ManagerSettings().resync_seconds == 600
