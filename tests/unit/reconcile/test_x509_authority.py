"""Authorities and what they have revoked, read and judged: each message says what is wrong and what to do."""

import base64
import contextlib
import datetime as dt
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from infomaniak_operator.reconcile.octavia.x509_authority import read_authorities, read_revoked
from infomaniak_operator.reconcile.octavia.x509_chain import InvalidCertificateError, read
from tests.support.chains import authority, data_of, encoded, link, revoking

NOW = dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp()
PAST, LATER = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2026, 2030))
OURS, THEIRS = authority("ours"), authority("theirs")
OLD = authority("old", ends=PAST)
NEXT = authority("next", began=LATER)
SHORT, DSA = rsa.generate_private_key(65537, 1024), dsa.generate_private_key(2048)


def ca(*found):
    return encoded(ca_crt="".join(each.cert for each in found))


def test_an_authority_is_kept_as_it_is_and_nothing_else_of_its_secret():
    found = read_authorities(encoded(ca_crt="text before\n" + OURS.cert + OURS.key))
    assert found.bundle().decode() == OURS.cert
    assert (found.problem_at(NOW), len(found.fingerprint)) == (None, 64)
    assert OURS.key not in repr(found)


def test_several_are_kept_in_their_order_and_each_once():
    found = read_authorities(ca(OURS, THEIRS, OURS))
    assert found.bundle().decode() == OURS.cert + THEIRS.cert
    assert found.fingerprint != read_authorities(ca(THEIRS, OURS)).fingerprint


def test_what_a_server_shows_has_another_fingerprint_than_the_same_certificate_as_an_authority():
    alone = authority("alone")
    both = data_of(alone, ca_crt=alone.cert)
    assert read(both).fingerprint != read_authorities(both).fingerprint


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "it has no ca.crt: store the certificate of the authority there, as cert-manager does"),
        ({"tls.crt": "eA=="}, "it has no ca.crt"),
        (encoded(ca_crt="hello"), "ca.crt holds no certificates in PEM"),
        (encoded(ca_crt=OURS.key), "ca.crt holds no certificates in PEM"),
        ({"ca.crt": "&"}, "ca.crt is not base64"),
        (encoded(ca_crt=b"x" * 70_000), "ca.crt is larger than 65536 bytes"),
        (ca(link("web", OURS)), "ca.crt: CN=web is no certificate of an authority"),
        (ca(OURS, link("web", OURS)), "ca.crt: CN=web is no certificate of an authority"),
        (ca(authority("signs nothing", signs=False)), "ca.crt: CN=signs nothing is no certificate of an authority"),
        (ca(authority("short", key=SHORT)), "ca.crt: CN=short has an RSA key of 1024 bits: take one of 2048 to 8192"),
        (ca(authority("slow", key=DSA)), "ca.crt: CN=slow has a key of a sort that TLS does not use"),
    ],
)
def test_what_is_no_authority_is_refused(data, words):
    with pytest.raises(InvalidCertificateError, match=words.replace("(", r"\(")):
        read_authorities(data)


def test_one_that_has_expired_is_told_unless_another_beside_it_has_not():
    assert "CN=old has expired (2026-01-01 00:00 UTC): renew it" in str(read_authorities(ca(OLD)).problem_at(NOW))
    assert read_authorities(ca(OLD, OURS)).problem_at(NOW) is None
    assert "is not valid before 2030-01-01" in str(read_authorities(ca(NEXT)).problem_at(NOW))
    assert read_authorities(ca(NEXT, OURS)).problem_at(NOW) is None


