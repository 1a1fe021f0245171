"""One run of a fuzzer, from a seed or from objects that are given: what the tests, the seeds and ``make fuzz`` share."""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import yaml

from infomaniak_operator.client import CloudCredentials, InvalidCredentialsError
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, SecretContent, keep_secret
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.fuzz_answers import Malformed
from tests.support.fuzz_schema import faults, status_of
from tests.support.fuzz_statuses import Statuses
from tests.support.fuzz_values import ODDITIES, TEXTS, junk, mutated, nested, text
from tests.support.fuzz_world import CANARY, MOST_RECONCILES, Body, Fuzzed, as_served, base, finish
from tests.support.objects import secret

BATCH = 14
"""Objects that are together in a world."""

# ── specs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def batches(bodies: Iterable[Mapping[str, Any]]) -> list[list[Body]]:
    """Objects that the API server took, in worlds of some each, in which no name is twice."""
    found: list[list[Body]] = []
    current: dict[tuple[str, str], Body] = {}
    for body in bodies:
        key = (body["kind"], body["metadata"]["name"])
        if key in current or len(current) >= BATCH:
            found.append(list(current.values()))
            current = {}
        current[key] = as_served(body, len(current))
    return [*found, list(current.values())] if current else found


def handle(bodies: Sequence[Body]) -> Fuzzed:
    """Have the operator handle objects beside an office that is in order, be restarted, and clean up after all of them."""
    fuzzed = Fuzzed(base())
    fuzzed.check()
    fuzzed.apply(bodies)
    fuzzed.run()
    fuzzed.check()
    fuzzed.world.restart()
    fuzzed.run()
    fuzzed.check()
    finish(fuzzed)
    return fuzzed


# ── statuses ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def forged(seed: int) -> tuple[Fuzzed, dict[Any, Body]]:
    """An office that is in order, and statuses that say something else of some of its objects."""
    rng = random.Random(seed)
    fuzzed = Fuzzed(base())
    world = fuzzed.world
    own = [id_ for name, table in world.fake.tables.items() for id_ in table if id_ not in fuzzed.before.get(name, ())]
    strangers = fuzzed.strangers
    statuses = Statuses(rng, [*own, *strangers.watched], [*own, *strangers.forbidden])
    keys = rng.sample(fuzzed.all_keys(), rng.choice((1, 1, 2, 8)))
    found = {key: statuses.forged(key.kind, world.object(key).status) for key in keys}
    for key, status in found.items():
        assert not list(faults(status_of(key.kind), status)), "the generator made what no API server takes"
    return fuzzed, found


def believe(fuzzed: Fuzzed, statuses: Mapping[Any, Body], seed: int) -> None:
    """Write statuses as a hand would, and have the operator go on, be restarted, and delete all there is."""
    rng = random.Random(seed)
    if rng.random() < 0.4:
        fuzzed.world.restart()
    for key, status in statuses.items():
        fuzzed.world.poke(key, lambda body, status=status: body.update(status=copy.deepcopy(status)))
    if rng.random() < 0.3:
        fuzzed.world.restart()
    fuzzed.run()
    fuzzed.check()
    fuzzed.delete(fuzzed.all_keys())
    fuzzed.check()


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _without_texts(value: Any) -> Any:
    """A picture in which a description is its mark alone.

    A mark that is gone is put back behind the text that is there. What the cloud says of that text is all that can be
    known of it, and so a text that it made up is written.
    """
    if isinstance(value, Mapping):
        texts = {"description": [mark.text for mark in Mark.all_in(value.get("description"))]}
        return {name: texts.get(name, _without_texts(each)) for name, each in value.items()}
    return sorted(map(_without_texts, value), key=repr) if isinstance(value, list) else value


def mislead(mangle: Any, *, restart: bool = False) -> Fuzzed:
    """An office that is in order, on a cloud whose answers are spoilt for a while: nothing is made or deleted for that."""
    fuzzed = Fuzzed(answers=True)
    world = fuzzed.world
    fuzzed.apply(base())
    fuzzed.run()
    world.all_ready()
    ids = {name: set(table) for name, table in world.fake.tables.items()}
    picture = world.picture()
    assert fuzzed.answers is not None
    fuzzed.answers.mangle = mangle
    if restart:
        world.restart()
    world.forget_calls()
    for _ in range(2):
        world.clock.advance(600)
        world.resync()
        world.run(seconds=600, most=MOST_RECONCILES)
    made = [call for call in world.fake.changes() if call[0] in ("POST", "DELETE")]
    assert not made, f"{made} after {getattr(mangle, 'last', '')}"
    fuzzed.check()
    fuzzed.answers.mangle = lambda _method, _route, answer: answer
    fuzzed.run()
    world.all_ready()
    assert {name: set(table) for name, table in world.fake.tables.items()} == ids
    assert _without_texts(world.picture()) == _without_texts(picture)
    return fuzzed


