"""All kinds, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from infomaniak_operator.api.kind import InvalidSpec, Kind
from infomaniak_operator.api.v1alpha1.network import NETWORK

KINDS: Mapping[str, Kind[Any]] = MappingProxyType({kind.kind: kind for kind in (NETWORK,)})
"""The definition of each kind: ``KINDS["InfomaniakNetwork"]``."""

__all__ = ["KINDS", "InvalidSpec", "Kind"]
