"""Kubeconfigs that are none, or that lead to what is no API server."""

from __future__ import annotations

import json
import random
from typing import Any

import yaml

from tests.support.fuzz_values import TEXTS, mutated, nested, text

TOKEN = "a-token-that-is-never-shown"
URLS = (
    "https://127.0.0.1:1", "http://127.0.0.1:1", "", "/", "127.0.0.1:1", "ftp://127.0.0.1:1/", "file:///etc/passwd", "http://[::1", "https://",
    "http://127.0.0.1:99999", "http://127.0.0.1:x", "http://user:pw@127.0.0.1:1", "http://127.0.0.1:1/\ud7ff", "http://\u202e:1", "unix:///x",
    "http://" + "a" * 300 + ".invalid:1", "http://127.0.0.1:1?x#y", "https://127.0.0.1:1/%2e%2e/", "\x00", " http://127.0.0.1:1",
)  # fmt: skip


def good(server: Any = URLS[0]) -> dict[str, Any]:
    """One that is in order."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }


def kubeconfig(seed: int) -> bytes:
    """A kubeconfig that is not."""
    rng = random.Random(seed)
    config: Any = good(rng.choice(URLS))
    match rng.randrange(8):
        case 0:
            return rng.choice(
                (
                    b"",
                    b"\x00",
                    b"\xff\xfe",
                    b"a: [",
                    b"- a",
                    b"7",
                    b"&a [*a]",
                    b"!!python/object:os.x {}",
                    b"[" * 3000,
                    b"a: 2026-13-45",
                    b"x: !!int y",
                )
            )
        case 1:
            user = rng.choice(
                (
                    {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1",
                            "command": rng.choice(("/nonexistent", "false", "true", "", 7)),
                        }
                    },
                    {"exec": rng.choice((None, [], "x", {}, {"command": None}))},
                    {
                        "auth-provider": rng.choice(
                            (None, {"name": "gcp"}, {"name": "oidc", "config": {}}, {"name": "x"})
                        )
                    },
                    {
                        "client-certificate-data": rng.choice(("=", "YQ==", 7, None)),
                        "client-key-data": rng.choice(("é", "YQ==")),
                    },
                    {"client-certificate": "/nonexistent", "client-key": "/nonexistent"},
                    {"tokenFile": "/nonexistent"},
                    {"username": 7, "password": ["x"]},
                    {"token": rng.choice((7, None, ["x"], "a\nb", "é", "", "\ud7ff"))},
                )
            )
            config["users"][0]["user"] = user
        case 2:
            cluster = config["clusters"][0]["cluster"]
            cluster[rng.choice(("certificate-authority-data", "certificate-authority", "server", "proxy-url"))] = (
                rng.choice(("YQ==", "=", "/nonexistent", 7, None, text(rng)))
            )
        case 3:
            config = nested(rng.choice((10, 200)), config)
        case 4:
            config[rng.choice(TEXTS)] = "x" * 1_000_000
        case 5:
            return yaml.safe_dump(config).encode()[: rng.randrange(300)]
        case _:
            config = mutated(config, rng, rng.choice((1, 1, 2, 3)))
    return json.dumps(config).encode()
