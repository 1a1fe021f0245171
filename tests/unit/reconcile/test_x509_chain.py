"""A certificate with its chain and key, read and judged: each message says what is wrong, and nothing of the key."""

import base64
import datetime as dt
import random

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from infomaniak_operator.reconcile.octavia.certificate_secret import CertificateContent, keep_certificate
from infomaniak_operator.reconcile.octavia.x509_chain import Certificate, InvalidCertificateError, read
from tests.support.chains import data_of, encoded, link

ROOT = link("Root")
MIDDLE = link("Middle", ROOT)
WEB = link("web", MIDDLE)
OTHER = link("other", MIDDLE)
NOW = dt.datetime(2027, 1, 1, tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    "data",
    [
        data_of(link("alone")),
        data_of(link("of a private authority", ROOT)),
        data_of(WEB, MIDDLE),
        data_of(WEB, MIDDLE, ROOT),
        data_of(WEB, MIDDLE, ca_crt=ROOT.cert),
        data_of(WEB, ca_crt=MIDDLE.cert),
        data_of(link("public", MIDDLE, public=True), MIDDLE),
        data_of(link("rsa", key=rsa.generate_private_key(65537, 2048))),
        data_of(link("p384", key=ec.generate_private_key(ec.SECP384R1()))),
    ],
    ids=lambda data: str(len(data)),
)
def test_what_a_server_can_show(data):
    found = read(data)
    assert (found.problem_at(NOW), len(found.fingerprint)) == (None, 64)
    assert found == read(data)


def test_the_bundle_holds_key_and_chain_and_its_name_follows_from_the_content():
    found = read(data_of(WEB, MIDDLE))
    bundle = pkcs12.load_pkcs12(found.bundle(), None)
    assert bundle.cert.certificate == WEB.certificate
    assert [each.certificate for each in bundle.additional_certs] == [MIDDLE.certificate]
    assert bundle.key.private_numbers() == WEB.private.private_numbers()
    assert found.fingerprint != read(data_of(WEB, MIDDLE, ROOT)).fingerprint
    assert found.fingerprint != read(data_of(link("web", MIDDLE), MIDDLE)).fingerprint


