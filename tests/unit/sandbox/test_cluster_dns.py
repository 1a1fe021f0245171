"""The messages of the sandbox's cluster DNS, byte by byte, as resolvers send and read them."""

import random
import struct
from typing import Any

import pytest

from sandbox.cluster_dns import answer, names, query

NAMES = {"web.shop": "10.96.5.6", "kubernetes.default": "10.96.0.1"}
NOERROR, FORMERR, NXDOMAIN, NOTIMP = 0, 1, 3, 4


def asked(name: bytes, kind: int = 1, group: int = 1, flags: int = 0x0100, rest: bytes = b"") -> bytes:
    """A query whose name is given in bytes, with the lengths of its labels."""
    return struct.pack("!6H", 0xBEEF, flags, 1, 0, 0, bool(rest)) + name + struct.pack("!2H", kind, group) + rest


def said(packet: bytes | None) -> tuple[int, int, int]:
    """An answer's code, and how many questions and records it has."""
    assert packet is not None
    _, flags, questions, records, *_ = struct.unpack_from("!6H", packet)
    assert flags & 0x8000, "a response"
    return flags & 0xF, questions, records


WEB = b"\x03web\x04shop\x03svc\x07cluster\x05local\x00"


def test_a_service_has_an_address() -> None:
    packet = answer(asked(WEB), NAMES)
    header = struct.pack("!6H", 0xBEEF, 0x8500, 1, 1, 0, 0)  # a response, authoritative, recursion was desired
    record = b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 5, 4) + bytes([10, 96, 5, 6])
    assert packet == header + WEB + b"\x00\x01\x00\x01" + record


@pytest.mark.parametrize("name", ["web.shop.svc.cluster.local", "web.shop.svc", "WEB.Shop.SVC.cluster.LOCAL"])
def test_names_with_and_without_the_domain_in_any_letters(name: str) -> None:
    packet = answer(query(name), NAMES)
    assert said(packet) == (NOERROR, 1, 1)
    assert packet is not None
    assert packet.endswith(bytes([10, 96, 5, 6]))
    assert name.split(".", maxsplit=1)[0].encode() in packet, "the question is repeated as it was asked"


@pytest.mark.parametrize(
    "name",
    [
        "other.shop.svc.cluster.local",
        "web.shop",
        "web.shop.svc.cluster.local.shop.svc.cluster.local",  # as the search list makes it
        "web.shop.svc.example.com",
        "web.shop.pod.cluster.local",
        "pod.web.shop.svc.cluster.local",
        "svc",
        "shop.svc.cluster.local",
        "cluster.local",
        "example.com",
    ],
)
def test_everything_else_does_not_exist(name: str) -> None:
    assert said(answer(query(name), NAMES)) == (NXDOMAIN, 1, 0)


def test_the_root_does_not_exist() -> None:
    assert said(answer(asked(b"\x00"), NAMES)) == (NXDOMAIN, 1, 0)


@pytest.mark.parametrize(("kind", "group"), [(28, 1), (16, 1), (255, 1), (1, 3)])
def test_a_service_without_such_a_record_is_an_empty_answer(kind: int, group: int) -> None:
    assert said(answer(asked(WEB, kind, group), NAMES)) == (NOERROR, 1, 0)


def test_what_follows_the_question_is_no_part_of_the_answer() -> None:
    extension = b"\x00" + struct.pack("!2HIH", 41, 1232, 0, 0)
    assert answer(asked(WEB, rest=extension), NAMES) == answer(asked(WEB), NAMES)


def test_what_is_asked_of_a_name_is_answered_as_the_names_are_now() -> None:
    assert said(answer(asked(WEB), {})) == (NXDOMAIN, 1, 0)


@pytest.mark.parametrize("packet", [b"", b"\x00" * 11, asked(WEB, flags=0x8180)])
def test_what_is_no_query_is_not_answered(packet: bytes) -> None:
    assert answer(packet, NAMES) is None


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (asked(WEB, flags=0x2800), NOTIMP),  # an update
        (struct.pack("!6H", 1, 0, 0, 0, 0, 0), FORMERR),
        (struct.pack("!6H", 1, 0, 2, 0, 0, 0) + asked(WEB)[12:] * 2, FORMERR),
        (struct.pack("!6H", 1, 0, 1, 0, 0, 0), FORMERR),
        (asked(WEB)[:-1], FORMERR),
        (asked(WEB[:-1])[:-4], FORMERR),  # ends before the empty label
        (asked(b"\x20web"), FORMERR),  # a label longer than what is there
        (asked(b"\xc0\x0c"), FORMERR),  # a pointer to itself
        (asked(b"\x40" + b"a" * 64 + b"\x00"), FORMERR),
    ],
)
def test_what_is_malformed_is_said_to_be(packet: bytes, code: int) -> None:
    assert said(answer(packet, NAMES)) == (code, 0, 0)


def test_letters_that_are_none_do_no_harm() -> None:
    assert said(answer(asked(b"\x03\xff\x00\xfe\x04shop\x03svc\x00"), NAMES)) == (NXDOMAIN, 1, 0)


def test_no_packet_breaks_it() -> None:
    chance, whole = random.Random(1), asked(WEB)
    for _ in range(5000):
        packet = bytearray(whole[: chance.randrange(len(whole) + 1)])
        for _ in range(chance.randrange(4)):
            if packet:
                packet[chance.randrange(len(packet))] = chance.randrange(256)
        found = answer(bytes(packet), NAMES)
        assert found is None or found[:2] == packet[:2]


def service(address: str | None) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"clusterIP": address}}


def test_services_with_an_address_of_their_own_have_names() -> None:
    assert names([service("10.96.5.6")]) == {"web.shop": "10.96.5.6"}


@pytest.mark.parametrize("address", ["None", "", None, "fd00::6", "192.0.2.1"])
def test_services_without_an_address_of_the_range_have_none(address: str | None) -> None:
    assert names([service(address)]) == {}
