"""A stack of the plugin that counts its work."""

from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.plugin.stack import Stack


class CountedStack(Stack):
    """One that counts how often somebody looks from an object to what it refers to, or to what refers to it."""

    looks = 0

    def references(self, key: Key) -> tuple[Key, ...]:
        self.looks += 1
        return super().references(key)

    def dependents(self, key: Key) -> tuple[Key, ...]:
        self.looks += 1
        return super().dependents(key)
