"""What an operator's memory comes to beside strangers' Secrets and large objects: `python -m tests.bench.memory_bench`.

An API server in a process of its own has 200 labelled Secrets of 1 MiB, or 3,000 objects with 16 KiB of other people's
metadata; a process lists and watches them, as the operator does at its start. A third hears of 20,000 Secrets of 16 KiB
that come and go. Prints one JSON object: MiB at the highest, and once all is heard, above an empty process.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

GROUP = "network.infomaniak.cloud"
VERSION = f"/apis/{GROUP}/v1alpha1"
MIB = 1 << 20
COUNTS = {"secrets": 200, "pools": 3000}


VERBS = ["get", "list", "watch"]


def found_at(plural: str, kind: str) -> dict[str, Any]:
    return {
        "resources": [{"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": True, "verbs": VERBS}]
    }


DISCOVERY: dict[str, Any] = {
    "/api": {"versions": ["v1"]},
    "/apis": {
        "groups": [{"name": GROUP, "versions": [{"version": "v1alpha1"}], "preferredVersion": {"version": "v1alpha1"}}]
    },
    "/api/v1": found_at("secrets", "Secret"),
    VERSION: found_at("pools", "Pool"),
}


def secret(number: int, size: int, version: int = 5) -> dict[str, Any]:
    meta = {"name": f"s{number}", "namespace": "n", "uid": f"u{number}", "resourceVersion": str(version)}
    meta["labels"] = {f"{GROUP}/credentials": "true"}  # type: ignore[assignment]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "data": {"clouds.yaml": f"{number:06}QUFB" * (size // 10)},
    }


def pool(number: int) -> dict[str, Any]:
    meta = {"name": f"p{number}", "namespace": "n", "uid": f"p{number}", "resourceVersion": "5", "generation": 1}
    fields = {f"f:{number}-{each}": {"f:x": {}} for each in range(300)}
    foreign = {"kubectl.kubernetes.io/last-applied-configuration": f"{number:08}" * 1024}
    meta |= {"managedFields": [{"manager": "kubectl", "fieldsV1": fields}], "annotations": foreign}  # type: ignore[dict-item]
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Pool", "metadata": meta, "spec": {"protocol": "TCP"}}


def serve() -> None:
    """The API server: pages by ``limit``, and watches that say nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            plural = url.path.rsplit("/", 1)[1]
            if "watch" in query:
                self.send_response(200)
                self.end_headers()
                time.sleep(600)
                return
            first, count = int(query.get("continue", 0)), COUNTS.get(plural, 0)
            last = min(count, first + int(query.get("limit", count)))
            make = (lambda number: secret(number, MIB)) if plural == "secrets" else pool
            following = {"continue": str(last)} if last < count else {}
            page = {
                "metadata": {"resourceVersion": "5", **following},
                "items": [make(each) for each in range(first, last)],
            }
            body = json.dumps(DISCOVERY.get(url.path, page)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def resident(field: str) -> float:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split(f"{field}:")[1].split()[0]) / 1024


def operator(kind: str, port: str) -> None:
    """List and watch one kind, or hear of Secrets that come and go."""
    from infomaniak_operator.cli.wiring import resources  # noqa: PLC0415 - what it costs is not measured
    from infomaniak_operator.controller.cache.event_handler import EventHandler  # noqa: PLC0415
    from infomaniak_operator.controller.cache.object_cache import ObjectCache  # noqa: PLC0415
    from infomaniak_operator.controller.cache.relist import Relist  # noqa: PLC0415
    from infomaniak_operator.controller.kube.kube_http import HttpKube, loader  # noqa: PLC0415
    from infomaniak_operator.controller.timers import SystemClock  # noqa: PLC0415
    from infomaniak_operator.handlers import KopfWatch  # noqa: PLC0415

    watched = {name: each for name, each in resources().items() if name == ("Secret" if kind == "churn" else kind)}
    cache, clock = ObjectCache({}), SystemClock()
    event_handler = EventHandler(watched, cache, clock, lambda *_: None, lambda _: None, left=lambda _: None)
    empty = resident("VmRSS")
    if kind == "churn":
        for number in range(20_000):
            event_handler.event("Secret", "ADDED", secret(number, 16_384))
            event_handler.event("Secret", "DELETED", secret(number, 16_384, 6))
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            cluster = {"clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}]}
            users = {"users": [{"name": "u", "user": {}}], "current-context": "x"}
            file.write(
                json.dumps({**cluster, **users, "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]})
            )
            file.flush()
            load = loader(Path(file.name))
            relist = Relist(
                HttpKube(load, clock.monotonic),
                watched,
                (),
                cache=cache,
                refresh=lambda _: None,
                changed=lambda *_: None,  # type: ignore[arg-type]
            )
            relist.list(kind)
            heard, real, stop = [0], event_handler.event, threading.Event()

            def count(*what: Any) -> None:
                real(*what)
                heard[0] += 1

            event_handler.event = count  # type: ignore[method-assign]
            watching = threading.Thread(
                target=KopfWatch(watched.values(), load).run, args=(event_handler, stop), daemon=True
            )
            watching.start()
            ends = time.monotonic() + 60
            while heard[0] < len(cache) and time.monotonic() < ends:
                time.sleep(0.1)
            time.sleep(3)
            stop.set()
            watching.join(20)
    gc.collect()
    print(
        json.dumps(
            {"held": len(cache), "peak": round(resident("VmHWM") - empty), "after": round(resident("VmRSS") - empty)}
        )
    )


def main() -> None:
    words = [sys.executable, "-m", "tests.bench.memory_bench"]
    server = subprocess.Popen([*words, "serve"], stdout=subprocess.PIPE, text=True)
    found = {}
    try:
        assert server.stdout
        port = server.stdout.readline().strip()
        for kind in ("Secret", "Pool", "churn"):
            done = subprocess.run([*words, kind, port], stdout=subprocess.PIPE, text=True, check=True, timeout=300)
            found[kind] = json.loads(done.stdout)
    finally:
        server.kill()
        server.wait()
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "serve":
        serve()
    else:
        operator(sys.argv[1], sys.argv[2])
