"""``make e2e-node``: the image in real Pods: the last release, an upgrade, back, removed, installed again and killed.

Needs Linux and root; where those or Debian's packages are not there, it says so and is done.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from infomaniak_operator import __version__
from release import dist, kept
from sandbox import Sandbox, images, node_needs
from sandbox.errors import SandboxError
from sandbox.node_network import GATEWAY
from tests.e2e import contents, cycle, figures
from tests.e2e.cluster import IMAGE, ROOT, Cluster, StepError


def _teller() -> Callable[[str], None]:
    begin = time.monotonic()
    return lambda text: print(f"{time.monotonic() - begin:6.1f} s  {text}", flush=True)


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make e2e-node", description=__doc__)
    parser.add_argument("--state", type=Path, help="folder of the sandbox's state (default: one that is removed)")
    parser.add_argument("--keep", action="store_true", help="leave everything running")
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
        _all(box, state, tell)
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


def _all(box: Sandbox, state: Path, tell: Callable[[str], None]) -> None:
    env = box.up(progress=tell, helm=True)
    box.up_node(tell)
    images.base(tell)
    archives = _images(state / "node" / "images", tell)
    for archive in archives.values():
        box.node().load(archive)
    tell(figures.size(archives["one"]))
    # Pods reach the sandbox's services on the node's bridge, and so the credential has to name that address.
    auth_url = env.auth_url.replace("127.0.0.1", GATEWAY)
    repository = IMAGE.partition("/")
    values = {
        "image": {"registry": repository[0], "repository": repository[2], "pullPolicy": "Never"},
        "credentials": {"allowedAuthURLs": [auth_url]},
        "operator": {"logLevel": "DEBUG"},  # so that the search for secrets at the end is worth something
    }
    cluster = Cluster(env, values, state / "node")
    tell(figures.version(cluster))
    released = "last" if "last" in archives else "one"
    cycle.run(box, cluster, env.projects["alpha"].clouds_yaml().replace(env.auth_url, auth_url), released, tell)


def _images(folder: Path, tell: Callable[[str], None]) -> dict[str, Path]:
    """The image, one that is newer by its label, so that an upgrade has something to go to, and the last release's.

    The second is built anew, without what the first left: its files have to be the same, to the last byte. The last release's
    is built by the Dockerfile of its time; it lacks where the history is not there.

    Raises:
        StepError: they are not, or something is in the image that must not be there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    revision = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    made, layers = {}, {}
    for tag in ("one", "two"):
        begin = time.monotonic()
        labels = {"REVISION": f"{revision}-{tag}", "VERSION": __version__}
        images.operator(f"{IMAGE}:{tag}", labels, anew=tag == "two")
        made[tag] = folder / f"{tag}.tar"
        images.save(f"{IMAGE}:{tag}", made[tag])
        seconds = time.monotonic() - begin
        image = contents.read(made[tag])
        if problems := contents.problems(image):
            raise StepError(f"the image {IMAGE}:{tag}: {len(problems)} problems: {'; '.join(problems[:10])}")
        layers[tag] = image.layers
        tell(
            f"image {IMAGE}:{tag} is built by buildah from the Dockerfile, in {seconds:.0f} s: {len(image.entries)} entries, no "
            "shell, no package manager, no setuid, each file in its bill of materials"
        )
    if layers["one"] != layers["two"]:
        raise StepError(f"the same sources gave other layers: {layers}")
    tell(f"built twice, the second time from nothing: the same {len(layers['one'])} layers, by their digests")
    if archive := _last(folder, tell):
        made["last"] = archive
    return made


def _last(folder: Path, tell: Callable[[str], None]) -> Path | None:
    """The image of the last release, from its own sources; none where there is no history, as in a shallow clone."""
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


if __name__ == "__main__":
    sys.exit(main())
