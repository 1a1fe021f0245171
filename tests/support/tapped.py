"""The client's ``Operations`` with a log of the calls, and a place where a test can fail, delay or kill at any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the cloud: ``verb`` in HTTP's words, the collection, and the arguments."""

    verb: str
    collection: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.verb} {self.collection}"

    @property
    def writing(self) -> bool:
        """Whether it changes something."""
        return self.verb not in ("LIST", "GET")


VERBS = {"list": "LIST", "get": "GET", "create": "POST", "create_many": "POST", "update": "PUT", "delete": "DELETE"}
VERBS |= {
    "network": "GET",
    "load_balancer": "GET",
    "replace": "PUT",
    "add_interface": "PUT",
    "remove_interface": "PUT",
    "associate": "PUT",
    "disassociate": "PUT",
    "create_tree": "POST",
    "status_tree": "GET",
    "statistics": "GET",
    "replace_all": "PUT",
    "set": "PATCH",
    "unset": "PATCH",
}

Watch = Callable[[Call], object]
"""What a test does at each call before it is made, or not."""
Around = Callable[[Call, Callable[[], Any]], Any]
"""What a test puts around a call: it gets the call and what carries it out."""


class Tapped:
    """The client's ``Operations`` with a log of the calls and a place to interfere with them."""

    def __init__(self, operations: Any) -> None:
        self._operations = operations
        self.log: list[Call] = []
        self.watch: Watch = lambda _: None
        self.around: Around = lambda _, act: act()

    def __getattr__(self, name: str) -> Any:
        return _Collection(self, name, getattr(self._operations, name))

    def read_only(self) -> Tapped:
        """The same log and the same place to interfere, on operations that only read."""
        face = Tapped(self._operations.read_only())
        face.log = self.log
        face.around = lambda call, act: self.around(call, act)
        return face

    def take(self) -> list[str]:
        """What was called since the last time, as ``POST networks``."""
        taken, self.log[:] = [str(call) for call in self.log], []
        return taken

    def writes(self) -> list[str]:
        """The changing calls since the last ``take``, which this is too."""
        taken = [str(call) for call in self.log if call.writing]
        self.log.clear()
        return taken


class _Collection:
    def __init__(self, tapped: Tapped, name: str, inner: Any) -> None:
        self._tapped = tapped
        self._name = name
        self._inner = inner

    def __getattr__(self, method: str) -> Any:
        act = getattr(self._inner, method)

        def call(*args: Any, **kwargs: Any) -> Any:
            made = Call(VERBS[method], self._name, args, kwargs)
            self._tapped.log.append(made)
            self._tapped.watch(made)
            return self._tapped.around(made, lambda: act(*args, **kwargs))

        return call
