"""``graph``: the network's topology as a picture, drawn from the objects of the cluster. No cloud is asked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infomaniak_operator.plugin.command import Call, Command, Usage, file_name, write_data
from infomaniak_operator.plugin.graph.build import topology
from infomaniak_operator.plugin.graph.layout import picture
from infomaniak_operator.plugin.graph.mermaid import mermaid
from infomaniak_operator.plugin.graph.picture import plain
from infomaniak_operator.plugin.graph.svg import svg
from infomaniak_operator.plugin.graph.topology import Health, Topology, data
from infomaniak_operator.plugin.references import references
from infomaniak_operator.plugin.stack import Stack

MOST_OBJECTS = 1000
"""More than that is no picture any more."""
_MOST_NAMED = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the objects of all namespaces")
    parser.add_argument("--format", choices=("svg", "mermaid"), help="SVG (the default), or a flowchart of Mermaid")
    parser.add_argument(
        "-f", "--file", metavar="FILE", type=file_name, help="write there; without it, to the standard output"
    )


def run(call: Call) -> int:
    """Draw, and write the picture.

    Raises:
        Usage: there is too much to draw, or the file cannot be written.
        ClusterError: an object could not be listed.
    """
    options = call.options
    if options.output and (options.format or options.file):
        raise Usage("--output writes data to the standard output: leave out --format and --file, or --output.")
    objects = call.server.objects(call.namespace)
    if len(objects) > MOST_OBJECTS:
        raise Usage(f"{len(objects)} objects are too many for a picture (at most {MOST_OBJECTS}): draw one namespace.")
    where = f"of namespace {call.namespace}" if call.namespace else "of all namespaces"
    found = topology(Stack(objects, references(), call.surroundings.now()), where)
    if options.output:
        write_data(data(found), options.output)
        return 0
    text = mermaid(found) if options.format == "mermaid" else as_svg(found)
    if options.file:
        try:
            Path(options.file).write_bytes(text.encode())
        except (OSError, ValueError) as error:
            raise Usage(f"{options.file} cannot be written: {error}") from error
    else:
        sys.stdout.write(text)
    return 0


def as_svg(found: Topology) -> str:
    """The picture as SVG."""
    return svg(picture(found), f"Network {found.where}", described(found))


def described(found: Topology) -> str:
    """What the picture shows, in words."""
    total = sum(found.objects.values())
    counts = ", ".join(f"{count} {health.value}" for health in Health if (count := found.objects.get(health)))
    outsides = ", ".join(plain(each.head.name) for each in found.outsides[:_MOST_NAMED]) or "none"
    said = f"{total} objects{f' ({counts})' if counts else ''}. External networks: {outsides}."
    if not found.failed:
        return said
    more = len(found.failed) - _MOST_NAMED
    named = ", ".join(found.failed[:_MOST_NAMED])
    return f"{said} Failed: {named}{f', and {more} more' if more > 0 else ''}."


GRAPH = Command(
    "graph",
    "the network's topology as a picture: SVG or Mermaid",
    arguments,
    run,
    "Exit codes: 0 the picture is written, 3 the command itself failed.",
)
