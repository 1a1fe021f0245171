"""Names that have changed: the former one works for one release more, and warns."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def renamed(former: str, method: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """A method under its former name.

    Args:
        former: that name.
        method: the method as it is called now.

    Returns:
        What warns (``DeprecationWarning``), and does what the method does.
    """

    @functools.wraps(method)
    def under_former_name(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        warn(former, method.__name__)
        return method(*args, **kwargs)

    under_former_name.__name__ = former
    under_former_name.__doc__ = f"The former name of ``{method.__name__}``, which goes with the next release."
    return under_former_name


def warn(former: str, name: str) -> None:
    """Warn who uses a former name: the caller of the caller of this."""
    message = f"{former} is called {name} now; the former name goes with the next release"
    warnings.warn(message, DeprecationWarning, stacklevel=3)
