"""The messages of a cluster's DNS, as far as Pods of the sandbox need it: which address a Service has.

Addresses (A) of ``SERVICE.NAMESPACE.svc.cluster.local``, with and without the domain, are all that it knows. Nothing is
asked of other servers: what is not a Service does not exist, for Pods reach nothing outside of the machine anyway.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.cluster_addresses import RANGE

DOMAIN = "cluster.local"
PORT = 53
_HEADER = struct.Struct("!6H")
_A, _IN = 1, 1
_RESPONSE, _AUTHORITATIVE, _RECURSION_DESIRED, _OPCODE = 0x8000, 0x0400, 0x0100, 0x7800
_NOERROR, _FORMERR, _NXDOMAIN, _NOTIMP = 0, 1, 3, 4
_LABEL_MOST = 63
_TTL_SECONDS = 5
_QUESTION_NAME = 0xC000 | _HEADER.size
"""A pointer to the name of the question, which is said once."""


def names(services: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The addresses of the Services that have an IPv4 address of their own, by ``SERVICE.NAMESPACE``."""
    found = {}
    for service in services:
        address = str(service["spec"].get("clusterIP") or "None")
        if address != "None" and ipaddress.ip_address(address) in RANGE:
            found[f"{service['metadata']['name']}.{service['metadata']['namespace']}"] = address
    return found


def answer(query: bytes, names: Mapping[str, str]) -> bytes | None:
    """What is said to a query; None: nothing, as it is none.

    A Service that has no record of the wanted type (AAAA, say) is an answer without records, and not "no such name":
    resolvers would take the latter for all types.

    Args:
        query: as it came, from anybody.
        names: the addresses, by ``SERVICE.NAMESPACE``.
    """
    if len(query) < _HEADER.size:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & _RESPONSE:  # two servers would talk for ever
        return None
    code, asked, record = _FORMERR, b"", b""
    if flags & _OPCODE:
        code = _NOTIMP
    elif questions == 1 and (found := _question(query)):
        name, kind, end = found
        asked = query[_HEADER.size : end]  # as it was asked, small and capital letters, too
        address = names.get(_service(name))
        code = _NOERROR if address else _NXDOMAIN
        record = _record(address) if address and kind == (_A, _IN) else b""
    said = _RESPONSE | _AUTHORITATIVE | (flags & (_OPCODE | _RECURSION_DESIRED)) | code
    return _HEADER.pack(number, said, bool(asked), bool(record), 0, 0) + asked + record


def _record(address: str) -> bytes:
    packed = ipaddress.IPv4Address(address).packed
    return struct.pack("!3HIH", _QUESTION_NAME, _A, _IN, _TTL_SECONDS, len(packed)) + packed


def _question(query: bytes) -> tuple[str, tuple[int, int], int] | None:
    """The first question's name, its type and class, and where it ends; None: it is not as it should be."""
    labels, at = [], _HEADER.size
    while at < len(query) and (length := query[at]):
        if length > _LABEL_MOST:  # a pointer, and there is nothing before that it could point to
            return None
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
        at += 1 + length
    end = at + 5  # of the empty label, type and class
    if end > len(query):  # or a label is longer than what is there
        return None
    kind, group = struct.unpack_from("!2H", query, at + 1)
    return ".".join(labels), (kind, group), end


def _service(name: str) -> str:
    """``SERVICE.NAMESPACE`` of a name; empty: it is none of a Service."""
    service, _, kind = name.removesuffix(f".{DOMAIN}").rpartition(".")
    return service if kind == "svc" else ""


def query(name: str, number: int = 0) -> bytes:
    """A question for the address of a name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return _HEADER.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + labels + struct.pack("!x2H", _A, _IN)