def test_a_list_is_kept_as_it_is_and_belongs_to_its_authority():
    gone = link("gone", OURS)
    text = revoking(OURS, gone)
    found = read_revoked(encoded(ca_crl="# ours\n" + text))
    assert (found.bundle().decode(), found.problem_at(NOW)) == (text, None)
    assert read_authorities(ca(OURS)).signed(found)
    assert not read_authorities(ca(THEIRS)).signed(found)
    assert not read_authorities(ca(THEIRS, OURS)).signed(found), "Octavia looks at the first alone"
    assert read_authorities(ca(OURS)).signed(read_revoked(encoded(ca_crl=text + revoking(THEIRS))))
    assert found.fingerprint != read_revoked(encoded(ca_crl=revoking(OURS))).fingerprint


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "it has no ca.crl"),
        (encoded(ca_crl="hello"), "ca.crl holds no list in PEM"),
        (encoded(ca_crl=OURS.cert), "ca.crl holds no list in PEM"),
        (
            encoded(ca_crl=revoking(OURS) + "-----BEGIN X509 CRL-----\nAAAA\n"),
            "ca.crl holds a list that cannot be read",
        ),
        (encoded(ca_crl=revoking(OURS) * 11), "ca.crl holds 11 lists: leave 10 at most"),
    ],
)
def test_what_is_no_list_is_refused(data, words):
    with pytest.raises(InvalidCertificateError, match=words):
        read_revoked(data)


def test_a_list_that_has_expired_or_is_to_come_is_told():
    assert "ca.crl has expired (2026-01-01 00:00 UTC)" in str(
        read_revoked(encoded(ca_crl=revoking(OURS, ends=PAST))).problem_at(NOW)
    )
    later = revoking(OURS, began=LATER)
    assert "ca.crl is not valid before 2030-01-01" in str(read_revoked(encoded(ca_crl=later)).problem_at(NOW))


OLD_ROOT = """\
-----BEGIN CERTIFICATE-----
MIIBIDCBxwIUKOpTFNBb4i8y8XhKq0P1QG/Q7cEwCgYIKoZIzj0EAwIwEjEQMA4G
A1UEAwwHdjEgcm9vdDAgFw0yNjExMjgwNTQ1NDNaGA8yMDk4MDIwMzA1NDU0M1ow
EjEQMA4GA1UEAwwHdjEgcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABG9F
zjF3L2wMTDl/7GOoq29Fc1puCCOI50ah+W+OfP8C9Q4etXjIBMrirYANcPWhWNkt
Ac5hkeNBA04ROSPkuW8wCgYIKoZIzj0EAwIDSAAwRQIhAP7L2Rdi0PyXStp9EhiD
hdGN6z6HDFvbgDcvBPEm5OYCAiBZycTyFmM+1oQko7kaIrJkDSUcnHN3FWDVxGZ8
PQyikQ==
-----END CERTIFICATE-----
"""
"""Of version 1, as ``openssl x509 -req -signkey`` makes it: it knows no extensions."""


def test_a_root_of_version_1_is_an_authority_and_who_says_nothing_of_it_in_version_3_is_none():
    assert read_authorities(encoded(ca_crt=OLD_ROOT)).bundle().decode() == OLD_ROOT
    with pytest.raises(InvalidCertificateError, match="is no certificate of an authority"):
        read_authorities(ca(link("version 3")))


@pytest.mark.parametrize("seed", range(6))
def test_hostile_bytes_are_read_or_refused_by_the_one_error(seed):
    chance = random.Random(seed)
    good = {"ca.crt": (OURS.cert + THEIRS.cert).encode(), "ca.crl": revoking(OURS).encode()}
    for _ in range(60):
        data = {}
        for name, text in good.items():
            damaged = bytearray(text)
            for _ in range(chance.randrange(4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            data[name] = base64.b64encode(bytes(damaged)).decode()
        for act in (read_authorities, read_revoked):
            with contextlib.suppress(InvalidCertificateError):
                found = act(data)
                assert found.bundle()
                found.problem_at(NOW)


def test_the_payload_is_what_octavia_reads():
    found = read_authorities(ca(OURS))
    assert x509.load_pem_x509_certificate(found.bundle()) == OURS.certificate
    revoked = x509.load_pem_x509_crl(read_revoked(encoded(ca_crl=revoking(OURS))).bundle())
    assert revoked.is_signature_valid(OURS.certificate.public_key())
    assert isinstance(revoked.signature_hash_algorithm, hashes.SHA256)
    assert revoked.public_bytes(serialization.Encoding.PEM)