PASSPHRASE = "opensesame-too"
LOCKED = WEB.private.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.BestAvailableEncryption(PASSPHRASE.encode()),
)
SHORT = rsa.generate_private_key(65537, 1024)
DSA = dsa.generate_private_key(1024)
DSA_KEY = DSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
FAULTS = {
    "no certificate": ({"tls.key": "eA=="}, "it has no tls.crt: it must be a Secret of type kubernetes.io/tls"),
    "no key": ({"tls.crt": data_of(WEB)["tls.crt"]}, "it has no tls.key"),
    "no base64": ({"tls.crt": "%%%", "tls.key": "eA=="}, "tls.crt is not base64"),
    "no PEM": (encoded(tls_crt="hello", tls_key=WEB.key), "tls.crt holds no certificates in PEM"),
    "a key for a certificate": (encoded(tls_crt=WEB.key, tls_key=WEB.key), "tls.crt holds no certificates in PEM"),
    "too large": (encoded(tls_crt="x" * 70000, tls_key=WEB.key), "tls.crt is larger than 65536 bytes"),
    "too long": (data_of(*[link(str(n)) for n in range(11)]), "holds 11 certificates"),
    "no key in PEM": (data_of(WEB, MIDDLE, key="hello"), "tls.key holds no private key in PEM"),
    "a certificate for a key": (data_of(WEB, MIDDLE, key=WEB.cert), "tls.key holds no private key in PEM"),
    "a passphrase": (encoded(tls_crt=WEB.cert, tls_key=LOCKED), "tls.key has a passphrase"),
    "a short key": (data_of(link("short", key=SHORT)), "an RSA key of 1024 bits: take one of 2048 to 8192"),
    "an odd key": (data_of(WEB, key=DSA_KEY), "tls.key is of a sort that TLS does not use"),
    "another's key": (data_of(WEB, MIDDLE, key=OTHER.key), "tls.key does not fit tls.crt"),
    "wrong order": (data_of(MIDDLE, WEB, key=WEB.key), "wrong order: the certificate that tls.key belongs to (CN=web)"),
    "root before middle": (data_of(WEB, ROOT, MIDDLE), "wrong order: behind CN=web must come what has issued it"),
    "root in the middle": (data_of(WEB, MIDDLE, ROOT, link("x")), "wrong order: behind CN=Root"),
    "twice": (data_of(WEB, MIDDLE, MIDDLE), "holds the same certificate twice"),
    "a gap": (data_of(WEB, ROOT), "lacks the intermediate certificate that has issued CN=web (CN=Middle)"),
    "no intermediate": (
        data_of(link("public", MIDDLE, public=True)),
        "lacks the intermediate certificate that has issued CN=public (CN=Middle)",
    ),
    "not of the authority beside it": (
        data_of(WEB, ca_crt=ROOT.cert),
        "lacks the intermediate certificate that has issued CN=web (CN=Middle): put it behind that one, or take ca.crt",
    ),
    "an authority that is none": (data_of(WEB, MIDDLE, ca_crt="hello"), "ca.crt holds no certificates"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_wrong_is_said(case):
    data, words = FAULTS[case]
    with pytest.raises(InvalidCertificateError) as refused:
        read(data)
    assert words in str(refused.value)
    assert refused.value.__cause__ is None
    body = "".join(WEB.key.splitlines()[1:-1])
    assert not any(part in str(refused.value) for part in (body[:16], body[16:32], PASSPHRASE))


def test_a_time_that_is_over_or_has_not_come():
    def at(year):
        return dt.datetime(year, 6, 1, tzinfo=dt.UTC)

    gone = read(data_of(link("web", ROOT, ends=at(2026))))
    assert "tls.crt: CN=web has expired (2026-06-01 00:00 UTC)" in gone.problem_at(NOW)
    chain = link("Middle", ROOT, ends=at(2026))
    assert "CN=Middle has expired" in read(data_of(link("web", chain), chain)).problem_at(NOW)
    to_come = read(data_of(link("web", ROOT, began=at(2028))))
    assert "is not valid before 2028-06-01" in to_come.problem_at(NOW)
    assert to_come.problem_at(at(2029).timestamp()) is None


def test_a_private_part_that_is_not_of_its_public_part():
    real, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    stolen, mine = other.private_numbers(), real.private_numbers()
    for p, q in ((mine.p, mine.q), (mine.q, mine.p)):
        forged = rsa.RSAPrivateNumbers(
            p, q, stolen.d, stolen.dmp1, stolen.dmq1, stolen.iqmp, mine.public_numbers
        ).private_key(unsafe_skip_rsa_key_validation=True)
        with pytest.raises(InvalidCertificateError, match=r"tls\.key (does not fit|holds no private key)"):
            read(data_of(link("web", key=real), key=_traditional(forged)))


def _traditional(key):
    how = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return key.private_bytes(*how).decode()


def test_nothing_of_it_is_shown():
    data = data_of(WEB, MIDDLE)
    kept = keep_certificate({"metadata": {"labels": {"a": "b"}}, "data": {**data, "more": "c2VjcmV0"}})
    found = kept["data"].content("tls.crt")
    assert isinstance(found, Certificate)
    text = f"{kept!r} {kept['data']!r} {found!r} {vars(kept['data']).keys()}"
    assert not any(value[:20] in text for value in data.values())
    assert sorted(kept["data"]) == ["tls.crt", "tls.key"]


def test_a_large_part_is_not_held():
    content = CertificateContent({**data_of(WEB), "tls.key": "A" * 1_000_000})
    assert "tls.key is larger than" in content.content("tls.crt")
    assert sum(map(len, content.values())) < 200_000


SOURCES = [WEB.cert, MIDDLE.cert, ROOT.cert, WEB.key, LOCKED.decode(), DSA_KEY, "", "\0", "-----BEGIN CERTIFICATE-----"]
SOURCES += [link("\N{SNOWMAN}").cert, link("authority", key=rsa.generate_private_key(65537, 2048)).cert]


def _damaged(dice, text):
    raw = bytearray(text.encode())
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(raw) + 1)
        after = dice.choice([b"", raw[: dice.randrange(60)], dice.randbytes(dice.randrange(10))])
        raw[at : at + dice.choice([0, 1, dice.randrange(40)])] = after
    return bytes(raw)


def _damaged_within(dice, text):
    first, *lines, last = text.strip().splitlines()
    raw = bytearray(base64.b64decode("".join(lines)))
    for _ in range(dice.randrange(1, 4)):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    return f"{first}\n{base64.b64encode(raw).decode()}\n{last}"


def _hostile(dice):
    parts = [b"".join(_damaged(dice, dice.choice(SOURCES)) for _ in range(dice.randrange(3))) for _ in range(3)]
    if dice.random() < 0.5:
        parts[0] = _damaged_within(dice, dice.choice([WEB.cert, MIDDLE.cert])).encode()
        parts[1] = dice.choice([WEB.key, _damaged_within(dice, WEB.key)]).encode()
    data = encoded(tls_crt=parts[0], tls_key=parts[1], ca_crt=parts[2])
    if dice.random() < 0.1:
        data["tls.crt"] = "".join(dice.choice("A=%\n\u00e9") for _ in range(30))
    return data


@pytest.mark.parametrize("seed", range(10))
def test_hostile_bytes_are_read_or_refused_by_the_one_error(seed):
    """Bytes turned over, cut, doubled and put together anew: in PEM, in base64, and in what is in it."""
    dice = random.Random(seed)
    for _ in range(100):
        data = _hostile(dice)
        try:
            said = "read" if read(data).bundle() else ""
        except InvalidCertificateError as error:
            said = str(error)
        assert said.isprintable()
        assert 0 < len(said) < 500