def misled(seed: int) -> int:
    """``mislead`` by a seed; how many answers were spoilt."""
    rng = random.Random(seed)
    mangle = Malformed(rng, rng.choice((0.05, 0.3, 1.0)))
    mislead(mangle, restart=rng.random() < 0.3)
    return mangle.spoilt


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_CLOUDS: dict[str, Any] = {
    "clouds": {
        "infomaniak": {
            "auth_type": "v3applicationcredential",
            "auth": {
                "auth_url": "https://api.pub1.infomaniak.cloud/identity/v3",
                "application_credential_id": "a1b2c3",
                "application_credential_secret": CANARY,
            },
            "region_name": "dc3-a",
            "interface": "public",
            "identity_api_version": 3,
        }
    }
}
_FRAGMENTS = (
    "&a [*a]", "*a", "!!python/object/apply:os.system [id]", "!!int x", "!!binary |\n  x", "!<tag:yaml.org,2002:str> x", "? [a]\n: b",
    "2026-13-45", "2026-11-27T25:61:61Z", "0b12", "0o9", "1e400", ".inf", ".nan", "-.inf", "190:20:30", "1_000", "~", "<<: *a", "<<: {a: b}",
    "---\na: b\n---\nc: d", "...", "%YAML 9.9\n---\n", "|\n  text", ">-\n  text", "'", '"', '"\\ud800"', '"\\x00"', "\t", "@", "`", "[" * 2000,
    "{" * 2000, "- " * 2000, "a: " * 300, "{? " * 200, "#", "\u2028", "\ufeff", "\x85", "!", "&", "*", "? ", ": ", "- - - -", "key: [1, 2", "<<",
)  # fmt: skip


def _damaged(good: str, rng: random.Random) -> bytes:
    """A text with something odd in it somewhere, as bytes that may be no text."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(good) + 1)
        match rng.randrange(6):
            case 0:
                good = good[:place] + rng.choice(_FRAGMENTS) + good[place:]
            case 1:
                good = good[:place] + good[place + rng.randrange(20) :]
            case 2:
                good = good[:place] + text(rng) + good[place:]
            case 3:
                lines = good.splitlines(keepends=True) or [""]
                number = rng.randrange(len(lines))
                lines.insert(rng.randrange(len(lines) + 1), lines[number])
                good = "".join(lines)
            case 4:
                good = good.replace(
                    rng.choice(("infomaniak", "auth", ":", "\n", "v3", "https")), rng.choice((*_FRAGMENTS, *TEXTS)), 1
                )
            case _:
                good = good[:place] + good[place : place + 1] * rng.choice((2, 100, 5000)) + good[place:]
    raw = bytearray(good.encode(errors="surrogatepass"))
    if rng.random() < 0.2 and raw:
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(raw)


def secret_data(seed: int) -> Any:
    """``data`` of a Secret, whatever the API server would say of it."""
    rng = random.Random(seed)
    match rng.randrange(10):
        case 0:
            return rng.choice(
                (None, [], "text", 7, {"": ""}, {"clouds.yaml": None}, {"clouds.yaml": 7}, {"clouds.yaml": ["a"]})
            )
        case 1:
            return {text(rng): junk(rng) for _ in range(rng.randrange(4))}
        case 2:
            content = {
                name: text(rng)
                for name in (
                    "auth_url",
                    "application_credential_id",
                    "application_credential_secret",
                    "region",
                    text(rng),
                )
            }
            return {
                name: base64.b64encode(value.encode(errors="surrogatepass")).decode() for name, value in content.items()
            }
        case 3:
            return {
                "clouds.yaml": rng.choice(
                    ("=", "a", "====", "YQ", "YQ==\n", "YQ==YQ==", "é", "\ud800", " YQ==", "-_-_", "A" * 1_000_000)
                )
            }
        case 4:
            content = mutated(_CLOUDS, rng, rng.choice((1, 2, 5)))
            try:
                raw = yaml.safe_dump(content).encode(errors="surrogatepass")
            except yaml.YAMLError:
                raw = json.dumps(content).encode()
        case 5:
            deep = nested(rng.choice((10, 17, 500)), rng.choice(ODDITIES))
            raw = json.dumps(rng.choice((deep, {"clouds": deep}, {"clouds": {"infomaniak": deep}}))).encode()
        case _:
            raw = _damaged(yaml.safe_dump(_CLOUDS), rng)
    data: dict[str, Any] = {"clouds.yaml": base64.b64encode(raw).decode()}
    if rng.random() < 0.2:
        data[rng.choice(("cacert", "cert", "key", "auth_url", "x", text(rng)))] = rng.choice(
            ("", "YQ==", None, base64.b64encode(text(rng).encode(errors="replace")).decode())
        )
    return data


def read_secret(data: Any, cloud: str | None = "infomaniak") -> str:
    """Have a Secret read as the operator does; what is wrong with it, or nothing.

    Whatever is raised but the documented error is the caller's to see; and that one must be short and tell no secret.
    """
    whole = secret()
    whole["data"] = data
    kept = keep_secret(whole)
    body = {**whole, **kept, "metadata": whole["metadata"]}
    settings = CredentialSettings()
    resource = KubeObject.of(body)
    assert repr(SecretContent(data)).count(CANARY) == 0
    # The second is without what catches all the same whatever the first may let through.
    said = [_said(lambda: settings.read(resource, cloud)), _said(lambda: settings._parsed(SecretContent(data), cloud))]
    assert said[0] == said[1]
    return said[0]


def _said(read: Callable[[], CloudCredentials]) -> str:
    try:
        found = read()
    except InvalidCredentialsError as error:
        said = str(error)
        assert CANARY not in said, "the message tells the secret"
        assert len(said) < 2000, f"a message of {len(said)} characters"
        assert said.isprintable(), f"a message that cannot be shown: {said!r}"
        return said
    assert CANARY not in repr(found)
    return ""
