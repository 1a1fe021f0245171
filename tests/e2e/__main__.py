"""``make e2e-node``: the image in real Pods: the last release, an upgrade, back, removed, installed again and killed.

Needs Linux and root; where those or Debian's packages are not there, it says so and is done.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from infomaniak_operator import __version__
from release import dist, kept
from sandbox import PLAIN, Sandbox, images, node_needs
from sandbox.cluster_addresses import MACHINE
from sandbox.errors import SandboxError
from tests.e2e import contents, cycle, figures
from tests.e2e.cluster import IMAGE, ROOT, Cluster, StepError, Tell


def _teller() -> Tell:
    begin = time.monotonic()
    return lambda text: print(f"{time.monotonic() - begin:6.1f} s  {text}", flush=True)


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make e2e-node", description=__doc__)
    parser.add_argument("--state", type=Path, help="folder of the sandbox's state (default: one that is removed)")
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    told = "how many requests are made at least while Pods with a readiness gate are replaced (default: 10,000)"
    parser.add_argument("--requests", type=int, default=10_000, metavar="COUNT", help=told)
    told = "only Pods under load, of the present image: without the last release, upgrades, rollbacks and the kill"
    parser.add_argument("--only-rolling", action="store_true", help=told)
    read = parser.parse_args()
    tell = _teller()
    try:
        node_needs.install(tell)
    except SandboxError as error:
        print(error, file=sys.stderr)
    if why := node_needs.missing():
        print(f"skipped: no real node here, so nothing was shown of image and chart in Pods: {why}")
        return 0
    state = read.state or Path(tempfile.mkdtemp(prefix="infomaniak-node-"))
    box = Sandbox(state)
    good = False
    try:
        _all(box, state, tell, requests=read.requests, only_rolling=read.only_rolling)
        good = True
    except (StepError, SandboxError) as error:
        tell(f"FAILED: {error}")
        print(f"logs: {state}/node/log, {state}/kubernetes/log, {state}/node/own/var/log/pods", file=sys.stderr)
    finally:
        if not read.keep:
            box.down()
            tell("the node and the sandbox are taken down")
            if good and read.state is None:
                shutil.rmtree(state, ignore_errors=True)
    return 0 if good else 1


def _all(box: Sandbox, state: Path, tell: Tell, *, requests: int, only_rolling: bool) -> None:
    """Images are built beside the sandbox's start, each for itself; the one of the upgrades only has to be there by then."""
    folder = state / "node" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(_BUILDS)) as pool:
        base = pool.submit(images.base, tell)
        wanted = {"one": _one} if only_rolling else _BUILDS
        builds = {tag: pool.submit(build, folder, base, tell) for tag, build in wanted.items()}
        env = box.up(progress=tell, helm=True, traits=PLAIN, data_path=True)
        box.up_node(tell)
        archives = {tag: builds[tag].result() for tag in ("one", "last") if tag in builds}
        for archive in filter(None, archives.values()):
            box.node().load(archive)
        size = pool.submit(figures.size, folder / "one.tar")
        # Pods reach OpenStack at the machine's end of the way to it, and so the credential has to name that address.
        auth_url = env.auth_url.replace("127.0.0.1", MACHINE)
        repository = IMAGE.partition("/")
        values = {
            "image": {"registry": repository[0], "repository": repository[2], "pullPolicy": "Never"},
            "credentials": {"allowedAuthURLs": [auth_url]},
            "operator": {"logLevel": "DEBUG"},  # so that the search for secrets at the end is worth something
        }
        cluster = Cluster(env, values, state / "node")
        tell(figures.version(cluster))

        def upgradable() -> None:
            tell(size.result())
            builds["two"].result()
            _same(folder, tell)
            box.node().load(folder / "two.tar")

        clouds_yaml = env.projects["alpha"].clouds_yaml().replace(env.auth_url, auth_url)
        if only_rolling:
            cycle.only_rolling(box, cluster, clouds_yaml, requests, tell)
            return
        released = "last" if archives["last"] else "one"
        cycle.run(box, cluster, clouds_yaml, released, requests=requests, upgradable=upgradable, tell=tell)


def _one(folder: Path, base: Future[None], tell: Tell) -> Path:
    base.result()
    return _present(folder, "one", tell)


def _two(folder: Path, base: Future[None], tell: Tell) -> Path:
    """Newer by its label, so that an upgrade has something to go to; built without what the first leaves."""
    base.result()
    return _present(folder, "two", tell)


def _present(folder: Path, tag: str, tell: Tell) -> Path:
    """The image of the present sources.

    Raises:
        StepError: something is in it that must not be there.
    """
    begin = time.monotonic()
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    revision = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    labels = {"REVISION": f"{revision}-{tag}", "VERSION": __version__}
    images.operator(f"{IMAGE}:{tag}", labels, anew=tag == "two")
    archive = folder / f"{tag}.tar"
    images.save(f"{IMAGE}:{tag}", archive)
    seconds = time.monotonic() - begin
    image = contents.read(archive)
    if problems := contents.problems(image):
        raise StepError(f"the image {IMAGE}:{tag}: {len(problems)} problems: {'; '.join(problems[:10])}")
    tell(
        f"image {IMAGE}:{tag} is built by buildah from the Dockerfile, in {seconds:.0f} s: {len(image.entries)} entries, no "
        "shell, no package manager, no setuid, each file in its bill of materials"
    )
    return archive


def _same(folder: Path, tell: Tell) -> None:
    """Both images of the present sources have the same files, to the last byte.

    Raises:
        StepError: they have not.
    """
    layers = {tag: contents.read(folder / f"{tag}.tar").layers for tag in ("one", "two")}
    if layers["one"] != layers["two"]:
        raise StepError(f"the same sources gave other layers: {layers}")
    tell(f"built twice, the second time from nothing: the same {len(layers['one'])} layers, by their digests")


def _last(folder: Path, base: Future[None], tell: Tell) -> Path | None:
    """The image of the last release, from its own sources; none where there is no history, as in a shallow clone."""
    base.result()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as sources:
        try:
            kept.sources(Path(sources))
        except dist.DistError as error:
            tell(f"the released chart is run with the present image, for its own cannot be built: {error}")
            return None
        images.operator(f"{IMAGE}:last", {"VERSION": kept.version()}, top=Path(sources))
    archive = folder / "last.tar"
    images.save(f"{IMAGE}:last", archive)
    tell(f"image {IMAGE}:last is built from the sources of {kept.version()}, in {time.monotonic() - begin:.0f} s")
    return archive


_BUILDS: Mapping[str, Callable[[Path, Future[None], Tell], Path | None]] = {"one": _one, "last": _last, "two": _two}


if __name__ == "__main__":
    sys.exit(main())
