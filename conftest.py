"""Loaded before all else of the tests: what tests share says in an assertion what differs, as tests themselves do."""

import pytest

pytest.register_assert_rewrite("tests.support")
