"""Reading Python source in a test process, where other threads and finalizers run."""

import ast
import gc
from pathlib import Path


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a module.

    Until Python 3.11.7, ``ast.parse`` counts its depth in one place for all threads. A garbage collection in its middle
    can run a finalizer that parses as well (a traceback's carets are found so), and the outer call then ends with
    SystemError. Without a collection nothing comes in between.
    """
    text = path.read_text()
    was_on = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if was_on:
            gc.enable()
