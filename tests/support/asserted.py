"""An assertion outside a test, for the test that such assertions say what differs."""


def differ(one: str, other: str) -> None:
    """Fail where they differ."""
    assert one == other
