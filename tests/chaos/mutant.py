"""An operator in which one of the faults C1 to C9 is open again: ``python -m tests.chaos.mutant run …``.

``CHAOS_MUTANT`` says which, by the name of a function of ``tests/support/crashes/mutants.py``. The operator is imported in its own
process alone: nothing that judges it shares its code.
"""

from __future__ import annotations

import os

MODULE, VARIABLE = "tests.chaos.mutant", "CHAOS_MUTANT"


def names() -> list[str]:
    """All that there are."""
    from tests.support.crashes import mutants  # noqa: PLC0415 - see above

    return [mutant.__name__ for mutant in mutants.FOUND_BY]


def main() -> None:
    """Open the fault, and run."""
    import pytest  # noqa: PLC0415 - see above

    from infomaniak_operator.cli import main as cli  # noqa: PLC0415 - see above
    from tests.support.crashes import mutants  # noqa: PLC0415 - see above

    getattr(mutants, os.environ[VARIABLE])(pytest.MonkeyPatch())
    cli.main()


if __name__ == "__main__":
    main()
